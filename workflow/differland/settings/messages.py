"""Messages for values that the settings refuse: key, what was expected, and what was found."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from pydantic import ValidationError

from differland.errors import InputError, most_similar
from differland.settings.kinds import LARGEST
from differland.settings.rules import Rule, kinds, part_of

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
QUOTES = " (what YAML takes a bare no, on, 1.5 or 2001-01-01 for: write it in quotes)"
NAME_OF_KEY = "[key]"
"""Last part of the place of an error in the name of a key."""
OF_KEYS = ("extra_forbidden", "missing")
"""Types of errors whose place ends with a key that is too many or missing."""


class Fault(NamedTuple):
    """A value that is not accepted: its place, the rule that it breaks, and what pydantic says."""

    path: tuple[str, ...]
    rule: Rule
    error: Mapping[str, Any]


def refusal(error: ValidationError, rule: Rule, source: str) -> InputError:
    """Tell the first fault of a configuration.

    Parameters
    ----------
    error
        All faults that were found.
    rule
        Rule of the whole.
    source
        Name of the configuration in messages.
    """
    found = faults(error, rule)
    # Of alternatives that all fail, the one that fails within the value was meant.
    inner = [
        fault
        for fault in found
        if "anyOf" not in fault.rule
        or not any(other.path[: len(fault.path)] == fault.path != other.path for other in found)
    ]
    # An unknown key explains a missing one, so it is told first.
    first = min(inner, key=lambda fault: (fault.error["type"] != "extra_forbidden", fault.path))
    return _refusal(first, source)


def faults(error: ValidationError, rule: Rule) -> list[Fault]:
    """All faults, by their places in a rule of the whole; alternatives that fail are told each."""
    return [_locate(each, rule) for each in error.errors(include_url=False)]


def one_of(found: object, known: Iterable[object]) -> str:
    """Tell which names there are, and which of them may be meant."""
    names = [str(name) for name in known]
    # The same groups of a setup in another order, else what looks most like it.
    parts = sorted(str(found).split("+"))
    reordered = (name for name in names if sorted(name.split("+")) == parts)
    close = next(reordered, None) or most_similar(str(found), names)
    guess = f"; did you mean {close}?" if close else ""
    return f"one of {', '.join(names)}{guess}"


def _locate(error: Mapping[str, Any], rule: Rule) -> Fault:
    """Find the rule that a value breaks, by the place that pydantic names."""
    path: list[str] = []
    parts = list(error["loc"])
    # Errors of keys belong to what holds the key.
    tail = [parts.pop()] if error["type"] in OF_KEYS else []
    if parts[-1:] == [NAME_OF_KEY]:
        del parts[-2:]
    while parts:
        part = parts.pop(0)
        if "anyOf" not in rule:
            rule = part_of(rule, part)
            path.append(str(part))
        elif following := [*parts, *tail]:
            # This part names the alternative.
            inner = "items" if isinstance(following[0], int) else "properties"
            rule = next(each for each in rule["anyOf"] if inner in each)
    path += map(str, tail)
    return Fault(tuple(path), rule, error)


def _refusal(fault: Fault, source: str) -> InputError:
    path, rule, error = fault
    instance: Any = error["input"]
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, rule, source)
    missing = error["type"] == "missing"
    section = ".".join(path[:-1] if missing else path) or "the whole"
    # Not set by mistake, or to switch something off: what was meant is not for us to guess.
    if rule.get("required") and not instance and not isinstance(instance, bool | int | float):
        keys = f"{_meaning(rule)}, with keys of it ({', '.join(rule['properties'])})"
        expected = f"{keys}; without the line, the defaults hold"
        return InputError(source, section, expected, "nothing in it")
    if missing:
        return InputError(source, ".".join(path), expected_by(part_of(rule, path[-1])), "none")
    if error["loc"][-1] == NAME_OF_KEY:
        rule = rule["propertyNames"]
    if error["type"] == "value_error":
        return InputError(
            source, section, f"{_meaning(rule)}, each once", str(error["ctx"]["error"])
        )
    return InputError(source, section, expected_by(rule, instance), _found(instance, rule))


def _unknown_key(path: Sequence[str], rule: Rule, source: str) -> InputError:
    *above, key = path
    section, *inner = key.split(".")
    if inner and section in rule["properties"]:
        nested = "".join(f"{{{name}: " for name in inner) + "..." + "}" * len(inner)
        return InputError(source, ".".join(above) or "the whole", f"{section}: {nested}", key)
    return InputError(source, ".".join(path), one_of(key, rule["properties"]), "an unknown key")


def expected_by(rule: Rule, found: object = None) -> str:
    """What a rule accepts, in words, for a value that was found instead."""
    if "enum" in rule:
        return one_of(found, rule["enum"]) + (", or null" if "null" in kinds(rule) else "")
    wanted, meaning = kinds(rule), _meaning(rule)
    null = ", or null" if "null" in wanted else ""
    if "array" in wanted and "list" not in meaning:
        meaning = f"a list: {meaning}"
    if "object" in wanted:
        keys = ", ".join(rule.get("properties", ["names of your own"]))
        meaning = f"{meaning}: keys with values ({keys})"
    if "boolean" in wanted:
        meaning = f"{meaning}, true or false"
    if each := bounds_of(rule.get("items", {})):
        meaning = f"{meaning}, each {each}"
    if bounds := bounds_of(rule):
        meaning = f"{meaning}{'; ' if 'anyOf' in rule else ', '}{bounds}"
    return f"{meaning}{null}"


def bounds_of(rule: Rule) -> str:
    """Bounds of a number in words, such as `a number above 0, at most 1`; nothing, of all else."""
    if "anyOf" in rule:
        # Alternatives have their bounds where one of them is a number.
        bounds = filter(None, map(bounds_of, rule["anyOf"]))
        return next(bounds, "")
    wanted = kinds(rule)
    if not wanted & {"integer", "number"}:
        return ""
    what = "a whole number" if "integer" in wanted else "a number"
    if "multipleOf" in rule:
        what = f"a multiple of {rule['multipleOf']:g}"
    upper = rule["maximum"]
    if upper == LARGEST:
        return "a finite number"
    if "exclusiveMinimum" in rule:
        return f"{what} above {_text(rule['exclusiveMinimum'])}, at most {_text(upper)}"
    return f"{what} from {_text(rule['minimum'])} to {_text(upper)}"


def _text(number: int | float) -> str:
    if isinstance(number, float):
        return f"{number:g}"
    # Years have four digits.
    return f"{number:,}" if number >= 10_000 else str(number)


def _meaning(rule: Rule) -> str:
    """First clause of a description."""
    return str(rule["description"]).partition("; ")[0].partition(". ")[0]


def _found(value: object, rule: Rule) -> str:
    if isinstance(value, str):
        # On command lines all is text: of a number it is the number that does not fit.
        number = "string" not in kinds(rule) and NUMBER.fullmatch(value)
        return value if number else f"the text {value!r}"
    if value is None:
        return "nothing"
    quotes = isinstance(value, bool | float | date) and "string" in kinds(rule)
    return f"{value!r}{QUOTES if quotes else ''}"


def check_keys(config: Mapping[Any, Any], source: str, path: str = "") -> None:
    """Refuse keys that are not text."""
    for key, value in config.items():
        if not isinstance(key, str):
            expected = "keys that are text"
            raise InputError(source, path or "the whole", expected, f"the key {key!r}{QUOTES}")
        if isinstance(value, Mapping):
            check_keys(value, source, f"{path}.{key}" if path else key)

"""Values of a configuration as its rules mean them, whatever a file or command line made of them.

What a value is, its rule decides and not its look: ``"2020"`` is text where the rule wants text and
a number where it wants one.
"""

import re
from collections.abc import Mapping
from typing import Any

from differland.settings.rules import Rule, kinds
from differland.yaml_files import WrittenInteger

EVIDENT = re.compile(r"[+-]?(?:0|[1-9][0-9_]*|0[xb][0-9a-f_]+)", re.IGNORECASE)
"""Whole numbers that are what they look like: YAML takes 010 for 8, and 1:40 for 100."""

NOTHING = ("", "~", "null")
TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")
"""Text that YAML reads as nothing, true and false, in small letters."""

OF_KIND: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": Mapping,
}
"""What values of a JSON type are, of those among which alternatives are."""


def read_value(value: Any, rule: Rule) -> Any:
    """Convert a value, and all that it contains, to the types that its rule wants.

    Text becomes the number, truth value or nothing that the rule wants; whole numbers become text
    where it wants text, as do keys of a collection; 5.0 becomes 5 where it wants a whole number; an
    empty value of another kind becomes the empty mapping or list where the rule accepts one.
    Whatever fits in no such way stays as it is, to be refused, and so do numbers such as 010.

    Parameters
    ----------
    value
        Value of the configuration.
    rule
        Rule of it (:mod:`differland.settings.rules`).
    """
    if "anyOf" in rule:
        candidates = ((read_value(value, each), each) for each in rule["anyOf"])
        return next((read for read, each in candidates if _is_of_kind(read, each)), value)
    wanted = kinds(rule)
    if isinstance(value, str):
        value = _read_text(value, wanted)
    if value is None or value in ({}, []):
        return _read_empty(value, rule, wanted)
    if isinstance(value, Mapping) and "object" in wanted:
        return _read_mapping(value, rule)
    if isinstance(value, list) and "array" in wanted:
        return [read_value(each, rule.get("items", {})) for each in value]
    return _read_number(value, wanted)


def _is_of_kind(value: Any, rule: Rule) -> bool:
    if "const" in rule:
        return bool(value == rule["const"])
    (kind,) = kinds(rule)
    return isinstance(value, OF_KIND[kind]) and not isinstance(value, bool)


def _read_text(text: str, wanted: set[str]) -> Any:
    small = text.strip().lower()
    if small in NOTHING and wanted != {"string"}:
        return None
    if "boolean" in wanted and small in TRUE + FALSE:
        return small in TRUE
    if wanted & {"integer", "number"}:
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text


def _read_empty(value: Any, rule: Rule, wanted: set[str]) -> Any:
    fits = {"null": value is None, "object": value == {}, "array": value == []}
    if any(kind in wanted and same for kind, same in fits.items()):
        return value
    if "object" in wanted and not rule.get("required"):
        return {}
    return [] if "array" in wanted and not rule.get("minItems") else value


def _read_mapping(values: Mapping[Any, Any], rule: Rule) -> dict[Any, Any]:
    known = rule.get("properties", {})
    others = rule.get("additionalProperties")
    if not isinstance(others, Mapping):
        return {key: read_value(each, known.get(key, {})) for key, each in values.items()}
    named = {key: _read_key(key, values) for key in values}
    return {named[key]: read_value(each, others) for key, each in values.items()}


def _read_key(key: Any, values: Mapping[Any, Any]) -> Any:
    text = _written(key) if _is_whole(key) else key
    return text if text not in values else key


def _read_number(value: Any, wanted: set[str]) -> Any:
    if isinstance(value, float) and value.is_integer() and "integer" in wanted:
        return int(value)
    if _is_whole(value):
        text = "string" in wanted and not wanted & {"integer", "number"}
        return _written(value) if text or not EVIDENT.fullmatch(_written(value)) else int(value)
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _written(value: int) -> str:
    return value.text if isinstance(value, WrittenInteger) else str(value)

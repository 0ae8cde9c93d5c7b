"""The rules of values: what the fields of the settings accept, in the words of JSON schemas.

A rule is a mapping: ``type`` (one, or several of which ``"null"`` is one), ``enum``, ``const``,
``anyOf``, bounds such as ``minimum`` and ``maxItems``, ``properties`` and ``required`` of sections,
``additionalProperties`` and ``propertyNames`` of collections with free names, ``items`` of lists,
and ``description``.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from differland.settings.kinds import Section, each_once
from differland.settings.study import Study

Rule = Mapping[str, Any]

TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
LENGTHS = {
    "min_length": {"string": "minLength", "array": "minItems"},
    "max_length": {"array": "maxItems"},
}


@cache
def study_rule() -> Rule:
    """Rule of the whole configuration."""
    return section_rule(Study)


def section_rule(section: type[Section]) -> dict[str, Any]:
    """Rule of a section."""
    fields = section.model_fields
    return {
        "type": "object",
        "description": _in_a_sentence(section.__doc__ or ""),
        "properties": {
            name: _rule(field.annotation, [*field.metadata, field])
            for name, field in fields.items()
        },
        "required": [name for name, field in fields.items() if field.is_required()],
        "additionalProperties": False,
    }


def _in_a_sentence(docstring: str) -> str:
    """What a section is, as it stands in a sentence; CO2 keeps its capitals."""
    text = docstring.strip().rstrip(".")
    first = text.partition(" ")[0]
    return text if first[1:] != first[1:].lower() else text[:1].lower() + text[1:]


def part_of(rule: Rule, key: str | int) -> Rule:
    """Rule of a key of a section or collection, or of a position in a list."""
    if isinstance(key, int):
        return rule["items"]
    known = rule.get("properties", {})
    return known[key] if key in known else rule.get("additionalProperties") or {}


def kinds(rule: Rule) -> set[str]:
    """JSON types that a rule accepts."""
    kind = rule.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _rule(annotation: Any, metadata: Iterable[Any]) -> dict[str, Any]:
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        return _rule(annotation, [*inner, *metadata])
    rule = _bare_rule(annotation)
    for item in _flat(metadata):
        if isinstance(item, FieldInfo):
            rule |= {"description": item.description} if item.description else {}
        elif isinstance(item, AfterValidator) and item.func is each_once:
            rule["uniqueItems"] = True
        rule |= _bounds(item, rule)
    return rule


def _bare_rule(annotation: Any) -> dict[str, Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _rule_of_alternatives(
            [each for each in arguments if each is not NoneType], arguments
        )
    if origin is Literal:
        choices = {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
        return {"type": "string", **choices}
    if origin is list:
        return {"type": "array", "items": _rule(arguments[0], [])}
    if origin is dict:
        names, values = (_rule(each, []) for each in arguments)
        return {"type": "object", "propertyNames": names, "additionalProperties": values}
    if annotation is Any:
        return {}
    return (
        section_rule(annotation) if issubclass(annotation, Section) else {"type": TYPES[annotation]}
    )


def _rule_of_alternatives(alternatives: list[Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    if len(alternatives) > 1:
        return {"anyOf": [_rule(each, []) for each in alternatives]}
    rule = _rule(alternatives[0], [])
    return {**rule, "type": [rule["type"], "null"]} if NoneType in arguments else rule


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Metadata, in the order in which later ones count, and what fields contain in turn."""
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else ()
        yield item


def _bounds(item: Any, rule: Rule) -> dict[str, Any]:
    found = {
        word: getattr(item, name)
        for name, word in BOUNDS.items()
        if getattr(item, name, None) is not None
    }
    for name, words in LENGTHS.items():
        if (length := getattr(item, name, None)) is not None:
            found[next(words[kind] for kind in kinds(rule) if kind in words)] = length
    return found

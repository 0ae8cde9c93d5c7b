"""What pages and defaults say of settings and of terms of the loss, from these themselves.

``python -m differland.settings.reference`` in the repository writes it anew: all of
``docs/configuration.md``, of ``config/config.yaml`` the comments behind keys, and of
``docs/training.md`` the table of the terms.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from differland.settings.messages import bounds_of
from differland.settings.rules import Rule, kinds, part_of, study_rule
from differland.tables import OUTPUTS
from differland.terms import TERMS, ObservedTerm

WIDTH = 132
COLUMN = 31
"""Where comments begin, or two blanks behind what is longer."""

KEY = re.compile(r"( *)(\w+):( +[^#\s][^#]*?)?(?:\s+#.*)?")
"""A line of a key in ``config/config.yaml``: indentation, key, and value if it is on the line."""

CONTINUED = re.compile(r" {20,}#.*")
"""A line that goes on with the comment behind a key; other comments stand at the left."""

HEAD = """# The configuration

All keys of a study, with their defaults in [config/config.yaml](../config/config.yaml). Unknown
keys are refused. This page is made from `workflow/differland/settings/` by
`python -m differland.settings.reference`.
"""

TERMS_HEAD = "| term | modelled quantity | variable of the driver | support | resolution | weight |"
TERMS_TABLE = re.compile(rf"^{re.escape(TERMS_HEAD)}\n(\|.*\n)+", re.MULTILINE)

NONE = object()
"""Default of keys that are not in ``config/config.yaml``."""

COLUMNS = "| key | values | default | meaning |\n|---|---|---|---|\n"


def reference_page(defaults: Mapping[str, Any]) -> str:
    """Explain all keys, section by section, in Markdown.

    Parameters
    ----------
    defaults
        The configuration of ``config/config.yaml``.
    """
    rules = study_rule()["properties"]
    alone = {key: rules[key] for key in defaults if "properties" not in rules[key]}
    lines = [line for key, rule in alone.items() for line in _lines(key, rule, defaults[key])]
    parts = [HEAD, _table("The study", "", lines)]
    for key in defaults:
        if key not in alone:
            lines = list(_lines_of_section("", rules[key], defaults[key]))
            parts.append(_table(f"`{key}`", rules[key]["description"], lines))
    return "\n".join(parts)


def with_comments(text: str) -> str:
    """Put the description of each key behind it.

    Whole sections of the study have none, nor have keys of which an earlier key of the section has
    the same.

    Parameters
    ----------
    text
        Text of ``config/config.yaml``. Comments behind keys are replaced, others stay.
    """
    lines = [line for line in text.splitlines() if not CONTINUED.fullmatch(line)]
    comments: dict[int, str] = {}
    siblings: dict[tuple[str, ...], list[int]] = {}
    path: list[tuple[int, str]] = []
    told: set[str] = set()
    for number, line in enumerate(lines):
        if not (found := KEY.fullmatch(line)):
            continue
        indent, key, value = len(found[1]), found[2], found[3] or ""
        lines[number] = f"{found[1]}{key}:{value}"
        path = [*((depth, name) for depth, name in path if depth < indent), (indent, key)]
        meaning = _description(path)
        told = told if indent else set()
        if (indent or value) and meaning not in told:
            comments[number] = meaning
            siblings.setdefault(tuple(name for _, name in path[:-1]), []).append(number)
        told.add(meaning)
    columns = {
        number: _column([lines[each] for each in together])
        for together in siblings.values()
        for number in together
    }
    commented = [
        _commented(line, comments[number], columns[number]) if number in comments else [line]
        for number, line in enumerate(lines)
    ]
    return "\n".join(chain.from_iterable(commented)) + "\n"


def with_terms(page: str, defaults: Mapping[str, Any]) -> str:
    """Put the table of the terms of the loss into a page that has one.

    Parameters
    ----------
    page
        Text of ``docs/training.md``.
    defaults
        The configuration of ``config/config.yaml``.
    """
    lines = [TERMS_HEAD, "|---" * TERMS_HEAD.count(" |") + "|"]
    for name, term in TERMS.items():
        settings = defaults["loss"][name]
        variable = settings.get("observation")
        off = "off by default" if isinstance(term, ObservedTerm) else ""
        cells = (
            f"`{name}`",
            f"`{term.quantity}`" if term.quantity in OUTPUTS else term.quantity,
            f"`{variable}`" if variable else off,
            term.support,
            term.times,
            f"{settings['weight']:g}".replace("e-0", "e-"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines) + "\n"
    return TERMS_TABLE.sub(lambda _: table, page)


def main() -> None:
    """Write the pages, the table and the comments."""
    defaults = Path("config/config.yaml")
    text = with_comments(defaults.read_text(encoding="utf-8"))
    defaults.write_text(text, encoding="utf-8")
    page = reference_page(yaml.safe_load(text))
    Path("docs/configuration.md").write_text(page, encoding="utf-8")
    training = Path("docs/training.md")
    table = with_terms(training.read_text(encoding="utf-8"), yaml.safe_load(text))
    training.write_text(table, encoding="utf-8")


def _description(path: list[tuple[int, str]]) -> str:
    rule = study_rule()
    for _, key in path:
        rule = part_of(rule, key)
    return str(rule["description"])


def _column(lines: list[str]) -> int:
    """Where the comments of the keys of a section begin: further right where most are long."""
    lengths = sorted(len(line) + 2 for line in lines)
    return COLUMN if lengths[len(lengths) // 2] <= COLUMN else lengths[-1]


def _commented(line: str, comment: str, column: int) -> list[str]:
    column = max(column, len(line) + 2)
    first, *others = textwrap.wrap(comment, WIDTH - column - 2, break_on_hyphens=False)
    return [f"{line:{column}}# {first}", *(f"{'':{column}}# {other}" for other in others)]


def _lines_of_section(path: str, rule: Rule, defaults: Any) -> Iterator[str]:
    for key, inner in rule["properties"].items():
        default = defaults.get(key, NONE) if isinstance(defaults, Mapping) else NONE
        yield from _lines(f"{path}.{key}" if path else key, inner, default)


def _lines(path: str, rule: Rule, default: Any) -> Iterator[str]:
    """Lines of a key, and of the keys in it."""
    inner = rule.get("additionalProperties")
    closed = "properties" in rule
    shown = "" if closed and isinstance(default, Mapping) else _yaml(default)
    yield f"| `{path}` | {_values(rule)} | {shown} | {_escaped(rule['description'])} |"
    if closed:
        yield from _lines_of_section(path, rule, default)
    elif isinstance(inner, Mapping) and "properties" in inner:
        yield from _lines_of_section(f"{path}.<name>", inner, NONE)


def _values(rule: Rule) -> str:
    """Values that a rule accepts, in words."""
    null = " or null" if "null" in kinds(rule) else ""
    if "anyOf" in rule:
        return ", or ".join(map(_values, rule["anyOf"]))
    if "const" in rule or "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule.get("enum", [rule.get("const")])) + null
    (kind,) = kinds(rule) - {"null"}
    words = {
        "string": "text",
        "boolean": "`true`, `false`",
        "object": "section" if "properties" in rule else "names with values",
    }
    if kind == "array":
        return f"list of: {_values(rule['items'])}{null}"
    return (bounds_of(rule) or words[kind]) + null


def _yaml(default: Any) -> str:
    if default is NONE:
        return ""
    if isinstance(default, list) and len(str(default)) > 60:
        return "(many)"
    text = yaml.safe_dump(default, default_flow_style=True, width=10**6, sort_keys=False)
    return f"`{text.strip().removesuffix('...').strip()}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(head: str, meaning: str, lines: list[str]) -> str:
    explained = f"{meaning[:1].upper()}{meaning[1:]}.\n\n" if meaning else ""
    return f"## {head}\n\n{explained}{COLUMNS}" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

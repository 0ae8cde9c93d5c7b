"""YAML files, with the line of what is wrong in them."""

import json
from pathlib import Path
from typing import Any

import yaml

from differland.errors import InputError

# PyYAML's own parser is ten times slower, half a second of each dry run; libyaml is not everywhere.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a configuration as Snakemake does: as JSON, or else as YAML.

    Raises
    ------
    InputError
        There is no such file, its top is no mapping, or as :func:`read_yaml`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(path, "the file", "a YAML file", "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "the file", "text in UTF-8", str(error)) from None
    try:
        content = json.loads(text)
    except ValueError:
        content = read_yaml(path)
    if not isinstance(content, dict):
        found = "no keys" if content is None else f"a {type(content).__name__}"
        raise InputError(path, "the whole", "keys with values", found)
    return content


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top is a mapping.

    Raises
    ------
    InputError
        The file is no YAML (a tab indents a line, a bracket is not closed), or has a key twice in
        one mapping; the message tells the line.
    """
    text = path.read_text(encoding="utf-8")
    try:
        content: dict[str, Any] = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        lines = text.splitlines() or [""]
        # What is not closed is missed after the last line.
        number = min(error.problem_mark.line if error.problem_mark else 0, len(lines) - 1)
        raise _syntax_error(path, number, lines[number], error) from None
    return content


def _syntax_error(path: Path, number: int, line: str, error: yaml.MarkedYAMLError) -> InputError:
    place = f"line {number + 1}"
    if isinstance(error, _RepeatedKeyError):
        found = f"{error.problem}, which line {error.first} has already"
        return InputError(path, place, "each key once in a mapping", found)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return InputError(path, place, "indentation with spaces", "a tab")
    expected = "YAML (text with special characters in quotes, brackets closed)"
    return InputError(path, place, expected, error.problem or str(error))


class WrittenInteger(int):
    """A whole number written in another form, such as 007, 2001_02 or 12:30.

    Attributes
    ----------
    text
        Text of the number in the file.
    """

    text: str


class _RepeatedKeyError(yaml.MarkedYAMLError):
    """A key that its mapping has already, in the line ``first``."""

    first: int


class _Loader(LOADER):  # type: ignore[misc, valid-type]
    """A loader that refuses a key that is twice in a mapping, of which PyYAML takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            name = (key.tag, str(key.value))
            if isinstance(key, yaml.ScalarNode) and name in lines:
                error = _RepeatedKeyError(problem=f"{key.value}", problem_mark=key.start_mark)
                error.first = lines[name]
                raise error
            lines[name] = line
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def _construct_integer(loader: Any, node: yaml.ScalarNode) -> int:
    value: int = loader.construct_yaml_int(node)
    if node.value == str(value):
        return value
    written = WrittenInteger(value)
    written.text = node.value
    return written


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_integer)

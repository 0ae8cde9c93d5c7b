"""Parts of this repository that the results of a script depend on, found from the source text.

A script uses functions, which use others and constants, and some read tables of ``resources/``.
Changes of all these change results. Comments, docstrings, descriptions of settings, layout, and
what nothing in use refers to, do not.
"""

import ast
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from differland import shipped

LIBRARY = Path(__file__).resolve().parents[1]
PACKAGE = "differland"
ROOTS = frozenset({PACKAGE, "differland_script"})
"""The library, and what gives scripts their arguments."""

FOLDERS_READ = (shipped.RESOURCES, shipped.SCHEMAS, shipped.TEMPLATES)
"""Where files lie that the library names and reads."""

MESSAGES = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        *("errors", "glance", "logs", "progress"),
        *("datasets.archives.log_unread", "datasets.sources.unread_files"),
    )
)
"""Modules and functions that change what a user is told, and no result."""

CACHE = Path(__file__).parent / "__pycache__" / "dependencies.json"
"""What was read of each file, and a digest of its bytes: to read all again takes a second."""


class Definition(TypedDict):
    """A function, class, constant, entry of a table, or the statements that an import executes."""

    digest: str
    """Of all that it says, but for its entries."""
    uses: list[str]
    """Dotted names of the library."""
    files: list[str]
    """Names of files and folders that the library reads."""
    entries: dict[str, "Definition"]
    """Of a table with text as keys, by key."""


Module = dict[str, Definition]
"""Definitions by name; what a module does when it is imported, under the empty name."""


def dependencies(script: Path, selected: Iterable[str] = ()) -> dict[str, str]:
    """Find the parts of this repository that the results of a script depend on.

    Parameters
    ----------
    script
        The script of a rule.
    selected
        Keys, such as the name of a product. Of a table that has one of them, and of a folder with
        such a file, nothing else is used.

    Returns
    -------
    Digest of what is used, by module of the library, script and file of ``resources/``.
    """
    keys = frozenset(selected)
    found: dict[str, set[str]] = {}
    for name, (place, definition) in reached(script, keys).items():
        for key, part in _in_use(definition, keys):
            found.setdefault(place, set()).add(f"{name} {key} {part['digest']}")
            for file in _files(part["files"], keys):
                found[file.name] = {_digest(file.read_bytes())}
    return {
        place: _digest("\n".join(sorted(parts)).encode())[:12]
        for place, parts in sorted(found.items())
    }


def reached(script: Path, keys: frozenset[str]) -> dict[str, tuple[str, Definition]]:
    """Find all definitions that a script uses.

    Parameters
    ----------
    script, keys
        Script and keys, as for :func:`dependencies`.

    Returns
    -------
    Module or script, and definition, by names such as ``differland.metrics:r_squared``.
    """
    # Of a script all but what it imports, which counts where it is used.
    found = {
        f"{script.name}:{name}": (script.name, item)
        for name, item in _read(script).items()
        if item["digest"] or item["entries"]
    }
    waiting = list(found)
    while waiting:
        for _, part in _in_use(found[waiting.pop()][1], keys):
            for name in part["uses"]:
                new = {key: value for key, value in _resolve(name).items() if key not in found}
                found.update(new)
                waiting += new
    if _NEW:
        _save()
    return found


def _in_use(definition: Definition, keys: frozenset[str]) -> Iterator[tuple[str, Definition]]:
    """A definition and those of its entries that are selected, or all."""
    entries = definition["entries"]
    yield "", definition
    yield from ((key, entries[key]) for key in keys & set(entries) or set(entries))


def _files(names: Iterable[str], keys: frozenset[str]) -> Iterator[Path]:
    for path in (folder / name for name in names for folder in FOLDERS_READ):
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file())
            yield from [file for file in inside if file.stem in keys] or inside
        elif path.is_file():
            yield path


@cache
def _resolve(name: str) -> dict[str, tuple[str, Definition]]:
    """Definitions, with their modules, of a dotted name, and of importing them."""
    found: dict[str, tuple[str, Definition]] = {}
    words = name.split(".")
    for length in range(1, len(words) + 1):
        path = LIBRARY.joinpath(*words[:length])
        package, file = path / "__init__.py", path.with_suffix(".py")
        module = ".".join(words[:length])
        if module in MESSAGES or not (package.is_file() or file.is_file()):
            break
        definitions = _read(package if package.is_file() else file)
        if length < len(words):
            wanted = {"", words[length]} if f"{module}.{words[length]}" not in MESSAGES else set()
        else:
            # A module by itself, which may be used for all it has.
            wanted = {""} if package.is_file() else set(definitions)
        found |= {
            f"{module}:{key}": (module, definitions[key]) for key in wanted & set(definitions)
        }
    return found


@cache
def _read(file: Path) -> Module:
    data = file.read_bytes()
    place = os.path.relpath(file, LIBRARY)
    digest = _digest(data)
    kept = _kept()
    if kept.get(place, {}).get("digest") != digest:
        words = Path(place).with_suffix("").parts
        name = ".".join(words[:-1] if words[-1] == "__init__" else words)
        # Of a script all is used, so that its own names need not be looked for.
        own = "" if words[0] == ".." else name
        kept[place] = {"digest": digest, "module": _definitions(ast.parse(data), own)}
        _NEW.add(place)
    module: Module = kept[place]["module"]
    return module


def _definitions(tree: ast.Module, module: str) -> Module:
    statements = [statement for statement in tree.body if not _is_for_type_checkers(statement)]
    imported: dict[str, str] = {}
    for statement in statements:
        imported |= _imported(statement)
    named = [(statement, _names(statement)) for statement in statements]
    own = {name: f"{module}.{name}" for _, names in named for name in names} if module else {}
    known = {**own, **imported}
    # A name that is imported stands for another one.
    result: Module = {
        name: Definition(digest="", uses=[other], files=[], entries={})
        for name, other in imported.items()
    }
    rest = [statement for statement, names in named if not names and not _imports(statement)]
    result[""] = _define(rest, known)
    for statement, names in named:
        result |= dict.fromkeys(names, _define_statement(statement, known))
    return result


def _define_statement(statement: ast.stmt, known: dict[str, str]) -> Definition:
    table = getattr(statement, "value", None)
    if isinstance(table, ast.Dict):
        keys = [getattr(key, "value", None) for key in table.keys]
        if keys and all(isinstance(key, str) for key in keys):
            entries = {
                str(key): _define([value], known)
                for key, value in zip(keys, table.values, strict=True)
            }
            return Definition(digest="", uses=[], files=[], entries=entries)
    return _define([statement], known)


def _define(nodes: Sequence[ast.AST], known: dict[str, str]) -> Definition:
    known = dict(known)
    for node in nodes:
        for inner in ast.walk(node):
            known |= _imported(inner)
    uses: set[str] = set()
    files: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        first, _, attributes = _dotted(node).partition(".")
        if first:
            if first in known:
                uses.add(".".join(filter(None, [known[first], attributes])))
            continue
        if isinstance(node, ast.Constant) and _is_read(node.value):
            files.add(str(node.value))
        waiting += ast.iter_child_nodes(node)
    text = "\n".join(map(_text, nodes))
    return Definition(
        digest=_digest(text.encode()), uses=sorted(uses), files=sorted(files), entries={}
    )


def _imports(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _imported(node: ast.AST) -> dict[str, str]:
    """Names that a statement imports from the library, with their full names."""
    if isinstance(node, ast.Import):
        # `import a.b` gives the name `a`.
        names = {alias.asname or PACKAGE: alias.name for alias in node.names}
        found = {name: PACKAGE if name == PACKAGE else other for name, other in names.items()}
        return {name: other for name, other in found.items() if _is_ours(names[name])}
    if isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return {}


def _is_ours(name: str) -> bool:
    return name.split(".")[0] in ROOTS


def _is_for_type_checkers(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


def _is_read(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"\w[\w.]*", value):
        return False
    return any((folder / value).exists() for folder in FOLDERS_READ)


def _names(statement: ast.stmt) -> list[str]:
    """Names that a statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _dotted(node: ast.AST) -> str:
    """The text of a name or of attributes of a name; nothing, of all else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = _dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return ""


def _text(node: object) -> str:
    """A node as text that all versions of Python give, without docstrings and descriptions."""
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
        return ""
    if isinstance(node, ast.keyword) and node.arg == "description":
        return ""
    # Fields that are empty are not there in all versions.
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    return f"{type(node).__name__}({','.join(f'{name}={_text(value)}' for name, value in fields)})"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_NEW: set[str] = set()
"""Of what was read, what is not kept yet."""


@cache
def _kept() -> dict[str, dict[str, Any]]:
    try:
        kept: dict[str, dict[str, Any]] = json.loads(CACHE.read_bytes())
        return kept
    except (OSError, ValueError):
        return {}


def _save() -> None:
    """Save the parsed definitions beside the library, if its folder can be written to."""
    started = CACHE.with_suffix(f".{os.getpid()}")
    try:
        started.write_text(json.dumps(_kept()))
        started.replace(CACHE)
        _NEW.clear()
    except OSError:
        started.unlink(missing_ok=True)

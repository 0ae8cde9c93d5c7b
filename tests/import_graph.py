"""What a script imports through all modules of the library, told from the text."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow"

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _statements(tree: ast.AST, at_start: bool) -> Iterator[ast.AST]:
    """All that runs, but what is for type checkers; at start also without functions and `main`."""
    waiting = [tree]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            if isinstance(child, ast.If):
                condition = ast.unparse(child.test)
                if condition == "TYPE_CHECKING" or (at_start and "__main__" in condition):
                    continue
            if not isinstance(child, ast.stmt) or (at_start and isinstance(child, FUNCTIONS)):
                continue
            yield child
            waiting.append(child)


def _module_file(name: str) -> Path | None:
    path = LIBRARY.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@cache
def _imported(file: Path, at_start: bool) -> tuple[str, ...]:
    names: list[str] = []
    for statement in _statements(ast.parse(file.read_text(encoding="utf-8")), at_start):
        if isinstance(statement, ast.Import):
            names += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"{file}: relative import"
            names += [str(statement.module)]
            names += [f"{statement.module}.{alias.name}" for alias in statement.names]
    return tuple(names)


@cache
def _reached(file: Path, at_start: bool) -> frozenset[Path]:
    """A file, and all of the library that it imports, itself or through others."""
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            found = (_module_file(name) for name in _imported(current, at_start) if _is_ours(name))
            waiting += filter(None, found)
    return frozenset(seen)


def _is_ours(name: str) -> bool:
    return name.split(".")[0] in {"differland", "differland_script"}


def packages(file: Path, at_start: bool) -> frozenset[str]:
    """Packages that a file imports, itself or through modules of the library: at start, or ever."""
    names = {name for part in _reached(file, at_start) for name in _imported(part, at_start)}
    return frozenset(name.split(".")[0] for name in names if not _is_ours(name))


def modules(file: Path) -> set[str]:
    """Modules of the library, and their packages, that a file ever imports, however deep."""
    paths = {path.relative_to(LIBRARY).with_suffix("") for path in _reached(file, False) - {file}}
    every = {parent for path in paths for parent in (path, *path.parents)}
    return {".".join(path.parts).removesuffix(".__init__") for path in every}

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
def packages(file: Path, at_start: bool) -> frozenset[str]:
    """Packages that a file imports, itself or through modules of the library: at start, or ever."""
    found: set[str] = set()
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for name in _imported(current, at_start):
            if name.split(".")[0] != "differland":
                found.add(name.split(".")[0])
            elif (module := _module_file(name)) is not None:
                waiting.append(module)
    return frozenset(found)

"""What a script imports when it starts, through all modules of the library, told from the text."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow"


def _at_start(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported, but those of type checkers and of `main`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            condition = ast.unparse(statement.test)
            if condition != "TYPE_CHECKING" and "__main__" not in condition:
                yield from _at_start(statement.body)
            yield from _at_start(statement.orelse)
        elif isinstance(statement, ast.ClassDef | ast.Try | ast.With):
            yield from _at_start(statement.body)


def _module_file(name: str) -> Path | None:
    path = LIBRARY.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _imported(file: Path) -> Iterator[str]:
    for statement in _at_start(ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"{file}: relative import"
            yield statement.module or ""
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


@cache
def packages_at_start(file: Path) -> frozenset[str]:
    """Top-level packages that a file imports, itself or through modules of the library."""
    found: set[str] = set()
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for name in _imported(current):
            if name.split(".")[0] != "differland":
                found.add(name.split(".")[0])
            elif (module := _module_file(name)) is not None:
                waiting.append(module)
    return frozenset(found)

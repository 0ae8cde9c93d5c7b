"""Check of the structures of XLA's foreign function interface that compiled code addresses.

Compiled code addresses their fields by bytes. jaxlib ships the header that says where they are.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jax

HEADER = "xla/ffi/api/c_api.h"

LAYOUT: Mapping[tuple[str, str], int] = {
    ("CallFrame", "extension_start"): 8,
    ("CallFrame", "args.args"): 72,
    ("CallFrame", "rets.rets"): 112,
    ("Metadata_Extension", "metadata"): 24,
    ("Metadata", "api_version.major_version"): 24,
    ("Metadata", "api_version.minor_version"): 28,
    ("Buffer", "data"): 24,
    ("Buffer", "dims"): 40,
}
"""Bytes from the beginning of a structure to a field, as compiled code has them."""

_SIZES = {"size_t": 8, "int64_t": 8, "int32_t": 4, "int": 4}
_PREFIX = "XLA_FFI_"

Fields = list[tuple[str, str]]
"""Types and names of the fields of a structure."""


@cache
def api_version() -> tuple[int, int]:
    """Version of the interface of the installed jaxlib.

    Raises
    ------
    ValueError
        There is no header, or its fields are not where compiled code looks for them.
    """
    return read_version(Path(jax.ffi.include_dir(), HEADER))


def read_version(header: Path) -> tuple[int, int]:
    """Read the version of an interface from its header, after a check of its layout.

    Parameters
    ----------
    header
        Path of the header ``xla/ffi/api/c_api.h``.

    Raises
    ------
    ValueError
        The header cannot be used, as for :func:`api_version`.
    """
    if not header.is_file():
        raise ValueError(f"{header}: expected the header of XLA's interface, found no such file")
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    structures, enumerations = _structures(text), set(re.findall(r"}\s*(\w+);", text))
    for (structure, field), expected in LAYOUT.items():
        found = _offset(structures, enumerations, _PREFIX + structure, field.split("."))
        if found != expected:
            place = "no such field" if found is None else f"{found} bytes"
            raise ValueError(
                f"{header}: {structure}.{field}: expected {expected} bytes from the beginning, "
                f"found {place}"
            )
    numbers = [re.search(rf"#define {_PREFIX}API_{n} (\d+)", text) for n in ("MAJOR", "MINOR")]
    major, minor = (int(number[1]) if number else -1 for number in numbers)
    return major, minor


def _structures(text: str) -> dict[str, Fields]:
    bodies = re.findall(r"struct (\w+) \{([^{}]*)\}", text)
    declared = re.compile(r"(?:const )?(?:struct )?(\w+[\s*]+)(\w+);")
    return {
        name: [(kind.replace(" ", ""), field) for kind, field in declared.findall(body)]
        for name, body in bodies
    }


def _offset(
    structures: Mapping[str, Fields], enumerations: set[str], name: str, path: list[str]
) -> int | None:
    """Offset of a field in a structure, perhaps in one within it, bytes; None if it is absent."""
    position = 0
    for kind, field in structures.get(name, []):
        size, alignment = _size(structures, enumerations, kind)
        position += -position % alignment
        if field == path[0]:
            within = 0 if len(path) == 1 else _offset(structures, enumerations, kind, path[1:])
            return None if within is None else position + within
        position += size
    return None


def _size(structures: Mapping[str, Fields], enumerations: set[str], kind: str) -> tuple[int, int]:
    """Size and alignment of a type, bytes, where pointers have eight."""
    if kind.endswith("*"):
        return 8, 8
    if kind in _SIZES:
        return _SIZES[kind], _SIZES[kind]
    if kind in structures:
        position, widest = 0, 1
        for inner, _ in structures[kind]:
            size, alignment = _size(structures, enumerations, inner)
            position += -position % alignment + size
            widest = max(widest, alignment)
        return position + -position % widest, widest
    # An enumeration is an int.
    return (4, 4) if kind in enumerations else (8, 8)

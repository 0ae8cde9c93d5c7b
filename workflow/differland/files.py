"""Files that are whole or absent: every file is written under a temporary name and renamed."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import differland
from differland.classic import check_whole
from differland.errors import InputError

if TYPE_CHECKING:
    # Jobs that read and write text do without the half second that importing xarray takes.
    import xarray as xr

KEPT = ("_FillValue",)
"""Choices in a variable's encoding that are kept when it is written."""


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` if the block succeeds.

    The temporary name keeps the suffix, since many writers choose their format by it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Processes on two nodes may have the same number.
    writer = f"{socket.gethostname()}.{os.getpid()}"
    temporary = target.with_name(f".{target.stem}.{writer}{target.suffix}")
    try:
        yield temporary
        # Some writers make files that only their owner may read; colleagues share results.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        # Without this a crash of the machine can leave a renamed but empty file.
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def check_room(folder: Path, needed: int) -> None:
    """Check, before long work, that its results can be written.

    Parameters
    ----------
    folder
        Where they go. It is made.
    needed
        Bytes.

    Raises
    ------
    InputError
        The folder cannot be written to, or its disk has less room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InputError(folder, "folder", "one that can be written to", str(error)) from error
    if free < needed:
        expected, found = (f"{size / 1e6:.0f} MB" for size in (needed, free))
        raise InputError(folder, "free space", f"at least {expected}", found)


def write_text(text: str, path: Path | str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_netcdf(dataset: xr.Dataset, path: Path | str) -> None:
    """Write a CF-1.11 NetCDF-4 file, zlib-compressed, whole or not at all.

    Parameters
    ----------
    dataset
        Variables keep their type; each should carry ``units`` and ``long_name``.
    path
        Where to. Folders are made.
    """
    write_netcdf_parts([dataset], path)


def write_netcdf_parts(parts: Iterable[xr.Dataset], path: Path | str) -> None:
    """Write one file, as :func:`write_netcdf` does, of parts that are in memory one at a time.

    Parameters
    ----------
    parts
        At least one. Their variables differ, their coordinates are the same; the attributes
        of the file are those of the first.
    path
        Where to. Folders are made.
    """
    with atomic_path(path) as temporary:
        mode: Literal["w", "a"] = "w"
        for part in parts:
            attributes = {
                "Conventions": "CF-1.11",
                **part.attrs,
                "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} "
                f"differland {differland.__version__}\n" + part.attrs.get("history", ""),
            }
            encoding = {
                name: {
                    **{"zlib": True, "complevel": 4, "shuffle": True},
                    **{key: variable.encoding[key] for key in KEPT if key in variable.encoding},
                }
                for name, variable in part.variables.items()
                if variable.dtype.kind in "fiu" and variable.ndim > 0
            }
            dataset = part.drop_attrs(deep=False) if mode == "a" else part.assign_attrs(attributes)
            dataset.to_netcdf(
                temporary, mode=mode, format="NETCDF4", engine="netcdf4", encoding=encoding
            )
            mode = "a"


def read_netcdf(
    path: Path | str, decode_times: bool = True, names: Iterable[str] | None = None
) -> xr.Dataset:
    """Read a NetCDF file into memory.

    Parameters
    ----------
    path
        Where from.
    decode_times
        Whether numbers with units of time since a date become dates. Durations stay numbers.
    names
        Variables to read, as far as the file has them, with their coordinates; None for all.

    Raises
    ------
    InputError
        The file is absent, is no NetCDF file, or breaks off before its end.
    """
    import xarray as xr

    if not Path(path).is_file():
        raise InputError(path, "file", "a NetCDF file", "no such file")
    check_whole(path)
    try:
        with xr.open_dataset(
            path, engine="netcdf4", decode_times=decode_times, decode_timedelta=False
        ) as dataset:
            if names is None:
                return dataset.load()
            return dataset[[name for name in names if name in dataset]].load()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        size = Path(path).stat().st_size
        raise InputError(
            path,
            "file",
            "a complete NetCDF file",
            f"{size} bytes that cannot be read ({type(error).__name__}: {error})",
        ) from error

"""Files that are whole or absent, and whose bits are those that were written.

Every file is written under a temporary name and renamed. NetCDF, HDF5, JSON and safetensors files
carry a SHA-256 of their bytes, which is verified whenever they are read.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import differland
from differland.errors import InputError
from differland.opening import HDF5_SIGNATURE, check_there, open_dataset

if TYPE_CHECKING:
    # Jobs that read and write text do without the half second that importing xarray takes.
    import numpy as np
    import xarray as xr

logger = logging.getLogger(__name__)

CHECKSUM = "checksum"
"""Key of the checksum in JSON files and in the header of safetensors files."""

DIGITS = 64
"""Hexadecimal digits of a SHA-256."""

BLANK = "sha256 " + DIGITS * "0"
"""Stands for the checksum of a safetensors file while it is worked out."""

BYTES_AT_ONCE = 2**22
"""Bytes of a file that are read in one go for its checksum."""

HDF5_END = {0: 40, 1: 44, 2: 28, 3: 28}
"""Place of the address where an HDF5 file ends, by the version of its superblock."""

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
        Folder of the results, which is made.
    needed
        Bytes that are needed.

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


@dataclass(frozen=True)
class _Seal:
    """The last bytes of a file, with the SHA-256 of all bytes before them.

    Attributes
    ----------
    before, after
        Bytes before and after the digits.
    """

    before: bytes
    after: bytes

    @property
    def size(self) -> int:
        return len(self.before) + DIGITS + len(self.after)

    def of(self, digits: str) -> bytes:
        return self.before + digits.encode() + self.after

    def verify(self, file: BinaryIO, path: Path | str) -> bool:
        """Refuse a file whose bytes are not those that its seal is of, or whose seal breaks off.

        Whether it has a seal.
        """
        size = file.seek(0, io.SEEK_END)
        body = max(size - self.size, 0)
        file.seek(body)
        end = file.read()
        # One flipped bit must not make a seal look like none, nor may zeros in its place.
        flipped = sum(a != b for a, b in zip(end, self.before, strict=False))
        sealed = len(end) == self.size and flipped <= 1
        beyond = size - _hdf5_end(file, size)
        if not sealed and not 0 < beyond <= self.size:
            logger.info("%s: has no checksum, so its bits cannot be verified", path)
            return False
        found = _digits(file, body)
        if end != self.of(found):
            told = end[len(self.before) :].removesuffix(self.after)
            expected = f"sha256 {told.decode('ascii', 'backslashreplace')} as written"
            raise InputError(path, CHECKSUM, expected, f"sha256 {found}: the file is damaged")
        return True


_JSON_SEAL = _Seal(f',\n  "{CHECKSUM}": "sha256 '.encode(), b'"\n}\n')
_HDF5_SEAL = _Seal(f"\n{CHECKSUM} sha256 ".encode(), b"\n")


def _digits(file: BinaryIO, size: int) -> str:
    """SHA-256 of the first `size` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    for start in range(0, size, BYTES_AT_ONCE):
        digest.update(file.read(min(BYTES_AT_ONCE, size - start)))
    return digest.hexdigest()


def _hdf5_end(file: BinaryIO, size: int) -> int:
    """End of an HDF5 file according to its header; `size` for a file of another format."""
    file.seek(0)
    head = file.read(64)
    version = head[len(HDF5_SIGNATURE)] if len(head) == 64 else -1
    if not head.startswith(HDF5_SIGNATURE) or version not in HDF5_END:
        return size
    return int.from_bytes(head[HDF5_END[version] :][:8], "little")


def seal(path: Path | str) -> None:
    """Append a checksum to a NetCDF-4 or HDF5 file; libraries read such a file as before."""
    with Path(path).open("r+b") as file:
        digits = _digits(file, file.seek(0, io.SEEK_END))
        file.write(_HDF5_SEAL.of(digits))


def verify(path: Path | str) -> bool:
    """Check a NetCDF-4 or HDF5 file by its checksum.

    Files of providers and of versions before checksums have none: a line in the log says so.

    Returns
    -------
    Whether the file has a checksum.

    Raises
    ------
    InputError
        The bytes are not those that were written, or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return _HDF5_SEAL.verify(file, path)
    except OSError as error:
        raise InputError(path, "file", "a file that can be read", str(error)) from error


def write_text(text: str, path: Path | str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Mapping[str, Any], path: Path | str) -> None:
    """Write a JSON file, whole or not at all, with a checksum under its last key."""
    body = json.dumps(content, indent=2).removesuffix("\n}")
    digits = hashlib.sha256(body.encode()).hexdigest()
    write_text(body + _JSON_SEAL.of(digits).decode(), path)


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON file that :func:`write_json` wrote.

    Raises
    ------
    InputError
        The file is absent, breaks off, holds no keys, or does not match its checksum.
    """
    try:
        text = Path(path).read_bytes()
        _JSON_SEAL.verify(io.BytesIO(text), path)
        content = json.loads(text)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(path, "file", "a complete JSON file", str(error)) from error
    if not isinstance(content, dict):
        raise InputError(path, "file", "keys with values", type(content).__name__)
    content.pop(CHECKSUM, None)
    return content


def save_arrays(arrays: Mapping[str, np.ndarray], path: Path, before: Path | None = None) -> None:
    """Write a safetensors file with a checksum in its header, whole or not at all.

    Parameters
    ----------
    arrays
        Arrays by name.
    path
        Path of the file. Folders are made.
    before
        Path to which an existing file is moved; None: it is replaced.
    """
    import numpy as np
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = save(contiguous, metadata={CHECKSUM: BLANK})
    told = f"sha256 {hashlib.sha256(content).hexdigest()}"
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.replace(BLANK.encode(), told.encode(), 1))
        if before is not None and path.is_file():
            path.replace(before)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read arrays by name from a file that :func:`save_arrays` wrote.

    Raises
    ------
    InputError
        The file is absent, corrupt, breaks off, or does not match its checksum.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if not path.is_file():
        raise InputError(path, "file", "a safetensors file", "no such file")
    try:
        content = path.read_bytes()
        arrays: dict[str, np.ndarray] = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, OSError, ValueError, LookupError) as error:
        raise InputError(path, "file", "a complete safetensors file", str(error)) from error
    if not header.get("__metadata__"):
        logger.info("%s: has no checksum, so its bits cannot be verified", path)
        return arrays
    told = header["__metadata__"].get(CHECKSUM, "none")
    found = hashlib.sha256(content.replace(told.encode(), BLANK.encode(), 1)).hexdigest()
    if told != f"sha256 {found}":
        expected = f"{told} as written"
        raise InputError(path, CHECKSUM, expected, f"sha256 {found}: the file is damaged")
    return arrays


def digest_of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Digest of names and values: the same wherever and whenever they are written."""
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def digest_of_dataset(dataset: xr.Dataset) -> str:
    """Digest of the names and values of all variables; attributes do not count."""
    import numpy as np

    def plain(values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "M":
            return values.astype("datetime64[s]").astype(np.int64)
        if values.dtype.kind in "fiub":
            return values
        # How text is held in memory differs between versions of xarray and NumPy.
        return np.frombuffer("\0".join(map(str, values.ravel())).encode(), np.uint8)

    return digest_of_arrays({str(k): plain(v.to_numpy()) for k, v in dataset.variables.items()})


def write_netcdf(dataset: xr.Dataset, path: Path | str) -> None:
    """Write a CF-1.11 NetCDF-4 file, zlib-compressed and with a checksum, whole or not at all.

    Parameters
    ----------
    dataset
        Variables keep their type; each should carry ``units`` and ``long_name``.
    path
        Path of the file. Folders are made.
    """
    write_netcdf_parts([dataset], path)


def write_netcdf_parts(parts: Iterable[xr.Dataset], path: Path | str) -> None:
    """Write one file, as :func:`write_netcdf` does, of parts that are in memory one at a time.

    Parameters
    ----------
    parts
        Parts of the file, at least one. Their variables differ, their coordinates are the same; the
        attributes of the file are those of the first.
    path
        Path of the file. Folders are made.
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
        seal(temporary)


def open_verified(path: Path | str, **options: Any) -> xr.Dataset:
    """Open a NetCDF file whose variables are read when they are used, once it is checked.

    Parameters
    ----------
    path, options
        Path and options, as for :func:`differland.opening.open_dataset`.

    Raises
    ------
    InputError
        The file is absent, is no NetCDF file, breaks off, takes values from other files, or does
        not match its checksum (see :func:`verify`).
    """
    check_there(Path(path), "a NetCDF file")
    return open_dataset(path, sealed=verify(path), **options)


def read_netcdf(
    path: Path | str, decode_times: bool = True, names: Iterable[str] | None = None
) -> xr.Dataset:
    """Read a NetCDF file into memory.

    Parameters
    ----------
    path
        Path of the file.
    decode_times
        Whether numbers with units of time since a date become dates. Durations stay numbers.
    names
        Names of the variables to read, with their coordinates, where the file has them; None for
        all.

    Raises
    ------
    InputError
        The file cannot be opened, as for :func:`open_verified`, or its values cannot be read.
    """
    try:
        with open_verified(path, decode_times=decode_times) as dataset:
            if names is None:
                return dataset.load()
            return dataset[[name for name in names if name in dataset]].load()
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        size = Path(path).stat().st_size
        raise InputError(
            path,
            "file",
            "a complete NetCDF file",
            f"{size} bytes that cannot be read ({type(error).__name__}: {error})",
        ) from error

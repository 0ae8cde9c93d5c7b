"""HDF4 files, through pyhdf where it is installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from differland.errors import InputError

if TYPE_CHECKING:
    from pyhdf.SD import SDS


@contextmanager
def open_hdf4(file: Path, name: str) -> Iterator[tuple["SDS", dict[str, Any]]]:
    """Open one data set of a file.

    Parameters
    ----------
    file
        HDF4 file.
    name
        Name of the data set.

    Yields
    ------
    The data set, and the attributes of the file.

    Raises
    ------
    InputError
        ``pyhdf`` is not installed; the file is absent, breaks off (also when that shows only in
        the block) or has no such data set.
    """
    try:
        from pyhdf.error import HDF4Error
        from pyhdf.SD import SD
    except ImportError as error:
        found = "no module pyhdf (conda install pyhdf, or pip install pyhdf)"
        raise InputError(file, "file", "a library that reads HDF4", found) from error
    if not file.is_file():
        raise InputError(file, "file", "an HDF4 file", "no such file")
    try:
        data = SD(str(file))
        try:
            names = data.datasets()
            if name not in names:
                raise InputError(file, name, "a data set of this name", f"only {', '.join(names)}")
            yield data.select(name), data.attributes()
        finally:
            data.end()
    except InputError:
        raise
    except (HDF4Error, ValueError) as error:  # pyhdf raises either
        found = f"{file.stat().st_size} bytes that cannot be read ({error})"
        raise InputError(file, "file", "a complete HDF4 file", found) from error

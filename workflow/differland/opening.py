"""Files of arrays, opened in one place: whole, and with nothing in them that lies in other files.

Nothing else in the library and its scripts opens NetCDF and HDF5 files to read them; GeoTIFF, HDF4
and GRIB files, which only readers of raw products open, have modules beside those. Libraries are
imported when a file is opened, since most jobs need one of them.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from differland.classic import check_whole
from differland.errors import InputError

if TYPE_CHECKING:
    import h5py
    import netCDF4
    import numpy as np
    import xarray as xr

    from differland.datasets.archives import Source

NETCDF, HDF5 = "NetCDF file", "HDF5 file"

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

FIRST_USER_BLOCK = 512
"""Where an HDF5 file may begin, beside its first byte: here, or at twice as much, and so on."""


def open_netcdf(file: Source | str) -> netCDF4.Dataset:
    """Open a NetCDF file, classic or HDF5, to read it.

    Parameters
    ----------
    file
        One in an archive is read into memory whole.

    Raises
    ------
    InputError
        The file is absent, no NetCDF file, breaks off, or takes values from other files; or its
        archive breaks off.
    """
    import netCDF4

    file = Path(file) if isinstance(file, str) else file
    check_there(file, f"a {NETCDF}")
    content = None if isinstance(file, Path) else file.read_bytes()
    _check_netcdf(file, content)
    try:
        # Without cycles of references a file is closed as soon as nobody holds it.
        return netCDF4.Dataset(str(file), memory=content, keepweakref=True)
    except (OSError, RuntimeError, SystemError, UnicodeError) as error:
        raise unreadable(file, NETCDF, error, content) from error


def read_values(variable: netCDF4.Variable, index: Any, file: object) -> np.ndarray:
    """Read part of a variable, masked and unpacked.

    Parameters
    ----------
    variable
        Variable of an open file.
    index
        Part of it, as numpy indexes arrays.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        The file breaks off.
    """
    try:
        values = variable[index]
    except (OSError, RuntimeError, IndexError) as error:
        found = f"data that cannot be read ({error})"
        raise InputError(file, variable.name, "a complete NetCDF file", found) from error
    return _mask_rounded(variable, values)


def _mask_rounded(variable: netCDF4.Variable, values: np.ndarray) -> np.ndarray:
    """Mask fill values declared in double precision or as text, and stored in single precision.

    The NetCDF library compares such numbers exactly, and then takes 1e20 for a value.
    """
    import numpy as np

    if np.dtype(variable.dtype) != np.float32 or "scale_factor" in variable.ncattrs():
        return values
    for name in ("missing_value", "_FillValue"):
        declared = np.atleast_1d(getattr(variable, name, np.nan))
        if declared.dtype == np.float32:
            continue
        try:
            stored = declared.astype(np.float64).astype(np.float32)
        except ValueError:
            continue
        if (there := np.isin(np.ma.getdata(values), stored[np.isfinite(stored)])).any():
            values = np.ma.masked_where(there, values)
    return values


def open_dataset(path: Path | str, sealed: bool = False, **options: Any) -> xr.Dataset:
    """Open a NetCDF file as a dataset whose variables are read when they are used.

    Parameters
    ----------
    path
        Path of the file.
    sealed
        Whether it has a checksum that was verified, so that this library has written it.
    options
        Options of :func:`xarray.open_dataset`. Durations stay numbers.

    Raises
    ------
    InputError
        The file cannot be opened, as for :func:`open_netcdf`; or its coordinates cannot be decoded.
    """
    import xarray as xr

    path = Path(path)
    check_there(path, f"a {NETCDF}")
    if not sealed:
        _check_netcdf(path, None)
    options = {"engine": "netcdf4", "decode_timedelta": False, **options}
    try:
        return xr.open_dataset(path, **options)
    except (OSError, RuntimeError, SystemError, ValueError, KeyError) as error:
        raise unreadable(path, NETCDF, error) from error


def open_hdf5(path: Path | str) -> h5py.File:
    """Open an HDF5 file to read it.

    Raises
    ------
    InputError
        The file is absent, no HDF5 file, breaks off, or takes values from other files.
    """
    import h5py

    path = Path(path)
    check_there(path, f"an {HDF5}")
    _check_hdf5(path, None, HDF5)
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise unreadable(path, HDF5, error) from error


def _check_netcdf(file: Source, content: bytes | None) -> None:
    check_whole(file, content)
    if _is_hdf5(file, content):
        _check_hdf5(file, content, NETCDF)


def check_there(file: Source, expected: str) -> None:
    """Refuse a file that does not exist.

    Raises
    ------
    InputError
        The file does not exist; the message says what was `expected`.
    """
    if not file.is_file():
        raise InputError(file, "file", expected, "no such file")


def _is_hdf5(file: object, content: bytes | None) -> bool:
    """Whether a file has the signature of HDF5 at one of the offsets where it may be."""
    with io.BytesIO(content) if content is not None else Path(str(file)).open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        place = 0
        while place < size:
            stream.seek(place)
            if stream.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE:
                return True
            place = 2 * place or FIRST_USER_BLOCK
    return False


def _check_hdf5(file: object, content: bytes | None, kind: str) -> None:
    """Refuse links, virtual datasets and datasets whose values other files hold.

    The library would follow them to any file that the reader may read, and give fill values where
    there is none.
    """
    import h5py

    source = str(file) if content is None else io.BytesIO(content)
    try:
        with h5py.File(source, "r") as opened:
            found = _elsewhere(opened)
    except (OSError, RuntimeError, KeyError) as error:
        raise unreadable(file, kind, error, content) from error
    if found is not None:
        raise InputError(file, found[0], "values in the file itself", found[1])


def _elsewhere(file: h5py.File) -> tuple[str, str] | None:
    """Name of the first object that is stored in other files, and of these."""
    from h5py import h5d, h5l, h5o

    def visit(name: bytes, info: Any) -> tuple[str, str] | None:
        shown = name.decode("utf-8", "backslashreplace")
        if info.type == h5l.TYPE_EXTERNAL:
            other, path = file.id.links.get_val(name)
            return shown, f"a link to {_text(path)} in {_text(other)}"
        item = h5o.open(file.id, name) if info.type == h5l.TYPE_HARD else None
        if not isinstance(item, h5d.DatasetID):
            return None
        made = item.get_create_plist()
        others: list[Any] = [made.get_external(i)[0] for i in range(made.get_external_count())]
        if made.get_layout() == h5d.VIRTUAL:
            others += [made.get_virtual_filename(i) for i in range(made.get_virtual_count())]
        named = sorted({_text(other) for other in others} - {"."})
        return (shown, f"values in {', '.join(named)}") if named else None

    found: tuple[str, str] | None = file.id.links.visit(visit, info=True)
    return found


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name


def unreadable(
    file: object, kind: str, error: Exception, content: bytes | None = None
) -> InputError:
    """Make the error of a file of some `kind` whose library gave an `error`."""
    size = Path(str(file)).stat().st_size if content is None else len(content)
    found = f"{size} bytes that cannot be read ({type(error).__name__}: {error})"
    return InputError(file, "file", f"a complete {kind}", found)

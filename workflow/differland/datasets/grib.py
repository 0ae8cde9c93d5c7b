"""GRIB files of the Climate Data Store, turned into the NetCDF files that it gives out as well."""

import contextlib
import importlib
import os
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import netCDF4
import numpy as np

from differland.errors import InputError

END = b"7777"
"""What each message ends with; some stores fill up the last block of a file with zeros."""

LAST_BLOCK = 2**16
"""Bytes at the end of a file in which its last message ends."""

MISSING = 9.999e20
"""Value that decoded fields are given where there is none."""


def grib_to_netcdf(file: Path, folder: Path) -> list[Path]:
    """Turn a file into NetCDF files, message by message.

    Parameters
    ----------
    file
        Messages on one grid of latitude and longitude for each variable, in any order.
    folder
        Destination folder. Files that are already there are not made again.

    Returns
    -------
    A file for each variable and type of step, in the store's present layout: dimensions
    ``valid_time`` (seconds since 1970), ``latitude``, ``longitude``.

    Raises
    ------
    InputError
        The package `eccodes` cannot be imported, or the file breaks off or is on other grids.
    """
    if not folder.is_dir():
        eccodes = _import_eccodes(file)
        _check_end(file)
        unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
        unfinished.mkdir(parents=True, exist_ok=True)
        _convert(eccodes, file, unfinished)
        unfinished.rename(folder)
    return sorted(folder.glob("*.nc"))


def _check_end(file: Path) -> None:
    """Refuse a file that breaks off in the first bytes of a message, which eccodes passes over."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - LAST_BLOCK))
        last = stream.read()
    if not last.rstrip(b"\0").endswith(END):
        found = f"{size} bytes, the last of which end none"
        raise InputError(file, "file", "complete GRIB messages", found)


def _import_eccodes(file: Path) -> ModuleType:
    try:
        return importlib.import_module("eccodes")
    # Without its library in C the package raises an error of its own.
    except (ImportError, RuntimeError) as error:
        expected = "a NetCDF file, or the Python package eccodes to be installed, which reads GRIB"
        raise InputError(file, "file", expected, f"GRIB ({error})") from error


def _convert(eccodes: ModuleType, file: Path, folder: Path) -> None:
    made: dict[tuple[str, str], netCDF4.Dataset] = {}
    try:
        with file.open("rb") as stream:
            while (message := eccodes.codes_grib_new_from_file(stream)) is not None:
                try:
                    _append(eccodes, message, made, file, folder)
                finally:
                    eccodes.codes_release(message)
    except eccodes.CodesInternalError as error:
        raise InputError(file, "file", "complete GRIB messages", str(error)) from error
    finally:
        for dataset in made.values():
            dataset.close()


def _append(
    eccodes: ModuleType,
    message: int,
    made: dict[tuple[str, str], netCDF4.Dataset],
    file: Path,
    folder: Path,
) -> None:
    """Append a message to the file of its variable."""
    name, step, units, grid = (
        str(eccodes.codes_get(message, key))
        for key in ("cfVarName", "stepType", "units", "gridType")
    )
    if grid != "regular_ll" or any(
        eccodes.codes_get(message, key) for key in ("iScansNegatively", "jPointsAreConsecutive")
    ):
        raise InputError(file, name, "rows from west to east of a regular_ll grid", f"{grid}")
    shape = int(eccodes.codes_get(message, "Nj")), int(eccodes.codes_get(message, "Ni"))
    corners = [
        float(eccodes.codes_get(message, f"{axis}Of{end}GridPointInDegrees"))
        for axis in ("latitude", "longitude")
        for end in ("First", "Last")
    ]
    south_or_north = np.linspace(corners[0], corners[1], shape[0])
    east = np.linspace(corners[2], corners[3] + 360 * (corners[3] < corners[2]), shape[1])
    dataset = made.get((name, step))
    if dataset is None:
        dataset = netCDF4.Dataset(folder / f"{name}_{step}.nc", "w")
        made[name, step] = dataset
        _define(dataset, name, units, south_or_north, east)
        dataset[name].GRIB_stepType = step
        # Only ECMWF's own section of a message has one.
        with contextlib.suppress(eccodes.KeyValueNotFoundError):
            dataset[name].GRIB_stream = str(eccodes.codes_get(message, "stream"))
    same = dataset["latitude"].shape[0], dataset["longitude"].shape[0]
    if same != shape or not (
        np.array_equal(dataset["latitude"][:], south_or_north)
        and np.array_equal(dataset["longitude"][:], east)
    ):
        raise InputError(file, name, f"one grid, {same}", f"also {shape} from {corners}")
    eccodes.codes_set(message, "missingValue", MISSING)
    values = eccodes.codes_get_values(message).reshape(shape)
    time = f"{eccodes.codes_get(message, 'validityDate'):08d}" + (
        f"{eccodes.codes_get(message, 'validityTime'):04d}"
    )
    count = dataset.dimensions["valid_time"].size
    stamp = datetime.strptime(time, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    dataset["valid_time"][count] = int(stamp)
    dataset[name][count] = np.where(values == MISSING, np.nan, values)


def _define(
    dataset: netCDF4.Dataset,
    name: str,
    units: str,
    latitude: np.ndarray,
    longitude: np.ndarray,
) -> None:
    """Lay out the file of a variable."""
    dataset.createDimension("valid_time", None)
    time = dataset.createVariable("valid_time", "i8", ("valid_time",))
    time.units, time.calendar = "seconds since 1970-01-01", "proleptic_gregorian"
    for axis, values, direction in (
        ("latitude", latitude, "north"),
        ("longitude", longitude, "east"),
    ):
        dataset.createDimension(axis, values.size)
        coordinate = dataset.createVariable(axis, "f8", (axis,))
        coordinate[:], coordinate.units = values, f"degrees_{direction}"
    variable = dataset.createVariable(
        name,
        "f4",
        ("valid_time", "latitude", "longitude"),
        fill_value=np.nan,
        compression="zlib",
        complevel=1,
        chunksizes=(1, latitude.size, longitude.size),
    )
    variable.units = units

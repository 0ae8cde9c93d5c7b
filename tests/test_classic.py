"""Classic NetCDF files that break off: the library would read zeros."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest

from differland.classic import check_whole
from differland.errors import InputError
from differland.files import read_netcdf
from differland.regridding.cf_files import regrid_file
from differland.regridding.grid import regular_grid

FORMATS = ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]


def write(file: Path, kind: str, records: int | None = None) -> Path:
    with netCDF4.Dataset(file, "w", format=kind) as dataset:
        dataset.title = "odd lengths"
        for name, values in (("lat", np.arange(-80, 81, 40.0)), ("lon", np.arange(0, 360, 40.0))):
            dataset.createDimension(name, values.size)
            axis = dataset.createVariable(name, "f8", (name,))
            axis[:] = values
            axis.units = f"degrees_{'north' if name == 'lat' else 'east'}"
        dimensions: tuple[str, ...] = ("lat", "lon")
        if records is not None:
            dataset.createDimension("time", None)
            dataset.createVariable("flag", "i1", ("time", "lat"))[:] = np.ones((records, 5))
            dimensions = ("time", *dimensions)
        shape = (*([] if records is None else [records]), 5, 9)
        dataset.createVariable("v", "i2", dimensions)[:] = np.full(shape, 7)
    return file


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("records", [None, 1, 3])
def test_a_classic_file_needs_all_its_bytes(tmp_path: Path, kind: str, records: int | None) -> None:
    file = write(tmp_path / "a.nc", kind, records)
    content = file.read_bytes()
    check_whole(file)
    check_whole("in memory", content)
    # A padded value of two bytes ends the file.
    for size in (len(content) - 3, len(content) // 2, 60, 5):
        file.write_bytes(content[:size])
        for check in (check_whole, read_netcdf):
            with pytest.raises(InputError, match=r"a\.nc: file: expected a complete NetCDF file"):
                check(file)
        with pytest.raises(InputError, match="in memory: file: expected a complete NetCDF file"):
            check_whole("in memory", content[:size])


@pytest.mark.parametrize("kind", FORMATS)
def test_a_single_variable_of_records_is_not_padded(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.nc"
    with netCDF4.Dataset(file, "w", format=kind) as dataset:
        dataset.createDimension("time", None)
        dataset.createVariable("v", "i1", ("time",))[:] = np.arange(1, 8)
    check_whole(file)
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match="fewer than"):
        check_whole(file)


def test_other_files_are_left_to_the_library(tmp_path: Path) -> None:
    for content in (b"", b"CD", b"CDF", b"CDFx", b"\x89HDF\r\n"):
        check_whole("in memory", content)


def test_a_cut_file_is_not_regridded(tmp_path: Path) -> None:
    file = write(tmp_path / "a.nc", "NETCDF3_CLASSIC")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"a\.nc: file: expected a complete NetCDF file"):
        regrid_file(file, tmp_path / "out.nc", regular_grid(10))
    assert not (tmp_path / "out.nc").exists()

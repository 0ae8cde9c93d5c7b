"""What the readers of NetCDF files share."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest

from differland.datasets.native import find_variable, open_netcdf, read_dates
from differland.errors import InputError


def write(
    folder: Path,
    dimensions: tuple[str, ...] = ("Latitude", "Longitude"),
    calendar: str = "standard",
    latitude_units: str | None = None,
) -> Path:
    file = folder / "a.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        for name, values in (("Latitude", [10.5, 9.5]), ("Longitude", [0.5, 1.5, 2.5])):
            dataset.createDimension(name, len(values))
            dataset.createVariable(name, "f8", (name,))[:] = values
        if latitude_units is not None:
            dataset["Latitude"].units = latitude_units
        dataset.createDimension("time", 1)
        time = dataset.createVariable("time", "f8", ("time",))
        time[:], time.units, time.calendar = 59, "days since 2005-01-01", calendar
        variable = dataset.createVariable("v", "f4", dimensions)
        sizes = [variable.shape[dimensions.index(name)] for name in ("Latitude", "Longitude")]
        values = np.arange(6.0).reshape(sizes)
        variable[:] = values.T if dimensions.index("Longitude") == 0 else values
        dataset.createVariable("zonal", "f4", ("Latitude",))
        dataset.createVariable("text", str, ("Latitude",))
    return file


@pytest.mark.parametrize("dimensions", [("Latitude", "Longitude"), ("Longitude", "Latitude")])
def test_rows_are_latitudes(tmp_path: Path, dimensions: tuple[str, ...]) -> None:
    file = write(tmp_path, dimensions)
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, "v", file)
    assert variable.grid.shape == (2, 3)
    assert variable.read(slice(0, 2)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert variable.read(slice(1, 2)).tolist() == [[3, 4, 5]]


def test_a_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    file = write(tmp_path)
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, "v", file)
    assert variable.read(slice(0, 1))[0, 0] == 0
    other = tmp_path / "b.nc"
    with netCDF4.Dataset(other, "w") as dataset, netCDF4.Dataset(file) as source:
        for name in ("Latitude", "Longitude"):
            dataset.createDimension(name, len(source.dimensions[name]))
        dataset.createVariable("v", "f4", ("Latitude", "Longitude"))[:] = 7
    other.replace(file)
    assert variable.read(slice(0, 1))[0, 0] == 7


def test_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    with open_netcdf(file) as dataset:
        with pytest.raises(InputError, match="zonal: expected the dimensions"):
            find_variable(dataset, "zonal", file)
        with pytest.raises(InputError, match="text: expected numbers"):
            find_variable(dataset, "text", file)
        with pytest.raises(InputError, match="date: expected a coordinate of time"):
            read_dates(dataset, "date", file)
        assert str(read_dates(dataset, "time", file)[0]) == "2005-03-01 00:00:00"
    file.unlink()
    dataset = open_netcdf(write(tmp_path, calendar="360_day"))
    with dataset, pytest.raises(InputError, match="360_day"):
        read_dates(dataset, "time", file)
    file.unlink()
    dataset = open_netcdf(write(tmp_path, latitude_units="m"))
    with dataset, pytest.raises(InputError, match="Latitude: expected degrees, found units m"):
        find_variable(dataset, "v", file)

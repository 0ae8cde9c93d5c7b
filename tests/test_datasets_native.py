"""What the readers of NetCDF files share."""

import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.archives import Member
from differland.datasets.native import (
    check_rectilinear,
    find_variable,
    month_length,
    read_dates,
    read_months,
)
from differland.errors import InputError
from differland.opening import open_netcdf


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


@pytest.mark.parametrize(
    ("units", "calendar", "values", "months"),
    [
        ("days since 2005-01-01", None, [0, 30.9, 31, 364.5], ["01", "01", "02", "12"]),
        ("days since 2005-01-01", "noleap", [15, 45], ["01", "02"]),
        ("days since 2004-01-01", "360_day", [0, 359], ["2004-01", "2004-12"]),
        ("days since 2004-01-01", "360_day", [360 + 29.5, 360 + 30], ["01", "02"]),
        ("days since 2001-01-01", "365_day", [4 * 365 + 58], ["02"]),
        ("days since 1582-10-15 00:00:0.0", "gregorian", [154225.5], ["01"]),
        ("hours since 1900-01-01", "standard", [24 * 38352], ["01"]),
        ("months since 1700-01-01", None, [3660, 3660.5, 3671], ["01", "01", "12"]),
        ("months since 1701-07-01 00:00:00", "noleap", [3642, 3642.99999], ["01", "02"]),
        ("Months since 2005-1-1", "standard", [0], ["01"]),
    ],
)
def test_months_in_any_calendar(
    tmp_path: Path, units: str, calendar: str | None, values: list[float], months: list[str]
) -> None:
    file = tmp_path / "time.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        dataset.createDimension("time", len(values))
        time = dataset.createVariable("time", "f8", ("time",))
        time[:], time.units = values, units
        if calendar is not None:
            time.calendar = calendar
    expected = [month if "-" in month else f"2005-{month}" for month in months]
    with open_netcdf(file) as dataset:
        assert [str(month) for month in read_months(dataset, "time", file)] == expected


@pytest.mark.parametrize("units", ["month", "years after 2001-01-01", "days since never"])
def test_times_without_a_date_are_refused(tmp_path: Path, units: str) -> None:
    file = write(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset["time"].units = units
    with open_netcdf(file) as dataset:
        with pytest.raises(InputError, match="time: expected units of time since a date"):
            read_months(dataset, "time", file)
        with pytest.raises(InputError, match="date: expected a coordinate of time, found only"):
            read_months(dataset, "date", file)


@pytest.mark.parametrize(
    ("month", "calendar", "days"),
    [
        ("2004-02", "standard", 29),
        ("2100-02", "proleptic_gregorian", 28),
        ("2100-02", "julian", 29),
        ("2004-02", "noleap", 28),
        ("2005-02", "all_leap", 29),
        ("2005-02", "360_day", 30),
        ("2005-12", "365_day", 31),
    ],
)
def test_lengths_of_months(month: str, calendar: str, days: int) -> None:
    assert month_length(pd.Period(month, "M"), calendar) == days


def test_a_column_that_repeats_the_first_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "cyclic.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        for name, values in (("lat", [45, -45]), ("lon", [0, 90, 180, 270, 360])):
            dataset.createDimension(name, len(values))
            dataset.createVariable(name, "f4", (name,))[:] = values
        for name, order in (("v", ("lat", "lon")), ("turned", ("lon", "lat"))):
            values = np.array([[1, 2, 3, 4, 1], [5, 6, 7, 8, 5]])
            dataset.createVariable(name, "f4", order)[:] = values if name == "v" else values.T
    with open_netcdf(file) as dataset:
        for name in ("v", "turned"):
            variable = find_variable(dataset, name, file)
            assert variable.grid.shape == (2, 4)
            assert variable.grid.cyclic
            assert variable.read(slice(0, 2)).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_files_in_archives(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.nc"
    with netCDF4.Dataset(file, "w", format=kind) as dataset:
        dataset.createDimension("x", 1000)
        dataset.createVariable("v", "f8", ("x",))[:] = 7
    content = file.read_bytes()
    for name, part in (("whole.zip", content), ("cut.zip", content[:4000])):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.nc", part)
    member = Member(tmp_path / "whole.zip", ("a.nc",))
    with open_netcdf(member) as dataset:
        assert (dataset["v"][:] == 7).all()
    with pytest.raises(InputError, match=r"cut.zip/a.nc: file: expected a complete NetCDF file"):
        open_netcdf(Member(tmp_path / "cut.zip", ("a.nc",)))
    with pytest.raises(InputError, match=r"whole\.zip/b\.nc: file: expected"):
        open_netcdf(Member(tmp_path / "whole.zip", ("b.nc",)))


@pytest.mark.parametrize(
    ("dimensions", "latitude", "axes", "message"),
    [
        (("j", "i"), "lat", ("j", "i"), "the dimensions time 1, j 2, i 2, and lat along j and i"),
        (("j", "i"), "nav_lat", ("j", "i"), "nav_lat along j and i"),
        (("ncells",), "lat", ("ncells",), "the dimensions time 1, ncells 2, and lat along ncells"),
    ],
)
def test_other_grids_are_told(
    tmp_path: Path,
    dimensions: tuple[str, ...],
    latitude: str,
    axes: tuple[str, ...],
    message: str,
) -> None:
    file = tmp_path / "curvilinear.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        dataset.createDimension("time", 1)
        for name in dimensions:
            dataset.createDimension(name, 2)
        dataset.createVariable(latitude, "f8", axes)
        dataset.createVariable(latitude.replace("lat", "lon"), "f8", axes)
        dataset.createVariable("gpp", "f4", ("time", *dimensions))
    with open_netcdf(file) as dataset:
        with pytest.raises(InputError, match=message):
            check_rectilinear(dataset, "gpp", file)
        with pytest.raises(InputError, match="npp: expected a variable of this name"):
            check_rectilinear(dataset, "npp", file)
    file = write(tmp_path)
    with open_netcdf(file) as dataset:
        check_rectilinear(dataset, "v", file)


@pytest.mark.parametrize("units", ["degrees_north", "degrees_N", None])
@pytest.mark.parametrize(
    ("north", "east", "attributes"),
    [
        ("lat_FULL", "lon_FULL", {}),
        ("y", "x", {"units": ("degrees_north", "degrees_east")}),
        ("rows", "columns", {"standard_name": ("latitude", "longitude")}),
        ("j", "i", {"axis": ("Y", "X")}),
        ("nav_lat", "nav_lon", {}),
    ],
)
def test_coordinates_under_other_names(
    tmp_path: Path, north: str, east: str, attributes: dict, units: str | None
) -> None:
    file = tmp_path / "a.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        for number, (name, values) in enumerate(((north, [10.0, 9, 8]), (east, [0.0, 1]))):
            dataset.createDimension(name, len(values))
            axis = dataset.createVariable(name, "f8", (name,))
            axis[:] = values
            axis.setncatts({key: pair[number] for key, pair in attributes.items()})
            if units is not None and "units" not in attributes:
                axis.units = (
                    units if number == 0 else units.replace("north", "east").replace("_N", "_E")
                )
        # Another grid of the same file.
        for name in ("lat_2", "lon_2"):
            dataset.createDimension(name, 5)
            dataset.createVariable(name, "f8", (name,))[:] = range(5)
        dataset.createVariable("v", "f4", (north, east))[:] = np.arange(6).reshape(3, 2)
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, "v", file)
    assert variable.grid.latitude.tolist() == [10, 9, 8]
    assert variable.grid.longitude.tolist() == [0, 1]
    assert variable.read(slice(0, 1)).tolist() == [[0, 1]]


@pytest.mark.parametrize("attribute", [True, False])
def test_bounds_of_latitudes_and_longitudes_decide(tmp_path: Path, attribute: bool) -> None:
    """Rows of a reduced polar spacing, as FGOALS-g3 has them, and a column that comes twice."""
    edges = np.array([-90, -87.22, -82.67, -78.9, -75.5, 0, 90])
    file = tmp_path / "a.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        dataset.createDimension("bnds", 2)
        for name, values, sides in (
            ("lat", [-90, -84.82, -80.72, -77.22, -70, 45], edges),
            ("lon", [0.0, 120, 240, 360], np.array([-60.0, 60, 180, 300, 420])),
        ):
            dataset.createDimension(name, len(values))
            dataset.createVariable(name, "f8", (name,))[:] = values
            dataset.createVariable(f"{name}_bnds", "f8", (name, "bnds"))[:] = np.stack(
                [sides[:-1], sides[1:]], axis=1
            )
            if attribute:
                dataset[name].bounds = f"{name}_bnds"
        dataset.createVariable("v", "f4", ("lat", "lon"))[:] = 1
    with open_netcdf(file) as dataset:
        grid = find_variable(dataset, "v", file).grid
    assert grid.latitude_edges.tolist() == edges.tolist()
    assert grid.longitude_edges.tolist() == [-60, 60, 180, 300]
    assert grid.cyclic

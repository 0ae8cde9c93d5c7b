"""ERA5 in every layout of the Climate Data Store, written from the documentation."""

import sys
import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from differland.datasets.fields import Field, check_months
from differland.datasets.reanalysis import (
    read_daily_extremes,
    read_monthly_means,
    vapour_pressure_deficit,
)
from differland.errors import InputError

NORTH = 50 - 0.25 * np.arange(4)
EAST = 350 + 0.25 * np.arange(5)

UNITS = {"t2m": "K", "d2m": "K", "tp": "m", "ssrd": "J m**-2"}


def constant(value: float, steps: int = 2) -> np.ndarray:
    return np.full((steps, NORTH.size, EAST.size), value)


def seconds(*dates: str) -> list[int]:
    return [int(pd.Timestamp(date).timestamp()) for date in dates]


def hours(*dates: str) -> list[int]:
    return [
        int((pd.Timestamp(date) - pd.Timestamp("1900-01-01")).total_seconds()) // 3600
        for date in dates
    ]


def write_new(
    file: Path,
    variables: dict[str, np.ndarray],
    times: list[int] | None = None,
    latitude: np.ndarray = NORTH,
    longitude: np.ndarray = EAST,
    units: dict[str, str] = UNITS,
    fill: float | None = np.nan,
    axis_of_time: str = "valid_time",
) -> Path:
    """netCDF-4 converted by cfgrib: valid_time in seconds, number and expver beside."""
    times = seconds("2005-01-01", "2005-02-01") if times is None else times
    with netCDF4.Dataset(file, "w") as dataset:
        dataset.createDimension(axis_of_time, len(times))
        dataset.createDimension("latitude", latitude.size)
        dataset.createDimension("longitude", longitude.size)
        dataset.createVariable("number", "i8", ())[...] = 0
        time = dataset.createVariable(axis_of_time, "i8", (axis_of_time,))
        time[:] = times
        if axis_of_time == "valid_time":
            time.units, time.calendar = "seconds since 1970-01-01", "proleptic_gregorian"
        version = dataset.createVariable("expver", str, (axis_of_time,))
        version[:] = np.array(["0001"] * len(times), dtype=object)
        for name, values, unit in (
            ("latitude", latitude, "degrees_north"),
            ("longitude", longitude, "degrees_east"),
        ):
            axis = dataset.createVariable(name, "f8", (name,))
            axis[:], axis.units = values, unit
        for name, array in variables.items():
            dimensions = (axis_of_time, "latitude", "longitude")
            variable = dataset.createVariable(name, "f4", dimensions, fill_value=fill)
            variable[:] = array
            variable.units = units[name]
            variable.coordinates = "number valid_time latitude longitude expver"
    return file


def write_old(file: Path, name: str, layers: np.ndarray, versions: list[int] | None = None) -> Path:
    """netCDF-3 with packed int16 and hours since 1900; perhaps a dimension of versions."""
    with netCDF4.Dataset(file, "w", format="NETCDF3_64BIT_OFFSET") as dataset:
        dataset.createDimension("longitude", EAST.size)
        dataset.createDimension("latitude", NORTH.size)
        dimensions = ("time", "latitude", "longitude")
        if versions is not None:
            dataset.createDimension("expver", len(versions))
            dataset.createVariable("expver", "i4", ("expver",))[:] = versions
            dimensions = ("time", "expver", "latitude", "longitude")
        dataset.createDimension("time", layers.shape[0])
        for axis, values, unit in (
            ("longitude", EAST, "degrees_east"),
            ("latitude", NORTH, "degrees_north"),
        ):
            coordinate = dataset.createVariable(axis, "f4", (axis,))
            coordinate[:], coordinate.units = values, unit
        time = dataset.createVariable("time", "i4", ("time",))
        time.units, time.calendar = "hours since 1900-01-01 00:00:00.0", "gregorian"
        time[:] = hours("2005-01-01", "2005-02-01")
        variable = dataset.createVariable(name, "i2", dimensions, fill_value=-32767)
        variable.scale_factor, variable.add_offset = 0.01, 280.0
        variable.missing_value = np.int16(-32767)
        variable.units = UNITS[name]
        variable[:] = np.ma.masked_array(np.nan_to_num(layers, nan=280), np.isnan(layers))
    return file


def daily(file: Path, name: str, values: np.ndarray, days: list[str]) -> Path:
    return write_new(file, {name: values}, seconds(*days))


JANUARY = [f"2005-01-{day:02d}" for day in range(1, 32)]


@pytest.mark.parametrize(
    ("name", "short", "stored", "expected", "units"),
    [
        ("t_mean", "t2m", 283.15, 10.0, "degC"),
        ("dewpoint_mean", "d2m", 273.15, 0.0, "degC"),
        ("precipitation", "tp", 0.003, 3.0, "mm day-1"),
        ("srad", "ssrd", 2.0e7, 20.0, "MJ m-2 day-1"),
    ],
)
def test_new_layout_and_units(
    tmp_path: Path, name: str, short: str, stored: float, expected: float, units: str
) -> None:
    values = constant(stored)
    values[1, 0, 4] = np.nan
    file = write_new(tmp_path / "era5.nc", {short: values})
    fields = list(read_monthly_means([file], name))  # type: ignore[arg-type]
    assert [str(field.month) for field in fields] == ["2005-01", "2005-02"]
    assert {(field.name, field.units) for field in fields} == {(name, units)}
    assert fields[0].whole() == pytest.approx(expected, abs=1e-4)
    assert np.isnan(fields[1].whole()[0, 4])
    assert np.isnan(fields[1].read(slice(0, 1))[0, 4])


def test_nodes_and_orientation(tmp_path: Path) -> None:
    values = constant(280.0)
    values[:, 0, 1] = 300
    file = write_new(tmp_path / "era5.nc", {"t2m": values})
    field = next(read_monthly_means([file], "t_mean"))
    row, column = np.argwhere(field.whole() > 20)[0]
    # Nodes are the middles of their cells.
    assert field.grid.latitude[row] == 50
    assert field.grid.longitude[column] == 350.25
    file = write_new(tmp_path / "south.nc", {"t2m": values}, latitude=49.25 + 0.25 * np.arange(4))
    field = next(read_monthly_means([file], "t_mean"))
    row, column = np.argwhere(field.whole() > 20)[0]
    assert field.grid.latitude[row] == 49.25
    assert not field.grid.north_up


def test_poles_are_half_rows(tmp_path: Path) -> None:
    file = write_new(
        tmp_path / "era5.nc",
        {"t2m": np.full((1, 181, 360), 280.0)},
        seconds("2005-01-01"),
        90.0 - np.arange(181),
        np.arange(360.0),
    )
    grid = next(read_monthly_means([file], "t_mean")).grid
    assert grid.cyclic
    assert grid.latitude_edges[:2].tolist() == [90, 89.5]
    assert grid.latitude_edges[-2:].tolist() == [-89.5, -90]
    assert grid.longitude_edges[0] == -0.5


def test_old_layout_is_unpacked(tmp_path: Path) -> None:
    layers = constant(283.15)
    layers[0, 2, 3] = np.nan
    fields = list(read_monthly_means([write_old(tmp_path / "old.nc", "t2m", layers)], "t_mean"))
    assert [str(field.month) for field in fields] == ["2005-01", "2005-02"]
    assert fields[1].whole() == pytest.approx(10.0, abs=6e-3)
    assert np.isnan(fields[0].whole()[2, 3])
    assert fields[0].grid.latitude[0] == 50


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("versions", [[1, 5], [5, 1]])
def test_versions_are_merged(tmp_path: Path, versions: list[int], text: bool) -> None:
    layers = np.full((2, 2, NORTH.size, EAST.size), np.nan)
    final, preliminary = versions.index(1), versions.index(5)
    layers[0, final] = 283.15
    layers[0, preliminary] = 290.15  # the final version goes before
    layers[1, preliminary] = 285.15
    file = write_old(tmp_path / "old.nc", "t2m", layers, versions)
    if text:
        with xr.open_dataset(file, decode_times=False) as dataset:
            texts = [f"{version:04d}" for version in versions]
            file = tmp_path / "new.nc"
            dataset.assign_coords(expver=texts).to_netcdf(file)
    fields = list(read_monthly_means([file], "t_mean"))
    assert fields[0].whole() == pytest.approx(10.0, abs=6e-3)
    assert fields[1].whole() == pytest.approx(12.0, abs=6e-3)


def test_other_versions(tmp_path: Path) -> None:
    layers = np.full((2, 2, NORTH.size, EAST.size), 280.0)
    file = write_old(tmp_path / "old.nc", "t2m", layers, [1, 7])
    with pytest.raises(InputError, match=r"expver: .*\[1, 7\]"):
        list(read_monthly_means([file], "t_mean"))


def test_layout_of_2024(tmp_path: Path) -> None:
    file = write_new(
        tmp_path / "era5.nc", {"tp": constant(0.001)}, [20240601, 20240701], axis_of_time="date"
    )
    fields = list(read_monthly_means([file], "precipitation"))
    assert [str(field.month) for field in fields] == ["2024-06", "2024-07"]
    assert fields[0].whole() == pytest.approx(1.0)


def test_archive_by_type_of_step(tmp_path: Path) -> None:
    means = write_new(
        tmp_path / "data_stream-moda_stepType-avgua.nc",
        {"t2m": constant(283.15), "d2m": constant(280.15)},
    )
    accumulations = write_new(
        tmp_path / "data_stream-moda_stepType-avgad.nc",
        {"tp": constant(0.002), "ssrd": constant(1e7)},
        seconds("2005-01-01T06:00", "2005-02-01T06:00"),
    )
    archive = tmp_path / "download.nc"  # an archive by its first bytes only
    with zipfile.ZipFile(archive, "w") as packed:
        for file in (means, accumulations):
            packed.write(file, file.name)
            file.unlink()
    scratch = tmp_path / "scratch"
    warm = list(read_monthly_means([archive], "t_mean", scratch))
    wet = list(read_monthly_means([archive], "precipitation", scratch))
    assert [field.month for field in warm] == [field.month for field in wet]
    assert warm[0].whole() == pytest.approx(10.0, abs=1e-4)
    assert wet[1].whole() == pytest.approx(2.0)
    with pytest.raises(InputError, match="folder to unpack"):
        list(read_monthly_means([archive], "t_mean"))
    archive.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(InputError, match="complete archive"):
        list(read_monthly_means([archive], "t_mean", tmp_path / "other"))


def test_one_file_for_each_variable(tmp_path: Path) -> None:
    files = [
        write_new(tmp_path / "tp.nc", {"tp": constant(0.002)}),
        write_new(tmp_path / "t2m.nc", {"t2m": constant(283.15)}),
    ]
    assert [field.file for field in read_monthly_means(files, "t_mean")] == [files[1]] * 2


def test_packing_below_zero_is_zero(tmp_path: Path) -> None:
    values = constant(0.002)
    values[0, 0, 0] = -1e-6
    field = next(
        read_monthly_means([write_new(tmp_path / "e.nc", {"tp": values})], "precipitation")
    )
    assert field.whole()[0, 0] == 0
    values[0, 0, 0] = -0.001
    field = next(
        read_monthly_means([write_new(tmp_path / "f.nc", {"tp": values})], "precipitation")
    )
    with pytest.raises(InputError, match="mm day-1"):
        field.whole()


def test_refused(tmp_path: Path) -> None:
    file = write_new(tmp_path / "a.nc", {"t2m": constant(283.15)})
    with pytest.raises(InputError, match=r"a\.nc: tp: expected a variable .* t2m"):
        list(read_monthly_means([file], "precipitation"))
    with pytest.raises(InputError, match="no such file"):
        list(read_monthly_means([tmp_path / "b.nc"], "t_mean"))
    wrong = write_new(tmp_path / "c.nc", {"tp": constant(2.0)}, units={"tp": "mm"})
    with pytest.raises(InputError, match="units 'mm'"):
        list(read_monthly_means([wrong], "precipitation"))
    celsius = write_new(tmp_path / "d.nc", {"t2m": constant(10.0)})
    with pytest.raises(InputError, match="-95 to 70 degC"):
        next(read_monthly_means([celsius], "t_mean")).whole()


def test_grib_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grib = tmp_path / "e.nc"
    grib.write_bytes(b"GRIB" + bytes(100))
    with pytest.raises(InputError, match="a folder to unpack archives and GRIB files into"):
        list(read_monthly_means([grib], "t_mean"))
    # None in the place of a module: it cannot be imported.
    monkeypatch.setitem(sys.modules, "eccodes", None)
    with pytest.raises(InputError, match=r"the Python package eccodes to be installed, .* GRIB"):
        list(read_monthly_means([grib], "t_mean", tmp_path))


PARAMETERS = {"t2m": 167, "tp": 228, "ssrd": 169}


def write_grib(
    file: Path,
    messages: list[tuple[str, str, int, np.ndarray]],
    grid: str = "regular_ll",
    latitude: np.ndarray = NORTH,
    means: str = "moda",
) -> Path:
    """Messages of a variable, a date, hours of forecast and values, as in the store's archive."""
    eccodes = pytest.importorskip("eccodes")
    with file.open("wb") as stream:
        for name, date, hours_ahead, values in messages:
            sample = {"regular_ll": "regular_ll_sfc_grib1"}.get(grid, f"{grid}_sfc_grib1")
            message = eccodes.codes_grib_new_from_samples(sample)
            time = pd.Timestamp(date)
            keys = {"dataDate": int(f"{time:%Y%m%d}"), "dataTime": int(f"{time:%H%M}")}
            if grid == "regular_ll":
                keys |= {
                    "Ni": EAST.size,
                    "Nj": latitude.size,
                    "latitudeOfFirstGridPointInDegrees": latitude[0],
                    "latitudeOfLastGridPointInDegrees": latitude[-1],
                    "longitudeOfFirstGridPointInDegrees": EAST[0],
                    "longitudeOfLastGridPointInDegrees": EAST[-1],
                    "iDirectionIncrementInDegrees": 0.25,
                    "jDirectionIncrementInDegrees": 0.25,
                    "jScansPositively": int(latitude[0] < latitude[-1]),
                }
            keys |= {"stepRange": hours_ahead, "paramId": PARAMETERS[name]}
            keys["stream"] = means
            for key, value in keys.items():
                eccodes.codes_set(message, key, value)
            if grid == "regular_ll":
                eccodes.codes_set(message, "bitmapPresent", 1)
                eccodes.codes_set(message, "missingValue", 1e36)
                filled = np.where(np.isnan(values), 1e36, values)
                eccodes.codes_set(message, "bitsPerValue", 24)
                eccodes.codes_set_values(message, filled.ravel())
            eccodes.codes_write(message, stream)
            eccodes.codes_release(message)
    return file


def test_grib(tmp_path: Path) -> None:
    warm = np.full((NORTH.size, EAST.size), 283.15)
    warm[0, 1], warm[3, 4] = 293.15, np.nan
    rain = np.full_like(warm, 0.003)
    file = write_grib(
        tmp_path / "moda.grib",
        [
            ("t2m", "2005-01-01", 0, warm),
            # Means of forecasts that begin at 18:00: valid at 06:00 of the first day.
            ("tp", "2004-12-31T18:00", 12, rain),
            ("t2m", "2005-02-01", 0, warm + 1),
            ("tp", "2005-01-31T18:00", 12, rain * 2),
        ],
    )
    fields = list(read_monthly_means([file], "t_mean", tmp_path / "scratch"))
    assert [str(field.month) for field in fields] == ["2005-01", "2005-02"]
    values = fields[0].whole()
    assert values[1, 1] == pytest.approx(10, abs=1e-3)
    assert values[0, 1] == pytest.approx(20, abs=1e-3)
    assert np.isnan(values).sum() == 1
    assert fields[1].whole()[1, 1] == pytest.approx(11, abs=1e-3)
    assert fields[0].grid.latitude == pytest.approx(NORTH)
    assert fields[0].grid.longitude == pytest.approx(EAST)
    fields = list(read_monthly_means([file], "precipitation", tmp_path / "scratch"))
    assert [str(field.month) for field in fields] == ["2005-01", "2005-02"]
    assert fields[1].whole() == pytest.approx(6, abs=1e-3)
    with pytest.raises(InputError, match="d2m: expected a variable of this name"):
        list(read_monthly_means([file], "dewpoint_mean", tmp_path / "scratch"))


def test_grib_from_the_south_and_in_an_archive(tmp_path: Path) -> None:
    warm = np.full((NORTH.size, EAST.size), 283.15)
    warm[0, 1] = 293.15
    file = write_grib(
        tmp_path / "data.grib", [("t2m", "2005-01-01", 0, warm)], latitude=NORTH[::-1]
    )
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(file, file.name)
    (field,) = read_monthly_means([archive], "t_mean", tmp_path / "scratch")
    row, column = np.argwhere(field.whole() > 15)[0]
    assert field.grid.latitude[row] == pytest.approx(NORTH[-1])
    assert field.grid.longitude[column] == pytest.approx(EAST[1])


def test_grib_of_hours_is_no_grib_of_means(tmp_path: Path) -> None:
    warm = np.full((NORTH.size, EAST.size), 283.15)
    file = write_grib(tmp_path / "a.grib", [("t2m", "2005-01-01T12:00", 0, warm)], means="oper")
    with pytest.raises(InputError, match="each a monthly mean, found GRIB_stepType 'instant'"):
        list(read_monthly_means([file], "t_mean", tmp_path / "scratch"))
    file = write_grib(tmp_path / "b.grib", [("t2m", "2005-01-01T12:00", 0, warm)], means="mnth")
    with pytest.raises(InputError, match="each a monthly mean, found GRIB_stream 'mnth'"):
        list(read_monthly_means([file], "t_mean", tmp_path / "scratch"))


def test_grib_that_breaks_off_or_is_on_another_grid(tmp_path: Path) -> None:
    warm = np.full((NORTH.size, EAST.size), 283.15)
    file = write_grib(tmp_path / "a.grib", [("t2m", "2005-01-01", 0, warm)])
    cut = tmp_path / "cut.grib"
    cut.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(InputError, match="complete GRIB messages"):
        list(read_monthly_means([cut], "t_mean", tmp_path))
    gaussian = write_grib(tmp_path / "b.grib", [("t2m", "2005-01-01", 0, warm)], "reduced_gg")
    with pytest.raises(InputError, match="of a regular_ll grid, found reduced_gg"):
        list(read_monthly_means([gaussian], "t_mean", tmp_path))
    twice = write_grib(tmp_path / "c.grib", 2 * [("t2m", "2005-01-01", 0, warm)])
    with pytest.raises(InputError, match="2005-01 more than once"):
        list(read_monthly_means([twice], "t_mean", tmp_path))
    south = write_grib(tmp_path / "d.grib", [("t2m", "2005-01-01", 0, warm)], latitude=NORTH - 5)
    mixed = tmp_path / "mixed.grib"
    mixed.write_bytes(file.read_bytes() + south.read_bytes())
    with pytest.raises(InputError, match="t2m: expected one grid"):
        list(read_monthly_means([mixed], "t_mean", tmp_path))


@pytest.mark.parametrize(
    ("attribute", "text", "refused"),
    [
        ("cell_methods", "time: maximum", {"t_min", "t_mean"}),
        ("cell_methods", "area: mean time: minimum (interval: 1 hour)", {"t_max", "t_mean"}),
        ("cell_methods", "valid_time: mean", {"t_min", "t_max"}),
        ("cell_methods", "area: time: mean", {"t_min", "t_max"}),
        ("cell_methods", "time: point", {"t_min", "t_max", "t_mean"}),
        ("cell_methods", "time: sum", {"t_min", "t_max", "t_mean"}),
        ("GRIB_stepType", "max", {"t_min", "t_mean"}),
        ("GRIB_stepType", "min", {"t_max", "t_mean"}),
        ("GRIB_stepType", "avgua", {"t_min", "t_max"}),
        ("GRIB_stepType", "accum", {"t_min", "t_max", "t_mean"}),
        # Daily statistics keep the label of the hours that they were made of.
        ("GRIB_stepType", "instant", {"t_mean"}),
    ],
)
def test_files_that_say_their_statistic(
    tmp_path: Path, attribute: str, text: str, refused: set[str]
) -> None:
    file = daily(tmp_path / "a.nc", "t2m", constant(280.15, 31), JANUARY)
    monthly = write_new(tmp_path / "b.nc", {"t2m": constant(280.15)})
    for path in (file, monthly):
        with netCDF4.Dataset(path, "a") as dataset:
            dataset["t2m"].setncattr(attribute, text)
    readers = {
        "t_min": lambda: read_daily_extremes([file], "t_min"),
        "t_max": lambda: read_daily_extremes([file], "t_max"),
        "t_mean": lambda: read_monthly_means([monthly], "t_mean"),
    }
    for name, read in readers.items():
        if name in refused:
            with pytest.raises(
                InputError, match=rf"t2m: expected values that are each a .*, found {attribute}"
            ):
                list(read())
        else:
            assert list(read())


def test_truncated(tmp_path: Path) -> None:
    new = write_new(tmp_path / "new.nc", {"t2m": constant(283.15)})
    new.write_bytes(new.read_bytes()[:-500])
    old = write_old(tmp_path / "old.nc", "t2m", constant(283.15))
    old.write_bytes(old.read_bytes()[:-40])
    for file in (new, old):
        with pytest.raises(InputError, match="complete NetCDF file"):
            next(read_monthly_means([file], "t_mean")).whole()


def test_missing_value_that_is_not_declared(tmp_path: Path) -> None:
    values = constant(283.15)
    values[0, 1, 1] = -9999
    file = write_new(tmp_path / "a.nc", {"t2m": values}, fill=None)
    with pytest.raises(InputError, match="outside"):
        next(read_monthly_means([file], "t_mean")).whole()
    field = next(read_monthly_means([file], "t_mean", missing_value=-9999))
    assert np.isnan(field.whole()[1, 1])


def test_missing_and_duplicate_months(tmp_path: Path) -> None:
    file = write_new(tmp_path / "a.nc", {"t2m": constant(283.15)})
    fields = list(read_monthly_means([file], "t_mean"))
    with pytest.raises(InputError, match="2005-03"):
        check_months(fields, "ERA5", pd.period_range("2005-01", "2005-03", freq="M"))
    with pytest.raises(InputError, match="one field of 2005-01"):
        check_months(2 * fields, "ERA5", pd.period_range("2005-01", "2005-02", freq="M"))
    twice = write_new(
        tmp_path / "b.nc", {"t2m": constant(283.15)}, seconds("2005-01-01", "2005-01-01T06:00")
    )
    with pytest.raises(InputError, match="2005-01 more than once"):
        list(read_monthly_means([twice], "t_mean"))


def test_mean_of_daily_extremes(tmp_path: Path) -> None:
    values = constant(280.15, 31) + np.arange(31)[:, None, None]
    file = daily(tmp_path / "maximum.nc", "t2m", values, JANUARY)
    (field,) = read_daily_extremes([file], "t_max")
    assert (field.name, field.units, str(field.month)) == ("t_max", "degC", "2005-01")
    assert field.whole() == pytest.approx(7 + 15, abs=1e-4)
    broken = daily(tmp_path / "broken.nc", "t2m", values[:-1], JANUARY[:-1])
    with pytest.raises(InputError, match="days 1 to 31 of 2005-01"):
        list(read_daily_extremes([broken], "t_max"))


def test_extremes_of_hours_of_day(tmp_path: Path) -> None:
    times = [f"2005-01-01T{hour:02d}:00" for hour in range(24)]
    values = constant(273.15, 24) + np.arange(24)[:, None, None]
    file = daily(tmp_path / "hours.nc", "t2m", values, times)
    (low,) = read_daily_extremes([file], "t_min", "hour of day")
    (high,) = read_daily_extremes([file], "t_max", "hour of day")
    assert low.whole() == pytest.approx(0, abs=1e-4)
    assert high.whole() == pytest.approx(23, abs=1e-4)
    with pytest.raises(InputError, match="hours 0 to 23 of 2005-01"):
        half = daily(tmp_path / "half.nc", "t2m", values[:12], times[:12])
        list(read_daily_extremes([half], "t_min", "hour of day"))


def extreme(folder: Path, name: str, short: str, kelvin: float) -> Field:
    file = daily(folder / f"{name}_{kelvin:g}.nc", short, constant(kelvin, 31), JANUARY)
    return next(read_daily_extremes([file], name))  # type: ignore[arg-type]


def test_deficit_of_cardamom(tmp_path: Path) -> None:
    warm = extreme(tmp_path, "t_max", "t2m", 293.15)
    moist = extreme(tmp_path, "dewpoint_max", "d2m", 283.15)
    (field,) = vapour_pressure_deficit([warm], [moist])
    # 0.611 kPa * (10 ** (150 / 257.3) - 10 ** (75 / 247.3)) = 2.3389 kPa - 1.2284 kPa
    assert field.whole() == pytest.approx(11.10, abs=0.02)
    assert (field.name, field.units) == ("vpd", "hPa")
    # Air is never more than saturated.
    (dry,) = vapour_pressure_deficit([extreme(tmp_path, "t_max", "t2m", 275.0)], [moist])
    assert (dry.whole() == 0).all()


def test_deficit_of_monthly_means(tmp_path: Path) -> None:
    file = write_new(tmp_path / "a.nc", {"t2m": constant(293.15), "d2m": constant(283.15)})
    warm = list(read_monthly_means([file], "t_mean"))
    moist = list(read_monthly_means([file], "dewpoint_mean"))
    fields = list(vapour_pressure_deficit(warm, moist, "magnus"))
    # Saturation at 20 and at 10 degC is 23.33 and 12.26 hPa in the tables of the WMO.
    assert fields[1].whole() == pytest.approx(23.33 - 12.26, abs=0.05)
    with pytest.raises(InputError, match="t_max and dewpoint_max"):
        list(vapour_pressure_deficit(warm, moist))
    with pytest.raises(InputError, match="a dewpoint of 2005-02"):
        list(vapour_pressure_deficit(warm, moist[:1], "magnus"))
    with pytest.raises(InputError, match="a temperature of 2005-02"):
        list(vapour_pressure_deficit(warm[:1], moist, "magnus"))

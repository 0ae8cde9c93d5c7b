"""Driver files as other tools write them: read right, or refused by name."""

import logging
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from differland.driver import read_driver
from differland.errors import InputError
from differland.units import normal, range_in_words

FIRST_YEAR = 2001
MONTHS = 48


@pytest.fixture(scope="module")
def small(planet_file: Path) -> xr.Dataset:
    """The planet's first patches, all variables, nothing but numbers."""
    with xr.open_dataset(planet_file) as opened:
        driver = opened.load().drop_encoding()
    kept = driver["patch"].to_numpy() < 3
    driver = driver.isel(cell=np.flatnonzero(kept), patch=slice(0, 3))
    return driver.drop_vars([name for name in driver.variables if driver[name].dtype.kind in "OU"])


@pytest.fixture(scope="module")
def expected(small: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    path = tmp_path_factory.mktemp("small") / "driver.nc"
    small.to_netcdf(path)
    return read_driver(path)


def written(folder: Path, driver: xr.Dataset, **options: object) -> Path:
    path = folder / "driver.nc"
    driver.to_netcdf(path, **options)  # type: ignore[call-overload]
    return path


def stamps(values: object, **attributes: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda d: d.assign_coords(time=("time", np.asarray(values), attributes))


def dates(change: Callable[[pd.PeriodIndex], object]) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda d: d.assign_coords(time=change(d.indexes["time"].to_period("M")))


def relabelled(name: str, units: str) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda d: d.assign({name: d[name].assign_attrs(units=units)})


START = f"{FIRST_YEAR}-01-01"

GOOD: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "whole numbers of patches as floating point": lambda d: d.assign_coords(
        patch=d["patch"].astype("f4")
    ),
    "the start of months": dates(lambda m: m.to_timestamp()),
    "the end of months": dates(lambda m: m.to_timestamp("M").normalize()),
    "the start of the next month": dates(lambda m: (m + 1).to_timestamp()),
    "calendar noleap": lambda d: d.convert_calendar("noleap", align_on="date"),
    "calendar julian": lambda d: d.convert_calendar("julian", align_on="date"),
    "360 days a year": stamps(
        15.0 + 30 * np.arange(MONTHS), units=f"days since {START}", calendar="360_day"
    ),
    "the first of 360-day months": stamps(
        30 * np.arange(MONTHS), units=f"days since {START}", calendar="360_day"
    ),
    "months since": stamps(np.arange(MONTHS), units=f"months since {START}"),
    "hours since 1900": stamps(
        (pd.date_range(START, periods=MONTHS, freq="MS") - pd.Timestamp("1900-01-01"))
        // pd.Timedelta("1h"),
        units="hours since 1900-01-01 00:00:0.0",
        calendar="gregorian",
    ),
    "bounds decide": lambda d: stamps(
        np.arange(1, MONTHS + 1), units=f"months since {START}", bounds="time_bounds"
    )(d).assign(time_bounds=(("time", "two"), np.arange(MONTHS)[:, None] + [0.0, 1.0])),
    "an extra variable whose time is none": lambda d: d.assign(
        started=("cell", np.zeros(d.sizes["cell"]), {"units": "fortnights since the flood"})
    ),
    "udunits": relabelled("srad", "MJ m^-2 day^-1"),
    "slashes": relabelled("srad", "MJ/m2/d"),
    "a blank at the end": relabelled("lat", "degrees_north "),
    "degrees sign": relabelled("t_min", "°C"),
    "degrees in words": relabelled("t_max", "degrees Celsius"),
    "rain as mass": relabelled("precipitation", "kg/m^2/d"),
    "carbon apart": relabelled("gpp_site", "g C m-2 d-1"),
    "single precision": lambda d: d.map(
        lambda v: v.astype("f4") if v.dtype == np.float64 else v, keep_attrs=True
    ).assign_coords(lat=d["lat"].astype("f4"), lon=d["lon"].astype("f4")),
    "longitudes from 0": lambda d: d.assign_coords(
        lon=("cell", d["lon"].to_numpy() % 360, d["lon"].attrs)
    ),
    "dimensions turned": lambda d: d.transpose(*reversed(list(d.sizes))),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_other_tools_write_is_read_right(
    small: xr.Dataset, expected: xr.Dataset, tmp_path: Path, case: str
) -> None:
    driver = read_driver(written(tmp_path, GOOD[case](small)))
    assert driver.indexes["time"].equals(expected.indexes["time"])
    assert driver["patch"].dtype.kind == "i"
    for name in ("patch", "t_min", "srad", "precipitation", "lai", "lat", "lon"):
        np.testing.assert_allclose(driver[name], expected[name], rtol=1e-5, atol=1e-5)
        assert driver[name].attrs.get("units") == expected[name].attrs.get("units")


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": {"patch": {"_FillValue": -1}}},
        {"format": "NETCDF3_CLASSIC"},
        {"format": "NETCDF3_64BIT"},
        {"unlimited_dims": ["cell"]},
        {"unlimited_dims": ["time"]},
        {"encoding": {"t_min": {"dtype": ">f4"}, "patch": {"dtype": ">i2"}}},
        {
            "encoding": {
                "t_min": {"dtype": "i2", "scale_factor": 0.01, "_FillValue": -32768},
                "lai": {"dtype": "f4", "missing_value": -9999.0, "_FillValue": -9999.0},
            }
        },
    ],
)
def test_how_numbers_are_stored_does_not_matter(
    small: xr.Dataset, expected: xr.Dataset, tmp_path: Path, options: dict
) -> None:
    driver = read_driver(written(tmp_path, small, **options))
    tolerance = 0.006 if "scale_factor" in str(options) else 1e-5
    for name in ("patch", "t_min", "srad", "lai"):
        np.testing.assert_allclose(driver[name], expected[name], rtol=1e-5, atol=tolerance)


def test_cdf5_files_and_names_of_sites_as_characters_are_read(
    small: xr.Dataset, expected: xr.Dataset, tmp_path: Path
) -> None:
    source, path = written(tmp_path, small), tmp_path / "classic.nc"
    with (
        netCDF4.Dataset(source) as old,
        netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_DATA") as new,
    ):
        for name, dimension in old.dimensions.items():
            new.createDimension(name, dimension.size)
        new.createDimension("length", 6)
        for name, variable in old.variables.items():
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            fill = attributes.pop("_FillValue", None)
            copy = new.createVariable(name, variable.dtype, variable.dimensions, fill_value=fill)
            copy.setncatts(attributes)
            copy[:] = variable[:]
        names = [f"XX-{number:03d}" for number in range(small.sizes["cell"])]
        new.createVariable("site", "S1", ("cell", "length"))[:] = netCDF4.stringtochar(
            np.array(names, "S6")
        )
    driver = read_driver(path)
    np.testing.assert_array_equal(driver["t_min"], expected["t_min"])
    assert driver["site"].to_numpy().tolist() == names
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"classic\.nc: file: expected a complete NetCDF file"):
        read_driver(path)


def test_fill_values_of_another_precision_are_missing(small: xr.Dataset, tmp_path: Path) -> None:
    lai = small["lai"].astype("f4")
    lai[0, :3] = 1e20
    path = written(tmp_path, small.assign(lai=lai), encoding={"lai": {"_FillValue": None}})
    with pytest.raises(InputError, match="lai: expected values from 0 to"):
        read_driver(path)
    with netCDF4.Dataset(path, "a") as dataset:
        dataset["lai"].missing_value = 1e20
    assert np.isnan(read_driver(path)["lai"][0, :3]).all()


def hole(driver: xr.Dataset) -> xr.Dataset:
    patch = driver["patch"].astype(float)
    patch[4] = np.nan
    return driver.assign_coords(patch=patch)


BAD: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "a cell without a patch": (hole, "patch: expected whole numbers, found nan at cell 4"),
    "half a patch": (
        lambda d: d.assign_coords(patch=d["patch"] + 0.5),
        "patch: expected whole numbers, found 0.5 at cell 0",
    ),
    "names of patches": (
        lambda d: d.assign_coords(patch=d["patch"].astype(str)),
        "patch: expected whole numbers, found type",
    ),
    "dates as digits": (
        stamps([int(f"{m:%Y%m}") for m in pd.period_range(START, periods=MONTHS, freq="M")]),
        "time: expected units of time since a date in the calendar standard, found no units",
    ),
    "a calendar of its own": (
        stamps(30 * np.arange(MONTHS), units=f"days since {START}", calendar="martian"),
        "time: expected units of time since a date in the calendar martian",
    ),
    "time backwards": (lambda d: d.isel(time=slice(None, None, -1)), "time: expected consecutive"),
    "starts of a shifted year": (
        lambda d: dates(lambda m: m.to_timestamp())(d.isel(time=slice(2, 38))),
        "time: expected whole calendar years, January to December, found 36 months from 2001-03",
    ),
    "power": (
        relabelled("srad", "W/m2"),
        "srad: expected units 'MJ m-2 day-1', found units 'W/m2'",
    ),
    "a rate of seconds": (relabelled("precipitation", "kg m-2 s-1"), "found units 'kg m-2 s-1'"),
    "an ambiguous slash": (relabelled("srad", "MJ/m2 day"), "found units 'MJ/m2 day'"),
    "undeclared fill values": (
        lambda d: d.assign(t_min=d["t_min"].where(d["t_min"] > d["t_min"].min(), -9999.0)),
        "t_min: expected values from -90 to 60 degC, found -9999 to",
    ),
    "latitudes that are missing": (
        lambda d: d.assign_coords(lat=d["lat"].where(d["lat"] > d["lat"].min())),
        "lat: expected -90 to 90 degrees_north, found",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told(small: xr.Dataset, tmp_path: Path, case: str) -> None:
    change, message = BAD[case]
    with pytest.raises(InputError) as caught:
        read_driver(written(tmp_path, change(small)))
    assert message in str(caught.value)
    assert "driver.nc" in str(caught.value)


def test_a_cell_that_is_there_twice_is_told(
    small: xr.Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count = small.sizes["cell"]
    with caplog.at_level(logging.WARNING):
        read_driver(written(tmp_path, small))
        assert "more than once" not in caplog.text
        read_driver(written(tmp_path, small.isel(cell=[*range(count), 0])))
    assert f"1 cells are there more than once, such as cell {count} (lat" in caplog.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MJ m-2 day-1", "MJ.m-2.d-1"),
        ("gC m-2 day-1", "g C/m^2/day"),
        ("kg m-2 s-1", "s-1 kg m**-2"),
        ("m2 m-2", "m^2/m^2"),
        ("m2 m-2", "1"),
        ("1", "-"),
        ("mm month-1", "mm.month-1"),
    ],
)
def test_spellings_of_one_unit_are_the_same(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("g m-2", "kg m-2"),
        ("mm day-1", "mm month-1"),
        ("W m-2", "W m2"),
        ("hPa", "kPa"),
        ("degC", "K"),
        ("MgC ha-1", "gC m-2"),
        ("%", "1"),
        ("MJ/m2 day", "MJ m-2 day-1"),
    ],
)
def test_other_units_are_others(one: str, other: str) -> None:
    assert normal(one) != normal(other)


def test_ranges_of_what_has_no_units_have_none() -> None:
    assert range_in_words(0, 1, "1") == "0 to 1"
    assert range_in_words(-90, 60, "degC") == "-90 to 60 degC"
    assert range_in_words(0, 21, "m2 m-2") == "0 to 21 m2 m-2"

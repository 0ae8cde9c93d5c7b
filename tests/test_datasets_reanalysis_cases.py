"""ERA5: what is wrong with a file is told in every layout, for daily files as for monthly ones."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.fields import Field, check_months
from differland.datasets.reanalysis import (
    read_daily_extremes,
    read_monthly_means,
    vapour_pressure_deficit,
)
from differland.errors import InputError

LATITUDE = 50 - 0.25 * np.arange(4)
LONGITUDE = 350 + 0.25 * np.arange(5)
MONTHS = ["2005-01-01", "2005-02-01", "2005-03-01"]
JANUARY = [f"2005-01-{day:02d}" for day in range(1, 32)]


def seconds(dates: list[str]) -> list[int]:
    return [int(pd.Timestamp(date).timestamp()) for date in dates]


def hours(dates: list[str]) -> list[int]:
    since = pd.Timestamp("1900-01-01")
    return [(pd.Timestamp(date) - since) // pd.Timedelta("1h") for date in dates]


def digits(dates: list[str]) -> list[int]:
    return [int(date.replace("-", "")[:8]) for date in dates]


LAYOUTS: dict[str, tuple[str, Callable, str | None]] = {
    "valid_time": ("valid_time", seconds, "seconds since 1970-01-01"),
    "time": ("time", hours, "hours since 1900-01-01 00:00:00.0"),
    "date": ("date", digits, None),
}
"""Name of the coordinate of time, its values, and its units."""


def write(
    file: Path,
    layout: str,
    kelvin: np.ndarray,
    dates: list[str],
    name: str = "t2m",
    units: str | None = "K",
    undeclared: bool = False,
) -> Path:
    """One variable; the layout of ``time`` is classic and packed, the others are NetCDF-4."""
    axis, encode, since = LAYOUTS[layout]
    file.unlink(missing_ok=True)
    kind = "NETCDF3_64BIT_OFFSET" if layout == "time" else "NETCDF4"
    with netCDF4.Dataset(file, "w", format=kind) as dataset:
        for dimension, values in (
            (axis, encode(dates)),
            ("latitude", LATITUDE),
            ("longitude", LONGITUDE),
        ):
            dataset.createDimension(dimension, len(values))
            stored = "i4" if dimension == axis else "f4"
            dataset.createVariable(dimension, stored, (dimension,))[:] = values
        if since is not None:
            dataset[axis].units = since
        dimensions = (axis, "latitude", "longitude")
        if layout == "time":
            fill = None if undeclared else -32767
            variable = dataset.createVariable(name, "i2", dimensions, fill_value=fill)
            variable.scale_factor, variable.add_offset = 0.01, 280.0
            # Stored as -32767, which is missing also by default, or as -20000, which is not.
            hole = 80.0 if undeclared else -47.67
        else:
            fill = None if undeclared else np.nan
            variable = dataset.createVariable(name, "f4", dimensions, fill_value=fill)
            hole = -32767.0 if undeclared else np.nan
        if units is not None:
            variable.units = units
        values = np.asarray(kelvin, float)[:, None, None] * np.ones((LATITUDE.size, LONGITUDE.size))
        values[0, 1, 2] = hole
        variable[:] = values
    return file


def monthly(file: Path, **choices: object) -> list[Field]:
    return list(read_monthly_means([file], "t_mean", **choices))  # type: ignore[arg-type]


def daily(file: Path, **choices: object) -> list[Field]:
    return list(read_daily_extremes([file], "t_min", **choices))  # type: ignore[arg-type]


KINDS = {
    "monthly means": (monthly, MONTHS, np.array([280.0, 281.0, 282.0])),
    "daily extremes": (daily, JANUARY, 280 + np.arange(31.0)),
}

every_file = pytest.mark.parametrize(
    ("layout", "kind"), [(layout, kind) for layout in LAYOUTS for kind in KINDS]
)


@every_file
def test_values_and_holes(tmp_path: Path, layout: str, kind: str) -> None:
    read, dates, kelvin = KINDS[kind]
    fields = read(write(tmp_path / "era5.nc", layout, kelvin, dates))
    assert [str(field.month) for field in fields] == sorted({date[:7] for date in dates})
    expected = 6.85 if kind == "monthly means" else 6.85 + 15
    values = fields[0].whole()
    assert values[0, 0] == pytest.approx(expected, abs=6e-3)
    assert np.isnan(values[1, 2])
    assert np.isfinite(values).sum() == values.size - 1
    assert fields[0].grid.latitude[0] == 50
    assert fields[0].grid.longitude[2] == 350.5


@every_file
def test_truncated(tmp_path: Path, layout: str, kind: str) -> None:
    read, dates, kelvin = KINDS[kind]
    file = write(tmp_path / "era5.nc", layout, kelvin, dates)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"era5\.nc: \w+: expected a complete NetCDF file"):
        [field.whole() for field in read(file)]


@every_file
def test_wrong_variable(tmp_path: Path, layout: str, kind: str) -> None:
    read, dates, kelvin = KINDS[kind]
    file = write(tmp_path / "era5.nc", layout, kelvin, dates, name="skt")
    with pytest.raises(InputError, match=r"expected a variable of this name, found only .*skt"):
        read(file)


@every_file
@pytest.mark.parametrize("units", ["degC", "Celsius", None])
def test_wrong_units(tmp_path: Path, layout: str, kind: str, units: str | None) -> None:
    read, dates, kelvin = KINDS[kind]
    file = write(tmp_path / "era5.nc", layout, kelvin, dates, units=units)
    with pytest.raises(InputError, match=r"t2m: expected units 'K', found .*units"):
        read(file)


@every_file
def test_fill_value_that_is_not_declared(tmp_path: Path, layout: str, kind: str) -> None:
    read, dates, kelvin = KINDS[kind]
    file = write(tmp_path / "era5.nc", layout, kelvin, dates, undeclared=True)
    with pytest.raises(InputError, match="t2m: expected values from -95 to 70 degC"):
        read(file)[0].whole()
    # As unpacked by the attributes that are there.
    missing = 80.0 if layout == "time" else -32767.0
    assert np.isnan(read(file, missing_value=missing)[0].whole()[1, 2])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_and_duplicate_months(tmp_path: Path, layout: str) -> None:
    gap = write(tmp_path / "gap.nc", layout, np.full(2, 280.0), ["2005-01-01", "2005-03-01"])
    with pytest.raises(InputError, match="1 months without a file: 2005-02"):
        check_months(monthly(gap), "ERA5", pd.period_range("2005-01", "2005-03", freq="M"))
    twice = write(tmp_path / "twice.nc", layout, np.full(2, 280.0), ["2005-01-01", "2005-01-01"])
    with pytest.raises(InputError, match=r"twice\.nc: time: .*2005-01 more than once"):
        monthly(twice)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dates", [JANUARY[:-1], [*JANUARY, "2005-01-07"], [*JANUARY[:-1], "2005-01-07"]]
)
def test_missing_and_duplicate_days(tmp_path: Path, layout: str, dates: list[str]) -> None:
    file = write(tmp_path / "era5.nc", layout, np.full(len(dates), 280.0), dates)
    with pytest.raises(InputError, match=r"time: expected the days 1 to 31 of 2005-01, each once"):
        daily(file)


def test_months_of_daily_files(tmp_path: Path) -> None:
    dates = pd.date_range("2004-01-01", "2004-02-29").strftime("%Y-%m-%d").to_list()
    kelvin = np.where(np.arange(60) < 31, 280.0, 290.0)
    file = write(tmp_path / "era5.nc", "valid_time", kelvin, dates)
    fields = daily(file)
    assert [str(field.month) for field in fields] == ["2004-01", "2004-02"]
    assert [field.whole()[0, 0] for field in fields] == pytest.approx([6.85, 16.85], abs=1e-3)
    two = pd.period_range("2004-01", "2004-02", freq="M")
    check_months(fields, "ERA5", two)
    with pytest.raises(InputError, match="one field of 2004-01"):
        check_months([*fields, *daily(file)], "ERA5", two)
    with pytest.raises(InputError, match="without a file: 2004-03"):
        check_months(fields, "ERA5", pd.period_range("2004-01", "2004-03", freq="M"))


def test_missing_and_duplicate_hours(tmp_path: Path) -> None:
    day = [f"2005-01-01T{hour:02d}:00" for hour in range(24)]
    for dates in (day[:-1], [*day, day[0]], [*day[:-1], day[0]]):
        file = write(tmp_path / "era5.nc", "valid_time", np.full(len(dates), 280.0), dates)
        with pytest.raises(InputError, match=r"expected the hours 0 to 23 of 2005-01, each once"):
            daily(file, source="hour of day")


@pytest.mark.parametrize("name", ["mn2t", "mx2t"])
def test_extremes_since_the_last_step(tmp_path: Path, name: str) -> None:
    """The minimum is no maximum."""
    file = write(tmp_path / "era5.nc", "valid_time", np.full(31, 280.0), JANUARY, name=name)
    right, wrong = ("t_min", "t_max") if name == "mn2t" else ("t_max", "t_min")
    (field,) = read_daily_extremes([file], right)  # type: ignore[arg-type]
    assert field.whole()[0, 0] == pytest.approx(6.85, abs=1e-3)
    with pytest.raises(InputError, match="a variable of this name"):
        list(read_daily_extremes([file], wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "short", "units", "stored", "message"),
    [
        ("precipitation", "tp", "m", 3.0, "values from 0 to 500 mm day-1, found 3000"),
        ("precipitation", "tp", "kg m**-2 s**-1", 1e-5, "units 'kg m"),
        ("srad", "ssrd", "J m**-2", 6e8, "values from 0 to 50 MJ m-2 day-1, found 600"),
        ("srad", "ssrd", "W m**-2", 200.0, r"units 'W m\*\*-2'"),
        ("dewpoint_mean", "d2m", "K", 10.0, "values from -95 to 70 degC, found -263.15"),
    ],
)
def test_units_of_other_quantities(
    tmp_path: Path, name: str, short: str, units: str, stored: float, message: str
) -> None:
    """Totals of a month, fluxes and degrees Celsius by mistake."""
    values = np.full(3, stored)
    file = write(tmp_path / "era5.nc", "valid_time", values, MONTHS, name=short, units=units)
    with pytest.raises(InputError, match=message):
        next(read_monthly_means([file], name)).whole()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "short", "units", "stored", "expected"),
    [
        ("precipitation", "tp", "m", 0.003, 3.0),
        ("precipitation", "tp", "m", 0.00003, 0.03),
        ("precipitation", "tp", "m day-1", 0.003, 3.0),
        ("precipitation", "tp", "m day**-1", 0.003, 3.0),
        ("srad", "ssrd", "J m**-2", 1.8e7, 18.0),
        ("srad", "ssrd", "J m-2", 1.8e7, 18.0),
        ("srad", "ssrd", "J m**-2 day**-1", 1.8e7, 18.0),
    ],
)
def test_spellings_of_units(
    tmp_path: Path, name: str, short: str, units: str, stored: float, expected: float
) -> None:
    values = np.full(3, stored)
    file = write(tmp_path / "era5.nc", "valid_time", values, MONTHS, name=short, units=units)
    field = next(read_monthly_means([file], name))  # type: ignore[arg-type]
    assert field.whole()[0, 0] == pytest.approx(expected)


def test_deficit_out_of_range(tmp_path: Path) -> None:
    # Saturation at 66.85 degC is 272 hPa.
    file = write(tmp_path / "t2m.nc", "valid_time", np.full(3, 340.0), MONTHS)
    dry = write(tmp_path / "d2m.nc", "valid_time", np.full(3, 250.0), MONTHS, name="d2m")
    moist = list(read_monthly_means([dry], "dewpoint_mean"))
    field = next(vapour_pressure_deficit(monthly(file), moist, "magnus"))
    with pytest.raises(InputError, match="vpd: expected values from 0 to 150 hPa, found 27"):
        field.whole()


@pytest.mark.parametrize("dates", [["2005-13-01"], ["2005-02-30"]])
def test_digits_that_are_no_date(tmp_path: Path, dates: list[str]) -> None:
    file = write(tmp_path / "era5.nc", "date", np.array([280.0]), dates)
    with pytest.raises(InputError, match="date: expected dates such as 20240601"):
        monthly(file)


def test_deficit_of_two_grids(tmp_path: Path) -> None:
    warm = monthly(write(tmp_path / "t2m.nc", "valid_time", np.full(3, 293.15), MONTHS))
    file = write(tmp_path / "d2m.nc", "valid_time", np.full(3, 283.15), MONTHS, name="d2m")
    for axis in ("latitude", "longitude"):
        turned = tmp_path / f"{axis}.nc"
        turned.write_bytes(file.read_bytes())
        with netCDF4.Dataset(turned, "a") as dataset:
            dataset[axis][:] = dataset[axis][:] + 0.25
        moist = list(read_monthly_means([turned], "dewpoint_mean"))
        with pytest.raises(InputError, match="vpd: expected one grid"):
            list(vapour_pressure_deficit(warm, moist, "magnus"))


def test_a_damaged_archive_is_named_however_often_it_is_read(tmp_path: Path):
    kelvin = np.linspace(280, 290, 3)
    member = write(tmp_path / "avgua.nc", "valid_time", kelvin, MONTHS)
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(member, member.name)
    content = bytearray(archive.read_bytes())
    content[400:460] = b"\xff" * 60
    archive.write_bytes(content)
    for _ in range(2):
        with pytest.raises(InputError, match=r"download\.zip: file: expected a complete archive"):
            list(read_monthly_means([archive], "t_mean", tmp_path / "scratch"))

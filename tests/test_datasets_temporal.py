"""What values stand for in time: judged by labels, names, stamps and bounds, for every product."""

import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.native import read_dates, read_months
from differland.datasets.reanalysis import read_daily_extremes, read_monthly_means
from differland.datasets.temporal import check_lengths, check_meaning
from differland.errors import InputError

MONTHS = pd.date_range("2014-01-01", periods=12, freq="MS")
DAYS = pd.date_range("2014-06-01", "2014-06-30")


def write(
    file: Path,
    times: pd.DatetimeIndex,
    name: str = "t2m",
    units: str = "K",
    step: str | None = None,
    bounds: np.ndarray | None = None,
    **attributes: str,
) -> Path:
    """One variable in the present layout of the Climate Data Store, 10 degC or 3 mm everywhere."""
    with netCDF4.Dataset(file, "w") as dataset:
        since = pd.Timestamp("1970-01-01")
        dataset.createDimension("valid_time", len(times))
        time = dataset.createVariable("valid_time", "f8", ("valid_time",))
        time.units, time.calendar = "days since 1970-01-01", "proleptic_gregorian"
        time[:] = (times - since) / pd.Timedelta("1D")
        if bounds is not None:
            dataset.createDimension("bnds", 2)
            time.bounds = "valid_time_bnds"
            dataset.createVariable("valid_time_bnds", "f8", ("valid_time", "bnds"))[:] = bounds
        for axis, values in (("latitude", [10.25, 10, 9.75]), ("longitude", [20, 20.25, 20.5])):
            dataset.createDimension(axis, 3)
            dataset.createVariable(axis, "f8", (axis,))[:] = values
        variable = dataset.createVariable(name, "f4", ("valid_time", "latitude", "longitude"))
        variable[:] = 0.003 if units == "m" else 283.15
        variable.setncatts({"units": units, **attributes})
        if step is not None:
            variable.GRIB_stepType = step
    return file


def bounds_of(start: pd.DatetimeIndex, end: pd.DatetimeIndex) -> np.ndarray:
    since = pd.Timestamp("1970-01-01")
    return np.stack([(edge - since) / pd.Timedelta("1D") for edge in (start, end)], axis=1)


@pytest.mark.parametrize(
    ("name", "units", "step"),
    [("t2m", "K", "instant"), ("tp", "m", "accum"), ("t2m", "K", "max"), ("t2m", "K", None)],
)
@pytest.mark.parametrize("hour", [0, 12])
def test_an_hour_of_each_month_is_no_monthly_mean(
    tmp_path: Path, name: str, units: str, step: str | None, hour: int
) -> None:
    file = write(tmp_path / "a.nc", MONTHS + pd.Timedelta(hours=hour), name, units, step)
    quantity = "t_mean" if name == "t2m" else "precipitation"
    if step is None and hour == 0:
        assert len(list(read_monthly_means([file], quantity))) == 12  # nothing tells
        return
    found = rf"{name}: .*GRIB_stepType '{step}'" if step else r"valid_time: .*2014-01-01 12:00"
    with pytest.raises(InputError, match=found):
        list(read_monthly_means([file], quantity))


@pytest.mark.parametrize(
    "stamps",
    [
        MONTHS,
        MONTHS + pd.Timedelta("6h"),
        MONTHS + pd.offsets.MonthEnd(),
        MONTHS + (MONTHS.shift(1) - MONTHS) / 2,
    ],
)
@pytest.mark.parametrize("step", ["avgua", "avgad", None])
def test_stamps_and_labels_of_monthly_means_are_accepted(
    tmp_path: Path, stamps: pd.DatetimeIndex, step: str | None
) -> None:
    fields = list(read_monthly_means([write(tmp_path / "a.nc", stamps, step=step)], "t_mean"))
    assert [field.month for field in fields] == list(MONTHS.to_period("M"))
    assert fields[0].whole() == pytest.approx(10, abs=1e-3)


@pytest.mark.parametrize(
    ("member", "role", "fits"),
    [
        ("data_stream-moda_stepType-avgua.nc", "t_mean", True),
        ("data_stream-oper_stepType-instant.nc", "t_mean", False),
        ("data_stream-mnth_stepType-avgua.nc", "t_mean", False),
        ("2m_temperature_0_daily-mean.nc", "t_mean", False),
        ("2m_temperature_0_daily-mean.nc", "t_min", False),
        ("2m_temperature_0_daily-max.nc", "t_min", False),
        ("2m_temperature_0_daily-min.nc", "t_min", True),
        ("2m_temperature_0_daily-max.nc", "t_max", True),
        ("2m_temperature_0_daily_minimum.nc", "t_max", False),
        ("2m_temperature_stream-oper_daily-min.nc", "t_min", True),
        ("2m_temperature_stream-oper_daily-max.nc", "t_max", True),
        ("2m_temperature_stream-oper_daily-mean.nc", "t_max", False),
        ("2m_temperature_stream-enda_daily-max.nc", "t_max", False),
        ("download/2m_temperature_0_daily-mean.nc", "t_max", False),
        ("data_stream-oper_stepType-max.nc", "t_max", False),
        ("data_0.nc", "t_max", True),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_names_of_the_store_tell_the_statistic(
    tmp_path: Path, member: str, role: str, fits: bool, packed: bool
) -> None:
    times = MONTHS if role == "t_mean" else DAYS
    file = write(tmp_path / Path(member).name, times)
    if packed:
        archive = tmp_path / f"era5_{role}_2014.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.write(file, member)
        file = archive

    def read() -> list:
        scratch = tmp_path / "scratch"
        if role == "t_mean":
            return list(read_monthly_means([file], "t_mean", scratch))
        return list(read_daily_extremes([file], role, scratch=scratch))  # type: ignore[arg-type]

    if fits:
        assert read()[0].whole() == pytest.approx(10, abs=1e-3)
    else:
        with pytest.raises(InputError, match=rf"found .*{Path(member).name}"):
            read()


@pytest.mark.parametrize(("name", "role"), [("mn2t", "t_min"), ("mx2t", "t_max")])
def test_extremes_since_the_last_output_are_judged_by_their_names(
    tmp_path: Path, name: str, role: str
) -> None:
    file = write(tmp_path / "a.nc", DAYS, name, step="max")
    (field,) = read_daily_extremes([file], role)  # type: ignore[arg-type]
    assert field.whole() == pytest.approx(10, abs=1e-3)


def test_an_hour_of_each_day_is_no_daily_extreme(tmp_path: Path) -> None:
    noon = DAYS + pd.Timedelta("12h")
    file = write(tmp_path / "a.nc", noon, step="instant")
    with pytest.raises(InputError, match=r"valid_time: expected stamps of daily .*06-01 12:00"):
        list(read_daily_extremes([file], "t_min"))
    file = write(tmp_path / "b.nc", noon, cell_methods="time: minimum")
    assert len(list(read_daily_extremes([file], "t_min"))) == 1
    file = write(tmp_path / "c.nc", noon, bounds=bounds_of(DAYS, DAYS + pd.Timedelta("1D")))
    assert len(list(read_daily_extremes([file], "t_min"))) == 1
    hour = bounds_of(noon, noon + pd.Timedelta("1h"))
    with pytest.raises(InputError, match=r"valid_time_bnds: expected bounds that are a day apart"):
        list(read_daily_extremes([write(tmp_path / "d.nc", noon, bounds=hour)], "t_min"))


def test_hours_of_one_day_are_no_means_by_hour_of_day(tmp_path: Path) -> None:
    hours = pd.date_range("2014-06-01", periods=24, freq="h")
    for name, times, step, message in (
        ("a.nc", hours, "instant", "GRIB_stepType 'instant'"),
        ("b.nc", hours + pd.Timedelta("14D"), None, "2014-06-15 00:00: an hour of that day"),
    ):
        file = write(tmp_path / name, times, step=step)
        with pytest.raises(InputError, match=message):
            list(read_daily_extremes([file], "t_min", "hour of day"))
    # Hour 0 is stamped on the second day.
    file = write(tmp_path / "c.nc", hours + pd.Timedelta("1h"))
    assert len(list(read_daily_extremes([file], "t_min", "hour of day"))) == 1


def test_bounds_decide_which_month_a_step_is(tmp_path: Path) -> None:
    ends = MONTHS.shift(1)
    for number, stamps in enumerate((MONTHS, ends, MONTHS + pd.Timedelta("9D"))):
        file = write(tmp_path / f"{number}.nc", stamps, bounds=bounds_of(MONTHS, ends))
        with netCDF4.Dataset(file) as dataset:
            assert read_months(dataset, "valid_time", file) == list(MONTHS.to_period("M"))
            dates = read_dates(dataset, "valid_time", file)
            assert dates[0] == pd.Timestamp("2014-01-16 12:00")
            check_lengths(dataset, "valid_time", file, "month")
        fields = list(read_monthly_means([file], "t_mean"))
        assert [field.month for field in fields] == list(MONTHS.to_period("M"))


def test_bounds_without_their_attribute_and_in_counted_months(tmp_path: Path) -> None:
    file = write(tmp_path / "a.nc", MONTHS.shift(1), bounds=np.arange(12)[:, None] + [0.0, 1.0])
    with netCDF4.Dataset(file, "a") as dataset:
        dataset["valid_time"].delncattr("bounds")
        dataset["valid_time"].units = "months since 2014-01-16"
        dataset["valid_time"][:] = np.arange(1, 13)
    with netCDF4.Dataset(file) as dataset:
        assert read_months(dataset, "valid_time", file) == list(MONTHS.to_period("M"))
        check_lengths(dataset, "valid_time", file, "month")


def test_stamps_on_edges_of_months_go_by_what_the_file_holds(tmp_path: Path) -> None:
    months = list(MONTHS.to_period("M"))
    for name, stamps in (("starts", MONTHS), ("ends", MONTHS.shift(1))):
        file = write(tmp_path / f"{name}.nc", stamps)
        with netCDF4.Dataset(file) as dataset:
            for held in (months, "whole years"):
                assert read_months(dataset, "valid_time", file, held) == months
            assert read_months(dataset, "valid_time", file) == list(stamps.to_period("M"))


def test_bounds_that_are_not_there_and_broken_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "a.nc", MONTHS, bounds=np.zeros((12, 2)))
    with netCDF4.Dataset(file) as dataset:
        assert read_months(dataset, "valid_time", file) == list(MONTHS.to_period("M"))
    assert "valid_time_bnds are empty" in caplog.text
    holes = bounds_of(MONTHS, MONTHS.shift(1))
    holes[3] = np.nan
    file = write(tmp_path / "b.nc", MONTHS, bounds=np.ma.masked_invalid(holes))
    with (
        netCDF4.Dataset(file) as dataset,
        pytest.raises(InputError, match="valid_time_bnds: expected bounds of every step"),
    ):
        read_months(dataset, "valid_time", file)


@pytest.mark.parametrize(
    ("role", "methods", "frequency", "fits"),
    [
        ("monthly mean", "area: time: mean", "mon", True),
        ("monthly mean", "area: mean where land time: mean", "mon", True),
        ("monthly mean", "area: mean", "any text", True),
        ("monthly mean", "time: mean", "day", False),
        ("monthly mean", "time: mean within years time: mean over years", "monC", False),
        ("monthly mean", "area: mean time: point", None, False),
        ("monthly mean", "time: maximum within days time: mean over days", "mon", False),
        ("monthly total", "time: sum", None, True),
        ("monthly state", "time: point", "yr", True),
    ],
)
def test_roles(tmp_path: Path, role: str, methods: str, frequency: str | None, fits: bool) -> None:
    file = write(tmp_path / "a.nc", MONTHS, cell_methods=methods)
    with netCDF4.Dataset(file, "a") as dataset:
        if frequency is not None:
            dataset.frequency = frequency
        if fits:
            check_meaning(dataset, "t2m", file, role)  # type: ignore[arg-type]
        else:
            with pytest.raises(InputError, match=f"t2m: expected values that are each a {role}"):
                check_meaning(dataset, "t2m", file, role)  # type: ignore[arg-type]

"""What the values of each product stand for: labels, bounds and stamps may not contradict."""

from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import test_datasets_copernicus as copernicus
import test_datasets_land_models as land_models
import test_datasets_microwave as microwave
import test_datasets_vegetation as vegetation
import test_datasets_water_storage as water_storage

from differland.datasets.copernicus import read_copernicus_lai
from differland.datasets.land_models import read_trendy
from differland.datasets.microwave import read_glab_vod, read_ib_agc
from differland.datasets.vegetation import read_lai, read_lcspp
from differland.datasets.water_storage import read_mascons
from differland.errors import InputError

Change = Callable[[netCDF4.Dataset], None]

EPOCH = pd.Timestamp("2000-01-01")
MONTHS = pd.date_range("2004-01-01", periods=12, freq="MS")
PERIODS = pd.date_range("2004-01-01", periods=46, freq="8D")
STARTS = np.arange(1, 362, 8)


def days(dates: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray((dates - EPOCH) / pd.Timedelta("1D"))


def label(name: str, methods: str) -> Change:
    def change(dataset: netCDF4.Dataset) -> None:
        dataset[name].cell_methods = methods

    return change


def frequency(text: str) -> Change:
    def change(dataset: netCDF4.Dataset) -> None:
        dataset.frequency = text

    return change


def time(stamps: np.ndarray, bounds: np.ndarray | None = None) -> Change:
    """Days since 2000 in place of the file's own times."""

    def change(dataset: netCDF4.Dataset) -> None:
        if "time" not in dataset.variables:
            dataset.createVariable("time", "f8", ("time",))
        dataset["time"].units = "days since 2000-01-01"
        dataset["time"][:] = stamps
        if bounds is not None:
            dataset.createDimension("two", 2)
            dataset["time"].bounds = "time_bnds"
            dataset.createVariable("time_bnds", "f8", ("time", "two"))[:] = bounds

    return change


def steps(first: pd.DatetimeIndex, length: str) -> np.ndarray:
    return np.stack([days(first), days(first + pd.Timedelta(length))], axis=1)


def changed(file: Path, change: Change) -> Path:
    with netCDF4.Dataset(file, "a") as dataset:
        change(dataset)
    return file


def lcspp(folder: Path, change: Change) -> list:
    files = [vegetation.write_lcspp(folder, half, 0.2) for half in "ab"]
    changed(files[0], change)
    return list(read_lcspp(files))


def monthly_lai(folder: Path, change: Change) -> list:
    file = vegetation.write_lai(folder, "lai_monthly_0.5_2004.nc", list(range(1, 13)))
    return list(read_lai([changed(file, change)]))


def lai_of_8_days(folder: Path, change: Change) -> list:
    return list(read_lai([changed(vegetation.write_lai(folder), change)]))


def dekads(folder: Path, change: Change) -> list:
    files = copernicus.month(folder, time=True)
    changed(files[1], change)
    return list(read_copernicus_lai(files))


def mascons(folder: Path, change: Change) -> list:
    # The first is of April, the second of May 2002.
    file = water_storage.write(folder / "a.nc", days=(107.0, 129.5))
    return list(read_mascons(changed(file, change)))


def carbon(folder: Path, change: Change) -> list:
    file = microwave.write(
        folder / "IB_2010.nc", {"AGC_BGC": microwave.carbon()[None]}, times=[3653.0]
    )
    return list(read_ib_agc([changed(file, change)]))


def depth(folder: Path, change: Change) -> list:
    return list(read_glab_vod([changed(microwave.write_vod(folder), change)], "month"))


def land_model(folder: Path, change: Change) -> list:
    file = land_models.write(folder, value=8 * land_models.PER_SECOND / 2.2)
    fields = read_trendy(changed(file, change), "gpp", land_models.MONTHS, first_year=2000)
    return list(fields)


HALF = pd.DatetimeIndex(["2004-02-01"])
MIDDLE = days(HALF) + 7
SOLUTION = np.array([820.0, 860.0])  # of 2002-04-01 and 2002-05-11, from 2000 on
FOUR_YEARS = pd.date_range("2000-01-01", periods=48, freq="MS")

WRONG: dict[str, tuple[Callable[[Path, Change], list], Change, str]] = {
    "SIF at an instant": (
        lcspp,
        label("lcspp_clear_daily", "time: point"),
        "lcspp_clear_daily: expected values that are each a mean of days, found cell_methods",
    ),
    "SIF of a month": (
        lcspp,
        time(MIDDLE, np.array([days(HALF)[0] + [0, 29]])),
        "time_bnds: expected bounds that are half a month apart",
    ),
    "SIF of the other half": (
        lcspp,
        time(days(HALF) + 20),
        "time: expected a time from 2004-02-01 to 2004-02-15, as the file is named, found 2004-02",
    ),
    "maxima of LAI": (
        monthly_lai,
        label("lai", "time: maximum"),
        "lai: .* a monthly mean, found cell",
    ),
    "LAI by its own word": (monthly_lai, frequency("daily"), "found the frequency 'daily'"),
    "LAI at hours": (
        monthly_lai,
        time(days(MONTHS[:1])[0] + np.arange(12) / 24),
        "time: expected the 12 months of 2004, found 12: 2004-01, 2004-01",
    ),
    "periods of 8 days as months": (
        monthly_lai,
        time(days(PERIODS[:12]), steps(PERIODS[:12], "8D")),
        "time_bnds: expected bounds that are a month apart, found 12 of 12 others, such as 8 days",
    ),
    "days of the year of periods as months": (
        monthly_lai,
        lambda dataset: dataset["time"].__setitem__(slice(None), STARTS[:12]),
        "time: expected the 12 months of 2004, rising, found 12: 1, 9, 17",
    ),
    "LAI with bounds of the year before": (
        monthly_lai,
        time(days(MONTHS + pd.Timedelta("14D")), steps(MONTHS - pd.Timedelta("366D"), "30D")),
        "time: expected times within their bounds time_bnds, found 12 of 12 others",
    ),
    "8-day LAI of another year": (
        lai_of_8_days,
        time(days(PERIODS + pd.Timedelta("366D"))),
        "time: expected the days of the year 1, 9, .*, found 46: 367, 375",
    ),
    "8-day LAI of single days": (
        lai_of_8_days,
        time(days(PERIODS), steps(PERIODS, "1D")),
        "time_bnds: expected bounds that are 8 days apart",
    ),
    "a dekad of another month": (
        dekads,
        time(days(pd.DatetimeIndex(["2004-03-20"]))),
        "time: expected a time from 2004-02-11 to 2004-02-20, as the file is named, found 2004-03",
    ),
    "maxima of a dekad": (dekads, label("LAI", "time: maximum"), "LAI: .* a mean of days, found"),
    "daily mascons": (
        mascons,
        time(SOLUTION, np.stack([SOLUTION, SOLUTION + 1], 1)),
        "time_bnds: expected bounds that are about a month apart",
    ),
    "mascons at an instant": (
        mascons,
        label("lwe_thickness", "time: point"),
        "lwe_thickness: expected values that are each a monthly mean",
    ),
    "largest carbon of a year": (
        carbon,
        label("AGC_BGC", "time: maximum"),
        "AGC_BGC: expected values that are each a yearly state",
    ),
    "carbon of a month": (
        carbon,
        time(
            days(pd.DatetimeIndex(["2010-06-15"])), steps(pd.DatetimeIndex(["2010-06-01"]), "30D")
        ),
        "time_bnds: expected bounds that are a year apart, found 1 of 1 others, such as 30 days",
    ),
    "carbon of another year than its name": (
        carbon,
        time(days(pd.DatetimeIndex(["2012-07-01"]))),
        "time: expected the year of the file's name, 2010, found a time in 2012",
    ),
    "hourly optical depth": (
        depth,
        time(days(pd.date_range("2005-01-01", periods=microwave.STEPS.size, freq="h"))),
        "time: expected steps of a day or more, found 2005-01-01 00:00 and 2005-01-01 01:00: hours",
    ),
    "least optical depth": (depth, label("VOD", "time: minimum"), "VOD: .* a mean of days, found"),
    "a land model at instants": (
        land_model,
        label("gpp", "time: point"),
        "gpp: expected values that are each a monthly mean",
    ),
    "a land model that says daily": (land_model, frequency("day"), "found the frequency 'day'"),
    "a land model every eighth day": (
        land_model,
        time(8.0 * np.arange(48)),
        "time: expected steps of a month, since they are counted .*, found steps of 8 days",
    ),
    "a land model with bounds of days": (
        land_model,
        time(np.arange(48) + 0.5, np.arange(48)[:, None] + [0.0, 1.0]),
        "time: expected steps of a month, since they are counted .*, found steps of 1 days",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_values_of_another_meaning_are_refused(tmp_path: Path, case: str) -> None:
    read, change, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        read(tmp_path, change)


RIGHT: dict[str, tuple[Callable[[Path, Change], list], Change, int]] = {
    "a half with its bounds": (
        lcspp,
        time(MIDDLE, np.array([days(HALF)[0] + [0, 15]])),
        2,
    ),
    "a half stamped with its end": (lcspp, time(days(HALF) + 15), 2),
    "means of LAI": (monthly_lai, label("lai", "time: mean"), 12),
    "LAI by the month": (monthly_lai, frequency("monthly"), 12),
    "LAI stamped with ends of months": (
        monthly_lai,
        time(days(MONTHS + pd.offsets.MonthBegin())),
        12,
    ),
    "LAI in days of the year": (
        monthly_lai,
        lambda dataset: dataset["time"].__setitem__(slice(None), MONTHS.day_of_year + 14),
        12,
    ),
    "LAI in digits of months": (
        monthly_lai,
        lambda dataset: dataset["time"].__setitem__(slice(None), 200400 + np.arange(1, 13)),
        12,
    ),
    "8-day LAI with dates": (lai_of_8_days, time(days(PERIODS)), 56),
    "8-day LAI with bounds": (
        lai_of_8_days,
        time(
            days(PERIODS), np.minimum(steps(PERIODS, "8D"), days(MONTHS + pd.Timedelta("366D"))[0])
        ),
        56,
    ),
    "a dekad with its date": (dekads, time(days(pd.DatetimeIndex(["2004-02-20"]))), 3),
    "solutions of few days": (mascons, time(SOLUTION, SOLUTION[:, None] + [-7.0, 7.0]), 2),
    "carbon of a year": (
        carbon,
        time(
            days(pd.DatetimeIndex(["2010-07-01"])), steps(pd.DatetimeIndex(["2010-01-01"]), "365D")
        ),
        1,
    ),
    "carbon stamped with the end of its year": (
        carbon,
        time(days(pd.DatetimeIndex(["2011-01-01"]))),
        1,
    ),
    "windows of 18 days": (
        depth,
        time(
            days(EPOCH + pd.Timedelta("1827D") + pd.to_timedelta(microwave.STEPS, unit="D")),
        ),
        12,
    ),
    "a land model with wrong dates": (land_model, time(days(FOUR_YEARS) - 9000), 24),
    "a land model whose time only counts": (land_model, time(np.arange(48)), 24),
}


@pytest.mark.parametrize("case", RIGHT)
def test_values_of_the_meaning_that_is_needed_are_read(tmp_path: Path, case: str) -> None:
    read, change, count = RIGHT[case]
    assert len(read(tmp_path, change)) == count


def test_mascons_of_ten_days_are_refused(tmp_path: Path) -> None:
    file = water_storage.write(tmp_path / "a.nc", days=(91.0, 101.0, 111.0))
    with pytest.raises(InputError, match=r"time: expected up to 2 solutions, .*found 3 in 2002-04"):
        list(read_mascons(file))


def test_a_land_model_of_days_that_is_taken_for_months_ends_too_late(tmp_path: Path) -> None:
    file = land_models.write(
        tmp_path, steps=4380, times=np.arange(4380), latitude=land_models.LATITUDE[:2]
    )
    with pytest.raises(InputError, match="from 2000 to 2002 or later, at most 2100, found 4380"):
        list(read_trendy(file, "gpp", land_models.MONTHS, first_year=2000))

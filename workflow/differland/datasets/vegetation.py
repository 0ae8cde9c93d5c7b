"""Photosynthesis proxy LCSPP-MODIS and reprocessed MODIS leaf area index v6.1."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import (
    NativeVariable,
    check_year,
    find_variable,
    has_dates,
    match_name,
    months_of_year,
    read_dates,
    time_dimension,
)
from differland.datasets.temporal import (
    check_lengths,
    check_meaning,
    check_span,
    read_monthly,
)
from differland.errors import InputError
from differland.opening import open_netcdf

LCSPP_FILE_NAME = re.compile(r"(\d{4})(0[1-9]|1[0-2])([ab])\.nc$")
LAI_FILE_NAME = re.compile(r"(?<![A-Za-z0-9])lai_(8-day|monthly)_(?:[0-9.]+|[0-9]+s)_(\d{4})\.nc$")

Layer = Literal["lcspp_clear_daily", "lcspp_all_daily", "lcspp_clear_inst"]

LCSPP_UNITS = (
    "mW m-2 nm-1 sr-1",
    "mW/m2/nm/sr",
    "mW/m^2/nm/sr",
    "mW m^-2 nm^-1 sr^-1",
    "mW m-2 sr-1 nm-1",
    "mW/m2/sr/nm",
    "mW m^-2 sr^-1 nm^-1",
)
LAI_UNITS = ("m2 m-2", "m2/m2", "m^2/m^2", "m^2 m^-2", "m2/m-2", "1", "-", "")

LCSPP_RANGE = (-1.0, 5.0)
LAI_RANGE = (0.0, 10.0)

HALF = 15
"""Days of the first half of a month."""

PERIOD = 8
"""Days of a period; the last one of a year is shorter."""


def read_lcspp(
    files: Iterable[Path],
    layer: Layer = "lcspp_clear_daily",
    accepted_quality: Collection[int] | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read ``sif``, mW m-2 nm-1 sr-1, of LCSPP-MODIS v3.2 (doi:10.5281/zenodo.11658088).

    Parameters
    ----------
    files
        Two of each month, whose names end in ``YYYYMMa.nc`` (days 1 to 15) and ``YYYYMMb.nc``.
    layer
        The paper does not say which it takes. The daily mean of clear days is the authors' own
        default; then there are that of all days, and the value at overpass.
    accepted_quality
        Codes of ``lcspp_qa`` whose values are kept: 0 observed, 1 gap filled, 2 mean seasonal
        cycle. None keeps all, as the paper seems to: also the zeros of days without sun.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    Fields of half a month, whose weights are their days; ordered by time.

    Raises
    ------
    InputError
        A half is missing or there twice, a file breaks off or lacks the layer, says that it is of
        other days than its name has, or no mean (:mod:`differland.datasets.temporal`), states other
        units (only ``lcspp_all_daily`` may state none), or values are out of range.
    """
    halves: dict[tuple[pd.Period, str], Path] = {}
    for file in files:
        year, month, half = match_name(
            LCSPP_FILE_NAME, file, "LCSPP_MODIS_v3.2_200501a.nc"
        ).groups()
        key = (pd.Period(f"{year}-{month}", "M"), half)
        if key in halves:
            raise InputError(file, "time", "each half of a month once", f"also {halves[key]}")
        halves[key] = file
    for month, half in halves:
        other = "b" if half == "a" else "a"
        if (month, other) not in halves:
            expected = f"both halves of {month}, a and b"
            raise InputError(halves[month, half], "time", expected, f"no file of half {other}")
    for (month, half), file in sorted(halves.items()):
        first, last = (1, HALF) if half == "a" else (HALF + 1, month.days_in_month)
        span = pd.Timestamp(month.year, month.month, first), month.to_timestamp().replace(day=last)
        yield _lcspp_field(file, month, span, layer, accepted_quality, missing_value)


def read_lai(
    files: Iterable[Path],
    scale_factor: float | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read ``lai``, m2 m-2, of the reprocessed MODIS product v6.1 (doi:10.4121/21858717.v2).

    Parameters
    ----------
    files
        ``lai_8-day_0.05_YYYY.nc`` or ``lai_monthly_0.5_YYYY.nc``, and the same of other
        resolutions: ``lai(time, lat, lon)`` of one year. The time of 8-day files is the day of the
        year on which a period starts, or a date; that of monthly files, if there is any, a date, or
        a number that tells the month: of the month, of a day of the year, YYYYMM or YYYYMMDD.
    scale_factor
        Scale factor of files of integers that do not state it; 0.1 is said to be that of 15 arc
        seconds.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    Fields in the order of the files and of time. Those of 8 days have as weight their days in
    the month; periods that reach into the next month are there twice, once for each.

    Raises
    ------
    InputError
        A year has two files, as of two resolutions; a file breaks off, lacks the variable or a
        period, has a period twice, says that its values
        are others than its name has (:mod:`differland.datasets.temporal`), states other units
        (none are understood as m2 m-2), holds integers of unknown scale, or values beyond 0 to 10.
    """
    seen: dict[str, Path] = {}
    for file in files:
        kind, year = match_name(LAI_FILE_NAME, file, "lai_8-day_0.05_2005.nc").groups()
        if seen.setdefault(year, file) != file:
            expected = "one file of each year (raw.patterns.modis_lai can tell which)"
            raise InputError(file, "time", expected, f"also {seen[year]}")
        with open_netcdf(file) as dataset:
            variable = find_variable(dataset, "lai", file)
            dimension = time_dimension(variable)
            steps = (
                _eight_day_steps(dataset, dimension, int(year), file)
                if kind == "8-day"
                else _month_steps(dataset, dimension, int(year), file)
            )
        if variable.units is not None:
            check_units(file, "lai", variable.units, dict.fromkeys(LAI_UNITS, 1.0))
        factor = _lai_factor(variable, scale_factor)
        for step, month, days in steps:
            yield _lai_field(variable, {dimension: step}, month, days, factor, missing_value)


def _lcspp_field(
    file: Path,
    month: pd.Period,
    span: tuple[pd.Timestamp, pd.Timestamp],
    layer: Layer,
    accepted_quality: Collection[int] | None,
    missing_value: float | None,
) -> Field:
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, layer, file).single_layer()
        check_meaning(dataset, layer, file, "mean of days")
        check_span(dataset, "time", file, span, "half month")
        quality = (
            None
            if accepted_quality is None
            else find_variable(dataset, "lcspp_qa", file).single_layer()
        )
    if layer != "lcspp_all_daily" or variable.units is not None:
        check_units(file, layer, variable.units, dict.fromkeys(LCSPP_UNITS, 1.0))

    def read(rows: slice) -> np.ndarray:
        values = variable.read(rows, missing_value=missing_value)
        if quality is not None and accepted_quality is not None:
            values[~np.isin(quality.read(rows), list(accepted_quality))] = np.nan
        return check_range(file, layer, values, *LCSPP_RANGE, "mW m-2 nm-1 sr-1")

    days = (span[1] - span[0]).days + 1
    return Field("sif", "mW m-2 nm-1 sr-1", variable.grid, read, file, month, weight=days)


def _lai_factor(variable: NativeVariable, scale_factor: float | None) -> float:
    """Scale factor that the file does not apply itself."""
    if variable.dtype.kind == "f" or "scale_factor" in variable.attributes:
        return 1.0
    if scale_factor is None:
        found = f"{variable.dtype} without one: give it as a choice of the product"
        raise InputError(variable.file, variable.name, "integers with a scale factor", found)
    return scale_factor


def _eight_day_steps(
    dataset: netCDF4.Dataset, time: str, year: int, file: Path
) -> list[tuple[int, pd.Period, float]]:
    """Step, month, and days in that month, of every period."""
    check_meaning(dataset, "lai", file, "mean of days")
    starts = list(range(1, 366, PERIOD))
    found: list[float] = []
    if has_dates(dataset, time):
        check_lengths(dataset, time, file, "8 days")
        # Bounds have been checked to hold the stamps, which are those of starts.
        dates = read_dates(dataset, time, file, by_bounds=False)
        found = [1 + (date - pd.Timestamp(year, 1, 1)) / pd.Timedelta("1D") for date in dates]
    elif time in dataset.variables:
        found = np.ma.getdata(dataset[time][:]).tolist()
    if found != starts:
        shown = f"{len(found)}: {', '.join(f'{day:g}' for day in found)}"
        expected = f"the days of the year 1, 9, ..., {starts[-1]}"
        raise InputError(file, time, expected, shown)
    days = pd.date_range(pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31))
    counts = Counter(((day.day_of_year - 1) // PERIOD, day.to_period("M")) for day in days)
    return [(step, month, float(count)) for (step, month), count in counts.items()]


def _month_steps(
    dataset: netCDF4.Dataset, time: str, year: int, file: Path
) -> list[tuple[int, pd.Period, float]]:
    """Step, month, and weight of every month."""
    months = months_of_year(year)
    if has_dates(dataset, time):
        found = read_monthly(dataset, "lai", time, file, "monthly mean", months)
        check_year(file, time, found, year)
    else:
        check_meaning(dataset, "lai", file, "monthly mean")
        size = len(dataset.dimensions[time])
        told, shown = size == len(months), f"{size} steps"
        if time in dataset.variables:
            numbers = np.ma.getdata(dataset[time][:]).astype(np.float64)
            told = told and _tell_months(numbers, months)
            shown = f"{size}: {', '.join(f'{number:g}' for number in numbers)}"
        if not told:
            raise InputError(file, time, f"the 12 months of {year}, rising", shown)
    return [(step, month, 1.0) for step, month in enumerate(months)]


def _tell_months(numbers: np.ndarray, months: Sequence[pd.Period]) -> bool:
    """Whether numbers without units are those of months, in one of the ways that people write."""
    count = np.arange(1, len(months) + 1)
    named = np.array([100 * month.year + month.month for month in months])
    # Of the year, from 0 or 1; a month may be stamped with its last day.
    first = np.array([month.to_timestamp().day_of_year for month in months])
    length = np.array([month.days_in_month for month in months])
    return (
        any(np.array_equal(numbers, count - less) for less in (0, 0.5, 1))
        or np.array_equal(numbers, named)
        or np.array_equal(numbers // 100, named)
        or bool(np.all((numbers >= first - 1) & (numbers <= first + length)))
    )


def _lai_field(
    variable: NativeVariable,
    index: dict[str, int],
    month: pd.Period,
    weight: float,
    factor: float,
    missing_value: float | None,
) -> Field:
    def read(rows: slice) -> np.ndarray:
        values = variable.read(rows, index, missing_value) * factor
        return check_range(variable.file, variable.name, values, *LAI_RANGE, "m2 m-2")

    return Field("lai", "m2 m-2", variable.grid, read, variable.file, month, weight=weight)

"""Providers' NetCDF files: opened, checked, and read band by band."""

import logging
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.archives import Source
from differland.errors import InputError
from differland.opening import open_netcdf, read_values
from differland.regridding.axes import (
    AXES,
    first_found,
    grid_of_coordinates,
    has_axis,
    has_direction,
    has_standard_name,
    is_named,
    read_degrees,
)
from differland.regridding.grid import Grid

logger = logging.getLogger(__name__)

OTHER_NAMES = {
    "latitude": re.compile(r"(nav_|rlat_|g\d_)?lat(itude)?s?(_|\d|$)", re.IGNORECASE),
    "longitude": re.compile(r"(nav_|rlon_|g\d_)?lon(gitude)?s?(_|\d|$)", re.IGNORECASE),
}
"""Other names of coordinates, such as ``lat_FULL``, where nothing else tells them."""

SPREAD_LATITUDES = (*AXES["latitude"].names, "nav_lat", "clat", "tlat", "xlat")
"""Names that latitudes have on curvilinear and unstructured grids, beside the common ones."""

CALENDARS = {"standard", "gregorian", "proleptic_gregorian"}

ABSOLUTE = re.compile(r"^(day|month|year) as %y", re.IGNORECASE)
"""Units of CDO's absolute times: ``day as %Y%m%d.%f``, ``month as %Y%m.%f``, ``year as %Y.%f``."""

MONTHS_SINCE = re.compile(r"^months? since (\d{1,4})-(\d{1,2})-\d{1,2}\b")
"""Units that CF leaves undefined, except in a calendar of 30 days a month."""

SECONDS_PER_DAY = 86400

OUTSIDE = 0.1
"""Share of a step by which its time may lie outside its bounds: rounding, and calendars."""

OPEN_FILES = 4
"""Variables that are kept open, so that bands of one field share decompressed chunks."""

CHUNK_CACHE = 128 * 2**20
"""Bytes of decompressed chunks that are kept of each open variable."""


@dataclass(frozen=True, eq=False)
class Times:
    """Time coordinate of a file, as numbers with units.

    Attributes
    ----------
    name
        Name of the variable.
    units
        Units of the numbers, such as days since a date.
    numbers
        Values of the coordinate, shape (steps,).
    """

    name: str
    units: str
    numbers: np.ndarray

    def unit(self, file: Source, calendar: str) -> float:
        """Length of the time unit, days; a counted month has 30.

        Raises
        ------
        InputError
            The units are not units of time.
        """
        if MONTHS_SINCE.match(self.units.lower()):
            return 30.0
        first, second = Times(self.name, self.units, np.arange(2.0)).dates(file, calendar)
        return float((second - first).total_seconds() / SECONDS_PER_DAY)

    def dates(self, file: Source, calendar: str, python: bool = False) -> np.ndarray:
        """Decode the dates, in Python's calendar or any other.

        Raises
        ------
        InputError
            The units are not units of time.
        """
        try:
            dates = netCDF4.num2date(
                self.numbers,
                self.units,
                calendar,
                only_use_cftime_datetimes=not python,
                only_use_python_datetimes=python,
            )
        except (ValueError, OverflowError) as error:
            expected = f"units of time since a date in the calendar {calendar}"
            raise InputError(file, self.name, expected, f"{self.units} ({error})") from error
        return np.atleast_1d(np.asarray(dates))

    def months(self, file: Source, calendar: str) -> tuple[list[pd.Period], bool]:
        """Months of the times, and whether all times are at 00 h of a first day.

        Raises
        ------
        InputError
            The units are not units of time.
        """
        absolute = ABSOLUTE.match(self.units)
        if absolute is not None:
            return [_absolute_month(float(n), absolute[1].lower()) for n in self.numbers], False
        counted = MONTHS_SINCE.match(self.units.lower())
        if counted is not None:
            origin = 12 * int(counted[1]) + int(counted[2]) - 1
            # Halves of a month are its middle; rounding must not push its start into the one
            # before.
            steps = np.floor(self.numbers.astype(np.float64) + 1e-4)
            return [_month(*divmod(origin + int(step), 12)) for step in steps], False
        dates = self.dates(file, calendar)
        on_edges = all(
            (date.day, date.hour, date.minute, date.second) == (1, 0, 0, 0) for date in dates
        )
        return [_month(date.year, date.month - 1) for date in dates], on_edges


class TimeBounds(Times):
    """Starts and ends of the steps of a coordinate of time; shape (steps, 2), the start first."""

    @property
    def middle(self) -> Times:
        """Middles of the steps."""
        return Times(self.name, self.units, self.numbers.mean(axis=1))

    def lengths(self, file: Source, calendar: str) -> np.ndarray:
        """Days from the start to the end of each step; a counted month has 30.

        Raises
        ------
        InputError
            The units are not units of time.
        """
        return (self.numbers[:, 1] - self.numbers[:, 0]) * self.unit(file, calendar)


@dataclass(frozen=True, eq=False)
class NativeVariable:
    """A variable on a rectilinear grid in a provider's file.

    Attributes
    ----------
    file, name
        Path of the file, and name of the variable.
    grid
        Grid in the file's own order. A last column that repeats the first is left out.
    horizontal
        Names of the dimensions of latitude and longitude.
    sizes
        Sizes of the other dimensions by name.
    units
        Units as the file states them; None where it states none.
    dtype
        Type of the stored values.
    attributes
        Names of the attributes.
    times
        Names of the dimensions whose coordinates are marked as time.
    """

    file: Path
    name: str
    grid: Grid
    horizontal: tuple[str, str]
    sizes: dict[str, int]
    units: str | None
    dtype: np.dtype
    attributes: frozenset[str]
    times: frozenset[str] = frozenset()

    def read(
        self,
        rows: slice,
        index: dict[str, int] | None = None,
        missing_value: float | None = None,
    ) -> np.ndarray:
        """Read rows of one layer, unpacked.

        Parameters
        ----------
        rows
            Rows of the grid.
        index
            Position along each other dimension; those of size 1 may be left out.
        missing_value
            Value, after unpacking, that stands for missing although the file does not say so.

        Returns
        -------
        Values in double precision, shape (rows, columns), NaN where missing.

        Raises
        ------
        InputError
            The file breaks off.
        """
        index = index or {}
        variable = _open_variable(self.file, self.name, self.file.stat().st_mtime_ns)[1]
        selection = tuple(
            rows
            if name == self.horizontal[0]
            else slice(self.grid.shape[1])
            if name == self.horizontal[1]
            else index.get(name, 0)
            for name in variable.dimensions
        )
        stored = read_values(variable, selection, self.file)
        values = np.ma.filled(np.ma.asarray(stored).astype(np.float64), np.nan)
        if missing_value is not None:
            # Single precision cannot hold every number that a configuration can.
            values[np.isclose(values, missing_value, rtol=1e-6, atol=0)] = np.nan
        positions = [variable.dimensions.index(name) for name in self.horizontal]
        return values if positions[0] < positions[1] else values.T

    def single_layer(self) -> "NativeVariable":
        """Return the variable if it has one layer only.

        Raises
        ------
        InputError
            The variable has several layers.
        """
        if any(size != 1 for size in self.sizes.values()):
            raise InputError(self.file, self.name, "one layer", f"dimensions {self.sizes}")
        return self


def find_variable(dataset: netCDF4.Dataset, name: str, file: Path) -> NativeVariable:
    """Find a variable and its grid, of the bounds of its coordinates where there are any.

    Raises
    ------
    InputError
        The variable is absent, holds no numbers, or is not on a grid of latitude and longitude.
    """
    if name not in dataset.variables:
        found = f"only {', '.join(dataset.variables)}"
        raise InputError(file, name, "a variable of this name", found)
    variable = dataset[name]
    if variable.dtype is str or np.dtype(variable.dtype).kind not in "fiu":
        raise InputError(file, name, "numbers", f"values of type {variable.dtype}")
    latitude, longitude = (
        find_coordinate(dataset, kind, file, variable.dimensions) for kind in AXES
    )
    horizontal = (latitude.dimensions[0], longitude.dimensions[0])
    if not set(horizontal) <= set(variable.dimensions):
        found = f"the dimensions {', '.join(variable.dimensions)}"
        raise InputError(file, name, f"the dimensions {' and '.join(horizontal)}", found)
    units = stated_units(variable)
    bounds = [_read_degree_bounds(dataset, axis.name, file) for axis in (latitude, longitude)]
    return NativeVariable(
        file,
        name,
        grid_of_coordinates(latitude, longitude, bounds, file),
        horizontal,
        {
            dimension: size
            for dimension, size in zip(variable.dimensions, variable.shape, strict=True)
            if dimension not in horizontal
        },
        units,
        np.dtype(variable.dtype),
        frozenset(variable.ncattrs()),
        frozenset(name for name in variable.dimensions if _is_time(dataset, name)),
    )


def stated_units(variable: netCDF4.Variable) -> str | None:
    """Units that a variable states, perhaps as ``Units`` or ``unit``; None if it states none."""
    for name in ("units", "Units", "UNITS", "unit", "Unit"):
        if name in variable.ncattrs():
            return str(variable.getncattr(name)).strip()
    return None


def find_coordinate(
    dataset: netCDF4.Dataset, kind: str, file: Source, along: Collection[str]
) -> netCDF4.Variable:
    """Find the latitudes or longitudes of a variable: by the common names, else as CF has it.

    Parameters
    ----------
    dataset
        Dataset of an open file.
    kind
        Kind of coordinate, ``latitude`` or ``longitude``.
    file
        Path of the file, for messages.
    along
        Dimensions of the variable.

    Raises
    ------
    InputError
        There is no such coordinate or several, it is not in one dimension, or not in degrees.
    """
    candidates = [variable for variable in dataset.variables.values() if variable.ndim == 1]
    # A file may have several grids; a variable may lack one of the axes.
    own = [variable for variable in candidates if variable.dimensions[0] in along]
    criteria = (is_named, has_standard_name, has_direction, has_axis, _is_named_otherwise)
    found = first_found(own, criteria, kind) or first_found(candidates, criteria, kind)
    if len(found) != 1:
        expected = (
            f"one coordinate in one dimension, named {' or '.join(AXES[kind].names)} or with "
            f"{kind} as standard_name or in its units"
        )
        names = ", ".join(f"{v.name}({', '.join(v.dimensions)})" for v in found)
        raise InputError(file, kind, expected, names or f"only {', '.join(dataset.variables)}")
    units = str(getattr(found[0], "units", "degrees")).strip().lower()
    if not units.startswith("deg"):
        raise InputError(file, found[0].name, "degrees", f"units {units}")
    return found[0]


def _is_named_otherwise(variable: netCDF4.Variable, kind: str) -> bool:
    return OTHER_NAMES[kind].match(variable.name) is not None


def time_dimension(variable: NativeVariable, names: Iterable[str] = ("time",)) -> str:
    """Name of the time dimension.

    Parameters
    ----------
    variable
        Variable whose other dimensions must be of size 1.
    names
        Names that the dimension may have, in small letters or capitals, where its coordinate is not
        marked as time.

    Raises
    ------
    InputError
        There is no time dimension, or there are further layers.
    """
    found = times_of(variable, names)
    if len(found) != 1 or any(
        size != 1 for name, size in variable.sizes.items() if name not in found
    ):
        expected = f"one dimension of time ({' or '.join(names)}) beside latitude and longitude"
        raise InputError(variable.file, variable.name, expected, f"dimensions {variable.sizes}")
    return found[0]


def times_of(variable: NativeVariable, names: Iterable[str]) -> list[str]:
    """Dimensions of a variable that have these names, or whose coordinates are marked as time.

    Dimensions of one step are ignored beside one of several.
    """
    called = set(names)
    found = [name for name in variable.sizes if name.lower() in called]
    found = found or [name for name in variable.sizes if name in variable.times]
    long = [name for name in found if variable.sizes[name] > 1]
    return long if len(found) > 1 and long else found


def read_dates(
    dataset: netCDF4.Dataset, name: str, file: Source, by_bounds: bool = True
) -> pd.DatetimeIndex:
    """Decode a time coordinate to instants.

    Parameters
    ----------
    dataset, name
        File and name of the coordinate.
    file
        Path of the file, for messages.
    by_bounds
        Whether the middle of its bounds counts where it has any.

    Raises
    ------
    InputError
        The coordinate is absent, states no units of time since a date, counts in a calendar that is
        not the Gregorian one, or counts from before its reform.
    """
    calendar = read_calendar(dataset, name, file)
    if calendar not in CALENDARS:
        raise InputError(file, name, "the Gregorian calendar", f"calendar {calendar}")
    bounds = read_time_bounds(dataset, name, file) if by_bounds else None
    times = read_times(dataset, name, file) if bounds is None else bounds.middle
    return pd.DatetimeIndex(times.dates(file, calendar, python=True))


def read_months(
    dataset: netCDF4.Dataset,
    name: str,
    file: Source,
    held: Sequence[pd.Period] | Literal["whole years"] | None = None,
) -> list[pd.Period]:
    """Decode a time coordinate to months, in any calendar of CF.

    Counts of months are understood, whole or not. Bounds decide where there are any. Without them
    a stamp at 00 h of a first day is the start of its month, or the end of the one before.

    Parameters
    ----------
    dataset, name
        File and name of the coordinate.
    file
        Path of the file, for messages.
    held
        Months that the file is known to hold, by its name or by what its product promises: if it
        holds them when such stamps are taken as ends, they are ends. Else they are starts.

    Raises
    ------
    InputError
        The coordinate is absent, or states no units of time since a date.
    """
    calendar = read_calendar(dataset, name, file)
    bounds = read_time_bounds(dataset, name, file)
    times = read_times(dataset, name, file) if bounds is None else bounds.middle
    months, on_edges = times.months(file, calendar)
    if bounds is not None or held is None or not on_edges:
        return months
    before = [month - 1 for month in months]
    if held == "whole years":
        # As starts they would begin in February.
        ends = before[0].month == 1 and before[-1].month == 12
    else:
        ends = before == list(held)
    return before if ends else months


def read_times(dataset: netCDF4.Dataset, name: str, file: Source) -> Times:
    """Read the numbers of a time coordinate, one for each step.

    Raises
    ------
    InputError
        A number is missing.
    """
    values = np.ma.asarray(dataset[name][:])
    if np.ma.is_masked(values):
        raise InputError(file, name, "a time of every step", "missing values")
    units = str(getattr(dataset[name], "units", "no units"))
    return Times(name, units, np.atleast_1d(np.ma.getdata(values)))


def read_time_bounds(dataset: netCDF4.Dataset, name: str, file: Source) -> TimeBounds | None:
    """Read the bounds of a time coordinate.

    Returns
    -------
    Bounds of the steps; None where the coordinate has none, or where all of them are empty, of
    which the log tells.

    Raises
    ------
    InputError
        The coordinate is absent, its bounds have another shape or missing values, or a time lies
        outside its bounds.
    """
    calendar = read_calendar(dataset, name, file)
    variable = find_bounds(dataset, name)
    if variable is None:
        return None
    values = np.ma.asarray(variable[:])
    count = dataset[name].size
    if values.size != 2 * count or values.shape[-1] != 2:
        raise InputError(file, variable.name, f"bounds of shape {(count, 2)}", f"{values.shape}")
    if np.ma.is_masked(values):
        raise InputError(file, variable.name, "bounds of every step", "missing values")
    numbers = np.sort(np.ma.getdata(values).reshape(count, 2).astype(np.float64), axis=1)
    if not (numbers[:, 1] > numbers[:, 0]).any():
        logger.warning("%s: the bounds %s are empty and say nothing", file, variable.name)
        return None
    units = str(getattr(variable, "units", getattr(dataset[name], "units", "no units")))
    bounds = TimeBounds(variable.name, units, numbers)
    _check_within(read_times(dataset, name, file), bounds, file, calendar)
    return bounds


def _check_within(times: Times, bounds: TimeBounds, file: Source, calendar: str) -> None:
    """Refuse times outside their bounds: one of the two is wrong."""
    stamps = times.numbers.astype(np.float64)
    if times.units.split() != bounds.units.split():
        origin = bounds.numbers[0, 0]
        zero = Times(bounds.name, bounds.units, np.array([origin])).dates(file, calendar)[0]
        days = [
            (date - zero).total_seconds() / SECONDS_PER_DAY for date in times.dates(file, calendar)
        ]
        stamps = origin + np.array(days) / bounds.unit(file, calendar)
    start, end = bounds.numbers.T
    slack = OUTSIDE * (end - start)
    outside = np.flatnonzero((stamps < start - slack) | (stamps > end + slack))
    if outside.size:
        step = int(outside[0])
        expected = f"times within their bounds {bounds.name}"
        found = (
            f"{outside.size} of {stamps.size} others, such as {stamps[step]:g} with "
            f"{start[step]:g} to {end[step]:g} ({bounds.units})"
        )
        raise InputError(file, times.name, expected, found)


def find_bounds(dataset: netCDF4.Dataset, name: str) -> netCDF4.Variable | None:
    """Find the bounds of a coordinate, by its attribute or by the usual names of bounds."""
    names = (
        str(getattr(dataset[name], "bounds", "")),
        *(pattern.format(name) for pattern in ("{}_bnds", "{}_bounds", "bounds_{}")),
    )
    for candidate in names:
        if candidate in dataset.variables and candidate != name:
            return dataset[candidate]
    return None


def has_dates(dataset: netCDF4.Dataset, time: str) -> bool:
    """Whether a coordinate exists and counts time since a date."""
    coordinate = dataset.variables.get(time)
    return coordinate is not None and " since " in str(getattr(coordinate, "units", ""))


def read_calendar(dataset: netCDF4.Dataset, name: str, file: Source) -> str:
    """Calendar of a time coordinate, in lower case.

    Raises
    ------
    InputError
        The coordinate is absent.
    """
    if name not in dataset.variables:
        raise InputError(file, name, "a coordinate of time", f"only {', '.join(dataset.variables)}")
    return str(getattr(dataset[name], "calendar", "standard")).lower()


def month_length(month: pd.Period, calendar: str) -> int:
    """Days of a month in a calendar of CF."""
    first = np.asarray(netCDF4.num2date([0], f"days since {month}-01", calendar), dtype=object)
    return first[0].daysinmonth


def check_rectilinear(dataset: netCDF4.Dataset, name: str, file: Path) -> None:
    """Refuse a variable whose cells are not bounded by parallels and meridians.

    Raises
    ------
    InputError
        Latitude and longitude depend on the same dimensions.
    """
    if name not in dataset.variables:
        found = f"only {', '.join(dataset.variables)}"
        raise InputError(file, name, "a variable of this name", found)
    for variable in dataset.variables.values():
        text = str(getattr(variable, "standard_name", variable.name)).lower()
        tells = text in AXES["latitude"].names or variable.name.lower() in SPREAD_LATITUDES
        shared = variable.ndim == 1 and any(
            other.dimensions == variable.dimensions
            for other in dataset.variables.values()
            if is_named(other, "longitude")
        )
        if tells and (variable.ndim > 1 or shared):
            sizes = ", ".join(
                f"{dimension} {size}"
                for dimension, size in zip(
                    dataset[name].dimensions, dataset[name].shape, strict=True
                )
            )
            raise InputError(
                file,
                name,
                "latitude and longitude along one dimension each (other grids need xESMF first)",
                f"the dimensions {sizes}, and {variable.name} along "
                f"{' and '.join(variable.dimensions)}",
            )


def months_of_year(year: int) -> list[pd.Period]:
    """The 12 months of a year."""
    return list(pd.period_range(f"{year}-01", f"{year}-12", freq="M"))


def check_year(file: Path, name: str, months: Iterable[pd.Period], year: int) -> None:
    """Check that the steps of a file are the months of a year, in order.

    Raises
    ------
    InputError
        A month is missing, there twice, out of order, or of another year.
    """
    found = list(months)
    if found != months_of_year(year):
        shown = ", ".join(map(str, found))
        raise InputError(file, name, f"the 12 months of {year}", f"{len(found)}: {shown}")


def match_name(pattern: re.Pattern[str], file: Path, example: str) -> re.Match[str]:
    """Match the name of a file, which contains its time.

    Raises
    ------
    InputError
        The file is named otherwise.
    """
    match = pattern.search(file.name)
    if match is None:
        raise InputError(file, "file name", f"a name such as {example}", file.name)
    return match


def _is_time(dataset: netCDF4.Dataset, name: str) -> bool:
    coordinate = dataset.variables.get(name)
    if coordinate is None:
        return False
    units = str(getattr(coordinate, "units", ""))
    return (
        str(getattr(coordinate, "standard_name", "")) == "time"
        or str(getattr(coordinate, "axis", "")) == "T"
        or " since " in units
        or ABSOLUTE.match(units) is not None
    )


def _absolute_month(number: float, unit: str) -> pd.Period:
    """Month of an absolute time of CDO."""
    if unit == "year":
        year = int(np.floor(number + 1e-4))
        # The middle of a month is rounded, its start must not fall into the one before.
        return _month(year, min(int((number - year) * 12 + 1e-3), 11))
    digits = int(number) if unit == "month" else int(number) // 100
    return _month(digits // 100, digits % 100 - 1)


def _month(year: int, index: int) -> pd.Period:
    """Month of a year, counted from 0."""
    return pd.Period(year=year, month=index + 1, freq="M")


@lru_cache(maxsize=OPEN_FILES)
def _open_variable(
    file: Path, name: str, modified: int
) -> tuple[netCDF4.Dataset, netCDF4.Variable]:
    """Open a variable, anew when its file has been `modified`."""
    dataset = open_netcdf(file)
    variable = dataset[name]
    chunks = variable.chunking()
    if isinstance(chunks, list):
        # Two rows of chunks, so that bands need not share the chunks' edges.
        count = 2 * math.ceil(variable.shape[-1] / chunks[-1])
        size = count * math.prod(chunks) * variable.dtype.itemsize
        variable.set_var_chunk_cache(min(size, CHUNK_CACHE), 10 * count + 1, 1.0)
    return dataset, variable


def _read_degree_bounds(dataset: netCDF4.Dataset, name: str, file: Path) -> np.ndarray | None:
    """Bounds of latitudes or longitudes; None where there are none, or where all are empty."""
    variable = find_bounds(dataset, name)
    if variable is None:
        return None
    values = np.ma.asarray(variable[:])
    if np.ma.getmaskarray(values).all() or not np.ma.filled(values, 0).any():
        logger.warning("%s: the bounds %s are empty and say nothing", file, variable.name)
        return None
    return read_degrees(variable, file)

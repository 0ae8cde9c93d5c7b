"""Temporal meaning of the values of a file, and whether it is the one that their role needs.

A file tells it in several places: ``cell_methods``, ``GRIB_stepType``, the stream in the name that
the Climate Data Store gives to files and members of archives, the ``frequency`` of CMIP6, the
bounds of its times, and its stamps. None of them has to be there; none of them may contradict.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.archives import Source
from differland.datasets.native import (
    has_dates,
    read_calendar,
    read_dates,
    read_months,
    read_time_bounds,
    read_times,
)
from differland.errors import InputError

Role = Literal[
    "monthly mean",
    "monthly total",
    "monthly state",
    "monthly mean by hour of day",
    "daily minimum",
    "daily maximum",
    "mean of days",
    "yearly state",
]
"""What the values are needed as. A state, such as a pool, may be given at an instant. A mean of
days is of some days that are no month, such as 8."""

STATISTICS = {
    "instant": "instant",
    "point": "instant",
    "accum": "sum",
    "sum": "sum",
    "min": "minimum",
    "minimum": "minimum",
    "max": "maximum",
    "maximum": "maximum",
    "mean": "mean",
    "average": "mean",
}
"""What words of ``cell_methods`` and ``GRIB_stepType`` say; so do all that begin with ``avg``."""

SELF_TELLING = frozenset({"mn2t", "mx2t"})
"""Extremes since the last output, both labelled as maxima by the centre: their names tell."""

NO_STEP = frozenset({"", "none", "unknown"})
"""Labels that say nothing, such as those of ERA5-Land."""

STREAMS = {
    "moda": "monthly mean",
    "edmo": "monthly mean",
    "mnth": "monthly mean by hour of day",
    "edmm": "monthly mean by hour of day",
}
"""Streams of ECMWF that hold means; all others hold hours."""

OF_DAYS = "oper"
"""Stream of the hours that the store makes daily statistics of, in whose names it stands too."""

STREAM_IN_NAME = re.compile(r"stream-([a-z]+)", re.IGNORECASE)
STEP_IN_NAME = re.compile(r"stepType-([a-z]+)", re.IGNORECASE)
DAILY_IN_NAME = re.compile(
    r"daily[-_. ]?(mean|average|min(?:imum)?|max(?:imum)?|sum|spread|standard)(?![a-z])",
    re.IGNORECASE,
)
"""How the store names files, and members of archives: ``data_stream-moda_stepType-avgua.nc``,
``2m_temperature_0_daily-mean.nc``, ``2m_temperature_stream-oper_daily-mean.nc``."""

FREQUENCY = re.compile(r"^(?:fx|dec|day|(?:mon|yr)(?:C|Pt)?|[136]hr(?:CM|Pt)?|subhr(?:Pt)?)$")
"""Frequencies of CMIP6."""

PLAIN_FREQUENCIES = {
    "monthly": "mon",
    "month": "mon",
    "daily": "day",
    "hourly": "1hr",
    "3-hourly": "3hr",
    "6-hourly": "6hr",
    "yearly": "yr",
    "annual": "yr",
}
"""What other files have in that attribute."""

Period = Literal["day", "8 days", "dekad", "half month", "18 days", "solution", "month", "year"]
"""That a value stands for; a solution is one of GRACE."""


class Length(NamedTuple):
    """Range of the length of a period, days, and its name in messages."""

    text: str
    shortest: float
    longest: float


LENGTHS: dict[Period, Length] = {
    "day": Length("a day", 0.95, 1.05),
    "8 days": Length("8 days", 4.95, 8.05),
    "dekad": Length("a dekad", 7.95, 11.05),
    "half month": Length("half a month", 12.95, 16.05),
    "18 days": Length("18 days", 0.95, 24.05),
    "solution": Length("about a month", 4.95, 75.05),
    "month": Length("a month", 27.0, 32.0),
    "year": Length("a year", 359.0, 367.0),
}
"""In the calendars of CF. The last of a year may be shorter; solutions are of what days there
were."""


class Needs(NamedTuple):
    """Temporal meanings that a role admits.

    Attributes
    ----------
    statistics
        Statistics of the values over their period.
    period
        Period that a value stands for.
    frequencies
        Values of the attribute ``frequency`` of CMIP6.
    """

    statistics: frozenset[str]
    period: str
    frequencies: tuple[str, ...]


ROLES: dict[Role, Needs] = {
    "monthly mean": Needs(frozenset({"mean"}), "month", ("mon",)),
    "monthly total": Needs(frozenset({"mean", "sum"}), "month", ("mon",)),
    "monthly state": Needs(frozenset({"mean", "instant"}), "month", ("mon", "monPt", "yr", "yrPt")),
    "monthly mean by hour of day": Needs(frozenset({"mean"}), "month", ("1hrCM",)),
    "daily minimum": Needs(frozenset({"minimum"}), "day", ("day",)),
    "daily maximum": Needs(frozenset({"maximum"}), "day", ("day",)),
    "mean of days": Needs(frozenset({"mean"}), "days", ()),
    "yearly state": Needs(frozenset({"mean", "instant"}), "year", ("yr", "yrPt")),
}


def check_meaning(
    dataset: netCDF4.Dataset,
    name: str,
    file: Source,
    role: Role,
    file_names: Iterable[str] = (),
) -> None:
    """Refuse a variable whose stated temporal meaning is not the one that its role needs.

    Parameters
    ----------
    dataset, name
        File and name of the variable.
    file
        Path of the file, for messages.
    role
        Role in which the variable is used.
    file_names
        Names that may state the statistic: of the file, of the archive that it was in, of the
        member.

    Raises
    ------
    InputError
        The names, ``cell_methods``, ``GRIB_stepType`` or ``frequency`` say otherwise.
    """
    variable = dataset[name]
    found = _contradiction_in_names(file_names, role)
    found = found or _contradiction_in_attributes(variable, role)
    said = str(getattr(dataset, "frequency", ""))
    frequency = PLAIN_FREQUENCIES.get(said.lower(), said)
    if FREQUENCY.match(frequency) and frequency not in ROLES[role].frequencies:
        found = found or f"the frequency {said!r} of the file"
    if found is not None:
        raise InputError(file, name, f"values that are each a {role}", found)


def read_monthly(
    dataset: netCDF4.Dataset,
    name: str,
    time: str,
    file: Source,
    role: Role,
    held: Sequence[pd.Period] | Literal["whole years"] | None = None,
) -> list[pd.Period]:
    """Months of a variable, after all checks of its temporal meaning.

    Parameters
    ----------
    dataset, name
        File and name of the variable.
    time
        Name of the time coordinate.
    file, role
        File and role, as for :func:`check_meaning`.
    held
        Months that the file is known to hold, as for
        :func:`differland.datasets.native.read_months`.

    Raises
    ------
    InputError
        The variable cannot be used, as for :func:`check_meaning`, :func:`check_lengths` and
        :func:`differland.datasets.native.read_months`.
    """
    check_meaning(dataset, name, file, role)
    months = read_months(dataset, time, file, held)
    check_lengths(dataset, time, file, "month")
    return months


def check_lengths(dataset: netCDF4.Dataset, time: str, file: Source, period: Period) -> None:
    """Refuse times whose bounds are closer or farther apart than a period.

    Parameters
    ----------
    dataset, time
        File and name of the time coordinate. Files without its bounds are not checked.
    file
        Path of the file, for messages.
    period
        Period that every value stands for.

    Raises
    ------
    InputError
        A value stands for less or more time.
    """
    bounds = read_time_bounds(dataset, time, file)
    if bounds is None:
        return
    days = bounds.lengths(file, read_calendar(dataset, time, file))
    length = LENGTHS[period]
    wrong = np.flatnonzero((days < length.shortest) | (days > length.longest))
    if wrong.size:
        found = f"{wrong.size} of {days.size} others, such as {days[wrong[0]]:.4g} days"
        raise InputError(file, bounds.name, f"bounds that are {length.text} apart", found)


def step_lengths(dataset: netCDF4.Dataset, time: str, file: Source) -> np.ndarray | None:
    """Lengths of the time steps, days, from bounds, or else from one stamp to the next.

    Returns
    -------
    Lengths, days; None where the coordinate is absent or only counts, such as 0, 1, 2.

    Raises
    ------
    InputError
        The bounds cannot be used, as for :func:`differland.datasets.native.read_time_bounds`; or
        the units are no units of time.
    """
    if not has_dates(dataset, time):
        return None
    calendar = read_calendar(dataset, time, file)
    bounds = read_time_bounds(dataset, time, file)
    if bounds is not None:
        return bounds.lengths(file, calendar)
    times = read_times(dataset, time, file)
    apart = np.diff(times.numbers.astype(np.float64))
    return None if (apart == 1).all() else apart * times.unit(file, calendar)


def check_span(
    dataset: netCDF4.Dataset,
    time: str,
    file: Source,
    days: tuple[pd.Timestamp, pd.Timestamp],
    period: Period,
) -> None:
    """Refuse a file of one step whose time lies outside the days of its name.

    Parameters
    ----------
    dataset, time
        File and name of the time coordinate. Files without it, or whose numbers are no dates, are
        not checked.
    file
        Path of the file, for messages.
    days
        First and last day.
    period
        Period that the value stands for.

    Raises
    ------
    InputError
        The time, or the middle of its bounds, lies elsewhere, or the bounds are of another period.
    """
    if not has_dates(dataset, time):
        return
    check_lengths(dataset, time, file, period)
    first, last = days
    for date in read_dates(dataset, time, file):
        # A period may be stamped with its end.
        if not first <= date <= last + pd.Timedelta("1D"):
            expected = f"a time from {first:%Y-%m-%d} to {last:%Y-%m-%d}, as the file is named"
            raise InputError(file, time, expected, f"{date:%Y-%m-%d %H:%M}")


def check_apart(dataset: netCDF4.Dataset, time: str, file: Source) -> None:
    """Refuse steps that are less than a day apart, as means of days cannot be.

    Raises
    ------
    InputError
        Steps are less than a day apart.
    """
    dates = read_dates(dataset, time, file)
    apart = np.diff(dates.to_numpy())
    near = np.flatnonzero((apart >= np.timedelta64(0)) & (apart < np.timedelta64(23, "h")))
    if near.size:
        pair = f"{dates[near[0]]:%Y-%m-%d %H:%M} and {dates[near[0] + 1]:%Y-%m-%d %H:%M}"
        raise InputError(file, time, "steps of a day or more", f"{pair}: hours?")


def check_monthly_stamps(dates: pd.DatetimeIndex, name: str, file: Source) -> None:
    """Refuse stamps of the reanalysis that are those of an hour, in files without bounds.

    Its monthly means are stamped at 00 h on the first day, those of accumulations at 06 h. Those
    that users make have the middle of the month, or its end.

    Raises
    ------
    InputError
        A stamp is none of these.
    """
    months = dates.to_period("M")
    start, end = months.to_timestamp(), (months + 1).to_timestamp()
    hours = (dates - start) / pd.Timedelta("1h")
    middle = np.abs((dates - (start + (end - start) / 2)) / pd.Timedelta("1h")) <= 12
    last_day = (end - dates) / pd.Timedelta("1h") <= 24
    meant = np.asarray(np.isclose(hours, 0) | np.isclose(hours, 6)) | middle | last_day
    if not meant.all():
        stamp = dates[int(np.flatnonzero(~meant)[0])]
        expected = "stamps of monthly means: 00 h (06 h for accumulations) of the first day"
        raise InputError(file, name, expected, f"{stamp:%Y-%m-%d %H:%M}: that of an hour?")


def check_daily_stamps(dates: pd.DatetimeIndex, name: str, file: Source) -> None:
    """Refuse hourly stamps in files of daily values that do not state their statistic.

    Raises
    ------
    InputError
        A stamp is not at 00 h.
    """
    other = np.flatnonzero(dates != dates.normalize())
    if other.size:
        expected = "stamps of daily statistics, at 00 h"
        found = f"{dates[int(other[0])]:%Y-%m-%d %H:%M}: that of an hour?"
        raise InputError(file, name, expected, found)


def check_hourly_stamps(dates: pd.DatetimeIndex, name: str, file: Source) -> None:
    """Refuse stamps of means by hour of day that are not on the first day of a month.

    Hour 0 may be stamped on the second day.

    Raises
    ------
    InputError
        A stamp is on another day.
    """
    hours = (dates - dates.to_period("M").to_timestamp()) / pd.Timedelta("1h")
    other = np.flatnonzero(np.asarray(hours) > 24)
    if other.size:
        expected = "stamps of means by hour of day, on the first day of the month"
        found = f"{dates[int(other[0])]:%Y-%m-%d %H:%M}: an hour of that day?"
        raise InputError(file, name, expected, found)


def tells_statistic(variable: netCDF4.Variable, file_names: Iterable[str] = ()) -> bool:
    """Whether ``cell_methods`` or the names of a file state the statistic of its values."""
    methods = {_statistic(word) for word in _cell_methods(variable)}
    return bool(methods - {"instant"}) or any(map(DAILY_IN_NAME.search, file_names))


def _contradiction_in_names(file_names: Iterable[str], role: Role) -> str | None:
    for text in file_names:
        stream, step = STREAM_IN_NAME.search(text), STEP_IN_NAME.search(text)
        daily = DAILY_IN_NAME.search(text)
        if daily is not None and _statistic(daily[1]) not in _daily_statistics(role):
            return f"the {daily[0]} ({text})"
        of_days = daily is not None and stream is not None and stream[1].lower() == OF_DAYS
        if stream is not None and not of_days and STREAMS.get(stream[1].lower(), "hours") != role:
            return f"the stream {stream[1]} ({text})"
        if step is not None and _statistic(step[1]) not in ROLES[role].statistics:
            return f"steps of type {step[1]} ({text})"
    return None


def _contradiction_in_attributes(variable: netCDF4.Variable, role: Role) -> str | None:
    needs = ROLES[role]
    words = _cell_methods(variable)
    if words:
        said = {_statistic(word) for word in words}
        fits = bool(said & needs.statistics) if needs.period == "day" else said <= needs.statistics
        if not fits:
            return f"cell_methods {variable.cell_methods!r}"
    stream = str(getattr(variable, "GRIB_stream", ""))
    if stream and stream in STREAMS:
        return None if STREAMS[stream] == role else f"GRIB_stream {stream!r}"
    step = str(getattr(variable, "GRIB_stepType", ""))
    if step.lower() in NO_STEP or variable.name in SELF_TELLING:
        return None
    statistic = _statistic(step)
    # Daily statistics keep the label of the hours that they were made of.
    inherited = needs.period == "day" and statistic == "instant"
    fits = statistic in needs.statistics or inherited
    return None if fits else f"GRIB_stepType {step!r}"


def _cell_methods(variable: netCDF4.Variable) -> list[str]:
    """Methods along time, such as those of ``area: time: mean``."""
    text = str(getattr(variable, "cell_methods", "")).lower()
    return re.findall(r"time(?:_counter)?: *(?:[a-z_]+: *)*([a-z_]+)", text)


def _statistic(word: str) -> str:
    word = word.lower()
    return "mean" if word.startswith("avg") else STATISTICS.get(word, word)


def _daily_statistics(role: Role) -> frozenset[str]:
    needs = ROLES[role]
    return needs.statistics if needs.period == "day" else frozenset()

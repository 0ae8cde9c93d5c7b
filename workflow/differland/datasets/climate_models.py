"""Climate models of CMIP6 (Eyring et al., 2016, doi:10.5194/gmd-9-1937-2016), for projections."""

import itertools
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from differland.datasets.archives import glob_files, is_litter
from differland.datasets.catalogue import read_catalogue, unread_by
from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import (
    NativeVariable,
    check_rectilinear,
    find_variable,
    match_name,
    month_length,
    read_calendar,
    time_dimension,
)
from differland.datasets.temporal import read_monthly
from differland.errors import InputError
from differland.opening import open_netcdf

logger = logging.getLogger(__name__)

Variable = Literal["tas", "pr"]

FILE_NAME = re.compile(
    r"^(?P<variable>[a-z0-9]+)_Amon_(?P<model>[^_]+)_(?P<experiment>[^_]+)_(?P<member>r\d+i\d+p\d+f\d+)"
    r"_(?P<grid>g[a-z0-9]+)_(?P<first>\d{4}(?:0[1-9]|1[0-2]))(?:\d{2})?-"
    r"(?P<last>\d{4}(?:0[1-9]|1[0-2]))(?:\d{2})?(?:_(?P<version>v\d{8}))?\.nc4?$"
)
"""As the archive has it, or the Climate Data Store, which adds days of the first and last stamps,
and the version: ``..._gn_20150116-21001216_v20190529.nc``."""

SPAN = ("first", "last")
"""Groups of the name that say from when to when a file has values."""

VERSION = re.compile(r"v\d{8}")
"""Folders of the archive, one for each version of a dataset; and parts of names."""

PRODUCT = "cmip6"
"""Name in the catalogue."""

HISTORICAL = "historical"
"""Experiment that ends where scenarios begin."""

LAST_HISTORICAL_YEAR = 2014

ZERO_CELSIUS = 273.15
SECONDS_PER_DAY = 86400.0

ROUNDING = 0.05
"""Precipitation below zero, mm day-1, that numerics make."""


class Quantity(NamedTuple):
    """Description of a quantity in the files.

    Attributes
    ----------
    name, units
        Name and units of the monthly field in this library.
    yearly_name, yearly_units
        Name and units of the yearly field.
    predictor
        Predictor that the mean over years gives, in the units of years.
    conversions
        Factors from the spellings of the file's units.
    offset
        Offset, which is added after the factor.
    minimum, maximum
        Range of monthly values, in the units of this library.
    total
        Whether a year has the sum of its days, or their mean.
    """

    name: str
    units: str
    yearly_name: str
    yearly_units: str
    predictor: str
    conversions: dict[str, float]
    offset: float
    minimum: float
    maximum: float
    total: bool


QUANTITIES: dict[Variable, Quantity] = {
    "tas": Quantity(
        "t_mean",
        "degC",
        "annual_temperature",
        "degC",
        "mean_annual_temperature",
        {"K": 1.0},
        -ZERO_CELSIUS,
        -95,
        70,
        False,
    ),
    "pr": Quantity(
        "precipitation",
        "mm day-1",
        "annual_precipitation",
        "mm year-1",
        "mean_annual_precipitation",
        dict.fromkeys(("kg m-2 s-1", "kg m^-2 s^-1", "kg/m2/s"), SECONDS_PER_DAY),
        0.0,
        0,
        500,
        True,
    ),
}


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Variable of one file.

    Attributes
    ----------
    variable, quantity
        Variable and quantity to read.
    time, calendar
        Name of the time dimension, and its calendar.
    factor
        Factor from the file's units.
    """

    variable: NativeVariable
    quantity: Quantity
    time: str
    calendar: str
    factor: float

    def read(self, step: int, missing_value: float | None, rows: slice) -> np.ndarray:
        """Read rows of one time step."""
        quantity = self.quantity
        values = self.variable.read(rows, {self.time: step}, missing_value)
        values = values * self.factor + quantity.offset
        if quantity.total:
            values[(values < 0) & (values >= -ROUNDING)] = 0
        return check_range(
            self.variable.file,
            self.variable.name,
            values,
            quantity.minimum,
            quantity.maximum,
            quantity.units,
        )


def read_cmip6(
    files: Iterable[Path],
    variable: Variable,
    months: pd.PeriodIndex,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read monthly means of a member of a model on its own grid.

    Parameters
    ----------
    files
        ``tas_Amon_<model>_ssp245_<member>_<grid>_201501-210012.nc``, whole or in chunks of years,
        of one model, member and grid. The experiment may follow on ``historical``.
    variable
        ``tas`` gives ``t_mean``, degC; ``pr`` gives ``precipitation``, mm day-1.
    months
        Months of the result, in order; the files may have more.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    A field for each month, whatever its length in the calendar of the model.

    Raises
    ------
    InputError
        A file is named otherwise or is of another variable, model, member, grid or scenario than
        the first, breaks off, lacks the variable, is not on a grid of latitude and longitude, or
        does not have the months of its name; a month is missing or there twice; units or values
        are others than expected.
    """
    for month, (chunk, step) in _find_months(files, variable, months).items():
        read = partial(chunk.read, step, missing_value)
        quantity = chunk.quantity
        yield Field(
            quantity.name,
            quantity.units,
            chunk.variable.grid,
            read,
            chunk.variable.file,
            month,
        )


def read_cmip6_years(
    files: Iterable[Path],
    variable: Variable,
    years: Iterable[int],
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read the annual mean temperature or annual precipitation of single years.

    Months count by their length in the calendar of the model: a year of ``360_day`` has 360 days.

    Parameters
    ----------
    files, variable, missing_value
        Files, variable and missing value, as for :func:`read_cmip6`.
    years
        Years of the result, in order. The paper's projections are the mean of 2081 to 2099.

    Yields
    ------
    A field for each year, whose `month` is the year, a period of 12 months: ``annual_temperature``,
    degC, or ``annual_precipitation``, mm year-1.

    Raises
    ------
    InputError
        The files cannot be used, as for :func:`read_cmip6`.
    """
    listed = list(years)
    months = pd.PeriodIndex([month for year in listed for month in _months_of(year)], freq="M")
    found = _find_months(files, variable, months)
    for year in listed:
        parts = [(*found[month], month) for month in _months_of(year)]
        chunk = parts[0][0]
        quantity = chunk.quantity
        yield Field(
            quantity.yearly_name,
            quantity.yearly_units,
            chunk.variable.grid,
            partial(_read_year, parts, missing_value),
            chunk.variable.file,
            pd.Period(str(year), "Y"),
        )


def read_climatology(
    files: Iterable[Path],
    variable: Variable,
    years: Iterable[int],
    missing_value: float | None = None,
) -> Field:
    """Read the mean over years of annual mean temperature or annual precipitation.

    Parameters
    ----------
    files, variable, years, missing_value
        Files, variable, years and missing value, as for :func:`read_cmip6_years`.

    Returns
    -------
    ``mean_annual_temperature``, degC, or ``mean_annual_precipitation``, mm year-1.

    Raises
    ------
    InputError
        The files cannot be used, as for :func:`read_cmip6`.
    """
    fields = list(read_cmip6_years(files, variable, years, missing_value))
    quantity = QUANTITIES[variable]

    def read(rows: slice) -> np.ndarray:
        total = np.zeros(fields[0].read(rows).shape)
        for field in fields:
            total += field.read(rows)
        return total / len(fields)

    return Field(quantity.predictor, quantity.yearly_units, fields[0].grid, read, fields[0].file)


def find_cmip6(
    folder: Path,
    model: str,
    member: str,
    scenario: str,
    years: Iterable[int],
    patterns: Mapping[str, str | None] | None = None,
) -> dict[Variable, list[Path]]:
    """Find the files of a model that have some years; only their names are looked at.

    Of several versions in folders such as ``v20190429``, as the archive has them, the newest is
    taken, and named in the log.

    Parameters
    ----------
    folder
        Folder of the files, which may lie in subfolders.
    model, member, scenario
        Model, member and scenario as in file names: ``ACCESS-CM2``, ``r1i1p1f1``, ``ssp245``.
    years
        Years that are needed. Those up to 2014 are of the experiment ``historical``.
    patterns
        Patterns by variable, in place of the catalogue's: {model}, {experiment} and {member} stand
        for the values of the file.

    Returns
    -------
    Files by variable, in the order of time.

    Raises
    ------
    InputError
        Years are missing; the message names them and the files that were looked for. Or files are
        of two grids, models or members, the newest version lacks years that an older one has, or
        two files of an experiment have the same months; the message names both.
    """
    needed = set(years)
    found: dict[Variable, list[Path]] = {}
    for variable in QUANTITIES:
        pattern = (patterns or {}).get(variable) or read_catalogue()[PRODUCT].files[variable]
        chosen: list[_Named] = []
        for experiment in (HISTORICAL, scenario):
            glob = _filled(pattern, model, experiment, member)
            named = [file for file in _named_files(folder, glob) if file.years & needed]
            chosen += _one_run(named, variable, needed)
        _check_same_series(chosen, variable)
        missing = needed - {year for file in chosen for year in file.years}
        if missing:
            glob = _filled(pattern, model, scenario, member)
            where = read_catalogue()[PRODUCT].where
            expected = f"files such as {glob} (get them from {where})"
            shown = f"none of {min(missing)}" + (f" to {max(missing)}" if len(missing) > 1 else "")
            raise InputError(folder, f"{variable} of {model}", expected, shown)
        found[variable] = [file.path for file in chosen]
    return found


def unread_climates(
    folder: Path,
    models: Mapping[str, str],
    scenario: str,
    years: Iterable[int],
    patterns: Mapping[str, str | None] | None = None,
) -> list[str]:
    """List the files below the folder of all models that no model reads.

    Parameters
    ----------
    folder, scenario, years, patterns
        Arguments of the search, as for :func:`find_cmip6`.
    models
        Member of each model.

    Returns
    -------
    Paths from the folder, in order.
    """
    return unread_by(
        folder,
        (
            partial(find_cmip6, folder, model, member, scenario, years, patterns)
            for model, member in models.items()
        ),
    )


def calendar_of(file: Path) -> str:
    """Calendar that a file counts time in."""
    with open_netcdf(file) as dataset:
        return read_calendar(dataset, "time", file)


@dataclass(frozen=True)
class _Named:
    """A file, with the facts that its name and folder state.

    Attributes
    ----------
    path
        Path of the file.
    series
        Variable, model, member and grid.
    first, last
        First and last month.
    version
        Version in the name of the file or of its folder, such as 20190429; 0 where neither has one.
    """

    path: Path
    series: tuple[str, str, str, str]
    first: pd.Period
    last: pd.Period
    version: int

    @property
    def told_by(self) -> Path:
        """Path whose name states the version: the file, or its folder."""
        return self.path if f"_v{self.version}." in self.path.name else self.path.parent

    @property
    def years(self) -> set[int]:
        return set(range(self.first.year, self.last.year + 1))


def _filled(pattern: str, model: str, experiment: str, member: str) -> str:
    for key, text in (("model", model), ("experiment", experiment), ("member", member)):
        pattern = pattern.replace(f"{{{key}}}", text)
    return pattern


def _named_files(folder: Path, glob: str) -> Iterator[_Named]:
    """Files below a folder whose names are those of CMIP6, in the order of their names."""
    for file in sorted(glob_files(folder, glob), key=lambda path: (path.name, path)):
        below = file.relative_to(folder)
        if is_litter(below.as_posix()):
            continue
        name = FILE_NAME.match(file.name)
        if name is None:
            logger.warning("%s is not read: its name is none of CMIP6", file)
            continue
        told = [*below.parts[:-1], name["version"] or ""]
        versions = [int(part[1:]) for part in told if VERSION.fullmatch(part)]
        first, last = (pd.Period(f"{name[key][:4]}-{name[key][4:]}", "M") for key in SPAN)
        series = (name["variable"], name["model"], name["member"], name["grid"])
        yield _Named(file, series, first, last, versions[-1] if versions else 0)


def _one_run(files: list[_Named], variable: str, needed: set[int]) -> list[_Named]:
    """Files of an experiment, each month once, in the order of time.

    Raises
    ------
    InputError
        Months are there twice, or the newest version lacks some.
    """
    _check_same_series(files, variable)
    newest = max((file.version for file in files), default=0)
    versions = {file.version for file in files}
    if len(versions) > 1 and 0 not in versions:
        kept = [file for file in files if file.version == newest]
        older = [file for file in files if file.version != newest]
        held = {year for file in kept for year in file.years}
        for file in older:
            if lost := sorted(file.years & needed - held):
                expected = f"{lost[0]} in the newest version too, that of {kept[0].path}"
                raise InputError(file.path, variable, expected, f"version v{file.version} only")
        names = ", ".join(f"v{version}" for version in sorted(versions - {newest}))
        logger.warning("%s is read, not the older %s", kept[0].told_by, names)
        files = kept
    ordered = sorted(files, key=lambda file: (file.first, file.last, file.path))
    for file, later in itertools.pairwise(ordered):
        if later.first <= file.last:
            months = f"{later.first} to {min(file.last, later.last)}"
            raise InputError(
                later.path, variable, "each month in one file", f"{months} also in {file.path}"
            )
    return ordered


def _check_same_series(files: list[_Named], variable: str) -> None:
    """Refuse files of two models, members or grids; names both."""
    for file in files:
        if file.series != files[0].series:
            expected = (
                f"files of one model, member and grid, as {files[0].path} "
                f"(projection.patterns.{variable} can tell which)"
            )
            raise InputError(file.path, variable, expected, " ".join(file.series))


def _months_of(year: int) -> pd.PeriodIndex:
    return pd.period_range(f"{year}-01", f"{year}-12", freq="M")


def _read_year(
    parts: list[tuple[_Chunk, int, pd.Period]], missing_value: float | None, rows: slice
) -> np.ndarray:
    total: np.ndarray | float = 0.0
    days = 0
    for chunk, step, month in parts:
        length = month_length(month, chunk.calendar)
        total = total + length * chunk.read(step, missing_value, rows)
        days += length
    return np.asarray(total if parts[0][0].quantity.total else total / days)


def _find_months(
    files: Iterable[Path], variable: Variable, months: pd.PeriodIndex
) -> dict[pd.Period, tuple[_Chunk, int]]:
    """File and step of each month that is needed."""
    listed = list(files)
    if not listed:
        raise InputError("CMIP6", variable, "one or more files", "none")
    found: dict[pd.Period, tuple[_Chunk, int]] = {}
    series: set[tuple[str, ...]] = set()
    scenarios: set[str] = set()
    for file in listed:
        parts = match_name(
            FILE_NAME, file, f"{variable}_Amon_*_ssp245_r1i1p1f1_gn_201501-210012.nc"
        )
        series.add((parts["model"], parts["member"], parts["grid"]))
        scenarios |= {parts["experiment"]} - {HISTORICAL}
        if parts["variable"] != variable or len(series) > 1 or len(scenarios) > 1:
            expected = f"{variable} of one model, scenario, member and grid, as {listed[0].name}"
            raise InputError(file, "file name", expected, file.name)
        chunk, steps = _open_chunk(file, variable, parts["first"], parts["last"])
        for step, month in enumerate(steps):
            if month in found:
                other = found[month][0].variable.file
                if (kept := _of_two_experiments(file, other, month)) is not None:
                    if kept == file:
                        found[month] = chunk, step
                    continue
                raise InputError(file, chunk.time, "each month once", f"{month} also in {other}")
            found[month] = chunk, step
    missing = [month for month in months if month not in found]
    if missing:
        expected = f"{months[0]} to {months[-1]}"
        shown = f"{len(missing)} months without a file, such as {missing[0]}"
        raise InputError(listed[0], "time", expected, shown)
    return {month: found[month] for month in months}


def _of_two_experiments(file: Path, other: Path, month: pd.Period) -> Path | None:
    """The scenario's of two files with a month of it; None if neither or both are a scenario's.

    Some models run the past on beyond the year in which scenarios begin.
    """
    historical = [f"_{HISTORICAL}_" in path.name for path in (file, other)]
    if month.year <= LAST_HISTORICAL_YEAR or historical[0] == historical[1]:
        return None
    return other if historical[0] else file


def _open_chunk(
    file: Path, variable: Variable, first: str, last: str
) -> tuple[_Chunk, list[pd.Period]]:
    quantity = QUANTITIES[variable]
    with open_netcdf(file) as dataset:
        check_rectilinear(dataset, variable, file)
        native = find_variable(dataset, variable, file)
        time = time_dimension(native)
        calendar = read_calendar(dataset, time, file)
        named = pd.period_range(f"{first[:4]}-{first[4:]}", f"{last[:4]}-{last[4:]}", freq="M")
        months = read_monthly(dataset, variable, time, file, "monthly mean", list(named))
    if months != list(named):
        expected = f"the {len(named)} months from {named[0]} to {named[-1]}, as the file is named"
        shown = f"{len(months)} from {months[0]} to {months[-1]}" if months else "none"
        raise InputError(file, time, expected, shown)
    factor = check_units(file, variable, native.units, quantity.conversions)
    return _Chunk(native, quantity, time, calendar, factor), months

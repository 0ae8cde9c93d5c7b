"""ERA5 on single levels: monthly means, daily extremes and vapour pressure deficit.

Files of all layouts that the Climate Data Store has given out are read: the classic one (packed,
``time``, perhaps an ``expver`` dimension), the present one (``valid_time``), one of 2024
(``date``), archives of several files by type of step, and GRIB.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.archives import check_depth, unpack
from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.grib import grib_to_netcdf
from differland.datasets.native import (
    NativeVariable,
    find_variable,
    read_dates,
    read_time_bounds,
    time_dimension,
)
from differland.datasets.temporal import (
    Period,
    Role,
    check_daily_stamps,
    check_hourly_stamps,
    check_lengths,
    check_meaning,
    check_monthly_stamps,
    tells_statistic,
)
from differland.errors import InputError
from differland.opening import open_netcdf

ZERO_CELSIUS = 273.15

TIMES = ("valid_time", "time", "date")

MEMBERS = (".nc", ".nc4", ".grib", ".grb", ".grib2", ".grb2", ".zip")
"""Endings of the names of files in archives."""

FINAL, PRELIMINARY = 1, 5
"""Numbers of ERA5 and of ERA5T along the ``expver`` dimension of old files."""

MonthlyMean = Literal["t_mean", "dewpoint_mean", "srad", "precipitation"]
DailyExtreme = Literal["t_min", "t_max", "dewpoint_max"]
DeficitFormula = Literal["cardamom", "magnus"]


class Quantity(NamedTuple):
    """Description of a quantity in the provider's files.

    Attributes
    ----------
    variables
        Names that the variable may have.
    conversions
        Factors from the spellings of the file's units.
    offset
        Offset, which is added after the factor.
    units
        Units after conversion.
    minimum, maximum
        Range of the values after conversion.
    not_negative
        Whether values below zero, up to `ROUNDING`, are rounding errors of packed numbers.
    """

    variables: tuple[str, ...]
    conversions: dict[str, float]
    offset: float
    units: str
    minimum: float
    maximum: float
    not_negative: bool = False


ROUNDING = 0.05
"""In the units of a quantity that is not negative."""


def _temperature(*variables: str) -> Quantity:
    return Quantity(variables, {"K": 1.0}, -ZERO_CELSIUS, "degC", -95, 70)


MONTHLY_MEANS: dict[MonthlyMean, Quantity] = {
    "t_mean": _temperature("t2m"),
    "dewpoint_mean": _temperature("d2m"),
    # Monthly means of accumulations are per day, whatever their units say.
    "srad": Quantity(
        ("ssrd",),
        {"J m**-2": 1e-6, "J m-2": 1e-6, "J m**-2 day**-1": 1e-6},
        0.0,
        "MJ m-2 day-1",
        0,
        50,
        True,
    ),
    "precipitation": Quantity(
        ("tp",), {"m": 1e3, "m day**-1": 1e3, "m day-1": 1e3}, 0.0, "mm day-1", 0, 500, True
    ),
}

DAILY_EXTREMES: dict[DailyExtreme, Quantity] = {
    "t_min": _temperature("t2m", "mn2t"),
    "t_max": _temperature("t2m", "mx2t"),
    "dewpoint_max": _temperature("d2m"),
}


def read_monthly_means(
    files: Iterable[Path],
    name: MonthlyMean,
    scratch: Path | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read monthly means of a quantity (paper, Forcing data).

    Parameters
    ----------
    files
        Files of monthly means. Those without the variable are passed over if another has it.
    name
        ``t_mean`` and ``dewpoint_mean`` (degC), ``srad`` (MJ m-2 day-1) or ``precipitation``
        (mm day-1).
    scratch
        Folder into which archives are unpacked and GRIB files turned into NetCDF, for which the
        package `eccodes` must be installed; it is the caller's to remove after the fields have
        been read. It can be left out where there are neither.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    A field for each month of each file, on the nodes of the reanalysis.

    Raises
    ------
    InputError
        A file breaks off or is no NetCDF file, none has the variable, it says that it holds other
        statistics (see :mod:`differland.datasets.temporal`), such as single hours, units or values
        are others than expected, or a file has a month twice.
    """
    quantity = MONTHLY_MEANS[name]
    for series in _read_series(files, quantity, "monthly mean", scratch):
        months = series.dates.to_period("M")
        if months.has_duplicates:
            found = f"{months[months.duplicated()][0]} more than once"
            raise InputError(series.file, "time", "one mean of each month", found)
        for step, month in enumerate(months):
            yield series.field(name, month, [step], _mean_of_layers, missing_value)


def read_daily_extremes(
    files: Iterable[Path],
    name: DailyExtreme,
    source: Literal["daily statistics", "hour of day"] = "daily statistics",
    scratch: Path | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read monthly means of daily extremes, degC.

    Parameters
    ----------
    files
        Files of `source`. Daily statistics need not say in the file whether they are minima or
        maxima, so these are to be the ones that `name` needs; a file that says otherwise, or whose
        name does, is refused.
    name
        ``t_min``, ``t_max`` or ``dewpoint_max``.
    source
        ``daily statistics``: the minimum or maximum of every day, whose mean over the month is
        what the paper says. ``hour of day``: 24 monthly means by hour of day, whose extreme is
        taken, as CARDAMOM does; it gives a smaller daily range.
    scratch, missing_value
        Scratch folder and missing value, as for :func:`read_monthly_means`.

    Yields
    ------
    A field for each month of each file.

    Raises
    ------
    InputError
        A file cannot be used, as for :func:`read_monthly_means`; also a month without all its days,
        or hours, in one file.
    """
    combine: Callable[[Iterable[np.ndarray]], np.ndarray] = _mean_of_layers
    role: Role = "daily minimum" if name == "t_min" else "daily maximum"
    if source == "hour of day":
        combine = _smallest_layer if name == "t_min" else _largest_layer
        role = "monthly mean by hour of day"
    for series in _read_series(files, DAILY_EXTREMES[name], role, scratch):
        months = series.dates.to_period("M")
        for month in months.unique():
            steps = np.flatnonzero(months == month)
            dates = series.dates[steps]
            if source == "hour of day":
                found, needed, unit = dates.hour, range(24), "hours"
            else:
                found, needed, unit = dates.day, range(1, month.days_in_month + 1), "days"
            if sorted(found) != list(needed):
                expected = f"the {unit} {needed[0]} to {needed[-1]} of {month}, each once"
                raise InputError(
                    series.file, "time", expected, f"{len(found)}: {', '.join(map(str, found))}"
                )
            yield series.field(name, month, steps.tolist(), combine, missing_value)


def vapour_pressure_deficit(
    temperature: Iterable[Field], dewpoint: Iterable[Field], formula: DeficitFormula = "cardamom"
) -> Iterator[Field]:
    """Compute the vapour pressure deficit ``vpd``, hPa, never negative.

    The paper says only that it was computed from ERA5.

    Parameters
    ----------
    temperature, dewpoint
        Fields of the same months on the same grid: ``t_max`` and ``dewpoint_max`` for
        ``cardamom``, ``t_mean`` and ``dewpoint_mean`` for ``magnus``.
    formula
        ``cardamom``: saturation over water after Tetens, of the daily maxima, as the drivers of
        CARDAMOM have it. ``magnus``: the Magnus formula of monthly means, which is too low, since
        saturation is a convex function of temperature.

    Yields
    ------
    A field for each month, in the order of `temperature`.

    Raises
    ------
    InputError
        Fields of other quantities, a month that only one of them has, or another grid.
    """
    needed = ("t_max", "dewpoint_max") if formula == "cardamom" else ("t_mean", "dewpoint_mean")
    dewpoints = {field.month: field for field in dewpoint}
    for warm in temperature:
        moist = dewpoints.pop(warm.month, None)
        if moist is None:
            raise InputError(warm.file, "vpd", f"a dewpoint of {warm.month}", "none")
        if (warm.name, moist.name) != needed:
            expected = f"{needed[0]} and {needed[1]} for the formula {formula}"
            raise InputError(warm.file, "vpd", expected, f"{warm.name} and {moist.name}")
        if not (
            np.array_equal(warm.grid.latitude_edges, moist.grid.latitude_edges)
            and np.array_equal(warm.grid.longitude_edges, moist.grid.longitude_edges)
        ):
            found = f"{moist.grid.shape} in {moist.file}"
            raise InputError(warm.file, "vpd", f"one grid, {warm.grid.shape}", found)
        yield _deficit_field(warm, moist, formula)
    if dewpoints:
        left = next(iter(dewpoints.values()))
        raise InputError(left.file, "vpd", f"a temperature of {left.month}", "none")


def _deficit_field(warm: Field, moist: Field, formula: DeficitFormula) -> Field:
    saturation = saturation_over_water if formula == "cardamom" else _magnus

    def read(rows: slice) -> np.ndarray:
        deficit = saturation(warm.read(rows)) - saturation(moist.read(rows))
        return check_range(warm.file, "vpd", np.maximum(deficit, 0), 0, 150, "hPa")

    return Field("vpd", "hPa", warm.grid, read, warm.file, warm.month)


def saturation_over_water(temperature: np.ndarray) -> np.ndarray:
    """Saturation vapour pressure over water after Tetens, hPa, from degC."""
    return 6.11 * 10 ** (7.5 * temperature / (237.3 + temperature))


def _magnus(temperature: np.ndarray) -> np.ndarray:
    """Saturation vapour pressure over water, hPa, from degC (WMO, 2008)."""
    return 6.112 * np.exp(17.62 * temperature / (243.12 + temperature))


@dataclass(frozen=True, eq=False)
class _Series:
    """A variable of one file and the dates of its steps.

    Attributes
    ----------
    file
        File as the caller knows it: the archive, if it was in one.
    variable, quantity
        Variable and quantity to read.
    time
        Name of the time dimension.
    dates
        Dates of the steps.
    factor
        Factor from the file's units.
    versions
        Positions along ``expver``, the better first; empty where there is no such dimension.
    """

    file: Path
    variable: NativeVariable
    quantity: Quantity
    time: str
    dates: pd.DatetimeIndex
    factor: float
    versions: tuple[int, ...]

    def field(
        self,
        name: str,
        month: pd.Period,
        steps: list[int],
        combine: Callable[[Iterable[np.ndarray]], np.ndarray],
        missing_value: float | None,
    ) -> Field:
        """Field of a month, combined of steps."""

        def read(rows: slice) -> np.ndarray:
            return combine(self._layer(rows, step, missing_value) for step in steps)

        return Field(name, self.quantity.units, self.variable.grid, read, self.file, month)

    def _layer(self, rows: slice, step: int, missing_value: float | None) -> np.ndarray:
        index = {self.time: step}
        if self.versions:
            first, *others = (
                self.variable.read(rows, index | {"expver": version}, missing_value)
                for version in self.versions
            )
            values = first
            for other in others:
                values = np.where(np.isnan(values), other, values)
        else:
            values = self.variable.read(rows, index, missing_value)
        quantity = self.quantity
        values = values * self.factor + quantity.offset
        if quantity.not_negative:
            values[(values < 0) & (values >= -ROUNDING)] = 0
        return check_range(
            self.file,
            self.variable.name,
            values,
            quantity.minimum,
            quantity.maximum,
            quantity.units,
        )


def _mean_of_layers(layers: Iterable[np.ndarray]) -> np.ndarray:
    total: np.ndarray | None = None
    count = 0
    for layer in layers:
        total = layer if total is None else total + layer
        count += 1
    if total is None:
        raise ValueError("expected one or more layers")
    return total / count


def _smallest_layer(layers: Iterable[np.ndarray]) -> np.ndarray:
    # Layers are held one by one: a month of them at native resolution is large.
    iterator = iter(layers)
    smallest = next(iterator)
    for layer in iterator:
        smallest = np.minimum(smallest, layer)
    return smallest


def _largest_layer(layers: Iterable[np.ndarray]) -> np.ndarray:
    return -_smallest_layer(-layer for layer in layers)


def _read_series(
    files: Iterable[Path], quantity: Quantity, role: Role, scratch: Path | None
) -> Iterator[_Series]:
    names = " or ".join(quantity.variables)
    passed: list[tuple[Path, str]] = []
    found = False
    for file in files:
        for member in _members(file, scratch):
            with open_netcdf(member) as dataset:
                here = [name for name in quantity.variables if name in dataset.variables]
                if here:
                    found = True
                    names_of_file = [file.name, *_names_below(member, scratch)]
                    check_meaning(dataset, here[0], file, role, names_of_file)
                    series = _open_series(dataset, file, member, here[0], quantity, role)
                    if not tells_statistic(dataset[here[0]], names_of_file):
                        _check_stamps(dataset, series, role)
                    yield series
                else:
                    passed.append((file, ", ".join(dataset.variables)))
    if not found:
        if not passed:
            raise InputError("ERA5", names, "one or more files", "none")
        file, variables = passed[0]
        raise InputError(file, names, "a variable of this name", f"only {variables}")


def _names_below(member: Path, scratch: Path | None) -> tuple[str, ...]:
    """Names that a member has below the folder into which its archive was unpacked."""
    if scratch is None or scratch not in member.parents:
        return ()
    return member.relative_to(scratch).parts[1:]


def _check_stamps(dataset: netCDF4.Dataset, series: "_Series", role: Role) -> None:
    """Refuse stamps that only hourly data have; bounds take precedence where a file has them."""
    if read_time_bounds(dataset, series.time, series.file) is not None:
        return
    if role == "monthly mean":
        check_monthly_stamps(series.dates, series.time, series.file)
    elif role == "monthly mean by hour of day":
        check_hourly_stamps(series.dates, series.time, series.file)
    else:
        check_daily_stamps(series.dates, series.time, series.file)


def _open_series(
    dataset: netCDF4.Dataset, file: Path, member: Path, name: str, quantity: Quantity, role: Role
) -> _Series:
    variable = find_variable(dataset, name, member)
    factor = check_units(file, name, variable.units, quantity.conversions)
    versions: tuple[int, ...] = ()
    sizes = dict(variable.sizes)
    if sizes.pop("expver", 1) > 1:
        stated = dataset["expver"][:].tolist() if "expver" in dataset.variables else []
        # As numbers, or as text such as 0001.
        numbers = [int(number) for number in stated if str(number).isdigit()]
        if sorted(numbers) != [FINAL, PRELIMINARY]:
            expected = f"the versions {FINAL} (ERA5) and {PRELIMINARY} (ERA5T)"
            raise InputError(file, "expver", expected, f"{stated}")
        versions = (numbers.index(FINAL), numbers.index(PRELIMINARY))
    time = time_dimension(replace(variable, sizes=sizes), TIMES)
    dates = _read_times(dataset, time, file, role)
    return _Series(file, variable, quantity, time, dates, factor, versions)


def _read_times(dataset: netCDF4.Dataset, name: str, file: Path, role: Role) -> pd.DatetimeIndex:
    """Decode times; those of the layout of 2024 are written as digits, such as 20240601."""
    variable = dataset.variables.get(name)
    if name != "date" or variable is None or "units" in variable.ncattrs():
        by_hour = role == "monthly mean by hour of day"
        if not by_hour:
            period: Period = "month" if role == "monthly mean" else "day"
            check_lengths(dataset, name, file, period)
        return read_dates(dataset, name, file, by_bounds=not by_hour)
    numbers = np.ma.getdata(variable[:]).tolist()
    try:
        return pd.DatetimeIndex(pd.to_datetime([str(int(n)) for n in numbers], format="%Y%m%d"))
    except ValueError as error:
        raise InputError(file, name, "dates such as 20240601", str(error)) from error


def _members(file: Path, scratch: Path | None, within: int = 0) -> list[Path]:
    """NetCDF files of an archive or of GRIB, or the file itself, recognised by its first bytes."""
    if not file.is_file():
        raise InputError(file, "file", "a NetCDF file or an archive of them", "no such file")
    with file.open("rb") as opened:
        start = opened.read(4)
    if start != b"GRIB" and start[:2] != b"PK":
        return [file]
    if scratch is None:
        raise InputError(file, "file", "a folder to unpack archives and GRIB files into", "none")
    folder = scratch / f"{file.name}.{file.stat().st_mtime_ns}"
    if start == b"GRIB":
        return grib_to_netcdf(file, folder)
    check_depth(within, file)
    return [
        part
        for member in unpack(file, folder, MEMBERS)
        for part in _members(member, folder, within + 1)
    ]

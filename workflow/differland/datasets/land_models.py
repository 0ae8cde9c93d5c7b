"""Land models of TRENDY v12 (Sitch et al., 2024, doi:10.1029/2024GB008102), for comparison.

The files of each model have their own habits: names of coordinates, longitudes from 0, times that
are not dates, fill values that are not declared. These are read as they are. What the file cannot
tell is a choice: the year in which the steps begin, the units where the label is wrong, and what
layers by plant type mean.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from differland.datasets.catalogue import find_files, read_catalogue, unread_by
from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import (
    NativeVariable,
    check_rectilinear,
    find_variable,
    match_name,
    month_length,
    read_calendar,
    read_months,
    times_of,
)
from differland.datasets.temporal import LENGTHS, Role, check_lengths, check_meaning, step_lengths
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid
from differland.regridding.study_grid import STUDY_GRID, cell_numbers
from differland.units import are_same

Variable = Literal["gpp", "ra", "rh", "nbp", "nbe", "cVeg", "lai", "evapotrans", "fFire"]
Layers = Literal["refuse", "sum", "cover"]

FILE_NAME = re.compile(
    r"^(?P<model>.+)_S[0-9]_(?:(?:monthly|annual|yearly)_)?(?P<variable>[A-Za-z]+)(?:\.nc4?)?$",
    re.IGNORECASE,
)

TIMES = ("time", "time_counter")
"""Names of the dimension of time, where its coordinate does not tell."""

LAST_YEAR = 2100
"""Beyond which no run of the past goes: steps that reach there are shorter than months."""

FILL_VALUES = (-9999.0, -99999.0, -999.0)
LARGEST_NUMBER = 1e10
"""Values above it, of either sign, are fill values, declared or not."""

SECONDS_PER_DAY = 86400.0
GRAMS_PER_KILOGRAM = 1000.0

GLOBAL_EXTENT = 120.0
"""Degrees of latitude from which on a grid has some vegetation that is alive in any month."""


def _spellings(masses: Iterable[str], rates: Iterable[str]) -> tuple[str, ...]:
    return tuple(mass + rate for mass in masses for rate in rates)


PER_AREA_AND_SECOND = (
    " m-2 s-1",
    " m^-2 s^-1",
    " m-2s-1",
    "/m2/s",
    "/m^2/s",
    "/m2/sec",
    " m**-2 s**-1",
)
PER_AREA = (" m-2", " m^-2", "/m2", "/m^2", " m**-2")
KILOGRAMS, GRAMS = ("kg", "kgC", "kg C"), ("g", "gC", "g C")

CARBON_FLUX = dict.fromkeys(
    _spellings(KILOGRAMS, PER_AREA_AND_SECOND), GRAMS_PER_KILOGRAM * SECONDS_PER_DAY
) | dict.fromkeys(_spellings(GRAMS, PER_AREA_AND_SECOND), SECONDS_PER_DAY)
CARBON_POOL = dict.fromkeys(_spellings(KILOGRAMS, PER_AREA), GRAMS_PER_KILOGRAM) | dict.fromkeys(
    _spellings(GRAMS, PER_AREA), 1.0
)
WATER_FLUX = dict.fromkeys(
    (
        *_spellings(("kg", "kg H2O", "kgH2O"), PER_AREA_AND_SECOND),
        "mm s-1",
        "mm/s",
    ),
    SECONDS_PER_DAY,
) | dict.fromkeys(("mm day-1", "mm/day"), 1.0)
PER_MONTH = dict.fromkeys(
    _spellings(KILOGRAMS, (" m-2 month-1",)), GRAMS_PER_KILOGRAM
) | dict.fromkeys(_spellings(GRAMS, (" m-2 month-1",)), 1.0)
"""Carbon of a whole month, by its units: what is left is to divide by its days."""
LEAF_AREA = dict.fromkeys(
    ("m2 m-2", "m2/m2", "m^2/m^2", "m^2 m^-2", "m2 m^-2", "1", "-", "", "unitless", "none"), 1.0
)


class Quantity(NamedTuple):
    """Description of a quantity in the files of the models.

    Attributes
    ----------
    variable
        Name of the variable in the files; case does not matter.
    name, units
        Name and units of the field in this library.
    conversions
        Factors from the spellings of the file's units.
    sign
        Sign of this library's quantity relative to that of the file.
    minimum, maximum
        Range of values, in the units of this library.
    least
        Size that some value of a global year exceeds, of either sign; else the units are others
        than labelled.
    yearly
        Whether models may give one value a year.
    """

    variable: str
    name: str
    units: str
    conversions: dict[str, float]
    sign: float
    minimum: float
    maximum: float
    least: float
    yearly: bool = False


QUANTITIES: dict[Variable, Quantity] = {
    "gpp": Quantity("gpp", "gpp", "gC m-2 day-1", CARBON_FLUX, 1, -1, 60, 1),
    "ra": Quantity("ra", "autotrophic_respiration", "gC m-2 day-1", CARBON_FLUX, 1, -5, 60, 0.5),
    "rh": Quantity("rh", "heterotrophic_respiration", "gC m-2 day-1", CARBON_FLUX, 1, -1, 60, 0.3),
    "nbp": Quantity("nbp", "nbp", "gC m-2 day-1", CARBON_FLUX, 1, -200, 60, 0.2),
    "nbe": Quantity("nbp", "nbe", "gC m-2 day-1", CARBON_FLUX, -1, -60, 200, 0.2),
    "cVeg": Quantity(
        "cVeg", "vegetation_carbon", "gC m-2", CARBON_POOL, 1, -1, 1e5, 500, yearly=True
    ),
    "lai": Quantity("lai", "lai", "m2 m-2", LEAF_AREA, 1, -0.01, 20, 0.5),
    "evapotrans": Quantity("evapotrans", "et", "mm day-1", WATER_FLUX, 1, -5, 30, 0.5),
    "fFire": Quantity("fFire", "fire_emission", "gC m-2 day-1", CARBON_FLUX, 1, -0.1, 200, 0.01),
}

COVER = Quantity(
    "landCoverFrac",
    "cover",
    "1",
    dict.fromkeys(("1", "-", "", "fraction", "unitless", "none"), 1.0)
    | dict.fromkeys(("%", "percent"), 0.01),
    1,
    -1e-6,
    1.001,
    0,
    yearly=True,
)


@dataclass(frozen=True, eq=False)
class _Series:
    """Variable of one file.

    Attributes
    ----------
    variable
        Variable to read.
    time, layer
        Names of the time dimension, and of the dimension of plant types if it has one.
    periods
        Months, or years, of the time steps.
    factor
        Factor to the units and sign of this library.
    days
        Days of each step, by which totals are divided; None for values that are no totals.
    """

    variable: NativeVariable
    time: str
    layer: str | None
    periods: list[pd.Period]
    factor: float
    days: list[int] | None

    def read(self, step: int, missing: float | None, rows: slice) -> np.ndarray:
        """Read rows of one step, in this library's units, summed over layers."""
        if self.layer is None:
            return self.read_layer({self.time: step}, missing, rows)
        return _total(
            self.read_layer({self.time: step, self.layer: layer}, missing, rows)
            for layer in range(self.variable.sizes[self.layer])
        )

    def read_layer(self, index: dict[str, int], missing: float | None, rows: slice) -> np.ndarray:
        """Read rows of one layer of one step, in this library's units."""
        values = self.variable.read(rows, index, missing)
        values[(np.abs(values) > LARGEST_NUMBER) | np.isin(values, FILL_VALUES)] = np.nan
        return values * self.factor / (1 if self.days is None else self.days[index[self.time]])


@dataclass(frozen=True, eq=False)
class _Cover:
    """Cover fractions of the plant types of a model by period."""

    series: _Series
    steps: dict[pd.Period, int]

    def step(self, period: pd.Period) -> int:
        """Step of a month, or of its year where the cover is yearly."""
        for key in (period, pd.Period(str(period.year), "Y")):
            if key in self.steps:
                return self.steps[key]
        file = self.series.variable.file
        raise InputError(file, self.series.time, f"the cover of {period}", "none")

    def weighted(
        self, other: _Series, step: int, period: pd.Period, missing: float | None, rows: slice
    ) -> np.ndarray:
        """Read rows of one step of another variable, its layers weighted by their cover."""
        return _total(
            other.read_layer({other.time: step, str(other.layer): layer}, missing, rows)
            * self.series.read_layer(
                {self.series.time: self.step(period), str(self.series.layer): layer}, None, rows
            )
            for layer in range(other.variable.sizes[str(other.layer)])
        )


def read_trendy(
    files: Path | Iterable[Path],
    variable: Variable,
    months: pd.PeriodIndex,
    first_year: int | None = None,
    units: str | None = None,
    layers: Layers = "refuse",
    cover: Path | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read a variable of a model on its own grid.

    Fluxes of carbon are in gC m-2 day-1, ``cVeg`` (named ``vegetation_carbon``) in gC m-2,
    ``evapotrans`` (``et``) in mm day-1, ``lai`` in m2 m-2. ``nbp`` is positive into the land;
    ``nbe`` is read of the same files and is positive into the atmosphere.

    Parameters
    ----------
    files
        ``<model>_S3_<variable>.nc`` or ``<model>_S3_Monthly_<variable>.nc``, or several of them
        that follow one another.
    variable
        Name of the variable in the protocol, or ``nbe``.
    months
        Months of the result, in order; the files may have more.
    first_year
        Year in whose January the steps begin, for files whose time is no date or a wrong one. There
        must be one file, whose steps are months or years, as far as it tells.
    units
        Units of the values, where the file states none or is labelled wrongly, such as kilograms as
        grams.
    layers
        Meaning of layers by plant type. ``sum``: layers are contributions to the grid cell, as the
        notes to LPJ-GUESS say of ``lai``. ``cover``: they are per area of their plant type, and are
        weighted by its cover.
    cover
        ``<model>_S3_landCoverFrac.nc``, for the latter, with the same layers; monthly or yearly.
    missing_value
        Value that stands for missing although the files do not say so, beside -999, -9999, -99999
        and all beyond 1e10.

    Yields
    ------
    A field for each month; for each year where a model has ``cVeg`` once a year: then `month` is
    the year, a period of 12 months.

    Raises
    ------
    InputError
        A file is named otherwise or is of another model or variable, breaks off, lacks the
        variable, or is not on a grid of latitude and longitude; its times are no dates, or a month
        is missing or there twice; it has further dimensions or other units, or its values, over
        the globe, are too small for them; or values are out of range.
    """
    quantity = QUANTITIES[variable]
    if (layers == "cover") != (cover is not None):
        raise InputError("TRENDY", "cover", "a file where layers are weighted by cover", f"{cover}")
    listed = [files] if isinstance(files, Path) else list(files)
    if not listed:
        raise InputError("TRENDY", variable, "one or more files", "none")
    if first_year is not None and len(listed) > 1:
        raise InputError(listed[1], "file", "one file where the first year is given", "several")
    models = set()
    found: dict[pd.Period, tuple[_Series, int]] = {}
    for file in listed:
        parts = match_name(FILE_NAME, file, f"JULES_S3_{quantity.variable}.nc")
        models.add(parts["model"])
        if parts["variable"].lower() != quantity.variable.lower() or len(models) > 1:
            expected = f"{quantity.variable} of one model, {listed[0].name}"
            raise InputError(file, "file name", expected, file.name)
        series = _open_series(file, quantity, months, first_year, units, layers)
        for step, period in enumerate(series.periods):
            if period in found:
                other = found[period][0].variable.file
                raise InputError(file, series.time, "each step once", f"{period} also in {other}")
            found[period] = series, step
    yearly = next(iter(found)).freqstr[0] in "AY"
    wanted = pd.PeriodIndex(months, freq="Y").unique() if yearly else months
    missing = [period for period in wanted if period not in found]
    if missing:
        expected = f"{wanted[0]} to {wanted[-1]}"
        raise InputError(
            listed[0], "time", expected, f"none of {missing[0]} and {len(missing) - 1} others"
        )
    weights = None if cover is None else _open_cover(cover, months, found[wanted[0]][0])
    fields = [_field(period, *found[period], quantity, weights, missing_value) for period in wanted]
    _check_magnitude(fields[: 1 if yearly else 12], quantity)
    yield from fields


def find_trendy(
    folder: Path,
    model: str,
    options: Mapping[str, Any],
    patterns: Mapping[str, str] | None = None,
) -> dict[str, list[Path]]:
    """Find the files of a model by their roles in the catalogue: ``nbp``, ``cover``.

    Parameters
    ----------
    folder
        Folder of the files, which may lie in subfolders.
    model
        Name of the model in file names.
    options
        Options of :func:`read_trendy`; cover is looked for where layers are weighted by it.
    patterns
        Patterns by role, in place of the catalogue's: {model} stands for the model.

    Raises
    ------
    InputError
        There is no such file; the message says where to get it.
    """
    product = read_catalogue()["trendy"]
    roles = ["nbp", "cover"] if options.get("layers") == "cover" else ["nbp"]
    patterns = {**product.files, **(patterns or {})}
    return {
        role: find_files(product, role, folder, [], patterns[role].replace("{model}", model))
        for role in roles
    }


def unread_land_models(
    folder: Path,
    models: Mapping[str, Mapping[str, Any]],
    patterns: Mapping[str, str] | None = None,
) -> list[str]:
    """List the files below the folder of all models that no model reads.

    Parameters
    ----------
    folder, patterns
        Folder and patterns, as for :func:`find_trendy`.
    models
        Options of each model, by name.

    Returns
    -------
    Paths from the folder, in order.
    """
    return unread_by(
        folder,
        (
            partial(find_trendy, folder, model, options, patterns)
            for model, options in models.items()
        ),
    )


def exchange_of_cells(
    files: Mapping[str, Iterable[Path]],
    options: Mapping[str, Any],
    months: pd.PeriodIndex,
    latitude: np.ndarray,
    longitude: np.ndarray,
    minimum_coverage: float,
) -> xr.Dataset:
    """Net biosphere exchange of a model in cells of the study's grid.

    Parameters
    ----------
    files
        Files by role, as :func:`find_trendy` returns them.
    options
        Options of :func:`read_trendy`: ``first_year``, ``units``, ``layers``, ``missing_value``.
    months
        Months of the result.
    latitude, longitude
        Locations of the cells, degrees, shape (cell,). Values are those of the cell of the global
        0.25 degree grid in which each lies.
    minimum_coverage
        Share of a cell's area, 0 to 1, that must have values.

    Returns
    -------
    ``nbe(time, cell)``, gC m-2 day-1, positive into the atmosphere, float32: the mean over that
    part of the cell's area where the model has values; NaN where there is too little of it.

    Raises
    ------
    InputError
        The files cannot be used, as for :func:`read_trendy`.
    """
    row, column = cell_numbers(latitude, longitude)
    top, left = row.min(), column.min()
    window = Grid(
        STUDY_GRID.latitude_edges[top : row.max() + 2],
        STUDY_GRID.longitude_edges[left : column.max() + 2],
    )
    cover = next(iter(files.get("cover", [])), None)
    fields = read_trendy(files["nbp"], "nbe", months, cover=cover, **options)
    values = np.empty((months.size, row.size), np.float32)
    operators: dict[bytes, Regridder] = {}
    for number, field in enumerate(tqdm(fields, "nbe", months.size, unit="month", disable=None)):
        key = field.grid.latitude_edges.tobytes() + field.grid.longitude_edges.tobytes()
        if key not in operators:
            operators[key] = Regridder.between(field.grid, window)
        mapped = operators[key].apply(field.whole(), minimum_coverage)
        values[number] = mapped[row - top, column - left]
    half = pd.to_timedelta(months.days_in_month / 2, unit="D")
    names = ", ".join(path.name for path in files["nbp"])
    return xr.Dataset(
        {
            "nbe": (
                ("time", "cell"),
                values,
                {
                    "units": "gC m-2 day-1",
                    "long_name": "net biosphere exchange, into the atmosphere",
                    "source": names,
                    "cell_methods": "area: mean",
                },
            )
        },
        coords={
            "time": ("time", months.to_timestamp() + half, {"standard_name": "time"}),
            "lat": ("cell", latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("cell", longitude, {"units": "degrees_east", "standard_name": "longitude"}),
        },
        attrs={"title": "Net biosphere exchange of a land model in the cells of the study"},
    )


def _field(
    period: pd.Period,
    series: _Series,
    step: int,
    quantity: Quantity,
    cover: _Cover | None,
    missing: float | None,
) -> Field:
    native = series.variable

    def read(rows: slice) -> np.ndarray:
        if cover is None or series.layer is None:
            values = series.read(step, missing, rows)
        else:
            values = cover.weighted(series, step, period, missing, rows)
        return check_range(
            native.file, native.name, values, quantity.minimum, quantity.maximum, quantity.units
        )

    return Field(quantity.name, quantity.units, native.grid, read, native.file, period)


def _open_cover(file: Path, months: pd.PeriodIndex, other: _Series) -> _Cover:
    series = _open_series(file, COVER, months, None, None, "sum")
    needed = None if other.layer is None else other.variable.sizes[other.layer]
    count = None if series.layer is None else series.variable.sizes[series.layer]
    if needed is None or count != needed or series.variable.grid.shape != other.variable.grid.shape:
        expected = f"{needed} layers on the grid of {other.variable.file.name}"
        raise InputError(file, series.variable.name, expected, f"{series.variable.sizes}")
    return _Cover(series, {period: step for step, period in enumerate(series.periods)})


def _open_series(
    file: Path,
    quantity: Quantity,
    months: pd.PeriodIndex,
    first_year: int | None,
    units: str | None,
    layers: Layers,
) -> _Series:
    with open_netcdf(file) as dataset:
        names = [name for name in dataset.variables if name.lower() == quantity.variable.lower()]
        name = names[0] if names else quantity.variable
        check_rectilinear(dataset, name, file)
        variable = find_variable(dataset, name, file)
        times = times_of(variable, TIMES)
        others = [key for key, size in variable.sizes.items() if key not in times and size > 1]
        if len(times) != 1 or len(others) > (0 if layers == "refuse" else 1):
            expected = f"one dimension of time ({' or '.join(TIMES)}), latitude and longitude"
            hint = "; are layers to be summed up?" if others and layers == "refuse" else ""
            raise InputError(file, name, expected, f"beside them {variable.sizes}{hint}")
        steps = variable.sizes[times[0]]
        role: Role = "monthly state" if quantity.yearly else "monthly mean"
        check_meaning(dataset, name, file, role)
        if first_year is None:
            periods = _stated_periods(dataset, times[0], quantity, file)
        else:
            periods = _counted_periods(steps, first_year, months, quantity, file)
            _check_steps(dataset, times[0], periods[0], file)
        calendar = read_calendar(dataset, times[0], file) if times[0] in dataset.variables else ""
    stated = variable.units if units is None else units
    totals = PER_MONTH if quantity.conversions is CARBON_FLUX else {}
    factor = check_units(file, name, stated, quantity.conversions | totals)
    monthly = are_same(str(stated), totals)
    days = [_days_of(period, calendar) for period in periods] if monthly else None
    layer = others[0] if others else None
    return _Series(variable, times[0], layer, periods, factor * quantity.sign, days)


def _days_of(month: pd.Period, calendar: str) -> int:
    """Days of a month in the calendar of a file, or the true ones where it has none of CF's."""
    try:
        return month_length(month, calendar)
    except ValueError:
        return int(month.days_in_month)


def _stated_periods(
    dataset: netCDF4.Dataset, time: str, quantity: Quantity, file: Path
) -> list[pd.Period]:
    """Months of the steps, or years where there is one a year."""
    try:
        # Runs are of whole years; some models stamp the end of a month.
        months = read_months(dataset, time, file, "whole years")
    except InputError as error:
        expected = f"{error.expected}, or the choice of the first year"
        raise InputError(file, time, expected, error.found) from error
    years = [month.year for month in months]
    if quantity.yearly and len(months) > 1 and np.all(np.diff(years) == 1):
        check_lengths(dataset, time, file, "year")
        return [pd.Period(str(year), "Y") for year in years]
    check_lengths(dataset, time, file, "month")
    ordinals = [month.ordinal for month in months]
    gaps = np.flatnonzero(np.diff(ordinals) != 1)
    if gaps.size:
        shown = f"{months[gaps[0]]} before {months[gaps[0] + 1]}"
        expected = "months that follow one another, or the choice of the first year"
        raise InputError(file, time, expected, shown)
    return months


def _counted_periods(
    steps: int, first_year: int, months: pd.PeriodIndex, quantity: Quantity, file: Path
) -> list[pd.Period]:
    """Months, or years, counted from January of the first year."""
    years = int(months[-1].year) - first_year + 1
    if steps % 12 == 0 and 12 * years <= steps <= 12 * (LAST_YEAR - first_year + 1):
        return list(pd.period_range(f"{first_year}-01", periods=steps, freq="M"))
    if quantity.yearly and years <= steps < 12 * years:
        return list(pd.period_range(str(first_year), periods=steps, freq="Y"))
    last = f"{months[-1].year} or later"
    if steps > 12 * (LAST_YEAR - first_year + 1):
        last += f", at most {LAST_YEAR}"
    expected = f"the months of whole years from {first_year} to {last}"
    raise InputError(file, "time", expected, f"{steps} steps")


def _check_steps(dataset: netCDF4.Dataset, time: str, period: pd.Period, file: Path) -> None:
    """Refuse steps that are no months (or years), whatever dates they bear."""
    length = LENGTHS["month" if period.freqstr[0] == "M" else "year"]
    try:
        days = step_lengths(dataset, time, file)
    except InputError:
        # The first year is given because the time is no date.
        return
    if days is None:
        return
    middle = float(np.median(days))
    if not length.shortest <= middle <= length.longest:
        expected = f"steps of {length.text}, since they are counted from the first year"
        raise InputError(file, time, expected, f"steps of {middle:.4g} days")


def _check_magnitude(fields: list[Field], quantity: Quantity) -> None:
    """Refuse values too small for their units. A window may be too dry or cold to tell."""
    largest = -np.inf
    for field in fields:
        if not field.grid.cyclic or np.ptp(field.grid.latitude_edges) < GLOBAL_EXTENT:
            return
        largest = max(largest, float(np.nanmax(np.abs(field.whole()), initial=-np.inf)))
        if largest > quantity.least:
            return
    expected = f"values above {quantity.least:g} {quantity.units} somewhere in the year"
    shown = f"{largest:g} at most: is the label of the units wrong?"
    raise InputError(fields[0].file, quantity.variable, expected, shown)


def _total(layers: Iterable[np.ndarray]) -> np.ndarray:
    """Sum over layers, missing where all layers are."""
    total: np.ndarray | float = 0.0
    there: np.ndarray | bool = False
    for values in layers:
        finite = np.isfinite(values)
        total = total + np.where(finite, values, 0.0)
        there = there | finite
    return np.where(there, total, np.nan)

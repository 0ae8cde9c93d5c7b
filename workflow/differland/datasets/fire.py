"""Burned area of GFED5, its extension by MODIS, and fire emissions of GFED5 (beta)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.fields import Field, check_range, check_shape, check_units
from differland.datasets.hdf4 import open_hdf4
from differland.datasets.native import (
    NativeVariable,
    check_year,
    find_variable,
    has_dates,
    match_name,
    months_of_year,
    time_dimension,
)
from differland.datasets.temporal import check_meaning, read_monthly
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.regridding.grid import Grid, regular_grid

GFED_AREA_NAME = re.compile(r"(?<![A-Za-z0-9])BA(\d{4})(0[1-9]|1[0-2])\.nc$")
GFED_EMISSION_NAME = re.compile(r"(?<![A-Za-z0-9])GFED5_Beta_monthly_(\d{4})\.nc$")
MODIS_AREA_NAME = re.compile(r"(?<![A-Za-z0-9])MCD64CMQ\.A(\d{4})(\d{3})\.")

BURNABLE_VARIABLES = ("BurableArea", "BurnableArea")
"""As the provider spells it, and as it would be spelled."""

AREA_UNITS = dict.fromkeys(
    ("km2", "km^2", "km**2", "km2 month-1", "km^2 month-1", "km2/month", "km^2/month"), 1.0
)
HECTARES = ("ha", "hectare", "hectares", "Hectares")
EMISSION_UNITS = (
    "g C m-2 month-1",
    "g C m^-2 month^-1",
    "g C/m2/month",
    "g C / m2 / month",
    "g m-2 month-1",
    "g m^-2 month^-1",
    "g/m2/month",
    "g C m-2",
    "g/m^2/month",
    "gC m-2 month-1",
)

HECTARES_OF_KM2 = 100.0
AREA_TOLERANCE = 1.1
"""Areas in a cell may exceed the area of the cell, by the shape of the Earth and by rounding."""

EMISSION_RANGE = (0.0, 200.0)


@dataclass(frozen=True, eq=False)
class BurnableArea:
    """Burnable area of GFED5.

    Attributes
    ----------
    grid
        Grid in the file's own order.
    area
        Burnable area of a cell, km2, shape (rows, columns); 0 where nothing can burn.
    file
        File that the area comes from, for messages.
    """

    grid: Grid
    area: np.ndarray
    file: Path

    def on(self, grid: Grid, file: Path) -> np.ndarray:
        """Area in the order of another grid of the same cells.

        Raises
        ------
        InputError
            The cells of `file` are others.
        """
        return _reordered(self.area, self.grid, grid, file)


@dataclass(frozen=True, eq=False)
class Regions:
    """Map of regions, in each of which cells are put together.

    Attributes
    ----------
    grid
        Grid of the cells.
    number
        Number of the region of each cell, 0 for none; shape (rows, columns), integers.
    """

    grid: Grid
    number: np.ndarray

    @classmethod
    def boxes(cls, grid: Grid, height: float = 20.0, width: float = 30.0) -> Self:
        """Make regions of boxes of latitude and longitude, counted from 90 N and 180 W.

        Parameters
        ----------
        grid
            Grid of the cells.
        height, width
            Height and width of a box, degrees.
        """
        row = np.floor((90 - grid.latitude) / height).astype(np.int64)
        column = np.floor(((grid.longitude + 180) % 360) / width).astype(np.int64)
        return cls(grid, 1 + row[:, None] * int(np.ceil(360 / width)) + column[None, :])

    @classmethod
    def read(cls, file: Path, variable: str) -> Self:
        """Read a map of regions, such as the 14 of GFED.

        Parameters
        ----------
        file, variable
            Whole numbers on latitude and longitude, one layer; what is missing is no region.

        Raises
        ------
        InputError
            The variable is absent, has several layers, or holds no whole numbers from 0.
        """
        with open_netcdf(file) as dataset:
            found = find_variable(dataset, variable, file).single_layer()
        values = np.nan_to_num(found.read(slice(None)), nan=0.0)
        check_range(file, variable, values, 0, 1e6, "(numbers of regions)")
        if (values % 1).any():
            raise InputError(file, variable, "whole numbers", "fractions")
        return cls(found.grid, values.astype(np.int64))

    def on(self, grid: Grid, file: Path) -> np.ndarray:
        """Numbers in the order of another grid of the same cells.

        Raises
        ------
        InputError
            The cells of `file` are others.
        """
        return _reordered(self.number, self.grid, grid, file)


def read_burnable_area(file: Path, missing_value: float | None = None) -> BurnableArea:
    """Read the burnable area of GFED5 (doi:10.5281/zenodo.7668424).

    Parameters
    ----------
    file
        ``BurnableArea.nc``, whose variable is misspelt ``BurableArea``; ``km2``, or no units.
    missing_value
        Value that stands for missing although the file does not say so.

    Raises
    ------
    InputError
        The variable is absent, in other units, or more than its cells.
    """
    with open_netcdf(file) as dataset:
        names = [name for name in BURNABLE_VARIABLES if name in dataset.variables]
        name = names[0] if names else BURNABLE_VARIABLES[0]
        variable = find_variable(dataset, name, file).single_layer()
    if variable.units is not None:
        check_units(file, name, variable.units, AREA_UNITS)
    area = np.nan_to_num(variable.read(slice(None), missing_value=missing_value), nan=0.0)
    _check_area(file, name, area, variable.grid, slice(None))
    return BurnableArea(variable.grid, area, file)


def read_gfed_burned_area(
    files: Iterable[Path], burnable: BurnableArea, missing_value: float | None = None
) -> Iterator[Field]:
    """Read ``burned_fraction``: burned over burnable area (paper, Forcing data).

    Parameters
    ----------
    files
        ``BAYYYYMM.nc`` of GFED5: ``Total(time, lat, lon)``, km2 in a cell and month (or no
        units), one step, dated in the month of the file's name.
    burnable
        Burnable area on the same cells: those of 1997 to 2000 are larger and have a file of their
        own.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    A field for each file. It is 0 where nothing can burn, and 1 where more burned than can.

    Raises
    ------
    InputError
        A file breaks off, lacks the variable, is of another month than its name says, has other
        units or cells, or more burned than there is land.
    """
    for file in files:
        year, number = match_name(GFED_AREA_NAME, file, "BA200501.nc").groups()
        month = pd.Period(f"{year}-{number}", "M")
        with open_netcdf(file) as dataset:
            variable = find_variable(dataset, "Total", file).single_layer()
            dimension = time_dimension(variable)
            months = read_monthly(dataset, "Total", dimension, file, "monthly total")
        if months != [month]:
            raise InputError(file, dimension, str(month), ", ".join(map(str, months)))
        if variable.units is not None:
            check_units(file, "Total", variable.units, AREA_UNITS)
        yield _gfed_field(variable, month, burnable.on(variable.grid, file), missing_value)


def read_modis_burned_area(
    files: Iterable[Path],
    burnable: BurnableArea,
    scale_factor: float | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read ``burned_fraction`` of MODIS over the burnable area of GFED5.

    Parameters
    ----------
    files
        ``MCD64CMQ.AYYYYDDD.*.hdf`` (collection 6.1; HDF4, the whole globe, north-up): the data set
        ``BurnedArea`` in hectares.
    burnable
        Burnable area on the same cells, in any order.
    scale_factor
        Scale factor of files that do not state it; 0.01 is said to be right.
    missing_value
        Stored number that stands for missing although the files do not say so.

    Yields
    ------
    A field for each file.

    Raises
    ------
    InputError
        ``pyhdf`` is absent, a file breaks off or lacks the data set, its name tells no month, the
        shape is not that of a global grid, units are others, the scale is unknown, or more burned
        than there is land.
    """
    for file in files:
        match = match_name(MODIS_AREA_NAME, file, "MCD64CMQ.A2021001.061.2021309114133.hdf")
        first = pd.Timestamp(int(match[1]), 1, 1) + pd.Timedelta(days=int(match[2]) - 1)
        if first.day != 1 or first.year != int(match[1]):
            raise InputError(file, "file name", "the first day of a month", f"day {match[2]}")
        yield _modis_field(file, first.to_period("M"), burnable, scale_factor, missing_value)


def read_gfed_emissions(
    files: Iterable[Path], missing_value: float | None = None
) -> Iterator[Field]:
    """Read ``fire_emission``, gC m-2 day-1, of GFED5 (beta).

    Parameters
    ----------
    files
        ``GFED5_Beta_monthly_YYYY.nc``: ``C(time, lat, lon)``, 12 months, g m-2 month-1 (or no
        units). The year 2001 has cells of one degree. Times are dates, or count months.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    A field for each month of each file.

    Raises
    ------
    InputError
        A file breaks off, lacks the variable or a month, has other units, or values are out of
        range.
    """
    for file in files:
        year = int(match_name(GFED_EMISSION_NAME, file, "GFED5_Beta_monthly_2005.nc")[1])
        with open_netcdf(file) as dataset:
            variable = find_variable(dataset, "C", file)
            dimension = time_dimension(variable)
            months = _emission_months(dataset, dimension, file, year)
        check_year(file, dimension, months, year)
        if variable.units is not None:
            check_units(file, "C", variable.units, dict.fromkeys(EMISSION_UNITS, 1.0))
        for step, month in enumerate(months):
            yield _emission_field(variable, {dimension: step}, month, missing_value)


def fit_cross_calibration(
    reference: Iterable[Field],
    other: Iterable[Field],
    burnable: BurnableArea,
    regions: Regions,
    minimum_months: int = 24,
) -> pd.DataFrame:
    """Fit GFED5 to MODIS over the months that both have, region by region.

    The paper says that the two were cross-calibrated, not how. Here monthly burned areas of a
    region are scaled: ``reference = slope * other``, by least squares through the origin. Cells
    are too small, as a ratio has no limit where little burned, and an intercept would burn what
    did not burn. Cells that are missing count as not burned.

    Parameters
    ----------
    reference, other
        Monthly ``burned_fraction`` of GFED5 and of MODIS. Months that only one of them has are
        passed over.
    burnable, regions
        Burnable area and regions on the same cells, in any order.
    minimum_months
        Least number of months with burned area in `other`. A region with fewer gets the slope of
        the globe.

    Returns
    -------
    Table by region, 0 being all cells: ``slope``; ``months`` with fire in `other`; ``own``, whether
    the slope is the region's own; burned areas ``reference_area`` and ``other_area`` (km2, of the
    overlap); ``r2``, the squared correlation of months (NaN without variance); ``rmse`` of the
    scaled months, km2; ``first`` and ``last`` month of the overlap.

    Raises
    ------
    InputError
        No month in common, nothing burned in them, or other cells.
    """
    totals = [_region_totals(fields, burnable, regions) for fields in (reference, other)]
    months = sorted(set(totals[0]) & set(totals[1]))
    if not months:
        spans = [f"{min(t)} to {max(t)}" if t else "nothing" for t in totals]
        raise InputError(burnable.file, "burned_fraction", "months in common", " and ".join(spans))
    y, x = (np.stack([total[month] for month in months]) for total in totals)
    if not (x[:, 0].any() and y[:, 0].any()):
        raise InputError(burnable.file, "burned_fraction", "fires in the overlap", "none")
    burning = (x > 0).sum(axis=0)
    squares = (x**2).sum(axis=0)
    own = (burning >= minimum_months) & (squares > 0)
    own[0] = True
    slope = np.full(x.shape[1], (x[:, 0] @ y[:, 0]) / squares[0])
    slope[own] = (x * y).sum(axis=0)[own] / squares[own]
    deviations = x - x.mean(axis=0), y - y.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = (deviations[0] * deviations[1]).sum(axis=0) ** 2 / (
            (deviations[0] ** 2).sum(axis=0) * (deviations[1] ** 2).sum(axis=0)
        )
    table = pd.DataFrame(
        {
            "slope": slope,
            "months": burning,
            "own": own,
            "reference_area": y.sum(axis=0),
            "other_area": x.sum(axis=0),
            "r2": r2,
            "rmse": np.sqrt(((y - slope * x) ** 2).mean(axis=0)),
            "first": str(months[0]),
            "last": str(months[-1]),
        }
    ).rename_axis("region")
    numbers = np.unique(regions.number)
    return table.loc[np.union1d(0, numbers)]


def apply_cross_calibration(
    other: Iterable[Field], fit: pd.DataFrame, regions: Regions
) -> Iterator[Field]:
    """Scale the burned fraction of MODIS to that of GFED5.

    Parameters
    ----------
    other
        ``burned_fraction`` of MODIS, of months that GFED5 lacks.
    fit
        Table of slopes from :func:`fit_cross_calibration`; cells of no region take the slope of the
        globe.
    regions
        Regions that the fit was made with.

    Yields
    ------
    Fields of ``burned_fraction``, at most 1.

    Raises
    ------
    InputError
        Other cells, or a region without a fit.
    """
    absent = np.setdiff1d(regions.number, fit.index)
    slopes = fit["slope"].reindex(range(int(regions.number.max()) + 1)).to_numpy(np.float64)
    for field in other:
        if absent.size:
            found = f"none of {absent[0]}"
            raise InputError(field.file, "regions", "a fit of every region", found)
        yield _scaled_field(field, slopes[regions.on(field.grid, field.file)])


def _scaled_field(field: Field, slope: np.ndarray) -> Field:
    def read(rows: slice) -> np.ndarray:
        return np.minimum(field.read(rows) * slope[rows], 1.0)

    return Field(field.name, field.units, field.grid, read, field.file, field.month)


def _region_totals(
    fields: Iterable[Field], burnable: BurnableArea, regions: Regions
) -> dict[pd.Period, np.ndarray]:
    """Burned area, km2, by month and region; the first of all cells."""
    totals: dict[pd.Period, np.ndarray] = {}
    size = int(regions.number.max()) + 1
    for field in fields:
        if field.month is None or field.month in totals:
            raise InputError(field.file, "time", "each month once", f"{field.month} again")
        burned = np.nan_to_num(field.whole()) * burnable.on(field.grid, field.file)
        number = regions.on(field.grid, field.file)
        total = np.bincount(number.ravel(), burned.ravel(), minlength=size)
        total[0] = burned.sum()
        totals[field.month] = total
    return totals


def _gfed_field(
    variable: NativeVariable,
    month: pd.Period,
    burnable: np.ndarray,
    missing_value: float | None,
) -> Field:
    def read(rows: slice) -> np.ndarray:
        burned = variable.read(rows, missing_value=missing_value)
        _check_area(variable.file, variable.name, burned, variable.grid, rows)
        return _fraction(burned, burnable[rows])

    return Field("burned_fraction", "1", variable.grid, read, variable.file, month)


def _modis_field(
    file: Path,
    month: pd.Period,
    burnable: BurnableArea,
    scale_factor: float | None,
    missing_value: float | None,
) -> Field:
    shape, attributes = _describe_hdf(file, "BurnedArea")
    check_shape(
        file,
        "BurnedArea",
        shape,
        "a global grid of square cells, north-up (720, 1440)",
        len(shape) == 2 and shape[1] == 2 * shape[0],
    )
    if "units" in attributes:
        check_units(file, "BurnedArea", str(attributes["units"]), dict.fromkeys(HECTARES, 1.0))
    scale = attributes.get("scale_factor", scale_factor)
    if scale is None:
        found = "none: give it as a choice of the product"
        raise InputError(file, "BurnedArea", "an attribute scale_factor", found)
    offset = float(attributes.get("add_offset", 0.0))
    fills = [attributes["_FillValue"]] if "_FillValue" in attributes else []
    fills += [] if missing_value is None else [missing_value]
    grid = regular_grid(180 / shape[0])
    area = burnable.on(grid, file)

    def read(rows: slice) -> np.ndarray:
        stored = _read_hdf(file, "BurnedArea", rows)
        burned = (stored.astype(np.float64) - offset) * float(scale) / HECTARES_OF_KM2
        burned[np.isin(stored, fills)] = np.nan
        _check_area(file, "BurnedArea", burned, grid, rows)
        return _fraction(burned, area[rows])

    return Field("burned_fraction", "1", grid, read, file, month)


def _emission_field(
    variable: NativeVariable,
    index: dict[str, int],
    month: pd.Period,
    missing_value: float | None,
) -> Field:
    def read(rows: slice) -> np.ndarray:
        values = variable.read(rows, index, missing_value) / month.days_in_month
        return check_range(variable.file, variable.name, values, *EMISSION_RANGE, "gC m-2 day-1")

    return Field("fire_emission", "gC m-2 day-1", variable.grid, read, variable.file, month)


def _emission_months(
    dataset: netCDF4.Dataset, dimension: str, file: Path, year: int
) -> list[pd.Period]:
    """Months of the steps: dates, or numbers of months from 0 or 1."""
    if has_dates(dataset, dimension):
        held = months_of_year(year)
        return read_monthly(dataset, "C", dimension, file, "monthly total", held)
    check_meaning(dataset, "C", file, "monthly total")
    variable = dataset.variables.get(dimension)
    size = len(dataset.dimensions[dimension])
    numbers = list(range(1, size + 1)) if variable is None else np.ma.getdata(variable[:]).tolist()
    first = 1 if 0 not in numbers else 0
    if not all(first <= number < first + 12 and number == int(number) for number in numbers):
        raise InputError(file, dimension, "dates, or months counted from 0 or 1", f"{numbers}")
    return [pd.Period(year=year, month=int(n) - first + 1, freq="M") for n in numbers]


def _fraction(burned: np.ndarray, burnable: np.ndarray) -> np.ndarray:
    """Burned over burnable area, 0 to 1; 0 where nothing can burn."""
    can_burn = burnable > 0
    ratio = np.divide(burned, burnable, out=np.zeros_like(burned), where=can_burn)
    return np.minimum(ratio, 1.0)


def _check_area(file: Path, name: str, area: np.ndarray, grid: Grid, rows: slice) -> None:
    """Refuse areas (km2) that are negative or do not fit into their cells."""
    cells = grid.cell_areas()[rows] / 1e6
    check_range(file, name, area / cells, 0.0, AREA_TOLERANCE, "times the area of the cell")


def _reordered(values: np.ndarray, source: Grid, target: Grid, file: Path) -> np.ndarray:
    """Put rows and columns into the order of a grid of the same cells."""
    rows = _positions(source.latitude, target.latitude)
    columns = _positions(source.longitude % 360, target.longitude % 360)
    if rows is None or columns is None:
        expected = f"the cells of the burnable area and the regions, {source.shape}"
        raise InputError(file, "latitude, longitude", expected, f"{target.shape}, others")
    return values[np.ix_(rows, columns)]


def _positions(source: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Positions of `target` within `source`; None if the numbers are not the same."""
    if source.size != target.size:
        return None
    order, wanted = np.argsort(source), np.argsort(target)
    if not np.allclose(source[order], target[wanted], rtol=0, atol=1e-6):
        return None
    positions = np.empty_like(order)
    positions[wanted] = order
    return positions


def _describe_hdf(file: Path, name: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Shape and attributes of a data set."""
    with open_hdf4(file, name) as (dataset, _):
        return tuple(dataset.info()[2]), dataset.attributes()


def _read_hdf(file: Path, name: str, rows: slice) -> np.ndarray:
    """Rows of a data set, as stored."""
    with open_hdf4(file, name) as (dataset, _):
        shape = dataset.info()[2]
        start, stop, _ = rows.indices(shape[0])
        return np.asarray(dataset.get(start=(start, 0), count=(stop - start, shape[1])))

"""Products of passive microwaves on EASE-Grid 2.0: carbon of IB-AGC, optical depth of GLAB-VOD.

Two of the sensitivity experiments take them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import netCDF4
import numpy as np
import pandas as pd
from pyproj import Transformer

from differland.datasets.fields import Field, check_range, check_shape, check_units
from differland.datasets.native import (
    NativeVariable,
    has_dates,
    match_name,
    read_months,
)
from differland.datasets.temporal import check_apart, check_lengths, check_meaning
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.regridding.axes import AXES
from differland.regridding.grid import Grid

PROJECTION, GEOGRAPHIC = "EPSG:6933", "EPSG:4326"
"""EASE-Grid 2.0 global (cylindrical equal-area, true at 30 degrees), and its geodetic latitudes."""

ROWS, COLUMNS = 584, 1388
"""Of 25 km."""

CENTRE_TOLERANCE = 0.1
"""Share of a cell by which coordinates may be off."""

COORDINATE_NAMES = {
    "latitude": (*AXES["latitude"].names, "y", "row", "rows"),
    "longitude": (*AXES["longitude"].names, "x", "col", "cols", "column"),
}
"""Names, in lower case, of the coordinates along rows and columns; y and x may be metres."""

GRAM_PER_SQUARE_METRE = 100.0
"""Of one megagram per hectare."""

CARBON_UNITS = dict.fromkeys(
    (
        "MgC ha-1",
        "Mg C ha-1",
        "MgC/ha",
        "Mg C/ha",
        "Mg/ha",
        "Mg ha-1",
        "MgC ha^-1",
        "Mg C ha^-1",
        "tC ha-1",
        "tC/ha",
    ),
    GRAM_PER_SQUARE_METRE,
)
CARBON_RANGE = (0.0, 1e5)
VOD_UNITS = dict.fromkeys(("1", "-", "", "unitless", "dimensionless", "none"), 1.0)
VOD_RANGE = (0.0, 10.0)

YEAR = re.compile(r"(?<!\d)(20\d\d)(?!\d)")
VOD_NAME = re.compile(r"(?<![A-Za-z0-9])GLAB_VOD_(\d{4})\.nc$")

CarbonLayer = Literal["total", "above-ground"]

CARBON_LAYERS: Mapping[CarbonLayer, tuple[str, Sequence[str]]] = {
    "total": ("biomass", ("AGC_BGC",)),
    "above-ground": ("above_ground_biomass", ("AGC",)),
}
"""Name of the field, and variables that are added up. The provider does not document the latter."""


def ease_grid(rows: int = ROWS, columns: int = COLUMNS) -> Grid:
    """Global EASE-Grid 2.0 (Brodzik et al., 2012, doi:10.3390/ijgi1010032), north-up from 180 W.

    The projection is cylindrical, so that cells lie between parallels and meridians. They are
    square in it, and of one area; the outermost ones end short of the poles.

    Parameters
    ----------
    rows, columns
        584 and 1388 of 25 km, 406 and 964 of 36 km, 1624 and 3856 of 9 km.

    Returns
    -------
    Grid with its edges in geodetic latitude.
    """
    half_width, _ = Transformer.from_crs(GEOGRAPHIC, PROJECTION, always_xy=True).transform(180, 0)
    north = (rows - 2 * np.arange(rows + 1)) * half_width / columns
    _, latitude = Transformer.from_crs(PROJECTION, GEOGRAPHIC, always_xy=True).transform(
        np.zeros(rows + 1), north
    )
    # The inverse projection is a series: both hemispheres are made of one.
    return Grid(
        (latitude - latitude[::-1]) / 2, (2 * np.arange(columns + 1) - columns) * 180 / columns
    )


def read_ib_agc(
    files: Iterable[Path],
    layer: CarbonLayer = "total",
    variables: Sequence[str] | None = None,
    missing_value: float | None = None,
    north_up: bool | None = None,
) -> Iterator[Field]:
    """Read the carbon of live plants, gC m-2, of IB-AGC (doi:10.5281/zenodo.15676177).

    Parameters
    ----------
    files
        NetCDF files of 584 x 1388 cells in MgC ha-1, one of each year with the year in its name,
        or with a dimension of time.
    layer
        ``total``: above and below ground, named ``biomass``. ``above-ground``: named
        ``above_ground_biomass``.
    variables
        Names of the variables that add up to the layer, where they are not ``AGC_BGC`` (total) or
        ``AGC``; the provider does not document the names. The first release has the part below
        ground on its own.
    missing_value
        Value that stands for missing although the files do not say so.
    north_up
        Whether the first row is the northernmost, of files without coordinates.

    Yields
    ------
    A field for each year, in the order of the files; `month` is the year, a period of 12 months
    (:func:`differland.datasets.biomass.repeat_monthly`).

    Raises
    ------
    InputError
        A file breaks off, lacks the variables, or is not on this grid; says that its values are
        no yearly ones (:mod:`differland.datasets.temporal`); a year is unknown, there twice or
        another than that of the name; other units or none; values out of range.
    """
    name, usual = CARBON_LAYERS[layer]
    seen: dict[pd.Period, Path] = {}
    for file in files:
        with open_netcdf(file) as dataset:
            parts = [_find_cells(dataset, part, north_up, file) for part in variables or usual]
            factors = [check_units(file, part.name, part.units, CARBON_UNITS) for part, _ in parts]
            for part, _ in parts:
                check_meaning(dataset, part.name, file, "yearly state")
            years = _years(dataset, [time for _, time in parts], file)
        for step, year in enumerate(years):
            if year in seen:
                raise InputError(file, "time", "each year once", f"{year} also in {seen[year]}")
            seen[year] = file
            layers = [
                (part, {} if time is None else {time: step}, factor)
                for (part, time), factor in zip(parts, factors, strict=True)
            ]
            read = partial(_read_sum, layers, missing_value)
            yield Field(name, "gC m-2", parts[0][0].grid, read, file, year)


def read_glab_vod(
    files: Iterable[Path],
    average: Literal["year", "month"] = "year",
    variable: str = "VOD",
    missing_value: float | None = None,
    north_up: bool | None = None,
) -> Iterator[Field]:
    """Read vegetation optical depth ``vod`` of GLAB-VOD (doi:10.5281/zenodo.10306094).

    Parameters
    ----------
    files
        ``GLAB_VOD_YYYY.nc``: steps of 18 days of a year on 584 x 1388 cells.
    average
        Period over which steps are averaged: a ``year``, as the objective compares them, or a
        ``month``. A step belongs to the month of its date. The mean is that of the steps that have
        a value.
    variable
        Name of the variable.
    missing_value
        Value that stands for missing although the files do not say so.
    north_up
        Whether the first row is the northernmost, of files without coordinates.

    Yields
    ------
    A field for each month that has a step, or each year that has a step in every month; other
    years, such as 2002, in which the record begins, are left out. The `month` of a yearly field is
    the year, a period of 12 months (:func:`differland.datasets.biomass.repeat_monthly`).

    Raises
    ------
    InputError
        A file is named otherwise, breaks off, lacks the variable, is not on this grid, says that
        its values are no means of some days (:mod:`differland.datasets.temporal`), or has
        steps of another year than its name; a year is there twice; units (none are understood as
        1) or values are others than expected.
    """
    seen: dict[str, Path] = {}
    for file in files:
        year = match_name(VOD_NAME, file, "GLAB_VOD_2005.nc")[1]
        if year in seen:
            raise InputError(file, "time", "each year once", f"also {seen[year]}")
        seen[year] = file
        with open_netcdf(file) as dataset:
            native, time = _find_cells(dataset, variable, north_up, file)
            if time is None:
                raise InputError(file, variable, "a dimension of time", f"{native.horizontal}")
            check_meaning(dataset, variable, file, "mean of days")
            check_lengths(dataset, time, file, "18 days")
            months = pd.PeriodIndex(read_months(dataset, time, file), freq="M")
            check_apart(dataset, time, file)
        if native.units is not None:
            check_units(file, variable, native.units.lower(), VOD_UNITS)
        if set(months.year) != {int(year)} or not months.is_monotonic_increasing:
            found = f"{len(months)} from {months.min()} to {months.max()}"
            raise InputError(file, time, f"rising steps of {year}", found)
        periods = months if average == "month" else pd.PeriodIndex(months, freq="Y")
        if average == "year" and months.nunique() < 12:
            continue
        for period in periods.unique():
            steps = [{time: int(step)} for step in np.flatnonzero(periods == period)]
            read = partial(_read_mean, native, steps, missing_value)
            yield Field("vod", "1", native.grid, read, file, period)


def _find_cells(
    dataset: netCDF4.Dataset, name: str, north_up: bool | None, file: Path
) -> tuple[NativeVariable, str | None]:
    """Find a variable on the grid, and its dimension of time if it has one."""
    if name not in dataset.variables:
        found = f"only {', '.join(dataset.variables)}"
        raise InputError(file, name, "a variable of this name", found)
    variable = dataset[name]
    sizes = dict(zip(variable.dimensions, variable.shape, strict=True))
    others = {key: size for key, size in sizes.items() if size not in (ROWS, COLUMNS)}
    fits = sorted(sizes.values())[-2:] == [ROWS, COLUMNS] and len(others) == variable.ndim - 2
    expected = f"{ROWS} rows and {COLUMNS} columns of EASE-Grid 2.0, 25 km"
    check_shape(file, name, tuple(variable.shape), expected, fits)
    times = [key for key in others if key.lower() in ("time", "year", "years")]
    if any(size != 1 for key, size in others.items() if key not in times[:1]):
        expected = "no dimension beside time, rows and columns"
        raise InputError(file, name, expected, f"the dimensions {sizes}")
    by_size = {size: key for key, size in sizes.items()}
    units = getattr(variable, "units", None)
    native = NativeVariable(
        file,
        name,
        _grid(dataset, north_up, file),
        (by_size[ROWS], by_size[COLUMNS]),
        others,
        None if units is None else str(units).strip(),
        np.dtype(variable.dtype),
        frozenset(variable.ncattrs()),
    )
    return native, times[0] if times else None


def _grid(dataset: netCDF4.Dataset, north_up: bool | None, file: Path) -> Grid:
    """The grid in the order of the file, after a check of the file's coordinates."""
    grid = ease_grid()
    rows = _axis(dataset, "latitude", ROWS, file)
    columns = _axis(dataset, "longitude", COLUMNS, file)
    if rows is None:
        if north_up is None:
            expected = "coordinates, or the choice of which row is the first"
            raise InputError(file, "lat", expected, f"only {', '.join(dataset.variables)}")
        downward = north_up
    else:
        downward = bool(rows[0] > rows[-1])
        _check_centres(rows if downward else rows[::-1], "latitude", grid, file)
    if columns is not None:
        _check_centres(columns, "longitude", grid, file)
    return grid if downward else replace(grid, latitude_edges=grid.latitude_edges[::-1])


def _axis(dataset: netCDF4.Dataset, kind: str, size: int, file: Path) -> np.ndarray | None:
    """Coordinate along rows or columns, which may be spread over both; None where there is none."""
    for variable in dataset.variables.values():
        if variable.name.lower() in COORDINATE_NAMES[kind] and size in variable.shape:
            values = np.ma.filled(np.ma.asarray(variable[:]).astype(np.float64), np.nan)
            spread = np.moveaxis(values, variable.shape.index(size), 0).reshape(size, -1)
            # Some files have no coordinate where there is sea.
            if np.isnan(spread).all(axis=1).any():
                found = "rows or columns without any"
                raise InputError(file, variable.name, "coordinates of all cells", found)
            return np.nanmedian(spread, axis=1)
    return None


def _check_centres(values: np.ndarray, kind: str, grid: Grid, file: Path) -> None:
    """Check north-up or eastward centres, in degrees or in metres of the projection."""
    edges = _metres(grid.latitude_edges if kind == "latitude" else grid.longitude_edges, kind)
    found = _metres(values, kind) if np.abs(values).max() <= 360 else values
    off = np.abs(found - (edges[:-1] + edges[1:]) / 2).max() / abs(edges[1] - edges[0])
    if not off <= CENTRE_TOLERANCE:
        expected = "the centres of EASE-Grid 2.0, 25 km, eastward from 180 W"
        shown = f"{values[0]:g}, {values[1]:g} to {values[-1]:g}, {off:.2g} cells off"
        raise InputError(file, kind, expected, shown)


def _metres(degrees: np.ndarray, kind: str) -> np.ndarray:
    """Coordinates of the projection, m, of latitudes or of longitudes."""
    zeros = np.zeros_like(degrees)
    forward = Transformer.from_crs(GEOGRAPHIC, PROJECTION, always_xy=True)
    if kind == "latitude":
        return forward.transform(zeros, degrees)[1]
    return forward.transform(degrees, zeros)[0]


def _years(dataset: netCDF4.Dataset, times: Sequence[str | None], file: Path) -> list[pd.Period]:
    """Years of the steps, of the coordinate of time or of the file's name."""
    if len(set(times)) > 1:
        found = ", ".join(map(str, times))
        raise InputError(file, "time", "one dimension for all variables", found)
    time = times[0]
    coordinate = None if time is None else dataset.variables.get(time)
    size = 1 if time is None else len(dataset.dimensions[time])
    named = [int(year) for year in YEAR.findall(file.stem)]
    if time is not None and has_dates(dataset, time):
        check_lengths(dataset, time, file, "year")
        # Years may be stamped with their ends.
        held = [pd.Period(f"{year}-12", "M") for year in named]
        years = [month.year for month in read_months(dataset, time, file, held)]
        if len(named) == size == 1 and years != named:
            found = f"a time in {years[0]}"
            raise InputError(file, time, f"the year of the file's name, {named[0]}", found)
    elif coordinate is not None and coordinate.dtype is not str and size > 1:
        years = [int(year) for year in np.ma.getdata(coordinate[:])]
    else:
        years = named
    if len(years) != size or not all(2000 <= year < 2100 for year in years):
        expected = f"years of {size} steps, of time or of the file's name"
        raise InputError(file, "time", expected, ", ".join(map(str, years)) or "none")
    return [pd.Period(str(year), "Y") for year in years]


def _read_sum(
    layers: Sequence[tuple[NativeVariable, dict[str, int], float]],
    missing_value: float | None,
    rows: slice,
) -> np.ndarray:
    total: np.ndarray | float = 0.0
    for native, index, factor in layers:
        values = native.read(rows, index, missing_value) * factor
        total = total + check_range(native.file, native.name, values, *CARBON_RANGE, "gC m-2")
    return np.asarray(total)


def _read_mean(
    native: NativeVariable,
    steps: Sequence[dict[str, int]],
    missing_value: float | None,
    rows: slice,
) -> np.ndarray:
    total: np.ndarray | float = 0.0
    count: np.ndarray | int = 0
    for step in steps:
        values = native.read(rows, step, missing_value)
        check_range(native.file, native.name, values, *VOD_RANGE, "(optical depth)")
        there = np.isfinite(values)
        total = total + np.where(there, values, 0.0)
        count = count + there
    return np.where(count == 0, np.nan, total / np.maximum(count, 1))

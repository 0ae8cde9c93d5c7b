"""Inversions of atmospheric measurements: CMS-Flux (paper, Observational constraints) and CAMS."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.fields import Field, check_range, check_shape, check_units
from differland.datasets.native import (
    NativeVariable,
    find_variable,
    has_dates,
    match_name,
)
from differland.datasets.temporal import check_meaning, read_monthly
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.regridding.axes import has_direction, has_standard_name, is_named
from differland.regridding.grid import Grid
from differland.regridding.study_grid import PATCH_GRID

Release = Literal["V3", "2020"]

YEARLY_NAME = re.compile(r"(?<![A-Za-z0-9])CMS_?Flux_?NBE_(\d{4})_v3\.nc4?$", re.IGNORECASE)
FIRE_NAME = re.compile(r"(?<![A-Za-z0-9])CMS_?Flux_?Fire_(\d{4})_v\d+\.nc4?$", re.IGNORECASE)
CAMS_NAME = re.compile(
    r"^(?!.*_(?:dm|hm|ym|3h|inst)_)(?P<start>.*?)(?<!\d)(?P<year>(?:19|20)\d{2})(?P<month>0[1-9]|1[0-2])(?!\d)(?P<end>.*)\.nc$"
)
"""The date may stand before or after the species; what stands around it tells the release. Files of
days, hours and years are none of months."""

ROWS, COLUMNS = 46, 72
"""Boxes of GEOS-Chem, 4 x 5 degrees: half a box off the patches of the study, both ways."""

NORTHWARD_EDGES = np.concatenate([[-90.0], np.arange(-88.0, 89.0, 4.0), [90.0]])
EASTWARD_EDGES = np.arange(-182.5, 178.0, 5.0)

BOX_GRID = Grid(NORTHWARD_EDGES[::-1].copy(), EASTWARD_EDGES)
"""The boxes, counted from 90 N and from the column around 180 E."""

CENTRE_TOLERANCE = 1.01
"""Degrees by which centres may be off: polar rows are written as 89, or as the node at 90."""

GRAM_CARBON_PER_KILOGRAM_AND_SQUARE_KILOMETRE = 1e-3
SECONDS_PER_DAY = 86400.0

UNITS = dict.fromkeys(
    (
        "kgC/km2/s",
        "kgC/km^2/s",
        "kgC/km2/sec",
        "kgC/km^2/sec",
        "kgC km-2 s-1",
        "kgC km^-2 s^-1",
        "kg C km-2 s-1",
        "kg C km^-2 s^-1",
        "kg C/km2/s",
        "kg C/km^2/s",
    ),
    GRAM_CARBON_PER_KILOGRAM_AND_SQUARE_KILOMETRE * SECONDS_PER_DAY,
) | dict.fromkeys(
    (
        "gC/m2/day",
        "gC/m^2/day",
        "gC/m2/d",
        "gC m-2 day-1",
        "gC m^-2 day^-1",
        "gC m-2 d-1",
        "g C m-2 day-1",
        "g C m-2 d-1",
        "g C/m2/day",
        "g C/m^2/day",
    ),
    1.0,
)

CAMS_VARIABLE, LAND_FRACTION = "flux_apos_bio", "lsf"
GRAMS_PER_KILOGRAM = 1000.0
CAMS_UNITS = dict.fromkeys(
    (
        "kgC m-2 month-1",
        "kgC m^-2 month^-1",
        "kgC/m2/month",
        "kgC/m^2/month",
        "kg C m-2 month-1",
        "kg C m^-2 month^-1",
        "kg C/m2/month",
    ),
    GRAMS_PER_KILOGRAM,
)

RANGE = (-20.0, 20.0)
FIRE_RANGE = (0.0, 200.0)


class Layout(NamedTuple):
    """Layout of the files of a release.

    Attributes
    ----------
    variable
        Name of the variable.
    years
        First and last year of all files; None where the name of each file tells its year.
    units
        Units that hold where the file states none; None where it must state them.
    """

    variable: str
    years: tuple[int, int] | None
    units: str | None


LAYOUTS: dict[Release, Layout] = {
    "V3": Layout("flux", None, None),
    "2020": Layout("post-NBE", (2010, 2018), "gC m-2 day-1"),
}


def read_cms_flux(
    files: Iterable[Path],
    release: Release = "V3",
    variable: str | None = None,
    zero_is_missing: bool = True,
    missing_value: float | None = None,
    on_patches: bool = False,
) -> Iterator[Field]:
    """Read net biosphere exchange ``nbe``, gC m-2 day-1, positive into the atmosphere.

    Parameters
    ----------
    files
        Files of ``V3`` (doi:10.5067/TA1ED4IZFZ47), ``CMS_Flux_NBE_YYYY_v3.nc``, have the 12 months
        of a year; that of ``2020`` (doi:10.25966/4v02-c391), ``CMS-Flux-NBE-2020.monthly.grid.nc``,
        the 108 months of 2010 to 2018.
    release
        Release of the product. The paper's submission to the carbon budget of 2023 has the period
        of ``V3``.
    variable
        Name of the variable, where it is not ``flux`` (V3) or ``post-NBE`` (2020).
    zero_is_missing
        Whether boxes of exactly 0 are sea, which has no net biosphere exchange.
    missing_value
        Value that stands for missing although the files do not say so.
    on_patches
        Whether each box stands for the study's patch of its own row and column, counted from 90 N
        and 180 W, as if it lay there; the southernmost row of boxes has none.

    Yields
    ------
    A field for each month of each file, in their order. The dimensions of the files may be in any
    order: they are told by their sizes.

    Raises
    ------
    InputError
        A file is named otherwise, breaks off, lacks the variable, has other sizes than 46 rows, 72
        columns and its months, coordinates of other boxes, or other units; or values are out of
        range.
    """
    layout = LAYOUTS[release]
    for file in files:
        if layout.years is None:
            first = last = int(match_name(YEARLY_NAME, file, "CMS_Flux_NBE_2015_v3.nc")[1])
        else:
            first, last = layout.years
        months = pd.period_range(f"{first}-01", f"{last}-12", freq="M")
        with open_netcdf(file) as dataset:
            native, time = _find_boxes(dataset, variable or layout.variable, months, file)
        factor = check_units(file, native.name, native.units or layout.units, UNITS)
        read = partial(_read_month, native, time, factor, RANGE, zero_is_missing, missing_value)
        for step, month in enumerate(months):
            field = Field("nbe", "gC m-2 day-1", native.grid, partial(read, step), file, month)
            yield _on_patches(field) if on_patches else field


def read_cms_flux_fire(
    files: Iterable[Path],
    variable: str = "flux",
    missing_value: float | None = None,
    on_patches: bool = False,
) -> Iterator[Field]:
    """Read fire emissions of carbon ``fire_emission``, gC m-2 day-1, of CMS-Flux.

    Parameters
    ----------
    files
        ``CMS_Flux_Fire_YYYY_v2.nc``: the 12 months of a year, on the boxes of
        :func:`read_cms_flux`. Zeros are months without fire.
    variable
        Name of the variable.
    missing_value
        Value that stands for missing although the files do not say so.
    on_patches
        Whether boxes stand for the study's patches, as for :func:`read_cms_flux`.

    Yields
    ------
    A field for each month of each file, in their order.

    Raises
    ------
    InputError
        A file cannot be used, as for :func:`read_cms_flux`; also a file that states no units, and
        emissions below zero.
    """
    for file in files:
        year = match_name(FIRE_NAME, file, "CMS_Flux_Fire_2015_v2.nc")[1]
        months = pd.period_range(f"{year}-01", f"{year}-12", freq="M")
        with open_netcdf(file) as dataset:
            native, time = _find_boxes(dataset, variable, months, file)
        factor = check_units(file, native.name, native.units, UNITS)
        read = partial(_read_month, native, time, factor, FIRE_RANGE, False, missing_value)
        for step, month in enumerate(months):
            field = Field(
                "fire_emission", "gC m-2 day-1", native.grid, partial(read, step), file, month
            )
            yield _on_patches(field) if on_patches else field


def read_cams(
    files: Iterable[Path], missing_value: float | None = None, land_only: bool = True
) -> Iterator[Field]:
    """Read net biosphere exchange ``nbe``, gC m-2 day-1, of the CAMS inversion of CO2.

    The posterior flux of land without fossil fuel, positive into the atmosphere; fires are part of
    it.

    Parameters
    ----------
    files
        Files of one month each, which only the name tells:
        ``z_cams_l_lsce_YYYYMM_v15r4_ra_sfc_mm_co2flux.nc``,
        ``cams73_latest_co2_flux_surface_mm_YYYYMM.nc``, or
        ``z_cams_l_cams55_YYYYMM_FT23r3_ra_sfc_mm_co2_flux.nc`` (driven by satellites). All are of
        one release.
    missing_value
        Value that stands for missing although the files do not say so.
    land_only
        Whether cells without land, by the land fraction of the file, are missing. There the flux
        is 0: that of the sea is another variable.

    Yields
    ------
    A field for each file, in their order.

    Raises
    ------
    InputError
        A file is named otherwise, of another release than the first, or of a month that was there
        before; it breaks off, lacks the variable or the land fraction, has several layers or other
        units; or values are out of range.
    """
    first: tuple[Path, tuple[str, str]] | None = None
    seen: dict[pd.Period, Path] = {}
    for file in files:
        parts = match_name(CAMS_NAME, file, "cams73_latest_co2_flux_surface_mm_201501.nc")
        release = parts["start"], parts["end"]
        first = first or (file, release)
        if release != first[1]:
            raise InputError(file, "file name", f"the release of {first[0].name}", file.name)
        month = pd.Period(f"{parts['year']}-{parts['month']}", "M")
        if month in seen:
            raise InputError(file, "time", "each month once", f"also {seen[month]}")
        seen[month] = file
        with open_netcdf(file) as dataset:
            native = find_variable(dataset, CAMS_VARIABLE, file).single_layer()
            check_meaning(dataset, CAMS_VARIABLE, file, "monthly total")
            land = find_variable(dataset, LAND_FRACTION, file).single_layer() if land_only else None
        factor = check_units(file, native.name, native.units, CAMS_UNITS) / month.days_in_month
        read = partial(_read_land, native, land, factor, missing_value)
        yield Field("nbe", "gC m-2 day-1", native.grid, read, file, month)


def _read_month(
    native: NativeVariable,
    time: str,
    factor: float,
    limits: tuple[float, float],
    zero_is_missing: bool,
    missing_value: float | None,
    step: int,
    rows: slice,
) -> np.ndarray:
    values = native.read(rows, {time: step}, missing_value) * factor
    if zero_is_missing:
        values[values == 0] = np.nan
    return check_range(native.file, native.name, values, *limits, "gC m-2 day-1")


def _on_patches(field: Field) -> Field:
    """The field of the patches that have the same rows and columns as the boxes."""
    boxes = field.grid
    rows = PATCH_GRID.latitude_edges if boxes.north_up else PATCH_GRID.latitude_edges[::-1]
    # The southernmost boxes come last where north is up, and first where it is not.
    skipped = 0 if boxes.north_up else 1
    half = PATCH_GRID.longitude_edges[0] - EASTWARD_EDGES[0]

    def read(chosen: slice) -> np.ndarray:
        return field.read(slice(chosen.start + skipped, chosen.stop + skipped))

    return replace(field, grid=Grid(rows, boxes.longitude_edges + half), read=read)


def _read_land(
    native: NativeVariable,
    land: NativeVariable | None,
    factor: float,
    missing_value: float | None,
    rows: slice,
) -> np.ndarray:
    values = native.read(rows, missing_value=missing_value) * factor
    if land is not None:
        fraction = land.read(rows)
        check_range(land.file, land.name, fraction, 0, 1, "(a fraction)")
        # The fraction is missing where there is none.
        values[~(fraction > 0)] = np.nan
    return check_range(native.file, native.name, values, *RANGE, "gC m-2 day-1")


def _find_boxes(
    dataset: netCDF4.Dataset, name: str, months: pd.PeriodIndex, file: Path
) -> tuple[NativeVariable, str]:
    """Find the variable, its boxes, and its dimension of time."""
    if name not in dataset.variables:
        raise InputError(
            file, name, "a variable of this name", f"only {', '.join(dataset.variables)}"
        )
    variable = dataset[name]
    sizes = dict(zip(variable.dimensions, variable.shape, strict=True))
    expected = f"{ROWS} rows, {COLUMNS} columns and {len(months)} months, in any order"
    several = sorted(size for size in variable.shape if size != 1)
    fits = several == sorted((ROWS, COLUMNS, len(months)))
    check_shape(file, name, tuple(variable.shape), expected, fits)
    by_size = {size: dimension for dimension, size in sizes.items()}
    rows, columns, time = by_size[ROWS], by_size[COLUMNS], by_size[len(months)]
    latitude = _read_centres(dataset, "latitude", ROWS, file)
    longitude = _read_centres(dataset, "longitude", COLUMNS, file)
    if latitude is None or longitude is None:
        expected = "coordinates that tell where the boxes lie"
        raise InputError(file, "lat, lon", expected, f"only {', '.join(dataset.variables)}")
    _check_times(dataset, name, time, months, file)
    units = getattr(variable, "units", None)
    native = NativeVariable(
        file,
        name,
        _boxes(latitude, longitude, file),
        (rows, columns),
        {name: size for name, size in sizes.items() if name not in (rows, columns)},
        None if units is None else str(units).strip(),
        np.dtype(variable.dtype),
        frozenset(variable.ncattrs()),
    )
    return native, time


def _check_times(
    dataset: netCDF4.Dataset, name: str, time: str, months: pd.PeriodIndex, file: Path
) -> None:
    """Refuse other months than those of the layout, where the file tells its months."""
    if not has_dates(dataset, time):
        check_meaning(dataset, name, file, "monthly mean")
        return
    found = read_monthly(dataset, name, time, file, "monthly mean", list(months))
    if found != list(months):
        expected = f"the {len(months)} months from {months[0]} to {months[-1]}, in order"
        raise InputError(file, time, expected, ", ".join(map(str, found)))


def _read_centres(dataset: netCDF4.Dataset, kind: str, size: int, file: Path) -> np.ndarray | None:
    """Read the centres of cells from a coordinate in one or two dimensions."""
    for variable in dataset.variables.values():
        told = any(tells(variable, kind) for tells in (is_named, has_standard_name, has_direction))
        if told and size in variable.shape and 1 <= variable.ndim <= 2:
            values = np.ma.filled(np.ma.asarray(variable[:]).astype(np.float64), np.nan)
            axis = variable.shape.index(size)
            spread = np.moveaxis(values, axis, 0).reshape(size, -1)
            if not np.all(spread == spread[:, :1]):
                found = "values that differ along the other dimension"
                raise InputError(file, variable.name, "rows and columns of boxes", found)
            return spread[:, 0]
    return None


def _boxes(latitude: np.ndarray, longitude: np.ndarray, file: Path) -> Grid:
    """Grid of the boxes, in the order of the file.

    Polar rows are half as high as the others, so their edges cannot be told from the centres.
    """
    northward = (NORTHWARD_EDGES[:-1] + NORTHWARD_EDGES[1:]) / 2
    rows = NORTHWARD_EDGES if latitude[0] < latitude[-1] else NORTHWARD_EDGES[::-1]
    centres = northward if latitude[0] < latitude[-1] else northward[::-1]
    inner = np.abs(latitude - centres)[1:-1]
    if not (inner.max() < 0.01 and np.abs(latitude - centres).max() < CENTRE_TOLERANCE):
        found = ", ".join(f"{value:g}" for value in (*latitude[:3], *latitude[-1:]))
        raise InputError(file, "latitude", "-89, -86, -82 to 89, or the reverse", found)
    # From 0 to 355 the same boxes start at another one.
    turn = round((longitude[0] + 180) / 5) * 5
    expected = -180 + turn + 5.0 * np.arange(COLUMNS)
    offsets = (longitude - expected + 180) % 360 - 180
    if not np.abs(offsets).max() < 0.01:
        found = ", ".join(f"{value:g}" for value in (*longitude[:3], *longitude[-1:]))
        raise InputError(file, "longitude", "-180, -175 to 175, or from 0", found)
    return Grid(rows.copy(), EASTWARD_EDGES + turn)

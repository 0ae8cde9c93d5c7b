"""Live biomass: woody biomass of Xu et al. (2021), and the herbaceous term of the paper."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

# Errors of GDAL's that rasterio does not translate where it warps have no other common name.
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT

from differland.datasets.fields import Field, check_range, check_shape, check_units
from differland.datasets.geotiff import centres, open_geotiff, read_rows
from differland.datasets.native import (
    NativeVariable,
    check_year,
    find_variable,
    match_name,
    months_of_year,
    time_dimension,
)
from differland.datasets.temporal import read_monthly
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.regridding.grid import Grid

FIRST_YEAR, LAST_YEAR = 2000, 2019

GRAM_PER_SQUARE_METRE = 100.0
"""Of one megagram per hectare."""

WOODY_RANGE = (0.0, 1e5)
"""Carbon in woody plants, gC m-2."""

FLUXCOM_NAME = re.compile(r"(?<![A-Za-z0-9])GPP\..*\.monthly\.(\d{4})\.nc$")
FLUXCOM_UNITS = dict.fromkeys(
    (
        "gC m-2 d-1",
        "gC m-2 day-1",
        "gC m^-2 d^-1",
        "gC m^-2 day^-1",
        "gC/m2/d",
        "gC/m2/day",
        "gC/m^2/day",
        "g C m-2 d-1",
        "g C m-2 day-1",
        "g m-2 d-1",
    ),
    1.0,
)
GPP_RANGE = (-10.0, 60.0)
"""Monthly means, gC m-2 day-1."""

NO_FLUX = 1e-15
"""Below which a cell that never exceeds it is sea or ice, gC m-2 day-1."""

MONTH_LENGTHS = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of an average year's months, as long as 365.25 days in all."""

HERBACEOUS_TYPES = ("grassland", "cropland")


def read_woody_biomass(
    file: Path,
    missing_value: float | None = None,
    zero_is_missing: bool = False,
    resolution: float = 0.1,
) -> list[Field]:
    """Read the carbon of live woody plants, above and below ground, gC m-2.

    Parameters
    ----------
    file
        ``test10a_cd_ab_pred_corr_2000_2019_v2.tif`` (doi:10.5281/zenodo.4161694): a band in
        MgC ha-1 for each year from 2000 to 2019.
    missing_value
        Value that stands for missing although the file does not say so.
    zero_is_missing
        Whether 0 is missing. It may be that land without wood and the sea share it; the paper does
        not say.
    resolution
        Resolution, degrees, of the grid to which a file that is not in latitude and longitude is
        warped, as the mean of the pixels that touch a cell.

    Returns
    -------
    ``woody_biomass`` of each year; `month` is the year, a period of 12 months
    (:func:`repeat_monthly`).

    Raises
    ------
    InputError
        The file is absent or breaks off, has another number of bands, other units if it states
        any, or no reference system; or values are out of range.
    """
    with _open_raster(file, resolution) as raster:
        grid = _raster_grid(raster, file)
        years = range(FIRST_YEAR, LAST_YEAR + 1)
        expected = f"{len(years)} bands, {FIRST_YEAR} to {LAST_YEAR}"
        check_shape(file, "bands", (raster.count,), expected, raster.count == len(years))
        for units in raster.units:
            if units:
                check_units(file, "biomass", units, dict.fromkeys(("MgC ha-1", "MgC/ha"), 1.0))
    return [
        Field(
            "woody_biomass",
            "gC m-2",
            grid,
            partial(_read_band, file, band, missing_value, zero_is_missing, resolution),
            file,
            pd.Period(str(year), "Y"),
        )
        for band, year in enumerate(years, 1)
    ]


def repeat_monthly(field: Field) -> list[Field]:
    """Give the field of a year for each of its months.

    Raises
    ------
    ValueError
        The field is not that of a year.
    """
    if field.month is None or field.month.freqstr[0] not in "AY":
        raise ValueError(f"{field.name} is of {field.month}, not of a year")
    months = pd.period_range(field.month.asfreq("M", "start"), periods=12)
    return [replace(field, month=month) for month in months]


def read_gpp_climatology(
    files: Iterable[Path], variable: str = "GPP", missing_value: float | None = None
) -> Field:
    """Read the mean annual gross primary production, gC m-2 year-1, of FLUXCOM.

    The mean of each calendar month over the years, added up over a year of 365.25 days.

    Parameters
    ----------
    files
        ``GPP.RS_METEO.FP-ALL.MLM-ALL.METEO-ALL.720_360.monthly.YYYY.nc``, or those of another
        ensemble; all of one. The paper does not say which, nor which years.
    variable
        Name of the variable in the files.
    missing_value
        Value that stands for missing although the files do not say so.

    Returns
    -------
    ``gpp``; missing where no year has a value in one of the calendar months, and where all values
    are below 1e-15, which stands for the sea.

    Raises
    ------
    InputError
        There is no file, a year is there twice, or files are of two ensembles; a file breaks off,
        is named otherwise, lacks the variable or a month, has other units or another grid than the
        first; or values are out of range.
    """
    layers: dict[int, tuple[NativeVariable, str, float]] = {}
    ensemble: tuple[str, Path] | None = None
    for file in files:
        name = match_name(FLUXCOM_NAME, file, "GPP.RS_METEO.*.720_360.monthly.2005.nc")
        year, start = int(name[1]), name.start(1)
        if year in layers:
            raise InputError(file, "time", "each year once", f"also {layers[year][0].file}")
        ensemble = ensemble or (name.string[:start], file)
        if name.string[:start] != ensemble[0]:
            expected = f"the ensemble of {ensemble[1].name} (raw.patterns.fluxcom can tell which)"
            raise InputError(file, "file name", expected, file.name)
        with open_netcdf(file) as dataset:
            native = find_variable(dataset, variable, file)
            time = time_dimension(native)
            held = months_of_year(year)
            months = read_monthly(dataset, variable, time, file, "monthly mean", held)
            check_year(file, time, months, year)
        factor = check_units(file, variable, native.units, FLUXCOM_UNITS)
        layers[year] = (native, time, factor)
    if not layers:
        raise InputError("FLUXCOM", "files", "at least one year", "none")
    first = next(iter(layers.values()))[0]
    for native, _, _ in layers.values():
        if not (
            np.array_equal(native.grid.latitude_edges, first.grid.latitude_edges)
            and np.array_equal(native.grid.longitude_edges, first.grid.longitude_edges)
        ):
            expected = f"the grid of {first.file.name}, {first.grid.shape}"
            raise InputError(native.file, variable, expected, f"another one, {native.grid.shape}")
    read = partial(_read_annual_gpp, list(layers.values()), missing_value)
    return Field("gpp", "gC m-2 year-1", first.grid, read, first.file)


def herbaceous_fraction(
    cover: Mapping[str, np.ndarray], types: Sequence[str] = HERBACEOUS_TYPES
) -> np.ndarray:
    """Fraction of cells under herbaceous plants.

    Parameters
    ----------
    cover
        Fractions by plant type, 0 to 1.
    types
        Plant types that are herbaceous. The paper does not list them.

    Raises
    ------
    InputError
        A plant type is absent.
    """
    unknown = [name for name in types if name not in cover]
    if unknown or not types:
        raise InputError("cover", "herbaceous types", f"some of {list(cover)}", f"{list(types)}")
    return np.sum([cover[name] for name in types], axis=0)


def herbaceous_biomass(
    fraction: np.ndarray,
    annual_gpp: np.ndarray,
    residence_time: float = 1.0,
    respired_fraction: float = 0.5,
) -> np.ndarray:
    """Herbaceous biomass in equilibrium with production (paper, Observational constraints).

    Carbon in equilibrium is production times residence time. The paper prints a division, which is
    the same for its one year.

    Parameters
    ----------
    fraction
        Fraction of cells under herbaceous plants, 0 to 1.
    annual_gpp
        Mean annual gross primary production, gC m-2 year-1, of the shape of `fraction`.
    residence_time
        Residence time of carbon, years.
    respired_fraction
        Fraction of gross primary production that is respired.

    Returns
    -------
    Herbaceous biomass, gC m-2, NaN where either is missing; but 0 without herbs, whatever the
    production.
    """
    biomass = fraction * annual_gpp * residence_time * (1 - respired_fraction)
    return np.where(fraction == 0, 0.0, biomass)


@contextmanager
def _open_raster(file: Path, resolution: float) -> Iterator[DatasetReader]:
    """Open a raster in latitude and longitude, warped if need be."""
    with open_geotiff(file) as raster:
        if raster.crs is None:
            raise InputError(file, "coordinate reference system", "one", "none")
        if raster.crs.is_geographic:
            yield raster
            return
        rows = round(180 / resolution)
        try:
            warped = WarpedVRT(
                raster,
                crs="EPSG:4326",
                transform=from_origin(-180, 90, 180 / rows, 180 / rows),
                width=2 * rows,
                height=rows,
                resampling=Resampling.average,
            )
        except (RasterioError, CPLE_BaseError) as error:
            raise InputError(file, "file", "a complete GeoTIFF", str(error)) from error
        with warped:
            yield warped


def _raster_grid(raster: DatasetReader, file: Path) -> Grid:
    transform = raster.transform
    if transform.b or transform.d or transform.a <= 0:
        found = f"{tuple(transform)[:6]}"
        raise InputError(file, "transform", "rows and columns along the axes", found)
    return Grid.from_coordinates(*centres(raster), file)


def _read_band(
    file: Path,
    band: int,
    missing_value: float | None,
    zero_is_missing: bool,
    resolution: float,
    rows: slice,
) -> np.ndarray:
    with _open_raster(file, resolution) as raster:
        values = read_rows(raster, rows, file, f"band {band}", band, masked=True)
    values = np.ma.filled(values.astype(np.float64), np.nan)
    if missing_value is not None:
        values[np.isclose(values, missing_value, rtol=1e-6, atol=0)] = np.nan
    if zero_is_missing:
        values[values == 0] = np.nan
    values *= GRAM_PER_SQUARE_METRE
    return check_range(file, f"band {band}", values, *WOODY_RANGE, "gC m-2")


def _read_annual_gpp(
    layers: Sequence[tuple[NativeVariable, str, float]], missing_value: float | None, rows: slice
) -> np.ndarray:
    annual: np.ndarray | float = 0.0
    flux: np.ndarray | bool = False
    for step, days in enumerate(MONTH_LENGTHS):
        total: np.ndarray | float = 0.0
        count: np.ndarray | int = 0
        for native, time, factor in layers:
            values = native.read(rows, {time: step}, missing_value) * factor
            check_range(native.file, native.name, values, *GPP_RANGE, "gC m-2 day-1")
            there = np.isfinite(values)
            total = total + np.where(there, values, 0.0)
            count = count + there
            flux = flux | (np.abs(values) > NO_FLUX)
        mean = np.where(count == 0, np.nan, total / np.maximum(count, 1))
        annual = annual + days * mean
    return np.where(flux, annual, np.nan)

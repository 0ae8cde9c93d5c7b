"""Every gridded reader gives the same map, in our units, whichever way its file lies.

A file of each product with random values, on coarser cells but laid out as documented; then the
same file with its rows in the other order, with longitudes from 0 to 360, and with both. Products
without coordinates (GTOPO30, MCD64CMQ) and the tiles of canopy height lie one way only, which
their own tests pin; so do those of MCD12C1, whose corners stand in a text.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine

from differland.datasets.biomass import read_gpp_climatology, read_woody_biomass
from differland.datasets.evaporation import read_gleam
from differland.datasets.fields import Field
from differland.datasets.fire import read_burnable_area, read_gfed_burned_area, read_gfed_emissions
from differland.datasets.forest import read_canopy_height_map, read_forest_age
from differland.datasets.inversion import read_cms_flux
from differland.datasets.reanalysis import (
    read_daily_extremes,
    read_monthly_means,
    vapour_pressure_deficit,
)
from differland.datasets.soil import read_soil, read_soil_organic_carbon
from differland.datasets.vegetation import read_lai, read_lcspp
from differland.datasets.water_storage import read_mascons
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid

CENTRES = (85.0 - 10 * np.arange(18), -175.0 + 10 * np.arange(36))
NODES = (90.0 - 10 * np.arange(19), -180.0 + 10 * np.arange(36))
BOXES = (np.array([89.0, *range(86, -87, -4), -89.0]), -180.0 + 5 * np.arange(72))
"""North-up and from the date line."""

CELLS_OF_CENTRES = Grid(90.0 - 10 * np.arange(19), -180.0 + 10 * np.arange(37))
CELLS_OF_NODES = Grid(np.array([90.0, *range(85, -86, -10), -90.0]), -185.0 + 10.0 * np.arange(37))
CELLS_OF_BOXES = Grid(np.array([90.0, *range(88, -89, -4), -90.0]), -182.5 + 5.0 * np.arange(73))

MONTH_ENDS = np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) - 1

Layers = dict[str, np.ndarray]


def write(
    path: Path,
    latitude: np.ndarray,
    longitude: np.ndarray,
    variables: Layers,
    units: str | None,
    times: tuple[str, Iterable[float], str | None] | None = None,
    names: tuple[str, str] = ("lat", "lon"),
) -> Path:
    """Write NetCDF-4; `times` are a name, values and units."""
    with netCDF4.Dataset(path, "w") as file:
        dimensions: tuple[str, ...] = names
        if times is not None:
            name, values, since = times
            values = np.asarray(list(values))
            file.createDimension(name, values.size)
            file.createVariable(name, values.dtype, (name,))[:] = values
            if since is not None:
                file[name].units = since
            dimensions = (name, *names)
        for name, centres in zip(names, (latitude, longitude), strict=True):
            file.createDimension(name, centres.size)
            file.createVariable(name, "f8", (name,))[:] = centres
        for name, values in variables.items():
            plane = dimensions[-values.ndim :]
            stored = file.createVariable(name, "f8", plane, fill_value=np.nan)
            stored[:] = values
            if units is not None:
                stored.units = units
    return path


def second(values: np.ndarray, count: int = 12) -> np.ndarray:
    """Values in the second of several steps; halves of them in all others."""
    layers = np.repeat(values[None] / 2, count, axis=0)
    layers[1] = values
    return layers


def era5(folder: Path, lies: tuple, short: str, values: np.ndarray, units: str) -> Path:
    dates = ("2005-01-01", "2005-02-01", "2005-03-01")
    times = [int(pd.Timestamp(date).timestamp()) for date in dates]
    since = ("valid_time", times, "seconds since 1970-01-01")
    # Halves of temperatures in kelvin are none.
    layers = np.repeat(values[None] + (1 if units == "K" else 0), 3, axis=0)
    layers[1] = values
    return write(
        folder / f"{short}.nc", *lies, {short: layers}, units, since, ("latitude", "longitude")
    )


def era5_days(folder: Path, lies: tuple, short: str, values: np.ndarray) -> Path:
    """28 days whose mean is the given one."""
    hours = (pd.Timestamp("2005-02-01") - pd.Timestamp("1900-01-01")) // pd.Timedelta("1h")
    layers = values[None] + (np.arange(28) - 13.5)[:, None, None]
    times = ("time", hours + 24 * np.arange(28), "hours since 1900-01-01")
    return write(
        folder / f"{short}.nc", *lies, {short: layers}, "K", times, ("latitude", "longitude")
    )


def monthly_mean(short: str, units: str, name: str) -> Callable:
    def read(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
        return list(read_monthly_means([era5(folder, lies, short, values, units)], name))[1]

    return read


def daily_maximum(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    (field,) = read_daily_extremes([era5_days(folder, lies, "mx2t", values)], "t_max")
    return field


def deficit(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    """Over air whose dewpoint is 0 degC everywhere."""
    warm = read_daily_extremes([era5_days(folder, lies, "t2m", values)], "t_max")
    frost = np.full_like(values, 273.15)
    moist = read_daily_extremes([era5_days(folder, lies, "d2m", frost)], "dewpoint_max")
    (field,) = vapour_pressure_deficit(warm, moist)
    return field


def forest_age(filling: str) -> Callable:
    def read(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
        path = folder / "20240101000000222_BGIForestAgeMPIBGC1.0.0.nc"
        write(path, *lies, {"ForestAge_TC010": values}, "years", names=("latitude", "longitude"))
        return read_forest_age(folder, filling=filling, target=CELLS_OF_CENTRES)

    return read


def canopy_height(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = raster(folder / "height.tif", np.round(values)[None].astype(np.uint8), *lies)
    return read_canopy_height_map([path], CELLS_OF_CENTRES)


def sand(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    """As much sand in the topsoil as said, and half of it below."""
    for stem in ("SAND", "SILT", "CLAY", "GRAVEL"):
        write(folder / f"T_{stem}.nc4", *lies, {f"T_{stem}": values}, "% weight")
        write(folder / f"S_{stem}.nc4", *lies, {f"S_{stem}": values / 2}, "% weight")
    for layer in "TS":
        path = folder / f"{layer}_BULK_DEN.nc4"
        write(path, *lies, {f"{layer}_BULK_DEN": values / 50}, "kg dm-3")
    for path in folder.glob("?_GRAVEL.nc4"):
        with netCDF4.Dataset(path, "a") as file:
            file[path.stem].units = "% vol"
    return next(field for field in read_soil(folder) if field.name == "sand")


def soil_carbon(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    write(folder / "AWT_T_SOC.nc4", *lies, {"SUM_t_c_12": values}, "kg C m-2")
    write(folder / "AWT_S_SOC.nc4", *lies, {"SUM_s_c_1": 2 * values}, "kg C m-2")
    return read_soil_organic_carbon(folder)


def burned_area(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    """Over a burnable area that lies south-up, of 10 000 km2 and 100 more in each column."""
    latitude, longitude = CENTRES
    area = np.broadcast_to(10_000.0 + 100 * np.arange(36), (18, 36))
    path = folder / "BurnableArea.nc"
    write(path, latitude[::-1], longitude, {"BurableArea": area}, "km2")
    times = ("time", [0], "days since 2005-07-01")
    file = write(folder / "BA200507.nc", *lies, {"Total": values[None]}, "km2", times)
    (field,) = read_gfed_burned_area([file], read_burnable_area(path))
    return field


def fire_emission(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    area = np.full(values.shape, 1e10)
    variables = {"grid_area": area, "C": second(values)}
    path = folder / "GFED5_Beta_monthly_2005.nc"
    write(path, *lies, variables, "g C m-2 month-1", ("time", range(12), None))
    return list(read_gfed_emissions([path]))[1]


def lcspp(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    files = [
        write(
            folder / f"LCSPP_MODIS_v3.2_200502{half}.nc",
            *lies,
            {"lcspp_clear_daily": share * values[None]},
            "mW m-2 nm-1 sr-1",
            ("time", [0], None),
        )
        for half, share in (("a", 0.5), ("b", 1.0))
    ]
    return list(read_lcspp(files))[1]


def lai_of_periods(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "lai_8-day_0.05_2005.nc"
    layers = {"lai": second(values, 46)}
    write(path, *lies, layers, None, ("time", range(1, 362, 8), None))
    return list(read_lai([path]))[1]


def lai_of_months(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "lai_monthly_0.5_2005.nc"
    write(path, *lies, {"lai": second(values)}, "m2 m-2", ("time", range(1, 13), None))
    return list(read_lai([path]))[1]


def evaporation(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "E_2005_GLEAM_v4.2a_MO.nc"
    times = ("time", MONTH_ENDS, "days since 2005-01-01")
    write(path, *lies, {"E": second(values)}, "mm", times)
    return list(read_gleam([path]))[1]


def fluxcom(ensemble: str, names: tuple[str, str]) -> Callable:
    def read(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
        path = folder / f"GPP.{ensemble}.monthly.2005.nc"
        first = (np.datetime64("2005-01-01") - np.datetime64("1582-10-15")).astype(int)
        times = ("time", first + MONTH_ENDS - 15.0, "days since 1582-10-15 00:00:0.0")
        layers = np.repeat(values[None], 12, axis=0)
        write(path, *lies, {"GPP": layers}, "gC m-2 d-1", times, names)
        return read_gpp_climatology([path])

    return read


def raster(path: Path, bands: np.ndarray, latitude: np.ndarray, longitude: np.ndarray) -> Path:
    """GeoTIFF of cells of 10 degrees."""
    step = latitude[1] - latitude[0]
    transform = Affine(10, 0, longitude[0] - 5, 0, step, latitude[0] - step / 2)
    options = {"driver": "GTiff", "dtype": bands.dtype, "crs": "EPSG:4326", "transform": transform}
    count, height, width = bands.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, **options) as file:
        file.write(bands)
    return path


def biomass(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "test10a_cd_ab_pred_corr_2000_2019_v2.tif"
    return read_woody_biomass(raster(path, second(values, 20), *lies))[1]


def exchange_of_v3(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "CMS_Flux_NBE_2015_v3.nc"
    times = ("time", range(12), "months since 2015-01-01")
    return list(read_cms_flux([write(path, *lies, {"flux": second(values)}, "kgC/km2/s", times)]))[
        1
    ]


def exchange_of_2020(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "CMS-Flux-NBE-2020.monthly.grid.nc"
    layers = {"post-NBE": second(values, 108)}
    write(path, *lies, layers, None, ("time", range(108), None), ("Lat", "Lon"))
    return list(read_cms_flux([path], "2020"))[1]


def water_storage(folder: Path, values: np.ndarray, *lies: np.ndarray) -> Field:
    path = folder / "GRCTellus.JPL.200204_202312.GLO.RL06.3M.MSCNv04CRI.nc"
    times = ("time", (107.0, 129.5, 227.5), "days since 2002-01-01T00:00:00Z")
    variables = {"lwe_thickness": second(values, 3), "land_mask": np.ones(values.shape)}
    return list(read_mascons(write(path, *lies, variables, "cm", times)))[1]


@dataclass(frozen=True)
class Product:
    """A reader, and what it is to make of random values."""

    read: Callable
    low: float
    high: float
    ours: Callable[[np.ndarray], np.ndarray]
    units: str
    lies: tuple[np.ndarray, np.ndarray] = CENTRES
    cells: Grid = CELLS_OF_CENTRES


def vapour_pressure(celsius: np.ndarray) -> np.ndarray:
    """In hPa (CARDAMOM gives the formula in kPa)."""
    return 10 * 0.611 * 10 ** (7.5 * celsius / (237.3 + celsius))


PRODUCTS = {
    "ERA5 temperature": Product(
        monthly_mean("t2m", "K", "t_mean"), 230, 310, lambda k: k - 273.15, "degC"
    ),
    "ERA5 precipitation": Product(
        monthly_mean("tp", "m", "precipitation"), 0, 0.02, lambda m: 1000 * m, "mm day-1"
    ),
    "ERA5 radiation": Product(
        monthly_mean("ssrd", "J m**-2", "srad"), 0, 3e7, lambda j: j / 1e6, "MJ m-2 day-1"
    ),
    "ERA5 daily maximum": Product(daily_maximum, 230, 310, lambda k: k - 273.15, "degC"),
    "vapour pressure deficit": Product(
        deficit, 290, 305, lambda k: vapour_pressure(k - 273.15) - 6.11, "hPa"
    ),
    "forest age": Product(forest_age("before"), 1, 300, lambda a: a, "year"),
    "forest age, filled after the mean": Product(forest_age("after"), 1, 300, lambda a: a, "year"),
    "canopy height": Product(canopy_height, 0, 60, np.round, "m"),
    "soil sand": Product(sand, 5, 90, lambda t: 0.3 * t + 0.7 * t / 2, "%"),
    "soil carbon": Product(soil_carbon, 1, 20, lambda t: 3000 * t, "gC m-2"),
    "GFED5 burned area": Product(
        burned_area, 0, 9000, lambda a: a / (10_000 + 100 * np.arange(36)), "1"
    ),
    "GFED5 emissions": Product(fire_emission, 0, 500, lambda c: c / 28, "gC m-2 day-1"),
    "LCSPP": Product(lcspp, -0.01, 0.8, lambda s: s, "mW m-2 nm-1 sr-1"),
    "LAI of 8 days": Product(lai_of_periods, 0, 7, lambda a: a, "m2 m-2"),
    "LAI of months": Product(lai_of_months, 0, 7, lambda a: a, "m2 m-2"),
    "GLEAM": Product(evaporation, 0, 200, lambda e: e / 28, "mm day-1"),
    "FLUXCOM RS+METEO": Product(
        fluxcom("RS_METEO.FP-ALL.MLM-ALL.METEO-ALL.720_360", ("lat", "lon")),
        0.1,
        12,
        lambda p: 365.25 * p,
        "gC m-2 year-1",
    ),
    "FLUXCOM RS": Product(
        fluxcom("RS_V006.FP-ALL.MLM-ALL.METEO-NONE.4320_2160", ("latitude", "longitude")),
        0.1,
        12,
        lambda p: 365.25 * p,
        "gC m-2 year-1",
    ),
    "Xu biomass": Product(biomass, 0, 250, lambda b: 100 * b, "gC m-2"),
    "CMS-Flux V3": Product(
        exchange_of_v3, -0.05, 0.05, lambda f: 86.4 * f, "gC m-2 day-1", BOXES, CELLS_OF_BOXES
    ),
    "CMS-Flux 2020": Product(
        exchange_of_2020, -4, 4, lambda f: f, "gC m-2 day-1", BOXES, CELLS_OF_BOXES
    ),
    "GRACE": Product(water_storage, -30, 30, lambda h: 10 * h, "mm"),
}
PRODUCTS |= {
    name: Product(p.read, p.low, p.high, p.ours, p.units, NODES, CELLS_OF_NODES)
    for name, p in PRODUCTS.items()
    if name.startswith(("ERA5", "vapour"))
}


@pytest.mark.parametrize("from_zero", [False, True], ids=["from -180", "from 0"])
@pytest.mark.parametrize("south_up", [False, True], ids=["north-up", "south-up"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_the_map_is_the_same_however_the_file_lies(tmp_path, name, south_up, from_zero):
    product = PRODUCTS[name]
    latitude, longitude = product.lies
    shape = latitude.size, longitude.size
    values = np.random.default_rng(1).uniform(product.low, product.high, shape)
    stored = values
    if south_up:
        latitude, stored = latitude[::-1], stored[::-1]
    if from_zero:
        west = int((longitude < 0).sum())
        longitude, stored = np.roll(longitude, -west) % 360, np.roll(stored, -west, axis=1)
    field = product.read(tmp_path, stored, latitude, longitude)
    assert field.units == product.units
    mapped = Regridder.between(field.grid, product.cells).apply(field.whole(), minimum_coverage=1)
    np.testing.assert_allclose(mapped, product.ours(values), rtol=2e-5, atol=1e-4)

"""Other views of the planet's carbon exchange: the inversion CAMS, and land models of TRENDY."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from differland.driver import MONTHS_PER_YEAR, PATCH_DIMENSION
from differland.synthetic.native.netcdf import add_field, add_time, new_file
from differland.synthetic.planet import PATCH_HEIGHT, PATCH_WIDTH
from differland.synthetic.raw import RawPlanet

MARGIN = 4.0
"""Degrees beyond the window in which there is land."""

PER_SECOND = 1e-3 / 86400
"""1 gC m-2 day-1 in kg m-2 s-1."""

DAYS_BEFORE_MONTH = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
"""In years of 365 days."""

CAMS_ERROR, MODEL_ERROR = 0.3, 0.5
"""Standard deviation of what is drawn for each month, over that of the planet's exchange."""


@dataclass(frozen=True, eq=False)
class LandModel:
    """A land model with its errors and the conventions of its files.

    Attributes
    ----------
    name
        Name of the model in file names.
    latitude, longitude
        Centres of the cells, degrees.
    names
        Names of the dimensions of time, latitude and longitude.
    first_year
        First year of the file.
    amplitude, lag
        Errors of the seasonal cycle: a factor on its amplitude, and a lag in months.
    bias
        Error of the mean exchange, gC m-2 day-1.
    layers
        Share of each layer in a model with plant types; the shares sum to one.
    fill
        Fill value of missing values, which the file does not declare.
    """

    name: str
    latitude: np.ndarray
    longitude: np.ndarray
    names: tuple[str, str, str]
    first_year: int
    amplitude: float
    lag: int
    bias: float
    layers: tuple[float, ...]
    fill: float


MODELS = (
    # From the south, longitudes from 0 to 360, days of years that are never leap years.
    LandModel(
        "Synthetic-A",
        latitude=np.arange(-88.75, 90, 2.5),
        longitude=np.arange(0, 360, 3.75),
        names=("time", "lat", "lon"),
        first_year=1960,
        amplitude=0.6,
        lag=0,
        bias=0.05,
        layers=(),
        fill=-99999.0,
    ),
    # Months since 1700, which are no dates of CF.
    LandModel(
        "Synthetic-B",
        latitude=np.arange(89.0, -90, -2),
        longitude=np.arange(-179.0, 180, 2),
        names=("time", "latitude", "longitude"),
        first_year=1950,
        amplitude=1.3,
        lag=1,
        bias=-0.03,
        layers=(),
        fill=-9999.0,
    ),
    # Nothing tells the time; layers by plant type; kilograms that are labelled as grams.
    LandModel(
        "Synthetic-C",
        latitude=np.arange(-89.0, 90, 2),
        longitude=np.arange(-178.75, 180, 2.5),
        names=("time_counter", "lat", "lon"),
        first_year=1980,
        amplitude=0.9,
        lag=-1,
        bias=0.02,
        layers=(0.5, 0.3, 0.2),
        fill=-7777.0,
    ),
)


def write_inversion(planet: RawPlanet, folder: Path) -> None:
    """Write CAMS: a file a month, kgC m-2 month-1, with the fraction of land."""
    axes = {"latitude": np.linspace(-90, 90, 97), "longitude": np.arange(-180, 180, 3.75)}
    values = _sampled(planet, *axes.values())
    days = planet.months.days_in_month.to_numpy()[:, None, None]
    totals = days / 1000 * (values + _errors(planet, values, CAMS_ERROR, 0))
    for month, flux in zip(planet.months, totals, strict=True):
        name = f"cams73_latest_co2_flux_surface_mm_{month.year}{month.month:02}.nc"
        with new_file(folder / name, axes) as file:
            land = np.isfinite(flux)
            dimensions = tuple(axes)
            stored = np.where(land, flux, 0).astype(np.float32)
            add_field(file, "flux_apos_bio", dimensions, stored, units="kgC m-2 month-1")
            add_field(file, "lsf", dimensions, land.astype(np.float32), units="1")


def write_land_models(planet: RawPlanet, folder: Path) -> None:
    """Write ``nbp`` of every model, kg m-2 s-1 into the land, from long before the planet on."""
    for number, model in enumerate(MODELS, start=1):
        true = _sampled(planet, model.latitude, model.longitude)
        mean = true.reshape(-1, MONTHS_PER_YEAR, *true.shape[1:]).mean(axis=0)
        cycle = mean - mean.mean(axis=0)
        years = len(true) // MONTHS_PER_YEAR
        wrong = np.tile(model.amplitude * np.roll(cycle, model.lag, axis=0) - cycle, (years, 1, 1))
        seen = true + wrong + model.bias + _errors(planet, true, MODEL_ERROR, number)
        before = (planet.settings.first_year - model.first_year) * MONTHS_PER_YEAR
        past = np.tile(seen[:MONTHS_PER_YEAR], (before // MONTHS_PER_YEAR, 1, 1))
        _write_model(folder, model, -PER_SECOND * np.concatenate([past, seen]))


def _write_model(folder: Path, model: LandModel, values: np.ndarray) -> None:
    time, *horizontal = model.names
    axes = dict(zip(horizontal, (model.latitude, model.longitude), strict=True))
    months = np.arange(len(values))
    with new_file(folder / f"{model.name}_S3_nbp.nc", axes) as file:
        dimensions: tuple[str, ...] = model.names
        units = "kg m-2 s-1"
        if model.layers:
            file.createDimension(time, months.size)
            file.createDimension("PFT", len(model.layers))
            dimensions = (time, "PFT", *horizontal)
            values = values[:, None] * np.array(model.layers)[:, None, None]
            units = "g m-2 s-1"
        elif model.name == "Synthetic-A":
            year, month = model.first_year + months // MONTHS_PER_YEAR, months % MONTHS_PER_YEAR
            days = 365 * (year - 1700) + DAYS_BEFORE_MONTH[month] + 14
            add_time(file, time, days, "days since 1700-01-01", calendar="noleap")
        else:
            since = months + MONTHS_PER_YEAR * (model.first_year - 1700)
            add_time(file, time, since, "months since 1700-01-01")
        stored = np.where(np.isfinite(values), values, model.fill).astype(np.float32)
        chunks = (1,) * (stored.ndim - 2) + stored.shape[-2:]
        add_field(file, "nbp", dimensions, stored, chunks=chunks, units=units)


def _sampled(planet: RawPlanet, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Exchange of the patch nearest to each cell of a grid, gC m-2 day-1, shape (month, lat, lon).

    The exchange is NaN far from the window.
    """
    settings = planet.settings
    rows = round((settings.north - settings.south) / PATCH_HEIGHT)
    columns = round((settings.east - settings.west) / PATCH_WIDTH)
    patches = planet.driver["nbe"].transpose("time", PATCH_DIMENSION).to_numpy().astype(float)
    middle = (settings.west + settings.east) / 2
    east = middle + (longitude - middle + 180) % 360 - 180
    row = np.floor((settings.north - latitude) / PATCH_HEIGHT).clip(0, rows - 1).astype(int)
    column = np.floor((east - settings.west) / PATCH_WIDTH).clip(0, columns - 1).astype(int)
    field = patches.reshape(-1, rows, columns)[:, row[:, None], column]
    near = (latitude > settings.south - MARGIN) & (latitude < settings.north + MARGIN)
    beside = (east > settings.west - MARGIN) & (east < settings.east + MARGIN)
    return np.where(near[:, None] & beside, field, np.nan)


def _errors(planet: RawPlanet, exchange: np.ndarray, size: float, number: int) -> np.ndarray:
    """Random error of each month, the same everywhere; shape (month, 1, 1)."""
    rng = np.random.default_rng([planet.settings.seed, 7, number])
    land = np.isfinite(exchange[0])
    deviation = exchange[:, land].mean(axis=1).std()
    errors: np.ndarray = size * deviation * rng.standard_normal((len(exchange), 1, 1))
    return errors

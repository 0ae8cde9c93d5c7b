"""A synthetic planet: predictors, forcing, and observations that the model itself made.

Its true parameters are known functions of its predictors, so that what a study recovers can be
compared with what was put in. Nothing in it is measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from differland.driver import MONTHS_PER_YEAR, PATCH_DIMENSION, annual_mean
from differland.ensemble import traits
from differland.errors import InputError
from differland.model.forcing import forcing_of_driver
from differland.model.parameters import POOL_BOUNDS, Parameters, Pools
from differland.model.simulate import simulate
from differland.model.weather import Weather, weather_of
from differland.synthetic.truth import TrueField
from differland.synthetic.world import (
    Landscape,
    carbon_dioxide,
    draw_deficit,
    draw_fires,
    draw_predictors,
    draw_weather,
)
from differland.tables import FORCING, OBSERVATIONS, PARAMETERS, PREDICTORS, TRAITS
from differland.terms import OBSERVABLES, PatchAnomalies

PATCH_HEIGHT, PATCH_WIDTH, CELL = 4.0, 5.0, 0.25
"""Sizes of a patch and of a cell, degrees."""

INLAND = (
    (34, 58, -120, -80),
    (-34, 2, -65, -45),
    (6, 18, -5, 30),
    (-30, 6, 15, 35),
    (46, 62, 10, 130),
    (34, 46, 45, 115),
    (18, 30, 75, 110),
    (-30, -18, 120, 145),
)
"""Boxes within continents, from which patches are drawn: south, north, west, east, degrees."""

SPIN_UP_CYCLES = 40
"""Times the forcing is repeated before the first observed month."""

SITE_SHARE = 0.2
"""Share of cells with a flux tower."""

OBSERVED_SHARE = 0.9
"""Share of months in which a monthly observation exists."""


@dataclass(frozen=True)
class PlanetSettings:
    """Size of the planet.

    Attributes
    ----------
    patches, cells_per_patch
        Number of patches on the 4x5 degree grid, and of cells in each on the 0.25 degree grid.
    first_year, years
        Period of forcing and observations.
    seed
        Seed of all random numbers.
    noise
        Standard deviation of the observations' noise over that of the observed variable.
    """

    patches: int
    cells_per_patch: int
    first_year: int
    years: int
    seed: int
    noise: float


def make_planet(settings: PlanetSettings) -> tuple[xr.Dataset, xr.Dataset]:
    """Make a driver, and the true parameters and traits behind its observations.

    Raises
    ------
    InputError
        More patches than there is room for.

    Returns
    -------
    The driver, with every variable of a real one; and the truth, of dimension (cell): the 40
    parameters and the traits by name.
    """
    rng = np.random.default_rng(settings.seed)
    driver = _cells(settings, rng)
    latitude = driver["lat"].to_numpy()
    predictors = draw_predictors(latitude, driver["lon"].to_numpy(), rng, Landscape())
    for name, values in predictors.items():
        put(driver, name, ("cell",), values)
    grassy = (driver["savanna"] + driver["grassland"]).to_numpy()
    annual = driver["mean_annual_precipitation"].to_numpy()
    weather = draw_weather(
        latitude, driver["mean_annual_temperature"].to_numpy(), annual, settings.years, rng
    )
    weather["burned_fraction"] = draw_fires(weather, grassy, rng)
    weather["vpd"] = draw_deficit(weather, annual, rng)
    for name, values in weather.items():
        put(driver, name, ("cell", "time"), values)
    months = driver.indexes["time"].to_period("M")  # type: ignore[attr-defined]
    put(driver, "co2", ("time",), carbon_dioxide(months))
    truth, series = live(driver)
    _add_observations(driver, settings, rng, series)
    return driver, truth


def live(driver: xr.Dataset) -> tuple[xr.Dataset, dict[str, Any]]:
    """Give cells their true parameters, and run the model on them from a spun-up state.

    Parameters
    ----------
    driver
        Predictors and forcing of every cell, with the coordinates of a driver.

    Returns
    -------
    The truth, of dimension (cell): the 40 parameters, initial pools being those after the
    spin-up, and the traits by name, and their function of the predictors. And the outputs of the
    model that are observed, each of shape (month, cell).
    """
    field = TrueField.of_cells(driver)
    values = field.parameters(
        {name: driver[name].to_numpy().astype(float) for name in field.mean},
        driver["lat"].to_numpy(),
    )
    forcing = jax.tree.map(jnp.asarray, forcing_of_driver(driver, "calendar", "forcing"))
    weather = weather_of(forcing)
    parameters = Parameters(*(jnp.asarray(values[name]) for name in Parameters._fields))
    initial = _spin_up(
        parameters, Pools(*(jnp.asarray(values[f"initial_{n}"]) for n in Pools._fields)), weather
    )
    values |= {f"initial_{n}": np.asarray(pool) for n, pool in initial._asdict().items()}
    truth = xr.Dataset(
        coords={"lat": driver["lat"], "lon": driver["lon"]},
        attrs={"title": "True parameters and traits of a synthetic planet"},
    )
    field.write_into(truth)
    known = {name: np.asarray(v) for name, v in traits(parameters).items()} | values
    rows: dict[str, Any] = {**PARAMETERS, **TRAITS}
    for name, row in rows.items():
        truth[name] = (
            "cell",
            known[name].astype(float),
            {"units": row.units, "long_name": row.long_name},
        )
    outputs = tuple(
        dict.fromkeys(n for observable in OBSERVABLES.values() for n in observable.outputs)
    )
    _, series = jax.jit(simulate, static_argnames="outputs")(parameters, initial, weather, outputs)
    return truth, {name: np.asarray(output, float) for name, output in series.items()}


def observed(
    target: str,
    series: Mapping[str, Any],
    patch: np.ndarray,
    noise: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Observations of a target: the model's own output, and noise.

    Parameters
    ----------
    target
        A key of :data:`differland.terms.OBSERVABLES`.
    series
        Model output, from :func:`live`.
    patch
        Number of the patch of each cell, from 0, shape (cell,).
    noise
        Standard deviation of the noise over that of the observed variable.
    rng
        Random generator of the noise.

    Returns
    -------
    Observations without gaps, in the range of the variable, of shape (cell or patch, month, year or
    1), by the support and the resolution of the target.
    """
    observable = OBSERVABLES[target]
    truth = np.asarray(observable.modelled(series)).T
    if observable.support == "patch":
        truth = np.stack([truth[patch == n].mean(axis=0) for n in range(patch.max() + 1)])
    if isinstance(observable, PatchAnomalies):
        truth = truth - truth.mean(axis=1, keepdims=True)
    if observable.resolution == "static":
        truth = truth.mean(axis=1, keepdims=True)
    if observable.resolution == "year":
        truth = annual_mean(truth.T).T
    noisy = truth + noise * truth.std() * rng.normal(size=truth.shape)
    row = OBSERVATIONS[observable.variable]
    return noisy.clip(row.minimum, row.maximum)


def put(driver: xr.Dataset, name: str, dims: tuple[str, ...], values: np.ndarray) -> None:
    """Put a variable into a driver, single precision, with the units of the table."""
    rows = {**PREDICTORS, **FORCING, **OBSERVATIONS}
    driver[name] = (
        dims,
        values.astype(np.float32),
        {"units": rows[name].units, "long_name": rows[name].long_name},
    )


def month_axis(first_year: int, years: int) -> pd.DatetimeIndex:
    """Middles of the months, as a driver has them."""
    months = pd.period_range(f"{first_year}-01", periods=MONTHS_PER_YEAR * years, freq="M")
    return months.to_timestamp() + pd.to_timedelta(months.days_in_month / 2, unit="D")


def _cells(settings: PlanetSettings, rng: np.random.Generator) -> xr.Dataset:
    """Locations of patches and cells, and the months."""
    rows, columns = np.meshgrid(np.arange(45), np.arange(72), indexing="ij")
    norths, wests = 90 - PATCH_HEIGHT * rows, -180 + PATCH_WIDTH * columns
    inland = np.zeros(rows.shape, bool)
    for south, north, west, east in INLAND:
        inland |= (
            (norths - PATCH_HEIGHT >= south)
            & (norths <= north)
            & ((wests >= west) & (wests + PATCH_WIDTH <= east))
        )
    north_edges, west_edges = norths[inland], wests[inland]
    if settings.patches > north_edges.size:
        raise InputError(
            "configuration",
            "synthetic.patches",
            f"at most {north_edges.size}",
            f"{settings.patches}",
        )
    places = rng.permutation(north_edges.size)[: settings.patches]
    fine_columns = int(PATCH_WIDTH / CELL)
    fine = int(PATCH_HEIGHT / CELL) * fine_columns
    lat, lon, patch = [], [], []
    for number, place in enumerate(places):
        north, west = north_edges[place], west_edges[place]
        slots = np.sort(rng.permutation(fine)[: settings.cells_per_patch])
        lat.append(north - CELL * (slots // fine_columns + 0.5))
        lon.append(west + CELL * (slots % fine_columns + 0.5))
        patch.append(np.full(slots.size, number))
    return xr.Dataset(
        coords={
            "lat": ("cell", np.concatenate(lat), {"units": "degrees_north"}),
            "lon": ("cell", np.concatenate(lon), {"units": "degrees_east"}),
            PATCH_DIMENSION: ("cell", np.concatenate(patch).astype(np.int32)),
            "time": month_axis(settings.first_year, settings.years),
        },
        attrs={"title": "Synthetic planet: a driver that nobody measured", "seed": settings.seed},
    )


def _spin_up(parameters: Parameters, initial: Pools, weather: Weather) -> Pools:
    """Pools after many repetitions of the weather, within their bounds."""

    def cycle(pools: Pools, _: None) -> tuple[Pools, None]:
        return simulate(parameters, pools, weather, outputs=())[0], None

    pools, _ = jax.jit(lambda pools: jax.lax.scan(cycle, pools, None, SPIN_UP_CYCLES))(initial)
    return Pools(
        *(
            jnp.clip(getattr(pools, n), 1.01 * b.minimum, 0.99 * b.maximum)
            for n, b in POOL_BOUNDS.items()
        )
    )


def _add_observations(
    driver: xr.Dataset,
    settings: PlanetSettings,
    rng: np.random.Generator,
    series: Mapping[str, Any],
) -> None:
    """Model output plus noise, with gaps, on each target's support."""
    cells = driver.sizes["cell"]
    patch = driver[PATCH_DIMENSION].to_numpy()
    towers = rng.uniform(size=cells) < SITE_SHARE
    for target, observable in OBSERVABLES.items():
        noisy = observed(target, series, patch, settings.noise, rng)
        if observable.resolution == "month":
            noisy[rng.uniform(size=noisy.shape) > OBSERVED_SHARE] = np.nan
        if observable.support == "site":
            noisy[~towers] = np.nan
        if observable.resolution == "year":
            noisy = np.repeat(noisy, MONTHS_PER_YEAR, axis=1)
        place = PATCH_DIMENSION if observable.support == "patch" else "cell"
        if observable.resolution == "static":
            put(driver, observable.variable, (place,), noisy[:, 0])
        else:
            put(driver, observable.variable, (place, "time"), noisy)
    names = np.where(towers, [f"TOWER-{n:04d}" for n in range(cells)], "")
    driver.coords["site"] = ("cell", names, {"long_name": "name of the flux tower, if any"})

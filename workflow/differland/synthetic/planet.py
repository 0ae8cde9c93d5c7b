"""A synthetic planet: predictors, forcing, and observations that the model itself made.

Its true parameters are known functions of its predictors, so that what a study recovers can be
compared with what was put in. Nothing in it is measured.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from differland.driver import PATCH_DIMENSION
from differland.ensemble import traits
from differland.errors import InputError
from differland.model.forcing import Forcing, forcing_of_driver
from differland.model.parameters import POOL_BOUNDS, Parameters, Pools
from differland.model.simulate import simulate
from differland.objective import annual_mean
from differland.observables import OBSERVABLES, OBSERVED_VARIABLES
from differland.tables import (
    FORCING,
    OBSERVATIONS,
    PARAMETERS,
    PREDICTOR_GROUPS,
    PREDICTORS,
    TRAITS,
)

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

BURNING_SHARE = 0.15
"""Share of the months of the dry season in which something burns."""


@dataclass(frozen=True)
class PlanetSettings:
    """Size of the planet.

    Attributes
    ----------
    patches, cells_per_patch
        How many, on the 4x5 degree and 0.25 degree grid.
    first_year, years
        Period of forcing and observations.
    seed
        Of all random numbers.
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
    _add_predictors(driver, rng)
    _add_forcing(driver, settings, rng)
    values = _true_parameters(driver)
    forcing = jax.tree.map(jnp.asarray, forcing_of_driver(driver, "calendar", "forcing"))
    parameters = Parameters(*(jnp.asarray(values[name]) for name in Parameters._fields))
    initial = _spin_up(
        parameters, Pools(*(jnp.asarray(values[f"initial_{n}"]) for n in Pools._fields)), forcing
    )
    values |= {f"initial_{n}": np.asarray(pool) for n, pool in initial._asdict().items()}
    _add_observations(driver, settings, rng, parameters, initial, forcing)

    truth = xr.Dataset(
        coords={"lat": driver["lat"], "lon": driver["lon"]},
        attrs={"title": "True parameters and traits of a synthetic planet"},
    )
    known = {name: np.asarray(v) for name, v in traits(parameters).items()} | values
    rows: dict[str, Any] = {**PARAMETERS, **TRAITS}
    for name, row in rows.items():
        truth[name] = (
            "cell",
            known[name].astype(float),
            {"units": row.units, "long_name": row.long_name},
        )
    return driver, truth


def _cells(settings: PlanetSettings, rng: np.random.Generator) -> xr.Dataset:
    """Places of patches and cells, and the months."""
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
    months = pd.period_range(f"{settings.first_year}-01", periods=12 * settings.years, freq="M")
    half = pd.to_timedelta(months.days_in_month / 2, unit="D")
    return xr.Dataset(
        coords={
            "lat": ("cell", np.concatenate(lat), {"units": "degrees_north"}),
            "lon": ("cell", np.concatenate(lon), {"units": "degrees_east"}),
            PATCH_DIMENSION: ("cell", np.concatenate(patch).astype(np.int32)),
            "time": months.to_timestamp() + half,
        },
        attrs={"title": "Synthetic planet: a driver that nobody measured", "seed": settings.seed},
    )


def _smooth_field(driver: xr.Dataset, rng: np.random.Generator, waves: int = 12) -> np.ndarray:
    """Sum of plane waves on the sphere, mean 0 and standard deviation 1 over the cells."""
    lat, lon = np.deg2rad(driver["lat"].to_numpy()), np.deg2rad(driver["lon"].to_numpy())
    place = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    direction = rng.normal(size=(waves, 3)) * rng.uniform(2, 8, size=(waves, 1))
    field = np.sin(direction @ place + rng.uniform(0, 2 * np.pi, size=(waves, 1))).sum(axis=0)
    field = field + 0.3 * rng.normal(size=field.size)
    return (field - field.mean()) / field.std()


def _put(driver: xr.Dataset, name: str, dims: tuple[str, ...], values: np.ndarray) -> None:
    rows = {**PREDICTORS, **FORCING, **OBSERVATIONS}
    driver[name] = (
        dims,
        values.astype(np.float32),
        {"units": rows[name].units, "long_name": rows[name].long_name},
    )


def _add_predictors(driver: xr.Dataset, rng: np.random.Generator) -> None:
    lat = driver["lat"].to_numpy()
    elevation = 150 + 500 * np.exp(0.8 * _smooth_field(driver, rng) - 0.5)
    temperature = 28 - 0.011 * lat**2 - 0.0055 * elevation + 1.5 * _smooth_field(driver, rng)
    wet = np.exp(-((lat / 18) ** 2)) + 0.5 * np.exp(-(((np.abs(lat) - 50) / 18) ** 2))
    precipitation = (250 + 1500 * wet) * np.exp(0.35 * _smooth_field(driver, rng))

    warm, moist = (temperature - 12) / 12, np.log(precipitation / 800)
    niche = {
        "needleleaf_forest": -1.5 * (warm + 0.8) ** 2 + 1.0 * moist,
        "deciduous_broadleaf_forest": -2.0 * warm**2 + 1.0 * moist,
        "evergreen_broadleaf_forest": 1.5 * (warm - 0.6) + 2.0 * moist - 0.5,
        "mixed_forest": -2.0 * (warm + 0.3) ** 2 + 0.8 * moist - 0.5,
        "shrubland": -0.5 * warm**2 - 1.5 * moist - 0.3,
        "savanna": 1.2 * warm - 1.0 * (moist + 0.1) ** 2 - 0.3,
        "grassland": -0.5 * (warm + 0.2) ** 2 - 1.0 * moist,
        "wetland": -1.0 * warm + 0.5 * moist - 2.0,
        "cropland": -1.0 * (warm - 0.2) ** 2 - 0.5 * moist**2,
        "nonvegetated": -1.2 * moist - 2.5,
    }
    score = np.stack([value + 1.2 * _smooth_field(driver, rng) for value in niche.values()])
    fraction = np.exp(2 * (score - score.max(axis=0)))
    fraction /= fraction.sum(axis=0)
    for name, share in zip(niche, fraction, strict=True):
        _put(driver, name, ("cell",), share)

    forest = fraction[:4].sum(axis=0)
    growth = 1 / (1 + np.exp(-(0.6 * warm + 0.9 * moist + 0.4 * _smooth_field(driver, rng))))
    clay = 25 * np.exp(0.35 * _smooth_field(driver, rng))
    sand = (100 - clay).clip(20) * (0.55 + 0.12 * _smooth_field(driver, rng).clip(-2, 2))
    others = {
        "mean_annual_temperature": temperature,
        "mean_annual_precipitation": precipitation,
        "elevation": elevation,
        "forest_age": 1 + 140 * forest * np.exp(0.5 * _smooth_field(driver, rng)).clip(0.2, 3),
        "canopy_height": 1 + 40 * (0.3 + 0.7 * forest) * growth,
        "bulk_density": 1.35 + 0.12 * _smooth_field(driver, rng).clip(-2.5, 2.5),
        "sand": sand.clip(5, 90),
        "silt": (100 - clay - sand).clip(2, 90),
        "clay": clay.clip(2, 70),
        "gravel": (8 * np.exp(0.5 * _smooth_field(driver, rng))).clip(0, 60),
    }
    for name, values in others.items():
        _put(driver, name, ("cell",), values)


def _add_forcing(driver: xr.Dataset, settings: PlanetSettings, rng: np.random.Generator) -> None:
    lat = driver["lat"].to_numpy()[:, None]
    cells, months = driver.sizes["cell"], 12 * settings.years
    phase = 2 * np.pi * (np.arange(months) + 0.5) / 12
    summer = -np.cos(phase - 0.35) * np.sign(lat)
    swing = 0.02 + 0.32 * np.abs(lat)
    year = np.repeat(rng.normal(size=(cells, settings.years)), 12, axis=1)

    mean = driver["mean_annual_temperature"].to_numpy()[:, None]
    temperature = mean + swing * summer + 0.6 * year + 0.6 * rng.normal(size=(cells, months))
    annual = driver["mean_annual_precipitation"].to_numpy()[:, None]
    dryness = np.clip(1.2 - annual / 2000, 0.1, 1)
    spread = 3 + 6 * dryness + 0 * temperature
    season = 1 + 0.6 * np.exp(-((lat / 25) ** 2)) * summer
    rain = season * rng.gamma(4, 0.25, size=(cells, months)) * np.exp(0.15 * year)
    rain *= annual / 365.25 / rain.mean(axis=1, keepdims=True)
    clear = np.clip(0.75 - 0.04 * rain, 0.35, 0.75)
    declination = np.deg2rad(-23.4 * np.cos(phase + 0.17))
    tilt = np.clip(np.tan(np.deg2rad(lat)) * np.tan(declination), -1, 1)
    hour = np.arccos(-tilt)
    top = 37.6 * (
        hour * np.sin(np.deg2rad(lat)) * np.sin(declination)
        + np.cos(np.deg2rad(lat)) * np.cos(declination) * np.sin(hour)
    )
    saturation = 6.11 * np.exp(17.27 * temperature / (temperature + 237.3))
    dry_season = (rain < np.median(rain, axis=1, keepdims=True)) & (temperature > 5)
    burns = dry_season & (rng.uniform(size=(cells, months)) < BURNING_SHARE)
    grassy = driver["savanna"].to_numpy() + driver["grassland"].to_numpy()
    burned = np.where(burns, rng.exponential(0.05, size=(cells, months)), 0) * grassy[:, None]
    values = {
        "t_min": temperature - spread,
        "t_max": temperature + spread,
        "srad": (top * clear).clip(0),
        "vpd": saturation * (0.25 + 0.4 * dryness) * np.exp(0.1 * rng.normal(size=rain.shape)),
        "precipitation": rain,
        "burned_fraction": burned.clip(0, 1),
    }
    for name, array in values.items():
        _put(driver, name, ("cell", "time"), array)
    _put(driver, "co2", ("time",), 370 + 2 * np.arange(months) / 12 + 3 * np.cos(phase - 1.8))


TRUE_SENSITIVITIES: dict[str, dict[str, float]] = {
    "canopy_efficiency": {"mean_annual_temperature": 0.9, "cropland": 0.5, "canopy_height": -0.4},
    "leaf_carbon_mass_per_area": {
        "evergreen_broadleaf_forest": 0.6,
        "needleleaf_forest": 0.6,
        "grassland": -0.5,
        "mean_annual_temperature": 0.3,
    },
    "leaf_lifespan": {
        "evergreen_broadleaf_forest": 0.7,
        "needleleaf_forest": 0.5,
        "cropland": -0.5,
        "mean_annual_temperature": 0.3,
    },
    "underlying_water_use_efficiency": {
        "mean_annual_precipitation": 0.5,
        "mean_annual_temperature": -0.3,
        "sand": -0.3,
    },
    "autotrophic_fraction": {"mean_annual_temperature": 0.5, "forest_age": 0.4},
    "root_fraction": {"mean_annual_precipitation": -0.5, "grassland": 0.5},
    "wood_turnover_rate": {"forest_age": -0.7, "canopy_height": -0.4},
    "litter_turnover_rate": {"clay": -0.4, "mean_annual_temperature": 0.4},
    "som_turnover_rate": {"clay": -0.6, "mean_annual_temperature": 0.4},
    "field_capacity": {"clay": 0.6, "sand": -0.5},
    "runoff_focal_point": {"clay": 0.4, "bulk_density": -0.3},
    "boese_r": {"sand": 0.3, "canopy_height": -0.3},
    "labile_fraction": {"deciduous_broadleaf_forest": 0.5, "mean_annual_temperature": -0.4},
    "foliar_fraction": {"evergreen_broadleaf_forest": 0.4, "grassland": 0.3},
}
"""Slope of a parameter's place between its bounds on each standardised predictor."""

TRUE_CENTRES: dict[str, float] = {
    "decomposition_rate": 1e-3,
    "autotrophic_fraction": 0.45,
    "foliar_fraction": 0.12,
    "root_fraction": 0.4,
    "leaf_lifespan": 1.6,
    "wood_turnover_rate": 1e-4,
    "root_turnover_rate": 2e-3,
    "litter_turnover_rate": 2e-3,
    "som_turnover_rate": 3e-5,
    "temperature_sensitivity": 0.04,
    "canopy_efficiency": 18.0,
    "labile_fraction": 0.12,
    "leaf_carbon_mass_per_area": 60.0,
    "runoff_focal_point": 3000.0,
    "field_capacity": 300.0,
    "foliar_combustion_factor": 0.7,
    "ligneous_combustion_factor": 0.2,
    "dead_organic_combustion_factor": 0.03,
    "fire_resilience": 0.5,
    "labile_lifespan": 1.5,
    "moisture_factor": 0.2,
    "underlying_water_use_efficiency": 10.0,
    "boese_r": 0.03,
    "wilting_point_fraction": 0.1,
    "sif_alpha": 12.0,
    "sif_beta_plus_three": 3.2,
    "vod_foliar_coefficient": 1e-3,
    "vod_wood_coefficient": 2e-5,
    "initial_som": 8000.0,
    "initial_water": 300.0,
}
"""Where a parameter lies in an average cell, in its units; in the middle (log) if not named."""

SENSITIVITY_SCALE = 0.12
"""Share of a parameter's logarithmic range that a slope of one standard deviation moves it."""

LEAF_ONSET, LEAF_FALL = 120.0, 285.0
"""Days of year in the north; half a year later in the south."""


def _true_parameters(driver: xr.Dataset) -> dict[str, np.ndarray]:
    """Every parameter as a known function of the predictors."""
    names = [name for group in ("PFT", "CLIM", "AGE", "SOIL") for name in PREDICTOR_GROUPS[group]]
    values = {name: driver[name].to_numpy().astype(float) for name in names}
    standard = {name: (v - v.mean()) / v.std() for name, v in values.items()}
    cells = driver.sizes["cell"]
    result = {}
    for name, row in PARAMETERS.items():
        centre = TRUE_CENTRES.get(name, math.sqrt(row.minimum * row.maximum))
        logit = np.full(cells, np.log(centre / row.minimum) / np.log(row.maximum / row.minimum))
        for predictor, slope in TRUE_SENSITIVITIES.get(name, {}).items():
            logit = logit + SENSITIVITY_SCALE * slope * np.tanh(standard[predictor])
        share = np.clip(logit, 0.02, 0.98)
        result[name] = row.minimum * (row.maximum / row.minimum) ** share
    north = 1 / (1 + np.exp(-driver["lat"].to_numpy()))
    for name, day in (("leaf_onset_day", LEAF_ONSET), ("leaf_fall_day", LEAF_FALL)):
        result[name] = 2 * 365.25 + day + 365.25 / 2 * (1 - north)
    return result


def _spin_up(parameters: Parameters, initial: Pools, forcing: Forcing) -> Pools:
    """Pools after the forcing was repeated many times, away from their bounds."""

    def cycle(pools: Pools, _: None) -> tuple[Pools, None]:
        return simulate(parameters, pools, forcing, outputs=())[0], None

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
    parameters: Parameters,
    initial: Pools,
    forcing: Forcing,
) -> None:
    """Model output plus noise, with gaps, on each target's support."""
    outputs = tuple({n for observable in OBSERVABLES.values() for n in observable.outputs})
    _, series = jax.jit(simulate, static_argnames="outputs")(parameters, initial, forcing, outputs)
    series = {name: np.asarray(values, float) for name, values in series.items()}
    cells, months = driver.sizes["cell"], driver.sizes["time"]
    patch = driver[PATCH_DIMENSION].to_numpy()
    towers = rng.uniform(size=cells) < SITE_SHARE

    for target, observable in OBSERVABLES.items():
        truth = np.asarray(observable.of(series)).T
        if observable.support == "patch":
            truth = np.stack([truth[patch == n].mean(axis=0) for n in range(patch.max() + 1)])
        if target == "ewt":
            truth = truth - truth.mean(axis=1, keepdims=True)
        if observable.resolution == "static":
            truth = truth.mean(axis=1, keepdims=True)
        if observable.resolution == "year":
            truth = annual_mean(truth.T).T
        noisy = truth + settings.noise * truth.std() * rng.normal(size=truth.shape)
        row = OBSERVATIONS[OBSERVED_VARIABLES[target]]
        noisy = noisy.clip(row.minimum, row.maximum)
        if observable.resolution == "month":
            noisy[rng.uniform(size=noisy.shape) > OBSERVED_SHARE] = np.nan
        if observable.support == "site":
            noisy[~towers] = np.nan
        if observable.resolution == "year":
            noisy = np.repeat(noisy, 12, axis=1)
        place = PATCH_DIMENSION if observable.support == "patch" else "cell"
        if observable.resolution == "static":
            _put(driver, OBSERVED_VARIABLES[target], (place,), noisy[:, 0])
        else:
            _put(driver, OBSERVED_VARIABLES[target], (place, "time"), noisy[:, :months])
    names = np.where(towers, [f"TOWER-{n:04d}" for n in range(cells)], "")
    driver.coords["site"] = ("cell", names, {"long_name": "name of the flux tower, if any"})

"""Climates at the ends of what a driver may hold: finite, closed, with finite gradients."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from differland.engine import simulator
from differland.model.forcing import Forcing, calendar
from differland.model.parameters import Parameters, Pools
from differland.model.photosynthesis import day_length
from differland.model.simulate import MODEL_OUTPUTS, Keep, MonthlyObservations
from differland.model.weather import weather_of
from differland.objective import Observations, Trajectory, keep_for, loss_terms
from differland.tables import PARAMETERS
from differland.terms import OBSERVED_TERMS, PAPER_WEIGHTS, POOL_FLUXES

YEARS = 20
MONTHS = 12 * YEARS
ODD = np.arange(MONTHS) % 2 == 1

EXTREMES: dict[str, dict] = {
    "polar night all year": {"srad": 0, "latitude": 90, "t_min": -45, "t_max": -30},
    "south pole": {"latitude": -90, "t_min": -60, "t_max": -50},
    "no rain": {"precipitation": 0},
    "rain in the first month only": {"precipitation": np.where(np.arange(MONTHS) == 0, 300, 0)},
    "wettest": {"precipitation": 500},
    "same temperature day and night": {"t_min": 12, "t_max": 12},
    "saturated air": {"vpd": 0},
    "burned every month": {"burned_fraction": 1},
    "burned, dark and dry": {"burned_fraction": 1, "srad": 0, "precipitation": 0, "vpd": 0},
    "coldest": {"t_min": -90, "t_max": -90},
    "hottest": {"t_min": 60, "t_max": 70, "vpd": 150, "srad": 50},
    "coldest and hottest in turn": {
        "t_min": np.where(ODD, -90, 60),
        "t_max": np.where(ODD, -90, 70),
    },
}
"""Forcing that differs from that of a temperate place."""

CELLS = len(EXTREMES)
KEEP = keep_for(PAPER_WEIGHTS)
EVERYTHING = Keep(
    lambda outputs, december, observations: KEEP.of(outputs, december, observations)._replace(
        series={name: outputs[name] for name in MODEL_OUTPUTS}
    ),
    KEEP.compared,
)


def forcing(co2: float) -> Forcing:
    axis = calendar(pd.period_range("2001-01", periods=MONTHS, freq="M"), "calendar")
    summer = -np.cos(2 * np.pi * axis.doy / 365)
    temperate = {
        **{"t_min": 5 + 10 * summer, "t_max": 15 + 12 * summer, "srad": 12 + 8 * summer},
        **{"burned_fraction": 0 * summer, "vpd": 6 + 4 * summer, "precipitation": 2 + summer},
    }
    fields = {name: np.repeat(values, CELLS, axis=1) for name, values in temperate.items()}
    latitude = np.full((1, CELLS), 45.0)
    for cell, changes in enumerate(EXTREMES.values()):
        for name, value in changes.items():
            (latitude if name == "latitude" else fields[name])[:, cell] = value
    return Forcing(
        **fields,
        time=axis.time,
        dt=axis.dt,
        doy=axis.doy,
        latitude=latitude,
        co2=np.full((MONTHS, 1), co2),
        mean_temperature=((fields["t_min"] + fields["t_max"]) / 2).mean(axis=0)[None],
        mean_precipitation=fields["precipitation"].mean(axis=0)[None],
    )


def draw(seed: int, edge: float, dtype: type) -> tuple[Parameters, Pools]:
    """Of one member, log-uniform over their bounds, a share of them at a bound."""
    rng = np.random.default_rng(seed)

    def one(name: str) -> jax.Array:
        row = PARAMETERS[name]
        share = rng.uniform(size=(1, CELLS))
        share = np.where(rng.uniform(size=share.shape) < edge, np.round(share), share)
        return jnp.asarray(row.minimum * (row.maximum / row.minimum) ** share, dtype)

    return (
        Parameters(*(one(name) for name in Parameters._fields)),
        Pools(*(one(f"initial_{name}") for name in Pools._fields)),
    )


def observations(dtype: type) -> Observations:
    """One of everything, everywhere and always."""
    value = {}
    for name, term in OBSERVED_TERMS.items():
        times = {"static": (), "year": (YEARS,), "month": (MONTHS,)}[term.resolution]
        places = () if term.support == "patch" else (CELLS,)
        value[name] = jnp.ones((*times, *places), dtype)
    return Observations(value, value, jnp.ones(CELLS, dtype), jnp.ones(CELLS, dtype))


@cache
def compiled(engine: str, dtype: type):
    """Loss of a patch of extremes, its terms, all outputs, and the gradient, by weather."""
    simulate = simulator(engine, EVERYTHING, CELLS, np.dtype(dtype))  # type: ignore[arg-type]
    observed = observations(dtype)
    monthly = MonthlyObservations(
        {target: observed.value[target] for target in KEEP.compared},
        {target: observed.weight[target] for target in KEEP.compared},
        observed.valid,
    )

    def loss(given: tuple[Parameters, Pools], weather):
        kept = simulate(*given, weather, monthly)
        run, initial = jax.tree.map(lambda values: values[0], (kept, given[1]))
        terms = loss_terms(PAPER_WEIGHTS, Trajectory(run, MONTHS), initial, observed)
        return sum(terms.values()), (terms, run.series)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def run(engine: str, dtype: type, seed: int, edge: float, co2: float):
    given = draw(seed, edge, dtype)
    weather = jax.tree.map(lambda values: jnp.asarray(values, dtype), weather_of(forcing(co2)))
    (_, (terms, series)), gradient = compiled(engine, dtype)(given, weather)
    return given[1], terms, {k: np.asarray(v, float) for k, v in series.items()}, gradient


def unclosed(initial: Pools, series: dict[str, np.ndarray], dt: np.ndarray, rain: np.ndarray):
    """Largest change of each pool that no flux explains, over pool and fluxes."""
    for pool in Pools._fields:
        before = np.concatenate([np.asarray(getattr(initial, pool), float), series[pool][:-1]])
        inflow, outflow = [rain], [series["et"], series["runoff"]]
        if pool != "water":
            inflow = [series[name] for name in POOL_FLUXES[pool].inflow]
            outflow = [series[name] for name in POOL_FLUXES[pool].outflow]
        turnover = sum(map(np.abs, inflow + outflow)) * dt
        change = series[pool] - before - (sum(inflow) - sum(outflow)) * dt
        yield pool, np.abs(change) / (np.abs(before) + np.abs(series[pool]) + turnover)


def assert_finite(values: dict[str, np.ndarray], gradient) -> None:
    for name, numbers in values.items():
        assert np.isfinite(numbers).all(), name
    assert all(np.isfinite(numbers).all() for numbers in jax.tree.leaves(gradient))


@pytest.mark.parametrize("co2", [200, 1500])
@pytest.mark.parametrize(("seed", "edge"), [(0, 0.0), (1, 0.5), (2, 1.0)])
def test_extremes_are_finite_and_close_in_double_precision(x64, seed, edge, co2):
    initial, terms, series, gradient = run("xla", np.float64, seed, edge, co2)
    assert_finite(series | terms, gradient)
    given = forcing(co2)
    for pool, share in unclosed(initial, series, given.dt, given.precipitation):
        assert share.max() < 1e-12, pool
    for name in ("gpp", "et", "runoff", "water_violation", "fire_emission"):
        assert series[name].min() > -1e-12, name
    dark = list(EXTREMES).index("polar night all year")
    assert (series["gpp"][:, dark] == 0).all()


@pytest.mark.parametrize("co2", [200, 1500])
@pytest.mark.parametrize(("seed", "edge"), [(0, 0.0), (1, 0.5), (2, 1.0)])
def test_extremes_are_finite_and_close_in_the_kernel(seed, edge, co2):
    initial, terms, series, gradient = run("kernel", np.float32, seed, edge, co2)
    assert_finite(series | terms, gradient)
    given = forcing(co2)
    for pool, share in unclosed(initial, series, given.dt, given.precipitation):
        # Of a bucket of 1 mm that should evaporate 1000, single precision keeps three digits.
        assert share.max() < (1e-3 if pool == "water" else 1e-5), pool


@pytest.mark.parametrize("double", [False, True])
def test_day_and_night_at_the_poles_are_those_beside_them(double):
    with jax.enable_x64(double):
        hours = day_length(np.array([[90.0, 89.9, -90.0, -89.9]]), np.array([[15.0], [172.0]]))
    assert np.asarray(hours).tolist() == [[0, 0, 24, 24], [24, 24, 0, 0]]

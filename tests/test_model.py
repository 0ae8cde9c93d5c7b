"""The process model: reference trajectories, closure, gradients, invariances."""

from functools import partial
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from differland.cases import simulate_cases
from differland.files import read_netcdf
from differland.model.carbon import allocate, loss_per_day
from differland.model.dalec import month
from differland.model.forcing import Forcing, calendar, forcing_of_driver
from differland.model.parameters import POOL_BOUNDS, Parameters, Pools
from differland.model.phenology import day_of_year_factor
from differland.model.photosynthesis import day_length, gross_primary_production
from differland.model.rates import monthly_rates
from differland.model.simulate import MODEL_OUTPUTS, simulate
from differland.model.water import runoff
from differland.model.weather import weather_of
from differland.tables import PARAMETERS
from differland.terms import POOL_FLUXES

pytestmark = pytest.mark.usefixtures("x64")


@partial(jax.jit, static_argnames="outputs")
def run(
    parameters: Parameters,
    initial: Pools,
    forcing: Forcing,
    outputs: tuple[str, ...] = MODEL_OUTPUTS,
) -> tuple[Pools, dict[str, jax.Array]]:
    return simulate(parameters, initial, weather_of(forcing), outputs)


def draw(seed: int, cells: int, edge: float = 0.0) -> tuple[Parameters, Pools]:
    """Parameters drawn log-uniformly over their bounds, a share of them at a bound."""
    rng = np.random.default_rng(seed)

    def one(name: str) -> jax.Array:
        row = PARAMETERS[name]
        share = rng.uniform(size=cells)
        share = np.where(rng.uniform(size=cells) < edge, np.round(share), share)
        return jnp.asarray(row.minimum * (row.maximum / row.minimum) ** share)

    return (
        Parameters(*(one(name) for name in Parameters._fields)),
        Pools(*(one(f"initial_{name}") for name in Pools._fields)),
    )


@pytest.fixture(scope="module")
def forcing(driver) -> Forcing:
    """Forcing of the planet's cells, with fires that leave little, a drought and a deluge."""
    forcing = forcing_of_driver(driver, "calendar", "forcing")
    burned = forcing.burned_fraction.copy()
    burned[7, :10] = 1.0
    burned[20, 5:15] = 0.9
    rain = forcing.precipitation.copy()
    rain[10:30, 20:30] = 0.0
    rain[5, 30:] = 60.0
    srad = forcing.srad.copy()
    srad[::6, :5] = 0.0
    return forcing._replace(burned_fraction=burned, precipitation=rain, srad=srad)


def budget_errors(
    parameters: Parameters, initial: Pools, forcing: Forcing
) -> dict[str, np.ndarray]:
    """Change of each pool minus what flowed in and out, over the pool; shape (time, cell)."""
    _, outputs = run(parameters, initial, jax.tree.map(jnp.asarray, forcing))
    outputs = {name: np.asarray(values) for name, values in outputs.items()}
    dt = forcing.dt
    errors = {}
    for pool in Pools._fields:
        before = np.concatenate([np.asarray(getattr(initial, pool))[None], outputs[pool][:-1]])
        if pool == "water":
            flow = forcing.precipitation - outputs["et"] - outputs["runoff"]
            size = np.abs(forcing.precipitation) + np.abs(outputs["et"]) + outputs["runoff"]
        else:
            inflow = [outputs[name] for name in POOL_FLUXES[pool].inflow]
            outflow = [outputs[name] for name in POOL_FLUXES[pool].outflow]
            flow = sum(inflow) - sum(outflow)
            size = sum(map(np.abs, inflow + outflow))
        scale = before + outputs[pool] + size * dt
        errors[pool] = (outputs[pool] - before - flow * dt) / scale
    return errors


@given(seed=st.integers(0, 2**31), edge=st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=25, deadline=None)
def test_carbon_and_water_close_in_every_month(forcing, seed, edge):
    parameters, initial = draw(seed, forcing.t_min.shape[1], edge)
    for pool, error in budget_errors(parameters, initial, forcing).items():
        assert np.isfinite(error).all(), pool
        assert np.abs(error).max() < 1e-12, pool


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_whole_ecosystem_closes(forcing, seed):
    """Carbon stored = GPP - respiration - fire; no flux is counted twice or lost."""
    parameters, initial = draw(seed, forcing.t_min.shape[1], 0.2)
    end, outputs = run(parameters, initial, jax.tree.map(jnp.asarray, forcing))
    carbon = Pools._fields[:6]
    stored = sum(getattr(end, p) for p in carbon) - sum(getattr(initial, p) for p in carbon)
    exchanged = -(outputs["nbe"] * forcing.dt).sum(axis=0)
    turned_over = (jnp.abs(outputs["nbe"]) * forcing.dt).sum(axis=0)
    largest = sum(getattr(initial, p) for p in carbon) + turned_over
    np.testing.assert_allclose(stored / largest, exchanged / largest, rtol=0, atol=1e-13)


@given(seed=st.integers(0, 2**31), edge=st.sampled_from([0.0, 1.0]))
@settings(max_examples=10, deadline=None)
def test_pools_stay_within_bounds_and_fluxes_have_their_sign(forcing, seed, edge):
    parameters, initial = draw(seed, forcing.t_min.shape[1], edge)
    _, outputs = run(parameters, initial, jax.tree.map(jnp.asarray, forcing))
    for pool, bounds in POOL_BOUNDS.items():
        values = np.asarray(outputs[pool])
        # Fire acts after the bounds, so a burned pool may end beyond them, but never below zero
        # by more than rounding.
        unburned = np.broadcast_to(forcing.burned_fraction, values.shape) == 0
        assert values[unburned].max() <= bounds.maximum * (1 + 1e-12)
        assert values[unburned].min() >= bounds.minimum * (1 - 1e-12)
        assert values.min() >= -1e-15 * bounds.maximum
    for name in ("gpp", "et", "runoff", "water_violation", "fire_emission", "litter_to_som"):
        assert np.asarray(outputs[name]).min() >= -1e-12, name


def test_the_driest_bucket_cuts_evapotranspiration_and_reports_it():
    """At the lower bound without rain nothing evaporates; 1% of the wish is reported."""
    parameters, pools = draw(3, 1)
    pools = pools._replace(water=jnp.ones(1))
    forcing = Forcing(
        *(
            jnp.full((1, 1), value)
            for value in (
                15.0,
                30.0,
                10.0,
                20.0,
                20.0,
                400.0,
                180.0,
                0.0,
                10.0,
                0.0,
                10.0,
                15.0,
                1.0,
            )
        )
    )
    _, outputs = run(parameters, pools, forcing)
    radiation = 20.0 * parameters.boese_r
    stored = runoff(pools.water, parameters.runoff_focal_point, jnp.asarray(30.0))
    np.testing.assert_allclose(outputs["et"][0], 0.0, atol=1e-15)
    np.testing.assert_allclose(outputs["runoff"][0], 0.0, atol=1e-15)
    wish = radiation + outputs["gpp"][0] * jnp.sqrt(10.0) / parameters[24]
    np.testing.assert_allclose(outputs["water_violation"][0], 0.01 * wish, rtol=1e-10)
    assert stored >= 0


def test_reference_trajectories_in_double_precision(reference):
    path = reference / "reference/dalec_cases.nc"
    result = simulate_cases(path)
    expected = read_netcdf(path, decode_times=False)
    assert set(result.data_vars) == set(MODEL_OUTPUTS)
    for name in MODEL_OUTPUTS:
        found, wanted = result[name].to_numpy(), expected[f"expected_{name}"].to_numpy()
        assert found.dtype == np.float64
        assert result[name].attrs["units"]
        # Relative to each case's own largest value: where a daily rate is 1e-14, the reference
        # itself keeps few digits of 1 - (1 - rate)**dt.
        scale = np.abs(wanted).max(axis=1, keepdims=True)
        assert (np.abs(found - wanted) <= 1e-9 * scale).all(), name


def test_reference_trajectories_in_single_precision(reference):
    path = reference / "reference/dalec_cases.nc"
    with jax.enable_x64(False):
        result = simulate_cases(path)
    expected = read_netcdf(path, decode_times=False)
    for name in MODEL_OUTPUTS:
        found, wanted = result[name].to_numpy(), expected[f"expected_{name}"].to_numpy()
        assert found.dtype == np.float32
        # Published single precision is up to 5e-3 off; this one is to be far better.
        assert np.abs(found - wanted).max() <= 1e-4 * np.ptp(wanted), name


def test_gradient_agrees_with_finite_differences(forcing):
    """Away from bounds, of an output that every process enters."""
    forcing = jax.tree.map(jnp.asarray, forcing)
    cells = forcing.t_min.shape[1]
    middle = Parameters(
        *(
            jnp.full(cells, np.sqrt(PARAMETERS[n].minimum * PARAMETERS[n].maximum))
            for n in Parameters._fields
        )
    )._replace(
        field_capacity=jnp.full(cells, 400.0),
        runoff_focal_point=jnp.full(cells, 5000.0),
        leaf_onset_day=jnp.full(cells, 830.0),
        leaf_fall_day=jnp.full(cells, 1015.0),
    )
    initial = Pools(*(jnp.full(cells, v) for v in (60, 80, 90, 5e3, 200, 1e4, 300)))

    def objective(logarithms: tuple[Parameters, Pools]) -> jax.Array:
        parameters, pools = jax.tree.map(jnp.exp, logarithms)
        _, o = run(parameters, pools, forcing)
        return sum(
            jnp.mean(o[name] / scale)
            for name, scale in {
                "nbe": 1.0,
                "et": 1.0,
                "lai": 1.0,
                "sif": 0.1,
                "vod": 0.1,
                "fire_emission": 0.1,
                "som": 1e3,
                "water": 1e2,
                "wood": 1e3,
                "litter": 1e2,
                "runoff": 1.0,
            }.items()
        )

    point = jax.tree.map(jnp.log, (middle, initial))
    gradient = jax.jit(jax.grad(objective))(point)
    value = jax.jit(objective)
    names = [*Parameters._fields, *(f"initial_{n}" for n in Pools._fields)]
    leaves, structure = jax.tree.flatten(point)
    step = 1e-5
    for index, name in enumerate(names):

        def moved(by: float, index: int = index) -> jax.Array:
            changed = [leaf + by * (i == index) for i, leaf in enumerate(leaves)]
            return value(jax.tree.unflatten(structure, changed))

        difference = (moved(step) - moved(-step)) / (2 * step)
        exact = float(jax.tree.leaves(gradient)[index].sum())
        if name == "inherent_water_use_efficiency":
            assert np.all(np.asarray(jax.tree.leaves(gradient)[index]) == 0.0)
            assert difference == 0
        else:
            assert exact != 0, name
            np.testing.assert_allclose(exact, difference, rtol=2e-5, atol=2e-8, err_msg=name)


def test_gradients_are_finite_over_the_whole_bounds(forcing):
    forcing = jax.tree.map(jnp.asarray, forcing)
    for seed in range(5):
        parameters, initial = draw(seed, forcing.t_min.shape[1], 0.3)

        def total(arguments):
            _, outputs = run(*arguments, forcing)
            return sum(values.mean() for values in outputs.values())

        for leaf in jax.tree.leaves(jax.jit(jax.grad(total))((parameters, initial))):
            assert np.isfinite(np.asarray(leaf)).all()


def test_split_run_is_the_whole_run(forcing):
    forcing = jax.tree.map(jnp.asarray, forcing)
    parameters, initial = draw(5, forcing.t_min.shape[1])
    end, outputs = run(parameters, initial, forcing)

    def part(months: slice) -> Forcing:
        return Forcing(*(v[months] if v.shape[0] > 1 else v for v in forcing))

    middle, first = run(parameters, initial, part(slice(0, 17)))
    last, second = run(parameters, middle, part(slice(17, None)))
    for name in MODEL_OUTPUTS:
        joined = np.concatenate([first[name], second[name]])
        np.testing.assert_allclose(joined, outputs[name], rtol=1e-12, atol=1e-300)
    for pool, whole in zip(last, end, strict=True):
        np.testing.assert_allclose(pool, whole, rtol=1e-12)


def test_order_of_cells_does_not_matter(forcing):
    forcing = jax.tree.map(jnp.asarray, forcing)
    cells = forcing.t_min.shape[1]
    parameters, initial = draw(6, cells)
    order = np.random.default_rng(0).permutation(cells)
    _, outputs = run(parameters, initial, forcing)
    _, shuffled = run(
        jax.tree.map(lambda v: v[order], parameters),
        jax.tree.map(lambda v: v[order], initial),
        jax.tree.map(lambda v: v[:, order] if v.shape[1] > 1 else v, forcing),
    )
    for name in MODEL_OUTPUTS:
        np.testing.assert_allclose(shuffled[name], outputs[name][:, order], rtol=1e-12)


def test_loop_is_the_readable_step_month_by_month(forcing):
    forcing = jax.tree.map(jnp.asarray, forcing)
    parameters, pools = draw(8, forcing.t_min.shape[1])
    _, outputs = run(parameters, pools, forcing, ("nbe", "water"))
    weather = weather_of(forcing)
    step = jax.jit(month)
    for number in range(12):
        rates = monthly_rates(parameters, jax.tree.map(itemgetter(number), weather))
        pools, fluxes = step(pools, rates, parameters)
        np.testing.assert_allclose(fluxes["nbe"], outputs["nbe"][number], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(pools.water, outputs["water"][number], rtol=1e-12)


def test_allocation_fractions_sum_to_one():
    parameters, _ = draw(0, 100)
    np.testing.assert_allclose(sum(allocate(jnp.ones(100), parameters)), 1.0, rtol=1e-14)


def test_loss_per_day_is_the_textbook_form_and_keeps_small_rates():
    rate, dt = jnp.asarray([1e-3, 0.1, 0.9]), jnp.asarray(30.4)
    np.testing.assert_allclose(loss_per_day(rate, dt), (1 - (1 - rate) ** dt) / dt, rtol=1e-12)
    np.testing.assert_allclose(loss_per_day(jnp.asarray(1e-18), dt), 1e-18, rtol=1e-12)
    over = loss_per_day(jnp.asarray([1.0, 5.0]), dt)
    np.testing.assert_allclose(over, 1 / dt, rtol=1e-12)


def test_day_length_at_the_poles_and_the_equator():
    assert day_length(jnp.asarray(80.0), jnp.asarray(172.0)) == 24
    assert day_length(jnp.asarray(80.0), jnp.asarray(355.0)) == 0
    np.testing.assert_allclose(day_length(jnp.asarray(0.0), jnp.asarray(100.0)), 12)


def test_photosynthesis_solves_its_own_quadratic():
    """Where light is no limit, ci = co2 - GPP / gc is a root of Williams et al. (1997)."""
    lai, carboxylation, conductance, co2 = map(jnp.asarray, (3.0, 40.0, 1.5, 390.0))
    # Light without limit leaves diffusion alone.
    diffusion = gross_primary_production(
        lai, carboxylation, conductance, jnp.asarray(1e12), co2, jnp.asarray(1.0)
    )
    ci = co2 - diffusion / conductance
    p = lai * carboxylation
    q = 4.22273 - 208.868
    np.testing.assert_allclose(ci**2 - (co2 + q - p) * ci + co2 * q - p * 4.22273, 0, atol=1e-5)


def test_no_leaf_no_photosynthesis_and_no_nan():
    gpp = jax.value_and_grad(gross_primary_production)(
        *map(jnp.asarray, (0.0, 40.0, 1.5, 10.0, 390.0, 0.2))
    )
    assert gpp[0] == 0
    assert np.isfinite(gpp[1])


def test_phenology_repeats_every_year_and_peaks_at_its_day():
    days = jnp.arange(0.0, 365.0, 0.25)
    arguments = (jnp.asarray(1.5), jnp.asarray(60.0), jnp.asarray(365.25 * 2 + 200))
    factor = day_of_year_factor(days, *arguments)
    np.testing.assert_allclose(factor, day_of_year_factor(days + 3 * 365.25, *arguments), rtol=1e-9)
    width = 60 / np.sqrt(2)
    assert abs(float(days[factor.argmax()]) - 200) < width
    # Shed over a year: lifespan L leaves 1/L of the leaves after a year without growth.
    integral = float(factor.sum() * 0.25)
    np.testing.assert_allclose(np.exp(-integral), 1 - 1 / 1.5, rtol=0.05)


def test_calendar_has_real_month_lengths_or_thirty_days():
    months = pd.period_range("2003-01", periods=24, freq="M")
    real = calendar(months, "calendar")
    assert real.dt[1, 0] == 28
    assert real.dt[13, 0] == 29
    np.testing.assert_allclose(real.time[0, 0], 1096 + 15.5)
    np.testing.assert_allclose(real.doy[[0, 12], 0], 15.5)
    fixed = calendar(months, 30.0)
    assert (fixed.dt == 30).all()
    np.testing.assert_array_equal(fixed.time, real.time)

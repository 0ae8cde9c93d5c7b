"""The compiled kernel: the same function as the readable model, for values and gradients."""

import ctypes
import errno
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from differland.engine import choose_engine, simulator
from differland.epoch import gradient_of
from differland.errors import InputError
from differland.evaluation import KEEP_OBSERVED
from differland.kernel import gpu
from differland.kernel.months import _compile
from differland.kernel.vectors import VectorCode
from differland.model.forcing import forcing_of_driver
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations
from differland.model.weather import Weather, weather_of
from differland.network import PredictorScaling, SpatializationNetwork, initial_weights
from differland.objective import keep_for
from differland.tables import PARAMETERS
from differland.terms import PAPER_WEIGHTS

MEMBERS = 3
KEEP = keep_for(PAPER_WEIGHTS)


def weather(driver, cells: int, dtype: type) -> Weather:
    """Weather with fires that leave little, a drought, a deluge and months without light."""
    forcing = forcing_of_driver(driver.isel(cell=slice(cells)), "calendar", "forcing")
    burned, rain, light = (
        field.copy() for field in (forcing.burned_fraction, forcing.precipitation, forcing.srad)
    )
    burned[7, ::3] = 1.0
    burned[20, 1::4] = 0.9
    # Not quite dry: litter that stops rotting altogether has no derivative by what stops it.
    rain[10:30, ::5] = 0.01
    rain[5, 2::7] = 60.0
    light[::6, ::4] = 0.0
    changed = forcing._replace(burned_fraction=burned, precipitation=rain, srad=light)
    return jax.tree.map(lambda values: jnp.asarray(values, dtype), weather_of(changed))


def draw(seed: int, cells: int, dtype: type, edge: float = 0.0) -> tuple[Parameters, Pools]:
    """Log-uniform over their bounds, a share of them at a bound; shape (member, cell)."""
    rng = np.random.default_rng(seed)

    def one(name: str) -> jax.Array:
        row = PARAMETERS[name]
        share = rng.uniform(size=(MEMBERS, cells))
        share = np.where(rng.uniform(size=share.shape) < edge, np.round(share), share)
        return jnp.asarray(row.minimum * (row.maximum / row.minimum) ** share, dtype)

    return (
        Parameters(*(one(name) for name in Parameters._fields)),
        Pools(*(one(f"initial_{name}") for name in Pools._fields)),
    )


def surroundings(driver, cells: int, dtype: type) -> tuple[Weather, MonthlyObservations]:
    """Weather, and observations with gaps in a patch that is not full."""
    months = weather(driver, cells, dtype)
    rng = np.random.default_rng(cells)
    shape = months.srad.shape
    weight = {t: jnp.asarray(rng.integers(0, 3, shape), dtype) for t in KEEP.compared}
    value = {t: jnp.asarray(rng.uniform(0, 5, shape), dtype) for t in KEEP.compared}
    valid = jnp.asarray(np.arange(cells) % 5 != 1, dtype)
    return months, MonthlyObservations(value, weight, valid)


def keep_everything(outputs, december, observations: MonthlyObservations) -> Kept:
    """What the loss needs, and series beside."""
    kept = KEEP.of(outputs, december, observations)
    return kept._replace(series={name: outputs[name] for name in ("gpp", "runoff", "som")})


EVERYTHING = Keep(keep_everything, KEEP.compared)


def uneven(values: jax.Array) -> jax.Array:
    """Weights that tell all numbers of an array apart."""
    return jnp.sin(jnp.arange(values.size)).reshape(values.shape)


def with_gradient(simulate, given: tuple[Weather, MonthlyObservations], weights=uneven):
    """What is kept, and the gradient of a weighted sum of all of it, compiled."""

    def total(parameters: Parameters, initial: Pools):
        kept = simulate(parameters, initial, *given)
        return sum((weights(v) * v).sum() for v in jax.tree.leaves(kept)), kept

    return jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))


def both(driver, cells: int, dtype: type):
    """The two engines."""
    given = surroundings(driver, cells, dtype)
    return [
        with_gradient(simulator(engine, EVERYTHING, cells, np.dtype(dtype)), given)
        for engine in ("xla", "kernel")
    ]


def largest_difference(one, other) -> float:
    """Largest difference of two structures of arrays, relative to the largest number of each."""
    return max(
        float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(a).max(), 1e-30))
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


@pytest.fixture(scope="module")
def double(driver):
    with jax.enable_x64(True):
        return both(driver, 21, np.float64)


@given(seed=st.integers(0, 2**31), edge=st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=30, deadline=None)
def test_values_and_gradients_are_those_of_the_readable_model(double, seed, edge):
    """In double precision to round-off; 21 cells are no multiple of the width of a vector."""
    with jax.enable_x64(True):
        given_parameters = draw(seed, 21, np.float64, edge)
        (_, kept), gradient = double[0](*given_parameters)
        (_, found), own = double[1](*given_parameters)
        assert jax.tree.structure(found) == jax.tree.structure(kept)
        assert all(kept) and jax.tree.leaves(kept)
        assert largest_difference(kept, found) < 1e-10
        assert largest_difference(gradient, own) < 1e-10


@pytest.mark.parametrize("cells", [5, 21])
def test_gpu_kernel_is_the_readable_model(driver, x64, monkeypatch, cells):
    """Played by JAX, in tiles of 8 cells: less than one, and two and a bit."""
    monkeypatch.setattr(gpu, "LARGEST_TILE", 8)
    given = surroundings(driver, cells, np.float64)
    loop = gpu.Loop(EVERYTHING, cells, np.dtype(np.float64), interpret=True)
    expected = with_gradient(simulator("xla", EVERYTHING, cells, np.dtype(np.float64)), given)
    found = with_gradient(loop, given)
    for seed, edge in ((0, 0.0), (1, 0.3), (2, 1.0)):
        drawn = draw(seed, cells, np.float64, edge)
        (_, kept), gradient = expected(*drawn)
        (_, own), of_gpu = found(*drawn)
        assert jax.tree.structure(own) == jax.tree.structure(kept)
        assert largest_difference(kept, own) < 1e-10
        assert largest_difference(gradient, of_gpu) < 1e-10


@pytest.mark.parametrize("keep", [KEEP, KEEP_OBSERVED], ids=["training", "evaluation"])
def test_gpu_kernel_is_translated_for_gpus(driver, keep):
    """Triton has a counterpart of every operation; what a GPU makes of it is not seen here."""
    months, seen = surroundings(driver, 21, np.float32)
    if not keep.compared:
        seen = MonthlyObservations({}, {}, seen.valid)
    loop = gpu.Loop(keep, 21, np.dtype(np.float32))

    def total(parameters: Parameters, initial: Pools):
        return sum(v.sum() for v in jax.tree.leaves(loop(parameters, initial, months, seen)))

    traced = jax.jit(jax.grad(total, argnums=(0, 1))).trace(*draw(7, 21, np.float32))
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("gpu.triton") == 2


def test_gpu_kernel_wants_whole_years(driver):
    months, seen = (
        jax.tree.map(lambda v: v[:47] if v.shape[0] == 48 else v, each)
        for each in surroundings(driver, 21, np.float32)
    )
    loop = gpu.Loop(KEEP, 21, np.dtype(np.float32), interpret=True)
    with pytest.raises(ValueError, match="whole years, found 47"):
        loop(*draw(8, 21, np.float32), months, seen)


@pytest.mark.parametrize("cells", [3, 37])
def test_single_precision_is_as_good_as_that_of_xla(driver, cells):
    rough = {}
    with jax.enable_x64(True):
        given_parameters = draw(cells, cells, np.float64)
        exact = both(driver, cells, np.float64)[0](*given_parameters)
        exact = jax.tree.map(np.asarray, exact)
    single = jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), given_parameters)
    for engine, function in zip(("xla", "kernel"), both(driver, cells, np.float32), strict=True):
        result = function(*single)
        assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(result))
        rough[engine] = jax.tree.map(np.asarray, result)

    def typical(engine: str) -> float:
        errors = [
            np.abs(a - b).mean() / max(np.abs(a).mean(), 1e-30)
            for a, b in zip(
                jax.tree.leaves(exact[1]), jax.tree.leaves(rough[engine][1]), strict=True
            )
        ]
        return float(np.median(errors))

    # Published single precision: 4.5e-3 of the gradient.
    assert typical("kernel") < max(2 * typical("xla"), 1e-4)
    assert typical("kernel") < 2e-3


def of_members(simulate, given: tuple[Weather, MonthlyObservations]):
    """What is kept of each member and its own gradient, wherever in a block it stands."""
    function = with_gradient(simulate, given, weights=jnp.ones_like)

    def kept_and_gradient(parameters: Parameters, initial: Pools):
        (_, kept), gradient = function(parameters, initial)
        return kept, gradient

    return kept_and_gradient


def test_members_and_repetitions_are_the_same_bit_for_bit(driver):
    """A member alone has its cells halved over two cores, members of a block have not."""
    loop = simulator("kernel", EVERYTHING, 21, np.dtype(np.float32))
    simulate = of_members(loop, surroundings(driver, 21, np.float32))
    drawn = draw(4, 21, np.float32)
    whole, again = simulate(*drawn), simulate(*drawn)
    for member in range(MEMBERS):
        part = partial(lambda member, values: values[member : member + 1], member)
        for _ in range(5):
            alone = simulate(*jax.tree.map(part, drawn))
            for one, two in zip(jax.tree.leaves(whole), jax.tree.leaves(alone), strict=True):
                assert np.array_equal(one[member], two[0])
    for one, two in zip(jax.tree.leaves(whole), jax.tree.leaves(again), strict=True):
        assert np.array_equal(one, two)


def test_where_no_thread_can_be_started_the_halves_follow_one_another(driver):
    """The code of these sizes is compiled here only, while another function answers its call."""
    calls = []

    @ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)
    def pthread_create(*_) -> int:
        calls.append(1)
        return errno.EAGAIN

    given = surroundings(driver, 11, np.float32)
    one = jax.tree.map(lambda values: values[:1], draw(9, 11, np.float32))
    own = llvm.address_of_symbol("pthread_create")
    llvm.add_symbol("pthread_create", ctypes.cast(pthread_create, ctypes.c_void_p).value)
    try:
        loop = simulator("kernel", EVERYTHING, 11, np.dtype(np.float32))
    finally:
        llvm.add_symbol("pthread_create", own)
    found = jax.block_until_ready(of_members(loop, given)(*one))
    assert len(calls) == 2, "onward and back"
    twice = jax.tree.map(lambda values: jnp.concatenate([values] * 2), one)
    expected = of_members(loop, given)(*twice)
    assert len(calls) == 2
    for values, others in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.array_equal(values[0], others[0])


def test_a_parameter_that_is_not_a_number_is_not_hidden(driver):
    parameters, initial = draw(5, 21, np.float32)
    given = surroundings(driver, 21, np.float32)
    simulate = jax.jit(simulator("kernel", EVERYTHING, 21, np.dtype(np.float32)))
    for name in ("canopy_efficiency", "leaf_lifespan", "field_capacity", "som_turnover_rate"):
        broken = parameters._replace(**{name: getattr(parameters, name).at[1, 2].set(jnp.nan)})
        kept = simulate(broken, initial, *given)
        of_cells = jax.tree.leaves(kept._replace(patch={}))
        assert any(bool(jnp.isnan(v[1, ..., 2]).any()) for v in of_cells), name
        assert any(bool(jnp.isnan(v[1]).any()) for v in kept.patch.values()), name
        assert not any(bool(jnp.isnan(v[0]).any()) for v in jax.tree.leaves(kept))


def test_arrays_that_the_code_was_not_compiled_for_are_refused(driver):
    simulate = simulator("kernel", KEEP, 21, np.dtype(np.float32))
    parameters, initial = draw(6, 21, np.float32)
    months, seen = surroundings(driver, 21, np.float32)
    short = parameters._replace(boese_r=parameters.boese_r[:, :20])
    with pytest.raises(ValueError, match=r"boese_r.*\(3, 21\).*\(3, 20\)"):
        simulate(short, initial, months, seen)
    whole = initial._replace(water=initial.water.astype(jnp.int32))
    with pytest.raises(ValueError, match=r"water: expected float32.*int32"):
        simulate(parameters, whole, months, seen)
    with pytest.raises(ValueError, match=r"time: expected.*\(48, 1\)"):
        spread = jnp.broadcast_to(months.time, months.srad.shape)
        simulate(parameters, initial, months._replace(time=spread), seen)
    with pytest.raises(ValueError, match=r"weight.lai: expected.*\(48, 21\).*\(21,\)"):
        wrong = seen._replace(weight={**seen.weight, "lai": seen.weight["lai"][0]})
        simulate(parameters, initial, months, wrong)
    with pytest.raises(ValueError, match="whole years, found 47"):
        cut = [
            jax.tree.map(lambda v: v[:47] if v.shape[0] == 48 else v, each)
            for each in (months, seen)
        ]
        simulate(parameters, initial, *cut)
    few = jax.tree.map(lambda values: values[:, :3], (parameters, initial))
    with pytest.raises(ValueError, match="at least 16 cells, found 3"):
        simulate(
            *few, *jax.tree.map(lambda v: v[..., :3] if v.shape[-1] == 21 else v, (months, seen))
        )


def test_an_unknown_operation_is_named(driver):
    keep = Keep(lambda outputs, december, _: Kept({"odd": jnp.arctan2(outputs["gpp"], december)}))

    with pytest.raises(NotImplementedError, match=r"atan2.*engine: xla"):
        simulator("kernel", keep, 4, np.dtype(np.float32))


def test_choice_of_the_engine(monkeypatch):
    assert choose_engine("auto") == "kernel"
    assert choose_engine("xla") == "xla"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert choose_engine("auto") == "xla"
    assert choose_engine("kernel") == "kernel"
    assert isinstance(simulator("kernel", KEEP, 21, np.dtype(np.float32)), gpu.Loop)
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    assert choose_engine("auto") == "xla"
    with pytest.raises(InputError, match=r"training.engine.*tpu"):
        choose_engine("kernel")


def test_memory_outside_the_arrays_is_not_touched():
    """Each array lies between pages that end the process when they are touched."""
    program = Path(__file__).with_name("guarded_kernel.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_fifty_steps_of_training_are_the_same(data, settings, x64):
    """Loss, gradients and weights in double precision, over patches one of which is half empty."""
    batches = jax.tree.map(lambda values: jnp.asarray(values, jnp.float64), data.minibatches)
    terms = settings.loss.active(data.minibatches.observed)
    network = SpatializationNetwork(**dict(settings.network))
    count = batches.predictors.shape[-1]
    rows = batches.predictors.reshape(-1, count)
    scaling = PredictorScaling(
        rows.mean(axis=0)[None],
        jnp.where(rows.std(axis=0) > 1e-9, rows.std(axis=0), 1)[None],
        jnp.ones((1, count)),
    )
    key = jax.random.key(1)
    start = jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64)[None], initial_weights(network, key, jnp.ones(count))
    )
    optimizer = optax.adam(5e-4)
    slots = jnp.arange(batches.predictors.shape[1])
    results = []
    for engine in ("xla", "kernel"):
        gradient = gradient_of(network, terms, engine, batches)

        @jax.jit
        def step(weights, state, patch, gradient=gradient):
            gradients, values = gradient(weights, scaling, batches.patch(patch, slots))
            updates, state = optimizer.update(gradients, state)
            return optax.apply_updates(weights, updates), state, values, gradients

        weights, state, history = start, optimizer.init(start), []
        for number in range(50):
            patch = jnp.asarray(number % data.test.size)
            weights, state, values, gradients = step(weights, state, patch)
            history.append(jax.tree.map(np.asarray, (values, gradients)))
        results.append((history, jax.tree.map(np.asarray, weights)))
    (history, weights), (own_history, own_weights) = results
    assert largest_difference(history[0], own_history[0]) < 1e-10
    assert largest_difference(history, own_history) < 1e-10
    assert largest_difference(weights, own_weights) < 1e-10


# -- elementary functions ------------------------------------------------------------------

RANGES = {
    "exp": np.concatenate([np.linspace(-86.9, 88.6, 4000), np.geomspace(1e-30, 1, 96)]),
    "expm1": np.concatenate([np.linspace(-90, 88.6, 4000), -np.geomspace(1e-30, 1, 96)]),
    "log": np.geomspace(1.2e-38, 3e38, 4096),
    "log1p": np.concatenate([np.geomspace(1e-7, 1, 2048) - 1, np.geomspace(1e-30, 3e38, 2048)]),
    "sin": np.linspace(-300, 300, 4096),
    "cos": np.linspace(-300, 300, 4096),
}


def vector_function(name: str):
    """One elementary function of single precision, compiled; from array to array."""
    module = ir.Module("elementary")
    module.triple = llvm.get_default_triple()
    pointer = ir.PointerType()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, pointer]), "apply")
    builder = ir.IRBuilder(function.append_basic_block())
    code = VectorCode(builder, np.dtype(np.float32), 16)
    argument = builder.load(function.args[0], typ=code.vector, align=4)
    builder.store(getattr(code, name)(argument), function.args[1], align=4)
    builder.ret_void()
    engine = _compile(str(module))
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
        engine.get_function_address("apply")
    )

    def apply(values: np.ndarray, engine: llvm.ExecutionEngine = engine) -> np.ndarray:
        padded = np.resize(values.astype(np.float32), -(-values.size // 16) * 16)
        result = np.empty_like(padded)
        for start in range(0, padded.size, 16):
            call(padded[start:].ctypes.data, result[start:].ctypes.data)
        return result[: values.size]

    return apply


@pytest.mark.parametrize("name", RANGES)
def test_elementary_functions_are_right_to_two_units_in_the_last_place(name):
    values = RANGES[name].astype(np.float32)
    found = vector_function(name)(values)
    exact = getattr(np, name)(values.astype(float))
    # Near their zeros the sine and cosine of a large angle keep fewer digits than their size has.
    smallest = 0.05 if name in ("sin", "cos") else 1e-37
    unit = np.spacing(np.maximum(np.abs(exact), smallest).astype(np.float32))
    assert (np.abs(found - exact) <= 2 * unit).all()


@pytest.mark.parametrize("name", RANGES)
def test_elementary_functions_at_their_edges(name):
    values = np.array([0, np.inf, -np.inf, np.nan, -1, 1, 200, -200], np.float32)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(values.astype(float)).astype(np.float32)
    found = vector_function(name)(values)
    for value, one, other in zip(values, found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7, err_msg=f"{name}({value})")

"""Time and memory of training: one update, one epoch, and how they grow, for every engine.

Run ``python benchmarks/training.py TABLE.csv``. Everything is done on full patches (320 cells, 276
months, all loss terms on) of a synthetic planet. With ``--reference PATH``, a checkout of the
published code (github.com/JianingFang/DifferLand_Global), its own update is timed on the same
forcing, predictors and observations. The implementations take turns, so that what else the machine
does meets all of them; the table has the median of the runs, in seconds, for all members together.

- ``update``: loss, gradient and Adam of one patch.
- ``update, N months`` and ``N cells``: the same with other numbers, to see how cost grows.
- ``epoch, N patches``: an epoch over all patches. ``--devices`` share the members out.
- ``simulate``: the observed quantities of a patch, without gradients.
- ``start``: a new process imports, maps training data of 3 patches, and has been through the first
  epoch, with an empty cache of compiled programs (``cold``) and again (``warm``).
- ``pack``: training data of 944 patches, as many as the paper has, are written (``--full-size``).

``temporary_mib`` is what XLA sets aside beyond arguments and results, for all members together.
``times_published`` is the published code's time for one update of one member, which took turns,
over the time per update and member.
"""

import argparse
import csv
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
import yaml

from differland.engine import Engine, simulator
from differland.epoch import State, compile_epoch, gradient_of
from differland.evaluation import KEEP_OBSERVED
from differland.minibatches import Minibatch, Minibatches
from differland.model.simulate import MonthlyObservations
from differland.network import PredictorScaling, SpatializationNetwork, initial_weights, predict
from differland.packing import TrainingData, pack_training_data, read_training_data
from differland.patches import draw_patches
from differland.settings.training import MemberSettings
from differland.synthetic.planet import PlanetSettings, make_planet
from differland.training import optimizer_of

ROOT = Path(__file__).resolve().parents[1]
CELLS, FIRST_YEAR, YEARS = 320, 1998, 23
PAPER_PATCHES = 944
ENGINES: tuple[Engine, ...] = ("xla", "kernel")

PUBLISHED_LABELS = (
    "sif", "nbe", "lai", "ewt", "biomass", "fire_emission", "soil_organic_carbon", "vod",
    "gpp_site", "reco_site", "et_site", "et",
)  # fmt: skip
"""Observations in the order that the published loss expects; each is followed by its mask."""


class Study(NamedTuple):
    """Data and settings of a benchmark; no driver where only training is timed."""

    settings: MemberSettings
    driver: xr.Dataset | None
    patches: xr.Dataset | None
    data: TrainingData
    terms: dict[str, float]

    @property
    def batches(self) -> Minibatches:
        """All patches, mapped from a file."""
        return self.data.minibatches


class Row(NamedTuple):
    """A row of the table."""

    work: str
    implementation: str
    members: int
    median_s: float
    runs: int
    temporary_mib: float | str = ""
    times_published: float | str = ""


def paper_settings() -> MemberSettings:
    """Settings of the paper's study."""
    return MemberSettings.from_configuration(
        yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    )


def make_driver(patches: int, cells: int = CELLS, years: int = YEARS) -> xr.Dataset:
    """Make the driver of a synthetic planet."""
    return make_planet(PlanetSettings(patches, cells, FIRST_YEAR, years, seed=1, noise=0.1))[0]


def make_study(patches: int, cells: int = CELLS, years: int = YEARS) -> Study:
    """Make a synthetic planet with the paper's settings."""
    settings = paper_settings()
    driver = make_driver(patches, cells, years)
    drawn = draw_patches(driver, 1, None, 0.8, 0.1, 0)
    # The mapped file stays readable after its folder is gone.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "training.h5")
        pack_training_data(driver, drawn, settings.model, settings.loss, path)
        data = read_training_data(path)
    return Study(settings, driver, drawn, data, settings.loss.active(data.minibatches.observed))


def open_study(path: Path | str) -> Study:
    """Read a study's training data, as a training job does."""
    settings, data = paper_settings(), read_training_data(path)
    return Study(settings, None, None, data, settings.loss.active(data.minibatches.observed))


def start_state(study: Study, members: int) -> tuple[State, PredictorScaling]:
    """Fresh weights and the study's predictor statistics for a number of members."""
    predictors = study.batches.predictors
    count = predictors.shape[-1]
    keys = jax.random.split(jax.random.key(0), members)
    network = SpatializationNetwork(**dict(study.settings.network))
    weights = jax.vmap(lambda key: initial_weights(network, key, jnp.ones(count)))(keys)
    rows = predictors.reshape(-1, count)
    deviation = rows.std(axis=0)
    scaling = PredictorScaling(
        *(
            jnp.tile(values, (members, 1))
            for values in (
                rows.mean(axis=0),
                jnp.where(deviation > 1e-6, deviation, 1.0),
                jnp.ones(count),
            )
        )
    )
    optimizer = jax.vmap(optimizer_of(study.settings.training, 1).init)(weights)
    return State(weights, optimizer, jnp.zeros(members, bool)), scaling


def update_of(study: Study, engine: Engine, members: int) -> tuple[Callable[[], Any], float]:
    """One update of all members on the first patch, and its temporary memory, MiB."""
    state, scaling = start_state(study, members)
    slots = study.batches.predictors.shape[1]
    network = SpatializationNetwork(**dict(study.settings.network))
    optimizer = optimizer_of(study.settings.training, 1)
    gradient = gradient_of(network, study.terms, engine, study.batches)

    def update(state: State, minibatch: Minibatch) -> tuple[State, dict[str, jax.Array]]:
        gradients, terms = gradient(state.weights, scaling, minibatch)
        updates, moments = jax.vmap(optimizer.update)(gradients, state.optimizer, state.weights)
        return State(optax.apply_updates(state.weights, updates), moments, state.failed), terms

    minibatch = study.batches.patch(jnp.asarray(0), jnp.arange(slots))
    compiled = jax.jit(update).lower(state, minibatch).compile()
    memory = compiled.memory_analysis()
    temporary = memory.temp_size_in_bytes / 2**20 if memory is not None else float("nan")
    return partial(compiled, state, minibatch), temporary


def simulation_of(study: Study, engine: Engine, members: int) -> Callable[[], Any]:
    """All observed quantities of the first patch, without gradients, as the evaluation has them."""
    state, _ = start_state(study, members)
    batches = study.batches
    slots = batches.predictors.shape[1]
    minibatch = batches.patch(jnp.asarray(0), jnp.arange(slots))
    network = SpatializationNetwork(**dict(study.settings.network))
    predictors = jnp.zeros_like(minibatch.predictors)
    parameters, initial = jax.vmap(lambda w: predict(network, w, predictors, minibatch.latitude))(
        state.weights
    )
    simulate = simulator(engine, KEEP_OBSERVED, slots, batches.predictors.dtype)
    nothing = MonthlyObservations({}, {}, minibatch.observations.valid)
    return partial(jax.jit(simulate), parameters, initial, minibatch.weather, nothing)


def epoch_of(study: Study, engine: Engine, members: int) -> Callable[[], Any]:
    """One epoch over all patches of the study."""
    state, scaling = start_state(study, members)
    count = study.data.test.size
    epoch = compile_epoch(
        SpatializationNetwork(**dict(study.settings.network)),
        optimizer_of(study.settings.training, count),
        study.settings.training.gradient_clip_norm,
        study.terms,
        engine,
        0,
        study.batches,
        scaling,
        trains=jnp.ones((members, count), bool),
        visited=jnp.arange(count),
    )
    kept = [state]

    def run() -> Any:
        # The state is given away to the call, which gives the next one.
        kept[0], visits, _ = epoch(kept[0], jnp.asarray(0), jnp.ones(members, bool))
        return visits

    return run


def published_update(path: Path, study: Study) -> Callable[[], Any]:
    """One update of one member with the published code, on the same patch."""
    sys.path.insert(0, str(path))
    forward = importlib.import_module("DifferLand.optimization.forward")
    losses = importlib.import_module("DifferLand.optimization.loss_functions")
    model = importlib.import_module("DifferLand.model.DALEC993").DALEC993(
        water_stress_type="default"
    )
    layers = importlib.import_module("DifferLand.util.init_mlp_params").init_mlp_params

    def run(weights: Any, predictors: jax.Array, met: jax.Array) -> tuple[Any, Any]:
        embedding, dalec, initial, phenology = weights
        embedded = forward.embed_prediction_forward(embedding, predictors[1:])
        parameters = model.unnormalize(forward.parameter_prediction_forward(dalec, embedded))
        seen = jnp.concatenate([embedded, predictors[0:1]])
        days = model.unnormalize_pheno(forward.parameter_prediction_forward(phenology, seen))
        pools = model.unnormalize_pools(forward.parameter_prediction_forward(initial, embedded))
        step = partial(
            model.step, gpp_params=None, pheno_parameters=days, dalec_parameters=parameters
        )
        return pools, jax.lax.scan(step, pools, met)[1]

    loss = partial(
        losses.loss_fn_with_edc,
        batch_forward=jax.vmap(run, in_axes=[None, 0, 0]),
        pfn=model.pfn,
    )
    optimizer = optax.adam(5e-4)

    @jax.jit
    def update(weights: Any, state: Any, *data: jax.Array) -> tuple[Any, Any, jax.Array]:
        value, gradients = jax.value_and_grad(loss)(weights, *data)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, value

    predictors, met, labels = published_data(study)
    count = predictors.shape[1] - 1
    width = study.settings.network.width
    hidden = [width] * study.settings.network.hidden_layers
    weights = (
        layers([count, *hidden], n=0),
        layers([width, len(model.param_parmin)], n=1),
        layers([width, len(model.pool_parmin)], n=2),
        layers([width + 1, len(model.pheno_parmin)], n=3),
    )
    return partial(update, weights, optimizer.init(weights), predictors, met, labels)


def published_data(study: Study) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Predictors, forcing and observations of the first patch as the published loss takes them."""
    cells = study.patches["cell"].to_numpy()[0]
    driver = study.driver.isel(cell=cells)
    months = driver.sizes["time"]
    middle = driver.indexes["time"]
    day = np.asarray((middle - middle[0]).days + 15.0)

    def monthly(values: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(values, float), (cells.size, months))

    t_min, t_max, rain = (driver[name].to_numpy() for name in ("t_min", "t_max", "precipitation"))
    met = np.stack(
        [
            monthly(day),
            t_min,
            t_max,
            driver["srad"].to_numpy(),
            monthly(driver["co2"].to_numpy()),
            monthly(middle.day_of_year),
            driver["burned_fraction"].to_numpy(),
            driver["vpd"].to_numpy(),
            rain,
            monthly(driver["lat"].to_numpy()[:, None]),
            monthly(30.0),
            monthly((t_min + t_max).mean(axis=1, keepdims=True) / 2),
            monthly(rain.mean(axis=1, keepdims=True)),
        ],
        axis=-1,
    )
    labels = []
    for name in PUBLISHED_LABELS:
        values = driver[name]
        if "patch" in values.dims:
            values = values.isel(patch=0)
        if values.dims == ("cell",):
            values = values.expand_dims(time=1, axis=-1)
        known = monthly(values.to_numpy())
        labels += [np.nan_to_num(known), np.isfinite(known)]
    latitude = 1 / (1 + np.exp(-driver["lat"].to_numpy()))
    _, scaling = start_state(study, 1)
    scaled = (study.batches.predictors[0] - scaling.mean) / scaling.standard_deviation
    return (
        jnp.asarray(np.concatenate([latitude[:, None], scaled], axis=1), jnp.float32),
        jnp.asarray(met, jnp.float32),
        jnp.asarray(np.stack(labels, axis=-1), jnp.float32),
    )


def full_size_driver() -> xr.Dataset:
    """The driver of a planet with as many patches as the paper's, copies of three."""
    small = make_driver(3)
    copies = -(-PAPER_PATCHES // 3)
    variables: dict[str, Any] = {}
    for name, variable in small.variables.items():
        repeats = [copies if dim in ("cell", "patch") else 1 for dim in variable.dims]
        values = np.tile(variable.to_numpy(), repeats)
        if name == "patch":
            values += np.repeat(3 * np.arange(copies, dtype=values.dtype), variable.size)
        variables[name] = (variable.dims, values, variable.attrs)
    coordinates = {name: variables.pop(name) for name in small.coords}
    planet = xr.Dataset(variables, coordinates)
    keep = planet["patch"].to_numpy() < PAPER_PATCHES
    count = {"patch": slice(PAPER_PATCHES)} if "patch" in planet.dims else {}
    return planet.isel(cell=keep, **count)


def take_turns(functions: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median time of each, s; they take turns, in each of which a first call is not timed.

    In training, updates follow one another as calls do in a turn: what the others left in the
    caches is not part of it.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(runs):
        for name, function in functions.items():
            jax.block_until_ready(function())
            started = time.perf_counter()
            jax.block_until_ready(function())
            times[name].append(time.perf_counter() - started)
    return {name: float(np.median(values)) for name, values in times.items()}


def update_rows(
    work: str, study: Study, members: int, runs: int, published: Callable[[], Any] | None
) -> Iterator[Row]:
    """Time one update with every engine, and with the published code."""
    made = {engine: update_of(study, engine, members) for engine in ENGINES}
    functions: dict[str, Callable[[], Any]] = {name: run for name, (run, _) in made.items()}
    for row in rows_of(work, functions, members, members, runs, published):
        memory = round(made[row.implementation][1], 1) if row.implementation in made else ""
        yield row._replace(temporary_mib=memory)


def rows_of(
    work: str,
    functions: dict[str, Callable[[], Any]],
    members: int,
    updates: int,
    runs: int,
    published: Callable[[], Any] | None,
) -> Iterator[Row]:
    """Time functions that do a number of updates, over all members, in turns."""
    reference = {} if published is None else {"published": published}
    medians = take_turns(functions | reference, runs)
    for name, median in medians.items():
        if name in reference:
            yield Row("update", name, 1, median, runs, times_published=1)
        else:
            times = round(medians["published"] * updates / median, 1) if reference else ""
            yield Row(work, name, members, median, runs, times_published=times)


START = """
import sys
sys.path.insert(0, sys.argv[1])
import training
study = training.open_study(sys.argv[3])
training.jax.block_until_ready(training.epoch_of(study, sys.argv[2], 1)())
"""


def start_rows(study: Study, runs: int) -> Iterator[Row]:
    """Time a new process up to its first epoch, without and with a cache of compiled programs."""
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as cache:
            data = Path(cache, "training.h5")
            pack_training_data(
                study.driver, study.patches, study.settings.model, study.settings.loss, data
            )
            environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": cache}
            environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
            times = []
            for _ in range(runs + 1):
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", START, str(Path(__file__).parent), engine, str(data)],
                    check=True,
                    env=environment,
                )
                times.append(time.perf_counter() - started)
        yield Row("start, cold", engine, 1, times[0], 1)
        yield Row("start, warm", engine, 1, float(np.median(times[1:])), runs)


def rows(runs: int, reference: Path | None) -> Iterator[Row]:
    """Every row of the table."""
    study = make_study(3)
    published = None if reference is None else published_update(reference, study)
    yield from update_rows("update", study, 1, runs, published)
    for members in (4, 16, 20):
        yield from update_rows("update", study, members, max(runs // members, 5), None)
    for patches, members in ((3, 1), (3, 20), (12, 1), (48, 1)):
        planet = make_study(patches)
        functions = {engine: epoch_of(planet, engine, members) for engine in ENGINES}
        # Of the epochs of one member, the one in which its fixed cost is small.
        beside = published if (patches, members) in ((3, 20), (12, 1)) else None
        work, updates = f"epoch, {patches} patches", patches * members
        yield from rows_of(work, functions, members, updates, 5, beside)
    for years in (2, 8, 32):
        work = f"update, {12 * years} months"
        yield from update_rows(work, make_study(3, years=years), 1, runs, None)
    for cells in (20, 80):
        work = f"update, {cells} cells"
        yield from update_rows(work, make_study(3, cells=cells), 1, runs, None)
    functions = {engine: simulation_of(study, engine, 1) for engine in ENGINES}
    yield from rows_of("simulate", functions, 1, 1, runs, None)
    yield from start_rows(make_study(3), 3)


def full_size_rows() -> Iterator[Row]:
    """Time an epoch over as many patches as the paper has, and what comes before it.

    The update is timed before and after the epochs, to be held against them.
    """
    settings = paper_settings()
    driver = full_size_driver()
    drawn = draw_patches(driver, 1, None, 0.8, 0.1, 0)
    with tempfile.TemporaryDirectory(dir=ROOT / "results") as folder:
        path = Path(folder, "training.h5")
        started = time.perf_counter()
        pack_training_data(driver, drawn, settings.model, settings.loss, path)
        seconds = time.perf_counter() - started
        yield Row(f"pack, {PAPER_PATCHES} patches", "differland", 0, seconds, 1)
        del driver
        study = open_study(path)
        yield from update_rows("update", study, 1, 20, None)
        run = epoch_of(study, "kernel", 1)
        median = take_turns({"kernel": run}, 3)["kernel"]
        yield Row(f"epoch, {PAPER_PATCHES} patches", "kernel", 1, median, 3)
        yield from update_rows("update", study, 1, 20, None)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--reference", type=Path, help="checkout of the published code")
    parser.add_argument(
        "--full-size", action="store_true", help="only an epoch over the paper's 944 patches"
    )
    parser.add_argument("--devices", type=int, default=2, help="CPU devices (default: 2)")
    parser.add_argument("--runs", type=int, default=20, help="of one member (default: 20)")
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", options.devices)
    with options.table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(Row._fields)
        table = full_size_rows() if options.full_size else rows(options.runs, options.reference)
        for row in table:
            writer.writerow(row._replace(median_s=round(row.median_s, 5)))
            stream.flush()
            per_member = 1e3 * row.median_s / max(row.members, 1)
            print(
                f"{row.work:20} {row.implementation:10} {row.members:4} members "
                f"{per_member:9.2f} ms per member  {row.temporary_mib or '-':>7} MiB  "
                f"{row.times_published or '-':>6} x published",
                flush=True,
            )


if __name__ == "__main__":
    main()

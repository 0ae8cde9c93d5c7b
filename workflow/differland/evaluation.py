"""Simulation with an ensemble, and its skill against the observations."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from differland.distances import water_anomaly
from differland.engine import choose_engine, simulator
from differland.ensemble import Ensemble, cell_coordinates
from differland.glance import check_spin_up
from differland.metrics import SKILLS, Agreement, Target, skill, targets_of_driver
from differland.model.forcing import forcing_of_driver
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations
from differland.model.weather import Weather, weather_of
from differland.patches import PADDING
from differland.tables import OUTPUTS
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES

logger = logging.getLogger(__name__)

CELLS_AT_ONCE = 2048
"""Cells simulated in one call: at 276 months, 2 MB per quantity and member."""

QUANTITIES = tuple(dict.fromkeys(observable.quantity for observable in OBSERVABLES.values()))
TIME_MEANS = frozenset(o.quantity for o in OBSERVABLES.values() if o.resolution == "static")

CELL_SKILLS: Mapping[str, tuple[str, str]] = {
    "pearson_r2": ("1", "squared correlation in time of model and observation"),
    "R2": ("1", "coefficient of determination in time, 1 - SSE/SST"),
    "rmse": ("units of the target", "root mean square error in time"),
}
"""Units and meaning of the skills that are mapped for every member."""

MEAN_SKILLS: Mapping[str, str] = {
    "R2": "coefficient of determination in time, 1 - SSE/SST",
    "correlation": "correlation in time of model and observation",
}
"""Meaning of the skills that are mapped for the mean of the members."""

PATCH_SUMS: Mapping[str, tuple[str, str]] = {
    "n": ("1", "number of pairs"),
    "observed_mean": ("units of the target", "mean of the observations"),
    "modelled_mean": ("units of the target", "mean of the model"),
    "observed_squares": (
        "square of the units of the target",
        "sum of squared deviations of the observations from their mean",
    ),
    "modelled_squares": (
        "square of the units of the target",
        "sum of squared deviations of the model from its mean",
    ),
    "products": ("square of the units of the target", "sum of products of both deviations"),
    "absolute_error": ("units of the target", "sum of absolute differences"),
    "squared_error": ("square of the units of the target", "sum of squared differences"),
}
"""Units and meaning of the sums of :class:`differland.metrics.Agreement`."""


@dataclass(frozen=True)
class Evaluation:
    """Skill and simulation of an ensemble.

    Attributes
    ----------
    metrics
        One row per member (and ``ensemble``, the mean prediction), split, target and domain.
    cells
        Skill in time of each member, target and cell, and of the mean of the members.
    patches
        Sums over the pairs of each patch, target and prediction, from which the skill on any
        choice of patches follows; None where there are no splits.
    simulation
        Mean and spread of the members, by quantity.
    """

    metrics: pd.DataFrame
    cells: xr.Dataset
    patches: xr.Dataset | None
    simulation: xr.Dataset


def chunks_of_cells(driver: xr.Dataset) -> list[np.ndarray]:
    """Indices of the cells of a few whole patches each, all cells once.

    A chunk has at most :data:`CELLS_AT_ONCE` cells, unless a single patch has more.
    """
    numbers = driver["patch"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    chunks: list[np.ndarray] = []
    for of_patch in np.split(order, starts[1:]):
        if chunks and chunks[-1].size + of_patch.size <= CELLS_AT_ONCE:
            chunks[-1] = np.concatenate([chunks[-1], of_patch])
        else:
            chunks.append(of_patch)
    return chunks


def _observed_quantities(outputs: Mapping[str, jax.Array], *_: object) -> Kept:
    """Every quantity that is observed; the sum over the months of one that is a mean over time."""
    modelled = {term.quantity: term.modelled(outputs) for term in OBSERVABLES.values()}
    return Kept(
        series={name: values for name, values in modelled.items() if name not in TIME_MEANS},
        totals={name: values for name, values in modelled.items() if name in TIME_MEANS},
    )


KEEP_OBSERVED = Keep(_observed_quantities)
"""What is kept of each month for the evaluation."""


def simulate_chunks(
    ensemble: Ensemble, driver: xr.Dataset, ewt: str | None
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Simulate with all members, a few patches after the others.

    Parameters
    ----------
    ensemble, driver
        Members, and forcing of the cells.
    ewt
        Variable that observes EWT in patches: the anomaly of a cell is from the mean over the
        months in which that of its patch is observed. None: over all months.

    Yields
    ------
    Cells of a chunk, and the :data:`QUANTITIES` of each member by name, float32, each of shape
    (member, cell, time); the soil pool, of which only the time mean is observed, of shape
    (member, cell, 1).
    """
    settings = ensemble.model
    chunks = chunks_of_cells(driver)
    size = max(cells.size for cells in chunks)
    simulate = simulator(
        choose_engine("auto"), KEEP_OBSERVED, size, np.dtype(np.float32), differentiable=False
    )
    nothing = MonthlyObservations({}, {}, jnp.ones(size, jnp.float32))

    @jax.jit
    def run(
        parameters: Parameters, initial: Pools, weather: Weather, weight: jax.Array
    ) -> dict[str, jax.Array]:
        kept = simulate(parameters, initial, weather, nothing)
        series = kept.series
        of_cell = jax.vmap(water_anomaly, in_axes=(1, 1), out_axes=1)
        anomaly = jax.vmap(of_cell, in_axes=(0, None))(series["ewt"][..., None], weight)[..., 0]
        months = weather.time.shape[0]
        means = {name: total[:, None] / months for name, total in kept.totals.items()}
        return {**series, **means, "ewt": anomaly}

    for cells in chunks:
        # All chunks are filled up to the same size, so that one program serves all.
        part = driver.isel(cell=np.pad(cells, (0, size - cells.size), mode="edge"))
        weather = weather_of(
            forcing_of_driver(part, settings.step_length, settings.moisture_reference)
        )
        weather = Weather(*(jnp.asarray(values, jnp.float32) for values in weather))
        weight = jnp.asarray(_observed_ewt(part, ewt), jnp.float32)
        series = run(*ensemble.predict_cells(part), weather, weight)
        yield (
            cells,
            {
                name: np.asarray(values).swapaxes(1, 2)[:, : cells.size]
                for name, values in series.items()
            },
        )


@dataclass(frozen=True)
class _Points:
    """Means and skills at the points of a target in a chunk, for every prediction.

    Attributes
    ----------
    patch
        Number of each point's patch.
    observed
        Mean over the observed steps; shape (point,).
    modelled
        The same of each prediction over the same steps; shape (prediction, point).
    skills
        Skill in time of each prediction by name; shape (prediction, point), float32.
    numbers
        Numbers of the patches, each once.
    patches
        Sums over all pairs of each of these patches, shape (prediction, patch).
    """

    patch: np.ndarray
    observed: np.ndarray
    modelled: np.ndarray
    skills: Mapping[str, np.ndarray]
    numbers: np.ndarray
    patches: Agreement

    @classmethod
    def of(cls, target: Target, modelled: np.ndarray, patch_of_cell: np.ndarray) -> Self:
        """Compare predictions with observations; `modelled` has shape (prediction, point, step)."""
        in_time = Agreement.of(np.broadcast_to(target.observed, modelled.shape), modelled, axis=2)
        patch = patch_of_cell[target.cell[:, 0]]
        numbers, group = np.unique(patch, return_inverse=True)
        return cls(
            patch=patch,
            observed=in_time.observed_mean[0],
            modelled=in_time.modelled_mean,
            skills={k: v.astype(np.float32) for k, v in in_time.skills().items()},
            numbers=numbers,
            patches=in_time.grouped(group, numbers.size),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The points of all chunks, each of which has patches of its own."""
        return cls(
            patch=np.concatenate([part.patch for part in parts]),
            observed=np.concatenate([part.observed for part in parts]),
            modelled=np.concatenate([part.modelled for part in parts], axis=1),
            skills={
                name: np.concatenate([part.skills[name] for part in parts], axis=1)
                for name in SKILLS
            },
            numbers=np.concatenate([part.numbers for part in parts]),
            patches=Agreement(
                **{
                    field.name: np.concatenate(
                        [getattr(part.patches, field.name) for part in parts], axis=1
                    )
                    for field in fields(Agreement)
                }
            ),
        )


class _Scores:
    """Agreement of every prediction with every target, gathered chunk by chunk.

    Predictions are those of the members, and last their mean.
    """

    def __init__(self) -> None:
        self.supports: dict[str, str] = {}
        self.has_time: dict[str, bool] = {}
        self._parts: dict[str, list[_Points]] = {}

    def add(self, target: Target, modelled: np.ndarray, patch_of_cell: np.ndarray) -> _Points:
        """Add the observed points of a chunk; `modelled` is of shape (prediction, point, step)."""
        self.supports[target.name] = target.support
        self.has_time[target.name] = target.observed.shape[1] > 1
        points = _Points.of(target, modelled, patch_of_cell)
        self._parts.setdefault(target.name, []).append(points)
        return points

    @cached_property
    def points(self) -> dict[str, _Points]:
        """Points of all chunks by target."""
        return {target: _Points.joined(parts) for target, parts in self._parts.items()}

    def rows(
        self, names: Sequence[str], splits: Sequence[Mapping[str, np.ndarray]]
    ) -> Iterator[dict[str, Any]]:
        """Metrics of each prediction, named so, of each target, split and domain.

        `splits` holds the patch numbers of the splits of each prediction.
        """
        for prediction, name in enumerate(names):
            for target, (split, numbers) in product(self.points, splits[prediction].items()):
                points = self.points[target]
                inside = np.isin(points.numbers, numbers)
                agreement = points.patches.at(prediction).pooled(inside)
                if agreement.n == 0:
                    continue
                key = {"member": name, "split": split, "target": target}
                key["support"] = self.supports[target]
                yield {**key, "domain": "space-time", **agreement.skills()}
                if self.has_time[target]:
                    yield from self._by_point(
                        key, points, prediction, np.isin(points.patch, numbers)
                    )

    def _by_point(
        self, key: Mapping[str, str], points: _Points, prediction: int, chosen: np.ndarray
    ) -> Iterator[dict[str, Any]]:
        means = points.observed[chosen], points.modelled[prediction, chosen]
        yield {**key, "domain": "space", **skill(*means)}
        in_time = {name: values[prediction, chosen] for name, values in points.skills.items()}
        defined = np.isfinite(in_time["R2"])
        if defined.any():
            medians = {name: _median(in_time[name][defined]) for name in SKILLS}
            yield {**key, "domain": "time", "n": int(defined.sum()), **medians}


def _median(values: np.ndarray) -> float:
    """Median of the values that are defined: where a model does not vary, correlations are not."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def evaluate_ensemble(
    ensemble: Ensemble,
    driver: xr.Dataset,
    patches: xr.Dataset | None,
    observations: Mapping[str, str | None] = OBSERVED_VARIABLES,
    spin_up_months: int = 24,
) -> Evaluation:
    """Simulate with every member, and measure members and their mean against observations.

    A few patches at a time are simulated with all members, so that beside the driver and the
    results little has to be in memory.

    Parameters
    ----------
    ensemble
        Ensemble to evaluate.
    driver
        A checked driver with the setup's predictors.
    patches
        Patches and test set that the members were trained with. None for a driver that they
        never saw: its only split is then ``applied``, and its patches are not evaluated.
    observations
        Driver variable by target; None: not looked at.
    spin_up_months
        Months at the start that do not count (paper: 24), whole years.

    Returns
    -------
    Metrics and simulation. A member's splits are its own; those of the ensemble's mean prediction
    are ``train`` (all that is not test) and ``test``.

    Raises
    ------
    InputError
        All months of the driver are spin-up.
    """
    check_spin_up(driver.sizes["time"], "driver", spin_up_months)
    first = spin_up_months
    patch_of_cell = driver["patch"].to_numpy()
    ewt = observations.get("ewt")
    names = [*ensemble.seeds, "ensemble"]
    scores = _Scores()
    mean: dict[str, np.ndarray] = {}
    spread: dict[str, np.ndarray] = {}
    targets: list[str] = []
    cell_skill, mean_skill = np.empty(0), np.empty(0)
    total = driver.sizes["cell"]
    done = 0
    with tqdm(total=total, unit="cell", desc=ensemble.setup, disable=None) as bar:
        for cells, series in simulate_chunks(ensemble, driver, ewt if ewt in driver else None):
            for name, values in series.items():
                if name not in mean:
                    mean[name], spread[name] = np.empty((2, total, values.shape[2]), np.float32)
                mean[name][cells] = values.mean(axis=0, dtype=float)
                ddof = min(1, len(values) - 1)
                spread[name][cells] = values.std(axis=0, ddof=ddof, dtype=float)
            here = driver.isel(cell=cells)
            found = targets_of_driver(here, _patches_of(patches, cells, total), observations, first)
            if not targets:
                targets = [target.name for target in found]
                shape = (len(CELL_SKILLS), len(ensemble.members), len(targets), total)
                cell_skill = np.full(shape, np.nan, np.float32)
                shape = (len(MEAN_SKILLS), 1, len(targets), total)
                mean_skill = np.full(shape, np.nan, np.float32)
            for index, target in enumerate(found):
                seen = target.where_observed()
                quantity = series[OBSERVABLES[target.name].quantity]
                every = [*quantity, quantity.mean(axis=0, dtype=float)]
                modelled = np.stack([seen.modelled(values, first) for values in every])
                points = scores.add(seen, modelled, patch_of_cell[cells])
                of_members = [points.skills[name][:-1] for name in CELL_SKILLS]
                of_mean = [points.skills[name][-1:] for name in MEAN_SKILLS]
                _put_skill(cell_skill[:, :, index], of_members, seen, cells)
                _put_skill(mean_skill[:, :, index], of_mean, seen, cells)
            done += cells.size
            bar.update(cells.size)
            logger.info("%d of %d cells simulated and compared", done, total)

    columns = ["member", "split", "target", "support", "domain", "n", *SKILLS]
    splits = _splits(ensemble, patch_of_cell, patches)
    metrics = pd.DataFrame(scores.rows(names, splits), columns=columns)
    metrics.insert(0, "setup", ensemble.setup)
    metrics.insert(0, "stage", ensemble.stage)
    of_patches = None if patches is None else _patches_dataset(ensemble, patches, scores.points)
    of_cells = _cells_dataset(ensemble, driver, patches, targets, cell_skill, mean_skill[:, 0])
    made_of = ensemble.provenance(driver)
    return Evaluation(
        metrics=metrics,
        cells=of_cells.assign_attrs(made_of),
        patches=None if of_patches is None else of_patches.assign_attrs(made_of),
        simulation=_simulation_dataset(ensemble, driver, patches, mean, spread).assign_attrs(
            made_of
        ),
    )


def _splits(
    ensemble: Ensemble, patch_of_cell: np.ndarray, patches: xr.Dataset | None
) -> list[dict[str, np.ndarray]]:
    """Patch numbers of the splits of each member, and last those of their mean."""
    if patches is None:
        return [{"applied": np.unique(patch_of_cell)}] * (len(ensemble.members) + 1)
    number, is_test = patches["number"].to_numpy(), patches["test"].to_numpy() == 1
    test = {"test": number[is_test]}
    own = [
        {name: np.array(numbers) for name, numbers in member.record["split"].items()} | test
        for member in ensemble.members
    ]
    return [*own, {"train": number[~is_test]} | test]


def _patches_of(patches: xr.Dataset | None, cells: np.ndarray, total: int) -> xr.Dataset | None:
    """The patches that these cells make up, their cells numbered within `cells`."""
    if patches is None:
        return None
    place = np.full(total, PADDING)
    place[cells] = np.arange(cells.size)
    every = patches["cell"].to_numpy()
    here = patches.isel(patch=place[every[:, 0]] != PADDING)
    kept = here["cell"].to_numpy()
    return here.assign(cell=(here["cell"].dims, np.where(kept == PADDING, PADDING, place[kept])))


def _observed_ewt(driver: xr.Dataset, variable: str | None) -> np.ndarray:
    """1 where EWT of a cell's patch is observed, shape (time, cell)."""
    if variable is None:
        return np.ones((driver.sizes["time"], driver.sizes["cell"]))
    known = np.isfinite(driver[variable].to_numpy())
    # A patch without any observation is simulated all the same: its anomaly is from all months.
    known[~known.any(axis=1)] = True
    return known[driver["patch"].to_numpy()].T.astype(float)


def _put_skill(
    result: np.ndarray, values: Sequence[np.ndarray], target: Target, cells: np.ndarray
) -> None:
    """Write the skill in time at each point into all cells of the point.

    `result` has the shape (skill, prediction, cell), each of `values` (prediction, point);
    `cells` are those of the chunk.
    """
    point, slot = np.nonzero(target.valid)
    into = cells[target.cell[point, slot]]
    for row, of_skill in enumerate(values):
        result[row][:, into] = of_skill[:, point]


def _cells_dataset(
    ensemble: Ensemble,
    driver: xr.Dataset,
    patches: xr.Dataset | None,
    targets: Sequence[str],
    values: np.ndarray,
    of_mean: np.ndarray,
) -> xr.Dataset:
    return xr.Dataset(
        {
            name: (
                ("member", "target", "cell"),
                values[row],
                {"units": units, "long_name": long_name},
            )
            for row, (name, (units, long_name)) in enumerate(CELL_SKILLS.items())
        }
        | {
            f"ensemble_{name}": (
                ("target", "cell"),
                of_mean[row],
                {"units": "1", "long_name": f"{long_name}, of the mean of the members"},
            )
            for row, (name, long_name) in enumerate(MEAN_SKILLS.items())
        },
        coords={
            "member": ensemble.seeds,
            "target": list(targets),
            **cell_coordinates(driver, patches),
        },
        attrs={"title": "Skill in time", "setup": ensemble.setup, "stage": ensemble.stage},
    )


def _patches_dataset(
    ensemble: Ensemble, patches: xr.Dataset, points: Mapping[str, _Points]
) -> xr.Dataset:
    """Sums of each patch that is in some split; predictions last, for they are much alike."""
    numbers = patches["number"].to_numpy()
    shape = (len(points), numbers.size, len(ensemble.members) + 1)
    variables: dict[str, Any] = {}
    for field in fields(Agreement):
        values = np.zeros(shape, np.int32 if field.name == "n" else np.float32)
        for row, found in enumerate(points.values()):
            _, into, of = np.intersect1d(
                numbers, found.numbers, assume_unique=True, return_indices=True
            )
            values[row, into] = getattr(found.patches, field.name)[:, of].T
        units, long_name = PATCH_SUMS[field.name]
        variables[field.name] = (
            ("target", "patch", "prediction"),
            values,
            {"units": units, "long_name": long_name},
        )
    return xr.Dataset(
        {**variables, "test": ("patch", patches["test"].to_numpy(), patches["test"].attrs)},
        coords={
            "target": list(points),
            "patch": ("patch", numbers, {"long_name": "number of the patch in the driver"}),
            "prediction": [*ensemble.seeds, "ensemble"],
        },
        attrs={
            "title": "Sums over the pairs of observation and model in each patch",
            "setup": ensemble.setup,
            "stage": ensemble.stage,
        },
    )


def _simulation_dataset(
    ensemble: Ensemble,
    driver: xr.Dataset,
    patches: xr.Dataset | None,
    means: Mapping[str, np.ndarray],
    spreads: Mapping[str, np.ndarray],
) -> xr.Dataset:
    result = xr.Dataset(
        coords={"time": driver["time"], **cell_coordinates(driver, patches)},
        attrs={
            "title": "Mean and spread of the ensemble",
            "setup": ensemble.setup,
            "stage": ensemble.stage,
            "members": " ".join(ensemble.seeds),
        },
    )
    for name in QUANTITIES:
        row = OUTPUTS[name]
        dims: tuple[str, ...] = ("cell", "time")
        mean, spread = means[name], spreads[name]
        if name in TIME_MEANS:
            dims = ("cell",)
            mean, spread = mean[:, 0], spread[:, 0]
        result[name] = (
            dims,
            mean,
            {"units": row.units, "long_name": f"{row.long_name}, mean of the members"},
        )
        result[f"{name}_spread"] = (
            dims,
            spread,
            {
                "units": row.units,
                "long_name": f"{row.long_name}, standard deviation among the members",
            },
        )
    return result

"""Simulation with an ensemble, and how well it meets the observations."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from differland.engine import choose_engine, simulator
from differland.ensemble import Ensemble, cell_coordinates
from differland.metrics import SKILLS, Target, skill, targets_of_driver
from differland.model.forcing import forcing_of_driver
from differland.model.parameters import Parameters, Pools
from differland.model.weather import Weather, weather_of
from differland.objective import keep_for, water_anomaly
from differland.observables import OBSERVABLES, OBSERVED_VARIABLES
from differland.tables import OUTPUTS

logger = logging.getLogger(__name__)

CELLS_AT_ONCE = 2048
"""Cells simulated in one call: bounds memory at about 40 MB per output of 276 months."""

QUANTITIES = tuple(dict.fromkeys(observable.quantity for observable in OBSERVABLES.values()))


@dataclass(frozen=True)
class Evaluation:
    """Skill and simulation of an ensemble.

    Attributes
    ----------
    metrics
        One row per member (and ``ensemble``, the mean prediction), split, target and domain.
    cells
        Skill in time of each member, target and cell.
    simulation
        Mean and spread of the members, by quantity.
    """

    metrics: pd.DataFrame
    cells: xr.Dataset
    simulation: xr.Dataset


def simulate_members(
    ensemble: Ensemble, driver: xr.Dataset, ewt_weight: np.ndarray | None
) -> Iterator[dict[str, np.ndarray]]:
    """Simulate all cells with one member after another.

    Parameters
    ----------
    ensemble, driver
        Members, and forcing of the cells.
    ewt_weight
        1 where EWT of a cell's patch is observed, shape (time, cell): its anomaly is from the
        mean over these months. None: over all months.

    Yields
    ------
    For each member, its :data:`QUANTITIES` by name, float32, each of shape (cell, time); the
    soil pool, of which only the time mean is observed, of shape (cell, 1).
    """
    settings = ensemble.model
    weather = weather_of(
        forcing_of_driver(driver, settings.step_length, settings.moisture_reference)
    )
    parameters, initial = ensemble.predict_cells(driver)
    cells = driver.sizes["cell"]
    weight = np.ones((weather.time.shape[0], cells)) if ewt_weight is None else ewt_weight
    simulate = simulator(
        choose_engine("auto"),
        keep_for(tuple(OBSERVABLES)),
        min(cells, CELLS_AT_ONCE),
        np.dtype(np.float32),
    )

    @jax.jit
    def run(
        parameters: Parameters, initial: Pools, weather: Weather, weight: jax.Array
    ) -> dict[str, jax.Array]:
        parameters, initial = jax.tree.map(lambda v: v[None, :], (parameters, initial))
        kept = simulate(parameters, initial, weather)
        series, totals = jax.tree.map(lambda values: values[0], kept)
        soc = totals["soc"][None, :] / weather.time.shape[0]
        ewt = jax.vmap(_cell_anomaly, in_axes=1, out_axes=1)(series["ewt"], weight)
        return {**series, "soc": soc, "ewt": ewt}

    def chunk(values: Any, start: int) -> jax.Array:
        stop = min(start + CELLS_AT_ONCE, cells)
        part = values if values.shape[-1] == 1 else values[..., start:stop]
        if part.shape[-1] > 1 and cells > CELLS_AT_ONCE:
            # The last chunk is filled up, so that one program serves all.
            part = np.pad(
                np.asarray(part),
                [(0, 0)] * (part.ndim - 1) + [(0, CELLS_AT_ONCE - part.shape[-1])],
                mode="edge",
            )
        return jnp.asarray(part, jnp.float32)

    for member in range(len(ensemble.members)):
        series: dict[str, np.ndarray] = {}
        for start in range(0, cells, CELLS_AT_ONCE):
            part = partial(chunk, start=start)
            block = run(
                Parameters(*(part(values[member]) for values in parameters)),
                Pools(*(part(values[member]) for values in initial)),
                Weather(*(part(values) for values in weather)),
                part(weight),
            )
            stop = min(start + CELLS_AT_ONCE, cells)
            for name, values in block.items():
                if name not in series:
                    series[name] = np.empty((cells, values.shape[0]), np.float32)
                series[name][start:stop] = np.asarray(values).T[: stop - start]
        yield series


def _cell_anomaly(water: jax.Array, weight: jax.Array) -> jax.Array:
    return water_anomaly(water[:, None], weight)[:, 0]


class _Moments:
    """Running mean and spread of the members' simulations (Welford 1962)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: dict[str, np.ndarray] = {}
        self.squares: dict[str, np.ndarray] = {}

    def add(self, series: Mapping[str, np.ndarray]) -> None:
        self.count += 1
        for name, values in series.items():
            if self.count == 1:
                self.mean[name] = values.astype(np.float64)
                self.squares[name] = np.zeros(values.shape)
                continue
            change = values - self.mean[name]
            self.mean[name] += change / self.count
            self.squares[name] += change * (values - self.mean[name])

    def spread(self, name: str) -> np.ndarray:
        return np.sqrt(self.squares[name] / max(self.count - 1, 1))


def _metric_rows(
    target: Target, modelled: np.ndarray, splits: Mapping[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """Metrics of one prediction of one target, for each split and domain."""
    for split, chosen in splits.items():
        observed, model = target.observed[chosen], modelled[chosen]
        if not np.isfinite(observed).any():
            continue
        key = {"split": split, "target": target.name, "support": target.support}
        yield {**key, "domain": "space-time", **skill(observed.ravel(), model.ravel())}
        if target.observed.shape[1] == 1:
            continue
        known = np.isfinite(observed)
        some = known.any(axis=1)
        weights = known[some] / known[some].sum(axis=1, keepdims=True)
        means = [(np.where(known, v, 0.0)[some] * weights).sum(axis=1) for v in (observed, model)]
        yield {**key, "domain": "space", **skill(*means)}
        in_time = skill(observed, model, axis=1)
        defined = np.isfinite(in_time["R2"])
        if defined.any():
            medians = {name: float(np.median(in_time[name][defined])) for name in SKILLS}
            yield {**key, "domain": "time", "n": int(defined.sum()), **medians}


def _splits_of_points(
    target: Target, patch_of_cell: np.ndarray, chosen: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Which points of a target belong to each split, from the patch numbers of the split."""
    patch_of_point = patch_of_cell[target.cell[:, 0]]
    return {split: np.isin(patch_of_point, numbers) for split, numbers in chosen.items()}


def evaluate_ensemble(
    ensemble: Ensemble,
    driver: xr.Dataset,
    patches: xr.Dataset | None,
    observations: Mapping[str, str | None] = OBSERVED_VARIABLES,
    spin_up_months: int = 24,
) -> Evaluation:
    """Simulate with every member, and measure members and their mean against observations.

    Parameters
    ----------
    ensemble
        The members.
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
    A member's splits are its own; those of the ensemble's mean prediction are ``train`` (all
    that is not test) and ``test``.
    """
    first = spin_up_months
    patch_of_cell = driver["patch"].to_numpy()
    targets = targets_of_driver(driver, patches, observations, first)
    logger.info(
        "%s, %s: %d members, %d cells, targets %s",
        ensemble.stage,
        ensemble.setup,
        len(ensemble.members),
        driver.sizes["cell"],
        ", ".join(target.name for target in targets) or "none",
    )
    common: dict[str, np.ndarray]
    if patches is None:
        common = {"applied": np.unique(patch_of_cell)}
    else:
        number, test = patches["number"].to_numpy(), patches["test"].to_numpy() == 1
        common = {"train": number[~test], "test": number[test]}

    moments = _Moments()
    rows: list[dict[str, Any]] = []
    cell_skill = np.full(
        (3, len(ensemble.members), len(targets), driver.sizes["cell"]), np.nan, np.float32
    )
    runs = simulate_members(ensemble, driver, _observed_ewt(driver, observations))
    for position, (member, series) in enumerate(
        zip(ensemble.members, tqdm(runs, total=len(ensemble.members), disable=None), strict=True)
    ):
        moments.add(series)
        own = dict(common)
        if patches is not None:
            own = {k: np.array(v) for k, v in member.record["split"].items()} | {
                "test": common["test"]
            }
        for index, target in enumerate(targets):
            modelled = target.modelled(series[OBSERVABLES[target.name].quantity], first)
            splits = _splits_of_points(target, patch_of_cell, own)
            rows += [
                {"member": member.seed, **row} for row in _metric_rows(target, modelled, splits)
            ]
            cell_skill[:, position, index] = _skill_of_cells(target, modelled, driver)
        logger.info("member %s done (%d of %d)", member.seed, position + 1, len(ensemble.members))
    for target in targets:
        modelled = target.modelled(moments.mean[OBSERVABLES[target.name].quantity], first)
        splits = _splits_of_points(target, patch_of_cell, common)
        rows += [{"member": "ensemble", **row} for row in _metric_rows(target, modelled, splits)]

    columns = ["member", "split", "target", "support", "domain", "n", *SKILLS]
    metrics = pd.DataFrame(rows, columns=columns)
    metrics.insert(0, "setup", ensemble.setup)
    metrics.insert(0, "stage", ensemble.stage)
    return Evaluation(
        metrics=metrics,
        cells=_cells_dataset(ensemble, driver, patches, targets, cell_skill),
        simulation=_simulation_dataset(ensemble, driver, patches, moments),
    )


def _observed_ewt(driver: xr.Dataset, observations: Mapping[str, str | None]) -> np.ndarray | None:
    """1 where EWT of a cell's patch is observed, shape (time, cell); None where it never is."""
    variable = observations.get("ewt")
    if variable is None or variable not in driver:
        return None
    known = np.isfinite(driver[variable].to_numpy())
    # A patch without any observation is simulated all the same: its anomaly is from all months.
    known[~known.any(axis=1)] = True
    return known[driver["patch"].to_numpy()].T.astype(float)


def _skill_of_cells(target: Target, modelled: np.ndarray, driver: xr.Dataset) -> np.ndarray:
    """pearson_r2, R2 and rmse in time of each cell, shape (3, cell)."""
    result = np.full((3, driver.sizes["cell"]), np.nan)
    in_time = skill(target.observed, modelled, axis=1)
    chosen = target.valid > 0
    for row, name in enumerate(("pearson_r2", "R2", "rmse")):
        values = np.broadcast_to(in_time[name][:, None], target.cell.shape)
        result[row, target.cell[chosen]] = values[chosen]
    return result


def _cells_dataset(
    ensemble: Ensemble,
    driver: xr.Dataset,
    patches: xr.Dataset | None,
    targets: list[Target],
    values: np.ndarray,
) -> xr.Dataset:
    long_names = {
        "pearson_r2": ("1", "squared correlation in time of model and observation"),
        "R2": ("1", "coefficient of determination in time, 1 - SSE/SST"),
        "rmse": ("units of the target", "root mean square error in time"),
    }
    return xr.Dataset(
        {
            name: (
                ("member", "target", "cell"),
                values[row],
                {"units": units, "long_name": long_name},
            )
            for row, (name, (units, long_name)) in enumerate(long_names.items())
        },
        coords={
            "member": ensemble.seeds,
            "target": [target.name for target in targets],
            **cell_coordinates(driver, patches),
        },
        attrs={"title": "Skill in time", "setup": ensemble.setup, "stage": ensemble.stage},
    )


def _simulation_dataset(
    ensemble: Ensemble, driver: xr.Dataset, patches: xr.Dataset | None, moments: _Moments
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
        mean, spread = moments.mean[name], moments.spread(name)
        if name == "soc":
            dims = ("cell",)
            mean, spread = mean[:, 0], spread[:, 0]
        result[name] = (
            dims,
            mean.astype(np.float32),
            {"units": row.units, "long_name": f"{row.long_name}, mean of the members"},
        )
        result[f"{name}_spread"] = (
            dims,
            spread.astype(np.float32),
            {
                "units": row.units,
                "long_name": f"{row.long_name}, standard deviation among the members",
            },
        )
    return result

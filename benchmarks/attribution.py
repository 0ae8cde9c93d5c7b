"""Time of Kernel SHAP: this library's, the package shap's with all outputs at once, and one by one.

Run ``python benchmarks/attribution.py TABLE.csv``. The 13 traits of an ensemble of untrained
networks with all 20 predictors are explained for a few cells against a background of 100, with as
many coalitions as the package chooses by itself. The package has an explainer for each cell, since
the latitude of the cell is fixed; ``one by one`` repeats this for each output, as the published
analysis does, and is timed for one of them. The implementations take turns; the table has the
median time for all cells and outputs, in seconds, programs compiled before.
"""

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import shap

from differland.analysis.shapley import draw_coalitions, explain
from differland.driver import predictors_of_setup
from differland.ensemble import Ensemble
from differland.members import Member
from differland.network import (
    PredictorScaling,
    SpatializationNetwork,
    active_predictors,
    initial_weights,
)
from differland.tables import PREDICTOR_GROUPS, PREDICTORS, TRAITS

SETUP = "PFT+CLIM+SOIL+AGE"
BACKGROUND = 100


def make_ensemble(members: int) -> Ensemble:
    """Make an ensemble of untrained networks."""
    active = active_predictors(predictors_of_setup(SETUP, PREDICTOR_GROUPS))
    scaling = PredictorScaling(np.zeros(len(PREDICTORS)), np.ones(len(PREDICTORS)), active)
    network = SpatializationNetwork()

    def member(seed: int) -> Member:
        weights = initial_weights(network, jax.random.key(seed), jnp.asarray(active, jnp.float32))
        record = {"network": {}, "model": {}}
        return Member(SETUP, f"{seed:02d}", "final", weights, scaling, record, None)

    return Ensemble([member(seed) for seed in range(members)])


def implementations(members: int, cells: int) -> dict[str, Callable[[], object]]:
    """Each way to explain the same cells; the last gives the time of one output of 13."""
    ensemble = make_ensemble(members)
    count = len(ensemble.active_predictors)
    generator = np.random.default_rng(0)
    points = generator.normal(size=(cells, count)).astype(np.float32)
    background = generator.normal(size=(BACKGROUND, count)).astype(np.float32)
    latitude = generator.uniform(-60, 70, cells)
    traits_of = jax.jit(ensemble.traits_of)

    def at_once() -> object:
        coalitions = draw_coalitions(count, None, np.random.default_rng(1))
        return explain(
            ensemble.traits_of, points, latitude, background, coalitions, lambda v: v, "cells"
        )

    def with_package(outputs: slice) -> object:
        values = []
        for row, degrees in zip(points, latitude, strict=True):

            def of_rows(rows: np.ndarray, degrees: float = degrees) -> np.ndarray:
                fixed = np.full(len(rows), degrees, np.float32)
                return np.asarray(traits_of(rows.astype(np.float32), fixed))[:, outputs]

            explainer = shap.KernelExplainer(of_rows, background)
            values.append(explainer.shap_values(row, l1_reg=False, silent=True))
        return values

    return {
        "differland": at_once,
        "shap": lambda: with_package(slice(None)),
        "shap, one output": lambda: with_package(slice(1)),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    functions = implementations(options.members, options.cells)
    times: dict[str, list[float]] = {name: [] for name in functions}
    for run in range(options.runs + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if run:
                times[name].append(time.perf_counter() - started)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    medians["shap, one by one"] = medians.pop("shap, one output") * len(TRAITS)
    with options.table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["work", "implementation", "members", "median_s", "runs"])
        for name, median in medians.items():
            work = f"SHAP, {options.cells} cells"
            writer.writerow([work, name, options.members, round(median, 4), options.runs])
            print(f"{work:16} {name:20} {median / options.cells:8.3f} s per cell")


if __name__ == "__main__":
    main()

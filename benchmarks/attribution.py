"""Time of Kernel SHAP: all outputs at once, and one output at a time as in the published analysis.

Run ``python benchmarks/attribution.py TABLE.csv``. The traits of an ensemble of untrained networks
with all 20 predictors, and three components of them, are explained for a few cells against a
background of 100, with as many coalitions as the package shap chooses by itself. Both ways call
the package; one output at a time is timed for one of them. They take turns; the table has the
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
import xarray as xr

from differland.analysis.attribution import attribute
from differland.analysis.traits import principal_components
from differland.driver import predictors_of_setup
from differland.ensemble import Ensemble
from differland.members import Member
from differland.network import (
    PredictorScaling,
    SpatializationNetwork,
    active_predictors,
    initial_weights,
)
from differland.settings.analyses import Attribution
from differland.tables import PREDICTOR_GROUPS, PREDICTORS, TRAITS

SETUP = "PFT+CLIM+SOIL+AGE"
BACKGROUND = 100
COMPONENTS = 3


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


def make_driver(ensemble: Ensemble) -> tuple[xr.Dataset, xr.Dataset]:
    """Make random predictors of the background's cells, and components of random traits."""
    generator = np.random.default_rng(0)
    coordinates = {
        "lat": ("cell", generator.uniform(-60, 70, BACKGROUND)),
        "lon": ("cell", generator.uniform(-180, 180, BACKGROUND)),
    }
    names = ensemble.active_predictors
    values = generator.normal(size=(len(names), BACKGROUND))
    driver = xr.Dataset(
        {name: ("cell", row) for name, row in zip(names, values, strict=True)}, coordinates
    )
    traits = xr.Dataset(
        {name: (("member", "cell"), generator.normal(size=(1, BACKGROUND))) for name in TRAITS},
        coordinates,
    )
    return driver, principal_components(traits, COMPONENTS)


def implementations(members: int, cells: int) -> dict[str, Callable[[], object]]:
    """Both ways to explain cells; the second for one output."""
    ensemble = make_ensemble(members)
    driver, components = make_driver(ensemble)
    settings = Attribution(
        background=BACKGROUND,
        explained=cells,
        samples=None,
        plant_type_threshold=1.0,
        # No plant type has so many: the only population is that of all cells.
        minimum_cells=driver.sizes["cell"],
        seed=0,
    )
    traits_of = jax.jit(ensemble.traits_of)
    background = np.stack([driver[name].to_numpy() for name in ensemble.active_predictors], axis=1)

    def one_output() -> object:
        values = []
        for row, degrees in zip(background[:cells], driver["lat"].to_numpy(), strict=False):

            def of_rows(rows: np.ndarray, degrees: float = degrees) -> np.ndarray:
                latitude = np.full(len(rows), degrees, np.float32)
                return np.asarray(traits_of(rows.astype(np.float32), latitude))[:, 0]

            explainer = shap.KernelExplainer(of_rows, background)
            values.append(explainer.shap_values(row, l1_reg=False, silent=True))
        return values

    return {
        "all outputs at once": lambda: attribute(
            ensemble, driver, components, np.arange(BACKGROUND), settings
        ),
        "one output": one_output,
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
    medians["one output at a time"] = medians.pop("one output") * (len(TRAITS) + COMPONENTS)
    with options.table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["work", "implementation", "members", "median_s", "runs"])
        for name, median in medians.items():
            work = f"SHAP, {options.cells} cells"
            writer.writerow([work, name, options.members, round(median, 4), options.runs])
            print(f"{work:16} {name:20} {median / options.cells:8.3f} s per cell")


if __name__ == "__main__":
    main()

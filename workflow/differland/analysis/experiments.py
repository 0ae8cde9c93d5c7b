"""Sensitivity experiments beside the study: skill, latitudinal profiles and global totals.

Paper, Text S4 (other products) and Text S5, Fig. S35 (eddy covariance).

Formulas: docs/metrics.md, "Sensitivity experiments".
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from differland.analysis.comparison import compare_setups
from differland.regridding.study_grid import areas_of_cells
from differland.setups import experiment_of
from differland.tables import OUTPUTS

STUDY = "study"
"""Name under which the study itself stands beside its experiments."""

BAND = 5.0
"""Width of a band of latitude, degrees."""

PROFILED = ("gpp", "reco", "et", "nbe", "lai")
"""Quantities whose profiles are compared."""

CARBON_FLUXES = frozenset({"gpp", "reco", "nbe", "fire"})
"""Fluxes in gC m-2 day-1, which add up to totals in PgC year-1."""

DAYS_PER_YEAR = 365.25
GRAMS_PER_PETAGRAM = 1e15


def compare_experiments(
    metrics: pd.DataFrame,
    sums: Mapping[str, xr.Dataset],
    descriptions: Mapping[str, str],
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare the skill of each experiment with that of the study, on test patches.

    All are compared with the observations of the study, whatever they were trained on.

    Parameters
    ----------
    metrics
        Content of ``tables/metrics.csv``.
    sums
        ``patches.nc`` of stage develop by setup: those of experiments, and the same in the study.
    descriptions
        Description of each experiment by name.
    resamples, seed
        Number of resamples and seed of the bootstrap, as for
        :func:`differland.analysis.comparison.compare_setups`.

    Returns
    -------
    One row per experiment (and ``study``), setup, target and domain: R2, pearson_r2, correlation,
    mae and rmse as the mean of the members, each with ``<name>_sd``, their standard deviation
    (n - 1 in the denominator); R2_ensemble, that of the mean prediction; R2_difference, of the
    members' mean from that of the same setup in the study, in space and time with lower and upper,
    its interval of 95 % from resamples of patches.
    """
    rows = metrics[(metrics["stage"] == "develop") & (metrics["split"] == "test")]
    rows = rows[rows["driver"] == "driver"]
    experiments = {setup: experiment_of(setup) or STUDY for setup in rows["setup"].unique()}
    # A setup that no experiment trains has nothing to be compared with.
    trained = {setup.partition("@")[0] for setup, name in experiments.items() if name != STUDY}
    rows = rows.assign(
        experiment=rows["setup"].map(experiments), setup=rows["setup"].str.partition("@")[0]
    )
    rows = rows[rows["setup"].isin(trained)]
    keys = ["experiment", "setup", "target", "support", "domain"]
    skills = ["R2", "pearson_r2", "correlation", "mae", "rmse"]
    is_mean = rows["member"].astype(str) == "ensemble"
    members = rows[~is_mean].groupby(keys, sort=False)[skills]
    table = members.mean().join(members.std().add_suffix("_sd"))
    table["R2_ensemble"] = rows[is_mean].set_index(keys)["R2"]
    table = table.reset_index()
    of_study = table.loc[table["experiment"] == STUDY, [*keys[1:], "R2"]]
    beside = table[keys].merge(of_study, on=keys[1:], how="left")
    table["R2_difference"] = table["R2"] - beside["R2"].to_numpy()
    table = table.merge(_intervals(sums, resamples, seed), how="left")
    table.insert(1, "description", table["experiment"].map({STUDY: "as the study", **descriptions}))
    return table


def _intervals(sums: Mapping[str, xr.Dataset], resamples: int, seed: int) -> pd.DataFrame:
    """Intervals of the differences in R2 of members between experiments and the study."""
    found = []
    for name, patches in sums.items():
        experiment = experiment_of(name)
        if experiment is not None:
            setup = name.partition("@")[0]
            pairs = compare_setups({setup: sums[setup], name: patches}, resamples, seed)
            rows = pairs[(pairs["skill"] == "R2") & (pairs["prediction"] == "members")]
            found.append(
                rows[["target", "lower", "upper"]].assign(
                    experiment=experiment, setup=setup, domain="space-time"
                )
            )
    return pd.concat(found)


def profiles(
    simulations: Mapping[str, Callable[[], xr.Dataset]], spin_up_months: int
) -> pd.DataFrame:
    """Average simulated fluxes in bands of latitude, and add them up.

    Parameters
    ----------
    simulations
        Readers of ``simulation.nc`` by name of setup, the study's and those of its experiments:
        they are called one after the other, since a simulation takes gigabytes.
    spin_up_months
        Number of months at the start that are left out.

    Returns
    -------
    Table with columns experiment, setup, quantity, latitude (middle of a band, degrees_north; NaN
    for all cells together), mean (weighted by area, in `units`), cells, total (PgC year-1 of fluxes
    of carbon, NaN of others).
    """
    rows = []
    for setup, read in simulations.items():
        simulation = read()
        latitude = simulation["lat"].to_numpy().astype(float)
        area = areas_of_cells(latitude)
        band = np.floor(latitude / BAND) * BAND + BAND / 2
        for quantity in PROFILED:
            values = simulation[quantity][:, spin_up_months:].mean("time").to_numpy().astype(float)
            for middle in [*np.unique(band), np.nan]:
                here = np.full(band.shape, True) if np.isnan(middle) else band == middle
                total = float(values[here] @ area[here])
                rows.append(
                    {
                        "experiment": experiment_of(setup) or STUDY,
                        "setup": setup.partition("@")[0],
                        "quantity": quantity,
                        "latitude": middle,
                        "mean": total / float(area[here].sum()),
                        "units": OUTPUTS[quantity].units,
                        "cells": int(here.sum()),
                        "total": total * DAYS_PER_YEAR / GRAMS_PER_PETAGRAM
                        if quantity in CARBON_FLUXES
                        else np.nan,
                    }
                )
    return pd.DataFrame(rows)

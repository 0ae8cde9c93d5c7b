"""Biomass over the years: its mean, and its trend in each cell and over all (paper, Fig. S22).

Formulas: docs/metrics.md, "Biomass and its trend".
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from differland.errors import InputError
from differland.metrics import skill, targets_of_driver
from differland.regridding.study_grid import areas_of_cells

FEWEST_YEARS = 3
"""Observed years that a trend needs."""

PETAGRAM = 1e15


def compare_biomass(
    driver: xr.Dataset,
    patches: xr.Dataset,
    simulation: xr.Dataset,
    variable: str = "biomass",
    spin_up_months: int = 24,
) -> tuple[xr.Dataset, pd.DataFrame, pd.DataFrame]:
    """Mean and trend of live biomass, observed and of the ensemble mean.

    Both are over the calendar years that are observed in a cell, after the spin-up. A trend is the
    slope of the least-squares line through the annual means.

    Parameters
    ----------
    driver, patches, simulation
        ``driver.nc``, ``patches.nc`` (which tells the test cells) and ``simulation.nc``.
    variable
        Driver variable of the observations, gC m-2; without it, nothing is observed.
    spin_up_months
        Months at the start that do not count, whole years.

    Returns
    -------
    cells : Dataset
        ``observed_mean``, ``modelled_mean`` (gC m-2), ``observed_trend``, ``modelled_trend``
        (gC m-2 year-1, NaN with fewer than three years), ``years`` (number), all (cell).
    years : DataFrame
        Columns year, observed, modelled (PgC), cells: sums over the cells observed in every year
        that has observations, each counted with the whole area of its cell of the study's grid.
    table : DataFrame
        Columns quantity, split, units, n, observed, modelled, observed_error, modelled_error,
        correlation, R2, rmse. Quantities: ``mean`` and ``trend`` over cells (all, train, test;
        plain means of the cells, agreement over cells), ``total`` and ``total_trend`` (PgC, PgC
        year-1) of the sums, the latter with the standard error of the slope.

    Raises
    ------
    InputError
        The simulation has no biomass.
    """
    if "biomass" not in simulation:
        source = simulation.encoding.get("source", "simulation.nc")
        raise InputError(source, "biomass", "a variable (cell, time)", "none of that name")
    if variable not in driver:
        nothing = xr.full_like(simulation["biomass"], np.nan)
        driver = driver.assign({variable: nothing})
    target = targets_of_driver(driver, None, {"biomass": variable}, spin_up_months)[0]
    modelled = target.modelled(simulation["biomass"].to_numpy().astype(float), spin_up_months)
    known = np.isfinite(target.observed) & np.isfinite(modelled)
    values = {
        "observed": np.where(known, target.observed, np.nan),
        "modelled": np.where(known, modelled, np.nan),
    }
    calendar = driver["time"].dt.year.to_numpy()[spin_up_months::12]
    latitude = driver["lat"].to_numpy()

    cells = {}
    for name, annual in values.items():
        mean, slope = _mean_and_slope(annual, calendar)
        cells[f"{name}_mean"] = mean
        cells[f"{name}_trend"] = slope
    totals = _totals(values, calendar, areas_of_cells(latitude))
    number = driver["patch"].to_numpy()
    kept, test = (
        np.isin(number, patches["number"].to_numpy()[chosen])
        for chosen in (slice(None), patches["test"].to_numpy() == 1)
    )
    rows = [
        *_rows_of_cells(cells, {"all": kept, "train": kept & ~test, "test": test}),
        *_rows_of_totals(totals),
    ]
    columns = ["quantity", "split", "units", "n", "observed", "modelled"]
    columns += ["observed_error", "modelled_error", "correlation", "R2", "rmse"]
    table = pd.DataFrame(rows, columns=columns)
    return _dataset(driver, cells, known.sum(axis=1)), totals, table


def _mean_and_slope(values: np.ndarray, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and slope per year of each row (cell, year), over its years that are known."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    count = np.maximum(n, 1)[:, None]
    mean = np.where(known, values, 0).sum(axis=1, keepdims=True) / count
    time = np.where(known, years, 0).sum(axis=1, keepdims=True) / count
    dt, dv = (np.where(known, v - m, 0.0) for v, m in ((years, time), (values, mean)))
    squares = (dt**2).sum(axis=1)
    enough = n >= FEWEST_YEARS
    slope = (dt * dv).sum(axis=1) / np.where(squares > 0, squares, np.nan)
    return np.where(n > 0, mean[:, 0], np.nan), np.where(enough, slope, np.nan)


def _totals(values: dict[str, np.ndarray], years: np.ndarray, areas: np.ndarray) -> pd.DataFrame:
    known = np.isfinite(values["observed"])
    observed_years = known.any(axis=0)
    whole = known[:, observed_years].all(axis=1) & observed_years.any()
    sums = {
        name: areas[whole] @ annual[whole][:, observed_years] / PETAGRAM
        for name, annual in values.items()
    }
    return pd.DataFrame({"year": years[observed_years], **sums, "cells": int(whole.sum())})


def _rows_of_cells(
    cells: dict[str, np.ndarray], splits: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for quantity, units in (("mean", "gC m-2"), ("trend", "gC m-2 year-1")):
        for split, chosen in splits.items():
            observed, modelled = (cells[f"{side}_{quantity}"] for side in ("observed", "modelled"))
            some = chosen & np.isfinite(observed)
            if not some.any():
                continue
            found = skill(observed[some], modelled[some])
            row: dict[str, Any] = {
                "quantity": quantity,
                "split": split,
                "units": units,
                "n": int(found["n"]),
            }
            row |= {"observed": observed[some].mean(), "modelled": modelled[some].mean()}
            row |= {k: float(found[k]) for k in ("correlation", "R2", "rmse")}
            rows.append(row)
    return rows


def _rows_of_totals(totals: pd.DataFrame) -> list[dict[str, Any]]:
    sides = ["observed", "modelled"]
    cells = int(totals["cells"].max()) if len(totals) else 0
    if cells == 0:
        return []
    key: dict[str, Any] = {"split": "all", "n": cells}
    means = {side: totals[side].mean() for side in sides}
    rows = [{"quantity": "total", "units": "PgC", **key, **means}]
    if len(totals) >= FEWEST_YEARS:
        lines = {side: stats.linregress(totals["year"], totals[side]) for side in sides}
        slopes = {side: line.slope for side, line in lines.items()}
        errors = {f"{side}_error": line.stderr for side, line in lines.items()}
        rows.append({"quantity": "total_trend", "units": "PgC year-1", **key, **slopes, **errors})
    return rows


def _dataset(driver: xr.Dataset, cells: dict[str, np.ndarray], years: np.ndarray) -> xr.Dataset:
    sides = {"observed": "observed", "modelled": "of the ensemble mean"}
    facts = {
        f"{side}_{quantity}": (units, f"{text} of live biomass carbon, {told}")
        for side, told in sides.items()
        for quantity, units, text in (
            ("mean", "gC m-2", "mean over the observed years"),
            ("trend", "gC m-2 year-1", "trend over the observed years"),
        )
    }
    return xr.Dataset(
        {
            name: ("cell", cells[name].astype(np.float32), {"units": units, "long_name": text})
            for name, (units, text) in facts.items()
        }
        | {
            "years": (
                "cell",
                years.astype(np.int16),
                {"units": "1", "long_name": "number of years observed"},
            )
        },
        coords={name: driver[name] for name in ("lat", "lon")},
        attrs={"title": "Mean and trend of live biomass carbon"},
    )

"""Dependence of four traits on temperature, precipitation and canopy height, by SHAP values.

Paper, Methods, "SHAP Analysis for Feature Importance & Environment-Parameter Relationships", and
Fig. 4.

Formulas: docs/metrics.md, "Dependence of traits on the environment".
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from differland.analysis.key_traits import KEY_TRAITS, SHOWN_PREDICTORS
from differland.analysis.populations import ALL_CELLS, PLANT_TYPES

WINDOW_SHARE = 0.1
"""Share of a population's cells in a window."""

SMALLEST_WINDOW = 5
"""Cells."""

COLUMNS = (
    *("setup", "population", "trait", "long_name", "units", "predictor", "predictor_units"),
    *("predictor_value", "median", "lower", "upper", "cells"),
)


def trait_dependence(explanations: Mapping[str, xr.Dataset], aware: str) -> pd.DataFrame:
    """Dependence of traits on predictors, for all cells and for those of each plant type.

    A trait's part that a predictor explains is the mean of the base value plus the predictor's SHAP
    value in each cell. Carbon use efficiency is one minus the autotrophic fraction, and its Shapley
    values are minus those of the fraction, since they are linear in what is explained. Cells are
    sorted by the predictor; medians and quartiles are those of a window of a tenth of the cells (5
    at least) that moves by half its width, so that a window on either side shares half its cells.

    Parameters
    ----------
    explanations
        SHAP values of :func:`differland.analysis.attribution.attribute` by setup: of `aware`, and
        of one that does not know plant types, if there is one. The latter gives the curve of all
        cells; without it, `aware` does.
    aware
        Setup that knows plant types; it gives the curves of each, of the cells that the plant type
        covers almost alone.

    Returns
    -------
    DataFrame
        Columns setup, population, trait, long_name, units, predictor, predictor_units,
        predictor_value (median of the window, in predictor_units), median, lower and upper (median
        and quartiles of the trait over the window's cells, in units), cells (in the window). There
        are no rows of predictors that a setup lacks, of populations with too few cells, and of
        predictors that are the same in all cells of a population.
    """
    tables = []
    for setup, explanation in explanations.items():
        populations = PLANT_TYPES if setup == aware else (ALL_CELLS,)
        if len(explanations) == 1:
            populations = (ALL_CELLS, *PLANT_TYPES)
        tables += [
            _trace(explanation, setup, population, trait, predictor)
            for trait in KEY_TRAITS
            for predictor in SHOWN_PREDICTORS
            if predictor in explanation["predictor"]
            for population in populations
            if population in explanation["population"]
        ]
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _trace(
    explanation: xr.Dataset, setup: str, population: str, name: str, predictor: str
) -> pd.DataFrame:
    trait = KEY_TRAITS[name]
    part = explanation.isel(sample=explanation["population"].to_numpy() == population)
    part = part.sel(output=trait.trait, predictor=predictor)
    where = part["predictor_value"].to_numpy().astype(float)
    if where.min() == where.max():
        return pd.DataFrame()
    base = trait.value(float(part["base_value"].astype(float).mean()))
    values = base + trait.change(part["shap"].to_numpy().astype(float))
    order = np.argsort(where, kind="stable")
    size = min(max(SMALLEST_WINDOW, round(WINDOW_SHARE * order.size)), order.size)
    # Evenly spaced, the first and the last window at the ends.
    count = max(round(2 * (order.size - size) / size), 0) + 1
    starts = np.linspace(0, order.size - size, count).round().astype(int)
    windows = order[starts[:, None] + np.arange(size)]
    lower, median, upper = np.quantile(values[windows], [0.25, 0.5, 0.75], axis=1)
    return pd.DataFrame(
        {
            "setup": setup,
            "population": population,
            "trait": name,
            "long_name": trait.long_name,
            "units": trait.units,
            "predictor": predictor,
            "predictor_units": str(part["predictor_units"].item()),
            "predictor_value": np.median(where[windows], axis=1),
            "median": median,
            "lower": lower,
            "upper": upper,
            "cells": size,
        }
    )

"""Recovery of a known truth by an ensemble: parameters, traits, importance of predictors.

For studies of a synthetic planet, whose observations the model itself made from known parameters.
Real studies have no truth to compare with; what is recovered here tells how far to trust them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from differland.analysis.days import DAYS_OF_YEAR, DAYS_PER_YEAR
from differland.errors import InputError
from differland.metrics import skill
from differland.tables import PARAMETERS, TRAITS

QUANTITIES: tuple[str, ...] = tuple(dict.fromkeys([*PARAMETERS, *TRAITS]))
"""What is compared: the parameters, and the traits that are none of them."""

PLACE_TOLERANCE = 1e-4
"""Degrees on the sphere by which a cell and its truth may lie apart."""

SPANNING = 10.0
"""Upper over lower bound from which the logarithm of a parameter is compared too."""

ALL_OUTPUTS = "all traits"
"""Stands for the mean over the traits in the comparison of importance."""


def recover(parameters: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Put the true value, the ensemble mean and the members' spread of every cell side by side.

    Only the day within the year of leaf onset and fall matters to the model. Members that settled
    on another year than the truth are therefore moved by whole years, all cells of a member alike.

    Parameters
    ----------
    parameters
        ``maps/{setup}/parameters.nc``: parameters and traits (member, cell), coordinates lat and
        lon and, where there is a test set, test.
    truth
        The same parameters and traits (cell), lat and lon; more cells do no harm.

    Returns
    -------
    Dataset of ``truth``, ``mean`` and ``spread`` (sample standard deviation across members) of
    dimensions (quantity, cell), in the units that the coordinate ``units`` names; NaN for what the
    truth lacks.

    Raises
    ------
    InputError
        Fewer than two members, a cell without truth, or a quantity is missing.
    """
    members = parameters.sizes.get("member", 0)
    if members < 2:
        raise InputError("parameters.nc", "member", "at least 2 members", str(members))
    place = _match(parameters, truth)
    rows: Mapping[str, Any] = {**TRAITS, **PARAMETERS}
    shape = (len(QUANTITIES), parameters.sizes["cell"])
    columns = {name: np.full(shape, np.nan, np.float32) for name in ("truth", "mean", "spread")}
    for position, name in enumerate(QUANTITIES):
        for file, dataset in (("parameters.nc", parameters), ("truth", truth)):
            if name not in dataset:
                source = dataset.encoding.get("source", file)
                raise InputError(source, name, "a variable (cell)", "no such variable")
        true = truth[name].to_numpy().astype(np.float64)[place]
        values = parameters[name].transpose("member", "cell").to_numpy().astype(np.float64)
        if name in DAYS_OF_YEAR:
            years = np.round((values - true).mean(axis=1, keepdims=True) / DAYS_PER_YEAR)
            values = values - DAYS_PER_YEAR * years
        columns["truth"][position] = true
        columns["mean"][position] = values.mean(axis=0)
        columns["spread"][position] = values.std(axis=0, ddof=1)
    long_names = {
        "truth": "true value",
        "mean": "mean over the members of the ensemble",
        "spread": "standard deviation across the members",
    }
    return xr.Dataset(
        {
            name: (("quantity", "cell"), values, {"long_name": long_names[name]})
            for name, values in columns.items()
        },
        coords={
            "quantity": list(QUANTITIES),
            "units": ("quantity", [rows[name].units for name in QUANTITIES]),
            **{
                name: parameters[name].variable
                for name in ("lat", "lon", "test")
                if name in parameters.variables
            },
        },
        attrs={"title": "True and recovered parameters and traits", "members": members},
    )


def _match(parameters: xr.Dataset, truth: xr.Dataset) -> npt.NDArray[np.intp]:
    """Position in the truth of every cell."""

    def places(dataset: xr.Dataset, file: str) -> npt.NDArray[np.float64]:
        for name in ("lat", "lon"):
            if name not in dataset.variables:
                source = dataset.encoding.get("source", file)
                raise InputError(source, name, "a coordinate (cell)", "no such variable")
        return np.deg2rad(
            np.stack([dataset[name].to_numpy().astype(np.float64) for name in ("lat", "lon")], 1)
        )

    # Here, since figures read this module and match nothing.
    from sklearn.neighbors import BallTree

    wanted = places(parameters, "parameters.nc")
    distance, nearest = BallTree(places(truth, "truth"), metric="haversine").query(wanted)
    missing = np.flatnonzero(np.rad2deg(distance[:, 0]) > PLACE_TOLERANCE)
    if missing.size:
        latitude, longitude = np.rad2deg(wanted[missing[0]])
        raise InputError(
            truth.encoding.get("source", "truth"),
            "lat, lon",
            f"a cell at latitude {latitude:.4f}, longitude {longitude:.4f}, as in the parameters",
            f"none there, and none for {missing.size} of {len(wanted)} cells",
        )
    return nearest[:, 0].astype(np.intp)


def compare_parameters(recovered: xr.Dataset, identifiability: pd.DataFrame) -> pd.DataFrame:
    """Measure how well each parameter and trait is recovered, over all cells and test cells.

    Parameters
    ----------
    recovered
        Truth, ensemble mean and spread of the cells, from :func:`recover`.
    identifiability
        ``identifiability.csv`` of the same ensemble. Traits that are no parameters are judged by
        the same threshold.

    Returns
    -------
    DataFrame
        One row per quantity and set of cells, ``all`` or ``test``. Columns quantity, kind
        (parameter or trait), units, cells, n; truth_varies (over the cells); pearson and spearman
        correlation over cells of the ensemble mean with the truth, and pearson_log of their
        logarithms for parameters whose bounds span a factor of ten or more, all NaN where the
        truth does not vary; rmse, bias (mean of ensemble mean minus truth), true_spread (standard
        deviation of the truth over cells) and ensemble_spread (mean over cells of the standard
        deviation across members), in the units; and, over all cells, median_cv (median of the
        coefficient of variation across members), identifiable and its threshold.
    """
    sets = {"all": np.ones(recovered.sizes["cell"], dtype=bool)}
    if "test" in recovered.variables and (recovered["test"] == 1).any():
        sets["test"] = recovered["test"].to_numpy() == 1
    known = identifiability.set_index("parameter")
    threshold = float(known["threshold"].iloc[0])
    rows = []
    for name, units in zip(QUANTITIES, recovered["units"].to_numpy().tolist(), strict=True):
        truth, mean, spread = (
            recovered[column].sel(quantity=name).to_numpy().astype(np.float64)
            for column in ("truth", "mean", "spread")
        )
        if name in known.index:
            variation = float(known["median_cv"][name])
        else:
            variation = float(np.median(spread / np.abs(mean)))
        for cells, chosen in sets.items():
            rows.append(
                {
                    "quantity": name,
                    "kind": "parameter" if name in PARAMETERS else "trait",
                    "units": units,
                    "cells": cells,
                    "n": int(chosen.sum()),
                    **_agreement(name, truth[chosen], mean[chosen]),
                    "ensemble_spread": float(spread[chosen].mean()),
                    "median_cv": variation,
                    "identifiable": variation < threshold,
                    "threshold": threshold,
                }
            )
    return pd.DataFrame(rows)


def _agreement(
    name: str, truth: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]
) -> dict[str, object]:
    # What was stored in single precision does not vary if it does so in the last place.
    varies = bool(truth.std() > np.finfo(np.float32).eps * abs(truth.mean()))

    def correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
        return float(skill(first, second)["correlation"]) if varies else np.nan

    bounds = PARAMETERS.get(name)
    spans = bounds is not None and bounds.maximum >= SPANNING * bounds.minimum
    return {
        "truth_varies": varies,
        "pearson": correlation(truth, mean),
        "spearman": correlation(_ranks(truth), _ranks(mean)),
        "pearson_log": correlation(np.log(truth), np.log(mean)) if spans and varies else np.nan,
        "rmse": float(np.sqrt(((mean - truth) ** 2).mean())),
        "bias": float((mean - truth).mean()),
        "true_spread": float(truth.std()),
    }


def _ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(pd.Series(np.asarray(values)).rank(), dtype=np.float64)


def compare_importance(estimated: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """Compare how important each predictor is to the ensemble and to the truth.

    Parameters
    ----------
    estimated, true
        Tables of ``analysis.attribution.attribute``, of the ensemble and of the true field, with
        the same settings and cells. Predictors that only one of them has are of no importance to
        the other.

    Returns
    -------
    DataFrame
        One row per population, output and predictor (level ``predictor``) or group of predictors
        (level ``group``). Outputs are the traits, and ``all traits``: the mean over the traits
        that vary in both. Columns population, output, level, name, group, true_share and
        estimated_share (of the mean absolute SHAP value, 0 to 1; NaN where the trait is the same
        in all cells); correlation (Pearson) and rank_correlation (Spearman) of the two over the
        names of a level. Shares are ranked in whole percents, so that noise does not order
        predictors of no importance.
    """
    keys = ["population", "output", "predictor", "group"]
    both = estimated[[*keys, "share"]].merge(
        true[[*keys, "share"]], on=keys, how="outer", suffixes=("_estimated", "_true")
    )
    both = both[both["output"].isin(TRAITS)].rename(
        columns={"share_estimated": "estimated_share", "share_true": "true_share"}
    )
    shares = ["true_share", "estimated_share"]
    outputs = both.groupby(["population", "output"])
    # An output without any importance has no shares; a predictor that is left out has the share 0.
    defined = outputs[shares].transform("sum") > 0
    both[shares] = both[shares].fillna(0.0).where(defined)
    varying = both[defined.all(axis=1)]
    overall = (
        varying.groupby(["population", "predictor", "group"], as_index=False)[shares]
        .mean()
        .assign(output=ALL_OUTPUTS)
    )
    single = pd.concat([both, overall], ignore_index=True)
    grouped = single.groupby(["population", "output", "group"], as_index=False)[shares].sum(
        min_count=1
    )
    tables = [
        single.rename(columns={"predictor": "name"}).assign(level="predictor"),
        grouped.assign(level="group", name=grouped["group"]),
    ]
    table = pd.concat(list(_correlated(tables)), ignore_index=True)
    return table[
        [
            *("population", "output", "level", "name", "group", *shares),
            *("correlation", "rank_correlation"),
        ]
    ]


def _correlated(tables: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Add to each output its correlations; NaN where one side has no importance at all."""
    for table in tables:
        for _, rows in table.groupby(["population", "output"], sort=False):
            true, estimated = (
                rows[name].to_numpy(dtype=np.float64) for name in ("true_share", "estimated_share")
            )
            ranks = skill(_ranks(np.round(100 * true)), _ranks(np.round(100 * estimated)))
            yield rows.assign(
                correlation=float(skill(true, estimated)["correlation"]),
                rank_correlation=float(ranks["correlation"]),
            )

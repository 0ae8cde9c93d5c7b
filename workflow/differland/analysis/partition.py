"""Hierarchical partition of the explained variance among the groups of predictors.

The independent contribution of a group is what it adds to the explained variance, averaged over
every order in which the groups can enter the model (paper, Methods, "Hierarchical Partition of
Explained Variance"; model description, section 6).

References
----------
.. [1] Chevan, A. and Sutherland, M. (1991). Hierarchical partitioning. The American Statistician,
   45(2), 90-96.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from differland.errors import InputError
from differland.metrics import explained_variance

SPLITS = ("train", "development", "test")


def group_subsets(groups: Sequence[str]) -> list[frozenset[str]]:
    """Give every non-empty subset of `groups`, the smaller first.

    Parameters
    ----------
    groups
        Names of predictor groups, each once.

    Returns
    -------
    list of frozenset
        The 2**n - 1 subsets; the last is the full set.

    Raises
    ------
    InputError
        There is no group, or one is named twice.
    """
    if not groups or len(set(groups)) != len(groups):
        raise InputError(
            "partition",
            "groups",
            "at least one predictor group, each named once",
            str(list(groups)),
        )
    return [
        frozenset(subset)
        for size in range(1, len(groups) + 1)
        for subset in combinations(groups, size)
    ]


def partition_weights(groups: Sequence[str]) -> npt.NDArray[np.float64]:
    r"""Give the matrix that turns the explained variance of subsets into contributions.

    The contribution of group j is the mean, over the sizes s = 0 ... n - 1 of the set S that j
    joins (the levels of the hierarchy), of the mean gain r2(S + j) - r2(S) at that size, with
    r2 = 0 for the empty set. This is linear in r2: each subset that holds j enters with weight
    :math:`1 / (n \binom{n-1}{s})`, s being its size without j, and each that does not enters
    with minus that weight.

    Parameters
    ----------
    groups
        Names of predictor groups.

    Returns
    -------
    array, shape (group, subset)
        Weights, subsets in the order of `group_subsets`.
    """
    number = len(groups)

    def weight(group: str, subset: frozenset[str]) -> float:
        size = len(subset - {group})
        magnitude = 1 / (number * comb(number - 1, size))
        return magnitude if group in subset else -magnitude

    return np.array(
        [[weight(group, subset) for subset in group_subsets(groups)] for group in groups]
    )


def independent_contributions(
    explained_variance: xr.DataArray, groups: Sequence[str]
) -> xr.DataArray:
    """Partition the explained variance of the full model among its predictor groups.

    Parameters
    ----------
    explained_variance
        Squared Pearson correlation. Dimension ``subset`` in the order of `group_subsets`, and any
        others.
    groups
        Names of predictor groups.

    Returns
    -------
    DataArray
        Independent contributions, float64, dimension ``group`` in place of ``subset``. They sum
        to the value of the full set. NaN where any subset is NaN. A contribution can be negative:
        then the group makes predictions worse.
    """
    weights = xr.DataArray(
        partition_weights(groups), dims=("group", "subset"), coords={"group": list(groups)}
    )
    contributions: xr.DataArray = xr.dot(
        weights, explained_variance.astype(np.float64), dim="subset"
    )
    return contributions


def partition(
    metrics: pd.DataFrame, cells: Mapping[str, xr.Dataset], groups: Sequence[str]
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Partition the explained variance of every target, globally and in each cell.

    A setup stands for its predictor groups whatever the order in its name. Its explained variance
    is the mean squared Pearson correlation of its selected members, in which a member that does
    not vary counts as zero. Setups that are no subset of `groups` are left aside.

    Parameters
    ----------
    metrics
        Rows of ``metrics.csv`` of all setups, one stage. Only rows of single members in the
        domain ``space-time`` are used.
    cells
        Setup to its ``cells.nc``: ``pearson_r2(member, target, cell)``, and ``R2``, NaN where
        unobserved.
    groups
        Predictor groups to partition among, for instance PFT, CLIM, SOIL, AGE.

    Returns
    -------
    table : DataFrame
        Columns target, support, domain, split, group, contribution, share. ``contribution`` is in
        units of explained variance; ``share`` is its part of the total. The group ``total`` holds
        the explained variance of the full model. NaN where what is observed does not vary.
    maps : Dataset
        ``contribution(target, group, cell)``, temporal explained variance within each cell, and
        ``dominant(target, cell)``, the position in ``group`` of the largest contribution, -1 where
        there is none.

    Raises
    ------
    InputError
        A subset of `groups` has no setup, or `metrics` mixes stages.
    """
    return _partition_metrics(metrics, groups), _partition_cells(cells, groups)


def summarise_cells(cells: xr.Dataset) -> pd.DataFrame:
    """Summarise the partition of the cells, target by target and group by group (Fig. 2b-f).

    Contributions of single cells can be below zero, where a group makes predictions worse on
    average over the orders of entry. They are neither cut nor left out: cut ones would no longer
    sum to the explained variance. Shares are therefore of means over cells, where the sum is well
    above zero, never means of shares of cells.

    Parameters
    ----------
    cells
        The maps of `partition`.

    Returns
    -------
    Table with columns target, group, cells (with a partition), contribution (mean over these),
    share (of the mean explained variance), dominated and negative (fractions of the cells). The
    dominant group of a cell never has a negative contribution, since they sum to a squared
    correlation.
    """
    rows = []
    for target in cells["target"].to_numpy():
        here = cells.sel(target=target)
        contribution = here["contribution"].to_numpy().astype(np.float64)
        dominant = here["dominant"].to_numpy()
        known = dominant >= 0
        count = int(known.sum())
        if count == 0:
            continue
        means = contribution[:, known].mean(axis=1)
        total = means.sum()
        for number, group in enumerate(cells["group"].to_numpy()):
            rows.append(
                {
                    "target": target,
                    "group": group,
                    "cells": count,
                    "contribution": means[number],
                    "share": means[number] / total if total > 0 else np.nan,
                    "dominated": (dominant[known] == number).mean(),
                    "negative": (contribution[number, known] < 0).mean(),
                }
            )
    columns = ["target", "group", "cells", "contribution", "share", "dominated", "negative"]
    return pd.DataFrame(rows, columns=columns)


def _setups_of_subsets(setups: Sequence[str], groups: Sequence[str], file: str) -> list[str]:
    by_groups = {frozenset(setup.split("+")): setup for setup in setups}
    subsets = group_subsets(groups)
    missing = [
        "+".join(group for group in groups if group in subset)
        for subset in subsets
        if subset not in by_groups
    ]
    if missing:
        raise InputError(
            file,
            "setup",
            f"all {len(subsets)} combinations of {', '.join(groups)}",
            f"{', '.join(setups) or 'none'}; missing: {', '.join(missing)}",
        )
    return [by_groups[subset] for subset in subsets]


def _partition_metrics(metrics: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    stages = metrics["stage"].unique()
    if len(stages) > 1:
        raise InputError("metrics.csv", "stage", "one stage", ", ".join(map(str, stages)))
    setups = _setups_of_subsets(list(metrics["setup"].unique()), groups, "metrics.csv")

    keys = ["target", "support", "domain", "split"]
    rows = metrics[
        (metrics["member"] != "ensemble")
        & (metrics["domain"] == "space-time")
        & metrics["split"].isin(SPLITS)
    ]
    explained = (
        rows.assign(explained=explained_variance(rows["pearson_r2"], rows["R2"]))
        .groupby([*keys, "setup"], sort=False)["explained"]
        .mean()
        .unstack("setup")
        .reindex(columns=setups)
    )
    contributions = independent_contributions(
        xr.DataArray(explained.to_numpy(), dims=("row", "subset")), groups
    ).transpose("row", "group")
    table = pd.DataFrame(contributions.to_numpy(), index=explained.index, columns=list(groups))
    table["total"] = explained.iloc[:, -1].where(table.notna().all(axis="columns"))

    share = table.div(table["total"].where(table["total"] > 0), axis="index")
    result = pd.DataFrame(
        {
            "contribution": table.rename_axis(columns="group").stack(),
            "share": share.rename_axis(columns="group").stack(),
        }
    )
    return result.reset_index()


def _partition_cells(cells: Mapping[str, xr.Dataset], groups: Sequence[str]) -> xr.Dataset:
    setups = _setups_of_subsets(list(cells), groups, "cells.nc")
    full = cells[setups[-1]]
    explained = xr.concat(
        [
            explained_variance(cells[setup]["pearson_r2"], cells[setup]["R2"])
            .mean("member")
            .reset_coords(drop=True)
            for setup in setups
        ],
        dim="subset",
        join="exact",
        coords="minimal",
        compat="override",
    )
    contribution = independent_contributions(explained, groups).transpose("target", "group", "cell")
    known = contribution.notnull().all("group")
    dominant = contribution.fillna(-np.inf).argmax("group").where(known, -1).astype(np.int8)
    return xr.Dataset(
        {
            "contribution": contribution.astype(np.float32).assign_attrs(
                long_name="independent contribution to the temporal explained variance", units="1"
            ),
            "dominant": dominant.assign_attrs(
                long_name="predictor group of the largest independent contribution",
                units="1",
                flag_values=np.arange(-1, len(groups), dtype=np.int8),
                flag_meanings=" ".join(["none", *groups]),
            ),
        },
        coords={name: full[name] for name in ("lat", "lon")},
        attrs={"title": "Hierarchical partition of the explained variance in each cell"},
    )

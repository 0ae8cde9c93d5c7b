"""Importance of plant types against the heterogeneity of land cover (paper, Results on Fig. 2).

Formulas: docs/metrics.md, "Heterogeneity of land cover".
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import stats

from differland.analysis.comparison import interval, patch_draws
from differland.errors import InputError
from differland.metrics import Agreement
from differland.terms import OBSERVABLES

BINS = 10
"""Most classes of heterogeneity, with equally many cells each, for the figure."""

CLASS_SIZE = 10
"""Fewest cells or patches of a class, unless there are fewer in all."""

FEWEST = 3
"""Cells or patches below which there is no correlation."""


def shannon_index(fractions: npt.ArrayLike) -> npt.NDArray[np.float64]:
    r"""Diversity of the land cover of each cell, :math:`H = -\sum_i p_i \ln p_i`.

    The index is of the cover within a cell (Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x):
    0 where one type covers all of it, ln(number of types) where all cover alike. The paper does
    not say which measure of "local land cover heterogeneity" it takes; differences among
    neighbouring cells (of the dominant type, or of the fractions, in a moving window) would be
    another, which sees edges between cells that are pure.

    Parameters
    ----------
    fractions
        Cover fractions, shape (type, cell). Their sum, which leaves out water, is taken as one.

    Returns
    -------
    Index of each cell, shape (cell,), natural logarithm; NaN where nothing covers the cell.
    """
    cover = np.asarray(fractions, dtype=float)
    total = cover.sum(axis=0)
    share = cover / np.where(total > 0, total, np.nan)
    terms = share * np.log(np.where(share > 0, share, 1.0))
    return np.abs(terms.sum(axis=0))


def correlate_heterogeneity(
    cells: xr.Dataset,
    driver: xr.Dataset,
    plant_types: Sequence[str],
    resamples: int = 2000,
    seed: int = 0,
    group: str = "PFT",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rank correlation of a group's importance with the heterogeneity of the land cover.

    Parameters
    ----------
    cells
        Content of ``analysis/partition_cells.nc``.
    driver
        ``driver.nc`` of the same cells: cover fractions, ``patch``.
    plant_types
        Predictors that are cover fractions.
    resamples, seed
        Number of resamples and seed of the bootstrap of whole patches that gives the intervals.
    group
        Predictor group whose importance is correlated; one of those of `cells`.

    Returns
    -------
    table : DataFrame
        Columns target, measure, unit, n, patches, spearman, p, lower, upper. ``measure`` is the
        contribution to the explained variance in time, or its share of that of all groups (where
        this is above zero). ``unit`` is cell; for a target observed in patches, which has one
        value in all cells of a patch, it is patch, with the mean heterogeneity of its cells. ``p``
        takes units for independent, as the paper does. Neighbours are not, so that p is far too
        small where n is large; the 95 % interval, from resamples of whole patches of the ranks
        among all, allows for that within patches.
    bins : DataFrame
        Columns target, measure, heterogeneity, median, quartile_1, quartile_3, n: classes of
        equally many cells or patches; ``heterogeneity`` is the median of the class.

    Raises
    ------
    InputError
        The files are of different cells, or the group is not partitioned.
    """
    groups = [str(name) for name in cells["group"].to_numpy()]
    source = cells.encoding.get("source", "partition_cells.nc")
    if group not in groups:
        raise InputError(source, "group", f"{group} among them", ", ".join(groups))
    if not np.array_equal(cells["lat"], driver["lat"]):
        raise InputError(source, "lat", "the cells of the driver", "others")
    index = shannon_index([driver[name].to_numpy() for name in plant_types])
    patch = driver["patch"].to_numpy()

    rows: list[dict[str, Any]] = []
    bins: list[dict[str, Any]] = []
    for target in map(str, cells["target"].to_numpy()):
        contribution = cells["contribution"].sel(target=target)
        of_group = contribution.sel(group=group).to_numpy().astype(float)
        total = contribution.sum("group", skipna=False).to_numpy().astype(float)
        share = of_group / np.where(total > 0, total, np.nan)
        of_patches = OBSERVABLES[target].support == "patch"
        for measure, importance in (("contribution", of_group), ("share", share)):
            known = np.isfinite(importance) & np.isfinite(index)
            x, y, where = index[known], importance[known], patch[known]
            if of_patches:
                (x, y), where = _means_of(where, x, y)
            key = {"target": target, "measure": measure}
            rows.append(
                {**key, "unit": "patch" if of_patches else "cell"}
                | _correlation(x, y, where, resamples, seed)
            )
            bins += [{**key, **row} for row in _classes(x, y)]
    columns = ["target", "measure", "unit", "n", "patches", "spearman", "p", "lower", "upper"]
    names = ["target", "measure", "heterogeneity", "median", "quartile_1", "quartile_3", "n"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(bins, columns=names)


def _means_of(patch: np.ndarray, *values: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Means over the cells of each patch, and the patches' numbers."""
    numbers, place = np.unique(patch, return_inverse=True)
    count = np.bincount(place)
    return [np.bincount(place, of_cells) / count for of_cells in values], numbers


def _correlation(
    x: np.ndarray, y: np.ndarray, patch: np.ndarray, resamples: int, seed: int
) -> dict[str, Any]:
    numbers, place = np.unique(patch, return_inverse=True)
    result = {"n": x.size, "patches": numbers.size}
    undefined = dict.fromkeys(("spearman", "p", "lower", "upper"), np.nan)
    if x.size < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return result | undefined
    found = stats.spearmanr(x, y)
    ranks = stats.rankdata(x)[:, None], stats.rankdata(y)[:, None]
    of_patches = Agreement.of(*ranks).grouped(place, numbers.size)
    draws = of_patches.pooled(patch_draws(numbers.size, resamples, seed)).skills()
    low, high = interval(draws["correlation"][1:])
    return result | {
        "spearman": float(found.statistic), "p": float(found.pvalue), "lower": low, "upper": high
    }  # fmt: skip


def _classes(x: np.ndarray, y: np.ndarray) -> Iterator[dict[str, Any]]:
    """Quartiles of y in classes of equally many x, in their order."""
    classes = int(np.clip(x.size // CLASS_SIZE, 1, BINS))
    for chosen in np.array_split(np.argsort(x, kind="stable"), classes):
        if chosen.size:
            low, middle, high = np.quantile(y[chosen], [0.25, 0.5, 0.75])
            yield {
                "heterogeneity": float(np.median(x[chosen])),
                "median": middle,
                "quartile_1": low,
                "quartile_3": high,
                "n": chosen.size,
            }

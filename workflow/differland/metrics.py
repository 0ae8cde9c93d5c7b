"""Metrics of agreement between observations and their modelled counterparts.

Formulas: docs/metrics.md, "Skill"; what is compared with what: docs/metrics.md, "Domains".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from differland.driver import annual_mean, complete_years, observed_series
from differland.patches import PADDING
from differland.terms import OBSERVABLES

MINIMUM_PAIRS = 3
"""Fewest pairs of model and observation that a skill is computed from."""

Values = TypeVar("Values", pd.Series, xr.DataArray)

SKILLS = ("R2", "pearson_r2", "correlation", "mae", "rmse", "slope", "intercept")


@dataclass(frozen=True)
class Agreement:
    """Sums over pairs of observation and model, from which every skill follows.

    Sums of parts can be pooled, so that no more than a part has to be in memory (Chan, Golub &
    LeVeque 1983, doi:10.2307/2683386).

    Attributes
    ----------
    n
        Number of pairs.
    observed_mean, modelled_mean
        Means over the pairs.
    observed_squares, modelled_squares, products
        Sums of squared deviations from these means, and of the products of both deviations.
    absolute_error, squared_error
        Sums of the differences' magnitudes and squares.
    """

    n: np.ndarray
    observed_mean: np.ndarray
    modelled_mean: np.ndarray
    observed_squares: np.ndarray
    modelled_squares: np.ndarray
    products: np.ndarray
    absolute_error: np.ndarray
    squared_error: np.ndarray

    @classmethod
    def of(cls, observed: np.ndarray, modelled: np.ndarray, axis: int = -1) -> Self:
        """Sum along an axis over pairs where both are finite."""
        known = np.isfinite(observed) & np.isfinite(modelled)
        n = known.sum(axis=axis)
        o = np.where(known, observed, 0.0).astype(float)
        m = np.where(known, modelled, 0.0).astype(float)
        observed_mean, modelled_mean = (v.sum(axis=axis) / np.maximum(n, 1) for v in (o, m))
        do = np.where(known, o - np.expand_dims(observed_mean, axis), 0.0)
        dm = np.where(known, m - np.expand_dims(modelled_mean, axis), 0.0)
        return cls(
            n,
            observed_mean,
            modelled_mean,
            (do**2).sum(axis=axis),
            (dm**2).sum(axis=axis),
            (do * dm).sum(axis=axis),
            np.abs(m - o).sum(axis=axis),
            ((m - o) ** 2).sum(axis=axis),
        )

    def at(self, chosen: Any) -> Self:
        """The entries that an index picks; all sums are indexed alike."""
        return type(self)(**{name: values[chosen] for name, values in vars(self).items()})

    def grouped(self, group: np.ndarray, count: int) -> Self:
        """Sums over all pairs of the entries that are of the same group.

        Parameters
        ----------
        group
            Number of the group, 0 to ``count - 1``, of each entry of the last axis.
        count
            Groups: the length of the last axis of the result.
        """
        sizes = np.bincount(group, minlength=count)
        order = np.argsort(group, kind="stable")
        filled = np.flatnonzero(sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])[filled]

        def total(values: np.ndarray) -> np.ndarray:
            result = np.zeros((*values.shape[:-1], count), values.dtype)
            if filled.size:
                result[..., filled] = np.add.reduceat(values[..., order], starts, axis=-1)
            return result

        n = total(self.n)
        known = np.maximum(n, 1)
        observed_mean = total(self.n * self.observed_mean) / known
        modelled_mean = total(self.n * self.modelled_mean) / known
        observed = self.observed_mean - observed_mean[..., group]
        modelled = self.modelled_mean - modelled_mean[..., group]
        return type(self)(
            n,
            observed_mean,
            modelled_mean,
            total(self.observed_squares + self.n * observed**2),
            total(self.modelled_squares + self.n * modelled**2),
            total(self.products + self.n * observed * modelled),
            total(self.absolute_error),
            total(self.squared_error),
        )

    def pooled(self, times: np.ndarray) -> Self:
        """Sums over all pairs of all entries of the last axis, each entry counted so many times.

        Parameters
        ----------
        times
            Whole numbers, shape (entry,), or (draw, entry) for many draws at once: the result
            then has an axis of draws in place of that of entries. True and False choose.
        """
        counts = np.asarray(times, dtype=np.int64).T
        weights = counts.astype(float)
        # About means of all entries, sums of draws do not lose their digits.
        total = np.maximum(self.n.sum(axis=-1, keepdims=True), 1)
        observed_zero = (self.n * self.observed_mean).sum(axis=-1, keepdims=True) / total
        modelled_zero = (self.n * self.modelled_mean).sum(axis=-1, keepdims=True) / total
        observed = self.observed_mean - observed_zero
        modelled = self.modelled_mean - modelled_zero
        if weights.ndim == 1:
            observed_zero, modelled_zero = observed_zero[..., 0], modelled_zero[..., 0]

        n = self.n @ counts
        share = 1 / np.maximum(n, 1)
        observed_mean = (self.n * observed) @ weights * share
        modelled_mean = (self.n * modelled) @ weights * share
        return type(self)(
            n,
            observed_zero + observed_mean,
            modelled_zero + modelled_mean,
            (self.observed_squares + self.n * observed**2) @ weights - n * observed_mean**2,
            (self.modelled_squares + self.n * modelled**2) @ weights - n * modelled_mean**2,
            (self.products + self.n * observed * modelled) @ weights
            - n * observed_mean * modelled_mean,
            self.absolute_error @ weights,
            self.squared_error @ weights,
        )

    def skills(self) -> dict[str, np.ndarray]:
        """Number of pairs ``n`` and the skills of :data:`SKILLS`; see :func:`skill`."""
        count = np.maximum(self.n, 1)
        sso, ssm, cross = (
            sums / count for sums in (self.observed_squares, self.modelled_squares, self.products)
        )
        error = self.squared_error / count
        defined = (self.n >= MINIMUM_PAIRS) & _varies(sso, self.observed_mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = np.where(
                _varies(ssm, self.modelled_mean), cross / np.sqrt(sso * ssm), np.nan
            )
            values = {
                "R2": 1 - error / sso,
                "pearson_r2": correlation**2,
                "correlation": correlation,
                "mae": self.absolute_error / count,
                "rmse": np.sqrt(error),
                "slope": cross / sso,
                "intercept": self.modelled_mean - cross / sso * self.observed_mean,
            }
        return {"n": self.n} | {
            name: np.where(defined, value, np.nan) for name, value in values.items()
        }


def _varies(variance: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Whether values of such a variance differ by more than single precision rounds them."""
    scale = np.finfo(np.float32).eps * np.abs(mean) + np.finfo(float).tiny
    differs: np.ndarray = variance > scale**2
    return differs


def explained_variance(pearson_r2: Values, r2: Values) -> Values:
    """Variance of the observations that predictions explain, 0 to 1 (paper, Methods).

    It is the squared correlation. A model that does not vary has none, and explains nothing: 0.

    Parameters
    ----------
    pearson_r2, r2
        Squared Pearson correlation and ``R2`` of the same predictions, as :func:`skill` gives them.

    Returns
    -------
    Explained variance; NaN where the observations do not vary or are too few.
    """
    return pearson_r2.where(pearson_r2.notnull() | r2.isnull(), 0.0)


def skill(observed: np.ndarray, modelled: np.ndarray, axis: int = -1) -> dict[str, np.ndarray]:
    """Agreement of model and observation along an axis, over pairs where both are finite.

    ``R2`` is 1 - SSE/SST, the Nash-Sutcliffe efficiency (Nash & Sutcliffe 1970,
    doi:10.1016/0022-1694(70)90255-6); ``pearson_r2`` the squared Pearson correlation; ``slope``
    and ``intercept`` those of the least-squares line of modelled on observed; ``mae`` and
    ``rmse`` are in the units of the observation. NaN where there are fewer than three pairs or
    the observations do not vary; both correlations also where the model does not.

    Parameters
    ----------
    observed, modelled
        Observed and modelled values, of the same shape.
    axis
        Axis along which the pairs lie.

    Returns
    -------
    Skills by name, without that axis; ``n`` is the number of pairs.
    """
    return Agreement.of(observed, modelled, axis).skills()


@dataclass(frozen=True)
class Target:
    """Observations of one target, on the points where it is observed.

    Attributes
    ----------
    name, support
        Name and support of the target, defined in :class:`differland.terms.ObservedTerm`.
    observed
        Observations, shape (point, step), NaN where there is none; a point is a cell or a patch, a
        step a month, a year, or the whole period.
    cell
        Cells of each point and their weights in its mean: index, shape (point, slot), and 1 or
        0, shape (point, slot).
    """

    name: str
    support: str
    observed: np.ndarray
    cell: np.ndarray
    valid: np.ndarray

    def where_observed(self) -> Self:
        """The points that have any observation."""
        some = np.isfinite(self.observed).any(axis=1)
        return replace(
            self, observed=self.observed[some], cell=self.cell[some], valid=self.valid[some]
        )

    def modelled(self, series: np.ndarray, first: int) -> np.ndarray:
        """Modelled counterpart of the observations.

        Parameters
        ----------
        series
            The target's quantity, shape (cell, time).
        first
            First month that counts; the static target counts all.
        """
        resolution = OBSERVABLES[self.name].resolution
        if resolution == "static":
            steps = series.mean(axis=1, keepdims=True)
        elif resolution == "year":
            steps = annual_mean(series[:, first:].T).T
        else:
            steps = series[:, first:]
        total = np.einsum("psk,ps->pk", steps[self.cell], self.valid)
        modelled: np.ndarray = total / self.valid.sum(axis=1)[:, None]
        return modelled


def targets_of_driver(
    driver: xr.Dataset,
    patches: xr.Dataset | None,
    observations: Mapping[str, str | None],
    first: int,
) -> list[Target]:
    """Every target that the driver observes.

    Parameters
    ----------
    driver, patches
        Patch targets need patches.
    observations
        Driver variable by target; None: not looked at.
    first
        First month that counts, a multiple of 12.
    """
    targets = []
    for name, observable in OBSERVABLES.items():
        variable = observations.get(name)
        if variable is None or variable not in driver:
            continue
        values, weights = observed_series(driver, variable)
        known = weights > 0
        if observable.resolution == "static":
            values, known = values[None], known[None]
        else:
            values, known = values[first:], known[first:]
            if observable.resolution == "year":
                values, known = annual_mean(values), complete_years(known)
        observed = np.where(known, values, np.nan).T
        if observable.support == "patch":
            if patches is None:
                continue
            cell = patches["cell"].to_numpy()
            observed = observed[patches["number"].to_numpy()]
            if observable.needs_full_patch:
                observed = np.where(patches["bulk"].to_numpy()[:, None] == 1, observed, np.nan)
        else:
            cell = np.arange(driver.sizes["cell"])[:, None]
        targets.append(
            Target(name, observable.support, observed, cell, (cell != PADDING).astype(float))
        )
    return targets

"""Metrics, and what is compared with what: observations and their modelled counterparts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import xarray as xr

from differland.driver import observed_series
from differland.objective import annual_mean, complete_years
from differland.observables import BULK_TARGETS, OBSERVABLES
from differland.patches import PADDING

MINIMUM_PAIRS = 3
"""Fewest pairs of model and observation that a skill is computed from."""

SKILLS = ("R2", "pearson_r2", "correlation", "mae", "rmse", "slope", "intercept")


@dataclass(frozen=True)
class Agreement:
    """Sums over pairs of observation and model, from which every skill follows.

    Sums of parts can be merged, so that no more than a part has to be in memory.

    Attributes
    ----------
    n
        Pairs.
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

    def merged(self, other: Self) -> Self:
        """Sums over the pairs of both (Chan, Golub & LeVeque 1983, doi:10.2307/2683386)."""
        n = self.n + other.n
        share = other.n / np.maximum(n, 1)
        observed = other.observed_mean - self.observed_mean
        modelled = other.modelled_mean - self.modelled_mean
        between = self.n * share
        return type(self)(
            n,
            self.observed_mean + observed * share,
            self.modelled_mean + modelled * share,
            self.observed_squares + other.observed_squares + observed**2 * between,
            self.modelled_squares + other.modelled_squares + modelled**2 * between,
            self.products + other.products + observed * modelled * between,
            self.absolute_error + other.absolute_error,
            self.squared_error + other.squared_error,
        )

    def pooled(self, chosen: np.ndarray) -> Self:
        """Sums over all pairs of the chosen entries of the last axis."""
        part = type(self)(**{name: value[..., chosen] for name, value in vars(self).items()})
        n = part.n.sum(axis=-1)
        share = part.n / np.maximum(n, 1)[..., None]
        observed_mean = (part.observed_mean * share).sum(axis=-1)
        modelled_mean = (part.modelled_mean * share).sum(axis=-1)
        observed = part.observed_mean - observed_mean[..., None]
        modelled = part.modelled_mean - modelled_mean[..., None]
        return type(self)(
            n,
            observed_mean,
            modelled_mean,
            (part.observed_squares + part.n * observed**2).sum(axis=-1),
            (part.modelled_squares + part.n * modelled**2).sum(axis=-1),
            (part.products + part.n * observed * modelled).sum(axis=-1),
            part.absolute_error.sum(axis=-1),
            part.squared_error.sum(axis=-1),
        )

    def skills(self) -> dict[str, np.ndarray]:
        """Number of pairs ``n`` and the skills of :data:`SKILLS`; see :func:`skill`."""
        count = np.maximum(self.n, 1)
        sso, ssm, cross = (
            sums / count for sums in (self.observed_squares, self.modelled_squares, self.products)
        )
        error = self.squared_error / count
        scale = np.finfo(np.float32).eps * np.abs(self.observed_mean) + np.finfo(float).tiny
        defined = (self.n >= MINIMUM_PAIRS) & (sso > scale**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = np.where(ssm > 0, cross / np.sqrt(sso * ssm), 0.0)
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


def skill(observed: np.ndarray, modelled: np.ndarray, axis: int = -1) -> dict[str, np.ndarray]:
    """Agreement of model and observation along an axis, over pairs where both are finite.

    ``R2`` is 1 - SSE/SST, the Nash-Sutcliffe efficiency (Nash & Sutcliffe 1970,
    doi:10.1016/0022-1694(70)90255-6); ``pearson_r2`` the squared Pearson correlation; ``slope``
    and ``intercept`` those of the least-squares line of modelled on observed; ``mae`` and
    ``rmse`` are in the units of the observation. NaN where there are fewer than three pairs or
    the observations do not vary.

    Parameters
    ----------
    observed, modelled
        Of the same shape.
    axis
        Along which to pair.

    Returns
    -------
    By name, without that axis; ``n`` is the number of pairs.
    """
    return Agreement.of(observed, modelled, axis).skills()


@dataclass(frozen=True)
class Target:
    """Observations of one target, on the points where it is observed.

    Attributes
    ----------
    name, support
        See :class:`differland.observables.Observable`.
    observed
        Shape (point, step), NaN where there is none; a point is a cell or a patch, a step a
        month, a year, or the whole period.
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
            if name in BULK_TARGETS:
                observed = np.where(patches["bulk"].to_numpy()[:, None] == 1, observed, np.nan)
        else:
            cell = np.arange(driver.sizes["cell"])[:, None]
        targets.append(
            Target(name, observable.support, observed, cell, (cell != PADDING).astype(float))
        )
    return targets

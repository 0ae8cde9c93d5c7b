"""Metrics, and what is compared with what: observations and their modelled counterparts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from differland.driver import observed_series
from differland.objective import annual_mean, complete_years
from differland.observables import BULK_TARGETS, OBSERVABLES
from differland.patches import PADDING

MINIMUM_PAIRS = 3
"""Fewest pairs of model and observation that a skill is computed from."""

SKILLS = ("R2", "pearson_r2", "correlation", "mae", "rmse", "slope", "intercept")


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
    known = np.isfinite(observed) & np.isfinite(modelled)
    n = known.sum(axis=axis)
    o = np.where(known, observed, 0.0).astype(float)
    m = np.where(known, modelled, 0.0).astype(float)

    def mean(values: np.ndarray) -> np.ndarray:
        return values.sum(axis=axis) / np.maximum(n, 1)

    def centred(values: np.ndarray) -> np.ndarray:
        return np.where(known, values - np.expand_dims(mean(values), axis), 0.0)

    do, dm = centred(o), centred(m)
    sso, ssm, cross = mean(do**2), mean(dm**2), mean(do * dm)
    error = mean((m - o) ** 2)
    scale = np.finfo(np.float32).eps * np.abs(mean(o)) + np.finfo(float).tiny
    defined = (n >= MINIMUM_PAIRS) & (sso > scale**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.where(ssm > 0, cross / np.sqrt(sso * ssm), 0.0)
        values = {
            "R2": 1 - error / sso,
            "pearson_r2": correlation**2,
            "correlation": correlation,
            "mae": mean(np.abs(m - o)),
            "rmse": np.sqrt(error),
            "slope": cross / sso,
            "intercept": mean(m) - cross / sso * mean(o),
        }
    return {"n": n} | {name: np.where(defined, value, np.nan) for name, value in values.items()}


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
        total = np.zeros(self.observed.shape)
        for slot in range(self.cell.shape[1]):
            total += steps[self.cell[:, slot]] * self.valid[:, slot, None]
        return total / self.valid.sum(axis=1)[:, None]


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

"""Means and covariances of the parameters, which another study can take as its prior.

Two covariances are told apart. That *across cells*, of the ensemble mean, says how parameters
vary together over the land. That *across members* within a cell, averaged over cells, says what
the observations leave open.

Formulas: docs/metrics.md, "Covariance of the parameters".
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from differland.analysis.days import DAYS_OF_YEAR, DAYS_PER_YEAR, around_their_mean
from differland.errors import InputError
from differland.regridding.study_grid import areas_of_cells, is_gridded
from differland.tables import PARAMETERS

Array = npt.NDArray[np.float64]

ALL_CELLS = "all"
SPACES = ("unbounded", "logarithm")

SHARE_MARGIN = 1e-3
"""Share of its logarithmic range that a parameter keeps from its bounds, where all is infinite."""

BLOCK = 20_000
"""Cells that are worked on at a time."""


def parameter_covariance(
    parameters: xr.Dataset,
    plant_types: xr.Dataset,
    threshold: float,
    minimum_cells: int,
) -> xr.Dataset:
    r"""Mean, covariance and correlation of the 40 parameters, over all cells and by plant type.

    In the space ``unbounded`` a parameter is what the network gives before it is put between its
    bounds :math:`a` and :math:`b`, :math:`\tan(\pi (s - 1/2))` with the share
    :math:`s = \ln(p / a) / \ln(b / a)` kept from 0 and 1 by `SHARE_MARGIN` (paper, Text S1). In
    the space ``logarithm`` it is :math:`\ln p`. In both, days of the year are days: those south of
    the equator are moved by half a year, so that seasons agree, and all are taken from the half
    year before to the half year after their circular mean. A day of the mean is that of a northern
    year, and may lie outside of it by less than half a year.

    Cells of the grid count by their area, others alike.

    Parameters
    ----------
    parameters
        ``parameters.nc``: the 40 parameters (member, cell), coordinates lat and lon.
    plant_types
        Cover fractions (cell) of the plant types that get a population of their own, each of the
        cells that it covers almost alone.
    threshold
        Cover fraction from which a cell belongs to the population of a plant type.
    minimum_cells
        Populations with fewer cells have no values (NaN).

    Returns
    -------
    Dataset
        Dataset of dimensions (space, population, parameter, other_parameter):
        ``covariance_across_cells`` (divided by the sum of weights) and ``correlation_across_cells``
        of the ensemble mean; ``covariance_across_members`` (n - 1 in the denominator) and
        ``correlation_across_members``, of the covariance averaged over cells. ``mean(space,
        population, parameter)``, ``cells(population)``. All in the units that ``space_units(space,
        parameter)`` names. Covariances are symmetric and positive semi-definite; correlations with
        parameters that do not vary are NaN.

    Raises
    ------
    InputError
        Fewer than two members, a parameter is missing or not finite, or the numbers of cells
        differ.
    """
    members, cells = (parameters.sizes.get(name, 0) for name in ("member", "cell"))
    if members < 2:
        raise InputError("parameters.nc", "member", "at least 2 members", str(members))
    if plant_types.sizes.get("cell", cells) != cells:
        found = str(plant_types.sizes["cell"])
        raise InputError("driver.nc", "cell", f"{cells}, as in the parameters", found)
    latitude, longitude = (parameters[name].to_numpy().astype(float) for name in ("lat", "lon"))
    area = np.ones(cells)
    if is_gridded(latitude, longitude):
        area = areas_of_cells(latitude)
    populations = [ALL_CELLS, *map(str, plant_types.data_vars)]
    chosen = np.stack(
        [
            np.ones(cells, dtype=bool),
            *(plant_types[name].to_numpy() >= threshold for name in populations[1:]),
        ]
    )
    enough = chosen.sum(axis=1) >= max(minimum_cells, 1)
    weights = chosen * area
    weights /= np.where(enough, weights.sum(axis=1), np.nan)[:, np.newaxis]

    values = np.stack([_values(parameters, name) for name in PARAMETERS])
    for position, name in enumerate(PARAMETERS):
        if name in DAYS_OF_YEAR:
            # Seasons of the south as in the north.
            north = values[position] + np.where(latitude < 0, DAYS_PER_YEAR / 2, 0.0)
            values[position] = around_their_mean(north.ravel(), np.tile(area, members)).reshape(
                north.shape
            )
    moments = {space: _moments(_blocks(values, SPACES.index(space)), weights) for space in SPACES}
    return _collect(moments, populations, chosen.sum(axis=1), members).assign_attrs(
        plant_type_threshold=threshold, minimum_cells=minimum_cells, share_margin=SHARE_MARGIN
    )


def _values(parameters: xr.Dataset, name: str) -> npt.NDArray[np.float32]:
    if name not in parameters:
        raise InputError("parameters.nc", name, "a parameter (member, cell)", "no such variable")
    values: npt.NDArray[np.float32] = (
        parameters[name].transpose("member", "cell").to_numpy().astype(np.float32)
    )
    if not np.isfinite(values).all():
        found = f"{np.count_nonzero(~np.isfinite(values))} that are not"
        raise InputError("parameters.nc", name, "finite values", found)
    return values


def _blocks(values: npt.NDArray[np.float32], space: int) -> Iterator[tuple[slice, Array]]:
    """Transformed values (cell, member, parameter), in blocks of cells."""
    low, high = (
        np.log([getattr(row, bound) for row in PARAMETERS.values()])
        for bound in ("minimum", "maximum")
    )
    day = [name in DAYS_OF_YEAR for name in PARAMETERS]
    for start in range(0, values.shape[2], BLOCK):
        block = slice(start, start + BLOCK)
        plain = values[:, :, block].transpose(2, 1, 0).astype(np.float64)
        # Days around their mean may lie below zero.
        result = np.log(np.where(day, 1.0, plain))
        if SPACES[space] == "unbounded":
            share = np.clip((result - low) / (high - low), SHARE_MARGIN, 1 - SHARE_MARGIN)
            result = np.tan(np.pi * (share - 0.5))
        yield block, np.where(day, plain, result)


def _moments(blocks: Iterator[tuple[slice, Array]], weights: Array) -> tuple[Array, Array, Array]:
    """Means, covariances across cells, and mean covariances across members, by population."""
    number = len(PARAMETERS)
    mean = np.zeros((len(weights), number))
    square = np.zeros((len(weights), number, number))
    within = np.zeros_like(square)
    origin: Array | None = None
    for block, values in blocks:
        average = values.mean(axis=1)
        deviation = values - average[:, np.newaxis]
        # Sums of squares keep their digits when they are taken about a value that is near.
        origin = average.mean(axis=0) if origin is None else origin
        average = average - origin
        for position, part in enumerate(weights[:, block]):
            # Weights of a population without values are NaN.
            used = np.flatnonzero(part != 0)
            some, weight = average[used], part[used]
            mean[position] += weight @ some
            square[position] += (some * weight[:, np.newaxis]).T @ some
            root = np.sqrt(weight / (values.shape[1] - 1))
            scaled = (deviation[used] * root[:, np.newaxis, np.newaxis]).reshape(-1, number)
            within[position] += scaled.T @ scaled
    across = square - mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
    mean += 0.0 if origin is None else origin
    return mean, _definite(across, mean), _definite(within, mean)


def _definite(covariance: Array, mean: Array) -> Array:
    """Symmetric matrices without rounding errors: negative eigenvalues, and spurious variances.

    Parameters that are the same everywhere, to the resolution of float32, have zeros.
    """
    resolution = np.finfo(np.float32).eps * np.abs(mean)
    varies = np.diagonal(covariance, axis1=1, axis2=2) > resolution**2
    covariance = covariance * varies[:, :, np.newaxis] * varies[:, np.newaxis, :]
    result = np.full_like(covariance, np.nan)
    known = np.isfinite(covariance).all(axis=(1, 2))
    values, vectors = np.linalg.eigh(covariance[known])
    half = vectors * np.sqrt(np.maximum(values, 0))[:, np.newaxis]
    product = half @ half.swapaxes(1, 2)
    result[known] = (product + product.swapaxes(1, 2)) / 2
    # Eigenvectors bring rounding back to where there was zero.
    return result * varies[:, :, np.newaxis] * varies[:, np.newaxis, :]


def _correlation(covariance: Array) -> Array:
    deviation = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    scale = deviation[..., np.newaxis] * deviation[..., np.newaxis, :]
    result = np.full_like(covariance, np.nan)
    np.divide(covariance, scale, out=result, where=scale > 0)
    return np.clip(result, -1, 1)


def _collect(
    moments: dict[str, tuple[Array, Array, Array]],
    populations: Sequence[str],
    cells: npt.NDArray[np.integer],
    members: int,
) -> xr.Dataset:
    mean, across, within = (np.stack(arrays) for arrays in zip(*moments.values(), strict=True))
    square = ("space", "population", "parameter", "other_parameter")
    names = list(PARAMETERS)
    units = [["day" if name in DAYS_OF_YEAR else "1" for name in names] for _ in SPACES]
    product = "product of the units that space_units names for parameter and other_parameter"
    variables: dict[str, Any] = {
        "mean": (
            square[:-1],
            mean,
            {"long_name": "mean over cells of the ensemble mean", "comment": "units: space_units"},
        )
    }
    for source, long_name, covariance in (
        ("cells", "of the ensemble mean across cells", across),
        ("members", "across ensemble members, averaged over cells", within),
    ):
        variables[f"covariance_across_{source}"] = (
            square,
            covariance,
            {"long_name": f"covariance {long_name}", "comment": f"units: {product}"},
        )
        variables[f"correlation_across_{source}"] = (
            square,
            _correlation(covariance),
            {"long_name": f"correlation {long_name}", "units": "1"},
        )
    return xr.Dataset(
        variables,
        coords={
            "space": ("space", list(SPACES), {"long_name": "how values are transformed"}),
            "population": ("population", list(populations), {"long_name": "which cells"}),
            "parameter": names,
            "other_parameter": names,
            "space_units": (("space", "parameter"), units),
            "parameter_units": ("parameter", [row.units for row in PARAMETERS.values()]),
            "minimum": (
                "parameter",
                [row.minimum for row in PARAMETERS.values()],
                {"long_name": "lower bound, in parameter_units"},
            ),
            "maximum": (
                "parameter",
                [row.maximum for row in PARAMETERS.values()],
                {"long_name": "upper bound, in parameter_units"},
            ),
            "cells": (
                "population",
                cells.astype(np.int32),
                {"long_name": "number of cells of the population", "units": "1"},
            ),
        },
        attrs={
            "title": "Means and covariances of the parameters of an ensemble",
            "members": members,
            "comment": (
                "space unbounded: tan(pi (s - 1/2)), s = ln(p / minimum) / ln(maximum / minimum) "
                f"kept {SHARE_MARGIN:g} from 0 and 1; space logarithm: ln(p), p in "
                f"parameter_units; {' and '.join(DAYS_OF_YEAR)}: days of a northern year in both "
                "(half a year is added south of the equator), around their circular mean. Cells "
                "of the grid are weighted by area."
            ),
        },
    )

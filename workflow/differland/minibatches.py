"""The driver as minibatches: one patch each, padded to the same number of slots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from differland.model.forcing import forcing_of_driver
from differland.model.weather import SHARED, Weather, weather_of
from differland.objective import Observations, annual_mean, complete_years
from differland.observables import ANNUAL_SUFFIX, observable_of
from differland.patches import PADDING
from differland.tables import PREDICTORS

BULK_TARGETS = ("nbe", "ewt")
"""Patch targets that count only where most of the patch is valid (paper, Methods)."""


@dataclass(frozen=True)
class ModelSettings:
    """Choices in which paper and published code differ (model.md, section 7).

    Attributes
    ----------
    step_length
        ``"calendar"`` for real month lengths (paper), or days in every step (code: 30).
    moisture_reference
        Mean precipitation that the moisture factor compares with.
    """

    step_length: Literal["calendar"] | float
    moisture_reference: Literal["forcing", "mean_annual_precipitation"]


@dataclass(frozen=True)
class LossSettings:
    """Weights and observations of the loss.

    Attributes
    ----------
    weights
        By term.
    observations
        Driver variable by term; None turns the term off. The two constraints have none.
    equilibrium_mask
        Cells on which the equilibrium constraint acts: all (paper) or those whose LAI is
        observed in the first month (published code).
    """

    weights: Mapping[str, float]
    observations: Mapping[str, str | None]
    equilibrium_mask: Literal["valid", "first_month_lai"]

    def active(self, driver: xr.Dataset) -> dict[str, float]:
        """Weights of the terms that are on and whose observations the driver has."""
        return {
            term: weight
            for term, weight in self.weights.items()
            if term not in self.observations
            or ((name := self.observations[term]) is not None and name in driver)
        }


class Minibatches(NamedTuple):
    """All patches of a study, float32.

    Attributes
    ----------
    shared
        Weather that is the same for all cells, each of shape (time, 1).
    weather
        The other fields of :class:`Weather`, each of shape (patch, time, slot). A slot that
        pads a patch repeats the patch's first cell, so that nothing in it can blow up.
    latitude
        degrees_north, shape (patch, slot).
    predictors
        Every predictor of ``resources/variables.csv``, not standardised, zero where the driver
        has none; shape (patch, slot, predictor).
    observations
        With a leading axis of patches.
    """

    shared: Mapping[str, Float[Array, "time 1"]]
    weather: Mapping[str, Float[Array, "patch time slot"]]
    latitude: Float[Array, "patch slot"]
    predictors: Float[Array, "patch slot predictor"]
    observations: Observations

    def patch(self, index: Array, slots: Array) -> "Minibatch":
        """One minibatch, its cells in the order of `slots`."""

        def take(values: Array, per_cell: bool) -> Array:
            chosen = jax.lax.dynamic_index_in_dim(values, index, keepdims=False)
            return jnp.take(chosen, slots, axis=-1) if per_cell else chosen

        observed = self.observations
        return Minibatch(
            weather=Weather(
                **self.shared, **{name: take(v, True) for name, v in self.weather.items()}
            ),
            latitude=take(self.latitude, True),
            predictors=take(self.predictors, False)[slots],
            observations=Observations(
                value={name: take(v, _per_cell(name)) for name, v in observed.value.items()},
                weight={name: take(v, _per_cell(name)) for name, v in observed.weight.items()},
                valid=take(observed.valid, True),
                in_equilibrium=take(observed.in_equilibrium, True),
            ),
        )


class Minibatch(NamedTuple):
    """One patch; see :class:`Minibatches` for the fields, here without their first axis."""

    weather: Weather
    latitude: Float[Array, " slot"]
    predictors: Float[Array, "slot predictor"]
    observations: Observations


def _per_cell(term: str) -> bool:
    return observable_of(term).support != "patch"


def predictor_matrix(driver: xr.Dataset) -> np.ndarray:
    """Every predictor of the table for every cell, zero where the driver has none.

    Returns
    -------
    Shape (cell, predictor), float64, in the units of the table.
    """
    absent = np.zeros(driver.sizes["cell"])
    return np.stack(
        [
            driver[name].to_numpy().astype(float) if name in driver else absent
            for name in PREDICTORS
        ],
        axis=1,
    )


def observed_series(driver: xr.Dataset, variable: str) -> tuple[np.ndarray, np.ndarray]:
    """Observations and their weights, months (if any) on the first axis.

    Returns
    -------
    Values, zero where there is none, and weights, zero where there is no value: the variable
    ``<variable>_weight`` where the driver has it, else one.
    """
    values = np.moveaxis(driver[variable].to_numpy().astype(float), -1, 0)
    known = np.isfinite(values)
    weights = known.astype(float)
    if f"{variable}_weight" in driver:
        own = np.moveaxis(driver[f"{variable}_weight"].to_numpy().astype(float), -1, 0)
        weights *= np.nan_to_num(own)
    return np.where(known, values, 0.0), weights


def build_minibatches(
    driver: xr.Dataset, patches: xr.Dataset, model: ModelSettings, loss: LossSettings
) -> Minibatches:
    """Lay out forcing, predictors and observations patch by patch.

    Parameters
    ----------
    driver
        A checked driver.
    patches
        As :func:`differland.patches.draw_patches` gives it.
    model, loss
        Choices that change forcing and observations.
    """
    cell = patches["cell"].to_numpy()
    valid = cell != PADDING
    filled = np.where(valid, cell, cell[:, :1])

    def by_patch(values: np.ndarray) -> jax.Array:
        """From (..., cell) to (patch, ..., slot)."""
        return jnp.asarray(np.moveaxis(values[..., filled], -2, 0), jnp.float32)

    forcing = forcing_of_driver(driver, model.step_length, model.moisture_reference)
    shared: dict[str, jax.Array] = {}
    weather: dict[str, jax.Array] = {}
    for name, values in weather_of(forcing)._asdict().items():
        if name in SHARED:
            shared[name] = jnp.asarray(values, jnp.float32)
        else:
            weather[name] = by_patch(np.asarray(values))

    value: dict[str, jax.Array] = {}
    weight: dict[str, jax.Array] = {}
    active = loss.active(driver)
    for term in active:
        variable = loss.observations.get(term)
        if variable is None:
            continue
        target = term.removesuffix(ANNUAL_SUFFIX)
        observable = observable_of(term)
        values, weights = observed_series(driver, variable)
        if observable.resolution == "year" or term.endswith(ANNUAL_SUFFIX):
            weights = complete_years(weights > 0).astype(float)
            values = annual_mean(values)
        if observable.support == "patch":
            number = patches["number"].to_numpy()
            counts = patches["bulk"].to_numpy() if target in BULK_TARGETS else 1.0
            value[term] = jnp.asarray(values[:, number].T, jnp.float32)
            weight[term] = jnp.asarray((weights[:, number] * counts).T, jnp.float32)
        else:
            value[term] = by_patch(values)
            weight[term] = by_patch(weights) * (
                valid if observable.resolution == "static" else valid[:, None, :]
            )

    in_equilibrium = valid.astype(float)
    if loss.equilibrium_mask == "first_month_lai":
        lai = loss.observations.get("lai")
        if lai in driver:
            observed = np.isfinite(driver[lai].to_numpy()[:, 0])
            in_equilibrium *= observed[filled]
        else:
            in_equilibrium *= 0
    matrix = predictor_matrix(driver)
    return Minibatches(
        shared=shared,
        weather=weather,
        latitude=by_patch(np.asarray(forcing.latitude[0])),
        predictors=jnp.asarray(matrix[filled], jnp.float32),
        observations=Observations(
            value=value,
            weight=weight,
            valid=jnp.asarray(valid, jnp.float32),
            in_equilibrium=jnp.asarray(in_equilibrium, jnp.float32),
        ),
    )

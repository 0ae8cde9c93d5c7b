"""The driver as minibatches: one patch each, padded to the same number of slots."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from differland.model.weather import Weather
from differland.objective import Observations
from differland.terms import OBSERVED_TERMS


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
        Latitude, degrees_north, shape (patch, slot).
    predictors
        Every predictor of ``resources/variables.csv``, not standardised, zero where the driver
        has none; shape (patch, slot, predictor).
    observed
        Observations by term, NaN where there is none; in the shapes of :class:`Observations`,
        after a leading axis of patches.
    observation_weight
        Weights of those terms whose observations have weights of their own; the others weigh 1.
    valid, in_equilibrium
        Masks as in :class:`Observations`, shape (patch, slot).
    """

    shared: Mapping[str, Float[Array, "time 1"]]
    weather: Mapping[str, Float[Array, "patch time slot"]]
    latitude: Float[Array, "patch slot"]
    predictors: Float[Array, "patch slot predictor"]
    observed: Mapping[str, Float[Array, "patch ..."]]
    observation_weight: Mapping[str, Float[Array, "patch ..."]]
    valid: Float[Array, "patch slot"]
    in_equilibrium: Float[Array, "patch slot"]

    def patch(self, index: Array, slots: Array) -> "Minibatch":
        """One minibatch, its cells in the order of `slots`."""

        def take(values: Array | np.ndarray, per_cell: bool) -> Array:
            chosen = jax.lax.dynamic_index_in_dim(values, index, keepdims=False)
            if not per_cell:
                return chosen
            places = jnp.broadcast_to(slots, chosen.shape)
            return jnp.take_along_axis(chosen, places, axis=-1, mode="promise_in_bounds")

        value: dict[str, Array] = {}
        weight: dict[str, Array] = {}
        for term, values in self.observed.items():
            here = take(values, per_cell(term))
            known = jnp.isfinite(here)
            value[term] = jnp.where(known, here, 0)
            own = self.observation_weight.get(term)
            each = 1 if own is None else take(own, per_cell(term))
            weight[term] = jnp.where(known, each, 0).astype(here.dtype)
        return Minibatch(
            weather=Weather(
                **self.shared, **{name: take(v, True) for name, v in self.weather.items()}
            ),
            latitude=take(self.latitude, True),
            predictors=take(self.predictors, False)[slots],
            observations=Observations(
                value, weight, take(self.valid, True), take(self.in_equilibrium, True)
            ),
        )


class Minibatch(NamedTuple):
    """One patch; see :class:`Minibatches` for the fields, here without their first axis."""

    weather: Weather
    latitude: Float[Array, " slot"]
    predictors: Float[Array, "slot predictor"]
    observations: Observations


def per_cell(term: str) -> bool:
    """Whether the observations of a term are of single cells, and not of a whole patch."""
    return OBSERVED_TERMS[term].support != "patch"

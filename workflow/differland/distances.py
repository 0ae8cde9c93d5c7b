"""Distances between model and observations, of which the terms of the loss are made.

Paper, equation 4; docs/training.md, "The loss". All are of one patch. A slot that only pads the
patch, and a month without an observation, contribute exactly nothing to value or gradient.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-3
"""Keeps divisions and logarithms finite, as in the published loss: the reference needs it."""


def squared_error(
    modelled: Float[Array, "*shape"],
    observed: Float[Array, "*shape"],
    weight: Float[Array, "*shape"],
) -> Float[Array, ""]:
    """Weighted sum of squared differences."""
    return jnp.sum(weight * (modelled - observed) ** 2)


def patch_squared_error(
    modelled: Float[Array, " step"],
    observed: Float[Array, " step"],
    weight: Float[Array, " step"],
    valid: Float[Array, " cell"],
) -> Float[Array, ""]:
    """Weighted sum of squared differences of patch means.

    The means run over all slots of the patch, padding counting as zero, and the square is
    weighted by the share of valid slots: a half-full patch weighs less.

    Parameters
    ----------
    modelled
        Sum over the valid cells.
    observed, weight
        Observations of the patch and their weights.
    valid
        Mask of valid cells, as in :class:`differland.objective.Observations`.
    """
    coverage = valid.mean()
    return squared_error(modelled / valid.size, observed * coverage, weight * coverage)


def water_anomaly(
    water: Float[Array, "time cell"], weight: Float[Array, " time"]
) -> Float[Array, "time cell"]:
    """Water pool minus its own mean over the observed months (those with a weight), mm."""
    observed = (weight > 0).astype(water.dtype)[:, None]
    mean = (water * observed).sum(axis=0, keepdims=True) / (observed.sum() + EPSILON)
    return water - mean


def squared_doublings(
    inflow: Float[Array, " cell"],
    outflow: Float[Array, " cell"],
    december: Float[Array, " cell"],
    initial: Float[Array, " cell"],
) -> Float[Array, " cell"]:
    """Squared binary logarithm of inflow over outflow, times the December over the initial pool."""
    ratio = inflow / jnp.maximum(outflow, EPSILON) * december / initial
    # Refilling a pool that fire left below its bound counts as negative outflow elsewhere.
    return jnp.log2(jnp.maximum(ratio, 0) + EPSILON) ** 2

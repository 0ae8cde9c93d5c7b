"""Water stress, evapotranspiration and the water bucket."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.model.parameters import POOL_BOUNDS

VIOLATION_FRACTION = 0.01
"""Share of the shortfall of water that is reported, and penalised by the loss."""


def water_stress(
    water: Float[Array, "..."],
    field_capacity: Float[Array, "..."],
    wilting_point_fraction: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Factor beta on photosynthesis: 0 below the wilting point, 1 above field capacity.

    Parameters
    ----------
    water, field_capacity
        Water and field capacity, mm.
    wilting_point_fraction
        Wilting point as a fraction of field capacity.
    """
    wilting_point = wilting_point_fraction * field_capacity
    return jnp.clip((water - wilting_point) / (field_capacity - wilting_point), 0, 1)


class WaterBalance(NamedTuple):
    """Water after one month (mm), and the fluxes (mm day-1) that led there."""

    water: Float[Array, "..."]
    evapotranspiration: Float[Array, "..."]
    runoff: Float[Array, "..."]
    violation: Float[Array, "..."]


def runoff(
    water: Float[Array, "..."], focal_point: Float[Array, "..."], dt: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Runoff, mm day-1: quadratic in water (mm) up to half the focal point (mm), then linear."""
    quadratic = water**2 / focal_point
    linear = water - focal_point / 4
    return jnp.where(water > focal_point / 2, linear, quadratic) * (1 / dt)


def balance(
    water: Float[Array, "..."],
    precipitation: Float[Array, "..."],
    evapotranspiration: Float[Array, "..."],
    runoff: Float[Array, "..."],
    dt: Float[Array, "..."],
) -> WaterBalance:
    """Advance the bucket by one month within its bounds.

    What a bound takes or gives is put on runoff. Where runoff would turn negative,
    evapotranspiration is cut instead, and a share of the shortfall is reported.

    Parameters
    ----------
    water
        Water at the start of the month, mm.
    precipitation, evapotranspiration, runoff
        Water fluxes of the month, mm day-1.
    dt
        Days in the month.
    """
    bounds = POOL_BOUNDS["water"]
    unbounded = water + (precipitation - runoff - evapotranspiration) * dt
    bounded = jnp.clip(unbounded, bounds.minimum, bounds.maximum)
    wanted_runoff = runoff + (unbounded - bounded) * (1 / dt)
    shortfall = jnp.maximum(-wanted_runoff, 0)
    return WaterBalance(
        water=bounded,
        evapotranspiration=evapotranspiration - shortfall,
        runoff=jnp.maximum(wanted_runoff, 0),
        violation=VIOLATION_FRACTION * shortfall,
    )

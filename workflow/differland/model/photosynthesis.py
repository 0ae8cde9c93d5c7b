"""Gross primary production: the Aggregated Canopy Model (Williams et al. 1997).

Constants are those of the published calibration, for gpp in gC m-2 day-1, leaf area index in
m2 m-2, radiation in MJ m-2 day-1 and CO2 in ppm.
"""

from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

DAY_LENGTH_SLOPE = 0.0156935
"""d1, per hour of day length."""
DAY_LENGTH_INTERCEPT = 0.0453194
"""d2."""
CO2_COMPENSATION_POINT = 4.22273
"""theta, ppm."""
CO2_HALF_SATURATION = 208.868
"""k, ppm."""
HYDRAULIC_RESISTANCE_COEFFICIENT = 0.37836
"""b2; the hydraulic resistance H is 1."""
QUANTUM_YIELD_MAXIMUM = 7.19298
"""c1, gC MJ-1 m-2 day-1."""
QUANTUM_YIELD_HALF_SATURATION = 2.1001
"""c2, squared leaf area index."""
NITROGEN_TEMPERATURE_COEFFICIENT = 0.011136
"""a2, K-1."""
WATER_POTENTIAL_DIFFERENCE = 2.0
"""|psi_d|, MPa."""
WATER_POTENTIAL_EXPONENT = 0.789798
"""eb1T."""

MAXIMUM_DECLINATION = 23.4
"""Tilt of the Earth's axis, degrees."""
POLE = 89.9999
"""Degrees beyond which days are as long as here: in single precision the tangent of 90 degrees
has the wrong sign, which would put the polar night into summer."""

Numbers = TypeVar("Numbers", Array, np.ndarray)
"""Weather is worked out of NumPy's arrays before training, and of JAX's in tests."""


def day_length(
    latitude: Float[Array | np.ndarray, "..."], doy: Float[Array | np.ndarray, "..."]
) -> Float[Array, "..."]:
    """Day length, h: 24 in polar day and 0 in polar night.

    Parameters
    ----------
    latitude
        Latitude, degrees_north.
    doy
        Day of the year.
    """
    declination = -MAXIMUM_DECLINATION * jnp.cos(jnp.deg2rad(360 * (doy + 10) / 365))
    latitude = jnp.clip(latitude, -POLE, POLE)
    sunset = jnp.tan(jnp.deg2rad(latitude)) * jnp.tan(jnp.deg2rad(declination))
    return 24 * jnp.arccos(-jnp.clip(sunset, -1, 1)) / jnp.pi


def canopy_conductance(
    t_min: Float[Numbers, "..."], t_max: Float[Numbers, "..."]
) -> Float[Numbers, "..."]:
    """Canopy conductance gc from the daily temperature range, gC m-2 day-1 ppm-1.

    Parameters
    ----------
    t_min, t_max
        Daily minimum and maximum air temperature, degC; ``t_max >= t_min``.
    """
    return WATER_POTENTIAL_DIFFERENCE**WATER_POTENTIAL_EXPONENT / (
        HYDRAULIC_RESISTANCE_COEFFICIENT + 0.5 * (t_max - t_min)
    )


def carboxylation_per_leaf_area(
    t_max: Float[Array | np.ndarray, "..."], conductance: Float[Array | np.ndarray, "..."]
) -> Float[Array, "..."]:
    """Nitrogen-limited demand for CO2 over conductance, ppm.

    The value is per unit of leaf area, for a canopy efficiency of 1 gC m-2 leaf day-1.
    """
    return jnp.exp(NITROGEN_TEMPERATURE_COEFFICIENT * t_max) / conductance


def day_length_factor(hours: Float[Numbers, "..."]) -> Float[Numbers, "..."]:
    """Factor of photosynthesis that depends on day length (h) alone."""
    return DAY_LENGTH_SLOPE * hours + DAY_LENGTH_INTERCEPT


def gross_primary_production(
    lai: Float[Array, "..."],
    carboxylation: Float[Array, "..."],
    conductance: Float[Array, "..."],
    srad: Float[Array, "..."],
    co2: Float[Array, "..."],
    day_factor: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Gross primary production without water stress, gC m-2 day-1.

    Parameters
    ----------
    lai
        Leaf area index, m2 m-2.
    carboxylation
        Canopy efficiency times :func:`carboxylation_per_leaf_area`, ppm.
    conductance
        :func:`canopy_conductance`, gC m-2 day-1 ppm-1.
    srad
        Downward shortwave radiation, MJ m-2 day-1.
    co2
        CO2 mole fraction in air, ppm.
    day_factor
        Factor of day length, from :func:`day_length_factor`.
    """
    p = lai * carboxylation
    q = CO2_COMPENSATION_POINT - CO2_HALF_SATURATION
    # co2 - ci, the smaller root of a quadratic. The textbook form subtracts two numbers that
    # are nearly equal where p is small; this is the same root without the cancellation.
    half_sum = co2 - q + p
    product = p * (co2 - CO2_COMPENSATION_POINT)
    co2_drawdown = 2 * product / (half_sum + jnp.sqrt(half_sum**2 - 4 * product))
    diffusion = conductance * co2_drawdown
    quantum_yield = QUANTUM_YIELD_MAXIMUM * lai**2 / (QUANTUM_YIELD_HALF_SATURATION + lai**2)
    light = quantum_yield * srad
    # Both limits vanish together where a fire left no leaf: no photosynthesis, not 0/0.
    both = light + diffusion
    return light * diffusion / jnp.where(both > 0, both, 1) * day_factor

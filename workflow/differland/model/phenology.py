"""Leaf onset and leaf fall: one shape over the year (Bloom & Williams 2015)."""

import jax.numpy as jnp
from jaxtyping import Array, Float

DAYS_PER_YEAR = 365.25

OFFSET_COEFFICIENTS = (
    2.3599784710e-5,
    3.32730053021e-4,
    9.01865258885e-4,
    -5.437736864888e-3,
    -2.0836027517787e-2,
    1.26972018064287e-1,
    -1.88459767342504e-1,
)
"""Polynomial in log(lifespan - 1), from the sixth power down, that centres the peak."""


def offset_of_peak(logarithm: Float[Array, "..."]) -> Float[Array, "..."]:
    """Distance of the peak from the middle, in widths, from log(lifespan - 1)."""
    # jnp.polyval is a loop, which takes longer than all that it does.
    result: float | Float[Array, ...] = OFFSET_COEFFICIENTS[0]
    for coefficient in OFFSET_COEFFICIENTS[1:]:
        result = result * logarithm + coefficient
    return jnp.asarray(result)


def day_of_year_factor(
    time: Float[Array, "..."],
    lifespan: Float[Array, "..."],
    period: Float[Array, "..."],
    day: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Fraction of a pool that is shed (leaves) or released (labile carbon) per day, day-1.

    Parameters
    ----------
    time
        Time in days since 2000-01-01.
    lifespan
        Lifespan of the leaves or of the labile carbon, years, above 1.
    period
        Duration of leaf fall or leaf onset, days.
    day
        Day of the year of leaf fall or leaf onset, plus any number of whole years.
    """
    shed = (jnp.log(lifespan) - jnp.log(lifespan - 1)) / 2
    width = period * jnp.sqrt(2.0) / 2
    scale = DAYS_PER_YEAR / jnp.pi
    offset = width * offset_of_peak(jnp.log(lifespan - 1))
    phase = jnp.sin((time - day + offset) / scale) * scale / width
    return 2 / jnp.sqrt(jnp.pi) * shed / width * jnp.exp(-(phase**2))

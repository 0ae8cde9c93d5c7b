"""Quantities of a month that its forcing alone determines, whatever parameters and state are.

They are computed once for a study, before any training.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.model import photosynthesis
from differland.model.forcing import Forcing

DECEMBER = 335
"""No other month than December has its middle after this day of the year."""


class Weather(NamedTuple):
    """Months of a cell, each field of shape (time, cell), or (time, 1) where cells share it.

    Attributes
    ----------
    time
        Days since 2000-01-01, at the middle of the month.
    dt
        Days in the month.
    december
        1 in Decembers, 0 in other months.
    co2
        CO2 mole fraction in air, ppm.
    srad
        Downward shortwave radiation, MJ m-2 day-1.
    precipitation
        Precipitation, mm day-1.
    burned_fraction
        Burned fraction of the cell, 0 to 1.
    root_of_vpd
        Square root of the vapour pressure deficit, hPa^0.5.
    conductance, carboxylation, day_factor
        Factors of photosynthesis, defined in :mod:`differland.model.photosynthesis`; carboxylation
        is that of a canopy efficiency of 1 gC m-2 leaf day-1.
    temperature_anomaly
        Air temperature minus its long-term mean, K.
    precipitation_anomaly
        Precipitation over its long-term mean, minus one; zero where it never rains.
    """

    time: Float[Array, "time cell"]
    dt: Float[Array, "time cell"]
    december: Float[Array, "time cell"]
    co2: Float[Array, "time cell"]
    srad: Float[Array, "time cell"]
    precipitation: Float[Array, "time cell"]
    burned_fraction: Float[Array, "time cell"]
    root_of_vpd: Float[Array, "time cell"]
    conductance: Float[Array, "time cell"]
    carboxylation: Float[Array, "time cell"]
    day_factor: Float[Array, "time cell"]
    temperature_anomaly: Float[Array, "time cell"]
    precipitation_anomaly: Float[Array, "time cell"]


SHARED = ("time", "dt", "december", "co2")
"""Fields of the weather that are the same for all cells."""


def weather_of(forcing: Forcing) -> Weather:
    """Compute the quantities that the forcing alone determines.

    Parameters
    ----------
    forcing
        Forcing, each field of shape (time, cell), (time, 1) or (1, cell).
    """
    conductance = photosynthesis.canopy_conductance(forcing.t_min, forcing.t_max)
    hours = photosynthesis.day_length(forcing.latitude, forcing.doy)
    rains = forcing.mean_precipitation > 0
    mean = jnp.where(rains, forcing.mean_precipitation, 1)
    return Weather(
        time=forcing.time,
        dt=forcing.dt,
        december=(forcing.doy > DECEMBER).astype(forcing.dt.dtype),
        co2=forcing.co2,
        srad=forcing.srad,
        precipitation=forcing.precipitation,
        burned_fraction=forcing.burned_fraction,
        root_of_vpd=jnp.sqrt(forcing.vpd),
        conductance=conductance,
        carboxylation=photosynthesis.carboxylation_per_leaf_area(forcing.t_max, conductance),
        day_factor=photosynthesis.day_length_factor(hours),
        temperature_anomaly=(forcing.t_min + forcing.t_max) / 2 - forcing.mean_temperature,
        precipitation_anomaly=jnp.where(rains, forcing.precipitation / mean - 1, 0),
    )

"""Everything about a month that does not depend on the model's state.

Worked out for all months at once, before the loop over time.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.model import photosynthesis
from differland.model.carbon import Turnover, loss_per_day
from differland.model.forcing import Forcing
from differland.model.parameters import Parameters
from differland.model.phenology import day_of_year_factor


class Rates(NamedTuple):
    """State-free factors of each month, each of shape (time, cell).

    Attributes
    ----------
    dt
        Days in the month.
    precipitation
        mm day-1.
    burned_fraction
        0 to 1.
    co2
        ppm.
    srad
        MJ m-2 day-1.
    conductance, carboxylation, day_factor
        See :mod:`differland.model.photosynthesis`.
    evapotranspiration_per_gpp
        Water transpired per carbon assimilated, mm day-1 (gC m-2 day-1)-1.
    radiation_driven_evapotranspiration
        mm day-1.
    temperature_moisture_factor
        Factor on decomposition, 1 at mean climate.
    leaf_fall_factor, labile_release_factor
        Daily rates, day-1.
    turnover
        Loss per day of each pool, averaged over the month, day-1.
    """

    dt: Float[Array, "time cell"]
    precipitation: Float[Array, "time cell"]
    burned_fraction: Float[Array, "time cell"]
    co2: Float[Array, "time cell"]
    srad: Float[Array, "time cell"]
    conductance: Float[Array, "time cell"]
    carboxylation: Float[Array, "time cell"]
    day_factor: Float[Array, "time cell"]
    evapotranspiration_per_gpp: Float[Array, "time cell"]
    radiation_driven_evapotranspiration: Float[Array, "time cell"]
    temperature_moisture_factor: Float[Array, "time cell"]
    leaf_fall_factor: Float[Array, "time cell"]
    labile_release_factor: Float[Array, "time cell"]
    turnover: Turnover


def decomposition_factor(
    forcing: Forcing,
    temperature_sensitivity: Float[Array, "..."],
    moisture_factor: Float[Array, "..."],
) -> Float[Array, "time cell"]:
    """Factor of temperature and moisture on decomposition, 1 at the cell's mean climate.

    Parameters
    ----------
    forcing
        Temperatures in degC, precipitation in mm day-1, and their long-term means.
    temperature_sensitivity
        K-1.
    moisture_factor
        Sensitivity to relative anomalies of precipitation, 1.
    """
    temperature = (forcing.t_min + forcing.t_max) / 2
    warming = jnp.exp(temperature_sensitivity * (temperature - forcing.mean_temperature))
    # Where it never rains there is no anomaly of rain.
    rains = forcing.mean_precipitation > 0
    mean = jnp.where(rains, forcing.mean_precipitation, 1)
    anomaly = jnp.where(rains, forcing.precipitation / mean - 1, 0)
    return warming * (anomaly * moisture_factor + 1)


def monthly_rates(parameters: Parameters, forcing: Forcing) -> Rates:
    """State-free factors of every month.

    Parameters
    ----------
    parameters
        Each of shape (cell,).
    forcing
        Each of shape (time, cell), (time, 1) or (1, cell).

    Returns
    -------
    Each of shape (time, cell), but for those that no parameter enters: they keep the shape
    that the forcing gives them.
    """
    p: Parameters = jax.tree.map(lambda values: values[None, :], parameters)
    dt = forcing.dt
    decomposition = decomposition_factor(forcing, p.temperature_sensitivity, p.moisture_factor)
    conductance = photosynthesis.canopy_conductance(forcing.t_min, forcing.t_max)
    hours = photosynthesis.day_length(forcing.latitude, forcing.doy)
    leaf_fall = day_of_year_factor(
        forcing.time, p.leaf_lifespan, p.leaf_fall_period, p.leaf_fall_day
    )
    labile_release = day_of_year_factor(
        forcing.time, p.labile_lifespan, p.labile_release_period, p.leaf_onset_day
    )
    return Rates(
        dt=dt,
        precipitation=forcing.precipitation,
        burned_fraction=forcing.burned_fraction,
        co2=forcing.co2,
        srad=forcing.srad,
        conductance=conductance,
        carboxylation=photosynthesis.carboxylation_per_leaf_area(
            p.canopy_efficiency, forcing.t_max, conductance
        ),
        day_factor=photosynthesis.day_length_factor(hours),
        evapotranspiration_per_gpp=jnp.sqrt(forcing.vpd) / p.underlying_water_use_efficiency,
        radiation_driven_evapotranspiration=forcing.srad * p.boese_r,
        temperature_moisture_factor=decomposition,
        leaf_fall_factor=leaf_fall,
        labile_release_factor=labile_release,
        turnover=Turnover(
            labile_release=loss_per_day(labile_release, dt),
            foliar_litter=loss_per_day(leaf_fall, dt),
            root_litter=loss_per_day(p.root_turnover_rate, dt),
            wood_litter=loss_per_day(p.wood_turnover_rate, dt),
            litter_respiration=loss_per_day(p.litter_turnover_rate * decomposition, dt),
            litter_to_som=loss_per_day(p.decomposition_rate * decomposition, dt),
            som_respiration=loss_per_day(p.som_turnover_rate * decomposition, dt),
        ),
    )

"""Factors of a month that depend on forcing and parameters, but not on the model's state."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.model.carbon import Turnover, loss_per_day
from differland.model.parameters import Parameters
from differland.model.phenology import day_of_year_factor
from differland.model.weather import Weather


class Rates(NamedTuple):
    """State-free factors of each month, each of shape (time, cell), or (cell,) of one month.

    Attributes
    ----------
    dt
        Days in the month.
    precipitation
        Precipitation, mm day-1.
    burned_fraction
        Burned fraction of the cell, 0 to 1.
    co2
        CO2 mole fraction in air, ppm.
    srad
        Downward shortwave radiation, MJ m-2 day-1.
    conductance, carboxylation, day_factor
        Factors of photosynthesis, defined in :mod:`differland.model.photosynthesis`.
    evapotranspiration_per_gpp
        Water transpired per carbon assimilated, mm day-1 (gC m-2 day-1)-1.
    radiation_driven_evapotranspiration
        Evapotranspiration driven by radiation, mm day-1.
    temperature_moisture_factor
        Factor on decomposition, 1 at mean climate.
    leaf_fall_factor, labile_release_factor
        Daily rates of leaf fall and of labile release, day-1.
    turnover
        Loss per day of each pool, averaged over the month, day-1.
    """

    dt: Float[Array, "..."]
    precipitation: Float[Array, "..."]
    burned_fraction: Float[Array, "..."]
    co2: Float[Array, "..."]
    srad: Float[Array, "..."]
    conductance: Float[Array, "..."]
    carboxylation: Float[Array, "..."]
    day_factor: Float[Array, "..."]
    evapotranspiration_per_gpp: Float[Array, "..."]
    radiation_driven_evapotranspiration: Float[Array, "..."]
    temperature_moisture_factor: Float[Array, "..."]
    leaf_fall_factor: Float[Array, "..."]
    labile_release_factor: Float[Array, "..."]
    turnover: Turnover


def decomposition_factor(
    weather: Weather,
    temperature_sensitivity: Float[Array, "..."],
    moisture_factor: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Factor of temperature and moisture on decomposition, 1 at the cell's mean climate.

    Parameters
    ----------
    weather
        Weather, of which the anomalies of temperature and precipitation are used.
    temperature_sensitivity
        Sensitivity to temperature, K-1.
    moisture_factor
        Sensitivity to relative anomalies of precipitation, 1.
    """
    warming = jnp.exp(temperature_sensitivity * weather.temperature_anomaly)
    return warming * (weather.precipitation_anomaly * moisture_factor + 1)


def monthly_rates(parameters: Parameters, weather: Weather) -> Rates:
    """State-free factors of one month.

    Parameters
    ----------
    parameters
        Parameters, each of shape (cell,).
    weather
        Weather of one month: each of shape (cell,), or (1,) where cells share it.

    Returns
    -------
    Rates, each of shape (cell,), but for those that no parameter enters: they keep the shape that
    the weather gives them.
    """
    p, dt = parameters, weather.dt
    decomposition = decomposition_factor(weather, p.temperature_sensitivity, p.moisture_factor)
    leaf_fall = day_of_year_factor(
        weather.time, p.leaf_lifespan, p.leaf_fall_period, p.leaf_fall_day
    )
    labile_release = day_of_year_factor(
        weather.time, p.labile_lifespan, p.labile_release_period, p.leaf_onset_day
    )
    return Rates(
        dt=dt,
        precipitation=weather.precipitation,
        burned_fraction=weather.burned_fraction,
        co2=weather.co2,
        srad=weather.srad,
        conductance=weather.conductance,
        carboxylation=p.canopy_efficiency * weather.carboxylation,
        day_factor=weather.day_factor,
        evapotranspiration_per_gpp=weather.root_of_vpd / p.underlying_water_use_efficiency,
        radiation_driven_evapotranspiration=weather.srad * p.boese_r,
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

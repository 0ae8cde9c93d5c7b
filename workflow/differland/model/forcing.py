"""Monthly forcing of the model, and its calendar."""

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float

EPOCH = pd.Timestamp("2000-01-01")

DAYS_PER_YEAR_OF_PUBLISHED_CODE = 365.22
"""Divides the mean annual precipitation in the published code (model.md, section 7)."""


class Forcing(NamedTuple):
    """Monthly forcing, each of shape (time, cell), or with a length of one where it is constant.

    Attributes
    ----------
    time
        Days since 2000-01-01, at the middle of the month.
    dt
        Days in the step.
    t_min, t_max
        Monthly means of daily minimum and maximum air temperature, degC.
    srad
        Downward shortwave radiation, MJ m-2 day-1.
    co2
        CO2 mole fraction in air, ppm.
    doy
        Day of the year at the middle of the month.
    burned_fraction
        Burned fraction of the cell in the month, 0 to 1.
    vpd
        Vapour pressure deficit, hPa.
    precipitation
        Precipitation, mm day-1.
    latitude
        Latitude, degrees_north.
    mean_temperature
        Long-term mean of (t_min + t_max) / 2, degC.
    mean_precipitation
        Long-term mean of precipitation, mm day-1.
    """

    time: Float[Array, "time cell"]
    dt: Float[Array, "time cell"]
    t_min: Float[Array, "time cell"]
    t_max: Float[Array, "time cell"]
    srad: Float[Array, "time cell"]
    co2: Float[Array, "time cell"]
    doy: Float[Array, "time cell"]
    burned_fraction: Float[Array, "time cell"]
    vpd: Float[Array, "time cell"]
    precipitation: Float[Array, "time cell"]
    latitude: Float[Array, "1 cell"]
    mean_temperature: Float[Array, "1 cell"]
    mean_precipitation: Float[Array, "1 cell"]


class Calendar(NamedTuple):
    """Time axis of a run, each of shape (time, 1).

    Attributes
    ----------
    time
        Days since 2000-01-01, at the middle of the month.
    dt
        Days in the step.
    doy
        Day of the year at the middle of the month, 1 January 00:00 being 0.
    """

    time: np.ndarray
    dt: np.ndarray
    doy: np.ndarray


def calendar(months: pd.PeriodIndex, step_length: Literal["calendar"] | float) -> Calendar:
    """Middle, length and day of year of each month.

    Parameters
    ----------
    months
        Consecutive months.
    step_length
        ``"calendar"``: a step is as long as its month (paper). A number: days in every step
        (the published code uses 30); middle and day of year stay those of the month.
    """
    start = months.to_timestamp(how="start")
    length = months.days_in_month.to_numpy(dtype=float)
    middle = start + pd.to_timedelta(length / 2, unit="D")
    day = pd.Timedelta(days=1)
    new_year = pd.to_datetime({"year": months.year, "month": 1, "day": 1}).to_numpy()
    dt = length if step_length == "calendar" else np.full_like(length, float(step_length))
    return Calendar(
        time=((middle - EPOCH) / day).to_numpy()[:, None],
        dt=dt[:, None],
        doy=((middle.to_numpy() - new_year) / np.timedelta64(1, "D"))[:, None],
    )


def forcing_of_driver(
    driver: xr.Dataset,
    step_length: Literal["calendar"] | float,
    moisture_reference: Literal["forcing", "mean_annual_precipitation"],
) -> Forcing:
    """Forcing of every cell of a checked driver, float64.

    Parameters
    ----------
    driver
        Driver, as :func:`differland.driver.read_driver` returns it.
    step_length
        Length of a time step, as for :func:`calendar`.
    moisture_reference
        Reference of the moisture factor of decomposition: the mean of the forcing (paper) or the
        predictor mean annual precipitation / 365.22 (published code).
    """

    def of(name: str) -> np.ndarray:
        return driver[name].transpose("time", "cell").to_numpy().astype(float)

    months = driver.indexes["time"].to_period("M")  # type: ignore[attr-defined]
    axis = calendar(months, step_length)
    precipitation = of("precipitation")
    if moisture_reference == "forcing":
        mean_precipitation = precipitation.mean(axis=0)
    else:
        annual = driver["mean_annual_precipitation"].to_numpy().astype(float)
        mean_precipitation = annual / DAYS_PER_YEAR_OF_PUBLISHED_CODE
    t_min, t_max = of("t_min"), of("t_max")
    # The loops over months and cells take any kind of array.
    fields: dict[str, Any] = {
        "time": axis.time,
        "dt": axis.dt,
        "t_min": t_min,
        "t_max": t_max,
        "srad": of("srad"),
        "co2": driver["co2"].to_numpy().astype(float)[:, None],
        "doy": axis.doy,
        "burned_fraction": of("burned_fraction"),
        "vpd": of("vpd"),
        "precipitation": precipitation,
        "latitude": driver["lat"].to_numpy().astype(float)[None, :],
        "mean_temperature": ((t_min + t_max) / 2).mean(axis=0)[None, :],
        "mean_precipitation": mean_precipitation[None, :],
    }
    return Forcing(**fields)

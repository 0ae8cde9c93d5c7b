"""Climate, plants, soils, weather and fires of a synthetic planet: functions of place and chance.

This module is independent of files and of the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from differland.driver import MONTHS_PER_YEAR

BURNING_SHARE = 0.15
"""Share of the months of the dry season in which something burns."""

SOLAR_MAXIMUM = 37.6
"""Daily radiation of an overhead sun at the top of the atmosphere over pi, MJ m-2 day-1."""


@dataclass(frozen=True)
class Landscape:
    """Variation of the planet from place to place.

    Attributes
    ----------
    wave_numbers
        Lowest and highest number of the waves that fields are made of, per radian and axis.
    roughness
        Standard deviation of the spatial noise; that of the waves is 2.4.
    poleward_cooling
        Decrease of the mean temperature with the square of latitude, K per square degree.
    moisture, moisture_contrast
        Factor of precipitation, and the standard deviation of its logarithm around the zonal mean.
    niche_noise
        Standard deviation of the random part of a plant type's score, over that of its climatic
        part.
    contrast
        Sharpness of the borders between plant types.
    advantage
        Constant added to the score of a plant type everywhere, by name; 0 if not named.
    """

    wave_numbers: tuple[float, float] = (2.0, 8.0)
    roughness: float = 0.3
    poleward_cooling: float = 0.011
    moisture: float = 1.0
    moisture_contrast: float = 0.35
    niche_noise: float = 1.2
    contrast: float = 2.0
    advantage: Mapping[str, float] = field(default_factory=dict)


def smooth_field(
    latitude: np.ndarray,
    longitude: np.ndarray,
    rng: np.random.Generator,
    wave_numbers: tuple[float, float],
    roughness: float = 0.3,
    waves: int = 12,
) -> np.ndarray:
    """Sum of plane waves on the sphere and a little noise.

    Parameters
    ----------
    latitude, longitude
        Locations of the places, degrees, shape (place,).
    rng
        Random generator of the waves and the noise.
    wave_numbers
        Lowest and highest wave number, per radian and axis.
    roughness
        Standard deviation of the noise; that of the waves together is 2.4.
    waves
        Number of waves.

    Returns
    -------
    Field of mean 0 and standard deviation 1 over the places.
    """
    lat, lon = np.deg2rad(latitude), np.deg2rad(longitude)
    place = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    direction = rng.normal(size=(waves, 3)) * rng.uniform(*wave_numbers, size=(waves, 1))
    field = np.sin(direction @ place + rng.uniform(0, 2 * np.pi, size=(waves, 1))).sum(axis=0)
    field = field + roughness * rng.normal(size=field.size)
    return (field - field.mean()) / field.std()


def draw_predictors(
    latitude: np.ndarray,
    longitude: np.ndarray,
    rng: np.random.Generator,
    landscape: Landscape,
) -> dict[str, np.ndarray]:
    """All 20 predictors of places, in their units, each of shape (place,)."""

    def draw() -> np.ndarray:
        return smooth_field(latitude, longitude, rng, landscape.wave_numbers, landscape.roughness)

    elevation = 150 + 500 * np.exp(0.8 * draw() - 0.5)
    temperature = 28 - landscape.poleward_cooling * latitude**2 - 0.0055 * elevation + 1.5 * draw()
    wet = np.exp(-((latitude / 18) ** 2)) + 0.5 * np.exp(-(((np.abs(latitude) - 50) / 18) ** 2))
    precipitation = landscape.moisture * (250 + 1500 * wet)
    precipitation *= np.exp(landscape.moisture_contrast * draw())

    warm, moist = (temperature - 12) / 12, np.log(precipitation / 800)
    niche = {
        "needleleaf_forest": -1.5 * (warm + 0.8) ** 2 + 1.0 * moist,
        "deciduous_broadleaf_forest": -2.0 * warm**2 + 1.0 * moist,
        "evergreen_broadleaf_forest": 1.5 * (warm - 0.6) + 2.0 * moist - 0.5,
        "mixed_forest": -2.0 * (warm + 0.3) ** 2 + 0.8 * moist - 0.5,
        "shrubland": -0.5 * warm**2 - 1.5 * moist - 0.3,
        "savanna": 1.2 * warm - 1.0 * (moist + 0.1) ** 2 - 0.3,
        "grassland": -0.5 * (warm + 0.2) ** 2 - 1.0 * moist,
        "wetland": -1.0 * warm + 0.5 * moist - 2.0,
        "cropland": -1.0 * (warm - 0.2) ** 2 - 0.5 * moist**2,
        "nonvegetated": -1.2 * moist - 2.5,
    }
    score = np.stack(
        [
            value + landscape.advantage.get(name, 0.0) + landscape.niche_noise * draw()
            for name, value in niche.items()
        ]
    )
    fraction = np.exp(landscape.contrast * (score - score.max(axis=0)))
    fraction /= fraction.sum(axis=0)

    forest = fraction[:4].sum(axis=0)
    growth = 1 / (1 + np.exp(-(0.6 * warm + 0.9 * moist + 0.4 * draw())))
    clay = 25 * np.exp(0.35 * draw())
    sand = (100 - clay).clip(20) * (0.55 + 0.12 * draw().clip(-2, 2))
    return {
        **dict(zip(niche, fraction, strict=True)),
        "mean_annual_temperature": temperature,
        "mean_annual_precipitation": precipitation,
        "elevation": elevation,
        "forest_age": 1 + 140 * forest * np.exp(0.5 * draw()).clip(0.2, 3),
        "canopy_height": 1 + 40 * (0.3 + 0.7 * forest) * growth,
        "bulk_density": 1.35 + 0.12 * draw().clip(-2.5, 2.5),
        "sand": sand.clip(5, 90),
        "silt": (100 - clay - sand).clip(2, 90),
        "clay": clay.clip(2, 70),
        "gravel": (8 * np.exp(0.5 * draw())).clip(0, 60),
    }


def draw_weather(
    latitude: np.ndarray,
    mean_temperature: np.ndarray,
    annual_precipitation: np.ndarray,
    years: int,
    rng: np.random.Generator,
    region: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Draw the weather of every month.

    Parameters
    ----------
    latitude, mean_temperature, annual_precipitation
        Latitudes and climates of the places: degrees, degC, mm year-1; shape (place,).
    years
        Number of years.
    rng
        Random generator of the departures from an average year.
    region
        Number of the region of each place, from 0; places of one region share their random numbers.
        None: every place is one.

    Returns
    -------
    ``t_min``, ``t_max`` (degC), ``srad`` (MJ m-2 day-1) and ``precipitation`` (mm day-1), each of
    shape (place, month).
    """
    region = np.arange(latitude.size) if region is None else region
    regions, months = int(region.max()) + 1, MONTHS_PER_YEAR * years
    lat = latitude[:, None]
    phase = _phase(months)
    summer = -np.cos(phase - 0.35) * np.sign(lat)
    swing = 0.02 + 0.32 * np.abs(lat)
    year = np.repeat(rng.normal(size=(regions, years)), MONTHS_PER_YEAR, axis=1)[region]

    month = rng.normal(size=(regions, months))[region]
    temperature = mean_temperature[:, None] + swing * summer + 0.6 * year + 0.6 * month
    spread = 3 + 6 * _dryness(annual_precipitation) + 0 * temperature
    season = 1 + 0.6 * np.exp(-((lat / 25) ** 2)) * summer
    rain = season * rng.gamma(4, 0.25, size=(regions, months))[region] * np.exp(0.15 * year)
    rain *= annual_precipitation[:, None] / 365.25 / rain.mean(axis=1, keepdims=True)
    clear = np.clip(0.75 - 0.04 * rain, 0.35, 0.75)
    declination = np.deg2rad(-23.4 * np.cos(phase + 0.17))
    tilt = np.clip(np.tan(np.deg2rad(lat)) * np.tan(declination), -1, 1)
    hour = np.arccos(-tilt)
    top = SOLAR_MAXIMUM * (
        hour * np.sin(np.deg2rad(lat)) * np.sin(declination)
        + np.cos(np.deg2rad(lat)) * np.cos(declination) * np.sin(hour)
    )
    return {
        "t_min": temperature - spread,
        "t_max": temperature + spread,
        "srad": (top * clear).clip(0),
        "precipitation": rain,
    }


def draw_fires(
    weather: dict[str, np.ndarray], grassy: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Burned fraction, 0 to 1, shape (place, month): fires of warm months of the dry season.

    Parameters
    ----------
    weather
        Weather, from :func:`draw_weather`.
    grassy
        Fraction under grass and savanna, on which burned areas depend, shape (place,).
    rng
        Random generator of the fires.
    """
    rain = weather["precipitation"]
    temperature = _mid_range(weather)
    dry_season = (rain < np.median(rain, axis=1, keepdims=True)) & (temperature > 5)
    burns = dry_season & (rng.uniform(size=rain.shape) < BURNING_SHARE)
    burned = np.where(burns, rng.exponential(0.05, size=rain.shape), 0) * grassy[:, None]
    return burned.clip(0, 1)


def draw_deficit(
    weather: dict[str, np.ndarray], annual_precipitation: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Vapour pressure deficit, hPa, shape (place, month)."""
    temperature = _mid_range(weather)
    saturation = 6.11 * np.exp(17.27 * temperature / (temperature + 237.3))
    chance = np.exp(0.1 * rng.normal(size=temperature.shape))
    return saturation * (0.25 + 0.4 * _dryness(annual_precipitation)) * chance


def carbon_dioxide(months: pd.PeriodIndex) -> np.ndarray:
    """Mole fraction of CO2, ppm, of each month: a trend and the seasonal cycle of the north."""
    elapsed = MONTHS_PER_YEAR * (months.year.to_numpy() - 2001) + months.month.to_numpy() - 1
    return 370 + 2 * elapsed / MONTHS_PER_YEAR + 3 * np.cos(_phase(len(months)) - 1.8)


def _phase(months: int) -> np.ndarray:
    """Phase of the year at the middle of each month, radians."""
    return 2 * np.pi * (np.arange(months) + 0.5) / MONTHS_PER_YEAR


def _dryness(annual_precipitation: np.ndarray) -> np.ndarray:
    """Factor of dryness, 0.1 to 1, shape (place, 1)."""
    return np.clip(1.2 - annual_precipitation / 2000, 0.1, 1)[:, None]


def _mid_range(weather: dict[str, np.ndarray]) -> np.ndarray:
    return (weather["t_min"] + weather["t_max"]) / 2

"""A synthetic planet as satellites, stations and reanalyses would see it.

It fills a window of whole patches. Vegetated cells lie in clusters among lakes and deserts, so that
the study's domain has to be found. Its driver is what reading and regridding the providers' files
(:mod:`differland.synthetic.native`) should give, up to the precision of their formats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from differland.driver import MONTHS_PER_YEAR, PATCH_DIMENSION
from differland.errors import InputError
from differland.synthetic.planet import (
    CELL,
    PATCH_HEIGHT,
    PATCH_WIDTH,
    live,
    month_axis,
    observed,
    put,
)
from differland.synthetic.sites import Sites, draw_sites
from differland.synthetic.world import (
    Landscape,
    carbon_dioxide,
    draw_deficit,
    draw_fires,
    draw_predictors,
    draw_weather,
)
from differland.tables import PREDICTOR_GROUPS

LANDSCAPE = Landscape(
    wave_numbers=(8.0, 30.0),
    roughness=1.0,
    poleward_cooling=0.0085,
    moisture=1.8,
    moisture_contrast=0.2,
    niche_noise=2.0,
    contrast=4.0,
    advantage={
        "evergreen_broadleaf_forest": 0.5,
        "grassland": 0.5,
        "savanna": 1.0,
        "shrubland": 1.2,
    },
)
"""A window is small, so waves are shorter; and every plant type is to dominate somewhere."""

LARGEST_BARE_SHARE = 0.15
"""Non-vegetated share of a cell that is meant to be studied."""

LAKE_SHARE, LARGEST_POND = 0.3, 0.1
"""Share of the studied cells that have water, and how much of a cell it takes at most."""

WEATHER_REGION = 1.0
"""Height and width of a region of the same weather, degrees."""

TEMPERATURE_STEP = 1 / 128
"""To which monthly temperatures are rounded, K, as packed fields are."""

ZERO_CELSIUS = 273.15

SPHERE_RADIUS = 6371.0
"""Of the Earth, km."""

BURNABLE_SHARE = 0.95
"""Of the plants of a cell."""

OBSERVED_SIF_SHARE = 0.9
"""Of the months."""

LARGEST_LEAF_AREA = 8.5
"""Monthly means above which there is no value: the range of the product ends at 10 m2 m-2."""

LAST_BIOMASS_YEAR = 2019

HERBACEOUS = ("grassland", "cropland")
RESPIRED_SHARE = 0.9
"""Of production by herbs: all plants of this planet are small."""
AVERAGE_MONTHS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
"""Days."""

GRACE_GAPS = frozenset(
    str(month)
    for month in [
        *pd.period_range("2017-07", "2018-05", freq="M"),
        *pd.period_range("2018-08", "2018-09", freq="M"),
    ]
)
"""Months without a solution, between the missions and just after the launch of the second."""

STATIC = (
    "elevation",
    "forest_age",
    "canopy_height",
    "bulk_density",
    "sand",
    "silt",
    "clay",
    "gravel",
)


@dataclass(frozen=True)
class RawPlanetSettings:
    """Size of the planet.

    Attributes
    ----------
    south, north, west, east
        Edges of the window, degrees, which are edges of patches of 4 x 5 degrees.
    first_year, years
        Period of forcing and observations.
    cells_per_patch
        Vegetated cells in each patch.
    sites
        Number of flux towers.
    seed
        Seed of all random numbers.
    noise
        Standard deviation of the observations' noise over that of the observed variable.
    """

    south: int = 26
    north: int = 66
    west: int = 70
    east: int = 90
    first_year: int = 2018
    years: int = 4
    cells_per_patch: int = 16
    sites: int = 60
    seed: int = 0
    noise: float = 0.1

    def check(self) -> None:
        """Refuse a planet that cannot be made.

        Raises
        ------
        InputError
            Edges that are not those of patches, an empty window, no years, or cells or sites for
            which there is no room.
        """
        rows = (self.north - self.south) / PATCH_HEIGHT
        columns = (self.east - self.west) / PATCH_WIDTH
        expected = {
            "south": (self.south >= -60, "-60 or more"),
            "north": (self.south < self.north <= 80, "more than south, and 80 at most"),
            "west": (self.west >= -180, "-180 or more"),
            "east": (self.west < self.east <= 180, "more than west, and 180 at most"),
            "height": (rows.is_integer() and (90 - self.north) % 4 == 0, "whole patches from 90 N"),
            "width": (columns.is_integer() and self.west % 5 == 0, "whole patches from 180 W"),
            "years": (self.years >= 1, "at least 1"),
            "first_year": (self.first_year >= 1980, "1980 or later"),
            "cells_per_patch": (1 <= self.cells_per_patch <= 160, "1 to 160"),
            "sites": (0 <= self.sites <= self.cells_per_patch * rows * columns / 4, "few"),
            "seed": (self.seed >= 0, "0 or more"),
            "noise": (0 <= self.noise <= 100, "0 to 100"),
        }
        found = {"height": self.north - self.south, "width": self.east - self.west} | vars(self)
        for name, (fits, text) in expected.items():
            if not fits:
                raise InputError("planet", name, text, f"{found[name]}")


@dataclass(frozen=True, eq=False)
class RawPlanet:
    """Data of all providers on the planet, on the window and its nodes, rows from the north.

    Attributes
    ----------
    settings
        Size of the planet.
    months
        Months of forcing and observations.
    latitude, longitude
        Centres of the window's cells of 0.25 degree, degrees north and east.
    valid
        Cells that the study is to find, shape (rows, columns).
    cover
        Fractions of plant types and ``water``, each of the shape of the window.
    static
        Elevation, forest age, canopy height and soils in the units of the predictors, likewise.
    nodes
        Monthly weather at the corners of the cells, each of shape (month, rows + 1, columns + 1):
        ``t_min``, ``t_max``, ``t_mean``, ``dewpoint_max``, ``dewpoint_mean`` (K), ``srad``
        (MJ m-2 day-1), ``precipitation`` (mm day-1).
    burnable
        Area that can burn, km2, shape of the window.
    fire_emission
        Fire emissions, gC m-2 day-1, shape (month, rows, columns), so that patches have the means
        of the driver.
    gross_production
        Mean of each calendar month in boxes of 0.5 degree, gC m-2 day-1, shape (12, rows / 2,
        columns / 2); NaN without vegetation.
    woody_biomass
        Woody biomass, gC m-2, by year, each of the shape of the window, NaN without vegetation.
    exchange
        Net biosphere exchange of the boxes of a transport model from 90 S and 180 W,
        gC m-2 day-1, shape (month, 46, 72); 0 where there is no vegetated cell.
    sites
        Flux towers and their measurements.
    driver
        Driver that the files should give.
    truth
        True parameters and traits of the driver's cells.
    """

    settings: RawPlanetSettings
    months: pd.PeriodIndex
    latitude: np.ndarray
    longitude: np.ndarray
    valid: np.ndarray
    cover: Mapping[str, np.ndarray]
    static: Mapping[str, np.ndarray]
    nodes: Mapping[str, np.ndarray]
    burnable: np.ndarray
    fire_emission: np.ndarray
    gross_production: np.ndarray
    woody_biomass: Mapping[int, np.ndarray]
    exchange: np.ndarray
    sites: Sites
    driver: xr.Dataset
    truth: xr.Dataset

    def mapped(self, name: str, fill: float = np.nan) -> np.ndarray:
        """Variable of the driver on the window: shape (rows, columns), or month before them."""
        return on_window(self.driver[name].to_numpy().astype(float), self.valid, fill)


def make_raw_planet(settings: RawPlanetSettings) -> RawPlanet:
    """Make a planet, in memory.

    Raises
    ------
    InputError
        There can be no such planet.
    """
    settings.check()
    rng = np.random.default_rng(settings.seed)
    rows = round((settings.north - settings.south) / CELL)
    columns = round((settings.east - settings.west) / CELL)
    node_lat = settings.north - CELL * np.arange(rows + 1)
    node_lon = settings.west + CELL * np.arange(columns + 1)
    latitude, longitude = node_lat[:-1] - CELL / 2, node_lon[:-1] + CELL / 2
    node_places = np.meshgrid(node_lat, node_lon, indexing="ij")
    cell_places = np.meshgrid(latitude, longitude, indexing="ij")
    # Together, so that cells have the climate of the nodes around them.
    lat, lon = (
        np.concatenate([a.ravel(), b.ravel()])
        for a, b in zip(node_places, cell_places, strict=True)
    )
    drawn = draw_predictors(lat, lon, rng, LANDSCAPE)
    at_nodes = {name: values[: node_places[0].size] for name, values in drawn.items()}
    at_cells = {
        name: values[node_places[0].size :].reshape(rows, columns) for name, values in drawn.items()
    }
    valid = _draw_valid(settings, rng, rows, columns)
    cover = _draw_cover(at_cells, valid, rng)
    static = {name: at_cells[name] for name in STATIC}
    static["canopy_height"] = np.round(static["canopy_height"])
    # Where nothing grows there is no forest.
    static["forest_age"] = np.where(valid, static["forest_age"], 1.0)
    nodes = _draw_nodes(settings, node_places, at_nodes, rng)

    driver = _start_driver(settings, valid, *cell_places)
    months = driver.indexes["time"].to_period("M")  # type: ignore[attr-defined]
    for name in PREDICTOR_GROUPS["PFT"]:
        put(driver, name, ("cell",), cover[name][valid])
    for name, values in static.items():
        put(driver, name, ("cell",), values[valid])
    _put_forcing(driver, nodes, node_lat, valid, months, rng)
    truth, series = live(driver)

    patch = driver[PATCH_DIMENSION].to_numpy()
    for name in ("sif", "lai", "et"):
        values = observed(name, series, patch, settings.noise, rng)
        if name == "sif":
            values[rng.uniform(size=values.shape) > OBSERVED_SIF_SHARE] = np.nan
        if name == "lai":
            values = np.where(values > LARGEST_LEAF_AREA, np.nan, values.clip(0))
        if name == "et":
            # Pixels across the edges of cells overshoot what cells have.
            values = values.clip(0)
        put(driver, name, ("cell", "time"), values)
    carbon = observed("soc", series, patch, settings.noise, rng)
    put(driver, "soil_organic_carbon", ("cell",), carbon[:, 0])
    production = _box_production(series["gpp"], valid, settings.years)
    woody = _put_biomass(
        driver,
        observed("biomass", series, patch, settings.noise, rng),
        {name: cover[name][valid] for name in HERBACEOUS},
        production,
        valid,
        months,
    )
    exchange = _put_exchange(driver, series, settings.noise, rng)
    fire_emission = _put_emission(driver, series, valid, settings.noise, rng)
    _put_water_storage(driver, series, months, settings.noise, rng)
    sites = draw_sites(settings.sites, driver, series, months, settings.noise, rng)
    for name, values in sites.on_cells(driver.sizes["cell"]).items():
        put(driver, name, ("cell", "time"), values)
    driver.coords["site"] = (
        "cell",
        sites.names_of_cells(driver.sizes["cell"]),
        {"long_name": "name of the flux tower, if any"},
    )
    plants = 1 - cover["water"] - cover["nonvegetated"]
    return RawPlanet(
        settings,
        months,
        latitude,
        longitude,
        valid,
        cover,
        static,
        nodes,
        np.where(valid, BURNABLE_SHARE * plants * _cell_areas(node_lat)[:, None], 0.0),
        fire_emission,
        production,
        woody,
        exchange,
        sites,
        driver,
        truth,
    )


def on_window(values: np.ndarray, valid: np.ndarray, fill: float) -> np.ndarray:
    """Put values of cells, shape (cell,) or (cell, month), on the window, months first."""
    result = np.full((*values.shape[1:], *valid.shape), fill)
    result[..., valid] = values.T
    return result


def _draw_valid(
    settings: RawPlanetSettings, rng: np.random.Generator, rows: int, columns: int
) -> np.ndarray:
    """Draw the study's cells: the same number in each patch, around one or two centres."""
    height, width = round(PATCH_HEIGHT / CELL), round(PATCH_WIDTH / CELL)
    row, column = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    valid = np.zeros((rows, columns), bool)
    for north in range(0, rows, height):
        for west in range(0, columns, width):
            distances = [
                np.hypot(row - rng.uniform(2, height - 3), column - rng.uniform(2, width - 3))
                for _ in range(rng.integers(1, 3))
            ]
            distance = np.min(distances, axis=0) + rng.uniform(0, 1.5, row.shape)
            chosen = np.argsort(distance, axis=None)[: settings.cells_per_patch]
            valid[north : north + height, west : west + width].flat[chosen] = True
    return valid


def _draw_cover(
    drawn: Mapping[str, np.ndarray], valid: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Fractions that add up to one; elsewhere than in valid cells, lakes and deserts."""
    pond = np.where(
        rng.uniform(size=valid.shape) < LAKE_SHARE, rng.uniform(0, LARGEST_POND, valid.shape), 0
    )
    lake, desert = rng.uniform(0.6, 1, valid.shape), rng.uniform(0.35, 0.95, valid.shape)
    wet = drawn["mean_annual_precipitation"] > np.median(drawn["mean_annual_precipitation"])
    water = np.where(valid, pond, np.where(wet, lake, 0))
    bare = np.where(
        valid, np.minimum(drawn["nonvegetated"], LARGEST_BARE_SHARE), np.where(wet, 0, desert)
    )
    plants = [name for name in PREDICTOR_GROUPS["PFT"] if name != "nonvegetated"]
    total = np.sum([drawn[name] for name in plants], axis=0)
    cover = {name: drawn[name] / total * (1 - water - bare) for name in plants}
    return cover | {"nonvegetated": bare, "water": water}


def _draw_nodes(
    settings: RawPlanetSettings,
    places: tuple[np.ndarray, ...],
    drawn: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Weather at the nodes, with temperatures in K."""
    shape = places[0].shape
    block = [np.floor(place / WEATHER_REGION).astype(int).ravel() for place in places]
    _, region = np.unique(np.stack(block), axis=1, return_inverse=True)
    annual = drawn["mean_annual_precipitation"]
    weather = draw_weather(
        places[0].ravel(),
        drawn["mean_annual_temperature"],
        annual,
        settings.years,
        rng,
        region.ravel(),
    )
    saturation = saturation_pressure(weather["t_max"])
    vapour = np.maximum(saturation - draw_deficit(weather, annual, rng), 0.05 * saturation)
    dewpoint = 237.3 / (7.5 / np.log10(vapour / 6.11) - 1)
    temperatures = {
        "t_min": weather["t_min"],
        "t_max": weather["t_max"],
        # Days are no sine curves.
        "t_mean": 0.55 * weather["t_min"] + 0.45 * weather["t_max"],
        "dewpoint_max": dewpoint,
        "dewpoint_mean": dewpoint - 1.5,
    }
    values = {
        name: np.round((celsius + ZERO_CELSIUS) / TEMPERATURE_STEP) * TEMPERATURE_STEP
        for name, celsius in temperatures.items()
    } | {name: weather[name] for name in ("srad", "precipitation")}
    return {name: array.T.reshape(-1, *shape) for name, array in values.items()}


def saturation_pressure(celsius: np.ndarray) -> np.ndarray:
    """Saturation vapour pressure over water after Tetens, hPa."""
    return 6.11 * 10 ** (7.5 * celsius / (237.3 + celsius))


def _start_driver(
    settings: RawPlanetSettings, valid: np.ndarray, latitude: np.ndarray, longitude: np.ndarray
) -> xr.Dataset:
    """Cells of the study from north to south and west to east; patches in the same order."""
    columns = round((settings.east - settings.west) / PATCH_WIDTH)
    row = np.floor((settings.north - latitude) / PATCH_HEIGHT)
    column = np.floor((longitude - settings.west) / PATCH_WIDTH)
    patch = (row * columns + column).astype(np.int32)
    return xr.Dataset(
        coords={
            "lat": ("cell", latitude[valid], {"units": "degrees_north"}),
            "lon": ("cell", longitude[valid], {"units": "degrees_east"}),
            PATCH_DIMENSION: ("cell", patch[valid]),
            "time": month_axis(settings.first_year, settings.years),
        },
        attrs={"title": "Synthetic planet: a driver that nobody measured", "seed": settings.seed},
    )


def _put_forcing(
    driver: xr.Dataset,
    nodes: Mapping[str, np.ndarray],
    node_latitude: np.ndarray,
    valid: np.ndarray,
    months: pd.PeriodIndex,
    rng: np.random.Generator,
) -> None:
    """Forcing as the means of the nodes around each cell, the climate of the period, and fires."""
    celsius = {name: nodes[name] - ZERO_CELSIUS for name in ("t_min", "t_max", "dewpoint_max")}
    deficit = saturation_pressure(celsius["t_max"]) - saturation_pressure(celsius["dewpoint_max"])
    fields = {
        "t_min": celsius["t_min"],
        "t_max": celsius["t_max"],
        "srad": nodes["srad"],
        "vpd": deficit.clip(0),
        "precipitation": nodes["precipitation"],
    }
    cells = {
        name: _mean_of_nodes(field, node_latitude)[:, valid].T for name, field in fields.items()
    }
    days = months.days_in_month.to_numpy()
    mid_range = (cells["t_min"] + cells["t_max"]) / 2
    rain = AVERAGE_MONTHS.sum() * cells["precipitation"]
    put(driver, "mean_annual_temperature", ("cell",), mid_range @ days / days.sum())
    put(driver, "mean_annual_precipitation", ("cell",), rain @ days / days.sum())
    grassy = (driver["savanna"] + driver["grassland"]).to_numpy()
    cells["burned_fraction"] = draw_fires(cells, grassy, rng)
    for name, values in cells.items():
        put(driver, name, ("cell", "time"), values)
    put(driver, "co2", ("time",), np.round(carbon_dioxide(months), 2))


def _mean_of_nodes(field: np.ndarray, node_latitude: np.ndarray) -> np.ndarray:
    """Mean of the four nodes around each cell, weighted by their areas."""
    sine = np.sin(np.deg2rad(node_latitude))
    middle = np.sin(np.deg2rad((node_latitude[:-1] + node_latitude[1:]) / 2))
    north = ((sine[:-1] - middle) / (sine[:-1] - sine[1:]))[:, None]
    rows = north * field[:, :-1] + (1 - north) * field[:, 1:]
    mean: np.ndarray = (rows[..., :-1] + rows[..., 1:]) / 2
    return mean


def _cell_areas(node_latitude: np.ndarray) -> np.ndarray:
    """Areas of the cells of each row on a sphere, km2."""
    sine = np.sin(np.deg2rad(node_latitude))
    return SPHERE_RADIUS**2 * np.deg2rad(CELL) * (sine[:-1] - sine[1:])


def _box_production(production: np.ndarray, valid: np.ndarray, years: int) -> np.ndarray:
    """Mean seasonal cycle of the vegetated cells in boxes of 2 x 2 cells, NaN where there are none.

    `production` has the shape (month, cell).
    """
    cycle = production.reshape(years, MONTHS_PER_YEAR, -1).mean(axis=0)
    window = on_window(cycle.T, valid, 0.0)
    blocks = window.reshape(MONTHS_PER_YEAR, valid.shape[0] // 2, 2, valid.shape[1] // 2, 2)
    count = valid.reshape(blocks.shape[1:]).sum(axis=(1, 3))
    total = blocks.sum(axis=(2, 4))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _put_biomass(
    driver: xr.Dataset,
    biomass: np.ndarray,
    herbs: Mapping[str, np.ndarray],
    production: np.ndarray,
    valid: np.ndarray,
    months: pd.PeriodIndex,
) -> dict[int, np.ndarray]:
    """Put total biomass into the driver, and return woody biomass by year on the window."""
    annual = np.tensordot(AVERAGE_MONTHS, production, axes=1)
    of_cells = annual.repeat(2, axis=0).repeat(2, axis=1)[valid]
    herbaceous = np.sum(list(herbs.values()), axis=0) * of_cells * (1 - RESPIRED_SHARE)
    woody = (biomass - herbaceous[:, None]).clip(0)
    total = np.repeat(woody + herbaceous[:, None], MONTHS_PER_YEAR, axis=1)
    total[:, months.year.to_numpy() > LAST_BIOMASS_YEAR] = np.nan
    put(driver, "biomass", ("cell", "time"), total)
    years = months.year.to_numpy()[::MONTHS_PER_YEAR].tolist()
    return {
        year: on_window(values, valid, np.nan) for year, values in zip(years, woody.T, strict=True)
    }


def _put_exchange(
    driver: xr.Dataset, series: Mapping[str, Any], noise: float, rng: np.random.Generator
) -> np.ndarray:
    """Put net biosphere exchange of patches and of boxes, which lie half a box off the patches."""
    lat, lon = driver["lat"].to_numpy(), driver["lon"].to_numpy()
    row = np.floor((lat + 92) / 4).astype(int)
    column = np.floor((lon + 182.5) / 5).astype(int) % 72
    boxes, box = np.unique(row * 72 + column, return_inverse=True)
    values = observed("nbe", series, box, noise, rng)
    patch = driver[PATCH_DIMENSION].to_numpy()
    put(driver, "nbe", (PATCH_DIMENSION, "time"), _patch_means(values[box], patch))
    exchange = np.zeros((values.shape[1], 46 * 72))
    exchange[:, boxes] = values.T
    return exchange.reshape(-1, 46, 72)


def _patch_means(values: np.ndarray, patch: np.ndarray) -> np.ndarray:
    return np.stack([values[patch == number].mean(axis=0) for number in range(patch.max() + 1)])


def _put_emission(
    driver: xr.Dataset,
    series: Mapping[str, Any],
    valid: np.ndarray,
    noise: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Put emissions of patches; their cells have those of the model, scaled to the patch."""
    patch = driver[PATCH_DIMENSION].to_numpy()
    values = observed("fire", series, patch, noise, rng)
    put(driver, "fire_emission", (PATCH_DIMENSION, "time"), values)
    modelled = series["fire_emission"].T
    mean = _patch_means(modelled, patch)
    factor = np.divide(values, mean, out=np.zeros_like(mean), where=mean > 0)
    cells = np.where(mean[patch] > 0, modelled * factor[patch], values[patch])
    return on_window(cells, valid, 0.0)


def _put_water_storage(
    driver: xr.Dataset,
    series: Mapping[str, Any],
    months: pd.PeriodIndex,
    noise: float,
    rng: np.random.Generator,
) -> None:
    """Anomalies from the mean of the months that the satellites saw."""
    values = observed("ewt", series, driver[PATCH_DIMENSION].to_numpy(), noise, rng)
    values[:, [str(month) in GRACE_GAPS for month in months]] = np.nan
    values -= np.nanmean(values, axis=1, keepdims=True)
    put(driver, "ewt", (PATCH_DIMENSION, "time"), values)

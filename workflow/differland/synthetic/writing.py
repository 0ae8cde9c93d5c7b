"""The folder of a synthetic planet: its raw files and its truth."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

import differland
from differland.errors import InputError
from differland.files import write_netcdf
from differland.synthetic.native import (
    air,
    exchange,
    fire,
    land,
    patches,
    scenarios,
    towers,
    vegetation,
)
from differland.synthetic.raw import RawPlanet, RawPlanetSettings, make_raw_planet

logger = logging.getLogger(__name__)

RECORD = "planet.json"
"""File in the folder that tells what planet it holds."""

PRODUCTS: dict[str, Callable[[RawPlanet, Path], None]] = {
    "mcd12c1": land.write_land_cover,
    "era5": air.write_weather,
    "gtopo30": land.write_elevation,
    "forest_age": land.write_forest_age,
    "canopy_height": land.write_canopy_height,
    "hwsd": land.write_soil,
    "noaa_co2": air.write_carbon_dioxide,
    "gfed5_burned_area": fire.write_burned_area,
    "mcd64cmq": fire.write_modis_burned_area,
    "gfed5_emissions": fire.write_emissions,
    "lcspp": vegetation.write_lcspp,
    "modis_lai": vegetation.write_leaf_area,
    "gleam": vegetation.write_evaporation,
    "xu_biomass": vegetation.write_biomass,
    "fluxcom": vegetation.write_production,
    "cms_flux_nbe": patches.write_exchange,
    "grace": patches.write_water_storage,
    "flux_towers": towers.write_towers,
    "cmip6": scenarios.write_climate_models,
    "cams": exchange.write_inversion,
    "trendy": exchange.write_land_models,
}
"""What writes each product into its folder."""


def write_planet(folder: Path, settings: RawPlanetSettings) -> None:
    """Write a planet, whole or not at all, unless it is there.

    Parameters
    ----------
    folder
        Folder that gets ``raw``, with a folder for each product, ``truth.nc``, and ``planet.json``
        with the settings and products. A folder that holds this planet is left as it is.
    settings
        Size of the planet. The same settings give the same planet.

    Raises
    ------
    InputError
        The planet cannot be made, or the folder holds another one, or something else.
    """
    settings.check()
    record: dict[str, object] = {
        "differland": differland.__version__,
        "settings": asdict(settings),
        "products": list(PRODUCTS),
    }
    if _holds(folder, record):
        logger.info("%s holds the planet", folder)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        planet = make_raw_planet(settings)
        write_raw_files(planet, temporary / "raw")
        write_netcdf(planet.truth, temporary / "truth.nc")
        (temporary / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_raw_files(planet: RawPlanet, folder: Path) -> None:
    """Write all products of a planet, each into a folder of its own."""
    bar = tqdm(PRODUCTS.items(), disable=None)
    for name, write in bar:
        bar.set_description(name)
        start = time.perf_counter()
        write(planet, folder / name)
        size = sum(file.stat().st_size for file in (folder / name).rglob("*") if file.is_file())
        seconds = time.perf_counter() - start
        logger.info("%s: %.1f MB in %.1f s", name, size / 1e6, seconds)


def _holds(folder: Path, record: dict[str, object]) -> bool:
    """Whether a folder holds the planet already.

    Raises
    ------
    InputError
        The folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    file = folder / RECORD
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        expected = "no folder, or that of a planet"
        raise InputError(folder, RECORD, expected, "a folder without this file") from None
    if found != record:
        expected = f"{json.dumps(record)} (remove the folder to make this planet)"
        raise InputError(file, "settings", expected, json.dumps(found))
    return True

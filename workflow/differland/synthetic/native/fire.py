"""Burned area of GFED5 and of MODIS, and fire emissions of GFED5 (beta): files of the globe."""

from pathlib import Path

import numpy as np
from pyhdf.SD import SDC

from differland.synthetic.native.hdf4 import new_hdf4
from differland.synthetic.native.netcdf import add_field, add_time, new_file
from differland.synthetic.raw import RawPlanet

LAST_GFED_YEAR = 2020

GFED_OVER_MODIS = 1.4
"""What GFED5 sees burn, over what MODIS sees."""

SOUTH_UP = -89.875 + 0.25 * np.arange(720)
EASTWARD = -179.875 + 0.25 * np.arange(1440)


def write_burned_area(planet: RawPlanet, folder: Path) -> None:
    """Write GFED5: a file of km2 a month up to 2020, and the area that can burn."""
    axes = {"lat": SOUTH_UP, "lon": EASTWARD}
    with new_file(folder / "BurnableArea.nc", axes) as file:
        values = _of_globe(planet, planet.burnable)[::-1]
        add_field(file, "BurableArea", ("lat", "lon"), values, units="km^2")
    burned = planet.mapped("burned_fraction", 0.0) * planet.burnable
    for month, area in zip(planet.months, burned, strict=True):
        if month.year > LAST_GFED_YEAR:
            break
        values = _of_globe(planet, area)[None, ::-1]
        path = folder / "BA" / f"BA{month.year}{month.month:02}.nc"
        with new_file(path, axes) as file:
            since = f"days since {month.year}-{month.month:02}-01"
            add_time(file, "time", np.zeros(1, np.int64), since, calendar="proleptic_gregorian")
            dimensions = ("time", "lat", "lon")
            add_field(file, "Total", dimensions, values, np.nan, units="km^2")


def write_modis_burned_area(planet: RawPlanet, folder: Path) -> None:
    """Write MCD64CMQ: hundredths of a hectare, from the north, a file a month."""
    burned = planet.mapped("burned_fraction", 0.0) * planet.burnable / GFED_OVER_MODIS
    folder.mkdir(parents=True)
    for month, area in zip(planet.months, burned, strict=True):
        values = np.round(100 * 100 * _of_globe(planet, area)).astype(np.int32)
        day = month.start_time.day_of_year
        name = f"MCD64CMQ.A{month.year}{day:03}.061.2022041120000.hdf"
        with new_hdf4(folder / name) as file:
            stored = file.create("BurnedArea", SDC.INT32, values.shape)
            stored.setcompress(SDC.COMP_DEFLATE, 1)
            stored.units = "hectares"
            stored.attr("scale_factor").set(SDC.FLOAT64, 0.01)
            stored.attr("add_offset").set(SDC.FLOAT64, 0.0)
            stored.setfillvalue(-1)
            stored[:] = values
            stored.endaccess()


def write_emissions(planet: RawPlanet, folder: Path) -> None:
    """Write GFED5 (beta): carbon, g m-2 month-1, 12 months a year, beside the areas of cells."""
    axes = {"lat": SOUTH_UP[::-1], "lon": EASTWARD}
    edges = np.deg2rad(90 - 0.25 * np.arange(721))
    area = 6.371e6**2 * np.deg2rad(0.25) * -np.diff(np.sin(edges))
    totals = planet.fire_emission * planet.months.days_in_month.to_numpy()[:, None, None]
    for year in np.unique(planet.months.year):
        carbon = np.stack([_of_globe(planet, values) for values in totals[_year(planet, year)]])
        with new_file(folder / f"GFED5_Beta_monthly_{year}.nc", axes) as file:
            areas = np.repeat(area[:, None], 1440, axis=1).astype(np.float32)
            add_field(file, "grid_area", ("lat", "lon"), areas, units="m2")
            add_time(file, "time", np.arange(1, 13), None)
            dimensions, chunks = ("time", "lat", "lon"), (1, 720, 1440)
            values, units = carbon.astype(np.float32), "g C m-2 month-1"
            add_field(file, "C", dimensions, values, chunks=chunks, units=units)


def _year(planet: RawPlanet, year: int) -> np.ndarray:
    return np.asarray(planet.months.year == year)


def _of_globe(planet: RawPlanet, values: np.ndarray) -> np.ndarray:
    """Put the window on the globe, from the north, with nothing around it."""
    globe = np.zeros((720, 1440))
    top, left = 4 * (90 - planet.settings.north), 4 * (planet.settings.west + 180)
    globe[top : top + values.shape[0], left : left + values.shape[1]] = values
    return globe

"""Observations of large areas only: the inversion CMS-Flux, and the mascons of GRACE."""

from pathlib import Path

import numpy as np
import pandas as pd

from differland.driver import PATCH_DIMENSION
from differland.synthetic.native.netcdf import add_field, add_time, new_file
from differland.synthetic.raw import RawPlanet

BASELINE = 12.0
"""Mean anomaly of the planet's years from that of 2004 to 2009, mm."""

SEA = -99999.0

TWO_SOLUTIONS = 11
"""The month of the planet, counted from 0, that has two solutions."""


def write_exchange(planet: RawPlanet, folder: Path) -> None:
    """Write CMS-Flux NBE V3: boxes of 4 x 5 degrees, kgC km-2 s-1, a file a year."""
    axes = {
        "lat": np.array([-89.0, *range(-86, 87, 4), 89.0]),
        "lon": -180.0 + 5 * np.arange(72),
    }
    # 1 gC m-2 day-1 is 1000 kgC km-2 day-1.
    values = planet.exchange * 1000 / 86400
    for year in np.unique(planet.months.year):
        chosen = np.asarray(planet.months.year == year)
        with new_file(folder / f"CMS_Flux_NBE_{year}_v3.nc", axes) as file:
            add_time(file, "time", np.arange(1, 13), "month of the year")
            add_field(file, "flux", ("time", "lat", "lon"), values[chosen], units="kgC/km2/s")


def write_water_storage(planet: RawPlanet, folder: Path) -> None:
    """Write JPL mascons: cm on 0.5 degree, from the south and from 0 E, one file of all months.

    Times are those of the middle of each solution. One month has two.
    """
    settings = planet.settings
    rows, columns = (settings.north - settings.south) // 4, (settings.east - settings.west) // 5
    observed = planet.driver["ewt"].transpose("time", PATCH_DIMENSION).to_numpy().astype(float)
    patches = (observed + BASELINE).reshape(-1, rows, columns)
    layers, times = [], []
    for number, (month, values) in enumerate(zip(planet.months, patches, strict=True)):
        if np.isnan(values).any():
            continue
        middle = month.start_time + pd.Timedelta(days=month.days_in_month / 2)
        spans = [(0.0, 0.0)] if number != TWO_SOLUTIONS else [(-10.0, 5.0), (10.0, -5.0)]
        for days, change in spans:
            layers.append(values + change)
            times.append((middle - pd.Timestamp("2002-01-01")) / pd.Timedelta(days=1) + days)
    window = np.stack(layers).repeat(8, axis=1).repeat(10, axis=2) / 10
    globe = np.full((len(layers), 360, 720), SEA)
    land = np.zeros((360, 720))
    # Rows from the south; columns from the prime meridian.
    bottom = 2 * (settings.south + 90)
    places = (2 * settings.west + np.arange(window.shape[2])) % 720
    globe[:, bottom : bottom + window.shape[1], places] = window[:, ::-1]
    land[bottom : bottom + window.shape[1], places] = 1
    last = planet.months[-1]
    name = f"GRCTellus.JPL.200204_{last.year}{last.month:02}.GLO.RL06.3M.MSCNv04CRI.nc"
    axes = {"lat": -89.75 + 0.5 * np.arange(360), "lon": 0.25 + 0.5 * np.arange(720)}
    dimensions = ("time", "lat", "lon")
    with new_file(folder / name, axes) as file:
        units = "days since 2002-01-01T00:00:00Z"
        add_time(file, "time", np.array(times), units, calendar="gregorian")
        add_field(file, "lwe_thickness", dimensions, globe, chunks=(1, 360, 720), units="cm")
        uncertainty = np.where(globe == SEA, SEA, 1.5)
        add_field(file, "uncertainty", dimensions, uncertainty, chunks=(1, 360, 720), units="cm")
        add_field(file, "land_mask", ("lat", "lon"), land)
        add_field(file, "scale_factor", ("lat", "lon"), np.where(land == 1, 1.3, SEA))

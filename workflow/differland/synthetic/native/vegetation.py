"""Satellite products of vegetation: LCSPP, leaf area, evaporation, biomass; and FLUXCOM."""

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import distance_transform_edt

from differland.driver import MONTHS_PER_YEAR
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid
from differland.synthetic.native.land import spread
from differland.synthetic.native.netcdf import add_field, add_time, new_file
from differland.synthetic.raw import RawPlanet

HALF_CHANGE = 0.2
"""By which the first half of a month exceeds its mean."""

LATE_GAPS = 0.05
"""Share of the months of which only the first half was seen."""

ROUNDS = 20

TEXTURE = 0.1
"""By which columns of pixels within a cell differ from its mean."""

PERIOD = 8
"""Days."""

BIOMASS_YEARS = range(2000, 2020)
BIOMASS_PIXELS = 3
"""Of 5 arc minutes along a cell, about 10 km."""

BIOMASS_GROWTH = 0.01
"""By which biomass of years before the planet's own falls short of the next."""


def write_lcspp(planet: RawPlanet, folder: Path) -> None:
    """Write LCSPP-MODIS v3.2 on 0.125 degree, in place of 0.05: two files a month."""
    rng = np.random.default_rng(planet.settings.seed)
    monthly = planet.mapped("sif")
    axes = _axes(planet, 0.125)
    factor = _textured(planet, 2)
    for month, mean in zip(planet.months, monthly, strict=True):
        late = month.days_in_month - 15
        second = mean * (1 - HALF_CHANGE * 15 / late)
        gap = rng.uniform(size=mean.shape) < LATE_GAPS
        halves = {
            "a": np.where(gap, mean, mean * (1 + HALF_CHANGE)),
            "b": np.where(gap, np.nan, second),
        }
        for (half, values), day in zip(halves.items(), (8, 23), strict=True):
            daily = (factor * spread(values, 2)).astype(np.float32)[None]
            path = folder / f"LCSPP_MODIS_v3.2_{month.year}{month.month:02}{half}.nc"
            with new_file(path, axes) as file:
                number = (
                    pd.Timestamp(month.year, month.month, day) - pd.Timestamp(2000, 1, 1)
                ).days
                add_time(file, "time", np.array([number]), "days since 2000-01-01")
                dimensions = ("time", "lat", "lon")
                units = "mW m-2 nm-1 sr-1"
                add_field(file, "lcspp_clear_inst", dimensions, 3 * daily, np.nan, units=units)
                add_field(file, "lcspp_clear_daily", dimensions, daily, np.nan, units=units)
                add_field(file, "lcspp_all_daily", dimensions, np.float32(0.8) * daily, np.nan)
                quality = np.where(np.isnan(daily), 3, 0).astype(np.uint8)
                add_field(file, "lcspp_qa", dimensions, quality)


def write_leaf_area(planet: RawPlanet, folder: Path) -> None:
    """Write the reprocessed MODIS leaf area index on 0.125 degree: periods of 8 days, no fill."""
    monthly = planet.mapped("lai", 0.0)
    factor = _textured(planet, 2)
    axes = _axes(planet, 0.125)
    for number in range(planet.settings.years):
        year = planet.settings.first_year + number
        months = monthly[MONTHS_PER_YEAR * number : MONTHS_PER_YEAR * (number + 1)]
        values = (factor * spread(eight_day_values(months, year), 2)).astype(np.float32)
        with new_file(folder / f"lai_8-day_0.125_{year}.nc", axes, units=False) as file:
            add_time(file, "time", np.arange(1, 366, PERIOD, dtype=np.int16), None)
            add_field(file, "lai", ("time", "lat", "lon"), values, chunks=(1, *values.shape[1:]))


def eight_day_values(months: np.ndarray, year: int) -> np.ndarray:
    """Values of 8-day periods whose means over the days of each month are those of the months.

    A period that reaches into another month has the value of the month of which it has more days,
    but not so much more than the other one that this could not make up for it. It has none where
    one of them has none.

    Parameters
    ----------
    months
        Monthly values, not negative, months first, from January on; NaN where there is no value.
    year
        Calendar year.

    Returns
    -------
    The 46 periods of the year first; the last one is shorter.
    """
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    shares = np.zeros((MONTHS_PER_YEAR, (len(days) + PERIOD - 1) // PERIOD))
    np.add.at(shares, (days.month - 1, (days.day_of_year - 1) // PERIOD), 1)
    periods = np.zeros((shares.shape[1], *months.shape[1:]))
    own = np.flatnonzero((shares > 0).sum(axis=0) == 1)
    for period in np.setdiff1d(np.arange(shares.shape[1]), own):
        less, more = np.argsort(shares[:, period], kind="stable")[-2:]
        periods[period] = np.minimum(months[more], 2 * months[less])
    known = np.isfinite(periods)
    shared = np.where(known, periods, 0)
    for month in range(MONTHS_PER_YEAR):
        days_seen = np.tensordot(shares[month], known, axes=1)
        left = days_seen * months[month] - np.tensordot(shares[month], shared, axes=1)
        mine = own[shares[month, own] > 0]
        periods[mine] = left / shares[month, mine].sum()
    return periods


def write_evaporation(planet: RawPlanet, folder: Path) -> None:
    """Write GLEAM v4.2a on 0.1 degree: monthly totals, dated at the end of the month.

    Its pixels lie across the edges of cells. Their values are those of the nearest vegetated cell,
    with the smallest change that gives cells the means that they have.
    """
    settings = planet.settings
    rows, columns = (10 * (settings.north - settings.south), 10 * (settings.east - settings.west))
    pixels = Grid(
        np.linspace(settings.north, settings.south, rows + 1),
        np.linspace(settings.west, settings.east, columns + 1),
    )
    cells = Grid(
        np.linspace(settings.north, settings.south, planet.valid.shape[0] + 1),
        np.linspace(settings.west, settings.east, planet.valid.shape[1] + 1),
    )
    across = Regridder.between(pixels, cells)
    down, along = across.rows.toarray(), across.columns.toarray()
    nearest = distance_transform_edt(~planet.valid, return_distances=False, return_indices=True)
    monthly = planet.mapped("et")[:, nearest[0], nearest[1]]
    row = np.floor((settings.north - pixels.latitude) / 0.25).astype(int)
    column = np.floor((pixels.longitude - settings.west) / 0.25).astype(int)
    rates = monthly[:, row][:, :, column]
    up, back = np.linalg.pinv(down), np.linalg.pinv(along).T
    # What is not negative and what has the means of the cells, in turn, until both nearly hold.
    for _ in range(ROUNDS):
        rates = rates.clip(0)
        rates += up @ (monthly - down @ rates @ along.T) @ back
    touched = (down > 0).T.astype(float) @ planet.valid @ (along > 0)
    rates[:, touched == 0] = np.nan
    totals = rates * planet.months.days_in_month.to_numpy()[:, None, None]
    axes = {"lat": pixels.latitude, "lon": pixels.longitude}
    for year in np.unique(planet.months.year):
        chosen = np.asarray(planet.months.year == year)
        ends = planet.months[chosen].end_time.normalize()
        with new_file(folder / f"E_{year}_GLEAM_v4.2a_MO.nc", axes) as file:
            numbers = (ends - pd.Timestamp("1980-01-01")).days.to_numpy()
            add_time(file, "time", numbers, "days since 1980-01-01", calendar="standard")
            values = totals[chosen].astype(np.float32)
            add_field(file, "E", ("time", "lat", "lon"), values, np.nan, units="mm/month")


def write_biomass(planet: RawPlanet, folder: Path) -> None:
    """Write woody biomass after Xu et al.: a GeoTIFF with a band a year, MgC ha-1."""
    first = min(planet.woody_biomass)
    column = np.arange(planet.valid.shape[1] * BIOMASS_PIXELS) % BIOMASS_PIXELS
    factor = 1 + TEXTURE * (1 - column)
    bands = []
    for year in BIOMASS_YEARS:
        known = planet.woody_biomass.get(year, planet.woody_biomass[first])
        growth = (1 - BIOMASS_GROWTH) ** max(first - year, 0)
        bands.append(factor * spread(growth * known / 100, BIOMASS_PIXELS))
    values = np.stack(bands).astype(np.float32)
    folder.mkdir(parents=True)
    pixel = 0.25 / BIOMASS_PIXELS
    with rasterio.open(
        folder / "test10a_cd_ab_pred_corr_2000_2019_v2.tif",
        "w",
        driver="GTiff",
        count=len(bands),
        height=values.shape[1],
        width=values.shape[2],
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(planet.settings.west, planet.settings.north, pixel, pixel),
        nodata=np.nan,
        compress="deflate",
        zlevel=1,
    ) as file:
        file.write(values)


def write_production(planet: RawPlanet, folder: Path) -> None:
    """Write FLUXCOM RS+METEO of the globe on 0.5 degree, in days since the Gregorian reform.

    The seasonal cycle is the same in all years but for a change that is none in their mean.
    """
    settings = planet.settings
    latitude, longitude = 89.75 - 0.5 * np.arange(360), -179.75 + 0.5 * np.arange(720)
    top, left = 2 * (90 - settings.north), 2 * (settings.west + 180)
    rows, columns = planet.gross_production.shape[1:]
    changes = np.linspace(-0.05, 0.05, settings.years) if settings.years > 1 else np.zeros(1)
    for number, change in enumerate(changes):
        year = settings.first_year + number
        globe = np.full((MONTHS_PER_YEAR, 360, 720), np.nan)
        globe[:, top : top + rows, left : left + columns] = planet.gross_production * (1 + change)
        values = np.nan_to_num(globe, nan=-9999).astype(np.float32)
        name = f"GPP.RS_METEO.FP-ALL.MLM-ALL.METEO-ALL.720_360.monthly.{year}.nc"
        middles = pd.date_range(f"{year}-01-01", periods=12, freq="MS") + pd.Timedelta(days=14)
        # 15 October 1582 is day 0; 2000-01-01 is 152384 days later.
        days = 152384.0 + (middles - pd.Timestamp("2000-01-01")).days.to_numpy()
        with new_file(folder / name, {"lat": latitude, "lon": longitude}) as file:
            add_time(file, "time", days, "days since 1582-10-15 00:00:0.0", calendar="standard")
            add_field(
                file,
                "GPP",
                ("time", "lat", "lon"),
                values,
                -9999.0,
                (1, 360, 720),
                units="gC m-2 d-1",
            )


def _textured(planet: RawPlanet, pixels: int) -> np.ndarray:
    """Factors of the columns of pixels, whose mean over each cell is one."""
    column = np.arange(planet.valid.shape[1] * pixels) % 2
    return 1 + TEXTURE * (1 - 2 * column)


def _axes(planet: RawPlanet, size: float) -> dict[str, np.ndarray]:
    settings = planet.settings
    return {
        "lat": np.arange(settings.north - size / 2, settings.south, -size),
        "lon": np.arange(settings.west + size / 2, settings.east, size),
    }

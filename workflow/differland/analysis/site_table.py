"""Table of flux tower sites: their locations, and the reasons why some are not used."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from differland.datasets.towers import (
    FLUXES,
    cells_of_sites,
    plant_cover,
    plant_types,
    select_sites,
)
from differland.driver import PATCH_DIMENSION
from differland.patches import draw_split
from differland.regridding.grid import Grid
from differland.tables import PREDICTOR_GROUPS

MONTHS_OF = {name: f"months_{name.removesuffix('_site')}" for name in FLUXES}
"""Column of the number of months of each flux."""

COLUMNS = [
    *("site", "name", "network", "igbp", "plant_type", "latitude", "longitude"),
    *("first_year", "last_year", *MONTHS_OF.values()),
    *("cell", "cell_latitude", "cell_longitude", "patch", "cover", "sites_in_cell"),
    *("split", "development_seeds", "candidate", "used", "reason"),
]


@dataclass(frozen=True)
class RawTowers:
    """Flux towers as read from the files of the networks, before any selection.

    Attributes
    ----------
    fluxes
        Monthly fluxes, from `differland.datasets.towers.read_towers`.
    places
        Locations of the sites, from `differland.datasets.towers.read_sites`.
    cover
        Fraction of the cells of `grid` by plant type (0 to 1).
    grid
        Grid of the study.
    settings
        ``raw.products.flux_towers`` of the configuration.
    """

    fluxes: pd.DataFrame
    places: pd.DataFrame
    cover: Mapping[str, np.ndarray]
    grid: Grid
    settings: Mapping[str, Any]


def tabulate_sites(
    driver: xr.Dataset,
    patches: xr.Dataset,
    seeds: Sequence[int],
    development_fraction: float,
    variables: Mapping[str, str],
    towers: RawTowers | None = None,
) -> pd.DataFrame:
    """List the sites, one row each (paper, Fig. S33 and Table S4).

    Parameters
    ----------
    driver, patches
        Content of ``driver.nc`` and ``patches.nc``.
    seeds, development_fraction
        Seeds of the members, and share of the patches that each of them holds back for development.
    variables
        Variable of the driver by flux (``gpp_site``, ``reco_site``, ``et_site``).
    towers
        Flux towers of the networks' files. Without them, sites are known from the driver alone: a
        row is then a cell with observations of towers or the name of a site, and its location is
        the cell's.

    Returns
    -------
    Table with the columns `COLUMNS`. ``plant_type`` is that of the IGBP class, ``cover`` the share
    of the cell that it covers (0 to 1; NaN where unknown). Months count those of good quality in
    the study's years. ``cell`` and ``patch`` are numbers in the driver (empty outside of it),
    ``sites_in_cell`` counts the sites used there. ``split`` is that of the patch, train or test
    (empty if it is left out), ``development_seeds`` the members that hold the patch back in stage
    develop. ``used`` tells whether the targets have the site, ``reason`` why not, and ``candidate``
    whether only the cover decides, so that variables of other thresholds may.
    """
    table = _rows_of_driver(driver, variables)
    if towers is not None:
        table = _rows_of_networks(driver, towers)
    number = patches["number"].to_numpy()
    position = pd.Series(np.arange(number.size), number).reindex(table["patch"]).to_numpy(float)
    kept = np.isfinite(position)
    row = np.where(kept, position, 0).astype(int)
    test = patches["test"].to_numpy()
    watching = {
        seed: draw_split(test, seed, development_fraction, "develop").development for seed in seeds
    }
    table["split"] = np.where(kept, np.where(test[row] == 1, "test", "train"), "")
    table["development_seeds"] = [
        " ".join(str(seed) for seed in seeds if there and watching[seed][patch])
        for patch, there in zip(row, kept, strict=True)
    ]
    dropped = table["patch"].notna() & ~kept
    told = [
        "; ".join(filter(None, [reason, "its patch is too small" if small else ""]))
        for reason, small in zip(table["reason"], dropped, strict=True)
    ]
    table["used"] &= kept
    table["reason"] = np.where(table["used"], "", told)
    count = table[table["used"]].groupby("cell").size()
    table["sites_in_cell"] = table["cell"].map(count).fillna(0).where(table["cell"].notna())
    whole = ["first_year", "last_year", *MONTHS_OF.values(), "cell", "patch", "sites_in_cell"]
    return table.astype(dict.fromkeys(whole, "Int64"))[COLUMNS]


def _rows_of_driver(driver: xr.Dataset, variables: Mapping[str, str]) -> pd.DataFrame:
    """Rows of cells with towers, of a driver without the networks' files."""
    cells = driver.sizes["cell"]
    years = driver["time"].dt.year.to_numpy()
    observed = {
        name: np.isfinite(driver[variables[name]].to_numpy())
        if variables.get(name) in driver
        else np.zeros((cells, years.size), dtype=bool)
        for name in FLUXES
    }
    some = np.any(list(observed.values()), axis=0)
    names = np.full(cells, "")
    if "site" in driver.variables:
        names = np.char.strip(driver["site"].to_numpy().astype(str))
    table = pd.DataFrame(
        {
            **{"site": names, "name": "", "network": "", "igbp": "", "plant_type": ""},
            **{"latitude": driver["lat"].to_numpy(), "longitude": driver["lon"].to_numpy()},
            "first_year": np.where(some.any(axis=1), years[some.argmax(axis=1)], np.nan),
            "last_year": np.where(
                some.any(axis=1), years[::-1][some[:, ::-1].argmax(axis=1)], np.nan
            ),
            **{MONTHS_OF[name]: values.sum(axis=1) for name, values in observed.items()},
            **{"cell": np.arange(cells), PATCH_DIMENSION: driver[PATCH_DIMENSION].to_numpy()},
            "cover": np.nan,
            "candidate": some.any(axis=1),
            "used": some.any(axis=1),
            "reason": np.where(some.any(axis=1), "", "no month with a flux"),
        }
    )
    table = table.assign(cell_latitude=table["latitude"], cell_longitude=table["longitude"])
    return table[(names != "") | some.any(axis=1)].reset_index(drop=True)


def _rows_of_networks(driver: xr.Dataset, towers: RawTowers) -> pd.DataFrame:
    """Rows of all sites of the networks' files and tables."""
    fluxes = towers.fluxes.assign(year=pd.PeriodIndex(towers.fluxes["month"], freq="M").year)
    of_sites = fluxes.groupby("site")
    table = pd.DataFrame(
        {
            "network": of_sites["network"].agg(lambda names: " ".join(dict.fromkeys(names))),
            "first_year": of_sites["year"].min(),
            "last_year": of_sites["year"].max(),
            **{MONTHS_OF[name]: of_sites[name].count() for name in FLUXES},
        }
    )
    places = towers.places.reindex(columns=["latitude", "longitude", "igbp", "name"])
    table = table.join(places, how="outer").rename_axis("site").sort_index()
    texts = ["network", "igbp", "name"]
    table[texts] = table[texts].astype(object).fillna("")
    months = list(MONTHS_OF.values())
    table[months] = table[months].fillna(0)
    table["plant_type"] = plant_types(table["igbp"])
    table["cover"] = plant_cover(table, towers.cover, towers.grid)
    row, column = cells_of_sites(table, towers.grid)
    cell = np.where(row >= 0, _cell_numbers(driver, towers.grid)[row, column], -1)
    there = cell >= 0
    for name, variable in (("cell_latitude", "lat"), ("cell_longitude", "lon"), ("patch", "patch")):
        table[name] = np.where(there, driver[variable].to_numpy()[cell], np.nan)
    table["cell"] = np.where(there, cell, np.nan)
    kept = select_sites(
        towers.fluxes,
        *(towers.settings[key] for key in ("minimum_months", "simultaneous", "excluded")),
    )
    selected = table.index.isin(kept["site"])
    table["candidate"] = selected & there
    names = driver["site"].to_numpy().astype(str)
    table["used"] = [
        there and site in names[int(cell)].split()
        for site, cell, there in zip(table.index, table["cell"], there, strict=True)
    ]
    table["reason"] = [
        _reason(place, chosen, in_window, towers.settings)
        for place, chosen, in_window in zip(
            table.reset_index().to_dict("records"), selected, row >= 0, strict=True
        )
    ]
    return table.reset_index()


def _cell_numbers(driver: xr.Dataset, grid: Grid) -> np.ndarray:
    """Number in the driver of every cell of the grid, -1 where the driver has none."""
    centres = {"latitude": driver["lat"].to_numpy(), "longitude": driver["lon"].to_numpy()}
    numbers = np.full(grid.shape, -1)
    numbers[cells_of_sites(pd.DataFrame(centres), grid)] = np.arange(driver.sizes["cell"])
    return numbers


def _reason(
    site: Mapping[Hashable, Any],
    selected: bool | np.bool,
    in_window: bool | np.bool,
    settings: Mapping[str, Any],
) -> str:
    """Reasons for which a site is not used; empty if there is none."""
    reasons = []
    months = [int(site[column]) for column in MONTHS_OF.values()]
    if site["site"] in settings["excluded"]:
        reasons.append("excluded by name (excluded)")
    elif sum(months) == 0:
        reasons.append("no month with a flux of good quality in the study's years")
    elif not selected:
        found = "months with {} GPP, {} RECO, {} ET".format(*months)
        rule = "together, " if settings["simultaneous"] else ""
        reasons.append(f"{found}: {rule}minimum_months is {settings['minimum_months']}")
    least, cover = settings["representativeness"], site["cover"]
    if not np.isfinite(site["latitude"]):
        reasons.append("no table of sites tells its place")
    elif not in_window:
        reasons.append("outside the window")
    elif not np.isfinite(site["cell"]):
        reasons.append("its cell is not in the driver: no vegetated land, predictor or forcing")
    if np.isfinite(site["latitude"]) and not site["igbp"]:
        reasons.append("no table of sites tells its IGBP class")
    elif np.isfinite(site["latitude"]) and site["plant_type"] not in PREDICTOR_GROUPS["PFT"]:
        reasons.append(f"IGBP class {site['igbp']} is no plant type of the study")
    elif np.isfinite(cover) and cover < least:
        kind = str(site["plant_type"]).replace("_", " ")
        reasons.append(f"{kind} covers {100 * cover:.0f}% of its cell, less than {100 * least:g}%")
    return "; ".join(reasons)

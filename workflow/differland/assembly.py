"""Assembly of the driver from gridded products: choice of cells and months, and all variables.

Variables are in memory one at a time, so that the whole globe at full length fits.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from differland.datasets.archives import log_unread
from differland.datasets.biomass import herbaceous_biomass, herbaceous_fraction
from differland.datasets.co2 import read_co2
from differland.datasets.inversion import BOX_GRID
from differland.datasets.land_cover import vegetated_land
from differland.datasets.sources import unread_files
from differland.datasets.towers import (
    leave_out_unplaced,
    put_on_cells,
    representative_sites,
    select_sites,
)
from differland.datasets.water_storage import recentred
from differland.driver import MONTHS_PER_YEAR, PATCH_DIMENSION, table_row
from differland.errors import InputError
from differland.files import open_verified
from differland.regridding.grid import Grid
from differland.regridding.study_grid import PATCH_GRID, patch_number
from differland.tables import FORCING, PREDICTOR_GROUPS, PREDICTORS

logger = logging.getLogger(__name__)

DAYS_PER_YEAR = 365.25
"""By which a mean daily precipitation becomes an annual one."""

NOT_OBSERVED = frozenset({"era5", "gfed5_burned_area", "mcd64cmq"})
"""Yearly products that give forcing."""


ON_CELLS = "_cell"
"""Ends the name of an observation of patches that is wanted of every cell too."""


@dataclass(frozen=True)
class GriddedFiles:
    """Files of gridded products.

    Attributes
    ----------
    static
        Paths of static products by name.
    yearly
        Paths of yearly products by name and year.
    co2
        Table of CO2 of NOAA.
    towers, sites
        Tables of the fluxes and the locations of flux towers; None without towers.
    """

    static: Mapping[str, Path]
    yearly: Mapping[str, Mapping[int, Path]]
    co2: Path
    towers: Path | None
    sites: Path | None


def assemble_driver(
    files: GriddedFiles, target: Grid, raw: Mapping[str, Any]
) -> Iterator[xr.Dataset]:
    """Make the driver, variable by variable.

    A cell is kept if it is vegetated land and has all predictors that the products give, and all
    forcing in all months.

    Parameters
    ----------
    files
        Files of the gridded products.
    target
        Grid of the gridded products.
    raw
        The section ``raw`` of the configuration.

    Yields
    ------
    Parts of the driver, of shared coordinates (docs/driver.md, "The driver file"): predictors
    first, then one variable each.

    Raises
    ------
    InputError
        A gridded file is not on the grid or lacks a variable; no cell is left; a tower that is to
        be left out is unknown.
    """
    for product, paths in unread_files(raw).items():
        log_unread(f"raw.products.{product}", paths)
    if unused := [name for name, settings in raw["products"].items() if settings is None]:
        logger.info("products that are null and not used: %s", ", ".join(unused))
    months = pd.period_range(f"{raw['first_year']}-01", f"{raw['last_year']}-12", freq="M")
    static = _read_static(files.static, target)
    forcing = _forcing_files(files.yearly)
    kept = _select_cells(static, forcing, target, raw)
    domain = _Domain(target, months, kept, raw["inversion_boxes"] == "boxes")
    sites = None
    if files.towers is not None and files.sites is not None:
        sites = _Towers(files.towers, files.sites, domain, static, raw["products"]["flux_towers"])

    predictors = {name: static[name][kept] for name in PREDICTORS if name in static}
    predictors |= _climate_means(forcing, domain, raw)
    coordinates = domain.coordinates()
    first = xr.Dataset(
        {name: _variable(name, ("cell",), values) for name, values in predictors.items()}
        | {
            # Also what tells the file of the dimension, which must come before the coordinate.
            "patch_number": (
                PATCH_DIMENSION,
                domain.patch_numbers,
                {"long_name": f"number of the patch on the globe, {domain.order}", "units": "1"},
            )
        },
        coords=coordinates,
        attrs={"title": "Driver from raw products"},
    )
    if sites is not None:
        names = {"long_name": "names of the flux towers, if any"}
        first = first.assign_coords(site=("cell", sites.names(), names))
    yield first

    def part(name: str, dimensions: tuple[str, ...], values: np.ndarray) -> xr.Dataset:
        return xr.Dataset({name: _variable(name, dimensions, values)}, coords=coordinates)

    co2 = read_co2(files.co2, months, raw["products"]["noaa_co2"]["column"])
    yield part("co2", ("time",), co2.to_numpy())
    for name, by_year in forcing.items():
        yield part(name, ("cell", "time"), domain.series(by_year, name))
    if "soil_organic_carbon" in static:
        yield part("soil_organic_carbon", ("cell",), static["soil_organic_carbon"][kept])
    for product, files_by_year in files.yearly.items():
        if not files_by_year:
            logger.warning("%s has no year of the study and is left out", product)
            continue
        for name in _variables(files_by_year) if product not in NOT_OBSERVED else ():
            if name == "woody_biomass":
                biomass = domain.series(files_by_year, name)
                biomass += _herbaceous(static, raw)[kept][:, None]
                yield part("biomass", ("cell", "time"), biomass)
            elif table_row(name).group == "patch":
                values = domain.patch_means(files_by_year, name, raw["patch_mean"])
                if name == "ewt":
                    values = recentred(values.T).T
                yield part(name, (PATCH_DIMENSION, "time"), values)
                if raw["products"][product].get("on_cells"):
                    values = domain.series(files_by_year, name)
                    yield part(f"{name}{ON_CELLS}", ("cell", "time"), values)
            else:
                yield part(name, ("cell", "time"), domain.series(files_by_year, name))
    if sites is not None:
        for name, values in sites.observations():
            yield part(name, ("cell", "time"), values)


class _Domain:
    """Domain of the driver: its cells and months.

    Patches are counted from 0, in the order of their numbers on the globe. They are those of the
    study, or the boxes of the inversion CMS-Flux.
    """

    def __init__(
        self, target: Grid, months: pd.PeriodIndex, kept: np.ndarray, on_boxes: bool
    ) -> None:
        self.target = target
        self.months = months
        self.kept = kept
        row, column = np.nonzero(kept)
        self.latitude = target.latitude[row]
        self.longitude = (target.longitude[column] + 180) % 360 - 180
        self.order = (
            "from 90 N and 182.5 W, a box of CMS-Flux" if on_boxes else "from 90 N and 180 W"
        )
        patches = BOX_GRID if on_boxes else PATCH_GRID
        numbers = patch_number(self.latitude, self.longitude, patches)
        self.patch_numbers, patch = np.unique(numbers, return_inverse=True)
        self.patch = patch.astype(np.int32)
        logger.info("%d cells in %d patches", row.size, self.patch_numbers.size)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of cells and months."""
        return self.latitude.size, self.months.size

    def coordinates(self) -> dict[str, Any]:
        """Coordinates that all parts share."""
        half = pd.to_timedelta(self.months.days_in_month / 2, unit="D")
        time = {"standard_name": "time", "long_name": "middle of the month"}
        north = {"units": "degrees_north", "standard_name": "latitude"}
        east = {"units": "degrees_east", "standard_name": "longitude"}
        return {
            "lat": ("cell", self.latitude, north),
            "lon": ("cell", self.longitude, east),
            PATCH_DIMENSION: ("cell", self.patch, {"long_name": "number of the cell's patch"}),
            "time": ("time", self.months.to_timestamp() + half, time),
        }

    def by_year(self, files: Mapping[int, Path], name: str) -> Iterator[tuple[slice, np.ndarray]]:
        """Months of each year (as positions) and values, shape (12, cell); annual ones repeated."""
        for year, file in tqdm(files.items(), name, unit="year", disable=None):
            start = (year - self.months[0].year) * MONTHS_PER_YEAR
            values = _read_gridded(file, name, self.target)[..., self.kept]
            yield (
                slice(start, start + MONTHS_PER_YEAR),
                np.broadcast_to(values, (MONTHS_PER_YEAR, values.shape[-1])),
            )

    def series(self, files: Mapping[int, Path], name: str) -> np.ndarray:
        """Values of all cells and months, shape (cell, time), NaN in years without a file."""
        result = np.full(self.shape, np.nan, np.float32)
        for months, values in self.by_year(files, name):
            result[:, months] = values.T
        return result

    def patch_means(self, files: Mapping[int, Path], name: str, weighing: str) -> np.ndarray:
        """Means over the cells of each patch that have a value, shape (patch, time)."""
        weight = np.ones(self.latitude.size)
        if weighing == "area":
            weight = self.target.cell_areas()[self.kept]
        count = self.patch_numbers.size
        result = np.full((count, self.months.size), np.nan)
        for months, by_month in self.by_year(files, name):
            for month, values in zip(range(months.start, months.stop), by_month, strict=True):
                there = np.isfinite(values)
                total = np.bincount(
                    self.patch[there], weight[there] * values[there], minlength=count
                )
                weights = np.bincount(self.patch[there], weight[there], minlength=count)
                np.divide(total, weights, out=result[:, month], where=weights > 0)
        return result


class _Towers:
    """Flux towers on the cells of the driver."""

    def __init__(
        self,
        towers: Path,
        sites: Path,
        domain: _Domain,
        static: Mapping[str, np.ndarray],
        settings: Mapping[str, Any],
    ) -> None:
        table = pd.read_csv(towers)
        table["month"] = pd.PeriodIndex(table["month"], freq="M")
        self.sites = pd.read_csv(sites, index_col="site", keep_default_na=False)
        table = select_sites(
            table, settings["minimum_months"], settings["simultaneous"], settings["excluded"]
        )
        self.table = leave_out_unplaced(table, self.sites)
        self.cover = {name: static[name] for name in PREDICTOR_GROUPS["PFT"]}
        self.domain = domain
        self.weight = settings["weight"]
        self.thresholds = {
            "": settings["representativeness"],
            **{f"_{100 * share:g}percent": share for share in settings["representativeness_tests"]},
        }

    def names(self) -> np.ndarray:
        """Sites of each cell, an empty text where there is none."""
        dataset, cell = self._on_cells(self.thresholds[""])
        names = np.full(self.domain.shape[0], "", dtype=dataset["site"].dtype)
        names[cell] = dataset["site"].to_numpy()
        return names

    def observations(self) -> Iterator[tuple[str, np.ndarray]]:
        """Fluxes and their weights by name, shape (cell, time), for each threshold."""
        for suffix, threshold in self.thresholds.items():
            dataset, cell = self._on_cells(threshold)
            logger.info("towers with a cover of at least %g: %d cells", threshold, cell.size)
            for name, variable in dataset.data_vars.items():
                flux = str(name).removesuffix("_weight")
                values = np.full(self.domain.shape, np.nan)
                values[cell] = variable.to_numpy()
                yield f"{flux}{suffix}{str(name).removeprefix(flux)}", values

    def _on_cells(self, threshold: float) -> tuple[xr.Dataset, np.ndarray]:
        """Fluxes of the representative sites in cells of the driver, and the cells' positions."""
        domain = self.domain
        sites = representative_sites(self.sites, self.cover, threshold, domain.target)
        representative = self.table[self.table["site"].isin(sites.index)]
        dataset = put_on_cells(representative, sites, domain.months, domain.target, self.weight)
        position = np.full(domain.target.shape, -1)
        position[domain.kept] = np.arange(domain.shape[0])
        cell = position[dataset["row"].to_numpy(), dataset["column"].to_numpy()]
        return dataset.isel(cell=cell >= 0), cell[cell >= 0]


def _select_cells(
    static: Mapping[str, np.ndarray],
    forcing: Mapping[str, Mapping[int, Path]],
    target: Grid,
    raw: Mapping[str, Any],
) -> np.ndarray:
    """Whether each cell of the grid is kept; logs the number of cells after each condition."""
    kept = vegetated_land(static["water"], static["nonvegetated"], **raw["domain"])
    logger.info("%d cells of vegetated land", kept.sum())
    conditions = {name: np.isfinite(static[name]) for name in PREDICTORS if name in static}
    for name, by_year in forcing.items():
        complete = np.ones(target.shape, dtype=bool)
        for file in tqdm(by_year.values(), f"complete {name}", unit="year", disable=None):
            complete &= np.isfinite(_read_gridded(file, name, target)).all(axis=0)
        conditions[f"{name} in all months"] = complete
    for condition, met in conditions.items():
        before = int(kept.sum())
        kept &= met
        if kept.sum() < before:
            logger.info("%d of %d cells have %s", kept.sum(), before, condition)
        if not kept.any():
            found = f"none of {before} vegetated cells"
            raise InputError("raw", condition, "cells that have it and all before it", found)
    return kept


def _climate_means(
    forcing: Mapping[str, Mapping[int, Path]], domain: _Domain, raw: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Climate predictors, means over all days of the forcing (paper, Methods)."""
    days = domain.months.days_in_month.to_numpy()
    era5 = forcing["precipitation"]

    def mean(name: str) -> np.ndarray:
        total = np.zeros(domain.shape[0])
        for months, values in domain.by_year(era5, name):
            total += days[months] @ values
        return total / days.sum()

    mid_range = raw["products"]["era5"]["mean_temperature"] == "mid_range"
    temperatures = ("t_min", "t_max") if mid_range else ("t_mean",)
    return {
        "mean_annual_temperature": np.mean([mean(name) for name in temperatures], axis=0),
        "mean_annual_precipitation": mean("precipitation") * DAYS_PER_YEAR,
    }


def _forcing_files(yearly: Mapping[str, Mapping[int, Path]]) -> dict[str, dict[int, Path]]:
    """Files of each forcing variable by year."""
    burned = {**yearly["gfed5_burned_area"], **yearly.get("mcd64cmq", {})}
    return {
        name: burned if name == "burned_fraction" else dict(yearly["era5"])
        for name in FORCING
        if name != "co2"
    }


def _herbaceous(static: Mapping[str, np.ndarray], raw: Mapping[str, Any]) -> np.ndarray:
    """Herbaceous biomass on the grid, gC m-2; zero if no production is given."""
    if "gpp" not in static:
        logger.warning("biomass is that of wood alone: no product gives production")
        return np.zeros(static["water"].shape)
    settings = raw["biomass"]
    return herbaceous_biomass(
        herbaceous_fraction(
            {name: static[name] for name in PREDICTOR_GROUPS["PFT"]}, settings["herbaceous_types"]
        ),
        static["gpp"],
        settings["residence_time"],
        settings["respired_fraction"],
    )


def _read_static(files: Mapping[str, Path], target: Grid) -> dict[str, np.ndarray]:
    """All fields that do not change with time, by name."""
    return {
        name: _read_gridded(file, name, target)
        for file in files.values()
        for name in _variables({0: file})
    }


def _variables(files: Mapping[int, Path]) -> list[str]:
    """Names of the gridded variables of a product."""
    file = next(iter(files.values()))
    with open_verified(file) as dataset:
        return [str(name) for name in dataset.data_vars if "bnds" not in dataset[name].dims]


def _read_gridded(file: Path, name: str, target: Grid) -> np.ndarray:
    """One variable of a gridded file, shape (..., lat, lon)."""
    with open_verified(file) as dataset:
        if name not in dataset:
            found = f"only {', '.join(map(str, dataset.data_vars))}"
            raise InputError(file, name, "a variable of this name", found)
        if dataset[name].shape[-2:] != target.shape:
            found = f"shape {dataset[name].shape}"
            raise InputError(file, name, f"{target.shape} cells of the study's window", found)
        return dataset[name].to_numpy()


def _variable(name: str, dimensions: tuple[str, ...], values: np.ndarray) -> xr.Variable:
    row = table_row(name)
    attributes = {"units": row.units, "long_name": row.long_name}
    if row.standard_name:
        attributes["standard_name"] = row.standard_name
    return xr.Variable(dimensions, np.asarray(values, np.float32), attributes)

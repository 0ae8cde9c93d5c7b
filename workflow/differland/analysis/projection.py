"""Traits under a projected climate, by space for time (Fig. S2).

Traits are those that the ensembles give to places where the projected climate is found today. What
else is known of a cell (plant types, soil, age) stays as it is, and so does the standardisation of
the predictors. Paper, "Implications for Ecological Shifts Under Changing Climate".

Formulas: docs/metrics.md, "Projection".
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from differland.analysis.key_traits import KEY_TRAITS
from differland.analysis.populations import PLANT_TYPES
from differland.ensemble import Ensemble, traits
from differland.errors import InputError
from differland.regridding.study_grid import STUDY_GRID, areas_of_cells, cell_numbers
from differland.tables import PREDICTORS

logger = logging.getLogger(__name__)

Method = Literal["delta", "raw"]
PrecipitationChange = Literal["additive", "relative"]
Array = npt.NDArray[np.float64]

TEMPERATURE, PRECIPITATION = "mean_annual_temperature", "mean_annual_precipitation"
CLIMATE = (TEMPERATURE, PRECIPITATION)

BASELINE, PROJECTED = "baseline", "projected"
"""Names of the periods of climate models."""

ZONES: Mapping[str, tuple[float, float]] = {
    "50 N to 90 N": (50.0, 90.0),
    "23.5 N to 50 N": (23.5, 50.0),
    "23.5 S to 23.5 N": (-23.5, 23.5),
    "90 S to 23.5 S": (-90.0, -23.5),
}
"""Southern and northern edge, degrees; a cell on an edge is of the zone north of it."""

MODEL_FACTS = (
    *("model", "member", "scenario", "grid", "native_shape", "calendar"),
    *("baseline_years", "projected_years"),
)

DIFFERENCE = "difference"
"""Row of the table: change of the setup that knows plant types minus that of the other."""

CELLS_AT_ONCE = 2**14

SMALLEST_PRECIPITATION = 1.0
"""Mean of the models, mm year-1, from which their ratio means anything."""


def project_climate(
    driver: xr.Dataset,
    climates: Sequence[xr.Dataset],
    trained: npt.NDArray[np.integer],
    method: Method,
    precipitation_change: PrecipitationChange,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Temperature and precipitation of each cell under the scenario, the mean of climate models.

    Parameters
    ----------
    driver
        Predictors of today (cell), lat and lon.
    climates
        Climate of each model, from :func:`differland.climatology.grid_climates`.
    trained
        Positions of the cells that the ensembles were trained on.
    method
        Method of projection. ``delta`` adds the change of the models, future minus baseline, to the
        predictor of today, which leaves out their biases; ``raw`` takes the values of the models.
    precipitation_change
        Rule by which ``delta`` changes precipitation: ``additive``, as temperature, but not below
        zero; ``relative``, by the ratio of the models' means, future over baseline, and as
        ``additive`` where they have less than 1 mm year-1.

    Returns
    -------
    climate : Dataset
        ``present``, ``projected``, ``change`` (their difference) and ``model_spread`` (standard
        deviation over models of the change), each of shape (predictor, cell), in the units of the
        predictors; ``extrapolated(predictor, cell)``, 1 where the projected value is beyond those
        of all trained cells.
    models : DataFrame
        Table of the climate models (Table S5): model, member, scenario, grid and calendar, years,
        files; temperature_change (degC) and precipitation_change (mm year-1): area-weighted means
        over the cells of the model's future minus its baseline (``delta``) or minus the present
        (``raw``).

    Raises
    ------
    InputError
        A cell has no value, or there is no model.
    """
    if not climates:
        raise InputError("projection", "models", "at least one climate model", "none")
    latitude, longitude = driver["lat"].to_numpy(), driver["lon"].to_numpy()
    placed = [at_cells(climate, latitude, longitude) for climate in climates]
    columns: dict[str, list[Array]] = {}
    models = pd.DataFrame(
        [{key: climate.attrs.get(key, "") for key in MODEL_FACTS} for climate in climates]
    )
    area = areas_of_cells(latitude)
    for name in CLIMATE:
        present = driver[name].to_numpy().astype(float)
        future = _of_models(placed, name, PROJECTED)
        if method == "raw":
            projected, each = future.mean(axis=0), future - present
        else:
            baseline = _of_models(placed, name, BASELINE)
            each = future - baseline
            projected = present + each.mean(axis=0)
            if name == PRECIPITATION:
                if precipitation_change == "relative":
                    mean = baseline.mean(axis=0)
                    factor = future.mean(axis=0) / mean.clip(SMALLEST_PRECIPITATION)
                    projected = np.where(mean < SMALLEST_PRECIPITATION, projected, present * factor)
                projected = projected.clip(0)
        low, high = present[trained].min(), present[trained].max()
        beyond = (projected < low) | (projected > high)
        logger.info("%s: %.1f %% of the cells beyond training", name, 100 * beyond.mean())
        models[f"{name.removeprefix('mean_annual_')}_change"] = np.average(each, 1, area)
        found = (present, projected, projected - present, _spread(each, axis=0), beyond)
        for key, values in zip(_CLIMATE_NAMES, found, strict=True):
            columns.setdefault(key, []).append(values)
    dataset = xr.Dataset(
        {
            key: (
                ("predictor", "cell"),
                np.stack(values).astype(np.int8 if key == "extrapolated" else np.float32),
                {"long_name": long_name},
            )
            for (key, long_name), values in zip(
                _CLIMATE_NAMES.items(), columns.values(), strict=True
            )
        },
        coords={
            "predictor": list(CLIMATE),
            "predictor_units": ("predictor", [PREDICTORS[name].units for name in CLIMATE]),
            **{name: ("cell", driver[name].to_numpy(), driver[name].attrs) for name in _PLACE},
        },
        attrs={"method": method, "precipitation_change": precipitation_change},
    )
    dataset["extrapolated"].attrs["units"] = "1"
    models["files"] = [climate.attrs["files"] for climate in climates]
    return dataset, models


_PLACE = ("lat", "lon")

_CLIMATE_NAMES = {
    "present": "predictor of today",
    "projected": "predictor under the scenario, mean of climate models",
    "change": "projected minus present",
    "model_spread": "standard deviation over climate models of the change",
    "extrapolated": "1 where the projected value is beyond the values of all training cells",
}


def project_traits(
    ensembles: Mapping[str, Ensemble],
    driver: xr.Dataset,
    climate: xr.Dataset,
    aware: str,
    plant_type_threshold: float,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Change of four traits from the climate of today to that of the scenario.

    Parameters
    ----------
    ensembles
        Ensembles by setup: of `aware`, and of one that does not know plant types, if there is one.
        Each gives the traits of today and of the scenario.
    driver
        Driver with the predictors of today.
    climate
        Climate of cells, the first result of :func:`project_climate`.
    aware
        Setup that knows plant types.
    plant_type_threshold
        Cover fraction from which a cell stands for its plant type in the table.

    Returns
    -------
    projection : Dataset
        ``present``, ``change`` (ensemble means) and ``change_spread`` (standard deviation over
        members) of shape (setup, trait, cell); ``difference`` (change of `aware` minus that of the
        other setup) and ``difference_spread`` (of members that are independent of each other) of
        shape (trait, cell), where there are two setups; in the units ``trait_units``. The
        variables of `climate` with the prefix ``predictor_``, and ``extrapolated``.
    table : DataFrame
        Means by area over all cells, zones of latitude, and cells of one plant type. Columns
        kind (all, latitude, plant type), region, setup (or ``difference``), trait, long_name,
        units, cells, extrapolated (fraction of the area where temperature or precipitation is
        beyond the training range), present, projected, change, change_spread (standard deviation
        over members of the region's mean change).

    Raises
    ------
    InputError
        The driver lacks a predictor of a setup.
    """
    regions = _regions(driver, plant_type_threshold)
    area = areas_of_cells(driver["lat"].to_numpy())
    weights = np.stack([inside * area for _, _, inside in regions])
    weights /= weights.sum(axis=1, keepdims=True)
    cells, count = driver.sizes["cell"], len(KEY_TRAITS)
    shape = (len(ensembles), count, cells)
    maps = {name: np.empty(shape, np.float32) for name in ("present", "change", "change_spread")}
    means: dict[str, tuple[Array, Array]] = {}
    for number, (setup, ensemble) in enumerate(ensembles.items()):
        sums = np.zeros((2, len(regions), count, len(ensemble.members)))
        for part, present, change in _changes(ensemble, driver, climate):
            maps["present"][number, :, part] = present.mean(axis=1)
            maps["change"][number, :, part] = change.mean(axis=1)
            maps["change_spread"][number, :, part] = _spread(change, axis=1)
            for total, values in zip(sums, (present, change), strict=True):
                total += np.einsum("rc,tmc->rtm", weights[:, part], values)
        means[setup] = (sums[0], sums[1])
        logger.info("projected %d cells of %s", cells, setup)
    beyond = climate["extrapolated"].to_numpy().any(axis=0)
    dataset = _dataset(maps, list(ensembles), climate, aware)
    return dataset, _table(regions, weights @ beyond, means, aware)


def at_cells(climate: xr.Dataset, latitude: np.ndarray, longitude: np.ndarray) -> xr.Dataset:
    """Take the values of the grid cells that contain the locations.

    Parameters
    ----------
    climate
        Climate on the grid, from :func:`differland.climatology.grid_climates`.
    latitude, longitude
        Locations, degrees north and east, shape (cell,).

    Returns
    -------
    Variables of `climate` at the locations, shape (period, cell).

    Raises
    ------
    InputError
        A location lies outside the grid, or where the model has no value.
    """
    row, column = cell_numbers(latitude, longitude)
    first_row, first_column = cell_numbers(climate["lat"][0], climate["lon"][0])
    row, column = row - first_row, (column - first_column) % STUDY_GRID.shape[1]
    outside = (row < 0) | (row >= climate.sizes["lat"]) | (column >= climate.sizes["lon"])
    if outside.any():
        cell = int(np.flatnonzero(outside)[0])
        found = (
            f"{outside.sum()} cells beyond it, such as {latitude[cell]:g} N, {longitude[cell]:g} E"
        )
        raise InputError("driver", "lat, lon", "cells in the window of the study", found)
    chosen = climate.drop_vars(["lat_bnds", "lon_bnds"]).isel(
        lat=xr.DataArray(row, dims="cell"), lon=xr.DataArray(column, dims="cell")
    )
    for name, values in chosen.data_vars.items():
        missing = int((~np.isfinite(values.to_numpy())).sum())
        if missing:
            model = climate.attrs["model"]
            raise InputError(model, str(name), "a value in every cell", f"{missing} missing")
    return chosen


def _of_models(placed: Sequence[xr.Dataset], name: str, period: str) -> Array:
    """Climate of all models, shape (model, cell)."""
    return np.stack([model[name].sel(period=period).to_numpy().astype(float) for model in placed])


def _spread(values: Array, axis: int) -> Array:
    spread: Array = values.std(axis=axis, ddof=min(1, values.shape[axis] - 1))
    return spread


def _changes(
    ensemble: Ensemble, driver: xr.Dataset, climate: xr.Dataset
) -> Iterator[tuple[slice, Array, Array]]:
    """Cells, and traits of today and their changes, each of shape (trait, member, cell)."""
    for start in range(0, driver.sizes["cell"], CELLS_AT_ONCE):
        part = slice(start, start + CELLS_AT_ONCE)
        chosen = driver.isel(cell=part)
        present, projected = (
            _key_traits(ensemble, chosen.assign(_predictors(climate.isel(cell=part)[period])))
            for period in ("present", "projected")
        )
        yield part, present, projected - present


def _predictors(values: xr.DataArray) -> dict[str, tuple[str, npt.NDArray[np.floating]]]:
    return {name: ("cell", values.sel(predictor=name).to_numpy()) for name in CLIMATE}


def _key_traits(ensemble: Ensemble, driver: xr.Dataset) -> Array:
    """Values of the key traits, shape (trait, member, cell)."""
    parameters, _ = ensemble.predict_cells(driver)
    values = traits(parameters)
    return np.stack(
        [trait.value(np.asarray(values[trait.trait], float)) for trait in KEY_TRAITS.values()]
    )


def _regions(driver: xr.Dataset, threshold: float) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Kind, name and cells of each region that has any."""
    latitude = driver["lat"].to_numpy()
    regions = [("all", "all", np.ones(latitude.size, bool))]
    for name, (south, north) in ZONES.items():
        regions.append(("latitude", name, (latitude >= south) & (latitude < north)))
    for name in PLANT_TYPES:
        if name in driver:
            regions.append(("plant type", name, driver[name].to_numpy() >= threshold))
    return [region for region in regions if region[2].any()]


def _dataset(
    maps: Mapping[str, npt.NDArray[np.float32]],
    setups: list[str],
    climate: xr.Dataset,
    aware: str,
) -> xr.Dataset:
    names = {
        "present": "ensemble mean under the climate of today",
        "change": "ensemble mean of the change to the projected climate",
        "change_spread": "standard deviation over members of the change",
    }
    dataset = xr.Dataset(
        {
            name: (("setup", "trait", "cell"), maps[name], {"long_name": long_name})
            for name, long_name in names.items()
        },
        coords={
            "setup": setups,
            "trait": list(KEY_TRAITS),
            "trait_units": ("trait", [trait.units for trait in KEY_TRAITS.values()]),
            "trait_long_name": ("trait", [trait.long_name for trait in KEY_TRAITS.values()]),
        },
        attrs={
            "title": "Traits under a projected climate, by space for time",
            "aware": aware,
            **climate.attrs,
        },
    )
    if len(setups) == 2:
        knows = setups.index(aware)
        change, spread = maps["change"], maps["change_spread"]
        dataset["difference"] = (
            ("trait", "cell"),
            change[knows] - change[1 - knows],
            {"long_name": f"change of {aware} minus that of {setups[1 - knows]}"},
        )
        dataset["difference_spread"] = (
            ("trait", "cell"),
            np.hypot(spread[0], spread[1]),
            {"long_name": "standard deviation over pairs of members of the difference"},
        )
    renamed = {name: f"predictor_{name}" for name in _CLIMATE_NAMES if name != "extrapolated"}
    return dataset.merge(climate.rename(renamed), combine_attrs="override")


def _table(
    regions: list[tuple[str, str, npt.NDArray[np.bool_]]],
    beyond: Array,
    means: Mapping[str, tuple[Array, Array]],
    aware: str,
) -> pd.DataFrame:
    rows = []
    for number, (kind, region, inside) in enumerate(regions):
        for position, (name, trait) in enumerate(KEY_TRAITS.items()):
            facts: dict[str, object] = {
                "trait": name,
                "long_name": trait.long_name,
                "units": trait.units,
            }
            facts |= {"cells": int(inside.sum()), "extrapolated": beyond[number]}
            found = {}
            for setup, (present, change) in means.items():
                now, later = present[number, position], change[number, position]
                found[setup] = (now.mean(), later.mean(), _spread(later, axis=0))
            for setup, (now, change, spread) in found.items():
                values = {"present": now, "projected": now + change}
                values |= {"change": change, "change_spread": spread}
                rows.append({"kind": kind, "region": region, "setup": setup, **facts, **values})
            if len(found) == 2:
                (other,) = found.keys() - {aware}
                change = found[aware][1] - found[other][1]
                values = {"change": change}
                values |= {"change_spread": np.hypot(found[aware][2], found[other][2])}
                rows.append(
                    {"kind": kind, "region": region, "setup": DIFFERENCE, **facts, **values}
                )
    return pd.DataFrame(rows)

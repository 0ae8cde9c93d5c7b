"""Quality control of a driver: one row of statistics and remarks per variable.

What :func:`differland.driver.read_driver` refuses cannot be used at all. What is looked for here
can be used and is probably wrong all the same: another unit, a hemisphere upside down, a gap.
Variables are read one at a time, so that a global driver need not fit into memory.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from differland.driver import MONTHS_PER_YEAR, PATCH_DIMENSION
from differland.errors import InputError
from differland.files import open_verified
from differland.shipped import RESOURCES
from differland.tables import (
    FORCING,
    OBSERVATIONS,
    PREDICTOR_GROUPS,
    PREDICTORS,
    Variable,
)
from differland.units import range_in_words

Array = npt.NDArray[np.floating]

RARE = 0.01
"""Coverage below which a variable is remarked on; towers stand in few cells by nature."""

CONSTANT = 1e-6
"""Distance of the 1st and 99th percentile, relative to their size, of what hardly varies."""

SEASONAL_LATITUDE = 35.0
"""Latitude from which the year has one warm and one cold season, degrees."""

ANTIPHASE = -0.5
"""Median correlation with the sun below which a mean annual cycle counts as upside down.

Growth after winter rain, as in California, leads the sun by a quarter of a year: correlation 0.
"""

SEASONAL = ("t_min", "t_max", "srad", "vpd", "sif", "lai", "et", "gpp_site", "reco_site", "et_site")
"""Variables that follow the sun where the year has a warm and a cold season."""

MOISTEST_AIR, DRIEST_AIR = 0.05, 1.0
"""Bounds of the median vapour pressure deficit over saturation vapour pressure at t_max."""


@dataclass(frozen=True)
class PlausibleRange:
    """Range in which a statistic of a variable lies on vegetated land, be it one region or all.

    Attributes
    ----------
    statistic
        ``median`` or ``mean`` over cells and months, or ``half_range``: half the distance of the
        1st and 99th percentile.
    minimum, maximum
        Range in the units of the variable. It is wide: only a wrong unit or worse lies outside.
    mistake
        Frequent mistake behind such a value; empty where none is known.
    """

    statistic: str
    minimum: float
    maximum: float
    mistake: str


def _read_ranges() -> Mapping[str, PlausibleRange]:
    with (RESOURCES / "plausible_ranges.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: PlausibleRange(
                row["statistic"], float(row["minimum"]), float(row["maximum"]), row["mistake"]
            )
            for row in csv.DictReader(file)
        }


PLAUSIBLE = _read_ranges()


@contextmanager
def open_driver(path: Path | str) -> Iterator[xr.Dataset]:
    """Open a checked driver whose variables are read when they are used, and not kept.

    Raises
    ------
    InputError
        There is no such file, it is no NetCDF file, or it does not match its checksum.
    """
    with open_verified(path, cache=False) as dataset:
        yield dataset


def known_variable(name: str) -> tuple[str, str, Variable]:
    """Kind (predictor, forcing, observation), name and facts of a variable of a driver.

    An alternative product such as ``lai_copernicus`` is an observation of ``lai``.

    Raises
    ------
    InputError
        No variable of that name.
    """
    for kind, table in (("predictor", PREDICTORS), ("forcing", FORCING)):
        if name in table:
            return kind, name, table[name]
    observed = [base for base in OBSERVATIONS if name == base or name.startswith(f"{base}_")]
    if not observed:
        raise InputError("driver", name, "a predictor, forcing or observation", "none such")
    base = max(observed, key=len)
    return "observation", base, OBSERVATIONS[base]


def area_weights(driver: xr.Dataset, dimension: str) -> Array:
    """Relative areas of the cells of the 0.25 degree grid, or of the cells of each patch.

    Parameters
    ----------
    driver
        A checked driver.
    dimension
        Dimension of the weights, ``cell`` or ``patch``.
    """
    area: Array = np.cos(np.deg2rad(driver["lat"].to_numpy().astype(float)))
    if dimension == PATCH_DIMENSION:
        area = np.bincount(driver[PATCH_DIMENSION].to_numpy(), area).astype(float)
    return area


def monthly_statistics(driver: xr.Dataset, name: str) -> pd.DataFrame:
    """Statistics of a variable in each month, over all cells or patches.

    Parameters
    ----------
    driver
        A checked driver that has the variable, of dimension time and maybe cell or patch.
    name
        Name of the variable.

    Returns
    -------
    DataFrame
        One row per month, the index time: the area-weighted mean, and percentile_5 and
        percentile_95 over cells or patches; NaN for a month without any value.
    """
    variable = driver[name]
    values = variable.to_numpy().reshape(-1, variable.sizes["time"])
    weights: Array = np.ones(1)
    if variable.dims[0] != "time":
        weights = area_weights(driver, str(variable.dims[0]))
    rows = np.full((values.shape[1], 3), np.nan)
    for month, column in enumerate(values.T):
        known = np.isfinite(column)
        if known.any():
            rows[month, 0] = np.average(column[known].astype(float), weights=weights[known])
            rows[month, 1:] = np.quantile(column[known], [0.05, 0.95])
    return pd.DataFrame(
        rows,
        columns=["mean", "percentile_5", "percentile_95"],
        index=pd.Index(driver["time"].to_numpy(), name="time"),
    )


def check_quality(driver: xr.Dataset, patches: xr.Dataset, names: Sequence[str]) -> pd.DataFrame:
    """Describe variables of a driver, and remark on what looks wrong.

    Parameters
    ----------
    driver
        A checked driver, in memory or of :func:`open_driver`.
    patches
        Patches of the driver.
    names
        Variables to describe, whether the driver has them or not.

    Returns
    -------
    DataFrame
        One row per variable. Columns variable, kind, units; minimum, percentile_1, median,
        percentile_99, maximum of all values, and their area-weighted mean; allowed_minimum and
        allowed_maximum, beyond which the driver is refused; coverage (share of cells, or of
        cells and months, or of patches and months, that have a value); first_month, last_month
        and months (number) with any value; places (cells or patches with any value) of
        places_total; patches (with any value) of patches_total, and patches_kept (the same, of
        those that are trained on or tested) of kept_total; remark, empty where nothing is wrong.
    """
    return pd.DataFrame([_describe(driver, patches, name) for name in names])


def _describe(driver: xr.Dataset, patches: xr.Dataset, name: str) -> dict[str, object]:
    kind, base, facts = known_variable(name)
    row: dict[str, object] = {
        "variable": name,
        "kind": kind,
        "units": facts.units,
        **dict.fromkeys(
            ("minimum", "percentile_1", "median", "mean", "percentile_99", "maximum"), np.nan
        ),
        "allowed_minimum": facts.minimum,
        "allowed_maximum": facts.maximum,
        "coverage": 0.0,
        "first_month": "",
        "last_month": "",
        "months": 0,
        "places": 0,
        "places_total": 0,
        "patches": 0,
        "patches_total": len(np.unique(driver[PATCH_DIMENSION].to_numpy())),
        "patches_kept": 0,
        "kept_total": patches.sizes["patch"],
    }
    if name not in driver:
        return {**row, "remark": "not in the driver"}
    variable = driver[name]
    values = variable.to_numpy()
    known = np.isfinite(values)
    row["coverage"] = float(known.mean())
    row |= _places(driver, patches, variable.dims, known)
    if "time" in variable.dims:
        row |= _months(driver, known)
    if not known.any():
        return {**row, "remark": "no value"}
    finite = values[known]
    low, median, high = np.quantile(finite, [0.01, 0.5, 0.99])
    row |= {
        "minimum": float(finite.min()),
        "percentile_1": float(low),
        "median": float(median),
        "mean": _area_mean(driver, variable.dims, values, known),
        "percentile_99": float(high),
        "maximum": float(finite.max()),
    }
    return {**row, "remark": "; ".join(_remarks(driver, name, base, facts, row, values))}


def _places(
    driver: xr.Dataset, patches: xr.Dataset, dims: tuple[object, ...], known: npt.NDArray[np.bool_]
) -> dict[str, object]:
    if dims[0] == "time":
        return {}
    here = known.reshape(len(known), -1).any(axis=1)
    numbers = driver[PATCH_DIMENSION].to_numpy()
    seen = np.flatnonzero(here) if dims[0] == PATCH_DIMENSION else np.unique(numbers[here])
    return {
        "places": int(here.sum()),
        "places_total": here.size,
        "patches": seen.size,
        "patches_kept": int(np.isin(patches["number"].to_numpy(), seen).sum()),
    }


def _months(driver: xr.Dataset, known: npt.NDArray[np.bool_]) -> dict[str, object]:
    seen = np.flatnonzero(known.reshape(-1, known.shape[-1]).any(axis=0))
    if seen.size == 0:
        return {}
    time = driver["time"].dt.strftime("%Y-%m").to_numpy()
    return {
        "first_month": str(time[seen[0]]),
        "last_month": str(time[seen[-1]]),
        "months": seen.size,
    }


def _area_mean(
    driver: xr.Dataset, dims: tuple[object, ...], values: Array, known: npt.NDArray[np.bool_]
) -> float:
    if dims[0] == "time":
        return float(values[known].mean(dtype=float))
    weights = area_weights(driver, str(dims[0]))
    flat, seen = values.reshape(len(values), -1), known.reshape(len(values), -1)
    sums = np.where(seen, flat, 0).sum(axis=1, dtype=float)
    return float((weights * sums).sum() / (weights * seen.sum(axis=1)).sum())


def _remarks(
    driver: xr.Dataset,
    name: str,
    base: str,
    facts: Variable,
    row: Mapping[str, object],
    values: Array,
) -> Iterator[str]:
    number = {key: float(value) for key, value in row.items() if isinstance(value, int | float)}
    yield from _implausible(base, facts, number)
    size = max(abs(number["percentile_1"]), abs(number["percentile_99"]))
    # One value for all months is what a global mean of few years, or a single cell, may well have.
    if values.size > 1 and number["percentile_99"] - number["percentile_1"] <= CONSTANT * size:
        yield f"almost constant: 98 % of the values are {number['median']:.3g}"
    if facts.group != "site" and number["coverage"] < RARE:
        yield f"coverage of {number['coverage']:.2%} only"
    if "time" in driver[name].dims:
        yield from _gaps(driver, values)
    if base in SEASONAL:
        yield from _upside_down(driver, values)
    if base in _RELATIONS:
        yield from _RELATIONS[base](driver, values)


def _implausible(base: str, facts: Variable, number: Mapping[str, float]) -> Iterator[str]:
    plausible = PLAUSIBLE.get(base)
    if plausible is None:
        return
    statistics = {
        "median": number["median"],
        "mean": number["mean"],
        "half_range": (number["percentile_99"] - number["percentile_1"]) / 2,
    }
    found = statistics[plausible.statistic]
    if not plausible.minimum <= found <= plausible.maximum:
        words = plausible.statistic.replace("_", " ")
        guess = f" ({plausible.mistake}?)" if plausible.mistake else ""
        yield (
            f"{words} of {found:.3g}, expected {plausible.minimum:g} to {plausible.maximum:g}"
            f" {facts.units}{guess}"
        )


def _gaps(driver: xr.Dataset, values: Array) -> Iterator[str]:
    seen = np.isfinite(values).reshape(-1, values.shape[-1]).any(axis=0)
    months = np.arange(seen.size)
    inside = (months >= months[seen].min()) & (months <= months[seen].max())
    empty = months[inside & ~seen]
    if empty.size:
        first = driver["time"].dt.strftime("%Y-%m").to_numpy()[empty[0]]
        yield f"{empty.size} months without any value, the first {first}"


def _annual_cycle(values: Array) -> Array:
    """Mean of each calendar month [place, 12]; NaN for months that a place never saw."""
    years = values.reshape(len(values), values.shape[1] // MONTHS_PER_YEAR, MONTHS_PER_YEAR)
    known = np.isfinite(years)
    count = known.sum(axis=1)
    sums = np.where(known, years, 0).sum(axis=1, dtype=float)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def _upside_down(driver: xr.Dataset, values: Array) -> Iterator[str]:
    latitude = driver["lat"].to_numpy().astype(float)
    seasonal = np.abs(latitude) >= SEASONAL_LATITUDE
    cycle = _annual_cycle(values[seasonal])
    # Midsummer of the northern sun is in the second half of June.
    sun = np.sign(latitude[seasonal])[:, None] * np.cos(
        2 * np.pi * (np.arange(MONTHS_PER_YEAR) - 5.2) / MONTHS_PER_YEAR
    )
    varying = np.isfinite(cycle).all(axis=1) & (np.ptp(cycle, axis=1) > 0)
    if not varying.any():
        return
    cycle, sun = (
        part[varying] - part[varying].mean(axis=1, keepdims=True) for part in (cycle, sun)
    )
    correlation = (cycle * sun).sum(axis=1) / np.sqrt((cycle**2).sum(axis=1) * (sun**2).sum(axis=1))
    typical = float(np.median(correlation))
    if typical < ANTIPHASE:
        yield (
            f"annual cycle against the sun poleward of {SEASONAL_LATITUDE:g} degrees"
            f" (median correlation {typical:.2f}): north and south, or the months, mixed up?"
        )


def _moisture(driver: xr.Dataset, values: Array) -> Iterator[str]:
    warmest = driver["t_max"].to_numpy()
    # Magnus formula, hPa; where it freezes it leaves the order of magnitude as it is.
    saturation = 6.112 * np.exp(17.62 * warmest / (243.12 + warmest))
    ratio = float(np.median(values / saturation))
    if not MOISTEST_AIR <= ratio <= DRIEST_AIR:
        yield (
            f"median of {ratio:.2g} times the saturation vapour pressure at t_max, expected"
            f" {MOISTEST_AIR:g} to {DRIEST_AIR:g}{' (kPa?)' if ratio < MOISTEST_AIR else ''}"
        )


def _mean_temperature(driver: xr.Dataset, values: Array) -> Iterator[str]:
    mean = (driver["t_min"].mean("time") + driver["t_max"].mean("time")).to_numpy() / 2
    apart = float(np.median(values - mean))
    if abs(apart) > 5:
        yield f"median of {apart:+.1f} degC against the mean of t_min and t_max"


def _mean_precipitation(driver: xr.Dataset, values: Array) -> Iterator[str]:
    mean = 365.25 * driver["precipitation"].mean("time").to_numpy()
    ratio = float(np.median(values[mean > 0] / mean[mean > 0]))
    if ratio < 0.5 or ratio > 2:
        yield f"median of {ratio:.2g} times the yearly sum of precipitation"


def _sum_of(names: Sequence[str], low: float, high: float, units: str) -> Callable[..., Iterator]:
    def check(driver: xr.Dataset, values: Array) -> Iterator[str]:
        if not set(names) <= set(driver.data_vars):
            return
        total = float(np.median(sum(driver[name].to_numpy().astype(float) for name in names)))
        if not low <= total <= high:
            yield (
                f"sum with {', '.join(names[1:3])}{', ...' if len(names) > 3 else ''}: median"
                f" {total:.3g}, expected {range_in_words(low, high, units)}"
            )

    return check


_RELATIONS: Mapping[str, Callable[[xr.Dataset, Array], Iterator[str]]] = {
    "vpd": _moisture,
    "mean_annual_temperature": _mean_temperature,
    "mean_annual_precipitation": _mean_precipitation,
    "sand": _sum_of(("sand", "silt", "clay"), 80, 105, "%"),
    PREDICTOR_GROUPS["PFT"][0]: _sum_of(PREDICTOR_GROUPS["PFT"], 0.5, 1.02, "as fractions"),
}

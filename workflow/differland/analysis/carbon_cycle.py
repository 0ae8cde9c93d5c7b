"""Carbon exchange of regions against inversions and land models (paper, Results; Fig. S8-S12).

All sources are added up over the same cells and areas: a cell counts if every source has a value in
it in each of the months that the source covers. Net biosphere exchange (NBE) is positive into the
atmosphere. Inversions and models are taken as they are given: what rivers and trade carry away is
not added to the one nor taken from the other.

Formulas: docs/metrics.md, "Regional carbon budgets".
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from differland.driver import MONTHS_PER_YEAR
from differland.errors import InputError
from differland.files import read_netcdf
from differland.regridding.study_grid import STUDY_GRID, cell_numbers

GLOBAL, ALL_CELLS, HELD_OUT = "Global", "All cells", "Test patches"
"""Of the study's cells: all that count, of a study of the globe or of a part of it, and those of
them that no member was trained on."""

WHOLE = (GLOBAL, ALL_CELLS)
"""What the sum of all cells that count may be called."""

MODEL, INVERSION, LAND_MODEL, MODEL_MEAN = "DifferLand", "inversion", "land model", "model mean"
"""Kinds of sources."""

TRENDY_MEAN = "TRENDY mean"

LITTLE_COVER = 0.9
"""Share of the study's area below which a source is warned about: all others lose cells by it."""

PETAGRAM = 1e15
"""Grams."""

FEWEST = 3
"""Pairs, or years, below which there is no correlation and no trend."""

Array = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


class Exchange(NamedTuple):
    """Net biosphere exchange of a source.

    Attributes
    ----------
    name, kind
        Name and kind of the source.
    months
        Months of `values`.
    values
        Net biosphere exchange, gC m-2 day-1, shape (month, cell); NaN where the source has none.
    """

    name: str
    kind: str
    months: pd.PeriodIndex
    values: np.ndarray


@dataclass(frozen=True)
class ExchangeFiles:
    """Files of inversions and land models, which are read one at a time.

    Attributes
    ----------
    driver
        A checked driver, whose observations the inversions are.
    inversions
        Names by variable of the driver, the reference first; those that it lacks are passed over.
    land_models
        Files of :func:`differland.datasets.land_models.exchange_of_cells` by name of the model.
    """

    driver: Path
    inversions: Mapping[str, str]
    land_models: Mapping[str, Path]

    def cells(self) -> xr.Dataset:
        """Locations, patches and months of the driver."""
        return read_netcdf(self.driver, names=["lat", "lon", "patch", "time"])

    def __iter__(self) -> Iterator[Exchange]:
        """Yield the exchange of one source after another.

        Raises
        ------
        InputError
            The driver lacks the reference inversion.
        """
        reference = next(iter(self.inversions))
        driver = read_netcdf(self.driver, names=["patch", "time", *self.inversions])
        if reference not in driver:
            expected = "the inversion to compare with (carbon_cycle.compare: false does without)"
            raise InputError(self.driver, reference, expected, "none")
        patch = driver["patch"].to_numpy()
        for variable, name in self.inversions.items():
            if variable in driver:
                values = driver[variable].transpose("time", "patch").to_numpy()[:, patch]
                yield Exchange(name, INVERSION, _months(driver), values)
        for name, file in self.land_models.items():
            dataset = read_netcdf(file)
            yield Exchange(name, LAND_MODEL, _months(dataset), dataset["nbe"].to_numpy())


def common_cells(
    sources: ExchangeFiles,
    patches: xr.Dataset,
    region: npt.NDArray[np.integer],
    names: Sequence[str],
) -> xr.Dataset:
    """Find the cells that all sources have.

    Parameters
    ----------
    sources
        Inversions and land models.
    patches
        Patches of the study, with its test set.
    region
        Index into `names` of each cell's region.
    names
        Names of the regions.

    Returns
    -------
    Dataset of ``region(cell)``; ``area(cell)``, m2; ``common(cell)`` and ``test(cell)``, 1 or 0;
    ``covered(source)``, share of the area of all cells where the source has values in every month
    that it covers.

    Raises
    ------
    InputError
        No cell is left, or a source is of other cells.
    """
    driver = sources.cells()
    area = cell_areas(driver["lat"].to_numpy(), driver["lon"].to_numpy())
    common = np.ones(area.size, bool)
    covered = {}
    for source in sources:
        if source.values.shape[1:] != area.shape:
            found = f"{source.values.shape[1]} cells"
            raise InputError(source.name, "cell", f"the {area.size} cells of the driver", found)
        known = np.isfinite(source.values)
        complete = known[known.any(axis=1)].all(axis=0) & known.any()
        covered[source.name] = float(area[complete].sum() / area.sum())
        level = logging.INFO if covered[source.name] > LITTLE_COVER else logging.WARNING
        logger.log(level, "%s covers %.1f %% of the area", source.name, 100 * covered[source.name])
        common &= complete
    if not common.any():
        shares = ", ".join(f"{name} {share:.0%}" for name, share in covered.items())
        expected = (
            "cells that every source has in all of its months (else carbon_cycle.compare: false)"
        )
        raise InputError("carbon cycle", "cell", expected, f"none; of the area, {shares}")
    tests = patches["number"].to_numpy()[patches["test"].to_numpy() == 1]
    flags = {"units": "1", "flag_values": np.arange(len(names), dtype=np.int8)}
    meanings = " ".join(name.replace(" ", "_") for name in names)
    return xr.Dataset(
        {
            "region": (
                "cell",
                region.astype(np.int8),
                {**flags, "flag_meanings": meanings, "long_name": "region of the carbon budget"},
            ),
            "area": ("cell", area, {"units": "m2", "standard_name": "cell_area"}),
            "common": (
                "cell",
                common.astype(np.int8),
                {"units": "1", "long_name": "1 where every source has values"},
            ),
            "test": (
                "cell",
                np.isin(driver["patch"].to_numpy(), tests).astype(np.int8),
                {"units": "1", "long_name": "1 for a cell of the test set"},
            ),
            "covered": (
                "source",
                np.array(list(covered.values())),
                {"units": "1", "long_name": "share of the area where the source has values"},
            ),
        },
        coords={
            "source": list(covered),
            **{
                name: ("cell", driver[name].to_numpy(), driver[name].attrs)
                for name in ("lat", "lon")
            },
        },
        attrs={"title": "Cells over which carbon exchange is added up"},
    )


def cell_areas(latitude: np.ndarray, longitude: np.ndarray) -> Array:
    """Areas of the cells of the study's grid in which places lie, on a sphere, m2."""
    row, _ = cell_numbers(latitude, longitude)
    areas: Array = STUDY_GRID.cell_areas()[row, 0]
    return areas


def region_areas(cells: xr.Dataset) -> xr.DataArray:
    """Area of each cell that counts in each region, m2, by which fluxes become totals.

    Parameters
    ----------
    cells
        Cells that all sources have, from :func:`common_cells`.

    Returns
    -------
    Areas, m2, shape (cell, region), 0 elsewhere. Regions are :data:`GLOBAL`, or
    :data:`ALL_CELLS` where a region of the table has none of them; those of the table, and
    :data:`HELD_OUT`, if any cell that counts is in them.
    """
    names = [name.replace("_", " ") for name in cells["region"].attrs["flag_meanings"].split()]
    counts = cells["area"].to_numpy() * cells["common"].to_numpy()
    region = cells["region"].to_numpy()
    there = [number for number in range(len(names)) if (counts[region == number] > 0).any()]
    whole = GLOBAL if len(there) == len(names) else ALL_CELLS
    columns = {whole: counts} | {names[k]: counts * (region == k) for k in there}
    held_out = counts * cells["test"].to_numpy()
    if held_out.any():
        columns[HELD_OUT] = held_out
    return xr.DataArray(
        np.stack(list(columns.values()), axis=1),
        dims=("cell", "region"),
        coords={"region": list(columns)},
        attrs={"units": "m2"},
    )


def add_up(
    flux: np.ndarray, areas: npt.NDArray[np.floating], months: pd.PeriodIndex
) -> npt.NDArray[np.float64]:
    """Totals over regions.

    Parameters
    ----------
    flux
        Carbon flux, gC m-2 day-1, shape (..., month, cell).
    areas
        Areas, m2, shape (cell, region); cells of no area in any region may have any value.
    months
        Months of the flux, whose lengths in days enter the totals.

    Returns
    -------
    Totals, Pg C month-1, shape (..., month, region); NaN where a cell that counts has no value.
    """
    counts = areas.any(axis=1)
    weights = areas[counts] / PETAGRAM
    total = np.empty((*flux.shape[:-1], areas.shape[1]))
    # A year at a time: the sum is in double precision, the fluxes need not be.
    for first in range(0, months.size, MONTHS_PER_YEAR):
        year = slice(first, first + MONTHS_PER_YEAR)
        total[..., year, :] = flux[..., year, counts].astype(float) @ weights
    return total * months.days_in_month.to_numpy()[:, None]


def compare(
    sources: ExchangeFiles, cells: xr.Dataset, members: xr.DataArray, spin_up_months: int
) -> tuple[xr.Dataset, pd.DataFrame, pd.DataFrame]:
    """Compare the exchange of regions between DifferLand, inversions and land models.

    Parameters
    ----------
    sources
        Inversions and land models.
    cells
        Cells that all sources have, from :func:`common_cells`.
    members
        Totals of the members of DifferLand, Pg C month-1, of dimensions (member, time, region).
    spin_up_months
        Months at the start that do not count, whole years.

    Returns
    -------
    series : Dataset
        Series by source and region: ``exchange`` of every month; ``seasonal_cycle``, the mean of
        each calendar month over the common years; ``annual`` totals; their ``anomaly`` from the
        mean over the common years; ``trend``, the slope of the least-squares line through the
        annual totals of the common years, and its standard error. ``NAME_spread`` is the standard
        deviation of the same among the members of DifferLand. Common years are those of which every
        source has all months (``common(year)``).
    agreement : DataFrame
        Columns region, source, kind, reference, scale, units, first_year, last_year, n, bias, rmse,
        correlation; see :func:`agreement`. Each inversion is a reference in turn, over the years
        that it shares with the source.
    trends : DataFrame
        Columns region, source, kind, first_year, last_year, n, mean (Pg C year-1),
        standard_deviation (Pg C year-1, n - 1), trend (Pg C year-2), standard_error.

    Raises
    ------
    InputError
        There is no year that all sources have.
    """
    areas = region_areas(cells)
    months = _months(members)[spin_up_months:]
    own = members.transpose("member", "time", "region").to_numpy()[:, spin_up_months:]
    totals, kinds = {MODEL: own.mean(axis=0)}, {MODEL: MODEL}
    for source in sources:
        found = add_up(source.values, areas.to_numpy(), source.months)
        place = source.months.get_indexer(months)
        totals[source.name] = np.where((place >= 0)[:, None], found[place], np.nan)
        kinds[source.name] = source.kind
    models = [totals[name] for name, kind in kinds.items() if kind == LAND_MODEL]
    if len(models) > 1:
        totals[TRENDY_MEAN], kinds[TRENDY_MEAN] = np.mean(models, axis=0), MODEL_MEAN

    exchange = np.stack(list(totals.values())).swapaxes(1, 2)
    annual = annual_totals(exchange)
    years = months.year.to_numpy()[::MONTHS_PER_YEAR]
    common = np.asarray(np.isfinite(annual).all(axis=(0, 1)))
    if not common.any():
        spans = ", ".join(
            f"{name} {_span(years, np.isfinite(annual[number, 0]))}"
            for number, name in enumerate(totals)
        )
        raise InputError("carbon cycle", "time", "a whole year that every source has", spans)
    series = _series(exchange, own.swapaxes(1, 2), common)
    dataset = xr.Dataset(
        {name: (dims, values, attributes) for name, (dims, values, attributes) in series.items()},
        coords={
            "source": list(totals),
            "kind": ("source", list(kinds.values())),
            "region": areas["region"].to_numpy(),
            "time": members["time"][spin_up_months:],
            "month": np.arange(1, MONTHS_PER_YEAR + 1),
            "year": years,
        },
        attrs={
            "title": "Net biosphere exchange of regions",
            "reference": next(name for name, kind in kinds.items() if kind == INVERSION),
            "comment": "positive into the atmosphere; over the same cells for every source",
        },
    )
    dataset["common"] = ("year", common.astype(np.int8), {"units": "1"})
    dataset["area"] = ("region", areas.to_numpy().sum(axis=0), {"units": "m2"})
    return dataset, _agreement_table(dataset), _trend_table(dataset)


def annual_totals(exchange: np.ndarray) -> Array:
    """Sums of the months of each year, shape (..., month) to (..., year); NaN where one is."""
    shape = (*exchange.shape[:-1], -1, MONTHS_PER_YEAR)
    totals: Array = exchange.reshape(shape).sum(axis=-1)
    return totals


def mean_cycle(exchange: np.ndarray, years: npt.NDArray[np.bool_]) -> Array:
    """Mean of each calendar month over the chosen years, shape (..., month) to (..., 12)."""
    shape = (*exchange.shape[:-1], -1, MONTHS_PER_YEAR)
    cycle: Array = exchange.reshape(shape)[..., years, :].mean(axis=-2)
    return cycle


def linear_trend(years: np.ndarray, values: np.ndarray) -> tuple[Array, Array]:
    """Slope of the least-squares line, and its standard error.

    Parameters
    ----------
    years
        Calendar years, shape (year,).
    values
        Annual values, shape (..., year).

    Returns
    -------
    Slope and standard error per year, each of shape (...); NaN for fewer than three years. The
    error is that of independent residuals (n - 2 degrees of freedom).
    """
    count = years.size
    if count < FEWEST:
        nothing = np.full(values.shape[:-1], np.nan)
        return nothing, nothing
    time = years - years.mean()
    slope = values @ time / (time @ time)
    residual = values - values.mean(axis=-1, keepdims=True) - slope[..., None] * time
    error = np.sqrt((residual**2).sum(axis=-1) / (count - 2) / (time @ time))
    return slope, error


def agreement(
    reference: np.ndarray, source: np.ndarray
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Measure how two series of the same whole years agree.

    Parameters
    ----------
    reference, source
        Pg C month-1, shape (month,), whole calendar years.

    Yields
    ------
    Scale, units, and n, bias (mean of source minus reference; NaN for anomalies, which have none),
    rmse and correlation (Pearson; NaN for fewer than three pairs, four without their trend, and
    where nothing varies) at each scale: ``month``, all months; ``seasonal cycle``, the mean of each
    calendar month; ``year``, annual totals; ``annual anomaly``, these without their mean;
    ``detrended annual anomaly``, these without their linear trend.
    """
    pair = np.stack([reference, source])
    yield "month", "PgC month-1", _skill(pair)
    every = np.ones(pair.shape[1] // MONTHS_PER_YEAR, bool)
    yield "seasonal cycle", "PgC month-1", _skill(mean_cycle(pair, every))
    annual = annual_totals(pair)
    yield "year", "PgC year-1", _skill(annual)
    anomaly = annual - annual.mean(axis=1, keepdims=True)
    unbiased = {"bias": np.nan}
    yield "annual anomaly", "PgC year-1", _skill(anomaly) | unbiased
    time = np.arange(annual.shape[1])
    slope, _ = linear_trend(time, anomaly)
    detrended = anomaly - slope[:, None] * (time - time.mean())
    yield "detrended annual anomaly", "PgC year-1", _skill(detrended, FEWEST + 1) | unbiased


def _skill(pair: np.ndarray, fewest: int = FEWEST) -> dict[str, float]:
    """Skill of a source, the second row, against its reference, the first."""
    difference = pair[1] - pair[0]
    varies = pair.shape[1] >= fewest and (pair.std(axis=1) > 0).all()
    return {
        "n": pair.shape[1],
        "bias": float(difference.mean()),
        "rmse": float(np.sqrt((difference**2).mean())),
        "correlation": float(np.corrcoef(pair)[0, 1]) if varies else np.nan,
    }


def _months(dataset: xr.Dataset | xr.DataArray) -> pd.PeriodIndex:
    index: pd.DatetimeIndex = dataset.indexes["time"]  # type: ignore[assignment]
    return index.to_period("M")


def _span(years: np.ndarray, there: np.ndarray) -> str:
    known = years[there]
    return f"{known[0]} to {known[-1]}" if known.size else "none"


def _series(
    exchange: np.ndarray, members: np.ndarray, common: np.ndarray
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """All variables of the comparison, of sources and (as their spread) of members."""
    rate, month, year = "PgC month-1", ("time",), ("year",)

    def derived(values: np.ndarray) -> dict[str, tuple[tuple[str, ...], np.ndarray, str, str]]:
        annual = annual_totals(values)
        mean = annual[..., common].mean(axis=-1, keepdims=True)
        trend, error = linear_trend(np.flatnonzero(common), annual[..., common])
        return {
            "exchange": (month, values, rate, "net biosphere exchange"),
            "seasonal_cycle": (
                ("month",),
                mean_cycle(values, common),
                rate,
                "mean of each calendar month over the common years",
            ),
            "annual": (year, annual, "PgC year-1", "annual net biosphere exchange"),
            "anomaly": (
                year,
                annual - mean,
                "PgC year-1",
                "annual net biosphere exchange minus its mean over the common years",
            ),
            "trend": ((), trend, "PgC year-2", "linear trend over the common years"),
            "trend_error": ((), error, "PgC year-2", "standard error of the linear trend"),
        }

    result = {
        name: (("source", "region", *dims), values, {"units": units, "long_name": long_name})
        for name, (dims, values, units, long_name) in derived(exchange).items()
    }
    ddof = min(1, len(members) - 1)
    for name, (dims, values, units, long_name) in derived(members).items():
        if name != "trend_error":
            attributes = {
                "units": units,
                "long_name": f"{long_name}: standard deviation among the members of DifferLand",
            }
            spread = values.std(axis=0, ddof=ddof)
            result[f"{name}_spread"] = (("region", *dims), spread, attributes)
    return result


def _agreement_table(series: xr.Dataset) -> pd.DataFrame:
    kinds = dict(zip(series["source"].to_numpy(), series["kind"].to_numpy(), strict=True))
    years = series["year"].to_numpy()
    exchange, annual = series["exchange"].to_numpy(), series["annual"].to_numpy()
    names = list(kinds)
    rows: list[dict[str, Any]] = []
    for reference in (name for name, kind in kinds.items() if kind == INVERSION):
        first = names.index(reference)
        for second, (source, kind) in enumerate(kinds.items()):
            both = np.isfinite(annual[[first, second]]).all(axis=(0, 1))
            if source == reference or not both.any():
                continue
            months = np.repeat(both, MONTHS_PER_YEAR)
            for number, region in enumerate(series["region"].to_numpy()):
                pair = exchange[[first, second], number][:, months]
                key = {"region": region, "source": source, "kind": kind, "reference": reference}
                span = {"first_year": years[both][0], "last_year": years[both][-1]}
                rows += [
                    {**key, "scale": scale, "units": units, **span, **skill}
                    for scale, units, skill in agreement(*pair)
                ]
    columns = ["region", "source", "kind", "reference", "scale", "units", "first_year", "last_year"]
    return pd.DataFrame(rows, columns=[*columns, "n", "bias", "rmse", "correlation"])


def _trend_table(series: xr.Dataset) -> pd.DataFrame:
    common = series["common"].to_numpy() == 1
    years = series["year"].to_numpy()[common]
    annual = series["annual"].isel(year=common)
    ddof = min(1, years.size - 1)
    table = xr.Dataset(
        {
            "mean": annual.mean("year"),
            "standard_deviation": annual.std("year", ddof=ddof),
            "trend": series["trend"],
            "standard_error": series["trend_error"],
        }
    ).to_dataframe(dim_order=["region", "source"])
    span = {"first_year": years[0], "last_year": years[-1], "n": years.size}
    columns = ["region", "source", "kind", *span]
    columns += ["mean", "standard_deviation", "trend", "standard_error"]
    return table.reset_index().assign(**span)[columns]

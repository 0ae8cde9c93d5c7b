"""Raw products on the study's grid: fields of any native grid, regridded in bands."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from differland.datasets.fields import Field, check_months, is_annual
from differland.driver import table_row
from differland.regridding.conservative import Band, Regridder
from differland.regridding.esmf import EsmfRegridder
from differland.regridding.grid import Grid
from differland.regridding.study_grid import study_window

logger = logging.getLogger(__name__)

Method = Literal["exact", "conservative", "bilinear"]

DETAIL = "native_detail"
"""Attribute of a variable: distinct values over values of the provider's numbers of a field, the
lowest of all fields. Numbers that somebody rounded have few; NaN where a field has too few values.
"""

DETAIL_SAMPLE, FEWEST_DETAILED = 20_000, 2_000
"""Values of a field that are looked at, and without which there is nothing to tell; zeros apart."""


@dataclass(frozen=True)
class Gridding:
    """Settings of the regridding to the study's grid.

    Attributes
    ----------
    target
        Grid of the study.
    method
        ``exact``: the product of two one-dimensional conservative operators; ``conservative``:
        the operator of ESMF, as a check; ``bilinear``: that of ESMF between nodes.
    minimum_coverage
        Share of a cell's area, 0 to 1, that must have values.
    weights
        Folder in which weights of ESMF are kept.
    """

    target: Grid
    method: Method
    minimum_coverage: float
    weights: Path

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], product: Mapping[str, Any], weights: Path | str
    ) -> Self:
        """Make the regridding settings from the configuration.

        Parameters
        ----------
        settings
            Settings with the keys window, method and minimum_coverage.
        product
            Settings of the product, of which ``nodes: bilinear`` asks for interpolation.
        weights
            Folder in which weights of ESMF are kept.
        """
        method: Method = "exact" if settings["method"] == "exact" else "conservative"
        if product.get("nodes") == "bilinear":
            method = "bilinear"
        return cls(
            study_window(**settings["window"]), method, settings["minimum_coverage"], Path(weights)
        )


def grid_static(variables: Mapping[str, Field], gridding: Gridding) -> xr.Dataset:
    """Put fields that do not change with time on the study's grid.

    Parameters
    ----------
    variables
        Fields by the name that they get.
    gridding
        Settings of the regridding.

    Returns
    -------
    Variables, each of shape (lat, lon), float32, NaN where too little of a cell has values.
    """
    gridder = _Gridder(gridding)
    dataset = _empty(gridding.target)
    for name, field in tqdm(variables.items(), "static fields", disable=None):
        _put(dataset, name, ("lat", "lon"), gridder.regrid(field), str(field.file.name))
        dataset[name].attrs[DETAIL] = gridder.told_detail()
    return dataset


def grid_year(
    variables: Mapping[str, Iterable[Field]], year: int, gridding: Gridding, gaps: bool
) -> xr.Dataset:
    """Put the fields of one year on the study's grid.

    Parameters
    ----------
    variables
        Fields by the name that they get: those of the months of the year, or parts of months with
        their weights, or one field of the whole year.
    year
        Fields of other years are passed over.
    gridding
        Settings of the regridding.
    gaps
        Whether months may be missing, which become NaN.

    Returns
    -------
    Monthly variables of shape (time, lat, lon), annual ones of (lat, lon); float32, NaN where too
    little of a cell has values. A month of several parts is the mean of those that a cell has,
    weighted by their days.

    Raises
    ------
    InputError
        A month is missing although none may, or is there twice.
    """
    gridder = _Gridder(gridding)
    months = pd.period_range(f"{year}-01", f"{year}-12", freq="M")
    dataset = _empty(gridding.target)
    half = pd.to_timedelta(months.days_in_month / 2, unit="D")
    time = {"standard_name": "time", "long_name": "middle of the month"}
    for name, all_fields in variables.items():
        fields = [f for f in all_fields if f.month is not None and f.month.year == year]
        if len(fields) == 1 and is_annual(fields[0]):
            _put(dataset, name, ("lat", "lon"), gridder.regrid(fields[0]), fields[0].file.name)
            dataset[name].attrs[DETAIL] = gridder.told_detail()
            continue
        if not gaps:
            check_months(fields, name, months)
        if "time" not in dataset.coords:
            dataset = dataset.assign_coords(time=("time", months.to_timestamp() + half, time))
        values = np.full((12, *gridding.target.shape), np.nan, np.float32)
        for number, month in enumerate(tqdm(months, f"{name} {year}", unit="month", disable=None)):
            values[number] = _mean(gridder, [field for field in fields if field.month == month])
        files = ", ".join(dict.fromkeys(field.file.name for field in fields))
        _put(dataset, name, ("time", "lat", "lon"), values, files)
        dataset[name].attrs[DETAIL] = gridder.told_detail()
    return dataset


def _mean(gridder: "_Gridder", parts: list[Field]) -> np.ndarray:
    """Mean of the parts of a month that a cell has, weighted by their days."""
    total = np.zeros(gridder.gridding.target.shape)
    weight = np.zeros_like(total)
    for field in parts:
        values = gridder.regrid(field)
        there = np.isfinite(values)
        total += field.weight * np.where(there, values, 0)
        weight += field.weight * there
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def _detail(native: np.ndarray) -> float:
    """Number of distinct values over number of values of a sample, without zeros and gaps."""
    flat = native.ravel()[:: max(1, native.size // (2 * DETAIL_SAMPLE))]
    known = flat[np.isfinite(flat) & (flat != 0)][:DETAIL_SAMPLE]
    return np.unique(known).size / known.size if known.size >= FEWEST_DETAILED else np.nan


class _Gridder:
    """Regridding operators to one target, kept for the fields that share a grid."""

    def __init__(self, gridding: Gridding) -> None:
        self.gridding = gridding
        self.operators: dict[bytes, list[Band] | EsmfRegridder] = {}
        self.detail = np.nan

    def regrid(self, field: Field) -> np.ndarray:
        """Values of a field on the target; shape (rows, columns), double precision."""
        key = field.grid.latitude_edges.tobytes() + field.grid.longitude_edges.tobytes()
        if key not in self.operators:
            logger.info("from %d x %d cells: %s", *field.grid.shape, field.file.name)
            self.operators[key] = self._operator(field.grid)
        operator, coverage = self.operators[key], self.gridding.minimum_coverage
        if isinstance(operator, EsmfRegridder):
            # Its weights take more memory than the fields that bands would save.
            return operator.apply(self._read(field, slice(0, field.grid.shape[0])), coverage)
        values = np.empty(self.gridding.target.shape)
        for band in operator:
            values[band.target] = band.regridder.apply(self._read(field, band.source), coverage)
        return values

    def _read(self, field: Field, rows: slice) -> np.ndarray:
        native = field.read(rows)
        self.detail = np.fmin(self.detail, _detail(native))
        return native

    def told_detail(self) -> float:
        """The lowest detail of all fields since the last call."""
        detail, self.detail = self.detail, np.nan
        return float(detail)

    def _operator(self, source: Grid) -> list[Band] | EsmfRegridder:
        target, method, folder = self.gridding.target, self.gridding.method, self.gridding.weights
        if method == "exact":
            return list(Regridder.between(source, target).bands())
        return EsmfRegridder.between(source, target, method, folder, "raw.method")


def _empty(target: Grid) -> xr.Dataset:
    """A CF data set of the target's cells."""
    edges = {
        "lat": (target.latitude_edges, target.latitude, "latitude", "degrees_north", "Y"),
        "lon": (target.longitude_edges, target.longitude, "longitude", "degrees_east", "X"),
    }
    dataset = xr.Dataset(attrs={"title": "Raw products on the study's grid"})
    for name, (bounds, centres, standard_name, units, axis) in edges.items():
        attributes = {"standard_name": standard_name, "units": units, "axis": axis}
        dataset.coords[name] = (name, centres, attributes | {"bounds": f"{name}_bnds"})
        dataset[f"{name}_bnds"] = ((name, "bnds"), np.stack([bounds[:-1], bounds[1:]], axis=1))
    return dataset


def _put(
    dataset: xr.Dataset, name: str, dimensions: tuple[str, ...], values: np.ndarray, source: str
) -> None:
    row = table_row(name)
    attributes = {"units": row.units, "long_name": row.long_name, "source": source}
    if row.standard_name:
        attributes["standard_name"] = row.standard_name
    attributes["cell_methods"] = "area: mean"
    dataset[name] = (dimensions, values.astype(np.float32), attributes)

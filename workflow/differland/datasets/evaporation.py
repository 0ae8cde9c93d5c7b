"""Evaporation: GLEAM v4.2a, monthly files (paper, Observational constraints)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import (
    NativeVariable,
    check_year,
    find_variable,
    match_name,
    months_of_year,
    time_dimension,
)
from differland.datasets.temporal import read_monthly
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.units import are_same

FILE_NAME = re.compile(r"(?<![A-Za-z0-9])E_(\d{4})_GLEAM_v4.*_MO\.nc$")

TOTALS = ("mm", "mm/month", "mm month-1", "mm.month-1", "mm month^-1")
RATES = ("mm/day", "mm day-1", "mm.day-1", "mm/d", "mm d-1", "mm day^-1")

RANGE = (-2.0, 20.0)
"""Of monthly means, mm day-1; condensation is negative."""

SMALLEST_MAXIMUM = 30.0
"""Somewhere on the globe more than this evaporates in some month of any year, mm month-1."""

Units = Literal["stated", "mm month-1", "mm day-1"]


def read_gleam(
    files: Iterable[Path], units: Units = "stated", missing_value: float | None = None
) -> Iterator[Field]:
    """Read evapotranspiration ``et``, mm day-1.

    Parameters
    ----------
    files
        ``E_YYYY_GLEAM_v4.2a_MO.nc``: the variable ``E`` of the 12 months of a year, stamped with
        a day of the month.
    units
        Units of the values. Some copies label the monthly totals as daily rates, or the other way
        round: ``stated`` goes by the file, anything else overrules it.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    A field for each month of each file, in their order.

    Raises
    ------
    InputError
        A file breaks off, lacks the variable or a month, says that its values are no monthly ones
        (:mod:`differland.datasets.temporal`), states other units or none, or its
        values contradict its units: too large for rates, or too small, over the whole globe, for
        totals.
    """
    for file in files:
        year = int(match_name(FILE_NAME, file, "E_2005_GLEAM_v4.2a_MO.nc")[1])
        with open_netcdf(file) as dataset:
            variable = find_variable(dataset, "E", file)
            dimension = time_dimension(variable)
            held = months_of_year(year)
            months = read_monthly(dataset, "E", dimension, file, "monthly total", held)
        check_year(file, dimension, months, year)
        found = variable.units if units == "stated" else units
        check_units(file, "E", found, dict.fromkeys(TOTALS + RATES, 1.0))
        total = found is not None and are_same(found, TOTALS)
        if total:
            _check_totals(variable, dimension, missing_value)
        for step, month in enumerate(months):
            yield _field(variable, dimension, step, month, total, missing_value)


def _field(
    variable: NativeVariable,
    dimension: str,
    step: int,
    month: pd.Period,
    total: bool,
    missing_value: float | None,
) -> Field:
    days = month.days_in_month if total else 1

    def read(rows: slice) -> np.ndarray:
        values = variable.read(rows, {dimension: step}, missing_value) / days
        return check_range(variable.file, variable.name, values, *RANGE, "mm day-1")

    return Field("et", "mm day-1", variable.grid, read, variable.file, month)


def _check_totals(variable: NativeVariable, dimension: str, missing_value: float | None) -> None:
    """Refuse rates that are labelled as totals. A window may be too dry or cold to tell."""
    grid = variable.grid
    if not grid.cyclic or np.ptp(grid.latitude_edges) < 180:
        return
    largest = -np.inf
    for step in range(variable.sizes[dimension]):
        values = variable.read(slice(0, grid.shape[0]), {dimension: step}, missing_value)
        largest = max(largest, float(np.nanmax(values, initial=-np.inf)))
        if largest > SMALLEST_MAXIMUM:
            return
    expected = f"monthly totals, more than {SMALLEST_MAXIMUM:g} mm somewhere in the year"
    raise InputError(variable.file, variable.name, expected, f"{largest:g} at most: daily rates?")

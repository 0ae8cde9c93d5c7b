"""Terrestrial water storage: mascons of GRACE and GRACE-FO (paper, Observational constraints)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import NativeVariable, find_variable, read_dates, time_dimension
from differland.datasets.temporal import check_lengths, check_meaning
from differland.errors import InputError
from differland.opening import open_netcdf

VARIABLE = "lwe_thickness"
LAND_MASK = "land_mask"
SCALE_FACTOR = "scale_factor"
"""A variable of the file: the gains of its cells, not the packing of its values."""

UNITS = dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0)

RANGE = (-30_000.0, 30_000.0)
"""Anomalies of ice sheets included, mm."""

LAND = 1

MOST_SOLUTIONS = 2
"""Of a month: spans of months without all days are moved, so that two middles share a month."""


def read_mascons(
    file: Path,
    land_only: bool = True,
    scaled: bool = False,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read equivalent water thickness ``ewt``, mm, as anomaly from the mean of 2004 to 2009.

    Solutions belong to the month in which the middle of their span lies. Those that share a month
    are averaged. Months without any are left out, as between the two missions.

    Parameters
    ----------
    file
        ``GRCTellus.JPL.200204_*.GLO.RL06.3M.MSCNv04CRI.nc``, JPL RL06.3
        (doi:10.5067/TEMSC-3JC634), with time at mid-span.
    land_only
        Whether cells of the sea are missing, by the mask of the file.
    scaled
        Whether the gains of the file, which restore signals within a mascon, are applied. The
        paper's patches are larger than mascons.
    missing_value
        Value that stands for missing although the file does not say so.

    Yields
    ------
    A field for each month that has a solution, in order.

    Raises
    ------
    InputError
        The file breaks off, lacks a variable, has other units, says that its values are no means
        of about a month (:mod:`differland.datasets.temporal`), or its times do not rise or are more
        than two a month; values are out of range, or the mask is none.
    """
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, VARIABLE, file)
        dimension = time_dimension(variable)
        dates = read_dates(dataset, dimension, file)
        check_meaning(dataset, VARIABLE, file, "monthly mean")
        check_lengths(dataset, dimension, file, "solution")
        mask = find_variable(dataset, LAND_MASK, file) if land_only else None
        gain = find_variable(dataset, SCALE_FACTOR, file) if scaled else None
    factor = check_units(file, VARIABLE, variable.units, UNITS)
    if not dates.is_monotonic_increasing or dates.has_duplicates:
        late = int(np.flatnonzero(np.diff(dates.to_numpy()) <= np.timedelta64(0))[0])
        found = f"{dates[late]:%Y-%m-%d} before {dates[late + 1]:%Y-%m-%d}"
        raise InputError(file, dimension, "times that rise", found)
    months = dates.to_period("M")
    _check_solutions(months, dimension, file)
    for month in months.unique():
        layers = [{dimension: int(step)} for step in np.flatnonzero(months == month)]
        read = partial(_read_month, variable, layers, factor, mask, gain, missing_value)
        yield Field("ewt", "mm", variable.grid, read, file, month)


def _check_solutions(months: pd.PeriodIndex, name: str, file: Path) -> None:
    """Refuse series of shorter steps, such as those of days or of ten days."""
    counts = months.value_counts()
    if counts.max() > MOST_SOLUTIONS:
        month = counts.idxmax()
        expected = f"up to {MOST_SOLUTIONS} solutions, each of about a month, in a month"
        raise InputError(file, name, expected, f"{counts.max()} in {month}")


def recentred(anomalies: np.ndarray) -> np.ndarray:
    """Anomalies from the mean of the available months, as the objective compares them.

    Parameters
    ----------
    anomalies
        Months first, NaN where missing.
    """
    there = np.isfinite(anomalies)
    total = np.where(there, anomalies, 0).sum(axis=0)
    count = there.sum(axis=0)
    return anomalies - total / np.maximum(count, 1)


def _read_month(
    variable: NativeVariable,
    layers: list[dict[str, int]],
    factor: float,
    mask: NativeVariable | None,
    gain: NativeVariable | None,
    missing_value: float | None,
    rows: slice,
) -> np.ndarray:
    values = np.mean([variable.read(rows, layer, missing_value) for layer in layers], axis=0)
    values = values * factor
    if mask is not None:
        # The sea may hold anything, such as undeclared fill values.
        land = mask.single_layer().read(rows)
        check_range(mask.file, mask.name, land, 0, LAND, "(0 sea, 1 land)")
        values[land != LAND] = np.nan
    check_range(variable.file, variable.name, values, *RANGE, "mm")
    if gain is not None:
        values = values * gain.single_layer().read(rows, missing_value=missing_value)
    return values

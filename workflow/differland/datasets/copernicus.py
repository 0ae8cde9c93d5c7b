"""Leaf area index of the Copernicus Global Land Service, which a sensitivity experiment takes."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import NativeVariable, find_variable, match_name
from differland.datasets.temporal import check_meaning, check_span
from differland.errors import InputError
from differland.opening import open_netcdf

FILE_NAME = re.compile(
    r"^c_gls_LAI(?P<resolution>300)?(?:-RT\d)?_(?P<date>\d{8})\d{4}_[A-Z0-9]+_"
    r"(?:VGT|PROBAV|OLCI)_V\d+(?:\.\d+)+\.nc$"
)

VARIABLE = "LAI"
UNITS = dict.fromkeys(("m2 m-2", "m2/m2", "m^2/m^2", "m^2 m^-2", "1", "-", ""), 1.0)

LARGEST_NUMBER = 210
"""Stored number above which numbers are flags (sea, cloud, fill)."""

RANGE = (0.0, 10.0)

DEKAD = 10
"""Days of the first and of the second dekad of a month; the third has the rest."""


def read_copernicus_lai(
    files: Iterable[Path],
    scale_factor: float | None = None,
    missing_value: float | None = None,
) -> Iterator[Field]:
    """Read leaf area index ``lai``, m2 m-2, of dekads.

    Flags of quality are not used: a value that was estimated from few observations counts like
    any other.

    Parameters
    ----------
    files
        Three of each month, of 1 km (``c_gls_LAI_199907100000_GLOBE_VGT_V2.0.2.nc``,
        ``c_gls_LAI-RT6_202006300000_GLOBE_PROBAV_V2.0.1.nc``) or 300 m
        (``c_gls_LAI300_201708100000_GLOBE_PROBAV_V1.0.1.nc``,
        ``c_gls_LAI300-RT1_202101310000_GLOBE_OLCI_V1.1.1.nc``), not both. The date of the name is
        the last day of the dekad (version 2, 300 m) or one within it (version 1 of 1 km).
    scale_factor
        Scale factor of files of integers that do not state it; 1/30 is said to be that of all.
    missing_value
        Value that stands for missing although the files do not say so.

    Yields
    ------
    Fields of a dekad, whose weights are its days; ordered by time.

    Raises
    ------
    InputError
        A file is named otherwise or of another resolution than the first, a dekad is there twice
        (such as in near-real time and consolidated), or a month lacks one; a file breaks off,
        lacks the variable, says that it is of other days than its name has, or no mean
        (:mod:`differland.datasets.temporal`), states other units (none are understood as m2 m-2),
        or holds integers of unknown scale; values beyond 0 to 10.
    """
    dekads: dict[tuple[pd.Period, int], Path] = {}
    first: tuple[Path, str | None] | None = None
    for file in files:
        parts = match_name(FILE_NAME, file, "c_gls_LAI_200507100000_GLOBE_VGT_V2.0.2.nc")
        first = first or (file, parts["resolution"])
        if parts["resolution"] != first[1]:
            raise InputError(file, "file name", f"the resolution of {first[0].name}", file.name)
        try:
            date = pd.Timestamp(parts["date"])
        except ValueError as error:
            raise InputError(file, "file name", "a date YYYYMMDD", parts["date"]) from error
        key = date.to_period("M"), min((date.day - 1) // DEKAD, 2)
        if key in dekads:
            raise InputError(file, "time", "each dekad once", f"also {dekads[key]}")
        dekads[key] = file
    for month, number in dekads:
        absent = [other + 1 for other in range(3) if (month, other) not in dekads]
        if absent:
            expected, found = f"the 3 dekads of {month}", f"none of number {absent[0]}"
            raise InputError(dekads[month, number], "time", expected, found)
    for (month, number), file in sorted(dekads.items()):
        days = DEKAD if number < 2 else month.days_in_month - 2 * DEKAD
        start = pd.Timestamp(month.year, month.month, 1 + number * DEKAD)
        span = start, start + pd.Timedelta(days=days - 1)
        yield _field(file, month, span, scale_factor, missing_value)


def _field(
    file: Path,
    month: pd.Period,
    span: tuple[pd.Timestamp, pd.Timestamp],
    scale_factor: float | None,
    missing_value: float | None,
) -> Field:
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, VARIABLE, file).single_layer()
        check_meaning(dataset, VARIABLE, file, "mean of days")
        check_span(dataset, "time", file, span, "dekad")
        stored = dataset[VARIABLE]
        stated = getattr(stored, "scale_factor", None)
        offset = float(getattr(stored, "add_offset", 0.0))
    if variable.units is not None:
        check_units(file, VARIABLE, variable.units, UNITS)
    packing: tuple[float, float] | None = None
    if variable.dtype.kind != "f":
        scale = scale_factor if stated is None else float(stated)
        if scale is None:
            found = f"{variable.dtype} without one: give it as a choice of the product"
            raise InputError(file, VARIABLE, "integers with a scale factor", found)
        packing = scale, offset
    read = partial(_read, variable, packing, stated is not None, missing_value)
    days = (span[1] - span[0]).days + 1
    return Field("lai", "m2 m-2", variable.grid, read, file, month, weight=days)


def _read(
    variable: NativeVariable,
    packing: tuple[float, float] | None,
    unpacked: bool,
    missing_value: float | None,
    rows: slice,
) -> np.ndarray:
    values = variable.read(rows, missing_value=missing_value)
    if packing is not None:
        scale, offset = packing
        if not unpacked:
            values = values * scale + offset
        values[values > (LARGEST_NUMBER + 0.5) * scale + offset] = np.nan
    return check_range(variable.file, variable.name, values, *RANGE, "m2 m-2")

"""Result of every reader: fields on their native grid, in this library's units, read in bands."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from differland.errors import InputError
from differland.regridding.grid import Grid
from differland.units import are_same, normal, range_in_words


@dataclass(frozen=True, eq=False)
class Field:
    """One variable of a raw product at one time, on its native grid.

    Attributes
    ----------
    name, units
        Name in ``resources/variables.csv`` where the field has one, and units after conversion.
    grid
        Native grid, in the file's own order of rows and columns.
    read
        Rows of the grid (a slice) to values in `units`, float64, shape (rows, columns), NaN where
        there is none. Only these rows are read from disk. Values are checked when they are read.
    file
        File that the field comes from, for messages.
    month
        Month of the field; None for a field that does not change.
    weight
        Share of the month that the field speaks for, relative to the month's other fields (days,
        for products of 8 days or half a month).
    """

    name: str
    units: str
    grid: Grid
    read: Callable[[slice], np.ndarray]
    file: Path
    month: pd.Period | None = None
    weight: float = 1.0

    def whole(self) -> np.ndarray:
        """Read all rows, for products that are small."""
        return self.read(slice(0, self.grid.shape[0]))


def is_annual(field: Field) -> bool:
    """Whether a field is that of a whole year: its `month` is a period of 12 months."""
    return field.month is not None and field.month.freqstr[0] in "AY"


def check_units(
    file: Path, variable: str, found: str | None, conversions: dict[str, float]
) -> float:
    """Factor from the units of a file to those of this library.

    Parameters
    ----------
    file, variable
        File and variable, for the message.
    found
        Units that the file states; None where it states none.
    conversions
        Factor by each unit that is understood; other spellings of it
        (:mod:`differland.units`) are too.

    Raises
    ------
    InputError
        The file states other units, or none.
    """
    if found is not None:
        if found.strip() in conversions:
            return conversions[found.strip()]
        for spelling, factor in conversions.items():
            if are_same(found, [spelling]):
                return factor
    distinct = {normal(spelling): spelling for spelling in reversed(conversions)}
    expected = "units " + " or ".join(map(repr, reversed(distinct.values())))
    raise InputError(file, variable, expected, "no units" if found is None else f"units {found!r}")


def check_range(
    file: Path, variable: str, values: np.ndarray, low: float, high: float, units: str
) -> np.ndarray:
    """Return the values if all that are not missing lie within a range.

    Raises
    ------
    InputError
        Some values are out of range: a wrong unit, scale or fill value.
    """
    with np.errstate(invalid="ignore"):
        outside = (values < low) | (values > high)
    if outside.any():
        raise InputError(
            file,
            variable,
            f"values from {range_in_words(low, high, units)}",
            f"{np.nanmin(values):g} to {np.nanmax(values):g}, "
            f"{int(outside.sum())} of {int(np.isfinite(values).sum())} outside",
        )
    return values


def check_shape(
    file: Path, variable: str, found: tuple[int, ...], expected: str, fits: bool
) -> None:
    """Refuse an array of another shape than expected (in words)."""
    if not fits:
        raise InputError(file, variable, expected, f"shape {found}")


def check_months(fields: Iterable[Field], product: str, months: pd.PeriodIndex) -> None:
    """Check that each month of a period is there, and that no month is there twice.

    Parameters
    ----------
    fields
        Monthly fields of one variable. Fields that share a month must share it by their weights
        (halves of a month, 8-day periods), and come from different times.
    product
        Name of the product, for the message.
    months
        The period that is needed.

    Raises
    ------
    InputError
        A month is missing, or a file or time step is there twice.
    """
    seen: dict[pd.Period, list[Field]] = {}
    for field in fields:
        if field.month is not None:
            seen.setdefault(field.month, []).append(field)
    missing = [month for month in months if month not in seen]
    if missing:
        shown = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
        found = f"{len(missing)} months without a file: {shown}"
        raise InputError(product, "time", f"every month from {months[0]} to {months[-1]}", found)
    for month, same in seen.items():
        if len(same) > 1 and all(field.weight == 1.0 for field in same):
            files = ", ".join(str(field.file) for field in same)
            raise InputError(product, "time", f"one field of {month}", f"{len(same)}: {files}")


def check_last_number(file: object, text: str) -> None:
    """Refuse a table of numbers that breaks off within the last one.

    Parameters
    ----------
    file
        File, for messages.
    text
        Text of the table. Where its last line does not end, its last number must not be the
        beginning of a mark of missing values, nor have fewer decimals than that of any other line.

    Raises
    ------
    InputError
        The last number is cut off; the message gives it.
    """
    if text.endswith("\n"):
        return
    ends = [re.split(r"[\s,;]+", line.strip())[-1] for line in text.splitlines() if line.strip()]
    *numbers, last = [end for end in ends if re.fullmatch(r"-?\d*\.?\d*", end)] or [""]
    marks = [number for number in numbers if re.fullmatch(r"-99+(\.\d*)?", number)]
    decimals = [len(number.partition(".")[2]) for number in numbers if number not in marks]
    begun = any(mark.startswith(last) and mark != last for mark in marks)
    if begun or len(last.partition(".")[2]) < min(decimals, default=0):
        found = f"{last} at the end of the last line, which breaks off"
        raise InputError(file, "file", "a complete table", found)

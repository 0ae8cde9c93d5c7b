"""Carbon dioxide in air: monthly global means of NOAA GML (doi:10.15138/9N0H-ZH07)."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from differland.datasets.fields import check_range
from differland.errors import InputError

MISSING = -99.99

TEXT_COLUMNS = {
    5: ["year", "month", "decimal", "average", "trend"],
    7: ["year", "month", "decimal", "average", "average_unc", "trend", "trend_unc"],
}
"""Names of the columns of the table as text, by their count."""


def read_co2(
    file: Path | str,
    months: pd.PeriodIndex,
    column: Literal["average", "trend"] = "average",
) -> pd.Series:
    """Read the mole fraction of carbon dioxide (paper, Forcing data).

    Parameters
    ----------
    file
        ``co2_mm_gl.csv``: comments, a header, one row per month. Uncertainties may be missing,
        as in older files. Or ``co2_mm_gl.txt``: the same with blanks, its header a comment.
    months
        The months that are needed.
    column
        ``average`` has the seasonal cycle, as the paper's globally averaged monthly values have;
        ``trend`` has not.

    Returns
    -------
    ``co2``, ppm, by month.

    Raises
    ------
    InputError
        The file is absent or breaks off, a column is absent, a month is there twice, is missing
        or has no value, or values are no mole fractions in ppm.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(file, "file", "a table of monthly CO2", "no such file")
    try:
        table = _read_table(file)
    except InputError:
        raise
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(file, "file", "comma-separated values", str(error)) from error
    if table.empty:
        raise InputError(file, "file", "a row for each month", "none")
    for name in ("year", "month", column):
        if name not in table:
            found = f"only {', '.join(map(str, table.columns))}"
            raise InputError(file, name, "a column of this name", found)
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(file, name, "numbers", f"values such as {table[name].iloc[0]!r}")
    if table.isna().any(axis=None):
        row = int(table.isna().any(axis=1).argmax())
        found = f"{table.iloc[row].notna().sum()} in row {row + 1}"
        raise InputError(file, "file", f"{table.shape[1]} numbers in every row", found)
    if not table["month"].isin(range(1, 13)).all():
        raise InputError(file, "month", "1 to 12", f"{table['month'].min()}-{table['month'].max()}")
    index = pd.PeriodIndex(
        [
            pd.Period(year=int(year), month=int(month), freq="M")
            for year, month in zip(table["year"], table["month"], strict=True)
        ]
    )
    if index.has_duplicates:
        found = str(index[index.duplicated()][0])
        raise InputError(file, "month", "every month once", f"{found} more than once")
    values = table[column].to_numpy(np.float64)
    values = np.where(np.isclose(values, MISSING), np.nan, values)
    check_range(file, column, values, 250, 1000, "ppm")
    series = pd.Series(values, index, name="co2").reindex(months)
    if series.isna().any():
        absent = series.index[series.isna()]
        expected = f"every month from {months[0]} to {months[-1]}"
        raise InputError(file, column, expected, f"{len(absent)} without a value: {absent[0]}, ...")
    return series


def _read_table(file: Path) -> pd.DataFrame:
    """Table with commas and a header, or with blanks and none."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    names = TEXT_COLUMNS.get(len(first.split()))
    if "," in first or names is None:
        table = pd.read_csv(file, comment="#", skipinitialspace=True)
    else:
        table = pd.read_csv(file, comment="#", sep=r"\s+", names=names)
    check_last_number(file, text)
    return table


def check_last_number(file: Path, text: str) -> None:
    """Refuse a table of numbers that breaks off within the last one.

    Parameters
    ----------
    file
        For messages.
    text
        Of the table. Where its last line does not end, its last number must not have fewer
        digits than that of any other line.

    Raises
    ------
    InputError
        Tells the number.
    """
    if text.endswith("\n"):
        return
    ends = [re.split(r"[\s,;]+", line.strip())[-1] for line in text.splitlines() if line.strip()]
    *numbers, last = [end for end in ends if re.fullmatch(r"-?[\d.]+", end)] or [""]
    if numbers and len(last) < min(map(len, numbers)):
        found = f"{last} at the end of the last line, which breaks off"
        raise InputError(file, "file", "a complete table", found)

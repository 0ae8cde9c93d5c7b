"""Carbon dioxide in air: monthly global means of NOAA GML (doi:10.15138/9N0H-ZH07)."""

import io
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from differland.datasets.fields import check_last_number, check_range
from differland.errors import InputError

MISSING = -99.99

TEXT_COLUMNS = {
    5: ["year", "month", "decimal", "average", "trend"],
    7: ["year", "month", "decimal", "average", "average_unc", "trend", "trend_unc"],
}
"""Names of the columns of the table as text, by their count, where no comment tells them."""

KNOWN_COLUMNS = frozenset(TEXT_COLUMNS[7])
"""Others may be empty, such as ones that are new."""


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
    except ValueError as error:
        raise InputError(file, "file", "comma-separated values", str(error)) from error
    for name in ("year", "month", column):
        if name not in table:
            found = f"only {', '.join(map(str, table.columns))}"
            raise InputError(file, name, "a column of this name", found)
        if table.empty:
            raise InputError(file, "file", "a row for each month", "none")
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(file, name, "numbers", f"values such as {table[name].iloc[0]!r}")
    known = table[[name for name in table if name in KNOWN_COLUMNS]]
    if known.isna().any(axis=None):
        row = int(known.isna().any(axis=1).argmax())
        found = f"{known.iloc[row].notna().sum()} in row {row + 1}"
        raise InputError(file, "file", f"{known.shape[1]} numbers in every row", found)
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
    """Table with commas or blanks, whose header is its first line or the last comment."""
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # only comments are more than ASCII
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line for line in lines if not line.startswith("#")]
    first = rows[0] if rows else ""
    separator = next((mark for mark in ";," if mark in first), None)
    options: dict[str, Any] = {"sep": separator or r"\s+", "skipinitialspace": True}
    if separator == ";":
        options["decimal"] = ","
    if not re.search("[A-Za-z]", first):
        comments = [line.strip("# ") for line in lines if line.startswith("#")]
        told = re.split(r"[\s,;]+", comments[-1].lower()) if comments else []
        count = len(first.split(separator))
        tells = {"year", "month"} <= set(told) and len(told) == count
        names = told if tells else TEXT_COLUMNS.get(count)
        if names is not None:
            options["names"] = names
    table = pd.read_csv(io.StringIO("\n".join(rows)), **options)
    check_last_number(file, text)
    return table.rename(columns=lambda name: str(name).strip().lower())

"""Use of the verdicts: their table is read, described, and may stop a study."""

import logging
from collections.abc import Mapping
from typing import Literal

import pandas as pd

from differland.errors import InputError

logger = logging.getLogger(__name__)

StopAt = Literal["impossible", "unlikely", "never"]

VERDICTS = ("impossible", "unlikely", "fine", "not compared")
"""Of a comparison, the worst first."""

MOST_LINES = 6
"""Months and years of a comparison that are told one by one."""


def refuse(table: pd.DataFrame, source: object, stop_at: StopAt) -> None:
    """Refuse products that contradict each other.

    Parameters
    ----------
    table
        Table of verdicts, from :func:`differland.consistency.compare.compare`.
    source
        Path of the table, for the message.
    stop_at
        Mildest verdict that stops the study.

    Raises
    ------
    InputError
        There is such a verdict; the message describes each.
    """
    for verdict in ("unlikely", "impossible"):
        lines = table[table["verdict"] == verdict]
        if not lines.empty:
            logger.warning("%d comparisons of products are %s", len(lines), verdict)
            for line in _rows(lines):
                logger.warning("%s: %s", verdict, describe(line))
    if stop_at == "never":
        return
    stopping = VERDICTS[: VERDICTS.index(stop_at) + 1]
    bad = table[table["verdict"].isin(stopping)]
    if bad.empty:
        return
    found = "; ".join(describe(row) for row in _rows(bad.head(MOST_LINES)))
    if len(bad) > MOST_LINES:
        found += f"; and {len(bad) - MOST_LINES} more"
    expected = (
        f"nothing {' or '.join(stopping)} (see the table; quality.stop_at: never"
        f"{'' if stop_at == 'impossible' else ' or impossible'} goes on all the same)"
    )
    raise InputError(source, ", ".join(dict.fromkeys(bad["product"])), expected, found)


def describe(row: Mapping[str, object]) -> str:
    """One finding as a sentence."""
    when = f" of {row['period']}" if row["period"] else ""
    other = f" with {row['compared_with']}" if row["compared_with"] else ""
    return (
        f"{row['variable']}{when}: {row['comparison']}{other}: {row['found']},"
        f" expected {row['expected']}"
    )


def remarks(table: pd.DataFrame) -> dict[str, str]:
    """Sentences on the impossible or unlikely findings of each variable.

    Parameters
    ----------
    table
        Table of verdicts, from :func:`differland.consistency.compare.compare`.
    """
    bad = _rows(table[table["verdict"].isin(VERDICTS[:2])])
    names = dict.fromkeys(str(row["variable"]) for row in bad)
    return {
        name: "; ".join(
            f"{row['verdict']}: {describe(row)}" for row in bad if row["variable"] == name
        )
        for name in names
    }


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]

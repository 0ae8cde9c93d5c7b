"""All comparisons of a study: rules for each variable, and the verdicts that they give."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from differland.consistency.checks import CHECKS, NotComparable, Value, base_variable
from differland.consistency.study import Study
from differland.consistency.verdicts import MOST_LINES, VERDICTS
from differland.quality import PLAUSIBLE
from differland.shipped import RESOURCES

OF_RANGES, AROUND_RANGES, AROUND = "range", "around range", 1.5
"""Bounds that stand in ``plausible_ranges.csv``, as they are or wider by a factor."""

COLUMNS = (
    *("verdict", "product", "variable", "period", "comparison", "compared_with"),
    *("found", "expected", "reason"),
)


@dataclass(frozen=True)
class Rule:
    """A comparison with its bounds.

    Attributes
    ----------
    check
        Name of the comparison, a key of :data:`differland.consistency.checks.CHECKS`.
    variable, other
        Variables of the gridded products that are compared; the other is empty where there is none.
    patches
        Least number of patches of 4 x 5 degrees with vegetated land. In small regions one front or
        drought makes a month look like another, or a map like no other.
    unlikely, impossible
        Bounds beyond which a number is unlikely, or impossible; infinite where there is no bound.
    source
        Reason for the bounds.
    """

    check: str
    variable: str
    other: str
    patches: int
    unlikely: tuple[float, float]
    impossible: tuple[float, float]
    source: str

    def verdict(self, number: float) -> str:
        """Verdict on a number: impossible, unlikely or fine."""
        for verdict, (low, high) in (
            ("impossible", self.impossible),
            ("unlikely", self.unlikely),
        ):
            if not low <= number <= high:
                return verdict
        return "fine"


@cache
def read_rules() -> list[Rule]:
    """Read the table of comparisons (``resources/consistency.csv``), a rule for each variable."""
    with (RESOURCES / "consistency.csv").open(newline="", encoding="utf-8") as file:
        return [
            Rule(
                row["check"],
                name,
                row["other"],
                int(row["patches"] or 0),
                _bounds(row["unlikely_minimum"], row["unlikely_maximum"], name),
                _bounds(row["impossible_minimum"], row["impossible_maximum"], name),
                row["source"],
            )
            for row in csv.DictReader(file)
            for name in row["variables"].split()
        ]


def compare(study: Study, only: Iterable[str] | None = None) -> pd.DataFrame:
    """Compare all products of a study with known properties, and with each other.

    Parameters
    ----------
    study
        Gridded products of the study.
    only
        Variables of which each comparison must contain at least one; None for all comparisons.

    Returns
    -------
    Table with one row for each comparison that is fine or could not be made, and for each month or
    year of one that is not, the worst first. Columns verdict, product, variable, period (year,
    month, or both; empty for the whole), comparison, compared_with (a variable, other years or the
    sun), found, expected, reason (the source of the bounds, or why there was no comparison).
    """
    chosen = None if only is None else set(only)
    rows: list[dict[str, object]] = []
    for rule in read_rules():
        # Alternatives are compared with the main variable only.
        for name in _names(study, rule.variable) or [rule.variable]:
            if chosen is None or chosen & {name, rule.other}:
                rows += _apply(study, rule, name)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = table["verdict"].map(VERDICTS.index)
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def _apply(study: Study, rule: Rule, name: str) -> Iterator[dict[str, object]]:
    other = rule.other
    blank: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row = blank | {
        "product": study.product(name),
        "variable": name,
        "comparison": rule.check,
        "compared_with": other,
    }
    missing = [each for each in (name, other) if each and each not in study]
    if missing:
        reason = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not in the study"
        yield row | {"verdict": "not compared", "reason": reason}
        return
    if study.places.patches < rule.patches:
        reason = f"vegetated land in fewer than {rule.patches} patches of 4 x 5 degrees"
        yield row | {"verdict": "not compared", "reason": reason}
        return
    try:
        values = [value for value in CHECKS[rule.check](study, name, other) if _is_number(value)]
    except NotComparable as reason:
        yield row | {"verdict": "not compared", "reason": str(reason)}
        return
    if not values:
        yield row | {"verdict": "not compared", "reason": "no place or month has enough values"}
        return
    for value, verdict, more in _worst(rule, values):
        yield row | {
            "verdict": verdict,
            "product": study.product(name, value.year),
            "period": _period(value) + more,
            "found": f"{value.number:.3g}",
            "expected": _expected(rule, verdict),
            "reason": rule.source,
        }


def _worst(rule: Rule, values: Sequence[Value]) -> Iterator[tuple[Value, str, str]]:
    """Values to report: the worst with their verdicts and the number left out, or a fine one."""
    verdicts = [rule.verdict(value.number) for value in values]
    for verdict in ("impossible", "unlikely"):
        bad = [value for value, each in zip(values, verdicts, strict=True) if each == verdict]
        if bad:
            for value in bad[: MOST_LINES - 1]:
                yield value, verdict, ""
            if len(bad) >= MOST_LINES:
                left = len(bad) - MOST_LINES
                yield bad[MOST_LINES - 1], verdict, f" and {left} more" if left else ""
            return
    smallest = np.isfinite(max(rule.unlikely[0], rule.impossible[0]))
    ordered = sorted(values, key=lambda value: value.number)
    value = ordered[0] if smallest else ordered[-1]
    yield (value._replace(year=None, month=None) if len(values) > 1 else value), "fine", ""


def _names(study: Study, variable: str) -> list[str]:
    """The variable and its alternatives in a study, such as lai_copernicus for lai."""
    names = [*study.static, *study.yearly]
    return [name for name in names if name == variable or base_variable(name) == variable]


def _is_number(value: Value) -> bool:
    return bool(np.isfinite(value.number))


def _period(value: Value) -> str:
    if value.year is None:
        return ""
    return f"{value.year}" if value.month is None else f"{value.year}-{value.month:02d}"


def _expected(rule: Rule, verdict: str) -> str:
    low, high = rule.impossible if verdict == "impossible" else rule.unlikely
    if not np.isfinite([low, high]).any():
        low, high = rule.impossible
    if np.isfinite(low) and np.isfinite(high):
        return f"{low:g} to {high:g}"
    return f"{low:g} or more" if np.isfinite(low) else f"{high:g} or less"


def _bounds(low: str, high: str, name: str) -> tuple[float, float]:
    if OF_RANGES in (low, high):
        return PLAUSIBLE[name].minimum, PLAUSIBLE[name].maximum
    if AROUND_RANGES in (low, high):
        smallest, largest = PLAUSIBLE[name].minimum, PLAUSIBLE[name].maximum
        return smallest * (AROUND if smallest < 0 else 1 / AROUND), largest * AROUND
    return (float(low) if low else -np.inf), (float(high) if high else np.inf)

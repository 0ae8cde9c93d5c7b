"""Identifiability of the parameters (Methods, "Parameter Identifiability Analysis")."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from differland.errors import InputError
from differland.figures import style

IDENTIFIABLE, NOT_IDENTIFIABLE = style.BLUE, style.ORANGE


@style.styled
def draw_identifiability(table: pd.DataFrame) -> Figure:
    """Spatial median of each parameter's coefficient of variation across ensemble members.

    Bars are sorted; those left of the threshold line are identifiable.

    Parameters
    ----------
    table
        ``analysis/{setup}/identifiability.csv``: parameter, units, median_cv, identifiable,
        threshold.

    Raises
    ------
    InputError
        The table has no row.
    """
    if table.empty:
        raise InputError("identifiability.csv", "rows", "at least one parameter", "none")
    table = table.sort_values("median_cv", ascending=False, na_position="first")
    identifiable = table["identifiable"].astype(bool)
    figure = Figure(figsize=(style.WIDTH, 0.9 + 0.155 * len(table)))
    axes = figure.subplots()
    rows = range(len(table))
    axes.barh(
        rows,
        table["median_cv"],
        0.74,
        color=[IDENTIFIABLE if known else NOT_IDENTIFIABLE for known in identifiable],
    )
    axes.set_yticks(rows, [style.tick_label(name) for name in table["parameter"]])
    axes.set_ylim(-0.7, len(table) - 0.3)
    threshold = float(table["threshold"].iloc[0])
    line = axes.axvline(
        threshold,
        color=style.BLACK,
        linewidth=0.9,
        linestyle=(0, (5, 3)),
        label=f"threshold {threshold:g}",
    )
    for row, value in zip(rows, table["median_cv"], strict=True):
        if pd.isna(value):
            axes.text(0.005, row, "not defined", va="center", fontsize=6.5, color="0.35")
    axes.set_xlabel(
        f"Median over cells of the coefficient of variation across members ({style.DIMENSIONLESS})"
    )
    axes.legend(
        handles=[
            Patch(color=IDENTIFIABLE, label=f"identifiable ({identifiable.sum()})"),
            Patch(color=NOT_IDENTIFIABLE, label=f"not identifiable ({(~identifiable).sum()})"),
            line,
        ],
        loc="upper right",
    )
    return figure

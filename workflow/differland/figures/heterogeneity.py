"""Importance of plant types against the heterogeneity of the land cover."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from differland.errors import InputError
from differland.figures import style

COLUMNS = 4
COLOUR = style.GROUP_COLOURS["PFT"]


@style.styled
def draw_heterogeneity(table: pd.DataFrame, bins: pd.DataFrame) -> Figure:
    """Contribution of plant types in classes of the land cover's diversity, target by target.

    Lines are medians, bands the middle half of the cells of a class. Targets that no cell
    observes often enough are left out.

    Parameters
    ----------
    table, bins
        ``analysis/heterogeneity.csv`` and ``analysis/heterogeneity_bins.csv``; the measure
        ``contribution`` is drawn.

    Raises
    ------
    InputError
        The table has no row.
    """
    table = table[table["measure"] == "contribution"]
    bins = bins[bins["measure"] == "contribution"]
    if table.empty:
        raise InputError("analysis/heterogeneity.csv", "rows", "at least one target", "none")
    targets = style.order_targets(table.loc[table["n"] > 0, "target"])
    if not targets:
        figure = Figure(figsize=(style.WIDTH, 1.5))
        axes = figure.subplots()
        axes.set_axis_off()
        style.say(axes, "no target is observed often enough in any cell")
        return figure
    columns = min(COLUMNS, len(targets))
    rows = -(-len(targets) // columns)
    figure = Figure(figsize=(style.WIDTH, 0.4 + 1.9 * rows))
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes in panels[len(targets) :]:
        axes.set_axis_off()
    for position, target in enumerate(targets):
        axes = panels[position]
        style.panel_title(axes, position, style.symbol(target))
        found = table[table["target"] == target].iloc[0]
        here = bins[bins["target"] == target]
        x = here["heterogeneity"].to_numpy(dtype=float)
        low, middle, high = (here[k].to_numpy() for k in ("quartile_1", "median", "quartile_3"))
        axes.fill_between(x, low, high, color=COLOUR, alpha=style.SPREAD_ALPHA, linewidth=0)
        axes.plot(x, middle, "o-", color=COLOUR, markersize=3)
        if low.min() < 0:
            axes.axhline(0, color="0.3", linewidth=0.6, zorder=0)
        # Between the panel's title and its axes.
        axes.set_title(axes.get_title(loc="left"), pad=21)
        words = axes.text(0, 1.03, _told(found), transform=axes.transAxes, fontsize=6.5)
        words.set_in_layout(False)
    # Panels beneath which there is none have their own labels.
    for axes in panels[max(0, len(targets) - columns) : len(targets)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel(
        f"Shannon index of the cover fractions of the cell ({style.DIMENSIONLESS})", fontsize=8
    )
    figure.supylabel(f"Contribution of PFT to $r^2$ in time ({style.DIMENSIONLESS})", fontsize=8)
    return figure


def _told(row: pd.Series) -> str:
    """Rank correlation with its p and n."""
    n = f"n = {row['n']:,}"
    if not np.isfinite(row["spearman"]):
        return f"undefined\n{n}"
    p = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.2g}"
    return f"$r_s$ = {style.number(row['spearman'], '.2f')}, {p}\n{n}"

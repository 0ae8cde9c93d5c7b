"""Skill of the targets: normalised errors of setups, R2 by domain, and maps of skill."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from differland.errors import InputError
from differland.figures import map_grid, maps, style
from differland.terms import OBSERVABLES

DOMAINS = {
    "space-time": "Total: all places and months",
    "space": "Spatial: means over time",
    "time": "Temporal: median over places of R$^2$ in time",
}

SPLIT_MARKS = {
    "train": (style.BLUE, "o"),
    "development": (style.ORANGE, "s"),
    "test": (style.VERMILION, "D"),
}

SETUP_COLOURS = (style.GREEN, style.SKY_BLUE, style.BLUE, style.ORANGE, style.VERMILION)

LOWEST_R2 = -0.5
"""R2 below which a value is told in words at the lower edge, so that the others can be read."""


@style.styled
def draw_normalised_errors(table: pd.DataFrame, baseline: str) -> Figure:
    """Mean absolute error on test patches of setups over that of a baseline (Fig. 2a).

    Bars reach from the baseline, 1 by definition, to the mean over the members; dots are the
    members, and lines the 95 % interval of the bootstrap over test patches.

    Parameters
    ----------
    table
        ``tables/normalised_errors.csv`` of `differland.analysis.comparison.normalise_errors`.
    baseline
        Setup whose error is the unit.

    Raises
    ------
    InputError
        The table has no row.
    """
    if table.empty:
        raise InputError("normalised_errors.csv", "rows", "at least one target", "none")
    targets = style.order_targets(table["target"])
    setups = list(dict.fromkeys(table["setup"]))
    means = table[table["prediction"] == "members"].set_index(["setup", "target"])
    members = table[~table["prediction"].isin(["members", "ensemble"])]
    figure = Figure(figsize=(style.WIDTH, 3.1))
    axes = figure.subplots()
    width = 0.8 / len(setups)
    for position, setup in enumerate(setups):
        rows = means.loc[setup].reindex(targets)
        where = np.arange(len(targets)) + (position - (len(setups) - 1) / 2) * width
        change, colour = rows["normalised"] - 1, SETUP_COLOURS[position]
        axes.bar(where, change, 0.92 * width, bottom=1, color=colour, alpha=0.55)
        axes.vlines(where, rows["lower"], rows["upper"], color=style.BLACK, linewidth=1.1, zorder=4)
        for place, target in zip(where, targets, strict=True):
            chosen = members[(members["setup"] == setup) & (members["target"] == target)]
            spread = np.linspace(-0.25, 0.25, len(chosen)) * width
            axes.plot(
                place + spread,
                chosen["normalised"],
                "o",
                color=SETUP_COLOURS[position],
                markeredgecolor="white",
                markeredgewidth=0.3,
                markersize=3,
                zorder=3,
            )
    axes.axhline(1, color="0.3", linewidth=0.8, linestyle=(0, (5, 3)), zorder=1)
    shown = table[["normalised", "lower", "upper"]].to_numpy()
    shown = shown[np.isfinite(shown)]
    low, high = float(shown.min()), float(shown.max())
    margin = 0.08 * max(high - low, 0.1)
    axes.set_ylim(max(0.0, low - margin), high + margin)
    patches = table.groupby("target")["patches"].max()
    labels = [
        f"{style.symbol(target).replace(', ', chr(10))}\n({patches[target]})" for target in targets
    ]
    axes.set_xticks(range(len(targets)), labels)
    axes.set_xlabel("Target (number of test patches)")
    axes.set_ylabel(f"Mean absolute error on test\npatches over that of {baseline} (–)")  # noqa: RUF001
    handles = [
        axes.bar([np.nan], [1], color=colour, alpha=0.55, label=setup)
        for setup, colour in zip(setups, SETUP_COLOURS, strict=False)
    ]
    dots = axes.plot([], [], "o", color=style.GREY, markersize=3, label="members")[0]
    line = axes.plot([], [], color=style.BLACK, linewidth=1.1, label="95 % interval (patches)")[0]
    figure.legend(
        handles=[*handles, dots, line], loc="outside upper left", ncols=5, handlelength=1.4
    )
    return figure


@style.styled
def draw_skill(metrics: pd.DataFrame) -> Figure:
    """R2 of every target by domain and split, with the members' spread (Figs. S15 and S16).

    Parameters
    ----------
    metrics
        ``metrics.csv`` of one setup and stage.

    Raises
    ------
    InputError
        There is no row of a single member.
    """
    rows = metrics[metrics["member"] != "ensemble"]
    if rows.empty:
        raise InputError("metrics.csv", "member", "rows of single members", "none")
    targets = style.order_targets(rows["target"])
    splits = [split for split in SPLIT_MARKS if split in set(rows["split"])]
    figure = Figure(figsize=(style.WIDTH, 6.4))
    panels = figure.subplots(len(DOMAINS), 1, sharex=True, sharey=True)
    for position, (domain, title) in enumerate(DOMAINS.items()):
        axes = panels[position]
        style.panel_title(axes, position, title)
        of_domain = rows[rows["domain"] == domain]
        for place, split in enumerate(splits):
            offset = (place - (len(splits) - 1) / 2) * 0.26
            _draw_split(axes, of_domain[of_domain["split"] == split], targets, split, offset)
        for boundary in range(1, len(targets)):
            axes.axvline(boundary - 0.5, color=style.LIGHT_GREY, linewidth=0.6, zorder=0)
        axes.axhline(0, color="0.3", linewidth=0.6, zorder=0)
        axes.set_ylabel(f"R$^2$ ({style.DIMENSIONLESS})")
    finite = rows.loc[np.isfinite(rows["R2"]), "R2"]
    low = max(LOWEST_R2, min(0.0, float(finite.min()))) if len(finite) else 0.0
    panels[0].set_ylim(low - 0.06, 1.03)
    panels[0].set_xlim(-0.5, len(targets) - 0.5)
    names = [style.symbol(target).replace(", ", ",\n") for target in targets]
    panels[-1].set_xticks(range(len(targets)), names)
    handles = [
        panels[0].plot(
            [], [], SPLIT_MARKS[split][1], color=SPLIT_MARKS[split][0], label=style.SPLITS[split]
        )[0]
        for split in splits
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(splits))
    return figure


def _draw_split(
    axes: Axes, rows: pd.DataFrame, targets: Sequence[str], split: str, offset: float
) -> None:
    """Members as dots; their mean as a mark with one standard deviation to either side."""
    colour, mark = SPLIT_MARKS[split]
    for place, target in enumerate(targets):
        values = rows.loc[rows["target"] == target, "R2"]
        values = values[np.isfinite(values)]
        if values.empty:
            continue
        x, mean = place + offset, float(values.mean())
        if mean < LOWEST_R2:
            axes.plot(x, LOWEST_R2, "v", color=colour, markersize=4)
            axes.text(
                x, LOWEST_R2 + 0.05, style.number(mean, ".1f"), color=colour, fontsize=6,
                rotation=90, ha="center", va="bottom",
            )  # fmt: skip
            continue
        spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        shown = values[values >= LOWEST_R2]
        axes.plot(
            np.full(len(shown), x + 0.07), shown, ".", color=colour, markersize=2.5, alpha=0.6
        )
        axes.errorbar(
            x, mean, spread, fmt=mark, color=colour, markersize=4, elinewidth=1, capsize=1.5
        )


@style.styled
def draw_skill_maps(cells: xr.Dataset, target: str) -> Figure:
    """Map R2 and correlation in time of the ensemble mean, cell by cell.

    Parameters
    ----------
    cells
        ``cells.nc`` of an ensemble.
    target
        Name of the target. One that the driver does not observe gives empty maps.

    Raises
    ------
    InputError
        There is no such target.
    """
    targets = [str(name) for name in cells["target"].to_numpy()]
    if target not in OBSERVABLES:
        source = cells.encoding.get("source", "cells.nc")
        raise InputError(source, "target", f"one of {', '.join(targets)}", repr(target))
    latitude, longitude = maps.coordinates(cells)
    figure, rows = map_grid.grid_of_maps(maps.window_of(latitude, longitude), 1, 2)
    panels = {"R$^2$": "ensemble_R2", "correlation": "ensemble_correlation"}
    norm = Normalize(-1, 1)
    for position, (name, variable) in enumerate(panels.items()):
        axes = rows[0][position]
        values = np.full(latitude.size, np.nan)
        if target in targets:
            values = cells[variable].to_numpy()[targets.index(target)]
        known = np.isfinite(values)
        words = f"{style.symbol(target)}: {name} in time"
        if known.any():
            median = style.number(np.median(values[known]), ".2f")
            words += f"\nmedian {median}, n = {known.sum():,} cells"
        style.panel_title(axes, position, words)
        if not known.any():
            style.say(axes, "nowhere enough\nobservations")
            continue
        colours = maps.add_cells(axes, latitude, longitude, values, style.DIVERGING, norm)
        extend = "min" if variable == "ensemble_R2" else "neither"
        label = f"{style.capitalise(name)} ({style.DIMENSIONLESS})"
        map_grid.shared_bar(colours, [axes], label, extend)
    return figure

"""Explained variance by predictor group: hierarchical partition as bars and on a map (Fig. 2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from differland.errors import InputError
from differland.figures import map_grid, maps, style
from differland.terms import OBSERVABLES

EMPTY = {"contribution": np.nan, "dominant": -1}
"""What the maps hold where nothing is known."""


@style.styled
def draw_partition(table: pd.DataFrame) -> Figure:
    """Independent contribution of each predictor group to the explained variance of each target.

    One panel per split. A contribution below zero is drawn below the axis; the diamond marks
    their sum, which is the squared correlation of the model with all groups.

    Parameters
    ----------
    table
        ``analysis/partition.csv``: target, support, domain, split, group, contribution, share.

    Raises
    ------
    InputError
        The table has no row.
    """
    if table.empty:
        raise InputError("analysis/partition.csv", "rows", "at least one", "none")
    splits = [split for split in style.SPLITS if split in set(table["split"])]
    targets = style.order_targets(table["target"])
    groups = [group for group in dict.fromkeys(table["group"]) if group != "total"]
    figure = Figure(figsize=(style.WIDTH, 0.5 + 2.4 * len(splits)))
    panels = figure.subplots(len(splits), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for position, split in enumerate(splits):
        axes = panels[position]
        style.panel_title(axes, position, style.capitalise(style.SPLITS[split]))
        wide = table[table["split"] == split].pivot_table(
            index="target", columns="group", values="contribution", sort=False
        )
        _draw_bars(axes, wide.reindex(index=targets), groups)
    panels[-1].set_xticks(
        range(len(targets)),
        [style.symbol(target).replace(", ", ",\n") for target in targets],
    )
    handles: list[Patch] = [Patch(color=style.group_colour(group), label=group) for group in groups]
    total = panels[0].plot([], [], "D", color=style.BLACK, markersize=4, label="all groups")[0]
    figure.legend(handles=[*handles, total], loc="outside upper right", ncols=len(groups) + 1)
    return figure


def _draw_bars(axes: Axes, wide: pd.DataFrame, groups: Sequence[str]) -> None:
    where = np.arange(len(wide))
    above = np.zeros(len(wide))
    below = np.zeros(len(wide))
    for group in groups:
        heights = wide[group].fillna(0.0).to_numpy() if group in wide else np.zeros(len(wide))
        bottoms = np.where(heights >= 0, above, below)
        axes.bar(
            where,
            heights,
            0.62,
            bottom=bottoms,
            color=style.group_colour(group),
            edgecolor="white",
            linewidth=0.5,
        )
        above += np.maximum(heights, 0)
        below += np.minimum(heights, 0)
    if "total" in wide:
        axes.plot(where, wide["total"], "D", color=style.BLACK, markersize=4, linestyle="none")
    axes.axhline(0, color=style.BLACK, linewidth=0.6)
    axes.set_ylabel(f"Contribution to squared\ncorrelation $r^2$ ({style.DIMENSIONLESS})")
    axes.margins(x=0.02)


@style.styled
def draw_partition_map(cells: xr.Dataset, target: str) -> Figure:
    """Predictor group that explains most of a target's variance in time, cell by cell.

    The inset gives the fraction of cells that each group dominates (Fig. 2b-f).

    Parameters
    ----------
    cells
        ``analysis/partition_cells.nc``.
    target
        Name of the target. One that the driver does not observe gives empty maps.

    Raises
    ------
    InputError
        There is no such target.
    """
    dominant = _of_target(cells, target)["dominant"].to_numpy().astype(int)
    groups = [str(name) for name in cells["group"].to_numpy()]
    latitude, longitude = maps.coordinates(cells)
    shown = dominant >= 0

    window = maps.window_of(latitude, longitude)
    figure, (axes,) = maps.figure_of_maps(window)
    long_name, _ = style.facts(target)
    axes.set_title(
        f"Predictor group dominating {style.symbol(target)}: {long_name}"
        f"\n(n = {shown.sum():,} cells)"
    )
    if not shown.any():
        style.say(axes, f"no cell with enough observations of {style.symbol(target)}")
        return figure
    maps.add_cells(
        axes,
        latitude,
        longitude,
        np.where(shown, dominant, np.nan),
        ListedColormap([style.group_colour(group) for group in groups]),
        BoundaryNorm(np.arange(len(groups) + 1) - 0.5, len(groups)),
    )
    # The globe has an empty corner in the South Pacific; a region need not have one.
    place = (0.15, 0.17, 0.12, 0.25) if window is None else (1.1, 0.3, 0.22, 0.4)
    _draw_fractions(axes.inset_axes(place), dominant[shown], groups)
    return figure


@style.styled
def draw_contribution_maps(cells: xr.Dataset, target: str) -> Figure:
    """Independent contribution of each group to a target's variance in time, cell by cell.

    All maps share their colours, which are neutral at zero: a group that makes predictions of a
    cell worse is shown as such (Fig. 2b-f).

    Parameters
    ----------
    cells
        ``analysis/partition_cells.nc``.
    target
        Name of the target. One that the driver does not observe gives empty maps.

    Raises
    ------
    InputError
        There is no such target.
    """
    here = _of_target(cells, target)
    groups = [str(name) for name in cells["group"].to_numpy()]
    contribution = here["contribution"].to_numpy().astype(float)
    known = np.isfinite(contribution).all(axis=0)
    latitude, longitude = maps.coordinates(cells)
    columns = 2 if len(groups) > 1 else 1
    figure, rows = map_grid.grid_of_maps(
        maps.window_of(latitude, longitude), -(-len(groups) // columns), columns
    )
    panels = [axes for row in rows for axes in row]
    for axes in panels[len(groups) :]:
        axes.remove()
    panels = panels[: len(groups)]
    if not known.any():
        for position, (axes, group) in enumerate(zip(panels, groups, strict=True)):
            style.panel_title(axes, position, group)
            style.say(axes, "nowhere enough\nobservations")
        return figure
    # The outermost 1 % at either end do not set the colours of all others.
    bound = np.quantile(np.abs(contribution[:, known]), 0.99)
    norm = style.centred_norm(np.array([bound]))
    total = contribution[:, known].sum(axis=0).mean()
    for position, (axes, group) in enumerate(zip(panels, groups, strict=True)):
        values = contribution[position]
        mean, below = values[known].mean(), 100 * (values[known] < 0).mean()
        share = f" ({100 * mean / total:.0f} %)" if total > 0 else ""
        numbers = f"mean {mean:.3f}{share}, < 0 in {below:.0f} %"
        words = f"{group} for {style.symbol(target)}\n{numbers}"
        style.panel_title(axes, position, words)
        colours = maps.add_cells(axes, latitude, longitude, values, style.DIVERGING, norm)
    label = f"Contribution to $r^2$ in time of {style.symbol(target)} ({style.DIMENSIONLESS})"
    map_grid.shared_bar(colours, panels, label, "both")
    return figure


def _of_target(cells: xr.Dataset, target: str) -> xr.Dataset:
    """The maps of one target; without any value where the driver does not observe it."""
    targets = [str(name) for name in cells["target"].to_numpy()]
    if target in targets:
        return cells.isel(target=targets.index(target))
    if target not in OBSERVABLES:
        source = cells.encoding.get("source", "analysis/partition_cells.nc")
        raise InputError(source, "target", f"one of {', '.join(targets)}", repr(target))
    first = cells.isel(target=0)
    return first.assign(
        {name: xr.full_like(first[name], EMPTY[name]) for name in EMPTY if name in first}
    )


def _draw_fractions(inset: Axes, dominant: np.ndarray, groups: Sequence[str]) -> None:
    """Bars of the fraction of cells per group."""
    percent = 100 * np.bincount(dominant, minlength=len(groups)) / len(dominant)
    rows = np.arange(len(groups))
    inset.barh(rows, percent, 0.75, color=[style.group_colour(group) for group in groups])
    for row, value in zip(rows, percent, strict=True):
        inset.text(float(value) + 2, float(row), f"{value:.0f}", va="center", ha="left", fontsize=7)
    inset.set_yticks(rows, groups, fontsize=7)
    inset.invert_yaxis()
    inset.set_xlim(0, max(100.0, 1.2 * percent.max()))
    inset.set_xticks([0, 50, 100], ["0", "50", "100"], fontsize=7)
    inset.set_xlabel("Cells (%)", fontsize=7, labelpad=1)
    inset.tick_params(length=2, pad=1.5)

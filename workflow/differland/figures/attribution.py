"""Drivers of each trait or component: predictors (Fig. 3e-g) and their groups (Fig. S26)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from differland.errors import InputError
from differland.figures import style

COMPONENTS = ("component_1", "component_2", "component_3")


@style.styled
def draw_attribution(
    table: pd.DataFrame,
    population: str = "all",
    outputs: Sequence[str] = COMPONENTS,
) -> Figure:
    """Draw the importance of each predictor for each output, with its direction and group.

    The length of a bar is the mean absolute SHAP value; its colour the median SHAP value where the
    predictor is in its upper quartile minus that where it is in its lower one; the square before
    the predictor's name its group.

    Parameters
    ----------
    table
        ``analysis/{setup}/attribution.csv``.
    population
        Population of the explained cells: ``all``, or the name of a plant functional type.
    outputs
        Traits or components, one panel each.

    Raises
    ------
    InputError
        No output is asked for.
    """
    if not outputs:
        raise InputError("attribution", "outputs", "at least one output", "none")
    rows = table[table["population"] == population]
    predictors = max((rows["output"] == output).sum() for output in outputs)
    figure = Figure(figsize=(style.WIDTH, 1.3 + 0.19 * max(predictors, 6)))
    panels = figure.subplots(1, len(outputs), squeeze=False)[0]
    for position, output in enumerate(outputs):
        axes = panels[position]
        style.panel_title(axes, position, style.symbol(output))
        _draw_bars(figure, axes, rows[rows["output"] == output], output, population)
    if not rows.empty:
        figure.suptitle(
            f"{style.cells_of(population)} (n = {rows['n'].iloc[0]:,})", x=0.01, ha="left"
        )
    _add_groups(figure, set(rows["group"]))
    return figure


@style.styled
def draw_group_importance(table: pd.DataFrame) -> Figure:
    """Draw the shares of predictor groups in the importance for each trait, component, plant type.

    On the left the share of the summed absolute SHAP values of a group's predictors, as in the
    paper; on the right that of the absolute value of their sum, in which effects that cancel within
    a group do not count. Above for each trait and component in all cells; beneath, the mean of the
    traits in all cells and in those of each plant type.

    Parameters
    ----------
    table
        ``analysis/{setup}/group_importance.csv``.
    """
    everywhere = table[table["population"] == "all"]
    outputs = list(dict.fromkeys(everywhere["output"]))
    populations = list(dict.fromkeys(table["population"]))
    of_traits = table[~table["output"].str.startswith("component_")]
    figure = Figure(figsize=(style.WIDTH, 1.6 + 0.19 * (len(outputs) + len(populations))))
    panels = figure.subplots(
        *(2, 2),
        sharey="row",
        sharex=True,
        squeeze=False,
        height_ratios=[len(outputs), max(len(populations), 2)],
    )
    columns = {"share": "Absolute SHAP of predictors", "net_share": "Absolute SHAP of groups"}
    for column, (share, title) in enumerate(columns.items()):
        style.panel_title(panels[0, column], column, title)
        wide = everywhere.pivot_table(index="output", columns="group", values=share, sort=False)
        _draw_shares(panels[0, column], wide.reindex(outputs))
        style.panel_title(panels[1, column], 2 + column, "Mean over traits")
        wide = of_traits.pivot_table(index="population", columns="group", values=share, sort=False)
        _draw_shares(panels[1, column], wide.reindex(populations))
        panels[1, column].set_xlabel("Share of importance (%)")
    panels[0, 0].set_yticks(range(len(outputs)), [style.symbol(name) for name in outputs])
    panels[1, 0].set_yticks(range(len(populations)), [style.cells_of(p) for p in populations])
    _add_groups(figure, set(table["group"]))
    return figure


def _draw_shares(axes: Axes, wide: pd.DataFrame) -> None:
    left = np.zeros(len(wide))
    for group in style.GROUP_COLOURS:
        if group not in wide:
            continue
        percent = 100 * wide[group].fillna(0.0).to_numpy()
        axes.barh(
            range(len(wide)),
            percent,
            0.76,
            left=left,
            color=style.group_colour(group),
            edgecolor="white",
            linewidth=0.5,
        )
        left += percent
    axes.set(xlim=(0, 100), ylim=(len(wide) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)


def _add_groups(figure: Figure, present: set[str]) -> None:
    groups = [group for group in style.GROUP_COLOURS if group in present]
    if groups:
        figure.legend(
            handles=[Patch(color=style.group_colour(group), label=group) for group in groups],
            loc="outside upper right",
            ncols=len(groups),
        )


def _draw_bars(
    figure: Figure, axes: Axes, rows: pd.DataFrame, output: str, population: str
) -> None:
    if rows.empty:
        axes.set_axis_off()
        axes.text(
            0.5,
            0.5,
            f"not explained for\n{population.replace('_', ' ')}\n(too few cells)",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color="0.35",
        )
        return
    rows = rows.sort_values("mean_absolute_shap")
    difference = rows["quartile_difference"].to_numpy()
    norm = style.centred_norm(difference)
    colours = colormaps[style.DIVERGING]
    where = range(len(rows))
    # The middle of the diverging map is white: without an edge a neutral bar would be invisible.
    axes.barh(
        where,
        rows["mean_absolute_shap"],
        0.76,
        color=colours(norm(difference)),
        edgecolor="0.4",
        linewidth=0.4,
    )
    axes.set_yticks(where, [style.tick_label(name) for name in rows["predictor"]])
    axes.tick_params(axis="y", length=0, pad=9, labelsize=6.5 if len(rows) > 12 else 7)
    for row, group in zip(where, rows["group"], strict=True):
        axes.plot(
            -5 / 72 / 1.0,
            row,
            "s",
            markersize=4.5,
            color=style.group_colour(group),
            transform=axes.get_yaxis_transform(),
            clip_on=False,
        )
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(left=0)
    units = style.format_units(style.facts(output)[1])
    axes.set_xlabel(f"Mean |SHAP|\n({units})")
    bar = figure.colorbar(
        ScalarMappable(norm, colours),
        ax=axes,
        orientation="horizontal",
        aspect=18,
        pad=0.02,
        label=f"SHAP, Q3 \N{MINUS SIGN} Q1\n({units})",
    )
    bound = float(norm.vmax or 1.0)
    bar.set_ticks([-bound, 0.0, bound], labels=[f"\N{MINUS SIGN}{bound:.2g}", "0", f"{bound:.2g}"])

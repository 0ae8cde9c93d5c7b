"""What drives each trait or component: mean absolute SHAP values of the predictors (Fig. 3e-g)."""

from collections.abc import Sequence

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

    The length of a bar is the mean absolute SHAP value; its colour the mean SHAP value where the
    predictor is in its upper quartile minus that where it is in its lower one; the square before
    the predictor's name its group.

    Parameters
    ----------
    table
        ``analysis/{setup}/attribution.csv``.
    population
        Which explained cells: ``all``, or the name of a plant functional type.
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
    groups = [group for group in style.GROUP_COLOURS if group in set(rows["group"])]
    if groups:
        figure.legend(
            handles=[Patch(color=style.group_colour(group), label=group) for group in groups],
            loc="outside upper right",
            ncols=len(groups),
        )
    return figure


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

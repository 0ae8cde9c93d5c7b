"""Dependence of four traits on temperature, precipitation and canopy height (Fig. 4)."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from differland.analysis.key_traits import KEY_TRAITS, SHOWN_PREDICTORS
from differland.figures import style

ALL_CELLS = "all"


@style.styled
def draw_dependence(
    table: pd.DataFrame, predictors: Mapping[str, Sequence[str]], aware: str
) -> Figure:
    """Draw the part of four traits that each of three predictors explains.

    Lines are the medians of moving windows over cells, shades their quartiles: dashed and black of
    all cells, coloured of the cells of each plant type. A row shares its axis, in the trait's own
    units. A panel without any curve says why.

    Parameters
    ----------
    table
        ``analysis/dependence.csv``.
    predictors
        Names of the predictors of each setup that was explained.
    aware
        Setup of the curves of plant types.
    """
    figure = Figure(figsize=(style.WIDTH, 8.6))
    panels = figure.subplots(
        len(KEY_TRAITS), len(SHOWN_PREDICTORS), sharex="col", sharey="row", squeeze=False
    )
    for row, (name, trait) in enumerate(KEY_TRAITS.items()):
        for column, predictor in enumerate(SHOWN_PREDICTORS):
            axes = panels[row, column]
            style.panel_title(axes, row * len(SHOWN_PREDICTORS) + column, "")
            curves = table[(table["trait"] == name) & (table["predictor"] == predictor)]
            if curves.empty:
                style.say(axes, _reason(predictor, predictors))
            for population, curve in curves.groupby("population", sort=False):
                _draw_curve(axes, str(population), curve)
            axes.locator_params(nbins=5)
        words = trait.long_name.split(" (")[0].split()
        half = (len(words) + 1) // 2
        title = style.capitalise(f"{' '.join(words[:half])}\n{' '.join(words[half:])}")
        panels[row, 0].set_ylabel(f"{title}\n({style.format_units(trait.units)})")
    for axes, predictor in zip(panels[-1], SHOWN_PREDICTORS, strict=True):
        long_name, units = style.facts(predictor)
        axes.set_xlabel(f"{style.capitalise(long_name)}\n({style.format_units(units)})")
    figure.align_ylabels(panels[:, 0])
    _add_legend(figure, panels[0, 0], table, aware)
    return figure


def _reason(predictor: str, predictors: Mapping[str, Sequence[str]]) -> str:
    name = style.facts(predictor)[0]
    lacking = [setup for setup, names in predictors.items() if predictor not in names]
    if lacking:
        return f"{name}\nis no predictor of\n" + ",\n".join(lacking)
    return f"{name}\nis the same in all\nexplained cells"


def _draw_curve(axes: Axes, population: str, curve: pd.DataFrame) -> None:
    whole = population == ALL_CELLS
    colour = style.BLACK if whole else style.PLANT_TYPES[population][1]
    axes.fill_between(
        curve["predictor_value"],
        curve["lower"],
        curve["upper"],
        color=colour,
        alpha=0.15,
        linewidth=0,
        zorder=1,
    )
    axes.plot(
        curve["predictor_value"],
        curve["median"],
        color=colour,
        linestyle="--" if whole else "-",
        # A single window is a point.
        marker="o" if len(curve) == 1 else None,
        markersize=3,
        zorder=3 if whole else 2,
    )


def _add_legend(figure: Figure, axes: Axes, table: pd.DataFrame, aware: str) -> None:
    handles = []
    present = set(table["population"])
    if ALL_CELLS in present:
        setup = table.loc[table["population"] == ALL_CELLS, "setup"].iloc[0]
        handles += axes.plot([], [], "--", color=style.BLACK, label=f"all cells, {setup}")
    for name, (short, colour) in style.PLANT_TYPES.items():
        if name in present:
            handles += axes.plot(
                [], [], color=colour, label=f"{name.replace('_', ' ')} ({short}), {aware}"
            )
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=2)

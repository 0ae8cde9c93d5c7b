"""Agreement of trait axes between setups, between members, and with a known truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from differland.analysis.agreement import (
    ALL_TRAITS,
    ENSEMBLE,
    EQUAL,
    FAIRLY_SIMILAR,
    VARYING_TRAITS,
)
from differland.errors import InputError
from differland.figures import style

COMPONENT_COLOURS = (style.BLUE, style.ORANGE, style.GREEN)
COMPONENT_MARKERS = ("o", "s", "D")
SHOWN = len(COMPONENT_COLOURS)
"""Number of leading components that the figures show, as the paper does."""

LOADING_HEIGHT = 0.18
"""Of the row of a trait, inches."""

MOST_POINTS = 2000
"""Cells that a panel of points shows at most, evenly picked."""

ANGLE_COLOURS = ("0.1", "0.4", "0.6")
"""Of the angles, which belong to no single component."""

MEASURES = {
    "congruence": ("Loadings", f"Congruence ({style.DIMENSIONLESS})"),
    "score_correlation": ("Scores over cells", f"Correlation |r| ({style.DIMENSIONLESS})"),
    "principal_angle": ("Subspaces", "Principal angles, from\nthe smallest (degrees)"),
}


@style.styled
def draw_component_agreement(table: pd.DataFrame) -> Figure:
    """Agreement of trait axes between setups, and of the members of each with their ensemble.

    One row per pair of setups, and one per setup for its members. The lines mark from where axes
    are fairly similar, and count as equal.

    Parameters
    ----------
    table
        ``analysis/component_agreement.csv``.

    Raises
    ------
    InputError
        The table has no row.
    """
    if table.empty:
        raise InputError("component_agreement.csv", "rows", "at least one", "none")
    table = table[table["component"] <= SHOWN]
    pairs = table[table["comparison"] == "setups"]
    members = table[table["comparison"] == "members"]
    rows = [
        *(
            (f"{first}\nand {second}", part)
            for (first, second), part in pairs.groupby(["first", "second"], sort=False)
        ),
        *((f"{setup}\nits members", part) for setup, part in members.groupby("first", sort=False)),
    ]
    figure = Figure(figsize=(style.WIDTH, 1.3 + 0.42 * len(rows)))
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    count = int(table["component"].max())
    for position, (measure, (title, label)) in enumerate(MEASURES.items()):
        axes = panels[position]
        style.panel_title(axes, position, title)
        for row, (_, part) in enumerate(rows):
            if row % 2:
                axes.axhspan(row - 0.5, row + 0.5, color="0.95", linewidth=0, zorder=0)
            _draw_row(axes, row, part, measure, count)
        axes.set_xlabel(label)
        axes.tick_params(axis="y", length=0)
    for axes in panels[:2]:
        axes.set_xlim(-0.03, 1.03)
    for similar, line in ((FAIRLY_SIMILAR, ":"), (EQUAL, "--")):
        panels[0].axvline(similar, color="0.4", linewidth=0.8, linestyle=line, zorder=1)
    panels[2].set(xlim=(-3, 93), xticks=[0, 30, 60, 90])
    panels[0].set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(handles=_handles(count), loc="outside lower center", ncols=count + 2)
    return figure


def _draw_row(axes: Axes, row: int, part: pd.DataFrame, measure: str, count: int) -> None:
    """Draw the values of each component on a line of its own within the row."""
    single = part["second"].nunique() == 1
    colours = ANGLE_COLOURS if measure == "principal_angle" else COMPONENT_COLOURS
    for number, rows in part.groupby("component"):
        position = int(str(number)) - 1
        height = row + 0.24 * (position - (count - 1) / 2)
        axes.plot(
            rows[measure],
            np.full(len(rows), height),
            COMPONENT_MARKERS[position],
            color=colours[position],
            markersize=5 if single else 3.5,
            markeredgewidth=0,
            alpha=1.0 if single else 0.6,
            linestyle="none",
            clip_on=False,
            zorder=3,
        )


def _handles(count: int) -> list[Line2D]:
    components = [
        Line2D(
            [],
            [],
            color=COMPONENT_COLOURS[number],
            marker=COMPONENT_MARKERS[number],
            markersize=5,
            linestyle="none",
            label=f"PC{number + 1}",
        )
        for number in range(count)
    ]
    return [
        *components,
        Line2D([], [], color="0.4", linewidth=0.8, linestyle=":", label="fairly similar"),
        Line2D([], [], color="0.4", linewidth=0.8, linestyle="--", label="equal"),
    ]


@style.styled
def draw_recovered_components(truth: xr.Dataset, found: xr.Dataset, table: pd.DataFrame) -> Figure:
    """True and recovered axes side by side: loadings of the traits, and scores of the cells.

    Each true component has a column, with the component of the ensemble that matches it, turned
    to point the same way. Traits that do not vary in the truth take no part; with them, congruences
    are those below the panels.

    Parameters
    ----------
    truth
        ``analysis/{setup}/true_components.nc``.
    found
        ``analysis/{setup}/varying_components.nc``.
    table
        ``analysis/{setup}/component_recovery.csv``.

    Raises
    ------
    InputError
        The table has no row for the ensemble.
    """
    leading = table[(table["second"] == ENSEMBLE) & (table["component"] <= SHOWN)]
    if leading.empty:
        raise InputError("component_recovery.csv", "second", f"rows of {ENSEMBLE}", "none")
    rows = leading[leading["traits"] == VARYING_TRAITS]
    varying = truth["trait_standard_deviation"].to_numpy() > 0
    traits = [str(name) for name in truth["trait"].to_numpy()[varying]]
    tall = LOADING_HEIGHT * len(traits)
    figure = Figure(figsize=(style.WIDTH, tall + 4.1))
    panels = figure.subplots(2, len(rows), squeeze=False, height_ratios=[tall + 0.2, 2.2])
    matches: list[Any] = list(rows.itertuples())
    for position, row in enumerate(matches):
        own, other = row.component - 1, row.matched - 1
        style.panel_title(panels[0, position], position, f"True PC{own + 1}, found PC{other + 1}")
        _draw_loadings(
            panels[0, position],
            traits,
            _column(truth, "loadings", own)[varying],
            row.sign * _column(found, "loadings", other)[varying],
            position == 0,
        )
        panels[0, position].set_xlabel(
            f"Loading ({style.DIMENSIONLESS})\ncongruence {row.congruence:.2f}"
        )
        axes = panels[1, position]
        style.panel_title(axes, len(rows) + position, f"Scores, |r| = {row.score_correlation:.2f}")
        _draw_scores(
            axes, _column(truth, "scores", own), row.sign * _column(found, "scores", other)
        )
        axes.set_xlabel(f"True ({style.DIMENSIONLESS}), {row.explained_first:.0%} of variance")
    panels[1, 0].set_ylabel(f"Found ({style.DIMENSIONLESS})")
    words = [
        f"Principal angles between the subspaces: {_listed(rows['principal_angle'], '.0f', '°')}"
    ]
    if not varying.all():
        every = leading[leading["traits"] == ALL_TRAITS]
        words.append(
            f"With the traits too that are the same everywhere in the truth ({(~varying).sum()}): "
            f"congruence {_listed(every['congruence'], '.2f')}; "
            f"angles {_listed(every['principal_angle'], '.0f', '°')}"
        )
    handles = [
        Line2D([], [], color="black", marker="|", markersize=9, linestyle="none", label="true"),
        Line2D(
            [], [], color=style.MODELLED, marker="o", markersize=5, linestyle="none", label="found"
        ),
    ]
    legend = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        title="\n".join(words),
        title_fontsize=7.5,
    )
    legend.get_title().set_multialignment("center")
    return figure


def _listed(values: pd.Series, form: str, unit: str = "") -> str:
    return ", ".join(f"{value:{form}}{unit}" for value in values)


def _column(dataset: xr.Dataset, name: str, number: int) -> np.ndarray:
    return dataset[name].isel(component=number).to_numpy().astype(float)


def _draw_loadings(
    axes: Axes,
    traits: Sequence[str],
    true: np.ndarray,
    found: np.ndarray,
    named: bool,
) -> None:
    rows = np.arange(len(traits))
    axes.hlines(rows, true, found, color="0.75", linewidth=1.0, zorder=1)
    axes.plot(true, rows, "|", color="black", markersize=9, zorder=3)
    axes.plot(found, rows, "o", color=style.MODELLED, markersize=5, zorder=2)
    axes.axvline(0, color="0.6", linewidth=0.6, zorder=0)
    bound = 1.12 * max(float(np.abs([true, found]).max()), 0.1)
    axes.set_xlim(-bound, bound)
    axes.set_yticks(rows, [style.symbol(trait) for trait in traits] if named else [])
    axes.set_ylim(len(traits) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _draw_scores(axes: Axes, true: np.ndarray, found: np.ndarray) -> None:
    picked = np.unique(np.linspace(0, true.size - 1, min(true.size, MOST_POINTS)).astype(int))
    axes.plot(
        true[picked],
        found[picked],
        ".",
        color=style.MODELLED,
        markersize=2.5,
        markeredgewidth=0,
        alpha=0.5,
    )
    both = np.concatenate([true, found])
    low, high = np.quantile(both, [0.002, 0.998])
    margin = 0.08 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color="0.3", linewidth=0.8, linestyle=(0, (5, 3)))
    axes.set(xlim=limits, ylim=limits)
    axes.set_box_aspect(1)
    axes.locator_params(nbins=5)

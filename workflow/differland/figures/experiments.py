"""Sensitivity experiments beside the study: skill of each, and profiles along latitude."""

from collections.abc import Mapping
from itertools import cycle
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from differland.analysis.experiments import PROFILED, STUDY
from differland.errors import InputError
from differland.figures import style

DOMAINS: Mapping[str, str] = MappingProxyType(
    {"space-time": "in space and time", "space": "in space", "time": "in time"}
)
COLOURS = (style.VERMILION, style.BLUE, style.GREEN, style.ORANGE, style.PURPLE, style.SKY_BLUE)
DASHES = ("-", "--", ":")


@style.styled
def draw_experiments(table: pd.DataFrame) -> Figure:
    """Difference in R2 of each experiment from the study, by target, with the study's own R2.

    One panel per domain. Rows are experiments (and the setup, where there are several), the
    first that of the study, whose numbers are its R2.

    Parameters
    ----------
    table
        ``tables/experiments.csv``.

    Raises
    ------
    InputError
        The table has no experiment.
    """
    if set(table["experiment"]) <= {STUDY}:
        raise InputError("tables/experiments.csv", "experiment", "at least one", "none")
    targets = list(dict.fromkeys(table["target"]))
    setups = list(dict.fromkeys(table["setup"]))
    chosen = table[["setup", "experiment"]].drop_duplicates()
    order = [STUDY, *dict.fromkeys(name for name in chosen["experiment"] if name != STUDY)]
    rows = sorted(
        chosen.itertuples(index=False, name=None),
        key=lambda row: (setups.index(row[0]), order.index(row[1])),
    )
    norm = style.centred_norm(np.clip(table["R2_difference"].dropna(), -0.5, 0.5))
    domains = [domain for domain in DOMAINS if domain in set(table["domain"])]
    figure = Figure(figsize=(style.WIDTH, len(domains) * (0.7 + 0.26 * len(rows)) + 0.8))
    panels = figure.subplots(len(domains), 1, sharex=True, squeeze=False)[:, 0]
    for position, domain in enumerate(domains):
        axes = panels[position]
        style.panel_title(axes, position, f"$R^2$ on test patches, {DOMAINS[domain]}")
        here = table[table["domain"] == domain].set_index(["setup", "experiment", "target"])
        difference, value = (
            here[name].unstack().reindex(index=rows, columns=targets).to_numpy(dtype=float)
            for name in ("R2_difference", "R2")
        )
        image = axes.imshow(
            difference, cmap=colormaps[style.DIVERGING].reversed(), norm=norm, aspect="auto"
        )
        for row, (_, experiment) in enumerate(rows):
            for column in range(len(targets)):
                of_study = experiment == STUDY
                number = (value if of_study else difference)[row, column]
                if np.isfinite(number):
                    axes.text(
                        column,
                        row,
                        style.number(number, ".2f" if of_study else "+.2f"),
                        ha="center",
                        va="center",
                        fontsize=6.5,
                        weight="bold" if of_study else "normal",
                        color="white"
                        if abs(norm(difference[row, column]) - 0.5) > 0.35
                        else "black",
                    )
        axes.set_yticks(
            range(len(rows)), [_row_label(setup, name, len(setups)) for setup, name in rows]
        )
        axes.set_xticks(
            range(len(targets)),
            [style.symbol(target).replace(", ", ",\n") for target in targets],
        )
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.colorbar(
        image,
        ax=panels,
        orientation="horizontal",
        shrink=0.4,
        aspect=40,
        extend="both",
        label=f"Difference in $R^2$ from the study ({style.DIMENSIONLESS})",
    )
    return figure


def _row_label(setup: str, experiment: str, setups: int) -> str:
    name = experiment.replace("_", " ")
    return f"{setup}, {name}" if setups > 1 else name


@style.styled
def draw_profiles(table: pd.DataFrame, setup: str) -> Figure:
    """Profiles of simulated fluxes along latitude: the study in black, each experiment beside it.

    Parameters
    ----------
    table
        ``analysis/experiment_profiles.csv``.
    setup
        Setup whose experiments are drawn.

    Raises
    ------
    InputError
        The table has no such setup.
    """
    rows = table[(table["setup"] == setup) & table["latitude"].notna()]
    if rows.empty:
        found = ", ".join(dict.fromkeys(table["setup"]))
        raise InputError("analysis/experiment_profiles.csv", "setup", setup, found)
    names = [STUDY, *(name for name in dict.fromkeys(rows["experiment"]) if name != STUDY)]
    looks = dict(
        zip(
            names[1:],
            cycle([(colour, dash) for dash in DASHES for colour in COLOURS]),
            strict=False,
        )
    )
    figure = Figure(figsize=(style.WIDTH, 4.2))
    panels = figure.subplots(1, len(PROFILED), sharey=True)
    for position, quantity in enumerate(PROFILED):
        axes = panels[position]
        style.panel_title(axes, position, style.symbol(quantity))
        _, units = style.facts(quantity)
        for name in reversed(names):
            profile = rows[(rows["experiment"] == name) & (rows["quantity"] == quantity)]
            profile = profile.sort_values("latitude")
            colour, dash = looks.get(name, (style.BLACK, "-"))
            axes.plot(
                profile["mean"],
                profile["latitude"],
                dash,
                color=colour,
                linewidth=2.0 if name == STUDY else 1.0,
                label=name.replace("_", " "),
            )
        axes.set_xlabel(style.format_units(units))
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_ylabel(f"Latitude ({style.format_units('degrees_north')})")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=4)
    return figure

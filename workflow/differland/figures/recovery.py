"""True against recovered, for studies of a planet whose parameters are known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from differland.analysis.recovery import ALL_OUTPUTS
from differland.errors import InputError
from differland.figures import maps, style
from differland.figures.identifiability import IDENTIFIABLE, NOT_IDENTIFIABLE
from differland.tables import PREDICTOR_GROUPS, TRAITS

HEADLINE = (
    "canopy_efficiency",
    "leaf_carbon_mass_per_area",
    "leaf_lifespan",
    "underlying_water_use_efficiency",
)
"""Traits that the first row shows."""

MOST_POINTS = 2000
"""Cells that a panel of points shows at most, evenly picked."""

TRAINING_COLOUR, TEST_COLOUR = style.BLUE, style.VERMILION


def _rows(table: pd.DataFrame, cells: str, source: str) -> pd.DataFrame:
    """Rows of one set of cells by quantity."""
    rows = table[table["cells"] == cells].set_index("quantity")
    if rows.empty and cells == "all":
        raise InputError(source, "rows", "at least one for all cells", "none")
    return rows


@style.styled
def draw_recovered_traits(recovered: xr.Dataset, table: pd.DataFrame) -> Figure:
    """Ensemble mean against truth of each trait, one point per cell, with the members' spread.

    Parameters
    ----------
    recovered
        ``analysis/{setup}/recovery.nc``.
    table
        ``analysis/{setup}/recovery.csv``, for the correlations that are printed.

    Raises
    ------
    InputError
        The table has no row.
    """
    rows, held_out = (_rows(table, cells, "recovery.csv") for cells in ("all", "test"))
    traits = [*HEADLINE, *(trait for trait in TRAITS if trait not in HEADLINE)]
    columns = len(HEADLINE)
    lines = -(-len(traits) // columns)
    figure = Figure(figsize=(style.WIDTH, 1.85 * lines))
    panels = figure.subplots(lines, columns).ravel()
    count = recovered.sizes["cell"]
    picked = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))
    part = recovered.isel(cell=picked)
    test = np.zeros(picked.size, dtype=bool)
    if "test" in part.variables:
        test = part["test"].to_numpy() == 1
    for position, trait in enumerate(traits):
        axes = panels[position]
        style.panel_title(axes, position, style.symbol(trait))
        _draw_points(axes, part.sel(quantity=trait), test)
        axes.set_xlabel(style.format_units(style.facts(trait)[1]), labelpad=1)
        text = "constant"
        if rows["truth_varies"][trait] and np.isfinite(rows["pearson"][trait]):
            text = style.number(rows["pearson"][trait], ".2f")
            if trait in held_out.index and np.isfinite(held_out["pearson"][trait]):
                text += f" | {style.number(held_out['pearson'][trait], '.2f')}"
        # Beside the title there is no room for it, where symbols are long.
        axes.text(
            0.97,
            0.03,
            text,
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=7,
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
    figure.supxlabel("True, in the units below each panel", fontsize=8)
    figure.supylabel("Recovered, in the same units", fontsize=8)
    for axes in panels[len(traits) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=3, linestyle="none", label=label)
        for colour, label in (
            (TRAINING_COLOUR, "cell of training patches"),
            (TEST_COLOUR, "cell of test patches"),
        )
        if colour == TRAINING_COLOUR or not held_out.empty
    ]
    handles.append(
        Line2D([], [], color="0.8", linewidth=1.5, label="± 1 standard deviation\nof members")
    )
    handles.append(Line2D([], [], color="0.3", linewidth=0.8, linestyle="--", label="1:1"))
    numbers = "$r$ of all cells" + ("" if held_out.empty else " | of test patches")
    shown = f"{picked.size:,} of {count:,} cells\n{numbers}"
    panels[-2].legend(handles=handles, loc="center", title=shown, title_fontsize=7.5)
    return figure


def _draw_points(axes: Axes, trait: xr.Dataset, test: np.ndarray) -> None:
    truth, mean, spread = (
        trait[name].to_numpy().astype(float) for name in ("truth", "mean", "spread")
    )
    axes.errorbar(truth, mean, spread, fmt="none", ecolor="0.85", elinewidth=0.4, zorder=1)
    for chosen, colour, above in ((~test, TRAINING_COLOUR, 2), (test, TEST_COLOUR, 3)):
        axes.plot(
            truth[chosen],
            mean[chosen],
            ".",
            color=colour,
            markersize=2.5,
            markeredgewidth=0,
            alpha=0.6,
            zorder=above,
        )
    both = np.concatenate([truth, mean])
    low, high = np.quantile(both, [0.005, 0.995])
    margin = 0.08 * (high - low) or 0.05 * abs(low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color="0.3", linewidth=0.8, linestyle=(0, (5, 3)), zorder=4)
    axes.set(xlim=limits, ylim=limits)
    axes.set_box_aspect(1)
    axes.locator_params(axis="x", nbins=3)
    axes.locator_params(axis="y", nbins=4)


@style.styled
def draw_recovered_map(recovered: xr.Dataset, quantity: str) -> Figure:
    """Map the truth, the ensemble mean and their difference of one trait or parameter.

    Parameters
    ----------
    recovered
        ``analysis/{setup}/recovery.nc``.
    quantity
        Name of the quantity, one of those of the file.

    Raises
    ------
    InputError
        The file does not hold the quantity, or no cell coordinates.
    """
    known = [str(name) for name in recovered["quantity"].to_numpy()]
    if quantity not in known:
        source = recovered.encoding.get("source", "recovery.nc")
        raise InputError(source, "quantity", f"one of {', '.join(known)}", repr(quantity))
    latitude, longitude = maps.coordinates(recovered)
    part = recovered.sel(quantity=quantity)
    truth, mean = (part[name].to_numpy().astype(float) for name in ("truth", "mean"))
    difference = mean - truth
    shared = style.colour_norm(quantity, np.concatenate([truth, mean]))
    _, units = style.facts(quantity)
    own = style.colour_map(quantity)
    bound = float(np.quantile(np.abs(difference), 0.98)) or 1.0
    figure, panels = maps.figure_of_maps(maps.window_of(latitude, longitude), 3)
    for position, (title, values, colours, norm) in enumerate(
        (
            ("true", truth, own, shared),
            ("recovered", mean, own, shared),
            (
                "recovered \N{MINUS SIGN} true",
                difference,
                style.DIVERGING,
                Normalize(-bound, bound),
            ),
        )
    ):
        axes = panels[position]
        style.panel_title(axes, position, f"{style.symbol(quantity)}, {title}")
        shown = maps.add_cells(axes, latitude, longitude, values, colours, norm)
        maps.add_colour_bar(axes, shown, f"{style.symbol(quantity)} ({style.format_units(units)})")
    return figure


@style.styled
def draw_recovery(table: pd.DataFrame) -> Figure:
    """Spatial correlation of every parameter with its truth, coloured by identifiability.

    Parameters
    ----------
    table
        ``analysis/{setup}/recovery.csv``.

    Raises
    ------
    InputError
        The table has no row.
    """
    rows = _rows(table, "all", "recovery.csv")
    rows = rows[rows["kind"] == "parameter"]
    rows = rows.sort_values(["truth_varies", "pearson"], kind="stable")
    test = _rows(table, "test", "recovery.csv").reindex(rows.index)
    identifiable = rows["identifiable"].astype(bool).to_numpy()
    colours = [IDENTIFIABLE if known else NOT_IDENTIFIABLE for known in identifiable]
    where = np.arange(len(rows))
    figure = Figure(figsize=(style.WIDTH, 0.9 + 0.155 * len(rows)))
    axes = figure.subplots()
    axes.barh(where, rows["pearson"], 0.74, color=colours)
    held_out = axes.plot(
        test["pearson"],
        where,
        "D",
        color=style.BLACK,
        markersize=3,
        linestyle="none",
        label="test patches alone",
    )[0]
    for position, varies in enumerate(rows["truth_varies"]):
        if not varies:
            axes.plot(0.0, position, "s", color=colours[position], markersize=4)
            axes.text(
                0.02,
                position,
                "truth the same everywhere",
                va="center",
                fontsize=6.5,
                color="0.35",
            )
    axes.set_yticks(where, [style.tick_label(name) for name in rows.index])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.axvline(0, color=style.BLACK, linewidth=0.6)
    lowest = float(np.nanmin([0.0, rows["pearson"].min(), test["pearson"].min()]))
    axes.set_xlim(min(1.08 * lowest, -0.02), 1.02)
    axes.set_xlabel(
        f"Correlation over cells of the ensemble mean with the truth, $r$ ({style.DIMENSIONLESS})"
    )
    handles: list[Patch | Line2D] = [
        Patch(color=IDENTIFIABLE, label=f"members agree ({identifiable.sum()})"),
        Patch(color=NOT_IDENTIFIABLE, label=f"members disagree ({(~identifiable).sum()})"),
    ]
    if test["pearson"].notna().any():
        handles.append(held_out)
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


@style.styled
def draw_importance(table: pd.DataFrame, population: str = "all") -> Figure:
    """True and estimated importance of every predictor for every trait, as shares of its total.

    Left the truth, in the middle the ensemble, right both averaged over the traits. Below each
    trait of the ensemble stands the correlation of its two columns.

    Parameters
    ----------
    table
        ``analysis/{setup}/importance.csv``.
    population
        Population of the explained cells: ``all``, or the name of a plant functional type.

    Raises
    ------
    InputError
        The table has no row of the population.
    """
    rows = table[(table["population"] == population) & (table["level"] == "predictor")]
    if rows.empty:
        known = ", ".join(sorted(set(table["population"])))
        raise InputError("importance.csv", "population", f"one of {known}", repr(population))
    order = [name for names in PREDICTOR_GROUPS.values() for name in names]
    names = sorted(set(rows["name"]), key=order.index)
    groups = rows.drop_duplicates("name").set_index("name")["group"]
    traits = [trait for trait in TRAITS if trait in set(rows["output"])]
    height = 1.4 + 0.19 * len(names)
    figure = Figure(figsize=(style.WIDTH, height))
    panels = figure.subplots(1, 3, sharey=True, width_ratios=[1, 1, 0.5])
    norm = Normalize(0, max(0.3, float(rows[["true_share", "estimated_share"]].max().max())))
    shares = {}
    for column, (position, title) in {
        "true_share": (0, "True"),
        "estimated_share": (1, "Ensemble"),
    }.items():
        wide = rows.pivot(index="name", columns="output", values=column)
        shares[column] = wide
        style.panel_title(panels[position], position, title)
        _draw_shares(panels[position], wide.loc[names, traits], norm)
    correlation = rows.drop_duplicates("output").set_index("output")["correlation"]
    panels[0].set_yticks(range(len(names)), [style.tick_label(name) for name in names])
    panels[0].tick_params(axis="y", length=0, pad=11, labelsize=7)
    beside = panels[0].get_yaxis_transform() + ScaledTranslation(-6 / 72, 0, figure.dpi_scale_trans)
    for row, name in enumerate(names):
        panels[0].plot(
            0,
            row,
            "s",
            markersize=4.5,
            color=style.group_colour(groups[name]),
            transform=beside,
            clip_on=False,
        )
    panels[1].set_xticks(
        range(len(traits)),
        [f"{style.symbol(trait)}  {_number(correlation.get(trait, np.nan))}" for trait in traits],
    )
    bar = figure.colorbar(
        ScalarMappable(norm, style.CARBON_MAGNITUDE),
        ax=list(panels[:2]),
        orientation="horizontal",
        aspect=45,
        shrink=0.6,
        pad=0.02,
    )
    bar.set_label(f"Share of the mean |SHAP| of a trait ({style.DIMENSIONLESS})")
    style.panel_title(panels[2], 2, "All traits")
    if ALL_OUTPUTS in shares["true_share"]:
        _draw_overall(panels[2], names, shares, groups)
    else:
        style.say(panels[2], "no trait\nvaries in both")
    handles: list[Patch | Line2D] = [
        Patch(color=style.group_colour(group), label=group)
        for group in dict.fromkeys(groups[name] for name in names)
    ]
    handles.append(
        Line2D([], [], color="black", marker="|", linestyle="none", markersize=8, label="true (c)")
    )
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def _number(value: float) -> str:
    return f"({style.number(value, '.2f')})" if np.isfinite(value) else "(–)"  # noqa: RUF001


def _draw_shares(axes: Axes, wide: pd.DataFrame, norm: Normalize) -> QuadMesh:
    values = np.ma.masked_invalid(wide.to_numpy(dtype=float))
    axes.set_facecolor(style.LIGHT_GREY)
    mesh = axes.pcolormesh(
        np.arange(wide.shape[1] + 1) - 0.5,
        np.arange(wide.shape[0] + 1) - 0.5,
        values,
        cmap=style.CARBON_MAGNITUDE,
        norm=norm,
    )
    for position in np.flatnonzero(values.mask.all(axis=0)) if values.mask.ndim else ():
        axes.text(
            float(position),
            (len(wide) - 1) / 2,
            "the same in all cells",
            rotation=90,
            ha="center",
            va="center",
            fontsize=6.5,
            color="0.35",
        )
    axes.set_xticks(range(wide.shape[1]), [style.symbol(name) for name in wide.columns])
    axes.tick_params(axis="x", rotation=90, labelsize=7)
    axes.tick_params(length=0)
    axes.set_ylim(len(wide) - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    return mesh


def _draw_overall(
    axes: Axes, names: Sequence[str], shares: dict[str, pd.DataFrame], groups: pd.Series
) -> None:
    rows = np.arange(len(names))
    axes.barh(
        rows,
        shares["estimated_share"].loc[list(names), ALL_OUTPUTS],
        0.7,
        color=[style.group_colour(groups[name]) for name in names],
    )
    axes.plot(shares["true_share"].loc[list(names), ALL_OUTPUTS], rows, "k|", markersize=8)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"Share ({style.DIMENSIONLESS})")
    axes.tick_params(axis="y", length=0)

"""Carbon exchange of regions: DifferLand, inversions and land models (Fig. S8-S12)."""

import textwrap
from collections.abc import Callable
from itertools import cycle
from typing import Any

import cartopy.crs as ccrs
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from differland.analysis.carbon_cycle import (
    INVERSION,
    LAND_MODEL,
    MODEL,
    MODEL_MEAN,
    WHOLE,
)
from differland.errors import InputError
from differland.figures import maps, style

LAND_MODELS = style.ORANGE
KIND_COLOURS = {
    MODEL: style.MODELLED,
    INVERSION: style.OBSERVED,
    LAND_MODEL: LAND_MODELS,
    MODEL_MEAN: style.VERMILION,
}
KIND_MARKS = {MODEL: "o", INVERSION: "s", LAND_MODEL: "o", MODEL_MEAN: "D"}

REGION_COLOURS = {
    "North American Boreal": style.SKY_BLUE,
    "North American Temperate": style.ORANGE,
    "South American Tropical": style.GREEN,
    "South American Temperate": style.PURPLE,
    "Northern Africa": style.ORANGE,
    "Southern Africa": style.SKY_BLUE,
    "Eurasian Boreal": style.PURPLE,
    "Eurasian Temperate": style.SKY_BLUE,
    "Tropical Asia": style.VERMILION,
    "Australia": style.ORANGE,
    "Europe": style.GREEN,
}
"""Neighbours differ; names are on the map."""

COLUMNS = 3
PANEL_HEIGHT = 1.55
ROW_HEIGHT, MATRIX_ROW_HEIGHT = 0.17, 0.135
MONTHS = "JFMAMJJASOND"

SCALES = {
    "month": "months",
    "seasonal cycle": "seasonal cycle",
    "annual anomaly": "annual anomalies",
}
"""Of the table, and what to call them."""


@style.styled
def draw_seasonal_cycle(series: xr.Dataset) -> Figure:
    """Mean of each calendar month over the common years, a panel per region (Fig. S12).

    Parameters
    ----------
    series
        ``analysis/carbon_cycle.nc``.
    """
    figure, panels = _panels(series, "seasonal_cycle", "month")
    for axes in panels:
        axes.set_xticks(range(1, 13), list(MONTHS))
        axes.set_xlim(0.7, 12.3)
    return figure


@style.styled
def draw_anomalies(series: xr.Dataset) -> Figure:
    """Annual totals minus their mean over the common years, a panel per region (Fig. S11).

    Sources are drawn in all their years.

    Parameters
    ----------
    series
        ``analysis/carbon_cycle.nc``.
    """
    figure, panels = _panels(series, "anomaly", "year")
    for axes in panels:
        _year_axis(axes, series["year"].to_numpy())
    return figure


@style.styled
def draw_trajectories(series: xr.Dataset) -> Figure:
    """Annual totals and their linear trends over the common years (Fig. S10).

    The slopes of the reference and of DifferLand are printed with their standard errors.

    Parameters
    ----------
    series
        ``analysis/carbon_cycle.nc``.
    """
    figure, panels = _panels(series, "annual", "year", _draw_trends)
    for axes in panels:
        _year_axis(axes, series["year"].to_numpy())
    return figure


def _panels(
    series: xr.Dataset,
    variable: str,
    dimension: str,
    add: Callable[[Axes, xr.Dataset], None] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Small multiples of one variable; `add` draws more into each panel."""
    regions = series["region"].to_numpy()
    columns = min(COLUMNS, len(regions))
    rows = -(-len(regions) // columns)
    figure = Figure(figsize=(style.WIDTH, 0.7 + PANEL_HEIGHT * rows))
    grid = figure.add_gridspec(rows, columns)
    panels = []
    for position, region in enumerate(regions):
        axes = figure.add_subplot(grid[position // columns, position % columns])
        here = series.sel(region=region)
        style.panel_title(axes, position, str(region))
        axes.set_title(axes.get_title(loc="left"), fontsize=8)
        axes.axhline(0, color=style.BLACK, linewidth=0.5)
        _draw_sources(axes, here, variable, dimension)
        if add is not None:
            add(axes, here)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.margins(y=0.12)
        panels.append(axes)
    figure.supylabel(
        f"Net biosphere exchange ({style.format_units(series[variable].attrs['units'])})",
        fontsize=8,
    )
    handles, labels = panels[0].get_legend_handles_labels()
    # What matters is drawn last, and named first.
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=6)
    return figure, panels


def _draw_sources(axes: Axes, here: xr.Dataset, variable: str, dimension: str) -> None:
    along = here[dimension].to_numpy()
    values = here[variable]
    models = values[(here["kind"] == LAND_MODEL).to_numpy()].to_numpy()
    if len(models) > 1:
        label = f"range of {len(models)} land models"
        options: dict[str, Any] = {
            "color": LAND_MODELS,
            "alpha": style.SPREAD_ALPHA,
            "linewidth": 0,
        }
        axes.fill_between(along, models.min(axis=0), models.max(axis=0), label=label, **options)
    inversions = here["source"].to_numpy()[(here["kind"] == INVERSION).to_numpy()]
    lines = dict(zip(inversions, cycle(["-", "--", ":", "-."]), strict=False))
    dots: dict[str, Any] = {"marker": "o", "markersize": 2.5} if dimension == "year" else {}
    sources = list(zip(here["source"].to_numpy(), here["kind"].to_numpy(), strict=True))
    for name, kind in sources[::-1]:
        if kind == MODEL or (kind == LAND_MODEL and len(models) > 1):
            continue
        axes.plot(
            along,
            values.sel(source=name),
            linestyle=lines.get(name, "-"),
            color=KIND_COLOURS[kind],
            label=style.plain(name),
            **dots,
        )
    mean, spread = values.sel(source=MODEL).to_numpy(), here[f"{variable}_spread"].to_numpy()
    axes.fill_between(
        along,
        mean - spread,
        mean + spread,
        color=style.MODELLED,
        alpha=style.SPREAD_ALPHA,
        linewidth=0,
    )
    axes.plot(along, mean, color=style.MODELLED, label=MODEL, **dots)


def _draw_trends(axes: Axes, here: xr.Dataset) -> None:
    common = here["common"].to_numpy() == 1
    years = here["year"].to_numpy()[common]
    units = style.format_units(here["trend"].attrs["units"])
    for row, name in enumerate([here.attrs["reference"], MODEL]):
        source = here.sel(source=name)
        slope, error = float(source["trend"]), float(source["trend_error"])
        if not np.isfinite(slope):
            continue
        colour = style.MODELLED if name == MODEL else style.OBSERVED
        middle = float(source["annual"].to_numpy()[common].mean())
        axes.plot(years, middle + slope * (years - years.mean()), "--", color=colour, linewidth=0.8)
        axes.annotate(
            f"{_number(slope, error)} {units}",
            (1, 0),
            (-2, 11 - 9 * row),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=colour,
            fontsize=6.5,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
        )


def _number(value: float, error: float) -> str:
    """A slope and its standard error, with two digits of the error but five decimals at most."""
    digits = 5 if error <= 0 else int(np.clip(1 - np.floor(np.log10(error)), 0, 5))
    return f"{style.number(value, f'+.{digits}f')} ± {error:.{digits}f}"


def _year_axis(axes: Axes, years: np.ndarray) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(years[0] - 0.4, years[-1] + 0.4)


@style.styled
def draw_agreement(table: pd.DataFrame) -> Figure:
    """Root mean square error and correlation of every source with the reference (Table S6).

    All cells that count are included; sources are sorted by the error of the months.

    Parameters
    ----------
    table
        ``tables/carbon_cycle.csv``.

    Raises
    ------
    InputError
        The table has no row.
    """
    rows, sources = _ranked(table)
    rows = rows[rows["region"].isin(WHOLE)]
    kinds = rows.drop_duplicates("source").set_index("source")["kind"]
    figure = Figure(figsize=(style.WIDTH, 2 * (0.75 + ROW_HEIGHT * len(sources)) + 0.3))
    panels = figure.subplots(2, len(SCALES), sharey=True)
    where = np.arange(len(sources))
    for column, (scale, name) in enumerate(SCALES.items()):
        chosen = rows[rows["scale"] == scale].set_index("source").reindex(sources)
        units = style.format_units(chosen["units"].dropna().iloc[0])
        for row, (measure, label) in enumerate(
            {
                "rmse": f"RMSE ({units})",
                "correlation": f"Correlation ({style.DIMENSIONLESS})",
            }.items()
        ):
            axes = panels[row, column]
            style.panel_title(axes, row * len(SCALES) + column, style.capitalise(name))
            for position, source in enumerate(sources):
                kind = kinds[source]
                axes.plot(
                    chosen[measure][source],
                    position,
                    KIND_MARKS[kind],
                    color=KIND_COLOURS[kind],
                    markersize=6 if kind == MODEL else 4,
                    clip_on=False,
                    zorder=3,
                )
            axes.set_xlabel(label)
            axes.grid(axis="y", color="0.9", linewidth=0.5)
            axes.set_axisbelow(True)
            if measure == "rmse":
                axes.set_xlim(0, 1.08 * float(np.nanmax([*chosen[measure], 1e-12])))
            else:
                low = float(np.nanmin([*chosen[measure], 0.0]))
                axes.set_xlim(min(low - 0.08, -0.02), 1.03)
            axes.xaxis.set_major_locator(MaxNLocator(3))
    for axes in panels[:, 0]:
        axes.set_yticks(where, [style.plain(source) for source in sources])
        axes.set_ylim(len(sources) - 0.4, -0.6)
        _emphasise(axes)
    reference = style.plain(rows["reference"].iloc[0])
    span = f"{rows['first_year'].min()}-{rows['last_year'].max()}"
    figure.suptitle(f"Against {reference}, {span}, all cells", fontsize=9, x=0.01, ha="left")
    return figure


@style.styled
def draw_regional_agreement(table: pd.DataFrame) -> Figure:
    """Agreement of every source with the reference in every region.

    Root mean square error of the months over that of DifferLand, and correlations of the months and
    of annual anomalies.

    Parameters
    ----------
    table
        ``tables/carbon_cycle.csv``.

    Raises
    ------
    InputError
        The table has no row.
    """
    rows, sources = _ranked(table)
    regions = list(dict.fromkeys(rows["region"]))

    def matrix(scale: str, measure: str) -> pd.DataFrame:
        wide = rows[rows["scale"] == scale].pivot_table(
            index="source", columns="region", values=measure, dropna=False
        )
        return wide.reindex(index=sources, columns=regions)

    error = matrix("month", "rmse")
    ratio = error / error.loc[MODEL]
    # From a half to twice as large at least, and to 16 times at most.
    bound = 2.0 ** np.clip(np.ceil(np.nanmax(np.abs(np.log2(ratio)))), 1, 4)
    contents: list[tuple[str, pd.DataFrame, str, Normalize]] = [
        (
            "RMSE of the months over that of DifferLand",
            ratio,
            "PuOr_r",
            LogNorm(1 / bound, bound),
        ),
        ("Correlation of the months", matrix("month", "correlation"), "RdBu_r", Normalize(-1, 1)),
        (
            "Correlation of annual anomalies",
            matrix("annual anomaly", "correlation"),
            "RdBu_r",
            Normalize(-1, 1),
        ),
    ]
    height = 0.4 + MATRIX_ROW_HEIGHT * len(sources)
    figure = Figure(figsize=(style.WIDTH, len(contents) * height + 1.0))
    panels = figure.subplots(len(contents), 1, sharex=True)
    for position, (title, values, colours, norm) in enumerate(contents):
        _draw_matrix(panels[position], values, colours, norm)
        style.panel_title(panels[position], position, f"{title} ({style.DIMENSIONLESS})")
    panels[-1].set_xticks(
        range(len(regions)),
        [textwrap.fill(str(region), 15) for region in regions],
        rotation=45,
        ha="right",
        rotation_mode="anchor",
        fontsize=7,
    )
    return figure


def _draw_matrix(axes: Axes, values: pd.DataFrame, colours: str, norm: Normalize) -> None:
    wide = isinstance(norm, LogNorm)
    digits = 1 if wide else 2
    picture = axes.imshow(
        np.ma.masked_invalid(values.to_numpy(float)), colours, norm, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(values.to_numpy(float)):
        if np.isfinite(value):
            shade = picture.cmap(norm(value))[:3]
            dark = np.dot(shade, (0.299, 0.587, 0.114)) < 0.5
            axes.text(
                column,
                row,
                f"{value:.{digits if value < 10 else 0}f}",
                ha="center",
                va="center",
                fontsize=6,
                color="white" if dark else "black",
            )
    axes.set_yticks(range(len(values)), [style.plain(name) for name in values.index], fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _emphasise(axes)
    bar = axes.figure.colorbar(
        picture, ax=axes, pad=0.01, aspect=25, extend="both" if wide else "neither"
    )
    bar.ax.tick_params(labelsize=7)
    if wide:
        power = round(np.log2(float(picture.get_clim()[1])))
        # Five ticks at most.
        step = -(-power // 2)
        ticks = [2.0**number for number in range(-2 * step, 2 * step + 1, step)]
        bar.set_ticks(
            ticks, labels=[f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks]
        )
        bar.minorticks_off()


def _ranked(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows of the first reference, and all sources by their global error of the months."""
    if table.empty:
        raise InputError("tables/carbon_cycle.csv", "rows", "at least one", "none")
    rows = table[table["reference"] == table["reference"].iloc[0]]
    error = rows[(rows["region"].isin(WHOLE)) & (rows["scale"] == "month")].set_index("source")[
        "rmse"
    ]
    return rows, list(error.sort_values().index)


def _emphasise(axes: Axes) -> None:
    for label in axes.get_yticklabels():
        if label.get_text() == MODEL:
            label.set(color=style.MODELLED, fontweight="bold")


@style.styled
def draw_regions(cells: xr.Dataset) -> Figure:
    """Map the regions; cells that do not count are grey.

    Parameters
    ----------
    cells
        ``analysis/carbon_cycle_cells.nc``.
    """
    latitude, longitude = maps.coordinates(cells)
    names = [name.replace("_", " ") for name in cells["region"].attrs["flag_meanings"].split()]
    region = cells["region"].to_numpy()
    common = cells["common"].to_numpy() == 1
    values = np.where(common, region, len(names)).astype(float)
    colours = ListedColormap([*(REGION_COLOURS[name] for name in names), style.GREY])
    norm = BoundaryNorm(np.arange(-0.5, len(names) + 1), len(names) + 1)
    figure, (axes,) = maps.figure_of_maps(maps.window_of(latitude, longitude))
    maps.add_cells(axes, latitude, longitude, values, colours, norm)
    left_out = "" if common.all() else f", {(~common).sum():,} left out (grey)"
    axes.set_title(f"Regions (n = {common.sum():,} cells{left_out})")
    for number, name in enumerate(names):
        inside = region == number
        if inside.any():
            place = axes.projection.transform_points(
                ccrs.PlateCarree(), longitude[inside], latitude[inside]
            )
            middle = np.median(place[:, :2], axis=0)
            axes.text(
                *middle,
                textwrap.fill(name, 14),
                ha="center",
                va="center",
                fontsize=7,
                path_effects=[withStroke(linewidth=2, foreground="white")],
                zorder=3,
            )
    return figure

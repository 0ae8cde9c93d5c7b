"""One variable of a driver at a glance, so that a wrong unit is seen before anything is trained."""

import textwrap

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from differland.driver import PATCH_DIMENSION
from differland.figures import maps, style
from differland.quality import area_weights, known_variable, monthly_statistics
from differland.terms import OBSERVABLES, PatchAnomalies

SERIES_HEIGHT = 1.7
BINS = 50

ANOMALIES = frozenset(
    term.variable for term in OBSERVABLES.values() if isinstance(term, PatchAnomalies)
)
"""Observations whose mean over time is zero, so that a map of it says nothing."""


@style.styled
def draw_variable(driver: xr.Dataset, name: str, remark: str = "") -> Figure:
    """Map a variable, and draw it over time, or its distribution.

    The map has the mean over time, or the standard deviation of what is an anomaly.

    Patch-level values are shown in all cells of their patch.

    Parameters
    ----------
    driver
        A checked driver, in memory or of ``quality.open_driver``. If it lacks the variable, or has
        no value of it, the figure says so.
    name
        The variable, or an alternative product of one (``lai_copernicus``).
    remark
        Remark on what looks wrong about the variable.

    Raises
    ------
    InputError
        No variable of any driver has that name.
    """
    _, base, facts = known_variable(name)
    product = "" if name == base else f", {style.plain(name)}"
    title = f"{style.capitalise(facts.long_name)}{product}"
    label = f"{style.capitalise(style.symbol(base))} ({style.format_units(facts.units)})"
    if name not in driver or not bool(np.isfinite(driver[name]).any()):
        figure = Figure(figsize=(style.WIDTH, SERIES_HEIGHT))
        axes = figure.subplots()
        axes.set_title(title)
        axes.set_axis_off()
        style.say(axes, "no value in the driver" if name in driver else "not in the driver")
        return figure
    variable = driver[name]
    lines = textwrap.wrap(style.plain(remark), 105)
    over_time = "time" in variable.dims
    if variable.dims == ("time",):
        figure = Figure(figsize=(style.WIDTH, SERIES_HEIGHT + 0.15 * len(lines)))
        series = figure.subplots()
        series.set_title(title)
    else:
        latitude, longitude = maps.coordinates(driver)
        window = maps.window_of(latitude, longitude)
        height = maps.map_height(window, style.WIDTH - 1.5) + maps.ABOVE_MAP
        figure = Figure(figsize=(style.WIDTH, height + SERIES_HEIGHT + 0.15 * len(lines)))
        places = figure.add_gridspec(2, 1, height_ratios=[height, SERIES_HEIGHT])
        values = variable.to_numpy()
        mean = _mean_over_time(values) if over_time else values.astype(float)
        shown, statistic = mean, "mean over time " if over_time else ""
        if base in ANOMALIES:
            shown, statistic = _deviation_over_time(values, mean), "standard deviation over time "
        _draw_map(
            figure,
            places[0],
            driver,
            window,
            variable.dims[0],
            shown,
            base,
            f"{title}\n{statistic}",
            label,
        )
        series = figure.add_subplot(places[1])
        if not over_time:
            _draw_distribution(series, mean, area_weights(driver, str(variable.dims[0])))
            series.set_xlabel(label)
    if over_time:
        _draw_series(series, monthly_statistics(driver, name), variable.dims[0])
        series.set_ylabel(label)
    if lines:
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=8, color=style.VERMILION)
    return figure


def _mean_over_time(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1, dtype=float)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _deviation_over_time(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.sqrt(_mean_over_time((values - mean[:, None]) ** 2))


def _draw_map(
    figure: Figure,
    place: SubplotSpec,
    driver: xr.Dataset,
    window: maps.Window | None,
    dimension: object,
    values: np.ndarray,
    base: str,
    title: str,
    label: str,
) -> None:
    axes = maps.add_map(figure, place, window)
    places = "patches" if dimension == PATCH_DIMENSION else "cells"
    axes.set_title(f"{title}(n = {np.isfinite(values).sum():,} of {values.size:,} {places})")
    shown = values[driver[PATCH_DIMENSION].to_numpy()] if dimension == PATCH_DIMENSION else values
    # A deviation has no sign; it has the colours of what else is water.
    scale = "precipitation" if base in ANOMALIES else base
    colours = maps.add_cells(
        axes,
        *maps.coordinates(driver),
        shown,
        style.colour_map(scale),
        style.colour_norm(scale, shown),
    )
    maps.add_colour_bar(axes, colours, label)


def _draw_series(axes: Axes, months: pd.DataFrame, dimension: object) -> None:
    """Draw the area-weighted mean of every month, and the band of 90 % of the cells or patches."""
    time = months.index.to_numpy()
    if dimension != "time":
        axes.fill_between(
            time,
            months["percentile_5"],
            months["percentile_95"],
            color=style.GREY,
            alpha=style.SPREAD_ALPHA,
            linewidth=0,
            label=f"90 % of the {'patches' if dimension == PATCH_DIMENSION else 'cells'}",
        )
    axes.plot(
        time,
        months["mean"],
        ".-",
        color=style.OBSERVED,
        linewidth=0.8,
        markersize=2,
        label="area-weighted mean" if dimension != "time" else None,
    )
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlim(time[0], time[-1])
    if dimension != "time":
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)


def _draw_distribution(axes: Axes, values: np.ndarray, area: np.ndarray) -> None:
    known = np.isfinite(values)
    share = 100 * area[known] / area[known].sum()
    axes.hist(values[known], bins=BINS, weights=share, color=style.GREY)
    axes.set_ylabel("Share of area (%)")

"""Biomass: mean and trend in each cell, and the sum over the years (Fig. S22)."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from differland.figures import map_grid, maps, style

SIDES = {"observed": "Observed", "modelled": "Modelled"}
QUANTITIES = ("mean", "trend")


@style.styled
def draw_biomass_maps(cells: xr.Dataset) -> Figure:
    """Map mean and trend of biomass, observed and of the ensemble mean.

    Parameters
    ----------
    cells
        ``biomass.nc`` of `differland.analysis.biomass.compare_biomass`.
    """
    latitude, longitude = maps.coordinates(cells)
    window = maps.window_of(latitude, longitude)
    # Where few years are observed there is no trend in any cell.
    shown = [name for name in QUANTITIES if cells[f"observed_{name}"].notnull().any()] or ["mean"]
    figure, rows = map_grid.grid_of_maps(window, len(shown), len(SIDES), bars=len(shown))
    for row, quantity in enumerate(shown):
        values = [cells[f"{side}_{quantity}"].to_numpy().astype(float) for side in SIDES]
        both = np.concatenate(values)
        both = both[np.isfinite(both)]
        norm: Normalize
        if quantity == "trend":
            bound = np.quantile(np.abs(both), 0.98) if both.size else 1.0
            norm, colour_map = style.centred_norm(np.array([bound])), style.DIVERGING
        else:
            norm, colour_map = style.colour_norm("biomass", both), style.colour_map("biomass")
        colours = None
        for column, side in enumerate(SIDES):
            axes = rows[row][column]
            known = np.isfinite(values[column])
            text = f"{SIDES[side]}: {quantity}, n = {known.sum():,} cells"
            style.panel_title(axes, row * len(SIDES) + column, text)
            if not known.any():
                style.say(axes, "too few years\nare observed")
                continue
            colours = maps.add_cells(axes, latitude, longitude, values[column], colour_map, norm)
        if colours is not None:
            units = cells[f"observed_{quantity}"].attrs["units"]
            label = f"{style.capitalise(quantity)} of biomass ({style.format_units(units)})"
            map_grid.shared_bar(colours, rows[row], label, "both")
    return figure


@style.styled
def draw_biomass_years(years: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Sum of biomass over the cells that are observed in all years, year by year, with its trend.

    Parameters
    ----------
    years, table
        ``biomass_years.csv`` and ``biomass.csv``.
    """
    figure = Figure(figsize=(style.WIDTH, 2.8))
    axes = figure.subplots()
    if years.empty or years["cells"].max() == 0:
        axes.set_axis_off()
        style.say(axes, "no cell is observed in all years")
        return figure
    trends = table[table["quantity"] == "total_trend"]
    colours = {"observed": style.OBSERVED, "modelled": style.MODELLED}
    for side, colour in colours.items():
        label = SIDES[side].lower()
        if len(trends):
            row = trends.iloc[0]
            slope, error = row[side], row[f"{side}_error"]
            decimals = max(2, 2 - int(np.floor(np.log10(max(abs(slope), 1e-12)))))
            value = style.number(slope, f"+.{decimals}f")
            label += f": {value} ± {error:.{decimals}f} PgC year$^{{-1}}$"
            line = np.polyval(np.polyfit(years["year"], years[side], 1), years["year"])
            axes.plot(years["year"], line, color=colour, linewidth=0.8, linestyle=(0, (5, 3)))
        axes.plot(years["year"], years[side], "o-", color=colour, markersize=3.5, label=label)
    axes.set_xlabel("Year")
    if len(years) > 1:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xticks(years["year"])
    axes.set_xlim(years["year"].min() - 0.5, years["year"].max() + 0.5)
    axes.set_ylabel("Live biomass carbon (PgC)")
    axes.set_title(f"Sum over the {years['cells'].max():,} cells observed in all of these years")
    axes.ticklabel_format(axis="y", useOffset=False)
    figure.legend(
        loc="outside lower center",
        ncols=len(colours),
        title="Trend ± standard error of the slope" if len(trends) else None,
    )
    return figure

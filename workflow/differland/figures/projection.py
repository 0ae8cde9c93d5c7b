"""Maps of the change of four traits under a projected climate (Fig. S2)."""

import string

import cartopy.crs as ccrs
import numpy as np
import xarray as xr
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.figure import Figure

from differland.figures import maps, style
from differland.regridding.study_grid import STUDY_CELL

DOT_SPACING = 0.06
"""Height on the page of the blocks of cells that have a dot or none, inches."""


@style.styled
def draw_projection(projection: xr.Dataset) -> Figure:
    """Map the change of each trait, with and without plant types; dots mark extrapolation.

    The change is shown by the setup that knows plant types and, in the same colours, by the one
    that does not; then the difference of both. Where the study lacks the latter there is the former
    alone. A dot stands for a block of cells of which most have a projected temperature or
    precipitation beyond those of all training cells.

    Parameters
    ----------
    projection
        ``analysis/projection.nc``.
    """
    latitude, longitude = maps.coordinates(projection)
    window = maps.window_of(latitude, longitude)
    tall = window is not None and window.shape >= maps.TALL
    setups = sorted(
        projection["setup"].to_numpy().tolist(),
        key=lambda setup: setup != projection.attrs["aware"],
    )
    fields = [("Change", projection["change"].sel(setup=setup)) for setup in setups]
    if "difference" in projection:
        fields.append(("Difference", projection["difference"]))
    traits = projection["trait"].to_numpy().tolist()
    columns = len(traits) if tall else len(fields)
    lines = len(fields) if tall else len(traits)
    map_height = maps.map_height(window, style.WIDTH / columns - maps.BESIDE_MAP)
    height = lines * (map_height + maps.ABOVE_MAP + maps.BELOW_MAP) + 0.5
    figure = Figure(figsize=(style.WIDTH, height))
    block = max(STUDY_CELL, np.ptp(latitude) / map_height * DOT_SPACING)
    grid = figure.add_gridspec(lines, columns)
    beyond = np.asarray(projection["extrapolated"].any("predictor"))
    for column, (kind, field) in enumerate(fields):
        for row, trait in enumerate(traits):
            place = grid[column, row] if tall else grid[row, column]
            axes = maps.add_map(figure, place, window)
            name = style.symbol(trait)
            if columns < 3:
                long_name = str(projection["trait_long_name"].sel(trait=trait).item())
                name = style.capitalise(long_name.split(" (")[0])
            style.panel_title(axes, column * len(traits) + row, name)
            values = field.sel(trait=trait).to_numpy()
            shown = values if kind == "Difference" else projection["change"].sel(trait=trait)
            norm = style.central_norm(shown)
            colours = maps.add_cells(axes, latitude, longitude, values, style.DIVERGING, norm)
            units = style.format_units(str(projection["trait_units"].sel(trait=trait).item()))
            bar = figure.colorbar(
                colours,
                ax=axes,
                orientation="horizontal",
                shrink=0.9,
                aspect=25,
                pad=0.03,
                extend="both",
                label=f"{kind} ({units})",
            )
            bound = float(norm.vmax or 1.0)
            bar.set_ticks(
                [-bound, 0.0, bound], labels=[f"\N{MINUS SIGN}{bound:.2g}", "0", f"{bound:.2g}"]
            )
            _add_dots(axes, latitude, longitude, beyond, block)
    _add_legend(figure, setups, len(traits), beyond)
    return figure


def _add_dots(
    axes: GeoAxes, latitude: np.ndarray, longitude: np.ndarray, beyond: np.ndarray, size: float
) -> None:
    """Draw a dot in each block of cells (`size` in degrees) of which most are beyond training."""
    if not beyond.any():
        return
    blocks = np.stack([np.floor(latitude / size), np.floor(longitude / size)])
    _, number = np.unique(blocks, axis=1, return_inverse=True)
    count = np.bincount(number)
    most = np.bincount(number, beyond) > count / 2
    axes.scatter(
        (np.bincount(number, longitude) / count)[most],
        (np.bincount(number, latitude) / count)[most],
        s=2.0,
        color=style.BLACK,
        linewidths=0,
        transform=ccrs.PlateCarree(),
        zorder=3,
    )


def _add_legend(figure: Figure, setups: list[str], count: int, beyond: np.ndarray) -> None:
    rows = [f"change by {setup}" for setup in setups]
    if len(setups) > 1:
        rows.append("their difference, the former minus the latter")
    letters = string.ascii_lowercase
    words = "; ".join(
        f"{letters[count * row]}-{letters[count * (row + 1) - 1]}: {text}"
        for row, text in enumerate(rows)
    )
    share = 100 * beyond.mean()
    dots = figure.axes[0].plot(
        [],
        [],
        "o",
        color=style.BLACK,
        markersize=2.5,
        label=f"temperature or precipitation beyond training cells ({share:.0f} % of cells)",
    )
    figure.legend(handles=dots, title=words, title_fontsize=7.5, loc="outside lower center")

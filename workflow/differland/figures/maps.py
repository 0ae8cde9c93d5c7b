"""Cells on a map, whether they are flux-tower sites or the 0.25 degree cells of a grid."""

from functools import cache
from pathlib import Path
from typing import Any

import cartopy
import cartopy.crs as ccrs
import contourpy
import matplotlib.image
import numpy as np
import shapely
import xarray as xr
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from differland.errors import InputError
from differland.figures import style

CELL_SIZE = 0.25
"""Edge of a grid cell, in degrees."""

PIXELS_FROM = 2000
"""Number of gridded cells from which a map shows pixels: fewer would be too small to see."""

_SOUTH, _NORTH = -58.0, 84.0
_GEODETIC = ccrs.PlateCarree()


@cache
def land() -> shapely.MultiPolygon:
    """Trace the outline of the land, without lakes and islands under one square degree.

    The source, at half a degree, is the public-domain Natural Earth raster that cartopy carries in
    its own package, so that no map ever needs the network. In that picture the sea alone is
    clearly bluer than it is red.
    """
    picture = matplotlib.image.imread(
        Path(cartopy.config["repo_data_dir"])
        / "raster/natural_earth/50-natural-earth-1-downsampled.png"
    )
    redness = (picture[..., 0] - picture[..., 2])[::-1]
    rows, columns = redness.shape
    longitude = (np.arange(columns) + 0.5) * 360 / columns - 180
    latitude = (np.arange(rows) + 0.5) * 180 / rows - 90
    generator = contourpy.contour_generator(
        longitude, latitude, redness, fill_type=contourpy.FillType.OuterOffset
    )
    filled: Any = generator.filled(-0.2, np.inf)
    polygons = [
        shapely.Polygon(outline[bounds[0] : bounds[1]])
        for outline, bounds in zip(*filled, strict=True)
    ]
    return shapely.MultiPolygon([polygon for polygon in polygons if polygon.area > 1.0])


def add_map(figure: Figure, position: tuple[int, int, int]) -> GeoAxes:
    """Add an empty Equal Earth map of all land but Antarctica, with labelled graticules.

    Parameters
    ----------
    figure, position
        Where: rows, columns and number of the panel, as `Figure.add_subplot` takes them.
    """
    projection = ccrs.EqualEarth()
    axes: GeoAxes = figure.add_subplot(*position, projection=projection)
    axes.set_global()
    edges = projection.transform_points(_GEODETIC, np.zeros(2), np.array([_SOUTH, _NORTH]))
    axes.set_ylim(edges[0, 1], edges[1, 1])
    axes.add_geometries(
        [land()], _GEODETIC, facecolor=style.LIGHT_GREY, edgecolor="0.6", linewidth=0.3, zorder=0
    )
    axes.spines["geo"].set(linewidth=0.5, edgecolor="0.4")
    axes.gridlines(
        draw_labels={"left": "y", "bottom": "x"},
        xlocs=range(-120, 121, 60),
        ylocs=range(-30, 61, 30),
        linewidth=0.3,
        color="0.75",
        xlabel_style={"size": 7},
        ylabel_style={"size": 7},
        zorder=1,
    )
    return axes


def is_gridded(latitude: np.ndarray, longitude: np.ndarray) -> bool:
    """Whether all cells are centres of the global 0.25 degree grid."""
    rows = (np.asarray(latitude, dtype=float) + 90) / CELL_SIZE - 0.5
    columns = (np.asarray(longitude, dtype=float) + 180) / CELL_SIZE - 0.5
    offset = np.concatenate([np.abs(rows - np.round(rows)), np.abs(columns - np.round(columns))])
    return bool(np.all(offset < 1e-3))


def add_cells(
    axes: GeoAxes,
    latitude: np.ndarray,
    longitude: np.ndarray,
    values: np.ndarray,
    colours: str | Colormap,
    norm: Normalize,
) -> ScalarMappable:
    """Colour cells on a map by a value: pixels for a grid, markers for sites and small studies.

    Parameters
    ----------
    axes
        A map of `add_map`.
    latitude, longitude
        Cell centres [cell], degrees.
    values
        What to colour by [cell]; a NaN is left out.
    colours, norm
        Colour map and range.

    Returns
    -------
    ScalarMappable
        What a colour bar needs.
    """
    values = np.asarray(values, dtype=float)
    shown = np.isfinite(values)
    latitude = np.asarray(latitude, dtype=float)[shown]
    longitude = (np.asarray(longitude, dtype=float)[shown] + 180) % 360 - 180
    values = values[shown]
    if len(values) >= PIXELS_FROM and is_gridded(latitude, longitude):
        picture = np.full((round(180 / CELL_SIZE), round(360 / CELL_SIZE)), np.nan)
        rows = np.floor((latitude + 90) / CELL_SIZE).astype(int)
        columns = np.floor((longitude + 180) / CELL_SIZE).astype(int)
        picture[rows, columns] = values
        return axes.imshow(
            np.ma.masked_invalid(picture),
            origin="lower",
            extent=(-180, 180, -90, 90),
            transform=_GEODETIC,
            regrid_shape=picture.shape[0],
            interpolation="nearest",
            cmap=colours,
            norm=norm,
            zorder=2,
        )
    size = float(np.clip(4000 / max(len(values), 1), 3, 26))
    return axes.scatter(
        longitude,
        latitude,
        c=values,
        s=size,
        cmap=colours,
        norm=norm,
        transform=_GEODETIC,
        edgecolors="0.15",
        linewidths=0.3 if size > 8 else 0.0,
        zorder=2,
    )


def coordinates(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude [cell] of a file's cells.

    Raises
    ------
    InputError
        The file has none.
    """
    for name in ("lat", "lon"):
        if name not in dataset.variables:
            raise InputError(
                dataset.encoding.get("source", "dataset"), name, "a coordinate (cell)", "none"
            )
    return dataset["lat"].to_numpy(), dataset["lon"].to_numpy()


@style.styled
def draw_cells(dataset: xr.Dataset, variable: str) -> Figure:
    """Map one variable of any file with cells: predictors, observations, simulations, parameters.

    Parameters
    ----------
    dataset
        A driver, simulation or parameter file: coordinates ``lat(cell)`` and ``lon(cell)``.
    variable
        Has the dimension ``cell``; the mean over its other dimensions (time, member) is shown.

    Raises
    ------
    InputError
        The file has no such variable, or it has no cells.
    """
    source = dataset.encoding.get("source", "dataset")
    if variable not in dataset:
        raise InputError(source, variable, "a variable (cell, ...)", "none of that name")
    field = dataset[variable]
    if "cell" not in field.dims:
        raise InputError(source, variable, "the dimension cell", f"dimensions {field.dims}")
    others = [name for name in field.dims if name != "cell"]
    values = field.mean(others).to_numpy()
    latitude, longitude = coordinates(dataset)

    figure = Figure(figsize=(style.WIDTH, 3.6))
    axes = add_map(figure, (1, 1, 1))
    shown = int(np.isfinite(values).sum())
    means = f", mean over {' and '.join(str(name) for name in others)}" if others else ""
    axes.set_title(f"{style.capitalise(style.facts(variable)[0])}{means} (n = {shown:,} cells)")
    if shown == 0:
        style.say(axes, "no value in any cell")
        return figure
    colours = add_cells(
        axes,
        latitude,
        longitude,
        values,
        style.colour_map(variable),
        style.colour_norm(variable, values),
    )
    figure.colorbar(
        colours,
        ax=axes,
        orientation="horizontal",
        shrink=0.6,
        aspect=40,
        pad=0.02,
        extend="both",
        label=style.label(variable),
    )
    return figure

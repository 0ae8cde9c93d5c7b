"""Elevation: GTOPO30 of the USGS (10.5066/F7DF6PQS), 30 arc seconds, in 33 tiles."""

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from differland.datasets.archives import glob_files, is_litter
from differland.datasets.fields import Field, check_range, check_shape
from differland.datasets.geotiff import open_geotiff, read_rows
from differland.errors import InputError
from differland.regridding.grid import Grid, regular_grid
from differland.regridding.study_grid import STUDY_GRID

Ocean = Literal["missing", "zero"]

FILE_NAME = re.compile(
    r"(?:^|.*[^a-z0-9])(?:gt30)?(?P<east_west>[ew])(?P<longitude>\d{3})(?P<north_south>[ns])(?P<latitude>\d{2})"
    r"(?:_dem)?\.(?P<format>dem|tif)",
    re.IGNORECASE,
)
"""Tiles are named after their upper left corner, in older archives without ``gt30``."""

OCEAN = -9999

LOWEST, HIGHEST = -407, 8752
"""Elevations of the product, m."""


class Tile(NamedTuple):
    """One tile of the map.

    Attributes
    ----------
    file
        Path of the tile: raw (``.DEM``: big-endian, rows from the north, no header) or GeoTIFF.
    north, west
        Upper left corner, degrees north and east.
    height, width
        Extent, degrees: 50 x 40, and 30 x 60 south of 60 S.
    """

    file: Path
    north: int
    west: int
    height: int
    width: int


CORNERS = {(north, west): (50, 40) for north in (90, 40, -10) for west in range(-180, 180, 40)} | {
    (-60, west): (30, 60) for west in range(-180, 180, 60)
}
"""Heights and widths of all 33 tiles by their upper left corners, degrees."""


def read_elevation(folder: Path, ocean: Ocean = "missing", region: Grid = STUDY_GRID) -> Field:
    """Read the elevation of land, as one map of all tiles.

    Parameters
    ----------
    folder
        Holds the tiles, itself or in folders of their own: ``gt30w020n90.dem`` (raw, with or
        without its ``.hdr``) or ``gt30w020n90.tif``, in upper or lower case; older archives have
        ``W020N90.DEM``.
    ocean
        Whether the ocean is left out of the mean of a cell (``missing``), or counts with 0 m
        (``zero``). It matters on coasts; the paper does not say.
    region
        Tiles that share no area with it need not be there, and have no value.

    Returns
    -------
    elevation (m above mean sea level).

    Raises
    ------
    InputError
        A tile of the region is missing or there twice, has another size, resolution or place than
        its name says, or elevations that are none (as of bytes read in the wrong order). Values
        are checked when they are read.
    """
    tiles = find_tiles(folder, region)
    opened = [_open(tile) for tile in tiles]
    for tile, (size, _) in zip(tiles, opened, strict=True):
        if size != opened[0][0]:
            expected = f"{opened[0][0]} pixels per degree, as {tiles[0].file.name}"
            raise InputError(tile.file, "resolution", expected, f"{size} pixels per degree")
    size = opened[0][0]
    grid = regular_grid(1 / size)
    readers = [read for _, read in opened]
    filled = 0.0 if ocean == "zero" else np.nan
    return Field("elevation", "m", grid, partial(_read_rows, tiles, readers, size, filled), folder)


def find_tiles(folder: Path, region: Grid) -> list[Tile]:
    """Tiles of a folder that share area with a region.

    Raises
    ------
    InputError
        One is missing, or there twice.
    """
    found: dict[tuple[int, int], list[Path]] = {}
    for file in glob_files(folder, "**/*"):
        if (match := FILE_NAME.fullmatch(file.name)) and not is_litter(file.name):
            north = int(match["latitude"]) * (1 if match["north_south"] in "nN" else -1)
            west = int(match["longitude"]) * (1 if match["east_west"] in "eE" else -1)
            found.setdefault((north, west), []).append(file)
    tiles, missing = [], []
    for (north, west), (height, width) in CORNERS.items():
        files = found.get((north, west), [])
        if not _overlaps(region, north, west, height, width):
            continue
        east_west, north_south = "e" if west > 0 else "w", "n" if north > 0 else "s"
        name = f"gt30{east_west}{abs(west):03}{north_south}{abs(north):02}"
        if len(files) > 1:
            names = ", ".join(str(file.relative_to(folder)) for file in files)
            raise InputError(folder, name, "one file of a tile", names)
        if files:
            tiles.append(Tile(files[0], north, west, height, width))
        else:
            missing.append(name)
    if missing:
        found_names = f"no file of {', '.join(missing)}"
        raise InputError(folder, "tiles", "gt30*.dem or gt30*.tif of the region", found_names)
    return tiles


def _overlaps(region: Grid, north: int, west: int, height: int, width: int) -> bool:
    low, high = sorted((region.latitude_edges[0], region.latitude_edges[-1]))
    left, right = sorted((region.longitude_edges[0], region.longitude_edges[-1]))
    return bool(
        low < north
        and high > north - height
        and any(
            left < west + width + turn and right > west + turn for turn in (-720, -360, 0, 360, 720)
        )
    )


def _read_rows(
    tiles: list[Tile],
    readers: list[Callable[[slice], np.ndarray]],
    size: int,
    ocean: float,
    rows: slice,
) -> np.ndarray:
    """Rows of the map of the globe, of tiles with `size` pixels per degree."""
    elevation = np.full((rows.stop - rows.start, 360 * size), np.nan)
    for tile, read in zip(tiles, readers, strict=True):
        first = (90 - tile.north) * size
        start = max(rows.start, first)
        stop = min(rows.stop, first + tile.height * size)
        if start >= stop:
            continue
        stored = read(slice(start - first, stop - first)).astype(np.float64)
        land = np.where(stored == OCEAN, np.nan, stored)
        check_range(tile.file, "elevation", land, LOWEST, HIGHEST, "m")
        left = (tile.west + 180) * size
        elevation[start - rows.start : stop - rows.start, left : left + stored.shape[1]] = np.where(
            stored == OCEAN, ocean, stored
        )
    return elevation


def _open(tile: Tile) -> tuple[int, Callable[[slice], np.ndarray]]:
    """Pixels per degree of a tile, and a function that reads its rows."""
    return _open_raw(tile) if tile.file.suffix.lower() == ".dem" else _open_geotiff(tile)


def _open_raw(tile: Tile) -> tuple[int, Callable[[slice], np.ndarray]]:
    count = tile.file.stat().st_size / 2
    size = math.isqrt(int(count) // (tile.height * tile.width))
    shape = (tile.height * size, tile.width * size)
    if size == 0 or shape[0] * shape[1] != count:
        raise InputError(
            tile.file,
            "file",
            f"two bytes for each pixel of {tile.height} x {tile.width} degrees "
            "(57600000 at 30 arc seconds)",
            f"{tile.file.stat().st_size} bytes",
        )
    header = next(
        (
            path
            for path in tile.file.parent.glob(f"{tile.file.stem}.*")
            if path.suffix.lower() == ".hdr"
        ),
        None,
    )
    if header is not None:
        _check_header(header, shape)

    def read(rows: slice) -> np.ndarray:
        height = rows.stop - rows.start
        start = 2 * rows.start * shape[1]
        return np.fromfile(tile.file, ">i2", height * shape[1], offset=start).reshape(height, -1)

    return size, read


def _check_header(header: Path, shape: tuple[int, int]) -> None:
    """Refuse a header that says other than the layout that all tiles share."""
    lines = (line.split() for line in header.read_text(encoding="ascii").splitlines())
    stated = {words[0].upper(): words[1] for words in lines if len(words) > 1}
    expected = {
        "BYTEORDER": "M",
        "NROWS": str(shape[0]),
        "NCOLS": str(shape[1]),
        "NBANDS": "1",
        "NBITS": "16",
        "NODATA": str(OCEAN),
    }
    for key, value in expected.items():
        if stated.get(key, value) != value:
            raise InputError(header, key, value, stated[key])


def _open_geotiff(tile: Tile) -> tuple[int, Callable[[slice], np.ndarray]]:
    file = tile.file
    raster = open_geotiff(file)
    size = raster.height // tile.height
    shape = (tile.height * size, tile.width * size)
    check_shape(
        file,
        "elevation",
        raster.shape,
        f"{tile.height} x {tile.width} degrees of square pixels",
        size > 0 and raster.shape == shape,
    )
    if raster.count != 1 or raster.dtypes[0] != "int16":
        found = f"{raster.count} bands of type {raster.dtypes[0]}"
        raise InputError(file, "elevation", "one band of type int16", found)
    bounds = (tile.west, tile.north - tile.height, tile.west + tile.width, tile.north)
    if not np.allclose(raster.bounds, bounds, rtol=0, atol=0.1 / size):
        expected = "west, south, east, north " + ", ".join(map(str, bounds))
        raise InputError(file, "bounds", expected, ", ".join(f"{edge:g}" for edge in raster.bounds))
    if raster.nodata not in (None, OCEAN):
        raise InputError(file, "nodata", f"{OCEAN} or none", f"{raster.nodata:g}")

    def read(rows: slice) -> np.ndarray:
        return read_rows(raster, rows, file, "elevation")

    return size, read

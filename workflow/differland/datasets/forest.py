"""Forests: their age (ForestAgeBGI) and the height of their canopy (ETH)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from differland.datasets.archives import glob_files, is_litter
from differland.datasets.fields import Field, check_range, check_shape, check_units
from differland.datasets.geotiff import centres, open_geotiff, read_rows
from differland.datasets.native import find_variable
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid
from differland.regridding.study_grid import STUDY_GRID

AGE_FILE_NAME = re.compile(r".*BGI_?ForestAge_?MPI_?BGC_?1\.0\.0\.nc")
"""The name starts with the time of the download."""

AgeLayer = Literal["ForestAge_TC000", "ForestAge_TC010", "ForestAge_TC020", "ForestAge_TC030"]
Filling = Literal["before", "after"]

YEARS = dict.fromkeys(("years", "year", "yr", "yrs", "a"), 1.0)

MAXIMUM_AGE = 500
"""Years. Ages of the product end with old growth, at about 300."""

AGE_WITHOUT_FOREST = 1.0
"""Years: vegetation that renews itself every year (paper, Methods)."""

HEIGHT_FILE_NAME = re.compile(
    r"ETH_GlobalCanopyHeight_10m_2020_"
    r"(?P<north_south>[NS])(?P<latitude>\d{2})(?P<east_west>[EW])(?P<longitude>\d{3})_Map\.tif$"
)
"""Tiles are named after their lower left corner."""

TILE_SIZE = 3
"""Height and width of a tile, degrees."""

KILOMETRES_PER_DEGREE = 120
"""Cells of "1 km" in a degree: 30 arc seconds."""

NO_HEIGHT = 255

MAXIMUM_HEIGHT = 100
"""Metres."""

BLOCK_PIXELS = 2**27
"""Pixels of a tile, of one byte, to hold at a time."""


def read_forest_age(
    folder: Path,
    layer: AgeLayer = "ForestAge_TC010",
    filling: Filling = "before",
    target: Grid = STUDY_GRID,
) -> Field:
    """Read forest age around 2010 (Besnard et al., 2021, 10.17871/ForestAgeBGI.2021).

    Pixels without forest get an age of one year (paper, Methods).

    Parameters
    ----------
    folder
        Holds the file, on a grid of 30 arc seconds.
    layer
        Correction for tree cover: below 0, 10, 20 or 30 % a pixel is no forest. The paper says
        10 %; the published driver names its variable after 0 %.
    filling
        ``before``: the age of a cell is the mean over all its pixels, those without forest being
        one year old. ``after``: it is the mean over its forest, and one year if there is none.
        The paper does not say which; they differ much where forest is sparse.
    target
        Grid of the means, if they come before the filling.

    Returns
    -------
    forest_age (year), without gaps, ocean included; on the grid of the file, or on `target` if
    filled after the mean.

    Raises
    ------
    InputError
        The file is missing, there twice or cut off, lacks the layer, or has other units or
        dimensions than expected. Ages are checked when they are read.
    """
    files = [
        file
        for file in glob_files(folder, "**/*.nc")
        if AGE_FILE_NAME.fullmatch(file.name) and not is_litter(file.name)
    ]
    if len(files) != 1:
        names = ", ".join(file.name for file in files)
        raise InputError(folder, "files", "one *BGIForestAgeMPIBGC1.0.0.nc", names or "none")
    file = files[0]
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, layer, file).single_layer()
    # The documentation says years; whether the file does is not known.
    factor = check_units(file, layer, variable.units or "years", YEARS)

    def read(rows: slice) -> np.ndarray:
        return check_range(file, layer, factor * variable.read(rows), 0, MAXIMUM_AGE, "years")

    def read_filled_before(rows: slice) -> np.ndarray:
        return np.nan_to_num(read(rows), nan=AGE_WITHOUT_FOREST)

    def read_filled_after(rows: slice) -> np.ndarray:
        band = Grid(target.latitude_edges[rows.start : rows.stop + 1], target.longitude_edges)
        ages = np.full(band.shape, np.nan)
        for part in Regridder.between(variable.grid, band).bands():
            ages[part.target] = part.regridder.apply(read(part.source))
        return np.nan_to_num(ages, nan=AGE_WITHOUT_FOREST)

    field = Field("forest_age", "year", variable.grid, read_filled_before, file)
    if filling == "after":
        return replace(field, grid=target, read=read_filled_after)
    return field


def read_canopy_height_tiles(
    folder: Path,
    target: Grid = STUDY_GRID,
    percentile: float = 95,
    zeros: bool = True,
    missing: float = np.nan,
) -> Field:
    """Read the height of the canopy in 2020 from tiles of 10 m (Lang et al., 2023).

    The percentile of the pixels in each cell of 1 km (30 arc seconds), then the largest of these
    in each cell of the target (paper, Methods). The globe has 10^12 pixels, which takes hours;
    see :func:`read_canopy_height_map` for what Earth Engine has reduced to 1 km.

    Parameters
    ----------
    folder
        Holds ``ETH_GlobalCanopyHeight_10m_2020_N51E003_Map.tif`` and so on, itself or in folders
        of its own. Where there is no land there is no tile.
    target
        Grid of the maxima.
    percentile
        0 to 100, interpolated linearly between pixels.
    zeros
        Whether pixels of no height (bare, grass, crops) count in the percentile. They do in
        Earth Engine, where the paper's heights were computed.
    missing
        Height where there is no pixel at all, tile or none: NaN takes such a cell out of the
        domain; 0 keeps it, and makes a tile that was not downloaded look like bare land.

    Returns
    -------
    canopy_height (m) on `target`.

    Raises
    ------
    InputError
        There is no tile in the target, one is there twice or cut off, or its place, size or type
        are others than its name says. Heights are checked when they are read.
    """
    tiles = _find_tiles(folder, target)

    def read_kilometres(rows: slice) -> Iterator[_Piece]:
        low, high = sorted((target.latitude_edges[rows.start], target.latitude_edges[rows.stop]))
        for tile in tiles:
            latitude, longitude = tile.centres()
            inside = np.flatnonzero((latitude >= low) & (latitude < high))
            if inside.size:
                height = tile.reduce(slice(inside[0], inside[-1] + 1), percentile, zeros)
                yield _Piece(tile.file, latitude[inside], longitude, height)

    return _canopy_height(folder, target, read_kilometres, missing)


def read_canopy_height_map(
    files: Sequence[Path], target: Grid = STUDY_GRID, missing: float = np.nan
) -> Field:
    """Read the height of the canopy in 2020 from maps that Earth Engine has reduced to 1 km.

    The largest height of each cell of the target (paper, Methods); a pixel belongs to the cell in
    which its centre lies.

    Parameters
    ----------
    files
        GeoTIFFs in degrees: one, or the parts into which Earth Engine cuts a large one. Pixels of
        255 m, NaN and a declared value other than 0 are missing. Zero is a height even where it
        is declared missing, as exports do: land without trees would be lost.
    target
        Grid of the maxima.
    missing
        Height where there is no pixel.

    Returns
    -------
    canopy_height (m) on `target`.

    Raises
    ------
    InputError
        A file is missing or cut off, not in degrees, or coarser than the target. Heights are
        checked when they are read.
    """
    if not files:
        raise InputError("canopy height", "files", "one GeoTIFF or more", "none")
    for file in files:
        _check_map(file, target)

    def read_pixels(rows: slice) -> Iterator[_Piece]:
        low, high = sorted((target.latitude_edges[rows.start], target.latitude_edges[rows.stop]))
        for file in files:
            with open_geotiff(file) as raster:
                latitude, longitude = centres(raster)
                inside = np.flatnonzero((latitude >= low) & (latitude < high))
                step = max(BLOCK_PIXELS // (8 * raster.width), 1)
                for start in range(0, inside.size, step):
                    block = inside[start : start + step]
                    rows_read = slice(int(block[0]), int(block[-1]) + 1)
                    height = read_rows(raster, rows_read, file, "canopy height").astype(float)
                    height[height == NO_HEIGHT] = np.nan
                    if raster.nodata:
                        height[height == raster.nodata] = np.nan
                    yield _Piece(file, latitude[block], longitude, height)

    return _canopy_height(files[0], target, read_pixels, missing)


class _Piece(NamedTuple):
    """Heights (rows, columns) of cells of 1 km, and their centres."""

    file: Path
    latitude: np.ndarray
    longitude: np.ndarray
    height: np.ndarray


class _Tile(NamedTuple):
    """A tile, its lower left corner (degrees) and its pixels along a cell of 1 km."""

    file: Path
    south: int
    west: int
    pixels: int

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Latitudes, from the north, and longitudes of the cells of 1 km."""
        offset = (np.arange(TILE_SIZE * KILOMETRES_PER_DEGREE) + 0.5) / KILOMETRES_PER_DEGREE
        return self.south + TILE_SIZE - offset, self.west + offset

    def reduce(self, rows: slice, percentile: float, zeros: bool) -> np.ndarray:
        """Percentile in each cell of some rows of cells of 1 km."""
        columns = TILE_SIZE * KILOMETRES_PER_DEGREE
        heights = np.empty((rows.stop - rows.start, columns))
        step = max(BLOCK_PIXELS // (self.pixels**2 * columns), 1)
        with open_geotiff(self.file) as raster:
            for start in range(rows.start, rows.stop, step):
                count = min(step, rows.stop - start)
                pixels = slice(start * self.pixels, (start + count) * self.pixels)
                block = read_rows(raster, pixels, self.file, "canopy height")
                for row, strip in enumerate(np.split(block, count), start - rows.start):
                    heights[row] = percentile_of_blocks(strip, self.pixels, percentile, zeros)
        return heights


def percentile_of_blocks(
    strip: np.ndarray, width: int, percentile: float, zeros: bool
) -> np.ndarray:
    """Percentile of whole numbers in blocks of columns.

    Counts by value give it exactly for numbers of one byte, and faster than sorting.

    Parameters
    ----------
    strip
        Type uint8, shape (rows, blocks x `width`); 255 is missing.
    width
        Columns of a block.
    percentile
        0 to 100, interpolated linearly.
    zeros
        Whether zeros count. Where nothing else is there, zero it is.

    Returns
    -------
    Percentiles, shape (blocks,); NaN where all is missing.
    """
    blocks = strip.shape[1] // width
    index = strip + 256 * np.repeat(np.arange(blocks), width)
    counts = np.bincount(index.ravel(), minlength=256 * blocks).reshape(blocks, 256)
    counts[:, NO_HEIGHT] = 0
    if not zeros:
        counts[counts[:, 1:].any(axis=1), 0] = 0
    cumulative = counts.cumsum(axis=1)
    position = percentile / 100 * np.maximum(cumulative[:, -1] - 1, 0)
    below, above = (
        (cumulative <= rank[:, None]).sum(axis=1)
        for rank in (np.floor(position), np.ceil(position))
    )
    result = below + (position - np.floor(position)) * (above - below)
    return np.where(cumulative[:, -1] > 0, result, np.nan)


def _canopy_height(
    source: Path, target: Grid, pieces: Callable[[slice], Iterable[_Piece]], missing: float
) -> Field:
    """Field of the largest height of all pieces in each cell of the target."""

    def read(rows: slice) -> np.ndarray:
        edges = target.latitude_edges[rows.start : rows.stop + 1]
        height = np.full((edges.size - 1, target.shape[1]), np.nan)
        for piece in pieces(rows):
            check_range(piece.file, "canopy height", piece.height, 0, MAXIMUM_HEIGHT, "m")
            row = _positions(edges, piece.latitude)
            west = target.longitude_edges.min()
            column = _positions(target.longitude_edges, west + (piece.longitude - west) % 360)
            inside = np.ix_(row >= 0, column >= 0)
            # The larger of two; a number rather than NaN.
            np.fmax.at(height, np.ix_(row[row >= 0], column[column >= 0]), piece.height[inside])
        return np.where(np.isnan(height), missing, height)

    return Field("canopy_height", "m", target, read, source)


def _positions(edges: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Cells in which centres lie; -1 outside."""
    count = edges.size - 1
    found = np.searchsorted(np.sort(edges), centres, side="right") - 1
    found[found == count] = -1
    return np.where((found >= 0) & (edges[0] > edges[-1]), count - 1 - found, found)


def _find_tiles(folder: Path, target: Grid) -> list[_Tile]:
    """Tiles of a folder that reach into the target, checked."""
    found: dict[str, Path] = {}
    tiles = []
    for file in glob_files(folder, "**/*.tif"):
        match = HEIGHT_FILE_NAME.search(file.name)
        if match is None or is_litter(file.name):
            continue
        if file.name in found:
            raise InputError(folder, file.name, "one file", f"{found[file.name]} and {file}")
        found[file.name] = file
        south = int(match["latitude"]) * (1 if match["north_south"] == "N" else -1)
        west = int(match["longitude"]) * (1 if match["east_west"] == "E" else -1)
        low, high = sorted((target.latitude_edges[0], target.latitude_edges[-1]))
        left, right = sorted((target.longitude_edges[0], target.longitude_edges[-1]))
        offset = (west - left) % 360
        if (
            south < high
            and south + TILE_SIZE > low
            and (offset < right - left or offset + TILE_SIZE > 360)
        ):
            tiles.append(_Tile(file, south, west, _check_tile(file, south, west)))
    if not tiles:
        expected = "ETH_GlobalCanopyHeight_10m_2020_*_Map.tif in the study's domain"
        raise InputError(folder, "tiles", expected, f"none among {len(found)}")
    return tiles


def _check_tile(file: Path, south: int, west: int) -> int:
    """Check the layout of a tile, and count its pixels along a cell of 1 km."""
    cells = TILE_SIZE * KILOMETRES_PER_DEGREE
    with open_geotiff(file) as raster:
        pixels = raster.height // cells
        fits = pixels > 0 and raster.shape == (pixels * cells, pixels * cells)
        expected = f"a multiple of {cells} pixels (36000 at 10 m) in height and width"
        check_shape(file, "canopy height", raster.shape, expected, fits)
        if raster.count != 1 or raster.dtypes[0] != "uint8":
            found = f"{raster.count} bands of type {raster.dtypes[0]}"
            raise InputError(file, "canopy height", "one band of type uint8", found)
        bounds = (west, south, west + TILE_SIZE, south + TILE_SIZE)
        if raster.transform.e > 0 or not np.allclose(
            raster.bounds, bounds, rtol=0, atol=0.1 / KILOMETRES_PER_DEGREE
        ):
            expected = "rows from the north, and west, south, east, north " + ", ".join(
                map(str, bounds)
            )
            found = ", ".join(f"{edge:g}" for edge in raster.bounds)
            raise InputError(file, "bounds", expected, found)
        if raster.nodata not in (None, NO_HEIGHT):
            raise InputError(file, "nodata", f"{NO_HEIGHT} or none", f"{raster.nodata:g}")
    return int(pixels)


def _check_map(file: Path, target: Grid) -> None:
    with open_geotiff(file) as raster:
        if raster.count != 1:
            raise InputError(file, "canopy height", "one band", f"{raster.count}")
        if raster.crs is None or not raster.crs.is_geographic:
            found = f"{raster.crs or 'none'}"
            raise InputError(file, "coordinate system", "degrees (EPSG:4326)", found)
        transform = raster.transform
        if transform.b or transform.d:
            raise InputError(file, "transform", "rows along parallels", "a rotated map")
        height = np.abs(np.diff(target.latitude_edges)).min()
        width = np.abs(np.diff(target.longitude_edges)).min()
        if abs(transform.e) > height or abs(transform.a) > width:
            expected = f"pixels of at most {height:g} x {width:g} degrees"
            found = f"{abs(transform.e):g} x {abs(transform.a):g}"
            raise InputError(file, "resolution", expected, found)

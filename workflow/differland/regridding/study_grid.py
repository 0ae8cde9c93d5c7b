"""The study's grid of 0.25 degrees, windows of it, and its patches of 4 x 5 degrees."""

import numpy as np
import numpy.typing as npt

from differland.regridding.grid import Grid, regular_grid

PATCH_SHAPE = (16, 20)
"""Rows and columns of cells in a patch of 4 x 5 degrees (paper, Methods)."""

STUDY_CELL = 0.25
"""Height and width of a cell of the study's grid, degrees."""

STUDY_GRID = regular_grid(STUDY_CELL)
"""The study's grid: rows from 89.875 to -89.875, columns from -179.875 to 179.875."""

PATCH_GRID = Grid(
    STUDY_GRID.latitude_edges[:: PATCH_SHAPE[0]], STUDY_GRID.longitude_edges[:: PATCH_SHAPE[1]]
)
"""The study's patches of 4 x 5 degrees: 45 rows and 72 columns from 90 N and 180 W."""


def study_window(south: float, north: float, west: float, east: float) -> Grid:
    """Cells of the study's grid within a window, north-up.

    Parameters
    ----------
    south, north, west, east
        Edges, degrees, multiples of 0.25; from 170 to 190 east is a window across the date line.
    """
    rows, columns = STUDY_GRID.shape
    row = np.arange(round((90 - north) * rows / 180), round((90 - south) * rows / 180) + 1)
    column = np.arange(round((west + 180) * columns / 360), round((east + 180) * columns / 360) + 1)
    # As for the whole globe, every edge is the double closest to the true one.
    return Grid((rows - 2 * row) * 90 / rows, (2 * column - columns) * 180 / columns)


def cell_numbers(
    latitude: npt.ArrayLike, longitude: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, from 0, of the cells of the study's grid that contain the locations.

    Parameters
    ----------
    latitude, longitude
        Locations, degrees north and east, of any shapes that broadcast.
    """
    rows, columns = STUDY_GRID.shape
    row = np.floor((90 - np.asarray(latitude, dtype=float)) / STUDY_CELL).astype(np.int64)
    column = np.floor((np.asarray(longitude, dtype=float) + 180) / STUDY_CELL).astype(np.int64)
    return np.minimum(row, rows - 1), column % columns


def areas_of_cells(latitude: np.ndarray) -> np.ndarray:
    """Areas, m2, of the cells of the study's grid at these latitudes (degrees)."""
    row, _ = cell_numbers(latitude, 0.0)
    areas: np.ndarray = STUDY_GRID.cell_areas()[row, 0]
    return areas


def is_gridded(latitude: np.ndarray, longitude: np.ndarray) -> bool:
    """Whether all locations are centres of cells of the study's grid.

    Parameters
    ----------
    latitude, longitude
        Locations, degrees north and east, of one shape.
    """
    rows = (np.asarray(latitude, dtype=float) + 90) / STUDY_CELL - 0.5
    columns = (np.asarray(longitude, dtype=float) + 180) / STUDY_CELL - 0.5
    offset = np.concatenate([np.abs(rows - np.round(rows)), np.abs(columns - np.round(columns))])
    return bool(np.all(offset < 1e-3))


def patch_number(
    latitude: npt.ArrayLike, longitude: npt.ArrayLike, patches: Grid = PATCH_GRID
) -> np.ndarray:
    """Numbers of the patches that contain locations, such as centres of cells.

    Parameters
    ----------
    latitude, longitude
        Locations, degrees north and east, of any shapes that broadcast.
    patches
        Grid of patches of the whole globe, north-up and from west to east.

    Returns
    -------
    Numbers from 0 along rows from the north-west; the study's patches are 72 in a row, 3240 in all.
    A place on an edge is in the patch south or east of it.

    Raises
    ------
    ValueError
        A latitude beyond the poles, or no number.
    """
    latitude, longitude = np.asarray(latitude, dtype=float), np.asarray(longitude, dtype=float)
    if not (np.all(np.abs(latitude) <= 90) and np.all(np.isfinite(longitude))):
        raise ValueError("expected latitudes from -90 to 90 and finite longitudes")
    rows, columns = patches.shape
    west = patches.longitude_edges[0]
    eastward = west + (longitude - west) % 360
    row = np.searchsorted(-patches.latitude_edges, -latitude, side="right") - 1
    column = np.searchsorted(patches.longitude_edges, eastward, side="right") - 1
    return np.minimum(row, rows - 1) * columns + column % columns

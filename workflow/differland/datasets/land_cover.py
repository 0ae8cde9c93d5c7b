"""Land cover: fractions of plant types, MODIS MCD12C1 version 6.1 (10.5067/MODIS/MCD12C1.061).

One HDF4-EOS file a year, on a grid of 0.05 degree, with the share of each IGBP class in percent.
"""

import csv
import re
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from differland.datasets.archives import glob_files, is_litter
from differland.datasets.fields import Field, check_units
from differland.datasets.hdf4 import open_hdf4
from differland.errors import InputError
from differland.regridding.grid import Grid
from differland.shipped import RESOURCES
from differland.tables import PREDICTOR_GROUPS

FILE_NAME = re.compile(r"MCD12C1\.A(?P<year>\d{4})001\.061\.\d+\.hdf$")

VARIABLE = "Land_Cover_Type_1_Percent"

WATER = "water"

CONVERSIONS = {"percent in integers": 1.0, "percent": 1.0, "%": 1.0}

FILL_VALUE = 255

TOTAL_TOLERANCE = 10
"""By which the rounded percentages of a cell may miss 100."""

BLOCK_ROWS = 100

CORNERS = re.compile(
    r"UpperLeftPointMtrs=\((?P<west>[^,]+),(?P<north>[^)]+)\)\s*"
    r"LowerRightMtrs=\((?P<east>[^,]+),(?P<south>[^)]+)\)"
)
"""Of the grid, in the text that HDF-EOS keeps beside the data: packed degrees."""


def read_land_cover(folder: Path, years: Sequence[int]) -> list[Field]:
    """Read the fractions of the plant types and of water.

    The classes of IGBP are merged as ``resources/pft_classes.csv`` says (paper, Methods). Rounded
    percentages are divided by their sum, so that the fractions of a cell, water among them, add
    up to one.

    Parameters
    ----------
    folder
        Holds ``MCD12C1.A2001001.061.*.hdf`` and so on.
    years
        Years whose mean is taken; the paper does not say which. A cell has a value where each
        year has one.

    Returns
    -------
    The 10 plant types by the names of the predictors, and ``water``: fractions of the area of the
    cell, 0 to 1. All are held in memory from the first read on, in two bytes or less per value.

    Raises
    ------
    InputError
        A year has no file or several, or a file is cut off, lacks the variable, or has other
        units, dimensions or corners than expected. Percentages are checked when they are read.
    """
    files = find_years(folder, years)
    classes = read_classes(RESOURCES / "pft_classes.csv")
    grids = [_read_grid(file) for file in files]
    for file, grid in zip(files[1:], grids[1:], strict=True):
        if not (
            np.array_equal(grid.latitude_edges, grids[0].latitude_edges)
            and np.array_equal(grid.longitude_edges, grids[0].longitude_edges)
        ):
            expected = f"the grid of {files[0].name}, {grids[0].shape}"
            raise InputError(file, VARIABLE, expected, f"another one, {grid.shape}")
    percentages = _Percentages(files, list(classes.values()), grids[0])
    return [
        Field(name, "1", grids[0], partial(percentages.fraction, index), files[0])
        for index, name in enumerate(classes)
    ]


def vegetated_land(
    water: np.ndarray,
    nonvegetated: np.ndarray,
    maximum_water: float = 0.5,
    maximum_nonvegetated: float = 0.2,
) -> np.ndarray:
    """Cells that the study keeps: neither mostly water nor bare (paper, Methods).

    Parameters
    ----------
    water, nonvegetated
        Fractions of the study's cells, 0 to 1, NaN where unknown.
    maximum_water, maximum_nonvegetated
        Fractions above which a cell is left out.

    Returns
    -------
    Whether each cell is kept; cells whose cover is unknown are not.
    """
    # Comparisons with NaN are false.
    kept: np.ndarray = (water <= maximum_water) & (nonvegetated <= maximum_nonvegetated)
    return kept


def find_years(folder: Path, years: Sequence[int]) -> list[Path]:
    """Files of the years, one for each, in their order.

    Raises
    ------
    InputError
        A year has no file, or several (two processings of the same year), or no year is asked for.
    """
    if not years:
        raise InputError(folder, "years", "at least one year", "none")
    found: dict[int, list[Path]] = {}
    for file in glob_files(folder, "**/*.hdf"):
        if (match := FILE_NAME.search(file.name)) and not is_litter(file.name):
            found.setdefault(int(match["year"]), []).append(file)
    for year in years:
        files = found.get(year, [])
        if len(files) != 1:
            names = ", ".join(file.name for file in files)
            expected = f"one file MCD12C1.A{year}001.061.*.hdf"
            raise InputError(folder, f"year {year}", expected, names or "none")
    return [found[year][0] for year in years]


def read_classes(table: Path) -> dict[str, list[int]]:
    """Codes of the IGBP classes (layers of the file, water first) by the variable they belong to.

    Raises
    ------
    InputError
        A code from 0 to 16 is missing or there twice, or the variables are not the plant types.
    """
    classes: dict[str, list[int]] = {name: [] for name in (*PREDICTOR_GROUPS["PFT"], WATER)}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["variable"] not in classes:
                raise InputError(table, "variable", f"one of {list(classes)}", row["variable"])
            classes[row["variable"]].append(int(row["igbp_code"]))
    codes = sorted(code for codes in classes.values() for code in codes)
    if codes != list(range(17)) or not all(classes.values()):
        raise InputError(table, "igbp_code", "each code from 0 to 16 once", f"{codes}")
    return classes


class _Percentages:
    """Merged percentages of all types, summed over the years.

    The classes of a cell lie together in the file, so that reading one takes as long as reading
    all. They are read once, and kept packed.
    """

    def __init__(self, files: list[Path], classes: list[list[int]], grid: Grid) -> None:
        self.files = files
        self.classes = classes
        self.grid = grid

    def fraction(self, index: int, rows: slice) -> np.ndarray:
        """Fraction of one type; shape (rows, columns)."""
        total = self.merged[:, rows].sum(axis=0, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return self.merged[index, rows] / total

    @cached_property
    def merged(self) -> np.ndarray:
        """Shape (types, rows, columns); zero in all types where a year has no value."""
        dtype = np.min_scalar_type((100 + TOTAL_TOLERANCE) * len(self.files))
        merged = np.zeros((len(self.classes), *self.grid.shape), dtype)
        missing = np.zeros(self.grid.shape, dtype=bool)
        for file in self.files:
            with open_hdf4(file, VARIABLE) as (stored, _):
                for start in range(0, self.grid.shape[0], BLOCK_ROWS):
                    rows = slice(start, min(start + BLOCK_ROWS, self.grid.shape[0]))
                    values = stored[rows]
                    filled = (values == FILL_VALUE).any(axis=-1)
                    _check_percentages(values[~filled], file)
                    missing[rows] |= filled
                    for index, codes in enumerate(self.classes):
                        merged[index, rows] += values[..., codes].sum(axis=-1, dtype=dtype)
        merged[:, missing] = 0
        return merged


def _check_percentages(values: np.ndarray, file: Path) -> None:
    """Refuse percentages of cells, shape (cells, classes), that are none."""
    if values.max(initial=0) > 100:
        expected = f"values from 0 to 100 percent, or {FILL_VALUE}"
        raise InputError(file, VARIABLE, expected, f"{values[values > 100].min()}")
    totals = values.sum(axis=-1, dtype=np.int64)
    wrong = totals[np.abs(totals - 100) > TOTAL_TOLERANCE]
    if wrong.size:
        expected = f"classes that add up to 100 percent within {TOTAL_TOLERANCE}"
        found = f"{wrong.min()} to {wrong.max()} percent in {wrong.size} cells"
        raise InputError(file, VARIABLE, expected, found)


def _read_grid(file: Path) -> Grid:
    """Check units and dimensions of a file, and make its grid of the corners."""
    with open_hdf4(file, VARIABLE) as (stored, attributes):
        dimensions, units = stored.dimensions(), stored.attributes().get("units")
        structure = attributes.get("StructMetadata.0", "")
    check_units(file, VARIABLE, units, CONVERSIONS)
    names, shape = list(dimensions), tuple(dimensions.values())
    expected = "dimensions YDim:MOD12C1, XDim:MOD12C1, Num_IGBP_Classes:MOD12C1 (17)"
    laid_out = [name.split(":")[0] for name in names] == ["YDim", "XDim", "Num_IGBP_Classes"]
    if not laid_out or shape[-1] != 17:
        raise InputError(file, VARIABLE, expected, f"{', '.join(names)} of shape {shape}")
    corners = CORNERS.search(structure)
    if corners is None:
        raise InputError(
            file, "StructMetadata.0", "UpperLeftPointMtrs and LowerRightMtrs of a grid", "none"
        )
    west, north, east, south = map(_unpack_degrees, corners.group("west", "north", "east", "south"))
    rows, columns = (np.arange(size) + 0.5 for size in shape[:2])
    return Grid.from_coordinates(
        north + (south - north) * rows / rows.size,
        west + (east - west) * columns / columns.size,
        file,
    )


def _unpack_degrees(text: str) -> float:
    """Degrees of an angle packed as DDDMMMSSS.SS (degrees, minutes, seconds)."""
    value = float(text)
    degrees, rest = divmod(abs(value), 1e6)
    minutes, seconds = divmod(rest, 1e3)
    return float(np.copysign(degrees + minutes / 60 + seconds / 3600, value))

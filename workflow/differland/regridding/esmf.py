"""Regridding with the weights of ESMF: a check of the exact operator, and bilinear.

ESMF (Hill et al., 2004, doi:10.1109/MCISE.2004.1255817) joins the corners of cells by great
circles, where cells of :mod:`differland.regridding.conservative` end at parallels. Its
conservative weights are therefore near, not equal, to the exact ones.

Only making weights needs ESMF, through xESMF (doi:10.5281/zenodo.4294774). Weights in a file are
read and applied without either.
"""

import hashlib
import importlib
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import xarray as xr
from scipy import sparse

from differland.errors import InputError
from differland.files import read_netcdf, write_netcdf
from differland.regridding.conservative import MAXIMUM_VALUES, Quantity
from differland.regridding.grid import EARTH_RADIUS, EVEN_TOLERANCE, Grid

logger = logging.getLogger(__name__)

Method = Literal["conservative", "bilinear"]

ROUNDING = 1e-6
"""Share of a target cell by which a sum of weights may be off."""

WIDEST = 90.0
"""Extent of a cell, degrees, up to which ESMF finds all overlaps; it was seen to lose some of
cells of 120 degrees, whose edges lie far from the parallels of their corners."""


class Cells(NamedTuple):
    """A grid of quadrilaterals in the form that ESMF needs.

    Attributes
    ----------
    latitude, longitude
        Centres, or nodes for bilinear weights, degrees north and east; shape (rows, columns).
    corners
        Latitudes and longitudes of the corners; shapes (rows + 1, columns + 1). None where only
        the centres count.
    cyclic
        Whether the last column touches the first.
    """

    latitude: np.ndarray
    longitude: np.ndarray
    corners: tuple[np.ndarray, np.ndarray] | None
    cyclic: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.latitude.shape[0], self.latitude.shape[1]


class EsmfBand(NamedTuple):
    """Rows of the target that are regridded at a time, with the data of their operator."""

    target: slice
    source: slice
    regridder: "EsmfRegridder"


@dataclass(frozen=True, eq=False)
class EsmfRegridder:
    """Regridding operator from one grid to another, used like the exact ``Regridder``.

    Attributes
    ----------
    weights
        Conservative: share of each target cell that each source cell covers; bilinear: weights of
        the nodes. Shape (target cells, source cells), cells counted along rows.
    source_shape, target_shape
        Numbers of rows and columns of the grids.
    source_areas, target_areas
        Areas of the cells between great circles, m2; shapes (rows, columns). None if bilinear.
    """

    weights: sparse.csr_array
    source_shape: tuple[int, int]
    target_shape: tuple[int, int]
    source_areas: np.ndarray | None
    target_areas: np.ndarray | None

    @classmethod
    def between(
        cls,
        source: Grid,
        target: Grid,
        method: Method,
        weights: Path | None = None,
        needed_by: str = "regridding",
    ) -> Self:
        """Make the operator between two rectilinear grids.

        Parameters
        ----------
        source, target
            Either may be a window, run either way, and start at any longitude. Great circles lie
            polewards of parallels: along the edge of a window cells within it are covered by
            less than they are, and cells beyond it by more, in parts of a thousand.
        method
            ``conservative`` (first order), or ``bilinear`` between the midpoints of the source's
            cells. An outer row that ends at the pole and is half as high as the next has its node
            on the pole, as ``Grid.from_coordinates`` makes it of such nodes. What lies outside
            the nodes is not observed.
        weights
            NetCDF file in which the weights are kept; it is read if it was made for these grids
            and this method, and made anew if it was made for others. None keeps nothing.
        needed_by
            Product or configuration key that needs the weights, for messages.

        Raises
        ------
        InputError
            The weights must be made and xESMF cannot be imported, or ESMF refuses the grids; a
            conservative grid has cells of more than 90 degrees; the file of weights cannot be
            used.
        """
        if method == "conservative":
            _check_extents(source, needed_by)
            _check_extents(target, needed_by)
        return cls._between_cells(
            _rectilinear_cells(source, _nodes(source) if method == "bilinear" else source.latitude),
            _rectilinear_cells(target, target.latitude),
            method,
            weights,
            needed_by,
        )

    @classmethod
    def _between_cells(
        cls, source: Cells, target: Cells, method: Method, path: Path | None, needed_by: str
    ) -> Self:
        if method == "bilinear":
            source, target = source._replace(corners=None), target._replace(corners=None)
        made_for = grids_digest(source, target, method)
        kept = None if path is None else _read_weights(path, made_for, source, target)
        weights = _make_weights(source, target, method, needed_by) if kept is None else kept
        covered = float(weights.sum(axis=1).max(initial=0))
        if covered > 1 + ROUNDING:
            found = f"a target cell that is covered {covered:.7g} times"
            raise InputError(needed_by, "grid", "source cells that do not overlap", found)
        if path is not None and kept is None:
            _write_weights(weights, path, made_for, method)
        areas = (
            None if cells.corners is None else great_circle_areas(*cells.corners)
            for cells in (source, target)
        )
        return cls(weights, source.shape, target.shape, *areas)

    def apply(
        self,
        values: np.ndarray,
        minimum_coverage: float = 0.0,
        quantity: Quantity = "intensive",
    ) -> np.ndarray:
        """Regrid fields.

        Parameters
        ----------
        values
            Fields, shape (..., source rows, source columns). NaN is what was not observed.
        minimum_coverage
            Share of a target cell's area, from 0 to 1, that must be observed; with 0 any observed
            area will do. Bilinear: share of the weights of its nodes.
        quantity
            ``intensive`` (a density, a temperature, a fraction): the mean over the observed area
            of the target cell. ``extensive`` (a total of the cell): the sum over the observed
            area, each source cell's total being spread evenly over it; what was not observed is
            not made up for.

        Returns
        -------
        Regridded fields, shape (..., target rows, target columns), double precision; NaN where too
        little of the cell was observed.

        Raises
        ------
        InputError
            Totals with bilinear weights, which do not add them up.
        ValueError
            Fields of another shape than the source.
        """
        if values.shape[-2:] != self.source_shape:
            raise ValueError(f"expected fields of {self.source_shape}, found {values.shape}")
        if quantity == "extensive" and self.source_areas is None:
            raise InputError("regridding", "method", "conservative for totals of cells", "bilinear")
        leading = values.shape[:-2]
        result = np.empty((*leading, *self.target_shape))
        for index in np.ndindex(leading):
            result[index] = self._apply_to_field(values[index], minimum_coverage, quantity)
        return result

    def bands(self, fields: int = 1, maximum_values: int = MAXIMUM_VALUES) -> Iterator[EsmfBand]:
        """Return the whole target as one band, where ``Regridder.bands`` returns several.

        The weights take more memory than the fields that bands would save.

        Parameters
        ----------
        fields, maximum_values
            Arguments of ``Regridder.bands``, without effect here.
        """
        yield EsmfBand(slice(0, self.target_shape[0]), slice(0, self.source_shape[0]), self)

    def _apply_to_field(
        self, field: np.ndarray, minimum_coverage: float, quantity: Quantity
    ) -> np.ndarray:
        field = field.astype(np.float64, copy=False)
        missing = np.isnan(field)
        coverage = self._product((~missing).astype(np.float64))
        if missing.any():
            field = np.where(missing, 0.0, field)
        if quantity == "intensive":
            with np.errstate(divide="ignore", invalid="ignore"):
                result = self._product(field) / coverage
        else:
            result = self._product(field / self.source_areas) * self.target_areas
        result[coverage < max(minimum_coverage - ROUNDING, ROUNDING)] = np.nan
        return result

    def _product(self, field: np.ndarray) -> np.ndarray:
        return (self.weights @ field.ravel()).reshape(self.target_shape)


def great_circle_areas(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Areas of quadrilaterals on the sphere whose corners are joined by great circles.

    The sum of two triangles (Van Oosterom and Strackee, 1983, doi:10.1109/TBME.1983.325207).

    Parameters
    ----------
    latitude, longitude
        Corners, degrees north and east; shapes (rows + 1, columns + 1).

    Returns
    -------
    Areas, m2; shape (rows, columns).
    """
    areas = np.empty((latitude.shape[0] - 1, latitude.shape[1] - 1))
    following = _unit_vectors(latitude[0], longitude[0])
    # A row at a time, since the vectors take much more memory than the areas.
    for row in range(areas.shape[0]):
        corners, following = following, _unit_vectors(latitude[row + 1], longitude[row + 1])
        first, second, third, fourth = corners[:-1], corners[1:], following[1:], following[:-1]
        areas[row] = np.abs(_solid_angle(first, second, third) + _solid_angle(first, third, fourth))
    return EARTH_RADIUS**2 * areas


def grids_digest(source: Cells, target: Cells, method: Method) -> str:
    """Digest of all that weights depend on, which a file of weights holds as ``made_for``."""
    digest = hashlib.sha256(method.encode())
    for cells in (source, target):
        digest.update(f"{cells.shape} {cells.cyclic} {cells.corners is not None}".encode())
        for values in (cells.latitude, cells.longitude, *(cells.corners or ())):
            for row in values:
                digest.update(row.astype("<f8").tobytes())
    return digest.hexdigest()


def _rectilinear_cells(grid: Grid, latitude: np.ndarray) -> Cells:
    # Views: nothing is repeated in memory.
    rows, columns = np.broadcast_arrays(latitude[:, None], grid.longitude)
    corners = np.broadcast_arrays(grid.latitude_edges[:, None], grid.longitude_edges)
    return Cells(rows, columns, (corners[0], corners[1]), grid.cyclic)


def _nodes(grid: Grid) -> np.ndarray:
    """Latitudes of the nodes of the rows, degrees north; shape (rows,)."""
    nodes, edges = grid.latitude.copy(), grid.latitude_edges
    heights = np.abs(np.diff(edges))
    for row, neighbour, edge in ((0, 1, edges[0]), (-1, -2, edges[-1])):
        if nodes.size > 1 and abs(edge) == 90:
            half = abs(2 * heights[row] / heights[neighbour] - 1) <= EVEN_TOLERANCE
            nodes[row] = edge if half else nodes[row]
    return nodes


def _unit_vectors(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Points on the unit sphere; one more axis at the end, of three."""
    latitude, longitude = np.deg2rad(latitude), np.deg2rad(longitude)
    cosine = np.cos(latitude)
    return np.stack(
        [cosine * np.cos(longitude), cosine * np.sin(longitude), np.sin(latitude)], axis=-1
    )


def _solid_angle(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Solid angle of triangles of unit vectors, steradians, signed by their orientation."""
    # Differences of neighbours first: the product of three nearly equal vectors would cancel.
    volume = np.sum(first * np.cross(second - first, third - first), axis=-1)
    cosines = (
        1
        + np.sum(first * second, axis=-1)
        + np.sum(second * third, axis=-1)
        + np.sum(third * first, axis=-1)
    )
    return 2 * np.arctan2(volume, cosines)


def _check_extents(grid: Grid, needed_by: str) -> None:
    for name, edges in (("latitude", grid.latitude_edges), ("longitude", grid.longitude_edges)):
        widest = float(np.abs(np.diff(edges)).max())
        if widest > WIDEST:
            expected = f"cells of at most {WIDEST:g} degrees for conservative weights of ESMF"
            raise InputError(needed_by, name, expected, f"{widest:g} degrees")


def _make_weights(source: Cells, target: Cells, method: Method, needed_by: str) -> sparse.csr_array:
    try:
        # By name: pip cannot install what it needs, so it is no dependency of the package.
        xesmf: Any = importlib.import_module("xesmf")
    except ImportError as error:
        expected = (
            "the Python package xesmf, which conda-forge has (the environment envs/regrid.yaml; "
            "`snakemake --sdm conda` makes and uses it)"
        )
        raise InputError(needed_by, "ESMF", expected, f"none ({error})") from error
    logger.info("ESMF makes %s weights for %s", method, needed_by)
    (rows, columns), wrapped = source.shape, _wrapped(source)
    try:
        regridder = xesmf.Regridder(
            _dataset(wrapped), _dataset(target), method, ignore_degenerate=True
        )
    except ValueError as error:
        found = f"{rows} x {columns} cells that it refuses ({error})"
        raise InputError(needed_by, "grid", "a grid that ESMF can regrid from", found) from error
    matrix = regridder.weights.data
    cell, node = matrix.coords
    row, column = np.divmod(node, wrapped.shape[1])
    return sparse.csr_array(
        (matrix.data, (cell, row * columns + column % columns)),
        shape=(math.prod(target.shape), rows * columns),
    )


def _wrapped(cells: Cells) -> Cells:
    """Repeat the first column after the last of cyclic nodes.

    ESMF closes the circle too, but then also makes up poles beyond the outermost rows.
    """
    if cells.corners is not None or not cells.cyclic:
        return cells
    latitude, longitude = (
        np.concatenate([values, values[:, :1]], axis=1)
        for values in (cells.latitude, cells.longitude)
    )
    return cells._replace(latitude=latitude, longitude=longitude)


def _dataset(cells: Cells) -> xr.Dataset:
    """Name the coordinates as xESMF wants them."""
    arrays = {"lat": cells.latitude, "lon": cells.longitude}
    if cells.corners is not None:
        arrays |= {"lat_b": cells.corners[0], "lon_b": cells.corners[1]}
    return xr.Dataset(
        {
            name: (
                ("y_b", "x_b") if name.endswith("_b") else ("y", "x"),
                np.ascontiguousarray(array),
            )
            for name, array in arrays.items()
        }
    )


def _write_weights(weights: sparse.csr_array, path: Path, made_for: str, method: Method) -> None:
    matrix = weights.tocoo()
    variables = {
        "S": (matrix.data, "weight of a source cell in a target cell"),
        "row": (matrix.row + 1, "number of the target cell"),
        "col": (matrix.col + 1, "number of the source cell"),
    }
    dataset = xr.Dataset(
        {
            name: ("n_s", values, {"units": "1", "long_name": long_name})
            for name, (values, long_name) in variables.items()
        },
        attrs={
            "title": "Regridding weights of ESMF; cells are counted from 1 along rows",
            "map_method": f"{method.capitalize()} remapping",
            "made_for": made_for,
        },
    )
    write_netcdf(dataset, path)


def _read_weights(
    path: Path, made_for: str, source: Cells, target: Cells
) -> sparse.csr_array | None:
    """Weights of a file; None where there is none or it was made for others."""
    if not path.exists():
        return None
    dataset = read_netcdf(path)
    if "made_for" not in dataset.attrs:
        # Not ours to replace.
        raise InputError(path, "made_for", "a file of weights that this library wrote", "none")
    if dataset.attrs["made_for"] != made_for:
        return None
    missing = {"S", "row", "col"} - set(dataset.variables)
    if missing:
        raise InputError(path, ", ".join(sorted(missing)), "weights of ESMF", "none")
    indices = []
    for name, cells in (("row", target), ("col", source)):
        values, count = dataset[name].to_numpy(), math.prod(cells.shape)
        if values.min(initial=1) < 1 or values.max(initial=1) > count:
            found = f"{values.min()} to {values.max()}"
            raise InputError(path, name, f"numbers of cells from 1 to {count}", found)
        indices.append(values - 1)
    weights = dataset["S"].to_numpy()
    if not np.isfinite(weights).all():
        raise InputError(path, "S", "finite numbers", "missing values")
    shape = (math.prod(target.shape), math.prod(source.shape))
    return sparse.csr_array((weights, tuple(indices)), shape=shape)

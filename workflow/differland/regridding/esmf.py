"""Regridding with ESMF through xESMF: a check of the exact operator, and bilinear.

ESMF (Hill et al., 2004, doi:10.1109/MCISE.2004.1255817) joins the corners of cells by great
circles, where cells of :mod:`differland.regridding.conservative` end at parallels. Its
conservative weights are therefore near, not equal, to the exact ones. xESMF
(doi:10.5281/zenodo.4294774) makes, keeps and applies them; here it is given grids.
"""

import hashlib
import importlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import xarray as xr

from differland.errors import InputError
from differland.files import atomic_path, read_netcdf, seal
from differland.regridding.grid import EVEN_TOLERANCE, Grid

logger = logging.getLogger(__name__)

Method = Literal["conservative", "bilinear"]

ROUNDING = 1e-6
"""Share of a target cell by which a sum of weights may be off."""

WIDEST = 90.0
"""Extent of a cell, degrees, up to which ESMF finds all overlaps; it was seen to lose some of
cells of 120 degrees, whose edges lie far from the parallels of their corners."""


@dataclass(frozen=True, eq=False)
class EsmfRegridder:
    """Regridding operator from one grid to another, used like the exact ``Regridder``.

    Attributes
    ----------
    operator
        The ``xesmf.Regridder``.
    repeated
        Whether it takes the first column once more after the last.
    """

    operator: Any
    repeated: bool

    @classmethod
    def between(
        cls,
        source: Grid,
        target: Grid,
        method: Method,
        folder: Path | None = None,
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
        folder
            Folder in which the weights are kept, in a file for each pair of grids and method. None
            keeps nothing.
        needed_by
            Product or configuration key that needs the weights, for messages.

        Raises
        ------
        InputError
            xESMF cannot be imported, or ESMF refuses the grids; a conservative grid has cells of
            more than 90 degrees; the file of weights cannot be used.
        """
        if method == "conservative":
            _check_extents(source, needed_by)
            _check_extents(target, needed_by)
        # ESMF closes the circle of nodes too, but then also makes up poles beyond the outer rows.
        repeated = method == "bilinear" and source.cyclic
        grids = (
            _described(source, method, _nodes(source), repeated),
            _described(target, method, target.latitude, False),
        )
        path = None if folder is None else folder / _file_name(source, target, method)
        kept = read_netcdf(path) if path is not None and path.exists() else None
        operator = _make_operator(*grids, method, kept, needed_by)
        if path is not None and kept is None:
            with atomic_path(path) as temporary:
                operator.to_netcdf(temporary)
                seal(temporary)
        return cls(operator, repeated)

    def apply(self, values: np.ndarray, minimum_coverage: float = 0.0) -> np.ndarray:
        """Regrid fields of densities, temperatures, fractions: no totals of cells.

        Parameters
        ----------
        values
            Fields, shape (..., source rows, source columns). NaN is what was not observed.
        minimum_coverage
            Share of a target cell's area, from 0 to 1, that must be observed; with 0 any observed
            area will do. Bilinear: share of the weights of its nodes.

        Returns
        -------
        Means over the observed area of the target cells, shape (..., target rows, target columns),
        double precision; NaN where too little of the cell was observed.

        Raises
        ------
        ValueError
            Fields of another shape than the source.
        """
        if self.repeated:
            values = np.concatenate([values, values[..., :1]], axis=-1)
        regridded: np.ndarray = self.operator(
            np.ascontiguousarray(values, dtype=np.float64),
            skipna=True,
            na_thres=1 - minimum_coverage + ROUNDING,
        )
        return regridded


def _check_extents(grid: Grid, needed_by: str) -> None:
    for name, edges in (("latitude", grid.latitude_edges), ("longitude", grid.longitude_edges)):
        widest = float(np.abs(np.diff(edges)).max())
        if widest > WIDEST:
            expected = f"cells of at most {WIDEST:g} degrees for conservative weights of ESMF"
            raise InputError(needed_by, name, expected, f"{widest:g} degrees")


def _nodes(grid: Grid) -> np.ndarray:
    """Latitudes of the nodes of the rows, degrees north; shape (rows,)."""
    nodes, edges = grid.latitude.copy(), grid.latitude_edges
    heights = np.abs(np.diff(edges))
    for row, neighbour, edge in ((0, 1, edges[0]), (-1, -2, edges[-1])):
        if nodes.size > 1 and abs(edge) == 90:
            half = abs(2 * heights[row] / heights[neighbour] - 1) <= EVEN_TOLERANCE
            nodes[row] = edge if half else nodes[row]
    return nodes


def _described(grid: Grid, method: Method, nodes: np.ndarray, repeated: bool) -> xr.Dataset:
    """Name centres and edges, or nodes of rows, as xESMF wants them."""
    if method == "conservative":
        edges = {"lat_b": grid.latitude_edges, "lon_b": grid.longitude_edges}
        return xr.Dataset(coords={"lat": grid.latitude, "lon": grid.longitude} | edges)
    longitude = grid.longitude
    if repeated:
        longitude = np.append(longitude, longitude[0])
    return xr.Dataset(coords={"lat": nodes, "lon": longitude})


def _file_name(source: Grid, target: Grid, method: Method) -> str:
    """Name of a file of weights, which tells all that they depend on."""
    digest = hashlib.sha256(method.encode())
    for grid in (source, target):
        for edges in (grid.latitude_edges, grid.longitude_edges):
            digest.update(f"{edges.size} ".encode() + edges.astype("<f8").tobytes())
    rows, columns = source.shape
    return f"{method}_{rows}x{columns}_{digest.hexdigest()[:16]}.nc"


def _make_operator(
    source: xr.Dataset,
    target: xr.Dataset,
    method: Method,
    weights: xr.Dataset | None,
    needed_by: str,
) -> Any:
    try:
        # By name: pip cannot install what it needs, so it is no dependency of the package.
        xesmf: Any = importlib.import_module("xesmf")
    except ImportError as error:
        expected = (
            "the Python package xesmf, which conda-forge has (the environment envs/regrid.yaml; "
            "`snakemake --sdm conda` makes and uses it)"
        )
        raise InputError(needed_by, "ESMF", expected, f"none ({error})") from error
    made = "makes" if weights is None else "is given"
    logger.info("ESMF %s %s weights for %s", made, method, needed_by)
    try:
        return xesmf.Regridder(source, target, method, ignore_degenerate=True, weights=weights)
    except ValueError as error:
        found = f"{source['lat'].size} x {source['lon'].size} cells that it refuses ({error})"
        raise InputError(needed_by, "grid", "a grid that ESMF can regrid from", found) from error

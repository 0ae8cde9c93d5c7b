"""First-order conservative regridding between rectilinear grids, as a product of two 1-d operators.

On a sphere the area of a cell between two parallels and two meridians is the product of its
extents in sin(latitude) and in longitude, and so is the overlap of two such cells. The weights
of conservative regridding (Jones, 1999, doi:10.1175/1520-0493(1999)127<2204:FASOCR>2.0.CO;2)
are therefore an outer product, which is exact and never formed.

Formulas: docs/metrics.md, "Regridding".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
from scipy import sparse

from differland.regridding.grid import Grid, latitude_widths

Quantity = Literal["intensive", "extensive"]

MAXIMUM_VALUES = 2**22
"""Source values to hold at a time; at double precision they take 32 MiB."""

CACHED_VALUES = 2**18
"""Source values whose intermediate results stay in a processor's cache; twice as fast."""

NEGLIGIBLE = 1e-9
"""Share of a cell that is rounding, not overlap."""


class Band(NamedTuple):
    """Rows of the target that are regridded at a time, with the data of their operator."""

    target: slice
    source: slice
    regridder: "Regridder"


@dataclass(frozen=True, eq=False)
class Regridder:
    """Conservative regridding operator from one grid to another.

    Attributes
    ----------
    rows
        Share of each target row that each source row covers; shape (target rows, source rows).
    columns
        The same of columns; shape (target columns, source columns).
    row_shares
        Share of each source row that lies in each target row; shape (target rows, source rows).
    column_shares
        The same of columns; shape (target columns, source columns).
    """

    rows: sparse.csr_array
    columns: sparse.csr_array
    row_shares: sparse.csr_array
    column_shares: sparse.csr_array

    @classmethod
    def between(cls, source: Grid, target: Grid) -> Self:
        """Make the operator from `source` to `target`.

        Parameters
        ----------
        source, target
            Grids, which may be windows, run either way, and start at any longitude.
        """
        latitude = overlaps(source.latitude_edges, target.latitude_edges, latitude_widths)
        longitude = overlaps(
            source.longitude_edges, target.longitude_edges, longitude_widths, period=360.0
        )
        return cls(
            _inverse(target.latitude_edges, latitude_widths) @ latitude,
            _inverse(target.longitude_edges, longitude_widths) @ longitude,
            latitude @ _inverse(source.latitude_edges, latitude_widths),
            longitude @ _inverse(source.longitude_edges, longitude_widths),
        )

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
            area will do.
        quantity
            ``intensive`` (a density, a temperature, a fraction): the mean over the observed area
            of the target cell. ``extensive`` (a total of the cell): the sum over the observed
            area, each source cell's total being spread evenly over it; what was not observed is
            not made up for.

        Returns
        -------
        Regridded fields, shape (..., target rows, target columns), double precision; NaN where too
        little of the cell was observed.
        """
        leading = values.shape[:-2]
        result = np.empty((*leading, self.rows.shape[0], self.columns.shape[0]))
        bands = list(self.bands(maximum_values=CACHED_VALUES))
        for index in np.ndindex(leading):
            field = values[index]
            for band in bands:
                result[index][band.target] = band.regridder._apply_at_once(
                    field[band.source], minimum_coverage, quantity
                )
        return result

    def bands(self, fields: int = 1, maximum_values: int = MAXIMUM_VALUES) -> Iterator[Band]:
        """Cut the operator into bands of target rows, so that the source need not be held whole.

        Parameters
        ----------
        fields
            Number of fields that are regridded at a time.
        maximum_values
            Source values, and target values, of a band over all these fields. A band has at least
            one target row, whatever it takes.

        Yields
        ------
        Bands in the order of the target's rows. ``band.regridder.apply(values[..., band.source,
        :])`` gives the rows ``band.target``.
        """
        first, last = _source_ranges(self.rows)
        source_rows = maximum_values // (fields * self.columns.shape[1])
        target_rows = max(maximum_values // (fields * self.columns.shape[0]), 1)
        start, total = 0, self.rows.shape[0]
        while start < total:
            stop = start + 1
            low, high = int(first[start]), int(last[start])
            while stop < min(start + target_rows, total):
                wider = min(low, int(first[stop])), max(high, int(last[stop]))
                if wider[1] - wider[0] > source_rows:
                    break
                low, high = wider
                stop += 1
            source = slice(min(low, high), high)
            target = slice(start, stop)
            yield Band(
                target,
                source,
                Regridder(
                    self.rows[target, source],
                    self.columns,
                    self.row_shares[target, source],
                    self.column_shares,
                ),
            )
            start = stop

    def _apply_at_once(
        self, field: np.ndarray, minimum_coverage: float, quantity: Quantity
    ) -> np.ndarray:
        field = field.astype(np.float64, copy=False)
        missing = np.isnan(field)
        if missing.any():
            coverage = _product(self.rows, (~missing).astype(np.float64), self.columns)
            field = np.where(missing, 0.0, field)
        else:
            coverage = np.outer(self.rows.sum(axis=1), self.columns.sum(axis=1))
        if quantity == "intensive":
            result = _product(self.rows, field, self.columns)
            with np.errstate(divide="ignore", invalid="ignore"):
                result /= coverage
        else:
            result = _product(self.row_shares, field, self.column_shares)
        result[coverage < max(minimum_coverage - NEGLIGIBLE, NEGLIGIBLE)] = np.nan
        return result


def longitude_widths(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Differences of longitude, radians, of longitudes in degrees."""
    return np.deg2rad(second - first)


def overlaps(
    source: np.ndarray,
    target: np.ndarray,
    widths: Callable[[np.ndarray, np.ndarray], np.ndarray],
    period: float | None = None,
) -> sparse.csr_array:
    """Measure the overlaps of the cells of two axes.

    Parameters
    ----------
    source, target
        Edges of the cells, rising or falling; shapes (source cells + 1,), (target cells + 1,).
    widths
        Function of two arrays of edges that gives the widths between them.
    period
        Period with which the source repeats itself, in the units of the edges.

    Returns
    -------
    Overlaps, shape (target cells, source cells).
    """
    rising_source, rising_target = np.sort(source), np.sort(target)
    shifts = np.zeros(1)
    if period is not None:
        first = np.ceil((rising_target[0] - rising_source[-1]) / period)
        last = np.floor((rising_target[-1] - rising_source[0]) / period)
        shifts = period * np.arange(first, last + 1)
    width, row, column = [np.empty(0)], [np.empty(0, int)], [np.empty(0, int)]
    for shift in shifts:
        edges = _snapped(rising_source + shift, rising_target)
        points = np.union1d(edges, rising_target)
        low = max(edges[0], rising_target[0])
        high = min(edges[-1], rising_target[-1])
        points = points[(points >= low) & (points <= high)]
        middle = (points[:-1] + points[1:]) / 2
        width.append(widths(points[:-1], points[1:]))
        row.append(np.searchsorted(rising_target, middle) - 1)
        column.append(np.searchsorted(edges, middle) - 1)
    shape = (target.size - 1, source.size - 1)
    rows, columns = np.concatenate(row), np.concatenate(column)
    if target[0] > target[-1]:
        rows = shape[0] - 1 - rows
    if source[0] > source[-1]:
        columns = shape[1] - 1 - columns
    return sparse.csr_array((np.concatenate(width), (rows, columns)), shape=shape)


def _snapped(edges: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Move edges that differ from a mark by rounding only onto it, so that no sliver is left."""
    after = np.clip(np.searchsorted(marks, edges), 1, marks.size - 1)
    before = after - 1
    nearest = np.where(edges - marks[before] < marks[after] - edges, marks[before], marks[after])
    tolerance = NEGLIGIBLE * min(np.diff(edges).min(), np.diff(marks).min())
    return np.where(np.abs(edges - nearest) <= tolerance, nearest, edges)


def _inverse(
    edges: np.ndarray, widths: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> sparse.dia_array:
    """Diagonal matrix of one over the widths of cells."""
    return sparse.diags_array(1 / np.abs(widths(edges[:-1], edges[1:])))


def _product(rows: sparse.csr_array, field: np.ndarray, columns: sparse.csr_array) -> np.ndarray:
    return (columns @ (rows @ field).T).T


def _source_ranges(rows: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """First source row of each target row, and the one after its last; (all, 0) where none is."""
    targets, sources = rows.nonzero()
    first = np.full(rows.shape[0], rows.shape[1])
    last = np.zeros(rows.shape[0], dtype=np.int64)
    np.minimum.at(first, targets, sources)
    np.maximum.at(last, targets, sources + 1)
    return first, last

"""Rectilinear grids of latitude and longitude, and the edges that coordinates of cells tell."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from differland.errors import InputError

EARTH_RADIUS = 6_371_000.0
"""Radius of the sphere on which areas are counted, m."""

CLOSING_TOLERANCE = 0.05
"""Share of a cell by which the edges of a global grid may miss the pole or the full circle."""

EVEN_TOLERANCE = 5e-3
"""Share of a cell by which evenly spaced centres may be off; Gaussian latitudes are 1e-2 off."""

UNEVEN_LIMIT = 1.25
"""Ratio of neighbouring steps above which the edges are anybody's guess."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A rectilinear grid on the sphere.

    Attributes
    ----------
    latitude_edges
        Edges of the rows, degrees north; shape (rows + 1,), falling (north-up) or rising.
    longitude_edges
        Edges of the columns, degrees east; shape (columns + 1,), rising or falling, at most 360
        apart. They may pass the date line: 170 to 190 is a window across it.
    """

    latitude_edges: np.ndarray
    longitude_edges: np.ndarray

    @classmethod
    def from_coordinates(
        cls,
        latitude: np.ndarray,
        longitude: np.ndarray,
        file: object,
        latitude_bounds: np.ndarray | None = None,
        longitude_bounds: np.ndarray | None = None,
    ) -> Self:
        """Make a grid from the coordinates of its cells, and from their bounds where there are any.

        Without bounds, edges lie midway between centres. Outer rows end at the pole: those of a
        grid with nodes on the poles are half rows. Rounding of evenly spaced coordinates, such as
        that of single precision, is undone.

        Parameters
        ----------
        latitude, longitude
            Centres (or nodes), degrees north and east; shapes (rows,) and (columns,), rising or
            falling. Longitudes may run from -180, from 0 or from anywhere, and may jump by 360.
        file
            File that the coordinates come from, for messages.
        latitude_bounds, longitude_bounds
            Bounds as in CF, shapes (rows, 2) and (columns, 2). Bounds of neighbours touch.

        Raises
        ------
        InputError
            Coordinates are not finite, out of range, not monotonic, too few, or too unevenly spaced
            to infer edges; bounds leave gaps or do not enclose their centres; or more than 360
            degrees of longitude.
        """
        rows = _edges("latitude", latitude, latitude_bounds, file)
        columns = _edges("longitude", longitude, longitude_bounds, file)
        return cls(_close_poles(rows, file), _close_circle(columns, file))

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self.latitude_edges.size - 1, self.longitude_edges.size - 1

    @property
    def latitude(self) -> np.ndarray:
        """Midpoints of the rows, degrees north; shape (rows,)."""
        return (self.latitude_edges[:-1] + self.latitude_edges[1:]) / 2

    @property
    def longitude(self) -> np.ndarray:
        """Midpoints of the columns, degrees east; shape (columns,)."""
        return (self.longitude_edges[:-1] + self.longitude_edges[1:]) / 2

    @property
    def north_up(self) -> bool:
        """Whether the first row is the northernmost."""
        return bool(self.latitude_edges[0] > self.latitude_edges[-1])

    @property
    def cyclic(self) -> bool:
        """Whether the last column touches the first."""
        return bool(abs(self.longitude_edges[-1] - self.longitude_edges[0]) == 360)

    def cell_areas(self) -> np.ndarray:
        """Areas of the cells on the sphere, m2; shape (rows, columns)."""
        rows = latitude_widths(self.latitude_edges[:-1], self.latitude_edges[1:])
        columns = np.deg2rad(np.diff(self.longitude_edges))
        return EARTH_RADIUS**2 * np.abs(rows[:, None] * columns)


def latitude_widths(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Differences of the sine of latitude, without the cancellation of sin(b) - sin(a).

    Parameters
    ----------
    first, second
        Latitudes, degrees north.
    """
    middle = np.deg2rad(first + second) / 2
    return 2 * np.cos(middle) * np.sin(np.deg2rad(second - first) / 2)


FINEST = 0.001
"""Smallest cell of a regular grid, degrees: a field of it has 65 thousand million values."""


def regular_grid(resolution: float) -> Grid:
    """Global grid, north-up from 90 N and 180 W.

    Parameters
    ----------
    resolution
        Height and width of a cell, degrees.

    Raises
    ------
    InputError
        Cells of this size do not fill the globe.
    """
    if 0 < resolution < FINEST:
        raise InputError("grid", "resolution", f"degrees, {FINEST:g} or more", f"{resolution:g}")
    rows = round(180 / resolution) if np.isfinite(resolution) and resolution > 0 else 0
    if rows < 1 or abs(rows * resolution - 180) > CLOSING_TOLERANCE * resolution:
        raise InputError("grid", "resolution", "degrees that divide 180", f"{resolution:g}")
    # Whole numbers before the division: every edge is the double closest to the true one.
    return Grid(
        (rows - 2 * np.arange(rows + 1)) * 90 / rows,
        (np.arange(2 * rows + 1) - rows) * 180 / rows,
    )


def _edges(name: str, centres: np.ndarray, bounds: np.ndarray | None, file: object) -> np.ndarray:
    """Edges of one axis, poles and circle not closed yet."""
    _check_degrees(name, centres, 1e-3, file)
    if bounds is None:
        if centres.ndim != 1 or centres.size < 2:
            found = f"values of shape {centres.shape} and no bounds"
            raise InputError(file, name, "two or more values in one dimension", found)
        return _edges_of_centres(name, _unwrap(centres) if name == "longitude" else centres, file)
    if bounds.shape != (centres.size, 2):
        expected = f"bounds of shape {(centres.size, 2)}"
        raise InputError(file, name, expected, f"shape {bounds.shape}")
    # Bounds of rows with nodes on the poles are often written half a row beyond.
    _check_degrees(name, bounds, float(np.abs(bounds[:, 1] - bounds[:, 0]).max()), file)
    if name == "longitude":
        bounds = _unwrap(bounds.ravel()).reshape(-1, 2)
    middle, half = bounds.mean(axis=1), np.abs(bounds[:, 1] - bounds[:, 0]) / 2
    apart = np.abs((centres - middle + 180) % 360 - 180)
    outside = np.flatnonzero(apart > half * (1 + EVEN_TOLERANCE) + 2 * _precision(bounds))
    if outside.size:
        low, high = bounds[outside[0]]
        found = f"{centres[outside[0]]:g} with bounds {low:g} and {high:g}"
        raise InputError(file, name, "bounds that enclose their centres", found)
    return _edges_of_bounds(name, bounds, file)


def _check_degrees(name: str, values: np.ndarray, beyond: float, file: object) -> None:
    limit = 90 if name == "latitude" else 720
    if not np.all(np.isfinite(values)):
        raise InputError(file, name, "finite numbers", "missing values")
    if np.abs(values).max(initial=0) > limit + beyond:
        found = f"{values.min():g} to {values.max():g}"
        raise InputError(file, name, f"degrees between {-limit} and {limit}", found)


def _unwrap(longitude: np.ndarray) -> np.ndarray:
    """Remove jumps by 360 degrees, in the type that the values are stored in."""
    steps = np.diff(longitude.astype(np.float64))
    turns = np.concatenate([[0], np.cumsum(-np.round(steps / 360))])
    return longitude + (360 * turns).astype(longitude.dtype) if turns.any() else longitude


def _precision(values: np.ndarray) -> float:
    """Rounding error of stored coordinates, degrees. Doubles may come from single precision."""
    single = np.array_equal(values.astype(np.float32), values)
    # Longitudes may have been shifted by a turn after they were rounded.
    return 360 * float(np.finfo(np.float32 if single else np.float64).eps)


def _even_edges(start: float, step: float, count: int, tolerance: float) -> np.ndarray:
    """Edges of evenly spaced cells, on whole fractions of the circle where they are meant to be."""
    fraction = max(round(360 / abs(step)), 1)
    if abs(360 / fraction - abs(step)) * count <= 2 * tolerance:
        half = np.sign(step) * 180 / fraction
        first = round(start / half)
        if abs(first * half - start) <= tolerance:
            return np.sign(step) * (first + 2 * np.arange(count + 1)) * 180 / fraction
        step = 2 * half
    return start + step * np.arange(count + 1)


def _edges_of_centres(name: str, centres: np.ndarray, file: object) -> np.ndarray:
    precision = _precision(centres)
    values = centres.astype(np.float64)
    _check_monotonic(name, values, file)
    count = values.size
    step = (values[-1] - values[0]) / (count - 1)
    rounding = np.abs(values - (values[0] + step * np.arange(count))).max()
    if rounding <= max(2 * precision, EVEN_TOLERANCE * abs(step)):
        tolerance = 2 * max(rounding, precision)
        turn = 360 if name == "longitude" else 180
        if abs(abs(step) * count - turn) <= CLOSING_TOLERANCE * abs(step):
            # Steps written with few digits add up; the turn that they fill does not.
            tolerance = max(tolerance, abs(abs(step) * count - turn))
            step = np.sign(step) * turn / count
        return _even_edges(values[0] - step / 2, step, count, tolerance)
    steps = np.abs(np.diff(values))
    ratios = np.maximum(steps[1:], steps[:-1]) / np.minimum(steps[1:], steps[:-1])
    if ratios.max() > UNEVEN_LIMIT:
        worst = int(ratios.argmax())
        raise InputError(
            file,
            name,
            "evenly or smoothly spaced values, or bounds",
            f"steps of {steps[worst]:g} and {steps[worst + 1]:g} degrees around "
            f"{values[worst + 1]:g}",
        )
    middle = (values[:-1] + values[1:]) / 2
    edges = np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])
    if name == "latitude":
        # Gaussian latitudes: the outermost rows reach the pole.
        for end, width in ((0, steps[0]), (-1, steps[-1])):
            if 90 - abs(edges[end]) <= width / 2:
                edges[end] = np.copysign(90, edges[end])
    return edges


def _edges_of_bounds(name: str, bounds: np.ndarray, file: object) -> np.ndarray:
    precision = _precision(bounds)
    lower, upper = bounds.min(axis=1).astype(np.float64), bounds.max(axis=1).astype(np.float64)
    falling = lower.size > 1 and lower[1] < lower[0]
    first, last = (upper, lower) if falling else (lower, upper)
    edges = np.append(first, last[-1])
    _check_monotonic(name, edges, file)
    widths = np.abs(np.diff(edges))
    gaps = np.abs(first[1:] - last[:-1])
    if gaps.size and gaps.max() > max(2 * precision, EVEN_TOLERANCE * float(widths.min())):
        worst = int(gaps.argmax())
        raise InputError(
            file,
            name,
            "bounds of neighbours that touch",
            f"{last[worst]:g} beside {first[worst + 1]:g}",
        )
    step = (edges[-1] - edges[0]) / (edges.size - 1)
    rounding = np.abs(edges - (edges[0] + step * np.arange(edges.size))).max()
    if rounding <= 2 * precision:
        return _even_edges(float(edges[0]), step, edges.size - 1, 2 * precision)
    return edges


def _check_monotonic(name: str, values: np.ndarray, file: object) -> None:
    steps = np.diff(values)
    wrong = np.flatnonzero(np.sign(steps) != np.sign(steps[0] or 1))
    if wrong.size:
        raise InputError(
            file,
            name,
            "values that rise or fall throughout",
            f"{values[wrong[0]]:g} before {values[wrong[0] + 1]:g}",
        )


def _close_poles(edges: np.ndarray, file: object) -> np.ndarray:
    """End the outer rows at the pole where they miss it by little or pass it."""
    edges = edges.copy()
    for end, neighbour in ((0, 1), (-1, -2)):
        if abs(edges[neighbour]) >= 90 and edges[neighbour] * edges[end] > 0:
            raise InputError(
                file, "latitude", "rows between the poles", f"a row that ends at {edges[end]:g}"
            )
        width = abs(edges[end] - edges[neighbour])
        if abs(edges[end]) > 90 - CLOSING_TOLERANCE * width:
            edges[end] = np.copysign(90, edges[end])
    return edges


def _close_circle(edges: np.ndarray, file: object) -> np.ndarray:
    """Make the circle exactly full where it nearly is."""
    extent = float(abs(edges[-1] - edges[0]))
    tolerance = CLOSING_TOLERANCE * float(np.abs(np.diff(edges)).min())
    if extent > 360 + tolerance:
        raise InputError(file, "longitude", "at most 360 degrees, each once", f"{extent:g} degrees")
    if extent >= 360 - tolerance:
        edges = edges.copy()
        edges[-1] = edges[0] + np.copysign(360, edges[-1] - edges[0])
    return edges

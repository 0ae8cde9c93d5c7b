"""Latitude and longitude in NetCDF files: what tells them, and the grid that they make."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import netCDF4
import numpy as np

from differland.errors import InputError
from differland.opening import read_values
from differland.regridding.grid import Grid


class AxisMarks(NamedTuple):
    """Marks of an axis in CF (sections 4.1 and 4.2); units and names in lower case."""

    units: frozenset[str]
    axis: str
    names: tuple[str, ...]


def _spelled(direction: str) -> frozenset[str]:
    """Ways in which CF spells degrees in a direction."""
    return frozenset(
        f"{degrees}{ending}"
        for degrees in ("degree", "degrees")
        for ending in (f"_{direction}", f"_{direction[0]}", direction[0])
    )


AXES = {
    "latitude": AxisMarks(_spelled("north"), "Y", ("lat", "latitude")),
    "longitude": AxisMarks(_spelled("east"), "X", ("lon", "longitude")),
}

UNDIRECTED_DEGREES = {"degrees", "degree", "deg"}
"""Units that do for an axis which its name or axis attribute tells."""

CYCLIC_TOLERANCE = 1e-3
"""Degrees by which a last column that repeats the first may miss the full circle."""


@dataclass(frozen=True)
class HorizontalAxes:
    """The grid of a file, and the variables that define it.

    Attributes
    ----------
    latitude, longitude
        Names of the coordinate variables.
    dimensions
        Names of the dimensions of latitude and longitude.
    bounds
        Names of the variables that hold the bounds; None where there are none.
    grid
        The grid. A last column that repeats the first is left out.
    """

    latitude: str
    longitude: str
    dimensions: tuple[str, str]
    bounds: tuple[str | None, str | None]
    grid: Grid


def find_horizontal_axes(dataset: netCDF4.Dataset, file: object) -> HorizontalAxes:
    """Find latitude and longitude: by standard name, units, axis attribute, then by name.

    Parameters
    ----------
    dataset
        Dataset of an open file.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        No horizontal axis or several, coordinates in two dimensions, units that are missing or no
        degrees, or coordinates of which no grid can be made.
    """
    latitude, longitude = (_find_axis(dataset, kind, file) for kind in AXES)
    if latitude.dimensions == longitude.dimensions:
        raise InputError(
            file,
            f"{latitude.name}, {longitude.name}",
            "a rectilinear grid: two horizontal dimensions",
            f"both along {latitude.dimensions[0]}",
        )
    bounds = tuple(
        name if name in dataset.variables else None
        for name in (getattr(axis, "bounds", None) for axis in (latitude, longitude))
    )
    edges = [None if name is None else read_degrees(dataset[name], file) for name in bounds]
    return HorizontalAxes(
        latitude.name,
        longitude.name,
        (latitude.dimensions[0], longitude.dimensions[0]),
        (bounds[0], bounds[1]),
        grid_of_coordinates(latitude, longitude, edges, file),
    )


def grid_of_coordinates(
    latitude: netCDF4.Variable,
    longitude: netCDF4.Variable,
    bounds: Sequence[np.ndarray | None],
    file: object,
) -> Grid:
    """Make the grid of coordinates in one dimension, without a last column that repeats the first.

    Parameters
    ----------
    latitude, longitude
        Coordinates in degrees.
    bounds
        Their bounds in degrees, of shape (cells, 2); None where there are none.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        Coordinates of which no grid can be made (see :meth:`Grid.from_coordinates`).
    """
    east, east_bounds = read_degrees(longitude, file), bounds[1]
    if east.size > 2 and abs(abs(float(east[-1]) - float(east[0])) - 360) < CYCLIC_TOLERANCE:
        east = east[:-1]
        east_bounds = None if east_bounds is None else east_bounds[:-1]
    return Grid.from_coordinates(read_degrees(latitude, file), east, file, bounds[0], east_bounds)


def read_degrees(variable: netCDF4.Variable, file: object) -> np.ndarray:
    """Read latitudes, longitudes or their bounds; of the type in which they are stored, if real.

    Raises
    ------
    InputError
        Text, or missing values, or the file breaks off.
    """
    values = read_values(variable, slice(None), file)
    if values.dtype.kind not in "fiu":
        raise InputError(file, variable.name, "numbers", f"values of type {values.dtype}")
    if np.ma.is_masked(values):
        raise InputError(file, variable.name, "finite numbers", "missing values")
    stored = np.ma.getdata(values)
    return stored if stored.dtype.kind == "f" else stored.astype(np.float64)


def is_named(variable: netCDF4.Variable, kind: str) -> bool:
    """Whether a variable has one of the common names of latitudes or longitudes."""
    return variable.name.lower() in AXES[kind].names


def has_standard_name(variable: netCDF4.Variable, kind: str) -> bool:
    """Whether its standard name tells that a variable is a latitude or longitude."""
    return attribute(variable, "standard_name") == kind


def has_direction(variable: netCDF4.Variable, kind: str) -> bool:
    """Whether the units of a variable are degrees north or east."""
    return attribute(variable, "units").lower() in AXES[kind].units


def has_axis(variable: netCDF4.Variable, kind: str) -> bool:
    """Whether the axis attribute of a variable tells that it is a latitude or longitude."""
    return attribute(variable, "axis") == AXES[kind].axis


def first_found(
    variables: Collection[netCDF4.Variable],
    criteria: Sequence[Callable[[netCDF4.Variable, str], bool]],
    kind: str,
) -> list[netCDF4.Variable]:
    """Return the variables that meet the first criterion which any of them meets."""
    for criterion in criteria:
        found = [variable for variable in variables if criterion(variable, kind)]
        if found:
            # A coordinate variable, which has its dimension's name, goes before an auxiliary one.
            return [v for v in found if v.dimensions == (v.name,)] or found
    return []


def attribute(variable: netCDF4.Variable, name: str) -> str:
    """Text of an attribute; nothing, where there is none."""
    return str(getattr(variable, name, "")).strip()


def _find_axis(dataset: netCDF4.Dataset, kind: str, file: object) -> netCDF4.Variable:
    bounds = {attribute(variable, "bounds") for variable in dataset.variables.values()}
    axes = [v for v in dataset.variables.values() if v.ndim > 0 and v.name not in bounds]
    found = first_found(axes, (has_standard_name, has_direction, has_axis, is_named), kind)
    if not found:
        groups = f" beside the groups {', '.join(dataset.groups)}" if dataset.groups else ""
        there = f"only {', '.join(dataset.variables)}" if dataset.variables else "no variable"
        raise InputError(file, kind, "a coordinate variable", f"{there}{groups}")
    if len(found) > 1:
        names = ", ".join(variable.name for variable in found)
        raise InputError(file, kind, "one horizontal grid", f"the coordinates {names}")
    axis = found[0]
    if axis.ndim != 1:
        raise InputError(
            file,
            axis.name,
            "coordinates in one dimension (a rectilinear grid)",
            f"the dimensions {', '.join(axis.dimensions)}",
        )
    units = attribute(axis, "units")
    if units.lower() not in AXES[kind].units | UNDIRECTED_DEGREES:
        expected = f"units degrees_{'north' if kind == 'latitude' else 'east'}"
        raise InputError(file, axis.name, expected, f"units {units}" if units else "no units")
    return axis

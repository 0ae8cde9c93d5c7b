"""Parameters and traits on the study's grid of latitude and longitude, for use elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

import netCDF4
import numpy as np
import xarray as xr

from differland.analysis.days import DAYS_OF_YEAR, DAYS_PER_YEAR, around_their_mean
from differland.errors import InputError
from differland.regridding.study_grid import STUDY_GRID, cell_numbers, is_gridded
from differland.tables import PARAMETERS, TRAITS

FILL_VALUE = np.float32(netCDF4.default_fillvals["f4"])
"""NetCDF's own for single precision, which every tool knows."""


def parameter_fields(parameters: xr.Dataset) -> Iterator[xr.Dataset]:
    """Put the mean and the spread over members of every parameter and trait onto the grid.

    The grid is the part of the global 0.25 degree grid that holds all cells, north-up; cells
    without values are missing.

    Parameters
    ----------
    parameters
        ``parameters.nc``: parameters and traits (member, cell), coordinates lat and lon, which are
        centres of cells of the study's grid.

    Yields
    ------
    Dataset
        Dataset of two variables for each of the 40 parameters and the traits that are none of them:
        NAME(lat, lon), the mean over members, and NAME_spread(lat, lon), the standard deviation
        among them (n - 1 in the denominator), float32, in the units of the parameter. Days of the
        year are from 0 to 365.25, and their mean is circular. The first has the bounds of the cells
        too.

    Raises
    ------
    InputError
        Cells are not on the grid or not each once, there are fewer than two members, or a
        parameter is missing.
    """
    source = parameters.encoding.get("source", "parameters.nc")
    members = parameters.sizes.get("member", 0)
    if members < 2:
        raise InputError(source, "member", "at least 2 members", str(members))
    latitude, longitude = (parameters[name].to_numpy() for name in ("lat", "lon"))
    if not is_gridded(latitude, longitude):
        raise InputError(
            source,
            "lat, lon",
            "centres of cells of the global 0.25 degree grid",
            "other places, such as flux towers, which no gridded file can hold",
        )
    row, column = cell_numbers(latitude, longitude)
    if len(np.unique(row * STUDY_GRID.shape[1] + column)) < len(row):
        raise InputError(source, "lat, lon", "each cell of the grid once", "cells that repeat")
    axes, bounds = _axes(row, column)
    rows: Mapping[str, Any] = {**TRAITS, **PARAMETERS}
    for name, facts in rows.items():
        if name not in parameters:
            raise InputError(source, name, "a variable (member, cell)", "no such variable")
        values = parameters[name].transpose("member", "cell").to_numpy().astype(np.float64)
        mean = values.mean(axis=0)
        if name in DAYS_OF_YEAR:
            values = around_their_mean(values)
            mean = values.mean(axis=0) % DAYS_PER_YEAR
        part = xr.Dataset(
            bounds,
            coords=axes,
            attrs={
                "title": "Ecological parameters and traits of the ensemble",
                "comment": "NAME is the mean over the members of the ensemble, NAME_spread the "
                "standard deviation among them. Days of the year are taken around their circular "
                "mean, so that it does not matter on which year a member settled.",
                "members": members,
                **{key: parameters.attrs[key] for key in ("setup",) if key in parameters.attrs},
            },
        )
        for variable, long_name, field in (
            (name, facts.long_name, mean),
            (
                f"{name}_spread",
                f"standard deviation among members: {facts.long_name}",
                values.std(axis=0, ddof=1),
            ),
        ):
            picture = np.full((axes["lat"].size, axes["lon"].size), np.nan, np.float32)
            picture[row - row.min(), column - column.min()] = field
            part[variable] = (
                ("lat", "lon"),
                picture,
                {"long_name": long_name, "units": facts.units},
                {"_FillValue": FILL_VALUE},
            )
        yield part
        bounds = {}


def _axes(
    row: np.ndarray, column: np.ndarray
) -> tuple[dict[str, xr.Variable], dict[str, xr.Variable]]:
    """Coordinates of the part of the grid that holds cells, and their bounds; none has gaps."""
    axes, bounds = {}, {}
    for name, long_name, numbers, edges, axis in (
        ("lat", "latitude", row, STUDY_GRID.latitude_edges, "Y"),
        ("lon", "longitude", column, STUDY_GRID.longitude_edges, "X"),
    ):
        part = edges[numbers.min() : numbers.max() + 2]
        direction = "north" if axis == "Y" else "east"
        axes[name] = xr.Variable(
            name,
            (part[:-1] + part[1:]) / 2,
            {
                "standard_name": long_name,
                "long_name": long_name,
                "units": f"degrees_{direction}",
                "axis": axis,
                "bounds": f"{name}_bnds",
            },
            {"_FillValue": None},
        )
        bounds[f"{name}_bnds"] = xr.Variable(
            (name, "bnds"), np.stack([part[:-1], part[1:]], axis=1), None, {"_FillValue": None}
        )
    return axes, bounds

"""Plain NetCDF files: axes and variables, written as they are given."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import netCDF4
import numpy as np

Layout = Literal["NETCDF4", "NETCDF3_64BIT_OFFSET"]


@contextmanager
def new_file(
    path: Path, axes: Mapping[str, np.ndarray], layout: Layout = "NETCDF4", units: bool = True
) -> Iterator[netCDF4.Dataset]:
    """Create a file with horizontal axes.

    Parameters
    ----------
    path
        Path of the file; its folder is made.
    axes
        Centres of rows and columns, degrees, by the names of their dimensions; rows first.
    layout
        Format of the NetCDF library.
    units
        Whether the axes state their units.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w", format=layout) as dataset:
        for name, values in axes.items():
            dataset.createDimension(name, values.size)
            axis = dataset.createVariable(name, values.dtype, (name,))
            axis[:] = values
            if units:
                axis.units = "degrees_north" if name.startswith("lat") else "degrees_east"
        yield dataset


def add_time(
    dataset: netCDF4.Dataset, name: str, numbers: np.ndarray, units: str | None, **attributes: str
) -> None:
    """Add an axis of time."""
    dataset.createDimension(name, numbers.size)
    axis = dataset.createVariable(name, numbers.dtype, (name,))
    axis[:] = numbers
    if units is not None:
        axis.units = units
    axis.setncatts(attributes)


def add_field(
    dataset: netCDF4.Dataset,
    name: str,
    dimensions: tuple[str, ...],
    values: np.ndarray,
    fill: float | None = None,
    chunks: tuple[int, ...] | None = None,
    **attributes: Any,
) -> None:
    """Add a variable of the type of its values, compressed where the format allows it.

    Parameters
    ----------
    dataset
        Dataset to add to.
    name, dimensions, values
        Name, dimensions and values of the variable.
    fill
        Declared fill value of missing values.
    chunks
        Chunk sizes, each chunk being compressed in one piece.
    attributes
        Attributes of the variable.
    """
    compressed = dataset.data_model == "NETCDF4"
    variable = dataset.createVariable(
        name,
        values.dtype,
        dimensions,
        zlib=compressed,
        complevel=1,  # higher ones take longer and gain little
        fill_value=fill,
        chunksizes=chunks if compressed else None,
    )
    # Values are stored as they are, packed or not.
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes)
    variable[:] = values

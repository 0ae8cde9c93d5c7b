"""Whole CF files from their rectilinear grid to another, block by block."""

import itertools
import logging
import math
import re
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
from tqdm import tqdm

import differland
from differland.errors import InputError
from differland.files import atomic_path
from differland.opening import open_netcdf, read_values
from differland.regridding.axes import AXES, HorizontalAxes, attribute, find_horizontal_axes
from differland.regridding.conservative import MAXIMUM_VALUES, Quantity, Regridder
from differland.regridding.grid import Grid

logger = logging.getLogger(__name__)


PACKING = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned"}
RANGES = {"valid_range", "valid_min", "valid_max", "actual_range"}

READ_CACHE = 384 * 2**20
"""Bytes of source chunks that are kept while one variable is read."""

WRITE_CACHE = 128 * 2**20
"""Bytes of target chunks that are kept while one variable is written."""

CHUNK = (360, 720)
"""Rows and columns of a chunk of the file that is written."""


def regrid_file(
    source: Path | str,
    destination: Path | str,
    target: Grid,
    minimum_coverage: float = 0.0,
    totals: Collection[str] = (),
) -> None:
    """Regrid all variables of a CF file on a rectilinear grid, first-order conservatively.

    Variables with both horizontal axes are regridded, block by block, whatever their other
    dimensions; those with neither are copied. Left out, with a warning, are variables with one
    horizontal axis only and those that hold no quantities (flags, text).

    Parameters
    ----------
    source
        NetCDF file. Packed values and missing values are decoded.
    destination
        NetCDF-4 file to write, whole or not at all; it may be `source`.
    target
        The grid to write.
    minimum_coverage
        Share of a target cell's area, from 0 to 1, that must be observed; with 0 any observed
        area will do.
    totals
        Variables that hold totals of their cell, which are summed instead of averaged. Cell areas
        and variables whose ``cell_methods`` say ``area: sum`` are summed without being named.

    Raises
    ------
    InputError
        The file cannot be read, its horizontal axes cannot be used (see
        :func:`find_horizontal_axes`), or it lacks a variable that `totals` names.
    """
    if not 0 <= minimum_coverage <= 1:
        raise InputError("regrid", "minimum coverage", "0 to 1", f"{minimum_coverage:g}")
    with open_netcdf(source) as dataset:
        axes = find_horizontal_axes(dataset, source)
        for name in dataset.groups:
            logger.warning("%s is left out: it is a group of variables of its own", name)
        gridded = _gridded_variables(dataset, axes)
        if not gridded:
            raise InputError(
                source,
                "data variables",
                f"one or more along {axes.dimensions[0]} and {axes.dimensions[1]}",
                f"none among {', '.join(dataset.variables)}",
            )
        for name in totals:
            if name not in gridded:
                found = f"only {', '.join(gridded)}"
                raise InputError(source, name, "a variable on the grid", found)
        regridder = Regridder.between(axes.grid, target)
        with (
            atomic_path(destination) as temporary,
            netCDF4.Dataset(temporary, "w", format="NETCDF4") as output,
        ):
            _write_attributes(dataset, output)
            _write_axes(dataset, output, axes, target)
            _copy_others(dataset, output, axes, gridded)
            for name in gridded:
                total = name in totals or _is_total(dataset[name])
                _regrid_variable(
                    dataset[name],
                    _create_variable(dataset[name], output, axes),
                    axes,
                    regridder,
                    minimum_coverage,
                    "extensive" if total else "intensive",
                    source,
                )


def _read(variable: netCDF4.Variable, index: object, file: object) -> np.ndarray:
    """Decode part of a variable; missing values become NaN."""
    values = read_values(variable, index, file)
    if not np.ma.is_masked(values):
        return np.ma.getdata(values)
    return np.ma.filled(values.astype(_decoded_type(values.dtype), copy=False), np.nan)


def _decoded_type(dtype: np.dtype) -> np.dtype:
    """Floating-point type that holds every number of another."""
    return np.result_type(dtype, np.float32)


def _is_total(variable: netCDF4.Variable) -> bool:
    return attribute(variable, "standard_name") == "cell_area" or bool(
        re.search(r"\barea:\s*sum\b", attribute(variable, "cell_methods"))
    )


def _gridded_variables(dataset: netCDF4.Dataset, axes: HorizontalAxes) -> list[str]:
    """Names of the variables to regrid."""
    names = []
    for name, variable in dataset.variables.items():
        if not set(axes.dimensions) <= set(variable.dimensions):
            continue
        if not _holds_numbers(variable) or "flag_meanings" in variable.ncattrs():
            logger.warning("%s is left out: it holds flags or text, no quantity", name)
        else:
            names.append(name)
    return names


def _holds_numbers(variable: netCDF4.Variable) -> bool:
    """Whether a variable is of a type of numbers: no text, and none that a file defines itself."""
    plain = isinstance(variable.datatype, np.dtype)
    return plain and np.dtype(variable.dtype).kind in "fiu"


def _write_attributes(dataset: netCDF4.Dataset, output: netCDF4.Dataset) -> None:
    attributes = {name: dataset.getncattr(name) for name in dataset.ncattrs()}
    output.setncatts(
        {
            "Conventions": "CF-1.11",
            **attributes,
            "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} "
            f"differland {differland.__version__} regrid: first-order conservative\n"
            + str(attributes.get("history", "")),
        }
    )


def _write_axes(
    dataset: netCDF4.Dataset, output: netCDF4.Dataset, axes: HorizontalAxes, target: Grid
) -> None:
    vertices = _vertices(dataset)
    output.createDimension(vertices, 2)
    for kind, name, bounds, edges, centres in (
        ("latitude", axes.latitude, axes.bounds[0], target.latitude_edges, target.latitude),
        ("longitude", axes.longitude, axes.bounds[1], target.longitude_edges, target.longitude),
    ):
        output.createDimension(name, centres.size)
        attributes = _kept_attributes(dataset[name], RANGES)
        axis = output.createVariable(name, "f8", (name,))
        axis.setncatts(
            attributes
            | {
                "standard_name": kind,
                "units": "degrees_north" if kind == "latitude" else "degrees_east",
                "axis": AXES[kind].axis,
                "bounds": bounds or f"{name}_bnds",
            }
        )
        axis[:] = centres
        variable = output.createVariable(bounds or f"{name}_bnds", "f8", (name, vertices))
        variable[:] = np.stack([edges[:-1], edges[1:]], axis=1)


def _vertices(dataset: netCDF4.Dataset) -> str:
    """Name of a dimension of 2 that no copied dimension contradicts."""
    names = itertools.chain(["bnds"], (f"bnds_{number}" for number in itertools.count(2)))
    return next(
        name
        for name in names
        if name not in dataset.dimensions or len(dataset.dimensions[name]) == 2
    )


def _kept_attributes(variable: netCDF4.Variable, dropped: Collection[str]) -> dict[str, object]:
    return {
        name: variable.getncattr(name)
        for name in variable.ncattrs()
        if name not in PACKING and name not in dropped
    }


def _copy_others(
    dataset: netCDF4.Dataset, output: netCDF4.Dataset, axes: HorizontalAxes, gridded: list[str]
) -> None:
    """Copy the variables without a horizontal axis, as they are stored."""
    replaced = {axes.latitude, axes.longitude, *axes.bounds, *gridded}
    for name, variable in dataset.variables.items():
        if name in replaced or set(axes.dimensions) <= set(variable.dimensions):
            continue
        if set(axes.dimensions) & set(variable.dimensions):
            logger.warning("%s is left out: it has one horizontal axis only", name)
            continue
        if variable.dtype is not str and not isinstance(variable.datatype, np.dtype):
            logger.warning("%s is left out: the file defines its type itself", name)
            continue
        _create_dimensions(variable, output, variable.dimensions)
        variable.set_auto_maskandscale(False)
        variable.set_auto_chartostring(False)
        dtype = variable.dtype if variable.dtype is str else variable.dtype.newbyteorder("=")
        attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
        copy = output.createVariable(
            name,
            dtype,
            variable.dimensions,
            compression=None if dtype is str else "zlib",
            fill_value=attributes.pop("_FillValue", None),
        )
        copy.set_auto_maskandscale(False)
        copy.set_auto_chartostring(False)
        copy.setncatts(attributes)
        copy[...] = variable[...]


def _create_dimensions(
    variable: netCDF4.Variable, output: netCDF4.Dataset, names: tuple[str, ...]
) -> None:
    for name, size in zip(names, variable.shape, strict=True):
        if name not in output.dimensions:
            output.createDimension(name, size)


def _create_variable(
    variable: netCDF4.Variable, output: netCDF4.Dataset, axes: HorizontalAxes
) -> netCDF4.Variable:
    renamed = dict(zip(axes.dimensions, (axes.latitude, axes.longitude), strict=True))
    dimensions = tuple(renamed.get(name, name) for name in variable.dimensions)
    _create_dimensions(variable, output, dimensions)
    packing = [
        getattr(variable, name).dtype
        for name in ("scale_factor", "add_offset")
        if name in variable.ncattrs()
    ]
    dtype = _decoded_type(np.result_type(variable.dtype, *packing))
    largest = dict(zip((axes.latitude, axes.longitude), CHUNK, strict=True))
    created = output.createVariable(
        variable.name,
        dtype,
        dimensions,
        compression="zlib",
        complevel=4,
        shuffle=True,
        chunksizes=[min(largest.get(name, 1), len(output.dimensions[name])) for name in dimensions],
        fill_value=np.nan,
    )
    # A range must be of the variable's own type, and packed ranges say nothing of unpacked values.
    dropped = RANGES if packing or dtype != variable.dtype else {"actual_range"}
    created.setncatts(_kept_attributes(variable, dropped))
    return created


def _regrid_variable(
    source: netCDF4.Variable,
    destination: netCDF4.Variable,
    axes: HorizontalAxes,
    regridder: Regridder,
    minimum_coverage: float,
    quantity: Quantity,
    file: object,
) -> None:
    horizontal = [source.dimensions.index(name) for name in axes.dimensions]
    steps = _block_shape(source, destination, horizontal)
    fields = math.prod(steps.values())
    bands = list(regridder.bands(fields))
    _set_caches(source, destination, horizontal, fields)
    starts = [range(0, source.shape[dimension], step) for dimension, step in steps.items()]
    bar = tqdm(
        total=math.prod(map(len, starts)) * len(bands), desc=source.name, unit="block", disable=None
    )
    for corner in itertools.product(*starts):
        index: list[slice] = [slice(None)] * source.ndim
        for (dimension, step), start in zip(steps.items(), corner, strict=True):
            index[dimension] = slice(start, min(start + step, source.shape[dimension]))
        for band in bands:
            index[horizontal[0]] = band.source
            index[horizontal[1]] = slice(axes.grid.shape[1])
            values = np.moveaxis(_read(source, tuple(index), file), horizontal, (-2, -1))
            result = band.regridder.apply(values, minimum_coverage, quantity)
            index[horizontal[0]] = band.target
            index[horizontal[1]] = slice(None)
            destination[tuple(index)] = np.moveaxis(result, (-2, -1), horizontal)
            bar.update()
    bar.close()


def _chunk_shape(variable: netCDF4.Variable, horizontal: list[int]) -> list[int]:
    """Sizes of the part of a variable that is stored together in the file."""
    chunks = variable.chunking()
    if isinstance(chunks, list):
        return chunks
    # Stored in one piece: what varies fastest lies together.
    return [
        1 if dimension < min(horizontal) else size for dimension, size in enumerate(variable.shape)
    ]


def _block_shape(
    source: netCDF4.Variable, destination: netCDF4.Variable, horizontal: list[int]
) -> dict[int, int]:
    """Size of each dimension that is not horizontal in one block of work.

    A block is what lies together in the file, so that nothing is decompressed twice, but no more
    than fits with the source rows of one target row.
    """
    chunks = _chunk_shape(source, horizontal)
    steps = {
        dimension: min(chunks[dimension], size)
        for dimension, size in enumerate(source.shape)
        if dimension not in horizontal
    }
    rows, columns = (source.shape[dimension] for dimension in horizontal)
    target_rows, target_columns = (destination.shape[dimension] for dimension in horizontal)
    values = (math.ceil(rows / target_rows) + 1) * columns
    written = min(CHUNK[0], target_rows) * target_columns * destination.dtype.itemsize
    most = max(min(MAXIMUM_VALUES // values, WRITE_CACHE // (2 * written)), 1)
    while math.prod(steps.values()) > most:
        largest = max(steps, key=lambda dimension: steps[dimension])
        steps[largest] = math.ceil(steps[largest] / 2)
    return steps


def _set_caches(
    source: netCDF4.Variable, destination: netCDF4.Variable, horizontal: list[int], fields: int
) -> None:
    """Let the caches hold two rows of chunks, so that bands need not share the chunks' edges."""
    for variable, limit in ((source, READ_CACHE), (destination, WRITE_CACHE)):
        chunks = variable.chunking()
        if isinstance(chunks, list):
            count = math.ceil(variable.shape[horizontal[1]] / chunks[horizontal[1]])
            others = math.prod(
                size for dimension, size in enumerate(chunks) if dimension not in horizontal
            )
            count *= 2 * math.ceil(fields / others)
            size = count * math.prod(chunks) * variable.dtype.itemsize
            variable.set_var_chunk_cache(min(size, limit), 10 * count + 1, 1.0)

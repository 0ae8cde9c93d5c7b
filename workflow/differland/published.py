"""The published driver (Fang et al., doi:10.5281/zenodo.13984225), read into a new driver.

The published files hold maps of the 0.25 degree grid, or of a window of it. Counterparts of their
variables are in ``resources/published_driver.csv``; the requirements are in `import_driver`.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import pandas as pd
import xarray as xr

from differland.datasets.fields import check_last_number
from differland.driver import MONTHS_PER_YEAR, PATCH_DIMENSION, WEIGHT, months_of
from differland.errors import InputError
from differland.opening import open_dataset
from differland.regridding.study_grid import STUDY_GRID, patch_number
from differland.tables import (
    FORCING,
    OBSERVATIONS,
    PREDICTOR_GROUPS,
    PREDICTORS,
    PUBLISHED_VARIABLES,
    PublishedVariable,
    Variable,
)
from differland.units import range_in_words

logger = logging.getLogger(__name__)

GRID_TOLERANCE = 0.01
"""How far from the centre of its cell a coordinate may lie, degrees: single precision."""

MISSING = -9999.0
"""Stands for a missing number where a file does not declare its fill value."""

BLOCK_MONTHS = 12
"""Months of a map that are read at once, or the months of one chunk of the file if more."""

CONSTANT_TOLERANCE = 1e-4
"""Relative differences within a patch that still count as one value: interpolation and rounding."""

PLAUSIBLE_DEFICIT = (0.08, 1.2)
"""Median of vapour pressure deficit over saturation vapour pressure at the mean temperature.

It is one less the relative humidity, whatever the window: 0.15 in rain forest, 0.8 in deserts.
"""

PLAUSIBLE_PRECIPITATION = (0.5, 2.0)
"""Median of mean annual precipitation over that of the forcing."""

PERCENT_RATHER_THAN_FRACTION = 1.0
"""Cover that some plant type must exceed in some cell, percent; a fraction never does."""


@dataclass(frozen=True)
class PublishedFiles:
    """Paths of the published files.

    Attributes
    ----------
    driver
        Predictors, forcing and observations (``differland_global_driver_v6.nc``).
    valid
        ``era_valid(lat, lon)``, true for vegetated land (``era_valid_v6.nc``).
    bulk
        ``assimilate_bulk_variable(lat, lon)``, true in patches of which enough is valid
        (``assimilate_bulk_variable_v6.nc``).
    runs
        ``run_simulation_idx(run, lat, lon)``: order of the patches in each run, below zero in
        the test set, NaN where no run uses the cell (``run_simulation_idx_v6.nc``).
    co2
        Table with a column ``average``, ppm, a row for each month (``co2_mm_gl_01_23.csv``).
    """

    driver: Path
    valid: Path
    bulk: Path
    runs: Path
    co2: Path


class _Window(NamedTuple):
    """Places of a file's latitudes and longitudes on the study's grid."""

    rows: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class _Cells:
    """The valid cells, patch by patch, north to south and west to east in each.

    Attributes
    ----------
    lat, lon
        Centres, degrees north and degrees east from -180 to 180, shape (cell,).
    position
        Place in the flattened maps of the driver file, shape (cell,).
    patch
        Patch among those that have a cell, shape (cell,).
    starts
        First cell of each patch, shape (patch,).
    number
        Number of each patch on the global grid, shape (patch,).
    """

    lat: np.ndarray
    lon: np.ndarray
    position: np.ndarray
    patch: np.ndarray
    starts: np.ndarray
    number: np.ndarray

    @classmethod
    def of_mask(cls, valid: np.ndarray, window: _Window) -> Self:
        """The cells of a mask (lat, lon) in the order of the driver file."""
        row, column = window.rows[:, None], window.columns[None, :]
        number = patch_number(STUDY_GRID.latitude[row], STUDY_GRID.longitude[column])
        key = np.broadcast_arrays(column, row, number)
        position = np.flatnonzero(valid)
        position = position[np.lexsort([each.ravel()[position] for each in key])]
        row, column = (axis.ravel()[position] for axis in np.broadcast_arrays(row, column))
        numbers, starts, patch = np.unique(
            number.ravel()[position], return_index=True, return_inverse=True
        )
        lat, lon = STUDY_GRID.latitude[row], STUDY_GRID.longitude[column]
        return cls(lat, lon, position, patch, starts, numbers)

    def place(self, cell: int) -> str:
        """Location of a cell, for messages."""
        return f"{self.lat[cell]:g} N {self.lon[cell]:g} E"


def import_driver(
    files: PublishedFiles, predictors: Sequence[str], vpd_units: Literal["hPa", "kPa"]
) -> Iterator[xr.Dataset]:
    """Read the published files, a few variables at a time.

    A cell is valid as in the published code: ``era_valid`` is true, ``run_simulation_idx`` is
    not NaN, and no predictor is missing. Latitudes and longitudes may be in any order, the
    latter from -180 or from 0 on. Numbers of -9999 are missing ones.

    Parameters
    ----------
    files
        Paths of the published files.
    predictors
        Predictors of the study, names of ``resources/variables.csv``.
    vpd_units
        Units of the published vapour pressure deficit, on which paper (kPa) and published code
        (hPa, by the units of its water-use efficiency) differ. With the published weights the mean
        evapotranspiration is 1.38 mm day-1 in hPa and 0.69 in kPa; 1.51 are observed.

    Yields
    ------
    Parts of a driver in single precision, for :func:`differland.files.write_netcdf_parts`.
    Patches without a valid cell are left out and the others numbered anew; beside the variables
    of every driver there are ``patch_number(patch)``, their number on the global 4 x 5 degree
    grid, ``published_test(patch)`` and ``published_bulk(patch)``. A weight is NaN where its
    observation is, and one where only the weight is missing, as the published code has it.

    Raises
    ------
    InputError
        A file or variable is absent or has another shape; its coordinates are not those of the
        0.25 degree grid; a number is out of range, or its units are implausible; forcing is
        missing in a valid cell; a flag of a patch differs between its cells.
    """
    rows = _selected_rows(predictors, vpd_units)
    with _opened(files.driver) as source:
        months = months_of(source, files.driver)
        window = _window(source, files.driver)
        _check_latitude(source, files.driver, window)
        valid = _flag(files.valid, "era_valid", window)
        bulk = _flag(files.bulk, "assimilate_bulk_variable", window)
        used, test = _splits(files.runs, window)
        maps = {name: _map(source, files.driver, rows[name]) for name in rows if name in PREDICTORS}
        complete = np.all([np.isfinite(values) for values in maps.values()], axis=0)
        logger.info(
            "cells: %d era_valid, %d of them in a run, %d of those with all predictors",
            valid.sum(),
            (valid & used).sum(),
            (valid & used & complete).sum(),
        )
        valid &= used & complete
        if not valid.any():
            raise InputError(
                files.valid,
                "era_valid",
                "a true cell that is in run_simulation_idx and has all predictors",
                "no such cell",
            )
        cells = _Cells.of_mask(valid, window)
        reader = _Reader(source, files.driver, cells, months)

        static = reader.frame()
        static.attrs = {
            "title": "Published driver of DifferLand",
            "references": "https://doi.org/10.5281/zenodo.13984225",
            "comment": f"vapour pressure deficit was taken to be in {vpd_units}",
        }
        _add_patches(static, cells, files, test, bulk)
        for name, values in maps.items():
            of_cells = values.ravel()[cells.position]
            static[name] = reader.field(name, rows[name], ("cell",), of_cells)
        _check_cover(static, rows, files.driver)
        _add_co2(static, files.co2, rows["co2"], months)
        yield static
        yield from _forcing(reader, rows, static)
        yield from _observations(reader, rows)


def _forcing(
    reader: "_Reader", rows: Mapping[str, list[PublishedVariable]], static: xr.Dataset
) -> Iterator[xr.Dataset]:
    first_year: dict[str, np.ndarray] = {}
    for name in FORCING:
        if name == "co2":
            continue
        values = reader.series(rows[name])
        part = reader.part(name, rows[name], ("cell", "time"), values)
        first_year[name] = values[:, :MONTHS_PER_YEAR].copy()
        if name == "vpd":
            _check_deficit(first_year, rows[name][0], reader.path)
        if name == "precipitation" and "mean_annual_precipitation" in static:
            annual = static["mean_annual_precipitation"].to_numpy()
            _check_precipitation(annual, values, rows["mean_annual_precipitation"][0], reader.path)
        yield part


def _observations(
    reader: "_Reader", rows: Mapping[str, list[PublishedVariable]]
) -> Iterator[xr.Dataset]:
    for name in rows:
        if name in PREDICTORS or name in FORCING or name.endswith("_weight"):
            continue
        present = [row for row in rows[name] if row.published in reader.source]
        if not present and not any(row.required for row in rows[name]):
            continue
        if name == "soil_organic_carbon":
            values = _map(reader.source, reader.path, rows[name]).ravel()[reader.cells.position]
            yield reader.part(name, rows[name], ("cell",), values)
            continue
        values = reader.series(rows[name])
        if rows[name][0].within_patch:
            values = _patch_values(values, reader.cells, rows[name][0])
            yield reader.part(name, rows[name], (PATCH_DIMENSION, "time"), values)
            continue
        yield reader.part(name, rows[name], ("cell", "time"), values)
        weight = f"{name}_weight"
        if weight in rows:
            weights = reader.series(rows[weight])
            weights[~(weights > 0)] = 1.0
            weights[np.isnan(values)] = np.nan
            yield reader.part(weight, rows[weight], ("cell", "time"), weights)


@dataclass(frozen=True)
class _Reader:
    """Data that are needed to read any variable of the driver file."""

    source: xr.Dataset
    path: Path
    cells: _Cells
    months: pd.PeriodIndex

    def series(self, rows: Iterable[PublishedVariable]) -> np.ndarray:
        """Values (cell, time) in units of the driver; rows are added up."""
        return reduce(np.add, map(self._series, rows))

    def _series(self, row: PublishedVariable) -> np.ndarray:
        dims = ("time", "lat", "lon")
        variable = _variable(self.source, self.path, row.published, dims).transpose(*dims)
        chunk = (variable.encoding.get("chunksizes") or (1,))[0]
        step = -(-BLOCK_MONTHS // chunk) * chunk
        values = np.empty((self.cells.lat.size, len(self.months)), dtype=np.float32)
        for start in range(0, len(self.months), step):
            block = _numbers(variable[start : start + step], self.path)
            flat = block.reshape(len(block), -1)
            values[:, start : start + step] = flat[:, self.cells.position].T
        return _converted(values, row)

    def frame(self) -> xr.Dataset:
        """The coordinates that all parts of the driver share."""
        number = {"units": "1", "long_name": "index of the cell's patch"}
        return xr.Dataset(
            coords={
                "lat": ("cell", self.cells.lat, {"units": "degrees_north"}),
                "lon": ("cell", self.cells.lon, {"units": "degrees_east"}),
                PATCH_DIMENSION: ("cell", self.cells.patch.astype(np.int32), number),
                "time": self.months.to_timestamp(),
            }
        )

    def part(
        self,
        name: str,
        rows: Sequence[PublishedVariable],
        dims: tuple[str, ...],
        values: np.ndarray,
    ) -> xr.Dataset:
        """One variable as a part of the driver."""
        return self.frame().assign({name: self.field(name, rows, dims, values)})

    def field(
        self,
        name: str,
        rows: Sequence[PublishedVariable],
        dims: tuple[str, ...],
        values: np.ndarray,
    ) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
        """Values with dimensions and attributes: forcing complete, all within their range."""
        if name in FORCING and np.isnan(values).any():
            missing = np.isnan(values)
            cell, month = np.unravel_index(np.argmax(missing), values.shape)
            raise InputError(
                self.path,
                _published(rows),
                "a finite number in every valid cell and month",
                f"{missing.sum()} missing, the first at {self.cells.place(int(cell))}, "
                f"{self.months[int(month)]}",
            )
        _check_range(values, name, rows, self.path)
        return dims, values, _attributes(name, rows)


def _selected_rows(predictors: Sequence[str], vpd_units: str) -> dict[str, list[PublishedVariable]]:
    """Rows of the table by the variable that they become, in its order."""
    chosen = [
        row
        for row in PUBLISHED_VARIABLES
        if (row.name not in PREDICTORS or row.name in predictors)
        and (row.name != "vpd" or row.published_units == vpd_units)
    ]
    return {name: list(rows) for name, rows in groupby(chosen, key=lambda row: row.name)}


def _row_of_table(name: str) -> Variable:
    """Row of the table of variables for a variable, alternative product or weight."""
    if name.endswith("_weight"):
        return WEIGHT
    table = {**PREDICTORS, **FORCING, **OBSERVATIONS}
    return table[max((n for n in table if f"{name}_".startswith(f"{n}_")), key=len)]


def _published(rows: Iterable[PublishedVariable]) -> str:
    """Published names of the parts of a variable, for messages."""
    return " + ".join(row.published for row in rows)


def _attributes(name: str, rows: Iterable[PublishedVariable]) -> dict[str, str]:
    row = _row_of_table(name)
    return {"units": row.units, "long_name": row.long_name, "source": _published(rows)}


def _check_range(
    values: np.ndarray, name: str, rows: Sequence[PublishedVariable], path: Path
) -> None:
    """Refuse values that cannot be in the units of the driver."""
    row = _row_of_table(name)
    low = -np.inf if row.minimum is None else row.minimum
    high = np.inf if row.maximum is None else row.maximum
    # As in a driver file: rounding may put a number a little beyond a bound.
    slack = 1e-5 * max(abs(bound) for bound in (low, high, 1.0) if np.isfinite(bound))
    if ((values < low - slack) | (values > high + slack)).any():
        raise InputError(
            path,
            _published(rows),
            f"{range_in_words(low, high, row.units)} when read as {rows[0].published_units} "
            "(resources/published_driver.csv)",
            f"{np.nanmin(values):g} to {np.nanmax(values):g}",
        )


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a file without reading its variables."""
    with open_dataset(path, cache=False) as source:
        yield source


def _variable(source: xr.Dataset, path: Path, name: str, dims: tuple[str, ...]) -> xr.DataArray:
    if name not in source.variables:
        raise InputError(path, name, f"a variable of dimensions {dims}", "no such variable")
    if set(source[name].dims) != set(dims):
        raise InputError(path, name, f"dimensions {dims}", f"dimensions {source[name].dims}")
    return source[name]


def _numbers(variable: xr.DataArray, path: Path) -> np.ndarray:
    """Read the numbers of a variable, or of a part of it, from the file."""
    try:
        values = variable.to_numpy()
    except (OSError, RuntimeError) as error:
        raise InputError(
            path,
            str(variable.name),
            "a variable that can be read to its end",
            f"{type(error).__name__}: {error}",
        ) from error
    if values.dtype.kind not in "fiub":
        raise InputError(path, str(variable.name), "numbers", f"type {values.dtype}")
    return values


def _converted(values: np.ndarray, row: PublishedVariable) -> np.ndarray:
    """Published numbers in the units of the driver, in place; NaN where they are missing."""
    values[values == MISSING] = np.nan
    values *= row.factor
    values += row.offset
    return values


def _window(source: xr.Dataset, path: Path) -> _Window:
    """Find the places of the file's latitudes and longitudes on the study's grid."""
    places = []
    for name, centres in (("lat", STUDY_GRID.latitude), ("lon", STUDY_GRID.longitude)):
        coordinate = _numbers(_variable(source, path, name, (name,)), path).astype(float)
        apart = coordinate[:, None] - centres
        if name == "lon":
            apart = (apart + 180) % 360 - 180
        place = np.abs(apart).argmin(axis=1)
        on_grid = np.abs(apart).min(axis=1) <= GRID_TOLERANCE
        if not on_grid.all():
            raise InputError(
                path,
                name,
                f"centres of the 0.25 degree grid, such as {centres[0]:g}",
                f"{coordinate[~on_grid][0]:g}",
            )
        if np.unique(place).size != place.size:
            raise InputError(path, name, "each centre once", "some of them twice")
        places.append(place)
    return _Window(*places)


def _order(source: xr.Dataset, path: Path, window: _Window) -> tuple[np.ndarray, ...]:
    """Index that brings a map (lat, lon) of this file into the order of the driver file.

    A file without coordinates is in that order already, as the published code takes it.
    """
    own = window
    if "lat" in source.variables and "lon" in source.variables:
        own = _window(source, path)
    for name, places, expected in zip(("lat", "lon"), own, window, strict=True):
        count = source.sizes.get(name, 0)
        if count != expected.size:
            raise InputError(
                path, name, f"the {expected.size} of the driver file", f"{count} of them"
            )
        if set(places) != set(expected):
            raise InputError(path, name, "those of the driver file", "others")
    orders = [
        np.argsort(places)[np.searchsorted(np.sort(places), expected)]
        for places, expected in zip(own, window, strict=True)
    ]
    return np.ix_(*orders)


def _map(source: xr.Dataset, path: Path, rows: Iterable[PublishedVariable]) -> np.ndarray:
    """Read a map (lat, lon) in units of the driver; rows are added up."""
    dims = ("lat", "lon")
    fields = []
    for row in rows:
        variable = _variable(source, path, row.published, dims).transpose(*dims)
        fields.append(_converted(_numbers(variable, path).astype(np.float32), row))
    return reduce(np.add, fields)


def _flag(path: Path, name: str, window: _Window) -> np.ndarray:
    """Read a mask, stored as boolean or as 0 and 1, in the order of the driver file."""
    dims = ("lat", "lon")
    with _opened(path) as source:
        variable = _variable(source, path, name, dims).transpose(*dims)
        order = _order(source, path, window)
        values = _numbers(variable, path).astype(float)
    other = np.isfinite(values) & (values != 0) & (values != 1)
    if other.any():
        raise InputError(path, name, "true and false, or 1 and 0", f"{values[other][0]:g}")
    return values[order] == 1


def _splits(path: Path, window: _Window) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the cells that runs use and of the test set, in the order of the driver file."""
    name, dims = "run_simulation_idx", ("lat", "lon")
    with _opened(path) as source:
        order = _order(source, path, window)
        variable = source.variables.get(name)
        if variable is None or variable.ndim != 3 or not set(dims) <= set(variable.dims):
            raise InputError(
                path,
                name,
                "a variable of dimensions (run, lat, lon)",
                "no such variable" if variable is None else f"dimensions {variable.dims}",
            )
        runs = source[name].transpose(..., *dims)

        def masks(run: int) -> tuple[np.ndarray, np.ndarray]:
            index = _numbers(runs[run], path).astype(float)
            index[index == MISSING] = np.nan
            return np.isfinite(index), index < 0

        used, test = masks(0)
        for run in range(1, len(runs)):
            if not np.array_equal(masks(run), (used, test)):
                raise InputError(
                    path,
                    name,
                    "the same cells and the same test set (below 0) in every run",
                    f"others in run {run + 1} than in run 1",
                )
    return used[order], test[order]


def _check_latitude(source: xr.Dataset, path: Path, window: _Window) -> None:
    """Compare the stored latitudes of cells with those of the axis, which may be upside down."""
    if "LAT" not in source.variables:
        return
    dims = ("lat", "lon")
    stored = _numbers(_variable(source, path, "LAT", dims).transpose(*dims), path).astype(float)
    axis = STUDY_GRID.latitude[window.rows]
    # Missing latitudes are over sea.
    differs = np.abs(stored - axis[:, None]) > GRID_TOLERANCE
    differs &= stored != MISSING
    if differs.any():
        row, column = np.argwhere(differs)[0]
        raise InputError(
            path,
            "LAT",
            f"{axis[row]:g} in row {row}, as the coordinate lat has it",
            f"{stored[row, column]:g}",
        )


def _check_cover(
    static: xr.Dataset, rows: Mapping[str, list[PublishedVariable]], path: Path
) -> None:
    """Refuse cover fractions where the table says percent: both are within the range."""
    names = [name for name in PREDICTOR_GROUPS["PFT"] if name in static]
    if not names or rows[names[0]][0].published_units != "%":
        return
    largest = 100 * max(float(static[name].max()) for name in names)
    if largest <= PERCENT_RATHER_THAN_FRACTION:
        raise InputError(
            path,
            rows[names[0]][0].published,
            "cover in percent, 0 to 100 (resources/published_driver.csv)",
            f"at most {largest:g} in all cells and plant types",
        )


def _check_deficit(
    first_year: Mapping[str, np.ndarray], row: PublishedVariable, path: Path
) -> None:
    """Refuse vapour pressure deficits that do not fit the temperature (hPa and degC)."""
    temperature = (first_year["t_min"] + first_year["t_max"]) / 2
    saturation = 6.11 * np.exp(17.27 * temperature / (temperature + 237.3))
    ratio = float(np.median(first_year["vpd"] / saturation))
    low, high = PLAUSIBLE_DEFICIT
    if not low <= ratio <= high:
        raise InputError(
            path,
            row.published,
            f"a median of {low:g} to {high:g} times the saturation vapour pressure, "
            f"its units being {row.published_units} (driver.vpd_units)",
            f"{ratio:.3g} times",
        )


def _check_precipitation(
    annual: np.ndarray, precipitation: np.ndarray, row: PublishedVariable, path: Path
) -> None:
    """Refuse mean annual precipitation (mm year-1) that is not that of the forcing."""
    forced = precipitation.mean(axis=1, dtype=float) * 365.25
    ratio = float(np.median(annual / np.maximum(forced, 1.0)))
    low, high = PLAUSIBLE_PRECIPITATION
    if not low <= ratio <= high:
        raise InputError(
            path,
            row.published,
            f"{row.published_units}, a median of {low:g} to {high:g} times that of PREC",
            f"{ratio:.3g} times",
        )


def _add_co2(
    static: xr.Dataset, path: Path, rows: Sequence[PublishedVariable], months: pd.PeriodIndex
) -> None:
    """Read CO2, by the table's years and months if it has them, else in the table's order."""
    (row,) = rows
    name = row.published
    if not path.is_file():
        raise InputError(path, "file", "a table of monthly CO2", "no such file")
    try:
        table = pd.read_csv(path, comment="#", skipinitialspace=True)
        check_last_number(path, path.read_text(encoding="utf-8"))
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(path, "file", "a table of monthly CO2", str(error)) from error
    if name not in table:
        found = f"columns {', '.join(map(str, table.columns))}"
        raise InputError(path, name, "a column of monthly CO2, ppm", found)
    values = pd.to_numeric(table[name], errors="coerce")
    if {"year", "month"} <= set(table.columns):
        first_days = pd.to_datetime(table[["year", "month"]].assign(day=1))
        values.index = pd.PeriodIndex(first_days, freq="M")
        if values.index.has_duplicates:
            twice = values.index[values.index.duplicated()][0]
            raise InputError(path, name, "one row for a month", f"two for {twice}")
        values = values.reindex(months)
    if len(values) != len(months):
        raise InputError(path, name, f"{len(months)} rows, one a month", f"{len(values)} rows")
    if values.isna().any():
        month = months[int(np.argmax(values.isna()))]
        raise InputError(path, name, "a number for every month", f"none for {month}")
    numbers = _converted(values.to_numpy(dtype=np.float32), row)
    _check_range(numbers, "co2", rows, path)
    static["co2"] = ("time", numbers, _attributes("co2", rows))


def _add_patches(
    static: xr.Dataset, cells: _Cells, files: PublishedFiles, test: np.ndarray, bulk: np.ndarray
) -> None:
    """Add number and flags of the patches, from maps of flags in the order of the driver file."""
    number = "number of the patch on the global 4 x 5 degree grid, row by row from 90 N 180 W"
    static["patch_number"] = (
        PATCH_DIMENSION,
        cells.number.astype(np.int32),
        {"units": "1", "long_name": number},
    )
    for name, long_name, values, path, published in (
        (
            "published_test",
            "1 for a patch of the published test set",
            test,
            files.runs,
            "run_simulation_idx",
        ),
        (
            "published_bulk",
            "1 where patch-level NBE and EWT count in published runs",
            bulk,
            files.bulk,
            "assimilate_bulk_variable",
        ),
    ):
        of_cells = values.ravel()[cells.position]
        every = np.logical_and.reduceat(of_cells, cells.starts)
        mixed = np.flatnonzero(every != np.logical_or.reduceat(of_cells, cells.starts))
        if mixed.size:
            raise InputError(
                path,
                published,
                "the same in all valid cells of a 4 x 5 degree patch",
                f"two kinds in {mixed.size} patches, such as the one of cell "
                f"{cells.place(cells.starts[mixed[0]])}",
            )
        static[name] = (
            PATCH_DIMENSION,
            every.astype(np.int8),
            {"units": "1", "long_name": long_name},
        )


def _patch_values(values: np.ndarray, cells: _Cells, row: PublishedVariable) -> np.ndarray:
    """Average values (cell, time) to (patch, time), over cells that are not missing.

    As the published loss and evaluation do, also where the boxes of a product do not lie on the
    patches. Means are not weighted by area, as patch means of the model in the loss are not.
    """
    low = np.fmin.reduceat(values, cells.starts, axis=0)
    high = np.fmax.reduceat(values, cells.starts, axis=0)
    differs = high - low > CONSTANT_TOLERANCE * np.maximum(np.abs(low), np.abs(high))
    if (varied := differs.any(axis=1)).any():
        logger.info(
            "%s varies within %d of %d patches, such as that of cell %s: the mean over their valid "
            "cells counts",
            row.published,
            varied.sum(),
            varied.size,
            cells.place(cells.starts[int(varied.argmax())]),
        )
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0), cells.starts, axis=0, dtype=float)
    count = np.add.reduceat(known, cells.starts, axis=0, dtype=float)
    means: np.ndarray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means.astype(np.float32)

"""The driver: predictors, forcing and observations of every cell, checked before anything runs."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from differland import setups
from differland.errors import InputError
from differland.files import read_netcdf
from differland.glance import SITE
from differland.tables import (
    FORCING,
    INTERMEDIATES,
    OBSERVATIONS,
    PREDICTOR_GROUPS,
    PREDICTORS,
    Variable,
    observation_row,
)
from differland.units import are_same, range_in_words

if TYPE_CHECKING:
    # Whoever reads a driver or compares with it does without the second that importing JAX takes.
    from jax import Array

logger = logging.getLogger(__name__)

AnyArray = TypeVar("AnyArray", "Array", np.ndarray)

MONTHS_PER_YEAR = 12

COORDINATE_UNITS = {"lat": "degrees_north", "lon": "degrees_east"}

PATCH_DIMENSION = "patch"
"""Dimension of patch-level observations, and name of the number of each cell's patch."""

GIVEN_BY_COORDINATES = {"latitude": "lat", "longitude": "lon"}
"""Predictors of the control setup LATLON, which every driver has."""

WEIGHT = Variable("weight", "", "1", "weight of the observation in the loss", "", 0.0, None)
"""What the weight of an observation looks like; there is one for each observation, if any."""

EQUIVALENT_UNITS: Mapping[str, frozenset[str]] = {
    "degC": frozenset({"C"}),
    "ppm": frozenset({"1e-6", "umol mol-1"}),
    "mm day-1": frozenset({"kg m-2 day-1"}),
    "mm year-1": frozenset({"kg m-2 year-1"}),
    "gC m-2 day-1": frozenset({"g m-2 day-1"}),
    "gC m-2": frozenset({"g m-2"}),
    "degrees_north": frozenset({"degree_north", "degrees_N", "degree_N", "degrees", "degree"}),
    "degrees_east": frozenset({"degree_east", "degrees_E", "degree_E", "degrees", "degree"}),
}
"""Other units of the same meaning, beside other spellings (:mod:`differland.units`). Nothing is
converted: another unit is an error, never a guess."""


def annual_mean(monthly: AnyArray) -> AnyArray:
    """Mean of each calendar year, the first axis being months from a January on."""
    return monthly.reshape(-1, MONTHS_PER_YEAR, *monthly.shape[1:]).mean(axis=1)


def complete_years(known: np.ndarray) -> np.ndarray:
    """Whether all 12 months of each year are known; months and years on the first axis."""
    return np.all(known.reshape(-1, MONTHS_PER_YEAR, *known.shape[1:]), axis=1)


def table_row(name: str) -> Variable:
    """Facts of a gridded variable or a weight; those of ``lai_copernicus`` are those of ``lai``."""
    if name.endswith("_weight"):
        return WEIGHT
    for table in (PREDICTORS, FORCING, INTERMEDIATES):
        if name in table:
            return table[name]
    return observation_row(name)


def read_driver(path: Path | str, in_patches: bool = True) -> xr.Dataset:
    """Read a driver file, check its content, and bring it into one form.

    Parameters
    ----------
    path
        NetCDF file with dimensions ``cell``, ``time`` and, for patch-level observations,
        ``patch``; coordinates ``lat(cell)``, ``lon(cell)``, ``patch(cell)`` (the number of the
        cell's patch, an index into the dimension ``patch`` where there is one) and, for
        sites, ``site(cell)``; variables of ``resources/variables.csv``, in its units.
    in_patches
        Whether its patches matter, as they do for training. If not, ``patch`` may be absent
        or numbered in any way, since the cells are looked at one by one.

    Returns
    -------
    Variables in dimension order (cell, time), time at the middle of each month, longitudes
    from -180 to 180, the predictors ``latitude``, ``longitude`` and ``constant`` added.

    Raises
    ------
    InputError
        The file is unreadable; a coordinate or forcing variable is absent, has wrong
        dimensions or units, holds NaN or values outside its range; t_max is below t_min, or
        equal to it throughout a year; the months are not consecutive or do not fill calendar
        years; a cell lies outside the list of patches, or a patch has no cell.
    """
    # Dates of any calendar are decoded below; what else has a time is of no concern.
    raw = _without_rounded_fill_values(read_netcdf(path, decode_times=False))
    if not in_patches:
        raw = raw.assign_coords(patch=("cell", np.arange(raw.sizes.get("cell", 0))))
        raw = raw.drop_vars(
            [name for name, row in OBSERVATIONS.items() if row.group == "patch"], errors="ignore"
        )
    # As a coordinate it comes along with any variable that is read alone.
    raw = raw.set_coords([name for name in [PATCH_DIMENSION] if name in raw])
    _check_coordinates(raw, path)
    months = _read_months(path)
    half = pd.to_timedelta(months.days_in_month / 2, unit="D")
    driver = raw.assign_coords(time=months.to_timestamp() + half)
    driver["time"].attrs = {"standard_name": "time", "long_name": "middle of the month"}
    if in_patches:
        driver = driver.assign_coords({PATCH_DIMENSION: _whole_numbers(driver, path)})
        _check_patches(driver, path)
    driver = _with_text(driver)
    for name, row in FORCING.items():
        dims: tuple[str, ...] = ("time",) if name == "co2" else ("cell", "time")
        driver[name] = _checked(driver, path, name, row, dims, complete=True)
    _check_temperatures(driver, path)
    _tell_copies(driver, path)
    for name, row in OBSERVATIONS.items():
        for variable in _variants(driver, name):
            dims = _observation_dims(driver, path, variable, row)
            driver[variable] = _checked(driver, path, variable, row, dims, complete=False)
            weight = f"{variable}_weight"
            if weight in driver:
                driver[weight] = _checked(driver, path, weight, WEIGHT, dims, complete=False)
    driver = driver.assign_coords(lon=_signed_longitude(driver["lon"]))
    for name, units in COORDINATE_UNITS.items():
        driver[name].attrs["units"] = units
    for name, coordinate in GIVEN_BY_COORDINATES.items():
        driver[name] = ("cell", driver[coordinate].to_numpy().astype(float))
        driver[name].attrs["units"] = PREDICTORS[name].units
    driver["constant"] = ("cell", np.ones(driver.sizes["cell"]), {"units": "1"})
    for name, row in PREDICTORS.items():
        if name in driver:
            driver[name] = _checked(driver, path, name, row, ("cell",), complete=True)
    driver.encoding = {}
    return driver


def check_predictors(
    available: Collection[str],
    path: Path | str,
    names: Iterable[str],
    predictors: Mapping[str, Sequence[str]],
) -> None:
    """Check that a driver has every predictor that the setups need.

    Parameters
    ----------
    available, path
        Names of variables, and the file that they are of.
    names
        Names of the setups, such as ``PFT+CLIM``.
    predictors
        Names of the predictors of each group.

    Raises
    ------
    InputError
        A predictor is absent; the message names it and the setup that needs it.
    """
    for setup in names:
        for name in predictors_of_setup(setup, predictors):
            if name not in available:
                raise InputError(
                    path,
                    name,
                    f"a variable of dimension (cell), since setup {setup} needs it",
                    "no such variable",
                )


def predictors_of_setup(setup: str, predictors: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names of the predictors of a setup such as ``PFT+CLIM``, group by group."""
    groups = {**PREDICTOR_GROUPS, **predictors}
    return tuple(name for group in setups.groups(setup) for name in groups[group])


def predictor_matrix(driver: xr.Dataset) -> np.ndarray:
    """Every predictor of the table for every cell, zero where the driver has none.

    Returns
    -------
    Predictors, shape (cell, predictor), float64, in the units of the table.
    """
    absent = np.zeros(driver.sizes["cell"])
    return np.stack(
        [
            driver[name].to_numpy().astype(float) if name in driver else absent
            for name in PREDICTORS
        ],
        axis=1,
    )


def observed_series(driver: xr.Dataset, variable: str) -> tuple[np.ndarray, np.ndarray]:
    """Observations and their weights, months (if any) on the first axis.

    Returns
    -------
    Values, zero where there is none, and weights, zero where there is no value: the variable
    ``<variable>_weight`` where the driver has it, else one.
    """
    values = np.moveaxis(driver[variable].to_numpy().astype(float), -1, 0)
    known = np.isfinite(values)
    weights = known.astype(float)
    if f"{variable}_weight" in driver:
        own = np.moveaxis(driver[f"{variable}_weight"].to_numpy().astype(float), -1, 0)
        weights *= np.nan_to_num(own)
    return np.where(known, values, 0.0), weights


def _variants(driver: xr.Dataset, name: str) -> list[str]:
    """Variables of this observation and its alternative products (``lai``, ``lai_copernicus``).

    A product is named by the observation, an underscore, and anything that is not itself the
    name of another observation or of a weight.
    """
    others = [other for other in OBSERVATIONS if other != name and other.startswith(f"{name}_")]
    return [
        str(variable)
        for variable in driver.data_vars
        if (variable == name or str(variable).startswith(f"{name}_"))
        and not str(variable).endswith("_weight")
        and not any(variable == o or str(variable).startswith(f"{o}_") for o in others)
    ]


def _check_coordinates(raw: xr.Dataset, path: Path | str) -> None:
    for dimension in ("cell", "time"):
        if raw.sizes.get(dimension, 0) == 0:
            found = f"dimensions {dict(raw.sizes)}"
            raise InputError(path, dimension, "a dimension with at least one entry", found)
    for name in ("lat", "lon", PATCH_DIMENSION):
        if name not in raw.variables:
            raise InputError(path, name, "a coordinate of dimension (cell)", "no such variable")
        if raw[name].dims != ("cell",):
            raise InputError(path, name, "dimensions (cell)", f"dimensions {raw[name].dims}")
    for name, units in COORDINATE_UNITS.items():
        _check_units(raw[name], path, name, units)
        values = raw[name].to_numpy()
        low, high = (-90, 90) if name == "lat" else (-180, 360)
        if not ((values >= low) & (values <= high)).all():
            raise InputError(
                path, name, f"{low} to {high} {units}", f"{values.min()} to {values.max()}"
            )


def months_of(raw: xr.Dataset, path: Path | str) -> pd.PeriodIndex:
    """Months of a dataset's time axis.

    Raises
    ------
    InputError
        The months are no dates, not consecutive, or do not fill calendar years.
    """
    index = raw.indexes.get("time")
    if not isinstance(index, pd.DatetimeIndex):
        found = "no such variable" if index is None else f"values such as {index[0]}"
        raise InputError(path, "time", "dates of the standard calendar", found)
    return _whole_years(index.to_period("M"), path)


def _read_months(path: Path | str) -> pd.PeriodIndex:
    """Months of a driver file, in any calendar of CF and wherever in the month they are stamped.

    Raises
    ------
    InputError
        The time axis is unusable, as for :func:`months_of`.
    """
    # Here, since most who read or compare drivers have them with their dates decoded.
    from differland.datasets.native import read_months
    from differland.opening import open_netcdf

    with open_netcdf(Path(path)) as dataset:
        return _whole_years(
            pd.PeriodIndex(read_months(dataset, "time", Path(path), "whole years"), freq="M"), path
        )


def _whole_years(months: pd.PeriodIndex, path: Path | str) -> pd.PeriodIndex:
    """Return months, once they are known to be consecutive and to fill calendar years."""
    expected = pd.period_range(months[0], periods=len(months), freq="M")
    wrong = np.flatnonzero(months != expected)
    if wrong.size:
        position = int(wrong[0])
        raise InputError(
            path,
            "time",
            f"consecutive months, {expected[position]} at position {position}",
            f"{months[position]}",
        )
    if months[0].month != 1 or len(months) % MONTHS_PER_YEAR:
        raise InputError(
            path,
            "time",
            "whole calendar years, January to December",
            f"{len(months)} months from {months[0]} to {months[-1]}",
        )
    return months


def _whole_numbers(driver: xr.Dataset, path: Path | str) -> xr.DataArray:
    """Patch numbers as integers; many tools write integers with a fill value as floats."""
    patch = driver[PATCH_DIMENSION]
    if patch.dtype.kind not in "iuf":
        raise InputError(path, PATCH_DIMENSION, "whole numbers", f"type {patch.dtype}")
    values = patch.to_numpy()
    other = np.flatnonzero(~(np.isfinite(values) & (values == np.floor(values))))
    if other.size:
        found = f"{values[other[0]]:g} at cell {other[0]}"
        raise InputError(path, PATCH_DIMENSION, "whole numbers", found)
    return patch.copy(data=values.astype(np.int64)).drop_encoding()


def _without_rounded_fill_values(raw: xr.Dataset) -> xr.Dataset:
    """Mask fill values declared in double precision and stored in single precision."""
    changed = {}
    for name, variable in raw.variables.items():
        declared = np.atleast_1d(variable.encoding.get("missing_value", np.nan))
        if variable.dtype != np.float32 or declared.dtype.kind != "f":
            continue
        stored = declared.astype(np.float32)
        rounded = stored[np.isfinite(stored) & (stored != declared)]
        if rounded.size:
            changed[name] = raw[name].where(~np.isin(variable.to_numpy(), rounded))
    return raw.assign(changed)


def _with_text(driver: xr.Dataset) -> xr.Dataset:
    """Decode names of sites that are stored as bytes, as classic NetCDF files have them."""
    if SITE not in driver.variables or driver[SITE].dtype.kind != "S":
        return driver
    text = [name.decode("utf-8", "replace").strip() for name in driver[SITE].to_numpy().tolist()]
    return driver.assign_coords({SITE: driver[SITE].copy(data=np.array(text)).drop_encoding()})


def _check_patches(driver: xr.Dataset, path: Path | str) -> None:
    numbers = driver[PATCH_DIMENSION].to_numpy()
    if (numbers < 0).any():
        cell = int(np.flatnonzero(numbers < 0)[0])
        raise InputError(
            path, PATCH_DIMENSION, "numbers from 0 on", f"{numbers[cell]} at cell {cell}"
        )
    count = driver.sizes.get(PATCH_DIMENSION, int(numbers.max()) + 1)
    if (numbers >= count).any():
        cell = int(np.flatnonzero(numbers >= count)[0])
        raise InputError(
            path,
            PATCH_DIMENSION,
            f"numbers below {count}, the length of dimension {PATCH_DIMENSION}",
            f"{numbers[cell]} at cell {cell}",
        )
    empty = np.flatnonzero(np.bincount(numbers, minlength=count) == 0)
    if empty.size:
        raise InputError(
            path,
            PATCH_DIMENSION,
            "at least one cell in every patch",
            f"no cell in patch {', '.join(map(str, empty[:5]))}"
            + (f" and {empty.size - 5} more" if empty.size > 5 else ""),
        )


def _check_units(variable: xr.DataArray, path: Path | str, name: str, units: str) -> None:
    found = variable.attrs.get("units")
    if found is None:
        raise InputError(path, name, f"units {units!r}", "no attribute units")
    if not are_same(str(found), {units, *EQUIVALENT_UNITS.get(units, ())}):
        raise InputError(path, name, f"units {units!r}", f"units {found!r}")


def _checked(
    driver: xr.Dataset,
    path: Path | str,
    name: str,
    row: Variable,
    dims: tuple[str, ...],
    *,
    complete: bool,
) -> xr.DataArray:
    """Return the variable in its dimension order, with the attributes of the table."""
    if name not in driver:
        raise InputError(path, name, f"a variable of dimensions {dims}", "no such variable")
    variable = driver[name]
    if set(variable.dims) != set(dims):
        raise InputError(path, name, f"dimensions {dims}", f"dimensions {variable.dims}")
    _check_units(variable, path, name, row.units)
    variable = variable.transpose(*dims)
    values = variable.to_numpy()
    if complete and not np.isfinite(values).all():
        place = dict(zip(dims, np.argwhere(~np.isfinite(values))[0].tolist(), strict=True))
        raise InputError(
            path,
            name,
            "a finite number for every cell and month" if len(dims) > 1 else "finite numbers",
            f"{int((~np.isfinite(values)).sum())} missing, the first at {place}",
        )
    if np.isinf(values).any():
        raise InputError(path, name, "finite numbers or NaN", f"{np.isinf(values).sum()} infinite")
    low = -np.inf if row.minimum is None else row.minimum
    high = np.inf if row.maximum is None else row.maximum
    # Single precision and averaging put fractions a few units in the last place beyond one.
    slack = 1e-5 * max(abs(bound) for bound in (low, high, 1.0) if np.isfinite(bound))
    if ((values < low - slack) | (values > high + slack)).any():
        raise InputError(
            path,
            name,
            f"values from {range_in_words(low, high, row.units)}",
            f"{np.nanmin(values):g} to {np.nanmax(values):g}",
        )
    attributes = {"units": row.units, "long_name": row.long_name}
    if row.standard_name:
        attributes["standard_name"] = row.standard_name
    kept = {key: text for key, text in variable.attrs.items() if key not in attributes}
    return variable.assign_attrs({**kept, **attributes}).drop_encoding()


def _observation_dims(
    driver: xr.Dataset, path: Path | str, name: str, row: Variable
) -> tuple[str, ...]:
    if row.group == "patch":
        if PATCH_DIMENSION not in driver.sizes:
            raise InputError(
                path,
                name,
                f"dimensions ({PATCH_DIMENSION}, time)",
                f"dimensions {driver[name].dims}",
            )
        return (PATCH_DIMENSION, "time")
    return ("cell",) if row.name == "soil_organic_carbon" else ("cell", "time")


def _tell_copies(driver: xr.Dataset, path: Path | str) -> None:
    """Warn of duplicate cells, forcing included, which would count twice."""
    names = [name for name in ("lat", "lon", SITE) if name in driver.variables]
    places = pd.DataFrame({name: driver[name].to_numpy() for name in names})
    places["t_min"] = driver["t_min"].to_numpy().sum(axis=1)
    copies = np.flatnonzero(places.duplicated())
    if copies.size:
        cell = int(copies[0])
        row = " ".join(f"{name} {places[name][cell]}" for name in names)
        logger.warning(
            "%s: %d cells are there more than once, such as cell %d (%s)",
            path,
            copies.size,
            cell,
            row,
        )


def _check_temperatures(driver: xr.Dataset, path: Path | str) -> None:
    below = driver["t_max"].to_numpy() < driver["t_min"].to_numpy()
    if below.any():
        cell, time = np.argwhere(below)[0]
        raise InputError(
            path,
            "t_max",
            "t_max >= t_min in every cell and month",
            f"{int(below.sum())} below, the first at cell {cell}, month {time}: "
            f"{float(driver['t_max'][cell, time]):g} < {float(driver['t_min'][cell, time]):g} degC",
        )
    same = (driver["t_max"].to_numpy() == driver["t_min"].to_numpy()).reshape(
        driver.sizes["cell"], -1, MONTHS_PER_YEAR
    )
    if (whole := same.all(axis=2)).any():
        cell, year = np.argwhere(whole)[0]
        raise InputError(
            path,
            "t_max",
            "means of daily maxima above t_min, those of daily minima",
            f"the same values in whole years, {int(whole.sum())} of {whole.size} cells and years, "
            f"the first at cell {cell}, year {year + 1}: means taken for extremes?",
        )


def _signed_longitude(longitude: xr.DataArray) -> xr.DataArray:
    values = longitude.to_numpy()
    return longitude.copy(data=np.where(values > 180, values - 360, values))

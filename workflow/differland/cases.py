"""Case files: parameters and forcing in, trajectories out; model output in, loss out.

They let any other implementation of the model be compared with this one.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from differland.driver import MONTHS_PER_YEAR, annual_mean, complete_years
from differland.errors import InputError
from differland.files import read_netcdf
from differland.model.forcing import Forcing
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import MODEL_OUTPUTS, simulate
from differland.model.weather import weather_of
from differland.objective import Observations, loss_terms, needed_outputs, trajectory_of
from differland.tables import OUTPUTS
from differland.terms import OBSERVED_TERMS, PAPER_WEIGHTS

CONSTANT = ("latitude", "mean_temperature", "mean_precipitation")
"""Forcing of a case that has no months."""


def _read(
    dataset: xr.Dataset,
    path: Path,
    name: str,
    *dimensions: str,
    gaps: bool = False,
    constant: bool = False,
) -> np.ndarray:
    """Values of a variable, whatever the order of its dimensions in the file.

    With `constant`, a variable may lack dimensions, along which it is then the same.
    """
    if name not in dataset:
        raise InputError(path, name, "a variable of a case file", "no such variable")
    variable = dataset[name].variable
    if constant and set(variable.dims) < set(dimensions):
        variable = variable.set_dims({each: dataset.sizes[each] for each in dimensions})
    if set(variable.dims) != set(dimensions):
        found = ", ".join(map(str, variable.dims)) or "none"
        raise InputError(path, name, f"the dimensions {', '.join(dimensions)}", found)
    values = variable.transpose(*dimensions).to_numpy()
    if not gaps and not np.isfinite(values).all():
        raise InputError(path, name, "finite numbers", f"{(~np.isfinite(values)).sum()} others")
    return values


def _check_dimensions(dataset: xr.Dataset, path: Path, *dimensions: str) -> None:
    for dimension in dimensions:
        if not dataset.sizes.get(dimension):
            found = ", ".join(map(str, dataset.sizes)) or "none"
            raise InputError(path, dimension, "a dimension of this name", f"the dimensions {found}")


def simulate_cases(path: Path) -> xr.Dataset:
    """Run the model on every case of a file, in the precision that JAX is set to.

    Parameters
    ----------
    path
        NetCDF file with dimensions ``case`` and ``time``, in any order, and variables
        ``param_<parameter>`` and ``initial_<pool>`` (case) and ``forcing_<field of Forcing>``
        (case, time); forcing without one of the dimensions is the same along it.

    Returns
    -------
    Outputs of the model by name, each of dimensions (case, time).

    Raises
    ------
    InputError
        A variable is absent, has other dimensions, or holds numbers that are not finite.
    """
    case_file = read_netcdf(path, decode_times=False)
    _check_dimensions(case_file, path, "case", "time")

    def forcing(name: str) -> jax.Array:
        dimensions = ("case",) if name in CONSTANT else ("time", "case")
        values = _read(case_file, path, f"forcing_{name}", *dimensions, constant=True)
        return jnp.asarray(np.atleast_2d(values))

    parameters = Parameters(
        *(jnp.asarray(_read(case_file, path, f"param_{n}", "case")) for n in Parameters._fields)
    )
    initial = Pools(
        *(jnp.asarray(_read(case_file, path, f"initial_{n}", "case")) for n in Pools._fields)
    )
    _, outputs = jax.jit(simulate)(
        parameters, initial, weather_of(Forcing(*(forcing(n) for n in Forcing._fields)))
    )
    result = xr.Dataset(attrs={"title": "DALEC trajectories", "source": f"cases of {path.name}"})
    for name in MODEL_OUTPUTS:
        row = OUTPUTS[name]
        result[name] = (
            ("case", "time"),
            np.asarray(outputs[name]).T,
            {"units": row.units, "long_name": row.long_name},
        )
    return result


def loss_of_case(path: Path) -> dict[str, float]:
    """Weighted loss terms of one full patch, and their total, with the paper's weights.

    Parameters
    ----------
    path
        NetCDF file with dimensions ``cell`` and ``time``, in any order, and variables
        ``initial_<pool>`` (cell), ``model_<output>`` (cell, time), ``observed_<target>`` (cell,
        time; of patches: time; static: cell) and, optionally, ``weight_<target>`` (as the
        observation). A target that is absent has no term.

    Raises
    ------
    InputError
        Model output is absent or not finite, a variable has other dimensions, or the months do not
        fill whole years.
    """
    case = read_netcdf(path, decode_times=False)
    _check_dimensions(case, path, "cell", "time")
    months = case.sizes["time"]
    if months % MONTHS_PER_YEAR:
        raise InputError(path, "time", "whole years of months", f"{months} months")

    value: dict[str, jax.Array] = {}
    weight: dict[str, jax.Array] = {}
    for name, term in OBSERVED_TERMS.items():
        target = term.repeats or name
        if f"observed_{target}" not in case:
            continue
        dimensions = [
            *(["time"] if term.resolution != "static" else []),
            *(["cell"] if term.support != "patch" else []),
        ]
        observed = _read(case, path, f"observed_{target}", *dimensions, gaps=True)
        site_weight = np.ones(())
        if f"weight_{target}" in case:
            given = _read(case, path, f"weight_{target}", *dimensions, gaps=True)
            site_weight = np.nan_to_num(given)
        known = np.isfinite(observed)
        observed = np.where(known, observed, 0.0)
        if term.resolution == "year":
            value[name] = jnp.asarray(annual_mean(observed))
            weight[name] = jnp.asarray(complete_years(known).astype(float))
        else:
            value[name] = jnp.asarray(observed)
            weight[name] = jnp.asarray(known * site_weight)

    ones = jnp.ones(case.sizes["cell"])
    weights = {
        term: factor
        for term, factor in PAPER_WEIGHTS.items()
        if term in value or term not in OBSERVED_TERMS
    }
    observations = Observations(value, weight, valid=ones, in_equilibrium=ones)
    terms = loss_terms(
        weights,
        trajectory_of(
            weights,
            {
                name: jnp.asarray(_read(case, path, f"model_{name}", "time", "cell"))
                for name in needed_outputs(weights)
            },
            observations,
        ),
        Pools(*(jnp.asarray(_read(case, path, f"initial_{n}", "cell")) for n in Pools._fields)),
        observations,
    )
    result = {term: float(number) for term, number in terms.items()}
    return result | {"total": sum(result.values())}

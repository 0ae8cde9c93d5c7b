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


def _column(dataset: xr.Dataset, path: Path, name: str) -> np.ndarray:
    if name not in dataset:
        raise InputError(path, name, "a variable of a case file", "no such variable")
    values = dataset[name].to_numpy()
    if not np.isfinite(values).all():
        raise InputError(path, name, "finite numbers", f"{(~np.isfinite(values)).sum()} others")
    return values


def simulate_cases(path: Path) -> xr.Dataset:
    """Run the model on every case of a file, in the precision that JAX is set to.

    Parameters
    ----------
    path
        NetCDF file with dimensions ``case`` and ``time`` and variables ``param_<parameter>``,
        ``initial_<pool>`` and ``forcing_<field of Forcing>``.

    Returns
    -------
    Outputs of the model by name, each of dimensions (case, time).

    Raises
    ------
    InputError
        A variable is absent or holds numbers that are not finite.
    """
    case_file = read_netcdf(path, decode_times=False)

    def forcing(name: str) -> jax.Array:
        values = _column(case_file, path, f"forcing_{name}")
        return jnp.asarray(values.T if values.ndim == 2 else values[None, :])

    parameters = Parameters(
        *(jnp.asarray(_column(case_file, path, f"param_{n}")) for n in Parameters._fields)
    )
    initial = Pools(*(jnp.asarray(_column(case_file, path, f"initial_{n}")) for n in Pools._fields))
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
        NetCDF file with dimensions ``cell`` and ``time`` and variables ``initial_<pool>``,
        ``model_<output>``, ``observed_<target>`` and, optionally, ``weight_<target>``. A target
        that is absent has no term.

    Raises
    ------
    InputError
        Model output is absent or not finite, or the months do not fill whole years.
    """
    case = read_netcdf(path, decode_times=False)
    months = case.sizes.get("time", 0)
    if months == 0 or months % MONTHS_PER_YEAR:
        raise InputError(path, "time", "whole years of months", f"{months} months")

    value: dict[str, jax.Array] = {}
    weight: dict[str, jax.Array] = {}
    for name, term in OBSERVED_TERMS.items():
        target = term.repeats or name
        if f"observed_{target}" not in case:
            continue
        observed = np.moveaxis(case[f"observed_{target}"].to_numpy(), -1, 0)
        site_weight = np.ones(())
        if f"weight_{target}" in case:
            site_weight = np.nan_to_num(case[f"weight_{target}"].to_numpy().T)
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
                name: jnp.asarray(_column(case, path, f"model_{name}").T)
                for name in needed_outputs(weights)
            },
            observations,
        ),
        Pools(*(jnp.asarray(_column(case, path, f"initial_{n}")) for n in Pools._fields)),
        observations,
    )
    result = {term: float(number) for term, number in terms.items()}
    return result | {"total": sum(result.values())}

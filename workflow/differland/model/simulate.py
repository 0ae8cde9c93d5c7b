"""Simulation of many months of DALEC: whole trajectories, or a reduced record of each month."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.driver import MONTHS_PER_YEAR
from differland.model import dalec
from differland.model.parameters import Parameters, Pools
from differland.model.rates import Rates, monthly_rates
from differland.model.weather import Weather
from differland.tables import OUTPUTS

MODEL_OUTPUTS: tuple[str, ...] = tuple(
    name for name, row in OUTPUTS.items() if row.group == "model"
)
"""Names of the 44 outputs of the model."""


class MonthlyObservations(NamedTuple):
    """Observations that the reduced record of a month may use beside the model's outputs.

    Attributes
    ----------
    value, weight
        Values and weights by target, shape (time, cell); of one month, without the first axis.
    valid
        1 for a cell, 0 for a slot that pads a patch; shape (cell,).
    """

    value: Mapping[str, Float[Array, "..."]]
    weight: Mapping[str, Float[Array, "..."]]
    valid: Float[Array, " cell"]


class Kept(NamedTuple):
    """Reduced record of one month of each cell, or of all months, by name.

    Attributes
    ----------
    series
        Series of every month, shape (time, cell).
    patch
        Sums over the cells of the patch, shape (time,).
    years
        Sums over each calendar year, the first month being a January; shape (year, cell).
    totals
        Sums over the months, shape (cell,).
    """

    series: Mapping[str, Float[Array, "..."]] = {}
    patch: Mapping[str, Float[Array, "..."]] = {}
    years: Mapping[str, Float[Array, "..."]] = {}
    totals: Mapping[str, Float[Array, "..."]] = {}


@dataclass(frozen=True)
class Keep:
    """Rule by which each month is reduced to a record.

    Attributes
    ----------
    of
        Function of the outputs of a month, whether it is a December (1 or 0), and the observations
        of the month. It works element by element, so that it can run inside the loop.
    compared
        Targets whose observations the function `of` uses.
    """

    of: Callable[[Mapping[str, Array], Array, MonthlyObservations], Kept]
    compared: tuple[str, ...] = ()


def simulate_keeping(
    parameters: Parameters,
    initial: Pools,
    weather: Weather,
    observations: MonthlyObservations,
    keep: Keep,
) -> tuple[Pools, Kept]:
    """Run the model and keep the reduced record that `keep` makes of each month.

    Parameters
    ----------
    parameters, initial, weather
        Parameters, initial pools and weather, as for :func:`simulate`.
    observations
        Observations of the targets that `keep` compares.
    keep
        Rule by which each month is reduced.

    Returns
    -------
    The pools after the last month, and the reduced record of all months.
    """

    def kept_of(outputs: dalec.Outputs, month: tuple[Rates, Array, Any, Any]) -> Kept:
        _, december, value, weight = month
        return keep.of(outputs, december, MonthlyObservations(value, weight, observations.valid))

    # Recomputing a month in the backward pass is cheaper than storing what it needs.
    @jax.checkpoint
    def advance(
        carried: tuple[Pools, Mapping[str, Array]], month: tuple[Rates, Array, Any, Any]
    ) -> tuple[tuple[Pools, Mapping[str, Array]], Kept]:
        pools, totals = carried
        pools, outputs = dalec.month(pools, month[0], parameters)
        kept = kept_of(outputs, month)
        return (pools, jax.tree.map(jnp.add, totals, kept.totals)), kept._replace(totals={})

    months = (
        # Of all months at once: none of it waits for the state.
        jax.vmap(monthly_rates, in_axes=(None, 0))(parameters, weather),
        weather.december,
        observations.value,
        observations.weight,
    )
    first = jax.tree.map(lambda values: values[0], months)
    of_first = jax.eval_shape(lambda: kept_of(dalec.month(initial, first[0], parameters)[1], first))
    zero = jax.tree.map(lambda total: jnp.zeros(total.shape, total.dtype), of_first.totals)
    (end, totals), kept = jax.lax.scan(advance, (initial, zero), months)
    return end, Kept(
        kept.series,
        jax.tree.map(lambda values: values.sum(axis=-1), kept.patch),
        jax.tree.map(sum_of_years, kept.years),
        totals,
    )


def sum_of_years(monthly: Float[Array, "time cell"]) -> Float[Array, "year cell"]:
    """Sum over each calendar year, the first month being a January.

    Raises
    ------
    ValueError
        The months do not fill whole years.
    """
    months = monthly.shape[0]
    if months % MONTHS_PER_YEAR:
        raise ValueError(f"expected months that fill whole years, found {months}")
    return monthly.reshape(-1, MONTHS_PER_YEAR, *monthly.shape[1:]).sum(axis=1)


def simulate(
    parameters: Parameters,
    initial: Pools,
    weather: Weather,
    outputs: Sequence[str] = MODEL_OUTPUTS,
) -> tuple[Pools, dict[str, Float[Array, "time cell"]]]:
    """Run the model from the initial pools through all months.

    Parameters
    ----------
    parameters
        Parameters, each of shape (cell,).
    initial
        Pools before the first month, gC m-2 and mm, each of shape (cell,).
    weather
        Weather, each field of shape (time, cell), or with a length of one.
    outputs
        Names of the outputs wanted. Only these are computed and kept.

    Returns
    -------
    The pools after the last month, and the outputs by name.
    """
    keep = Keep(lambda month, *_: Kept({name: month[name] for name in outputs}))
    nothing = MonthlyObservations({}, {}, jnp.ones(()))
    end, kept = simulate_keeping(parameters, initial, weather, nothing, keep)
    return end, dict(kept.series)

"""Many months of DALEC: whole trajectories, or only what somebody asks of each month."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.model import dalec
from differland.model.parameters import Parameters, Pools
from differland.model.rates import Rates, monthly_rates
from differland.model.weather import Weather
from differland.tables import OUTPUTS

MODEL_OUTPUTS: tuple[str, ...] = tuple(
    name for name, row in OUTPUTS.items() if row.group == "model"
)
"""Names of the 44 outputs of the model."""


class Kept(NamedTuple):
    """What is kept of one month, or of all, by name.

    Attributes
    ----------
    series
        Kept for each month.
    totals
        Added up over the months.
    """

    series: Mapping[str, Float[Array, "..."]]
    totals: Mapping[str, Float[Array, "..."]]


Keep = Callable[[Mapping[str, Float[Array, "..."]], Float[Array, "..."]], Kept]
"""From the outputs of a month, and whether it is a December (1 or 0), to what is kept of it."""


def simulate_keeping(
    parameters: Parameters, initial: Pools, weather: Weather, keep: Keep
) -> tuple[Pools, Kept]:
    """Run the model and keep of each month what `keep` makes of it.

    Parameters
    ----------
    parameters, initial, weather
        See :func:`simulate`.
    keep
        What to keep; element by element, so that it can run inside the loop.

    Returns
    -------
    The pools after the last month; and what was kept: series of shape (time, cell), and totals
    over all months of shape (cell,).
    """

    # Recomputing a month in the backward pass is cheaper than storing what it needs.
    @jax.checkpoint
    def advance(
        carried: tuple[Pools, Mapping[str, Array]], month: tuple[Rates, Array]
    ) -> tuple[tuple[Pools, Mapping[str, Array]], Mapping[str, Array]]:
        pools, totals = carried
        rates, december = month
        pools, outputs = dalec.month(pools, rates, parameters)
        kept = keep(outputs, december)
        return (pools, jax.tree.map(jnp.add, totals, kept.totals)), kept.series

    rates = monthly_rates(parameters, weather)
    first = jax.tree.map(lambda values: values[0], (rates, weather.december))
    empty = jax.eval_shape(lambda: keep(dalec.month(initial, first[0], parameters)[1], first[1]))
    zero = jax.tree.map(lambda total: jnp.zeros(total.shape, total.dtype), empty.totals)
    (end, totals), series = jax.lax.scan(advance, (initial, zero), (rates, weather.december))
    return end, Kept(series, totals)


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
        Each of shape (cell,).
    initial
        Pools before the first month, gC m-2 and mm, each of shape (cell,).
    weather
        Each of shape (time, cell), or with a length of one.
    outputs
        Names of the outputs wanted. Only these are computed and kept.

    Returns
    -------
    The pools after the last month, and the outputs by name.
    """
    end, kept = simulate_keeping(
        parameters,
        initial,
        weather,
        lambda month, _: Kept({name: month[name] for name in outputs}, {}),
    )
    return end, dict(kept.series)

"""Many months of DALEC, and the quantities derived from its outputs."""

from collections.abc import Sequence

import jax
from jaxtyping import Array, Float

from differland.model import dalec
from differland.model.forcing import Forcing
from differland.model.parameters import Parameters, Pools
from differland.model.rates import Rates, monthly_rates
from differland.tables import OUTPUTS

MODEL_OUTPUTS: tuple[str, ...] = tuple(
    name for name, row in OUTPUTS.items() if row.group == "model"
)
"""Names of the 44 outputs of the model."""


def simulate(
    parameters: Parameters,
    initial: Pools,
    forcing: Forcing,
    outputs: Sequence[str] = MODEL_OUTPUTS,
) -> tuple[Pools, dict[str, Float[Array, "time cell"]]]:
    """Run the model from the initial pools through all months of the forcing.

    Parameters
    ----------
    parameters
        Each of shape (cell,).
    initial
        Pools before the first month, gC m-2 and mm, each of shape (cell,).
    forcing
        Each of shape (time, cell), or with a length of one.
    outputs
        Names of the outputs wanted. Only these are computed and kept.

    Returns
    -------
    The pools after the last month, and the outputs by name.
    """

    # Recomputing a month in the backward pass is cheaper than storing what it needs.
    @jax.checkpoint
    def advance(pools: Pools, rates: Rates) -> tuple[Pools, dict[str, Float[Array, " cell"]]]:
        pools, fluxes = dalec.month(pools, rates, parameters)
        return pools, {name: fluxes[name] for name in outputs}

    rates = monthly_rates(parameters, forcing)
    return jax.lax.scan(advance, initial, rates)

"""Allocation, turnover and the bounded update of the six carbon pools."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.model.parameters import POOL_BOUNDS, Parameters, Pools


def loss_per_day(rate: Float[Array, "..."], dt: Float[Array, "..."]) -> Float[Array, "..."]:
    """Fraction of a pool lost per day, on average over `dt` days, at a daily rate, day-1.

    ``(1 - (1 - rate)**dt) / dt``, without the cancellation of that form at small rates. A rate
    of one or more empties the pool.
    """
    # log1p(-1) is -inf and its gradient NaN; the largest rate below one loses all in a day.
    below_one = 1 - jnp.finfo(rate.dtype).epsneg
    # Here and below, one division by dt serves all pools.
    return -jnp.expm1(dt * jnp.log1p(-jnp.minimum(rate, below_one))) * (1 / dt)


class Allocation(NamedTuple):
    """Allocation of gross primary production, gC m-2 day-1."""

    autotrophic_respiration: Float[Array, "..."]
    foliar: Float[Array, "..."]
    labile: Float[Array, "..."]
    root: Float[Array, "..."]
    wood: Float[Array, "..."]


def allocate(gpp: Float[Array, "..."], parameters: Parameters) -> Allocation:
    """Allocate GPP: respiration, then leaves, labile carbon and roots, each from the remainder.

    Wood takes the rest. With ``gpp`` one, the result is the allocation fractions of GPP.

    Parameters
    ----------
    gpp
        Gross primary production, gC m-2 day-1.
    parameters
        Autotrophic, foliar, labile and root fraction are used.
    """
    respiration = parameters.autotrophic_fraction * gpp
    rest = gpp - respiration
    foliar = parameters.foliar_fraction * rest
    rest = rest - foliar
    labile = parameters.labile_fraction * rest
    rest = rest - labile
    root = parameters.root_fraction * rest
    return Allocation(respiration, foliar, labile, root, wood=rest - root)


class Turnover(NamedTuple):
    """Losses of the pools other than by fire, gC m-2 day-1 (or day-1, per unit of pool)."""

    labile_release: Float[Array, "..."]
    foliar_litter: Float[Array, "..."]
    root_litter: Float[Array, "..."]
    wood_litter: Float[Array, "..."]
    litter_respiration: Float[Array, "..."]
    litter_to_som: Float[Array, "..."]
    som_respiration: Float[Array, "..."]


def turn_over(pools: Pools, rates: Turnover) -> Turnover:
    """Outflow of each pool (gC m-2 day-1), before bounds, from its loss per day (day-1)."""
    return Turnover(
        labile_release=pools.labile * rates.labile_release,
        foliar_litter=pools.foliar * rates.foliar_litter,
        root_litter=pools.root * rates.root_litter,
        wood_litter=pools.wood * rates.wood_litter,
        litter_respiration=pools.litter * rates.litter_respiration,
        litter_to_som=pools.litter * rates.litter_to_som,
        som_respiration=pools.som * rates.som_respiration,
    )


def update(
    pools: Pools, allocation: Allocation, turnover: Turnover, dt: Float[Array, "..."]
) -> tuple[Pools, Turnover]:
    """Advance the carbon pools by one month within their bounds; water stays as it is.

    What a bound takes away or adds is put on a named flux, so that mass balances: labile on
    labile release, foliar, root and wood on their litter, litter on litter-to-soil (and on its
    respiration where that would turn negative), soil on its respiration.

    Parameters
    ----------
    pools
        Pools at the start of the month, gC m-2.
    allocation, turnover
        Fluxes before bounds, gC m-2 day-1.
    dt
        Days in the month.

    Returns
    -------
    The pools at the end of the month (gC m-2) and the fluxes that led there.
    """
    per_day = 1 / dt

    def bounded(
        name: str, inflow: Float[Array, "..."], outflow: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        unbounded = getattr(pools, name) + (inflow - outflow) * dt
        inside = jnp.clip(unbounded, *POOL_BOUNDS[name])
        # The excess is exactly zero where no bound acts: the fluxes then keep every digit.
        return inside, (unbounded - inside) * per_day

    labile, excess = bounded("labile", allocation.labile, turnover.labile_release)
    labile_release = turnover.labile_release + excess

    foliar, excess = bounded("foliar", allocation.foliar + labile_release, turnover.foliar_litter)
    foliar_litter = turnover.foliar_litter + excess

    root, excess = bounded("root", allocation.root, turnover.root_litter)
    root_litter = turnover.root_litter + excess

    wood, excess = bounded("wood", allocation.wood, turnover.wood_litter)
    wood_litter = turnover.wood_litter + excess

    litter, excess = bounded(
        "litter",
        foliar_litter + root_litter,
        turnover.litter_respiration + turnover.litter_to_som,
    )
    wanted = turnover.litter_to_som + excess
    litter_to_som = jnp.maximum(wanted, 0)
    litter_respiration = turnover.litter_respiration + jnp.minimum(wanted, 0)

    som, excess = bounded("som", litter_to_som + wood_litter, turnover.som_respiration)
    som_respiration = turnover.som_respiration + excess

    return (
        Pools(labile, foliar, root, wood, litter, som, pools.water),
        Turnover(
            labile_release,
            foliar_litter,
            root_litter,
            wood_litter,
            litter_respiration,
            litter_to_som,
            som_respiration,
        ),
    )

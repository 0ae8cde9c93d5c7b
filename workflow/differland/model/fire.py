"""Combustion and fire mortality."""

from typing import NamedTuple

from jaxtyping import Array, Float

from differland.model.parameters import Parameters, Pools


class Burned(NamedTuple):
    """One flux per carbon pool, gC m-2 day-1."""

    labile: Float[Array, "..."]
    foliar: Float[Array, "..."]
    root: Float[Array, "..."]
    wood: Float[Array, "..."]
    litter: Float[Array, "..."]
    som: Float[Array, "..."]


class Fire(NamedTuple):
    """Effect of fire on each pool.

    Attributes
    ----------
    combustion
        Carbon emitted to the atmosphere.
    transfer
        Killed but unburned matter: labile, foliar and root carbon become litter, wood and
        litter become soil organic matter. Zero for soil organic matter, which stays.
    """

    combustion: Burned
    transfer: Burned


def burn(
    pools: Pools,
    burned_fraction: Float[Array, "..."],
    parameters: Parameters,
    dt: Float[Array, "..."],
) -> Fire:
    """Combustion and transfer in one month, gC m-2 day-1.

    Parameters
    ----------
    pools
        Pools after growth and turnover, gC m-2.
    burned_fraction
        Burned fraction of the cell in the month, 0 to 1.
    parameters
        The three combustion factors and the resilience are used.
    dt
        Days in the month.
    """
    ligneous = parameters.ligneous_combustion_factor
    foliar = parameters.foliar_combustion_factor
    factors = Burned(
        labile=ligneous,
        foliar=foliar,
        root=ligneous,
        wood=ligneous,
        litter=(ligneous + foliar) / 2,
        som=parameters.dead_organic_combustion_factor,
    )
    per_day = burned_fraction / dt
    burned = Burned(*(getattr(pools, name) * per_day for name in Burned._fields))
    killed = 1 - parameters.fire_resilience
    combustion = Burned(*(b * f for b, f in zip(burned, factors, strict=True)))
    transfer = Burned(*(b * (1 - f) * killed for b, f in zip(burned, factors, strict=True)))
    return Fire(combustion, transfer._replace(som=0 * transfer.som))

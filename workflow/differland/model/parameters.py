"""The model's parameters and pools, as named arrays."""

from typing import NamedTuple

from jaxtyping import Array, Float

from differland.tables import PARAMETERS


class Parameters(NamedTuple):
    """The 33 parameters of DALEC other than initial pools, each of shape (cell,).

    Meaning, units and bounds are in ``resources/parameters.csv``, under the same names
    (paper, Table S2).
    """

    decomposition_rate: Float[Array, " cell"]
    autotrophic_fraction: Float[Array, " cell"]
    foliar_fraction: Float[Array, " cell"]
    root_fraction: Float[Array, " cell"]
    leaf_lifespan: Float[Array, " cell"]
    wood_turnover_rate: Float[Array, " cell"]
    root_turnover_rate: Float[Array, " cell"]
    litter_turnover_rate: Float[Array, " cell"]
    som_turnover_rate: Float[Array, " cell"]
    temperature_sensitivity: Float[Array, " cell"]
    canopy_efficiency: Float[Array, " cell"]
    labile_fraction: Float[Array, " cell"]
    labile_release_period: Float[Array, " cell"]
    leaf_fall_period: Float[Array, " cell"]
    leaf_carbon_mass_per_area: Float[Array, " cell"]
    inherent_water_use_efficiency: Float[Array, " cell"]
    runoff_focal_point: Float[Array, " cell"]
    field_capacity: Float[Array, " cell"]
    foliar_combustion_factor: Float[Array, " cell"]
    ligneous_combustion_factor: Float[Array, " cell"]
    dead_organic_combustion_factor: Float[Array, " cell"]
    fire_resilience: Float[Array, " cell"]
    labile_lifespan: Float[Array, " cell"]
    moisture_factor: Float[Array, " cell"]
    underlying_water_use_efficiency: Float[Array, " cell"]
    boese_r: Float[Array, " cell"]
    wilting_point_fraction: Float[Array, " cell"]
    sif_alpha: Float[Array, " cell"]
    sif_beta_plus_three: Float[Array, " cell"]
    vod_foliar_coefficient: Float[Array, " cell"]
    vod_wood_coefficient: Float[Array, " cell"]
    leaf_onset_day: Float[Array, " cell"]
    leaf_fall_day: Float[Array, " cell"]


class Pools(NamedTuple):
    """The model's state, each of shape (cell,): six carbon pools in gC m-2, water in mm."""

    labile: Float[Array, " cell"]
    foliar: Float[Array, " cell"]
    root: Float[Array, " cell"]
    wood: Float[Array, " cell"]
    litter: Float[Array, " cell"]
    som: Float[Array, " cell"]
    water: Float[Array, " cell"]


class Bounds(NamedTuple):
    """Smallest and largest value of a pool, in the pool's units."""

    minimum: float
    maximum: float


POOL_BOUNDS: dict[str, Bounds] = {
    pool: Bounds(PARAMETERS[f"initial_{pool}"].minimum, PARAMETERS[f"initial_{pool}"].maximum)
    for pool in Pools._fields
}

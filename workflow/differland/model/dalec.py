"""DALEC: one month of the carbon and water cycle of a grid cell (paper, equation 2)."""

from jaxtyping import Array, Float

from differland.model import carbon, fire, photosynthesis, water
from differland.model.parameters import Parameters, Pools
from differland.model.rates import Rates

Outputs = dict[str, Float[Array, "..."]]
"""Model outputs by name; meaning and units are in ``resources/variables.csv``."""


def month(pools: Pools, rates: Rates, parameters: Parameters) -> tuple[Pools, Outputs]:
    """Advance the model by one month.

    Parameters
    ----------
    pools
        Pools at the start of the month: carbon in gC m-2, water in mm. Each of shape (cell,).
    rates
        State-free factors of this month, each of shape (cell,).
    parameters
        Parameters, each of shape (cell,).

    Returns
    -------
    The pools at the end of the month, and all 44 outputs.
    """
    dt = rates.dt
    lai = pools.foliar / parameters.leaf_carbon_mass_per_area
    stress = water.water_stress(
        pools.water, parameters.field_capacity, parameters.wilting_point_fraction
    )
    gpp = stress * photosynthesis.gross_primary_production(
        lai, rates.carboxylation, rates.conductance, rates.srad, rates.co2, rates.day_factor
    )
    bucket = water.balance(
        pools.water,
        rates.precipitation,
        gpp * rates.evapotranspiration_per_gpp + rates.radiation_driven_evapotranspiration,
        water.runoff(pools.water, parameters.runoff_focal_point, dt),
        dt,
    )
    npp = carbon.allocate(gpp, parameters)
    grown, turnover = carbon.update(pools, npp, carbon.turn_over(pools, rates.turnover), dt)

    combustion, killed = fire.burn(grown, rates.burned_fraction, parameters, dt)
    to_litter = killed.labile + killed.foliar + killed.root
    to_som = killed.wood + killed.litter
    end = Pools(
        labile=grown.labile - (combustion.labile + killed.labile) * dt,
        foliar=grown.foliar - (combustion.foliar + killed.foliar) * dt,
        root=grown.root - (combustion.root + killed.root) * dt,
        wood=grown.wood - (combustion.wood + killed.wood) * dt,
        litter=grown.litter + (to_litter - combustion.litter - killed.litter) * dt,
        som=grown.som + (to_som - combustion.som) * dt,
        water=bucket.water,
    )

    heterotrophic_respiration = turnover.litter_respiration + turnover.som_respiration
    nee = npp.autotrophic_respiration + heterotrophic_respiration - gpp
    fire_emission = sum(combustion[1:], start=combustion[0])
    sif_beta = parameters.sif_beta_plus_three - 3
    return end, {
        "lai": lai,
        "gpp": gpp,
        "et": bucket.evapotranspiration,
        "temperature_moisture_factor": rates.temperature_moisture_factor,
        "autotrophic_respiration": npp.autotrophic_respiration,
        "foliar_production": npp.foliar,
        "labile_production": npp.labile,
        "root_production": npp.root,
        "wood_production": npp.wood,
        "leaf_fall_factor": rates.leaf_fall_factor,
        "labile_release_factor": rates.labile_release_factor,
        "labile_release": turnover.labile_release,
        "foliar_litter": turnover.foliar_litter,
        "wood_litter": turnover.wood_litter,
        "root_litter": turnover.root_litter,
        "heterotrophic_respiration_litter": turnover.litter_respiration,
        "heterotrophic_respiration_som": turnover.som_respiration,
        "litter_to_som": turnover.litter_to_som,
        "runoff": bucket.runoff,
        "fire_combustion_labile": combustion.labile,
        "fire_combustion_foliar": combustion.foliar,
        "fire_combustion_root": combustion.root,
        "fire_combustion_wood": combustion.wood,
        "fire_combustion_litter": combustion.litter,
        "fire_combustion_som": combustion.som,
        "fire_transfer_labile": killed.labile,
        "fire_transfer_foliar": killed.foliar,
        "fire_transfer_root": killed.root,
        "fire_transfer_wood": killed.wood,
        "fire_transfer_litter": killed.litter,
        "fire_emission": fire_emission,
        "nee": nee,
        "nbe": nee + fire_emission,
        **end._asdict(),
        "water_stress": stress,
        "sif": (gpp - sif_beta) / parameters.sif_alpha,
        "water_violation": bucket.violation,
        "vod": parameters.vod_foliar_coefficient * end.foliar
        + parameters.vod_wood_coefficient * end.wood,
    }

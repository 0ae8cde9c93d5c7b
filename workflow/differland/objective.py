"""The loss: weighted squared distance to every observation, and two soft constraints.

Paper, equation 4. All terms are of one patch. A slot that only pads the patch, and a month
without an observation, contribute exactly nothing to value or gradient.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from differland.driver import MONTHS_PER_YEAR
from differland.model.parameters import Pools
from differland.observables import OBSERVABLES

Outputs = Mapping[str, Float[Array, "time cell"]]

EPSILON = 1e-3
"""Keeps divisions and logarithms finite, as in the published loss: the reference needs it."""


class Observations(NamedTuple):
    """Observations of one patch, with weights that are zero where there is none.

    Attributes
    ----------
    value, weight
        By target (see :data:`differland.observables.OBSERVABLES`): of shape (time, cell) for
        monthly cell and site targets, (year, cell) for annual ones, (cell,) for static ones,
        (time,) for monthly patch targets and (year,) for ``nbe_annual``. Values are in the
        units of ``resources/variables.csv``, zero where the weight is zero.
    valid
        1 for a cell, 0 for a slot that pads the patch; shape (cell,).
    in_equilibrium
        1 for a cell on which the equilibrium constraint acts; shape (cell,).
    """

    value: Mapping[str, Float[Array, "..."]]
    weight: Mapping[str, Float[Array, "..."]]
    valid: Float[Array, " cell"]
    in_equilibrium: Float[Array, " cell"]


AnyArray = TypeVar("AnyArray", Array, np.ndarray)


def annual_mean(monthly: AnyArray) -> AnyArray:
    """Mean of each calendar year, the first axis being months from a January on."""
    return monthly.reshape(-1, MONTHS_PER_YEAR, *monthly.shape[1:]).mean(axis=1)


def complete_years(known: np.ndarray) -> np.ndarray:
    """Whether all 12 months of each year are known; months and years on the first axis."""
    return np.all(known.reshape(-1, MONTHS_PER_YEAR, *known.shape[1:]), axis=1)


def squared_error(
    modelled: Float[Array, "..."], observed: Float[Array, "..."], weight: Float[Array, "..."]
) -> Float[Array, ""]:
    """Weighted sum of squared differences."""
    return jnp.sum(weight * (modelled - observed) ** 2)


def patch_squared_error(
    modelled: Float[Array, "step cell"],
    observed: Float[Array, " step"],
    weight: Float[Array, " step"],
    valid: Float[Array, " cell"],
) -> Float[Array, ""]:
    """Weighted sum of squared differences of patch means.

    The means run over all slots of the patch, padding counting as zero, and the square is
    weighted by the share of valid slots: a half-full patch weighs less.
    """
    coverage = valid.mean()
    patch_mean = (modelled * valid).mean(axis=-1)
    return squared_error(patch_mean, observed * coverage, weight * coverage)


def monthly_term(target: str, outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Squared error of a monthly cell or site target."""
    return squared_error(
        OBSERVABLES[target].of(outputs), observations.value[target], observations.weight[target]
    )


def annual_term(target: str, outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Squared error of the annual means of a cell target."""
    return squared_error(
        annual_mean(OBSERVABLES[target].of(outputs)),
        observations.value[target],
        observations.weight[target],
    )


def soc_term(outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Squared error of the time-mean soil pool."""
    modelled = OBSERVABLES["soc"].of(outputs).mean(axis=0)
    return squared_error(modelled, observations.value["soc"], observations.weight["soc"])


def patch_term(target: str, outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Squared error of the monthly patch mean."""
    return patch_squared_error(
        OBSERVABLES[target].of(outputs),
        observations.value[target],
        observations.weight[target],
        observations.valid,
    )


def nbe_annual_term(outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Squared error of the annual patch mean of net biosphere exchange."""
    return patch_squared_error(
        annual_mean(OBSERVABLES["nbe"].of(outputs)),
        observations.value["nbe_annual"],
        observations.weight["nbe_annual"],
        observations.valid,
    )


def water_anomaly(
    water: Float[Array, "time cell"], weight: Float[Array, " time"]
) -> Float[Array, "time cell"]:
    """Water pool minus its own mean over the observed months (those with a weight), mm."""
    observed = (weight > 0).astype(water.dtype)[:, None]
    mean = (water * observed).sum(axis=0) / (observed.sum() + EPSILON)
    return water - mean


def ewt_term(outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Squared error of the monthly patch mean of the water anomaly."""
    weight = observations.weight["ewt"]
    anomaly = water_anomaly(OBSERVABLES["ewt"].of(outputs), weight)
    return patch_squared_error(anomaly, observations.value["ewt"], weight, observations.valid)


def violation_term(outputs: Outputs, observations: Observations) -> Float[Array, ""]:
    """Sum of the reported shortfall of water: keeps the bucket from being emptied."""
    return jnp.sum(outputs["water_violation"] * observations.valid)


class PoolFluxes(NamedTuple):
    """Names of the outputs that enter and leave a carbon pool."""

    inflow: tuple[str, ...]
    outflow: tuple[str, ...]


POOL_FLUXES: Mapping[str, PoolFluxes] = {
    "labile": PoolFluxes(
        ("labile_production",),
        ("labile_release", "fire_combustion_labile", "fire_transfer_labile"),
    ),
    "foliar": PoolFluxes(
        ("foliar_production", "labile_release"),
        ("foliar_litter", "fire_combustion_foliar", "fire_transfer_foliar"),
    ),
    "root": PoolFluxes(
        ("root_production",),
        ("root_litter", "fire_combustion_root", "fire_transfer_root"),
    ),
    "wood": PoolFluxes(
        ("wood_production",),
        ("wood_litter", "fire_combustion_wood", "fire_transfer_wood"),
    ),
    "litter": PoolFluxes(
        (
            "foliar_litter",
            "root_litter",
            "fire_transfer_labile",
            "fire_transfer_foliar",
            "fire_transfer_root",
        ),
        (
            "heterotrophic_respiration_litter",
            "litter_to_som",
            "fire_combustion_litter",
            "fire_transfer_litter",
        ),
    ),
    "som": PoolFluxes(
        ("wood_litter", "litter_to_som", "fire_transfer_wood", "fire_transfer_litter"),
        ("heterotrophic_respiration_som", "fire_combustion_som"),
    ),
}
"""Budget of each carbon pool; its closure is tested."""


def equilibrium_term(
    outputs: Outputs, initial: Pools, observations: Observations
) -> Float[Array, ""]:
    """Distance of the six carbon pools from equilibrium (after Bloom & Williams 2015).

    For each pool: total inflow over total outflow, times the mean of the December states over
    the initial state; the squared binary logarithm of that, summed over pools and cells.
    """
    total = jnp.zeros_like(initial.labile)
    for pool, fluxes in POOL_FLUXES.items():
        inflow = sum(outputs[name].sum(axis=0) for name in fluxes.inflow)
        outflow = sum(outputs[name].sum(axis=0) for name in fluxes.outflow)
        december = outputs[pool][MONTHS_PER_YEAR - 1 :: MONTHS_PER_YEAR].mean(axis=0)
        ratio = inflow / jnp.maximum(outflow, EPSILON) * december / getattr(initial, pool)
        # Refilling a pool that fire left below its bound counts as negative outflow elsewhere.
        total = total + jnp.log2(jnp.maximum(ratio, 0) + EPSILON) ** 2
    return jnp.sum(total * observations.in_equilibrium)


Term = Callable[[Outputs, Pools, Observations], Float[Array, ""]]

TERMS: Mapping[str, Term] = {
    "sif": lambda outputs, _, observed: monthly_term("sif", outputs, observed),
    "lai": lambda outputs, _, observed: monthly_term("lai", outputs, observed),
    "et": lambda outputs, _, observed: monthly_term("et", outputs, observed),
    "gpp_site": lambda outputs, _, observed: monthly_term("gpp_site", outputs, observed),
    "reco_site": lambda outputs, _, observed: monthly_term("reco_site", outputs, observed),
    "et_site": lambda outputs, _, observed: monthly_term("et_site", outputs, observed),
    "biomass": lambda outputs, _, observed: annual_term("biomass", outputs, observed),
    "vod": lambda outputs, _, observed: annual_term("vod", outputs, observed),
    "soc": lambda outputs, _, observed: soc_term(outputs, observed),
    "nbe": lambda outputs, _, observed: patch_term("nbe", outputs, observed),
    "nbe_annual": lambda outputs, _, observed: nbe_annual_term(outputs, observed),
    "fire": lambda outputs, _, observed: patch_term("fire", outputs, observed),
    "ewt": lambda outputs, _, observed: ewt_term(outputs, observed),
    "violation": lambda outputs, _, observed: violation_term(outputs, observed),
    "equilibrium": equilibrium_term,
}
"""Every term of the loss, before its weight."""

PAPER_WEIGHTS: Mapping[str, float] = {
    "sif": 400.0,
    "lai": 10.0,
    "et": 1.0,
    "gpp_site": 100.0,
    "reco_site": 100.0,
    "et_site": 100.0,
    "biomass": 5e-5,
    "vod": 100.0,
    "soc": 3e-6,
    "nbe": 3000.0,
    "nbe_annual": 3000.0 * 3.46,
    "fire": 1000.0,
    "ewt": 0.2,
    "violation": 400.0,
    "equilibrium": 10.0,
}
"""Weight of each term in the paper (Table S3), per squared unit of the observation."""


def needed_outputs(terms: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the model outputs that these terms are made of, sorted."""
    names: set[str] = set()
    for term in terms:
        if term == "violation":
            names.add("water_violation")
        elif term == "equilibrium":
            for pool, fluxes in POOL_FLUXES.items():
                names.update((pool, *fluxes.inflow, *fluxes.outflow))
        else:
            names.update(OBSERVABLES[term.removesuffix("_annual")].outputs)
    return tuple(sorted(names))


def loss_terms(
    weights: Mapping[str, float], outputs: Outputs, initial: Pools, observations: Observations
) -> dict[str, Float[Array, ""]]:
    """Weighted value of each term for one patch.

    Parameters
    ----------
    weights
        Weight by term; a term that is absent is off.
    outputs
        Model outputs by name, each of shape (time, cell); see :func:`needed_outputs`.
    initial
        Initial pools, gC m-2 and mm, each of shape (cell,).
    observations
        Of the same patch.
    """
    return {
        term: weight * TERMS[term](outputs, initial, observations)
        for term, weight in weights.items()
    }

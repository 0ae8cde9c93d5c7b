"""The loss: weighted squared distance to every observation, and two soft constraints.

Paper, equation 4. All terms are of one patch. A slot that only pads the patch, and a month
without an observation, contribute exactly nothing to value or gradient.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.driver import MONTHS_PER_YEAR, annual_mean
from differland.model.parameters import Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations, sum_of_years
from differland.observables import ANNUAL_SUFFIX, OBSERVABLES, observable_of
from differland.tables import OUTPUTS

Outputs = Mapping[str, Float[Array, "..."]]

EPSILON = 1e-3
"""Keeps divisions and logarithms finite, as in the published loss: the reference needs it."""


class Observations(NamedTuple):
    """Observations of one patch, with weights that are zero where there is none.

    Attributes
    ----------
    value, weight
        Values and weights by target (see :data:`differland.observables.OBSERVABLES`): of shape
        (time, cell) for monthly cell and site targets, (year, cell) for annual ones, (cell,) for
        static ones, (time,) for monthly patch targets and (year,) for ``nbe_annual``. Values are in
        the units of ``resources/variables.csv``, zero where the weight is zero.
    valid
        1 for a cell, 0 for a slot that pads the patch; shape (cell,).
    in_equilibrium
        1 for a cell on which the equilibrium constraint acts; shape (cell,).
    """

    value: Mapping[str, Float[Array, "..."]]
    weight: Mapping[str, Float[Array, "..."]]
    valid: Float[Array, " cell"]
    in_equilibrium: Float[Array, " cell"]


class Trajectory(NamedTuple):
    """Reduced record of a simulation.

    Attributes
    ----------
    kept
        Record that :func:`keep_for` the terms of the loss defines.
    months
        Number of months.
    """

    kept: Kept
    months: int


def squared_error(
    modelled: Float[Array, "..."], observed: Float[Array, "..."], weight: Float[Array, "..."]
) -> Float[Array, ""]:
    """Weighted sum of squared differences."""
    return jnp.sum(weight * (modelled - observed) ** 2)


def patch_squared_error(
    modelled: Float[Array, " step"],
    observed: Float[Array, " step"],
    weight: Float[Array, " step"],
    valid: Float[Array, " cell"],
) -> Float[Array, ""]:
    """Weighted sum of squared differences of patch means.

    The means run over all slots of the patch, padding counting as zero, and the square is
    weighted by the share of valid slots: a half-full patch weighs less.

    Parameters
    ----------
    modelled
        Sum over the valid cells.
    observed, weight
        Observations of the patch and their weights.
    valid
        Mask of valid cells, as in :class:`Observations`.
    """
    coverage = valid.mean()
    return squared_error(modelled / valid.size, observed * coverage, weight * coverage)


def monthly_term(target: str, run: Trajectory) -> Float[Array, ""]:
    """Squared error of a monthly cell or site target."""
    return run.kept.totals[squared_error_of(target)].sum()


def squared_error_of(target: str) -> str:
    """Name of the total of a cell's weighted squared errors of a monthly target."""
    return f"{target}_squared_error"


def annual_term(target: str, run: Trajectory, observations: Observations) -> Float[Array, ""]:
    """Squared error of the annual means of a cell target."""
    return squared_error(
        run.kept.years[target] / MONTHS_PER_YEAR,
        observations.value[target],
        observations.weight[target],
    )


def soc_term(run: Trajectory, observations: Observations) -> Float[Array, ""]:
    """Squared error of the time-mean soil pool."""
    modelled = run.kept.totals["soc"] / run.months
    return squared_error(modelled, observations.value["soc"], observations.weight["soc"])


def patch_term(target: str, run: Trajectory, observations: Observations) -> Float[Array, ""]:
    """Squared error of the monthly patch mean."""
    return patch_squared_error(
        run.kept.patch[target],
        observations.value[target],
        observations.weight[target],
        observations.valid,
    )


def nbe_annual_term(run: Trajectory, observations: Observations) -> Float[Array, ""]:
    """Squared error of the annual patch mean of net biosphere exchange."""
    return patch_squared_error(
        annual_mean(run.kept.patch["nbe"]),
        observations.value["nbe_annual"],
        observations.weight["nbe_annual"],
        observations.valid,
    )


def water_anomaly(
    water: Float[Array, "time cell"], weight: Float[Array, " time"]
) -> Float[Array, "time cell"]:
    """Water pool minus its own mean over the observed months (those with a weight), mm."""
    observed = (weight > 0).astype(water.dtype)[:, None]
    mean = (water * observed).sum(axis=0, keepdims=True) / (observed.sum() + EPSILON)
    return water - mean


def ewt_term(run: Trajectory, observations: Observations) -> Float[Array, ""]:
    """Squared error of the monthly patch mean of the water anomaly.

    All cells of a patch are observed in the same months, so that the mean of their anomalies is
    the anomaly of their mean.
    """
    weight = observations.weight["ewt"]
    anomaly = water_anomaly(run.kept.patch["ewt"][:, None], weight)[:, 0]
    return patch_squared_error(anomaly, observations.value["ewt"], weight, observations.valid)


def violation_term(run: Trajectory, observations: Observations) -> Float[Array, ""]:
    """Sum of the reported shortfall of water: keeps the bucket from being emptied."""
    return jnp.sum(run.kept.totals["water_violation"] * observations.valid)


class PoolFluxes(NamedTuple):
    """Names of the outputs that enter and leave a carbon pool."""

    inflow: tuple[str, ...]
    outflow: tuple[str, ...]


POOL_FLUXES: Mapping[str, PoolFluxes] = {
    pool: PoolFluxes(
        inflow=tuple(name for name, row in OUTPUTS.items() if row.to_pool == pool),
        outflow=tuple(name for name, row in OUTPUTS.items() if row.from_pool == pool),
    )
    for pool in Pools._fields
    if pool != "water"
}
"""Budget of each carbon pool, after ``resources/variables.csv``; its closure is tested."""


def equilibrium_term(
    run: Trajectory, initial: Pools, observations: Observations
) -> Float[Array, ""]:
    """Distance of the six carbon pools from equilibrium (after Bloom & Williams 2015).

    For each pool: total inflow over total outflow, times the mean of the December states over
    the initial state; the squared binary logarithm of that, summed over pools and cells.
    """
    total = jnp.zeros_like(initial.labile)
    for pool in POOL_FLUXES:
        inflow, outflow = run.kept.totals[f"{pool}_inflow"], run.kept.totals[f"{pool}_outflow"]
        december = run.kept.totals[f"{pool}_in_december"] / (run.months // MONTHS_PER_YEAR)
        ratio = inflow / jnp.maximum(outflow, EPSILON) * december / getattr(initial, pool)
        # Refilling a pool that fire left below its bound counts as negative outflow elsewhere.
        total = total + jnp.log2(jnp.maximum(ratio, 0) + EPSILON) ** 2
    return jnp.sum(total * observations.in_equilibrium)


CONSTRAINTS = ("violation", "equilibrium")
"""Terms that need no observation."""

Term = Callable[[Trajectory, Pools, Observations], Float[Array, ""]]

TERMS: Mapping[str, Term] = {
    "sif": lambda run, *_: monthly_term("sif", run),
    "lai": lambda run, *_: monthly_term("lai", run),
    "et": lambda run, *_: monthly_term("et", run),
    "gpp_site": lambda run, *_: monthly_term("gpp_site", run),
    "reco_site": lambda run, *_: monthly_term("reco_site", run),
    "et_site": lambda run, *_: monthly_term("et_site", run),
    "biomass": lambda run, _, observed: annual_term("biomass", run, observed),
    "vod": lambda run, _, observed: annual_term("vod", run, observed),
    "soc": lambda run, _, observed: soc_term(run, observed),
    "nbe": lambda run, _, observed: patch_term("nbe", run, observed),
    "nbe_annual": lambda run, _, observed: nbe_annual_term(run, observed),
    "fire": lambda run, _, observed: patch_term("fire", run, observed),
    "fire_cell": lambda run, *_: monthly_term("fire_cell", run),
    "ewt": lambda run, _, observed: ewt_term(run, observed),
    "violation": lambda run, _, observed: violation_term(run, observed),
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


def needed_outputs(terms: Iterable[str]) -> tuple[str, ...]:
    """Names of the model outputs from which these terms are computed, sorted."""
    names: set[str] = set()
    for term in terms:
        if term == "violation":
            names.add("water_violation")
        elif term == "equilibrium":
            for pool, fluxes in POOL_FLUXES.items():
                names.update((pool, *fluxes.inflow, *fluxes.outflow))
        else:
            names.update(observable_of(term).outputs)
    return tuple(sorted(names))


def is_monthly_of_cells(term: str) -> bool:
    """Whether a term compares every month of every cell."""
    return term in OBSERVABLES and (
        OBSERVABLES[term].resolution == "month" and OBSERVABLES[term].support != "patch"
    )


def keep_for(terms: Collection[str]) -> Keep:
    """Rule that reduces each month to the least record from which these terms can be computed."""
    compared = tuple(term for term in terms if is_monthly_of_cells(term))
    # Annual terms of a monthly target need what the monthly term needs.
    targets = {t.removesuffix(ANNUAL_SUFFIX) for t in terms if t not in CONSTRAINTS}

    def of(outputs: Outputs, december: Array, observations: MonthlyObservations) -> Kept:
        patch: dict[str, Array] = {}
        years: dict[str, Array] = {}
        totals: dict[str, Array] = {}
        for target in sorted(targets):
            observable = OBSERVABLES[target]
            modelled = observable.of(outputs)
            if target in compared:
                distance = modelled - observations.value[target]
                error = observations.weight[target] * distance**2
                totals[squared_error_of(target)] = error
            elif observable.support == "patch":
                patch[target] = modelled * observations.valid
            elif observable.resolution == "year":
                years[target] = modelled
            else:
                totals[target] = modelled
        if "violation" in terms:
            totals["water_violation"] = outputs["water_violation"]
        if "equilibrium" in terms:
            for pool, fluxes in POOL_FLUXES.items():
                totals[f"{pool}_inflow"] = sum_of(outputs, fluxes.inflow)
                totals[f"{pool}_outflow"] = sum_of(outputs, fluxes.outflow)
                totals[f"{pool}_in_december"] = outputs[pool] * december
        return Kept(patch=patch, years=years, totals=totals)

    return Keep(of, compared)


def monthly_observations(keep: Keep, observations: Observations) -> MonthlyObservations:
    """Observations of a patch that the loop over months needs."""
    return MonthlyObservations(
        {target: observations.value[target] for target in keep.compared},
        {target: observations.weight[target] for target in keep.compared},
        observations.valid,
    )


def sum_of(outputs: Outputs, names: Sequence[str]) -> Float[Array, "..."]:
    """Sum of the outputs with these names."""
    return sum((outputs[name] for name in names[1:]), start=outputs[names[0]])


def trajectory_of(
    terms: Collection[str], outputs: Outputs, observations: Observations
) -> Trajectory:
    """Reduced record for these terms, from outputs that are known for whole years already.

    Parameters
    ----------
    terms
        Names of terms of the loss.
    outputs
        Model outputs by name, each of shape (time, cell); see :func:`needed_outputs`.
    observations
        Observations of the same patch.
    """
    months = next(iter(outputs.values())).shape[0]
    december = jnp.arange(months)[:, None] % MONTHS_PER_YEAR == MONTHS_PER_YEAR - 1
    keep = keep_for(terms)
    value, weight, valid = monthly_observations(keep, observations)

    def of_month(outputs: Outputs, december: Array, value: Any, weight: Any) -> Kept:
        return keep.of(outputs, december, MonthlyObservations(value, weight, valid))

    monthly = jax.vmap(of_month)(outputs, december.astype(float), value, weight)
    kept = Kept(
        patch={name: values.sum(axis=1) for name, values in monthly.patch.items()},
        years={name: sum_of_years(values) for name, values in monthly.years.items()},
        totals={name: values.sum(axis=0) for name, values in monthly.totals.items()},
    )
    return Trajectory(kept, months)


def loss_terms(
    weights: Mapping[str, float], run: Trajectory, initial: Pools, observations: Observations
) -> dict[str, Float[Array, ""]]:
    """Weighted value of each term for one patch.

    Parameters
    ----------
    weights
        Weight by term; a term that is absent is off.
    run
        Reduced record of the simulation, as :func:`keep_for` defines it for these terms.
    initial
        Initial pools, gC m-2 and mm, each of shape (cell,).
    observations
        Observations of the same patch.
    """
    return {
        term: weight * TERMS[term](run, initial, observations) for term, weight in weights.items()
    }

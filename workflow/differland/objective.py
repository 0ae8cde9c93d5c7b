"""The loss: weighted squared distance to every observation, and two soft constraints.

Paper, equation 4; docs/training.md, "The loss". The terms are in :mod:`differland.terms`; here is
what they share: their observations, the record of the months, and their sum.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from differland.driver import MONTHS_PER_YEAR
from differland.model.parameters import Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations, sum_of_years
from differland.terms import TERMS, ObservedTerm

Outputs = Mapping[str, Float[Array, "..."]]


class Observations(NamedTuple):
    """Observations of one patch, with weights that are zero where there is none.

    Attributes
    ----------
    value, weight
        Values and weights by term (see :data:`differland.terms.OBSERVED_TERMS`): of shape
        (time, cell), (year, cell) or (cell,) for those of cells and sites, (time,) or (year,) for
        those of patches, by their resolution. Values are in the units of
        ``resources/variables.csv``, zero where the weight is zero.
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


def needed_outputs(terms: Iterable[str]) -> tuple[str, ...]:
    """Names of the model outputs from which these terms are computed, sorted."""
    return tuple(sorted({name for term in terms for name in TERMS[term].outputs}))


def keep_for(terms: Collection[str]) -> Keep:
    """Rule that reduces each month to the least record from which these terms can be computed."""
    # One order, whatever that of the terms is: gradients round by it.
    chosen = sorted(
        (TERMS[name] for name in terms),
        key=lambda term: (not isinstance(term, ObservedTerm), term.name),
    )

    def of(outputs: Outputs, december: Array, observations: MonthlyObservations) -> Kept:
        kept: dict[str, dict[str, Array]] = {field: {} for field in Kept._fields}
        for term in chosen:
            for field, values in term.keep(outputs, december, observations).items():
                kept[field].update(values)
        return Kept(**kept)

    return Keep(of, tuple(term.name for term in chosen if term.compares_months))


def monthly_observations(keep: Keep, observations: Observations) -> MonthlyObservations:
    """Observations of a patch that the loop over months needs."""
    return MonthlyObservations(
        {target: observations.value[target] for target in keep.compared},
        {target: observations.weight[target] for target in keep.compared},
        observations.valid,
    )


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
        term: weight * TERMS[term].value(run, initial, observations)
        for term, weight in weights.items()
    }

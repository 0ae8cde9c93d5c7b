"""The terms of the loss: each is one object, and all that is done with a term follows from it.

A term says what it compares with which observation, where and when, what is kept of a month, and
how its value comes from that. By :data:`TERMS` go the loop over months, the loss, training data,
settings and their pages, metrics and figures; docs/model.md, "A term of the loss".

Whoever plans a study needs this table, but not the second that importing JAX takes: what
calculates with JAX is imported where it does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from differland.tables import OBSERVATIONS, OUTPUTS, PARAMETERS

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from differland.model.parameters import Pools
    from differland.model.simulate import MonthlyObservations
    from differland.objective import Observations, Trajectory

    Outputs = Mapping[str, Float[Array, "..."]]
    Record = Mapping[str, Mapping[str, Float[Array, "..."]]]
    """Fields of :class:`differland.model.simulate.Kept`, and what each has by name."""

Support = Literal["cell", "site", "patch"]
Resolution = Literal["month", "year", "static"]


@dataclass(frozen=True, kw_only=True)
class Term(ABC):
    """A term of the loss.

    Attributes
    ----------
    name
        Name in the configuration and in every file.
    quantity
        What of the model it is about.
    support
        Where: in each grid cell, at the flux towers in a grid cell, or in the mean of a patch.
    resolution
        When: in each month, in the mean of each calendar year, or in that of all months.
    paper_weight
        Weight in the paper (Table S3), per squared unit of what it is about; None: the paper has
        no such term.
    description
        What there is to say of it in the configuration.
    """

    name: str
    quantity: str
    support: Support
    resolution: Resolution
    paper_weight: float | None
    description: str = ""
    compares_months: ClassVar[bool] = False
    """Whether the record of a month depends on the observations of the month."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Model outputs that it is computed from."""

    @abstractmethod
    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Reduce a month to what the value needs; runs inside the loop, element by element."""

    @abstractmethod
    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Value for a patch, before the weight, from the reduced record of all months."""

    @property
    def title(self) -> str:
        """What it is, in words."""
        return self.description

    @property
    def times(self) -> str:
        """Its resolution, in words."""
        return "all months" if self.resolution == "static" else self.resolution


QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "reco": ("gpp", "nee"),
    "biomass": ("labile", "foliar", "root", "wood"),
    "soc": ("som",),
    "fire": ("fire_emission",),
    "ewt": ("water",),
}
"""Quantities that are no output of the model, and the outputs whose sum they are. (``ewt`` is the
water pool: its anomaly depends on which months are observed.)"""


@dataclass(frozen=True, kw_only=True)
class ObservedTerm(Term):
    """A term that compares the model with an observation.

    Attributes
    ----------
    quantity
        A key of ``differland.tables.OUTPUTS``.
    variable
        The driver variable that holds its observations unless the configuration says another.
    symbol
        Label in figures.
    is_optional
        Whether it is off unless the configuration names a variable.
    needs_full_patch
        Whether it counts only where most of the patch is valid (paper, Methods).
    repeats
        Name of the term whose observations it compares once more; metrics know that one alone.
    """

    variable: str
    symbol: str
    is_optional: bool = False
    needs_full_patch: bool = False
    repeats: str = ""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Model outputs whose sum the quantity is."""
        return QUANTITIES.get(self.quantity, (self.quantity,))

    def modelled(self, outputs: Outputs) -> Array:
        """Give the modelled quantity of each month."""
        return sum_of(outputs, self.outputs)

    @property
    def title(self) -> str:
        """Meaning of the observed variable."""
        return OBSERVATIONS[self.variable].long_name


def sum_of(outputs: Outputs, names: Sequence[str]) -> Array:
    """Sum of the outputs with these names."""
    return sum((outputs[name] for name in names[1:]), start=outputs[names[0]])


@dataclass(frozen=True, kw_only=True)
class EachMonth(ObservedTerm):
    """Squared error of every month of every cell."""

    support: Support = "cell"
    resolution: Resolution = "month"
    compares_months: ClassVar[bool] = True

    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Add up squared errors, so that no series has to be kept."""
        distance = self.modelled(outputs) - observed.value[self.name]
        error = observed.weight[self.name] * distance**2
        return {"totals": {f"{self.name}_squared_error": error}}

    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Sum over cells."""
        return run.kept.totals[f"{self.name}_squared_error"].sum()


@dataclass(frozen=True, kw_only=True)
class YearMeans(ObservedTerm):
    """Squared error of the mean of every calendar year of every cell."""

    support: Support = "cell"
    resolution: Resolution = "year"

    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Add up the months of each year."""
        return {"years": {self.quantity: self.modelled(outputs)}}

    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Compare the means of years."""
        from differland.distances import squared_error
        from differland.driver import MONTHS_PER_YEAR

        modelled = run.kept.years[self.quantity] / MONTHS_PER_YEAR
        return squared_error(modelled, observed.value[self.name], observed.weight[self.name])


@dataclass(frozen=True, kw_only=True)
class TimeMean(ObservedTerm):
    """Squared error of the mean of every cell over all months."""

    support: Support = "cell"
    resolution: Resolution = "static"

    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Add up all months."""
        return {"totals": {self.quantity: self.modelled(outputs)}}

    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Compare the means over time."""
        from differland.distances import squared_error

        modelled = run.kept.totals[self.quantity] / run.months
        return squared_error(modelled, observed.value[self.name], observed.weight[self.name])


@dataclass(frozen=True, kw_only=True)
class PatchMeans(ObservedTerm):
    """Squared error of the mean of a patch, of every month or calendar year."""

    support: Support = "patch"
    resolution: Resolution = "month"

    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Add up the valid cells of the patch."""
        return {"patch": {self.quantity: self.modelled(outputs) * observed.valid}}

    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Compare the means of the patch."""
        from differland.distances import patch_squared_error

        value, weight = observed.value[self.name], observed.weight[self.name]
        return patch_squared_error(self.steps(run, weight), value, weight, observed.valid)

    def steps(self, run: Trajectory, weight: Float[Array, " step"]) -> Float[Array, " step"]:
        """Give the modelled sum over the patch at each step that is compared."""
        from differland.driver import annual_mean

        months = run.kept.patch[self.quantity]
        return annual_mean(months) if self.resolution == "year" else months


@dataclass(frozen=True, kw_only=True)
class PatchAnomalies(PatchMeans):
    """Squared error of the mean of a patch, without its own mean over the observed months."""

    def steps(self, run: Trajectory, weight: Float[Array, " step"]) -> Float[Array, " step"]:
        """Give the sum of anomalies over the patch in each month.

        All cells of a patch are observed in the same months, so that the mean of their anomalies
        is the anomaly of their mean.
        """
        from differland.distances import water_anomaly

        return water_anomaly(run.kept.patch[self.quantity][:, None], weight)[:, 0]


@dataclass(frozen=True, kw_only=True)
class Violation(Term):
    """Sum of the reported shortfall of water: keeps the bucket from being emptied."""

    support: Support = "cell"
    resolution: Resolution = "month"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The shortfall."""
        return (self.quantity,)

    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Add up all months."""
        return {"totals": {self.quantity: outputs[self.quantity]}}

    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Sum over the valid cells."""
        return (run.kept.totals[self.quantity] * observed.valid).sum()


class PoolFluxes(NamedTuple):
    """Names of the outputs that enter and leave a carbon pool."""

    inflow: tuple[str, ...]
    outflow: tuple[str, ...]


POOL_FLUXES: Mapping[str, PoolFluxes] = {
    pool: PoolFluxes(
        inflow=tuple(name for name, row in OUTPUTS.items() if row.to_pool == pool),
        outflow=tuple(name for name, row in OUTPUTS.items() if row.from_pool == pool),
    )
    for parameter, row in PARAMETERS.items()
    if row.head == "initial" and (pool := parameter.removeprefix("initial_")) != "water"
}
"""Budget of each carbon pool, after ``resources/variables.csv``; its closure is tested."""


@dataclass(frozen=True, kw_only=True)
class Equilibrium(Term):
    """Distance of the six carbon pools from equilibrium (after Bloom & Williams 2015).

    For each pool: total inflow over total outflow, times the mean of the December states over
    the initial state; the squared binary logarithm of that, summed over pools and cells.
    """

    support: Support = "cell"
    resolution: Resolution = "static"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Pools, and all fluxes into and out of them."""
        every = ((pool, *fluxes.inflow, *fluxes.outflow) for pool, fluxes in POOL_FLUXES.items())
        return tuple(dict.fromkeys(name for names in every for name in names))

    def keep(self, outputs: Outputs, december: Array, observed: MonthlyObservations) -> Record:
        """Add up all months of the fluxes, and all Decembers of the pools."""
        totals: dict[str, Array] = {}
        for pool, fluxes in POOL_FLUXES.items():
            totals[f"{pool}_inflow"] = sum_of(outputs, fluxes.inflow)
            totals[f"{pool}_outflow"] = sum_of(outputs, fluxes.outflow)
            totals[f"{pool}_in_december"] = outputs[pool] * december
        return {"totals": totals}

    def value(self, run: Trajectory, initial: Pools, observed: Observations) -> Float[Array, ""]:
        """Sum over pools and over the cells that it acts on."""
        from differland.distances import squared_doublings
        from differland.driver import MONTHS_PER_YEAR

        totals, years = run.kept.totals, run.months // MONTHS_PER_YEAR
        distances = [
            squared_doublings(
                totals[f"{pool}_inflow"],
                totals[f"{pool}_outflow"],
                totals[f"{pool}_in_december"] / years,
                getattr(initial, pool),
            )
            for pool in POOL_FLUXES
        ]
        return (sum(distances) * observed.in_equilibrium).sum()


_TERMS: tuple[Term, ...] = (
    EachMonth(name="sif", quantity="sif", variable="sif", symbol="SIF", paper_weight=400.0),
    EachMonth(name="lai", quantity="lai", variable="lai", symbol="LAI", paper_weight=10.0),
    EachMonth(name="et", quantity="et", variable="et", symbol="ET", paper_weight=1.0),
    EachMonth(
        name="gpp_site",
        quantity="gpp",
        variable="gpp_site",
        support="site",
        symbol="GPP, towers",
        paper_weight=100.0,
    ),
    EachMonth(
        name="reco_site",
        quantity="reco",
        variable="reco_site",
        support="site",
        symbol="RECO, towers",
        paper_weight=100.0,
    ),
    EachMonth(
        name="et_site",
        quantity="et",
        variable="et_site",
        support="site",
        symbol="ET, towers",
        paper_weight=100.0,
    ),
    YearMeans(
        name="biomass",
        quantity="biomass",
        variable="biomass",
        symbol="Biomass",
        paper_weight=5e-5,
    ),
    YearMeans(
        name="vod",
        quantity="vod",
        variable="vod",
        symbol="VOD",
        paper_weight=100.0,
        is_optional=True,
        description="off in the paper's main study",
    ),
    TimeMean(
        name="soc",
        quantity="soc",
        variable="soil_organic_carbon",
        symbol="SOC",
        paper_weight=3e-6,
    ),
    PatchMeans(
        name="nbe",
        quantity="nbe",
        variable="nbe",
        symbol="NBE",
        paper_weight=3000.0,
        needs_full_patch=True,
    ),
    PatchMeans(
        name="nbe_annual",
        quantity="nbe",
        variable="nbe",
        resolution="year",
        symbol="NBE, annual",
        paper_weight=3000.0 * 3.46,
        needs_full_patch=True,
        repeats="nbe",
        description="3000 x 3.46",
    ),
    PatchMeans(
        name="fire",
        quantity="fire",
        variable="fire_emission",
        symbol="Fire",
        paper_weight=1000.0,
    ),
    PatchAnomalies(
        name="ewt",
        quantity="ewt",
        variable="ewt",
        symbol="EWT",
        paper_weight=0.2,
        needs_full_patch=True,
    ),
    EachMonth(
        name="fire_cell",
        quantity="fire",
        variable="fire_emission_cell",
        symbol="Fire, cells",
        paper_weight=None,
        is_optional=True,
        description="fire_emission_cell, instead of fire; 1000 / 320 cells",
    ),
    Violation(
        name="violation",
        quantity="water_violation",
        paper_weight=400.0,
        description="water that the pool cannot supply, not squared",
    ),
    Equilibrium(
        name="equilibrium",
        quantity="six carbon pools",
        paper_weight=10.0,
        description="penalty on carbon pools that are not near equilibrium",
    ),
)

TERMS: Mapping[str, Term] = {term.name: term for term in _TERMS}
"""Every term of the loss by its name."""

OBSERVED_TERMS: Mapping[str, ObservedTerm] = {
    name: term for name, term in TERMS.items() if isinstance(term, ObservedTerm)
}
"""Those that compare with an observation; the others are constraints."""

OBSERVABLES: Mapping[str, ObservedTerm] = {
    name: term for name, term in OBSERVED_TERMS.items() if not term.repeats
}
"""Targets: the terms whose observations metrics and figures compare, each observation once."""

OBSERVED_VARIABLES: Mapping[str, str] = {name: term.variable for name, term in OBSERVABLES.items()}
"""The driver variable of each target unless the configuration says another."""

PAPER_WEIGHTS: Mapping[str, float] = {
    name: term.paper_weight for name, term in TERMS.items() if term.paper_weight is not None
}
"""Weight of each term in the paper."""

"""The settings that decide what a member becomes: what is trained, on what, and how."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, create_model

import differland
from differland import terms
from differland.settings.kinds import Cells, Fraction, Number, Section, Seed, Unique
from differland.terms import TERMS

Names = Unique[Annotated[str, Field(description="name of a predictor")]]
Weight = Annotated[Number, Field(ge=0, le=1e12)]


class Predictors(Section):
    """The predictors of each group, by their names in resources/variables.csv."""

    PFT: Names = Field(description="names of plant functional types, which are cover fractions")
    CLIM: Names = Field(description="names of predictors of climate")
    AGE: Names = Field(description="names of predictors of the vegetation's age and height")
    SOIL: Names = Field(description="names of predictors of the soil")


class Patches(Section):
    """The patches that training goes through, and what is held out."""

    minimum_cells: Cells = Field(
        description="least number of valid cells of a patch; patches with fewer are left out"
    )
    slots: Cells | None = Field(
        description="number of cells of a full patch, to which all are padded (4 x 5 degrees at "
        "0.25 degree); null: that of the largest patch"
    )
    bulk_coverage: Fraction = Field(
        description="least fraction of slots with valid cells, for NBE and water storage of a "
        "patch to count"
    )
    test_fraction: Annotated[Number, Field(gt=0, le=1)] = Field(
        description="fraction of all patches that is held out; one test set for the whole study"
    )
    development_fraction: Fraction = Field(
        description="fraction of the other patches that is held back; each member draws its own "
        "in stage develop"
    )
    seed: Seed = Field(description="seed of the random choice of test patches")
    flags: Literal["drawn", "published"] = Field(
        description="the test set, and where NBE and water storage count: drawn by the keys above "
        "| published: as in the published driver"
    )


class Network(Section):
    """The spatialization network."""

    hidden_layers: int = Field(ge=1, le=100, description="number of hidden layers")
    width: int = Field(ge=1, le=10_000, description="units per hidden layer")
    activation: Literal["relu", "leaky_relu"] = Field(
        description="relu | leaky_relu: of slope 0.01 (published code)"
    )


class Model(Section):
    """Choices in the process model, in which paper and published code differ."""

    step_length: Literal["calendar"] | Annotated[Number, Field(gt=0, le=31)] = Field(
        description="calendar: real month lengths | days of every month (published code: 30)"
    )
    moisture_reference: Literal["forcing", "mean_annual_precipitation"] = Field(
        description="precipitation at which decomposition is not limited, forcing: mean of the "
        "forcing | mean_annual_precipitation (published code)"
    )


class Term(Section):
    """A term of the loss."""

    weight: Weight = Field(description="weight of the term in the loss")


class ObservedTerm(Term):
    """A term of the loss that compares the model with an observation."""

    observation: str | None = Field(
        description="name of the observed variable in the driver; null: the term is off"
    )


class EquilibriumTerm(Term):
    """Penalty on carbon pools that are not near equilibrium."""

    mask: Literal["valid", "first_month_lai"] = Field(
        description="valid: every cell | first_month_lai: cells with LAI observed in the first "
        "month (published code)"
    )


def _with_terms(loss: type[Section]) -> type[Section]:
    """Give the section of the loss a field for each term."""
    fields: dict[str, Any] = {
        name: (_section_of(term), Field(description=_meaning(term))) for name, term in TERMS.items()
    }
    return create_model(
        loss.__name__, __base__=loss, __module__=loss.__module__, __doc__=loss.__doc__, **fields
    )


def _section_of(term: terms.Term) -> type[Term]:
    if isinstance(term, terms.Equilibrium):
        return EquilibriumTerm
    return ObservedTerm if isinstance(term, terms.ObservedTerm) else Term


def _meaning(term: terms.Term) -> str:
    """What a term is, where and when, and what else there is to say of it."""
    remark = f"; {term.description}" if term.description not in ("", term.title) else ""
    return f"{term.title} ({term.support}, {term.times}){remark}"


@_with_terms
class Loss(Section):
    """Terms of the loss."""

    if TYPE_CHECKING:
        equilibrium: EquilibriumTerm

    @property
    def weights(self) -> dict[str, float]:
        """Weights by term."""
        return {name: term.weight for name, term in self}

    @property
    def observations(self) -> dict[str, str | None]:
        """Driver variable by term; None turns the term off. The two constraints have none."""
        return {name: term.observation for name, term in self if isinstance(term, ObservedTerm)}

    def active(self, observed: Collection[str]) -> dict[str, float]:
        """Weights of the terms that are on: those that are `observed` or need no observation."""
        unobserved = self.observations.keys() - set(observed)
        return {name: weight for name, weight in self.weights.items() if name not in unobserved}


class Optimisation(Section):
    """How weights are found: a change trains members again."""

    epochs: int = Field(ge=1, le=1_000_000, description="passes over all training patches")
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = Field(
        description="learning rate of Adam; published code: 5.0e-5"
    )
    learning_rate_decay: Literal["none", "cosine"] = Field(
        description="none: the learning rate stays (paper) | cosine: it falls to zero along half a "
        "cosine, so that fewer epochs are enough"
    )
    gradient_clip_norm: Annotated[Number, Field(gt=0, le=1e30)] | None = Field(
        description="greatest global norm of one patch's gradient; null: no clipping, as in the "
        "paper"
    )
    order_seed: Seed = Field(
        description="seed of the order of patches and cells; shared by all members of the study"
    )
    initial_weights: Literal["seed", "fresh"] = Field(
        description="seed: drawn from the member's seed | fresh: drawn anew at every run "
        "(published code)"
    )


class Training(Optimisation):
    """How members are trained."""

    # How members are put into jobs, computed and saved.

    maximum_restarts: int = Field(
        ge=0,
        le=1000,
        description="most restarts, from new initial weights, of a member whose loss becomes "
        "non-finite",
    )
    checkpoint_interval: int = Field(
        ge=1,
        le=1_000_000,
        description="epochs between checkpoints; a killed job loses at most this much",
    )
    members_per_job: int = Field(
        ge=1,
        le=10_000,
        description="members that one job trains side by side, in the order of setups",
    )
    engine: Literal["auto", "xla", "kernel"] = Field(
        description="auto: kernel on CPUs where it can run, else xla | kernel (CPUs, GPUs) | xla; "
        "equal to rounding"
    )
    threads: int = Field(ge=1, le=1024, description="CPU cores that a training job asks for")
    permit_cpu: bool = Field(
        description="whether a job that asks for a GPU trains on CPU cores where JAX sees no GPU"
    )


HOW_TRAINED = frozenset(Training.model_fields) - frozenset(Optimisation.model_fields)
"""Keys of training that say how members are put into jobs, computed and saved: a change of them
trains nothing again."""


class MemberSettings(Section):
    """The sections that decide what a member becomes."""

    predictors: Predictors
    patches: Patches
    network: Network
    model: Model
    loss: Loss
    training: Training

    @classmethod
    def from_configuration(cls, config: Mapping[str, Any]) -> Self:
        """Take these sections of a configuration that was checked."""
        return cls.model_validate({name: config[name] for name in cls.model_fields})

    def digest(self) -> str:
        """Digest of all settings that change the weights, by which records know them."""
        values = {
            "predictors": dict(self.predictors),
            "network": dict(self.network),
            "model": dict(self.model),
            "loss": {
                "weights": self.loss.weights,
                "observations": self.loss.observations,
                "equilibrium_mask": self.loss.equilibrium.mask,
            },
            "development_fraction": self.patches.development_fraction,
            **{key: value for key, value in self.training if key not in HOW_TRAINED},
        }
        text = json.dumps(values, sort_keys=True, default=str)
        return hashlib.sha256(f"{differland.MODEL_VERSION} {text}".encode()).hexdigest()

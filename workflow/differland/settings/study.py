"""The whole configuration of a study."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from differland.settings.analyses import (
    Analysis,
    CarbonCycle,
    Ensemble,
    Evaluation,
    Figures,
    Projection,
)
from differland.settings.kinds import Name, SafeName, Section, Unique
from differland.settings.raw import Raw
from differland.settings.training import MemberSettings
from differland.setups import of_experiment

Setup = Literal[
    "PFT",
    "CLIM",
    "SOIL",
    "AGE",
    "PFT+CLIM",
    "PFT+SOIL",
    "PFT+AGE",
    "CLIM+SOIL",
    "CLIM+AGE",
    "SOIL+AGE",
    "PFT+CLIM+SOIL",
    "PFT+CLIM+AGE",
    "PFT+SOIL+AGE",
    "CLIM+SOIL+AGE",
    "PFT+CLIM+SOIL+AGE",
    "LATLON",
    "CONTROL",
]


class Driver(Section):
    """Where predictors, forcing and observations come from."""

    source: Literal["raw", "file", "published"] = Field(
        description="raw: the providers' files (section raw) | file: one NetCDF file | published: "
        "the published files"
    )
    path: Name | None = Field(
        description="path of a driver file (NetCDF), or of the folder of the published files; "
        "relative to the working directory; null with raw"
    )
    vpd_units: Literal["hPa", "kPa"] = Field(
        description="of the published driver only: hPa (the published weights give ET of 1.38 "
        "mm/day, observed 1.51) | kPa (the unit in the paper; ET 0.69)"
    )


class Quality(Section):
    """What becomes of products that contradict each other (raw products only)."""

    stop_at: Literal["impossible", "unlikely", "never"] = Field(
        description="impossible: no driver is made if a product must be wrong | unlikely: nor if "
        "a product is probably wrong | never: findings are reported, and the study continues"
    )


class Experiment(Section):
    """What an experiment changes."""

    description: str = Field(default="", description="what it is about, for tables")
    setups: Annotated[
        Unique[Annotated[str, Field(description="one of setups")]], Field(min_length=1)
    ] = Field(
        default=[],
        description="list of setups that are trained in it; without it: analysis.reference_setup",
    )
    network: dict[str, Any] = Field(default={}, description="keys of network that differ")
    model: dict[str, Any] = Field(default={}, description="keys of model that differ")
    loss: dict[str, Any] = Field(default={}, description="keys of loss that differ")
    training: dict[str, Any] = Field(default={}, description="keys of training that differ")


class Study(MemberSettings):
    """Everything that defines a study."""

    study: SafeName = Field(
        description="name of the study (letters, digits, point, hyphen, underscore); results go to "
        "results/<study>",
    )
    driver: Driver
    raw: Raw
    quality: Quality
    truth: Name | None = Field(
        description="path of the true parameters, if the raw files are those of a synthetic "
        "planet; see python -m differland planet"
    )
    apply: dict[
        Annotated[
            SafeName,
            Field(
                description="name of an applied driver (letters, digits, point, hyphen, underscore)"
            ),
        ],
        Annotated[Name, Field(description="path of a driver file (NetCDF)")],
    ] = Field(description="other drivers that the trained ensembles are applied to, {name: path}")
    container: Annotated[str, Field(pattern=r"^[A-Za-z0-9./~][A-Za-z0-9./:@_+~-]*$")] | None = (
        Field(
            description="path or address of an image (letters, digits and ./:@_+~-); jobs run in "
            "it with --sdm apptainer, such as one built from envs/container.def"
        )
    )
    setups: Annotated[
        Unique[Annotated[Setup, Field(description="a setup")]], Field(min_length=1)
    ] = Field(description="a list of setups to train, each a combination of predictor groups")
    experiments: dict[SafeName, Experiment] = Field(
        description="sensitivity experiments by name; {}: none"
    )
    ensemble: Ensemble
    evaluation: Evaluation
    analysis: Analysis
    projection: Projection
    carbon_cycle: CarbonCycle
    figures: Figures

    @classmethod
    def from_configuration(cls, config: Mapping[str, Any]) -> Self:
        """Take a whole configuration, of which no key is unknown."""
        return cls.model_validate(config)

    def in_experiment(self, name: str | None) -> Self:
        """Settings under which an experiment trains; None: those of the study itself."""
        return self if name is None else self.from_configuration(of_experiment(self.plain(), name))

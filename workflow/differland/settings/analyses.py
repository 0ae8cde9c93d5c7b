"""What becomes of trained members: evaluation, analyses, comparisons and figures."""

from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from differland.settings.kinds import (
    AnyNumber,
    Cells,
    Folder,
    Fraction,
    Name,
    Number,
    SafeName,
    Section,
    Seed,
    Unique,
    Year,
)

FirstAndLastYear = Annotated[list[Year], Field(min_length=2, max_length=2)]


class Ensemble(Section):
    """Members per setup, and how many of them form the ensemble."""

    seeds: int = Field(ge=1, le=99, description="members per setup and stage")
    select: int = Field(
        ge=2,
        le=99,
        description="members that form the ensemble; those with the lowest training loss",
    )
    minimum: Annotated[int, Field(ge=1, le=99)] | None = Field(
        description="least number of members of a setup; it (and the run) fails if fewer finish "
        "with a finite loss, see training.maximum_restarts; if at least so many finish but fewer "
        "than select, they form a smaller ensemble. null: half of select, rounded up"
    )

    @property
    def fewest(self) -> int:
        """Least number of members of a setup: ``minimum``, or half of those selected."""
        return self.minimum or ceil(self.select / 2)


class Evaluation(Section):
    """How members are compared with observations."""

    spin_up_months: int = Field(
        ge=0,
        le=2400,
        multiple_of=12,
        description="months at the start that no metric uses, whole years",
    )
    setups_per_job: int = Field(
        ge=1,
        le=1000,
        description="setups that one job selects, evaluates or maps; more save start-up time in "
        "small studies",
    )


class Bootstrap(Section):
    """Resamples of whole patches, for intervals of skill and of its differences."""

    resamples: int = Field(ge=100, le=1_000_000, description="number of resamples")
    seed: Seed = Field(description="seed of the draws of patches")


class Attribution(Section):
    """Attribution of traits to predictors by Kernel SHAP."""

    background: Cells = Field(
        description="cells of the background sample, whose predictors stand in for those that a "
        "coalition leaves out"
    )
    explained: Cells = Field(description="cells that are explained")
    samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        description="coalitions per explained cell (20 predictors need at least 135); null: all "
        "coalitions of up to 11 predictors, about 2,000 of more"
    )
    plant_type_threshold: Fraction = Field(
        description="cover fraction from which a cell stands for its plant type"
    )
    minimum_cells: Cells = Field(
        description="least number of such cells; plant types with fewer are not explained on "
        "their own"
    )
    seed: Seed = Field(description="seed of the draws of cells and coalitions")


class Analysis(Section):
    """Analyses of the trained ensembles."""

    groups: Unique[
        Annotated[Literal["PFT", "CLIM", "SOIL", "AGE"], Field(description="a predictor group")]
    ] = Field(
        description="list of groups, among which explained variance is partitioned; []: no "
        "partition"
    )
    reference_setup: str = Field(
        description="the setup whose parameters are mapped, analysed and plotted"
    )
    plant_type_setup: str = Field(
        description="the setup with plant types only, compared with it if it is one of setups"
    )
    environment_setup: str = Field(
        description="the setup without plant types, compared with it if it is one of setups"
    )
    bootstrap: Bootstrap
    identifiability_threshold: Number = Field(
        gt=0,
        le=100,
        description="spatial median of the coefficient of variation across members, below which a "
        "parameter is identifiable",
    )
    components: int = Field(ge=1, le=13, description="principal components of the 13 traits")
    attribution: Attribution


class ClimatePatterns(Section):
    """Patterns of file names, where they are not those of resources/datasets."""

    tas: Name | None = Field(
        description="pattern of the files of temperature; null: that of resources/datasets"
    )
    pr: Name | None = Field(
        description="pattern of the files of precipitation; null: that of resources/datasets"
    )


class Projection(Section):
    """Traits under a projected climate, by space for time."""

    models: dict[
        Annotated[
            str,
            Field(
                pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
                description="a name as CMIP6 has it (letters, digits, hyphen, no hyphen first)",
            ),
        ],
        Annotated[
            str,
            Field(
                pattern=r"^r[0-9]+i[0-9]+p[0-9]+f[0-9]+$", description="a member such as r1i1p1f1"
            ),
        ],
    ] = Field(description="{name: member}, such as {ACCESS-CM2: r1i1p1f1}; {}: no projection")
    folder: Folder = Field(description="folder of all models' files, or of folders with them")
    patterns: ClimatePatterns
    scenario: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="experiment such as ssp245; continues the experiment historical, which ends in "
        "2014",
    )
    years: FirstAndLastYear = Field(
        description="list of two calendar years, first and last of the projected climate"
    )
    baseline_years: FirstAndLastYear = Field(
        description="list of two calendar years, first and last of the same models' present "
        "climate; for delta"
    )
    method: Literal["delta", "raw"] = Field(
        description="delta: predictors plus the models' change | raw: temperature and "
        "precipitation of the models"
    )
    precipitation_change: Literal["additive", "relative"] = Field(
        description="by delta, in mm year-1 and not below zero: additive | relative: by a factor"
    )


class LandModel(Section):
    """Choices that the files of a land model need."""

    first_year: Annotated[int, Field(ge=1000, le=2200)] | None = Field(
        default=None, description="calendar year whose January is the first month of the file"
    )
    units: Name | None = Field(
        default=None, description="units of the values, where the label is wrong or missing"
    )
    layers: Literal["refuse", "sum", "cover"] = Field(
        default="refuse",
        description="layers of plant types: refuse | sum adds them | cover weighs them by "
        "landCoverFrac",
    )
    missing_value: AnyNumber | None = Field(
        default=None, description="number that stands for missing and is not declared"
    )


class Trendy(Section):
    """Land models of TRENDY; files are described in resources/datasets/trendy.yaml."""

    models: dict[SafeName, LandModel] = Field(
        description="{name: choices}, such as {JULES: {}, YIBs: {first_year: 1700}}; {}: no land "
        "models"
    )
    folder: Folder = Field(description="folder of all models' files, or of folders with them")
    patterns: dict[
        Annotated[Literal["nbp", "cover"], Field(description="a role, nbp or cover")],
        Annotated[Name, Field(description="a pattern of file names")],
    ] = Field(
        description="{nbp: pattern, cover: pattern} where file names are not those of "
        "resources/datasets; {model} stands for the model"
    )
    last_year: int = Field(ge=1950, le=2200, description="last calendar year of the files")


class CarbonCycle(Section):
    """Net biosphere exchange of regions against inversions and land models."""

    compare: bool = Field(description="whether there is a comparison")
    inversions: dict[
        Annotated[
            str,
            Field(
                pattern=r"^nbe(_[A-Za-z0-9]+)*$",
                description="a variable of the driver, nbe or nbe_ and more",
            ),
        ],
        Annotated[Name, Field(description="a name, as figures have it")],
    ] = Field(description="names by variable of the driver; variables that it lacks are left out")
    trendy: Trendy


class Figures(Section):
    """What is drawn."""

    sites: (
        Literal["all"]
        | Annotated[int, Field(ge=0, le=1_000_000)]
        | Unique[Annotated[str, Field(description="name of a site")]]
    ) = Field(
        description="pages of flux towers: all, a number (the first so many) or a list of names"
    )

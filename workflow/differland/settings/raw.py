"""The driver that is made of the providers' files."""

from typing import Annotated, Literal

from pydantic import Field

from differland.settings.kinds import Folder, Fraction, Name, Number, Section, Unique
from differland.settings.products import Products


class Window(Section):
    """Part of the globe, degrees; from 170 to 190 is a window across the date line."""

    south: Number = Field(ge=-90, le=90, multiple_of=0.25, description="southern edge, degrees")
    north: Number = Field(ge=-90, le=90, multiple_of=0.25, description="northern edge, degrees")
    west: Number = Field(ge=-180, le=180, multiple_of=0.25, description="western edge, degrees")
    east: Number = Field(ge=-180, le=540, multiple_of=0.25, description="eastern edge, degrees")


class Domain(Section):
    """Cells that the study keeps."""

    maximum_water: Fraction = Field(description="greatest fraction of water in a cell")
    maximum_nonvegetated: Fraction = Field(
        description="greatest fraction of a cell without vegetation: barren, built-up, snow and ice"
    )


class HerbaceousBiomass(Section):
    """Herbaceous part of live biomass, from gross primary production."""

    herbaceous_types: Unique[Annotated[str, Field(description="name of a plant type")]] = Field(
        description="names of plant types that are herbaceous"
    )
    residence_time: Number = Field(
        gt=0, le=100, description="residence time of carbon in herbs, years"
    )
    respired_fraction: Fraction = Field(description="fraction of production that herbs respire")


class Raw(Section):
    """The driver from the providers' files."""

    folder: Folder = Field(description="folder that contains the folders of the products")
    patterns: dict[
        str,
        Annotated[
            dict[str, Annotated[Name, Field(description="a pattern of file names")]],
            Field(description="patterns by role"),
        ],
    ] = Field(
        description="{product: {role: pattern}} where file names are not those of "
        "resources/datasets; {year}, {month} and {day_of_year} stand for digits"
    )
    window: Window
    first_year: int = Field(ge=1950, le=2200, description="first calendar year")
    last_year: int = Field(ge=1950, le=2200, description="last calendar year")
    method: Literal["exact", "xesmf"] = Field(
        description="of regridding: exact | xesmf: as a check; xesmf is on conda-forge"
    )
    minimum_coverage: Fraction = Field(
        description="least fraction of a cell's area that must have values"
    )
    domain: Domain
    patch_mean: Literal["equal", "area"] = Field(
        description="observations averaged over a patch: equal (unweighted, as the model in the "
        "loss) | area (by area)"
    )
    inversion_boxes: Literal["mean", "index", "boxes"] = Field(
        description="how boxes of CMS-Flux and patches come together: mean | index | boxes"
    )
    biomass: HerbaceousBiomass
    products: Products

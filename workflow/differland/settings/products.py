"""The raw products of a study, and the choices that the reader of each leaves open."""

from typing import Annotated, Literal

from pydantic import Field

from differland.settings.kinds import (
    AnyNumber,
    Factor,
    Folder,
    Fraction,
    Months,
    Number,
    Section,
    Unique,
    Year,
)


class Product(Section):
    """A product."""

    folder: Folder = Field(description="folder of its files, seen from raw.folder")


FirstUsedYear = Annotated[
    Year | None, Field(description="first calendar year that is used; null: the first that it has")
]
LastUsedYear = Annotated[
    Year | None, Field(description="last calendar year that is used; null: the last that it has")
]


class ObservedProduct(Product):
    """A product that observes."""

    first_year: FirstUsedYear
    last_year: LastUsedYear


class AlternativeProduct(Product):
    """A product of sensitivity experiments."""

    first_year: FirstUsedYear = None
    last_year: LastUsedYear = None


class LandCover(Product):
    """Land cover."""

    years: Literal["all"] | Annotated[Unique[Year], Field(min_length=1)] = Field(
        description="years whose mean is taken: all (of the study) | a list such as [2010]"
    )


class Climate(Product):
    """Climate of ERA5."""

    extremes: Literal["daily statistics", "hour of day"] = Field(
        description="t_min and t_max are from daily statistics: of each day (paper) | hour of day: "
        "of the mean diurnal cycle (CARDAMOM)"
    )
    vapour_pressure_deficit: Literal["cardamom", "magnus"] = Field(
        description="cardamom: from daily maxima | magnus: from monthly means"
    )
    mean_temperature: Literal["mid_range", "monthly_mean"] = Field(
        description="mean annual temperature is from mid_range: (t_min + t_max) / 2 | "
        "monthly_mean: monthly means of t2m"
    )
    nodes: Literal["conservative", "bilinear"] = Field(
        description="conservative: a node holds the mean of the area around it | bilinear: "
        "interpolated between nodes"
    )


class Elevation(Product):
    """Elevation."""

    ocean: Literal["missing", "zero"] = Field(
        description="missing: sea does not count in the mean of a cell | zero: as 0 m"
    )


class ForestAge(Product):
    """Forest age."""

    layer: Literal["ForestAge_TC000", "ForestAge_TC010", "ForestAge_TC020", "ForestAge_TC030"] = (
        Field(
            description="by its correction for tree cover: ForestAge_TC000 (published driver) | "
            "ForestAge_TC010 (paper) | ForestAge_TC020 | ForestAge_TC030"
        )
    )
    filling: Literal["before", "after"] = Field(
        description="pixels without forest become 1 year old before | after the mean of a cell"
    )


class CanopyHeight(Product):
    """Canopy height."""

    layout: Literal["tiles", "map"] = Field(
        description="tiles of 10 m | map: of 1 km, as Earth Engine exports it"
    )
    percentile: Number = Field(ge=0, le=100, description="percentile of the pixels in 1 km")
    zeros: bool = Field(description="whether pixels with zero height count in the percentile")
    missing: Annotated[Number, Field(ge=0, le=200)] | None = Field(
        description="height (m) of cells without any pixel; null: such cells are left out"
    )


class Soil(Product):
    """Soil."""

    bulk_density: Literal["BULK_DEN", "REF_BULK"] = Field(
        description="column of bulk density: BULK_DEN | REF_BULK"
    )
    missing_subsoil: Literal["topsoil", "missing"] = Field(
        description="where there is only topsoil, topsoil: its values hold to 1 m depth | missing: "
        "there are none"
    )
    zero_carbon_is_missing: bool = Field(
        description="whether an organic carbon of 0 means that none was observed"
    )


class CarbonDioxide(Product):
    """CO2 in the air."""

    column: Literal["average", "trend"] = Field(
        description="average: with the seasonal cycle | trend: without"
    )


class BurnedArea(Product):
    """Burned area of GFED5."""

    last_year: Year = Field(
        description="last calendar year that is used; later years are from mcd64cmq"
    )


class Regions(Section):
    """A map of regions."""

    file: str = Field(description="path of a NetCDF file")
    variable: str = Field(description="name of the variable that has the regions")


class LaterBurnedArea(Product):
    """Burned area of MODIS after GFED5's last year."""

    first_overlap_year: Year = Field(
        description="first year of the overlap; from it to GFED5's last year, MODIS is calibrated "
        "to GFED5"
    )
    regions: Literal["boxes"] | Regions = Field(
        description="regions of the calibration: boxes of 20 x 30 degrees | a map, as {file: "
        "regions.nc, variable: region}"
    )
    minimum_months: Months = Field(
        description="least number of months with fire; a region with fewer takes the slope of the "
        "globe"
    )
    scale_factor: Factor | None = Field(
        description="scale factor of files that do not state it; null: files state it"
    )


class FireEmission(ObservedProduct):
    """Fire emission of GFED5."""

    on_cells: bool = Field(
        description="whether the driver has fire_emission_cell (each cell) in addition to "
        "fire_emission (mean of a patch)"
    )


class Fluorescence(ObservedProduct):
    """Solar-induced fluorescence."""

    first_year: Year | None = Field(
        description="first calendar year that is used (paper: 2010); null: 2001, when its files "
        "begin"
    )
    layer: Literal["lcspp_clear_daily", "lcspp_all_daily", "lcspp_clear_inst"] = Field(
        description="lcspp_clear_daily | lcspp_all_daily | lcspp_clear_inst"
    )
    accepted_quality: (
        Annotated[
            Unique[Annotated[int, Field(ge=0, le=3, description="a code of lcspp_qa")]],
            Field(min_length=1),
        ]
        | None
    ) = Field(description="codes of lcspp_qa; null: all")


class LeafArea(ObservedProduct):
    """Leaf area index."""

    scale_factor: Factor | None = Field(
        description="scale factor of files of integers that do not state it; null: files state it"
    )


class Evaporation(ObservedProduct):
    """Evapotranspiration."""

    units: Literal["stated", "mm month-1", "mm day-1"] = Field(
        description="stated: as files have it | mm month-1 | mm day-1: whatever files have"
    )


class WoodyBiomass(ObservedProduct):
    """Woody biomass."""

    zero_is_missing: bool = Field(description="whether a biomass of 0 means that none was observed")
    missing_value: AnyNumber | None = Field(
        description="number that stands for missing although files do not say so; null: none"
    )


class Production(Product):
    """Mean gross primary production, for the herbaceous term of biomass."""

    variable: str = Field(description="name of gross primary production in the files")


class Inversion(ObservedProduct):
    """Net biosphere exchange."""

    release: Literal["V3", "2020"] = Field(description='V3 | "2020" (with last_year: 2018)')
    zero_is_missing: bool = Field(
        description="whether boxes with a value of exactly 0 are sea and have none"
    )


class WaterStorage(ObservedProduct):
    """Water storage."""

    scaled: bool = Field(description="whether the gain factors in the file are applied")


class FluxTowers(ObservedProduct):
    """Flux towers."""

    folder: Folder = Field(
        description="folder of the files of the networks, unpacked or as archives, seen from "
        "raw.folder"
    )
    maximum_gap_filled: Fraction = Field(
        description="greatest fraction of a month that may be filled"
    )
    gap_rule: Literal["monthly", "half-hourly"] = Field(
        description="monthly: this fraction is that of the monthly files, where good fills count "
        "as measured | half-hourly: it is counted in the files of half-hours or hours (_HH_, "
        "_HR_), where there are any"
    )
    latent_heat: Literal["LE_F_MDS", "LE_CORR"] = Field(
        description="LE_F_MDS: as measured | LE_CORR: energy balance closed"
    )
    minimum_months: Months = Field(description="least number of months of each flux")
    simultaneous: bool = Field(description="whether only months with all three fluxes count")
    excluded: Unique[Annotated[str, Field(description="name of a site")]] = Field(
        description="names of sites that are left out"
    )
    representativeness: Fraction = Field(
        description="least cover fraction of the site's plant type in its cell"
    )
    representativeness_tests: Unique[
        Annotated[Fraction, Field(description="a least cover fraction")]
    ] = Field(description="other thresholds, for sensitivity experiments: gpp_site_10percent, ...")
    weight: Literal["sites", "cover", "equal"] = Field(
        description="sites: the number of towers (1 in most cells) | cover: the mean cover "
        "fraction of their plant types in the cell (0 to 1) | equal: 1"
    )


class OtherBiomass(AlternativeProduct):
    """Biomass of IB-AGC: biomass_ib."""

    variables: (
        Annotated[list[Annotated[str, Field(description="a name")]], Field(min_length=1)] | None
    ) = Field(description="names of the variables that add up to total carbon; null: AGC_BGC")


class Products(Section):
    """The products, each by its name in resources/datasets; null for one that is not used."""

    mcd12c1: LandCover
    era5: Climate
    gtopo30: Elevation | None
    forest_age: ForestAge | None
    canopy_height: CanopyHeight | None
    hwsd: Soil | None
    noaa_co2: CarbonDioxide
    gfed5_burned_area: BurnedArea
    mcd64cmq: LaterBurnedArea | None
    gfed5_emissions: FireEmission | None
    lcspp: Fluorescence | None
    modis_lai: LeafArea | None
    gleam: Evaporation | None
    xu_biomass: WoodyBiomass | None
    fluxcom: Production | None
    cms_flux_nbe: Inversion | None
    grace: WaterStorage | None
    flux_towers: FluxTowers | None
    cams: AlternativeProduct | None = Field(
        description="net biosphere exchange of CAMS as nbe_cams: {folder: cams}"
    )
    copernicus_lai: AlternativeProduct | None = Field(
        description="leaf area index of Copernicus as lai_copernicus: {folder: copernicus_lai}"
    )
    ib_agc: OtherBiomass | None = Field(
        description="biomass of IB-AGC as biomass_ib: {folder: ib_agc, variables: null}; null in "
        "it: AGC_BGC"
    )
    glab_vod: AlternativeProduct | None = Field(
        description="vegetation optical depth as vod: {folder: glab_vod}"
    )
    cms_flux_fire: AlternativeProduct | None = Field(
        description="fire emission of CMS-Flux as fire_emission_cms: {folder: cms_flux_fire}"
    )

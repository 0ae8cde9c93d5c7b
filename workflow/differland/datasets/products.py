"""Fields of a product from its files, by the reader and settings of the product."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from differland.datasets.biomass import read_gpp_climatology, read_woody_biomass
from differland.datasets.copernicus import read_copernicus_lai
from differland.datasets.elevation import read_elevation
from differland.datasets.evaporation import read_gleam
from differland.datasets.fields import Field
from differland.datasets.fire import (
    BurnableArea,
    Regions,
    apply_cross_calibration,
    fit_cross_calibration,
    read_burnable_area,
    read_gfed_burned_area,
    read_gfed_emissions,
    read_modis_burned_area,
)
from differland.datasets.forest import (
    read_canopy_height_map,
    read_canopy_height_tiles,
    read_forest_age,
)
from differland.datasets.inversion import read_cams, read_cms_flux, read_cms_flux_fire
from differland.datasets.land_cover import FILE_NAME as LAND_COVER_NAME
from differland.datasets.land_cover import read_land_cover
from differland.datasets.microwave import read_glab_vod, read_ib_agc
from differland.datasets.reanalysis import (
    read_daily_extremes,
    read_monthly_means,
    vapour_pressure_deficit,
)
from differland.datasets.soil import read_soil, read_soil_organic_carbon
from differland.datasets.sources import Sources
from differland.datasets.vegetation import read_lai, read_lcspp
from differland.datasets.water_storage import read_mascons
from differland.errors import InputError
from differland.regridding.grid import Grid

Settings = Mapping[str, Any]
"""Of a product, from the configuration: :func:`differland.datasets.sources.gridding_settings`."""

Fields = dict[str, Iterable[Field]]

GAPS_ALLOWED = frozenset({"grace", "glab_vod"})
"""Yearly products that have months without any value."""


def read_static(
    product: str, sources: Sources, folder: Path, settings: Settings, target: Grid
) -> dict[str, Field]:
    """Open a product that does not change with time.

    Parameters
    ----------
    product
        Name of the product in the catalogue.
    sources
        Files of the product by role.
    folder
        Folder of the product.
    settings
        The choices of the configuration.
    target
        The study's grid, for readers that reduce to it.

    Returns
    -------
    Fields by the name of the variable.

    Raises
    ------
    InputError
        The files cannot be used; see the reader of the product.
    """
    fields = _STATIC[product](sources, folder, settings, target)
    return {field.name: field for field in fields}


def read_year(
    product: str, sources: Sources, settings: Settings, scratch: Path, calibration: Path | None
) -> Fields:
    """Open a product of one year.

    Parameters
    ----------
    product, sources, settings
        Product, files and settings, as for :func:`read_static`; files may hold other years too.
    scratch
        Folder into which archives are unpacked; it must last until the fields have been read.
    calibration
        Table of :func:`calibrate_burned_area`, for burned area of MODIS.

    Returns
    -------
    Fields by the name that the variable has in the driver.

    Raises
    ------
    InputError
        The files cannot be used; see the reader of the product.
    """
    return _YEARLY[product](sources, settings, scratch, calibration)


def calibrate_burned_area(sources: Sources, settings: Settings) -> pd.DataFrame:
    """Fit burned area of GFED5 to that of MODIS, region by region.

    Parameters
    ----------
    sources
        Files of the overlap: ``reference`` (GFED5), ``other`` (MODIS), ``burnable_area``.
    settings
        Settings of burned area of MODIS, from the configuration.

    Returns
    -------
    Table of slopes, as from :func:`differland.datasets.fire.fit_cross_calibration`.
    """
    burnable = read_burnable_area(sources["burnable_area"][0])
    return fit_cross_calibration(
        read_gfed_burned_area(sources["reference"], burnable),
        read_modis_burned_area(sources["other"], burnable, scale_factor=settings["scale_factor"]),
        burnable,
        _regions(settings, burnable),
        settings["minimum_months"],
    )


def _regions(settings: Settings, burnable: BurnableArea) -> Regions:
    regions = settings["regions"]
    if regions == "boxes":
        return Regions.boxes(burnable.grid)
    return Regions.read(Path(regions["file"]), regions["variable"])


def _read_modis_burned_area(
    sources: Sources, settings: Settings, scratch: Path, calibration: Path | None
) -> Fields:
    if calibration is None:
        raise InputError("mcd64cmq", "calibration", "the table of the calibration", "none")
    burnable = read_burnable_area(sources["burnable_area"][0])
    burned = read_modis_burned_area(
        sources["burned_area"], burnable, scale_factor=settings["scale_factor"]
    )
    fit = pd.read_csv(calibration, index_col="region")
    return {"burned_fraction": apply_cross_calibration(burned, fit, _regions(settings, burnable))}


def _read_era5(
    sources: Sources, settings: Settings, scratch: Path, calibration: Path | None
) -> Fields:
    formula, extremes = settings["vapour_pressure_deficit"], settings["extremes"]

    def mean(name: str) -> list[Field]:
        return list(read_monthly_means(sources["monthly_means"], name, scratch))  # type: ignore[arg-type]

    def extreme(name: str) -> list[Field]:
        role = name if extremes == "daily statistics" else "hour_of_day"
        return list(read_daily_extremes(sources[role], name, extremes, scratch))  # type: ignore[arg-type]

    fields: Fields = {
        "t_min": extreme("t_min"),
        "t_max": extreme("t_max"),
        "srad": mean("srad"),
        "precipitation": mean("precipitation"),
    }
    if formula == "cardamom":
        wet = vapour_pressure_deficit(fields["t_max"], extreme("dewpoint_max"), formula)
    else:
        wet = vapour_pressure_deficit(mean("t_mean"), mean("dewpoint_mean"), formula)
    fields["vpd"] = list(wet)
    if settings["mean_temperature"] == "monthly_mean":
        fields["t_mean"] = mean("t_mean")
    return fields


def _read_land_cover(
    sources: Sources, folder: Path, settings: Settings, target: Grid
) -> list[Field]:
    years = []
    for file in sources["land_cover"]:
        match = LAND_COVER_NAME.search(file.name)
        if match is None:
            expected = "a name such as MCD12C1.A2005001.061.2022171184230.hdf"
            raise InputError(file, "file name", expected, file.name)
        years.append(int(match["year"]))
    return read_land_cover(folder, years)


def _read_canopy_height(
    sources: Sources, folder: Path, settings: Settings, target: Grid
) -> list[Field]:
    missing = float("nan") if settings["missing"] is None else settings["missing"]
    if settings["layout"] == "map":
        return [read_canopy_height_map(sources["map"], target, missing)]
    return [
        read_canopy_height_tiles(folder, target, settings["percentile"], settings["zeros"], missing)
    ]


def _read_soil(sources: Sources, folder: Path, settings: Settings, target: Grid) -> list[Field]:
    shallow = settings["missing_subsoil"]
    return [
        *read_soil(folder, settings["bulk_density"], shallow),
        read_soil_organic_carbon(folder, shallow, settings["zero_carbon_is_missing"]),
    ]


_STATIC: Mapping[str, Callable[[Sources, Path, Settings, Grid], list[Field]]] = {
    "mcd12c1": _read_land_cover,
    "gtopo30": lambda sources, folder, settings, target: [
        read_elevation(folder, settings["ocean"], target)
    ],
    "forest_age": lambda sources, folder, settings, target: [
        read_forest_age(folder, settings["layer"], settings["filling"], target)
    ],
    "canopy_height": _read_canopy_height,
    "hwsd": _read_soil,
    "fluxcom": lambda sources, folder, settings, target: [
        read_gpp_climatology(sources["gpp"], settings["variable"])
    ],
}

_YEARLY: Mapping[str, Callable[[Sources, Settings, Path, Path | None], Fields]] = {
    "era5": _read_era5,
    "mcd64cmq": _read_modis_burned_area,
    "gfed5_burned_area": lambda sources, settings, *_: {
        "burned_fraction": read_gfed_burned_area(
            sources["burned_area"], read_burnable_area(sources["burnable_area"][0])
        )
    },
    "gfed5_emissions": lambda sources, settings, *_: {
        "fire_emission": read_gfed_emissions(sources["emissions"])
    },
    "lcspp": lambda sources, settings, *_: {
        "sif": read_lcspp(sources["halves"], settings["layer"], settings["accepted_quality"])
    },
    "modis_lai": lambda sources, settings, *_: {
        "lai": read_lai(sources["lai"], settings["scale_factor"])
    },
    "gleam": lambda sources, settings, *_: {
        "et": read_gleam(sources["evaporation"], settings["units"])
    },
    "xu_biomass": lambda sources, settings, *_: {
        "woody_biomass": read_woody_biomass(
            sources["biomass"][0], settings["missing_value"], settings["zero_is_missing"]
        )
    },
    "cms_flux_nbe": lambda sources, settings, *_: {
        "nbe": read_cms_flux(
            next(iter(sources.values())),
            settings["release"],
            zero_is_missing=settings["zero_is_missing"],
            on_patches=settings.get("on_patches", False),
        )
    },
    "grace": lambda sources, settings, *_: {
        "ewt": read_mascons(sources["mascons"][0], scaled=settings["scaled"])
    },
    "cams": lambda sources, settings, *_: {"nbe_cams": read_cams(sources["flux"])},
    "copernicus_lai": lambda sources, settings, *_: {
        "lai_copernicus": read_copernicus_lai(sources["dekads"])
    },
    "ib_agc": lambda sources, settings, *_: {
        "biomass_ib": read_ib_agc(sources["carbon"], variables=settings["variables"])
    },
    "glab_vod": lambda sources, settings, *_: {"vod": read_glab_vod(sources["vod"])},
    "cms_flux_fire": lambda sources, settings, *_: {
        "fire_emission_cms": read_cms_flux_fire(
            sources["fire"], on_patches=settings.get("on_patches", False)
        )
    },
}

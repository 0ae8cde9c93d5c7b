"""Raw files that a study needs, by its configuration (section ``raw``)."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from differland.datasets.catalogue import (
    Match,
    Names,
    Product,
    find_files,
    list_names,
    match_files,
    read_catalogue,
    unread_below,
)
from differland.errors import InputError

Raw = Mapping[str, Any]
Sources = dict[str, list[Path]]
Lister = Callable[[Path], Names]
"""Lists the names below a folder; one with a memory lists each folder once."""

USED_YEARS = ("first_year", "last_year")
"""Choices that tell which years of a product are used."""

OF_THE_DRIVER = frozenset({*USED_YEARS, "on_cells"})
"""Choices of what becomes of a product in the driver, whatever its gridded files hold."""

OF_BOXES = frozenset({"cms_flux_nbe", "cms_flux_fire"})
"""Products on the boxes of the inversion CMS-Flux."""

LAND_COVER = "mcd12c1"
HERBS = "fluxcom"
"""Adds to the biomass of wood, and gives none without that."""
TOWERS = "flux_towers"
BURNED_AREA, BURNED_AREA_EXTENSION = "gfed5_burned_area", "mcd64cmq"


def study_years(raw: Raw) -> range:
    """Calendar years of the study."""
    return range(raw["first_year"], raw["last_year"] + 1)


def products_of_kind(raw: Raw, kind: str) -> list[str]:
    """Names of the products of a kind that the study uses."""
    catalogue = read_catalogue()
    return [
        name
        for name, settings in raw["products"].items()
        if settings is not None and catalogue[name].kind == kind
    ]


def product_years(name: str, raw: Raw) -> list[int]:
    """Years of the study that a yearly product has values of.

    They are those of the catalogue, unless the configuration says from or up to which one the
    product is used. Burned area is that of GFED5 up to the last year that the configuration takes
    from it, and that of MODIS afterwards.
    """
    product, settings = read_catalogue()[name], raw["products"][name]
    first = settings.get("first_year") or product.first_year or 0
    last = settings.get("last_year") or product.last_year or raw["last_year"]
    if name == BURNED_AREA_EXTENSION:
        first = raw["products"][BURNED_AREA]["last_year"] + 1
    return [year for year in study_years(raw) if first <= year <= last]


def gridding_settings(name: str, raw: Raw) -> dict[str, Any]:
    """Settings on which the content of a product's gridded files depends."""
    chosen = raw["products"][name].items()
    settings = {key: value for key, value in chosen if key not in OF_THE_DRIVER}
    if name in OF_BOXES:
        settings["on_patches"] = raw["inversion_boxes"] == "index"
    return settings


def given_variables(raw: Raw) -> set[str]:
    """Variables of the driver that the products of a study give.

    Alternatives are among them: ``gpp_site_10percent`` where there is ``gpp_site``, by the settings
    of flux towers.
    """
    catalogue = read_catalogue()
    return {
        variable
        for name, settings in raw["products"].items()
        if settings is not None and name != HERBS
        if catalogue[name].kind != "yearly" or product_years(name, raw)
        for variable in _gives(name, settings)
    }


def check_used_years(raw: Raw, wanted: Mapping[str, str], source: str) -> None:
    """Refuse choices of years that leave nothing of an observation in the study's period.

    Parameters
    ----------
    raw
        The section of the configuration.
    wanted
        Observed variables, and the key that wants each.
    source
        Name of the configuration in messages.

    Raises
    ------
    InputError
        The first year from which a product is used is after the study or the product ends, or
        the last one before they begin.
    """
    catalogue = read_catalogue()
    for name, settings in raw["products"].items():
        gives = [] if settings is None else _gives(name, settings)
        wants = [wanted[variable] for variable in gives if variable in wanted]
        if not wants:
            continue
        product, reason = catalogue[name], f", since {wants[0]} is on (null leaves it out)"
        first, last = (settings.get(key) for key in USED_YEARS)
        end = min(raw["last_year"], last or product.last_year or raw["last_year"])
        if first is not None and first > end:
            whose = "of the study" if end == raw["last_year"] else "of the product"
            expected = f"at most {end}, the last year {whose}{reason}"
            raise InputError(source, f"raw.products.{name}.first_year", expected, str(first))
        begin = max(raw["first_year"], first or product.first_year or raw["first_year"])
        if last is not None and last < begin:
            whose = "of the study" if begin == raw["first_year"] else "of the product"
            expected = f"at least {begin}, the first year {whose}{reason}"
            raise InputError(source, f"raw.products.{name}.last_year", expected, str(last))


def _gives(name: str, settings: Mapping[str, Any]) -> list[str]:
    gives = list(read_catalogue()[name].gives)
    if settings.get("on_cells"):
        gives.append("fire_emission_cell")
    shares = settings["representativeness_tests"] if name == TOWERS else []
    return gives + [f"{flux}_{100 * share:g}percent" for flux in gives for share in shares]


def overlap_years(raw: Raw) -> range:
    """Years in which burned area of MODIS is calibrated to that of GFED5."""
    products = raw["products"]
    first = products[BURNED_AREA_EXTENSION]["first_overlap_year"]
    return range(first, products[BURNED_AREA]["last_year"] + 1)


def product_folder(name: str, raw: Raw) -> Path:
    """Folder of a product."""
    return Path(raw["folder"], raw["products"][name]["folder"])


def product_sources(
    name: str, raw: Raw, year: int | None = None, lister: Lister = list_names
) -> Sources:
    """Find the files of a product by role.

    Parameters
    ----------
    name
        Name of the product.
    raw
        The section of the configuration.
    year
        Year of a yearly product; None for a static one and for tables.
    lister
        Function that lists the product's folder.

    Raises
    ------
    InputError
        Files are missing; the message names the product, the pattern, the folder and the provider.
    """
    years = [year] if year is not None else list(study_years(raw))
    return {need.role: _find(need, raw, lister) for need in _needs(name, raw, years)}


def calibration_sources(raw: Raw) -> Sources:
    """Find the files that burned area of MODIS is calibrated with.

    Raises
    ------
    InputError
        Files are missing, as for :func:`product_sources`.
    """
    return {name: _find(need, raw) for name, need in _calibration_needs(raw).items()}


def missing_files(raw: Raw) -> dict[str, list[str]]:
    """List all missing files by product: one line for each role of its files.

    Those that only a calibration reads are among them.
    """
    lines: dict[str, list[str]] = {}
    lister = cache(list_names)
    for need in _all_needs(raw):
        try:
            _find(need, raw, lister)
        except InputError as error:
            lines.setdefault(need.product, []).append(str(error))
    return lines


def native_bytes(raw: Raw) -> dict[str, float]:
    """Bytes of the files that one piece of work reads, on average.

    Parameters
    ----------
    raw
        The section of the configuration. Files that are missing count as none.

    Returns
    -------
    Bytes by kind of work. ``static``: a product that is put on the grid once. ``yearly``: a year of
    another product. ``towers``: all flux towers. ``calibration``: burned area.
    """
    catalogue = read_catalogue()
    lister = cache(list_names)
    works: dict[str, list[list[_Need]]] = {}
    for name, settings in raw["products"].items():
        if settings is None:
            continue
        kind = "towers" if "towers" in catalogue[name].files else catalogue[name].kind
        years = [[year] for year in product_years(name, raw)]
        every = years if kind == "yearly" else [list(study_years(raw))]
        works.setdefault(kind, []).extend(_needs(name, raw, each) for each in every)
        if name == BURNED_AREA_EXTENSION and years:
            works["calibration"] = [list(_calibration_needs(raw).values())]
    return {
        kind: sum(_bytes_of(need, raw, lister) for needs in each for need in needs) / len(each)
        for kind, each in works.items()
        if each
    }


def _bytes_of(need: "_Need", raw: Raw, lister: Lister) -> int:
    try:
        return sum(path.stat().st_size for path in _find(need, raw, lister))
    except (InputError, OSError):
        return 0


def unread_files(raw: Raw) -> dict[str, list[str]]:
    """List the files in the folders of the products that the study does not read, by product.

    Flux towers are left out: their reader tells of its own. So are hidden files. A folder of
    several products is told of once, under the first.
    """
    lister = cache(list_names)
    folders: dict[Path, str] = {}
    for name, settings in raw["products"].items():
        if settings is not None and "towers" not in read_catalogue()[name].files:
            folders.setdefault(product_folder(name, raw), name)
    read = {
        file
        for need in _all_needs(raw)
        if product_folder(need.product, raw) in folders
        for match in _matches(need, raw, lister)
        for file in match.files
        if re.search(match.product.taken.get(need.role, ""), file.name)
    }
    unread = {name: unread_below(folder, read, lister(folder)) for folder, name in folders.items()}
    return {name: paths for name, paths in unread.items() if paths}


def check_raw(raw: Raw, source: str) -> None:
    """Refuse a section ``raw`` whose keys contradict each other.

    Parameters
    ----------
    raw
        Section ``raw`` of the configuration.
    source
        Name of the configuration in messages.

    Raises
    ------
    InputError
        The years of the study or of a product run backwards, the window is empty or more than the
        globe, a burned area or a calibration has no years, or patterns are given for unknown
        products or roles.
    """
    if raw["last_year"] < raw["first_year"]:
        expected = f"a year from raw.first_year = {raw['first_year']} on"
        raise InputError(source, "raw.last_year", expected, str(raw["last_year"]))
    for name, settings in raw["products"].items():
        first, last = ((settings or {}).get(key) for key in USED_YEARS)
        if first is not None and last is not None and last < first:
            expected = f"a year from raw.products.{name}.first_year = {first} on, or null"
            raise InputError(source, f"raw.products.{name}.last_year", expected, str(last))
    window = raw["window"]
    if not window["south"] < window["north"]:
        expected = f"more than raw.window.south = {window['south']}"
        raise InputError(source, "raw.window.north", expected, str(window["north"]))
    if not 0 < window["east"] - window["west"] <= 360:
        expected = f"more than raw.window.west = {window['west']}, by up to 360"
        if 0 < window["east"] + 360 - window["west"] <= 360:
            expected += f" (across the date line: {window['east'] + 360})"
        raise InputError(source, "raw.window.east", expected, str(window["east"]))
    products, last = raw["products"], raw["products"][BURNED_AREA]["last_year"]
    if raw["last_year"] > last and products[BURNED_AREA_EXTENSION] is None:
        expected = (
            f"settings, since burned area of {last + 1} to {raw['last_year']} is of this product"
        )
        raise InputError(source, f"raw.products.{BURNED_AREA_EXTENSION}", expected, "null")
    if raw["last_year"] > last and not overlap_years(raw):
        name = f"raw.products.{BURNED_AREA_EXTENSION}.first_overlap_year"
        first = products[BURNED_AREA_EXTENSION]["first_overlap_year"]
        raise InputError(source, name, f"at most {last}, so that there is an overlap", str(first))
    catalogue = read_catalogue()
    for name, patterns in raw["patterns"].items():
        if name not in catalogue:
            expected = f"one of {', '.join(catalogue)}"
            raise InputError(source, f"raw.patterns.{name}", expected, "an unknown product")
        for role in patterns:
            if role not in catalogue[name].files:
                expected = f"one of {', '.join(catalogue[name].files)}"
                raise InputError(source, f"raw.patterns.{name}.{role}", expected, "an unknown role")


@dataclass(frozen=True)
class _Need:
    """Files of a role of a product, in some years."""

    product: str
    role: str
    years: Sequence[int]


def _needs(name: str, raw: Raw, years: Sequence[int]) -> list[_Need]:
    """Files that are read of a product for some years, which do not matter to a static one."""
    settings = raw["products"][name]
    if name == LAND_COVER and settings["years"] != "all":
        years = settings["years"]
    needs = [_Need(name, role, years) for role in _roles(name, settings)]
    if name == BURNED_AREA_EXTENSION:
        needs.append(_Need(BURNED_AREA, "burnable_area", []))
    return needs


def _calibration_needs(raw: Raw) -> dict[str, _Need]:
    """Files with which burned area of MODIS is calibrated, by name."""
    years = list(overlap_years(raw))
    return {
        "reference": _Need(BURNED_AREA, "burned_area", years),
        "other": _Need(BURNED_AREA_EXTENSION, "burned_area", years),
        "burnable_area": _Need(BURNED_AREA, "burnable_area", []),
    }


def _all_needs(raw: Raw) -> list[_Need]:
    """Files that the whole study reads, each in one entry only."""
    catalogue = read_catalogue()
    needs = []
    for name, settings in raw["products"].items():
        if settings is None:
            continue
        yearly = catalogue[name].kind == "yearly"
        years = product_years(name, raw) if yearly else list(study_years(raw))
        if not years:
            continue
        needs += _needs(name, raw, years)
        if name == BURNED_AREA_EXTENSION:
            needs += _calibration_needs(raw).values()
    together: dict[tuple[str, str], set[int]] = {}
    for need in needs:
        together.setdefault((need.product, need.role), set()).update(need.years)
    return [_Need(*key, sorted(years)) for key, years in together.items()]


def _find(need: _Need, raw: Raw, lister: Lister = list_names) -> list[Path]:
    return find_files(*_where(need, raw, lister))


def _matches(need: _Need, raw: Raw, lister: Lister) -> Iterable[Match]:
    """Files of a need, as far as they exist."""
    return match_files(*_where(need, raw, lister))


def _where(
    need: _Need, raw: Raw, lister: Lister
) -> tuple[Product, str, Path, Sequence[int], str | None, Names]:
    folder = product_folder(need.product, raw)
    pattern = raw["patterns"].get(need.product, {}).get(need.role)
    product = read_catalogue()[need.product]
    return product, need.role, folder, need.years, pattern, lister(folder)


def _roles(name: str, settings: Mapping[str, Any]) -> list[str]:
    """Roles of the files that are read with these settings."""
    if name == "era5":
        if settings["extremes"] == "hour of day":
            return ["monthly_means", "hour_of_day"]
        wet = ["dewpoint_max"] if settings["vapour_pressure_deficit"] == "cardamom" else []
        return ["monthly_means", "t_min", "t_max", *wet]
    if name == "canopy_height":
        return [settings["layout"]]
    if name == "cms_flux_nbe":
        return ["nbe" if settings["release"] == "V3" else "nbe_2020"]
    return list(read_catalogue()[name].files)

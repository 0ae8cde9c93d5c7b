"""Which raw files a study needs, by its configuration (section ``raw``)."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from differland.datasets.archives import is_litter
from differland.datasets.catalogue import find_files, read_catalogue
from differland.errors import InputError

Raw = Mapping[str, Any]
Sources = dict[str, list[Path]]

LAND_COVER = "mcd12c1"
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

    Burned area is that of GFED5 up to the last year that the configuration takes from it, and that
    of MODIS afterwards.
    """
    product = read_catalogue()[name]
    first = product.first_year or 0
    last = product.last_year or raw["last_year"]
    if name == BURNED_AREA:
        last = raw["products"][name]["last_year"]
    if name == BURNED_AREA_EXTENSION:
        first = raw["products"][BURNED_AREA]["last_year"] + 1
    return [year for year in study_years(raw) if first <= year <= last]


def overlap_years(raw: Raw) -> range:
    """Years in which burned area of MODIS is calibrated to that of GFED5."""
    products = raw["products"]
    first = products[BURNED_AREA_EXTENSION]["first_overlap_year"]
    return range(first, products[BURNED_AREA]["last_year"] + 1)


def product_folder(name: str, raw: Raw) -> Path:
    """Folder of a product."""
    return Path(raw["folder"], raw["products"][name]["folder"])


def product_sources(name: str, raw: Raw, year: int | None = None) -> Sources:
    """Find the files of a product by role.

    Parameters
    ----------
    name
        Of the product.
    raw
        The section of the configuration.
    year
        Of a yearly product; None for a static one and for tables.

    Raises
    ------
    InputError
        Files are missing; tells which product, what was looked for, where, and where to get it.
    """
    years = [year] if year is not None else list(study_years(raw))
    return {need.role: _find(need, raw) for need in _needs(name, raw, years)}


def calibration_sources(raw: Raw) -> Sources:
    """Find the files that burned area of MODIS is calibrated with.

    Raises
    ------
    InputError
        As :func:`product_sources`.
    """
    return {name: _find(need, raw) for name, need in _calibration_needs(raw).items()}


def missing_files(raw: Raw) -> dict[str, list[str]]:
    """Tell all that is missing, by product: one line for each role of its files.

    Those that only a calibration reads are among them.
    """
    lines: dict[str, list[str]] = {}
    for need in _all_needs(raw):
        try:
            _find(need, raw)
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
    ``static``: of a product that is put on the grid once. ``yearly``: of a year of another.
    ``towers``: of all flux towers. ``calibration``: of burned area.
    """
    catalogue = read_catalogue()
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
        kind: sum(_bytes_of(need, raw) for needs in each for need in needs) / len(each)
        for kind, each in works.items()
        if each
    }


def _bytes_of(need: "_Need", raw: Raw) -> int:
    try:
        return sum(path.stat().st_size for path in _find(need, raw))
    except (InputError, OSError):
        return 0


def unread_files(raw: Raw) -> dict[str, list[str]]:
    """Tell the files in the folders of the products that the study does not read, by product.

    Flux towers are left out: their reader tells of its own. So are hidden files.
    """
    unread: dict[str, list[str]] = {}
    catalogue = read_catalogue()
    calibrating: set[Path] = set()
    if raw["products"][BURNED_AREA] and raw["products"][BURNED_AREA_EXTENSION]:
        with contextlib.suppress(InputError):
            calibrating = {file for files in calibration_sources(raw).values() for file in files}
    for name, settings in raw["products"].items():
        if settings is None or "towers" in catalogue[name].files:
            continue
        yearly = catalogue[name].kind == "yearly"
        years: Sequence[int | None] = product_years(name, raw) if yearly else [None]
        read = set(calibrating)
        for year in years:
            with contextlib.suppress(InputError):
                for files in product_sources(name, raw, year).values():
                    read.update(files)
        folder = product_folder(name, raw)
        others = [
            path.relative_to(folder).as_posix()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path not in read
        ]
        unread[name] = [path for path in others if not is_litter(path)]
    return {name: paths for name, paths in unread.items() if paths}


def check_raw(raw: Raw, source: str) -> None:
    """Refuse a section ``raw`` whose keys contradict each other.

    Parameters
    ----------
    raw
        The section.
    source
        What to name as the place of the configuration.

    Raises
    ------
    InputError
        The years run backwards, the window is empty or more than the globe, a burned area or a
        calibration has no years, or patterns are given for what is no product or role.
    """
    if raw["last_year"] < raw["first_year"]:
        expected = f"a year from raw.first_year = {raw['first_year']} on"
        raise InputError(source, "raw.last_year", expected, str(raw["last_year"]))
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
    """What is read of a product for some years, which mean nothing to a static one."""
    settings = raw["products"][name]
    if name == LAND_COVER and settings["years"] != "all":
        years = settings["years"]
    needs = [_Need(name, role, years) for role in _roles(name, settings)]
    if name == BURNED_AREA_EXTENSION:
        needs.append(_Need(BURNED_AREA, "burnable_area", []))
    return needs


def _calibration_needs(raw: Raw) -> dict[str, _Need]:
    """What burned area of MODIS is calibrated with, by name."""
    years = list(overlap_years(raw))
    return {
        "reference": _Need(BURNED_AREA, "burned_area", years),
        "other": _Need(BURNED_AREA_EXTENSION, "burned_area", years),
        "burnable_area": _Need(BURNED_AREA, "burnable_area", []),
    }


def _all_needs(raw: Raw) -> list[_Need]:
    """What the whole study reads, each file in one of them."""
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


def _find(need: _Need, raw: Raw) -> list[Path]:
    pattern = raw["patterns"].get(need.product, {}).get(need.role)
    folder = product_folder(need.product, raw)
    return find_files(read_catalogue()[need.product], need.role, folder, need.years, pattern)


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

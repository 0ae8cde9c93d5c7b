"""How much input that is wrong and looks right is told: some 2,000 corrupted variants of a planet.

Run ``python benchmarks/corruptions.py TABLE.csv`` (a quarter of an hour; ``--sample N`` tries every
N-th variant only, ``--planet FOLDER`` keeps the planet for the next time). With ``--page`` it
writes the table of ``docs/quality.md`` too.

Each variant is one mistake in one product: in its gridded fields, or in a raw file where reading
matters, which is then read and put on the grid as in a study. All products are compared as in a
study. A variant is *refused* by a reader or as impossible, *flagged* as unlikely, *right* if the
fields of the study's cells are what they were, and else *silent*.
"""

import argparse
import csv
import itertools
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import rasterio
from pyhdf.SD import SD, SDC
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow"))

from differland.configuration import read_configuration  # noqa: E402
from differland.consistency.compare import compare  # noqa: E402
from differland.consistency.study import Places, Study, summarise  # noqa: E402
from differland.datasets import sources  # noqa: E402
from differland.datasets.products import (  # noqa: E402
    GAPS_ALLOWED,
    calibrate_burned_area,
    read_static,
    read_year,
)
from differland.errors import InputError  # noqa: E402
from differland.regridding.raw_fields import DETAIL, Gridding, grid_static, grid_year  # noqa: E402
from differland.regridding.study_grid import study_window  # noqa: E402
from differland.synthetic.raw import RawPlanetSettings  # noqa: E402
from differland.synthetic.writing import write_planet  # noqa: E402

SETTINGS = RawPlanetSettings(south=42, north=62, west=70, east=90, sites=20, seed=1)
"""A part of the demo's planet, so that thousands of variants can be tried."""

YEAR, MONTH = 2019, 7
"""In which a mistake of one year, or of one month, is made."""

Values = np.ndarray
Change = Callable[[Values, np.random.Generator], Values]
Fields = Mapping[str, Any]


@dataclass
class Planet:
    """A planet's gridded products, and what they are made of.

    Attributes
    ----------
    raw
        The section of the configuration.
    fields
        Variables (DataArray) by product and year; of year 0, what does not change.
    study
        Their summaries.
    calibration
        Table of the calibration of burned area.
    """

    raw: Mapping[str, Any]
    fields: dict[tuple[str, int], Fields]
    study: Study
    calibration: Path


@dataclass
class Variant:
    """One mistake.

    Attributes
    ----------
    kind, product, variable, place
        What is wrong with what, and where: of gridded fields or raw files, and in which of them.
    make
        Gives the fields that differ from the planet's, by product and year.
    """

    kind: str
    product: str
    variable: str
    place: str
    make: Callable[[Planet], dict[tuple[str, int], Fields]] = field(repr=False)


# Mistakes of values, months first.


def _block(value: float) -> Change:
    def change(values: Values, rng: np.random.Generator) -> Values:
        result = values.copy()
        rows, columns = values.shape[-2:]
        result[..., rows // 4 : rows // 2, columns // 4 : columns // 2] = value
        return result

    return change


def _missing_block(values: Values, rng: np.random.Generator) -> Values:
    return _block(np.nan)(values, rng)


def _constant(values: Values, rng: np.random.Generator) -> Values:
    return np.where(np.isfinite(values), np.nanmean(values), values)


def _shuffled(values: Values, rng: np.random.Generator) -> Values:
    flat = values.reshape(*values.shape[:-2], -1)
    return flat[..., rng.permutation(flat.shape[-1])].reshape(values.shape)


def _rows_as_columns(values: Values, rng: np.random.Generator) -> Values:
    return np.swapaxes(values, -1, -2).reshape(values.shape)


def _noisy(values: Values, rng: np.random.Generator) -> Values:
    return values * (1 + 0.01 * rng.normal(size=values.shape))


VALUE_KINDS: Mapping[str, Change] = {
    "times 10": lambda values, rng: 10 * values,
    "times 100": lambda values, rng: 100 * values,
    "times 1000": lambda values, rng: 1000 * values,
    "a tenth": lambda values, rng: values / 10,
    "a hundredth": lambda values, rng: values / 100,
    "a thousandth": lambda values, rng: values / 1000,
    "other sign": lambda values, rng: -values,
    "fill value -9999 in a block": _block(-9999.0),
    "fill value 1e20 in a block": _block(1e20),
    "zero in a block": _block(0.0),
    "infinite in a block": _block(np.inf),
    "constant": _constant,
    "zero": lambda values, rng: np.where(np.isfinite(values), 0.0, values),
    "missing": lambda values, rng: np.full(values.shape, np.nan),
    "missing in a block": _missing_block,
    "whole numbers": lambda values, rng: np.round(values),
}
PLACE_KINDS: Mapping[str, Change] = {
    "north and south exchanged": lambda values, rng: values[..., ::-1, :],
    "east and west exchanged": lambda values, rng: values[..., ::-1],
    "both exchanged": lambda values, rng: values[..., ::-1, ::-1],
    "rolled by half": lambda values, rng: np.roll(values, values.shape[-1] // 2, axis=-1),
    "rows read as columns": _rows_as_columns,
    "shuffled in space": _shuffled,
    "one column too far east": lambda values, rng: np.roll(values, 1, axis=-1),
    "one row too far south": lambda values, rng: np.roll(values, 1, axis=-2),
}
SMALL_KINDS: Mapping[str, Change] = {
    "1 % of noise": _noisy,
    "1 % too much": lambda values, rng: 1.01 * values,
}


def _swapped(first: int, second: int) -> Change:
    def change(values: Values, rng: np.random.Generator) -> Values:
        result = values.copy()
        result[[first, second]] = values[[second, first]]
        return result

    return change


def _shifted(steps: int) -> Change:
    return lambda values, rng: np.roll(values, steps, axis=0)


TIME_KINDS: Mapping[str, Change] = {
    "one month in place of all": lambda values, rng: np.repeat(values[6:7], len(values), axis=0),
    "January and July swapped": _swapped(0, 6),
    "April and July swapped": _swapped(3, 6),
    "July and August swapped": _swapped(6, 7),
    "shifted by one month": _shifted(1),
    "shifted back by one month": _shifted(-1),
    "shifted by six months": _shifted(6),
    "months backwards": lambda values, rng: values[::-1],
}


def gridded_variants(planet: Planet) -> Iterator[Variant]:
    """Mistakes in gridded fields: every kind in every variable, in all, one year, and one month."""
    by_variable: dict[tuple[str, str], list[int]] = {}
    for (product, year), fields in planet.fields.items():
        for name in fields:
            if product != "mcd12c1":
                by_variable.setdefault((product, name), []).append(year)
    for (product, name), years in by_variable.items():
        monthly = planet.fields[product, years[0]][name].ndim == 3
        places = {"all": years}
        if years[0] and len(years) > 1:
            places["one year"] = [YEAR]
        for kind, change in {**VALUE_KINDS, **PLACE_KINDS, **SMALL_KINDS}.items():
            for place, chosen in places.items():
                yield _of_years(kind, product, name, place, chosen, change)
            if monthly:
                chosen = [YEAR] if YEAR in years else years[:1]
                yield _of_years(kind, product, name, "one month", chosen, _in_month(change))
        if monthly:
            for (kind, change), place in itertools.product(TIME_KINDS.items(), places):
                yield _of_years(kind, product, name, place, places[place], change)
        if len(years) > 1:
            yield from _years_mixed(product, name, years)


def _of_years(
    kind: str, product: str, name: str, place: str, years: list[int], change: Change
) -> Variant:
    def make(planet: Planet) -> dict[tuple[str, int], Fields]:
        # The same cells are shuffled in all years.
        return {
            (product, year): {
                name: change(planet.fields[product, year][name].values, np.random.default_rng(0))
            }
            for year in years
        }

    return Variant(kind, product, name, f"gridded, {place}", make)


def _in_month(change: Change) -> Change:
    def changed(values: Values, rng: np.random.Generator) -> Values:
        result = values.copy()
        result[MONTH - 1 : MONTH] = change(values[MONTH - 1 : MONTH], rng)
        return result

    return changed


def _years_mixed(product: str, name: str, years: list[int]) -> Iterator[Variant]:
    first, second = years[:2]

    def copied(planet: Planet) -> dict[tuple[str, int], Fields]:
        return {(product, second): {name: planet.fields[product, first][name]}}

    def swapped(planet: Planet) -> dict[tuple[str, int], Fields]:
        return {(product, first): {name: planet.fields[product, second][name]}, **copied(planet)}

    yield Variant("another year under its name", product, name, "gridded, one year", copied)
    yield Variant("two years swapped", product, name, "gridded, two years", swapped)


# Raw files.


@dataclass(frozen=True)
class Raw:
    """A variable in the raw files of a product.

    Attributes
    ----------
    product, pattern, variable
        Of which files; a pattern of all years, with {year} where there are files of years.
    gives
        Variables of the driver that depend on it.
    classes_last
        Whether rows and columns are the first two axes.
    """

    product: str
    pattern: str
    variable: str
    gives: tuple[str, ...]
    classes_last: bool = False


RAW = (
    Raw("era5", "era5_daily_t_min_{year}.nc", "t2m", ("t_min",)),
    Raw("era5", "era5_daily_t_max_{year}.nc", "t2m", ("t_max", "vpd")),
    Raw("era5", "era5_daily_dewpoint_max_{year}.nc", "d2m", ("vpd",)),
    Raw("era5", "era5_monthly_means_{year}.*", "tp", ("precipitation",)),
    Raw("era5", "era5_monthly_means_{year}.*", "ssrd", ("srad",)),
    Raw("mcd12c1", "MCD12C1.A{year}*", "Land_Cover_Type_1_Percent", (), classes_last=True),
    Raw("gtopo30", "*.DEM", "", ("elevation",)),
    Raw("forest_age", "*.nc", "ForestAge_TC010", ("forest_age",)),
    *(
        Raw("hwsd", f"[TS]_{stem}.nc4", "*", (name,))
        for stem, name in (("SAND", "sand"), ("CLAY", "clay"), ("BULK_DEN", "bulk_density"))
    ),
    Raw("hwsd", "AWT_T_SOC.nc4", "SUM_t_c_12", ("soil_organic_carbon",)),
    Raw("gfed5_burned_area", "BA/BA{year}*.nc", "Total", ("burned_fraction",)),
    Raw("gfed5_burned_area", "BurnableArea.nc", "BurableArea", ("burned_fraction",)),
    Raw("mcd64cmq", "MCD64CMQ.A{year}*", "BurnedArea", ("burned_fraction",)),
    Raw("gfed5_emissions", "GFED5_Beta_monthly_{year}.nc", "C", ("fire_emission",)),
    Raw("lcspp", "LCSPP_MODIS_v3.2_{year}*.nc", "lcspp_clear_daily", ("sif",)),
    Raw("modis_lai", "lai_8-day_0.125_{year}.nc", "lai", ("lai",)),
    Raw("gleam", "E_{year}_GLEAM_v4.2a_MO.nc", "E", ("et",)),
    Raw("xu_biomass", "*.tif", "", ("woody_biomass",)),
    Raw("fluxcom", "GPP*.{year}.nc", "GPP", ("gpp",)),
    Raw("cms_flux_nbe", "CMS_Flux_NBE_{year}_v3.nc", "flux", ("nbe",)),
    Raw("grace", "*.nc", "lwe_thickness", ("ewt",)),
    Raw("cams", "cams73*_{year}??.nc", "flux_apos_bio", ("nbe_cams",)),
)

AXES = ("lat", "latitude"), ("lon", "longitude")


def _with_attribute(name: str, value: float) -> Callable[[Path, Raw], None]:
    def edit(path: Path, raw: Raw) -> None:
        with _netcdf(path, raw.variable) as (dataset, variables):
            for variable in variables:
                dataset[variable].setncattr(name, value)

    return edit


def _coordinates(axis: int, change: Callable[[Values], Values]) -> Callable[[Path, Raw], None]:
    def edit(path: Path, raw: Raw) -> None:
        with _netcdf(path, raw.variable) as (dataset, _):
            for name in AXES[axis]:
                if name in dataset.variables:
                    dataset[name][:] = change(np.asarray(dataset[name][:]))

    return edit


def _content(change: Change) -> Callable[[Path, Raw], None]:
    def edit(path: Path, raw: Raw) -> None:
        _rewrite(path, raw, lambda values: change(values, np.random.default_rng(0)))

    return edit


RAW_KINDS: Mapping[str, Callable[[Path, Raw], None]] = {
    "scale_factor 0.1 added": _with_attribute("scale_factor", 0.1),
    "scale_factor 10 added": _with_attribute("scale_factor", 10.0),
    "latitudes backwards": _coordinates(0, lambda values: values[::-1]),
    "longitudes backwards": _coordinates(1, lambda values: values[::-1]),
    "latitudes in radians": _coordinates(0, np.deg2rad),
    "longitudes in radians": _coordinates(1, np.deg2rad),
    "latitudes half a cell off": _coordinates(0, lambda v: v + abs(v[1] - v[0]) / 2),
    "longitudes half a cell off": _coordinates(1, lambda v: v + abs(v[1] - v[0]) / 2),
    **{
        kind: _content(change)
        for kind, change in {**VALUE_KINDS, **PLACE_KINDS}.items()
        if kind not in ("missing", "missing in a block")
    },
}


def raw_variants(planet: Planet) -> Iterator[Variant]:
    """Mistakes in raw files: in all of them, and in those of one year."""
    for raw in RAW:
        yearly = "{year}" in raw.pattern
        for kind, edit in RAW_KINDS.items():
            # Contents of all years are changed in gridded fields.
            places = ["one year"] if yearly else ["all"]
            if yearly and kind not in {**VALUE_KINDS, **PLACE_KINDS}:
                places.append("all")
            for place in places:
                make = _edited(raw, place, edit)
                yield Variant(kind, raw.product, raw.variable, f"raw, {place}", make)
        if yearly:
            make = _edited(raw, "one year", _of_another_year)
            yield Variant(
                "another year under its name", raw.product, raw.variable, "raw, one year", make
            )
    for first, second in (("t_min", "t_max"), ("t_max", "t_min")):
        raw = Raw("era5", f"era5_daily_{first}_{{year}}.nc", "t2m", ("t_min", "t_max", "vpd"))
        make = _edited(raw, "all", _named_otherwise(first, second))
        yield Variant("another product under its name", "era5", first, "raw, all", make)
    for first, second in (("SAND", "CLAY"), ("SAND", "SILT"), ("CLAY", "GRAVEL")):
        raw = Raw("hwsd", f"[TS]_{first}.nc4", "*", ("sand", "silt", "clay", "gravel"))
        make = _edited(raw, "all", _named_otherwise(first, second))
        yield Variant("another product under its name", "hwsd", first, "raw, all", make)


def _of_another_year(path: Path, raw: Raw) -> None:
    year = next(year for year in (YEAR, 2021) if f"{year}" in path.name)
    mine, others = (
        sorted(path.parent.glob(raw.pattern.format(year=each))) for each in (year, year - 1)
    )
    other = others[mine.index(path)].resolve()
    path.unlink()
    shutil.copy(other, path.with_suffix(other.suffix))


def _named_otherwise(first: str, second: str) -> Callable[[Path, Raw], None]:
    def edit(path: Path, raw: Raw) -> None:
        other = path.with_name(path.name.replace(first, second))
        if path.suffix == ".nc4":
            with netCDF4.Dataset(other) as source, netCDF4.Dataset(path, "a") as target:
                target[path.stem][:] = source[other.stem][:]
        else:
            path.unlink()
            shutil.copy(other, path)

    return edit


class _netcdf:  # noqa: N801
    """A NetCDF file and the variables that are meant, or the member of an archive that has them."""

    def __init__(self, path: Path, variable: str) -> None:
        self.path, self.variable = path, variable
        self.member: Path | None = None

    def __enter__(self) -> tuple[netCDF4.Dataset, list[str]]:
        path = self.path
        if path.suffix not in (".nc", ".nc4", ".zip"):
            raise NotImplementedError
        if path.suffix == ".zip":
            folder = Path(tempfile.mkdtemp(dir=path.parent))
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            for path in sorted(folder.iterdir()):
                with netCDF4.Dataset(path) as dataset:
                    if self.variable in dataset.variables:
                        break
            self.member = path
        self.dataset = netCDF4.Dataset(path, "a")
        self.dataset.set_auto_maskandscale(False)
        names = [self.variable] if self.variable != "*" else [self.path.stem]
        return self.dataset, names

    def __exit__(self, *error: object) -> None:
        self.dataset.close()
        if self.member is not None:
            with zipfile.ZipFile(self.path, "w") as archive:
                for path in sorted(self.member.parent.iterdir()):
                    archive.write(path, path.name)
            shutil.rmtree(self.member.parent)


def _rewrite(path: Path, raw: Raw, change: Callable[[Values], Values]) -> None:
    """Change the stored numbers of a file, whatever its format."""
    if path.suffix == ".hdf":
        file = SD(str(path), SDC.WRITE)
        stored = file.select(raw.variable)
        values = stored.get()
        if raw.classes_last:
            values = np.moveaxis(values, -1, 0)
        changed = _stored(change(values.astype(float)), values)
        stored[:] = np.ascontiguousarray(
            np.moveaxis(changed, 0, -1) if raw.classes_last else changed
        )
        stored.endaccess()
        file.end()
    elif path.suffix == ".tif":
        with rasterio.open(path, "r+") as file:
            values = file.read()
            file.write(_stored(change(values.astype(float)), values))
    elif path.suffix == ".DEM":
        values = np.fromfile(path, ">i2").reshape(1000, 800)
        path.write_bytes(_stored(change(values.astype(float)), values).tobytes())
    else:
        with _netcdf(path, raw.variable) as (dataset, variables):
            for variable in variables:
                values = np.asarray(dataset[variable][:])
                # Packed numbers are those that a program wrote after it had unpacked them.
                scale = getattr(dataset[variable], "scale_factor", 1.0)
                offset = getattr(dataset[variable], "add_offset", 0.0)
                changed = (change(values * scale + offset) - offset) / scale
                dataset[variable][:] = _stored(changed, values)


def _stored(changed: Values, values: Values) -> Values:
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype)
        changed = np.round(np.nan_to_num(changed, nan=0)).clip(limits.min, limits.max)
    return changed.astype(values.dtype)


def _edited(
    raw: Raw, place: str, edit: Callable[[Path, Raw], None]
) -> Callable[[Planet], dict[tuple[str, int], Fields]]:
    def made(planet: Planet) -> dict[tuple[str, int], Fields]:
        with tempfile.TemporaryDirectory(dir=planet.calibration.parent) as temporary:
            for other in Path(planet.raw["folder"]).iterdir():
                if other.name != raw.product:
                    Path(temporary, other.name).symlink_to(other.resolve())
            copy = Path(temporary, raw.product)
            shutil.copytree(Path(planet.raw["folder"], raw.product), copy, copy_function=_link)
            pattern = raw.pattern.replace("{year}", f"{YEAR}" if place == "one year" else "20??")
            years = [YEAR] if place == "one year" else None
            if place == "one year" and raw.product == "mcd64cmq":
                # It is used from 2021 on only.
                pattern, years = raw.pattern.replace("{year}", "2021"), [2021]
            for path in sorted(copy.glob(pattern)):
                original = path.resolve()
                path.unlink()
                shutil.copy(original, path)
                edit(path, raw)
            return _grid(planet, {**planet.raw, "folder": temporary}, raw, years)

    return made


def _link(source: str, destination: str) -> None:
    Path(destination).symlink_to(Path(source).resolve())


def _grid(
    planet: Planet, raw: Mapping[str, Any], of: Raw, years: list[int] | None
) -> dict[tuple[str, int], Fields]:
    """Put what depends on an edited file on the grid."""
    table = planet.calibration
    if of.product not in sources.products_of_kind(raw, "yearly"):
        return {(of.product, 0): grid_product(raw, of.product, None, table, of.gives)}
    return {
        (of.product, year): grid_product(raw, of.product, year, table, of.gives)
        for year in years or sources.product_years(of.product, raw)
    }


def grid_product(
    raw: Mapping[str, Any],
    product: str,
    year: int | None,
    calibration: Path,
    names: tuple[str, ...] = (),
) -> Fields:
    """Read a product and put it on the grid; all variables, or those that are named."""
    window = {key: raw[key] for key in ("window", "method", "minimum_coverage")}
    settings = sources.gridding_settings(product, raw)
    gridding = Gridding.from_settings(window, settings, calibration.parent)
    files = sources.product_sources(product, raw, year)
    with tempfile.TemporaryDirectory() as scratch:
        if year is None:
            folder = sources.product_folder(product, raw)
            fields = read_static(product, files, folder, settings, gridding.target)
            chosen = {name: fields[name] for name in names or fields}
            dataset = grid_static(chosen, gridding)
        else:
            table = calibration if product == sources.BURNED_AREA_EXTENSION else None
            by_month = read_year(product, files, settings, Path(scratch), table)
            some = {name: by_month[name] for name in names or by_month}
            dataset = grid_year(some, year, gridding, gaps=product in GAPS_ALLOWED)
    return {
        str(name): dataset[name] for name in dataset.data_vars if "bnds" not in dataset[name].dims
    }


def make_planet(folder: Path) -> Planet:
    """Write a planet, unless it is there, and put it on the grid."""
    write_planet(folder, SETTINGS)
    config = read_configuration(
        [REPOSITORY / "config" / f"{n}.yaml" for n in ("config", "demo")]
    ).plain()
    edges = {name: getattr(SETTINGS, name) for name in ("south", "north", "west", "east")}
    raw = {**config["raw"], "folder": str(folder / "raw"), "window": edges}
    calibration = folder / "calibration.csv"
    calibrate_burned_area(
        sources.calibration_sources(raw), raw["products"][sources.BURNED_AREA_EXTENSION]
    ).to_csv(calibration)
    fields = {
        (product, 0): grid_product(raw, product, None, calibration)
        for product in sources.products_of_kind(raw, "static")
    }
    for product in sources.products_of_kind(raw, "yearly"):
        for year in sources.product_years(product, raw):
            fields[product, year] = grid_product(raw, product, year, calibration)
    study = Study(_places(fields["mcd12c1", 0], raw))
    for (product, year), variables in fields.items():
        _put(study, product, year, variables)
    return Planet(raw, fields, study, calibration)


def _places(cover: Fields, raw: Mapping[str, Any]) -> Places:
    grid = study_window(**raw["window"])
    values = {name: np.asarray(fraction) for name, fraction in cover.items()}
    return Places.of_cover(values, grid.latitude, grid.longitude, raw["domain"])


def _put(study: Study, product: str, year: int, fields: Fields) -> None:
    for name, values in fields.items():
        detail = getattr(values, "attrs", {}).get(DETAIL, np.nan)
        summary = summarise(product, np.asarray(values), study.places, detail)
        study.add(name, year or None, summary)


def outcome(planet: Planet, variant: Variant) -> tuple[str, str]:
    """What becomes of a variant, and the first thing that is said of it."""
    try:
        changed = variant.make(planet)
    except NotImplementedError:
        return "none", ""
    except InputError as error:
        return "refused", f"reader: {error.variable}: expected {error.expected}"
    except Exception as error:
        return "crashed", f"{type(error).__name__}: {error}"
    names = {name for fields in changed.values() for name in fields}
    if _same(planet, changed):
        return "right", ""
    study = planet.study
    if variant.product == "mcd12c1":
        cover = {**planet.fields["mcd12c1", 0], **changed["mcd12c1", 0]}
        study = Study(_places(cover, planet.raw))
        for (product, year), fields in planet.fields.items():
            _put(study, product, year, changed.get((product, year), fields))
        table = compare(study)
    else:
        study = Study(
            study.places, dict(study.static), {n: dict(y) for n, y in study.yearly.items()}
        )
        for (product, year), fields in changed.items():
            _put(study, product, year, fields)
        table = compare(study, names)
    worst = table["verdict"].iloc[0]
    first = table.iloc[0]
    said = f"{first['variable']} {first['comparison']} {first['compared_with']}".strip()
    said = f"{said}: {first['found']}, expected {first['expected']}"
    return {"impossible": ("refused", said), "unlikely": ("flagged", said)}.get(
        worst, ("silent", "")
    )


def _same(planet: Planet, changed: dict[tuple[str, int], Fields]) -> bool:
    """Whether the fields of the study's cells are what they were, to single precision."""
    studied = planet.study.places.studied
    return all(
        np.allclose(
            np.asarray(values)[..., studied],
            planet.fields[key][name].values[..., studied],
            rtol=1e-4,
            atol=1e-6,
            equal_nan=True,
        )
        for key, fields in changed.items()
        for name, values in fields.items()
    )


OUTCOMES = ("refused", "flagged", "right", "silent", "crashed")


def write_page(rows: list[dict[str, str]], page: Path) -> None:
    """Put the table of kinds between the marks of a page."""
    lines = [
        "| kind | tried | refused | flagged | right in spite of it | silent |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    kinds = dict.fromkeys(row["kind"] for row in rows)
    for kind in [*kinds, "all"]:
        count = Counter(row["outcome"] for row in rows if kind in (row["kind"], "all"))
        numbers = [
            count.total(),
            count["refused"] + count["crashed"],
            *(count[o] for o in OUTCOMES[1:4]),
        ]
        lines.append(f"| {kind} | {' | '.join(map(str, numbers))} |")
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->\n")
    table = "\n".join(lines)
    page.write_text(
        f"{before}<!-- table -->\n{table}\n<!-- end of table -->\n{after}", encoding="utf-8"
    )


def main() -> None:
    """Try all variants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV file that gets a row for each variant")
    parser.add_argument("--planet", type=Path, help="folder that keeps the planet")
    parser.add_argument("--page", type=Path, help="page that gets the table of kinds")
    parser.add_argument("--sample", type=int, default=1, help="try every N-th variant only")
    parser.add_argument("--only", default="", help="text in the kind, product or place of variants")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        planet = make_planet(arguments.planet or Path(temporary, "planet"))
        variants = [
            variant
            for variant in [*gridded_variants(planet), *raw_variants(planet)]
            if arguments.only in f"{variant.kind} {variant.product} {variant.place}"
        ][:: arguments.sample]
        rows = []
        with arguments.table.open("w", newline="", encoding="utf-8") as file:
            columns = ["kind", "product", "variable", "place", "outcome", "said"]
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            for variant in tqdm(variants, disable=None):
                result, said = outcome(planet, variant)
                if result == "none":
                    continue
                rows.append(
                    {
                        "kind": variant.kind,
                        "product": variant.product,
                        "variable": variant.variable,
                        "place": variant.place,
                        "outcome": result,
                        "said": said,
                    }
                )
                writer.writerow(rows[-1])
    if arguments.page:
        write_page(rows, arguments.page)
    print(Counter(row["outcome"] for row in rows), f"{time.process_time():.0f} s of CPU")


if __name__ == "__main__":
    main()

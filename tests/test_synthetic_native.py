"""The raw files of a synthetic planet, read and regridded: what comes back is the planet.

The window lies across the prime meridian and across 40 N, where files and tiles meet.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from differland.configuration import read_configuration
from differland.datasets import sources
from differland.datasets.archives import list_files
from differland.datasets.biomass import (
    herbaceous_biomass,
    herbaceous_fraction,
    read_gpp_climatology,
    read_woody_biomass,
)
from differland.datasets.catalogue import read_catalogue
from differland.datasets.co2 import read_co2
from differland.datasets.elevation import read_elevation
from differland.datasets.evaporation import read_gleam
from differland.datasets.fields import Field, check_months
from differland.datasets.fire import (
    Regions,
    apply_cross_calibration,
    fit_cross_calibration,
    read_burnable_area,
    read_gfed_burned_area,
    read_gfed_emissions,
    read_modis_burned_area,
)
from differland.datasets.forest import read_canopy_height_tiles, read_forest_age
from differland.datasets.inversion import read_cams, read_cms_flux
from differland.datasets.land_cover import read_land_cover, vegetated_land
from differland.datasets.land_models import exchange_of_cells, find_trendy, read_trendy
from differland.datasets.products import read_static, read_year
from differland.datasets.reanalysis import (
    read_daily_extremes,
    read_monthly_means,
    vapour_pressure_deficit,
)
from differland.datasets.soil import read_soil, read_soil_organic_carbon
from differland.datasets.towers import (
    put_on_cells,
    read_sites,
    read_towers,
    representative_sites,
    select_sites,
)
from differland.datasets.vegetation import read_lai, read_lcspp
from differland.datasets.water_storage import read_mascons, recentred
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid
from differland.regridding.study_grid import STUDY_GRID
from differland.shipped import CONFIG
from differland.synthetic.native.vegetation import eight_day_values
from differland.synthetic.raw import RawPlanet, RawPlanetSettings, make_raw_planet
from differland.synthetic.writing import PRODUCTS, RECORD, write_planet, write_raw_files
from differland.tables import PREDICTOR_GROUPS

SETTINGS = RawPlanetSettings(
    south=38, north=46, west=-5, east=5, cells_per_patch=30, sites=15, seed=2
)
WINDOW = Grid(46 - 0.25 * np.arange(33), -5 + 0.25 * np.arange(41))
MONTHS = pd.period_range("2018-01", "2021-12", freq="M")
COVERAGE = 0.25
PATTERNED = {
    name: product
    for name, product in read_catalogue().items()
    # Towers are looked for by their reader, in all files of the folder.
    if "towers" not in product.files and product.kind != "comparison"
}


@pytest.fixture(scope="module")
def planet() -> RawPlanet:
    return make_raw_planet(SETTINGS)


@pytest.fixture(scope="module")
def raw(planet: RawPlanet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_raw_files(planet, folder)
    return folder


def mapped(field: Field, target: Grid = WINDOW) -> np.ndarray:
    return Regridder.between(field.grid, target).apply(field.whole(), COVERAGE)


def monthly(fields: Iterable[Field], valid: np.ndarray) -> pd.DataFrame:
    """Values of the planet's cells by month, weighted where fields share one."""
    total: dict[pd.Period, np.ndarray] = {}
    weight: dict[pd.Period, np.ndarray] = {}
    for field in fields:
        values = mapped(field)[valid]
        share = np.where(np.isnan(values), 0, field.weight)
        total[field.month] = total.get(field.month, 0) + share * np.nan_to_num(values)
        weight[field.month] = weight.get(field.month, 0) + share
    with np.errstate(invalid="ignore"):
        return pd.DataFrame({month: total[month] / weight[month] for month in total})


def compare(found: pd.DataFrame, planet: RawPlanet, name: str, rtol: float, atol: float) -> None:
    """Compare all months that the planet has of a variable with what was read."""
    expected = pd.DataFrame(planet.driver[name].to_numpy(), columns=MONTHS)
    assert list(found.columns) == [month for month in MONTHS if month in found.columns]
    left_out = expected.drop(columns=found.columns)
    assert left_out.isna().all(axis=None)
    np.testing.assert_allclose(
        found.to_numpy(), expected[found.columns].to_numpy(), rtol=rtol, atol=atol
    )


def all_months(fields: Iterable[Field]) -> Iterator[Field]:
    fields = list(fields)
    check_months(fields, "planet", MONTHS)
    yield from fields


def test_every_product_is_there(raw):
    assert {folder.name for folder in raw.iterdir()} == set(PRODUCTS)
    assert all(any(path.is_file() for path in (raw / name).rglob("*")) for name in PRODUCTS)


def test_domain_and_plant_types(planet, raw):
    fields = {field.name: field for field in read_land_cover(raw / "mcd12c1", range(2018, 2022))}
    cover = {name: mapped(field) for name, field in fields.items()}
    np.testing.assert_array_equal(
        vegetated_land(cover["water"], cover["nonvegetated"]), planet.valid
    )
    assert planet.valid.reshape(2, 16, 2, 20).sum(axis=(1, 3)).tolist() == [[30, 30], [30, 30]]
    # Whole percentages in 25 pixels and 4 years.
    for name in PREDICTOR_GROUPS["PFT"]:
        expected = planet.driver[name].to_numpy()
        np.testing.assert_allclose(cover[name][planet.valid], expected, rtol=0, atol=3e-4)
    one = {field.name: field.whole() for field in read_land_cover(raw / "mcd12c1", [2019])}
    assert not np.array_equal(one["grassland"], fields["grassland"].whole())


def test_elevation(planet, raw):
    # Whole metres in 25 pixels, whose rows differ in area.
    found = mapped(read_elevation(raw / "gtopo30", region=WINDOW))
    np.testing.assert_allclose(found, planet.static["elevation"], rtol=0, atol=0.05)


def test_forests(planet, raw):
    age = mapped(read_forest_age(raw / "forest_age"))[planet.valid]
    np.testing.assert_allclose(age, planet.driver["forest_age"].to_numpy(), rtol=1e-5)
    height = read_canopy_height_tiles(raw / "canopy_height", WINDOW).whole()
    np.testing.assert_array_equal(height[planet.valid], planet.driver["canopy_height"].to_numpy())
    assert np.isnan(height[planet.cover["water"] > 0.5]).all()


def test_soil(planet, raw):
    fields = [*read_soil(raw / "hwsd"), read_soil_organic_carbon(raw / "hwsd")]
    names = {"bulk_density", "sand", "silt", "clay", "gravel", "soil_organic_carbon"}
    assert {field.name for field in fields} == names
    for field in fields:
        expected = planet.driver[field.name].to_numpy()
        np.testing.assert_allclose(mapped(field)[planet.valid], expected, rtol=1e-5, atol=1e-3)
        assert np.isnan(mapped(field)[planet.cover["water"] > 0.5]).all()


def test_carbon_dioxide(planet, raw):
    found = read_co2(raw / "noaa_co2" / "co2_mm_gl.csv", MONTHS)
    np.testing.assert_allclose(found.to_numpy(), planet.driver["co2"].to_numpy(), rtol=1e-6)


@pytest.mark.parametrize(("name", "atol"), [("precipitation", 5e-4), ("srad", 6e-4)])
def test_monthly_means(planet, raw, tmp_path, name, atol):
    # One year is packed into 16 bits.
    files = sorted((raw / "era5").glob("era5_monthly_means_*"))
    assert [file.suffix for file in files] == [".nc", ".zip", ".nc", ".nc"]
    fields = all_months(read_monthly_means(files, name, tmp_path))
    compare(monthly(fields, planet.valid), planet, name, 1e-6, atol)


def test_daily_extremes_and_vapour_pressure_deficit(planet, raw):
    folder = raw / "era5"
    series = {
        name: list(all_months(read_daily_extremes(sorted(folder.glob(f"*_{name}_*.nc")), name)))
        for name in ("t_min", "t_max", "dewpoint_max")
    }
    for name in ("t_min", "t_max"):
        compare(monthly(series[name], planet.valid), planet, name, 0, 1e-5)
    deficit = vapour_pressure_deficit(series["t_max"], series["dewpoint_max"])
    compare(monthly(deficit, planet.valid), planet, "vpd", 1e-5, 1e-5)


def test_climate_is_that_of_the_forcing(planet):
    days = MONTHS.days_in_month.to_numpy()
    mean = {
        name: planet.driver[name].to_numpy() @ days / 1461
        for name in ("t_min", "t_max", "precipitation")
    }
    np.testing.assert_allclose(
        planet.driver["mean_annual_precipitation"], 365.25 * mean["precipitation"], rtol=1e-5
    )
    np.testing.assert_allclose(
        planet.driver["mean_annual_temperature"], (mean["t_min"] + mean["t_max"]) / 2, atol=1e-4
    )


def test_burned_area_and_its_extension(planet, raw):
    burnable = read_burnable_area(raw / "gfed5_burned_area" / "BurnableArea.nc")
    files = sorted((raw / "gfed5_burned_area").rglob("BA2*.nc"))
    gfed = list(read_gfed_burned_area(files, burnable))
    assert [field.month for field in gfed] == list(MONTHS[:36])
    modis = list(read_modis_burned_area(sorted((raw / "mcd64cmq").glob("*.hdf")), burnable))
    regions = Regions.boxes(burnable.grid)
    fit = fit_cross_calibration(gfed, modis, burnable, regions)
    np.testing.assert_allclose(fit.loc[0, "slope"], 1.4, rtol=1e-6)
    later = apply_cross_calibration(modis[36:], fit, regions)
    found = monthly([*gfed, *later], planet.valid)
    # Hundredths of a hectare in cells of more than 400 km2.
    compare(found, planet, "burned_fraction", 1e-6, 2e-7)
    assert found[MONTHS[36:]].to_numpy().any()


def patch_means(planet: RawPlanet, found: pd.DataFrame) -> pd.DataFrame:
    return found.groupby(planet.driver["patch"].to_numpy()).mean()


def test_fire_emissions(planet, raw):
    files = sorted((raw / "gfed5_emissions").glob("*.nc"))
    found = monthly(all_months(read_gfed_emissions(files)), planet.valid)
    compare(patch_means(planet, found), planet, "fire_emission", 1e-5, 1e-7)


def test_net_biosphere_exchange(planet, raw):
    files = sorted((raw / "cms_flux_nbe").glob("*.nc"))
    found = monthly(all_months(read_cms_flux(files)), planet.valid)
    compare(patch_means(planet, found), planet, "nbe", 1e-5, 1e-6)


def test_the_other_inversion(planet, raw):
    """What CAMS sees is the exchange, with one error a month: its own where a patch is."""
    found = monthly(all_months(read_cams(sorted((raw / "cams").glob("*.nc")))), planet.valid)
    assert found.notna().all(axis=None)
    nbe = planet.driver["nbe"].to_numpy()[planet.driver["patch"].to_numpy()]
    error = (found.to_numpy() - nbe).mean(axis=0)
    assert 0 < np.abs(error).mean() < nbe.std()
    # Cells in the middle of a patch are not mixed with those of others.
    lat, lon = (planet.driver[name].to_numpy() for name in ("lat", "lon"))
    middle = (np.abs((lat + 2) % 4 - 2) < 1) & (np.abs(lon % 5 - 2.5) < 0.6)
    assert middle.sum() > 5
    residual = (found.to_numpy() - nbe)[middle]
    np.testing.assert_allclose(residual, residual[:1].repeat(len(residual), axis=0), atol=1e-5)


def test_land_models(planet, raw):
    """Models of the demo are read with its choices, and are about the planet."""
    demo = yaml.safe_load(Path(__file__).parents[1].joinpath("config/demo.yaml").read_text())
    models = demo["carbon_cycle"]["trendy"]["models"]
    assert len(models) == len(list((raw / "trendy").iterdir())) == 3
    places = [planet.driver[name].to_numpy() for name in ("lat", "lon")]
    mean = planet.driver["nbe"].to_numpy().mean(axis=0)
    for model, choices in models.items():
        files = find_trendy(raw / "trendy", model, choices)
        found = exchange_of_cells(files, choices, MONTHS, *places, COVERAGE)["nbe"]
        assert np.isfinite(found).all()
        # The sign, and the right months: models are wrong, but not by much.
        assert np.corrcoef(found.mean("cell"), mean)[0, 1] > 0.5, model
        # The files begin long before.
        early = pd.period_range("1985-01", "1985-12", freq="M")
        assert len(list(read_trendy(files["nbp"], "nbe", early, **choices))) == 12
    with pytest.raises(InputError, match="are layers to be summed up"):
        list(read_trendy(files["nbp"], "nbe", MONTHS, first_year=1980, units="kg m-2 s-1"))


def test_water_storage(planet, raw):
    (file,) = (raw / "grace").iterdir()
    found = monthly(read_mascons(file), planet.valid)
    assert len(found.columns) == 48 - 7
    assert pd.Period("2018-05", "M") not in found.columns
    centred = recentred(patch_means(planet, found).to_numpy().T).T
    patches = pd.DataFrame(centred, columns=found.columns)
    compare(patches, planet, "ewt", 1e-5, 1e-3)


def test_photosynthesis_proxy(planet, raw):
    fields = list(all_months(read_lcspp(sorted((raw / "lcspp").glob("*.nc")))))
    compare(monthly(fields, planet.valid), planet, "sif", 1e-5, 1e-6)
    first, second = (mapped(field)[planet.valid] for field in fields[:2])
    assert (np.isnan(second) & ~np.isnan(first)).any()


def test_leaf_area(planet, raw):
    fields = all_months(read_lai(sorted((raw / "modis_lai").glob("*.nc"))))
    compare(monthly(fields, planet.valid), planet, "lai", 1e-5, 1e-5)


def test_evaporation(planet, raw):
    fields = list(all_months(read_gleam(sorted((raw / "gleam").glob("*.nc")))))
    assert fields[0].grid.shape == (80, 100)
    compare(monthly(fields, planet.valid), planet, "et", 1e-5, 1e-5)


def test_biomass(planet, raw):
    annual = mapped(read_gpp_climatology(sorted((raw / "fluxcom").glob("*.nc"))))[planet.valid]
    cover = {name: planet.driver[name].to_numpy() for name in PREDICTOR_GROUPS["PFT"]}
    # The demo reads the planet, so that its configuration has to say what the planet does.
    demo = yaml.safe_load(Path(__file__).parents[1].joinpath("config/demo.yaml").read_text())
    respired = demo["raw"]["biomass"]["respired_fraction"]
    herbs = herbaceous_biomass(herbaceous_fraction(cover), annual, respired_fraction=respired)
    assert (herbs > 100).any()
    (file,) = (raw / "xu_biomass").iterdir()
    woody = {field.month.year: field for field in read_woody_biomass(file)}
    expected = pd.DataFrame(planet.driver["biomass"].to_numpy(), columns=MONTHS)
    for year in (2018, 2019):
        found = mapped(woody[year])[planet.valid] + herbs
        for month in (1, 7, 12):
            np.testing.assert_allclose(
                found, expected[pd.Period(f"{year}-{month}", "M")], rtol=1e-5, atol=1e-3
            )
    assert expected[MONTHS[24:]].isna().all(axis=None)


def test_flux_towers(planet, raw):
    folder = raw / "flux_towers"
    tables = [f for f in list_files(folder) if "BIF" in f.name or "SITEINFO" in f.name]
    sites = read_sites(tables)
    assert len(sites) == SETTINGS.sites
    assert sites.loc["SY-A01", "name"] == "Synthetic tower 01"
    cover = {}
    for name in PREDICTOR_GROUPS["PFT"]:
        cover[name] = np.full(STUDY_GRID.shape, np.nan)
        cover[name][176:208, 700:740] = planet.mapped(name)
    kept = representative_sites(sites, cover)
    towers = read_towers(folder, MONTHS)
    assert set(towers["network"]) == {"FLUXNET2015", "AmeriFlux", "ICOS"}
    known = select_sites(towers)
    cells = put_on_cells(known, kept, MONTHS)
    usable = {site.name: site for site in planet.sites.sites if site.usable}
    assert set(kept.index) & set(known["site"]) == set(usable)
    # A fifth is not representative and one is young.
    assert len(usable) == SETTINGS.sites - 3 - 1
    expected = planet.driver.isel(cell=np.flatnonzero(planet.driver["site"] != ""))
    assert cells["site"].to_numpy().tolist() == expected["site"].to_numpy().tolist()
    assert any(" " in names for names in cells["site"].to_numpy())
    np.testing.assert_array_equal(cells["lat"], expected["lat"])
    np.testing.assert_array_equal(cells["lon"], expected["lon"])
    for name in ("gpp_site", "reco_site", "et_site"):
        np.testing.assert_allclose(cells[name], expected[name], rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def section(raw: Path) -> dict[str, Any]:
    """The section raw of the demo, of this planet."""
    demo = read_configuration([CONFIG / "demo.yaml"]).raw.plain()
    return {**demo, "folder": str(raw), "window": None}


@pytest.fixture(scope="module")
def moved(section: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same, of files with other names in a subfolder, which patterns tell."""
    folder, there = tmp_path_factory.mktemp("moved"), Path(section["folder"])
    for file in there.rglob("*"):
        name, *below = file.relative_to(there).parts
        if file.is_file():
            new = folder.joinpath(name, "download", *below).with_name(f"my_{file.name}")
            new.parent.mkdir(parents=True, exist_ok=True)
            new.hardlink_to(file)
    patterns = {
        name: {
            role: f"**/my_{pattern.removeprefix('**/')}" for role, pattern in product.files.items()
        }
        for name, product in PATTERNED.items()
    }
    return {**section, "folder": str(folder), "patterns": patterns}


def some_rows(field: Field) -> np.ndarray:
    edges = field.grid.latitude_edges
    middle = np.flatnonzero(np.abs((edges[1:] + edges[:-1]) / 2 - 42) < 2)
    return field.read(slice(middle.min(), middle.max() + 1))


@pytest.mark.parametrize("product", [name for name in PRODUCTS if name in PATTERNED])
def test_values_of_renamed_files_are_those_of_the_files(section, moved, tmp_path, product):
    kind, settings = PATTERNED[product].kind, sources.gridding_settings(product, section)

    def read(raw: dict[str, Any]) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
        files = sources.product_sources(product, raw, 2020 if kind == "yearly" else None)
        fields: dict[str, Field] = {}
        if kind == "static":
            folder = sources.product_folder(product, raw)
            fields = read_static(product, files, folder, settings, WINDOW)
        elif kind == "yearly" and product != sources.BURNED_AREA_EXTENSION:
            found = read_year(product, files, settings, tmp_path, None)
            fields = {name: next(iter(each)) for name, each in found.items()}
        names = {role: [file.name for file in found] for role, found in files.items()}
        return names, {name: some_rows(field) for name, field in fields.items()}

    (names, values), (new_names, new_values) = read(section), read(moved)
    assert new_names == {role: [f"my_{name}" for name in every] for role, every in names.items()}
    np.testing.assert_equal(new_values, values)
    assert all(np.isfinite(each).any() for each in values.values())


def test_truth_is_that_of_the_cells(planet):
    for name in ("lat", "lon"):
        np.testing.assert_array_equal(planet.truth[name], planet.driver[name])
    rows, columns = np.nonzero(planet.valid)
    np.testing.assert_array_equal(planet.truth["lat"], 45.875 - 0.25 * rows)
    np.testing.assert_array_equal(planet.truth["lon"], -4.875 + 0.25 * columns)


@pytest.mark.parametrize("year", [2019, 2020])
def test_periods_of_eight_days_have_the_means_of_months(year):
    months = np.random.default_rng(0).uniform(0, 7, size=(12, 50)) ** 2 / 7
    periods = eight_day_values(months, year)
    assert periods.shape == (46, 50)
    assert periods.min() >= 0
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    daily = pd.DataFrame(periods[(days.day_of_year - 1) // 8], days)
    np.testing.assert_allclose(daily.groupby(days.month).mean(), months, atol=1e-12)


TINY = RawPlanetSettings(
    south=42, north=46, west=0, east=5, first_year=2020, years=1, cells_per_patch=20, sites=3
)


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_planet_is_written_once_and_is_the_same_again(tmp_path):
    write_planet(tmp_path / "one", TINY)
    assert {path.name for path in tmp_path.iterdir()} == {"one"}
    first = contents(tmp_path / "one")
    times = {path: (tmp_path / "one" / path).stat().st_mtime_ns for path in first}
    write_planet(tmp_path / "one", TINY)
    again = {path: (tmp_path / "one" / path).stat().st_mtime_ns for path in first}
    assert again == times
    write_planet(tmp_path / "two", TINY)
    second = contents(tmp_path / "two")
    # The history of this file has the time of writing.
    differing = [path for path in first if first[path] != second[path]]
    assert first.keys() == second.keys()
    assert differing in ([], [Path("truth.nc")])
    with pytest.raises(InputError, match="remove the folder to make this planet"):
        write_planet(tmp_path / "one", RawPlanetSettings(**{**vars(TINY), "seed": 1}))
    assert contents(tmp_path / "one") == first


def test_folders_that_hold_something_else_are_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=f"{RECORD}: expected no folder, or that of a planet"):
        write_planet(tmp_path / "data", TINY)
    (tmp_path / "data" / RECORD).write_text(json.dumps({"settings": {}}))
    with pytest.raises(InputError, match="remove the folder"):
        write_planet(tmp_path / "data", TINY)


def test_failed_planet_leaves_nothing(tmp_path, monkeypatch):
    def fail(planet: RawPlanet, folder: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("differland.synthetic.writing.PRODUCTS", {"mcd12c1": fail})
    with pytest.raises(OSError, match="no space left"):
        write_planet(tmp_path / "planet", TINY)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("north", 45, "height: expected whole patches from 90 N, found 3"),
        ("west", 1, "width: expected whole patches from 180 W, found 4"),
        ("east", 0, "east: expected more than west"),
        ("years", 0, "years: expected at least 1, found 0"),
        ("cells_per_patch", 320, "cells_per_patch: expected 1 to 160"),
        ("sites", 50, "sites: expected few"),
        ("seed", -1, "seed: expected 0 or more, found -1"),
        ("noise", float("inf"), "noise: expected 0 to 100, found inf"),
    ],
)
def test_impossible_planets_are_refused(name, value, message):
    with pytest.raises(InputError, match=message):
        make_raw_planet(RawPlanetSettings(**{**vars(TINY), name: value}))

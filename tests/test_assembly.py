"""The driver from gridded products: cells, means, patches, towers."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from differland.analysis.site_table import RawTowers, tabulate_sites
from differland.assembly import GriddedFiles, assemble_driver
from differland.datasets.towers import put_on_cells
from differland.driver import read_driver
from differland.errors import InputError
from differland.files import write_netcdf, write_netcdf_parts
from differland.patches import draw_patches
from differland.regridding.grid import Grid
from differland.regridding.study_grid import study_window
from differland.tables import PREDICTOR_GROUPS

# Two patches of 4 x 5 degrees side by side, 16 rows and 40 columns of cells.
WINDOW = {"south": 42, "north": 46, "west": 0, "east": 10}
YEARS = (2019, 2020)
ROWS, COLUMNS = 16, 40


@pytest.fixture
def raw(configuration: dict) -> dict[str, Any]:
    section = copy.deepcopy(configuration["raw"])
    section |= {"window": WINDOW, "first_year": YEARS[0], "last_year": YEARS[1]}
    section["products"]["flux_towers"]["minimum_months"] = 1
    return section


@pytest.fixture
def target() -> Grid:
    return study_window(**WINDOW)


def constant(value: float) -> np.ndarray:
    return np.full((ROWS, COLUMNS), value)


class Planet:
    """Gridded products whose values tests change before they are written."""

    def __init__(self) -> None:
        cover = {name: constant(0.0) for name in PREDICTOR_GROUPS["PFT"]}
        cover |= {"water": constant(0.2), "grassland": constant(0.5), "mixed_forest": constant(0.3)}
        soil = dict.fromkeys(["sand", "silt", "clay"], constant(30.0))
        soil |= {"gravel": constant(5.0), "bulk_density": constant(1.3)}
        self.static = {
            "mcd12c1": cover,
            "gtopo30": {"elevation": constant(100.0)},
            "forest_age": {"forest_age": constant(50.0)},
            "canopy_height": {"canopy_height": constant(20.0)},
            "hwsd": soil | {"soil_organic_carbon": constant(9000.0)},
            "fluxcom": {"gpp": constant(800.0)},
        }
        month = np.arange(12)[:, None, None]
        era5 = {
            "t_min": month + constant(0.0),
            "t_max": month + constant(10.0),
            "srad": 10 + month + constant(0.0),
            "vpd": 5 + month + constant(0.0),
            "precipitation": 1 + month + constant(0.0),
        }
        one = constant(0.0) + 0 * month
        self.yearly = {
            "era5": {year: copy.deepcopy(era5) for year in YEARS},
            "gfed5_burned_area": {year: {"burned_fraction": one + 0.01} for year in YEARS},
            "modis_lai": {year: {"lai": one + year - 2000} for year in YEARS},
            "xu_biomass": {YEARS[0]: {"woody_biomass": constant(4000.0)}},
            "cms_flux_nbe": {year: {"nbe": one + 0.5} for year in YEARS},
            "grace": {year: {"ewt": one + 7.0 + month} for year in YEARS},
        }
        self.towers: pd.DataFrame | None = None
        self.sites: pd.DataFrame | None = None

    def write(self, folder: Path, target: Grid) -> GriddedFiles:
        def save(values: dict[str, np.ndarray], name: str) -> Path:
            variables = {
                key: (("time", "lat", "lon")[3 - array.ndim :], array.astype(np.float32))
                for key, array in values.items()
            }
            coordinates = {"lat": target.latitude, "lon": target.longitude}
            write_netcdf(xr.Dataset(variables, coordinates), folder / f"{name}.nc")
            return folder / f"{name}.nc"

        folder.mkdir(exist_ok=True)
        dates = pd.period_range("2018-01", "2021-12", freq="M")
        rows = [f"{d.year},{d.month},{d.year}.0,{400 + d.month}.0,0.1,400,0.1" for d in dates]
        header = "year,month,decimal,average,average_unc,trend,trend_unc"
        (folder / "co2.csv").write_text("\n".join(["# comment", header, *rows, ""]))
        for name in ("towers", "sites"):
            if getattr(self, name) is not None:
                getattr(self, name).to_csv(folder / f"{name}.csv", index=False)
        return GriddedFiles(
            {name: save(values, name) for name, values in self.static.items()},
            {
                name: {year: save(v, f"{name}_{year}") for year, v in by_year.items()}
                for name, by_year in self.yearly.items()
            },
            folder / "co2.csv",
            folder / "towers.csv" if self.towers is not None else None,
            folder / "sites.csv" if self.sites is not None else None,
        )


@pytest.fixture
def planet() -> Planet:
    return Planet()


def assemble(planet: Planet, folder: Path, target: Grid, raw: dict[str, Any]) -> xr.Dataset:
    """The driver, after all checks."""
    files = planet.write(folder / "gridded", target)
    write_netcdf_parts(assemble_driver(files, target, raw), folder / "driver.nc")
    return read_driver(folder / "driver.nc")


def test_a_driver_passes_all_checks(planet, tmp_path, target, raw):
    driver = assemble(planet, tmp_path, target, raw)
    assert dict(driver.sizes) == {"cell": ROWS * COLUMNS, "time": 24, "patch": 2}
    assert np.bincount(driver["patch"]).tolist() == [320, 320]
    assert driver["lat"].to_numpy()[0] == 45.875 and driver["lon"].to_numpy()[0] == 0.125
    np.testing.assert_allclose(driver["lai"].to_numpy()[:, ::12], [[19, 20]] * ROWS * COLUMNS)
    np.testing.assert_allclose(driver["co2"].to_numpy()[[0, 23]], [401, 412])


def test_climate_is_the_mean_over_days(planet, tmp_path, target, raw):
    driver = assemble(planet, tmp_path, target, raw)
    days = pd.period_range("2019-01", "2020-12", freq="M").days_in_month.to_numpy()
    month = np.tile(np.arange(12), 2)
    temperature = (days * (month + 5)).sum() / days.sum()
    precipitation = (days * (month + 1)).sum() / days.sum() * 365.25
    np.testing.assert_allclose(driver["mean_annual_temperature"], temperature, rtol=1e-6)
    np.testing.assert_allclose(driver["mean_annual_precipitation"], precipitation, rtol=1e-6)


def test_monthly_mean_temperature_is_a_choice(planet, tmp_path, target, raw):
    raw["products"]["era5"]["mean_temperature"] = "monthly_mean"
    for year in YEARS:
        planet.yearly["era5"][year]["t_mean"] = np.full((12, ROWS, COLUMNS), 7.0)
    driver = assemble(planet, tmp_path, target, raw)
    np.testing.assert_allclose(driver["mean_annual_temperature"], 7.0)


def test_cells_need_vegetation_predictors_and_forcing(planet, tmp_path, target, raw):
    planet.static["mcd12c1"]["water"][0, 0] = 0.51
    planet.static["mcd12c1"]["nonvegetated"][0, 1] = 0.21
    planet.static["mcd12c1"]["water"][0, 2] = 0.5
    planet.static["gtopo30"]["elevation"][0, 3] = np.nan
    planet.yearly["era5"][2020]["vpd"][11, 0, 4] = np.nan
    planet.yearly["modis_lai"][2020]["lai"][:, 0, 5] = np.nan
    driver = assemble(planet, tmp_path, target, raw)
    kept = driver["lon"].to_numpy()[driver["lat"].to_numpy() == 45.875]
    np.testing.assert_array_equal(kept[:3], [0.625, 1.375, 1.625])
    assert driver.sizes["cell"] == ROWS * COLUMNS - 4


def test_a_condition_that_leaves_no_cell_is_named(planet, tmp_path, target, raw):
    planet.static["forest_age"]["forest_age"][:] = np.nan
    with pytest.raises(InputError, match="forest_age: expected cells that have it"):
        assemble(planet, tmp_path, target, raw)


def test_herbs_are_added_to_wood_in_the_years_that_have_wood(planet, tmp_path, target, raw):
    biomass = assemble(planet, tmp_path, target, raw)["biomass"].to_numpy()
    # 0.5 of the cell under grass, 800 gC m-2 year-1, one year, half respired.
    np.testing.assert_allclose(biomass[:, :12], 4000 + 0.5 * 800 * 0.5)
    assert np.isnan(biomass[:, 12:]).all()


def test_a_product_without_any_year_of_the_study_is_left_out(planet, tmp_path, target, raw, caplog):
    planet.yearly["xu_biomass"] = {}
    driver = assemble(planet, tmp_path, target, raw)
    assert "biomass" not in driver
    assert "lai" in driver
    assert "xu_biomass has no year of the study" in caplog.text


def test_patch_means_are_those_of_valid_cells(planet, tmp_path, target, raw):
    planet.static["mcd12c1"]["water"][:, 1:20] = 1.0
    flux = planet.yearly["cms_flux_nbe"][2020]["nbe"]
    flux[3, :, 0] = 2.0
    flux[3, 0, 0] = 6.0
    flux[3, 1, 0] = np.nan
    flux[3, :, 1:20] = 99.0
    flux[4, :, 0] = np.nan
    nbe = assemble(planet, tmp_path, target, raw)["nbe"].to_numpy()
    np.testing.assert_allclose(nbe[0, 12 + 3], (6 + 14 * 2) / 15, rtol=1e-6)
    assert np.isnan(nbe[0, 12 + 4]) and nbe[1, 12 + 3] == 0.5


def test_patch_means_may_be_weighted_by_area(planet, tmp_path, target, raw):
    raw["patch_mean"] = "area"
    rows = np.linspace(1, 2, ROWS)[:, None] + constant(0.0)
    planet.yearly["cms_flux_nbe"][2020]["nbe"][0] = rows
    nbe = assemble(planet, tmp_path, target, raw)["nbe"].to_numpy()
    weight = np.cos(np.deg2rad(target.latitude))
    np.testing.assert_allclose(nbe[:, 12], (weight * rows[:, 0]).sum() / weight.sum(), rtol=1e-5)


def test_patches_may_be_the_boxes_of_the_inversion(planet, tmp_path, target, raw):
    """Boxes end at 44 N, 2.5 E and 7.5 E: two rows and three columns of them."""
    raw["inversion_boxes"] = "boxes"
    north = np.arange(ROWS)[:, None] < 8
    column = np.searchsorted([10, 30], np.arange(COLUMNS), side="right")
    box = np.where(north, 0, 3) + column
    planet.yearly["cms_flux_nbe"][2020]["nbe"][4] = box
    emission = {year: {"fire_emission": np.tile(box + 1.0, (12, 1, 1))} for year in YEARS}
    planet.yearly["gfed5_emissions"] = emission
    planet.yearly["grace"][2019]["ewt"][0] = 10.0 * box
    driver = assemble(planet, tmp_path, target, raw)
    assert np.array_equal(driver["patch"].to_numpy(), box.ravel())
    numbers = [row * 72 + column for row in (11, 12) for column in (36, 37, 38)]
    assert driver["patch_number"].to_numpy().tolist() == numbers
    assert "182.5 W" in driver["patch_number"].attrs["long_name"]
    assert np.bincount(driver["patch"]).tolist() == [80, 160, 80] * 2
    np.testing.assert_allclose(driver["nbe"].to_numpy()[:, 12 + 4], range(6))
    np.testing.assert_allclose(driver["fire_emission"].to_numpy()[:, 0], range(1, 7))
    water = driver["ewt"].to_numpy()
    np.testing.assert_allclose((water[:, 0] - water[:, 12]) + 7, 10.0 * np.arange(6), atol=1e-4)


def test_fire_emission_may_be_of_cells_too(planet, tmp_path, target, raw):
    values = np.random.default_rng(0).uniform(0, 2, (12, ROWS, COLUMNS))
    values[5, 0, 0] = np.nan
    planet.yearly["gfed5_emissions"] = {2019: {"fire_emission": values}}
    assert "fire_emission_cell" not in assemble(planet, tmp_path, target, raw)
    raw["products"]["gfed5_emissions"]["on_cells"] = True
    driver = assemble(planet, tmp_path, target, raw)
    cells = driver["fire_emission_cell"].transpose("time", "cell").to_numpy()
    np.testing.assert_allclose(cells[:12], values.reshape(12, -1), rtol=1e-6)
    assert np.isnan(cells[12:]).all()
    west = np.nanmean(values[..., :20], axis=(1, 2))
    np.testing.assert_allclose(driver["fire_emission"].to_numpy()[0, :12], west, rtol=1e-6)


def test_water_is_an_anomaly_from_the_observed_months(planet, tmp_path, target, raw):
    planet.yearly["grace"][2020]["ewt"][6:] = np.nan
    ewt = assemble(planet, tmp_path, target, raw)["ewt"].to_numpy()
    assert np.isnan(ewt[:, 18:]).all()
    np.testing.assert_allclose(np.nanmean(ewt, axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(ewt[0, 1] - ewt[0, 0], 1, rtol=1e-5)


def test_towers_are_put_on_their_cells_by_representativeness(planet, tmp_path, target, raw):
    planet.static["mcd12c1"]["water"][2, 2] = 1.0
    planet.sites = pd.DataFrame(
        {
            "site": ["XX-Gra", "XX-Mix", "XX-Wet", "XX-Sea"],
            "latitude": [45.9, 45.4, 44.9, 45.3],
            "longitude": [0.1, 0.3, 1.1, 0.6],
            "igbp": ["GRA", "MF", "WET", "GRA"],
        }
    )
    planet.towers = pd.DataFrame(
        {
            "site": planet.sites["site"],
            "month": "2020-02",
            "gpp_site": [1.0, 2.0, 3.0, 4.0],
            "reco_site": 1.0,
            "et_site": 0.5,
        }
    )
    raw["products"]["flux_towers"]["representativeness"] = 0.4
    driver = assemble(planet, tmp_path, target, raw)
    observed = driver["gpp_site"].to_numpy()
    # Grass covers half of the cells, mixed forest 0.3; a site in the sea is on no cell.
    assert np.argwhere(np.isfinite(observed)).tolist() == [[0, 13]]
    assert driver["site"].to_numpy()[:2].tolist() == ["XX-Gra", ""]
    tests = driver["gpp_site_10percent"].to_numpy()
    assert sorted(tests[np.isfinite(tests)]) == [1.0, 2.0]
    halves = driver["et_site_50percent"].to_numpy()
    assert np.isfinite(halves).sum() == 1


@pytest.mark.parametrize(
    ("weight", "alone", "both"), [("sites", 1, 2), ("cover", 0.5, 0.4), ("equal", None, None)]
)
def test_weights_of_towers_count_the_sites_in_a_mean(
    planet, tmp_path, target, raw, weight, alone, both
):
    """Two sites share a cell, under types that cover 0.5 and 0.3 of it; one misses a month."""
    planet.sites = pd.DataFrame(
        {"site": ["XX-Gra", "XX-Mix"], "latitude": 45.9, "longitude": 0.1, "igbp": ["GRA", "MF"]}
    )
    planet.towers = pd.DataFrame(
        {
            "site": ["XX-Gra", "XX-Gra", "XX-Mix"],
            "month": ["2020-02", "2020-03", "2020-02"],
            "gpp_site": [1.0, 2.0, 4.0],
            "reco_site": [1.0, np.nan, np.nan],
            "et_site": 0.5,
        }
    )
    raw["products"]["flux_towers"] |= {"weight": weight, "minimum_months": 0}
    driver = assemble(planet, tmp_path, target, raw)
    assert driver["gpp_site"].to_numpy()[0, 13:15].tolist() == [2.5, 2.0]
    if weight == "equal":
        assert not any("weight" in str(name) for name in driver)
        return
    for name in ("gpp_site", "reco_site", "et_site_10percent", "et_site_50percent"):
        found = driver[f"{name}_weight"].to_numpy()
        assert (np.isfinite(found) == np.isfinite(driver[name].to_numpy())).all()
    np.testing.assert_allclose(driver["gpp_site_weight"].to_numpy()[0, 13:15], [both, alone])
    assert driver["reco_site_weight"].to_numpy()[0, 13] == np.float32(alone)
    assert driver["et_site_50percent_weight"].to_numpy()[0, 13] == np.float32(alone)


SITES = pd.DataFrame(
    [
        ("XX-Big", 45.9, 0.1, "GRA", "Big meadow"),
        ("XX-Mix", 45.9, 0.2, "MF", ""),
        ("XX-Low", 45.4, 0.3, "WET", ""),
        ("XX-Odd", 45.4, 0.3, "forest", ""),
        ("XX-Lak", 45.4, 0.3, "WAT", ""),
        ("XX-Sea", 45.3, 0.6, "GRA", ""),
        ("XX-Far", 10.0, 0.6, "GRA", ""),
        ("XX-Few", 44.9, 7.6, "GRA", ""),
        ("XX-Bad", 44.9, 7.6, "GRA", ""),
        ("XX-Old", 44.9, 7.6, "GRA", ""),
        ("XX-Eas", 44.9, 7.6, "GRA", ""),
    ],
    columns=["site", "latitude", "longitude", "igbp", "name"],
)

REASONS = {
    "XX-Big": "",
    "XX-Eas": "its patch is too small",
    "XX-Mix": "mixed forest covers 30% of its cell, less than 40%",
    "XX-Low": "wetland covers 0% of its cell, less than 40%",
    "XX-Odd": "IGBP class forest is no plant type of the study",
    "XX-Lak": "IGBP class WAT is no plant type of the study",
    "XX-Sea": "its cell is not in the driver: no vegetated land, predictor or forcing",
    "XX-Far": "outside the window",
    "XX-Few": "months with 1 GPP, 1 RECO, 1 ET: minimum_months is 2; its patch is too small",
    "XX-Bad": "excluded by name (excluded); its patch is too small",
    "XX-Old": "no month with a flux of good quality in the study's years; its patch is too small",
    "XX-Lost": "no table of sites tells its place",
}


@pytest.fixture
def site_study(planet, tmp_path, target, raw) -> tuple[xr.Dataset, xr.Dataset, RawTowers]:
    """Driver, patches, of which the second is left out, and towers for every kind of reason."""
    planet.static["mcd12c1"]["water"][2, 2] = 1.0
    planet.sites = SITES
    names = [*SITES["site"].drop(SITES.index[SITES["site"] == "XX-Old"]), "XX-Lost"]
    rows = [(name, month) for name in names for month in ("2019-12", "2020-02")]
    rows.remove(("XX-Few", "2019-12"))
    planet.towers = pd.DataFrame(rows, columns=["site", "month"]).assign(
        gpp_site=np.arange(len(rows), dtype=float), reco_site=1.0, et_site=0.5, network="ICOS"
    )
    settings = raw["products"]["flux_towers"]
    settings |= {"representativeness": 0.4, "minimum_months": 2, "excluded": ["XX-Bad"]}
    driver = assemble(planet, tmp_path, target, raw)
    patches = draw_patches(driver, 1, None, 0.8, 0.0, 0)
    return (
        driver,
        patches.isel(patch=[0]),
        RawTowers(
            planet.towers, SITES.set_index("site"), planet.static["mcd12c1"], target, settings
        ),
    )


def test_every_site_has_a_row_that_tells_why_it_is_not_used(site_study):
    driver, patches, towers = site_study
    variables = {name: name for name in ("gpp_site", "reco_site", "et_site")}
    table = tabulate_sites(driver, patches, [1, 2], 0.5, variables, towers).set_index("site")
    assert table["reason"].to_dict() == REASONS
    assert table.index[table["used"]].tolist() == ["XX-Big"]
    assert table.index[table["candidate"]].tolist() == [
        *("XX-Big", "XX-Eas", "XX-Lak", "XX-Low", "XX-Mix", "XX-Odd")
    ]
    big = table.loc["XX-Big"]
    assert (big["name"], big["network"], big["igbp"]) == ("Big meadow", "ICOS", "GRA")
    assert (big["plant_type"], big["cover"]) == ("grassland", 0.5)
    assert (big["first_year"], big["last_year"], big["months_gpp"]) == (2019, 2020, 2)
    assert (big["cell"], big["cell_latitude"], big["cell_longitude"]) == (0, 45.875, 0.125)
    assert (big["patch"], big["split"], big["sites_in_cell"]) == (0, "train", 1)
    assert table.loc["XX-Mix", "cell"] == 0 and pd.isna(table.loc["XX-Far", "cell"])
    # Of one patch no member can hold any back.
    assert big["development_seeds"] == ""


def test_sites_of_a_ready_driver_are_its_cells_with_towers(site_study):
    driver, patches, _ = site_study
    driver = driver.assign_coords(site=("cell", np.where(np.arange(639) == 7, "YY-Non", "")))
    patches = xr.concat([patches, patches.assign(number=patches["number"] + 1)], "patch")
    variables = {name: name for name in ("gpp_site", "reco_site", "et_site")}
    table = tabulate_sites(driver, patches, range(20), 0.5, variables)
    assert table["cell"].tolist() == [0, 7, *table["cell"].tolist()[2:]]
    assert table["site"].tolist() == ["", "YY-Non", ""]
    assert table["months_et"].tolist() == [2, 0, 2]
    assert table["reason"].tolist() == ["", "no month with a flux", ""]
    first, last = (set(table["development_seeds"][row].split()) for row in (0, 2))
    assert first and last and first | last == set(map(str, range(20)))
    assert not first & last


def test_the_loss_of_a_weighted_mean_is_that_of_its_sites():
    """But for a constant: the difference between two predictions is the same."""
    months = pd.period_range("2020-01", "2020-02", freq="M")
    towers = pd.DataFrame({"site": ["A", "B", "A"], "month": months[[0, 0, 1]]})
    towers = towers.assign(gpp_site=[1.0, 4.0, 3.0], reco_site=1.0, et_site=1.0)
    sites = pd.DataFrame({"latitude": 45.9, "longitude": 0.1, "igbp": "GRA"}, ["A", "B"])
    cells = put_on_cells(towers, sites, months, weight="sites")
    mean, weight = (cells[name].to_numpy()[0] for name in ("gpp_site", "gpp_site_weight"))

    def difference(observed, weights, *predictions):
        first, second = ((weights * (observed - p) ** 2).sum() for p in predictions)
        return first - second

    single = difference(towers["gpp_site"].to_numpy(), 1, 2.0, 3.5)
    assert difference(mean, weight, 2.0, 3.5) == pytest.approx(single)


def test_a_gridded_file_of_another_window_is_refused(planet, tmp_path, raw):
    files = planet.write(tmp_path / "gridded", study_window(**WINDOW))
    other = study_window(**WINDOW | {"north": 50})
    with pytest.raises(InputError, match=r"\(32, 40\) cells of the study's window"):
        list(assemble_driver(files, other, raw))


def test_burned_area_continues_with_modis(planet, tmp_path, target, raw):
    later = planet.yearly["gfed5_burned_area"].pop(2020)
    planet.yearly["mcd64cmq"] = {2020: {"burned_fraction": 2 * later["burned_fraction"]}}
    burned = assemble(planet, tmp_path, target, raw)["burned_fraction"].to_numpy()
    np.testing.assert_allclose(burned[:, :12], 0.01)
    np.testing.assert_allclose(burned[:, 12:], 0.02)

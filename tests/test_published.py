"""The importer of the published driver, on files written from its documented layout alone.

The window is 50 to 42 N, 10 W to 5 E: two by three patches of 4 x 5 degrees. Counted by hand from
90 N 180 W, 72 to a row, they have the numbers 754, 755, 756 and 826, 827, 828.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from differland.driver import read_driver
from differland.errors import InputError
from differland.files import read_netcdf, write_netcdf_parts
from differland.patches import draw_patches
from differland.published import PublishedFiles, import_driver
from differland.tables import (
    FORCING,
    OBSERVATIONS,
    PREDICTOR_GROUPS,
    PUBLISHED_VARIABLES,
)
from differland.tables import PREDICTORS as ALL_PREDICTORS

Files = dict[str, xr.Dataset | pd.DataFrame]
Change = Callable[[Files], None]

NAMES = {
    "driver": "differland_global_driver_v6.nc",
    "valid": "era_valid_v6.nc",
    "bulk": "assimilate_bulk_variable_v6.nc",
    "runs": "run_simulation_idx_v6.nc",
    "co2": "co2_mm_gl_01_23.csv",
}
PREDICTORS = [name for group in ("PFT", "CLIM", "AGE", "SOIL") for name in PREDICTOR_GROUPS[group]]
MONTHS = 24
LAT = 50 - 0.125 - 0.25 * np.arange(32)
LON = -10 + 0.125 + 0.25 * np.arange(60)
SEA = 828
TEST = 755
NOT_BULK = 756
SITE, OTHER_SITE = (45.125, -7.125), (47.875, 0.625)

COVER = dict(
    zip(
        ("NF", "DBF", "EBF", "MF", "SH", "SAV", "GRA", "WET", "CRO", "NVG"),
        (22, 18, 2, 10, 3, 5, 14, 1, 20, 2),
        strict=True,
    )
)
STATIC = {
    **{name: lambda lat, lon, base=base: base + 0.04 * lon for name, base in COVER.items()},
    "MAT": lambda lat, lon: 38 - 0.6 * lat + 0.02 * lon,
    "MAP": lambda lat, lon: 900 + 5 * lon,
    "elevation": lambda lat, lon: 200 + 10 * (lat - 42) + lon,
    "canopy_height": lambda lat, lon: 12 + 0.3 * lon,
    "tree_age_000_filled": lambda lat, lon: 60 + lon,
    "BULK_DEN": lambda lat, lon: 1.3 + 0.01 * lon,
    "SAND": lambda lat, lon: 40 + lon,
    "SILT": lambda lat, lon: 35 - 0.5 * lon,
    "CLAY": lambda lat, lon: 20 + 0.1 * lon,
    "GRAVEL": lambda lat, lon: 8 + 0.2 * lon,
    "initial_som": lambda lat, lon: 9000 + 100 * lon + lat,
}
MONTHLY = {
    "T_min": lambda lat, lon, s: 30 - 0.6 * lat + 9 * s,
    "T_max": lambda lat, lon, s: 40 - 0.6 * lat + 9 * s + 0.01 * lon,
    "SOLR": lambda lat, lon, s: 12 + 7 * s + 0.01 * lon,
    "VPD": lambda lat, lon, s: 0.55 + 0.3 * s + 0.002 * lon,
    "PREC": lambda lat, lon, s: 2.5 - 0.5 * s + 0.01 * lon,
    "BURNED_AREA": lambda lat, lon, s: 0.002 + 0.001 * s + 0 * lat,
    "LCSPP": lambda lat, lon, s: 0.3 + 0.1 * s + 0.001 * lat,
    "LAI": lambda lat, lon, s: 2 + s + 0.02 * lon,
    "LAI_COPERNICUS": lambda lat, lon, s: 2.2 + s + 0.02 * lon,
    "ET": lambda lat, lon, s: 1.5 + s + 0.01 * lat,
    "agb_yan": lambda lat, lon, s: 3000 + 10 * lon + 0 * s,
    "bgb_yan": lambda lat, lon, s: 1000 + 5 * lat + 0 * s,
    "gpp_fluxnet": lambda lat, lon, s: 4 + 3 * s + 0.1 * lat,
    "reco_fluxnet": lambda lat, lon, s: 3 + 2 * s + 0.1 * lat,
    "et_fluxnet": lambda lat, lon, s: 1.4 + s + 0.01 * lat,
    "gpp_fluxnet_10percent": lambda lat, lon, s: 4.5 + 3 * s + 0.1 * lat,
    "GFED_FIRE_EMISSION": lambda lat, lon, s: 0.02 + 0.01 * s + 0.001 * lon,
}
OF_PATCH = {
    "NBE": lambda patch, s: 0.001 * (patch - 790) - 0.5 * s,
    "LWE_normalized": lambda patch, s: 0.1 * (patch - 790) - 40 * s,
}
SEASON = np.sin(2 * np.pi * (np.arange(MONTHS) - 3) / 12)


def patch_of(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Number of the global patch, by looking it up between its edges."""
    west = np.where(lon < -5, 0, np.where(lon < 0, 1, 2))
    return np.where(lat > 46, 754, 826) + west


def published(
    folder: Path, *, south_up: bool = False, positive: bool = False, change: Change | None = None
) -> PublishedFiles:
    """Write the published files for the window."""
    lat, lon = np.meshgrid(LAT, LON, indexing="ij")
    land = patch_of(lat, lon) != SEA
    time = pd.date_range("2001-01-01", periods=MONTHS, freq="MS")
    season = SEASON[:, None, None]
    driver = xr.Dataset(coords={"lat": LAT, "lon": LON, "time": time})

    def put(name: str, values: np.ndarray) -> None:
        kept = np.where(land, values, np.nan).astype(np.float32)
        driver[name] = (("time", "lat", "lon")[-kept.ndim :], kept)

    for name, field in STATIC.items():
        put(name, field(lat, lon))
    for name, series in MONTHLY.items():
        put(name, series(lat, lon, season))
    for name, of_patch in OF_PATCH.items():
        put(name, of_patch(patch_of(lat, lon), season) + 0 * lat)
    put("LAT", lat)
    driver["SIF"] = driver["LCSPP"]
    for name in ("DAYS", "DOY"):
        put(name, np.arange(MONTHS)[:, None, None] + 0 * lat)
    # Towers stand in two cells. One weight is missing, and one has no observation beside it.
    site, other = ((lat == at[0]) & (lon == at[1]) for at in (SITE, OTHER_SITE))
    assert site.sum() == other.sum() == 1
    for name in ("gpp", "reco", "et"):
        value = driver[f"{name}_fluxnet"]
        put(f"{name}_fluxnet", value.where(site | other).to_numpy())
        put(f"{name}_fluxnet_weight", np.where(site, 0.5, np.nan) + 0 * season)
    driver["gpp_fluxnet"][5] = np.nan
    values = driver["gpp_fluxnet_10percent"].where(site | other)
    put("gpp_fluxnet_10percent", values.to_numpy())
    put("gpp_fluxnet_weight_10percent", np.where(site | other, 0.25, 0) + 0 * season)
    driver["LAI"][3] = np.nan
    driver["NBE"][:12] = np.nan
    # Numbers that stand for missing ones and are not declared.
    driver["ET"] = driver["ET"].where(land, -9999)
    driver["ET"][7] = -9999
    # One cell each without a predictor, and without a place in the runs.
    driver["MAT"][0, 0] = np.nan
    driver["CLAY"][0, 1] = -9999

    patch = patch_of(lat, lon)
    runs = np.full((3, *lat.shape), np.nan)
    for run in range(3):
        order = np.roll([754, 756, 826, 827], run)
        for position, number in enumerate(order):
            runs[run][patch == number] = position
        runs[run][patch == TEST] = -1 - run
    runs[:, 0, 2] = np.nan
    where = {"lat": LAT, "lon": LON}
    dims = ("lat", "lon")
    co2 = pd.DataFrame(
        {"year": time.year, "month": time.month, "average": 370 + 0.2 * np.arange(MONTHS)}
    )
    files: Files = {
        "driver": driver,
        "valid": xr.Dataset({"era_valid": (dims, land)}, where),
        "bulk": xr.Dataset({"assimilate_bulk_variable": (dims, land & (patch != NOT_BULK))}, where),
        "runs": xr.Dataset({"run_simulation_idx": (("run", *dims), runs)}, where),
        "co2": co2,
    }
    if change:
        change(files)
    encoding = {
        "LAI": {"dtype": "int16", "scale_factor": 0.001, "_FillValue": -32768},
        "agb_yan": {"dtype": "float64", "chunksizes": (5, 16, 20)},
        "time": {"units": "days since 2001-01-01"},
        "ET": {"_FillValue": None},
    }
    folder.mkdir(exist_ok=True)
    for key, table in files.items():
        path = folder / NAMES[key]
        if isinstance(table, pd.DataFrame):
            table.to_csv(path, index=False)
            continue
        if positive:
            table = table.assign_coords(lon=table["lon"] % 360).sortby("lon")
        if south_up:
            table = table.isel(lat=slice(None, None, -1))
        kept = {name: how for name, how in encoding.items() if name in table.variables}
        if "time" in kept and table["time"].dtype.kind != "M":
            del kept["time"]
        table.to_netcdf(path, encoding=kept)
    return PublishedFiles(**{key: folder / name for key, name in NAMES.items()})


def imported(
    folder: Path, files: PublishedFiles, units: str = "kPa", predictors: list[str] = PREDICTORS
) -> Path:
    """Import the files into a driver file."""
    path = folder / "imported.nc"
    write_netcdf_parts(import_driver(files, predictors, units), path)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    folder = tmp_path_factory.mktemp("published")
    return read_netcdf(imported(folder, published(folder)))


def of_cells(result: xr.Dataset, name: str) -> np.ndarray:
    """What the published variable holds in each cell of the result."""
    lat, lon = result["lat"].to_numpy(), result["lon"].to_numpy()
    if name in STATIC:
        return STATIC[name](lat, lon)
    return MONTHLY[name](lat[:, None], lon[:, None], SEASON)


def test_the_table_has_every_variable_and_converts_only_where_units_differ() -> None:
    known = {**ALL_PREDICTORS, **FORCING, **OBSERVATIONS}
    names = {row.name for row in PUBLISHED_VARIABLES}
    controls = {*PREDICTOR_GROUPS["LATLON"], *PREDICTOR_GROUPS["CONTROL"]}
    assert set(known) - controls - {"vod"} <= names
    for row in PUBLISHED_VARIABLES:
        if row.name in known:
            same = row.published_units == known[row.name].units
            assert same == (row.factor == 1 and row.offset == 0), row
            patch = row.name in OBSERVATIONS and known[row.name].group == "patch"
            assert patch == bool(row.within_patch), row


def test_cells_are_those_that_published_runs_use(result: xr.Dataset) -> None:
    assert result.sizes == {"cell": 5 * 320 - 3, "patch": 5, "time": MONTHS}
    assert result["patch_number"].to_numpy().tolist() == [754, 755, 756, 826, 827]
    lat, lon = result["lat"].to_numpy(), result["lon"].to_numpy()
    np.testing.assert_array_equal(
        result["patch_number"].to_numpy()[result["patch"].to_numpy()], patch_of(lat, lon)
    )
    left_out = {(49.875, -9.875), (49.875, -9.625), (49.875, -9.375)}
    cells = set(zip(lat.tolist(), lon.tolist(), strict=True))
    assert len(cells) == result.sizes["cell"] and not cells & left_out
    assert str(result["time"].to_numpy()[0])[:7] == "2001-01"
    assert result["published_test"].to_numpy().tolist() == [0, 1, 0, 0, 0]
    assert result["published_bulk"].to_numpy().tolist() == [1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("name", "source", "factor"),
    [
        ("needleleaf_forest", "NF", 0.01),
        ("deciduous_broadleaf_forest", "DBF", 0.01),
        ("evergreen_broadleaf_forest", "EBF", 0.01),
        ("mixed_forest", "MF", 0.01),
        ("shrubland", "SH", 0.01),
        ("savanna", "SAV", 0.01),
        ("grassland", "GRA", 0.01),
        ("wetland", "WET", 0.01),
        ("cropland", "CRO", 0.01),
        ("nonvegetated", "NVG", 0.01),
        ("mean_annual_temperature", "MAT", 1),
        ("mean_annual_precipitation", "MAP", 1),
        ("elevation", "elevation", 1),
        ("canopy_height", "canopy_height", 1),
        ("forest_age", "tree_age_000_filled", 1),
        ("bulk_density", "BULK_DEN", 1),
        ("sand", "SAND", 1),
        ("silt", "SILT", 1),
        ("clay", "CLAY", 1),
        ("gravel", "GRAVEL", 1),
        ("soil_organic_carbon", "initial_som", 1),
        ("t_min", "T_min", 1),
        ("t_max", "T_max", 1),
        ("srad", "SOLR", 1),
        ("vpd", "VPD", 10),
        ("precipitation", "PREC", 1),
        ("burned_fraction", "BURNED_AREA", 1),
        ("sif", "LCSPP", 1),
        ("lai_copernicus", "LAI_COPERNICUS", 1),
    ],
)
def test_values_are_in_their_place_and_units(
    result: xr.Dataset, name: str, source: str, factor: float
) -> None:
    expected = factor * of_cells(result, source)
    np.testing.assert_allclose(result[name].to_numpy(), expected, rtol=1e-5, atol=1e-6)
    assert result[name].dtype == np.float32
    assert result[name].attrs["source"] == source


def test_missing_observations_are_missing(result: xr.Dataset) -> None:
    for name, source, month in (("lai", "LAI", 3), ("et", "ET", 7)):
        expected = of_cells(result, source)
        expected[:, month] = np.nan
        # Packed in steps of 0.001.
        np.testing.assert_allclose(result[name].to_numpy(), expected, atol=6e-4)


def test_biomass_is_above_and_below_ground(result: xr.Dataset) -> None:
    expected = of_cells(result, "agb_yan") + of_cells(result, "bgb_yan")
    np.testing.assert_allclose(result["biomass"].to_numpy(), expected, rtol=1e-5)
    assert result["biomass"].attrs["source"] == "agb_yan + bgb_yan"


def test_towers_have_their_values_and_weights(result: xr.Dataset) -> None:
    lat, lon = result["lat"].to_numpy(), result["lon"].to_numpy()
    site, other = (np.flatnonzero((lat == a) & (lon == b)) for a, b in (SITE, OTHER_SITE))
    for name in ("gpp", "reco", "et"):
        value = result[f"{name}_site"].to_numpy()
        known = np.isfinite(value)
        assert set(np.flatnonzero(known.any(axis=1))) == {*site, *other}
        expected = of_cells(result, f"{name}_fluxnet")
        np.testing.assert_allclose(value[known], expected[known], rtol=1e-5)
        weight = result[f"{name}_site_weight"].to_numpy()
        np.testing.assert_array_equal(np.isfinite(weight), known)
        assert set(weight[site][known[site]]) == {0.5}
        assert set(weight[other][known[other]]) == {1.0}
    assert np.isnan(result["gpp_site"].to_numpy()[:, 5]).all()
    weight = result["gpp_site_10percent_weight"].to_numpy()
    assert set(weight[np.isfinite(weight)]) == {0.25}
    np.testing.assert_allclose(
        result["gpp_site_10percent"].to_numpy()[site],
        of_cells(result, "gpp_fluxnet_10percent")[site],
        rtol=1e-5,
    )
    assert "gpp_site_50percent" not in result


def test_patches_have_one_value(result: xr.Dataset) -> None:
    number = result["patch_number"].to_numpy()[:, None]
    nbe = OF_PATCH["NBE"](number, SEASON)
    nbe[:, :12] = np.nan
    np.testing.assert_allclose(result["nbe"].to_numpy(), nbe, rtol=1e-4, atol=1e-6)
    ewt = OF_PATCH["LWE_normalized"](number, SEASON)
    np.testing.assert_allclose(result["ewt"].to_numpy(), ewt, rtol=1e-4, atol=1e-5)
    of_cell = of_cells(result, "GFED_FIRE_EMISSION")
    patch = result["patch"].to_numpy()
    fire = [of_cell[patch == index].mean(axis=0) for index in range(5)]
    np.testing.assert_allclose(result["fire_emission"].to_numpy(), fire, rtol=1e-5)
    np.testing.assert_allclose(result["fire_emission_cell"].to_numpy(), of_cell, rtol=1e-5)


@pytest.mark.parametrize(
    ("published_name", "name"),
    [("NBE", "nbe"), ("LWE_normalized", "ewt"), ("CAMS_NBE", "nbe_cams")],
)
def test_what_varies_within_a_patch_is_averaged_over_its_valid_cells(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, published_name: str, name: str
) -> None:
    """Boxes of the product lie half a box off the patches."""
    lat, lon = np.meshgrid(LAT, LON, indexing="ij")
    box = np.sin(np.floor((lat + 2) / 4) * 100 + np.floor((lon + 2.5) / 5))

    def change(files: Files) -> None:
        driver = files["driver"]
        values = np.broadcast_to(box, driver["NBE"].shape).astype(np.float32)
        attributes = driver[published_name if published_name in driver else "NBE"].attrs
        driver[published_name] = driver["NBE"].copy(data=values).assign_attrs(attributes)
        driver[published_name][3, 5, 5] = np.nan

    with caplog.at_level("INFO"):
        result = read_netcdf(imported(tmp_path, published(tmp_path, change=change)))
    rows = np.abs(LAT[:, None] - result["lat"].to_numpy()).argmin(axis=0)
    columns = np.abs(LON[:, None] - result["lon"].to_numpy()).argmin(axis=0)
    of_cell = box[rows, columns]
    patch = result["patch"].to_numpy()
    means = [of_cell[patch == index].mean() for index in range(int(patch.max()) + 1)]
    np.testing.assert_allclose(result[name][:, 14], means, rtol=1e-5, atol=1e-6)
    assert np.isfinite(result[name][:, 3]).all()
    assert f"{published_name} varies within" in caplog.text


def test_co2_is_that_of_its_month(result: xr.Dataset) -> None:
    np.testing.assert_allclose(result["co2"], 370 + 0.2 * np.arange(MONTHS), rtol=1e-6)


@pytest.mark.parametrize("south_up", [False, True])
@pytest.mark.parametrize("positive", [False, True])
def test_orders_of_latitude_and_longitude_make_no_difference(
    tmp_path: Path, result: xr.Dataset, south_up: bool, positive: bool
) -> None:
    files = published(tmp_path, south_up=south_up, positive=positive)
    with xr.open_dataset(files.driver) as driver:
        assert (float(driver["lat"][0]) < 45) == south_up
        assert (float(driver["lon"][-1]) > 180) == positive
    xr.testing.assert_equal(read_netcdf(imported(tmp_path, files)), result)


def without_coordinates(files: Files) -> None:
    for key in ("valid", "bulk", "runs"):
        files[key] = files[key].drop_vars(["lat", "lon"])


def stored_as(key: str, name: str, convert: Callable[[xr.DataArray], xr.DataArray]) -> Change:
    def change(files: Files) -> None:
        files[key] = files[key].assign({name: convert(files[key][name])})

    return change


def co2_without_months(files: Files) -> None:
    files["co2"] = files["co2"][["average"]]


def co2_from_1999(files: Files) -> None:
    earlier = pd.DataFrame({"year": 1999, "month": np.arange(1, 13), "average": 100.0})
    files["co2"] = pd.concat([earlier, files["co2"]])


@pytest.mark.parametrize(
    "change",
    [
        without_coordinates,
        co2_without_months,
        co2_from_1999,
        stored_as("valid", "era_valid", lambda v: v.astype("int8")),
        stored_as("valid", "era_valid", lambda v: v.where(v).astype("float32")),
        stored_as("bulk", "assimilate_bulk_variable", lambda v: v.astype("uint8")),
        stored_as("runs", "run_simulation_idx", lambda v: v.fillna(-9999)),
        stored_as("driver", "MAP", lambda v: v.transpose("lon", "lat")),
        stored_as("driver", "PREC", lambda v: v.transpose("lat", "lon", "time")),
        stored_as("driver", "VPD", lambda v: v.astype("float64")),
    ],
)
def test_encodings_make_no_difference(tmp_path: Path, result: xr.Dataset, change: Change) -> None:
    files = published(tmp_path, change=change)
    xr.testing.assert_allclose(read_netcdf(imported(tmp_path, files)), result, rtol=1e-6)


def test_deficit_in_hectopascal(tmp_path: Path, result: xr.Dataset) -> None:
    files = published(tmp_path, change=stored_as("driver", "VPD", lambda v: 10 * v))
    found = read_netcdf(imported(tmp_path, files, units="hPa"))
    np.testing.assert_allclose(found["vpd"], result["vpd"], rtol=1e-6)


def test_only_predictors_of_the_study_matter(tmp_path: Path) -> None:
    files = published(tmp_path, change=lambda files: files.update(drop("CLAY")(files)))
    found = read_netcdf(imported(tmp_path, files, predictors=["mean_annual_temperature"]))
    assert found.sizes["cell"] == 5 * 320 - 2
    assert "clay" not in found and "sand" not in found


def test_the_result_is_a_driver(tmp_path: Path) -> None:
    path = imported(tmp_path, published(tmp_path))
    driver = read_driver(path)
    wanted = {name for name in OBSERVATIONS if name != "vod"}
    assert wanted | {"lai_copernicus", "published_test"} <= set(driver.data_vars)
    assert driver.attrs["history"].count("differland") == 1
    assert "kPa" in driver.attrs["comment"]
    patches = draw_patches(driver, 32, 320, 0.8, 0.1, 0, "published")
    assert patches["test"].to_numpy().tolist() == [0, 1, 0, 0, 0]
    assert patches["bulk"].to_numpy().tolist() == [1, 1, 0, 1, 1]
    drawn = draw_patches(driver, 32, 320, 0.8, 0.1, 0, "drawn")
    assert drawn["bulk"].to_numpy().tolist() == [1, 1, 1, 1, 1]
    with pytest.raises(InputError, match=r"published_test: .* patches\.flags is published"):
        draw_patches(driver.drop_vars("published_test"), 32, 320, 0.8, 0.1, 0, "published")


def test_blocks_of_months_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read at once is a year, or the months of a chunk of the file."""
    files = published(tmp_path)
    sizes: dict[str, set[int]] = {}
    whole = xr.DataArray.to_numpy

    def spy(array: xr.DataArray) -> np.ndarray:
        if array.dims == ("time", "lat", "lon"):
            sizes.setdefault(str(array.name), set()).add(array.sizes["time"])
        return whole(array)

    monkeypatch.setattr(xr.DataArray, "to_numpy", spy)
    for part in import_driver(files, PREDICTORS, "kPa"):
        assert len(set(part.data_vars)) == 1 or "co2" in part
    assert sizes["T_min"] == {12}
    # Three chunks of five months, and what is left.
    assert sizes["agb_yan"] == {15, 9}


def drop(name: str) -> Callable[[Files], Files]:
    return lambda files: {**files, "driver": files["driver"].drop_vars(name)}


def changed(name: str, convert: Callable[[xr.DataArray], xr.DataArray]) -> Callable[[Files], Files]:
    return lambda files: {**files, "driver": files["driver"].assign({name: convert})}


def with_values(key: str, name: str, index: tuple, value: float) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        variable = files[key][name].copy(deep=True)
        variable[index] = value
        return {**files, key: files[key].assign({name: variable})}

    return change


def axis(key: str, **coordinates: Callable[[np.ndarray], np.ndarray]) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        new = {name: move(files[key][name].to_numpy()) for name, move in coordinates.items()}
        return {**files, key: files[key].assign_coords(new)}

    return change


def table(convert: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Files], Files]:
    return lambda files: {**files, "co2": convert(files["co2"])}


BAD = {
    "no predictor": (drop("SAND"), "driver", "SAND", "no such variable"),
    "no forcing": (drop("SOLR"), "driver", "SOLR", "no such variable"),
    "no observation": (drop("initial_som"), "driver", "initial_som", "no such variable"),
    "no weight": (
        drop("gpp_fluxnet_weight_10percent"),
        "driver",
        "gpp_fluxnet_weight_10percent",
        "no such variable",
    ),
    "half of the biomass": (drop("bgb_yan"), "driver", "bgb_yan", "no such variable"),
    "no latitude": (drop("lat"), "driver", "lat", "no such variable"),
    "static forcing": (
        lambda files: {**files, "driver": files["driver"].assign(VPD=files["driver"]["MAT"])},
        "driver",
        "VPD",
        "dimensions ('lat', 'lon')",
    ),
    "predictor of every month": (
        lambda files: {**files, "driver": files["driver"].assign(MAT=files["driver"]["T_min"])},
        "driver",
        "MAT",
        "dimensions ('time', 'lat', 'lon')",
    ),
    "NaN in forcing": (
        with_values("driver", "T_max", (6, 4, 9), np.nan),
        "driver",
        "T_max",
        "1 missing, the first at 48.875 N -7.625 E, 2001-07",
    ),
    "-9999 in forcing": (
        with_values("driver", "PREC", (0, 4, 9), -9999),
        "driver",
        "PREC",
        "1 missing, the first at 48.875 N -7.625 E, 2001-01",
    ),
    "temperature in K": (changed("T_min", lambda d: d["T_min"] + 273.15), "driver", "T_min", "28"),
    "radiation in W m-2": (
        changed("SOLR", lambda d: d["SOLR"] / 0.0864),
        "driver",
        "SOLR",
        "to 220.472",
    ),
    "burned percent": (
        changed("BURNED_AREA", lambda d: 1000 * d["BURNED_AREA"]),
        "driver",
        "BURNED_AREA",
        "to 3",
    ),
    "cover as a fraction": (
        lambda files: {
            **files,
            "driver": files["driver"].assign({n: files["driver"][n] / 100 for n in COVER}),
        },
        "driver",
        "NF",
        "at most 0.22",
    ),
    "deficit in hPa": (changed("VPD", lambda d: 10 * d["VPD"]), "driver", "VPD", "times"),
    "deficit in MPa": (changed("VPD", lambda d: d["VPD"] / 1000), "driver", "VPD", "0.000"),
    "precipitation a day": (changed("MAP", lambda d: d["MAP"] / 365), "driver", "MAP", "times"),
    "nodes of the grid": (
        axis("driver", lat=lambda v: v + 0.125),
        "driver",
        "lat",
        "found 50",
    ),
    "a longitude twice": (
        axis("driver", lon=lambda v: np.where(v == v[1], v[0], v)),
        "driver",
        "lon",
        "twice",
    ),
    "upside down": (axis("driver", lat=lambda v: v[::-1]), "driver", "LAT", "found 49.875"),
    "elsewhere": (axis("valid", lon=lambda v: v + 5), "valid", "lon", "others"),
    "a smaller mask": (
        lambda files: {**files, "bulk": files["bulk"].isel(lat=slice(0, 30))},
        "bulk",
        "lat",
        "30 of them",
    ),
    "a mask of other numbers": (
        lambda files: {**files, "valid": -2 * files["valid"].astype("int8")},
        "valid",
        "era_valid",
        "-2",
    ),
    "nothing valid": (
        lambda files: {**files, "valid": files["valid"] & False},
        "valid",
        "era_valid",
        "no such cell",
    ),
    "one run": (
        lambda files: {**files, "runs": files["runs"].isel(run=0)},
        "runs",
        "run_simulation_idx",
        "dimensions ('lat', 'lon')",
    ),
    "another test set in a run": (
        with_values("runs", "run_simulation_idx", (2, slice(0, 16), slice(0, 20)), -1),
        "runs",
        "run_simulation_idx",
        "others in run 3 than in run 1",
    ),
    "half a patch in the test set": (
        with_values("runs", "run_simulation_idx", (slice(None), slice(0, 4), slice(0, 20)), -1),
        "runs",
        "run_simulation_idx",
        "two kinds in 1 patches",
    ),
    "half a patch that counts": (
        with_values("bulk", "assimilate_bulk_variable", (slice(0, 4), slice(0, 20)), 0),
        "bulk",
        "assimilate_bulk_variable",
        "two kinds in 1 patches, such as the one of cell 49.875 N -9.125 E",
    ),
    "a month too few": (
        lambda files: {**files, "driver": files["driver"].isel(time=slice(0, 23))},
        "driver",
        "time",
        "23 months",
    ),
    "a month twice": (
        lambda files: {**files, "driver": files["driver"].isel(time=[0, 0, *range(1, 23)])},
        "driver",
        "time",
        "2001-01",
    ),
    "numbers of months": (
        axis("driver", time=lambda v: np.arange(v.size)),
        "driver",
        "time",
        "values such as 0",
    ),
    "no CO2": (
        table(lambda t: t.rename(columns={"average": "mean"})),
        "co2",
        "average",
        "columns year, month, mean",
    ),
    "a month without CO2": (table(lambda t: t.drop(index=7)), "co2", "average", "for 2001-08"),
    "a month of CO2 twice": (
        table(lambda t: pd.concat([t, t.iloc[:1]])),
        "co2",
        "average",
        "two for 2001-01",
    ),
    "too little CO2": (
        table(lambda t: t[["average"]].iloc[:20]),
        "co2",
        "average",
        "20 rows",
    ),
    "missing CO2": (table(lambda t: t.assign(average=-99.99)), "co2", "average", "-99.99"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_told(tmp_path: Path, name: str) -> None:
    change, key, variable, found = BAD[name]

    def apply(files: Files) -> None:
        files.update(change(dict(files)))

    files = published(tmp_path, change=apply)
    with pytest.raises(InputError) as caught:
        imported(tmp_path, files)
    assert caught.value.file == str(getattr(files, key))
    assert caught.value.variable == variable
    assert found in str(caught.value)
    assert not (tmp_path / "imported.nc").exists()


@pytest.mark.parametrize("key", NAMES)
def test_absent_and_broken_files_are_named(tmp_path: Path, key: str) -> None:
    files = published(tmp_path)
    path: Path = getattr(files, key)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if key != "co2" else b"")
    with pytest.raises(InputError) as caught:
        imported(tmp_path, files)
    assert caught.value.file == str(path)
    path.unlink()
    with pytest.raises(InputError, match="no such file") as caught:
        imported(tmp_path, files)
    assert caught.value.file == str(path)


@pytest.mark.slow
def test_the_workflow_imports_and_uses_the_published_flags(tmp_path: Path) -> None:
    published(tmp_path / "zenodo")
    settings = {
        "study": "imported",
        "driver": {"source": "published", "path": "zenodo", "vpd_units": "kPa"},
        "patches": {"flags": "published"},
        "evaluation": {"spin_up_months": 12},
    }
    (tmp_path / "imported.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    snakefile = Path(__file__).resolve().parents[1] / "Snakefile"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", "1"),
            *("--directory", str(tmp_path), "--configfile", "imported.yaml", "--", "driver"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    folder = tmp_path / "results" / "imported"
    patches = read_netcdf(folder / "driver" / "patches.nc")
    assert patches["test"].to_numpy().tolist() == [0, 1, 0, 0, 0]
    log = (folder / "logs" / "import_published_driver.log").read_text(encoding="utf-8")
    assert "1600 era_valid, 1599 of them in a run, 1597 of those with all predictors" in log

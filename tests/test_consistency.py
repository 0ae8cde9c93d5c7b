"""Products compared with each other: a consistent world passes, corrupted ones do not."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import ROOT

from differland.consistency import statistics
from differland.consistency.checks import CHECKS
from differland.consistency.compare import compare, read_rules
from differland.consistency.study import Places, Study, read_study, summarise
from differland.consistency.verdicts import refuse, remarks
from differland.datasets.fields import Field
from differland.driver import table_row
from differland.errors import InputError
from differland.files import write_netcdf
from differland.regridding.raw_fields import DETAIL, Gridding, grid_static
from differland.regridding.study_grid import study_window
from differland.synthetic.world import Landscape, draw_deficit, draw_predictors, draw_weather

WINDOW = {"south": 42, "north": 62, "west": 70, "east": 90}
DOMAIN = {"maximum_water": 0.5, "maximum_nonvegetated": 0.2}
YEARS = range(2001, 2005)
FIRES = 0.05

Fields = dict[str, np.ndarray]


def make_world() -> tuple[Fields, Fields, Fields]:
    """Make cover, static and monthly fields of 20 patches in which all hangs together."""
    rng = np.random.default_rng(1)
    grid = study_window(**WINDOW)
    latitude, longitude = (
        each.ravel() for each in np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    )
    drawn = draw_predictors(latitude, longitude, rng, Landscape())
    annual = drawn["mean_annual_precipitation"]
    months = len(YEARS) * 12
    block = np.unique(np.floor(latitude) * 1000 + np.floor(longitude), return_inverse=True)[1]
    weather = draw_weather(
        latitude, drawn["mean_annual_temperature"], annual, len(YEARS), rng, block
    )
    weather["vpd"] = draw_deficit(weather, annual, rng)
    forest = sum(v for name, v in drawn.items() if name.endswith("forest"))
    warm = np.clip(weather["t_max"] / 25, 0.02, 1)
    sif = 0.03 * weather["srad"] * warm * (0.4 + 0.6 * forest[:, None])
    sif *= 1 + 0.02 * rng.normal(size=sif.shape)
    lai = 8 * (0.2 + 0.8 * forest[:, None]) * np.roll(warm, 1, axis=1)
    burned = np.where(rng.uniform(size=sif.shape) < FIRES, 0.01 * rng.random(sif.shape), 0)
    storage = np.cumsum(weather["precipitation"] - weather["precipitation"].mean(1)[:, None], 1)
    monthly = weather | {
        "sif": sif,
        "lai": lai * (1 + 0.02 * rng.normal(size=sif.shape)),
        "et": 4 * sif * (1 + 0.02 * rng.normal(size=sif.shape)),
        "nbe": 0.5 - 1.5 * sif + 0.05 * rng.normal(size=sif.shape),
        "burned_fraction": burned,
        "fire_emission": 30 * burned,
        "ewt": 10 * (storage - storage.mean(axis=1)[:, None]),
    }
    static = {name: drawn[name] for name in ("elevation", "forest_age", "sand", "silt", "clay")}
    static["canopy_height"] = 2 + 25 * forest + drawn["canopy_height"] / 10
    static["gpp"] = 5500 * sif.mean(axis=1)
    static["silt"] = 100 - static["sand"] - static["clay"]
    cover = {name: value for name, value in drawn.items() if (table_row(name).group == "PFT")}
    bare = np.where(annual < np.quantile(annual, 0.2), 0.5, 0.05)
    plants = 1 - cover.pop("nonvegetated")
    cover = {name: value / plants * (1 - bare) for name, value in cover.items()}
    cover |= {"nonvegetated": bare, "water": np.zeros(bare.size)}
    assert months == sif.shape[1]
    shaped = {name: values.T.reshape(months, *grid.shape) for name, values in monthly.items()}
    return (
        {name: values.reshape(grid.shape) for name, values in cover.items()},
        {name: values.reshape(grid.shape) for name, values in static.items()},
        shaped,
    )


class World:
    """A study of the made fields, of which variants are compared."""

    def __init__(self) -> None:
        self.cover, self.static, self.monthly = make_world()
        grid = study_window(**WINDOW)
        places = Places.of_cover(self.cover, grid.latitude, grid.longitude, DOMAIN)
        self.study = Study(places)
        for name, values in (self.cover | self.static).items():
            self.study.add(name, None, summarise(f"product of {name}", values, places))
        for name in self.monthly:
            self.put(self.study, name, self.years_of(name))

    def years_of(self, name: str) -> list[np.ndarray]:
        return np.split(self.monthly[name], len(YEARS))

    def put(self, study: Study, name: str, fields: list[np.ndarray]) -> None:
        for year, months in zip(YEARS, fields, strict=True):
            study.add(name, year, summarise(f"product of {name}", months, study.places))

    def compared(self, name: str, fields: list[np.ndarray]) -> pd.DataFrame:
        """What becomes of the comparisons when a variable is another."""
        study = Study(
            self.study.places,
            dict(self.study.static),
            {each: dict(years) for each, years in self.study.yearly.items()},
        )
        if name in self.static:
            study.add(name, None, summarise(f"product of {name}", fields[0], study.places))
        else:
            self.put(study, name, fields)
        return compare(study, [name])


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def corruptions() -> ModuleType:
    path = ROOT / "benchmarks" / "corruptions.py"
    specification = importlib.util.spec_from_file_location("corruptions", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_consistent_world_passes_all_comparisons(world):
    table = compare(world.study)
    bad = table[table["verdict"].isin(["impossible", "unlikely"])]
    assert bad.empty, bad.to_string()
    assert (table["verdict"] == "fine").sum() > 150


VARIANTS = (
    ("times 10", "lai", "all"),
    ("times 10", "elevation", "all"),
    ("a thousandth", "gpp", "all"),
    ("a tenth", "precipitation", "one year"),
    ("other sign", "nbe", "all"),
    ("other sign", "ewt", "one year"),
    ("fill value -9999 in a block", "clay", "all"),
    ("zero in a block", "srad", "all"),
    ("zero in a block", "ewt", "one year"),
    ("constant", "t_min", "one year"),
    ("north and south exchanged", "srad", "all"),
    ("north and south exchanged", "elevation", "all"),
    ("east and west exchanged", "precipitation", "one year"),
    ("east and west exchanged", "lai", "all"),
    ("east and west exchanged", "canopy_height", "all"),
    ("east and west exchanged", "burned_fraction", "all"),
    ("shuffled in space", "t_max", "all"),
    ("one month in place of all", "fire_emission", "one year"),
    ("January and July swapped", "sif", "all"),
    ("January and July swapped", "vpd", "one year"),
    ("shifted by one month", "t_min", "all"),
    ("shifted by one month", "precipitation", "one year"),
    ("shifted by six months", "nbe", "all"),
)
"""Kinds of the benchmark, variables, and where."""


@pytest.mark.parametrize(("kind", "name", "place"), VARIANTS)
def test_a_corrupted_variant_is_told(world, corruptions, kind, name, place):
    kinds = {**corruptions.VALUE_KINDS, **corruptions.PLACE_KINDS, **corruptions.TIME_KINDS}
    fields = [world.static[name]] if name in world.static else world.years_of(name)
    for number, field in enumerate(fields):
        if place == "all" or number == 1:
            fields[number] = kinds[kind](field, np.random.default_rng(0))
    table = world.compared(name, fields)
    assert table["verdict"].iloc[0] in ("impossible", "unlikely")


def test_one_year_under_the_name_of_another_is_impossible(world):
    first, _, *others = world.years_of("lai")
    row = world.compared("lai", [first, first, *others]).iloc[0]
    assert (row["verdict"], row["variable"], row["period"]) == ("impossible", "lai", "2002-01")
    assert (row["comparison"], row["found"]) == ("repeated", "1")


def test_a_product_under_the_name_of_another_is_impossible(world):
    table = world.compared("t_min", world.years_of("t_max"))
    assert "same elsewhere" in set(table.loc[table["verdict"] == "impossible", "comparison"])


def test_what_is_missing_is_not_compared_and_told(world):
    gone = {"sif", "et", "nbe", "ewt", "vpd"}
    study = Study(
        world.study.places,
        dict(world.study.static),
        {name: years for name, years in world.study.yearly.items() if name not in gone},
    )
    table = compare(study)
    assert not set(table["verdict"]) & {"impossible", "unlikely"}
    row = table[(table["variable"] == "lai") & (table["compared_with"] == "sif")].iloc[0]
    assert (row["verdict"], row["reason"]) == ("not compared", "sif is not in the study")


def test_a_small_region_says_that_it_is_too_small_for_patterns(world):
    grid = study_window(**WINDOW)
    places = Places.of_cover(
        {name: values[-32:, :40] for name, values in world.cover.items()},
        grid.latitude[-32:],
        grid.longitude[:40],
        DOMAIN,
    )
    study = Study(places)
    for name, values in world.monthly.items():
        for number, year in enumerate(YEARS):
            part = values[12 * number : 12 * number + 12, -32:, :40]
            study.add(name, year, summarise("small", part, places))
    table = compare(study)
    assert table[table["verdict"] == "impossible"].empty, table.head().to_string()
    row = table[table["comparison"] == "falls poleward"].iloc[0]
    assert row["reason"] == "vegetated land in fewer than 16 patches of 4 x 5 degrees"


def table_of(*verdicts: str) -> pd.DataFrame:
    row = {"product": "gleam", "variable": "et", "period": "2003-07", "comparison": "highest"}
    row |= {"compared_with": "", "found": "21", "expected": "17 or less", "reason": "physics"}
    return pd.DataFrame([{"verdict": verdict, **row} for verdict in verdicts])


def test_what_is_impossible_is_refused_by_product_month_and_comparison():
    with pytest.raises(InputError) as error:
        refuse(table_of("impossible", "fine"), "consistency.csv", "impossible")
    assert str(error.value) == (
        "consistency.csv: gleam: expected nothing impossible (see the table; quality.stop_at: never"
        " goes on all the same), found et of 2003-07: highest: 21, expected 17 or less"
    )


@pytest.mark.parametrize(
    ("verdict", "stop_at", "stops"),
    [
        ("unlikely", "impossible", False),
        ("unlikely", "unlikely", True),
        ("impossible", "unlikely", True),
        ("impossible", "never", False),
        ("fine", "unlikely", False),
    ],
)
def test_the_study_says_from_which_verdict_on_it_stops(verdict, stop_at, stops):
    if stops:
        with pytest.raises(InputError):
            refuse(table_of(verdict), "table", stop_at)
    else:
        refuse(table_of(verdict), "table", stop_at)


def test_the_quality_table_is_told_what_is_wrong_with_a_variable():
    told = remarks(table_of("unlikely", "fine"))
    assert told == {"et": "unlikely: et of 2003-07: highest: 21, expected 17 or less"}


def test_rules_speak_of_comparisons_variables_and_reasons():
    for rule in read_rules():
        assert rule.check in CHECKS
        assert rule.source
        for name in (rule.variable, rule.other):
            if name and name != "forest":
                table_row(name)
        for unlikely, impossible, sign in zip(rule.unlikely, rule.impossible, (1, -1), strict=True):
            assert sign * unlikely >= sign * impossible or not np.isfinite(unlikely), rule


def test_gridded_files_are_read_with_their_details(tmp_path, world):
    coordinates = {"lat": study_window(**WINDOW).latitude, "lon": study_window(**WINDOW).longitude}

    def write(name: str, fields: Fields, dims: tuple[str, ...]) -> Path:
        path = tmp_path / f"{name}.nc"
        dataset = xr.Dataset({key: (dims, v) for key, v in fields.items()}, coordinates)
        for key in fields:
            dataset[key].attrs[DETAIL] = 0.5
        write_netcdf(dataset, path)
        return path

    static = {"mcd12c1": write("cover", world.cover, ("lat", "lon"))}
    year = {"t_min": world.monthly["t_min"][:12].astype(np.float32)}
    yearly = {"era5": {2001: write("era5", year, ("time", "lat", "lon"))}}
    study = read_study(static, yearly, DOMAIN)
    summary = study.yearly["t_min"][2001]
    assert summary.detail == 0.5
    assert summary.digests == world.study.yearly["t_min"][2001].digests
    assert study.product("t_min", 2001) == "era5"
    assert study.places.patches == 20


def test_whole_numbers_of_a_continuous_quantity_have_little_detail(tmp_path):
    grid = study_window(**WINDOW)
    values = 280 + 20 * np.random.default_rng(0).random(grid.shape)
    gridding = Gridding(grid, "exact", 0.25, tmp_path)

    def detail(native: np.ndarray) -> float:
        field = Field("elevation", "m", grid, lambda rows: native[rows], tmp_path / "file")
        return float(grid_static({"elevation": field}, gridding)["elevation"].attrs[DETAIL])

    assert detail(values) == 1
    assert detail(np.round(values)) == 21 / values.size


def test_statistics_of_known_series():
    latitude = np.array([45.0, -45.0])
    sun = statistics.insolation(latitude)
    assert sun.argmax(axis=0).tolist() in ([5, 11], [5, 0])
    late = np.roll(sun, 2, axis=0)
    np.testing.assert_allclose(statistics.seasonal_lag(late, sun), [2, 2])
    np.testing.assert_allclose(np.abs(statistics.seasonal_lag(-sun, sun)), [6, 6])
    series = np.tile(sun, (3, 1))
    assert statistics.correlation_at_lags(np.roll(series, 1, 0), series, range(-1, 3)).argmax() == 2
    np.testing.assert_allclose(statistics.departures(series), 0, atol=1e-12)
    others = statistics.cycles_of_other_years(np.concatenate([sun, sun + 1, sun + 5]))
    np.testing.assert_allclose(others[0], sun + 3)
    assert statistics.ranks(np.array([3.0, np.nan, 1.0, 3.0]))[[0, 2, 3]].tolist() == [2.5, 1, 2.5]
    assert statistics.commonest_share(np.array([0.0, 0.0, 7.0, 7.0, 8.0, np.nan])) == 0.4
    distance = statistics.distances(sun, sun + 2)
    np.testing.assert_allclose(distance.diagonal(), 2)

"""Projection by space for time: CMIP6 files to cells, and traits of known functions of climate."""

from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from differland.analysis.key_traits import KEY_TRAITS
from differland.analysis.projection import (
    DIFFERENCE,
    at_cells,
    project_climate,
    project_traits,
)
from differland.climatology import grid_climates
from differland.datasets.climate_models import find_cmip6, read_cmip6_years
from differland.errors import InputError
from differland.files import read_netcdf, write_netcdf
from differland.model.parameters import Parameters
from differland.regridding.raw_fields import Gridding
from differland.regridding.study_grid import study_window
from differland.synthetic.native.scenarios import FUTURE, MODELS, SCENARIO, write_climate_models
from differland.tables import PARAMETERS, TRAITS

WINDOW = {"south": 40, "north": 48, "west": -5, "east": 5}
PERIODS = {"baseline": [2013, 2014, 2015], "projected": [2090, 2091]}
AWARE, AGNOSTIC = "PFT+CLIM", "CLIM"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all models, as the planet has them."""
    path = tmp_path_factory.mktemp("cmip6")
    settings = SimpleNamespace(first_year=2018, years=4, seed=3)
    write_climate_models(SimpleNamespace(settings=settings), path)
    return path


def sources_of(folder: Path, model) -> dict:
    years = [year for period in PERIODS.values() for year in period]
    return find_cmip6(folder, model.name, model.member, SCENARIO, years)


@pytest.fixture(scope="module")
def climates(folder: Path) -> list[xr.Dataset]:
    gridding = Gridding(study_window(**WINDOW), "exact", 0.25, Path("unused"))
    return [grid_climates(sources_of(folder, model), PERIODS, gridding) for model in MODELS]


@pytest.fixture
def driver() -> xr.Dataset:
    """Cells of the window; half of them are trained on."""
    rng = np.random.default_rng(1)
    lat, lon = np.meshgrid(40.125 + 0.25 * np.arange(0, 32, 4), -4.875 + 0.25 * np.arange(0, 40, 5))
    cells = lat.size
    return xr.Dataset(
        {
            "mean_annual_temperature": ("cell", rng.uniform(5, 15, cells)),
            "mean_annual_precipitation": ("cell", rng.uniform(100, 900, cells)),
            "grassland": ("cell", np.where(np.arange(cells) < 10, 0.9, 0.1)),
            "shrubland": ("cell", np.zeros(cells)),
        },
        coords={
            "lat": ("cell", lat.ravel(), {"units": "degrees_north"}),
            "lon": ("cell", lon.ravel(), {"units": "degrees_east"}),
        },
    )


class StandInEnsemble:
    """Members whose parameters are known functions of climate and grassland."""

    def __init__(self, members: int, grass: float) -> None:
        self.members = [None] * members
        self.grass = grass

    def predict_cells(self, driver: xr.Dataset) -> tuple[Parameters, None]:
        warmth = driver["mean_annual_temperature"].to_numpy() / 50
        wet = driver["mean_annual_precipitation"].to_numpy() / 5000
        slope = 1 + self.grass * driver["grassland"].to_numpy()
        member = 1 + 0.1 * np.arange(len(self.members))[:, None]
        share = member * slope * (0.1 + 0.3 * warmth - 0.2 * wet)
        values = {
            name: jnp.asarray(
                PARAMETERS[name].minimum
                + share * (PARAMETERS[name].maximum - PARAMETERS[name].minimum)
            )
            for name in Parameters._fields
        }
        return Parameters(**values), None


def change(ensemble: StandInEnsemble, driver: xr.Dataset, climate: xr.Dataset, name: str):
    """Change of a parameter, shape (member, cell)."""
    later = driver.assign(
        {
            predictor: ("cell", climate["projected"].sel(predictor=predictor).values)
            for predictor in climate["predictor"].values
        }
    )
    first, second = (getattr(ensemble.predict_cells(d)[0], name) for d in (driver, later))
    return np.asarray(second - first, float)


class TestFiles:
    def test_every_model_has_its_grid_and_calendar(self, folder: Path):
        shapes, calendars = set(), set()
        for model in MODELS:
            sources = sources_of(folder, model)
            (field,) = read_cmip6_years(sources["pr"], "pr", [2014])
            shapes.add(field.grid.shape)
            assert field.grid.cyclic and np.ptp(field.grid.latitude_edges) == 180
            assert 100 < field.whole().mean() < 3000
            calendars.add(model.calendar)
        assert len(shapes) == len(calendars) == len(MODELS)
        assert sum(file.stat().st_size for file in folder.iterdir()) < 6e6

    def test_only_files_of_the_years_are_taken(self, folder: Path):
        model = MODELS[0]
        found = find_cmip6(folder, model.name, model.member, SCENARIO, [2014, 2085])
        names = [file.name.rsplit("_", 1)[1] for file in found["tas"]]
        assert names == ["201301-201412.nc", "208101-209012.nc"]
        assert {name.split("_")[0] for name in map(str, (f.name for f in found["pr"]))} == {"pr"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"years": [2050, 2051]}, ["tas of Synthetic-A", "none of 2050 to 2051", "esgf"]),
            ({"scenario": "ssp585"}, ["none of 2085", "ssp585"]),
            ({"model": "ACCESS-CM2"}, ["tas of ACCESS-CM2", "none of 2085"]),
            ({"member": "r2i1p1f1"}, ["r2i1p1f1"]),
            ({"patterns": {"pr": "rain_{model}.nc"}}, ["pr of Synthetic-A", "rain_Synthetic-A.nc"]),
        ],
    )
    def test_what_is_missing_is_told(self, folder: Path, change: dict, words: list[str]):
        usual = {"model": "Synthetic-A", "member": "r1i1p1f1", "scenario": SCENARIO}
        with pytest.raises(InputError) as caught:
            find_cmip6(folder, **{**usual, "years": [2085], **change})
        for word in words:
            assert word in str(caught.value)

    def test_the_planet_warms(self, climates: list[xr.Dataset]):
        for climate in climates:
            warming = np.ptp(climate["mean_annual_temperature"].values, axis=0)
            assert (warming > 1).all() and (warming < 8).all()
        assert FUTURE[0][0] == 2081


class TestClimatology:
    def test_is_that_of_the_cell_of_the_model(self, folder: Path, climates: list[xr.Dataset]):
        """A study's cell within one of the model has its value."""
        model, climate = MODELS[2], climates[2]
        assert climate["mean_annual_temperature"].attrs["units"] == "degC"
        assert climate["mean_annual_precipitation"].attrs["units"] == "mm year-1"
        sources = sources_of(folder, model)
        # Of 5 x 7.5 degrees; this one reaches from 42.5 to 47.5 N and from 3.75 W to 3.75 E.
        row, column = 27, 0
        assert model.latitude[row] == 45 and model.longitude[column] == 0
        for period, years in PERIODS.items():
            for variable, name in (("tas", "temperature"), ("pr", "precipitation")):
                fields = [f.whole() for f in read_cmip6_years(sources[variable], variable, years)]
                found = climate[f"mean_annual_{name}"].sel(period=period)
                inside = found.sel(lat=slice(47.4, 42.6), lon=slice(-3.6, 3.6))
                np.testing.assert_allclose(
                    inside, np.mean([f[row, column] for f in fields]), rtol=1e-5
                )

    def test_cells_across_an_edge_are_means_by_area(self, climates: list[xr.Dataset]):
        values = climates[1]["mean_annual_temperature"].sel(period="baseline")
        rows = np.unique(values.isel(lon=0).values)
        # No more than three of the rows of 5.5 degrees meet the window, and rows between are rare.
        assert len(rows) <= 5

    def test_the_file_tells_where_it_is_from(self, climates: list[xr.Dataset], tmp_path: Path):
        write_netcdf(climates[0], tmp_path / "model.nc")
        found = read_netcdf(tmp_path / "model.nc")
        xr.testing.assert_equal(found, climates[0])
        assert found.attrs["model"] == "Synthetic-A"
        assert found.attrs["scenario"] == SCENARIO
        assert found.attrs["calendar"] == "noleap"
        assert found.attrs["native_shape"] == "45 x 72"
        assert found.attrs["baseline_years"] == "2013-2015"

    def test_places_get_the_cell_they_lie_in(self, climates: list[xr.Dataset]):
        lat, lon = np.array([47.875, 40.01, 44.2]), np.array([-4.875, 4.99, 355.1])
        placed = at_cells(climates[0], lat, lon)
        field = climates[0]["mean_annual_temperature"]
        expected = [field.values[:, 0, 0], field.values[:, -1, -1], field.values[:, 15, 0]]
        np.testing.assert_array_equal(placed["mean_annual_temperature"].values.T, expected)

    @pytest.mark.parametrize("place", [(39.9, 0.0), (48.1, 0.0), (44.0, 5.1), (44.0, -5.1)])
    def test_places_beyond_the_window_are_refused(self, climates: list[xr.Dataset], place):
        with pytest.raises(InputError, match="1 cells beyond it"):
            at_cells(climates[0], *(np.array([value]) for value in place))

    def test_a_place_without_a_value_is_refused(self, climates: list[xr.Dataset]):
        gap = climates[0].copy(deep=True)
        gap["mean_annual_precipitation"][0, 0, 0] = np.nan
        with pytest.raises(InputError, match=r"Synthetic-A: .*_precipitation: .* 1 missing"):
            at_cells(gap, np.array([47.9]), np.array([-4.9]))


class TestClimate:
    @pytest.mark.parametrize("method", ["delta", "raw"])
    def test_mean_over_models(self, driver: xr.Dataset, climates: list[xr.Dataset], method: str):
        trained = np.arange(32)
        climate, models = project_climate(driver, climates, trained, method, "additive")
        place = (driver["lat"].values, driver["lon"].values)
        for name in ("mean_annual_temperature", "mean_annual_precipitation"):
            values = np.stack([at_cells(c, *place)[name].values for c in climates]).astype(float)
            present = driver[name].values
            expected = values[:, 1].mean(axis=0)
            if method == "delta":
                expected = np.maximum(
                    present + (values[:, 1] - values[:, 0]).mean(axis=0),
                    0 if "prec" in name else -99,
                )
            found = climate.sel(predictor=name)
            np.testing.assert_allclose(found["projected"], expected, rtol=1e-5)
            np.testing.assert_allclose(found["change"], expected - present, atol=1e-3)
            low, high = present[trained].min(), present[trained].max()
            beyond = (expected < low) | (expected > high)
            np.testing.assert_array_equal(found["extrapolated"], beyond)
            each = values[:, 1] - (values[:, 0] if method == "delta" else present)
            np.testing.assert_allclose(found["model_spread"], each.std(axis=0, ddof=1), rtol=1e-4)
            area = np.cos(np.deg2rad(place[0]))
            column = models[f"{name.removeprefix('mean_annual_')}_change"]
            np.testing.assert_allclose(column, (each * area).sum(axis=1) / area.sum(), rtol=1e-4)
        assert list(models["model"]) == [model.name for model in MODELS]
        assert list(models["calendar"]) == [model.calendar for model in MODELS]

    def test_relative_precipitation(self, driver: xr.Dataset, climates: list[xr.Dataset]):
        climate, _ = project_climate(driver, climates, np.arange(32), "delta", "relative")
        place = (driver["lat"].values, driver["lon"].values)
        name = "mean_annual_precipitation"
        values = np.mean([at_cells(c, *place)[name].values for c in climates], axis=0)
        expected = driver[name].values * values[1] / values[0]
        np.testing.assert_allclose(climate.sel(predictor=name)["projected"], expected, rtol=1e-5)

    @given(st.floats(0, 50), st.floats(0, 3000), st.floats(0, 3000))
    def test_precipitation_is_never_below_zero(self, present, baseline, future):
        cell = xr.Dataset(
            {
                "mean_annual_temperature": ("cell", [10.0]),
                "mean_annual_precipitation": ("cell", [present]),
            },
            coords={"lat": ("cell", [0.125]), "lon": ("cell", [0.125])},
        )
        fields = {
            f"mean_annual_{name}": (("period", "lat", "lon"), np.reshape(pair, (2, 1, 1)))
            for name, pair in {
                "temperature": [10.0, 12.0],
                "precipitation": [baseline, future],
            }.items()
        }
        model = xr.Dataset(
            {
                **fields,
                "lat_bnds": (("lat", "b"), [[0.25, 0]]),
                "lon_bnds": (("lon", "b"), [[0, 0.25]]),
            },
            coords={"period": ["baseline", "projected"], "lat": [0.125], "lon": [0.125]},
            attrs={"model": "M", "files": ""},
        )
        for how in ("additive", "relative"):
            climate, _ = project_climate(cell, [model], np.arange(1), "delta", how)
            projected = climate["projected"].values.ravel()
            assert projected[0] == pytest.approx(12)
            assert np.isfinite(projected[1]) and projected[1] >= 0
            if future == baseline:
                assert projected[1] == pytest.approx(present, rel=1e-5)

    def test_no_model_is_refused(self, driver: xr.Dataset):
        with pytest.raises(InputError, match="at least one climate model"):
            project_climate(driver, [], np.arange(3), "delta", "additive")


class TestTraits:
    @pytest.fixture
    def climate(self, driver: xr.Dataset, climates: list[xr.Dataset]) -> xr.Dataset:
        return project_climate(driver, climates, np.arange(32), "delta", "additive")[0]

    def test_changes_are_those_of_the_function(
        self, driver: xr.Dataset, climate: xr.Dataset, monkeypatch
    ):
        monkeypatch.setattr("differland.analysis.projection.CELLS_AT_ONCE", 7)
        ensembles = {AGNOSTIC: StandInEnsemble(2, 0.0), AWARE: StandInEnsemble(3, 1.0)}
        maps, table = project_traits(ensembles, driver, climate, AWARE, 0.8)
        leaf = {
            setup: change(ensemble, driver, climate, "leaf_carbon_mass_per_area")
            for setup, ensemble in ensembles.items()
        }
        found = maps.sel(trait="leaf_carbon_mass_per_area")
        for setup, values in leaf.items():
            of_setup = found.sel(setup=setup)
            np.testing.assert_allclose(of_setup["change"], values.mean(axis=0), rtol=1e-3)
            spread = values.std(axis=0, ddof=1)
            np.testing.assert_allclose(of_setup["change_spread"], spread, rtol=1e-2)
        expected = leaf[AWARE].mean(axis=0) - leaf[AGNOSTIC].mean(axis=0)
        np.testing.assert_allclose(found["difference"], expected, atol=1e-3)
        assert "agnostic" not in maps.attrs and maps.attrs["aware"] == AWARE
        efficiency = maps.sel(trait="carbon_use_efficiency", setup=AGNOSTIC)
        respired = change(ensembles[AGNOSTIC], driver, climate, "autotrophic_fraction")
        np.testing.assert_allclose(efficiency["change"], -respired.mean(axis=0), atol=1e-6)
        assert ((efficiency["present"] > 0) & (efficiency["present"] < 1)).all()
        self.check_table(table, driver, climate, leaf)

    def check_table(self, table, driver, climate, leaf):
        regions = dict(zip(table["region"], table["kind"], strict=True))
        assert regions == {"all": "all", "23.5 N to 50 N": "latitude", "grassland": "plant type"}
        assert len(table) == 3 * 3 * len(KEY_TRAITS)
        area = np.cos(np.deg2rad(driver["lat"].values))
        inside = driver["grassland"].values >= 0.8
        means = {
            setup: np.average(values[:, inside], axis=1, weights=area[inside])
            for setup, values in leaf.items()
        }
        rows = table[(table["region"] == "grassland")].set_index(["trait", "setup"])
        for setup, mean in means.items():
            row = rows.loc[("leaf_carbon_mass_per_area", setup)]
            assert row["change"] == pytest.approx(mean.mean(), rel=1e-3)
            assert row["change_spread"] == pytest.approx(mean.std(ddof=1), rel=1e-3)
            assert row["projected"] == pytest.approx(row["present"] + row["change"])
            assert row["cells"] == inside.sum()
            beyond = climate["extrapolated"].values.any(axis=0)[inside]
            assert row["extrapolated"] == pytest.approx(np.average(beyond, weights=area[inside]))
            assert row["units"] == TRAITS["leaf_carbon_mass_per_area"].units
        row = rows.loc[("leaf_carbon_mass_per_area", DIFFERENCE)]
        assert row["change"] == pytest.approx(
            means[AWARE].mean() - means[AGNOSTIC].mean(), rel=1e-3
        )
        spreads = [mean.std(ddof=1) for mean in means.values()]
        assert row["change_spread"] == pytest.approx(np.hypot(*spreads), rel=1e-3)

    def test_one_setup_has_no_difference(self, driver: xr.Dataset, climate: xr.Dataset, tmp_path):
        maps, table = project_traits({AWARE: StandInEnsemble(1, 1.0)}, driver, climate, AWARE, 0.8)
        assert "difference" not in maps
        assert set(table["setup"]) == {AWARE}
        assert (maps["change_spread"] == 0).all()
        write_netcdf(maps, tmp_path / "projection.nc")
        xr.testing.assert_equal(read_netcdf(tmp_path / "projection.nc"), maps)

    def test_no_change_of_climate_changes_nothing(self, driver: xr.Dataset, climate: xr.Dataset):
        same = climate.assign(projected=climate["present"])
        maps, _ = project_traits({AWARE: StandInEnsemble(2, 1.0)}, driver, same, AWARE, 0.8)
        assert (maps["change"] == 0).all()

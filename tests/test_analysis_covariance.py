"""Covariance of the parameters against numpy's, plant type by plant type."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from differland.analysis import covariance
from differland.analysis.covariance import parameter_covariance
from differland.analysis.days import DAYS_OF_YEAR, around_their_mean
from differland.errors import InputError
from differland.network import bounded
from differland.tables import PARAMETERS

MEMBERS, CELLS = 4, 90
NAMES = list(PARAMETERS)
OTHERS = [name for name in NAMES if name not in DAYS_OF_YEAR]


def make_parameters(raw: np.ndarray, latitude: np.ndarray) -> xr.Dataset:
    """Parameters that the network makes of raw numbers (member, cell, parameter)."""
    flat = jnp.asarray(raw.reshape(-1, len(NAMES)))
    values = bounded(flat, tuple(NAMES))
    return xr.Dataset(
        {
            name: (("member", "cell"), np.array(values[name]).reshape(raw.shape[:2]))
            for name in NAMES
        },
        coords={
            "lat": ("cell", latitude),
            "lon": ("cell", np.arange(len(latitude)) * 0.25 + 0.125),
        },
    )


@pytest.fixture
def raw() -> np.ndarray:
    random = np.random.default_rng(4)
    mixing = random.normal(size=(len(NAMES), len(NAMES))) / 8
    cells = random.normal(size=(CELLS, len(NAMES))) @ mixing
    return cells + 0.3 * random.normal(size=(MEMBERS, CELLS, len(NAMES))) @ mixing


@pytest.fixture
def latitude() -> np.ndarray:
    return np.floor(np.linspace(10, 70, CELLS)) + 0.125


@pytest.fixture
def plant_types() -> xr.Dataset:
    cover = np.zeros(CELLS)
    cover[:25] = 0.9
    return xr.Dataset(
        {
            "grassland": ("cell", cover),
            "savanna": ("cell", np.where(np.arange(CELLS) == 3, 1, 0)),
        }
    )


def test_against_numpy(raw, latitude, plant_types, monkeypatch, x64) -> None:
    parameters = make_parameters(raw, latitude)
    # In more than one block.
    monkeypatch.setattr(covariance, "BLOCK", 32)
    found = parameter_covariance(parameters, plant_types, 0.8, 10)
    logarithm = np.log(np.stack([parameters[name].to_numpy() for name in OTHERS], axis=-1))
    numbers = [NAMES.index(name) for name in OTHERS]
    weights = np.cos(np.deg2rad(latitude))
    for space, values in (("logarithm", logarithm), ("unbounded", raw[..., numbers])):
        for population, part in (("all", slice(None)), ("grassland", slice(25))):
            one = found.sel(
                space=space, population=population, parameter=OTHERS, other_parameter=OTHERS
            )
            mean = values[:, part].mean(axis=0)
            np.testing.assert_allclose(
                one["mean"], np.average(mean, axis=0, weights=weights[part]), atol=1e-5
            )
            np.testing.assert_allclose(
                one["covariance_across_cells"],
                np.cov(mean, rowvar=False, aweights=weights[part], ddof=0),
                atol=1e-5,
            )
            within = [np.cov(values[:, cell], rowvar=False) for cell in range(CELLS)][part]
            expected = np.average(within, axis=0, weights=weights[part])
            np.testing.assert_allclose(one["covariance_across_members"], expected, atol=1e-5)
            deviation = np.sqrt(np.diag(expected))
            np.testing.assert_allclose(
                one["correlation_across_members"],
                expected / np.outer(deviation, deviation),
                atol=1e-4,
            )


def test_positive_semi_definite(raw, latitude, plant_types) -> None:
    found = parameter_covariance(make_parameters(raw, latitude), plant_types, 0.8, 10)
    for name in ("covariance_across_cells", "covariance_across_members"):
        for space in found["space"].to_numpy():
            for population in ("all", "grassland"):
                matrix = found[name].sel(space=space, population=population).to_numpy()
                np.testing.assert_array_equal(matrix, matrix.T)
                values = np.linalg.eigvalsh(matrix)
                assert values.min() > -1e-10 * values.max()
    # 25 cells and their mean: no more than 24 directions.
    few = found["covariance_across_cells"].sel(space="logarithm", population="grassland")
    assert np.linalg.matrix_rank(few, tol=1e-9) <= 24


def test_few_cells_have_no_values(raw, latitude, plant_types) -> None:
    found = parameter_covariance(make_parameters(raw, latitude), plant_types, 0.8, 10)
    assert found["cells"].to_dict()["data"] == [CELLS, 25, 1]
    savanna = found.sel(population="savanna")
    for name in ("mean", "covariance_across_cells", "covariance_across_members"):
        assert savanna[name].isnull().all()
        assert found[name].sel(population=["all", "grassland"]).notnull().all()


def test_places_off_the_grid_count_alike(raw, latitude, plant_types) -> None:
    parameters = make_parameters(raw, latitude)
    towers = parameters.assign_coords(lat=parameters["lat"] + 0.03)
    found = parameter_covariance(towers, plant_types, 0.8, 10)
    expected = np.log(parameters["boese_r"].to_numpy().astype(float)).mean()
    one = found["mean"].sel(space="logarithm", population="all", parameter="boese_r")
    assert float(one) == pytest.approx(expected, rel=1e-6)


def test_bounds_are_finite(raw, latitude, plant_types) -> None:
    parameters = make_parameters(raw, latitude)
    parameters["boese_r"][:] = PARAMETERS["boese_r"].maximum
    found = parameter_covariance(parameters, plant_types, 0.8, 10).sel(population="all")
    assert np.isfinite(found["mean"]).all()
    limit = np.tan(np.pi * (0.5 - covariance.SHARE_MARGIN))
    one = found["mean"].sel(space="unbounded", parameter="boese_r")
    assert float(one) == pytest.approx(limit, rel=1e-6)
    # What does not vary has no correlation.
    assert found["correlation_across_cells"].sel(parameter="boese_r").isnull().all()


def test_days_count_by_their_place_in_the_season(raw, latitude, plant_types) -> None:
    parameters = make_parameters(raw, np.where(np.arange(CELLS) < 40, -latitude, latitude))
    random = np.random.default_rng(1)
    north = 120 + random.normal(0, 9, (MEMBERS, CELLS))
    south = np.where(parameters["lat"] < 0, 365.25 / 2, 0)
    years = 365.25 * random.integers(1, 4, (MEMBERS, 1))
    parameters["leaf_onset_day"][:] = north + south + years
    found = parameter_covariance(parameters, plant_types, 0.8, 10).sel(
        population="all", parameter="leaf_onset_day", other_parameter="leaf_onset_day"
    )
    weights = np.cos(np.deg2rad(latitude))
    for space in ("unbounded", "logarithm"):
        one = found.sel(space=space)
        assert str(one["space_units"].item()) == "day"
        assert float(one["mean"]) == pytest.approx(
            np.average(north.mean(axis=0), weights=weights), abs=1e-3
        )
        expected = np.average(north.var(axis=0, ddof=1), weights=weights)
        assert float(one["covariance_across_members"]) == pytest.approx(expected, rel=1e-4)


def test_days_around_the_turn_of_the_year() -> None:
    days = np.array([[360.0, 100.0], [5.0 + 3 * 365.25, 120.0 + 365.25]])
    moved = around_their_mean(days)
    np.testing.assert_allclose(moved[1] - moved[0], [10.25, 20.0], atol=1e-9)
    np.testing.assert_allclose(moved.mean(axis=0) % 365.25, [365.125, 110.0], atol=1e-9)


def test_what_is_missing_is_refused(raw, latitude, plant_types) -> None:
    parameters = make_parameters(raw, latitude)
    with pytest.raises(InputError, match="at least 2 members"):
        parameter_covariance(parameters.isel(member=[0]), plant_types, 0.8, 10)
    with pytest.raises(InputError, match="boese_r"):
        parameter_covariance(parameters.drop_vars("boese_r"), plant_types, 0.8, 10)
    with pytest.raises(InputError, match="cell: expected 90"):
        parameter_covariance(parameters, plant_types.isel(cell=slice(5)), 0.8, 10)
    parameters["boese_r"][0, 0] = np.nan
    with pytest.raises(InputError, match="boese_r"):
        parameter_covariance(parameters, plant_types, 0.8, 10)

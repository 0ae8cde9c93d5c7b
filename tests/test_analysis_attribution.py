"""Kernel SHAP attribution against exact Shapley values of small functions."""

import os
import sys
from importlib.abc import MetaPathFinder
from itertools import combinations
from math import comb

import jax.numpy as jnp
import numpy as np
import pytest
import shap
import xarray as xr

from differland.analysis.attribution import (
    ROWS_AT_ONCE,
    attribute,
    importance_of_groups,
)
from differland.analysis.traits import principal_components, project_traits
from differland.configuration import fewest_samples
from differland.errors import InputError
from differland.files import read_netcdf, write_netcdf
from differland.settings.analyses import Attribution
from differland.tables import PREDICTOR_GROUPS, TRAITS

CELLS = 60
PLANT_TYPES = PREDICTOR_GROUPS["PFT"]


def settings_of(background, explained, samples, threshold, minimum_cells, seed) -> Attribution:
    return Attribution(
        background=background,
        explained=explained,
        samples=samples,
        plant_type_threshold=threshold,
        minimum_cells=minimum_cells,
        seed=seed,
    )


SETTINGS = settings_of(12, 7, None, 0.8, 5, 4)


class StandInEnsemble:
    """An ensemble whose traits are a given function of predictors and latitude."""

    def __init__(self, active_predictors, function):
        self.active_predictors = tuple(active_predictors)
        self.function = function
        self.traced = []

    def traits_of(self, predictors, latitude):
        assert predictors.shape == (len(latitude), len(self.active_predictors))
        self.traced.append(len(predictors))
        return self.function(predictors, latitude)


# Functions take numpy's arrays (exact values in double precision) and what JAX traces.


def linear(predictors, latitude):
    """13 linear functions of the predictors."""
    coefficients = np.linspace(-1, 1, predictors.shape[1] * 13).reshape(predictors.shape[1], 13)
    return 5 + predictors @ coefficients


def nonlinear(predictors, latitude):
    """13 functions with interactions of up to all predictors."""
    array = predictors.__array_namespace__()
    scaled = predictors / 30
    order = np.arange(1, 14)[np.newaxis, :]
    return (
        array.sin(scaled.sum(axis=1)[:, np.newaxis] * order / 5)
        + array.prod(scaled, axis=1)[:, np.newaxis] * order
        + array.maximum(scaled[:, :1], scaled[:, -1:])
    )


@pytest.fixture
def driver():
    """Cells 0-19 are nearly pure grassland, 20-22 nearly pure wetland, the rest are mixed."""
    generator = np.random.default_rng(11)
    fractions = generator.dirichlet(np.full(10, 0.9), CELLS) * 0.7
    fractions[:20] *= 0.2
    fractions[:20, PLANT_TYPES.index("grassland")] = 0.85
    fractions[20:23] *= 0.2
    fractions[20:23, PLANT_TYPES.index("wetland")] = 0.9
    columns = {name: ("cell", fractions[:, column]) for column, name in enumerate(PLANT_TYPES)}
    for name, scale in [
        ("mean_annual_temperature", 10),
        ("mean_annual_precipitation", 20),
        ("elevation", 15),
        ("sand", 12),
    ]:
        columns[name] = ("cell", generator.normal(scale, scale / 2, CELLS))
    columns["constant"] = ("cell", np.ones(CELLS))
    return xr.Dataset(
        columns,
        coords={
            "lat": ("cell", generator.uniform(-60, 70, CELLS)),
            "lon": ("cell", generator.uniform(-180, 180, CELLS)),
        },
    )


def predictors_of(driver, names):
    return np.stack([driver[name].to_numpy() for name in names], axis=1)


def components_of(driver):
    """Three components of random traits: their origin does not matter here."""
    traits = np.random.default_rng(2).normal(5, 2, (1, CELLS, 13))
    return principal_components(
        xr.Dataset(
            {
                name: (("member", "cell"), traits[:, :, column])
                for column, name in enumerate(TRAITS)
            },
            coords={"lat": driver["lat"], "lon": driver["lon"]},
        ),
        3,
    )


def run(driver, function, names, settings=SETTINGS, cells=None):
    ensemble = StandInEnsemble(names, function)
    components = components_of(driver)
    cells = np.arange(CELLS) if cells is None else cells
    return *attribute(ensemble, driver, components, cells, settings), components


def shapley(function, row, background):
    """Exact Shapley values by enumeration, shape (output, predictor)."""
    number = len(row)

    def value(coalition):
        rows = background.copy()
        rows[:, list(coalition)] = row[list(coalition)]
        return function(rows).mean(axis=0)

    values = []
    for predictor in range(number):
        others = [other for other in range(number) if other != predictor]
        values.append(
            sum(
                (value((*coalition, predictor)) - value(coalition))
                / (number * comb(number - 1, size))
                for size in range(number)
                for coalition in combinations(others, size)
            )
        )
    return np.stack(values, axis=1)


NAMES = ["mean_annual_temperature", "mean_annual_precipitation", "elevation", "sand"]


def test_shap_values_are_exact_shapley_values(driver):
    # The background is all cells, so that it is known here.
    settings = settings_of(CELLS, 4, None, 0.8, CELLS, 1)
    explanation, _, components = run(driver, nonlinear, NAMES, settings)
    background = predictors_of(driver, NAMES)

    def outputs(rows):
        traits = nonlinear(rows, None)
        return np.concatenate([traits, project_traits(traits, components)], axis=1)

    for sample, cell in enumerate(explanation["cell"].values):
        np.testing.assert_allclose(
            explanation["shap"][sample],
            shapley(outputs, background[cell], background),
            rtol=1e-4,
            atol=1e-5,
        )
    np.testing.assert_allclose(
        explanation["base_value"][0], outputs(background).mean(axis=0), rtol=1e-5
    )


def test_known_shapley_values_of_a_product(driver):
    names = NAMES[:2]
    settings = settings_of(CELLS, 5, None, 0.8, CELLS, 1)
    explanation, _, _ = run(
        driver,
        lambda rows, latitude: jnp.repeat(jnp.prod(rows, axis=1)[:, np.newaxis], 13, axis=1),
        names,
        settings,
    )
    background = predictors_of(driver, names)
    x, y = background[explanation["cell"].values].T
    mean_x, mean_y = background.mean(axis=0)
    mean_product = np.prod(background, axis=1).mean()
    # f = x y. Nothing known: E[xy]; x known: x E[y]; y known: y E[x]; both: x y.
    expected = ((x * mean_y - mean_product) + (x * y - y * mean_x)) / 2
    np.testing.assert_allclose(explanation["shap"][:, 0, 0], expected, rtol=1e-4)


def test_linear_function(driver):
    # More predictors than can be enumerated: exact all the same, and none is dropped.
    names = [*PLANT_TYPES, *NAMES]
    settings = settings_of(CELLS, 3, None, 0.8, CELLS, 1)
    explanation, _, _ = run(driver, linear, names, settings)
    values = predictors_of(driver, names)
    coefficients = np.linspace(-1, 1, len(names) * 13).reshape(len(names), 13)
    expected = (values[explanation["cell"].values] - values.mean(axis=0))[
        :, np.newaxis, :
    ] * coefficients.T
    np.testing.assert_allclose(explanation["shap"][:, :13], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("names", [NAMES, [*PLANT_TYPES, *NAMES], NAMES[:1], ["constant"]])
def test_base_and_shap_values_sum_to_the_output(driver, names):
    explanation, table, components = run(driver, nonlinear, names)
    np.testing.assert_allclose(
        explanation["base_value"] + explanation["shap"].sum("predictor"),
        explanation["output_value"],
        rtol=1e-5,
        atol=1e-5,
    )
    traits = nonlinear(predictors_of(driver, names)[explanation["cell"].values], None)
    np.testing.assert_allclose(
        explanation["output_value"],
        np.concatenate([traits, project_traits(traits, components)], axis=1),
        rtol=1e-5,
        atol=1e-6,
    )
    assert explanation["shap"].dims == ("sample", "output", "predictor")
    assert list(explanation["output"].values) == [
        *TRAITS, "component_1", "component_2", "component_3",
    ]  # fmt: skip
    assert list(explanation["predictor"].values) == list(names)
    assert set(table["predictor"]) == set(names)


def test_populations_are_plant_types_with_enough_cells(driver):
    cells = np.arange(2, CELLS)
    explanation, table, _ = run(driver, nonlinear, NAMES, cells=cells)
    population = explanation["population"].values
    cell = explanation["cell"].values
    assert list(dict.fromkeys(population)) == ["all", "grassland"]
    assert set(cell) <= set(cells)
    assert (cell[population == "grassland"] < 20).all()
    assert "wetland (3 cells)" in explanation.attrs["skipped_populations"]
    assert len(set(cell[population == "all"])) == SETTINGS.explained
    assert dict(table.groupby("population")["n"].first()) == {"all": 7, "grassland": 7}
    np.testing.assert_allclose(explanation["lat"], driver["lat"].values[cell])
    np.testing.assert_allclose(
        explanation["predictor_value"], predictors_of(driver, NAMES)[cell], rtol=1e-6
    )


def test_small_populations_are_explained_whole(driver):
    settings = settings_of(100, 100, None, 0.8, 20, 0)
    explanation, _, _ = run(driver, linear, NAMES[:2], settings)
    cell = explanation["cell"].values
    assert sorted(cell[explanation["population"].values == "all"]) == list(range(CELLS))
    assert sorted(cell[explanation["population"].values == "grassland"]) == list(range(20))


def test_too_few_cells_altogether(driver):
    with pytest.raises(InputError, match=r"at least 5 cells.*all \(4 cells\)"):
        run(driver, linear, NAMES, cells=np.arange(4))


def test_latitude_stays_that_of_the_explained_cell(driver):
    def of_latitude(rows, latitude):
        return linear(rows, latitude) + latitude[:, np.newaxis]

    explanation, _, _ = run(driver, of_latitude, NAMES)
    without, _, _ = run(driver, linear, NAMES)
    np.testing.assert_allclose(explanation["shap"], without["shap"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        (explanation["base_value"] - without["base_value"])[:, :13],
        np.repeat(explanation["lat"].values[:, np.newaxis], 13, axis=1),
        rtol=1e-4,
    )


def test_a_seed_gives_the_same_result(driver):
    names = [*PLANT_TYPES, *NAMES]
    settings = settings_of(10, 4, 100, 0.8, 5, 9)
    first = run(driver, nonlinear, names, settings)
    np.random.seed(1)
    second = run(driver, nonlinear, names, settings)
    drawn = np.random.random()
    np.random.seed(1)
    assert drawn == np.random.random()
    xr.testing.assert_identical(first[0], second[0])
    assert first[1].equals(second[1])
    other = run(driver, nonlinear, names, settings_of(10, 4, 100, 0.8, 5, 10))
    assert not np.array_equal(first[0]["cell"], other[0]["cell"])


def test_sampled_coalitions_come_close_to_the_exact_values(driver):
    names = [*PLANT_TYPES[:6], *NAMES]
    exact, _, _ = run(driver, nonlinear, names, settings_of(12, 3, 2000, 0.8, 5, 2))
    sampled, _, _ = run(driver, nonlinear, names, settings_of(12, 3, 400, 0.8, 5, 2))
    error = np.sqrt(((sampled["shap"] - exact["shap"]) ** 2).mean())
    assert 0 < float(error) < 0.05 * float(exact["shap"].std())


def test_predictors_that_are_not_used_or_do_not_vary_explain_nothing(driver):
    names = [*NAMES, "constant"]

    def function(rows, latitude):
        array = rows.__array_namespace__()
        traits = rows[:, 0] * rows[:, 1] + rows[:, 2] + 7 * rows[:, 4]
        return array.stack([traits] * 13, axis=1)

    explanation, _, _ = run(driver, function, names)
    values = explanation["shap"][:, :13]
    np.testing.assert_allclose(values.sel(predictor="sand"), 0, atol=1e-3)
    assert (explanation["shap"].sel(predictor="constant") == 0).all()
    assert (abs(values.sel(predictor="elevation")) > 0.1).any()
    expected = function(explanation["predictor_value"].to_numpy().astype(float), None)
    np.testing.assert_allclose(explanation["output_value"][:, :13], expected, rtol=1e-5)


def test_rows_come_in_blocks_of_one_size(driver):
    """JAX compiles once, whatever the populations and the predictors that vary in them."""
    names = [*PLANT_TYPES, *NAMES]
    driver["wetland"] = driver["wetland"].where(np.arange(CELLS) >= 20, 0)
    ensemble = StandInEnsemble(names, linear)
    settings = settings_of(CELLS, 1, 100, 0.8, 5, 0)
    attribute(ensemble, driver, components_of(driver), np.arange(CELLS), settings)
    assert ensemble.traced == [ROWS_AT_ONCE]


@pytest.mark.parametrize("predictors", range(2, 21))
def test_the_fewest_samples_have_each_predictor_alone(predictors):
    explainer = shap.KernelExplainer(lambda rows: rows.sum(axis=1), np.zeros((1, predictors)))

    def extremes(samples):
        """Coalitions of one predictor, and of all but one."""
        np.random.seed(0)
        explainer.shap_values(np.ones(predictors), nsamples=samples, l1_reg=False, silent=True)
        sizes = np.unique(explainer.maskMatrix, axis=0).sum(axis=1)
        return int(np.isin(sizes, (1, predictors - 1)).sum())

    fewest = fewest_samples(predictors)
    every = 2 if predictors == 2 else 2 * predictors
    assert extremes(fewest) == every
    assert extremes(fewest - 1) < every


def test_the_backend_of_a_terminal_does_not_stop_the_import_of_the_package(driver, monkeypatch):
    seen = []

    class Finder(MetaPathFinder):
        def find_spec(self, name, *_):
            if name == "shap":
                seen.append(os.environ.get("MPLBACKEND"))

    monkeypatch.setenv("MPLBACKEND", "module://not.installed")
    monkeypatch.delitem(sys.modules, "shap")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    run(driver, linear, NAMES[:1])
    assert seen == [None]
    assert os.environ["MPLBACKEND"] == "module://not.installed"


def test_importance_table(driver):
    settings = settings_of(CELLS, CELLS, None, 0.8, CELLS, 0)
    explanation, table, _ = run(driver, linear, NAMES, settings)
    assert list(table.columns) == [
        *("population", "output", "predictor", "group", "mean_absolute_shap", "share"),
        *("quartile_difference", "mean_quartile_difference", "n"),
    ]
    assert len(table) == 16 * len(NAMES)
    row = table[(table.output == "q10") & (table.predictor == "sand")].iloc[0]
    values = explanation["shap"].sel(output="q10", predictor="sand").values.astype(float)
    sand = explanation["predictor_value"].sel(predictor="sand").values
    first, third = np.quantile(sand, [0.25, 0.75])
    assert row["group"] == "SOIL"
    assert row["mean_absolute_shap"] == pytest.approx(np.abs(values).mean())
    for name, mean in {
        "quartile_difference": np.median,
        "mean_quartile_difference": np.mean,
    }.items():
        expected = mean(values[sand >= third]) - mean(values[sand <= first])
        assert row[name] == pytest.approx(expected)
    np.testing.assert_allclose(table.groupby(["population", "output"])["share"].sum(), 1)


@pytest.mark.parametrize(
    ("values", "upper", "lower"),
    [
        # The quartiles of a plant type that most cells lack coincide, and so do those of a fraction
        # that most cells have in full.
        ([0] * 16 + [0.3, 0.5, 0.6, 0.9], slice(16, 20), slice(0, 16)),
        ([0.1, 0.2] + [1.0] * 18, slice(2, 20), slice(0, 2)),
        ([0.1, *[0.5] * 18, 0.9], slice(19, 20), slice(0, 1)),
        ([*range(20)], slice(15, 20), slice(0, 5)),
    ],
)
def test_direction_of_predictors_that_are_the_same_in_most_cells(driver, values, upper, lower):
    few = driver.isel(cell=slice(0, 20)).assign(sand=("cell", np.array(values, float)))
    settings = settings_of(20, 20, None, 0.8, 20, 0)
    ensemble = StandInEnsemble(["sand"], linear)
    _, table = attribute(ensemble, few, components_of(driver), np.arange(20), settings)
    row = table[(table["population"] == "all") & (table["output"] == "canopy_efficiency")].iloc[0]
    slope = -1.0  # of the first trait
    array = np.array(values, float)
    for name, mean in {
        "quartile_difference": np.median,
        "mean_quartile_difference": np.mean,
    }.items():
        expected = slope * (mean(array[upper]) - mean(array[lower]))
        assert row[name] == pytest.approx(expected, rel=1e-5)
        assert row[name] < 0


def test_importance_of_groups(driver):
    names = [*PLANT_TYPES, *NAMES]
    explanation, table, _ = run(driver, nonlinear, names, settings_of(10, 9, 60, 0.8, 5, 1))
    groups = importance_of_groups(explanation)
    keys = ["population", "output", "group"]
    summed = table.groupby(keys)[["mean_absolute_shap", "share"]].sum()
    found = groups.set_index(keys)
    for name in summed:
        np.testing.assert_allclose(found[name], summed.loc[found.index, name], rtol=1e-6)
    assert set(groups["group"]) == {"PFT", "CLIM", "SOIL"}
    sums = groups.groupby(["population", "output"])[["share", "net_share"]].sum()
    np.testing.assert_allclose(sums, 1)
    # What cancels within a group is left out.
    assert (groups["net_mean_absolute_shap"] <= groups["mean_absolute_shap"] * (1 + 1e-9)).all()
    grass = explanation.isel(sample=explanation["population"].values == "grassland")
    climate = grass["shap"].sel(output="component_2", predictor=NAMES[:3]).values.astype(float)
    row = found.loc[("grassland", "component_2", "CLIM")]
    assert row["net_mean_absolute_shap"] == pytest.approx(np.abs(climate.sum(axis=1)).mean())
    assert row["n"] == 9


def test_a_constant_predictor_has_no_importance(driver):
    explanation, table, _ = run(driver, linear, ["constant"])
    assert (table["mean_absolute_shap"] == 0).all()
    assert table["share"].isna().all()
    assert (table["quartile_difference"] == 0).all()
    assert importance_of_groups(explanation)["net_share"].isna().all()


def test_known_shapley_values_of_an_interaction_of_three(driver):
    """An effect of all three, x y z, is shared alike over the orders of joining."""
    names = NAMES[:3]
    settings = settings_of(CELLS, 5, None, 0.8, CELLS, 1)

    def function(rows, latitude):
        array = rows.__array_namespace__()
        return array.stack([array.prod(rows / 20, axis=1) + array.sin(rows[:, 0])] * 13, axis=1)

    explanation, _, _ = run(driver, function, names, settings)
    rows = predictors_of(driver, names) / 20
    x, y, z = rows[explanation["cell"].values].T
    a, b, c = rows.T
    first = [
        (x * (b * c).mean() - (a * b * c).mean()) / 3,
        (x * y * c.mean() - y * (a * c).mean()) / 6,
        (x * z * b.mean() - z * (a * b).mean()) / 6,
        (x * y * z - y * z * a.mean()) / 3,
    ]
    sine = np.sin(20 * x) - np.sin(20 * a).mean()
    np.testing.assert_allclose(
        explanation["shap"][:, 0, 0], sum(first) + sine, rtol=2e-4, atol=1e-4
    )


def test_results_survive_a_file(driver, tmp_path):
    explanation, _, components = run(driver, linear, NAMES)
    for name, dataset in {"attribution": explanation, "components": components}.items():
        write_netcdf(dataset, tmp_path / f"{name}.nc")
        xr.testing.assert_equal(read_netcdf(tmp_path / f"{name}.nc"), dataset)
    ensemble = StandInEnsemble(NAMES, linear)
    again, _ = attribute(
        ensemble, driver, read_netcdf(tmp_path / "components.nc"), np.arange(CELLS), SETTINGS
    )
    xr.testing.assert_equal(again, explanation)

"""Metrics against independent computations, and the evaluation of an ensemble as a whole."""

import json
import shutil
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from changes import change
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics

from differland import evaluation
from differland.ensemble import Ensemble, read_ensemble
from differland.errors import InputError
from differland.evaluation import evaluate_ensemble
from differland.files import write_json, write_text
from differland.members import Member, write_member
from differland.metrics import SKILLS, Agreement, Target, skill, targets_of_driver
from differland.patches import PADDING, draw_patches
from differland.records import select_members
from differland.tables import PARAMETERS, TRAITS
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES
from differland.training import train_block

SETUP = "PFT+CLIM"


@pytest.fixture(scope="module")
def members(data, settings, tmp_path_factory) -> list[Member]:
    names = [(SETUP, f"{seed:02d}") for seed in (1, 2, 3)]
    folder = tmp_path_factory.mktemp("checkpoints")
    return train_block(data, names, "develop", settings, folder)


@pytest.fixture(scope="module")
def evaluated(members, driver, patches):
    return evaluate_ensemble(Ensemble(members), driver, patches, OBSERVED_VARIABLES, 12)


def test_engines_give_the_same_study(data, settings, driver, patches, tmp_path, monkeypatch):
    """The same members selected, and all metrics to three digits."""
    names = [(SETUP, f"{seed:02d}") for seed in range(1, 6)]
    selected, tables = [], []
    for engine in ("xla", "kernel"):
        chosen = change(settings, training={"engine": engine, "epochs": 10})
        trained = train_block(data, names, "develop", chosen, tmp_path / engine)
        selection = select_members([member.complete_record for member in trained], 3)
        selected.append(selection["selected"])
        monkeypatch.setattr(evaluation, "choose_engine", lambda _, engine=engine: engine)
        best = [member for member in trained if member.seed in selection["selected"]]
        found = evaluate_ensemble(Ensemble(best), driver, patches, OBSERVED_VARIABLES, 12)
        tables.append(found.metrics)
    assert selected[0] == selected[1]
    one, two = tables
    pd.testing.assert_frame_equal(one.drop(columns=[*SKILLS]), two.drop(columns=[*SKILLS]))
    for name in SKILLS:
        first, second = (table[name].astype(float) for table in tables)
        np.testing.assert_allclose(first, second, rtol=5e-4, atol=5e-4, err_msg=name)


@given(st.integers(0, 10_000), st.integers(12, 60))
def test_skill_agrees_with_scikit_learn_and_scipy(seed, count):
    rng = np.random.default_rng(seed)
    observed = rng.normal(size=count) + 3
    modelled = 0.7 * observed + rng.normal(size=count)
    gaps = rng.uniform(size=count) < 0.1
    found = skill(np.where(gaps, np.nan, observed), modelled)
    o, m = observed[~gaps], modelled[~gaps]
    line = stats.linregress(o, m)
    expected = {
        "n": o.size,
        "R2": sklearn_metrics.r2_score(o, m),
        "pearson_r2": line.rvalue**2,
        "correlation": line.rvalue,
        "mae": sklearn_metrics.mean_absolute_error(o, m),
        "rmse": sklearn_metrics.root_mean_squared_error(o, m),
        "slope": line.slope,
        "intercept": line.intercept,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_skill_of_what_cannot_be_scored_is_nan():
    constant = skill(np.full(10, 2.5), np.arange(10.0))
    few = skill(np.array([1.0, 2.0, np.nan, np.nan]), np.arange(4.0))
    for result in (constant, few):
        assert np.isnan(result["R2"])
        assert np.isnan(result["rmse"])


@pytest.mark.parametrize("value", [2.0, 0.0, 0.1, 1e4 / 3])
def test_a_model_that_does_not_vary_has_no_correlation(value):
    flat = skill(np.arange(10.0), np.full(10, value))
    assert np.isnan(flat["correlation"])
    assert np.isnan(flat["pearson_r2"])
    assert flat["R2"] < 0
    np.testing.assert_allclose(flat["slope"], 0, atol=1e-12)
    np.testing.assert_allclose(flat["intercept"], value)


def test_medians_in_time_are_of_the_points_whose_correlation_is_defined():
    observed = np.array([[1.0, 2, 3, 5], [1, 2, 3, 5], [2, 2, 2, 2]])
    modelled = np.array([[1.0, 2, 3, 4], [2, 2, 2, 2], [1, 2, 3, 4]])
    cells = np.arange(3)[:, None]
    target = Target("lai", "cell", observed, cells, np.ones((3, 1)))
    scores = evaluation._Scores()
    scores.add(target, modelled[None], np.zeros(3, int))
    rows = {row["domain"]: row for row in scores.rows(["01"], [{"train": np.array([0])}])}
    of_first = skill(observed[0], modelled[0])
    np.testing.assert_allclose(rows["time"]["correlation"], of_first["correlation"])
    assert rows["time"]["n"] == 2
    np.testing.assert_allclose(
        rows["time"]["rmse"], np.median(skill(observed[:2], modelled[:2])["rmse"])
    )


def test_skill_goes_along_any_axis():
    rng = np.random.default_rng(0)
    observed, modelled = rng.normal(size=(2, 4, 30))
    along = skill(observed, modelled, axis=1)
    for row in range(4):
        np.testing.assert_allclose(along["R2"][row], skill(observed[row], modelled[row])["R2"])


def test_selection_takes_the_lowest_training_loss(members):
    chosen = select_members([member.complete_record for member in members], 2)
    losses = {member.seed: member.record["training_loss"] for member in members}
    assert chosen["selected"] == sorted(losses, key=losses.get)[:2]
    assert sorted(chosen["selected"] + chosen["rejected"]) == ["01", "02", "03"]


def test_selected_members_read_back(members, tmp_path):
    for member in members:
        write_member(member, tmp_path / "members" / "develop" / SETUP / member.seed)
    chosen = select_members([member.complete_record for member in members], 2)
    write_text(json.dumps(chosen), tmp_path / "ensemble.json")
    ensemble = read_ensemble(tmp_path / "ensemble.json", tmp_path / "members")
    assert ensemble.seeds == chosen["selected"]
    (tmp_path / "ensemble.json").write_text('{"stage":')
    with pytest.raises(InputError, match=r"ensemble\.json"):
        read_ensemble(tmp_path / "ensemble.json", tmp_path / "members")


def test_another_member_than_the_one_selected_is_refused(members, tmp_path):
    """As after a restore from a backup: each file is whole, but they are not of one study."""
    for member in members:
        write_member(member, tmp_path / "members" / "develop" / SETUP / member.seed)
    chosen = select_members([member.complete_record for member in members], 2)
    write_json(chosen, tmp_path / "ensemble.json")
    one, two = (tmp_path / "members" / "develop" / SETUP / seed for seed in chosen["selected"])
    shutil.rmtree(one)
    shutil.copytree(two, one)
    write_member(replace(members[0], weights=members[1].weights), two)
    with pytest.raises(InputError, match=r"weights: expected .*ensemble\.json was made"):
        read_ensemble(tmp_path / "ensemble.json", tmp_path / "members")


def test_a_driver_that_members_were_not_trained_on_is_refused(members, driver, patches):
    ensemble = Ensemble(members)
    ensemble.check_trained_on(driver, patches)
    with pytest.raises(InputError, match=rf"values: .*develop/{SETUP.replace('+', '.')}.*digest"):
        ensemble.check_trained_on(driver.assign(srad=driver["srad"] * 1.01), patches)
    with pytest.raises(InputError, match=r"values: .* was trained on"):
        ensemble.check_trained_on(driver, patches.assign(test=1 - patches["test"]))


def test_results_tell_what_they_were_made_of(members, evaluated, driver, patches):
    told = Ensemble(members).provenance(driver)
    maps = Ensemble(members).parameters(driver, patches)
    for dataset in (evaluated.cells, evaluated.patches, evaluated.simulation, maps):
        assert told.items() <= dataset.attrs.items()
    assert Ensemble(members[:2]).provenance(driver)["members_digest"] != told["members_digest"]


def test_metrics_have_every_target_split_and_domain(evaluated):
    metrics = evaluated.metrics
    assert set(metrics["target"]) == set(OBSERVABLES)
    assert set(metrics["member"]) == {"01", "02", "03", "ensemble"}
    of_member = metrics[metrics["member"] == "01"]
    assert set(of_member["split"]) == {"train", "development", "test"}
    assert set(metrics[metrics["member"] == "ensemble"]["split"]) == {"train", "test"}
    domains = metrics[metrics["target"] == "lai"]["domain"]
    assert set(domains) == {"space-time", "space", "time"}
    assert set(metrics[metrics["target"] == "soc"]["domain"]) == {"space-time"}


def test_space_time_metric_of_the_ensemble_is_that_of_its_simulation(evaluated, driver, patches):
    """By hand, from the files alone: LAI, months from the second year on, test cells."""
    test = evaluated.simulation["test"].to_numpy() == 1
    observed = driver["lai"].to_numpy()[test, 12:].ravel()
    modelled = evaluated.simulation["lai"].to_numpy()[test, 12:].ravel()
    known = np.isfinite(observed)
    row = evaluated.metrics.query(
        "member == 'ensemble' and split == 'test' and target == 'lai' and domain == 'space-time'"
    )
    assert int(row["n"].iloc[0]) == known.sum()
    np.testing.assert_allclose(
        row["R2"].iloc[0],
        sklearn_metrics.r2_score(observed[known], modelled[known]),
        rtol=1e-4,
    )
    space = evaluated.metrics.query(
        "member == 'ensemble' and split == 'test' and target == 'lai' and domain == 'space'"
    )
    means = [
        np.nanmean(np.where(np.isfinite(driver["lai"].to_numpy()[test, 12:]), v, np.nan), axis=1)
        for v in (
            driver["lai"].to_numpy()[test, 12:],
            evaluated.simulation["lai"].to_numpy()[test, 12:],
        )
    ]
    np.testing.assert_allclose(
        space["rmse"].iloc[0], np.sqrt(((means[0] - means[1]) ** 2).mean()), rtol=1e-4
    )


def test_patch_targets_compare_patch_means_of_valid_cells(evaluated, driver, patches):
    series = evaluated.simulation["nbe"].to_numpy().astype(float)
    target = next(
        t for t in targets_of_driver(driver, patches, OBSERVED_VARIABLES, 12) if t.name == "nbe"
    )
    modelled = target.modelled(series, 12)
    numbers = driver["patch"].to_numpy()
    for row, number in enumerate(patches["number"].to_numpy()):
        np.testing.assert_allclose(modelled[row], series[numbers == number, 12:].mean(axis=0))
    bulk = patches["bulk"].to_numpy() == 1
    assert not bulk.all()
    assert np.isnan(target.observed[~bulk]).all()
    assert np.isfinite(target.observed[bulk]).any()


def test_annual_targets_compare_means_of_complete_years(driver, patches):
    gappy = driver.copy(deep=True)
    gappy["biomass"].values[3, 14] = np.nan
    target = next(
        t for t in targets_of_driver(gappy, patches, OBSERVED_VARIABLES, 12) if t.name == "biomass"
    )
    assert target.observed.shape == (driver.sizes["cell"], 3)
    assert np.isnan(target.observed[3, 0])
    assert np.isfinite(target.observed[3, 1:]).all()


def test_simulation_is_mean_and_spread_of_members(members, driver, evaluated):
    chunks = list(evaluation.simulate_chunks(Ensemble(members), driver, None))
    for name in ("gpp", "lai", "reco"):
        for cells, series in chunks:
            every = series[name].astype(float)
            simulation = evaluated.simulation.isel(cell=cells)
            np.testing.assert_allclose(simulation[name], every.mean(axis=0), rtol=1e-5)
            spread = every.std(axis=0, ddof=1)
            np.testing.assert_allclose(simulation[f"{name}_spread"], spread, rtol=1e-3, atol=1e-5)


def test_spread_of_one_member_is_zero(members, driver, patches):
    alone = evaluate_ensemble(Ensemble(members[:1]), driver, patches, OBSERVED_VARIABLES, 12)
    assert (alone.simulation["gpp_spread"] == 0).all()
    assert set(alone.metrics["member"]) == {"01", "ensemble"}


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 60), st.randoms())
def test_chunks_are_whole_patches_and_all_cells(sizes, at_once, random):
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "CELLS_AT_ONCE", at_once)
        chunks = evaluation.chunks_of_cells(xr.Dataset(coords={"patch": ("cell", numbers)}))
    np.testing.assert_array_equal(np.sort(np.concatenate(chunks)), np.arange(numbers.size))
    of_chunks = [set(numbers[cells]) for cells in chunks]
    assert sum(map(len, of_chunks)) == len(sizes)
    for cells, patches in zip(chunks, of_chunks, strict=True):
        assert cells.size <= at_once or len(patches) == 1


@pytest.mark.parametrize("trained", [True, False])
def test_chunks_change_nothing(members, driver, patches, evaluated, monkeypatch, trained):
    """Cells are shuffled, and one patch is too small to be trained on."""
    shuffled = driver.isel(cell=np.random.default_rng(0).permutation(driver.sizes["cell"]))
    drawn = None
    if trained:
        drawn = draw_patches(shuffled, 4, None, 0.8, 0.1, 0)
        assert drawn.sizes["patch"] == patches.sizes["patch"] - 1
    arguments = Ensemble(members), shuffled, drawn, OBSERVED_VARIABLES, 12
    whole = evaluate_ensemble(*arguments)
    monkeypatch.setattr(evaluation, "CELLS_AT_ONCE", 7)
    parts = evaluate_ensemble(*arguments)
    pd.testing.assert_frame_equal(parts.metrics, whole.metrics, rtol=1e-3, atol=1e-4)
    xr.testing.assert_allclose(parts.cells, whole.cells, rtol=1e-3, atol=1e-3)
    xr.testing.assert_allclose(parts.simulation, whole.simulation, rtol=1e-3, atol=1e-3)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_agreement_of_parts_is_that_of_the_whole(seed, sizes):
    rng = np.random.default_rng(seed)
    observed = 300 + rng.normal(size=(3, sum(sizes)))
    modelled = observed + rng.normal(size=observed.shape)
    observed[rng.uniform(size=observed.shape) < 0.2] = np.nan
    parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    found = [Agreement.of(observed[:, part], modelled[:, part]) for part in parts]
    joined = Agreement(
        **{name: np.stack([vars(part)[name] for part in found], -1) for name in vars(found[0])}
    )
    times = rng.integers(0, 3, (4, len(sizes)))
    draws = joined.pooled(times).skills()
    for draw, counts in enumerate(times):
        drawn = np.concatenate([np.tile(part, n) for part, n in zip(parts, counts, strict=True)])
        for name, expected in skill(observed[:, drawn], modelled[:, drawn]).items():
            np.testing.assert_allclose(
                draws[name][:, draw], expected, rtol=1e-7, atol=1e-8, err_msg=name
            )
            one = joined.pooled(counts).skills()[name]
            np.testing.assert_allclose(one, expected, rtol=1e-7, atol=1e-8, err_msg=name)


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 12))
def test_agreement_of_groups_is_that_of_their_pairs(seed, count, entries):
    rng = np.random.default_rng(seed)
    observed = 300 + rng.normal(size=(entries, 7))
    modelled = observed + rng.normal(size=(2, entries, 7))
    observed[rng.uniform(size=observed.shape) < 0.2] = np.nan
    group = rng.integers(0, count, entries)
    found = Agreement.of(np.broadcast_to(observed, modelled.shape), modelled).grouped(group, count)
    for number in range(count):
        for prediction in range(2):
            chosen = group == number
            expected = skill(observed[chosen].ravel(), modelled[prediction, chosen].ravel())
            for name, value in found.at((prediction, number)).skills().items():
                np.testing.assert_allclose(
                    value, expected[name], rtol=1e-8, atol=1e-9, err_msg=name
                )


def test_sums_of_patches_give_the_metrics_of_every_split(evaluated, members):
    sums = evaluated.patches
    assert sums["n"].dims == ("target", "patch", "prediction")
    splits = {
        member.seed: {**member.record["split"], "test": sums["patch"][sums["test"] == 1].to_numpy()}
        for member in members
    }
    splits["ensemble"] = {
        "train": sums["patch"][sums["test"] == 0].to_numpy(),
        "test": splits["01"]["test"],
    }
    rows = evaluated.metrics[evaluated.metrics["domain"] == "space-time"]
    assert len(rows) > 50
    for row in rows.to_dict("records"):
        chosen = sums.sel(target=row["target"], prediction=row["member"])
        values = {
            name: chosen[name].to_numpy().astype(float)
            for name in vars(Agreement.of(*[np.ones(3)] * 2))
        }
        inside = np.isin(sums["patch"], splits[row["member"]][row["split"]])
        found = Agreement(**values).pooled(inside).skills()
        assert found["n"] == row["n"]
        for name in ("R2", "correlation", "mae", "rmse", "slope"):
            np.testing.assert_allclose(found[name], row[name], rtol=1e-4, atol=1e-5)


def test_cell_skill_of_the_mean_is_that_of_the_simulation(evaluated, driver):
    observed = driver["lai"].to_numpy()[:, 12:]
    modelled = evaluated.simulation["lai"].to_numpy()[:, 12:]
    expected = skill(observed, modelled)
    of_mean = evaluated.cells.sel(target="lai")
    assert "member" not in of_mean["ensemble_R2"].dims
    for name in ("R2", "correlation"):
        np.testing.assert_allclose(
            of_mean[f"ensemble_{name}"], expected[name], rtol=1e-3, atol=1e-4
        )


def test_cell_skill_lies_where_it_was_observed(evaluated, driver, patches):
    cells = evaluated.cells
    towers = np.isfinite(driver["gpp_site"].to_numpy()[:, 12:]).sum(axis=1) >= 3
    found = np.isfinite(cells["R2"].sel(target="gpp_site", member="01").to_numpy())
    np.testing.assert_array_equal(found, towers)
    nbe = cells["R2"].sel(target="nbe", member="01").to_numpy()
    slots = patches["cell"].to_numpy()
    for row in slots:
        of_patch = nbe[row[row != PADDING]]
        assert np.isnan(of_patch).all() or np.ptp(of_patch) == 0


def test_applied_driver_has_one_split_and_needs_no_patches(members, driver):
    other = driver.isel(cell=slice(0, 12))
    result = evaluate_ensemble(Ensemble(members), other, None, OBSERVED_VARIABLES, 12)
    assert set(result.metrics["split"]) == {"applied"}
    assert result.patches is None
    assert not {"nbe", "fire", "ewt"} & set(result.metrics["target"])
    assert "test" not in result.simulation.coords
    assert result.simulation.sizes["cell"] == 12


def test_parameter_maps_hold_all_parameters_and_traits(members, driver, patches):
    maps = Ensemble(members).parameters(driver, patches)
    assert set(maps.data_vars) == set(PARAMETERS) | set(TRAITS)
    assert maps["q10"].dims == ("member", "cell")
    for name, row in PARAMETERS.items():
        assert maps[name].attrs["units"] == row.units
        assert float(maps[name].min()) >= row.minimum * (1 - 1e-5)
        assert float(maps[name].max()) <= row.maximum * (1 + 1e-5)
    shares = (
        sum(maps[f"allocation_{pool}"] for pool in ("labile", "foliar", "wood", "root"))
        + maps["autotrophic_fraction"]
    )
    np.testing.assert_allclose(shares, 1, rtol=1e-5)
    np.testing.assert_allclose(maps["q10"], np.exp(10 * maps["temperature_sensitivity"]), rtol=1e-5)


def test_mean_traits_for_attribution_are_those_of_the_maps(members, driver, patches):
    ensemble = Ensemble(members)
    values = np.stack([driver[name].to_numpy() for name in ensemble.active_predictors], axis=1)
    latitude = jnp.asarray(driver["lat"].to_numpy())
    found = ensemble.traits_of(jnp.asarray(values), latitude)
    maps = ensemble.parameters(driver, patches)
    for column, name in enumerate(TRAITS):
        np.testing.assert_allclose(found[:, column], maps[name].mean("member"), rtol=1e-4)


def test_missing_predictor_is_told(members, driver):
    poorer = driver.drop_vars("elevation")
    with pytest.raises(InputError, match="elevation"):
        evaluate_ensemble(Ensemble(members), poorer, None, OBSERVED_VARIABLES, 12)


def test_members_of_different_models_make_no_ensemble(members):
    other = replace(
        members[1],
        record={**members[1].record, "model": {"step_length": 30, "moisture_reference": "forcing"}},
    )
    with pytest.raises(InputError, match="model"):
        Ensemble([members[0], other])

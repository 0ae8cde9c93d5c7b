"""Training: reproducible, resumable, independent of company, and bounded in its restarts."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from changes import change

from differland import epoch, training
from differland.driver import predictor_matrix
from differland.epoch import devices_for, global_norm
from differland.errors import InputError
from differland.files import load_arrays, save_arrays
from differland.members import LOSSES_FILE, WEIGHTS_FILE, read_member, write_member
from differland.minibatches import per_cell
from differland.patches import cells_of_split, draw_split
from differland.records import RECORD_FILE, read_record
from differland.settings.training import MemberSettings
from differland.tables import PREDICTORS
from differland.training import optimizer_of, scaling_of, train_block

MEMBERS = [("PFT+CLIM", "01"), ("AGE", "02"), ("PFT+CLIM+SOIL+AGE", "03")]


def leaves(member) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(member.weights)]


def same(one, two) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(two), strict=True))


def assert_close(one, two) -> None:
    for a, b in zip(leaves(one), leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def trained(data, settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return train_block(data, MEMBERS, "develop", settings, folder), folder


class Killed(Exception):
    """Stands for the signal that ends a job."""


def killed_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training die when that many epochs were logged."""
    describe = training._Block.describe
    count = 0

    def die(self, *arguments):
        nonlocal count
        count += 1
        if count > epochs:
            raise Killed
        return describe(self, *arguments)

    monkeypatch.setattr(training._Block, "describe", die)


def test_loss_decreases_and_every_term_is_recorded(data, settings, tmp_path):
    longer = change(settings, training={"epochs": 12})
    (member,) = train_block(data, [MEMBERS[2]], "develop", longer, tmp_path)
    train = member.losses[member.losses["split"] == "train"]
    assert train["epoch"].tolist() == list(range(1, 13))
    assert train["total"].iloc[-1] < 0.7 * train["total"].iloc[0]
    terms = list(settings.loss.active(data.minibatches.observed))
    np.testing.assert_allclose(train[terms].sum(axis=1), train["total"], rtol=1e-6)
    assert (member.losses["split"] == "development").sum() == 12
    assert member.record["training_loss"] == pytest.approx(train["total"].iloc[-1])


def test_same_seed_same_weights_bit_for_bit(data, settings, trained, tmp_path):
    again = train_block(data, MEMBERS, "develop", settings, tmp_path)
    for one, two in zip(trained[0], again, strict=True):
        assert same(one, two)
        assert one.losses.equals(two.losses)


def test_seeds_setups_and_stages_differ(data, settings, trained, tmp_path):
    members = [("PFT+CLIM", "01"), ("PFT+CLIM", "02")]
    one, two = train_block(data, members, "final", settings, tmp_path)
    assert not same(one, two)
    assert not same(one, trained[0][0])
    assert one.record["split"]["development"] == []


def test_killed_training_resumes_to_the_same_weights(
    data, settings, trained, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        killed_after(2, patch)
        with pytest.raises(Killed):
            train_block(data, MEMBERS, "develop", settings, tmp_path)
    block = training._Block(MEMBERS, "develop", settings, data, tmp_path)
    assert [progress.epoch for progress in block.progress] == [2, 2, 2]
    resumed = train_block(data, MEMBERS, "develop", settings, tmp_path)
    for one, two in zip(trained[0], resumed, strict=True):
        assert same(one, two)
        assert one.losses.round(9).equals(two.losses.round(9))
        # What the killed job has spent on it is not lost.
        assert len(one.record["seconds"]) == 1
        assert len(two.record["seconds"]) == 2


@pytest.mark.parametrize(
    ("decay", "expected"),
    [("none", [1, 1, 1, 1, 1]), ("cosine", [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0])],
)
def test_learning_rate_over_the_training(settings, decay, expected):
    settings = change(
        settings, training={"epochs": 8, "learning_rate": 0.1, "learning_rate_decay": decay}
    )
    optimizer = optimizer_of(settings.training, training_patches=5)
    weight, state, steps = jnp.zeros(1), optimizer.init(jnp.zeros(1)), []
    for _ in range(41):
        # Adam's step along a gradient that stays is the learning rate.
        step, state = optimizer.update(jnp.ones(1), state, weight)
        steps.append(-float(step[0]))
    assert np.array(steps)[::10] == pytest.approx(0.1 * np.array(expected), rel=1e-5, abs=1e-8)


def test_killed_training_resumes_at_its_learning_rate(data, settings, tmp_path, monkeypatch):
    falling = change(settings, training={"learning_rate_decay": "cosine"})
    one = train_block(data, MEMBERS[:1], "develop", falling, tmp_path / "one")[0]
    with monkeypatch.context() as patch:
        killed_after(2, patch)
        with pytest.raises(Killed):
            train_block(data, MEMBERS[:1], "develop", falling, tmp_path / "two")
    two = train_block(data, MEMBERS[:1], "develop", falling, tmp_path / "two")[0]
    stays = train_block(data, MEMBERS[:1], "develop", settings, tmp_path / "three")[0]
    assert same(one, two)
    assert not same(one, stays)


def test_members_that_are_behind_catch_up_to_the_same_weights(data, settings, trained, tmp_path):
    """A kill between two members' checkpoints leaves them at different epochs."""
    train_block(data, MEMBERS, "develop", settings, tmp_path)
    lost = tmp_path / "develop" / MEMBERS[1][0] / f"{MEMBERS[1][1]}.safetensors"
    lost.unlink()
    again = train_block(data, MEMBERS, "develop", settings, tmp_path)
    for one, two in zip(trained[0], again, strict=True):
        assert same(one, two)


def test_finished_members_are_not_trained_again(data, settings, trained, monkeypatch):
    def never(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "compile_epoch", never)
    for member, company in ((MEMBERS[1:2], trained[0][1:2]), (MEMBERS, trained[0])):
        again = train_block(data, member, "develop", settings, trained[1])
        for one, two in zip(company, again, strict=True):
            assert same(one, two)


def test_member_alone_is_the_member_in_a_block(data, settings, trained, tmp_path):
    (alone,) = train_block(data, MEMBERS[:1], "develop", settings, tmp_path)
    assert_close(trained[0][0], alone)


def test_devices_share_members_out(data, settings, trained, tmp_path, monkeypatch):
    assert [len(devices_for(members)) for members in (1, 2, 3, 20)] == [1, 2, 1, 2]
    four = [*MEMBERS, ("SOIL", "01")]
    together = train_block(data, four, "develop", settings, tmp_path / "together")
    for one, two in zip(trained[0], together, strict=False):
        assert_close(one, two)
    with monkeypatch.context() as patch:
        killed_after(2, patch)
        with pytest.raises(Killed):
            train_block(data, four, "develop", settings, tmp_path / "killed")
    resumed = train_block(data, four, "develop", settings, tmp_path / "killed")
    assert all(same(one, two) for one, two in zip(together, resumed, strict=True))


def test_groups_of_members_are_members(
    data, driver, patches, settings, trained, tmp_path, monkeypatch
):
    """Of three members, two are simulated together and one after them."""
    months, slots = driver.sizes["time"], patches.sizes["slot"]
    monkeypatch.setattr(epoch, "CELL_MONTHS_AT_ONCE", {"cpu": 2 * months * slots})
    grouped = train_block(data, MEMBERS, "develop", settings, tmp_path)
    for one, two in zip(trained[0], grouped, strict=True):
        assert_close(one, two)


@pytest.mark.parametrize("stage", ["develop", "final"])
def test_engines_train_to_the_same_weights(data, settings, tmp_path, stage):
    members = [
        train_block(
            data,
            MEMBERS[:1],
            stage,
            change(settings, training={"engine": engine}),
            tmp_path / engine,
        )[0]
        for engine in ("xla", "kernel")
    ]
    assert [member.record["engine"] for member in members] == ["xla", "kernel"]
    assert_close(*members)


def test_checkpoint_of_other_data_or_settings_is_left_aside(
    pack, data, driver, patches, settings, trained, tmp_path
):
    other = change(settings, training={"learning_rate": 1e-3})
    train_block(data, MEMBERS[:1], "develop", other, tmp_path)
    block = training._Block(MEMBERS[:1], "develop", settings, data, tmp_path)
    assert block.progress[0].epoch == 0
    changed = driver.assign(srad=driver["srad"] * 1.01)
    block = training._Block(MEMBERS[:1], "develop", other, pack(changed, patches), tmp_path)
    assert block.progress[0].epoch == 0


@pytest.fixture
def checkpoint(trained, tmp_path) -> Path:
    """Checkpoints of one finished member, in a folder of their own; the path of the newest."""
    shutil.copytree(trained[1], tmp_path, dirs_exist_ok=True)
    return tmp_path / "develop" / MEMBERS[0][0] / f"{MEMBERS[0][1]}.safetensors"


def progress_after(data, settings, checkpoint: Path) -> training.Progress:
    block = training._Block(MEMBERS[:1], "develop", settings, data, checkpoint.parents[2])
    return block.progress[0]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 4
    path.write_bytes(content)


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    """Change what a checkpoint tells, as if it had been written so."""
    arrays = load_arrays(path)
    told = json.loads(bytes(arrays["record"]))
    change(told)
    arrays["record"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    save_arrays(arrays, path)


def test_the_checkpoint_before_a_damaged_one_trains_to_the_same_weights(
    data, settings, trained, checkpoint, caplog
):
    flip_a_bit(checkpoint)
    # Alone it would be another program, of other rounding.
    again = train_block(data, MEMBERS, "develop", settings, checkpoint.parents[2])
    assert str(checkpoint) in caplog.text
    assert "expected sha256" in caplog.text
    assert all(map(same, again, trained[0]))
    assert checkpoint.with_suffix(".damaged").is_file()
    # The damaged one has not taken the place of a sound one.
    checkpoint.unlink()
    assert progress_after(data, settings, checkpoint).epoch == 2


def test_training_begins_anew_where_no_checkpoint_is_sound(data, settings, checkpoint):
    flip_a_bit(checkpoint)
    assert progress_after(data, settings, checkpoint).epoch == 2
    before = checkpoint.with_suffix(".before.safetensors")
    before.write_bytes(before.read_bytes()[:1000])
    assert progress_after(data, settings, checkpoint).epoch == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.pop("digest"),
        lambda told: told.pop("progress"),
        lambda told: told["progress"].pop("restarts"),
        lambda told: told["progress"]["rows"].clear(),
        lambda told: told["progress"]["rows"][0].pop("split"),
    ],
    ids=["digest", "progress", "restarts", "rows", "split"],
)
def test_a_checkpoint_that_lacks_a_key_is_left_aside(data, settings, checkpoint, caplog, change):
    rewrite(checkpoint, change)
    assert progress_after(data, settings, checkpoint).epoch == 2
    assert f"cannot be used and is left aside as {checkpoint.with_suffix('.damaged')}" in (
        caplog.text
    )


def test_a_restored_member_tells_how_it_was_trained(data, settings, checkpoint):
    """Not with what the job that restores it would train."""
    other = change(settings, training={"engine": "xla"})
    (member,) = train_block(data, MEMBERS[:1], "develop", other, checkpoint.parents[2])
    assert member.record["engine"] == "kernel"
    assert [run["first_epoch"] for run in member.record["runs"]] == [1]
    # It has spent nothing on it.
    (seconds,) = member.record["seconds"]
    assert seconds > 0
    # Checkpoints of earlier versions tell nothing of it.
    rewrite(
        checkpoint,
        lambda told: [told["progress"].pop(key) for key in ("runs", "failed", "seconds")],
    )
    (member,) = train_block(data, MEMBERS[:1], "develop", other, checkpoint.parents[2])
    assert member.record["engine"] == "not recorded"
    assert member.record["epochs"] == settings.training.epochs


def test_a_change_of_the_engine_on_the_way_is_taken_down():
    progress = training.Progress(0, 0, [], [])
    for done, engine in ((0, "kernel"), (10, "kernel"), (20, "xla")):
        progress.epoch = done
        progress.begin_run({"engine": engine, "device": "cpu", "versions": {"jax": "1"}})
    assert [(run["first_epoch"], run["engine"]) for run in progress.runs] == [
        (1, "kernel"),
        (21, "xla"),
    ]


def test_members_tell_what_they_were_made_of(data, settings, trained):
    for member in trained[0]:
        assert member.record["made_of"] == {
            **data.made_of,
            "training_data": data.digest,
            "settings": settings.digest(),
        }


def test_development_patches_do_not_touch_the_weights(
    pack, data, driver, patches, settings, tmp_path
):
    """Observations of a development patch may be anything: the weights stay the same."""
    split = draw_split(data.test, 1, settings.patches.development_fraction, "develop")
    cells = cells_of_split(patches, split.development)
    changed = driver.copy(deep=True)
    for name in ("lai", "sif", "et", "gpp_site"):
        changed[name].values[cells] *= 1.7
    one = train_block(data, MEMBERS[:1], "develop", settings, tmp_path / "one")[0]
    two = train_block(pack(changed, patches), MEMBERS[:1], "develop", settings, tmp_path / "two")[0]
    assert same(one, two)
    for split_name, equal in (("train", True), ("development", False)):
        totals = [m.losses[m.losses["split"] == split_name]["total"].tolist() for m in (one, two)]
        assert (totals[0] == totals[1]) is equal


def test_test_patches_are_never_seen(pack, data, driver, patches, settings, tmp_path):
    cells = cells_of_split(patches, patches["test"].to_numpy() == 1)
    changed = driver.copy(deep=True)
    for name in ("lai", "srad", "mean_annual_temperature"):
        changed[name].values[cells] *= 0.5
    one = train_block(data, MEMBERS[:1], "final", settings, tmp_path / "one")[0]
    two = train_block(pack(changed, patches), MEMBERS[:1], "final", settings, tmp_path / "two")[0]
    assert same(one, two)
    assert one.losses.equals(two.losses)


def poison(first_draws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the initial weights of the first draws of seed 02 infinite."""
    key_of = training.member_key
    initial = training.initial_weights
    poisoned = [key_of("02", draw, "seed") for draw in range(first_draws)]

    def weights(network, key, active):
        values = initial(network, key, active)
        if any(bool((jax.random.key_data(key) == jax.random.key_data(p)).all()) for p in poisoned):
            values["process"]["bias"] = jnp.full_like(values["process"]["bias"], jnp.nan)
        return values

    monkeypatch.setattr(training, "initial_weights", weights)


def test_non_finite_member_starts_again_and_the_others_do_not_notice(
    data, settings, trained, tmp_path, monkeypatch
):
    poison(2, monkeypatch)
    members = train_block(data, MEMBERS, "develop", settings, tmp_path)
    assert members[1].record["draw"] == 2
    assert members[1].record["restarts"] == [1, 1]
    assert np.isfinite(members[1].losses["total"]).all()
    assert members[1].record["epochs"] == settings.training.epochs
    assert same(members[0], trained[0][0])
    assert same(members[2], trained[0][2])


def test_a_hopeless_member_has_failed_and_the_others_do_not_notice(
    data, settings, trained, tmp_path, monkeypatch
):
    few = change(settings, training={"maximum_restarts": 1})
    with monkeypatch.context() as patch:
        poison(10, patch)
        members = train_block(data, MEMBERS, "develop", few, tmp_path)
    failed = members[1]
    assert "epoch 1 of draw 1" in failed.record["failed"]
    assert failed.record["training_loss"] is None
    assert [member.record["failed"] for member in (members[0], members[2])] == [None, None]
    assert same(members[0], trained[0][0])
    assert same(members[2], trained[0][2])
    # It is written, selected by nobody, and not tried again for nothing.
    write_member(failed, tmp_path / "02")
    assert read_record(tmp_path / "02")["failed"] == failed.record["failed"]
    assert {"split", "total", "lai"} <= set(pd.read_csv(tmp_path / "02" / LOSSES_FILE).columns)
    with pytest.raises(InputError, match=r"weights\.safetensors.*could be trained.*draw 1"):
        read_member(tmp_path / "02")
    with monkeypatch.context() as patch:
        patch.setattr(training, "compile_epoch", None)
        again = train_block(data, MEMBERS, "develop", few, tmp_path)
    assert again[1].record == failed.record
    # With more restarts it goes on where it stopped.
    more = train_block(data, MEMBERS, "develop", settings, tmp_path)
    assert more[1].record["failed"] is None
    assert more[1].record["restarts"] == [1, 1]
    assert more[1].record["epochs"] == settings.training.epochs


def test_predictor_statistics_are_those_of_the_training_cells(data, driver, patches, settings):
    split = draw_split(data.test, 1, 0.1, "develop")
    scaling = scaling_of(data, split, "CLIM", dict(settings.predictors))
    standard = scaling.standardise(predictor_matrix(driver))[cells_of_split(patches, split.train)]
    used = scaling.active > 0
    assert [n for n, a in zip(PREDICTORS, used, strict=True) if a] == list(settings.predictors.CLIM)
    np.testing.assert_allclose(standard[:, used].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(standard[:, used].std(axis=0), 1, rtol=1e-9)
    assert (standard[:, ~used] == 0).all()


def test_constant_predictor_standardises_to_zero(pack, data, driver, patches, settings):
    flat = driver.assign(nonvegetated=driver["nonvegetated"] * 0)
    split = draw_split(data.test, 1, 0.1, "develop")
    scaling = scaling_of(pack(flat, patches), split, "PFT", dict(settings.predictors))
    column = list(PREDICTORS).index("nonvegetated")
    assert (scaling.standardise(predictor_matrix(flat))[:, column] == 0).all()
    # What regridding in single precision leaves of a constant is no variation either.
    rounded = np.full(driver.sizes["cell"], 0.3, np.float32)
    rounded[::2] = np.nextafter(rounded[::2], np.float32(1))
    rough = driver.assign(nonvegetated=(driver["nonvegetated"].dims, rounded))
    scaling = scaling_of(pack(rough, patches), split, "PFT", dict(settings.predictors))
    assert np.abs(scaling.standardise(predictor_matrix(rough))[:, column]).max() < 1e-6


def test_missing_predictor_is_told_before_training(pack, driver, patches, settings, tmp_path):
    poorer = driver.drop_vars("canopy_height")
    with pytest.raises(InputError, match="canopy_height"):
        train_block(pack(poorer, patches), MEMBERS, "develop", settings, tmp_path)


def test_norm_of_gradients_beyond_the_square_root_of_single_precision():
    gradients = {"layer": {"a": jnp.full((3,), 3e25), "b": jnp.full((1,), -1e26)}}
    expected = np.sqrt(3 * 3e25**2 + 1e52)
    np.testing.assert_allclose(global_norm(gradients), expected, rtol=1e-6)
    assert global_norm({"layer": {"a": jnp.zeros(4)}}) == 0
    assert not np.isfinite(global_norm({"layer": {"a": jnp.array([1.0, jnp.nan])}}))


def test_clipping_bounds_the_step_and_is_recorded(data, settings, tmp_path):
    """Adam does not feel a constant factor, but a gradient far above the others it does."""
    clipped = change(settings, training={"gradient_clip_norm": 1.0})
    free = change(settings, training={"gradient_clip_norm": None})
    one = train_block(data, MEMBERS[:1], "final", clipped, tmp_path / "one")[0]
    two = train_block(data, MEMBERS[:1], "final", free, tmp_path / "two")[0]
    assert (one.losses["clipped_fraction"] == 1).all()
    assert (two.losses["clipped_fraction"] == 0).all()
    assert not same(one, two)


def test_terms_without_observations_are_off(pack, driver, patches, settings):
    poorer = pack(driver.drop_vars(["nbe", "sif"]), patches)
    active = settings.loss.active(poorer.minibatches.observed)
    assert not {"nbe", "nbe_annual", "sif", "vod"} & set(active)
    assert {"lai", "violation", "equilibrium"} <= set(active)


def test_padding_repeats_a_cell_and_weighs_nothing(data, patches, settings):
    padding = patches["cell"].to_numpy() == -1
    assert padding.any()
    assert (data.minibatches.valid[padding] == 0).all()
    for name, values in data.minibatches.observed.items():
        if per_cell(name):
            assert np.isnan(np.moveaxis(values, -1, 1)[padding]).all(), name
    for patch, slot in np.argwhere(padding):
        for name, values in data.minibatches.weather.items():
            np.testing.assert_array_equal(values[patch, :, slot], values[patch, :, 0], err_msg=name)


def test_member_files_read_back(trained, tmp_path: Path):
    member = trained[0][0]
    write_member(member, tmp_path / "01")
    again = read_member(tmp_path / "01")
    assert same(member, again)
    for name in ("mean", "standard_deviation", "active"):
        np.testing.assert_array_equal(getattr(member.scaling, name), getattr(again.scaling, name))
    assert again.record["configuration_digest"] == member.record["configuration_digest"]
    assert pd.read_csv(tmp_path / "01" / LOSSES_FILE).shape == member.losses.shape


def test_weights_beside_the_record_of_others_are_refused(trained, tmp_path: Path):
    for member, name in zip(trained[0], ("01", "02"), strict=False):
        write_member(replace(member, setup="PFT"), tmp_path / name)
    (tmp_path / "02" / RECORD_FILE).replace(tmp_path / "01" / RECORD_FILE)
    with pytest.raises(InputError, match=r"01/weights\.safetensors: weights: expected .* digest"):
        read_member(tmp_path / "01")


@pytest.mark.parametrize("name", [WEIGHTS_FILE, RECORD_FILE])
def test_half_written_member_is_refused(trained, tmp_path: Path, name: str):
    write_member(trained[0][0], tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_member(tmp_path)


def test_member_of_another_shape_is_refused(trained, tmp_path: Path):
    write_member(trained[0][0], tmp_path)
    record = json.loads((tmp_path / RECORD_FILE).read_text())
    record["network"]["width"] = 16
    (tmp_path / RECORD_FILE).write_text(json.dumps(record))
    with pytest.raises(InputError, match="weights"):
        read_member(tmp_path)


def test_settings_of_the_shipped_configuration(settings: MemberSettings):
    assert settings.training.learning_rate == 5e-4
    assert settings.model.step_length == "calendar"
    assert settings.loss.observations["soc"] == "soil_organic_carbon"
    assert "violation" not in settings.loss.observations


def test_fresh_weights_differ_at_every_run(data, settings, tmp_path):
    fresh = change(settings, training={"initial_weights": "fresh", "epochs": 1})
    one = train_block(data, MEMBERS[:1], "final", fresh, tmp_path / "one")[0]
    two = train_block(data, MEMBERS[:1], "final", fresh, tmp_path / "two")[0]
    assert not same(one, two)

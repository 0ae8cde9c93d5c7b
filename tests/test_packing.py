"""Training data: what the file holds is what the driver says, laid out for memory."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from changes import change

from differland import packing
from differland.driver import annual_mean, predictor_matrix
from differland.errors import InputError
from differland.minibatches import per_cell
from differland.model.forcing import forcing_of_driver
from differland.model.weather import SHARED, weather_of
from differland.packing import pack_training_data, read_training_data
from differland.terms import OBSERVED_TERMS
from differland.training import train_block


def minibatch(data, patch: int):
    """A patch with its cells in order."""
    slots = jnp.arange(data.minibatches.latitude.shape[1])
    return jax.tree.map(np.asarray, data.minibatches.patch(jnp.asarray(patch), slots))


def test_weather_and_predictors_of_every_cell(data, driver, patches, settings):
    weather = weather_of(
        forcing_of_driver(driver, settings.model.step_length, settings.model.moisture_reference)
    )
    matrix = predictor_matrix(driver)
    for patch in range(patches.sizes["patch"]):
        batch = minibatch(data, patch)
        cells = patches["cell"].to_numpy()[patch]
        cells = np.where(cells < 0, cells[0], cells)
        for name, values in weather._asdict().items():
            expected = values if name in SHARED else values[:, cells]
            np.testing.assert_allclose(getattr(batch.weather, name), expected, rtol=1e-6)
        np.testing.assert_array_equal(batch.predictors, matrix[cells].astype(np.float32))
        np.testing.assert_allclose(batch.latitude, driver["lat"].to_numpy()[cells], rtol=1e-6)


def test_observations_and_their_weights(data, driver, patches, settings):
    """Every observation of the driver, where there is one, and nothing anywhere else."""
    assert (patches["bulk"].to_numpy() == 0).any()
    for patch in range(patches.sizes["patch"]):
        batch = minibatch(data, patch)
        cells = patches["cell"].to_numpy()[patch]
        valid = cells >= 0
        np.testing.assert_array_equal(batch.observations.valid, valid)
        for term, value in batch.observations.value.items():
            weight = batch.observations.weight[term]
            variable = settings.loss.observations[term]
            observed = driver[variable].to_numpy()
            if per_cell(term):
                observed = np.where(valid[:, None], np.atleast_2d(observed.T).T[cells], np.nan).T
            else:
                counts = not OBSERVED_TERMS[term].needs_full_patch or patches["bulk"][patch]
                number = patches["number"].to_numpy()[patch]
                observed = np.where(counts, observed[number], np.nan)
            if term in ("biomass", "vod", "nbe_annual"):
                observed = annual_mean(observed)
            if term == "soc":
                observed = observed[0]
            known = np.isfinite(observed)
            np.testing.assert_array_equal(weight > 0, known, err_msg=term)
            np.testing.assert_allclose(value[known], observed[known], rtol=1e-6, err_msg=term)
            assert (value[~known] == 0).all()


def test_weights_of_the_driver_count(pack, driver, patches):
    some = (driver["gpp_site"] * 0 + 0.25).where(driver["time"].dt.year > 2001, 0)
    weighted = pack(driver.assign(gpp_site_weight=some), patches)
    assert set(weighted.minibatches.observation_weight) == {"gpp_site"}
    for patch in range(patches.sizes["patch"]):
        observed = minibatch(weighted, patch).observations
        weight = observed.weight["gpp_site"]
        assert (weight[:12] == 0).all()
        np.testing.assert_array_equal(weight[12:], 0.25 * (observed.value["gpp_site"][12:] != 0))


def test_few_patches_at_once_are_all_patches(data, pack, driver, patches, monkeypatch):
    monkeypatch.setattr(packing, "PATCHES_AT_ONCE", 3)
    again = pack(driver, patches)
    assert again.digest == data.digest
    pairs = zip(*map(jax.tree.leaves, (data.minibatches, again.minibatches)), strict=True)
    assert all(np.array_equal(one, two, equal_nan=True) for one, two in pairs)


def test_digest_tells_data_apart(data, pack, driver, patches):
    changed = driver.copy(deep=True)
    changed["lai"].values[3, 7] += 1e-3
    assert pack(changed, patches).digest != data.digest
    assert pack(driver, patches.assign(test=1 - patches["test"])).digest != data.digest
    assert pack(driver.drop_vars("canopy_height"), patches).digest != data.digest


def test_devices_read_the_file_in_place(data):
    """Arrays begin on pages of their own; a second device would otherwise take a second copy."""
    for name in ("srad", "conductance"):
        array = data.minibatches.weather[name]
        assert array.ctypes.data % 4096 == 0
        assert not array.flags.writeable
        for device in jax.local_devices():
            assert jax.device_put(array, device).unsafe_buffer_pointer() == array.ctypes.data


def test_data_of_other_settings_are_refused(data, settings, tmp_path):
    other = change(settings, model={"step_length": 30})
    with pytest.raises(InputError, match=r"training\.h5: preparation.*'step_length': 30"):
        train_block(data, [("PFT", "01")], "develop", other, tmp_path)


@pytest.mark.parametrize("size", [0, 100, 20_000, -100])
def test_half_written_file_is_refused(data, tmp_path, size):
    path = tmp_path / "training.h5"
    path.write_bytes(data.path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"training\.h5"):
        read_training_data(path)
    with pytest.raises(InputError, match="no such file"):
        read_training_data(tmp_path / "other.h5")


def test_no_flipped_bit_and_no_block_of_zeros_is_trained_on(data, tmp_path):
    """Wherever it is: the file is mapped into memory, where no library looks at it again."""
    path = tmp_path / "training.h5"
    whole = np.frombuffer(data.path.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * whole.size, 60):
        flipped = whole.copy()
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped.tobytes())
        with pytest.raises(InputError, match=r"training\.h5"):
            read_training_data(path)
    blocks = [start for start in range(0, whole.size, 4096) if whole[start : start + 4096].any()]
    for start in [*rng.choice(blocks, 7), blocks[-1]]:
        zeroed = whole.copy()
        zeroed[start : start + 4096] = 0
        path.write_bytes(zeroed.tobytes())
        with pytest.raises(InputError, match=r"training\.h5"):
            read_training_data(path)


def test_training_data_tell_what_they_were_packed_of(data, pack, driver, patches):
    renamed = driver.assign_attrs(history="packed again")
    assert pack(renamed, patches).made_of == data.made_of
    changed = pack(driver.assign(srad=driver["srad"] * 1.01), patches).made_of
    assert changed["driver"] != data.made_of["driver"]
    assert changed["patches"] == data.made_of["patches"]


def test_file_lacking_an_array_is_refused(data, tmp_path):
    path = tmp_path / "training.h5"
    path.write_bytes(data.path.read_bytes())
    with h5py.File(path, "a") as file:
        del file["test"]
    with pytest.raises(InputError, match=r"complete file of training data.*test"):
        read_training_data(path)


def test_interrupted_writing_leaves_no_file(driver, patches, settings, tmp_path, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "observed_series", dies)
    with pytest.raises(KeyboardInterrupt):
        pack_training_data(driver, patches, settings.model, settings.loss, tmp_path / "training.h5")
    assert list(tmp_path.iterdir()) == []


def unobserved(driver, patches, settings, folder, caplog) -> list[str]:
    """What is said of terms of the loss that are off."""
    pack_training_data(driver, patches, settings.model, settings.loss, folder / "training.h5")
    return [record.message for record in caplog.records if record.levelname == "WARNING"]


def test_terms_of_the_loss_without_observations_are_told(
    driver, patches, settings, tmp_path, caplog
):
    without = driver.drop_vars(["lai", "nbe"]).assign(sif=driver["sif"] * np.nan)
    without["biomass"] = driver["biomass"].where(driver["time"].dt.month > 1)
    source = driver.encoding.get("source", "driver")
    assert sorted(unobserved(without, patches, settings, tmp_path, caplog)) == [
        f"loss.biomass is off: {source} has no whole year of biomass in a patch",
        f"loss.lai is off: {source} has no variable lai",
        f"loss.nbe is off: {source} has no variable nbe",
        f"loss.nbe_annual is off: {source} has no variable nbe",
        f"loss.sif is off: {source} has no value of sif in a patch",
    ]


def test_observations_of_patches_that_are_not_full_enough_are_told(
    driver, patches, settings, tmp_path, caplog
):
    told = unobserved(driver, patches.assign(bulk=0 * patches["bulk"]), settings, tmp_path, caplog)
    assert [line.split()[0] for line in told] == ["loss.nbe", "loss.nbe_annual", "loss.ewt"]
    assert all("patches.bulk_coverage" in line for line in told)


def test_what_is_observed_is_not_told_of(driver, patches, settings, tmp_path, caplog):
    assert unobserved(driver, patches, settings, tmp_path, caplog) == []


def test_training_on_no_observation_is_refused(driver, patches, settings, tmp_path):
    names = {name for name in settings.loss.observations.values() if name in driver}
    with pytest.raises(InputError, match=r"observations: expected .* weight above 0"):
        pack_training_data(
            driver.drop_vars(names), patches, settings.model, settings.loss, tmp_path / "t.h5"
        )
    assert not (tmp_path / "t.h5").exists()

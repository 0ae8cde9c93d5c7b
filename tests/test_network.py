"""The spatialization network: bounds, hemisphere, excluded predictors, reproducibility."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differland.network import (
    HEADS,
    SpatializationNetwork,
    active_predictors,
    bounded,
    initial_weights,
    predict,
)
from differland.tables import PARAMETERS, PREDICTOR_GROUPS, PREDICTORS

NETWORK = SpatializationNetwork()


def weights_for(groups: str, seed: int = 0):
    names = [name for group in groups.split("+") for name in PREDICTOR_GROUPS[group]]
    active = active_predictors(tuple(names))
    return initial_weights(NETWORK, jax.random.key(seed), jnp.asarray(active)), active


@given(raw=st.floats(-1e6, 1e6))
def test_bounds_hold_for_any_raw_value(raw):
    for head, names in HEADS.items():
        values = bounded(jnp.full((1, len(names)), raw, jnp.float32), names)
        for name, value in values.items():
            row = PARAMETERS[name]
            assert row.minimum * (1 - 1e-5) <= float(value[0]) <= row.maximum * (1 + 1e-5), head


def test_zero_is_the_geometric_middle():
    values = bounded(jnp.zeros((1, 31)), HEADS["process"])
    for name, value in values.items():
        row = PARAMETERS[name]
        np.testing.assert_allclose(value[0], np.sqrt(row.minimum * row.maximum), rtol=1e-5)


def test_excluded_predictors_have_no_weight_and_no_effect():
    weights, active = weights_for("CLIM")
    kernel = np.asarray(weights["trunk_0"]["kernel"])
    assert (kernel[active == 0] == 0).all()
    assert (kernel[active == 1] != 0).all()
    rng = np.random.default_rng(0)
    predictors = rng.normal(size=(5, len(PREDICTORS)))
    other = np.where(active, predictors, rng.normal(size=predictors.shape))
    latitude = jnp.linspace(-60, 60, 5)
    found = [
        predict(NETWORK, weights, jnp.asarray(p * active), latitude) for p in (predictors, other)
    ]
    for one, two in zip(jax.tree.leaves(found[0]), jax.tree.leaves(found[1]), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("groups", ["AGE", "PFT", "PFT+CLIM+SOIL+AGE"])
def test_initial_spread_is_that_of_the_setups_own_fan_in(groups):
    kernels = []
    for seed in range(60):
        weights, active = weights_for(groups, seed)
        kernels.append(np.asarray(weights["trunk_0"]["kernel"])[active == 1])
    expected = np.sqrt(2 / (active.sum() + NETWORK.width))
    np.testing.assert_allclose(np.std(kernels), expected, rtol=0.05)
    for layer in weights.values():
        assert (np.asarray(layer["bias"]) == 1).all()


def test_only_phenology_sees_the_hemisphere():
    weights, active = weights_for("PFT")
    predictors = jnp.stack([active, active])
    parameters, initial = predict(NETWORK, weights, predictors, jnp.asarray([-40.0, 40.0]))
    for name, values in (parameters._asdict() | initial._asdict()).items():
        if name in HEADS["phenology"]:
            assert values[0] != values[1]
        else:
            assert values[0] == values[1]


def test_same_key_same_weights():
    one, two, other = (weights_for("PFT", seed)[0] for seed in (1, 1, 2))
    for a, b, c in zip(*map(jax.tree.leaves, (one, two, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.ndim == 1 or not np.array_equal(a, c)

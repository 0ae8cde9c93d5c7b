"""Agreement of trait axes against sums by hand, brute force, and angles by another way."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from differland.analysis.agreement import (
    compare_components,
    component_agreement,
    congruence,
    true_components,
    truth_agreement,
)
from differland.analysis.traits import principal_components
from differland.errors import InputError
from differland.tables import TRAITS

MEMBERS, CELLS, NUMBER = 3, 80, 3


def parameters_of(traits: np.ndarray) -> xr.Dataset:
    """Dataset of `traits` (member, cell, trait)."""
    members, cells, _ = traits.shape
    return xr.Dataset(
        {name: (("member", "cell"), traits[..., column]) for column, name in enumerate(TRAITS)},
        coords={
            "member": [f"{seed:02d}" for seed in range(1, members + 1)],
            "lat": ("cell", np.linspace(-60, 60, cells)),
            "lon": ("cell", np.linspace(-180, 180, cells)),
        },
    )


def make_traits(seed: int, noise: float = 0.2) -> np.ndarray:
    """Three axes that are the same for every seed, and noise that is not."""
    same, random = np.random.default_rng(7), np.random.default_rng(seed)
    axes = same.normal(size=(CELLS, NUMBER)) * [3, 2, 1]
    return (
        20
        + axes @ same.normal(size=(NUMBER, 13))
        + noise * random.normal(size=(MEMBERS, CELLS, 13))
    )


def components_of(traits: np.ndarray, number: int = NUMBER) -> xr.Dataset:
    return principal_components(parameters_of(traits), number)


def test_congruence_by_hand() -> None:
    # Sums of products 4 and -1; norms sqrt(5), sqrt(10), sqrt(2).
    first = np.array([[1.0], [2.0], [0.0]])
    second = np.array([[0.0, 1.0], [2.0, -1.0], [np.sqrt(6.0), 0.0]])
    np.testing.assert_allclose(
        congruence(first, second), [[4 / np.sqrt(50), -1 / np.sqrt(10)]], rtol=1e-12
    )


@given(scale=st.floats(0.01, 100), turn=st.sampled_from([-1.0, 1.0]))
def test_congruence_does_not_see_scales_but_signs(scale: float, turn: float) -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 13, 2))
    np.testing.assert_allclose(
        congruence(first, turn * scale * second), turn * congruence(first, second), rtol=1e-9
    )


def test_components_agree_with_themselves_in_any_order_and_sign() -> None:
    found = components_of(make_traits(1))
    other = found.isel(component=[2, 0, 1])
    turn = xr.DataArray([-1.0, 1.0, -1.0], dims="component")
    other = other.assign(loadings=other["loadings"] * turn, scores=other["scores"] * turn)
    table = compare_components(found, other)
    assert table["component"].tolist() == [1, 2, 3]
    assert table["matched"].tolist() == [2, 3, 1]
    assert table["sign"].tolist() == [1, -1, -1]
    np.testing.assert_allclose(table["congruence"], 1)
    np.testing.assert_allclose(table["score_correlation"], 1)
    np.testing.assert_allclose(table["principal_angle"], 0, atol=1e-5)
    np.testing.assert_allclose(table["explained_first"], table["explained_second"])


def test_matching_is_the_best_of_all() -> None:
    first, second = components_of(make_traits(1, 2), 5), components_of(make_traits(2, 2), 5)
    table = compare_components(first, second)
    similarity = np.abs(first["loadings"].to_numpy().T @ second["loadings"].to_numpy())
    best = max(permutations(range(5)), key=lambda order: sum(similarity[range(5), list(order)]))
    assert (table["matched"] - 1).tolist() == list(best)
    np.testing.assert_allclose(table["congruence"], similarity[range(5), list(best)], rtol=1e-9)
    scores, others = (found["scores"].to_numpy().astype(float) for found in (first, second))
    expected = [abs(np.corrcoef(scores[:, k], others[:, m])[0, 1]) for k, m in enumerate(best)]
    np.testing.assert_allclose(table["score_correlation"], expected, rtol=1e-5)


def test_principal_angles_are_those_of_singular_values() -> None:
    first, second = components_of(make_traits(1, 2)), components_of(make_traits(2, 2))
    cosines = np.linalg.svd(
        first["loadings"].to_numpy().T @ second["loadings"].to_numpy(), compute_uv=False
    )
    expected = np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))
    np.testing.assert_allclose(
        compare_components(first, second)["principal_angle"], expected, atol=1e-5
    )


def test_rotated_axes_span_the_same_space() -> None:
    found = components_of(make_traits(1))
    turn = np.deg2rad(30)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    other = found.copy(deep=True)
    for name in ("loadings", "scores"):
        other[name].values = found[name].to_numpy() @ rotation
    table = compare_components(found, other)
    np.testing.assert_allclose(table["congruence"], [np.cos(turn), np.cos(turn), 1], rtol=1e-6)
    np.testing.assert_allclose(table["principal_angle"], 0, atol=1e-4)


def test_setups_and_members() -> None:
    traits = {"PFT": make_traits(1, 1.0), "CLIM": make_traits(2, 1.0), "AGE": make_traits(3, 1.0)}
    components = {setup: components_of(values) for setup, values in traits.items()}
    table = component_agreement(components, (parameters_of(v) for v in traits.values()))
    pairs = table[table["comparison"] == "setups"]
    assert list(pairs.groupby(["first", "second"], sort=False).groups) == [
        ("PFT", "CLIM"), ("PFT", "AGE"), ("CLIM", "AGE"),
    ]  # fmt: skip
    members = table[table["comparison"] == "members"]
    assert len(members) == 3 * MEMBERS * NUMBER
    one = members[(members["first"] == "CLIM") & (members["second"] == "02")]
    expected = compare_components(components["CLIM"], components_of(traits["CLIM"][[1]]))
    pd.testing.assert_frame_equal(one[expected.columns].reset_index(drop=True), expected)


def test_other_cells_are_refused() -> None:
    first, second = components_of(make_traits(1)), components_of(make_traits(1)[:, :50])
    with pytest.raises(InputError, match="cell: expected 80"):
        compare_components(first, second)
    with pytest.raises(InputError, match="component: expected 3"):
        compare_components(first, components_of(make_traits(1), 2))


def recovered_of(true: np.ndarray) -> xr.Dataset:
    """What ``recover`` gives of `true` traits (cell, trait)."""
    names = ["boese_r", *TRAITS]
    return xr.Dataset(
        {"truth": (("quantity", "cell"), np.stack([true[:, 0], *true.T]).astype(np.float32))},
        coords={
            "quantity": names,
            "units": ("quantity", ["1"] * len(names)),
            "lat": ("cell", np.linspace(-60, 60, len(true))),
            "lon": ("cell", np.linspace(-180, 180, len(true))),
        },
    )


def test_true_components_are_eigenvectors_of_the_true_correlation() -> None:
    true = make_traits(1)[0]
    found = true_components(recovered_of(true), NUMBER)
    values, vectors = np.linalg.eigh(np.corrcoef(true.astype(np.float32), rowvar=False))
    np.testing.assert_allclose(found["explained_variance_ratio"], values[::-1][:3] / 13, rtol=1e-5)
    np.testing.assert_allclose(
        np.abs(found["loadings"]), np.abs(vectors[:, ::-1][:, :3]), atol=1e-5
    )


def test_axes_that_were_put_in_are_found() -> None:
    traits = make_traits(1, 0.05)
    table = truth_agreement(
        true_components(recovered_of(make_traits(2, 0.0)[0]), NUMBER), parameters_of(traits)
    )
    assert table["second"].unique().tolist() == ["ensemble", "01", "02", "03"]
    assert (table["congruence"] > 0.99).all()
    assert (table["score_correlation"] > 0.99).all()
    assert (table["principal_angle"] < 5).all()
    # All traits vary, so that both comparisons are the same.
    every, varying = (table[table["traits"] == name] for name in ("all", "varying"))
    np.testing.assert_allclose(every["congruence"], varying["congruence"])


def test_traits_that_are_constant_in_the_truth_can_be_left_aside() -> None:
    traits, true = make_traits(1, 0.02), make_traits(2, 0.0)[0]
    random = np.random.default_rng(3)
    pattern = random.normal(size=CELLS)
    for column in (2, 6, 7):
        true[:, column] = 3.0
        # A weak pattern that the three traits share.
        traits[..., column] = 3 + 1e-3 * (pattern + 0.1 * random.normal(size=(MEMBERS, CELLS)))
    table = truth_agreement(true_components(recovered_of(true), NUMBER), parameters_of(traits))
    ensemble = table[table["second"] == "ensemble"].set_index(["traits", "component"])
    assert (ensemble["congruence"]["varying"] > 0.99).all()
    assert ensemble["congruence"]["all"].min() < 0.9

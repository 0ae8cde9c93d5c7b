"""Principal components of the traits against the eigenvectors of their correlation matrix."""

import numpy as np
import pytest
import xarray as xr

from differland.analysis.traits import principal_components, project_traits
from differland.errors import InputError
from differland.tables import TRAITS

MEMBERS, CELLS = 3, 60


def parameters_of(traits):
    """Dataset of `traits` (member, cell, trait)."""
    cells = traits.shape[1]
    return xr.Dataset(
        {
            name: (("member", "cell"), traits[:, :, column].astype(np.float32))
            for column, name in enumerate(TRAITS)
        },
        coords={
            "member": [f"{seed:02d}" for seed in range(1, len(traits) + 1)],
            "lat": ("cell", np.linspace(-60, 60, cells)),
            "lon": ("cell", np.linspace(-180, 180, cells)),
        },
    )


@pytest.fixture
def traits():
    """Three axes, noise, and scales that differ by many orders of magnitude."""
    generator = np.random.default_rng(7)
    axes = generator.normal(size=(CELLS, 3)) * [3, 2, 1]
    values = axes @ generator.normal(size=(3, 13)) + 0.2 * generator.normal(
        size=(MEMBERS, CELLS, 13)
    )
    return (values + 20) * 10.0 ** np.arange(-6, 7)


def mean_of(traits):
    return traits.astype(np.float32).astype(np.float64).mean(axis=0)


def test_components_are_eigenvectors_of_the_correlation_matrix(traits):
    found = principal_components(parameters_of(traits), 3)
    eigenvalues, eigenvectors = np.linalg.eigh(np.corrcoef(mean_of(traits), rowvar=False))
    for component in range(3):
        expected = eigenvectors[:, -1 - component]
        expected = expected * np.sign(expected[np.argmax(np.abs(expected))])
        np.testing.assert_allclose(found["loadings"][:, component], expected, atol=1e-9)
    np.testing.assert_allclose(
        found["explained_variance_ratio"], eigenvalues[::-1][:3] / 13, rtol=1e-9
    )
    assert list(found["trait"].values) == list(TRAITS)
    assert list(found["component"].values) == [1, 2, 3]


def test_scores_have_the_variance_of_their_component(traits):
    found = principal_components(parameters_of(traits), 3)
    np.testing.assert_allclose(
        found["scores"].var("cell"), 13 * found["explained_variance_ratio"], rtol=1e-4
    )
    np.testing.assert_allclose(found["scores"].mean("cell"), 0, atol=1e-5)


def test_projection_gives_the_scores_and_extends_linearly(traits):
    found = principal_components(parameters_of(traits), 3)
    mean = mean_of(traits)
    np.testing.assert_allclose(project_traits(mean, found), found["scores"], atol=1e-5)
    beyond = 2 * mean[:1] - mean[1:2]
    np.testing.assert_allclose(
        project_traits(beyond, found), 2 * found["scores"][:1] - found["scores"][1:2], atol=1e-4
    )


def test_signs_do_not_depend_on_the_order_of_cells(traits):
    forward = principal_components(parameters_of(traits), 3)
    backward = principal_components(parameters_of(traits[:, ::-1]), 3)
    np.testing.assert_allclose(forward["loadings"], backward["loadings"], atol=1e-9)
    largest = abs(forward["loadings"]).argmax("trait")
    assert (forward["loadings"].isel(trait=largest) > 0).all()


def test_a_constant_trait_takes_no_part(traits):
    traits[:, :, 4] = 0.1 * np.array([1, 2, 3])[:, np.newaxis]
    found = principal_components(parameters_of(traits), 3)
    assert np.isfinite(found["scores"]).all()
    assert (found["loadings"].isel(trait=4) == 0).all()
    assert float(found["trait_standard_deviation"][4]) == 0
    others = np.corrcoef(np.delete(mean_of(traits), 4, axis=1), rowvar=False)
    np.testing.assert_allclose(
        found["explained_variance_ratio"], np.linalg.eigvalsh(others)[::-1][:3] / 12, rtol=1e-9
    )
    moved = mean_of(traits)
    moved[:, 4] += 5
    np.testing.assert_allclose(project_traits(moved, found), found["scores"], atol=1e-5)


def test_noise_below_float32_resolution_is_constant(traits):
    traits[:] = 3.0
    traits[:, ::2] = np.nextafter(np.float32(3), np.float32(4))
    with pytest.raises(InputError, match="0 varying traits"):
        principal_components(parameters_of(traits), 1)


@pytest.mark.parametrize(("cells", "components"), [(3, 3), (60, 14), (60, 0)])
def test_too_many_components_for_the_data(traits, cells, components):
    with pytest.raises(InputError, match=f"13 varying traits and {cells} cells"):
        principal_components(parameters_of(traits[:, :cells]), components)


def test_missing_and_undefined_traits_are_named(traits):
    with pytest.raises(InputError, match="q10"):
        principal_components(parameters_of(traits).drop_vars("q10"), 3)
    traits[0, 5, 0] = np.nan
    with pytest.raises(InputError, match=r"canopy_efficiency.*1 cells"):
        principal_components(parameters_of(traits), 3)

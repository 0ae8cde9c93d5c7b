"""Agreement of trait axes between setups, between members, and with a known truth.

Axes of two analyses are compared in three ways. Their loadings, by Tucker's coefficient of
congruence [1]_: from 0.85 on two axes are fairly similar, from 0.95 on they count as equal [2]_.
Their scores, by the correlation over cells. And the subspaces that the leading axes span, by
principal angles [3]_: axes of nearly equal variance may mix freely in another sample, which changes
every congruence, but not the subspace.

References
----------
.. [1] Tucker, L. R. (1951). A method for synthesis of factor analysis studies. Personnel Research
   Section Report 984, Department of the Army, Washington, D.C.
.. [2] Lorenzo-Seva, U. and ten Berge, J. M. F. (2006). Tucker's congruence coefficient as a
   meaningful index of factor similarity. Methodology, 2(2), 57-64. doi:10.1027/1614-2241.2.2.57
.. [3] Bjoerck, A. and Golub, G. H. (1973). Numerical methods for computing angles between linear
   subspaces. Mathematics of Computation, 27(123), 579-594. doi:10.2307/2005662
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from differland.analysis.traits import principal_components
from differland.errors import InputError
from differland.metrics import skill
from differland.tables import TRAITS

FAIRLY_SIMILAR, EQUAL = 0.85, 0.95
"""Congruences from which two axes are fairly similar, and count as equal."""

ENSEMBLE, TRUTH = "ensemble", "truth"
ALL_TRAITS, VARYING_TRAITS = "all", "varying"


def congruence(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    r"""Tucker's coefficient of congruence of every pair of axes.

    :math:`\phi = \sum x y / \sqrt{\sum x^2 \sum y^2}`: the cosine of the angle between two axes.

    Parameters
    ----------
    first, second
        Loadings, shapes (trait, component) and (trait, other component).

    Returns
    -------
    array, shape (component, other component)
        Coefficients of congruence, from -1 to 1, dimensionless.
    """
    norms = np.linalg.norm(first, axis=0)[:, np.newaxis] * np.linalg.norm(second, axis=0)
    result: npt.NDArray[np.float64] = first.T @ second / norms
    return result


def compare_components(first: xr.Dataset, second: xr.Dataset) -> pd.DataFrame:
    """Match the components of two analyses of the same cells, and measure their agreement.

    Each component of `first` gets another one of `second`, so that the sum of the absolute
    congruences is greatest.

    Parameters
    ----------
    first, second
        Principal components, as ``principal_components`` returns them, the same number in both.

    Returns
    -------
    DataFrame
        One row per component of `first`: component and matched (numbers, from 1); sign (-1 where
        the matched component points the other way); congruence (absolute) and score_correlation
        (absolute Pearson correlation over cells); explained_first and explained_second (fractions
        of the variance); principal_angle (degrees, the smallest first). The angles are between
        the subspaces of all components, so that they belong to no single one.

    Raises
    ------
    InputError
        The numbers of components or cells differ.
    """
    # Here, since figures read this module and compare nothing anew.
    from scipy.linalg import subspace_angles
    from scipy.optimize import linear_sum_assignment

    for dimension in ("component", "cell"):
        sizes = [dataset.sizes[dimension] for dataset in (first, second)]
        if sizes[0] != sizes[1]:
            source = second.encoding.get("source", "components.nc")
            raise InputError(source, dimension, f"{sizes[0]}, as in the other", str(sizes[1]))
    axes, others = (
        dataset["loadings"].transpose("trait", "component").to_numpy().astype(np.float64)
        for dataset in (first, second)
    )
    scores, other_scores = (
        dataset["scores"].transpose("component", "cell").to_numpy().astype(np.float64)
        for dataset in (first, second)
    )
    similarity = congruence(axes, others)
    own, matched = linear_sum_assignment(-np.abs(similarity))
    ratio, other_ratio = (
        dataset["explained_variance_ratio"].to_numpy() for dataset in (first, second)
    )
    return pd.DataFrame(
        {
            "component": own + 1,
            "matched": matched + 1,
            "sign": np.where(similarity[own, matched] < 0, -1, 1),
            "congruence": np.abs(similarity[own, matched]),
            "score_correlation": np.abs(skill(scores[own], other_scores[matched])["correlation"]),
            "explained_first": ratio[own],
            "explained_second": other_ratio[matched],
            "principal_angle": np.sort(np.rad2deg(subspace_angles(axes, others))),
        }
    )


def component_agreement(
    components: Mapping[str, xr.Dataset], parameters: Iterable[xr.Dataset]
) -> pd.DataFrame:
    """Compare the components of setups, and those of each member with its ensemble's.

    Parameters
    ----------
    components
        Setup to its ``components.nc``. All are about the same cells.
    parameters
        The ``parameters.nc`` of the same setups, in this order; an iterator need hold but one.

    Returns
    -------
    DataFrame
        Columns comparison (``setups`` or ``members``), first and second (two setups; or the setup
        and the seed of its member), and those of :func:`compare_components`. In ``members``, the
        components of `first` are those of the ensemble mean.

    Raises
    ------
    InputError
        Setups differ in cells or components, or a member's traits vary too little.
    """
    tables = [
        compare_components(components[first], components[second]).assign(
            comparison="setups", first=first, second=second
        )
        for first, second in combinations(components, 2)
    ]
    for (setup, ensemble), dataset in zip(components.items(), parameters, strict=True):
        tables += [
            compare_components(ensemble, found).assign(
                comparison="members", first=setup, second=seed
            )
            for seed, found in _components_of_members(dataset, ensemble.sizes["component"])
        ]
    table = pd.concat(tables, ignore_index=True)
    return _leading(table, ["comparison", "first", "second"])


def true_components(recovered: xr.Dataset, number: int) -> xr.Dataset:
    """Principal components of the true traits.

    Parameters
    ----------
    recovered
        Content of ``recovery.nc``: ``truth(quantity, cell)``.
    number
        Number of components to keep.

    Returns
    -------
    Dataset as ``principal_components`` returns it. Traits that are the same everywhere have zero
    loadings.

    Raises
    ------
    InputError
        The truth lacks a trait, or fewer than `number` traits vary.
    """
    true = recovered["truth"].sel(quantity=list(TRAITS)).to_dataset("quantity")
    result = principal_components(true.expand_dims("member"), number)
    return result.assign_attrs(title="Principal components of the true traits")


def of_varying_traits(truth: xr.Dataset, parameters: xr.Dataset) -> xr.Dataset:
    """Hold constant in the parameters the traits that do not vary in the truth.

    Parameters
    ----------
    truth
        Principal components of the truth, from :func:`true_components`.
    parameters
        Content of ``parameters.nc``.
    """
    constant = truth["trait"].to_numpy()[truth["trait_standard_deviation"].to_numpy() == 0]
    return parameters.assign({name: xr.full_like(parameters[name], 1.0) for name in constant})


def truth_agreement(truth: xr.Dataset, parameters: xr.Dataset) -> pd.DataFrame:
    """Compare the components of the truth with those of an ensemble and of each of its members.

    A trait that is the same everywhere takes no part in the analysis of the truth; that of the
    ensemble gives whatever pattern the trait took on the weight of any other. The comparison is
    therefore made twice: of ``all`` traits, and of those ``varying`` in the truth.

    Parameters
    ----------
    truth
        Principal components of the truth, from :func:`true_components`.
    parameters
        ``parameters.nc`` of the same cells.

    Returns
    -------
    DataFrame
        Columns traits (``all`` or ``varying``), first (``truth``), second (``ensemble`` or the
        seed of a member), and those of :func:`compare_components`.

    Raises
    ------
    InputError
        Cells differ, or traits of the ensemble or a member vary too little.
    """
    number = truth.sizes["component"]
    tables = []
    for traits, dataset in (
        (ALL_TRAITS, parameters),
        (VARYING_TRAITS, of_varying_traits(truth, parameters)),
    ):
        found = {ENSEMBLE: principal_components(dataset, number)}
        found |= dict(_components_of_members(dataset, number))
        tables += [
            compare_components(truth, other).assign(traits=traits, first=TRUTH, second=second)
            for second, other in found.items()
        ]
    return _leading(pd.concat(tables, ignore_index=True), ["traits", "first", "second"])


def _components_of_members(parameters: xr.Dataset, number: int) -> Iterable[tuple[str, xr.Dataset]]:
    for position, seed in enumerate(parameters["member"].to_numpy()):
        yield str(seed), principal_components(parameters.isel(member=[position]), number)


def _leading(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return table[[*names, *(name for name in table if name not in names)]]

"""Principal axes of the ecological traits of the ensemble mean.

Paper, Methods, "Principal Component Analysis (PCA) on Ecological Parameters" and Fig. 3; model
description, section 6. The 13 traits and their order are those of ``differland.tables.TRAITS``.
"""

import numpy as np
import numpy.typing as npt
import xarray as xr

from differland.errors import InputError
from differland.tables import TRAITS


def principal_components(parameters: xr.Dataset, components: int) -> xr.Dataset:
    """Find the principal components of the traits, all on one scale.

    The traits are averaged over members and standardised over cells (so this is the analysis of
    their correlation matrix). A trait that is the same everywhere, to the resolution of float32,
    takes no part: its loadings are zero.

    Parameters
    ----------
    parameters
        The 13 traits by name, each (member, cell), and the coordinates lat and lon.
    components
        Number of components to keep. Three in the paper.

    Returns
    -------
    Dataset
        ``loadings(trait, component)``: unit vectors, the one of largest magnitude positive, so
        that a rerun gives the same signs. ``explained_variance_ratio(component)``.
        ``scores(cell, component)``. ``trait_mean(trait)`` and ``trait_standard_deviation(trait)``
        over cells (n in the denominator), zero for a trait that takes no part; in the units that
        the coordinate ``trait_units`` names.

    Raises
    ------
    InputError
        A trait is missing or not finite, or there are too few cells or varying traits for so many
        components.
    """
    traits = _ensemble_mean(parameters)
    mean = traits.mean(axis=0)
    deviation = traits.std(axis=0)
    resolution = np.finfo(np.float32).eps * np.abs(mean)
    deviation[deviation <= resolution] = 0.0

    cells = len(traits)
    varying = int(np.count_nonzero(deviation))
    if not 1 <= components <= min(varying, cells - 1):
        raise InputError(
            "parameters.nc",
            "component",
            f"at least {components} varying traits and {components + 1} cells "
            f"for {components} components (1 or more)",
            f"{varying} varying traits and {cells} cells",
        )

    # Here, since figures read this module and need no scikit-learn, which takes a second.
    from sklearn.decomposition import PCA

    # One solver at every size: the default changes with the number of cells.
    analysis = PCA(n_components=components, svd_solver="full")
    analysis.fit((traits - mean) * _reciprocal(deviation))
    loadings = np.where(deviation[:, np.newaxis] > 0, analysis.components_.T, 0)
    largest = np.abs(loadings).argmax(axis=0)
    loadings = loadings * np.sign(loadings[largest, np.arange(components)])

    result = xr.Dataset(
        {
            "loadings": (
                ("trait", "component"),
                loadings,
                {"long_name": "loadings of the principal components", "units": "1"},
            ),
            "explained_variance_ratio": (
                "component",
                analysis.explained_variance_ratio_,
                {"long_name": "explained fraction of the variance of all traits", "units": "1"},
            ),
            "trait_mean": ("trait", mean, {"long_name": "mean of the trait over cells"}),
            "trait_standard_deviation": (
                "trait",
                deviation,
                {"long_name": "standard deviation of the trait over cells"},
            ),
        },
        coords={
            "trait": list(TRAITS),
            "trait_units": ("trait", [trait.units for trait in TRAITS.values()]),
            "component": np.arange(1, components + 1),
            "lat": parameters["lat"],
            "lon": parameters["lon"],
        },
        attrs={
            "title": "Principal components of the traits of the ensemble mean",
            "sign_convention": "the loading of largest magnitude of each component is positive",
        },
    )
    result["scores"] = (
        ("cell", "component"),
        project_traits(traits, result).astype(np.float32),
        {"long_name": "scores of the principal components", "units": "1"},
    )
    return result


def project_traits(
    traits: npt.NDArray[np.floating], components: xr.Dataset
) -> npt.NDArray[np.float64]:
    """Project traits onto given principal components.

    Parameters
    ----------
    traits
        Traits, shape (row, trait), in the order and units of ``differland.tables.TRAITS``.
    components
        Principal components, as `principal_components` returns them.

    Returns
    -------
    array, shape (row, component)
        Scores of the rows on the components.
    """
    mean: npt.NDArray[np.float64] = components["trait_mean"].to_numpy()
    scale = _reciprocal(components["trait_standard_deviation"].to_numpy())
    loadings: npt.NDArray[np.float64] = (
        components["loadings"].transpose("trait", "component").to_numpy()
    )
    return (traits - mean) @ (scale[:, np.newaxis] * loadings)


def _ensemble_mean(parameters: xr.Dataset) -> npt.NDArray[np.float64]:
    columns = []
    for name in TRAITS:
        if name not in parameters:
            raise InputError("parameters.nc", name, "a trait (member, cell)", "no such variable")
        column = parameters[name].astype(np.float64).mean("member", skipna=False).to_numpy()
        if not np.isfinite(column).all():
            raise InputError(
                "parameters.nc",
                name,
                "finite values in every cell",
                f"{np.count_nonzero(~np.isfinite(column))} cells that are not",
            )
        columns.append(column)
    return np.stack(columns, axis=1)


def _reciprocal(deviation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    reciprocal = np.zeros_like(deviation)
    np.divide(1, deviation, out=reciprocal, where=deviation > 0)
    return reciprocal

"""Attribution of traits and trait axes to the predictors, by Kernel SHAP.

Paper, Methods, "SHAP Analysis for Feature Importance & Environment-Parameter Relationships",
Fig. 3e-g and Fig. 4; docs/metrics.md, "Attribution".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from tqdm import tqdm

from differland.analysis.populations import ALL_CELLS, PLANT_TYPES
from differland.analysis.traits import project_traits
from differland.errors import InputError
from differland.settings.analyses import Attribution
from differland.tables import PREDICTOR_GROUPS, PREDICTORS, TRAITS
from differland.terminals import without_backend

if TYPE_CHECKING:
    from jaxtyping import Array, Float

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 2**11
"""Rows given to the ensemble in one go, never more nor fewer, so that JAX compiles once."""

Outputs = Callable[[float, npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""From one latitude and predictors, shape (row, predictor), to outputs, shape (row, output)."""


@runtime_checkable
class TraitEnsemble(Protocol):
    """Interface of an ensemble of networks that the attribution needs."""

    @property
    def active_predictors(self) -> tuple[str, ...]:
        """Names of the predictors of the setup."""

    def traits_of(
        self, predictors: Float[Array, "row predictor"], latitude: Float[Array, " row"]
    ) -> Float[Array, "row trait"]:
        """Give the ensemble-mean traits; JAX traces it.

        Parameters
        ----------
        predictors
            Predictors, shape (row, active predictor), in the units of the driver.
        latitude
            Latitude, degrees north, shape (row,), for the hemisphere indicator of the phenology
            head.

        Returns
        -------
        array, shape (row, trait)
            Traits in the order and units of ``differland.tables.TRAITS``.
        """


class Explanation(NamedTuple):
    """Shapley values of the cells of one population.

    Attributes
    ----------
    shap
        Shapley values, shape (cell, output, predictor).
    base
        Mean output over the background, shape (cell, output).
    """

    shap: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64]


def attribute(
    ensemble: TraitEnsemble,
    driver: xr.Dataset,
    components: xr.Dataset,
    cells: npt.NDArray[np.integer],
    settings: Attribution,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Explain the traits and their principal components by the predictors of the setup.

    Kernel SHAP is run on the ensemble-mean network, for all outputs at once, in one population of
    all `cells` and in one for each plant type, of the `cells` that it covers almost alone. The
    background and the explained cells of a population are drawn from that population, each
    without replacement. Predictors that the setup leaves out take no part.

    The latitude that the phenology head sees is no predictor: it stays that of the explained cell
    in every coalition, background included. The base value is therefore given for each sample.

    Parameters
    ----------
    ensemble
        Ensemble whose traits are explained.
    driver
        Predictors (cell) and the coordinates lat and lon.
    components
        Principal components of the same setup, from ``principal_components``.
    cells
        Positions of the cells to draw from: those the network was trained on.
    settings
        Numbers of cells and coalitions, threshold of plant types, seed.

    Returns
    -------
    explanation : Dataset
        ``shap(sample, output, predictor)``, ``predictor_value(sample, predictor)``,
        ``output_value(sample, output)`` and ``base_value(sample, output)``, the mean output over
        the background: base value and SHAP values of all predictors sum to the output value.
        ``population(sample)`` is "all" or a plant type. The attribute ``skipped_populations``
        names those with too few cells.
    table : DataFrame
        Columns population, output, predictor, group, mean_absolute_shap, share (of the sum over
        predictors), quartile_difference (median SHAP value where the predictor is in its upper
        quartile, minus the same in its lower quartile: the direction and strength of the
        association, as in Fig. 3e-g), mean_quartile_difference (the same of means), n (explained
        cells). Where a predictor has the same value in more than half of the cells around its
        median, as plant types that most cells lack, its quartiles coincide and the paper's
        difference is zero whatever the predictor does; cells above that value are then compared
        with cells below it, or with cells of it where there are none.

    Raises
    ------
    InputError
        No population has enough cells.
    """
    outputs = _outputs_of(ensemble, components)
    predictors = _predictor_values(driver, ensemble.active_predictors)
    latitude = driver["lat"].to_numpy().astype(np.float64)

    explained: dict[str, npt.NDArray[np.intp]] = {}
    explanations: dict[str, Explanation] = {}
    skipped: list[str] = []
    populations = _populations(driver, np.asarray(cells, dtype=np.intp), settings)
    for number, (population, members) in enumerate(populations.items()):
        if len(members) < max(settings.minimum_cells, 1):
            skipped.append(f"{population} ({len(members)} cells)")
            continue
        # A seed of its own makes a population independent of which others are skipped.
        generator = np.random.default_rng([settings.seed, number])
        background = _draw(generator, members, settings.background)
        explained[population] = _draw(generator, members, settings.explained)
        logger.info(
            "Attribution, population %s: %d cells explained against %d of %d",
            population,
            len(explained[population]),
            len(background),
            len(members),
        )
        with _seed(int(generator.integers(2**32))):
            explanations[population] = _explain(
                outputs,
                predictors[explained[population]],
                latitude[explained[population]],
                predictors[background],
                settings.samples,
                population,
            )
    if skipped:
        logger.info("Attribution: populations with too few cells: %s", ", ".join(skipped))
    if not explanations:
        raise InputError(
            "driver.nc",
            "cell",
            f"a population of at least {settings.minimum_cells} cells to draw from",
            ", ".join(skipped),
        )

    dataset = _collect(ensemble, driver, components, predictors, explained, explanations)
    dataset.attrs |= {
        "skipped_populations": ", ".join(skipped) or "none",
        "plant_type_threshold": settings.plant_type_threshold,
        "background_cells": settings.background,
        "coalitions": "auto" if settings.samples is None else settings.samples,
        "seed": settings.seed,
    }
    return dataset, _importance(dataset)


def _predictor_values(driver: xr.Dataset, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return np.stack([driver[name].to_numpy().astype(np.float64) for name in names], axis=1)


def _populations(
    driver: xr.Dataset, cells: npt.NDArray[np.intp], settings: Attribution
) -> dict[str, npt.NDArray[np.intp]]:
    covered = {
        plant_type: cells[driver[plant_type].to_numpy()[cells] >= settings.plant_type_threshold]
        for plant_type in PLANT_TYPES
        if plant_type in driver
    }
    return {ALL_CELLS: cells, **covered}


def _draw(
    generator: np.random.Generator, cells: npt.NDArray[np.intp], number: int
) -> npt.NDArray[np.intp]:
    return np.sort(generator.choice(cells, size=min(number, len(cells)), replace=False))


def _outputs_of(ensemble: TraitEnsemble, components: xr.Dataset) -> Outputs:
    """Traits, and components of them, as a function of predictors at one latitude."""
    # Here, since what only adds up SHAP values needs no JAX.
    import jax
    import jax.numpy as jnp

    @jax.jit
    def traits_of(
        latitude: Float[Array, ""], rows: Float[Array, "row predictor"]
    ) -> Float[Array, "row trait"]:
        return ensemble.traits_of(rows, jnp.full(ROWS_AT_ONCE, latitude))

    def outputs(latitude: float, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        blocks = -(-len(rows) // ROWS_AT_ONCE)
        filled = np.resize(rows.astype(np.float32), (blocks, ROWS_AT_ONCE, rows.shape[1]))
        found = [traits_of(jnp.float32(latitude), jnp.asarray(block)) for block in filled]
        traits = np.concatenate(found)[: len(rows)]
        return np.concatenate([traits, project_traits(traits, components)], axis=1)

    return outputs


def _explain(
    outputs: Outputs,
    points: npt.NDArray[np.float64],
    latitude: npt.NDArray[np.float64],
    background: npt.NDArray[np.float64],
    samples: int | None,
    population: str,
) -> Explanation:
    """Explain each cell with an explainer of its own, whose function has the cell's latitude."""
    # Here, since its import takes seconds.
    with without_backend():
        import shap

    # It warns of a background of more than 100 cells, once for every explained cell.
    logging.getLogger("shap").setLevel(logging.ERROR)
    values, base = [], []
    for number, degrees in enumerate(tqdm(latitude, population, unit="cell", disable=None)):
        explainer = shap.KernelExplainer(partial(outputs, degrees), background)
        values.append(
            explainer.shap_values(
                points[number],
                nsamples="auto" if samples is None else samples,
                l1_reg=False,  # by default, all but ten predictors would get zero
                silent=True,
            )
        )
        base.append(explainer.expected_value)
        if 10 * (number + 1) // len(latitude) > 10 * number // len(latitude):
            logger.info("%s: %d of %d cells", population, number + 1, len(latitude))
    return Explanation(np.swapaxes(values, 1, 2), np.array(base))


@contextmanager
def _seed(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, from which shap draws, and leave it as it was."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)


def _collect(
    ensemble: TraitEnsemble,
    driver: xr.Dataset,
    components: xr.Dataset,
    predictors: npt.NDArray[np.float64],
    explained: dict[str, npt.NDArray[np.intp]],
    explanations: dict[str, Explanation],
) -> xr.Dataset:
    names = ensemble.active_predictors
    group_of = {name: group for group, members in PREDICTOR_GROUPS.items() for name in members}
    axes = [f"component_{number}" for number in components["component"].to_numpy()]
    cell = np.concatenate(list(explained.values()))
    shap = np.concatenate([explanation.shap for explanation in explanations.values()])
    base = np.concatenate([explanation.base for explanation in explanations.values()])

    return xr.Dataset(
        {
            "shap": (
                ("sample", "output", "predictor"),
                shap.astype(np.float32),
                {"long_name": "SHAP value, in the units of the output"},
            ),
            "predictor_value": (
                ("sample", "predictor"),
                predictors[cell].astype(np.float32),
                {"long_name": "value of the predictor in the explained cell"},
            ),
            "output_value": (
                ("sample", "output"),
                (base + shap.sum(axis=-1)).astype(np.float32),
                {"long_name": "ensemble-mean output in the explained cell"},
            ),
            "base_value": (
                ("sample", "output"),
                base.astype(np.float32),
                {"long_name": "mean output over the background cells"},
            ),
        },
        coords={
            "population": (
                "sample",
                np.repeat(list(explained), [len(part) for part in explained.values()]),
            ),
            "cell": ("sample", cell.astype(np.int32)),
            "lat": ("sample", driver["lat"].to_numpy()[cell], driver["lat"].attrs),
            "lon": ("sample", driver["lon"].to_numpy()[cell], driver["lon"].attrs),
            "output": [*TRAITS, *axes],
            "output_units": (
                "output",
                [trait.units for trait in TRAITS.values()] + ["1"] * len(axes),
            ),
            "predictor": list(names),
            "predictor_units": ("predictor", [PREDICTORS[name].units for name in names]),
            "group": ("predictor", [group_of[name] for name in names]),
        },
        attrs={"title": "Kernel SHAP attribution of traits and principal components"},
    )


def importance_of_groups(explanation: xr.Dataset) -> pd.DataFrame:
    """Add up the importance of the predictors of each group (Fig. S26).

    Parameters
    ----------
    explanation
        SHAP values, as :func:`attribute` returns them.

    Returns
    -------
    DataFrame
        Columns population, output, group; mean_absolute_shap and share: the sum over the
        predictors of the group of their mean absolute SHAP values, in the units of the output, and
        its fraction of the sum over all predictors, as in the paper; net_mean_absolute_shap and
        net_share: the mean absolute value of the sum of the group's SHAP values, and its fraction
        of the sum over groups. Within a group effects can cancel, as those of plant types whose
        cover fractions add up to one do; the net share leaves out what cancels. n (explained
        cells).
    """
    tables = []
    populations = explanation["population"].to_numpy()
    for population in pd.unique(populations):
        part = explanation.isel(sample=populations == population)
        values = part["shap"].astype(np.float64)
        gross = abs(values).mean("sample").groupby("group").sum()
        net = abs(values.groupby("group").sum()).mean("sample")
        table = xr.Dataset(
            {
                "mean_absolute_shap": gross,
                "share": _share(gross, "group"),
                "net_mean_absolute_shap": net,
                "net_share": _share(net, "group"),
            }
        )
        tables.append(
            table.drop_vars("output_units")
            .to_dataframe(dim_order=["output", "group"])
            .reset_index()
            .assign(n=part.sizes["sample"])
        )
        tables[-1].insert(0, "population", population)
    return pd.concat(tables, ignore_index=True)


def _share(importance: xr.DataArray, dimension: str) -> xr.DataArray:
    """Fractions of the sum; NaN where nothing has any importance."""
    total = importance.sum(dimension)
    return importance / total.where(total > 0)


def _importance(explanation: xr.Dataset) -> pd.DataFrame:
    """Summarise SHAP values over the samples of each population."""
    tables = []
    populations = explanation["population"].to_numpy()
    for population in pd.unique(populations):
        part = explanation.isel(sample=populations == population)
        values = part["shap"].astype(np.float64)
        importance = abs(values).mean("sample")
        lower, upper = _quartile_samples(part["predictor_value"])
        above, below = values.where(upper), values.where(lower)
        table = xr.Dataset(
            {
                "mean_absolute_shap": importance,
                "share": _share(importance, "predictor"),
                "quartile_difference": above.median("sample") - below.median("sample"),
                "mean_quartile_difference": above.mean("sample") - below.mean("sample"),
            }
        ).reset_coords("group")
        tables.append(
            table.to_dataframe(dim_order=["output", "predictor"])
            .reset_index()
            .assign(population=population, n=part.sizes["sample"])
        )
    return pd.concat(tables, ignore_index=True)[
        [
            "population",
            "output",
            "predictor",
            "group",
            "mean_absolute_shap",
            "share",
            "quartile_difference",
            "mean_quartile_difference",
            "n",
        ]
    ]


def _quartile_samples(predictor: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Whether a sample is in the lower and in the upper quartile of each predictor."""
    first, third = (
        predictor.quantile(level, "sample").drop_vars("quantile") for level in (0.25, 0.75)
    )
    apart = first < third
    lower = xr.where(apart, predictor <= first, predictor < first)
    upper = xr.where(apart, predictor >= third, predictor > third)
    same = predictor == first
    return (
        xr.where(lower.any("sample"), lower, same),
        xr.where(upper.any("sample"), upper, same),
    )

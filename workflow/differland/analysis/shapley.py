"""Kernel SHAP for all outputs and all explained points at once.

All points of a population share their coalitions, so that their Shapley values are one matrix times
what the function gives for each coalition: nothing is fitted point by point.

References
----------
.. [1] Lundberg, S. M. and Lee, S.-I. (2017). A unified approach to interpreting model predictions.
   Advances in Neural Information Processing Systems, 30.
.. [2] Covert, I. and Lee, S.-I. (2021). Improving KernelSHAP: Practical Shapley value estimation
   via linear regression. AISTATS 2021, PMLR 130.
"""

import logging
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Bool, Float
from tqdm import tqdm

from differland.analysis.coalition_sizes import count_coalitions, kernel_weights

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 2**13
"""Rows given to the function in one go: what it needs for them stays in the caches."""

POINTS_AT_ONCE = 8
"""Points explained in one call, after which progress is shown."""

Function = Callable[[Float[Array, "row predictor"], Float[Array, " row"]], Float[Array, "row out"]]
"""From predictors and a fixed argument of each row to outputs; JAX can trace it."""


class Coalitions(NamedTuple):
    """Subsets of the predictors, all of them or a sample, neither empty nor complete.

    Attributes
    ----------
    predictors
        Whether a predictor belongs to a coalition; shape (coalition, predictor).
    weight
        Weight of the coalition in the regression, shape (coalition,).
    """

    predictors: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float64]


class Explanation(NamedTuple):
    """Shapley values, and the outputs that they add up to.

    Attributes
    ----------
    shap
        Shapley values, shape (point, output, predictor).
    base
        Mean output over the background, shape (point, output).
    output
        Output of the point itself, shape (point, output): base plus all Shapley values.
    """

    shap: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64]
    output: npt.NDArray[np.float64]


def draw_coalitions(
    predictors: int, samples: int | None, generator: np.random.Generator
) -> Coalitions:
    """Take all coalitions if they are few enough, else those that weigh most and a sample [1]_.

    Small and large coalitions weigh most in the Shapley kernel. A coalition and its complement are
    drawn together, which halves the variance (paired sampling, [2]_).

    Parameters
    ----------
    predictors
        Number of predictors.
    samples
        Maximum number of coalitions; None for ``2 predictors + 2048``, as the package shap has it.
        With fewer than :func:`~differland.analysis.coalition_sizes.fewest_samples`, chance decides
        whether predictors can be told apart.
    generator
        Random generator of the sample.
    """
    wanted = 2 * predictors + 2**11 if samples is None else samples
    chosen: list[npt.NDArray[np.bool_]] = []
    weights: list[npt.NDArray[np.float64]] = []
    left = kernel_weights(predictors)
    budget = wanted
    for size in list(left):
        count = count_coalitions(predictors, size)
        if 2**predictors - 2 > wanted and budget * left[size] / sum(left.values()) < count:
            break
        every = _members(list(combinations(range(predictors), size)), predictors)
        every = every if 2 * size == predictors else np.concatenate([every, ~every])
        chosen.append(every)
        weights.append(np.full(count, left.pop(size) / count))
        budget -= count
    if left and budget > 1:
        # Their order among random numbers makes a random subset of each size.
        order = generator.random((budget // 2, predictors)).argsort(axis=1).argsort(axis=1)
        drawn = generator.choice(
            list(left), budget // 2, p=np.array([*left.values()]) / sum(left.values())
        )
        half = order < drawn[:, None]
        both, counts = np.unique(np.concatenate([half, ~half]), axis=0, return_counts=True)
        chosen.append(both)
        weights.append(sum(left.values()) * counts / counts.sum())
    if not chosen:
        return Coalitions(np.zeros((0, predictors), bool), np.zeros(0))
    return Coalitions(np.concatenate(chosen), np.concatenate(weights))


def _members(subsets: list[tuple[int, ...]], predictors: int) -> npt.NDArray[np.bool_]:
    members = np.zeros((len(subsets), predictors), bool)
    for row, subset in enumerate(subsets):
        members[row, list(subset)] = True
    return members


def shapley_matrix(
    coalitions: Coalitions,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Solve the weighted regression whose coefficients add up to the whole effect ([2]_, eq. 7).

    Returns
    -------
    Matrix, shape (predictor, coalition), and vector, shape (predictor,): the Shapley values are
    the matrix times what each coalition adds to the base, plus the vector times what all
    predictors add together.

    Raises
    ------
    ValueError
        There are too few coalitions to tell the predictors apart.
    """
    members = coalitions.predictors.astype(float)
    weighted = members.T * coalitions.weight
    normal = weighted @ members
    if np.linalg.matrix_rank(normal) < members.shape[1]:
        # One predictor has the whole effect, whatever it is.
        if members.shape[1] == 1:
            return np.zeros((1, len(members))), np.ones(1)
        raise ValueError(
            f"{len(members)} coalitions cannot tell {members.shape[1]} predictors apart"
        )
    solution = np.linalg.solve(normal, weighted)
    ones = np.linalg.solve(normal, np.ones(members.shape[1]))
    share = ones / ones.sum()
    return solution - np.outer(share, solution.sum(axis=0)), share


def explain(
    function: Function,
    points: npt.NDArray[np.floating],
    fixed: npt.NDArray[np.floating],
    background: npt.NDArray[np.floating],
    coalitions: Coalitions,
    transform: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    description: str,
) -> Explanation:
    """Explain the outputs of a function by its predictors.

    Parameters
    ----------
    function
        Function to explain.
    points, fixed
        Predictors, shape (point, predictor), and the fixed argument of each point, shape
        (point,): it is no predictor and stays that of the point in every coalition.
    background
        Rows whose predictors stand in for those that a coalition leaves out, shape
        (row, predictor).
    coalitions
        Coalitions of predictors, from :func:`draw_coalitions`.
    transform
        Affine transformation of the function's outputs, on the last axis, into those explained.
    description
        Description of the progress bar.
    """
    count = points.shape[1]
    # The empty and the complete coalition give base and output.
    every = np.concatenate(
        [np.zeros((1, count), bool), np.ones((1, count), bool), coalitions.predictors]
    )
    means = transform(_coalition_means(function, points, fixed, background, every, description))
    base, output = means[:, 0], means[:, 1]
    matrix, share = shapley_matrix(coalitions)
    added = means[:, 2:] - base[:, None]
    shap = np.einsum("ps,nso->nop", matrix, added) + (output - base)[:, :, None] * share
    return Explanation(shap, base, output)


def _coalition_means(
    function: Function,
    points: npt.NDArray[np.floating],
    fixed: npt.NDArray[np.floating],
    background: npt.NDArray[np.floating],
    coalitions: npt.NDArray[np.bool_],
    description: str,
) -> npt.NDArray[np.float64]:
    """Mean output over the background for each coalition, shape (point, coalition, output)."""
    rows = background.shape[0]
    at_once = min(max(1, ROWS_AT_ONCE // rows), len(coalitions))
    blocks = -(-len(coalitions) // at_once)
    padded = np.resize(coalitions, (blocks, at_once, coalitions.shape[1]))

    @jax.jit
    def means(
        points: Float[Array, "point predictor"],
        fixed: Float[Array, " point"],
        background: Float[Array, "row predictor"],
        blocks: Bool[Array, "block coalition predictor"],
    ) -> Float[Array, "point block coalition out"]:
        def of_point(point: tuple[Array, Array]) -> Array:
            values, argument = point

            def of_block(members: Array) -> Array:
                mixed = jnp.where(members[:, None], values, background)
                outputs = function(
                    mixed.reshape(-1, mixed.shape[-1]), jnp.full(at_once * rows, argument)
                )
                return outputs.reshape(at_once, rows, -1).mean(axis=1)

            return jax.lax.map(of_block, blocks)

        return jax.lax.map(of_point, (points, fixed))

    results = []
    with tqdm(total=len(points), desc=description, unit="cell", disable=None) as bar:
        for start in range(0, len(points), POINTS_AT_ONCE):
            chosen = np.arange(start, start + POINTS_AT_ONCE).clip(max=len(points) - 1)
            found = means(
                *(jnp.asarray(v, jnp.float32) for v in (points[chosen], fixed[chosen], background)),
                jnp.asarray(padded),
            )
            number = min(POINTS_AT_ONCE, len(points) - start)
            outputs = np.asarray(found, float)
            results.append(
                outputs.reshape(len(outputs), -1, outputs.shape[-1])[:number, : len(coalitions)]
            )
            bar.update(number)
            tenths = 10 * start // len(points), 10 * (start + number) // len(points)
            if tenths[1] > tenths[0]:
                logger.info("%s: %d of %d cells", description, start + number, len(points))
    return np.concatenate(results)

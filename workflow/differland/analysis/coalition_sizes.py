"""Number and weight of coalitions of predictors by their size.

This is apart from :mod:`differland.analysis.shapley`, since the check of a configuration needs no
JAX.
"""

from math import ceil, comb


def count_coalitions(predictors: int, size: int) -> int:
    """Number of coalitions of a size and of their complements, counted once where sizes agree."""
    return comb(predictors, size) * _sides(predictors, size)


def kernel_weights(predictors: int) -> dict[int, float]:
    """Weight in the Shapley kernel of all coalitions of a size and their complements together.

    Parameters
    ----------
    predictors
        Number of predictors.

    Returns
    -------
    The weight by the smaller of both sizes, from 1 to half the predictors.
    """
    return {
        size: _sides(predictors, size) / (size * (predictors - size))
        for size in range(1, predictors // 2 + 1)
    }


def fewest_samples(predictors: int) -> int:
    """Fewest samples that include each predictor alone, so that all predictors can be told apart.

    With fewer, coalitions of one predictor are drawn at random like others, and whether the drawn
    ones tell all predictors apart is left to chance.

    Parameters
    ----------
    predictors
        Number of predictors.
    """
    weights = kernel_weights(predictors)
    if not weights:
        return 0
    # A size is taken whole if it has no more coalitions than its share of the samples.
    alone = ceil(count_coalitions(predictors, 1) * sum(weights.values()) / weights[1])
    return min(alone, 2**predictors - 2)


def _sides(predictors: int, size: int) -> int:
    return 1 if 2 * size == predictors else 2

"""The spatialization network: predictors of a cell to its 40 parameters (paper, equation 1)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PRNGKeyArray

from differland.model.parameters import Parameters, Pools
from differland.tables import PARAMETERS, PREDICTORS, Head

Weights = Mapping[str, Mapping[str, Float[Array | np.ndarray, "..."]]]
"""By layer and by name in the layer; NumPy's arrays where they come from a file."""

Statistic = Float[Array | np.ndarray, "..."]


class PredictorScaling(NamedTuple):
    """Standardisation of a member's predictors: ``(value - mean) / standard_deviation * active``.

    Attributes
    ----------
    mean, standard_deviation
        Mean and standard deviation over the member's training cells, in the predictor's units;
        shape (predictor,), or of members side by side (member, predictor).
    active
        1 for a predictor of the member's setup, 0 for an excluded one; of the same shape.
    """

    mean: Statistic
    standard_deviation: Statistic
    active: Statistic

    def standardise(self, predictors: Float[Array | np.ndarray, "cell predictor"]) -> Any:
        """Standardise values in the predictors' units for one member, in NumPy or JAX."""
        mean, deviation, active = (statistic[None, :] for statistic in self)
        return (predictors - mean) / deviation * active


def side_by_side(scalings: Sequence[PredictorScaling]) -> PredictorScaling:
    """Predictor statistics of several members, each of shape (member, predictor), float32."""
    return PredictorScaling(
        *(jnp.asarray(np.stack(values), jnp.float32) for values in zip(*scalings, strict=True))
    )


ACTIVATIONS = {"relu": nn.relu, "leaky_relu": lambda x: nn.leaky_relu(x, negative_slope=0.01)}
"""ReLU is the paper's, leaky ReLU the published code's."""

HEADS: Mapping[Head, tuple[str, ...]] = {
    head: tuple(name for name, row in PARAMETERS.items() if row.head == head)
    for head in ("process", "initial", "phenology")
}
"""Names of the parameters that each output layer predicts, in order."""


class SpatializationNetwork(nn.Module):
    """Fully connected trunk and three linear heads (paper, Fig. S3).

    Attributes
    ----------
    hidden_layers, width
        Number of hidden layers of the trunk, and their width; the last layer is the embedding of a
        cell.
    activation
        Activation function, a key of :data:`ACTIVATIONS`.
    """

    hidden_layers: int = 3
    width: int = 32
    activation: Literal["relu", "leaky_relu"] = "relu"

    @nn.compact
    def __call__(
        self, predictors: Float[Array, "cell predictor"], latitude: Float[Array, " cell"]
    ) -> dict[Head, Float[Array, "cell parameter"]]:
        """Raw, unbounded output of each head.

        Parameters
        ----------
        predictors
            Standardised predictors; zero where a predictor is excluded.
        latitude
            Latitude, degrees_north. Only the phenology head sees it, as an indicator of the
            hemisphere that is smooth over about 10 degrees around the equator.
        """

        def layer(size: int, name: str) -> nn.Dense:
            return nn.Dense(
                size,
                name=name,
                kernel_init=nn.initializers.glorot_normal(),
                bias_init=nn.initializers.ones,
                # GPUs would otherwise round the factors to 10 bits.
                precision=jax.lax.Precision.HIGHEST,
            )

        embedding = predictors
        for number in range(self.hidden_layers):
            embedding = ACTIVATIONS[self.activation](
                layer(self.width, f"trunk_{number}")(embedding)
            )
        hemisphere = nn.sigmoid(latitude)[:, None]
        seen = {
            "process": embedding,
            "initial": embedding,
            "phenology": jnp.concatenate([embedding, hemisphere], axis=1),
        }
        return {head: layer(len(names), head)(seen[head]) for head, names in HEADS.items()}


def initial_weights(
    network: SpatializationNetwork, key: PRNGKeyArray, active: Float[Array, " predictor"]
) -> Weights:
    """Glorot normal weights and biases of one, drawn from one key.

    Parameters
    ----------
    network
        Network whose weights are drawn.
    key
        Every random number comes from it.
    active
        1 for a predictor of the setup, 0 for an excluded one. Excluded predictors get no
        weight, and the others the spread that belongs to the setup's own number of inputs.
    """
    count = active.shape[0]
    weights = network.init(key, jnp.zeros((1, count)), jnp.zeros(1))["params"]
    first = weights["trunk_0"]["kernel"]
    glorot = jnp.sqrt((count + network.width) / (active.sum() + network.width))
    weights["trunk_0"]["kernel"] = first * glorot.astype(first.dtype) * active[:, None]
    return weights


def bounded(
    raw: Float[Array, "cell parameter"], names: tuple[str, ...]
) -> dict[str, Float[Array, " cell"]]:
    """Map raw numbers log-uniformly between the bounds of each parameter (paper, Text S1)."""
    rows = [PARAMETERS[name] for name in names]
    minimum = jnp.asarray([[row.minimum for row in rows]], raw.dtype)
    span = jnp.asarray([[math.log(row.maximum / row.minimum) for row in rows]], raw.dtype)
    fraction = jnp.arctan(raw) / jnp.pi + 0.5
    return dict(zip(names, (minimum * jnp.exp(span * fraction)).T, strict=True))


def predict(
    network: SpatializationNetwork,
    weights: Weights,
    predictors: Float[Array, "cell predictor"],
    latitude: Float[Array, " cell"],
) -> tuple[Parameters, Pools]:
    """Parameters and initial pools of each cell, in the units of ``resources/parameters.csv``.

    Parameters
    ----------
    network, weights
        Shape and weights of one member.
    predictors
        Standardised with the member's own mean and standard deviation, zero where excluded.
    latitude
        Latitude, degrees_north.
    """
    raw: Any = network.apply({"params": weights}, predictors, latitude)
    values: dict[str, Float[Array, " cell"]] = {}
    for head, names in HEADS.items():
        values |= bounded(raw[head], names)
    return (
        Parameters(**{name: values[name] for name in Parameters._fields}),
        Pools(**{name: values[f"initial_{name}"] for name in Pools._fields}),
    )


def active_predictors(names: tuple[str, ...]) -> np.ndarray:
    """Mask over all predictors of ``resources/variables.csv``: 1 where named, 0 elsewhere."""
    return np.array([1.0 if name in names else 0.0 for name in PREDICTORS])

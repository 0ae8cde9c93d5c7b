"""Parts of the compiled loops over months: a month, its derivative, the gradient of all."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from differland.driver import MONTHS_PER_YEAR
from differland.model import dalec
from differland.model.parameters import Parameters, Pools
from differland.model.rates import monthly_rates
from differland.model.simulate import Keep, Kept, MonthlyObservations
from differland.model.weather import Weather

Inputs = tuple[Parameters, Pools, Weather, MonthlyObservations]
"""Parameters and initial pools of shape (member, cell); weather and observations of shape (time,
cell), or (time, 1) for what cells share; validity of shape (cell,).
"""

Compared = tuple[Mapping[str, Array], Mapping[str, Array]]
"""Values and weights of the observations of a month, by target."""

Month = Callable[[Pools, Parameters, Weather, Compared, Array], tuple[Pools, Kept]]


def month_keeping(keep: Keep) -> Month:
    """One month of the readable model, and its reduced record.

    Returns
    -------
    A function of pools, parameters, weather, observations and validity, of one month and any
    shape.
    """

    def month(
        pools: Pools, parameters: Parameters, weather: Weather, observed: Compared, valid: Array
    ) -> tuple[Pools, Kept]:
        rates = monthly_rates(parameters, weather)
        pools, outputs = dalec.month(pools, rates, parameters)
        observations = MonthlyObservations(*observed, valid=valid)
        return pools, keep.of(outputs, weather.december, observations)

    return month


def gradient_of(month: Month) -> Callable[..., tuple[Pools, Parameters]]:
    """JAX's derivative of a month by pools and parameters.

    Returns
    -------
    Function of the month's arguments and of the cotangents of the pools after it, of its reduced
    record, and of the totals (which are the same in all months).
    """

    def gradient(
        pools: Pools,
        parameters: Parameters,
        weather: Weather,
        observed: Compared,
        valid: Array,
        after: Pools,
        kept: Kept,
        totals: Mapping[str, Array],
    ) -> tuple[Pools, Parameters]:
        _, pull = jax.vjp(lambda a, b: month(a, b, weather, observed, valid), pools, parameters)
        result: tuple[Pools, Parameters] = pull((after, kept._replace(totals=totals)))
        return result

    return gradient


def arguments_of_month(keep: Keep, one: Any) -> tuple[Pools, Parameters, Weather, Any, Any]:
    """Arguments of a :data:`Month`, with `one`, an array or the shape of one, in place of each."""
    compared = dict.fromkeys(keep.compared, one)
    return (
        Pools(*[one] * len(Pools._fields)),
        Parameters(*[one] * len(Parameters._fields)),
        Weather(*[one] * len(Weather._fields)),
        (compared, compared),
        one,
    )


class CompiledLoop(ABC):
    """A loop over months that is compiled forward and backward.

    Attributes
    ----------
    kept
        Shapes of the reduced record of a month.
    """

    kept: Kept

    def __call__(
        self,
        parameters: Parameters,
        initial: Pools,
        weather: Weather,
        observations: MonthlyObservations,
    ) -> Kept:
        """Run members side by side; has a gradient by parameters and initial pools.

        Parameters
        ----------
        parameters, initial
            Parameters and initial pools, each of shape (member, cell).
        weather, observations
            Weather and observations of all members, each of shape (time, cell), or (time, 1) if
            :data:`differland.model.weather.SHARED`.

        Returns
        -------
        Reduced record, with a leading axis of members.

        Raises
        ------
        ValueError
            The loop cannot take these arrays.
        """
        inputs = parameters, initial, weather, observations
        self.check(inputs)
        return run(self, *inputs)

    def check(self, inputs: Inputs) -> None:
        """Refuse arrays that the loop cannot take: annual sums over incomplete years."""
        months = inputs[2].time.shape[0]
        if self.kept.years and months % MONTHS_PER_YEAR:
            raise ValueError(f"expected months that fill whole years, found {months}")

    @abstractmethod
    def forward(self, inputs: Inputs) -> tuple[Kept, Any]:
        """Reduced record, with a leading axis of members; and the pools before each month."""

    @abstractmethod
    def backward(self, inputs: Inputs, before: Any, cotangents: Kept) -> tuple[Parameters, Pools]:
        """Cotangents of parameters and initial pools, from those of the reduced record."""


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run(
    loop: CompiledLoop,
    parameters: Parameters,
    initial: Pools,
    weather: Weather,
    observations: MonthlyObservations,
) -> Kept:
    """Run a loop; has a gradient by parameters and initial pools."""
    return loop.forward((parameters, initial, weather, observations))[0]


def _forward(
    loop: CompiledLoop,
    parameters: Parameters,
    initial: Pools,
    weather: Weather,
    observations: MonthlyObservations,
) -> tuple[Kept, tuple[Inputs, Any]]:
    inputs = parameters, initial, weather, observations
    kept, before = loop.forward(inputs)
    return kept, (inputs, before)


def _backward(loop: CompiledLoop, residuals: tuple[Inputs, Any], cotangents: Kept) -> Inputs:
    inputs, before = residuals
    of_parameters, of_initial = loop.backward(inputs, before, cotangents)
    # Nobody asks for the gradient by the weather or the observations.
    return of_parameters, of_initial, *jax.tree.map(jnp.zeros_like, inputs[2:])


run.defvjp(_forward, _backward)

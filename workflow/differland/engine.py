"""How a block of members is simulated: with XLA's loop over months, or with a compiled kernel.

Both are the same function of the readable model, to rounding.
"""

import importlib.util
from collections.abc import Callable
from typing import Literal

import jax
import numpy as np

from differland.errors import InputError
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations, simulate_keeping
from differland.model.weather import Weather

Engine = Literal["xla", "kernel"]

Simulate = Callable[[Parameters, Pools, Weather, MonthlyObservations], Kept]
"""Runs members side by side: parameters and pools of shape (member, cell), weather and observations
of shape (time, cell), or (time, 1) for :data:`differland.model.weather.SHARED`. What is kept has a
leading axis of members.
"""


def choose_engine(wanted: Literal["auto", "xla", "kernel"]) -> Engine:
    """The engine for the device that JAX uses.

    Parameters
    ----------
    wanted
        ``training.engine`` of the configuration. ``auto`` is the kernel on CPUs, if llvmlite is
        installed, and XLA on all other devices: the kernel for GPUs is the same function, but
        nobody has measured yet how fast it is.

    Raises
    ------
    InputError
        The kernel is wanted where it cannot run.
    """
    backend = jax.default_backend()
    compiler = importlib.util.find_spec("llvmlite") is not None
    if wanted == "auto":
        return "kernel" if backend == "cpu" and compiler else "xla"
    if wanted == "kernel" and not (backend == "gpu" or (backend == "cpu" and compiler)):
        found = "no such package" if backend == "cpu" else f"the device {backend}"
        expected = "a GPU, a CPU and the package llvmlite, or auto"
        raise InputError("configuration", "training.engine", expected, found)
    return wanted


def simulator(
    engine: Engine, keep: Keep, cells: int, dtype: np.dtype, differentiable: bool = True
) -> Simulate:
    """Make the function that simulates a block of members.

    Parameters
    ----------
    engine
        Of :func:`choose_engine`.
    keep
        What is kept of each month.
    cells
        Number of cells.
    dtype
        Of all numbers, float32 or float64.
    differentiable
        Whether a gradient will be asked for. If not, the kernel on CPUs is made in half the time.
    """
    if engine == "xla":

        def simulate(
            parameters: Parameters,
            initial: Pools,
            weather: Weather,
            observations: MonthlyObservations,
        ) -> Kept:
            return simulate_keeping(parameters, initial, weather, observations, keep)[1]

        return jax.vmap(simulate, in_axes=(0, 0, None, None))
    # Here, so that whoever has no llvmlite, or no Pallas, can use the other engine.
    if jax.default_backend() == "gpu":
        from differland.kernel import gpu

        return gpu.Loop(keep, cells, dtype)
    from differland.kernel import months

    return months.Loop(keep, cells, dtype, differentiable)

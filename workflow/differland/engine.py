"""Engines that simulate a block of members: XLA's loop over months, or a compiled kernel.

Both compute the same function of the readable model, to rounding.
"""

import importlib.util
import logging
from collections.abc import Callable
from typing import Literal

import jax
import numpy as np

from differland.errors import InputError
from differland.kernel.interface import api_version
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations, simulate_keeping
from differland.model.weather import Weather

log = logging.getLogger(__name__)

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
        Engine that ``training.engine`` of the configuration asks for. ``auto`` is the kernel on
        CPUs, if it can run there, and XLA on all other devices: the kernel for GPUs is the same
        function, but nobody has measured yet how fast it is.

    Raises
    ------
    InputError
        The kernel is wanted where it cannot run.
    """
    backend = jax.default_backend()
    lacking = {"cpu": _lacking_on_cpu(), "gpu": None}.get(backend, f"the device {backend}")
    if wanted == "auto":
        if backend == "cpu" and lacking:
            log.warning("engine xla, which is several times slower than the kernel: %s", lacking)
        return "kernel" if backend == "cpu" and not lacking else "xla"
    if wanted == "kernel" and lacking:
        expected = "a GPU, or a CPU with the package llvmlite and a jaxlib that is known, or auto"
        raise InputError("configuration", "training.engine", expected, lacking)
    return wanted


def _lacking_on_cpu() -> str | None:
    """Requirement of the kernel on CPUs that is missing; None if nothing is."""
    if importlib.util.find_spec("llvmlite") is None:
        return "no package llvmlite"
    try:
        api_version()
    except ValueError as error:
        return str(error)
    return None


def simulator(
    engine: Engine, keep: Keep, cells: int, dtype: np.dtype, differentiable: bool = True
) -> Simulate:
    """Make the function that simulates a block of members.

    Parameters
    ----------
    engine
        Engine, from :func:`choose_engine`.
    keep
        Rule by which each month is reduced to a record.
    cells
        Number of cells.
    dtype
        Type of all numbers, float32 or float64.
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

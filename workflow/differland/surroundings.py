"""Environment variables that could change the numbers of a job, and their removal."""

import os
import sys
from collections.abc import MutableMapping

from differland.errors import InputError

HARMLESS = (
    *("JAX_PLATFORM", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE", "JAX_ENABLE_COMPILATION"),
    *("JAX_RAISE_PERSISTENT", "JAX_EXPLAIN_CACHE", "JAX_LOG", "JAX_DUMP", "JAX_TRACEBACK"),
    *("JAX_INCLUDE", "JAX_CUDA_VISIBLE", "JAX_ROCM_VISIBLE", "JAX_COORDINATOR", "JAX_PPRINT"),
)
"""Beginnings of names of JAX's variables that say where it computes, what it keeps and tells."""

OTHER_VARIABLES = ("NVIDIA_TF32_OVERRIDE",)
"""Variables of other libraries that change numbers."""

HARMLESS_FLAGS = ("--xla_dump_", "--xla_gpu_cuda_data_dir", "--xla_hlo_profile")
"""Beginnings of flags in XLA_FLAGS that say where XLA finds its tools, and what it tells."""

PLATFORMS = "JAX_PLATFORMS"


def take_out(environment: MutableMapping[str, str]) -> list[str]:
    """Remove environment variables that would change numbers, so that jobs do not inherit them.

    All variables of JAX are taken out but those that are known to be harmless: new versions have
    new ones. The configuration alone says how a study is computed.

    Parameters
    ----------
    environment
        Variables by name; changed in place.

    Returns
    -------
    Variables that were taken out, as ``NAME=value``, or flag by flag for ``XLA_FLAGS``.
    """
    found = [
        name
        for name in environment
        if (name.startswith("JAX_") and not name.startswith(HARMLESS)) or name in OTHER_VARIABLES
    ]
    told = [f"{name}={environment.pop(name)}" for name in sorted(found)]
    flags = environment.get("XLA_FLAGS", "").split()
    kept = [flag for flag in flags if flag.startswith(HARMLESS_FLAGS)]
    if kept != flags:
        environment["XLA_FLAGS"] = " ".join(kept)
        told += [f"XLA_FLAGS {flag}" for flag in flags if flag not in kept]
    return told


def explain_failure() -> InputError | None:
    """Say whether a job failed since JAX cannot use the platform that ``JAX_PLATFORMS`` wants."""
    wanted = os.environ.get(PLATFORMS)
    jax = sys.modules.get("jax")
    if not wanted or jax is None:
        return None
    try:
        jax.devices()
    # Of whatever kind: JAX has several, an assertion among them.
    except Exception as error:
        return InputError(
            "environment",
            PLATFORMS,
            "a platform that JAX finds on this machine; without the variable it takes a GPU where "
            "there is one that it is installed for (envs/gpu.yaml), else the CPU",
            f"{wanted}, which it does not find ({type(error).__name__}: {error})",
        )
    return None

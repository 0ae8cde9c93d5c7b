"""Devices of a training job: requested, found, and logged."""

import logging
import os

import jax

from differland.errors import InputError

logger = logging.getLogger(__name__)


def use_devices(threads: int, gpus: int, permit_cpu: bool) -> None:
    """Set up the devices of this process, and log them.

    Parameters
    ----------
    threads
        CPU cores of the job. Without a GPU, each is a device, and devices share members out.
    gpus
        GPUs that the job asked for.
    permit_cpu
        Whether the job may run on CPU cores if JAX sees no GPU (``training.permit_cpu``).

    Raises
    ------
    InputError
        GPUs were asked for and JAX sees none.
    """
    jax.config.update("jax_num_cpu_devices", threads)
    found = jax.local_devices()
    for device in found:
        memory = (device.memory_stats() or {}).get("bytes_limit")
        logger.info(
            "device %d: %s %s%s",
            device.id,
            device.platform,
            device.device_kind,
            "" if memory is None else f", {memory / 2**30:.1f} GiB for JAX",
        )
    if gpus and found[0].platform == "cpu":
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        message = (
            f"{len(found)} CPU devices (CUDA_VISIBLE_DEVICES is {visible}). Is JAX installed for "
            "CUDA (envs/gpu.yaml), and does nvidia-smi list the GPU on this node?"
        )
        if not permit_cpu:
            raise InputError(
                "job",
                "gpu",
                f"{gpus} that JAX can use, since the job asks for so many "
                "(training.permit_cpu: true permits CPU cores instead)",
                message,
            )
        logger.warning("no GPU, although the job asks for %d: %s", gpus, message)

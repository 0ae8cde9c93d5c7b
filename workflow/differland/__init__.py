"""DifferLand: learn the ecological parameters of a land carbon model through the model itself."""

import os

# Libraries look at these when they are loaded. Values that are set already stay.
# Shared file systems often know no locks. Files here are written once and then never changed.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
# On a GPU that others use too, JAX must not take most of its memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

__version__ = "0.1.0"

MODEL_VERSION = 1
"""Raised whenever the same configuration and data would train to other weights than before."""

HOW_TRAINED = (
    *("members_per_job", "engine", "threads", "permit_cpu", "checkpoint_interval"),
    "maximum_restarts",
)
"""Settings of training that say how members are put into jobs, computed and saved: a change of them
trains nothing again."""

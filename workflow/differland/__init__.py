"""DifferLand: learn the ecological parameters of a land carbon model through the model itself."""

import os

# Shared file systems often know no locks. Files here are written by one process and then never
# changed. The library of HDF5 looks at this when it is loaded.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

__version__ = "0.1.0"

MODEL_VERSION = 1
"""Raised whenever the same configuration and data would train to other weights than before."""

HOW_TRAINED = (
    *("members_per_job", "engine", "threads", "permit_cpu", "checkpoint_interval"),
    "maximum_restarts",
)
"""Settings of training that say how members are put into jobs, computed and saved: a change of them
trains nothing again."""

"""DifferLand: learn the ecological parameters of a land carbon model through the model itself."""

import os

# Libraries look at these when they are loaded. Values that are set already stay.
# Shared file systems often know no locks. Files here are written once and then never changed.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
# On a GPU that others use too, JAX must not take most of its memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

__version__ = "0.1.0"
"""Version of the package."""

MODEL_VERSION = 1
"""Raised whenever the same configuration and data would train to other weights than before."""

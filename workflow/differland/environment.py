"""What libraries read from the environment of a process: to be imported before them.

The workflow hands it on to its jobs. Values that are set already stay.
"""

import os

# Shared file systems often know no locks. Files here are written once and then never changed.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

# On a GPU that others use too, JAX must not take most of its memory at once.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

"""Figures of a study: one module per figure family, one function per figure."""

import os

try:
    import matplotlib  # noqa: F401
except ValueError:
    # A terminal within a notebook names a backend that is not installed here. Figures
    # are files and need no screen.
    os.environ["MPLBACKEND"] = "agg"

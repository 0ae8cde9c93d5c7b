"""Figures of a study: one module per figure family, one function per figure."""

import os
import sys
from contextlib import suppress

if "matplotlib" not in sys.modules:
    # A terminal within a notebook names a backend that is not installed here, for want of which
    # matplotlib is not even imported. Figures are files and need none. Where there is one, it stays
    # what the caller has.
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend

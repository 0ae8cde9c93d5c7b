"""Figures of a study: one module per figure family, one function per figure."""

import sys
from contextlib import suppress

from differland.terminals import without_backend

if "matplotlib" not in sys.modules:
    with without_backend() as backend:
        import matplotlib

    if backend is not None:
        # Where there is one, it stays what the caller has.
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend

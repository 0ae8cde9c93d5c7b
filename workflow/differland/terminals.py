"""What a terminal tells matplotlib."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_backend() -> Iterator[str | None]:
    """Hide ``MPLBACKEND`` while matplotlib is imported, also by another package.

    A terminal within a notebook names a backend that need not be installed here, for want of which
    matplotlib is not even imported. Figures are files and need none.

    Yields
    ------
    The backend that the variable names; None if there is no such variable.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        yield backend
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend

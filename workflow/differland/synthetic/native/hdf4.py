"""HDF4 files."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from pyhdf.SD import SD, SDC


@contextmanager
def new_hdf4(path: Path) -> Iterator[SD]:
    """Create an HDF4 file.

    Files remember the path that they were created by. They are created from within their folder, so
    that this is their name, and those of the same planet are the same.
    """
    with chdir(path.parent):
        file = SD(path.name, SDC.WRITE | SDC.CREATE)
        try:
            yield file
        finally:
            file.end()

"""GeoTIFF files, opened and read in one place."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from differland.errors import InputError
from differland.opening import check_there, unreadable


def open_geotiff(file: Path) -> DatasetReader:
    """Open a file for reading; truncated bands are noticed when they are read.

    Raises
    ------
    InputError
        The file is absent, of another format (such as a virtual one, which names other files), or
        its header breaks off.
    """
    check_there(file, "a GeoTIFF")
    try:
        return rasterio.open(file, driver="GTiff")
    except RasterioError as error:
        raise unreadable(file, "GeoTIFF", error) from error


def centres(raster: DatasetReader) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes of the rows and longitudes of the columns of a raster along the axes, degrees."""
    transform = raster.transform
    return (
        transform.f + transform.e * (np.arange(raster.height) + 0.5),
        transform.c + transform.a * (np.arange(raster.width) + 0.5),
    )


def read_rows(
    raster: DatasetReader,
    rows: slice,
    file: Path,
    variable: str,
    band: int = 1,
    masked: bool = False,
) -> np.ndarray:
    """Read some rows of a band, as they are stored.

    Parameters
    ----------
    raster
        An open raster, warped or not.
    rows
        Rows to read.
    file, variable
        File, and what the band holds, for the message.
    band
        Number of the band, from 1.
    masked
        Whether what the file declares to be missing is masked.

    Raises
    ------
    InputError
        The file breaks off.
    """
    start, stop, _ = rows.indices(raster.height)
    window = Window(0, start, raster.width, stop - start)
    try:
        values: np.ndarray = raster.read(band, window=window, masked=masked)
    except RasterioError as error:
        found = f"data that cannot be read ({error})"
        raise InputError(file, variable, "a complete GeoTIFF", found) from error
    return values

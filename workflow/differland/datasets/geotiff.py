"""GeoTIFF files, opened in one place."""

from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from differland.opening import check_there, unreadable


def open_geotiff(file: Path) -> rasterio.DatasetReader:
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

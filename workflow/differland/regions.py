"""Land regions of the carbon budget (``resources/regions.csv``).

They are like the 11 land regions of TransCom (Gurney et al., 2002, doi:10.1038/415626a), made of
the reference regions of IPCC WGI, version 4 (Iturbide et al., 2020, doi:10.5194/essd-12-2959-2020).
"""

import csv
from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import shapely

from differland.errors import InputError
from differland.shipped import RESOURCES

FILE = RESOURCES / "regions.csv"


@cache
def outlines() -> Mapping[str, shapely.Geometry]:
    """Outline of each region by its name, in the order of the table.

    Coordinates are degrees east from -180 to 180, and degrees north. Edges are straight lines
    between the corners in these coordinates, as the reference regions are defined. Corners that
    lie not quite on an edge of the neighbour make slivers that are of both, one between regions
    (Africa and Arabia, in the Red Sea) and others inside of them.
    """
    parts: dict[str, list[shapely.Polygon]] = {}
    with FILE.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(line for line in stream if not line.startswith("#")):
            corners = [tuple(map(float, corner.split())) for corner in row["corners"].split(";")]
            parts.setdefault(row["region"], []).append(shapely.Polygon(corners))
    return {name: shapely.union_all(polygons) for name, polygons in parts.items()}


def assign_regions(
    latitude: npt.NDArray[np.floating], longitude: npt.NDArray[np.floating]
) -> npt.NDArray[np.int8]:
    """Region of each place, exactly one.

    Parameters
    ----------
    latitude, longitude
        Locations, degrees north and east, shape (place,).

    Returns
    -------
    Index into :func:`outlines`. A place on a common edge is of the region that comes first in the
    table; one in none of them (an island far out, Antarctica) is of the nearest, by the distance in
    degrees.

    Raises
    ------
    InputError
        A latitude is beyond the poles, or a number is not finite.
    """
    if not (np.all(np.abs(latitude) <= 90) and np.all(np.isfinite(longitude))):
        raise InputError("cells", "lat, lon", "finite degrees, latitudes from -90 to 90", "others")
    points = np.stack([(longitude + 180) % 360 - 180, latitude], axis=-1)
    region = np.full(latitude.shape, -1, np.int8)
    polygons = list(outlines().values())
    for number, polygon in enumerate(polygons):
        shapely.prepare(polygon)
        region[(region < 0) & shapely.intersects_xy(polygon, points)] = number
    left = np.flatnonzero(region < 0)
    if left.size:
        places = _directions(points[left])
        edges = [_directions(shapely.get_coordinates(shapely.segmentize(p, 1.0))) for p in polygons]
        nearness = [(places @ edge.T).max(axis=1) for edge in edges]
        region[left] = np.argmax(nearness, axis=0)
    return region


def _directions(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Unit vectors from the centre of the Earth to places (longitude, latitude)."""
    longitude, latitude = np.deg2rad(points.T)
    across = np.cos(latitude)
    vectors = (across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude))
    return np.stack(vectors, axis=-1)

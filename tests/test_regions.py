"""Regions of the carbon budget: known places, edges, the whole land."""

import matplotlib.path
import numpy as np
import pytest
import shapely

from differland.errors import InputError
from differland.figures.maps import land
from differland.regions import assign_regions, outlines

PLACES = {
    "Manaus": (-3.1, -60.0, "South American Tropical"),
    "Buenos Aires": (-34.6, -58.4, "South American Temperate"),
    "Recife": (-8.1, -34.9, "South American Temperate"),
    "Havana": (23.1, -82.4, "South American Tropical"),
    "Berlin": (52.5, 13.4, "Europe"),
    "Moscow": (55.8, 37.6, "Europe"),
    "Rome": (41.9, 12.5, "Europe"),
    "Beijing": (39.9, 116.4, "Eurasian Temperate"),
    "Riyadh": (24.7, 46.7, "Eurasian Temperate"),
    "Lhasa": (29.7, 91.1, "Eurasian Temperate"),
    "Yakutsk": (62.0, 129.7, "Eurasian Boreal"),
    "Novosibirsk": (55.0, 82.9, "Eurasian Boreal"),
    "Uelen": (66.2, -169.8, "Eurasian Boreal"),
    "Delhi": (28.6, 77.2, "Tropical Asia"),
    "Jakarta": (-6.2, 106.8, "Tropical Asia"),
    "Perth": (-31.95, 115.9, "Australia"),
    "Auckland": (-36.8, 174.8, "Australia"),
    "Kinshasa": (-4.3, 15.3, "Southern Africa"),
    "Cape Town": (-33.9, 18.4, "Southern Africa"),
    "Antananarivo": (-18.9, 47.5, "Southern Africa"),
    "Dakar": (14.7, -17.4, "Northern Africa"),
    "Addis Ababa": (9.0, 38.7, "Northern Africa"),
    "Fairbanks": (64.8, -147.7, "North American Boreal"),
    "Nuuk": (64.2, -51.7, "North American Boreal"),
    "Kansas City": (39.1, -94.6, "North American Temperate"),
    "Monterrey": (25.7, -100.3, "North American Temperate"),
}


def names(latitude, longitude) -> list[str]:
    found = assign_regions(np.array(latitude, float), np.array(longitude, float))
    return [list(outlines())[number] for number in found]


@pytest.mark.parametrize("place", PLACES)
def test_known_places(place: str) -> None:
    latitude, longitude, region = PLACES[place]
    # A longitude may be counted either way.
    assert names([latitude] * 2, [longitude, longitude % 360]) == [region] * 2


def test_there_are_eleven_regions_that_overlap_in_a_sliver_of_the_red_sea_at_most() -> None:
    regions = list(outlines().values())
    assert len(regions) == 11
    assert all(region.is_valid for region in regions)
    overlaps = [a.intersection(b) for i, a in enumerate(regions) for b in regions[:i]]
    wide = [overlap for overlap in overlaps if overlap.area > 1e-9]
    assert len(wide) == 1
    assert wide[0].area < 0.05
    sea = max(shapely.get_parts(wide[0]), key=shapely.area)
    assert shapely.box(33, 12, 43.7, 30).covers(sea)


def test_all_land_is_in_a_region_once() -> None:
    """Places of the coastlines of the maps; few are in no polygon, and none is in two."""
    latitude, longitude = (
        axis.ravel()
        for axis in np.meshgrid(np.arange(-55.125, 80, 2.5), np.arange(-180.125, 180, 2.5))
    )
    on_land = shapely.contains_xy(land(), longitude, latitude)
    latitude, longitude = latitude[on_land], longitude[on_land]
    region = assign_regions(latitude, longitude)
    assert np.bincount(region, minlength=11).min() > 20
    # The same by another library, for the places inside.
    hits = np.zeros((11, latitude.size), int)
    for number, outline in enumerate(outlines().values()):
        for part in shapely.get_parts(outline):
            path = matplotlib.path.Path(np.array(part.exterior.coords))
            hits[number] += path.contains_points(np.stack([longitude, latitude], axis=1))
    inside = hits.sum(axis=0) == 1
    assert (hits.sum(axis=0) <= 1).all()
    assert inside.mean() > 0.98
    np.testing.assert_array_equal(region[inside], hits.argmax(axis=0)[inside])


def test_edges_and_islands() -> None:
    # Between Siberia and Central Asia, on the edge, and on a corner of three.
    assert names([45.0, 45.0], [80.0, 60.0]) == ["Eurasian Boreal", "Eurasian Boreal"]
    # Hawaii, New Caledonia, Tonga across the date line, and Bear Island.
    expected = ["North American Temperate", "Australia", "Australia", "Europe"]
    assert names([19.6, -21.3, -21.2, 74.4], [-155.5, 165.5, -175.2, 19.0]) == expected


def test_places_that_are_none() -> None:
    with pytest.raises(InputError, match="lat, lon"):
        assign_regions(np.array([91.0]), np.array([0.0]))

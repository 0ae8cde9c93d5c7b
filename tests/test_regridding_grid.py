"""Grids: edges from coordinates as files have them, areas, and the numbers of patches."""

import numpy as np
import pytest

from differland.errors import InputError
from differland.regridding.grid import EARTH_RADIUS, Grid, regular_grid
from differland.regridding.study_grid import PATCH_SHAPE, STUDY_GRID, patch_number


def centres(first: float, step: float, count: int) -> np.ndarray:
    return first + step * np.arange(count)


def grid(latitude: np.ndarray, longitude: np.ndarray) -> Grid:
    return Grid.from_coordinates(latitude, longitude, "file.nc")


def test_the_studys_grid_is_that_of_the_paper():
    assert STUDY_GRID.shape == (720, 1440)
    assert STUDY_GRID.latitude[[0, 1, -1]].tolist() == [89.875, 89.625, -89.875]
    assert STUDY_GRID.longitude[[0, 1, -1]].tolist() == [-179.875, -179.625, 179.875]
    assert STUDY_GRID.north_up
    assert STUDY_GRID.cyclic


@pytest.mark.parametrize("resolution", [0.05, 0.1, 0.25, 1 / 3, 0.5, 2.5, 1 / 120])
def test_areas_add_up_to_the_sphere(resolution):
    made = regular_grid(resolution)
    rows = np.abs(np.diff(np.sin(np.deg2rad(made.latitude_edges))))
    assert rows.sum() == pytest.approx(2, rel=1e-12)
    if made.shape[0] <= 1800:
        areas = made.cell_areas()
        assert areas.sum() == pytest.approx(4 * np.pi * EARTH_RADIUS**2, rel=1e-12)


def test_area_of_a_cell_by_hand():
    # From the equator to 30 N the sine rises by a half; 90 degrees are a quarter of the circle.
    made = Grid(np.array([30.0, 0.0]), np.array([0.0, 90.0]))
    assert made.cell_areas()[0, 0] == pytest.approx(EARTH_RADIUS**2 * 0.5 * np.pi / 2, rel=1e-15)


@pytest.mark.parametrize("resolution", [0.7, 0, -1, np.nan, np.inf, 400])
def test_cells_that_do_not_fill_the_globe_are_refused(resolution):
    with pytest.raises(InputError, match="resolution: expected degrees that divide 180"):
        regular_grid(resolution)


def test_cells_too_small_to_hold_are_refused():
    with pytest.raises(
        InputError, match=r"resolution: expected degrees, 0\.001 or more, found 1e-09"
    ):
        regular_grid(1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [72, 720, 3600, 7200, 40320, 43200])
@pytest.mark.parametrize("north_up", [True, False])
@pytest.mark.parametrize("from_zero", [True, False])
def test_edges_are_exact_whatever_the_precision_of_coordinates(count, dtype, north_up, from_zero):
    true = regular_grid(360 / count)
    turn = 180.0 if from_zero else 0.0
    made = grid(
        true.latitude[:: 1 if north_up else -1].astype(dtype),
        (true.longitude + turn).astype(dtype),
    )
    edges = true.latitude_edges[:: 1 if north_up else -1]
    np.testing.assert_allclose(made.latitude_edges, edges, rtol=0, atol=1e-13)
    np.testing.assert_allclose(made.longitude_edges, true.longitude_edges + turn, atol=1e-13)
    assert made.north_up == north_up
    assert made.cyclic


def test_steps_written_with_few_digits_still_fill_the_globe():
    step = 0.00833333
    made = grid(centres(90 - step / 2, -step, 21600), centres(-180 + step / 2, step, 43200))
    np.testing.assert_allclose(made.latitude_edges, regular_grid(1 / 120).latitude_edges, atol=1e-4)
    assert made.latitude_edges[[0, -1]].tolist() == [90, -90]
    assert made.cyclic


def test_nodes_on_the_poles_have_half_rows():
    made = grid(centres(90, -0.25, 721), centres(0, 0.25, 1440))
    assert made.latitude_edges[[0, 1, 2, -2, -1]].tolist() == [90, 89.875, 89.625, -89.875, -90]
    assert made.longitude_edges[[0, 1, -1]].tolist() == [-0.125, 0.125, 359.875]
    assert made.cyclic


def test_gaussian_latitudes_reach_the_poles():
    latitude = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))
    made = grid(latitude, centres(0, 2.8125, 128))
    assert made.latitude_edges[[0, -1]].tolist() == [-90, 90]
    np.testing.assert_allclose(made.latitude_edges[1:-1], (latitude[1:] + latitude[:-1]) / 2)


def test_a_window_stays_a_window():
    made = grid(centres(60.3, -0.1, 50), centres(-10.05, 0.1, 40))
    assert not made.cyclic
    np.testing.assert_allclose(made.latitude_edges[[0, -1]], [60.35, 55.35], atol=1e-12)
    np.testing.assert_allclose(made.longitude_edges[[0, -1]], [-10.1, -6.1], atol=1e-12)


def test_odd_spacings_are_left_as_they_are():
    latitude, longitude = np.linspace(-10.3, 35.7, 97), np.linspace(3.123, 17.77, 33)
    made = grid(latitude, longitude)
    np.testing.assert_allclose(made.latitude, latitude, rtol=0, atol=1e-13)
    np.testing.assert_allclose(made.longitude, longitude, rtol=0, atol=1e-13)


def test_longitudes_may_jump_at_the_date_line():
    made = grid(centres(-10, 1, 5), np.array([178.5, 179.5, -179.5, -178.5]))
    assert made.longitude_edges.tolist() == [178, 179, 180, 181, 182]


def test_bounds_are_used():
    # A grid of half rows at the poles and steps of 3 and 4 degrees, as of a chemistry model.
    edges = np.concatenate([[-90], np.arange(-88, 89, 4), [90]]).astype(float)
    latitude = (edges[1:] + edges[:-1]) / 2
    longitude = centres(-180, 5, 72)
    with pytest.raises(InputError, match=r"steps of 3 and 4 degrees around -86"):
        grid(latitude, longitude)
    made = Grid.from_coordinates(
        latitude,
        longitude,
        "file.nc",
        np.stack([edges[:-1], edges[1:]], axis=1),
        np.stack([longitude - 2.5, longitude + 2.5], axis=1),
    )
    np.testing.assert_array_equal(made.latitude_edges, edges)
    assert made.longitude_edges[[0, -1]].tolist() == [-182.5, 177.5]


def test_bounds_may_jump_and_pass_the_pole():
    made = Grid.from_coordinates(
        np.array([90.0, 0.0, -90.0]),
        np.array([0.0, 90.0, 180.0, 270.0]),
        "file.nc",
        np.array([[135.0, 45.0], [45.0, -45.0], [-45.0, -135.0]]),
        np.array([[315.0, 45.0], [45.0, 135.0], [135.0, 225.0], [225.0, 315.0]]),
    )
    assert made.latitude_edges.tolist() == [90, 45, -45, -90]
    np.testing.assert_array_equal(np.diff(made.longitude_edges), 90)
    assert made.longitude_edges[0] % 360 == 315


def pairs(edges: list[float]) -> np.ndarray:
    return np.stack([edges[:-1], edges[1:]], axis=1)


EVEN = centres(5, 10, 4)
BAD = {
    "not monotonic": ({"latitude": np.array([10.0, 20, 15, 30])}, "latitude", "20 before 15"),
    "the same twice": ({"latitude": np.array([10.0, 10, 20])}, "latitude", "10 before 10"),
    "a step is missing": ({"latitude": np.array([10.0, 20, 40, 50])}, "latitude", "steps of 10 an"),
    "missing": ({"latitude": np.array([10.0, np.nan, 30])}, "latitude", "missing values"),
    "metres": ({"latitude": np.array([1e5, 2e5])}, "latitude", "100000 to 200000"),
    "one value": ({"longitude": np.array([10.0])}, "longitude", r"shape \(1,\) and no bounds"),
    "a column twice": ({"longitude": centres(0, 10, 37)}, "longitude", "370 degrees"),
    "beyond the pole": ({"latitude": np.array([90.5, 90.0, 89.5])}, "latitude", "89.5 to 90.5"),
    "bounds with a gap": (
        {"latitude_bounds": np.array([[0.0, 10], [10, 20], [21, 30], [30, 40]])},
        "latitude",
        "20 beside 21",
    ),
    "bounds elsewhere": (
        {"longitude_bounds": pairs([10.0, 20, 30, 40, 50])},
        "longitude",
        "5 with bounds 10 and 20",
    ),
    "bounds of others": (
        {"longitude_bounds": pairs([0.0, 10, 20])},
        "longitude",
        r"shape \(2, 2\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_coordinates_that_make_no_grid_are_refused(case):
    change, variable, found = BAD[case]
    with pytest.raises(InputError, match=rf"file\.nc: {variable}: expected .*found .*{found}"):
        Grid.from_coordinates(**({"latitude": EVEN, "longitude": EVEN, "file": "file.nc"} | change))


def test_patches_are_counted_along_rows_from_the_north_west():
    numbers = patch_number(STUDY_GRID.latitude[:, None], STUDY_GRID.longitude)
    rows, columns = PATCH_SHAPE
    expected = np.arange(45 * 72).reshape(45, 72).repeat(rows, axis=0).repeat(columns, axis=1)
    np.testing.assert_array_equal(numbers, expected)


def test_patches_of_any_layout_are_counted_from_its_first_column():
    # A half row at the pole, then rows of 4 degrees; columns from 182.5 W, across the date line.
    layout = Grid(np.array([90, 88, *range(84, -89, -4), -90.0]), np.arange(-182.5, 178, 5))
    latitude = np.array([89.875, 87.875, 87.875, 44.125, 43.875, -89.875])
    longitude = np.array([-179.875, 177.625, 177.375, -2.375, 362.625, 177.375])
    expected = [0, 72, 72 + 71, 11 * 72 + 36, 12 * 72 + 37, 45 * 72 + 71]
    assert patch_number(latitude, longitude, layout).tolist() == expected


def test_patches_of_points_by_hand():
    latitude, longitude = np.array([90, -90, 0.1, 0.1]), np.array([-180, 179.9, 0.1, 360.1])
    middle = 22 * 72 + 36
    assert patch_number(latitude, longitude).tolist() == [0, 3239, middle, middle]
    with pytest.raises(ValueError, match="latitudes from -90 to 90"):
        patch_number(np.array([91.0]), np.array([0.0]))

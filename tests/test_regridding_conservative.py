"""The exact operator: hand-derived numbers, what is conserved, and what is missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid, regular_grid
from differland.regridding.study_grid import STUDY_GRID


def regrid(values: np.ndarray, source: Grid, target: Grid, **options: object) -> np.ndarray:
    return Regridder.between(source, target).apply(values, **options)


def integral(values: np.ndarray, grid: Grid) -> float:
    return float(np.nansum(values * grid.cell_areas()))


def noise(grid: Grid, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(10, 3, grid.shape)


def nodes(step: float) -> Grid:
    count = round(180 / step)
    return Grid.from_coordinates(
        90 - step * np.arange(count + 1), step * np.arange(2 * count), "nodes"
    )


@st.composite
def globes(draw: st.DrawFn) -> Grid:
    """Global grids of uneven cells, either way up, either way round, from any longitude.

    Edges of two of them are the same, to rounding, or more than 1e-9 of a cell apart: what is
    between is taken for rounding, and then integrals are kept to 1e-9 only.
    """
    rows = draw(st.lists(st.integers(1, 20), min_size=1, max_size=12))
    columns = draw(st.lists(st.integers(1, 20), min_size=1, max_size=12))
    latitude = np.concatenate([[0], np.cumsum(rows)]) / np.sum(rows) * 180 - 90
    longitude = np.concatenate([[0], np.cumsum(columns)]) / np.sum(columns) * 360
    latitude[-1], longitude[-1] = 90, 360
    longitude += draw(st.integers(-360 * 8, 360 * 8)) / 8
    return Grid(
        latitude[:: draw(st.sampled_from([1, -1]))], longitude[:: draw(st.sampled_from([1, -1]))]
    )


GRIDS = {
    "half a degree": regular_grid(0.5),
    "rising": Grid(regular_grid(3).latitude_edges[::-1], regular_grid(3).longitude_edges),
    "from 0": Grid(regular_grid(4).latitude_edges, regular_grid(4).longitude_edges + 180),
    "nodes on the poles": nodes(2.5),
}


@given(globes(), globes(), st.integers(0, 10))
def test_constants_and_integrals_are_kept(source, target, seed):
    regridder = Regridder.between(source, target)
    np.testing.assert_allclose(regridder.apply(np.full(source.shape, 7.3)), 7.3, rtol=1e-13)
    values = noise(source, seed)
    kept = integral(regridder.apply(values), target)
    assert kept == pytest.approx(integral(values, source), rel=1e-12)
    totals = regridder.apply(values, quantity="extensive")
    assert totals.sum() == pytest.approx(values.sum(), rel=1e-12)


@given(globes(), globes())
def test_rows_sum_to_one_and_shares_of_a_source_cell_too(source, target):
    regridder = Regridder.between(source, target)
    for weights, shares in (
        (regridder.rows, regridder.row_shares),
        (regridder.columns, regridder.column_shares),
    ):
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-12)
        assert weights.data.min() > 0


@given(globes(), globes(), st.integers(0, 10))
def test_values_stay_between_those_of_the_source(source, target, seed):
    values = noise(source, seed)
    result = regrid(values, source, target)
    assert result.min() >= values.min() - 1e-12
    assert result.max() <= values.max() + 1e-12


@given(globes(), globes(), st.integers(1, 60), st.floats(0, 1))
def test_bands_change_nothing(source, target, maximum_values, minimum_coverage):
    values = noise(source)
    values[values < 8] = np.nan
    regridder = Regridder.between(source, target)
    result = np.empty(target.shape)
    done = 0
    for band in regridder.bands(maximum_values=maximum_values):
        assert band.target.start == done
        done = band.target.stop
        result[band.target] = band.regridder.apply(values[band.source], minimum_coverage)
    assert done == target.shape[0]
    # Whether a band has gaps decides how its coverage is summed, and so the last bit.
    np.testing.assert_allclose(result, regridder.apply(values, minimum_coverage), rtol=1e-14)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("resolution", [0.75, 1.25, 3, 10])
def test_regular_grids_keep_integrals(name, resolution):
    source, target = GRIDS[name], regular_grid(resolution)
    values = noise(source)
    result = regrid(values, source, target)
    assert integral(result, target) == pytest.approx(integral(values, source), rel=1e-13)


@pytest.mark.parametrize("name", GRIDS)
def test_the_same_grid_changes_nothing(name):
    grid = GRIDS[name]
    values = noise(grid)
    np.testing.assert_allclose(regrid(values, grid, grid), values, rtol=1e-14)


def test_a_zonal_integral_by_hand():
    # The mean of sin(latitude) over a row is that of the sines of its edges.
    def mean_sine(grid: Grid) -> np.ndarray:
        sines = np.sin(np.deg2rad(grid.latitude_edges))
        return np.broadcast_to((sines[:-1, None] + sines[1:, None]) / 2, grid.shape)

    source, target = regular_grid(0.1), regular_grid(0.5)
    result = regrid(mean_sine(source), source, target)
    np.testing.assert_allclose(result, mean_sine(target), rtol=0, atol=1e-13)


def test_tenths_onto_quarters_by_hand():
    # 0.25 degrees are two cells of 0.1 and a half of the next; 0.2 to 0.3 N is parted at 0.25.
    source, target = regular_grid(0.1), STUDY_GRID
    values = noise(source)
    weights = np.diff(np.sin(np.deg2rad([0, 0.1, 0.2, 0.25])))
    rows = values[[899, 898, 897]]  # from the equator north
    by_row = (2 * rows[:, 1800] + 2 * rows[:, 1801] + rows[:, 1802]) / 5  # from 0 east
    expected = (weights * by_row).sum() / weights.sum()
    assert regrid(values, source, target)[359, 720] == pytest.approx(expected, rel=1e-12)


def test_a_ratio_that_is_not_whole_by_hand():
    # Rows of 60 degrees onto the hemispheres: the middle row is halved. In sin(latitude) the
    # outer row covers 1 - sin(30) = 1/2 of the northern hemisphere, the middle one the other.
    source = Grid(np.array([90.0, 30, -30, -90]), np.array([-180.0, -60, 60, 180]))
    target = Grid(np.array([90.0, 0, -90]), np.array([-180.0, 0, 180]))
    values = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    # West: 120 of 180 degrees from the first column, 60 from the second.
    west = (2 * values[:, 0] + values[:, 1]) / 3
    east = (values[:, 1] + 2 * values[:, 2]) / 3
    expected = np.stack([west, east], axis=1)
    expected = np.stack([(expected[0] + expected[1]) / 2, (expected[1] + expected[2]) / 2])
    np.testing.assert_allclose(regrid(values, source, target), expected, rtol=1e-14)
    totals = regrid(values, source, target, quantity="extensive")
    west = values[:, 0] + values[:, 1] / 2
    north_west = west[0] + west[1] / 2
    assert totals[0, 0] == pytest.approx(north_west, rel=1e-14)


def test_the_pole_by_hand():
    # One cell from 60 N to the pole, of a cap that begins at 80 N and the belt below it.
    source = Grid(np.array([90.0, 80, 60]), np.array([0.0, 360]))
    target = Grid(np.array([90.0, 60]), np.array([0.0, 360]))
    cap, belt = 1 - np.sin(np.deg2rad(80)), np.sin(np.deg2rad(80)) - np.sin(np.deg2rad(60))
    result = regrid(np.array([[1.0], [0.0]]), source, target)
    assert result[0, 0] == pytest.approx(cap / (cap + belt), rel=1e-13)


def test_nodes_become_the_mean_of_four_neighbours():
    source, target = nodes(0.25), STUDY_GRID
    values = noise(source)
    result = regrid(values, source, target)
    assert np.isfinite(result).all()
    # The columns west and east of the date line are half a node's cell each.
    west, east = values[:, 719], values[:, 720]
    around = np.stack([(west + east) / 2, (east + values[:, 721]) / 2], axis=1)
    edges = np.sin(np.deg2rad([89.75, 89.875, 90.0]))
    low, high = np.diff(edges) / (edges[2] - edges[0])
    np.testing.assert_allclose(result[0, -1], high * around[0, 0] + low * around[1, 0], rtol=1e-12)
    np.testing.assert_allclose(result[0, 0], high * around[0, 1] + low * around[1, 1], rtol=1e-12)


def test_a_turned_and_flipped_source_gives_the_same():
    source = regular_grid(1)
    target = regular_grid(1.5)
    values = noise(source)
    expected = regrid(values, source, target)
    flipped = Grid(source.latitude_edges[::-1], source.longitude_edges + 180)
    turned = np.roll(values[::-1], -180, axis=1)
    np.testing.assert_allclose(regrid(turned, flipped, target), expected, rtol=1e-13)


def test_cells_across_the_date_line():
    # Columns of 0-360 nodes: the first reaches from 350 to 10 degrees.
    source = Grid(np.array([-90.0, 90]), np.arange(-10.0, 351, 20))
    values = np.arange(18.0)[None]
    target = Grid(np.array([-90.0, 90]), np.array([170.0, 190]))
    assert regrid(values, source, target)[0, 0] == pytest.approx(9)
    target = Grid(np.array([-90.0, 90]), np.array([-5.0, 5]))
    assert regrid(values, source, target)[0, 0] == pytest.approx(0)
    target = Grid(np.array([-90.0, 90]), np.array([340.0, 360]))
    assert regrid(values, source, target)[0, 0] == pytest.approx(17 / 2)


def test_single_precision_coordinates_leave_no_slivers():
    fine = regular_grid(0.05)
    source = Grid.from_coordinates(
        fine.latitude.astype(np.float32), fine.longitude.astype(np.float32), "file.nc"
    )
    regridder = Regridder.between(source, STUDY_GRID)
    assert regridder.rows.nnz == 3600
    assert regridder.columns.nnz == 7200


def test_what_is_missing_has_no_weight_and_too_little_is_missing():
    # Four columns of equal area in one target cell.
    source = Grid(np.array([-90.0, 90]), np.array([0.0, 90, 180, 270, 360]))
    target = Grid(np.array([-90.0, 90]), np.array([0.0, 360]))
    values = np.array([[1.0, np.nan, 5.0, np.nan]])
    assert regrid(values, source, target)[0, 0] == pytest.approx(3)
    assert regrid(values, source, target, minimum_coverage=0.5)[0, 0] == pytest.approx(3)
    assert np.isnan(regrid(values, source, target, minimum_coverage=0.51)[0, 0])
    assert np.isnan(regrid(np.full((1, 4), np.nan), source, target)[0, 0])
    # A total is not made up for what was not observed.
    assert regrid(values, source, target, quantity="extensive")[0, 0] == pytest.approx(6)
    assert np.isnan(
        regrid(values, source, target, quantity="extensive", minimum_coverage=0.51)[0, 0]
    )


def test_coverage_is_counted_by_area():
    # The northern of two rows from 0 to 90 N, parted at 30 N, has half of the area.
    source = Grid(np.array([90.0, 30, 0]), np.array([0.0, 360]))
    target = Grid(np.array([90.0, 0]), np.array([0.0, 360]))
    values = np.array([[np.nan], [4.0]])
    assert regrid(values, source, target, minimum_coverage=0.5)[0, 0] == pytest.approx(4)
    assert np.isnan(regrid(values, source, target, minimum_coverage=0.5001)[0, 0])


def test_outside_a_window_nothing_is_observed():
    source = Grid(np.arange(60.0, 49, -1), np.arange(-10.0, 11))
    target = regular_grid(4)
    values = noise(source)
    result = regrid(values, source, target)
    inside = np.isfinite(result)
    assert integral(np.where(inside, 1, 0), target) > integral(np.ones(source.shape), source)
    covered = np.isfinite(regrid(values, source, target, minimum_coverage=1))
    rows = (target.latitude < 60) & (target.latitude > 50)
    columns = np.abs(target.longitude) < 8
    assert inside.any(axis=1)[rows].all()
    # 58..54 and 54..50 N, 8 W to 8 E: whole cells of the window.
    assert covered.sum() == 2 * columns.sum() == 2 * 4


def test_other_dimensions_are_fields():
    source, target = regular_grid(5), regular_grid(4)
    values = np.random.default_rng(0).normal(size=(2, 3, *source.shape)).astype(np.float32)
    result = regrid(values, source, target)
    assert result.shape == (2, 3, *target.shape)
    np.testing.assert_array_equal(result[1, 2], regrid(values[1, 2], source, target))

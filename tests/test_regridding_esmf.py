"""Regridding with ESMF: what xESMF is given and asked, and ESMF itself where it is there."""

import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.esmf import EsmfRegridder
from differland.regridding.grid import Grid, regular_grid

SOURCE = Grid(np.array([30.0, 0, -30]), np.array([0.0, 40, 80, 120]))
TARGET = Grid(np.array([30.0, -30]), np.array([-40.0, 0, 40, 80]))
VALUES = np.array([[1.0, 2, 3], [5, 8, 7]])


def nodes(step: float) -> Grid:
    count = round(180 / step)
    return Grid.from_coordinates(
        90 - step * np.arange(count + 1), step * np.arange(2 * count), "nodes"
    )


# -------------------------------------------------------------------- what xESMF is given and asked


class FakeOperator:
    """Gives back the fields that it is called with, and remembers how it was called."""

    def __call__(self, values: np.ndarray, **options: object) -> np.ndarray:
        self.values, self.options = values, options
        return values

    def to_netcdf(self, path: Path) -> None:
        weights = {name: ("n_s", [1.0]) for name in ("S", "row", "col")}
        xr.Dataset(weights).to_netcdf(path)


class FakeXesmf:
    """Remembers what it was asked to make."""

    def __init__(self) -> None:
        self.asked: list[tuple[xr.Dataset, xr.Dataset, str, xr.Dataset | None]] = []

    def Regridder(  # noqa: N802
        self,
        source: xr.Dataset,
        target: xr.Dataset,
        method: str,
        ignore_degenerate: bool,
        weights: xr.Dataset | None,
    ) -> FakeOperator:
        assert ignore_degenerate
        self.asked.append((source, target, method, weights))
        return FakeOperator()


@pytest.fixture
def xesmf(monkeypatch: pytest.MonkeyPatch) -> FakeXesmf:
    module = FakeXesmf()
    monkeypatch.setitem(sys.modules, "xesmf", module)
    return module


def test_without_xesmf_the_message_says_what_needs_it_and_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xesmf", None)
    with pytest.raises(InputError) as caught:
        EsmfRegridder.between(SOURCE, TARGET, "conservative", needed_by="raw.method")
    for part in ("raw.method", "xesmf", "conda-forge", "envs/regrid.yaml", "--sdm conda"):
        assert part in str(caught.value)


def test_weights_are_made_once_and_kept_for_each_pair_of_grids_and_method(tmp_path, xesmf):
    folder = tmp_path / "weights"
    for _ in range(2):
        EsmfRegridder.between(SOURCE, TARGET, "conservative", folder)
    made, kept = (weights for *_, weights in xesmf.asked)
    assert made is None
    assert set(kept.variables) == {"S", "row", "col"}
    others = (
        (Grid(np.array([30.0, 0, -31]), SOURCE.longitude_edges), TARGET, "conservative"),
        # Edges with the same midpoints.
        (Grid(np.array([35.0, -5, -25]), SOURCE.longitude_edges), TARGET, "conservative"),
        (SOURCE, Grid(TARGET.latitude_edges, TARGET.longitude_edges + 1), "conservative"),
        (SOURCE, TARGET, "bilinear"),
    )
    for number, other in enumerate(others, start=2):
        EsmfRegridder.between(*other, folder)
        assert xesmf.asked[-1][-1] is None
        assert len(list(folder.iterdir())) == number


def test_damaged_weights_are_refused(tmp_path, xesmf):
    EsmfRegridder.between(SOURCE, TARGET, "conservative", tmp_path)
    (path,) = tmp_path.iterdir()
    with path.open("r+b") as file:
        file.seek(8)
        file.write(b"\xff")
    with pytest.raises(InputError, match="the file is damaged"):
        EsmfRegridder.between(SOURCE, TARGET, "conservative", tmp_path)


def test_missing_values_and_the_coverage_that_is_asked_for_are_left_to_xesmf(xesmf):
    regridder = EsmfRegridder.between(SOURCE, TARGET, "conservative")
    regridder.apply(VALUES.T.astype(np.float32).T, 0.3)
    np.testing.assert_array_equal(regridder.operator.values, VALUES)
    assert regridder.operator.values.dtype == np.float64
    assert regridder.operator.values.flags.c_contiguous
    assert regridder.operator.options["skipna"] is True
    assert regridder.operator.options["na_thres"] == pytest.approx(0.7, abs=2e-6)


def test_cells_are_given_by_edges(xesmf):
    EsmfRegridder.between(SOURCE, TARGET, "conservative")
    ((source, target, method, _),) = xesmf.asked
    assert method == "conservative"
    np.testing.assert_array_equal(source["lat_b"], [30, 0, -30])
    np.testing.assert_array_equal(source["lon_b"], [0, 40, 80, 120])
    np.testing.assert_array_equal(source["lon"], [20, 60, 100])
    np.testing.assert_array_equal(target["lat"], [0])


def test_nodes_on_the_poles_and_the_circle_of_nodes(xesmf):
    # Nodes at 90, 0 and 90 S by 0, 120 and 240 E; the fourth column is the first one.
    grid = Grid.from_coordinates(np.array([90.0, 0, -90]), np.array([0.0, 120, 240]), "nodes")
    regridder = EsmfRegridder.between(grid, TARGET, "bilinear")
    ((source, *_),) = xesmf.asked
    np.testing.assert_array_equal(source["lat"], [90, 0, -90])
    np.testing.assert_array_equal(source["lon"] % 360, [0, 120, 240, 0])
    assert "lat_b" not in source
    np.testing.assert_array_equal(regridder.apply(VALUES), VALUES[:, [0, 1, 2, 0]])


def test_only_half_rows_at_the_poles_of_a_source_have_such_nodes(xesmf):
    EsmfRegridder.between(regular_grid(30), nodes(30), "bilinear")
    window = Grid(np.array([80.0, 75, 65]), np.array([0.0, 10, 20]))
    EsmfRegridder.between(window, TARGET, "bilinear")
    (globe, target, *_), (part, *_) = xesmf.asked
    np.testing.assert_array_equal(target["lat"], [82.5, 60, 30, 0, -30, -60, -82.5])
    np.testing.assert_array_equal(globe["lat"], [75, 45, 15, -15, -45, -75])
    assert globe["lon"].size == 13
    np.testing.assert_array_equal(part["lat"], [77.5, 70])
    assert part["lon"].size == 2


def test_cells_that_great_circles_cannot_bound_are_refused(xesmf):
    thirds = Grid(np.array([90.0, 0, -90]), np.array([-180.0, -60, 60, 180]))
    for pair in ((thirds, TARGET), (SOURCE, thirds)):
        with pytest.raises(InputError, match=r"longitude: .* at most 90 .*, found 120 degrees"):
            EsmfRegridder.between(*pair, "conservative")


def test_what_esmf_refuses_is_told_with_the_product(xesmf, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("rc = 506")

    monkeypatch.setattr(xesmf, "Regridder", refuse)
    with pytest.raises(InputError, match=r"^era5: grid: .*found 2 x 3 cells .*rc = 506"):
        EsmfRegridder.between(SOURCE, TARGET, "bilinear", needed_by="era5")


# ------------------------------------------------------------------------------------ ESMF itself


@pytest.fixture
def esmf() -> None:
    pytest.importorskip("xesmf", exc_type=ImportError)


def smooth(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """A field of low harmonics about 10, of amplitude 3."""
    latitude, longitude = np.deg2rad(latitude), np.deg2rad(longitude)
    return 10 + np.sin(latitude) + 2 * np.cos(latitude) ** 2 * np.cos(2 * longitude + 1)


def smooth_on(grid: Grid) -> np.ndarray:
    return smooth(grid.latitude[:, None], grid.longitude)


PAIRS = {
    "coarser": (regular_grid(2), regular_grid(5)),
    "finer": (regular_grid(5), regular_grid(2)),
    "rising": (
        Grid(regular_grid(2).latitude_edges[::-1], regular_grid(2).longitude_edges),
        regular_grid(5),
    ),
    "eastward from 0 to westward": (
        Grid(regular_grid(2).latitude_edges, regular_grid(2).longitude_edges + 180),
        Grid(regular_grid(5).latitude_edges, regular_grid(5).longitude_edges[::-1]),
    ),
    "nodes on the poles": (nodes(2.5), regular_grid(4)),
    "patches of 4 x 5 degrees": (
        regular_grid(1),
        Grid(np.arange(90.0, -91, -4), np.arange(-180.0, 181, 5)),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_esmf_agrees_with_the_exact_operator(name, esmf):
    source, target = PAIRS[name]
    regridder = EsmfRegridder.between(source, target, "conservative")
    exact = Regridder.between(source, target)
    values = smooth_on(source)
    expected = exact.apply(values)
    np.testing.assert_allclose(regridder.apply(values), expected, rtol=4e-4)
    np.testing.assert_allclose(regridder.apply(np.full(source.shape, 7.3)), 7.3, rtol=1e-12)


def test_what_differs_are_great_circles(esmf):
    # A great circle leaves the parallel by the square of its length times sin(2 latitude): most
    # at 45 degrees, nothing at the poles.
    deviations = []
    for size in (1, 0.5):
        source, target = regular_grid(4 * size), regular_grid(10 * size)
        values = smooth_on(source)
        found = EsmfRegridder.between(source, target, "conservative").apply(values)
        by_row = np.abs(found - Regridder.between(source, target).apply(values)).max(axis=1)
        assert 30 < abs(target.latitude[by_row.argmax()]) < 60
        assert by_row[[0, -1]].max() < by_row.max() / 20
        deviations.append(by_row.max())
    assert deviations[0] / deviations[1] == pytest.approx(4, rel=0.1)


def test_esmf_and_the_exact_operator_see_the_same_gaps(esmf):
    # Meridians are great circles: either operator sees half of the cells from 60 to 64 E.
    source, target = regular_grid(2), regular_grid(4)
    values = smooth_on(source)
    values[:, 90:121] = np.nan
    regridder = EsmfRegridder.between(source, target, "conservative")
    exact = Regridder.between(source, target)
    for coverage in (0, 0.3, 0.6, 1):
        found, expected = regridder.apply(values, coverage), exact.apply(values, coverage)
        assert 0 < np.isnan(expected).sum() < expected.size
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_window_is_all_that_is_observed(esmf):
    source = Grid(np.arange(60.0, 49, -1), np.arange(-10.0, 11))
    result = EsmfRegridder.between(source, regular_grid(4), "conservative").apply(
        np.ones(source.shape), minimum_coverage=0.01
    )
    expected = Regridder.between(source, regular_grid(4)).apply(
        np.ones(source.shape), minimum_coverage=0.01
    )
    np.testing.assert_allclose(result, expected)


def test_midpoints_between_nodes_are_their_mean(esmf):
    source, target = nodes(2), regular_grid(2)
    values = np.random.default_rng(0).uniform(9, 11, source.shape)
    values[[0, -1]] = values[[0, -1], :1]  # a pole has one value
    result = EsmfRegridder.between(source, target, "bilinear").apply(values)
    # Node 0 is at 0 E, the middle of the target.
    from_date_line = np.roll(values, 90, axis=1)
    west, east = from_date_line, np.roll(from_date_line, -1, axis=1)
    expected = (west[:-1] + west[1:] + east[:-1] + east[1:]) / 4
    np.testing.assert_allclose(result, expected, rtol=1e-3)


def test_bilinear_gives_nothing_beyond_the_outermost_nodes(esmf):
    source, target = regular_grid(4), regular_grid(2)
    result = EsmfRegridder.between(source, target, "bilinear").apply(smooth_on(source))
    # Nodes are at 88 N to 88 S, the outer midpoints at 89.
    assert np.isnan(result[[0, -1]]).all()
    np.testing.assert_allclose(result[1:-1], smooth_on(target)[1:-1], rtol=2e-3)
    window = Grid(source.latitude_edges[:11], source.longitude_edges[:21])
    result = EsmfRegridder.between(window, target, "bilinear").apply(smooth_on(window))
    rows = (target.latitude > 52) & (target.latitude < 88)
    columns = (target.longitude > -178) & (target.longitude < -102)
    np.testing.assert_array_equal(np.isfinite(result), rows[:, None] & columns)


@pytest.mark.parametrize("method", ["conservative", "bilinear"])
def test_kept_weights_give_the_same_and_files_that_other_tools_read(method, tmp_path, esmf):
    source, target = regular_grid(10), regular_grid(15)
    made, kept = (EsmfRegridder.between(source, target, method, tmp_path) for _ in range(2))
    values = np.stack([smooth_on(source), np.where(smooth_on(source) < 10, np.nan, 1)])
    np.testing.assert_array_equal(kept.apply(values, 0.5), made.apply(values, 0.5))
    (path,) = tmp_path.iterdir()
    with netCDF4.Dataset(path) as file:
        # Cells are counted from 1 along rows; the first column of nodes is repeated.
        columns = 36 + (method == "bilinear")
        for name, count in (("row", 12 * 24), ("col", 18 * columns)):
            assert file[name][:].min() >= 1 and file[name][:].max() <= count


@pytest.mark.parametrize("height", [3, 30, 90])
def test_wide_cells_lose_nothing(height, esmf):
    source = Grid(np.arange(90.0, -91, -height), np.arange(-180.0, 181, 90))
    target = Grid(np.arange(90.0, -1, -2), np.arange(0.0, 121, 2))
    result = EsmfRegridder.between(source, target, "conservative").apply(
        np.ones(source.shape), minimum_coverage=1
    )
    np.testing.assert_allclose(result, 1, rtol=1e-12)

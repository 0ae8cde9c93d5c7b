"""Regridding with weights of ESMF: files of weights by hand, and ESMF itself where it is there."""

import sys
from pathlib import Path
from types import SimpleNamespace

import netCDF4
import numpy as np
import pytest
import xarray as xr

from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.esmf import Cells, EsmfRegridder, great_circle_areas, grids_digest
from differland.regridding.grid import EARTH_RADIUS, Grid, regular_grid

SPHERE = 4 * np.pi * EARTH_RADIUS**2

# Two rows about the equator by three columns, and cells of two rows each: by symmetry a target
# cell is half of either source cell, also between great circles. The first one is outside.
SOURCE = Grid(np.array([30.0, 0, -30]), np.array([0.0, 40, 80, 120]))
TARGET = Grid(np.array([30.0, -30]), np.array([-40.0, 0, 40, 80]))
VALUES = np.array([[1.0, 2, 3], [5, 8, 7]])


def nodes(step: float) -> Grid:
    count = round(180 / step)
    return Grid.from_coordinates(
        90 - step * np.arange(count + 1), step * np.arange(2 * count), "nodes"
    )


def cells(grid: Grid, cyclic: bool = False) -> Cells:
    """The grid as ESMF has it: two-dimensional arrays."""
    longitude, latitude = np.meshgrid(grid.longitude, grid.latitude)
    longitude_corners, latitude_corners = np.meshgrid(grid.longitude_edges, grid.latitude_edges)
    return Cells(latitude, longitude, (latitude_corners, longitude_corners), cyclic)


def weight_file(path: Path, made_for: str | None, **changes: np.ndarray) -> Path:
    """A file as ESMF lays it out: a list of weights with numbers of cells, counted from 1."""
    variables = {
        "S": np.array([0.5, 0.5, 0.5, 0.5]),
        "col": np.array([5, 1, 2, 4], dtype=np.int32),
        "row": np.array([3, 2, 3, 2], dtype=np.int32),
    } | changes
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("n_s", 4)
        for name, values in variables.items():
            file.createVariable(name, values.dtype, ("n_s",))[:] = values
        if made_for is not None:
            file.made_for = made_for
    return path


def made_for(method: str = "conservative") -> str:
    return grids_digest(cells(SOURCE), cells(TARGET), method)


@pytest.fixture
def no_esmf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing xesmf fails, also where it is installed."""
    monkeypatch.setitem(sys.modules, "xesmf", None)


@pytest.fixture
def kept(tmp_path: Path, no_esmf: None) -> EsmfRegridder:
    """The operator of the file of weights, without ESMF."""
    path = weight_file(tmp_path / "weights.nc", made_for())
    return EsmfRegridder.between(SOURCE, TARGET, "conservative", path)


# ---------------------------------------------------------------------------------- kept weights


def test_weights_of_a_file_by_hand(kept):
    np.testing.assert_allclose(kept.apply(VALUES), [[np.nan, 3, 5]])
    np.testing.assert_allclose(kept.apply(VALUES, minimum_coverage=1), [[np.nan, 3, 5]])


def test_totals_by_hand(kept):
    totals = kept.apply(VALUES, quantity="extensive")
    np.testing.assert_allclose(totals, [[np.nan, 6, 10]], rtol=1e-14)


def test_what_is_missing_has_no_weight_and_too_little_is_missing(kept):
    values = np.where(VALUES == 8, np.nan, VALUES)
    np.testing.assert_allclose(kept.apply(values), [[np.nan, 3, 2]])
    np.testing.assert_allclose(kept.apply(values, 0.5), [[np.nan, 3, 2]])
    np.testing.assert_allclose(kept.apply(values, 0.51), [[np.nan, 3, np.nan]])
    # A total is not made up for what was not observed.
    np.testing.assert_allclose(kept.apply(values, quantity="extensive"), [[np.nan, 6, 2]])
    assert np.isnan(kept.apply(np.full((2, 3), np.nan))).all()


def test_other_dimensions_are_fields(kept):
    values = np.stack([VALUES, np.where(VALUES == 8, np.nan, VALUES)])[None].astype(np.float32)
    np.testing.assert_allclose(kept.apply(values), [[[[np.nan, 3, 5]], [[np.nan, 3, 2]]]])


def test_a_band_is_the_whole(kept):
    (band,) = kept.bands(fields=7)
    assert (band.target, band.source) == (slice(0, 1), slice(0, 2))
    np.testing.assert_array_equal(band.regridder.apply(VALUES[band.source]), kept.apply(VALUES))


def test_a_transposed_field_is_refused(kept):
    with pytest.raises(ValueError, match=r"\(2, 3\), found \(3, 2\)"):
        kept.apply(VALUES.T)


def test_bilinear_adds_no_totals(tmp_path, no_esmf):
    source, target = (cells(grid)._replace(corners=None) for grid in (SOURCE, TARGET))
    digest = grids_digest(source, target, "bilinear")
    path = weight_file(tmp_path / "weights.nc", digest)
    regridder = EsmfRegridder.between(SOURCE, TARGET, "bilinear", path)
    np.testing.assert_allclose(regridder.apply(VALUES), [[np.nan, 3, 5]])
    with pytest.raises(InputError, match=r"expected conservative .*found bilinear"):
        regridder.apply(VALUES, quantity="extensive")


OTHERS = {
    "source": (Grid(np.array([30.0, 0, -31]), SOURCE.longitude_edges), TARGET, "conservative"),
    "edges with the same midpoints": (
        Grid(np.array([35.0, -5, -25]), SOURCE.longitude_edges),
        TARGET,
        "conservative",
    ),
    "target": (SOURCE, Grid(TARGET.latitude_edges, TARGET.longitude_edges + 1), "conservative"),
    "method": (SOURCE, TARGET, "bilinear"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_weights_of_others_are_not_used(name, tmp_path, no_esmf):
    path = weight_file(tmp_path / "weights.nc", made_for())
    with pytest.raises(InputError, match=r"^era5: ESMF: expected the Python package xesmf"):
        EsmfRegridder.between(*OTHERS[name], path, needed_by="era5")


def test_without_xesmf_the_message_says_what_needs_it_and_how_to_get_it(no_esmf):
    with pytest.raises(InputError) as caught:
        EsmfRegridder.between(SOURCE, TARGET, "conservative", needed_by="raw.method")
    for part in ("raw.method", "xesmf", "conda-forge", "envs/regrid.yaml", "--sdm conda"):
        assert part in str(caught.value)


BAD = {
    "another file": ({}, None, "made_for: expected a file of weights that this library wrote"),
    "beyond the source": (
        {"col": np.array([5, 1, 2, 7], dtype=np.int32)},
        made_for(),
        "col: expected numbers of cells from 1 to 6, found 1 to 7",
    ),
    "counted from 0": (
        {"row": np.array([2, 1, 2, 0], dtype=np.int32)},
        made_for(),
        "row: expected numbers of cells from 1 to 3, found 0 to 2",
    ),
    "no number": (
        {"S": np.array([0.5, 0.5, np.nan, 0.5])},
        made_for(),
        "S: expected finite numbers",
    ),
    "more than the whole": (
        {"S": np.array([0.5, 0.5, 0.75, 0.5])},
        made_for(),
        r"expected source cells that do not overlap, .* covered 1\.25 times",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_hold_no_such_weights_are_refused(case, tmp_path, no_esmf):
    changes, digest, message = BAD[case]
    path = weight_file(tmp_path / "weights.nc", digest, **changes)
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        EsmfRegridder.between(SOURCE, TARGET, "conservative", path)
    assert path.read_bytes() == before


def test_a_file_without_weights_is_refused(tmp_path, no_esmf):
    xr.Dataset({"S": ("n_s", [1.0])}, attrs={"made_for": made_for()}).to_netcdf(tmp_path / "w.nc")
    with pytest.raises(InputError, match="col, row: expected weights of ESMF"):
        EsmfRegridder.between(SOURCE, TARGET, "conservative", tmp_path / "w.nc")


# ---------------------------------------------------------------------- what xESMF gets and gives


class FakeXesmf:
    """Gives the weights it is told to, and remembers what it was asked."""

    def __init__(self, rows: list[int], columns: list[int], weights: list[float]) -> None:
        matrix = SimpleNamespace(coords=np.array([rows, columns]), data=np.array(weights))
        self.answer = SimpleNamespace(weights=SimpleNamespace(data=matrix))
        self.asked: list[tuple[xr.Dataset, xr.Dataset, str]] = []

    def Regridder(  # noqa: N802
        self, source: xr.Dataset, target: xr.Dataset, method: str, **_: object
    ) -> SimpleNamespace:
        self.asked.append((source, target, method))
        return self.answer


def fake(monkeypatch: pytest.MonkeyPatch, *weights: list) -> FakeXesmf:
    module = FakeXesmf(*weights)
    monkeypatch.setitem(sys.modules, "xesmf", module)
    return module


HALVES = ([1, 2, 2, 1], [0, 1, 4, 3], [0.5] * 4)


def test_weights_are_made_once_kept_and_replaced(tmp_path, monkeypatch):
    module, path = fake(monkeypatch, *HALVES), tmp_path / "folder" / "weights.nc"
    made = EsmfRegridder.between(SOURCE, TARGET, "conservative", path)
    written = path.stat()
    read = EsmfRegridder.between(SOURCE, TARGET, "conservative", path)
    assert len(module.asked) == 1
    assert path.stat() == written
    for regridder in (made, read):
        np.testing.assert_allclose(regridder.apply(VALUES), [[np.nan, 3, 5]])
    with netCDF4.Dataset(path) as file:
        assert sorted(zip(file["row"][:], file["col"][:], strict=True)) == [
            *((2, 1), (2, 4)),
            *((3, 2), (3, 5)),
        ]
        assert file["S"][:].tolist() == [0.5] * 4
    other = Grid(SOURCE.latitude_edges, SOURCE.longitude_edges + 1)
    EsmfRegridder.between(other, TARGET, "conservative", path)
    EsmfRegridder.between(SOURCE, TARGET, "conservative", path)
    assert len(module.asked) == 3
    assert [file.name for file in path.parent.iterdir()] == ["weights.nc"]


def test_weights_that_fail_leave_the_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "weights.nc"
    fake(monkeypatch, *HALVES)
    EsmfRegridder.between(SOURCE, TARGET, "conservative", path)
    before = path.read_bytes()
    fake(monkeypatch, [0, 0], [0, 1], [0.8, 0.8])
    with pytest.raises(InputError, match="do not overlap"):
        EsmfRegridder.between(TARGET, SOURCE, "conservative", path)
    assert path.read_bytes() == before


def test_cells_are_given_by_corners(monkeypatch):
    module = fake(monkeypatch, *HALVES)
    EsmfRegridder.between(SOURCE, TARGET, "conservative")
    ((source, target, method),) = module.asked
    assert method == "conservative"
    assert source["lat_b"].shape == (3, 4) and target["lat_b"].shape == (2, 4)
    np.testing.assert_array_equal(source["lat_b"][:, 0], [30, 0, -30])
    np.testing.assert_array_equal(source["lon_b"][0], [0, 40, 80, 120])
    np.testing.assert_array_equal(target["lat"], [[0, 0, 0]])


def test_nodes_on_the_poles_and_the_circle_of_nodes(monkeypatch):
    # Nodes at 90, 0 and 90 S by 0, 120 and 240 E; the fourth column is the first one.
    grid = Grid.from_coordinates(np.array([90.0, 0, -90]), np.array([0.0, 120, 240]), "nodes")
    target = Grid(np.array([60.0, 30]), np.array([270.0, 330]))
    module = fake(monkeypatch, [0, 0, 0, 0], [2, 3, 6, 7], [0.1, 0.2, 0.3, 0.4])
    regridder = EsmfRegridder.between(grid, target, "bilinear")
    ((source, _, _),) = module.asked
    np.testing.assert_array_equal(source["lat"][:, 0], [90, 0, -90])
    np.testing.assert_array_equal(source["lon"][0] % 360, [0, 120, 240, 0])
    assert "lat_b" not in source
    values = np.arange(9.0).reshape(3, 3)
    expected = 0.1 * values[0, 2] + 0.2 * values[0, 0] + 0.3 * values[1, 2] + 0.4 * values[1, 0]
    np.testing.assert_allclose(regridder.apply(values), [[expected]])


def test_only_half_rows_at_the_poles_of_a_source_have_such_nodes(monkeypatch):
    module = fake(monkeypatch, [0], [0], [1.0])
    EsmfRegridder.between(regular_grid(30), nodes(30), "bilinear")
    window = Grid(np.array([80.0, 75, 65]), np.array([0.0, 10, 20]))
    EsmfRegridder.between(window, TARGET, "bilinear")
    (globe, target, _), (part, _, _) = module.asked
    np.testing.assert_array_equal(target["lat"][:, 0], [82.5, 60, 30, 0, -30, -60, -82.5])
    np.testing.assert_array_equal(globe["lat"][:, 0], [75, 45, 15, -15, -45, -75])
    assert globe["lat"].shape == (6, 13)
    np.testing.assert_array_equal(part["lat"], [[77.5, 77.5], [70, 70]])


def test_cells_that_great_circles_cannot_bound_are_refused(monkeypatch):
    fake(monkeypatch, *HALVES)
    thirds = Grid(np.array([90.0, 0, -90]), np.array([-180.0, -60, 60, 180]))
    for pair in ((thirds, TARGET), (SOURCE, thirds)):
        with pytest.raises(InputError, match=r"longitude: .* at most 90 .*, found 120 degrees"):
            EsmfRegridder.between(*pair, "conservative")


def test_what_esmf_refuses_is_told_with_the_product(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("rc = 506")

    fake(monkeypatch, *HALVES).Regridder = refuse
    with pytest.raises(InputError, match=r"^era5: grid: .*found 2 x 3 cells .*rc = 506"):
        EsmfRegridder.between(SOURCE, TARGET, "bilinear", needed_by="era5")


# ----------------------------------------------------------------------------------------- areas


def test_areas_between_great_circles_by_hand():
    # An eighth of the sphere is a triangle of three right angles.
    octant = great_circle_areas(*np.meshgrid([0.0, 90], [90.0, 180], indexing="ij"))
    np.testing.assert_allclose(octant, [[SPHERE / 8]], rtol=1e-14)
    # A square of four arcs about a point: by Girard, its angles less a full turn. The corners of
    # a cube's face have angles of 120 degrees, and six faces fill the sphere.
    latitude = np.rad2deg(np.arctan(1 / np.sqrt(2)))
    face = great_circle_areas(
        np.array([[latitude, latitude], [-latitude, -latitude]]),
        np.array([[-45.0, 45], [-45, 45]]),
    )
    np.testing.assert_allclose(face, [[SPHERE / 6]], rtol=1e-14)


def test_areas_fill_the_sphere_and_become_those_of_parallels():
    for grid in (regular_grid(10), regular_grid(1)):
        areas = great_circle_areas(*cells(grid).corners)
        assert areas.sum() == pytest.approx(SPHERE, rel=1e-12)
    np.testing.assert_allclose(areas[5:-5], grid.cell_areas()[5:-5], rtol=1e-3)
    small = Grid(np.array([60.0, 60.001]), np.array([10.0, 10.001]))
    areas = great_circle_areas(*cells(small).corners)
    np.testing.assert_allclose(areas, small.cell_areas(), rtol=1e-8)


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
    totals = regridder.apply(values, quantity="extensive")
    assert totals.sum() == pytest.approx(values.sum(), rel=1e-12)
    np.testing.assert_allclose(totals, exact.apply(values, quantity="extensive"), rtol=2e-3)


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


def test_weights_that_esmf_made_are_read_without_it(tmp_path, esmf, monkeypatch):
    source, target, path = regular_grid(10), regular_grid(15), tmp_path / "weights.nc"
    made = EsmfRegridder.between(source, target, "conservative", path)
    monkeypatch.setitem(sys.modules, "xesmf", None)
    read = EsmfRegridder.between(source, target, "conservative", path)
    values = smooth_on(source)
    for quantity in ("intensive", "extensive"):
        np.testing.assert_array_equal(
            read.apply(values, quantity=quantity), made.apply(values, quantity=quantity)
        )


@pytest.mark.parametrize("height", [3, 30, 90])
def test_wide_cells_lose_nothing(height, esmf):
    source = Grid(np.arange(90.0, -91, -height), np.arange(-180.0, 181, 90))
    target = Grid(np.arange(90.0, -1, -2), np.arange(0.0, 121, 2))
    result = EsmfRegridder.between(source, target, "conservative").apply(
        np.ones(source.shape), minimum_coverage=1
    )
    np.testing.assert_allclose(result, 1, rtol=1e-12)

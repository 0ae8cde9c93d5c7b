"""Regridding: hand-derived numbers, what is conserved, what is missing, and whole files."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from differland.__main__ import main
from differland.datasets.native import find_variable
from differland.files import read_netcdf, write_netcdf
from differland.regridding.cf_files import regrid_file
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


# ------------------------------------------------------------------------------------------ files


def raw_file(grid: Grid, latitude: str = "lat", longitude: str = "lon") -> xr.Dataset:
    """A file as providers ship them: packed integers, fields of floats, things off the grid."""
    rng = np.random.default_rng(1)
    smooth = rng.random((3, *grid.shape)).astype(np.float32)
    smooth[:, :4, :5] = np.nan
    dataset = xr.Dataset(
        {
            "lai": (
                ("time", latitude, longitude),
                smooth,
                {"units": "1", "long_name": "leaf area index"},
            ),
            "packed": ((latitude, longitude), np.round(10 * rng.random(grid.shape), 2)),
            "fraction": ((latitude, longitude, "kind"), rng.random((*grid.shape, 2))),
            "burned": (
                ("time", latitude, longitude),
                rng.random((3, *grid.shape)),
                {"units": "km2", "cell_methods": "area: sum"},
            ),
            "co2": ("time", np.array([370.0, 371, 372]), {"units": "ppm"}),
            "crs": ((), np.int32(0), {"grid_mapping_name": "latitude_longitude"}),
            "name": ("kind", np.array(["tree", "grass"], dtype=object)),
        },
        coords={
            latitude: (latitude, grid.latitude, {"units": "degrees_north"}),
            longitude: (longitude, grid.longitude, {"units": "degrees_east"}),
            "time": ("time", np.arange(3), {"units": "days since 2001-01-01"}),
        },
        attrs={"title": "a product", "history": "made"},
    )
    dataset["packed"].encoding = {
        "dtype": "int16",
        "scale_factor": 0.01,
        "add_offset": 5.0,
        "_FillValue": -99,
    }
    return dataset


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "in.nc"
    raw_file(GRIDS["from 0"]).to_netcdf(path)
    return path


def run(*arguments: object) -> int:
    return main(["regrid", *map(str, arguments)])


@pytest.mark.parametrize("name", ["in.nc", "link.nc"])
@pytest.mark.parametrize("command", ["regrid", "simulate"])
def test_the_input_is_not_written_over(product, tmp_path, capsys, name, command):
    (tmp_path / "link.nc").symlink_to(product)
    before = product.read_bytes()
    assert main([command, str(product), str(tmp_path / name)]) == 2
    expected = f"{tmp_path / name}: output: expected another file than the input, {product}, found"
    assert expected in capsys.readouterr().err
    assert product.read_bytes() == before and (tmp_path / "link.nc").is_symlink()


def test_a_file_is_regridded(product, tmp_path):
    assert run(product, tmp_path / "out.nc", "--resolution", 3) == 0
    source, result = read_netcdf(product), read_netcdf(tmp_path / "out.nc")
    grid, target = GRIDS["from 0"], regular_grid(3)
    for name in ("lai", "packed"):
        expected = regrid(source[name].to_numpy(), grid, target)
        np.testing.assert_allclose(result[name], expected, rtol=1e-6)
        assert result[name].attrs == source[name].attrs
    assert result["lai"].dtype == np.float32
    assert result["lai"].dims == ("time", "lat", "lon")
    fraction = regrid(np.moveaxis(source["fraction"].to_numpy(), -1, 0), grid, target)
    np.testing.assert_allclose(result["fraction"], np.moveaxis(fraction, 0, -1), rtol=1e-14)
    np.testing.assert_allclose(
        result["burned"].sum(("lat", "lon")), source["burned"].sum(("lat", "lon")), rtol=1e-12
    )
    for name in ("co2", "crs", "name", "time"):
        xr.testing.assert_identical(result[name].variable, source[name].variable)
    np.testing.assert_array_equal(result["lat"], target.latitude)
    np.testing.assert_array_equal(result["lon"], target.longitude)
    np.testing.assert_array_equal(result["lat_bnds"][:, 0], target.latitude_edges[:-1])
    assert result.attrs["title"] == "a product"
    assert result.attrs["history"].endswith("made")
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["lai"].filters()["zlib"]


def test_the_default_is_the_studys_grid(product, tmp_path):
    assert run(product, tmp_path / "out.nc") == 0
    result = read_netcdf(tmp_path / "out.nc")
    np.testing.assert_array_equal(result["lat"], STUDY_GRID.latitude)
    np.testing.assert_array_equal(result["lon"], STUDY_GRID.longitude)


def test_coverage_and_totals_are_chosen(product, tmp_path):
    run(
        product,
        tmp_path / "out.nc",
        "--resolution",
        3,
        "--minimum-coverage",
        0.9,
        "--totals",
        "lai",
    )
    source = read_netcdf(product)["lai"].to_numpy()
    expected = regrid(source, GRIDS["from 0"], regular_grid(3), minimum_coverage=0.9,
                      quantity="extensive")  # fmt: skip
    np.testing.assert_allclose(read_netcdf(tmp_path / "out.nc")["lai"], expected, rtol=1e-6)
    assert np.isnan(expected).sum() > 0


@pytest.mark.parametrize(
    ("format_", "chunks"),
    [
        ("NETCDF3_CLASSIC", None),
        ("NETCDF4", None),
        ("NETCDF4", (1, 45, 90)),
        ("NETCDF4", (3, 7, 11)),
        ("NETCDF4", (2, 1, 90)),
    ],
)
def test_blocks_of_a_file_change_nothing(tmp_path, monkeypatch, format_, chunks):
    dataset = raw_file(GRIDS["from 0"])[["lai", "fraction"]]
    dataset.to_netcdf(
        tmp_path / "in.nc",
        format=format_,
        encoding={"lai": {"chunksizes": chunks}} if chunks else {},
    )
    run(tmp_path / "in.nc", tmp_path / "whole.nc", "--resolution", 3)
    monkeypatch.setattr("differland.regridding.cf_files.MAXIMUM_VALUES", 500)
    run(tmp_path / "in.nc", tmp_path / "blocks.nc", "--resolution", 3)
    whole, blocks = read_netcdf(tmp_path / "whole.nc"), read_netcdf(tmp_path / "blocks.nc")
    xr.testing.assert_equal(whole, blocks)
    assert np.isfinite(whole["lai"]).any()


def test_bounds_of_a_file_are_used(tmp_path):
    grid = Grid(np.array([90.0, 30, -30, -90]), np.array([-180.0, 0, 180]))
    values = np.arange(6.0).reshape(3, 2)
    dataset = xr.Dataset(
        {
            "x": (("lat", "lon"), values),
            "lat_bnds": (("lat", "nv"), np.array([[90.0, 30], [30, -30], [-30, -90]])),
            "lon_bnds": (("lon", "nv"), np.array([[-180.0, 0], [0, 180]])),
        },
        coords={
            "lat": ("lat", [50.0, 0, -50], {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": ("lon", [-90.0, 90], {"units": "degrees_east", "bounds": "lon_bnds"}),
        },
    )
    dataset.to_netcdf(tmp_path / "in.nc")
    assert run(tmp_path / "in.nc", tmp_path / "out.nc", "--resolution", 10) == 0
    result = read_netcdf(tmp_path / "out.nc")
    np.testing.assert_allclose(result["x"], regrid(values, grid, regular_grid(10)), rtol=1e-14)
    assert result["lat_bnds"].shape == (18, 2)


FOUND = {
    "standard name": (
        "row",
        "column",
        {"standard_name": "latitude"},
        {"standard_name": "longitude"},
    ),
    "units": ("row", "column", {"units": "degree_N"}, {"units": "degreesE"}),
    "axis": ("row", "column", {"axis": "Y"}, {"axis": "X"}),
    "name": ("Latitude", "LON", {}, {}),
}


@pytest.mark.parametrize("way", FOUND)
def test_horizontal_axes_are_found_by(way, tmp_path):
    latitude, longitude, *attributes = FOUND[way]
    dataset = raw_file(regular_grid(10), latitude, longitude)[["lai"]]
    for name, more in zip((latitude, longitude), attributes, strict=True):
        dataset[name].attrs = {"units": "degrees"} | more
    dataset.to_netcdf(tmp_path / "in.nc")
    assert run(tmp_path / "in.nc", tmp_path / "out.nc", "--resolution", 10) == 0
    result = read_netcdf(tmp_path / "out.nc")
    assert result["lai"].dims == ("time", latitude, longitude)
    assert result[latitude].attrs["units"] == "degrees_north"


def test_auxiliary_coordinates_in_one_dimension_do(tmp_path):
    dataset = raw_file(regular_grid(10))[["lai"]].rename_dims(lat="y", lon="x")
    dataset.reset_index(["lat", "lon"], drop=False).to_netcdf(tmp_path / "in.nc")
    assert run(tmp_path / "in.nc", tmp_path / "out.nc", "--resolution", 10) == 0
    assert read_netcdf(tmp_path / "out.nc")["lai"].dims == ("time", "lat", "lon")


def test_flags_and_zonal_variables_are_left_out_with_a_warning(tmp_path, caplog):
    dataset = raw_file(regular_grid(10))
    dataset["class"] = (
        ("lat", "lon"),
        np.ones((18, 36), dtype=np.int8),
        {"flag_values": np.arange(2, dtype=np.int8), "flag_meanings": "water land"},
    )
    dataset["zonal"] = ("lat", np.ones(18))
    dataset.to_netcdf(tmp_path / "in.nc")
    assert run(tmp_path / "in.nc", tmp_path / "out.nc", "--resolution", 5) == 0
    result = read_netcdf(tmp_path / "out.nc")
    assert not {"class", "zonal"} & set(result.variables)
    assert "class is left out" in caplog.text
    assert "zonal is left out" in caplog.text


def curvilinear(dataset: xr.Dataset) -> xr.Dataset:
    latitude, longitude = xr.broadcast(dataset["lat"], dataset["lon"])
    plain = dataset.drop_vars(["lat", "lon"])
    return plain.assign_coords(
        nav_lat=(("lat", "lon"), latitude.data, {"units": "degrees_north"}),
        nav_lon=(("lat", "lon"), longitude.data, {"units": "degrees_east"}),
    )


def without_units(dataset: xr.Dataset) -> xr.Dataset:
    dataset["lat"].attrs = {}
    return dataset


def with_units(units: str) -> object:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        dataset["lon"].attrs = {"units": units, "axis": "X"}
        return dataset

    return change


BAD = {
    "no horizontal axes": (
        lambda d: d.drop_vars(["lat", "lon"]),
        "latitude: expected a coordinate variable, found only",
    ),
    "coordinates in two dimensions": (
        curvilinear,
        r"nav_lat: expected coordinates in one dimension .*, found the dimensions lat, lon",
    ),
    "a list of cells": (
        lambda d: d[["co2"]].assign_coords(
            lat=("time", [1.0, 2, 3], {"units": "degrees_north"}),
            lon=("time", [1.0, 2, 3], {"units": "degrees_east"}),
        ),
        "lat, lon: expected a rectilinear grid: two horizontal dimensions, found both along time",
    ),
    "irregular": (lambda d: d.isel(lat=[0, 1, 2, 5, 6]), "latitude: expected evenly or smoothly"),
    "not monotonic": (lambda d: d.isel(lat=[0, 2, 1]), "latitude: expected values that rise or fa"),
    "units missing": (without_units, "lat: expected units degrees_north, found no units"),
    "other units": (with_units("m"), "lon: expected units degrees_east, found units m"),
    "two grids": (
        lambda d: d.assign_coords(lat_2=("lat_2", [0.0, 1], {"units": "degrees_north"})),
        "latitude: expected one horizontal grid, found the coordinates lat, lat_2",
    ),
    "nothing on the grid": (
        lambda d: d[["co2", "lat", "lon"]],
        "data variables: expected one or more along lat and lon, found none among",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_cannot_be_used_are_refused(case, tmp_path, capsys):
    change, message = BAD[case]
    change(raw_file(regular_grid(10))).to_netcdf(tmp_path / "in.nc")
    assert run(tmp_path / "in.nc", tmp_path / "out.nc") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'in.nc'}: ")
    assert re.search(message, error), error
    assert not (tmp_path / "out.nc").exists()


def test_a_file_that_breaks_off_leaves_nothing_behind(product, tmp_path, capsys):
    whole = product.read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    assert run(tmp_path / "cut.nc", tmp_path / "out.nc") == 2
    assert "cut.nc: file: expected a complete NetCDF file" in capsys.readouterr().err
    assert run(tmp_path / "absent.nc", tmp_path / "out.nc") == 2
    assert "no such file" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"in.nc", "cut.nc"}


def test_data_that_cannot_be_read_leave_what_was_there(tmp_path, capsys):
    dataset = raw_file(regular_grid(1))[["burned"]]
    dataset.to_netcdf(tmp_path / "in.nc", encoding={"burned": {"zlib": True}})
    content = bytearray((tmp_path / "in.nc").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    (tmp_path / "in.nc").write_bytes(content)
    (tmp_path / "out.nc").write_text("before")
    assert run(tmp_path / "in.nc", tmp_path / "out.nc") == 2
    assert "burned: expected a complete NetCDF file, found data that" in capsys.readouterr().err
    assert (tmp_path / "out.nc").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resolution", 0.7), "resolution: expected degrees that divide 180, found 0.7"),
        (("--minimum-coverage", 50), "minimum coverage: expected 0 to 1, found 50"),
        (("--totals", "lay"), "lay: expected a variable on the grid, found only lai"),
    ],
)
def test_options_that_make_no_sense_are_refused(product, tmp_path, capsys, options, message):
    assert run(product, tmp_path / "out.nc", *options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("resolution", [1.25, 3])
def test_cdo_gives_the_same(name, resolution, tmp_path):
    cdo = shutil.which("cdo")
    if cdo is None:
        pytest.skip("cdo is not installed")
    grid, target = GRIDS[name], regular_grid(resolution)
    values = noise(grid)
    values[(values > 11) & (grid.longitude > 20)] = np.nan
    latitude = grid.latitude.copy()
    if name == "nodes on the poles":
        latitude[[0, -1]] = 90, -90
    write_netcdf(
        xr.Dataset(
            {"x": (("lat", "lon"), values, {"units": "1"})},
            coords={
                "lat": ("lat", latitude, {"units": "degrees_north"}),
                "lon": ("lon", grid.longitude, {"units": "degrees_east"}),
            },
        ),
        tmp_path / "in.nc",
    )
    rows, columns = target.shape
    (tmp_path / "target.txt").write_text(
        f"gridtype = lonlat\nxsize = {columns}\nysize = {rows}\n"
        f"xfirst = {target.longitude[0]}\nxinc = {resolution}\n"
        f"yfirst = {target.latitude[0]}\nyinc = {-resolution}\n"
    )
    subprocess.run(
        [cdo, "-s", "-b", "F64", f"remapcon,{tmp_path / 'target.txt'}", tmp_path / "in.nc",
         tmp_path / "cdo.nc"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    assert run(tmp_path / "in.nc", tmp_path / "out.nc", "--resolution", resolution) == 0
    theirs, ours = read_netcdf(tmp_path / "cdo.nc")["x"], read_netcdf(tmp_path / "out.nc")["x"]
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("west", [0.0, -180.0])
@pytest.mark.parametrize("with_bounds", [True, False])
def test_a_last_column_that_repeats_the_first_is_left_out(tmp_path, west, with_bounds):
    lat, lon = np.arange(-80, 81, 40.0), west + np.arange(0, 361, 40.0)
    values = np.cos(np.deg2rad(lat))[:, None] + np.sin(np.deg2rad(lon))
    axes = {
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": ("lon", lon, {"units": "degrees_east"}),
    }
    dataset = xr.Dataset({"v": (("lat", "lon"), values)}, axes)
    if with_bounds:
        dataset["lon"].attrs["bounds"] = "lon_bnds"
        dataset["lon_bnds"] = (("lon", "bnds"), np.stack([lon - 20, lon + 20], axis=1))
    once = dataset.isel(lon=slice(None, -1))
    for name, file in (("twice", dataset), ("once", once)):
        file.to_netcdf(tmp_path / f"{name}.nc")
        regrid_file(tmp_path / f"{name}.nc", tmp_path / f"{name}_out.nc", regular_grid(10))
    twice, single = (read_netcdf(tmp_path / f"{name}_out.nc") for name in ("twice", "once"))
    xr.testing.assert_equal(twice["v"], single["v"])
    assert np.isfinite(twice["v"]).any()


def test_types_that_a_file_defines_are_left_out(tmp_path, caplog):
    path = tmp_path / "in.nc"
    raw_file(GRIDS["from 0"])[["lai"]].to_netcdf(path)
    with netCDF4.Dataset(path, "a") as dataset:
        kinds = dataset.createEnumType(np.uint8, "kinds", {"sea": 0, "land": 1})
        dataset.createVariable("kind", kinds, ("lat", "lon"), fill_value=1)
        pair = dataset.createCompoundType(np.dtype([("a", "f4"), ("b", "f4")]), "pair")
        dataset.createDimension("one", 1)
        dataset.createVariable("pairs", pair, ("one",))
    regrid_file(path, tmp_path / "out.nc", regular_grid(10))
    assert {"lai"} == set(read_netcdf(tmp_path / "out.nc").data_vars) - {"lat_bnds", "lon_bnds"}
    assert "kind is left out" in caplog.text
    assert "pairs is left out" in caplog.text


def test_a_file_on_which_no_lock_can_be_had_is_read(tmp_path):
    path = tmp_path / "in.nc"
    raw_file(GRIDS["from 0"])[["lai"]].to_netcdf(path)
    command = [sys.executable, "-m", "differland", "regrid", str(path), str(tmp_path / "out.nc")]
    environment = {key: os.environ[key] for key in os.environ if key != "HDF5_USE_FILE_LOCKING"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1] / "workflow")
    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        subprocess.run([*command, "--resolution", "10"], env=environment, check=True)
    assert (tmp_path / "out.nc").exists()


@pytest.mark.parametrize("declared", [1e20, np.array([1e20, -9999.0]), "1e20"])
def test_fill_values_of_another_precision_are_missing(tmp_path, declared):
    path = tmp_path / "in.nc"
    lai = raw_file(GRIDS["from 0"])["lai"].astype("f4").drop_encoding()
    lai[:] = 3.0
    lai[..., ::2] = 1e20
    lai.to_dataset().to_netcdf(path, encoding={"lai": {"_FillValue": None}})
    with netCDF4.Dataset(path, "a") as dataset:
        dataset["lai"].missing_value = declared
    regrid_file(path, tmp_path / "out.nc", regular_grid(10))
    assert read_netcdf(tmp_path / "out.nc")["lai"].max() == 3
    with netCDF4.Dataset(path) as dataset:
        native = find_variable(dataset, "lai", path)
    values = native.read(slice(0, 2))
    assert np.isnan(values[:, ::2]).all() and (values[:, 1::2] == 3).all()


def test_groups_are_left_out_with_a_warning(tmp_path, caplog):
    path = tmp_path / "in.nc"
    raw_file(GRIDS["from 0"])[["lai"]].to_netcdf(path)
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.createGroup("quality").createVariable("flag", "i1", ("lat", "lon"))
    regrid_file(path, tmp_path / "out.nc", regular_grid(10))
    assert "quality is left out: it is a group" in caplog.text

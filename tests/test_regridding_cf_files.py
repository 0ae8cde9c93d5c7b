"""Whole CF files: how their axes are found, what is regridded, copied and left out."""

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
from test_regridding_conservative import GRIDS, noise, regrid

from differland.__main__ import main
from differland.datasets.native import find_variable
from differland.files import read_netcdf, write_netcdf
from differland.regridding.cf_files import regrid_file
from differland.regridding.grid import Grid, regular_grid
from differland.regridding.study_grid import STUDY_GRID


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

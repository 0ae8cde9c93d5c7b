"""Files are whole or absent, and have the bits that were written."""

import json
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from differland.errors import InputError
from differland.files import (
    atomic_path,
    check_room,
    digest_of_dataset,
    load_arrays,
    read_json,
    read_netcdf,
    save_arrays,
    write_json,
    write_netcdf,
    write_netcdf_parts,
    write_text,
)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    write_text("old", tmp_path / "file.txt")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "file.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "file.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file.txt"]


def test_folders_are_made_and_netcdf_is_cf(tmp_path: Path):
    path = tmp_path / "a" / "b" / "file.nc"
    data = xr.Dataset({"x": ("cell", np.arange(100.0), {"units": "day"})})
    write_netcdf(data, path)
    again = read_netcdf(path)
    assert again.attrs["Conventions"] == "CF-1.11"
    assert "differland" in again.attrs["history"]
    # A duration stays a number.
    assert again["x"].dtype == np.float64
    assert again["x"].encoding["zlib"]


def test_parts_become_one_file_or_none(tmp_path: Path):
    time = np.arange("2001-01", "2001-05", dtype="datetime64[M]").astype("datetime64[ns]")
    whole = xr.Dataset(
        {"x": ("cell", np.arange(3.0)), "y": (("cell", "time"), np.ones((3, 4), np.float32))},
        {"lat": ("cell", np.arange(3.0)), "time": time},
        {"title": "parts"},
    )
    parts = [whole[["x"]], whole[["y"]].drop_attrs(deep=False)]
    write_netcdf_parts(parts, tmp_path / "parts.nc")
    write_netcdf(whole, tmp_path / "whole.nc")
    read = [read_netcdf(tmp_path / name).drop_attrs() for name in ("parts.nc", "whole.nc")]
    xr.testing.assert_identical(*read)
    assert read_netcdf(tmp_path / "parts.nc").attrs["title"] == "parts"
    assert read_netcdf(tmp_path / "parts.nc")["y"].encoding["zlib"]

    def broken():
        yield parts[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_netcdf_parts(broken(), tmp_path / "broken.nc")
    assert {path.name for path in tmp_path.iterdir()} == {"parts.nc", "whole.nc"}


def test_some_variables_are_read_with_their_coordinates(tmp_path: Path):
    whole = xr.Dataset(
        {name: ("cell", np.arange(3.0)) for name in ("x", "y", "z")}, {"lat": ("cell", np.ones(3))}
    )
    write_netcdf(whole, tmp_path / "file.nc")
    read = read_netcdf(tmp_path / "file.nc", names=["z", "none", "x"])
    assert list(read.data_vars) == ["z", "x"]
    xr.testing.assert_equal(read, whole[["z", "x"]])
    assert read_netcdf(tmp_path / "file.nc", names=["none"]).data_vars == {}


def test_a_chosen_fill_value_is_kept(tmp_path: Path):
    whole = xr.Dataset({"x": ("cell", [1.0, np.nan], {}, {"_FillValue": -1.0})})
    whole["y"] = ("cell", [1.0, 2.0], {}, {"_FillValue": None})
    write_netcdf(whole, tmp_path / "file.nc")
    read = xr.open_dataset(tmp_path / "file.nc", mask_and_scale=False)
    assert read["x"].to_numpy().tolist() == [1.0, -1.0]
    assert "_FillValue" not in read["y"].attrs


def test_room_is_checked_before_work(tmp_path: Path):
    check_room(tmp_path / "new", 1000)
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(
        InputError, match=r"new: free space: expected at least 1\d+ MB, found \d+ MB"
    ):
        check_room(tmp_path / "new", 10**20)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: folder: expected one that can be written to"):
        check_room(tmp_path / "file", 1000)


def test_files_may_be_read_by_whom_the_mask_lets(tmp_path):
    """Some writers make files for their owner alone."""
    with atomic_path(tmp_path / "weights") as temporary:
        temporary.touch(mode=0o600)
    (tmp_path / "plain").touch()
    modes = {(tmp_path / name).stat().st_mode for name in ("weights", "plain")}
    assert len(modes) == 1


def written_json(path: Path) -> Callable:
    write_json({"seed": "01", "training_loss": 3.25e7, "split": {"train": [1, 2, 3]}}, path)
    return read_json


def written_netcdf(path: Path) -> Callable:
    values = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32)
    data = xr.Dataset({"x": (("cell", "time"), values, {"units": "1"}), "total": 3.0})
    write_netcdf(data.assign_coords(site=("cell", [f"site {n}" for n in range(40)])), path)
    return read_netcdf


def written_arrays(path: Path) -> Callable:
    save_arrays({"kernel": np.arange(300.0), "bias": np.ones(3, np.float32)}, path)
    return load_arrays


WRITTEN = {"file.json": written_json, "file.nc": written_netcdf, "a.safetensors": written_arrays}


@pytest.mark.parametrize("name", WRITTEN)
def test_no_flipped_bit_is_read(name: str, tmp_path: Path):
    """Wherever it is: in values, names, layout, or in the checksum itself."""
    path = tmp_path / name
    read = WRITTEN[name](path)
    read(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    # The checksum is at the end, or in the header; both are tried bit by bit.
    places = [*rng.integers(0, 8 * len(whole), 60), *range(0, 900, 7)]
    places += [8 * len(whole) - 1 - place for place in range(0, 720, 7)]
    for place in map(int, places):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            read(path)


def test_the_checksum_is_told_as_expected_and_found(tmp_path: Path):
    path = tmp_path / "file.json"
    written_json(path)
    path.write_text(path.read_text().replace("3.25", "3.24").replace("32500000.0", "32400000.0"))
    with pytest.raises(
        InputError, match=r"json: checksum: expected sha256 \w{64} as written, found sha256 \w{64}"
    ):
        read_json(path)


@pytest.mark.parametrize("zeros", [slice(-80, None), slice(-5000, None), slice(4096, 8192)])
def test_zeros_in_place_of_a_block_are_refused(zeros: slice, tmp_path: Path):
    path = tmp_path / "file.nc"
    written_netcdf(path)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[zeros] = 0
    path.write_bytes(content.tobytes())
    with pytest.raises(InputError, match=r"file\.nc"):
        read_netcdf(path)


@pytest.mark.parametrize("cut", [1, 40, 82, 83, 500])
def test_a_file_that_breaks_off_is_refused_or_has_all_values(cut: int, tmp_path: Path):
    path = tmp_path / "file.nc"
    written_netcdf(path)
    whole = read_netcdf(path)
    path.write_bytes(path.read_bytes()[:-cut])
    try:
        xr.testing.assert_identical(read_netcdf(path), whole)
    except InputError as error:
        assert "file.nc" in str(error)


def test_files_without_checksum_are_read_with_a_line_in_the_log(tmp_path: Path, caplog):
    """Those of providers, of other tools, and of versions before checksums."""
    caplog.set_level("INFO")
    (tmp_path / "file.json").write_text(json.dumps({"engine": "kernel"}, indent=2) + "\n")
    assert read_json(tmp_path / "file.json") == {"engine": "kernel"}
    xr.Dataset({"x": ("cell", np.arange(3.0))}).to_netcdf(tmp_path / "file.nc")
    assert read_netcdf(tmp_path / "file.nc")["x"].to_numpy().tolist() == [0, 1, 2]
    assert caplog.text.count("has no checksum") == 2
    # What a tool changes in place is that tool's file.
    written_netcdf(tmp_path / "edited.nc")
    with netCDF4.Dataset(tmp_path / "edited.nc", "a") as file:
        file["x"][0, 0] = 7
    assert read_netcdf(tmp_path / "edited.nc")["x"].to_numpy()[0, 0] == 7


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_no_such_file_is_told(name: str, tmp_path: Path):
    read = WRITTEN[name](tmp_path / name)
    for content in (b"", b"[1]", b"x" * 500):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            read(tmp_path / name)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"[Nn]o such file"):
        read(tmp_path / name)


def test_the_digest_of_a_dataset_is_that_of_its_values(tmp_path: Path):
    time = np.arange("2001-01", "2001-05", dtype="datetime64[M]").astype("datetime64[ns]")
    data = xr.Dataset(
        {"x": (("cell", "time"), np.ones((2, 4), np.float32))},
        {"time": time, "site": ("cell", ["AA", "B"])},
    )
    for file in ("one.nc", "two.nc"):
        write_netcdf(data.assign_attrs(title=file), tmp_path / file)
    one, two = (digest_of_dataset(read_netcdf(tmp_path / name)) for name in ("one.nc", "two.nc"))
    assert one == two
    assert digest_of_dataset(data.assign_coords(site=("cell", ["A", "AB"]))) != one
    assert digest_of_dataset(data.assign(x=data["x"] + 1e-6)) != one
    assert digest_of_dataset(data.rename(x="y")) != one

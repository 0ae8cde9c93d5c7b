"""Files are whole or absent."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from differland.errors import InputError
from differland.files import (
    atomic_path,
    check_room,
    read_netcdf,
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

"""Files are whole or absent."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from differland.files import atomic_path, read_netcdf, write_netcdf, write_text


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

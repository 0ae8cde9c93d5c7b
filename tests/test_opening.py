"""Files of arrays are opened in one place, whole, and with nothing in them of other files."""

import ast
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
import rasterio
from conftest import ROOT
from rasterio.transform import from_origin

from differland.datasets.archives import Member
from differland.datasets.biomass import _open_raster
from differland.datasets.geotiff import open_geotiff
from differland.datasets.grib import _check_end
from differland.datasets.hdf4 import open_hdf4
from differland.errors import InputError
from differland.files import read_netcdf
from differland.opening import open_dataset, open_hdf5, open_netcdf
from differland.published import _opened
from differland.quality import open_driver

READERS = {
    **dict.fromkeys(("netCDF4.Dataset", "netCDF4.MFDataset", "h5py.File", "rasterio.open")),
    **{
        f"{package}.{verb}_{kind}": None
        for package in ("xr", "xarray")
        for verb in ("open", "load")
        for kind in ("dataset", "dataarray", "datatree", "mfdataset", "zarr")
    },
    **dict.fromkeys(("SD", "pyhdf.SD.SD", "zipfile.ZipFile", "zipfile.Path", "tarfile.open")),
    "shutil.unpack_archive": None,
}
"""Calls that open files."""

OPENERS = {"opening.py", "geotiff.py", "hdf4.py", "archives.py"}
"""Files that may call them to read."""


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def to_write(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
    return any(isinstance(mode, ast.Constant) and mode.value == "w" for mode in modes)


def test_nothing_else_opens_files_of_arrays_or_archives():
    files = [*(ROOT / "workflow/differland").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    found = {
        f"{file.relative_to(ROOT)}:{call.lineno}: {name}"
        for file in files
        if file.name not in OPENERS and "synthetic" not in file.parts
        for name, call in calls(file)
        if name in READERS and not to_write(call)
    }
    hidden = {
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and {f"{node.module}.{alias.name}" for alias in node.names} & set(READERS)
        and file.name not in OPENERS
        and "synthetic" not in file.parts
    }
    assert found | hidden == set()


def cuts(path: Path) -> Iterator[int]:
    """Cut a file at many places, from its last bytes to none at all."""
    content = path.read_bytes()
    sizes = {0, 1, 3, 8, 60, *np.linspace(9, len(content) - 3, 25).astype(int).tolist()}
    for size in sorted(sizes, reverse=True):
        path.write_bytes(content[:size])
        yield size


def write_netcdf(path: Path, kind: str) -> None:
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        dataset.createDimension("time", None)
        dataset.createDimension("x", 40)
        dataset.createVariable("time", "f8", ("time",))[:] = np.arange(1, 4)
        dataset.createVariable("v", "f4", ("time", "x"))[:] = np.ones((3, 40))


NETCDF = {
    "open_netcdf": lambda path: open_netcdf(path).close(),
    "open_dataset": lambda path: open_dataset(path).close(),
    "read_netcdf": read_netcdf,
    "published": lambda path: _opened(path).__enter__(),
    "driver": lambda path: open_driver(path).__enter__(),
}


@pytest.mark.parametrize(
    "kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4"]
)
def test_no_reader_takes_a_netcdf_file_that_breaks_off(tmp_path: Path, kind: str):
    path = tmp_path / "a.nc"
    write_netcdf(path, kind)
    for read in NETCDF.values():
        read(path)
    for size in cuts(path):
        for name, read in NETCDF.items():
            with pytest.raises(InputError, match=r"a\.nc: file: expected a complete NetCDF file"):
                read(path)
                pytest.fail(f"{name} took {size} bytes")
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(path, "a.nc")
        with pytest.raises(InputError, match=r"a\.zip/a\.nc: file: expected a complete NetCDF"):
            open_netcdf(Member(tmp_path / "a.zip", ("a.nc",)))


@pytest.mark.parametrize(("kind", "width"), [("NETCDF3_CLASSIC", 4), ("NETCDF3_64BIT_DATA", 8)])
def test_a_file_that_does_not_say_how_many_records_it_has_is_refused(
    tmp_path: Path, kind: str, width: int
):
    path = tmp_path / "a.nc"
    write_netcdf(path, kind)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * width + content[4 + width :])
    with pytest.raises(InputError, match="a complete NetCDF file, found no number of records"):
        open_netcdf(path)
    # More records than there are, and fewer bytes than the last one has.
    path.write_bytes(content[:4] + (4).to_bytes(width, "big") + content[4 + width :])
    with pytest.raises(InputError, match="fewer than the"):
        open_netcdf(path)


def test_an_hdf5_file_that_breaks_off_is_refused(tmp_path: Path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["v"] = np.ones(1000)
    open_hdf5(path).close()
    for _ in cuts(path):
        with pytest.raises(InputError, match=r"a\.h5: file: expected a complete HDF5 file"):
            open_hdf5(path)


def link(file: h5py.File) -> None:
    file["of another"] = h5py.ExternalLink("other.h5", "/v")


def group(file: h5py.File) -> None:
    file.create_group("inner")["g"] = h5py.ExternalLink("other.h5", "/")


def virtual(file: h5py.File, name: str = "other.h5") -> None:
    layout = h5py.VirtualLayout((5,), "f8")
    layout[:] = h5py.VirtualSource(name, "v", shape=(5,))
    file.create_virtual_dataset("w", layout, fillvalue=0)


def absent(file: h5py.File) -> None:
    virtual(file, "absent.h5")


def raw(file: h5py.File) -> None:
    file.create_dataset("w", (5,), "f8", external=[("other.raw", 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize(
    ("add", "found"),
    [
        (link, "of another: .* found a link to /v in other.h5"),
        (group, "inner/g: .* found a link to / in other.h5"),
        (virtual, "w: .* found values in other.h5"),
        (absent, "w: .* found values in absent.h5"),
        (raw, "w: .* found values in other.raw"),
    ],
)
def test_values_of_other_files_are_not_followed(
    tmp_path: Path, add: Callable[[h5py.File], None], found: str
):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["v"] = np.arange(5.0)
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["v"] = np.arange(5.0)
        add(file)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "a.nc")
    for read in (*NETCDF.values(), open_hdf5):
        with pytest.raises(InputError, match=rf"a\.nc: {found}"):
            read(path)
    with pytest.raises(InputError, match=rf"a\.zip/a\.nc: {found}"):
        open_netcdf(Member(tmp_path / "a.zip", ("a.nc",)))


def test_links_within_a_file_are_followed(tmp_path: Path):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["v"] = np.arange(5.0)
        file["same"] = file["v"]
        file["soft"] = h5py.SoftLink("/v")
        virtual(file, ".")
    with open_netcdf(path) as dataset:
        assert [dataset[name][:].tolist() for name in ("same", "w")] == 2 * [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    "options", [{}, {"compress": "deflate", "tiled": True}, {"BIGTIFF": "YES"}]
)
def test_a_geotiff_that_breaks_off_is_refused_or_cannot_be_read(tmp_path: Path, options: dict):
    path = tmp_path / "a.tif"
    values = np.random.default_rng(0).integers(1, 200, (128, 128)).astype(np.uint8)
    place = {"crs": "EPSG:3857", "transform": from_origin(0, 128e3, 1000, 1000)}
    shape = {"width": 128, "height": 128, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place, **options) as file:
        file.write(values, 1)
    with open_geotiff(path) as file:
        assert (file.read(1) == values).all()
    for _ in cuts(path):
        with pytest.raises((InputError, rasterio.errors.RasterioError)), open_geotiff(path) as file:
            file.read(1)
        with (
            pytest.raises((InputError, rasterio.errors.RasterioError)),
            _open_raster(path, 0.25) as file,
        ):
            file.read(1)


def test_a_virtual_raster_is_no_geotiff(tmp_path: Path):
    path = tmp_path / "a.tif"
    path.write_text(
        '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1">'
        "<SimpleSource><SourceFilename>/etc/hostname</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(InputError, match=r"a\.tif: file: expected a complete GeoTIFF"):
        open_geotiff(path)
    with pytest.raises(InputError, match=r"b\.tif: file: expected a GeoTIFF, found no such file"):
        open_geotiff(tmp_path / "b.tif")


def test_an_hdf4_file_that_breaks_off_is_refused(tmp_path: Path):
    from pyhdf.SD import SD, SDC

    path = tmp_path / "a.hdf"
    file = SD(str(path), SDC.WRITE | SDC.CREATE)
    stored = file.create("v", SDC.INT16, (60, 60))
    stored[:] = np.ones((60, 60), np.int16)
    stored.endaccess()
    file.end()
    with open_hdf4(path, "v") as (stored, _):
        assert (stored[:] == 1).all()
    for _ in cuts(path):
        with (
            pytest.raises(InputError, match=r"a\.hdf: file: expected a complete HDF4 file"),
            open_hdf4(path, "v") as (stored, _),
        ):
            stored[:]


@pytest.mark.parametrize("cut", [1, 4, 100, 203, 202, 201])
def test_grib_that_breaks_off_is_refused_whatever_reads_it(tmp_path: Path, cut: int):
    """Of a message of which fewer than four bytes are there, eccodes says nothing."""
    message = b"GRIB" + bytes(196) + b"7777"
    path = tmp_path / "a.grib"
    path.write_bytes((message + message)[:-cut])
    with pytest.raises(InputError, match=r"a\.grib: file: expected complete GRIB messages, found"):
        _check_end(path)
    path.write_bytes(message + bytes(116))
    _check_end(path)

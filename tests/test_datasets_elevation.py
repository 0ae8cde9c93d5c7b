"""Reader of GTOPO30: tiles laid out as the provider ships them, with 1 or 2 pixels per degree."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from differland.datasets.elevation import read_elevation
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid, regular_grid

TILES = {
    f"gt30{east_west}{north_south}": (50, 40)
    for east_west in ("w180", "w140", "w100", "w060", "w020", "e020", "e060", "e100", "e140")
    for north_south in ("n90", "n40", "s10")
} | {
    f"gt30{east_west}s60": (30, 60)
    for east_west in ("w180", "w120", "w060", "w000", "e060", "e120")
}

EUROPE = Grid(np.array([60.0, 50.0]), np.array([0.0, 20.0]))


def write_raw(path: Path, values: np.ndarray, header: dict[str, str] | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(values.astype(">i2").tobytes())
    if header is not None:
        lines = [f"{key:<15}{value}" for key, value in header.items()]
        path.with_suffix(".HDR").write_text("\r\n".join(lines), encoding="ascii")


def write_geotiff(
    path: Path,
    values: np.ndarray,
    west: float,
    north: float,
    nodata: float | None = -9999,
    dtype: str = "int16",
    size: float = 1,
) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=dtype,
        crs="EPSG:4326",
        transform=from_origin(west, north, 1 / size, 1 / size),
        nodata=nodata,
        tiled=True,
        blockxsize=16,
        blockysize=16,
        compress="deflate",
    ) as file:
        file.write(values.astype(dtype), 1)


def tile(name: str, value: int = -9999) -> np.ndarray:
    return np.full(TILES[name], value)


@pytest.fixture
def globe(tmp_path: Path) -> Path:
    """All tiles: ocean but for one pixel at 60.5 N, 10.5 E, 300 m, and Antarctica, 2000 m."""
    for name in TILES:
        write_raw(tmp_path / f"{name.upper()}.DEM", tile(name, 2000 if "s60" in name else -9999))
    values = tile("gt30w020n90")
    values[29, 30] = 300
    write_raw(tmp_path / "GT30W020N90.DEM", values)
    return tmp_path


def test_all_tiles_make_one_map(globe):
    field = read_elevation(globe)
    assert (field.name, field.units) == ("elevation", "m")
    values = field.whole()
    assert values.shape == field.grid.shape == (180, 360)
    row, column = np.argwhere(values == 300)[0]
    assert (field.grid.latitude[row], field.grid.longitude[column]) == (60.5, 10.5)
    assert (values[150:] == 2000).all()
    assert np.isnan(values[:150]).sum() == 150 * 360 - 1


def test_bands_are_the_rows_of_the_whole(globe):
    field = read_elevation(globe)
    # Across the edge between tiles at 60 S.
    np.testing.assert_array_equal(field.read(slice(145, 155)), field.whole()[145:155])


@pytest.mark.parametrize("layout", ["raw", "GeoTIFF"])
def test_rows_within_a_tile(tmp_path, layout):
    values = np.arange(2000).reshape(50, 40)
    if layout == "raw":
        write_raw(tmp_path / "gt30w020n90.dem", values)
    else:
        write_geotiff(tmp_path / "gt30w020n90.tif", values, -20, 90)
    field = read_elevation(tmp_path, region=EUROPE)
    np.testing.assert_array_equal(field.whole()[:50, 160:200], values)
    np.testing.assert_array_equal(field.read(slice(7, 9))[:, 160:200], values[7:9])
    np.testing.assert_array_equal(field.read(slice(48, 52))[:2, 160:200], values[48:])


def test_raw_tiles_are_big_endian_from_the_north(tmp_path):
    values = tile("gt30w020n90")
    values[30:40, 20:40] = 100
    values[30, 20] = 1
    write_raw(tmp_path / "gt30w020n90.dem", values)
    found = read_elevation(tmp_path, region=EUROPE).whole()
    assert found[30, 180] == 1
    assert found[39, 199] == 100
    # One is 256 in the other order of bytes, and 100 is 25600.
    (tmp_path / "gt30w020n90.dem").write_bytes(values.astype("<i2").tobytes())
    with pytest.raises(InputError, match=r"gt30w020n90\.dem: elevation: expected values from -407"):
        read_elevation(tmp_path, region=EUROPE).whole()


def test_only_tiles_of_the_region_are_needed(tmp_path):
    write_raw(tmp_path / "gt30w020n90.dem", tile("gt30w020n90", 7))
    values = read_elevation(tmp_path, region=EUROPE).whole()
    assert (values[:50, 160:200] == 7).all()
    assert np.isnan(values).sum() == values.size - 50 * 40
    with pytest.raises(InputError, match=r"tiles: expected .*found no file of .*gt30e020n90"):
        read_elevation(tmp_path)


def test_region_across_the_date_line(tmp_path):
    for name in ("gt30e140s10", "gt30w180s10"):
        write_raw(tmp_path / f"{name}.dem", tile(name, 5))
    region = Grid(np.array([-20.0, -30.0]), np.array([170.0, 190.0]))
    field = read_elevation(tmp_path, region=region)
    mapped = Regridder.between(field.grid, region).apply(field.whole(), minimum_coverage=1)
    assert mapped == pytest.approx(5)


def test_layouts_can_be_mixed(tmp_path):
    write_raw(tmp_path / "gt30w020n90_dem" / "gt30w020n90.dem", tile("gt30w020n90", 3))
    write_geotiff(tmp_path / "gt30e020n90.tif", tile("gt30e020n90", 4), 20, 90)
    region = Grid(np.array([60.0, 50.0]), np.array([0.0, 40.0]))
    values = read_elevation(tmp_path, region=region).whole()
    assert (values[:50, 160:200] == 3).all()
    assert (values[:50, 200:240] == 4).all()


@pytest.mark.parametrize("nodata", [-9999, None])
def test_ocean_is_missing_whether_declared_or_not(tmp_path, nodata):
    values = tile("gt30w020n90")
    values[31, 25] = -400
    write_geotiff(tmp_path / "gt30w020n90.tif", values, -20, 90, nodata)
    found = read_elevation(tmp_path, region=EUROPE).whole()
    assert found[31, 185] == -400
    assert np.isfinite(found).sum() == 1


# Share of the northern two of the four pixels between 59 and 60 N, 10 and 11 E.
NORTHERN_HALF = (np.sin(np.deg2rad(60)) - np.sin(np.deg2rad(59.5))) / (
    np.sin(np.deg2rad(60)) - np.sin(np.deg2rad(59))
)


@pytest.mark.parametrize(("ocean", "mean"), [("missing", 800.0), ("zero", 800 * NORTHERN_HALF / 2)])
def test_mean_on_the_coast(tmp_path, ocean, mean):
    values = np.full((100, 80), -9999)
    values[60, 60] = 800
    write_geotiff(tmp_path / "gt30w020n90.tif", values, -20, 90, size=2)
    field = read_elevation(tmp_path, ocean, EUROPE)
    target = regular_grid(1)
    found = Regridder.between(field.grid, target).apply(field.whole())
    assert found[30, 190] == pytest.approx(mean, rel=1e-6)
    assert found[30, 191] == pytest.approx(0.0 if ocean == "zero" else np.nan, nan_ok=True)


def test_header_is_checked(tmp_path):
    header = {
        "BYTEORDER": "M",
        "LAYOUT": "BIL",
        "NROWS": "50",
        "NCOLS": "40",
        "NBANDS": "1",
        "NBITS": "16",
        "NODATA": "-9999",
        "ULXMAP": "-19.5",
    }
    path = tmp_path / "GT30W020N90.DEM"
    write_raw(path, tile("gt30w020n90", 9), header)
    assert np.nanmax(read_elevation(tmp_path, region=EUROPE).whole()) == 9
    write_raw(path, tile("gt30w020n90", 9), header | {"BYTEORDER": "I"})
    with pytest.raises(InputError, match=r"GT30W020N90\.HDR: BYTEORDER: expected M, found I"):
        read_elevation(tmp_path, region=EUROPE)


@pytest.mark.parametrize("kept", [0, 2, 4002, 15_000, 15_999])
def test_raw_tile_of_any_other_size_is_named(tmp_path, kept):
    path = tmp_path / "gt30w020n90.dem"
    write_raw(path, np.full((100, 80), 5))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=rf"expected two bytes .* found {kept} bytes"):
        read_elevation(tmp_path, region=EUROPE)


def test_truncated_raw_tile_is_named(globe):
    path = globe / "GT30E060N40.DEM"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"GT30E060N40\.DEM: file: expected two bytes .*3998 by"):
        read_elevation(globe)


@pytest.mark.parametrize("kept", [0, 200, 2000])
def test_truncated_geotiff_is_named(tmp_path, kept):
    path = tmp_path / "gt30w020n90.tif"
    values = np.random.default_rng(1).integers(0, 500, TILES["gt30w020n90"])
    write_geotiff(path, values, -20, 90)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"gt30w020n90\.tif: \w+: expected a complete GeoTIFF"):
        read_elevation(tmp_path, region=EUROPE).whole()


def test_tile_that_is_there_twice_is_named(globe):
    write_geotiff(globe / "gt30w020n90.tif", tile("gt30w020n90"), -20, 90)
    with pytest.raises(InputError, match=r"gt30w020n90: expected one file of a tile, found GT30W"):
        read_elevation(globe)


def test_missing_tiles_are_named(globe):
    (globe / "GT30W000S60.DEM").unlink()
    with pytest.raises(InputError, match="found no file of gt30w000s60"):
        read_elevation(globe)


def test_tile_of_another_resolution_is_refused(globe):
    write_raw(globe / "GT30E020N90.DEM", np.full((100, 80), 5))
    with pytest.raises(
        InputError, match=r"GT30E020N90\.DEM: resolution: expected 1 pixels .*2 pix"
    ):
        read_elevation(globe)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"west": 20}, "bounds: expected west, south, east, north -20, 40, 20, 90, found 20, 40"),
        ({"nodata": -32768}, "nodata: expected -9999 or none, found -32768"),
        ({"dtype": "float32"}, "expected one band of type int16, found 1 bands of type float32"),
    ],
)
def test_geotiff_other_than_its_name_says_is_refused(tmp_path, options, message):
    arguments = {"west": -20, "north": 90} | options
    write_geotiff(tmp_path / "gt30w020n90.tif", tile("gt30w020n90"), **arguments)
    with pytest.raises(InputError, match=message):
        read_elevation(tmp_path, region=EUROPE)


def test_geotiff_from_the_south_is_refused(tmp_path):
    path = tmp_path / "gt30w020n90.tif"
    write_geotiff(path, tile("gt30w020n90"), -20, 90)
    with rasterio.open(path, "r+") as file:
        file.transform = rasterio.Affine(1, 0, -20, 0, 1, 40)
    with pytest.raises(InputError, match="bounds: expected west, south, east, north -20, 40"):
        read_elevation(tmp_path, region=EUROPE)


@pytest.mark.parametrize("value", [28_000, -32_768])
def test_feet_and_other_fill_values_are_refused(tmp_path, value):
    values = tile("gt30w020n90", 7)
    values[35, 25] = value
    write_raw(tmp_path / "gt30w020n90.dem", values)
    with pytest.raises(InputError, match=r"expected values from -407 to 8752 m, .* 1 of 2000 out"):
        read_elevation(tmp_path, region=EUROPE).whole()


@pytest.mark.parametrize(
    ("edges", "absent"),
    [
        # South-up and from east to west; across the edges of tiles; beyond the date line.
        (([-20, -10], [21, 19]), "gt30w020s10, gt30e020s10$"),
        (([41, 39], [-21, -19]), "gt30w060n90, gt30w020n90, gt30w060n40, gt30w020n40$"),
        (([-61, -62], [179, 181]), "gt30w180s60, gt30e120s60$"),
        (([-61, -62], [359, 360]), "gt30w060s60$"),
    ],
)
def test_tiles_of_a_region(tmp_path, edges, absent):
    region = Grid(*(np.array(axis, float) for axis in edges))
    with pytest.raises(InputError, match=f"found no file of {absent}"):
        read_elevation(tmp_path, region=region)


def test_geotiff_of_another_shape_is_refused(tmp_path):
    write_geotiff(tmp_path / "gt30w020n90.tif", np.zeros((50, 41)), -20, 90)
    with pytest.raises(InputError, match="expected 50 x 40 degrees of square pixels"):
        read_elevation(tmp_path, region=EUROPE)


@pytest.mark.parametrize(
    "name",
    [
        "W020N90.DEM",
        "w020n90.dem",
        "below/W020N90.DEM",
        "my_gt30w020n90.dem",
        "gt30w020n90_dem.dem",
    ],
)
def test_names_of_other_archives(tmp_path, name):
    write_raw(tmp_path / name, tile("gt30w020n90", 7))
    (tmp_path / "._W020N90.DEM").write_bytes(b"x")
    assert (read_elevation(tmp_path, region=EUROPE).whole()[:50, 160:200] == 7).all()

"""Readers of forest age and canopy height: files laid out as the providers ship them."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from differland.datasets.forest import (
    percentile_of_blocks,
    read_canopy_height_map,
    read_canopy_height_tiles,
    read_forest_age,
)
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import Grid, regular_grid

AGE_FILE = "202432118501222_BGIForestAgeMPIBGC1.0.0.nc"

LATITUDE = 89.5 - np.arange(180)
LONGITUDE = -179.5 + np.arange(360)


def write_age(
    folder: Path,
    values: np.ndarray,
    units: str | None = "years",
    latitude: np.ndarray = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    fill_value: float | None = None,
    layers: tuple[str, ...] = ("ForestAge_TC010",),
    name: str = AGE_FILE,
) -> Path:
    path = folder / name
    # A file that a reader holds open cannot be written over.
    path.unlink(missing_ok=True)
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for axis, centres in (("latitude", latitude), ("longitude", longitude)):
            file.createDimension(axis, centres.size)
            stored = file.createVariable(axis, "f8", (axis,))
            stored.units = "degrees_north" if axis == "latitude" else "degrees_east"
            stored[:] = centres
        for number, layer in enumerate(layers):
            stored = file.createVariable(
                layer, "f4", ("latitude", "longitude"), zlib=True, fill_value=fill_value
            )
            if units is not None:
                stored.units = units
            stored[:] = values + number
    return path


@pytest.fixture
def forest() -> np.ndarray:
    """Forest of 100 years in one of the four pixels between 44 and 46 N, 10 and 12 E."""
    values = np.full((180, 360), np.nan)
    values[44, 190] = 101
    return values


def mapped(field, resolution: float) -> np.ndarray:
    target = regular_grid(resolution)
    return Regridder.between(field.grid, target).apply(field.whole())


def test_pixels_without_forest_are_a_year_old(tmp_path, forest):
    write_age(tmp_path, forest)
    field = read_forest_age(tmp_path)
    assert (field.name, field.units) == ("forest_age", "year")
    assert field.whole()[44, 190] == 101
    assert (field.whole() == 1).sum() == 180 * 360 - 1
    # A quarter of the cell is forest: 26 = 1 + 100 / 4, but for the widths of the parallels.
    assert mapped(field, 2)[22, 95] == pytest.approx(26, rel=0.02)


def test_filling_after_the_mean_leaves_the_age_of_the_forest(tmp_path, forest):
    write_age(tmp_path, forest)
    target = regular_grid(2)
    field = read_forest_age(tmp_path, filling="after", target=target)
    assert field.grid is target
    assert field.whole()[22, 95] == pytest.approx(101)
    assert (field.whole() == 1).sum() == 90 * 180 - 1
    np.testing.assert_array_equal(field.read(slice(21, 24)), field.whole()[21:24])


def test_layer_is_that_of_the_paper_unless_said(tmp_path, forest):
    layers = ("ForestAge_TC000", "ForestAge_TC010", "ForestAge_TC020", "ForestAge_TC030")
    write_age(tmp_path, forest, layers=layers)
    assert read_forest_age(tmp_path).whole()[44, 190] == 102
    assert read_forest_age(tmp_path, "ForestAge_TC000").whole()[44, 190] == 101
    assert read_forest_age(tmp_path, "ForestAge_TC030").whole()[44, 190] == 104


@pytest.mark.parametrize("orientation", ["north-up", "south-up", "from 0 to 360"])
@pytest.mark.parametrize("filling", ["before", "after"])
def test_the_map_of_ages_is_the_same_however_the_file_lies(tmp_path, forest, orientation, filling):
    if orientation == "north-up":
        write_age(tmp_path, forest)
    elif orientation == "south-up":
        write_age(tmp_path, forest[::-1], latitude=LATITUDE[::-1])
    else:
        write_age(tmp_path, np.roll(forest, -180, axis=1), longitude=0.5 + np.arange(360))
    found = mapped(read_forest_age(tmp_path, filling=filling, target=regular_grid(1)), 1)
    # 45.5 N, 10.5 E.
    assert found[44, 190] == pytest.approx(101)
    assert np.isclose(found, 1).sum() == 180 * 360 - 1


def test_declared_fill_value_is_no_forest(tmp_path, forest):
    write_age(tmp_path, np.nan_to_num(forest, nan=-9999), fill_value=-9999)
    assert read_forest_age(tmp_path).whole()[0, 0] == 1


def test_undeclared_fill_value_is_refused(tmp_path, forest):
    write_age(tmp_path, np.nan_to_num(forest, nan=-9999))
    message = "ForestAge_TC010: expected values from 0 to 500 years, found -9999"
    with pytest.raises(InputError, match=message):
        read_forest_age(tmp_path).whole()


def test_age_units(tmp_path, forest):
    write_age(tmp_path, forest, units=None)
    assert read_forest_age(tmp_path).whole()[44, 190] == 101
    write_age(tmp_path, forest, units="decades")
    with pytest.raises(InputError, match=r"expected units 'years' .*found units 'decades'"):
        read_forest_age(tmp_path)


def test_missing_layer_is_named(tmp_path, forest):
    write_age(tmp_path, forest, layers=("ForestAge_TC000",))
    with pytest.raises(
        InputError, match=r"ForestAge_TC010: expected a variable.*found only .*TC000"
    ):
        read_forest_age(tmp_path)


def test_truncated_age_file_is_named(tmp_path, forest):
    path = write_age(tmp_path, np.random.default_rng(1).uniform(1, 300, forest.shape))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"BGC1\.0\.0\.nc: \w+: expected a complete NetCDF file"):
        read_forest_age(tmp_path).whole()


def test_age_file_is_there_once(tmp_path, forest):
    with pytest.raises(
        InputError, match=r"expected one \*BGIForestAgeMPIBGC1\.0\.0\.nc, found non"
    ):
        read_forest_age(tmp_path)
    write_age(tmp_path, forest)
    write_age(tmp_path, forest, name="2025_BGIForestAgeMPIBGC1.0.0.nc")
    with pytest.raises(InputError, match=r"found 202432118501222_BGI.*, 2025_BGI"):
        read_forest_age(tmp_path)


WINDOW = Grid(np.array([54.0, 53.75, 53.5, 51.0]), np.array([3.0, 3.25, 6.0, 9.0]))


def write_map(
    path: Path,
    values: np.ndarray,
    west: float,
    north: float,
    size: float,
    nodata: float | None = 255,
    crs: str = "EPSG:4326",
) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=from_origin(west, north, size, size),
        nodata=nodata,
        tiled=True,
        blockxsize=128,
        blockysize=128,
        compress="deflate",
    ) as file:
        file.write(values, 1)
    return path


def write_tile(folder: Path, values: np.ndarray, name: str = "N51E003", **options) -> Path:
    """A tile of 2 x 2 pixels in a cell of 1 km, upper left corner 54 N, 3 E."""
    folder.mkdir(exist_ok=True)
    path = folder / f"ETH_GlobalCanopyHeight_10m_2020_{name}_Map.tif"
    corner = {"west": 3, "north": 54} | options
    return write_map(path, values.astype(np.uint8), size=1 / 240, **corner)


@pytest.fixture
def bare() -> np.ndarray:
    return np.zeros((720, 720), np.uint8)


def test_percentile_of_a_kilometre_then_maximum_of_the_cell(tmp_path, bare):
    # Two kilometres of the first cell; the percentile lies 0.85 between the two largest.
    bare[0:2, 0:2] = [[1, 2], [10, 20]]
    bare[58:60, 58:60] = [[0, 0], [0, 30]]
    # The cell to the east begins with the 31st kilometre.
    bare[0:2, 60:62] = 7
    write_tile(tmp_path, bare)
    field = read_canopy_height_tiles(tmp_path, WINDOW)
    assert (field.name, field.units) == ("canopy_height", "m")
    height = field.whole()
    assert height.shape == (3, 3)
    assert height[0, 0] == pytest.approx(0.85 * 30)
    assert height[0, 1] == 7
    assert height[1, 0] == 0


def test_tile_lies_where_its_name_says(tmp_path, bare):
    bare[718:720, 718:720] = 33
    write_tile(tmp_path, bare)
    height = read_canopy_height_tiles(tmp_path).whole()
    # The last kilometre of the tile is in the cell that ends at 51 N, 6 E.
    assert np.argwhere(height == 33).tolist() == [[155, 743]]
    assert np.isfinite(height).sum() == 12 * 12


def test_percentile_is_that_of_numpy():
    strip = np.random.default_rng(1).integers(0, 60, (10, 40)).astype(np.uint8)
    strip[:, 10:20][strip[:, 10:20] < 20] = 255
    strip[:, 20:30] = 255
    strip[:, 30:] = 0
    for percentile in (0, 50, 95, 99.5, 100):
        found = percentile_of_blocks(strip, 10, percentile, zeros=True)
        valid = strip[:, 10:20][strip[:, 10:20] != 255]
        expected = [np.percentile(strip[:, :10], percentile), np.percentile(valid, percentile)]
        assert found[:2] == pytest.approx(expected)
        assert np.isnan(found[2])
        assert found[3] == 0


def test_zeros_can_be_left_out():
    strip = np.array([[0, 0, 0, 4], [0, 0, 0, 8], [0, 0, 255, 255]], np.uint8)
    assert percentile_of_blocks(strip, 2, 50, zeros=False).tolist() == [0, 6]
    assert percentile_of_blocks(strip, 2, 50, zeros=True).tolist() == [0, 2]


def test_missing_tiles_are_normal(tmp_path, bare):
    write_tile(tmp_path, bare + 5)
    assert np.isnan(read_canopy_height_tiles(tmp_path, WINDOW).whole()[:, 2]).all()
    filled = read_canopy_height_tiles(tmp_path, WINDOW, missing=0).whole()
    assert (filled[:, 2] == 0).all()
    assert (filled[:, :2] == 5).all()


@pytest.mark.parametrize("nodata", [255, None])
def test_pixels_of_255_are_missing_whether_declared_or_not(tmp_path, bare, nodata):
    bare[:] = 255
    bare[0, 0] = 9
    write_tile(tmp_path, bare, nodata=nodata)
    height = read_canopy_height_tiles(tmp_path, WINDOW).whole()
    assert height[0, 0] == 9
    assert np.isfinite(height).sum() == 1


def test_bands_are_the_rows_of_the_whole(tmp_path):
    values = np.random.default_rng(1).integers(0, 50, (720, 720))
    write_tile(tmp_path / "3deg_cogs", values)
    write_tile(tmp_path, values[::-1], "N48E003", north=51)
    field = read_canopy_height_tiles(tmp_path)
    whole = field.whole()
    for rows in (slice(143, 146), slice(154, 158), slice(0, 10)):
        np.testing.assert_array_equal(field.read(rows), whole[rows])


def test_targets_across_the_date_line(tmp_path, bare):
    write_tile(tmp_path, bare + 8, "N51E177", west=177)
    write_tile(tmp_path, bare + 9, "N51W180", west=-180)
    target = Grid(np.array([51.0, 54.0]), np.array([178.0, 180.0, 182.0]))
    assert read_canopy_height_tiles(tmp_path, target).whole().tolist() == [[8, 9]]


def test_southern_and_western_names(tmp_path, bare):
    write_tile(tmp_path, bare + 8, "S03W063", west=-63, north=0)
    target = Grid(np.array([0.0, -3.0]), np.array([-63.0, -60.0]))
    assert read_canopy_height_tiles(tmp_path, target).whole().tolist() == [[8]]


def test_tiles_of_the_standard_deviation_are_left_alone(tmp_path, bare):
    path = write_tile(tmp_path, bare + 90)
    path.rename(path.with_name("ETH_GlobalCanopyHeight_10m_2020_N51E003_Map_SD.tif"))
    with pytest.raises(InputError, match="found none among 0"):
        read_canopy_height_tiles(tmp_path, WINDOW)
    write_tile(tmp_path, bare + 5)
    assert np.nanmax(read_canopy_height_tiles(tmp_path, WINDOW).whole()) == 5


def test_tile_from_the_south_is_refused(tmp_path, bare):
    path = write_tile(tmp_path, bare)
    with rasterio.open(path, "r+") as file:
        file.transform = rasterio.Affine(1 / 240, 0, 3, 0, 1 / 240, 51)
    with pytest.raises(InputError, match="bounds: expected rows from the north, and west, south"):
        read_canopy_height_tiles(tmp_path, WINDOW)


def test_no_tile_at_all_is_refused(tmp_path, bare):
    write_tile(tmp_path, bare, "S03W063", west=-63, north=0)
    with pytest.raises(InputError, match=r"tiles: expected ETH_.*found none among 1"):
        read_canopy_height_tiles(tmp_path, WINDOW)


def test_tile_that_is_there_twice_is_named(tmp_path, bare):
    write_tile(tmp_path, bare)
    write_tile(tmp_path / "3deg_cogs", bare)
    with pytest.raises(InputError, match=r"N51E003_Map\.tif: expected one file, found .*3deg_cogs"):
        read_canopy_height_tiles(tmp_path)


@pytest.mark.parametrize("kept", [0, 1000, -2000])
def test_truncated_tile_is_named(tmp_path, kept):
    path = write_tile(tmp_path, np.random.default_rng(1).integers(0, 50, (720, 720)))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"N51E003_Map\.tif: [\w ]+: expected a complete GeoTIFF"):
        read_canopy_height_tiles(tmp_path, WINDOW).whole()


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros((720, 720)), {"west": 6}, "bounds: .*3, 51, 6, 54, found 6, 51, 9, 54"),
        (np.zeros((700, 720)), {}, "expected a multiple of 360 pixels .*found shape"),
        (np.zeros((720, 720)), {"nodata": 0}, "nodata: expected 255 or none, found 0"),
    ],
)
def test_tile_other_than_its_name_says_is_refused(tmp_path, values, options, message):
    write_tile(tmp_path, values, **options)
    with pytest.raises(InputError, match=message):
        read_canopy_height_tiles(tmp_path, WINDOW)


def test_centimetres_are_refused(tmp_path, bare):
    write_tile(tmp_path, bare + 200)
    with pytest.raises(InputError, match="expected values from 0 to 100 m, found 200"):
        read_canopy_height_tiles(tmp_path, WINDOW).whole()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("nodata", [0, None])
def test_exported_map_keeps_land_without_trees(tmp_path, dtype, nodata):
    values = np.zeros((360, 360), dtype)
    values[29, 29] = 12
    values[30, 30] = 25
    values[60:, :] = 255
    path = write_map(tmp_path / "height.tif", values, 3, 54, 1 / 120, nodata)
    height = read_canopy_height_map([path], WINDOW).whole()
    assert height[0, 0] == 12
    assert height[1, 1] == 25
    assert height[0, 1] == 0
    assert np.isnan(height[2]).all()


def test_exported_maps_in_parts_and_off_the_grid_are_put_together(tmp_path):
    # 1000 m at the equator, as Earth Engine counts: no whole number of pixels in a cell.
    size = 1000 / 111_319.49079327358
    values = np.full((300, 340), 3, np.uint8)
    values[0, 0] = 40
    first = write_map(tmp_path / "a.tif", values, 3 + 0.1 * size, 54, size)
    values[0, 0] = 50
    second = write_map(tmp_path / "b.tif", values, 6.1, 54, size)
    height = read_canopy_height_map([first, second], WINDOW).whole()
    assert height[0, 0] == 40
    assert height[0, 2] == 50
    assert height[1, 1] == 3


def test_map_that_runs_from_0_to_360_or_south_up(tmp_path):
    values = np.zeros((180, 360), np.uint8)
    # 45.5 N, 100.5 W.
    values[44, 259] = 20
    path = write_map(tmp_path / "height.tif", values, 0, 90, 1)
    found = read_canopy_height_map([path], regular_grid(2)).whole()
    assert np.argwhere(found == 20).tolist() == [[22, 39]]
    with rasterio.open(path, "r+") as file:
        file.write(values[::-1], 1)
        file.transform = rasterio.Affine(1, 0, 0, 0, 1, -90)
    np.testing.assert_array_equal(read_canopy_height_map([path], regular_grid(2)).whole(), found)


def test_fill_values_and_units_of_a_map(tmp_path):
    values = np.full((360, 360), 9, np.float32)
    values[:30, :30] = -9999
    values[30:60, :30] = np.nan
    path = write_map(tmp_path / "height.tif", values, 3, 54, 1 / 120, nodata=-9999)
    height = read_canopy_height_map([path], WINDOW).whole()
    assert np.isnan(height[:2, 0]).all()
    assert (height[:, 1] == 9).all()
    assert (read_canopy_height_map([path], WINDOW, missing=0).whole()[:2, 0] == 0).all()
    write_map(path, values, 3, 54, 1 / 120, nodata=None)
    with pytest.raises(InputError, match="canopy height: expected values from 0 to 100 m, found -"):
        read_canopy_height_map([path], WINDOW).whole()
    write_map(path, np.full((360, 360), 900, np.int16), 3, 54, 1 / 120, nodata=None)
    with pytest.raises(InputError, match="expected values from 0 to 100 m, found 900"):
        read_canopy_height_map([path], WINDOW).whole()


@pytest.mark.parametrize("kept", [0, 1000, -2000])
def test_truncated_map_is_named(tmp_path, kept):
    values = np.random.default_rng(1).integers(0, 50, (360, 360)).astype(np.uint8)
    path = write_map(tmp_path / "height.tif", values, 3, 54, 1 / 120)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"height\.tif: [\w ]+: expected a complete GeoTIFF"):
        read_canopy_height_map([path], WINDOW).whole()


@pytest.mark.parametrize("west", [0, 6])
def test_map_reaches_beyond_the_target(tmp_path, west):
    # As high as 60 m where the target is not, and 5 m where it is.
    longitude = west + (np.arange(720) + 0.5) / 120
    latitude = 55 - (np.arange(600) + 0.5) / 120
    inside = np.outer((latitude > 51) & (latitude < 54), (longitude > 3) & (longitude < 9))
    path = write_map(
        tmp_path / "height.tif", np.where(inside, 5, 60).astype(np.uint8), west, 55, 1 / 120
    )
    height = read_canopy_height_map([path], WINDOW).whole()
    assert np.nanmax(height) == 5
    assert np.isnan(height[:, 2]).all() == (west == 0)
    assert np.isnan(height[:, 0]).all() == (west == 6)


def test_rows_of_a_map_are_the_rows_of_the_whole(tmp_path):
    values = np.random.default_rng(1).integers(0, 50, (360, 360)).astype(np.uint8)
    path = write_map(tmp_path / "height.tif", values, 3, 54, 1 / 120)
    for target in (WINDOW, Grid(WINDOW.latitude_edges[::-1], WINDOW.longitude_edges[::-1])):
        field = read_canopy_height_map([path], target)
        np.testing.assert_array_equal(field.read(slice(1, 2)), field.whole()[1:2])
    upright = read_canopy_height_map([path], WINDOW).whole()
    np.testing.assert_array_equal(field.whole(), upright[::-1, ::-1])


def test_map_that_is_no_use_is_refused(tmp_path):
    values = np.zeros((10, 10), np.uint8)
    path = write_map(tmp_path / "height.tif", values, 0, 0, 1000, crs="EPSG:3857")
    with pytest.raises(InputError, match=r"coordinate system: expected degrees .*EPSG:3857"):
        read_canopy_height_map([path])
    write_map(path, np.zeros((10, 10), np.uint8), 0, 0, 0.1)
    with rasterio.open(path, "r+") as file:
        file.transform = rasterio.Affine(0.1, 0.01, 0, 0.01, -0.1, 0)
    with pytest.raises(InputError, match="transform: expected rows along parallels"):
        read_canopy_height_map([path])
    write_map(path, values, 0, 0, 0.5)
    with pytest.raises(InputError, match=r"expected pixels of at most 0\.25 x 0\.25 degrees"):
        read_canopy_height_map([path])
    with pytest.raises(
        InputError, match=r"other\.tif: file: expected a GeoTIFF, found no such file"
    ):
        read_canopy_height_map([tmp_path / "other.tif"])
    with pytest.raises(InputError, match="expected one GeoTIFF or more"):
        read_canopy_height_map([])

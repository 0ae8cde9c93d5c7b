"""Readers of CMS-Flux and CAMS: files as the documentation of the releases has them."""

from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.fields import check_months
from differland.datasets.inversion import read_cams, read_cms_flux, read_cms_flux_fire
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import regular_grid

LATITUDE = np.array([-89.0, *range(-86, 87, 4), 89.0])
LONGITUDE = -180.0 + 5 * np.arange(72)
AMAZON = (21, 24)
"""Row of 6 S (8 S to 4 S), column of 60 W (62.5 W to 57.5 W)."""


def world(months: int = 12) -> np.ndarray:
    """Sink of 1 gC m-2 day-1 in one box in each month, more by a tenth each; sea elsewhere."""
    values = np.zeros((months, 46, 72))
    values[:, *AMAZON] = -1 / 86.4 * (1 + 0.1 * np.arange(months))
    return values


def write(
    path: Path,
    values: np.ndarray,
    variable: str = "flux",
    units: str | None = "kgC/km2/s",
    latitude: np.ndarray | None = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    order: Sequence[str] = ("time", "lat", "lon"),
    names: tuple[str, str] = ("lat", "lon"),
    meshed: bool = False,
) -> Path:
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for name, size in zip(("time", "lat", "lon"), values.shape, strict=True):
            file.createDimension(name, size)
        file.createDimension("bounds", 2)
        if latitude is not None:
            file.createVariable("lat_bnds", "f4", ("lat", "bounds"))[:] = [-90, 90]
            mesh = np.meshgrid(latitude, longitude, indexing="ij")
            for name, dimension, centres, spread in zip(
                names, ("lat", "lon"), (latitude, longitude), mesh, strict=True
            ):
                dimensions = ("lat", "lon") if meshed else (dimension,)
                file.createVariable(name, "f4", dimensions)[:] = spread if meshed else centres
        stored = file.createVariable(variable, "f8", tuple(order))
        if units is not None:
            stored.units = units
        stored[:] = np.transpose(values, [("time", "lat", "lon").index(name) for name in order])
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "CMS_Flux_NBE_2015_v3.nc"


def value_at(field, latitude: float, longitude: float) -> float:
    """Value of the box in which a place lies."""
    grid = field.grid
    edges = grid.latitude_edges
    row = int(np.flatnonzero((edges[:-1] - latitude) * (edges[1:] - latitude) <= 0)[0])
    west = grid.longitude_edges[0]
    column = int(np.searchsorted(grid.longitude_edges, west + (longitude - west) % 360) - 1)
    return field.whole()[row, column]


def test_yearly_file(path):
    fields = list(read_cms_flux([write(path, world())]))
    assert [str(field.month) for field in fields] == [f"2015-{m:02d}" for m in range(1, 13)]
    check_months(fields, "CMS-Flux", pd.period_range("2015-01", "2015-12", freq="M"))
    january = fields[0]
    assert (january.name, january.units) == ("nbe", "gC m-2 day-1")
    assert value_at(january, -5.0, -60.0) == pytest.approx(-1.0)
    assert value_at(fields[11], -5.0, -60.0) == pytest.approx(-2.1)
    assert np.isfinite(january.whole()).sum() == 1
    np.testing.assert_allclose(january.read(slice(21, 22))[0, 24], -1.0)


def test_boxes_lie_where_the_transport_model_has_them(path):
    grid = next(read_cms_flux([write(path, world())])).grid
    assert grid.shape == (46, 72)
    assert grid.latitude_edges[[0, 1, 2, 44, 45, 46]].tolist() == [-90, -88, -84, 84, 88, 90]
    assert grid.longitude_edges[[0, 1, -1]].tolist() == [-182.5, -177.5, 177.5]
    assert grid.cyclic
    assert grid.cell_areas().sum() == pytest.approx(4 * np.pi * 6.371e6**2)


def test_patches_mix_four_boxes(path):
    values = np.zeros((12, 46, 72))
    values[0] = 1 / 86.4
    values[0, :, :36] = 3 / 86.4
    field = next(read_cms_flux([write(path, values)]))
    patches = Regridder.between(field.grid, regular_grid(0.25)).apply(field.whole())
    patches = patches.reshape(45, 16, 72, 20).mean(axis=(1, 3))
    # Boxes of 3 reach from 182.5 W to 2.5 W.
    np.testing.assert_allclose(patches[20, [0, 34, 35, 36, 70, 71]], [3, 3, 2, 1, 1, 2])


@pytest.mark.parametrize("northward", [True, False])
@pytest.mark.parametrize("east_of", [-180, 0])
def test_a_box_may_stand_for_the_patch_of_its_row_and_column(path, northward, east_of):
    """The box of 6 S, 60 W is the 25th from the north and the 25th from 180 W; so is the patch."""
    values = np.roll(world(), -36 if east_of == 0 else 0, axis=2)
    # The row of the south pole has no patch; that of the north pole has the first.
    values[:, 0], values[:, 45] = 5 / 86.4, 7 / 86.4
    file = write(
        path,
        values if northward else values[:, ::-1],
        latitude=LATITUDE if northward else LATITUDE[::-1],
        longitude=east_of + 5.0 * np.arange(72),
    )
    january = next(read_cms_flux([file], on_patches=True))
    assert january.grid.shape == (45, 72)
    patches = Regridder.between(january.grid, regular_grid(0.25)).apply(january.whole())
    patches = patches.reshape(45, 16, 72, 20)
    assert np.array_equal(np.argwhere(np.isfinite(patches[1:, 0, :, 0])), [[23, 24]])
    np.testing.assert_allclose(patches[24, :, 24], -1.0)
    np.testing.assert_allclose(patches[0], 7.0)
    row = 24 if january.grid.north_up else 20
    np.testing.assert_allclose(np.nansum(january.read(slice(row, row + 1))), -1.0)
    boxes = next(read_cms_flux([file]))
    assert (value_at(boxes, -5.0, -60.0), value_at(january, -7.0, -57.5)) == (-1.0, -1.0)


@pytest.mark.parametrize(
    "order",
    [("lon", "lat", "time"), ("lat", "lon", "time"), ("time", "lon", "lat")],
)
def test_any_order_of_dimensions(path, order):
    field = list(read_cms_flux([write(path, world(), order=order)]))[1]
    assert value_at(field, -5.0, -60.0) == pytest.approx(-1.1)
    assert np.isfinite(field.whole()).sum() == 1


def test_north_up(path):
    field = next(read_cms_flux([write(path, world()[:, ::-1], latitude=LATITUDE[::-1])]))
    assert field.grid.north_up
    assert value_at(field, -5.0, -60.0) == pytest.approx(-1.0)


def test_swapped_latitude_would_be_seen(path):
    field = next(read_cms_flux([write(path, world()[:, ::-1])]))
    assert np.isnan(value_at(field, -5.0, -60.0))
    assert value_at(field, 5.0, -60.0) == pytest.approx(-1.0)


def test_longitudes_from_zero(path):
    values = np.roll(world(), -36, axis=2)
    field = next(read_cms_flux([write(path, values, longitude=5.0 * np.arange(72))]))
    assert field.grid.longitude_edges[0] == -2.5
    assert value_at(field, -5.0, -60.0) == pytest.approx(-1.0)


def test_polar_rows_written_as_nodes(path):
    nodes = np.array([-90.0, *range(-86, 87, 4), 90.0])
    field = next(read_cms_flux([write(path, world(), latitude=nodes)]))
    assert field.grid.latitude_edges[:2].tolist() == [-90, -88]


def test_release_of_2020(tmp_path):
    path = tmp_path / "CMS-Flux-NBE-2020.monthly.grid.nc"
    values = world(108) * 86.4
    write(path, values, "post-NBE", None, order=("lon", "lat", "time"), names=("Lat", "Lon"))
    fields = list(read_cms_flux([path], "2020"))
    assert len(fields) == 108
    assert (str(fields[0].month), str(fields[-1].month)) == ("2010-01", "2018-12")
    assert value_at(fields[10], -5.0, -60.0) == pytest.approx(-2.0)


def test_meshed_coordinates(path):
    field = next(read_cms_flux([write(path, world(), names=("Lat", "Lon"), meshed=True)]))
    assert value_at(field, -5.0, -60.0) == pytest.approx(-1.0)


def test_zeros_and_missing_values(path):
    values = world()
    values[0, 0, 0] = -9999.0
    write(path, values)
    with pytest.raises(InputError, match="flux: expected values from -20 to 20"):
        next(read_cms_flux([path])).whole()
    field = next(read_cms_flux([path], zero_is_missing=False, missing_value=-9999.0))
    assert np.isnan(field.whole()[0, 0])
    assert np.isfinite(field.whole()).sum() == 46 * 72 - 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": None}, "no units"),
        ({"units": "kgC/m2/s"}, "units 'kgC/m2/s'"),
        ({"units": "gC m-2 day-1"}, None),
        ({"variable": "NBE"}, "flux: expected a variable of this name, found only .*, NBE"),
        ({"values": world(11)}, r"12 months, in any order, found shape \(11, 46, 72\)"),
        ({"values": np.zeros((12, 45, 72)), "latitude": LATITUDE[1:]}, "46 rows"),
        ({"latitude": None}, "coordinates that tell where the boxes lie"),
        ({"latitude": np.linspace(-90, 90, 46) + 0.5}, "-89, -86, -82 to 89"),
        ({"longitude": LONGITUDE + 2.5}, "-180, -175 to 175"),
        ({"latitude": np.roll(LATITUDE, 1)}, "-89, -86, -82 to 89"),
    ],
)
def test_other_layouts_are_refused(path, changes, message):
    write(path, **{"values": world(), **changes})
    if message is None:
        assert value_at(next(read_cms_flux([path])), -5, -60) == pytest.approx(-1 / 86.4)
        return
    with pytest.raises(InputError, match=message):
        list(read_cms_flux([path]))


def test_other_units_by_mistake_are_out_of_range(path):
    write(path, 1e3 * world())
    with pytest.raises(InputError, match="gC m-2 day-1"):
        next(read_cms_flux([path])).whole()


def test_absent_or_cut_file(path, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        list(read_cms_flux([path]))
    write(path, world())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_cms_flux([path]))
    with pytest.raises(InputError, match="a name such as CMS_Flux_NBE_2015"):
        list(read_cms_flux([tmp_path / "CMS_Flux_Fire_2015_v3.nc"]))


def test_missing_and_duplicate_years(path, tmp_path):
    fields = list(read_cms_flux([write(path, world())]))
    with pytest.raises(InputError, match="12 months without a file"):
        check_months(fields, "CMS-Flux", pd.period_range("2015-01", "2016-12", freq="M"))
    with pytest.raises(InputError, match="one field of 2015-01"):
        check_months(fields + fields, "CMS-Flux", pd.period_range("2015-01", "2015-12", freq="M"))


FIRE = "CMS_Flux_Fire_2015_v2.nc"


def test_fire_emission(tmp_path):
    values = np.abs(world())
    file = write(tmp_path / FIRE, values)
    fields = list(read_cms_flux_fire([file]))
    check_months(fields, "CMS-Flux fire", pd.period_range("2015-01", "2015-12", freq="M"))
    january = fields[0]
    assert (january.name, january.units) == ("fire_emission", "gC m-2 day-1")
    assert value_at(january, -5.0, -60.0) == pytest.approx(1.0)
    # Months without fire are data.
    assert (january.whole() == 0).sum() == 46 * 72 - 1
    assert january.grid.latitude_edges[:2].tolist() == [-90, -88]
    patches = next(read_cms_flux_fire([file], on_patches=True))
    assert value_at(patches, -7.0, -57.5) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": None}, "no units"),
        ({"units": "kgCO2/km2/s"}, "units 'kgCO2/km2/s'"),
        ({"variable": "fire"}, "flux: expected a variable of this name, found only .*, fire"),
        ({"values": world(13)}, "12 months, in any order"),
        ({"longitude": LONGITUDE + 2.5}, "-180, -175 to 175"),
    ],
)
def test_other_fire_files_are_refused(tmp_path, changes, message):
    file = write(tmp_path / FIRE, **{"values": np.abs(world()), **changes})
    with pytest.raises(InputError, match=message):
        list(read_cms_flux_fire([file]))


def test_fire_out_of_range_cut_or_misnamed(tmp_path):
    file = write(tmp_path / FIRE, world())
    with pytest.raises(InputError, match="values from 0 to 200"):
        next(read_cms_flux_fire([file])).whole()
    values = np.abs(world())
    values[0, 0, 0] = -9999
    file = write(tmp_path / "CMS_Flux_Fire_2016_v2.nc", values)
    assert np.isnan(next(read_cms_flux_fire([file], missing_value=-9999)).whole()[0, 0])
    cut = tmp_path / "CMS_Flux_Fire_2013_v2.nc"
    cut.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_cms_flux_fire([cut]))
    with pytest.raises(InputError, match="a name such as CMS_Flux_Fire_2015"):
        list(read_cms_flux_fire([tmp_path / "CMS_Flux_NBE_2015_v3.nc"]))
    swapped = write(tmp_path / "CMS_Flux_Fire_2014_v2.nc", np.abs(world()[:, :, ::-1]))
    assert value_at(next(read_cms_flux_fire([swapped])), -5.0, -60.0) == 0


NODES = 90 - 180 / 95 * np.arange(96)
MERIDIANS = -180 + 3.75 * np.arange(96)
FOREST = (50, 30)
"""Row of 4.74 S, column of 67.5 W."""


def write_cams(
    folder: Path,
    name: str = "cams73_latest_co2_flux_surface_mm_201502.nc",
    *,
    value: float = -0.028,
    variable: str = "flux_apos_bio",
    units: str | None = "kgC m-2 month-1",
    latitude: np.ndarray = NODES,
    longitude: np.ndarray = MERIDIANS,
    land: str | None = "lsf",
    roll: int = 0,
    undeclared: float | None = None,
) -> Path:
    """One sink and one coast; sea, and an island without flux, elsewhere."""
    flux, fraction = np.zeros((2, latitude.size, longitude.size))
    flux[FOREST], fraction[FOREST] = value, 1.0
    flux[FOREST[0], FOREST[1] + 1], fraction[FOREST[0], FOREST[1] + 1] = value / 2, 0.1
    fraction[80, 80] = 1.0
    if undeclared is not None:
        flux[FOREST[0] + 1, FOREST[1]] = undeclared
        fraction[FOREST[0] + 1, FOREST[1]] = 1.0
    # A column that repeats the first.
    if longitude.size == 97:
        flux[:, 96], fraction[:, 96] = flux[:, 0], fraction[:, 0]
    with netCDF4.Dataset(folder / name, "w", format="NETCDF3_CLASSIC") as file:
        for axis, numbers in (("latitude", latitude), ("longitude", longitude)):
            file.createDimension(axis, numbers.size)
            file.createVariable(axis, "f4", (axis,))[:] = numbers
        stored = file.createVariable(variable, "f4", ("latitude", "longitude"))
        stored[:] = np.roll(flux, roll, axis=1)
        if units is not None:
            stored.units = units
        if land is not None:
            file.createVariable(land, "f4", ("latitude", "longitude"))[:] = np.roll(
                fraction, roll, axis=1
            )
        file.createVariable("area", "f4", ("latitude", "longitude"))[:] = 1e10
    return folder / name


@pytest.mark.parametrize(
    "name",
    [
        "z_cams_l_lsce_201502_v15r4_ra_sfc_mm_co2flux.nc",
        "cams73_latest_co2_flux_surface_mm_201502.nc",
        "z_cams_l_cams55_201502_FT23r3_ra_sfc_mm_co2_flux.nc",
    ],
)
def test_cams_months_and_units(tmp_path, name):
    (field,) = read_cams([write_cams(tmp_path, name)])
    assert (field.name, field.units, str(field.month)) == ("nbe", "gC m-2 day-1", "2015-02")
    # 28 gC m-2 of February over its 28 days.
    assert value_at(field, -5.0, -67.0) == pytest.approx(-1.0)
    assert value_at(field, -5.0, -64.0) == pytest.approx(-0.5)
    assert np.isfinite(field.whole()).sum() == 3
    assert np.isfinite(next(read_cams([write_cams(tmp_path, name)], land_only=False)).whole()).all()


def test_cams_days_of_a_leap_year(tmp_path):
    name = "cams73_latest_co2_flux_surface_mm_201602.nc"
    (field,) = read_cams([write_cams(tmp_path, name, value=-0.029)])
    assert value_at(field, -5.0, -67.0) == pytest.approx(-1.0)


def test_cams_grid_has_half_rows_at_the_poles(tmp_path):
    (field,) = read_cams([write_cams(tmp_path)])
    edges = field.grid.latitude_edges
    assert edges[0] - edges[1] == pytest.approx(90 / 95, abs=1e-5)
    assert field.grid.cyclic


def test_cams_other_grids(tmp_path):
    repeated = np.append(MERIDIANS, 180.0)
    (field,) = read_cams([write_cams(tmp_path, longitude=repeated)])
    assert field.grid.shape == (96, 96)
    assert field.whole().shape == (96, 96)
    assert value_at(field, -5.0, -67.0) == pytest.approx(-1.0)
    (field,) = read_cams([write_cams(tmp_path, longitude=MERIDIANS + 180, roll=48)])
    assert value_at(field, -5.0, -67.0) == pytest.approx(-1.0)
    (field,) = read_cams([write_cams(tmp_path, latitude=NODES[::-1])])
    assert np.isnan(value_at(field, -5.0, -67.0))
    assert value_at(field, 5.0, -67.0) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": None}, "no units"),
        ({"units": "kgC m-2 s-1"}, "units 'kgC m-2 s-1'"),
        ({"variable": "flux_apos_ocean"}, "flux_apos_bio: expected a variable of this name"),
        ({"land": None}, "lsf: expected a variable of this name"),
        ({"name": "cams73_latest_co2_flux_surface_dm_201502.nc"}, "a name such as cams73_latest"),
        ({"name": "cams73_latest_co2_flux_surface_mm_201513.nc"}, "a name such as cams73_latest"),
        ({"longitude": MERIDIANS * 2}, "longitude"),
    ],
)
def test_other_cams_files_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        list(read_cams([write_cams(tmp_path, **changes)]))


def test_cams_undeclared_fill_or_other_units_by_mistake(tmp_path):
    file = write_cams(tmp_path, undeclared=-999.0)
    with pytest.raises(InputError, match="values from -20 to 20 gC m-2 day-1"):
        next(read_cams([file])).whole()
    assert np.isfinite(next(read_cams([file], missing_value=-999.0)).whole()).sum() == 3
    with pytest.raises(InputError, match="values from -20 to 20 gC m-2 day-1"):
        next(read_cams([write_cams(tmp_path, value=-28.0)])).whole()


def test_cams_missing_and_repeated_months_and_mixed_releases(tmp_path):
    january = write_cams(tmp_path, "cams73_latest_co2_flux_surface_mm_201501.nc")
    march = write_cams(tmp_path, "cams73_latest_co2_flux_surface_mm_201503.nc")
    fields = list(read_cams([january, march]))
    with pytest.raises(InputError, match="1 months without a file: 2015-02"):
        check_months(fields, "CAMS", pd.period_range("2015-01", "2015-03", freq="M"))
    (tmp_path / "copy").mkdir()
    copy = write_cams(tmp_path / "copy", "cams73_latest_co2_flux_surface_mm_201503.nc")
    with pytest.raises(InputError, match="each month once, found also"):
        list(read_cams([march, copy]))
    other = write_cams(tmp_path, "z_cams_l_cams55_201502_FT23r3_ra_sfc_mm_co2_flux.nc")
    with pytest.raises(InputError, match="the release of cams73_latest"):
        list(read_cams([january, other]))


def test_cams_cut_file(tmp_path):
    file = write_cams(tmp_path)
    file.write_bytes(file.read_bytes()[:30_000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_cams([file]))


@pytest.mark.parametrize(
    "name",
    [
        "z_cams_l_lsce_201502_v15r4_ra_sfc_mm_co2flux.nc",
        "cams73_v20r2_co2_flux_surface_mm_201502.nc",
        "inversion_CO2_flux_201502.nc",
        "201502_co2_flux_v3.nc",
    ],
)
def test_the_date_stands_before_or_after_the_species(tmp_path, name):
    (field,) = read_cams([write_cams(tmp_path, name)])
    assert field.month == pd.Period("2015-02", "M")
    assert value_at(field, -5.0, -67.0) == pytest.approx(-1.0)

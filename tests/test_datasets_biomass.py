"""Readers of biomass: a GeoTIFF of 20 bands, FLUXCOM files of a year each, on coarser grids."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

from differland.datasets.biomass import (
    herbaceous_biomass,
    herbaceous_fraction,
    read_gpp_climatology,
    read_woody_biomass,
    repeat_monthly,
)
from differland.datasets.fields import check_months
from differland.errors import InputError

NORTH_UP = from_origin(-180, 90, 10, 10)
LONGITUDE = -175.0 + 10 * np.arange(36)
CONGO = (9, 20)
"""Row of 0-10 S, column of 20-30 E, north-up, 10 degrees."""


def write_raster(
    path: Path,
    bands: int = 20,
    crs: str | None = "EPSG:4326",
    transform: Affine = NORTH_UP,
    nodata: float | None = np.nan,
    south_up: bool = False,
    factor: float = 1.0,
    fill: float = np.nan,
    shape: tuple[int, int] = (18, 36),
) -> Path:
    """150 MgC ha-1 in one cell in 2000, one more each year; no wood south of it; else missing."""
    values = np.full((bands, *shape), fill, np.float32)
    if shape == (18, 36):
        values[:, *CONGO] = 150 + np.arange(bands)
        values[:, 10, 20] = 0
    else:
        values[:] = 150
    if south_up:
        values = values[:, ::-1]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=bands,
        height=shape[0],
        width=shape[1],
        dtype="float32",
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as file:
        file.write(values * np.float32(factor))
    return path


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    return tmp_path / "test10a_cd_ab_pred_corr_2000_2019_v2.tif"


def test_bands_are_years(raster):
    fields = read_woody_biomass(write_raster(raster))
    assert [str(field.month) for field in fields] == [str(year) for year in range(2000, 2020)]
    assert {(field.name, field.units) for field in fields} == {("woody_biomass", "gC m-2")}
    assert fields[0].whole()[CONGO] == 15_000
    assert fields[19].whole()[CONGO] == 16_900
    assert fields[0].whole()[10, 20] == 0
    assert np.isfinite(fields[0].whole()).sum() == 2
    assert fields[3].read(slice(9, 10)).shape == (1, 36)
    assert fields[3].read(slice(9, 10))[0, 20] == 15_300
    grid = fields[0].grid
    assert (grid.latitude[9], grid.longitude[20]) == (-5.0, 25.0)
    assert grid.north_up
    assert grid.cyclic


def test_zero_is_missing_on_demand(raster):
    field = read_woody_biomass(write_raster(raster), zero_is_missing=True)[0]
    assert np.isfinite(field.whole()).sum() == 1


def test_south_up(raster):
    write_raster(raster, transform=Affine(10, 0, -180, 0, 10, -90), south_up=True)
    field = read_woody_biomass(raster)[0]
    assert not field.grid.north_up
    row = int(np.flatnonzero(field.grid.latitude == -5)[0])
    assert field.whole()[row, 20] == 15_000


def test_longitudes_from_zero(raster):
    write_raster(raster, transform=from_origin(0, 90, 10, 10))
    grid = read_woody_biomass(raster)[0].grid
    assert grid.longitude[20] == 205.0


def test_declared_and_undeclared_missing_values(raster):
    write_raster(raster, nodata=-9999.0, fill=-9999.0)
    assert np.isfinite(read_woody_biomass(raster)[0].whole()).sum() == 2
    write_raster(raster, nodata=None, fill=-9999.0)
    with pytest.raises(InputError, match="band 1: expected values from 0 to 100000 gC m-2"):
        read_woody_biomass(raster)[0].whole()
    field = read_woody_biomass(raster, missing_value=-9999.0)[0]
    assert np.isfinite(field.whole()).sum() == 2


def test_projected_raster_is_warped(raster):
    # Equal-area cylinder of EASE-Grid 2.0, whole globe, pixels of about 200 km.
    half = 17_367_530.445
    write_raster(
        raster,
        crs="EPSG:6933",
        transform=from_origin(-half, 7_314_540.83, half / 87, 7_314_540.83 / 36),
        shape=(72, 174),
    )
    field = read_woody_biomass(raster, resolution=2.0)[0]
    assert field.grid.shape == (90, 180)
    assert field.grid.cyclic
    np.testing.assert_allclose(field.whole()[5:85], 15_000)
    assert field.read(slice(10, 12)).shape == (2, 180)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": 19}, r"20 bands, 2000 to 2019, found shape \(19,\)"),
        ({"crs": None}, "coordinate reference system: expected one, found none"),
        ({"transform": Affine(10, 1, -180, 1, -10, 80)}, "along the axes"),
        ({"factor": 1e4}, "band 1: expected values from 0 to 100000"),
    ],
)
def test_other_rasters_are_refused(raster, changes, message):
    write_raster(raster, **changes)
    with pytest.raises(InputError, match=message):
        read_woody_biomass(raster)[0].whole()


def test_units_of_a_raster_are_checked_where_stated(raster):
    write_raster(raster)
    with rasterio.open(raster, "r+") as file:
        file.units = ["Mg ha-1"] * 20
    with pytest.raises(InputError, match="units 'Mg ha-1'"):
        read_woody_biomass(raster)


def test_absent_or_cut_raster(raster):
    with pytest.raises(InputError, match="no such file"):
        read_woody_biomass(raster)
    write_raster(raster)
    raster.write_bytes(raster.read_bytes()[:20_000])
    with pytest.raises(InputError, match="complete GeoTIFF"):
        [field.whole() for field in read_woody_biomass(raster)]
    raster.write_text("no raster")
    with pytest.raises(InputError, match="complete GeoTIFF"):
        read_woody_biomass(raster)


def test_a_year_is_repeated_for_its_months(raster):
    fields = read_woody_biomass(write_raster(raster))
    months = [repeated for field in fields[1:3] for repeated in repeat_monthly(field)]
    check_months(months, "biomass", pd.period_range("2001-01", "2002-12", freq="M"))
    assert len(months) == 24
    assert months[11].whole()[CONGO] == 15_100
    with pytest.raises(ValueError, match="not of a year"):
        repeat_monthly(months[0])
    with pytest.raises(InputError, match="12 months without a file"):
        check_months(months, "biomass", pd.period_range("2001-01", "2003-12", freq="M"))


def write_fluxcom(
    folder: Path,
    year: int,
    level: float = 2.0,
    names: tuple[str, str] = ("lat", "lon"),
    units: str | None = "gC m-2 d-1",
    north_up: bool = True,
    longitude: np.ndarray = LONGITUDE,
    months: int = 12,
    variable: str = "GPP",
    sea: float = 1e-17,
    fill_value: float | None = -9999.0,
    ensemble: str = "RS_METEO.FP-ALL.MLM-ALL.METEO-ALL.720_360",
) -> Path:
    """A level in the Congo in each month, but twice the level in February; polar ice missing."""
    path = folder / f"GPP.{ensemble}.monthly.{year}.nc"
    latitude = (85.0 - 10 * np.arange(18)) * (1 if north_up else -1)
    values = np.full((months, 18, 36), sea)
    values[:, *CONGO] = level
    values[1, *CONGO] = 2 * level
    values[:, 0] = -9999.0
    start = (np.datetime64(f"{year}-01-01") - np.datetime64("1582-10-15")).astype(int)
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for name, size in (("time", months), (names[0], 18), (names[1], 36)):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 1582-10-15 00:00:0.0"
        time[:] = start + 15 + 30.4 * np.arange(months)
        file.createVariable(names[0], "f4", (names[0],))[:] = latitude
        file.createVariable(names[1], "f4", (names[1],))[:] = longitude
        stored = file.createVariable(variable, "f8", ("time", *names), fill_value=fill_value)
        if units is not None:
            stored.units = units
        stored[:] = values if north_up else values[:, ::-1]
    return path


def test_climatology_is_an_annual_total(tmp_path):
    files = [write_fluxcom(tmp_path, 2001, 2.0), write_fluxcom(tmp_path, 2004, 4.0)]
    field = read_gpp_climatology(files)
    assert (field.name, field.units, field.month) == ("gpp", "gC m-2 year-1", None)
    # 3 on 365.25 days, and 3 more on the 28.25 of February.
    assert field.whole()[CONGO] == pytest.approx(3 * 365.25 + 3 * 28.25)
    assert np.isfinite(field.whole()).sum() == 1
    assert field.read(slice(9, 11))[0, 20] == pytest.approx(1180.5)


@pytest.mark.parametrize("north_up", [True, False])
def test_other_names_and_orders_of_coordinates(tmp_path, north_up):
    ensemble = "RS.FP-ALL.MLM-ALL.METEO-NONE.720_360"
    path = write_fluxcom(
        tmp_path, 2001, names=("latitude", "longitude"), north_up=north_up, ensemble=ensemble
    )
    field = read_gpp_climatology([path])
    row = int(np.flatnonzero(field.grid.latitude == -5)[0])
    assert field.whole()[row, 20] == pytest.approx(2 * 365.25 + 2 * 28.25)


def test_longitudes_of_fluxcom_from_zero(tmp_path):
    path = write_fluxcom(tmp_path, 2001, longitude=5.0 + 10 * np.arange(36))
    assert read_gpp_climatology([path]).grid.longitude_edges[[0, -1]].tolist() == [0, 360]


def test_undeclared_missing_values_of_fluxcom(tmp_path):
    path = write_fluxcom(tmp_path, 2001, fill_value=None)
    with pytest.raises(InputError, match="values from -10 to 60"):
        read_gpp_climatology([path]).whole()
    field = read_gpp_climatology([path], missing_value=-9999.0)
    assert np.isfinite(field.whole()).sum() == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "kgC m-2 s-1"}, "units 'kgC m-2 s-1'"),
        ({"units": None}, "no units"),
        ({"months": 11}, "the 12 months of 2001, found 11"),
        ({"variable": "NEE"}, "GPP: expected a variable of this name"),
        ({"level": 86.4}, "values from -10 to 60 gC m-2 day-1"),
        ({"ensemble": "RS", "names": ("y", "x")}, "latitude"),
    ],
)
def test_other_files_of_fluxcom_are_refused(tmp_path, changes, message):
    path = write_fluxcom(tmp_path, 2001, **changes)
    with pytest.raises(InputError, match=message):
        read_gpp_climatology([path]).whole()


def test_years_of_fluxcom(tmp_path):
    first = write_fluxcom(tmp_path, 2001)
    with pytest.raises(InputError, match="each year once"):
        read_gpp_climatology([first, write_fluxcom(tmp_path, 2001, ensemble="ANN")])
    with pytest.raises(InputError, match="expected the ensemble of GPP"):
        read_gpp_climatology([first, write_fluxcom(tmp_path, 2002, ensemble="ANN")])
    other = write_fluxcom(tmp_path, 2002, longitude=5.0 + 10 * np.arange(36))
    with pytest.raises(InputError, match="the grid of GPP"):
        read_gpp_climatology([first, other])
    with pytest.raises(InputError, match="at least one year, found none"):
        read_gpp_climatology([])
    named = first.rename(tmp_path / "GPP.2001.nc")
    with pytest.raises(InputError, match="a name such as"):
        read_gpp_climatology([named])


def test_cut_file_of_fluxcom(tmp_path):
    path = write_fluxcom(tmp_path, 2001)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        read_gpp_climatology([path])


def test_herbaceous_biomass():
    cover = {
        "grassland": np.array([0.3, 0.0, 0.2, np.nan]),
        "cropland": np.array([0.1, 0.0, 0.2, 0.1]),
        "savanna": np.array([0.2, 1.0, 0.0, 0.0]),
    }
    fraction = herbaceous_fraction(cover)
    np.testing.assert_allclose(fraction, [0.4, 0.0, 0.4, np.nan])
    gpp = np.array([1000.0, np.nan, np.nan, 1000.0])
    np.testing.assert_allclose(herbaceous_biomass(fraction, gpp), [200.0, 0.0, np.nan, np.nan])
    wider = herbaceous_fraction(cover, ("grassland", "savanna"))
    assert herbaceous_biomass(wider, gpp)[0] == pytest.approx(250)
    # Twice as long in the plants: twice the carbon.
    assert herbaceous_biomass(fraction, gpp, 2.0, 0.6)[0] == pytest.approx(320)
    with pytest.raises(InputError, match="herbaceous types"):
        herbaceous_fraction(cover, ("herbs",))

"""Biomass of Xu et al. and FLUXCOM: what is wrong with a file is told, in every layout."""

from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform as transform_points

from differland.datasets.biomass import (
    herbaceous_fraction,
    read_gpp_climatology,
    read_woody_biomass,
    repeat_monthly,
)
from differland.datasets.fields import Field
from differland.errors import InputError

RASTER = "test10a_cd_ab_pred_corr_2000_2019_v2.tif"


def write_raster(
    folder: Path,
    level: float = 120.0,
    dtype: str = "float32",
    nodata: float | None = None,
    hole: float | None = None,
    units: str | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """A level in 2000 and one more each year, on 18 rows of 10 degrees; perhaps a hole at 85 N."""
    values = np.full((20, 18, 36), level) + np.arange(20)[:, None, None]
    if hole is not None:
        values[:, 0, 0] = hole
    with rasterio.open(
        folder / RASTER,
        "w",
        driver="GTiff",
        count=20,
        height=18,
        width=36,
        dtype=dtype,
        crs="EPSG:4326",
        transform=from_origin(-180, 90, 10, 10),
        nodata=nodata,
        tiled=True,
        blockxsize=16,
        blockysize=16,
        compress="lzw",
    ) as file:
        file.write(values.astype(dtype))
        if units is not None:
            file.units = [units] * 20
        if tags is not None:
            file.update_tags(**tags)
    return folder / RASTER


def test_tags_of_netcdf_do_not_matter(tmp_path):
    tags = {"NETCDF_DIM_time": "0", "da#long_name": "biomass", "NETCDF_VARNAME": "da"}
    fields = read_woody_biomass(write_raster(tmp_path, tags=tags))
    assert [field.whole()[3, 4] for field in fields[::19]] == [12_000, 13_900]


@pytest.mark.parametrize("units", ["MgC ha-1", "MgC/ha"])
def test_units_that_a_raster_states(tmp_path, units):
    assert (read_woody_biomass(write_raster(tmp_path, units=units))[0].whole() == 12_000).all()


@pytest.mark.parametrize("units", ["Mg ha-1", "kgC m-2", "gC m-2"])
def test_other_units_of_a_raster(tmp_path, units):
    with pytest.raises(InputError, match=f"biomass: expected units 'MgC ha-1'.*units '{units}'"):
        read_woody_biomass(write_raster(tmp_path, units=units))


def test_grams_by_mistake(tmp_path):
    with pytest.raises(InputError, match="band 20: expected values from 0 to 100000 gC m-2"):
        read_woody_biomass(write_raster(tmp_path, 12_000.0))[19].whole()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_integers_and_their_fill_value(tmp_path, dtype):
    declared = read_woody_biomass(write_raster(tmp_path, dtype=dtype, nodata=-9999, hole=-9999))
    assert np.isnan(declared[19].whole()[0, 0])
    assert np.isfinite(declared[19].whole()).sum() == 18 * 36 - 1
    path = write_raster(tmp_path, dtype=dtype, hole=-9999)
    with pytest.raises(InputError, match="band 1: expected values from 0 to 100000 gC m-2"):
        read_woody_biomass(path)[0].whole()
    assert np.isnan(read_woody_biomass(path, missing_value=-9999)[0].whole()[0, 0])


@pytest.mark.parametrize("kept", [0, 100, -3000])
def test_truncated_raster(tmp_path, kept):
    path = write_raster(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"v2\.tif: [\w ]+: expected a complete GeoTIFF"):
        [field.whole() for field in read_woody_biomass(path)]


@pytest.mark.parametrize(("row", "column"), [(10, 20), (60, 150), (35, 87)])
def test_projected_raster_lies_where_it_should(tmp_path, row, column):
    """A pixel of the equal-area cylinder of EASE-Grid 2.0, in the cell of its own place."""
    half, top = 17_367_530.445, 7_314_540.83
    width, height = 2 * half / 174, 2 * top / 72
    values = np.full((20, 72, 174), 10, np.float32)
    values[:, row, column] = 900
    options = {"crs": "EPSG:6933", "transform": Affine(width, 0, -half, 0, -height, top)}
    path = tmp_path / RASTER
    with rasterio.open(
        path, "w", driver="GTiff", count=20, height=72, width=174, dtype="float32", **options
    ) as file:
        file.write(values)
    longitude, latitude = transform_points(
        "EPSG:6933", "EPSG:4326", [(column + 0.5) * width - half], [top - (row + 0.5) * height]
    )
    field = read_woody_biomass(path, resolution=1.0)[7]
    found = field.whole()
    highest = np.argwhere(found > 80_000)
    assert 1 <= len(highest) <= 8
    assert np.abs(field.grid.latitude[highest[:, 0]] - latitude[0]).max() < 2
    assert np.abs(field.grid.longitude[highest[:, 1]] - longitude[0]).max() < 2
    assert np.median(found[field.grid.latitude > 0]) == 1000


@pytest.mark.parametrize(
    "transform",
    [Affine(10, 0.1, -180, 0, -10, 90), Affine(10, 0, -180, 0.1, -10, 90)],
)
def test_rotated_raster(tmp_path, transform):
    path = write_raster(tmp_path)
    with rasterio.open(path, "r+") as file:
        file.transform = transform
    with pytest.raises(InputError, match="transform: expected rows and columns along the axes"):
        read_woody_biomass(path)


def test_static_fields_are_not_repeated(tmp_path):
    static = replace(read_woody_biomass(write_raster(tmp_path))[0], month=None)
    with pytest.raises(ValueError, match="not of a year"):
        repeat_monthly(static)


def test_no_herbaceous_types(tmp_path):
    with pytest.raises(InputError, match="herbaceous types"):
        herbaceous_fraction({"grassland": np.ones(2)}, ())


def test_months_of_a_year(tmp_path):
    months = repeat_monthly(read_woody_biomass(write_raster(tmp_path))[5])
    assert [str(field.month) for field in months] == [f"2005-{m:02d}" for m in range(1, 13)]
    assert {float(field.whole()[0, 0]) for field in months} == {12_500.0}
    assert {field.units for field in months} == {"gC m-2"}


MIDDLES = np.array([15, 45, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349])

LAYOUTS = {
    "RS_METEO.FP-ALL.MLM-ALL.METEO-ALL.720_360": ("lat", "lon"),
    "RS.FP-ALL.MLM-ALL.METEO-NONE.720_360": ("latitude", "longitude"),
    "RS_V006.FP-ALL.MLM-ALL.METEO-NONE.4320_2160": ("latitude", "longitude"),
    "ANN.CRUNCEPv6": ("lat", "lon"),
}
"""Names of coordinates by what stands in the names of files."""


def write_fluxcom(
    folder: Path,
    ensemble: str,
    year: int = 2005,
    days: np.ndarray = MIDDLES,
    by_month: np.ndarray | None = None,
    units: str | None = "gC m-2 d-1",
    variable: str = "GPP",
    hole: float | None = None,
    fill_value: float | None = None,
) -> Path:
    """Production of 1 to 12 gC m-2 day-1 from January to December."""
    path = folder / f"GPP.{ensemble}.monthly.{year}.nc"
    names = LAYOUTS[ensemble]
    by_month = 1.0 + np.arange(days.size) if by_month is None else by_month
    values = by_month[:, None, None] * np.ones((18, 36))
    if hole is not None:
        values[:, 2, 3] = hole
    since = (np.datetime64(f"{year}-01-01") - np.datetime64("1582-10-15")).astype(int)
    path.unlink(missing_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        for name, centres in (
            ("time", since + days),
            (names[0], 85.0 - 10 * np.arange(18)),
            (names[1], -175.0 + 10 * np.arange(36)),
        ):
            file.createDimension(name, len(centres))
            file.createVariable(name, "f8", (name,))[:] = centres
        file["time"].units = "days since 1582-10-15 00:00:0.0"
        stored = file.createVariable(variable, "f4", ("time", *names), fill_value=fill_value)
        if units is not None:
            stored.units = units
        stored[:] = values
    return path


def climatology(*files: Path, **choices: object) -> Field:
    return read_gpp_climatology(files, **choices)  # type: ignore[arg-type]


every_layout = pytest.mark.parametrize("ensemble", LAYOUTS)


@every_layout
def test_annual_total(tmp_path, ensemble):
    days = [31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    expected = sum(month * count for month, count in enumerate(days, 1))
    field = climatology(write_fluxcom(tmp_path, ensemble))
    assert field.units == "gC m-2 year-1"
    assert field.whole() == pytest.approx(expected, rel=1e-6)


@every_layout
def test_wrong_variable_and_units(tmp_path, ensemble):
    with pytest.raises(InputError, match="GPP: expected a variable of this name, found only"):
        climatology(write_fluxcom(tmp_path, ensemble, variable="TER"))
    assert climatology(write_fluxcom(tmp_path, ensemble, variable="GPP_HB"), variable="GPP_HB")
    for units in ("kgC m-2 s-1", "gC m-2 month-1", "umol m-2 s-1"):
        with pytest.raises(InputError, match=f"GPP: expected units .* found units '{units}'"):
            climatology(write_fluxcom(tmp_path, ensemble, units=units))


@every_layout
def test_missing_and_duplicate_months(tmp_path, ensemble):
    for days, found in (
        (MIDDLES[:-1], "found 11"),
        (np.delete(MIDDLES, 4), "found 11"),
        (np.where(np.arange(12) == 4, MIDDLES[3] + 1, MIDDLES), "2005-04, 2005-04"),
        (MIDDLES + 365, "2006-01"),
        (MIDDLES[::-1], "2005-12, 2005-11"),
    ):
        with pytest.raises(InputError, match=rf"time: expected the 12 months of 2005, .*{found}"):
            climatology(write_fluxcom(tmp_path, ensemble, days=days))


@every_layout
def test_fill_values(tmp_path, ensemble):
    declared = climatology(write_fluxcom(tmp_path, ensemble, hole=-9999, fill_value=-9999))
    assert np.argwhere(np.isnan(declared.whole())).tolist() == [[2, 3]]
    silent = write_fluxcom(tmp_path, ensemble, hole=-9999)
    with pytest.raises(InputError, match="expected values from -10 to 60 gC m-2 day-1"):
        climatology(silent).whole()
    found = climatology(silent, missing_value=-9999).whole()
    assert np.argwhere(np.isnan(found)).tolist() == [[2, 3]]


@every_layout
def test_truncated(tmp_path, ensemble):
    path = write_fluxcom(tmp_path, ensemble)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match="expected a complete NetCDF file"):
        climatology(path).whole()


def test_sea_is_told_over_all_years_and_months(tmp_path):
    ensemble = next(iter(LAYOUTS))
    frost = np.where(np.arange(12) == 6, 1e-3, 0.0)
    winter = write_fluxcom(tmp_path, ensemble, 2004, by_month=np.zeros(12), hole=np.nan)
    summer = write_fluxcom(tmp_path, ensemble, 2005, by_month=frost, hole=1e-17)
    field = climatology(winter, summer)
    # July of two years, of which one has no production.
    assert field.whole()[0, 0] == pytest.approx(31 * 5e-4)
    assert np.argwhere(np.isnan(field.whole())).tolist() == [[2, 3]]


def test_month_that_no_year_has_leaves_no_total(tmp_path):
    ensemble = next(iter(LAYOUTS))
    january = np.where(np.arange(12) == 0, np.nan, 2.0)
    first = write_fluxcom(tmp_path, ensemble, 2004, by_month=january)
    assert np.isnan(climatology(first).whole()).all()
    second = write_fluxcom(tmp_path, ensemble, 2005, by_month=np.full(12, 2.0))
    assert climatology(first, second).whole() == pytest.approx(730.5)

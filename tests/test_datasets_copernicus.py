"""Copernicus leaf area index, written from the layout that its manuals document."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.copernicus import read_copernicus_lai
from differland.datasets.fields import check_months
from differland.errors import InputError
from differland.regridding.grid import Grid

# A window of pixels whose centres lie on multiples of 1/112 degree, south of 45 N.
NORTH = 45 - np.arange(4) / 112
EAST = 9 + np.arange(3) / 112
SCALE = 1 / 30

VERSION_2 = "c_gls_LAI_{}0000_GLOBE_VGT_V2.0.2.nc"
FEBRUARY = ("20040210", "20040220", "20040229")


def write(
    folder: Path,
    date: str,
    number: int = 60,
    *,
    name: str = VERSION_2,
    variable: str = "LAI",
    scale: float | None = SCALE,
    units: str | None = "",
    fill: int | None = 255,
    valid_range: bool = False,
    time: bool = False,
    dtype: str = "u1",
    latitude: np.ndarray = NORTH,
    longitude: np.ndarray = EAST,
) -> Path:
    """Stored numbers: fill in the first corner, a flag for sea beside it."""
    file = folder / name.format(date)
    stored = np.full((latitude.size, longitude.size), number)
    stored[0, 0], stored[0, 1], stored[3, 2] = 255, 254, 210
    with netCDF4.Dataset(file, "w") as dataset:
        for axis, values in (("lat", latitude), ("lon", longitude)):
            dataset.createDimension(axis, values.size)
            coordinate = dataset.createVariable(axis, "f8", (axis,))
            coordinate[:], coordinate.units = values, f"degrees_{axis}"
        dimensions = ("lat", "lon")
        if time:
            dataset.createDimension("time", 1)
            dimensions = ("time", "lat", "lon")
        layer = dataset.createVariable(variable, dtype, dimensions, fill_value=fill)
        layer.set_auto_maskandscale(False)
        if scale is not None:
            layer.scale_factor, layer.add_offset = scale, 0.0
        if units is not None:
            layer.units = units
        if valid_range:
            layer.valid_range = np.array([0, 210], dtype)
        layer[:] = stored
        dataset.createVariable("QFLAG", "u1", dimensions)[:] = 0
    return file


def month(folder: Path, dates: tuple[str, ...] = FEBRUARY, **changes) -> list[Path]:
    return [write(folder, date, 30 * (i + 1), **changes) for i, date in enumerate(dates)]


@pytest.mark.parametrize(
    ("name", "dates"),
    [
        (VERSION_2, FEBRUARY),
        ("c_gls_LAI-RT6_{}0000_GLOBE_PROBAV_V2.0.1.nc", FEBRUARY),
        ("c_gls_LAI_{}0000_GLOBE_PROBAV_V1.5.1.nc", ("20040203", "20040213", "20040224")),
        ("c_gls_LAI300_{}0000_GLOBE_PROBAV_V1.0.1.nc", FEBRUARY),
        ("c_gls_LAI300-RT1_{}0000_GLOBE_OLCI_V1.1.2.nc", FEBRUARY),
    ],
)
def test_dekads(tmp_path, name, dates):
    files = month(tmp_path, dates, name=name)
    fields = list(read_copernicus_lai(reversed(files)))
    assert [field.weight for field in fields] == [10, 10, 9]
    assert {str(field.month) for field in fields} == {"2004-02"}
    assert {(field.name, field.units) for field in fields} == {("lai", "m2 m-2")}
    assert [field.whole()[1, 1] for field in fields] == pytest.approx([1, 2, 3])
    check_months(fields, "Copernicus", pd.period_range("2004-02", "2004-02", freq="M"))


@pytest.mark.parametrize("fill", [255, None])
@pytest.mark.parametrize("valid_range", [False, True])
@pytest.mark.parametrize("time", [False, True])
def test_fill_and_flags_are_missing(tmp_path, fill, valid_range, time):
    files = month(tmp_path, fill=fill, valid_range=valid_range, time=time)
    values = next(read_copernicus_lai(files)).whole()
    assert np.isnan(values[0]).tolist() == [True, True, False]
    assert values[3, 2] == pytest.approx(7.0)
    assert np.isnan(next(read_copernicus_lai(files)).read(slice(0, 1))[0, 0])


def test_pixels_are_around_their_centres(tmp_path):
    grid = next(read_copernicus_lai(month(tmp_path))).grid
    assert grid.latitude[0] == pytest.approx(45, abs=1e-12)
    assert grid.longitude[0] == pytest.approx(9, abs=1e-12)
    assert grid.latitude_edges[0] == pytest.approx(45 + 1 / 224, abs=1e-12)
    assert grid.longitude_edges[0] == pytest.approx(9 - 1 / 224, abs=1e-12)


def test_whole_globe_of_one_kilometre():
    # Pixels of 180 W to 180 E, 80 N to 60 S: the circle closes half a pixel west of 180 W.
    grid = Grid.from_coordinates(
        80 - np.arange(15680) / 112, -180 + np.arange(40320) / 112, "file.nc"
    )
    assert grid.cyclic
    assert grid.longitude_edges[0] == pytest.approx(-180 - 1 / 224, abs=1e-12)


def test_integers_without_scale(tmp_path):
    files = month(tmp_path, scale=None)
    with pytest.raises(InputError, match="LAI: expected integers with a scale factor, found uint8"):
        list(read_copernicus_lai(files))
    values = next(read_copernicus_lai(files, scale_factor=1 / 30)).whole()
    assert values[1, 1] == pytest.approx(1)
    assert np.isnan(values[0]).tolist() == [True, True, False]
    with pytest.raises(InputError, match="values from 0 to 10 m2 m-2"):
        next(read_copernicus_lai(files, scale_factor=1.0)).whole()


def test_numbers_that_are_unpacked(tmp_path):
    files = month(tmp_path, scale=None, dtype="f4")
    with pytest.raises(InputError, match="values from 0 to 10 m2 m-2"):
        next(read_copernicus_lai(files)).whole()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "%"}, "units '%'"),
        ({"variable": "FAPAR"}, "LAI: expected a variable of this name, found only .*FAPAR"),
        ({"name": "c_gls_FAPAR_{}0000_GLOBE_VGT_V2.0.2.nc"}, "a name such as c_gls_LAI_"),
        ({"dates": ("20041310",)}, "a date YYYYMMDD, found 20041310"),
        ({"dates": FEBRUARY[:2]}, "the 3 dekads of 2004-02, found none of number 3"),
        ({"latitude": np.roll(NORTH, 1)}, "values that rise or fall throughout"),
    ],
)
def test_other_files_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        list(read_copernicus_lai(month(tmp_path, **changes)))


def test_undeclared_missing_value(tmp_path):
    files = month(tmp_path)
    assert np.isnan(next(read_copernicus_lai(files, missing_value=7.0)).whole()[3, 2])


def test_orientation_and_longitudes_from_zero(tmp_path):
    files = month(tmp_path, latitude=NORTH[::-1], longitude=350 + np.arange(3) / 112)
    field = next(read_copernicus_lai(files))
    row, column = np.argwhere(field.whole() > 6)[0]
    assert field.grid.latitude[row] == pytest.approx(45)
    assert field.grid.longitude[column] % 360 == pytest.approx(350 + 2 / 112)


def test_repeated_dekads_and_mixed_resolutions(tmp_path):
    files = month(tmp_path)
    twice = write(tmp_path, "20040210", name="c_gls_LAI-RT0_{}0000_GLOBE_PROBAV_V2.0.1.nc")
    with pytest.raises(InputError, match="each dekad once, found also"):
        list(read_copernicus_lai([*files, twice]))
    fine = write(tmp_path, "20040310", name="c_gls_LAI300_{}0000_GLOBE_PROBAV_V1.0.1.nc")
    with pytest.raises(InputError, match="the resolution of c_gls_LAI_2004"):
        list(read_copernicus_lai([*files, fine]))


def test_missing_months_and_cut_file(tmp_path):
    files = month(tmp_path)
    with pytest.raises(InputError, match="1 months without a file: 2004-03"):
        check_months(
            read_copernicus_lai(files), "LAI", pd.period_range("2004-02", "2004-03", freq="M")
        )
    files[1].write_bytes(files[1].read_bytes()[:2000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_copernicus_lai(files))
    with pytest.raises(InputError, match="no such file"):
        list(read_copernicus_lai([*files[:1], *(tmp_path / "x" / file.name for file in files[1:])]))

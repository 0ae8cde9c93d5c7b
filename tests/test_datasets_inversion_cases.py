"""CMS-Flux: boxes that are not those of the transport model, and every spelling of its units."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest

from differland.datasets.inversion import read_cms_flux
from differland.errors import InputError

LATITUDE = np.array([-89.0, *range(-86, 87, 4), 89.0])
LONGITUDE = -180.0 + 5 * np.arange(72)
RELEASES = {
    "V3": ("CMS_Flux_NBE_2015_v3.nc", "flux", 12),
    "2020": ("CMS-Flux-NBE-2020.monthly.grid.nc", "post-NBE", 108),
}


def write(
    folder: Path,
    release: str = "V3",
    level: float = 0.01,
    units: str | None = "kgC/km2/s",
    latitude: np.ndarray = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    fill_value: float | None = None,
    hole: float | None = None,
    steps: int | None = None,
    name: str | None = None,
) -> Path:
    """A level everywhere, a hundredth more in each month."""
    file, variable, months = RELEASES[release]
    months = steps or months
    values = level * (1 + np.arange(months)[:, None, None] / 100) * np.ones((46, 72))
    if hole is not None:
        values[0, 0, 0] = hole
    # A file that a reader holds open cannot be written over.
    (folder / file).unlink(missing_ok=True)
    with netCDF4.Dataset(folder / file, "w") as dataset:
        for axis, size in (("time", months), ("lat", 46), ("lon", 72)):
            dataset.createDimension(axis, size)
        for axis, centres, own in (("Lat", latitude, "lat"), ("Lon", longitude, "lon")):
            axes = ("lat", "lon")[: centres.ndim] if centres.ndim == 2 else (own,)
            dataset.createVariable(axis, "f8", axes)[:] = centres
        stored = dataset.createVariable(
            name or variable, "f8", ("time", "lat", "lon"), fill_value=fill_value
        )
        if units is not None:
            stored.units = units
        stored[:] = values
    return folder / file


def first(file: Path, release: str = "V3", **choices: object) -> np.ndarray:
    return next(read_cms_flux([file], release, **choices)).whole()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        # 1e-3 g m-2 of each kg km-2, on 86 400 seconds.
        ("kgC/km2/s", 0.864),
        ("kgC/km^2/sec", 0.864),
        ("kgC km-2 s-1", 0.864),
        ("kg C km-2 s-1", 0.864),
        ("gC m-2 day-1", 0.01),
        ("gC/m2/day", 0.01),
        ("gC m-2 d-1", 0.01),
    ],
)
@pytest.mark.parametrize("release", RELEASES)
def test_units(tmp_path, release, units, expected):
    assert first(write(tmp_path, release, units=units), release) == pytest.approx(expected)


@pytest.mark.parametrize("units", ["kgC/m2/s", "kgC/km2/month", "gC m-2 month-1", "PgC/yr"])
@pytest.mark.parametrize("release", RELEASES)
def test_wrong_units(tmp_path, release, units):
    with pytest.raises(InputError, match=f"found units '{units}'"):
        first(write(tmp_path, release, units=units), release)


@pytest.mark.parametrize("release", RELEASES)
def test_last_month_is_the_last_step(tmp_path, release):
    months = RELEASES[release][2]
    file = write(tmp_path, release, 1.0, "gC m-2 day-1")
    fields = list(read_cms_flux([file], release))
    for step in (0, 1, months - 1):
        assert fields[step].whole() == pytest.approx(1 + step / 100)
    assert str(fields[1].month)[-2:] == "02"


@pytest.mark.parametrize("release", RELEASES)
def test_missing_month(tmp_path, release):
    months = RELEASES[release][2]
    for steps in (months - 1, months + 1):
        file = write(tmp_path, release, steps=steps)
        with pytest.raises(InputError, match=f"{months} months, in any order, found shape"):
            first(file, release)


@pytest.mark.parametrize("release", RELEASES)
def test_fill_values(tmp_path, release):
    declared = write(tmp_path, release, fill_value=-999.0, hole=-999.0)
    assert np.isnan(first(declared, release)[0, 0])
    assert np.isfinite(first(declared, release)).sum() == 46 * 72 - 1
    silent = write(tmp_path, release, hole=-999.0)
    with pytest.raises(InputError, match="expected values from -20 to 20 gC m-2 day-1"):
        first(silent, release)
    assert np.isnan(first(silent, release, missing_value=-999.0)[0, 0])


@pytest.mark.parametrize("release", RELEASES)
def test_wrong_variable_and_truncated(tmp_path, release):
    name = RELEASES[release][1]
    file = write(tmp_path, release, name="prior-NBE")
    with pytest.raises(InputError, match=f"{name}: expected a variable of this name, found only"):
        first(file, release)
    whole = write(tmp_path, release)
    whole.write_bytes(whole.read_bytes()[:-4000])
    with pytest.raises(InputError, match="expected a complete NetCDF file"):
        [field.whole() for field in read_cms_flux([whole], release)]


def shifted(centres: np.ndarray, index: int, by: float) -> np.ndarray:
    changed = centres.copy()
    changed[index] += by
    return changed


@pytest.mark.parametrize("release", RELEASES)
def test_name_of_the_variable_is_a_choice(tmp_path, release):
    file = write(tmp_path, release, units="gC m-2 day-1", name="NBE")
    assert first(file, release, variable="NBE") == pytest.approx(0.01)


@pytest.mark.parametrize("by", [-0.5, 0.5])
@pytest.mark.parametrize("turned", [False, True])
def test_boxes_a_little_off_are_refused(tmp_path, by, turned):
    latitude = LATITUDE[::-1] if turned else LATITUDE
    for index in (1, 20, -2):
        file = write(tmp_path, latitude=shifted(latitude, index, by))
        with pytest.raises(InputError, match="latitude: expected -89, -86, -82 to 89"):
            first(file)
    for index in (0, -1):
        # Polar rows are written as 89 or as 90, not as 87.
        file = write(tmp_path, latitude=shifted(latitude, index, 4 * by))
        with pytest.raises(InputError, match="latitude: expected -89, -86, -82 to 89"):
            first(file)
    for index in (0, 30, -1):
        with pytest.raises(InputError, match="longitude: expected -180, -175 to 175, or from 0"):
            first(write(tmp_path, longitude=shifted(LONGITUDE, index, by)))


def test_longitudes_may_start_anywhere(tmp_path):
    longitude = np.roll(LONGITUDE, -10)
    grid = next(read_cms_flux([write(tmp_path, longitude=longitude)])).grid
    assert grid.longitude_edges[[0, 1]].tolist() == [-132.5, -127.5]


def test_meshes_of_other_shapes_are_refused(tmp_path):
    latitude, longitude = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    assert first(write(tmp_path, latitude=latitude, longitude=longitude)).shape == (46, 72)
    latitude = latitude + 0.1 * (longitude > 0)
    with pytest.raises(InputError, match="Lat: expected rows and columns of boxes"):
        first(write(tmp_path, latitude=latitude, longitude=longitude))


@pytest.mark.parametrize("absent", ["Lat", "Lon"])
def test_one_coordinate_is_not_enough(tmp_path, absent):
    file = write(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset.renameVariable(absent, "other")
    with pytest.raises(InputError, match="coordinates that tell where the boxes lie"):
        first(file)


@pytest.mark.parametrize("months", [[0, *range(11)], [*range(1, 13)]])
def test_months_that_are_not_those_of_the_year_are_refused(tmp_path: Path, months: list[int]):
    file = write(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = "days since 2015-01-01"
        time[:] = 30.5 * np.array(months)
    with pytest.raises(InputError, match="time: expected the 12 months from 2015-01 to 2015-12"):
        first(file)

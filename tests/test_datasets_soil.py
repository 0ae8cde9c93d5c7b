"""Readers of HWSD: files laid out as ORNL DAAC 1247 ships them."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest

from differland.datasets.soil import read_soil, read_soil_organic_carbon
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import regular_grid

LATITUDE = -87.5 + 5.0 * np.arange(36)
LONGITUDE = -177.5 + 5.0 * np.arange(72)
STORED_NAMES = {"AWT_T_SOC": "SUM_t_c_12", "AWT_S_SOC": "SUM_s_c_1"}


def write(
    folder: Path,
    stem: str,
    values: np.ndarray,
    units: str | None,
    latitude: np.ndarray = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    variable: str | None = None,
    declared: bool = False,
) -> None:
    path = folder / f"{stem}.nc4"
    # A file that a reader holds open cannot be written over.
    path.unlink(missing_ok=True)
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.createDimension("lat", latitude.size)
        file.createDimension("lon", longitude.size)
        for name, centres, direction in (("lat", latitude, "north"), ("lon", longitude, "east")):
            axis = file.createVariable(name, "f8", (name,))
            axis.units = f"degrees_{direction}"
            axis[:] = centres
        stored = file.createVariable(
            variable or STORED_NAMES.get(stem, stem),
            "f4",
            ("lat", "lon"),
            zlib=True,
            fill_value=-1 if declared else None,
        )
        if units is not None:
            stored.units = units
        stored[:] = values


def world(value: float) -> np.ndarray:
    """Land of one value between 0 and 60 N, the rest missing."""
    values = np.full((36, 72), -1.0)
    values[18:30] = value
    return values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for layer, share in (("T", 1.0), ("S", 2.0)):
        write(tmp_path, f"{layer}_SAND", world(20 * share), "% weight")
        write(tmp_path, f"{layer}_SILT", world(10 * share), "% weight")
        write(tmp_path, f"{layer}_CLAY", world(15 * share), "% weight")
        write(tmp_path, f"{layer}_GRAVEL", world(5 * share), "%vol.")
        write(tmp_path, f"{layer}_BULK_DEN", world(0.8 * share), "kg dm-3")
        write(tmp_path, f"{layer}_REF_BULK", world(0.7 * share), "kg dm-3")
        write(tmp_path, f"AWT_{layer}_SOC", world(6 * share), "kg C m-2")
    return tmp_path


def named(fields: list) -> dict:
    return {field.name: field for field in fields}


def test_metre_is_three_tenths_topsoil_and_seven_tenths_subsoil(folder):
    fields = named(read_soil(folder))
    assert list(fields) == ["bulk_density", "sand", "silt", "clay", "gravel"]
    expected = {
        "bulk_density": (0.3 * 0.8 + 0.7 * 1.6, "kg dm-3"),
        "sand": (34.0, "%"),
        "silt": (17.0, "%"),
        "clay": (25.5, "%"),
        "gravel": (8.5, "%"),
    }
    for name, (value, units) in expected.items():
        assert fields[name].units == units
        assert fields[name].whole()[20, 7] == pytest.approx(value, rel=1e-6)
        assert np.isnan(fields[name].whole()[:18]).all()


def test_texture_of_the_metre_adds_up_to_the_whole(folder):
    for layer, sand in (("T", 50.0), ("S", 40.0)):
        write(folder, f"{layer}_SAND", world(sand), "% weight")
        write(folder, f"{layer}_SILT", world(80 - sand), "% weight")
        write(folder, f"{layer}_CLAY", world(20), "% weight")
    fields = named(read_soil(folder))
    total = sum(fields[name].whole() for name in ("sand", "silt", "clay"))
    np.testing.assert_allclose(total[18:30], 100, rtol=1e-6)


def test_bulk_density_of_texture_can_be_chosen(folder):
    field = named(read_soil(folder, bulk_density="REF_BULK"))["bulk_density"]
    assert field.whole()[20, 0] == pytest.approx(0.3 * 0.7 + 0.7 * 1.4, rel=1e-6)


def test_carbon_is_the_sum_of_the_layers_in_grams(folder):
    field = read_soil_organic_carbon(folder)
    assert (field.name, field.units) == ("soil_organic_carbon", "gC m-2")
    assert field.whole()[25, 3] == pytest.approx(18_000, rel=1e-6)


@pytest.mark.parametrize("declared", [False, True])
def test_minus_one_is_missing_whether_declared_or_not(folder, declared):
    write(folder, "AWT_T_SOC", world(6), "kg C m-2", declared=declared)
    values = read_soil_organic_carbon(folder).whole()
    assert np.isnan(values[:18]).all()
    assert np.isnan(values[30:]).all()
    assert np.isfinite(values[18:30]).all()


def test_shallow_soil(folder):
    subsoil = world(40.0)
    subsoil[20, 7] = -1
    write(folder, "S_SAND", subsoil, "% weight")
    assert named(read_soil(folder))["sand"].whole()[20, 7] == 20
    dropped = named(read_soil(folder, missing_subsoil="missing"))["sand"].whole()
    assert np.isnan(dropped[20, 7])
    assert dropped[20, 8] == pytest.approx(34)
    carbon = world(12.0)
    carbon[20, 7] = -1
    write(folder, "AWT_S_SOC", carbon, "kg C m-2")
    assert read_soil_organic_carbon(folder).whole()[20, 7] == 6_000
    assert np.isnan(read_soil_organic_carbon(folder, missing_subsoil="missing").whole()[20, 7])


def test_subsoil_without_topsoil_is_no_soil(folder):
    topsoil = world(20.0)
    topsoil[20, 7] = -1
    write(folder, "T_SAND", topsoil, "% weight")
    assert np.isnan(named(read_soil(folder))["sand"].whole()[20, 7])


def test_zero_carbon_can_be_taken_for_missing(folder):
    for layer in "TS":
        values = world(6)
        values[19] = 0
        write(folder, f"AWT_{layer}_SOC", values, "kg C m-2")
    assert (read_soil_organic_carbon(folder).whole()[19] == 0).all()
    values = read_soil_organic_carbon(folder, zero_is_missing=True).whole()
    assert np.isnan(values[19]).all()
    assert (values[20] == 12_000).all()


def orientations(values: np.ndarray) -> dict[str, tuple]:
    return {
        "south-up": (values, LATITUDE, LONGITUDE),
        "north-up": (values[::-1], LATITUDE[::-1], LONGITUDE),
        "from 0 to 360": (np.roll(values, -36, axis=1), LATITUDE, 2.5 + 5.0 * np.arange(72)),
    }


@pytest.mark.parametrize("orientation", ["south-up", "north-up", "from 0 to 360"])
def test_the_map_is_the_same_however_the_file_lies(folder, orientation):
    values = world(6)
    # One place in the west of the north: 12.5 N, 92.5 W.
    values[20, 17] = 30
    stored, latitude, longitude = orientations(values)[orientation]
    write(folder, "AWT_T_SOC", stored, "kg C m-2", latitude, longitude)
    write(folder, "AWT_S_SOC", np.zeros_like(stored), "kg C m-2", latitude, longitude)
    field = read_soil_organic_carbon(folder)
    target = regular_grid(5)
    mapped = Regridder.between(field.grid, target).apply(field.whole())
    row, column = np.argwhere(mapped == 30_000)[0]
    assert (target.latitude[row], target.longitude[column]) == (12.5, -92.5)
    assert (mapped == 30_000).sum() == 1


def test_rows_are_read_alone(folder):
    field = named(read_soil(folder))["clay"]
    np.testing.assert_array_equal(field.read(slice(17, 20)), field.whole()[17:20])


def test_missing_file_is_named(folder):
    (folder / "S_CLAY.nc4").unlink()
    with pytest.raises(
        InputError, match=r"S_CLAY\.nc4: expected one file of this layer, found none"
    ):
        read_soil(folder)


def test_truncated_file_is_named(folder):
    path = folder / "T_SILT.nc4"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"T_SILT\.nc4: \w+: expected a complete NetCDF file"):
        [field.whole() for field in read_soil(folder)]


def test_wrong_variable_is_named(folder):
    write(folder, "AWT_T_SOC", world(6), "kg C m-2", variable="AWT_T_SOC")
    with pytest.raises(InputError, match=r"SUM_t_c_12: expected a variable.*found only .*AWT_T_SO"):
        read_soil_organic_carbon(folder)


@pytest.mark.parametrize("units", ["g C m-2", "t/ha", None])
def test_other_units_of_carbon_are_refused(folder, units):
    write(folder, "AWT_S_SOC", world(6), units)
    with pytest.raises(InputError, match=r"SUM_s_c_1: expected units .*found .*units"):
        read_soil_organic_carbon(folder)


@pytest.mark.parametrize(
    ("stem", "units"),
    [
        ("T_SAND", "1"),
        ("S_CLAY", "g/kg"),
        ("T_GRAVEL", "% weight"),
        ("S_BULK_DEN", "kg m-3"),
        ("T_BULK_DEN", None),
    ],
)
def test_other_units_of_properties_are_refused(folder, stem, units):
    write(folder, stem, world(1), units)
    with pytest.raises(InputError, match=rf"{stem}\.nc4: {stem}: expected units .*found .*units"):
        read_soil(folder)


@pytest.mark.parametrize(
    ("stem", "value", "found"),
    [("T_BULK_DEN", 1300.0, "0 to 3 kg dm-3, found 1300"), ("S_SILT", 250.0, "0 to 100 %")],
)
def test_other_units_by_mistake_are_out_of_range(folder, stem, value, found):
    write(folder, stem, world(value), {"T_BULK_DEN": "kg dm-3", "S_SILT": "%"}[stem])
    with pytest.raises(InputError, match=f"{stem}: expected values from {found}"):
        [field.whole() for field in read_soil(folder)]


def test_carbon_in_grams_by_mistake_is_out_of_range(folder):
    write(folder, "AWT_T_SOC", world(6000), "kg C m-2")
    with pytest.raises(InputError, match="SUM_t_c_12: expected values from 0 to 200000 gC m-2"):
        read_soil_organic_carbon(folder).whole()


def test_several_layers_in_a_file_are_refused(folder):
    with netCDF4.Dataset(folder / "T_SAND.nc4", "a") as file:
        file.renameVariable("T_SAND", "old")
        file.createDimension("depth", 2)
        file.createVariable("T_SAND", "f4", ("depth", "lat", "lon")).units = "%"
    with pytest.raises(InputError, match="T_SAND: expected one layer, found dimensions"):
        read_soil(folder)


@pytest.mark.parametrize("value", [-9999.0, -3.0, 255.0])
def test_undeclared_fill_value_is_refused(folder, value):
    values = world(20)
    values[25, 5] = value
    write(folder, "T_SAND", values, "% weight")
    field = named(read_soil(folder))["sand"]
    with pytest.raises(InputError, match=r"T_SAND: expected values from 0 to 100 %, found .* 1 of"):
        field.whole()


@pytest.mark.parametrize(
    "axes", [{"latitude": LATITUDE[::-1]}, {"longitude": 2.5 + 5.0 * np.arange(72)}]
)
def test_layers_on_two_grids_are_refused(folder, axes):
    write(folder, "S_CLAY", world(30), "% weight", **axes)
    with pytest.raises(InputError, match=r"S_CLAY\.nc4: grid: expected the grid of T_CLAY"):
        read_soil(folder)


def test_order_of_dimensions_does_not_matter(folder):
    values = world(20.0)
    values[20, 7] = 30
    with netCDF4.Dataset(folder / "T_SAND.nc4", "a") as file:
        file.renameVariable("T_SAND", "old")
        turned = file.createVariable("T_SAND", "f4", ("lon", "lat"))
        turned.units = "%"
        turned[:] = values.T
    found = named(read_soil(folder))["sand"].whole()
    assert found.shape == (36, 72)
    assert found[20, [7, 8]] == pytest.approx([0.3 * 30 + 0.7 * 40, 34])


def test_layers_lie_anywhere_in_the_folder(folder):
    (folder / "data").mkdir()
    for file in list(folder.glob("*.nc4")):
        file.rename(folder / "data" / file.name)
    (folder / "data" / "._T_SILT.nc4").write_bytes(b"x")
    assert {field.name for field in read_soil(folder)} >= {"silt", "clay"}

"""LCSPP-MODIS and reprocessed MODIS LAI, written from their documented layouts."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.fields import Field, check_months
from differland.datasets.vegetation import read_lai, read_lcspp
from differland.errors import InputError

NORTH_UP = 40.975 - 0.05 * np.arange(4)
EAST = 10.025 + 0.05 * np.arange(3)
FEBRUARY = pd.period_range("2004-02", "2004-02", freq="M")


def write_grid(
    dataset: netCDF4.Dataset, latitude: np.ndarray, longitude: np.ndarray, units: bool = True
) -> None:
    for name, values, unit in (
        ("lat", latitude, "degrees_north"),
        ("lon", longitude, "degrees_east"),
    ):
        dataset.createDimension(name, values.size)
        axis = dataset.createVariable(name, "f4", (name,))
        axis[:] = values
        if units:
            axis.units = unit


def write_lcspp(
    folder: Path,
    half: str,
    value: float,
    *,
    stem: str = "LCSPP_MODIS_v3.2_200402",
    layer: str = "lcspp_clear_daily",
    units: str | None = "mW m-2 nm-1 sr-1",
    latitude: np.ndarray = NORTH_UP,
    longitude: np.ndarray = EAST,
    undeclared: float | None = None,
) -> Path:
    file = folder / f"{stem}{half}.nc"
    # A file that a reader holds open cannot be written over.
    file.unlink(missing_ok=True)
    with netCDF4.Dataset(file, "w") as dataset:
        write_grid(dataset, latitude, longitude)
        dataset.createDimension("time", 1)
        fill = np.nan if undeclared is None else None
        variable = dataset.createVariable(layer, "f4", ("time", "lat", "lon"), fill_value=fill)
        if units is not None:
            variable.units = units
        values = np.full((1, 4, 3), value)
        values[0, 0, 2] = np.nan if undeclared is None else undeclared
        values[0, 3, 0] = 2 * value
        variable[:] = values
        quality = dataset.createVariable("lcspp_qa", "u1", ("time", "lat", "lon"))
        quality[:] = np.array([0, 1, 2, 3])[None, :, None] * np.ones((1, 4, 3))
    return file


def write_lai(
    folder: Path,
    name: str = "lai_8-day_0.05_2004.nc",
    times: list[int] | None = None,
    values: np.ndarray | None = None,
    *,
    variable: str = "lai",
    dtype: str = "f4",
    attributes: dict[str, object] | None = None,
    latitude: np.ndarray = NORTH_UP,
    fill: float | None = None,
) -> Path:
    times = list(range(1, 362, 8)) if times is None else times
    file = folder / name
    with netCDF4.Dataset(file, "w") as dataset:
        write_grid(dataset, latitude, EAST, units=False)
        dataset.createDimension("time", len(times))
        dataset.createVariable("time", "i4", ("time",))[:] = times
        lai = dataset.createVariable(variable, dtype, ("time", "lat", "lon"), fill_value=fill)
        lai.set_auto_scale(False)
        lai.setncatts(attributes or {})
        if values is None:
            values = np.arange(len(times))[:, None, None] / 10 * np.ones((1, 4, 3))
        lai[:] = values
    return file


def sif(*files: Path, **choices: object) -> list[Field]:
    return list(read_lcspp(files, **choices))  # type: ignore[arg-type]


def test_halves_of_a_month(tmp_path: Path) -> None:
    second = write_lcspp(tmp_path, "b", 0.4)
    first = write_lcspp(tmp_path, "a", 0.2)
    fields = sif(second, first)
    assert [field.file for field in fields] == [first, second]
    # February 2004 has 29 days.
    assert [field.weight for field in fields] == [15, 14]
    assert {str(field.month) for field in fields} == {"2004-02"}
    assert (fields[0].name, fields[0].units) == ("sif", "mW m-2 nm-1 sr-1")
    values = fields[0].whole()
    assert values[3, 0] == pytest.approx(0.4)
    assert np.isnan(values[0, 2])
    assert np.array_equal(fields[0].read(slice(3, 4)), values[3:])
    assert fields[0].grid.latitude[3] == pytest.approx(40.825)
    check_months(fields, "LCSPP", FEBRUARY)


def test_name_with_a_repeated_part(tmp_path: Path) -> None:
    stem = "LCSPP_MODIS_v3.2__MODIS_v3.2_200402"
    files = [write_lcspp(tmp_path, half, 0.2, stem=stem) for half in "ab"]
    assert len(sif(*files)) == 2


def test_south_up_and_longitude_from_zero(tmp_path: Path) -> None:
    files = [
        write_lcspp(tmp_path, half, 0.2, latitude=NORTH_UP[::-1], longitude=EAST + 340)
        for half in "ab"
    ]
    field = sif(*files)[0]
    row, column = np.argwhere(field.whole() > 0.3)[0]
    assert field.grid.latitude[row] == pytest.approx(40.975)
    assert field.grid.longitude[column] == pytest.approx(350.025)


def test_layer_is_a_choice(tmp_path: Path) -> None:
    files = [write_lcspp(tmp_path, half, 0.2, layer="lcspp_all_daily", units=None) for half in "ab"]
    assert sif(*files, layer="lcspp_all_daily")[0].whole()[1, 1] == pytest.approx(0.2)
    with pytest.raises(InputError, match=r"lcspp_clear_daily: expected .* lcspp_qa"):
        sif(*files)


def test_quality_is_a_choice(tmp_path: Path) -> None:
    files = [write_lcspp(tmp_path, half, 0.2) for half in "ab"]
    values = sif(*files, accepted_quality=[0, 1])[0].whole()
    assert np.isfinite(values[1]).all()
    assert np.isnan(values[2:]).all()


def test_undeclared_fill_value(tmp_path: Path) -> None:
    files = [write_lcspp(tmp_path, half, 0.2, undeclared=-9999.0) for half in "ab"]
    with pytest.raises(InputError, match="-9999"):
        sif(*files)[0].whole()
    assert np.isnan(sif(*files, missing_value=-9999)[0].whole()[0, 2])


def test_lcspp_refused(tmp_path: Path) -> None:
    first = write_lcspp(tmp_path, "a", 0.2)
    with pytest.raises(
        InputError, match="both halves of 2004-02, a and b, found no file of half b"
    ):
        sif(first)
    with pytest.raises(InputError, match="found no file of half a"):
        sif(write_lcspp(tmp_path, "b", 0.2))
    copies = tmp_path / "copies"
    copies.mkdir()
    second = write_lcspp(tmp_path, "b", 0.2)
    with pytest.raises(InputError, match="each half of a month once"):
        sif(first, second, write_lcspp(copies, "a", 0.2))
    with pytest.raises(InputError, match="without a file: 2004-03"):
        check_months(sif(first, second), "LCSPP", pd.period_range("2004-02", "2004-03", freq="M"))
    with pytest.raises(InputError, match="file name"):
        sif(first.rename(tmp_path / "LCSPP_200413a.nc"))
    other = write_lcspp(copies, "b", 0.2, units="W m-2 um-1 sr-1")
    with pytest.raises(InputError, match="W m-2 um-1"):
        sif(copies / "LCSPP_MODIS_v3.2_200402a.nc", other)
    other.write_bytes(other.read_bytes()[:-600])
    with pytest.raises(InputError, match="complete NetCDF file"):
        [field.whole() for field in sif(copies / "LCSPP_MODIS_v3.2_200402a.nc", other)]


def test_units_of_the_layer_of_all_days(tmp_path: Path) -> None:
    layer = "lcspp_all_daily"
    units = "mW m-2 nm-1 sr-1"
    files = [write_lcspp(tmp_path, half, 0.2, layer=layer, units=units) for half in "ab"]
    assert sif(*files, layer=layer)[0].whole()[1, 1] == pytest.approx(0.2)
    files = [write_lcspp(tmp_path, half, 0.2, layer=layer, units="W m-2 um-1") for half in "ab"]
    with pytest.raises(InputError, match=r"lcspp_all_daily: .*units 'W m-2 um-1'"):
        sif(*files, layer=layer)
    files = [write_lcspp(tmp_path, half, 0.2, units=None) for half in "ab"]
    with pytest.raises(InputError, match=r"lcspp_clear_daily: .* found no units"):
        sif(*files)


def test_value_at_overpass_and_micrometres_by_mistake(tmp_path: Path) -> None:
    layer = "lcspp_clear_inst"
    files = [write_lcspp(tmp_path, half, 0.9, layer=layer) for half in "ab"]
    assert sif(*files, layer=layer)[1].whole()[1, 1] == pytest.approx(0.9)
    files = [write_lcspp(tmp_path, half, 900.0) for half in "ab"]
    with pytest.raises(InputError, match="values from -1 to 5 mW m-2 nm-1 sr-1, found 900"):
        sif(*files)[0].whole()


def test_zeros_and_small_negative_values_are_kept(tmp_path: Path) -> None:
    dark = [write_lcspp(tmp_path, half, 0.0) for half in "ab"]
    assert sif(*dark)[0].whole()[1, 1] == 0
    noise = [write_lcspp(tmp_path, half, -0.01) for half in "ab"]
    assert sif(*noise)[0].whole()[1, 1] == pytest.approx(-0.01)


@pytest.mark.parametrize("name", ["lcspp_clear_daily", "lcspp_qa"])
def test_several_steps_in_a_half_month_are_refused(tmp_path: Path, name: str) -> None:
    files = [write_lcspp(tmp_path, half, 0.2) for half in "ab"]
    with netCDF4.Dataset(files[0], "a") as dataset:
        dataset.createDimension("step", 2)
        dataset.renameVariable(name, "old")
        dataset.createVariable(name, "f4", ("step", "lat", "lon"))
        dataset[name].units = "mW m-2 nm-1 sr-1"
    with pytest.raises(InputError, match=f"{name}: expected one layer"):
        sif(*files, accepted_quality=[0])


def lai(*files: Path, **choices: object) -> list[Field]:
    return list(read_lai(files, **choices))  # type: ignore[arg-type]


def test_periods_are_weighted_by_their_days(tmp_path: Path) -> None:
    fields = lai(write_lai(tmp_path))
    by_month = {
        str(month): [f.weight for f in fields if f.month == month]
        for month in pd.period_range("2004-01", "2004-12", freq="M")
    }
    assert by_month["2004-01"] == [8, 8, 8, 7]
    assert by_month["2004-02"] == [1, 8, 8, 8, 4]
    # 2004 has 366 days, and its last period 6: 26 to 31 December.
    assert by_month["2004-12"][-1] == 6
    assert sum(map(sum, by_month.values())) == 366
    # 1 February is the last day of the period of 25 January, the fourth.
    february = [field for field in fields if str(field.month) == "2004-02"]
    assert february[0].whole() == pytest.approx(0.3)
    assert (february[0].name, february[0].units) == ("lai", "m2 m-2")


def test_monthly_layout(tmp_path: Path) -> None:
    fields = lai(write_lai(tmp_path, "lai_monthly_0.5_2004.nc", list(range(1, 13))))
    assert [str(f.month) for f in fields] == [f"2004-{m:02d}" for m in range(1, 13)]
    assert fields[11].whole() == pytest.approx(1.1)
    assert {f.weight for f in fields} == {1.0}


@pytest.mark.parametrize("latitude", [NORTH_UP, NORTH_UP[::-1]])
def test_either_orientation(tmp_path: Path, latitude: np.ndarray) -> None:
    values = np.ones((12, 4, 3))
    values[:, int(np.argmax(latitude))] = 5
    file = write_lai(
        tmp_path, "lai_monthly_0.05_2004.nc", list(range(1, 13)), values, latitude=latitude
    )
    field = lai(file)[0]
    row = int(np.argmax(field.whole()[:, 0]))
    assert field.grid.latitude[row] == pytest.approx(40.975)


def test_packed_integers(tmp_path: Path) -> None:
    values = np.full((46, 4, 3), 35)
    stated = write_lai(
        tmp_path, values=values, dtype="u1", attributes={"scale_factor": 0.1, "units": "m2/m2"}
    )
    assert lai(stated)[0].whole() == pytest.approx(3.5)
    # What the file states goes before.
    assert lai(stated, scale_factor=10.0)[0].whole() == pytest.approx(3.5)
    silent = write_lai(tmp_path, "lai_8-day_15s_2004.nc", values=values, dtype="u1")
    assert lai(silent, scale_factor=0.1)[0].whole() == pytest.approx(3.5)
    # Floating point needs no scale.
    values = np.full((46, 4, 3), 3.5)
    plain = write_lai(tmp_path, "lai_8-day_0.25_2004.nc", values=values)
    assert lai(plain, scale_factor=0.1)[0].whole() == pytest.approx(3.5)
    with pytest.raises(InputError, match="integers with a scale factor"):
        lai(silent)
    with pytest.raises(InputError, match="0 to 10 m2 m-2, found 35"):
        lai(silent, scale_factor=1.0)[0].whole()


def test_lai_undeclared_fill_value(tmp_path: Path) -> None:
    values = np.ones((46, 4, 3))
    values[:, 2, 2] = 255
    file = write_lai(tmp_path, values=values)
    with pytest.raises(InputError, match="255"):
        lai(file)[0].whole()
    assert np.isnan(lai(file, missing_value=255)[0].whole()[2, 2])


@pytest.mark.parametrize(
    ("name", "times", "message"),
    [
        ("lai_8-day_0.05_2004.nc", list(range(1, 354, 8)), "found 45"),
        ("lai_8-day_0.05_2004.nc", [1, 1, *range(17, 362, 8)], "46: 1, 1, 17"),
        ("lai_monthly_0.05_2004.nc", list(range(1, 12)), "the 12 months of 2004"),
        ("lai_monthly_0.05_2004.nc", [1, 2, 2, *range(4, 13)], "the 12 months of 2004"),
        ("LAI_2004.nc", None, "file name"),
    ],
)
def test_lai_times_refused(
    tmp_path: Path, name: str, times: list[int] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lai(write_lai(tmp_path, name, times))


def test_days_of_a_common_year(tmp_path: Path) -> None:
    fields = lai(write_lai(tmp_path, "lai_8-day_0.05_2005.nc"))
    weights: dict[str, list[float]] = {}
    for field in fields:
        weights.setdefault(str(field.month), []).append(field.weight)
    assert weights["2005-02"] == [1, 8, 8, 8, 3]
    assert weights["2005-03"] == [5, 8, 8, 8, 2]
    assert weights["2005-12"][-1] == 5
    assert sum(map(sum, weights.values())) == 365


def test_periods_without_times_are_refused(tmp_path: Path) -> None:
    file = write_lai(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset.renameVariable("time", "number")
    with pytest.raises(InputError, match=r"time: expected the days of the year 1, 9, .*found 0"):
        lai(file)
    month = write_lai(tmp_path, "lai_monthly_0.5_2004.nc", list(range(1, 13)))
    with netCDF4.Dataset(month, "a") as dataset:
        dataset.renameVariable("time", "number")
    assert lai(month)[11].whole() == pytest.approx(1.1)


def test_lai_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lai: expected a variable of this name"):
        lai(write_lai(tmp_path, variable="LAI_500m"))
    with pytest.raises(InputError, match="units 'percent'"):
        lai(write_lai(tmp_path, "lai_8-day_0.1_2005.nc", attributes={"units": "percent"}))
    file = write_lai(tmp_path, "lai_8-day_0.1_2006.nc")
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        lai(file)
    month = write_lai(tmp_path, "lai_monthly_0.5_2004.nc", list(range(1, 13)))
    with pytest.raises(InputError, match="one field of 2004-01"):
        check_months(lai(month, month), "LAI", pd.period_range("2004-01", "2004-12", freq="M"))
    with pytest.raises(InputError, match=r"one file of each year .*, found also .*lai_monthly_0.5"):
        lai(month, write_lai(tmp_path, "lai_8-day_0.1_2004.nc"))
    with pytest.raises(InputError, match="2005-01"):
        check_months(lai(month), "LAI", pd.period_range("2004-01", "2005-12", freq="M"))

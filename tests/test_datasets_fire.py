"""Burned area and emissions of fire, from files written from their documented layouts.

The globe has cells of 5 degrees; the layouts are those of 0.25 degree. Place A is at 12.5 N 22.5 E
and place B at 27.5 S 127.5 E.
"""

from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
from pyhdf.SD import SD, SDC

from differland.datasets.fields import Field, check_months
from differland.datasets.fire import (
    BurnableArea,
    Regions,
    apply_cross_calibration,
    fit_cross_calibration,
    read_burnable_area,
    read_gfed_burned_area,
    read_gfed_emissions,
    read_modis_burned_area,
)
from differland.errors import InputError

SOUTH_UP = -87.5 + 5.0 * np.arange(36)
EAST = -177.5 + 5.0 * np.arange(72)

A_LATITUDE, A_LONGITUDE = 12.5, 22.5
B_LATITUDE, B_LONGITUDE = -27.5, 127.5
BURNABLE_A, BURNABLE_B = 200_000.0, 100_000.0


def place(latitude: float, longitude: float, rows: np.ndarray = SOUTH_UP) -> tuple[int, int]:
    return int(np.argmin(abs(rows - latitude))), int(np.argmin(abs(EAST - longitude)))


A, B = place(A_LATITUDE, A_LONGITUDE), place(B_LATITUDE, B_LONGITUDE)


def at(field: Field, latitude: float, longitude: float) -> float:
    """Value by the coordinates of the field's own grid."""
    row = int(np.argmin(abs(field.grid.latitude - latitude)))
    column = int(np.argmin(abs((field.grid.longitude - longitude + 180) % 360 - 180)))
    return float(field.whole()[row, column])


def write(
    file: Path,
    name: str,
    values: np.ndarray,
    *,
    times: list[int] | None = None,
    since: str | None = None,
    units: str | None = None,
    latitude: np.ndarray = SOUTH_UP,
    longitude: np.ndarray = EAST,
    fill: float | None = np.nan,
) -> Path:
    with netCDF4.Dataset(file, "w") as dataset:
        for axis, numbers, unit in (
            ("lat", latitude, "degrees_north"),
            ("lon", longitude, "degrees_east"),
        ):
            dataset.createDimension(axis, numbers.size)
            coordinate = dataset.createVariable(axis, "f8", (axis,))
            coordinate[:], coordinate.units = numbers, unit
        dimensions = ("lat", "lon")
        # Not the first variable of the file is the one that is wanted.
        dataset.createVariable("grid_area", "f8", dimensions)[:] = 1.0
        if times is not None:
            dataset.createDimension("time", len(times))
            time = dataset.createVariable("time", "i8", ("time",))
            time[:] = times
            if since is not None:
                time.units, time.calendar = since, "proleptic_gregorian"
            dimensions = ("time", "lat", "lon")
        variable = dataset.createVariable(name, "f8", dimensions, fill_value=fill)
        variable[:] = values
        if units is not None:
            variable.units = units
    return file


def write_burnable(folder: Path, **changes: object) -> Path:
    area = np.zeros((36, 72))
    area[A], area[B] = BURNABLE_A, BURNABLE_B
    return write(folder / "BurnableArea.nc", "BurableArea", area, **changes)  # type: ignore[arg-type]


@pytest.fixture
def burnable(tmp_path: Path) -> BurnableArea:
    return read_burnable_area(write_burnable(tmp_path))


def write_gfed(
    folder: Path, month: str, a: float, b: float, name: str = "Total", **changes: object
) -> Path:
    values = np.zeros((1, 36, 72))
    values[0, *A], values[0, *B] = a, b
    values[0, 0, 0] = np.nan
    since = f"days since {month[:4]}-{month[4:]}-01"
    settings: dict = {"times": [0], "since": since, "units": "km^2"} | changes
    return write(folder / f"BA{month}.nc", name, values, **settings)


def write_modis(
    folder: Path,
    month: str,
    a: float,
    b: float,
    *,
    name: str = "BurnedArea",
    attributes: dict | None = None,
    shape: tuple[int, int] = (36, 72),
) -> Path:
    """Hectares at the two places, packed by 0.01 on a map whose north is up."""
    day = pd.Timestamp(f"{month[:4]}-{month[4:]}-01").day_of_year
    file = folder / f"MCD64CMQ.A{month[:4]}{day:03d}.061.2024001000000.hdf"
    stored = np.zeros(shape, np.int32)
    if shape == (36, 72):
        stored[place(A_LATITUDE, A_LONGITUDE, SOUTH_UP[::-1])] = round(a * 100)
        stored[place(B_LATITUDE, B_LONGITUDE, SOUTH_UP[::-1])] = round(b * 100)
    stored[0, 0] = -1
    opened = SD(str(file), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    dataset = opened.create(name, SDC.INT32, shape)
    dataset[:] = stored
    if attributes is None:
        attributes = {"units": "hectares", "scale_factor": 0.01, "add_offset": 0.0}
        dataset.setfillvalue(-1)
    for key, value in attributes.items():
        setattr(dataset, key, value)
    dataset.endaccess()
    opened.end()
    return file


def write_emissions(folder: Path, year: int = 2005, **changes: object) -> Path:
    values = np.zeros((12, 36, 72))
    values[:, *A] = 62.0
    settings: dict = {
        "times": list(range(1, 13)),
        "units": "g C m-2 month-1",
        "name": "C",
        "values": values,
    } | changes
    name, values = settings.pop("name"), settings.pop("values")
    return write(folder / f"GFED5_Beta_monthly_{year}.nc", name, values, **settings)


def test_fraction_of_burnable_area(tmp_path: Path, burnable: BurnableArea) -> None:
    (field,) = read_gfed_burned_area([write_gfed(tmp_path, "200507", 50_000, 130_000)], burnable)
    assert (field.name, field.units, str(field.month)) == ("burned_fraction", "1", "2005-07")
    assert at(field, A_LATITUDE, A_LONGITUDE) == 0.25
    # More burned than can.
    assert at(field, B_LATITUDE, B_LONGITUDE) == 1.0
    # Nothing burned where nothing can, observed or not.
    assert at(field, 0, 0) == 0.0
    assert at(field, -87.5, -177.5) == 0.0
    assert np.array_equal(field.read(slice(20, 22)), field.whole()[20:22])


def test_burned_area_in_other_orders(tmp_path: Path, burnable: BurnableArea) -> None:
    file = write_gfed(
        tmp_path,
        "200507",
        50_000,
        20_000,
        latitude=SOUTH_UP[::-1],
        longitude=np.mod(EAST, 360),
    )
    with netCDF4.Dataset(file, "a") as dataset:
        dataset["Total"][:] = dataset["Total"][:, ::-1]
    (field,) = read_gfed_burned_area([file], burnable)
    assert field.grid.north_up
    assert at(field, A_LATITUDE, A_LONGITUDE) == 0.25
    assert at(field, B_LATITUDE, B_LONGITUDE) == 0.2


def test_unobserved_land_stays_missing(tmp_path: Path, burnable: BurnableArea) -> None:
    (field,) = read_gfed_burned_area([write_gfed(tmp_path, "200507", np.nan, 0)], burnable)
    assert np.isnan(at(field, A_LATITUDE, A_LONGITUDE))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Norm"}, "Total: expected a variable of this name, found only .*Norm"),
        ({"units": "ha"}, "units 'ha'"),
        ({"since": "days since 2005-08-01"}, "time: expected 2005-07, found 2005-08"),
        ({"since": None}, "units of time since a date"),
        ({"latitude": SOUTH_UP * 0.9}, "others"),
    ],
)
def test_gfed_refused(tmp_path: Path, burnable: BurnableArea, changes: dict, message: str) -> None:
    file = write_gfed(tmp_path, "200507", 1, 1, **changes)
    with pytest.raises(InputError, match=message) as error:
        list(read_gfed_burned_area([file], burnable))
    assert str(file) in str(error.value)


def test_gfed_values_refused(tmp_path: Path, burnable: BurnableArea) -> None:
    # In hectares this is a quarter of place A; in km2 no cell is as large.
    (field,) = read_gfed_burned_area([write_gfed(tmp_path, "200507", 5e6, 0)], burnable)
    with pytest.raises(InputError, match="times the area of the cell"):
        field.whole()
    undeclared = write_gfed(tmp_path, "200508", -9999, 0, fill=None)
    with pytest.raises(InputError, match="times the area of the cell"):
        next(read_gfed_burned_area([undeclared], burnable)).whole()
    (field,) = read_gfed_burned_area([undeclared], burnable, missing_value=-9999)
    assert np.isnan(at(field, A_LATITUDE, A_LONGITUDE))


def test_gfed_files_refused(tmp_path: Path, burnable: BurnableArea) -> None:
    file = write_gfed(tmp_path, "200507", 1, 1)
    fields = list(read_gfed_burned_area([file, file], burnable))
    with pytest.raises(InputError, match="one field of 2005-07"):
        check_months(fields, "GFED5", pd.period_range("2005-07", "2005-07", freq="M"))
    with pytest.raises(InputError, match="2005-08"):
        check_months(fields[:1], "GFED5", pd.period_range("2005-07", "2005-08", freq="M"))
    cut = write_gfed(tmp_path, "200508", 1, 1)
    cut.write_bytes(cut.read_bytes()[:5000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_gfed_burned_area([cut], burnable))
    with pytest.raises(InputError, match="file name"):
        list(read_gfed_burned_area([file.rename(tmp_path / "BA2005.nc")], burnable))


def test_burnable_area_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="BurableArea: expected a variable"):
        read_burnable_area(write(tmp_path / "a.nc", "Area", np.zeros((36, 72))))
    square_metres = write(tmp_path / "b.nc", "BurableArea", np.full((36, 72), 1e11))
    with pytest.raises(InputError, match="times the area of the cell"):
        read_burnable_area(square_metres)
    with pytest.raises(InputError, match="units 'm2'"):
        read_burnable_area(write_burnable(tmp_path, units="m2"))


def test_burnable_area_with_gaps_and_cut(tmp_path: Path) -> None:
    area = np.zeros((36, 72))
    area[A], area[B] = BURNABLE_A, -9999.0
    file = write(tmp_path / "a.nc", "BurnableArea", area, units="km2", fill=None)
    with pytest.raises(InputError, match="times the area of the cell"):
        read_burnable_area(file)
    burnable = read_burnable_area(file, missing_value=-9999)
    assert burnable.area[A] == BURNABLE_A
    assert burnable.area[B] == 0
    cut = write_burnable(tmp_path)
    cut.write_bytes(cut.read_bytes()[:5000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        read_burnable_area(cut)


def test_cells_before_2001_have_their_own_burnable_area(tmp_path: Path) -> None:
    latitude, longitude = -85.0 + 10 * np.arange(18), -175.0 + 10 * np.arange(36)
    axes = {"latitude": latitude, "longitude": longitude}
    area = np.full((18, 36), 50_000.0)
    file = write(tmp_path / "BurnableArea_preMOD.nc", "BurableArea", area, units="km2", **axes)
    since = "days since 1997-03-01"
    burned = np.full((1, 18, 36), 5_000.0)
    month = write(tmp_path / "BA199703.nc", "Total", burned, times=[0], since=since, **axes)
    (field,) = read_gfed_burned_area([month], read_burnable_area(file))
    assert field.grid.shape == (18, 36)
    assert str(field.month) == "1997-03"
    assert field.whole() == pytest.approx(0.1)
    with pytest.raises(InputError, match="others"):
        list(read_gfed_burned_area([month], read_burnable_area(write_burnable(tmp_path))))


def test_modis_in_hectares_and_north_up(tmp_path: Path, burnable: BurnableArea) -> None:
    # 1e6 ha are 1e4 km2.
    (field,) = read_modis_burned_area([write_modis(tmp_path, "202107", 1e6, 5e5)], burnable)
    assert str(field.month) == "2021-07"
    assert field.grid.north_up
    assert at(field, A_LATITUDE, A_LONGITUDE) == pytest.approx(0.05)
    assert at(field, B_LATITUDE, B_LONGITUDE) == pytest.approx(0.05)
    assert at(field, 87.5, -177.5) == 0
    assert np.array_equal(field.read(slice(14, 17)), field.whole()[14:17])


def test_modis_undeclared_scale_and_fill(tmp_path: Path, burnable: BurnableArea) -> None:
    file = write_modis(tmp_path, "202107", 1e6, 5e5, attributes={})
    with pytest.raises(InputError, match="an attribute scale_factor"):
        list(read_modis_burned_area([file], burnable))
    (field,) = read_modis_burned_area([file], burnable, scale_factor=0.01)
    with pytest.raises(InputError, match="times the area of the cell"):
        field.whole()
    (field,) = read_modis_burned_area([file], burnable, scale_factor=0.01, missing_value=-1)
    assert at(field, A_LATITUDE, A_LONGITUDE) == pytest.approx(0.05)


@pytest.mark.parametrize("declared", [True, False])
def test_unmapped_land_stays_missing(
    tmp_path: Path, burnable: BurnableArea, declared: bool
) -> None:
    # Stored as -1.
    attributes = None if declared else {"scale_factor": 0.01}
    file = write_modis(tmp_path, "202107", -0.01, 5e5, attributes=attributes)
    choices = {} if declared else {"missing_value": -1.0}
    (field,) = read_modis_burned_area([file], burnable, **choices)
    assert np.isnan(at(field, A_LATITUDE, A_LONGITUDE))
    assert at(field, B_LATITUDE, B_LONGITUDE) == pytest.approx(0.05)


def test_modis_with_an_offset(tmp_path: Path, burnable: BurnableArea) -> None:
    # HDF4: value = scale * (stored - offset).
    packing = {"units": "hectares", "scale_factor": 0.01, "add_offset": -2e7}
    file = write_modis(tmp_path, "202107", 1e6, 5e5, attributes=packing)
    (field,) = read_modis_burned_area([file], burnable)
    # Stored are 1e8: (1e8 + 2e7) * 0.01 ha are 12 000 km2.
    assert at(field, A_LATITUDE, A_LONGITUDE) == pytest.approx(12_000 / BURNABLE_A)


def test_modis_square_metres_are_refused(tmp_path: Path, burnable: BurnableArea) -> None:
    # Place A, of 3e5 km2, cannot hold 1e4 km2 a hundred times.
    scale = {"scale_factor": 1.0}
    (field,) = read_modis_burned_area(
        [write_modis(tmp_path, "202107", 1e6, 5e5, attributes=scale)], burnable
    )
    with pytest.raises(InputError, match=r"BurnedArea: .* times the area of the cell"):
        field.whole()


def test_missing_and_duplicate_months_of_modis(tmp_path: Path, burnable: BurnableArea) -> None:
    # Leap years shift the days of the year on which months start.
    days = {"2020-02": "032", "2020-03": "061", "2020-12": "336", "2021-03": "060"}
    files = []
    for month, day in days.items():
        file = write_modis(tmp_path, month.replace("-", ""), 1e6, 5e5)
        assert f".A{month[:4]}{day}." in file.name
        files.append(file)
    fields = list(read_modis_burned_area(files, burnable))
    assert [str(field.month) for field in fields] == list(days)
    spring = pd.period_range("2020-02", "2020-03", freq="M")
    check_months(fields[:2], "MCD64CMQ", spring)
    with pytest.raises(InputError, match="1 months without a file: 2020-03"):
        check_months([fields[0], *fields[2:]], "MCD64CMQ", spring)
    with pytest.raises(InputError, match="one field of 2020-02"):
        check_months([*fields, fields[0]], "MCD64CMQ", spring)


def test_modis_refused(tmp_path: Path, burnable: BurnableArea) -> None:
    def read(file: Path) -> list[Field]:
        return list(read_modis_burned_area([file], burnable))

    with pytest.raises(InputError, match=r"BurnedArea: expected a data set .* Burn Date"):
        read(write_modis(tmp_path, "202101", 1, 1, name="Burn Date"))
    with pytest.raises(InputError, match="units 'km2'"):
        read(write_modis(tmp_path, "202102", 1, 1, attributes={"units": "km2"}))
    with pytest.raises(InputError, match="a global grid"):
        read(write_modis(tmp_path, "202103", 1, 1, shape=(36, 36)))
    with pytest.raises(InputError, match="others"):
        read(write_modis(tmp_path, "202104", 1, 1, shape=(18, 36)))
    file = write_modis(tmp_path, "202105", 1e6, 5e5)
    with pytest.raises(InputError, match="first day of a month"):
        read(file.rename(tmp_path / "MCD64CMQ.A2021122.061.hdf"))
    file = write_modis(tmp_path, "202105", 1e6, 5e5)
    with pytest.raises(InputError, match="first day of a month"):
        # 2021 has no such day.
        read(file.rename(tmp_path / "MCD64CMQ.A2021366.061.hdf"))
    file = write_modis(tmp_path, "202106", 1e6, 5e5)
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(InputError, match="complete HDF4 file"):
        [field.whole() for field in read(file)]
    file.write_bytes(b"")
    with pytest.raises(InputError, match="complete HDF4 file"):
        read(file)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "MCD64CMQ.A2022001.061.hdf")


def test_cross_calibration(tmp_path: Path, burnable: BurnableArea) -> None:
    # GFED5 has 1.5 times the area of MODIS at A and 2 times at B.
    months = [f"{year}{month:02d}" for year in (2019, 2020) for month in range(1, 13)]
    seasons = 1000.0 * (1 + np.arange(24) % 12)
    gfed = [
        write_gfed(tmp_path, month, 1.5 * area, 2 * area)
        for month, area in zip(months, seasons, strict=True)
    ]
    modis = [
        write_modis(tmp_path, month, 100 * area, 100 * area)
        for month, area in zip([*months, "202101"], [*seasons, 1000.0], strict=True)
    ]
    regions = Regions.boxes(burnable.grid)
    fit = fit_cross_calibration(
        read_gfed_burned_area(gfed, burnable),
        read_modis_burned_area(modis, burnable),
        burnable,
        regions,
    )
    a, b = regions.number[A], regions.number[B]
    assert fit.loc[a, "slope"] == pytest.approx(1.5)
    assert fit.loc[b, "slope"] == pytest.approx(2.0)
    assert fit.loc[0, "slope"] == pytest.approx(1.75)
    assert fit.loc[a, "r2"] == pytest.approx(1.0)
    assert fit.loc[a, "rmse"] == pytest.approx(0.0, abs=1e-6)
    assert fit.loc[a, "other_area"] == pytest.approx(seasons.sum())
    assert fit.loc[a, ["months", "own", "first", "last"]].tolist() == [
        24,
        True,
        "2019-01",
        "2020-12",
    ]
    # Where MODIS has no fire the globe's slope is taken.
    empty = regions.number[0, 0]
    assert not fit.loc[empty, "own"]
    assert fit.loc[empty, "slope"] == pytest.approx(1.75)

    later = list(read_modis_burned_area(modis[-1:], burnable))
    (scaled,) = apply_cross_calibration(later, fit, regions)
    assert str(scaled.month) == "2021-01"
    assert at(scaled, A_LATITUDE, A_LONGITUDE) == pytest.approx(1.5 * 1000 / BURNABLE_A)
    assert at(scaled, B_LATITUDE, B_LONGITUDE) == pytest.approx(2.0 * 1000 / BURNABLE_B)
    assert np.array_equal(scaled.read(slice(10, 30)), scaled.whole()[10:30])
    with pytest.raises(InputError, match="a fit of every region"):
        list(apply_cross_calibration(later, fit.drop(index=a), regions))
    with pytest.raises(InputError, match="months in common, found 2019-01 to 2020-12 and 2021-01"):
        fit_cross_calibration(read_gfed_burned_area(gfed, burnable), later, burnable, regions)
    few = fit_cross_calibration(
        read_gfed_burned_area(gfed, burnable),
        read_modis_burned_area(modis, burnable),
        burnable,
        regions,
        minimum_months=25,
    )
    assert few.loc[a, "slope"] == pytest.approx(1.75)
    assert not few.loc[a, "own"]
    assert few.loc[0, "own"]


def test_months_that_are_there_twice_are_not_fitted(tmp_path: Path, burnable: BurnableArea) -> None:
    fields = list(read_gfed_burned_area([write_gfed(tmp_path, "202001", 10, 10)], burnable))
    regions = Regions.boxes(burnable.grid)
    with pytest.raises(InputError, match="each month once, found 2020-01 again"):
        fit_cross_calibration(2 * fields, fields, burnable, regions)
    with pytest.raises(InputError, match="months in common, found 2020-01 to 2020-01 and nothing"):
        fit_cross_calibration(fields, [], burnable, regions)
    (calm,) = read_modis_burned_area([write_modis(tmp_path, "202001", 0, 0)], burnable)
    with pytest.raises(InputError, match="fires in the overlap, found none"):
        fit_cross_calibration(fields, [calm], burnable, regions)
    with pytest.raises(InputError, match="fires in the overlap, found none"):
        fit_cross_calibration([calm], fields, burnable, regions)
    with pytest.raises(InputError, match="each month once"):
        fit_cross_calibration([replace(calm, month=None)], fields, burnable, regions)


def test_fit_is_least_squares_through_the_origin(tmp_path: Path, burnable: BurnableArea) -> None:
    other, reference = np.array([1000.0, 2000.0, 4000.0]), np.array([1000.0, 5000.0, 6000.0])
    months = ["202001", "202002", "202003"]
    gfed = [write_gfed(tmp_path, m, y, 0) for m, y in zip(months, reference, strict=True)]
    modis = [write_modis(tmp_path, m, 100 * x, 0) for m, x in zip(months, other, strict=True)]
    regions = Regions.boxes(burnable.grid)
    fit = fit_cross_calibration(
        read_gfed_burned_area(gfed, burnable),
        # The order in which months come does not matter.
        read_modis_burned_area(modis[::-1], burnable),
        burnable,
        regions,
        minimum_months=3,
    )
    row = fit.loc[regions.number[A]]
    # (1 * 1 + 2 * 5 + 4 * 6) / (1 + 4 + 16) = 35 / 21.
    assert row["slope"] == pytest.approx(35 / 21)
    assert row["own"]
    assert fit.loc[0, "own"]
    misses = reference - 35 / 21 * other
    assert row["rmse"] == pytest.approx(np.sqrt((misses**2).mean()))
    assert row["r2"] == pytest.approx(np.corrcoef(other, reference)[0, 1] ** 2)
    assert row["reference_area"] == pytest.approx(12_000)
    assert row["other_area"] == pytest.approx(7_000)


def test_scaled_fraction_is_at_most_one(tmp_path: Path, burnable: BurnableArea) -> None:
    months = ["202001", "202002"]
    gfed = [write_gfed(tmp_path, month, 150_000, 0) for month in months]
    modis = [write_modis(tmp_path, month, 1e7, 0) for month in months]
    regions = Regions.boxes(burnable.grid)
    fields = list(read_modis_burned_area(modis, burnable))
    fit = fit_cross_calibration(read_gfed_burned_area(gfed, burnable), fields, burnable, regions, 2)
    later = write_modis(tmp_path, "202101", 1.8e7, 0)
    (scaled,) = apply_cross_calibration(read_modis_burned_area([later], burnable), fit, regions)
    # 0.9 times 1.5.
    assert at(scaled, A_LATITUDE, A_LONGITUDE) == 1.0


def test_regions_of_a_file(tmp_path: Path, burnable: BurnableArea) -> None:
    numbers = np.zeros((36, 72))
    numbers[A], numbers[B] = 8, 14
    file = write(tmp_path / "regions.nc", "basis_regions", numbers)
    regions = Regions.read(file, "basis_regions")
    assert regions.number[A] == 8
    fields = list(read_modis_burned_area([write_modis(tmp_path, "202107", 1e6, 5e5)], burnable))
    fit = fit_cross_calibration(fields, fields, burnable, regions, minimum_months=1)
    assert fit.index.tolist() == [0, 8, 14]
    with pytest.raises(InputError, match=r"basis_regions: expected values from 0 to 1e\+06"):
        Regions.read(write(tmp_path / "n.nc", "basis_regions", -numbers), "basis_regions")
    with pytest.raises(InputError, match="whole numbers"):
        Regions.read(write(tmp_path / "f.nc", "basis_regions", numbers / 3), "basis_regions")


def test_boxes_are_counted_from_the_north_west(burnable: BurnableArea) -> None:
    number = Regions.boxes(burnable.grid).number
    assert number[-1, 0] == 1
    assert number[-1, -1] == 12
    assert number[0, -1] == 9 * 12
    # 12.5 N is in the fourth row of boxes, 22.5 E in the seventh column.
    assert number[A] == 3 * 12 + 7


@pytest.mark.parametrize(
    ("times", "since"),
    [
        (list(range(1, 13)), None),
        (list(range(12)), None),
        ([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], "days since 2005-01-01"),
        ([14 + 30 * month for month in range(12)], "days since 2005-01-01"),
    ],
)
def test_emissions(tmp_path: Path, times: list[int], since: str | None) -> None:
    file = write_emissions(tmp_path, times=times, since=since)
    fields = list(read_gfed_emissions([file]))
    assert [str(field.month) for field in fields] == [f"2005-{m:02d}" for m in range(1, 13)]
    assert at(fields[0], A_LATITUDE, A_LONGITUDE) == 2.0
    assert at(fields[1], A_LATITUDE, A_LONGITUDE) == pytest.approx(62 / 28)
    assert (fields[0].name, fields[0].units) == ("fire_emission", "gC m-2 day-1")


def test_emissions_north_up(tmp_path: Path) -> None:
    values = np.zeros((12, 36, 72))
    values[:, *place(A_LATITUDE, A_LONGITUDE, SOUTH_UP[::-1])] = 62
    field = next(
        read_gfed_emissions([write_emissions(tmp_path, latitude=SOUTH_UP[::-1], values=values)])
    )
    assert at(field, A_LATITUDE, A_LONGITUDE) == 2.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "DM"}, "C: expected a variable of this name, found only .*DM"),
        ({"units": "kg C m-2 s-1"}, "units 'kg C m-2 s-1'"),
        ({"times": list(range(1, 12)), "values": np.zeros((11, 36, 72))}, "found 11"),
        ({"times": [1, 1, *range(3, 13)]}, "2005-01, 2005-01"),
        ({"times": list(range(0, 360, 30))}, "months counted from 0 or 1"),
        ({"times": list(range(0, 360, 30)), "since": "days since 2004-01-01"}, "2004-01"),
    ],
)
def test_emissions_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_gfed_emissions([write_emissions(tmp_path, **changes)]))


def test_emission_values_refused(tmp_path: Path) -> None:
    values = np.full((12, 36, 72), -9999.0)
    file = write_emissions(tmp_path, values=values, fill=None)
    with pytest.raises(InputError, match="0 to 200 gC m-2 day-1"):
        next(read_gfed_emissions([file])).whole()
    assert np.isnan(next(read_gfed_emissions([file], missing_value=-9999)).whole()).all()
    absurd = write_emissions(tmp_path, 2007, values=np.full((12, 36, 72), 62e6))
    with pytest.raises(InputError, match="0 to 200 gC m-2 day-1, found 2e\\+06"):
        next(read_gfed_emissions([absurd])).whole()
    cut = write_emissions(tmp_path, 2006)
    cut.write_bytes(cut.read_bytes()[:9000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_gfed_emissions([cut]))


def test_emissions_of_cells_of_a_degree_and_of_single_precision(tmp_path: Path) -> None:
    latitude, longitude = -85.0 + 10 * np.arange(18), -175.0 + 10 * np.arange(36)
    values = np.zeros((12, 18, 36), np.float32)
    values[6, 9, 20] = 3.1
    coarse = write_emissions(
        tmp_path, 2001, values=values, latitude=latitude, longitude=longitude, units=None
    )
    fine = write_emissions(tmp_path, 2002)
    fields = list(read_gfed_emissions([coarse, fine]))
    assert [field.grid.shape for field in fields] == [(18, 36)] * 12 + [(36, 72)] * 12
    assert str(fields[6].month) == "2001-07"
    assert at(fields[6], 5.0, 25.0) == pytest.approx(0.1)
    check_months(fields, "GFED5", pd.period_range("2001-01", "2002-12", freq="M"))
    with pytest.raises(InputError, match="12 months without a file: 2003-01"):
        check_months(fields, "GFED5", pd.period_range("2001-01", "2003-12", freq="M"))
    with pytest.raises(InputError, match="one field of 2001-01"):
        check_months([*fields, fields[0]], "GFED5", pd.period_range("2001-01", "2002-12", freq="M"))


def test_emissions_without_a_coordinate_of_time(tmp_path: Path) -> None:
    file = write_emissions(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset.renameVariable("time", "number")
    months = [str(field.month) for field in read_gfed_emissions([file])]
    assert months == [f"2005-{month:02d}" for month in range(1, 13)]

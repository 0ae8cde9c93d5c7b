"""TRENDY: files with the habits of the models that their users report."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.fields import check_months
from differland.datasets.land_models import read_trendy, unread_land_models
from differland.errors import InputError

LATITUDE = 88.75 - 2.5 * np.arange(72)
LONGITUDE = -178.75 + 2.5 * np.arange(144)
FOREST = (36, 46)
"""Row of 1.25 S, column of 63.75 W."""

MONTHS = pd.period_range("2001-01", "2002-12", freq="M")
PER_SECOND = 1 / 86400e3
"""One gC m-2 day-1 in kg m-2 s-1."""


def write(
    folder: Path,
    variable: str = "gpp",
    value: float = 8 * PER_SECOND,
    *,
    model: str = "JULES",
    stored_name: str | None = None,
    units: str | None = "kg m-2 s-1",
    names: tuple[str, str, str] = ("time", "lat", "lon"),
    latitude: np.ndarray = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    first: str = "2000-01",
    steps: int = 48,
    calendar: str | None = "noleap",
    time_units: str | None = None,
    times: np.ndarray | None = None,
    fill: float | None = -1e34,
    undeclared: float | None = None,
    layers: np.ndarray | None = None,
    name: str | None = None,
) -> Path:
    """Monthly values, more by a tenth each step, in one cell; half of it next to it; else 0."""
    file = folder / (name or f"{model}_S3_{variable}.nc")
    grown = value * (1 + 0.1 * np.arange(steps))
    values = np.zeros((steps, latitude.size, longitude.size))
    row = int(np.abs(latitude - LATITUDE[FOREST[0]]).argmin())
    column = int(np.abs((longitude - LONGITUDE[FOREST[1]] + 180) % 360 - 180).argmin())
    values[:, row, column] = grown
    values[:, row, (column + 1) % longitude.size] = grown / 2
    values[:, 0] = -1e34 if undeclared is None else undeclared
    if times is None:
        # Mid-month in a calendar without leap days.
        start = pd.Period(first, "M")
        ends = [31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]
        ordinals = start.month - 1 + np.arange(steps)
        times = 365 * (start.year - 1700 + ordinals // 12) + np.array(ends)[ordinals % 12] - 15
    with netCDF4.Dataset(file, "w") as dataset:
        for axis, size in zip(names, values.shape, strict=True):
            dataset.createDimension(axis, size)
        for axis, numbers in zip(names[1:], (latitude, longitude), strict=True):
            dataset.createVariable(axis, "f4", (axis,))[:] = numbers
        time = dataset.createVariable(names[0], "f8", (names[0],))
        time[:] = times
        time.units = "days since 1700-01-01" if time_units is None else time_units
        if calendar is not None:
            time.calendar = calendar
        dimensions = names
        if layers is not None:
            dataset.createDimension("PFT", layers.size)
            dimensions = (names[0], "PFT", *names[1:])
            land = np.where(values == values[0, 0, 0], values, np.nan)[:, None]
            values = np.where(np.isnan(land), values[:, None] * layers[None, :, None, None], land)
        stored = dataset.createVariable(
            stored_name or variable, "f4", dimensions, fill_value=fill, zlib=True, complevel=1
        )
        stored[:] = values
        if units is not None:
            stored.units = units
    return file


def at_forest(field) -> float:
    """Value at 1.25 S, 63.75 W."""
    grid = field.grid
    row = int(np.abs(grid.latitude + 1.25).argmin())
    column = int(np.abs((grid.longitude + 63.75 + 180) % 360 - 180).argmin())
    return field.whole()[row, column]


@pytest.mark.parametrize(
    ("variable", "stored", "value", "units", "name", "ours", "expected"),
    [
        ("gpp", "gpp", 8 * PER_SECOND, "kg m-2 s-1", "gpp", "gC m-2 day-1", 8),
        ("gpp", "gpp", 8e3 * PER_SECOND, "gC m-2 s-1", "gpp", "gC m-2 day-1", 8),
        ("ra", "ra", 4 * PER_SECOND, "kgC m-2 s-1", "autotrophic_respiration", "gC m-2 day-1", 4),
        ("rh", "rh", 3 * PER_SECOND, "kg C/m2/s", "heterotrophic_respiration", "gC m-2 day-1", 3),
        ("nbp", "nbp", 1 * PER_SECOND, "kg m-2 s-1", "nbp", "gC m-2 day-1", 1),
        ("nbe", "nbp", 1 * PER_SECOND, "kg m-2 s-1", "nbe", "gC m-2 day-1", -1),
        ("cVeg", "cVeg", 9.0, "kg m-2", "vegetation_carbon", "gC m-2", 9000),
        ("lai", "lai", 3.0, "1", "lai", "m2 m-2", 3),
        ("evapotrans", "evapotrans", 3 / 86400, "kg m-2 s-1", "et", "mm day-1", 3),
        ("fFire", "fFire", 0.5 * PER_SECOND, "kg m-2 s-1", "fire_emission", "gC m-2 day-1", 0.5),
    ],
)
def test_variables_and_units(tmp_path, variable, stored, value, units, name, ours, expected):
    file = write(tmp_path, stored, value / 2.2, units=units)
    fields = list(read_trendy(file, variable, MONTHS))
    assert {(field.name, field.units) for field in fields} == {(name, ours)}
    check_months(fields, "TRENDY", MONTHS)
    assert [field.month for field in fields] == list(MONTHS)
    # January 2001 is the thirteenth step: 1 + 1.2 times the value of the first.
    assert at_forest(fields[0]) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(fields[0].read(slice(0, 1))).all()


@pytest.mark.parametrize(
    "habit",
    [
        {"names": ("time", "latitude", "longitude")},
        {"names": ("time_counter", "lat", "lon")},
        {"longitude": LONGITUDE + 180},
        {"latitude": LATITUDE[::-1]},
        {"longitude": np.append(LONGITUDE, LONGITUDE[0] + 360)},
        {"latitude": 83.75 - 2.5 * np.arange(56)},
        {"stored_name": "GPP"},
        {"undeclared": -9999.0, "fill": None},
        {"undeclared": -99999.0, "fill": None},
        {"undeclared": 1e20, "fill": None},
        {"undeclared": -9.96921e36, "fill": None},
        {"times": 3600 + np.arange(48), "time_units": "months since 1700-01-01"},
        {"times": 3600.5 + np.arange(48), "time_units": "months since 1700-01-01 00:00:00"},
        {"times": 30 * np.arange(48) + 15, "time_units": "days since 2000-01-01",
         "calendar": "360_day"},
    ],
)  # fmt: skip
def test_habits_of_models(tmp_path, habit):
    file = write(tmp_path, value=8 * PER_SECOND / 2.2, **habit)
    fields = list(read_trendy([file], "gpp", MONTHS))
    assert [field.month for field in fields] == list(MONTHS)
    assert at_forest(fields[0]) == pytest.approx(8, rel=1e-5)
    values = fields[0].whole()
    assert np.nanmin(values) == 0
    assert np.isnan(values).any(axis=1).sum() == 1


YEAR = pd.period_range("2001-01", "2001-12", freq="M")


@pytest.mark.parametrize(
    "units",
    [
        "kg m$^{-2}$ s$^{-1}$",
        "kg C m\u207b\u00b2 s\u207b\u00b9",
        "Kg(C)/(m2 s)",
        "kg-C m-2s-1",
        "[kg_C m^{-2} s^{-1}]",
    ],
)
@pytest.mark.parametrize("attribute", ["units", "Units", "unit"])
def test_units_as_people_write_them(tmp_path, units, attribute):
    file = write(tmp_path, "nbp", 2 * PER_SECOND, units=None)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset["nbp"].setncattr(attribute, units)
    fields = list(read_trendy(file, "nbp", YEAR))
    assert at_forest(fields[0]) == pytest.approx(2 * 2.2)


@pytest.mark.parametrize(("calendar", "february"), [("noleap", 28), ("360_day", 30)])
def test_totals_of_months_are_divided_by_their_days(tmp_path, calendar, february):
    times = 300 * 360 + 15 + 30 * np.arange(48) if calendar == "360_day" else None
    keys = {"units": "kg C m-2 month-1", "calendar": calendar, "times": times}
    fields = list(read_trendy(write(tmp_path, "nbp", 0.05, **keys), "nbp", YEAR))
    assert at_forest(fields[1]) == pytest.approx(50 * 2.3 / february)
    with pytest.raises(InputError, match="'gC m-2 month-1', found units 'umol m-2 s-1'"):
        list(read_trendy(write(tmp_path, "nbp", units="umol m-2 s-1", model="CLM"), "nbp", YEAR))


@pytest.mark.parametrize("name", ["Time", "t", "month"])
def test_time_has_any_name_where_its_units_tell_it(tmp_path, name):
    file = write(tmp_path, "nbp", 2 * PER_SECOND, names=(name, "lat", "lon"))
    assert [field.month for field in read_trendy(file, "nbp", YEAR)] == list(YEAR)


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        ("day as %Y%m%d.%f", lambda year, month: 10000 * year + 100 * month + 16.5),
        ("month as %Y%m.%f", lambda year, month: 100 * year + month + 0.5),
        ("year as %Y.%f", lambda year, month: np.round(year + (month - 1) / 12, 4)),
    ],
)
def test_absolute_times_of_cdo_are_months(tmp_path, units, numbers):
    """As 16 files of TRENDY v13 have them."""
    step = np.arange(48)
    times = numbers(2000 + step // 12, 1 + step % 12)
    file = write(tmp_path, "nbp", 2 * PER_SECOND, time_units=units, times=times)
    fields = list(read_trendy(file, "nbp", YEAR))
    assert [field.month for field in fields] == list(YEAR)
    assert at_forest(fields[0]) == pytest.approx(2 * 2.2)


def test_a_choice_of_missing_value(tmp_path):
    file = write(tmp_path, undeclared=-7777.0, fill=None)
    with pytest.raises(InputError, match="gpp: expected values from -1 to 60 gC m-2 day-1"):
        list(read_trendy(file, "gpp", MONTHS))
    field = next(read_trendy(file, "gpp", MONTHS, missing_value=-7777.0))
    assert np.isnan(field.read(slice(0, 1))).all()


def test_times_that_are_no_dates(tmp_path):
    file = write(tmp_path, times=np.arange(48), time_units="years", value=8 * PER_SECOND / 2.2)
    with pytest.raises(InputError, match=r"time: expected .*, or the choice of the first year"):
        list(read_trendy(file, "gpp", MONTHS))
    fields = list(read_trendy(file, "gpp", MONTHS, first_year=2000))
    assert at_forest(fields[0]) == pytest.approx(8, rel=1e-5)
    with pytest.raises(InputError, match="whole years from 1998 to 2002 or later, found 48 steps"):
        list(read_trendy(file, "gpp", MONTHS, first_year=1998))
    odd = write(tmp_path, model="CLM", steps=47)
    with pytest.raises(InputError, match="whole years from 2000 to 2002 or later, found 47 steps"):
        list(read_trendy(odd, "gpp", MONTHS, first_year=2000))


def test_pools_once_a_year(tmp_path):
    yearly = {"times": 365 * (300 + np.arange(4)) + 180, "steps": 4, "units": "kg m-2"}
    file = write(tmp_path, "cVeg", 10.0, **yearly)
    fields = list(read_trendy(file, "cVeg", MONTHS))
    assert [str(field.month) for field in fields] == ["2001", "2002"]
    assert at_forest(fields[0]) == pytest.approx(11_000)
    undated = write(tmp_path, "cVeg", 10.0, model="CLM", **yearly | {"time_units": "years"})
    fields = list(read_trendy(undated, "cVeg", MONTHS, first_year=2000))
    assert [str(field.month) for field in fields] == ["2001", "2002"]
    flux = write(tmp_path, "gpp", **yearly)
    with pytest.raises(InputError, match="months that follow one another"):
        list(read_trendy(flux, "gpp", MONTHS))


def test_wrong_labels_of_units(tmp_path):
    file = write(tmp_path, units="g m-2 s-1", value=8 * PER_SECOND / 2.2)
    with pytest.raises(InputError, match=r"values above 1 gC m-2 day-1 .* label of the units"):
        list(read_trendy(file, "gpp", MONTHS))
    fields = list(read_trendy(file, "gpp", MONTHS, units="kg m-2 s-1"))
    assert at_forest(fields[0]) == pytest.approx(8, rel=1e-5)
    file = write(tmp_path, model="LPJ", value=8e3 * PER_SECOND)
    with pytest.raises(InputError, match="gpp: expected values from -1 to 60 gC m-2 day-1"):
        list(read_trendy(file, "gpp", MONTHS))


LAYERS = np.array([0.5, 0.25, 0.25])


def test_layers_of_plant_types(tmp_path):
    file = write(tmp_path, "lai", 3.0, units="1", layers=LAYERS, model="LPJ-GUESS")
    with pytest.raises(InputError, match=r"'PFT': 3\}; are layers to be summed up"):
        list(read_trendy(file, "lai", MONTHS))
    fields = list(read_trendy(file, "lai", MONTHS, layers="sum"))
    assert at_forest(fields[0]) == pytest.approx(3 * 2.2, rel=1e-5)
    assert np.isnan(fields[0].read(slice(0, 1))).all()


@pytest.mark.parametrize(("units", "yearly"), [("%", False), ("1", True)])
def test_layers_weighted_by_cover(tmp_path, units, yearly):
    file = write(tmp_path, "lai", 3.0, units="1", layers=np.array([1.0, 2.0, 0.0]))
    changes = {"times": 365 * (300 + np.arange(4)) + 180, "steps": 4} if yearly else {}
    # Cover grows by a tenth each step: 1 + 0.1 (of the second year) or 1 + 1.2.
    grown = 1.1 if yearly else 2.2
    share = (100 if units == "%" else 1) / grown
    cover = write(
        tmp_path, "landCoverFrac", share, units=units, layers=np.array([0.2, 0.3, 0.5]), **changes
    )
    wanted = MONTHS[:1]
    (field,) = read_trendy(file, "lai", wanted, layers="cover", cover=cover)
    assert at_forest(field) == pytest.approx(3 * 2.2 * (0.2 + 2 * 0.3), rel=1e-4)
    other = write(tmp_path, "landCoverFrac", share, units=units, layers=LAYERS[:2], model="X")
    with pytest.raises(InputError, match=r"3 layers on the grid of JULES_S3_lai.nc"):
        list(read_trendy(file, "lai", wanted, layers="cover", cover=other))
    with pytest.raises(InputError, match="cover: expected a file where layers are weighted"):
        list(read_trendy(file, "lai", wanted, layers="cover"))


def test_files_that_follow_one_another(tmp_path):
    (tmp_path / "later").mkdir()
    early = write(tmp_path, first="2000-01", steps=24)
    late = write(tmp_path / "later", first="2002-01", steps=12)
    fields = list(read_trendy([early, late], "gpp", MONTHS))
    assert [field.month for field in fields] == list(MONTHS)
    assert {field.file for field in fields} == {early, late}
    with pytest.raises(InputError, match="none of 2002-01 and 11 others"):
        list(read_trendy([early], "gpp", MONTHS))
    twice = write(tmp_path / "later", model="JULES", first="2001-12", steps=13)
    with pytest.raises(InputError, match="each step once, found 2001-12 also in"):
        list(read_trendy([early, twice], "gpp", MONTHS))
    with pytest.raises(InputError, match="one file where the first year is given"):
        list(read_trendy([early, late], "gpp", MONTHS, first_year=2000))
    gap = write(tmp_path, model="CLASSIC", times=np.append(np.arange(47), 60) * 30.4 + 15,
                time_units="days since 2000-01-01")  # fmt: skip
    with pytest.raises(InputError, match=r"months that follow one another, .* 2003-11 before"):
        list(read_trendy(gap, "gpp", MONTHS))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": None}, "no units"),
        ({"units": "kg m-2 year-1"}, "units 'kg m-2 year-1'"),
        ({"stored_name": "npp"}, "gpp: expected a variable of this name, found only .*npp"),
        ({"name": "JULES_gpp.nc"}, "a name such as JULES_S3_gpp.nc"),
        ({"name": "JULES_S3_npp.nc"}, "gpp of one model, JULES_S3_npp.nc, found JULES_S3_npp.nc"),
        ({"latitude": np.roll(LATITUDE, 3)}, "values that rise or fall throughout"),
        ({"calendar": "martian"}, "or the choice of the first year"),
    ],
)
def test_other_files_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        list(read_trendy(write(tmp_path, **changes), "gpp", MONTHS))


def test_swapped_latitude_would_be_seen(tmp_path):
    file = write(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset["lat"][:] = LATITUDE[::-1]
    assert at_forest(next(read_trendy(file, "gpp", MONTHS))) == 0


def test_two_models_no_file_and_cut_file(tmp_path):
    first, second = write(tmp_path), write(tmp_path, model="SDGVM")
    with pytest.raises(InputError, match="gpp of one model"):
        list(read_trendy([first, second], "gpp", MONTHS))
    with pytest.raises(InputError, match="one or more files"):
        list(read_trendy([], "gpp", MONTHS))
    cut = tmp_path / "OCN_S3_gpp.nc"
    cut.write_bytes(first.read_bytes()[:4000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_trendy(cut, "gpp", MONTHS))


def test_unstructured_grid(tmp_path):
    file = tmp_path / "ICON_S3_gpp.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        dataset.createDimension("time", 12)
        dataset.createDimension("ncells", 20)
        for name in ("lat", "lon"):
            dataset.createVariable(name, "f8", ("ncells",))[:] = np.arange(20)
        dataset.createVariable("gpp", "f4", ("time", "ncells"))
    with pytest.raises(InputError, match=r"xESMF.*the dimensions time 12, ncells 20"):
        list(read_trendy(file, "gpp", MONTHS))


@pytest.mark.parametrize(
    "name",
    [
        "YIBs_S3_Monthly_nbp.nc",
        "CLM5.0_S3_nbp.nc",
        "YIBs_S3_Monthly_nbp",
        "ORCHIDEE-CNP_S3_nbp.nc4",
    ],
)
def test_names_of_models(tmp_path, name):
    file = write(tmp_path, "nbp", 2 * PER_SECOND, name=name)
    assert (
        len(list(read_trendy(file, "nbp", pd.period_range("2001-01", "2001-12", freq="M")))) == 12
    )


@pytest.mark.parametrize("with_bounds", [True, False])
def test_models_that_stamp_the_end_of_a_month(tmp_path, with_bounds):
    """As starts the steps would be February to January."""
    ends = np.array([31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])
    edges = np.concatenate([[0], ends, 365 + ends])
    file = write(
        tmp_path,
        "nbp",
        2 * PER_SECOND,
        steps=24,
        times=edges[1:],
        time_units="days since 2000-01-01",
    )
    if with_bounds:
        with netCDF4.Dataset(file, "a") as dataset:
            dataset.createDimension("bnds", 2)
            dataset["time"].bounds = "time_bounds"
            pairs = np.stack([edges[:-1], edges[1:]], axis=1)
            dataset.createVariable("time_bounds", "f8", ("time", "bnds"))[:] = pairs
    fields = list(read_trendy(file, "nbp", pd.period_range("2000-01", "2001-12", freq="M")))
    assert at_forest(fields[0]) == pytest.approx(2, rel=1e-5)
    assert at_forest(fields[23]) == pytest.approx(2 * 3.3, rel=1e-5)


def test_land_models_that_nobody_reads_are_told(tmp_path):
    names = ["S3/JULES_S3_nbp.nc", "S3/JULES_S3_gpp.nc", "CLM5.0_S3_nbp.nc", "readme.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert unread_land_models(tmp_path, {"JULES": {}, "YIBs": {"first_year": 1700}}) == [
        "CLM5.0_S3_nbp.nc",
        "S3/JULES_S3_gpp.nc",
        "readme.txt",
    ]

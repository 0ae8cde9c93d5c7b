"""CMIP6: files as the archive has them, in the calendars of its models."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.climate_models import (
    find_cmip6,
    read_cmip6,
    read_cmip6_years,
    unread_climates,
)
from differland.datasets.fields import check_months
from differland.errors import InputError

# Gaussian latitudes of T42, as models of spectral dynamics have them.
LATITUDE = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))
LONGITUDE = 2.8125 * np.arange(128)
PERIOD = pd.period_range("2081-01", "2082-12", freq="M")

LENGTHS = {
    "noleap": [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31],
    "360_day": [30] * 12,
}


def write(
    folder: Path,
    variable: str = "tas",
    first: str = "208101",
    last: str = "208212",
    *,
    model: str = "HadGEM3-GC31-LL",
    experiment: str = "ssp245",
    member: str = "r1i1p1f3",
    grid: str = "gn",
    calendar: str = "360_day",
    value: float | None = None,
    units: str | None = None,
    stored_name: str | None = None,
    latitude: np.ndarray = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    steps: int | None = None,
    undeclared: float | None = None,
) -> Path:
    """Warmer by a degree, or wetter by a millimetre a day, each month of a year; a corner apart."""
    name = f"{variable}_Amon_{model}_{experiment}_{member}_{grid}_{first}-{last}.nc"
    count = 12 * (int(last[:4]) - int(first[:4])) + int(last[4:]) - int(first[4:]) + 1
    count = count if steps is None else steps
    month = (int(first[4:]) - 1 + np.arange(count)) % 12
    if variable == "tas":
        values, unit = 283.15 + month, "K"
    else:
        values, unit = (1 + month) / 86400, "kg m-2 s-1"
    values = values if value is None else np.full(count, value)
    year = int(first[:4]) + (int(first[4:]) - 1 + np.arange(count)) // 12
    with netCDF4.Dataset(folder / name, "w") as dataset:
        for axis, size in (("time", None), ("lat", latitude.size), ("lon", longitude.size)):
            dataset.createDimension(axis, size)
        for axis, numbers in (("lat", latitude), ("lon", longitude)):
            stored = dataset.createVariable(axis, "f8", (axis,))
            stored[:] = numbers
            stored.units = "degrees_north" if axis == "lat" else "degrees_east"
        time = dataset.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 1850-01-01", calendar
        if calendar in LENGTHS:
            lengths = np.array(LENGTHS[calendar])
            starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            time[:] = lengths.sum() * (year - 1850) + starts[month] + lengths[month] / 2
        else:
            stamps = pd.to_datetime({"year": year, "month": month + 1, "day": 16})
            time[:] = (stamps - pd.Timestamp("1850-01-01")).dt.days.to_numpy()
        stored = dataset.createVariable(
            stored_name or variable,
            "f4",
            ("time", "lat", "lon"),
            fill_value=1e20 if undeclared is None else None,
        )
        field = np.broadcast_to(values[:, None, None], (count, latitude.size, longitude.size))
        field = field.copy()
        field[:, 10, 20] += 5 if variable == "tas" else 5 / 86400
        if undeclared is not None:
            field[:, 0, 0] = undeclared
        stored[:] = field
        stored.units = unit if units is None else units
        stored.cell_methods = "area: time: mean"
    return folder / name


@pytest.mark.parametrize("calendar", ["360_day", "noleap", "proleptic_gregorian", "standard"])
def test_months_and_units(tmp_path, calendar):
    fields = list(read_cmip6([write(tmp_path, calendar=calendar)], "tas", PERIOD))
    assert [field.month for field in fields] == list(PERIOD)
    check_months(fields, "CMIP6", PERIOD)
    assert {(field.name, field.units) for field in fields} == {("t_mean", "degC")}
    assert fields[0].whole()[0, 0] == pytest.approx(10, abs=1e-4)
    assert fields[13].read(slice(10, 11))[0, 20] == pytest.approx(16, abs=1e-4)
    fields = list(read_cmip6([write(tmp_path, "pr", calendar=calendar)], "pr", PERIOD[3:5]))
    assert {(field.name, field.units) for field in fields} == {("precipitation", "mm day-1")}
    assert [field.whole()[0, 0] for field in fields] == pytest.approx([4, 5])


@pytest.mark.parametrize(
    ("calendar", "days", "february"),
    [("360_day", 360, 30), ("noleap", 365, 28), ("proleptic_gregorian", 366, 29)],
)
def test_years_of_each_calendar(tmp_path, calendar, days, february):
    # 2080 is a leap year.
    file = write(tmp_path, "pr", "208001", "208112", calendar=calendar, value=2 / 86400)
    fields = list(read_cmip6_years([file], "pr", [2080]))
    assert [str(field.month) for field in fields] == ["2080"]
    assert (fields[0].name, fields[0].units) == ("annual_precipitation", "mm year-1")
    assert fields[0].whole()[0, 0] == pytest.approx(2 * days, rel=1e-5)
    file = write(tmp_path, "tas", "208001", "208112", calendar=calendar)
    (field,) = read_cmip6_years([file], "tas", [2080])
    assert (field.name, field.units) == ("annual_temperature", "degC")
    lengths = np.array(LENGTHS.get(calendar, LENGTHS["noleap"]))
    lengths[1] = february
    expected = (lengths * (10 + np.arange(12))).sum() / days
    assert field.whole()[0, 0] == pytest.approx(expected, abs=1e-4)


def test_mean_of_years(tmp_path):
    fields = list(read_cmip6_years([write(tmp_path)], "tas", range(2081, 2083)))
    assert [str(field.month) for field in fields] == ["2081", "2082"]
    with pytest.raises(InputError, match="12 months without a file, such as 2083-01"):
        list(read_cmip6_years([write(tmp_path)], "tas", range(2081, 2084)))


def test_chunks_and_the_experiment_before(tmp_path):
    early = write(tmp_path, first="201301", last="201412", experiment="historical")
    late = write(tmp_path, first="201501", last="201612")
    months = pd.period_range("2014-06", "2015-06", freq="M")
    fields = list(read_cmip6([late, early], "tas", months))
    assert [field.month for field in fields] == list(months)
    assert {field.file for field in fields} == {early, late}
    overlap = write(tmp_path, first="201412", last="201512")
    with pytest.raises(InputError, match="each month once, found 2014-12 also in"):
        list(read_cmip6([early, overlap], "tas", months))
    with pytest.raises(InputError, match="7 months without a file, such as 2014-06"):
        list(read_cmip6([late], "tas", months))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "UKESM1-0-LL"},
        {"member": "r2i1p1f3"},
        {"grid": "gr"},
        {"experiment": "ssp585"},
    ],
)
def test_series_are_not_mixed(tmp_path, change):
    first = write(tmp_path)
    other = write(tmp_path, first="208301", last="208312", **change)
    with pytest.raises(InputError, match="tas of one model, scenario, member and grid"):
        list(read_cmip6([first, other], "tas", PERIOD))


def test_grid(tmp_path):
    field = next(read_cmip6([write(tmp_path)], "tas", PERIOD))
    row, column = np.argwhere(field.whole() > 14)[0]
    assert field.grid.latitude[row] == pytest.approx(LATITUDE[10], abs=0.05)
    assert field.grid.longitude[column] == pytest.approx(20 * 2.8125)
    assert field.grid.cyclic
    assert np.ptp(field.grid.latitude_edges) == 180
    turned = write(tmp_path, model="X", latitude=LATITUDE[::-1], longitude=LONGITUDE - 180)
    field = next(read_cmip6([turned], "tas", PERIOD))
    row, column = np.argwhere(field.whole() > 14)[0]
    assert field.grid.latitude[row] == pytest.approx(-LATITUDE[10], abs=0.05)
    assert field.grid.longitude[column] == pytest.approx(20 * 2.8125 - 180)


def test_rain_below_zero_is_rounding(tmp_path):
    file = write(tmp_path, "pr", value=-1e-9)
    assert next(read_cmip6([file], "pr", PERIOD)).whole()[0, 0] == 0
    file = write(tmp_path, "pr", model="X", value=-1e-4)
    with pytest.raises(InputError, match="values from 0 to 500 mm day-1"):
        next(read_cmip6([file], "pr", PERIOD)).whole()


def test_undeclared_fill_value(tmp_path):
    file = write(tmp_path, undeclared=-999.0)
    with pytest.raises(InputError, match="values from -95 to 70 degC"):
        next(read_cmip6([file], "tas", PERIOD)).whole()
    field = next(read_cmip6([file], "tas", PERIOD, missing_value=-999.0))
    assert np.isnan(field.whole()[0, 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "degC"}, "tas: expected units 'K', found units 'degC'"),
        ({"stored_name": "ts"}, "tas: expected a variable of this name, found only .*ts"),
        ({"steps": 23}, "the 24 months from 2081-01 to 2082-12, as the file is named, found 23"),
        ({"steps": 25}, "the 24 months from 2081-01 to 2082-12, as the file is named, found 25"),
        ({"last": "208213", "steps": 24}, "a name such as tas_Amon_"),
        ({"calendar": "standard", "latitude": np.roll(LATITUDE, 1)}, "rise or fall throughout"),
        ({"longitude": 2.0 * LONGITUDE}, "longitude"),
    ],
)
def test_other_files_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        list(read_cmip6([write(tmp_path, **changes)], "tas", PERIOD))


def test_wrong_variable_no_file_and_cut_file(tmp_path):
    file = write(tmp_path, "pr")
    with pytest.raises(InputError, match="tas of one model"):
        list(read_cmip6([file], "tas", PERIOD))
    with pytest.raises(InputError, match="one or more files"):
        list(read_cmip6([], "tas", PERIOD))
    (tmp_path / "cut").mkdir()
    cut = tmp_path / "cut" / file.name
    cut.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_cmip6([cut], "pr", PERIOD))


def test_curvilinear_grid(tmp_path):
    file = tmp_path / "tas_Amon_X_ssp245_r1i1p1f1_gn_208101-208112.nc"
    with netCDF4.Dataset(file, "w") as dataset:
        for name, size in (("time", 12), ("j", 4), ("i", 5)):
            dataset.createDimension(name, size)
        for name in ("latitude", "longitude"):
            dataset.createVariable(name, "f8", ("j", "i"))[:] = 0
        dataset.createVariable("tas", "f4", ("time", "j", "i"))
    with pytest.raises(InputError, match=r"xESMF.*time 12, j 4, i 5, and latitude along j and i"):
        list(read_cmip6([file], "tas", PERIOD))


def test_scenarios_go_before_runs_of_the_past_that_go_on(tmp_path):
    past = write(tmp_path, first="201401", last="201612", experiment="historical")
    late = write(tmp_path, first="201501", last="201712")
    months = pd.period_range("2014-06", "2017-06", freq="M")
    for files in ([past, late], [late, past]):
        fields = list(read_cmip6(files, "tas", months))
        assert [field.month for field in fields] == list(months)
        scenario = [field.month.year for field in fields if field.file == late]
        assert (scenario[0], len(scenario)) == (2015, 30)


def test_daily_values_are_no_monthly_ones(tmp_path):
    file = write(tmp_path)
    with netCDF4.Dataset(file, "a") as dataset:
        dataset.frequency = "day"
    with pytest.raises(InputError, match="tas: expected values that are each a monthly mean"):
        list(read_cmip6([file], "tas", PERIOD))


def touch(folder: Path, *names: str) -> list[Path]:
    """Files of which only the name counts."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def both(span: str, experiment: str = "ssp245", grid: str = "gn", folder: str = "") -> list[str]:
    """Names of temperature and precipitation of a model."""
    middle = f"Amon_FGOALS-g3_{experiment}_r1i1p1f1_{grid}_{span}.nc"
    return [f"{folder}{variable}_{middle}" for variable in ("tas", "pr")]


def found(folder: Path, years: range = range(2016, 2021), **patterns: str) -> list[str]:
    """Files of temperature that are taken, as seen from the folder."""
    files = find_cmip6(folder, "FGOALS-g3", "r1i1p1f1", "ssp245", years, patterns)
    return [file.relative_to(folder).as_posix() for file in files["tas"]]


def test_two_grids_in_a_folder_are_refused_by_name(tmp_path):
    touch(tmp_path, *both("201501-202412"), *both("201501-202412", grid="gr"))
    with pytest.raises(InputError) as caught:
        found(tmp_path)
    for words in ("_gn_201501", "_gr_201501", "one model, member and grid", "projection.patterns"):
        assert words in str(caught.value)
    patterns = {name: f"{name}_*_{{experiment}}_*_gr_*.nc" for name in ("tas", "pr")}
    assert found(tmp_path, **patterns) == both("201501-202412", grid="gr")[:1]


def test_two_members_that_a_pattern_lets_in_are_refused_by_name(tmp_path):
    other = "tas_Amon_FGOALS-g3_ssp245_r2i1p1f1_gn_202501-203412.nc"
    touch(tmp_path, *both("201501-202412"), other)
    with pytest.raises(InputError, match=r"r2i1p1f1.*: tas: expected .*r1i1p1f1"):
        found(tmp_path, range(2016, 2030), tas="tas_Amon_{model}_{experiment}_*.nc")


@pytest.mark.parametrize("archive", ["Amon/gn/", ""])
def test_the_newest_version_is_taken_and_told(tmp_path, archive, caplog):
    for version in ("v20190429", "v20210101", "v20200101"):
        touch(tmp_path, *both("201501-202412", folder=f"{archive}{version}/"))
    name = both("201501-202412")[0]
    assert found(tmp_path) == [f"{archive}v20210101/{name}"]
    assert "v20210101 is read, not the older v20190429, v20200101" in caplog.text


@pytest.mark.parametrize("version", ["", "_v20190429"])
def test_names_of_the_climate_data_store_are_read(tmp_path, caplog, version):
    for variable in ("tas", "pr"):
        for told in (version, "_v20210101"):
            file = write(tmp_path, variable)
            named = file.name.replace("208101-208212", f"20810116-20821216{told}")
            file.rename(tmp_path / named)
    if version:
        found = find_cmip6(tmp_path, "HadGEM3-GC31-LL", "r1i1p1f3", "ssp245", [2081, 2082])
        assert "v20210101.nc is read, not the older v20190429" in caplog.text
        assert [field.month for field in read_cmip6(found["tas"], "tas", PERIOD)] == list(PERIOD)
    else:
        with pytest.raises(InputError, match="each month in one file"):
            find_cmip6(tmp_path, "HadGEM3-GC31-LL", "r1i1p1f3", "ssp245", [2081, 2082])


def test_links_to_the_newest_version_are_no_files_of_their_own(tmp_path):
    for version in ("v20190429", "v20210101"):
        (tmp_path / version).mkdir()
        for variable in ("tas", "pr"):
            write(tmp_path / version, variable)
    (tmp_path / "latest").symlink_to("v20210101")
    found = find_cmip6(tmp_path, "HadGEM3-GC31-LL", "r1i1p1f3", "ssp245", [2081, 2082])
    assert [path.parent.name for path in found["tas"]] == ["v20210101"]


def test_a_newest_version_without_all_years_is_refused(tmp_path):
    touch(tmp_path, *both("201501-202412", folder="v20190429/"))
    touch(tmp_path, *both("202001-202412", folder="v20210101/"))
    with pytest.raises(InputError, match=r"v20190429/.*: expected 2016 in the newest .*v20210101/"):
        found(tmp_path)
    assert found(tmp_path, range(2021, 2023)) == [both("202001-202412", folder="v20210101/")[0]]


@pytest.mark.parametrize("other", ["copy/{}", "201501-210012", "201001-201712"])
def test_files_of_the_same_months_are_refused_by_name(tmp_path, other):
    name = both("201501-202412")
    second = [other.format(n) for n in name] if "{}" in other else both(other)
    touch(tmp_path, *name, *second)
    with pytest.raises(InputError, match=r"each month in one file, found 201\d-01 to 20") as caught:
        found(tmp_path)
    assert name[0] in str(caught.value) and Path(second[0]).name in str(caught.value)


def test_runs_of_the_past_may_go_on_beside_scenarios(tmp_path):
    touch(tmp_path, *both("200001-201612", "historical"), *both("201501-202412"))
    expected = [both("200001-201612", "historical")[0], both("201501-202412")[0]]
    assert found(tmp_path, range(2010, 2021)) == expected


def test_climates_that_no_model_reads_are_told(tmp_path):
    read = both("201501-202412", folder="v20210101/")
    others = [
        *both("201501-202412", folder="v20190101/"),
        *both("202501-203412"),
        "notes.txt",
        "pr_Amon_ACCESS-CM2_ssp245_r1i1p1f1_gn_201501-202412.nc",
    ]
    touch(tmp_path, *read, *others, ".hidden/x.nc")
    models = {"FGOALS-g3": "r1i1p1f1", "UKESM1-0-LL": "r1i1p1f2"}
    unread = unread_climates(tmp_path, models, "ssp245", range(2016, 2021))
    assert unread == sorted(others)

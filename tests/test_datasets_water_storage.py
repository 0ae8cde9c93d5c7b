"""Readers of the GRACE mascons: files laid out as PO.DAAC ships them, on coarser grids."""

from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.fields import check_months
from differland.datasets.water_storage import read_mascons, recentred
from differland.errors import InputError

LATITUDE = -85.0 + 10 * np.arange(18)
LONGITUDE = 5.0 + 10 * np.arange(36)
# Days since 2002-01-01: 2002-04-18, 2002-05-10, 2011-10-16, 2011-10-31, 2012-01-01, 2018-06-15
DAYS = (107.0, 129.5, 3575.0, 3590.5, 3652.0, 6009.0)
CONGO = (8, 2)
"""Row of 5 S, column of 25 E."""


def write(
    path: Path,
    units: str | None = "cm",
    days: Sequence[float] = DAYS,
    latitude: np.ndarray = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    variable: str = "lwe_thickness",
    fill_value: float | None = -99999.0,
    holes: bool = False,
    land: int = 1,
    time_units: str = "days since 2002-01-01T00:00:00Z",
) -> Path:
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for name, size in (
            ("time", len(days)),
            ("lat", latitude.size),
            ("lon", longitude.size),
            ("bounds", 2),
        ):
            file.createDimension(name, size)
        for name, values, unit in (
            ("lat", latitude, "degrees_north"),
            ("lon", longitude, "degrees_east"),
            ("time", np.asarray(days), time_units),
        ):
            axis = file.createVariable(name, "f8", (name,))
            axis.units = unit
            axis[:] = values
        file.createVariable("lat_bounds", "f8", ("lat", "bounds"))
        stored = file.createVariable(variable, "f8", ("time", "lat", "lon"), fill_value=fill_value)
        if units is not None:
            stored.units = units
        values = np.full((len(days), 18, 36), 7.0)
        values[:, *CONGO] = 1.5 + np.arange(len(days))
        if holes:
            values[:, 0] = -99999.0
            values[0, *CONGO] = -99999.0
        stored[:] = values
        for name, value in (("land_mask", land), ("scale_factor", 2.0)):
            plane = np.zeros((18, 36)) if name == "land_mask" else np.full((18, 36), -99999.0)
            plane[CONGO] = value
            file.createVariable(name, "f8", ("lat", "lon"), fill_value=-99999.0)[:] = plane
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "GRCTellus.JPL.200204_201806.GLO.RL06.3M.MSCNv04CRI.nc"


def test_months_and_millimetres(path):
    fields = list(read_mascons(write(path)))
    # The solutions of the middle of October 2011 and of its last day share the month.
    months = ["2002-04", "2002-05", "2011-10", "2012-01", "2018-06"]
    assert [str(field.month) for field in fields] == months
    assert {(field.name, field.units) for field in fields} == {("ewt", "mm")}
    found = [field.whole()[CONGO] for field in fields]
    assert found == pytest.approx([15.0, 25.0, 40.0, 55.0, 65.0])


def test_gaps_stay_gaps(path):
    fields = list(read_mascons(write(path)))
    with pytest.raises(InputError, match="months without a file"):
        check_months(fields, "GRACE", pd.period_range("2002-04", "2018-06", freq="M"))


def test_cells_lie_where_they_should(path):
    field = next(read_mascons(write(path)))
    assert not field.grid.north_up
    assert (field.grid.latitude[8], field.grid.longitude[2]) == (-5.0, 25.0)
    assert field.grid.longitude_edges[[0, -1]].tolist() == [0, 360]
    assert np.isfinite(field.read(slice(8, 9))).tolist() == [[c == 2 for c in range(36)]]


def test_north_up_and_from_the_date_line(path):
    field = next(read_mascons(write(path, latitude=LATITUDE[::-1], longitude=LONGITUDE - 180)))
    assert field.grid.north_up
    assert (field.grid.latitude[8], field.grid.longitude[2]) == (5.0, -155.0)
    assert field.whole()[CONGO] == pytest.approx(15.0)


def test_sea_is_masked_on_demand(path):
    write(path)
    assert np.isfinite(next(read_mascons(path)).whole()).sum() == 1
    everywhere = next(read_mascons(path, land_only=False)).whole()
    assert np.isfinite(everywhere).all()
    assert everywhere[0, 0] == pytest.approx(70.0)


def test_gains_on_demand(path):
    assert next(read_mascons(write(path), scaled=True)).whole()[CONGO] == pytest.approx(30.0)


def test_missing_values(path):
    write(path, holes=True)
    first = next(read_mascons(path, land_only=False)).whole()
    assert np.isnan(first[0]).all()
    assert np.isnan(first[CONGO])


def test_undeclared_missing_values(path):
    write(path, holes=True, fill_value=None)
    with pytest.raises(InputError, match="lwe_thickness: expected values from -30000 to 30000 mm"):
        next(read_mascons(path)).whole()
    assert np.isnan(next(read_mascons(path, missing_value=-99999.0)).whole()).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "mm"}, "lwe_thickness: expected units 'cm'.*found units 'mm'"),
        ({"units": None}, "no units"),
        ({"variable": "lwe"}, "lwe_thickness: expected a variable of this name"),
        ({"days": (129.0, 107.0)}, "times that rise, found 2002-05-10 before 2002-04-18"),
        ({"days": (107.0, 107.0)}, "times that rise"),
        ({"time_units": "months"}, "units of time since a date"),
    ],
)
def test_other_layouts_are_refused(path, changes, message):
    write(path, **changes)
    with pytest.raises(InputError, match=message):
        list(read_mascons(path))


@pytest.mark.parametrize(
    ("choices", "absent"),
    [({}, "land_mask"), ({"land_only": False, "scaled": True}, "scale_factor")],
)
def test_companions_that_are_absent_are_named(path, choices, absent):
    write(path)
    with netCDF4.Dataset(path, "a") as file:
        file.renameVariable(absent, "other")
    with pytest.raises(InputError, match=f"{absent}: expected a variable of this name"):
        next(read_mascons(path, **choices))
    # Neither is needed for what is not asked for.
    assert np.isfinite(next(read_mascons(path, land_only=absent != "land_mask")).whole()).any()


def test_gains_that_are_missing(path):
    write(path)
    with netCDF4.Dataset(path, "a") as file:
        file.renameVariable("scale_factor", "old")
        gain = file.createVariable("scale_factor", "f4", ("lat", "lon"))
        gain[:] = -99999.0
    field = next(read_mascons(path, scaled=True, missing_value=-99999.0))
    assert np.isnan(field.whole()).all()


@pytest.mark.parametrize("days", [(120.0, 120.4), (119.0, 119.9)])
def test_months_at_their_edges(path, days):
    # 2002-05-01 is the 120th day after 2002-01-01.
    fields = list(read_mascons(write(path, days=days)))
    assert [str(field.month) for field in fields] == ["2002-05" if days[0] == 120 else "2002-04"]
    assert fields[0].whole()[CONGO] == pytest.approx(20.0)


def test_one_hole_among_two_solutions_leaves_no_value(path):
    write(path, days=(120.0, 130.0), holes=True)
    (field,) = read_mascons(path)
    assert np.isnan(field.whole()[CONGO])


def test_cut_data(path):
    write(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        [field.whole() for field in read_mascons(path, scaled=True)]


def test_mask_of_other_values(path):
    with pytest.raises(InputError, match="land_mask: expected values from 0 to 1"):
        next(read_mascons(write(path, land=100))).whole()


def test_absent_or_cut_file(path):
    with pytest.raises(InputError, match="no such file"):
        next(read_mascons(path))
    write(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        next(read_mascons(path))


def test_recentred():
    anomalies = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    np.testing.assert_array_equal(
        recentred(anomalies), [[-1.0, np.nan], [np.nan, np.nan], [1.0, np.nan]]
    )

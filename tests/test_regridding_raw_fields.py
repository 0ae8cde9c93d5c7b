"""Fields on the study's grid: windows, parts of months, gaps, bounded reading."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from differland.datasets.fields import Field
from differland.errors import InputError
from differland.files import read_netcdf, write_netcdf
from differland.regridding.conservative import MAXIMUM_VALUES
from differland.regridding.grid import regular_grid
from differland.regridding.raw_fields import Gridding, grid_static, grid_year
from differland.regridding.study_grid import STUDY_GRID, study_window

COARSE = regular_grid(1.0)


def window(**changes: float) -> Gridding:
    edges = {"south": 10.0, "north": 12.0, "west": 20.0, "east": 23.0} | changes
    return Gridding(study_window(**edges), "exact", 0.25, Path("unused"))


def field(
    values: np.ndarray, month: pd.Period | None = None, weight: float = 1.0, name: str = "lai"
) -> Field:
    return Field(
        name, "m2 m-2", COARSE, lambda rows: values[rows], Path("made.nc"), month, weight=weight
    )


def longitudes() -> np.ndarray:
    """The longitude of each coarse cell as its value."""
    return np.broadcast_to(COARSE.longitude, COARSE.shape).copy()


def test_the_whole_window_is_the_studys_grid():
    grid = study_window(-90, 90, -180, 180)
    np.testing.assert_array_equal(grid.latitude_edges, STUDY_GRID.latitude_edges)
    np.testing.assert_array_equal(grid.longitude_edges, STUDY_GRID.longitude_edges)


def test_a_window_is_a_part_of_the_grid():
    grid = study_window(10, 12, 20, 23)
    assert grid.shape == (8, 12)
    assert grid.latitude[0] == 11.875 and grid.latitude[-1] == 10.125
    assert grid.longitude[0] == 20.125 and grid.longitude[-1] == 22.875


def test_static_fields_are_cut_out(tmp_path: Path):
    write_netcdf(grid_static({"elevation": field(longitudes())}, window()), tmp_path / "out.nc")
    dataset = read_netcdf(tmp_path / "out.nc")
    np.testing.assert_allclose(dataset["elevation"][0], np.repeat([20.5, 21.5, 22.5], 4))
    assert dataset["elevation"].attrs["units"] == "m"
    np.testing.assert_array_equal(dataset["lon_bnds"][0], [20, 20.25])


def test_a_window_across_the_date_line():
    dataset = grid_static({"elevation": field(longitudes())}, window(west=179, east=182))
    expected = np.repeat([179.5, -179.5, -178.5], 4)
    np.testing.assert_allclose(dataset["elevation"].to_numpy()[0], expected)
    assert dataset["lon"].to_numpy()[-1] == 181.875


def months_of(year: int, value: Callable[[int], float]) -> list[Field]:
    return [
        field(np.full(COARSE.shape, value(m.month)), m)
        for m in pd.period_range(f"{year}-01", f"{year}-12", freq="M")
    ]


def test_months_are_put_in_their_place_whatever_the_order():
    fields = months_of(2019, float)[::-1] + months_of(2020, lambda month: -1.0)
    dataset = grid_year({"lai": fields}, 2019, window(), gaps=False)
    np.testing.assert_allclose(dataset["lai"].to_numpy()[:, 0, 0], range(1, 13))
    assert str(dataset["time"].to_numpy()[1])[:10] == "2019-02-15"


def test_parts_of_a_month_are_weighted_by_days_and_missing_ones_left_out():
    first, second = np.full(COARSE.shape, 2.0), np.full(COARSE.shape, 5.0)
    second[:, 200] = np.nan  # 20 to 21 E
    parts = [
        part
        for month in pd.period_range("2021-01", "2021-12", freq="M")
        for part in (
            field(first, month, weight=15),
            field(second, month, weight=month.days_in_month - 15),
        )
    ]
    lai = grid_year({"lai": parts}, 2021, window(), gaps=False)["lai"].to_numpy()
    np.testing.assert_allclose(lai[:, :, :4], 2.0)
    np.testing.assert_allclose(lai[1, :, 4:], (15 * 2 + 13 * 5) / 28)
    np.testing.assert_allclose(lai[0, :, 4:], (15 * 2 + 16 * 5) / 31)


def test_a_missing_month_is_refused_unless_gaps_are_normal():
    fields = [f for f in months_of(2018, float) if f.month != pd.Period("2018-05")]
    with pytest.raises(InputError, match="2018-05"):
        grid_year({"lai": fields}, 2018, window(), gaps=False)
    ewt = grid_year({"ewt": fields}, 2018, window(), gaps=True)["ewt"].to_numpy()
    assert np.isnan(ewt[4]).all() and np.isfinite(np.delete(ewt, 4, axis=0)).all()


def test_a_month_that_is_there_twice_is_refused():
    fields = months_of(2018, float) + months_of(2018, float)[:1]
    with pytest.raises(InputError, match="one field of 2018-01"):
        grid_year({"lai": fields}, 2018, window(), gaps=False)


def test_a_field_of_a_year_has_no_months():
    annual = [field(np.full(COARSE.shape, float(y)), pd.Period(str(y), "Y")) for y in (2018, 2019)]
    dataset = grid_year({"woody_biomass": annual}, 2019, window(), gaps=False)
    assert dataset["woody_biomass"].dims == ("lat", "lon")
    np.testing.assert_allclose(dataset["woody_biomass"], 2019)


def test_cells_with_too_few_values_are_missing():
    values = np.ones(COARSE.shape)
    values[79] = np.nan  # 10 to 11 N
    lai = grid_static({"lai": field(values)}, window())["lai"].to_numpy()
    assert np.isnan(lai[4:]).all() and np.isfinite(lai[:4]).all()


def test_only_the_rows_of_the_window_are_read_and_few_at_a_time():
    read: list[slice] = []
    fine = regular_grid(1 / 120)

    def rows_of(rows: slice) -> np.ndarray:
        read.append(rows)
        return np.ones((rows.stop - rows.start, fine.shape[1]), np.float32)

    source = Field("elevation", "m", fine, rows_of, Path("made.nc"))
    grid_static({"elevation": source}, window())
    assert read[0].start == 78 * 120 and read[-1].stop == 80 * 120
    assert all((rows.stop - rows.start) * fine.shape[1] <= MAXIMUM_VALUES for rows in read)

"""IB-AGC and GLAB-VOD, written on EASE-Grid 2.0 as its providers define it."""

from collections.abc import Sequence
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.biomass import repeat_monthly
from differland.datasets.fields import check_months
from differland.datasets.microwave import ease_grid, read_glab_vod, read_ib_agc
from differland.errors import InputError
from differland.regridding.conservative import Regridder
from differland.regridding.grid import EARTH_RADIUS, regular_grid

CELL = 25025.26
"""Of the definition of the grid, m."""
SEMI_MAJOR, ECCENTRICITY = 6378137.0, 0.081819190843


def authalic(latitude: np.ndarray | float) -> np.ndarray | float:
    """Height of a parallel in the cylindrical equal-area projection, m (Snyder, 1987)."""
    sine = np.sin(np.deg2rad(latitude))
    e = ECCENTRICITY
    q = (1 - e**2) * (
        sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e)
    )
    scale = np.cos(np.pi / 6) / np.sqrt(1 - (e * np.sin(np.pi / 6)) ** 2)
    return SEMI_MAJOR * q / (2 * scale)


def centres() -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes of the centres: north-up from 180 W."""
    wanted = CELL * (291.5 - np.arange(584))
    fine = np.linspace(-89, 89, 200_001)
    return np.interp(wanted, authalic(fine), fine), -180 + 360 * (np.arange(1388) + 0.5) / 1388


LATITUDE, LONGITUDE = centres()


def write(
    path: Path,
    variables: dict[str, np.ndarray],
    units: str | None = "MgC ha-1",
    latitude: np.ndarray | None = LATITUDE,
    longitude: np.ndarray = LONGITUDE,
    names: tuple[str, str] = ("lat", "lon"),
    times: Sequence[float] | None = None,
    time_units: str | None = "days since 2000-01-01",
    fill: float | None = np.nan,
    order: Sequence[str] = ("time", "lat", "lon"),
    meshed: bool = False,
) -> Path:
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("lat", 584)
        file.createDimension("lon", 1388)
        if latitude is not None:
            mesh = np.meshgrid(latitude, longitude, indexing="ij")
            for name, dimension, axis, spread in zip(
                names, ("lat", "lon"), (latitude, longitude), mesh, strict=True
            ):
                dimensions = ("lat", "lon") if meshed else (dimension,)
                file.createVariable(name, "f4", dimensions)[:] = spread if meshed else axis
        if times is not None:
            file.createDimension("time", len(times))
            time = file.createVariable("time", "f8", ("time",))
            time[:] = times
            if time_units is not None:
                time.units = time_units
        for name, values in variables.items():
            here = [axis for axis in order if axis != "time" or times is not None]
            stored = file.createVariable(name, "f4", here, fill_value=fill, zlib=True, complevel=1)
            if units is not None:
                stored.units = units
            usual = [axis for axis in ("time", "lat", "lon") if axis in here]
            stored[:] = np.transpose(values, [usual.index(axis) for axis in here])
    return path


def carbon(value: float = 100.0, row: int = 300, column: int = 500) -> np.ndarray:
    """A forest in one cell, no vegetation elsewhere."""
    values = np.zeros((584, 1388))
    values[row, column] = value
    return values


def test_grid_is_that_of_the_definition():
    grid = ease_grid()
    assert grid.shape == (584, 1388)
    assert grid.north_up
    assert grid.cyclic
    heights = authalic(grid.latitude_edges)
    np.testing.assert_allclose(heights, CELL * (292 - np.arange(585)), rtol=0, atol=0.1)
    # The definition's corner: 7307375.92 m north of the equator.
    assert heights[0] == pytest.approx(7307375.92, abs=0.1)
    assert 84 < grid.latitude_edges[0] < 85
    np.testing.assert_array_equal(grid.latitude_edges, -grid.latitude_edges[::-1])
    np.testing.assert_allclose(grid.longitude, LONGITUDE, rtol=0, atol=1e-10)
    assert ease_grid(406, 964).latitude_edges[0] == pytest.approx(85.0445664, abs=1e-6)


def test_cells_are_of_nearly_one_area_on_the_sphere():
    # Exactly so on the ellipsoid, whose parallels differ from those of a sphere.
    areas = ease_grid().cell_areas()
    assert np.ptp(areas) / areas.mean() < 0.015
    assert areas.mean() == pytest.approx(CELL**2, rel=0.01)


def test_regridding_conserves_what_a_sphere_holds():
    grid = ease_grid()
    values = np.random.default_rng(0).uniform(0, 1, grid.shape)
    target = regular_grid(0.25)
    made = Regridder.between(grid, target).apply(values)
    covered = Regridder.between(grid, target).apply(np.ones(grid.shape), quantity="extensive")
    assert np.isnan(made[0]).all()
    inside = np.isfinite(made)
    # Edge rows of the target are covered in part: they are weighted by what is covered.
    low, high = np.sin(np.deg2rad(grid.latitude_edges[[-1, 0]]))
    share = np.clip(
        np.minimum(np.sin(np.deg2rad(target.latitude_edges[:-1])), high)
        - np.maximum(np.sin(np.deg2rad(target.latitude_edges[1:])), low),
        0,
        None,
    )
    area = EARTH_RADIUS**2 * share[:, None] * np.full(1440, np.deg2rad(0.25))
    total = np.nansum(np.where(inside, made, 0) * area)
    assert total == pytest.approx((values * grid.cell_areas()).sum(), rel=1e-10)
    assert np.nansum(covered) == pytest.approx(584 * 1388, rel=1e-10)


def test_carbon_of_a_year(tmp_path):
    values = {"AGC": carbon(80), "AGC_BGC": carbon(100)}
    file = write(tmp_path / "IB_AGC_2015.nc", values)
    (field,) = read_ib_agc([file])
    assert (field.name, field.units, str(field.month)) == ("biomass", "gC m-2", "2015")
    assert field.whole()[300, 500] == pytest.approx(10_000)
    assert field.read(slice(300, 301))[0, 500] == pytest.approx(10_000)
    assert field.grid.latitude[300] == pytest.approx(LATITUDE[300], abs=1e-3)
    months = repeat_monthly(field)
    check_months(months, "IB-AGC", pd.period_range("2015-01", "2015-12", freq="M"))
    (above,) = read_ib_agc([file], "above-ground")
    assert above.name == "above_ground_biomass"
    assert above.whole()[300, 500] == pytest.approx(8_000)


def test_carbon_of_the_first_release_is_added_up(tmp_path):
    file = write(tmp_path / "IB_AGC_2015.nc", {"AGC": carbon(80), "BGC": carbon(20)})
    (field,) = read_ib_agc([file], variables=("AGC", "BGC"))
    assert field.whole()[300, 500] == pytest.approx(10_000)
    with pytest.raises(InputError, match=r"AGC_BGC: expected a variable .* only lat, lon, AGC, B"):
        list(read_ib_agc([file]))


@pytest.mark.parametrize(
    ("times", "units"),
    [([3653, 4018], "days since 2000-01-01"), ([2010, 2011], None)],
)
def test_years_in_one_file(tmp_path, times, units):
    values = np.stack([carbon(10), carbon(20)])
    file = write(tmp_path / "IB_AGC.nc", {"AGC_BGC": values}, times=times, time_units=units)
    fields = list(read_ib_agc([file]))
    assert [str(field.month) for field in fields] == ["2010", "2011"]
    assert [field.whole()[300, 500] for field in fields] == pytest.approx([1000, 2000])


@pytest.mark.parametrize("meshed", [False, True])
@pytest.mark.parametrize("order", [("lat", "lon"), ("lon", "lat")])
def test_orientations(tmp_path, order, meshed):
    file = write(
        tmp_path / "IB_AGC_2015.nc",
        {"AGC_BGC": carbon()[::-1]},
        latitude=LATITUDE[::-1],
        order=order,
        meshed=meshed,
    )
    (field,) = read_ib_agc([file])
    row, column = np.argwhere(field.whole() > 0)[0]
    assert not field.grid.north_up
    assert field.grid.latitude[row] == pytest.approx(LATITUDE[300], abs=1e-3)
    assert field.grid.longitude[column] == pytest.approx(LONGITUDE[500], abs=1e-3)


def test_metres(tmp_path):
    file = write(
        tmp_path / "IB_AGC_2015.nc",
        {"AGC_BGC": carbon()},
        latitude=CELL * (291.5 - np.arange(584)),
        longitude=CELL * (np.arange(1388) - 693.5),
        names=("y", "x"),
    )
    (field,) = read_ib_agc([file])
    assert field.grid.north_up


def test_no_coordinates(tmp_path):
    file = write(tmp_path / "IB_AGC_2015.nc", {"AGC_BGC": carbon()}, latitude=None)
    with pytest.raises(InputError, match="which row is the first, found only AGC_BGC"):
        list(read_ib_agc([file]))
    (field,) = read_ib_agc([file], north_up=True)
    assert field.grid.north_up
    (field,) = read_ib_agc([file], north_up=False)
    assert not field.grid.north_up


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": None}, "no units"),
        ({"units": "kg m-2"}, "units 'kg m-2'"),
        ({"variables": {"AGC": carbon()}}, "AGC_BGC: expected a variable of this name"),
        ({"latitude": LATITUDE + 0.1}, "latitude: expected the centres of EASE-Grid 2.0"),
        ({"latitude": np.linspace(85, -85, 584)}, "latitude: expected the centres of EASE-Grid"),
        ({"longitude": LONGITUDE + 180}, "longitude: expected the centres .* from 180 W"),
        ({"longitude": LONGITUDE[::-1]}, "longitude: expected the centres"),
    ],
)
def test_other_carbon_files_are_refused(tmp_path, changes, message):
    arguments = {"variables": {"AGC_BGC": carbon()}} | changes
    file = write(tmp_path / "IB_AGC_2015.nc", **arguments)
    with pytest.raises(InputError, match=message):
        list(read_ib_agc([file]))


def test_values_out_of_range(tmp_path):
    values = carbon()
    values[0, 0] = -9999
    file = write(tmp_path / "IB_AGC_2015.nc", {"AGC_BGC": values}, fill=None)
    with pytest.raises(InputError, match="values from 0 to 100000 gC m-2"):
        next(read_ib_agc([file])).whole()
    field = next(read_ib_agc([file], missing_value=-9999))
    assert np.isnan(field.whole()[0, 0])


def test_years_are_known_and_once(tmp_path):
    first = write(tmp_path / "IB_AGC_2015.nc", {"AGC_BGC": carbon()})
    second = write(tmp_path / "IB_AGC_2015_v2.nc", {"AGC_BGC": carbon()})
    with pytest.raises(InputError, match="each year once, found 2015 also in"):
        list(read_ib_agc([first, second]))
    nameless = write(tmp_path / "IB_AGC.nc", {"AGC_BGC": carbon()})
    with pytest.raises(InputError, match="years of 1 steps, of time or of the file's name, found"):
        list(read_ib_agc([nameless]))


def test_layers_in_a_dimension_are_told(tmp_path):
    path = tmp_path / "IB_AGC_2015.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("layer", 8), ("lat", 584), ("lon", 1388)):
            file.createDimension(name, size)
        file.createVariable("AGC_BGC", "f4", ("layer", "lat", "lon"))
    with pytest.raises(InputError, match=r"dimension beside time, .*'layer': 8"):
        list(read_ib_agc([path]))


def test_cut_file(tmp_path):
    file = write(tmp_path / "IB_AGC_2015.nc", {"AGC_BGC": carbon()})
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        list(read_ib_agc([file]))


STEPS = np.arange(0, 365, 18)
"""Days of the year on which steps of 18 days start: 21 of them."""


def depth(steps: int = STEPS.size) -> np.ndarray:
    """Rising by a tenth each step in one cell, missing in the first step of another."""
    values = np.zeros((steps, 584, 1388), np.float32)
    values[:, 300, 500] = 0.1 * np.arange(steps)
    values[0, 300, 501] = np.nan
    values[1:, 300, 501] = 0.5
    values[:, 300, 502] = np.nan
    return values


def write_vod(folder: Path, year: int = 2005, days: np.ndarray = STEPS, **changes) -> Path:
    arguments = {
        "variables": {"VOD": depth(days.size)},
        "units": None,
        "times": days,
        "time_units": f"days since {year}-01-01",
    }
    return write(folder / f"GLAB_VOD_{year}.nc", **(arguments | changes))


def test_annual_means(tmp_path):
    (field,) = read_glab_vod([write_vod(tmp_path)])
    assert (field.name, field.units, str(field.month)) == ("vod", "1", "2005")
    values = field.read(slice(300, 301))[0]
    assert values[500] == pytest.approx(1.0)
    assert values[501] == pytest.approx(0.5)
    assert np.isnan(values[502])
    check_months(repeat_monthly(field), "GLAB-VOD", pd.period_range("2005-01", "2005-12", freq="M"))


def test_monthly_means(tmp_path):
    fields = list(read_glab_vod([write_vod(tmp_path)], "month"))
    assert [str(field.month) for field in fields] == [f"2005-{m:02d}" for m in range(1, 13)]
    # Steps of January: the 1st and the 19th; of February: the 6th and the 24th.
    assert fields[0].read(slice(300, 301))[0, 500] == pytest.approx(0.05)
    assert fields[1].read(slice(300, 301))[0, 500] == pytest.approx(0.25)


def test_the_year_in_which_the_record_begins_is_left_out(tmp_path):
    half = write_vod(tmp_path, 2002, STEPS[10:])
    whole = write_vod(tmp_path, 2003)
    assert [str(field.month) for field in read_glab_vod([half, whole])] == ["2003"]
    assert str(next(read_glab_vod([half], "month")).month) == "2002-06"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": "Np"}, "units 'np'"),
        ({"variables": {"vod": depth()}}, "VOD: expected a variable of this name"),
        ({"time_units": "days since 2004-01-01"}, "rising steps of 2005, found 21 from 2004-01"),
        ({"times": STEPS[::-1]}, "rising steps of 2005"),
        ({"time_units": None}, "units of time since a date"),
        ({"latitude": LATITUDE - 5}, "the centres of EASE-Grid 2.0"),
        ({"times": None, "variables": {"VOD": depth(1)[0]}}, "a dimension of time"),
    ],
)
def test_other_vod_files_are_refused(tmp_path, changes, message):
    file = write_vod(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        list(read_glab_vod([file]))


def test_vod_out_of_range_or_twice(tmp_path):
    values = depth()
    values[3, 0, 0] = -9999
    file = write_vod(tmp_path, variables={"VOD": values}, fill=None)
    with pytest.raises(InputError, match="values from 0 to 10"):
        next(read_glab_vod([file])).whole()
    assert next(read_glab_vod([file], missing_value=-9999)).whole()[0, 0] == 0
    with pytest.raises(InputError, match="each year once"):
        list(read_glab_vod([file, file]))
    with pytest.raises(InputError, match="a name such as GLAB_VOD_2005"):
        list(read_glab_vod([tmp_path / "VOD_2005.nc"]))

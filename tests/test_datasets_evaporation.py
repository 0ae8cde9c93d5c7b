"""GLEAM v4.2a monthly files, written from their documented layout."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from differland.datasets.evaporation import read_gleam
from differland.datasets.fields import Field, check_months
from differland.errors import InputError

DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def write(
    folder: Path,
    *,
    year: int = 2005,
    name: str = "E",
    units: str | None = "mm",
    latitude: np.ndarray | None = None,
    longitude: np.ndarray | None = None,
    days: list[int] | None = None,
    values: np.ndarray | None = None,
    fill: float | None = np.nan,
) -> Path:
    """Write a window of 0.1 degree: 52.95 N to 52.65 N, 10.05 E to 10.25 E."""
    file = folder / f"E_{year}_GLEAM_v4.2a_MO.nc"
    latitude = 52.95 - 0.1 * np.arange(4) if latitude is None else latitude
    longitude = 10.05 + 0.1 * np.arange(3) if longitude is None else longitude
    days = list(np.cumsum(DAYS) - 1) if days is None else days
    with netCDF4.Dataset(file, "w") as dataset:
        for axis, numbers, unit in (
            ("time", days, f"days since {year}-01-01"),
            ("lat", latitude, "degrees_north"),
            ("lon", longitude, "degrees_east"),
        ):
            dataset.createDimension(axis, len(numbers))
            variable = dataset.createVariable(axis, "f8", (axis,))
            variable[:] = numbers
            variable.units = unit
        variable = dataset.createVariable(name, "f4", ("time", "lat", "lon"), fill_value=fill)
        if units is not None:
            variable.units = units
        if values is None:
            values = np.full((len(days), len(latitude), len(longitude)), 62.0)
            values[:, 0, 1] = 15.5
            values[:, 1, 0] = np.nan
        variable[:] = values
    return file


def fields(*files: Path, **choices: object) -> list[Field]:
    return list(read_gleam(files, **choices))  # type: ignore[arg-type]


def test_totals_become_rates(tmp_path: Path) -> None:
    months = fields(write(tmp_path))
    assert [str(field.month) for field in months] == [f"2005-{m:02d}" for m in range(1, 13)]
    january, february = months[0].whole(), months[1].whole()
    assert january[0, 1] == 0.5
    assert january[3, 2] == 2.0
    assert february[3, 2] == pytest.approx(62 / 28)
    assert np.isnan(january[1, 0])
    assert np.array_equal(months[0].read(slice(1, 3)), january[1:3], equal_nan=True)
    assert (months[0].name, months[0].units) == ("et", "mm day-1")
    assert months[0].grid.latitude[0] == pytest.approx(52.95)


def test_rates_stay(tmp_path: Path) -> None:
    values = np.full((12, 4, 3), 1.5)
    assert fields(write(tmp_path, units="mm/day", values=values))[1].whole()[0, 0] == 1.5


def test_rising_latitude_and_longitude_from_zero(tmp_path: Path) -> None:
    file = write(
        tmp_path, latitude=52.65 + 0.1 * np.arange(4), longitude=350.05 + 0.1 * np.arange(3)
    )
    field = fields(file)[0]
    assert not field.grid.north_up
    assert field.grid.latitude[0] == pytest.approx(52.65)
    assert field.whole()[0, 1] == 0.5
    assert field.grid.longitude[0] == pytest.approx(350.05)


def test_stated_units_can_be_overruled(tmp_path: Path) -> None:
    file = write(tmp_path, units="mm/day")
    with pytest.raises(InputError, match=r"15\.5 to 62, .* outside"):
        fields(file)[0].whole()
    assert fields(file, units="mm month-1")[0].whole()[3, 2] == 2.0


def test_totals_that_are_rates_are_told_on_the_globe(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        latitude=85 - 10 * np.arange(18.0),
        longitude=-175 + 10 * np.arange(36.0),
        values=np.full((12, 18, 36), 3.0),
        units="mm.month-1",
    )
    with pytest.raises(InputError, match="daily rates"):
        fields(file)


def globe(level: float, peak: float) -> dict[str, np.ndarray]:
    """The globe at a level, but for a peak in one cell in July."""
    values = np.full((12, 18, 36), level)
    values[6, 9, 20] = peak
    values[:, 0] = np.nan
    return {
        "latitude": 85 - 10 * np.arange(18.0),
        "longitude": -175 + 10 * np.arange(36.0),
        "values": values,
    }


def test_totals_are_told_by_their_peak(tmp_path: Path) -> None:
    found = fields(write(tmp_path, units="mm/month", **globe(3.0, 93.0)))
    assert found[6].whole()[9, 20] == pytest.approx(3.0)
    assert np.isnan(found[6].whole()[0, 0])
    with pytest.raises(InputError, match=r"more than 30 mm .* found 12 at most: daily rates\?"):
        fields(write(tmp_path, year=2006, units="mm/month", **globe(3.0, 12.0)))
    # Nobody asks rates to be large.
    rates = fields(write(tmp_path, year=2007, units="mm day-1", **globe(3.0, 12.0)))
    assert rates[6].whole()[9, 20] == pytest.approx(12.0)


@pytest.mark.parametrize("cut", [{"latitude": slice(1, None)}, {"longitude": slice(1, None)}])
def test_a_window_may_be_too_dry_to_tell(tmp_path: Path, cut: dict[str, slice]) -> None:
    axes = globe(3.1, 3.1)
    rows, columns = cut.get("latitude", slice(None)), cut.get("longitude", slice(None))
    axes = {
        "latitude": axes["latitude"][rows],
        "longitude": axes["longitude"][columns],
        "values": axes["values"][:, rows, columns],
    }
    assert fields(write(tmp_path, units="mm", **axes))[0].whole()[1, 0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("units", "january"), [("mm.month-1", 2.0), ("mm month-1", 2.0), ("mm.day-1", 6.2)]
)
def test_spellings_of_units(tmp_path: Path, units: str, january: float) -> None:
    values = np.full((12, 4, 3), 62.0 if january == 2 else 6.2)
    field = fields(write(tmp_path, units=units, values=values))[0]
    assert field.whole() == pytest.approx(january)


def test_condensation_is_kept(tmp_path: Path) -> None:
    values = np.full((12, 4, 3), -15.5)
    assert fields(write(tmp_path, values=values))[0].whole() == pytest.approx(-0.5)


def test_missing_value_that_is_not_declared(tmp_path: Path) -> None:
    values = np.full((12, 4, 3), 62.0)
    values[:, 2, 2] = -999
    file = write(tmp_path, values=values, fill=None)
    with pytest.raises(InputError, match="-32"):
        fields(file)[0].whole()
    assert np.isnan(fields(file, missing_value=-999)[0].whole()[2, 2])


def test_stamps_at_the_end_of_the_last_day_are_those_of_the_month(tmp_path: Path) -> None:
    months = fields(write(tmp_path, days=list(np.cumsum(DAYS))))
    assert [str(field.month) for field in months] == [f"2005-{m:02d}" for m in range(1, 13)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Ep"}, "E: expected a variable of this name, found only time, lat, lon, Ep"),
        ({"units": "kg m-2 s-1"}, "units 'kg m-2 s-1'"),
        ({"units": None}, "no units"),
        ({"days": [30, 58, 89]}, "the 12 months of 2005, found 3"),
        ({"days": [*(np.cumsum(DAYS) - 1)[:-1], 333]}, "2005-11, 2005-11"),
        ({"days": list(np.cumsum(DAYS) + 14)}, "2006-01"),
    ],
)
def test_refused(tmp_path: Path, changes: dict, message: str) -> None:
    file = write(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as error:
        fields(file)
    assert str(file) in str(error.value)


def test_other_name(tmp_path: Path) -> None:
    file = write(tmp_path).rename(tmp_path / "E_2005_GLEAM_v4.2a.nc")
    with pytest.raises(InputError, match="file name"):
        fields(file)


def test_truncated(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match="complete NetCDF file"):
        fields(file)


def test_truncated_data(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(InputError, match="complete NetCDF file"):
        [field.whole() for field in fields(file)]


def test_missing_and_duplicate_years(tmp_path: Path) -> None:
    file = write(tmp_path)
    with pytest.raises(InputError, match="12 months without a file: 2006-01"):
        check_months(fields(file), "GLEAM", pd.period_range("2005-01", "2006-12", freq="M"))
    with pytest.raises(InputError, match="one field of 2005-01"):
        check_months(fields(file, file), "GLEAM", pd.period_range("2005-01", "2005-12", freq="M"))

"""Weather of ERA5, in the layouts of the Climate Data Store, and carbon dioxide of NOAA."""

import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd

from differland.driver import MONTHS_PER_YEAR
from differland.synthetic.native.netcdf import add_field, add_time, new_file
from differland.synthetic.raw import RawPlanet
from differland.synthetic.world import carbon_dioxide

INSTANTANEOUS = {"t2m": ("t_mean", "K", 1.0), "d2m": ("dewpoint_mean", "K", 1.0)}
ACCUMULATED = {
    "tp": ("precipitation", "m", 1e-3),
    "ssrd": ("srad", "J m**-2", 1e6),
}
"""Name, units, and one of our units in these, of the monthly means. Accumulations are per day."""

EXTREMES = {"t_min": "t2m", "t_max": "t2m", "dewpoint_max": "d2m"}

SPELLS = (1.5, -3.0, 0.0, 3.0, -1.5)
"""By which spells of days differ from the mean of the month, K."""

FIRST_CO2_YEAR = 1979

ARCHIVE_DATE = (2024, 11, 5, 0, 0, 0)
"""Of the members, so that archives of the same planet are the same."""


def write_weather(planet: RawPlanet, folder: Path) -> None:
    """Write monthly means, and the daily extremes of every year.

    Layouts of the monthly means take turns: that of today; an archive with a file of each kind of
    step; packed, as until 2024.
    """
    writers = (_write_new, _write_archive, _write_packed)
    for number in range(planet.settings.years):
        year = planet.settings.first_year + number
        writers[number % len(writers)](planet, year, folder / f"era5_monthly_means_{year}")
        for name, variable in EXTREMES.items():
            path = folder / f"era5_daily_{name}_{year}.nc"
            _write_days(planet, path, year, variable, _of_year(planet, name, year))


def write_carbon_dioxide(planet: RawPlanet, folder: Path) -> None:
    """Write the table of monthly means, from 1979 on."""
    last = planet.settings.first_year + planet.settings.years - 1
    months = pd.period_range(f"{FIRST_CO2_YEAR}-01", f"{last}-12", freq="M")
    average = carbon_dioxide(months)
    rows = [
        "# --------------------------------------------------------------------",
        "# USE OF NOAA GML DATA",
        "#",
        "# A synthetic planet's carbon dioxide, in the layout of these data.",
        "# NOTE: In general, the data presented for the last year are subject to change.",
        "#",
        "year,month,decimal,average,average_unc,trend,trend_unc",
    ]
    for month, value in zip(months, average, strict=True):
        decimal = month.year + (month.month - 0.5) / MONTHS_PER_YEAR
        trend = value - 3 * np.cos(2 * np.pi * (month.month - 0.5) / MONTHS_PER_YEAR - 1.8)
        uncertainty = "-9.99" if month.year < FIRST_CO2_YEAR + 1 else "0.10"
        rows.append(
            f"{month.year},{month.month},{decimal:.3f},{value:.2f},{uncertainty},"
            f"{trend:.2f},{uncertainty}"
        )
    folder.mkdir(parents=True)
    (folder / "co2_mm_gl.csv").write_text("\n".join(rows) + "\n", encoding="ascii")


def _of_year(planet: RawPlanet, name: str, year: int) -> np.ndarray:
    return planet.nodes[name][planet.months.year == year]


def _axes(planet: RawPlanet) -> dict[str, np.ndarray]:
    rows, columns = planet.nodes["t_min"].shape[1:]
    return {
        "latitude": planet.settings.north - 0.25 * np.arange(rows),
        "longitude": planet.settings.west + 0.25 * np.arange(columns),
    }


def _write_new(planet: RawPlanet, year: int, stem: Path) -> None:
    _write_members(planet, year, stem.with_suffix(".nc"), INSTANTANEOUS | ACCUMULATED, 0)


def _write_archive(planet: RawPlanet, year: int, stem: Path) -> None:
    members = {"avgua": (INSTANTANEOUS, 0), "avgad": (ACCUMULATED, 6)}
    with zipfile.ZipFile(stem.with_suffix(".zip"), "w") as archive:
        for kind, (variables, hour) in members.items():
            path = stem.with_name(f"data_stream-moda_stepType-{kind}.nc")
            _write_members(planet, year, path, variables, hour)
            archive.writestr(zipfile.ZipInfo(path.name, ARCHIVE_DATE), path.read_bytes())
            path.unlink()


def _write_members(
    planet: RawPlanet,
    year: int,
    path: Path,
    variables: dict[str, tuple[str, str, float]],
    hour: int,
) -> None:
    """Write a file as cfgrib converts it: single precision, times in seconds, number and expver."""
    first = pd.date_range(f"{year}-01-01", periods=12, freq="MS") + pd.Timedelta(hours=hour)
    seconds = (first - pd.Timestamp("1970-01-01")) // pd.Timedelta(seconds=1)
    with new_file(path, _axes(planet)) as file:
        file.createVariable("number", "i8", ())[...] = 0
        _add_valid_time(file, seconds.to_numpy(), "seconds since 1970-01-01")
        version = file.createVariable("expver", str, ("valid_time",))
        version[:] = np.array(["0001"] * len(first), dtype=object)
        for name, (ours, units, factor) in variables.items():
            add_field(
                file,
                name,
                ("valid_time", "latitude", "longitude"),
                (factor * _of_year(planet, ours, year)).astype(np.float32),
                np.nan,
                units=units,
                coordinates="number valid_time latitude longitude expver",
            )


def _write_packed(planet: RawPlanet, year: int, stem: Path) -> None:
    """Write a file as the old store packed it: 16-bit integers, times in hours since 1900."""
    first = pd.date_range(f"{year}-01-01", periods=12, freq="MS")
    hours = (first - pd.Timestamp("1900-01-01")) // pd.Timedelta(hours=1)
    with new_file(stem.with_suffix(".nc"), _axes(planet), "NETCDF3_64BIT_OFFSET") as file:
        units = "hours since 1900-01-01 00:00:00.0"
        add_time(file, "time", hours.to_numpy().astype(np.int32), units, calendar="gregorian")
        for name, (ours, unit, factor) in (INSTANTANEOUS | ACCUMULATED).items():
            values = factor * _of_year(planet, ours, year)
            low, high = float(values.min()), float(values.max())
            scale, offset = (high - low) / 65532, (high + low) / 2
            packed = np.round((values - offset) / scale).astype(np.int16)
            add_field(
                file,
                name,
                ("time", "latitude", "longitude"),
                packed,
                -32767,
                scale_factor=scale,
                add_offset=offset,
                missing_value=np.int16(-32767),
                units=unit,
            )


def _write_days(
    planet: RawPlanet, path: Path, year: int, variable: str, monthly: np.ndarray
) -> None:
    """Daily statistics, which spells of weather make differ from the mean of the month."""
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    departure = np.concatenate([_spells(int((days.month == m).sum())) for m in range(1, 13)])
    values = (monthly[days.month - 1] + departure[:, None, None]).astype(np.float32)
    with new_file(path, _axes(planet)) as file:
        file.createVariable("number", "i8", ())[...] = 0
        _add_valid_time(file, np.arange(len(days)), f"days since {year}-01-01")
        add_field(
            file,
            variable,
            ("valid_time", "latitude", "longitude"),
            values,
            np.nan,
            (31, *values.shape[1:]),
            units="K",
        )


def _spells(days: int) -> np.ndarray:
    """Departures of the days of a month from its mean, which sum to zero."""
    length = days // len(SPELLS)
    lengths = [length, length, days - 4 * length, length, length]
    return np.repeat(SPELLS, lengths)


def _add_valid_time(file: netCDF4.Dataset, numbers: np.ndarray, units: str) -> None:
    add_time(file, "valid_time", numbers.astype(np.int64), units, calendar="proleptic_gregorian")

"""Climate models of CMIP6 on the planet, in the layout of the Earth System Grid Federation."""

from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.climate_models import (
    HISTORICAL,
    LAST_HISTORICAL_YEAR,
    SECONDS_PER_DAY,
    ZERO_CELSIUS,
)
from differland.driver import MONTHS_PER_YEAR
from differland.synthetic.native.netcdf import add_field, add_time, new_file
from differland.synthetic.raw import RawPlanet

SCENARIO = "ssp245"

YEARS_BEFORE = 5
"""Years before those of the planet from which on there are files."""

FUTURE = ((2081, 2090), (2091, 2099))
"""First and last year of the files of the future."""

EPOCH = "days since 1850-01-01"

PRECISION = {"tas": 1 / 64, "pr": 2.0**-32}
"""To which values are rounded, K and kg m-2 s-1: it makes files small."""


@dataclass(frozen=True, eq=False)
class ClimateModel:
    """A climate model, by its grid, names and biases.

    Attributes
    ----------
    name, member, grid, calendar
        Name, member, grid and calendar, as in file names and files.
    latitude, longitude
        Centres of the cells, degrees.
    warming
        Warming at the equator, K per century.
    bias
        Bias of temperature, K, and factor of precipitation.
    """

    name: str
    member: str
    grid: str
    calendar: str
    latitude: np.ndarray
    longitude: np.ndarray
    warming: float
    bias: tuple[float, float]


MODELS = (
    ClimateModel(
        *("Synthetic-A", "r1i1p1f1", "gn", "noleap"),
        latitude=np.arange(-88.0, 89, 4),
        longitude=np.arange(2.5, 360, 5),
        warming=2.0,
        bias=(0.5, 1.1),
    ),
    ClimateModel(
        *("Synthetic-B", "r1i1p1f2", "gr", "proleptic_gregorian"),
        # Gaussian latitudes of T21, from the north.
        latitude=np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(32)[0]))[::-1],
        longitude=np.arange(0, 360, 5.625),
        warming=3.0,
        bias=(-1.0, 0.9),
    ),
    ClimateModel(
        *("Synthetic-C", "r1i1p1f3", "gn", "360_day"),
        # Nodes at the poles.
        latitude=np.arange(-90.0, 91, 5),
        longitude=np.arange(0, 360, 7.5),
        warming=2.5,
        bias=(0.0, 1.0),
    ),
)


def write_climate_models(planet: RawPlanet, folder: Path) -> None:
    """Write near-surface air temperature and precipitation of every model.

    Files hold the last years of the historical experiment, the years of the planet and the end of
    the century.
    """
    first = planet.settings.first_year - YEARS_BEFORE
    last = planet.settings.first_year + planet.settings.years - 1
    spans = [
        (HISTORICAL, first, min(last, LAST_HISTORICAL_YEAR)),
        (SCENARIO, max(first, LAST_HISTORICAL_YEAR + 1), last),
        *((SCENARIO, *years) for years in FUTURE),
    ]
    for number, model in enumerate(MODELS):
        rng = np.random.default_rng([planet.settings.seed, number])
        for experiment, start, end in spans:
            months = pd.period_range(f"{start}-01", f"{end}-12", freq="M")
            if len(months):
                for variable, values in climate_of(model, months, rng).items():
                    _write(folder, model, experiment, variable, months, values)


def climate_of(
    model: ClimateModel, months: pd.PeriodIndex, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Climate of the planet as a model has it: warmer with time, more so towards the poles.

    Parameters
    ----------
    model
        Climate model.
    months
        Months of whole years.
    rng
        Random generator of the differences between years.

    Returns
    -------
    ``tas``, K, and ``pr``, kg m-2 s-1, each of shape (month, latitude, longitude).
    """
    lat = model.latitude[:, None]
    wave = np.sin(np.deg2rad(2 * model.longitude))[None, :]
    year = np.repeat(rng.normal(size=len(months) // MONTHS_PER_YEAR), MONTHS_PER_YEAR)
    phase = 2 * np.pi * (months.month.to_numpy() - 0.5) / MONTHS_PER_YEAR
    summer = -np.cos(phase - 0.35)[:, None, None] * np.sign(lat)
    century = ((months.year.to_numpy() - 2000) / 100)[:, None, None]
    rise = model.warming * century * (1 + np.abs(lat) / 60)
    mean = 25 - 0.0085 * lat**2 + 2 * wave + model.bias[0]
    swing = 0.02 + 0.32 * np.abs(lat)
    temperature = mean + rise + swing * summer + 0.4 * year[:, None, None]
    wet = np.exp(-((lat / 18) ** 2)) + 0.5 * np.exp(-(((np.abs(lat) - 50) / 18) ** 2))
    annual = 1.8 * model.bias[1] * (250 + 1500 * wet) * (1 + 0.1 * wave)
    # Wetter towards the poles, drier in the subtropics.
    annual = annual * (1 + rise * (0.04 - 0.08 * np.exp(-(((np.abs(lat) - 30) / 10) ** 2))))
    rain = annual / 365.25 * (1 + 0.3 * summer) * np.exp(0.05 * year[:, None, None])
    return {"tas": temperature + ZERO_CELSIUS, "pr": rain / SECONDS_PER_DAY}


def _write(
    folder: Path,
    model: ClimateModel,
    experiment: str,
    variable: str,
    months: pd.PeriodIndex,
    values: np.ndarray,
) -> None:
    period = f"{months[0]:%Y%m}-{months[-1]:%Y%m}"
    name = f"{variable}_Amon_{model.name}_{experiment}_{model.member}_{model.grid}_{period}.nc"
    after = pd.period_range(months[0], periods=len(months) + 1, freq="M")
    starts = np.array([_start(month, model.calendar) for month in after])
    facts = {
        "tas": {"units": "K", "standard_name": "air_temperature", "coordinates": "height"},
        "pr": {"units": "kg m-2 s-1", "standard_name": "precipitation_flux"},
    }
    with new_file(folder / name, {"lat": model.latitude, "lon": model.longitude}) as file:
        file.setncatts(
            {
                **{"Conventions": "CF-1.7 CMIP-6.2", "mip_era": "CMIP6", "table_id": "Amon"},
                **{"frequency": "mon", "realm": "atmos", "source_id": model.name},
                **{"experiment_id": experiment, "variant_label": model.member},
                **{"grid_label": model.grid, "variable_id": variable},
                "title": "A synthetic planet's climate, in the layout of CMIP6",
            }
        )
        file.createDimension("bnds", 2)
        for axis, limit in (("lat", 90.0), ("lon", np.inf)):
            file[axis].setncatts({"bounds": f"{axis}_bnds", "axis": "XY"[axis == "lat"]})
            add_field(file, f"{axis}_bnds", (axis, "bnds"), _bounds(file[axis][:].data, limit))
        middles = (starts[:-1] + starts[1:]) / 2
        add_time(file, "time", middles, EPOCH, calendar=model.calendar, bounds="time_bnds")
        add_field(file, "time_bnds", ("time", "bnds"), np.stack([starts[:-1], starts[1:]], axis=1))
        if variable == "tas":
            height = file.createVariable("height", "f8", ())
            height[...] = 2.0
            height.setncatts({"units": "m", "standard_name": "height", "positive": "up"})
        rounded = np.round(values / PRECISION[variable]) * PRECISION[variable]
        add_field(
            file,
            variable,
            ("time", "lat", "lon"),
            rounded.astype(np.float32),
            1e20,
            (min(120, len(months)), *values.shape[1:]),
            cell_methods="area: time: mean",
            missing_value=np.float32(1e20),
            **facts[variable],
        )


def _start(month: pd.Period, calendar: str) -> float:
    """Start of a month in the calendar of a model."""
    first = np.asarray(netCDF4.num2date([0], f"days since {month}-01", calendar), dtype=object)
    return float(netCDF4.date2num(first[0], EPOCH, calendar))


def _bounds(centres: np.ndarray, limit: float) -> np.ndarray:
    """Bounds half-way between the centres, and not beyond a limit."""
    steps = np.diff(centres) / 2
    edges = np.concatenate([centres[:1] - steps[0], centres[:-1] + steps, centres[-1:] + steps[-1]])
    if np.isfinite(limit):
        edges[[0, -1]] = np.sign(edges[[0, -1]]) * limit
    return np.stack([edges[:-1], edges[1:]], axis=1)

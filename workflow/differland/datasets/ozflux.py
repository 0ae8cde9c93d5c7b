"""Flux towers of OzFlux: summaries of level 6 of PyFluxPro and the half-hourly records they are of.

The layout is that of the program (Isaac et al., 2017, doi:10.5194/bg-14-2903-2017). Summaries do
not say how much of a month was measured; the flags of the records do.
"""

import re
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd

from differland.datasets.archives import Source
from differland.datasets.fields import check_units
from differland.datasets.native import read_dates
from differland.errors import InputError
from differland.opening import open_netcdf
from differland.units import are_same

SUMMARY_NAME = re.compile(r"^.+?_(?:L6_summary|summary_L6)(?:_\d+)*\.nc$", re.IGNORECASE)
RECORDS_NAME = re.compile(r"^.+?_L6(?:_\d+)*\.nc$", re.IGNORECASE)

GROUP = "Monthly"
MISSING = -9999

GPP, RECO = "GPP_SOLO", "ER_SOLO"
"""Partitioned with a neural network, of night-time data as well."""
LATENT_HEAT, EVAPOTRANSPIRATION = "Fe", "ET"
CARBON_FLAGS = ("Fco2_QCFlag", "Fc_QCFlag", "NEE_SOLO_QCFlag")
"""Flags of the measured flux of carbon dioxide; the first that is there counts."""
WATER_FLAGS = ("Fe_QCFlag",)

MEASURED = 0
"""Flag of records that were measured, as PyFluxPro itself counts. Gaps are filled with 400 to 699,
among them whole tens."""

MOLAR_MASS_OF_CARBON = 12.011
"""g mol-1."""
SECONDS_PER_DAY = 86400

TOTALS = (
    "gC/m^2/month",
    "gC/m2/month",
    "gC m-2 month-1",
    "gC/m^2",
    "gC/m2",
    "kg/m^2/month",
    "kg/m2/month",
    "kg m-2 month-1",
    "kg/m^2",
    "mm/month",
    "mm",
)
"""Units of sums over the month; older releases name no period in them."""

CARBON_UNITS = (
    dict.fromkeys(TOTALS[:5], 1.0)
    | dict.fromkeys(("gC/m^2/day", "gC/m2/day", "gC/m^2/d", "gC m-2 d-1", "gC m-2 day-1"), 1.0)
    | dict.fromkeys(
        ("umol/m^2/s", "umol/m2/s", "umol m-2 s-1"),
        MOLAR_MASS_OF_CARBON * 1e-6 * SECONDS_PER_DAY,
    )
)
WATER_UNITS = (
    dict.fromkeys(TOTALS[5:], 1.0)
    | dict.fromkeys(("kg/m^2/day", "mm/day", "kg m-2 day-1"), 1.0)
    | dict.fromkeys(("kg/m^2/s", "kg m-2 s-1"), float(SECONDS_PER_DAY))
)
HEAT_UNITS = dict.fromkeys(("W/m^2", "W/m2", "W m-2", "W m^-2"), 1.0)


def read_site_name(source: Source) -> str:
    """Name of the site of a file: its code of FLUXNET, or its own name where it has none.

    Raises
    ------
    InputError
        The file breaks off, or has neither.
    """
    attributes = _global_attributes(source)
    name = attributes.get("fluxnet_id", "") or attributes.get("site_name", "").replace(" ", "")
    if not name:
        found = f"only {', '.join(attributes)}"
        raise InputError(source, "fluxnet_id, site_name", "global attributes", found)
    return name


def read_site_title(source: Source) -> str:
    """Full name of the site of a file; empty if the file has none.

    Raises
    ------
    InputError
        The file breaks off.
    """
    return _global_attributes(source).get("site_name", "")


def read_site_location(source: Source) -> tuple[float, float]:
    """Latitude and longitude of the site of a file, degrees north and east.

    Raises
    ------
    InputError
        The file breaks off, or has no location.
    """
    attributes = _global_attributes(source)
    degrees = []
    for name, limit in (("latitude", 90), ("longitude", 360)):
        text = attributes.get(name, "none")
        try:
            degrees.append(float(text))
        except ValueError as error:
            raise InputError(source, name, "degrees in a global attribute", text) from error
        if not abs(degrees[-1]) <= limit:
            raise InputError(source, name, f"degrees, at most {limit}", text)
    return degrees[0], degrees[1]


def read_summary(source: Source, evaporation: float) -> pd.DataFrame:
    """Read the monthly fluxes of a summary.

    Gross primary production whose mean is below zero has its sign turned: some summaries have it
    as a flux to the land.

    Parameters
    ----------
    source
        ``<site>_L6_Summary.nc`` or ``<site>_summary_L6.nc``, with the group ``Monthly``.
    evaporation
        Evaporation of one W m-2 of latent heat, mm day-1.

    Returns
    -------
    ``gpp_site``, ``reco_site`` (gC m-2 day-1), ``et_site`` (mm day-1) by month, NaN where missing.
    Evapotranspiration is that of the latent heat flux ``Fe``, or ``ET`` where that is absent.

    Raises
    ------
    InputError
        The file breaks off, lacks the group or a variable, has other units, or a month twice.
    """
    with open_netcdf(source) as dataset:
        if GROUP not in dataset.groups:
            found = ", ".join(dataset.groups) or "none"
            raise InputError(source, GROUP, "a group of this name", found)
        group = dataset.groups[GROUP]
        # Days since 1800 are rounded: the start of a month must not fall into the one before.
        months = read_dates(group, "time", source).round("min").to_period("M")
        if months.has_duplicates:
            found = f"{months[months.duplicated()][0]} twice"
            raise InputError(source, "time", "every month once", found)
        gpp = _rate(group, GPP, CARBON_UNITS, months, source)
        reco = _rate(group, RECO, CARBON_UNITS, months, source)
        if LATENT_HEAT in group.variables:
            water = _rate(group, LATENT_HEAT, HEAT_UNITS, months, source) * evaporation
        else:
            water = _rate(group, EVAPOTRANSPIRATION, WATER_UNITS, months, source)
    if np.nansum(gpp) < 0:
        gpp = -gpp
    return pd.DataFrame({"gpp_site": gpp, "reco_site": reco, "et_site": water}, months)


def measured_shares(source: Source) -> pd.DataFrame:
    """Shares of the records of each month that were measured.

    Parameters
    ----------
    source
        ``<site>_L6.nc``: records of 30 or 60 minutes, stamped with their end.

    Returns
    -------
    Shares ``carbon`` and ``water``, 0 to 1, by month; NaN in months without all their records, of
    which a summary has the sum of what there is.

    Raises
    ------
    InputError
        The file breaks off, lacks the flags or its time step, has a time twice, or flags that are
        none.
    """
    with open_netcdf(source) as dataset:
        step = str(getattr(dataset, "time_step", "none"))
        if step not in ("30", "60"):
            raise InputError(source, "time_step", "30 or 60 minutes, a global attribute", step)
        ends = read_dates(dataset, "time", source).round("min")
        if ends.has_duplicates:
            found = f"{ends[ends.duplicated()][0]} twice"
            raise InputError(source, "time", "every time once", found)
        flags = pd.DataFrame(
            {
                "carbon": _flags(dataset, CARBON_FLAGS, source),
                "water": _flags(dataset, WATER_FLAGS, source),
            }
        )
    grouped = (flags == MEASURED).groupby((ends - pd.Timedelta(minutes=int(step))).to_period("M"))
    measured, count = grouped.sum(), grouped.size()
    records = pd.PeriodIndex(measured.index).days_in_month * (24 * 60 // int(step))
    return measured.div(np.asarray(records), axis=0).where(count == records, np.nan)


def _global_attributes(source: Source) -> dict[str, str]:
    with open_netcdf(source) as dataset:
        return {name.lower(): str(getattr(dataset, name)).strip() for name in dataset.ncattrs()}


def _series(dataset: netCDF4.Dataset, name: str, source: Source) -> np.ndarray:
    """Values of a variable of one site, NaN where missing."""
    if name not in dataset.variables:
        found = f"only {', '.join(dataset.variables)}"
        raise InputError(source, name, "a variable of this name", found)
    variable = dataset[name]
    if variable.size != variable.shape[0]:
        sizes = ", ".join(map(str, variable.shape))
        raise InputError(source, name, "one site", f"the dimensions {sizes}")
    values = np.ma.filled(np.ma.asarray(variable[:]).astype(np.float64), np.nan).ravel()
    return np.where(np.isclose(values, MISSING), np.nan, values)


def _rate(
    group: netCDF4.Dataset,
    name: str,
    units: dict[str, float],
    months: pd.PeriodIndex,
    source: Source,
) -> np.ndarray:
    """Values per day, of totals of the month or of means."""
    values = _series(group, name, source)
    stated = getattr(group[name], "units", None)
    factor = check_units(Path(str(source)), name, None if stated is None else str(stated), units)
    days = months.days_in_month if are_same(str(stated), TOTALS) else 1
    return values * factor / np.asarray(days)


def _flags(dataset: netCDF4.Dataset, names: tuple[str, ...], source: Source) -> np.ndarray:
    name = next((name for name in names if name in dataset.variables), names[0])
    values = _series(dataset, name, source)
    unknown = values[np.isfinite(values) & ~((values >= 0) & (values < 1000))]
    if unknown.size:
        raise InputError(source, name, "flags from 0 to 999", f"{unknown[0]:g}")
    return values

"""Mean climates of a climate model on the study's grid: present and scenario."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from differland.datasets.climate_models import (
    FILE_NAME,
    HISTORICAL,
    Variable,
    calendar_of,
    read_climatology,
)
from differland.datasets.native import match_name
from differland.regridding.raw_fields import Gridding, grid_static


def grid_climates(
    sources: Mapping[Variable, Sequence[Path]],
    periods: Mapping[str, Sequence[int]],
    gridding: Gridding,
) -> xr.Dataset:
    """Put mean annual temperature and precipitation of a model on the study's grid.

    Years are averaged on the model's own grid, and their mean is regridded: the operator is linear.

    Parameters
    ----------
    sources
        Files of one model by variable.
    periods
        Years by the name of the period.
    gridding
        Settings of the regridding.

    Returns
    -------
    ``mean_annual_temperature`` (degC) and ``mean_annual_precipitation`` (mm year-1), each of shape
    (period, lat, lon); attributes tell the model, its member, scenario, grid and calendar.

    Raises
    ------
    InputError
        The files cannot be used, as for :func:`differland.datasets.climate_models.read_cmip6`.
    """
    parts = []
    for years in periods.values():
        fields = [read_climatology(files, name, years) for name, files in sources.items()]
        parts.append(grid_static({field.name: field for field in fields}, gridding))
    dataset = xr.concat(
        parts,
        pd.Index(list(periods), name="period"),
        data_vars=[field.name for field in fields],
        coords="minimal",
        compat="override",
        combine_attrs="override",
        join="override",
    )
    files = [file for listed in sources.values() for file in listed]
    names = [match_name(FILE_NAME, file, "a name of CMIP6") for file in files]
    dataset.attrs = {
        "title": "Mean climates of a climate model on the study's grid",
        "model": names[0]["model"],
        "member": names[0]["member"],
        "scenario": ", ".join({name["experiment"] for name in names} - {HISTORICAL}),
        "grid": names[0]["grid"],
        "native_shape": "{} x {}".format(*fields[0].grid.shape),
        "calendar": calendar_of(files[0]),
        "files": ", ".join(file.name for file in files),
        **{f"{name}_years": f"{min(years)}-{max(years)}" for name, years in periods.items()},
    }
    return dataset

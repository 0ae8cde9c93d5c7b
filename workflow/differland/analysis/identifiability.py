"""Identifiability of the parameters: agreement of independently initialised members.

Paper, Methods, "Parameter Identifiability Analysis"; docs/metrics.md, "Identifiability".
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr

from differland.errors import InputError
from differland.tables import PARAMETERS

INFORMED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inherent_water_use_efficiency": (),
        "sif_alpha": ("sif",),
        "sif_beta_plus_three": ("sif",),
        "vod_foliar_coefficient": ("vod",),
        "vod_wood_coefficient": ("vod",),
    }
)
"""Terms of the loss through which alone a parameter is seen, where these are few.

No equation uses the first; the others turn pools or fluxes into what a satellite sees."""


def uninformed(terms: Collection[str]) -> list[str]:
    """Parameters that no term of a loss says anything about, whatever their members agree on.

    Parameters
    ----------
    terms
        Terms of the loss that are on and have observations.
    """
    return [name for name, through in INFORMED_BY.items() if not set(through) & set(terms)]


def identifiability(parameters: xr.Dataset, threshold: float) -> tuple[pd.DataFrame, xr.Dataset]:
    """Compare the spread of each parameter across members with its mean.

    The coefficient of variation is the sample standard deviation across members (n - 1 in the
    denominator) over the absolute mean, in each cell. A parameter counts as identifiable when its
    median over cells is below `threshold`. The two phenology days are taken as they are, like in
    the paper, although days a whole year apart mean the same: members that settled on different
    years raise their coefficient.

    Parameters
    ----------
    parameters
        The 40 parameters by name, each (member, cell), and the coordinates lat and lon.
    threshold
        Median coefficient of variation below which a parameter is identifiable. 0.6 in the paper.

    Returns
    -------
    table : DataFrame
        Columns parameter, units, median_cv, identifiable, threshold; one row per parameter in the
        order of the parameter table.
    maps : Dataset
        ``coefficient_of_variation(parameter, cell)``.

    Raises
    ------
    InputError
        Fewer than two members, or a parameter is missing.
    """
    members = parameters.sizes.get("member", 0)
    if members < 2:
        raise InputError("parameters.nc", "member", "at least 2 members", str(members))
    missing = [name for name in PARAMETERS if name not in parameters]
    if missing:
        raise InputError(
            "parameters.nc", missing[0], f"all {len(PARAMETERS)} parameters", "no such variable"
        )

    variation = xr.concat(
        [_coefficient_of_variation(parameters[name]) for name in PARAMETERS],
        dim=pd.Index(list(PARAMETERS), name="parameter"),
    ).transpose("parameter", "cell")
    median = variation.median("cell").to_numpy()
    table = pd.DataFrame(
        {
            "parameter": list(PARAMETERS),
            "units": [parameter.units for parameter in PARAMETERS.values()],
            "median_cv": median,
            "identifiable": median < threshold,
            "threshold": threshold,
        }
    )
    maps = xr.Dataset(
        {
            "coefficient_of_variation": variation.astype(np.float32).assign_attrs(
                long_name="coefficient of variation across ensemble members", units="1"
            )
        },
        coords={name: parameters[name] for name in ("lat", "lon")},
        attrs={"title": "Identifiability of the parameters", "members": members},
    )
    return table, maps


def _coefficient_of_variation(values: xr.DataArray) -> xr.DataArray:
    values = values.astype(np.float64).reset_coords(drop=True)
    return values.std("member", ddof=1) / abs(values.mean("member"))

"""Soil of the uppermost metre: Regridded Harmonized World Soil Database v1.2 (HWSD).

ORNL DAAC 1247 (Wieder et al., 2014, doi:10.3334/ORNLDAAC/1247): one file per property and layer,
``T_*`` for 0-30 cm and ``S_*`` for 30-100 cm, on a south-up grid of 0.05 degree.
"""

from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from differland.datasets.archives import glob_files, is_litter
from differland.datasets.fields import Field, check_range, check_units
from differland.datasets.native import find_variable
from differland.errors import InputError
from differland.opening import open_netcdf

MissingSubsoil = Literal["topsoil", "missing"]
BulkDensity = Literal["BULK_DEN", "REF_BULK"]

MEAN_BY_DEPTH = (0.3, 0.7)
"""Shares of the uppermost metre that topsoil (0-30 cm) and subsoil (30-100 cm) take."""

SUM_OF_LAYERS = (1.0, 1.0)

MISSING = -1
"""Stands for what is missing, whether the file declares it or not."""

PERCENT_OF_WEIGHT = dict.fromkeys(
    ("%", "percent", "% weight", "%weight", "% wt", "% wt.", "%wt", "%wt.", "percent weight"), 1.0
)
PERCENT_OF_VOLUME = dict.fromkeys(
    ("%", "percent", "% volume", "%volume", "% vol", "% vol.", "%vol", "%vol.", "percent volume"),
    1.0,
)
KILOGRAM_PER_CUBIC_DECIMETRE = dict.fromkeys(
    ("kg dm-3", "kg/dm3", "kg/dm^3", "kg dm^-3", "g cm-3", "g/cm3", "g/cm^3", "g cm^-3"), 1.0
)
GRAM_CARBON_PER_SQUARE_METRE = dict.fromkeys(
    ("kg C m-2", "kgC m-2", "kg m-2", "kg C m^-2", "kg C/m2", "kgC/m2", "kg/m2", "kg C/m^2"), 1e3
)


class Property(NamedTuple):
    """A property of the soil.

    Attributes
    ----------
    name, units
        Name and units of the field.
    conversions
        Factors to these units, by the units of the file.
    maximum
        Largest value of a layer, in these units, beyond which it is a mistake; none is below zero.
    """

    name: str
    units: str
    conversions: dict[str, float]
    maximum: float


BULK_DENSITY = Property("bulk_density", "kg dm-3", KILOGRAM_PER_CUBIC_DECIMETRE, 3)
FRACTIONS = {
    "SAND": Property("sand", "%", PERCENT_OF_WEIGHT, 100),
    "SILT": Property("silt", "%", PERCENT_OF_WEIGHT, 100),
    "CLAY": Property("clay", "%", PERCENT_OF_WEIGHT, 100),
    "GRAVEL": Property("gravel", "%", PERCENT_OF_VOLUME, 100),
}
CARBON = Property("soil_organic_carbon", "gC m-2", GRAM_CARBON_PER_SQUARE_METRE, 2e5)


def read_soil(
    folder: Path,
    bulk_density: BulkDensity = "BULK_DEN",
    missing_subsoil: MissingSubsoil = "topsoil",
) -> list[Field]:
    """Read the soil predictors, means over 0-100 cm weighted by depth (paper, Methods).

    The mean is 0.3 times the topsoil plus 0.7 times the subsoil. Where there is no topsoil there
    is no soil (water, ice, rock, dunes), and no value.

    Parameters
    ----------
    folder
        Holds ``T_SAND.nc4``, ``S_SAND.nc4`` and so on.
    bulk_density
        Values by soil type (``BULK_DEN``, as in the published driver) or of texture alone
        (``REF_BULK``). The paper only says bulk density.
    missing_subsoil
        Treatment of shallow soil, which has topsoil only: its value holds for the metre
        (``topsoil``), or there is no value (``missing``), which takes the cell out of the domain.
        The paper does not say.

    Returns
    -------
    bulk_density (kg dm-3), sand, silt, clay (% of weight) and gravel (% of volume).

    Raises
    ------
    InputError
        A file or its variable is missing or cut off, units are others than expected, or the
        layers do not share a grid. Values are checked when they are read.
    """
    properties = {bulk_density: BULK_DENSITY, **FRACTIONS}
    return [
        _read_layers(
            folder,
            soil_property,
            {f"{layer}_{stem}": f"{layer}_{stem}" for layer in ("T", "S")},
            MEAN_BY_DEPTH,
            missing_subsoil,
        )
        for stem, soil_property in properties.items()
    ]


def read_soil_organic_carbon(
    folder: Path, missing_subsoil: MissingSubsoil = "topsoil", zero_is_missing: bool = False
) -> Field:
    """Read the organic carbon of the uppermost metre of soil.

    The sum of the area-weighted carbon of topsoil and subsoil, which both are per area of ground.

    Parameters
    ----------
    folder
        Holds ``AWT_T_SOC.nc4`` and ``AWT_S_SOC.nc4``.
    missing_subsoil
        Treatment of shallow soil, which has topsoil only: its carbon is all there is (``topsoil``),
        or there is no value (``missing``). The paper does not say.
    zero_is_missing
        Whether no carbon in either layer means that nothing was observed.

    Returns
    -------
    soil_organic_carbon (gC m-2).

    Raises
    ------
    InputError
        The files cannot be used, as for :func:`read_soil`.
    """
    field = _read_layers(
        folder,
        CARBON,
        {"AWT_T_SOC": "SUM_t_c_12", "AWT_S_SOC": "SUM_s_c_1"},
        SUM_OF_LAYERS,
        missing_subsoil,
    )

    def read_positive(rows: slice) -> np.ndarray:
        values = field.read(rows)
        return np.where(values == 0, np.nan, values)

    return replace(field, read=read_positive) if zero_is_missing else field


def _read_layers(
    folder: Path,
    soil_property: Property,
    variables: dict[str, str],
    weights: tuple[float, float],
    missing_subsoil: MissingSubsoil,
) -> Field:
    """Combine two layers: `variables` by the stems of their files, and weights, topsoil first."""
    topsoil, subsoil = (
        _read_layer(_find_layer(folder, stem), variable, soil_property)
        for stem, variable in variables.items()
    )
    if not (
        np.array_equal(topsoil.grid.latitude_edges, subsoil.grid.latitude_edges)
        and np.array_equal(topsoil.grid.longitude_edges, subsoil.grid.longitude_edges)
    ):
        expected = f"the grid of {topsoil.file.name}, {topsoil.grid.shape}"
        raise InputError(subsoil.file, "grid", expected, f"another one, {subsoil.grid.shape}")

    def read(rows: slice) -> np.ndarray:
        upper, lower = topsoil.read(rows), subsoil.read(rows)
        both = weights[0] * upper + weights[1] * lower
        return np.where(np.isnan(lower), upper, both) if missing_subsoil == "topsoil" else both

    return replace(topsoil, read=read)


def _find_layer(folder: Path, stem: str) -> Path:
    """The one file of a layer, wherever it lies in the folder."""
    found = [file for file in glob_files(folder, f"**/*{stem}.nc4") if not is_litter(file.name)]
    # A name such as REF_T_BULK_DEN must not stand for T_BULK_DEN.
    exact = [file for file in found if file.name == f"{stem}.nc4"] or found
    if len(exact) != 1:
        names = ", ".join(str(file.relative_to(folder)) for file in exact)
        raise InputError(folder, f"{stem}.nc4", "one file of this layer", names or "none")
    return exact[0]


def _read_layer(file: Path, variable_name: str, soil_property: Property) -> Field:
    with open_netcdf(file) as dataset:
        variable = find_variable(dataset, variable_name, file).single_layer()
    name, units, conversions, maximum = soil_property
    factor = check_units(file, variable_name, variable.units, conversions)

    def read(rows: slice) -> np.ndarray:
        values = factor * variable.read(rows, missing_value=MISSING)
        return check_range(file, variable_name, values, 0, maximum, units)

    return Field(name, units, variable.grid, read, file)

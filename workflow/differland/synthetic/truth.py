"""The truth of the synthetic planet: every parameter as a known function of the predictors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array, Float

from differland.ensemble import traits
from differland.errors import InputError
from differland.model.parameters import Parameters
from differland.tables import PARAMETERS, PREDICTOR_GROUPS

TRUE_SENSITIVITIES: dict[str, dict[str, float]] = {
    "canopy_efficiency": {
        "grassland": 1.3,
        "bulk_density": -0.9,
        "gravel": 1.7,
        "needleleaf_forest": 1.1,
    },
    "leaf_carbon_mass_per_area": {
        "gravel": 1.0,
        "needleleaf_forest": 0.65,
        "forest_age": 0.85,
        "elevation": -0.45,
        "mean_annual_precipitation": 0.3,
        "mean_annual_temperature": 0.3,
    },
    "leaf_lifespan": {
        "forest_age": 1.3,
        "elevation": -0.65,
        "gravel": 0.3,
        "needleleaf_forest": 0.2,
    },
    "underlying_water_use_efficiency": {
        "sand": 0.75,
        "mean_annual_precipitation": -0.45,
        "gravel": 0.2,
        "grassland": 0.15,
    },
    "wood_turnover_rate": {"forest_age": -0.2},
    "som_turnover_rate": {"clay": -0.2},
}
"""Slope of a parameter's place between its bounds on each standardised predictor.

Leaves that live longer are heavier, and heavy leaves are efficient: else the feedback of leaves
on production would leave cells without any leaves, and others with more than satellites see. What
observations cannot tell from these traits (allocation, respiration) is the same everywhere. Plants
are small and hold much of their carbon in leaves, so that biomass tells what leaves weigh.
"""

TRUE_CENTRES: dict[str, float] = {
    "decomposition_rate": 1.7e-5,
    "autotrophic_fraction": 0.72,
    "foliar_fraction": 0.03,
    "root_fraction": 0.95,
    "leaf_lifespan": 1.55,
    "wood_turnover_rate": 0.0009,
    "root_turnover_rate": 0.009,
    "litter_turnover_rate": 1.45e-3,
    "som_turnover_rate": 2.4e-5,
    "temperature_sensitivity": 0.05,
    "canopy_efficiency": 22.0,
    "labile_fraction": 0.43,
    "labile_release_period": 60.0,
    "leaf_fall_period": 125.0,
    "leaf_carbon_mass_per_area": 66.0,
    "inherent_water_use_efficiency": 28.5,
    "runoff_focal_point": 7800.0,
    "field_capacity": 60.0,
    "foliar_combustion_factor": 0.72,
    "ligneous_combustion_factor": 0.08,
    "dead_organic_combustion_factor": 0.045,
    "fire_resilience": 0.32,
    "labile_lifespan": 2.6,
    "moisture_factor": 0.127,
    "underlying_water_use_efficiency": 13.0,
    "boese_r": 0.0145,
    "wilting_point_fraction": 0.015,
    "sif_alpha": 16.0,
    "sif_beta_plus_three": 3.08,
    "vod_foliar_coefficient": 2.8e-3,
    "vod_wood_coefficient": 2.9e-5,
    "initial_foliar": 400.0,
    "initial_labile": 300.0,
    "initial_som": 8000.0,
    "initial_water": 400.0,
}
"""Where a parameter lies in an average cell, in its units; in the middle (log) if not named.

What observations say little about lies where an untrained network tends to put it.
"""

SENSITIVITY_SCALE = 0.12
"""Share of a parameter's logarithmic range that a slope of one standard deviation moves it."""

LEAF_ONSET, LEAF_FALL = 120.0, 285.0
"""Days of year in the north; half a year later in the south."""


STUDIED_PREDICTORS: tuple[str, ...] = tuple(
    name for group in ("PFT", "CLIM", "AGE", "SOIL") for name in PREDICTOR_GROUPS[group]
)
"""Predictors that the truth may depend on."""


@dataclass(frozen=True, eq=False)
class TrueField:
    """True parameters as a function of predictors and latitude.

    Attributes
    ----------
    mean, standard_deviation
        Means and standard deviations that standardise the predictors, by name, in their units.
    """

    mean: Mapping[str, float]
    standard_deviation: Mapping[str, float]

    @classmethod
    def of_cells(cls, predictors: xr.Dataset) -> "TrueField":
        """Standardise by the mean and standard deviation over the cells of a planet."""
        values = {name: predictors[name].to_numpy().astype(float) for name in STUDIED_PREDICTORS}
        return cls(
            {name: float(v.mean()) for name, v in values.items()},
            {name: float(v.std()) for name, v in values.items()},
        )

    @classmethod
    def read_from(cls, truth: xr.Dataset) -> "TrueField":
        """Read the function from a file of truth (:meth:`write_into`).

        Raises
        ------
        InputError
            The file holds no such function.
        """
        source = truth.encoding.get("source", "truth")
        for name in ("predictor_mean", "predictor_standard_deviation"):
            if name not in truth:
                raise InputError(source, name, "a variable (predictor)", "no such variable")
        names = truth["predictor"].to_numpy().tolist()
        return cls(
            dict(zip(names, truth["predictor_mean"].to_numpy().tolist(), strict=True)),
            dict(
                zip(names, truth["predictor_standard_deviation"].to_numpy().tolist(), strict=True)
            ),
        )

    def write_into(self, truth: xr.Dataset) -> None:
        """Add the function to a file of truth, along the dimension ``predictor``."""
        truth.coords["predictor"] = list(self.mean)
        for name, values in (
            ("predictor_mean", self.mean),
            ("predictor_standard_deviation", self.standard_deviation),
        ):
            truth[name] = (
                "predictor",
                list(values.values()),
                {"long_name": f"{name.replace('_', ' ')}, in the units of the predictor"},
            )

    @property
    def active_predictors(self) -> tuple[str, ...]:
        """Names of the predictors, in the order of :meth:`traits_of`."""
        return tuple(self.mean)

    def parameters(self, predictors: Mapping[str, Any], latitude: Any) -> dict[str, Any]:
        """Every parameter of cells, as arrays of numpy or JAX.

        Parameters
        ----------
        predictors
            Predictors by name, in their units, each of shape (cell,).
        latitude
            Latitude, degrees_north, shape (cell,).

        Returns
        -------
        The 40 parameters by name, in their units, each of shape (cell,).
        """
        array = latitude.__array_namespace__()
        standard = {
            name: (predictors[name] - self.mean[name]) / self.standard_deviation[name]
            for name in self.mean
        }
        result = {}
        for name, row in PARAMETERS.items():
            centre = TRUE_CENTRES.get(name, math.sqrt(row.minimum * row.maximum))
            place = array.full(
                latitude.shape,
                math.log(centre / row.minimum) / math.log(row.maximum / row.minimum),
            )
            for predictor, slope in TRUE_SENSITIVITIES.get(name, {}).items():
                place = place + SENSITIVITY_SCALE * slope * array.tanh(standard[predictor])
            share = array.clip(place, 0.02, 0.98)
            result[name] = row.minimum * (row.maximum / row.minimum) ** share
        north = 1 / (1 + array.exp(-latitude))
        for name, day in (("leaf_onset_day", LEAF_ONSET), ("leaf_fall_day", LEAF_FALL)):
            result[name] = 2 * 365.25 + day + 365.25 / 2 * (1 - north)
        return result

    def traits_of(
        self, predictors: Float[Array, "row predictor"], latitude: Float[Array, " row"]
    ) -> Float[Array, "row trait"]:
        """True traits, in the form of an ensemble's; JAX can trace it.

        Parameters
        ----------
        predictors
            Predictors, shape (row, predictor), in the order of :attr:`active_predictors` and their
            units.
        latitude
            Latitude, degrees_north, shape (row,).

        Returns
        -------
        Traits in the order and units of the table of traits.
        """
        columns = dict(zip(self.mean, predictors.T, strict=True))
        values = self.parameters(columns, latitude)
        parameters = Parameters(*(values[name] for name in Parameters._fields))
        return jnp.stack(list(traits(parameters).values()), axis=1)

"""Modelled counterpart of each observed quantity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    # Whoever plans a study needs this table, but not the second that importing JAX takes.
    from jaxtyping import Array, Float

    Outputs = Mapping[str, Float[Array, "time cell"]]


def ecosystem_respiration(outputs: Outputs) -> Float[Array, "time cell"]:
    """Autotrophic plus heterotrophic respiration, gC m-2 day-1."""
    return outputs["gpp"] + outputs["nee"]


def live_biomass(outputs: Outputs) -> Float[Array, "time cell"]:
    """Labile, foliar, fine root and wood carbon, gC m-2."""
    return outputs["labile"] + outputs["foliar"] + outputs["root"] + outputs["wood"]


@dataclass(frozen=True)
class Observable:
    """A quantity that is both observed and modelled.

    Attributes
    ----------
    support
        Spatial support of one observation: a grid cell, a flux tower in a grid cell, or the mean of
        a patch.
    resolution
        Temporal resolution: monthly, annual mean of a calendar year, or constant in time.
    quantity
        Name of the modelled quantity, a key of ``differland.tables.OUTPUTS``.
    outputs
        Model outputs that the quantity is computed from.
    of
        Modelled quantity of each month from those outputs. (``ewt`` is the water pool: its
        anomaly depends on which months are observed.)
    """

    support: Literal["cell", "site", "patch"]
    resolution: Literal["month", "year", "static"]
    quantity: str
    outputs: tuple[str, ...]
    of: Callable[[Outputs], Float[Array, "time cell"]]


def _plain(output: str) -> Callable[[Outputs], Float[Array, "time cell"]]:
    return lambda outputs: outputs[output]


BIOMASS_POOLS = ("labile", "foliar", "root", "wood")

OBSERVABLES: Mapping[str, Observable] = {
    "sif": Observable("cell", "month", "sif", ("sif",), _plain("sif")),
    "lai": Observable("cell", "month", "lai", ("lai",), _plain("lai")),
    "et": Observable("cell", "month", "et", ("et",), _plain("et")),
    "gpp_site": Observable("site", "month", "gpp", ("gpp",), _plain("gpp")),
    "reco_site": Observable("site", "month", "reco", ("gpp", "nee"), ecosystem_respiration),
    "et_site": Observable("site", "month", "et", ("et",), _plain("et")),
    "biomass": Observable("cell", "year", "biomass", BIOMASS_POOLS, live_biomass),
    "vod": Observable("cell", "year", "vod", ("vod",), _plain("vod")),
    "soc": Observable("cell", "static", "soc", ("som",), _plain("som")),
    "nbe": Observable("patch", "month", "nbe", ("nbe",), _plain("nbe")),
    "fire": Observable("patch", "month", "fire", ("fire_emission",), _plain("fire_emission")),
    "ewt": Observable("patch", "month", "ewt", ("water",), _plain("water")),
    "fire_cell": Observable("cell", "month", "fire", ("fire_emission",), _plain("fire_emission")),
}
"""Observed quantities by the name of their target."""

BULK_TARGETS = ("nbe", "ewt")
"""Patch targets that count only where most of the patch is valid (paper, Methods)."""

ANNUAL_SUFFIX = "_annual"
"""Ends the name of a term of the loss that compares the annual means of a monthly target."""


def observable_of(term: str) -> Observable:
    """The observed quantity that a term of the loss is about."""
    return OBSERVABLES[term.removesuffix(ANNUAL_SUFFIX)]


OBSERVED_VARIABLES: Mapping[str, str] = {
    **{name: name for name in OBSERVABLES},
    "soc": "soil_organic_carbon",
    "fire": "fire_emission",
    "fire_cell": "fire_emission_cell",
}
"""The driver variable that holds a target's observations unless the configuration says another."""

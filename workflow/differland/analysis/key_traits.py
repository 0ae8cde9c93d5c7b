"""The four traits whose dependence on the environment the paper shows (Fig. 4, Fig. S2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from differland.tables import TRAITS

SHOWN_PREDICTORS = ("mean_annual_temperature", "mean_annual_precipitation", "canopy_height")
"""Predictors that Fig. 4 shows them along."""


@dataclass(frozen=True)
class KeyTrait:
    """One of the four traits: a trait of the table, or one minus such a trait.

    Attributes
    ----------
    trait
        The trait of ``differland.tables.TRAITS`` that it is made of.
    complement
        Whether it is one minus that trait, which is a fraction.
    long_name, units
        Name and units of the key trait.
    """

    trait: str
    complement: bool
    long_name: str
    units: str

    def value(self, of_trait: Any) -> Any:
        """Value of the key trait, from that of the table's trait."""
        return 1 - of_trait if self.complement else of_trait

    def change(self, of_trait: Any) -> Any:
        """Difference of two values of the key trait, from that of the table's trait."""
        return -of_trait if self.complement else of_trait


def _of_table(name: str) -> KeyTrait:
    return KeyTrait(name, False, TRAITS[name].long_name, TRAITS[name].units)


KEY_TRAITS: Mapping[str, KeyTrait] = MappingProxyType(
    {
        "canopy_efficiency": _of_table("canopy_efficiency"),
        "leaf_carbon_mass_per_area": _of_table("leaf_carbon_mass_per_area"),
        "carbon_use_efficiency": KeyTrait(
            "autotrophic_fraction", True, "carbon use efficiency (NPP over GPP)", "1"
        ),
        "allocation_root": _of_table("allocation_root"),
    }
)

"""The parameter and variable tables of ``resources/``: the only place for their facts."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from differland.shipped import RESOURCES

Head = Literal["process", "initial", "phenology"]


@dataclass(frozen=True)
class Parameter:
    """One of the 40 parameters that the spatialization network predicts.

    Attributes
    ----------
    name, long_name, units
        Name in the code and in every file, meaning, and units.
    minimum, maximum
        Bounds, in ``units``. The bounds of an initial pool also bound the running pool.
    head
        The output layer of the network that predicts it.
    """

    name: str
    long_name: str
    units: str
    minimum: float
    maximum: float
    head: Head


@dataclass(frozen=True)
class Variable:
    """One variable of the driver or of the model's output.

    Attributes
    ----------
    name, long_name, units
        Name in the code and in every file, meaning, and units.
    group
        Predictor group (PFT, CLIM, ...), or support of an observation (cell, site, patch).
    standard_name
        CF standard name; empty where CF has none.
    minimum, maximum
        Range outside which a value is a mistake, in ``units``; None where there is no such range.
    from_pool, to_pool
        Carbon pools that a flux takes carbon from and brings it to; empty outside of the pools,
        and for all that is no flux.
    """

    name: str
    group: str
    units: str
    long_name: str
    standard_name: str
    minimum: float | None
    maximum: float | None
    from_pool: str = ""
    to_pool: str = ""


@dataclass(frozen=True)
class PublishedVariable:
    """One variable of the published driver, and its counterpart in a driver of this library.

    Attributes
    ----------
    published
        Name of the published variable; ``average`` is the column of CO2.
    name
        Variable of the driver, an observation's alternative product, or a weight. Variables of
        the same name are added up.
    published_units, factor, offset
        Published units; times `factor`, plus `offset`, values have the units of ``name``.
    within_patch
        ``mean`` for patch-level variables, of which the mean over the valid cells of a patch
        counts; empty for all others.
    required
        Whether the published driver cannot be without it.
    """

    published: str
    name: str
    published_units: str
    factor: float
    offset: float
    within_patch: Literal["", "mean"]
    required: bool


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (RESOURCES / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _read_parameters() -> Mapping[str, Parameter]:
    return MappingProxyType(
        {
            row["name"]: Parameter(
                name=row["name"],
                long_name=row["long_name"],
                units=row["units"],
                minimum=float(row["minimum"]),
                maximum=float(row["maximum"]),
                head=row["head"],  # type: ignore[arg-type]
            )
            for row in _rows("parameters.csv")
        }
    )


def _read_variables(kind: str) -> Mapping[str, Variable]:
    def bound(text: str) -> float | None:
        return float(text) if text else None

    return MappingProxyType(
        {
            row["name"]: Variable(
                name=row["name"],
                group=row["group"],
                units=row["units"],
                long_name=row["long_name"],
                standard_name=row["standard_name"],
                minimum=bound(row["minimum"]),
                maximum=bound(row["maximum"]),
                from_pool=row["from_pool"],
                to_pool=row["to_pool"],
            )
            for row in _rows("variables.csv")
            if row["kind"] == kind
        }
    )


def _read_published() -> tuple[PublishedVariable, ...]:
    return tuple(
        PublishedVariable(
            published=row["published"],
            name=row["name"],
            published_units=row["published_units"],
            factor=float(row["factor"]),
            offset=float(row["offset"]),
            within_patch=row["within_patch"],  # type: ignore[arg-type]
            required=row["required"] == "yes",
        )
        for row in _rows("published_driver.csv")
    )


PARAMETERS = _read_parameters()
PREDICTORS = _read_variables("predictor")
FORCING = _read_variables("forcing")
OBSERVATIONS = _read_variables("observation")
OUTPUTS = _read_variables("output")
TRAITS = _read_variables("trait")
INTERMEDIATES = _read_variables("intermediate")
PUBLISHED_VARIABLES = _read_published()

PREDICTOR_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        group: tuple(name for name, row in PREDICTORS.items() if row.group == group)
        for group in dict.fromkeys(row.group for row in PREDICTORS.values())
    }
)


def observation_row(name: str) -> Variable:
    """Facts of an observation; those of ``lai_copernicus``, another product, are those of ``lai``.

    Parameters
    ----------
    name
        Name of an observation, perhaps with an underscore and the name of a product.
    """
    if name in OBSERVATIONS:
        return OBSERVATIONS[name]
    stem = max((row for row in OBSERVATIONS if name.startswith(f"{row}_")), key=len)
    return OBSERVATIONS[stem]

"""Spellings of units: ``MJ m^-2 day^-1``, ``MJ/m2/d`` and ``MJ m-2 day-1`` are the same."""

import re
from collections import Counter
from collections.abc import Iterable

FACTOR = re.compile(r"([A-Za-z°%_µ]+)(?:\^|\*\*)?\(?([+-]?\d+)?\)?")
"""A unit and its exponent, as in ``m-2``, ``m^-2``, ``m**-2`` or ``m2``."""

CHARACTERS = str.maketrans(
    "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2212\u2013\u03bc\u00b5", "-01234--uu", "${}[]"
)
"""Superscripts, other signs for minus, the two for micro, and what LaTeX and brackets add."""

CARBON = re.compile(r"\b([kK]?g|Mg|t)[ *_-]?(?:C\b|\(C\))")
"""A mass of carbon: ``kg C``, ``kg(C)``, ``kg_C``, ``kg-C``."""

SYNONYMS = {
    "Kg": "kg",
    "KgC": "kgC",
    "d": "day",
    "days": "day",
    "s": "s",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "mo": "month",
    "months": "month",
    "yr": "year",
    "years": "year",
    "percent": "%",
    "°C": "degC",
    "deg_C": "degC",
    "degreeC": "degC",
    "degreesC": "degC",
    "degree_C": "degC",
    "degrees_C": "degC",
    "celsius": "degC",
    "Celsius": "degC",
    "degree_Celsius": "degC",
    "degrees_Celsius": "degC",
    "degree_celsius": "degC",
    "degrees_celsius": "degC",
    "Kelvin": "K",
    "kelvin": "K",
    "mbar": "hPa",
    "ppmv": "ppm",
    "fraction": "",
    "dimensionless": "",
    "unitless": "",
}
"""One name of each unit."""


def normal(text: str) -> str:
    """Normal spelling of units; those that are not understood are returned unchanged.

    Nothing is converted: ``g`` is not ``kg``, and ``day-1`` not ``s-1``.
    """
    plain = " ".join(text.translate(CHARACTERS).split())
    plain = CARBON.sub(r"\1C", plain)
    plain = re.sub(r"(-\d+)(?=[A-Za-z])", r"\1 ", plain)
    plain = re.sub(r"\b(degrees?|deg) (C|[cC]elsius)\b", r"\1_\2", plain)
    exponents: Counter[str] = Counter()
    for number, part in enumerate(re.split(r"\s*/\s*", plain)):
        together = re.fullmatch(r"\(([^()]*)\)", part)
        tokens = re.split(r"[\s.·]+|(?<!\*)\*(?!\*)", together[1] if together else part)
        if number > 0 and len(tokens) > 1 and not together:
            # Some mean a / (b c), others (a / b) c.
            return plain
        for token in tokens:
            if token in ("", "1", "-"):
                continue
            factor = FACTOR.fullmatch(token)
            if factor is None:
                return plain
            name = SYNONYMS.get(factor[1], factor[1])
            if name:
                exponents[name] += (-1 if number > 0 else 1) * int(factor[2] or 1)
    left = {name: exponent for name, exponent in sorted(exponents.items()) if exponent}
    return " ".join(name if power == 1 else f"{name}{power}" for name, power in left.items()) or "1"


def are_same(found: str, spellings: Iterable[str]) -> bool:
    """Whether units are one of these, however they are spelled."""
    return normal(found) in {normal(spelling) for spelling in spellings}


def range_in_words(low: float, high: float, units: str) -> str:
    """A range as messages have it: ``0 to 60 degC``, and without units ``0 to 1``."""
    return f"{low:g} to {high:g} {units}".removesuffix(" 1").rstrip()

"""Checks types and shapes in annotations of the library, while tests run."""

from beartype import BeartypeConf, beartype

# Whole numbers are numbers, as for type checkers.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))

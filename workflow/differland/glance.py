"""Facts in the header of a driver file, for the planning of a run, and checks against them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from differland.errors import InputError, most_similar
from differland.opening import open_netcdf

SITE = "site"
"""Coordinate with the names of flux towers."""


@dataclass(frozen=True)
class Glance:
    """Facts in the header of a driver file.

    Attributes
    ----------
    variables
        Names of its variables.
    months
        Number of months.
    """

    variables: frozenset[str]
    months: int


def glance_at(path: Path | str) -> Glance | None:
    """Read the header of a driver file; None if there is none that can be read.

    Faults of a file are reported by the job that checks it.
    """
    try:
        with open_netcdf(str(path)) as file:
            return Glance(frozenset(file.variables), file.dimensions["time"].size)
    except (InputError, LookupError):
        return None


def read_sites(path: Path | str) -> list[str]:
    """Read the names of the flux towers of a driver file; none where it has none."""
    # Here, since figures read what uses this module, and no driver.
    import netCDF4

    with open_netcdf(str(path)) as file:
        if SITE not in file.variables:
            return []
        values = np.ma.filled(file[SITE][:], b"")
    if values.dtype.kind == "S" and values.ndim > 1:
        values = netCDF4.chartostring(values)
    return list(site_names(values))


def site_names(cells: np.ndarray, split: bool = False) -> Iterator[str]:
    """Names of flux towers.

    Parameters
    ----------
    cells
        Names by cell, empty without a tower, and separated by blanks where a cell has several.
    split
        Whether to give each of several on its own.
    """
    for name in map(str, cells.ravel().tolist()):
        yield from name.split() if split else filter(None, [name.strip()])


def check_spin_up(months: int, path: Path | str, spin_up_months: int) -> None:
    """Check that a driver has months beyond those that no metric uses.

    Parameters
    ----------
    months, path
        Months and path of the driver.
    spin_up_months
        Months that no metric uses, ``evaluation.spin_up_months``.

    Raises
    ------
    InputError
        The driver has no month beyond the spin-up.
    """
    if months <= spin_up_months:
        expected = f"more months than are spin-up (evaluation.spin_up_months = {spin_up_months})"
        raise InputError(path, "time", expected, f"{months} months")


def check_sites(
    known: Collection[str], path: Path | str, chosen: str | int | Collection[str]
) -> None:
    """Check that a driver has the flux towers that are to have a page.

    Parameters
    ----------
    known, path
        Names of flux towers, and the driver that has them.
    chosen
        Sites of ``figures.sites``: names, or a choice without names (all, a number).

    Raises
    ------
    InputError
        A name is unknown; the message suggests the most similar name.
    """
    for name in () if isinstance(chosen, str | int) else chosen:
        if name not in known:
            close = most_similar(name, known)
            guess = f"; did you mean {close}?" if close else ""
            found = f"{len(known)} sites, none of that name{guess}" if known else "no sites"
            raise InputError(path, SITE, f"site {name}, which figures.sites names", found)

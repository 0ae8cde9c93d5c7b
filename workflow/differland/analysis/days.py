"""Days of the year among the parameters, of which only the place within the year matters."""

import numpy as np
import numpy.typing as npt

from differland.tables import PARAMETERS

DAYS_OF_YEAR = tuple(name for name, row in PARAMETERS.items() if row.head == "phenology")
"""Parameters that are days of the year."""

DAYS_PER_YEAR = 365.25


def around_their_mean(
    days: npt.NDArray[np.floating], weights: npt.ArrayLike = 1.0
) -> npt.NDArray[np.float64]:
    """Move days by whole years to within half a year of their circular mean.

    Parameters
    ----------
    days
        Days from the start of any year, shape (member, ...).
    weights
        Weights of the days, of a shape that broadcasts with theirs.

    Returns
    -------
    array, as `days`
        The circular mean over the first axis lies in the first year, from 0 to 365.25.
    """
    angle = 2 * np.pi * np.asarray(days, dtype=np.float64) / DAYS_PER_YEAR
    mean = np.angle((np.exp(1j * angle) * weights).sum(axis=0)) % (2 * np.pi)
    centre = DAYS_PER_YEAR * mean / (2 * np.pi)
    half = DAYS_PER_YEAR / 2
    result: npt.NDArray[np.float64] = centre + (days - centre + half) % DAYS_PER_YEAR - half
    return result

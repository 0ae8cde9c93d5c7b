"""Statistics of monthly fields: small functions of arrays, independent of the products.

Fields have the shape (month, place) or (12, place), NaN where there is no value.
"""

import numpy as np
import numpy.typing as npt

from differland.driver import MONTHS_PER_YEAR

Array = npt.NDArray[np.floating]

SOLAR_MAXIMUM = 37.6
"""Daily radiation of an overhead sun at the top of the atmosphere over pi, MJ m-2 day-1."""

FEWEST_NEIGHBOURS = 700
"""Pairs of adjacent cells from which their correlation means something."""

FAINT = 1e-12
"""Share of the mean square below which variance is that of rounding."""


def insolation(latitude: Array) -> Array:
    """Radiation at the top of the atmosphere in the middle of each month, MJ m-2 day-1.

    Parameters
    ----------
    latitude
        Latitude, degrees, shape (place,).

    Returns
    -------
    Radiation, shape (12, place).
    """
    middle = 2 * np.pi * (np.arange(MONTHS_PER_YEAR) + 0.5) / MONTHS_PER_YEAR
    declination = np.deg2rad(-23.4 * np.cos(middle + 0.17))[:, None]
    north = np.deg2rad(latitude)[None]
    hour = np.arccos(-np.clip(np.tan(north) * np.tan(declination), -1, 1))
    top = hour * np.sin(north) * np.sin(declination)
    top += np.cos(north) * np.cos(declination) * np.sin(hour)
    result: Array = np.maximum(SOLAR_MAXIMUM * top, 0)
    return result


def mean_of_known(values: Array, axis: int, weight: Array | float = 1.0) -> Array:
    """Mean along an axis of the values that are there, NaN where there is none.

    Parameters
    ----------
    values
        Values, NaN where there is none.
    axis
        Axis along which the mean is taken.
    weight
        Weights, of a shape that fits the values.
    """
    known = np.isfinite(values)
    total = np.where(known, values * weight, 0).sum(axis=axis, dtype=float)
    weights = (known * weight).sum(axis=axis, dtype=float)
    return np.divide(total, weights, out=np.full(total.shape, np.nan), where=weights > 0)


def mean_cycle(values: Array) -> Array:
    """Mean of each calendar month over the years, NaN where no year has one.

    Parameters
    ----------
    values
        Monthly values of whole years, shape (month, place).

    Returns
    -------
    Mean cycles, shape (12, place).
    """
    return mean_of_known(_by_year(values), axis=0)


def means_of_others(fields: Array) -> Array:
    """Mean over all others along the first axis, for each of them; NaN where no other has a value.

    Parameters
    ----------
    fields
        Fields of two years or more, shape (year, ...).
    """
    known = np.isfinite(fields)
    filled = np.where(known, fields, 0)
    count = known.sum(axis=0) - known
    total = filled.sum(axis=0, dtype=float) - filled
    return np.divide(total, count, out=np.full(fields.shape, np.nan), where=count > 0)


def cycles_of_other_years(values: Array) -> Array:
    """Mean of each calendar month over all other years, for each year.

    Parameters
    ----------
    values
        Monthly values of two years or more, shape (month, place).

    Returns
    -------
    Mean cycles, shape (year, 12, place), NaN where no other year has a value.
    """
    return means_of_others(_by_year(values))


def seasonal_lag(cycle: Array, reference: Array) -> Array:
    """Months by which the first harmonic of a cycle comes after that of another.

    Parameters
    ----------
    cycle, reference
        Mean cycles, shape (12, place).

    Returns
    -------
    Lags in months, -6 to 6, shape (place,); NaN where a month is missing or there is no cycle.
    """
    turn = np.exp(-2j * np.pi * np.arange(MONTHS_PER_YEAR) / MONTHS_PER_YEAR)
    mine, other = turn @ cycle, turn @ reference
    lag = np.angle(other * np.conj(mine)) * MONTHS_PER_YEAR / (2 * np.pi)
    clear = np.abs(mine) ** 2 > FAINT * (cycle**2).sum(axis=0)
    return np.where(clear, lag, np.nan)


def departures(values: Array) -> Array:
    """Departures of monthly values from the mean cycle of each place."""
    cycle = mean_cycle(values)
    return values - np.tile(cycle, (len(values) // MONTHS_PER_YEAR, 1))


def correlation_in_time(first: Array, second: Array) -> float:
    """Correlation over all months and places, once each place has lost its mean; NaN if none.

    Parameters
    ----------
    first, second
        Monthly values, shape (month, place).
    """
    known = np.isfinite(first) & np.isfinite(second)
    return _correlation(_centred(first, known), _centred(second, known), known)


def correlation_at_lags(first: Array, second: Array, lags: range) -> Array:
    """Correlation in time of a series with another one, for lags of so many months behind it."""
    months = len(first)
    result = []
    for lag in lags:
        late, early = slice(max(lag, 0), months + min(lag, 0)), slice(max(-lag, 0), months - lag)
        result.append(correlation_in_time(first[late], second[early][: len(first[late])]))
    return np.array(result)


def correlation_in_space(first: Array, second: Array) -> float:
    """Correlation over places that have both, shape (place,); NaN with fewer than three."""
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 3:
        return np.nan
    mine, other = (values[known].astype(float) for values in (first, second))
    return _correlation(mine - mine.mean(), other - other.mean(), np.ones(mine.shape, bool))


def ranks(values: Array) -> Array:
    """Ranks of the places that have a value, NaN elsewhere; shape (place,)."""
    result = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    _, place, count = np.unique(values[known], return_inverse=True, return_counts=True)
    result[known] = (np.cumsum(count) - (count - 1) / 2)[place]
    return result


def rank_correlation(first: Array, second: Array) -> float:
    """Correlation of ranks over places that have both, shape (place,)."""
    known = np.isfinite(first) & np.isfinite(second)
    return correlation_in_space(ranks(first[known]), ranks(second[known]))


def without(values: Array, *others: Array) -> Array:
    """Residuals of the linear regression of values on others over places, shape (place,).

    They are NaN where one of the values is missing.
    """
    known = np.isfinite(values)
    for other in others:
        known &= np.isfinite(other)
    result = np.full(values.shape, np.nan)
    design = np.stack([np.ones(int(known.sum())), *(other[known] for other in others)], axis=1)
    line, *_ = np.linalg.lstsq(design, values[known].astype(float), rcond=None)
    result[known] = values[known] - design @ line
    return result


def distances(fields: Array, cycle: Array) -> Array:
    """Root mean square differences of 12 fields from 12 others.

    Parameters
    ----------
    fields, cycle
        Fields to compare, shape (12, place).

    Returns
    -------
    Differences, shape (12, 12), the fields first; NaN where no place has both.
    """
    known, there = np.isfinite(fields), np.isfinite(cycle)
    mine, other = (np.where(k, v, 0).astype(float) for k, v in ((known, fields), (there, cycle)))
    count = known.astype(float) @ there.T
    square = mine**2 @ there.T - 2 * mine @ other.T + known.astype(float) @ (other**2).T
    mean = np.divide(square, count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.sqrt(np.maximum(mean, 0))


def neighbour_correlation(field: Array) -> float:
    """Correlation of a map with itself one row or one column on; NaN where few cells adjoin.

    Parameters
    ----------
    field
        Map, shape (row, column).
    """
    pairs = [(field[1:], field[:-1]), (field[:, 1:], field[:, :-1])]
    first, second = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    if (np.isfinite(first) & np.isfinite(second)).sum() < FEWEST_NEIGHBOURS:
        return np.nan
    return correlation_in_space(first, second)


def commonest_share(values: Array) -> float:
    """Share of the values that are there which are the commonest one, zero apart."""
    known = values[np.isfinite(values)]
    others = known[known != 0]
    if others.size == 0:
        return 0.0
    return float(np.unique(others, return_counts=True)[1].max() / known.size)


def _by_year(values: Array) -> Array:
    return values.reshape(-1, MONTHS_PER_YEAR, values.shape[1])


def _centred(values: Array, known: npt.NDArray[np.bool_]) -> Array:
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0, dtype=float) / count
    return np.where(known, values - mean, 0.0)


def _correlation(first: Array, second: Array, known: npt.NDArray[np.bool_]) -> float:
    squares = float((first**2).sum()), float((second**2).sum())
    if not known.any() or min(squares) == 0:
        return np.nan
    return float((first * second).sum() / np.sqrt(squares[0] * squares[1]))

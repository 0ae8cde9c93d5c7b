"""The comparisons: each gives numbers for months, years or the whole, which a rule has bounds for.

A comparison that the products of a study do not allow raises :class:`NotComparable`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from differland.consistency import statistics
from differland.consistency.statistics import Array
from differland.consistency.study import Study, Summary
from differland.datasets.reanalysis import saturation_over_water
from differland.driver import MONTHS_PER_YEAR
from differland.errors import InputError
from differland.quality import PLAUSIBLE, SEASONAL_LATITUDE, known_variable
from differland.tables import PREDICTOR_GROUPS

FEWEST_PLACES = 50
"""Cells that a comparison over places or of cycles needs."""

SUNLIT = 6.0
"""Radiation at the top of the atmosphere from which satellites see plants, MJ m-2 day-1."""

CLEAR_PATTERN = 0.6
"""Correlation with the other years from which a year has to look like them."""

FEWEST_MONTHS = 5
"""Of a year, whose median correlation means something."""

FEWEST_FIRES = 15
"""Burned cells of a month from which its emissions are compared."""

CLEAR_RELATION = 0.4
"""Usual correlation of departures from which each month and year has to have it."""

CLEAR_CYCLE = 0.8
"""Usual ratio of distances below which months of the year tell themselves apart."""

CLEAR_EXCESS = 0.1
"""Distance, over that of months half a year apart, by which another month has to be nearer."""

CONTRAST_OF_SUN = 6.0
"""Range of annual radiation at the top of the atmosphere from which its effect is to be seen."""

RELIEF, LITTLE_RELIEF = 100.0, 20.0
"""Standard deviation of elevation, m, from which the lapse rate is to be seen; and from which it is
where temperature follows elevation closely, as it does where elevation is in a wrong unit.
"""

FOREST = 0.5
"""Cover from which a cell is a forest."""

NEAR_ZERO = 0.05
"""Share of the mean of all years below which a month's mean has no meaningful ratio."""


class NotComparable(Exception):
    """Reason for which a comparison cannot be made in a study."""


class Value(NamedTuple):
    """Result of a comparison for a month, a year, or the whole period.

    Attributes
    ----------
    year
        Calendar year; None for all years, or a variable that does not change.
    month
        Calendar month from 1; None for the whole year.
    number
        Number that is compared with the bounds of the rule.
    """

    year: int | None
    month: int | None
    number: float


Check = Callable[[Study, str, str], Iterator[Value]]


def _by_month(attribute: str) -> Check:
    def check(study: Study, name: str, other: str) -> Iterator[Value]:
        for year, summary in study.summaries(name):
            numbers = getattr(summary, attribute)
            for month, number in enumerate(numbers, 1):
                yield Value(year, month if len(numbers) > 1 else None, float(number))

    return check


def commonest(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of the values of a month that are the commonest one, zero apart."""
    for year, summary in study.summaries(name):
        count = summary.known * study.places.studied.sum()
        for month, share in enumerate(summary.commonest):
            if count[month] >= FEWEST_PLACES:
                yield Value(year, month + 1 if len(count) > 1 else None, float(share))


def _by_year(attribute: str) -> Check:
    def check(study: Study, name: str, other: str) -> Iterator[Value]:
        for year, summary in study.summaries(name):
            yield Value(year, None, float(getattr(summary, attribute)))

    return check


def share_known(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of vegetated land that has a value; where it is sunlit if there are months."""
    sunlit = study.places.sun[:, study.places.is_studied] >= SUNLIT
    for year, summary in study.summaries(name):
        known = np.isfinite(summary.values[:, study.places.is_studied])
        if len(known) == 1:
            yield Value(year, None, float(summary.known[0]))
            continue
        for month in range(MONTHS_PER_YEAR):
            if sunlit[month].sum() >= FEWEST_PLACES:
                yield Value(year, month + 1, float(known[month, sunlit[month]].mean()))


def share_ever_known(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of vegetated land that has a value in any month of any year."""
    known = np.isfinite(study.series(name, study.years(name))).any(axis=0)
    if known.size:
        yield Value(None, None, float(known.mean()))


def extent(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of open water that has a value, over that of vegetated land."""
    for year, summary in study.summaries(name):
        land, water = np.nanmean(summary.known), summary.known_on_water
        if np.isfinite(water).any() and land > 0:
            yield Value(year, None, float(np.nanmean(water) / land))


def spread_of_month(study: Study, name: str, other: str) -> Iterator[Value]:
    """Range over places, relative to the largest size."""
    for year, summary in study.summaries(name):
        here = summary.values[:, study.places.is_studied]
        for month, values in enumerate(here, 1):
            if np.isfinite(values).sum() >= FEWEST_PLACES:
                yield Value(year, month if len(here) > 1 else None, _relative_range(values))


def spread_of_year(study: Study, name: str, other: str) -> Iterator[Value]:
    """Range over places and months, relative to the largest size."""
    for year, summary in study.summaries(name):
        here = summary.values[:, study.places.is_studied]
        if np.isfinite(here).sum() >= FEWEST_PLACES:
            yield Value(year, None, _relative_range(here))


def spread_in_time(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of the places whose months differ, in each year."""
    for year, summary in study.summaries(name):
        here = summary.values[:, study.places.is_studied]
        known = np.isfinite(here).sum(axis=0) > 1
        if known.sum() >= FEWEST_PLACES:
            values = here[:, known]
            yield Value(year, None, float((np.nanmax(values, 0) > np.nanmin(values, 0)).mean()))


@cache
def base_variable(name: str) -> str:
    """Variable of which a name may be an alternative, such as lai for lai_copernicus."""
    try:
        return known_variable(name)[1]
    except InputError:
        return name


def typical(study: Study, name: str, other: str) -> Iterator[Value]:
    """Median, mean or half range of a year, whichever ``plausible_ranges.csv`` speaks of."""
    statistic = PLAUSIBLE[base_variable(name)].statistic
    for year, summary in study.summaries(name):
        here = summary.values[:, study.places.is_studied]
        known = here[np.isfinite(here)]
        if known.size >= FEWEST_PLACES:
            low, median, high = np.quantile(known, [0.01, 0.5, 0.99])
            number = {"median": median, "mean": known.mean(), "half_range": (high - low) / 2}
            yield Value(year, None, float(number[statistic]))


def repeated_months(study: Study, name: str, other: str) -> Iterator[Value]:
    """Number of earlier months or years with the same map, value by value."""
    seen: dict[str, int] = {}
    for year, summary in study.summaries(name):
        for month, digest in enumerate(summary.digests, 1):
            count = seen.get(digest, 0) if digest else 0
            yield Value(year, month if len(summary.digests) > 1 else None, count)
            seen[digest] = count + 1


def repeated_elsewhere(study: Study, name: str, other: str) -> Iterator[Value]:
    """Number of other variables with the same map, value by value, at any time."""
    mine = {digest for _, summary in study.summaries(name) for digest in summary.digests} - {""}
    names = {*study.static, *study.yearly} - {name}
    shared = sum(
        bool(mine & set(summary.digests)) for each in names for _, summary in study.summaries(each)
    )
    yield Value(None, None, shared)


def factor_beyond_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Factor by which a month's mean lies outside the range of other years at that time of year.

    The range is that of the same month and its neighbours, in all years but its own.
    """
    means = _monthly_means(study, name)
    floor = NEAR_ZERO * float(np.nanmean(means))
    for year, month, mean, low, high in _envelope(study, name, means):
        if floor > 0:
            # Below the floor a ratio means nothing.
            up = mean / max(high, floor)
            down = low / max(mean, floor / 1e3) if low > floor else 0.0
            yield Value(year, month, max(up, down))


def offset_beyond_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Distance of a month's mean from the range of other years at that time of the year."""
    for year, month, mean, low, high in _envelope(study, name, _monthly_means(study, name)):
        yield Value(year, month, float(max(mean - high, low - mean, 0)))


def worst_month_of_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Largest monthly mean of a year, over the largest of all other years."""
    years = _several_years(study, name)
    largest = np.nanmax(_monthly_means(study, name), axis=1)
    for number, year in enumerate(years):
        others = float(np.delete(largest, number).max())
        if others > 0:
            yield Value(year, None, float(largest[number] / others))


def size_of_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Root mean square of a year, over the median of the other years."""
    years = _several_years(study, name)
    size = np.array(
        [np.sqrt(np.nanmean(study.series(name, [year]).astype(float) ** 2)) for year in years]
    )
    for number, year in enumerate(years):
        others = float(np.nanmedian(np.delete(size, number)))
        if others > 0:
            yield Value(year, None, float(size[number] / others))


def zeros_beyond_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of zeros of a month, less the largest in the same month of other years."""
    yield from _beyond_other_years(study, name, lambda summary: summary.zero)


def gaps_beyond_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of vegetated land without a value, less the largest of the month in other years."""
    yield from _beyond_other_years(study, name, lambda summary: 1 - summary.known)


def pattern_of_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation over places of a month with the same month of the other years.

    It is relative to the usual correlation for that month, and left out where that is not clear.
    """
    years = _several_years(study, name)
    if len(years) < 3:
        raise NotComparable("fewer than three years")
    values = study.series(name, years)
    length = len(values) // len(years)
    fields = values.reshape(len(years), length, -1)
    others = statistics.means_of_others(fields)
    found = np.array(
        [
            [statistics.correlation_in_space(*pair) for pair in zip(f, o, strict=True)]
            for f, o in zip(fields, others, strict=True)
        ]
    )
    # One wrong year spoils the mean that others are compared with.
    usual = np.quantile(np.nan_to_num(found, nan=-1), 0.75, axis=0)
    for (number, month), correlation in np.ndenumerate(found):
        if usual[month] >= CLEAR_PATTERN and np.isfinite(correlation):
            position = month + 1 if length > 1 else None
            yield Value(years[number], position, float(correlation / usual[month]))


def another_month(study: Study, name: str, other: str) -> Iterator[Value]:
    """Distance from the same month of the other years, over that from the nearest other month.

    Months next to it do not count. It is left out where months of the year usually do not tell
    themselves apart.
    """
    years = _several_years(study, name)
    values = study.series(name, years)
    month = np.arange(MONTHS_PER_YEAR)
    apart = np.abs(month[:, None] - month)
    distant = np.minimum(apart, MONTHS_PER_YEAR - apart) >= 2
    fields = values.reshape(len(years), MONTHS_PER_YEAR, -1)
    found = np.full((len(years), MONTHS_PER_YEAR), np.nan)
    excess, between = np.zeros(found.shape), np.full(found.shape, np.nan)
    cycles = statistics.cycles_of_other_years(values)
    for number, (mine, cycle) in enumerate(zip(fields, cycles, strict=True)):
        distance = statistics.distances(mine, cycle)
        nearest = np.where(distant & np.isfinite(distance), distance, np.inf).min(axis=1)
        clear = (nearest > 0) & (nearest < np.inf)
        found[number, clear] = distance.diagonal()[clear] / nearest[clear]
        excess[number, clear] = (distance.diagonal() - nearest)[clear]
        between[number] = distance[month, (month + 6) % MONTHS_PER_YEAR]
    usual = float(np.nanmedian(found))
    if not usual <= CLEAR_CYCLE:
        raise NotComparable("months of the year hardly differ")
    # Months of the same winter are alike, whichever is nearest.
    clear = excess > CLEAR_EXCESS * np.nanmedian(between)
    for (number, position), ratio in np.ndenumerate(found):
        told = ratio if clear[number, position] else min(ratio, 1.0)
        yield Value(years[number], position + 1, float(told))


def shifted_year(study: Study, name: str, other: str) -> Iterator[Value]:
    """Distance of a year from the mean cycle of the others, over that from the best shifted one."""
    years = _several_years(study, name)
    values = study.series(name, years)
    fields = values.reshape(len(years), MONTHS_PER_YEAR, -1)
    month = np.arange(MONTHS_PER_YEAR)
    for year, mine, cycle in zip(
        years, fields, statistics.cycles_of_other_years(values), strict=True
    ):
        square = statistics.distances(mine, cycle) ** 2
        by_shift = [
            np.nanmean(square[month, (month + shift) % MONTHS_PER_YEAR])
            if np.isfinite(square[month, (month + shift) % MONTHS_PER_YEAR]).any()
            else np.nan
            for shift in month
        ]
        best = np.nanmin(by_shift[1:])
        if best > 0:
            yield Value(year, None, float(np.sqrt(by_shift[0] / best)))


def lag_behind_sun(study: Study, name: str, other: str) -> Iterator[Value]:
    """Median lag of the mean cycle behind the sun where the year has one summer, months."""
    years = study.years(name)
    where = np.abs(study.places.north[study.places.is_studied]) >= SEASONAL_LATITUDE
    if where.sum() < FEWEST_PLACES:
        raise NotComparable(f"less than {FEWEST_PLACES} cells poleward of {SEASONAL_LATITUDE:g}")
    sun = study.places.sun[:, study.places.is_studied][:, where]
    cycle = statistics.mean_cycle(study.series(name, years)[:, where])
    lag = statistics.seasonal_lag(cycle, sun)
    lag = lag[np.isfinite(lag)]
    if lag.size < FEWEST_PLACES:
        raise NotComparable("too few cells with a value in all months")
    median = _circular_median(lag)
    # Against the sun is six months behind, not before.
    yield Value(None, None, median if median > -3 else median + MONTHS_PER_YEAR)


def unevenness_of_cycle(study: Study, name: str, other: str) -> Iterator[Value]:
    """Largest distance of a month from the mean of its neighbours, over the range of the year.

    It is that of the mean of places where the year has one summer, for each year.
    """
    north = study.places.north[study.places.is_studied]
    for hemisphere in (north >= SEASONAL_LATITUDE, north <= -SEASONAL_LATITUDE):
        if hemisphere.sum() < FEWEST_PLACES:
            continue
        years = study.years(name)
        cycles = statistics.mean_of_known(study.series(name, years)[:, hemisphere], axis=1)
        for year, cycle in zip(years, cycles.reshape(-1, MONTHS_PER_YEAR), strict=True):
            apart = np.abs(cycle - (np.roll(cycle, 1) + np.roll(cycle, -1)) / 2)
            # December and January of a year are not neighbours.
            inside = apart[1:-1]
            if np.isfinite(inside).all() and np.ptp(cycle[np.isfinite(cycle)]) > 0:
                yield Value(year, None, float(inside.max() / np.ptp(cycle[np.isfinite(cycle)])))


def lag_behind(study: Study, name: str, other: str) -> Iterator[Value]:
    """Months by which a variable best follows another one, where the year has one summer."""
    seasonal = np.abs(study.places.north[study.places.is_studied]) >= SEASONAL_LATITUDE
    if seasonal.sum() < FEWEST_PLACES:
        raise NotComparable(f"less than {FEWEST_PLACES} cells poleward of {SEASONAL_LATITUDE:g}")
    first, second = (series[:, seasonal] for series in _pair(study, name, other))
    lags = range(-5, 7)
    correlation = statistics.correlation_at_lags(first, second, lags)
    if not np.isfinite(correlation).any() or np.nanmax(correlation) < 0.3:
        raise NotComparable("no clear relation at any lag")
    yield Value(None, None, float(lags[int(np.nanargmax(correlation))]))


def correlation_in_time(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation over months and places, once each place has lost its mean."""
    yield Value(None, None, statistics.correlation_in_time(*_pair(study, name, other)))


def joint_departures(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation of departures from the mean cycles, for each year."""
    if len(study.years(name, other)) < 2:
        raise NotComparable("fewer than two years")
    first, second = (statistics.departures(series) for series in _pair(study, name, other))
    for number, year in enumerate(study.years(name, other)):
        months = slice(MONTHS_PER_YEAR * number, MONTHS_PER_YEAR * (number + 1))
        known = np.isfinite(first[months]) & np.isfinite(second[months])
        if known.sum() >= FEWEST_PLACES:
            mine, others = first[months][known].astype(float), second[months][known].astype(float)
            yield Value(year, None, statistics.correlation_in_space(mine, others))


def joint_departures_of_month(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation over places of departures from the mean cycles, for each sunlit month."""
    years, found = _joint_departures(study, name, other)
    for (number, month), correlation in np.ndenumerate(found):
        yield Value(years[number], month + 1, float(correlation))


def usual_departures_of_month(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation of :func:`joint_departures_of_month`, over what is usual for the month."""
    years, found = _joint_departures(study, name, other)
    usual = float(np.nanmedian(found)) if np.isfinite(found).any() else np.nan
    if not abs(usual) >= CLEAR_RELATION:
        raise NotComparable("departures have little in common")
    for (number, month), correlation in np.ndenumerate(found):
        yield Value(years[number], month + 1, float(correlation / usual))


def usual_departures_of_year(study: Study, name: str, other: str) -> Iterator[Value]:
    """Annual median of the correlation of departures, over that of the other years."""
    years, found = _joint_departures(study, name, other)
    if len(years) < 3:
        raise NotComparable("fewer than three years")
    known = np.flatnonzero(np.isfinite(found).any(axis=1))
    years, found = [years[number] for number in known], found[known]
    if len(years) < 3:
        raise NotComparable("fewer than three years vary")
    medians = np.nanmedian(found, axis=1)
    for number, year in enumerate(years):
        usual = float(np.nanmedian(np.delete(medians, number)))
        if abs(usual) >= CLEAR_RELATION:
            yield Value(year, None, float(medians[number] / usual))


def months_beside(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation over places of a month with the mean of the months before and after."""
    years = study.years(name)
    values = study.series(name, years).astype(float)
    for month in range(1, len(values) - 1):
        if years[(month - 1) // 12] + 1 < years[(month + 1) // 12]:
            continue
        beside = (values[month - 1] + values[month + 1]) / 2
        known = np.isfinite(values[month]) & np.isfinite(beside)
        if known.sum() >= FEWEST_PLACES:
            correlation = statistics.correlation_in_space(values[month], beside)
            yield Value(years[month // 12], month % 12 + 1, correlation)


def zero_despite(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of places with nothing but zeros, where another variable is above its median."""
    years: list[int | None] = [*study.years(name)] or [None]
    measure = study.mean_map(other, study.years(other))
    high = np.isfinite(measure) & (measure > np.nanmedian(measure))
    for year in years:
        values = study.mean_map(name, [] if year is None else [year])
        known = high & np.isfinite(values)
        if known.sum() >= FEWEST_PLACES:
            yield Value(year, None, float((values[known] == 0).mean()))


def correlation_in_space(study: Study, name: str, other: str) -> Iterator[Value]:
    """Rank correlation over vegetated land of the mean maps."""
    yield Value(None, None, _rank_correlation(study, name, other, studied=True))


def correlation_over_land(study: Study, name: str, other: str) -> Iterator[Value]:
    """Rank correlation of the mean maps over all land, deserts included."""
    yield Value(None, None, _rank_correlation(study, name, other, studied=False))


def correlation_beside_latitude(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation over land of mean maps, once both have lost their dependence on latitude."""
    years = study.years(name, other)
    north = study.places.north
    first, second = (
        statistics.without(study.mean_map(each, years, studied=False), north, north**2)
        for each in (name, other)
    )
    if (np.isfinite(first) & np.isfinite(second)).sum() < FEWEST_PLACES:
        raise NotComparable("too few cells have both")
    yield Value(None, None, statistics.correlation_in_space(first, second))


def lapse_rate(study: Study, name: str, other: str) -> Iterator[Value]:
    """Change of a mean map over land with elevation, per km, beside latitude."""
    north = study.places.north
    values = study.mean_map(name, study.years(name), studied=False)
    height = np.where(np.isfinite(values), study.mean_map(other, [], studied=False), np.nan)
    if np.isfinite(height).sum() < FEWEST_PLACES:
        raise NotComparable("too few cells have both")
    rest, values = (statistics.without(each, north, north**2) for each in (height, values))
    known = np.isfinite(rest) & np.isfinite(values)
    close = statistics.correlation_in_space(rest, values) < -0.5
    if rest[known].std() < (LITTLE_RELIEF if close else RELIEF):
        raise NotComparable("the land is flat")
    yield Value(None, None, float(1000 * (rest * values)[known].sum() / (rest**2)[known].sum()))


def falls_poleward(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation over land of the mean map with radiation at the top of the atmosphere."""
    sun = study.places.sun.mean(axis=0)
    if np.ptp(sun) < CONTRAST_OF_SUN:
        raise NotComparable(f"radiation varies by less than {CONTRAST_OF_SUN:g} MJ m-2 day-1")
    values = study.mean_map(name, study.years(name), studied=False)
    yield Value(None, None, statistics.correlation_in_space(values, sun))


def typical_of_forest(study: Study, name: str, other: str) -> Iterator[Value]:
    """Median over forests."""
    values = study.mean_map(name, study.years(name))
    there = np.isfinite(values) & (study.mean_map("forest", []) >= FOREST)
    if there.sum() < FEWEST_PLACES:
        raise NotComparable("too few forests")
    yield Value(None, None, float(np.median(values[there])))


def zero_throughout(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of vegetated land with nothing but zeros in a year."""
    for year, summary in study.summaries(name):
        here = summary.values[:, study.places.is_studied]
        known = np.isfinite(here).any(axis=0)
        if known.any():
            zero = ((here == 0) | ~np.isfinite(here)).all(axis=0)
            yield Value(year, None, float(zero[known].mean()))


def share_vegetated(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of the land with a value that is vegetated by the land cover."""
    for year, summary in study.summaries(name):
        there = np.isfinite(summary.values).any(axis=0)
        if there.sum() >= FEWEST_PLACES:
            yield Value(year, None, float(study.places.is_studied[there].mean()))


def ratio_of_sizes(study: Study, name: str, other: str) -> Iterator[Value]:
    """Standard deviation over months and places, over that of another variable."""
    first, second = _pair(study, name, other)
    known = np.isfinite(first) & np.isfinite(second)
    if known.any() and second[known].std() > 0:
        yield Value(None, None, float(first[known].std() / second[known].std()))


def size_over_mean(study: Study, name: str, other: str) -> Iterator[Value]:
    """Standard deviation over months and places, over the mean of another variable."""
    values = study.series(name, study.years(name))
    mean = float(np.nanmean(study.mean_map(other, study.years(other))))
    if mean > 0:
        yield Value(None, None, float(np.nanstd(values)) / mean)


def ratio_of_means(study: Study, name: str, other: str) -> Iterator[Value]:
    """Mean over vegetated land of a variable over that of another, year by year."""
    periods: list[int | None] = [*study.years(name, other)] or [None]
    for year in periods:
        years = [] if year is None else [year]
        weight = np.cos(np.deg2rad(study.places.north[study.places.is_studied]))
        maps = [study.mean_map(each, years) for each in (name, other)]
        known = np.isfinite(maps[0]) & np.isfinite(maps[1])
        means = [float((values[known] * weight[known]).sum()) for values in maps]
        if known.any() and means[1] != 0:
            yield Value(year, None, means[0] / means[1])


def share_above(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of the values of a month that exceed those of another variable."""
    for year in study.years(name, other):
        first, second = (study.series(each, [year]) for each in (name, other))
        known = np.isfinite(first) & np.isfinite(second)
        for month in range(MONTHS_PER_YEAR):
            if known[month].any():
                above = first[month, known[month]] > second[month, known[month]]
                yield Value(year, month + 1, float(above.mean()))


def share_of_sun(study: Study, name: str, other: str) -> Iterator[Value]:
    """Median over sunlit places of radiation over that at the top of the atmosphere."""
    sun = study.places.sun[:, study.places.is_studied]
    for year in study.years(name):
        values = study.series(name, [year])
        for month in range(MONTHS_PER_YEAR):
            there = np.isfinite(values[month]) & (sun[month] >= SUNLIT)
            if there.sum() >= FEWEST_PLACES:
                share = np.median(values[month, there] / sun[month, there])
                yield Value(year, month + 1, float(share))


def moisture_of_air(study: Study, name: str, other: str) -> Iterator[Value]:
    """Median over places of the vapour pressure deficit over saturation at the highest warmth."""
    for year in study.years(name, other):
        deficit, warmest = (study.series(each, [year]).astype(float) for each in (name, other))
        share = deficit / saturation_over_water(warmest)
        for month, values in enumerate(share, 1):
            if np.isfinite(values).any():
                yield Value(year, month, float(np.nanmedian(values)))


def latent_heat(study: Study, name: str, other: str) -> Iterator[Value]:
    """Heat of evaporation over radiation, of the whole vegetated land, year by year."""
    for value in ratio_of_means(study, name, other):
        # 2.45 MJ evaporate a kilogram of water.
        yield value._replace(number=2.45 * value.number)


def sum_of_textures(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of vegetated land where sand, silt and clay are not 100 % together, within 5 %."""
    if not {"sand", "silt", "clay"} <= set(study.static):
        raise NotComparable("not all three are there")
    total = np.sum([study.mean_map(each, []) for each in ("sand", "silt", "clay")], axis=0)
    known = total[np.isfinite(total)]
    if known.size:
        yield Value(None, None, float((np.abs(known - 100) > 5).mean()))


def sum_of_cover(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of the land where all fractions of cover are not one together, within 0.05."""
    types = [*PREDICTOR_GROUPS["PFT"], "water"]
    total = np.sum([study.mean_map(each, [], studied=False) for each in types], axis=0)
    known = total[np.isfinite(total)]
    if known.size:
        yield Value(None, None, float((np.abs(known - 1) > 0.05).mean()))


def _storage_and_supply(study: Study, name: str, other: str) -> tuple[Array, Array]:
    if "et" not in study:
        raise NotComparable("et is missing")
    years = study.years(name, other, "et")
    if not years:
        raise NotComparable("no year in common")
    storage = study.series(name, years).astype(float)
    supply = study.series(other, years) - study.series("et", years)
    change = np.full(storage.shape, np.nan)
    change[1:-1] = storage[2:] - storage[:-2]
    return change, supply


def water_balance(study: Study, name: str, other: str) -> Iterator[Value]:
    """Correlation of changes of water storage with precipitation less evaporation.

    The change is that between the months before and after. Each place has lost its yearly mean.
    """
    change, supply = _storage_and_supply(study, name, other)
    for number, year in enumerate(study.years(name, other, "et")):
        months = slice(MONTHS_PER_YEAR * number, MONTHS_PER_YEAR * (number + 1))
        yield Value(year, None, statistics.correlation_in_time(change[months], supply[months]))


def storage_pattern(study: Study, name: str, other: str) -> Iterator[Value]:
    """Median over the months of a year of the correlation over places of the same.

    Mean cycles are taken away.
    """
    change, supply = (
        statistics.departures(part) for part in _storage_and_supply(study, name, other)
    )
    found = np.array(
        [statistics.correlation_in_space(*pair) for pair in zip(change, supply, strict=True)]
    ).reshape(-1, MONTHS_PER_YEAR)
    for number, year in enumerate(study.years(name, other, "et")):
        if np.isfinite(found[number]).sum() >= FEWEST_MONTHS:
            yield Value(year, None, float(np.nanmedian(found[number])))


def amplitude_in_space(study: Study, name: str, other: str) -> Iterator[Value]:
    """Rank correlation over places of the standard deviations of the mean cycles."""
    years = study.years(name, other)
    first, second = (
        statistics.mean_cycle(study.series(each, years)).std(axis=0) for each in (name, other)
    )
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() >= FEWEST_PLACES:
        yield Value(None, None, statistics.rank_correlation(first, second))


def stored_share(study: Study, name: str, other: str) -> Iterator[Value]:
    """Change of water storage for each millimetre of precipitation less evaporation."""
    change, supply = _storage_and_supply(study, name, other)
    known = np.isfinite(change) & np.isfinite(supply)
    change, supply = (np.where(known, values, np.nan) for values in (change, supply))
    change, supply = (values - np.nanmean(values, axis=0) for values in (change, supply))
    # Of two months.
    share = np.nansum(change * supply) / np.nansum(supply**2) / (2 * 30.4)
    if np.isfinite(share):
        yield Value(None, None, float(share))


def fire_without_burning(study: Study, name: str, other: str) -> Iterator[Value]:
    """Share of the emissions from cells in which nothing burned, of months with some fires."""
    for year in study.years(name, other):
        emitted, burned = (study.series(each, [year]).astype(float) for each in (name, other))
        for month in range(MONTHS_PER_YEAR):
            known = np.isfinite(emitted[month]) & np.isfinite(burned[month])
            fires = known & (burned[month] > 0)
            total = emitted[month, known].sum()
            if total > 0 and fires.sum() >= FEWEST_FIRES:
                yield Value(year, month + 1, float(1 - emitted[month, fires].sum() / total))


def relief(study: Study, name: str, other: str) -> Iterator[Value]:
    """Standard deviation over the land."""
    yield Value(None, None, float(np.nanstd(study.mean_map(name, [], studied=False))))


def month_size_beyond_other_years(study: Study, name: str, other: str) -> Iterator[Value]:
    """Factor by which a month's root mean square leaves that of its time in other years."""
    years = _several_years(study, name)
    values = study.series(name, years).astype(float)
    size = np.sqrt(statistics.mean_of_known(values**2, axis=1)).reshape(len(years), -1)
    for year, month, mine, low, high in _envelope(study, name, size):
        if low > 0:
            yield Value(year, month, mine / high if mine > high else low / max(mine, low / 1e4))


CHECKS: Mapping[str, Check] = {
    "share known": share_known,
    "share ever known": share_ever_known,
    "share vegetated": share_vegetated,
    "zeros": _by_month("zero"),
    "zero throughout": zero_throughout,
    "zero despite": zero_despite,
    "detail": _by_year("detail"),
    "known on water": extent,
    "lowest": _by_year("lowest"),
    "highest": _by_year("highest"),
    "infinite": _by_year("infinite"),
    "typical": typical,
    "commonest": commonest,
    "spread of month": spread_of_month,
    "spread of year": spread_of_year,
    "spread in time": spread_in_time,
    "neighbours": _by_year("neighbours"),
    "repeated": repeated_months,
    "same elsewhere": repeated_elsewhere,
    "factor beyond other years": factor_beyond_other_years,
    "offset beyond other years": offset_beyond_other_years,
    "worst month of other years": worst_month_of_other_years,
    "relief": relief,
    "month size beyond other years": month_size_beyond_other_years,
    "size of other years": size_of_other_years,
    "zeros beyond other years": zeros_beyond_other_years,
    "gaps beyond other years": gaps_beyond_other_years,
    "pattern of other years": pattern_of_other_years,
    "another month": another_month,
    "shifted year": shifted_year,
    "lag behind sun": lag_behind_sun,
    "unevenness of cycle": unevenness_of_cycle,
    "lag": lag_behind,
    "correlation in time": correlation_in_time,
    "joint departures": joint_departures,
    "joint departures of month": joint_departures_of_month,
    "usual departures of month": usual_departures_of_month,
    "usual departures of year": usual_departures_of_year,
    "months beside": months_beside,
    "correlation in space": correlation_in_space,
    "correlation over land": correlation_over_land,
    "correlation beside latitude": correlation_beside_latitude,
    "lapse rate": lapse_rate,
    "falls poleward": falls_poleward,
    "typical of forest": typical_of_forest,
    "ratio": ratio_of_means,
    "ratio of sizes": ratio_of_sizes,
    "size over mean": size_over_mean,
    "share above": share_above,
    "share of sun": share_of_sun,
    "moisture of air": moisture_of_air,
    "latent heat": latent_heat,
    "sum of textures": sum_of_textures,
    "sum of cover": sum_of_cover,
    "water balance": water_balance,
    "storage pattern": storage_pattern,
    "stored share": stored_share,
    "amplitude in space": amplitude_in_space,
    "fire without burning": fire_without_burning,
}
"""Comparisons by their names in the table."""


def _joint_departures(study: Study, name: str, other: str) -> tuple[list[int], Array]:
    """Years, and correlations over places of departures from the mean cycles, shape (year, 12)."""
    years = study.years(name, other)
    if len(years) < 2:
        raise NotComparable("fewer than two years")
    sunlit = study.places.sun[:, study.places.is_studied] >= SUNLIT
    first, second = (statistics.departures(series) for series in _pair(study, name, other))
    found = np.full((len(years), MONTHS_PER_YEAR), np.nan)
    for row, month in np.ndindex(found.shape):
        position = MONTHS_PER_YEAR * row + month
        there = sunlit[month] & np.isfinite(first[position]) & np.isfinite(second[position])
        if there.sum() >= FEWEST_PLACES:
            found[row, month] = statistics.correlation_in_space(
                first[position, there], second[position, there]
            )
    return years, found


def _relative_range(values: Array) -> float:
    size = float(np.nanmax(np.abs(values)))
    return float(np.nanmax(values) - np.nanmin(values)) / size if size > 0 else 0.0


def _several_years(study: Study, name: str) -> list[int]:
    years = study.years(name)
    if study.places.studied.sum() < FEWEST_PLACES:
        raise NotComparable(f"fewer than {FEWEST_PLACES} cells of vegetated land")
    if len(years) < 2:
        raise NotComparable("fewer than two years")
    return years


def _pair(study: Study, name: str, other: str) -> tuple[Array, Array]:
    years = study.years(name, other)
    if not years:
        raise NotComparable("no year in common")
    return study.series(name, years), study.series(other, years)


def _monthly_means(study: Study, name: str) -> Array:
    """Means over vegetated land, shape (year, 12 or 1), of places that are known in any month."""
    years = _several_years(study, name)
    weight = np.cos(np.deg2rad(study.places.north[study.places.is_studied]))
    means = statistics.mean_of_known(study.series(name, years), axis=1, weight=weight)
    return means.reshape(len(years), -1)


def _envelope(
    study: Study, name: str, means: Array
) -> Iterator[tuple[int, int | None, float, float, float]]:
    """Year, month, mean, and the range of that time of the year in the other years."""
    months = means.shape[1]
    around = np.stack([means, np.roll(means, 1, axis=1), np.roll(means, -1, axis=1)])
    for number, year in enumerate(study.years(name)):
        others = np.delete(around, number, axis=1).reshape(-1, months)
        for month in range(months):
            column = others[np.isfinite(others[:, month]), month]
            if column.size and np.isfinite(means[number, month]):
                position = month + 1 if months > 1 else None
                mean, low, high = map(float, (means[number, month], column.min(), column.max()))
                yield year, position, mean, low, high


def _beyond_other_years(
    study: Study, name: str, share_of: Callable[[Summary], Array]
) -> Iterator[Value]:
    """A share of each month, less the largest in the same month of other years."""
    years = _several_years(study, name)
    shares = np.array([share_of(study.yearly[name][year]) for year in years])
    for number, year in enumerate(years):
        for month, share in enumerate(shares[number] - np.delete(shares, number, 0).max(axis=0), 1):
            yield Value(year, month if shares.shape[1] > 1 else None, float(share))


def _circular_median(lag: Array) -> float:
    """Median of lags on a circle of twelve months, -6 to 6."""
    turn = np.exp(2j * np.pi * lag / MONTHS_PER_YEAR)
    middle = np.angle(turn.mean()) * MONTHS_PER_YEAR / (2 * np.pi)
    around = (lag - middle + 6) % MONTHS_PER_YEAR - 6
    return float((middle + np.median(around) + 6) % MONTHS_PER_YEAR - 6)


def _rank_correlation(study: Study, name: str, other: str, *, studied: bool) -> float:
    years = study.years(name, other)
    first, second = (study.mean_map(each, years, studied=studied) for each in (name, other))
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < FEWEST_PLACES:
        raise NotComparable("too few cells have both")
    return statistics.rank_correlation(first, second)

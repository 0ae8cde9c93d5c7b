"""Input of the comparisons: summaries of each year, and values at a sample of land cells.

Files are read one at a time, so that the globe at full length fits into the memory of a job.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from differland.consistency.statistics import (
    Array,
    commonest_share,
    insolation,
    mean_of_known,
    neighbour_correlation,
)
from differland.datasets.land_cover import vegetated_land
from differland.driver import MONTHS_PER_YEAR
from differland.files import open_verified
from differland.regridding.raw_fields import DETAIL
from differland.regridding.study_grid import PATCH_GRID, patch_number

Mask = npt.NDArray[np.bool_]

LARGEST_SAMPLE = 30_000
"""Land cells whose values are kept; of more, every second, third, ... one in the grid's order."""

FORESTS = (
    "needleleaf_forest",
    "deciduous_broadleaf_forest",
    "evergreen_broadleaf_forest",
    "mixed_forest",
)

OPEN_WATER = 0.9
"""Water share of a cell from which nothing that grows on land is expected there."""


@dataclass(frozen=True, eq=False)
class Places:
    """Cells of the study's window.

    Attributes
    ----------
    latitude, longitude
        Latitudes and longitudes of all cells, degrees, shape (row, column).
    studied
        Whether a cell is vegetated land, shape (row, column).
    water
        Whether a cell is open water, shape (row, column).
    sample
        Positions of the land cells whose values are kept, in the flattened grid.
    cover
        Fractions of land cover in the sample, by name; ``forest`` is all that are forests.
    """

    latitude: Array
    longitude: Array
    studied: Mask
    water: Mask
    sample: npt.NDArray[np.intp]
    cover: Mapping[str, Array]

    @classmethod
    def from_land_cover(cls, file: Path, domain: Mapping[str, float]) -> "Places":
        """Make the places from the gridded land cover.

        Parameters
        ----------
        file
            Gridded file of the product ``mcd12c1``.
        domain
            The section ``raw.domain`` of the configuration.
        """
        with open_verified(file) as dataset:
            names = [str(n) for n in dataset.data_vars if "bnds" not in dataset[n].dims]
            cover = {name: dataset[name].to_numpy() for name in names}
            return cls.of_cover(cover, dataset["lat"].to_numpy(), dataset["lon"].to_numpy(), domain)

    @classmethod
    def of_cover(
        cls,
        cover: Mapping[str, Array],
        latitude: Array,
        longitude: Array,
        domain: Mapping[str, float],
    ) -> "Places":
        """Make the places from fractions of land cover.

        Parameters
        ----------
        cover
            Cover fractions by name, ``water`` among them, each of shape (row, column).
        latitude, longitude
            Latitudes of rows and longitudes of columns, degrees.
        domain
            The section ``raw.domain`` of the configuration.
        """
        forest = np.sum([cover[name] for name in FORESTS], axis=0)
        studied = vegetated_land(cover["water"], cover["nonvegetated"], **domain)
        land = np.flatnonzero(studied | (cover["water"] <= domain["maximum_water"]))
        sample = land[:: -(-land.size // LARGEST_SAMPLE) or 1]
        return cls(
            *np.meshgrid(latitude, longitude, indexing="ij"),
            studied,
            cover["water"] >= OPEN_WATER,
            sample,
            {name: values.flat[sample] for name, values in {**cover, "forest": forest}.items()},
        )

    @cached_property
    def north(self) -> Array:
        """Latitude of the sample, degrees."""
        return self.latitude.flat[self.sample].astype(float)

    @cached_property
    def is_studied(self) -> Mask:
        """Whether each cell of the sample is vegetated land."""
        return self.studied.flat[self.sample]

    @cached_property
    def patches(self) -> int:
        """Number of patches of 4 x 5 degrees that have vegetated land."""
        here = self.studied
        return np.unique(patch_number(self.latitude[here], self.longitude[here], PATCH_GRID)).size

    @cached_property
    def sun(self) -> Array:
        """Radiation at the top of the atmosphere over the sample, MJ m-2 day-1, shape (12, n)."""
        return insolation(self.north)


@dataclass(frozen=True, eq=False)
class Summary:
    """Summary of a variable in one year, or of one that does not change.

    Attributes
    ----------
    product
        Product that the variable comes from.
    values
        Values at the sample, shape (12 or 1, place), NaN where there is none.
    lowest, highest
        Lowest and highest value on vegetated land; NaN without any value.
    infinite
        Number of infinite values.
    known, known_on_water
        Shares of the cells of vegetated land, and of open water, that have a value, by month; NaN
        where there are no such cells.
    zero
        Share of the values of vegetated land that are zero, by month.
    commonest
        Share of the values of vegetated land that are the commonest one, zero apart, by month.
    digests
        Digests of the whole map by month; empty for a map of one value or none.
    neighbours
        Correlation of adjacent cells of the mean map.
    detail
        Number of distinct values over number of values, in the provider's numbers of a month; NaN
        where not known.
    """

    product: str
    values: Array
    lowest: float
    highest: float
    infinite: int
    known: Array
    known_on_water: Array
    zero: Array
    commonest: Array
    digests: tuple[str, ...]
    neighbours: float
    detail: float


def summarise(product: str, values: Array, places: Places, detail: float = np.nan) -> Summary:
    """Summarise a variable in one year.

    Parameters
    ----------
    product
        Product that the variable comes from.
    values
        Values of shape (12, row, column), or (row, column) for a variable constant within the year.
    places
        Cells of the window.
    detail
        Distinct values over values, an attribute of the gridded variable
        (:data:`differland.regridding.raw_fields.DETAIL`).
    """
    maps = values.reshape(-1, *places.studied.shape)
    infinite = np.isinf(maps)
    maps = np.where(infinite, np.nan, maps)
    here = maps[:, places.studied]
    known = np.isfinite(here)
    wet = np.isfinite(maps[:, places.water])
    count = known.sum(axis=1)
    some = known.any()
    return Summary(
        product,
        maps.reshape(len(maps), -1)[:, places.sample].astype(np.float32),
        float(np.nanmin(here)) if some else np.nan,
        float(np.nanmax(here)) if some else np.nan,
        int(infinite.sum()),
        _share(count, here.shape[1]),
        _share(wet.sum(axis=1), wet.shape[1]),
        _share(((here == 0) & known).sum(axis=1), count),
        np.array([commonest_share(month) for month in here]),
        tuple(_digest(month) for month in maps),
        neighbour_correlation(mean_of_known(maps, axis=0)),
        detail,
    )


@dataclass(eq=False)
class Study:
    """All gridded products of a study.

    Attributes
    ----------
    places
        Cells of the window.
    static
        Summary by variable, of those that do not change.
    yearly
        Summaries by variable and year.
    """

    places: Places
    static: dict[str, Summary] = field(default_factory=dict)
    yearly: dict[str, dict[int, Summary]] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.static or name in self.yearly or name in self.places.cover

    def add(self, name: str, year: int | None, summary: Summary) -> None:
        """Add a variable of a year, or one that does not change (None)."""
        if year is None:
            self.static[name] = summary
        else:
            self.yearly.setdefault(name, {})[year] = summary

    def years(self, *names: str) -> list[int]:
        """Years that all of some variables have, in order; those that do not change apart."""
        sets = [set(self.yearly[name]) for name in names if name in self.yearly]
        return sorted(set.intersection(*sets)) if sets else []

    def is_monthly(self, name: str) -> bool:
        """Whether a variable has a value for each month."""
        return any(len(s.values) == MONTHS_PER_YEAR for s in self.yearly.get(name, {}).values())

    def series(self, name: str, years: Sequence[int], studied: bool = True) -> Array:
        """Values of the sample in some years.

        Parameters
        ----------
        name
            Name of a variable with yearly files.
        years
            Years to read, all of which the variable has.
        studied
            Whether only cells of vegetated land are wanted.

        Returns
        -------
        Values, shape (month, place), or (year, place) for an annual variable.
        """
        values = np.concatenate([self.yearly[name][year].values for year in years])
        return values[:, self.places.is_studied] if studied else values

    def mean_map(self, name: str, years: Sequence[int], studied: bool = True) -> Array:
        """Mean over some years of the sample, shape (place,); that of a static variable as it is.

        NaN where less than half of the months have a value.
        """
        if name in self.yearly:
            values = np.concatenate([self.yearly[name][year].values for year in years])
            enough = 2 * np.isfinite(values).sum(axis=0) >= len(values)
            result = np.where(enough, mean_of_known(values, axis=0), np.nan)
        else:
            fixed = self.static[name].values[0] if name in self.static else self.places.cover[name]
            result = fixed.astype(float)
        return result[self.places.is_studied] if studied else result

    def product(self, name: str, year: int | None = None) -> str:
        """Product that a variable comes from, in a year or in all."""
        if name in self.static:
            return self.static[name].product
        if name not in self.yearly:
            return ""
        products = {y: summary.product for y, summary in self.yearly[name].items()}
        return products[year] if year in products else ", ".join(dict.fromkeys(products.values()))

    def summaries(self, name: str) -> Iterator[tuple[int | None, Summary]]:
        """Summaries of a variable with their years, None for one that does not change."""
        if name in self.static:
            yield None, self.static[name]
        yield from sorted(self.yearly.get(name, {}).items())


def read_study(
    static: Mapping[str, Path],
    yearly: Mapping[str, Mapping[int, Path]],
    domain: Mapping[str, float],
) -> Study:
    """Read all gridded products of a study, file by file.

    Parameters
    ----------
    static, yearly
        Files of gridded products by name, and by name and year; ``mcd12c1`` is among the former.
    domain
        The section ``raw.domain`` of the configuration.

    Raises
    ------
    InputError
        A file does not match its checksum.
    """
    study = Study(Places.from_land_cover(static["mcd12c1"], domain))
    for product, file in static.items():
        add_file(study, product, None, file)
    for product, files in yearly.items():
        for year, file in files.items():
            add_file(study, product, year, file)
    return study


def add_file(study: Study, product: str, year: int | None, file: Path) -> None:
    """Add the variables of a gridded file to a study.

    Parameters
    ----------
    study
        Study to which the variables are added.
    product, year
        Product and year of the file; None for a product that does not change.
    file
        Path of the file.
    """
    with open_verified(file, cache=False) as dataset:
        for name in map(str, dataset.data_vars):
            if "bnds" in dataset[name].dims:
                continue
            detail = float(dataset[name].attrs.get(DETAIL, np.nan))
            summary = summarise(product, dataset[name].to_numpy(), study.places, detail)
            study.add(name, year, summary)


def _share(part: npt.NDArray[np.integer], whole: npt.NDArray[np.integer] | int) -> Array:
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _digest(values: Array) -> str:
    known = values[np.isfinite(values)]
    if known.size < 2 or known.min() == known.max():
        return ""
    return hashlib.sha256(np.ascontiguousarray(values, np.float32).tobytes()).hexdigest()

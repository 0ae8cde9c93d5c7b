"""Flux towers of a synthetic planet: good ones, and those that a study has to leave out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from differland.driver import PATCH_DIMENSION
from differland.synthetic.planet import CELL, observed
from differland.tables import PREDICTOR_GROUPS

Network = Literal["FLUXNET2015", "AmeriFlux", "ICOS"]

IGBP = {
    "needleleaf_forest": "ENF",
    "deciduous_broadleaf_forest": "DBF",
    "evergreen_broadleaf_forest": "EBF",
    "mixed_forest": "MF",
    "shrubland": "OSH",
    "savanna": "WSA",
    "grassland": "GRA",
    "wetland": "WET",
    "cropland": "CRO",
}
"""Abbreviation that a site under a plant type has."""

FLUXES = ("gpp_site", "reco_site", "et_site")

REPRESENTATIVE_SHARE, FOREIGN_SHARE = 0.4, 0.05
"""Of a cell's area under the type of a site: at least, or at most if it does not represent it."""

FOREIGN_SITES = 0.2
"""Share of the sites that do not represent their cells."""

SMALLEST_QUALITY = 0.7
"""Share of a month that has to be measured or well filled."""

POOR_SHARE, MISSING_SHARE = 0.12, 0.04
"""Shares of the months whose gaps are too long, and that are missing."""

SHORTEST_RECORD = 13
"""Months of each flux that a site needs."""

YOUNG_RECORD = 10
"""Months of a site that is too young."""

EDGE = 0.02
"""Degrees that sites keep off the edges of their cells."""


@dataclass(frozen=True, eq=False)
class Site:
    """A flux tower.

    Attributes
    ----------
    name, network
        Name of the site and of its network.
    cell
        Position of its cell in the driver.
    latitude, longitude
        Location of the site, degrees north and east.
    igbp
        Abbreviation of the IGBP class of the vegetation.
    representative
        Whether the cell's vegetation is like that of the site.
    fluxes
        ``gpp_site``, ``reco_site`` (gC m-2 day-1), ``et_site`` (mm day-1), by month; NaN where
        missing. Those of poor quality are wrong.
    carbon_quality, heat_quality
        Share of each month that was measured or well filled.
    """

    name: str
    network: Network
    cell: int
    latitude: float
    longitude: float
    igbp: str
    representative: bool
    fluxes: Mapping[str, np.ndarray]
    carbon_quality: np.ndarray
    heat_quality: np.ndarray

    def good(self, name: str) -> np.ndarray:
        """Months of a flux, NaN where they are not good enough."""
        quality = self.heat_quality if name == "et_site" else self.carbon_quality
        return np.where(quality >= SMALLEST_QUALITY, self.fluxes[name], np.nan)

    @property
    def usable(self) -> bool:
        """Whether a study keeps the site."""
        known = [np.isfinite(self.good(name)).sum() for name in FLUXES]
        return self.representative and min(known) >= SHORTEST_RECORD


@dataclass(frozen=True, eq=False)
class Sites:
    """All flux towers.

    Attributes
    ----------
    months
        Months of the records.
    sites
        All sites.
    """

    months: pd.PeriodIndex
    sites: list[Site] = field(default_factory=list)

    def on_cells(self, cells: int) -> dict[str, np.ndarray]:
        """Means of the usable sites of each cell, shape (cell, month), NaN where there are none."""
        result = {}
        for name in FLUXES:
            total, count = np.zeros((2, cells, len(self.months)))
            for site in self.sites:
                if site.usable:
                    values = site.good(name)
                    total[site.cell] += np.nan_to_num(values)
                    count[site.cell] += np.isfinite(values)
            result[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return result

    def names_of_cells(self, cells: int) -> np.ndarray:
        """Names of the usable sites of each cell, separated by blanks; empty without any."""
        names: list[list[str]] = [[] for _ in range(cells)]
        for site in self.sites:
            if site.usable:
                names[site.cell].append(site.name)
        return np.array([" ".join(sorted(here)) for here in names])


def draw_sites(
    count: int,
    driver: xr.Dataset,
    series: Mapping[str, Any],
    months: pd.PeriodIndex,
    noise: float,
    rng: np.random.Generator,
) -> Sites:
    """Place flux towers in cells, and draw their measurements.

    A fifth of them stands under plants that are rare around them. The first two share a cell, and
    the third is young.

    Parameters
    ----------
    count
        Number of sites.
    driver
        Driver with the plant types of the cells.
    series
        Model output, from :func:`differland.synthetic.planet.live`.
    months
        Months of the driver.
    noise
        Standard deviation of the noise over that of the observed variable.
    rng
        Random generator of all draws.
    """
    types = [name for name in PREDICTOR_GROUPS["PFT"] if name != "nonvegetated"]
    cover = np.stack([driver[name].to_numpy() for name in types])
    patch = driver[PATCH_DIMENSION].to_numpy()
    measured = {name: observed(name, series, patch, noise, rng) for name in FLUXES}
    candidates = np.flatnonzero(
        (cover.max(axis=0) >= REPRESENTATIVE_SHARE) & (cover.min(axis=0) <= FOREIGN_SHARE)
    )
    cells = rng.permutation(candidates)[:count]
    cells[1:2] = cells[:1]
    networks: tuple[Network, ...] = ("FLUXNET2015", "AmeriFlux", "ICOS")
    foreign = count - round(FOREIGN_SITES * count)
    sites = []
    for number, cell in enumerate(cells):
        representative = number < foreign
        kind = int(cover[:, cell].argmax() if representative else cover[:, cell].argmin())
        carbon, heat = rng.uniform(0.75, 1, size=(2, len(months)))
        fluxes = {}
        # Towers in one cell differ.
        own = 1 + 0.05 * rng.normal()
        for name in FLUXES:
            fluxes[name] = own * measured[name][cell]
        for quality, names in ((carbon, FLUXES[:2]), (heat, FLUXES[2:])):
            poor = rng.uniform(size=quality.size) < POOR_SHARE
            missing = rng.uniform(size=quality.size) < MISSING_SHARE
            if number == 2:
                missing[:-YOUNG_RECORD] = True
            quality[poor] = rng.uniform(0.1, 0.65, size=int(poor.sum()))
            quality[missing] = 0
            for name in names:
                fluxes[name] = np.where(poor, 0.3 * fluxes[name] + 1, fluxes[name])
                fluxes[name][missing] = np.nan
        offset = rng.uniform(-CELL / 2 + EDGE, CELL / 2 - EDGE, size=2)
        network = networks[number % len(networks)]
        sites.append(
            Site(
                f"SY-{network[0]}{number:02d}",
                network,
                int(cell),
                float(driver["lat"][cell] + offset[0]),
                float(driver["lon"][cell] + offset[1]),
                IGBP[types[kind]],
                representative,
                fluxes,
                carbon,
                heat,
            )
        )
    return Sites(months, sites)

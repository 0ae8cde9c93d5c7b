"""Flux towers: gradients among their means, and skill by how well they represent their cells.

Formulas: docs/metrics.md, "Flux towers".
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from differland.errors import InputError
from differland.metrics import MINIMUM_PAIRS, skill, targets_of_driver
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES

SITE_TARGETS = tuple(name for name, row in OBSERVABLES.items() if row.support == "site")

SPLITS = ("all", "train", "test")

PLACE = ("site", "lat", "lon")

SITE_SKILLS = ("correlation", "R2", "rmse", "mae", "slope")


TEXTS = ["site", "name", "network", "igbp", "plant_type", "split", "development_seeds", "reason"]
"""Columns of the table of sites that are texts."""


def read_site_table(path: Path | str) -> pd.DataFrame:
    """Read ``sites.csv``, written by `differland.analysis.site_table.tabulate_sites`."""
    table = pd.read_csv(
        path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""]
    )
    table[TEXTS] = table[TEXTS].fillna("")
    return table


def read_towers(sites: Path | str, fluxes: Path | str | None) -> "Towers | None":
    """Read the sites and the observations of each; None where these are not known one by one."""
    return Towers(read_site_table(sites), pd.read_csv(fluxes)) if fluxes else None


class Towers(NamedTuple):
    """Sites and the observations of each, where these are known one by one.

    Attributes
    ----------
    sites
        Table of sites, from `differland.analysis.site_table.tabulate_sites`.
    fluxes
        Monthly fluxes, from `differland.datasets.towers.read_towers`, ``month`` as text or period.
    """

    sites: pd.DataFrame
    fluxes: pd.DataFrame

    def observed(
        self, flux: str, least_cover: float, months: pd.PeriodIndex
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Sites of a variable of the driver, and the observations of each.

        Parameters
        ----------
        flux
            ``gpp_site``, ``reco_site`` or ``et_site``.
        least_cover
            Share of the cell that the plant type of a site must cover, 0 to 1.
        months
            Months of the driver.

        Returns
        -------
        Rows of `sites`, and values of shape (site, month), NaN where there is none.
        """
        held = self.sites[self.sites["candidate"] & (self.sites["cover"] >= least_cover)]
        chosen = self.fluxes[self.fluxes["site"].isin(held["site"])]
        chosen = chosen.assign(month=pd.PeriodIndex(chosen["month"], freq="M"))
        table = chosen.pivot(index="site", columns="month", values=flux)
        return held, table.reindex(index=held["site"], columns=months).to_numpy(float)


def compare_sites(
    driver: xr.Dataset,
    patches: xr.Dataset,
    simulation: xr.Dataset,
    observations: Mapping[str, str | None] = OBSERVED_VARIABLES,
    representativeness: float | None = None,
    spin_up_months: int = 24,
    towers: Towers | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the ensemble mean with flux towers (paper, Results and Fig. S21).

    Means of a site are over the months after the spin-up in which it is observed, of model and
    observation alike. Months that a site lacks make its mean that of a season perhaps, which the
    comparison survives and the number itself does not.

    Parameters
    ----------
    driver, patches, simulation
        ``driver.nc``, ``patches.nc`` and the ``simulation.nc`` of an ensemble. Cells of patches
        that were left out of the study do not count.
    observations
        Driver variable by target. Variables such as ``gpp_site_50percent`` hold the sites whose
        plant type covers at least that part of the cell; all that the driver has are compared.
    representativeness
        Least share of the cell, 0 to 1, that the site's plant type covers in the target's own
        variable; None where it is not known.
    spin_up_months
        Months at the start that do not count, whole years.
    towers
        Sites and the observations of each. Sites that share a cell are then compared one by one
        with the model of that cell; without, the mean of the sites of a cell is.

    Returns
    -------
    means : DataFrame
        One row per target, threshold and site (or cell, see `towers`): target, observations,
        representativeness, site, lat, lon, split, months; observed and modelled, in ``units``.
    skills : DataFrame
        Columns target, observations, representativeness, split (all, train, test), domain, sites,
        n, correlation, R2, rmse, mae, slope, units. Domains: space is the means of the sites,
        space-time all months of all sites, time the median over sites of the skill in time. NaN
        where there are fewer than three pairs.

    Raises
    ------
    InputError
        The simulation is of other cells than the driver.
    """
    if simulation.sizes["cell"] != driver.sizes["cell"]:
        source = simulation.encoding.get("source", "simulation.nc")
        expected = f"{driver.sizes['cell']} cells, as the driver"
        raise InputError(source, "cell", expected, f"{simulation.sizes['cell']}")
    number = driver["patch"].to_numpy()
    held_out = np.isin(number, patches["number"].to_numpy()[patches["test"].to_numpy() == 1])
    used = np.isin(number, patches["number"].to_numpy())

    means, skills = [], []
    for target, variable, cover in _thresholds(driver, observations, representativeness):
        places, observed = (
            _observed_in_cells(driver, target, variable)
            if towers is None
            else _observed_at_sites(driver, target, cover, towers)
        )
        observed = observed[:, spin_up_months:]
        some = np.isfinite(observed).any(axis=1) & used[places["cell"]]
        places, observed = places[some], observed[some]
        seen = places["cell"].to_numpy()
        series = simulation[OBSERVABLES[target].quantity].to_numpy()[seen]
        modelled = np.where(np.isfinite(observed), series[:, spin_up_months:], np.nan)
        key = {"target": target, "observations": variable, "representativeness": cover}
        units = simulation[OBSERVABLES[target].quantity].attrs.get("units", "")
        means.append(
            pd.DataFrame(
                {
                    **key,
                    **{name: places[name].to_numpy() for name in PLACE},
                    "split": np.where(held_out[seen], "test", "train"),
                    "months": np.isfinite(observed).sum(axis=1),
                    "observed": np.nanmean(observed, axis=1),
                    "modelled": np.nanmean(modelled, axis=1),
                    "units": units,
                }
            )
        )
        for row in _skills(observed, modelled, held_out[seen]):
            skills.append({**key, **row, "units": units})
    keys = ["target", "observations", "representativeness"]
    columns = [*keys, "split", "domain", "sites", "n", *SITE_SKILLS, "units"]
    names = [*keys, *PLACE, "split", "months", "observed", "modelled", "units"]
    return (
        pd.concat(means) if means else pd.DataFrame(columns=names),
        pd.DataFrame(skills, columns=columns),
    )


def _observed_in_cells(
    driver: xr.Dataset, target: str, variable: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells with towers, and their observations (cell, month)."""
    # Towers are in few cells.
    cells = np.flatnonzero(np.isfinite(driver[variable].to_numpy()).any(axis=1))
    here = driver.isel(cell=cells)
    places = pd.DataFrame({"site": "", "lat": here["lat"], "lon": here["lon"], "cell": cells})
    if "site" in driver.variables:
        places["site"] = here["site"].to_numpy().astype(str)
    return places, targets_of_driver(here, None, {target: variable}, 0)[0].observed


def _observed_at_sites(
    driver: xr.Dataset, target: str, cover: float, towers: Towers
) -> tuple[pd.DataFrame, np.ndarray]:
    """Sites that a variable of the driver holds, and their observations (site, month)."""
    months = pd.PeriodIndex(driver.indexes["time"], freq="M")
    sites, observed = towers.observed(target, cover, months)
    return sites.rename(columns={"latitude": "lat", "longitude": "lon"}), observed


def _thresholds(
    driver: xr.Dataset, observations: Mapping[str, str | None], own: float | None
) -> Iterator[tuple[str, str, float]]:
    """Target, variable and least cover of all observations of towers, the target's own first."""
    for target in SITE_TARGETS:
        variable = observations.get(target)
        if variable is None or variable not in driver:
            continue
        pattern = re.compile(rf"{re.escape(target)}_(\d+(?:\.\d+)?)percent")
        chosen = pattern.fullmatch(variable)
        least = float(chosen[1]) / 100 if chosen else own
        yield target, variable, np.nan if least is None else least
        others = [match for name in driver.data_vars if (match := pattern.fullmatch(str(name)))]
        for match in sorted(others, key=lambda match: float(match[1])):
            if match[0] != variable:
                yield target, match[0], float(match[1]) / 100


def _skills(
    observed: np.ndarray, modelled: np.ndarray, held_out: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Skill of the sites of each split, in each domain; shapes (site, month) and (site,)."""
    for split in SPLITS:
        chosen = {"all": np.ones_like(held_out), "train": ~held_out, "test": held_out}[split]
        o, m = observed[chosen], modelled[chosen]
        if not chosen.any():
            continue
        key = {"split": split, "sites": int(chosen.sum())}
        every = skill(o.ravel(), m.ravel())
        space = skill(np.nanmean(o, axis=1), np.nanmean(m, axis=1))
        in_time = skill(o, m)
        known = in_time["n"] >= MINIMUM_PAIRS
        time = {
            name: np.nanmedian(in_time[name]) if np.isfinite(in_time[name]).any() else np.nan
            for name in SITE_SKILLS
        } | {"n": known.sum()}
        for domain, values in (("space", space), ("space-time", every), ("time", time)):
            numbers = {name: float(values[name]) for name in SITE_SKILLS}
            yield {**key, "domain": domain, "n": int(values["n"]), **numbers}

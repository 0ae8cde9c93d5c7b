"""Flux towers: a page per site (Figs. S19 and S20), their means (Fig. S21) and map (Fig. S33)."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from differland.analysis.sites import Towers
from differland.errors import InputError
from differland.figures import maps, style
from differland.glance import is_named
from differland.metrics import skill, targets_of_driver
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES

ROWS = (
    ("gpp", ("gpp_site",)),
    ("reco", ("reco_site",)),
    ("et", ("et_site", "et")),
    ("lai", ("lai",)),
)
"""Quantities, and the targets whose observations are shown with them: the first one observed."""

SOURCES = {"site": "tower", "cell": "satellite"}
MONTHS = np.arange(1, 13)


def choose_sites(
    driver: xr.Dataset, sites: str | int | Sequence[str], towers: Towers | None = None
) -> list[str]:
    """Names of the sites that get a page, in the order of the driver.

    Parameters
    ----------
    driver
        ``driver.nc``. Without the coordinate ``site`` it has no sites; a cell with an empty name
        is no site.
    sites
        Sites to draw: ``all``, a number (the first ones), or names, also of one site of several
        in a cell.
    towers
        Sites and the observations of each, where several sites may share a cell.

    Raises
    ------
    InputError
        The driver has no site of a given name.
    """
    if towers is not None:
        known = towers.sites.loc[towers.sites["used"], "site"].tolist()
    elif "site" not in driver.variables:
        known = []
    else:
        known = [name for name in driver["site"].to_numpy().astype(str) if name.strip()]
    if sites == "all":
        return known
    if isinstance(sites, int):
        return known[:sites]
    unknown = [name for name in sites if not any(is_named(cell, name) for cell in known)]
    if unknown:
        source = driver.encoding.get("source", "driver.nc")
        raise InputError(source, "site", f"a site named {', '.join(unknown)}", "none that is used")
    return [cell for cell in known if any(is_named(cell, name) for name in sites)]


def page_name(site: str) -> str:
    """Name of the file of a site's page, without its ending.

    Letters, digits, blanks and ``_.-()`` stay as they are, but for a dot or hyphen at the start;
    other characters are written as in addresses, so that no name leads out of the folder.
    """

    def code(found: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in found[0].encode())

    return re.sub(r"[^\w .()-]|^[.-]", code, site)


@style.styled
def draw_site(
    driver: xr.Dataset,
    simulation: xr.Dataset,
    site: str,
    spin_up_months: int,
    observations: Mapping[str, str | None] = OBSERVED_VARIABLES,
    towers: Towers | None = None,
) -> Figure:
    """Observed and modelled GPP, RECO, ET and LAI of one site, month by month and in the mean year.

    The band is the ensemble mean plus and minus one standard deviation across members. The mean
    year is taken over the months that are observed, for the model as for the observations; without
    observations it is that of all months.

    Parameters
    ----------
    driver
        ``driver.nc`` with the coordinate ``site``.
    simulation
        ``simulation.nc`` of an ensemble on the same cells and months.
    site
        Name of the site.
    spin_up_months
        Months at the start, shaded, that neither skill nor mean year uses.
    observations
        Driver variable by target; None: not looked at.
    towers
        Sites and the observations of each; without them, the mean of the sites of a cell is shown.

    Raises
    ------
    InputError
        The driver has no sites, or not this one; the simulation has other cells.
    """
    cell = _cell_of(driver, site, towers)
    if simulation.sizes["cell"] != driver.sizes["cell"]:
        raise InputError(
            simulation.encoding.get("source", "simulation.nc"),
            "cell",
            f"{driver.sizes['cell']} cells, as the driver",
            f"{simulation.sizes['cell']}",
        )
    modelled = simulation.isel(cell=cell)

    figure = Figure(figsize=(style.WIDTH, 7.6))
    panels = figure.subplots(
        len(ROWS), 2, sharex="col", sharey="row", gridspec_kw={"width_ratios": [3.6, 1]}
    )
    for row, (quantity, targets) in enumerate(ROWS):
        values, told = _observations(driver, cell, targets, observations)
        if towers is not None and told == SOURCES["site"]:
            values = _observed_at(towers, site, targets[0], driver)
        _draw_row(panels[row, 0], panels[row, 1], values, told, modelled, quantity, spin_up_months)
        style.panel_title(panels[row, 0], row, style.capitalise(style.facts(quantity)[0]))
    for axes in panels[-1]:
        axes.set_xlabel("Time" if axes is panels[-1, 0] else "Month of the year")
    locator = AutoDateLocator(minticks=4, maxticks=10)
    panels[-1, 0].xaxis.set_major_locator(locator)
    panels[-1, 0].xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    panels[-1, 1].set_xticks([1, 4, 7, 10], ["Jan", "Apr", "Jul", "Oct"])
    panels[0, 1].set_title("Mean year")
    figure.suptitle(
        _describe(driver, simulation, site, cell, towers), fontsize=10, x=0.01, ha="left"
    )
    handles = [
        panels[0, 0].plot([], [], "o", color=style.OBSERVED, markersize=3, label="observed")[0],
        panels[0, 0].plot([], [], color=style.MODELLED, label="ensemble mean")[0],
        panels[0, 0].fill_between(
            [],
            [],
            color=style.MODELLED,
            alpha=style.SPREAD_ALPHA,
            linewidth=0,
            label="± 1 standard deviation of members",
        ),
    ]
    if spin_up_months:
        handles.append(Patch(color=style.LIGHT_GREY, label="spin-up, not evaluated"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


GRADIENT_COLOURS = {"train": style.BLUE, "test": style.VERMILION}


@style.styled
def draw_gradients(means: pd.DataFrame, skills: pd.DataFrame) -> Figure:
    """Modelled against observed means of the sites, one panel per flux (Fig. S21).

    Parameters
    ----------
    means, skills
        ``site_means.csv`` and ``site_skills.csv`` of `differland.analysis.sites.compare_sites`.
        Shown are the variables that the targets were trained on, the first of each target.
    """
    targets = style.order_targets(means["target"])
    figure = Figure(figsize=(style.WIDTH, 3.1))
    if not targets:
        axes = figure.subplots()
        axes.set_axis_off()
        style.say(axes, "no tower was observed after the spin-up")
        return figure
    panels = figure.subplots(1, len(targets), squeeze=False)[0]
    for position, target in enumerate(targets):
        axes = panels[position]
        variable = means.loc[means["target"] == target, "observations"].iloc[0]
        sites = means[means["observations"] == variable]
        units = style.format_units(style.facts(target)[1])
        for split, colour in GRADIENT_COLOURS.items():
            chosen = sites[sites["split"] == split]
            axes.plot(
                chosen["observed"], chosen["modelled"], "o", color=colour, markersize=3.5,
                alpha=0.7, markeredgecolor="white", markeredgewidth=0.3,
            )  # fmt: skip
        values = sites[["observed", "modelled"]].to_numpy()
        margin = 0.06 * (np.ptp(values) or 1.0)
        limits = (float(values.min() - margin), float(values.max() + margin))
        axes.plot(limits, limits, color="0.3", linewidth=0.8, linestyle=(0, (5, 3)), zorder=1)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"Observed ({units})")
        axes.set_ylabel(f"Modelled ({units})")
        name = style.capitalise(style.facts(OBSERVABLES[target].quantity)[0])
        style.panel_title(axes, position, name.replace(" production", "\nproduction"))
        of_sites = skills[(skills["observations"] == variable) & (skills["domain"] == "space")]
        # Points lie along the diagonal: corners beside it are free.
        for split, (x, y), (across, along) in (
            ("all", (0.03, 0.98), ("left", "top")),
            ("test", (0.98, 0.03), ("right", "bottom")),
        ):
            words = _told(of_sites, split)
            axes.text(x, y, words, transform=axes.transAxes, ha=across, va=along, fontsize=6.5)
    handles = [
        panels[0].plot([], [], "o", color=colour, markersize=3.5, label=style.SPLITS[split])[0]
        for split, colour in GRADIENT_COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


SPLIT_MARKERS = {"train": "o", "test": "^"}


@style.styled
def draw_site_map(sites: pd.DataFrame) -> Figure:
    """Map the sites by IGBP class, with those held out marked (Fig. S33).

    Classes of one plant type of the study have one colour, a square in the legend, where circles
    and triangles without one tell sites of training from those held out.

    Parameters
    ----------
    sites
        Table of sites, from `differland.analysis.site_table.tabulate_sites`. Those in cells of the
        driver that are not used are crosses.
    """
    used = sites[sites["used"]]
    placed = sites[sites["cell"].notna()]
    window = maps.window_of(placed["latitude"].to_numpy(), placed["longitude"].to_numpy())
    figure, (axes,) = maps.figure_of_maps(window)
    if used.empty:
        style.say(axes, "no flux tower is used")
        return figure
    handles = []
    for kind in [*style.PLANT_TYPES, ""]:
        here = used[used["plant_type"] == kind]
        colour = style.PLANT_TYPES[kind][1] if kind else "white"
        for split, marker in SPLIT_MARKERS.items():
            shown = here[here["split"] == split]
            axes.scatter(
                shown["longitude"], shown["latitude"], s=26, marker=marker, color=colour,
                edgecolors="0.15", linewidths=0.4, transform=maps.GEODETIC, zorder=3,
            )  # fmt: skip
        if len(here):
            classes = (
                style.plain(", ".join(sorted(set(here["igbp"])))) if kind else "class not told"
            )
            handles.append(_marker("s", colour, f"{classes} ({len(here)})"))
    unused = placed[~placed["used"]]
    axes.scatter(
        unused["longitude"], unused["latitude"], s=14, marker="x", color="0.35",
        linewidths=0.7, transform=maps.GEODETIC, zorder=2,
    )  # fmt: skip
    for split, marker in SPLIT_MARKERS.items():
        count = (used["split"] == split).sum()
        handles.append(_marker(marker, "white", f"{style.SPLITS[split]} ({count})"))
    if len(unused):
        handles.append(_marker("x", "0.35", f"not used ({len(unused)})"))
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    return figure


def _marker(marker: str, colour: str, label: str) -> Line2D:
    edge = colour if marker == "x" else "0.15"
    return Line2D(
        [], [], linestyle="", marker=marker, color=colour, markeredgecolor=edge, label=label
    )


def _told(skills: pd.DataFrame, split: str) -> str:
    """Description of the sites of a split; empty where there is no site."""
    found = skills[skills["split"] == split]
    if found.empty:
        return ""
    row = found.iloc[0]
    name = {"all": "all sites", "test": "held out"}[split]
    lines = [f"{name}: n = {row['sites']}"]
    if np.isfinite(row["R2"]):
        told = [f"R$^2$ = {style.number(row['R2'], '.2f')}"]
        if np.isfinite(row["correlation"]):
            told.insert(0, f"r = {style.number(row['correlation'], '.2f')}")
        lines += [", ".join(told)]
        lines += [f"RMSE = {row['rmse']:.2f}"]
    return "\n".join(lines)


def _cell_of(driver: xr.Dataset, site: str, towers: Towers | None) -> int:
    source = driver.encoding.get("source", "driver.nc")
    if towers is not None:
        cells = towers.sites.loc[towers.sites["site"] == site, "cell"].dropna().to_numpy()
    elif "site" in driver.variables:
        cells = np.flatnonzero(driver["site"].to_numpy().astype(str) == site)
    else:
        raise InputError(source, "site", "a coordinate (cell)", "none")
    if cells.size == 0:
        raise InputError(source, "site", f"a cell of site {site}", "none")
    return int(cells[0])


def _observed_at(towers: Towers, site: str, flux: str, driver: xr.Dataset) -> np.ndarray:
    """Observations of one site [time]."""
    months = pd.PeriodIndex(driver.indexes["time"], freq="M")
    one = Towers(towers.sites[towers.sites["site"] == site], towers.fluxes)
    values: np.ndarray = one.observed(flux, 0.0, months)[1][0]
    return values


def _describe(
    driver: xr.Dataset, simulation: xr.Dataset, site: str, cell: int, towers: Towers | None
) -> str:
    latitude, longitude = float(driver["lat"][cell]), float(driver["lon"][cell])
    facts = ""
    if towers is not None:
        row = towers.sites[towers.sites["site"] == site].iloc[0]
        latitude, longitude = row["latitude"], row["longitude"]
        facts = f"   {style.plain(row['igbp'])}, {style.plain(row['network'])}"
        if row["sites_in_cell"] > 1:
            facts += f", one of {row['sites_in_cell']} in its cell"
    split = "applied"
    if "test" in simulation.variables:
        split = "test" if bool(simulation["test"][cell]) else "train"
    kind = style.SPLITS[split]
    return (
        f"{style.plain(site)}   {abs(latitude):.2f}°{'N' if latitude >= 0 else 'S'}"
        f" {abs(longitude):.2f}°{'E' if longitude >= 0 else 'W'}   {kind} site{facts}"
    )


def _observations(
    driver: xr.Dataset,
    cell: int,
    targets: tuple[str, ...],
    observations: Mapping[str, str | None],
) -> tuple[np.ndarray, str]:
    """Values [time] and name of the first target observed at the site; all NaN if none is."""
    here = driver.isel(cell=[cell])
    for target in targets:
        found = targets_of_driver(here, None, {target: observations.get(target)}, 0)
        if found and np.isfinite(found[0].observed).any():
            return found[0].observed[0], SOURCES[OBSERVABLES[target].support]
    return np.full(driver.sizes["time"], np.nan), ""


def _draw_row(
    series: Axes,
    year: Axes,
    observed: np.ndarray,
    observed_by: str,
    modelled: xr.Dataset,
    quantity: str,
    spin_up_months: int,
) -> None:
    """Draw one quantity over time and in the mean year."""
    time = modelled["time"].to_numpy()
    used = np.arange(len(time)) >= spin_up_months
    calendar = modelled["time"].dt.month.to_numpy()
    mean = modelled[quantity].to_numpy().astype(float)
    spread = modelled[f"{quantity}_spread"].to_numpy().astype(float)
    units = style.format_units(style.facts(quantity)[1])
    series.set_ylabel(f"{style.symbol(quantity)} ({units})")
    series.fill_between(
        time,
        mean - spread,
        mean + spread,
        color=style.MODELLED,
        alpha=style.SPREAD_ALPHA,
        linewidth=0,
    )
    series.plot(time, mean, color=style.MODELLED, linewidth=0.9)
    if spin_up_months:
        series.axvspan(time[0], time[~used][-1], color=style.LIGHT_GREY, linewidth=0, zorder=0)
    if not observed_by:
        series.set_title("not observed at this site", loc="right", fontsize=7.5)
        _draw_mean_year(year, calendar[used], mean[used], spread[used])
        return
    series.plot(time, observed, "o", color=style.OBSERVED, markersize=1.8, zorder=3)
    seen = np.isfinite(observed) & used
    agreement = skill(observed[seen], mean[seen])
    numbers = f"n = {seen.sum()}"
    if np.isfinite(agreement["R2"]):
        r2 = style.number(float(agreement["R2"]), ".2f")
        numbers = f"R$^2$ = {r2}, RMSE = {agreement['rmse']:.2f}, {numbers}"
    series.set_title(f"{observed_by}: {numbers}", loc="right", fontsize=7.5)
    _draw_mean_year(year, calendar[seen], mean[seen], spread[seen])
    year.plot(
        MONTHS, _monthly(calendar[seen], observed[seen]), "o", color=style.OBSERVED, markersize=3
    )


def _draw_mean_year(axes: Axes, calendar: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> None:
    centre, width = _monthly(calendar, mean), _monthly(calendar, spread)
    axes.fill_between(
        MONTHS,
        centre - width,
        centre + width,
        color=style.MODELLED,
        alpha=style.SPREAD_ALPHA,
        linewidth=0,
    )
    axes.plot(MONTHS, centre, color=style.MODELLED)


def _monthly(calendar: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of `values` [time] in each month of the year [12]; NaN for a month never seen."""
    return np.array(
        [
            values[calendar == month].mean() if (calendar == month).any() else np.nan
            for month in MONTHS
        ]
    )

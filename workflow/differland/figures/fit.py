"""Observed against modelled, target by target: density, 1:1 line and skill."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from differland.errors import InputError
from differland.figures import style
from differland.metrics import skill, targets_of_driver
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES


class Pairs(NamedTuple):
    """Observations of one target, with the modelled values at the same places and times.

    Attributes
    ----------
    observed, modelled
        Pairs [pair], in the target's units.
    test
        Whether a pair lies in a held-out patch [pair].
    """

    observed: np.ndarray
    modelled: np.ndarray
    test: np.ndarray


def pair(
    driver: xr.Dataset,
    patches: xr.Dataset,
    simulation: xr.Dataset,
    target: str,
    spin_up_months: int,
    observations: Mapping[str, str | None] = OBSERVED_VARIABLES,
) -> Pairs:
    """Bring observations and the ensemble mean of one target together, as the metrics do.

    Parameters
    ----------
    driver, patches, simulation
        The files ``driver.nc``, ``patches.nc`` and ``simulation.nc`` of one study.
    target
        A target's name, for example ``lai``, ``gpp_site`` or ``nbe``.
    spin_up_months
        Months at the start that are not compared, whole years.
    observations
        Driver variable by target; None: not looked at.

    Returns
    -------
    Pairs
        Empty where the driver holds no observation of the target.

    Raises
    ------
    InputError
        There is no such target, or the simulation lacks it.
    """
    if target not in OBSERVABLES:
        raise InputError("figure", "target", f"one of {', '.join(OBSERVABLES)}", repr(target))
    quantity = OBSERVABLES[target].quantity
    if quantity not in simulation:
        source = simulation.encoding.get("source", "simulation")
        raise InputError(source, quantity, "a simulated variable", "none of that name")
    chosen = {target: observations.get(target)}
    targets = targets_of_driver(driver, patches, chosen, spin_up_months)
    if not targets:
        return Pairs(np.empty(0), np.empty(0), np.empty(0, dtype=bool))
    observed = targets[0].observed
    series = simulation[quantity].to_numpy().astype(float)
    # The simulation holds the time mean alone of what is observed once.
    modelled = targets[0].modelled(series.reshape(len(series), -1), spin_up_months)

    numbers = patches["number"].to_numpy()
    held_out = numbers[patches["test"].to_numpy() == 1]
    patch = driver["patch"].to_numpy()[targets[0].cell[:, 0], None]
    present = np.isfinite(observed) & np.isfinite(modelled) & np.isin(patch, numbers)
    test = np.broadcast_to(np.isin(patch, held_out), observed.shape)
    return Pairs(observed[present], modelled[present], test[present])


@style.styled
def draw_fit(
    driver: xr.Dataset,
    patches: xr.Dataset,
    simulation: xr.Dataset,
    target: str,
    spin_up_months: int,
    observations: Mapping[str, str | None] = OBSERVED_VARIABLES,
) -> Figure:
    """Density of modelled against observed values, one panel for training and one for test cells.

    Each panel gives the 1:1 line, R2 (1 - SSE/SST), RMSE and the number of pairs, as the table of
    metrics has them for the ensemble in space and time (Figs. S15 and S16).

    Parameters
    ----------
    driver, patches, simulation, target, spin_up_months, observations
        Files, target and settings, as for `pair`.

    Raises
    ------
    InputError
        There is no such target, or the simulation lacks it.
    """
    pairs = pair(driver, patches, simulation, target, spin_up_months, observations)
    long_name, units = style.facts(target)
    figure = Figure(figsize=(style.WIDTH, 3.5), layout="compressed")
    figure.suptitle(style.capitalise(long_name), fontsize=9, x=0.01, ha="left")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    limits = _limits(pairs)
    densities = []
    for position, (split, chosen) in enumerate((("train", ~pairs.test), ("test", pairs.test))):
        axes = panels[position]
        observed, modelled = pairs.observed[chosen], pairs.modelled[chosen]
        style.panel_title(axes, position, style.capitalise(style.SPLITS[split]))
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"Observed ({style.format_units(units)})")
        if observed.size == 0:
            style.say(axes, f"no observation of {style.symbol(target)}\nin this split")
            continue
        densities.append(_draw_density(axes, observed, modelled, limits, target))
        axes.plot(limits, limits, color="0.3", linewidth=0.8, linestyle=(0, (5, 3)), zorder=3)
    panels[0].set_ylabel(f"Modelled ({style.format_units(units)})")
    if densities:
        most = max(float(np.max(np.asarray(density.get_array()))) for density in densities)
        norm = LogNorm(1, max(most, 10))
        for density in densities:
            density.set_norm(norm)
        figure.colorbar(densities[0], ax=list(panels), label="Number of pairs", aspect=30)
    else:
        panels[0].set(xticks=[], yticks=[])
    return figure


def _limits(pairs: Pairs) -> tuple[float, float]:
    """Find one range for both axes: all but the outermost 0.1 % of the values at either end."""
    if pairs.observed.size == 0:
        return (0.0, 1.0)
    values = np.concatenate([pairs.observed, pairs.modelled])
    low, high = np.quantile(values, [0.001, 0.999])
    margin = 0.04 * (high - low) or 0.05 * abs(low) or 1.0
    return (float(low - margin), float(high + margin))


def _draw_density(
    axes: Axes,
    observed: np.ndarray,
    modelled: np.ndarray,
    limits: tuple[float, float],
    target: str,
) -> PolyCollection:
    inside = (np.minimum(observed, modelled) >= limits[0]) & (
        np.maximum(observed, modelled) <= limits[1]
    )
    density = axes.hexbin(
        observed[inside],
        modelled[inside],
        gridsize=(50, 29),
        extent=(*limits, *limits),
        mincnt=1,
        cmap=style.CARBON_MAGNITUDE,
        norm=LogNorm(1, 10),
        linewidths=0.1,
    )
    agreement = skill(observed, modelled)
    r2, rmse = float(agreement["R2"]), float(agreement["rmse"])
    _, units = style.facts(target)
    unit = "" if units == "1" else f" {style.format_units(units)}"
    lines = [
        f"R$^2$ = {style.number(r2, '.2f')}" if np.isfinite(r2) else "R$^2$ undefined",
        f"RMSE = {rmse:{',.0f' if rmse >= 1000 else '.3g'}}{unit}"
        if np.isfinite(rmse)
        else "RMSE undefined",
        f"n = {observed.size:,}",
    ]
    if not inside.all():
        lines.append(f"{np.count_nonzero(~inside):,} outside the axes")
    axes.text(
        0.03,
        0.98,
        "\n".join(lines),
        transform=axes.transAxes,
        ha="left",
        va="top",
        fontsize=7.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5},
        zorder=4,
    )
    return density

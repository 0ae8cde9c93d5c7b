"""Parameters that an ensemble has learnt: maps with the members' spread, and how they covary."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from differland.errors import InputError
from differland.figures import maps, style

SPREAD = "magma"
"""Colour map of the spread among members."""


@style.styled
def draw_parameter_map(parameters: xr.Dataset, name: str) -> Figure:
    """Map the ensemble mean of a trait or parameter, and the spread among the members.

    Parameters
    ----------
    parameters
        ``maps/{setup}/parameters.nc``.
    name
        Name of one of the file's variables (member, cell).

    Raises
    ------
    InputError
        The file has no such variable, no cell coordinates, or fewer than two members.
    """
    source = parameters.encoding.get("source", "parameters.nc")
    if name not in parameters:
        raise InputError(source, name, "a variable (member, cell)", "none of that name")
    members = parameters.sizes.get("member", 0)
    if members < 2:
        raise InputError(source, "member", "at least 2 members", str(members))
    values = parameters[name].transpose("member", "cell").to_numpy().astype(float)
    latitude, longitude = maps.coordinates(parameters)
    mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
    units = style.format_units(style.facts(name)[1])
    # The spread is read against zero.
    upper = float(np.quantile(spread, 0.98)) or 1.0
    figure, panels = maps.figure_of_maps(maps.window_of(latitude, longitude), 2)
    for position, (title, field, colours, norm) in enumerate(
        (
            ("mean", mean, style.colour_map(name), style.colour_norm(name, mean)),
            (f"spread of {members} members", spread, SPREAD, Normalize(0, upper)),
        )
    ):
        axes = panels[position]
        style.panel_title(axes, position, f"{style.symbol(name)}, {title}")
        shown = maps.add_cells(axes, latitude, longitude, field, colours, norm)
        label = "Mean" if position == 0 else "Standard deviation"
        maps.add_colour_bar(axes, shown, f"{label} ({units})")
    return figure


@style.styled
def draw_parameter_correlation(
    covariance: xr.Dataset, names: Sequence[str], space: str = "logarithm"
) -> Figure:
    """Correlation of parameters: across cells above the diagonal, across members below it.

    Parameters
    ----------
    covariance
        ``maps/{setup}/parameter_covariance.nc``.
    names
        Names of the parameters, such as those that are identifiable. Fewer than two have no
        correlation, and the figure says so.
    space
        Space of the covariance, one of those of the file.

    Raises
    ------
    InputError
        The file lacks a parameter.
    """
    source = covariance.encoding.get("source", "parameter_covariance.nc")
    known = [str(name) for name in covariance["parameter"].to_numpy()]
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(source, "parameter", f"all of {', '.join(names)}", f"no {missing[0]}")
    count = len(names)
    side = min(0.3 * count, 4.2)
    figure = Figure(figsize=(style.WIDTH, side + 2.1))
    axes = figure.subplots()
    if count < 2:
        axes.set_axis_off()
        style.say(axes, f"{count} parameters that are identifiable: nothing to correlate")
        return figure
    part = covariance.sel(
        space=space, population="all", parameter=list(names), other_parameter=list(names)
    )
    cells, members = (
        part[f"correlation_across_{source}"].transpose("parameter", "other_parameter").to_numpy()
        for source in ("cells", "members")
    )
    picture = np.where(np.triu(np.ones((count, count), dtype=bool)), cells, members)
    np.fill_diagonal(picture, np.nan)
    axes.set_facecolor(style.LIGHT_GREY)
    edges = np.arange(count + 1) - 0.5
    mesh = axes.pcolormesh(
        edges,
        edges,
        np.ma.masked_invalid(picture),
        cmap=style.DIVERGING,
        norm=Normalize(-1, 1),
        edgecolors="white",
        linewidth=0.3,
    )
    labels = [style.tick_label(name) for name in names]
    axes.set_xticks(range(count), labels, rotation=90, fontsize=6.5)
    axes.set_yticks(range(count), labels, fontsize=6.5)
    axes.tick_params(length=0)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    figure.suptitle("Upper right: across cells; lower left: across members", fontsize=9)
    figure.colorbar(
        mesh, ax=axes, shrink=0.5, aspect=20, label=f"Correlation, $r$ ({style.DIMENSIONLESS})"
    )
    return figure

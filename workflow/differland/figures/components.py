"""Principal components of the ecological traits: loadings and maps of the scores (Fig. 3a-d)."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d.axes3d import Axes3D
from mpl_toolkits.mplot3d.proj3d import proj_transform
from scipy.optimize import isotonic_regression

from differland.errors import InputError
from differland.figures import maps, style

SHOWN = 3
"""Number of leading components that the figures show, as the paper does."""

VIEW = {"elev": 24, "azim": -51}
"""Degrees above the plane of the first two components, and around the axis of the third."""

STEP = 0.25
"""Distance of the lines of the plane of the first two components."""


def _leading(components: xr.Dataset) -> int:
    count = min(SHOWN, components.sizes.get("component", 0))
    if count == 0:
        source = components.encoding.get("source", "components.nc")
        raise InputError(source, "component", "at least one", "none")
    return count


@style.styled
def draw_components(components: xr.Dataset) -> Figure:
    """Explained variance, and the loadings of the traits on each pair of leading components.

    Trait labels stand in a column on either side, in the order of the arrows' tips, so that none
    covers another.

    Parameters
    ----------
    components
        ``analysis/{setup}/components.nc``.

    Raises
    ------
    InputError
        The file holds no component.
    """
    count = _leading(components)
    pairs = list(combinations(range(count), 2))
    figure = Figure(figsize=(style.WIDTH, 3.6 if len(pairs) <= 1 else 7.0))
    panels = figure.subplots(1 if len(pairs) <= 1 else 2, 2 if pairs else 1, squeeze=False).ravel()
    _draw_explained_variance(panels[0], components["explained_variance_ratio"].to_numpy())
    style.panel_title(panels[0], 0, "Explained variance")
    traits = [str(name) for name in components["trait"].to_numpy()]
    loadings = components["loadings"].transpose("trait", "component").to_numpy()
    for position, (first, second) in enumerate(pairs, start=1):
        axes = panels[position]
        style.panel_title(axes, position, f"PC{first + 1} and PC{second + 1}")
        _draw_loadings(axes, traits, loadings[:, [first, second]])
        axes.set_xlabel(f"Loading on PC{first + 1} ({style.DIMENSIONLESS})")
        axes.set_ylabel(f"Loading on PC{second + 1} ({style.DIMENSIONLESS})")
    if pairs:
        _add_categories(figure)
    return figure


def _add_categories(figure: Figure) -> None:
    """Add the legend of the categories of traits; in two lines where the figure is narrow."""
    figure.legend(
        handles=[
            Patch(color=colour, label=category) for category, colour in style.TRAIT_COLOURS.items()
        ],
        loc="outside lower center",
        ncols=len(style.TRAIT_COLOURS) if figure.get_figwidth() > style.WIDTH / 2 else 2,
    )


def _draw_explained_variance(axes: Axes, ratio: np.ndarray) -> None:
    numbers = np.arange(1, len(ratio) + 1)
    axes.bar(numbers, 100 * ratio, 0.7, color=style.SKY_BLUE, label="each component")
    axes.plot(
        numbers, 100 * np.cumsum(ratio), "o-", color=style.BLACK, markersize=3.5, label="cumulative"
    )
    axes.set(
        xlabel="Principal component", ylabel="Variance explained (%)", ylim=(0, 105), xticks=numbers
    )
    axes.legend(loc="center right")
    axes.set_box_aspect(0.9)


def _draw_loadings(axes: Axes, traits: list[str], loadings: np.ndarray) -> None:
    """Draw arrows of the loadings [trait, 2], with their labels in a column on either side."""
    reach = float(np.max(np.hypot(*loadings.T))) or 1.0
    right = loadings[:, 0] >= 0
    heights = np.empty(len(traits))
    for side in (right, ~right):
        heights[side] = _spread(1.1 * loadings[side, 1], 0.2 * reach, 1.3 * reach)
    axes.axhline(0, color="0.8", linewidth=0.6, zorder=0)
    axes.axvline(0, color="0.8", linewidth=0.6, zorder=0)
    for trait, loading, height in zip(traits, loadings, heights, strict=True):
        colour = style.TRAIT_COLOURS[style.TRAIT_CATEGORIES[trait]]
        axes.annotate(
            "",
            xy=(loading[0], loading[1]),
            xytext=(0, 0),
            arrowprops={
                "arrowstyle": "-|>",
                "color": colour,
                "linewidth": 1.3,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 8,
            },
        )
        column = 1.2 * reach * (1 if loading[0] >= 0 else -1)
        axes.plot(
            [loading[0], column],
            [loading[1], height],
            color=colour,
            linewidth=0.5,
            linestyle=":",
            zorder=1,
        )
        axes.text(
            1.02 * column,
            height,
            style.symbol(trait),
            fontsize=8,
            ha="left" if column > 0 else "right",
            va="center",
        )
    axes.set(xlim=(-1.65 * reach, 1.65 * reach), ylim=(-1.45 * reach, 1.45 * reach))
    axes.set_aspect("equal")
    axes.locator_params(nbins=6)


def _spread(heights: np.ndarray, gap: float, bound: float) -> np.ndarray:
    """Move heights as little as needed to be `gap` apart and within plus or minus `bound`.

    Sorted heights are `gap` apart where heights minus `gap` times rank do not decrease, so this
    is isotonic regression.
    """
    order = np.argsort(heights)
    steps = gap * np.arange(len(heights))
    result = np.empty_like(heights)
    if len(heights):
        highest = bound - steps[-1]
        fitted = isotonic_regression(heights[order] - steps).x
        result[order] = steps + np.clip(fitted, min(-bound, highest), highest)
    return result


@style.styled
def draw_loadings(components: xr.Dataset) -> Figure:
    """Loadings of the traits on the first three components, in space and as numbers (Fig. 3a).

    Parameters
    ----------
    components
        ``analysis/{setup}/components.nc``.

    Raises
    ------
    InputError
        The file holds fewer than three components.
    """
    figure = Figure(figsize=(style.WIDTH, 3.9))
    places = figure.add_gridspec(1, 2, width_ratios=[1.5, 1])
    add_loadings_in_space(figure, places[0], components)
    axes = figure.add_subplot(places[1])
    style.panel_title(axes, 1, "Loadings and variance")
    _draw_table(axes, components)
    _add_categories(figure)
    return figure


def add_loadings_in_space(figure: Figure, place: SubplotSpec, components: xr.Dataset) -> Axes3D:
    """Add the panel of arrows in the space of the first three components.

    Drop lines lead from each arrow's tip to the plane through zero of the first two; labels stand
    in a column on either side, in the order of the tips on the page.

    Parameters
    ----------
    figure, place
        Figure, and place of the panel in it.
    components
        ``analysis/{setup}/components.nc``.

    Raises
    ------
    InputError
        The file holds fewer than three components.
    """
    if components.sizes.get("component", 0) < SHOWN:
        source = components.encoding.get("source", "components.nc")
        found = str(components.sizes.get("component", 0))
        raise InputError(source, "component", f"at least {SHOWN}", found)
    traits = [str(name) for name in components["trait"].to_numpy()]
    loadings = components["loadings"].transpose("trait", "component").to_numpy()[:, :SHOWN]
    axes: Axes3D = figure.add_subplot(place, projection="3d", computed_zorder=False)
    style.panel_title(axes, 0, "Traits in the space of PC1, PC2 and PC3")
    _draw_space(axes, STEP * np.ceil(np.abs(loadings).max() / STEP) or STEP)
    floor = loadings * [1, 1, 0]
    for trait, tip, foot in zip(traits, loadings, floor, strict=True):
        colour = style.TRAIT_COLOURS[style.TRAIT_CATEGORIES[trait]]
        axes.plot(*np.stack([tip, foot], axis=1), color=colour, linewidth=0.6, ls=":", zorder=3)
        axes.plot(*foot, ".", color=colour, markersize=3, markeredgewidth=0, zorder=3)
        axes.quiver(*(0, 0, 0), *tip, color=colour, linewidth=1.5, arrow_length_ratio=0.1, zorder=4)
    _label_tips(axes, traits, loadings)
    return axes


def _draw_space(axes: Axes3D, reach: float) -> None:
    """Draw the plane of the first two components, with a scale on its edges, and the third."""
    axes.set_axis_off()
    axes.view_init(**VIEW)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    axes.set_box_aspect((1, 1, 1.1), zoom=1.25)
    ticks = np.arange(-reach, reach + STEP / 2, STEP)
    ends = np.array([-reach, reach])
    for tick in ticks:
        axes.plot(ends, [tick, tick], [0, 0], color="0.88", linewidth=0.5, zorder=1)
        axes.plot([tick, tick], ends, [0, 0], color="0.88", linewidth=0.5, zorder=1)
    for end in np.eye(SHOWN) * reach:
        axes.plot(*np.stack([-end, end], axis=1), color="0.55", linewidth=0.7, zorder=2)
    small: dict[str, Any] = {
        "fontsize": 6.5,
        "color": "0.35",
        "ha": "center",
        "va": "center",
        "zorder": 2,
    }
    for tick in ticks[1:-1][ticks[1:-1] != 0] if len(ticks) <= 5 else np.array([-0.5, 0.5]):
        text = style.number(tick, "g")
        _write(axes, (tick, -1.14 * reach, 0), text, **small)
        _write(axes, (1.14 * reach, tick, 0), text, **small)
        axes.plot([-0.03 * reach, 0.03 * reach], [0, 0], [tick, tick], color="0.55", linewidth=0.7)
        if tick > 0:
            _write(axes, (0.13 * reach, 0, tick), text, **small)
    name = small | {"fontsize": 8, "fontweight": "bold", "zorder": 6}
    name["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    for position in range(SHOWN):
        end = 1.15 * reach * np.eye(SHOWN)[position]
        _write(axes, end, f"PC{position + 1}", **name)


def _write(axes: Axes3D, place: npt.ArrayLike, text: str, **look: Any) -> None:
    """Write at a place in space, on the page: such a text is counted when figures are laid out."""
    across, along, _ = proj_transform(*np.asarray(place, dtype=float), axes.get_proj())
    axes.text2D(float(across), float(along), text, **look)


def _label_tips(axes: Axes3D, traits: list[str], loadings: np.ndarray) -> None:
    """Label the tips of arrows in a column on either side, with lines that lead there."""
    tips = np.stack(proj_transform(*loadings.T, axes.get_proj())[:2], axis=1)
    across, along = axes.transLimits.transform(tips).T
    rank = np.argsort(np.argsort(across, kind="stable"))
    right = rank >= len(traits) // 2
    places = np.empty(len(traits))
    for side in (right, ~right):
        places[side] = 0.5 + _spread(along[side] - 0.5, 0.1, 0.45)
    for trait, tip, place, beside in zip(traits, tips, places, right, strict=True):
        axes.annotate(
            style.symbol(trait),
            xy=(tip[0], tip[1]),
            xytext=(1.03 if beside else -0.03, place),
            textcoords="axes fraction",
            fontsize=8,
            ha="left" if beside else "right",
            va="center",
            zorder=5,
            arrowprops={
                "arrowstyle": "-",
                "color": style.TRAIT_COLOURS[style.TRAIT_CATEGORIES[trait]],
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0.0 if beside else 1.0, 0.5),
            },
        )


def _draw_table(axes: Axes, components: xr.Dataset) -> None:
    """Draw the loadings as coloured numbers, the traits sorted by category."""
    categories = list(style.TRAIT_COLOURS)
    names = [str(name) for name in components["trait"].to_numpy()]
    order = sorted(
        range(len(names)), key=lambda row: categories.index(style.TRAIT_CATEGORIES[names[row]])
    )
    values = components["loadings"].transpose("trait", "component").to_numpy()[order, :SHOWN]
    ratio = components["explained_variance_ratio"].to_numpy()[:SHOWN]
    norm = style.centred_norm(values)
    axes.pcolormesh(
        np.arange(SHOWN + 1) - 0.5,
        np.arange(len(order) + 1) - 0.5,
        values,
        cmap=style.DIVERGING,
        norm=norm,
        edgecolors="white",
        linewidth=0.5,
    )
    colours = ScalarMappable(norm, style.DIVERGING)
    for row, column in np.ndindex(values.shape):
        red, green, blue, _ = colours.to_rgba(values[row, column])
        dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        axes.text(
            column,
            row,
            style.number(float(values[row, column]), ".2f"),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
        )
    axes.set_xticks(
        range(SHOWN), [f"PC{number + 1}\n{ratio[number]:.1%}" for number in range(SHOWN)]
    )
    axes.set_yticks(range(len(order)), [style.symbol(names[row]) for row in order])
    for text, row in zip(axes.get_yticklabels(), order, strict=True):
        text.set_color(style.TRAIT_COLOURS[style.TRAIT_CATEGORIES[names[row]]])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@style.styled
def draw_component_maps(components: xr.Dataset) -> Figure:
    """Map the scores of the leading components, with the variance that each explains (Fig. 3b-d).

    Parameters
    ----------
    components
        ``analysis/{setup}/components.nc``.

    Raises
    ------
    InputError
        The file holds no component, or no cell coordinates.
    """
    count = _leading(components)
    latitude, longitude = maps.coordinates(components)
    scores = components["scores"].transpose("cell", "component").to_numpy()
    ratio = components["explained_variance_ratio"].to_numpy()
    figure, panels = maps.figure_of_maps(maps.window_of(latitude, longitude), count)
    for position, axes in enumerate(panels):
        name = f"component_{position + 1}"
        style.panel_title(
            axes, position, f"{style.symbol(name)} ({ratio[position]:.1%} of variance)"
        )
        colours = maps.add_cells(
            axes,
            latitude,
            longitude,
            scores[:, position],
            style.colour_map(name),
            style.colour_norm(name, scores[:, position]),
        )
        maps.add_colour_bar(axes, colours, f"{style.symbol(name)} score ({style.DIMENSIONLESS})")
    return figure

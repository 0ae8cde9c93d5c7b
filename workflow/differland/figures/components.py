"""Principal components of the ecological traits: loadings and maps of the scores (Fig. 3a-d)."""

from itertools import combinations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from sklearn.isotonic import isotonic_regression

from differland.errors import InputError
from differland.figures import maps, style

SHOWN = 3
"""Number of leading components that the figures show, as the paper does."""


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
        figure.legend(
            handles=[
                Patch(color=colour, label=category)
                for category, colour in style.TRAIT_COLOURS.items()
            ],
            loc="outside lower center",
            ncols=len(style.TRAIT_COLOURS),
        )
    return figure


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
        result[order] = steps + isotonic_regression(
            heights[order] - steps, y_min=min(-bound, highest), y_max=highest
        )
    return result


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

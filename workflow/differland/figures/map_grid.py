"""Maps side by side in rows that share a colour bar."""

from collections.abc import Sequence

from cartopy.mpl.geoaxes import GeoAxes
from cartopy.mpl.gridliner import Gridliner
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from differland.figures import maps, style

LETTERED_TITLE = 0.3
"""Height of a title and of the labels beneath a map, inches."""

BAR = 0.45
"""Height of a colour bar with its label, inches."""


def grid_of_maps(
    window: maps.Window | None, rows: int, columns: int, bars: int = 1
) -> tuple[Figure, list[list[GeoAxes]]]:
    """Make a full-page figure of empty maps in rows.

    Parameters
    ----------
    window
        Part of the Earth that every map shows, as for `differland.figures.maps.add_map`.
    rows, columns
        Numbers of rows and columns of maps.
    bars
        Number of colour bars to leave room for.
    """
    height = maps.map_height(window, style.WIDTH / columns - maps.BESIDE_MAP) + LETTERED_TITLE
    figure = Figure(figsize=(style.WIDTH, rows * height + bars * BAR + 0.2))
    places = figure.add_gridspec(rows, columns)
    axes = [
        [maps.add_map(figure, places[row, column], window) for column in range(columns)]
        for row in range(rows)
    ]
    for graticule in figure.findobj(Gridliner):
        graticule.xlabel_style = graticule.ylabel_style = {"size": 5.5}
    return figure, axes


def shared_bar(colours: ScalarMappable, axes: Sequence[GeoAxes], label: str, extend: str) -> None:
    """Put one colour bar beneath maps that share their colours."""
    axes[0].figure.colorbar(
        colours,
        ax=list(axes),
        orientation="horizontal",
        shrink=0.6,
        aspect=45,
        pad=0.02,
        extend=extend,
        label=label,
    )

"""Style of every figure: colours, colour maps, labels with units, fonts, and file formats.

The qualitative colours are those of Okabe & Ito (2008), which readers with any of the common
colour-vision deficiencies can tell apart. Magnitudes use perceptually uniform maps, signed
quantities a diverging map with its neutral colour at zero.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text

from differland import tables
from differland.errors import InputError
from differland.files import atomic_path
from differland.terms import OBSERVABLES, OBSERVED_TERMS, OBSERVED_VARIABLES

Arguments = ParamSpec("Arguments")

BLUE = "#0072B2"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
BLACK = "#000000"
GREY = "#8C8C8C"
LIGHT_GREY = "#E8E8E8"

OBSERVED = BLACK
MODELLED = BLUE
SPREAD_ALPHA = 0.25

GROUP_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "PFT": GREEN,
        "CLIM": BLUE,
        "SOIL": VERMILION,
        "AGE": ORANGE,
        "LATLON": PURPLE,
        "CONTROL": GREY,
    }
)

# Categories of Fig. 3a.
TRAIT_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "leaf and photosynthesis": GREEN,
        "carbon allocation": ORANGE,
        "carbon turnover": VERMILION,
        "water use": BLUE,
    }
)
TRAIT_CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "canopy_efficiency": "leaf and photosynthesis",
        "underlying_water_use_efficiency": "water use",
        "q10": "carbon turnover",
        "autotrophic_fraction": "carbon allocation",
        "litter_turnover_rate": "carbon turnover",
        "leaf_carbon_mass_per_area": "leaf and photosynthesis",
        "labile_release_period": "leaf and photosynthesis",
        "leaf_fall_period": "leaf and photosynthesis",
        "leaf_lifespan": "leaf and photosynthesis",
        "allocation_labile": "carbon allocation",
        "allocation_foliar": "carbon allocation",
        "allocation_wood": "carbon allocation",
        "allocation_root": "carbon allocation",
    }
)

# Symbols of Fig. 3 for traits, and the usual abbreviations of what else axes are about.
SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        **{term.variable: term.symbol for term in OBSERVABLES.values()},
        **{name: term.symbol for name, term in OBSERVED_TERMS.items()},
        "gpp": "GPP",
        "reco": "RECO",
        "t_min": r"$T_\mathrm{min}$",
        "t_max": r"$T_\mathrm{max}$",
        "vpd": "VPD",
        "co2": "CO$_2$",
        "mean_annual_temperature": "Temperature",
        "mean_annual_precipitation": "Precipitation",
        "srad": "Radiation",
        "canopy_efficiency": "$ce$",
        "underlying_water_use_efficiency": "uWUE",
        "q10": "$Q_{10}$",
        "autotrophic_fraction": r"$f_\mathrm{auto}$",
        "carbon_use_efficiency": "CUE",
        "litter_turnover_rate": r"$k_\mathrm{litter}$",
        "leaf_carbon_mass_per_area": "LCMA",
        "labile_release_period": r"$c_\mathrm{onset}$",
        "leaf_fall_period": r"$c_\mathrm{fall}$",
        "leaf_lifespan": r"$\tau_\mathrm{foliar}$",
        "allocation_labile": r"$A_\mathrm{labile}$",
        "allocation_foliar": r"$A_\mathrm{foliar}$",
        "allocation_wood": r"$A_\mathrm{wood}$",
        "allocation_root": r"$A_\mathrm{root}$",
    }
)

# The order of Fig. 2; then what towers see, and stocks.
TARGET_ORDER = ("lai", "nbe", "sif", "ewt", "et", "gpp_site", "reco_site", "et_site")

ACRONYMS = frozenset({"sif", "som", "vod"})

# Abbreviations of Fig. 4; types that it has get the colours that are easiest to tell apart.
PLANT_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "needleleaf_forest": ("NF", BLUE),
        "deciduous_broadleaf_forest": ("DBF", ORANGE),
        "evergreen_broadleaf_forest": ("EBF", GREEN),
        "mixed_forest": ("MF", SKY_BLUE),
        "shrubland": ("SH", VERMILION),
        "savanna": ("SAV", "#B8A000"),
        "grassland": ("GRA", PURPLE),
        "wetland": ("WET", GREY),
        "cropland": ("CRO", "#7F3C00"),
    }
)

SPLITS: Mapping[str, str] = MappingProxyType(
    {
        "train": "training",
        "development": "development",
        "test": "test (held out)",
        "applied": "applied",
    }
)

DIVERGING = "RdBu_r"
CARBON_MAGNITUDE = "viridis"
WATER_AND_CLIMATE_MAGNITUDE = "cividis"
SIGNED = frozenset({"nbe", "nee", "ewt"})

WIDTH = 18 / 2.54
"""Width of a full-page figure, in inches (18 cm)."""

TITLE_MARGIN = 0.04
"""Least distance of a title from the right edge of the page, in inches."""

SHORTEST_LINE = 12
"""Characters of a line of a title below which it is not broken further."""

RC: Mapping[Any, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": 8,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.labelsize": 8,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "hatch.linewidth": 0.5,
        "mathtext.default": "regular",
        "figure.constrained_layout.use": True,
        # Text is a little wider or narrower at another resolution: it is laid out for the one that
        # is written.
        "figure.dpi": 150,
        "savefig.dpi": "figure",
        # Text stays text in the PDF, so that it can be searched and edited.
        "pdf.fonttype": 42,
        "image.cmap": CARBON_MAGNITUDE,
        "timezone": "UTC",
    }
)
"""Settings that differ from those that matplotlib ships with."""

_UNIT_TOKEN = re.compile(r"(?P<base>[^\d^-]+(?:2O)?)\^?(?P<power>-?[\d.]+)?")
_UNIT_TEXT = {"degC": "°C", "degrees_north": "°N", "degrees_east": "°E", "kgH2O": "kgH$_2$O"}


@contextmanager
def _settings() -> Iterator[None]:
    """Apply the settings of `RC` and restore those of the caller; a matplotlibrc has no effect."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw under the settings of `RC`, leaving those of the caller as they were."""

    @wraps(draw)
    def draw_styled(*arguments: Arguments.args, **options: Arguments.kwargs) -> Figure:
        with _settings():
            return draw(*arguments, **options)

    return draw_styled


def save(figure: Figure, png_path: str | Path, pdf_path: str | Path | None = None) -> None:
    """Write a figure as PNG (150 dots per inch) and, where a path is given, as PDF.

    Both files appear whole or not at all, and neither holds the time of its making, so that the
    same data give the same bytes.

    Parameters
    ----------
    figure
        Figure to write.
    png_path, pdf_path
        Paths of the files, whose folders are made; None leaves out the PDF.
    """
    with _settings():
        lay_out(figure)
        # Else each file would have the figure laid out and drawn once more before it is written.
        figure.set_layout_engine("none")
        with atomic_path(png_path) as temporary:
            figure.savefig(temporary, format="png")
        if pdf_path is not None:
            with atomic_path(pdf_path) as temporary:
                figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})


def lay_out(figure: Figure) -> None:
    """Find the place of everything in a figure, and break titles that would leave the page.

    Parameters
    ----------
    figure
        Figure to lay out, as `save` does before it writes.
    """
    # Only once they are drawn is it known what room the labels of a map's graticule take, and how
    # far axes of a fixed aspect shrink.
    twice = any(axes.name == "cartopy.geoaxes" or axes.get_aspect() == 1 for axes in figure.axes)
    for _ in range(2 if twice else 1):
        figure.draw_without_rendering()
    if _break_titles(figure):
        figure.draw_without_rendering()


def _break_titles(figure: Figure) -> bool:
    """Break lines of titles where they would leave the page; whether there was any such title.

    The layout keeps room for the height of a title, but not for its width.
    """
    most = figure.bbox.x1 - TITLE_MARGIN * figure.dpi
    broken = False
    for axes in figure.axes:
        for title in axes.get_children():
            if isinstance(title, Text) and title not in axes.texts and title.get_text():
                words = title.get_text()
                length = max(map(len, words.split("\n")))
                while title.get_window_extent().x1 > most and length > SHORTEST_LINE:
                    length -= 2
                    title.set_text(_broken(words, length))
                    broken = True
    return broken


def _broken(text: str, length: int) -> str:
    return "\n".join(
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, length, break_long_words=False, break_on_hyphens=False)
    )


DIMENSIONLESS = "–"  # noqa: RUF001 (the en dash is what journals print)


def format_units(units: str) -> str:
    """Format units as the tables write them for print.

    Parameters
    ----------
    units
        Units of the tables, for example ``gC m-2 day-1``; ``1`` means dimensionless.

    Returns
    -------
    str
        Units for print, for example ``gC m$^{-2}$ day$^{-1}$``; a dash for dimensionless.
    """
    if units == "1":
        return DIMENSIONLESS
    tokens = []
    for token in units.split():
        match = _UNIT_TOKEN.fullmatch(token)
        if match is None:
            tokens.append(token)
            continue
        base = _UNIT_TEXT.get(match["base"], match["base"])
        tokens.append(base + (f"$^{{{match['power']}}}$" if match["power"] else ""))
    return " ".join(tokens)


def facts(name: str) -> tuple[str, str]:
    """Long name and units of a variable, parameter, trait or target.

    Parameters
    ----------
    name
        A name of ``resources/variables.csv`` or ``resources/parameters.csv``, a target, or
        ``component_1``, ``component_2``, ...

    Raises
    ------
    InputError
        The tables do not know the name.
    """
    if name.startswith("component_"):
        return f"score on principal component {name.removeprefix('component_')}", "1"
    for table in (
        tables.OBSERVATIONS,
        tables.OUTPUTS,
        tables.TRAITS,
        tables.PARAMETERS,
        tables.PREDICTORS,
        tables.FORCING,
    ):
        if name in table:
            return table[name].long_name, table[name].units
    if name in OBSERVED_VARIABLES:
        return facts(OBSERVED_VARIABLES[name])
    raise InputError("resources", name, "a name of the variable or parameter table", "none such")


def number(value: float, form: str) -> str:
    """Format a number as axes do: with a true minus sign, and none before zero."""
    text = f"{value:{form}}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def plain(text: object) -> str:
    """Text of a user's file or configuration for a figure: in one line, and no mathematics."""
    return " ".join(str(text).split()).replace("$", r"\$")


def capitalise(text: str) -> str:
    """First letter in upper case, the rest as it is (unlike `str.capitalize`)."""
    return text[:1].upper() + text[1:]


def label(name: str) -> str:
    """Axis label of a variable: long name and units, for example ``Leaf area index (m2 m-2)``."""
    long_name, units = facts(name)
    return f"{capitalise(long_name)} ({format_units(units)})"


def order_targets(names: Iterable[str]) -> list[str]:
    """Targets in the order of the paper's figures, each once; others last, as they come."""
    given = list(dict.fromkeys(names))
    first = [name for name in TARGET_ORDER if name in given]
    return [*first, *(name for name in given if name not in first)]


def symbol(name: str) -> str:
    """Short label of a target or trait; other names with blanks for underscores."""
    if name.startswith("component_"):
        return f"PC{name.removeprefix('component_')}"
    return SYMBOLS.get(name, name.replace("_", " "))


def tick_label(name: str) -> str:
    """Name of a predictor or parameter, for example ``Needleleaf forest`` or ``Initial SOM``."""
    words = [word.upper() if word in ACRONYMS else word for word in name.split("_")]
    return capitalise(" ".join(words))


def cells_of(population: str) -> str:
    """Name of the cells of a population: all, or those of a plant type."""
    return "All cells" if population == "all" else tick_label(population)


def group_colour(group: str) -> str:
    """Colour of a predictor group: the same in every figure.

    Raises
    ------
    InputError
        No group of that name.
    """
    if group not in GROUP_COLOURS:
        raise InputError("figure", "group", f"one of {', '.join(GROUP_COLOURS)}", repr(group))
    return GROUP_COLOURS[group]


def colour_map(name: str) -> str:
    """Colour map of a variable: the same in every figure.

    Signed quantities diverge from zero; water and climate are cividis; all else is viridis.
    """
    if name in SIGNED or name.startswith("component_"):
        return DIVERGING
    _, units = facts(name)
    if units.startswith(("mm", "degC", "kgH2O", "hPa")) or name in ("vpd", "precipitation"):
        return WATER_AND_CLIMATE_MAGNITUDE
    return CARBON_MAGNITUDE


def colour_norm(name: str, values: npt.ArrayLike) -> Normalize:
    """Colour range of a variable: the central 98 % of its values, about zero where it is signed.

    Parameters
    ----------
    name
        The variable, as `colour_map` takes it.
    values
        Values to be coloured; NaN where there is none.
    """
    array = np.asarray(values, dtype=float)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return Normalize(0.0, 1.0)
    low, high = np.quantile(finite, [0.01, 0.99])
    if colour_map(name) == DIVERGING:
        return central_norm(finite)
    if low == high:
        margin = abs(low) * 0.05 or 1.0
        return Normalize(low - margin, high + margin)
    return Normalize(low, high)


def central_norm(values: npt.ArrayLike) -> Normalize:
    """Range that holds the central 98 % of the finite `values` and has zero in its middle."""
    array = np.asarray(values, dtype=float)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return centred_norm(finite)
    low, high = np.quantile(finite, [0.01, 0.99])
    return centred_norm(finite[(finite >= low) & (finite <= high)])


def centred_norm(values: npt.ArrayLike) -> Normalize:
    """Range that holds all finite `values` and has zero in its middle."""
    array = np.asarray(values, dtype=float)
    finite = array[np.isfinite(array)]
    bound = float(np.max(np.abs(finite))) if finite.size else 0.0
    return Normalize(-(bound or 1.0), bound or 1.0)


def say(axes: Axes, text: str) -> None:
    """Put a sentence in the middle of axes that show nothing else."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.35", wrap=True
    )


def panel_title(axes: Axes, position: int, text: str) -> None:
    """Title of the panel at `position` (from 0), with its letter: **a**, **b**, ..."""
    axes.set_title(f"$\\mathbf{{{chr(ord('a') + position)}}}$  {text}")

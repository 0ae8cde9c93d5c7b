"""Figures of attribution to groups, of trait-environment curves, and of the projection."""

from collections.abc import Iterator

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from differland.analysis.key_traits import KEY_TRAITS, SHOWN_PREDICTORS
from differland.figures import attribution, dependence, projection, style
from differland.tables import PREDICTOR_GROUPS, PREDICTORS, TRAITS

AWARE, AGNOSTIC = "PFT+CLIM+SOIL+AGE", "CLIM+SOIL+AGE"
GROUPS = ("PFT", "CLIM", "SOIL", "AGE")
OUTPUTS = (*TRAITS, "component_1", "component_2", "component_3")


KNOWN = {AGNOSTIC: list(SHOWN_PREDICTORS), AWARE: list(SHOWN_PREDICTORS)}


def render(figure: Figure) -> RendererAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def boxes(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Words on the page, and where they are; ticks beyond the axes are not drawn."""
    render(figure)
    drawn: list[matplotlib.text.Text] = []
    draw = matplotlib.text.Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            matplotlib.text.Text,
            "draw",
            lambda text, *rest, **more: (drawn.append(text), draw(text, *rest, **more)),
        )
        renderer = render(figure)
    for text in drawn:
        if text.get_text().strip() and text.get_visible():
            yield text.get_text(), text.get_window_extent(renderer).shrunk(0.9, 0.8)


def check_page(figure: Figure) -> None:
    """No text lies on another or beyond the page."""
    found = list(boxes(figure))
    page = figure.bbox
    for number, (words, box) in enumerate(found):
        assert page.x0 <= box.x0 and box.x1 <= page.x1, words
        assert page.y0 <= box.y0 and box.y1 <= page.y1, words
        for other_words, other in found[:number]:
            assert not box.overlaps(other), (words, other_words)


def make_groups(populations: tuple[str, ...]) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for population in populations:
        for output in OUTPUTS:
            shares, net = rng.dirichlet([3, 3, 2, 1], 2)
            for group, share, net_share in zip(GROUPS, shares, net, strict=True):
                rows.append((population, output, group, share, net_share, 1000))
    names = ["population", "output", "group", "share", "net_share", "n"]
    return pd.DataFrame(rows, columns=names)


def make_curves(
    populations: dict[str, str], predictors: tuple[str, ...] = SHOWN_PREDICTORS
) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    tables = []
    for name, trait in KEY_TRAITS.items():
        for predictor in predictors:
            for population, setup in populations.items():
                where = np.sort(rng.uniform(0, 30, 15))
                median = 10 + rng.normal(0, 3) + np.sin(where / 8)
                tables.append(
                    pd.DataFrame(
                        {
                            "setup": setup,
                            "population": population,
                            "trait": name,
                            "long_name": trait.long_name,
                            "units": trait.units,
                            "predictor": predictor,
                            "predictor_units": PREDICTORS[predictor].units,
                            "predictor_value": where,
                            "median": median,
                            "lower": median - 0.5,
                            "upper": median + 0.5,
                            "cells": 20,
                        }
                    )
                )
    return pd.concat(tables, ignore_index=True)


def make_projection(latitude: np.ndarray, longitude: np.ndarray, setups: list[str]) -> xr.Dataset:
    rng = np.random.default_rng(3)
    shape = (len(setups), len(KEY_TRAITS), latitude.size)
    change = rng.normal(size=shape) + np.sin(latitude / 10)
    dataset = xr.Dataset(
        {
            "change": (("setup", "trait", "cell"), change),
            "extrapolated": (
                ("predictor", "cell"),
                np.stack([latitude > np.median(latitude), 0 * latitude]).astype(np.int8),
            ),
        },
        coords={
            "setup": setups,
            "trait": list(KEY_TRAITS),
            "trait_units": ("trait", [trait.units for trait in KEY_TRAITS.values()]),
            "trait_long_name": ("trait", [trait.long_name for trait in KEY_TRAITS.values()]),
            "lat": ("cell", latitude),
            "lon": ("cell", longitude),
        },
        attrs={"aware": AWARE},
    )
    if len(setups) == 2:
        dataset["difference"] = (("trait", "cell"), 0.5 * change[0])
    return dataset


GLOBE = np.meshgrid(np.arange(-50.125, 75, 4), np.arange(-170.125, 175, 5))
TALL = np.meshgrid(np.arange(26.125, 66, 1.25), np.arange(70.125, 90, 1.25))


class TestGroupImportance:
    def test_bars_are_the_shares(self) -> None:
        table = make_groups(("all", "grassland", "deciduous_broadleaf_forest"))
        figure = attribution.draw_group_importance(table)
        check_page(figure)
        for axes, share in zip(figure.axes[:2], ("share", "net_share"), strict=True):
            for group in GROUPS:
                colour = to_rgba(style.GROUP_COLOURS[group])
                bars = [patch for patch in axes.patches if patch.get_facecolor() == colour]
                rows = table[(table["population"] == "all") & (table["group"] == group)]
                found = [bar.get_width() for bar in bars]
                np.testing.assert_allclose(found, 100 * rows[share])
        traits = table[~table["output"].str.startswith("component")]
        mean = traits[traits["group"] == "PFT"].groupby("population", sort=False)["share"].mean()
        bars = figure.axes[2].patches[:3]
        np.testing.assert_allclose([bar.get_width() for bar in bars], 100 * mean)
        assert "Deciduous broadleaf forest" in texts(figure)
        assert "Share of importance (%)" in texts(figure)

    def test_one_population(self) -> None:
        check_page(attribution.draw_group_importance(make_groups(("all",))))


class TestAttributionPage:
    def test_says_which_cells_and_how_many(self) -> None:
        rng = np.random.default_rng(4)
        table = pd.DataFrame(
            [
                ("mixed_forest", output, name, group, rng.gamma(2), 0.1, rng.normal(), 0.0, 1234)
                for output in attribution.COMPONENTS
                for group in GROUPS
                for name in PREDICTOR_GROUPS[group]
            ],
            columns=[
                *("population", "output", "predictor", "group", "mean_absolute_shap", "share"),
                *("quartile_difference", "mean_quartile_difference", "n"),
            ],
        )
        figure = attribution.draw_attribution(table, "mixed_forest")
        check_page(figure)
        assert "Mixed forest (n = 1,234)" in texts(figure)


class TestDependence:
    def test_every_population_has_its_curve(self) -> None:
        populations = {"all": AGNOSTIC} | dict.fromkeys(style.PLANT_TYPES, AWARE)
        table = make_curves(populations)
        figure = dependence.draw_dependence(table, KNOWN, AWARE)
        check_page(figure)
        assert len(figure.axes) == len(KEY_TRAITS) * len(SHOWN_PREDICTORS)
        for number, axes in enumerate(figure.axes):
            curves = [line for line in axes.lines if len(line.get_xdata())]
            assert len(curves) == len(populations)
            trait, predictor = divmod(number, len(SHOWN_PREDICTORS))
            chosen = table[
                (table["trait"] == list(KEY_TRAITS)[trait])
                & (table["predictor"] == SHOWN_PREDICTORS[predictor])
                & (table["population"] == "all")
            ]
            (dashed,) = [line for line in curves if line.get_linestyle() == "--"]
            np.testing.assert_allclose(dashed.get_ydata(), chosen["median"])
        words = texts(figure)
        for units in ("gC m-2 leaf day-1", "gC m-2 leaf", "mm year-1", "degC", "m"):
            assert f"({style.format_units(units)})" in words
        assert f"all cells, {AGNOSTIC}" in words

    def test_a_predictor_that_setups_lack_leaves_its_panels_out(self) -> None:
        known = SHOWN_PREDICTORS[:2]
        table = make_curves({"all": "CLIM", "grassland": "PFT+CLIM"}, known)
        predictors = {"CLIM": list(known), "PFT+CLIM": list(known)}
        figure = dependence.draw_dependence(table, predictors, "PFT+CLIM")
        check_page(figure)
        reason = "maximum canopy height\nis no predictor of\nCLIM,\nPFT+CLIM"
        assert texts(figure).count(reason) == len(KEY_TRAITS)

    def test_nothing_at_all(self) -> None:
        empty = make_curves({"all": AWARE}).iloc[:0]
        figure = dependence.draw_dependence(empty, KNOWN, AWARE)
        check_page(figure)
        assert texts(figure).count("is the same in all\nexplained cells") == 12


class TestProjection:
    @pytest.mark.parametrize("place", [GLOBE, TALL], ids=["globe", "tall"])
    def test_maps_of_both_setups_and_of_their_difference(
        self, place: tuple[np.ndarray, np.ndarray]
    ) -> None:
        latitude, longitude = (values.ravel() for values in place)
        dataset = make_projection(latitude, longitude, [AWARE, AGNOSTIC])
        figure = projection.draw_projection(dataset)
        check_page(figure)
        words = texts(figure)
        for letter in "abcdefghijkl":
            assert f"$\\mathbf{{{letter}}}$" in words
        units = style.format_units(TRAITS["canopy_efficiency"].units)
        assert f"Change ({units})" in words and f"Difference ({units})" in words
        assert f"a-d: change by {AWARE}; e-h: change by {AGNOSTIC}; i-l: their difference" in words
        by_setup = [bar for bar in figure.axes if bar.get_xlabel() == f"Change ({units})"]
        limits = {bar.get_xlim() for bar in by_setup}
        assert len(by_setup) == 2 and len(limits) == 1
        share = 100 * (latitude > np.median(latitude)).mean()
        assert f"({share:.0f} % of cells)" in words

    def test_dots_lie_where_most_cells_are_beyond_training(self) -> None:
        latitude, longitude = (values.ravel() for values in TALL)
        dataset = make_projection(latitude, longitude, [AWARE])
        figure = projection.draw_projection(dataset)
        check_page(figure)
        axes = figure.axes[0]
        dots = axes.collections[-1].get_offsets()
        assert 20 < len(dots) < latitude.size / 2
        assert dots[:, 1].min() > np.median(latitude) - 1.25
        assert dots[:, 1].max() > latitude.max() - 1.25
        assert f"a-d: change by {AWARE}" in texts(figure)
        assert "difference" not in texts(figure).lower()

    def test_no_dot_where_nothing_is_extrapolated(self) -> None:
        latitude, longitude = (values.ravel() for values in TALL)
        dataset = make_projection(latitude, longitude, [AWARE])
        dataset["extrapolated"][:] = 0
        figure = projection.draw_projection(dataset)
        assert "(0 % of cells)" in texts(figure)

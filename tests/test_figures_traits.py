"""Figures of trait axes and of the parameters: what they print, and how it fits."""

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text

from differland.analysis.agreement import (
    component_agreement,
    of_varying_traits,
    true_components,
    truth_agreement,
)
from differland.analysis.covariance import parameter_covariance
from differland.analysis.traits import principal_components
from differland.errors import InputError
from differland.figures import agreement, components, parameters, style
from differland.tables import PARAMETERS, TRAITS

NAMES = list(dict.fromkeys([*PARAMETERS, *TRAITS]))
SETUPS = ("PFT", "CLIM+SOIL+AGE", "PFT+CLIM+SOIL+AGE")
HALF_PAGE = 8 / 2.54


def make_parameters(seed: int = 1, noise: float = 0.3) -> xr.Dataset:
    """Parameters and traits of three members in a small region of the grid."""
    same, random = np.random.default_rng(0), np.random.default_rng(seed)
    east, north = (axis.ravel() for axis in np.meshgrid(np.arange(12), np.arange(10)))
    axes = same.normal(size=(3, east.size))
    data = {}
    for name in NAMES:
        row = PARAMETERS.get(name)
        share = 0.5 + 0.08 * same.normal(size=3) @ axes
        share = np.clip(share + 0.08 * noise * random.normal(size=(3, east.size)), 0.02, 0.98)
        low, high = (row.minimum, row.maximum) if row else (0.1, 3.0)
        data[name] = (("member", "cell"), low * (high / low) ** share)
    return xr.Dataset(
        data,
        coords={
            "member": ["01", "02", "03"],
            "lat": ("cell", 40.125 + 0.25 * north),
            "lon": ("cell", 10.125 + 0.25 * east),
        },
    )


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return principal_components(make_parameters(), 3)


@pytest.fixture(scope="module")
def agreed() -> pd.DataFrame:
    datasets = [make_parameters(seed) for seed in (1, 2, 3)]
    ensembles = {
        setup: principal_components(dataset, 3)
        for setup, dataset in zip(SETUPS, datasets, strict=True)
    }
    return component_agreement(ensembles, datasets)


@pytest.fixture(scope="module")
def case() -> tuple[xr.Dataset, xr.Dataset, pd.DataFrame]:
    own = make_parameters()
    names = list(TRAITS)
    values = np.stack([make_parameters(5, 0.0)[name][0].to_numpy() for name in names])
    values[2] = 2.0
    recovered = xr.Dataset(
        {"truth": (("quantity", "cell"), values.astype(np.float32))},
        coords={"quantity": names, "lat": own["lat"], "lon": own["lon"]},
    )
    truth = true_components(recovered, 3)
    found = principal_components(of_varying_traits(truth, own), 3)
    return truth, found, truth_agreement(truth, own)


@pytest.fixture(scope="module")
def covariance() -> xr.Dataset:
    return parameter_covariance(make_parameters(), xr.Dataset(), 0.8, 10)


def render(figure: Figure) -> RendererAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def shown(figure: Figure) -> list[Text]:
    """All text that is drawn: labels of ticks beyond the end of an axis are not."""
    unseen = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not axes.axison or not low <= tick.get_loc() <= high:
                    unseen |= {tick.label1, tick.label2}
        if not axes.axison:
            unseen |= {
                text
                for axis in (axes.xaxis, axes.yaxis, getattr(axes, "zaxis", axes.yaxis))
                for text in axis.findobj(Text)
            }
    return [
        text
        for text in figure.findobj(Text)
        if text not in unseen and text.get_visible() and text.get_text().strip()
    ]


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def check_layout(figure: Figure, some: list[Text] | None = None) -> None:
    """No text lies over another, and none leaves the page."""
    renderer = render(figure)
    # The extent of an annotation would hold its line too.
    boxes = [
        (text.get_text(), Text.get_window_extent(text, renderer)) for text in some or shown(figure)
    ]
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1, text
        assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text
    for (one, box), (two, other) in itertools.combinations(boxes, 2):
        assert not box.padded(-0.5).overlaps(other.padded(-0.5)), f"{one} and {two}"


@style.styled
def draw_panel(found: xr.Dataset, width: float) -> Figure:
    figure = Figure(figsize=(width, 2.6))
    components.add_loadings_in_space(figure, figure.add_gridspec(1, 1)[0], found)
    return figure


class TestLoadings:
    def test_all_traits_have_an_arrow_of_their_category(self, found: xr.Dataset) -> None:
        figure = components.draw_loadings(found)
        render(figure)
        labels = [text for text in figure.axes[0].texts if hasattr(text, "arrow_patch")]
        assert {text.get_text() for text in labels} == {style.symbol(name) for name in TRAITS}
        for text in labels:
            (trait,) = (name for name in TRAITS if style.symbol(name) == text.get_text())
            colour = matplotlib.colors.to_hex(text.arrow_patch.get_edgecolor())
            assert colour == style.TRAIT_COLOURS[style.TRAIT_CATEGORIES[trait]].lower()
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert legend == list(style.TRAIT_COLOURS)

    def test_numbers_are_the_loadings(self, found: xr.Dataset) -> None:
        figure = components.draw_loadings(found)
        axes = figure.axes[1]
        rows = [text.get_text() for text in axes.get_yticklabels()]
        for text in axes.texts:
            column, row = (round(value) for value in text.get_position())
            (trait,) = (name for name in TRAITS if style.symbol(name) == rows[row])
            expected = float(found["loadings"].sel(trait=trait, component=column + 1))
            printed = float(text.get_text().replace("\N{MINUS SIGN}", "-"))
            assert printed == pytest.approx(expected, abs=0.0051)
        assert f"{float(found['explained_variance_ratio'][0]):.1%}" in texts(figure)

    def test_a_category_stands_together(self, found: xr.Dataset) -> None:
        figure = components.draw_loadings(found)
        colours = [text.get_color() for text in figure.axes[1].get_yticklabels()]
        assert [key for key, _ in itertools.groupby(colours)] == list(style.TRAIT_COLOURS.values())

    @pytest.mark.parametrize("width", [style.WIDTH, HALF_PAGE])
    @pytest.mark.parametrize("case", ["as they are", "all the same", "all towards the eye"])
    def test_labels_do_not_overlap(self, found: xr.Dataset, width: float, case: str) -> None:
        part = found.copy(deep=True)
        if case == "all the same":
            part["loadings"][:] = 0.3 + 0.001 * part["loadings"]
        elif case == "all towards the eye":
            part["loadings"][:] = np.array([0.3, -0.4, 0.2]) + 0.01 * part["loadings"]
        figure = draw_panel(part, width)
        render(figure)
        labels = [text for text in figure.axes[0].texts if hasattr(text, "arrow_patch")]
        check_layout(figure, labels)
        check_layout(figure, [text for text in figure.axes[0].texts if text not in labels])

    def test_the_whole_figure_fits(self, found: xr.Dataset) -> None:
        check_layout(components.draw_loadings(found))

    def test_labels_lead_to_the_tips(self, found: xr.Dataset) -> None:
        """The line of each label ends where the arrow's tip is drawn."""
        figure = draw_panel(found, HALF_PAGE)
        render(figure)
        axes = figure.axes[0]
        for text in axes.texts:
            if hasattr(text, "arrow_patch"):
                (trait,) = (name for name in TRAITS if style.symbol(name) == text.get_text())
                tip = np.append(found["loadings"].sel(trait=trait).to_numpy(), 1)
                projected = axes.get_proj() @ tip
                np.testing.assert_allclose(text.xy, projected[:2] / projected[3], atol=1e-9)

    def test_two_components_make_no_space(self, found: xr.Dataset) -> None:
        with pytest.raises(InputError, match="at least 3"):
            components.draw_loadings(found.isel(component=[0, 1]))


class TestAgreement:
    def test_every_value_is_drawn(self, agreed: pd.DataFrame) -> None:
        figure = agreement.draw_component_agreement(agreed)
        render(figure)
        for axes, measure in zip(
            figure.axes, ("congruence", "score_correlation", "principal_angle"), strict=True
        ):
            drawn = [
                line.get_xdata() for line in axes.lines if line.get_marker() not in ("None", None)
            ]
            np.testing.assert_allclose(np.sort(np.concatenate(drawn)), np.sort(agreed[measure]))
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert names[0] == "PFT\nand CLIM+SOIL+AGE"
        assert names[-1] == "PFT+CLIM+SOIL+AGE\nits members"
        assert "degrees" in texts(figure)

    def test_texts_fit(self, agreed: pd.DataFrame) -> None:
        check_layout(agreement.draw_component_agreement(agreed))

    def test_one_setup_has_its_members(self, agreed: pd.DataFrame) -> None:
        alone = agreed[(agreed["comparison"] == "members") & (agreed["first"] == "PFT")]
        figure = agreement.draw_component_agreement(alone)
        check_layout(figure)
        assert len(figure.axes[0].get_yticklabels()) == 1

    def test_an_empty_table_is_refused(self, agreed: pd.DataFrame) -> None:
        with pytest.raises(InputError, match="at least one"):
            agreement.draw_component_agreement(agreed.iloc[:0])


class TestRecoveredComponents:
    def test_axes_point_the_same_way(self, case) -> None:
        truth, found, table = case
        # What was found is turned around, and so is the sign in the table.
        turned = found.assign(loadings=-found["loadings"], scores=-found["scores"])
        other = table.assign(sign=-table["sign"])
        one, two = (
            agreement.draw_recovered_components(truth, *pair)
            for pair in ((found, table), (turned, other))
        )
        for first, second in zip(one.axes, two.axes, strict=True):
            for line, again in zip(first.lines, second.lines, strict=True):
                np.testing.assert_allclose(line.get_xydata(), again.get_xydata())
        true, dots = one.axes[0].lines[:2]
        filled = truth["trait_standard_deviation"].to_numpy() > 0
        np.testing.assert_allclose(true.get_xdata(), truth["loadings"][filled, 0])
        assert len(dots.get_xdata()) == filled.sum() == 12
        assert np.dot(true.get_xdata(), dots.get_xdata()) > 0

    def test_printed_numbers_are_those_of_the_table(self, case) -> None:
        _, _, table = case
        figure = agreement.draw_recovered_components(*case)
        ensemble = table[table["second"] == "ensemble"]
        rows = ensemble[ensemble["traits"] == "varying"]
        printed = texts(figure)
        assert "that are the same everywhere in the truth (1)" in printed
        for row in ensemble[ensemble["traits"] == "all"].itertuples():
            assert f"{row.congruence:.2f}" in printed
        for row in rows.itertuples():
            assert f"True PC{row.component}, found PC{row.matched}" in printed
            assert f"congruence {row.congruence:.2f}" in printed
            assert f"|r| = {row.score_correlation:.2f}" in printed
            assert f"{row.principal_angle:.0f}°" in printed

    def test_texts_fit(self, case) -> None:
        check_layout(agreement.draw_recovered_components(*case))

    def test_a_table_without_the_ensemble_is_refused(self, case) -> None:
        truth, found, table = case
        with pytest.raises(InputError, match="ensemble"):
            agreement.draw_recovered_components(truth, found, table[table["second"] == "01"])


class TestParameterMaps:
    def test_mean_and_spread(self) -> None:
        dataset = make_parameters()
        figure = parameters.draw_parameter_map(dataset, "leaf_lifespan")
        render(figure)
        values = dataset["leaf_lifespan"].to_numpy()
        meshes = [
            next(part for part in axes.collections if isinstance(part, QuadMesh))
            for axes in figure.axes[:2]
        ]
        for mesh, field in zip(
            meshes, (values.mean(axis=0), values.std(axis=0, ddof=1)), strict=True
        ):
            np.testing.assert_allclose(np.asarray(mesh.get_array()).ravel(), field)
        assert meshes[0].get_cmap().name == style.colour_map("leaf_lifespan")
        assert meshes[1].norm.vmin == 0
        assert texts(figure).count("(year)") == 2
        assert "spread of 3 members" in texts(figure)
        check_layout(figure)

    @pytest.mark.parametrize("trait", TRAITS)
    def test_all_traits_have_units(self, trait: str) -> None:
        figure = parameters.draw_parameter_map(make_parameters(), trait)
        units = style.format_units(TRAITS[trait].units)
        assert texts(figure).count(f"({units})") == 2

    def test_the_globe_and_members_that_agree(self) -> None:
        dataset = make_parameters()
        dataset["q10"][:] = 2.0
        wide = dataset.assign_coords(lon=dataset["lon"] * 15 - 180, lat=dataset["lat"] * 20 - 830)
        figure = parameters.draw_parameter_map(wide, "q10")
        check_layout(figure)

    def test_what_is_missing_is_refused(self) -> None:
        dataset = make_parameters()
        with pytest.raises(InputError, match="q10"):
            parameters.draw_parameter_map(dataset.drop_vars("q10"), "q10")
        with pytest.raises(InputError, match="at least 2 members"):
            parameters.draw_parameter_map(dataset.isel(member=[0]), "q10")


class TestParameterCorrelation:
    def test_triangles(self, covariance: xr.Dataset) -> None:
        names = ["canopy_efficiency", "leaf_lifespan", "boese_r"]
        figure = parameters.draw_parameter_correlation(covariance, names)
        render(figure)
        (mesh,) = figure.axes[0].collections
        picture = np.ma.filled(mesh.get_array(), np.nan).reshape(3, 3)
        for row, column in itertools.product(range(3), repeat=2):
            if row == column:
                assert np.isnan(picture[row, column])
                continue
            source = "cells" if column > row else "members"
            expected = covariance[f"correlation_across_{source}"].sel(
                space="logarithm",
                population="all",
                parameter=names[row],
                other_parameter=names[column],
            )
            assert picture[row, column] == pytest.approx(float(expected))
        # Rows run downwards.
        assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]

    @pytest.mark.parametrize("count", [2, 13, 40])
    def test_texts_fit(self, covariance: xr.Dataset, count: int) -> None:
        figure = parameters.draw_parameter_correlation(covariance, list(PARAMETERS)[:count])
        render(figure)
        for labels in (figure.axes[0].get_xticklabels(), figure.axes[0].get_yticklabels()):
            assert len(labels) == count
            check_layout(figure, labels)
        check_layout(figure, [figure._suptitle, figure.axes[1].yaxis.label])

    @pytest.mark.parametrize("names", [[], ["boese_r"]])
    def test_too_few_say_so(self, covariance: xr.Dataset, names: list[str]) -> None:
        figure = parameters.draw_parameter_correlation(covariance, names)
        render(figure)
        assert "nothing to correlate" in texts(figure)

    def test_an_unknown_parameter_is_refused(self, covariance: xr.Dataset) -> None:
        with pytest.raises(InputError, match="q10"):
            parameters.draw_parameter_correlation(covariance, ["q10", "boese_r"])

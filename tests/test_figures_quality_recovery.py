"""Figures of the driver's quality and of what was recovered of a known truth."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from differland.errors import InputError
from differland.figures import quality, recovery, style
from differland.figures.identifiability import IDENTIFIABLE, NOT_IDENTIFIABLE
from differland.tables import PARAMETERS, PREDICTOR_GROUPS, TRAITS

QUANTITIES = list(dict.fromkeys([*PARAMETERS, *TRAITS]))


def render(figure: Figure) -> FigureCanvasAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def texts(figure: Figure) -> str:
    return "\n".join(artist.get_text() for artist in figure.findobj(matplotlib.text.Text))


def make_driver() -> xr.Dataset:
    """Make a driver of two touching patches of 4 x 4 cells of the grid, and three months."""
    east, north = np.meshgrid(np.arange(8) * 0.25 + 10.125, np.arange(4) * 0.25 + 40.125)
    random = np.random.default_rng(0)
    driver = xr.Dataset(
        coords={
            "lat": ("cell", north.ravel()),
            "lon": ("cell", east.ravel()),
            "patch": ("cell", (east.ravel() > 11).astype(int)),
            "time": pd.date_range("2001-01-01", periods=3, freq="MS"),
        }
    )
    driver["vpd"] = ("cell", "time"), random.uniform(2, 10, (32, 3))
    driver["sand"] = "cell", random.uniform(20, 60, 32)
    driver["lai"] = (
        ("cell", "time"),
        np.where(np.arange(32)[:, None] < 5, 2.0, np.nan) + np.zeros(3),
    )
    driver["nbe"] = ("patch", "time"), np.array([[0.1, 0.2, 0.3], [-0.4, -0.4, -0.4]])
    driver["co2"] = "time", [370.0, 371.0, 372.0]
    driver["biomass"] = ("cell", "time"), np.full((32, 3), np.nan)
    driver["lai_copernicus"] = driver["lai"] + 1
    return driver


class TestQuality:
    @pytest.mark.parametrize("name", ["vpd", "nbe", "sand", "lai_copernicus", "co2"])
    def test_axes_carry_units(self, name: str) -> None:
        figure = quality.draw_variable(make_driver(), name)
        render(figure)
        units = style.format_units(style.facts(name.removesuffix("_copernicus"))[1])
        assert figure.axes[-1].get_ylabel() or figure.axes[-1].get_xlabel()
        assert f"({units})" in texts(figure)

    def test_the_line_is_the_area_weighted_mean(self) -> None:
        driver = make_driver()
        figure = quality.draw_variable(driver, "vpd")
        area = np.cos(np.deg2rad(driver["lat"].to_numpy()))
        (series,) = (axes for axes in figure.axes if "VPD" in axes.get_ylabel() and axes.lines)
        np.testing.assert_allclose(
            series.lines[0].get_ydata(), area @ driver["vpd"].to_numpy() / area.sum()
        )

    def test_the_map_is_the_mean_over_time_of_what_is_known(self) -> None:
        driver = make_driver()
        driver["vpd"][3, 1:] = np.nan
        figure = quality.draw_variable(driver, "vpd")
        (mesh,) = (part for part in figure.axes[0].collections if isinstance(part, QuadMesh))
        picture = np.asarray(mesh.get_array()).reshape(4, 8)
        expected = np.nanmean(driver["vpd"].to_numpy(), axis=1).reshape(4, 8)
        np.testing.assert_allclose(picture, expected)
        assert "n = 32 of 32 cells" in texts(figure)

    def test_patch_values_fill_their_cells(self) -> None:
        figure = quality.draw_variable(make_driver(), "nbe")
        (mesh,) = (part for part in figure.axes[0].collections if isinstance(part, QuadMesh))
        picture = np.asarray(mesh.get_array()).reshape(4, 8)
        np.testing.assert_allclose(picture[:, :4], 0.2)
        np.testing.assert_allclose(picture[:, 4:], -0.4)
        assert mesh.get_cmap().name == style.DIVERGING
        assert "n = 2 of 2 patches" in texts(figure)

    def test_the_distribution_adds_up_to_the_whole_area(self) -> None:
        figure = quality.draw_variable(make_driver(), "sand")
        (axes,) = (axes for axes in figure.axes if axes.get_ylabel() == "Share of area (%)")
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(100)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("sif", "not in the driver"),
            ("clay", "not in the driver"),
            ("biomass", "no value in the driver"),
            ("lai_other", "Leaf area index, lai_other"),
        ],
    )
    def test_what_is_missing_says_so(self, name: str, words: str) -> None:
        figure = quality.draw_variable(make_driver(), name)
        render(figure)
        assert words in texts(figure)

    def test_a_remark_is_on_the_figure_and_within_the_page(self) -> None:
        remark = "; ".join(["median of 0.03 times the saturation vapour pressure (kPa?)"] * 5)
        figure = quality.draw_variable(make_driver(), "vpd", remark)
        renderer = render(figure).get_renderer()
        shown = figure.get_suptitle().replace("\n", " ")
        assert shown == remark
        assert figure._suptitle.get_color() == style.VERMILION
        assert figure._suptitle.get_window_extent(renderer).x1 <= figure.bbox.x1

    def test_an_unknown_variable_is_refused(self) -> None:
        with pytest.raises(InputError, match="leaf_area"):
            quality.draw_variable(make_driver(), "leaf_area")


def make_recovered(cells: int = 60) -> xr.Dataset:
    random = np.random.default_rng(4)
    shape = (len(QUANTITIES), cells)
    truth = random.uniform(1, 2, shape)
    truth[QUANTITIES.index("q10")] = 1.5
    return xr.Dataset(
        {
            "truth": (("quantity", "cell"), truth),
            "mean": (("quantity", "cell"), truth + 0.2 * random.standard_normal(shape)),
            "spread": (("quantity", "cell"), np.full(shape, 0.1)),
        },
        coords={
            "quantity": QUANTITIES,
            "lat": ("cell", random.uniform(-50, 70, cells)),
            "lon": ("cell", random.uniform(-180, 180, cells)),
            "test": ("cell", (np.arange(cells) % 4 == 0).astype(int)),
        },
    )


def make_table(cells: tuple[str, ...] = ("all", "test")) -> pd.DataFrame:
    random = np.random.default_rng(5)
    rows = []
    for quantity in QUANTITIES:
        varies = quantity not in ("q10", "temperature_sensitivity", "moisture_factor")
        for part in cells:
            pearson = random.uniform(-0.5, 1) if varies else np.nan
            kind = "parameter" if quantity in PARAMETERS else "trait"
            rows.append((quantity, kind, part, varies, pearson, quantity[0] < "m"))
    columns = ["quantity", "kind", "cells", "truth_varies", "pearson", "identifiable"]
    return pd.DataFrame(rows, columns=columns)


def make_importance() -> pd.DataFrame:
    random = np.random.default_rng(6)
    rows = []
    for output in (*TRAITS, "all traits"):
        names = [
            (name, group)
            for group in ("PFT", "CLIM", "SOIL", "AGE")
            for name in PREDICTOR_GROUPS[group]
        ]
        true, estimated = random.dirichlet(np.ones(len(names)), 2)
        if output == "q10":
            true = true * np.nan
        for (name, group), first, second in zip(names, true, estimated, strict=True):
            rows.append(("all", output, "predictor", name, group, first, second, 0.37, 0.4))
    columns = ["population", "output", "level", "name", "group", "true_share", "estimated_share"]
    return pd.DataFrame(rows, columns=[*columns, "correlation", "rank_correlation"])


class TestRecoveredTraits:
    def test_headline_traits_come_first_and_carry_their_correlation(self) -> None:
        table = make_table()
        figure = recovery.draw_recovered_traits(make_recovered(), table)
        render(figure)
        pearson = table.set_index(["quantity", "cells"])["pearson"]
        for axes, trait in zip(figure.axes, recovery.HEADLINE, strict=False):
            assert style.symbol(trait) in axes.get_title(loc="left")
            numbers = axes.texts[-1].get_text().replace("\N{MINUS SIGN}", "-")
            assert numbers == f"{pearson[trait, 'all']:.2f} | {pearson[trait, 'test']:.2f}"
            assert axes.get_xlabel() == style.format_units(TRAITS[trait].units)
        titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
        assert len(titles) == len(TRAITS)
        assert texts(figure).count("constant") == 1

    def test_points_are_cells_and_test_cells_have_a_colour(self) -> None:
        recovered = make_recovered()
        figure = recovery.draw_recovered_traits(recovered, make_table())
        train, test, line = figure.axes[0].lines[-3:]
        assert len(train.get_xdata()) == 45
        assert len(test.get_xdata()) == 15
        np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
        truth = recovered["truth"].sel(quantity=recovery.HEADLINE[0]).to_numpy()
        np.testing.assert_array_equal(test.get_xdata(), truth[::4])
        assert test.get_color() == recovery.TEST_COLOUR

    def test_many_cells_are_thinned_and_this_is_said(self) -> None:
        figure = recovery.draw_recovered_traits(make_recovered(5000), make_table(("all",)))
        assert "2,000 of 5,000 cells" in texts(figure)

    def test_titles_do_not_overlap(self) -> None:
        figure = recovery.draw_recovered_traits(make_recovered(), make_table())
        renderer = render(figure).get_renderer()
        for axes in figure.axes[: len(TRAITS)]:
            left, right = (
                part.get_window_extent(renderer) for part in (axes._left_title, axes._right_title)
            )
            assert left.x1 < right.x0

    def test_an_empty_table_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"recovery\.csv"):
            recovery.draw_recovered_traits(make_recovered(), make_table().iloc[:0])


class TestRecoveredMap:
    def test_truth_and_estimate_share_their_colours(self) -> None:
        recovered = make_recovered()
        figure = recovery.draw_recovered_map(recovered, "leaf_lifespan")
        render(figure)
        true, mean, difference = (
            next(part for part in axes.collections if isinstance(part, PathCollection))
            for axes in figure.axes[:3]
        )
        assert true.get_clim() == mean.get_clim()
        assert difference.get_clim()[0] == -difference.get_clim()[1]
        assert difference.get_cmap().name == style.DIVERGING
        part = recovered.sel(quantity="leaf_lifespan")
        np.testing.assert_allclose(difference.get_array(), part["mean"] - part["truth"])
        assert texts(figure).count("(year)") == 3

    def test_an_unknown_quantity_is_refused(self) -> None:
        with pytest.raises(InputError, match="leaf_area"):
            recovery.draw_recovered_map(make_recovered(), "leaf_area")


class TestRecovery:
    def test_one_bar_per_parameter_in_the_colour_of_its_identifiability(self) -> None:
        table = make_table()
        figure = recovery.draw_recovery(table)
        render(figure)
        axes = figure.axes[0]
        rows = table[(table["cells"] == "all") & (table["kind"] == "parameter")]
        by_label = rows.set_index(rows["quantity"].map(style.tick_label))
        names = [label.get_text() for label in axes.get_yticklabels()]
        assert sorted(names) == sorted(by_label.index)
        for name, bar in zip(names, axes.patches, strict=True):
            row = by_label.loc[name]
            np.testing.assert_equal(bar.get_width(), row["pearson"])
            colour = IDENTIFIABLE if row["identifiable"] else NOT_IDENTIFIABLE
            assert to_hex(bar.get_facecolor()) == colour.lower()
        assert texts(figure).count("truth the same everywhere") == 2
        assert f"members agree ({rows['identifiable'].sum()})" in texts(figure)
        test = table[table["cells"] == "test"]
        test = test.set_index(test["quantity"].map(style.tick_label))
        np.testing.assert_allclose(axes.lines[0].get_xdata(), test.loc[names, "pearson"])

    def test_without_a_test_set(self) -> None:
        figure = recovery.draw_recovery(make_table(("all",)))
        render(figure)
        assert "test patches" not in texts(figure)

    def test_an_empty_table_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"recovery\.csv"):
            recovery.draw_recovery(make_table().iloc[:0])


class TestImportance:
    def test_shares_stand_where_their_names_are(self) -> None:
        table = make_importance()
        figure = recovery.draw_importance(table)
        render(figure)
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        traits = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        rows = table.set_index(["output", "name"])
        for axes, column in zip(figure.axes, ("true_share", "estimated_share"), strict=False):
            (mesh,) = (part for part in axes.collections if isinstance(part, QuadMesh))
            picture = np.ma.filled(np.ma.asarray(mesh.get_array()), np.nan)
            picture = picture.reshape(len(names), len(traits))
            row, position = names.index("Sand"), traits.index(style.symbol("leaf_lifespan"))
            assert picture[row, position] == rows.loc[("leaf_lifespan", "sand"), column]
        assert texts(figure).count("the same in all cells") == 1
        assert f"{style.symbol('leaf_lifespan')}  (0.37)" in texts(figure)

    def test_the_mean_of_traits_is_drawn_beside_it(self) -> None:
        table = make_importance()
        axes = recovery.draw_importance(table).axes[2]
        overall = table[table["output"] == "all traits"]
        widths = [bar.get_width() for bar in axes.patches]
        np.testing.assert_allclose(widths, overall["estimated_share"])
        np.testing.assert_allclose(axes.lines[0].get_xdata(), overall["true_share"])

    def test_no_trait_that_varies_says_so(self) -> None:
        table = make_importance()
        figure = recovery.draw_importance(table[table["output"] != "all traits"])
        assert "no trait\nvaries in both" in texts(figure)

    def test_an_absent_population_is_refused(self) -> None:
        with pytest.raises(InputError, match="savanna"):
            recovery.draw_importance(make_importance(), "savanna")

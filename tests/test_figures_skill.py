"""Figures of skill, predictor groups, towers and biomass: what they print, and that it is clear."""

import re
from itertools import combinations
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text
from test_figures import make_driver, make_patches, make_simulation

from differland.analysis.biomass import compare_biomass
from differland.analysis.sites import compare_sites
from differland.errors import InputError
from differland.figures import biomass, heterogeneity, partition, sites, skill, style
from differland.terms import OBSERVABLES

GROUPS = ("PFT", "CLIM", "SOIL", "AGE")
SETUPS = ("PFT", "CLIM+SOIL+AGE", "PFT+CLIM+SOIL+AGE")
REGION = [
    values.ravel() for values in np.meshgrid(np.arange(40.125, 52, 0.5), np.arange(8.125, 20, 0.25))
]
GLOBE = [
    values.ravel() for values in np.meshgrid(np.arange(-50.125, 70, 4), np.arange(-170.125, 180, 4))
]


def assert_readable(figure: Figure) -> str:
    """No text leaves the page or covers another; gives all texts."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn: dict[Text, None] = {}
    draw = Text.draw

    def remember(text: Text, renderer: RendererAgg) -> None:
        drawn[text] = None
        draw(text, renderer)

    # Axes have labels of ticks beyond their ends, which are not drawn.
    with mock.patch.object(Text, "draw", remember):
        canvas.draw()
    page = figure.bbox.padded(1.0)
    boxes = []
    for text in drawn:
        box = text.get_window_extent(canvas.get_renderer())
        if text.get_visible() and text.get_text().strip() and box.width > 0:
            words = repr(text.get_text())
            assert page.x0 <= box.x0 and box.x1 <= page.x1, f"{words} leaves the page"
            assert page.y0 <= box.y0 and box.y1 <= page.y1, f"{words} leaves the page"
            boxes.append((text.get_text(), box))
    for (one, a), (other, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1.5 or along < 1.5, f"{one!r} covers {other!r}"
    return "\n".join(text for text, _ in boxes)


def make_errors() -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = []
    for target in OBSERVABLES:
        for setup, level in zip(SETUPS, (1.0, 0.9, 0.8), strict=True):
            key = {"setup": setup, "target": target, "mae": 1.0, "units": "1", "patches": 95}
            for member in range(10):
                value = level * random.normal(1, 0.02)
                rows.append(key | {"prediction": f"{member:02d}", "normalised": value})
            for prediction in ("members", "ensemble"):
                ends = {"lower": 0.95 * level, "upper": 1.04 * level}
                rows.append(key | {"prediction": prediction, "normalised": level} | ends)
    return pd.DataFrame(rows)


class TestNormalisedErrors:
    def test_bars_reach_from_one_to_the_mean_of_the_members(self) -> None:
        figure = skill.draw_normalised_errors(make_errors(), "PFT")
        words = assert_readable(figure)
        axes = figure.axes[0]
        bars = [bar for bar in axes.patches if np.isfinite(bar.get_x())]
        assert len(bars) == len(OBSERVABLES) * len(SETUPS)
        tops = {round(bar.get_y() + bar.get_height(), 6) for bar in bars}
        assert tops == {1.0, 0.9, 0.8}
        low, high = axes.get_ylim()
        assert low < 0.76 and high > 1.04
        assert "LAI\n(95)" in words
        assert "that of PFT" in words

    def test_intervals_are_those_of_the_table(self) -> None:
        figure = skill.draw_normalised_errors(make_errors(), "PFT")
        lines = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
        ends = {
            tuple(np.round(segment[:, 1], 6)) for line in lines for segment in line.get_segments()
        }
        assert ends == {(0.95, 1.04), (0.855, 0.936), (0.76, 0.832)}

    def test_targets_are_in_the_order_of_the_paper(self) -> None:
        figure = skill.draw_normalised_errors(make_errors(), "PFT")
        labels = [label.get_text().split("\n")[0] for label in figure.axes[0].get_xticklabels()]
        assert labels[:5] == ["LAI", "NBE", "SIF", "EWT", "ET"]

    def test_an_empty_table_is_refused(self) -> None:
        with pytest.raises(InputError, match="at least one target"):
            skill.draw_normalised_errors(make_errors().iloc[:0], "PFT")


def make_metrics() -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = []
    for number, target in enumerate(OBSERVABLES):
        for split in ("train", "development", "test"):
            for domain in ("space-time", "space", "time"):
                for member in ("01", "02", "03"):
                    r2 = 0.9 - 0.05 * number + random.normal(0, 0.01)
                    r2 = -7.25 if (target, domain) == ("fire", "time") else r2
                    rows.append((member, split, target, domain, r2))
        rows.append(("ensemble", "test", target, "space-time", 0.99))
    return pd.DataFrame(rows, columns=["member", "split", "target", "domain", "R2"])


class TestSkill:
    def test_marks_are_means_over_the_members(self) -> None:
        metrics = make_metrics()
        figure = skill.draw_skill(metrics)
        words = assert_readable(figure)
        of_lai = metrics[(metrics["target"] == "lai") & (metrics["member"] != "ensemble")]
        rows = of_lai[(of_lai["domain"] == "space") & (of_lai["split"] == "test")]
        bars = [c.get_children()[0] for c in figure.axes[1].containers]
        marks = [bar.get_ydata()[0] for bar in bars if round(bar.get_xdata()[0] - 0.26, 6) == 0]
        assert marks == [pytest.approx(rows["R2"].mean())]
        for title in ("Total", "Spatial", "Temporal"):
            assert title in words

    def test_what_is_far_below_zero_is_told(self) -> None:
        figure = skill.draw_skill(make_metrics())
        assert assert_readable(figure).count("\N{MINUS SIGN}7.2") == 3
        assert figure.axes[2].get_ylim()[0] > -1

    def test_one_member_has_no_spread(self) -> None:
        metrics = make_metrics()
        assert_readable(skill.draw_skill(metrics[metrics["member"] == "01"]))
        with pytest.raises(InputError, match="single members"):
            skill.draw_skill(metrics[metrics["member"] == "ensemble"])


@pytest.mark.parametrize("place", [REGION, GLOBE], ids=["region", "globe"])
class TestMaps:
    def test_skill(self, place: list[np.ndarray]) -> None:
        latitude, longitude = place
        random = np.random.default_rng(2)
        values = np.tanh(random.normal(0.5, 0.5, (2, latitude.size)))
        values[1] = np.nan
        cells = xr.Dataset(
            {
                "ensemble_R2": (("target", "cell"), values),
                "ensemble_correlation": (("target", "cell"), values),
            },
            coords={
                "target": ["lai", "gpp_site"],
                "lat": ("cell", latitude),
                "lon": ("cell", longitude),
            },
        )
        words = assert_readable(skill.draw_skill_maps(cells, "lai"))
        assert words.count(f"median {np.median(values[0]):.2f}, n = {latitude.size:,} cells") == 2
        assert "nowhere enough" in assert_readable(skill.draw_skill_maps(cells, "gpp_site"))
        with pytest.raises(InputError, match="one of lai, gpp_site"):
            skill.draw_skill_maps(cells, "clay")
        assert "nowhere enough" in assert_readable(skill.draw_skill_maps(cells, "nbe"))

    @pytest.mark.parametrize("count", [1, 3, 4])
    def test_contributions(self, place: list[np.ndarray], count: int) -> None:
        latitude, longitude = place
        random = np.random.default_rng(3)
        values = random.normal(0.1, 0.1, (2, count, latitude.size))
        values[1] = np.nan
        cells = xr.Dataset(
            {"contribution": (("target", "group", "cell"), values)},
            coords={
                "target": ["nbe", "soc"],
                "group": list(GROUPS[:count]),
                "lat": ("cell", latitude),
                "lon": ("cell", longitude),
            },
        )
        figure = partition.draw_contribution_maps(cells, "nbe")
        words = assert_readable(figure)
        means = values[0].mean(axis=1)
        below = 100 * (values[0] < 0).mean(axis=1)
        for group, mean, percent in zip(GROUPS[:count], means, below, strict=True):
            share = 100 * mean / means.sum()
            assert (
                f"{group} for NBE\nmean {mean:.3f} ({share:.0f} %), < 0 in {percent:.0f} %" in words
            )
        for mesh in figure.findobj(QuadMesh):
            if mesh.get_cmap().name == style.DIVERGING:
                assert mesh.norm.vmin == -mesh.norm.vmax
        assert "nowhere enough" in assert_readable(partition.draw_contribution_maps(cells, "soc"))
        with pytest.raises(InputError, match="one of nbe, soc"):
            partition.draw_contribution_maps(cells, "clay")
        assert "nowhere enough" in assert_readable(partition.draw_contribution_maps(cells, "lai"))

    def test_biomass(self, place: list[np.ndarray]) -> None:
        latitude, longitude = place
        random = np.random.default_rng(4)
        values = {
            "observed_mean": random.uniform(0, 9000, latitude.size),
            "modelled_mean": random.uniform(0, 9000, latitude.size),
            "observed_trend": random.normal(0, 9, latitude.size),
            "modelled_trend": np.full(latitude.size, np.nan),
        }
        cells = xr.Dataset(
            {
                name: ("cell", field, {"units": "gC m-2" + " year-1" * ("trend" in name)})
                for name, field in values.items()
            },
            coords={"lat": ("cell", latitude), "lon": ("cell", longitude)},
        )
        words = assert_readable(biomass.draw_biomass_maps(cells))
        assert "Trend of biomass (gC m$^{-2}$ year$^{-1}$)" in words
        assert "too few years" in words
        for name in values:
            cells[name][:] = np.nan
        assert assert_readable(biomass.draw_biomass_maps(cells)).count("too few years") == 2


class TestHeterogeneity:
    @pytest.fixture
    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows, bins = [], []
        for target in OBSERVABLES:
            key = {"target": target, "measure": "contribution", "unit": "cell", "n": 245000}
            rows.append(
                key | {"patches": 944, "spearman": 0.321, "p": 0.0, "lower": 0.2, "upper": 0.4}
            )
            for number in range(10):
                middle = {"heterogeneity": 0.2 * number, "median": 0.1 + 0.01 * number}
                bins.append(key | middle | {"quartile_1": 0.05, "quartile_3": 0.3})
        table = pd.DataFrame(rows)
        table.loc[3, ["spearman", "p"]] = np.nan
        table.loc[4, "p"] = 0.023
        return table, pd.DataFrame(bins)

    def test_correlations_are_printed(self, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        words = assert_readable(heterogeneity.draw_heterogeneity(*tables))
        assert words.count("$r_s$ = 0.32, p < 0.001\nn = 245,000") == len(OBSERVABLES) - 2
        assert "p = 0.023" in words
        assert "undefined" in words
        assert "Shannon index" in words

    def test_one_target_and_none(self, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        table, bins = tables
        assert_readable(heterogeneity.draw_heterogeneity(table.iloc[:1], bins))
        nothing = heterogeneity.draw_heterogeneity(table.iloc[:1].assign(n=0), bins.iloc[:0])
        assert "no target" in assert_readable(nothing)
        with pytest.raises(InputError, match="at least one target"):
            heterogeneity.draw_heterogeneity(table.iloc[:0], bins)


@pytest.fixture
def study() -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    driver = make_driver(40, 6)
    patches = make_patches(driver)
    return driver, patches, make_simulation(driver, patches)


class TestGradients:
    def test_printed_numbers_are_those_of_the_table(
        self, study: tuple[xr.Dataset, xr.Dataset, xr.Dataset]
    ) -> None:
        means, skills = compare_sites(*study)
        figure = sites.draw_gradients(means, skills)
        words = assert_readable(figure)
        rows = skills.set_index(["target", "split", "domain"])
        for target in ("gpp_site", "reco_site", "et_site"):
            for split, name in (("all", "all sites"), ("test", "held out")):
                row = rows.loc[target, split, "space"]
                assert (
                    f"{name}: n = {row['sites']}\nr = {row['correlation']:.2f},"
                    f" R$^2$ = {row['R2']:.2f}\nRMSE = {row['rmse']:.2f}"
                ) in words
        assert "Modelled (gC m$^{-2}$ day$^{-1}$)" in words
        dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
        assert sum(len(line.get_xdata()) for line in dots[:2]) == 40

    def test_no_tower_is_told(self, study: tuple[xr.Dataset, xr.Dataset, xr.Dataset]) -> None:
        driver, patches, simulation = study
        for term in OBSERVABLES.values():
            if term.support == "site":
                driver[term.variable][:] = np.nan
        tables = compare_sites(driver, patches, simulation)
        assert "no tower" in assert_readable(sites.draw_gradients(*tables))


class TestSiteMap:
    SITES = pd.DataFrame(
        {
            **{"site": ["AA-One", "AA-Two", "AA-Tre", "AA-Fou"], "used": [True, True, False, True]},
            **{"igbp": ["ENF", "DNF", "GRA", ""], "split": ["train", "test", "train", "train"]},
            "plant_type": ["needleleaf_forest", "needleleaf_forest", "grassland", ""],
            **{"latitude": [50.1, 51.2, 52.3, 53.0], "longitude": [10.1, 12.0, 11.0, 9.0]},
            "cell": [0, 1, 2, 3],
        }
    )

    def test_classes_splits_and_unused_sites_are_counted(self) -> None:
        words = assert_readable(sites.draw_site_map(self.SITES))
        for label in ("DNF, ENF (2)", "class not told (1)", "training (2)", "test (held out) (1)"):
            assert label in words
        assert "not used (1)" in words and "GRA" not in words

    def test_each_entry_of_the_legend_has_a_look_of_its_own(self) -> None:
        handles = sites.draw_site_map(self.SITES).legends[0].legend_handles
        looks = [(handle.get_marker(), handle.get_markerfacecolor()) for handle in handles]
        assert len(set(looks)) == len(looks)

    def test_no_site_is_told(self) -> None:
        nothing = self.SITES.iloc[:0].astype(object)
        assert "no flux tower" in assert_readable(sites.draw_site_map(nothing))


class TestBiomassYears:
    def test_trends_are_printed(self, study: tuple[xr.Dataset, xr.Dataset, xr.Dataset]) -> None:
        _, years, table = compare_biomass(*study, "biomass", 12)
        figure = biomass.draw_biomass_years(years, table)
        words = assert_readable(figure)
        row = table[table["quantity"] == "total_trend"].iloc[0]
        printed = re.search(r"observed: (\S+) ± (\S+) PgC", words)
        assert printed is not None
        assert float(printed[1]) == pytest.approx(row["observed"], rel=0.01)
        assert float(printed[2]) == pytest.approx(row["observed_error"], rel=0.01)
        assert "40 cells" in words
        assert "PgC" in words

    def test_two_years_have_no_trend(
        self, study: tuple[xr.Dataset, xr.Dataset, xr.Dataset]
    ) -> None:
        _, years, table = compare_biomass(*study, "biomass", 48)
        assert "Trend" not in assert_readable(biomass.draw_biomass_years(years, table))
        assert "no cell" in assert_readable(biomass.draw_biomass_years(years.iloc[:0], table))
        (axes,) = biomass.draw_biomass_years(years.iloc[:1], table.iloc[:0]).axes
        assert axes.get_xticks().tolist() == years["year"].iloc[:1].tolist()

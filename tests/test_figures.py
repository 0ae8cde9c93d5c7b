"""Every figure: it draws, its axes carry units, and the numbers printed in it are right."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cartopy.crs as ccrs
import jinja2
import matplotlib
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
import yaml
from cartopy.mpl.gridliner import Gridliner
from matplotlib import cbook
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from sklearn.metrics import r2_score, root_mean_squared_error

from differland import tables
from differland.analysis.sites import Towers
from differland.errors import InputError
from differland.figures import (
    attribution,
    components,
    fit,
    identifiability,
    losses,
    maps,
    partition,
    sites,
    style,
)
from differland.terms import OBSERVABLES, OBSERVED_VARIABLES

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "workflow" / "report"
GROUPS = ("PFT", "CLIM", "SOIL", "AGE")
SPIN_UP = 12
SLOTS = 8
MEAN = {"ewt": 0.0, "nbe": -0.2, "biomass": 4000.0, "soc": 9000.0, "fire": 0.05, "vod": 0.4}


def make_driver(cells: int = 12, years: int = 3, seed: int = 1) -> xr.Dataset:
    """Make a driver with an observation of every target, patches of four cells."""
    random = np.random.default_rng(seed)
    months = 12 * years
    count = -(-cells // 4)
    season = np.sin(2 * np.pi * (np.arange(months) - 3) / 12)
    data: dict[str, tuple] = {}
    for target, observable in OBSERVABLES.items():
        name = OBSERVED_VARIABLES[target]
        rows = count if observable.support == "patch" else cells
        level = MEAN.get(observable.quantity, 2.0)
        if observable.resolution == "static":
            data[name] = ("cell", level * (1 + 0.3 * random.standard_normal(cells)))
            continue
        values = level * (1 + 0.4 * random.standard_normal((rows, 1)))
        scale = abs(level) or 40.0
        values = values + scale * (0.6 * season + 0.1 * random.standard_normal((rows, months)))
        if observable.resolution == "year":
            values = values.reshape(rows, years, 12).mean(axis=2).repeat(12, axis=1)
        data[name] = ("patch" if observable.support == "patch" else "cell", "time"), values
    data["mean_annual_temperature"] = ("cell", random.normal(10, 8, cells))
    return xr.Dataset(
        data,
        coords={
            "lat": ("cell", random.uniform(-50, 70, cells)),
            "lon": ("cell", random.uniform(-180, 180, cells)),
            "patch": ("cell", np.arange(cells) // 4),
            "site": ("cell", [f"AA-{cell:03d}" for cell in range(cells)]),
            "time": pd.date_range("2001-01-01", periods=months, freq="MS") + pd.Timedelta("14D"),
        },
    )


def make_patches(driver: xr.Dataset) -> xr.Dataset:
    """List the cells of each patch of a driver; every third patch is held out."""
    number = driver["patch"].to_numpy()
    count = int(number.max()) + 1
    slots = np.full((count, max(SLOTS, np.bincount(number).max())), -1, dtype=np.int32)
    for patch in range(count):
        members = np.flatnonzero(number == patch)
        slots[patch, : len(members)] = members
    return xr.Dataset(
        {
            "cell": (("patch", "slot"), slots),
            "test": ("patch", (np.arange(count) % 3 == 2).astype(np.int8)),
            "bulk": ("patch", (np.arange(count) % 4 != 3).astype(np.int8)),
            "number": ("patch", np.arange(count, dtype=np.int32)),
        }
    )


def make_simulation(driver: xr.Dataset, patches: xr.Dataset, seed: int = 2) -> xr.Dataset:
    """Simulate what the driver observes, with errors."""
    random = np.random.default_rng(seed)
    cells, months = driver.sizes["cell"], driver.sizes["time"]
    number = driver["patch"].to_numpy()
    data: dict[str, tuple] = {}
    for target, observable in OBSERVABLES.items():
        if target == "fire_cell":
            continue  # the same fires as of patches
        name = OBSERVED_VARIABLES[target]
        if name not in driver:
            values = 2 + random.standard_normal((cells, months))
        else:
            values = driver[name].to_numpy().astype(float)
        if observable.resolution == "static":
            values = np.broadcast_to(values, (cells,))
        elif observable.support == "patch" and name in driver:
            values = values[number]
        error = 0.3 * np.nanstd(values)
        values = np.where(np.isfinite(values), values, np.nanmean(values))
        values = values + error * random.standard_normal(values.shape)
        dims = ("cell",) if values.ndim == 1 else ("cell", "time")
        data[observable.quantity] = (dims, values.astype(np.float32))
        data[f"{observable.quantity}_spread"] = (dims, np.full(values.shape, error, np.float32))
    data["test"] = ("cell", patches["test"].to_numpy()[number])
    return xr.Dataset(
        data, coords={name: driver[name] for name in ("lat", "lon", "patch", "site", "time")}
    )


def make_partition(seed: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for target, observable in OBSERVABLES.items():
        for split in ("test", "train"):
            shares = random.dirichlet([4, 3, 1.5, 2]) * random.uniform(0.3, 0.9)
            if target == "ewt":
                shares[2] = -0.05
            total = shares.sum()
            for group, value in zip((*GROUPS, "total"), (*shares, total), strict=True):
                rows.append(
                    (target, observable.support, "space-time", split, group, value, value / total)
                )
    names = ["target", "support", "domain", "split", "group", "contribution", "share"]
    return pd.DataFrame(rows, columns=names)


def make_partition_cells(latitude: np.ndarray, longitude: np.ndarray) -> xr.Dataset:
    targets = ("lai", "et", "nbe")
    pattern = (np.sin(np.deg2rad(longitude * 3)) + np.cos(np.deg2rad(latitude * 5)) + 2) / 4.0001
    dominant = np.stack([(pattern * 4 + shift).astype(int) % 4 for shift in range(3)])
    dominant[0, :1] = -1
    return xr.Dataset(
        {
            "contribution": (("target", "group", "cell"), np.zeros((3, 4, latitude.size))),
            "dominant": (("target", "cell"), dominant.astype(np.int8)),
        },
        coords={
            "target": list(targets),
            "group": list(GROUPS),
            "lat": ("cell", latitude),
            "lon": ("cell", longitude),
        },
    )


def make_identifiability(seed: int = 4) -> pd.DataFrame:
    cv = np.random.default_rng(seed).lognormal(-0.8, 0.6, len(tables.PARAMETERS))
    return pd.DataFrame(
        {
            "parameter": list(tables.PARAMETERS),
            "units": [row.units for row in tables.PARAMETERS.values()],
            "median_cv": cv,
            "identifiable": cv < 0.6,
            "threshold": 0.6,
        }
    )


def make_components(latitude: np.ndarray, longitude: np.ndarray, count: int = 4) -> xr.Dataset:
    random = np.random.default_rng(5)
    traits = list(tables.TRAITS)
    scores = np.stack(
        [
            4 * np.sin(np.deg2rad(latitude * (k + 2))) + np.cos(np.deg2rad(longitude * (k + 1)))
            for k in range(count)
        ],
        axis=1,
    )
    loadings = np.linalg.qr(random.standard_normal((len(traits), len(traits))))[0][:, :count]
    ratio = np.array([0.532, 0.221, 0.105, 0.05])[:count]
    return xr.Dataset(
        {
            "loadings": (("trait", "component"), loadings),
            "explained_variance_ratio": ("component", ratio),
            "scores": (("cell", "component"), scores),
        },
        coords={
            "trait": traits,
            "component": np.arange(1, count + 1),
            "lat": ("cell", latitude),
            "lon": ("cell", longitude),
        },
    )


def make_attribution(populations: tuple[str, ...] = ("all", "grassland")) -> pd.DataFrame:
    random = np.random.default_rng(6)
    rows = []
    for population in populations:
        for output in (*tables.TRAITS, "component_1", "component_2", "component_3"):
            for group in GROUPS:
                for predictor in tables.PREDICTOR_GROUPS[group]:
                    value = random.gamma(1.2, 0.3)
                    difference = value * random.normal(0, 1.5)
                    rows.append(
                        (population, output, predictor, group, value, 0.05, difference, 1000)
                    )
    names = ["population", "output", "predictor", "group", "mean_absolute_shap", "share"]
    return pd.DataFrame(rows, columns=[*names, "quartile_difference", "n"])


def make_losses(seeds: int = 4, epochs: int = 20) -> dict[str, dict[str, pd.DataFrame]]:
    random = np.random.default_rng(7)
    losses: dict[str, dict[str, pd.DataFrame]] = {"develop": {}, "final": {}}
    for stage, members in losses.items():
        for seed in range(1, seeds + 1):
            rows = []
            level = random.uniform(200, 500)
            for epoch in range(1, epochs + 1):
                total = level + 5000 * np.exp(-epoch / 8) * random.uniform(0.9, 1.1)
                rows.append((epoch, "train", 1.0, 0.1, total))
                if stage == "develop":
                    rows.append((epoch, "development", np.nan, np.nan, 1.2 * total))
            names = ["epoch", "split", "gradient_norm", "clipped_fraction", "total"]
            members[f"{seed:02d}"] = pd.DataFrame(rows, columns=names)
    return losses


ENSEMBLES = {
    stage: {"stage": stage, "setup": "PFT", "selected": ["01", "03"], "rejected": ["02", "04"]}
    for stage in ("develop", "final")
}


@pytest.fixture(scope="module")
def driver() -> xr.Dataset:
    return make_driver()


@pytest.fixture(scope="module")
def patches(driver: xr.Dataset) -> xr.Dataset:
    return make_patches(driver)


@pytest.fixture(scope="module")
def simulation(driver: xr.Dataset, patches: xr.Dataset) -> xr.Dataset:
    return make_simulation(driver, patches)


def render(figure: Figure) -> RendererAgg:
    """Draw every artist, as saving would."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(figure: Figure) -> str:
    """All text of a figure, also in insets and titles on either side."""
    found = []
    for artist in figure.findobj(matplotlib.text.Text):
        found.append(artist.get_text())
    return "\n".join(found)


def panel_texts(axes: Axes) -> str:
    return "\n".join(text.get_text() for text in axes.texts)


@style.styled
def map_of(cells: xr.Dataset, variable: str) -> Figure:
    """One map of a variable, its mean over other dimensions than cells."""
    values = cells[variable].mean([name for name in cells[variable].dims if name != "cell"])
    latitude, longitude = maps.coordinates(cells)
    figure, (axes,) = maps.figure_of_maps(maps.window_of(latitude, longitude))
    axes.set_title(variable)
    colours = style.colour_map(variable), style.colour_norm(variable, values.to_numpy())
    shown = maps.add_cells(axes, latitude, longitude, values.to_numpy(), *colours)
    maps.add_colour_bar(axes, shown, style.label(variable))
    return figure


class TestStyle:
    @pytest.mark.parametrize(
        ("units", "expected"),
        [
            ("gC m-2 day-1", "gC m$^{-2}$ day$^{-1}$"),
            ("1", style.DIMENSIONLESS),
            ("degC", "°C"),
            ("gC kgH2O-1 hPa^0.5", "gC kgH$_2$O$^{-1}$ hPa$^{0.5}$"),
            ("m2 m-2", "m$^{2}$ m$^{-2}$"),
            ("%", "%"),
        ],
    )
    def test_units_are_set_for_print(self, units: str, expected: str) -> None:
        assert style.format_units(units) == expected

    def test_every_target_has_a_label_with_units(self) -> None:
        for target in OBSERVABLES:
            assert style.label(target).endswith(f"({style.format_units(style.facts(target)[1])})")
            assert target in style.SYMBOLS

    def test_a_unit_is_the_same_wherever_a_target_is_named(self) -> None:
        for target, observable in OBSERVABLES.items():
            observed = tables.OBSERVATIONS[OBSERVED_VARIABLES[target]]
            assert tables.OUTPUTS[observable.quantity].units == observed.units

    def test_every_trait_has_a_category_and_a_symbol(self) -> None:
        assert set(style.TRAIT_CATEGORIES) == set(tables.TRAITS)
        assert set(tables.TRAITS) <= set(style.SYMBOLS)
        assert set(style.TRAIT_CATEGORIES.values()) == set(style.TRAIT_COLOURS)

    def test_every_group_has_a_colour_of_its_own(self) -> None:
        assert set(style.GROUP_COLOURS) == set(tables.PREDICTOR_GROUPS)
        assert len(set(style.GROUP_COLOURS.values())) == len(style.GROUP_COLOURS)

    def test_signed_quantities_diverge_from_zero(self) -> None:
        for name in ("nbe", "ewt", "component_1"):
            norm = style.colour_norm(name, np.array([-1.0, 3.0, np.nan]))
            assert style.colour_map(name) == style.DIVERGING
            assert norm.vmin == -norm.vmax

    def test_a_constant_field_has_a_range(self) -> None:
        norm = style.colour_norm("lai", np.full(5, 2.0))
        assert norm.vmin < 2 < norm.vmax

    def test_a_group_has_the_same_colour_in_every_figure(self) -> None:
        bars = partition.draw_partition(make_partition())
        marks = attribution.draw_attribution(make_attribution())
        for figure in (bars, marks):
            handles = figure.legends[0].get_patches()
            assert [matplotlib.colors.to_hex(patch.get_facecolor()) for patch in handles] == [
                style.GROUP_COLOURS[group].lower() for group in GROUPS
            ]

    def test_a_variable_has_the_same_colours_in_every_figure(self, driver: xr.Dataset) -> None:
        found = make_components(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        figure = components.draw_component_maps(found)
        used = {
            image.get_cmap().name
            for axes in figure.axes
            for image in axes.collections
            if image.get_array() is not None
        }
        assert used == {style.DIVERGING}
        scores = found.rename(scores="component_1")
        (cells,) = (
            shown
            for shown in map_of(scores, "component_1").axes[0].collections
            if shown.get_array() is not None
        )
        assert cells.get_cmap().name == style.DIVERGING

    def test_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(InputError, match="no_such_variable"):
            style.label("no_such_variable")

    def test_drawing_leaves_the_settings_of_the_caller_alone(self) -> None:
        before = dict(matplotlib.rcParams)
        identifiability.draw_identifiability(make_identifiability())
        assert dict(matplotlib.rcParams) == before

    def test_neither_the_terminal_nor_a_matplotlibrc_changes_a_figure(self, tmp_path: Path) -> None:
        (tmp_path / "matplotlibrc").write_text(
            "text.usetex: True\nfont.family: serif\nsavefig.bbox: tight\nlines.linewidth: 9\n"
        )
        program = (
            "import sys; sys.path[:0] = sys.argv[2:]\n"
            "from differland.figures import identifiability, style\n"
            "from test_figures import make_identifiability\n"
            "drawn = identifiability.draw_identifiability(make_identifiability())\n"
            "style.save(drawn, sys.argv[1])"
        )
        there, here = tmp_path / "there.png", tmp_path / "here.png"
        subprocess.run(
            [sys.executable, "-c", program, str(there), *sys.path],
            env=os.environ
            | {
                # As in a terminal within Jupyter, whose packages are not here.
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "MATPLOTLIBRC": str(tmp_path),
            },
            check=True,
        )
        style.save(identifiability.draw_identifiability(make_identifiability()), here)
        assert there.read_bytes() == here.read_bytes()

    def test_save_writes_both_files_the_same_every_time(self, tmp_path: Path) -> None:
        contents = []
        for name in ("a", "b"):
            figure = identifiability.draw_identifiability(make_identifiability())
            png, pdf = tmp_path / name / "figure.png", tmp_path / name / "figure.pdf"
            style.save(figure, png, pdf)
            contents.append((png.read_bytes(), pdf.read_bytes()))
            assert sorted(path.name for path in png.parent.iterdir()) == [pdf.name, png.name]
        assert contents[0] == contents[1]
        assert contents[0][0].startswith(b"\x89PNG")
        assert contents[0][1].startswith(b"%PDF")

    def test_nothing_touches_the_edges_of_a_written_page(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset, tmp_path: Path
    ) -> None:
        """Names of parameters, a title that is wider than its map, and panels of fixed aspect."""
        every = pd.DataFrame({"parameter": list(tables.PARAMETERS), "median_cv": 0.5})
        every = every.assign(units="1", identifiable=True, threshold=0.6)
        tall, (axes,) = maps.figure_of_maps(maps.window_of(np.arange(20, 61.0), np.full(41, 80.0)))
        axes.set_title("A long name of one of the variables, and of what is shown " * 2)
        figures = [
            identifiability.draw_identifiability(every),
            tall,
            fit.draw_fit(driver, patches, simulation, "nbe", SPIN_UP),
        ]
        for figure in figures:
            style.save(figure, tmp_path / "figure.png")
            picture = matplotlib.image.imread(tmp_path / "figure.png")[..., :3]
            for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
                assert edge.min() > 0.8


SEAS = [(5.3, 40.6), (18, 35), (34, 43), (51, 41), (19.5, 57.5), (38, 20)]
"""Longitude and latitude of the Mediterranean, Black, Caspian, Baltic and Red Seas."""
LAKES = [(-87.5, 47.7), (33, -1), (31.5, 60.8)]
"""Lakes Superior, Victoria and Ladoga."""


class TestMaps:
    def test_land_and_sea_are_where_they_are(self) -> None:
        land = maps.land()
        places = ((-60, -10), (20, 0), (100, 60), (135, -25), (-100, 40), (179.9, 67), (-179.9, 67))
        for longitude, latitude in places:
            assert land.contains(shapely.Point(longitude, latitude))
        for longitude, latitude in (*SEAS, *LAKES, (-30, 30), (-150, 0), (80, -20)):
            assert not land.contains(shapely.Point(longitude, latitude))

    @pytest.mark.parametrize("place", ["globe", "window"])
    def test_seas_and_lakes_are_not_painted_as_land(self, place: str) -> None:
        """By the colours of the picture, not by the outline that it is drawn from."""
        around = np.array([25.0, 62.0]), np.array([0.0, 55.0])
        window = None if place == "globe" else maps.window_of(*around)
        figure, (axes,) = maps.figure_of_maps(window)
        figure.set_dpi(400)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[::-1, :, :3]

        def colour(longitude: float, latitude: float) -> tuple[int, ...]:
            point = axes.projection.transform_point(longitude, latitude, ccrs.PlateCarree())
            column, row = axes.transData.transform(point).astype(int)
            return tuple(picture[row, column].tolist())

        ground = colour(20, 47)
        assert ground != (255, 255, 255)
        assert {colour(*land) for land in ((3, 47), (40, 52), (9.5, 34))} == {ground}
        seen = [*SEAS, *LAKES] if place == "globe" else [*SEAS[:-1], LAKES[-1]]
        assert {colour(*water) for water in seen} == {(255, 255, 255)}

    def test_no_map_asks_cartopy_for_a_download(
        self, driver: xr.Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a map tried to use the network")

        monkeypatch.setattr("cartopy.io.urlopen", refuse)
        monkeypatch.setattr("socket.socket.connect", refuse)
        render(map_of(driver, "lai"))

    @pytest.mark.parametrize("variable", ["lai", "mean_annual_temperature", "biomass"])
    def test_colour_bar_carries_units(self, driver: xr.Dataset, variable: str) -> None:
        assert style.label(variable) in texts(map_of(driver, variable))

    @staticmethod
    def grid(
        south: float, north: float, west: float, east: float, step: float = 0.25
    ) -> xr.Dataset:
        """Fill a box with every cell of the grid, or some; each holds a number of its own."""
        longitude, latitude = np.meshgrid(
            np.arange(west, east, step) + 0.125, np.arange(south, north, step) + 0.125
        )
        return xr.Dataset(
            {"lai": ("cell", np.arange(latitude.size) / 100)},
            coords={
                "lat": ("cell", latitude.ravel()),
                "lon": ("cell", (longitude.ravel() + 180) % 360 - 180),
            },
        )

    @staticmethod
    def pixels(figure: Figure) -> QuadMesh | None:
        found = [part for part in figure.axes[0].collections if isinstance(part, QuadMesh)]
        return found[0] if found else None

    def test_sites_are_markers_and_grids_are_pixels(self, driver: xr.Dataset) -> None:
        globe = self.grid(-50, 70, -180, 180, step=4)
        assert globe.sizes["cell"] > 2000
        assert map_of(globe, "lai").axes[0].images
        sparse = map_of(globe.isel(cell=slice(None, None, 10)), "lai")
        assert not sparse.axes[0].images
        assert self.pixels(sparse) is None
        assert self.pixels(map_of(driver, "lai")) is None
        assert maps.is_gridded(globe["lat"], globe["lon"])
        assert not maps.is_gridded(globe["lat"] + 0.1, globe["lon"])

    def test_few_cells_of_a_small_region_are_pixels(self) -> None:
        region = self.grid(40, 43, 10, 14)
        assert self.pixels(map_of(region, "lai")) is not None
        assert self.pixels(map_of(region.isel(cell=[5]), "lai")) is not None
        # Across a continent the same cells would be specks.
        wide = self.grid(36, 70, -10, 60, step=5)
        assert self.pixels(map_of(wide, "lai")) is None
        towers = region.assign_coords(lat=region["lat"] + 0.07)
        assert self.pixels(map_of(towers, "lai")) is None

    @pytest.mark.parametrize("box", [(40, 43, 10, 14), (62, 66, 177, 184), (-20, -17, 176, 181)])
    def test_pixels_are_cells_in_place_and_size(self, box: tuple[float, ...]) -> None:
        region = self.grid(*box)
        figure = map_of(region, "lai")
        mesh = self.pixels(figure)
        assert mesh is not None
        corners = mesh.get_coordinates()
        rows, columns = corners.shape[0] - 1, corners.shape[1] - 1
        assert (rows, columns) == (4 * (box[1] - box[0]), 4 * (box[3] - box[2]))
        np.testing.assert_array_equal(np.asarray(mesh.get_array()).ravel(), region["lai"])
        places = (
            figure.axes[0]
            .projection.transform_points(
                ccrs.PlateCarree(), region["lon"].to_numpy(), region["lat"].to_numpy()
            )[:, :2]
            .reshape(rows, columns, 2)
        )
        centres = (corners[1:, 1:] + corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:]) / 4
        np.testing.assert_allclose(centres, places, atol=200)
        # Shoelace formula. Areas are true: a row of cells is R2 d(longitude) d(sin(latitude)).
        first = corners[1:, 1:] - corners[:-1, :-1]
        second = corners[1:, :-1] - corners[:-1, 1:]
        drawn = np.abs(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]) / 2
        middle = np.deg2rad(region["lat"].to_numpy().reshape(rows, columns))
        true = 6.371e6**2 * np.deg2rad(0.25) ** 2 * np.cos(middle)
        np.testing.assert_allclose(drawn, true, rtol=0.01)

    def test_a_region_fills_its_map_and_the_globe_is_whole(self, driver: xr.Dataset) -> None:
        for box in ((40, 43, 10, 14), (26, 66, 70, 90), (-35, 37, -18, 52), (60, 72, 165, 195)):
            region = self.grid(*box, step=1)
            axes = map_of(region, "lai").axes[0]
            x, y, _ = axes.projection.transform_points(
                ccrs.PlateCarree(), region["lon"].to_numpy(), region["lat"].to_numpy()
            ).T
            for values, (low, high) in ((x, axes.get_xlim()), (y, axes.get_ylim())):
                assert low < values.min()
                assert values.max() < high
            filled = np.ptp(x) / np.diff(axes.get_xlim()), np.ptp(y) / np.diff(axes.get_ylim())
            assert max(filled) > 0.85 or np.diff(axes.get_xlim()) < 1e6
        assert isinstance(map_of(driver, "lai").axes[0].projection, ccrs.EqualEarth)

    def test_windows(self) -> None:
        window = maps.window_of(np.array([40.0, 42.0]), np.array([170.0, -170.0]))
        assert window is not None
        assert window.longitude % 360 == pytest.approx(180)
        assert maps.window_of(np.array([-40.0, 70.0]), np.array([10.0, 12.0])) is None
        assert maps.window_of(np.array([0.0, 1, 2]), np.array([-120.0, 0, 120])) is None
        assert maps.window_of(np.empty(0), np.empty(0)) is None
        narrow = maps.window_of(np.array([-50.0, -20.0]), np.array([-70.0, -70.0]))
        assert narrow is not None
        assert narrow.shape == pytest.approx(1.2)

    @pytest.mark.parametrize(
        ("box", "labels"),
        [
            ((26, 66, 70, 90), ("30°N", "60°N", "75°E")),
            ((62, 70, 172, 188), ("66°N", "180°", "175°W")),
            ((-18, -14, -60, -54), ("16°S", "56°W")),
        ],
    )
    def test_graticules_of_a_region_are_labelled(
        self, box: tuple[float, ...], labels: tuple[str, ...]
    ) -> None:
        figure = map_of(self.grid(*box, step=1), "lai")
        render(figure)
        (graticule,) = figure.axes[0].findobj(Gridliner)
        labelled = (text for text in graticule.label_artists if text.get_visible())
        found = [text.get_text() for text in labelled]
        assert set(labels) <= set(found)
        assert 4 <= len(found) <= 12

    def test_coasts_of_a_region_are_where_they_are(self) -> None:
        window = maps.window_of(np.array([37.0, 43.0]), np.array([-9.0, 3.0]))
        assert window is not None
        land = maps._land_in(window)
        for longitude, latitude, is_land in ((-4, 40, True), (-12, 40, False), (1, 38, False)):
            x, y = window.projection.transform_point(longitude, latitude, ccrs.PlateCarree())
            assert shapely.Point(x, y).within(land) is is_land

    @pytest.mark.parametrize("box", [(26, 66, 70, 90), (5, 18, -5, 30)])
    def test_all_maps_of_a_region_draw(self, box: tuple[float, ...]) -> None:
        region = self.grid(*box, step=1)
        place = region["lat"].to_numpy(), region["lon"].to_numpy()
        figure = components.draw_component_maps(make_components(*place))
        assert {axes.projection for axes in figure.axes[:3]} == {maps.window_of(*place).projection}
        render(figure)
        figure = partition.draw_partition_map(make_partition_cells(*place), "lai")
        render(figure)
        renderer = render(figure)
        inset = figure.axes[0].child_axes[-1]
        extent = inset.get_tightbbox(renderer)
        assert extent.x0 > figure.axes[0].get_window_extent(renderer).x1
        assert extent.x1 <= figure.bbox.x1

    def test_titles_of_maps_are_within_the_page(self, tmp_path: Path) -> None:
        for found in (make_driver(), self.grid(40, 43, 10, 14)):
            figure = map_of(found, "lai")
            style.save(figure, tmp_path / "map.png")
            # Drawn once more, as for the PDF.
            title = figure.axes[0]._left_title.get_window_extent(render(figure))
            assert title.y1 <= figure.bbox.y1

    def test_a_single_cell_and_none_at_all(self, driver: xr.Dataset) -> None:
        render(map_of(driver.isel(cell=[0]), "lai"))
        render(map_of(driver.assign(lai=driver["lai"] * np.nan), "lai"))

    def test_a_pixel_of_the_globe_shows_the_cell_at_its_place(self) -> None:
        row, column, (west, east, south, north) = maps._pixels_of_globe()
        latitude, longitude = np.array([-34.875, 0.125, 71.375]), np.array([-171.125, 0.125, 179.1])
        place = ccrs.EqualEarth().transform_points(ccrs.PlateCarree(), longitude, latitude)
        height, width = row.shape
        across = ((place[:, 0] - west) / (east - west) * width).astype(int)
        along = ((place[:, 1] - south) / (north - south) * height).astype(int)
        # A pixel is about as large as a cell.
        np.testing.assert_allclose(row[along, across] * 0.25 - 89.875, latitude, atol=0.3)
        np.testing.assert_allclose(column[along, across] * 0.25 - 179.875, longitude, atol=0.5)
        assert (row[[0, 0, -1, -1], [0, -1, 0, -1]] == -1).all()


class TestFit:
    @pytest.mark.parametrize("target", list(OBSERVABLES))
    def test_every_target_draws_with_units(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset, target: str
    ) -> None:
        figure = fit.draw_fit(driver, patches, simulation, target, SPIN_UP)
        render(figure)
        units = f"({style.format_units(style.facts(target)[1])})"
        assert texts(figure).count(units) >= 2

    @staticmethod
    def expected(
        driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset, target: str, held: bool
    ) -> tuple[list[float], list[float]]:
        """Pair observations and model one by one, in plain loops."""
        observable = OBSERVABLES[target]
        name = OBSERVED_VARIABLES[target]
        observed, modelled = [], []
        for patch in range(patches.sizes["patch"]):
            if bool(patches["test"][patch]) != held:
                continue
            members = [int(cell) for cell in patches["cell"][patch] if cell >= 0]
            if observable.support == "patch":
                if target != "fire" and not patches["bulk"][patch]:
                    continue
                for month in range(SPIN_UP, driver.sizes["time"]):
                    observed.append(float(driver[name][int(patches["number"][patch]), month]))
                    values = [float(simulation[target][cell, month]) for cell in members]
                    modelled.append(sum(values) / len(values))
                continue
            for cell in members:
                seen = driver[name].to_numpy()[cell]
                said = simulation[observable.quantity].to_numpy()[cell].astype(float)
                if observable.resolution == "static":
                    observed.append(float(seen))
                    modelled.append(float(said))
                elif observable.resolution == "year":
                    for start in range(SPIN_UP, driver.sizes["time"], 12):
                        observed.append(float(np.mean(seen[start : start + 12])))
                        modelled.append(float(np.mean(said[start : start + 12])))
                else:
                    observed.extend(seen[SPIN_UP:])
                    modelled.extend(said[SPIN_UP:])
        return observed, modelled

    @pytest.mark.parametrize("target", ["lai", "gpp_site", "biomass", "soc", "nbe", "fire"])
    def test_printed_numbers_are_those_of_the_pairs(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset, target: str
    ) -> None:
        figure = fit.draw_fit(driver, patches, simulation, target, SPIN_UP)
        for axes, held in zip(figure.axes[:2], (False, True), strict=True):
            observed, modelled = self.expected(driver, patches, simulation, target, held)
            printed = panel_texts(axes)
            assert f"R$^2$ = {r2_score(observed, modelled):.2f}" in printed
            assert f"RMSE = {root_mean_squared_error(observed, modelled):.3g}" in printed
            assert f"n = {len(observed):,}" in printed

    def test_months_before_the_end_of_the_spin_up_do_not_count(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        wrong = simulation.copy(deep=True)
        wrong["lai"][:, :SPIN_UP] = 1e6
        expected = fit.pair(driver, patches, simulation, "lai", SPIN_UP)
        found = fit.pair(driver, patches, wrong, "lai", SPIN_UP)
        np.testing.assert_array_equal(found.modelled, expected.modelled)

    def test_a_year_with_a_gap_is_left_out(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        gappy = driver.copy(deep=True)
        gappy["biomass"][0, SPIN_UP + 3] = np.nan
        whole = fit.pair(driver, patches, simulation, "biomass", SPIN_UP)
        found = fit.pair(gappy, patches, simulation, "biomass", SPIN_UP)
        assert found.observed.size == whole.observed.size - 1

    def test_observations_without_weight_do_not_count(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        weight = xr.ones_like(driver["gpp_site"])
        weight[0] = 0.0
        whole = fit.pair(driver, patches, simulation, "gpp_site", SPIN_UP)
        found = fit.pair(
            driver.assign(gpp_site_weight=weight), patches, simulation, "gpp_site", SPIN_UP
        )
        assert found.observed.size == whole.observed.size - (driver.sizes["time"] - SPIN_UP)

    def test_cells_of_dropped_patches_do_not_count(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        found = fit.pair(driver, patches.isel(patch=[0, 1]), simulation, "lai", SPIN_UP)
        assert found.observed.size == 8 * (driver.sizes["time"] - SPIN_UP)

    def test_another_product_can_be_compared_with(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        both = driver.assign(lai_other=driver["lai"] + 1)
        chosen = {**OBSERVED_VARIABLES, "lai": "lai_other"}
        found = fit.pair(both, patches, simulation, "lai", SPIN_UP, chosen)
        expected = fit.pair(driver, patches, simulation, "lai", SPIN_UP)
        np.testing.assert_allclose(found.observed, expected.observed + 1)

    @pytest.mark.parametrize("absent", [True, False])
    def test_missing_observations_give_a_panel_that_says_so(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset, absent: bool
    ) -> None:
        unseen = driver.drop_vars("lai") if absent else driver.assign(lai=driver["lai"] * np.nan)
        figure = fit.draw_fit(unseen, patches, simulation, "lai", SPIN_UP)
        render(figure)
        assert texts(figure).count("no observation of LAI") == 2

    def test_a_study_of_one_cell(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        one = driver.isel(cell=[0], patch=[0]), simulation.isel(cell=[0])
        figure = fit.draw_fit(one[0], make_patches(one[0]), one[1], "lai", SPIN_UP)
        render(figure)
        assert "no observation of LAI" in texts(figure)
        figure = fit.draw_fit(one[0], make_patches(one[0]), one[1], "soc", SPIN_UP)
        assert "undefined" in texts(figure)

    def test_an_unknown_target_is_refused(
        self, driver: xr.Dataset, patches: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        with pytest.raises(InputError, match="leaf_area"):
            fit.draw_fit(driver, patches, simulation, "leaf_area", SPIN_UP)
        with pytest.raises(InputError, match="lai"):
            fit.draw_fit(driver, patches, simulation.drop_vars("lai"), "lai", SPIN_UP)


class TestPartition:
    def test_bars_reach_the_contributions(self) -> None:
        table = make_partition()
        figure = partition.draw_partition(table)
        axes = figure.axes[0]
        assert "training" in axes.get_title(loc="left").lower()
        heights = [patch.get_height() for patch in axes.patches if patch.get_width() > 0]
        rows = table[(table["split"] == "train") & (table["group"] != "total")]
        np.testing.assert_allclose(sorted(heights), sorted(rows["contribution"]))
        assert f"({style.DIMENSIONLESS})" in axes.get_ylabel()

    def test_negative_contributions_hang_below_the_axis(self) -> None:
        figure = partition.draw_partition(make_partition())
        lowest = min(patch.get_y() + min(patch.get_height(), 0) for patch in figure.axes[0].patches)
        assert lowest == pytest.approx(-0.05)

    def test_one_split_and_one_group(self) -> None:
        table = make_partition()
        table = table[(table["split"] == "test") & table["group"].isin(["PFT", "total"])]
        figure = partition.draw_partition(table)
        render(figure)
        assert len(figure.axes) == 1

    def test_empty_table_and_unknown_group_are_refused(self) -> None:
        with pytest.raises(InputError, match="at least one"):
            partition.draw_partition(make_partition().iloc[:0])
        with pytest.raises(InputError, match="FOO"):
            style.group_colour("FOO")

    def test_inset_gives_the_fractions(self, driver: xr.Dataset) -> None:
        cells = make_partition_cells(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        figure = partition.draw_partition_map(cells, "lai")
        dominant = cells["dominant"].to_numpy()[0]
        dominant = dominant[dominant >= 0]
        inset = figure.axes[0].child_axes[-1]
        printed = [float(text.get_text()) for text in inset.texts]
        expected = [100 * np.mean(dominant == group) for group in range(4)]
        np.testing.assert_allclose(printed, expected, atol=0.51)
        assert inset.get_xlabel() == "Cells (%)"

    def test_map_without_any_dominant_group_says_so(self, driver: xr.Dataset) -> None:
        cells = make_partition_cells(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        cells["dominant"][:] = -1
        assert "no cell" in texts(partition.draw_partition_map(cells, "lai"))
        with pytest.raises(InputError, match="clay"):
            partition.draw_partition_map(cells, "clay")


class TestIdentifiability:
    def test_one_bar_per_parameter_and_the_threshold(self) -> None:
        table = make_identifiability()
        figure = identifiability.draw_identifiability(table)
        axes = figure.axes[0]
        widths = [patch.get_width() for patch in axes.patches]
        np.testing.assert_allclose(sorted(widths), sorted(table["median_cv"]))
        assert axes.lines[0].get_xdata()[0] == 0.6
        assert f"identifiable ({table['identifiable'].sum()})" in texts(figure)
        assert f"({style.DIMENSIONLESS})" in axes.get_xlabel()

    def test_an_undefined_coefficient_says_so(self) -> None:
        table = make_identifiability()
        table.loc[0, "median_cv"] = np.nan
        table.loc[0, "identifiable"] = False
        figure = identifiability.draw_identifiability(table)
        render(figure)
        assert "not defined" in texts(figure)

    def test_empty_table_is_refused(self) -> None:
        with pytest.raises(InputError, match="at least one"):
            identifiability.draw_identifiability(make_identifiability().iloc[:0])


class TestComponents:
    def test_all_traits_and_variances_are_named(self, driver: xr.Dataset) -> None:
        found = make_components(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        figure = components.draw_components(found)
        render(figure)
        assert len(figure.axes) == 4
        for axes in figure.axes[1:]:
            assert {text.get_text() for text in axes.texts if text.get_text()} == {
                style.symbol(trait) for trait in tables.TRAITS
            }

    def test_trait_labels_do_not_overlap(self, driver: xr.Dataset) -> None:
        found = make_components(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        # The hardest case: all traits point the same way.
        found["loadings"][:] = 0.3 + 0.001 * found["loadings"]
        figure = components.draw_components(found)
        renderer = render(figure)
        for axes in figure.axes[1:]:
            boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
            for position, box in enumerate(boxes):
                for other in boxes[position + 1 :]:
                    assert not box.overlaps(other)

    @pytest.mark.parametrize("count", [1, 2])
    def test_fewer_components(self, driver: xr.Dataset, count: int) -> None:
        found = make_components(driver["lat"].to_numpy(), driver["lon"].to_numpy(), count)
        render(components.draw_components(found))
        render(components.draw_component_maps(found))

    def test_maps_carry_variance_and_units(self, driver: xr.Dataset) -> None:
        found = make_components(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        text = texts(components.draw_component_maps(found))
        assert "PC1 (53.2% of variance)" in text
        assert f"PC3 score ({style.DIMENSIONLESS})" in text

    def test_no_component_is_refused(self, driver: xr.Dataset) -> None:
        found = make_components(driver["lat"].to_numpy(), driver["lon"].to_numpy())
        with pytest.raises(InputError, match="component"):
            components.draw_components(found.isel(component=[]))


class TestAttribution:
    def test_bars_are_sorted_and_groups_marked(self) -> None:
        table = make_attribution()
        figure = attribution.draw_attribution(table)
        render(figure)
        axes = figure.axes[0]
        widths = [patch.get_width() for patch in axes.patches]
        rows = table[(table["population"] == "all") & (table["output"] == "component_1")]
        np.testing.assert_allclose(widths, np.sort(rows["mean_absolute_shap"]))
        ordered = rows.sort_values("mean_absolute_shap")
        marks = [line.get_color() for line in axes.lines]
        assert marks == [style.GROUP_COLOURS[group] for group in ordered["group"]]
        assert f"({style.DIMENSIONLESS})" in axes.get_xlabel()

    def test_traits_have_their_units(self) -> None:
        figure = attribution.draw_attribution(
            make_attribution(), "grassland", ("canopy_efficiency",)
        )
        units = style.format_units(tables.TRAITS["canopy_efficiency"].units)
        assert f"Mean |SHAP|\n({units})" in texts(figure)

    def test_an_absent_population_says_so(self) -> None:
        figure = attribution.draw_attribution(make_attribution(), "mixed_forest")
        render(figure)
        assert texts(figure).count("not explained for\nmixed forest") == 3

    def test_no_output_is_refused(self) -> None:
        with pytest.raises(InputError, match="at least one output"):
            attribution.draw_attribution(make_attribution(), "all", ())


class TestLosses:
    def test_every_member_has_its_curve(self) -> None:
        figure = losses.draw_losses(make_losses(), ENSEMBLES)
        render(figure)
        develop = figure.axes[0]
        curves = [line for line in develop.lines if len(line.get_xdata())]
        assert len(curves) == 4
        colours = [line.get_color() for line in curves]
        assert colours == [losses.REJECTED] * 2 + [losses.SELECTED] * 2
        assert "no development patches" in texts(figure)
        assert "Epoch" in texts(figure)
        assert f"Loss, mean per patch ({style.DIMENSIONLESS})" in texts(figure)

    def test_one_member_one_epoch_one_stage(self) -> None:
        one = {"develop": {"01": make_losses(1, 1)["develop"]["01"]}}
        figure = losses.draw_losses(one, {})
        render(figure)
        assert len(figure.axes) == 2

    def test_epochs_of_a_short_training_are_whole_numbers(self) -> None:
        figure = losses.draw_losses(make_losses(1, 10), {})
        ticks = np.concatenate([axes.get_xticks() for axes in figure.axes])
        np.testing.assert_array_equal(ticks, np.round(ticks))

    def test_a_member_that_failed_in_its_first_epoch_has_no_curve(self) -> None:
        sound = make_losses(1, 3)["develop"]["01"]
        nothing = pd.read_csv(io.StringIO(sound.iloc[:0].to_csv(index=False)))
        figure = losses.draw_losses({"develop": {"01": sound, "02": nothing}}, {})
        render(figure)
        assert len([line for line in figure.axes[0].lines if len(line.get_xdata())]) == 1

    def test_no_member_is_refused(self) -> None:
        with pytest.raises(InputError, match="at least one member"):
            losses.draw_losses({"develop": {}}, {})


class TestSites:
    def test_observed_are_black_dots_and_modelled_one_colour(
        self, driver: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        figure = sites.draw_site(driver, simulation, "AA-003", SPIN_UP)
        render(figure)
        series = figure.axes[0]
        colours = {line.get_color() for line in series.lines}
        assert colours == {style.OBSERVED, style.MODELLED}
        for quantity in ("gpp", "reco", "et", "lai"):
            units = style.format_units(style.facts(quantity)[1])
            assert f"{style.symbol(quantity)} ({units})" in texts(figure)

    def test_printed_skill_leaves_out_the_spin_up(
        self, driver: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        figure = sites.draw_site(driver, simulation, "AA-003", SPIN_UP)
        observed = driver["gpp_site"].to_numpy()[3, SPIN_UP:]
        modelled = simulation["gpp"].to_numpy()[3, SPIN_UP:]
        title = figure.axes[0].get_title(loc="right")
        assert re.search(rf"R\$\^2\$ = {r2_score(observed, modelled):.2f},", title)
        assert f"n = {observed.size}" in title

    def test_satellite_fills_in_where_the_tower_saw_nothing(
        self, driver: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        unseen = driver.assign(et_site=driver["et_site"] * np.nan).drop_vars("lai")
        text = texts(sites.draw_site(unseen, simulation, "AA-000", SPIN_UP))
        assert text.count("satellite: ") == 1
        assert text.count("not observed at this site") == 1

    def test_observations_in_the_spin_up_alone(
        self, driver: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        early = driver.copy(deep=True)
        early["gpp_site"][:, SPIN_UP:] = np.nan
        figure = sites.draw_site(early, simulation, "AA-000", SPIN_UP)
        render(figure)
        assert "n = 0" in texts(figure)

    def test_sites_are_chosen_by_number_or_name(self, driver: xr.Dataset) -> None:
        assert len(sites.choose_sites(driver, "all")) == driver.sizes["cell"]
        assert sites.choose_sites(driver, 2) == ["AA-000", "AA-001"]
        assert sites.choose_sites(driver, ["AA-003", "AA-001"]) == ["AA-001", "AA-003"]
        assert sites.choose_sites(driver.drop_vars("site"), "all") == []
        names = driver["site"].to_numpy().astype("U13")
        names[0] = ""
        assert sites.choose_sites(driver.assign_coords(site=("cell", names)), 1) == ["AA-001"]
        names[2] = "AA-002 AA-902"
        shared = driver.assign_coords(site=("cell", names))
        assert sites.choose_sites(shared, ["AA-902"]) == ["AA-002 AA-902"]
        with pytest.raises(InputError, match="ZZ-ZZZ"):
            sites.choose_sites(driver, ["ZZ-ZZZ"])

    def test_a_driver_never_trained_on(self, driver: xr.Dataset, simulation: xr.Dataset) -> None:
        figure = sites.draw_site(driver, simulation.drop_vars("test"), "AA-000", SPIN_UP)
        assert "applied site" in texts(figure)

    def test_sites_that_share_a_cell_have_pages_of_their_own(
        self, driver: xr.Dataset, simulation: xr.Dataset
    ) -> None:
        table = pd.DataFrame(
            {
                **{"site": ["XX-One", "XX-Two", "XX-Not"], "used": [True, True, False]},
                **{"cell": [3, 3, 3], "cover": 0.5, "candidate": True, "sites_in_cell": 2},
                **{"latitude": 12.25, "longitude": -3.5, "igbp": "GRA", "network": "ICOS"},
            }
        )
        months = pd.PeriodIndex(driver.indexes["time"], freq="M").astype(str)
        fluxes = pd.concat(
            pd.DataFrame({"site": site, "month": months, "gpp_site": value})
            for site, value in (("XX-One", 1.5), ("XX-Two", 2.5))
        ).assign(reco_site=1.0, et_site=1.0)
        towers = Towers(table, fluxes)
        assert sites.choose_sites(driver, "all", towers) == ["XX-One", "XX-Two"]
        with pytest.raises(InputError, match="a site named XX-Not"):
            sites.choose_sites(driver, ["XX-Not"], towers)
        figure = sites.draw_site(driver, simulation, "XX-Two", SPIN_UP, towers=towers)
        words = texts(figure)
        assert "XX-Two   12.25°N 3.50°W" in words and "GRA, ICOS, one of 2 in its cell" in words
        assert set(figure.axes[0].lines[1].get_ydata()) == {2.5}

    @pytest.mark.parametrize(
        ("name", "shown", "page"),
        [
            ("US-Ha1", "US-Ha1", "US-Ha1"),
            ("K\u00e5re (old) 1.5", "K\u00e5re (old) 1.5", "K\u00e5re (old) 1.5"),
            ("$\\frac{1$", "$\\frac{1$", "%24%5Cfrac%7B1%24"),
            ("a$b", "a$b", "a%24b"),
            ("<script>", "<script>", "%3Cscript%3E"),
            ("two\nlines", "two lines", "two%0Alines"),
            ("../../x", "../../x", "%2E.%2F..%2Fx"),
            ("-rf", "-rf", "%2Drf"),
            ("{site}`", "{site}`", "%7Bsite%7D%60"),
        ],
    )
    def test_names_of_sites_are_text(
        self, driver: xr.Dataset, simulation: xr.Dataset, name: str, shown: str, page: str
    ) -> None:
        names = driver["site"].to_numpy().astype(object)
        names[0] = name
        renamed = driver.assign_coords(site=("cell", names))
        figure = sites.draw_site(renamed, simulation, name, SPIN_UP)
        render(figure)
        (title,) = [text for text in figure.texts if "site" in text.get_text()]
        # What is no mathematics is drawn once its signs are no longer escaped.
        assert not cbook.is_math_text(title.get_text())
        assert title.get_text().replace(r"\$", "$").startswith(f"{shown}   ")
        assert sites.page_name(name) == page

    def test_an_unknown_site_is_refused(self, driver: xr.Dataset, simulation: xr.Dataset) -> None:
        with pytest.raises(InputError, match="ZZ-ZZZ"):
            sites.draw_site(driver, simulation, "ZZ-ZZZ", SPIN_UP)
        with pytest.raises(InputError, match="site"):
            sites.draw_site(driver.drop_vars("site"), simulation, "AA-000", SPIN_UP)
        with pytest.raises(InputError, match="12 cells"):
            sites.draw_site(driver, simulation.isel(cell=[0]), "AA-000", SPIN_UP)


class _Wildcards:
    """Stands for a job's wildcards: those that it has, and no others."""

    def __init__(self, **wildcards: str) -> None:
        self.__dict__.update(wildcards)


class _Job:
    """What a caption can ask for."""

    def __init__(self, config: dict, **wildcards: str) -> None:
        self.config = config
        self.wildcards = _Wildcards(**wildcards)


class TestCaptions:
    @pytest.mark.parametrize("caption", sorted(REPORT.glob("*.rst")), ids=lambda path: path.stem)
    @pytest.mark.parametrize("known", [True, False])
    def test_caption_renders_without_a_warning(self, caption: Path, known: bool) -> None:
        docutils = pytest.importorskip("docutils.core")
        config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
        names = {
            "stage": "final",
            "setup": "PFT+CLIM",
            "target": "gpp_site",
            "site": "DE-Tha",
            "trait": "leaf_lifespan",
            "population": "evergreen_broadleaf_forest",
        }
        job = _Job(config, **(names if known else {}))
        template = jinja2.Environment(
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        ).from_string(caption.read_text(encoding="utf-8"))
        rules = (ROOT / "workflow/rules/presentation.smk").read_text(encoding="utf-8")
        ordered = re.findall('"(.+?)"', rules.partition("CATEGORIES = [")[2].partition("]")[0])
        categories = [f"{number:02d} {name}" for number, name in enumerate(ordered, 1)]
        text = template.render(
            snakemake=job, categories=[SimpleNamespace(name=name) for name in categories]
        )
        # Snakemake adds where the names of categories lead to.
        links = [f".. _{name}: #" for name in categories]
        docutils.publish_parts(
            "\n".join([text, "", *links]),
            writer="html5",
            settings_overrides={"halt_level": 2, "report_level": 2},
        )
        assert "{" not in text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(-0.5, ".2f", "\N{MINUS SIGN}0.50"), (-0.004, "+.2f", "0.00"), (0.25, "+.1f", "+0.2")],
)
def test_numbers_have_a_true_minus_sign_and_zero_has_none(value, form, text) -> None:
    assert style.number(value, form) == text


def test_words_on_sites_leave_an_undefined_correlation_out() -> None:
    row = {"split": "all", "sites": 4, "correlation": np.nan, "R2": -0.25, "rmse": 2.0}
    assert sites._told(pd.DataFrame([row]), "all").splitlines() == [
        "all sites: n = 4",
        "R$^2$ = \N{MINUS SIGN}0.25",
        "RMSE = 2.00",
    ]

"""Figures of the carbon cycle: what they print, and that it can be read."""

import re

import cartopy.crs as ccrs
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from differland.analysis.carbon_cycle import (
    GLOBAL,
    HELD_OUT,
    MODEL,
    TRENDY_MEAN,
    ExchangeFiles,
    common_cells,
    compare,
    region_areas,
)
from differland.errors import InputError
from differland.figures import carbon_cycle, style
from differland.figures.maps import land
from differland.files import write_netcdf
from differland.regions import assign_regions, outlines

MODELS = [f"LAND-MODEL-{number:02d}" for number in range(12)]
YEARS = 10


def make_study(folder, models: list[str], other: bool) -> tuple[xr.Dataset, ...]:
    """Compare sources on a coarse sample of all land."""
    random = np.random.default_rng(1)
    axes = np.meshgrid(np.arange(-54.875, 75, 4), np.arange(-179.875, 180, 5), indexing="ij")
    lat, lon = (axis.ravel() for axis in axes)
    on_land = shapely.contains_xy(land(), lon, lat)
    lat, lon = lat[on_land], lon[on_land]
    months = pd.period_range("2010-01", periods=12 * YEARS, freq="M")
    time = months.to_timestamp() + pd.Timedelta("14D")
    season = np.cos(2 * np.pi * np.arange(months.size) / 12)
    flux = 0.5 * np.sign(lat)[:, None] * season + 0.1 * random.normal(size=months.size)
    inversions = {"nbe": "CMS-Flux", "nbe_cams": "CAMS"} if other else {"nbe": "CMS-Flux"}
    driver = xr.Dataset(
        {
            name: (("patch", "time"), flux + 0.1 * random.normal(size=flux.shape))
            for name in inversions
        },
        coords={
            "lat": ("cell", lat),
            "lon": ("cell", lon),
            "patch": ("cell", np.arange(lat.size)),
            "time": time,
        },
    )
    write_netcdf(driver, folder / "driver.nc")
    for name in models:
        values = random.uniform(0.4, 1.4) * flux.T + random.normal() / 10
        write_netcdf(xr.Dataset({"nbe": (("time", "cell"), values)}, {"time": time}), folder / name)
    patches = xr.Dataset(
        {
            "number": ("patch", np.arange(lat.size)),
            "test": ("patch", (np.arange(lat.size) % 10 == 0).astype(int)),
        }
    )
    sources = ExchangeFiles(
        folder / "driver.nc", inversions, {name: folder / name for name in models}
    )
    cells = common_cells(sources, patches, assign_regions(lat, lon), list(outlines()))
    areas = region_areas(cells)
    members = np.einsum("ct,cr->tr", flux, areas.to_numpy()) * 30 / 1e15
    members = members * random.uniform(0.9, 1.1, size=(5, 1, 1))
    totals = xr.DataArray(
        members,
        dims=("member", "time", "region"),
        coords={"time": time, "region": areas["region"].to_numpy()},
    )
    series, table, _ = compare(sources, cells, totals, 24)
    return series, table, cells


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), MODELS, other=True)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The assimilated inversion alone."""
    return make_study(tmp_path_factory.mktemp("bare"), [], other=False)


def render(figure: Figure) -> RendererAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def check_page(figure: Figure) -> None:
    """Nothing leaves the page, and titles, notes and legends do not overlap."""
    renderer = render(figure)
    width, height = figure.bbox.size
    for axes in figure.axes:
        box = axes.get_tightbbox(renderer)
        assert box.x0 > -1 and box.x1 < width + 1 and box.y0 > -1 and box.y1 < height + 1
    titles = [
        text.get_window_extent(renderer)
        for axes in figure.axes
        for text in (*axes.texts, axes.title, axes._left_title)
        if text.get_text()
    ]
    boxes = titles + [legend.get_window_extent(renderer) for legend in figure.legends]
    for position, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[position + 1 :])


SERIES = [
    (carbon_cycle.draw_seasonal_cycle, "PgC month$^{-1}$"),
    (carbon_cycle.draw_anomalies, "PgC year$^{-1}$"),
    (carbon_cycle.draw_trajectories, "PgC year$^{-1}$"),
]


@pytest.mark.parametrize(("draw", "units"), SERIES)
def test_every_region_has_a_panel(study, draw, units):
    series = study[0]
    figure = draw(series)
    check_page(figure)
    titles = [axes.get_title(loc="left").split("$  ")[1] for axes in figure.axes]
    assert titles == list(series["region"].to_numpy())
    assert titles[0] == GLOBAL and titles[-1] == HELD_OUT
    assert f"Net biosphere exchange ({units})" in figure._supylabel.get_text()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [MODEL, "CMS-Flux", "CAMS", TRENDY_MEAN, "range of 12 land models"]


@pytest.mark.parametrize(("draw", "units"), SERIES)
def test_without_land_models(bare, draw, units):
    figure = draw(bare[0])
    check_page(figure)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [MODEL, "CMS-Flux"]


def test_lines_are_the_series(study):
    series = study[0]
    axes = carbon_cycle.draw_seasonal_cycle(series).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    for name in (MODEL, "CMS-Flux", "CAMS", TRENDY_MEAN):
        expected = series["seasonal_cycle"].sel(source=name, region=GLOBAL)
        np.testing.assert_allclose(lines[name].get_ydata(), expected)
    assert to_hex(lines[MODEL].get_color()) == style.MODELLED.lower()
    assert lines["CMS-Flux"].get_linestyle() == "-" and lines["CAMS"].get_linestyle() == "--"
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    models = series["seasonal_cycle"].sel(source=MODELS, region=GLOBAL)
    extremes = float(models.min()), float(models.max())
    assert (band.min(), band.max()) == pytest.approx(extremes)


def test_printed_trends_are_those_of_the_series(study):
    series = study[0]
    axes = carbon_cycle.draw_trajectories(series).axes[0]
    for text, name in zip(axes.texts, ("CMS-Flux", MODEL), strict=True):
        here = series.sel(source=name, region=GLOBAL)
        numbers = text.get_text().replace("\N{MINUS SIGN}", "-")
        slope, error = map(float, re.match(r"(\S+) ± (\S+) PgC year", numbers).groups())
        assert slope == pytest.approx(float(here["trend"]), rel=0.05, abs=6e-5)
        assert error == pytest.approx(float(here["trend_error"]), rel=0.05, abs=6e-5)


def test_dots_are_those_of_the_table_in_the_order_of_the_error(study):
    table = study[1]
    figure = carbon_cycle.draw_agreement(table)
    # A correlation of 1 is nearly at the edge of its panel.
    assert not any(line.get_clip_on() for axes in figure.axes for line in axes.lines)
    check_page(figure)
    chosen = table[(table["reference"] == "CMS-Flux") & (table["region"] == GLOBAL)]
    order = chosen[chosen["scale"] == "month"].sort_values("rmse")["source"].tolist()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == order
    assert len(order) == len(MODELS) + 3
    scales = ["month", "seasonal cycle", "annual anomaly"]
    for axes, (measure, scale) in zip(
        figure.axes, [(m, s) for m in ("rmse", "correlation") for s in scales], strict=True
    ):
        rows = chosen[chosen["scale"] == scale].set_index("source").loc[order]
        found = [line.get_xdata()[0] for line in axes.lines]
        np.testing.assert_allclose(found, rows[measure])
    blue = [line for line in figure.axes[0].lines if line.get_color() == style.MODELLED]
    assert len(blue) == 1 and blue[0].get_ydata()[0] == order.index(MODEL)
    assert figure.axes[0].get_xlabel() == "RMSE (PgC month$^{-1}$)"
    assert figure.axes[2].get_xlabel() == "RMSE (PgC year$^{-1}$)"
    assert "Against CMS-Flux, 2012-2019, all cells" in figure._suptitle.get_text()


def test_numbers_of_regions_are_those_of_the_table(study):
    table = study[1]
    figure = carbon_cycle.draw_regional_agreement(table)
    check_page(figure)
    rows = table[table["reference"] == "CMS-Flux"]
    error = rows[rows["scale"] == "month"].pivot(index="source", columns="region", values="rmse")
    annual = rows[rows["scale"] == "annual anomaly"]
    correlation = annual.pivot(index="source", columns="region", values="correlation")
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 3
    for axes, values, digits in (
        (panels[0], error / error.loc[MODEL], 1),
        (panels[2], correlation, 2),
    ):
        sources = [text.get_text() for text in axes.get_yticklabels()]
        regions = [region.get_text().replace("\n", " ") for region in panels[2].get_xticklabels()]
        for text in axes.texts:
            column, row = text.get_position()
            value = values.loc[sources[int(row)], regions[int(column)]]
            assert text.get_text() == f"{value:.{digits if value < 10 else 0}f}"
        assert len(axes.texts) == values.size


def test_agreement_of_the_assimilated_inversion_alone(bare):
    check_page(carbon_cycle.draw_agreement(bare[1]))
    check_page(carbon_cycle.draw_regional_agreement(bare[1]))
    for draw in (carbon_cycle.draw_agreement, carbon_cycle.draw_regional_agreement):
        with pytest.raises(InputError, match="at least one"):
            draw(bare[1].iloc[:0])


def test_a_map_of_regions_names_them_where_they_are(study):
    cells = study[2].copy(deep=True)
    cells["common"][:7] = 0
    figure = carbon_cycle.draw_regions(cells)
    check_page(figure)
    axes = figure.axes[0]
    assert f"n = {cells.sizes['cell'] - 7:,} cells, 7 left out" in axes.get_title(loc="left")
    labels = {text.get_text().replace("\n", " "): text.get_position() for text in axes.texts}
    assert set(labels) == set(outlines()) == set(carbon_cycle.REGION_COLOURS)
    for name, place in labels.items():
        longitude, latitude = ccrs.PlateCarree().transform_point(*place, axes.projection)
        assert outlines()[name].distance(shapely.Point(longitude, latitude)) < 8, name


def test_neighbours_differ_in_colour():
    regions = list(outlines().items())
    for position, (name, outline) in enumerate(regions):
        for other, another in regions[position + 1 :]:
            if outline.intersection(another).length > 0.1:
                colours = carbon_cycle.REGION_COLOURS
                assert colours[name] != colours[other], (name, other)


def test_names_of_inversions_are_text(study):
    series, table, _ = study
    name = r"$\frac{CAMS$ {x}"
    names = [name if source == "CAMS" else source for source in series["source"].to_numpy()]
    figures = [
        carbon_cycle.draw_trajectories(series.assign_coords(source=names)),
        *(
            draw(table.replace("CAMS", name))
            for draw in (carbon_cycle.draw_agreement, carbon_cycle.draw_regional_agreement)
        ),
    ]
    for figure in figures:
        render(figure)
        shown = [text.get_text().replace(r"\$", "$") for text in figure.findobj(Text)]
        assert name in shown

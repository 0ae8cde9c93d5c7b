"""Carbon exchange of regions: totals, common cells and months, agreement, trends."""

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import scipy.signal
import scipy.stats
import xarray as xr

from differland.analysis.carbon_cycle import (
    ALL_CELLS,
    GLOBAL,
    HELD_OUT,
    INVERSION,
    LAND_MODEL,
    MODEL,
    MODEL_MEAN,
    TRENDY_MEAN,
    ExchangeFiles,
    add_up,
    agreement,
    cell_areas,
    common_cells,
    compare,
    linear_trend,
    region_areas,
)
from differland.analysis.member_totals import member_totals
from differland.configuration import check_configuration
from differland.datasets.land_models import exchange_of_cells, find_trendy
from differland.ensemble import Ensemble
from differland.errors import InputError
from differland.evaluation import evaluate_ensemble
from differland.files import write_netcdf
from differland.regions import assign_regions, outlines
from differland.terms import OBSERVED_VARIABLES
from differland.training import train_block

RADIUS = 6371.0
PATCHES = 24
CELLS_PER_PATCH = 5
YEARS = 8
SPIN_UP = 12
MODELS = ("JULES", "YIBs")


def times(first: str, years: int) -> xr.Variable:
    months = pd.period_range(first, periods=12 * years, freq="M")
    middle = months.to_timestamp() + pd.to_timedelta(months.days_in_month / 2, unit="D")
    return xr.Variable("time", middle)


@pytest.fixture
def study(tmp_path: Path) -> dict:
    """Files of a study of 24 patches all over the land, 2001 to 2008, and what they hold."""
    random = np.random.default_rng(3)
    corner_lat = np.repeat(random.choice(np.arange(-40, 64, 4), PATCHES), CELLS_PER_PATCH)
    corner_lon = np.repeat(random.choice(np.arange(-180, 180, 5), PATCHES), CELLS_PER_PATCH)
    step = 0.125 + 0.25 * np.tile(np.arange(CELLS_PER_PATCH), PATCHES)
    lat, lon = corner_lat + step, corner_lon + step
    patch = np.repeat(np.arange(PATCHES), CELLS_PER_PATCH)
    months = 12 * YEARS
    season = np.cos(2 * np.pi * np.arange(months) / 12)
    nbe = 0.5 * season + 0.3 * random.standard_normal((PATCHES, months))
    nbe[:, :24] = np.nan  # the inversion begins in 2003
    cams = nbe + 0.1 * random.standard_normal(nbe.shape)
    cams[:, :36] = np.nan
    driver = xr.Dataset(
        {
            "nbe": (("patch", "time"), nbe, {"units": "gC m-2 day-1"}),
            "nbe_cams": (("patch", "time"), cams, {"units": "gC m-2 day-1"}),
            "lai": (("cell", "time"), np.ones((lat.size, months))),
        },
        coords={
            "lat": ("cell", lat, {"units": "degrees_north"}),
            "lon": ("cell", lon, {"units": "degrees_east"}),
            "patch": ("cell", patch),
            "time": times("2001-01", YEARS),
        },
    )
    write_netcdf(driver, tmp_path / "driver.nc")
    models = {}
    for number, name in enumerate(MODELS):
        # The land models end a year before the study, and one has no land in one patch.
        values = 0.4 * season[:-12, None] + 0.2 * random.standard_normal((months - 12, lat.size))
        values = values.astype(np.float32)
        if number == 1:
            values[:, patch == 4] = np.nan
        dataset = xr.Dataset(
            {"nbe": (("time", "cell"), values)}, coords={"time": times("2001-01", YEARS - 1)}
        )
        write_netcdf(dataset, tmp_path / f"{name}.nc")
        models[name] = values
    patches = xr.Dataset(
        {
            "number": ("patch", np.arange(PATCHES)),
            "test": ("patch", (np.arange(PATCHES) % 8 == 0).astype(np.int8)),
        }
    )
    sources = ExchangeFiles(
        tmp_path / "driver.nc",
        {"nbe": "CMS-Flux", "nbe_cams": "CAMS", "nbe_other": "other"},
        {name: tmp_path / f"{name}.nc" for name in MODELS},
    )
    region = assign_regions(lat, lon)
    cells = common_cells(sources, patches, region, list(outlines()))
    flux = np.stack([nbe[patch].T] * 3)
    flux[np.isnan(flux)] = 0.1
    flux += 0.2 * random.standard_normal(flux.shape)
    areas = region_areas(cells)
    index = pd.period_range("2001-01", periods=months, freq="M")
    members = xr.DataArray(
        add_up(flux, areas.to_numpy(), index),
        dims=("member", "time", "region"),
        coords={"time": driver["time"], "region": areas["region"].to_numpy()},
    )
    return {
        **{"driver": driver, "models": models, "patches": patches, "sources": sources},
        **{"cells": cells, "members": members, "flux": flux, "region": region, "folder": tmp_path},
    }


def spherical_area(latitude: float) -> float:
    """Of a cell of 0.25 degree, m2, from the formula for a zone of a sphere."""
    south, north = np.deg2rad([latitude - 0.125, latitude + 0.125])
    return (RADIUS * 1000) ** 2 * np.deg2rad(0.25) * (np.sin(north) - np.sin(south))


def test_areas_are_those_of_the_sphere() -> None:
    latitude = np.array([-59.875, 0.125, 70.125])
    found = cell_areas(latitude, np.zeros(3))
    np.testing.assert_allclose(found, [spherical_area(value) for value in latitude], rtol=1e-12)
    everywhere = 0.125 + 0.25 * np.arange(-360, 360)
    sphere = 4 * np.pi * (RADIUS * 1000) ** 2
    assert 1440 * cell_areas(everywhere, np.zeros(720)).sum() == pytest.approx(sphere)


def test_totals_of_a_made_up_field() -> None:
    """One gram a day on every square metre of the globe for a leap February."""
    months = pd.period_range("2004-02", "2004-02", freq="M")
    area = np.array([[2e12, 0.0], [3e12, 3e12], [0.0, 0.0]])
    flux = np.array([[1.0, 2.0, np.nan]], np.float32)
    expected = 29 * np.array([[(2e12 + 6e12) / 1e15, 6e12 / 1e15]])
    np.testing.assert_allclose(add_up(flux, area, months), expected, rtol=1e-12)
    # Members come first, and years are cut anywhere.
    months = pd.period_range("2003-05", periods=20, freq="M")
    flux = np.random.default_rng(0).normal(size=(2, 20, 3))
    days = np.array([month.days_in_month for month in months])
    expected = np.einsum("mtc,cr,t->mtr", flux, area, days) / 1e15
    np.testing.assert_allclose(add_up(flux, area, months), expected, rtol=1e-12)


def test_common_cells_are_those_that_all_have(study: dict) -> None:
    cells = study["cells"]
    patch = study["driver"]["patch"].to_numpy()
    np.testing.assert_array_equal(cells["common"], (patch != 4).astype(int))
    covered = cells["covered"].to_series()
    assert list(covered.index) == ["CMS-Flux", "CAMS", *MODELS]
    area = cells["area"].to_numpy()
    assert covered["CMS-Flux"] == covered["JULES"] == 1
    assert covered["YIBs"] == pytest.approx(area[patch != 4].sum() / area.sum())
    np.testing.assert_array_equal(cells["test"], np.isin(patch, [0, 8, 16]).astype(int))


def test_a_gap_of_a_source_in_its_months_leaves_the_cell_out(study: dict, caplog) -> None:
    driver = study["driver"].copy(deep=True)
    driver["nbe"][7, 50] = np.nan
    write_netcdf(driver, study["folder"] / "driver.nc")
    cells = common_cells(study["sources"], study["patches"], study["region"], list(outlines()))
    patch = driver["patch"].to_numpy()
    np.testing.assert_array_equal(cells["common"], (~np.isin(patch, [4, 7])).astype(int))
    # A source that lacks more than a tenth of the area is warned about.
    driver["nbe"][:8, 50] = np.nan
    write_netcdf(driver, study["folder"] / "driver.nc")
    common_cells(study["sources"], study["patches"], study["region"], list(outlines()))
    (warning,) = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert "CMS-Flux covers" in warning.getMessage()


def test_regions_add_up_to_all_cells(study: dict) -> None:
    series, _, _ = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    regions = [r for r in series["region"].to_numpy() if r not in (ALL_CELLS, HELD_OUT)]
    assert 3 < len(regions) <= 11
    for name in ("exchange", "annual", "seasonal_cycle", "anomaly"):
        total = series[name].sel(region=regions).sum("region", skipna=False)
        np.testing.assert_allclose(total, series[name].sel(region=ALL_CELLS), rtol=1e-9, atol=1e-12)
    areas = series["area"].to_series()
    assert areas[regions].sum() == pytest.approx(areas[ALL_CELLS])


def test_series_against_a_loop(study: dict) -> None:
    """Totals of every source, one cell and one month after another."""
    series, _, _ = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    assert list(series["source"].to_numpy()) == [MODEL, "CMS-Flux", "CAMS", *MODELS, TRENDY_MEAN]
    kinds = [MODEL, INVERSION, INVERSION, LAND_MODEL, LAND_MODEL, MODEL_MEAN]
    assert list(series["kind"].to_numpy()) == kinds
    driver, cells = study["driver"], study["cells"]
    lat, patch = driver["lat"].to_numpy(), driver["patch"].to_numpy()
    names = list(outlines())
    region = names[int(study["region"][0])]
    inside = [
        cell
        for cell in range(lat.size)
        if names[study["region"][cell]] == region and patch[cell] != 4
    ]
    for month in (24, 50, 83):
        days = pd.Period("2001-01", "M") + month
        expected = {
            "CMS-Flux": [float(driver["nbe"][patch[cell], month]) for cell in inside],
            "CAMS": [float(driver["nbe_cams"][patch[cell], month]) for cell in inside],
            "JULES": [study["models"]["JULES"][month, cell] for cell in inside],
            MODEL: [study["flux"][:, month, cell].mean() for cell in inside],
        }
        for name, values in expected.items():
            areas = [spherical_area(lat[cell]) for cell in inside]
            total = (
                sum(a * v for a, v in zip(areas, values, strict=True)) * days.days_in_month / 1e15
            )
            found = series["exchange"].sel(source=name, region=region)[month - SPIN_UP]
            assert float(found) == pytest.approx(total, rel=1e-6, nan_ok=True), (name, month)
    spread = study["members"].isel(time=slice(SPIN_UP, None)).std("member", ddof=1)
    np.testing.assert_allclose(series["exchange_spread"], spread.transpose("region", "time"))
    assert cells.sizes["cell"] == lat.size


def test_common_years_are_those_that_all_have(study: dict) -> None:
    series, _, trends = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    # The inversion begins in 2003, CAMS in 2004, and the land models end in 2007.
    years = series["year"].to_numpy()
    assert years.tolist() == list(range(2002, 2009))
    assert years[series["common"].to_numpy() == 1].tolist() == [2004, 2005, 2006, 2007]
    assert (trends["first_year"].unique(), trends["last_year"].unique()) == (2004, 2007)
    anomaly = series["anomaly"].isel(year=series["common"].to_numpy() == 1)
    np.testing.assert_allclose(anomaly.mean("year"), 0, atol=1e-12)
    # DifferLand is there in all years, also before the inversion.
    assert np.isfinite(series["anomaly"].sel(source=MODEL)).all()
    assert np.isnan(series["annual"].sel(source="CMS-Flux", year=2002)).all()


def test_seasonal_cycle_and_annual_totals_by_pandas(study: dict) -> None:
    series, _, _ = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    globe = series["exchange"].sel(source="CMS-Flux", region=ALL_CELLS).to_series()
    chosen = globe[(globe.index.year >= 2004) & (globe.index.year <= 2007)]
    np.testing.assert_allclose(
        series["seasonal_cycle"].sel(source="CMS-Flux", region=ALL_CELLS),
        chosen.groupby(chosen.index.month).mean(),
    )
    annual = series["annual"].sel(source="CMS-Flux", region=ALL_CELLS)
    np.testing.assert_allclose(annual[1:], globe["2003":].groupby(globe["2003":].index.year).sum())


def test_trends_by_scipy(study: dict) -> None:
    series, _, trends = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    table = trends.set_index(["region", "source"])
    for source in series["source"].to_numpy():
        values = series["annual"].sel(source=source, region=ALL_CELLS, year=slice(2004, 2007))
        expected = scipy.stats.linregress(np.arange(2004, 2008), values.to_numpy())
        row = table.loc[(ALL_CELLS, source)]
        assert row["trend"] == pytest.approx(expected.slope)
        assert row["standard_error"] == pytest.approx(expected.stderr)
        assert row["mean"] == pytest.approx(values.mean())
        assert row["standard_deviation"] == pytest.approx(values.std(ddof=1))
        found = series.sel(source=source, region=ALL_CELLS)
        assert float(found["trend"]) == pytest.approx(expected.slope)
        assert float(found["trend_error"]) == pytest.approx(expected.stderr)


def test_too_few_years_have_no_trend() -> None:
    slope, error = linear_trend(np.arange(2), np.ones((3, 2)))
    assert np.isnan(slope).all() and np.isnan(error).all() and slope.shape == (3,)


def test_agreement_by_numpy() -> None:
    random = np.random.default_rng(5)
    reference, source = random.normal(size=(2, 72)).cumsum(axis=1)
    found = {scale: (units, skill) for scale, units, skill in agreement(reference, source)}
    annual = [values.reshape(6, 12).sum(axis=1) for values in (reference, source)]
    detrended = [scipy.signal.detrend(values) for values in annual]
    pairs = {
        "month": (reference, source),
        "seasonal cycle": tuple(v.reshape(6, 12).mean(axis=0) for v in (reference, source)),
        "year": annual,
        "annual anomaly": [values - values.mean() for values in annual],
        "detrended annual anomaly": detrended,
    }
    assert set(found) == set(pairs)
    for scale, (a, b) in pairs.items():
        units, skill = found[scale]
        assert units == ("PgC year-1" if "ann" in scale or scale == "year" else "PgC month-1")
        assert skill["n"] == len(a)
        assert skill["rmse"] == pytest.approx(np.sqrt(np.mean((a - b) ** 2)))
        bias = np.nan if "anomaly" in scale else np.mean(b - a)
        assert skill["bias"] == pytest.approx(bias, nan_ok=True)
        assert skill["correlation"] == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_what_does_not_vary_or_is_too_short_has_no_correlation() -> None:
    skills = {scale: skill for scale, _, skill in agreement(np.arange(24.0), np.ones(24))}
    assert np.isnan(skills["month"]["correlation"])
    assert skills["month"]["rmse"] == pytest.approx(np.sqrt(np.mean((np.arange(24) - 1) ** 2)))
    # Three years without their trend have one degree of freedom left.
    random = np.random.default_rng(0).normal(size=(2, 36))
    skills = {scale: skill for scale, _, skill in agreement(*random)}
    assert np.isfinite(skills["annual anomaly"]["correlation"])
    assert np.isnan(skills["detrended annual anomaly"]["correlation"])
    skills = {scale: skill for scale, _, skill in agreement(np.arange(24.0), np.arange(24.0))}
    assert np.isnan(skills["year"]["correlation"]) and skills["year"]["rmse"] == 0


def test_every_inversion_is_a_reference_over_the_years_it_shares(study: dict) -> None:
    _, table, _ = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    globe = table[(table["region"] == ALL_CELLS) & (table["scale"] == "year")]
    span = globe.set_index(["reference", "source"])[["first_year", "last_year", "n"]]
    assert span.loc[("CMS-Flux", MODEL)].tolist() == [2003, 2008, 6]
    assert span.loc[("CMS-Flux", "JULES")].tolist() == [2003, 2007, 5]
    assert span.loc[("CAMS", MODEL)].tolist() == [2004, 2008, 5]
    assert span.loc[("CAMS", "CMS-Flux")].tolist() == [2004, 2008, 5]
    assert len(span) == 2 * 5
    assert set(table["region"]) >= {ALL_CELLS, HELD_OUT}
    assert table.drop(columns=["correlation", "bias"]).notna().all(axis=None)


def test_the_mean_of_the_land_models_is_that_of_their_totals(study: dict) -> None:
    series, _, _ = compare(study["sources"], study["cells"], study["members"], SPIN_UP)
    models = series["exchange"].sel(source=list(MODELS)).mean("source", skipna=False)
    np.testing.assert_allclose(series["exchange"].sel(source=TRENDY_MEAN), models)


def test_without_land_models_and_other_inversions(study: dict) -> None:
    sources = ExchangeFiles(study["sources"].driver, {"nbe": "CMS-Flux"}, {})
    cells = common_cells(sources, study["patches"], study["region"], list(outlines()))
    assert cells["common"].to_numpy().all()
    series, table, trends = compare(sources, cells, study["members"], SPIN_UP)
    assert list(series["source"].to_numpy()) == [MODEL, "CMS-Flux"]
    assert set(table["source"]) == {MODEL} and set(trends["source"]) == {MODEL, "CMS-Flux"}


def test_what_cannot_be_compared_is_refused(study: dict, tmp_path: Path) -> None:
    names = list(outlines())
    lacking = ExchangeFiles(study["sources"].driver, {"nbe_other": "other"}, {})
    with pytest.raises(InputError, match="nbe_other"):
        common_cells(lacking, study["patches"], study["region"], names)
    early = study["members"].isel(time=slice(0, 24))
    with pytest.raises(InputError, match="a whole year that every source has"):
        compare(study["sources"], study["cells"], early, SPIN_UP)
    file = tmp_path / "few.nc"
    write_netcdf(
        xr.Dataset({"nbe": (("time", "cell"), np.ones((12, 3)))}, {"time": times("2003-01", 1)}),
        file,
    )
    other = ExchangeFiles(study["sources"].driver, {"nbe": "CMS-Flux"}, {"few": file})
    with pytest.raises(InputError, match="few: cell: expected the 120 cells"):
        common_cells(other, study["patches"], study["region"], names)
    nothing = np.full((12, PATCHES * CELLS_PER_PATCH), np.nan)
    write_netcdf(
        xr.Dataset({"nbe": (("time", "cell"), nothing)}, {"time": times("2003-01", 1)}), file
    )
    with pytest.raises(InputError, match="none; of the area, CMS-Flux 100%, few 0%"):
        common_cells(other, study["patches"], study["region"], names)


def write_model(folder: Path, values: np.ndarray, name: str = "JULES") -> None:
    """A global file of 2 x 2 degrees from the south and 0 E, kg m-2 s-1 into the land."""
    with netCDF4.Dataset(folder / f"{name}_S3_nbp.nc", "w") as file:
        axes = {"lat": -89.0 + 2 * np.arange(90), "lon": 1.0 + 2 * np.arange(180)}
        file.createDimension("time", len(values))
        time = file.createVariable("time", "f8", ("time",))
        time[:] = 12 * (2000 - 1700) + np.arange(len(values))
        time.units = "months since 1700-01-01"
        for axis, centres in axes.items():
            file.createDimension(axis, centres.size)
            file.createVariable(axis, "f8", (axis,))[:] = centres
        stored = file.createVariable("nbp", "f4", ("time", "lat", "lon"), fill_value=False)
        stored[:] = values
        stored.units = "kg m-2 s-1"


def test_exchange_of_cells_is_that_of_the_model(tmp_path: Path) -> None:
    """Values tell where they are from: row and column of the model, and its month."""
    row, column = np.meshgrid(np.arange(90), np.arange(180), indexing="ij")
    month = np.arange(36)[:, None, None]
    flux = 0.01 * row + 0.001 * column + 0.1 * month  # gC m-2 day-1 into the land
    values = flux / 86400 / 1000
    values[:, 60, 20] = -99999.0  # undeclared
    write_model(tmp_path, values)
    lat = np.array([-10.125, 51.625, 30.125, 31.875, 29.875])
    lon = np.array([-60.125, 13.375, 41.875, 40.125, 40.125])
    months = pd.period_range("2001-01", "2001-12", freq="M")
    files = find_trendy(tmp_path, "JULES", {})
    found = exchange_of_cells(files, {}, months, lat, lon, 0.25)
    inside = np.floor((lat + 90) / 2).astype(int), np.floor(lon % 360 / 2).astype(int)
    expected = -flux[12:24][:, *inside]
    expected[:, [2, 3]] = np.nan
    np.testing.assert_allclose(found["nbe"], expected, rtol=1e-5)
    assert found["nbe"].dtype == np.float32
    assert list(found.indexes["time"].to_period("M")) == list(months)
    np.testing.assert_array_equal(found["lat"], lat)


def test_missing_land_models_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_trendy(tmp_path, "JULES", {})
    for words in ("JULES_S3_*nbp.nc", str(tmp_path), "product trendy", "on request"):
        assert words in str(caught.value)
    (tmp_path / "S3").mkdir()
    for name in ("JULES_S3_nbp.nc", "JULES_S3_landCoverFrac.nc", "other.nc"):
        (tmp_path / "S3" / name).touch()
    assert find_trendy(tmp_path, "JULES", {}) == {"nbp": [tmp_path / "S3" / "JULES_S3_nbp.nc"]}
    assert set(find_trendy(tmp_path, "JULES", {"layers": "cover"})) == {"nbp", "cover"}
    found = find_trendy(tmp_path, "JULES", {}, {"nbp": "**/other.nc"})
    assert found["nbp"] == [tmp_path / "S3" / "other.nc"]


def test_totals_of_members_are_those_of_their_cells(
    data, settings, driver, patches, tmp_path: Path
) -> None:
    """The mean over members is what the mean of the members' cells adds up to."""
    names = [("CLIM", f"{seed:02d}") for seed in (1, 2, 3)]
    ensemble = Ensemble(train_block(data, names, "final", settings, tmp_path))
    driver = driver.assign(nbe=driver["nbe"].fillna(0))
    simulation = evaluate_ensemble(ensemble, driver, patches, OBSERVED_VARIABLES, 12).simulation
    write_netcdf(driver, tmp_path / "driver.nc")
    sources = ExchangeFiles(tmp_path / "driver.nc", {"nbe": "CMS-Flux"}, {})
    region = assign_regions(driver["lat"].to_numpy(), driver["lon"].to_numpy())
    cells = common_cells(sources, patches, region, list(outlines()))
    totals = member_totals(ensemble, driver, cells)
    assert totals.dims == ("member", "time", "region")
    assert totals["member"].to_numpy().tolist() == ["01", "02", "03"]
    areas = cells["area"].to_numpy()
    days = driver.indexes["time"].days_in_month.to_numpy()
    expected = days * (simulation["nbe"].to_numpy().T @ areas) / 1e15
    globe = totals.sel(region=ALL_CELLS)
    np.testing.assert_allclose(globe.mean("member"), expected, rtol=1e-4, atol=1e-9)
    assert float(globe.std("member").max()) > 0
    series, table, _ = compare(sources, cells, totals, 12)
    np.testing.assert_allclose(
        series["exchange"].sel(source=MODEL, region=ALL_CELLS), globe.mean("member")[12:]
    )
    assert set(table["reference"]) == {"CMS-Flux"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"inversions": {"gpp": "x"}}, "carbon_cycle.inversions"),
        ({"trendy": {"models": {"ED": {"first": 1700}}}}, "carbon_cycle.trendy.models.ED.first"),
        ({"trendy": {"models": {"ED": {"layers": 2}}}}, "carbon_cycle.trendy.models.ED.layers"),
        ({"trendy": {"models": {"a/b": {}}}}, "carbon_cycle.trendy.models"),
    ],
)
def test_wrong_choices_are_refused(configuration: dict, change: dict, place: str) -> None:
    section = configuration["carbon_cycle"]
    (key, value), *_ = change.items()
    section = {**section, key: {**section[key], **value}}
    with pytest.raises(InputError) as caught:
        check_configuration({**configuration, "carbon_cycle": section})
    assert caught.value.variable == place


def test_all_cells_are_the_globe_only_where_every_region_has_some() -> None:
    names = list(outlines())
    everywhere = np.arange(len(names))
    for region, whole in ((everywhere, GLOBAL), (everywhere[:-1], ALL_CELLS)):
        cells = xr.Dataset(
            {
                "region": (
                    "cell",
                    region,
                    {"flag_meanings": " ".join(name.replace(" ", "_") for name in names)},
                ),
                "area": ("cell", np.ones(region.size)),
                "common": ("cell", np.ones(region.size, dtype=int)),
                "test": ("cell", np.zeros(region.size, dtype=int)),
            }
        )
        areas = region_areas(cells)
        assert areas["region"].to_numpy()[0] == whole
        assert areas.sel(region=whole).sum() == region.size

"""What `make demo` left: the whole way from raw files to recovered parameters, and its reruns.

The demo takes minutes, so it is not run here: these tests look at its results where there are any.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from snakemake_runs import jobs, run_snakemake

from differland.analysis.agreement import FAIRLY_SIMILAR
from differland.analysis.recovery import ALL_OUTPUTS
from differland.files import read_netcdf

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results/demo"
PLANET = ROOT / "data/planet"

pytestmark = pytest.mark.skipif(
    not (RESULTS / "report.html").exists(), reason="make demo has not been run"
)

HEADLINES = [
    "canopy_efficiency",
    "leaf_carbon_mass_per_area",
    "leaf_lifespan",
    "underlying_water_use_efficiency",
]


def recovered() -> pd.DataFrame:
    table = pd.read_csv(RESULTS / "analysis/PFT+CLIM+SOIL+AGE/recovery.csv")
    return table[table["cells"] == "all"].set_index("quantity")


@pytest.mark.parametrize("trait", HEADLINES)
def test_traits_are_recovered(trait: str):
    assert recovered().loc[trait, "pearson"].max() > 0.9


def test_the_report_shows_also_what_is_not_recovered():
    table = recovered()
    assert len(table[table["kind"] == "parameter"]) == 40
    assert (table["pearson"] < 0.9).any()
    assert set(table["identifiable"].dropna().astype(str)) <= {"True", "False"}


def test_the_true_axes_are_found():
    """Each true axis is most like the found one of the same rank, and fairly similar to it."""
    table = pd.read_csv(RESULTS / "analysis/PFT+CLIM+SOIL+AGE/component_recovery.csv")
    found = table[(table["traits"] == "varying") & (table["second"] == "ensemble")]
    assert found["matched"].tolist() == [1, 2, 3]
    assert (found["congruence"] > FAIRLY_SIMILAR).all()


def test_the_true_order_of_predictors_is_found():
    table = pd.read_csv(RESULTS / "analysis/PFT+CLIM+SOIL+AGE/importance.csv")
    table = table[(table["population"] == "all") & (table["level"] == "predictor")]
    agreement = table.groupby("output")["correlation"].first()
    assert (agreement[[*HEADLINES, ALL_OUTPUTS]] > 0.85).all()
    overall = table[table["output"] == ALL_OUTPUTS].set_index("name")
    leading = {name: overall[name].nlargest(5).index for name in ("true_share", "estimated_share")}
    assert set(leading["true_share"]) == set(leading["estimated_share"])


def test_the_driver_is_the_planet():
    """Cells of the driver are those of the truth, and forcing is what the planet's files say."""
    driver, truth = read_netcdf(RESULTS / "driver/driver.nc"), read_netcdf(PLANET / "truth.nc")
    np.testing.assert_allclose(driver["lat"], truth["lat"])
    np.testing.assert_allclose(driver["lon"], truth["lon"])
    mean = truth["predictor_mean"].to_series()
    spread = truth["predictor_standard_deviation"].to_series()
    for name in mean.index:
        values = driver[name].to_numpy().astype(float)
        assert abs(values.mean() - mean[name]) < 0.01 * spread[name] + 1e-3, name
        assert abs(values.std() / spread[name] - 1) < 0.02, name


def test_quality_has_no_remark_about_forcing_or_predictors():
    table = pd.read_csv(RESULTS / "driver/quality.csv", keep_default_na=False)
    remarks = table[table["kind"].isin(["predictor", "forcing"]) & (table["remark"] != "")]
    assert remarks.empty, remarks[["variable", "remark"]]


def test_the_calibration_finds_the_ratio_that_was_put_in():
    table = pd.read_csv(RESULTS / "gridded/burned_area_calibration.csv", index_col="region")
    assert table.loc[0, "slope"] == pytest.approx(1.4, rel=1e-3)
    assert table.loc[0, ["first", "last"]].tolist() == ["2018-01", "2020-12"]


def test_regions_exchange_carbon_as_the_inversion_has_it():
    """Better than synthetic land models, which were made wrong, also where nothing was trained."""
    table = pd.read_csv(RESULTS / "tables/carbon_cycle.csv")
    months = table[(table["scale"] == "month") & (table["reference"] == "CMS-Flux")]
    for region in ("All cells", "Test patches"):
        here = months[months["region"] == region].set_index("source")
        models = here[here["kind"] == "land model"]
        assert len(models) == 3
        assert here.loc["DifferLand", "rmse"] < models["rmse"].min()
        assert here.loc["DifferLand", "correlation"] > 0.9
    assert set(table["region"]) == {
        *("All cells", "Test patches"),
        *("Eurasian Boreal", "Eurasian Temperate", "Tropical Asia"),
    }


def planned(*arguments: str) -> dict[str, int]:
    """Jobs that would be run, by rule."""
    return jobs(
        run_snakemake(
            ROOT,
            *("--profile", "workflow/profiles/local", "--configfile", "config/demo.yaml"),
            *("--dry-run", "--quiet", "rules", *arguments),
        )
    )


@contextmanager
def changed(file: Path) -> Iterator[None]:
    """A file with other content, newer than all results, for as long as the block lasts."""
    before, content = file.stat(), file.read_bytes()
    try:
        # Snakemake knows small files by their content, so that touching one is not enough.
        file.write_bytes(content + b"\0")
        yield
    finally:
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.slow
def test_nothing_is_left_to_do():
    assert planned() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gleam/E_2019_GLEAM_v4.2a_MO.nc", {"regrid_year": 1}),
        ("hwsd/T_SAND.nc4", {"regrid_static": 1}),
        ("era5/era5_daily_t_max_2020.nc", {"regrid_year": 1}),
        ("noaa_co2/co2_mm_gl.csv", {}),
        # A month of MODIS that only the calibration needs: its fit, and the year that it scales.
        ("mcd64cmq/MCD64CMQ.A2018001.*.hdf", {"calibrate_burned_area": 1, "regrid_year": 1}),
    ],
)
def test_new_files_rerun_their_product_and_year(name: str, expected: dict[str, int]):
    (file,) = (PLANET / "raw").glob(name)
    with changed(file):
        jobs = planned("--", "driver")
    raw = {"regrid_static", "regrid_year", "calibrate_burned_area", "read_towers"}
    assert {rule: count for rule, count in jobs.items() if rule in raw} == expected
    assert jobs["assemble_driver"] == jobs["prepare_driver"] == jobs["draw_patches"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("raw={products: {gleam: {units: mm month-1}}}", {"regrid_year": 4}),
        ("raw={products: {gtopo30: {ocean: zero}}}", {"regrid_static": 1}),
        ("raw={domain: {maximum_water: 0.4}}", {}),
        ("raw={minimum_coverage: 0.3}", {"regrid_year": 38, "regrid_static": 6}),
    ],
)
def test_a_changed_choice_reruns_what_it_concerns(setting: str, expected: dict[str, int]):
    jobs = planned("--config", setting, "--", "driver")
    assert {rule: n for rule, n in jobs.items() if rule.startswith("regrid")} == expected
    assert jobs["assemble_driver"] == 1

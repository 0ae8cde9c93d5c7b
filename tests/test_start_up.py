"""A job imports what it needs: hundreds of jobs each pay for what they import before they begin."""

import subprocess
import sys
from pathlib import Path

import pytest
from import_graph import LIBRARY, ROOT, packages

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))

READS_RASTERS = {"assemble_driver", "calibrate_burned_area", "regrid_static", "regrid_year"}
REGRIDS = {"calibrate_burned_area", "regrid_static", "regrid_year"}
USES_NETWORKS = {
    *("apply_ensemble", "attribute_predictors", "compare_importance", "evaluate_ensemble"),
    *("map_parameters", "pack_training_data", "project_traits", "sum_members", "train"),
}
PACKS = {"pack_training_data", "train"}
REPORTS = {"present_tables", "summarise_study"}
READ_SETTINGS = {"group_importance", "plan", "status"}

MAY_IMPORT = {
    "flax": USES_NETWORKS - {"pack_training_data"},
    "h5py": PACKS,
    "itables": REPORTS,
    "jax": USES_NETWORKS,
    "jaxtyping": USES_NETWORKS,
    "jinja2": REPORTS,
    "llvmlite": set(),
    "optax": {"train"},
    "pydantic": USES_NETWORKS | REPORTS | READ_SETTINGS,
    "pyhdf": set(),
    "pyproj": REGRIDS,
    "rasterio": READS_RASTERS,
    "safetensors": {"status"},
    "shap": set(),
    "sklearn": set(),
}
"""Scripts that may import a package when they start; what else needs it imports it when it does."""


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_scripts_import_what_they_need(package: str):
    found = {script.stem for script in SCRIPTS if package in packages(script, at_start=True)}
    assert found == MAY_IMPORT[package]


def test_only_scripts_that_draw_import_matplotlib():
    found = {script.stem for script in SCRIPTS if "matplotlib" in packages(script, at_start=True)}
    drawing = {script.stem for script in SCRIPTS if script.stem.startswith("plot_")}
    assert drawing <= found <= drawing | REPORTS


def imported_by(*command: str) -> set[str]:
    """Packages that a process of Python really imports, of which it tells on standard error."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        env={"PYTHONPATH": str(LIBRARY), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    ("script", "needed", "without"),
    [
        ("select_ensemble", {"json"}, {"numpy", "xarray", "pandas", "jax"}),
        ("plot_recovery", {"matplotlib"}, {"jax", "flax", "sklearn", "netCDF4"}),
        ("tabulate_metrics", {"pandas"}, {"jax", "matplotlib", "scipy"}),
    ],
)
def test_no_package_brings_another_one_in(script: str, needed: set[str], without: set[str]):
    """The text tells only what the library imports; a package may import more."""
    path = ROOT / "scripts" / f"{script}.py"
    loaded = imported_by("-c", f"import runpy; runpy.run_path({str(path)!r}, run_name='script')")
    assert needed <= loaded
    assert not without & loaded


def test_the_regrid_command_needs_neither_jax_nor_xarray(tmp_path: Path):
    loaded = imported_by("-m", "differland", "regrid", "--help")
    assert "numpy" in loaded
    assert not {"jax", "xarray", "pandas", "matplotlib", "jsonschema", "pydantic"} & loaded

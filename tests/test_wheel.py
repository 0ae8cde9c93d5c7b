"""The package as it is installed from a wheel, away from the repository."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from differland.files import read_netcdf, write_netcdf

ROOT = Path(__file__).resolve().parents[1]

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package alone; what it depends on is that of the tests."""
    source = tmp_path_factory.mktemp("source")
    for name in ("workflow", "config", "resources"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    folder = tmp_path_factory.mktemp("installed")
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(source), str(source)]
    subprocess.run([*PIP, *build], check=True)
    (wheel,) = source.glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(folder), str(wheel)], check=True)
    return folder


def python(installed: Path, folder: Path, *words: str) -> str:
    """What Python prints, run in a folder with the installed package."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, *words]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def test_every_module_can_be_imported(installed: Path, tmp_path: Path):
    program = """
import importlib, pkgutil, differland
for module in pkgutil.walk_packages(differland.__path__, "differland."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from differland.datasets.catalogue import read_catalogue
from differland.planning import read_costs
from differland.regions import outlines
outlines()
print(differland.__file__, len(read_catalogue()), len(read_costs()) > 10)
"""
    place, products, costs = python(installed, tmp_path, "-c", program).split()
    assert Path(place).is_relative_to(installed)
    assert int(products) == len(list((ROOT / "resources/datasets").glob("*.yaml")))
    assert costs == "True"


def test_configurations_are_checked(installed: Path, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("study: mine\n")
    words = ("-m", "differland", "check", "mine.yaml")
    assert python(installed, tmp_path, *words) == (
        "mine: the configuration is valid; files that it names were not looked for\n"
    )


def test_files_are_regridded(installed: Path, tmp_path: Path):
    latitude, longitude = np.arange(-89.5, 90), np.arange(0.5, 360)
    values = xr.DataArray(
        np.ones((180, 360)), {"lat": latitude, "lon": longitude}, ("lat", "lon"), name="x"
    )
    for name, units in (("lat", "degrees_north"), ("lon", "degrees_east")):
        values[name].attrs["units"] = units
    write_netcdf(values.to_dataset(), tmp_path / "in.nc")
    words = ("regrid", "in.nc", "out.nc", "--resolution", "2")
    python(installed, tmp_path, "-m", "differland", *words)
    assert float(read_netcdf(tmp_path / "out.nc")["x"].mean()) == 1


def test_the_model_and_its_loss_are_there(installed: Path, tmp_path: Path, reference: Path):
    cases, case = (str(reference / "reference" / n) for n in ("dalec_cases.nc", "loss_case_1.nc"))
    python(installed, tmp_path, "-m", "differland", "simulate", cases, "out.nc")
    assert len(read_netcdf(tmp_path / "out.nc").data_vars) == 44
    printed = python(installed, tmp_path, "-m", "differland", "loss", case)
    expected = float(read_netcdf(Path(case), decode_times=False)["expected_total"])
    np.testing.assert_allclose(json.loads(printed)["total"], expected, rtol=1e-9)


def test_a_planet_is_written(installed: Path, tmp_path: Path):
    size = ("--south", "46", "--north", "50", "--years", "1", "--sites", "2")
    python(installed, tmp_path, "-m", "differland", "planet", "planet", *size)
    assert (tmp_path / "planet/truth.nc").is_file()

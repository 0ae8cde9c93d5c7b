"""The workflow as a module of another one, which has a folder and a configuration of its own."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
SETTINGS = {
    "study": "own",
    "driver": {"source": "file", "path": "sites.nc"},
    "setups": ["PFT", "CLIM"],
    "patches": {"minimum_cells": 1, "slots": None},
    "ensemble": {"seeds": 4, "select": 2},
    "training": {"members_per_job": 3},
    "analysis": {"groups": [], "reference_setup": "CLIM"},
}
"""What differs from config/config.yaml."""

MODULE = f"""
configfile: "mine.yaml"

rule own:
    output: "own.txt"
    shell: "echo {{config[greeting]}} > {{output}}"

module differland:
    snakefile: {str(REPOSITORY / "Snakefile")!r}
    config: config["land"]
    pathvars:
        results="elsewhere",

use rule * from differland as differland_*

use rule tabulate_datasets from differland as differland_tabulate_datasets with:
    log: "own.log"

rule everything:
    default_target: True
    input: "own.txt", rules.differland_all.input
"""


def run(directory: Path, *command: str, **environment: str) -> str:
    """Run a Python module in a folder; what it wrote."""
    result = subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    return output


def snakemake(directory: Path, *arguments: str, **environment: str) -> str:
    return run(directory, "-m", "snakemake", "--nocolor", "--cores", "1", *arguments, **environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, planet_file: Path) -> Path:
    """A folder with a workflow that has this one as a module, besides a rule of its own."""
    directory = tmp_path_factory.mktemp("own")
    shutil.copy(planet_file, directory / "sites.nc")
    settings = {"greeting": "hello", "land": SETTINGS}
    (directory / "mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (directory / "Snakefile").write_text(MODULE, encoding="utf-8")
    return directory


def test_a_module_is_planned_under_the_names_that_the_other_workflow_gives(folder: Path) -> None:
    output = snakemake(
        folder, "--dry-run", "--quiet", "rules", "--until", "differland_train", "own"
    )
    counts = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert counts["differland_prepare_driver"] == counts["own"] == "1"
    # Blocks of three of four seeds, for each of two setups and stages.
    assert counts["differland_train_1"] == counts["differland_train_2"] == "4"
    assert "differland_select_ensemble" not in counts
    # One table, and nothing but tables.
    assert output.count("Job stats:") == 1
    for word in ("Host:", "Reasons:", "This was a dry-run"):
        assert word not in output


@pytest.mark.slow
def test_jobs_of_a_module_have_their_scripts_library_and_captions(folder: Path) -> None:
    files = ("elsewhere/driver/patches.nc", "elsewhere/tables/datasets.csv", "own.txt")
    output = snakemake(folder, "--", *files)
    assert re.search(r"^(About|A few) .* left", output, re.MULTILINE)
    assert (folder / "own.txt").read_text() == "hello\n"
    logs = {str(path.relative_to(folder)) for path in folder.rglob("*.log")}
    assert "elsewhere/logs/draw_patches.log" in logs
    # What the other workflow says of a rule is stronger than what all rules share.
    assert "own.log" in logs and "elsewhere/logs/tabulate_datasets.log" not in logs
    assert not (folder / "results").exists()
    snakemake(folder, "--report", "report.html", "--", files[1])
    assert "Raw datasets of this study" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_plan_counts_the_jobs_of_a_module(folder: Path) -> None:
    output = snakemake(folder, "--", "differland_plan")
    assert re.search(r"^differland_train_1 +4 +CPU", output, re.MULTILINE)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables by which git finds a copy of this repository where it would find that on GitHub."""
    origin = tmp_path_factory.mktemp("origin")
    for name in ("Snakefile", "config", "envs", "resources", "scripts", "workflow"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, origin / name)
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(origin)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "All"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{origin}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/example/differland",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
    }


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("snakedeploy"), reason="snakedeploy is missing")
def test_snakedeploy_makes_a_folder_that_runs(
    tmp_path: Path, published: dict[str, str], planet_file: Path
) -> None:
    address = ("https://github.com/example/differland", "deployed", "--tag", "v1")
    start = "from snakedeploy.client import main; main()"
    output = run(tmp_path, "-c", start, "deploy-workflow", *address, **published)
    assert "Snakefile path not found" not in output
    directory = tmp_path / "deployed"
    shutil.copy(planet_file, directory / "sites.nc")
    mine = directory / "config/mine.yaml"
    mine.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    own = ("--configfile", str(mine))
    assert "select_ensemble" in snakemake(directory, "--dry-run", *own, **published)
    snakemake(directory, *own, "--", "results/own/driver/patches.nc", **published)
    assert (directory / "results/own/logs/draw_patches.log").is_file()

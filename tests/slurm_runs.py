"""Runs of the workflow on a cluster of Slurm: commands, and what comes of them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from slurm_cluster import missing_programs

from differland.files import write_netcdf
from differland.synthetic.planet import PlanetSettings, make_planet

REPOSITORY = Path(__file__).resolve().parents[1]

NEED_SLURM = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(missing_programs(False)), reason=f"no {', '.join(missing_programs(False))}"
    ),
]
"""Marks of tests that need Debian's packages slurm-wlm and munge."""

FAILURES = {
    "study": "failures",
    "driver": {"source": "file", "path": "planet.nc"},
    "patches": {"minimum_cells": 1, "slots": None},
    "setups": ["PFT"],
    "ensemble": {"seeds": 4, "select": 4},
    "analysis": {"groups": [], "reference_setup": "PFT"},
    "training": {"epochs": 1500, "checkpoint_interval": 50, "threads": 1, "permit_cpu": True},
}
"""Four members that take about 15 seconds each."""


def command(folder: Path, *arguments: str, snakefile: Path = REPOSITORY / "Snakefile") -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)),
        *("--directory", str(folder), "--nocolor", *arguments),
    ]


def on_slurm(
    folder: Path, *arguments: str, snakefile: Path = REPOSITORY / "Snakefile"
) -> list[str]:
    """Command of a run through the profile, with quicker looks at jobs."""
    return command(
        folder,
        *("--profile", str(REPOSITORY / "workflow/profiles/slurm")),
        *("--slurm-init-seconds-before-status-checks", "3"),
        *("--seconds-between-status-checks", "3", "--latency-wait", "5"),
        *arguments,
        snakefile=snakefile,
    )


def outcome(
    folder: Path, words: Sequence[str], environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run to the end; exit status and output."""
    result = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    return result.returncode, result.stdout + result.stderr


def run(folder: Path, words: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """Run to the end, which must be a good one, and give the output."""
    status, text = outcome(folder, words, environment)
    assert status == 0, text[-4000:]
    return text


def write_config(folder: Path, config: dict[str, Any]) -> str:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def megabytes(job: dict[str, str]) -> float:
    number, unit = job["memory"][:-1], job["memory"][-1]
    return float(number) * {"M": 1, "G": 1024}[unit]


def small_planet(folder: Path) -> Path:
    """Write the driver of a small planet and a configuration for it into a folder."""
    driver, _ = make_planet(PlanetSettings(8, 6, 2001, 4, seed=1, noise=0.05))
    write_netcdf(driver, folder / "planet.nc")
    write_config(folder, FAILURES)
    return folder


def members(stage: str) -> list[str]:
    return [f"results/failures/members/{stage}/PFT/0{n}/weights.safetensors" for n in range(1, 5)]

"""The study on real flux-tower sites, shortened: from the driver to the report."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from differland.files import read_netcdf

ROOT = Path(__file__).resolve().parents[1]

SHORT = {
    "study": "short",
    "ensemble": {"seeds": 2, "select": 2},
    "training": {"epochs": 25, "members_per_job": 60},
    "analysis": {
        "attribution": {"background": 20, "explained": 30, "samples": 256},
    },
    "figures": {"sites": 3},
}

FIGURES = [
    *("partition", "PFT/losses", "PFT+CLIM/components", "PFT+CLIM/identifiability"),
    *(f"develop/PFT+CLIM/{name}" for name in ("fit/gpp_site", "site_gradients", "skill")),
]
TARGETS = [
    *("evaluation", "applied", "results/short/report/summary.html"),
    "results/short/figures/final/PFT+CLIM/sites",
    *(f"results/short/figures/{name}.png" for name in FIGURES),
]
"""One of each kind that towers are shown in; the demo has every figure."""


@pytest.fixture(scope="module")
def results(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the shortened study, applied to its own sites as if they were new."""
    directory = tmp_path_factory.mktemp("real")
    sites = str(reference / "data/fluxnet_sites.nc")
    overlay = SHORT | {"driver": {"path": sites}, "apply": {"same_sites": sites}}
    (directory / "short.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "snakemake", *TARGETS, "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(directory), "--profile", str(ROOT / "workflow/profiles/local")),
        *("--configfile", str(ROOT / "config/fluxnet.yaml"), "short.yaml"),
        *("--report", "report.html", "--report-after-run"),
    ]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return directory / "results/short"


@pytest.mark.slow
def test_members_learn_from_real_sites(results: Path):
    for path in results.glob("members/*/*/*/losses.csv"):
        train = pd.read_csv(path).query("split == 'train'")["total"]
        assert train.iloc[-1] < 0.8 * train.iloc[0], path
    record = json.loads((results / "members/develop/PFT/01/member.json").read_text())
    assert set(record["loss_terms"]) == {
        *("lai", "gpp_site", "reco_site", "et_site", "biomass", "soc"),
        *("violation", "equilibrium"),
    }


@pytest.mark.slow
def test_metrics_of_real_sites_are_plausible(results: Path):
    """After 25 of 199 epochs already, test sites are told apart better than by their mean."""
    metrics = pd.read_csv(results / "tables/metrics.csv", dtype={"member": str})
    chosen = metrics.query(
        "stage == 'develop' and setup == 'PFT+CLIM' and member == 'ensemble' and split == 'train'"
        " and domain == 'space-time'"
    ).set_index("target")
    assert chosen.loc["gpp_site", "R2"] > 0.2
    assert chosen.loc["et_site", "R2"] > 0.2
    assert chosen.loc["gpp_site", "n"] > 3000


@pytest.mark.slow
def test_applied_ensemble_repeats_what_it_simulated(results: Path):
    """The same sites, handed over as new ones: the same predictions."""
    own = read_netcdf(results / "evaluation/final/PFT+CLIM/simulation.nc")
    applied = read_netcdf(results / "applied/same_sites/PFT+CLIM/simulation.nc")
    for name in ("gpp", "reco", "et", "lai"):
        np.testing.assert_allclose(applied[name], own[name], rtol=1e-5, atol=1e-6)
    metrics = pd.read_csv(results / "applied/same_sites/PFT+CLIM/metrics.csv")
    assert set(metrics["split"]) == {"applied"}


@pytest.mark.slow
def test_report_holds_the_figures(results: Path):
    report = (results.parents[1] / "report.html").read_text(encoding="utf-8")
    figures = sorted((results / "figures/final/PFT+CLIM/sites").glob("*.png"))
    assert len(figures) == SHORT["figures"]["sites"]
    figures += [results / f"figures/{name}.png" for name in FIGURES]
    for path in figures:
        assert path.name in report
        assert path.stat().st_size > 5000

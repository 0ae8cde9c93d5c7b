"""The workflow on a real Slurm cluster: a study from raw files, accounts, job arrays.

Needs Debian's packages slurm-wlm and munge, for accounting also slurmdbd and mariadb-server.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr
from slurm_cluster import Cluster, missing_programs
from slurm_runs import (
    FAILURES,
    NEED_SLURM,
    REPOSITORY,
    command,
    megabytes,
    members,
    on_slurm,
    outcome,
    run,
    small_planet,
    write_config,
)

pytestmark = NEED_SLURM

STUDY = {
    "study": "slurm",
    "raw": {"first_year": 2019, "last_year": 2019, "products": {"cams": None}},
    "setups": ["PFT+CLIM+SOIL+AGE"],
    "ensemble": {"seeds": 2, "select": 2},
    "training": {"epochs": 3, "members_per_job": 1, "permit_cpu": True},
    "evaluation": {"spin_up_months": 0, "setups_per_job": 1},
    "experiments": {},
    "analysis": {"groups": []},
}
"""The demo study, shortened."""

SETUP = STUDY["setups"][0]
TARGETS = (
    *("evaluation", "quality", f"results/slurm/figures/{SETUP}/recovery.png"),
    f"results/slurm/analysis/{SETUP}/attribution.nc",
)
"""The way from raw files through training and analyses to figures, in 20 kinds of jobs."""


def identical(one: Path, two: Path) -> bool:
    """Whether two NetCDF files hold the same values bit for bit; their history may differ."""
    with xr.open_dataset(one) as a, xr.open_dataset(two) as b:
        return bool(a.load().drop_attrs().identical(b.load().drop_attrs()))


@pytest.fixture(scope="module")
def planet(tmp_path_factory) -> Path:
    """Raw files of the demo's planet, those of `make demo` if they are there."""
    folder = REPOSITORY / "data/planet"
    if not (folder / "truth.nc").is_file():
        folder = tmp_path_factory.mktemp("data") / "planet"
        run(folder.parent, [sys.executable, "-m", "differland", "planet", str(folder)])
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster") / "slurm") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def places(planet, tmp_path_factory) -> tuple[Path, Path]:
    """Two working folders, one for a run on this machine, one for the cluster."""
    folders = (tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("cluster"))
    for folder in folders:
        (folder / "data").mkdir()
        (folder / "data/planet").symlink_to(planet)
    return folders


@pytest.fixture(scope="module")
def studied(places, cluster) -> list[dict[str, str]]:
    """The shortened demo study, through Slurm; gives the jobs that Slurm had."""
    demo = str(REPOSITORY / "config/demo.yaml")
    config = write_config(places[1], STUDY)
    words = on_slurm(places[1], "--configfile", demo, config, "--", *TARGETS)
    run(places[1], words, cluster.environment)
    return cluster.jobs()


def test_study_runs_through_slurm_without_any_help(studied, places, cluster):
    assert {job["state"] for job in studied} == {"COMPLETED"}
    rules = [rule_of(job) for job in studied]
    # Two seeds in two stages.
    assert rules.count("train") == 4
    assert rules.count("evaluate_ensemble") == 2
    assert {"assemble_driver", "plot_recovery", "attribute_predictors"} <= set(rules)
    assert not [rule for rule in rules if rule.startswith("plan")]
    # Each job has a log of Slurm's, beside that of the rule.
    assert len(list((places[1] / "logs/slurm").rglob("*.log"))) == len(studied)


def test_training_gets_a_gpu_and_everything_else_does_not(studied, places, cluster):
    for job in studied:
        described = cluster.run("scontrol", "show", "job", job["id"]).stdout
        trains = job["comment"].startswith("rule_train")
        assert ("Partition=gpu" in described) is trains
        assert ("TresPerJob=gres:gpu:1" in described) is trains
    for log in (places[1] / "results/slurm/logs/train").rglob("*.log"):
        text = log.read_text()
        assert re.search(r"no GPU, although the job asks for 1.*CUDA_VISIBLE_DEVICES is \d", text)


def test_results_are_those_of_this_machine_bit_for_bit(studied, places):
    demo = str(REPOSITORY / "config/demo.yaml")
    here = places[0]
    config = write_config(here, STUDY)
    run(here, command(here, "--cores", "2", "--configfile", demo, config, "--", "evaluation"))
    results = [folder / "results/slurm" for folder in places]
    # Checkpoints tell the seconds that training took, too.
    found = (results[0] / "members").rglob("*.safetensors")
    weights = sorted(path.relative_to(results[0]) for path in found)
    assert len(weights) == 4
    for path in weights:
        assert (results[0] / path).read_bytes() == (results[1] / path).read_bytes(), path
    for pattern in ("driver/*.nc", "gridded/**/*.nc", "evaluation/**/*.nc", "maps/**/*.nc"):
        files = sorted(results[0].glob(pattern))
        assert files
        for file in files:
            assert identical(file, results[1] / file.relative_to(results[0])), file
    for table in results[0].glob("evaluation/**/*.csv"):
        assert table.read_bytes() == (results[1] / table.relative_to(results[0])).read_bytes()


def test_another_number_of_members_per_job_trains_nothing_again(studied, places, cluster):
    demo = str(REPOSITORY / "config/demo.yaml")
    config = {**STUDY, "training": {**STUDY["training"], "members_per_job": 2}}
    path = write_config(places[1], config)
    words = on_slurm(places[1], "--dry-run", "--configfile", demo, path, "--", *TARGETS)
    output = run(places[1], words, cluster.environment)
    assert "Nothing to be done" in output


def test_plan_is_told_without_any_job(studied, places, cluster):
    """Of what is left, here another seed: on GPUs, as the profile has it, at its own pace."""
    demo = str(REPOSITORY / "config/demo.yaml")
    config = {**STUDY, "ensemble": {"seeds": 3, "select": 2}}
    words = on_slurm(places[1], "--configfile", demo, write_config(places[1], config), "--", "plan")
    output = run(places[1], words, cluster.environment)
    assert re.search(r"^train +2 +GPU +[\d.]+ +\d+ +[\d.]+ +\d+$", output, re.MULTILINE)
    assert len(cluster.jobs()) == len(studied)


def rule_of(job: dict[str, str]) -> str:
    return job["comment"].removeprefix("rule_").split("_wildcards")[0]


def test_jobs_ask_for_the_memory_that_they_take(studied, places):
    """Peak memory by Snakemake's benchmarks, against what Slurm was asked for."""
    asked = {rule_of(job): megabytes(job) for job in studied}
    benchmarks = places[1] / "results/slurm/benchmarks"
    taken: dict[str, float] = {}
    for file in benchmarks.rglob("*.tsv"):
        rule = file.relative_to(benchmarks).parts[0].removesuffix(".tsv").partition("@")[0]
        value = file.read_text().splitlines()[1].split("\t")[2]
        if value != "NA":
            taken[rule] = max(taken.get(rule, 0.0), float(value))
    assert set(taken) <= set(asked)
    assert len(taken) > 15
    assert not {rule: (mb, asked[rule]) for rule, mb in taken.items() if mb > asked[rule]}


def open_to_all(folder: str) -> Path:
    path = Path(folder)
    path.chmod(0o755)
    return path


@pytest.mark.skipif(bool(missing_programs(True)), reason=f"no {', '.join(missing_programs(True))}")
def test_accounting(tmp_path):
    """With slurmdbd, jobs are looked at with sacct and belong to an account."""
    config = {**FAILURES, "training": {**FAILURES["training"], "epochs": 20}}
    write_config(small_planet(tmp_path), config)
    with (
        # The database's own user must be able to get there.
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        Cluster(open_to_all(folder) / "cluster", accounting=True) as cluster,
    ):
        words = on_slurm(tmp_path, "--configfile", "study.yaml", "--slurm-status-command", "sacct")
        resources = ["--default-resources", "slurm_account=research", "slurm_partition=cpu"]
        run(tmp_path, [*words, *resources, "--", *members("final")[:1]], cluster.environment)
        table = cluster.run("sacct", "-n", "-X", "-P", "-o", "Account,State").stdout.split()
    assert set(table) == {"research|COMPLETED"}
    assert (tmp_path / members("final")[0]).is_file()


ARRAY = """
rule all:
    input: expand("done/{number}", number=[1, 2, 3])

rule task:
    output: "done/{number}"
    shell: "test {wildcards.number} != 2 && touch {output}"
"""


LOSES_RESULTS = pytest.mark.xfail(
    strict=True, reason="job arrays lose results with the plugin's version 2.8.0"
)


@pytest.mark.parametrize("switch", [[], pytest.param(["task"], marks=LOSES_RESULTS)])
def test_job_arrays_have_become_safe(tmp_path, cluster, switch):
    """One of three jobs fails. When arrays pass this, the profile may switch them on."""
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(ARRAY)
    arrays = [f"--slurm-array-jobs={rule}" for rule in switch]
    words = on_slurm(tmp_path, "--retries", "0", *arrays, snakefile=snakefile)
    outcome(tmp_path, words, cluster.environment)
    assert sorted(path.name for path in tmp_path.glob("done/*")) == ["1", "3"]

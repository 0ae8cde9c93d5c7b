"""The workflow on a real Slurm cluster: a study from raw files, and what goes wrong on the way.

Needs Debian's packages slurm-wlm and munge, for accounting also slurmdbd and mariadb-server.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import yaml
from slurm_cluster import Cluster, missing_programs, wait_until

from differland.files import write_netcdf
from differland.synthetic.planet import PlanetSettings, make_planet

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(missing_programs(False)), reason=f"no {', '.join(missing_programs(False))}"
    ),
]

REPOSITORY = Path(__file__).resolve().parents[1]

# They run side by side: one computes, while the other waits for Slurm to notice what went wrong.
RUNS = pytest.mark.xdist_group("runs")
FAILS = pytest.mark.xdist_group("fails")

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


@RUNS
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


@RUNS
def test_training_gets_a_gpu_and_everything_else_does_not(studied, places, cluster):
    for job in studied:
        described = cluster.run("scontrol", "show", "job", job["id"]).stdout
        trains = job["comment"].startswith("rule_train")
        assert ("Partition=gpu" in described) is trains
        assert ("TresPerJob=gres:gpu:1" in described) is trains
    for log in (places[1] / "results/slurm/logs/train").rglob("*.log"):
        text = log.read_text()
        assert re.search(r"no GPU, although the job asks for 1.*CUDA_VISIBLE_DEVICES is \d", text)


@RUNS
def test_results_are_those_of_this_machine_bit_for_bit(studied, places):
    demo = str(REPOSITORY / "config/demo.yaml")
    here = places[0]
    config = write_config(here, STUDY)
    run(here, command(here, "--cores", "2", "--configfile", demo, config, "--", "evaluation"))
    results = [folder / "results/slurm" for folder in places]
    weights = sorted(path.relative_to(results[0]) for path in results[0].rglob("*.safetensors"))
    assert len([path for path in weights if path.parts[0] == "members"]) == 4
    for path in weights:
        assert (results[0] / path).read_bytes() == (results[1] / path).read_bytes(), path
    for pattern in ("driver/*.nc", "gridded/**/*.nc", "evaluation/**/*.nc", "maps/**/*.nc"):
        files = sorted(results[0].glob(pattern))
        assert files
        for file in files:
            assert identical(file, results[1] / file.relative_to(results[0])), file
    for table in results[0].glob("evaluation/**/*.csv"):
        assert table.read_bytes() == (results[1] / table.relative_to(results[0])).read_bytes()


@RUNS
def test_another_number_of_members_per_job_trains_nothing_again(studied, places, cluster):
    demo = str(REPOSITORY / "config/demo.yaml")
    config = {**STUDY, "training": {**STUDY["training"], "members_per_job": 2}}
    path = write_config(places[1], config)
    words = on_slurm(places[1], "--dry-run", "--configfile", demo, path, "--", *TARGETS)
    output = run(places[1], words, cluster.environment)
    assert "Nothing to be done" in output


@RUNS
def test_plan_is_told_without_any_job(studied, places, cluster):
    """Of what is left, on GPUs as the profile has it: here, another seed."""
    demo = str(REPOSITORY / "config/demo.yaml")
    config = {**STUDY, "ensemble": {"seeds": 3, "select": 2}}
    words = on_slurm(places[1], "--configfile", demo, write_config(places[1], config), "--", "plan")
    output = run(places[1], words, cluster.environment)
    assert re.search(r"^train +3 +GPU .*guess$", output, re.MULTILINE)
    assert len(cluster.jobs()) == len(studied)


def rule_of(job: dict[str, str]) -> str:
    return job["comment"].removeprefix("rule_").split("_wildcards")[0]


def megabytes(job: dict[str, str]) -> float:
    number, unit = job["memory"][:-1], job["memory"][-1]
    return float(number) * {"M": 1, "G": 1024}[unit]


@RUNS
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


# -- what goes wrong -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes") / "slurm"
    with Cluster(folder, nodes=2, cpus=4, gpus=4, slurmd_timeout=10) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with the driver of a small planet and a configuration for it."""
    folder = tmp_path_factory.mktemp("failures")
    driver, _ = make_planet(PlanetSettings(8, 6, 2001, 4, seed=1, noise=0.05))
    write_netcdf(driver, folder / "planet.nc")
    write_config(folder, FAILURES)
    return folder


def members(stage: str) -> list[str]:
    return [f"results/failures/members/{stage}/PFT/0{n}/weights.safetensors" for n in range(1, 5)]


def training(cluster: Cluster, seed: int) -> list[dict[str, str]]:
    """Jobs that train a member, the first attempt first."""
    end = f"PFT_0{seed}"
    found = [job for job in cluster.jobs() if job["comment"].endswith(end)]
    return sorted(found, key=lambda job: int(job["id"]))


def epoch_of(folder: Path, stage: str, seed: int) -> int:
    """Epochs that a member's log tells of."""
    log = folder / f"results/failures/logs/train/{stage}/PFT/0{seed}.log"
    found = re.findall(r"epoch (\d+)/", log.read_text()) if log.is_file() else []
    return int(found[-1]) if found else 0


def hold(folder: Path, cluster: Cluster, stage: str, seeds: Sequence[int]) -> dict[int, str]:
    """Stop each member's process after some epochs, so that it cannot end; ids of its jobs."""
    waiting = list(seeds)
    found = {}

    def all_held() -> bool:
        for seed in list(waiting):
            if epoch_of(folder, stage, seed) > 100:
                job = training(cluster, seed)[-1]["id"]
                cluster.send(signal.SIGSTOP, job)
                found[seed] = job
                waiting.remove(seed)
        return not waiting

    wait_until(all_held, 300, f"members {seeds} at epoch 100")
    return found


def states(cluster: Cluster, seed: int) -> list[str]:
    return [job["state"] for job in training(cluster, seed)]


def start(folder: Path, cluster: Cluster, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a controller; its output goes to controller.log."""
    words = on_slurm(folder, "--configfile", "study.yaml", *arguments)
    with (folder / "controller.log").open("w") as stream:
        return subprocess.Popen(
            words,
            env=cluster.environment,
            cwd=folder,
            stdout=stream,
            stderr=stream,
            # Shells let what they start in the background ignore interrupts, and so its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def output(folder: Path) -> str:
    return (folder / "controller.log").read_text()


def assert_resumed(folder: Path, stage: str, seeds: Sequence[int]) -> None:
    for seed in seeds:
        log = folder / f"results/failures/logs/train/{stage}/PFT/0{seed}.log"
        resumed = re.findall(r"resumed after epoch (\d+)", log.read_text())
        assert resumed and int(resumed[-1]) > 0, seed


@FAILS
def test_killed_cancelled_late_and_lost_jobs_go_on_where_they_were(small, two_nodes):
    """Of four members: one killed, one cancelled, one out of time, one on a node that is lost."""
    run(small, on_slurm(small, "--configfile", "study.yaml", "--", "driver"), two_nodes.environment)
    controller = start(small, two_nodes, "--retries", "3", "--", *members("final"))
    lost = ""
    try:
        first = hold(small, two_nodes, "final", [1, 2, 3, 4])
        two_nodes.send(signal.SIGKILL, first[1])
        two_nodes.run("scancel", first[2])
        two_nodes.run("scontrol", "update", f"JobId={first[3]}", "TimeLimit=1")
        for seed in (1, 2, 3):
            wait_until(lambda s=seed: len(states(two_nodes, s)) > 1, 240, f"retry of {seed}")
        lost = training(two_nodes, 4)[0]["node"]
        two_nodes.stop(f"slurmd-{lost}", kill=True)
        two_nodes.send(signal.SIGKILL, first[4])
        assert controller.wait(900) == 0, output(small)[-4000:]
    finally:
        controller.kill()
        if lost:
            two_nodes.start_node(lost)
    wait_until(two_nodes.idle, 60, "idle nodes")
    first, second = training(two_nodes, 1)[:2]
    assert megabytes(second) == 2 * megabytes(first)
    assert second["limit"] != first["limit"]
    assert states(two_nodes, 1)[0] == "FAILED"
    assert states(two_nodes, 2)[0] == "CANCELLED"
    assert states(two_nodes, 3)[0] == "TIMEOUT"
    assert_resumed(small, "final", [1, 2, 3, 4])


@FAILS
def test_interrupted_jobs_have_the_weights_of_others(small, tmp_path):
    """Trained here, without any interruption."""
    for name in ("planet.nc", "study.yaml"):
        (tmp_path / name).symlink_to(small / name)
    chosen = members("final")[:2]
    run(tmp_path, command(tmp_path, "--cores", "2", "--configfile", "study.yaml", "--", *chosen))
    for file in chosen:
        assert (tmp_path / file).read_bytes() == (small / file).read_bytes()


@FAILS
def test_controllers_that_are_interrupted_or_killed(small, two_nodes):
    """A second one is refused; one that comes after takes up what there is."""
    wanted = members("develop")[:2]
    controller = start(small, two_nodes, "--", *wanted)
    words = on_slurm(small, "--configfile", "study.yaml", "--", *wanted)
    try:
        hold(small, two_nodes, "develop", [1, 2])
        status, text = outcome(small, words, two_nodes.environment)
        assert status != 0
        assert "cannot be locked" in text
        # Interrupted from the keyboard, it cancels its jobs and gives the lock back.
        controller.send_signal(signal.SIGINT)
        assert controller.wait(120) != 0
        wait_until(two_nodes.idle, 60, "end of the cancelled jobs")

        controller = start(small, two_nodes, "--", *wanted)
        wait_until(lambda: not two_nodes.idle(), 120, "start of the next jobs")
        controller.kill()
        controller.wait()
        assert not two_nodes.idle()
        # Killed, it leaves its jobs and its lock. They have to be ended first (docs/cluster.md).
        two_nodes.run("scancel", "-u", os.environ.get("USER") or "root")
        wait_until(two_nodes.idle, 60, "end of the jobs that were left")
        run(small, [*words[: words.index("--")], "--unlock"], two_nodes.environment)
        run(small, words, two_nodes.environment)
    finally:
        controller.kill()
    assert all((small / file).is_file() for file in wanted)
    assert_resumed(small, "develop", [1, 2])


@FAILS
def test_bad_input_is_not_tried_again(small, two_nodes):
    """Whatever the number of retries, a job that failed for a reason of its own does no work."""
    config = yaml.safe_load((small / "study.yaml").read_text())
    config["training"]["permit_cpu"] = False
    (small / "bad.yaml").write_text(yaml.safe_dump(config))
    wanted = members("develop")[2]
    words = on_slurm(small, "--configfile", "bad.yaml", "--retries", "1", "--", wanted)
    before = {job["id"] for job in two_nodes.jobs()}
    assert outcome(small, words, two_nodes.environment)[0] != 0
    jobs = [job for job in two_nodes.jobs() if job["id"] not in before]
    log = (small / "results/failures/logs/train/develop/PFT/03.log").read_text()
    assert "gpu: expected 1 that JAX can use" in log
    assert "not tried again" in log
    failed = [job for job in jobs if job["state"] == "FAILED"]
    assert len(failed) == 2
    (second,) = (small / "logs/slurm").rglob(f"{max(int(job['id']) for job in failed)}.log")
    assert "not tried again" in second.read_text()


def open_to_all(folder: str) -> Path:
    path = Path(folder)
    path.chmod(0o755)
    return path


@RUNS
@pytest.mark.skipif(bool(missing_programs(True)), reason=f"no {', '.join(missing_programs(True))}")
def test_accounting(small, tmp_path):
    """With slurmdbd, jobs are looked at with sacct and belong to an account."""
    config = {**FAILURES, "training": {**FAILURES["training"], "epochs": 20}}
    write_config(tmp_path, config)
    (tmp_path / "planet.nc").symlink_to(small / "planet.nc")
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


@RUNS
@pytest.mark.parametrize("switch", [[], pytest.param(["task"], marks=LOSES_RESULTS)])
def test_job_arrays_have_become_safe(tmp_path, cluster, switch):
    """One of three jobs fails. When arrays pass this, the profile may switch them on."""
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(ARRAY)
    arrays = [f"--slurm-array-jobs={rule}" for rule in switch]
    words = on_slurm(tmp_path, "--retries", "0", *arrays, snakefile=snakefile)
    outcome(tmp_path, words, cluster.environment)
    assert sorted(path.name for path in tmp_path.glob("done/*")) == ["1", "3"]

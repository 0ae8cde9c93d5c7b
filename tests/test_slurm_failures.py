"""What goes wrong on a real Slurm cluster, and what becomes of it.

Needs Debian's packages slurm-wlm and munge.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from slurm_cluster import Cluster, wait_until
from slurm_runs import (
    NEED_SLURM,
    command,
    megabytes,
    members,
    on_slurm,
    outcome,
    run,
    small_planet,
)

pytestmark = NEED_SLURM


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with the driver of a small planet and a configuration for it."""
    return small_planet(tmp_path_factory.mktemp("failures"))


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes") / "slurm"
    with Cluster(folder, nodes=2, cpus=4, gpus=4, slurmd_timeout=10) as cluster:
        yield cluster


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


def test_interrupted_jobs_have_the_weights_of_others(small, tmp_path):
    """Trained here, without any interruption."""
    for name in ("planet.nc", "study.yaml"):
        (tmp_path / name).symlink_to(small / name)
    chosen = members("final")[:2]
    run(tmp_path, command(tmp_path, "--cores", "2", "--configfile", "study.yaml", "--", *chosen))
    for file in chosen:
        assert (tmp_path / file).read_bytes() == (small / file).read_bytes()


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

"""Where a study stands."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from differland.errors import InputError
from differland.files import save_arrays
from differland.logs import failure, record
from differland.planning import Need, Share
from differland.settings.study import Study
from differland.status import Wanted, status_lines

FILES = ["weights.safetensors", "member.json"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A study of two members of a setup: one is there, of the other there is a checkpoint."""
    for file in FILES:
        path = tmp_path / "members/develop/CLIM/01" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    # One that was stopped between its files is no member.
    path = tmp_path / "members/develop/CLIM/02/member.json"
    path.parent.mkdir()
    path.touch()
    saved = json.dumps({"progress": {"epoch": 40}}).encode()
    save_arrays(
        {"record": np.frombuffer(saved, np.uint8)},
        tmp_path / "checkpoints/develop/CLIM/02.safetensors",
    )
    write_job(tmp_path, "train/develop/CLIM/01", "epoch 199/199: train 3.2", seconds=7200)
    write_job(tmp_path, "train/develop/CLIM/02", "epoch 41/199: train 5\nepoch 42/199: train 4")
    write_job(tmp_path, "select_ensemble/develop/CLIM", "", seconds=1800)
    return tmp_path


def write_job(results: Path, name: str, log: str, seconds: float | None = None) -> None:
    """A job's log and, if it has finished, its benchmark."""
    path = results / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(log)
    os.utime(path, (1.7e9, 1.7e9))
    if seconds is not None:
        benchmark = results / "benchmarks" / f"{name}.tsv"
        benchmark.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t-\t100\n")


def lines(results: Path, study: Study, left=(), **files) -> list[str]:
    wanted = Wanted([("develop", "CLIM"), ("final", "CLIM")], ["01", "02"], FILES, files)
    return list(status_lines(study, results, wanted, left, {"train": 4}))


def test_members_and_checkpoints_are_told_by_stage_and_setup(results, study):
    told = lines(results, study)
    assert "members, develop, CLIM: 1 of 2; checkpoints of 199 epochs: 02 at 40" in told
    assert "members, final, CLIM: 0 of 2" in told


def test_a_checkpoint_that_broke_off_is_none(results, study):
    (results / "checkpoints/develop/CLIM/02.safetensors").write_bytes(b"cut")
    assert "members, develop, CLIM: 1 of 2" in lines(results, study)


def test_files_that_are_there_are_counted(results, study):
    there = str(results / "members/develop/CLIM/01/member.json")
    assert "figures: 1 of 3" in lines(results, study, figures=[there, "a.png", "b.png"])


def test_a_job_without_benchmark_is_under_way_or_stopped(results, study):
    (line,) = (line for line in lines(results, study) if "under way" in line)
    assert str(results / "logs/train/develop/CLIM/02.log") in line
    assert "epoch 42/199" in line
    assert "No job failed." in lines(results, study)


def test_failed_jobs_are_told_with_log_and_reason(results, study):
    log = results / "logs/pack_training_data@blind.log"
    with pytest.raises(InputError), record(log):
        raise InputError("driver.nc", "vpd", "hPa", "kPa")
    told = lines(results, study)
    (line,) = (line for line in told if line.startswith("failed"))
    assert f"{log}: " in line
    assert line.endswith("driver.nc: vpd: expected hPa, found kPa")
    assert "1 job(s) failed" in told
    with pytest.raises(RuntimeError), record(log, 2):
        pass
    assert "found kPa" in str(failure(log.read_text()))


def test_a_job_that_begins_anew_is_under_way_again(results, study):
    """Its old benchmark is older than its log."""
    log = results / "logs/select_ensemble/develop/CLIM.log"
    benchmark = results / "benchmarks/select_ensemble/develop/CLIM.tsv"
    os.utime(benchmark, (1.6e9, 1.6e9))
    assert any(str(log) in line for line in lines(results, study) if "under way" in line)


def test_hours_are_those_of_cores_and_gpus(results, study):
    need = Need(memory_mb=1, seconds=3600, disk_mb=0, recorded=True)
    guess = Need(memory_mb=1, seconds=1800, disk_mb=0, recorded=False)
    left = [
        Share("train_1", 3, "CPU", need, "train"),
        Share("plot_fits", 1, "CPU", guess, "plot_fits"),
    ]
    told = lines(results, study, left)
    # Two hours on four cores, and half an hour on one.
    assert "8.50 core hours spent in 2 finished jobs" in told
    assert "12.50 core hours left in 4 jobs, a guess in part" in told
    record_file = results / "members/develop/CLIM/01/member.json"
    record_file.write_text(json.dumps({"device": "gpu NVIDIA H100"}))
    told = lines(results, study, [Share("train_1", 3, "GPU", need, "train_gpu")])
    assert "2.00 GPU hours spent in 1 finished jobs" in told
    assert "0.50 core hours spent in 1 finished jobs" in told
    assert "3.00 GPU hours left in 3 jobs" in told


def test_what_cannot_be_planned_does_not_hide_the_rest(results, study):
    told = lines(results, study, "raw files are missing")
    assert told[-1] == "What is left cannot be told: raw files are missing"
    assert "members, final, CLIM: 0 of 2" in told

"""What a study costs, scaled to its size."""

from pathlib import Path

import pytest

from differland.planning import (
    StudySize,
    amounts,
    need_of,
    plan_lines,
    read_costs,
    shares_of_jobs,
    study_size,
)

PAPER = StudySize(245_000, 276, 944, 320, False)


def test_size_is_read_from_the_driver(configuration, planet_file, tmp_path):
    patches = {**configuration["patches"], "slots": None}
    config = {**configuration, "patches": patches}
    assert study_size(config, planet_file) == StudySize(45, 48, 8, 6, False)
    source = {**configuration["driver"], "source": "file", "path": str(planet_file)}
    found = study_size({**config, "driver": source}, tmp_path / "none.nc")
    assert found == StudySize(45, 48, 8, 6, False)


def test_size_is_guessed_from_the_window(configuration):
    globe = study_size(configuration, Path("none.nc"))
    assert globe == StudySize(245_000, 276, 944, 320, True)
    window = {"south": 0, "north": 20, "west": 10, "east": 30}
    region = {**configuration, "raw": {**configuration["raw"], "window": window}}
    assert study_size(region, Path("none.nc")) == StudySize(6400, 276, 20, 320, True)
    published = {**configuration["driver"], "source": "published", "path": "folder"}
    found = study_size({**configuration, "driver": published}, Path("none.nc"))
    assert (found.cells, found.guessed) == (245_000, True)


@pytest.mark.parametrize("rule", read_costs())
def test_needs_never_shrink_with_the_study(configuration, rule):
    small = need_of(rule, amounts(configuration, StudySize(1000, 60, 10, 100, False), 1))
    large = need_of(rule, amounts(configuration, PAPER, 20))
    for name in ("memory_mb", "seconds", "disk_mb"):
        assert 0 <= getattr(small, name) <= getattr(large, name)
    assert large.memory_request > large.memory_mb
    assert 60 * large.runtime_request >= 3 * large.seconds
    assert small.runtime_request >= 10


def test_plan_adds_up(configuration):
    jobs = {"train_1": 2, "train_2": 1, "plot_losses": 5, "map_parameters_2": 1, "all": 1}
    members = {"train_1": 20, "train_2": 5}
    setups = {"map_parameters_1": ("map_parameters", 5), "map_parameters_2": ("map_parameters", 3)}
    shares = shares_of_jobs(jobs, configuration, PAPER, members, setups, "train_gpu")
    assert [(share.rule, share.jobs, share.device) for share in shares] == [
        ("train_1", 2, "GPU"), ("train_2", 1, "GPU"), ("plot_losses", 5, "CPU"),
        ("map_parameters_2", 1, "CPU"),
    ]  # fmt: skip
    one = need_of("map_parameters", amounts(configuration, PAPER, 1))
    assert shares[-1].need.seconds == 3 * one.seconds
    assert shares[-1].need.memory_mb == one.memory_mb
    lines = list(plan_lines("mine", PAPER, shares))
    hours = shares[0].hours + shares[1].hours
    assert f"GPU: 3 jobs, {hours:.1f} hours, a guess in part" in lines
    assert lines[0] == "Study mine: 245000 cells in 944 patches, 276 months."
    assert list(plan_lines("mine", PAPER, []))[-1] == "Nothing is to be run."

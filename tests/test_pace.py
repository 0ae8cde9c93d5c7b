"""How fast a study's finished jobs were, beside the record of costs."""

from pathlib import Path

import pytest

from differland.files import write_json
from differland.pace import Pace, at_pace, finished_jobs, pace_of_study
from differland.planning import Share, StudySize, amounts, need_of, shares_of_jobs
from differland.settings.study import Study

SIZE = StudySize(1000, 48, 10, 100, False)
HOW = {
    "size": SIZE,
    "blocks": {"train_1": 20, "train_2": 5},
    "setup_blocks": {"evaluate_ensemble_1": ("evaluate_ensemble", 3)},
    "trained_on": "train",
}


def expected(study: Study, rule: str, members: int = 1) -> float:
    return need_of(rule, amounts(study, SIZE, members)).seconds


def write(results: Path, name: str, *seconds: float) -> None:
    path = results / "benchmarks" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["s\th:m:s", *(f"{value}\t-" for value in seconds)]) + "\n")


@pytest.fixture
def results(tmp_path: Path, study: Study) -> Path:
    """A study at twice the time of the record, and three times in training."""
    select = expected(study, "select_ensemble")
    write(tmp_path, "select_ensemble/develop/CLIM", 1.5 * select)
    write(tmp_path, "select_ensemble/final/CLIM", 2.5 * select)
    train = expected(study, "train", 20)
    write(tmp_path, "train/develop/CLIM..SOIL/01..10", 3 * train)
    evaluate = 3 * expected(study, "evaluate_ensemble")
    write(tmp_path, "evaluate_ensemble/develop/CLIM..AGE", evaluate)
    # Of other sizes, of no job that is planned, and broken off.
    write(tmp_path, "train/develop/CLIM@blind/01..10", 1e6)
    write(tmp_path, "prepare_driver/applied/other", 1e6)
    write(tmp_path, "own_rule", 1e6)
    (tmp_path / "benchmarks/draw_patches.tsv").write_text("s\th:m")
    return tmp_path


def test_jobs_are_compared_with_what_was_expected_of_them(results: Path, study: Study):
    pace = pace_of_study(results, study, **HOW)
    assert pace.jobs == 4
    assert pace.ratios == pytest.approx({"select_ensemble": 2, "train": 3, "evaluate_ensemble": 1})


def test_a_ratio_is_bounded(results: Path, study: Study):
    """A trial of one epoch says little about 199."""
    train = expected(study, "train", 20)
    write(results, "train/develop/CLIM..SOIL/01..10", train / 1000)
    assert pace_of_study(results, study, **HOW).ratios["train"] == 0.25
    write(results, "train/develop/CLIM..SOIL/01..10", train * 1000)
    assert pace_of_study(results, study, **HOW).ratios["train"] == 4


def test_plans_are_scaled_each_rule_by_its_own_ratio_others_by_the_median(study: Study):
    jobs = {"train_2": 1, "map_parameters": 1, "plot_skill_maps": 1}
    shares = shares_of_jobs(jobs, study, **HOW)
    pace = Pace({"train": 3, "select_ensemble": 2, "evaluate_ensemble": 0.5}, jobs=7)
    scaled = [
        after.need.seconds / before.need.seconds
        for before, after in zip(shares, at_pace(shares, pace), strict=True)
    ]
    # A guess says nothing about the machine.
    assert scaled == pytest.approx([3, 2, 1])
    assert not at_pace(shares, pace)[2].need.recorded
    line = pace.line()
    assert line and "7 finished jobs" in line and "others 2 times as long" in line


def test_restored_and_resumed_members_cost_what_all_their_jobs_spent(tmp_path: Path, study: Study):
    def taken() -> list[float]:
        return [sum(s) for _, s in finished_jobs(tmp_path, study.setups)]

    write(tmp_path, "train/develop/PFT..SOIL/01..02", 64)
    for setup in ("PFT", "CLIM", "SOIL"):
        for seed in ("01", "02"):
            write_json(
                {"seconds": [10.0]}, tmp_path / "members/develop" / setup / seed / "member.json"
            )
    assert taken() == [64]
    # Restored: the benchmark is of a job that only read checkpoints.
    write(tmp_path, "train/develop/PFT..SOIL/01..02", 4)
    assert taken() == [64]
    # One was stopped by the way before: the job of the benchmark has done the rest of it.
    write(tmp_path, "train/develop/PFT..SOIL/01..02", 64)
    write_json({"seconds": [7.0, 10.0]}, tmp_path / "members/develop/CLIM/02/member.json")
    assert taken() == [71]
    # Records of earlier versions do not tell.
    write_json({}, tmp_path / "members/develop/CLIM/02/member.json")
    assert taken() == [64]
    write(tmp_path, "train/final/CLIM@blind/01", 5)
    write_json({"seconds": [90.0]}, tmp_path / "members/final/CLIM@blind/01/member.json")
    assert sorted(taken()) == [64, 95]


def test_a_study_without_finished_jobs_is_planned_by_the_record(tmp_path: Path, study: Study):
    pace = pace_of_study(tmp_path, study, **HOW)
    assert pace.line() is None
    shares: list[Share] = shares_of_jobs({"train_1": 1}, study, **HOW)
    assert at_pace(shares, pace) == shares

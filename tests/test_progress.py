"""How long a run still takes."""

import pytest

from differland.planning import Need
from differland.progress import Job, Run, in_words


def need(seconds: float, recorded: bool = True) -> Need:
    return Need(memory_mb=100, seconds=seconds, disk_mb=0, recorded=recorded)


def test_jobs_share_the_cores():
    jobs = {number: Job("evaluate", 1) for number in range(6)} | {9: Job("all", 1)}
    assert Run(jobs, {"evaluate": need(1200)}, cores=2).line(0) == "About 60 minutes left"
    jobs |= {number: Job("evaluate", 2) for number in range(6)}
    assert Run(jobs, {"evaluate": need(1200)}, cores=2).line(0) == "About 2.0 hours left"


def test_a_single_job_is_waited_for_on_however_many_cores():
    assert Run({1: Job("train", 1)}, {"train": need(1800)}, 64).line(0) == "About 30 minutes left"


def test_finished_jobs_say_how_long_those_of_their_rule_take():
    run = Run({number: Job("train", 1) for number in range(4)}, {"train": need(6000)}, 1)
    for number in (0, 1):
        run.start(number, 100)
        run.finish(number, 700)
    assert run.line(700) == "About 20 minutes left"


def test_other_rules_keep_the_pace_of_those_that_have_a_record():
    """Twice the recorded time here; a guess says nothing about the machine."""
    jobs = {1: Job("read", 1), 2: Job("guessed", 1), 3: Job("train", 1), 4: Job("other", 1)}
    needs = {"read": need(6000), "guessed": need(500, False), "train": need(600)}
    run = Run(jobs, needs | {"other": need(60, False)}, 1)
    run.start(1, 0)
    run.finish(1, 12_000)
    run.start(2, 12_000)
    run.finish(2, 12_001)
    assert run.line(12_001) == "About 21 minutes left"


def test_a_short_first_job_says_little_about_long_ones():
    """Four times its record, which is mostly start."""
    run = Run({1: Job("read", 1), 2: Job("train", 1)}, {"read": need(2), "train": need(600)}, 1)
    assert run.line(0) == "About 10 minutes left"
    run.start(1, 0)
    run.finish(1, 8)
    assert run.line(8) == "About 10 minutes left"


def test_the_time_left_rises_only_if_it_is_much_longer():
    jobs = {number: Job("train", 1) for number in range(5)}
    run = Run(jobs, {"train": need(600)}, 1)
    assert run.line(0) == "About 50 minutes left"
    run.start(0, 0)
    run.finish(0, 780)
    # 4 times 13 minutes are 52.
    assert run.line(780) == "About 50 minutes left"
    run.start(1, 780)
    run.finish(1, 780 + 3000)
    assert run.line(3780) == "About 1.6 hours left"


def test_what_a_running_job_has_behind_it_is_not_left():
    run = Run({1: Job("train", 1)}, {"train": need(1800)}, 1)
    run.start(1, 50)
    assert run.line(650) == "About 20 minutes left"
    assert run.line(5000) is None


def test_a_few_seconds_are_not_about_a_few():
    run = Run({1: Job("select", 1)}, {"select": need(2)}, 1)
    assert run.line(0) == "A few seconds left"
    run = Run({1: Job("select", 1)}, {"select": need(2, recorded=False)}, 1)
    assert run.line(0) == "A few seconds left, a guess"


def test_a_guess_is_called_one():
    run = Run({1: Job("regrid", 1), 2: Job("train", 1)}, {"regrid": need(900, False)}, 1)
    assert run.line(0) == "About 15 minutes left, a guess"
    run.needs = {"regrid": need(900, False), "train": need(900)}
    assert run.line(0) == "About 30 minutes left"


def test_jobs_that_need_a_failed_one_are_not_waited_for():
    run = Run({number: Job("train", 1) for number in range(3)}, {"train": need(600)}, 1)
    run.start(0, 0)
    run.give_up([0, 2, 99])
    assert run.line(10) == "About 10 minutes left"
    run.give_up([1])
    assert run.line(10) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "a few seconds"), (34, "30 seconds"), (56, "1 minute"), (150, "2 minutes")),
        *((5399, "90 minutes"), (5400, "1.5 hours"), (200_000, "2 days")),
    ],
)
def test_durations_are_told_as_people_do(seconds: float, words: str):
    assert in_words(seconds) == words

"""Remaining time of a run, from the expected times of its jobs and those of finished ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from differland.planning import Need

FEW = 5
"""Seconds below which there are just a few."""

TRUSTED = 120
"""Seconds of recorded time that finished jobs must have before they count more for the pace of the
others than the record does: the first jobs of a run are short, and mostly start."""

RISE = 1.3
"""A longer time than was told before is told only if it is so much longer."""


@dataclass(frozen=True)
class Job:
    """A job of a run.

    Attributes
    ----------
    rule
        Rule of the job.
    cores
        Number of cores that the job holds.
    """

    rule: str
    cores: int


class Run:
    """Jobs of a run on one machine, and the state of each.

    Times are in seconds from any origin. Jobs that the run does not know are left aside.

    Parameters
    ----------
    jobs
        All jobs of the run, by number.
    needs
        Expected cost of a job, by rule. Rules that are absent take no time. May be set again when
        more is known.
    cores
        Number of cores that jobs share.
    """

    def __init__(self, jobs: Mapping[int, Job], needs: Mapping[str, Need], cores: int) -> None:
        self.needs = needs
        self._cores = cores
        self._waiting = dict(jobs)
        self._running: dict[int, tuple[Job, float]] = {}
        self._taken: defaultdict[str, list[float]] = defaultdict(list)
        self._told = 0.0

    def start(self, number: int, now: float) -> None:
        """Record that a job begins."""
        if number in self._waiting:
            self._running[number] = (self._waiting.pop(number), now)

    def finish(self, number: int, now: float) -> None:
        """Record that a job is done."""
        if number in self._running:
            job, began = self._running.pop(number)
            self._taken[job.rule].append(now - began)

    def give_up(self, numbers: Iterable[int]) -> None:
        """Record that jobs will not be run: one that failed, and those that need it."""
        for number in numbers:
            self._waiting.pop(number, None)
            self._running.pop(number, None)

    def line(self, now: float) -> str | None:
        """Sentence on the remaining time; None if nothing is left to do."""
        work, guessed, longest = 0.0, 0.0, 0.0
        for job, elapsed in self._unfinished(now):
            seconds, known = self._expected(job.rule)
            rest = max(0.0, seconds - elapsed)
            work += job.cores * rest
            guessed += 0.0 if known else job.cores * rest
            longest = max(longest, rest)
        if not work:
            return None
        guess = ", a guess" if guessed > work / 2 else ""
        seconds = max(work / self._cores, longest)
        if self._told < seconds < RISE * self._told:
            seconds = self._told
        self._told = seconds
        told = in_words(seconds)
        return f"{told.capitalize() if seconds < FEW else f'About {told}'} left{guess}"

    def _unfinished(self, now: float) -> Iterator[tuple[Job, float]]:
        """Jobs, each with the time since it began."""
        yield from ((job, 0.0) for job in self._waiting.values())
        yield from ((job, now - began) for job, began in self._running.values())

    def _expected(self, rule: str) -> tuple[float, bool]:
        """Seconds of a job, and whether this run or a record says so; else they are a guess."""
        if taken := self._taken.get(rule):
            return sum(taken) / len(taken), True
        need = self.needs.get(rule)
        if need is None:
            return 0.0, True
        return (self._pace() * need.seconds, True) if need.recorded else (need.seconds, False)

    def _pace(self) -> float:
        """Time that rules have taken in this run over their recorded time; at first nearly 1."""
        here, recorded = float(TRUSTED), float(TRUSTED)
        for rule, taken in self._taken.items():
            need = self.needs.get(rule)
            if need is not None and need.recorded:
                here += sum(taken)
                recorded += len(taken) * need.seconds
        return here / recorded


def in_words(seconds: float) -> str:
    """A duration that is roughly known: ``40 seconds``, ``25 minutes``, ``3.5 hours``."""
    if seconds < FEW:
        return "a few seconds"
    if seconds < 55:
        return f"{10 * max(1, round(seconds / 10))} seconds"
    if seconds < 90 * 60:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' * (minutes > 1)}"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86400:.0f} days"

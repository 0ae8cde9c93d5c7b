"""Speed of a study's own finished jobs, compared with the record of costs."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean, median

from differland.errors import InputError
from differland.files import read_json
from differland.planning import Share, StudySize, need_of, read_costs, study_amounts
from differland.records import RECORD_FILE
from differland.settings.study import Study

MOST = 4.0
"""Ratios are taken for at most this, and for at least its inverse: the benchmarks may be of jobs
that had other settings."""


@dataclass(frozen=True)
class Pace:
    """Time that finished jobs took over the time that they were expected to take.

    Attributes
    ----------
    ratios
        Ratios by kind of job, a key of the record of costs.
    jobs
        Number of jobs that the ratios are from.
    """

    ratios: Mapping[str, float]
    jobs: int

    @property
    def others(self) -> float:
        """Ratio for other kinds of jobs: the median of the recorded kinds with finished jobs."""
        known = [ratio for kind, ratio in self.ratios.items() if read_costs()[kind].recorded]
        return median(known) if known else 1.0

    def scale(self, share: Share) -> Share:
        """Scale the expected time of jobs by this pace."""
        own = self.ratios.get(share.kind)
        if own is None and not share.need.recorded:
            return share
        seconds = share.need.seconds * (self.others if own is None else own)
        return replace(share, need=replace(share.need, seconds=seconds, recorded=True))

    def line(self) -> str | None:
        """Sentence on the pace; None if no job has been finished."""
        if not self.ratios:
            return None
        return (
            f"Expected times follow the {self.jobs} finished jobs of this study: kinds of jobs of "
            f"which some have finished take as long as these, others {self.others:.2g} times as "
            "long as was recorded elsewhere (resources/costs.csv)"
        )


def kind_of(place: Path) -> str:
    """The kind of job that a log or benchmark belongs to, by its path in their folder."""
    return place.parts[0].removesuffix(place.suffix).partition("@")[0]


def finished_jobs(results: Path, setups: Sequence[str]) -> Iterator[tuple[Path, list[float]]]:
    """Benchmarks of a study, by their path in their folder, and the seconds that jobs took.

    Members that were restored from checkpoints, or resumed, cost what earlier jobs spent on them
    too, which their records tell: the benchmark is that of the last job.

    Parameters
    ----------
    results
        Folder of the study's results.
    setups
        Names of its setups in their order.
    """
    folder = results / "benchmarks"
    for file in sorted(folder.rglob("*.tsv")):
        seconds = []
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                # A table that is being written may break off.
                with suppress(TypeError, ValueError):
                    seconds.append(float(row["s"]))
        place = file.relative_to(folder)
        if kind_of(place) == "train" and seconds:
            seconds[0] += _spent_before(results, place.with_suffix(""), setups, sum(seconds))
        yield place, seconds


def _spent_before(results: Path, place: Path, setups: Sequence[str], taken: float) -> float:
    """Seconds that were spent on the members of a training job before that job, which took some."""
    _, stage, of_setups, of_seeds = place.parts
    # As in `first_to_last` of workflow/rules/names.smk.
    first, last = (of_setups.split("..") * 2)[:2]
    names = [first]
    if first in setups and last in setups:
        names = list(setups)[list(setups).index(first) : list(setups).index(last) + 1]
    low, high = map(int, (of_seeds.split("..") * 2)[:2])
    told = []
    for name, seed in product(names, range(low, high + 1)):
        with suppress(InputError):
            record = read_json(results / "members" / stage / name / f"{seed:02d}" / RECORD_FILE)
            told.append(record.get("seconds") or [0.0])
    ended = sum(seconds[-1] for seconds in told)
    every = sum(map(sum, told))
    return every if taken < ended else every - ended


def pace_of_study(
    results: Path,
    study: Study,
    size: StudySize,
    blocks: Mapping[str, int],
    setup_blocks: Mapping[str, tuple[str, int]],
    trained_on: str,
) -> Pace:
    """Compare a study's benchmarks with the expected times of its jobs.

    Parameters
    ----------
    results
        Folder of its results.
    study, size, blocks, setup_blocks, trained_on
        Settings, size and blocks of the study, as for
        :func:`differland.planning.shares_of_jobs`.
    """
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for place, seconds in finished_jobs(results, study.setups):
        kind = kind_of(place)
        # Other drivers and experiments are of other sizes.
        if "@" not in str(place) and "applied" not in place.parts and kind in read_costs():
            taken[trained_on if kind == "train" else kind] += seconds
    amount = study_amounts(study, size, taken)
    ratios = {}
    for kind, found in taken.items():
        members = max(blocks.values(), default=1) if kind == trained_on else 1
        setups = max((number for of, number in setup_blocks.values() if of == kind), default=1)
        expected = setups * need_of(kind, amount(kind, members)).seconds
        if found and expected:
            ratios[kind] = min(MOST, max(1 / MOST, fmean(found) / expected))
    return Pace(ratios, sum(map(len, taken.values())))


def at_pace(shares: Sequence[Share], pace: Pace) -> list[Share]:
    """Expected time of jobs at a pace."""
    return [pace.scale(share) for share in shares]

"""How fast a study's own finished jobs were, beside what the record of costs says."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from differland.planning import Share, StudySize, need_of, read_costs, study_amounts

MOST = 4.0
"""Ratios are taken for at most this, and for at least its inverse: the benchmarks may be of jobs
that had other settings."""


@dataclass(frozen=True)
class Pace:
    """Time that finished jobs took over the time that they were expected to take.

    Attributes
    ----------
    ratios
        By kind of job, a key of the record of costs.
    jobs
        That they are from.
    """

    ratios: Mapping[str, float]
    jobs: int

    @property
    def others(self) -> float:
        """Of kinds without finished jobs: the median of those that have some and are recorded."""
        known = [ratio for kind, ratio in self.ratios.items() if read_costs()[kind].recorded]
        return median(known) if known else 1.0

    def scale(self, share: Share) -> Share:
        """What jobs are expected to take at this pace."""
        own = self.ratios.get(share.kind)
        if own is None and not share.need.recorded:
            return share
        seconds = share.need.seconds * (self.others if own is None else own)
        return replace(share, need=replace(share.need, seconds=seconds, recorded=True))

    def line(self) -> str | None:
        """What it is, in words; None if no job has been finished."""
        if not self.ratios:
            return None
        return (
            f"Times are scaled by those of {self.jobs} finished jobs of this study: "
            f"{self.others:.2g} of the record's (median of {len(self.ratios)} kinds of jobs; "
            "each of them by its own)"
        )


def kind_of(place: Path) -> str:
    """The kind of job that a log or benchmark belongs to, by its path in their folder."""
    return place.parts[0].removesuffix(place.suffix).partition("@")[0]


def finished_jobs(results: Path) -> Iterator[tuple[Path, list[float]]]:
    """Benchmarks of a study, by their path in their folder, and the seconds that they tell.

    Parameters
    ----------
    results
        Folder of the study's results.
    """
    folder = results / "benchmarks"
    for file in sorted(folder.rglob("*.tsv")):
        seconds = []
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                # A table that is being written may break off.
                with suppress(TypeError, ValueError):
                    seconds.append(float(row["s"]))
        yield file.relative_to(folder), seconds


def pace_of_study(
    results: Path,
    config: Mapping[str, Any],
    size: StudySize,
    blocks: Mapping[str, int],
    setup_blocks: Mapping[str, tuple[str, int]],
    trained_on: str,
) -> Pace:
    """Compare a study's benchmarks with what its jobs were expected to take.

    Parameters
    ----------
    results
        Folder of its results.
    config, size, blocks, setup_blocks, trained_on
        As :func:`differland.planning.shares_of_jobs` takes them.
    """
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for place, seconds in finished_jobs(results):
        kind = kind_of(place)
        # Other drivers and experiments are of other sizes.
        if "@" not in str(place) and "applied" not in place.parts and kind in read_costs():
            taken[trained_on if kind == "train" else kind] += seconds
    amount = study_amounts(config, size, taken)
    ratios = {}
    for kind, found in taken.items():
        members = max(blocks.values(), default=1) if kind == trained_on else 1
        setups = max((number for of, number in setup_blocks.values() if of == kind), default=1)
        expected = setups * need_of(kind, amount(kind, members)).seconds
        if found and expected:
            ratios[kind] = min(MOST, max(1 / MOST, fmean(found) / expected))
    return Pace(ratios, sum(map(len, taken.values())))


def at_pace(shares: Sequence[Share], pace: Pace) -> list[Share]:
    """What jobs are expected to take at a pace."""
    return [pace.scale(share) for share in shares]

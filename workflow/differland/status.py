"""Status of a study: what is finished, under way or failed, and the time spent."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from safetensors import SafetensorError, safe_open

from differland.errors import InputError
from differland.files import read_json
from differland.logs import failure
from differland.pace import finished_jobs, kind_of
from differland.planning import Share, read_costs
from differland.records import RECORD_FILE
from differland.settings.study import Study
from differland.setups import experiment_of


@dataclass(frozen=True)
class Wanted:
    """Files that the study is to produce.

    Attributes
    ----------
    ensembles
        Stage and setup of each ensemble.
    seeds
        Seeds of the members.
    member_files
        Names of the files of a member.
    files
        Further files by kind, such as ``figures``.
    """

    ensembles: Sequence[tuple[str, str]]
    seeds: Sequence[str]
    member_files: Sequence[str]
    files: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Unfinished:
    """A job that has begun and left no benchmark since: it runs, was stopped, or failed.

    Attributes
    ----------
    log
        Path of the log.
    written
        Time at which the log was last written to.
    epoch
        Last epoch in the log, such as ``12/199``; None: there is none.
    failure
        Failure that the log states; None: the log tells of no failure.
    """

    log: Path
    written: datetime
    epoch: str | None
    failure: str | None


def status_lines(
    study: Study,
    results: Path,
    wanted: Wanted,
    left: Sequence[Share] | str,
    cores: Mapping[str, int],
) -> Iterator[str]:
    """Lines of text that say where a study stands.

    Parameters
    ----------
    study
        Settings of the study.
    results
        Folder of the study's results.
    wanted
        Files that the study is to produce.
    left
        Jobs that are left to be run, or the reason why they are unknown.
    cores
        Cores that a job holds, by the name under which a rule has its benchmarks; others hold one.
    """
    yield f"Study {study.study} in {results}:"
    yield from _member_lines(study, results, wanted)
    for name, files in wanted.files.items():
        there = sum(Path(file).exists() for file in files)
        yield f"{name}: {there} of {len(files)}"
    yield ""
    jobs = list(unfinished_jobs(results))
    failed = [job for job in jobs if job.failure]
    for job in jobs:
        if not job.failure:
            epoch = f"epoch {job.epoch}, " if job.epoch else ""
            yield f"under way or stopped: {job.log} ({epoch}last written {job.written:%d %b %H:%M})"
    for job in failed:
        yield f"failed {job.written:%d %b %H:%M}: {job.log}: {job.failure}"
    yield f"{len(failed)} job(s) failed" if failed else "No job failed."
    yield from _hour_lines(results, study.setups, left, cores)


def _member_lines(study: Study, results: Path, wanted: Wanted) -> Iterator[str]:
    """Members of each stage and setup, and where checkpoints of the others are."""
    for stage, setup in wanted.ensembles:
        lacking = [
            seed
            for seed in wanted.seeds
            if not all(
                (results / "members" / stage / setup / seed / file).exists()
                for file in wanted.member_files
            )
        ]
        epochs = study.in_experiment(experiment_of(setup)).training.epochs
        saved = {
            seed: checkpoint_epoch(results / "checkpoints" / stage / setup / f"{seed}.safetensors")
            for seed in lacking
        }
        begun = [f"{seed} at {epoch}" for seed, epoch in saved.items() if epoch is not None]
        checkpoints = f"; checkpoints of {epochs} epochs: {', '.join(begun)}" if begun else ""
        there = [seed for seed in wanted.seeds if seed not in lacking]
        failed = [seed for seed in there if _has_failed(results / "members" / stage / setup / seed)]
        failures = f"; failed: {', '.join(failed)}" if failed else ""
        yield (
            f"members, {stage}, {setup}: {len(there)} of {len(wanted.seeds)}{failures}{checkpoints}"
        )


def _has_failed(directory: Path) -> bool:
    """Whether a member's record says that it could not be trained."""
    with suppress(InputError):
        return bool(read_json(directory / RECORD_FILE).get("failed"))
    return False


def checkpoint_epoch(path: Path) -> int | None:
    """Epochs that a member's checkpoint has behind it; None: there is none that can be read."""
    try:
        with safe_open(path, "numpy") as file:
            record = json.loads(bytes(file.get_tensor("record")))
        return int(record["progress"]["epoch"])
    except (SafetensorError, OSError, ValueError, LookupError):
        return None


def unfinished_jobs(results: Path) -> Iterator[Unfinished]:
    """Jobs of which the log is newer than the benchmark, the one written first at the head."""
    found = []
    for log in (results / "logs").rglob("*.log"):
        place = log.relative_to(results / "logs")
        benchmark = (results / "benchmarks" / place).with_suffix(".tsv")
        if kind_of(place) not in read_costs():
            continue
        try:
            written = log.stat().st_mtime
            if benchmark.exists() and benchmark.stat().st_mtime >= written:
                continue
            text = log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            # Its job begins anew just now.
            continue
        epochs = re.findall(r"epoch (\d+/\d+):", text)
        when = datetime.fromtimestamp(written)
        found.append(Unfinished(log, when, epochs[-1] if epochs else None, failure(text)))
    yield from sorted(found, key=lambda job: job.written)


def _hour_lines(
    results: Path,
    setups: Sequence[str],
    left: Sequence[Share] | str,
    cores: Mapping[str, int],
) -> Iterator[str]:
    """Hours of GPUs and of CPU cores, spent and left."""
    spent: defaultdict[str, float] = defaultdict(float)
    jobs: Counter[str] = Counter()
    gpu = _trained_on_gpu(results)
    for place, seconds in finished_jobs(results, setups):
        kind = kind_of(place)
        on_gpu = gpu and kind == "train"
        unit = "GPU" if on_gpu else "core"
        spent[unit] += (1 if on_gpu else cores.get(kind, 1)) * sum(seconds) / 3600
        jobs[unit] += 1
    for unit, hours in spent.items():
        yield f"{hours:.2f} {unit} hours spent in {jobs[unit]} finished jobs"
    if isinstance(left, str):
        yield f"What is left cannot be told: {left}"
        return
    for unit, device in (("GPU", "GPU"), ("core", "CPU")):
        shares = [share for share in left if share.device == device]
        if shares:
            hours = sum(
                share.hours * (1 if device == "GPU" else cores.get(share.kind, 1))
                for share in shares
            )
            guess = "" if all(share.need.recorded for share in shares) else ", a guess in part"
            count = sum(share.jobs for share in shares)
            yield f"{hours:.2f} {unit} hours left in {count} jobs{guess}"
    if not left:
        yield "Nothing is left to be run."


def _trained_on_gpu(results: Path) -> bool:
    """Whether the records of most members name a GPU."""
    devices: Counter[bool] = Counter()
    for path in results.glob("members/*/*/*/member.json"):
        with suppress(InputError, LookupError):
            record = read_json(path)
            devices[not record["device"].startswith("cpu")] += 1
    return devices[True] > devices[False]

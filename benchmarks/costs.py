"""Bring ``resources/costs.csv`` up to date with the benchmarks of finished studies.

Run ``python benchmarks/costs.py FOLDER:CONFIG [FOLDER:CONFIG] [--raw TABLE]``, with the results
folder of a study and the configuration file it was run with, in the folder that it was run in: a
small study first, a large one second. Base and slope of a rule are those of the line through both.
What a row is counted in (the columns ``..._per``) stays as it is.

A row is written, as ``recorded``, only if benchmarks say all of it: memory, time and, where results
take notable space, disk. What grows with the size of a study needs studies of two sizes. All other
rows stay as they are, guesses among them. The cost of regridding follows from the size of native
files: the large ones are those of TABLE, which ``benchmarks/raw.py`` writes.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from differland import configuration, planning
from differland.datasets.sources import native_bytes
from differland.settings.study import Study

RESULTS: Mapping[str, str] = {
    "assemble_driver": "driver/assembled.nc",
    "prepare_driver": "driver/driver.nc",
    "pack_training_data": "driver/training.h5",
    "train": "members/*/*/*",
    "evaluate_ensemble": "evaluation/*/*",
    "map_parameters": "maps/*",
    "attribute_predictors": "analysis/*/attribution.nc",
    "partition_variance": "analysis/partition_cells.nc",
    "project_traits": "analysis/projection.nc",
}
"""What takes disk space: files or folders that one job writes (``train``: one member)."""

OF_OTHER_FILES = (
    *("calibrate_burned_area", "read_towers", "regrid_climates"),
    "apply_ensemble",
)
"""Rules whose cost grows with files or drivers of their own, in a way that no study tells."""

LEAST_MEMORY = 50
"""MB that every job takes; where a benchmark has less, the job was over before it was looked at."""

Points = Sequence[tuple[float, float]]
"""Amount, in millions, and what was measured there."""


def size_mb(path: Path) -> float:
    """Size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files) / 1e6


def benchmarks_of(folder: Path, rule: str, study: Study) -> list[Path]:
    """Benchmarks of jobs of a rule that are as large as the study makes them."""
    if (file := folder / f"{rule}.tsv").is_file():
        return [file]
    files = folder.joinpath(rule).rglob("*.tsv")
    if rule == "train":
        # Of jobs with most members; experiments may train for other numbers of epochs.
        largest = max(configuration.training_blocks(study, "*", "*"), key=len)
        ends = [
            "..".join(dict.fromkeys([first, last]))
            for first, last in zip(largest[0], largest[-1], strict=True)
        ]
        files = (folder / rule).glob("/".join(["*", *ends]) + ".tsv")
    return [file for file in files if "applied" not in file.parts and "@" not in str(file)]


def recorded(folder: Path, study: Study) -> dict[str, dict[str, float]]:
    """Peak memory (MB), time (s) and disk (MB) of a job of each rule, where they are known."""
    found: dict[str, dict[str, float]] = {}
    for rule in sorted({path.name.removesuffix(".tsv") for path in folder.glob("*")}):
        files = benchmarks_of(folder, rule, study)
        if not files:
            continue
        table = pd.concat([pd.read_csv(file, sep="\t") for file in files])
        memory, seconds = (
            pd.to_numeric(table[name], errors="coerce").dropna() for name in ("max_rss", "s")
        )
        found[rule] = {}
        memory = memory[memory >= LEAST_MEMORY]
        if len(memory) and len(seconds):
            # Products differ so much that the mean, which adds up, is far from the median.
            time = seconds.mean() if rule in planning.NATIVE_JOBS else seconds.median()
            found[rule] = {"memory": float(memory.max()), "time": float(time)}
    for rule, pattern in RESULTS.items():
        sizes = [size_mb(path) for path in folder.parent.glob(pattern)]
        if rule in found and sizes:
            found[rule]["disk"] = max(sizes)
    records = list(folder.parent.glob("members/*/*/*/member.json"))
    if "train" in found and any(not _on_cpu(record) for record in records):
        # Its row is another, and a study on both is none.
        measured = found.pop("train")
        if not any(map(_on_cpu, records)):
            found["train_gpu"] = measured
    return found


def _on_cpu(record: Path) -> bool:
    device: str = json.loads(record.read_text(encoding="utf-8"))["device"]
    return device.startswith("cpu")


def line_through(points: Points, per: str) -> tuple[float, float] | None:
    """Base and slope of a cost, or None if the points do not say both."""
    if not points:
        return None
    (x1, y1), (x2, y2) = min(points), max(points)
    if per == "job":
        return max(y for _, y in points), 0.0
    if x1 == x2:
        return None
    slope = (y2 - y1) / (x2 - x1)
    if slope <= 0:
        return max(y1, y2), 0.0
    base = y1 - slope * x1
    # Costs that grow faster than the study are those of the larger one.
    return (base, slope) if base >= 0 else (0.0, y2 / x2)


def updated(
    row: Mapping[str, str],
    studies: Sequence[tuple[Mapping[str, Mapping[str, float]], Mapping[str, float]]],
) -> dict[str, str]:
    """A row of the table with what was measured, or as it was if not all of it was."""
    rule = row["rule"]
    result = dict(row)
    needed = ["memory", "time"]
    if rule.removesuffix("_gpu") in RESULTS:
        needed.append("disk")
    if rule in OF_OTHER_FILES:
        return result
    for name in needed:
        per = row[f"{name}_per"]
        points = [
            (found[rule].get(per, amount.get(per, 0)) / 1e6, found[rule][name])
            for found, amount in studies
            if name in found.get(rule, {})
        ]
        line = line_through(points, per)
        if line is None:
            return dict(row)
        result[f"{name}_base"], result[f"{name}_slope"] = (f"{value:.4g}" for value in line)
    return result | {"origin": "recorded"}


def read_study(text: str) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """What was measured in a study, ``FOLDER:CONFIG``, and how much of everything a job has."""
    folder, config = (Path(part) for part in text.split(":"))
    study = configuration.read_configuration([config])
    size = planning.study_size(study, folder / "driver/driver.nc")
    if size.guessed:
        raise SystemExit(f"{folder}: expected driver/driver.nc, which has the study's size")
    members = max(len(block) for block in configuration.training_blocks(study, "", ""))
    amount = planning.amounts(study, size, members)
    found = recorded(folder / "benchmarks", study)
    if study.driver.source == "raw":
        native = native_bytes(study.raw.plain())
        for rule, kind in planning.NATIVE_JOBS.items():
            if found.get(rule) and kind in native:
                found[rule]["native byte"] = native[kind]
    return found, amount


def read_raw(table: Path) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """The same of native files of full size, as ``benchmarks/raw.py`` has timed them."""
    found = {}
    for rule, rows in pd.read_csv(table).groupby("rule"):
        timed = rows.dropna(subset=["native_mb"])
        if len(timed):
            found[str(rule)] = {
                "memory": float(rows["peak_mib"].max()),
                "time": float(timed["median_s"].mean()),
                "native byte": 1e6 * float(timed["native_mb"].mean()),
            }
    return found, {"job": 1e6}


def main() -> None:
    """Update the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="+", metavar="FOLDER:CONFIG")
    parser.add_argument("--raw", type=Path, metavar="TABLE", help="of benchmarks/raw.py")
    options = parser.parse_args()
    studies = [read_study(text) for text in options.studies]
    if options.raw:
        studies.append(read_raw(options.raw))
    with planning.COSTS.open(newline="") as stream:
        table = [updated(row, studies) for row in csv.DictReader(stream)]
    with planning.COSTS.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main()

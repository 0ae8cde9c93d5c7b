"""Bring ``resources/costs.csv`` up to date with the benchmarks of finished studies.

Run ``python benchmarks/costs.py FOLDER:CONFIG [FOLDER:CONFIG]``, with the results folder of a study
and the configuration file it was run with: a small study first, a large one second. Base and slope
of a rule are those of the line through both; what only the small one has becomes a constant. What a
row is counted in (the columns ``..._per``) stays as it is. Rows without any benchmark stay too, and
those of raw products: theirs is the cost of native files, which ``benchmarks/raw.py`` times.
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from snakemake.utils import update_config

from differland import configuration, planning

ROOT = Path(__file__).resolve().parents[1]

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

NATIVE = ("regrid_static", "regrid_year", "calibrate_burned_area", "read_towers", "regrid_climates")
"""Rules whose cost does not follow from a study's size."""


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration over that of the paper's study, as Snakemake merges them."""
    config, own = (yaml.safe_load(file.read_text()) for file in (ROOT / "config/config.yaml", path))
    update_config(config, own)
    return config


def size_mb(path: Path) -> float:
    """Size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files) / 1e6


def recorded(folder: Path) -> dict[str, dict[str, float]]:
    """Peak memory (MB), time (s) and disk (MB) of a job of each rule."""
    found: dict[str, dict[str, float]] = {}
    rules = sorted({path.relative_to(folder).parts[0] for path in folder.rglob("*.tsv")})
    for rule in rules:
        place = folder / rule
        files = [place] if place.is_file() else list(place.rglob("*.tsv"))
        table = pd.concat([pd.read_csv(file, sep="\t") for file in files])
        rss = pd.to_numeric(table["max_rss"], errors="coerce")
        found[rule.removesuffix(".tsv")] = {
            "memory": float(rss.max()),
            "time": float(table["s"].median()),
        }
    for rule, pattern in RESULTS.items():
        sizes = [size_mb(path) for path in folder.parent.glob(pattern)]
        if rule in found and sizes:
            found[rule]["disk"] = max(sizes)
    return found


def main() -> None:
    """Update the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="+", metavar="FOLDER:CONFIG")
    studies = []
    for text in parser.parse_args().studies:
        folder, config = (Path(part) for part in text.split(":"))
        settings = read_config(config)
        size = planning.study_size(settings, folder / "driver/driver.nc")
        members = max(len(block) for block in configuration.training_blocks(settings, "", ""))
        amount = planning.amounts(settings, size, members)
        studies.append((recorded(folder / "benchmarks"), amount))
    with planning.COSTS.open(newline="") as stream:
        table = list(csv.DictReader(stream))
    for row in table:
        if row["rule"] in NATIVE:
            continue
        for name in ("memory", "time", "disk"):
            points = [
                (amount[row[f"{name}_per"]] / 1e6, found[row["rule"]][name])
                for found, amount in studies
                if name in found.get(row["rule"], {})
            ]
            if not points:
                continue
            (x1, y1), (x2, y2) = points[0], points[-1]
            slope = max(0.0, (y2 - y1) / (x2 - x1)) if x2 > x1 else 0.0
            base = max(y2, y1) if slope == 0 else max(y1 - slope * x1, 0.0)
            row[f"{name}_base"], row[f"{name}_slope"] = f"{base:.4g}", f"{slope:.4g}"
            row["origin"] = "recorded"
    with planning.COSTS.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main()

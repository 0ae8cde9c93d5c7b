"""Costs of a study: memory, time and disk of every job, scaled to the study's size.

The numbers per rule are in ``resources/costs.csv``, from the benchmarks of finished studies.
"""

import csv
import json
import math
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from differland.datasets.sources import native_bytes
from differland.errors import DryRunError, InputError
from differland.files import write_text
from differland.opening import open_netcdf
from differland.regridding.study_grid import PATCH_GRID, patch_number
from differland.settings.study import Study
from differland.settings.training import Patches
from differland.shipped import RESOURCES
from differland.tables import PREDICTOR_GROUPS

COSTS = RESOURCES / "costs.csv"

LAND = RESOURCES / "land.csv"
"""Cells of 0.25 degrees on land in each quarter of a patch, 2 x 2.5 degrees, by its north-west
corner, without Antarctica. Counted on the outline that maps show
(:func:`differland.figures.maps.land`). Boxes of CMS-Flux, half a box off, are of quarters too."""

QUARTER = (2.0, 2.5)
"""Height and width of a quarter of a patch, degrees."""

STUDIED_CELLS = 245_000
"""Cells of the paper's study, which leaves out water, bare land and what lacks data."""

PATCH = 16 * 20
"""Cells of a patch of 4 x 5 degrees."""

MARGIN = 1.3
"""Memory asked for over memory expected."""

PATIENCE = 3
"""Time asked for over time expected: nodes differ, and shared disks are slow."""

WHOLE_EARTH: Mapping[str, float] = {"south": -90, "north": 90, "west": -180, "east": 180}

Per = Literal[
    "job",
    "cell",
    "cell month",
    "member cell",
    "member cell month",
    "update",
    "row",
    "native byte",
]

NATIVE_BYTES = 1e9
"""That a job of the raw stage is taken to read before its files are looked at."""

REASON = re.compile(
    r"^ *WorkflowError[^\n]*:\n(.*?)(?=^ *(?:Wildcards:|Traceback:|File \")|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""Why a dry run failed, in what Snakemake prints."""

NATIVE_JOBS = {
    "regrid_static": "static",
    "regrid_year": "yearly",
    "read_towers": "towers",
    "calibrate_burned_area": "calibration",
}
"""Rules that read the providers' files, and the key of :func:`native_bytes` that tells how much."""


@dataclass(frozen=True)
class StudySize:
    """Amount of data of a study.

    Attributes
    ----------
    cells, months, patches
        Numbers of cells, months and patches of the driver.
    slots
        Number of cells of a full patch.
    guessed
        Whether there is no driver yet: cells and patches are then a guess from the land in the
        window.
    """

    cells: int
    months: int
    patches: int
    slots: int
    guessed: bool


@dataclass(frozen=True)
class Cost:
    """Cost of a job of a rule: ``base + slope * amount``.

    Attributes
    ----------
    memory, time, disk
        Base and slope of the cost, in MB, seconds and MB; slopes are for a million.
    memory_per, time_per, disk_per
        Amount that is counted in millions for the slope; see :func:`amounts`.
    recorded
        Whether memory and time come from benchmarks; else they are a guess.
    """

    memory: tuple[float, float]
    memory_per: Per
    time: tuple[float, float]
    time_per: Per
    disk: tuple[float, float]
    disk_per: Per
    recorded: bool


@dataclass(frozen=True)
class Need:
    """Expected cost of one job.

    Attributes
    ----------
    memory_mb, seconds, disk_mb
        Peak memory, wall time, and size of the results.
    recorded
        Whether that is scaled from benchmarks; else it is a guess.
    """

    memory_mb: float
    seconds: float
    disk_mb: float
    recorded: bool

    @property
    def memory_request(self) -> int:
        """Memory to request, MB."""
        return math.ceil((MARGIN * self.memory_mb + 200) / 100) * 100

    @property
    def runtime_request(self) -> int:
        """Time to request, minutes."""
        return max(10, math.ceil(PATIENCE * self.seconds / 60))


@cache
def read_costs() -> dict[str, Cost]:
    """Costs by rule; ``train`` is on CPU cores (all of a job's), ``train_gpu`` on a GPU."""
    costs = {}
    with COSTS.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            pairs: dict[str, Any] = {}
            for name in ("memory", "time", "disk"):
                pairs[name] = (float(row[f"{name}_base"]), float(row[f"{name}_slope"]))
                pairs[f"{name}_per"] = row[f"{name}_per"]
            costs[row["rule"]] = Cost(**pairs, recorded=row["origin"] == "recorded")
    return costs


def study_size(study: Study, driver: Path) -> StudySize:
    """Read the size of a study from its driver, or estimate it from the configuration.

    Parameters
    ----------
    study
        Settings of the study.
    driver
        Path of the checked driver, if it exists already. Faults of a driver are reported by the job
        that checks it.
    """
    raw, from_raw = study.raw, study.driver.source == "raw"
    own = Path(study.driver.path or "") if study.driver.source == "file" else driver
    for path in (driver, own):
        if (found := _size_of_file(path, study.patches)) is not None:
            return found
    months = 12 * (raw.last_year - raw.first_year + 1)
    boxes = from_raw and raw.inversion_boxes == "boxes"
    window = raw.window.plain()
    if study.truth and from_raw:
        # A synthetic planet has little land in its window.
        planet = _cells_of_planet(Path(study.truth), window, boxes)
        if planet is not None:
            return _size(planet, months, study.patches, guessed=False)
    cells = land_cells(window if from_raw else WHOLE_EARTH, boxes)
    cells *= STUDIED_CELLS / land_cells(WHOLE_EARTH).sum()
    size = _size(cells, months, study.patches, guessed=True)
    return replace(size, slots=study.patches.slots or PATCH)


def _size(cells: np.ndarray, months: int, patches: Patches, guessed: bool) -> StudySize:
    """Size of a study by the cells of its patches, of which those with too few are left out."""
    kept = cells[cells >= max(1, patches.minimum_cells)]
    slots = patches.slots or int(kept.max(initial=1))
    return StudySize(round(float(cells.sum())), months, max(1, kept.size), slots, guessed)


def land_cells(window: Mapping[str, float], boxes: bool = False) -> np.ndarray:
    """Cells on land within a window, in each patch that has some; patches at its edge in part.

    Parameters
    ----------
    window
        ``south``, ``north``, ``west`` and ``east``, in degrees; ``east`` may pass 180.
    boxes
        Whether patches are the boxes of the inversion CMS-Flux.

    Returns
    -------
    Numbers of cells of 0.25 degrees, one for each patch, not rounded.
    """
    north, west, cells = _read_land()
    tall, wide = QUARTER
    height = np.minimum(north, window["north"]) - np.maximum(north - tall, window["south"])
    width = sum(
        np.maximum(
            0,
            np.minimum(west + turn + wide, window["east"])
            - np.maximum(west + turn, window["west"]),
        )
        for turn in (-360, 0, 360)
    )
    inside = cells * np.maximum(0, height) / tall * width / wide
    return _by_patch(north - tall / 2, west + wide / 2, inside, boxes)


def _by_patch(
    latitude: np.ndarray, longitude: np.ndarray, cells: np.ndarray, boxes: bool
) -> np.ndarray:
    """Cells at some places, added up for each patch that has any."""
    grid = PATCH_GRID
    if boxes:
        # Here, since few studies have them, and their module reads files.
        from differland.datasets.inversion import BOX_GRID

        grid = BOX_GRID
    total = np.bincount(patch_number(latitude, longitude, grid), cells)
    return total[total > 0]


@cache
def _read_land() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Northern and western edge, and cells on land, of each quarter of a patch."""
    with LAND.open(encoding="utf-8", newline="") as stream:
        rows = [(row["north"], row["west"], row["cells"]) for row in csv.DictReader(stream)]
    north, west, cells = np.array(rows, dtype=float).T
    return north, west, cells


def _cells_of_planet(path: Path, window: Mapping[str, float], boxes: bool) -> np.ndarray | None:
    """Cells within a window in each patch of a synthetic planet; None if it cannot be read."""
    try:
        with open_netcdf(path) as file:
            latitude, longitude = (np.ma.filled(file[name][:], np.nan) for name in ("lat", "lon"))
    except (InputError, LookupError):
        return None
    inside = (latitude > window["south"]) & (latitude < window["north"])
    inside &= (longitude - window["west"]) % 360 < window["east"] - window["west"]
    return _by_patch(latitude[inside], longitude[inside], np.ones(inside.sum()), boxes)


def _size_of_file(path: Path, patches: Patches) -> StudySize | None:
    """Size of a driver; None if there is none yet, or none that can be read."""
    try:
        with open_netcdf(path) as file:
            counts = np.bincount(file["patch"][:])
            months = file.dimensions["time"].size
    except (LookupError, ValueError):
        return None
    return _size(counts, months, patches, guessed=False)


def amounts(
    study: Study, size: StudySize, members: int, native: float = NATIVE_BYTES
) -> dict[str, float]:
    """Amounts of one job, by which its costs are counted.

    Parameters
    ----------
    study, size
        Settings and size of the study.
    members
        Number of members that a training job trains.
    native
        Bytes of the providers' files that a job of the raw stage reads.

    Returns
    -------
    Amounts by name. ``job``: one million, so that a slope is a constant. ``cell``, ``cell month``:
    of the driver. ``member cell``, ``member cell month``: of an ensemble. ``update``: cells times
    months of all patches, times members and epochs. ``row``: rows that attribution gives to each
    member; ``cell row``: of them, those for one cell. ``native byte``: of the providers' files.
    """
    attribution = study.analysis.attribution
    predictors = sum(len(names) for _, names in study.predictors)
    coalitions = min(2**predictors, attribution.samples or 2 * predictors + 2**11)
    populations = 1 + len(PREDICTOR_GROUPS["PFT"])
    cell_rows = coalitions * min(attribution.background, size.cells)
    selected = study.ensemble.select
    cell_months = size.cells * size.months
    return {
        "job": 1e6,
        "cell": size.cells,
        "cell month": cell_months,
        "member cell": selected * size.cells,
        "member cell month": selected * cell_months,
        "update": study.training.epochs * members * size.patches * size.slots * size.months,
        "row": populations * min(attribution.explained, size.cells) * cell_rows * selected,
        "cell row": cell_rows,
        "native byte": native,
    }


def study_amounts(
    study: Study, size: StudySize, rules: Iterable[str]
) -> Callable[[str, int], dict[str, float]]:
    """Find how much jobs of some rules have, the sizes of the providers' files included.

    Parameters
    ----------
    study, size
        Settings and size of the study.
    rules
        Keys of :func:`read_costs`; files are looked for only if one of these reads them.

    Returns
    -------
    Function that gives :func:`amounts` of a rule's job from the number of members it trains.
    """
    reading = study.driver.source == "raw" and any(rule in NATIVE_JOBS for rule in rules)
    native = native_bytes(study.raw.plain()) if reading else {}

    def of_job(rule: str, members: int) -> dict[str, float]:
        return amounts(study, size, members, native.get(NATIVE_JOBS.get(rule, ""), NATIVE_BYTES))

    return of_job


def need_of(rule: str, amount: Mapping[str, float]) -> Need:
    """Expected cost of a job of a rule.

    Parameters
    ----------
    rule
        A key of :func:`read_costs`.
    amount
        Amounts of the job, from :func:`amounts`.
    """
    cost = read_costs()[rule]

    def value(pair: tuple[float, float], per: Per) -> float:
        return pair[0] + pair[1] * amount[per] / 1e6

    return Need(
        memory_mb=value(cost.memory, cost.memory_per),
        seconds=value(cost.time, cost.time_per),
        disk_mb=value(cost.disk, cost.disk_per),
        recorded=cost.recorded,
    )


@dataclass(frozen=True)
class Share:
    """Jobs of one rule in a plan.

    Attributes
    ----------
    rule, jobs
        Name of the rule, and number of its jobs.
    device
        Device of the jobs, ``GPU`` or ``CPU``.
    need
        Expected cost of one of the jobs.
    kind
        Key of the rule's costs: ``train`` for all kinds of training jobs on CPU cores.
    """

    rule: str
    jobs: int
    device: Literal["CPU", "GPU"]
    need: Need
    kind: str

    @property
    def hours(self) -> float:
        """Hours of all jobs together."""
        return self.jobs * self.need.seconds / 3600


def count_jobs(
    config: Mapping[str, Any], config_file: Path, dry_run: Sequence[str]
) -> dict[str, int]:
    """Number of jobs of each rule that are left to be run.

    Parameters
    ----------
    config
        Configuration of the study.
    config_file
        Path to which the configuration is written for the dry run.
    dry_run
        A command that prints a table of rules and numbers.

    Raises
    ------
    DryRunError
        The command fails; the message has the reason that Snakemake gives.
    """
    write_text(json.dumps(config), config_file)
    found = subprocess.run(dry_run, capture_output=True, text=True, check=False)
    if found.returncode:
        text = found.stdout + found.stderr
        reason = REASON.search(text)
        raise DryRunError(f"the dry run failed: {reason[1].strip() if reason else text}")
    counts = re.findall(r"^(\w+) +(\d+)$", found.stdout + found.stderr, re.MULTILINE)
    return {rule: int(count) for rule, count in counts}


def shares_of_jobs(
    jobs: Mapping[str, int],
    study: Study,
    size: StudySize,
    blocks: Mapping[str, int],
    setup_blocks: Mapping[str, tuple[str, int]],
    trained_on: str,
) -> list[Share]:
    """Needs of all jobs, one share per rule; targets, which do nothing, are left out.

    Parameters
    ----------
    jobs
        Number of jobs by rule.
    study, size
        Settings and size of the study.
    blocks
        Members that a job of each training rule trains.
    setup_blocks
        Rules of jobs that do several setups: the rule whose cost is that of one, and how many.
    trained_on
        Costs of training jobs, ``train`` or ``train_gpu``.
    """
    shares = []
    amount = study_amounts(study, size, jobs)
    for rule, count in jobs.items():
        name, number = setup_blocks.get(rule, (trained_on if rule in blocks else rule, 1))
        if name in read_costs():
            need = need_of(name, amount(name, blocks.get(rule, 1)))
            need = replace(need, seconds=number * need.seconds, disk_mb=number * need.disk_mb)
            device: Literal["CPU", "GPU"] = "GPU" if name == "train_gpu" else "CPU"
            shares.append(Share(rule, count, device, need, name))
    return shares


def plan_lines(
    study: str,
    size: StudySize,
    shares: Sequence[Share],
    pace: str | None = None,
    shown_as: str = "*",
) -> Iterator[str]:
    """Lines of text on the jobs that are left to run and their cost.

    Parameters
    ----------
    study
        Name of the study.
    size, shares
        Size of the study, and its jobs by rule.
    pace
        Sentence on the pace by which times are scaled.
    shown_as
        The names of rules where the study is run, with * for those here: ``differland_*``.
    """
    guess = " (a guess from the land in the window: there is no driver yet)" if size.guessed else ""
    extent = f"{size.cells} cells in {size.patches} patches{guess}"
    yield f"Study {study}: {extent}, {size.months} months."
    yield ""
    if not shares:
        yield "Nothing is to be run."
        return
    width = max(26, *(len(shown_as) + len(share.rule) for share in shares))
    yield (
        f"{'rule':{width}}{'jobs':>6}{'device':>8}{'minutes':>10}{'memory/MB':>11}"
        f"{'hours, all':>12}{'disk, all/MB':>14}"
    )
    for share in shares:
        need = share.need
        name = shown_as.replace("*", share.rule)
        yield (
            f"{name:{width}}{share.jobs:6d}{share.device:>8}{need.seconds / 60:10.1f}"
            f"{need.memory_mb:11.0f}{share.hours:12.2f}{share.jobs * need.disk_mb:14.0f}"
            + ("" if need.recorded else "  guess")
        )
    yield ""
    for device in ("CPU", "GPU"):
        chosen = [share for share in shares if share.device == device]
        if chosen:
            kind = "" if all(share.need.recorded for share in chosen) else ", a guess in part"
            hours = sum(share.hours for share in chosen)
            jobs = sum(share.jobs for share in chosen)
            yield f"{device}: {jobs} jobs, {hours:.1f} hours{kind}"
    disk = sum(share.jobs * share.need.disk_mb for share in shares)
    yield f"Disk: {disk / 1000:.1f} GB beside the raw data"
    if pace:
        yield pace
    yield f"Jobs ask for {MARGIN:g} times this memory and {PATIENCE} times this time."

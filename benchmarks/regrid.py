"""Time and memory of conservative regridding: this library, CDO and xarray-regrid, side by side.

Run ``python benchmarks/regrid.py TABLE.csv``. One field of 0.1 degrees becomes one of 0.25 degrees,
once complete and once with 30% of its cells missing. Each run is a process of its own; the
implementations take turns, so that what else the machine does meets all of them. An implementation
that is not installed is left out.

The command and CDO are timed from start to end, files and weights included; the operator and
xarray-regrid are timed from field to field in memory, weights included. Memory is the most that
the process held. The deviation is the largest from the operator's result, relative to it.
"""

import argparse
import csv
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

LIBRARY = Path(__file__).resolve().parents[1] / "workflow"
sys.path.insert(0, str(LIBRARY))

from differland.regridding.conservative import Regridder  # noqa: E402
from differland.regridding.grid import regular_grid  # noqa: E402
from differland.regridding.study_grid import STUDY_GRID  # noqa: E402

WORK = {
    "regrid 1800x3600 to 720x1440": 0.0,
    "regrid 1800x3600 to 720x1440, 30% missing": 0.3,
}
"""Share of cells that are missing in each piece of work."""


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    peak_mebibytes: float


def write_field(path: Path, missing: float) -> None:
    """Write the field that is regridded: smooth structure and noise, a share of it missing."""
    grid = regular_grid(0.1)
    latitude, longitude = np.deg2rad(grid.latitude[:, None]), np.deg2rad(grid.longitude)
    rng = np.random.default_rng(0)
    values = 20 + 10 * np.cos(3 * latitude) * np.sin(5 * longitude) + rng.normal(size=grid.shape)
    values[rng.random(grid.shape) < missing] = np.nan
    coordinates = {
        "lat": ("lat", grid.latitude, {"units": "degrees_north"}),
        "lon": ("lon", grid.longitude, {"units": "degrees_east"}),
    }
    dataset = xr.Dataset({"field": (("lat", "lon"), values, {"units": "1"})}, coordinates)
    dataset.to_netcdf(path)


def write_target(path: Path) -> None:
    """Write the study's grid as CDO describes grids."""
    rows, columns = STUDY_GRID.shape
    path.write_text(
        f"gridtype = lonlat\nxsize = {columns}\nysize = {rows}\n"
        f"xfirst = {STUDY_GRID.longitude[0]}\nxinc = 0.25\n"
        f"yfirst = {STUDY_GRID.latitude[0]}\nyinc = -0.25\n",
        encoding="utf-8",
    )


def regrid_with_operator(field: xr.DataArray) -> np.ndarray:
    """Regrid with this library's operator, made anew."""
    values = field.to_numpy()
    return Regridder.between(regular_grid(0.1), STUDY_GRID).apply(values)


def regrid_with_xarray_regrid(field: xr.DataArray) -> np.ndarray:
    """Regrid with xarray-regrid, to which rows must rise."""
    import xarray_regrid  # noqa: F401  (gives fields their attribute `regrid`)

    target = xr.Dataset(
        coords={"lat": STUDY_GRID.latitude[::-1], "lon": STUDY_GRID.longitude},
    )
    result = field.regrid.conservative(target, latitude_coord="lat", skipna=True)
    return result.transpose("lat", "lon").to_numpy()[::-1]


IN_MEMORY: dict[str, Callable[[xr.DataArray], np.ndarray]] = {
    "differland operator": regrid_with_operator,
    "xarray-regrid": regrid_with_xarray_regrid,
}


def time_in_memory(implementation: str, source: Path, result: Path) -> None:
    """Regrid from memory to memory; print the seconds that it took, then write the result."""
    with xr.open_dataarray(source) as opened:
        field = opened.load()
    start = time.perf_counter()
    values = IN_MEMORY[implementation](field)
    print(time.perf_counter() - start)
    xr.DataArray(values, dims=("lat", "lon"), name="field").to_netcdf(result)


def run_process(command: list[str], timed_inside: bool) -> Run:
    """Run a process to its end."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(LIBRARY), os.environ.get("PYTHONPATH", "")])
    }
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(float(output) if timed_inside else seconds, usage.ru_maxrss / 1024)


def commands(folder: Path) -> dict[str, list[str]]:
    """Command line of each implementation that is installed."""
    source = str(folder / "source.nc")
    inside = [sys.executable, __file__, "--in-memory"]
    found = {
        "differland operator": [*inside, "differland operator", source],
        "differland command": [sys.executable, "-m", "differland", "regrid", source],
    }
    if cdo := shutil.which("cdo"):
        remap = f"remapcon,{folder / 'target.txt'}"
        found["cdo remapcon"] = [cdo, "-s", "-f", "nc4", remap, source]
    if importlib.util.find_spec("xarray_regrid"):
        found["xarray-regrid"] = [*inside, "xarray-regrid", source]
    return {
        name: [*command, str(folder / f"{name}.nc".replace(" ", "_"))]
        for name, command in found.items()
    }


def measure(work: str, runs: int, folder: Path) -> list[tuple[str, str, int, str, int]]:
    """Let the implementations take turns; print the medians and give them as rows of the table."""
    write_field(folder / "source.nc", WORK[work])
    write_target(folder / "target.txt")
    lines = commands(folder)
    taken: dict[str, list[Run]] = {implementation: [] for implementation in lines}
    for _ in range(runs):
        for implementation, command in lines.items():
            taken[implementation].append(run_process(command, implementation in IN_MEMORY))
    results = {}
    for implementation, command in lines.items():
        with xr.open_dataset(command[-1]) as result:
            results[implementation] = result["field"].to_numpy()
    print(f"{work}, {runs} runs")
    print(f"{'implementation':22}{'median':>10}{'peak memory':>14}{'deviation':>12}")
    rows = []
    for implementation, measured in taken.items():
        seconds = float(np.median([run.seconds for run in measured]))
        memory = max(run.peak_mebibytes for run in measured)
        deviation = np.nanmax(np.abs(results[implementation] / results["differland operator"] - 1))
        print(f"{implementation:22}{seconds:8.3f} s{memory:10.0f} MiB{deviation:12.1e}")
        rows.append((work, implementation, 1, f"{seconds:.4g}", runs))
    return rows


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", help="CSV file to write")
    parser.add_argument("--runs", type=int, default=5, help="of each implementation (default: 5)")
    parser.add_argument("--in-memory", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_memory:
        implementation, source, result = options.in_memory
        time_in_memory(implementation, Path(source), Path(result))
    elif options.table is None:
        parser.error("name the CSV file to write")
    else:
        rows = []
        for work in WORK:
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(work, options.runs, Path(folder))
        options.table.parent.mkdir(parents=True, exist_ok=True)
        with options.table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["work", "implementation", "members", "median_s", "runs"])
            writer.writerows(rows)


if __name__ == "__main__":
    main()

"""Time and memory of the raw stage at full size: the largest products, and the driver of the globe.

Run ``python benchmarks/raw.py TABLE.csv [--folder FOLDER]``. Files of synthetic values are written
in the providers' formats and sizes (about 4 GB; kept in FOLDER if one is named, and used again),
and read, regridded and assembled as the workflow does it. Each piece of work is a process of its
own, timed from start to end; memory is the most that the process held.

- one year of 8-day leaf area index at 0.05 degree (46 x 3600 x 7200)
- one static layer of 30 arc seconds (forest age, 21600 x 43200)
- one month of daily extremes of ERA5 (31 x 721 x 1440)
- the driver of the whole globe over 23 years, from gridded files of one year used for all
"""

import argparse
import csv
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import netCDF4
import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from differland.assembly import GriddedFiles, assemble_driver  # noqa: E402
from differland.datasets.forest import read_forest_age  # noqa: E402
from differland.datasets.reanalysis import read_daily_extremes  # noqa: E402
from differland.datasets.vegetation import read_lai  # noqa: E402
from differland.files import write_netcdf, write_netcdf_parts  # noqa: E402
from differland.regridding.raw_fields import Gridding, grid_static, grid_year  # noqa: E402
from differland.regridding.study_grid import STUDY_GRID  # noqa: E402
from differland.tables import FORCING, PREDICTOR_GROUPS, PREDICTORS  # noqa: E402

GRIDDING = Gridding(STUDY_GRID, "exact", 0.25, Path("unused"))
YEARS = range(2001, 2024)
OBSERVED = {"modis_lai": "lai", "lcspp": "sif", "gleam": "et", "gfed5_emissions": "fire_emission"}
PATCHES = {"cms_flux_nbe": "nbe", "grace": "ewt"}


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    peak_mebibytes: float


def write_layers(
    path: Path, name: str, units: str, shape: tuple[int, ...], times: np.ndarray | None, **time: str
) -> None:
    """Write smooth values plus noise, with the sea missing, layer by layer."""
    rows, columns = shape[-2:]
    rng = np.random.default_rng(0)
    latitude = 90 - 180 * (np.arange(rows) + 0.5) / rows
    longitude = -180 + 360 * (np.arange(columns) + 0.5) / columns
    with netCDF4.Dataset(path, "w") as dataset:
        for axis, values in (("lat", latitude), ("lon", longitude)):
            dataset.createDimension(axis, values.size)
            dataset.createVariable(axis, "f8", (axis,))[:] = values
        dimensions: tuple[str, ...] = ("lat", "lon")
        if times is not None:
            dataset.createDimension("time", times.size)
            variable = dataset.createVariable("time", "f8", ("time",))
            variable.setncatts(time)
            variable[:] = times
            dimensions = ("time", *dimensions)
        variable = dataset.createVariable(
            name,
            "f4",
            dimensions,
            compression="zlib",
            complevel=1,
            fill_value=np.nan,
            chunksizes=[1] * (len(dimensions) - 2) + [rows // 10, columns // 10],
        )
        variable.units = units
        east = np.sin(np.deg2rad(3 * longitude)).astype(np.float32)
        for start in range(0, rows, rows // 10):
            part = slice(start, start + rows // 10)
            north = np.cos(np.deg2rad(latitude[part])).astype(np.float32)
            noise = rng.integers(0, 8, (north.size, columns)).astype(np.float32) / 8
            field = 3 + 2 * north[:, None] * east + noise
            field[(north[:, None] * east) < -0.3] = np.nan
            for layer in range(times.size if times is not None else 1):
                variable[(layer, part) if times is not None else part] = field
    print(f"{path.name}: {path.stat().st_size / 2**20:.0f} MiB", flush=True)


def write_lai(path: Path) -> None:
    """Write one year of 8-day leaf area index."""
    write_layers(path, "lai", "m2 m-2", (3600, 7200), np.arange(1, 366, 8.0))


def write_forest_age(path: Path) -> None:
    """Write one layer of 30 arc seconds."""
    write_layers(path, "ForestAge_TC010", "years", (21600, 43200), None)


def write_era5(path: Path) -> None:
    """Write daily maxima of one year on nodes."""
    with netCDF4.Dataset(path, "w") as dataset:
        days = np.arange(365)
        for axis, values in (
            ("valid_time", days * 86400 + 1_609_459_200),
            ("latitude", 90 - 0.25 * np.arange(721)),
            ("longitude", 0.25 * np.arange(1440)),
        ):
            dataset.createDimension(axis, values.size)
            dataset.createVariable(axis, "f8", (axis,))[:] = values
        dataset["valid_time"].setncatts(
            {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian"}
        )
        variable = dataset.createVariable(
            "t2m",
            "f4",
            ("valid_time", "latitude", "longitude"),
            compression="zlib",
            complevel=1,
            chunksizes=[1, 721, 1440],
        )
        variable.units = "K"
        field = 280 + 10 * np.cos(np.deg2rad(dataset["latitude"][:]))[:, None] + np.zeros(1440)
        for day in days:
            variable[day] = field + day / 100
    print(f"{path.name}: {path.stat().st_size / 2**20:.0f} MiB", flush=True)


def grid_lai(folder: Path) -> None:
    """Regrid one year of leaf area index."""
    dataset = grid_year(
        {"lai": read_lai([folder / "lai_8-day_0.05_2021.nc"])}, 2021, GRIDDING, False
    )
    write_netcdf(dataset, folder / "out/lai.nc")


def grid_forest_age(folder: Path) -> None:
    """Regrid the static layer."""
    write_netcdf(
        grid_static({"forest_age": read_forest_age(folder)}, GRIDDING), folder / "out/age.nc"
    )


def grid_era5(folder: Path) -> None:
    """Regrid the daily maxima of one year."""
    fields = read_daily_extremes([folder / "era5_daily_t_max_2021.nc"], "t_max")
    write_netcdf(grid_year({"t_max": fields}, 2021, GRIDDING, False), folder / "out/era5.nc")


def write_gridded(folder: Path) -> None:
    """Write gridded products of one year, of all land."""
    folder.mkdir(exist_ok=True)
    rows, columns = STUDY_GRID.shape
    rng = np.random.default_rng(1)
    land = np.zeros((rows, columns), dtype=bool)
    land.ravel()[rng.permutation(rows * columns)[:245_000]] = True
    noise = rng.random((rows, columns), np.float32)

    def save(variables: dict[str, np.ndarray], name: str) -> None:
        with netCDF4.Dataset(folder / name, "w") as dataset:
            for axis, values in (("lat", STUDY_GRID.latitude), ("lon", STUDY_GRID.longitude)):
                dataset.createDimension(axis, values.size)
                dataset.createVariable(axis, "f8", (axis,))[:] = values
            dataset.createDimension("time", 12)
            for key, values in variables.items():
                dimensions = ("time", "lat", "lon")[3 - values.ndim :]
                dataset.createVariable(
                    key,
                    "f4",
                    dimensions,
                    compression="zlib",
                    complevel=1,
                    fill_value=np.nan,
                    chunksizes=[1, rows, columns][3 - values.ndim :],
                )[:] = values

    cover = {name: np.where(land, 0.1, 0) for name in PREDICTOR_GROUPS["PFT"]}
    save(cover | {"water": np.where(land, 0.0, 1.0)}, "cover.nc")
    names = [n for g in ("AGE", "SOIL") for n in PREDICTOR_GROUPS[g]]
    save(dict.fromkeys([*names, "elevation", "soil_organic_carbon"], 1 + noise), "static.nc")
    save({"gpp": 500 * noise}, "gpp.nc")
    month = np.arange(12, dtype=np.float32)[:, None, None]
    temperatures = {"t_min": month + noise, "t_max": month + 10 + noise}
    others = dict.fromkeys(("srad", "vpd", "precipitation"), 1 + month / 12 + noise)
    save(temperatures | others, "era5.nc")
    save({"burned_fraction": (month + noise) / 20}, "burned.nc")
    for product, name in (OBSERVED | PATCHES).items():
        save({name: 1 + month / 12 + noise}, f"{product}.nc")
    save({"woody_biomass": 5000 * noise}, "xu_biomass.nc")
    months = pd.period_range("2001-01", "2023-12", freq="M")
    table = pd.DataFrame({"year": months.year, "month": months.month, "average": 400.0})
    table.to_csv(folder / "co2.csv", index=False)


def assemble(folder: Path) -> None:
    """Assemble the driver of the globe at full length."""
    gridded = folder / "gridded"
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["raw"]

    def every(name: str) -> dict[int, Path]:
        return dict.fromkeys(YEARS, gridded / name)

    files = GriddedFiles(
        static={"mcd12c1": gridded / "cover.nc", "others": gridded / "static.nc"}
        | {"fluxcom": gridded / "gpp.nc"},
        yearly={"era5": every("era5.nc"), "gfed5_burned_area": every("burned.nc")}
        | {product: every(f"{product}.nc") for product in (*OBSERVED, *PATCHES, "xu_biomass")},
        co2=gridded / "co2.csv",
        towers=None,
        sites=None,
    )
    write_netcdf_parts(assemble_driver(files, STUDY_GRID, raw), folder / "out/driver.nc")
    with netCDF4.Dataset(folder / "out/driver.nc") as driver:
        assert driver["t_max"].shape == (245_000, 276)
        assert set(FORCING) | set(PREDICTORS) - {"latitude", "longitude", "constant"} <= set(
            driver.variables
        )


LAI, FOREST_AGE = "lai_8-day_0.05_2021.nc", "20230101T010101222_BGIForestAgeMPIBGC1.0.0.nc"
ERA5 = "era5_daily_t_max_2021.nc"


class Work(NamedTuple):
    """A piece of work, the rule that does it, and the native file that it reads.

    None for ERA5, whose values here are so smooth that they take no space.
    """

    do: Callable[[Path], None]
    rule: str
    native: str | None


WORK = {
    "grid LAI, 46 x 3600 x 7200": Work(grid_lai, "regrid_year", LAI),
    "grid forest age, 21600 x 43200": Work(grid_forest_age, "regrid_static", FOREST_AGE),
    "grid daily ERA5, 365 x 721 x 1440": Work(grid_era5, "regrid_year", None),
    "assemble driver, 245000 cells x 276 months": Work(assemble, "assemble_driver", None),
}


def write_inputs(folder: Path) -> None:
    """Write what is not there yet."""
    (folder / "out").mkdir(parents=True, exist_ok=True)
    inputs = {
        LAI: write_lai,
        FOREST_AGE: write_forest_age,
        ERA5: write_era5,
        "gridded": write_gridded,
    }
    for name, write in inputs.items():
        if not (folder / name).exists():
            # In a process of its own: those that are measured begin with the peak of this one.
            process = multiprocessing.get_context("spawn").Process(
                target=write, args=(folder / name,)
            )
            process.start()
            process.join()


def measure(work: Callable[[Path], None], folder: Path) -> Run:
    """Run a piece of work in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(work, folder, sender))
    process.start()
    run: Run = receiver.recv()
    process.join()
    return run


def _report(work: Callable[[Path], None], folder: Path, sender) -> None:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    work(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    sender.send(Run(time.perf_counter() - start, peak))


def rows(folder: Path, runs: int) -> Iterator[dict[str, object]]:
    """Measure all pieces of work in turn."""
    results: dict[str, list[Run]] = {name: [] for name in WORK}
    for _ in range(runs):
        for name, work in WORK.items():
            results[name].append(measure(work.do, folder))
    for name, taken in results.items():
        rule, native = WORK[name].rule, WORK[name].native
        yield {
            "work": name,
            "implementation": "differland",
            "members": "",
            "rule": rule,
            "native_mb": f"{(folder / native).stat().st_size / 1e6:.1f}" if native else "",
            "median_s": f"{np.median([run.seconds for run in taken]):.1f}",
            "peak_mib": f"{np.median([run.peak_mebibytes for run in taken]):.0f}",
            "runs": runs,
        }


def main() -> None:
    """Write the inputs, measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path, help="CSV file to write")
    parser.add_argument("--folder", type=Path, help="where inputs are kept (default: nowhere)")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    try:
        write_inputs(folder)
        with options.table.open("w", newline="", encoding="utf-8") as file:
            writer = None
            for row in rows(folder, options.runs):
                writer = writer or csv.DictWriter(file, list(row))
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerow(row)
                print(row, flush=True)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()

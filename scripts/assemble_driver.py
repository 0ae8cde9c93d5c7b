from pathlib import Path
from typing import Any

from differland import assembly
from differland.files import write_netcdf_parts
from differland.regridding.study_grid import study_window
from differland_script import run


def assemble_driver(
    static: dict[str, str],
    yearly: dict[str, dict[int, str]],
    co2: list[str],
    towers: str,
    sites: str,
    raw: dict[str, Any],
    driver: str,
) -> None:
    """Assemble the driver from gridded products; `towers` and `sites` may be empty."""
    files = assembly.GriddedFiles(
        static={name: Path(file) for name, file in static.items()},
        yearly={
            name: {year: Path(file) for year, file in files.items()}
            for name, files in yearly.items()
        },
        co2=Path(co2[0]),
        towers=Path(towers) if towers else None,
        sites=Path(sites) if sites else None,
    )
    target = study_window(**raw["window"])
    write_netcdf_parts(assembly.assemble_driver(files, target, raw), driver)


if __name__ == "__main__":
    run(assemble_driver, snakemake)

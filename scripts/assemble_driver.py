from pathlib import Path
from typing import Any

from differland import assembly
from differland.files import write_netcdf_parts
from differland.gridding import study_window
from differland.logs import record


def assemble_driver(files: assembly.GriddedFiles, raw: dict[str, Any], driver: str) -> None:
    """Assemble the driver from gridded products."""
    target = study_window(**raw["window"])
    write_netcdf_parts(assembly.assemble_driver(files, target, raw), driver)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        towers = snakemake.input.get("towers")
        assemble_driver(
            files=assembly.GriddedFiles(
                static={name: Path(file) for name, file in snakemake.params.static.items()},
                yearly={
                    name: {year: Path(file) for year, file in files.items()}
                    for name, files in snakemake.params.yearly.items()
                },
                co2=Path(snakemake.input.co2[0]),
                towers=Path(towers) if towers else None,
                sites=Path(snakemake.input.sites) if towers else None,
            ),
            raw=snakemake.params.raw,
            driver=snakemake.output.driver,
        )

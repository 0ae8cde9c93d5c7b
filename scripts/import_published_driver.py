from pathlib import Path
from typing import Literal

from differland.files import write_netcdf_parts
from differland.logs import record
from differland.published import PublishedFiles, import_driver


def import_published_driver(
    files: PublishedFiles, predictors: list[str], vpd_units: Literal["hPa", "kPa"], driver: str
) -> None:
    """Bring the published files into the form of a driver file."""
    write_netcdf_parts(import_driver(files, predictors, vpd_units), driver)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        import_published_driver(
            files=PublishedFiles(**{key: Path(path) for key, path in snakemake.input.items()}),
            predictors=snakemake.params.predictors,
            vpd_units=snakemake.params.vpd_units,
            driver=snakemake.output.driver,
        )

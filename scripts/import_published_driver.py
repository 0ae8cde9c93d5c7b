from pathlib import Path
from typing import Literal

from differland.files import write_netcdf_parts
from differland.published import PublishedFiles, import_driver
from differland_script import run


def import_published_driver(
    files: dict[str, str], predictors: list[str], vpd_units: Literal["hPa", "kPa"], driver: str
) -> None:
    """Bring the published files into the form of a driver file."""
    published = PublishedFiles(**{key: Path(path) for key, path in files.items()})
    write_netcdf_parts(import_driver(published, predictors, vpd_units), driver)


if __name__ == "__main__":
    run(
        import_published_driver,
        snakemake,
        files=dict(snakemake.input.items()),
        driver=snakemake.output.driver,
    )

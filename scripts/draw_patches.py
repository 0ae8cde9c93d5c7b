from typing import Any

from differland import patches
from differland.files import read_netcdf, write_netcdf
from differland.logs import record


def draw_patches(driver: str, settings: dict[str, Any], output: str) -> None:
    """Draw the patches that training goes through, and those held out as the test set."""
    write_netcdf(patches.draw_patches(read_netcdf(driver), **settings), output)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        draw_patches(
            driver=snakemake.input.driver,
            settings=snakemake.params.settings,
            output=snakemake.output.patches,
        )

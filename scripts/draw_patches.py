from typing import Any

from differland.files import read_netcdf, write_netcdf
from differland.patches import draw_patches as draw
from differland_script import run


def draw_patches(driver: str, settings: dict[str, Any], patches: str) -> None:
    """Draw the patches that training goes through, and those held out as the test set."""
    write_netcdf(draw(read_netcdf(driver), **settings), patches)


if __name__ == "__main__":
    run(draw_patches, snakemake)

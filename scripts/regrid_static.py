from pathlib import Path
from typing import Any

from differland.datasets.products import read_static
from differland.files import write_netcdf
from differland.regridding.raw_fields import Gridding, grid_static
from differland_script import paths, run


def regrid_static(
    product: str,
    sources: dict[str, list[Path]],
    folder: str,
    settings: dict[str, Any],
    window: dict[str, Any],
    weights: str,
    gridded: str,
) -> None:
    """Put a product that does not change with time on the study's grid."""
    gridding = Gridding.from_settings(window, settings, weights)
    fields = read_static(product, sources, Path(folder), settings, gridding.target)
    write_netcdf(grid_static(fields, gridding), gridded)


if __name__ == "__main__":
    run(regrid_static, snakemake, sources=paths(snakemake.input))

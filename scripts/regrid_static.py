from pathlib import Path
from typing import Any

from differland.datasets.products import read_static
from differland.files import write_netcdf
from differland.gridding import Gridding, grid_static
from differland.logs import record


def regrid_static(
    product: str,
    sources: dict[str, list[Path]],
    folder: str,
    settings: dict[str, Any],
    gridding: Gridding,
    gridded: str,
) -> None:
    """Put a product that does not change with time on the study's grid."""
    fields = read_static(product, sources, Path(folder), settings, gridding.target)
    write_netcdf(grid_static(fields, gridding), gridded)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        regrid_static(
            product=snakemake.wildcards.product,
            sources={
                role: [Path(file) for file in files] for role, files in snakemake.input.items()
            },
            folder=snakemake.params.folder,
            settings=snakemake.params.settings,
            gridding=Gridding.from_settings(
                snakemake.params.window, snakemake.params.settings, snakemake.params.weights
            ),
            gridded=snakemake.output.gridded,
        )

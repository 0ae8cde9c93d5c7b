import tempfile
from pathlib import Path
from typing import Any

from differland.datasets.products import GAPS_ALLOWED, read_year
from differland.files import write_netcdf
from differland.gridding import Gridding, grid_year
from differland.logs import record


def regrid_year(
    product: str,
    year: int,
    sources: dict[str, list[Path]],
    settings: dict[str, Any],
    gridding: Gridding,
    gridded: str,
) -> None:
    """Put one year of a product on the study's grid."""
    calibration = next(iter(sources.pop("calibration", [])), None)
    with tempfile.TemporaryDirectory() as scratch:
        fields = read_year(product, sources, settings, Path(scratch), calibration)
        dataset = grid_year(fields, year, gridding, gaps=product in GAPS_ALLOWED)
    write_netcdf(dataset, gridded)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        regrid_year(
            product=snakemake.wildcards.product,
            year=int(snakemake.wildcards.year),
            sources={
                role: [Path(file) for file in files] for role, files in snakemake.input.items()
            },
            settings=snakemake.params.settings,
            gridding=Gridding.from_settings(
                snakemake.params.window, snakemake.params.settings, snakemake.params.weights
            ),
            gridded=snakemake.output.gridded,
        )

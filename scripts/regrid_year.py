import tempfile
from pathlib import Path
from typing import Any

from differland.datasets.products import GAPS_ALLOWED, read_year
from differland.files import write_netcdf
from differland.regridding.raw_fields import Gridding, grid_year
from differland_script import paths, run


def regrid_year(
    product: str,
    year: str,
    sources: dict[str, list[Path]],
    settings: dict[str, Any],
    window: dict[str, Any],
    weights: str,
    gridded: str,
) -> None:
    """Put one year of a product on the study's grid."""
    gridding = Gridding.from_settings(window, settings, weights)
    calibration = next(iter(sources.pop("calibration", [])), None)
    with tempfile.TemporaryDirectory() as scratch:
        fields = read_year(product, sources, settings, Path(scratch), calibration)
        dataset = grid_year(fields, int(year), gridding, gaps=product in GAPS_ALLOWED)
    write_netcdf(dataset, gridded)


if __name__ == "__main__":
    run(regrid_year, snakemake, sources=paths(snakemake.input))

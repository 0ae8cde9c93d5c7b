from pathlib import Path
from typing import Any

from differland.climatology import grid_climates
from differland.datasets.archives import log_unread
from differland.datasets.climate_models import Variable, unread_climates
from differland.files import write_netcdf
from differland.regridding.raw_fields import Gridding
from differland_script import paths, run


def regrid_climates(
    sources: dict[Variable, list[Path]],
    periods: dict[str, list[int]],
    window: dict[str, Any],
    weights: str,
    projection: dict[str, Any],
    climates: str,
) -> None:
    """Put the mean climates of a climate model on the study's grid."""
    unread = unread_climates(
        Path(projection["folder"]),
        projection["models"],
        projection["scenario"],
        [year for years in periods.values() for year in years],
        projection["patterns"],
    )
    log_unread("projection.folder", unread)
    gridding = Gridding.from_settings(window, {}, weights)
    write_netcdf(grid_climates(sources, periods, gridding), climates)


if __name__ == "__main__":
    run(
        regrid_climates,
        snakemake,
        sources=paths(snakemake.input),
        projection=snakemake.config["projection"],
    )

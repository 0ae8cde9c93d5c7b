from pathlib import Path
from typing import Any

from differland.climatology import grid_climates
from differland.datasets.archives import log_unread
from differland.datasets.climate_models import Variable, unread_climates
from differland.files import write_netcdf
from differland.gridding import Gridding
from differland.logs import record


def regrid_climates(
    sources: dict[Variable, list[Path]],
    periods: dict[str, list[int]],
    gridding: Gridding,
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
    write_netcdf(grid_climates(sources, periods, gridding), climates)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        regrid_climates(
            sources={
                variable: [Path(file) for file in files]
                for variable, files in snakemake.input.items()
            },
            periods=snakemake.params.periods,
            gridding=Gridding.from_settings(snakemake.params.window, {}, snakemake.params.weights),
            projection=snakemake.config["projection"],
            climates=snakemake.output.climates,
        )

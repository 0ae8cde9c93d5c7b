from pathlib import Path
from typing import Any

from differland.datasets.archives import log_unread
from differland.datasets.land_models import exchange_of_cells, unread_land_models
from differland.driver import months_of
from differland.files import read_netcdf, write_netcdf
from differland.logs import record


def regrid_land_model(
    files: dict[str, list[Path]],
    options: dict[str, Any],
    last_year: int,
    driver: str,
    minimum_coverage: float,
    trendy: dict[str, Any],
    output: str,
) -> None:
    """Put the net biosphere exchange of a land model on the cells of the study."""
    unread = unread_land_models(Path(trendy["folder"]), trendy["models"], trendy["patterns"])
    log_unread("carbon_cycle.trendy.folder", unread)
    cells = read_netcdf(driver, names=["lat", "lon", "time"])
    months = months_of(cells, driver)
    months = months[months.year <= last_year]
    places = (cells[name].to_numpy() for name in ("lat", "lon"))
    write_netcdf(exchange_of_cells(files, options, months, *places, minimum_coverage), output)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        regrid_land_model(
            files={
                role: [Path(file) for file in files]
                for role, files in snakemake.input.items()
                if role in ("nbp", "cover")
            },
            options=snakemake.params.options,
            last_year=snakemake.params.last_year,
            driver=snakemake.input.driver,
            minimum_coverage=snakemake.params.minimum_coverage,
            trendy=snakemake.config["carbon_cycle"]["trendy"],
            output=snakemake.output.exchange,
        )

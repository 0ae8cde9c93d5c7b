from pathlib import Path
from typing import Any

from differland.datasets.archives import log_unread
from differland.datasets.land_models import exchange_of_cells, unread_land_models
from differland.driver import months_of
from differland.files import read_netcdf, write_netcdf
from differland_script import paths, run


def regrid_land_model(
    files: dict[str, list[Path]],
    options: dict[str, Any],
    last_year: int,
    driver: str,
    minimum_coverage: float,
    trendy: dict[str, Any],
    exchange: str,
) -> None:
    """Put the net biosphere exchange of a land model on the cells of the study."""
    unread = unread_land_models(Path(trendy["folder"]), trendy["models"], trendy["patterns"])
    log_unread("carbon_cycle.trendy.folder", unread)
    cells = read_netcdf(driver, names=["lat", "lon", "time"])
    months = months_of(cells, driver)
    months = months[months.year <= last_year]
    roles = {role: files[role] for role in ("nbp", "cover") if role in files}
    places = (cells[name].to_numpy() for name in ("lat", "lon"))
    write_netcdf(exchange_of_cells(roles, options, months, *places, minimum_coverage), exchange)


if __name__ == "__main__":
    run(
        regrid_land_model,
        snakemake,
        files=paths(snakemake.input),
        trendy=snakemake.config["carbon_cycle"]["trendy"],
    )

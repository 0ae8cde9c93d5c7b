from typing import Any

from differland.analysis import projection as projecting
from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf, write_text
from differland.patches import cells_of_split
from differland.tables import PREDICTORS
from differland_script import run


def project_traits(
    setups: list[str],
    ensembles: list[str],
    members: str,
    driver: str,
    patches: str,
    climates: list[str],
    settings: dict[str, Any],
    models: str,
    table: str,
    projection: str,
) -> None:
    """Change four traits from the climate of today to a projected one."""
    cells, layout = read_netcdf(driver, names=PREDICTORS), read_netcdf(patches)
    trained = cells_of_split(layout, layout["test"].to_numpy() == 0)
    of_models = [read_netcdf(path) for path in climates]
    climate, facts = projecting.project_climate(cells, of_models, trained, **settings["climate"])
    selected = {
        setup: read_ensemble(path, members) for setup, path in zip(setups, ensembles, strict=True)
    }
    maps, means = projecting.project_traits(selected, cells, climate, **settings["traits"])
    write_text(facts.to_csv(index=False), models)
    write_text(means.to_csv(index=False), table)
    write_netcdf(maps, projection)


if __name__ == "__main__":
    run(project_traits, snakemake)

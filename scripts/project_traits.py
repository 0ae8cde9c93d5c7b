from typing import Any

from differland.analysis import projection
from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf, write_text
from differland.logs import record
from differland.patches import cells_of_split
from differland.tables import PREDICTORS


def project_traits(
    ensembles: dict[str, str],
    members: str,
    driver: str,
    patches: str,
    climates: list[str],
    settings: dict[str, Any],
    outputs: dict[str, str],
) -> None:
    """Change four traits from the climate of today to a projected one."""
    cells, layout = read_netcdf(driver, names=PREDICTORS), read_netcdf(patches)
    trained = cells_of_split(layout, layout["test"].to_numpy() == 0)
    models = [read_netcdf(path) for path in climates]
    climate, facts = projection.project_climate(cells, models, trained, **settings["climate"])
    selected = {name: read_ensemble(path, members) for name, path in ensembles.items()}
    maps, table = projection.project_traits(selected, cells, climate, **settings["traits"])
    write_text(facts.to_csv(index=False), outputs["models"])
    write_text(table.to_csv(index=False), outputs["table"])
    write_netcdf(maps, outputs["projection"])


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        project_traits(
            ensembles=dict(zip(snakemake.params.setups, snakemake.input.ensembles, strict=True)),
            members=snakemake.params.members,
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            climates=snakemake.input.climates,
            settings=snakemake.params.settings,
            outputs=dict(snakemake.output.items()),
        )

from typing import Any

from differland.analysis.attribution import attribute
from differland.ensemble import read_ensemble
from differland.files import read_netcdf, write_netcdf, write_text
from differland.patches import cells_of_split
from differland.settings.analyses import Attribution
from differland.tables import PREDICTORS
from differland_script import run


def attribute_predictors(
    ensemble: str,
    members: str,
    driver: str,
    patches: str,
    components: str,
    settings: dict[str, Any],
    shap: str,
    table: str,
) -> None:
    """Attribute traits and their components to predictors by Kernel SHAP."""
    layout = read_netcdf(patches)
    values, summary = attribute(
        read_ensemble(ensemble, members),
        read_netcdf(driver, names=PREDICTORS),
        read_netcdf(components),
        cells_of_split(layout, layout["test"].to_numpy() == 0),
        Attribution.model_validate(settings),
    )
    write_netcdf(values, shap)
    write_text(summary.to_csv(index=False), table)


if __name__ == "__main__":
    run(attribute_predictors, snakemake)

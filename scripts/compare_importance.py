from typing import Any

import pandas as pd

from differland.analysis import recovery
from differland.analysis.attribution import attribute
from differland.files import read_netcdf, write_text
from differland.patches import cells_of_split
from differland.settings.analyses import Attribution
from differland.synthetic.truth import TrueField
from differland_script import run


def compare_importance(
    estimated: str,
    driver: str,
    patches: str,
    components: str,
    truth: str,
    settings: dict[str, Any],
    table: str,
) -> None:
    """Attribute the true traits to predictors as those of the ensemble were, and compare."""
    layout = read_netcdf(patches)
    _, true = attribute(
        TrueField.read_from(read_netcdf(truth)),
        read_netcdf(driver),
        read_netcdf(components),
        cells_of_split(layout, layout["test"].to_numpy() == 0),
        Attribution.model_validate(settings),
    )
    rows = recovery.compare_importance(pd.read_csv(estimated), true)
    write_text(rows.to_csv(index=False), table)


if __name__ == "__main__":
    run(compare_importance, snakemake)

from pathlib import Path
from typing import Any

from differland.datasets.products import calibrate_burned_area as fit
from differland.files import write_text
from differland.logs import record


def calibrate_burned_area(
    sources: dict[str, list[Path]], settings: dict[str, Any], table: str
) -> None:
    """Fit burned area of GFED5 to that of MODIS, region by region."""
    write_text(fit(sources, settings).to_csv(), table)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        calibrate_burned_area(
            sources={
                role: [Path(file) for file in files] for role, files in snakemake.input.items()
            },
            settings=snakemake.params.settings,
            table=snakemake.output.table,
        )

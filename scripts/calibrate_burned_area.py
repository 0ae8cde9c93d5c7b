from pathlib import Path
from typing import Any

from differland.datasets.products import calibrate_burned_area as fit
from differland.files import write_text
from differland_script import paths, run


def calibrate_burned_area(
    sources: dict[str, list[Path]], settings: dict[str, Any], table: str
) -> None:
    """Fit burned area of GFED5 to that of MODIS, region by region."""
    write_text(fit(sources, settings).to_csv(), table)


if __name__ == "__main__":
    run(calibrate_burned_area, snakemake, sources=paths(snakemake.input))

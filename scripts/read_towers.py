from pathlib import Path
from typing import Any

import pandas as pd

from differland.datasets import towers
from differland.files import write_text
from differland.logs import record


def read_towers(
    folder: Path, years: tuple[int, int], settings: dict[str, Any], fluxes: str, sites: str
) -> None:
    """Read the fluxes of all towers, and where they are."""
    months = pd.period_range(f"{years[0]}-01", f"{years[1]}-12", freq="M")
    table = towers.read_towers(folder, months, **settings)
    places = towers.read_sites(towers.find_site_tables(folder))
    write_text(table.to_csv(index=False), fluxes)
    write_text(places.to_csv(), sites)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        read_towers(
            folder=Path(snakemake.params.folder),
            years=snakemake.params.years,
            settings={
                key: snakemake.params.settings[key]
                for key in ("maximum_gap_filled", "gap_rule", "latent_heat")
            },
            fluxes=snakemake.output.fluxes,
            sites=snakemake.output.sites,
        )

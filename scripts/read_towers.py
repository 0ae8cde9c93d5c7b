from pathlib import Path
from typing import Any

import pandas as pd

from differland.datasets import towers
from differland.files import write_text
from differland_script import run


def read_towers(
    folder: str, years: tuple[int, int], settings: dict[str, Any], fluxes: str, sites: str
) -> None:
    """Read the fluxes of all towers, and where they are."""
    months = pd.period_range(f"{years[0]}-01", f"{years[1]}-12", freq="M")
    choices = {key: settings[key] for key in ("maximum_gap_filled", "gap_rule", "latent_heat")}
    table = towers.read_towers(Path(folder), months, **choices)
    places = towers.read_sites(towers.find_site_tables(Path(folder)))
    write_text(table.to_csv(index=False), fluxes)
    write_text(places.to_csv(), sites)


if __name__ == "__main__":
    run(read_towers, snakemake)

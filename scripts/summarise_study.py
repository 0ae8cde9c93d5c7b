from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from differland import reporting
from differland.files import read_netcdf, verify, write_text
from differland.logs import record


def summarise_study(
    config: dict[str, Any],
    files: dict[str, Any],
    tables: dict[str, str],
    figures: dict[str, str],
    compared: list[str],
    absent: list[tuple[str, str]],
    page: str,
) -> None:
    """Write the page that a reader sees first."""
    verify(files["driver"])
    study = reporting.Study(
        config=config,
        compared=compared,
        absent=absent,
        records=list(map(Path, files["records"])),
        driver=xr.open_dataset(files["driver"]),
        patches=read_netcdf(files["patches"]),
        metrics=pd.read_csv(files["metrics"], low_memory=False),
        components=read_netcdf(files["components"]),
        tables={name: pd.read_csv(file) for name, file in tables.items()},
    )
    write_text(reporting.summary_page(study, figures), page)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        summarise_study(
            config=snakemake.config,
            files=dict(snakemake.input.items()),
            tables=dict(zip(snakemake.params.tables, snakemake.input.tables, strict=True)),
            figures=dict(zip(snakemake.params.captions, snakemake.input.figures, strict=True)),
            compared=snakemake.params.compared,
            absent=snakemake.params.absent,
            page=snakemake.output.page,
        )

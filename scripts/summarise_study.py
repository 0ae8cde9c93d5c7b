from pathlib import Path
from typing import Any

import pandas as pd

from differland import reporting
from differland.files import open_verified, read_netcdf, write_text
from differland.settings.study import Study
from differland_script import run


def summarise_study(
    configuration: dict[str, Any],
    records: list[str],
    driver: str,
    patches: str,
    metrics: str,
    components: str,
    names: list[str],
    tables: list[str],
    captions: list[str],
    figures: list[str],
    compared: list[str],
    absent: list[tuple[str, str]],
    page: str,
) -> None:
    """Write the page that a reader sees first."""
    study = reporting.FinishedStudy(
        settings=Study.from_configuration(configuration),
        compared=compared,
        absent=absent,
        records=list(map(Path, records)),
        driver=open_verified(driver),
        patches=read_netcdf(patches),
        metrics=pd.read_csv(metrics, low_memory=False),
        components=read_netcdf(components),
        tables=dict(zip(names, map(pd.read_csv, tables), strict=True)),
    )
    write_text(reporting.summary_page(study, dict(zip(captions, figures, strict=True))), page)


if __name__ == "__main__":
    run(summarise_study, snakemake, configuration=snakemake.config)

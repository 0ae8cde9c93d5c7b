from pathlib import Path
from typing import Any

from differland import packing
from differland.files import read_netcdf
from differland.logs import record
from differland.training import Settings


def pack_training_data(
    driver: str, patches: str, configuration: dict[str, Any], output: str
) -> None:
    """Lay out the driver patch by patch, as all training jobs read it."""
    settings = Settings.from_configuration(configuration)
    packing.pack_training_data(
        read_netcdf(driver), read_netcdf(patches), settings.model, settings.loss, Path(output)
    )


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        pack_training_data(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            configuration=snakemake.config,
            output=snakemake.output.data,
        )

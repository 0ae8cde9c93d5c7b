from pathlib import Path
from typing import Any

from differland import packing
from differland.files import read_netcdf
from differland.logs import record
from differland.setups import of_experiment
from differland.training import Settings


def pack_training_data(
    driver: str, patches: str, configuration: dict[str, Any], experiment: str, output: str
) -> None:
    """Lay out the driver patch by patch, as all training jobs of an experiment read it."""
    study = Settings.from_configuration(configuration)
    own = Settings.from_configuration(of_experiment(configuration, experiment or None))
    # An experiment about observations that are not there would be one about nothing.
    changed = own.loss.observations.items() - study.loss.observations.items()
    packing.pack_training_data(
        read_netcdf(driver),
        read_netcdf(patches),
        own.model,
        own.loss,
        Path(output),
        required=[variable for _, variable in changed if variable],
    )


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        pack_training_data(
            driver=snakemake.input.driver,
            patches=snakemake.input.patches,
            configuration=snakemake.config,
            experiment=snakemake.wildcards.experiment.removeprefix("@"),
            output=snakemake.output.data,
        )

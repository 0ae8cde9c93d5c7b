from pathlib import Path
from typing import Any

from differland import packing
from differland.files import read_netcdf
from differland.settings.training import MemberSettings
from differland.setups import of_experiment
from differland_script import run


def pack_training_data(
    driver: str, patches: str, configuration: dict[str, Any], experiment: str, data: str
) -> None:
    """Lay out the driver patch by patch, as all training jobs of an experiment read it."""
    study = MemberSettings.from_configuration(configuration)
    name = experiment.removeprefix("@") or None
    own = MemberSettings.from_configuration(of_experiment(configuration, name))
    # An experiment about observations that are not there would be one about nothing.
    changed = own.loss.observations.items() - study.loss.observations.items()
    packing.pack_training_data(
        read_netcdf(driver),
        read_netcdf(patches),
        own.model,
        own.loss,
        Path(data),
        required=[variable for _, variable in changed if variable],
    )


if __name__ == "__main__":
    run(pack_training_data, snakemake, configuration=snakemake.config)

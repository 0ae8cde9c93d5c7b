from pathlib import Path
from typing import Any

from differland.devices import use_devices
from differland.logs import record
from differland.members import write_member
from differland.packing import read_training_data
from differland.setups import of_setup
from differland.training import Settings, train_block


def train(
    data: str,
    directories: list[Path],
    stage: str,
    configuration: dict[str, Any],
    checkpoints: str,
    threads: int,
    gpus: int,
) -> None:
    """Train a block of members, one for each of `directories`, which end in setup/seed."""
    use_devices(threads, gpus, configuration["training"]["permit_cpu"])
    block = [(directory.parent.name, directory.name) for directory in directories]
    members = train_block(
        read_training_data(data),
        block,
        stage,
        Settings.from_configuration(of_setup(configuration, block[0][0])),
        Path(checkpoints),
    )
    for member, directory in zip(members, directories, strict=True):
        write_member(member, directory)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        train(
            data=snakemake.input.data,
            directories=list(dict.fromkeys(Path(file).parent for file in snakemake.output)),
            stage=snakemake.wildcards.stage,
            configuration=snakemake.config,
            checkpoints=snakemake.params.checkpoints,
            threads=snakemake.threads,
            gpus=snakemake.resources.get("gpu", 0),
        )

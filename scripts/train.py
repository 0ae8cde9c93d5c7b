from pathlib import Path
from typing import Any

from differland.devices import use_devices
from differland.members import write_member
from differland.packing import read_training_data
from differland.settings.training import MemberSettings
from differland.setups import of_setup
from differland.training import train_block
from differland_script import run


def train(
    data: str,
    outputs: list[str],
    stage: str,
    configuration: dict[str, Any],
    checkpoints: str,
    threads: int,
    gpus: int,
) -> None:
    """Train a block of members, one for each folder of `outputs`, which end in setup/seed."""
    directories = list(dict.fromkeys(Path(file).parent for file in outputs))
    block = [(directory.parent.name, directory.name) for directory in directories]
    settings = MemberSettings.from_configuration(of_setup(configuration, block[0][0]))
    use_devices(threads, gpus, settings.training.permit_cpu)
    members = train_block(read_training_data(data), block, stage, settings, Path(checkpoints))
    for member, directory in zip(members, directories, strict=True):
        write_member(member, directory)


if __name__ == "__main__":
    run(
        train,
        snakemake,
        outputs=list(snakemake.output),
        configuration=snakemake.config,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("gpu", 0),
    )

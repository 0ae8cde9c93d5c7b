import logging
from itertools import groupby
from pathlib import Path

from differland.files import write_json
from differland.logs import record
from differland.records import read_record, select_members, selection_line

logger = logging.getLogger("differland.select_ensemble")


def select_ensemble(directories: list[Path], size: int, minimum: int, ensembles: list[str]) -> None:
    """Select the members of each setup with the lowest training loss."""
    by_setup = groupby(directories, key=lambda directory: directory.parent)
    for (_, members), ensemble in zip(by_setup, ensembles, strict=True):
        selection = select_members([read_record(member) for member in members], size, minimum)
        level = logging.WARNING if selection["failed"] else logging.INFO
        logger.log(level, selection_line(selection))
        write_json(selection, ensemble)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        select_ensemble(
            directories=list(dict.fromkeys(Path(file).parent for file in snakemake.input)),
            size=snakemake.params.size,
            minimum=snakemake.params.minimum,
            ensembles=snakemake.output.ensembles,
        )

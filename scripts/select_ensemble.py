import logging
from itertools import groupby
from pathlib import Path

from differland.files import write_json
from differland.records import read_record, select_members, selection_line
from differland_script import run

logger = logging.getLogger("differland.select_ensemble")


def select_ensemble(members: list[str], size: int, minimum: int, ensembles: list[str]) -> None:
    """Select the members of each setup with the lowest training loss."""
    directories = dict.fromkeys(Path(file).parent for file in members)
    by_setup = groupby(directories, key=lambda directory: directory.parent)
    for (_, of_setup), ensemble in zip(by_setup, ensembles, strict=True):
        selection = select_members([read_record(member) for member in of_setup], size, minimum)
        level = logging.WARNING if selection["failed"] else logging.INFO
        logger.log(level, selection_line(selection))
        write_json(selection, ensemble)


if __name__ == "__main__":
    run(select_ensemble, snakemake)

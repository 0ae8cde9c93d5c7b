import json
from itertools import groupby
from pathlib import Path

from differland.files import write_text
from differland.logs import record
from differland.records import read_record, select_members


def select_ensemble(directories: list[Path], size: int, ensembles: list[str]) -> None:
    """Select the members of each setup with the lowest training loss."""
    by_setup = groupby(directories, key=lambda directory: directory.parent)
    for (_, members), ensemble in zip(by_setup, ensembles, strict=True):
        selection = select_members([read_record(member) for member in members], size)
        write_text(json.dumps(selection, indent=2) + "\n", ensemble)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        select_ensemble(
            directories=list(dict.fromkeys(Path(file).parent for file in snakemake.input)),
            size=snakemake.params.size,
            ensembles=snakemake.output.ensembles,
        )

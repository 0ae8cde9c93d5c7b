import json
from pathlib import Path

from differland.files import write_text
from differland.logs import record
from differland.records import read_record, select_members


def select_ensemble(directories: list[Path], size: int, ensemble: str) -> None:
    """Select the members with the lowest training loss."""
    selection = select_members([read_record(directory) for directory in directories], size)
    write_text(json.dumps(selection, indent=2) + "\n", ensemble)


if __name__ == "__main__":
    with record(snakemake.log[0], snakemake.resources.get("attempt", 1)):
        select_ensemble(
            directories=list(dict.fromkeys(Path(file).parent for file in snakemake.input)),
            size=snakemake.params.size,
            ensemble=snakemake.output.ensemble,
        )

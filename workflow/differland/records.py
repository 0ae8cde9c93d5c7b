"""Records of members, and the selection of an ensemble by them: no weights, and so no JAX."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from differland.errors import InputError
from differland.tables import PREDICTORS

RECORD_FILE = "member.json"

Record = Mapping[str, Any]
"""What is known of a member besides its weights: which it is, epochs, losses, settings."""


def read_record(directory: Path) -> Record:
    """Read the record of a member.

    Parameters
    ----------
    directory
        The member's folder.

    Raises
    ------
    InputError
        The file is absent or corrupt, or the member knows other predictors than this version.
    """
    path = directory / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "file", "a complete JSON file", str(error)) from error
    if record.get("predictors") != list(PREDICTORS):
        raise InputError(path, "predictors", f"{list(PREDICTORS)}", f"{record.get('predictors')}")
    return record


def select_members(records: Sequence[Record], size: int) -> dict[str, Any]:
    """Choose the members with the lowest training loss (paper, Methods).

    Parameters
    ----------
    records
        Of all members of one setup and stage; ``training_loss`` is the mean loss per training
        patch in the last epoch.
    size
        How many to keep.

    Returns
    -------
    setup, stage, the seeds selected (best first) and rejected, and the training loss by seed.
    """
    losses = {record["seed"]: float(record["training_loss"]) for record in records}
    ranked = sorted(losses, key=lambda seed: (losses[seed], seed))
    return {
        "stage": records[0]["stage"],
        "setup": records[0]["setup"],
        "selected": ranked[:size],
        "rejected": ranked[size:],
        "training_loss": losses,
    }

"""Records of members, and the selection of an ensemble by them: no weights, and so no JAX."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from differland.errors import InputError
from differland.files import read_json
from differland.tables import PREDICTORS

logger = logging.getLogger(__name__)

RECORD_FILE = "member.json"

REQUIRED = ("setup", "seed", "stage", "training_loss", "network", "model", "split")
"""Keys without which a record says too little for selection and evaluation."""

MADE_OF = "made_of"
"""Key of the digests of what a member was made of: driver, patches, training data, settings."""

WEIGHTS_DIGEST = "weights_digest"
"""Key of the digest of a member's weights and predictor statistics."""

Record = Mapping[str, Any]
"""What is known of a member besides its weights: which it is, epochs, losses, settings."""


def read_record(directory: Path) -> Record:
    """Read the record of a member.

    Parameters
    ----------
    directory
        Folder of the member.

    Raises
    ------
    InputError
        The file is absent or corrupt, lacks a key, or the member knows other predictors than this
        version.
    """
    path = directory / RECORD_FILE
    record = read_json(path)
    for key in REQUIRED:
        if key not in record:
            raise InputError(path, key, "a key of a member's record", "no such key")
    if record.get("predictors") != list(PREDICTORS):
        raise InputError(path, "predictors", f"{list(PREDICTORS)}", f"{record.get('predictors')}")
    return record


def check_made_of_same(records: Sequence[Record]) -> None:
    """Refuse members of which one was trained on other data, or with other settings.

    Members of earlier versions do not tell what they were made of; a line in the log says so.

    Raises
    ------
    InputError
        Two members differ; the message names both.
    """
    first = records[0]
    for record in records:
        if not record.get(MADE_OF):
            logger.info("%s: tells not what it was trained on", _name(record))
            continue
        for key, digest in record[MADE_OF].items():
            expected = first.get(MADE_OF, {}).get(key, digest)
            if digest != expected:
                raise InputError(
                    _name(record),
                    f"{MADE_OF}.{key}",
                    f"{expected} as member {first['seed']} was made of",
                    f"{digest}: train one of them again",
                )
        if not first.get(MADE_OF):
            first = record


def _name(record: Record) -> str:
    return "/".join([record["stage"], record["setup"], record["seed"]])


def select_members(records: Sequence[Record], size: int, minimum: int = 1) -> dict[str, Any]:
    """Choose the members with the lowest training loss (paper, Methods).

    Parameters
    ----------
    records
        Records of all members of one setup and stage; ``training_loss`` is the mean loss per
        training patch in the last epoch, ``failed`` says why a member has none.
    size
        Number of members to keep.
    minimum
        Least number of members. A setup that has fewer has failed.

    Returns
    -------
    Selection: setup, stage, the seeds selected (best first) and rejected, why others failed, the
    training loss by seed, and the digest of the weights of those that are selected.

    Raises
    ------
    InputError
        Too many members failed, or members were trained on different data.
    """
    check_made_of_same(records)
    failed = {record["seed"]: record["failed"] for record in records if record.get("failed")}
    by_seed = {record["seed"]: record for record in records if record["seed"] not in failed}
    losses = {seed: float(record["training_loss"]) for seed, record in by_seed.items()}
    ranked = sorted(losses, key=lambda seed: (losses[seed], seed))
    stage, setup = records[0]["stage"], records[0]["setup"]
    if len(ranked) < minimum:
        reasons = "; ".join(f"member {seed}: {reason}" for seed, reason in failed.items())
        raise InputError(
            f"{stage}/{setup}",
            "members",
            f"at least {minimum} that could be trained (ensemble.minimum), else the setup fails",
            f"{len(ranked)} of {len(records)}; {reasons}",
        )
    return {
        "stage": stage,
        "setup": setup,
        "selected": ranked[:size],
        "rejected": ranked[size:],
        "failed": failed,
        "training_loss": losses,
        WEIGHTS_DIGEST: {
            seed: by_seed[seed][WEIGHTS_DIGEST]
            for seed in ranked[:size]
            if WEIGHTS_DIGEST in by_seed[seed]
        },
    }


def selection_line(selection: Mapping[str, Any]) -> str:
    """One line that says which members form an ensemble, and which could not be trained."""
    chosen, failed = selection["selected"], selection.get("failed", {})
    count = len(chosen) + len(selection["rejected"]) + len(failed)
    reasons = "; ".join(f"member {seed} failed: {reason}" for seed, reason in failed.items())
    return (
        f"{selection['stage']} {selection['setup']}: {len(chosen)} of {count} members selected "
        f"({', '.join(chosen)})" + (f"; {reasons}" if reasons else "")
    )

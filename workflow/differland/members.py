"""Members of an ensemble, kept without pickle: weights, predictor statistics, record, losses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from flax.traverse_util import flatten_dict, unflatten_dict

from differland.errors import InputError
from differland.files import (
    atomic_path,
    digest_of_arrays,
    load_arrays,
    save_arrays,
    write_json,
)
from differland.network import PredictorScaling, SpatializationNetwork, Weights
from differland.patches import Stage
from differland.records import RECORD_FILE, WEIGHTS_DIGEST, Record, read_record
from differland.tables import PREDICTORS

WEIGHTS_FILE = "weights.safetensors"
LOSSES_FILE = "losses.csv"


@dataclass(frozen=True)
class Member:
    """One trained member.

    Attributes
    ----------
    setup, seed, stage
        Identity of the member: ``PFT+CLIM``, ``07``, ``develop`` or ``final``.
    weights
        Weights of the spatialization network by layer.
    scaling
        Predictor statistics; without them the weights mean nothing.
    record
        Further facts on the member as JSON: epochs, restarts, split, settings of the network and
        the model, digest of the training data, versions, device.
    losses
        One row per epoch and split (see :mod:`differland.training`), where it has just been
        trained; else they are only in their file.
    """

    setup: str
    seed: str
    stage: Stage
    weights: Weights
    scaling: PredictorScaling
    record: Mapping[str, Any]
    losses: pd.DataFrame | None = None

    @property
    def network(self) -> SpatializationNetwork:
        """Shape of the member's network."""
        return SpatializationNetwork(**self.record["network"])

    @property
    def complete_record(self) -> Record:
        """The record as its file has it: with the member's name and the predictors it knows."""
        return {
            "setup": self.setup,
            "seed": self.seed,
            "stage": self.stage,
            "predictors": list(PREDICTORS),
            **self.record,
            WEIGHTS_DIGEST: self.weights_digest,
        }

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Content of the weights' file: weights and predictor statistics by name."""
        return {
            **flatten_weights(self.weights),
            "predictor/mean": np.asarray(self.scaling.mean),
            "predictor/standard_deviation": np.asarray(self.scaling.standard_deviation),
            "predictor/active": np.asarray(self.scaling.active),
        }

    @property
    def weights_digest(self) -> str:
        """Digest of weights and predictor statistics."""
        return digest_of_arrays(self.arrays)


def flatten_weights(weights: Weights) -> dict[str, np.ndarray]:
    """Weights by path, such as ``trunk_0/kernel``."""
    return {name: np.asarray(array) for name, array in flatten_dict(weights, sep="/").items()}


def unflatten_weights(arrays: Mapping[str, np.ndarray]) -> Weights:
    """Inverse of :func:`flatten_weights`."""
    return unflatten_dict(dict(arrays), sep="/")


def write_member(member: Member, directory: Path) -> None:
    """Write the three files of a member with losses into `directory`, the weights last."""
    assert member.losses is not None
    with atomic_path(directory / LOSSES_FILE) as temporary:
        member.losses.to_csv(temporary, index=False)
    write_json(member.complete_record, directory / RECORD_FILE)
    save_arrays(member.arrays, directory / WEIGHTS_FILE)


def read_member(directory: Path) -> Member:
    """Read a member that :func:`write_member` wrote, without its losses.

    Raises
    ------
    InputError
        A file is absent or corrupt, the record is that of other weights, the member could not be
        trained, or it knows other predictors than this version.
    """
    path = directory / WEIGHTS_FILE
    arrays = load_arrays(path)
    record = read_record(directory)
    if record.get("failed"):
        raise InputError(
            path, "weights", "those of a member that could be trained", record["failed"]
        )
    found = digest_of_arrays(arrays)
    if (told := record.get(WEIGHTS_DIGEST, found)) != found:
        expected = f"weights of digest {told}, as {RECORD_FILE} beside it tells"
        raise InputError(path, "weights", expected, found)
    try:
        scaling = PredictorScaling(
            mean=arrays.pop("predictor/mean"),
            standard_deviation=arrays.pop("predictor/standard_deviation"),
            active=arrays.pop("predictor/active"),
        )
    except KeyError as error:
        raise InputError(path, str(error.args[0]), "an array of this name", "none") from None
    weights = unflatten_weights(arrays)
    _check_weights(weights, record, directory)
    return Member(
        setup=record["setup"],
        seed=record["seed"],
        stage=record["stage"],
        weights=weights,
        scaling=scaling,
        record=record,
    )


def _check_weights(weights: Weights, record: Mapping[str, Any], directory: Path) -> None:
    network = SpatializationNetwork(**record["network"])
    expected = jax.eval_shape(
        network.init, jax.random.key(0), np.zeros((1, len(PREDICTORS))), np.zeros(1)
    )["params"]
    shapes = {name: array.shape for name, array in flatten_dict(expected, sep="/").items()}
    found = {name: array.shape for name, array in flatten_weights(weights).items()}
    if shapes != found:
        raise InputError(directory / WEIGHTS_FILE, "weights", f"{shapes}", f"{found}")

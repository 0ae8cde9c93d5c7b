"""Training: members side by side through the model, epoch by epoch (paper, Methods).

One minibatch is one patch. All members of a block see the same patch at the same time, in an
order that belongs to the study, so that a member's training does not depend on its company. A
member leaves its development patches out: its weights stay untouched there, and the loss that
the others' gradient needs anyway is its development loss.

See docs/training.md, "Optimiser and learning rate".
"""

import hashlib
import json
import logging
import platform
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jaxtyping import Array, PRNGKeyArray
from tqdm import tqdm

import differland
from differland.driver import check_predictors, predictors_of_setup
from differland.engine import choose_engine
from differland.epoch import Epoch, State, Visit, compile_epoch
from differland.errors import InputError
from differland.files import check_room, load_arrays, save_arrays
from differland.members import Member, flatten_weights, unflatten_weights
from differland.network import (
    PredictorScaling,
    SpatializationNetwork,
    Weights,
    active_predictors,
    initial_weights,
    side_by_side,
)
from differland.packing import TrainingData, preparation
from differland.patches import Split, Stage, draw_split
from differland.progress import in_words
from differland.records import MADE_OF
from differland.settings.training import MemberSettings, Training

logger = logging.getLogger(__name__)

DIAGNOSTICS = ("gradient_norm", "clipped_fraction")
"""Last columns of the loss table."""

BAR_INTERVAL = 1
"""Seconds between two looks of the bar in the terminal."""

ROOM_OF_MEMBER = 2**21
"""Bytes that must be free for a member's results and checkpoints: five times what they take."""

VERSIONS = {
    "differland": differland.__version__,
    "model": differland.MODEL_VERSION,
    "jax": jax.__version__,
    "python": platform.python_version(),
}
"""Versions of what trains here."""

UNRECORDED = "not recorded"
"""What is said of epochs of which the checkpoint of an earlier version tells not how they went."""


def optimizer_of(settings: Training, training_patches: int) -> optax.GradientTransformation:
    """Adam, for a member that makes an update at each of its training patches."""
    if settings.learning_rate_decay == "none":
        return optax.adam(settings.learning_rate)
    updates = settings.epochs * training_patches
    return optax.adam(optax.cosine_decay_schedule(settings.learning_rate, updates))


@dataclass
class Progress:
    """Progress of the training of one member.

    Attributes
    ----------
    epoch
        Number of epochs done.
    draw
        Number of the draw of initial weights: 0, and one more for each restart.
    restarts
        Epoch in which each earlier draw failed.
    rows
        Rows of the loss table so far.
    runs
        Engine, device and versions with which the epochs of this draw were trained, each from
        ``first_epoch`` on.
    failed
        Epoch in which the last draw that ``training.maximum_restarts`` allows failed; None: the
        member has not failed.
    seconds
        Time that each job spent on this member, one job after another: its share of the job's time.
    """

    epoch: int
    draw: int
    restarts: list[int]
    rows: list[dict[str, float | int | str]]
    runs: list[dict[str, Any]] = field(default_factory=list)
    failed: int | None = None
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def read_from(cls, record: Mapping[str, Any]) -> "Progress":
        """Read the progress from a checkpoint.

        Raises
        ------
        TypeError, LookupError, ValueError
            The checkpoint lacks an entry, or the loss of an epoch.
        """
        progress = cls(**record)
        train = [row for row in progress.rows if row["split"] == "train"]
        told = [row["epoch"] for row in train if np.isfinite(row["total"])]
        if told != list(range(1, progress.epoch + 1)):
            raise ValueError(f"expected losses of epochs 1 to {progress.epoch}, found {told}")
        if progress.epoch and not progress.runs:
            versions = dict.fromkeys(VERSIONS, UNRECORDED)
            how = {"engine": UNRECORDED, "device": UNRECORDED, "versions": versions}
            progress.runs = [{"first_epoch": 1, **how}]
        return progress

    def begin_run(self, how: Mapping[str, Any]) -> None:
        """Record how the following epochs are trained, where that differs from before."""
        last = self.runs[-1] if self.runs else {}
        if {name: last.get(name) for name in how} != how:
            self.runs.append({"first_epoch": self.epoch + 1, **how})


def member_key(seed: str, draw: int, source: Literal["seed", "fresh"]) -> PRNGKeyArray:
    """Key of a member's initial weights: from its seed and draw, or from the system."""
    if source == "fresh":
        return jax.random.key(secrets.randbits(32))
    return jax.random.fold_in(jax.random.key(int(seed)), draw)


def scaling_of(
    data: TrainingData, split: Split, setup: str, predictors: Mapping[str, Sequence[str]]
) -> PredictorScaling:
    """Predictor statistics over the training cells of a member.

    A predictor that is the same everywhere, or that the setup excludes, has mean 0 (or its
    value) and standard deviation 1, so that it standardises to zero.
    """
    active = active_predictors(predictors_of_setup(setup, predictors))
    of_cells = data.minibatches.predictors[split.train]
    matrix = of_cells[data.minibatches.valid[split.train] > 0].astype(float)
    deviation = matrix.std(axis=0)
    # What regridding in single precision adds to a constant is no variation.
    rounding = 1e-6 * np.abs(matrix).max(axis=0, initial=0.0)
    varies = (active > 0) & (deviation > rounding)
    return PredictorScaling(
        mean=np.where(active > 0, matrix.mean(axis=0), 0.0),
        standard_deviation=np.where(varies, deviation, 1.0),
        active=active,
    )


class _Block:
    """Members that are trained side by side, and the progress of each."""

    def __init__(
        self,
        members: Sequence[tuple[str, str]],
        stage: Stage,
        settings: MemberSettings,
        data: TrainingData,
        checkpoints: Path,
    ) -> None:
        predictors = dict(settings.predictors)
        check_predictors(data.predictors, data.path, {setup for setup, _ in members}, predictors)
        wanted = preparation(settings.model, settings.loss)
        if data.preparation != wanted:
            raise InputError(data.path, "preparation", f"{wanted}", f"{data.preparation}")
        self.members = list(members)
        self.stage = stage
        self.settings = settings
        self.checkpoints = checkpoints
        self.data = data
        self.terms = settings.loss.active(data.minibatches.observed)
        self.engine = choose_engine(settings.training.engine)
        device = jax.devices()[0]
        self.how = {
            "engine": self.engine,
            "device": " ".join(dict.fromkeys([device.platform, device.device_kind])),
            "versions": VERSIONS,
        }
        self.splits = [
            draw_split(data.test, int(seed), settings.patches.development_fraction, stage)
            for _, seed in members
        ]
        self.scalings = [
            scaling_of(data, split, setup, predictors)
            for (setup, _), split in zip(members, self.splits, strict=True)
        ]
        how = settings.digest()
        self.digests = [
            hashlib.sha256(f"{data.digest} {how} {stage} {setup} {seed}".encode()).hexdigest()
            for setup, seed in members
        ]
        # The splits of all members are of the same size.
        self.optimizer = optimizer_of(settings.training, int(self.splits[0].train.sum()))
        self.progress = [Progress(0, 0, [], []) for _ in members]
        loaded = [self._resume(index) for index in range(len(members))]
        weights, moments = zip(*loaded, strict=True)
        self.state = State(
            weights=jax.tree.map(lambda *leaves: jnp.stack(leaves), *weights),
            optimizer=jax.tree.map(lambda *leaves: jnp.stack(leaves), *moments),
            failed=jnp.zeros(len(members), bool),
        )
        for index, progress in enumerate(self.progress):
            if progress.failed is not None and progress.draw < settings.training.maximum_restarts:
                # More restarts are allowed now than when it failed.
                self.restart(index, progress.failed)

    # -- one member ---------------------------------------------------------------------------

    def checkpoint_path(self, index: int) -> Path:
        setup, seed = self.members[index]
        return self.checkpoints / self.stage / setup / f"{seed}.safetensors"

    def _begin(self, index: int, draw: int) -> tuple[Weights, optax.OptState]:
        """Weights and optimizer state of a draw that has not been trained yet."""
        network = SpatializationNetwork(**dict(self.settings.network))
        key = member_key(self.members[index][1], draw, self.settings.training.initial_weights)
        active = jnp.asarray(self.scalings[index].active, jnp.float32)
        weights = initial_weights(network, key, active)
        return weights, self.optimizer.init(weights)

    def _resume(self, index: int) -> tuple[Weights, optax.OptState]:
        """Weights and optimizer state from a checkpoint of the member, or a first draw."""
        fresh = self._begin(index, 0)
        name = "/".join(self.members[index])
        newest = self.checkpoint_path(index)
        for path in (newest, _before(newest)):
            if not path.is_file():
                continue
            try:
                digest, progress, state = _read_checkpoint(path, fresh)
            except (InputError, TypeError, LookupError, ValueError) as error:
                # It must not take the place of the one before it when the next is written.
                aside = path.replace(path.with_suffix(".damaged"))
                kind = type(error).__name__
                why = error if isinstance(error, InputError) else f"{path}: {kind}: {error}"
                logger.warning(
                    "%s: a checkpoint cannot be used and is left aside as %s: %s", name, aside, why
                )
                continue
            if digest != self.digests[index]:
                logger.warning("%s: %s belongs to other data or settings", name, path)
                continue
            self.progress[index] = progress
            logger.info("%s: resumed after epoch %d of %s", name, progress.epoch, path)
            return state
        return fresh

    def unfinished(self, progress: Progress) -> bool:
        """Whether a member still has epochs to go."""
        return progress.failed is None and progress.epoch < self.settings.training.epochs

    def member_state(self, index: int) -> tuple[Weights, optax.OptState]:
        """Weights and optimizer state of one member, as numpy arrays."""

        def one(leaf: Array) -> np.ndarray:
            return np.asarray(leaf[index])

        return jax.tree.map(one, self.state.weights), jax.tree.map(one, self.state.optimizer)

    def save(self, index: int) -> None:
        """Write a member's checkpoint."""
        weights, moments = self.member_state(index)
        record = {"digest": self.digests[index], "progress": asdict(self.progress[index])}
        arrays = {f"weights/{name}": array for name, array in flatten_weights(weights).items()}
        arrays |= {f"moments/{i}": leaf for i, leaf in enumerate(jax.tree.leaves(moments))}
        arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
        path = self.checkpoint_path(index)
        save_arrays(arrays, path, _before(path))

    def restart(self, index: int, epoch: int) -> None:
        """Begin the next draw of a member whose loss turned non-finite in `epoch`.

        A member that has no draw left has failed; the others go on without it.
        """
        progress = self.progress[index]
        name = "/".join(self.members[index])
        if progress.draw >= self.settings.training.maximum_restarts:
            progress.failed = epoch
            logger.warning(
                "%s, stage %s: has failed: %s. A smaller training.gradient_clip_norm or "
                "learning_rate may help; check the forcing first.",
                *(name, self.stage, _failure(progress)),
            )
            self.save(index)
            return
        logger.warning(
            "%s: loss not finite in epoch %d; draw %d begins", name, epoch, progress.draw + 1
        )
        restarts = [*progress.restarts, epoch]
        self.progress[index] = Progress(
            0, progress.draw + 1, restarts, [], seconds=progress.seconds
        )
        self.progress[index].begin_run(self.how)
        weights, moments = self._begin(index, progress.draw + 1)

        def put(stacked: Array, leaf: Array) -> Array:
            return stacked.at[index].set(leaf)

        self.state = State(
            weights=jax.tree.map(put, self.state.weights, weights),
            optimizer=jax.tree.map(put, self.state.optimizer, moments),
            failed=self.state.failed.at[index].set(False),
        )
        self.save(index)

    def finished_member(self, index: int) -> Member:
        """The member with everything worth keeping."""
        setup, seed = self.members[index]
        progress = self.progress[index]
        split = self.splits[index]
        # A member that failed in its first epoch has no row, but a table with columns all the same.
        names = ["epoch", "split", "total", *sorted(self.terms), *DIAGNOSTICS]
        losses = pd.DataFrame(progress.rows, columns=None if progress.rows else names)
        trained = losses[losses["split"] == "train"]["total"]
        numbers = self.data.number
        last = progress.runs[-1]
        return Member(
            setup=setup,
            seed=seed,
            stage=self.stage,
            weights=self.member_state(index)[0],
            scaling=self.scalings[index],
            losses=losses,
            record={
                "epochs": progress.epoch,
                "draw": progress.draw,
                "restarts": progress.restarts,
                "failed": None if progress.failed is None else _failure(progress),
                "training_loss": float(trained.iloc[-1]) if progress.failed is None else None,
                "split": {
                    "train": numbers[split.train].tolist(),
                    "development": numbers[split.development].tolist(),
                },
                "loss_terms": dict(self.terms),
                "network": dict(self.settings.network),
                "model": dict(self.settings.model),
                "configuration_digest": self.digests[index],
                MADE_OF: {
                    **self.data.made_of,
                    "training_data": self.data.digest,
                    "settings": self.settings.digest(),
                },
                "versions": last["versions"],
                "device": " then ".join(dict.fromkeys(run["device"] for run in progress.runs)),
                "engine": " then ".join(dict.fromkeys(run["engine"] for run in progress.runs)),
                "runs": progress.runs,
                "seconds": [round(seconds, 2) for seconds in progress.seconds],
            },
        )

    # -- all members --------------------------------------------------------------------------

    def compile(self) -> Epoch:
        return compile_epoch(
            SpatializationNetwork(**dict(self.settings.network)),
            self.optimizer,
            self.settings.training.gradient_clip_norm,
            self.terms,
            self.engine,
            self.settings.training.order_seed,
            self.data.minibatches,
            side_by_side(self.scalings),
            trains=jnp.asarray(np.stack([split.train for split in self.splits])),
            visited=jnp.asarray(np.flatnonzero(~self.data.test)),
        )

    def count_time(self, active: np.ndarray, since: float) -> float:
        """Share the time since then out among the active members, and return the time now."""
        now = time.monotonic()
        for index in np.flatnonzero(active).tolist():
            self.progress[index].seconds[-1] += (now - since) / int(active.sum())
        return now

    def append_rows(self, active: np.ndarray, visits: Visit, order: np.ndarray) -> None:
        """Add an epoch to the loss tables of the active members."""
        terms = {name: np.asarray(values, float) for name, values in visits.terms.items()}
        norms = np.asarray(visits.gradient_norm, float)
        clip = self.settings.training.gradient_clip_norm
        for index in np.flatnonzero(active).tolist():
            progress = self.progress[index]
            split = self.splits[index]
            for name, chosen in (
                ("train", split.train[order]),
                ("development", split.development[order]),
            ):
                if not chosen.any():
                    continue
                means = {term: values[chosen, index].mean() for term, values in terms.items()}
                norm = norms[chosen, index]
                clipped = 0.0 if clip is None else float((norm > clip).mean())
                progress.rows.append(
                    {
                        "epoch": progress.epoch + 1,
                        "split": name,
                        "total": sum(means.values()),
                        **means,
                        **dict(zip(DIAGNOSTICS, (float(np.median(norm)), clipped), strict=True)),
                    }
                )

    def describe(self, active: np.ndarray, failed: np.ndarray) -> str:
        """One line on the epoch just done."""
        rows = [
            row
            for index in np.flatnonzero(active).tolist()
            for row in self.progress[index].rows[-2:]
            if row["epoch"] == self.progress[index].epoch
        ]
        parts = []
        for split in ("train", "development"):
            totals = [float(row["total"]) for row in rows if row["split"] == split]
            if totals:
                parts.append(f"{split} {np.median(totals):.5g} (best {np.min(totals):.5g})")
        clipped = [float(row["clipped_fraction"]) for row in rows if row["split"] == "train"]
        parts.append(f"clipped {100 * np.mean(clipped):.1f}%")
        if failed.any():
            parts.append(f"{int(failed.sum())} not finite")
        return ", ".join(parts)


def _before(checkpoint: Path) -> Path:
    """Path of the checkpoint before a member's newest one."""
    return checkpoint.with_suffix(f".before{checkpoint.suffix}")


def _read_checkpoint(
    path: Path, like: tuple[Weights, optax.OptState]
) -> tuple[str, Progress, tuple[Weights, optax.OptState]]:
    """Read the digest, progress and state of a checkpoint.

    Parameters
    ----------
    path
        Path of the checkpoint.
    like
        Weights and optimizer state of the expected shapes.

    Raises
    ------
    InputError, TypeError, LookupError, ValueError
        The checkpoint is corrupt, lacks an entry, or has arrays of another shape.
    """
    arrays = load_arrays(path)
    record = json.loads(bytes(arrays.pop("record")))
    digest, progress = record["digest"], Progress.read_from(record["progress"])
    weights = {k.removeprefix("weights/"): v for k, v in arrays.items() if "weights/" in k}
    leaves, structure = jax.tree.flatten(like[1])
    moments = [arrays[f"moments/{i}"] for i in range(len(leaves))]
    state = unflatten_weights(weights), jax.tree.unflatten(structure, moments)
    found, wanted = (jax.tree.map(np.shape, each) for each in (state, like))
    if found != wanted:
        raise InputError(path, "arrays", f"{wanted}", f"{found}")
    return digest, progress, jax.tree.map(jnp.asarray, state)


def _failure(progress: Progress) -> str:
    """Reason for the failure of a member."""
    return (
        f"the loss turned non-finite in epoch {progress.failed} of draw {progress.draw}, and "
        "training.maximum_restarts allows no more"
    )


def _shown(stage: Stage, members: Sequence[tuple[str, str]]) -> str:
    """Name of a block in the terminal."""
    if len(members) == 1:
        return f"{stage} {'/'.join(members[0])}"
    setups = {setup for setup, _ in members}
    return (
        f"{stage} {setups.pop() if len(setups) == 1 else ''}".strip() + f", {len(members)} members"
    )


def train_block(
    data: TrainingData,
    members: Sequence[tuple[str, str]],
    stage: Stage,
    settings: MemberSettings,
    checkpoints: Path,
) -> list[Member]:
    """Train members side by side, from their checkpoints if there are any.

    Every program has the width of the whole block, whichever members still have epochs to go:
    a killed training that resumes gives the same weights, bit for bit, as one that was not.

    Parameters
    ----------
    data
        Training data, as :func:`differland.packing.read_training_data` returns them.
    members
        Setup and seed of each.
    stage
        Stage, ``develop`` or ``final``.
    settings
        Settings of the training.
    checkpoints
        Folder of checkpoints, one file per member; one that belongs to other data or settings
        is left aside, a finished one is the result. Two are kept: if the newest is damaged, the one
        before it is resumed.

    Returns
    -------
    The members, in order. The record of one whose loss turned non-finite more often than
    ``maximum_restarts`` allows has the reason under ``failed``; the others are not affected.

    Raises
    ------
    InputError
        The data lack a predictor that a setup needs, or were prepared with other settings; or
        there is no room for checkpoints.
    """
    counted = time.monotonic()
    check_room(checkpoints, ROOM_OF_MEMBER * len(members))
    block = _Block(members, stage, settings, data, checkpoints)
    epochs = settings.training.epochs
    restored = [
        member
        for member, progress in zip(members, block.progress, strict=True)
        if progress.epoch == epochs and progress.failed is None
    ]
    if restored:
        # Whoever runs this was told that they are trained.
        text = f"{_shown(stage, restored)}: restored from finished checkpoints, not trained again"
        logger.info(text)
        tqdm.write(text, file=sys.stderr)
    if any(map(block.unfinished, block.progress)):
        for progress in filter(block.unfinished, block.progress):
            progress.begin_run(block.how)
            progress.seconds.append(0.0)
        run = block.compile()
        # Bars of jobs side by side take turns on one line: each fills all of it.
        bar = tqdm(
            total=epochs,
            initial=min(p.epoch for p in block.progress if p.failed is None),
            unit="epoch",
            desc=_shown(stage, members),
            disable=None,
            dynamic_ncols=True,
            mininterval=BAR_INTERVAL,
        )
        started = time.monotonic()
        count = 0
        while pending := [p.epoch for p in block.progress if block.unfinished(p)]:
            epoch = min(pending)
            active = np.array([block.unfinished(p) and p.epoch == epoch for p in block.progress])
            block.state, visits, order = run(block.state, jnp.asarray(epoch), jnp.asarray(active))
            failed = np.asarray(block.state.failed) & active
            counted = block.count_time(active, counted)
            block.append_rows(active & ~failed, visits, np.asarray(order))
            for index in np.flatnonzero(active & ~failed).tolist():
                block.progress[index].epoch = epoch + 1
            line = block.describe(active & ~failed, failed) if (active & ~failed).any() else "-"
            count += 1
            pace = (time.monotonic() - started) / count
            logger.info(
                "epoch %d/%d: %s, %.2f s per epoch, %s left",
                epoch + 1,
                epochs,
                line,
                pace,
                in_words(pace * (epochs - epoch - 1)),
            )
            bar.set_postfix_str(line.partition(" (")[0], refresh=False)
            bar.update(epoch + 1 - bar.n)
            if (epoch + 1) % settings.training.checkpoint_interval == 0 or epoch + 1 == epochs:
                for index in np.flatnonzero(active & ~failed).tolist():
                    block.save(index)
            for index in np.flatnonzero(failed).tolist():
                block.restart(index, epoch + 1)
        bar.close()
    return [block.finished_member(index) for index in range(len(members))]

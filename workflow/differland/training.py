"""Training: members side by side through the model, epoch by epoch (paper, Methods).

One minibatch is one patch. All members of a block see the same patch at the same time, in an
order that belongs to the study, so that a member's training does not depend on its company. A
member leaves its development patches out: its weights stay untouched there, and the loss that
the others' gradient needs anyway is its development loss.
"""

import hashlib
import json
import logging
import platform
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
from differland.epoch import Epoch, Scaling, State, Visit, compile_epoch
from differland.errors import InputError
from differland.files import check_room
from differland.members import (
    Member,
    PredictorScaling,
    flatten_weights,
    load_arrays,
    save_arrays,
    unflatten_weights,
)
from differland.minibatches import LossSettings, ModelSettings
from differland.network import (
    SpatializationNetwork,
    Weights,
    active_predictors,
    initial_weights,
)
from differland.packing import TrainingData, preparation
from differland.patches import Split, Stage, draw_split
from differland.progress import in_words

logger = logging.getLogger(__name__)

BAR_INTERVAL = 1
"""Seconds between two looks of the bar in the terminal."""

ROOM_OF_MEMBER = 2**21
"""Bytes that must be free for a member's results and checkpoints: ten times what they take."""


@dataclass(frozen=True)
class Settings:
    """How members are trained; each attribute is a key of the configuration.

    Attributes
    ----------
    predictors
        Names of the predictors of each group.
    network
        Arguments of :class:`SpatializationNetwork`.
    model, loss
        What is simulated, and what it is compared with.
    development_fraction
        Share of the patches outside the test set that stage develop holds back.
    epochs, learning_rate
        Of Adam.
    learning_rate_decay
        ``"none"``: the learning rate stays (paper). ``"cosine"``: it falls to zero over the
        training, along half a cosine.
    gradient_clip_norm
        Gradients of a larger global norm are scaled down to it; None: never.
    order_seed
        Of the order of patches and cells, the same for the whole study.
    checkpoint_interval
        Epochs between checkpoints.
    maximum_restarts
        How often a member whose loss turns non-finite may start again.
    initial_weights
        ``"seed"``: drawn from the member's seed. ``"fresh"``: new at every run (published
        code).
    engine
        See :func:`differland.engine.choose_engine`; changes rounding alone.
    """

    predictors: Mapping[str, Sequence[str]]
    network: Mapping[str, Any]
    model: ModelSettings
    loss: LossSettings
    development_fraction: float
    epochs: int
    learning_rate: float
    learning_rate_decay: Literal["none", "cosine"]
    gradient_clip_norm: float | None
    order_seed: int
    checkpoint_interval: int
    maximum_restarts: int
    initial_weights: Literal["seed", "fresh"]
    engine: Literal["auto", "xla", "kernel"]

    @classmethod
    def from_configuration(cls, config: Mapping[str, Any]) -> "Settings":
        """Read the sections predictors, network, model, loss, patches and training."""
        training = config["training"]
        loss = config["loss"]
        return cls(
            predictors=config["predictors"],
            network=config["network"],
            model=ModelSettings(**config["model"]),
            loss=LossSettings(
                weights={term: settings["weight"] for term, settings in loss.items()},
                observations={
                    term: settings["observation"]
                    for term, settings in loss.items()
                    if "observation" in settings
                },
                equilibrium_mask=loss["equilibrium"]["mask"],
            ),
            development_fraction=config["patches"]["development_fraction"],
            epochs=training["epochs"],
            learning_rate=training["learning_rate"],
            learning_rate_decay=training["learning_rate_decay"],
            gradient_clip_norm=training["gradient_clip_norm"],
            order_seed=training["order_seed"],
            checkpoint_interval=training["checkpoint_interval"],
            maximum_restarts=training["maximum_restarts"],
            initial_weights=training["initial_weights"],
            engine=training["engine"],
        )

    def digest(self) -> str:
        """Digest of everything here that changes the weights."""
        values = asdict(self)
        for name in differland.HOW_TRAINED:
            values.pop(name, None)
        text = json.dumps(values, sort_keys=True, default=str)
        return hashlib.sha256(f"{differland.MODEL_VERSION} {text}".encode()).hexdigest()

    def optimizer(self, training_patches: int) -> optax.GradientTransformation:
        """Adam, for a member that makes an update at each of its training patches."""
        if self.learning_rate_decay == "none":
            return optax.adam(self.learning_rate)
        updates = self.epochs * training_patches
        return optax.adam(optax.cosine_decay_schedule(self.learning_rate, updates))


@dataclass
class Progress:
    """How far one member has come.

    Attributes
    ----------
    epoch
        Epochs done.
    draw
        Number of the draw of initial weights: 0, and one more for each restart.
    restarts
        Epoch in which each earlier draw failed.
    rows
        Rows of the loss table so far.
    """

    epoch: int
    draw: int
    restarts: list[int]
    rows: list[dict[str, float | int | str]]


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
    varies = (active > 0) & (deviation > 1e-12 * np.abs(matrix).max(axis=0, initial=0.0))
    return PredictorScaling(
        mean=np.where(active > 0, matrix.mean(axis=0), 0.0),
        standard_deviation=np.where(varies, deviation, 1.0),
        active=active,
    )


class _Block:
    """Members that are trained side by side, and where each of them stands."""

    def __init__(
        self,
        members: Sequence[tuple[str, str]],
        stage: Stage,
        settings: Settings,
        data: TrainingData,
        checkpoints: Path,
    ) -> None:
        check_predictors(
            data.predictors, data.path, {setup for setup, _ in members}, settings.predictors
        )
        wanted = preparation(settings.model, settings.loss)
        if data.preparation != wanted:
            raise InputError(data.path, "preparation", f"{wanted}", f"{data.preparation}")
        self.members = list(members)
        self.stage = stage
        self.settings = settings
        self.checkpoints = checkpoints
        self.data = data
        self.terms = settings.loss.active(data.minibatches.observed)
        self.engine = choose_engine(settings.engine)
        self.splits = [
            draw_split(data.test, int(seed), settings.development_fraction, stage)
            for _, seed in members
        ]
        self.scalings = [
            scaling_of(data, split, setup, settings.predictors)
            for (setup, _), split in zip(members, self.splits, strict=True)
        ]
        how = settings.digest()
        self.digests = [
            hashlib.sha256(f"{data.digest} {how} {stage} {setup} {seed}".encode()).hexdigest()
            for setup, seed in members
        ]
        # The splits of all members are of the same size.
        self.optimizer = settings.optimizer(int(self.splits[0].train.sum()))
        self.progress = [Progress(0, 0, [], []) for _ in members]
        loaded = [self._resume(index) for index in range(len(members))]
        weights, moments = zip(*loaded, strict=True)
        self.state = State(
            weights=jax.tree.map(lambda *leaves: jnp.stack(leaves), *weights),
            optimizer=jax.tree.map(lambda *leaves: jnp.stack(leaves), *moments),
            failed=jnp.zeros(len(members), bool),
        )

    # -- one member ---------------------------------------------------------------------------

    def checkpoint_path(self, index: int) -> Path:
        setup, seed = self.members[index]
        return self.checkpoints / self.stage / setup / f"{seed}.safetensors"

    def _begin(self, index: int, draw: int) -> tuple[Weights, optax.OptState]:
        """Weights and optimizer state of a draw that has not been trained yet."""
        network = SpatializationNetwork(**self.settings.network)
        key = member_key(self.members[index][1], draw, self.settings.initial_weights)
        active = jnp.asarray(self.scalings[index].active, jnp.float32)
        weights = initial_weights(network, key, active)
        return weights, self.optimizer.init(weights)

    def _resume(self, index: int) -> tuple[Weights, optax.OptState]:
        """Weights and optimizer state from the member's checkpoint, or a first draw."""
        fresh = self._begin(index, 0)
        path = self.checkpoint_path(index)
        if not path.is_file():
            return fresh
        name = "/".join(self.members[index])
        try:
            arrays = load_arrays(path)
            record = json.loads(bytes(arrays.pop("record")))
        except (InputError, KeyError, ValueError) as error:
            logger.warning("%s: checkpoint cannot be read and is left aside: %s", name, error)
            return fresh
        if record["digest"] != self.digests[index]:
            logger.warning("%s: checkpoint belongs to other data or settings; training anew", name)
            return fresh
        self.progress[index] = Progress(**record["progress"])
        logger.info("%s: resumed after epoch %d", name, self.progress[index].epoch)
        moments = {k.removeprefix("moments/"): v for k, v in arrays.items() if "moments/" in k}
        weights = {k.removeprefix("weights/"): v for k, v in arrays.items() if "weights/" in k}
        leaves, structure = jax.tree.flatten(fresh[1])
        return (
            jax.tree.map(jnp.asarray, unflatten_weights(weights)),
            jax.tree.unflatten(
                structure, [jnp.asarray(moments[str(i)]) for i in range(len(leaves))]
            ),
        )

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
        save_arrays(arrays, self.checkpoint_path(index))

    def restart(self, index: int, epoch: int) -> None:
        """Begin the next draw of a member whose loss turned non-finite in `epoch`."""
        progress = self.progress[index]
        name = "/".join(self.members[index])
        if progress.draw >= self.settings.maximum_restarts:
            raise FloatingPointError(
                f"{name}, stage {self.stage}: the loss turned non-finite in epoch {epoch} of draw "
                f"{progress.draw}, and training.maximum_restarts allows no more. A smaller "
                "training.gradient_clip_norm or learning_rate may help; check the forcing first."
            )
        logger.warning(
            "%s: loss not finite in epoch %d; draw %d begins", name, epoch, progress.draw + 1
        )
        self.progress[index] = Progress(0, progress.draw + 1, [*progress.restarts, epoch], [])
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
        losses = pd.DataFrame(progress.rows)
        trained = losses[losses["split"] == "train"]
        numbers = self.data.number
        device = jax.devices()[0]
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
                "training_loss": float(trained["total"].iloc[-1]),
                "split": {
                    "train": numbers[split.train].tolist(),
                    "development": numbers[split.development].tolist(),
                },
                "loss_terms": dict(self.terms),
                "network": dict(self.settings.network),
                "model": asdict(self.settings.model),
                "configuration_digest": self.digests[index],
                "versions": {
                    "differland": differland.__version__,
                    "model": differland.MODEL_VERSION,
                    "jax": jax.__version__,
                    "python": platform.python_version(),
                },
                "device": " ".join(dict.fromkeys([device.platform, device.device_kind])),
                "engine": self.engine,
            },
        )

    # -- all members --------------------------------------------------------------------------

    def compile(self) -> Epoch:
        stacked = Scaling(
            *(
                jnp.asarray(np.stack([getattr(s, name) for s in self.scalings]), jnp.float32)
                for name in Scaling._fields
            )
        )
        return compile_epoch(
            SpatializationNetwork(**self.settings.network),
            self.optimizer,
            self.settings.gradient_clip_norm,
            self.terms,
            self.engine,
            self.settings.order_seed,
            self.data.minibatches,
            stacked,
            trains=jnp.asarray(np.stack([split.train for split in self.splits])),
            visited=jnp.asarray(np.flatnonzero(~self.data.test)),
        )

    def append_rows(self, active: np.ndarray, visits: Visit, order: np.ndarray) -> None:
        """Add an epoch to the loss tables of the active members."""
        terms = {name: np.asarray(values, float) for name, values in visits.terms.items()}
        norms = np.asarray(visits.gradient_norm, float)
        clip = self.settings.gradient_clip_norm
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
                        "gradient_norm": float(np.median(norm)),
                        "clipped_fraction": clipped,
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


def _shown(stage: Stage, members: Sequence[tuple[str, str]]) -> str:
    """How a block is called in the terminal."""
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
    settings: Settings,
    checkpoints: Path,
) -> list[Member]:
    """Train members side by side, from their checkpoints if there are any.

    Every program has the width of the whole block, whichever members still have epochs to go:
    a killed training that resumes gives the same weights, bit for bit, as one that was not.

    Parameters
    ----------
    data
        Of :func:`differland.packing.read_training_data`.
    members
        Setup and seed of each.
    stage
        ``develop`` or ``final``.
    settings
        How to train.
    checkpoints
        Folder of checkpoints, one file per member; one that belongs to other data or settings
        is left aside, a finished one is the result.

    Returns
    -------
    The members, in order.

    Raises
    ------
    InputError
        The data lack a predictor that a setup needs, or were prepared with other settings; or
        there is no room for checkpoints.
    FloatingPointError
        A member's loss turned non-finite more often than ``maximum_restarts`` allows. The
        checkpoints of the others stay.
    """
    check_room(checkpoints, ROOM_OF_MEMBER * len(members))
    block = _Block(members, stage, settings, data, checkpoints)
    epochs = settings.epochs
    restored = [
        member
        for member, progress in zip(members, block.progress, strict=True)
        if progress.epoch == epochs
    ]
    if restored:
        # Whoever runs this was told that they are trained.
        text = f"{_shown(stage, restored)}: restored from finished checkpoints, not trained again"
        logger.info(text)
        tqdm.write(text, file=sys.stderr)
    if len(restored) < len(members):
        run = block.compile()
        # Bars of jobs side by side take turns on one line: each fills all of it.
        bar = tqdm(
            total=epochs,
            initial=min(p.epoch for p in block.progress),
            unit="epoch",
            desc=_shown(stage, members),
            disable=None,
            dynamic_ncols=True,
            mininterval=BAR_INTERVAL,
        )
        started = time.monotonic()
        count = 0
        while (epoch := min(progress.epoch for progress in block.progress)) < epochs:
            active = np.array([progress.epoch == epoch for progress in block.progress])
            block.state, visits, order = run(block.state, jnp.asarray(epoch), jnp.asarray(active))
            failed = np.asarray(block.state.failed) & active
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
            if (epoch + 1) % settings.checkpoint_interval == 0 or epoch + 1 == epochs:
                for index in np.flatnonzero(active & ~failed).tolist():
                    block.save(index)
            for index in np.flatnonzero(failed).tolist():
                block.restart(index, epoch + 1)
        bar.close()
    return [block.finished_member(index) for index in range(len(members))]

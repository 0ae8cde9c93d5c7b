"""One epoch of many members side by side, as one compiled call."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int

from differland.engine import Engine, Simulate, simulator
from differland.minibatches import Minibatch, Minibatches
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept
from differland.network import (
    PredictorScaling,
    SpatializationNetwork,
    Weights,
    predict,
)
from differland.objective import Trajectory, keep_for, loss_terms, monthly_observations


class State(NamedTuple):
    """State of the training: weights, optimizer and failures, with a leading axis of members."""

    weights: Weights
    optimizer: optax.OptState
    failed: Bool[Array, " member"]


class Visit(NamedTuple):
    """Record of every patch of an epoch, each of shape (patch, member, ...)."""

    terms: dict[str, Float[Array, "patch member"]]
    gradient_norm: Float[Array, "patch member"]


Epoch = Callable[[State, Array, Array], tuple[State, Visit, Array]]

MEMBERS = "member"
"""Name of the axis along which devices share members out."""

CELL_MONTHS_AT_ONCE = {"cpu": 4 * 320 * 276, "gpu": 64 * 320 * 276}
"""Cells times months times members of a group: on a full patch four members on a CPU, whose caches
hold no more, and 64 on a GPU, which one member cannot fill."""


def patch_losses(
    network: SpatializationNetwork,
    term_weights: Mapping[str, float],
    keep: Keep,
    simulate: Simulate,
    weights: Weights,
    scaling: PredictorScaling,
    minibatch: Minibatch,
) -> tuple[Float[Array, ""], dict[str, Float[Array, " member"]]]:
    """Loss of all members on one patch, added up, and the terms of each.

    A member's weights enter its own loss alone, so that the gradient of the sum is that of each.

    Parameters
    ----------
    network
        Shape of the network.
    term_weights
        Weight of each term that is on.
    keep, simulate
        Record that :func:`keep_for` defines for these terms, and function of
        :func:`differland.engine.simulator` that simulates with it.
    weights, scaling
        Weights of the networks and statistics of the predictors, with a leading axis of members.
    minibatch
        Minibatch of the patch.
    """

    def of_member(weights: Weights, scaling: PredictorScaling) -> tuple[Parameters, Pools]:
        standardised = scaling.standardise(minibatch.predictors)
        return predict(network, weights, standardised, minibatch.latitude)

    def terms_of(run: Kept, initial: Pools) -> dict[str, Float[Array, ""]]:
        trajectory = Trajectory(run, minibatch.weather.time.shape[0])
        return loss_terms(term_weights, trajectory, initial, minibatch.observations)

    parameters, initial = jax.vmap(of_member)(weights, scaling)
    observed = monthly_observations(keep, minibatch.observations)
    runs = simulate(parameters, initial, minibatch.weather, observed)
    terms = jax.vmap(terms_of)(runs, initial)
    return sum((values.sum() for values in terms.values()), start=jnp.zeros(())), terms


Gradient = Callable[
    [Weights, PredictorScaling, Minibatch],
    tuple[Weights, dict[str, Float[Array, " member"]]],
]


def gradient_of(
    network: SpatializationNetwork,
    term_weights: Mapping[str, float],
    engine: Engine,
    batches: Minibatches,
) -> Gradient:
    """Make the function that gives every member's gradient on a patch, and its terms.

    Members are simulated in groups, one after another, so small that what a group needs stays in
    the caches of a CPU, and that memory does not grow with the number of members.

    Parameters
    ----------
    network
        Shape of the network.
    term_weights
        Weight of each term that is on.
    engine
        Engine of the simulation.
    batches
        Minibatches of the study, of which only the size of a patch is used.
    """
    months, slots = batches.shared["time"].shape[0], batches.predictors.shape[1]
    keep = keep_for(term_weights)
    simulate = simulator(engine, keep, slots, batches.predictors.dtype)
    gradient = jax.grad(partial(patch_losses, network, term_weights, keep, simulate), has_aux=True)
    at_once = CELL_MONTHS_AT_ONCE["cpu" if jax.default_backend() == "cpu" else "gpu"]
    size = max(1, at_once // (months * slots))

    def in_groups(
        weights: Weights, scaling: PredictorScaling, minibatch: Minibatch
    ) -> tuple[Weights, dict[str, Float[Array, " member"]]]:
        members = scaling.mean.shape[0]
        groups, rest = divmod(members, size)
        if members <= size:
            return gradient(weights, scaling, minibatch)

        def split(values: Array) -> Array:
            return values[: groups * size].reshape(groups, size, *values.shape[1:])

        results = jax.lax.map(
            lambda group: gradient(*group, minibatch), jax.tree.map(split, (weights, scaling))
        )
        results = jax.tree.map(lambda v: v.reshape(groups * size, *v.shape[2:]), results)
        if rest:
            last = jax.tree.map(lambda values: values[groups * size :], (weights, scaling))
            results = jax.tree.map(
                lambda *parts: jnp.concatenate(parts), results, gradient(*last, minibatch)
            )
        return results

    return in_groups


def global_norm(gradients: Weights) -> Float[Array, ""]:
    """Euclidean norm of all gradients together; finite wherever they are.

    Months in which states are driven into their bounds can give gradients whose squares are
    beyond single precision.
    """
    largest = jnp.max(jnp.stack([jnp.abs(leaf).max() for leaf in jax.tree.leaves(gradients)]))
    unit = jnp.where(largest > 0, largest, 1)
    return unit * optax.tree.norm(jax.tree.map(lambda leaf: leaf / unit, gradients))


def devices_for(members: int) -> list[jax.Device]:
    """Local devices that share members out evenly: as many as divide their number."""
    devices = jax.local_devices()
    return devices[: max(d for d in range(1, len(devices) + 1) if members % d == 0)]


def compile_epoch(
    network: SpatializationNetwork,
    optimizer: optax.GradientTransformation,
    clip_norm: float | None,
    terms: Mapping[str, float],
    engine: Engine,
    order_seed: int,
    batches: Minibatches,
    scaling: PredictorScaling,
    trains: Bool[Array, "member patch"],
    visited: Int[Array, " visited"],
) -> Epoch:
    """Compile one epoch into one call.

    Parameters
    ----------
    network, optimizer
        Shape of the network, and optimizer that updates its weights.
    clip_norm
        Gradients of a larger norm are scaled down to it; None: never.
    terms
        Weights of the terms of the loss that are on.
    engine
        Engine of the simulation.
    order_seed
        Seed of the order of patches and cells.
    batches, scaling
        Data of the study and predictor statistics of the members.
    trains
        Patches that each member trains on.
    visited
        Patches that are visited at all: those outside the test set.

    Returns
    -------
    A function of state, epoch number and active members (shape (member,)): members that are not
    active stay as they are. It gives the new state, the records, and the order of the patches.
    Local devices share the members out, if their numbers allow.
    """
    slots = batches.predictors.shape[1]
    gradient = gradient_of(network, terms, engine, batches)
    devices = devices_for(trains.shape[0])
    mesh = jax.make_mesh((len(devices),), (MEMBERS,), (AxisType.Auto,), devices=devices)
    shared, by_member = PartitionSpec(), PartitionSpec(MEMBERS)
    batches, visited = jax.device_put((batches, visited), NamedSharding(mesh, shared))
    scaling, trains = jax.device_put((scaling, trains), NamedSharding(mesh, by_member))

    # Whatever differs between members or is large is an argument: as a constant it would be
    # copied into the program, and every setup would compile its own.
    @partial(jax.jit, donate_argnums=0)
    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(by_member, shared, by_member, shared, by_member, by_member, shared),
        out_specs=(by_member, PartitionSpec(None, MEMBERS), shared),
        check_vma=False,
    )
    def epoch(
        state: State,
        number: Array,
        active: Array,
        batches: Minibatches,
        scaling: PredictorScaling,
        trains: Array,
        visited: Array,
    ) -> tuple[State, Visit, Array]:
        key = jax.random.fold_in(jax.random.key(order_seed), number)
        order = visited[jax.random.permutation(key, visited.shape[0])]

        def visit(state: State, patch: Array) -> tuple[State, Visit]:
            # A patch is one minibatch, so the order of its cells changes rounding alone; the
            # paper permutes them, and so does this.
            shuffled = jax.random.permutation(jax.random.fold_in(key, patch), slots)
            minibatch = batches.patch(patch, shuffled)
            gradients, values = gradient(state.weights, scaling, minibatch)
            loss = sum(values.values())
            norm = jax.vmap(global_norm)(gradients)
            finite = jnp.isfinite(loss) & jnp.isfinite(norm)
            if clip_norm is not None:
                scale = clip_norm / jnp.maximum(norm, clip_norm)
                gradients = jax.tree.map(partial(_times_member, scale), gradients)
            wanted = trains[:, patch] & active & ~state.failed
            updates, moments = jax.vmap(optimizer.update)(gradients, state.optimizer, state.weights)
            moved = optax.apply_updates(state.weights, updates)
            keep = partial(_where_member, wanted & finite)
            return (
                State(
                    weights=jax.tree.map(keep, moved, state.weights),
                    optimizer=jax.tree.map(keep, moments, state.optimizer),
                    failed=state.failed | (wanted & ~finite),
                ),
                Visit(terms=values, gradient_norm=norm),
            )

        state, visits = jax.lax.scan(visit, state, order)
        return state, visits, order

    return lambda state, number, active: epoch(
        state, number, active, batches, scaling, trains, visited
    )


def _times_member(scale: Float[Array, " member"], values: Array) -> Array:
    return scale.reshape(-1, *(1,) * (values.ndim - 1)) * values


def _where_member(chosen: Bool[Array, " member"], new: Array, old: Array) -> Array:
    return jnp.where(chosen.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

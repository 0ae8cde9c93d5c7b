"""The loop over months as two Pallas kernels for GPUs: forward, and backward for the gradient.

A program owns a tile of cells of one member and walks through all months, its pools and totals in
registers. The month and its derivative are the ones that :mod:`differland.kernel.months` writes
for CPUs.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton
from jaxtyping import Array

from differland.driver import MONTHS_PER_YEAR
from differland.kernel.derivative import (
    CompiledLoop,
    Inputs,
    arguments_of_month,
    gradient_of,
    month_keeping,
)
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept
from differland.model.weather import SHARED, Weather

LARGEST_TILE = 64
"""Cells of a program; a power of two, as Triton wants it."""

WARP = 32
"""Threads that a GPU leads together; each has a cell."""

AXES = ("mtn", "mct", "myn", "mn")
"""Axes of series, sums over the patch, over calendar years, and totals: ``m`` (member), ``t``
(time), ``y`` (calendar year), ``n`` (cell), ``c`` (tile of cells)."""

Names = tuple[list[str], list[str], list[str], list[str]]


class Loop(CompiledLoop):
    """Forward and backward loop of one kind of record.

    Parameters
    ----------
    keep
        Rule by which each month is reduced to a record.
    cells
        Number of cells.
    dtype
        Type of all numbers.
    interpret
        Whether JAX emulates the GPU, to test the kernels where there is none.
    """

    def __init__(self, keep: Keep, cells: int, dtype: np.dtype, interpret: bool = False) -> None:
        self.month = month_keeping(keep)
        self.gradient = gradient_of(self.month)
        self.compared = sorted(keep.compared)
        self.dtype = dtype
        self.interpret = interpret
        self.tile = min(LARGEST_TILE, 1 << (cells - 1).bit_length())
        one: Any = jax.ShapeDtypeStruct((self.tile,), dtype)
        _, self.kept = jax.eval_shape(self.month, *arguments_of_month(keep, one))
        self.names: Names = tuple(sorted(group) for group in self.kept)  # type: ignore[assignment]

    # -- arrays ---------------------------------------------------------------------------------

    def _sizes(self, inputs: Inputs) -> dict[str, int]:
        members, cells = inputs[1].labile.shape
        months = inputs[2].time.shape[0]
        tiles = -(-cells // self.tile)
        years = months // MONTHS_PER_YEAR
        return {"m": members, "t": months, "y": years, "n": tiles * self.tile, "c": tiles}

    def _stacks(self, inputs: Inputs) -> list[tuple[Array, str]]:
        """Stack the inputs into few arrays, padded to whole tiles, each with its further axes."""
        parameters, initial, weather, observations = inputs
        missing = -initial.labile.shape[1] % self.tile
        of_cells = [getattr(weather, name) for name in Weather._fields if name not in SHARED]
        observed = [
            by_target[target]
            for by_target in (observations.value, observations.weight)
            for target in self.compared
        ]

        def filled(arrays: Sequence[Array], mode: str) -> Array:
            stack = jnp.stack(arrays)
            wider = [(0, 0)] * (stack.ndim - 1) + [(0, missing)]
            return jnp.pad(stack, wider, mode=mode)

        # Repeated cells cannot blow up; that they are not valid keeps them out of sums.
        stacks = [
            (filled(parameters, "edge"), "mn"),
            (filled(initial, "edge"), "mn"),
            (jnp.stack([getattr(weather, name)[:, 0] for name in SHARED]), "t"),
            (filled(of_cells, "edge"), "tn"),
            (filled([observations.valid], "constant"), "n"),
        ]
        return [*stacks, (filled(observed, "constant"), "tn")] if observed else stacks

    def _block(self, count: int, axes: str, sizes: Mapping[str, int]) -> pl.BlockSpec:
        """The part of a stack of arrays that a program sees: one member, and one tile."""
        shape = {"m": None, "c": None, "n": self.tile}
        place = {"m": 0, "n": 1, "c": 1}

        def index(*program: Any) -> tuple[Any, ...]:
            return (0, *(program[place[axis]] if axis in place else 0 for axis in axes))

        return pl.BlockSpec((count, *(shape.get(axis, sizes[axis]) for axis in axes)), index)

    def _call(
        self,
        kernel: Any,
        inputs: Sequence[tuple[Array, str]],
        results: Sequence[tuple[int, str]],
        sizes: Mapping[str, int],
    ) -> list[Array]:
        shapes = [(count, *(sizes[axis] for axis in axes)) for count, axes in results]
        call = pl.pallas_call(
            kernel,
            grid=(sizes["m"], sizes["c"]),
            in_specs=[self._block(stack.shape[0], axes, sizes) for stack, axes in inputs],
            out_specs=[self._block(count, axes, sizes) for count, axes in results],
            out_shape=[jax.ShapeDtypeStruct(shape, self.dtype) for shape in shapes],
            interpret=self.interpret,
            compiler_params=triton.CompilerParams(num_warps=max(1, self.tile // WARP)),
        )
        return list(call(*(stack for stack, _ in inputs)))

    def _kept_stacks(self) -> list[tuple[int, str]]:
        """Number and axes of the arrays of each kind of record."""
        pairs = zip(self.names, AXES, strict=True)
        return [(len(names), axes) for names, axes in pairs if names]

    # -- what both kernels read -------------------------------------------------------------------

    def _constants(self, references: Sequence[Any]) -> tuple[Parameters, Pools, Array]:
        """Parameters, initial pools and validity of the tile."""
        parameters, initial, _, _, valid, *_ = references
        return (
            Parameters(*(parameters[k, :] for k in range(len(Parameters._fields)))),
            Pools(*(initial[k, :] for k in range(len(Pools._fields)))),
            valid[0, :],
        )

    def _month_of(self, references: Sequence[Any], month: Array) -> tuple[Weather, Any]:
        """Weather of the tile in a month, and its observations."""
        _, _, shared, of_cells, _, *observed = references
        of_tile = iter(range(len(Weather._fields)))
        weather = Weather(
            *(
                jnp.full((self.tile,), shared[SHARED.index(name), month])
                if name in SHARED
                else of_cells[next(of_tile), month, :]
                for name in Weather._fields
            )
        )
        count = len(self.compared)
        rows = [observed[0][k, month, :] for k in range(2 * count)] if observed else []
        value = dict(zip(self.compared, rows[:count], strict=True))
        return weather, (value, dict(zip(self.compared, rows[count:], strict=True)))

    # -- forward ----------------------------------------------------------------------------------

    def forward(self, inputs: Inputs) -> tuple[Kept, Array]:
        """Reduced record, and the pools before each month."""
        sizes, stacks = self._sizes(inputs), self._stacks(inputs)
        months, cells = sizes["t"], inputs[1].labile.shape[1]

        def kernel(*references: Any) -> None:
            given, results = references[: len(stacks)], list(references[len(stacks) :])
            before = results.pop()
            series, patch, years, totals = self._of_kinds(results)
            parameters, initial, valid = self._constants(given)

            def advance(month: Array, carried: tuple[Pools, Any]) -> tuple[Pools, Any]:
                pools, sums = carried
                for k, pool in enumerate(pools):
                    before[k, month, :] = pool
                pools, kept = self.month(pools, parameters, *self._month_of(given, month), valid)
                for k, name in enumerate(self.names[0]):
                    series[k, month, :] = kept.series[name]
                for k, name in enumerate(self.names[1]):
                    patch[k, month] = jnp.sum(jnp.where(valid > 0, kept.patch[name], 0))
                year = jax.lax.div(month, MONTHS_PER_YEAR)
                for k, name in enumerate(self.names[2]):
                    first = jax.lax.rem(month, MONTHS_PER_YEAR) == 0
                    years[k, year, :] = jnp.where(first, 0, years[k, year, :]) + kept.years[name]
                return pools, jax.tree.map(jnp.add, sums, dict(kept.totals))

            none = jnp.zeros((self.tile,), self.dtype)
            start = initial, dict.fromkeys(self.names[3], none)
            _, sums = jax.lax.fori_loop(0, months, advance, start)
            for k, name in enumerate(self.names[3]):
                totals[k, :] = sums[name]

        shapes = [*self._kept_stacks(), (len(Pools._fields), "mtn")]
        *results, before = self._call(kernel, stacks, shapes, sizes)
        series, patch, years, totals = self._of_kinds(results)
        cut = [None if stack is None else stack[..., :cells] for stack in (series, years, totals)]
        whole = None if patch is None else patch.sum(axis=2)
        kinds = (cut[0], whole, cut[1], cut[2])
        kept = [
            {} if stack is None else dict(zip(names, stack, strict=True))
            for names, stack in zip(self.names, kinds, strict=True)
        ]
        return Kept(*kept), before

    def _of_kinds(self, stacks: Sequence[Any]) -> list[Any]:
        """Arrays of series, patch, years and totals; None where the record has none."""
        left: Iterator[Any] = iter(stacks)
        return [next(left) if names else None for names in self.names]

    # -- backward ---------------------------------------------------------------------------------

    def backward(self, inputs: Inputs, before: Array, cotangents: Kept) -> tuple[Parameters, Pools]:
        """Cotangents of parameters and initial pools."""
        sizes, stacks = self._sizes(inputs), self._stacks(inputs)
        months, cells = sizes["t"], inputs[1].labile.shape[1]
        missing = sizes["n"] - cells
        of_kept = []
        for names, group, axes in zip(
            self.names, cotangents, ("mtn", "mt", "myn", "mn"), strict=True
        ):
            if names:
                stack = jnp.stack([group[name] for name in names])
                wider = [(0, 0)] * (stack.ndim - 1) + [(0, missing if "n" in axes else 0)]
                of_kept.append((jnp.pad(stack, wider), axes))

        def kernel(*references: Any) -> None:
            left = iter(references)
            given = list(islice(left, len(stacks)))
            states = next(left)
            series, patch, years, totals = self._of_kinds(list(islice(left, len(of_kept))))
            of_parameters, of_initial = left
            parameters, _, valid = self._constants(given)
            sums = {name: totals[k, :] for k, name in enumerate(self.names[3])}

            def retreat(number: Array, carried: tuple[Pools, Parameters]) -> Any:
                after, found = carried
                month = months - 1 - number
                pools = Pools(*(states[k, month, :] for k in range(len(Pools._fields))))
                year = jax.lax.div(month, MONTHS_PER_YEAR)
                kept = Kept(
                    {name: series[k, month, :] for k, name in enumerate(self.names[0])},
                    {
                        name: jnp.where(valid > 0, patch[k, month], 0)
                        for k, name in enumerate(self.names[1])
                    },
                    {name: years[k, year, :] for k, name in enumerate(self.names[2])},
                )
                pools, here = self.gradient(
                    pools, parameters, *self._month_of(given, month), valid, after, kept, sums
                )
                return pools, jax.tree.map(jnp.add, found, here)

            none = jnp.zeros((self.tile,), self.dtype)
            start = (
                Pools(*[none] * len(Pools._fields)),
                Parameters(*[none] * len(Parameters._fields)),
            )
            pools, found = jax.lax.fori_loop(0, months, retreat, start)
            for k, value in enumerate(found):
                of_parameters[k, :] = value
            for k, value in enumerate(pools):
                of_initial[k, :] = value

        shapes = [(len(Parameters._fields), "mn"), (len(Pools._fields), "mn")]
        of_parameters, of_initial = self._call(
            kernel, [*stacks, (before, "mtn"), *of_kept], shapes, sizes
        )
        return Parameters(*of_parameters[..., :cells]), Pools(*of_initial[..., :cells])

"""The loop over months as two compiled functions: forward, and backward for the gradient.

Both are written from what JAX traces of the readable model: one month of :func:`dalec.month` with
its rates, and JAX's own derivative of that month. A vector of cells walks through all months
before the next one starts, so that its pools stay in registers and in the nearest cache. What
depends on parameters alone is worked out before the first month.
"""

import ctypes
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np
from jax.extend import core
from jaxtyping import Array

from differland.kernel.vectors import VectorCode
from differland.model import dalec
from differland.model.parameters import Parameters, Pools
from differland.model.rates import monthly_rates
from differland.model.simulate import Keep, Kept
from differland.model.weather import SHARED, Weather

POINTER = ir.PointerType()
LONG = ir.IntType(64)

# Offsets in the structures of XLA's foreign function interface (xla/ffi/api/c_api.h), bytes.
FRAME_EXTENSION, FRAME_ARGUMENTS, FRAME_RESULTS = 8, 72, 112
EXTENSION_METADATA, METADATA_MAJOR, METADATA_MINOR = 24, 24, 28
BUFFER_DATA, BUFFER_DIMENSIONS = 24, 40
FFI_VERSION = (0, 3)

LINE = 64
"""Bytes in a line of the cache."""


class Traced(NamedTuple):
    """A function of scalars as a list of operations.

    Attributes
    ----------
    arguments, results
        Variables, in the structure that the function takes and gives.
    first, monthly
        Operations that depend only on arguments that stay the same over the months, and the
        others.
    constants
        Numbers of the function that are neither arguments nor written into its operations.
    """

    arguments: Any
    results: Any
    first: list[Any]
    monthly: list[Any]
    constants: dict[Any, float]


def trace(function: Callable[..., Any], arguments: tuple[Any, ...], stays: Sequence[int]) -> Traced:
    """Trace a function of structures of scalars.

    Parameters
    ----------
    function
        Made of elementary operations.
    arguments
        Structures of :class:`jax.ShapeDtypeStruct`.
    stays
        Positions of the arguments that are the same in all months.
    """
    with jax.disable_jit():
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
    variables = jax.tree.unflatten(jax.tree.structure(arguments), closed.jaxpr.invars)
    known = {v for position in stays for v in jax.tree.leaves(variables[position])}
    constants = {
        variable: np.asarray(value).item()
        for variable, value in zip(closed.jaxpr.constvars, closed.consts, strict=True)
    }
    known |= set(constants)
    first, monthly = [], []
    for operation in closed.jaxpr.eqns:
        if all(isinstance(v, core.Literal) or v in known for v in operation.invars):
            known |= set(operation.outvars)
            first.append(operation)
        else:
            monthly.append(operation)
    results = jax.tree.unflatten(jax.tree.structure(shapes), closed.jaxpr.outvars)
    return Traced(variables, results, first, monthly, constants)


@dataclass(frozen=True)
class Buffer:
    """An array that compiled code reads or writes.

    Attributes
    ----------
    pointer
        Of its first number.
    axes
        Its axes, in order, of ``m`` (member), ``t`` (time) and ``n`` (cell).
    """

    pointer: ir.Value
    axes: str


class _Writer:
    """Writes one of the two functions: a loop over members, vectors of cells, and months."""

    def __init__(self, module: ir.Module, name: str, dtype: np.dtype, width: int) -> None:
        self.size = dtype.itemsize
        self.function = ir.Function(module, ir.FunctionType(POINTER, [POINTER]), name)
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.code = VectorCode(self.builder, dtype, width)
        self._read_frame()

    # -- XLA's foreign function interface ---------------------------------------------------------

    def _field(self, structure: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
        return self.builder.load(self._place(structure, offset), typ=kind)

    def _place(self, structure: ir.Value, offset: int | ir.Value) -> ir.Value:
        place = ir.Constant(LONG, offset) if isinstance(offset, int) else offset
        return self.builder.gep(structure, [place], source_etype=ir.IntType(8))

    def _read_frame(self) -> None:
        """Answer when asked for the version of the interface; else go on to the arguments."""
        b, frame = self.builder, self.function.args[0]
        extension = self._field(frame, FRAME_EXTENSION, POINTER)
        asked = b.icmp_unsigned("!=", b.ptrtoint(extension, LONG), ir.Constant(LONG, 0))
        with b.if_then(asked):
            metadata = self._field(extension, EXTENSION_METADATA, POINTER)
            for offset, number in zip((METADATA_MAJOR, METADATA_MINOR), FFI_VERSION, strict=True):
                b.store(ir.Constant(ir.IntType(32), number), self._place(metadata, offset))
            b.ret(ir.Constant(POINTER, None))
        self.arguments = self._field(frame, FRAME_ARGUMENTS, POINTER)
        self.results = self._field(frame, FRAME_RESULTS, POINTER)

    def buffers(self, of: ir.Value, axes: Sequence[str], start: int) -> list[Buffer]:
        """The arrays from the position `start` on among arguments or results."""
        return [
            Buffer(self._field(self._buffer(of, start + k), BUFFER_DATA, POINTER), axis)
            for k, axis in enumerate(axes)
        ]

    def _buffer(self, of: ir.Value, position: int) -> ir.Value:
        return self._field(of, 8 * position, POINTER)

    def set_sizes(self, member_cell: int, time_first: int) -> None:
        """Read the sizes from an argument of axes (member, cell) and one of (time, ...)."""
        dimensions = self._field(
            self._buffer(self.arguments, member_cell), BUFFER_DIMENSIONS, POINTER
        )
        self.members = self._field(dimensions, 0, LONG)
        self.cells = self._field(dimensions, 8, LONG)
        dimensions = self._field(
            self._buffer(self.arguments, time_first), BUFFER_DIMENSIONS, POINTER
        )
        self.months = self._field(dimensions, 0, LONG)

    # -- loops --------------------------------------------------------------------------------

    @contextmanager
    def loop(self, count: ir.Value) -> Any:
        """Repeat what is written inside, with a counter from zero."""
        b = self.builder
        before = b.block
        head = self.function.append_basic_block()
        body = self.function.append_basic_block()
        end = self.function.append_basic_block()
        b.branch(head)
        b.position_at_end(head)
        counter = b.phi(LONG)
        counter.add_incoming(ir.Constant(LONG, 0), before)
        b.cbranch(b.icmp_signed("<", counter, count), body, end)
        b.position_at_end(body)
        yield counter
        counter.add_incoming(b.add(counter, ir.Constant(LONG, 1)), b.block)
        b.branch(head)
        b.position_at_end(end)

    @contextmanager
    def vectors(self) -> Any:
        """Repeat what is written inside for each member and each vector of its cells.

        The last vector reaches back over cells that were done already where the width does not
        divide their number.
        """
        b = self.builder
        width = ir.Constant(LONG, self.code.width)
        count = b.sdiv(b.add(self.cells, b.sub(width, ir.Constant(LONG, 1))), width)
        last = b.sub(self.cells, width)
        with self.loop(self.members) as self.member, self.loop(count) as number:
            start = b.mul(number, width)
            self.cell = b.select(b.icmp_signed(">", start, last), last, start)
            yield

    # -- numbers --------------------------------------------------------------------------------

    def _address(self, buffer: Buffer, month: ir.Value | None) -> ir.Value:
        b = self.builder
        index: ir.Value = ir.Constant(LONG, 0)
        for axis, size, position in (
            ("m", self.members, self.member),
            ("t", self.months, month),
            ("n", self.cells, self.cell),
        ):
            if axis in buffer.axes:
                index = b.add(b.mul(index, size), position)
        return self._place(buffer.pointer, b.mul(index, ir.Constant(LONG, self.size)))

    def load(self, buffer: Buffer, month: ir.Value | None = None) -> ir.Value:
        """A vector of an array, the same number in all cells if it has no axis of cells."""
        address = self._address(buffer, month)
        if "n" in buffer.axes:
            return self.builder.load(address, align=self.size, typ=self.code.vector)
        return self.code.spread(self.builder.load(address, typ=self.code.scalar))

    def store(self, value: ir.Value, buffer: Buffer, month: ir.Value | None = None) -> None:
        self.builder.store(value, self._address(buffer, month), align=self.size)

    def places(self, count: int) -> list[ir.Value]:
        """Places for vectors that change from month to month."""
        with self.builder.goto_entry_block():
            return [self.builder.alloca(self.code.vector) for _ in range(count)]

    def get(self, place: ir.Value) -> ir.Value:
        return self.builder.load(place, typ=self.code.vector)

    def set(self, value: ir.Value, place: ir.Value) -> None:
        self.builder.store(value, place)

    def add(self, value: ir.Value, place: ir.Value) -> None:
        self.set(self.builder.fadd(self.get(place), value), place)

    def first_values(self, traced: Traced, known: Mapping[Any, ir.Value]) -> dict[Any, ir.Value]:
        """Everything that stays the same over the months."""
        values: dict[Any, ir.Value] = {v: self.code.number(c) for v, c in traced.constants.items()}
        values |= known
        self.code.write(traced.first, values)
        return values

    def results_of(self, traced: Traced, values: dict[Any, ir.Value]) -> list[ir.Value]:
        self.code.write(traced.monthly, values)
        return [self.code.value_of(v, values) for v in jax.tree.leaves(traced.results)]

    def end(self) -> None:
        self.builder.ret(ir.Constant(POINTER, None))


class Loop:
    """Forward and backward loop of one kind of record, as targets of XLA.

    Parameters
    ----------
    keep
        What is kept of each month.
    cells
        Number of cells, or the smallest number that will be met.
    dtype
        float32 or float64.
    """

    def __init__(self, keep: Keep, cells: int, dtype: np.dtype) -> None:
        scalar: Any = jax.ShapeDtypeStruct((), dtype)
        pools = Pools(*[scalar] * len(Pools._fields))
        weather = Weather(*[scalar] * len(Weather._fields))
        parameters = Parameters(*[scalar] * len(Parameters._fields))

        def month(pools: Pools, weather: Weather, parameters: Parameters) -> Any:
            rates = monthly_rates(parameters, weather)
            pools, outputs = dalec.month(pools, rates, parameters)
            kept = keep(outputs, weather.december)
            return pools, dict(kept.series), dict(kept.totals)

        def gradient(
            pools: Pools, weather: Weather, parameters: Parameters, cotangents: Any, totals: Any
        ) -> Any:
            # Totals are apart: their cotangents stay the same over the months.
            _, pull = jax.vjp(lambda a, b: month(a, weather, b), pools, parameters)
            return pull((*cotangents, totals))

        self.dtype = dtype
        # A whole line of the cache, or the largest power of two that the cells fill.
        self.width = min(LINE // dtype.itemsize, 2 ** (cells.bit_length() - 1))
        self.weather_axes = ["t" if name in SHARED else "tn" for name in Weather._fields]
        self.forward = trace(month, (pools, weather, parameters), stays=[2])
        _, series, totals = jax.tree.map(lambda _: scalar, self.forward.results)
        self.series, self.totals = list(series), list(totals)
        self.backward = trace(
            gradient, (pools, weather, parameters, (pools, series), totals), stays=[2, 4]
        )
        module = ir.Module("months")
        module.triple = llvm.get_default_triple()
        self._write_forward(module, dtype)
        self._write_backward(module, dtype)
        self.forward_target, self.backward_target = _targets(str(module))

    def _write_forward(self, module: ir.Module, dtype: np.dtype) -> None:
        """Write the loop onward in time.

        Arguments are parameters, initial pools and weather; results series, totals, and the pools
        before each month.
        """
        w = _Writer(module, "forward", dtype, self.width)
        pools, weather, parameters = self.forward.arguments
        count = len(parameters)
        given = w.buffers(w.arguments, ["mn"] * (count + len(pools)), 0)
        weathers = w.buffers(w.arguments, self.weather_axes, len(given))
        w.set_sizes(member_cell=0, time_first=len(given))
        series = w.buffers(w.results, ["mtn"] * len(self.series), 0)
        totals = w.buffers(w.results, ["mn"] * len(self.totals), len(series))
        before = w.buffers(w.results, ["mtn"] * len(pools), len(series) + len(totals))
        states, sums = w.places(len(pools)), w.places(len(totals))
        with w.vectors():
            known = {v: w.load(buffer) for v, buffer in zip(parameters, given, strict=False)}
            values = w.first_values(self.forward, known)
            for place, buffer in zip(states, given[count:], strict=True):
                w.set(w.load(buffer), place)
            for place in sums:
                w.set(w.code.number(0), place)
            with w.loop(w.months) as month:
                now = dict(values)
                for variable, place, buffer in zip(pools, states, before, strict=True):
                    now[variable] = w.get(place)
                    w.store(now[variable], buffer, month)
                now |= {v: w.load(b, month) for v, b in zip(weather, weathers, strict=True)}
                results = w.results_of(self.forward, now)
                for value, place in zip(results, states, strict=False):
                    w.set(value, place)
                kept = results[len(states) :]
                for value, buffer in zip(kept, series, strict=False):
                    w.store(value, buffer, month)
                for value, place in zip(kept[len(series) :], sums, strict=True):
                    w.add(value, place)
            for place, buffer in zip(sums, totals, strict=True):
                w.store(w.get(place), buffer)
        w.end()

    def _write_backward(self, module: ir.Module, dtype: np.dtype) -> None:
        """Write the loop backward in time.

        Arguments are parameters, weather, the pools before each month, and the cotangents of
        series and totals; results the cotangents of parameters and of initial pools.
        """
        w = _Writer(module, "backward", dtype, self.width)
        pools, weather, parameters, (after, series), totals = self.backward.arguments
        series, totals = list(series.values()), list(totals.values())
        axes = [
            *["mn"] * len(parameters),
            *self.weather_axes,
            *["mtn"] * (len(pools) + len(series)),
            *["mn"] * len(totals),
        ]
        buffers = iter(w.buffers(w.arguments, axes, 0))
        w.set_sizes(member_cell=0, time_first=len(parameters))
        given, weathers, before, of_series, of_totals = (
            [next(buffers) for _ in group] for group in (parameters, weather, pools, series, totals)
        )
        of_parameters = w.buffers(w.results, ["mn"] * len(parameters), 0)
        of_pools = w.buffers(w.results, ["mn"] * len(pools), len(parameters))
        states, sums = w.places(len(pools)), w.places(len(parameters))
        with w.vectors():
            known = {
                v: w.load(buffer)
                for v, buffer in zip([*parameters, *totals], [*given, *of_totals], strict=True)
            }
            values = w.first_values(self.backward, known)
            for place in [*states, *sums]:
                w.set(w.code.number(0), place)
            with w.loop(w.months) as number:
                month = w.builder.sub(w.builder.sub(w.months, number), ir.Constant(LONG, 1))
                now = dict(values)
                for variables, arrays in (
                    (pools, before),
                    (weather, weathers),
                    (series, of_series),
                ):
                    now |= {v: w.load(b, month) for v, b in zip(variables, arrays, strict=True)}
                now |= {v: w.get(place) for v, place in zip(after, states, strict=True)}
                results = w.results_of(self.backward, now)
                for value, place in zip(results, states, strict=False):
                    w.set(value, place)
                for value, place in zip(results[len(states) :], sums, strict=True):
                    w.add(value, place)
            for place, buffer in zip([*sums, *states], [*of_parameters, *of_pools], strict=True):
                w.store(w.get(place), buffer)
        w.end()

    def _check(self, parameters: Parameters, initial: Pools, weather: Weather) -> None:
        """Compiled code takes what it is given for what it expects."""
        members, cells = initial.labile.shape
        months = weather.time.shape[0]
        shapes = [
            *[(members, cells)] * (len(parameters) + len(initial)),
            *((months, cells) if axes == "tn" else (months, 1) for axes in self.weather_axes),
        ]
        names = [*parameters._fields, *initial._fields, *weather._fields]
        arrays = [*parameters, *initial, *weather]
        for name, array, shape in zip(names, arrays, shapes, strict=True):
            if array.shape != shape or array.dtype != self.dtype:
                raise ValueError(
                    f"{name}: expected {self.dtype} of shape {shape}, found {array.dtype} of "
                    f"shape {array.shape}"
                )
        if cells < self.width:
            raise ValueError(f"expected at least {self.width} cells, found {cells}")

    def __call__(self, parameters: Parameters, initial: Pools, weather: Weather) -> Kept:
        """Run members side by side; has a gradient by parameters and initial pools.

        Parameters
        ----------
        parameters, initial
            Each of shape (member, cell).
        weather
            Of all members, each of shape (time, cell), or (time, 1) if :data:`SHARED`.

        Returns
        -------
        Series of shape (member, time, cell), and totals of shape (member, cell).

        Raises
        ------
        ValueError
            An array is of another shape or precision than the loop was compiled for.
        """
        self._check(parameters, initial, weather)
        return _advance(self, parameters, initial, weather)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _advance(loop: Loop, parameters: Parameters, initial: Pools, weather: Weather) -> Kept:
    return _forward(loop, parameters, initial, weather)[0]


Residuals = tuple[Parameters, Weather, Sequence[Array]]


def _forward(
    loop: Loop, parameters: Parameters, initial: Pools, weather: Weather
) -> tuple[Kept, Residuals]:
    members, cells = initial.labile.shape
    months = weather.time.shape[0]
    monthly = jax.ShapeDtypeStruct((members, months, cells), initial.labile.dtype)
    total = jax.ShapeDtypeStruct((members, cells), initial.labile.dtype)
    results = jax.ffi.ffi_call(
        loop.forward_target,
        [monthly] * len(loop.series) + [total] * len(loop.totals) + [monthly] * len(initial),
    )(*parameters, *initial, *weather)
    series = dict(zip(loop.series, results, strict=False))
    totals = dict(zip(loop.totals, results[len(series) :], strict=False))
    return Kept(series, totals), (parameters, weather, results[len(series) + len(totals) :])


def _backward(
    loop: Loop, residuals: Residuals, cotangents: Kept
) -> tuple[Parameters, Pools, Weather]:
    parameters, weather, before = residuals
    one = jax.ShapeDtypeStruct(parameters[0].shape, parameters[0].dtype)
    results = jax.ffi.ffi_call(
        loop.backward_target, [one] * (len(parameters) + len(Pools._fields))
    )(
        *parameters,
        *weather,
        *before,
        *(cotangents.series[name] for name in loop.series),
        *(cotangents.totals[name] for name in loop.totals),
    )
    # Nobody asks for the gradient by the weather.
    return (
        Parameters(*results[: len(parameters)]),
        Pools(*results[len(parameters) :]),
        jax.tree.map(jnp.zeros_like, weather),
    )


_advance.defvjp(_forward, _backward)

_ENGINES: dict[str, llvm.ExecutionEngine] = {}
"""What is compiled already, by the digest of its source. XLA keeps the addresses."""


def _targets(text: str) -> tuple[str, str]:
    """Names under which XLA knows the two functions of a module.

    They tell the source of the functions, so that a program in XLA's cache of compiled programs
    never meets other functions than those that it was compiled for.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    names = ("forward", "backward")
    targets = tuple(f"differland_{name}_{digest}" for name in names)
    if digest not in _ENGINES:
        _ENGINES[digest] = engine = _compile(text)
        for name, target in zip(names, targets, strict=True):
            address = ctypes.c_void_p(engine.get_function_address(name))
            jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(address), platform="cpu")
    return targets[0], targets[1]


def _compile(text: str) -> llvm.ExecutionEngine:
    """Machine code for the processor at hand. It lives as long as the engine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
    )
    module = llvm.parse_assembly(text)
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine

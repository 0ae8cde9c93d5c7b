"""The loop over months as two compiled functions: forward, and backward for the gradient.

Both are written from what JAX traces of the readable model: one month of :func:`dalec.month` with
its rates, and JAX's own derivative of that month. A vector of cells walks through all months
before the next one starts, so that its pools stay in registers and in the nearest cache. What
depends on parameters alone is worked out before the first month.
"""

import ctypes
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np
from jax.extend import core
from jaxtyping import Array

from differland.driver import MONTHS_PER_YEAR
from differland.kernel.derivative import (
    CompiledLoop,
    Inputs,
    arguments_of_month,
    gradient_of,
    month_keeping,
)
from differland.kernel.writer import PARTS, Writer, constant
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept
from differland.model.weather import SHARED, Weather

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
        Function made of elementary operations.
    arguments
        Arguments as structures of :class:`jax.ShapeDtypeStruct`.
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


def _first_values(w: Writer, traced: Traced, given: Mapping[Any, ir.Value]) -> dict[Any, ir.Value]:
    """Values that stay the same over the months."""
    values: dict[Any, ir.Value] = {v: w.code.number(c) for v, c in traced.constants.items()}
    values |= given
    w.code.write(traced.first, values)
    return values


class Loop(CompiledLoop):
    """Forward and backward loop of one kind of record, as targets of XLA.

    Parameters
    ----------
    keep
        Rule by which each month is reduced to a record.
    cells
        Number of cells, or the smallest number that will be met.
    dtype
        Type of all numbers, float32 or float64.
    differentiable
        Whether there is a backward loop, which takes longer to compile than the forward one.
    """

    def __init__(self, keep: Keep, cells: int, dtype: np.dtype, differentiable: bool) -> None:
        scalar: Any = jax.ShapeDtypeStruct((), dtype)
        self.dtype = dtype
        # A whole line of the cache, or the largest power of two that the cells fill.
        self.width = min(LINE // dtype.itemsize, 2 ** (cells.bit_length() - 1))
        self.weather_axes = ["t" if name in SHARED else "tn" for name in Weather._fields]
        given = arguments_of_month(keep, scalar)
        month = month_keeping(keep)
        self.onward = trace(month, given, stays=[1, 4])
        self.kept: Kept = jax.tree.map(lambda _: scalar, self.onward.results[1])
        self.forward_target = _target("forward", self._write_forward)
        self.backward_target: str | None = None
        if differentiable:
            # Totals are apart: their cotangents stay the same over the months.
            self.back = trace(
                gradient_of(month),
                (*given, given[0], self.kept._replace(totals={}), self.kept.totals),
                stays=[1, 4, 7],
            )
            self.backward_target = _target("backward", self._write_backward)

    def _axes_of_inputs(self) -> list[list[str]]:
        """Axes of parameters, initial pools, weather, monthly observations, and validity."""
        observed = 2 * len(self.onward.arguments[3][0])
        return [
            ["mn"] * len(Parameters._fields),
            ["mn"] * len(Pools._fields),
            self.weather_axes,
            ["tn"] * observed,
            ["n"],
        ]

    def _writer(self, module: ir.Module, name: str) -> Writer:
        """Writer of a function of the inputs, and of further arguments after them."""
        time_first = len(Parameters._fields) + len(Pools._fields)
        return Writer(module, name, self.dtype, self.width, time_first)

    def _write_forward(self, module: ir.Module) -> None:
        """Write the loop onward in time.

        Arguments are the inputs; results what is kept, and the pools before each month.
        """
        w = self._writer(module, "forward")
        frame = w.frame
        pools, parameters, weather, observed, valid = self.onward.arguments
        given, initial, *monthly, validity = frame.groups(frame.arguments, self._axes_of_inputs())
        series, patch, years, totals, before = frame.groups(
            frame.results, [*self._axes_of_kept("pmtl"), ["mvtl"] * len(pools)]
        )
        states, sums, of_year = (w.places(len(group)) for group in (pools, totals, years))
        with w.vectors():
            known = {v: w.load(b) for v, b in zip(parameters, given, strict=True)}
            known[valid] = w.load(*validity)
            values = _first_values(w, self.onward, known)
            for place, buffer in zip(states, initial, strict=True):
                w.set(w.load(buffer), place)
            for place in sums:
                w.set(w.code.number(0), place)
            with w.loop(w.months) as month:
                now = dict(values)
                for variable, place, buffer in zip(pools, states, before, strict=True):
                    now[variable] = w.get(place)
                    w.store(now[variable], buffer, month)
                for variables, buffers in zip((weather, observed), monthly, strict=True):
                    leaves = jax.tree.leaves(variables)
                    now |= {v: w.load(b, month) for v, b in zip(leaves, buffers, strict=True)}
                w.code.write(self.onward.monthly, now)
                end, kept = jax.tree.map(
                    lambda v, now=now: w.code.value_of(v, now), self.onward.results
                )
                for value, place in zip(end, states, strict=True):
                    w.set(value, place)
                for value, buffer in zip(kept.series.values(), series, strict=True):
                    w.store(value, buffer, month)
                for value, buffer in zip(kept.patch.values(), patch, strict=True):
                    w.add_to_patch(value, buffer, month)
                for value, place, buffer in zip(kept.years.values(), of_year, years, strict=True):
                    w.add_to_year(value, place, buffer, month)
                for value, place in zip(kept.totals.values(), sums, strict=True):
                    w.add(value, place)
            for place, buffer in zip(sums, totals, strict=True):
                w.store(w.get(place), buffer)
        w.end()

    def _axes_of_kept(self, patch: str) -> list[list[str]]:
        """Axes of the reduced record; `patch` gives those of sums over the patch."""
        axes = ("mtn", patch, "myn", "mn")
        return [[axis] * len(group) for axis, group in zip(axes, self.kept, strict=True)]

    def _write_backward(self, module: ir.Module) -> None:
        """Write the loop backward in time.

        Arguments are the inputs, the pools before each month, and the cotangents of what is kept;
        results the cotangents of parameters and of initial pools.
        """
        w = self._writer(module, "backward")
        frame = w.frame
        pools, parameters, weather, observed, valid, after, kept, totals = self.back.arguments
        given, _, *monthly, validity, before, series, patch, years, of_totals = frame.groups(
            frame.arguments,
            [*self._axes_of_inputs(), ["mvtl"] * len(pools), *self._axes_of_kept("mt")],
        )
        of_parameters, of_pools = frame.groups(
            frame.results, [["mn"] * len(parameters), ["mn"] * len(pools)]
        )
        states, sums = w.places(len(pools)), w.places(len(parameters))
        arrays = [*monthly, before, series, patch, years]
        variables = [weather, observed, pools, kept.series, kept.patch, kept.years]
        with w.vectors():
            known = {v: w.load(b) for v, b in zip(parameters, given, strict=True)}
            known |= {v: w.load(b) for v, b in zip(totals.values(), of_totals, strict=True)}
            known[valid] = w.load(*validity)
            values = _first_values(w, self.back, known)
            for place in [*states, *sums]:
                w.set(w.code.number(0), place)
            with w.loop(w.months) as number:
                month = w.builder.sub(w.builder.sub(w.months, number), constant(1))
                now = dict(values)
                for group, buffers in zip(variables, arrays, strict=True):
                    leaves = jax.tree.leaves(group)
                    now |= {v: w.load(b, month) for v, b in zip(leaves, buffers, strict=True)}
                now |= {v: w.get(place) for v, place in zip(after, states, strict=True)}
                w.code.write(self.back.monthly, now)
                of_before, of_months = jax.tree.map(
                    lambda v, now=now: w.code.value_of(v, now), self.back.results
                )
                for value, place in zip(of_before, states, strict=True):
                    w.set(value, place)
                for value, place in zip(of_months, sums, strict=True):
                    w.add(value, place)
            for place, buffer in zip([*sums, *states], [*of_parameters, *of_pools], strict=True):
                w.store(w.get(place), buffer)
        w.end()

    def check(self, inputs: Inputs) -> None:
        """Check shapes and precision, on which compiled code relies."""
        parameters, initial, weather, observations = inputs
        members, cells = initial.labile.shape
        months = weather.time.shape[0]
        shapes = {"mn": (members, cells), "tn": (months, cells), "t": (months, 1), "n": (cells,)}
        names = [
            *(
                f"{kind}.{name}"
                for kind in ("value", "weight")
                for name in sorted(observations.value)
            ),
            "valid",
        ]
        names = [*parameters._fields, *initial._fields, *weather._fields, *names]
        axes = [axis for group in self._axes_of_inputs() for axis in group]
        for name, array, axis in zip(names, jax.tree.leaves(inputs), axes, strict=True):
            if array.shape != shapes[axis] or array.dtype != self.dtype:
                raise ValueError(
                    f"{name}: expected {self.dtype} of shape {shapes[axis]}, found {array.dtype} "
                    f"of shape {array.shape}"
                )
        if cells < self.width:
            raise ValueError(f"expected at least {self.width} cells, found {cells}")
        super().check(inputs)

    def forward(self, inputs: Inputs) -> tuple[Kept, Sequence[Array]]:
        """Reduced record, and the pools before each month."""
        _, initial, weather, _ = inputs
        members, cells = initial.labile.shape
        months = weather.time.shape[0]
        vectors = -(-cells // self.width)
        sizes = {
            "m": members,
            "p": min(PARTS, vectors),
            "v": vectors,
            "t": months,
            "y": months // MONTHS_PER_YEAR,
            "n": cells,
            "l": self.width,
        }
        axes = [axis for group in self._axes_of_kept("pmtl") for axis in group]
        results = jax.ffi.ffi_call(
            self.forward_target,
            [
                jax.ShapeDtypeStruct(tuple(sizes[letter] for letter in axis), self.dtype)
                for axis in [*axes, *["mvtl"] * len(initial)]
            ],
        )(*jax.tree.leaves(inputs))
        kept = jax.tree.unflatten(jax.tree.structure(self.kept), results[: len(axes)])
        # Parts one by one: XLA's order in a sum over two axes hangs on the number of members.
        patch = jax.tree.map(lambda parts: sum(parts[1:], parts[0]).sum(axis=-1), kept.patch)
        return kept._replace(patch=patch), results[len(axes) :]

    def backward(
        self, inputs: Inputs, before: Sequence[Array], cotangents: Kept
    ) -> tuple[Parameters, Pools]:
        """Cotangents of parameters and initial pools."""
        if self.backward_target is None:
            raise TypeError("this loop was made without a gradient (differentiable=False)")
        parameters, initial, *_ = inputs
        one = jax.ShapeDtypeStruct(initial.labile.shape, self.dtype)
        results = jax.ffi.ffi_call(self.backward_target, [one] * (len(parameters) + len(initial)))(
            *jax.tree.leaves(inputs), *before, *jax.tree.leaves(cotangents)
        )
        return Parameters(*results[: len(parameters)]), Pools(*results[len(parameters) :])


_ENGINES: dict[str, llvm.ExecutionEngine] = {}
"""What is compiled already, by the digest of its source. XLA keeps the addresses."""


def _target(name: str, write: Callable[[ir.Module], None]) -> str:
    """Name under which XLA finds a function that is written into a module of its own.

    The name contains the source of the function, so that a program in XLA's cache of compiled
    programs never meets another function than the one that it was compiled for.
    """
    module = ir.Module(name)
    module.triple = llvm.get_default_triple()
    write(module)
    text = str(module)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    target = f"differland_{name}_{digest}"
    if digest not in _ENGINES:
        _ENGINES[digest] = engine = _compile(text)
        address = ctypes.c_void_p(engine.get_function_address(name))
        jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(address), platform="cpu")
    return target


def _compile(text: str) -> llvm.ExecutionEngine:
    """Machine code for the present processor, which lives as long as the engine."""
    # Mixes what is independent, so that one month's chain of operations does not wait for itself.
    llvm.set_option("", "-pre-RA-sched=list-ilp")
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

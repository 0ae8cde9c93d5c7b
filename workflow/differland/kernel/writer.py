"""Writer of a function that XLA calls, with loops over vectors of cells, members, and months.

The cells are halved. A lone member's halves run side by side on two cores; a block's one after the
other, because XLA runs several blocks at once. Sums over cells are sums of the halves in either
case, so that they do not depend on it, nor on the machine.
"""

import itertools
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numpy as np

from differland.driver import MONTHS_PER_YEAR
from differland.kernel.interface import LAYOUT, api_version
from differland.kernel.vectors import VectorCode, call

POINTER = ir.PointerType()
LONG = ir.IntType(64)
INTEGER = ir.IntType(32)

PARTS = 2
"""Parts of the vectors of cells."""

TASK_FRAME, TASK_PART = 0, 8
"""What the function of a part is told: offsets of XLA's frame and of the part's number, bytes."""


def constant(number: int) -> ir.Constant:
    """A whole number of 64 bits."""
    return ir.Constant(LONG, number)


def place(builder: ir.IRBuilder, structure: ir.Value, offset: int | ir.Value) -> ir.Value:
    """Address at a number of bytes after another."""
    offset = constant(offset) if isinstance(offset, int) else offset
    return builder.gep(structure, [offset], source_etype=ir.IntType(8))


def field(builder: ir.IRBuilder, structure: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
    """Load a field of a structure."""
    return builder.load(place(builder, structure, offset), typ=kind)


@dataclass(frozen=True)
class Buffer:
    """An array that compiled code reads or writes.

    Attributes
    ----------
    pointer
        Pointer to the first number.
    axes
        Axes of the array, in order, of ``m`` (member), ``t`` (time), ``y`` (calendar year), ``n``
        (cell), ``v`` and ``l`` (vector of cells, and cell in a vector) and ``p`` (part of the
        vectors).
    """

    pointer: ir.Value
    axes: str


class Frame:
    """Call frame of XLA: arrays of arguments and results.

    Parameters
    ----------
    builder
        Builder of the function that has the frame.
    pointer
        Pointer to the frame.
    """

    def __init__(self, builder: ir.IRBuilder, pointer: ir.Value) -> None:
        self.builder = builder
        self.arguments = field(builder, pointer, LAYOUT["CallFrame", "args.args"], POINTER)
        self.results = field(builder, pointer, LAYOUT["CallFrame", "rets.rets"], POINTER)

    def buffer(self, of: ir.Value, position: int) -> ir.Value:
        """One of the arguments or results."""
        return field(self.builder, of, 8 * position, POINTER)

    def size(self, position: int, axis: int) -> ir.Value:
        """Length of an axis of an argument."""
        buffer = self.buffer(self.arguments, position)
        dimensions = field(self.builder, buffer, LAYOUT["Buffer", "dims"], POINTER)
        return field(self.builder, dimensions, 8 * axis, LONG)

    def groups(self, of: ir.Value, axes: Sequence[Sequence[str]]) -> list[list[Buffer]]:
        """The arrays among arguments or results, in groups that follow one another."""
        positions = itertools.count()

        def data() -> ir.Value:
            buffer = self.buffer(of, next(positions))
            return field(self.builder, buffer, LAYOUT["Buffer", "data"], POINTER)

        return [[Buffer(data(), axis) for axis in group] for group in axes]


class Writer:
    """Writes one function.

    The first argument of the function has the axes (member, cell).

    Parameters
    ----------
    module
        Module in which the function is written.
    name
        Name of the function.
    dtype
        Type of all numbers, float32 or float64.
    width
        Cells in a vector.
    time_first
        Position of an argument whose first axis is time.
    """

    def __init__(
        self, module: ir.Module, name: str, dtype: np.dtype, width: int, time_first: int
    ) -> None:
        self.size = dtype.itemsize
        kind = ir.FunctionType(POINTER, [POINTER])
        self.handler = ir.Function(module, kind, name)
        self.function = ir.Function(module, kind, f"{name}_part")
        # Whole lines of the cache for what does not fit into registers. (llvmlite's own list of
        # attributes lacks this one.)
        set.add(self.function.attributes, '"stackrealign"')
        self.builder = b = ir.IRBuilder(self.function.append_basic_block())
        self.code = VectorCode(b, dtype, width)
        (task,) = self.function.args
        self.part = field(b, task, TASK_PART, LONG)
        self.frame = Frame(b, field(b, task, TASK_FRAME, POINTER))
        self.members, self.cells, self.count, self.parts = self._sizes(self.frame)
        self.months = self.frame.size(time_first, 0)
        self.years = b.sdiv(self.months, constant(MONTHS_PER_YEAR))

    def _sizes(self, frame: Frame) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
        """Number of members, cells, vectors of cells, and parts of these."""
        b = frame.builder
        members, cells = frame.size(0, 0), frame.size(0, 1)
        width = self.code.width
        vectors = b.sdiv(b.add(cells, constant(width - 1)), constant(width))
        few = b.icmp_signed("<", vectors, constant(PARTS))
        return members, cells, vectors, b.select(few, vectors, constant(PARTS))

    # -- loops --------------------------------------------------------------------------------

    @contextmanager
    def loop(self, count: ir.Value) -> Any:
        """Loop over the code written inside, with a counter from zero."""
        b = self.builder
        before = b.block
        head = self.function.append_basic_block()
        body = self.function.append_basic_block()
        end = self.function.append_basic_block()
        b.branch(head)
        b.position_at_end(head)
        counter = b.phi(LONG)
        counter.add_incoming(constant(0), before)
        b.cbranch(b.icmp_signed("<", counter, count), body, end)
        b.position_at_end(body)
        yield counter
        counter.add_incoming(b.add(counter, constant(1)), b.block)
        b.branch(head)
        b.position_at_end(end)

    @contextmanager
    def vectors(self) -> Any:
        """Loop over each vector of the part's cells and each member.

        Members follow one another on the same cells, so that their weather stays in the cache. The
        last vector reaches back over cells that were done already where the width does not divide
        their number.
        """
        b = self.builder
        width = constant(self.code.width)
        last = b.sub(self.cells, width)

        def start(part: ir.Value) -> ir.Value:
            return b.sdiv(b.mul(self.count, part), self.parts)

        first = start(self.part)
        own = b.sub(start(b.add(self.part, constant(1))), first)
        with self.loop(own) as self.of_part, self.loop(self.members) as self.member:
            self.number = b.add(first, self.of_part)
            cell = b.mul(self.number, width)
            self.cell = b.select(b.icmp_signed(">", cell, last), last, cell)
            self.repeated = b.sub(cell, self.cell)
            yield

    # -- numbers --------------------------------------------------------------------------------

    def _address(self, buffer: Buffer, month: ir.Value | None) -> ir.Value:
        b = self.builder
        index: ir.Value = constant(0)
        for axis in buffer.axes:
            size, position = {
                "m": (self.members, self.member),
                "p": (self.parts, self.part),
                "v": (self.count, self.number),
                "t": (self.months, month),
                "y": (self.years, month and b.sdiv(month, constant(MONTHS_PER_YEAR))),
                "n": (self.cells, self.cell),
                "l": (constant(self.code.width), constant(0)),
            }[axis]
            index = b.add(b.mul(index, size), position)
        return place(b, buffer.pointer, b.mul(index, constant(self.size)))

    def load(self, buffer: Buffer, month: ir.Value | None = None) -> ir.Value:
        """Load a vector of an array, the same number in all cells if it has no axis of cells."""
        address = self._address(buffer, month)
        if buffer.axes[-1] in "nl":
            return self.builder.load(address, align=self.size, typ=self.code.vector)
        return self.code.spread(self.builder.load(address, typ=self.code.scalar))

    def store(self, value: ir.Value, buffer: Buffer, month: ir.Value | None = None) -> None:
        """Write a vector into an array."""
        self.builder.store(value, self._address(buffer, month), align=self.size)

    def add_to_patch(self, value: ir.Value, buffer: Buffer, month: ir.Value) -> None:
        """Add to the sum over the part's vectors, but for cells that were added already."""
        new = self.code.lanes_from(self.repeated)
        value = self.builder.select(new, value, self.code.number(0))
        before = self.load(buffer, month)
        self.store(self._sum(value, before, self.of_part), buffer, month)

    def add_to_year(
        self, value: ir.Value, place: ir.Value, buffer: Buffer, month: ir.Value
    ) -> None:
        """Add to the sum over the months of a calendar year, which a place holds."""
        of_year = self.builder.srem(month, constant(MONTHS_PER_YEAR))
        # Not read from the array: the other part may be writing to cells that both have.
        total = self._sum(value, self.get(place), of_year)
        self.set(total, place)
        self.store(total, buffer, month)

    def _sum(self, value: ir.Value, before: ir.Value, number: ir.Value) -> ir.Value:
        """Sum of a value and of those before it, of which there are `number`."""
        first = self.builder.icmp_signed("==", number, constant(0))
        return self.builder.fadd(self.builder.select(first, self.code.number(0), before), value)

    def places(self, count: int) -> list[ir.Value]:
        """Places for vectors that change from month to month."""
        with self.builder.goto_entry_block():
            return [self.builder.alloca(self.code.vector) for _ in range(count)]

    def get(self, place: ir.Value) -> ir.Value:
        """The vector in a place."""
        return self.builder.load(place, typ=self.code.vector)

    def set(self, value: ir.Value, place: ir.Value) -> None:
        """Put a vector into a place."""
        self.builder.store(value, place)

    def add(self, value: ir.Value, place: ir.Value) -> None:
        """Add to the vector in a place."""
        self.set(self.builder.fadd(self.get(place), value), place)

    # -- the whole ------------------------------------------------------------------------------

    def end(self) -> None:
        """End the function of a part, and write the function that XLA calls."""
        self.builder.ret(ir.Constant(POINTER, None))
        b = ir.IRBuilder(self.handler.append_basic_block())
        (pointer,) = self.handler.args
        _answer_version(b, pointer)
        members, _, _, parts = self._sizes(Frame(b, pointer))
        one, other, thread, aside = (b.alloca(POINTER, size) for size in (2, 2, 1, 1))
        for part, task in enumerate((one, other)):
            b.store(pointer, place(b, task, TASK_FRAME))
            b.store(constant(part), place(b, task, TASK_PART))
        halved = b.icmp_signed("==", parts, constant(PARTS))
        alone = b.icmp_signed("==", members, constant(1))
        b.store(ir.Constant(ir.IntType(1), False), aside)
        nothing = ir.Constant(POINTER, None)
        with b.if_then(b.and_(halved, alone)):
            start = thread, nothing, self.function, other
            failed = call(b, "pthread_create", INTEGER, *start)
            b.store(b.icmp_signed("==", failed, ir.Constant(INTEGER, 0)), aside)
        b.call(self.function, [one])
        # Where no thread could be had, the halves follow one another.
        started = b.load(aside, typ=ir.IntType(1))
        with b.if_then(started):
            call(b, "pthread_join", INTEGER, b.load(thread, typ=LONG), nothing)
        with b.if_then(b.and_(halved, b.not_(started))):
            b.call(self.function, [other])
        b.ret(nothing)


def _answer_version(b: ir.IRBuilder, frame: ir.Value) -> None:
    """Answer XLA when it asks for the version of its interface, and return."""
    extension = field(b, frame, LAYOUT["CallFrame", "extension_start"], POINTER)
    asked = b.icmp_unsigned("!=", b.ptrtoint(extension, LONG), constant(0))
    with b.if_then(asked):
        metadata = field(b, extension, LAYOUT["Metadata_Extension", "metadata"], POINTER)
        for part, number in zip(("major", "minor"), api_version(), strict=True):
            offset = LAYOUT["Metadata", f"api_version.{part}_version"]
            b.store(ir.Constant(INTEGER, number), place(b, metadata, offset))
        b.ret(ir.Constant(POINTER, None))

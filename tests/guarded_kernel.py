"""Calls the compiled loops as XLA does, each array between pages that must not be touched.

Run as a program: it ends with a segmentation fault where a loop reads or writes outside its arrays.
"""

import ctypes
import mmap
from collections.abc import Sequence

import jax
import numpy as np

from differland.kernel.interface import LAYOUT
from differland.kernel.months import _ENGINES, Loop
from differland.model.parameters import Parameters, Pools
from differland.model.simulate import Keep, Kept, MonthlyObservations
from differland.model.weather import SHARED, Weather
from differland.objective import keep_for
from differland.terms import PAPER_WEIGHTS

MEMBERS, MONTHS = 3, 24
PAGE = mmap.PAGESIZE
FORBIDDEN = 0
"""Protection of a page that nobody may read or write."""

libc = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """Memory of some bytes that starts, or ends, at a page that nobody may touch."""

    def __init__(self, size: int, at_end: bool) -> None:
        pages = -(-size // PAGE)
        self.memory = mmap.mmap(-1, (pages + 2) * PAGE)
        first = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for page in (first, first + (pages + 1) * PAGE):
            protected = libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), FORBIDDEN)
            assert protected == 0, ctypes.get_errno()
        self.address = first + PAGE + (pages * PAGE - size if at_end else 0)


class Frame:
    """What XLA hands over for some arrays; as bytes, by the layout that the kernel knows."""

    def __init__(self, arguments: Sequence[tuple[int, ...]], results, dtype, at_end: bool) -> None:
        self.kept: list[object] = []
        self.dtype, self.at_end = np.dtype(dtype), at_end
        frame = self._block(256)
        lists = {"args.args": arguments, "rets.rets": results}
        for field, shapes in lists.items():
            buffers = (ctypes.c_void_p * len(shapes))(*map(self._buffer, shapes))
            self.kept.append(buffers)
            self._put(frame, LAYOUT["CallFrame", field], ctypes.addressof(buffers))
        self.address = frame

    def _block(self, size: int) -> int:
        block = ctypes.create_string_buffer(size)
        self.kept.append(block)
        return ctypes.addressof(block)

    def _put(self, place: int, offset: int, pointer: int) -> None:
        ctypes.c_void_p.from_address(place + offset).value = pointer

    def _buffer(self, shape: tuple[int, ...]) -> int:
        array = Guarded(int(np.prod(shape)) * self.dtype.itemsize, self.at_end)
        sizes = (ctypes.c_int64 * len(shape))(*shape)
        self.kept += [array, sizes]
        values = np.ctypeslib.as_array(
            (ctypes.c_byte * (int(np.prod(shape)) * self.dtype.itemsize)).from_address(
                array.address
            )
        ).view(self.dtype)
        values[:] = 0.5
        buffer = self._block(64)
        self._put(buffer, LAYOUT["Buffer", "data"], array.address)
        self._put(buffer, LAYOUT["Buffer", "dims"], ctypes.addressof(sizes))
        return buffer


def keep_everything(outputs, december, observations) -> Kept:
    """Each kind of what can be kept of a month."""
    kept = keep_for(PAPER_WEIGHTS).of(outputs, december, observations)
    return kept._replace(series={"gpp": outputs["gpp"]})


def calls(cells: int, dtype: type) -> list[tuple[str, list[tuple], list[tuple]]]:
    """Target and shapes of arguments and results of each call of a loop and of its gradient."""
    keep = Keep(keep_everything, keep_for(PAPER_WEIGHTS).compared)
    loop = Loop(keep, cells, np.dtype(dtype), True)

    def of(*shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)

    own, shared, months = of(MEMBERS, cells), of(MONTHS, 1), of(MONTHS, cells)
    observed = dict.fromkeys(keep.compared, months)
    given = (
        Parameters(*[own] * len(Parameters._fields)),
        Pools(*[own] * len(Pools._fields)),
        Weather(*(shared if name in SHARED else months for name in Weather._fields)),
        MonthlyObservations(observed, observed, of(cells)),
    )

    def total(*inputs):
        return sum(values.sum() for values in jax.tree.leaves(loop(*inputs)))

    traced = jax.make_jaxpr(jax.grad(total, argnums=(0, 1)))(*given)
    return [
        (
            equation.params["target_name"],
            [variable.aval.shape for variable in equation.invars],
            [variable.aval.shape for variable in equation.outvars],
        )
        for equation in traced.eqns
        if equation.primitive.name == "ffi_call"
    ]


def call_guarded(cells: int, dtype: type, at_end: bool) -> list[str]:
    """Call the loop forward and backward; tell their targets."""
    found = calls(cells, dtype)
    for target, arguments, results in found:
        _, name, digest = target.split("_")
        frame = Frame(arguments, results, dtype, at_end)
        handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(
            _ENGINES[digest].get_function_address(name)
        )
        assert handler(frame.address) is None
    return [target for target, _, _ in found]


if __name__ == "__main__":
    for precision in (np.float32, np.float64):
        with jax.enable_x64(precision is np.float64):
            for number in (5, 21):
                for flush in (False, True):
                    assert len(call_guarded(number, precision, flush)) == 2

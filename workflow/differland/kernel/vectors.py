"""Machine code for vectors of cells, from arithmetic on scalars that JAX has traced.

A traced function of scalars is a list of elementary operations. Here each of them becomes one
operation on a vector of cells in the language of LLVM, which compiles it for the processor at
hand. Operations are neither reordered nor contracted: results are those of IEEE arithmetic in the
order of the traced function. Elementary functions of single precision are polynomials (after
Moshier, Cephes Mathematical Library), within a few units in the last place; those of double
precision are the C library's.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import llvmlite.ir as ir
import numpy as np
from jax.extend import core

COMPARISONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}

UNCHANGED = frozenset({"convert_element_type", "copy", "stop_gradient"})
"""Operations that do nothing to a floating-point number of the kernel's own precision."""

LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
"""Logarithm of two in two parts, of which the first has few digits."""

EXP_COEFFICIENTS = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
LOG_COEFFICIENTS = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
SIN_COEFFICIENTS = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS_COEFFICIENTS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
HALF_PI_PARTS = (1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8)
"""Half of pi in three parts, of which the first two have few digits."""

SMALLEST_EXPONENT, LARGEST_EXPONENT = -87.3, 88.7
"""Where the exponential of single precision falls to zero, and where it is cut."""

ROUNDING, ROUNDING_BITS = 1.5 * 2**23, 0x4B400000
"""A number of single precision without digits behind the point, and its bits."""

ROOT_HALF_BITS, EXPONENT_SHIFT, EXPONENT_BIAS = 0x3F3504F3, 23, 127


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    """Call a function of LLVM or of another library, declaring it the first time."""
    function = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(result, [argument.type for argument in arguments]), name
    )
    return builder.call(function, arguments)


class VectorCode:
    """Writes operations on vectors of `width` cells where a builder of LLVM stands.

    Parameters
    ----------
    builder
        LLVM builder of the function that is written.
    dtype
        Type of all numbers, float32 or float64.
    width
        Cells in a vector.
    """

    def __init__(self, builder: ir.IRBuilder, dtype: np.dtype, width: int) -> None:
        self.builder = builder
        self.width = width
        self.single = dtype == np.float32
        self.scalar = ir.FloatType() if self.single else ir.DoubleType()
        self.integer = ir.IntType(32 if self.single else 64)
        self.vector = ir.VectorType(self.scalar, width)
        self.integers = ir.VectorType(self.integer, width)
        self.truths = ir.VectorType(ir.IntType(1), width)

    # -- values -------------------------------------------------------------------------------

    def number(self, value: float) -> ir.Constant:
        """Vector of one number."""
        rounded = float(np.float32(value)) if self.single else float(value)
        return ir.Constant(self.vector, [ir.Constant(self.scalar, rounded)] * self.width)

    def _integer(self, value: int) -> ir.Constant:
        return ir.Constant(self.integers, [ir.Constant(self.integer, value)] * self.width)

    def spread(self, value: ir.Value) -> ir.Value:
        """Vector of a number, of any type, that is known only when the code runs."""
        index, empty = (
            ir.IntType(32),
            ir.Constant(ir.VectorType(value.type, self.width), ir.Undefined),
        )
        first = self.builder.insert_element(empty, value, ir.Constant(index, 0))
        everywhere = ir.Constant(ir.VectorType(index, self.width), [0] * self.width)
        return self.builder.shuffle_vector(first, empty, everywhere)

    def lanes_from(self, first: ir.Value) -> ir.Value:
        """Mask of the cells of a vector at or after the position `first`."""
        places = ir.Constant(ir.VectorType(first.type, self.width), list(range(self.width)))
        return self.builder.icmp_signed(">=", places, self.spread(first))

    # -- traced functions -----------------------------------------------------------------------

    def write(
        self,
        operations: Iterable[Any],
        values: dict[Any, ir.Value],
    ) -> None:
        """Write traced operations, and add their results to `values`.

        Raises
        ------
        NotImplementedError
            An operation has no counterpart here.
        """
        for operation in operations:
            arguments = [self.value_of(variable, values) for variable in operation.invars]
            values[operation.outvars[0]] = self._operation(operation, arguments)

    def value_of(self, variable: Any, values: dict[Any, ir.Value]) -> ir.Value:
        """The vector of a variable or literal of a traced function."""
        if isinstance(variable, core.Literal):
            return self.number(np.asarray(variable.val).item())
        return values[variable]

    def _operation(self, operation: Any, arguments: Sequence[ir.Value]) -> ir.Value:
        name = operation.primitive.name
        if name in COMPARISONS:
            return self.builder.fcmp_ordered(COMPARISONS[name], *arguments)
        if name == "convert_element_type" and arguments[0].type == self.truths:
            return self.builder.uitofp(arguments[0], self.vector)
        if name in UNCHANGED:
            return arguments[0]
        if name == "select_n":
            return self.builder.select(arguments[0], arguments[2], arguments[1])
        if name == "integer_pow":
            return self._power(arguments[0], operation.params["y"])
        if name in OPERATIONS:
            return OPERATIONS[name](self, *arguments)
        raise NotImplementedError(
            f"the model uses the operation {name}, which the kernel does not know: add it to "
            f"{__name__}, or train with engine: xla"
        )

    # -- arithmetic -------------------------------------------------------------------------------

    def intrinsic(self, name: str, *arguments: ir.Value) -> ir.Value:
        """Call one of LLVM's own functions of vectors."""
        full = f"llvm.{name}.v{self.width}f{32 if self.single else 64}"
        return call(self.builder, full, self.vector, *arguments)

    def _library(self, name: str, argument: ir.Value) -> ir.Value:
        """Call the C library for one cell after another."""
        result: ir.Value = ir.Constant(self.vector, ir.Undefined)
        for lane in range(self.width):
            place = ir.Constant(ir.IntType(32), lane)
            of_cell = self.builder.extract_element(argument, place)
            value = call(self.builder, name, self.scalar, of_cell)
            result = self.builder.insert_element(result, value, place)
        return result

    def _rounded(self, value: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The nearest whole number, and the same as integers; for numbers below some millions.

        Added to a number so large that it has no digits behind the point, a number is rounded and
        its whole part is in the lowest bits. Conversions would do the same, but are undefined for
        a NaN, or slow.
        """
        large = self.number(ROUNDING)
        moved = self.builder.fadd(value, large)
        whole = self.builder.fsub(moved, large)
        bits = self.builder.bitcast(moved, self.integers)
        return whole, self.builder.sub(bits, self._integer(ROUNDING_BITS))

    def _fused(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        return self.intrinsic("fma", a, b, c)

    def _polynomial(self, argument: ir.Value, coefficients: Sequence[float]) -> ir.Value:
        result: ir.Value = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self._fused(result, argument, self.number(coefficient))
        return result

    def _power(self, base: ir.Value, exponent: int) -> ir.Value:
        result = base
        for _ in range(abs(exponent) - 1):
            result = self.builder.fmul(result, base)
        return result if exponent > 0 else self.builder.fdiv(self.number(1), result)

    def _reduced(self, value: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Number of times that the argument of an exponential holds log(2), and the remainder."""
        bounded = self.intrinsic("minimum", value, self.number(LARGEST_EXPONENT))
        bounded = self.intrinsic("maximum", bounded, self.number(SMALLEST_EXPONENT))
        count, whole = self._rounded(self.builder.fmul(bounded, self.number(1 / math.log(2))))
        rest = self._fused(count, self.number(-LN2_HIGH), bounded)
        return whole, self._fused(count, self.number(-LN2_LOW), rest)

    def _power_of_two(self, exponent: ir.Value) -> ir.Value:
        biased = self.builder.add(exponent, self._integer(EXPONENT_BIAS))
        return self.builder.bitcast(
            self.builder.shl(biased, self._integer(EXPONENT_SHIFT)), self.vector
        )

    def _small_expm1(self, value: ir.Value) -> ir.Value:
        polynomial = self._polynomial(value, EXP_COEFFICIENTS)
        return self._fused(self.builder.fmul(value, value), polynomial, value)

    def _infinite_above(self, exponent: ir.Value, result: ir.Value) -> ir.Value:
        huge = self.builder.fcmp_ordered(">", exponent, self.number(LARGEST_EXPONENT))
        return self.builder.select(huge, self.number(math.inf), result)

    def exp(self, value: ir.Value) -> ir.Value:
        """Exponential; zero below -87.3 in single precision."""
        if not self.single:
            return self._library("exp", value)
        count, rest = self._reduced(value)
        mantissa = self.builder.fadd(self._small_expm1(rest), self.number(1))
        # In two steps: the largest power of two alone would be infinite.
        half = self.builder.fmul(mantissa, self.number(2))
        power = self._power_of_two(self.builder.sub(count, self._integer(1)))
        tiny = self.builder.fcmp_ordered("<", value, self.number(SMALLEST_EXPONENT))
        result = self.builder.select(tiny, self.number(0), self.builder.fmul(half, power))
        return self._infinite_above(value, result)

    def expm1(self, value: ir.Value) -> ir.Value:
        """Exponential minus one, with all digits near zero."""
        if not self.single:
            return self._library("expm1", value)
        count, rest = self._reduced(value)
        power = self._power_of_two(self.builder.sub(count, self._integer(1)))
        less = self.builder.fsub(power, self.number(0.5))
        half = self._fused(self._small_expm1(rest), power, less)
        return self._infinite_above(value, self.builder.fadd(half, half))

    def log(self, value: ir.Value) -> ir.Value:
        """Natural logarithm."""
        if not self.single:
            return self._library("log", value)
        return self._logarithm(value, None)

    def log1p(self, value: ir.Value) -> ir.Value:
        """Natural logarithm of one plus the argument, with all digits near zero."""
        if not self.single:
            return self._library("log1p", value)
        whole = self.builder.fadd(value, self.number(1))
        kept = self.builder.fsub(whole, self.number(1))
        return self._logarithm(whole, self.builder.fsub(value, kept))

    def _logarithm(self, value: ir.Value, remainder: ir.Value | None) -> ir.Value:
        """Logarithm of the sum of a number and its rounding error."""
        bits = self.builder.bitcast(value, self.integers)
        shift = self._integer(EXPONENT_SHIFT)
        exponent = self.builder.ashr(self.builder.sub(bits, self._integer(ROOT_HALF_BITS)), shift)
        # Between the roots of one half and of two.
        mantissa = self.builder.bitcast(
            self.builder.sub(bits, self.builder.shl(exponent, shift)), self.vector
        )
        count = self.builder.sitofp(exponent, self.vector)
        above = self.builder.fsub(mantissa, self.number(1))
        if remainder is not None:
            least = self._integer(-EXPONENT_BIAS)
            power = self.builder.sub(self._integer(0), exponent)
            low = self.builder.icmp_signed("<", power, least)
            scale = self._power_of_two(self.builder.select(low, least, power))
            above = self._fused(remainder, scale, above)
        square = self.builder.fmul(above, above)
        result = self._polynomial(above, LOG_COEFFICIENTS)
        result = self.builder.fmul(self.builder.fmul(result, above), square)
        result = self._fused(count, self.number(LN2_LOW), result)
        result = self._fused(square, self.number(-0.5), result)
        result = self._fused(count, self.number(LN2_HIGH), self.builder.fadd(above, result))
        positive = self.builder.fcmp_ordered(">", value, self.number(0))
        zero = self.builder.fcmp_ordered("==", value, self.number(0))
        otherwise = self.builder.select(zero, self.number(-math.inf), self.number(math.nan))
        infinite = self.builder.fcmp_ordered("==", value, self.number(math.inf))
        return self.builder.select(
            infinite, value, self.builder.select(positive, result, otherwise)
        )

    def sin(self, value: ir.Value) -> ir.Value:
        """Sine."""
        return self._sine(value, 0) if self.single else self._library("sin", value)

    def cos(self, value: ir.Value) -> ir.Value:
        """Cosine."""
        return self._sine(value, 1) if self.single else self._library("cos", value)

    def _sine(self, value: ir.Value, quarter: int) -> ir.Value:
        """Sine, shifted by a number of quarter turns; for arguments below some thousands."""
        count, turns = self._rounded(self.builder.fmul(value, self.number(2 / math.pi)))
        rest = value
        for part in HALF_PI_PARTS:
            rest = self._fused(count, self.number(-part), rest)
        square = self.builder.fmul(rest, rest)
        sine = self.builder.fmul(self._polynomial(square, SIN_COEFFICIENTS), square)
        sine = self._fused(sine, rest, rest)
        cosine = self.builder.fmul(self._polynomial(square, COS_COEFFICIENTS), square)
        straight = self._fused(square, self.number(-0.5), self.number(1))
        cosine = self._fused(cosine, square, straight)
        turns = self.builder.add(turns, self._integer(quarter))
        zero = self._integer(0)
        odd = self.builder.icmp_signed("!=", self.builder.and_(turns, self._integer(1)), zero)
        below = self.builder.icmp_signed("!=", self.builder.and_(turns, self._integer(2)), zero)
        result = self.builder.select(odd, cosine, sine)
        return self.builder.select(below, self.builder.fneg(result), result)


OPERATIONS: dict[str, Callable[..., ir.Value]] = {
    "add": lambda code, a, b: code.builder.fadd(a, b),
    "add_any": lambda code, a, b: code.builder.fadd(a, b),
    "sub": lambda code, a, b: code.builder.fsub(a, b),
    "mul": lambda code, a, b: code.builder.fmul(a, b),
    # Reciprocals would be faster, but a state exactly on its bound would then be beside it, where
    # the gradient is another.
    "div": lambda code, a, b: code.builder.fdiv(a, b),
    "neg": lambda code, a: code.builder.fneg(a),
    "square": lambda code, a: code.builder.fmul(a, a),
    "max": lambda code, a, b: code.intrinsic("maximum", a, b),
    "min": lambda code, a, b: code.intrinsic("minimum", a, b),
    "sqrt": lambda code, a: code.intrinsic("sqrt", a),
    "abs": lambda code, a: code.intrinsic("fabs", a),
    "exp": VectorCode.exp,
    "expm1": VectorCode.expm1,
    "log": VectorCode.log,
    "log1p": VectorCode.log1p,
    "sin": VectorCode.sin,
    "cos": VectorCode.cos,
}
"""How each operation of JAX is written, but for those that need more than its arguments."""

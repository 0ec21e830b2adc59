"""Formulas: text such as `(nir - red) / (nir + red)` to a program, by an allow-list.

The grammar is Python's for names, numbers, `+ - * / % **`, comparisons, `and or not`, `in (4, 5)`,
and calls of the functions in `FUNCTIONS`, `COMPOSED` and `styles.planes`; everything else is
refused. NumExpr's operators (those of TiTiler's formulas) mean the same as there: `& | ~` between
conditions, and `& << >>` with a whole number on the bits of a value. Several outputs are separated
by commas or semicolons. The text is only ever parsed, never run, and every bound is checked before
a pixel is touched.
"""

import ast
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from styles import opcodes as op
from styles.errors import StyleError
from styles.machine import allocate
from styles.planes import OVER_TIME, PASSES
from styles.program import Plane, Program

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 32
MAX_NAME: Final = 64
MAX_INTERVALS: Final = 32

#: Functions by name: operation, fewest and most arguments.
FUNCTIONS: Final[dict[str, tuple[int, int, int]]] = {
    "abs": (op.ABS, 1, 1),
    "sqrt": (op.SQRT, 1, 1),
    "log": (op.LOG, 1, 1),
    "exp": (op.EXP, 1, 1),
    "min": (op.MIN, 2, 16),
    "max": (op.MAX, 2, 16),
    "where": (op.WHERE, 3, 3),
    "clamp": (op.CLAMP, 3, 3),
    "floor": (op.FLOOR, 1, 1),
    "ceil": (op.CEIL, 1, 1),
    "round": (op.ROUND, 1, 1),
    "mod": (op.MOD, 2, 2),
    "sin": (op.SIN, 1, 1),
    "cos": (op.COS, 1, 1),
    "tan": (op.TAN, 1, 1),
    "asin": (op.ASIN, 1, 1),
    "acos": (op.ACOS, 1, 1),
    "atan": (op.ATAN, 1, 1),
    "atan2": (op.ATAN2, 2, 2),
    "pow": (op.POW, 2, 2),
    # NumExpr's names
    "arcsin": (op.ASIN, 1, 1),
    "arccos": (op.ACOS, 1, 1),
    "arctan": (op.ATAN, 1, 1),
    "arctan2": (op.ATAN2, 2, 2),
}
#: Functions that are made of operations: fewest and most arguments.
COMPOSED: Final[dict[str, tuple[int, int]]] = {
    "log10": (1, 1),
    "isin": (2, 33),
    "bit": (2, 2),
    "bits": (3, 3),
}
_CALLED: Final = frozenset((*FUNCTIONS, *COMPOSED, *PASSES, *OVER_TIME))
#: Names that are numbers. There is only something to see where there is data, where the mask is 1.
CONSTANTS: Final[dict[str, float]] = {"pi": math.pi, "nan": math.nan, "dataMask": 1.0}
#: Bits of a value that float32 holds.
MAX_BITS: Final = 24
_LARGEST: Final = float(np.finfo(np.float32).max)
_LOG10: Final = 1.0 / math.log(10.0)
_CONDITIONS: Final = frozenset(
    {op.LT, op.LE, op.GT, op.GE, op.EQ, op.NE, op.AND, op.OR, op.NOT}
)  # fmt: skip
_BINARY: Final[dict[type[ast.operator], int]] = {
    ast.Add: op.ADD,
    ast.Sub: op.SUB,
    ast.Mult: op.MUL,
    ast.Div: op.DIV,
    ast.Mod: op.MOD,
    ast.Pow: op.POW,
}
_COMPARE: Final[dict[type[ast.cmpop], int]] = {
    ast.Lt: op.LT,
    ast.LtE: op.LE,
    ast.Gt: op.GT,
    ast.GtE: op.GE,
    ast.Eq: op.EQ,
    ast.NotEq: op.NE,
}
_COMMUTATIVE: Final = frozenset({op.ADD, op.MUL, op.EQ, op.NE, op.AND, op.OR})

_FOREIGN = re.compile(r"[^A-Za-z0-9_.+\-*/%&|~<>=!(),; ]")
#: A number that runs into a name (`1if`): legal to Python's parser, but only with a warning.
_GLUED = re.compile(r"(?<![\w.])(?>\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?+(?=[A-Za-z_])")


def compile_formula(
    text: str, names: Collection[str] | None = None, *, longest: int = MAX_LENGTH
) -> Program:
    """Compile a formula.

    `x**2`, `x**3`, `x**4` become multiplications and `x**0.5` a square root; other powers are
    those of C's `powf`. What comparisons, logic and `where` make of NaN is stated in
    `styles.opcodes`. The inputs of the program are in order of their first use.

    Args:
        text: The formula.
        names: Band names that may occur; None allows any.
        longest: Most characters that it may have.

    Returns:
        The program; equal sub-expressions are computed once.

    Raises:
        StyleError: Not such a formula, or beyond a bound; `position` is the column.
    """
    graph = _Graph(names)
    return graph.program(_outputs(graph, text, longest))


def compile_intervals(
    text: str, intervals: Sequence[tuple[float, float]], names: Collection[str] | None = None
) -> Program:
    """Compile a formula to the number, from 1, of the interval that its value lies in.

    Args:
        text: A formula of one output, see `compile_formula`.
        intervals: First value and the first one beyond each; of several that overlap the last
            counts.
        names: See `compile_formula`.

    Returns:
        The program; it gives 0 outside of all intervals.

    Raises:
        StyleError: As there; or more than one output, no interval or too many.
    """
    graph = _Graph(names)
    results = _outputs(graph, text)
    if len(results) != 1:
        raise StyleError("intervals are of one value")
    return graph.program([graph.interval(results[0], intervals)])


def _outputs(graph: "_Graph", text: str, longest: int = MAX_LENGTH) -> list[int]:
    """Read all parts of a formula."""
    if len(text) > longest:
        raise StyleError(f"the formula is longer than {longest} characters")
    text = text.expandtabs(1).replace("\n", " ").replace("\r", " ")
    if found := _FOREIGN.search(text):
        raise _error("a character that no formula has", found.start())
    if found := _GLUED.search(text):
        raise _error("a name cannot follow a number without an operator", found.end())
    results: list[int] = []
    start = 0
    for part in text.rstrip("; ").split(";"):
        results += graph.outputs(part, start)
        start += len(part) + 1
    return results


def _error(message: str, position: int) -> StyleError:
    return StyleError(f"{message} (column {position + 1})", position=position)


@dataclass(slots=True)
class _Graph:
    """Values in order of computation; a value is a number, and equal values are one.

    Attributes:
        names: Band names that may occur, None for any.
        inputs: Band names met so far.
        constants: By the bits of their float32, so that 0.0 and -0.0 stay apart.
        nodes: (operation, operands) -> its value number, from 0.
        planes: Inputs that are computed, by their keys.
    """

    names: Collection[str] | None
    inputs: dict[str, int] = field(default_factory=dict)
    constants: dict[bytes, int] = field(default_factory=dict)
    nodes: dict[tuple[int, ...], int] = field(default_factory=dict)
    planes: dict[str, Plane] = field(default_factory=dict)
    start: int = 0

    @property
    def kinds(self) -> list[int]:
        """The operation of each value."""
        return [kind for kind, *_ in self.nodes]

    def outputs(self, part: str, start: int) -> list[int]:
        """Parse one part between semicolons, which begins at column `start` of the whole."""
        body = part.lstrip()
        self.start = start + len(part) - len(body)
        if not body:
            raise _error("an empty formula", start)
        try:
            tree = ast.parse(body, mode="eval").body
        except SyntaxError as error:
            column = self.start + max((error.offset or 1) - 1, 0)
            raise _error("this is not a formula", column) from None
        except (ValueError, MemoryError, RecursionError):
            raise _error("the formula cannot be read", self.start) from None
        parts = tree.elts if isinstance(tree, ast.Tuple) else [tree]
        return [self.visit(node, 1) for node in parts]

    def visit(self, node: ast.expr, depth: int) -> int:  # noqa: PLR0911 - one per kind of node
        """Return the operand number (register numbers are value numbers here) of a node."""
        if depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep", node)
        match node:
            case ast.Name():
                return self.band(node)
            case ast.Constant():
                return self.number(node)
            case ast.UnaryOp():
                return self.unary(node, depth)
            case ast.BinOp():
                return self.binary(node, depth)
            case ast.BoolOp():
                kind = op.AND if isinstance(node.op, ast.And) else op.OR
                return self.fold(kind, [self.visit(v, depth + 1) for v in node.values], node)
            case ast.Compare():
                return self.compare(node, depth)
            case ast.Call():
                return self.call(node, depth)
            case _:
                raise self.error("only bands, numbers, operators and functions are allowed", node)

    def band(self, node: ast.Name) -> int:
        if node.id in CONSTANTS and (self.names is None or node.id not in self.names):
            return self.constant(CONSTANTS[node.id], node)
        if node.id in _CALLED:
            raise self.error(f"{node.id} is a function and needs arguments", node)
        if len(node.id) > MAX_NAME:
            raise self.error("the name of a band is too long", node)
        if self.names is not None and node.id not in self.names:
            raise self.error(f"there is no band {node.id}", node)
        return self.input(node.id, node)

    def input(self, name: str, node: ast.expr) -> int:
        """Return the operand number of an input."""
        if len(self.inputs) == op.MAX_INPUTS and name not in self.inputs:
            raise self.error(f"more than {op.MAX_INPUTS} bands", node)
        return op.FIRST_INPUT + self.inputs.setdefault(name, len(self.inputs))

    def number(self, node: ast.Constant, sign: float = 1.0) -> int:
        if type(node.value) not in (int, float):
            raise self.error("only numbers can be written out", node)
        try:
            value = float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            value = float("inf")
        return self.constant(sign * value, node)

    def constant(self, value: float, node: ast.expr) -> int:
        if abs(value) > _LARGEST:
            raise self.error("the number is too large", node)
        bits = np.float32(value).tobytes()
        if len(self.constants) == op.MAX_CONSTANTS and bits not in self.constants:
            raise self.error(f"more than {op.MAX_CONSTANTS} different numbers", node)
        return op.FIRST_CONSTANT + self.constants.setdefault(bits, len(self.constants))

    def unary(self, node: ast.UnaryOp, depth: int) -> int:
        value = node.operand
        if isinstance(node.op, ast.USub) and isinstance(value, ast.Constant):
            return self.number(value, -1.0)
        operand = self.visit(value, depth + 1)
        match node.op:
            case ast.UAdd():
                return operand
            case ast.USub():
                return self.emit(op.NEG, (operand,), node)
            case ast.Not():
                return self.emit(op.NOT, (operand,), node)
            case ast.Invert() if self.is_condition(operand):
                return self.emit(op.NOT, (operand,), node)
            case _:
                raise self.error("the operator is not allowed", node)

    def binary(self, node: ast.BinOp, depth: int) -> int:
        if isinstance(node.op, ast.BitAnd | ast.BitOr | ast.LShift | ast.RShift):
            return self.bitwise(node, depth)
        kind = _BINARY.get(type(node.op))
        if kind is None:
            raise self.error("the operator is not allowed", node)
        left = self.visit(node.left, depth + 1)
        if kind == op.POW and isinstance(node.right, ast.Constant):
            exponent = node.right.value
            if exponent in (2, 3, 4) and not isinstance(exponent, bool):
                square = self.emit(op.MUL, (left, left), node)
                factors = {2: None, 3: left, 4: square}[int(exponent)]  # type: ignore[arg-type]
                return square if factors is None else self.emit(op.MUL, (square, factors), node)
            if exponent == 0.5:
                return self.emit(op.SQRT, (left,), node)
        return self.emit(kind, (left, self.visit(node.right, depth + 1)), node)

    def bitwise(self, node: ast.BinOp, depth: int) -> int:
        """Return `&` and `|` of conditions, or `&`, `<<`, `>>` of a value with a whole number."""
        left = self.visit(node.left, depth + 1)
        if isinstance(node.op, ast.LShift | ast.RShift):
            places = self.whole(node.right, 0, MAX_BITS)
            if isinstance(node.op, ast.LShift):
                return self.scaled(left, 2.0**places, node)
            return self.emit(op.FLOOR, (self.scaled(left, 2.0**-places, node),), node)
        kind = op.AND if isinstance(node.op, ast.BitAnd) else op.OR
        if self.is_condition(left) and not isinstance(node.right, ast.Constant):
            right = self.visit(node.right, depth + 1)
            if self.is_condition(right):
                return self.emit(kind, (left, right), node)
        elif kind == op.AND and isinstance(node.right, ast.Constant):
            return self.masked(left, self.whole(node.right, 0, 2**MAX_BITS - 1), node)
        message = "takes conditions" if kind == op.OR else "takes conditions, or a whole number"
        raise self.error(f"{'|' if kind == op.OR else '&'} {message}", node)

    def is_condition(self, value: int) -> bool:
        """Tell whether a value can only be true, false or nothing."""
        return value < 0 and self.kinds[-1 - value] in _CONDITIONS

    def scaled(self, value: int, factor: float, node: ast.expr) -> int:
        """Return a value times a number."""
        if factor == 1.0:
            return value
        return self.emit(op.MUL, (value, self.constant(factor, node)), node)

    def bits_of(self, value: int, first: int, count: int, node: ast.expr) -> int:
        """Return the number that some bits of a value hold.

        All steps are exact, as the factors are powers of two; of negative numbers the bits are
        those of two's complement.
        """
        whole = self.emit(op.FLOOR, (self.scaled(value, 2.0**-first, node),), node)
        above = self.emit(op.FLOOR, (self.scaled(whole, 2.0**-count, node),), node)
        return self.emit(op.SUB, (whole, self.scaled(above, 2.0**count, node)), node)

    def masked(self, value: int, mask: int, node: ast.expr) -> int:
        """Return the bits of a value that a mask has: runs of them, added up."""
        parts = [
            self.scaled(
                self.bits_of(value, run.start(), len(run[0]), node), 2.0 ** run.start(), node
            )
            for run in re.finditer("1+", f"{mask:b}"[::-1])
        ]
        return self.fold(op.ADD, parts or [self.scaled(value, 0.0, node)], node)

    def whole(self, node: ast.expr, least: int, most: int) -> int:
        """Return a whole number that is written out."""
        value = node.value if isinstance(node, ast.Constant) else None
        if type(value) is int and least <= value <= most:
            return value
        raise self.error(f"expected a whole number from {least} to {most}", node)

    def compare(self, node: ast.Compare, depth: int) -> int:
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            return self.membership(node, depth)
        values = [self.visit(v, depth + 1) for v in (node.left, *node.comparators)]
        links = []
        for operator, left, right in zip(node.ops, values, values[1:], strict=False):
            kind = _COMPARE.get(type(operator))
            if kind is None:
                raise self.error("the comparison is not allowed", node)
            links.append(self.emit(kind, (left, right), node))
        return self.fold(op.AND, links, node)

    def membership(self, node: ast.Compare, depth: int) -> int:
        """Return `value in (4, 5)`, and `not in`."""
        (among,) = node.comparators if len(node.comparators) == 1 else (None,)
        if not isinstance(among, ast.Tuple) or not among.elts:
            raise self.error("after in comes a list such as (4, 5)", node)
        found = self.is_in(self.visit(node.left, depth + 1), among.elts, depth, node)
        return found if isinstance(node.ops[0], ast.In) else self.emit(op.NOT, (found,), node)

    def is_in(self, value: int, among: Sequence[ast.expr], depth: int, node: ast.expr) -> int:
        equal = [self.emit(op.EQ, (value, self.visit(v, depth + 1)), node) for v in among]
        return self.fold(op.OR, equal, node)

    def call(self, node: ast.Call, depth: int) -> int:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in COMPOSED:
            return self.composed(name, node, depth)
        if name in PASSES or name in OVER_TIME:
            return self.plane(name, node, depth)
        if name not in FUNCTIONS:
            raise self.error(f"the functions are {', '.join(sorted(_CALLED))}", node)
        kind, least, most = FUNCTIONS[name]
        self.check_arguments(name, node, least, most)
        values = [self.visit(argument, depth + 1) for argument in node.args]
        if kind in (op.MIN, op.MAX):
            return self.fold(kind, values, node)
        return self.emit(kind, tuple(values), node)

    def plane(self, name: str, node: ast.Call, depth: int) -> int:
        """Return the input that a pass or a reduction over dates computes."""
        if node.keywords or not node.args:
            raise self.error(f"{name} takes a value, and numbers", node)
        inner = _Graph(self.names, start=self.start)
        value = inner.visit(node.args[0], depth + 1)
        numbers = tuple(self.written(argument) for argument in node.args[1:])
        try:
            plane = Plane(name, numbers, inner.program([value]))
        except StyleError as error:
            raise self.error(str(error), node) from None
        self.planes[plane.key] = plane
        return self.input(plane.key, node)

    def written(self, node: ast.expr) -> float:
        """Return a number that is written out, and no part of the arithmetic."""
        sign, value = 1.0, node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, value = -1.0, node.operand
        number = value.value if isinstance(value, ast.Constant) else None
        if type(number) in (int, float) and abs(number) <= _LARGEST:  # type: ignore[arg-type]
            return sign * float(number)  # type: ignore[arg-type]
        raise self.error("expected a number", node)

    def composed(self, name: str, node: ast.Call, depth: int) -> int:
        """Return the value of a function that is made of operations."""
        self.check_arguments(name, node, *COMPOSED[name])
        value, *rest = self.visit(node.args[0], depth + 1), *node.args[1:]
        match name:
            case "log10":
                return self.scaled(self.emit(op.LOG, (value,), node), _LOG10, node)
            case "isin":
                return self.is_in(value, rest, depth, node)
        first = self.whole(rest[0], 0, MAX_BITS - 1)
        count = self.whole(rest[1], 1, MAX_BITS - first) if name == "bits" else 1
        return self.bits_of(value, first, count, node)

    def check_arguments(self, name: str, node: ast.Call, least: int, most: int) -> None:
        if node.keywords or not least <= len(node.args) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise self.error(f"{name} takes {count} values", node)

    def fold(self, kind: int, values: list[int], node: ast.expr) -> int:
        """Combine values from the left."""
        result = values[0]
        for value in values[1:]:
            result = self.emit(kind, (result, value), node)
        return result

    def interval(self, value: int, intervals: Sequence[tuple[float, float]]) -> int:
        """Return the number of the interval that a value lies in, 0 for none."""
        if not 1 <= len(intervals) <= MAX_INTERVALS:
            raise StyleError(f"there are 1 to {MAX_INTERVALS} intervals")
        node = ast.Constant(0)
        node.col_offset = -self.start
        result = self.constant(0.0, node)
        for number, (low, high) in enumerate(intervals, 1):
            above = self.emit(op.GE, (value, self.constant(low, node)), node)
            below = self.emit(op.LT, (value, self.constant(high, node)), node)
            inside = self.emit(op.AND, (above, below), node)
            chosen = self.constant(float(number), node)
            result = self.emit(op.WHERE, (inside, chosen, result), node)
        return result

    def emit(self, kind: int, operands: tuple[int, ...], node: ast.expr) -> int:
        """Return the value of an operation, a new one only where it was not computed before.

        Value numbers of operations are negative, to keep them apart from bands and constants.
        """
        if kind in _COMMUTATIVE:
            operands = tuple(sorted(operands))
        key = (kind, *operands)
        if key not in self.nodes and len(self.nodes) == op.MAX_INSTRUCTIONS:
            raise self.error(f"more than {op.MAX_INSTRUCTIONS} operations", node)
        return -1 - self.nodes.setdefault(key, len(self.nodes))

    def error(self, message: str, node: ast.expr) -> StyleError:
        """Return the error with the column of the node in the whole text."""
        return _error(message, self.start + node.col_offset)

    def program(self, results: list[int]) -> Program:
        """Give every value a register and return the finished program."""
        if not self.inputs:
            raise StyleError("the formula names no band")
        try:
            code, places = allocate(list(self.nodes), results)
        except ValueError as error:
            raise StyleError(f"the formula needs {error}") from None
        return Program(
            inputs=tuple(self.inputs),
            code=np.asarray(code, np.int32).reshape(-1, 5),
            constants=np.frombuffer(b"".join(self.constants), np.float32),
            results=np.asarray(places, np.int32),
            planes=tuple(self.planes.values()),
        )

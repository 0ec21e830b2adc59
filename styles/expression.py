"""Formulas: text such as `(nir - red) / (nir + red)` to a program, by an allow-list.

The grammar is Python's for names, numbers, `+ - * / **`, comparisons, `and or not` and calls of
the functions in `FUNCTIONS`; everything else is refused. Several outputs are separated by commas
or semicolons. The text is only ever parsed, never run, and every bound is checked before a pixel
is touched.
"""

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from styles import opcodes as op
from styles.errors import StyleError
from styles.program import Program

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
}
_BINARY: Final[dict[type[ast.operator], int]] = {
    ast.Add: op.ADD,
    ast.Sub: op.SUB,
    ast.Mult: op.MUL,
    ast.Div: op.DIV,
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

_FOREIGN = re.compile(r"[^A-Za-z0-9_.+\-*/<>=!(),; ]")
#: A number that runs into a name (`1if`): legal to Python's parser, but only with a warning.
_GLUED = re.compile(r"(?<![\w.])(?>\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?+(?=[A-Za-z_])")


def compile_formula(text: str, names: Collection[str] | None = None) -> Program:
    """Compile a formula.

    `x**2`, `x**3`, `x**4` become multiplications and `x**0.5` a square root; other powers are
    those of C's `powf`. What comparisons, logic and `where` make of NaN is stated in
    `styles.opcodes`. The inputs of the program are in order of their first use.

    Args:
        text: The formula, at most 2000 characters.
        names: Band names that may occur; None allows any.

    Returns:
        The program; equal sub-expressions are computed once.

    Raises:
        StyleError: Not such a formula, or beyond a bound; `position` is the column.
    """
    graph = _Graph(names)
    return graph.program(_outputs(graph, text))


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


def _outputs(graph: "_Graph", text: str) -> list[int]:
    """Read all parts of a formula."""
    if len(text) > MAX_LENGTH:
        raise StyleError(f"the formula is longer than {MAX_LENGTH} characters")
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
    """

    names: Collection[str] | None
    inputs: dict[str, int] = field(default_factory=dict)
    constants: dict[bytes, int] = field(default_factory=dict)
    nodes: dict[tuple[int, ...], int] = field(default_factory=dict)
    start: int = 0

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
        if node.id in FUNCTIONS:
            raise self.error(f"{node.id} is a function and needs arguments", node)
        if len(node.id) > MAX_NAME:
            raise self.error("the name of a band is too long", node)
        if self.names is not None and node.id not in self.names:
            raise self.error(f"there is no band {node.id}", node)
        if len(self.inputs) == op.MAX_INPUTS and node.id not in self.inputs:
            raise self.error(f"more than {op.MAX_INPUTS} bands", node)
        return op.FIRST_INPUT + self.inputs.setdefault(node.id, len(self.inputs))

    def number(self, node: ast.Constant) -> int:
        if type(node.value) not in (int, float):
            raise self.error("only numbers can be written out", node)
        try:
            value = float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            value = float("inf")
        return self.constant(value, node)

    def constant(self, value: float, node: ast.expr) -> int:
        if abs(value) > float(np.finfo(np.float32).max):
            raise self.error("the number is too large", node)
        bits = np.float32(value).tobytes()
        if len(self.constants) == op.MAX_CONSTANTS and bits not in self.constants:
            raise self.error(f"more than {op.MAX_CONSTANTS} different numbers", node)
        return op.FIRST_CONSTANT + self.constants.setdefault(bits, len(self.constants))

    def unary(self, node: ast.UnaryOp, depth: int) -> int:
        value = node.operand
        if isinstance(node.op, ast.USub) and isinstance(value, ast.Constant):
            self.number(value)  # refuses what is not a number
            return self.constant(-float(value.value), node)  # type: ignore[arg-type]
        operand = self.visit(value, depth + 1)
        match node.op:
            case ast.UAdd():
                return operand
            case ast.USub():
                return self.emit(op.NEG, (operand,), node)
            case ast.Not():
                return self.emit(op.NOT, (operand,), node)
            case _:
                raise self.error("the operator is not allowed", node)

    def binary(self, node: ast.BinOp, depth: int) -> int:
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

    def compare(self, node: ast.Compare, depth: int) -> int:
        values = [self.visit(v, depth + 1) for v in (node.left, *node.comparators)]
        links = []
        for operator, left, right in zip(node.ops, values, values[1:], strict=False):
            kind = _COMPARE.get(type(operator))
            if kind is None:
                raise self.error("the comparison is not allowed", node)
            links.append(self.emit(kind, (left, right), node))
        return self.fold(op.AND, links, node)

    def call(self, node: ast.Call, depth: int) -> int:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            raise self.error(f"the functions are {', '.join(FUNCTIONS)}", node)
        kind, least, most = FUNCTIONS[name]
        if node.keywords or not least <= len(node.args) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise self.error(f"{name} takes {count} values", node)
        values = [self.visit(argument, depth + 1) for argument in node.args]
        if kind in (op.MIN, op.MAX):
            return self.fold(kind, values, node)
        return self.emit(kind, tuple(values), node)

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
        code, registers = _allocate(list(self.nodes), results)
        return Program(
            inputs=tuple(self.inputs),
            code=np.asarray(code, np.int32).reshape(-1, 5),
            constants=np.frombuffer(b"".join(self.constants), np.float32),
            results=np.asarray([registers.get(r, r) for r in results], np.int32),
        )


def _allocate(
    nodes: list[tuple[int, ...]], results: list[int]
) -> tuple[list[list[int]], dict[int, int]]:
    """Assign registers in order of computation; a register is used again after its last reader.

    An operation never writes onto one of its own operands: LLVM checks for overlap before each
    vector loop and would take the slow scalar one.
    """
    last = {value: len(nodes) for value in results}
    for index, (_, *operands) in reversed(list(enumerate(nodes))):
        for value in operands:
            last.setdefault(value, index)
    free = list(range(op.REGISTERS))[::-1]
    register: dict[int, int] = {}
    code = []
    for index, (kind, *operands) in enumerate(nodes):
        if not free:
            raise StyleError(f"the formula needs more than {op.REGISTERS} values at a time")
        register[-1 - index] = free.pop()
        places = [register.get(value, value) for value in operands]
        code.append([kind, register[-1 - index], *places, *[0] * (3 - len(places))])
        free += [register[v] for v in set(operands) if v < 0 and last[v] == index]
    return code, register

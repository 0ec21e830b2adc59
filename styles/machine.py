"""From instructions of programs to those that kernels run: the same arithmetic in fewer passes.

Each instruction is one pass over a block of pixels, so that two operations in one pass save the
writing and reading of what lies between. Every operation is still rounded by itself: results have
the same bits.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from styles import opcodes as op

#: Operation and operands. Values are negative: -1 is what the first node gives.
Node = tuple[int, ...]


class Code(NamedTuple):
    """The arguments of kernels.

    Attributes:
        code: int32, shape (instructions, 6), read-only; see `styles.opcodes`.
        constants: float32, shape (constants,), read-only.
        results: int32, shape (outputs,), operand number of each output, read-only.
    """

    code: NDArray[np.int32]
    constants: NDArray[np.float32]
    results: NDArray[np.int32]


def allocate(
    nodes: Sequence[Node], results: Sequence[int], operands_most: int = 3
) -> tuple[list[list[int]], list[int]]:
    """Assign registers in order of computation; a register is used again after its last reader.

    An operation never writes onto one of its own operands: LLVM checks for overlap before each
    vector loop and would take the slow scalar one.

    Args:
        nodes: In order of computation.
        results: Values, constants or inputs that are wanted.
        operands_most: How many operands an instruction has room for.

    Returns:
        Instructions, and the operand numbers of the results.

    Raises:
        ValueError: More values are needed at a time than there are registers.
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
            raise ValueError(f"more than {op.REGISTERS} values at a time")
        register[-1 - index] = free.pop()
        places = [register.get(value, value) for value in operands]
        code.append([kind, register[-1 - index], *places, *[0] * (operands_most - len(places))])
        free += [register[v] for v in set(operands) if v < 0 and last[v] == index]
    return code, [register.get(value, value) for value in results]


def lowered(
    code: NDArray[np.int32], constants: NDArray[np.float32], results: NDArray[np.int32]
) -> Code:
    """Return what kernels run for the instructions of a program.

    Args:
        code: int32, shape (instructions, 5), of operations in `op.ARITY`.
        constants: float32, shape (constants,).
        results: int32, shape (outputs,).
    """
    nodes, wanted = _values(code.tolist(), results.tolist())
    fusing = _Fusing(nodes, wanted, constants.tolist())
    try:
        fused, places = allocate(*fusing.run(), operands_most=4)
    except ValueError:
        # What is read later is held longer: a program of very many values stays as it is.
        return Code(_read_only(np.pad(code, ((0, 0), (0, 1)))), constants, results)
    return Code(
        _read_only(np.asarray(fused, np.int32).reshape(-1, 6)),
        _read_only(np.asarray(fusing.constants, np.float32)),
        _read_only(np.asarray(places, np.int32)),
    )


def _read_only(array: NDArray[np.generic]) -> NDArray:  # type: ignore[type-arg]
    array.flags.writeable = False
    return array


def _values(code: list[list[int]], results: list[int]) -> tuple[list[Node], list[int]]:
    """Return instructions as nodes, and the results as values."""
    nodes: list[Node] = []
    held: dict[int, int] = {}
    for kind, dst, *operands in code:
        nodes.append((kind, *(held.get(n, n) for n in operands[: op.ARITY[kind]])))
        held[dst] = -len(nodes)
    return nodes, [held.get(n, n) for n in results]


def _is_constant(number: int) -> bool:
    return op.FIRST_CONSTANT <= number < op.FIRST_INPUT


class _Fusing:
    """Joins nodes with those that only they read."""

    def __init__(
        self, nodes: Sequence[Node], results: Sequence[int], constants: Sequence[float]
    ) -> None:
        self._nodes = nodes
        self._results = results
        self.constants = list(constants)
        self._readers = Counter(v for _, *operands in nodes for v in operands)
        self._readers.update(results)

    def run(self) -> tuple[list[Node], list[int]]:
        """Return the nodes that are left, and the results among them."""
        fused: list[Node] = []
        for node in self._nodes:
            first = self._fused(node)
            fused.append(self._fused_again(first, fused))
        needed: set[int] = set()
        waiting = [v for v in self._results if v < 0]
        while waiting:
            value = waiting.pop()
            if value not in needed:
                needed.add(value)
                waiting += [v for v in fused[-1 - value][1:] if v < 0]
        new: dict[int, int] = {}
        kept: list[Node] = []
        for index, (kind, *operands) in enumerate(fused):
            if -1 - index in needed:
                kept.append((kind, *(new.get(v, v) for v in operands)))
                new[-1 - index] = -len(kept)
        return kept, [new.get(v, v) for v in self._results]

    def _fused(self, node: Node) -> Node:
        kind, *operands = node
        if kind == op.DIV:
            return self._division(operands[0], operands[1]) or node
        if kind in (op.ADD, op.SUB):
            return self._scaled_sum(kind, operands[0], operands[1]) or node
        return node

    def _fused_again(self, node: Node, fused: Sequence[Node]) -> Node:
        """Join a node with one that is joined already."""
        kind, *operands = node
        if kind == op.SCALED_DIV:
            above, below, constant = operands
            first = self._of(above)
            if first is not None and first[0] == op.SUB and self._alone(above):
                return op.SUB_SCALED_DIV, first[1], first[2], below, constant
        if kind == op.ADD:
            value, constant = operands
            if _is_constant(value):
                value, constant = constant, value
            if value < 0 and _is_constant(constant) and self._alone(value):
                scaled = fused[-1 - value]
                if scaled[0] == op.ADD_SCALED:
                    return op.ADD_SCALED_SHIFTED, *scaled[1:], constant
        return node

    def _division(self, above: int, below: int) -> Node | None:
        first, second = self._of(above), self._of(below)
        if first is None:
            return None
        opposite = second is not None and (first[0], second[0]) == (op.SUB, op.ADD)
        if opposite and sorted(first[1:]) == sorted(self._nodes[-1 - below][1:]):
            return op.NORMALISED, first[1], first[2]
        if first[0] == op.MUL and self._alone(above):
            value, constant = self._by_constant(first)
            if constant is not None:
                return op.SCALED_DIV, value, below, constant
        return None

    def _scaled_sum(self, kind: int, left: int, right: int) -> Node | None:
        """Join a product with a constant and the sum or difference that it is added to."""
        for value, product in ((left, right), (right, left)):
            node = self._of(product)
            if node is None or node[0] != op.MUL or not self._alone(product):
                continue
            factor, constant = self._by_constant(node)
            if constant is None:
                continue
            if kind == op.SUB:
                if product != right:
                    continue
                # x - y * k is x + y * -k, bit for bit.
                constant = self._negative(constant)
                if constant is None:
                    continue
            return op.ADD_SCALED, value, factor, constant
        return None

    def _of(self, value: int) -> Node | None:
        return self._nodes[-1 - value] if value < 0 else None

    def _alone(self, value: int) -> bool:
        return self._readers[value] == 1

    def _by_constant(self, product: Node) -> tuple[int, int | None]:
        """Return the two sides of a product, the constant second; None where there is none."""
        _, left, right = product
        if _is_constant(left):
            left, right = right, left
        return left, right if _is_constant(right) else None

    def _negative(self, constant: int) -> int | None:
        """Return the constant of the other sign, None where there is no room for it."""
        wanted = -self.constants[constant - op.FIRST_CONSTANT]
        if wanted in self.constants and wanted != 0.0:
            return op.FIRST_CONSTANT + self.constants.index(wanted)
        if len(self.constants) == op.MAX_CONSTANTS:
            return None
        self.constants.append(wanted)
        return op.FIRST_CONSTANT + len(self.constants) - 1

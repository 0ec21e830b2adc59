"""Programs that only show pixels whose value in one band lies in some ranges."""

from collections.abc import Sequence

import numpy as np

from styles import opcodes as op
from styles.errors import StyleError
from styles.program import Program


def narrowed(program: Program, band: str, ranges: Sequence[tuple[float, float]]) -> Program:
    """Return a program whose outputs are missing where a band's value is in none of the ranges.

    Args:
        program: What is computed elsewhere.
        band: Name of the band that decides, in physical values; it becomes an input.
        ranges: Ends of closed intervals, low <= high; at least one.

    Raises:
        StyleError: The machine has no room for so many ranges, or for one more band.
    """
    inputs = tuple(dict.fromkeys([*program.inputs, band]))
    writer = _Writer(program, op.FIRST_INPUT + inputs.index(band))
    inside = writer.inside(ranges)
    results = [writer.instruction(op.WHERE, inside, r, writer.missing) for r in program.results]
    return Program(
        inputs=inputs,
        code=np.concatenate([program.code, np.asarray(writer.code, np.int32)]),
        constants=np.concatenate([program.constants, np.asarray(writer.constants, np.float32)]),
        results=np.asarray(results, np.int32),
    )


class _Writer:
    """Instructions behind a finished program: only the registers of its results are taken."""

    def __init__(self, program: Program, value: int) -> None:
        self._value = value
        self._first = op.FIRST_CONSTANT + len(program.constants)
        taken = {int(r) for r in program.results}
        self._free = [r for r in range(op.REGISTERS) if r not in taken]
        self.code: list[list[int]] = []
        self.constants: list[float] = []
        self.missing = self._constant(float("nan"))

    def inside(self, ranges: Sequence[tuple[float, float]]) -> int:
        """Write the test and return the register with its truth."""
        truth = -1
        for low, high in ranges:
            if low == high:
                here = self.instruction(op.EQ, self._value, self._constant(low))
            else:
                above = self.instruction(op.GE, self._value, self._constant(low))
                below = self.instruction(op.LE, self._value, self._constant(high))
                here = self.instruction(op.AND, above, below)
                self._free += [above, below]
            if truth < 0:
                truth = here
            else:
                either = self.instruction(op.OR, truth, here)
                self._free += [truth, here]
                truth = either
        return truth

    def instruction(self, kind: int, *operands: int) -> int:
        """Write an instruction into a register that none of its operands is in."""
        if not self._free:
            raise StyleError(f"more than {op.REGISTERS} values at a time")
        register = self._free.pop()
        self.code.append([kind, register, *map(int, operands), *[0] * (3 - len(operands))])
        return register

    def _constant(self, value: float) -> int:
        self.constants.append(value)
        return self._first + len(self.constants) - 1

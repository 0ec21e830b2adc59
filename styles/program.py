"""Programs: arithmetic on bands as a few numbers that a kernel runs at once."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from styles import opcodes as op
from styles.errors import StyleError
from styles.machine import Code, lowered


@dataclass(frozen=True, eq=False)
class Program:
    """Arithmetic on named bands; equal when it gives the same result from the same inputs.

    Everything is checked here, once, because the kernel that runs it checks nothing.

    Attributes:
        inputs: Band names, common (`red`) or the product's own (`B04`), in the order in which
            their pixels are passed.
        code: int32, shape (instructions, 5), read-only; see `styles.opcodes`.
        constants: float32, shape (constants,), read-only.
        results: int32, shape (outputs,), the operand number of each output, read-only.
        digest: Of all of the above, 32 hexadecimal digits; part of cache keys.

    Raises:
        StyleError: An instruction is not valid, or a bound of `styles.opcodes` is exceeded.
    """

    inputs: tuple[str, ...]
    code: NDArray[np.int32]
    constants: NDArray[np.float32]
    results: NDArray[np.int32]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        code = np.ascontiguousarray(self.code, np.int32).reshape(-1, 5).copy()
        constants = np.ascontiguousarray(self.constants, np.float32).copy()
        results = np.ascontiguousarray(self.results, np.int32).copy()
        for name, array in (("code", code), ("constants", constants), ("results", results)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        self._check_bounds()
        self._check_code()
        object.__setattr__(self, "digest", self._digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def outputs(self) -> int:
        """Number of results per pixel."""
        return len(self.results)

    @functools.cached_property
    def machine(self) -> Code:
        """What kernels run for this program: results have the same bits."""
        return lowered(self.code, self.constants, self.results)

    def _check_bounds(self) -> None:
        for what, count, least, most in (
            ("bands", len(self.inputs), 1, op.MAX_INPUTS),
            ("operations", len(self.code), 0, op.MAX_INSTRUCTIONS),
            ("numbers", len(self.constants), 0, op.MAX_CONSTANTS),
            ("results", len(self.results), 1, op.MAX_OUTPUTS),
        ):
            if not least <= count <= most:
                raise StyleError(f"{count} {what}: {least} to {most} are allowed")
        if len(set(self.inputs)) != len(self.inputs):
            raise StyleError("a band is named twice as an input")

    def _check_code(self) -> None:
        written: set[int] = set()
        for kind, dst, *operands in self.code.tolist():
            arity = op.ARITY.get(kind)
            if arity is None:
                raise StyleError(f"unknown operation {kind}")
            for number in operands[:arity]:
                self._check_operand(number, written)
            if any(operands[arity:]) or not 0 <= dst < op.REGISTERS:
                raise StyleError("malformed instruction")
            written.add(dst)
        for number in self.results.tolist():
            self._check_operand(number, written)

    def _check_operand(self, number: int, written: set[int]) -> None:
        constant = op.FIRST_CONSTANT <= number < op.FIRST_CONSTANT + len(self.constants)
        source = op.FIRST_INPUT <= number < op.FIRST_INPUT + len(self.inputs)
        if not (constant or source or number in written):
            raise StyleError("an operand is used before it has a value")

    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        names = "".join(f"{len(name)}:{name}" for name in self.inputs)
        shape = (op.SEMANTICS, *self.code.shape, *self.constants.shape, *self.results.shape)
        digest.update(f"{names};{shape}".encode())
        digest.update(self.code.astype("<i4").tobytes())
        digest.update(self.constants.astype("<f4").tobytes())
        digest.update(self.results.astype("<i4").tobytes())
        return digest.hexdigest()


def select(bands: Sequence[str]) -> Program:
    """Return the program that gives bands as they are, one output per name.

    Unlike in a formula, any name may stand here, for example `1`.

    Raises:
        StyleError: No band, or too many.
    """
    inputs = tuple(dict.fromkeys(bands))
    results = [op.FIRST_INPUT + inputs.index(name) for name in bands]
    return Program(
        inputs=inputs,
        code=np.empty((0, 5), np.int32),
        constants=np.empty(0, np.float32),
        results=np.asarray(results, np.int32),
    )


def renamed(program: Program, names: Mapping[str, str]) -> Program:
    """Return the same arithmetic on bands of other names; two inputs may become one.

    Args:
        program: The arithmetic.
        names: New names by old ones; those that are not in it stay.
    """
    wanted = [names.get(name, name) for name in program.inputs]
    inputs = tuple(dict.fromkeys(wanted))
    if inputs == program.inputs:
        return program
    # Operand numbers below the inputs stay as they are.
    new = np.arange(op.FIRST_INPUT + len(wanted), dtype=np.int32)
    new[op.FIRST_INPUT :] = [op.FIRST_INPUT + inputs.index(name) for name in wanted]
    code = program.code.copy()
    code[:, 2:] = new[code[:, 2:]]
    return Program(inputs, code, program.constants, new[program.results])

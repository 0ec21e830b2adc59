"""Programs: arithmetic on bands as a few numbers that a kernel runs at once."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from styles import opcodes as op
from styles.errors import StyleError
from styles.machine import Code, lowered
from styles.planes import MAX_PLANES, MAX_REACH, OVER_TIME, numbers_of, reach_of


@dataclass(frozen=True)
class Plane:
    """An input of a program that is computed from a whole grid, or from all dates.

    Attributes:
        kind: See `styles.planes`.
        numbers: Those that it takes, all of them.
        program: What it is computed from; one output.

    Raises:
        StyleError: The numbers are out of their bounds, or dates are reduced that are already.
    """

    kind: str
    numbers: tuple[float, ...]
    program: "Program"

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", numbers_of(self.kind, self.numbers))
        if self.over_time and self.program.over_time:
            raise StyleError("what is of all dates has no dates any more")
        if self.program.outputs != 1:
            raise StyleError(f"{self.kind} takes one value")

    @property
    def key(self) -> str:
        """Its name among the inputs of a program; no band is called so."""
        return f"{self.kind}{self.numbers}:{self.program.digest}"

    @property
    def over_time(self) -> bool:
        """Whether it is made of all dates."""
        return self.kind in OVER_TIME

    @property
    def reach(self) -> int:
        """How many pixels of bands it looks away from a pixel."""
        return reach_of(self.kind, self.numbers) + self.program.reach


@dataclass(frozen=True, eq=False)
class Program:
    """Arithmetic on named bands; equal when it gives the same result from the same inputs.

    Everything is checked here, once, because the kernel that runs it checks nothing.

    Attributes:
        inputs: Band names, common (`red`) or the product's own (`B04`), and keys of `planes`, in
            the order in which their pixels are passed.
        code: int32, shape (instructions, 5), read-only; see `styles.opcodes`.
        constants: float32, shape (constants,), read-only.
        results: int32, shape (outputs,), the operand number of each output, read-only.
        planes: Those inputs that are computed.
        digest: Of all of the above, 32 hexadecimal digits; part of cache keys.

    Raises:
        StyleError: An instruction is not valid, or a bound of `styles.opcodes` is exceeded.
    """

    inputs: tuple[str, ...]
    code: NDArray[np.int32]
    constants: NDArray[np.float32]
    results: NDArray[np.int32]
    planes: tuple[Plane, ...] = ()
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

    @functools.cached_property
    def bands(self) -> tuple[str, ...]:
        """Names of all bands that are read, also for what is computed."""
        computed = {plane.key for plane in self.planes}
        names = [name for name in self.inputs if name not in computed]
        for plane in self.planes:
            names += plane.program.bands
        return tuple(dict.fromkeys(names))

    @functools.cached_property
    def every_plane(self) -> tuple[Plane, ...]:
        """All that is computed, at every depth; each before what it is computed into."""
        found = dict.fromkeys(p for plane in self.planes for p in plane.program.every_plane)
        return tuple(dict.fromkeys((*found, *self.planes)))

    @property
    def over_time(self) -> bool:
        """Whether it needs all dates at once."""
        return any(plane.over_time for plane in self.every_plane)

    @functools.cached_property
    def reach(self) -> int:
        """How many pixels around a pixel it needs."""
        return max((plane.reach for plane in self.planes), default=0)

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
        if not {plane.key for plane in self.planes} <= set(self.inputs):
            raise StyleError("what is computed is no input")
        if len(self.bands) > op.MAX_INPUTS:
            raise StyleError(f"more than {op.MAX_INPUTS} bands")
        if len(self.every_plane) > MAX_PLANES:
            raise StyleError(f"more than {MAX_PLANES} passes and reductions over dates")
        if self.reach > MAX_REACH:
            raise StyleError(f"passes look more than {MAX_REACH} pixels away")

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
    if all(names.get(name, name) == name for name in program.bands):
        return program
    planes = {p.key: replace(p, program=renamed(p.program, names)) for p in program.planes}
    wanted = [
        planes[name].key if name in planes else names.get(name, name) for name in program.inputs
    ]
    inputs = tuple(dict.fromkeys(wanted))
    # Operand numbers below the inputs stay as they are.
    new = np.arange(op.FIRST_INPUT + len(wanted), dtype=np.int32)
    new[op.FIRST_INPUT :] = [op.FIRST_INPUT + inputs.index(name) for name in wanted]
    code = program.code.copy()
    code[:, 2:] = new[code[:, 2:]]
    kept = tuple({plane.key: plane for plane in planes.values()}.values())
    return Program(inputs, code, program.constants, new[program.results], kept)

"""Operation codes of programs: plain integers, so that Numba kernels compile them in.

An instruction is five int32: `[op, dst, a, b, c]`. `dst`, `a`, `b`, `c` are register numbers, but
for `CONST` (a is an index into the constants) and `INPUT` (a is an index into the inputs). Unused
operands are 0. All registers are float32; truth is 1.0 and falsehood 0.0.

NaN means "no value". Arithmetic carries it on, and so do comparisons and logic: where an operand
is NaN the result is NaN, never a plain "false". `WHERE` looks at its condition first: NaN there
gives NaN, else only the chosen branch counts.
"""

from typing import Final

CONST: Final = 0
INPUT: Final = 1

ADD: Final = 10
SUB: Final = 11
MUL: Final = 12
DIV: Final = 13
POW: Final = 14
NEG: Final = 15
MIN: Final = 16
MAX: Final = 17

ABS: Final = 20
SQRT: Final = 21
LOG: Final = 22
EXP: Final = 23
CLAMP: Final = 24

LT: Final = 30
LE: Final = 31
GT: Final = 32
GE: Final = 33
EQ: Final = 34
NE: Final = 35
AND: Final = 36
OR: Final = 37
NOT: Final = 38
WHERE: Final = 39

#: Registers of the machine.
REGISTERS: Final = 32
#: Pixels that the machine works on at a time: 32 registers of 4 kB stay in the second-level cache.
BLOCK: Final = 1024

#: How many register operands each operation reads.
ARITY: Final[dict[int, int]] = {
    CONST: 0,
    INPUT: 0,
    **dict.fromkeys((NEG, ABS, SQRT, LOG, EXP, NOT), 1),
    **dict.fromkeys((ADD, SUB, MUL, DIV, POW, MIN, MAX, LT, LE, GT, GE, EQ, NE, AND, OR), 2),
    **dict.fromkeys((CLAMP, WHERE), 3),
}

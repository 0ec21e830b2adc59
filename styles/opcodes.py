"""Operation codes of programs: plain integers, so that Numba kernels compile them in.

An instruction is five int32: `[op, dst, a, b, c]`. `dst` is a register; `a`, `b`, `c` are operand
numbers, and 0 where the operation has fewer operands. An operand number below FIRST_CONSTANT is a
register, below FIRST_INPUT a constant, else an input, so nothing is ever copied just to be read.
All values are float32; truth is 1.0 and falsehood 0.0.

NaN means "no value". Arithmetic carries it on, and so do comparisons and logic: where an operand
is NaN the result is NaN, never a plain "false". MIN, MAX and CLAMP give NaN where any operand is
NaN. WHERE looks at its condition first: NaN there gives NaN, else only the chosen branch counts.
Anything but 0.0 is true. ROUND goes to the nearest whole number, halves to the even one; MOD has
the sign of its divisor, as in Python; angles are radians.
"""

from typing import Final

ADD: Final = 1
SUB: Final = 2
MUL: Final = 3
DIV: Final = 4
NEG: Final = 5
MIN: Final = 6
MAX: Final = 7
ABS: Final = 8
SQRT: Final = 9
LT: Final = 10
LE: Final = 11
GT: Final = 12
GE: Final = 13
EQ: Final = 14
NE: Final = 15
AND: Final = 16
OR: Final = 17
NOT: Final = 18
WHERE: Final = 19
CLAMP: Final = 20
POW: Final = 21
LOG: Final = 22
EXP: Final = 23
MOD: Final = 24
FLOOR: Final = 25
CEIL: Final = 26
ROUND: Final = 27
SIN: Final = 28
COS: Final = 29
TAN: Final = 30
ASIN: Final = 31
ACOS: Final = 32
ATAN: Final = 33
ATAN2: Final = 34

# Several operations in one pass, each rounded as it would be alone. No program holds them:
# `styles.machine` puts them in for the kernels, whose instructions have a sixth number, `d`.
#: (a - b) / (a + b).
NORMALISED: Final = 64
#: a + b * k, where k is a constant.
ADD_SCALED: Final = 65
#: a * k / b, where k is a constant.
SCALED_DIV: Final = 66
#: a + b * k + m, where k and m are constants.
ADD_SCALED_SHIFTED: Final = 67
#: (a - b) * k / c, where k is a constant.
SUB_SCALED_DIV: Final = 68

#: Part of every program's digest: raise it when an operation changes its meaning.
SEMANTICS: Final = 1

#: Registers of the machine.
REGISTERS: Final = 32
FIRST_CONSTANT: Final = 32
MAX_CONSTANTS: Final = 96
FIRST_INPUT: Final = 128
MAX_INPUTS: Final = 16
MAX_INSTRUCTIONS: Final = 256
MAX_OUTPUTS: Final = 16
#: Pixels that the machine works on at a time: a few registers of 4 kB stay in the fast caches.
BLOCK: Final = 1024

#: How many operands each operation reads.
ARITY: Final[dict[int, int]] = {
    **dict.fromkeys((NEG, ABS, SQRT, LOG, EXP, NOT, FLOOR, CEIL, ROUND), 1),
    **dict.fromkeys((SIN, COS, TAN, ASIN, ACOS, ATAN), 1),
    **dict.fromkeys((ADD, SUB, MUL, DIV, POW, MOD, ATAN2, MIN, MAX), 2),
    **dict.fromkeys((LT, LE, GT, GE, EQ, NE, AND, OR), 2),
    **dict.fromkeys((CLAMP, WHERE), 3),
}

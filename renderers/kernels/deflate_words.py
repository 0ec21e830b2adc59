"""Loads and stores of several bytes at any address, which Numba's arrays do not offer.

x86-64 and ARMv8 do these in one instruction at any alignment. Values are in the machine's byte
order; the callers need little endian, as every platform is that Numba compiles for in practice
(`check_byte_order` says so at import where it is not).
"""

import sys
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

#: What Numba asks of an intrinsic: the signature, and a function that writes LLVM code.
_Intrinsic = tuple[Any, Callable[[Any, Any, Any, Any], Any]]


def check_byte_order() -> None:
    """Refuse machines on which bytes of a word lie the other way round.

    Raises:
        RuntimeError: The machine is big endian.
    """
    if sys.byteorder != "little":
        raise RuntimeError("the PNG encoder needs a little-endian machine")


check_byte_order()


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any, word: Any) -> Any:
    """Return the address of byte `arguments[1]` of array `arguments[0]`, as that of a word."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    address = builder.gep(data, [arguments[1]])
    return builder.bitcast(address, context.get_value_type(word).as_pointer())


def _load32(_context: Any, array: Any, _at: Any) -> _Intrinsic:
    """`load32(array, at)`: bytes at to at + 3 of a contiguous uint8 array as uint32, unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _pointer(context, builder, signature, arguments, types.uint32)
        return builder.load(address, align=1)

    return types.uint32(array, types.uintp), generate


def _load64(_context: Any, array: Any, _at: Any) -> _Intrinsic:
    """`load64(array, at)`: bytes at to at + 7 of a contiguous uint8 array as uint64, unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _pointer(context, builder, signature, arguments, types.uint64)
        return builder.load(address, align=1)

    return types.uint64(array, types.uintp), generate


def _store32(_context: Any, array: Any, _at: Any, _value: Any) -> _Intrinsic:
    """`store32(array, at, value)`: write uint32 to bytes at to at + 3 of a uint8 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _pointer(context, builder, signature, arguments, types.uint32)
        builder.store(arguments[2], address, align=1)
        return context.get_dummy_value()

    return types.void(array, types.uintp, types.uint32), generate


def _store64(_context: Any, array: Any, _at: Any, _value: Any) -> _Intrinsic:
    """`store64(array, at, value)`: write uint64 to bytes at to at + 7 of a uint8 array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _pointer(context, builder, signature, arguments, types.uint64)
        builder.store(arguments[2], address, align=1)
        return context.get_dummy_value()

    return types.void(array, types.uintp, types.uint64), generate


# Numba hands over the first argument, its context; callers do not.
load32: Any = intrinsic(_load32)
load64: Any = intrinsic(_load64)
store32: Any = intrinsic(_store32)
store64: Any = intrinsic(_store64)

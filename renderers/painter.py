"""What the drawing kernel must know of a style."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.memory import SizedLru
from renderers.geobox import GeoBox
from renderers.image import Image, UInt8Array
from renderers.kernels import colour as colours
from renderers.kernels import gather, output, paint, vm
from renderers.paint import tone_curve
from styles import opcodes as op
from styles.model import RampColour, RgbColour, Style
from styles.program import Program, select

#: Bits of the stored types whose values all fit in a table.
_TABLE_TYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(name) for name in ("uint8", "uint16", "int16")
}

#: Pixels from which on a table that is not there yet pays: filling one costs as much as drawing
#: about so many.
_TABLE_PAYS = 128 * 128

_NOTHING = np.zeros(1, np.uint8)
_NO_LEVELS = np.zeros(1, np.float32)
_STRAIGHT = np.arange(256, dtype=np.uint8)
_STRAIGHT.flags.writeable = False


class BandKind(NamedTuple):
    """All of a band's stored form that decides what a stored value means."""

    dtype: str
    nodata: float
    scale: float
    offset: float


@dataclass(frozen=True, eq=False, slots=True)
class Painter:
    """A program and its colours as the kernel's arguments; see `renderers.kernels.fused.draw`.

    Attributes:
        program: What to compute.
        kind: What comes out: `output.VALUES`, `RGB`, `RAMP` or `CLASSES`.
        low: float32, per output the value of level 0.
        inverse: float32, per output 1 / (high - low).
        table: uint8: the tone curve of RGB, or the palette index of each class.
        palette: uint8 (256, 4) RGBA of indexed pictures, else None.
        separate: For each input the outputs that depend on it alone; None where an output depends
            on several inputs.
        digest: Tells painters apart.
    """

    program: Program
    kind: int
    low: NDArray[np.float32]
    inverse: NDArray[np.float32]
    table: UInt8Array
    palette: UInt8Array | None
    separate: tuple[tuple[int, ...], ...] | None
    digest: str

    @property
    def indexed(self) -> bool:
        """Whether palette indexes come out."""
        return self.palette is not None

    @property
    def translucent(self) -> bool:
        """Whether pixels have an opacity of their own."""
        return self.kind == output.RGB and self.program.outputs == output.WITH_ALPHA


def values_painter(program: Program) -> Painter:
    """Return what gives a program's outputs as they are."""
    return Painter(
        program, output.VALUES, _NO_LEVELS, _NO_LEVELS, _NOTHING, None, None, program.digest
    )


def style_painter(style: Style) -> Painter:
    """Return what draws a style."""
    colour, program = style.colour, style.program
    separate = _separate(program)
    if isinstance(colour, RgbColour):
        stretch = [*colour.stretch, *([(0.0, 1.0)] if colour.alpha else [])]
        low = np.array([pair[0] for pair in stretch], np.float32)
        high = np.array([pair[1] for pair in stretch], np.float32)
        curve = _STRAIGHT if colour.gamma == 1.0 else tone_curve(colour.gamma)
        inverse = np.float32(1.0) / (high - low)
        return Painter(program, output.RGB, low, inverse, curve, None, separate, style.digest)
    if isinstance(colour, RampColour):
        low = np.array([colour.low], np.float32)
        inverse = np.float32(1.0) / (np.array([colour.high], np.float32) - low)
        kind, table = output.RAMP, _NOTHING
    else:
        low, inverse, kind, table = _NO_LEVELS, _NO_LEVELS, output.CLASSES, colour.table
    return Painter(program, kind, low, inverse, table, colour.palette, separate, style.digest)


def _separate(program: Program) -> tuple[tuple[int, ...], ...] | None:
    """Return for each input the outputs that depend on it, None where one depends on several."""
    needs: dict[int, frozenset[int]] = {}

    def of(number: int) -> frozenset[int]:
        if number >= op.FIRST_INPUT:
            return frozenset({number - op.FIRST_INPUT})
        return frozenset() if number >= op.FIRST_CONSTANT else needs[number]

    for kind, target, *operands in program.code.tolist():
        needs[target] = frozenset().union(*(of(n) for n in operands[: op.ARITY[kind]]))
    outputs = [of(number) for number in program.results.tolist()]
    if len(outputs) == output.WITH_ALPHA or any(len(inputs) != 1 for inputs in outputs):
        return None
    return tuple(
        tuple(k for k, inputs in enumerate(outputs) if number in inputs)
        for number in range(len(program.inputs))
    )


def coloured(
    painter: Painter, inputs: NDArray[np.float32], there: UInt8Array, box: GeoBox
) -> Image | None:
    """Return the picture of bands that lie ready, as drawing would have coloured them.

    Args:
        painter: Of a style.
        inputs: C-contiguous, shape (inputs, pixels), in the order of the painter's program.
        there: Shape (pixels,), 0 where there is no data.
        box: The target grid.

    Returns:
        None where there is no value at all.
    """
    pixels, shape = there.size, (box.height, box.width)
    words = np.empty(0 if painter.indexed else pixels, np.uint32)
    indexes = np.empty(pixels if painter.indexed else 0, np.uint8)
    painted = paint.paint(
        *painter.program.machine, inputs, there, painter.kind, painter.low, painter.inverse,
        painter.table, words, indexes,
    )  # fmt: skip
    if not painted:
        return None
    if painter.indexed:
        return Image(indexes.reshape(shape), painter.palette)
    opaque = painted == pixels and not painter.translucent
    return Image(words.view(np.uint8).reshape(*shape, 4), opaque=opaque)


def of_values(painter: Painter) -> Painter:
    """Return the painter that gives values the colours which another one gives its outputs."""
    program = select([str(number) for number in range(painter.program.outputs)])
    return replace(painter, program=program)


class Painters:
    """Painters of styles, and their tables for stored types of up to 16 bits."""

    def __init__(self, capacity: int = 64 * 1024 * 1024) -> None:
        self._painters: SizedLru[str, Painter] = SizedLru(4096, lambda _: 1)
        self._tables: SizedLru[tuple[Any, ...], NDArray[np.uint32]]
        self._tables = SizedLru(capacity, lambda table: int(table.nbytes))
        self._lock = Lock()

    def of(self, style: Style) -> Painter:
        """Return the painter of a style."""
        painter = self._painters.get(style.digest)
        if painter is None:
            painter = style_painter(style)
            self._painters.set(style.digest, painter)
        return painter

    def tables(
        self, painter: Painter, bands: Sequence[BandKind], pixels: int
    ) -> list[NDArray[np.uint32]] | None:
        """Return one table for each band, or None where the picture is not made of tables.

        A picture is where each of its channels depends on one band of 8 or 16 bits.

        Args:
            painter: What to draw.
            bands: In the order of the program's inputs.
            pixels: Of the picture; for a small one no table is filled.
        """
        if painter.separate is None or any(band.dtype not in _TABLE_TYPES for band in bands):
            return None
        out = []
        for number, band in enumerate(bands):
            # Every NaN is another key: a file without nodata would never find its tables again.
            nodata = None if np.isnan(band.nodata) else band.nodata
            key = (painter.digest, number, band.dtype, nodata, band.scale, band.offset)
            table = self._tables.get(key)
            if table is None:
                if pixels < _TABLE_PAYS:
                    return None
                with self._lock:
                    table = self._tables.get(key)
                    if table is None:
                        table = _table(painter, painter.separate[number], band)
                        self._tables.set(key, table)
            out.append(table)
        return out


def _table(painter: Painter, outputs: tuple[int, ...], band: BandKind) -> NDArray[np.uint32]:
    """Return what each stored value of a band adds to a pixel: uint32, by its bit pattern."""
    dtype = _TABLE_TYPES[band.dtype]
    stored = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}").view(dtype)
    physical = stored.astype(np.float32) * np.float32(band.scale) + np.float32(band.offset)
    program = painter.program
    inputs = np.ascontiguousarray(np.broadcast_to(physical, (len(program.inputs), stored.size)))
    code, constants, results = program.machine
    table = np.zeros(stored.size, np.uint32)
    values = np.empty((1, stored.size), np.float32)
    for number in outputs:
        good = np.ones(stored.size, np.uint8)
        vm.run(code, constants, results[number : number + 1], inputs, values, good)
        table |= _levels(painter, number, values[0], good)
        table[good == 0] |= np.uint32(gather.LACKS_VALUE)
    table[stored.astype(np.float64) == band.nodata] |= np.uint32(gather.LACKS_DATA)
    return table


def _levels(
    painter: Painter, number: int, values: NDArray[np.float32], good: UInt8Array
) -> NDArray[np.uint32]:
    """Return the bits of a pixel that one output decides."""
    if painter.kind == output.RGB:
        rows = np.ascontiguousarray(np.broadcast_to(values, (3, values.size)))
        words = np.empty(values.size, np.uint32)
        low = np.full(3, painter.low[number], np.float32)
        inverse = np.full(3, painter.inverse[number], np.float32)
        colours.rgb(rows, good, low, inverse, painter.table, words)
        return words & np.uint32(0xFF << 8 * number)
    indexes = np.empty(values.size, np.uint8)
    if painter.kind == output.RAMP:
        colours.ramp(values, good, painter.low[0], painter.inverse[0], indexes)
    else:
        colours.classes(values, good, painter.table, indexes)
    return indexes.astype(np.uint32)

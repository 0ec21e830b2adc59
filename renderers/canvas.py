"""A picture, or values, that scenes are drawn into until no pixel is open."""

import numpy as np
from numpy.typing import NDArray

from renderers.errors import RenderError
from renderers.geobox import GeoBox
from renderers.image import Image, UInt8Array
from renderers.kernels import fused, output
from renderers.kernels.colour import TRANSPARENT
from renderers.kernels.gather import TABLE
from renderers.painter import BandKind, Painter, Painters
from renderers.sources import Tables
from styles.machine import Code

_NO_PROGRAM = Code(np.zeros((0, 6), np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32))

#: How pixels stand that must not be drawn now, though they are open: what kernels do not draw is
#: all that is not `output.OPEN`.
_HIDDEN = 3


class Canvas:
    """The target of one layer. Not for several threads at once."""

    def __init__(self, box: GeoBox, painter: Painter, painters: Painters) -> None:
        """Begin with all pixels open.

        Args:
            box: The target grid.
            painter: What to draw.
            painters: Keeps tables.
        """
        pixels = box.width * box.height
        self._box = box
        self._painter = painter
        self._painters = painters
        self._state = np.zeros(pixels, np.uint8)
        self._counts = np.array([pixels, 0], np.int64)
        values = painter.kind == output.VALUES
        outputs = painter.program.outputs if values else 1
        self._words = np.zeros(0 if values or painter.indexed else pixels, np.uint32)
        self._indexes = np.full(pixels if painter.indexed else 0, TRANSPARENT, np.uint8)
        self._values = np.zeros((outputs, pixels if values else 0), np.float32)

    @property
    def open(self) -> int:
        """Pixels that no scene has filled."""
        return int(self._counts[0])

    @property
    def state(self) -> NDArray[np.uint8]:
        """How each pixel stands, shape (height, width): `output.OPEN`, `DRAWN`, `EMPTY`."""
        return self._state.reshape(self._box.height, self._box.width)

    @property
    def indexes(self) -> UInt8Array:
        """Palette indexes, shape (pixels,), where the painter gives such."""
        return self._indexes

    @property
    def values(self) -> NDArray[np.float32]:
        """Values, shape (outputs, height, width); undefined where not drawn."""
        return self._values.reshape(-1, self._box.height, self._box.width)

    def draw(self, tables: Tables, smooth: bool) -> None:
        """Draw one scene into the open pixels.

        Args:
            tables: All bands of the program, in the order of its inputs.
            smooth: Bilinear, else nearest.

        Raises:
            RenderError: There are more or fewer bands than the program's inputs.
        """
        painter, kind, bands = self._painter, self._painter.kind, tables.bands
        inputs = len(painter.program.inputs)
        if len(bands) != inputs:  # the kernel would read beyond their end
            raise RenderError(f"{inputs} bands are needed, {len(bands)} given")
        found = None
        if not smooth and painter.separate is not None:
            kinds = [
                BandKind(dtype, *physics)
                for dtype, physics in zip(tables.dtypes, tables.physics.tolist(), strict=True)
            ]
            found = self._painters.tables(painter, kinds, self._state.size)
        program = painter.program.machine
        if found is not None:
            kind = fused.TABLE_INDEX if painter.indexed else fused.TABLE_RGB
            program = _NO_PROGRAM
            bands = bands.copy()
            bands[:, TABLE] = [table.__array_interface__["data"][0] for table in found]
        fused.draw(
            tables.layouts, tables.scales, tables.strides, bands, tables.physics,
            tables.addresses, tables.masks, kind, smooth, self._box.width, *program,
            painter.low, painter.inverse, painter.table,
            self._state, self._words, self._indexes, self._values, self._counts,
        )  # fmt: skip

    def draw_visible(self, tables: Tables, smooth: bool, hidden: NDArray[np.bool_]) -> None:
        """Draw one scene into those open pixels where it is not hidden.

        Args:
            tables: See `draw`.
            smooth: See there.
            hidden: Of every pixel, shape (pixels,).

        Raises:
            RenderError: There are more or fewer bands than the program's inputs.
        """
        kept = hidden & (self._state == output.OPEN)
        self._state[kept] = _HIDDEN
        try:
            self.draw(tables, smooth)
        finally:
            self._state[kept] = output.OPEN

    def image(self) -> Image | None:
        """Return the picture, or None where no pixel was drawn."""
        still, empty = self._counts.tolist()
        if still + empty == self._state.size:
            return None
        height, width = self._box.height, self._box.width
        if self._painter.indexed:
            return Image(self._indexes.reshape(height, width), self._painter.palette)
        pixels = self._words.view(np.uint8).reshape(height, width, 4)
        return Image(pixels, opaque=still + empty == 0 and not self._painter.translucent)

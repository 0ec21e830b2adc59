"""What scenes are drawn into: pictures, values, stored values."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from renderers import room
from renderers.canvas import Canvas
from renderers.geobox import GeoBox
from renderers.kernels.stored import copy_stored
from renderers.masks import Screen
from renderers.sources import Drawable, Tables


class Target(Protocol):
    """What scenes are drawn into."""

    @property
    def open(self) -> int:
        """Pixels that no scene has filled."""

    def group(self, number: int) -> int:
        """Return which scenes fill the same pixels as one of a number among those wanted."""

    def wants(self, number: int) -> bool:
        """Tell whether a scene may add something; scenes are asked and drawn in their order."""

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene, by its number among those wanted, into the open pixels."""


class _OnePicture:
    """All scenes fill the same pixels, as long as one is open."""

    def group(self, number: int) -> int:
        """Return the one group there is."""
        del number
        return 0

    def wants(self, number: int) -> bool:
        """Tell that every scene may add something: nothing is asked where no pixel is open."""
        del number
        return True


class CanvasTarget(_OnePicture):
    """A canvas as a target."""

    def __init__(self, canvas: Canvas, box: GeoBox, screen: Screen | None = None) -> None:
        """Begin.

        Args:
            canvas: On which all pixels are open.
            box: The target grid.
            screen: Hides pixels of scenes.
        """
        self._canvas = canvas
        self._box = box
        self._screen = screen

    @property
    def open(self) -> int:
        """Pixels that no scene has filled."""
        return self._canvas.open

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene into the open pixels."""
        del number
        tables = scene.tables(self._box)
        if self._screen is None:
            self._canvas.draw(tables, scene.smooth)
        else:
            self._canvas.draw_visible(tables, scene.smooth, self._screen.hidden(scene))


class TracedTarget(CanvasTarget):
    """A canvas that remembers which scene filled a pixel."""

    def __init__(self, canvas: Canvas, box: GeoBox, screen: Screen | None = None) -> None:
        """Begin; see `CanvasTarget`."""
        super().__init__(canvas, box, screen)
        self.source = np.full((box.height, box.width), -1, np.int16)

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene into the open pixels, and note them."""
        super().draw(number, scene)
        self.source[(self.source < 0) & (self._canvas.state != 0)] = number


class StoredTarget(_OnePicture):
    """Stored values, in a type that holds those of all files drawn."""

    def __init__(
        self, dtype: np.dtype[Any], bands: int, box: GeoBox, screen: Screen | None = None
    ) -> None:
        """Begin with all pixels open.

        Args:
            dtype: Should hold the values of all files; a scene that needs more widens it.
            bands: How many.
            box: The target grid.
            screen: Hides pixels of scenes.
        """
        pixels = box.width * box.height
        self._width = box.width
        self._screen = screen
        self.data = room.empty((bands, pixels), dtype)
        self.valid = room.full((pixels,), 0, np.uint8)
        self.source = np.broadcast_to(np.int16(-1), (pixels,))
        self.open = pixels

    def draw(self, number: int, scene: Drawable) -> None:
        """Copy one scene under what is already there."""
        found = scene.stored_tables()
        wider = np.result_type(self.data.dtype, *found.dtypes)
        if wider != self.data.dtype:
            self.data = self.data.astype(wider)
        hidden = None if self._screen is None else self._screen.hidden(scene)
        if self.open == self.valid.size and set(found.dtypes) == {self.data.dtype.name}:
            # Nothing is there yet: the scene is written in its place at once.
            self.valid.fill(1)
            _copy(found, slice(None), self._width, self.data, self.valid)
            if hidden is not None:
                self.valid[hidden] = 0
            new = self.valid.view(np.bool_)
        else:
            valid = room.full(self.valid.shape, 1, np.uint8)
            bands = []
            for band, dtype in enumerate(found.dtypes):
                bands.append(room.empty((1, valid.size), dtype))
                _copy(found, slice(band, band + 1), self._width, bands[-1], valid)
            if hidden is not None:
                valid[hidden] = 0
            new = (valid == 1) & (self.valid == 0)
            for target, values in zip(self.data, bands, strict=True):
                np.copyto(target, values[0], where=new)
            self.valid[new] = 1
        self._note(number, new)

    def _note(self, number: int, new: NDArray[np.bool_]) -> None:
        """Remember which scene filled which pixels: one number where one scene fills all."""
        filled = int(np.count_nonzero(new))
        self.open -= filled
        if filled == new.size:
            self.source = np.broadcast_to(np.int16(number), new.shape)
        elif filled:
            if not self.source.flags.writeable:
                self.source = room.copied(self.source)
            self.source[new] = number

    def finish(self) -> None:
        """Leave nothing in pixels without data: their memory held something else before."""
        if self.open:
            self.data[:, self.valid == 0] = 0


def _copy(
    found: Tables, bands: slice, width: int, out: NDArray[Any], valid: NDArray[np.uint8]
) -> None:
    """Copy bands of one type."""
    nodata = found.physics[bands, 0]
    words = out.view(f"u{out.itemsize}") if out.dtype.kind in "iu" else out
    has, meaning = _as_stored(nodata, out.dtype)
    copy_stored(
        found.layouts, found.scales, found.strides, np.ascontiguousarray(found.bands[bands]),
        found.addresses, found.masks, width, has, meaning.view(words.dtype), words, valid,
    )  # fmt: skip


def _as_stored(
    nodata: NDArray[np.float64], dtype: np.dtype[Any]
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Return which bands have a nodata value that the type can hold, and the values in it."""
    if dtype.kind == "f":
        return (~np.isnan(nodata)).view(np.uint8), nodata.astype(dtype)
    limits = np.iinfo(dtype)
    whole = np.isfinite(nodata) & (nodata == np.floor(nodata))
    has = whole & (nodata >= limits.min) & (nodata <= limits.max)
    return has.view(np.uint8), np.where(has, nodata, 0.0).astype(dtype)

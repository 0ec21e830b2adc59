"""Pictures of many dates at once: one value per pixel out of all that were seen there.

Every scene that has the bands is read, as any may change the result; only scenes of one date, which
fill one another's gaps, are left out once their date is whole.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from renderers.canvas import Canvas
from renderers.errors import BudgetExceededError
from renderers.geobox import GeoBox
from renderers.image import Image
from renderers.kernels import output, reduce
from renderers.masks import Screen
from renderers.painter import Painter, Painters, coloured, of_values, values_painter
from renderers.programs import run
from renderers.rule import Compose
from renderers.sources import Drawable
from renderers.targets import CanvasTarget
from styles.program import Program, select

#: Most bytes of the values of all dates, which a median needs side by side: 64 dates of three
#: channels of a 512 px tile.
STACK_BYTES = 256 * 1024 * 1024

_FOLDS: Final = {"mean": reduce.MEAN, "min": reduce.LEAST, "max": reduce.GREATEST}


@dataclass(frozen=True, slots=True)
class Brush:
    """What a picture is drawn with.

    Attributes:
        box: The target grid.
        painter: Of its style.
        painters: Keeps tables.
        screen: Hides pixels of scenes.
    """

    box: GeoBox
    painter: Painter
    painters: Painters
    screen: Screen | None = None

    @property
    def pixels(self) -> int:
        """Of the target."""
        return self.box.width * self.box.height

    def layer(self, program: Program) -> "DateLayer":
        """Return an empty layer of a program's values."""
        return DateLayer(self, program)


class DateLayer(CanvasTarget):
    """Values of one date."""

    def __init__(self, brush: Brush, program: Program) -> None:
        self.canvas = Canvas(brush.box, values_painter(program), brush.painters)
        super().__init__(self.canvas, brush.box, brush.screen)

    @property
    def values(self) -> NDArray[np.float32]:
        """Shape (outputs, pixels)."""
        values = self.canvas.values
        return values.reshape(len(values), -1)

    @property
    def there(self) -> NDArray[np.uint8]:
        """Shape (pixels,), 1 where there are values."""
        return np.equal(self.canvas.state.reshape(-1), output.DRAWN).view(np.uint8)


class AllDates(ABC):
    """A target that every date may change; dates are taken in one after the other."""

    def __init__(self, brush: Brush, program: Program, dates: Sequence[int]) -> None:
        """Begin.

        Args:
            brush: What to draw with.
            program: Of what is drawn of each date.
            dates: Of every scene the number of its date, from 0; scenes of one follow one another.
        """
        self._brush = brush
        self._program = program
        self._dates = dates
        self._date = -1
        self._layer = brush.layer(program)

    @property
    def open(self) -> int:
        """Pixels that a further date may change: all."""
        return self._brush.pixels

    def group(self, number: int) -> int:
        """Return the date of a scene."""
        return self._dates[number]

    def wants(self, number: int) -> bool:
        """Tell whether a scene's date still has gaps."""
        return self._dates[number] != self._date or self._layer.open > 0

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene into the gaps of its date."""
        if self._dates[number] != self._date:
            self.end_date()
            self._date = self._dates[number]
        self._layer.draw(number, scene)

    def end_date(self) -> None:
        """Take in the date that was drawn last."""
        if self._date >= 0 and self._layer.open < self._brush.pixels:
            self._add(self._layer)
            self._layer = self._brush.layer(self._program)
        self._date = -1

    @abstractmethod
    def _add(self, layer: DateLayer) -> None:
        """Take in a date."""


class _Composed(AllDates):
    """Values of which every date changes a part."""

    def values(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return values of all dates, (outputs, pixels), and 1 where there are some, (pixels,)."""
        self.end_date()
        return self._result()

    def image(self) -> Image | None:
        """Return the picture of all dates, None where no pixel has a value."""
        return coloured(of_values(self._brush.painter), *self.values(), self._brush.box)

    @abstractmethod
    def _result(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return values, (outputs, pixels), and 1 where there are some."""


class _Folded(_Composed):
    """Mean, least, greatest or number of values: kept as they come."""

    def __init__(self, brush: Brush, dates: Sequence[int], compose: Compose) -> None:
        super().__init__(brush, brush.painter.program, dates)
        self._compose = compose
        self._total = np.zeros((self._program.outputs, brush.pixels))
        self._seen = np.zeros(brush.pixels, np.int32)

    def _add(self, layer: DateLayer) -> None:
        kind = _FOLDS.get(self._compose, reduce.MEAN)
        reduce.fold(kind, layer.values, layer.there, self._total, self._seen)

    def _result(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        there = (self._seen > 0).view(np.uint8)
        if self._compose == "count":
            counts = self._seen.astype(np.float32)
            return np.ascontiguousarray(np.broadcast_to(counts, self._total.shape)), there
        if self._compose == "mean":
            self._total /= np.maximum(self._seen, 1)
        return self._total.astype(np.float32), there


class _Median(_Composed):
    """The median, for which all dates are kept."""

    def __init__(self, brush: Brush, dates: Sequence[int]) -> None:
        program = brush.painter.program
        shape = len(set(dates)), program.outputs * brush.pixels
        if 4 * shape[0] * shape[1] > STACK_BYTES:
            raise BudgetExceededError(
                f"a median of {shape[0]} dates of so many pixels takes more memory than allowed; "
                "ask for fewer dates or a smaller picture"
            )
        super().__init__(brush, program, dates)
        self._stack = np.empty(shape, np.float32)
        self._number = 0

    def _add(self, layer: DateLayer) -> None:
        row = self._stack[self._number].reshape(layer.values.shape)
        np.copyto(row, layer.values)
        row[:, layer.there == 0] = np.nan
        self._number += 1

    def _result(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        out = np.full(self._stack.shape[1], np.nan, np.float32)
        if self._number:
            reduce.median(self._stack[: self._number], out)
        values = out.reshape(self._program.outputs, -1)
        return values, (~np.isnan(values[0])).view(np.uint8)


class _Best(_Composed):
    """The picture of the date on which a program gives most."""

    def __init__(self, brush: Brush, dates: Sequence[int], best: Program) -> None:
        self._shown = brush.painter.program
        self._best = best
        super().__init__(brush, select(needed(self._shown, best)), dates)
        self._most = np.full(brush.pixels, -np.inf, np.float32)
        self._values = np.zeros((self._shown.outputs, brush.pixels), np.float32)
        self._there = np.zeros(brush.pixels, np.uint8)

    def _add(self, layer: DateLayer) -> None:
        there = layer.there.copy()
        (value,) = self._run(self._best, layer.values, there)
        shown = self._run(self._shown, layer.values, there)
        new = (there == 1) & ((value > self._most) | (self._there == 0))
        np.copyto(self._most, value, where=new)
        np.copyto(self._values, shown, where=new)
        self._there[new] = 1

    def _run(
        self, program: Program, bands: NDArray[np.float32], there: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Run a program over the bands that it takes; pixels without a value are not there."""
        inputs = bands[[self._program.inputs.index(name) for name in program.inputs]]
        return run(program, inputs, there)

    def _result(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        return self._values, self._there


DatesTarget = _Folded | _Median | _Best


def dates_target(
    brush: Brush, dates: Sequence[int], compose: Compose, best: Program | None
) -> DatesTarget:
    """Return what scenes of several dates are drawn into.

    Args:
        brush: What to draw with.
        dates: Of every scene the number of its date, from 0; scenes of one follow one another.
        compose: What becomes of the dates, anything but `first`.
        best: With `best`, the program that says which date shows.

    Raises:
        BudgetExceededError: It would take more memory than allowed.
    """
    if best is not None:
        return _Best(brush, dates, best)
    if compose == "median":
        return _Median(brush, dates)
    return _Folded(brush, dates, compose)


def needed(shown: Program, best: Program | None) -> tuple[str, ...]:
    """Return the bands that a picture takes, in the order in which its target gets them."""
    if best is None:
        return shown.inputs
    return tuple(dict.fromkeys((*shown.inputs, *best.inputs)))

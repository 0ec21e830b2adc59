"""What to draw, and what it may cost; without catalogue and protocol."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from renderers.errors import BudgetExceededError
from renderers.geobox import GeoBox
from renderers.image import UInt8Array
from renderers.labels import Labels
from renderers.outlines import Shapes
from renderers.rule import PLAIN, MosaicRule
from renderers.scene import Scene
from styles.model import Resampling, Style
from styles.program import Program


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one job may cost; checked after the plan and before any bytes are fetched.

    A picture that would cost more blocks or source pixels reads coarser levels, and leaves out what
    is too much even so; values are refused.

    Attributes:
        pixels: Target pixels.
        source_pixels: Source pixels to decode, all scenes and bands together.
        blocks: Blocks to fetch.
        scenes: Scenes to look into; the rest is left out, and the result says so.
        seconds: Wall time.
    """

    pixels: int = 32 * 1024 * 1024
    source_pixels: int = 256 * 1024 * 1024
    blocks: int = 4096
    scenes: int = 64
    seconds: float = 30.0


class Spent:
    """What a job has cost so far, all its layers together, against its budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.blocks = 0
        self.source_pixels = 0

    def target(self, geobox: GeoBox) -> None:
        """Check the size of the target grid.

        Raises:
            BudgetExceededError: It has more pixels than allowed.
        """
        if geobox.width * geobox.height > self.budget.pixels:
            raise BudgetExceededError(f"more than {self.budget.pixels} pixels were asked for")

    def plan(self, blocks: int, source_pixels: int) -> None:
        """Add what a plan wants to read.

        Raises:
            BudgetExceededError: The job would now read more than allowed.
        """
        self.take(blocks, source_pixels)
        if self.blocks > self.budget.blocks:
            raise BudgetExceededError(
                f"the request would read more than {self.budget.blocks} blocks; zoom in"
            )
        if self.source_pixels > self.budget.source_pixels:
            raise BudgetExceededError(
                f"the request would decode more than {self.budget.source_pixels} pixels; zoom in"
            )

    def take(self, blocks: int, source_pixels: int) -> None:
        """Add what is read."""
        self.blocks += blocks
        self.source_pixels += source_pixels

    def affords(self, coarser: int | None, blocks: int, source_pixels: int) -> bool:
        """Tell whether something may be read at levels coarser than they should be.

        With None the whole budget counts. Otherwise three quarters of it are for levels as they
        should be, three quarters of the rest for the next coarser ones, which take a quarter of the
        blocks, and so on: about as many scenes can be read of each.
        """
        part = 1.0 if coarser is None else 1.0 - 0.25 ** (coarser + 1)
        return (
            self.blocks + blocks <= part * self.budget.blocks
            and self.source_pixels + source_pixels <= part * self.budget.source_pixels
        )

    def coarser_for(self, blocks: int, source_pixels: int) -> int:
        """Return how many levels coarser all of it must be read to be affordable."""
        for coarser in range(MOST_COARSER):
            if self.affords(coarser, blocks >> 2 * coarser, source_pixels >> 2 * coarser):
                return coarser
        return MOST_COARSER


#: Most levels by which a picture's scenes are read coarser than they should be: pixels 16 times as
#: wide as the picture's still show what there is.
MOST_COARSER = 4


@dataclass(frozen=True, slots=True)
class Left:
    """What a layer of a picture lacks.

    Attributes:
        cut: There are more scenes than were looked into, and pixels that they could fill.
        seen: Ids of the scenes that were looked into, where there were more.
        skipped: Ids of those that would have cost too much.
        pending: How many of `skipped` will cost less soon, as levels are being made for them.
        enlarged: How many times wider than the level rule says the pixels are that were read.
    """

    cut: bool = False
    seen: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    pending: int = 0
    enlarged: float = 1.0

    @property
    def complete(self) -> bool:
        """Whether nothing is lacking."""
        return not (self.cut or self.skipped or self.enlarged > 1.0)

    def out(self, scene_id: str) -> bool:
        """Tell whether a scene was left out."""
        return scene_id in self.skipped or (self.cut and scene_id not in self.seen)


#: Finds where the scenes lie that were left out.
Beyond = Callable[[Left], Awaitable[Shapes]]


@dataclass(frozen=True, slots=True)
class Footprints:
    """What is drawn of scenes that are left out of a picture.

    Attributes:
        find: Finds where they lie.
        colour: RGBA that fills them, beneath what was read.
    """

    find: Beyond
    colour: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False, slots=True)
class OutlinesJob:
    """A layer of outlines with labels.

    Attributes:
        shapes: What to draw, the first on top.
        kinds: Of each its place in the palette.
        palette: uint8, shape (n, 4), RGBA.
        width: Of the lines, in pixels of the picture.
        labels: Above the outlines.
    """

    shapes: Shapes
    kinds: Sequence[int]
    palette: UInt8Array
    width: float
    labels: Labels


@dataclass(frozen=True, slots=True)
class LayerJob:
    """One layer of a picture.

    Attributes:
        scenes: In order of the mosaic (`MosaicRule.ordered`).
        style: What the picture is.
        rule: What becomes of several scenes at a pixel; their order is theirs already.
        beyond: What is drawn of scenes that are left out; None draws nothing of them.
    """

    scenes: tuple[Scene, ...]
    style: Style
    rule: MosaicRule = PLAIN
    beyond: Footprints | None = None


@dataclass(frozen=True, slots=True)
class DrawJob:
    """A picture: layers painted in order, the first at the bottom, on one grid."""

    layers: tuple[LayerJob | OutlinesJob, ...]
    geobox: GeoBox
    budget: Budget


@dataclass(frozen=True, slots=True)
class CoverageJob:
    """Values on one grid: of bands, or of a program.

    Attributes:
        scenes: In order of the mosaic (`MosaicRule.ordered`).
        bands: Names, in the order of the result; with a program, those of its outputs.
        geobox: The grid.
        budget: What it may cost.
        resampling: `nearest` keeps stored values as they are; others interpolate physical ones.
        rule: What becomes of several scenes at a pixel; their order is theirs already.
        program: What to compute; None takes the bands as they are.
    """

    scenes: tuple[Scene, ...]
    bands: tuple[str, ...]
    geobox: GeoBox
    budget: Budget
    resampling: Resampling = "nearest"
    rule: MosaicRule = PLAIN
    program: Program | None = None

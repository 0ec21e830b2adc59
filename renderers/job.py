"""What to draw, and what it may cost; without catalogue and protocol."""

from dataclasses import dataclass

from renderers.errors import BudgetExceededError
from renderers.geobox import GeoBox
from renderers.rule import PLAIN, MosaicRule
from renderers.scene import Scene
from styles.model import Resampling, Style
from styles.program import Program


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one job may cost; checked after the plan and before any bytes are fetched.

    Attributes:
        pixels: Target pixels.
        source_pixels: Source pixels to decode, all scenes and bands together.
        blocks: Blocks to fetch.
        scenes: Scenes to look into; older ones are left out, and the result says so.
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
        self.blocks += blocks
        self.source_pixels += source_pixels
        if self.blocks > self.budget.blocks:
            raise BudgetExceededError(
                f"the request would read more than {self.budget.blocks} blocks; zoom in"
            )
        if self.source_pixels > self.budget.source_pixels:
            raise BudgetExceededError(
                f"the request would decode more than {self.budget.source_pixels} pixels; zoom in"
            )


@dataclass(frozen=True, slots=True)
class LayerJob:
    """One layer of a picture.

    Attributes:
        scenes: In order of the mosaic (`MosaicRule.ordered`).
        style: What the picture is.
        rule: What becomes of several scenes at a pixel; their order is theirs already.
    """

    scenes: tuple[Scene, ...]
    style: Style
    rule: MosaicRule = PLAIN


@dataclass(frozen=True, slots=True)
class DrawJob:
    """A picture: layers painted in order, the first at the bottom, on one grid."""

    layers: tuple[LayerJob, ...]
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

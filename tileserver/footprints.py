"""Outlines of a collection's scenes: a style of every layer, and what shows scenes left out."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from renderers.job import OutlinesJob
from renderers.outlines import LINE_WIDTH, Shapes
from renderers.rule import MosaicRule
from styles.model import ClassColour, ClassEntry, Style
from styles.program import select
from tileserver.catalogue.base import Area, Footprint

#: Most scenes whose outlines are drawn in one picture, the most recent ones.
MOST: Final = 10_000

#: Cloud cover in percent below which a scene has a class, and the class.
_CLOUDS: Final = (
    (10.0, ClassEntry(0, "under 10 % cloud", (0, 109, 204, 255))),
    (30.0, ClassEntry(1, "10 to 30 % cloud", (26, 152, 80, 255))),
    (60.0, ClassEntry(2, "30 to 60 % cloud", (230, 159, 0, 255))),
    (float("inf"), ClassEntry(3, "60 % cloud and more", (204, 51, 17, 255))),
)
_UNKNOWN: Final = ClassEntry(4, "cloud cover not known", (85, 85, 85, 255))
_CLASSES: Final = (*(entry for _, entry in _CLOUDS), _UNKNOWN)

#: RGBA that fills scenes that a picture leaves out, unless the settings say otherwise.
LEFT_OUT: Final = (122, 92, 190, 128)

#: The style: its pixels are no band's, so that the pipeline draws it, and no program does.
STYLE: Final = Style(
    id="footprints",
    title="Footprints",
    program=select(["footprint"]),
    colour=ClassColour(_CLASSES),
    description="Outlines of the images, coloured by their cloud cover.",
    resampling="nearest",
)


def cloud_class(cover: float | None) -> int:
    """Return the number of the class of a cloud cover in percent, None where it is not known."""
    if cover is None:
        return _UNKNOWN.value
    return next(entry.value for most, entry in _CLOUDS if cover < most)


def in_order(footprints: Sequence[Footprint], rule: MosaicRule) -> list[Footprint]:
    """Return footprints in the order of a mosaic, those of its dates only."""
    known = {footprint.scene.id: footprint for footprint in footprints}
    return [known[scene.id] for scene in rule.ordered(f.scene for f in footprints)]


def shapes(footprints: Sequence[Footprint], area: Area) -> Shapes:
    """Return footprints in the renderer's terms.

    Args:
        footprints: The first on top.
        area: Of the picture.
    """
    return Shapes([footprint.outline for footprint in footprints], area.boxes)


def outlines(footprints: Sequence[Footprint], area: Area, density: float) -> OutlinesJob:
    """Return the job that draws outlines.

    Args:
        footprints: The first on top.
        area: Of the picture.
        density: Pixels of the picture per pixel of a screen.
    """
    kinds = [cloud_class(footprint.scene.cloud_cover) for footprint in footprints]
    palette = np.array([entry.colour for entry in _CLASSES], np.uint8)
    return OutlinesJob(shapes(footprints, area), kinds, palette, LINE_WIDTH * density)

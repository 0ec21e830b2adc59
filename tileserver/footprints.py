"""Outlines of a collection's scenes: a style of every layer, and what shows scenes left out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import shapely

from renderers.geobox import GeoBox
from renderers.job import OutlinesJob
from renderers.labels import Labels, reach
from renderers.outlines import LINE_WIDTH, Shapes
from renderers.rule import MosaicRule
from renderers.scene import Scene
from styles.model import ClassColour, ClassEntry, Style
from styles.program import select
from tileserver import area as areas
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
    description="Outlines of the images, coloured by cloud cover, with date and cloud cover.",
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


def label(scene: Scene) -> tuple[str, ...]:
    """Return what is written on a footprint: day (UTC) and cloud cover, as far as they are known.

    Percents are cut, not rounded, so that none contradicts the colour of its class.
    """
    day = () if scene.datetime is None else (scene.datetime.date().isoformat(),)
    cloud = scene.cloud_cover
    return (*day, *(() if cloud is None else (_CLOUD.format(math.floor(cloud)),)))


_CLOUD: Final = "{} % cloud"
#: The widest labels: digits are not equally wide.
_WIDEST: Final = tuple((f"{d * 4}-{d * 2}-{d * 2}", _CLOUD.format(d * 3)) for d in "0123456789")


def area_with_labels(box: GeoBox, density: float) -> Area:
    """Return the area of all footprints that decide about labels in a picture.

    Args:
        box: The picture's grid.
        density: Pixels of the picture per pixel of a screen.
    """
    return areas.of_geobox(box.padded(reach(_WIDEST, density)))


@dataclass(frozen=True, slots=True)
class Listed:
    """Footprints of a picture.

    Attributes:
        drawn: Those that lie in it and belong to its mosaic, the first on top.
        around: With labels: `drawn`, and in their order those just outside of the picture.
    """

    drawn: list[Footprint]
    around: list[Footprint]


def listed(footprints: Sequence[Footprint], rule: MosaicRule, area: Area) -> Listed:
    """Return which footprints a picture shows, and which write their labels in or around it.

    Args:
        footprints: Of `area_with_labels`.
        rule: Of the mosaic.
        area: Of the picture.
    """
    inside = _touch(footprints, area)
    drawn = in_order([f for f, there in zip(footprints, inside, strict=True) if there], rule)
    # Of how many dates there are outside of the picture nothing depends inside of it.
    beside = {f.scene.id for f, there in zip(footprints, inside, strict=True) if not there}
    known = beside.union(f.scene.id for f in drawn)
    every = in_order(footprints, replace(rule, dates=None))
    return Listed(drawn, [f for f in every if f.scene.id in known])


def _touch(footprints: Sequence[Footprint], area: Area) -> list[bool]:
    """Tell of each footprint whether it touches an area."""
    shapes = np.array([footprint.outline for footprint in footprints], dtype=object)
    found = np.zeros(len(shapes), np.bool_)
    for west, south, east, north in area.boxes:
        for turn in (0.0, 360.0):
            box = shapely.box(west + turn, south, east + turn, north)
            found |= shapely.intersects(shapes, box)
    return found.tolist()


def outlines(footprints: Listed, area: Area, density: float) -> OutlinesJob:
    """Return the job that draws outlines and labels.

    Args:
        footprints: What to draw.
        area: Of the picture.
        density: Pixels of the picture per pixel of a screen.
    """
    kinds = [cloud_class(footprint.scene.cloud_cover) for footprint in footprints.drawn]
    palette = np.array([entry.colour for entry in _CLASSES], np.uint8)
    labels = Labels(
        [footprint.outline for footprint in footprints.around],
        [label(footprint.scene) for footprint in footprints.around],
        density,
    )
    return OutlinesJob(shapes(footprints.drawn, area), kinds, palette, LINE_WIDTH * density, labels)

"""What lies in a square of Earth, so that the tiles in it are searched without the database."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from renderers.geobox import Bounds
from tileserver.catalogue.kept import SceneKey
from tileserver.catalogue.revision import covering

#: Cells are at least this large, in degrees (the one that holds a tile of zoom 10), and areas
#: larger than four of these are not answered from cells: they are few, and would keep too much.
SMALLEST = 0.35
LARGEST = 1.4
#: Most items known of a cell, the most recent ones.
MOST = 256


class Candidate(NamedTuple):
    """An item in a cell: its key, and its search footprint in degrees."""

    key: SceneKey
    footprint: BaseGeometry


def cell_of(boxes: tuple[Bounds, ...]) -> tuple[Bounds, ...] | None:
    """Return the boxes of the cell that answers for an area, None where it is too large for one."""
    if any(max(b[2] - b[0], b[3] - b[1]) > LARGEST for b in boxes):
        return None
    return tuple(covering(b, SMALLEST) for b in boxes)


class Cell:
    """The items of one cell and time, most recent first. Used by one thread."""

    def __init__(
        self, boxes: Sequence[Bounds], candidates: Sequence[Candidate], *, cut: bool
    ) -> None:
        """Sort out what need not be looked at again.

        Args:
            boxes: Of the cell.
            candidates: In the order of searches; their footprints belong to this cell alone from
                now on (prepared geometries must not be shared between threads).
            cut: There are more items than these.
        """
        self._keys = [candidate.key for candidate in candidates]
        self._cut = cut
        shapes = np.array([c.footprint for c in candidates], dtype=object)
        # Whoever covers all of the cell touches every tile in it: most large products do.
        self._everywhere = np.zeros(len(shapes), dtype=bool)
        for bounds in boxes:
            self._everywhere |= shapely.covers(shapes, shapely.box(*bounds))
        self._partly = np.flatnonzero(~self._everywhere)
        self._shapes = shapes[self._partly]
        shapely.prepare(self._shapes)

    def matching(self, boxes: Sequence[Bounds], limit: int) -> list[SceneKey] | None:
        """Return the first `limit` + 1 items that touch an area inside the cell, in order.

        Returns:
            None where items that are not known here may be among them.
        """
        matches = self._everywhere
        if self._partly.size:
            matches = matches.copy()
            for bounds in boxes:
                matches[self._partly] |= shapely.intersects(self._shapes, shapely.box(*bounds))
        found = [self._keys[number] for number in np.flatnonzero(matches)[: limit + 1]]
        return None if self._cut and len(found) <= limit else found

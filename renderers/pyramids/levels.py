"""Which levels are worth keeping beside a file, and the index of a file that has some."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from renderers.pyramids.sidecar import LevelShape, Sidecar
from renderers.readers.base import BlockId, Level, RasterIndex, RasterInfo

#: Full-resolution pixels per pixel of the finest level that is kept.
FINEST = 4
#: No level is made below this side, in pixels: one request reads it whole.
SMALLEST = 256
#: Files with fewer pixels than this are read whole in no time.
WORTHWHILE_PIXELS = 2048 * 2048
#: Bytes of the largest level that is kept, in memory while it is made.
MAX_LEVEL_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True)
class Candidate:
    """A level that can be kept.

    Attributes:
        shape: What it would hold.
        base: Level of the file that it is made of.
        factor: Pixels of that level along a side of one pixel; 1 keeps them as they are.
    """

    shape: LevelShape
    base: int
    factor: int


@dataclass(frozen=True)
class Entry:
    """One level as readers of the extended index see it: the file's own, or a kept one."""

    level: Level
    base: int
    candidate: Candidate | None = None
    sidecar: Sidecar | None = None


def candidates(index: RasterIndex) -> tuple[Candidate, ...]:
    """Return what can be kept beside a file, finest first.

    Of JPEG 2000 (`RasterInfo.mixed`) the file's own levels from 1/4 on, pixel for pixel: there a
    map of a whole scene takes a little of every tile, 121 of them, and entropy decoding. Of every
    format levels that are coarser than the file's coarsest.
    """
    info = index.info
    if info.width * info.height < WORTHWHILE_PIXELS:
        return ()
    planes = _planes(index)
    found = []
    for number, level in enumerate(info.levels):
        if info.mixed and min(level.scale_x, level.scale_y) >= FINEST:
            found.append(Candidate(_shape(info, planes, level, 1), number, 1))
    last = info.levels[-1]
    factor = max(2, int(FINEST / min(last.scale_x, last.scale_y)))
    while True:
        before = max(last.width, last.height) / (factor / 2)
        if before <= SMALLEST:
            break
        found.append(Candidate(_shape(info, planes, last, factor), len(info.levels) - 1, factor))
        factor *= 2
    size = np.dtype(info.dtype).itemsize * sum(planes)
    return tuple(c for c in found if c.shape.width * c.shape.height * size <= MAX_LEVEL_BYTES)


def lacking_overviews(index: RasterIndex) -> tuple[Candidate, ...]:
    """Return what can be kept beside a file whose coarsest level is still a large one."""
    last = index.info.levels[-1]
    if last.width * last.height < WORTHWHILE_PIXELS:
        return ()
    return tuple(c for c in candidates(index) if c.factor > 1)


def _planes(index: RasterIndex) -> tuple[int, ...]:
    """Return the bands of each plane."""
    places = [index.plane_of(band) for band in range(1, index.info.count + 1)]
    return tuple(sum(p == plane for p, _ in places) for plane in range(places[-1][0] + 1))


def _shape(info: RasterInfo, planes: tuple[int, ...], level: Level, factor: int) -> LevelShape:
    return LevelShape(
        -(-level.width // factor),
        -(-level.height // factor),
        level.scale_x * factor,
        level.scale_y * factor,
        info.dtype,
        planes,
    )


class PyramidIndex(RasterIndex):
    """The index of a file, with levels that are kept beside it in place of its own or after them.

    Attributes:
        base: The file's own index.
        nodata: The value that means "no data" in it, or None.
        entries: One per level of `info`.
        lacking: What could be kept and is not, by the level of `info` that would profit.
    """

    def __init__(
        self,
        base: RasterIndex,
        nodata: float | None,
        wanted: Sequence[Candidate],
        ready: Mapping[Candidate, Sidecar],
    ) -> None:
        """Put kept levels in their places.

        Args:
            base: The file's own index.
            nodata: See above.
            wanted: What can be kept; see `candidates`.
            ready: Those that are.
        """
        self.base = base
        self.nodata = nodata
        self.wanted = tuple(wanted)
        self.ready = dict(ready)
        replaced = {c.base: c for c in ready if c.factor == 1}
        self.entries = [
            Entry(level, number)
            if number not in replaced
            else Entry(
                replaced[number].shape.level, number, replaced[number], ready[replaced[number]]
            )
            for number, level in enumerate(base.info.levels)
        ]
        self.entries += [
            Entry(c.shape.level, c.base, c, ready[c]) for c in wanted if c.factor > 1 and c in ready
        ]
        self.lacking: dict[int, tuple[Candidate, ...]] = {}
        for number, entry in enumerate(self.entries):
            absent = tuple(c for c in wanted if c.base == entry.base and c not in ready)
            if absent and (entry.candidate is None or entry.candidate.factor == 1):
                self.lacking[number] = absent
        self._nodata_name = repr(nodata)
        self._info = replace(base.info, levels=tuple(e.level for e in self.entries))

    @property
    def info(self) -> RasterInfo:
        """What the file says of itself, with other levels."""
        return self._info

    def to_bytes(self) -> bytes:
        """Serialise the file's own index; what is kept beside it is looked up anew."""
        return self.base.to_bytes()

    def plane_of(self, band: int) -> tuple[int, int]:
        """Return (plane, position) as in the file."""
        return self.base.plane_of(band)

    def identity(self, block: BlockId) -> Hashable:
        """Tell blocks of the file and of kept levels apart, whatever their levels' numbers are."""
        entry = self.entries[block.level]
        if entry.candidate is None:
            same = entry.base == block.level
            return self.base.identity(block if same else block._replace(level=entry.base))
        return (entry.level.scale_x, self._nodata_name, *block[1:])

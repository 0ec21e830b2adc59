"""What capabilities of every map protocol tell about a layer, and when that changed."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from renderers.geobox import Bounds
from tileserver import area as areas
from tileserver import dimensions
from tileserver.catalogue.base import Collection
from tileserver.crs import normal_bbox
from tileserver.dimensions import Dimension
from tileserver.layers import LayerInfo
from tileserver.pipeline import Pipeline
from tileserver.timeaxis import iso
from tileserver.timeaxis_choice import TimeSettings, default_value, settings_of
from tileserver.timeaxis_values import axis_values, period


@dataclass(frozen=True)
class LayerView:
    """A layer with its time axis.

    Attributes:
        info: The collection and its advertised styles.
        bbox: (west, south, east, north) in degrees, west < east: all round where the data crosses
            180 degrees, and never without an area (documents need west < east, south < north).
        times: Values of the time axis, days and periods of days; () for timeless data.
        default_time: The value that stands for a request without one.
        nearest: Whether a day without data is answered by those around it.
        dimensions: Beyond time.
    """

    info: LayerInfo
    bbox: Bounds
    times: tuple[str, ...]
    default_time: str = "current"
    nearest: bool = False
    dimensions: tuple[Dimension, ...] = ()


# Data of one point still needs a box with an area; 1e-6 degrees are 0.1 m.
_SLIVER = 1e-6


def drawable_bbox(bbox: Bounds) -> Bounds:
    """Return a longitude/latitude box that documents can carry; see `LayerView.bbox`."""
    west, south, east, north = normal_bbox(bbox)
    if east - west < _SLIVER:
        west, east = max(west - _SLIVER, -180.0), min(east + _SLIVER, 180.0)
    if north - south < _SLIVER:
        south, north = max(south - _SLIVER, -90.0), min(north + _SLIVER, 90.0)
    return west, south, east, north


async def layer_views(pipeline: Pipeline) -> list[LayerView]:
    """Return every layer, in order."""
    today = datetime.now(UTC).date()
    return [
        LayerView(
            info,
            drawable_bbox(info.collection.bbox),
            await _times(pipeline, info.collection),
            default_value(info.collection, today),
            _nearest(settings_of(info.collection)),
            dimensions.of_collection(info.collection),
        )
        for info in await pipeline.layers()
    ]


def _nearest(settings: TimeSettings) -> bool:
    return settings.tolerance is not None or settings.step is not None


async def _times(pipeline: Pipeline, collection: Collection) -> tuple[str, ...]:
    if collection.time is None:
        return ()
    if collection.remote:
        # Another server's catalogue is not walked to write a document.
        first, last = (moment.date() for moment in collection.time)
        return (period(first, last),)
    step = settings_of(collection).step
    if step is not None:
        begin, end = collection.time
        return (f"{iso(begin)}/{iso(end)}/{step}",)
    days = await pipeline.dates(collection.id, areas.from_bbox(collection.bbox))
    return axis_values([summary.day for summary in days])


class UpdateSequence:
    """Numbers the states of the layers, for clients that ask "anything new since n?".

    Numbers are seconds since 1970 at which this process first saw the state, so they grow over
    restarts too. Replicas may number the same state differently; a client that meets another
    replica reads one document more than it needed, or is told that its number is unknown.
    """

    def __init__(self) -> None:
        self._state = b""
        self._number = 0

    def number(self, views: Sequence[LayerView]) -> int:
        """Return the number of this state of the layers."""
        return self.of(
            (
                view.info.collection,
                [(s.id, s.title, s.description) for s in view.info.styles],
                (view.times, view.default_time, view.nearest, view.dimensions),
            )
            for view in views
        )

    def of(self, parts: Iterable[object]) -> int:
        """Return the number of the state that the words of some things tell."""
        state = hashlib.blake2b(digest_size=16)
        for part in parts:
            state.update(repr(part).encode())
        if state.digest() != self._state:
            self._state = state.digest()
            self._number = max(self._number + 1, int(time.time()))
        return self._number

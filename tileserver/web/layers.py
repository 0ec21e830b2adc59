"""What capabilities of every map protocol tell about a layer, and when that changed."""

import hashlib
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import is_

from renderers.geobox import Bounds
from tileserver import dimensions
from tileserver.catalogue.base import Collection
from tileserver.crs import normal_bbox
from tileserver.dimensions import Dimension
from tileserver.layers import LayerInfo
from tileserver.pipeline import Pipeline
from tileserver.timeaxis import iso
from tileserver.timeaxis_choice import TimeSettings, default_value, settings_of
from tileserver.timeaxis_values import axis_values, period
from tileserver.web.answers import Stored


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
        token: Version token of the collection with all its styles; see `Pipeline.version`.
    """

    info: LayerInfo
    bbox: Bounds
    times: tuple[str, ...]
    default_time: str = "current"
    nearest: bool = False
    dimensions: tuple[Dimension, ...] = ()
    token: str = ""


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


class LayerList:
    """Every layer as capabilities tell it; what has not changed since is not looked up again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[LayerInfo, date, LayerView]] = {}
        self._last: tuple[LayerView, ...] = ()
        self._sequence = UpdateSequence()

    async def views(self, pipeline: Pipeline) -> tuple[tuple[LayerView, ...], int]:
        """Return the layers in their order, and the number of this state of them.

        The same objects come again until something changes.
        """
        today = datetime.now(UTC).date()
        views = tuple([await self._view(pipeline, info, today) for info in await pipeline.layers()])
        if len(views) == len(self._last) and all(map(is_, views, self._last)):
            return self._last, self._sequence.latest
        number = self._sequence.number(views)
        self._last = views
        self._known = {
            view.info.collection.id: self._known[view.info.collection.id] for view in views
        }
        return views, number

    async def _view(self, pipeline: Pipeline, info: LayerInfo, today: date) -> LayerView:
        collection = info.collection
        token = await pipeline.version(collection.id, "")
        known = self._known.get(collection.id)
        if known is not None:
            then, day, view = known
            # Other collections' documents are compared as objects: they are made anew when changed.
            same = then.collection is collection and then.styles == info.styles
            if same and day == today and view.token == token:
                return view
        view = await _view(pipeline, info, today, token)
        self._known[collection.id] = info, today, view
        return view


async def _view(pipeline: Pipeline, info: LayerInfo, today: date, token: str) -> LayerView:
    collection = info.collection
    return LayerView(
        info,
        drawable_bbox(collection.bbox),
        await _times(pipeline, collection),
        default_value(collection, today),
        _nearest(settings_of(collection)),
        dimensions.of_collection(collection),
        token,
    )


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
    return axis_values(await pipeline.all_days(collection.id))


#: Most documents kept of each service: per version, address and sections.
_KEPT_DOCUMENTS = 8


class CapabilitiesStore:
    """The documents of one service, made once per state of the layers; one per application.

    Attributes:
        list: The layers.
    """

    def __init__(self) -> None:
        self.list = LayerList()
        self._views: tuple[LayerView, ...] = ()
        self._made: dict[Hashable, Stored] = {}

    def document(
        self, key: Hashable, views: tuple[LayerView, ...], build: Callable[[], bytes]
    ) -> Stored:
        """Return a document, made where there is none of this key and state.

        Args:
            key: All that it depends on beside the layers.
            views: The layers, as `list` gave them.
            build: Makes it.
        """
        if views is not self._views:
            self._views, self._made = views, {}
        stored = self._made.get(key)
        if stored is None:
            while len(self._made) >= _KEPT_DOCUMENTS:
                del self._made[next(iter(self._made))]
            stored = self._made[key] = Stored(build())
        return stored


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

    @property
    def latest(self) -> int:
        """The number of the state that was seen last; 0 before any."""
        return self._number

    def of(self, parts: Iterable[object]) -> int:
        """Return the number of the state that the words of some things tell."""
        state = hashlib.blake2b(digest_size=16)
        for part in parts:
            state.update(repr(part).encode())
        if state.digest() != self._state:
            self._state = state.digest()
            self._number = max(self._number + 1, int(time.time()))
        return self._number

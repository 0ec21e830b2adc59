"""The way of a request: cache, catalogue, renderer, encoder. Only this module knows the order."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from traceback import clear_frames
from typing import NamedTuple

import numpy as np
from affine import Affine

from cache.base import CacheBackend, Entry
from cache.memory import SizedLru
from cache.singleflight import SingleFlight
from renderers.crs import WGS84, is_geographic, transform_points
from renderers.draw import Renderer
from renderers.encoders.automatic import automatic
from renderers.encoders.registry import EncoderRegistry
from renderers.geobox import GeoBox
from renderers.image import Image, Raster
from renderers.job import Budget, CoverageJob, DrawJob, LayerJob
from renderers.paint import flatten
from renderers.rule import MosaicRule
from renderers.scene import Scene
from renderers.together import together
from renderers.values import computed
from styles.model import Style
from tileserver import area as areas
from tileserver import timesearch, timetold
from tileserver.catalogue.base import Area, Catalogue, Collection, DateSummary
from tileserver.errors import (
    InvalidFormatError,
    InvalidParameterError,
    TimedOutError,
    TooLargeError,
)
from tileserver.etag import etag_matches
from tileserver.layers import LayerInfo, LayerStyles
from tileserver.limits import Admission
from tileserver.mosaics import picture_rule, rule_of, settings_key
from tileserver.request import (
    AUTO,
    CoverageRequest,
    LayerRequest,
    PictureRequest,
    ValuesRequest,
    cache_key,
)
from tileserver.timeaxis import ALWAYS, CURRENT, UNSAID, TimeRequest
from tileserver.timeaxis_choice import SETTING as TIME_SETTING
from tileserver.timeaxis_choice import TimeChoice, choose

#: Most requests, and version tokens, whose meaning is kept.
_KEPT = 8192

#: Most points, and most scenes per point, that one request for values may name.
MAX_POINTS = 1000
MAX_DATES = 366

#: Most scenes of a place and time among which a mosaic's rule chooses, where it does not take the
#: most recent ones: 2.4 ms to sort, and as many items to read the first time.
MAX_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture.

    Attributes:
        body: Encoded bytes; empty when `not_modified`.
        media_type: Of the body.
        etag: Quoted strong ETag, from the cache key.
        not_modified: The client has this picture already; nothing was drawn.
        headers: More headers to send; see `timetold` for the times. Those of the drawing itself are
            not known where nothing was drawn.
    """

    body: bytes
    media_type: str
    etag: str
    not_modified: bool
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PointValue:
    """Physical values of one scene at one point; None where the scene has no data there."""

    scene: str
    datetime: datetime | None
    point: tuple[float, float]
    values: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A layer of a request with what it means now."""

    collection: Collection
    style: Style
    times: TimeChoice
    rule: MosaicRule


class _Search(NamedTuple):
    """Scenes of one layer, and whether the catalogue has more than were looked at."""

    scenes: tuple[Scene, ...]
    cut: bool


class _Encoded(NamedTuple):
    """The bytes of a picture, and their format."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class _State:
    """What the catalogue says of one collection; everything about it follows from this."""

    collection: Collection
    revision: str

    def same(self, other: "_State") -> bool:
        """Tell whether nothing has changed; never true where something has.

        Collections are compared as objects: those of a catalogue are made anew when it changes.
        """
        return self.collection is other.collection and self.revision == other.revision


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a request means in one state of the catalogue."""

    states: tuple[_State, ...]
    layers: tuple[_Resolved, ...]
    area: Area
    key: str
    etag: str
    headers: tuple[tuple[str, str], ...]


class Pipeline:
    """Pictures, coverages and values of the catalogue's collections."""

    def __init__(
        self,
        catalogue: Catalogue,
        renderer: Renderer,
        styles: LayerStyles,
        encoders: EncoderRegistry,
        tiles: CacheBackend,
        pool: ThreadPoolExecutor,
        limits: tuple[Budget, Admission, int],
    ) -> None:
        """Wire the parts.

        Args:
            catalogue: Finds scenes.
            renderer: Draws jobs.
            styles: Finds styles.
            encoders: By media type.
            tiles: Cache of encoded pictures.
            pool: Threads for encoding.
            limits: What one request may cost, the queue in front, the most layers in a picture.
        """
        self._catalogue = catalogue
        self._renderer = renderer
        self._styles = styles
        self._encoders = encoders
        self._tiles = tiles
        self._pool = pool
        self._budget, self._admission, self._max_layers = limits
        self._flights: SingleFlight[str, Entry] = SingleFlight()
        self._prepared: SizedLru[PictureRequest, _Prepared] = SizedLru(_KEPT, lambda _: 1)
        self._versions: SizedLru[tuple[str, str | Style], tuple[_State, str]]
        self._versions = SizedLru(_KEPT, lambda _: 1)

    # What there is

    async def layers(self) -> list[LayerInfo]:
        """Return every collection with its advertised styles, in the order of listing."""
        return [self._styles.info(c) for c in await self._catalogue.collections()]

    async def layer(self, collection_id: str) -> LayerInfo:
        """Return one collection with its advertised styles.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        return self._styles.info(await self._catalogue.collection(collection_id))

    async def dates(
        self, collection_id: str, area: Area, time: TimeRequest = CURRENT
    ) -> Sequence[DateSummary]:
        """Return the days on which a collection has items that touch an area, oldest first.

        Neither its default nor its tolerance counts here.
        """
        collection = await self._catalogue.collection(collection_id)
        times = _choice(CURRENT if time == UNSAID else time, collection, ruled=True)
        return await timesearch.dates(self._catalogue, collection, area, times.spans)

    async def times(
        self, collection_id: str, time: TimeRequest, *, ruled: bool = False
    ) -> TimeChoice:
        """Return which times of a collection answer a request; see `choose`.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        collection = await self._catalogue.collection(collection_id)
        return _choice(time, collection, ruled=ruled)

    async def version(self, collection_id: str, style: str | Style = "") -> str:
        """Return the token that makes a URL immutable: it changes with the data and the styles.

        Args:
            collection_id: The collection.
            style: One style, or "" for all that the collection advertises.

        Raises:
            RequestError: There is no such collection, or no such style for it.
        """
        state = await self._state(collection_id)
        known = self._versions.get((collection_id, style))
        if known is not None and known[0].same(state):
            return known[1]
        if style:
            styles: tuple[Style, ...] = (self._styles.style(state.collection, style),)
        else:
            styles = self._styles.info(state.collection).styles
        own = settings_key(state.collection)
        times = repr(state.collection.extra.get(TIME_SETTING))
        digests = (s.digest for s in styles)
        text = "\x1f".join([collection_id, state.revision, *digests, own, times])
        token = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        self._versions.set((collection_id, style), (state, token))
        return token

    # The three verbs

    async def picture(self, request: PictureRequest, if_none_match: str | None = None) -> Picture:
        """Return an encoded picture, from the cache where it is there.

        Args:
            request: What to draw.
            if_none_match: The client's If-None-Match header; a match answers without drawing.

        Raises:
            RequestError: The request names what is not there or is too large.
            RenderError: A source file cannot be read.
        """
        asked = await self._prepare(request)
        key, etag = asked.key, asked.etag
        if etag_matches(if_none_match, etag):
            return Picture(b"", request.media_type, etag, True, asked.headers)
        entry = self._tiles.peek(key)
        if entry is None:
            entry = await self._flights.run(
                key, lambda: self._make(key, request, asked.layers, asked.area)
            )
        headers = (*entry.headers, *asked.headers)
        return Picture(entry.body, entry.media_type, etag, False, headers)

    async def coverage(self, request: CoverageRequest) -> Raster:
        """Return stored values of bands on a grid, first valid scene per pixel.

        Scenes come in the order of the collection's own rule, most recent first without one.

        Raises:
            RequestError: The request names what is not there or is too large.
            RenderError: A source file cannot be read.
        """
        collection = await self._catalogue.collection(request.collection)
        bands = _bands(collection, request.bands)
        area = areas.of_geobox(request.geobox)
        async with self._admission.admit(request.geobox.width * request.geobox.height):
            times = _choice(request.time, collection)
            rule = times.over(rule_of(collection, None))
            found = await self._search(collection, area, times, rule)
            job = CoverageJob(found.scenes, bands, request.geobox, self._budget, mask=rule.clear)
            with _timed():
                return (await self._renderer.coverage(job)).raster

    async def values(self, request: ValuesRequest) -> list[PointValue]:
        """Return physical values of bands at points, per scene, in the order of the mosaic.

        Raises:
            RequestError: The request names what is not there or is too large.
            RenderError: A source file cannot be read.
        """
        if len(request.points) > MAX_POINTS or request.limit > MAX_DATES:
            raise TooLargeError(f"at most {MAX_POINTS} points and {MAX_DATES} scenes at once")
        collection = await self._catalogue.collection(request.collection)
        style = None if request.style is None else self._styles.style(collection, request.style)
        bands = _bands(collection, request.bands if style is None else style.program.inputs)
        times = _choice(request.time, collection)
        rule = times.over(rule_of(collection, None))
        out: list[PointValue] = []
        async with self._admission.admit():
            for point in request.points:
                geobox = _point_box(point, request.crs)
                area = areas.of_geobox(geobox)
                found = await self._search(collection, area, times, rule, request.limit)
                for scene in found.scenes[: request.limit]:
                    values = await self._values_of(scene, bands, geobox)
                    if style is not None:
                        values |= computed(style.program, values)
                    out.append(PointValue(scene.id, scene.datetime, point, values))
        return out

    # The steps

    async def _state(self, collection_id: str) -> _State:
        collection = await self._catalogue.collection(collection_id)
        return _State(collection, self._catalogue.revision(collection_id, areas.WORLD, ALWAYS))

    async def _prepare(self, request: PictureRequest) -> _Prepared:
        """Check a request and find its key; kept for as long as its collections do not change."""
        known = self._prepared.get(request)
        if known is None:
            self._check(request)
        states = [await self._state(layer.collection) for layer in request.layers]
        if known is not None and all(map(_State.same, known.states, states)):
            return known
        layers = tuple(
            self._resolved(state.collection, layer, request)
            for layer, state in zip(request.layers, states, strict=True)
        )
        area = areas.of_geobox(request.geobox)
        key = self._key(request, layers, area)
        told = ", ".join(layer.times.told for layer in layers)
        headers = ((timetold.CHOICE, told),) if told else ()
        prepared = _Prepared(tuple(states), layers, area, key, f'"{key}"', headers)
        self._prepared.set(request, prepared)
        return prepared

    def _resolved(
        self, collection: Collection, layer: LayerRequest, request: PictureRequest
    ) -> _Resolved:
        style = self._styles.style(collection, layer.style)
        times = _choice(request.time, collection, ruled=request.mosaic is not None)
        rule = times.over(picture_rule(collection, request.mosaic, self._styles, style))
        return _Resolved(collection, style, times, rule)

    def _check(self, request: PictureRequest) -> None:
        if len(request.layers) > self._max_layers:
            raise TooLargeError(f"at most {self._max_layers} layers in one picture")
        if request.media_type not in (AUTO, *self._encoders.media_types):
            raise InvalidFormatError("this format is not offered", parameter="format")
        if request.geobox.width * request.geobox.height > self._budget.pixels:
            raise TooLargeError(f"at most {self._budget.pixels} pixels in one picture")

    def _key(self, request: PictureRequest, layers: Sequence[_Resolved], area: Area) -> str:
        digests = [layer.style.digest + layer.rule.key for layer in layers]
        revisions = [
            timesearch.revision(self._catalogue, layer.collection.id, area, layer.times.spans)
            for layer in layers
        ]
        return cache_key(request, digests, revisions, [layer.times.key for layer in layers])

    async def _make(
        self, key: str, request: PictureRequest, layers: Sequence[_Resolved], area: Area
    ) -> Entry:
        stored = await self._tiles.get(key)
        if stored is not None:
            return stored
        async with self._admission.admit(request.geobox.width * request.geobox.height):
            found = [
                await self._search(layer.collection, area, layer.times, layer.rule)
                for layer in layers
            ]
            jobs = [
                LayerJob(search.scenes, layer.style, layer.rule)
                for search, layer in zip(found, layers, strict=True)
            ]
            with _timed():
                drawn = await self._renderer.picture(
                    DrawJob(tuple(jobs), request.geobox, self._budget),
                    lambda image: self._encode(image, request),
                )
        headers = [(timetold.DAYS, timetold.written([search.scenes for search in found]))]
        if any(search.cut for search in found):
            headers.append(("X-Tileserver-Incomplete", f"candidates={MAX_CANDIDATES}"))
        elif not drawn.complete:
            headers.append(("X-Tileserver-Incomplete", f"scenes={self._budget.scenes}"))
        entry = Entry(drawn.result.body, drawn.result.media_type, tuple(headers))
        await self._tiles.set(key, entry)
        return entry

    async def _search(
        self,
        collection: Collection,
        area: Area,
        times: TimeChoice,
        rule: MosaicRule,
        limit: int | None = None,
    ) -> _Search:
        """Find the scenes of a layer, in the order of its rule, by default all of the budget.

        The catalogue gives the most recent ones: every other rule chooses among more of them.
        """
        wanted = self._budget.scenes if limit is None else limit
        most = wanted if rule.priority == "most-recent" else MAX_CANDIDATES
        found = await timesearch.search(self._catalogue, collection, area, times.spans, most)
        cut = len(found) > most and rule.priority != "most-recent"
        # One more than allowed, so that the renderer can tell that there are more.
        return _Search(tuple(rule.ordered(found)[: wanted + 1]), cut)

    def _encode(self, image: Image | None, request: PictureRequest) -> _Encoded:
        if image is None:
            shape = request.geobox.height, request.geobox.width
            image = Image(np.zeros(shape, np.uint8), np.zeros((1, 4), np.uint8))
        if not request.transparent:
            image = flatten(image, request.background)
        chosen = automatic(image) if request.media_type == AUTO else request.media_type
        encoder = self._encoders.get(chosen)
        if request.transparent and not encoder.supports_alpha:
            image = flatten(image, request.background)
        return _Encoded(encoder.encode(image), chosen)

    async def _values_of(
        self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox
    ) -> dict[str, float | None]:
        """Read the bands of one scene at one pixel, all at the same time."""
        there = [band for band in bands if band in scene.bands]
        with _timed():
            values = await together(*(self._value_of(scene, band, geobox) for band in there))
        return dict.fromkeys(bands) | dict(zip(there, values, strict=True))

    async def _value_of(self, scene: Scene, band: str, geobox: GeoBox) -> float | None:
        job = CoverageJob((scene,), (band,), geobox, self._budget)
        raster = (await self._renderer.coverage(job)).raster
        if not raster.valid[0, 0, 0]:
            return None
        return float(raster.data[0, 0, 0]) * raster.scale[0] + raster.offset[0]


def _choice(time: TimeRequest, collection: Collection, *, ruled: bool = False) -> TimeChoice:
    return choose(time, collection, datetime.now(UTC).date(), ruled=ruled)


@contextmanager
def _timed() -> Iterator[None]:
    """Turn the renderer's timeout into the domain's error."""
    try:
        yield
    except TimeoutError as error:
        # asyncio's timeout holds the task that it ended, its frame is in the traceback, and the
        # task holds the error: that circle kept gigabytes of half-drawn pictures alive.
        clear_frames(error.__traceback__)
        raise TimedOutError("the request took longer than the server allows") from error


def _bands(collection: Collection, wanted: tuple[str, ...]) -> tuple[str, ...]:
    if not wanted:
        return tuple(band.name for band in collection.bands)
    for band in wanted:
        if band not in collection.band_names:
            message = f"collection {collection.id} has no band of that name"
            raise InvalidParameterError(message, parameter="bands")
    return wanted


def _point_box(point: tuple[float, float], crs: str) -> GeoBox:
    """Return a grid of one pixel, a millimetre wide, at a point: full resolution is read."""
    x, y = point
    lon, lat = transform_points(crs, WGS84, np.array([x]), np.array([y]))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all() and abs(lat[0]) <= 90.0):
        raise InvalidParameterError("the point lies outside its coordinate system")
    step = 1e-8 if is_geographic(crs) else 1e-3
    return GeoBox(1, 1, Affine(step, 0.0, x - step / 2, 0.0, -step, y + step / 2), crs)

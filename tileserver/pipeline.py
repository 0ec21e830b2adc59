"""The way of a request: cache, catalogue, renderer, encoder. Only this module knows the order."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
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
from renderers.encoders.placed import PlacedEncoder
from renderers.encoders.registry import EncoderRegistry
from renderers.geobox import GeoBox
from renderers.image import Image, Raster
from renderers.job import Budget, CoverageJob, DrawJob, Footprints, LayerJob, Left, OutlinesJob
from renderers.notice import notice
from renderers.outlines import Shapes
from renderers.paint import flatten
from renderers.rule import PLAIN, MosaicRule
from renderers.scene import Scene
from styles.model import Resampling, Style
from styles.program import Program, select
from styles.registry import StyleRegistry
from tileserver import area as areas
from tileserver import dimensions as dims
from tileserver import footprints, timesearch, timetold
from tileserver.catalogue.base import (
    ORDER,
    Area,
    Catalogue,
    Collection,
    DateSummary,
    Footprint,
    Place,
)
from tileserver.coverage_stream import CoverageStream, like
from tileserver.coverages import Coverages
from tileserver.errors import (
    InvalidFormatError,
    InvalidParameterError,
    TimedOutError,
    TooLargeError,
)
from tileserver.etag import etag_matches
from tileserver.incomplete import INCOMPLETE, incomplete, is_provisional
from tileserver.layers import LayerInfo, LayerStyles
from tileserver.limits import Admission
from tileserver.mosaics import (
    MosaicChoice,
    check_picture,
    check_values,
    composed_bands,
    settings_key,
    whole_rule,
)
from tileserver.pointvalues import PointReader, PointValue
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

#: Values that one coverage may have for each pixel of the largest picture.
_VALUES_PER_PIXEL = 4

_CHANNELS = ("red", "green", "blue")

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
        provisional: It lacks what will be there soon, so that nobody should keep it.
        headers: More headers to send; see `timetold` for the times. Those of the drawing itself are
            not known where nothing was drawn.
    """

    body: bytes
    media_type: str
    etag: str
    not_modified: bool
    headers: tuple[tuple[str, str], ...] = ()
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class GridValues:
    """Values on a grid.

    Attributes:
        raster: The values; `renderers.coverages.coverage` says which type they have. They are
            physical ones where `scale` is 1 and `offset` 0. Its names are those of the bands as
            they were asked, or of a style's outputs: its id, or `red`, `green` and `blue`.
        units: Of the physical value of each band or output, "" for none.
        headers: As those of a picture.
    """

    raster: Raster
    units: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]


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


class _Wanted(NamedTuple):
    """What a coverage is of: bands, or a program's outputs; see `GridValues`."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    program: Program | None = None


class _Found(NamedTuple):
    """What a layer is drawn of.

    Attributes:
        job: For the renderer.
        scenes: That it shows.
        candidates: How many scenes were chosen among, where there are more than that; else 0.
    """

    job: LayerJob | OutlinesJob
    scenes: tuple[Scene, ...]
    candidates: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for values with what it means now.

    Attributes:
        collection: Of which they are.
        times: That answer.
        rule: Of the mosaic.
        values: What is wanted of each scene.
        resampling: How source pixels become target pixels.
        item: The one scene that is asked for, None for all of those times.
    """

    collection: Collection
    times: TimeChoice
    rule: MosaicRule
    values: _Wanted
    resampling: Resampling
    item: Scene | None = None

    def computed(self) -> "_Asked":
        """Return the same as physical values, whatever the scenes have in common."""
        names = self.values.names
        program = self.values.program or select(names)
        return replace(self, values=self.values._replace(program=program))


class _Encoded(NamedTuple):
    """The bytes of a picture, and their format."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class _State:
    """What catalogue and styles say of one collection; everything about it follows from this."""

    collection: Collection
    revision: str
    styles: StyleRegistry

    def same(self, other: "_State") -> bool:
        """Tell whether nothing has changed; never true where something has.

        Collections and styles are compared as objects: they are made anew when they change.
        """
        return (
            self.collection is other.collection
            and self.revision == other.revision
            and self.styles is other.styles
        )


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
        #: What there is to ask values of.
        self.coverages = Coverages(catalogue, renderer)
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
        found = sorted(await self._catalogue.collections(), key=listing)
        return [self._styles.info(collection) for collection in found]

    async def layer(self, collection_id: str) -> LayerInfo:
        """Return one collection with its advertised styles.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        return self._styles.info(await self._catalogue.collection(collection_id))

    async def style(self, collection_id: str, asked: str | Style) -> Style:
        """Return a style of one collection, by id ("" is its default) or whole.

        Raises:
            RequestError: There is no such collection, or no such style for it.
        """
        return self._styles.style(await self._catalogue.collection(collection_id), asked)

    async def styles(self, collection_id: str = "") -> tuple[Style, ...]:
        """Return every style that works by name, for one collection or of the library.

        Raises:
            UnknownCollectionError: There is no collection of that id.
        """
        if not collection_id:
            return self._styles.every()
        return self._styles.every(await self._catalogue.collection(collection_id))

    def library_style(self, style_id: str) -> Style:
        """Return a style of the library, whatever bands it needs.

        Raises:
            UnknownStyleError: There is none of that name.
        """
        return self._styles.named(style_id)

    async def dates(
        self, collection_id: str, area: Area, time: TimeRequest = CURRENT
    ) -> Sequence[DateSummary]:
        """Return the days on which a collection has items that touch an area, oldest first.

        Neither its default nor its tolerance counts here.
        """
        collection = await self._catalogue.collection(collection_id)
        times = _choice(CURRENT if time == UNSAID else time, collection, ruled=True)
        return await timesearch.dates(self._catalogue, collection, area, times.spans)

    async def footprints(
        self,
        collection_id: str,
        area: Area,
        time: TimeRequest,
        limit: int,
        after: Place | None = None,
        mosaic: MosaicChoice | None = None,
    ) -> Sequence[Footprint]:
        """Return where the scenes of an area, time and mosaic lie, most recent first.

        Args:
            collection_id: The collection.
            area: That they touch.
            time: As for pictures.
            limit: At most so many are wanted; one more is returned where there are more.
            after: Only those that come after this one.
            mosaic: As for pictures; of it the dates count, among the `footprints.MOST` most recent
                scenes, as in the picture of the area.

        Raises:
            UnknownCollectionError: There is no such collection.
            SourceError: A catalogue elsewhere failed.
        """
        collection = await self._catalogue.collection(collection_id)
        times, rule = self._ruled(collection, time, mosaic)
        if rule.dates is None:
            return await timesearch.footprints(
                self._catalogue, collection, area, times.spans, limit, after
            )
        every = await timesearch.footprints(
            self._catalogue, collection, area, times.spans, footprints.MOST
        )
        within = footprints.in_order(every[: footprints.MOST], rule)
        if after is not None:
            within = [f for f in within if f.place.order > after.order]
        return sorted(within, key=lambda f: f.place.order)[: limit + 1]

    async def all_days(self, collection_id: str) -> Sequence[date]:
        """Return every UTC day on which a collection of our own has items, oldest first.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        return await self._catalogue.all_days(collection_id)

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
        extra = state.collection.extra
        set_so = repr([extra.get(TIME_SETTING), extra.get(dims.SETTING)])
        digests = (s.digest for s in styles)
        text = "\x1f".join([collection_id, state.revision, *digests, own, set_so])
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
        provisional = is_provisional(headers)
        return Picture(entry.body, entry.media_type, etag, False, headers, provisional)

    async def notice(self, text: str, request: PictureRequest) -> Picture:
        """Return a picture of a text, of the size, format and look of a request; never kept.

        Raises:
            RequestError: The request is too large, or the format is not offered.
        """
        self._check(request)
        box = request.geobox
        background = (*request.background, 0 if request.transparent else 255)
        async with self._admission.admit(box.width * box.height):
            image = notice(text, box.width, box.height, background)
            encoded = self._encode(image, request)
        return Picture(encoded.body, encoded.media_type, "", False)

    async def coverage(self, request: CoverageRequest) -> GridValues:
        """Return values of bands, or of a style's program, on a grid; by the rule of the mosaic.

        Raises:
            RequestError: The request names what is not there or is too large.
            RenderError: A source file cannot be read.
        """
        asked = await self._asked(request)
        box = request.geobox
        values = len(asked.values.names)
        if box.width * box.height * values > self._budget.pixels * _VALUES_PER_PIXEL:
            most = self._budget.pixels * _VALUES_PER_PIXEL
            raise TooLargeError(f"at most {most} values of all bands in one coverage")
        async with self._admission.admit(box.width * box.height):
            found = await self._scenes(asked, box)
            with _timed():
                drawn = await self._renderer.coverage(self._job(asked, found, box))
        lacking = incomplete(
            [] if drawn.complete else [Left(cut=True)],
            0,
            self._budget.scenes,
            [MAX_CANDIDATES if found.cut else 0],
        )
        headers = (*_told([found.scenes], lacking), (timetold.CHOICE, asked.times.told))
        return GridValues(drawn.raster, asked.values.units, headers)

    async def coverage_stream(self, request: CoverageRequest) -> CoverageStream:
        """Return values of a grid of any size, to be read part by part.

        Every part has the type, the scale and the offset that all of the grid has: those of the
        files where all scenes share them, else physical values, float32.

        Raises:
            RequestError: The request names what is not there.
            SourceError: A source file cannot be opened.
        """
        asked = await self._asked(request)
        found = await self._scenes(asked, request.geobox)
        job = self._job(asked, found, request.geobox)
        if not found.scenes:
            newest = await self.coverages.newest_scene(request.collection)
            job = replace(job, scenes=(newest,))
        with _timed():
            form = await self._renderer.form(job)
        if not form.stored and asked.rule.compose == "first":
            # Also where the scenes of one part would do without: all parts are alike.
            asked = asked.computed()

        async def read(box: GeoBox) -> Raster:
            async with self._admission.admit(box.width * box.height):
                scenes = await self._scenes(asked, box)
                with _timed():
                    drawn = await self._renderer.coverage(self._job(asked, scenes, box))
            self._renderer.files.passed()
            return like(drawn.raster, form.template)

        headers = (*_told([found.scenes], ""), (timetold.CHOICE, asked.times.told))
        return CoverageStream(form.template, asked.values.units, headers, read, self._budget.pixels)

    async def values(self, request: ValuesRequest) -> list[PointValue]:
        """Return physical values of bands at points, by the rule of the mosaic.

        Points follow one another as they were asked. Where dates are not composed each has the
        values of up to `limit` scenes in the order of the mosaic; those without data there, or
        which are not clear, are passed over. Of a composite it has one; see `PointValue`. A point
        without any data has none.

        Raises:
            RequestError: The request names what is not there, is too large, or takes longer than
                one picture may.
            RenderError: A source file cannot be read.
        """
        if len(request.points) > MAX_POINTS or request.limit > MAX_DATES:
            raise TooLargeError(f"at most {MAX_POINTS} points and {MAX_DATES} scenes at once")
        collection = await self._catalogue.collection(request.collection)
        style = None if request.style is None else self._styles.style(collection, request.style)
        program = None if style is None else style.program
        if program is not None and program.planes:
            message = "what looks at neighbours or at all dates has no value at a single point"
            raise InvalidParameterError(message, parameter="expression")
        wanted = request.bands if program is None else program.inputs
        times, rule = self._ruled(collection, request.time, request.mosaic)
        bands = composed_bands(collection, wanted, rule)
        reader = PointReader(self._renderer, bands, rule, self._budget, program)
        most = self._budget.scenes
        if rule.compose == "first":
            most = max(request.limit, most)
        out: list[PointValue] = []
        async with self._admission.admit():
            with _timed():
                async with asyncio.timeout(self._budget.seconds):
                    for point in request.points:
                        geobox = _point_box(point, request.crs)
                        area = areas.of_geobox(geobox)
                        found = await self._search(collection, area, times, rule, most)
                        scenes = found.scenes[:most]
                        out += await reader.read(scenes, point, geobox, request.limit)
        return out

    # The steps

    async def _state(self, collection_id: str) -> _State:
        collection = await self._catalogue.collection(collection_id)
        revision = self._catalogue.revision(collection_id, areas.WORLD, ALWAYS)
        return _State(collection, revision, self._styles.library)

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
        times, rule = self._ruled(collection, request.time, request.mosaic)
        if style is not footprints.STYLE:  # which has no pixels to compose
            check_picture(rule, style)
            style = dims.style_within(style, dims.choose(collection, request.dimensions))
        return _Resolved(collection, style, times, rule)

    def _ruled(
        self, collection: Collection, time: TimeRequest, mosaic: MosaicChoice | None
    ) -> tuple[TimeChoice, MosaicRule]:
        """Return which times of a collection answer, and the rule of their mosaic.

        The one place where this is decided, for pictures, coverages and values alike.
        """
        times = _choice(time, collection, ruled=mosaic is not None)
        return times, times.over(whole_rule(collection, mosaic, self._styles))

    def _wanted(
        self, collection: Collection, request: CoverageRequest, rule: MosaicRule
    ) -> _Wanted:
        if not request.style:
            bands = composed_bands(collection, request.bands, rule)
            units = {n: b.unit for b in collection.bands for n in (b.name, b.common_name)}
            counted = rule.compose == "count"
            return _Wanted(bands, tuple("" if counted else units[band] for band in bands))
        if request.bands:
            raise InvalidParameterError("bands or a style, not both", parameter="style")
        style = self._styles.style(collection, request.style)
        if style is footprints.STYLE:
            raise InvalidParameterError("footprints have no values", parameter="style")
        check_values(rule, style)
        outputs = style.program.outputs
        names = (style.id,) if outputs == 1 else _CHANNELS[:outputs]
        unit = "" if rule.compose == "count" else style.unit
        return _Wanted(names, (unit,) * outputs, style.program)

    async def _asked(self, request: CoverageRequest) -> _Asked:
        collection = await self._catalogue.collection(request.collection)
        times, rule = self._ruled(collection, request.time, request.mosaic)
        item = None
        if request.item:
            item = await self.coverages.scene(request.collection, request.item)
            # Its own values, unless the client wants clouds and the like left out.
            rule = rule if request.mosaic is not None else PLAIN
        values = self._wanted(collection, request, rule)
        return _Asked(collection, times, rule, values, request.resampling, item)

    async def _scenes(self, asked: _Asked, box: GeoBox) -> _Search:
        if asked.item is not None:
            return _Search((asked.item,), False)
        return await self._search(asked.collection, areas.of_geobox(box), asked.times, asked.rule)

    def _job(self, asked: _Asked, found: _Search, box: GeoBox) -> CoverageJob:
        names, _, program = asked.values
        return CoverageJob(
            found.scenes, names, box, self._budget, asked.resampling, asked.rule, program
        )

    def _check(self, request: PictureRequest) -> None:
        if len(request.layers) > self._max_layers:
            raise TooLargeError(f"at most {self._max_layers} layers in one picture")
        if request.media_type not in (AUTO, *self._encoders.media_types):
            raise InvalidFormatError("this format is not offered", parameter="format")
        if request.geobox.width * request.geobox.height > self._budget.pixels:
            raise TooLargeError(f"at most {self._budget.pixels} pixels in one picture")

    def _key(self, request: PictureRequest, layers: Sequence[_Resolved], area: Area) -> str:
        digests = [layer.style.digest + layer.rule.key for layer in layers]
        if any(layer.style is footprints.STYLE for layer in layers):
            digests.append(repr(request.density))
        revisions = [
            timesearch.revision(
                self._catalogue,
                layer.collection.id,
                _searched(layer, request, area),
                layer.times.spans,
            )
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
            found = [await self._layer(layer, request, area) for layer in layers]
            jobs = tuple(layer.job for layer in found)
            with _timed():
                drawn = await self._renderer.picture(
                    DrawJob(jobs, request.geobox, self._budget),
                    lambda image: self._encode(image, request),
                )
        lacking = incomplete(
            drawn.left, drawn.footprints, self._budget.scenes, [layer.candidates for layer in found]
        )
        headers = _told([layer.scenes for layer in found], lacking)
        entry = Entry(drawn.result.body, drawn.result.media_type, headers)
        # What will be better soon is drawn anew each time until it is.
        if not is_provisional(headers):
            await self._tiles.set(key, entry)
        return entry

    async def _layer(self, layer: _Resolved, request: PictureRequest, area: Area) -> _Found:
        """Find what a layer is drawn of."""
        if layer.style is footprints.STYLE:
            found, cut = await self._footprints(layer, _searched(layer, request, area))
            listed = footprints.listed(found, layer.rule, area)
            scenes = tuple(footprint.scene for footprint in listed.drawn)
            lines = footprints.outlines(listed, area, request.density)
            return _Found(lines, scenes, footprints.MOST if cut else 0)
        search = await self._search(layer.collection, area, layer.times, layer.rule)

        async def beyond(left: Left) -> Shapes:
            found, _ = await self._footprints(layer, area)
            listed = footprints.in_order(found, layer.rule)
            return footprints.shapes([f for f in listed if left.out(f.scene.id)], area)

        job = LayerJob(
            search.scenes, layer.style, layer.rule, Footprints(beyond, self._styles.left_out)
        )
        return _Found(job, search.scenes, MAX_CANDIDATES if search.cut else 0)

    async def _footprints(self, layer: _Resolved, area: Area) -> tuple[list[Footprint], bool]:
        """Return where the scenes of a layer lie, most recent first; whether it has more."""
        found = await timesearch.footprints(
            self._catalogue, layer.collection, area, layer.times.spans, footprints.MOST
        )
        return found[: footprints.MOST], len(found) > footprints.MOST

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
        if isinstance(encoder, PlacedEncoder):
            return _Encoded(encoder.encode_placed(image, request.geobox), chosen)
        return _Encoded(encoder.encode(image), chosen)


def _told(scenes: Sequence[Sequence[Scene]], lacking: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that say what was drawn of each layer, and what is lacking."""
    days = (timetold.DAYS, timetold.written(scenes))
    return (days, (INCOMPLETE, lacking)) if lacking else (days,)


def listing(collection: Collection) -> int:
    """Return the place of a collection among the others, as its description says; 0 without."""
    return int(collection.extra.get(ORDER, 0))


def _searched(layer: _Resolved, request: PictureRequest, area: Area) -> Area:
    """Return the area whose scenes decide about a layer, in a picture of an area."""
    if layer.style is footprints.STYLE:
        return footprints.area_with_labels(request.geobox, request.density)
    return area


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


def _point_box(point: tuple[float, float], crs: str) -> GeoBox:
    """Return a grid of one pixel, a millimetre wide, at a point: full resolution is read."""
    x, y = point
    lon, lat = transform_points(crs, WGS84, np.array([x]), np.array([y]))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all() and abs(lat[0]) <= 90.0):
        raise InvalidParameterError("the point lies outside its coordinate system")
    step = 1e-8 if is_geographic(crs) else 1e-3
    return GeoBox(1, 1, Affine(step, 0.0, x - step / 2, 0.0, -step, y + step / 2), crs)

"""Sends coverages: streamed while they are read, or spooled to a bounded temporary file first.

An uncompressed GeoTIFF in bands is sent from top to bottom while it is still being read: its every
offset is known ahead. Everything else is written to a file, and sent when that is whole. What fails
on the way ends the connection before the last byte, so that nothing half looks whole.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from renderers.encoders.raster import netcdf
from renderers.encoders.raster.converted import TiffLayout, converted
from renderers.encoders.raster.geotiff import Options, Stream, stream
from tileserver.coverage_stream import CoverageStream
from tileserver.errors import InvalidFormatError, TooLargeError
from tileserver.protocols.wcs.formats import Format
from tileserver.protocols.wcs.spool import Room, Spool
from tileserver.request import CoverageRequest, LayerRequest, PictureRequest
from tileserver.settings import Settings
from tileserver.web.answers import asker_of, short_lived
from tileserver.web.context import Services, services
from tileserver.web.gone import ClientGoneError, while_client_waits

log = logging.getLogger(__name__)

#: Side of tiles where nothing else is asked for, and rows that are read at once.
TILE: Final = 512
#: Most bytes of a row of tiles: two of them are held at a time, one that is sent and one ahead.
_ROW_BYTES: Final = 16 * 1024 * 1024
#: Bytes of a file that are sent at once.
_CHUNK: Final = 1024 * 1024

Chunks = AsyncIterator[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class TiffForm:
    """How a GeoTIFF is asked for; None leaves it to us.

    Attributes:
        compression: `none`, or GDAL's name of it in small letters.
        quality: Of JPEG, 1 to 100.
        predictor: 1 none, 2 differences of integers, 3 of floating-point bytes.
        pixels: Values of one pixel lie beside each other, not those of one band.
        tile: Width and height of tiles; (0, 0) for strips.
    """

    compression: str = "none"
    quality: int | None = None
    predictor: int | None = None
    pixels: bool | None = None
    tile: tuple[int, int] | None = None

    @property
    def streamed(self) -> bool:
        """Whether the file can be sent while it is made."""
        width, height = self.tile or (TILE, TILE)
        return self.compression == "none" and not self.pixels and width == height

    @property
    def layout(self) -> TiffLayout:
        """What GDAL is asked for where it cannot."""
        return TiffLayout(
            self.compression, self.quality, self.predictor, self.pixels, self.tile or (TILE, TILE)
        )


@dataclass(frozen=True, slots=True)
class Output:
    """An answer to GetCoverage.

    Attributes:
        request: The values.
        values: How many bytes they are, all bands together.
        format: In which they are sent.
        tiff: How, where that is a GeoTIFF.
        name: Of the coverage, for the file's name.
        style: Of the picture, where it is one; "" is the collection's default.
    """

    request: CoverageRequest
    values: int
    format: Format
    tiff: TiffForm = TiffForm()
    name: str = "coverage"
    style: str = ""

    def check(self, settings: Settings) -> None:
        """Refuse what is larger than the settings allow, before any work.

        Raises:
            TooLargeError: It is.
            InvalidFormatError: A picture of one item.
        """
        box = self.request.geobox
        if self.values > settings.max_coverage_bytes:
            raise TooLargeError(
                f"{self.values} bytes of values; at most {settings.max_coverage_bytes} in one "
                "coverage (max_coverage_bytes)",
                parameter="subset",
            )
        if self.format.kind not in ("png", "jpeg"):
            return
        if self.request.item:
            raise InvalidFormatError("pictures are of whole collections", parameter="format")
        if box.width > settings.max_width or box.height > settings.max_height:
            raise TooLargeError(
                f"a picture is at most {settings.max_width} x {settings.max_height} pixels",
                parameter="subset",
            )


@dataclass(slots=True)
class Payload:
    """Bytes to send.

    Attributes:
        media_type: Of them.
        size: How many there are.
        chunks: They themselves; asked for once.
        headers: More headers.
        close: Called at the end, however that came.
    """

    media_type: str
    size: int
    chunks: Callable[[], Chunks]
    headers: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None

    def within(self, before: bytes, after: bytes, media_type: str) -> "Payload":
        """Return the same with something before and behind it."""
        inner = self.chunks

        async def around() -> Chunks:
            yield before
            async for chunk in inner():
                yield chunk
            yield after

        size = len(before) + self.size + len(after)
        return replace(self, media_type=media_type, size=size, chunks=around)


async def payload(request: Request, output: Output, spool: Spool) -> Payload:
    """Return the bytes of a coverage; those that are not streamed are whole already.

    Raises:
        RequestError: In all its ways.
        RenderError: A source file cannot be read.
        ClientGoneError: The client went away meanwhile.
    """
    context = services(request)
    output.check(context.settings)
    async with while_client_waits(asker_of(request)):
        if output.format.kind in ("png", "jpeg"):
            return await _picture(context, output)
        values = await context.pipeline.coverage_stream(output.request)
        if output.format.kind == "tiff" and output.tiff.streamed:
            return await _streamed(values, output.tiff)
        return await _spooled(values, output, spool)


async def _picture(context: Services, output: Output) -> Payload:
    asked = output.request
    layer = LayerRequest(asked.collection, output.style)
    picture = await context.pipeline.picture(
        PictureRequest((layer,), asked.geobox, asked.time, output.format.name, mosaic=asked.mosaic)
    )
    return whole(picture.body, picture.media_type, dict(picture.headers))


def whole(body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Payload:
    """Return bytes that are at hand."""

    async def chunks() -> Chunks:
        yield body

    return Payload(media_type, len(body), chunks, headers or {})


async def _streamed(values: CoverageStream, form: TiffForm) -> Payload:
    side = _side(values) if form.tile is None else form.tile[0]
    plan = stream(values.template, Options(tile=side or None), masked=True)
    parts = values.parts(_rows_at_once(plan))
    await parts.begin()

    async def chunks() -> Chunks:
        yield plan.header
        async for raster in parts:
            for piece in plan.part(raster.data, raster.valid):
                yield piece

    return Payload("image/tiff", plan.size, chunks, dict(values.headers), parts.stop)


def _side(values: CoverageStream) -> int:
    """Return the side of tiles: smaller ones where a row of them is much to hold at a time."""
    bands, _, width = values.template.data.shape
    row = bands * width * values.template.data.dtype.itemsize
    return next((side for side in (TILE, TILE // 2) if side * row <= _ROW_BYTES), TILE // 4)


def _rows_at_once(plan: Stream) -> int:
    """Return rows of whole blocks, near those of a row of tiles."""
    side = plan.form.block_width if plan.form.tiled else TILE
    return plan.rows * max(side // plan.rows, 1)


async def _spooled(values: CoverageStream, output: Output, spool: Spool) -> Payload:
    """Write a coverage to a file.

    Raises:
        OverloadedError: There is no room for it now.
        TooLargeError: There never is.
    """
    room = await spool.room(2 * output.values)
    try:
        path = await _written(values, output, room)
    except BaseException:
        room.close()
        raise
    return file_payload(path, output.format.name, room, dict(values.headers))


async def _written(values: CoverageStream, output: Output, room: Room) -> Path:
    if output.format.kind == "netcdf":
        path = room.folder / "coverage.nc"
        with netcdf.Writer(path, values.template) as writer:
            async for top, raster in values.parts(TILE).placed():
                await asyncio.to_thread(writer.write, top, raster)
                _told(output, top, values)
        return path
    plain = room.folder / "plain.tif"
    # Whole, it is a GeoTIFF as it would be streamed, which GDAL then lays out anew.
    plan = stream(values.template, Options(tile=TILE), masked=True)
    with plain.open("wb") as file:
        file.write(plan.header)
        async for top, raster in values.parts(TILE).placed():
            pieces = plan.part(raster.data, raster.valid)
            await asyncio.to_thread(file.writelines, pieces)
            _told(output, top, values)
    path = room.folder / "coverage.tif"
    layout = None if output.format.kind == "cog" else output.tiff.layout
    await room.converting(lambda: converted(plain, path, layout))
    plain.unlink()
    return path


def _told(output: Output, top: int, values: CoverageStream) -> None:
    height = values.template.geobox.height
    log.info("coverage %s: %d of %d rows are written", output.name, min(top + TILE, height), height)


def file_payload(path: Path, media_type: str, room: Room, headers: Mapping[str, str]) -> Payload:
    """Return the bytes of a file, whose room is given up at the end."""

    async def chunks() -> Chunks:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk

    return Payload(media_type, path.stat().st_size, chunks, headers, room.close)


class PayloadResponse(Response):
    """Sends a payload; ends the connection where that fails on the way."""

    def __init__(self, payload: Payload, headers: Mapping[str, str]) -> None:
        self._payload = payload
        self.status_code = 200
        self.body = b""
        self.background = None
        told = {**payload.headers, **headers, "Content-Length": str(payload.size)}
        self.init_headers({**told, "Content-Type": payload.media_type})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it; HEAD wants the headers only."""
        try:
            await self._send(scope, _Caller(receive), send)
        except ClientGoneError:
            log.debug("the client left before the coverage was sent")
        except Exception as error:  # the edge: half of the answer is gone already
            # Returning without the last byte ends the connection, which the client sees.
            log.warning("a coverage broke off: %s", error, exc_info=error)
        finally:
            self._payload.close()

    async def _send(self, scope: Scope, caller: "_Caller", send: Send) -> None:
        start: dict[str, Any] = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            async with while_client_waits(caller):
                async for chunk in self._payload.chunks():
                    body = bytes(chunk) if isinstance(chunk, memoryview) else chunk
                    await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@dataclass(frozen=True, slots=True)
class _Caller:
    receive: Receive


def respond(request: Request, payload: Payload, output: Output) -> Response:
    """Answer a payload under a name that browsers save it by."""
    name = f"{output.name}.{output.format.extension}"
    headers = {
        "Content-Disposition": f'inline; filename="{name}"',
        "Cache-Control": short_lived(services(request).settings),
    }
    return PayloadResponse(payload, headers)

"""What breaks off, what waits, and what is given back."""

import asyncio
import os
import time

import httpx
import numpy as np
import pytest
from affine import Affine
from support.coverages import COLLECTION, HEIGHT, WIDTH

from renderers.encoders.base import EncodingError
from renderers.errors import SourceUnavailableError
from renderers.geobox import GeoBox
from renderers.image import Raster
from tileserver import coverage_stream
from tileserver.coverage_stream import CoverageStream, like
from tileserver.errors import OverloadedError, TooLargeError
from tileserver.protocols.wcs.output import Payload, PayloadResponse, whole
from tileserver.protocols.wcs.spool import Spool

BOX = GeoBox(6, 10, Affine(1, 0, 0, 0, -1, 10), "EPSG:32632")


def raster(box: GeoBox, dtype: str = "uint16", scale: float = 1.0) -> Raster:
    rows = np.arange(10 - box.transform.f, 10 - box.transform.f + box.height)
    data = np.broadcast_to(rows[None, :, None], (1, box.height, box.width)).astype(dtype)
    return Raster(data, np.ones(data.shape, bool), ("b",), box, 0, (scale,), (0.0,))


def stream(read, pixels: int = 1000) -> CoverageStream:
    return CoverageStream(raster(BOX), ("",), (), read, pixels)


async def reading(box: GeoBox) -> Raster:
    return raster(box)


@pytest.mark.parametrize("pixels", [1000, 12, 5])
async def test_parts_make_the_whole(pixels):
    parts = stream(reading, pixels).parts(4)
    await parts.begin()
    found = [part async for part in parts]
    assert [part.data.shape[1] for part in found] == [4, 4, 2]
    data = np.concatenate([part.data for part in found], axis=1)
    assert np.array_equal(data, raster(BOX).data)


async def test_what_fails_at_once_is_told_before_anything_is_sent():
    async def fail(_: GeoBox) -> Raster:
        raise SourceUnavailableError("gone")

    with pytest.raises(SourceUnavailableError):
        await stream(fail).parts(4).begin()


async def test_a_full_queue_refuses_the_first_part_and_holds_up_the_others(monkeypatch):
    monkeypatch.setattr(coverage_stream, "WAIT", 0.0)
    refused: list[GeoBox] = []

    async def busy(box: GeoBox) -> Raster:
        if box.transform.f < 10 and len(refused) < 3:
            refused.append(box)
            raise OverloadedError("full")
        return raster(box)

    found = [part async for part in stream(busy).parts(4)]
    assert len(found) == 3
    assert len(refused) == 3

    async def never(_: GeoBox) -> Raster:
        raise OverloadedError("full")

    with pytest.raises(OverloadedError):
        await stream(never).parts(4).begin()


def test_parts_of_another_kind_are_refused():
    template = raster(BOX)
    assert like(raster(BOX), template).nodata == 0
    for other in (raster(BOX, "float32"), raster(BOX, scale=2.0)):
        with pytest.raises(EncodingError):
            like(other, template)
    nothing = raster(BOX, "float32")
    nothing.valid[:] = False
    assert like(nothing, template).data.dtype == np.uint16


async def sent_by(payload: Payload, method: str = "GET") -> list[dict]:
    messages: list[dict] = []

    async def send(message) -> None:
        messages.append(message)

    async def receive():
        await asyncio.sleep(60)

    await PayloadResponse(payload, {})({"type": "http", "method": method}, receive, send)
    return messages


async def test_what_breaks_off_has_no_last_message():
    closed = []

    async def chunks():
        yield b"half"
        raise SourceUnavailableError("gone")

    payload = Payload("image/tiff", 8, chunks, close=lambda: closed.append(True))
    messages = await sent_by(payload)
    assert [message.get("more_body") for message in messages] == [None, True]
    assert closed == [True]
    good = await sent_by(whole(b"all of it", "image/tiff"))
    assert good[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_a_file_is_enclosed_with_its_size():
    payload = whole(b"body", "image/tiff").within(b"<", b">", "multipart/related")
    found = b"".join([bytes(chunk) async for chunk in payload.chunks()])
    assert found == b"<body>"
    assert payload.size == len(found)


async def test_room_is_bounded_and_given_back(tmp_path):
    spool = Spool(tmp_path / "spool", 100)
    with pytest.raises(TooLargeError, match="coverage_spool_bytes"):
        await spool.room(101)
    first = await spool.room(60)
    (first.folder / "x").write_bytes(b"1")
    with pytest.raises(OverloadedError):
        await spool.room(60)
    first.close()
    first.close()
    assert not first.folder.exists()
    second = await spool.room(100)
    second.close()


async def test_what_ended_processes_left_is_removed(tmp_path):
    spool = Spool(tmp_path, 100)
    mine = await spool.room(1)
    name = mine.folder.name.replace(str(os.getpid()), "999999999")
    (tmp_path / name).mkdir()
    await Spool(tmp_path, 100).room(1)
    assert not (tmp_path / name).exists()
    assert mine.folder.exists()


def test_spooled_files_are_removed(site):
    query = {
        "SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": COLLECTION,
        "geotiff:compression": "LZW",
    }  # fmt: skip
    answer = httpx.get(f"{site.url}/wcs", params=query, timeout=60)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    folder = site.files[0].parent / "cache" / "coverages"
    assert folder.is_dir()
    # The server tidies up behind the last byte, which the client has by now.
    deadline = time.monotonic() + 10
    while list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(folder.iterdir())


def test_a_coverage_says_what_was_chosen(site):
    answer = site.get(REQUEST="GetCoverage", COVERAGEID=COLLECTION)
    assert answer.headers["content-disposition"] == f'inline; filename="{COLLECTION}.tif"'
    assert len(answer.content) > 3 * 2 * WIDTH * HEIGHT

"""The HTTP protocol on real sockets: raw bytes in, raw bytes out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from uvicorn.server import ServerState

from tileserver.httpserver import (
    MAX_HEAD_BYTES,
    BoundedHttpProtocol,
    HeaderName,
    server_config,
)

BODY = b"x" * 20_000
HOST = b"Host: example.org\r\n"
GET = b"GET /ok HTTP/1.1\r\n" + HOST + b"\r\n"


async def app(scope, receive, send):
    headers = [
        (b"content-length", str(len(BODY)).encode()),
        (HeaderName(b"Warning"), b'199 - "x"'),
        (b"X-Plain", b"1"),
        (b"x-query-bytes", str(len(scope["query_string"])).encode()),
        (b"x-client", scope["client"][0].encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


@asynccontextmanager
async def serving(
    protocol=BoundedHttpProtocol, **options
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of ``app`` on a free port."""
    config = server_config(app, "127.0.0.1", 0, **({"log_config": None} | options))
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
        async with asyncio.timeout(10):
            while state.connections:
                await asyncio.sleep(0.005)


async def answer(reader: asyncio.StreamReader, body: bool = True) -> tuple[int, bytes, bytes]:
    """Status, raw head and body of one answer with a Content-Length."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    content = await reader.readexactly(int(lines[b"content-length"])) if body else b""
    return int(head.split()[1]), head, content


async def closed(reader: asyncio.StreamReader) -> bool:
    return await asyncio.wait_for(reader.read(), 10) == b""


class Hasty(BoundedHttpProtocol):
    head_seconds = 0.05


async def test_a_header_name_goes_out_in_its_case_and_others_in_lower_case():
    async with serving() as (reader, writer):
        writer.write(GET)
        status, head, body = await answer(reader)
    assert (status, body) == (200, BODY)
    assert b'\r\nWarning: 199 - "x"\r\n' in head
    assert b"\r\nx-plain: 1\r\n" in head
    assert b"server:" not in head.lower()


def test_a_header_name_compares_and_hashes_as_its_bytes():
    name = HeaderName(b"Warning")
    assert name == b"Warning"
    assert {name: 1}[b"Warning"] == 1
    assert name.lower() is name


async def test_head_has_the_length_and_no_body_and_the_connection_lives_on():
    async with serving() as (reader, writer):
        writer.write(GET.replace(b"GET", b"HEAD"))
        status, head, _ = await answer(reader, body=False)
        assert status == 200
        assert b"content-length: 20000\r\n" in head
        writer.write(GET)
        assert (await answer(reader))[2] == BODY


async def test_pipelined_requests_are_answered_in_turn():
    async with serving() as (reader, writer):
        writer.write(GET * 3)
        assert [(await answer(reader))[0] for _ in range(3)] == [200, 200, 200]


async def test_a_long_get_map_url_passes():
    size = 30_000
    async with serving() as (reader, writer):
        writer.write(b"GET /ows?" + b"s" * size + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        status, head, _ = await answer(reader)
    assert status == 200
    assert b"x-query-bytes: 30000\r\n" in head


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES, 400_000, 4_000_000])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"GET /?", b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: ", b"\r\n\r\n", 431),
    ],
)
async def test_a_head_that_is_too_large_is_refused(size, before, after, expected):
    async with serving() as (reader, writer):
        writer.write(before + b"1" * size + after)
        status, head, _ = await answer(reader)
        assert status == expected
        assert b"connection: close\r\n" in head


async def test_a_head_without_end_is_refused_before_it_ends():
    async with serving() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + HOST)
        for _ in range(200):
            writer.write(b"X-%b: 1\r\n" % (b"y" * 1000))
            await asyncio.sleep(0)
        assert (await answer(reader))[0] == 431


async def test_a_large_body_is_not_taken_for_a_head():
    body = b"b" * (4 * MAX_HEAD_BYTES)
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with serving() as (reader, writer):
        for _ in range(2):
            writer.write(request)
            assert (await answer(reader))[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_an_invalid_head_is_answered_400_and_the_connection_closed(raw):
    async with serving() as (reader, writer):
        writer.write(raw)
        assert (await answer(reader))[0] == 400
        assert await closed(reader)


async def test_http_1_0_needs_no_host_and_closes():
    async with serving() as (reader, writer):
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await answer(reader))[0] == 200
        assert await closed(reader)


async def test_half_a_head_is_answered_408():
    async with serving(Hasty) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: exa")
        status, _, _ = await answer(reader)
        assert status == 408
        assert await closed(reader)


async def test_half_a_head_after_a_whole_request_is_answered_408():
    async with serving(Hasty) as (reader, writer):
        writer.write(GET)
        assert (await answer(reader))[0] == 200
        writer.write(b"GET /")
        assert (await answer(reader))[0] == 408


async def test_a_silent_connection_is_closed_without_an_answer():
    async with serving(Hasty) as (reader, _):
        assert await closed(reader)


async def test_the_clock_stops_when_the_head_is_whole():
    async with serving(Hasty, timeout_keep_alive=10) as (reader, writer):
        for part in (GET[:9], GET[9:]):
            writer.write(part)
            await writer.drain()
        assert (await answer(reader))[0] == 200
        await asyncio.sleep(4 * Hasty.head_seconds)
        writer.write(GET)
        assert (await answer(reader))[0] == 200


@pytest.mark.parametrize(
    ("trusted", "expected"), [((), b"127.0.0.1"), (("127.0.0.1",), b"192.0.2.7")]
)
async def test_forwarded_addresses_are_believed_only_from_trusted_proxies(
    trusted, expected, monkeypatch
):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    async with serving(trusted_proxies=trusted) as (reader, writer):
        writer.write(GET[:-2] + b"X-Forwarded-For: 192.0.2.7\r\n\r\n")
        head = (await answer(reader))[1]
    assert b"x-client: " + expected + b"\r\n" in head

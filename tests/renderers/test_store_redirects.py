"""An allowed host may not send the server to another one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from renderers.errors import SourceUnavailableError
from renderers.stores import ByteRange, StorePolicy, StoreRegistry

BODY = bytes(range(64))


class Files(BaseHTTPRequestHandler):
    """Answers every path with the same bytes, by range."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        first, last = self.headers.get("Range", "bytes=0-63").removeprefix("bytes=").split("-")
        body = BODY[int(first) : int(last) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(BODY)}")
        self.send_header("ETag", '"one"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self._end(len(BODY) if self.command == "HEAD" else len(body))
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _end(self, length: int) -> None:
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Elsewhere(Files):
    """Sends everyone on."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.server.target)
        self._end(0)


@contextmanager
def running(handler: type[Files], target: str = "") -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked, server.target = [], target
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def source(port: int):
    host = f"127.0.0.1:{port}"
    stores = StoreRegistry((), StorePolicy(http_hosts=frozenset({host}), retries=0))
    return stores.open(stores.resolve(f"http://{host}/folder/a.tif"))


@pytest.mark.usefixtures("no_proxy")
async def test_an_allowed_host_is_read():
    with running(Files) as files:
        asked = source(files.server_port)
        assert (await asked.head()).size == len(BODY)
        assert await asked.read([ByteRange(3, 7)]) == [BODY[3:7]]


@pytest.mark.usefixtures("no_proxy")
async def test_a_redirect_to_another_host_is_not_followed():
    with running(Files) as inner:
        target = f"http://localhost:{inner.server_port}/latest/meta-data"
        with running(Elsewhere, target) as allowed:
            asked = source(allowed.server_port)
            with pytest.raises(SourceUnavailableError):
                await asked.head()
            with pytest.raises(SourceUnavailableError):
                await asked.read([ByteRange(0, 8)])
        assert inner.asked == []

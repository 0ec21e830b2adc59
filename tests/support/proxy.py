"""An HTTP proxy in front of a store: counts what is asked, and can be gone."""

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        method: `GET` or `HEAD`.
        path: Of the URL, with bucket and key.
        range: The Range header, "" for none.
        answered: How many had been answered before it came.
    """

    method: str
    path: str
    range: str
    answered: int


@dataclass
class CountingProxy:
    """Passes requests on unchanged, Host header included, so that signatures stay right.

    Attributes:
        endpoint: Endpoint of the real server.
        delay: Seconds that each answer is held back, so that requests of one round overlap.
        asked: The requests, in order.
    """

    endpoint: str
    delay: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _answered: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "CountingProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def clear(self) -> None:
        self.asked.clear()
        self._answered = 0

    def one_round(self) -> bool:
        """Whether all requests came before the first was answered."""
        return all(asked.answered == 0 for asked in self.asked)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # Cancelled by `stop`: asyncio would report that as an error of the callback.
            gone = asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
            with contextlib.suppress(*gone):
                while True:
                    await self._pass_one(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(_HEAD_END)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        wanted = next((x.split(":", 1)[1].strip() for x in lines if x.lower()[:6] == "range:"), "")
        self.asked.append(Asked(method, path, wanted, self._answered))
        answer = await self._ask(method, head)
        await asyncio.sleep(self.delay)
        self._answered += 1
        writer.write(answer)
        await writer.drain()

    async def _ask(self, method: str, head: bytes) -> bytes:
        address = urlsplit(self.endpoint)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(head)
            answer = await reader.readuntil(_HEAD_END)
            length = _LENGTH.search(answer)
            if method != "HEAD" and length is not None:
                answer += await reader.readexactly(int(length[1]))
            return answer
        finally:
            writer.close()

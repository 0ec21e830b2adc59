"""How a server behaves on the wire: each probe writes raw bytes to a socket and reads the answer.

An outcome is a status code, ``"closed"`` (the connection ended without an answer) or ``"waits"``
(no answer within the time-out).
"""

import random
import re
import signal
import socket
import subprocess
import time
from collections import Counter

from benchmarks.http.app import BODY_BYTES, SLOW_SECONDS
from benchmarks.http.servers import Running

Outcome = int | str
HOST = b"Host: example.org\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
SIZES = (4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 1_000_000, 4_000_000)
SLOW_HEADER_SECONDS = 35.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")

INVALID = {
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
    "tls client hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x11" * 160,
    "unknown method": b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the path": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "byte over 127 in the path": b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "control byte in the path": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "version 9.9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "bare LF lines": b"GET / HTTP/1.1\nHost: example.org\n\n",
    "length and chunked": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "bad chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


def read_answer(connection: socket.socket, head: bool = False) -> bytes:
    """Read one answer: up to its Content-Length, the end of the connection or the time-out."""
    data = b""
    try:
        while True:
            split = data.find(b"\r\n\r\n")
            if split >= 0:
                length = re.search(rb"content-length: *(\d+)", data[:split], re.IGNORECASE)
                if length and (head or len(data) >= split + 4 + int(length.group(1))):
                    return data
            block = connection.recv(1 << 16)
            if not block:
                return data
            data += block
    except ConnectionResetError:
        return data


def outcome(server: Running, request: bytes, timeout: float = 3.0) -> Outcome:
    """Send bytes on a fresh connection and tell what came back."""
    with server.connect(timeout) as connection:
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while sending: what was answered can still be read
        except TimeoutError:
            return "waits"
        try:
            answer = read_answer(connection)
        except TimeoutError:
            return "waits"
    status = _STATUS.match(answer)
    return int(status.group(1)) if status else "closed"


def header_names(server: Running, path: bytes) -> list[str]:
    """Names of the answer's headers as they are on the wire."""
    with server.connect() as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        head = read_answer(connection).partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0].decode("latin-1") for line in head.split(b"\r\n")[1:]]


def keeps_alive(server: Running, count: int = 3) -> bool:
    """Whether one connection answers several requests in turn."""
    with server.connect() as connection:
        for _ in range(count):
            connection.sendall(GET)
            if not read_answer(connection).startswith(b"HTTP/1.1 200"):
                return False
    return True


def closes_after(server: Running, request: bytes) -> bool:
    """Whether the connection ends after the answer to this request."""
    with server.connect(2.0) as connection:
        connection.sendall(request)
        read_answer(connection)
        try:
            return connection.recv(1) == b""
        except TimeoutError:
            return False


def pipelines(server: Running) -> bool:
    """Whether two requests in one write give two whole answers."""
    requests = [GET, GET]
    with server.connect(3.0) as connection:
        connection.sendall(b"".join(requests))
        data = b""
        try:
            while len(data) < len(requests) * BODY_BYTES:
                block = connection.recv(1 << 16)
                if not block:
                    return False
                data += block
        except TimeoutError:
            return False
    return data.count(b"HTTP/1.1 200") == len(requests)


def head_is_right(server: Running) -> bool:
    """Whether HEAD gives the length of GET, no body, and leaves the connection usable."""
    with server.connect(2.0) as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
        head = read_answer(connection, head=True)
        length = re.search(rb"content-length: *(\d+)\r", head, re.IGNORECASE)
        right = length is not None and int(length.group(1)) == BODY_BYTES
        connection.sendall(GET)
        return right and head.endswith(b"\r\n\r\n") and read_answer(connection)[9:12] == b"200"


def size_limits(server: Running) -> dict[str, Outcome]:
    """Outcome by size in bytes of the query string, and of one header, up to 4 MB."""
    found: dict[str, Outcome] = {}
    for size in SIZES:
        query = b"GET /?bbox=" + b"1" * size + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        header = b"GET / HTTP/1.1\r\n" + HOST + b"X-Long: " + b"1" * size + b"\r\n\r\n"
        found[f"query {size}"] = outcome(server, query)
        found[f"header {size}"] = outcome(server, header)
    return found


def slow_header_closes(server: Running) -> float | None:
    """Seconds until a connection that sent half a request is closed; None: still open at 35 s."""
    started = time.monotonic()
    with server.connect(SLOW_HEADER_SECONDS) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: exa")
        try:
            while connection.recv(1 << 16):
                pass
        except TimeoutError:
            return None
        except ConnectionResetError:
            pass  # an abrupt end is an end too
    return round(time.monotonic() - started, 1)


def fuzz(server: Running, count: int, seed: int = 7) -> dict[str, int]:
    """Counts of outcomes of randomly damaged requests; the server must live on.

    Raises:
        RuntimeError: The server does not answer a plain request afterwards.
    """
    draw = random.Random(seed)
    bases = [
        GET,
        *INVALID.values(),
        POST + b"Content-Length: 3\r\n\r\nabc",
    ]
    seen: Counter[str] = Counter()
    for _ in range(count):
        request = bytearray(draw.choice(bases))
        for _ in range(draw.randint(1, 6)):
            request[draw.randrange(len(request))] = draw.randrange(256)
        seen[str(outcome(server, bytes(request), timeout=0.1))] += 1
    if outcome(server, GET) != 200:
        raise RuntimeError("the server did not live through damaged requests")
    return dict(seen)


def graceful(server: Running) -> dict[str, bool | int | float | None]:
    """Send SIGTERM during a slow answer: whether it came whole, exit code, seconds to the end."""
    with server.connect(SLOW_SECONDS + 5) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.3 * SLOW_SECONDS)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        try:
            answer = read_answer(connection)
        except TimeoutError:
            answer = b""
    whole = answer[9:12] == b"200" and len(answer.partition(b"\r\n\r\n")[2]) == BODY_BYTES
    try:
        code: int | None = server.process.wait(10)
    except subprocess.TimeoutExpired:
        code = None
    return {
        "answer whole": whole,
        "exit code": code,
        "seconds": round(time.monotonic() - started, 2),
    }

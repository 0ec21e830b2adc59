"""A FastCGI client (FastCGI 1.0): one kept connection to a program that answers CGI requests."""

import socket
import struct
from email.parser import BytesParser

from benchmarks.peers.processes import AnswerError

_VERSION, _REQUEST_ID = 1, 1
_BEGIN, _END, _PARAMS, _STDIN, _STDOUT, _STDERR = 1, 3, 4, 5, 6, 7
_RESPONDER, _KEEP_CONNECTION = 1, 1
_HEADER = struct.Struct(">BBHHBx")


def record(kind: int, content: bytes) -> bytes:
    """Return one record."""
    return _HEADER.pack(_VERSION, kind, _REQUEST_ID, len(content), 0) + content


def pairs(values: dict[str, str]) -> bytes:
    """Return names and values as FastCGI writes them (section 3.4)."""
    out = bytearray()
    for name, value in values.items():
        raw = name.encode(), value.encode()
        for part in raw:
            size = len(part)
            out += struct.pack(">B", size) if size < 128 else struct.pack(">I", size | 1 << 31)
        out += b"".join(raw)
    return bytes(out)


class FastCgiClient:
    """Asks a FastCGI program for query strings."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._reader = self._socket.makefile("rb")

    def get(self, address: str) -> tuple[str, bytes]:
        """Return media type and body of the answer to a query string.

        Raises:
            AnswerError: The program ended the connection, or its status is not 200.
        """
        params = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": address,
            "SCRIPT_NAME": "/",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
        }
        begin = struct.pack(">HB5x", _RESPONDER, _KEEP_CONNECTION)
        self._socket.sendall(
            record(_BEGIN, begin)
            + record(_PARAMS, pairs(params))
            + record(_PARAMS, b"")
            + record(_STDIN, b"")
        )
        head, _, body = self._answer(address).partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head + b"\r\n\r\n")
        status = int(str(headers.get("Status", "200"))[:3])
        if status != 200:
            raise AnswerError(f"{status} for {address}: {body[:300]!r}", status)
        return headers.get_content_type(), body

    def _answer(self, address: str) -> bytes:
        parts = []
        while True:
            header = self._reader.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise AnswerError(f"the connection ended at {address}")
            _, kind, _, length, padding = _HEADER.unpack(header)
            content = self._reader.read(length + padding)[:length]
            if kind == _STDOUT:
                parts.append(content)
            elif kind == _END:
                return b"".join(parts)
            elif kind != _STDERR:
                raise AnswerError(f"a record of type {kind} in the answer to {address}")

    def close(self) -> None:
        """End the connection."""
        self._reader.close()
        self._socket.close()

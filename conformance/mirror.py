"""A proxy that answers requests for schemas from a folder: the engine has no catalogue of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_MEDIA_TYPES = {".xsd": "text/xml", ".xml": "text/xml", ".dtd": "application/xml-dtd"}
#: Documents that suites fetch from the web and that no mirror of schemas has.
_SMALL = {
    "/OGCTestData/wms/1.1.1/null.xml": b'<?xml version="1.0"?><null/>\n',
}


def find(folder: Path, address: str) -> Path | None:
    """Return the file `folder/host/path` of an address, None where there is none."""
    parts = urlsplit(address)
    path = (folder / (parts.hostname or "") / parts.path.lstrip("/")).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[int]:
    """Serve a mirror on a free port of this machine; yield the port.

    Args:
        folder: With a folder per host.
        log: Gets a line for each address that is not in it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _SMALL.get(urlsplit(self.path).path)
            found = find(folder, self.path)
            if found is not None:
                body = found.read_bytes()
            if body is None:
                with log.open("a") as file:
                    file.write(f"not in the mirror: {self.path}\n")
                self.send_error(404)
                return
            self.send_response(200)
            suffix = Path(urlsplit(self.path).path).suffix
            self.send_header("Content-Type", _MEDIA_TYPES.get(suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what is missing is logged above."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

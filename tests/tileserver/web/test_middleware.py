"""On a real socket: what leaves the server byte for byte."""

import http.client
import socket
from urllib.parse import urlsplit


def raw_head(url: str, path: str) -> bytes:
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode()
        )
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
    return data.partition(b"\r\n\r\n")[0]


def test_the_warning_header_keeps_its_capital_letter(demo_server):
    head = raw_head(
        demo_server.url,
        "/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=sentinel-2-l2a&STYLES=&CRS=CRS:84"
        "&BBOX=10.5,53.9,10.8,54.2&WIDTH=16&HEIGHT=16&FORMAT=image/png",
    )
    assert head.startswith(b"HTTP/1.1 200")
    assert b"\r\nWarning: 99 Default value used: time=" in head


def test_security_headers_stand_on_every_answer(demo_server):
    place = urlsplit(demo_server.url)
    for path in ("/", "/healthz", "/nothing", "/tiles/x/y/WebMercatorQuad/0/0/0.png"):
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
        connection.close()

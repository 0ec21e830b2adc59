"""Random and hostile requests to the real application: no answer may be the server's own fault."""

import asyncio
import re
from urllib.parse import quote, urlencode

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.application import fill, make_settings, running

from tileserver.products.base import Hints

LAYER = "field"
BOUNDED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MANY = settings(BOUNDED, max_examples=5000)
LEAK = re.compile(rb"Traceback|site-packages|/tmp/|\.tif\b|file://|sqlite", re.IGNORECASE)

_HOSTILE_TEXTS = [
    "",
    "\0",
    "..",
    "../../etc/passwd",
    "%00",
    "\ud7ff\uffff",
    "<script>",
    "'; DROP TABLE item;--",
]
_HOSTILE_NUMBERS = ["NaN", "inf", "-1", "1e308", "9" * 20, "\u0661", "1_0", "a" * 5000, "," * 500]
HOSTILE = st.sampled_from(_HOSTILE_TEXTS + _HOSTILE_NUMBERS)
EXTREMES = ["0", "-180", "180", "90", "-90", "2e7", "4.6e9", "9.9e11", "1e-300", "5e-324"]
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr), st.sampled_from(EXTREMES)
)
CRS = [
    *("EPSG:4326", "CRS:84", "EPSG:3857", "EPSG:3031", "EPSG:3413", "EPSG:32632", "EPSG:2056"),
    *("AUTO2:42001,1,7.5,46.5", "AUTO2:42003,1000,-170,-80"),
]
BOXES = st.one_of(
    st.lists(NUMBERS, min_size=4, max_size=4).map(",".join),
    st.lists(st.floats(-1e12, 1e12), min_size=4, max_size=4).map(
        lambda v: ",".join(map(repr, [min(v[0], v[2]), min(v[1], v[3]), max(v[::2]), max(v[1::2])]))
    ),
)
TIMES = st.sampled_from(
    ["", "current", "2024", "2024-02-30", "0001-01-01/9999-12-31", "9999-12-31T23:59:59Z", "../.."]
)


def some_hostile(query: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    """Queries that could be meant, with at most two hostile values among them."""
    hostile = st.dictionaries(st.sampled_from(sorted(query)), HOSTILE, max_size=2)
    return st.builds(lambda meant, other: meant | other, st.fixed_dictionaries(query), hostile)


WMS = some_hostile(
    {
        "REQUEST": st.sampled_from(
            ["GetMap"] * 5 + ["GetFeatureInfo"] * 3 + ["GetCapabilities", "DescribeLayer"]
        ),
        "VERSION": st.just("1.3.0"),
        "LAYERS": st.sampled_from([LAYER, LAYER, f"{LAYER},{LAYER}"]),
        "STYLES": st.just(""),
        "CRS": st.sampled_from(CRS),
        "BBOX": BOXES,
        "WIDTH": st.sampled_from(["1", "7", "64"]),
        "HEIGHT": st.sampled_from(["1", "9", "64"]),
        "FORMAT": st.sampled_from(
            ["image/png", "image/jpeg", "image/webp", "image/gif", "image/png8", "image/geotiff"]
        ),
        "QUERY_LAYERS": st.just(LAYER),
        "I": st.sampled_from(["0", "5"]),
        "J": st.sampled_from(["0", "8"]),
        "INFO_FORMAT": st.sampled_from(
            ["text/plain", "application/json", "application/vnd.esri.wms_featureinfo_xml"]
        ),
        "ELEVATION": st.sampled_from(["0", "0/5,7"]),
        "TRANSPARENT": st.sampled_from(["TRUE", "FALSE"]),
        "BGCOLOR": st.just("0xFF00FF"),
        "TIME": TIMES,
        "EXCEPTIONS": st.sampled_from(["XML", "BLANK", "INIMAGE"]),
    }
)
NUMBER = st.one_of(st.integers(0, 3).map(str), st.integers(-2, 40).map(str))
GRIDS = st.sampled_from(["WebMercatorQuad", "WorldCRS84Quad", "UPSAntarcticWGS84Quad"])
WMTS = some_hostile(
    {
        "request": st.sampled_from(["GetTile"] * 5 + ["GetFeatureInfo"] * 3 + ["GetCapabilities"]),
        "version": st.just("1.0.0"),
        "layer": st.just(LAYER),
        "style": st.just(""),
        "format": st.sampled_from(["image/png", "image/webp"]),
        "tilematrixset": GRIDS,
        "tilematrix": NUMBER,
        "tilerow": NUMBER,
        "tilecol": NUMBER,
        "i": st.sampled_from(["0", "255"]),
        "j": st.sampled_from(["0", "255"]),
        "infoformat": st.sampled_from(["text/html", "application/vnd.ogc.gml"]),
        "time": TIMES,
        "v": st.just("1"),
    }
)
SEGMENT = st.one_of(
    st.sampled_from([LAYER, "default", "WebMercatorQuad", "0", "1", "0.png", "0@2x.webp"]), HOSTILE
)
LAST = st.tuples(NUMBER, st.sampled_from([".png", "@2x.png", ".jpg", ".tif"])).map("".join)
PATHS = st.one_of(
    st.tuples(*map(st.just, ("tiles", LAYER, "default")), GRIDS, NUMBER, NUMBER, LAST),
    st.tuples(*map(st.just, ("wmts", "1.0.0", LAYER, "default")), GRIDS, NUMBER, NUMBER, LAST),
    st.tuples(
        *map(st.just, ("wmts", "1.0.0", LAYER, "default")),
        *(GRIDS, NUMBER, NUMBER, NUMBER, NUMBER),
        st.tuples(NUMBER, st.sampled_from([".json", ".gml", ".exe"])).map("".join),
    ),
    st.lists(SEGMENT, min_size=1, max_size=8).map(lambda s: ("wmts", "1.0.0", *s)),
    st.lists(SEGMENT, min_size=1, max_size=8).map(lambda s: ("tiles", *s)),
    st.lists(SEGMENT, min_size=1, max_size=3).map(lambda s: ("api", "collections", *s)),
    st.sampled_from(["dates", "statistics", "timeseries", "values"]).map(
        lambda s: ("api", "collections", LAYER, s)
    ),
    st.lists(SEGMENT, min_size=1, max_size=3).map(lambda s: ("docs-ui", *s)),
)
QUERY = st.fixed_dictionaries(
    {},
    optional={
        "time": TIMES,
        "bbox": BOXES,
        "v": HOSTILE,
        "tms": HOSTILE,
        "clouds": st.just("area"),
        "lon": NUMBERS,
        "lat": NUMBERS,
        "resolution": NUMBERS,
        "histogram_range": BOXES,
        "p": NUMBERS,
    },
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The application over one small raster, on a loop of its own for the whole module."""
    folder = tmp_path_factory.mktemp("hostile")
    data = np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64)
    grid = Affine(1 / 64, 0.0, 7.0, 0.0, -1 / 64, 47.0)
    with rasterio.open(
        folder / "field.tif", "w", driver="GTiff", width=64, height=64, count=1, dtype="uint16",
        crs="EPSG:4326", transform=grid, tiled=True, blockxsize=64, blockysize=64,
    ) as file:  # fmt: skip
        file.write(data)
    settings = make_settings(folder, file_roots=[folder])
    with asyncio.Runner() as runner:
        runner.run(fill(settings, [str(folder / "field.tif")], Hints(collection=LAYER)))
        application = running(settings)
        app = runner.run(application.__aenter__())
        yield lambda path: runner.run(app.get(path))
        runner.run(application.__aexit__(None, None, None))


def check(server, path: str, *kinds: str) -> None:
    answer = server(path)
    assert answer.status_code < 500, (path, answer.text)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code == 200 and kind.startswith("image/"):
        return
    assert LEAK.search(answer.content) is None, (path, answer.text)
    if answer.status_code >= 400:
        assert kind in kinds, (path, kind)
        assert answer.headers.get("cache-control") in {"no-store", None}, path


@BOUNDED
@given(query=WMS, service=st.sampled_from(["/wms", "/ows"]))
def test_wms(server, query, service):
    text = urlencode({"SERVICE": "WMS", **query}, errors="replace")
    check(server, f"{service}?{text}", "text/xml", "application/vnd.ogc.se_xml")


@BOUNDED
@given(query=WMTS, service=st.sampled_from(["/wmts", "/ows"]))
def test_wmts(server, query, service):
    check(server, f"{service}?{urlencode({'service': 'WMTS', **query})}", "text/xml")


@BOUNDED
@given(parts=PATHS, query=QUERY)
def test_paths(server, parts, query):
    path = "/".join(quote(part, safe="") for part in parts)
    check(server, f"/{path}?{urlencode(query)}", "application/json", "text/xml")


@pytest.mark.slow
@MANY
@given(query=WMS, service=st.sampled_from(["/wms", "/ows"]))
def test_wms_5000(server, query, service):
    text = urlencode({"SERVICE": "WMS", **query}, errors="replace")
    check(server, f"{service}?{text}", "text/xml", "application/vnd.ogc.se_xml")


@pytest.mark.slow
@MANY
@given(query=WMTS, service=st.sampled_from(["/wmts", "/ows"]))
def test_wmts_5000(server, query, service):
    check(server, f"{service}?{urlencode({'service': 'WMTS', **query})}", "text/xml")

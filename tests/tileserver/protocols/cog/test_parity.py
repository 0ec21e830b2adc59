"""TiTiler's URLs, answered by TiTiler's own reader (GDAL) and by ours: the same, or told why not.

Nearest neighbour: pixels whose centre falls on the edge of two source pixels may go to either one;
GDAL's warper approximates positions to an eighth of a pixel, ours to a hundredth.
"""

import json
from typing import Any

import numpy as np
import pytest
from lxml import etree
from rasterio.io import MemoryFile
from support.titiler import array, assert_alike, bounds_of, tile_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The oracle warns of files without overviews and of much else.
    pytest.mark.filterwarnings("ignore"),
]

FILES = ("plain", "nodata", "nan", "mask", "alpha", "scaled", "classes", "degrees")


@pytest.mark.parametrize("zoom", [12, 13, 14, 15])
@pytest.mark.parametrize("name", FILES)
async def test_tiles(both: Any, name: str, zoom: int) -> None:
    path = f"/cog/tiles/{tile_of(both, name, zoom)}.npy"
    # Zoom 12 shrinks a file without overviews: one step here, two in GDAL's warper.
    assert_alike(await both.get(path, f"{name}.tif"), 0.98 if zoom > 12 else 0.94)


@pytest.mark.parametrize(
    "query",
    [
        {"tilesize": 512},
        {"buffer": 2},
        {"buffer": 0.5},
        {"padding": 2},
        {"bidx": [3, 1]},
        {"expression": "(b2-b1)/(b2+b1);b3*2"},
        {"nodata": 1234},
        {"unscale": "true"},
        {"return_mask": "true"},
        {"algorithm": "normalizedIndex", "bidx": [1, 2]},
    ],
    ids=str,
)
async def test_parameters_of_tiles(both: Any, query: Any) -> None:
    path = f"/cog/tiles/{tile_of(both, 'plain', 14)}.npy"
    assert_alike(await both.get(path, "plain.tif", **query))


async def test_scale_and_offset(both: Any) -> None:
    path = f"/cog/tiles/{tile_of(both, 'scaled', 14)}.npy"
    ours, theirs = await both.get(path, "scaled.tif", unscale="true")
    assert array(ours).dtype == np.float32
    assert_alike((ours, theirs))


@pytest.mark.parametrize("ending", ["npy", "tif"])
async def test_without_mask(both: Any, ending: str) -> None:
    path = f"/cog/tiles/{tile_of(both, 'plain', 14)}.{ending}"
    ours, theirs = await both.get(path, "plain.tif", return_mask="false")
    for answer in (ours, theirs):
        if ending == "npy":
            assert array(answer).shape == (3, 256, 256)
        else:
            with MemoryFile(answer.content) as memory, memory.open() as file:
                assert file.count == 3


@pytest.mark.parametrize("method", ["bilinear", "cubic"])
@pytest.mark.parametrize("name", ["plain", "nodata", "degrees"])
async def test_interpolated_tiles(both: Any, name: str, method: str) -> None:
    path = f"/cog/tiles/{tile_of(both, name, 15)}.npy"
    assert_near(await both.get(path, f"{name}.tif", reproject=method), 2)


@pytest.mark.parametrize("method", ["average", "mode", "bilinear", "cubic"])
@pytest.mark.parametrize("name", ["plain", "nodata"])
async def test_shrunk_tiles(both: Any, name: str, method: str) -> None:
    path = f"/cog/tiles/{tile_of(both, 'plain', 12)}.npy"
    file = "classes.tif" if method == "mode" else f"{name}.tif"
    # Where band 1 alone lacks data, GDAL mixes its nodata value in.
    answers = await both.get(path, file, reproject=method, bidx=1 if method == "mode" else 2)
    if method == "mode":
        # Where two classes share a footprint, a hair's breadth decides.
        assert_alike(answers, 0.97, step=1.0)
    else:
        assert_near(answers, 40)


@pytest.mark.parametrize("method", ["average", "bilinear", "cubic"])
@pytest.mark.parametrize("name", ["plain", "nodata", "nan"])
@pytest.mark.parametrize("size", ["200x200", "130x90"])
async def test_shrunk_previews(both: Any, name: str, method: str, size: str) -> None:
    path = f"/cog/preview/{size}.npy"
    assert_near(await both.get(path, f"{name}.tif", resampling=method), 40)


@pytest.mark.parametrize("size", ["200x200", "130x90"])
async def test_a_preview_of_classes(both: Any, size: str) -> None:
    answers = await both.get(f"/cog/preview/{size}.npy", "classes.tif", resampling="mode")
    assert_alike(answers, 0.97, step=1.0)


def assert_near(answers: Any, most: float) -> None:
    """Interpolated values differ by little where both have data all around."""
    ours, theirs = map(array, answers)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    # GDAL's taps reach over missing pixels otherwise.
    with_data = (ours[:-1] > 0).all(axis=0) & (theirs[:-1] > 0).all(axis=0)
    inner = (ours[-1] != 0) & (theirs[-1] != 0) & with_data
    assert inner.mean() > 0.1
    difference = np.abs(ours[:-1].astype(float) - theirs[:-1])[:, inner]
    assert np.percentile(difference, 99) <= most, np.percentile(difference, 99)
    assert (ours[-1] == theirs[-1]).mean() > 0.98


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "path", ["/cog/preview.npy", "/cog/preview/150x90.npy", "/cog/preview.npy?max_size=200"]
)
async def test_previews(both: Any, name: str, path: str) -> None:
    path, _, query = path.partition("?")
    options = dict([query.split("=")]) if query else {}
    assert_alike(await both.get(path, f"{name}.tif", **options), 0.99)


async def test_previews_in_another_crs(both: Any) -> None:
    assert_alike(await both.get("/cog/preview.npy", "plain.tif", dst_crs="EPSG:3857"), 0.95)


@pytest.mark.parametrize("name", ["plain", "nodata", "degrees", "alpha"])
@pytest.mark.parametrize("size", ["", "/300x170"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", "EPSG:3857"])
async def test_boxes(both: Any, name: str, size: str, crs: str) -> None:
    west, south, east, north = bounds_of(both, name, crs)
    dx, dy = (east - west) / 4, (north - south) / 4
    box = f"{west + dx:.6f},{south + dy:.6f},{east - dx:.6f},{north + dy:.6f}"
    path = f"/cog/bbox/{box}{size}.npy"
    assert_alike(await both.get(path, f"{name}.tif", coord_crs=crs), 0.97)


async def test_a_box_from_one_crs_into_another(both: Any) -> None:
    box = ",".join(f"{v:.6f}" for v in bounds_of(both, "plain"))
    answers = await both.get(
        f"/cog/bbox/{box}.npy", "plain.tif", dst_crs="EPSG:32633", max_size=300
    )
    assert_alike(answers, 0.97)


@pytest.mark.parametrize("name", FILES)
async def test_points(both: Any, name: str) -> None:
    west, south, east, north = bounds_of(both, name)
    for part in (0.2, 0.34, 0.5, 0.77):
        lon, lat = west + part * (east - west), south + part * (north - south)
        path = f"/cog/point/{lon:.7f},{lat:.7f}"
        ours, theirs = await both.get(path, f"{name}.tif")
        assert ours.status_code == 200, ours.text
        assert ours.json() == theirs.json()
    ours, _ = await both.get(f"/cog/point/{west - 1},{south}", f"{name}.tif")
    assert (ours.status_code, ours.json()) == (404, {"detail": "Point is outside dataset bounds"})


async def test_points_in_another_crs_and_by_expression(both: Any) -> None:
    x, y = 501234.0, 5497777.0
    for query in ({}, {"expression": "b1+b2"}, {"bidx": [2]}, {"nodata": 1}):
        ours, theirs = await both.get(
            f"/cog/point/{x},{y}", "plain.tif", coord_crs="EPSG:32633", **query
        )
        assert ours.json() == theirs.json()


@pytest.mark.parametrize("name", ["plain", "nodata", "nan", "mask", "scaled", "degrees"])
async def test_statistics(both: Any, name: str) -> None:
    for query in ({}, {"max_size": 128}, {"p": [5, 50]}, {"histogram_bins": 4}):
        answers = await both.get("/cog/statistics", f"{name}.tif", **query)
        ours, theirs = (a.json() for a in answers)
        assert ours.keys() == theirs.keys()
        for band, wanted in theirs.items():
            assert ours[band].keys() == wanted.keys()
            for key in ("min", "max", "mean", "std", "valid_percent"):
                assert ours[band][key] == pytest.approx(wanted[key], rel=5e-3), key


async def test_statistics_of_features(both: Any) -> None:
    west, south, east, north = bounds_of(both, "plain")
    lon, lat = (west + east) / 2, (south + north) / 2
    shape = {
        "type": "Feature",
        "properties": {"name": "field"},
        "geometry": {
            "type": "Polygon",
            "coordinates": [
                [[lon, lat], [east, lat], [east, north], [lon + 0.002, north], [lon, lat]]
            ],
        },
    }
    several = {"type": "FeatureCollection", "features": [shape, shape]}
    for body in (shape, several):
        ours, theirs = await both.post("/cog/statistics", "plain.tif", body)
        assert ours.status_code == 200, ours.text
        found, wanted = ours.json(), theirs.json()
        pairs = zip(found.get("features", [found]), wanted.get("features", [wanted]), strict=True)
        for one, other in pairs:
            assert one["properties"]["name"] == "field"
            for band, said in other["properties"]["statistics"].items():
                mine = one["properties"]["statistics"][band]
                for key in ("min", "max", "mean", "count", "valid_percent"):
                    assert mine[key] == pytest.approx(said[key], rel=5e-3), key


@pytest.mark.parametrize("path", ["/cog/feature.npy", "/cog/feature/120x80.npy"])
async def test_features(both: Any, path: str) -> None:
    west, south, east, north = bounds_of(both, "plain")
    lon, lat = (west + east) / 2, (south + north) / 2
    triangle = [[[west, south], [east, lat], [lon, north], [west, south]]]
    shape = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": triangle},
    }
    assert_alike(await both.post(path, "plain.tif", shape), 0.97)


@pytest.mark.parametrize("name", FILES)
async def test_info(both: Any, name: str) -> None:
    ours, theirs = (a.json() for a in await both.get("/cog/info", f"{name}.tif"))
    kind = ours.pop("nodata_type"), theirs.pop("nodata_type")
    assert kind[0] == kind[1] or kind == ("Mask", "Alpha")
    for left_out in ("colorinterp", "band_metadata", "minmax"):
        ours.pop(left_out, None), theirs.pop(left_out, None)
    if name == "alpha":  # TiTiler counts it as a band
        for listed in ("band_descriptions", "scales", "offsets"):
            theirs[listed].pop()
        theirs["count"] -= 1
    if name == "classes":  # GDAL fills the table up with black
        colours = ours.pop("colormap")
        assert {k: theirs["colormap"][k] for k in colours} == colours
        theirs.pop("colormap")
    for key in ("nodata_value",):
        if isinstance(theirs.get(key), str):
            assert str(ours.pop(key)) == theirs.pop(key)
    assert ours == theirs


@pytest.mark.parametrize(
    "path",
    [
        "/cog/info.geojson",
        "/cog/WebMercatorQuad/tilejson.json",
        "/cog/WorldCRS84Quad/tilejson.json",
        "/cog/tiles",
        "/cog/tiles/WebMercatorQuad",
    ],
)
async def test_documents(both: Any, path: str) -> None:
    ours, theirs = await both.get(path, "plain.tif")
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    found, wanted = ours.json(), theirs.json()
    for document in (found, wanted):
        if "properties" in document:
            document.pop("properties")
        if "tilesets" in document or "links" in document:
            for tileset in document.get("tilesets", [document]):
                # Ours has the definitions of the grids as well.
                tileset["links"] = [k for k in tileset["links"] if "tiling-scheme" not in k["rel"]]
    assert json.dumps(found) == json.dumps(wanted)


async def test_pictures(both: Any) -> None:
    tile = tile_of(both, "mask", 14)
    for ending, kind, driver in (
        ("png", "image/png", "PNG"),
        ("pngraw", "image/png", "PNG"),
        ("jpeg", "image/jpeg", "JPEG"),
        ("jpg", "image/jpg", "JPEG"),
        ("webp", "image/webp", "WEBP"),
        ("jp2", "image/jp2", "JP2OpenJPEG"),
    ):
        answers = await both.get(f"/cog/tiles/{tile}.{ending}", "mask.tif")
        pixels = []
        for answer in answers:
            assert answer.headers["content-type"] == kind
            with MemoryFile(answer.content) as memory, memory.open() as file:
                assert file.driver == driver
                pixels.append(file.read())
        ours, theirs = pixels
        assert ours.shape == theirs.shape
        off = np.abs(ours.astype(int) - theirs)
        assert off.mean() < (0.2 if driver == "PNG" else 4.0)


@pytest.mark.parametrize("name", ["plain", "nodata", "nan", "classes", "scaled"])
async def test_rescaled_and_coloured_pictures(both: Any, name: str) -> None:
    tile = tile_of(both, name, 14)
    queries: list[dict[str, Any]] = [{"rescale": "500,3500"}]
    if name in ("plain", "nodata"):
        queries.append({"rescale": "500,3500", "color_formula": "gamma rgb 1.5"})
    if name != "classes":
        queries.append({"bidx": [1], "rescale": "500,3500", "colormap_name": "viridis"})
    colours = json.dumps({"1": "#ff0000", "2": [0, 255, 0, 128], "3": "#0000ff"})
    queries.append({"bidx": [1], "colormap": colours})
    for query in queries:
        answers = await both.get(f"/cog/tiles/{tile}.png", f"{name}.tif", **query)
        ours, theirs = map(rgba, answers)
        same = (ours == theirs).all(axis=0) | ((ours[3] == 0) & (theirs[3] == 0))
        assert same.mean() > 0.97, query


def rgba(answer: Any) -> Any:
    """A PNG as four bands: TiTiler writes grey with two, we write colours."""
    assert answer.status_code == 200, answer.text
    with MemoryFile(answer.content) as memory, memory.open() as file:
        data = file.read()
        if file.count in (1, 3):
            data = np.concatenate([data, np.full_like(data[:1], 255)])
    return data if len(data) == 4 else data[[0, 0, 0, 1]]


async def test_the_format_follows_from_the_mask(both: Any) -> None:
    for name, kind in (("mask", "image/png"), ("plain", "image/jpeg")):
        path = "/cog/preview"
        answers = await both.get(path, f"{name}.tif", rescale="0,4000")
        assert [a.headers["content-type"] for a in answers] == [kind, kind]


@pytest.mark.parametrize("name", ["plain", "nodata", "nan", "mask"])
async def test_geotiff(both: Any, name: str) -> None:
    west, south, east, north = bounds_of(both, name, "EPSG:32633")
    box = f"{west},{south},{east},{north}"
    answers = await both.get(f"/cog/bbox/{box}.tif", f"{name}.tif", coord_crs="EPSG:32633")
    found = []
    for answer in answers:
        assert answer.headers["content-type"] == "image/tiff; application=geotiff"
        with MemoryFile(answer.content) as memory, memory.open() as file:
            found.append((file.count, file.crs, file.transform, file.colorinterp[-1], file.read()))
    ours, theirs = found
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    assert ours[2].almost_equals(theirs[2])
    assert ours[3] == theirs[3]
    np.testing.assert_array_equal(ours[4][-1], theirs[4][-1])
    valid = ours[4][-1] == ours[4][-1].max()
    np.testing.assert_array_equal(ours[4][:, valid], theirs[4][:, valid])


async def test_older_addresses_of_larger_tiles(both: Any) -> None:
    tile = tile_of(both, "plain", 14)
    params = {"url": str(both.folder / "plain.tif")}
    answer = await both.ours.get(f"/cog/tiles/{tile}@2x.npy", params=params, follow_redirects=True)
    plain = await both.ours.get(f"/cog/tiles/{tile}.npy", params={**params, "tilesize": 512})
    assert array(answer).shape == (4, 512, 512)
    assert answer.content == plain.content


async def test_capabilities_are_wmts(both: Any) -> None:
    ours, _ = await both.get("/cog/WMTSCapabilities.xml", "plain.tif", rescale="0,4000")
    assert ours.headers["content-type"] == "application/xml"
    root = etree.fromstring(ours.content)
    templates = [e.get("template") for e in root.iter("{*}ResourceURL")]
    assert any(
        "/cog/tiles/WebMercatorQuad/{TileMatrix}/{TileCol}/{TileRow}" in t for t in templates
    )
    assert all("rescale=0%2C4000" in t for t in templates)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tileMatrixSets", 200),
        ("/tileMatrixSets/WebMercatorQuad", 200),
        ("/colorMaps", 200),
        ("/colorMaps/viridis", 200),
        ("/algorithms", 200),
        ("/algorithms/hillshade", 200),
        ("/algorithms/contours", 422),
    ],
)
async def test_lists(both: Any, path: str, status: int) -> None:
    assert (await both.ours.get(path)).status_code == status


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/cog/tiles/WebMercatorQuad/14/0/0.png", {}, 404),
        ("/cog/tiles/Nowhere/14/0/0.png", {}, 422),
        ("/cog/tiles/WebMercatorQuad/14/x/0.png", {}, 422),
        ("/cog/preview.bmp", {}, 422),
        ("/cog/preview.png", {"expression": "b1.__class__"}, 400),
        ("/cog/preview.png", {"expression": "__import__('os')"}, 400),
        ("/cog/preview.png", {"expression": "b9"}, 400),
        ("/cog/preview.png", {"bidx": 9}, 400),
        ("/cog/preview.png", {"bidx": 0}, 400),
        ("/cog/preview.png", {"colormap": "{"}, 400),
        ("/cog/preview.png", {"colormap_name": "none"}, 422),
        ("/cog/preview.png", {"rescale": "a,b"}, 422),
        ("/cog/preview.png", {"resampling": "cubic_spline"}, 400),
        ("/cog/preview.png", {"resampling": "lanczos"}, 400),
        ("/cog/preview.png", {"resampling": "gauss"}, 400),
        ("/cog/preview.png", {"resampling": "rms"}, 400),
        ("/cog/preview.png", {"reproject": "lanczos"}, 400),
        ("/cog/preview.png", {"reproject": "max"}, 400),
        ("/cog/tiles/WebMercatorQuad/12/2214/1400.png", {"reproject": "med"}, 404),
        ("/cog/preview.png", {"resampling": "fancy"}, 422),
        ("/cog/preview.png", {"algorithm": "normalizedIndex", "bidx": 1}, 400),
        ("/cog/preview.png", {"bidx": 1, "rescale": "0,9", "color_formula": "gamma g 2"}, 400),
        ("/cog/bbox/1,1,0,0.png", {}, 400),
        ("/cog/bbox/nan,1,0,0.png", {}, 400),
        ("/cog/bbox/15,49,15.1,49.1.png", {"dst_crs": "EPSG:999999"}, 422),
        ("/cog/tiles/WebMercatorQuad/14/8900/5600.png", {"buffer": 0.3}, 404),
    ],
)
async def test_errors_are_told_as_titiler_does(
    both: Any, path: str, query: Any, status: int
) -> None:
    ours, _ = await both.get(path, "plain.tif", **query)
    assert ours.status_code == status, ours.text
    assert set(ours.json()) == {"detail"}
    assert "Traceback" not in ours.text
    assert str(both.folder) not in ours.text

"""WCS 2.0.1 by GET and POST: documents, cuts, sizes, systems, bands, formats, errors."""

import io

import h5netcdf
import httpx
import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from rasterio.windows import Window
from support.coverages import (
    BANDS,
    COLLECTION,
    CRS,
    DAYS,
    HEIGHT,
    NORTH,
    NS,
    STEP,
    WEST,
    WIDTH,
    exception,
    opened,
)  # fmt: skip

WCS_XSD, COVERAGE_XSD = "wcs/2.0/wcsAll.xsd", "gmlcov/1.0/gmlcovAll.xsd"
EXCEPTION_XSD = "ows/2.0/owsExceptionReport.xsd"
UTM = "http://www.opengis.net/def/crs/EPSG/0/32632"
GEO = "http://www.opengis.net/def/crs/EPSG/0/4326"


def coverage(site, **parameters):
    return site.get(REQUEST="GetCoverage", **{"COVERAGEID": COLLECTION, **parameters})


def source(site, window: Window | None = None, scene: int = 1) -> np.ndarray:
    with rasterio.open(site.files[scene]) as dataset:
        return dataset.read(window=window)


# Documents


@pytest.mark.parametrize("sections", ["", "All", "Contents", "CoverageSummary", "ServiceMetadata"])
def test_capabilities_are_valid(site, valid, sections):
    answer = site.get(REQUEST="GetCapabilities", SECTIONS=sections)
    root = valid(answer.content, WCS_XSD)
    assert answer.headers["content-type"].startswith("application/xml")
    ids = root.xpath("//wcs:CoverageSummary/wcs:CoverageId/text()", namespaces=NS)
    if sections in ("", "All", "Contents", "CoverageSummary"):
        assert ids == [COLLECTION, site.items[1]]
    series = root.xpath("//wcseo:DatasetSeriesId/text()", namespaces=NS)
    assert series == ([COLLECTION] if sections in ("", "All", "Contents") else [])


def test_capabilities_that_are_current_are_left_out(site, valid):
    root = valid(site.get(REQUEST="GetCapabilities").content, WCS_XSD)
    number = root.get("updateSequence")
    short = valid(site.get(REQUEST="GetCapabilities", UPDATESEQUENCE=number).content, WCS_XSD)
    assert len(short) == 0
    later = site.get(REQUEST="GetCapabilities", UPDATESEQUENCE=str(int(number) + 1))
    assert exception(later)[:2] == (400, "InvalidUpdateSequence")


def test_descriptions_are_valid(site, valid):
    names = f"{COLLECTION},{site.items[0]}"
    answer = site.get(REQUEST="DescribeCoverage", COVERAGEID=names)
    root = valid(answer.content, WCS_XSD)
    first, second = root
    assert first.findtext("wcs:CoverageId", namespaces=NS) == COLLECTION
    assert first.xpath(".//swe:field/@name", namespaces=NS) == list(BANDS)
    envelope = first.find("gml:boundedBy/gml:EnvelopeWithTimePeriod", NS)
    assert envelope.get("srsName") == UTM
    assert envelope.get("axisLabels") == "E N"
    assert envelope.findtext("gml:lowerCorner", namespaces=NS) == (
        f"{WEST} {NORTH - HEIGHT * STEP}"
    )
    assert envelope.findtext("gml:beginPosition", namespaces=NS).startswith(DAYS[0])
    assert envelope.findtext("gml:endPosition", namespaces=NS).startswith(DAYS[1])
    kinds = root.xpath("//wcs:CoverageSubtype/text()", namespaces=NS)
    assert kinds == ["RectifiedGridCoverage", "RectifiedDataset"]
    assert second.findtext(".//gml:beginPosition", namespaces=NS).startswith(DAYS[0])


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"COVERAGEID": "nothing"}, (404, "NoSuchCoverage")),
        ({"COVERAGEID": f"{COLLECTION}__nothing"}, (404, "NoSuchCoverage")),
        ({"COVERAGEID": ""}, (404, "emptyCoverageIdList")),
        ({}, (400, "MissingParameterValue")),
    ],
)
def test_descriptions_of_what_there_is_not(site, valid, parameters, told):
    answer = site.get(REQUEST="DescribeCoverage", **parameters)
    valid(answer.content, EXCEPTION_XSD)
    assert exception(answer)[:2] == told


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"REQUEST": "GetMap"}, (501, "OperationNotSupported", "request")),
        ({"REQUEST": ""}, (400, "MissingParameterValue", "request")),
        ({"REQUEST": "GetCoverage", "VERSION": "7.0"}, (400, "InvalidParameterValue", "version")),
        ({"REQUEST": "GetCoverage", "VERSION": ""}, (400, "MissingParameterValue", "version")),
        ({"REQUEST": "GetCapabilities", "SERVICE": ""}, (400, "MissingParameterValue", "service")),
        (
            {"REQUEST": "GetCapabilities", "SERVICE": "WFS"},
            (400, "InvalidParameterValue", "service"),
        ),
        (
            {"REQUEST": "GetCapabilities", "ACCEPTVERSIONS": "3.0.0"},
            (400, "VersionNegotiationFailed", ""),
        ),
        (
            {"REQUEST": "GetCapabilities", "SECTIONS": "Nothing"},
            (400, "InvalidParameterValue", "sections"),
        ),
    ],
)
def test_wrong_requests(site, valid, query, told):
    answer = site.get(**query)
    valid(answer.content, EXCEPTION_XSD)
    assert exception(answer) == told


# Cuts


def test_all_of_a_coverage_is_the_source(site):
    values, dataset = opened(coverage(site))
    assert np.array_equal(values, source(site))
    assert (dataset.crs, dataset.transform.c, dataset.transform.f) == (CRS, WEST, NORTH)
    assert dataset.dtypes == ("uint16",) * 3
    assert dataset.nodata == 0
    assert dataset.descriptions == BANDS
    assert (dataset.scales, dataset.offsets) == ((0.5,) * 3, (-10.0,) * 3)


def test_every_item_is_a_coverage(site):
    for scene, name in enumerate(site.items):
        values, _ = opened(coverage(site, COVERAGEID=name))
        assert np.array_equal(values, source(site, scene=scene))


@given(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, 90), st.integers(1, 90)
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_native_trims_are_bit_equal(site, column, row, width, height):
    width, height = min(width, WIDTH - column), min(height, HEIGHT - row)
    left, top = WEST + column * STEP, NORTH - row * STEP
    answer = coverage(
        site,
        SUBSET=[f"E({left},{left + width * STEP})", f"N({top - height * STEP},{top})"],
    )
    values, dataset = opened(answer)
    assert np.array_equal(values, source(site, Window(column, row, width, height)))
    assert (dataset.transform.c, dataset.transform.f) == (left, top)


def test_open_ends_and_slices(site):
    values, _ = opened(coverage(site, SUBSET=[f"E(*,{WEST + 50})", f"N({NORTH - 25})"]))
    assert np.array_equal(values, source(site, Window(0, 2, 5, 1)))


@pytest.mark.parametrize(
    ("subset", "code"),
    [
        ("Q(1,2)", "InvalidAxisLabel"),
        (["E(600000,600100)", "E(600000,600100)"], "InvalidAxisLabel"),
        ("E(600100,600000)", "InvalidSubsetting"),
        ("E(100,200)", "InvalidSubsetting"),
        ("E(a,b)", "InvalidSubsetting"),
        ("E(nan,inf)", "InvalidSubsetting"),
        ("E600000", "InvalidSubsetting"),
        ('phenomenonTime("1999-01-01","1999-02-01")', "InvalidSubsetting"),
        ('phenomenonTime("yesterday")', "InvalidSubsetting"),
    ],
)
def test_wrong_cuts(site, valid, subset, code):
    answer = coverage(site, SUBSET=subset)
    valid(answer.content, EXCEPTION_XSD)
    assert exception(answer)[:2] == (404, code)


def test_time_is_cut(site):
    for scene, day in enumerate(DAYS):
        for text in (f'phenomenonTime("{day}T10:30:00Z")', f'time("{day}","{day}")'):
            values, _ = opened(coverage(site, SUBSET=text))
            assert np.array_equal(values, source(site, scene=scene))
    item = coverage(site, COVERAGEID=site.items[0], SUBSET=f'time("{DAYS[1]}")')
    assert exception(item)[:2] == (404, "InvalidSubsetting")


def test_a_box_in_degrees(site):
    answer = coverage(
        site, SUBSET=["Lat(51.43,51.44)", "Long(10.44,10.46)"], SUBSETTINGCRS=GEO, OUTPUTCRS=UTM
    )
    _, dataset = opened(answer)
    assert dataset.crs == CRS
    assert ((dataset.transform.c - WEST) / STEP).is_integer()
    # Without a system for the answer it is that of the box.
    _, degrees = opened(
        coverage(site, SUBSET=["Lat(51.43,51.44)", "Long(10.44,10.46)"], SUBSETTINGCRS=GEO)
    )
    assert degrees.crs == "EPSG:4326"
    assert degrees.bounds == pytest.approx((10.44, 51.43, 10.46, 51.44))


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"SUBSETTINGCRS": GEO.replace("4326", "99999")}, "SubsettingCrs-NotSupported"),
        ({"OUTPUTCRS": "bogus"}, "OutputCrs-NotSupported"),
        ({"RANGESUBSET": "B9"}, "NoSuchField"),
        ({"RANGESUBSET": "B3:B1"}, "InvalidFieldSequence"),
        ({"RANGESUBSET": "B1,B1"}, "InvalidFieldSequence"),
        ({"SCALEFACTOR": "0"}, "InvalidScaleFactor"),
        ({"SCALEFACTOR": "-1"}, "InvalidScaleFactor"),
        ({"SCALEFACTOR": "much"}, "InvalidScaleFactor"),
        ({"SCALEAXES": "q(2)"}, "ScaleAxisUndefined"),
        ({"SCALESIZE": "i(0)"}, "InvalidExtent"),
        ({"SCALEEXTENT": "i(10:5)"}, "InvalidExtent"),
        ({"INTERPOLATION": "http://www.opengis.net/def/interpolation/OGC/1/magic"},
         "InterpolationMethodNotSupported"),
        ({"GEOTIFF:COMPRESSION": "Huffman"}, "CompressionNotSupported"),
        ({"GEOTIFF:COMPRESSION": "JPEG", "GEOTIFF:JPEG_QUALITY": "101"}, "JpegQualityInvalid"),
        ({"GEOTIFF:PREDICTOR": "magic"}, "PredictorInvalid"),
        ({"GEOTIFF:INTERLEAVE": "magic"}, "InterleavingNotSupported"),
        ({"GEOTIFF:TILING": "true", "GEOTIFF:TILEWIDTH": "17"}, "TilingInvalid"),
    ],
)  # fmt: skip
def test_wrong_words_of_extensions(site, parameters, code):
    assert exception(coverage(site, **parameters))[:2] == (404, code)


@pytest.mark.parametrize(
    "parameters",
    [
        {"FORMAT": "image/magic"},
        {"MEDIATYPE": "multipart/mixed"},
        {"SCALEFACTOR": "2", "SCALESIZE": "i(5)"},
        {"SCALESIZE": "i(99999999)"},
        {"SCALEFACTOR": "40"},
        {"MOSAIC": "magic"},
        {"MEDIATYPE": "multipart/related", "STYLE": "values"},
        {"FORMAT": "application/gml+xml", "SCALESIZE": "i(2000),j(2000)"},
    ],
)
def test_wrong_values(site, parameters):
    assert exception(coverage(site, **parameters))[:2] == (400, "InvalidParameterValue")


def test_limits_are_named(site):
    answer = coverage(site, SCALEFACTOR="40")
    assert "max_coverage_bytes" in answer.text


# Sizes, bands, interpolation


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({"SCALEFACTOR": "0.5"}, (150, 120)),
        ({"SCALEFACTOR": "2"}, (600, 480)),
        ({"SCALEAXES": "i(0.5),j(0.1)"}, (150, 24)),
        ({"SCALEAXES": "E(0.5)"}, (150, 240)),
        ({"SCALESIZE": "i(77),j(33)"}, (77, 33)),
        ({"SCALESIZE": "j(33)"}, (300, 33)),
        ({"SCALEEXTENT": "i(10:19),j(0:4)"}, (10, 5)),
        ({"SCALEEXTENT": "i(10,19)"}, (10, 240)),
    ],
)
def test_sizes(site, parameters, size):
    values, dataset = opened(coverage(site, RANGESUBSET="B2", **parameters))
    assert values.shape == (1, size[1], size[0])
    assert dataset.bounds == (WEST, NORTH - HEIGHT * STEP, WEST + WIDTH * STEP, NORTH)


@pytest.mark.parametrize(
    ("text", "bands"),
    [("B2", [1]), ("B3,B1", [2, 0]), ("B1:B3", [0, 1, 2]), ("B2:B3,B1", [1, 2, 0])],
)
def test_bands_in_the_order_that_is_asked(site, text, bands):
    values, dataset = opened(coverage(site, RANGESUBSET=text))
    assert np.array_equal(values, source(site)[bands])
    assert dataset.descriptions == tuple(BANDS[b] for b in bands)


def test_interpolated_values_are_physical(site):
    uri = "http://www.opengis.net/def/interpolation/OGC/1/linear"
    values, dataset = opened(coverage(site, INTERPOLATION=uri, SCALEFACTOR="0.5"))
    assert dataset.dtypes == ("float32",) * 3
    assert (dataset.scales, dataset.offsets) == ((1.0,) * 3, (0.0,) * 3)
    assert np.nanmin(values) >= 0.5 - 10.0
    assert np.isnan(values[:, :15, :20]).all()


def test_values_of_a_composite_of_dates(site):
    values, _ = opened(coverage(site, MOSAIC="mean", RANGESUBSET="B1"))
    pair = [source(site, scene=n)[0].astype(np.float64) * 0.5 - 10.0 for n in (0, 1)]
    there = source(site)[0] != 0
    assert np.allclose(values[0][there], np.mean(pair, axis=0)[there], rtol=1e-5)


# Formats


@pytest.mark.parametrize(
    ("parameters", "layout"),
    [
        ({}, ("none", True, (512, 512))),
        ({"GEOTIFF:TILING": "false"}, ("none", False, None)),
        ({"GEOTIFF:TILING": "true", "GEOTIFF:TILEWIDTH": "64", "GEOTIFF:TILEHEIGHT": "32"},
         ("none", True, (32, 64))),
        ({"GEOTIFF:COMPRESSION": "LZW"}, ("lzw", True, (512, 512))),
        ({"GEOTIFF:COMPRESSION": "DEFLATE", "GEOTIFF:PREDICTOR": "Horizontal"},
         ("deflate", True, (512, 512))),
        ({"GEOTIFF:COMPRESSION": "PackBits", "GEOTIFF:INTERLEAVE": "pixel"},
         ("packbits", True, (512, 512))),
    ],
)  # fmt: skip
def test_layouts_of_geotiff_hold_the_same_values(site, parameters, layout):
    values, dataset = opened(coverage(site, **parameters))
    assert np.array_equal(values, source(site))
    compression, tiled, block = layout
    assert dataset.compression == compression
    if tiled:
        assert dataset.block_shapes[0] == block
    else:
        assert dataset.block_shapes[0][1] == WIDTH
    order = parameters.get("GEOTIFF:INTERLEAVE", "band")
    assert dataset.interleaving == order


def test_what_a_compression_cannot_hold_is_told(site):
    assert exception(coverage(site, **{"GEOTIFF:COMPRESSION": "JPEG"}))[0] == 400
    wrong = {"GEOTIFF:COMPRESSION": "LZW", "GEOTIFF:PREDICTOR": "Floatingpoint"}
    assert exception(coverage(site, **wrong))[0] == 400


def test_cog(site):
    kind = "image/tiff;application=geotiff;profile=cloud-optimized"
    answer = coverage(site, FORMAT=kind)
    assert answer.headers["content-type"] == kind
    values, dataset = opened(answer)
    assert np.array_equal(values, source(site))
    assert dataset.layout == "COG"


def test_netcdf(site):
    answer = coverage(site, FORMAT="application/x-netcdf")
    with h5netcdf.File(io.BytesIO(answer.content), "r") as file:
        assert file.attrs["Conventions"].startswith("CF")
        for number, name in enumerate(BANDS):
            assert np.array_equal(file[name][:], source(site)[number])
            assert file[name].attrs["_FillValue"] == 0
            assert file[name].attrs["scale_factor"] == 0.5


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_pictures_are_for_looking_at(site, kind):
    answer = coverage(site, FORMAT=kind, SCALEFACTOR="0.5")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    item = coverage(site, FORMAT=kind, COVERAGEID=site.items[0])
    assert exception(item)[:2] == (400, "InvalidParameterValue")


def test_gml_with_values(site, valid):
    answer = coverage(
        site,
        FORMAT="application/gml+xml",
        SUBSET=[f"E({WEST + 500},{WEST + 520})", f"N({NORTH - 10},*)"],
    )
    root = valid(answer.content, COVERAGE_XSD)
    tuples = root.findtext(".//gml:tupleList", namespaces=NS).split(" ")
    expected = source(site, Window(50, 0, 2, 1))
    assert [[int(v) for v in t.split(",")] for t in tuples] == expected[:, 0].T.tolist()


def test_gml_beside_a_file(site, valid):
    answer = coverage(site, MEDIATYPE="multipart/related", RANGESUBSET="B2")
    kind = answer.headers["content-type"]
    assert kind.startswith("multipart/related")
    boundary = kind.partition('boundary="')[2].partition('"')[0].encode()
    first, second = answer.content.split(b"--" + boundary)[1:3]
    document = first.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
    root = valid(document, COVERAGE_XSD)
    reference = root.findtext(".//gml:fileReference", namespaces=NS)
    head, _, body = second.partition(b"\r\n\r\n")
    assert f"Content-ID: <{reference.removeprefix('cid:')}>".encode() in head
    with rasterio.MemoryFile(body.removesuffix(b"\r\n")) as file, file.open() as dataset:
        assert np.array_equal(dataset.read(1), source(site)[1])


def test_head_has_the_headers_only(site):
    url = f"{site.url}/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID={COLLECTION}"
    head, get = httpx.head(url, timeout=60), httpx.get(url, timeout=60)
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))


# POST


def post_coverage(body: str) -> str:
    return (
        '<wcs:GetCoverage xmlns:wcs="http://www.opengis.net/wcs/2.0" service="WCS" version="2.0.1"'
        ' xmlns:scal="http://www.opengis.net/WCS_service-extension_scaling/1.0"'
        ' xmlns:rsub="http://www.opengis.net/wcs/range-subsetting/1.0"'
        ' xmlns:crs="http://www.opengis.net/wcs_service-extension_crs/1.0"'
        ' xmlns:geotiff="http://www.opengis.net/gmlcov/geotiff/1.0">'
        f"{body}<wcs:CoverageId>{COLLECTION}</wcs:CoverageId></wcs:GetCoverage>"
    )


@pytest.mark.parametrize("path", ["/wcs", "/ows"])
def test_documents_and_addresses_mean_the_same(site, path):
    extension = (
        "<wcs:Extension><scal:ScaleToSize>"
        "<scal:TargetAxisSize><scal:axis>i</scal:axis><scal:targetSize>20</scal:targetSize>"
        "</scal:TargetAxisSize></scal:ScaleToSize>"
        "<rsub:RangeSubset><rsub:RangeItem><rsub:RangeComponent>B3</rsub:RangeComponent>"
        "</rsub:RangeItem><rsub:RangeItem><rsub:RangeInterval><rsub:startComponent>B1"
        "</rsub:startComponent><rsub:endComponent>B2</rsub:endComponent></rsub:RangeInterval>"
        "</rsub:RangeItem></rsub:RangeSubset>"
        f"<crs:subsettingCrs>{UTM}</crs:subsettingCrs>"
        "<geotiff:parameters><geotiff:compression>LZW</geotiff:compression></geotiff:parameters>"
        "</wcs:Extension>"
    )
    body = post_coverage(extension).replace(
        "</wcs:CoverageId>",
        f"</wcs:CoverageId><wcs:DimensionTrim><wcs:Dimension>E</wcs:Dimension>"
        f"<wcs:TrimLow>{WEST + 600}</wcs:TrimLow><wcs:TrimHigh>{WEST + 800}</wcs:TrimHigh>"
        f"</wcs:DimensionTrim><wcs:DimensionSlice><wcs:Dimension>phenomenonTime</wcs:Dimension>"
        f"<wcs:SlicePoint>{DAYS[0]}</wcs:SlicePoint></wcs:DimensionSlice>",
    )
    posted = site.post(body, path)
    asked = coverage(
        site, SUBSET=[f"E({WEST + 600},{WEST + 800})", f'phenomenonTime("{DAYS[0]}")'],
        SCALESIZE="i(20)", RANGESUBSET="B3,B1:B2", SUBSETTINGCRS=UTM,
        **{"GEOTIFF:COMPRESSION": "LZW"},
    )  # fmt: skip
    assert posted.status_code == 200, posted.text
    assert posted.content == asked.content
    values, _ = opened(posted)
    assert values.shape == (3, HEIGHT, 20)


def test_capabilities_and_descriptions_by_post(site, valid):
    start = 'xmlns="http://www.opengis.net/wcs/2.0" service="WCS"'
    answer = site.post(f"<GetCapabilities {start}/>")
    assert answer.content == site.get(REQUEST="GetCapabilities").content
    inner = f"<CoverageId>{COLLECTION}</CoverageId>"
    body = f'<DescribeCoverage {start} version="2.0.1">{inner}</DescribeCoverage>'
    valid(site.post(body).content, WCS_XSD)


@pytest.mark.parametrize(
    "body",
    [
        "<nothing/>",
        "<broken",
        '<Bogus xmlns="http://www.opengis.net/wcs/2.0" service="WCS" version="2.0.1"/>',
        '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
    ],
)
def test_documents_that_are_none(site, valid, body):
    answer = site.post(body)
    valid(answer.content, EXCEPTION_XSD)
    assert exception(answer)[:2] == (400, "InvalidEncodingSyntax")


def test_a_body_that_is_too_large(site):
    answer = site.post(b"<x>" + b" " * 300_000 + b"</x>")
    assert exception(answer)[:2] == (400, "InvalidParameterValue")


# Anything


WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["E(1,2)", "i(0.5)", "B1", "*", "1e400", "-0", "E(,)", 'phenomenonTime("2024","2023")']
    ),
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["SUBSET", "SCALEFACTOR", "SCALESIZE", "SCALEAXES", "SCALEEXTENT", "RANGESUBSET",
             "FORMAT", "INTERPOLATION", "SUBSETTINGCRS", "OUTPUTCRS", "GEOTIFF:TILEWIDTH",
             "MEDIATYPE", "MOSAIC", "STYLE", "COVERAGEID"]
        ),
        WORDS, max_size=4,
    )
)  # fmt: skip
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_request_is_an_error_of_ours(site, parameters):
    answer = coverage(site, **parameters)
    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code != 200:
        assert etree.QName(etree.fromstring(answer.content)).localname == "ExceptionReport"

"""WCS 1.0.0 and 1.1: documents, boxes and grids, forms and documents, errors."""

import httpx
import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from support.coverages import (
    COLLECTION,
    DAYS,
    NORTH,
    WEST,
    exception,
    opened,
    read,
)  # fmt: skip

V10 = "wcs/1.0.0"
# The published schemas of 1.1.0 are none: they give references a default (XML Schema 1, 3.3.2).
VERSIONS_11 = {"1.1.2": "wcs/1.1/wcsAll.xsd", "1.1.1": "wcs/1.1.1/wcsAll.xsd"}
SERVICE_EXCEPTION = f"{V10}/OGC-exception.xsd"
OWS_EXCEPTION = "ows/1.1.0/owsExceptionReport.xsd"
URN = "urn:ogc:def:crs:EPSG::32632"
BOX = (WEST + 500, NORTH - 1500, WEST + 1500, NORTH - 500)


def source(site, scene: int = 1) -> np.ndarray:
    with rasterio.open(site.files[scene]) as dataset:
        return dataset.read()


def part(body: bytes) -> np.ndarray:
    """Values of the file in an answer of several parts."""
    return read(body[body.index(b"II*\0") :])[0]


def told_10(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/vnd.ogc.se_xml"
    (found,) = etree.fromstring(answer.content)
    return answer.status_code, found.get("code", "")


# 1.0.0


def ask_10(site, **parameters):
    query = {
        "VERSION": "1.0.0", "REQUEST": "GetCoverage", "COVERAGE": COLLECTION, "CRS": "EPSG:32632",
        "BBOX": ",".join(map(repr, BOX)), "WIDTH": 100, "HEIGHT": 100, "FORMAT": "GeoTIFF",
    }  # fmt: skip
    query.update(parameters)
    return site.get(**{name: value for name, value in query.items() if value is not None})


@pytest.mark.parametrize(
    "section",
    ["", "/", "/WCS_Capabilities/Service", "/WCS_Capabilities/Capability",
     "/WCS_Capabilities/ContentMetadata"],
)  # fmt: skip
def test_10_capabilities_are_valid(site, valid, section):
    answer = site.get(VERSION="1.0.0", REQUEST="GetCapabilities", SECTION=section)
    root = valid(answer.content, f"{V10}/wcsCapabilities.xsd")
    assert root.get("version") == "1.0.0"
    wanted = section.rpartition("/")[2] or "WCS_Capabilities"
    assert etree.QName(root).localname == wanted


def test_10_update_sequences(site):
    root = etree.fromstring(site.get(VERSION="1.0.0", REQUEST="GetCapabilities").content)
    number = int(root.get("updateSequence"))
    for given_, code in ((number, "CurrentUpdateSequence"), (number + 1, "InvalidUpdateSequence")):
        answer = site.get(VERSION="1.0.0", REQUEST="GetCapabilities", UPDATESEQUENCE=given_)
        assert told_10(answer) == (400, code)


def test_10_descriptions_are_valid(site, valid):
    answer = site.get(
        VERSION="1.0.0", REQUEST="DescribeCoverage", COVERAGE=f"{COLLECTION},{site.items[0]}"
    )
    root = valid(answer.content, f"{V10}/describeCoverage.xsd")
    days = root.xpath("//*[local-name()='temporalDomain']/*[local-name()='timePosition']/text()")
    assert days[:2] == list(DAYS)


def test_10_values_are_the_source_s(site):
    values, _ = opened(ask_10(site))
    assert np.array_equal(values, source(site)[:, 50:150, 50:150])
    by_step, _ = opened(ask_10(site, WIDTH=None, HEIGHT=None, RESX=10, RESY=10, BANDS="3,1"))
    assert np.array_equal(by_step, source(site)[[2, 0], 50:150, 50:150])
    by_name, _ = opened(ask_10(site, BANDS="B2", TIME=DAYS[0], INTERPOLATION="none"))
    assert np.array_equal(by_name, source(site, 0)[1:2, 50:150, 50:150])
    _, facts = opened(ask_10(site, RESPONSE_CRS="EPSG:4326"))
    assert facts.crs == "EPSG:4326"


def test_10_a_box_beyond_the_coverage_is_kept(site):
    box = (WEST - 100, NORTH - 100, WEST + 100, NORTH + 100)
    values, facts = opened(ask_10(site, BBOX=",".join(map(repr, box)), WIDTH=20, HEIGHT=20))
    assert facts.bounds == box
    assert not values[:, :10].any()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"COVERAGE": "nothing"}, "CoverageNotDefined"),
        ({"COVERAGE": None}, "MissingParameterValue"),
        ({"CRS": None}, "MissingParameterValue"),
        ({"CRS": "EPSG:1"}, "InvalidParameterValue"),
        ({"BBOX": None}, "MissingParameterValue"),
        ({"BBOX": "1,2,3"}, "InvalidParameterValue"),
        ({"BBOX": "3,2,1,4"}, "InvalidParameterValue"),
        ({"BBOX": "1,2,3,4"}, "InvalidParameterValue"),
        ({"WIDTH": None, "HEIGHT": None}, "MissingParameterValue"),
        ({"WIDTH": "0"}, "InvalidParameterValue"),
        ({"FORMAT": None}, "MissingParameterValue"),
        ({"FORMAT": "magic"}, "InvalidFormat"),
        ({"INTERPOLATION": "magic"}, "InvalidParameterValue"),
        ({"INTERPOLATION": "none", "WIDTH": 77}, "InvalidParameterValue"),
        ({"BANDS": "9"}, "InvalidParameterValue"),
        ({"TIME": "1999-01-01"}, "InvalidParameterValue"),
    ],
)
def test_10_errors(site, valid, parameters, code):
    answer = ask_10(site, **parameters)
    valid(answer.content, SERVICE_EXCEPTION)
    assert told_10(answer) == (400, code)


def test_10_forms_and_documents_mean_the_same(site):
    asked = ask_10(site, BANDS="2")
    form = dict(httpx.URL(str(asked.request.url)).params)
    posted = httpx.post(f"{site.url}/wcs", data=form, timeout=60)
    assert posted.content == asked.content
    document = f"""<GetCoverage xmlns="http://www.opengis.net/wcs" service="WCS" version="1.0.0"
        xmlns:gml="http://www.opengis.net/gml"><sourceCoverage>{COLLECTION}</sourceCoverage>
      <domainSubset><spatialSubset><gml:Envelope srsName="EPSG:32632">
        <gml:pos>{BOX[0]} {BOX[1]}</gml:pos><gml:pos>{BOX[2]} {BOX[3]}</gml:pos></gml:Envelope>
        <gml:Grid dimension="2"><gml:limits><gml:GridEnvelope><gml:low>0 0</gml:low>
        <gml:high>99 99</gml:high></gml:GridEnvelope></gml:limits><gml:axisName>x</gml:axisName>
        <gml:axisName>y</gml:axisName></gml:Grid></spatialSubset></domainSubset>
      <rangeSubset><axisSubset name="bands"><singleValue>2</singleValue></axisSubset></rangeSubset>
      <output><crs>EPSG:32632</crs><format>GeoTIFF</format></output></GetCoverage>"""
    assert site.post(document).content == asked.content
    body = '<GetCapabilities xmlns="http://www.opengis.net/wcs" service="WCS" version="1.0.0"/>'
    assert b"WCS_Capabilities" in site.post(body).content


# 1.1


def ask_11(site, **parameters):
    query = {
        "VERSION": "1.1.1", "REQUEST": "GetCoverage", "IDENTIFIER": COLLECTION,
        "FORMAT": "image/tiff", "BOUNDINGBOX": ",".join(map(repr, BOX)) + f",{URN}",
    }  # fmt: skip
    query.update(parameters)
    return site.get(**{name: value for name, value in query.items() if value is not None})


@pytest.mark.parametrize("version", VERSIONS_11)
@pytest.mark.parametrize("sections", ["", "All", "Contents", "OperationsMetadata"])
def test_11_capabilities_are_valid(site, valid, version, sections):
    answer = site.get(VERSION=version, REQUEST="GetCapabilities", SECTIONS=sections)
    root = valid(answer.content, VERSIONS_11[version])
    assert root.get("version") == version


@pytest.mark.parametrize("version", VERSIONS_11)
def test_11_descriptions_and_manifests_are_valid(site, valid, version):
    answer = site.get(
        VERSION=version, REQUEST="DescribeCoverage", IDENTIFIERS=f"{COLLECTION},{site.items[0]}"
    )
    valid(answer.content, VERSIONS_11[version])
    answer = ask_11(site, VERSION=version)
    assert answer.headers["content-type"].startswith("multipart/related")
    manifest = answer.content.partition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
    root = valid(manifest, VERSIONS_11[version])
    href = root.xpath("//@*[local-name()='href']")[0].removeprefix("cid:")
    assert f"Content-ID: <{href}>".encode() in answer.content


def test_11_values_are_the_source_s(site):
    values = part(ask_11(site).content)
    assert np.array_equal(values, source(site)[:, 50:150, 50:150])
    origin = f"{WEST + 5},{NORTH - 5}"
    for offsets in ("20,-20", "20,0,0,-20", "20,20"):
        every_second = part(ask_11(site, GRIDOFFSETS=offsets, GRIDORIGIN=origin).content)
        assert np.array_equal(every_second, source(site)[:, 50:150:2, 50:150:2])
    day = part(
        ask_11(site, TIMESEQUENCE=DAYS[0], RANGESUBSET="contents:nearest[Bands[3,1]]").content
    )
    assert np.array_equal(day, source(site, 0)[[2, 0], 50:150, 50:150])


def test_11_axes_are_in_the_order_of_the_crs(site):
    box = "51.41,10.45,51.43,10.47,urn:ogc:def:crs:EPSG::4326"
    base = "urn:ogc:def:crs:EPSG::4326"
    answers = [
        part(
            ask_11(
                site, BOUNDINGBOX=box, GRIDBASECRS=base, GRIDORIGIN="51.43,10.45", GRIDOFFSETS=text
            ).content
        )
        for text in ("-0.0005,0.001", "0,0.001,-0.0005,0")
    ]
    assert answers[0].shape == (3, 41, 21)
    assert np.array_equal(*answers)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"IDENTIFIER": "nothing"}, "InvalidParameterValue"),
        ({"IDENTIFIER": None}, "MissingParameterValue"),
        ({"BOUNDINGBOX": None}, "MissingParameterValue"),
        ({"BOUNDINGBOX": "1,2"}, "InvalidParameterValue"),
        ({"FORMAT": None}, "MissingParameterValue"),
        ({"FORMAT": "magic"}, "InvalidParameterValue"),
        ({"STORE": "true"}, "InvalidParameterValue"),
        ({"STORE": "magic"}, "InvalidParameterValue"),
        ({"RANGESUBSET": "contents["}, "InvalidParameterValue"),
        ({"RANGESUBSET": "nothing"}, "InvalidParameterValue"),
        ({"RANGESUBSET": "contents:magic"}, "InvalidParameterValue"),
        ({"RANGESUBSET": "contents[Bands[9]]"}, "InvalidParameterValue"),
        ({"GRIDTYPE": "magic"}, "InvalidParameterValue"),
        ({"GRIDCS": "magic"}, "InvalidParameterValue"),
        ({"GRIDOFFSETS": "1,2,3"}, "InvalidParameterValue"),
        ({"GRIDOFFSETS": "0,0"}, "InvalidParameterValue"),
        ({"GRIDOFFSETS": "1,1,1,1"}, "InvalidParameterValue"),
        ({"GRIDOFFSETS": "1e-9,1e-9"}, "InvalidParameterValue"),
        ({"TIMESEQUENCE": "magic"}, "InvalidParameterValue"),
    ],
)
def test_11_errors(site, valid, parameters, told):
    answer = ask_11(site, **parameters)
    valid(answer.content, OWS_EXCEPTION)
    assert exception(answer)[:2] == (400, told)


def test_11_documents_mean_the_same(site):
    document = f"""<GetCoverage xmlns="http://www.opengis.net/wcs/1.1.1" service="WCS"
        version="1.1.1" xmlns:ows="http://www.opengis.net/ows/1.1">
      <ows:Identifier>{COLLECTION}</ows:Identifier><DomainSubset>
      <ows:BoundingBox crs="{URN}"><ows:LowerCorner>{BOX[0]} {BOX[1]}</ows:LowerCorner>
      <ows:UpperCorner>{BOX[2]} {BOX[3]}</ows:UpperCorner></ows:BoundingBox></DomainSubset>
      <RangeSubset><FieldSubset><ows:Identifier>contents</ows:Identifier>
      <InterpolationType>nearest</InterpolationType><AxisSubset><Identifier>Bands</Identifier>
      <Key>2</Key></AxisSubset></FieldSubset></RangeSubset>
      <Output format="image/tiff" store="false"><GridCRS><GridBaseCRS>{URN}</GridBaseCRS>
      <GridOrigin>{WEST + 5} {NORTH - 5}</GridOrigin><GridOffsets>20 -20</GridOffsets>
      </GridCRS></Output></GetCoverage>"""
    posted = site.post(document)
    assert posted.status_code == 200, posted.text
    assert np.array_equal(part(posted.content), source(site)[1:2, 50:150:2, 50:150:2])


def test_versions_are_negotiated(site):
    def version(**parameters: str) -> str:
        query = {"SERVICE": "WCS", "REQUEST": "GetCapabilities", **parameters}
        body = httpx.get(f"{site.url}/wcs", params=query, timeout=60).content
        return etree.fromstring(body).get("version")

    assert version() == "2.0.1"
    assert version(VERSION="1.0.0") == "1.0.0"
    assert version(VERSION="0.9") == "1.0.0"
    assert version(VERSION="1.0.7") == "1.0.0"
    assert version(VERSION="9.9.9") == "2.0.1"
    assert version(ACCEPTVERSIONS="1.1.0,1.0.0") == "1.1.0"
    assert version(ACCEPTVERSIONS="7.0,1.1.1,2.0.1") == "1.1.1"


WORDS = st.one_of(st.text(max_size=25), st.sampled_from(["1,2,3,4", "1e999", "0", "-1", "nan"]))


@given(
    st.sampled_from([ask_10, ask_11]),
    st.dictionaries(
        st.sampled_from(
            ["BBOX", "WIDTH", "RESX", "CRS", "RESPONSE_CRS", "TIME", "BANDS", "FORMAT",
             "INTERPOLATION", "BOUNDINGBOX", "GRIDOFFSETS", "GRIDORIGIN", "GRIDBASECRS",
             "RANGESUBSET", "TIMESEQUENCE", "STORE", "IDENTIFIER", "COVERAGE"]
        ),
        WORDS, max_size=3,
    ),
)  # fmt: skip
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_request_is_an_error_of_ours(site, ask, parameters):
    answer = ask(site, **parameters)
    assert answer.status_code in (200, 400), answer.text

"""GMLJP2: pixel centre, axis order, and what is not trusted in XML."""

import numpy as np
import pytest

from renderers.errors import SourceCorruptError
from renderers.readers.jp2.georef import gmljp2

DOCUMENT = """<?xml version="1.0"?>
<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml">{comment}
 <gml:boundedBy><gml:Envelope {envelope}/></gml:boundedBy>
 <gml:featureMember><gml:FeatureCollection><gml:featureMember><gml:RectifiedGridCoverage>
  <gml:rectifiedGridDomain><gml:RectifiedGrid dimension="2" {grid}>{axes}
   <gml:origin><gml:Point {point}><gml:pos>{origin}</gml:pos></gml:Point></gml:origin>
   <gml:offsetVector>{first}</gml:offsetVector><gml:offsetVector>{second}</gml:offsetVector>
  </gml:RectifiedGrid></gml:rectifiedGridDomain>
 </gml:RectifiedGridCoverage></gml:featureMember></gml:FeatureCollection></gml:featureMember>
</gml:FeatureCollection>"""

UTM = 'srsName="urn:ogc:def:crs:EPSG::32633"'
WGS = 'srsName="urn:ogc:def:crs:EPSG::4326"'
EAST_NORTH = "<gml:axisName>Easting</gml:axisName><gml:axisName>Northing</gml:axisName>"
COMMENT = "<!-- GDAL_JP2K_ALT_OFFSETVECTOR_ORDER=TRUE -->"


def gml(**parts: str) -> bytes:
    names = ("comment", "envelope", "grid", "axes", "point")
    values = dict.fromkeys(names, "") | {
        "origin": "499985 5099995",
        "first": "10 0",
        "second": "0 -10",
    }
    return DOCUMENT.format(**values | parts).encode()


@pytest.mark.parametrize(
    ("parts", "crs", "transform"),
    [
        ({"point": UTM}, "EPSG:32633", (10, 0, 499980, 0, -10, 5100000)),
        ({"grid": UTM}, "EPSG:32633", (10, 0, 499980, 0, -10, 5100000)),
        ({"envelope": UTM}, "EPSG:32633", (10, 0, 499980, 0, -10, 5100000)),
        (
            {"point": 'srsName="http://www.opengis.net/def/crs/EPSG/0/32633"'},
            "EPSG:32633",
            (10, 0, 499980, 0, -10, 5100000),
        ),
        (
            {"point": WGS, "origin": "49.95,12.05", "first": "0,0.1", "second": "-0.1,0"},
            "EPSG:4326",
            (0.1, 0, 12, 0, -0.1, 50),
        ),
        (
            {
                "point": WGS,
                "origin": "49.95 12.05",
                "first": "-0.1 0",
                "second": "0 0.1",
                "comment": COMMENT,
            },
            "EPSG:4326",
            (0.1, 0, 12, 0, -0.1, 50),
        ),
        (
            {
                "point": 'srsName="EPSG:4326"',
                "origin": "12.05 49.95",
                "first": "0.1 0",
                "second": "0 -0.1",
            },
            "EPSG:4326",
            (0.1, 0, 12, 0, -0.1, 50),
        ),
        (
            {
                "point": 'srsName="urn:ogc:def:crs:EPSG::3035"',
                "axes": EAST_NORTH,
                "origin": "4000005 2999995",
            },
            "EPSG:3035",
            (10, 0, 4000000, 0, -10, 3000000),
        ),
        (
            {
                "point": 'srsName="urn:ogc:def:crs:EPSG::3035"',
                "origin": "2999995 4000005",
                "first": "0 10",
                "second": "-10 0",
            },
            "EPSG:3035",
            (10, 0, 4000000, 0, -10, 3000000),
        ),
    ],
)
def test_grids(parts, crs, transform) -> None:
    place = gmljp2(gml(**parts) + b"\0")
    assert place is not None
    assert place[0] == crs
    np.testing.assert_allclose(tuple(place[1])[:6], transform, atol=1e-9)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"point": 'srsName="gmljp2://xml/CRSDictionary.xml#crs1"'},
        {"point": 'srsName="urn:ogc:def:crs:EPSG::999999"'},
        {"point": UTM, "first": "0 0"},
    ],
)
def test_no_usable_grid(parts) -> None:
    assert gmljp2(gml(**parts)) is None
    assert gmljp2(b"<a/>") is None


@pytest.mark.parametrize(
    "data",
    [
        b"<a>",
        b"",
        gml(point=UTM, origin="here there"),
        gml(point=UTM, origin="5"),
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
    ],
)
def test_bad_documents(data) -> None:
    with pytest.raises(SourceCorruptError):
        gmljp2(data)

"""The EO profile: series, datasets, what is told of each."""

import pytest
from support.coverages import COLLECTION, DAYS, NS, exception

EO_XSD = "wcs/wcseo/1.0/wcsEOAll.xsd"
WCS_XSD = "wcs/2.0/wcsAll.xsd"
EXCEPTION_XSD = "ows/2.0/owsExceptionReport.xsd"


def ask(site, **parameters):
    return site.get(REQUEST="DescribeEOCoverageSet", **{"EOID": COLLECTION, **parameters})


def ids(root) -> list[str]:
    return root.xpath("//wcs:CoverageDescription/wcs:CoverageId/text()", namespaces=NS)


def test_a_series_and_its_datasets(site, valid):
    root = valid(ask(site).content, EO_XSD)
    assert ids(root) == site.items[::-1]
    assert (root.get("numberMatched"), root.get("numberReturned")) == ("2", "2")
    assert root.xpath("//wcseo:DatasetSeriesId/text()", namespaces=NS) == [COLLECTION]


@pytest.mark.parametrize("scene", [0, 1])
def test_datasets_tell_when_and_where(site, valid, scene):
    root = valid(ask(site, EOID=site.items[scene]).content, EO_XSD)
    (found,) = root.xpath("//eop:EarthObservation", namespaces=NS)
    begin = found.findtext("om:phenomenonTime//gml:beginPosition", namespaces=NS)
    assert begin.startswith(DAYS[scene])
    assert found.findtext(".//eop:identifier", namespaces=NS) == site.items[scene]
    numbers = [float(v) for v in found.findtext(".//gml:posList", namespaces=NS).split()]
    latitudes, longitudes = numbers[::2], numbers[1::2]
    assert (latitudes[0], longitudes[0]) == (latitudes[-1], longitudes[-1])
    assert 51.42 < min(latitudes) < max(latitudes) < 51.45
    assert 10.43 < min(longitudes) < max(longitudes) < 10.49
    # Shoelace: counter-clockwise.
    area = sum(
        longitudes[k] * latitudes[k + 1] - longitudes[k + 1] * latitudes[k]
        for k in range(len(latitudes) - 1)
    )
    assert area > 0
    single = site.get(REQUEST="DescribeCoverage", COVERAGEID=site.items[scene])
    described = valid(single.content, WCS_XSD)
    assert described.xpath("count(//eop:EarthObservation)", namespaces=NS) == 1


@pytest.mark.parametrize(
    ("parameters", "scenes"),
    [
        ({"SUBSET": f'phenomenonTime("{DAYS[0]}","{DAYS[0]}")'}, [0]),
        ({"SUBSET": ["Lat(51.4,51.5)", "Long(10.4,10.5)"]}, [1, 0]),
        ({"SUBSET": ["Lat(52.4,52.5)"]}, []),
        ({"SUBSET": ["Lat(51.43,51.44)"]}, [1, 0]),
        ({"SUBSET": ["Lat(51.43,51.44)"], "CONTAINMENT": "contains"}, []),
        ({"SUBSET": ["Lat(51.4,51.5)"], "CONTAINMENT": "CONTAINS"}, [1, 0]),
        ({"COUNT": "1"}, [1]),
        ({"COUNT": "0"}, []),
        ({"SECTIONS": "DatasetSeriesDescriptions"}, []),
    ],
)
def test_cuts(site, valid, parameters, scenes):
    root = valid(ask(site, **parameters).content, EO_XSD)
    assert ids(root) == [site.items[n] for n in scenes]
    assert root.get("numberReturned") == str(len(scenes))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"EOID": "nothing"}, (404, "NoSuchDatasetSeriesOrCoverage")),
        ({"EOID": ""}, (404, "emptyEoIdList")),
        ({"CONTAINMENT": "magic"}, (400, "InvalidParameterValue")),
        ({"SECTIONS": "magic"}, (400, "InvalidParameterValue")),
        ({"COUNT": "-1"}, (400, "InvalidParameterValue")),
        ({"SUBSET": "Height(1,2)"}, (404, "InvalidAxisLabel")),
        ({"SUBSET": 'phenomenonTime("never")'}, (404, "InvalidSubsetting")),
    ],
)
def test_errors(site, valid, parameters, told):
    answer = ask(site, **parameters)
    valid(answer.content, EXCEPTION_XSD)
    assert exception(answer)[:2] == told


def test_by_document(site):
    body = f"""<DescribeEOCoverageSet xmlns="http://www.opengis.net/wcs/wcseo/1.0" service="WCS"
        version="2.0.1" count="1" xmlns:wcs="http://www.opengis.net/wcs/2.0">
      <eoId>{COLLECTION}</eoId><containment>OVERLAPS</containment>
      <Sections><Section>All</Section></Sections><wcs:DimensionTrim>
      <wcs:Dimension>phenomenonTime</wcs:Dimension><wcs:TrimLow>{DAYS[0]}</wcs:TrimLow>
      <wcs:TrimHigh>{DAYS[0]}</wcs:TrimHigh></wcs:DimensionTrim></DescribeEOCoverageSet>"""
    posted = site.post(body)
    asked = ask(site, COUNT=1, SECTIONS="All", SUBSET=f'phenomenonTime("{DAYS[0]}","{DAYS[0]}")')
    assert posted.status_code == 200
    assert posted.content == asked.content

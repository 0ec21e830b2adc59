"""The suites: artifacts, parameters and data. A new suite is a new row of `SUITES`.

Versions, entry points and parameters are those of the suites' own documentation
(https://opengeospatial.github.io/ets-wms13/ and its siblings) and of their CTL sources.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

GROUP = "org.opengis.cite"
#: The engine that runs suites written in CTL: program and empty base folder.
TEAM_ENGINE = "org.opengis.cite.teamengine:teamengine-console:6.0.0"

#: From the address of the server, without slash at the end, to the suite's parameters.
Parameters = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class CtlSuite:
    """A suite of scripts in TEAM Engine's Compliance Test Language.

    Attributes:
        artifact: `name:version` in the group `org.opengis.cite`, published as zips `ctl`, `deps`.
        source: End of the path of its main script in the zip `ctl`.
        test: First test, `namespace,name`.
        parameters: All that the test declares; unused ones are empty, as none may be left out.
        data: Name of the data that the server has; see `conformance.data`.
    """

    artifact: str
    source: str
    test: str
    parameters: Parameters
    data: str = "cite"


@dataclass(frozen=True)
class TestNgSuite:
    """A suite of TestNG classes in one executable jar.

    Attributes:
        artifact: `name:version` in the group `org.opengis.cite`, published as the jar `aio`.
        parameters: Entries of its properties file.
        data: Name of the data that the server has.
    """

    artifact: str
    parameters: Parameters
    data: str = "cite"


Suite = CtlSuite | TestNgSuite


def _wms13(url: str) -> dict[str, str]:
    return {
        "capabilities-url": f"{url}/ows?service=WMS&request=GetCapabilities&version=1.3.0",
        "updatesequence": "auto",
        "high-updatesequence": "",
        "low-updatesequence": "",
        "basic": "basic",
        "queryable": "queryable",
        "raster_elevation": "raster_elevation",
        "vector_elevation": "vector_elevation",
        "time": "time",
        "recommended": "recommended",
    }


def _wms11(url: str) -> dict[str, str]:
    return {
        "capabilities-url": f"{url}/ows?service=WMS&request=GetCapabilities&version=1.1.1",
        "updatesequence": "auto",
        "low-updatesequence": "",
        "high-updatesequence": "",
        "profile": "queryable",
        "recommended": "true",
        "getfeatureinfo": "true",
        "feesconstraints": "true",
        "bboxconstraints": "either",
    }


def _wmts10(url: str) -> dict[str, str]:
    return {"capabilities-url": f"{url}/wmts?service=WMTS&request=GetCapabilities&version=1.0.0"}


def _wcs20(url: str) -> dict[str, str]:
    return {
        "url": f"{url}/wcs?",
        "core": "core",
        "ext_post": "post",
        "ext_proc": "",
        "ext_scal": "scaling",
        "ext_int": "interpolation",
        "ext_rsub": "range subsetting",
        "ext_crs": "crs",
        "profile_eowcs": "eowcs",
    }


def _wcs11(url: str) -> dict[str, str]:
    return {"url": f"{url}/wcs?service=WCS&request=GetCapabilities&version=1.1.1"}


SUITES: Mapping[str, Suite] = {
    "wms13": CtlSuite(
        "ets-wms13:1.34",
        "ctl/main-auto.xml",
        "https://cite.opengeospatial.org/wms-1.3.0/src/ctl/main.xml,main-auto",
        _wms13,
    ),
    "wms11": CtlSuite(
        "ets-wms11:1.23",
        "ctl/main-auto.xml",
        "http://www.opengis.net/wms,main_wms_auto",
        _wms11,
    ),
    "wmts10": CtlSuite(
        "ets-wmts10:1.11",
        "ctl/wmts-auto.xml",
        "http://www.opengis.net/wmts/1.0,main-auto",
        _wmts10,
    ),
    "wcs20": CtlSuite(
        "ets-wcs20:1.22",
        "ctl/wcs2suite-auto.xml",
        "http://www.opengis.net/wcs/2.0,main",
        _wcs20,
    ),
    # That of WCS 1.0.0 (ets-wcs10) asks its questions in a form only.
    "wcs11": CtlSuite(
        "ets-wcs11:1.18",
        "ctl/wcs-auto.xml",
        "http://schemas.opengis.net/wcs/1.1.1,Main-auto",
        _wcs11,
    ),
}

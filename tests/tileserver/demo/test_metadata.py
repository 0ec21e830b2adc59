"""Metadata against genuine files: same elements, same nesting, plausible angles."""

from datetime import date

import numpy as np
import pytest
from lxml import etree
from pyproj import Transformer

CLEAR, PARTIAL = date(2025, 4, 20), date(2025, 5, 18)


def paths(document):
    """Every element as its path of local names, with the attributes it carries."""
    found = {}
    for element in document.getroot().iter(etree.Element):
        chain = [element, *element.iterancestors()]
        path = "/".join(etree.QName(e).localname for e in reversed(chain))
        plain = {k for k in element.attrib if not k.startswith("{")}
        found.setdefault(path, set()).update(plain)
    return found


@pytest.mark.parametrize(
    ("ours", "genuine"),
    [
        ("MTD_MSIL2A.xml", "MTD_MSIL2A_PB0509_T01KAB.xml"),
        ("GRANULE/*/MTD_TL.xml", "MTD_TL_PB0400_T33XWJ.xml"),
        ("manifest.safe", "manifest_PB0509_T01KAB.safe"),
    ],
)
def test_every_element_and_attribute_occurs_in_genuine_metadata(series, shared, ours, genuine):
    written = paths(etree.parse(next(series[CLEAR].glob(ours))))
    known = paths(etree.parse(shared / "data/sentinel2/metadata" / genuine))
    assert not written.keys() - known.keys()
    for path, attributes in written.items():
        assert attributes <= known[path], path
    assert len(written) > 20


def test_children_stand_in_the_genuine_order(series, shared):
    for ours, genuine in (
        ("MTD_MSIL2A.xml", "MTD_MSIL2A_PB0509_T01KAB.xml"),
        ("GRANULE/*/MTD_TL.xml", "MTD_TL_PB0400_T33XWJ.xml"),
    ):
        written = etree.parse(next(series[CLEAR].glob(ours)))
        known = etree.parse(shared / "data/sentinel2/metadata" / genuine)
        for tag in ("Product_Info", "Product_Image_Characteristics", "Tile_Geocoding",
                    "Tile_Angles", "Image_Content_QI", "Datatake"):  # fmt: skip
            element, model = written.find(f".//{tag}"), known.find(f".//{tag}")
            if element is None or model is None:
                continue
            order = list(dict.fromkeys(c.tag for c in model))
            ranks = [order.index(t) for t in dict.fromkeys(c.tag for c in element)]
            assert ranks == sorted(ranks), tag


def test_conversion_to_reflectance_is_told_for_all_bands(series):
    document = etree.parse(series[CLEAR] / "MTD_MSIL2A.xml")
    assert document.findtext(".//PROCESSING_BASELINE") == "05.11"
    assert document.findtext(".//BOA_QUANTIFICATION_VALUE") == "10000"
    offsets = {e.get("band_id"): e.text for e in document.iterfind(".//BOA_ADD_OFFSET")}
    assert offsets == {str(n): "-1000" for n in range(13)}
    special = {
        e.findtext("SPECIAL_VALUE_TEXT"): e.findtext("SPECIAL_VALUE_INDEX")
        for e in document.iterfind(".//Special_Values")
    }
    assert special == {"NODATA": "0", "SATURATED": "65535"}
    root = document.getroot()
    assert root.tag == (
        "{https://psd-15.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd}Level-2A_User_Product"
    )


def test_every_listed_image_exists(series):
    document = etree.parse(series[CLEAR] / "MTD_MSIL2A.xml")
    listed = [e.text for e in document.iterfind(".//IMAGE_FILE")]
    assert len(listed) == 14
    assert all((series[CLEAR] / f"{name}.jp2").is_file() for name in listed)
    tile = etree.parse(next(series[CLEAR].glob("GRANULE/*/MTD_TL.xml")))
    for tag in ("MASK_FILENAME", "PVI_FILENAME"):
        assert (series[CLEAR] / tile.findtext(f".//{tag}")).is_file()


def footprint(product):
    text = etree.parse(product / "MTD_MSIL2A.xml").findtext(".//EXT_POS_LIST")
    return np.array(text.split(), float).reshape(-1, 2)


def test_footprint_is_the_seen_part(series):
    to_metres = Transformer.from_crs(4326, 32632)
    east, north = to_metres.transform(*footprint(series[CLEAR]).T)
    corners = [(0, 0), (2520, 0), (2520, -2520), (0, -2520), (0, 0)]
    np.testing.assert_allclose(
        np.column_stack([east - 600_000, north - 6_000_000]), corners, atol=0.01
    )
    east, _ = to_metres.transform(*footprint(series[PARTIAL]).T)
    assert east.max() < 600_000 + 0.63 * 2520


def grid(element, kind):
    return np.array([v.text.split() for v in element.iterfind(f"{kind}//VALUES")], float)


def test_sun_stands_where_it_should(series):
    document = etree.parse(next(series[CLEAR].glob("GRANULE/*/MTD_TL.xml")))
    angles = document.find(".//Sun_Angles_Grid")
    zenith, azimuth = grid(angles, "Zenith"), grid(angles, "Azimuth")
    assert zenith.shape == azimuth.shape == (23, 23)
    # By hand: declination 11.5 degrees, equation of time +1.1 minutes, so solar time 11:04 and hour
    # angle -13.95 degrees at 10.53 E; cos z = sin 54.14 sin 11.5 + cos 54.14 cos 11.5 cos 13.95.
    assert zenith[0, 0] == pytest.approx(44.05, abs=0.3)
    assert azimuth[0, 0] == pytest.approx(180 - 19.9, abs=0.5)
    assert (np.diff(zenith, axis=0) < 0).all()  # higher sun in the south
    mean = float(document.findtext(".//Mean_Sun_Angle/ZENITH_ANGLE"))
    assert mean == pytest.approx(zenith[0, 0], abs=0.1)


def view(product, band):
    document = etree.parse(next(product.glob("GRANULE/*/MTD_TL.xml")))
    grids = document.iterfind(f".//Viewing_Incidence_Angles_Grids[@bandId='{band}']")
    return {int(g.get("detectorId")): (grid(g, "Zenith"), grid(g, "Azimuth")) for g in grids}


def test_detectors_share_the_tile_from_west_to_east(series):
    for band in range(13):
        detectors = view(series[CLEAR], band)
        seen = np.array([np.isfinite(z) for z, _ in detectors.values()])
        assert seen.shape[1:] == (23, 23)
        assert seen.any(axis=0).all()
        assert (seen.sum(axis=0) <= 2).all()
        middles = [np.nonzero(s)[1].mean() for s in seen]
        assert middles == sorted(middles)
        for zenith, azimuth in detectors.values():
            np.testing.assert_array_equal(np.isfinite(zenith), np.isfinite(azimuth))
            assert np.nanmin(zenith) > 0
            assert np.nanmax(zenith) < 12.5
            assert np.nanmin(azimuth) >= 0
            assert np.nanmax(azimuth) < 360


def test_a_partial_pass_sees_the_tile_from_the_west(series):
    detectors = view(series[PARTIAL], 1)
    assert set(detectors) == {12}
    zenith, azimuth = detectors[12]
    assert np.isnan(zenith[:, 1:]).all()
    assert np.nanmin(zenith) > 9
    assert 240 < np.nanmedian(azimuth) < 320

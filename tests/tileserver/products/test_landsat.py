"""Landsat scenes of all instruments: metadata in three forms, scaling, bands, and genuine files.

Only a Landsat 8 Level-2 scene is at hand as a genuine product. The metadata of other instruments
and of Level-1 is written here from the data format control books, with numbers of real scenes, and
labelled `written`.
"""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.registry import default_registry
from tileserver.catalogue.footprint import bbox_of, geojson_footprint
from tileserver.catalogue.scenes import data_assets, scene_of
from tileserver.mosaics import MosaicChoice, rule_of
from tileserver.products.landsat.metadata import parse_scene
from tileserver.products.landsat.mtl import MAX_BYTES, MAX_KEYS, parse_mtl, product_id_of
from tileserver.products.registry import recognise

POLAR = "LC08_L2SR_099120_20191129_20201016_02_T2"
FOLDER = "data/landsat/LC08_L2SR_099120_20191129_02_T2_EPSG3031"

#: Bands by SENSOR_ID at Level-1 and Level-2, as the format control books list their files.
REFLECTIVE = {
    "TM": ("1", "2", "3", "4", "5", "7"),
    "ETM": ("1", "2", "3", "4", "5", "7", "8"),
    "OLI_TIRS": ("1", "2", "3", "4", "5", "6", "7", "8", "9"),
}
THERMAL = {"TM": ("6",), "ETM": ("6_VCID_1", "6_VCID_2"), "OLI_TIRS": ("10", "11")}
SURFACE = {"TM": "ST_B6", "ETM": "ST_B6", "OLI_TIRS": "ST_B10"}
MISSION = {"TM": ("LT05", 5), "ETM": ("LE07", 7), "OLI_TIRS": ("LC09", 9)}


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


def written(sensor, correction, **changes):
    """Return the groups of a scene as the format control books describe them."""
    mission, number = MISSION[sensor]
    product = f"{mission}_{correction}_021030_20100109_20200911_02_T1"
    contents = {
        "ORIGIN": "Image courtesy of the U.S. Geological Survey",
        "LANDSAT_PRODUCT_ID": product,
        "PROCESSING_LEVEL": correction,
        "COLLECTION_NUMBER": "02",
        "COLLECTION_CATEGORY": "T1",
        "FILE_NAME_QUALITY_L1_PIXEL": f"{product}_QA_PIXEL.TIF",
        "FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION": f"{product}_QA_RADSAT.TIF",
    }
    groups = {
        "PRODUCT_CONTENTS": contents,
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": f"LANDSAT_{number}",
            "SENSOR_ID": sensor,
            "WRS_PATH": "021",
            "WRS_ROW": "030",
            "DATE_ACQUIRED": "2010-01-09",
            "SCENE_CENTER_TIME": "16:13:46.0400581Z",
            "CLOUD_COVER": "8.00",
            "CLOUD_COVER_LAND": "-1",
            "SUN_AZIMUTH": "156.98419323",
            "SUN_ELEVATION": "21.38957268",
        },
        "PROJECTION_ATTRIBUTES": {
            "CORNER_UL_LAT_PRODUCT": "44.16078",
            "CORNER_UL_LON_PRODUCT": "-86.25585",
            "CORNER_UR_LAT_PRODUCT": "44.10151",
            "CORNER_UR_LON_PRODUCT": "-83.24684",
            "CORNER_LL_LAT_PRODUCT": "42.24562",
            "CORNER_LL_LON_PRODUCT": "-86.27878",
            "CORNER_LR_LAT_PRODUCT": "42.19017",
            "CORNER_LR_LON_PRODUCT": "-83.36214",
        },
    }
    level1 = {"LEVEL1_RADIOMETRIC_RESCALING": _level1(sensor)}
    if correction.startswith("L1"):
        for band in (*REFLECTIVE[sensor], *THERMAL[sensor]):
            contents[f"FILE_NAME_BAND_{band}"] = f"{product}_B{band}.TIF"
        contents["FILE_NAME_ANGLE_SOLAR_ZENITH_BAND_4"] = f"{product}_SZA.TIF"
        groups |= level1
    else:
        groups |= _level2(sensor, product, contents) | level1
    for name, value in changes.items():
        group = next(g for g in groups.values() if name in g)
        group[name] = value
    return groups


def _level1(sensor):
    rescaling = {}
    for band in (*REFLECTIVE[sensor], *THERMAL[sensor]):
        rescaling |= {f"RADIANCE_MULT_BAND_{band}": "7.7874E-01"}
        rescaling |= {f"RADIANCE_ADD_BAND_{band}": "-6.97874"}
    for band in REFLECTIVE[sensor]:
        rescaling |= {f"REFLECTANCE_MULT_BAND_{band}": "2.0000E-05"}
        rescaling |= {f"REFLECTANCE_ADD_BAND_{band}": "-0.100000"}
    return rescaling


def _level2(sensor, product, contents):
    reflectance = {}
    for band in (b for b in REFLECTIVE[sensor] if b not in ("8", "9")):
        contents[f"FILE_NAME_BAND_{band}"] = f"{product}_SR_B{band}.TIF"
        reflectance |= {f"REFLECTANCE_MULT_BAND_{band}": "2.75e-05"}
        reflectance |= {f"REFLECTANCE_ADD_BAND_{band}": "-0.2"}
    surface = SURFACE[sensor]
    contents[f"FILE_NAME_BAND_{surface}"] = f"{product}_{surface}.TIF"
    contents["FILE_NAME_QUALITY_L2_SURFACE_TEMPERATURE"] = f"{product}_ST_QA.TIF"
    return {
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": reflectance,
        "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS": {
            f"TEMPERATURE_MULT_BAND_{surface}": "0.00341802",
            f"TEMPERATURE_ADD_BAND_{surface}": "149.0",
        },
    }


def as_json(groups):
    return json.dumps({"LANDSAT_METADATA_FILE": groups}).encode()


def as_xml(groups):
    inside = "".join(
        f"<{g}>{''.join(f'<{k}>{v}</{k}>' for k, v in keys.items())}</{g}>\n"
        for g, keys in groups.items()
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{head}<LANDSAT_METADATA_FILE>\n{inside}</LANDSAT_METADATA_FILE>".encode()


def as_odl(groups):
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, keys in groups.items():
        lines.append(f"  GROUP = {group}")
        lines += [f'    {k} = "{v}"' if "_" in v else f"    {k} = {v}" for k, v in keys.items()]
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""]).encode()


FORMS = {"json": as_json, "xml": as_xml, "txt": as_odl}


def lay_out(folder, groups, *forms):
    folder.mkdir(parents=True)
    product = groups["PRODUCT_CONTENTS"]["LANDSAT_PRODUCT_ID"]
    for form in forms:
        (folder / f"{product}_MTL.{form}").write_bytes(FORMS[form](groups))
    return folder


async def described(folder, stores, readers):
    (found,) = await recognise(str(folder), stores, readers)
    return found


def test_the_genuine_metadata_says_the_same_in_every_form(shared):
    text = (shared / FOLDER / f"{POLAR}_MTL.json").read_bytes()
    groups = parse_mtl(text)
    assert parse_mtl((shared / FOLDER / f"{POLAR}_MTL.xml").read_bytes()) == groups
    assert parse_mtl(as_odl(groups)) == groups
    for data in (text, (shared / FOLDER / f"{POLAR}_MTL.xml").read_bytes(), as_odl(groups)):
        assert product_id_of(data[:4096]) == POLAR


async def test_the_genuine_scene(shared, stores, readers):
    found = await described(shared / FOLDER, stores, readers)
    item = found.item
    assert (item["id"], item["collection"]) == (POLAR, "landsat-c2-l2")
    properties = item["properties"]
    assert properties["datetime"] == "2019-11-29T01:00:37.576Z"
    assert (properties["platform"], properties["instruments"]) == ("landsat-8", ["oli", "tirs"])
    assert properties["grid:code"] == "WRS2-099120"
    assert properties["eo:cloud_cover"] == 100.0
    assert properties["view:sun_elevation"] == 20.49329425
    (red,) = item["assets"]["red"]["bands"]
    assert red["raster:scale"] == 2.75e-05
    assert red["raster:offset"] == -0.2
    assert (red["nodata"], red["eo:center_wavelength"]) == (0, 0.655)
    assert item["assets"]["red"]["href"] == str(shared / FOLDER / f"{POLAR}_SR_B4.TIF")
    (nir,) = item["assets"]["nir08"]["bands"]
    assert nir["eo:common_name"] == "nir"
    west, south, east, north = bbox_of(geojson_footprint(item["geometry"]))
    assert (west, south) == pytest.approx((56.03, -82.95), abs=0.01)
    assert (east, north) == pytest.approx((77.43, -79.72), abs=0.01)
    clear = rule_of(found.template, MosaicChoice(clear=True)).clear
    assert clear is not None
    assert clear.band in item["assets"]
    by_document = await described(shared / FOLDER / f"{POLAR}_MTL.xml", stores, readers)
    assert by_document.item == item


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sensor", MISSION)
async def test_one_set_of_names_for_all_instruments(tmp_path, stores, readers, sensor, form):
    folder = lay_out(tmp_path / "scene", written(sensor, "L2SP"), form)
    found = await described(folder, stores, readers)
    assert found.template.id == "landsat-c2-l2"
    scene = scene_of(found.item, stores, {})
    names = {"blue", "green", "red", "nir", "swir16", "swir22", "surface_temperature"}
    assert names | {"qa_pixel", "qa_radsat", "st_qa"} <= set(scene.bands)
    red = {"TM": "B3", "ETM": "B3", "OLI_TIRS": "B4"}[sensor]
    assert scene.bands["red"].ref.path.endswith(f"SR_{red}.TIF")
    nir = {"TM": "B4", "ETM": "B4", "OLI_TIRS": "B5"}[sensor]
    assert scene.bands["nir"].ref.path.endswith(f"SR_{nir}.TIF")
    assert scene.bands["nir"] == scene.bands["nir08"]
    for name in ("blue", "nir", "swir22"):
        band = scene.bands[name]
        assert (band.scale, band.offset, band.nodata) == (2.75e-05, -0.2, 0.0)
    heat = scene.bands["surface_temperature"]
    assert (heat.scale, heat.offset, heat.nodata) == (0.00341802, 149.0, 0.0)
    assert (scene.bands["st_qa"].scale, scene.bands["st_qa"].nodata) == (0.01, -9999.0)
    assert ("coastal" in scene.bands) == (sensor == "OLI_TIRS")
    assert scene.cloud_cover == 8.0
    assert "landsat:cloud_cover_land" not in found.item["properties"]


@pytest.mark.parametrize("sensor", MISSION)
async def test_level_1_is_reflectance_under_the_sun_it_had(tmp_path, stores, readers, sensor):
    folder = lay_out(tmp_path / "scene", written(sensor, "L1TP"), "txt")
    found = await described(folder, stores, readers)
    assert found.template.id == "landsat-c2-l1"
    assert found.template.max_zoom == 14
    scene = scene_of(found.item, stores, {})
    sine = math.sin(math.radians(21.38957268))
    red = scene.bands["red"]
    assert (red.scale, red.offset) == pytest.approx((2e-5 / sine, -0.1 / sine), rel=1e-12)
    thermal = {"TM": "lwir", "ETM": "lwir", "OLI_TIRS": "lwir11"}[sensor]
    assert (scene.bands[thermal].scale, scene.bands[thermal].offset) == (0.77874, -6.97874)
    (band,) = found.item["assets"][thermal]["bands"]
    assert band["unit"] == "W/(m2 sr um)"
    assert found.item["assets"]["sza"]["bands"][0]["raster:scale"] == 0.01
    assert ("pan" in scene.bands) == (sensor != "TM")


async def test_a_scene_of_the_night_has_radiances_only(tmp_path, stores, readers):
    groups = written("OLI_TIRS", "L1GT", SUN_ELEVATION="-31.5")
    found = await described(lay_out(tmp_path / "scene", groups, "json"), stores, readers)
    scene = scene_of(found.item, stores, {})
    assert not {"red", "nir", "nir08"} & set(scene.bands)
    assert scene.bands["red_radiance"].offset == -6.97874
    assert "lwir11" in scene.bands


async def test_bits_are_told(tmp_path, stores, readers):
    told = {}
    for sensor in MISSION:
        folder = lay_out(tmp_path / sensor, written(sensor, "L2SP"), "xml")
        told[sensor] = (await described(folder, stores, readers)).item["assets"]
    pixel = {
        f["name"]: (f["offset"], f["length"])
        for f in told["TM"]["qa_pixel"]["classification:bitfields"]
    }
    assert (pixel["cloud"], pixel["water"], pixel["cloud_confidence"]) == ((3, 1), (7, 1), (8, 2))
    saturation = {
        sensor: {f["name"] for f in assets["qa_radsat"]["classification:bitfields"]}
        for sensor, assets in told.items()
    }
    assert "terrain_occlusion" in saturation["OLI_TIRS"]
    assert "dropped_pixel" in saturation["TM"]
    assert "band_6_high_gain_saturated" in saturation["ETM"] - saturation["TM"]


async def test_forms_and_what_lies_beside_belong_to_one_scene(tmp_path, stores, readers):
    groups = written("ETM", "L2SP")
    folder = lay_out(tmp_path / "scene", groups, "json", "xml", "txt")
    product = groups["PRODUCT_CONTENTS"]["LANDSAT_PRODUCT_ID"]
    (folder / f"{product}_thumb_large.jpeg").write_bytes(b"\xff\xd8\xff\xe0")
    stac = {"type": "Feature", "stac_version": "1.0.0", "id": "x", "assets": {}}
    (folder / f"{product}_SR_stac.json").write_text(json.dumps(stac))
    (folder / f"{product}_ANG.txt").write_text("GROUP = FILE_HEADER\n")
    other = written("OLI_TIRS", "L1TP")
    (folder / "another_MTL.txt").write_bytes(as_odl(other))
    found = await recognise(str(folder), stores, readers)
    assert [f.item["collection"] for f in found] == ["landsat-c2-l2", "landsat-c2-l1"]
    assets = found[0].item["assets"]
    assert assets["thumbnail"]["href"].endswith("_thumb_large.jpeg")
    assert assets["thumbnail"]["roles"] == ["thumbnail"]
    assert "thumbnail" not in data_assets(found[0].item)


REFUSED = {
    "before Collection 2": (b"GROUP = L1_METADATA_FILE\nEND_GROUP = L1_METADATA_FILE\nEND\n", None),
    "no Landsat metadata": (b"{}", None),
    "no Landsat metadata ": (b"<a/>", None),
    "instrument": (None, {"SENSOR_ID": "MSS"}),
    "Landsat 4 to 9": (None, {"LANDSAT_PRODUCT_ID": "LM01_L2SP_021030_20100109_20200911_02_T1"}),
}
DAMAGED = {
    "WRS_PATH": "0",
    "WRS_ROW": "1e999",
    "SUN_ELEVATION": "nan",
    "CORNER_UL_LON_PRODUCT": "inf",
    "CORNER_UR_LAT_PRODUCT": "91",
    "SCENE_CENTER_TIME": "25:00:00Z",
    "FILE_NAME_BAND_1": "../../../etc/passwd",
    "FILE_NAME_BAND_2": "http://example.org/a.tif",
    "REFLECTANCE_MULT_BAND_1": "",
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_metadata_is_refused(message):
    data, changes = REFUSED[message]
    data = data if changes is None else as_json(written("TM", "L2SP", **changes))
    with pytest.raises(SourceUnsupportedError, match=message.strip()):
        parse_scene(data)


@pytest.mark.parametrize("key", DAMAGED)
@pytest.mark.parametrize("form", FORMS)
def test_damaged_values_are_refused(key, form):
    groups = written("TM", "L2SP", **{key: DAMAGED[key]})
    with pytest.raises(SourceCorruptError):
        parse_scene(FORMS[form](groups)).reflectance("1")


HOSTILE = [
    b"",
    b"{",
    b"[1]",
    b"<a>",
    b'<!DOCTYPE a [<!ENTITY x "y">]><LANDSAT_METADATA_FILE>&x;</LANDSAT_METADATA_FILE>',
    b"\xff\xfe\x00",
    b'{"LANDSAT_METADATA_FILE": {"A": 1}}',
    b'{"LANDSAT_METADATA_FILE": {"A": {"B": [1]}}}',
    b'{"LANDSAT_METADATA_FILE": {"A": {"B": true}}}',
    b'{"LANDSAT_METADATA_FILE":' + b'{"a":' * 5000,
    b"<LANDSAT_METADATA_FILE><A><B><C/></B></A></LANDSAT_METADATA_FILE>",
    b"<LANDSAT_METADATA_FILE><A><B/><B/></A></LANDSAT_METADATA_FILE>",
    b"GROUP = LANDSAT_METADATA_FILE\nA = 1\nEND_GROUP = LANDSAT_METADATA_FILE\nEND",
    b"GROUP = LANDSAT_METADATA_FILE\nGROUP = A\nGROUP = B\nEND",
    b"GROUP = LANDSAT_METADATA_FILE\nGROUP = A\nEND_GROUP = B\nEND",
    b'GROUP = LANDSAT_METADATA_FILE\nGROUP = A\nB = "\nEND_GROUP = A\n',
    b"GROUP = LANDSAT_METADATA_FILE\nGROUP = A\nB\nEND_GROUP = A\n",
    b" " * (MAX_BYTES + 1),
    as_json({"A": {f"K{n}": "1" for n in range(MAX_KEYS + 1)}}),
    as_json({f"G{n}": {"K": "1"} for n in range(100)}),
    as_json({"A": {"K": "1" * 2000}}),
]


@pytest.mark.parametrize("data", HOSTILE)
def test_hostile_metadata_is_refused(data):
    with pytest.raises((SourceCorruptError, SourceUnsupportedError)):
        parse_scene(data)


def names():
    return st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)


def values():
    allowed = st.characters(codec="ascii", categories=["L", "N"], include_characters=" ._:+-/")
    return st.text(allowed, min_size=1, max_size=40).map(str.strip).filter(bool)


@given(st.dictionaries(names(), st.dictionaries(names(), values(), min_size=1), max_size=8))
def test_every_form_holds_the_same(groups):
    keywords = {"GROUP", "END_GROUP", "END"}
    groups = {g: {k: v for k, v in keys.items() if k not in keywords} for g, keys in groups.items()}
    groups = {g: keys for g, keys in groups.items() if keys}
    for form in FORMS.values():
        assert parse_mtl(form(groups)) == groups


@given(st.data())
def test_cut_metadata_never_fails_in_another_way(data):
    form = FORMS[data.draw(st.sampled_from(sorted(FORMS)))]
    sensor = data.draw(st.sampled_from(sorted(MISSION)))
    whole = form(written(sensor, data.draw(st.sampled_from(("L1TP", "L2SP")))))
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    with contextlib.suppress(SourceCorruptError, SourceUnsupportedError):
        parse_scene(whole[:start] + data.draw(st.binary(max_size=8)) + whole[stop:])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    product_id_of(data)
    for start in (b"", b"{", b"<", b"GROUP = LANDSAT_METADATA_FILE\n"):
        with contextlib.suppress(SourceCorruptError, SourceUnsupportedError):
            parse_scene(start + data)

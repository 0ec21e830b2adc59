"""Descriptions of collections: what is read of them, what is refused, what becomes of the files."""

import contextlib
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError, SourceMissingError, SourceUnsupportedError
from renderers.readers.registry import default_registry
from tileserver.products.base import Access, Hints
from tileserver.products.described.model import parse_description
from tileserver.products.described.times import NameTime
from tileserver.products.registry import find, recognise

WHOLE = """\
collection: leaf-area
title: Leaf area index
description: Leaf area of one farm.
attribution: Example Ltd
license: CC-BY-4.0
files:
  - "*.tif"
time:
  file_name: "lai_%Y%m%d*.tif"
bands:
  - name: lai
    common_name: ""
    title: Leaf area index
    unit: m2/m2
    scale: 0.1
    offset: -1
    nodata: 255
styles:
  - id: lai
    title: Leaf area
    bands: [lai]
    ramp: {range: [0, 7], map: viridis}
"""


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


@pytest.fixture
def write(tmp_path):
    def raster(name, count=1, **profile):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.arange(count * 64 * 64, dtype=np.uint8).reshape(count, 64, 64)
        options = {
            "driver": "GTiff", "count": count, "height": 64, "width": 64, "dtype": "uint8",
            "crs": "EPSG:32633", "transform": Affine(10, 0, 5e5, 0, -10, 5e6),
        } | profile  # fmt: skip
        with rasterio.open(path, "w", **options) as out:
            out.scales, out.offsets = (0.5,) * count, (2.0,) * count
            out.write(pixels)
        return path

    return raster


def described(tmp_path, text, name="collection.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


async def test_a_described_file(tmp_path, write, stores, readers):
    write("lai_20240612_v2.tif")
    write("lai_20240712.tif")
    path = described(tmp_path, WHOLE)
    found = await recognise(str(path), stores, readers)
    assert [f.item["properties"]["datetime"] for f in found] == [
        "2024-06-12T00:00:00Z",
        "2024-07-12T00:00:00Z",
    ]
    template = found[0].template
    assert (template.id, template.title, template.license, template.attribution) == (
        "leaf-area", "Leaf area index", "CC-BY-4.0", "Example Ltd",
    )  # fmt: skip
    assert template.styles == ("lai",)
    (asset,) = found[0].item["assets"].values()
    (band,) = asset["bands"]
    assert (band["name"], band["unit"], band["nodata"]) == ("lai", "m2/m2", 255)
    assert (band["raster:scale"], band["raster:offset"]) == (0.1, -1.0)
    assert asset["proj:code"] == "EPSG:32633"


async def test_what_is_not_said_is_as_the_file_says(tmp_path, write, stores, readers):
    write("a.tif", nodata=7)
    path = described(tmp_path, "collection: a\nfiles: [a.tif]\nbands:\n  - name: value\n")
    (found,) = await recognise(str(path), stores, readers)
    (band,) = found.item["assets"]["data"]["bands"]
    assert (band["raster:scale"], band["raster:offset"], band["nodata"]) == (0.5, 2.0, 7)
    assert found.item["properties"]["start_datetime"].startswith("0001")
    (dated,) = await recognise(
        str(path), stores, readers, Hints("b", "B", datetime(2020, 1, 1, tzinfo=UTC))
    )
    assert (dated.item["collection"], dated.template.title) == ("b", "B")
    assert dated.item["properties"]["datetime"] == "2020-01-01T00:00:00Z"


async def test_a_folder_with_a_description(tmp_path, write, stores, readers):
    for name in ("x/a.tif", "x/y/b.tif", "c.tif"):
        write(f"data/{name}")
    text = 'collection: heights\nfiles: ["x/**/*.tif"]\nbands:\n  - name: height\n'
    described(tmp_path, text, "data/heights.yaml")
    described(tmp_path, "collection: other\nkey: [1]\n", "data/other.yaml")
    described(tmp_path, "a: b: c\n", "data/broken.yml")
    found = await find(str(tmp_path / "data"), Access(stores, readers))
    assert [(c.product, c.href.removeprefix(f"{tmp_path}/data/")) for c in found] == [
        ("described", "x/a.tif"),
        ("described", "x/y/b.tif"),
        ("cog", "c.tif"),
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a*.tif", ["a1.tif", "a2.tif"]),
        ("*/a*.tif", ["d/a3.tif"]),
        ("**/a*.tif", ["a1.tif", "a2.tif", "d/a3.tif"]),
        ("d/a3.tif", ["d/a3.tif"]),
        ("./d/../a1.tif", ["a1.tif"]),
    ],
)
async def test_patterns(pattern, expected, tmp_path, write, stores, readers):
    for name in ("a1.tif", "a2.tif", "b.tif", "d/a3.tif", "d/c.tif"):
        write(name)
    path = described(tmp_path, f'collection: a\nfiles: ["{pattern}"]\nbands:\n  - name: value\n')
    found = await find(str(path), Access(stores, readers))
    assert [c.href.removeprefix(f"{tmp_path}/") for c in found] == expected


async def test_files_that_are_not_there_or_may_not_be_read(tmp_path, stores, readers):
    text = "collection: a\nfiles: [{}]\nbands:\n  - name: value\n"
    nothing = described(tmp_path, text.format('"*.tif"'))
    with pytest.raises(SourceMissingError, match=r"collection.yaml: no file matches \*.tif"):
        await find(str(nothing), Access(stores, readers))
    web = described(tmp_path, text.format('"https://example.org/*.tif"'), "web.yaml")
    with pytest.raises(SourceUnsupportedError, match="web servers list no files"):
        await find(str(web), Access(stores, readers))
    none = described(tmp_path, "collection: a\nbands:\n  - name: value\n", "none.yaml")
    with pytest.raises(SourceCorruptError, match=r"none\.yaml: files: is missing"):
        await find(str(none), Access(stores, readers))


async def test_a_file_with_fewer_bands_than_described(tmp_path, write, stores, readers):
    write("a.tif")
    text = "collection: a\nfiles: [a.tif]\nbands:\n  - name: one\n  - name: two\n"
    with pytest.raises(SourceUnsupportedError, match="2 bands are described and the file has 1"):
        await recognise(str(described(tmp_path, text)), stores, readers)


async def test_a_name_without_the_time(tmp_path, write, stores, readers):
    write("lai_2024.tif")
    with pytest.raises(SourceUnsupportedError, match="does not match the pattern"):
        await recognise(str(described(tmp_path, WHOLE)), stores, readers)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unit: m2/m2", "units: m2", r"line 14: bands\[0\]\.units: unknown key"),
        ("collection: leaf-area", "title: x", "is there twice"),
        ("collection: leaf-area", "collection: 1 a", r"line 1: collection: letters"),
        ("collection: leaf-area", "collection: 7", "line 1: collection: "),
        ("scale: 0.1", "scale: 0", r"line 15: bands\[0\]\.scale: a scale of 0"),
        ("scale: 0.1", "scale: .inf", r"line 15: bands\[0\]\.scale: "),
        ("scale: 0.1", 'scale: "0.1"', r"line 15: bands\[0\]\.scale: "),
        ("name: lai", "nam: lai", r"bands\[0\]\.nam"),
        ("name: lai", "name: 1 b", r"bands\[0\]\.name: letters"),
        ("bands: [lai]", "bands: [red]", r"styles\[0\]: there is no band red"),
        ("map: viridis", "map: nothing", r"styles\[0\]: ramp\.map: "),
        ("- id: lai", "- id: lai\n    tite: x", r"styles\[0\]: tite: unknown key"),
        ("%Y%m%d*", "%Y%q", "line 9: time: there is no directive %q"),
        ("%Y%m%d*", "%m%d", "the pattern needs a year"),
        ("  file_name:", "  days: 0\n  file_name:", r"time\.days"),
        ("  file_name:", "  start: 2024-01-01\n  file_name:", "one of start and file_name"),
        ("files:\n", "files: &a [x]\nlicence: *a\nf:\n", "aliases are not allowed"),
    ],
)
def test_faults_are_told_with_line_and_key(old, new, message):
    text = WHOLE.replace(old, new, 1)
    assert text != WHOLE
    with pytest.raises(SourceCorruptError, match=message) as refused:
        parse_description(text.encode(), "farm.yaml")
    assert str(refused.value).startswith("farm.yaml")


@pytest.mark.parametrize("data", [b"", b"- a", b"\xff\xfe", b"a: [", b"[" * 5000, b"x" * 2_000_000])
def test_what_is_no_description_at_all(data):
    with pytest.raises(SourceCorruptError):
        parse_description(data, "a.yaml")


def test_the_footprints_may_be_anywhere_among_the_styles():
    text = WHOLE.replace("styles:\n", "styles:\n  - footprints\n", 1)
    assert parse_description(text.encode(), "a.yaml").style_ids[0] == "footprints"
    own = WHOLE.replace("- id: lai", "- id: footprints", 1)
    with pytest.raises(SourceCorruptError, match="that of the images' outlines"):
        parse_description(own.encode(), "a.yaml")


def test_classes_and_times():
    text = """\
collection: cover
time: {start: 2017-01-01, end: 2017-12-31T23:59:59Z}
bands:
  - name: cover
    classes:
      - {value: 1, name: Water, colour: "#0000ff"}
      - {value: 2, name: Land, colour: "#00ff0080"}
"""
    description = parse_description(text.encode(), "a.yaml")
    assert description.time.start == datetime(2017, 1, 1, tzinfo=UTC)
    assert [c.colour for c in description.bands[0].info.classes] == [
        (0, 0, 255, 255),
        (0, 255, 0, 128),
    ]
    for wrong in ("value: 1, name: Land", "value: 70000, name: Land", "value: 2.5, name: Land"):
        with pytest.raises(SourceCorruptError, match=r"bands\[0\]\.classes"):
            parse_description(text.replace("value: 2, name: Land", wrong).encode(), "a.yaml")
    with pytest.raises(SourceCorruptError, match="end lies before start"):
        parse_description(text.replace("end: 2017", "end: 2016").encode(), "a.yaml")


@pytest.mark.parametrize(
    ("pattern", "name", "start", "end"),
    [
        ("a_%Y.tif", "a_2021.tif", "2021-01-01T00:00:00", "2021-12-31T23:59:59.999999"),
        ("%Y%m*", "202402x", "2024-02-01T00:00:00", "2024-02-29T23:59:59.999999"),
        ("%Y-%m-%d", "2024-02-29", "2024-02-29T00:00:00", "2024-02-29T00:00:00"),
        ("A%Y%j.*", "A2024366.h", "2024-12-31T00:00:00", "2024-12-31T00:00:00"),
        ("*%Y%m%dT%H%M%S*", "x20240612T101530Z", "2024-06-12T10:15:30", "2024-06-12T10:15:30"),
    ],
)
def test_times_in_names(pattern, name, start, end):
    found = NameTime.parse(pattern).read(name)
    assert found.start.isoformat() == f"{start}+00:00"
    assert found.end.isoformat() == f"{end}+00:00"


def test_a_period_of_days():
    found = NameTime.parse("A%Y%j", 8).read("A2024001")
    assert found.end.isoformat() == "2024-01-08T23:59:59.999999+00:00"


@pytest.mark.parametrize("name", ["20240230", "2024023", "x20240201", "20240201x", "99991301"])
def test_names_without_such_a_date(name):
    with pytest.raises(SourceUnsupportedError):
        NameTime.parse("%Y%m%d").read(name)


@pytest.mark.parametrize(
    "pattern", ["%Y%d", "%Y%m%j", "%Y%H", "%Y%m%d%M", "%Y%m%d%H%S", "%Y%Y", "%Y%", "%Y*****"]
)
def test_patterns_that_make_no_time(pattern):
    with pytest.raises(ValueError, match=r"%|\*|day"):
        NameTime.parse(pattern)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9998, 12, 31)))
def test_what_strftime_writes_is_read_back(when):
    form = "x_%Y%m%dT%H%M%S_y.tif"
    name = f"x_{when:%Y%m%dT%H%M%S}_y.tif"
    found = NameTime.parse(form).read(name)
    assert found.start == when.replace(microsecond=0, tzinfo=UTC)


@given(st.binary(max_size=300))
def test_bytes_never_fail_in_another_way(data):
    with pytest.raises(SourceCorruptError):
        parse_description(data, "a.yaml")


@given(st.data())
def test_damaged_descriptions_never_fail_in_another_way(data):
    cut = data.draw(st.integers(0, len(WHOLE)))
    extra = data.draw(st.text(max_size=5))
    length = data.draw(st.integers(0, 20))
    text = WHOLE[:cut] + extra + WHOLE[cut + length :]
    with contextlib.suppress(SourceCorruptError):
        assert parse_description(text.encode("utf-8", "replace"), "a.yaml").bands

"""The embedded catalogue: what is found, in which order, and when revisions move."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from renderers.scene import ObjectRef
from tileserver.catalogue import sqlite as module
from tileserver.catalogue.base import Area
from tileserver.catalogue.errors import UnknownItemError
from tileserver.catalogue.scenes import StoredIndex
from tileserver.catalogue.sqlite import SqliteCatalogue
from tileserver.errors import UnknownCollectionError
from tileserver.timeaxis import ALWAYS, TimeSpan

WORLD = Area(((-180.0, -90.0, 180.0, 90.0),))
HERE = Area(((10.4, 10.4, 10.6, 10.6),))
THERE = Area(((-60.5, -20.5, -60.4, -20.4),))


def day(first, last=None):
    last = last or first + 1
    return TimeSpan(datetime(2024, 1, first, tzinfo=UTC), datetime(2024, 1, last, tzinfo=UTC))


async def test_most_recent_first_then_by_id_then_timeless(catalogue, make, merge):
    for document in (
        make("b", 10, 10, day=3),
        make("a", 10, 10, day=3),
        make("old", 10, 10, day=1),
        make("always", 10, 10, timeless=True),
        make("elsewhere", 50, 10, day=4),
    ):
        await catalogue.put_item(document, [], merge)
    found = await catalogue.search("c", HERE, ALWAYS, 10)
    assert [s.id for s in found] == ["a", "b", "old", "always"]
    assert found[0].datetime == datetime(2024, 1, 3, 10, tzinfo=UTC)
    assert found[3].datetime is None
    assert found[0].cloud_cover == 5.0


async def test_one_more_than_the_limit_tells_that_there_are_more(catalogue, make, merge):
    for number in range(5):
        await catalogue.put_item(make(f"i{number}", 10, 10), [], merge)
    assert len(await catalogue.search("c", HERE, ALWAYS, 3)) == 4
    assert len(await catalogue.search("c", HERE, ALWAYS, 5)) == 5


async def test_time_is_half_open_and_timeless_items_match_any(catalogue, make, merge):
    await catalogue.put_item(make("one", 10, 10, day=1), [], merge)
    await catalogue.put_item(make("two", 10, 10, day=2), [], merge)
    await catalogue.put_item(make("always", 10, 10, timeless=True), [], merge)
    assert [s.id for s in await catalogue.search("c", HERE, day(1), 9)] == ["one", "always"]
    assert [s.id for s in await catalogue.search("c", HERE, day(3), 9)] == ["always"]
    exact = TimeSpan(datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 2, 10, tzinfo=UTC))
    assert [s.id for s in await catalogue.search("c", HERE, exact, 9)] == ["one", "always"]


async def test_the_exact_footprint_counts_not_its_box(catalogue, make, merge):
    document = make("triangle", 10, 10, size=4)
    corners = [[10, 10], [14, 10], [10, 14], [10, 10]]
    document["geometry"] = {"type": "Polygon", "coordinates": [corners]}
    await catalogue.put_item(document, [], merge)
    assert await catalogue.search("c", Area(((10.1, 10.1, 10.2, 10.2),)), ALWAYS, 1)
    assert not await catalogue.search("c", Area(((13.5, 13.5, 13.9, 13.9),)), ALWAYS, 1)


async def test_across_180_degrees_and_at_the_pole(catalogue, make, merge):
    await catalogue.put_item(make("date line", 179.5, 10), [], merge)
    await catalogue.put_item(make("pole", -180, 60, size=30), [], merge)
    for west, east in ((179.6, 179.7), (-179.8, -179.7)):
        found = await catalogue.search("c", Area(((west, 10.2, east, 10.4),)), ALWAYS, 5)
        assert [s.id for s in found] == ["date line"]
    both = Area(((179.6, 10.2, 180.0, 10.4), (-180.0, 10.2, -179.8, 10.4)))
    assert len(await catalogue.search("c", both, ALWAYS, 5)) == 1
    assert await catalogue.search("c", Area(((-170, 89.9, -169, 90),)), ALWAYS, 5)
    collection = await catalogue.collection("c")
    assert collection.bbox[0] > collection.bbox[2] or collection.bbox[0] == -180


async def test_scale_nodata_grid_and_index_come_with_the_scene(catalogue, make, merge, tmp_path):
    index = StoredIndex("B04", "tiff", '"etag"', 99, b"index")
    await catalogue.put_item(make("a", 10, 10), [index], merge)
    (scene,) = await catalogue.search("c", HERE, ALWAYS, 1)
    assert scene.bands["red"] is scene.bands["B04"]
    band = scene.bands["red"]
    assert (band.scale, band.offset, band.nodata, band.band) == (1e-4, -0.1, 0.0, 1)
    assert (band.reader, band.index) == ("tiff", b"index")
    assert band.ref == ObjectRef("file", str(tmp_path / "a.tif").lstrip("/"), '"etag"', 99)
    assert (band.grid.width, band.grid.crs) == (100, "EPSG:4326")


async def test_the_same_again_changes_nothing_and_another_file_does(catalogue, make, merge):
    index = StoredIndex("B04", "tiff", '"one"', 9, b"index")
    assert await catalogue.put_item(make("a", 10, 10), [index], merge) == "added"
    before = catalogue.revision("c", HERE, ALWAYS)
    assert await catalogue.put_item(make("a", 10, 10), [index], merge) == "unchanged"
    assert catalogue.revision("c", HERE, ALWAYS) == before
    changed = index._replace(etag='"two"')
    assert await catalogue.put_item(make("a", 10, 10), [changed], merge) == "updated"
    assert catalogue.revision("c", HERE, ALWAYS) != before
    (scene,) = await catalogue.search("c", HERE, ALWAYS, 1)
    assert scene.bands["red"].ref.etag == '"two"'


async def test_revisions_move_where_the_change_is_and_only_there(catalogue, make, merge):
    await catalogue.put_item(make("far", -61, -21), [], merge)

    def revisions():
        return [
            catalogue.revision("c", HERE, ALWAYS),
            catalogue.revision("c", HERE, day(1)),
            catalogue.revision("c", HERE, day(5)),
            catalogue.revision("c", THERE, ALWAYS),
        ]

    first = revisions()
    await catalogue.put_item(make("a", 10, 10, day=1), [], merge)
    second = revisions()
    assert [a != b for a, b in zip(first, second, strict=True)] == [True, True, False, False]
    await catalogue.remove("c", "a")
    third = revisions()
    assert [a != b for a, b in zip(second, third, strict=True)] == [True, True, False, False]


async def test_a_moved_item_changes_both_places(catalogue, make, merge):
    await catalogue.put_item(make("a", 10, 10), [], merge)
    here, there = (catalogue.revision("c", a, ALWAYS) for a in (HERE, THERE))
    await catalogue.put_item(make("a", -61, -21), [], merge)
    assert catalogue.revision("c", HERE, ALWAYS) != here
    assert catalogue.revision("c", THERE, ALWAYS) != there
    assert not await catalogue.search("c", HERE, ALWAYS, 5)
    assert await catalogue.search("c", THERE, ALWAYS, 5)


async def test_revisions_are_the_same_after_a_restart(catalogue, make, merge, tmp_path, stores):
    for number in range(4):
        await catalogue.put_item(make(f"i{number}", 10 + number, 10, day=number + 1), [], merge)
    await catalogue.remove("c", "i2")
    areas = [HERE, THERE, WORLD, Area(((12.0, 10.0, 12.1, 10.1),))]
    again = SqliteCatalogue(tmp_path / "catalogue.sqlite", stores)
    for area in areas:
        for time in (ALWAYS, day(1), day(3)):
            assert again.revision("c", area, time) == catalogue.revision("c", area, time)
    again.close()


async def test_extent_and_time_follow_the_items(catalogue, make, merge):
    await catalogue.put_item(make("a", 10, 10, day=1), [], merge)
    await catalogue.put_item(make("b", 20, 10, day=4), [], merge)
    collection = await catalogue.collection("c")
    assert collection.bbox == pytest.approx((10, 10, 21, 11))
    assert [t.day for t in collection.time] == [1, 4]
    await catalogue.remove("c", "b")
    collection = await catalogue.collection("c")
    assert collection.bbox == pytest.approx((10, 10, 11, 11))
    assert [t.day for t in collection.time] == [1, 1]


async def test_days_with_their_clearest_item(catalogue, make, merge):
    for name, when, cloud in (("a", 1, 30.0), ("b", 1, 10.0), ("c", 2, None), ("far", 3, 0.0)):
        document = make(name, 60 if name == "far" else 10, 10, day=when)
        document["properties"]["eo:cloud_cover"] = cloud
        await catalogue.put_item(document, [], merge)
    days = await catalogue.dates("c", HERE, ALWAYS)
    assert [(d.day.day, d.cloud_cover, d.items) for d in days] == [(1, 10.0, 2), (2, None, 1)]


async def test_unknown_names_are_errors(catalogue, make, merge):
    with pytest.raises(UnknownCollectionError):
        await catalogue.search("nothing", HERE, ALWAYS, 1)
    with pytest.raises(UnknownCollectionError):
        catalogue.revision("nothing", HERE, ALWAYS)
    await catalogue.put_item(make("a", 10, 10), [], merge)
    with pytest.raises(UnknownItemError):
        await catalogue.remove("c", "b")
    assert await catalogue.remove("c") == 1
    with pytest.raises(UnknownCollectionError):
        await catalogue.collection("c")


async def test_a_collection_made_anew_never_has_an_old_revision(catalogue, make, merge):
    await catalogue.put_item(make("a", 10, 10), [], merge)
    before = catalogue.revision("c", HERE, ALWAYS)
    await catalogue.remove("c")
    await catalogue.put_item(make("b", 10, 10), [], merge)
    assert catalogue.revision("c", HERE, ALWAYS) != before


async def test_an_index_built_on_first_touch_is_kept(catalogue, make, merge, caplog):
    await catalogue.put_item(make("a", 10, 10), [], merge)
    (scene,) = await catalogue.search("c", HERE, ALWAYS, 1)
    before = catalogue.revision("c", HERE, ALWAYS)
    ref = replace(scene.bands["red"].ref, etag='"e"', size=5)
    bands = {"red": replace(scene.bands["red"], ref=ref)}
    await catalogue.save_index(replace(scene, bands=bands), "red", "tiff", b"built")
    (again,) = await catalogue.search("c", HERE, ALWAYS, 1)
    assert again.bands["red"].index == b"built"
    assert again.bands["red"].ref == ref
    assert catalogue.revision("c", HERE, ALWAYS) == before
    await catalogue.remove("c", "a")
    await catalogue.save_index(scene, "red", "tiff", b"late")
    assert "was not kept" in caplog.text


async def test_a_search_made_before_needs_no_database(catalogue, make, merge, monkeypatch):
    await catalogue.put_item(make("a", 10, 10, day=1), [], merge)
    await catalogue.put_item(make("b", 10, 10, day=2), [], merge)
    asked = [(HERE, ALWAYS, 9), (HERE, day(1), 9), (THERE, ALWAYS, 9), (HERE, ALWAYS, 0)]
    before = [await catalogue.search("c", *question) for question in asked]
    assert [[s.id for s in found] for found in before] == [["b", "a"], ["a"], [], ["b"]]

    def closed(*_):
        raise AssertionError("the database was asked")

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "_search", closed)
        patch.setattr(catalogue, "_cell", closed)
        assert [await catalogue.search("c", *question) for question in asked] == before
        # Nor does one of the same place.
        near = Area(((10.5, 10.5, 10.58, 10.58),))
        assert [s.id for s in await catalogue.search("c", near, ALWAYS, 9)] == ["b", "a"]
        # An item elsewhere leaves these answers, and makes only its own place ask again.
        await catalogue.put_item(make("far", -61, -21), [], merge)
        assert await catalogue.search("c", HERE, ALWAYS, 9) == before[0]
        with pytest.raises(AssertionError):
            await catalogue.search("c", THERE, ALWAYS, 9)
    assert [s.id for s in await catalogue.search("c", THERE, ALWAYS, 9)] == ["far"]


async def test_kept_answers_are_those_of_the_database_after_any_change(
    catalogue, make, merge, tmp_path, stores
):
    random = Random(5)  # noqa: S311 - a fixed sequence of changes
    await catalogue.put_item(make("i0", 10, 10), [], merge)
    plain = SqliteCatalogue(tmp_path / "catalogue.sqlite", stores, searches=0, cells=0)
    areas = [HERE, WORLD, Area(((10.9, 10.0, 11.1, 10.1), (-180.0, 10.0, -179.0, 10.1)))]
    areas += [Area(((w, 10.2, w + 0.02, 10.25),)) for w in (10.49, 10.9, 10.98, 11.01, 11.6)]
    kinds = {"added": 1, "updated": 0, "removed": 0}
    for _ in range(40):
        name = f"i{random.randrange(6)}"
        places = random.choice([10, 10.5, 11, 50]), random.choice([10, 10.3])
        if random.random() < 0.3 and kinds["added"] > kinds["removed"]:
            held = [s.id for s in await plain.search("c", WORLD, ALWAYS, 99)]
            await catalogue.remove("c", random.choice(held))
            kinds["removed"] += 1
        else:
            document = make(name, *places, day=random.randrange(1, 4))
            stored = await catalogue.put_item(document, [], merge)
            kinds[stored] = kinds.get(stored, 0) + 1
        for area in areas:
            for span in (ALWAYS, day(1), day(1, 3)):
                for limit in (1, 9):
                    found = await catalogue.search("c", area, span, limit)
                    assert found == await plain.search("c", area, span, limit)
    plain.close()
    assert min(kinds[k] for k in ("added", "updated", "removed")) >= 5


_ADDER = """
import asyncio, json, sys
from pathlib import Path
from renderers.stores import StorePolicy, StoreRegistry
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.catalogue.sqlite import SqliteCatalogue

async def main(path, documents):
    stores = StoreRegistry(policy=StorePolicy(file_roots=(Path(path).parent,)))
    catalogue = SqliteCatalogue(Path(path), stores)
    for document in documents:
        await catalogue.put_item(
            document, [], lambda have: have or Collection("c", "c", bands=(BandInfo("B04"),)))
    print(json.dumps(len(documents)))
    catalogue.close()

asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
"""


async def test_another_process_adds_while_this_one_serves(
    catalogue, make, merge, tmp_path, monkeypatch
):
    import json  # noqa: PLC0415

    monkeypatch.setattr(module, "POLL", 0.0)
    await catalogue.put_item(make("first", 10, 10), [], merge)
    here, there = (catalogue.revision("c", a, ALWAYS) for a in (HERE, THERE))
    documents = [make(f"n{i}", 10, 10, day=1 + i % 28) for i in range(60)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ADDER, str(tmp_path / "catalogue.sqlite"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    talking = asyncio.create_task(process.communicate(json.dumps(documents).encode()))
    counts = [1]
    while not talking.done():
        counts.append(len(await catalogue.search("c", HERE, ALWAYS, 100)))
        await catalogue.put_item(make(f"mine{len(counts) % 5}", -61, -21), [], merge)
    assert process.returncode == 0
    assert counts == sorted(counts)
    assert len(await catalogue.search("c", HERE, ALWAYS, 100)) == 61
    assert catalogue.revision("c", HERE, ALWAYS) != here
    assert catalogue.revision("c", THERE, ALWAYS) != there


async def test_footprints_come_in_the_order_of_searches_page_by_page(catalogue, make, merge):
    for document in (
        make("b", 10, 10, day=3),
        make("a", 10, 10, day=3),
        make("old", 10, 10, day=1),
        make("always", 10, 10, timeless=True),
        make("ever", 10, 10, timeless=True),
        make("elsewhere", 50, 10, day=4),
    ):
        await catalogue.put_item(document, [], merge)
    whole = await catalogue.footprints("c", HERE, ALWAYS, 10)
    ids = ["a", "b", "old", "always", "ever"]
    assert [f.scene.id for f in whole] == ids
    assert [f.scene.id for f in await catalogue.footprints("c", HERE, ALWAYS, 2)] == ids[:3]
    for number, footprint in enumerate(whole):
        rest = await catalogue.footprints("c", HERE, ALWAYS, 10, footprint.place)
        assert [f.scene.id for f in rest] == ids[number + 1 :]
    assert [f.scene.id for f in await catalogue.footprints("c", HERE, day(1), 10)] == ids[2:]
    scene = whole[0].scene
    assert (scene.collection, scene.cloud_cover, scene.bands) == ("c", 5.0, {})
    found = await catalogue.search("c", HERE, ALWAYS, 0)
    assert (scene.datetime, scene.longitude) == (found[0].datetime, found[0].longitude)


@pytest.mark.parametrize(
    ("west", "south", "size", "expected"),
    [
        (10.0, 10.0, 1.0, (10.0, 10.0, 11.0, 11.0)),
        (179.0, -10.0, 2.0, (179.0, -10.0, 181.0, -8.0)),
        (179.0, 5.0, 1.0, (179.0, 5.0, 180.0, 6.0)),
        (-10.0, 88.0, 2.0, (-10.0, 88.0, -8.0, 90.0)),
    ],
)
async def test_a_footprint_is_the_outline_of_the_pixels(
    catalogue, make, merge, west, south, size, expected
):
    await catalogue.put_item(make("one", west, south, size), [], merge)
    (found,) = await catalogue.footprints("c", WORLD, ALWAYS, 1)
    assert found.outline.geom_type == "Polygon"
    assert found.outline.bounds == pytest.approx(expected, abs=2e-5)


async def test_a_changed_item_has_its_new_footprint(catalogue, make, merge):
    await catalogue.put_item(make("one", 10, 10), [], merge)
    await catalogue.footprints("c", WORLD, ALWAYS, 1)
    await catalogue.put_item(make("one", 20, 10), [], merge)
    (found,) = await catalogue.footprints("c", WORLD, ALWAYS, 1)
    assert found.outline.bounds[0] == pytest.approx(20.0, abs=2e-5)


async def test_what_is_written_elsewhere_leaves_a_collection_the_object_it_was(
    catalogue, make, merge
):
    """By the object it is told that nothing is new of a collection."""
    await catalogue.put_item(make("a", 10, 10), [], merge)
    first = await catalogue.collection("c")
    await catalogue.put_collection(replace(first, id="other"))
    other = await catalogue.collection("other")
    assert await catalogue.collection("c") is first
    changed = await catalogue.change_collection("other", lambda c: replace(c, title="New"))
    assert await catalogue.collection("other") == changed != other
    assert await catalogue.collection("c") is first
    await catalogue.remove("other")
    await catalogue.put_collection(other)
    assert await catalogue.collection("other") is not other


async def test_a_change_that_fails_leaves_everything_as_it_was(catalogue, make, merge):
    await catalogue.put_item(make("a", 10, 10), [], merge)
    before = await catalogue.collection("c")

    def fails(_):
        raise UnknownItemError("no")

    with pytest.raises(UnknownItemError):
        await catalogue.change_collection("c", fails)
    with pytest.raises(UnknownCollectionError):
        await catalogue.change_collection("none", lambda c: c)
    assert await catalogue.collection("c") is before
    assert await catalogue.put_item(make("b", 10, 10), [], merge)  # no transaction is open

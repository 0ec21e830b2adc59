"""Layers of capabilities are looked up once per state, documents are made once, and zipped."""

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.application import make_settings, running

from tileserver.catalogue.base import Collection
from tileserver.timeaxis_values import axis_values
from tileserver.web.layers import CapabilitiesStore, LayerList


def collection(name: str) -> Collection:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    return Collection(name, name.upper(), time=(first, first + timedelta(days=9)))


async def test_only_what_changed_is_looked_up_again(tmp_path: Path):
    async with running(make_settings(tmp_path)) as app:
        catalogue, pipeline = app.services.catalogue.local, app.services.pipeline
        for name in ("a", "b"):
            await catalogue.put_collection(collection(name))
        layers = LayerList()
        views, number = await layers.views(pipeline)
        again, same = await layers.views(pipeline)
        assert again is views
        assert same == number
        await catalogue.put_collection(replace(collection("b"), title="Other"))
        changed, later = await layers.views(pipeline)
        assert later > number
        assert [v.info.collection.title for v in changed] == ["A", "Other"]
        store = CapabilitiesStore()
        made = [store.document("k", changed, lambda: b"x") for _ in range(2)]
        assert made[0] is made[1]
        assert store.document("k", views, lambda: b"y").body == b"y"


@pytest.mark.parametrize(
    "path", ["/wms?SERVICE=WMS&REQUEST=GetCapabilities", "/wmts/1.0.0/WMTSCapabilities.xml"]
)
async def test_documents_are_zipped_for_those_who_take_it(tmp_path: Path, path: str):
    async with running(make_settings(tmp_path)) as app:
        plain = await app.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        for accepted in ("gzip", "br, gzip;q=0.5", "*"):
            async with app.client.stream("GET", path, headers={"Accept-Encoding": accepted}) as it:
                raw = b"".join([chunk async for chunk in it.aiter_raw()])
            assert it.headers["content-encoding"] == "gzip"
            assert "Accept-Encoding" in it.headers["vary"]
            assert gzip.decompress(raw) == plain.content
            assert it.headers["etag"] != plain.headers["etag"]
            known = {"Accept-Encoding": accepted, "If-None-Match": it.headers["etag"]}
            assert (await app.get(path, headers=known)).status_code == 304
        none = await app.get(path, headers={"Accept-Encoding": "gzip;q=0"})
        assert "content-encoding" not in none.headers


async def test_every_day_of_a_collection_is_read_from_the_index(tmp_path: Path):
    async with running(make_settings(tmp_path)) as app:
        await app.services.catalogue.local.put_collection(collection("a"))
        assert await app.services.pipeline.all_days("a") == []


@given(st.lists(st.sampled_from([1, 1, 5, 5, 5, 2]), max_size=80))
def test_values_of_an_axis_stand_for_its_days_and_no_others(gaps: list[int]):
    days = [date(2024, 1, 1)]
    for gap in gaps:
        days.append(days[-1] + timedelta(days=gap))
    told: list[date] = []
    for value in axis_values(days, 400 if len(days) < 20 else 15)[-14:]:
        first, _, rest = value.partition("/")
        last, _, step = rest.partition("/")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= end:
            told.append(day)
            day += timedelta(days=int(step[1:-1] or 1) if step else 1)
    assert all(one < other for one, other in pairwise(told))
    assert set(told) <= set(days) or "P1D" in str(axis_values(days, 15))
    assert told[-1] == days[-1]

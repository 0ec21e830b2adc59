"""Several spans of one catalogue, beside a plain filter of everything it has."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.scene import Scene
from tileserver.catalogue.base import Area, Collection, DateSummary
from tileserver.errors import TooLargeError
from tileserver.timeaxis import ALWAYS, TimeSpan, parse_time
from tileserver.timesearch import MOST_QUESTIONS, dates, revision, search

AREA = Area(((0.0, 0.0, 1.0, 1.0),))
HERE = Collection("c", "C")
ELSEWHERE = Collection("c", "C", remote="https://stac.example/collections/c")
FIRST = datetime(2024, 1, 1, 10, tzinfo=UTC)


@dataclass
class Days:
    """A catalogue with a scene at 10:00 of some days, numbered from 2024, and timeless ones."""

    numbers: set[int]
    timeless: int = 0

    @property
    def scenes(self) -> list[Scene]:
        timed = [Scene(f"s{n}", "c", FIRST + timedelta(days=n), {}) for n in self.numbers]
        timed.sort(key=lambda s: s.datetime, reverse=True)
        return timed + [Scene(f"t{n}", "c", None, {}) for n in range(self.timeless)]

    async def search(self, collection_id, area, time, limit):
        inside = [s for s in self.scenes if s.datetime is None or time.contains(s.datetime)]
        return inside[: limit + 1]

    async def dates(self, collection_id, area, time):
        found = await self.search(collection_id, area, time, 10_000)
        days = sorted(s.datetime.date() for s in found if s.datetime)
        return [DateSummary(day, 10.0, 1) for day in days]

    def revision(self, collection_id, area, time):
        inside = [s for s in self.scenes if s.datetime is None or time.contains(s.datetime)]
        return "/".join(s.id for s in inside)


numbers = st.sets(st.integers(0, 60))
listed = st.lists(st.integers(0, 60), min_size=1, max_size=20)


def spans_of(days: list[int]) -> tuple[TimeSpan, ...]:
    return parse_time(",".join(str((FIRST + timedelta(days=d)).date()) for d in days)).spans


@given(numbers, listed, st.integers(0, 3), st.integers(0, 20))
def test_scenes_are_those_of_all_spans_newest_first(there, days, timeless, limit):
    catalogue = Days(there, timeless)
    found = asyncio.run(search(catalogue, HERE, AREA, spans_of(days), limit))
    wanted = [
        s for s in catalogue.scenes if s.datetime is None or (s.datetime - FIRST).days in days
    ]
    assert found == wanted[: limit + 1]


@given(numbers, listed)
def test_dates_are_those_of_all_spans(there, days):
    found = asyncio.run(dates(Days(there), HERE, AREA, spans_of(days)))
    assert [d.day for d in found] == [
        (FIRST + timedelta(days=n)).date() for n in sorted(there & set(days))
    ]


async def test_a_day_in_two_spans_is_one_day():
    @dataclass
    class Twice(Days):
        async def dates(self, collection_id, area, time):
            cloud = 30.0 if time.start.hour else None
            return [DateSummary(date(2024, 1, 1), cloud, 2)]

    spans = parse_time("2024-01-01T00Z/2024-01-01T02Z,2024-01-01T08Z/2024-01-01T09Z").spans
    assert len(spans) == 2
    assert await dates(Twice(set()), HERE, AREA, spans) == [DateSummary(date(2024, 1, 1), 30.0, 4)]


@given(numbers, st.lists(st.integers(0, 60), min_size=1, max_size=60), st.integers(0, 60))
def test_a_change_inside_of_a_span_changes_the_revision(there, days, added):
    spans = spans_of(days)
    before = revision(Days(there), "c", AREA, spans)
    after = revision(Days(there | {added}), "c", AREA, spans)
    if added in days and added not in there:
        assert before != after
    if len(spans) <= MOST_QUESTIONS and added not in days:
        assert before == after


async def test_other_servers_are_not_asked_for_many_spans():
    few, many = (spans_of(list(range(0, 2 * n, 2))) for n in (MOST_QUESTIONS, MOST_QUESTIONS + 1))
    catalogue = Days(set(range(60)))
    assert len(await search(catalogue, ELSEWHERE, AREA, few, 99)) == MOST_QUESTIONS
    for ask in (
        search(catalogue, ELSEWHERE, AREA, many, 99),
        dates(catalogue, ELSEWHERE, AREA, many),
    ):
        with pytest.raises(TooLargeError, match=str(MOST_QUESTIONS)):
            await ask
    assert len(await search(catalogue, HERE, AREA, many, 99)) == MOST_QUESTIONS + 1
    assert len(await search(catalogue, ELSEWHERE, AREA, (ALWAYS,), 99)) == 60

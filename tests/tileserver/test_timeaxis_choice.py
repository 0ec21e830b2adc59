from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.rule import MosaicRule
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidTimeError
from tileserver.timeaxis import ALWAYS, UNSAID, TimeSpan, parse_time
from tileserver.timeaxis_choice import choose, default_value, parse_strategy, settings_of


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


EXTENT = (utc(2024, 1, 3, 10), utc(2024, 6, 21, 10))
PLAIN = Collection("c", "C", time=EXTENT)
TODAY = date(2026, 1, 1)


def having(**settings: str) -> Collection:
    return replace(PLAIN, extra={"time": settings})


@pytest.mark.parametrize(
    ("default", "spans", "first", "value"),
    [
        ("", (ALWAYS,), None, "current"),
        ("latest", (ALWAYS,), None, "current"),
        ("earliest", (ALWAYS,), "least-recent", "2024-01-03"),
        ("2024-03", (TimeSpan(utc(2024, 3, 1), utc(2024, 4, 1)),), None, "2024-03"),
        ("least-cloudy/P30D", (TimeSpan(utc(2024, 5, 23), None),), "least-cloudy",
         "2024-05-23/2024-06-21"),
        ("least-cloudy/P1M", (TimeSpan(utc(2024, 5, 22), None),), "least-cloudy",
         "2024-05-22/2024-06-21"),
        ("least-cloudy/P3000Y", (ALWAYS,), "least-cloudy", "../2024-06-21"),
        ("P7D/current", (TimeSpan(utc(2024, 6, 15), None),), None, "2024-06-15/2024-06-21"),
    ],
)  # fmt: skip
def test_defaults(default, spans, first, value):
    collection = having(default=default)
    choice = choose(UNSAID, collection, TODAY)
    assert (choice.spans, choice.first) == (spans, first)
    assert choice.told == f"default {default or 'latest'}"
    assert default_value(collection, TODAY) == value
    # What is advertised as the default can be asked for, and holds something.
    asked = choose(parse_time(value), collection, TODAY)
    assert asked.told == "asked"
    assert not asked.outside(collection)


@pytest.mark.parametrize(
    "text", ["soon", "default", "least-cloudy", "least-cloudy/30", "least-cloudy/P0D", "oldest"]
)
def test_defaults_that_are_none(text):
    with pytest.raises(InvalidTimeError):
        parse_strategy(text)
    with pytest.raises(InvalidTimeError):
        choose(UNSAID, having(default=text), TODAY)


def test_a_day_is_answered_by_the_days_around_it():
    collection = having(tolerance="P5D")
    choice = choose(parse_time("2024-03-10T15:05:00Z"), collection, TODAY)
    assert choice.spans == (TimeSpan(utc(2024, 3, 5), utc(2024, 3, 16)),)
    assert choice.told == "nearest P5D"
    own = MosaicRule("least-cloudy", by="scene")
    assert choice.over(own) == MosaicRule("nearest", date(2024, 3, 10), "scene")
    assert not choose(parse_time("2024-06-26"), collection, TODAY).outside(collection)
    assert choose(parse_time("2024-06-27"), collection, TODAY).outside(collection)
    last = choose(parse_time("9999-12-30"), collection, TODAY)
    assert last.spans == (TimeSpan(utc(9999, 12, 25), None),)


@pytest.mark.parametrize("text", ["2024-03", "2024-03-10/2024-03-10", "2024-03-10,2024-03-20"])
def test_only_a_day_by_itself_has_a_tolerance(text):
    asked = parse_time(text)
    choice = choose(asked, having(tolerance="P5D"), TODAY)
    assert (choice.spans, choice.told) == (asked.spans, "asked")
    assert choice.over(MosaicRule("least-cloudy")) == MosaicRule("least-cloudy")


def test_who_says_which_scene_comes_first_gets_the_day_as_it_is():
    asked = parse_time("2024-03-10")
    choice = choose(asked, having(tolerance="P5D"), TODAY, ruled=True)
    assert (choice.spans, choice.first) == (asked.spans, None)
    assert choose(asked, PLAIN, TODAY) == choice


def test_a_tolerance_that_is_none():
    with pytest.raises(InvalidTimeError, match="ISO 8601"):
        settings_of(having(tolerance="5 days"))


def test_the_newest_follows_the_collection_and_elsewhere_the_day():
    asked = parse_time("P1D/current")
    assert choose(asked, PLAIN, TODAY).spans == (TimeSpan(utc(2024, 6, 21), None),)
    newer = replace(PLAIN, time=(EXTENT[0], utc(2024, 6, 22)))
    assert choose(asked, newer, TODAY).key != choose(asked, PLAIN, TODAY).key
    elsewhere = replace(PLAIN, remote="https://stac.example/collections/c")
    assert choose(asked, elsewhere, TODAY).spans == (TimeSpan(utc(2026, 1, 1), None),)


def test_outside():
    old = choose(parse_time("2023"), PLAIN, TODAY)
    assert old.outside(PLAIN)
    assert not old.outside(replace(PLAIN, remote="https://stac.example/collections/c"))
    assert not old.outside(replace(PLAIN, time=None))
    assert not choose(parse_time("2023,2024-06-21"), PLAIN, TODAY).outside(PLAIN)


dates = st.dates(date(2023, 12, 1), date(2024, 8, 1))


@given(st.lists(dates, min_size=1, max_size=12))
def test_texts_of_one_meaning_have_one_key(days):
    one = choose(parse_time(",".join(f"{d}T12:00:00Z" for d in days)), PLAIN, TODAY)
    other = choose(parse_time(",".join(f"{d}/{d}" for d in reversed(days))), PLAIN, TODAY)
    assert one.key == other.key
    less = choose(parse_time(days[0].isoformat()), PLAIN, TODAY)
    assert (less.key == one.key) == (len(set(days)) == 1)


@given(dates, st.integers(1, 40))
def test_a_tolerance_reaches_as_far_as_it_says(day, tolerance):
    choice = choose(parse_time(day.isoformat()), having(tolerance=f"P{tolerance}D"), TODAY)
    (span,) = choice.spans
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for away in (0, tolerance, -tolerance):
        assert span.contains(noon + timedelta(days=away))
    for away in (tolerance + 1, -tolerance - 1):
        assert not span.contains(noon + timedelta(days=away))

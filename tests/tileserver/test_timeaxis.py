from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.errors import InvalidTimeError
from tileserver.timeaxis import (
    ALWAYS,
    CURRENT,
    MOST_VALUES,
    UNSAID,
    TimeRequest,
    TimeSpan,
    iso,
    parse_time,
    union,
)
from tileserver.timeaxis_duration import Duration


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


DAY = TimeSpan(utc(2024, 6, 12), utc(2024, 6, 13))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2024", TimeSpan(utc(2024, 1, 1), utc(2025, 1, 1))),
        ("2024-06", TimeSpan(utc(2024, 6, 1), utc(2024, 7, 1))),
        ("2024-12", TimeSpan(utc(2024, 12, 1), utc(2025, 1, 1))),
        ("2024-06-12", DAY),
        ("2024-06-12Z", DAY),
        ("2024-06-12T10:30:31.024Z", DAY),
        ("2024-06-12T10:30", DAY),
        ("2024-06-12t10z", DAY),
        ("2024-06-13T00:30:00+02:00", DAY),
        ("2024-06-13T00:30:00 02:00", DAY),  # an unescaped plus in a URL
        ("2024-06-11T23:00:00-0200", DAY),
        ("current", ALWAYS),
        ("Latest", ALWAYS),
        ("../..", ALWAYS),
        ("2024-06-12/2024-06-12", DAY),
        ("2024-01/2024-02", TimeSpan(utc(2024, 1, 1), utc(2024, 3, 1))),
        ("2024-06-12/..", TimeSpan(utc(2024, 6, 12), None)),
        ("2024-06-12/current", TimeSpan(utc(2024, 6, 12), None)),
        ("../2024", TimeSpan(None, utc(2025, 1, 1))),
        (
            "2024-06-12T10:00:00Z/2024-06-12T10:00:00.5Z",
            TimeSpan(utc(2024, 6, 12, 10), utc(2024, 6, 12, 10, 0, 0, 600_000)),
        ),
        (
            "2024-06-12T10:00/2024-06-12T11:30",
            TimeSpan(utc(2024, 6, 12, 10), utc(2024, 6, 12, 11, 31)),
        ),
        ("2024-06-12T00:00:00Z/2024-06-12T23:59:59Z", DAY),
        ("2024-06-12/P1D", DAY),
        ("P1D/2024-06-12", DAY),
        ("2024-06-01/P1M", TimeSpan(utc(2024, 6, 1), utc(2024, 7, 1))),
        ("P1Y/2024", TimeSpan(utc(2024, 1, 1), utc(2025, 1, 1))),
        ("2024-06-12T06:00Z/PT6H", TimeSpan(utc(2024, 6, 12, 6), utc(2024, 6, 12, 12))),
        ("2024-06-12/2024-06-12/P1D", DAY),
        ("2024-01-01/2024-02-29/P1D", TimeSpan(utc(2024, 1, 1), utc(2024, 3, 1))),
        ("1900-01-01/2099-12-31/PT1H", TimeSpan(utc(1900, 1, 1), utc(2100, 1, 1))),
        ("2024-01/2024-12/P1M", TimeSpan(utc(2024, 1, 1), utc(2025, 1, 1))),
        ("2020/2024/P1Y", TimeSpan(utc(2020, 1, 1), utc(2025, 1, 1))),
        ("2024-06-12/../P1D", TimeSpan(utc(2024, 6, 12), None)),
        ("2024-06-12,2024-06-12", DAY),
        ("2024-06-13 , 2024-06-12,2024-06", TimeSpan(utc(2024, 6, 1), utc(2024, 7, 1))),
        ("2024-06-12,current", ALWAYS),
        ("9999", TimeSpan(utc(9999, 1, 1), None)),
        ("9999-12-31", TimeSpan(utc(9999, 12, 31), None)),
    ],
)
def test_grammar(text, span):
    assert parse_time(text).spans == (span,)


def days(*numbers: int, month: int = 6) -> tuple[TimeSpan, ...]:
    return tuple(
        TimeSpan(utc(2024, month, n), utc(2024, month, n) + timedelta(days=1)) for n in numbers
    )


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("2024-06-12,2024-06-01", days(1, 12)),
        ("2024-06-12T23:59:59Z,2024-06-01", days(1, 12)),
        ("2024-06-01/2024-06-11/P5D", days(1, 6, 11)),
        ("2024-06-01/2024-06-10/P5D", days(1, 6)),
        ("2024-06-01/2024-06/P10D", days(1, 11, 21)),
        ("2024-06-01T10:00Z/2024-06-06T10:00Z/PT60H", days(1, 3, 6)),
        ("2024-06-20,2024-06-01/2024-06-06/P5D", days(1, 6, 20)),
        ("2024-01-31/2024-04-30/P1M",
         (*days(31, month=1), *days(29, month=2), *days(31, month=3), *days(30, month=4))),
        ("2024-01/2024-12/P6M",
         (TimeSpan(utc(2024, 1, 1), utc(2024, 2, 1)), TimeSpan(utc(2024, 7, 1), utc(2024, 8, 1)))),
    ],
)  # fmt: skip
def test_several(text, spans):
    assert parse_time(text).spans == spans


def test_what_is_said_of_the_newest():
    assert parse_time("") == parse_time(" Default ") == UNSAID
    assert parse_time("current") == parse_time("LATEST") == CURRENT != UNSAID
    recent = TimeRequest(recent=Duration(0, timedelta(days=30)))
    assert parse_time("P30D/current") == parse_time("p30d/..") == recent


def test_a_day_that_is_asked_by_itself_is_known_as_such():
    for text in ("2024-06-12", "2024-06-12Z", "2024-06-12T10:30:00,5Z", "2024-06-13T00:30+02:00"):
        assert parse_time(text).day == DAY.start.date()
    for text in ("2024", "2024-06", "2024-06-12/2024-06-12", "2024-06-12,2024-06-13", "current"):
        assert parse_time(text).day is None


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "24",
        "20240612",
        "2024-13",
        "2024-06-31",
        "0000",
        "2024-06-12T24:00:00Z",
        "2024-06-12T10:00:00+99:00",
        "2024-06-12T10:00:00+01:75",
        "2024-06-12/2024-06-11",
        "2024-06-12/2024-06-13/1D",
        "2024-06-12/2024-06-13/P0D",
        "2024-06-12/2024-06-13/P",
        "2024-06-12/2024-06-13/P1D/P1D",
        "2024-06-13/2024-06-12/P1D",
        "2024-06-12/../P5D",
        "../2024-06-12/P5D",
        "../P5D",
        "P5D/P5D",
        "P5D",
        "P5D/9999-12-31",
        "2024-06-12/P9000Y",
        "P3000Y/2024",
        "2024-06-12,",
        "2024-06-12,soon",
        "2024-06-12,P30D/current",
        "1900-01-01/2100-01-01/P2D",
        ",".join(["2024-06-12"] * 401),
        ",".join(["2024-01-01/2024-12-31/P2D"] * 3),
        "0001-01-01T00:00:00+02:00",
        "\uff12024",
        "2024-06-12" * 20,
        "2024-06-12," * 700 + "2024",
    ],
)
def test_refused(text):
    with pytest.raises(InvalidTimeError) as caught:
        parse_time(text, parameter="TIME")
    assert caught.value.parameter == "TIME"


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_a_span_or_refused(text):
    try:
        asked = parse_time(text)
    except InvalidTimeError:
        return
    for span in asked.spans:
        assert span.start is None or span.end is None or span.start < span.end


zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=zones)


@settings(deadline=None)
@given(moments)
def test_an_instant_is_the_utc_day_that_holds_it(moment):
    (span,) = parse_time(moment.isoformat()).spans
    assert span.contains(moment)
    assert span.end - span.start == timedelta(days=1)
    assert span.start == datetime.combine(moment.astimezone(UTC).date(), datetime.min.time(), UTC)


@settings(deadline=None)
@given(moments, moments)
def test_an_interval_holds_both_of_its_ends(one, other):
    first, last = sorted((one, other))
    (span,) = parse_time(f"{first.isoformat()}/{last.isoformat()}").spans
    assert span.contains(first)
    assert span.contains(last)
    assert not span.contains(first - timedelta(microseconds=1))
    assert not span.contains(last + timedelta(minutes=2))


@settings(deadline=None)
@given(moments.map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000)))
def test_what_iso_writes_is_read_as_written(moment):
    (span,) = parse_time(f"{iso(moment)}/..").spans
    assert span.start == moment


def test_touches():
    assert DAY.touches(utc(2024, 6, 1), utc(2024, 6, 12))
    assert not DAY.touches(utc(2024, 6, 1), utc(2024, 6, 11, 23, 59))
    assert not DAY.touches(utc(2024, 6, 13), utc(2024, 7, 1))
    assert ALWAYS.touches(utc(2024, 6, 1), utc(2024, 6, 1))


dates = st.dates(datetime(2000, 1, 1).date(), datetime(2030, 1, 1).date())


@settings(deadline=None)
@given(st.lists(dates, min_size=1, max_size=40), st.randoms())
def test_a_list_means_the_same_in_any_order(listed, random):
    shuffled = [d.isoformat() for d in listed]
    random.shuffle(shuffled)
    one = parse_time(",".join(d.isoformat() for d in listed)).spans
    assert parse_time(",".join([*shuffled, shuffled[0]])).spans == one
    for day in listed:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        assert sum(span.contains(noon) for span in one) == 1
    days = sum((span.end - span.start).days for span in one)
    assert days == len(set(listed))


@settings(deadline=None)
@given(dates, st.integers(0, 60), st.integers(1, 40), st.sampled_from(["D", "W", "M"]))
def test_a_period_is_the_list_of_its_values(first, count, step, unit):
    duration = Duration.parse(f"P{step}{unit}")
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    values = [duration.after(start, k).date().isoformat() for k in range(count + 1)]
    written = f"{values[0]}/{values[-1]}/{duration}"
    assert parse_time(written).spans == parse_time(",".join(values)).spans


ends = st.one_of(st.none(), moments)
spans_ = (
    st.tuples(ends, ends).filter(lambda e: None in e or e[0] < e[1]).map(lambda e: TimeSpan(*e))
)


@settings(deadline=None)
@given(st.lists(spans_, max_size=8), moments)
def test_a_union_holds_what_its_spans_hold(spans, moment):
    joined = union(spans)
    assert sum(s.contains(moment) for s in joined) == any(s.contains(moment) for s in spans)
    assert union(reversed(spans)) == joined == union(joined)
    for one, other in pairwise(joined):
        assert one.end < other.start


def test_no_more_is_made_of_a_list_than_is_allowed():
    text = ",".join(["2000-01-01/2001-12-31/P2D"] * 300)
    with pytest.raises(InvalidTimeError, match=f"more than {MOST_VALUES} values"):
        parse_time(text)

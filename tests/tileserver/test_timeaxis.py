from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.errors import InvalidTimeError
from tileserver.timeaxis import ALWAYS, TimeSpan, axis_values, iso, parse_time


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
        ("", ALWAYS),
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
        ("9999", TimeSpan(utc(9999, 1, 1), None)),
        ("9999-12-31", TimeSpan(utc(9999, 12, 31), None)),
    ],
)
def test_grammar(text, span):
    assert parse_time(text) == span


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
        "2024-06-12/2024-06-13/P1D",
        "2024-06-12,2024-06-13",
        "0001-01-01T00:00:00+02:00",
        "\uff12024",
        "2024-06-12" * 20,
    ],
)
def test_refused(text):
    with pytest.raises(InvalidTimeError) as caught:
        parse_time(text, parameter="TIME")
    assert caught.value.parameter == "TIME"


def test_a_list_is_refused_by_name():
    with pytest.raises(InvalidTimeError, match="lists of times"):
        parse_time("2024-06-12,2024-06-13")


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_a_span_or_refused(text):
    try:
        span = parse_time(text)
    except InvalidTimeError:
        return
    assert span.start is None or span.end is None or span.start < span.end


zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=zones)


@settings(deadline=None)
@given(moments)
def test_an_instant_is_the_utc_day_that_holds_it(moment):
    span = parse_time(moment.isoformat())
    assert span.contains(moment)
    assert span.end - span.start == timedelta(days=1)
    assert span.start == datetime.combine(moment.astimezone(UTC).date(), datetime.min.time(), UTC)


@settings(deadline=None)
@given(moments, moments)
def test_an_interval_holds_both_of_its_ends(one, other):
    first, last = sorted((one, other))
    span = parse_time(f"{first.isoformat()}/{last.isoformat()}")
    assert span.contains(first)
    assert span.contains(last)
    assert not span.contains(first - timedelta(microseconds=1))
    assert not span.contains(last + timedelta(minutes=2))


@settings(deadline=None)
@given(moments.map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000)))
def test_what_iso_writes_is_read_as_written(moment):
    span = parse_time(f"{iso(moment)}/..")
    assert span.start == moment


def test_touches():
    assert DAY.touches(utc(2024, 6, 1), utc(2024, 6, 12))
    assert not DAY.touches(utc(2024, 6, 1), utc(2024, 6, 11, 23, 59))
    assert not DAY.touches(utc(2024, 6, 13), utc(2024, 7, 1))
    assert ALWAYS.touches(utc(2024, 6, 1), utc(2024, 6, 1))


def test_axis_values():
    days = [date(2024, 1, 1) + timedelta(days=5 * k) for k in range(500)]
    assert axis_values(days[:2]) == ("2024-01-01", "2024-01-06")
    assert axis_values(days) == ("2024-01-01/2030-10-31/P1D",)
    assert axis_values([]) == ()

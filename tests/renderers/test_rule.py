"""The order of mosaics: one for every tile, and what each priority promises."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.rule import ClassMask, MosaicRule, solar_day
from renderers.scene import Scene
from styles.program import select

DAYS = st.dates(date(2015, 6, 23), date(2026, 12, 31))
RULES = st.one_of(
    st.builds(
        MosaicRule,
        st.sampled_from(["most-recent", "least-recent", "least-cloudy"]),
        by=st.sampled_from(["day", "scene"]),
    ),
    st.builds(MosaicRule, st.just("nearest"), DAYS, st.sampled_from(["day", "scene"])),
)
TIMES = st.none() | st.datetimes(
    datetime(2015, 6, 23), datetime(2026, 12, 31), timezones=st.just(UTC)
)
CLOUDS = st.none() | st.floats(0, 100)
SCENES = st.lists(
    st.builds(
        Scene, st.text(max_size=8), st.just("c"), TIMES, st.just({}), CLOUDS,
        st.none() | st.floats(-180, 180),
    ),
    unique_by=lambda scene: scene.id,
    max_size=12,
)  # fmt: skip


def scene(name, day=1, hour=10.0, longitude=0.0, cloud=None):
    when = datetime(2024, 6, day, tzinfo=UTC) + timedelta(hours=hour)
    return Scene(name, "c", when, {}, cloud, longitude)


def names(rule, *scenes):
    return "".join(s.id for s in rule.ordered(scenes))


@given(RULES, SCENES, st.randoms())
def test_the_order_of_scenes_that_are_given_does_not_matter(rule, scenes, random):
    shuffled = random.sample(scenes, len(scenes))
    assert rule.ordered(shuffled) == rule.ordered(scenes)


@given(RULES, SCENES, st.data())
def test_tiles_that_touch_different_scenes_order_alike_those_they_share(rule, scenes, data):
    shared = data.draw(st.lists(st.sampled_from(scenes), unique_by=id)) if scenes else []
    whole = [s for s in rule.ordered(scenes) if any(s is other for other in shared)]
    assert rule.ordered(shared) == whole


@given(SCENES, st.sampled_from(["most-recent", "least-recent"]))
def test_days_follow_one_another(scenes, priority):
    order = MosaicRule(priority).ordered(scenes)
    days = [solar_day(s) for s in order]
    known = [day for day in days if day is not None]
    assert known == sorted(known, reverse=priority == "most-recent")
    assert days == known + [None] * (len(days) - len(known))


@given(SCENES, DAYS)
def test_no_scene_is_nearer_than_an_earlier_one(scenes, near):
    order = MosaicRule("nearest", near).ordered(scenes)
    apart = [abs(day - near) for s in order if (day := solar_day(s)) is not None]
    assert apart == sorted(apart)


@given(SCENES)
def test_no_scene_has_fewer_clouds_than_an_earlier_one(scenes):
    clouds = [s.cloud_cover for s in MosaicRule("least-cloudy").ordered(scenes)]
    known = [cloud for cloud in clouds if cloud is not None]
    assert known == sorted(known)
    assert clouds == known + [None] * (len(clouds) - len(known))


def test_equally_cloudy_ones_come_most_recent_first_then_by_id():
    scenes = [scene("b", 1, cloud=5.0), scene("a", 1, cloud=5.0), scene("c", 2, cloud=5.0)]
    assert names(MosaicRule("least-cloudy"), *scenes) == "cab"


def test_exactly_nearest_is_to_the_day_s_noon():
    early, late = scene("a", 5, hour=1.0), scene("b", 6, hour=10.0)
    assert names(MosaicRule("nearest", date(2024, 6, 5), "scene"), early, late) == "ab"
    after = scene("c", 5, hour=22.5)
    assert names(MosaicRule("nearest", date(2024, 6, 5), "scene"), early, after) == "ca"
    assert names(MosaicRule("nearest", date(2024, 6, 5)), early, after) == "ca", "most recent"


@pytest.mark.parametrize(
    ("hour", "longitude", "day"),
    [
        (10.5, 0.0, 2),
        (22.5, 175.0, 3),  # New Zealand: half past ten in the morning of the next day
        (2.0, -120.0, 1),  # California: six in the evening of the day before
        (12.0, 179.9, 2),
        (12.1, 180.0, 3),
        (11.9, -180.0, 1),
        (12.0, -180.0, 2),
    ],
)
def test_a_solar_day_is_that_of_the_sun(hour, longitude, day):
    assert solar_day(scene("a", 2, hour, longitude)) == date(2024, 6, day)


def test_one_pass_over_midnight_utc_is_one_day():
    """Two tiles of one pass 100 s apart over New Zealand, where UTC changes its date."""
    before, after = scene("b", 2, 23.99, 174.0), scene("a", 3, 0.02, 174.0)
    assert solar_day(before) == solar_day(after) == date(2024, 6, 3)
    assert solar_day(replace(before, longitude=None)) == date(2024, 6, 2), "UTC where unknown"


@given(SCENES, st.sampled_from(["least-cloudy", "most-recent"]), st.integers(1, 5))
def test_only_so_many_dates_each_whole_and_in_one_piece(scenes, priority, most):
    every = MosaicRule(priority, compose="mean")
    order, numbers = every.ordered(scenes), every.date_numbers(every.ordered(scenes))
    assert numbers == sorted(numbers)
    assert sorted(s.id for s in order) == sorted(s.id for s in scenes)
    some = MosaicRule(priority, compose="mean", dates=most).ordered(scenes)
    assert some == [s for s, number in zip(order, numbers, strict=True) if number < most]
    first = MosaicRule(priority, dates=most).ordered(scenes)
    assert {s.id for s in first} == {s.id for s in some}
    assert first == [s for s in MosaicRule(priority).ordered(scenes) if s in first]


def test_nearest_needs_a_day_and_nothing_else_has_one():
    with pytest.raises(ValueError, match="nearest"):
        MosaicRule("nearest")
    with pytest.raises(ValueError, match="nearest"):
        MosaicRule("most-recent", date(2024, 6, 1))
    with pytest.raises(ValueError, match="best"):
        MosaicRule(compose="best")


def test_only_the_plain_rule_has_no_key():
    rules = [
        MosaicRule(), MosaicRule(by="scene"), MosaicRule("least-recent"),
        MosaicRule("least-cloudy"), MosaicRule("nearest", date(2024, 6, 1)),
        MosaicRule("nearest", date(2024, 6, 2)), MosaicRule(compose="mean"), MosaicRule(dates=3),
        MosaicRule(clear=ClassMask("SCL", (3,))), MosaicRule(clear=ClassMask("SCL", (), (3,))),
        MosaicRule(compose="best", best=select("a")), MosaicRule(compose="best", best=select("b")),
    ]  # fmt: skip
    assert rules[0].key == ""
    assert len({rule.key for rule in rules}) == len(rules)

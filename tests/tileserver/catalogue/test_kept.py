"""Scenes and searches in memory: bounded, and no search outlives a scene it found."""

from types import SimpleNamespace
from typing import Any

from tileserver.catalogue.kept import KeptScenes


def scene(name: str) -> Any:
    return SimpleNamespace(id=name)


def filled(scenes: int = 10, searches: int = 10, count: int = 3) -> KeptScenes[str]:
    kept: KeptScenes[str] = KeptScenes(scenes, searches)
    for number in range(count):
        kept.keep((number, 1), scene(f"s{number}"))
    return kept


def ids(found: Any) -> Any:
    return None if found is None else [s.id for s in found]


def test_an_answer_has_its_scenes_in_order():
    kept = filled()
    assert kept.answer("q") is None
    kept.remember("q", [(2, 1), (0, 1)])
    kept.remember("none", [])
    assert ids(kept.answer("q")) == ["s2", "s0"]
    assert kept.answer("none") == []


def test_an_answer_without_one_of_its_scenes_is_none():
    kept = filled()
    kept.remember("q", [(2, 1), (0, 1)])
    kept.remember("other", [(1, 1)])
    kept.keep((2, 2), scene("another revision"))
    kept.forget(2)
    assert kept.scene((2, 1)) is kept.scene((2, 2)) is None
    assert kept.answer("q") is None
    assert ids(kept.answer("other")) == ["s1"]
    kept.keep((2, 1), scene("again"))
    assert ids(kept.answer("q")) == ["again", "s0"]


def test_scenes_not_used_for_longest_go_first():
    kept = filled(scenes=3)
    kept.remember("q", [(0, 1)])
    assert ids(kept.answer("q")) == ["s0"]
    kept.scene((1, 1))
    kept.keep((3, 1), scene("s3"))
    assert kept.scene((2, 1)) is None
    assert kept.scene((1, 1)) is not None
    assert ids(kept.answer("q")) == ["s0"]


def test_searches_are_bounded_by_number_and_by_what_they_found():
    kept = filled(searches=3)
    for number in range(4):
        kept.remember(f"q{number}", [(0, 1)])
    assert [kept.answer(f"q{n}") is None for n in range(4)] == [True, False, False, False]
    kept.answer("q1")
    kept.remember("long", [(0, 1)] * 100)
    assert [kept.answer(f"q{n}") is None for n in (1, 2, 3)] == [False, True, True]
    assert kept.answer("long") is not None
    kept.remember("too long", [(0, 1)] * 1000)
    assert kept.answer("too long") is None
    for number in range(3):
        kept.remember(f"r{number}", [])
    assert all(kept.answer(f"r{n}") == [] for n in range(3))


def test_the_same_question_again_counts_once():
    kept = filled(searches=2)
    for _ in range(5):
        kept.remember("q", [(0, 1)])
    kept.remember("r", [(1, 1)])
    assert ids(kept.answer("q")) == ["s0"]
    assert ids(kept.answer("r")) == ["s1"]

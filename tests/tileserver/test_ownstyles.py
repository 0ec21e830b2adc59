import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styles.errors import StyleError
from styles.registry import StyleRegistry
from tileserver import ownstyles
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.errors import InvalidParameterError, TooLargeError, UnknownStyleError
from tileserver.layers import LayerStyles
from tileserver.ownstyles import OwnStyles, read_definition

LIBRARY = StyleRegistry.load_library()
TEXT = """
title: Mine
expression: (nir - green) / (nir + green)
ramp:
  range: [0.0, 1.0]
  map: viridis
"""


@pytest.fixture
def own(tmp_path):
    store = OwnStyles(tmp_path / "styles.sqlite", LIBRARY)
    yield store
    store.close()


def test_without_a_style_no_file_is_made(own, tmp_path):
    assert own.registry() is LIBRARY
    assert list(tmp_path.iterdir()) == []


def test_a_style_is_there_at_once_and_after_a_restart(own, tmp_path):
    style, new = own.put("mine", TEXT)
    assert new
    assert own.registry().get("mine").digest == style.digest
    assert len(own.registry()) == len(LIBRARY) + 1
    assert own.version("mine").number == 1
    again = OwnStyles(tmp_path / "styles.sqlite", LIBRARY)
    assert again.registry().get("mine").digest == style.digest
    assert again.registry().get("mine").title == "Mine"
    again.close()


def test_other_workers_see_it(own, tmp_path, monkeypatch):
    monkeypatch.setattr(ownstyles, "_LOOK_EVERY", 0.0)
    other = OwnStyles(tmp_path / "styles.sqlite", LIBRARY)
    assert "mine" not in other.registry()
    own.put("mine", TEXT)
    assert "mine" in other.registry()
    kept = other.registry()
    assert other.registry() is kept
    own.remove("mine")
    assert "mine" not in other.registry()
    other.close()


def test_sent_again_it_has_another_version_and_digest(own):
    first, _ = own.put("mine", TEXT)
    second, new = own.put("mine", TEXT.replace("viridis", "magma"))
    assert (new, own.version("mine").number) == (False, 2)
    assert first.digest != second.digest == own.version("mine").digest
    own.remove("mine")
    assert own.version("mine") is None
    own.put("mine", TEXT)
    assert own.version("mine").number == 4


def test_a_style_that_extends_another_outlives_it(own):
    own.put("base", TEXT)
    own.put("child", "{extends: base, title: Child}")
    own.remove("base")
    assert own.registry().get("child").title == "Child"


def test_shipped_styles_are_not_replaced(own):
    with pytest.raises(InvalidParameterError, match="comes with the server"):
        own.put("ndvi", TEXT)
    with pytest.raises(UnknownStyleError):
        own.remove("ndvi")


def test_there_is_a_bound(own, monkeypatch):
    monkeypatch.setattr(ownstyles, "MAX_STYLES", 1)
    own.put("mine", TEXT)
    own.put("mine", TEXT)
    with pytest.raises(TooLargeError):
        own.put("more", TEXT)


def test_what_no_longer_fits_is_left_out_and_logged(own, tmp_path, caplog):
    own.put("mine", TEXT)
    own.put("other", TEXT)
    with sqlite3.connect(tmp_path / "styles.sqlite") as connection:
        connection.execute("UPDATE version SET definition = '{}' WHERE id = 'mine'")
    connection.close()
    again = OwnStyles(tmp_path / "styles.sqlite", LIBRARY)
    assert "mine" not in again.registry()
    assert "other" in again.registry()
    assert "mine" in caplog.text
    again.close()


def test_collections_have_the_changed_style(own):
    styles = LayerStyles(own.registry)
    collection = Collection("c", "C", bands=(BandInfo("B08", "nir"), BandInfo("B03", "green")))
    own.put("mine", TEXT)
    first = styles.style(collection, "mine")
    assert styles.style(collection, "mine") is first
    own.put("mine", TEXT.replace("viridis", "magma"))
    assert styles.style(collection, "mine").digest != first.digest
    own.remove("mine")
    with pytest.raises(UnknownStyleError):
        styles.style(collection, "mine")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: a definition is a mapping"),
        ("- a", "line 1: a definition is a mapping"),
        ("title: A\nid: other", "line 2: id: must be mine"),
        (TEXT.replace("map: viridis", "map: nothing"), "line 6: ramp.map: "),
        (TEXT + "colour: red", "line 7: colour: unknown key"),
        (TEXT.replace("(nir -", "(nir * /"), "line 3: expression: "),
        ('{"title": "A",\n "bands": 5}', "line "),
        ("a: &x [1]\nb: *x", "alias"),
        ("{", "the body, line 1"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(text, words):
    with pytest.raises(StyleError, match=words.replace("(", r"\(")):
        read_definition("mine", text, LIBRARY)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_style_or_refused(text):
    with pytest.raises(StyleError):
        read_definition("mine", text, LIBRARY)

import pytest

from styles.errors import StyleError
from styles.loading import load_file, load_text

GOOD = """\
styles:
  - id: one
    title: One
    bands: [red]
    ramp:
      map: viridis
      range: [0, 1]
  - id: two
    title: Two
    bands: [red]
    classes:
      - {value: 1, name: A, colour: "#000000"}
"""


def test_file(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    assert [style.id for style in load_file(path)] == ["one", "two"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("range: [0, 1]", "range: [0, x]", 7, "ramp.range[1]: must be a number"),
        ("map: viridis", "map: nope", 6, "ramp.map: there is no colour map 'nope'"),
        ("    title: Two\n", "", 8, "title is missing"),
        ("value: 1,", "value: 1, x: 2,", 12, "classes[0].x: unknown key"),
        ("id: two", "id: one", 8, "the id one is used twice"),
        ("title: One", "title: One\n    title: Eins", 4, "the key is there twice"),
        ("bands: [red]", "bands: [red", 5, "expected"),
        ("bands: [red]", "bands: &x [red, *x]", 4, "aliases are not allowed"),
        ("title: One", "title: !!python/object:os.system x", 3, "could not determine"),
        ("styles:", "things:", 1, "the only key is styles"),
        (GOOD, "", 1, "the only key is styles"),
        (GOOD, "styles: 7", 1, "must be a list"),
        (GOOD, "- 1", 1, "the only key is styles"),
        (GOOD, "styles: [7]", 1, "must be a mapping"),
        (GOOD, "styles: []\n---\nstyles: []", 2, "but found another document"),
        (GOOD, "styles: [{? [1, 2] : 3}]", 1, "unhashable"),
        (GOOD, "styles: [{1: 2}]", 1, "1: unknown key"),
    ],
)
def test_errors_name_file_line_and_key(old, new, line, words):
    with pytest.raises(StyleError) as caught:
        load_text(GOOD.replace(old, new, 1), "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml")
    assert words in message
    assert f"line {line}" in message


def test_aliases_cannot_blow_up():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 9)}]\n" for k in range(9)
    )
    with pytest.raises(StyleError, match="aliases are not allowed"):
        load_text(bomb, "bomb.yaml")


def test_control_characters():
    with pytest.raises(StyleError, match=r"my\.yaml: .*special characters"):
        load_text("a: \x00", "my.yaml")


def test_deep_nesting():
    with pytest.raises(StyleError, match=r"deep\.yaml"):
        load_text("[" * 5000, "deep.yaml")

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.errors import InvalidParameterError, MissingParameterError
from tileserver.web.kvp import Kvp, boolean, integer, names


def test_names_in_any_case_and_values_as_they_are():
    kvp = Kvp(b"sErViCe=WMS&%6Cayers=a%2Cb+c&STYLES=&x")
    assert kvp.text("SERVICE") == "WMS"
    assert kvp.text("LAYERS") == "a,b c"
    assert "styles" in kvp
    assert kvp.text("STYLES", "none") == "none"
    assert "X" in kvp
    assert "y" not in kvp


def test_repeated_parameters():
    kvp = Kvp(b"subset=a(1)&SUBSET=b(2)&v=&v=3")
    assert kvp.all("Subset") == ["a(1)", "b(2)"]
    assert kvp.text("v") == "3"


def test_required():
    kvp = Kvp(b"WIDTH=x&HEIGHT=")
    with pytest.raises(MissingParameterError) as missing:
        kvp.required("HEIGHT", integer)
    assert missing.value.parameter == "HEIGHT"
    with pytest.raises(InvalidParameterError) as invalid:
        kvp.required("WIDTH", integer)
    assert invalid.value.parameter == "WIDTH"
    assert kvp.optional("HEIGHT", integer, 7) == 7


@given(st.binary(max_size=300))
def test_any_bytes_are_read(query):
    kvp = Kvp(query)
    for name in kvp:
        assert name in kvp
        assert kvp.all(name)


def test_bounds():
    with pytest.raises(InvalidParameterError):
        Kvp(b"a=1&" * 201)
    with pytest.raises(InvalidParameterError):
        Kvp(b"a" * 70_000)


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("+7", 7), ("-3", -3), ("007", 7)])
def test_integer(text, value):
    assert integer(text) == value


@pytest.mark.parametrize("text", ["", "+", "1_0", "1.0", "1e3", "\u0661", " 1", "1" * 10, "--1"])
def test_no_integer(text):
    with pytest.raises(ValueError, match="whole number"):
        integer(text)


def test_boolean_and_names():
    assert boolean("fAlSe") is False
    assert names("a, b,,c") == ("a", "b", "", "c")
    with pytest.raises(ValueError, match="TRUE or FALSE"):
        boolean("1")

import math
import operator
import string

import numexpr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styles import opcodes as op
from styles.errors import StyleError
from styles.expression import compile_formula, compile_intervals
from styles.program import renamed
from styles.reference import evaluate

NAMES = ("red", "nir", "B04", "b1")
PIXELS = np.array(
    [
        [0.1, 0.5, 0.0, -1.0, 2.5, np.nan, 0.3],
        [0.4, 0.5, 0.0, 3.0, -2.5, 1.0, np.inf],
        [0.2, -0.5, 1.0, 1.0, 7.0, 0.5, 0.1],
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan],
    ],
    np.float32,
)


def run(text, **bands):
    program = compile_formula(text)
    inputs = np.array([bands[name] for name in program.inputs], np.float32)
    return [float(v) for v in evaluate(program, inputs[:, None])[:, 0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(nir - red) / (nir + red)", [0.6]),
        ("nir - red - red", [0.4]),
        ("2 ** 3 ** 2 + 0 * nir", [512.0]),
        ("-nir ** 2", [-0.64]),
        ("nir ** -1", [1.25]),
        ("nir ** 0.5", [math.sqrt(0.8)]),
        ("nir ** 3", [0.512]),
        ("nir ** 4", [0.4096]),
        ("2 ** -nir", [2**-0.8]),
        ("+nir", [0.8]),
        ("--nir", [0.8]),
        ("nir > red", [1.0]),
        ("red < nir < 0.5", [0.0]),
        ("nir == 0.8", [1.0]),
        ("nir != nir", [0.0]),
        ("nir >= red and red <= 0.2", [1.0]),
        ("not nir or red", [1.0]),
        ("not nir", [0.0]),
        ("where(nir > 0.5, red, nir)", [0.2]),
        ("clamp(nir * 10, 0, 5)", [5.0]),
        ("min(nir, red, 0.1)", [0.1]),
        ("max(nir, red)", [0.8]),
        ("abs(red - nir)", [0.6]),
        ("log(exp(nir))", [0.8]),
        ("sqrt(nir)", [math.sqrt(0.8)]),
        ("nir, red; nir + red", [0.8, 0.2, 1.0]),
        ("(nir, red)", [0.8, 0.2]),
        ("nir;red;", [0.8, 0.2]),
        ("\n nir +\n\tred ", [1.0]),
        ("1e-1 * nir", [0.08]),
        (".5 * nir + 1.", [1.4]),
    ],
)
def test_formula_means_what_python_says(text, expected):
    assert run(text, nir=0.8, red=0.2) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("   ", 0),
        (";", 0),
        ("nir;;red", 4),
        ("nir +", 0),
        ("nir red", 4),
        ("nir.real", 0),
        ("nir[0]", 3),
        ("'nir'", 0),
        ("open(nir)", 0),
        ("nir + foo(red)", 6),
        ("red;  nir + foo(red)", 12),
        ("nir if red else nir", 0),
        ("1if nir else 2", 1),
        ("1e400x", 5),
        ("0x10 * nir", 1),
        ("nir * 1e39", 6),
        ("nir * " + "9" * 400, 6),
        ("True * nir", 0),
        ("... * nir", 0),
        ("nir ^ red", 4),
        ("nir & red", 0),
        ("nir | 3", 0),
        ("nir & 1.5", 6),
        ("nir & -1", 0),
        ("nir >> red", 7),
        ("nir << 25", 7),
        ("~nir", 0),
        ("nir in (4)", 0),
        ("nir in ()", 0),
        ("bit(nir, 24)", 9),
        ("bit(nir, red)", 9),
        ("bits(nir, 20, 5)", 14),
        ("bits(nir, 0, 0)", 13),
        ("isin(nir)", 0),
        ("log10", 0),
        ("nir // red", 0),
        ("nir in red", 0),
        ("nir is red", 0),
        ("lambda: nir", 6),
        ("(nir, red), red", 0),
        ("abs", 0),
        ("abs(nir, red)", 0),
        ("abs()", 0),
        ("abs(x=nir)", 0),
        ("min(nir)", 0),
        ("min(*nir, red)", 4),
        ("nir)+(red", 3),
        ("nir\x00", 3),
        ("n\u00e4r", 1),
        ("-1", -1),
        ("1, 2", -1),
        ("a" * 65, 0),
    ],
)
def test_anything_else_is_refused_with_its_column(text, position):
    with pytest.raises(StyleError) as caught:
        compile_formula(text)
    assert caught.value.position == position


def test_bounds():
    with pytest.raises(StyleError, match="longer"):
        compile_formula("nir+" * 600 + "nir")
    with pytest.raises(StyleError, match="deep"):
        compile_formula("+".join(["nir"] * 34))
    with pytest.raises(StyleError, match="deep"):
        compile_formula("-" * 1900 + "nir")
    with pytest.raises(StyleError, match=r"this is not a formula|cannot be read"):
        compile_formula("(" * 900 + "nir" + ")" * 900)
    with pytest.raises(StyleError, match="bands"):
        compile_formula(";".join(f"b{k}" for k in range(17)))
    with pytest.raises(StyleError, match="numbers"):
        compile_formula("+".join(["nir"] * 2) + "".join(f";nir+{k}" for k in range(97)))
    with pytest.raises(StyleError, match="operations"):
        compile_formula("max(" + ",".join(f"a*{k}" for k in range(9)) + ")" + many_operations())
    with pytest.raises(StyleError, match="results"):
        compile_formula(";".join(["nir"] * 17))


def many_operations():
    """257 or more different operations, in fewer than 2000 characters."""
    return "".join(f";a{o}{k}" for k in range(90) for o in ("*", "/", "-"))


def test_unknown_bands_are_refused():
    assert compile_formula("nir + red", names={"nir", "red"}).inputs == ("nir", "red")
    with pytest.raises(StyleError, match="no band red") as caught:
        compile_formula("nir + red", names={"nir"})
    assert caught.value.position == 6


def test_common_parts_are_computed_once():
    program = compile_formula("(nir + red) / (red + nir) + (nir + red) * (nir - red)")
    assert program.code[:, 0].tolist() == [op.ADD, op.DIV, op.SUB, op.MUL, op.ADD]
    assert len(compile_formula("nir * 2 + 2 * red + 2").constants) == 1
    assert len(compile_formula("where(nir > 0, 0, -0.0)").constants) == 2


def test_registers_are_used_again_and_never_written_while_read():
    program = compile_formula(" + ".join(f"(nir * {k})" for k in range(30)))
    assert program.code[:, 1].max() < 4
    for kind, dst, *operands in program.code.tolist():
        assert dst not in operands[: op.ARITY[kind]]


def test_too_many_values_at_a_time():
    # Right-nested sums keep every product alive until the innermost is known.
    products = [f"(a*{k})" for k in range(16)]
    text = ",".join(products)
    assert compile_formula(text).outputs == 16
    alive = "min(" + ",".join(f"a*{k}" for k in range(16)) + ")"
    nested = alive
    for k in range(1, 4):
        inner = ",".join(f"(a/{k}{j})" for j in range(15))
        nested = f"max({inner},{nested})"
    with pytest.raises(StyleError, match="at a time"):
        compile_formula(nested)


def _binary(symbol, function):
    return lambda a, b: (f"({a[0]} {symbol} {b[0]})", lambda v: function(a[1](v), b[1](v)))


def _truth(function):
    def apply(a, b):
        with np.errstate(invalid="ignore"):
            out = function(a, b).astype(np.float32)
        return np.where(np.isnan(a) | np.isnan(b), np.float32(np.nan), out)

    return apply


LEAVES = st.one_of(
    st.sampled_from(range(len(NAMES))).map(lambda k: (NAMES[k], lambda v: v[k])),
    st.floats(0, 100, width=32, allow_subnormal=False).map(
        lambda c: (repr(c), lambda v: np.full(v.shape[1], c, np.float32))
    ),
)
BINARY = [
    _binary("+", operator.add),
    _binary("-", operator.sub),
    _binary("*", operator.mul),
    _binary("/", operator.truediv),
    _binary("<", _truth(np.less)),
    _binary(">=", _truth(np.greater_equal)),
    _binary("==", _truth(np.equal)),
    _binary("and", _truth(lambda a, b: (a != 0) & (b != 0))),
    _binary("or", _truth(lambda a, b: (a != 0) | (b != 0))),
]


def _extend(children):
    pairs = st.tuples(children, children)
    return st.one_of(
        st.tuples(st.sampled_from(BINARY), pairs).map(lambda t: t[0](*t[1])),
        children.map(lambda a: (f"-{a[0]}", lambda v: -a[1](v))),
        children.map(lambda a: (f"sqrt({a[0]})", lambda v: np.sqrt(a[1](v)))),
        children.map(lambda a: (f"abs({a[0]})", lambda v: np.abs(a[1](v)))),
        pairs.map(lambda p: (f"max({p[0][0]}, {p[1][0]})", lambda v: _max(p[0][1](v), p[1][1](v)))),
    )


def _max(a, b):
    return np.where((a > b) | np.isnan(a), a, b)


FORMULAS = st.recursive(LEAVES, _extend, max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(FORMULAS)
def test_random_formulas_agree_with_numpy(formula):
    text, function = formula
    with np.errstate(all="ignore"):
        expected = function(PIXELS)
    program = compile_formula(f"{text}; red + nir + B04 + b1")
    order = [NAMES.index(name) for name in program.inputs]
    found = evaluate(program, PIXELS[order])[0]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.text(string.ascii_letters[:6] + "01.eE+-*/<>=!(),; _", max_size=2100),
    st.lists(
        st.sampled_from(
            [
                *"(),;.[{*-_\\'\n\t",
                *("nir", "**", "1e9", "0x", "where(", "abs("),
                *("not ", "and ", "if ", "else ", "lambda ", "for ", "in "),
                *("slope(", "time_max(", "focal_mean(", "bits(", "3", "&", "|", "~", ">>", "%"),
            ]
        ),
        max_size=300,
    ).map("".join),
)


@settings(max_examples=600, deadline=None)
@given(HOSTILE)
def test_hostile_text_gives_a_program_or_a_style_error(text):
    try:
        program = compile_formula(text)
    except StyleError as error:
        position = error.position
    else:
        position = -1
        assert len(program.code) <= op.MAX_INSTRUCTIONS
        assert len(program.inputs) <= op.MAX_INPUTS
    assert -1 <= position <= len(text) + 1


VALUES = np.array([0, 1, 2, 3, 4, 7, 8, 255, 256, 21824, 65535, 16777215, -1, -32768], np.float32)


def of(text, **bands):
    """Values of a formula by the twin."""
    program = compile_formula(text)
    inputs = np.stack([np.asarray(bands[name], np.float32) for name in program.inputs])
    return evaluate(program, inputs)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bit(qa, 3)", lambda v: (v >> 3) & 1),
        ("bits(qa, 8, 2)", lambda v: (v >> 8) & 3),
        ("bits(qa, 0, 24)", lambda v: v & 0xFFFFFF),
        ("qa & 26", lambda v: v & 26),
        ("qa & 0", lambda v: v & 0),
        ("qa & 65535", lambda v: v & 65535),
        ("qa >> 5", lambda v: v >> 5),
        ("(qa & 255) << 4", lambda v: (v & 255) << 4),
        ("qa % 7", lambda v: v % 7),
        ("mod(qa, -7)", lambda v: v % -7),
        ("isin(qa, 4, 7, 255)", lambda v: np.isin(v, [4, 7, 255])),
        ("qa in (4, 7, 255)", lambda v: np.isin(v, [4, 7, 255])),
        ("qa not in (4, 7)", lambda v: ~np.isin(v, [4, 7])),
        ("(qa > 3) & (qa < 256)", lambda v: (v > 3) & (v < 256)),
        ("(qa < 3) | (qa == 8)", lambda v: (v < 3) | (v == 8)),
        ("~(qa < 3)", lambda v: v >= 3),
        ("((qa & 8) != 0) & (qa > 8)", lambda v: ((v & 8) != 0) & (v > 8)),
    ],
)
def test_bits_and_classes_are_those_of_integers(text, expected):
    whole = VALUES.astype(np.int64)
    np.testing.assert_array_equal(of(text, qa=VALUES), expected(whole).astype(np.float32))


def test_functions_and_names():
    x = np.array([-2.5, -0.5, 0.5, 1.5, 2.5, 100.0], np.float32)
    assert of("round(x)", x=x).tolist() == [-2, 0, 0, 2, 2, 100]
    assert of("floor(x) + ceil(x)", x=x).tolist() == [-5, -1, 1, 3, 5, 200]
    np.testing.assert_allclose(of("log10(x)", x=x[2:]), np.log10(x[2:]), rtol=1e-6)
    np.testing.assert_allclose(of("arctan2(x, 1)", x=x), np.arctan2(x, 1), rtol=1e-6)
    np.testing.assert_allclose(of("cos(x * pi)", x=x), np.cos(x * np.float32(np.pi)), atol=1e-6)
    assert np.isnan(of("where(x > 0, nan, x)", x=x)).tolist() == (x > 0).tolist()
    assert of("x * dataMask", x=x).tolist() == x.tolist()


def test_formulas_of_numexpr_are_taken_as_they_are():
    """Those of rio-tiler's documentation and tests, and what users write."""
    rng = np.random.default_rng(4)
    bands = {f"b{k}": rng.uniform(0.01, 1, 50).astype(np.float32) for k in range(1, 4)}
    for text in (
        "(b1-b2)/(b1+b2)",
        "b1/b2",
        "where((b1 > 0.5) & (b2 < 0.3), 1, 0)",
        "where((b1 > 0.5) | ~(b2 < 0.3), b3, -1)",
        "sqrt(b1**2 + b2**2)",
        "2.5*(b1-b2)/(b1+6*b2-7.5*b3+1)",
        "log(b1)*10",
        "arctan2(b1,b2)*180/3.14159",
    ):
        np.testing.assert_allclose(of(text, **bands), numexpr.evaluate(text, bands), rtol=2e-5)


def test_intervals_number_from_one_and_the_last_counts():
    program = compile_intervals("a", [(0, 1), (1, 5), (2, 3)])
    values = np.array([[-1, 0, 0.5, 1, 2, 2.5, 3, 5, np.nan]], np.float32)
    found = evaluate(program, values)[0]
    assert found[:8].tolist() == [0, 1, 1, 2, 3, 3, 2, 0]
    assert np.isnan(found[8])
    with pytest.raises(StyleError, match="intervals"):
        compile_intervals("a", [(0, 1)] * 33)
    with pytest.raises(StyleError, match="one value"):
        compile_intervals("a, b", [(0, 1)])


def test_what_is_computed_is_an_input_of_its_own():
    program = compile_formula("hillshade(dem, 90) * red + time_max(nir - red) - hillshade(dem, 90)")
    kinds = [plane.kind for plane in program.planes]
    assert kinds == ["hillshade", "time_max"]
    assert program.planes[0].numbers == (90.0, 45.0, 1.0)
    assert program.bands == ("red", "dem", "nir")
    assert program.over_time
    assert program.reach == 1
    assert len(program.inputs) == 3
    same = compile_formula("hillshade(dem, 90, 45)*red + time_max(nir - red) - hillshade(dem, 90)")
    assert same == program
    assert compile_formula("hillshade(dem, 91)") != compile_formula("hillshade(dem, 90)")
    assert compile_formula("time_max(nir)") != compile_formula("time_min(nir)")
    assert compile_formula("time_max(nir)") != compile_formula("time_max(red)")
    deep = compile_formula("focal_mean(time_mean(slope(dem)), 7)")
    assert (deep.reach, deep.bands, deep.over_time) == (4, ("dem",), True)


def test_bands_of_what_is_computed_are_renamed():
    program = compile_formula("slope(DEM_b1) + slope(DEM) + DEM - x")
    found = renamed(program, {"DEM_b1": "DEM"})
    assert found.bands == ("DEM", "x")
    assert len(found.planes) == 1
    assert found == renamed(
        compile_formula("slope(DEM) + slope(DEM_b1) + DEM_b1 - x"), {"DEM_b1": "DEM"}
    )


@pytest.mark.parametrize(
    ("text", "position", "word"),
    [
        ("1 + slope()", 4, "takes a value"),
        ("slope(dem, 3)", 0, "at most 0 numbers"),
        ("slope(x=dem)", 0, "takes a value"),
        ("hillshade(dem, 315, 91)", 0, "altitude is 0 to 90"),
        ("hillshade(dem, red)", 15, "expected a number"),
        ("hillshade(dem, 1, 2, 3, 4)", 0, "at most 3 numbers"),
        ("focal_mean(dem)", 0, "needs the width"),
        ("focal_mean(dem, 4)", 0, "odd"),
        ("focal_mean(dem, 33)", 0, "3 to 31"),
        ("focal_mean(dem, nan)", 16, "expected a number"),
        ("time_max(1)", 0, "names no band"),
        ("time_max(time_min(a))", 0, "no dates any more"),
        ("time_max(slope(time_min(a)))", 0, "no dates any more"),
        ("time_max(a, 1)", 0, "at most 0 numbers"),
        ("time_max", 0, "is a function"),
        ("focal_mean(focal_mean(focal_mean(a, 31), 31), 31)", -1, "32 pixels"),
        ("+".join(f"time_max(a*{k})" for k in range(9)), -1, "more than 8"),
        (
            "time_max("
            + "+".join(f"a{k}" for k in range(10))
            + ")+"
            + "+".join(f"b{k}" for k in range(10)),
            -1,
            "more than 16 bands",
        ),
    ],
)
def test_bounds_of_what_is_computed(text, position, word):
    with pytest.raises(StyleError, match=word) as caught:
        compile_formula(text)
    assert caught.value.position == position

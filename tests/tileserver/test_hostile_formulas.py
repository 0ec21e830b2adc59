"""Random and hostile formulas through the real HTTP route: a picture or a clean 400."""

import asyncio
import re
import resource
import string
from urllib.parse import urlencode

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.application import fill, make_settings, running

from styles.expression import COMPOSED, FUNCTIONS
from styles.planes import OVER_TIME, PASSES
from tileserver.products.base import Hints

LAYER = "field"
LEAK = re.compile(r"Traceback|site-packages|/tmp/|\.tif\b|file://|sqlite|numba", re.IGNORECASE)
#: Bytes by which all formulas together may grow the process: kernels, caches, and what is kept.
GROWTH = 400 * 1024 * 1024

_BANDS = ["b1", "b2", "b3", "b1_b1", "b2_b1", "b9", "nir", "dataMask"]
_NUMBERS = ["0", "1", "-1", "0.5", "3", "1e9", "1e-40", "1e39", "1e400", "255", "nan", "pi", "0x9"]
_CALLS = sorted({*FUNCTIONS, *COMPOSED, *PASSES, *OVER_TIME, "eval", "print", "__import__"})
_OPERATORS = [
    "+", "-", "*", "/", "%", "**", "//", "<", "<=", ">", ">=", "==", "!=", " and ", " or ", "&",
    "|", "^", ">>", "<<", ",", ";", " in ", " if b1 else ", "=", ":=", ".", "@",
]  # fmt: skip
_LEAVES = st.one_of(st.sampled_from(_BANDS), st.sampled_from(_NUMBERS))


def _larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(parts, min_size=1, max_size=4).map(", ".join)
    return st.one_of(
        st.tuples(parts, st.sampled_from(_OPERATORS), parts).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(parts, st.sampled_from(_OPERATORS), parts).map("".join),
        st.tuples(st.sampled_from(_CALLS), several).map(lambda t: f"{t[0]}({t[1]})"),
        parts.map(lambda p: f"-({p})"),
        parts.map(lambda p: f"not {p}"),
        parts.map(lambda p: f"~({p})"),
    )


WELL_FORMED = st.recursive(_LEAVES, _larger, max_leaves=24)
ODD = st.one_of(
    st.text(max_size=300),
    st.text(
        string.ascii_letters[:8] + string.digits + "()[]{}.,;:+-*/%&|~<>=!@#$'\" \n\t\\_",
        max_size=2200,
    ),
    st.lists(
        st.sampled_from(
            [*_BANDS, *_NUMBERS, *_OPERATORS, *(f"{c}(" for c in _CALLS), "(", ")", "["]
        ),
        max_size=200,
    ).map("".join),
)
_DEEP = [
    "(" * 5000 + "b1" + ")" * 5000,
    "-" * 1990 + "b1",
    "b1" + "**b1" * 400,
    "b1" + "+b1*b2" * 250,
    "not " * 400 + "b1",
    "abs(" * 300 + "b1" + ")" * 300,
    "focal_mean(" * 20 + "b1" + ",31)" * 20,
    "+".join(f"time_median(b1*{k})" for k in range(60)),
    "isin(b1," + ",".join(map(str, range(400))) + ")",
    ",".join(["b1"] * 500),
    ";".join(["b1"] * 900),
    "b1 & 11184810 & 5592405 & 11184810 & 5592405 & 11184810 & 5592405",
    "9" * 1999,
    "b1**" + "9" * 1900,
    "1e999999999",
    "\0", "\ud7ff", "b1\u0661", "\u202eb1", "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()", "(lambda: b1)()", "[b1 for b1 in b2]",
    "b1.__class__", "exec('1')", "f'{b1}'", "b1[0]", "*b1", "**b1", "b1:=1", "...", "None", "True",
    "'a'*9999999999", "b1 if b2 else b3", "await b1", "yield b1", "{b1}", "b1 if", "#", "b1#", "\\",
]  # fmt: skip
FORMULAS = st.one_of(WELL_FORMED, WELL_FORMED, WELL_FORMED, ODD, st.sampled_from(_DEEP))
_MORE = st.fixed_dictionaries(
    {},
    optional={
        "rescale": st.sampled_from(["0,1", "0,1,0,1,0,1", "1,0", "nan,inf", "-1e38,1e38", "x"]),
        "colormap_name": st.sampled_from(["viridis", "gray_r", "", "../x", "nothing"]),
        "colormap": st.sampled_from(['{"1":"#ff0000"}', "[[[0,1],[1,2,3]]]", "[" * 50, "{}", "1"]),
        "gamma": st.sampled_from(["1.5", "0", "-1", "x", "1e9"]),
        "resampling": st.sampled_from(["nearest", "bilinear", "cubic", "average", "mode", "x"]),
        "mosaic": st.sampled_from(["", "median", "max:default", "least-recent", "x"]),
    },
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The application over one small raster of three bands, on a loop of its own."""
    folder = tmp_path_factory.mktemp("formulas")
    data = np.random.default_rng(1).normal(0, 100, (3, 64, 64)).astype(np.float32)
    data[:, :8] = np.nan
    data[:, 8, :3] = np.inf, -np.inf, 0
    grid = Affine(1 / 64, 0.0, 7.0, 0.0, -1 / 64, 47.0)
    with rasterio.open(
        folder / "field.tif", "w", driver="GTiff", width=64, height=64, count=3, dtype="float32",
        crs="EPSG:4326", transform=grid, tiled=True, blockxsize=64, blockysize=64,
    ) as file:  # fmt: skip
        file.write(data)
    settings = make_settings(folder, file_roots=[folder], tile_cache_bytes=1024 * 1024)
    with asyncio.Runner() as runner:
        runner.run(fill(settings, [str(folder / "field.tif")], Hints(collection=LAYER)))
        application = running(settings)
        app = runner.run(application.__aenter__())
        yield lambda path: runner.run(app.get(path))
        runner.run(application.__aexit__(None, None, None))


def check(server, formula: str, more: dict[str, str]) -> None:
    query = urlencode({"expression": formula, **more}, errors="replace")
    answer = server(f"/tiles/{LAYER}/default/WorldCRS84Quad/7/133/30.png?{query}")
    assert answer.status_code in (200, 400), (formula, more, answer.text[:300])
    if answer.status_code == 200:
        assert answer.headers["content-type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")
        return
    problem = answer.json()
    assert problem["code"] in {"InvalidParameter", "TooLarge"}, (formula, more, problem)
    assert LEAK.search(problem["detail"].replace(formula, "")) is None, (formula, problem)


def _limits(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.parametrize("formula", _DEEP, ids=range(len(_DEEP)))
def test_hostile_formulas(server, formula):
    check(server, formula, {})


@_limits(300)
@given(formula=FORMULAS, more=_MORE)
def test_some_formulas(server, formula, more):
    check(server, formula, more)


@pytest.mark.slow
def test_ten_thousand_formulas(server):
    """All of them: a picture or a clean 400, and memory that does not grow with their number."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answered = 0

    @_limits(10_000)
    @given(formula=FORMULAS, more=_MORE)
    def each(formula, more):
        nonlocal answered
        check(server, formula, more)
        answered += 1

    each()
    assert answered >= 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < GROWTH

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.kernels import vm
from styles import opcodes as op
from styles.expression import compile_formula
from styles.program import Program, select
from styles.reference import evaluate
from styles.registry import StyleRegistry

SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3e38, -3e38, 1e-40, np.inf, -np.inf, np.nan], np.float32
)
TRANSCENDENTAL = [
    op.POW, op.LOG, op.EXP, op.SIN, op.COS, op.TAN, op.ASIN, op.ACOS, op.ATAN, op.ATAN2,
]  # fmt: skip
EXACT = sorted(set(op.ARITY) - set(TRANSCENDENTAL))


def run(program, inputs, valid=None):
    """Run the machine; returns values and validity."""
    pixels = inputs.shape[1]
    valid = np.ones(pixels, np.uint8) if valid is None else valid
    outputs = np.empty((program.outputs, pixels), np.float32)
    vm.run(*program.machine, inputs, outputs, valid)
    return outputs, valid


def single(kind):
    """The program of one operation on as many inputs as it takes."""
    arity = op.ARITY[kind]
    operands = [op.FIRST_INPUT + k if k < arity else 0 for k in range(3)]
    return Program(
        tuple("abc"[:arity]),
        np.array([[kind, 0, *operands]], np.int32),
        np.empty(0, np.float32),
        np.array([0], np.int32),
    )


def grid(arity, values=SPECIAL):
    """Every combination of values, shape (arity, combinations)."""
    return np.array(np.meshgrid(*[values] * arity)).reshape(arity, -1)


def assert_same_bits(found, expected):
    """Equal to the bit; any NaN equals any NaN."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(found[known].view(np.uint32), expected[known].view(np.uint32))


def assert_within_ulps(found, expected, ulps):
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    distance = np.abs(found[finite].astype(np.float64) - expected[finite])
    assert (distance <= ulps * np.spacing(np.abs(expected[finite])).astype(np.float64)).all()


@pytest.mark.parametrize("kind", EXACT)
def test_operation_equals_its_twin_to_the_bit(kind):
    rng = np.random.default_rng(kind)
    program = single(kind)
    arity = len(program.inputs)
    noise = rng.normal(0, 10, (arity, 5000)).astype(np.float32)
    inputs = np.concatenate([grid(arity), noise], axis=1)
    found, _ = run(program, inputs)
    assert_same_bits(found, evaluate(program, inputs))


@pytest.mark.parametrize("kind", TRANSCENDENTAL)
def test_transcendental_operation_is_within_four_ulps(kind):
    rng = np.random.default_rng(kind)
    program = single(kind)
    arity = len(program.inputs)
    noise = rng.uniform(0.001, 20, (arity, 20000)).astype(np.float32)
    found, _ = run(program, noise)
    assert_within_ulps(found, evaluate(program, noise), 4)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(TRANSCENDENTAL),
    st.lists(st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 2), min_size=1, max_size=200),
)
def test_any_values_are_within_four_ulps(kind, values):
    program = single(kind)
    inputs = np.array(values, np.float32).T[: len(program.inputs)].copy()
    inputs[np.abs(inputs) < np.finfo(np.float32).tiny] = 0  # NumPy's own loops flush some of them
    found, valid = run(program, inputs)
    expected = evaluate(program, inputs)
    np.testing.assert_array_equal(valid, ~np.isnan(expected[0]))
    finite = np.isfinite(expected) & (np.abs(expected) > np.finfo(np.float32).tiny)
    assert_within_ulps(found[finite], expected[finite], 4)


@pytest.mark.parametrize("kind", TRANSCENDENTAL)
def test_transcendental_operation_agrees_on_special_values(kind):
    program = single(kind)
    values = SPECIAL[np.abs(np.nan_to_num(SPECIAL)) != np.float32(1e-40)]
    inputs = grid(len(program.inputs), values)
    found, _ = run(program, inputs)
    expected = evaluate(program, inputs)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", sorted(set(op.ARITY) - {op.WHERE, op.POW}))
def test_no_value_in_gives_no_value_out(kind):
    program = single(kind)
    for missing in range(len(program.inputs)):
        inputs = np.ones((len(program.inputs), 1), np.float32)
        inputs[missing] = np.nan
        found, valid = run(program, inputs)
        assert np.isnan(found[0, 0])
        assert valid[0] == 0


def test_where_needs_only_the_chosen_branch():
    inputs = np.array([[1, 0, np.nan], [5, np.nan, 5], [np.nan, 6, 6]], np.float32)
    found, valid = run(single(op.WHERE), inputs)
    assert found[0, :2].tolist() == [5, 6]
    assert np.isnan(found[0, 2])
    assert valid.tolist() == [1, 1, 0]


@pytest.mark.parametrize("pixels", [0, 1, 1023, 1024, 1025, 3000])
def test_any_number_of_pixels(pixels):
    program = compile_formula("(nir - red) / (nir + red + 0.5); nir; 7 + 0 * red")
    inputs = np.random.default_rng(pixels).random((2, pixels), np.float32)
    found, valid = run(program, inputs)
    assert_same_bits(found, evaluate(program, inputs))
    assert valid.all()


def test_validity_is_only_ever_taken_away():
    program = compile_formula("(nir - red) / (nir + red)")
    inputs = np.array([[0, 1, 1], [0, 1, 1]], np.float32)
    _, valid = run(program, inputs, np.array([1, 1, 0], np.uint8))
    assert valid.tolist() == [0, 1, 0]


def test_outputs_may_be_bands_and_numbers():
    program = select(["red", "nir", "red"])
    inputs = np.array([[1, 2], [3, 4]], np.float32)
    found, _ = run(program, inputs)
    assert found.tolist() == [[1, 2], [3, 4], [1, 2]]
    found, _ = run(compile_formula("nir; 7"), inputs[:1])
    assert found.tolist() == [[1, 2], [7, 7]]


def test_other_types_are_refused_instead_of_compiled():
    program = select(["red"])
    with pytest.raises(TypeError):
        run(program, np.ones((1, 4), np.float64))


def test_all_registers():
    text = ",".join(f"(a*{k})" for k in range(16)) + ""
    program = compile_formula(text)
    inputs = np.arange(2000, dtype=np.float32)[None]
    found, _ = run(program, inputs)
    assert_same_bits(found, inputs * np.arange(16, dtype=np.float32)[:, None])


@st.composite
def programs(draw):
    """Valid programs of random instructions, without transcendental operations."""
    bands = draw(st.integers(1, 4))
    numbers = draw(st.lists(st.floats(-100, 100, width=32), max_size=4))
    sources = [op.FIRST_INPUT + k for k in range(bands)]
    sources += [op.FIRST_CONSTANT + k for k in range(len(numbers))]
    code = []
    for _ in range(draw(st.integers(0, 20))):
        kind = draw(st.sampled_from(EXACT))
        operands = [draw(st.sampled_from(sources)) for _ in range(op.ARITY[kind])]
        dst = draw(st.integers(0, op.REGISTERS - 1))
        code.append([kind, dst, *operands, *[0] * (3 - len(operands))])
        sources = sorted({*sources, dst})
    results = draw(st.lists(st.sampled_from(sources), min_size=1, max_size=4))
    return Program(
        tuple("abcd"[:bands]),
        np.array(code, np.int32).reshape(-1, 5),
        np.array(numbers, np.float32),
        np.array(results, np.int32),
    )


@settings(max_examples=200, deadline=None)
@given(programs(), st.integers(0, 2**32 - 1))
def test_random_programs_equal_their_twin(program, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0, 2, (len(program.inputs), 1500)).astype(np.float32)
    inputs[:, :12] = SPECIAL
    found, valid = run(program, inputs)
    expected = evaluate(program, inputs)
    assert_same_bits(found, expected)
    np.testing.assert_array_equal(valid, ~np.isnan(expected).any(axis=0))


FUSED = [
    "(a - b) / (b + a)",
    "2.5 * (a - b) / (a + 6 * b - 7.5 * c + 1)",
    "a - b * 0; a - b * 2; a * -2 + b; c - (a - 0 * b)",
    "3 * a / (a - b); (a * 3) / (a * 3)",
    "1 - a; 1 / a; a - 1; a / 3; 2 < a; 2 <= a; 2 > a; 2 >= a; a == 2; a != nan",
    "(a - b) / (a + b) + (a - b) * (a + b)",
    "1.5 * (a - b) / (a + b * 3 + 0.5); 2 + (c - a * 4); (a - b) * 2 / b; (a - b) * 3",
]


@pytest.mark.parametrize("text", FUSED)
def test_operations_in_one_pass_give_the_same_bits(text):
    program = compile_formula(text)
    rng = np.random.default_rng(3)
    count = len(program.inputs)
    noise = rng.normal(0, 2, (count, 3000)).astype(np.float32)
    inputs = np.concatenate([grid(count), noise], axis=1)
    found, valid = run(program, inputs)
    expected = evaluate(program, inputs)
    assert_same_bits(found, expected)
    np.testing.assert_array_equal(valid, ~np.isnan(expected).any(axis=0))


def test_indices_take_few_passes():
    assert compile_formula(FUSED[0]).machine.code[:, 0].tolist() == [op.NORMALISED]
    assert len(compile_formula(FUSED[1]).machine.code) == 3


LIBRARY = [s for s in StyleRegistry.load_library() if not s.program.planes]


@pytest.mark.parametrize("style", LIBRARY, ids=lambda style: style.id)
def test_styles_of_the_library_equal_their_twins(style):
    """In the colours' 254 steps, on plausible values: reflectance, decibels, kelvins, angles."""
    rng = np.random.default_rng(len(style.id))
    inputs = rng.uniform(0.001, 0.9, (len(style.program.inputs), 4096)).astype(np.float32)
    found, _ = run(style.program, inputs)
    expected = evaluate(style.program, inputs)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    used = {kind for kind, *_ in style.program.code.tolist()}
    if not used & set(TRANSCENDENTAL):
        assert_same_bits(found, expected)
        return
    # Differences of a few units in the last place may grow where values nearly cancel.
    close = np.isclose(found, expected, rtol=2e-4, atol=1e-6, equal_nan=True)
    assert close.mean() > 0.999

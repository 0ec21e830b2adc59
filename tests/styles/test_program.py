import numpy as np
import pytest

from styles import opcodes as op
from styles.errors import StyleError
from styles.expression import compile_formula
from styles.program import Program, renamed, select
from styles.reference import evaluate

CODE = [[op.ADD, 0, op.FIRST_INPUT, op.FIRST_CONSTANT, 0]]


def make(inputs=("nir",), code=CODE, constants=(1.0,), results=(0,)):
    return Program(
        inputs,
        np.array(code, np.int32),
        np.array(constants, np.float32),
        np.array(results, np.int32),
    )


def test_digest_is_stable_across_versions():
    """A changed digest empties every cache: change it only with the meaning of programs."""
    program = compile_formula("(nir - red) / (nir + red)")
    assert program.digest == "19968cf1b25f5508614aebc45367417c"


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": ("red",)},
        {"code": [[op.SUB, *CODE[0][1:]]]},
        {"code": [[op.ADD, 1, *CODE[0][2:]]], "results": (1,)},
        {"constants": (2.0,)},
        {"results": (0, 0)},
        {"results": (op.FIRST_INPUT,)},
    ],
)
def test_digest_sees_every_part(other):
    assert make(**other).digest != make().digest
    assert make(**other) != make()


def test_same_content_is_equal():
    assert make() == make()
    assert hash(make()) == hash(make())
    assert len({make(), make(), make(constants=(2.0,))}) == 2


def test_arrays_are_copies_that_cannot_be_written():
    constants = np.ones(1, np.float32)
    program = make(constants=constants)
    constants[0] = 5
    assert program.constants[0] == 1.0
    for array in (program.code, program.constants, program.results):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"inputs": ()}, "bands"),
        ({"inputs": tuple("abcdefghijklmnopq")}, "bands"),
        ({"inputs": ("nir", "nir")}, "twice"),
        ({"code": CODE * 257}, "operations"),
        ({"constants": range(97)}, "numbers"),
        ({"results": ()}, "results"),
        ({"code": [[99, 0, 128, 128, 0]]}, "unknown operation"),
        ({"code": [[op.ADD, 32, 128, 128, 0]]}, "malformed"),
        ({"code": [[op.ADD, -1, 128, 128, 0]]}, "malformed"),
        ({"code": [[op.NEG, 0, 128, 128, 0]]}, "malformed"),
        ({"code": [[op.ADD, 0, 128, 129, 0]]}, "before it has a value"),
        ({"code": [[op.ADD, 0, 128, 33, 0]]}, "before it has a value"),
        ({"code": [[op.ADD, 0, 128, 0, 0]]}, "before it has a value"),
        ({"code": [[op.ADD, 0, 128, -1, 0]]}, "before it has a value"),
        ({"code": [[op.ADD, 0, 128, 10**6, 0]]}, "before it has a value"),
        ({"results": (1,)}, "before it has a value"),
    ],
)
def test_what_a_kernel_could_stumble_over_is_refused(wrong, message):
    with pytest.raises(StyleError, match=message):
        make(**wrong)


def test_select_gives_bands_as_they_are():
    program = select(["1", "red band", "1"])
    assert program.inputs == ("1", "red band")
    assert program.results.tolist() == [128, 129, 128]
    assert program.outputs == 3
    with pytest.raises(StyleError):
        select([])


def test_renamed_is_the_same_arithmetic_on_other_bands():
    program = compile_formula("(nir - red) / (nir + red)")
    assert renamed(program, {}) is program
    other = renamed(program, {"nir": "B08", "red": "B04"})
    assert other == compile_formula("(B08 - B04) / (B08 + B04)")
    assert other != program


def test_two_inputs_may_become_one():
    program = renamed(compile_formula("B04_b1 + 2 * B04 - B08"), {"B04_b1": "B04"})
    assert program.inputs == ("B04", "B08")
    values = evaluate(program, np.array([[3.0], [4.0]], np.float32))
    assert values.tolist() == [[5.0]]

"""Predictor kernels against their NumPy twins."""

from typing import Any

import numpy as np
import pytest

from renderers.kernels.predictor import separate, undo_float, undo_horizontal

WORDS = ("uint8", "uint16", "uint32", "uint64")
SHAPES = [(1, 1, 1), (5, 7, 1), (4, 1, 3), (9, 16, 4)]


def words(word: str, shape: tuple[int, int, int]) -> Any:
    data = np.random.default_rng(2).integers(0, 256, (*shape, np.dtype(word).itemsize), np.uint8)
    return data.view(word)[..., 0]


def horizontal_twin(source: Any) -> Any:
    return np.cumsum(source, axis=1, dtype=source.dtype).transpose(2, 0, 1)


def float_twin(source: Any, samples: int, word: str) -> Any:
    """Undo byte differences with a stride of `samples`, then join the byte planes."""
    rows, width = source.shape
    size = np.dtype(word).itemsize
    added = np.cumsum(source.reshape(rows, -1, samples), axis=1, dtype=np.uint8)
    planes = added.reshape(rows, size, width // size)
    joined = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(f">u{size}")[..., 0]
    return joined.reshape(rows, -1, samples).transpose(2, 0, 1).astype(word)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_horizontal_equals_twin(word: str, shape: tuple[int, int, int]) -> None:
    source = words(word, shape)
    out = np.empty((shape[2], shape[0], shape[1]), word)
    undo_horizontal(source, out)
    np.testing.assert_array_equal(out, horizontal_twin(source))


@pytest.mark.parametrize("word", WORDS)
def test_horizontal_cuts_and_takes_read_only_bytes(word: str) -> None:
    source = np.frombuffer(words(word, (8, 16, 2)).tobytes(), word).reshape(8, 16, 2)
    out = np.empty((2, 5, 11), word)
    undo_horizontal(source, out)
    np.testing.assert_array_equal(out, horizontal_twin(source)[:, :5, :11])


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_separate_equals_transpose(word: str, shape: tuple[int, int, int]) -> None:
    source = words(word, shape)
    rows, columns = max(shape[0] - 1, 1), max(shape[1] - 2, 1)
    out = np.empty((shape[2], rows, columns), word)
    separate(source, out)
    np.testing.assert_array_equal(out, source[:rows, :columns].transpose(2, 0, 1))


@pytest.mark.parametrize("word", WORDS[1:])
@pytest.mark.parametrize("shape", SHAPES)
def test_float_equals_twin(word: str, shape: tuple[int, int, int]) -> None:
    rows, columns, samples = shape
    width = columns * samples * np.dtype(word).itemsize
    source = np.random.default_rng(4).integers(0, 256, (rows, width), np.uint8)
    for r, c in {(rows, columns), (max(rows - 2, 1), max(columns - 3, 1))}:
        out = np.full((samples, r, c), 77, word)
        undo_float(source, out)
        np.testing.assert_array_equal(out, float_twin(source, samples, word)[:, :r, :c])

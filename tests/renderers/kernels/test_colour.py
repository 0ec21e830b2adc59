import numpy as np
import pytest

from renderers.kernels import colour

RNG = np.random.default_rng(7)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0, 1e-40], np.float32)


def position(values, low, scale):
    """Twin: place between low and high, held within 0 and 1; NaN gives 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        t = (values - np.float32(low)) * np.float32(scale)
        return np.where(t > 0, np.minimum(t, np.float32(1)), np.float32(0))


def whole(t, last):
    """Twin: nearest of 0 to last, as float32 arithmetic gives it."""
    return np.floor(t * np.float32(last) + np.float32(0.5)).astype(np.int64)


def samples(rows, pixels=3000):
    values = RNG.normal(0.2, 0.3, (rows, pixels)).astype(np.float32)
    values[:, : len(SPECIAL)] = SPECIAL
    valid = (RNG.random(pixels) > 0.2).astype(np.uint8)
    valid[: len(SPECIAL)] = 1
    return values, valid


@pytest.mark.parametrize("pixels", [0, 1, 1024, 3000])
@pytest.mark.parametrize(
    "curve", [np.arange(256), 255 - np.arange(256), np.sqrt(np.arange(65536)) / 256 * 255]
)
def test_rgb_equals_its_twin(pixels, curve):
    values, valid = samples(3)
    values, valid = np.ascontiguousarray(values[:, :pixels]), valid[:pixels]
    curve = curve.astype(np.uint8)
    low = np.array([0.0, -0.1, 0.1], np.float32)
    scale = np.array([2.0, 1.5, 3.3], np.float32)
    out = np.empty(pixels, np.uint32)
    colour.rgb(values, valid, low, scale, curve, out)
    t = position(values, low[:, None], scale[:, None])
    expected = np.full((pixels, 4), 255, np.uint8)
    expected[:, :3] = curve[whole(t, len(curve) - 1)].T
    expected[valid == 0] = 0
    np.testing.assert_array_equal(out.view(np.uint8).reshape(-1, 4), expected)


def test_bytes_pass_a_straight_stretch_unchanged():
    values = np.repeat(np.arange(256, dtype=np.float32)[None], 3, axis=0)
    scale = np.full(3, 1 / 255, np.float32)
    out = np.empty(256, np.uint32)
    ones = np.ones(256, np.uint8)
    colour.rgb(values, ones, np.zeros(3, np.float32), scale, np.arange(256, dtype=np.uint8), out)
    assert out.view(np.uint8).reshape(-1, 4)[:, 1].tolist() == list(range(256))


def test_ramp_equals_its_twin():
    values, valid = samples(1)
    out = np.empty(valid.size, np.uint8)
    colour.ramp(values[0], valid, np.float32(-0.3), np.float32(1.25), out)
    expected = whole(position(values[0], -0.3, 1.25), 254)
    np.testing.assert_array_equal(out, np.where(valid, expected, 255))


def test_ramp_ends():
    values = np.array([-9, 0, 0.5, 1, 9], np.float32)
    out = np.empty(5, np.uint8)
    colour.ramp(values, np.ones(5, np.uint8), np.float32(0), np.float32(1), out)
    assert out.tolist() == [0, 0, 127, 254, 254]


def test_classes_equal_their_twin():
    table = np.array([3, 255, 7, 0], np.uint8)
    values = np.concatenate([SPECIAL, np.arange(-2, 8, 0.5)]).astype(np.float32)
    valid = np.ones(values.size, np.uint8)
    valid[-1] = 0
    out = np.empty(values.size, np.uint8)
    colour.classes(values, valid, table, out)
    known = {float(k): int(v) for k, v in enumerate(table)}
    expected = [known.get(float(v), 255) for v in values]
    expected[-1] = 255
    assert out.tolist() == expected


def test_classes_without_data_are_transparent():
    out = np.empty(2, np.uint8)
    colour.classes(np.zeros(2, np.float32), np.array([0, 1], np.uint8), np.zeros(1, np.uint8), out)
    assert out.tolist() == [255, 0]


def test_over_equals_its_twin():
    bottom, top = (RNG.integers(0, 256, (4000, 4), dtype=np.uint8) for _ in range(2))
    top[:500, 3], top[500:1000, 3] = 255, 0
    bottom[250:750, 3] = 0
    out = np.empty_like(top)
    colour.over(bottom, top, out)
    alpha, below = top[:, 3] / 255.0, bottom[:, 3] / 255.0
    below = below * (1 - alpha)
    total = alpha + below
    with np.errstate(invalid="ignore"):
        mixed = (top[:, :3] * alpha[:, None] + bottom[:, :3] * below[:, None]) / total[:, None]
    expected = np.concatenate([np.nan_to_num(mixed), total[:, None] * 255], axis=1)
    assert np.abs(out - expected).max() <= 0.5 + 1e-3
    np.testing.assert_array_equal(out[250:500], top[250:500])
    np.testing.assert_array_equal(out[500:750], 0)
    visible = bottom[750:1000] * (bottom[750:1000, 3:] > 0)
    np.testing.assert_array_equal(out[750:1000], visible)

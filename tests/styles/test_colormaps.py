import numpy as np
import pytest

from styles import colormaps
from styles.errors import StyleError

BLACK, WHITE, RED = (0, 0, 0, 255), (255, 255, 255, 255), (255, 0, 0, 128)


def test_stops_run_linearly():
    palette = colormaps.from_stops([(0.0, BLACK), (254.0, (254, 127, 0, 255))])
    assert palette.shape == (256, 4)
    assert palette.dtype == np.uint8
    assert palette[:255, 0].tolist() == list(range(255))
    assert palette[254].tolist() == [254, 127, 0, 255]
    assert palette[255].tolist() == [0, 0, 0, 0]


def test_two_stops_at_one_value_make_an_edge():
    palette = colormaps.from_stops([(-1, BLACK), (0, BLACK), (0, RED), (1, RED)])
    assert palette[126].tolist() == list(BLACK)
    assert palette[128].tolist() == list(RED)


@pytest.mark.parametrize(
    "stops", [[], [(0, BLACK)], [(0, BLACK), (0, WHITE)], [(1, BLACK), (0, WHITE), (2, RED)]]
)
def test_stops_that_do_not_rise_are_refused(stops):
    with pytest.raises(StyleError):
        colormaps.from_stops(stops)


def test_named_maps_are_those_of_rio_tiler():
    cmap = pytest.importorskip("rio_tiler.colormap").cmap
    assert set(colormaps.names()) == set(cmap.list())
    assert len(colormaps.names()) > 200
    for name in ("viridis", "magma", "rdylgn", "spectral", "terrain", "greys", "turbo", "cividis"):
        theirs = np.array(list(cmap.get(name).values()))
        ours = colormaps.named(name)
        np.testing.assert_array_equal(ours[[0, 254]], theirs[[0, 255]])
        # 255 places on 256 colours: each lies between two neighbours.
        low, high = theirs[:255], theirs[1:]
        assert (ours[:255] >= np.minimum(low, high)).all()
        assert (ours[:255] <= np.maximum(low, high)).all()
        assert not ours[255].any()


def test_names_end_in_r_for_the_other_way_round():
    forward, backward = colormaps.named("Viridis"), colormaps.named("viridis_r")
    assert np.abs(forward[:255].astype(int) - backward[254::-1]).max() <= 1


def test_palettes_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        colormaps.named("viridis")[0] = 0


@pytest.mark.parametrize("name", ["", "nope", "../../etc/passwd", "viridis_r_r"])
def test_unknown_names(name):
    with pytest.raises(StyleError, match="no colour map"):
        colormaps.named(name)

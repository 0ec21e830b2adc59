import itertools

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
    own = set(colormaps.names()) - set(cmap.list())
    assert set(cmap.list()) < set(colormaps.names())
    assert "ndvi" in own
    assert len(own) < 20
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


@pytest.mark.parametrize("name", [n for n in colormaps.names() if not n.endswith("_r")])
def test_every_map_can_be_turned_round_and_stepped(name):
    forward, backward = colormaps.named(name), colormaps.named(f"{name}_r")
    # The edges of maps for classes fall one place further in 255 places of 256 colours.
    differ = np.abs(forward[:255].astype(int) - backward[254::-1]) > 2
    assert differ.any(axis=1).mean() < 0.1
    stepped = colormaps.named(f"{name}:5")
    edges = [0, 51, 102, 153, 204, 255]
    for low, high in itertools.pairwise(edges):
        assert (stepped[low:high] == stepped[low]).all()
    np.testing.assert_array_equal(stepped[0], forward[0])
    np.testing.assert_array_equal(stepped[254], forward[254])
    np.testing.assert_array_equal(stepped[127], forward[127])


@pytest.mark.parametrize(
    "name", ["viridis:1", "viridis:65", "viridis:", "viridis:8:8", "viridis:x"]
)
def test_steps_out_of_bounds(name):
    with pytest.raises(StyleError, match="2 to 64 steps"):
        colormaps.named(name)


def test_palettes_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        colormaps.named("viridis")[0] = 0


@pytest.mark.parametrize("name", ["", "nope", "../../etc/passwd", "viridis_r_r"])
def test_unknown_names(name):
    with pytest.raises(StyleError, match="no colour map"):
        colormaps.named(name)

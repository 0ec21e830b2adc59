"""The Blue Marble is a valid COG over the whole world."""

import numpy as np
import pytest
import rasterio

from tileserver.demo.bluemarble import write_blue_marble


@pytest.fixture(scope="module")
def marble(tmp_path_factory):
    return write_blue_marble(tmp_path_factory.mktemp("marble") / "new" / "blue_marble.tif")


def test_it_is_a_tiled_cog_with_overviews(marble):
    with rasterio.open(marble) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.block_shapes == [(512, 512)] * 3
        assert source.dtypes == ("uint8",) * 3
        assert source.overviews(1) == [2, 4, 8, 16]
        assert source.crs.to_epsg() == 4326
        assert tuple(source.bounds) == (-180.0, -90.0, 180.0, 90.0)
        assert source.compression.name == "jpeg"
        assert source.photometric.name == "ycbcr"


def test_places_look_as_they_should(marble):
    with rasterio.open(marble) as source:
        sahara, pacific, antarctica = (
            np.array(next(source.sample([place])), int)
            for place in ((15.0, 23.0), (-140.0, 0.0), (90.0, -80.0))
        )
    assert sahara[0] > sahara[2] + 30
    assert pacific[2] > pacific[0]
    assert antarctica.min() > 200


def test_a_finished_file_is_kept(marble):
    before = marble.stat()
    assert write_blue_marble(marble) == marble
    assert marble.stat().st_mtime_ns == before.st_mtime_ns
    assert [p.name for p in marble.parent.iterdir()] == [marble.name]

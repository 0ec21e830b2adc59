"""Which encoder a media type or extension names, and NumPy's format."""

import io

import numpy as np
import pytest
from affine import Affine

from renderers.encoders.base import EncodingError
from renderers.encoders.raster.npy import NpyEncoder
from renderers.encoders.raster.registry import default_raster_encoders
from renderers.geobox import GeoBox
from renderers.image import Raster


@pytest.mark.parametrize(
    ("asked", "extension"),
    [
        ("image/tiff; application=geotiff", "tif"),
        ("image/tiff;application=geotiff", "tif"),
        ("IMAGE/TIFF", "tiff"),
        ("image/tiff; application=geotiff; profile=cloud-optimized", "cog"),
        ('image/tiff; profile="cloud-optimized"; application=geotiff', "cog"),
        ("application/x-netcdf", "nc"),
        ("application/x-binary", "npy"),
    ],
)
def test_by_media_type_and_extension(asked: str, extension: str) -> None:
    registry = default_raster_encoders()
    assert registry.get(asked) is registry.for_extension(extension)


def test_unknown_ones_are_refused() -> None:
    registry = default_raster_encoders()
    for asked in ("image/png", "image/tiff; application=other", ""):
        with pytest.raises(EncodingError):
            registry.get(asked)
    with pytest.raises(EncodingError):
        registry.for_extension("hdf")
    assert len(registry.media_types) == 4


@pytest.mark.parametrize("alpha", [False, True])
def test_npy(alpha: bool) -> None:
    data = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    valid = np.ones(data.shape, bool)
    valid[:, 0] = False
    box = GeoBox(4, 3, Affine(1, 0, 0, 0, -1, 0), "EPSG:3857")
    told = Raster(data, valid, ("a", "b"), box, None, (1.0, 1.0), (0.0, 0.0))
    found = np.load(io.BytesIO(NpyEncoder(alpha=alpha).encode(told)))
    np.testing.assert_array_equal(found[:2], data)
    assert len(found) == (3 if alpha else 2)
    if alpha:
        np.testing.assert_array_equal(found[2], np.where(valid[0], 65535, 0))

"""Answers of our application and of TiTiler's, side by side."""

import io
from typing import Any

import morecantile
import numpy as np
import rasterio
from rasterio.warp import transform_bounds

TMS = morecantile.tms.get("WebMercatorQuad")


def bounds_of(both: Any, name: str, crs: str = "EPSG:4326") -> tuple[float, ...]:
    with rasterio.open(both.folder / f"{name}.tif") as file:
        return tuple(transform_bounds(file.crs, crs, *file.bounds))


def tile_of(both: Any, name: str, zoom: int) -> str:
    west, south, east, north = bounds_of(both, name)
    tile = TMS.tile((west + east) / 2, (south + north) / 2, zoom)
    return f"WebMercatorQuad/{zoom}/{tile.x}/{tile.y}"


def array(response: Any) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-binary"
    return np.load(io.BytesIO(response.content))


def assert_alike(answers: Any, share: float = 0.98, step: float = 0.15) -> None:
    ours, theirs = map(array, answers)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), (ours.shape, theirs.shape)
    # The mask is the last band. What lies under it is the file's own there, and nodata here.
    full = theirs[-1].max()
    valid = (ours[-1] == full) & (theirs[-1] == full)
    missing = (ours[-1] != full) & (theirs[-1] != full)
    data, other = ours[:-1], theirs[:-1]
    same = missing | (valid & ((data == other) | (np.isnan(data) & np.isnan(other))))
    assert same.mean() >= share, same.mean()
    # A pixel on an edge goes to the other side: values differ by a source pixel's step at most.
    if valid.any():
        span = np.ptp(other[:, valid].astype(float))
        assert np.nanmax(np.abs(data[:, valid].astype(float) - other[:, valid])) <= step * span
    box = [[float(v) for v in a.headers["content-bbox"].split(",")] for a in answers]
    np.testing.assert_allclose(box[0], box[1], rtol=1e-9, atol=1e-9)
    assert answers[0].headers["content-crs"] == answers[1].headers["content-crs"]

"""Every resampling on real files, from the file to the picture, against the NumPy twin.

The twin has our decoded pixels and our grid of positions; that these are right is shown by
`test_parity.py` (nearest pixels against GDAL's exact warp), the tests of the readers, and
`tests/renderers/test_warp.py`. Masks are identical, nearest and mode equal, and the others within
one of 255 levels of grey between the 2nd and 98th percentile of what is shown.
"""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from support.parity import REFUSED, TRANSPARENT, Subject, rasters

from renderers.geobox import GeoBox

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", REPOSITORY.parent / "shared")) / "data"
#: Until the planner chooses what resamples, only pictures of the kernels can be compared.
METHODS = ("nearest", "bilinear", "cubic", "average", "mode")

#: One of each kind: nodata, masks, classes, wavelets, far overviews, long and turned pixels.
FEW = (
    "cog/S2A_29RKH_20200219_0_L2A/B04.tif",
    "cog/S2A_29RKH_20200219_0_L2A/SCL.tif",
    "cog/ch_rotated_epsg2056.tif",
    "cog/cog_dateline.tif",
    "cog/elevation_f32_nan.tif",
    "cog/rgba_crosses_dateline.tif",
    "dem/Copernicus_DSM_COG_30_S90_00_W164_00_DEM.tif",
    "sentinel2/antimeridian/T01WCQ_SCL.jp2",
)
ALL = rasters(ROOT) if ROOT.is_dir() else []


def targets(subject: Subject) -> dict[str, float]:
    """Source pixels per target pixel: zoomed in, and over each kind of step between levels."""
    scales = [min(level.scale_x, level.scale_y) for level in subject.file.index.info.levels]
    found = {"in": 0.37, "native": 1.03, "between": 1.6, "beyond": scales[-1] * 3.3}
    if len(scales) > 1:
        found["overview"] = scales[1] * 1.4
    return found


async def check(subject: Subject, how: str, count: int) -> dict[str, int]:
    """Compare pictures of a file; return the pixels seen, those off, and the greatest difference.

    Raises:
        AssertionError: They differ.
    """
    seen = {"valid": 0, "off": 0, "most": 0}
    for name, ratio in targets(subject).items():
        for box in subject.boxes(ratio, count):
            twin = await subject.expected(box, how)
            shown = twin.values[twin.valid & np.isfinite(twin.values)]
            low, high = np.percentile(shown, [2, 98]) if shown.size else (0.0, 1.0)
            high = high if np.float32(high) - np.float32(low) > 0 else low + max(abs(low), 1.0)
            image = await subject.indexes(box, how, low, high)
            where = f"{subject.name} {how} as {twin.method} {name} level {twin.level}"
            wrong = (image != TRANSPARENT) != twin.valid
            assert not wrong.any(), f"{where}: masks differ at {wrong.sum()}"
            level = np.clip((twin.values - low) / (high - low), 0.0, 1.0) * 254.0
            away = np.abs(image.astype(int) - np.floor(level + 0.5).astype(int))[twin.valid]
            most = int(away.max(initial=0))
            # A level that ends between two values may round either way.
            assert most <= 1, f"{where}: {most} levels, {(away > 1).mean():.2%}"
            seen["valid"] += int(twin.valid.sum())
            seen["off"] += int((away > 0).sum())
            seen["most"] = max(seen["most"], most)
    return seen


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture(autouse=True)
def _odd_references():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("name", FEW, ids=lambda n: n.rpartition("/")[2])
async def test_a_few_files(shared, stores, pool, tmp_path, name, how, record_testsuite_property):
    subject = Subject(stores, shared / "data" / name, pool, tmp_path)
    await subject.open()
    seen = await check(subject, how, 1)
    record_testsuite_property(f"{how} {name}", str(seen))
    assert seen["valid"] > 0
    if how in ("nearest", "mode"):
        assert seen["off"] <= seen["valid"] * 1e-3


@pytest.mark.parametrize("ratio", [0.4, 1.7, 3.0])
@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("name", FEW[:2], ids=lambda n: n.rpartition("/")[2])
async def test_a_picture_equals_its_tiles(shared, stores, pool, tmp_path, name, how, ratio):
    """Of 512 pixels, over several blocks of the file, and of four times 256."""
    subject = Subject(stores, shared / "data" / name, pool, tmp_path)
    await subject.open()
    high = 12.0 if "SCL" in name else 5000.0
    (around,) = subject.boxes(ratio, 1)
    t = around.transform
    corner = t @ (around.width / 2, around.height / 2)
    origin = Affine.translation(*corner) @ Affine.scale(t.a, t.e) @ Affine.translation(-256, -256)
    whole = await subject.indexes(GeoBox(512, 512, origin, around.crs), how, 0.0, high)
    assert (whole != TRANSPARENT).mean() > 0.05
    for top in (0, 256):
        for left in (0, 256):
            box = GeoBox(256, 256, origin @ Affine.translation(left, top), around.crs)
            tile = await subject.indexes(box, how, 0.0, high)
            part = whole[top : top + 256, left : left + 256]
            np.testing.assert_array_equal(tile == TRANSPARENT, part == TRANSPARENT)
            away = np.abs(tile.astype(int) - part)
            # Positions differ in the last digits, and what lies between two levels may go up.
            assert away.max() <= 1 or how in ("nearest", "mode")
            assert (away > 0).mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("name", ALL)
async def test_every_file(shared, stores, pool, tmp_path, name, how, record_testsuite_property):
    subject = Subject(stores, shared / "data" / name, pool, tmp_path)
    try:
        await subject.open()
    except REFUSED as refused:
        pytest.skip(f"not drawn: {refused}")
    seen = await check(subject, how, 2)
    record_testsuite_property(f"{how} {name}", str(seen))


@pytest.mark.slow
async def test_most_files_are_drawn(shared, stores, pool, tmp_path):
    drawn = 0
    for name in ALL:
        subject = Subject(stores, shared / "data" / name, pool, tmp_path)
        try:
            await subject.open()
        except REFUSED:
            continue
        drawn += 1
    assert drawn >= 85, f"{drawn} of {len(ALL)}"

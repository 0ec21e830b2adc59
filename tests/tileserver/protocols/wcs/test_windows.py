"""50 random windows per version, in 8 CRSs: values are those that GDAL's warp finds."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import Resampling, reproject, transform_bounds
from support.coverages import COLLECTION, CRS, HEIGHT, NORTH, STEP, WEST, WIDTH, Site, opened, read

SYSTEMS = (
    "EPSG:32632", "EPSG:4326", "EPSG:3857", "EPSG:3035", "EPSG:25833", "EPSG:3034", "EPSG:31467",
    "EPSG:3413",
)  # fmt: skip
WINDOWS = 50


def windows(seed: int) -> list[tuple[str, tuple[float, float, float, float], int, int]]:
    """CRS, box in x/y and size of random parts of the coverage."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(WINDOWS):
        crs = SYSTEMS[number % len(SYSTEMS)]
        columns = np.sort(random.uniform(0, WIDTH, 2)) + np.array((0, 8))
        rows = np.sort(random.uniform(0, HEIGHT, 2)) + np.array((0, 8))
        bounds = (
            WEST + columns[0] * STEP, NORTH - rows[1] * STEP,
            WEST + columns[1] * STEP, NORTH - rows[0] * STEP,
        )  # fmt: skip
        box = transform_bounds(CRS, crs, *bounds, densify_pts=21)
        width, height = (int(n) for n in random.integers(8, 120, 2))
        found.append((crs, box, width, height))
    return found


def check(site: Site, values: np.ndarray, transform: Affine, crs: str) -> None:
    """Compare with GDAL's warp; a pixel may be one beside that which GDAL takes.

    Both take the nearest pixel; their positions differ by hundredths of a pixel, so that the
    neighbour is found where two are equally near.
    """
    with rasterio.open(site.files[1]) as dataset:
        band = dataset.read(2)
        source = dataset.transform
    numbers = np.arange(1, WIDTH * HEIGHT + 1, dtype=np.int32).reshape(HEIGHT, WIDTH)
    wanted = np.zeros(values.shape, np.int32)
    reproject(
        numbers, wanted, src_transform=source, src_crs=CRS, dst_transform=transform, dst_crs=crs,
        src_nodata=0, dst_nodata=0, resampling=Resampling.nearest, tolerance=0,
    )  # fmt: skip
    padded = np.pad(band, 1)
    near = np.zeros(values.shape, bool)
    outside = wanted == 0
    row, column = np.divmod(np.maximum(wanted, 1) - 1, WIDTH)
    for d_row in (-1, 0, 1):
        for d_column in (-1, 0, 1):
            near |= padded[row + 1 + d_row, column + 1 + d_column] == values
    edge = outside & (values != 0)
    assert edge.mean() < 0.05
    assert near[~outside].all()
    exact = band[row, column] == values
    assert exact[~outside].mean() > 0.97


def ordered(crs: str, box: tuple[float, ...]) -> tuple[float, ...]:
    """Return a box in the order of the CRS's axes."""
    swapped = crs in ("EPSG:4326", "EPSG:3035", "EPSG:3034", "EPSG:31467")
    west, south, east, north = box
    return (south, west, north, east) if swapped else (west, south, east, north)


@pytest.mark.parametrize("number", range(len(SYSTEMS)))
def test_20(site, number):
    for crs, box, width, height in windows(20)[number :: len(SYSTEMS)]:
        uri = f"http://www.opengis.net/def/crs/EPSG/0/{crs[5:]}"
        answer = site.get(
            REQUEST="GetCoverage", COVERAGEID=COLLECTION, RANGESUBSET="B2", SUBSETTINGCRS=uri,
            SUBSET=[f"x({box[0]!r},{box[2]!r})", f"y({box[1]!r},{box[3]!r})"],
            SCALESIZE=f"i({width}),j({height})",
        )  # fmt: skip
        values, facts = opened(answer)
        assert facts.crs == crs
        assert values.shape == (1, height, width)
        check(site, values[0], facts.transform, crs)


@pytest.mark.parametrize("number", range(len(SYSTEMS)))
def test_11(site, number):
    for crs, box, width, height in windows(11)[number :: len(SYSTEMS)]:
        step_x, step_y = (box[2] - box[0]) / width, (box[3] - box[1]) / height
        centres = (
            box[0] + step_x / 2, box[1] + step_y / 2, box[2] - step_x / 2, box[3] - step_y / 2,
        )  # fmt: skip
        urn = f"urn:ogc:def:crs:EPSG::{crs[5:]}"
        origin = ordered(crs, (centres[0], centres[3], 0, 0))[:2]
        offsets = ordered(crs, (step_x, -step_y, 0, 0))[:2]
        answer = site.get(
            VERSION="1.1.1", REQUEST="GetCoverage", IDENTIFIER=COLLECTION, FORMAT="image/tiff",
            RANGESUBSET="contents[Bands[2]]", GRIDBASECRS=urn,
            BOUNDINGBOX=",".join(map(repr, ordered(crs, centres))) + f",{urn}",
            GRIDTYPE="urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
            GRIDORIGIN=",".join(map(repr, origin)),
            GRIDOFFSETS=",".join(map(repr, offsets)),
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        values, facts = read(answer.content[answer.content.index(b"II*\0") :])
        assert values.shape == (1, height, width)
        assert facts.bounds == pytest.approx(box, rel=1e-9)
        check(site, values[0], facts.transform, crs)


@pytest.mark.parametrize("number", range(len(SYSTEMS)))
def test_10(site, number):
    for crs, box, width, height in windows(10)[number :: len(SYSTEMS)]:
        answer = site.get(
            VERSION="1.0.0", REQUEST="GetCoverage", COVERAGE=COLLECTION, CRS=crs,
            BBOX=",".join(map(repr, box)), WIDTH=width, HEIGHT=height, FORMAT="GeoTIFF", BANDS="2",
        )  # fmt: skip
        values, facts = opened(answer)
        assert values.shape == (1, height, width)
        assert facts.bounds == pytest.approx(box, rel=1e-9)
        check(site, values[0], facts.transform, crs)

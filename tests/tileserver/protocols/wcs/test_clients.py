"""GDAL's WCS driver without quirk flags, and OWSLib, in every version; values are the source's."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from owslib.wcs import WebCoverageService
from rasterio.windows import Window
from support.coverages import BANDS, COLLECTION, HEIGHT, NORTH, STEP, WEST, WIDTH, Site, read

VERSIONS = ("2.0.1", "1.1.2", "1.1.1", "1.1.0", "1.0.0")


@pytest.fixture
def gdal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home without what GDAL kept of other servers."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with rasterio.Env():
        yield


def address(site: Site, version: str) -> str:
    return f"WCS:{site.url}/wcs?SERVICE=WCS&VERSION={version}&COVERAGE={COLLECTION}"


def source(site: Site) -> np.ndarray:
    with rasterio.open(site.files[1]) as dataset:
        return dataset.read()


@pytest.mark.usefixtures("gdal")
@pytest.mark.parametrize("version", VERSIONS)
def test_gdal_reads_the_source_s_values(site, version):
    with rasterio.open(address(site, version)) as dataset:
        assert (dataset.width, dataset.height, dataset.count) == (WIDTH, HEIGHT, 3)
        assert dataset.crs == "EPSG:32632"
        assert dataset.transform.almost_equals(
            rasterio.Affine(STEP, 0, WEST, 0, -STEP, NORTH), 1e-6
        )
        assert set(dataset.dtypes) == {"uint16"}
        whole = source(site)
        assert np.array_equal(dataset.read(), whole)
        window = Window(37, 90, 101, 53)
        assert np.array_equal(dataset.read(2, window=window), whole[1, 90:143, 37:138])
        # GDAL asks for the smaller size itself; the nearest pixels are those of the middles.
        small = dataset.read(1, out_shape=(HEIGHT // 3, WIDTH // 3))
        assert np.array_equal(small, whole[0, 1::3, 1::3])


@pytest.mark.usefixtures("gdal")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # a list
@pytest.mark.parametrize("version", VERSIONS)
def test_gdal_lists_the_coverages(site, version):
    with rasterio.open(f"WCS:{site.url}/wcs?SERVICE=WCS&VERSION={version}") as listing:
        assert any(COLLECTION in name for name in listing.subdatasets)


def box() -> tuple[float, float, float, float]:
    return WEST + 500, NORTH - 1500, WEST + 1500, NORTH - 500


def test_owslib_10(site):
    service = WebCoverageService(f"{site.url}/wcs", version="1.0.0")
    found = service[COLLECTION]
    assert found.supportedCRS[0].code == 32632
    assert "GeoTIFF" in found.supportedFormats
    answer = service.getCoverage(
        identifier=COLLECTION, bbox=box(), crs="EPSG:32632", width=100, height=100,
        format="GeoTIFF",
    )  # fmt: skip
    values, _ = read(answer.read())
    assert np.array_equal(values, source(site)[:, 50:150, 50:150])


# OWSLib looks for parts of 1.1.0's documents in a namespace that no version has.
@pytest.mark.filterwarnings("ignore:Truth-testing of elements:FutureWarning")  # OWSLib's own
def test_owslib_11(site):
    service = WebCoverageService(f"{site.url}/wcs", version="1.1.1")
    assert COLLECTION in service.contents
    west, south, east, north = box()
    urn = "urn:ogc:def:crs:EPSG::32632"
    answer = service.getCoverage(
        identifier=COLLECTION,
        bbox=(west, south, east, north, urn),
        format="image/tiff",
        gridbaseCRS=urn,
        gridorigin=f"{west + 5},{north - 5}",
        gridoffsets="10,-10",
        store=False,
    )
    body = answer.read()
    values, _ = read(body[body.index(b"II*\0") :])
    assert np.array_equal(values, source(site)[:, 50:150, 50:150])


def test_owslib_20(site):
    service = WebCoverageService(f"{site.url}/wcs", version="2.0.1")
    found = service[COLLECTION]
    assert found.grid.axislabels == ["i", "j"]
    assert "image/tiff" in found.supportedFormats
    west, south, east, north = box()
    answer = service.getCoverage(
        identifier=COLLECTION,
        subsets=[("E", west, east), ("N", south, north)],
        format="image/tiff",
    )
    values, facts = read(io.BytesIO(answer.read()).getvalue())
    assert np.array_equal(values, source(site)[:, 50:150, 50:150])
    assert facts.descriptions == BANDS

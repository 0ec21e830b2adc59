"""Damaged files, truncated or with bytes flipped, through the whole of a reader.

Every case must end in time with a source error or with pixels that only the file's bytes decide,
and GDAL, where it reads the same bytes too, must see the same pixels. All runs in child processes,
so that a crash is a failure of a test and not the end of all tests.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile

CHILD = Path(__file__).with_name("fuzz_child.py")
TESTS = Path(__file__).parents[2]
SHARED = Path(
    os.environ.get("TILESERVER_TEST_DATA_ROOT", Path(__file__).resolve().parents[4] / "shared")
)
SHORT, LONG = 240, 4000

#: Files that rasterio writes, 3 bands of 80 x 48, with an internal mask where that is possible.
WRITTEN: dict[str, dict[str, Any]] = {
    "strips": {"compress": "NONE", "tiled": False},
    "deflate": {"compress": "DEFLATE", "predictor": 2, "BIGTIFF": "YES"},
    "wide": {"compress": "DEFLATE", "predictor": 2, "dtype": "uint16", "ENDIANNESS": "BIG"},
    "float": {"compress": "DEFLATE", "predictor": 3, "dtype": "float32", "ENDIANNESS": "BIG"},
    "lzw": {"compress": "LZW", "predictor": 2, "interleave": "band"},
    "zstd": {"compress": "ZSTD"},
    "packbits": {"compress": "PACKBITS"},
    "lzma": {"compress": "LZMA"},
    "jpeg": {"compress": "JPEG", "interleave": "pixel", "photometric": "RGB"},
    "ycbcr": {"compress": "JPEG", "photometric": "YCBCR", "interleave": "pixel"},
    "webp": {"compress": "WEBP", "WEBP_LOSSLESS": "YES"},
    "lerc": {"compress": "LERC", "dtype": "float32"},
    "lerc_deflate": {"compress": "LERC_DEFLATE", "dtype": "int16"},
    "lerc_zstd": {"compress": "LERC_ZSTD", "dtype": "float64"},
    "bits12": {"compress": "DEFLATE", "dtype": "uint16", "nbits": 12, "interleave": "band"},
    "bits5": {"compress": "NONE", "nbits": 5},
    "jp2": {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "PLT": "YES"},
    "jp2_tiles": {"driver": "JP2OpenJPEG", "PLT": "YES", "TLM": "YES", "blockxsize": 32,
                  "blockysize": 32, "tiled": True, "RESOLUTIONS": 3, "dtype": "uint16"},
}  # fmt: skip
#: Small real files, each odd in its own way; left out where there are none.
REAL = (
    "cog_odd/float16.tif", "cog_odd/int12.tif", "cog_odd/oddsize1bit.tif",
    "cog_odd/rgbsmall_JPEG_ycbcr.tif", "cog_odd/rgbsmall_LERC_ZSTD_tiled.tif",
    "cog_odd/rgbsmall_LERC_separate.tif", "cog_odd/rgbsmall_WEBP_RGBA_alpha_omitted.tif",
    "cog_odd/rgbsmall_ZSTD_tiled_separate.tif", "cog_odd/sparse_tiled_contig.tif",
    "cog_odd/test3_with_mask_1bit_and_ovr.tif", "cog_odd/tiff_with_subifds.tif",
    "cog_odd/uint64.tif", "cog/inverted_lat.tif", "cog/S2A_29RKH_20200219_0_L2A/SCL.tif",
    "jp2_odd/3_13bit_and_1bit.jp2", "jp2_odd/513x513.jp2", "jp2_odd/byte_one_poc.j2k",
    "jp2_odd/byte_tlm_plt.jp2", "jp2_odd/gmljp2_epsg3035_easting_northing.jp2",
    "jp2_odd/gtsmall_11_int16.jp2", "jp2_odd/fake_sent2_preview.jp2",
)  # fmt: skip


def write(path: Path, options: dict[str, Any]) -> None:
    y, x = np.mgrid[0:48, 0:80]
    profile = {"driver": "GTiff", "width": 80, "height": 48, "count": 3, "dtype": "uint8",
               "crs": "EPSG:3035", "transform": rasterio.Affine(10, 0, 4e6, 0, -10, 3e6),
               **options}  # fmt: skip
    if profile["driver"] == "GTiff" and profile.get("tiled", True):
        profile |= {"tiled": True, "blockxsize": 32, "blockysize": 32}
    data = np.stack([x + y, x * 2, y * 3]).astype(profile["dtype"]) % (
        31 if "nbits" in profile else 255
    )
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED=False):
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(data.astype(profile["dtype"]))
            if profile["driver"] == "GTiff":
                dataset.scales = (0.5, 0.5, 0.5)
                dataset.write_mask(x > y)
        if profile["driver"] == "GTiff":
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews([2])


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    for name, options in WRITTEN.items():
        write(folder / name, options)
    tifffile.imwrite(
        folder / "jpegxl", (np.mgrid[0:48, 0:80].sum(0) % 251).astype(np.uint8), tile=(32, 32),
        compression="jpegxl", compressionargs={"lossless": True}, photometric="minisblack",
    )  # fmt: skip
    for path in (SHARED / "data" / name for name in REAL):
        if path.exists():
            (folder / f"real_{path.name}").write_bytes(path.read_bytes())
    return folder


def fuzz(mode: str, folder: Path, cases: range, poison: int = 0) -> dict[str, Any]:
    """Run cases in a child over memory that is filled with `poison`, large blocks included."""
    paths = {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    filled = {
        "FUZZ_POISON": str(poison),
        "MALLOC_PERTURB_": str(poison),
        "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(CHILD), mode, str(folder), str(cases.start), str(len(cases))],
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
        env=os.environ | paths | (filled if poison else {}),
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    found = json.loads(done.stdout)
    assert found["grown_mb"] < 800, found["grown_mb"]
    return found


def summary(results: list[list[str]]) -> Counter[str]:
    return Counter(outcome.split()[0] for _, outcome in results)


def check_own(folder: Path, cases: range) -> Counter[str]:
    """Our readers, over two fillings of the memory."""
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda poison: fuzz("own", folder, cases, poison), (0x55, 0xA9))
    for case, (one, other) in enumerate(zip(first["results"], second["results"], strict=True)):
        assert one == other, f"case {cases[case]} shows memory that nothing wrote"
    return summary(first["results"])


def check_oracle(folder: Path, cases: range) -> Counter[str]:
    """Our readers beside GDAL."""
    found = fuzz("oracle", folder, cases)
    wrong = [
        (cases[case], *result)
        for case, result in enumerate(found["results"])
        if result[1].startswith("differs")
    ]
    assert not wrong, wrong
    return Counter(found["counts"])


def test_damaged_files(originals: Path) -> None:
    outcomes = check_own(originals, range(SHORT))
    assert outcomes["whole"] > SHORT // 10
    assert outcomes["partly"] > SHORT // 40
    assert outcomes["SourceCorruptError"] > SHORT // 10


def test_damaged_files_equal_gdal(originals: Path) -> None:
    counts = check_oracle(originals, range(SHORT))
    assert counts["block: equals GDAL"] > SHORT


def test_damaged_files_in_the_gdal_reader(originals: Path) -> None:
    outcomes = summary(fuzz("gdal", originals, range(SHORT))["results"])
    assert outcomes["whole"] > SHORT // 10
    assert outcomes["SourceCorruptError"] > SHORT // 10


@pytest.mark.slow
def test_many_damaged_files(originals: Path) -> None:
    cases = range(SHORT, SHORT + LONG)
    outcomes, blocks = check_own(originals, cases), check_oracle(originals, cases)
    fallback = summary(fuzz("gdal", originals, cases)["results"])
    sys.stdout.write(
        f"own {dict(outcomes)}\nGDAL beside {dict(blocks)}\nfallback {dict(fallback)}\n"
    )
    assert outcomes["whole"] > LONG // 10
    assert fallback["whole"] > LONG // 10

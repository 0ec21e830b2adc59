"""Complex samples are refused by name, by every reader in turn; none shows their real part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers.errors import SourceUnsupportedError
from renderers.readers.registry import ReaderRegistry, default_registry
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import StoreRegistry

GRID = {"crs": "EPSG:32633", "transform": Affine(10, 0, 499980, 0, -10, 5000040)}


async def refusal(path: Path, stores: StoreRegistry, registry: ReaderRegistry) -> str:
    with pytest.raises(SourceUnsupportedError) as caught:
        await registry.identify(stores.open(stores.resolve(str(path))))
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["complex_int16", "complex64", "complex128"])
@pytest.mark.parametrize("options", [{}, {"tiled": True, "compress": "DEFLATE"}])
async def test_written(
    tmp_path: Path, stores: StoreRegistry, dtype: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=1, dtype=dtype, **GRID, **options
    ) as dataset:
        dataset.write(np.full((1, 64, 64), 3 + 4j, np.complex64))
    assert await refusal(path, stores, ReaderRegistry([TiffReader()])) == "complex samples"
    both = default_registry(tmp_path / "spool")
    assert await refusal(path, stores, both) == "a file with complex samples cannot be drawn"


@pytest.mark.parametrize("name", ["cog/slc_complex_int16_gcps.tif", "cog_odd/cint_sar.tif"])
async def test_real(shared: Path, tmp_path: Path, stores: StoreRegistry, name: str) -> None:
    both = default_registry(tmp_path / "spool")
    assert "complex samples" in await refusal(shared / "data" / name, stores, both)

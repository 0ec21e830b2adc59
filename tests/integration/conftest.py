"""Products in a real object store."""

from datetime import date

import pytest
from support.seaweed import Seaweed
from support.stock import COG, Stocked

from tileserver.demo.safe import generate_series


@pytest.fixture(scope="session")
def stocked(s3: Seaweed, tmp_path_factory: pytest.TempPathFactory, request) -> Stocked:
    folder = tmp_path_factory.mktemp("stock")
    (product,) = generate_series(folder, size=1026, dates=[date(2025, 4, 20)])
    try:
        cogs = request.getfixturevalue("shared") / "data" / COG
    except pytest.skip.Exception:
        cogs = None
    for bucket in ("private", "public"):
        s3.put_folder(bucket, f"products/{product.name}", product)
        if cogs is not None:
            s3.put_folder(bucket, "cogs", cogs)
    return Stocked(s3, product.name, product, cogs)

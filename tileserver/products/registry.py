"""The products that are recognised, in the order they are asked."""

from collections.abc import Sequence

from renderers.errors import SourceUnsupportedError
from renderers.readers.registry import ReaderRegistry
from renderers.stores import StoreRegistry
from tileserver.products.base import Access, Candidate, Hints, Product, ProductItem
from tileserver.products.cog.product import CogProduct
from tileserver.products.copernicus_dem.product import CopernicusDem
from tileserver.products.corine.product import Corine
from tileserver.products.described.product import DescribedProduct
from tileserver.products.esa_worldcover.product import EsaWorldCover
from tileserver.products.landsat.product import LandsatProduct
from tileserver.products.modis.product import ModisProduct
from tileserver.products.netcdf.product import NetcdfProduct
from tileserver.products.s2glc.product import S2glc
from tileserver.products.sentinel1.product import Sentinel1Product
from tileserver.products.sentinel2.aws import Sentinel2AwsProduct
from tileserver.products.sentinel2.product import Sentinel2Product
from tileserver.products.sentinel3.product import Sentinel3Product
from tileserver.products.sentinel5p.product import Sentinel5pProduct
from tileserver.products.stac.product import StacProduct

#: The first that recognises a file has it: what users describe themselves, then deliveries of many
#: files, then grids known by their content, then any other raster.
PRODUCTS: tuple[Product, ...] = (
    DescribedProduct(),
    Sentinel1Product(),
    Sentinel2Product(),
    Sentinel2AwsProduct(),
    Sentinel3Product(),
    Sentinel5pProduct(),
    LandsatProduct(),
    StacProduct(),
    ModisProduct(),
    CopernicusDem(),
    EsaWorldCover(),
    Corine(),
    S2glc(),
    NetcdfProduct(),
    CogProduct(),
)


async def find(
    href: str, access: Access, products: Sequence[Product] = PRODUCTS
) -> list[Candidate]:
    """Recognise the products at an address: a file, a folder with whatever lies below, a URL.

    Raises:
        SourceUnsupportedError: There is nothing that any product knows.
        SourceError: Other kinds, by what the store answered.
    """
    files = await access.files(href)
    alone = files == (href,)
    found: list[Candidate] = []
    for product in products:
        candidates = await product.find(files, access, alone=alone)
        found.extend(candidates)
        claimed = {f for c in candidates for f in (*c.files, c.href)}
        files = tuple(f for f in files if f not in claimed)
        if not files:
            break
    if not found:
        raise SourceUnsupportedError("no product is recognised at this address")
    return found


async def describe(
    candidate: Candidate, access: Access, hints: Hints, products: Sequence[Product] = PRODUCTS
) -> Sequence[ProductItem]:
    """Describe what `find` found.

    Raises:
        SourceError: One of its kinds; the message tells the user what is wrong with it.
    """
    product = next(p for p in products if p.id == candidate.product)
    return await product.describe(candidate, access, hints)


async def recognise(
    href: str, stores: StoreRegistry, readers: ReaderRegistry, hints: Hints | None = None
) -> list[ProductItem]:
    """Return the items of every product at an address.

    Raises:
        SourceError: One of its kinds, for the first product that cannot be described.
    """
    access = Access(stores, readers)
    found: list[ProductItem] = []
    for candidate in await find(href, access):
        found.extend(await describe(candidate, access, hints or Hints()))
    return found

"""Which values a raster holds, from blocks spread over its coarsest level."""

import numpy as np

from tileserver.products.base import Access
from tileserver.products.cog.statistics import read_samples


async def sampled_values(href: str, access: Access) -> frozenset[int]:
    """Return the whole numbers among sampled values of a raster's first band.

    Raises:
        SourceError: One of its kinds, by what the store or the file says.
    """
    first, *_ = await read_samples(href, access)
    if not first:
        return frozenset()
    values = np.unique(np.concatenate([np.unique(v) for v in first]))
    return frozenset(int(v) for v in values if v == int(v))

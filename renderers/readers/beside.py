"""The mask file that GDAL writes beside an image: its name with `.msk` behind it.

Source: GDAL's RFC 15. It is looked for once, when a file is indexed: one request, sent along with
the first ones for the file itself.
"""

from renderers.errors import SourceForbiddenError, SourceMissingError
from renderers.stores import ByteSource

SUFFIX = ".msk"
#: A mask file is a TIFF file, whatever the image is.
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


async def find_mask_file(source: ByteSource) -> ByteSource | None:
    """Return the mask file of an object, pinned, or None where there is none.

    Stores answer "forbidden" for missing objects to those who may not list, and web servers may
    send a page in place of a missing file; both mean that there is none.

    Raises:
        SourceError: The store did not answer.
    """
    try:
        found = await source.beside(SUFFIX).pinned()
        head = await found.read_head(4) if found.ref.size else b""
    except (SourceMissingError, SourceForbiddenError):
        return None
    return found if head.startswith(_TIFF) else None

"""The readers a server has, and which of them reads a given file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from renderers.errors import SourceUnsupportedError
from renderers.readers.angles.reader import AnglesReader
from renderers.readers.base import RasterIndex, Reader
from renderers.readers.gdal import COPY_LIMIT, COPY_QUOTA, GdalReader
from renderers.readers.jp2.boxes import RAW_CODESTREAM, SIGNATURE
from renderers.readers.jp2.reader import Jp2Reader
from renderers.readers.netcdf.reader import CLASSIC, HDF5, NetcdfReader
from renderers.readers.radar import RadarReader
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import ByteSource

#: First bytes of formats, and the readers to ask in turn. Names of files say nothing: in real
#: collections a `.jp2` is a TIFF and a `.tif` a bare JPEG 2000 codestream.
SIGNATURES: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"II*\0", ("tiff", "gdal")),
    (b"MM\0*", ("tiff", "gdal")),
    (b"II+\0", ("tiff", "gdal")),  # BigTIFF
    (b"MM\0+", ("tiff", "gdal")),
    (SIGNATURE, ("jp2", "gdal")),
    (RAW_CODESTREAM, ("jp2", "gdal")),
    (HDF5, ("netcdf",)),
    (CLASSIC, ("netcdf",)),
    (b"<?xml", ("angles",)),
    (b"\xef\xbb\xbf<?xml", ("angles",)),
    (b"\x89PNG\r\n\x1a\n", ("gdal",)),
    (b"\xff\xd8\xff", ("gdal",)),  # JPEG
)


class ReaderRegistry:
    """Readers by id; immutable, `with_reader` returns another registry."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers: Mapping[str, Reader] = MappingProxyType({r.id: r for r in readers})

    def with_reader(self, reader: Reader) -> "ReaderRegistry":
        """Return a registry that has this reader too, in place of one with the same id."""
        return ReaderRegistry([*self._readers.values(), reader])

    def get(self, name: str) -> Reader:
        """Return the reader of this id.

        Raises:
            SourceUnsupportedError: There is none.
        """
        try:
            return self._readers[name]
        except KeyError:
            raise SourceUnsupportedError("no reader of this name", detail=name) from None

    async def identify(
        self, source: ByteSource, *, soon: bool = False
    ) -> tuple[Reader, RasterIndex]:
        """Find the reader of a file by its first bytes and build its index.

        Our own reader is asked first; GDAL takes what that one refuses by its capability check.

        Args:
            source: The file.
            soon: Whether an index that is not complete will do, see `Reader.open`.

        Raises:
            SourceUnsupportedError: No reader knows the content, or each refused it.
            SourceError: Other kinds, by what the store or the file says.
        """
        source = await source.pinned()
        head = await source.read_head(16) if source.ref.size else b""
        names = next((names for start, names in SIGNATURES if head.startswith(start)), ())
        refusal = SourceUnsupportedError("the file is of no known raster format")
        for name in names:
            if name not in self._readers:
                continue
            reader = self._readers[name]
            try:
                return reader, await (reader.open(source) if soon else reader.build_index(source))
            except SourceUnsupportedError as error:
                refusal = error
        raise refusal


def default_registry(
    spool_dir: Path, *, copy_limit: int = COPY_LIMIT, copy_quota: int = COPY_QUOTA
) -> ReaderRegistry:
    """Return the registry of all readers.

    Args:
        spool_dir: Folder for copies of remote objects that only GDAL reads; holds nothing else.
        copy_limit: Bytes of the largest object that is copied.
        copy_quota: Bytes of all copies together.
    """
    gdal = GdalReader(spool_dir, limit=copy_limit, quota=copy_quota)
    own = (TiffReader(), Jp2Reader(), RadarReader(), NetcdfReader(), AnglesReader())
    return ReaderRegistry([*own, gdal])

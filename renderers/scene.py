"""What is read: objects in stores, bands in files, acquisitions made of bands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from renderers.sourcegrid import SourceGrid


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object in one store under one credential; the identity that cache keys hold.

    Attributes:
        store: Opaque id of the store *and* its credential, from the store registry.
        path: Key inside the store.
        etag: ETag the object had when it was indexed; ranges are then sent with If-Match.
        size: Bytes, where known; those of the window where there is one.
        window: First byte and length of a file that lies inside the object as it is, a stored
            member of an archive; None for the object itself.
        part: What is read of a file that holds several rasters: the variable of a NetCDF file, with
            its groups, and `[i,j]` for one slice of its leading dimensions; "" leaves it to the
            reader.
        unpacked: Bytes of the content where the window holds it deflated, else None; `size` is
            then the same.
    """

    store: str
    path: str
    etag: str | None = None
    size: int | None = None
    window: tuple[int, int] | None = None
    part: str = ""
    unpacked: int | None = None

    @property
    def inside(self) -> int | None:
        """Bytes of a file inside the object, None where it is the object itself."""
        return self.unpacked if self.unpacked is not None or self.window is None else self.window[1]

    @property
    def key(self) -> tuple[str, str, str]:
        """Cache key of the object's content."""
        path = self.path
        # NUL, which no address may hold: no other object's path reads like this
        if self.window is not None:
            path = f"{path}\0{self.window[0]}+{self.window[1]}"
        if self.unpacked is not None:
            path = f"{path}:{self.unpacked}"
        if self.part:
            path = f"{path}\0\0{self.part}"
        return self.store, path, self.etag or ""


@dataclass(frozen=True, slots=True)
class BandAsset:
    """One band of one file.

    Attributes:
        ref: The object that holds it.
        reader: Id of the reader (`tiff`, `jp2`, `gdal`), or "" to sniff the content on first touch.
        band: Number of the band in the file, from 1.
        scale: Physical value = stored value * scale + offset.
        offset: See `scale`.
        nodata: Stored value that means "no data", or None where the file itself says.
        grid: Where the pixels lie when the catalogue knows it; None asks the file.
        index: Stored read index, or None to build it on first touch.
        dtype: NumPy name of the stored values' type as the catalogue knows it, "" asks the file.
    """

    ref: ObjectRef
    reader: str = ""
    band: int = 1
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    grid: SourceGrid | None = None
    index: bytes | None = None
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition: bands that were seen at one time.

    Attributes:
        id: Item id.
        collection: Collection id.
        datetime: Acquisition time, UTC, or None for timeless data.
        bands: By every name a program may use: common name (`red`) and the product's own (`B04`).
        cloud_cover: Percent, where the product tells.
        longitude: Of its middle, degrees east, for its solar day; None takes UTC days.
    """

    id: str
    collection: str
    datetime: datetime | None
    bands: Mapping[str, BandAsset]
    cloud_cover: float | None = None
    longitude: float | None = None

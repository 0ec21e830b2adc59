"""What was asked, never how it was asked: every protocol decodes into these."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from renderers.geobox import GeoBox
from styles.model import Resampling, Style
from tileserver.dimensions import Asked
from tileserver.mosaics import MosaicChoice
from tileserver.timeaxis import UNSAID, TimeRequest

#: In place of a media type: JPEG where the picture is opaque, PNG else.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class LayerRequest:
    """One layer of a picture.

    Attributes:
        collection: Collection id.
        style: Style id, "" for the collection's default; or a whole style, made for this request.
    """

    collection: str
    style: str | Style = ""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """A picture of one or several layers.

    Attributes:
        layers: Painted in this order, the first at the bottom.
        geobox: The target grid.
        time: Items of these times; by default what each collection's own default is.
        media_type: Of an encoder (`image/png`), or `AUTO`.
        transparent: Keep pixels without data transparent (formats that can).
        background: RGB behind the data where not transparent.
        mosaic: Which scene shows where several lie; None takes each collection's own rule.
        density: Pixels of the picture per pixel of a screen, for the width of lines.
        dimensions: Of the layers that have them, beyond time.
    """

    layers: tuple[LayerRequest, ...]
    geobox: GeoBox
    time: TimeRequest = UNSAID
    media_type: str = "image/png"
    transparent: bool = True
    background: tuple[int, int, int] = (255, 255, 255)
    mosaic: MosaicChoice | None = None
    density: float = 1.0
    dimensions: Asked = ()
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Return a hash that is computed once: what is known of a kept request is found at once."""
        known = self._hash
        if known is None:
            known = hash((self.layers, self.geobox, self.time, self.media_type, self.transparent))
            object.__setattr__(self, "_hash", known)
        return known


@dataclass(frozen=True, slots=True)
class CoverageRequest:
    """Values on a grid: of bands, or of a style's program before it has colours.

    Attributes:
        collection: Collection id.
        bands: By any of their names; () is all, without bands of classes where dates are composed.
            Left () with a style.
        geobox: The target grid.
        time: Items of these times; by default what the collection's own default is.
        mosaic: Which scene gives the value where several lie; None takes the collection's own
            rule. Bands and programs follow it as pictures do.
        resampling: How source pixels become target pixels. `nearest` keeps stored values.
        style: Whose program's outputs are wanted instead of bands, by its id or whole; "" for
            none.
        item: Id of the one item that is wanted, whatever the time; "" for all.
    """

    collection: str
    bands: tuple[str, ...]
    geobox: GeoBox
    time: TimeRequest = UNSAID
    mosaic: MosaicChoice | None = None
    resampling: Resampling = "nearest"
    style: str | Style = ""
    item: str = ""


@dataclass(frozen=True, slots=True)
class ValuesRequest:
    """Values of bands at points.

    Attributes:
        collection: Collection id.
        bands: By any of their names; () is all.
        points: (x, y) in `crs`.
        crs: Canonical CRS name, x/y order.
        time: Items of these times; by default what the collection's own default is.
        limit: At most so many scenes with data for each point, in the order of the mosaic. A
            composite of dates is one value, whatever the limit.
        style: Whose values are asked, beside those of its bands, which replace `bands`; None for
            bands alone.
        mosaic: Which scenes come first and which pixels count, or what becomes of the dates; None
            takes the collection's own rule.
    """

    collection: str
    bands: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    crs: str = "EPSG:4326"
    time: TimeRequest = UNSAID
    limit: int = 1
    style: Style | None = None
    mosaic: MosaicChoice | None = None


def cache_key(
    request: PictureRequest, styles: Sequence[str], revisions: Sequence[str], times: Sequence[str]
) -> str:
    """Return the opaque key of a picture: the request, its styles' digests, the data's revisions.

    Args:
        request: What was asked; its time counts by what it chose.
        styles: Digest of each layer's style.
        revisions: Catalogue revision of each layer's area and times.
        times: Key of the times that were chosen for each layer.
    """
    box, t = request.geobox, request.geobox.transform
    parts = (
        *(layer.collection for layer in request.layers),
        *styles,
        *revisions,
        *times,
        f"{box.width}x{box.height}",
        box.crs,
        request.media_type,
        str(request.transparent),
        str(request.background),
    )
    # The doubles as they are: writing them as text costs more than all the rest.
    digest = hashlib.blake2b(struct.pack("<6d", t.a, t.b, t.c, t.d, t.e, t.f), digest_size=16)
    digest.update("\x1f".join(parts).encode())
    return digest.hexdigest()

"""Finds Sentinel-2 SAFE folders and describes their tiles."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import shapely

from renderers.errors import SourceMissingError, SourceUnsupportedError
from renderers.geobox import GeoBox
from tileserver.catalogue.base import Collection
from tileserver.catalogue.footprint import grid_footprint, ring_footprint, straight_in
from tileserver.products import archive
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    folders_with,
    name_of,
)
from tileserver.products.item import Asset, Band, bands_of, make_item
from tileserver.products.sentinel2.bands import (
    ANGLES,
    BY_NAME,
    CLOUD_MASK,
    MASKS,
    OTHER,
    VISUAL,
    MaskFile,
    spectral_info,
)
from tileserver.products.sentinel2.metadata import (
    GranuleEntry,
    ProductMetadata,
    TileMetadata,
    level_of,
    parse_product,
    parse_tile,
)

_FILE = re.compile(r"_(B\d\d|B8A|TCI|SCL|AOT|WVP)(?:_(10|20|60)m)?$")
_SUFFIX = ".jp2"
_ATTRIBUTION = "Contains modified Copernicus Sentinel data"
_LICENSE = "other"
DEFAULT_RESOLUTION = {"TCI": 10, "AOT": 10, "WVP": 10, "SCL": 20}

#: Styles that the bands of a full product allow, best first; those whose bands are missing in a
#: collection are left out when its styles are chosen.
TEMPLATES: dict[str, Collection] = {
    "L1C": Collection(
        id="sentinel-2-l1c",
        title="Sentinel-2 L1C",
        description="Top-of-atmosphere reflectance, 10 to 60 m, every few days.",
        attribution=_ATTRIBUTION,
        license=_LICENSE,
        max_zoom=14,
    ),
    "L2A": Collection(
        id="sentinel-2-l2a",
        title="Sentinel-2 L2A",
        description="Surface reflectance with a scene classification, 10 to 60 m, every few days.",
        attribution=_ATTRIBUTION,
        license=_LICENSE,
        max_zoom=14,
        extra={"mosaic": {"mask": CLOUD_MASK}},
    ),
}


class Sentinel2Product:
    """SAFE folders of L1C and L2A products, all baselines."""

    id = "sentinel2"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find folders with a product metadata file; see `Product.find`."""
        granules = {f.partition("/GRANULE/")[0] for f in files if "/GRANULE/" in f}
        documents = [f for f in files if alone or _may_be_metadata(f, granules)]
        return await folders_with(self.id, documents, _is_product, files, access)

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe each tile of the product; see `Product.describe`."""
        metadata = parse_product(await access.document(candidate.href))
        folder = folder_of(candidate.href)
        found = await _files(folder, metadata, access)
        items = []
        for granule in metadata.granules:
            document = _tile_document(granule, found, folder)
            tile = parse_tile(await access.document(document))
            angles = [angles_of(document)] if tile.angles else []
            items.append(_item(metadata, granule, tile, found, angles))
        return [placed(item, TEMPLATES[metadata.level], hints) for item in items]


def _is_product(head: bytes) -> bool:
    return level_of(head) is not None


def _may_be_metadata(href: str, granules: set[str]) -> bool:
    return href.lower().endswith(".xml") and folder_of(href) in granules


async def _files(folder: str, metadata: ProductMetadata, access: Access) -> dict[str, str]:
    """Return the addresses of the product's files by their path inside the product.

    Web servers list no folders: there the files that the metadata names are looked for one by one.
    """
    if archive.split(folder) is not None or not folder.startswith(("http://", "https://")):
        return {f.removeprefix(folder + "/"): f for f in await access.files(folder + "/")}
    paths = [i + _SUFFIX for g in metadata.granules for i in g.images]
    for granule in metadata.granules:
        inside = _granule_folder(granule)
        paths += [f"{inside}/MTD_TL.xml", *(f"{inside}/QI_DATA/{name}" for name in MASKS)]
    places = {p: f"{folder}/{p}" for p in paths}
    found = await access.present(places.values())
    return {p: href for p, href in places.items() if href in found}


def _granule_folder(granule: GranuleEntry) -> str:
    image = next(iter(granule.images), "")
    inside = image.partition("/IMG_DATA/")[0] if "/IMG_DATA/" in image else ""
    return inside or f"GRANULE/{granule.id}"


def _tile_document(granule: GranuleEntry, found: Mapping[str, str], folder: str) -> str:
    inside = _granule_folder(granule)
    names = [p for p in found if folder_of(p) == inside and p.endswith(".xml")]
    if not names:
        raise SourceMissingError("the granule's metadata (MTD_TL.xml) is missing", detail=folder)
    return found[min(names, key=lambda n: (name_of(n) != "MTD_TL.xml", n))]


def _images(granule: GranuleEntry, found: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Return (address, resolution) of each band's file of the finest resolution that is there."""
    by_name = {name_of(p): href for p, href in found.items()}
    best: dict[str, tuple[str, int]] = {}
    for image in granule.images:
        name = name_of(image).removesuffix(_SUFFIX)
        parts, href = _FILE.search(name), by_name.get(name + _SUFFIX)
        if parts is None or href is None:
            continue
        band = parts.group(1)
        known = DEFAULT_RESOLUTION.get(band) or BY_NAME[band].resolution
        resolution = int(parts.group(2) or known)
        if band not in best or resolution < best[band][1]:
            best[band] = (href, resolution)
    return best


def _item(
    metadata: ProductMetadata,
    granule: GranuleEntry,
    tile: TileMetadata,
    found: Mapping[str, str],
    angles: Sequence[Asset],
) -> dict[str, Any]:
    images = _images(granule, found)
    assets = [
        asset_of(band, href, resolution, metadata, tile.grids.get(resolution))
        for band, (href, resolution) in sorted(images.items())
    ]
    if not assets:
        raise SourceMissingError("the product has none of its image files")
    assets += [*_masks(granule, tile, found), *angles]
    several = len(metadata.granules) > 1
    return make_item(
        f"{metadata.id}_T{tile.tile}" if several else metadata.id,
        footprint_of(metadata, tile, several=several),
        metadata.time,
        assets,
        properties_of(metadata, tile),
    )


def _masks(granule: GranuleEntry, tile: TileMetadata, found: Mapping[str, str]) -> list[Asset]:
    """Return the quality masks that are images; products before baseline 04.00 have few or none."""
    inside = _granule_folder(granule)
    return [
        mask_of(mask, found[path], tile)
        for name, mask in MASKS.items()
        if (path := f"{inside}/QI_DATA/{name}") in found
    ]


def mask_of(mask: MaskFile, href: str, tile: TileMetadata) -> Asset:
    """Return the asset of a quality mask."""
    return Asset(
        key=mask.key,
        href=href,
        bands=tuple(Band(info, data_type="uint8") for info in mask.bands),
        grid=tile.grids.get(mask.resolution),
        media_type="image/jp2",
        roles=("data", "quality"),
        fields={"gsd": mask.resolution},
    )


def angles_of(href: str) -> Asset:
    """Return the asset of the sun and view angles in a granule's metadata."""
    return Asset(
        key="angles",
        href=href,
        bands=tuple(Band(info, nodata=float("nan"), data_type="float32") for info in ANGLES),
        media_type="application/xml",
        title="Sun and view angles",
        roles=("data", "metadata"),
    )


def placed(item: dict[str, Any], template: Collection, hints: Hints) -> ProductItem:
    """Return an item in the collection of its level, or in the one that the user wants."""
    item["collection"] = hints.collection or template.id
    title = hints.title or template.title
    bands = tuple(bands_of(item))
    return ProductItem(item, replace(template, id=item["collection"], title=title, bands=bands))


def asset_of(
    band: str, href: str, resolution: int, metadata: ProductMetadata, grid: GeoBox | None
) -> Asset:
    """Return the asset of an image.

    Raises:
        SourceUnsupportedError: The granule tells no grid of that resolution.
    """
    if grid is None:
        raise SourceUnsupportedError(f"the granule's metadata has no grid of {resolution} m")
    bands, title, roles = _bands(band, metadata)
    return Asset(
        key="visual" if band == "TCI" else band,
        href=href,
        bands=bands,
        grid=grid,
        media_type="image/jp2",
        title=title,
        roles=roles,
        fields={"gsd": resolution},
    )


def _bands(band: str, metadata: ProductMetadata) -> tuple[tuple[Band, ...], str, tuple[str, ...]]:
    if band == "TCI":
        visual = tuple(Band(info, nodata=0.0, data_type="uint8") for info in VISUAL)
        return visual, "True colour image", ("visual",)
    if band == "SCL":
        info = OTHER[band]
        return (Band(info, nodata=0.0, data_type="uint8"),), info.title, ("data",)
    if band in OTHER:
        quantity = {"AOT": metadata.aot_quantification, "WVP": metadata.wvp_quantification}[band]
        info = OTHER[band]
        return (Band(info, 1.0 / quantity, 0.0, 0.0, "uint16"),), info.title, ("data",)
    info = spectral_info(band)
    scale = 1.0 / metadata.quantification
    offset = metadata.offsets.get(band, 0.0) / metadata.quantification
    roles = ("data", "reflectance")
    return (Band(info, scale, offset, 0.0, "uint16"),), info.title, roles


def footprint_of(metadata: ProductMetadata, tile: TileMetadata, *, several: bool) -> Any:
    """Return the tile's footprint: what was sensed, within the tile's square."""
    grid = min(tile.grids.items())[1]
    square = grid_footprint(grid)
    if several:  # the product's outline is the whole datatake's
        return square
    sensed = ring_footprint(*metadata.footprint)
    extent = grid.bounds[2] - grid.bounds[0]
    inside = shapely.intersection(straight_in(sensed, grid.crs, extent / 32), square)
    # Outlines of products are drawn by other means than the tile's square; one that misses it
    # altogether would hide the product.
    return inside if inside.area > 0.0 and inside.geom_type.endswith("Polygon") else square


def properties_of(metadata: ProductMetadata, tile: TileMetadata) -> dict[str, Any]:
    """Return a tile's properties by their STAC names; what is not told is left out."""
    cloud = tile.cloud_cover if tile.cloud_cover is not None else metadata.cloud_cover
    properties: dict[str, Any] = {
        "platform": metadata.platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "grid:code": f"MGRS-{tile.tile}",
        "sat:relative_orbit": metadata.relative_orbit,
        "s2:processing_baseline": metadata.baseline,
        "s2:product_uri": f"{metadata.id}.SAFE",
    }
    told = {
        "sat:orbit_state": metadata.orbit_state,
        "s2:generation_time": metadata.generation_time,
        "s2:datatake_id": metadata.datatake,
    }
    properties |= {name: text for name, text in told.items() if text}
    if cloud is not None:
        properties["eo:cloud_cover"] = cloud
    if tile.sun is not None:
        properties["view:sun_azimuth"], properties["view:sun_elevation"] = tile.sun
    return properties

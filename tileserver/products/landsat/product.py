"""Finds Landsat scenes by their MTL metadata and describes them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from renderers.errors import SourceUnsupportedError
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.catalogue.footprint import ring_footprint
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    name_of,
)
from tileserver.products.item import Asset, Band, bands_of, make_item
from tileserver.products.landsat.bands import (
    INSTRUMENTS,
    LAYERS,
    SENSORS,
    SpectralEntry,
    bitfields_document,
    bits_of,
    spectral_info,
)
from tileserver.products.landsat.metadata import LandsatScene, parse_scene
from tileserver.products.landsat.mtl import product_id_of

_SUFFIXES = (".json", ".xml", ".txt")
_CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_RADIANCE_UNIT = "W/(m2 sr um)"
_JPEG = b"\xff\xd8\xff"
_PREVIEW = "_thumb_large.jpeg"

_COMMON: dict[str, Any] = {
    "attribution": "Landsat data courtesy of the U.S. Geological Survey",
    "license": "other",
    # Fill, dilated cloud, cirrus, cloud and shadow: what a mosaic of clear pixels leaves out.
    "extra": {"mosaic": {"mask": {"band": "qa_pixel", "bits": [0, 1, 2, 3, 4]}}},
}
#: Collections by level; 30 m pixels are worth zoom 13, the panchromatic ones of 15 m zoom 14.
TEMPLATES: dict[str, Collection] = {
    "L1": Collection(
        id="landsat-c2-l1",
        title="Landsat Collection 2 Level-1",
        description=(
            "Landsat 4 to 9: reflectance at the top of the atmosphere, for the sun's height at the "
            "scene's middle, and thermal radiance, 30 m."
        ),
        max_zoom=14,
        **_COMMON,
    ),
    "L2": Collection(
        id="landsat-c2-l2",
        title="Landsat Collection 2 Level-2",
        description="Landsat 4 to 9: surface reflectance and surface temperature, 30 m.",
        max_zoom=13,
        **_COMMON,
    ),
}


class LandsatProduct:
    """Scenes of Landsat 4 to 9, Collection 2, with MTL metadata as text, XML or JSON."""

    id = "landsat"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find scenes by their MTL files; see `Product.find`.

        A scene comes with the same metadata in several forms: JSON is preferred, then XML. What
        lies beside and begins with the product's id belongs to it: bands, masks, previews, and
        the STAC documents of the USGS.
        """
        documents = [f for f in files if alone or f.lower().endswith(_SUFFIXES)]
        heads = await asyncio.gather(*(access.head(f) for f in documents))
        scenes: dict[tuple[str, str], list[str]] = {}
        for document, head in zip(documents, heads, strict=True):
            product = product_id_of(head)
            if product is not None:
                key = (folder_of(document), product or name_of(document))
                scenes.setdefault(key, []).append(document)
        return [
            Candidate(self.id, min(forms, key=_preference), _belonging(folder, product, files))
            for (folder, product), forms in scenes.items()
        ]

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the scene; see `Product.describe`."""
        scene = parse_scene(await access.document(candidate.href))
        folder = folder_of(candidate.href)
        assets = [*_spectral(scene, folder), *_layers(scene, folder)]
        if not assets:
            raise SourceUnsupportedError("the scene's metadata names no band that is known")
        assets += await _preview(candidate, access)
        item = make_item(
            scene.id, ring_footprint(*scene.footprint), scene.time, assets, _properties(scene)
        )
        item["stac_extensions"] = list(dict.fromkeys([*item["stac_extensions"], _CLASSIFICATION]))
        template = TEMPLATES[scene.level]
        item["collection"] = hints.collection or template.id
        title = hints.title or template.title
        bands = tuple(bands_of(item))
        placed = replace(template, id=item["collection"], title=title, bands=bands)
        return [ProductItem(item, placed)]


def _preference(href: str) -> tuple[int, str]:
    suffix = f".{name_of(href).lower().rpartition('.')[2]}"
    return _SUFFIXES.index(suffix) if suffix in _SUFFIXES else len(_SUFFIXES), href


def _belonging(folder: str, product: str, files: Sequence[str]) -> tuple[str, ...]:
    return tuple(f for f in files if folder_of(f) == folder and name_of(f).startswith(product))


def _spectral(scene: LandsatScene, folder: str) -> list[Asset]:
    assets = []
    for key, entry in SENSORS[scene.sensor].items():
        name = scene.files.get(f"BAND_{key}")
        if name is not None:
            band, quantity = _scaled(scene, key, entry)
            roles = ("data", quantity)
            title = f"{entry.title} (band {key.removeprefix('ST_B')})"
            fields = {"gsd": 15 if entry.name == "pan" else 30}
            assets.append(_asset(band, f"{folder}/{name}", title, roles, fields))
    return assets


def _scaled(scene: LandsatScene, key: str, entry: SpectralEntry) -> tuple[Band, str]:
    """Return the band in the best quantity that the metadata has a scaling for, and its role."""
    if (scaling := scene.temperature(key)) is not None:
        return Band(spectral_info(entry, "K"), *scaling, 0.0, "uint16"), "temperature"
    if (scaling := scene.reflectance(key)) is not None:
        return Band(spectral_info(entry, ""), *scaling, 0.0, "uint16"), "reflectance"
    scaling = scene.radiance(key)
    if scaling is None:
        raise SourceUnsupportedError(f"the scene's metadata has no scaling of band {key}")
    info = spectral_info(entry, _RADIANCE_UNIT)
    if not entry.thermal:
        # Taken by night: styles made for reflectances must not find it by its common name.
        info = replace(info, name=f"{info.name}_radiance", common_name="")
    return Band(info, *scaling, 0.0, "uint16"), "radiance"


def _layers(scene: LandsatScene, folder: str) -> list[Asset]:
    assets = []
    for key, layer in LAYERS.items():
        name = scene.files.get(key)
        if name is not None:
            info = BandInfo(layer.name, title=layer.title, unit=layer.unit)
            fields: dict[str, Any] = {"gsd": 30}
            if bits := bits_of(layer, scene.sensor):
                fields["classification:bitfields"] = bitfields_document(bits)
            band = Band(info, layer.scale, 0.0, layer.nodata)
            assets.append(_asset(band, f"{folder}/{name}", layer.title, ("data",), fields))
    return assets


def _asset(
    band: Band, href: str, title: str, roles: tuple[str, ...], fields: dict[str, Any]
) -> Asset:
    return Asset(
        key=band.info.name,
        href=href,
        bands=(band,),
        media_type="image/tiff; application=geotiff",
        title=title,
        roles=roles,
        fields=fields,
    )


async def _preview(candidate: Candidate, access: Access) -> list[Asset]:
    """Return the quicklook that lies with the scene, if there is one."""
    for href in (f for f in candidate.files if f.endswith(_PREVIEW)):
        if (await access.head(href)).startswith(_JPEG):
            return [Asset("thumbnail", href, (), None, "image/jpeg", "Preview", ("thumbnail",))]
    return []


def _properties(scene: LandsatScene) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "platform": scene.platform,
        "constellation": "landsat",
        "instruments": list(INSTRUMENTS[scene.sensor]),
        "grid:code": f"WRS2-{scene.path:03d}{scene.row:03d}",
        "view:sun_azimuth": scene.sun[0],
        "view:sun_elevation": scene.sun[1],
        "landsat:wrs_type": "2",
        "landsat:wrs_path": f"{scene.path:03d}",
        "landsat:wrs_row": f"{scene.row:03d}",
        "landsat:collection_number": "02",
        "landsat:collection_category": scene.category,
        "landsat:correction": scene.correction,
    }
    told = {
        "eo:cloud_cover": scene.cloud_cover,
        "landsat:cloud_cover_land": scene.cloud_cover_land,
        "landsat:scene_id": scene.scene_id or None,
        "processing:datetime": scene.generated or None,
    }
    return properties | {k: v for k, v in told.items() if v is not None}

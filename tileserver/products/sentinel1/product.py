"""Finds Sentinel-1 GRD products and describes them."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from renderers.errors import SourceMissingError, SourceUnsupportedError
from renderers.readers.radar import RadarIndex, RadarReader
from renderers.readers.tiff.index import TiffIndex
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.catalogue.footprint import grid_footprint
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    name_of,
)
from tileserver.products.item import Asset, Band, bands_of, make_item
from tileserver.products.sentinel1.annotation import parse_grid
from tileserver.products.sentinel1.bands import AMPLITUDES, CALIBRATED, DENOISED, POLARISATIONS
from tileserver.products.sentinel1.calibration import parse_calibration
from tileserver.products.sentinel1.metadata import (
    ProductMetadata,
    is_manifest,
    is_product_info,
    parse_manifest,
    parse_product_info,
)
from tileserver.products.sentinel1.noise import parse_noise
from tileserver.timeaxis import iso

_NAME = re.compile(r"S1[A-Z]_(?:IW|EW|WV|S[1-6])_GRD[FHM]_1S(?:SH|SV|DH|DV|HH|HV|VV|VH)_[0-9A-Z_]+")
_MANIFEST = "manifest.safe"
#: Pixels under 0 are no data: borders of the image were set to it.
_NODATA = 0.0

TEMPLATE = Collection(
    id="sentinel-1-grd",
    title="Sentinel-1 GRD",
    description=(
        "C-band radar backscatter in ground range, on its grid of control points; not corrected "
        "for terrain."
    ),
    attribution="Contains modified Copernicus Sentinel data",
    license="other",
    max_zoom=14,
)


class Sentinel1Product:
    """GRD products: SAFE folders, and folders of the archive on AWS (`productInfo.json`)."""

    id = "sentinel1"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find folders with a GRD product's metadata; see `Product.find`."""
        documents = [f for f in files if alone or f.lower().endswith((".safe", ".json"))]
        heads = await asyncio.gather(*(access.head(f) for f in documents))
        chosen: dict[str, str] = {}
        for document, head in zip(documents, heads, strict=True):
            # A folder on AWS has both; only productInfo.json knows its files' names there.
            if is_product_info(head):
                chosen[folder_of(document)] = document
            elif is_manifest(head):
                chosen.setdefault(folder_of(document), document)
        return [
            Candidate(self.id, document, tuple(f for f in files if f.startswith(folder + "/")))
            for folder, document in chosen.items()
        ]

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the product; see `Product.describe`."""
        folder = folder_of(candidate.href)
        metadata = await _metadata(candidate.href, folder, access)
        found = await _found(folder, metadata, access)
        images = {p: found[path] for p, path in metadata.measurements.items() if path in found}
        if not images:
            raise SourceMissingError("the product has none of its image files")
        bands = {}
        for p, image in images.items():
            await _place(image, found.get(metadata.annotations.get(p, "")), access)
            bands[p] = await _calibrate(p, image, metadata, found, access)
        grid = (await access.indexed(next(iter(images.values())))).raster.info.model
        if grid is None:
            raise SourceUnsupportedError("the image has no ground control points")
        item = make_item(
            metadata.id,
            grid_footprint(grid),
            metadata.start,
            [*_assets(images, bands), *_quicklook(metadata, found)],
            _properties(metadata, sorted(metadata.measurements)),
        )
        item["collection"] = hints.collection or TEMPLATE.id
        template = replace(
            TEMPLATE,
            id=item["collection"],
            title=hints.title or TEMPLATE.title,
            bands=tuple(bands_of(item)),
        )
        return [ProductItem(item, template)]


async def _metadata(href: str, folder: str, access: Access) -> ProductMetadata:
    """Return what the documents of a product tell, its name as good as it is known."""
    data = await access.document(href)
    if not is_product_info(data):
        metadata = parse_manifest(data)
        return replace(metadata, id=_product_id(folder, metadata))
    metadata = parse_product_info(data)
    try:
        manifest = parse_manifest(await access.document(f"{folder}/{_MANIFEST}"))
    except SourceMissingError:
        return metadata
    return replace(
        metadata, relative_orbit=manifest.relative_orbit, orbit_state=manifest.orbit_state
    )


def _product_id(folder: str, metadata: ProductMetadata) -> str:
    """Return the product's name: its folder's, or one made of what the manifest tells."""
    name = name_of(folder).removesuffix(".SAFE")
    if _NAME.fullmatch(name):
        return name
    mission = f"S1{metadata.platform[-1].upper()}"
    times = "_".join(f"{t:%Y%m%dT%H%M%S}" for t in (metadata.start, metadata.stop))
    return f"{mission}_{metadata.mode}_GRD_{times}_{metadata.absolute_orbit:06d}"


async def _found(folder: str, metadata: ProductMetadata, access: Access) -> dict[str, str]:
    """Return the addresses of the product's files that are there, by their path inside it.

    Copies of products are often flat: a file that lies elsewhere in the folder is taken too. Web
    servers list no folders: there the files are looked for one by one.
    """
    kinds = (metadata.measurements, metadata.calibrations, metadata.noises, metadata.annotations)
    paths = [path for kind in kinds for path in kind.values()]
    paths += [metadata.quicklook] if metadata.quicklook else []
    if not folder.startswith(("http://", "https://")):
        files = await access.files(folder + "/")
        by_name = {name_of(f): f for f in files} | {f: f for f in files}
        places = {p: by_name.get(f"{folder}/{p}", by_name.get(name_of(p))) for p in paths}
        return {path: href for path, href in places.items() if href is not None}
    named = {p: f"{folder}/{p}" for p in paths}
    there = await access.present(named.values())
    return {p: href for p, href in named.items() if href in there}


async def _place(href: str, annotation: str | None, access: Access) -> None:
    """Have an image without control points lie where the grid of its annotation says."""
    file = await access.indexed(href)
    info = file.raster.info
    if info.grid is not None or annotation is None or not isinstance(file.raster, TiffIndex):
        return
    data = await access.document(annotation)
    model = await asyncio.to_thread(parse_grid, data, info.width, info.height)
    raster = replace(file.raster, raster=replace(info, crs=model.crs, model=model))
    access.replace(href, file._replace(raster=raster))


async def _calibrate(
    polarisation: str,
    href: str,
    metadata: ProductMetadata,
    found: Mapping[str, str],
    access: Access,
) -> tuple[BandInfo, ...]:
    """Put the bands that an image has tables for into its read index; return all its bands."""
    bands = (AMPLITUDES[polarisation],)
    tables = found.get(metadata.calibrations.get(polarisation, ""))
    if tables is None:
        return bands
    gains = parse_calibration(await access.document(tables))
    path = found.get(metadata.noises.get(polarisation, ""))
    noise = None if path is None else parse_noise(await access.document(path))
    file = await access.indexed(href)
    reader = access.readers.get(RadarReader.id)
    raster = RadarIndex.over(file.raster, (gains.sigma, gains.gamma), noise)
    access.replace(href, file._replace(reader=reader, raster=raster))
    more = () if noise is None else DENOISED[polarisation]
    return (*bands, *CALIBRATED[polarisation], *more)


def _assets(images: Mapping[str, str], bands: Mapping[str, tuple[BandInfo, ...]]) -> list[Asset]:
    return [
        Asset(
            key=p,
            href=images[p],
            bands=tuple(Band(info, nodata=_NODATA) for info in bands[p]),
            media_type="image/tiff; application=geotiff",
            title=AMPLITUDES[p].title,
            roles=("data", "amplitude"),
        )
        for p in POLARISATIONS
        if p in images
    ]


def _quicklook(metadata: ProductMetadata, found: Mapping[str, str]) -> list[Asset]:
    href = found.get(metadata.quicklook)
    if href is None:
        return []
    return [Asset("thumbnail", href, (), None, "image/png", "Quicklook", ("thumbnail",))]


def _properties(metadata: ProductMetadata, polarisations: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "platform": metadata.platform,
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "start_datetime": iso(metadata.start),
        "end_datetime": iso(metadata.stop),
        "sar:instrument_mode": metadata.mode,
        "sar:frequency_band": "C",
        "sar:polarizations": [p.upper() for p in polarisations],
        "sar:product_type": "GRD",
        "sat:absolute_orbit": metadata.absolute_orbit,
    }
    if metadata.relative_orbit is not None:
        properties["sat:relative_orbit"] = metadata.relative_orbit
    if metadata.orbit_state is not None:
        properties["sat:orbit_state"] = metadata.orbit_state
    return properties

"""MTD_TL.xml of a generated product: geocoding, sun and view angles, quality indicators."""

from typing import NamedTuple

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from tileserver.demo.metadata import (
    BAND_FACTS,
    CLASS_ELEMENTS,
    ProductFacts,
    node,
    root,
    section,
    serialised,
)
from tileserver.demo.orbit import (
    DETECTORS,
    EARTH_RADIUS,
    GRID_SIZE,
    GRID_STEP,
    SATELLITE_HEIGHT,
    SWATH_HALF_WIDTH,
    iso,
)
from tileserver.demo.sky import SWATH_TILT, sun_at

Grid = NDArray[np.float64]
# The bands look ahead or behind by up to this angle, odd and even detectors against each other.
_STAGGER = (0.006, 0.0011)  # radians, and radians per band
_DETECTOR_OVERLAP = 1_000.0  # m, on each side


class AngleGrids(NamedTuple):
    """Angles at the grid's nodes in degrees, shape (23, 23); NaN where not seen."""

    zenith: Grid
    azimuth: Grid


def tile_xml(facts: ProductFacts) -> bytes:
    """Write MTD_TL.xml."""
    name = facts.name
    document = root("Level-2A_Tile_ID", "S2_PDI_Level-2A_Tile_Metadata.xsd")
    general = section(document, "General_Info")
    node(general, "L1C_TILE_ID", name.tile_id("L1C"), metadataLevel="Brief")
    node(general, "TILE_ID", name.tile_id("L2A"), metadataLevel="Brief")
    node(general, "DATASTRIP_ID", name.datastrip_id, metadataLevel="Standard")
    node(general, "DOWNLINK_PRIORITY", "NOMINAL", metadataLevel="Standard")
    node(general, "SENSING_TIME", iso(name.overpass.sensing), metadataLevel="Standard")
    archiving = node(general, "Archiving_Info", metadataLevel="Expertise")
    node(archiving, "ARCHIVING_CENTRE", name.centre)
    node(archiving, "ARCHIVING_TIME", iso(name.generated))
    geometric = section(document, "Geometric_Info")
    _geocoding(node(geometric, "Tile_Geocoding", metadataLevel="Brief"), facts)
    _angles(node(geometric, "Tile_Angles", metadataLevel="Standard"), facts)
    quality = section(document, "Quality_Indicators_Info", metadataLevel="Standard")
    content = node(quality, "Image_Content_QI")
    _percentages(content, facts)
    masks = node(quality, "Pixel_Level_QI", geometry="FULL_RESOLUTION")
    for mask in facts.masks:
        node(masks, "MASK_FILENAME", mask, type="MSK_CLDPRB")
    node(quality, "PVI_FILENAME", f"{name.preview}.jp2")
    return serialised(document)


def _geocoding(parent: etree._Element, facts: ProductFacts) -> None:
    site = facts.name.site
    node(parent, "HORIZONTAL_CS_NAME", f"WGS84 / UTM zone {site.zone}")
    node(parent, "HORIZONTAL_CS_CODE", f"EPSG:{site.epsg}")
    for resolution in (10, 20, 60):
        size = node(parent, "Size", resolution=str(resolution))
        node(size, "NROWS", facts.size * 10 // resolution)
        node(size, "NCOLS", facts.size * 10 // resolution)
    for resolution in (10, 20, 60):
        position = node(parent, "Geoposition", resolution=str(resolution))
        node(position, "ULX", site.west)
        node(position, "ULY", site.north)
        node(position, "XDIM", resolution)
        node(position, "YDIM", -resolution)


def _angles(parent: etree._Element, facts: ProductFacts) -> None:
    _grids(node(parent, "Sun_Angles_Grid"), sun_grids(facts))
    mean = node(parent, "Mean_Sun_Angle")
    node(mean, "ZENITH_ANGLE", f"{facts.sun.zenith:.10f}", unit="deg")
    node(mean, "AZIMUTH_ANGLE", f"{facts.sun.azimuth:.10f}", unit="deg")
    means = []
    for band in range(len(BAND_FACTS)):
        seen = view_grids(facts, band)
        for detector, grids in seen.items():
            entry = node(
                parent,
                "Viewing_Incidence_Angles_Grids",
                bandId=str(band),
                detectorId=str(detector),
            )
            _grids(entry, grids)
        means.append(_mean_view(list(seen.values())))
    listed = node(parent, "Mean_Viewing_Incidence_Angle_List")
    for band, (zenith, azimuth) in enumerate(means):
        entry = node(listed, "Mean_Viewing_Incidence_Angle", bandId=str(band))
        node(entry, "ZENITH_ANGLE", f"{zenith:.10f}", unit="deg")
        node(entry, "AZIMUTH_ANGLE", f"{azimuth:.10f}", unit="deg")


def _grids(parent: etree._Element, grids: AngleGrids) -> None:
    for tag, grid in (("Zenith", grids.zenith), ("Azimuth", grids.azimuth)):
        entry = node(parent, tag)
        node(entry, "COL_STEP", GRID_STEP, unit="m")
        node(entry, "ROW_STEP", GRID_STEP, unit="m")
        values = node(entry, "Values_List")
        for line in grid:
            text = " ".join("NaN" if np.isnan(v) else f"{v:.6g}" for v in line)
            node(values, "VALUES", text)


def _nodes() -> tuple[Grid, Grid]:
    """Metres east and south of the grid's nodes, shape (23, 23)."""
    steps = np.arange(GRID_SIZE) * float(GRID_STEP)
    east, south = np.meshgrid(steps, steps)
    return east, south


def sun_grids(facts: ProductFacts) -> AngleGrids:
    """Sun angles at the nodes."""
    lon, lat = facts.name.site.lon_lat(*_nodes())
    moment = facts.name.overpass.sensing
    suns = [sun_at(moment, float(o), float(a)) for o, a in zip(lon.flat, lat.flat, strict=True)]
    return AngleGrids(
        np.array([s.zenith for s in suns]).reshape(lon.shape),
        np.array([s.azimuth for s in suns]).reshape(lon.shape),
    )


def view_grids(facts: ProductFacts, band: int) -> dict[int, AngleGrids]:
    """View angles of one band by detector, for the detectors that see any node.

    The satellite flies on a straight track; every detector sees a strip of a twelfth of the swath.
    """
    off = facts.name.overpass.off_track(*_nodes(), facts.extent)
    width = 2 * SWATH_HALF_WIDTH / DETECTORS
    # Along track, the staggered detectors look ahead and behind; the track runs to the SSW.
    heading = np.pi + np.arctan(SWATH_TILT)
    across = np.tan(np.arctan(np.abs(off) / SATELLITE_HEIGHT) + np.abs(off) / EARTH_RADIUS)
    result = {}
    for detector in range(1, DETECTORS + 1):
        low = -SWATH_HALF_WIDTH + (detector - 1) * width - _DETECTOR_OVERLAP
        seen = (off >= low) & (off < low + width + 2 * _DETECTOR_OVERLAP)
        if not seen.any():
            continue
        ahead = np.tan(_STAGGER[0] + _STAGGER[1] * band) * (1 if detector % 2 else -1)
        zenith = np.degrees(np.arctan(np.hypot(across, ahead)))
        # From the ground the satellite stands towards the track, and ahead or behind along it.
        side = -np.sign(off) * across
        north = ahead * np.cos(heading) + side * np.sin(np.arctan(SWATH_TILT)) * -1
        east = ahead * np.sin(heading) + side * np.cos(np.arctan(SWATH_TILT))
        azimuth = np.degrees(np.arctan2(east, north)) % 360.0
        result[detector] = AngleGrids(
            np.where(seen, zenith, np.nan), np.where(seen, azimuth, np.nan)
        )
    return result


def _mean_view(grids: list[AngleGrids]) -> tuple[float, float]:
    """Mean zenith and direction over all nodes that any detector sees."""
    zenith = np.concatenate([g.zenith[np.isfinite(g.zenith)] for g in grids])
    azimuth = np.radians(np.concatenate([g.azimuth[np.isfinite(g.azimuth)] for g in grids]))
    direction = np.degrees(np.arctan2(np.sin(azimuth).mean(), np.cos(azimuth).mean())) % 360.0
    return float(zenith.mean()), float(direction)


def _percentages(content: etree._Element, facts: ProductFacts) -> None:
    def share(name: str) -> None:
        node(content, name, f"{facts.shares[name]:.6f}")

    share("CLOUDY_PIXEL_PERCENTAGE")
    share("CLOUDY_PIXEL_OVER_LAND_PERCENTAGE")
    node(content, "DEGRADED_MSI_DATA_PERCENTAGE", "0.000000")
    share("NODATA_PIXEL_PERCENTAGE")
    for name, _ in CLASS_ELEMENTS:
        share(name)
    for name in ("RADIATIVE_TRANSFER", "WATER_VAPOUR_RETRIEVAL", "AOT_RETRIEVAL"):
        node(content, f"{name}_ACCURACY", "0.0")
    node(content, "AOT_RETRIEVAL_METHOD", "CAMS")
    node(content, "GRANULE_MEAN_AOT", "0.090000")
    node(content, "GRANULE_MEAN_WV", "1.800000")
    node(content, "OZONE_SOURCE", "AUX_ECMWFT")
    node(content, "OZONE_VALUE", "330.000000")

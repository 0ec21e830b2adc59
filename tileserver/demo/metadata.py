"""MTD_MSIL2A.xml, MTD_DS.xml and manifest.safe of a generated product.

Elements and their nesting are those of the Product Specification Document, issue 15 (baseline
05.11), as genuine products carry them. lxml builds the trees; nothing is a text template.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lxml import etree

from tileserver.demo.bands import OFFSET, QUANTIFICATION
from tileserver.demo.orbit import BASELINE, ProductName, iso
from tileserver.demo.sky import SWATH_EDGE_AT, SWATH_TILT, Sun

PSD = "https://psd-15.sentinel2.eo.esa.int/PSD"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SAFE = "http://www.esa.int/safe/sentinel/1.1"
GML = "http://www.opengis.net/gml"
XFDU = "urn:ccsds:schema:xfdu:1"


@dataclass(frozen=True, slots=True)
class BandFacts:
    """One spectral band of the instrument.

    Attributes:
        name: Name in file names.
        physical: Name in the metadata.
        resolution: Native pixel size, metres.
        low, high, centre: Wavelengths in nanometres.
        irradiance: Solar irradiance, W/m²/µm.
        gain: Physical gain of the instrument.
    """

    name: str
    physical: str
    resolution: int
    low: int
    high: int
    centre: float
    irradiance: float
    gain: float


# In the order of bandId, 0 to 12.
BAND_FACTS = (
    BandFacts("B01", "B1", 60, 411, 456, 442.3, 1874.30, 3.964),
    BandFacts("B02", "B2", 10, 456, 532, 492.3, 1959.75, 3.820),
    BandFacts("B03", "B3", 10, 536, 582, 558.9, 1824.93, 4.238),
    BandFacts("B04", "B4", 10, 646, 685, 664.9, 1512.79, 4.775),
    BandFacts("B05", "B5", 20, 694, 714, 703.8, 1425.78, 5.183),
    BandFacts("B06", "B6", 20, 730, 748, 739.1, 1291.13, 5.090),
    BandFacts("B07", "B7", 20, 766, 794, 779.7, 1175.57, 4.764),
    BandFacts("B08", "B8", 10, 774, 907, 832.9, 1041.28, 6.821),
    BandFacts("B8A", "B8A", 20, 848, 880, 864.0, 953.93, 5.760),
    BandFacts("B09", "B9", 60, 930, 957, 943.2, 817.58, 9.375),
    BandFacts("B10", "B10", 60, 1339, 1415, 1376.9, 365.41, 56.405),
    BandFacts("B11", "B11", 20, 1538, 1679, 1610.4, 247.08, 37.179),
    BandFacts("B12", "B12", 20, 2065, 2303, 2185.7, 87.75, 108.690),
)

SCENE_CLASSES = (
    *("SC_NODATA", "SC_SATURATED_DEFECTIVE", "SC_DARK_FEATURE_SHADOW", "SC_CLOUD_SHADOW"),
    *("SC_VEGETATION", "SC_NOT_VEGETATED", "SC_WATER", "SC_UNCLASSIFIED"),
    *("SC_CLOUD_MEDIUM_PROBA", "SC_CLOUD_HIGH_PROBA", "SC_THIN_CIRRUS", "SC_SNOW_ICE"),
)

# Element of the quality indicators and the SCL class it counts.
CLASS_ELEMENTS = (
    ("SATURATED_DEFECTIVE_PIXEL_PERCENTAGE", 1),
    ("DARK_FEATURES_PERCENTAGE", 2),
    ("CLOUD_SHADOW_PERCENTAGE", 3),
    ("VEGETATION_PERCENTAGE", 4),
    ("NOT_VEGETATED_PERCENTAGE", 5),
    ("WATER_PERCENTAGE", 6),
    ("UNCLASSIFIED_PERCENTAGE", 7),
    ("MEDIUM_PROBA_CLOUDS_PERCENTAGE", 8),
    ("HIGH_PROBA_CLOUDS_PERCENTAGE", 9),
    ("THIN_CIRRUS_PERCENTAGE", 10),
    ("SNOW_ICE_PERCENTAGE", 11),
)


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What the metadata tells of one product.

    Attributes:
        name: Names and identifiers.
        size: Pixels per side at 10 m.
        sun: Mean position of the sun.
        shares: Percentages by element name, see `class_percentages`.
        images: Paths of the image files below the SAFE folder, without suffix.
        masks: Paths of quality masks below the SAFE folder, with suffix.
    """

    name: ProductName
    size: int
    sun: Sun
    shares: Mapping[str, float]
    images: Sequence[str]
    masks: Sequence[str]

    @property
    def extent(self) -> float:
        """Side in metres."""
        return 10.0 * self.size


def class_percentages(counts: Sequence[int], cloudy_land: float) -> dict[str, float]:
    """Make the quality indicators of an SCL image.

    Args:
        counts: Pixels per class, 12 numbers.
        cloudy_land: Percent of the seen land under clouds.

    Returns:
        Percent by element name: nodata of all pixels, all others of the pixels with data.
    """
    total = sum(counts)
    valid = max(total - counts[0], 1)
    shares = {"NODATA_PIXEL_PERCENTAGE": 100.0 * counts[0] / total}
    shares |= {name: 100.0 * counts[number] / valid for name, number in CLASS_ELEMENTS}
    shares["CLOUDY_PIXEL_PERCENTAGE"] = 100.0 * sum(counts[8:11]) / valid
    shares["CLOUDY_PIXEL_OVER_LAND_PERCENTAGE"] = cloudy_land
    return shares


def node(
    parent: etree._Element, tag: str, text: object = None, **attributes: str
) -> etree._Element:
    """Append an element, with text and attributes if given."""
    child = etree.SubElement(parent, tag, attributes)
    if text is not None:
        child.text = str(text)
    return child


def root(tag: str, schema: str) -> etree._Element:
    """Make the root element of a PSD document, `n1:tag`."""
    address = f"{PSD}/{schema}"
    element = etree.Element(f"{{{address}}}{tag}", nsmap={"n1": address, "xsi": XSI})
    element.set(f"{{{XSI}}}schemaLocation", address)
    return element


def section(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    """Append a first-level section, which alone carries the document's own namespace."""
    return node(parent, f"{{{etree.QName(parent).namespace}}}{tag}", **attributes)


def serialised(element: etree._Element) -> bytes:
    """Write a document."""
    return bytes(
        etree.tostring(
            element, xml_declaration=True, encoding="UTF-8", standalone=True, pretty_print=True
        )
    )


def product_xml(facts: ProductFacts) -> bytes:
    """Write MTD_MSIL2A.xml."""
    document = root("Level-2A_User_Product", "User_Product_Level-2A.xsd")
    general = section(document, "General_Info")
    _product_info(node(general, "Product_Info"), facts)
    _image_characteristics(node(general, "Product_Image_Characteristics"), facts)
    geometric = section(document, "Geometric_Info")
    outer = node(geometric, "Product_Footprint")
    inner = node(node(outer, "Product_Footprint"), "Global_Footprint")
    node(inner, "EXT_POS_LIST", footprint(facts) + " ")
    node(outer, "RASTER_CS_TYPE", "POINT")
    node(outer, "PIXEL_ORIGIN", 1)
    system = node(geometric, "Coordinate_Reference_System")
    node(system, "GEO_TABLES", "EPSG", version="1")
    node(system, "HORIZONTAL_CS_TYPE", "GEOGRAPHIC")
    auxiliary = section(document, "Auxiliary_Data_Info")
    node(auxiliary, "GIPP_List")
    node(auxiliary, "PRODUCTION_DEM_TYPE", "CopernicusDEM30")
    _quality(section(document, "Quality_Indicators_Info"), facts)
    return serialised(document)


def _product_info(info: etree._Element, facts: ProductFacts) -> None:
    name, overpass = facts.name, facts.name.overpass
    node(info, "PRODUCT_START_TIME", iso(overpass.start))
    node(info, "PRODUCT_STOP_TIME", iso(overpass.start))
    node(info, "PRODUCT_URI", name.safe)
    node(info, "PROCESSING_LEVEL", "Level-2A")
    node(info, "PRODUCT_TYPE", "S2MSI2A")
    node(info, "PROCESSING_BASELINE", BASELINE)
    node(info, "GENERATION_TIME", iso(name.generated))
    node(info, "PREVIEW_IMAGE_URL", "Not applicable")
    node(info, "PREVIEW_GEO_INFO", "Not applicable")
    _datatake(node(info, "Datatake", datatakeIdentifier=name.datatake_id), facts)
    query = node(info, "Query_Options", completeSingleTile="true")
    node(query, "PRODUCT_FORMAT", "SAFE_COMPACT")
    granule = node(
        node(node(info, "Product_Organisation"), "Granule_List"),
        "Granule",
        datastripIdentifier=name.datastrip_id,
        granuleIdentifier=name.tile_id("L2A"),
        imageFormat="JPEG2000",
    )
    for image in facts.images:
        node(granule, "IMAGE_FILE", image)


def _datatake(datatake: etree._Element, facts: ProductFacts) -> None:
    overpass = facts.name.overpass
    node(datatake, "SPACECRAFT_NAME", f"Sentinel-2{overpass.mission[2]}")
    node(datatake, "DATATAKE_TYPE", "INS-NOBS")
    node(datatake, "DATATAKE_SENSING_START", iso(overpass.start))
    node(datatake, "SENSING_ORBIT_NUMBER", overpass.relative_orbit)
    node(datatake, "SENSING_ORBIT_DIRECTION", "DESCENDING")


def _image_characteristics(image: etree._Element, facts: ProductFacts) -> None:
    for text, number in (("NODATA", 0), ("SATURATED", 65535)):
        special = node(image, "Special_Values")
        node(special, "SPECIAL_VALUE_TEXT", text)
        node(special, "SPECIAL_VALUE_INDEX", number)
    order = node(image, "Image_Display_Order")
    for colour, channel in (("RED", 3), ("GREEN", 2), ("BLUE", 1)):
        node(order, f"{colour}_CHANNEL", channel)
    values = node(image, "QUANTIFICATION_VALUES_LIST")
    node(values, "BOA_QUANTIFICATION_VALUE", QUANTIFICATION, unit="none")
    node(values, "AOT_QUANTIFICATION_VALUE", "1000.0", unit="none")
    node(values, "WVP_QUANTIFICATION_VALUE", "1000.0", unit="cm")
    offsets = node(image, "BOA_ADD_OFFSET_VALUES_LIST")
    for number in range(len(BAND_FACTS)):
        node(offsets, "BOA_ADD_OFFSET", OFFSET, band_id=str(number))
    conversion = node(image, "Reflectance_Conversion")
    node(conversion, "U", f"{_distance_factor(facts):.15f}")
    irradiances = node(conversion, "Solar_Irradiance_List")
    for number, band in enumerate(BAND_FACTS):
        node(irradiances, "SOLAR_IRRADIANCE", band.irradiance, bandId=str(number), unit="W/m²/µm")
    _spectral_information(node(image, "Spectral_Information_List"))
    for number, band in enumerate(BAND_FACTS):
        node(image, "PHYSICAL_GAINS", band.gain, bandId=str(number))
    node(image, "REFERENCE_BAND", 3)
    classes = node(image, "Scene_Classification_List")
    for number, text in enumerate(SCENE_CLASSES):
        entry = node(classes, "Scene_Classification_ID")
        node(entry, "SCENE_CLASSIFICATION_TEXT", text)
        node(entry, "SCENE_CLASSIFICATION_INDEX", number)


def _spectral_information(parent: etree._Element) -> None:
    for number, band in enumerate(BAND_FACTS):
        entry = node(parent, "Spectral_Information", bandId=str(number), physicalBand=band.physical)
        node(entry, "RESOLUTION", band.resolution)
        wavelength = node(entry, "Wavelength")
        node(wavelength, "MIN", band.low, unit="nm")
        node(wavelength, "MAX", band.high, unit="nm")
        node(wavelength, "CENTRAL", band.centre, unit="nm")
        response = node(entry, "Spectral_Response")
        node(response, "STEP", 1, unit="nm")
        # A box with soft shoulders stands in for the measured response.
        place = np.arange(band.low, band.high + 1, dtype=np.float64)
        inside = np.minimum(place - band.low, band.high - place) + 0.5
        shape = 1.0 - np.exp(-((inside / 3.0) ** 2))
        node(response, "VALUES", " ".join(f"{v:.6f}" for v in shape / shape.max()))


def _distance_factor(facts: ProductFacts) -> float:
    """Squared ratio of the mean to the day's distance from the sun."""
    day = facts.name.overpass.day.timetuple().tm_yday
    return float((1 - 0.01673 * np.cos(0.0172 * (day - 4))) ** -2)


def _quality(quality: etree._Element, facts: ProductFacts) -> None:
    cloudy = facts.shares["CLOUDY_PIXEL_PERCENTAGE"]
    node(quality, "Cloud_Coverage_Assessment", f"{cloudy:.6f}")
    technical = node(quality, "Technical_Quality_Assessment")
    node(technical, "DEGRADED_ANC_DATA_PERCENTAGE", "0.0")
    node(technical, "DEGRADED_MSI_DATA_PERCENTAGE", 0)
    checks = node(quality, "Quality_Control_Checks")
    inspections = node(checks, "Quality_Inspections")
    for check in ("FORMAT_CORRECTNESS", "GENERAL_QUALITY", "GEOMETRIC_QUALITY", "L2A_QUALITY",
                  "RADIOMETRIC_QUALITY", "SENSOR_QUALITY"):  # fmt: skip
        node(inspections, "quality_check", "PASSED", checkType=check)
    node(checks, "Failed_Inspections")
    content = node(quality, "Image_Content_QI")
    for name in ("CLOUDY_PIXEL_OVER_LAND_PERCENTAGE", "NODATA_PIXEL_PERCENTAGE"):
        node(content, name, f"{facts.shares[name]:.6f}")
    for name, _ in CLASS_ELEMENTS:
        node(content, name, f"{facts.shares[name]:.6f}")
    node(content, "AOT_RETRIEVAL_METHOD", "CAMS")


def footprint(facts: ProductFacts) -> str:
    """Corners of the seen part as "latitude longitude" pairs, closed."""
    top = bottom = extent = facts.extent
    if facts.name.overpass.partial:
        top = SWATH_EDGE_AT * extent
        bottom = top - SWATH_TILT * extent
    east = np.array([0.0, top, bottom, 0.0, 0.0])
    south = np.array([0.0, 0.0, extent, extent, 0.0])
    lon, lat = facts.name.site.lon_lat(east, south)
    return " ".join(f"{a:.12f} {o:.12f}" for a, o in zip(lat, lon, strict=True))


def datastrip_xml(facts: ProductFacts) -> bytes:
    """Write a short MTD_DS.xml: who, when and with what."""
    name, overpass = facts.name, facts.name.overpass
    document = root("Level-2A_DataStrip_ID", "S2_PDI_Level-2A_Datastrip_Metadata.xsd")
    general = section(document, "General_Info")
    datatake = node(general, "Datatake_Info", datatakeIdentifier=name.datatake_id)
    _datatake(datatake, facts)
    times = node(general, "Datastrip_Time_Info")
    node(times, "DATASTRIP_SENSING_START", iso(overpass.datastrip_start))
    node(times, "DATASTRIP_SENSING_STOP", iso(overpass.sensing))
    processing = node(general, "Processing_Info")
    node(processing, "PROCESSING_BASELINE", BASELINE)
    node(processing, "UTC_DATE_TIME", iso(name.generated))
    node(processing, "PROCESSING_CENTER", name.centre)
    archiving = node(general, "Archiving_Info")
    node(archiving, "ARCHIVING_CENTRE", name.centre)
    node(archiving, "ARCHIVING_TIME", iso(name.generated))
    return serialised(document)


def manifest_xml(facts: ProductFacts, folder: Path) -> bytes:
    """Write manifest.safe over all the files that lie in a folder, with sizes and SHA3-256."""
    document = etree.Element(
        f"{{{XFDU}}}XFDU",
        nsmap={"gml": GML, "safe": SAFE, "xfdu": XFDU},
        version="esa/safe/sentinel/1.1/sentinel-2/msi/archive_l2a_user_product",
    )
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    identifiers = {path: _data_object_id(path) for path in files}
    unit = f"{{{XFDU}}}contentUnit"
    top = node(
        node(document, "informationPackageMap"),
        unit,
        dmdID="acquisitionPeriod platform",
        pdiID="processing",
        textInfo="SENTINEL-2 MSI Level-2A User Product",
        unitType="Product_Level-2A",
    )
    for identifier in identifiers.values():
        kind = "Metadata Unit" if "Metadata" in identifier else "Measurement Data Unit"
        entry = node(top, unit, ID=f"{identifier.removesuffix('_Data')}_Unit", unitType=kind)
        node(entry, "dataObjectPointer", dataObjectID=identifier)
    _manifest_metadata(node(document, "metadataSection"), facts)
    objects = node(document, "dataObjectSection")
    for path, identifier in identifiers.items():
        entry = node(objects, "dataObject", ID=identifier)
        mime = "text/xml" if path.suffix == ".xml" else "application/octet-stream"
        stream = node(entry, "byteStream", mimeType=mime, size=str(path.stat().st_size))
        href = f"./{path.relative_to(folder).as_posix()}"
        node(stream, "fileLocation", href=href, locatorType="URL")
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha3_256").hexdigest()
        node(stream, "checksum", digest, checksumName="SHA3-256")
    return serialised(document)


def _data_object_id(path: Path) -> str:
    known = {
        "MTD_MSIL2A.xml": "S2_Level-2A_Product_Metadata",
        "MTD_DS.xml": "S2_Level-2A_Datastrip1_Metadata",
        "MTD_TL.xml": "S2_Level-2A_Tile1_Metadata",
        "MSK_CLDPRB_20m.jp2": "CloudPrbMask_Tile1_Data",
    }
    if path.name in known:
        return known[path.name]
    if path.stem.endswith("_PVI"):
        return "Preview_0_Tile1_Data"
    band, resolution = path.stem.split("_")[-2:]
    return f"IMG_DATA_Band_{band}_{resolution}_Tile1_Data"


def _manifest_metadata(parent: etree._Element, facts: ProductFacts) -> None:
    def wrapped(identifier: str, text: str, category: str, classification: str) -> etree._Element:
        entry = node(
            parent, "metadataObject", ID=identifier, category=category,
            classification=classification,
        )  # fmt: skip
        wrap = node(
            entry, "metadataWrap", mimeType="text/xml", textInfo=text,
            vocabularyName="Sentinel-SAFE",
        )  # fmt: skip
        return node(wrap, "xmlData")

    overpass = facts.name.overpass
    period = wrapped("acquisitionPeriod", "Acquisition Period", "DMD", "DESCRIPTION")
    period = node(period, f"{{{SAFE}}}acquisitionPeriod")
    node(period, f"{{{SAFE}}}startTime", iso(overpass.start))
    orbit = wrapped("measurementOrbitReference", "Orbit Reference", "DMD", "DESCRIPTION")
    orbit = node(orbit, f"{{{SAFE}}}orbitReference")
    number = node(orbit, f"{{{SAFE}}}orbitNumber", f"{overpass.absolute_orbit:06d}")
    number.set("groundTrackDirection", "descending")
    number.set("type", "start")
    node(orbit, f"{{{SAFE}}}relativeOrbitNumber", f"{overpass.relative_orbit:03d}", type="start")
    platform = wrapped("platform", "Platform Description", "DMD", "DESCRIPTION")
    platform = node(platform, f"{{{SAFE}}}platform")
    node(platform, f"{{{SAFE}}}familyName", "SENTINEL")
    node(platform, f"{{{SAFE}}}number", overpass.mission[1:])
    instrument = node(platform, f"{{{SAFE}}}instrument")
    node(instrument, f"{{{SAFE}}}familyName", "Multi-Spectral Instrument", abbreviation="MSI")
    processing = wrapped("processing", "Processing", "PDI", "PROVENANCE")
    node(
        processing,
        f"{{{SAFE}}}processing",
        name="Generation of Level-2A User Product",
        start=iso(facts.name.generated),
    )
    frame = wrapped("measurementFrameSet", "Frame Set", "DMD", "DESCRIPTION")
    outline = node(node(frame, f"{{{SAFE}}}frameSet"), f"{{{SAFE}}}footPrint")
    outline.set("srsName", "http://www.opengis.net/gml/srs/epsg.xml#4326")
    node(outline, f"{{{GML}}}coordinates", footprint(facts) + " ")

"""Land cover and heights: genuine files, and files that only look like them."""

import csv
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine

from renderers.readers.registry import default_registry
from tileserver.products.base import Access, Hints
from tileserver.products.registry import PRODUCTS, find, recognise
from tileserver.timeaxis import iso

DEM_30 = "dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif"
DEM_90 = "dem/Copernicus_DSM_COG_30_S90_00_W164_00_DEM.tif"
COVER = "landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
CLC = "landcover/U2018_CLC2018_V2020_20u1_FR_GLP.tif"
#: file: product, collection, first and last instant
GENUINE = {
    DEM_30: ("copernicus-dem", "cop-dem-glo-30", None),
    DEM_90: ("copernicus-dem", "cop-dem-glo-90", None),
    COVER: ("esa-worldcover", "esa-worldcover", (2021, "2021-12-31T23:59:59Z")),
    CLC: ("corine", "corine-land-cover", (2018, "2018-12-31T23:59:59Z")),
}
S2GLC = (0, 62, 73, 75, 82, 83, 102, 103, 104, 105, 106, 121, 123, 162, 255)


@pytest.fixture
def readers(tmp_path):
    return default_registry(tmp_path / "spool")


@pytest.fixture
def raster(tmp_path):
    """Write one band; by default 10 m pixels in the CRS of European land cover."""

    def write(name, pixels, **profile):
        path = tmp_path / name
        table = profile.pop("table", None)
        options = {
            "driver": "GTiff", "count": 1, "height": pixels.shape[0], "width": pixels.shape[1],
            "dtype": pixels.dtype, "crs": "EPSG:3035", "tiled": True, "compress": "deflate",
            "transform": Affine(10, 0, 4321000, 0, -10, 3210000), "blockxsize": 64,
            "blockysize": 64,
        } | profile  # fmt: skip
        with rasterio.open(path, "w", **options) as out:
            if table is not None:
                out.write_colormap(1, table)
            out.write(pixels, 1)
        return path

    return write


async def kind(path, stores, readers):
    (candidate,) = await find(str(path), Access(stores, readers))
    return candidate.product


@pytest.mark.parametrize("name", GENUINE)
async def test_genuine_files(name, shared, stores, readers):
    product, collection, span = GENUINE[name]
    path = shared / "data" / name
    assert await kind(path, stores, readers) == product
    (found,) = await recognise(str(path), stores, readers)
    properties = found.item["properties"]
    assert (found.item["collection"], found.template.id) == (collection, collection)
    assert found.item["id"] == path.stem
    assert not found.own_collection
    assert found.template.attribution
    if span is None:
        assert properties["start_datetime"].startswith("0001")
    else:
        assert properties["start_datetime"] == iso(datetime(span[0], 1, 1, tzinfo=UTC))
        assert properties["end_datetime"] == span[1]
    (asset,) = found.item["assets"].values()
    (band,) = asset["bands"]
    with rasterio.open(path) as source:
        assert asset["proj:shape"] == [source.height, source.width]
        assert asset["proj:transform"] == pytest.approx(source.transform[:6])
    assert band["data_type"] == ("float32" if product == "copernicus-dem" else "uint8")


@pytest.mark.parametrize("name", [DEM_30, COVER, CLC])
async def test_the_name_is_not_what_tells(name, shared, stores, readers, tmp_path):
    copy = tmp_path / "renamed.tif"
    shutil.copy(shared / "data" / name, copy)
    # the year of CORINE stands nowhere but in the name, so that one is any raster without it
    expected = "cog" if name == CLC else GENUINE[name][0]
    assert await kind(copy, stores, readers) == expected


async def test_heights_have_a_unit_and_no_classes(shared, stores, readers):
    (found,) = await recognise(str(shared / "data" / DEM_30), stores, readers)
    (band,) = found.template.bands
    assert (band.name, band.unit, band.classes) == ("elevation", "m", ())
    assert found.template.styles == (
        "elevation",
        "hypsometric-hillshade",
        "hillshade",
        "slope",
        "elevation-grey",
    )
    assert "DLR e.V. 2010-2014" in found.template.attribution


async def test_the_legend_of_worldcover_is_its_own(shared, stores, readers):
    path = shared / "data" / COVER
    (found,) = await recognise(str(path), stores, readers)
    (band,) = found.template.bands
    with (shared / "data/landcover/legends/esa_worldcover.csv").open() as legend:
        told = {int(r["value"]): r["hex"] for r in csv.DictReader(legend)}
    assert {c.value: "#{:02X}{:02X}{:02X}".format(*c.colour[:3]) for c in band.classes} == told
    with rasterio.open(path) as source:
        table = source.colormap(1)
        names = dict(line.split(maxsplit=1) for line in source.tags()["legend"].splitlines())
    assert all(table[c.value] == c.colour for c in band.classes)
    same = {c.value: c.name == names[str(c.value)] for c in band.classes}
    assert [v for v, is_same in same.items() if not is_same] == [60]  # "Bare/sparse vegetation"


async def test_grid_codes_of_corine_stand_for_its_classes(shared, stores, readers):
    (found,) = await recognise(str(shared / "data" / CLC), stores, readers)
    (band,) = found.template.bands
    legend = shared / "data/landcover/legends/CLC2018_CLC2018_V2018_20_QGIS.txt"
    rows = [line.split(",") for line in legend.read_text().splitlines()][:44]
    assert [c.value for c in band.classes] == list(range(1, 45))
    assert [c.name[:3] for c in band.classes] == [r[0] for r in rows]
    assert [c.colour for c in band.classes] == [(*map(int, r[1:5]),) for r in rows]
    assert found.item["assets"]["data"]["bands"][0]["nodata"] == 0


@pytest.mark.parametrize(
    ("name", "year"),
    [("g100_clc12_V18_5", 2012), ("U2000_CLC1990_V2020_20u1", 1990), ("clc06_x", 2006)],
)
async def test_years_of_corine(name, year, raster, stores, readers):
    pixels = np.arange(1, 45, dtype=np.uint8).repeat(64).reshape(44, 64)
    path = raster(f"{name}.tif", pixels, transform=Affine(100, 0, 4e6, 0, -100, 3e6))
    (found,) = await recognise(str(path), stores, readers)
    assert found.item["properties"]["start_datetime"] == f"{year}-01-01T00:00:00Z"


async def test_other_numbers_under_a_name_of_corine_are_not_it(raster, stores, readers):
    grid = {"transform": Affine(100, 0, 4e6, 0, -100, 3e6)}
    pixels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    assert await kind(raster("clc2018.tif", pixels, **grid), stores, readers) == "cog"
    assert await kind(raster("clc2018b.tif", pixels % 45), stores, readers) == "cog"  # 10 m
    empty = np.zeros((64, 64), np.uint8)
    assert await kind(raster("clc2018c.tif", empty, **grid), stores, readers) == "cog"
    good = raster("clc2018d.tif", pixels % 45, nodata=255, **grid)
    assert await kind(good, stores, readers) == "corine"
    (found,) = await recognise(str(good), stores, readers)
    assert found.item["assets"]["data"]["bands"][0]["nodata"] == 255


async def test_s2glc_by_its_values(shared, raster, stores, readers):
    pixels = np.array(S2GLC, np.uint8)[np.arange(64 * 64) % len(S2GLC)].reshape(64, 64)
    path = raster("any.tif", pixels)
    assert await kind(path, stores, readers) == "s2glc"
    (found,) = await recognise(str(path), stores, readers)
    (band,) = found.template.bands
    with (shared / "data/landcover/legends/s2glc_europe_2017.csv").open() as legend:
        rows = [r for r in csv.DictReader(legend) if r["value"] != "255"]
    assert [(c.value, c.name) for c in band.classes] == [
        (int(r["value"]), r["class"]) for r in rows
    ]
    assert [c.colour[:3] for c in band.classes] == [
        (int(r["r"]), int(r["g"]), int(r["b"])) for r in rows
    ]
    assert len(band.classes) == 13 + 1  # and clouds
    assert found.item["properties"]["start_datetime"] == "2017-01-01T00:00:00Z"
    assert found.item["assets"]["data"]["bands"][0]["nodata"] == 255


@pytest.mark.parametrize("values", [(62, 73), (62, 73, 75, 76), (255,)])
async def test_too_few_or_other_values_are_not_s2glc(values, raster, stores, readers):
    pixels = np.resize(np.array(values, np.uint8), (64, 64))
    assert await kind(raster("any.tif", pixels), stores, readers) == "cog"


@pytest.mark.parametrize(
    ("change", "is_one"),
    [
        ({}, True),
        ({"dtype": "int16"}, False),
        ({"transform": Affine(1 / 1200, 0, 6, 0, -1 / 1200, 1)}, False),  # pixels are areas
        ({"transform": Affine(1 / 1200, 0, 6.5 - 1 / 2400, 0, -1 / 1200, 1 + 1 / 2400)}, False),
        ({"crs": "EPSG:4258"}, False),
        ({"name": "Copernicus_DSM_30_N00_00_E006_00_HEM.tif"}, False),
    ],
)
async def test_the_grid_of_the_copernicus_dem(change, is_one, raster, stores, readers):
    options = {
        "crs": "EPSG:4326",
        "transform": Affine(1 / 1200, 0, 6 - 1 / 2400, 0, -1 / 1200, 1 + 1 / 2400),
    } | change
    name = options.pop("name", "dem.tif")
    pixels = np.zeros((1200, 1200), options.pop("dtype", "float32"))
    pixels[3, 4] = 1
    path = raster(name, pixels, **options)
    assert (await kind(path, stores, readers) == "copernicus-dem") is is_one


async def test_another_colour_table_is_not_worldcover(raster, shared, stores, readers):
    with rasterio.open(shared / "data" / COVER) as source:
        table = source.colormap(1)
    grid = {"crs": "EPSG:4326", "transform": Affine(1 / 12000, 0, 6, 0, -1 / 12000, 3), "nodata": 0}
    pixels = np.full((64, 64), 10, np.uint8)
    path = raster("a.tif", pixels, table=table, **grid)
    assert await kind(path, stores, readers) == "esa-worldcover"
    (found,) = await recognise(str(path), stores, readers)
    assert found.item["properties"]["start_datetime"].startswith("0001")  # no tags: timeless
    other = {**table, 95: (1, 2, 3, 255)}
    assert await kind(raster("b.tif", pixels, table=other, **grid), stores, readers) == "cog"


async def test_sidecars_go_with_their_raster_and_damaged_files_stay(
    tmp_path, shared, stores, readers
):
    shutil.copy(shared / "data" / DEM_90, tmp_path / "dem.tif")
    shutil.copy(shared / "data" / DEM_90, tmp_path / "dem.tif.ovr")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "dem.tif").read_bytes()[:300])
    found = await find(str(tmp_path), Access(stores, readers), PRODUCTS)
    assert [(c.product, c.href.rpartition("/")[2]) for c in found] == [
        ("copernicus-dem", "dem.tif"),
        ("cog", "cut.tif"),
    ]


async def test_hints_of_the_user_win(shared, stores, readers):
    hints = Hints("heights", "Heights", datetime(2015, 1, 1, tzinfo=UTC))
    (found,) = await recognise(str(shared / "data" / DEM_90), stores, readers, hints)
    assert (found.item["collection"], found.template.id) == ("heights", "heights")
    assert found.template.title == "Heights"
    assert found.item["properties"]["datetime"] == "2015-01-01T00:00:00Z"

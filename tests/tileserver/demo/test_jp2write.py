"""Codestreams have the layout of genuine Sentinel-2 files and hold every pixel exactly."""

import numpy as np
import pytest
import rasterio

from tileserver.demo.jp2write import LAYOUTS, Placement, write_jp2

PLACE = {r: Placement(600_000.0, 6_000_000.0, r, 32632) for r in LAYOUTS}


def noise(shape, dtype=np.uint16, top=3000):
    return np.random.default_rng(5).integers(0, top, shape).astype(dtype)


@pytest.mark.parametrize(
    ("resolution", "side", "layout"),
    [(10, 1100, (1024, 64, 256, 4)), (20, 2100, (2048, 64, 256, 5)), (60, 300, (256, 16, 128, 4))],
)
@pytest.mark.parametrize("tlm", [False, True])
def test_layout_is_that_of_genuine_files(tmp_path, codestream, resolution, side, layout, tlm):
    tile, block, precinct, levels = layout
    image = noise((side, side))
    path = tmp_path / "band.jp2"
    write_jp2(path, image, PLACE[resolution], tlm=tlm)

    found = codestream(path)
    assert (found.width, found.height, found.tile) == (side, side, tile)
    assert (found.components, found.bits, found.signed) == (1, 15, False)
    assert (found.progression, found.layers, found.mct) == (0, 1, 0)
    assert found.levels == levels
    assert found.block == (block, block)
    assert found.precincts == [(precinct, precinct)] * (levels + 1)
    assert found.reversible
    assert found.profile == 0
    assert [p.tile for p in found.tile_parts] == [0, 1, 2, 3]
    assert all((p.part, p.parts) == (0, 1) for p in found.tile_parts)
    assert ("TLM" in found.markers) is tlm
    if tlm:
        assert found.tlm_lengths == [p.length for p in found.tile_parts]
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(1), image)


def test_every_tile_part_lists_all_its_packets(tmp_path, codestream):
    path = tmp_path / "band.jp2"
    write_jp2(path, noise((1100, 1100)), PLACE[10], tlm=False)
    parts = codestream(path).tile_parts
    for part in parts:
        assert sum(part.packet_lengths) == part.data_bytes
    # A full tile has one packet per precinct: 16 of 256 px at full size, 4 at half, then 1 each.
    assert len(parts[0].packet_lengths) == 1 + 1 + 1 + 4 + 16


def test_boxes_hold_gml_and_no_geojp2(tmp_path, codestream):
    path = tmp_path / "band.jp2"
    write_jp2(path, noise((300, 300)), PLACE[60], tlm=False)
    found = codestream(path)
    top = ["jP", "ftyp", "jp2h", "ihdr", "colr", "asoc", "lbl", "asoc", "lbl", "xml", "jp2c"]
    assert found.boxes == top
    assert "urn:ogc:def:crs:EPSG::32632" in found.gml
    assert "<gml:pos>600030 5999970</gml:pos>" in found.gml
    with rasterio.open(path) as source:
        assert source.crs.to_epsg() == 32632
        assert source.transform.to_gdal() == (600_000.0, 60.0, 0.0, 6_000_000.0, 0.0, -60.0)


def test_three_components_use_the_reversible_colour_transform(tmp_path, codestream):
    image = noise((3, 200, 200), np.uint8, 256)
    path = tmp_path / "tci.jp2"
    write_jp2(path, image, PLACE[10], tlm=False)
    found = codestream(path)
    assert (found.components, found.bits, found.mct) == (3, 8, 1)
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(), image)


def test_same_layout_as_a_genuine_file(shared, tmp_path, codestream):
    granule = (
        "data/sentinel2/S2B_33TWL_20230810_0_L2A/GRANULE/L2A_T33TWL_A033567_20230810T095651/QI_DATA"
    )
    for name, resolution, side in (("B02", 10, 1100), ("B05", 20, 2100), ("B01", 60, 300)):
        genuine = codestream(shared / granule / f"MSK_DETFOO_{name}.jp2")
        path = tmp_path / f"{name}.jp2"
        write_jp2(path, noise((side, side), np.uint8, 255), PLACE[resolution], tlm=False)
        ours = codestream(path)
        for fact in (
            *("boxes", "tile", "components", "bits", "progression", "layers", "mct", "levels"),
            *("block", "precincts", "reversible", "profile", "tlm_lengths"),
        ):
            assert getattr(ours, fact) == getattr(genuine, fact), (name, fact)

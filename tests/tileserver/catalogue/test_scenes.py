import pytest

from tileserver.catalogue.scenes import scene_of


@pytest.mark.parametrize(
    ("bbox", "longitude"),
    [
        (None, None),
        ([10.0, 50.0, 12.0, 51.0], 11.0),
        ([10.0, 50.0, 0.0, 12.0, 51.0, 900.0], 11.0),
        ([179.0, -20.0, -179.0, -19.0], 180.0),
        ([179.5, -20.0, -178.5, -19.0], -179.5),
        ([-180.0, -90.0, 180.0, 90.0], 0.0),
    ],
)
def test_the_middle_of_a_scene_is_found_across_180_degrees(stores, bbox, longitude):
    item = {"id": "i", "collection": "c", "assets": {}, "properties": {"datetime": None}}
    item |= {} if bbox is None else {"bbox": bbox}
    assert scene_of(item, stores, {}).longitude == longitude

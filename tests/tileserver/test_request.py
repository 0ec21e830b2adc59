from dataclasses import replace

from renderers.geobox import GeoBox
from tileserver.request import LayerRequest, PictureRequest, cache_key
from tileserver.timeaxis import parse_time


def asked() -> PictureRequest:
    box = GeoBox.from_bounds((0.0, 0.0, 1.0, 1.0), 8, 8, "EPSG:4326")
    return PictureRequest((LayerRequest("a", "b"),), box, parse_time("2024-06-01"))


def test_equal_requests_are_one_key_and_others_are_not():
    first, second = asked(), asked()
    assert first == second
    assert hash(first) == hash(second) == hash(first)
    assert {first: 1}[second] == 1
    others = [
        replace(first, layers=(LayerRequest("a"),)),
        replace(first, geobox=first.geobox.zoomed(16, 16)),
        replace(first, time=parse_time("2024-06-02")),
        replace(first, media_type="image/webp"),
        replace(first, transparent=False),
        replace(first, background=(0, 0, 0)),
    ]
    # Their hashes are their own, not the one that the first request keeps.
    assert len({first, *others}) == 7
    assert hash(replace(first, media_type="image/webp")) != hash(first)
    assert repr(first) == repr(second)


def test_a_key_holds_the_times_that_were_chosen_and_not_how_they_were_asked():
    keys = {
        cache_key(request, ["s"], ["r"], ["day"])
        for request in (asked(), replace(asked(), time=parse_time("2024-06-01T12:00:00Z")))
    }
    assert len(keys) == 1
    assert cache_key(asked(), ["s"], ["r"], ["other"]) not in keys

"""The mixture of the soak test."""

from itertools import islice
from urllib.parse import parse_qs, urlsplit

from benchmarks.soak.addresses import addresses, layers

DAYS = ("2025-04-20", "2025-05-20")


def test_the_same_seed_asks_the_same():
    one, other, third = (list(islice(addresses(layers(DAYS), s), 500)) for s in (1, 1, 2))
    assert one == other != third


def test_all_kinds_are_asked_for():
    asked = list(islice(addresses(layers(DAYS), 3), 5000))
    tiles = [urlsplit(path) for path in asked if path.startswith("/tiles/")]
    maps = [parse_qs(urlsplit(path).query) for path in asked if path.startswith("/wms?")]
    assert len(tiles) + len(maps) == 5000
    assert {tile.path.split("/")[2] for tile in tiles} == {layer.collection for layer in layers(())}
    assert {tile.path.rpartition(".")[2] for tile in tiles} == {"png", "jpg", "webp"}
    assert {tile.query for tile in tiles} == {"", *(f"time={day}" for day in DAYS)}
    assert {int(tile.path.split("/")[5]) for tile in tiles} == set(range(16))
    assert 100 < len(maps) < 500
    for tile in tiles:
        zoom, column, row = tile.path.partition(".")[0].removesuffix("@2x").split("/")[-3:]
        assert 0 <= int(column) < 2 ** int(zoom)
        assert 0 <= int(row) < 2 ** int(zoom)

"""Of several baselines of one Sentinel-2 scene the newest is in the catalogue, in any order."""

import itertools
import json
import shutil

import pytest

from tileserver.catalogue.base import Area
from tileserver.ingest.add import add
from tileserver.ingest.newest import standing
from tileserver.timeaxis import ALWAYS

WORLD = Area(((-180.0, -90.0, 180.0, 90.0),))
DATATAKE = "GS2A_20200219T110101_024340"


@pytest.fixture
def scene(shared, tmp_path):
    """Write an Earth Search item with one genuine file, as of a baseline."""
    source = shared / "data/cog/S2A_29RKH_20200219_0_L2A"

    def write(name, baseline, generated="2020-02-19T16:00:00Z", **changes):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(source / "B04.tif", folder / "B04.tif")
        document = json.loads((source / "S2A_29RKH_20200219_0_L2A.json").read_text())
        document["id"] = name
        document["assets"] = {k: a for k, a in document["assets"].items() if k in ("B04", "red")}
        document["properties"] |= {
            "s2:processing_baseline": baseline,
            "s2:generation_time": generated,
            "s2:datatake_id": f"{DATATAKE}_N{baseline}",
            "grid:code": "MGRS-29RKH",
        } | changes
        (folder / "item.json").write_text(json.dumps(document))
        return str(folder)

    return write


async def ids(tools):
    scenes = await tools.catalogue.search("sentinel-2-l2a", WORLD, ALWAYS, 10)
    return sorted(s.id for s in scenes)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_newest_baseline_wins_in_any_order(order, tools, scene):
    made = [scene("old", "02.14"), scene("trial", "99.04"), scene("new", "05.10")]
    outcomes = await add([made[i] for i in order], tools)
    assert await ids(tools) == ["new"]
    assert all(o.status in ("added", "superseded") for o in outcomes)
    newest = next(o for o in outcomes if o.item == "new")
    assert newest.status == "added"
    again = await add(made, tools)
    assert {o.item: (o.status, o.reason) for o in again} == {
        "old": ("superseded", "new is newer"),
        "trial": ("superseded", "new is newer"),
        "new": ("unchanged", ""),
    }


async def test_of_one_baseline_the_one_made_later(tools, scene):
    first = scene("first", "05.00", "2023-01-01T00:00:00.000000Z")
    later = scene("later", "05.00", "2023-01-02T00:00:00Z")
    await add([first, later], tools)
    assert await ids(tools) == ["later"]


async def test_other_tiles_datatakes_and_untold_ones_stay(tools, scene):
    made = [
        scene("one", "02.14"),
        scene("tile", "05.00", **{"grid:code": "MGRS-29RKJ"}),
        scene("datatake", "05.00", **{"s2:datatake_id": "GS2A_20200219T124111_024345_N05.00"}),
        scene("untold", "05.00", **{"s2:datatake_id": None}),
        scene("same", "02.14"),
    ]
    await add(made, tools)
    assert await ids(tools) == ["datatake", "one", "same", "tile", "untold"]


def test_items_of_other_missions_have_no_standing():
    assert standing({"properties": {}}) is None
    assert standing({"properties": {"grid:code": "WRS2-1", "s2:datatake_id": "x"}}) is None

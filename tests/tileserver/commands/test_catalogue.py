"""`tileserver catalogue` as users and programs call it."""

import json

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from tileserver.commands.catalogue import app


@pytest.fixture
def run(tmp_path, shared, monkeypatch):
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TILESERVER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TILESERVER_FILE_ROOTS", json.dumps([str(shared), str(tmp_path)]))
    return lambda *words: CliRunner().invoke(app, list(words))


def test_add_list_and_remove(run, shared):
    dem = str(shared / "data/dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif")
    added = run("add", dem, "--collection", "dem", "--title", "Heights", "--datetime", "2021-01-02")
    assert (added.exit_code, added.stdout.split()[0]) == (0, "added")
    listed = json.loads(run("ls", "--json").stdout)
    assert [(c["id"], c["title"], c["tileserver:styles"]) for c in listed] == [
        (
            "dem",
            "Heights",
            ["elevation", "hypsometric-hillshade", "hillshade", "slope", "elevation-grey"],
        )
    ]
    (item,) = json.loads(run("ls", "dem", "--json").stdout)
    assert item == {
        "id": "Copernicus_DSM_COG_10_N00_00_E006_00_DEM",
        "datetime": "2021-01-02T00:00:00Z",
        "cloud_cover": None,
        "files": 1,
    }
    assert "Heights" in run("ls").stdout
    assert json.loads(run("add", dem, "--collection", "dem", "--datetime", "2021-01-02", "--json")
                      .stdout)[0]["status"] == "unchanged"  # fmt: skip
    assert json.loads(run("rm", "dem", item["id"], "--json").stdout) == {"removed": 1}
    assert run("rm", "dem").exit_code == 0
    assert json.loads(run("ls", "--json").stdout) == []


@pytest.fixture
def timed(run, tmp_path):
    """A collection of one day, without any product at hand."""
    path = tmp_path / "heights.tif"
    options = {"driver": "GTiff", "width": 16, "height": 16, "count": 1, "dtype": "uint8"}
    transform = rasterio.Affine(0.01, 0, 10, 0, -0.01, 50)
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **options) as out:
        out.write(np.arange(256, dtype=np.uint8).reshape(1, 16, 16))
    added = run("add", str(path), "--collection", "heights", "--datetime", "2024-06-12")
    assert added.exit_code == 0, added.output
    return run


def test_what_a_collection_says_of_time(timed):
    def told(*words):
        result = timed("time", "heights", *words)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert told() == {}
    both = told("least-cloudy/P30D", "--tolerance", "p1w")
    assert both == {"default": "least-cloudy/P30D", "tolerance": "P7D"}
    assert told("2024-06") == {"default": "2024-06", "tolerance": "P7D"}
    assert told("--tolerance", "") == told() == {"default": "2024-06"}
    (listed,) = json.loads(timed("ls", "--json").stdout)
    assert listed["tileserver:extra"]["time"] == {"default": "2024-06"}


def test_some_skipped_is_1_and_names_the_reason(run, shared, tmp_path):
    (tmp_path / "text.tif").write_text("no raster")
    dem = str(shared / "data/dem/Copernicus_DSM_COG_30_S90_00_W164_00_DEM.tif")
    result = run("add", dem, str(tmp_path / "text.tif"))
    assert result.exit_code == 1
    assert "added" in result.stdout
    assert "no known raster format" in result.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add",), 2),
        (("add", "x", "--collection", "not an id"), 2),
        (("add", "x", "--datetime", "yesterday"), 2),
        (("ls", "nothing"), 1),
        (("rm", "nothing"), 1),
        (("time", "nothing"), 1),
        (("time", "nothing", "2024"), 1),
        (("time", "nothing", "soon"), 2),
        (("time", "nothing", "--tolerance", "5"), 2),
    ],
)
def test_exit_codes(run, words, code):
    assert run(*words).exit_code == code


def test_wrong_settings_are_2(run, monkeypatch):
    monkeypatch.setenv("TILESERVER_NO_SUCH_SETTING", "1")
    assert run("ls").exit_code == 2

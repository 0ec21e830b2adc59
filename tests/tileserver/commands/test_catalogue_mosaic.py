"""`tileserver catalogue mosaic` as users and programs call it."""

import json

import pytest
from typer.testing import CliRunner

from tileserver.commands.catalogue import app


@pytest.fixture
def run(tmp_path, shared, monkeypatch):
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TILESERVER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TILESERVER_FILE_ROOTS", json.dumps([str(shared), str(tmp_path)]))
    return lambda *words: CliRunner().invoke(app, list(words))


def test_the_rule_of_mosaics_is_set(run, shared):
    dem = str(shared / "data/dem/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif")
    run("add", dem, "--collection", "dem", "--datetime", "2021-01-02")
    assert json.loads(run("mosaic", "dem").stdout) == {}
    mask = {"band": "b1", "classes": [0], "bits": []}
    (collection,) = json.loads(run("ls", "--json").stdout)
    mask["band"] = collection["bands"][0]["name"]
    assert run("mosaic", "dem", "clear").exit_code == 2, "there is no mask yet"
    found = run("mosaic", "dem", "--mask-band", mask["band"], "--classes", "0")
    assert json.loads(found.stdout) == {"mask": mask}
    found = run("mosaic", "dem", "least-cloudy,clear")
    assert json.loads(found.stdout) == {"rule": "least-cloudy,clear", "mask": mask}
    assert json.loads(run("mosaic", "dem").stdout) == json.loads(found.stdout)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nothing",), 1),
        (("nothing", "--classes", "3"), 2),
        (("nothing", "--mask-band", "QA", "--bits", "x"), 2),
    ],
)
def test_exit_codes(run, words, code):
    assert run("mosaic", *words).exit_code == code

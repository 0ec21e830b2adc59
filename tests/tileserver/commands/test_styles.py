"""`tileserver styles` and `tileserver catalogue styles` as users and programs call them."""

import asyncio
import json

import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine
from typer.testing import CliRunner

from styles.loading import load_text
from styles.registry import StyleRegistry
from tileserver.cli import app
from tileserver.layers import LayerStyles
from tileserver.services import open_tools
from tileserver.settings import load_settings

MINE = """\
styles:
  - id: mine
    extends: ndvi
    title: Mine
    ramp: {map: viridis}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TILESERVER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TILESERVER_FILE_ROOTS", json.dumps([str(tmp_path)]))
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "styles"
    path.mkdir()
    (path / "mine.yaml").write_text(MINE)
    monkeypatch.setenv("TILESERVER_STYLES_DIR", str(path))
    return path


def test_ls_lists_domains_and_the_folder(run, folder):
    styles = {s["id"]: s for s in json.loads(run("styles", "ls", "--json").stdout)}
    assert len(styles) == len(StyleRegistry.load_library()) + 1
    assert styles["mine"]["domain"] == "vegetation"
    water = json.loads(run("styles", "ls", "--domain", "water", "--json").stdout)
    assert {s["domain"] for s in water} == {"water"}
    assert "mndwi" in run("styles", "ls", "--domain", "water").stdout


def test_show_gives_what_another_style_can_start_from(run, folder):
    text = run("styles", "show", "mine").stdout
    (style,) = load_text(text, "x.yaml")
    assert style.title == "Mine"
    assert style.digest == StyleRegistry.load(folder).get("mine").digest
    facts = json.loads(run("styles", "show", "lai", "--json").stdout)
    assert facts["definition"]["network"]["output"]["limits"] == [0, 8]
    assert run("styles", "show", "nope").exit_code == 1


def test_check_names_file_line_and_key(run, tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(MINE)
    bad.write_text(MINE.replace("viridis", "nope"))
    assert run("styles", "check", str(good)).exit_code == 0
    done = run("styles", "check", str(good), str(bad), str(tmp_path / "no.yaml"))
    assert done.exit_code == 1
    assert "ok     " in done.stdout
    assert "bad.yaml, line 5: ramp.map: there is no colour map 'nope'" in done.stdout
    assert "No such file" in done.stdout
    told = json.loads(run("styles", "check", str(bad), "--json").stdout)
    assert told[0]["error"].startswith("bad.yaml, line 5")


def test_a_wrong_folder_stops_everything_with_its_fault(run, folder):
    (folder / "z.yaml").write_text("styles:\n  - id: x\n    title: X\n    bnds: [red]\n")
    for words in (("styles", "ls"), ("serve", "--port", "0")):
        done = run(*words)
        assert done.exit_code == 2
        assert "z.yaml, line 4: bnds: unknown key" in done.stderr


def test_folders_that_are_not_there(run, monkeypatch, tmp_path):
    monkeypatch.setenv("TILESERVER_STYLES_DIR", str(tmp_path / "no"))
    done = run("styles", "ls")
    assert done.exit_code == 2
    assert str(tmp_path) not in done.stderr


def test_a_file_of_the_folder_replaces_and_extends(folder):
    (folder / "a.yaml").write_text(
        "styles:\n  - {id: ndvi, extends: ndvi, title: Ours, ramp: {range: [0, 0.5]}}\n"
    )
    registry = StyleRegistry.load(folder)
    assert registry.get("ndvi").title == "Ours"
    assert registry.get("mine").colour.high == 0.5
    assert StyleRegistry.load_library().get("ndvi").title == "NDVI"


@pytest.fixture
def collection(tmp_path, run, folder):
    path = tmp_path / "pictures" / "a.tif"
    path.parent.mkdir()
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=2, dtype="uint16",
        crs="EPSG:32633", transform=Affine(10, 0, 500000, 0, -10, 5000000),
    ) as out:  # fmt: skip
        out.write(np.arange(2 * 64 * 64, dtype=np.uint16).reshape(2, 64, 64))
    described = tmp_path / "pictures" / "fields.yaml"
    described.write_text(
        yaml.safe_dump(
            {
                "collection": "fields",
                "title": "Fields",
                "files": ["a.tif"],
                "bands": [
                    {"name": "r", "common_name": "red", "scale": 1e-4},
                    {"name": "n", "common_name": "nir", "scale": 1e-4},
                ],
            }
        )
    )
    done = run("catalogue", "add", str(described))
    assert done.exit_code == 0, done.output
    return "fields"


def test_a_collection_names_the_styles_that_are_listed(run, collection):
    first = json.loads(run("catalogue", "styles", collection, "--json").stdout)
    assert first[0] == "ndvi"
    done = run("catalogue", "styles", collection, "mine", "savi", "--json")
    assert json.loads(done.stdout) == ["mine", "savi"]
    again = run("catalogue", "add", "pictures/fields.yaml")
    assert again.exit_code == 0
    assert run("catalogue", "styles", collection).stdout.split() == ["mine", "savi"]
    done = run("catalogue", "styles", collection, "--reset", "--json")
    assert json.loads(done.stdout) == first


@pytest.mark.parametrize(
    "words",
    [
        ("fields", "nope"),
        ("fields", "nbr"),
        ("fields", "savi", "savi"),
        ("fields", *(f"s{n}" for n in range(13))),
        ("fields", "savi", "--reset"),
    ],
)
def test_what_cannot_be_listed(run, collection, words):
    done = run("catalogue", "styles", *words)
    assert done.exit_code == 2, done.output
    assert run("catalogue", "styles", "nowhere").exit_code == 1


def test_percentiles_are_computed_once_and_kept(run, collection):
    done = run("catalogue", "stretch", collection, "mine", "--percentiles", "0,100")
    assert done.exit_code == 0, done.output
    (low, high) = json.loads(done.stdout)["mine"][0]
    red, nir = np.arange(2 * 64 * 64).reshape(2, -1)
    with np.errstate(invalid="ignore"):
        values = (nir - red) / (nir + red)
    assert low == pytest.approx(np.nanmin(values), rel=1e-3)
    assert 0.9 < high <= 1.0
    style = stored_style(run, collection, "mine")
    assert (style.colour.low, style.colour.high) == (low, high)
    narrow = json.loads(run("catalogue", "stretch", collection, "mine").stdout)["mine"][0]
    assert low < narrow[0] < narrow[1] < high
    again = run("catalogue", "add", "pictures/fields.yaml")
    assert again.exit_code == 0
    assert stored_style(run, collection, "mine").colour.low == narrow[0]
    reset = run("catalogue", "stretch", collection, "mine", "--reset")
    assert json.loads(reset.stdout) == {"mine": None}
    assert stored_style(run, collection, "mine").colour.low == -0.2


def stored_style(run, collection, name):
    """The style as a server over the catalogue has it."""
    settings = load_settings()
    tools = open_tools(settings)
    try:
        found = asyncio.run(tools.catalogue.collection(collection))
    finally:
        tools.catalogue.close()
    return LayerStyles(StyleRegistry.load(settings.styles_dir)).style(found, name)


def test_only_styles_that_ask_are_stretched_by_themselves(run, collection, folder):
    assert json.loads(run("catalogue", "stretch", collection).stdout) == {}
    (folder / "asks.yaml").write_text(
        "styles:\n  - {id: asks, title: Asks, bands: [red],"
        " ramp: {range: [0, 1], map: greys, percentiles: [10, 90]}}\n"
    )
    limits = json.loads(run("catalogue", "stretch", collection).stdout)["asks"][0]
    assert limits == pytest.approx([409.5e-4, 3685.5e-4], rel=2e-2)


def test_a_range_of_another_formula_is_not_heeded(run, collection, folder):
    assert run("catalogue", "stretch", collection, "mine").exit_code == 0
    (folder / "mine.yaml").write_text(MINE.replace("ndvi", "savi"))
    assert stored_style(run, collection, "mine").colour.low == -0.2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("fields", "nope"), 2),
        (("fields", "ndvi-change"), 2),
        (("fields", "mine", "--percentiles", "98,2"), 2),
        (("fields", "mine", "--percentiles", "2"), 2),
        (("nowhere",), 1),
    ],
)
def test_what_cannot_be_stretched(run, collection, words, code):
    done = run("catalogue", "stretch", *words)
    assert done.exit_code == code, done.output


PYTHON = """
SHARED = {"show_legend": True}
ndvi = {
    "name": "ows_ndvi",
    "title": "NDVI",
    "index_expression": "(nir-red)/(nir+red)",
    "mpl_ramp": "YlGn",
    "range": [-0.2, 1.0],
    "legend": {**SHARED, "units": "1"},
}
ows_cfg = {"layers": [{"styling": {"styles": [ndvi]}}]}
"""


def test_import_writes_a_style_file(run, tmp_path, folder):
    (tmp_path / "cfg.py").write_text(PYTHON)
    done = run("styles", "import", "cfg.py", "--scale", "0.0001", "--band", "nir=nir08")
    assert done.exit_code == 0, done.output
    (folder / "ows.yaml").write_text(done.stdout)
    style = StyleRegistry.load(folder).get("ows_ndvi")
    assert style.program.inputs == ("nir08", "red")
    (tmp_path / "cfg.json").write_text(json.dumps({"name": "a", "title": "A"}))
    done = run("styles", "import", "cfg.json")
    assert done.exit_code == 1
    assert "a: refused: neither components" in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import os\nx = os.system('true')", "line 2: only literals"),
        ("x = [1 for _ in range(3)]", "line 1: only literals"),
        ("x = (", "line 1"),
        ("x = -'a'", "cfg.py"),
        ("x = {**[1]}", "cfg.py"),
    ],
)
def test_python_is_never_run(run, tmp_path, text, told):
    (tmp_path / "cfg.py").write_text(text)
    done = run("styles", "import", "cfg.py")
    assert done.exit_code == 1
    assert told in done.stderr


@pytest.mark.parametrize("words", [("--band", "x"), ("--flag", "a=b"), ("--scale", "0")])
def test_options_of_import(run, tmp_path, words):
    (tmp_path / "cfg.py").write_text(PYTHON)
    assert run("styles", "import", "cfg.py", *words).exit_code == 2

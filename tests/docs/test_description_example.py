"""The example of docs/how-to/describe-a-collection.md does what the page says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from tileserver.commands.catalogue import app
from tileserver.products.described.model import BandPart, Description, TimePart

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "describe-a-collection.md"


def block(language: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_example_runs(tmp_path, monkeypatch):
    folder = tmp_path / "farm"
    folder.mkdir()
    (folder / "leaf-area.yaml").write_text(block("yaml"))
    (folder / "make.py").write_text(block("python"))
    subprocess.run([sys.executable, "make.py"], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TILESERVER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TILESERVER_FILE_ROOTS", json.dumps([str(folder)]))
    added = CliRunner().invoke(app, ["add", "leaf-area.yaml", "--json"])
    assert [o["status"] for o in json.loads(added.stdout)] == ["added", "added"], added.stdout
    by_folder = CliRunner().invoke(app, ["add", ".", "--json"])
    assert [o["status"] for o in json.loads(by_folder.stdout)] == ["unchanged", "unchanged"]
    (collection,) = json.loads(CliRunner().invoke(app, ["ls", "--json"]).stdout)
    assert collection["id"] == "leaf-area"
    assert collection["tileserver:styles"] == ["leaf-area"]
    assert [t[:10] for t in collection["extent"]["temporal"]["interval"][0]] == [
        "2024-06-12",
        "2024-07-12",
    ]


def test_every_key_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    for part in (Description, BandPart, TimePart):
        for key in part.model_fields:
            assert f"`{key}`" in text, key

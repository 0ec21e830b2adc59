"""The commands as users and programs call them."""

import json

import pytest
from typer.testing import CliRunner

from tileserver.cli import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILESERVER_DATA_DIR", str(tmp_path / "data"))
    return lambda *words: CliRunner().invoke(app, list(words))


def findings(done):
    return {f["what"]: f for f in json.loads(done.stdout)}


def test_doctor_finds_nothing_wrong_here(run):
    done = run("doctor", "--json")
    assert done.exit_code == 0, done.stdout
    found = findings(done)
    assert found["gdal"]["state"] == found["codecs"]["state"] == "ok"
    assert found["catalogue"]["state"] == "warning"
    assert "catalogue add" in found["catalogue"]["text"]
    assert run("doctor").exit_code == 0


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("FILE_ROOTS", '["/no/such/folder"]', "file_roots"),
        ("DATA_DIR", "/etc/hostname/data", "data_dir"),
        ("ADMIN_TOKEN", "short", "admin_token"),
        (
            "STORES",
            '[{"prefix": "s3://a", "endpoint": "http://127.0.0.1:9", "anonymous": true}]',
            "store",
        ),
        ("STORES", '[{"prefix": "ftp://a"}]', "store"),
    ],
)
def test_doctor_says_what_is_wrong(run, monkeypatch, name, value, what):
    monkeypatch.setenv(f"TILESERVER_{name}", value)
    done = run("doctor", "--json")
    assert done.exit_code == 1, done.output
    assert findings(done)[what]["state"] == "wrong"
    assert "short" not in [word.strip('"') for word in done.stdout.split()]


def test_doctor_sees_a_catalogue_that_is_none(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalogue.sqlite").write_bytes(b"no database at all" * 100)
    done = run("doctor", "--json")
    assert done.exit_code == 1
    assert findings(done)["catalogue"]["state"] == "wrong"


def test_wrong_settings_are_told_and_exit_with_2(run, monkeypatch):
    monkeypatch.setenv("TILESERVER_MAX_SCENES", "none")
    for words in (("doctor",), ("serve",), ("catalogue", "ls")):
        done = run(*words)
        assert done.exit_code == 2
        assert "max_scenes" in done.output


def test_styles_are_listed(run):
    rows = json.loads(run("styles", "ls", "--json").stdout)
    by_id = {row["id"]: row for row in rows}
    assert {"true-color", "ndvi", "scl"} <= set(by_id)
    assert set(by_id["ndvi"]["bands"]) == {"nir", "red"}
    assert "true-color" in run("styles", "ls").stdout


def test_without_words_it_says_what_there_is(run):
    done = run()
    for command in ("serve", "demo", "catalogue", "styles", "doctor"):
        assert command in done.output

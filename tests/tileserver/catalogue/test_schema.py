"""Versions of the catalogue's file."""

import sqlite3

import pytest
from support.application import make_settings

from renderers.stores import StoreRegistry
from tileserver.catalogue.errors import CatalogueError
from tileserver.catalogue.schema import SCHEMA_VERSION, open_database
from tileserver.catalogue.sqlite import SqliteCatalogue
from tileserver.services import open_tools


def test_a_new_file_has_the_current_version_and_write_ahead_logging(tmp_path):
    connection = open_database(tmp_path / "new" / "c.sqlite")
    assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    connection.close()


def test_a_newer_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "c.sqlite"
    open_database(path).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    raw.close()
    with pytest.raises(CatalogueError, match="newer"):
        open_database(path)
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION + 1
    raw.close()


def test_another_database_and_another_file_are_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE t (x)")
    raw.commit()
    raw.close()
    with pytest.raises(CatalogueError, match="no catalogue"):
        open_database(path)
    text = tmp_path / "text"
    text.write_text("not a database at all " * 100)
    with pytest.raises(CatalogueError, match="not a catalogue"):
        open_database(text)


@pytest.mark.parametrize("table", ["meta", "change", "collection"])
def test_a_file_that_is_damaged_inside_is_told_so(tmp_path, table):
    path = tmp_path / "c.sqlite"
    SqliteCatalogue(path, StoreRegistry()).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode = DELETE")
    find = "SELECT rootpage FROM sqlite_master WHERE name = ?"
    page = raw.execute(find, (table,)).fetchone()[0]
    size = raw.execute("PRAGMA page_size").fetchone()[0]
    raw.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(CatalogueError, match="damaged"):
        SqliteCatalogue(path, StoreRegistry())


def test_a_folder_that_cannot_be_made_is_told_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CatalogueError, match="cannot be opened"):
        open_tools(make_settings(tmp_path, data_dir=tmp_path / "file"))

"""Tables of the embedded catalogue and how an older file is brought up to date."""

import sqlite3
from pathlib import Path

from tileserver.catalogue.errors import CatalogueError

#: Version this code reads and writes; kept in the file's `user_version`.
SCHEMA_VERSION = 1

#: Step n brings a file from version n to n + 1. Steps are never changed once released.
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('identity', lower(hex(randomblob(4))));
    CREATE TABLE collection (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
    CREATE TABLE item (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collection(number),
        id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        digest TEXT NOT NULL,
        start INTEGER, stop INTEGER,
        cloud_cover REAL,
        bbox TEXT NOT NULL,
        boxes TEXT NOT NULL,
        footprint BLOB NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (collection, id));
    CREATE VIRTUAL TABLE item_box USING rtree(
        number, west, east, south, north, first, last, low_day, high_day);
    CREATE INDEX item_order ON item (collection, start DESC, id);
    CREATE TABLE read_index (
        item INTEGER NOT NULL REFERENCES item(number) ON DELETE CASCADE,
        asset TEXT NOT NULL, reader TEXT NOT NULL, etag TEXT, size INTEGER, data BLOB NOT NULL,
        PRIMARY KEY (item, asset)) WITHOUT ROWID;
    CREATE TABLE change (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        collection TEXT NOT NULL,
        west REAL NOT NULL, south REAL NOT NULL, east REAL NOT NULL, north REAL NOT NULL,
        start INTEGER, stop INTEGER);
    CREATE INDEX change_place ON change (collection, west, south, east, north, start, stop);
    """,
)


def open_database(path: Path) -> sqlite3.Connection:
    """Open a catalogue file, making it or bringing it up to date where needed.

    The connection is in autocommit mode (transactions are explicit), uses write-ahead logging and
    waits up to 30 s for another process that writes.

    Raises:
        CatalogueError: The file is of a newer version, or no catalogue at all.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=30.0, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise CatalogueError("the catalogue file cannot be opened") from error
    try:
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA foreign_keys = ON")
        if _version(connection) != SCHEMA_VERSION:
            connection.execute("PRAGMA journal_mode = WAL")
            _migrate(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
    except CatalogueError:
        connection.close()
        raise
    except sqlite3.Error as error:
        connection.close()
        raise CatalogueError("the file is not a catalogue, or is damaged") from error
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_version(connection: sqlite3.Connection, version: int) -> None:
    if version > SCHEMA_VERSION:
        message = (
            f"the catalogue has version {version}, newer than this program's {SCHEMA_VERSION};"
            " use the program that wrote it"
        )
        raise CatalogueError(message)
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise CatalogueError("the file is a database, but no catalogue")


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been faster
        _check_version(connection, version)
        for step in _MIGRATIONS[version:]:
            for statement in step.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

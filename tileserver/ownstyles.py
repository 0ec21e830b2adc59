"""Styles that were sent to the server: kept beside the catalogue, and seen by all workers."""

import json
import logging
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from styles.definition import parse_definition
from styles.errors import DefinitionError, StyleError
from styles.inheritance import inherited
from styles.model import Style
from styles.registry import StyleRegistry
from styles.yamltext import line_of, read_yaml
from tileserver.errors import InvalidParameterError, TooLargeError, UnknownStyleError

_log = logging.getLogger(__name__)

#: Longest definition, in bytes, and most styles that are kept.
MAX_BYTES: Final = 64 * 1024
MAX_STYLES: Final = 2000
#: Seconds after which what other workers have written is looked for.
_LOOK_EVERY: Final = 0.25

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS version (
        id TEXT NOT NULL, number INTEGER NOT NULL, definition TEXT, digest TEXT NOT NULL,
        written TEXT NOT NULL, PRIMARY KEY (id, number)) WITHOUT ROWID""",
    """CREATE VIEW IF NOT EXISTS style AS SELECT id, number, definition, digest, written
        FROM version v WHERE definition IS NOT NULL
        AND number = (SELECT max(number) FROM version w WHERE w.id = v.id)""",
)


class Version(NamedTuple):
    """A style as it was sent.

    Attributes:
        number: From 1, one more with every change.
        digest: Of the style's pixels.
        written: When, in ISO 8601.
    """

    number: int
    digest: str
    written: str


class OwnStyles:
    """The shipped styles with those that were sent. For any thread, and for several processes."""

    def __init__(self, path: Path, base: StyleRegistry) -> None:
        """Open the file.

        Args:
            path: Of the database; it is made with the first style.
            base: Styles that are there anyway.
        """
        self._path = path
        self._base = base
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._seen: object = None
        self._looked = float("-inf")
        self._registry = base
        self._versions: dict[str, Version] = {}

    def registry(self) -> StyleRegistry:
        """Return all styles; the same object until one is sent or withdrawn."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            with self._lock:
                self._follow()
                self._looked = now
        return self._registry

    def version(self, style_id: str) -> Version | None:
        """Return which version of a style is there, None for one that was not sent."""
        self.registry()
        return self._versions.get(style_id)

    def put(self, style_id: str, text: str) -> tuple[Style, bool]:
        """Keep a style.

        Args:
            style_id: Its id.
            text: Its definition, YAML or JSON; the id in it may be left out.

        Returns:
            The style, and whether there was none of that id.

        Raises:
            StyleError: The definition is wrong; the message has line and key.
            InvalidParameterError: A shipped style has this id.
            TooLargeError: There are too many.
        """
        if style_id in self._base:
            message = f"the style {style_id} comes with the server; take another name"
            raise InvalidParameterError(message, parameter="style")
        with self._lock:
            self._follow()
            style = read_definition(style_id, text, self._registry)
            known = style_id in self._versions
            if not known and len(self._versions) >= MAX_STYLES:
                raise TooLargeError(f"at most {MAX_STYLES} styles are kept")
            # Without `extends`: what it was made of may go, or become another.
            self._append(style_id, json.dumps(style.definition), style.digest)
        return style, not known

    def remove(self, style_id: str) -> None:
        """Withdraw a style.

        Raises:
            UnknownStyleError: None of that id was sent.
        """
        with self._lock:
            self._follow()
            known = self._versions.get(style_id)
            if known is None:
                message = "no style of that name was sent to the server"
                raise UnknownStyleError(message, parameter="style")
            self._append(style_id, None, known.digest)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _append(self, style_id: str, definition: str | None, digest: str) -> None:
        connection = self._open(make=True)
        written = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(
            "INSERT INTO version SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ? "
            "FROM version WHERE id = ?",
            (style_id, definition, digest, written, style_id),
        )
        self._load(connection)

    def _follow(self) -> None:
        """Take in what other workers have written."""
        if self._connection is None and not self._path.exists():
            return
        connection = self._open(make=False)
        version = connection.execute("PRAGMA data_version").fetchone()
        if version != self._seen:
            self._seen = version
            self._load(connection)

    def _open(self, *, make: bool) -> sqlite3.Connection:
        if self._connection is None:
            if make:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            for statement in _TABLES:
                connection.execute(statement)
            self._connection = connection
        return self._connection

    def _load(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT id, number, definition, digest, written FROM style ORDER BY id"
        ).fetchall()
        styles = list(self._read((row[0], row[2]) for row in rows))
        self._versions = {row[0]: Version(row[1], row[3], row[4]) for row in rows}
        self._registry = StyleRegistry([*self._base, *styles]) if styles else self._base

    def _read(self, rows: Iterable[tuple[str, str]]) -> Iterable[Style]:
        for style_id, definition in rows:
            if style_id in self._base:
                _log.warning("the style %s was sent, and now comes with the server", style_id)
                continue
            try:
                yield parse_definition(json.loads(definition))
            except StyleError as error:
                _log.warning("the style %s that was sent is wrong now: %s", style_id, error)


def read_definition(style_id: str, text: str, bases: StyleRegistry) -> Style:
    """Return the style of a definition in YAML or JSON.

    Args:
        style_id: Its id.
        text: The definition.
        bases: Styles that it may extend.

    Raises:
        StyleError: It is wrong; the message has line and key.
    """
    document, lines = read_yaml(text, "the body")
    if not isinstance(document, dict):
        raise StyleError("the body, line 1: a definition is a mapping")
    if document.setdefault("id", style_id) != style_id:
        line = line_of(lines, ("id",))
        raise StyleError(f"the body, line {line}: id: must be {style_id}, as in the address")
    try:
        return parse_definition(inherited(document, {style.id: style for style in bases}))
    except DefinitionError as error:
        raise StyleError(f"the body, line {line_of(lines, error.path)}: {error}") from error

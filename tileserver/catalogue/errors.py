"""Errors of keeping a catalogue, for those who run the server."""


class CatalogueError(Exception):
    """The catalogue's file cannot be used; the message says what to do."""


class UnknownItemError(CatalogueError):
    """No item of that id in that collection."""

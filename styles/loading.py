"""Reads style files: YAML with a list `styles` of definitions, see `styles.definition`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from styles.definition import parse_definition
from styles.errors import DefinitionError, StyleError
from styles.model import Style

Where = tuple[str | int, ...]
#: Line numbers, from 1, by keys and list positions that lead there.
Lines = Mapping[Where, int]


def load_file(path: Path) -> tuple[Style, ...]:
    """Read the styles of one file.

    Raises:
        StyleError: Not YAML, or a definition is wrong; the message has file, line and key.
        OSError: The file cannot be read.
    """
    return load_text(path.read_text(encoding="utf-8"), path.name)


def load_text(text: str, name: str) -> tuple[Style, ...]:
    """Read the styles of a YAML text; `name` stands for the file in messages.

    Raises:
        StyleError: Not YAML, or a definition is wrong; the message has name, line and key.
    """
    document, lines = read_yaml(text, name)
    return _styles(document, lines, name)


def read_yaml(text: str, name: str) -> tuple[Any, Lines]:
    """Parse a YAML text without aliases and repeated keys; `name` stands for it in messages.

    Returns:
        Its content, and the line of every key and list item.

    Raises:
        StyleError: It is not such a text; the message has name and line.
    """
    lines: dict[Where, int] = {}
    try:
        return _document(text, lines), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise StyleError(f"{name}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, DefinitionError, ValueError, RecursionError) as error:
        raise StyleError(f"{name}: {error}") from error


def line_of(lines: Lines, path: Where) -> int:
    """Return the line of a path, or of the nearest thing around it; 1 where there is none."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _document(text: str, lines: dict[Where, int]) -> Any:
    """Return the content of a YAML text, and fill in the line of every key and item."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        _collect(node, (), lines, set())
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _styles(document: Any, lines: Lines, name: str) -> tuple[Style, ...]:
    if not isinstance(document, dict) or set(document) != {"styles"}:
        raise StyleError(f"{name}, line 1: the only key is styles")
    if not isinstance(document["styles"], list):
        raise StyleError(f"{name}, line {lines['styles',]}: styles: must be a list")
    styles: dict[str, Style] = {}
    for index, definition in enumerate(document["styles"]):
        top: Where = ("styles", index)
        try:
            style = parse_definition(definition)
        except DefinitionError as error:
            raise StyleError(
                f"{name}, line {line_of(lines, (*top, *error.path))}: {error}"
            ) from error
        if style.id in styles:
            raise StyleError(f"{name}, line {line_of(lines, top)}: the id {style.id} is used twice")
        styles[style.id] = style
    return tuple(styles.values())


def _collect(node: yaml.Node | None, path: Where, lines: dict[Where, int], seen: set[int]) -> None:
    """Note the line of every key and item. Aliases and repeated keys are refused.

    Aliases could blow up a small file into a huge one, and of repeated keys YAML keeps the last
    without a word.
    """
    if node is None:
        return
    if id(node) in seen:
        line = lines[path[:-1]]  # of what holds the alias: the node itself is the anchor's
        raise DefinitionError(f"aliases are not allowed (line {line})", path)
    if path in lines:
        raise DefinitionError(f"the key is there twice (line {node.start_mark.line + 1})", path)
    seen.add(id(node))
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _collect(value, (*path, str(key.value)), lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect(value, (*path, index), lines, seen)

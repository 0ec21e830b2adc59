"""YAML texts with the line of everything in them, so that errors can say where.

Aliases and repeated keys are refused: the former could blow up a small file into a huge one, and of
the latter YAML keeps the last without a word.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from styles.errors import DefinitionError, StyleError

Where = tuple[str | int, ...]
#: Line numbers, from 1, by keys and list positions that lead there.
Lines = Mapping[Where, int]

#: libyaml reads our own library ten times faster than Python's parser. What others wrote goes
#: through the latter: deep nesting is a RecursionError there, and the end of the process in C.
_OWN_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str, name: str, *, trusted: bool = False) -> tuple[Any, Lines]:
    """Parse a YAML text without aliases and repeated keys.

    Args:
        text: The text.
        name: Stands for it in messages.
        trusted: It is a file of our own, which is parsed faster.

    Returns:
        Its content, and the line of every key and list item.

    Raises:
        StyleError: It is not such a text; the message has name and line.
    """
    lines: dict[Where, int] = {}
    try:
        return _document(text, lines, trusted), lines
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


def _document(text: str, lines: dict[Where, int], trusted: bool) -> Any:
    """Return the content of a YAML text, and fill in the line of every key and item."""
    loader = (_OWN_LOADER if trusted else yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        _collect(node, (), lines, set())
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _collect(node: yaml.Node | None, path: Where, lines: dict[Where, int], seen: set[int]) -> None:
    """Note the line of every key and item; refuse aliases and repeated keys."""
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

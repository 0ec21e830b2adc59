"""Reads foreign style documents: JSON, YAML, and Python files of literals, which are never run."""

import ast
import json
from pathlib import Path
from typing import Any, Final

from styles.errors import StyleError
from styles.yamltext import read_yaml

#: Largest document.
MAX_BYTES: Final = 8 * 1024 * 1024


def read_document(path: Path) -> Any:
    """Return the content of a file.

    Of a Python file every assigned literal counts; names assigned before may stand in it, and it
    may hold `**name` in a mapping.

    Raises:
        StyleError: It is not such a file; the message has name and, where known, the line.
        OSError: It cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise StyleError(f"{path.name}: at most {MAX_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            return _python(text, path.name)
        if path.suffix == ".json":
            return json.loads(text)
        return read_yaml(text, path.name)[0]
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise StyleError(f"{path.name}: {error}") from error


def _python(text: str, name: str) -> list[Any]:
    """Return what a Python file assigns at its top, styles and configurations alone."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise StyleError(f"{name}, line {error.lineno}: {error.msg}") from error
    known: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            known[statement.targets[0].id] = _value(statement.value, known, name)
    if "ows_cfg" in known:
        return [known["ows_cfg"]]
    return [value for value in known.values() if isinstance(value, dict | list)]


def _value(node: ast.expr, known: dict[str, Any], name: str) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() if node.id in known:
            return known[node.id]
        case ast.List() | ast.Tuple():
            return [_value(item, known, name) for item in node.elts]
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand, known, name)
        case ast.Dict():
            out: dict[Any, Any] = {}
            for key, value in zip(node.keys, node.values, strict=True):
                content = _value(value, known, name)
                out |= content if key is None else {_value(key, known, name): content}
            return out
        case _:
            raise StyleError(f"{name}, line {node.lineno}: only literals can be read")

"""A file's text as plain values: YAML (callmark[files]) or JSON, with the line of each, and no key twice.

A plain scalar of YAML stays the text that it is: what it means is decided by the field that it is given to, so that a
name `no` is no boolean, and a number `0123` loses nothing.
"""

import json
from types import ModuleType
from typing import Any, Protocol

from msgspec import Struct, field

from callmark.client.errors import CallmarkError
from callmark.client.reprs import SafeRepr

Path = tuple[str | int, ...]
"""Keys and places from the top of the file to a value."""

MOST_OF_ALIASES = 100_000
"""Values beyond the characters of a file: aliases of aliases would unfold to more than a machine holds."""
_DEEPEST = 40
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


class PlainText(str):
    """A scalar of YAML without quotes."""

    __slots__ = ()


class Document(SafeRepr, Struct):
    """The value of a whole file, and the line (from 1) where each value begins, as far as known."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict[Path, int])

    def place(self, path: Path) -> str:
        """How a message names a value: `line 7, labels[2].logo`."""
        named = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
        line = next((self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), None)
        return ", ".join(part for part in (f"line {line}" if line else "", named) if part) or "the file"


def parse(text: str, *, is_json: bool) -> Document:
    """The document. Raises CallmarkError that says what and where the mistake is."""
    return _parse_json(text) if is_json else _parse_yaml(text)


def _parse_json(text: str) -> Document:
    try:
        return Document(json.loads(text, object_pairs_hook=_once))
    except json.JSONDecodeError as exc:
        raise CallmarkError(f"line {exc.lineno}, column {exc.colno}: {exc.msg}") from exc
    except RecursionError as exc:
        raise CallmarkError("the file is nested too deeply") from exc


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CallmarkError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def yaml_library() -> ModuleType:
    """PyYAML. Raises CallmarkError where it is not installed."""
    try:
        import yaml
    except ModuleNotFoundError as exc:
        raise CallmarkError("YAML needs `pip install 'callmark[files]'`; JSON works without it") from exc
    return yaml


def _parse_yaml(text: str) -> Document:
    yaml = yaml_library()
    try:
        top = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        reader = _NodeReader(yaml, len(text) + MOST_OF_ALIASES)
        return Document(None if top is None else reader.value(top, ()), reader.lines)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CallmarkError(f"{where}{exc.problem or exc}") from exc
    except (yaml.YAMLError, RecursionError) as exc:
        raise CallmarkError(f"the file is not YAML: {exc}") from exc


class _Mark(Protocol):
    line: int


class _Node(Protocol):
    """What is used of a node of PyYAML, which has no types; only scalars have a style."""

    start_mark: _Mark
    value: Any
    style: str | None


class _NodeReader:
    """Makes values out of YAML's nodes."""

    def __init__(self, yaml: ModuleType, most: int) -> None:
        self._yaml = yaml
        self._left = most
        self.lines: dict[Path, int] = {}

    def value(self, node: _Node, path: Path) -> object:
        """A node's value. Raises CallmarkError."""
        self._left -= 1
        if self._left < 0 or len(path) > _DEEPEST:
            raise CallmarkError("the file is too large or nested too deeply (its aliases count each time)")
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, self._yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, self._yaml.SequenceNode):
            return [self.value(item, (*path, at)) for at, item in enumerate(node.value)]
        if not node.style:  # None, or empty out of the parser in C
            return None if node.value in _NULL else PlainText(node.value)
        return str(node.value)

    def _mapping(self, node: _Node, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for named, item in node.value:
            line = named.start_mark.line + 1
            if not isinstance(named, self._yaml.ScalarNode):
                raise CallmarkError(f"line {line}: a key must be a text")
            key = str(named.value)
            if key in found:
                raise CallmarkError(f"line {line}: the key {key!r} is there twice")
            found[key] = self.value(item, (*path, key))
            self.lines[*path, key] = line
        return found

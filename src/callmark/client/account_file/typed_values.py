"""Plain values as entries: each mistake with its place, and the nearest right word."""

import difflib
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import inspect

from callmark.client.account_file.entries import AccountFile
from callmark.client.account_file.parsing import Document, Path, PlainText
from callmark.client.errors import CallmarkError

_MOST_TOLD = 20
_WANTED = {"BoolType": "true or false", "IntType": "a whole number"}
_BOOLEANS = {"true": True, "false": False}


class FileFaults(CallmarkError):
    """What is wrong with a file, all of it: `faults` are sentences that begin with the place."""

    def __init__(self, faults: Sequence[str]) -> None:
        told = list(faults[:_MOST_TOLD])
        if len(faults) > _MOST_TOLD:
            told.append(f"and {len(faults) - _MOST_TOLD} more")
        super().__init__("\n".join(told))
        self.faults = list(faults)


def read_entries(document: Document) -> AccountFile:
    """The file as entries. Raises FileFaults."""
    if document.value is None:
        return AccountFile()
    typer = _Typer(document)
    typed = typer.typed(document.value, inspect.type_info(AccountFile), ())
    if typer.faults:
        raise FileFaults(typer.faults)
    try:
        return msgspec.convert(typed, AccountFile)
    except msgspec.ValidationError as exc:
        raise FileFaults([_in_our_words(str(exc))]) from exc


def _in_our_words(message: str) -> str:
    """A message of msgspec with the place first, without its dollar sign."""
    what, _, where = message.partition(" - at `$")
    place = where.rstrip("`").removeprefix(".")
    return f"{place}: {what[:1].lower()}{what[1:]}" if place else what


class _Typer:
    """Walks values beside the types that they should have."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.faults: list[str] = []

    def typed(self, value: object, kind: inspect.Type, path: Path) -> object:
        """The value, scalars of YAML turned into what the type asks for."""
        if isinstance(kind, inspect.UnionType):
            kind = self._one_of(value, kind)
        match kind:
            case inspect.StructType():
                return self._object(value, kind, path)
            case inspect.ListType():
                return self._list(value, kind, path)
            case inspect.LiteralType():
                return self._word(value, kind, path)
            case inspect.NoneType():
                return None
            case _:
                return self._scalar(value, kind, path)

    def _one_of(self, value: object, kind: inspect.UnionType) -> inspect.Type:
        """What is meant: null where the type allows it, else the one that is not null."""
        kinds = [one for one in kind.types if not isinstance(one, (inspect.NoneType, inspect.CustomType))]
        kinds = [one for one in kinds if type(one).__name__ != "UnsetType"]
        nothing = [one for one in kind.types if isinstance(one, inspect.NoneType)]
        return nothing[0] if value is None and nothing else kinds[0]

    def _object(self, value: object, kind: inspect.StructType, path: Path) -> object:
        if not isinstance(value, dict):
            self._fault(path, "must have keys and values")
            return None
        given = cast("dict[str, Any]", value)
        known = {one.name: one for one in kind.fields}
        for key in given.keys() - known.keys():
            self._fault((*path, key), f"there is no key {key!r} here; {_nearest(key, list(known))}")
        for name, one in known.items():
            if one.required and name not in given:
                self._fault(path, f"{name} is missing")
        return {key: self.typed(item, known[key].type, (*path, key)) for key, item in given.items() if key in known}

    def _list(self, value: object, kind: inspect.ListType, path: Path) -> object:
        if not isinstance(value, list):
            self._fault(path, "must be a list")
            return None
        items = cast("list[Any]", value)
        return [self.typed(item, kind.item_type, (*path, at)) for at, item in enumerate(items)]

    def _word(self, value: object, kind: inspect.LiteralType, path: Path) -> object:
        words = [str(one) for one in kind.values]
        if value not in words:
            self._fault(path, f"{value!s:.40} is not possible; {_nearest(str(value), words)}")
        return str(value)

    def _scalar(self, value: object, kind: inspect.Type, path: Path) -> object:
        match kind, value:
            case inspect.BoolType(), PlainText() if str(value) in _BOOLEANS:
                return _BOOLEANS[str(value)]
            case inspect.IntType(), PlainText() if value.isascii() and value.isdigit():
                return int(value)
            case inspect.StrType(), str() if value.strip() or not kind.min_length:
                return str(value)
            case (inspect.BoolType(), bool()) | (inspect.IntType(), int()):
                if isinstance(kind, inspect.BoolType) or not isinstance(value, bool):
                    return value
            case _:
                pass
        self._fault(path, f"must be {_WANTED.get(type(kind).__name__, 'a text')}")
        return None

    def _fault(self, path: Path, why: str) -> None:
        self.faults.append(f"{self._document.place(path)}: {why}")


def _nearest(word: str, known: Sequence[str]) -> str:
    """The nearest of the known words, or all of them."""
    near = difflib.get_close_matches(word.casefold(), known, 1, 0.6)
    return f"do you mean {near[0]}?" if near else f"possible: {', '.join(known)}"

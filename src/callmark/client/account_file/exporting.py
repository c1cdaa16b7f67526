"""Writes an account as a file that changes nothing when it is applied."""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, cast

import msgspec
from msgspec import UNSET, Struct, structs

from callmark.client.account_file.entries import AccountFile
from callmark.client.account_file.parsing import yaml_library
from callmark.client.account_file.plans import given
from callmark.client.account_file.trees import all_sets, trail
from callmark.client.reprs import SafeRepr

MOST_INLINE = 50
"""More numbers of a feature set go into a file of their own."""
_NAME = re.compile(r"[^a-z0-9]+")
_USUAL: dict[str, object] = {"description": "", "is_default": False, "options": [], "paused": False}
"""What a new thing has by default; left out of the file where it is unchanged."""


class Exported(SafeRepr, Struct):
    """A file, and the files that it names: logos by address, numbers."""

    value: dict[str, Any]
    logos: dict[str, str]
    """The address of each logo, by the name of its file."""
    numbers: dict[str, list[str]]


def export(entries: AccountFile, *, is_apart: bool) -> Exported:
    """The account as plain values. `is_apart` puts logos and long lists of numbers into files; else they are inline.

    Without files a logo is left out: a file of text cannot hold it.
    """
    logos: dict[str, str] = {}
    numbers: dict[str, list[str]] = {}
    labels = list(given(entries.labels))
    for at, label in enumerate(labels):
        address = label.logo
        if not isinstance(address, str):
            continue
        if not is_apart:
            labels[at] = structs.replace(label, logo=UNSET)
            continue
        name = _free(f"logos/{_slug(label.name)}", "png", logos)
        logos[name] = address
        labels[at] = structs.replace(label, logo=name)
    copied = msgspec.convert(msgspec.to_builtins(entries), AccountFile)
    if is_apart:
        for names, one in all_sets(given(copied.departments)):
            if len(given(one.numbers)) > MOST_INLINE:
                name = _free(f"numbers/{_slug(trail(*names))}", "txt", numbers)
                numbers[name] = [*given(one.numbers)]
                one.numbers, one.numbers_file = UNSET, name
    copied.labels = labels
    value = cast("dict[str, Any]", _lean(msgspec.to_builtins(copied)))
    return Exported(value, logos, numbers)


def _slug(name: str) -> str:
    return _NAME.sub("-", name.casefold()).strip("-")[:60] or "unnamed"


def _free(name: str, ending: str, taken: Mapping[str, object]) -> str:
    """A name that no other file has."""
    found, count = f"{name}.{ending}", 1
    while found in taken:
        count += 1
        found = f"{name}-{count}.{ending}"
    return str(PurePosixPath(found))


def _lean(value: object) -> object:
    """Without what says nothing. Lists at the top and of the structure stay also when they are empty: they say so."""
    match value:
        case dict():
            items = cast("dict[str, object]", value)
            kept = {key: _lean(item) for key, item in items.items() if not _is_usual(key, item)}
            return {key: item for key, item in kept.items() if item is not None}
        case list():
            return [_lean(item) for item in cast("list[object]", value)]
        case _:
            return value


def _is_usual(key: str, value: object) -> bool:
    return key in _USUAL and value == _USUAL[key]


def as_json(value: Mapping[str, Any]) -> str:
    """The file as JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_yaml(value: Mapping[str, Any]) -> str:
    """The file as YAML, quoted wherever another reader could take a text for something else."""
    return yaml_library().safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=120)

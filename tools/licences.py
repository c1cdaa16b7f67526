"""The licence of each package from outside: of Python by its installed metadata, of npm by the lock file."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, distribution
from typing import Any

from msgspec import Struct
from tools.sources import ROOT

_PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
_KIND = "License :: "


class Package(Struct, frozen=True):
    """A package of a lock file, and the licence that it says it has; empty when it says none."""

    name: str
    version: str
    licence: str
    ecosystem: str = "pypi"
    integrity: str = ""
    """npm's own digest of the archive."""


@cache
def supply() -> Mapping[str, Any]:
    """What `supply.toml` says."""
    return tomllib.loads((ROOT / "tools/supply.toml").read_text())


def pinned(lock: str) -> dict[str, str]:
    """The packages of a file in `requirements/` that are installed here, with their versions."""
    return dict(_PINNED.findall((ROOT / "requirements" / lock).read_text()))


def python_packages(lock: str) -> Iterator[Package]:
    """Those of a file in `requirements/`; without those for other systems, which are not installed here."""
    for name, version in pinned(lock).items():
        try:
            yield Package(name, version, licence_of(distribution(name)))
        except ModuleNotFoundError:
            continue


def npm_packages(*, served: bool) -> Iterator[Package]:
    """Those of the lock file; only what the browser gets when `served`."""
    lock: Mapping[str, Any] = json.loads((ROOT / "package-lock.json").read_text())
    for path, one in lock["packages"].items():
        if path and not (served and one.get("dev")):
            name = path.rpartition("node_modules/")[2]
            yield Package(name, one["version"], one.get("license", ""), "npm", one.get("integrity", ""))


def licence_of(found: Distribution) -> str:
    """The SPDX expression, else what the classifiers say, else the field's first line."""
    # `json` has plain types where the message of `metadata` has none.
    told: Mapping[str, Any] = found.metadata.json
    if expression := told.get("license_expression"):
        return str(expression)
    names = [line.rpartition(" :: ")[2] for line in told.get("classifier", ()) if line.startswith(_KIND)]
    if known := [_spdx(name) for name in names if name != "OSI Approved"]:
        return " AND ".join(known)
    return _spdx(str(told.get("license", "")).partition("\n")[0])


def _spdx(name: str) -> str:
    return str(supply()["names"].get(name, name))


def is_permissive(expression: str, permissive: frozenset[str]) -> bool:
    """Whether one may choose licences of the expression so that all of them are permissive."""
    inside = expression.removeprefix("(").removesuffix(")")
    return any(all(one.strip("() ") in permissive for one in choice.split(" AND ")) for choice in inside.split(" OR "))

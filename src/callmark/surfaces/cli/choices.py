"""Option types that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from callmark.domain.policy.plan import ALL_ACCESS, Feature, KeyAccess, key_access

LOGO_READ_BYTES = 2_097_152
"""A logo of this size is too large already, so no more of a file is read."""


class FeatureList(click.ParamType[frozenset[Feature]]):
    """Features separated by commas, or `all`, or `none`."""

    name = "features"

    def convert(
        self, value: str | frozenset[Feature], param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Feature]:
        """The features named; a wrong name fails with those that exist."""
        if isinstance(value, frozenset):
            return value
        return frozenset(map(Feature, _names(self, value, tuple(Feature), param, ctx)))


class KeyAccessList(click.ParamType[frozenset[KeyAccess]]):
    """As FeatureList, of what a key gives access to; `all` leaves `management` out, which has to be named."""

    name = "features"

    def convert(
        self, value: str | frozenset[KeyAccess], param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[KeyAccess]:
        """The features named; a wrong name fails with those that exist."""
        if isinstance(value, frozenset):
            return value
        return frozenset(map(key_access, _names(self, value, ALL_ACCESS, param, ctx)))


def _names(
    kind: click.ParamType[Any],
    value: str,
    known: Sequence[KeyAccess],
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> list[str]:
    if value in {"all", "none"}:
        return [feature.value for feature in Feature] if value == "all" else []
    names, there = [name.strip() for name in value.split(",")], [one.value for one in known]
    for name in names:
        if name not in there:
            kind.fail(f"{name!r} is not one of {', '.join(there)}", param, ctx)
    return names


def read_logo(path: Path | None) -> bytes | None:
    """The file's content, at most the size at which it is refused; None without a file."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(LOGO_READ_BYTES)
    except OSError as exc:
        raise click.ClickException(f"cannot read {path}: {exc.strerror}") from exc

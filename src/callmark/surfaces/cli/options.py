"""Options that several commands share, and the types of their values."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from callmark.domain.policy.plan import ALL_ACCESS, Feature, KeyAccess, key_access

account_option = click.option(
    "--account", "account", type=click.UUID, required=True, metavar="ID", help="The client account's id."
)
id_argument = click.argument("id", type=click.UUID)
"""Commands name the kind of each id in their signature (`id: LabelId`): at run time every kind is a `UUID`."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program instead of text.")
yes_option = click.option("--yes", is_flag=True, help="Skip the confirmation question.")
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Data directory of the installation (default: CALLMARK_DATA).",
)
password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True),
    metavar="FILE",
    help="Read the password from the first line of a file (`-` for standard input) instead of asking for it.",
)


def where_again() -> str:
    """The option that leads a command, printed for people to paste, to the same installation; empty without one."""
    data = click.get_current_context().params.get("data")
    return f" --data {shlex.quote(str(data))}" if data else ""


def at_least_one(*given: object) -> None:
    """Refuses an `update` that says nothing to change."""
    if all(value is None or value is False for value in given):
        raise click.UsageError("nothing to change; give at least one option (see --help)")


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

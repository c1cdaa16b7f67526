"""Options that several commands share, and the types of their values."""

import shlex
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import click

from callmark.domain.policy.plan import ALL_ACCESS, ALL_FEATURES, Feature
from callmark.option_values import NamedPath

Name = TypeVar("Name", bound=StrEnum)

account_option = click.option(
    "--account", "account", type=click.UUID, required=True, metavar="ID", help="The client account's id."
)
id_argument = click.argument("id", type=click.UUID)
"""Commands name the kind of each id in their signature (`id: LabelId`): at run time every kind is a `UUID`."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program instead of text.")
yes_option = click.option("--yes", is_flag=True, help="Skip the confirmation question.")
data_option = click.option(
    "--data",
    type=NamedPath(file_okay=False),
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


class CommaList(click.ParamType[frozenset[Name]]):
    """Names out of a few, separated by commas; where `every` is given also `all`, which means that, and `none`."""

    def __init__(self, name: str, known: Iterable[Name], *, every: Iterable[Name] | None = None) -> None:
        self.name = name
        self._known = {one.value: one for one in known}
        self._words = {} if every is None else {"all": frozenset(every), "none": frozenset[Name]()}

    def convert(
        self, value: str | frozenset[Name], param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Name]:
        """What is named; a wrong name fails with those that exist."""
        if isinstance(value, frozenset):
            return value
        if value in self._words:
            return self._words[value]
        names = [name.strip() for name in value.split(",")]
        for name in names:
            if name not in self._known:
                self.fail(f"{name!r} is not one of {', '.join(self._known)}", param, ctx)
        return frozenset(self._known[name] for name in names)


FEATURES = CommaList("features", Feature, every=ALL_FEATURES)
KEY_ACCESS = CommaList("features", ALL_ACCESS, every=ALL_FEATURES)
"""What a key gives access to; `all` leaves `management` out, which has to be named."""

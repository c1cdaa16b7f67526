"""Lists that a command shows a part of: what it says where there is more."""

from collections.abc import Callable
from typing import TypeVar

import click

Item = TypeVar("Item")


def part(found: list[Item], limit: int, place: Callable[[Item], object] | None = None) -> list[Item]:
    """The first `limit` of what was found: it was looked for one more, and if there is, standard error says so.

    `place`: what `--after` takes to begin behind an item; None for a command without that option.
    """
    if len(found) > limit:
        say_more(f"--after {place(found[limit - 1])}" if place else "a larger --limit")
    return found[:limit]


def say_more(how: str) -> None:
    """Says on standard error that the list is longer, and with what option the rest is shown."""
    click.echo(f"There are more. Show them with {how}", err=True)

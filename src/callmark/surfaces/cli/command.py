"""One operator command: open the engines, run the use case, print its answer; `callmark.main` prints errors and logs.

How to reach a running installation is the composition root's to know: it hands over its way in as the click context's
`obj` (an `Entrance`), because a surface imports nothing from above.
"""

import functools
import getpass
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import click

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.migrate import check_steps
from callmark.option_values import refuse_empty
from callmark.surfaces.cli.options import data_option, json_option
from callmark.terminal import Output

_READ = {"list", "show", "tree", "categories", "catalogue", "jobs", "requests", "results"} | {
    "deliveries",
    "delivery",
    "digests",
    "head",
    "letter",
    "retention",
    "verify",
}
"""The commands that change nothing: these names mean the same in every group."""

Entrance = Callable[[Path | None, Callable[[Deps], Awaitable[None]]], None]
"""Runs what a command does on the `Deps` of the installation on that data directory, or of the one in the settings."""


class FeatureGroup(click.Group):
    """Commands, those of groups in it too, that are part of a feature: their account must have it (contract D49)."""

    def __init__(self, *args: Any, feature: Feature, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.feature = feature


def operator(
    work: Callable[..., Awaitable[None]], *, every_table: bool = False, options_change: bool = False
) -> Callable[..., None]:
    """A command's callback out of a coroutine function of (deps, output, and the command's own options by name).

    Adds `--data` and `--json`, so it stands below the command's own options. On the database of a newer version only
    what reads is done, with a warning, unless the two work beside each other; one whose `options_change` something
    reads without them. One that must know `every_table` is not done beside a newer version either.
    """

    @data_option
    @json_option
    @click.pass_context
    @functools.wraps(work)
    def command(context: click.Context, *, data: Path | None, as_json: bool, **options: Any) -> None:
        run: Entrance = context.find_root().obj
        if context.command.name in _READ:
            refuse_empty(context)
        reads = context.command.name in _READ or (options_change and not _options_given(context, options))
        feature = _feature_of(context)

        async def use(deps: Deps) -> None:
            if not deps.fabric.connected:
                click.echo(
                    "Warning: NATS cannot be reached. Connected handsets get the changes at their next sync.", err=True
                )
            async with deps.db.connection() as tx:
                await check_for_command(tx, reads=reads, every_table=every_table)
            if feature and options.get("account"):
                await accounts.check_plan(deps, AccountId(options["account"]), feature)
            await work(deps, Output(as_json=as_json), **options)

        run(data, use)

    return command


async def check_for_command(tx: Tx, *, reads: bool, every_table: bool = False) -> None:
    """Raises SetupError where a newer version's schema is not for this one; says so on stderr where it only `reads`."""
    try:
        await check_steps(tx, beside=not every_table)
    except SetupError as exc:
        if not reads:
            raise
        click.echo(f"Warning: {exc.message}. What this version shows may be wrong, or not all.", err=True)


def _options_given(context: click.Context, values: Mapping[str, object]) -> bool:
    own = (one.name for one in context.command.params if isinstance(one, click.Option))
    return any(values.get(name) is not None for name in own if name)


def _feature_of(context: click.Context) -> Feature | None:
    """The feature of the nearest group around the command that has one."""
    around: click.Context | None = context
    while around := around.parent:
        if isinstance(around.command, FeatureGroup):
            return around.command.feature
    return None


def operator_at_terminal() -> Actor:
    """Who runs the command, as `user@host`. A container's user may have no name: then it is its number."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return Actor(ActorKind.COMMAND_LINE, f"{user}@{socket.gethostname()}")

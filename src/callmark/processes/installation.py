"""`callmark installation`: says of a copied database what it is, and lets a copy send again (docs/copies.md).

Works whether processes run or not; of an embedded engine that does not run, it starts PostgreSQL alone.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct

from callmark.domain.installation import service as installations
from callmark.domain.installation.model import InstallationState
from callmark.kit.clock import SystemClock
from callmark.kit.installation import place_of, told_held
from callmark.kit.postgres.database import DatabaseConnection, connect
from callmark.kit.postgres.migrate import check_schema, migrate
from callmark.kit.telemetry import logs
from callmark.processes.databases import existing_database, settings_of
from callmark.processes.reach import once_reachable
from callmark.surfaces.cli.command import check_for_command, operator_at_terminal
from callmark.surfaces.cli.options import data_option, json_option, yes_option
from callmark.terminal import Output, Row

Answer = TypeVar("Answer")
_RELEASE = "Nothing is sent until `callmark installation release`: no webhook, no email."


class _Reached(Struct, frozen=True):
    """A connection to an installation's database, and the place where it is."""

    tx: DatabaseConnection
    place: str
    now: datetime


@click.group("installation")
def group() -> None:
    """Tell a copy of an installation's database from the original, so that it reaches nobody."""


@group.command
@data_option
@json_option
def show(data: Path | None, *, as_json: bool) -> None:
    """Show the installation's id, where it is, and whether it sends anything."""
    state = _run(data, _look, reads=True)
    said = told_held(state.held_at) if state.held_at else ""
    Output(as_json=as_json).item(_row(state), after=f"{said[:1].upper()}{said[1:]}." if said else "")


@group.command
@data_option
@yes_option
@json_option
def renew(data: Path | None, *, yes: bool, as_json: bool) -> None:
    """Make a copy an installation of its own, which reaches none of the original's handsets and sends nothing.

    For a database that was restored or copied while the original still runs. Stop what runs on the copy first.
    """
    _ask(
        "It gets a new id, and sends no webhook and no email until it is released. Renew the copy? Never do this to the"
        " original, whose handsets would lose it.",
        yes=yes,
    )

    async def work(reached: _Reached) -> InstallationState:
        async with reached.tx.transaction():
            await installations.renew(reached.tx, reached.place, reached.now, by=operator_at_terminal())
        return await _look(reached)

    state = _run(data, work, migrates=True)
    Output(as_json=as_json).item(_row(state), "The copy is an installation of its own.", _RELEASE)


@group.command
@data_option
@yes_option
@json_option
def keep(data: Path | None, *, yes: bool, as_json: bool) -> None:
    """Say that this is the same installation in another place: it was moved, or takes the original's place."""
    _ask("It sends what waits as soon as it starts. Has the original stopped permanently?", yes=yes)

    async def work(reached: _Reached) -> InstallationState:
        async with reached.tx.transaction():
            await installations.keep(reached.tx, reached.place, reached.now, by=operator_at_terminal())
        return await _look(reached)

    Output(as_json=as_json).item(_row(_run(data, work, migrates=True)), "The installation is here now.")


@group.command
@data_option
@click.option("--drop", is_flag=True, help="Delete every webhook, and every mail that waits, before anything is sent.")
@yes_option
@json_option
def release(data: Path | None, *, drop: bool, yes: bool, as_json: bool) -> None:
    """Let a copy send: what waits, and what comes."""
    state = _run(data, _look)
    _ask(
        f"Delete every webhook of every account and {state.waiting_mails} emails, then send what comes?"
        if drop
        else f"Send {state.waiting_deliveries} deliveries and {state.waiting_mails} emails that wait, and what comes?",
        yes=yes,
    )

    async def work(reached: _Reached) -> Row:
        async with reached.tx.transaction():
            now = reached.now + await reached.tx.fetchval("SELECT clock_offset FROM installation")
            dropped = await installations.release(reached.tx, now, by=operator_at_terminal(), drop=drop)
        return {"deleted_webhooks": dropped.webhooks, "deleted_mails": dropped.mails}

    Output(as_json=as_json).item(_run(data, work), "The installation sends webhooks and emails.")


def _ask(question: str, *, yes: bool) -> None:
    """Returns when it is sure. Unlike other commands, a script must say `--yes` too: there is no way back."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this cannot be undone; give --yes")
    click.confirm(question, abort=True, err=True)


async def _look(reached: _Reached) -> InstallationState:
    return await installations.look(reached.tx, reached.place)


def _row(state: InstallationState) -> Row:
    return {
        "id": state.id,
        "place": state.found_at,
        "first_place": state.place,
        "is_elsewhere": state.is_elsewhere,
        "held_at": state.held_at,
        "waiting_deliveries": state.waiting_deliveries,
        "waiting_mails": state.waiting_mails,
    }


def _run(
    data: Path | None, work: Callable[[_Reached], Awaitable[Answer]], *, migrates: bool = False, reads: bool = False
) -> Answer:
    """Runs `work` on the installation's database, which is brought to this version's schema first where asked.

    On that of a newer version only what `reads` is done, with a warning.
    """
    logs.set_up("error")

    settings, clock = settings_of(data), SystemClock()
    is_embedded = settings.embedded_postgres

    async def work_on(dsn: str) -> Answer:
        if migrates:
            await migrate(dsn, clock, phase=None if is_embedded else "pre")
        async with connect(dsn) as tx:
            await check_schema(tx)
            await check_for_command(tx, reads=reads)
            place = await place_of(tx, settings.data if is_embedded else None)
            return await work(_Reached(tx, place, clock.now()))

    async def run() -> Answer:
        async with existing_database(settings) as dsn:
            return await once_reachable(lambda: work_on(dsn), timedelta())

    return asyncio.run(run())

"""`callmark secret-key`: replaces the installation's secret key, planned (`rotate`) or because it is lost (`reset`).

A new key is on the disk before the database names it, and files are put into their places last. So a command that is
killed at any point leaves a key that fits, and may be run again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.ids import WebhookId
from callmark.domain.mail import sealing as mail_sealing
from callmark.domain.persons import keys as erasure_keys
from callmark.domain.signer_certificates import keys as signing_keys
from callmark.domain.webhooks import secrets
from callmark.kit.errors import SetupError
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.migrate import check_steps
from callmark.kit.secret_key import (
    NEXT_FILE,
    OLD_FILE,
    known_keys,
    lock_key,
    make_key,
    mark,
    marked_key,
    read_key,
    set_key,
    settle_key,
)
from callmark.kit.settings import Secret, Settings
from callmark.kit.telemetry import logs
from callmark.processes.compose import open_operator_deps
from callmark.surfaces.cli.command import operator_at_terminal
from callmark.surfaces.cli.options import data_option, yes_option

Done = TypeVar("Done")
_SET_BOTH = (
    "the secret key is set by CALLMARK_SECRET_KEY. To replace it, set CALLMARK_SECRET_KEY to a new key and"
    " CALLMARK_OLD_SECRET_KEY to the current one on every host, restart every process, and run this again"
)
_NOT_SETTLED = "the key is being replaced, or is not in the data directory; run `callmark secret-key rotate`"


class Rotated(Struct, frozen=True):
    """How many secrets were encrypted with the new key; what no key opens: webhooks, and how many signing keys."""

    count: int
    unreadable: list[WebhookId]
    unreadable_keys: int
    left: int
    """Secrets that the new key does not open, by a look after it became the installation's."""


@click.group("secret-key")
def group() -> None:
    """Replace the secret key of the installation."""


@group.command()
@data_option
def rotate(data: Path | None) -> None:
    """Replace the secret key while everything runs.

    Encrypts every webhook secret and signing key with the new key; receivers see no change. If it is interrupted, run
    it again.
    """
    done = _run(data, rotate_key)
    click.echo(f"The secret key is replaced. Secrets that were re-encrypted: {done.count}.")
    click.echo(f"Secrets that are left under another key: {done.left}.")
    if done.unreadable_keys:
        click.echo(
            f"No key here can decrypt {done.unreadable_keys} signing keys. Their calls continue without a signature."
        )
    if done.unreadable:
        click.echo(
            "No key here can decrypt the secrets of these webhooks. Rotate each one with `callmark webhook rotate`:"
        )
        for webhook_id in done.unreadable:
            click.echo(f"  {webhook_id}")


@group.command()
@data_option
@yes_option
def reset(data: Path | None, *, yes: bool) -> None:
    """Start with a new secret key after the current one is lost.

    Every webhook gets a new secret, which is shown to nobody. A mail tells the admins of every account. Calls are not
    signed until there is another root of the installation's own, or another certificate is imported.
    """
    if not yes:
        click.echo(
            "Every webhook of every account gets a new secret. Receivers that verify signatures will refuse events"
        )
        click.echo("until their admins rotate the secret; emails tell them how. Download links stop working.")
        click.echo("Calls are no longer signed until you run `callmark stir root create` or import certificates.")
        click.echo(
            "If the key is not lost but only missing here, put it back instead. To replace a key you have, use rotate."
        )
        click.confirm("Replace all secrets?", abort=True)
    count = _run(data, reset_key)
    click.echo(f"The installation has a new secret key. Webhooks with a new secret: {count}.")
    click.echo("Restart the processes that stopped because the key was missing.")


@group.command("drop-old")
@data_option
@yes_option
def drop_old(data: Path | None, *, yes: bool) -> None:
    """Delete the key that was replaced, once no backup needs it; refuses while a secret is left under it."""
    if not yes:
        click.confirm("Backups of before the replacement cannot be used without this key. Delete it?", abort=True)
    was_there = _run(data, drop_old_key)
    click.echo("The old secret key is deleted." if was_there else "There is no old secret key.")


async def rotate_key(deps: Deps, settings: Settings) -> Rotated:
    """Makes the following key the installation's; `settings` are those of the environment, without a found key."""
    known = known_keys(settings)
    async with deps.db.transaction() as tx:
        await check_steps(tx, beside=False)
        marked = await lock_key(tx)
    if marked is None:
        raise SetupError("this installation has no secret key yet; start it once")
    if not any(mark(key) == marked for key in known):
        raise SetupError(
            "the secret key is missing here; put it back, or run `callmark secret-key reset` if it is lost"
        )
    new = _following_key(settings, marked)
    done = await secrets.seal_again(deps, new, known)
    async with deps.db.transaction() as tx:
        marked = await lock_key(tx)
        rest = await secrets.seal_rest(tx, new, known)
        signing = await signing_keys.seal_all(tx, new, known)
        erased = await erasure_keys.seal_all(tx, new, known)
        mails = await mail_sealing.seal_all(tx, new, known)
        if marked != mark(new):
            await set_key(tx, new, deps.real_clock.now())
    if settings.secret_key is None:
        settle_key(settings.data)
    count = done.count + rest.count + signing.count + erased.count + mails.count
    async with deps.db.connection() as tx:
        return Rotated(count, rest.unreadable, signing.unreadable, await count_left(tx, new))


async def count_left(tx: Tx, key: Secret) -> int:
    """How many secrets the key does not open; of a webhook that has several, one."""
    return (
        len((await secrets.seal_rest(tx, key, [])).unreadable)
        + (await signing_keys.seal_all(tx, key, [])).unreadable
        + (await erasure_keys.seal_all(tx, key, [])).unreadable
        + (await mail_sealing.seal_all(tx, key, [])).unreadable
    )


async def drop_old_key(deps: Deps, settings: Settings) -> bool:
    """Deletes the key before the present one from the data directory; false where there is none.

    Raises SetupError while a replacement is not finished, or the present key does not open every secret.
    """
    async with deps.db.connection() as tx:
        await check_steps(tx, beside=False)
        present = read_key(settings.data)
        if present is None or mark(present) != await marked_key(tx) or read_key(settings.data, NEXT_FILE) is not None:
            raise SetupError(_NOT_SETTLED)
        if left := await count_left(tx, present):
            raise SetupError(f"{left} secrets do not open with the present key; run `callmark secret-key rotate` again")
    old = settings.data / OLD_FILE
    was_there = old.exists()
    old.unlink(missing_ok=True)
    return was_there


async def reset_key(deps: Deps, settings: Settings) -> int:
    """Makes a key the installation's with which no secret is encrypted yet; how many webhooks got a new secret."""
    async with deps.db.connection() as tx:
        await check_steps(tx, beside=False)
    new = settings.secret_key or make_key(settings.data, NEXT_FILE)
    async with deps.db.transaction() as tx:
        marked = await lock_key(tx)
        if settings.secret_key and marked == mark(settings.secret_key):
            raise SetupError("CALLMARK_SECRET_KEY is this installation's current key; set another one first")
        count = 0
        if marked != mark(new):  # else a run before this one was interrupted after its commit
            await signing_keys.forget_all(tx, deps.real_clock.now())
            await erasure_keys.forget_all(tx)
            await mail_sealing.give_up_all(tx, deps.clock.now())
            count = await secrets.give_new_secrets(deps, tx, new, by=operator_at_terminal())
            await set_key(tx, new, None)
    if settings.secret_key is None:
        settle_key(settings.data)
    return count


def _following_key(settings: Settings, marked: bytes) -> Secret:
    """The installation's next key. In a data directory it is made beside the present one."""
    if settings.secret_key is None:
        return make_key(settings.data, NEXT_FILE)
    if mark(settings.secret_key) == marked and settings.old_secret_key is None:
        raise SetupError(_SET_BOTH)
    return settings.secret_key


def _run(data: Path | None, use: Callable[[Deps, Settings], Awaitable[Done]]) -> Done:
    logs.set_up("error")

    async def run() -> Done:
        async with open_operator_deps(data, with_key=False) as deps:
            return await use(deps, deps.settings)

    return asyncio.run(run())

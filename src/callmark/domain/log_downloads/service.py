"""Use cases of log downloads: a link to the events of a range, and the file behind it.

A link holds all that says which file it means, so making one writes nothing but its line in the audit log. The file
is written when it is first asked for, in short statements, into the object store. Readers are served from there, so
that a slow one holds no connection of the database. What only this host has, this process deletes; of a bucket a worker
does. docs/decisions/0009-log-downloads.md says why.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

import structlog
from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.events.model import oldest_shown
from callmark.domain.feedback import service as feedback
from callmark.domain.ids import AccountId
from callmark.domain.log_downloads import jobs, links, queries
from callmark.domain.log_downloads.model import (
    COLUMNS,
    FOLDER,
    LIFE,
    MOST_BYTES,
    DownloadLink,
    FileFormat,
    LogFile,
    download_name,
    file_name,
    parse_name,
)
from callmark.domain.policy.model import Actor
from callmark.domain.policy.plan import check_plan
from callmark.instants import iso_ms
from callmark.kit import patience
from callmark.kit.errors import AppError, Forbidden, LinkExpired, NotFound, TooManyRequests, Unavailable
from callmark.kit.fair_slots import FairSlots
from callmark.kit.ids import sha256
from callmark.kit.object_store import Stored, files_of
from callmark.kit.postgres.open_transactions import LOOKS, left_open
from callmark.kit.secret_key import current_key, key_changed_at, known_keys, marked_key, read_mark
from callmark.kit.settings import Secret
from callmark.kit.tasks import end

log = structlog.get_logger(__name__)

_MICROSECOND = timedelta(microseconds=1)

STEP = 2_000
"""Events in a step: some milliseconds of the database, and at their largest 25 MB (ten answers of 1,000 characters)."""

AT_ONCE = 2
"""Files that one process writes at the same time; others wait."""

IN_FLIGHT = timedelta(seconds=30)
"""How long an event that has its instant may take to be committed."""

CLEANED_EVERY_S = 300.0
"""How often a process looks for old files on its host, by the real clock."""


class Download(Struct, frozen=True):
    """A file, ready to be read, and what it is called where it is saved."""

    name: str
    file_format: FileFormat
    stored: Stored


async def make_link(deps: Deps, file: LogFile, *, by: Actor) -> DownloadLink | None:
    """A link to the file, good for ten minutes of the product clock; None when no event is in its range."""
    now, subject = deps.clock.now(), await _subject(deps, file)
    if not await _has_any(deps, _shown(file, now)):
        return None
    async with deps.db.transaction() as tx:
        marked = await marked_key(tx)
        days, of = f"{iso_ms(file.since)} to {iso_ms(file.before)}", file.account_id
        kind = file.file_format.value
        await audit.note(tx, by, AuditAction.LOG_EXPORTED, subject, account_id=of, at=now, range=days, format=kind)
    expires_at = now + LIFE
    return DownloadLink(
        f"{deps.public_url}/downloads/{links.signed(current_key(deps.settings, marked), file, expires_at)}", expires_at
    )


async def _has_any(deps: Deps, file: LogFile) -> bool:
    async with deps.db.connection() as tx:
        if await queries.is_any(tx, file):
            return True
    await _is_written(deps, file)
    async with deps.db.connection() as tx:
        return await queries.is_any(tx, file)


async def _subject(deps: Deps, file: LogFile) -> str:
    """What the audit log says was downloaded."""
    if file.campaign_id is None:
        return "Call Me Back requests"
    try:
        return f"answers to {(await feedback.get_campaign(deps, file.account_id, file.campaign_id)).name}"
    except NotFound:  # its events outlive it
        return "answers to a deleted campaign"


async def lines(deps: Deps, file: LogFile) -> AsyncGenerator[bytes]:
    """The file's content, in chunks of whole lines, in the order of the events' instants.

    Of the events that are still shown (contract D53). Each step is one short use of a connection.
    An event that is appended meanwhile is in it when its instant is later than what has been read.
    """
    file = _shown(file, deps.clock.now())
    await _is_written(deps, file)
    if file.file_format is FileFormat.CSV:
        yield ",".join(COLUMNS[file.event_type]).encode() + b"\n"
    after: queries.EventPosition | None = queries.START
    while after is not None:
        async with deps.db.connection() as tx:
            up_to = await queries.select_step(tx, file, after, STEP)
            chunk = await queries.copy_lines(tx, file, after, up_to)
        after = up_to
        if chunk:
            yield chunk


async def _is_written(deps: Deps, file: LogFile) -> None:
    """Returns when the events of a range that ends now are committed, after five seconds at the most.

    An event has its instant before its transaction waits for others of the account. It would be in neither file, if
    this one were written without it and the next range began where this one ends.
    """
    if file.before <= deps.clock.now() - IN_FLIGHT:
        return
    since = deps.real_clock.now() - IN_FLIGHT

    async def look() -> set[str]:
        async with deps.db.connection() as tx:
            return await queries.select_open(tx, since)

    if left := await left_open(look, LOOKS):
        log.warning("export_beside_open_transactions", account=str(file.account_id), transactions=len(left))


class Downloads:
    """The downloads of one process: each file is written once, however many ask for it at the same time."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._writing: dict[str, asyncio.Task[None]] = {}
        self._slots = FairSlots(AT_ONCE)
        self._cleaning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to delete old files, where they are in a folder of this host."""
        self._cleaning = asyncio.create_task(self._keep_clean())

    async def open(self, token: str) -> Download:
        """The file of a link, written now if it is not there yet.

        Raises NotFound for a token that we have not signed, LinkExpired for one past its ten minutes, Forbidden when
        the account has been suspended or has lost the feature since. That its API key is gone by now does not matter:
        the link outlives it by ten minutes at most. Raises TooManyRequests when the account's files take too much.
        """
        file, expires_at = links.opened(await self._keys(), token)
        if self._deps.clock.now() >= expires_at:
            raise LinkExpired
        account = await accounts.get_account(self._deps, file.account_id)
        if account.state is AccountState.SUSPENDED:
            raise Forbidden
        check_plan(account.features, file.event_type.feature)
        async with self._deps.db.connection() as tx:
            erasures = await queries.count_erasures(tx)
        name = str(file_name(sha256(token.partition(".")[0]).hex()[:32], file, expires_at, erasures))
        files = files_of(self._deps.settings)
        stored = await files.open(name)
        if stored is None:
            await self._written(name, file)
            stored = await files.open(name)
        if stored is None:
            raise Unavailable("object store: a file that was just written is not there")
        asked_at = expires_at - LIFE
        return Download(download_name(_shown(file, asked_at), asked_at), file.file_format, stored)

    async def _keys(self) -> list[Secret]:
        """What a link may be signed with: the installation's key, and for a link's lifetime those before it."""
        async with self._deps.db.connection() as tx:
            marked, changed_at = await read_mark(tx), await key_changed_at(tx)
        if changed_at is None or self._deps.real_clock.now() >= changed_at + LIFE:
            return [current_key(self._deps.settings, marked)]
        return known_keys(self._deps.settings)

    async def close(self) -> None:
        """Breaks off what is being written; the links stay good."""
        await end([*self._writing.values(), *filter(None, [self._cleaning])])

    async def _written(self, name: str, file: LogFile) -> None:
        """Returns when the file is there. It is written also when the one who asked has left: they will ask again."""
        task = self._writing.get(name)
        if task is None:
            task = self._writing[name] = asyncio.create_task(self._write(name, file))
            task.add_done_callback(lambda done: self._ended(name, done))
        await asyncio.shield(task)

    async def _write(self, name: str, file: LogFile) -> None:
        with patience.endless():  # others than the first wait for it too, and ask again
            await self._write_whole(name, file)

    async def _write_whole(self, name: str, file: LogFile) -> None:
        async with self._slots.place(file.account_id):
            began = self._deps.real_clock.now()
            await self._make_room(file.account_id)
            await files_of(self._deps.settings).write(name, lines(self._deps, file))
            ms = (self._deps.real_clock.now() - began).total_seconds() * 1000
            log.info("export_written", account=str(file.account_id), type=file.event_type.value, ms=round(ms))

    async def _make_room(self, account_id: AccountId) -> None:
        """Deletes files of the account whose links have ended, the oldest first, where all of them take too much.

        Raises TooManyRequests where those with good links do.
        """
        files, now = files_of(self._deps.settings), self._deps.clock.now()
        known = [(parse_name(name), name, size) for name, size in (await files.sizes(FOLDER)).items()]
        own = sorted((one.expires_at, name, size) for one, name, size in known if one and one.account == account_id.hex)
        taken, ended = sum(size for _, _, size in own), [one for one in own if one[0] <= now]
        gone: list[str] = []
        for _, name, size in ended:
            if taken < MOST_BYTES:
                break
            gone.append(name)
            taken -= size
        await files.delete(gone)
        if taken >= MOST_BYTES:
            raise TooManyRequests(own[len(gone)][0] - now)

    async def _keep_clean(self) -> None:
        while True:
            await asyncio.sleep(CLEANED_EVERY_S)
            try:
                if not files_of(self._deps.settings).is_shared:
                    await jobs.forget_old_files(self._deps)
            except Unavailable:
                pass  # it is tried again
            except Exception:
                log.exception("old_exports_not_deleted")

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self._writing[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            reason = error.detail if isinstance(error, AppError) else repr(error)
            log.warning("export_failed", reason=reason)


def _shown(file: LogFile, now: datetime) -> LogFile:
    """The part of a range whose events are still shown (contract D53)."""
    return replace(file, since=max(file.since, oldest_shown(now) + _MICROSECOND))

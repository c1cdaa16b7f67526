"""Use cases: have what is kept about a number erased, and know erased numbers again after a restore."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import LiteralString
from uuid import UUID

import msgspec
import structlog

from callmark.broken_json import NOT_JSON
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import ErasureId
from callmark.domain.persons import keys, queries
from callmark.domain.persons.model import TAKEN_OVER_AFTER, Erasure, KnownErasure, digest_of
from callmark.domain.policy.model import Actor
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.kit.postgres.database import Tx

log = structlog.get_logger(__name__)

BAD_NUMBER = "phone_number must be 7 to 15 digits, with the country code"
IS_VIRTUAL = "the emulator plays a handset with this number; delete the virtual handset first"


def parse_number(text: str) -> PhoneNumber:
    """The number that someone typed. Raises InvalidInput."""
    number = parse_loose("".join(text.split()))
    if number is None:
        raise InvalidInput(BAD_NUMBER, field="phone_number")
    return number


async def request_erasure(deps: Deps, number: PhoneNumber, *, by: Actor, here: bool = False) -> Erasure:
    """Has everything about the number erased by a worker, or (`here`) by the caller; the one that runs, if one does.

    Raises Conflict for a handset that the emulator plays: it would only come again.
    """
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        if await queries.is_virtual(tx, number):
            raise Conflict(IS_VIRTUAL)
        if running := await queries.select_running(tx, number):
            return running
        key, sealed_key = await keys.key_for_next(tx, deps.settings)
        id_ = ErasureId(new_id())
        await queries.insert_erasure(
            tx, id_, digest_of(key, number), sealed_key, number, by.name, now, now + TAKEN_OVER_AFTER if here else now
        )
        await audit.note(tx, by, AuditAction.PERSON_ERASURE_REQUESTED, str(id_), account_id=None, at=now)
        made = found(await queries.select_erasure(tx, id_))
        if not here:
            tx.after_commit(partial(deps.wake, WorkName.ERASURES))
    log.info("person_erasure_requested", erasure=str(id_))
    return made


async def get_erasure(deps: Deps, erasure_id: ErasureId) -> Erasure:
    """The erasure. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_erasure(tx, erasure_id), "no erasure with this id")


async def list_erasures(deps: Deps, after: tuple[datetime, UUID] | None = None, limit: int = 50) -> list[Erasure]:
    """Erasures, newest first, those after the key."""
    async with deps.db.connection() as tx:
        return await queries.select_erasures(tx, after, limit)


async def known_erasures(tx: Tx) -> list[KnownErasure]:
    """Every erasure, to be kept beside backups, oldest first; none where the schema is older."""
    if not await queries.has_erasures(tx):
        return []
    every = await queries.select_erasures(tx, None, None)
    return [
        KnownErasure(one.id, one.requested_at, one.digest, one.sealed_key) for one in reversed(every) if one.sealed_key
    ]


def parse_known(content: bytes) -> list[KnownErasure]:
    """The list that `callmark person digests` wrote. Raises InvalidInput."""
    try:
        return msgspec.json.decode(content, type=list[KnownErasure])
    except NOT_JSON as exc:
        raise InvalidInput(f"this is no list of erased numbers: {exc}", field="erasures") from exc


def sql_again(known: Sequence[KnownErasure], now: datetime) -> LiteralString:
    """What a restore runs at its end: erasures that the backup does not have are to be done again, by any worker."""
    return queries.sql_again(known, now)

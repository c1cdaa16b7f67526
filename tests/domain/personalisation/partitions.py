"""Records in their partitions."""

from datetime import datetime

from tests.support.factories import Cast, Sent, submit_batch

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.model import Batch, StoredRecord
from callmark.domain.personalisation.validation import V1
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import NewRecord


def new_record(cast: Cast, receiver: str, starts_at: datetime, ends_at: datetime) -> NewRecord:
    return NewRecord("918040001234", receiver, str(cast.label.id), None, None, to_ms(starts_at), to_ms(ends_at))


async def submit(deps: Deps, cast: Cast, *records: NewRecord) -> Batch:
    return await submit_batch(deps, cast.account.id, V1, [Sent(record, lambda: b"{}") for record in records])


async def partition_of(deps: Deps, record: StoredRecord) -> str:
    async with deps.db.connection() as tx:
        return await tx.fetchval("SELECT tableoid::regclass::text FROM call_record WHERE id = $1", record.key.id)


async def register(deps: Deps, number: PhoneNumber) -> None:
    _, credential = await handsets.create_app(deps, "app", by=SYSTEM)
    await handsets.register(deps, credential, number, OS.ANDROID, "5.0.0")

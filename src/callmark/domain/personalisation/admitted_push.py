"""A real-time push that is admitted, looked up and written in one statement, shared with others of the same moment.

For what nearly every push is: a record without a fault that shows in it alone, with a label, without an idempotency
key. Everything else is admitted first and goes through `service.push_now`.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.admission import admission_of
from callmark.domain.credentials.model import Admission
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId, LabelId, RecordId
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.limits.model import REAL_TIME
from callmark.domain.personalisation import admitted_push_queries as queries, metrics
from callmark.domain.personalisation.model import OpenRecord, Outcome, RecordKey
from callmark.domain.personalisation.service import TAKEN_OVER_AFTER, PushResult, push_written
from callmark.domain.personalisation.validation import GoodRecord, KnownLabels, Rules, validate
from callmark.domain.policy.plan import Feature
from callmark.instants import EPOCH, to_ms
from callmark.kit.ids import new_id, parse_uuid
from callmark.kit.postgres.database import Row
from callmark.kit.telemetry import logs
from callmark.record_rules.fields import Fault, Faulty, Field, NewRecord

_FEATURE = Feature.CALL_PERSONALISATION
_NOBODY = AccountId(UUID(int=0))
_ANY_LABEL = Label(
    LabelId(UUID(int=0)),
    _NOBODY,
    LabelType.DYNAMIC,
    name="",
    category=0,
    sub_category=0,
    logo_sha256=b"",
    is_default=False,
    created_by_email="",
    created_at=EPOCH,
)
"""Stands for the label while it is not looked up. Its empty name is replaced by the real one's."""


class ReadPush(NamedTuple):
    """A record that is good if the account has its label and nobody else its caller, as validated at `now`."""

    good: GoodRecord
    label_id: UUID
    now: datetime
    accepted_at: datetime


class AdmittedPush(NamedTuple):
    """What the statement did with a `ReadPush` whose request was admitted."""

    read: ReadPush
    row: Row
    key: RecordKey
    batch_id: BatchId
    began: datetime


def read_push(deps: Deps, rules: Rules, record: NewRecord) -> ReadPush | None:
    """The record as far as it can be validated now; None when it has a fault or names no label by its id."""
    text, now = record.label_id, deps.clock.now()
    label_id = parse_uuid(text) if isinstance(text, str) else None
    if label_id is None:
        return None
    try:
        good = validate(record, rules, KnownLabels({str(text): _ANY_LABEL}, None), to_ms(now))
    except Faulty:
        return None
    return ReadPush(good, label_id, now, deps.accepted_now())


async def admit(deps: Deps, token: str, account: str, push: ReadPush) -> tuple[Admission, AdmittedPush]:
    """As `credentials.admit`; if its allowance is granted and the record is good, it is committed on return."""
    began = deps.real_clock.now()
    asked = credentials.admission_request(deps, token, account, _FEATURE, REAL_TIME, push.now)
    good, batch_id = push.good, BatchId(new_id())
    key = RecordKey(good.receiver_number, good.ends_at, RecordId(new_id()))
    wanted = queries.WantedPush(
        caller=good.caller_number,
        receiver=good.receiver_number,
        label_id=push.label_id,
        label_name=good.label_name,
        call_reason=good.call_reason,
        starts_at=good.starts_at,
        ends_at=good.ends_at,
        id=key.id,
        batch_id=batch_id,
        accepted_at=push.accepted_at,
    )
    alike = queries.AlikePushes(TAKEN_OVER_AFTER, deps.settings.foreign_callers == "allow")
    (row,) = await deps.gather(queries.admit_and_write, [(asked, wanted, alike)])
    return admission_of(asked, row), AdmittedPush(push, row, key, batch_id, began)


async def carry_out(deps: Deps, admitted: AdmittedPush) -> PushResult:
    """Pushes and settles what was written. Raises Faulty when nothing was: for its caller, else for its label."""
    good, row = admitted.read.good, admitted.row
    if not row["is_written"]:
        metrics.REAL_TIME[Outcome.INVALID].inc()
        raise Faulty(Field.CALLER, Fault.FOREIGN) if row["is_foreign"] else Faulty(Field.LABEL_ID, Fault.LABEL)
    logs.bind(batch=str(admitted.batch_id))
    single = OpenRecord(
        key=admitted.key,
        account_id=AccountId(row["account_id"]),
        caller_number=good.caller_number,
        label_name=good.label_name or row["label_name"],
        logo_sha256=row["logo_sha256"],
        call_reason=good.call_reason,
        starts_at=good.starts_at,
        accepted_at=admitted.read.accepted_at,
        position=0,
    )
    make = (row["os"], row["app_version"]) if row["os"] else None
    return await push_written(deps, single, admitted.batch_id, make, admitted.began, row["stream"] or "")

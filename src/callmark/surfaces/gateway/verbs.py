"""What handsets ask for, whichever way they came: parse → a domain's service → an answer. Frames and HTTP share it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from msgspec import Struct

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import CallDetails, CallReport
from callmark.domain.deps import Deps
from callmark.domain.feedback import answers as feedback
from callmark.domain.feedback.model import QuestionAnswer
from callmark.domain.handsets.model import Registration, can_show
from callmark.domain.ids import CallId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.handset_messages import RecordRef
from callmark.domain.personalisation.model import OpenRecord, RecordKey
from callmark.domain.resolution import service as resolution
from callmark.domain.resolution.model import Resolution
from callmark.instants import LAST_MS, from_ms, to_ms
from callmark.kit.errors import Forbidden, InvalidInput
from callmark.kit.phone import shorten
from callmark.kit.zones import device_zone
from callmark.surfaces.gateway.numbers import number_of
from callmark.surfaces.gateway.wire import CallBody, CallMeBackBody, FeedbackBody, ResolveBody

log = structlog.get_logger(__name__)

PAGE = 200
"""Records in one page of `sync`, or of withdrawals."""


class SyncPage(Struct, frozen=True):
    """One page of a sync: what to send, what to drop, which of its records the handset holds already."""

    missing: list[OpenRecord]
    held: list[RecordKey]
    withdrawn: list[RecordKey]
    cursor: str | None


async def read_page(deps: Deps, registration: Registration, held: Collection[UUID], cursor: str | None) -> SyncPage:
    """The page after `cursor`; none for a handset that cannot show call records. Raises InvalidInput for the cursor."""
    after = _after(cursor)
    withdrawn: list[RecordKey] = []
    if cursor is None:
        withdrawn = await personalisation.withdrawn_among(deps, registration.phone_number, held)
    known = frozenset(held).difference(key.id for key in withdrawn)  # one may come back before the records are read
    if not can_show(registration, deps.settings.min_app_version):
        return SyncPage([], [], withdrawn, None)
    records = await personalisation.records_for_handset(deps, registration.phone_number, after=after, limit=PAGE)
    last = records[-1].key if len(records) == PAGE else None
    return SyncPage(
        missing=[record for record in records if record.key.id not in known],
        held=[record.key for record in records if record.key.id in known],
        withdrawn=withdrawn,
        cursor=f"{to_ms(last.ends_at)}.{last.id.hex}" if last else None,
    )


async def read_withdrawn(
    deps: Deps, registration: Registration, after: tuple[datetime, UUID] | None
) -> list[RecordKey]:
    """A page of what the handset must drop, if it holds it: those after the (end, id), None to begin."""
    return await personalisation.withdrawn_for_handset(deps, registration.phone_number, after=after, limit=PAGE)


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    ends_ms, _, record_id = cursor.partition(".")
    try:
        after = int(ends_ms), UUID(hex=record_id)
    except ValueError as exc:
        raise InvalidInput("cursor is invalid", field="cursor") from exc
    if not 0 <= after[0] <= LAST_MS:
        raise InvalidInput("cursor is invalid", field="cursor")
    return from_ms(after[0]), after[1]


def own_key(registration: Registration, record: RecordRef) -> RecordKey:
    """The key of a handset's own record. Raises Forbidden for another receiver's, InvalidInput for no key at all."""
    if record.receiver_number != registration.phone_number:
        raise Forbidden("record belongs to another receiver")
    key = record.key()
    if key is None:
        raise InvalidInput("record.ends_at is invalid", field="record.ends_at")
    return key


async def acknowledge(deps: Deps, registration: Registration, records: Sequence[RecordRef]) -> None:
    """Settles records as held, committed on return; none of them if one is another receiver's."""
    await personalisation.acknowledge(deps, [own_key(registration, record) for record in records])


async def resolve(deps: Deps, registration: Registration, body: ResolveBody) -> Resolution:
    """What shows when the caller rings now, and what may be offered afterwards."""
    caller, zone = number_of(body.caller_number, "caller_number", body.region), device_zone(body.time_zone)
    return await resolution.resolve(deps, registration, caller, zone)


async def report_call(deps: Deps, registration: Registration, body: CallBody) -> None:
    """Keeps one fact of a call, committed on return, and logs it."""
    record = own_key(registration, body.record) if body.record else None
    caller = number_of(body.caller_number, "caller_number", body.region)
    details = CallDetails(body.verification, body.duration_s, body.disconnect)
    fact = CallReport(CallId(body.call_id), caller, body.event, body.source, record, details)
    await calls.report(deps, registration.phone_number, fact)
    log.info(
        "call_reported",
        receiver=shorten(registration.phone_number),
        caller=shorten(caller),
        call=str(body.call_id),
        event_type=body.event.value,
        source=body.source.value,
        record=str(record.id) if record else None,
    )


async def call_me_back(deps: Deps, registration: Registration, body: CallMeBackBody) -> None:
    """Keeps what the receiver asks for, committed on return, and logs it; a repeated request id changes nothing."""
    business = number_of(body.business_number, "business_number", body.region)
    alternate = number_of(body.alternate_number, "alternate_number", body.region) if body.alternate_number else None
    asked = NewCallbackRequest(body.request_id, business, body.interested, body.slot, body.sim_unknown, alternate)
    request = await callbacks.request(deps, registration.phone_number, asked)
    log.info(
        "call_back_asked",
        receiver=shorten(registration.phone_number),
        business=shorten(business),
        request=str(request.id),
        interested=request.is_interested,
        with_slot=request.slot_starts_at is not None,
    )


async def answer(deps: Deps, registration: Registration, body: FeedbackBody) -> None:
    """Keeps the receiver's answers, committed on return, and logs it; a call answered about before changes nothing."""
    business = number_of(body.business_number, "business_number", body.region)
    given = [QuestionAnswer(one.question_id, one.answer) for one in body.answers]
    answered = feedback.NewFeedback(CallId(body.call_id), business, body.campaign_id, body.call_type, given)
    stored = await feedback.answer(deps, registration.phone_number, answered)
    log.info(
        "feedback_given",
        receiver=shorten(registration.phone_number),
        business=shorten(business),
        call=str(body.call_id),
        campaign=str(stored.campaign_id),
        answers=len(stored.responses),
    )

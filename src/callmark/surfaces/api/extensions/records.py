"""Records and batches after their push, and what a receiver would see now (docs/extensions.md).

Same tokens, access and errors as the contract's routes. What belongs to another account answers like what does not
exist.
"""

from functools import partial

from callmark.domain import news
from callmark.domain.calls import service as calls
from callmark.domain.ids import BatchId
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.personalisation.handset_messages import Identity
from callmark.domain.personalisation.model import MOST_RECORDS, StoredRecord
from callmark.domain.resolution import service as resolution
from callmark.domain.resolution.model import ListedIdentity
from callmark.domain.signed_calls.service import calls_on_network
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.extensions.records_out import (
    BatchPage,
    CancelledBatch,
    Funnel,
    RecordTimeline,
    ResolveOut,
    ShownIdentity,
    timeline,
    timeline_with_calls,
)
from callmark.surfaces.api.own.request import any_id, id_of
from callmark.surfaces.api.request import ApiRequest, limit_of, whole
from callmark.surfaces.api.waiting import wait_of, wait_until
from callmark.surfaces.http import Response, render


async def record_timeline(request: ApiRequest) -> Response:
    """`GET records/{recordId}`."""
    record = await personalisation.get_record(request.deps, request.account_id, id_of(request, "recordId", any_id))
    return render(await _timeline(request, record))


async def _timeline(request: ApiRequest, record: StoredRecord) -> RecordTimeline:
    shown = await calls.calls_of_record(request.deps, record.key)
    return timeline_with_calls(record, shown, await calls_on_network(request.deps, record.key.id))


async def cancel_record(request: ApiRequest) -> Response:
    """`POST records/{recordId}/cancel`: takes it back from its handset; safe to repeat."""
    record_id, by = id_of(request, "recordId", any_id), await actor_of(request)
    record = await personalisation.withdraw_record(request.deps, request.account_id, record_id, by=by)
    return render(await _timeline(request, record))


async def batch_page(request: ApiRequest) -> Response:
    """`GET batches/{batchId}?after=&limit=&wait_s=`."""
    after = whole(request, "after", -1, least=0, held_at=MOST_RECORDS)
    limit = limit_of(request, MOST_RECORDS, most=MOST_RECORDS)
    batch_id = id_of(request, "batchId", BatchId)
    if wait_of(request):
        look = partial(batches.is_done, request.deps, request.account_id, batch_id)
        await wait_until(request, news.of_batch(batch_id), look, bool)
    page = await batches.read_page(request.deps, request.account_id, batch_id, after=after, limit=limit)
    last = page.records[-1].position if page.records else MOST_RECORDS
    return render(
        BatchPage(
            str(page.batch.id),
            page.batch.record_count,
            iso_ms(page.batch.accepted_at),
            page.is_done,
            [timeline(record) for record in page.records],
            last if last + 1 < page.batch.record_count else None,
        )
    )


async def batch_funnel(request: ApiRequest) -> Response:
    """`GET batches/{batchId}/funnel`."""
    stages = await batches.count_stages(request.deps, request.account_id, id_of(request, "batchId", BatchId))
    told = await calls.count_calls(request.deps, stages.keys)
    return render(
        Funnel(
            str(stages.batch.id),
            stages.accepted,
            stages.valid,
            stages.pushed,
            stages.delivered,
            stages.delivered_late,
            told.shown,
            told.answered,
            told.missed,
            told.rejected,
            told.calls,
            stages.pending,
            stages.withdrawn,
            {outcome.value: count for outcome, count in stages.failures.items()},
        )
    )


async def cancel_batch(request: ApiRequest) -> Response:
    """`POST batches/{batchId}/cancel`: every record whose window has not ended; safe to repeat."""
    batch_id, by = id_of(request, "batchId", BatchId), await actor_of(request)
    done = await batches.withdraw_batch(request.deps, request.account_id, batch_id, by=by)
    return render(
        CancelledBatch(
            str(done.batch.id),
            done.batch.record_count,
            done.withdrawn,
            done.withdrawn_before,
            done.ended,
            done.invalid,
        )
    )


async def resolve(request: ApiRequest) -> Response:
    """`GET resolve?receiver_number=&caller_number=`."""
    receiver, caller = _phone(request, "receiver_number"), _phone(request, "caller_number")
    view = await resolution.resolve_for_account(request.deps, request.account_id, receiver, caller)
    shown = _shown(view.identity) if view.identity else None
    return render(ResolveOut(receiver, caller, view.shows, shown, view.why))


def _shown(identity: Identity | ListedIdentity) -> ShownIdentity:
    of_record = identity if isinstance(identity, Identity) else None
    return ShownIdentity(
        record_id=str(of_record.id) if of_record else None,
        name=identity.name,
        call_reason=identity.call_reason,
        logo_url=identity.logo_url,
        verified=identity.verified,
        starts_at=of_record.starts_at if of_record else None,
        ends_at=of_record.record.ends_at if of_record else None,
    )


def _phone(request: ApiRequest, name: str) -> PhoneNumber:
    text = request.query(name)
    if text is None:
        raise InvalidInput(f"{name} is required", field=name)
    number = parse_loose(text.strip())  # a `+` that was not percent-encoded arrives as a space
    if number is None:
        raise InvalidInput(f"{name} is not a valid phone number", field=name)
    return number

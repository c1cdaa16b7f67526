"""Call personalisation, for people: batches, records, pushing one by hand, files, and what a receiver would see."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmark.domain.access.changes import changing, note
from callmark.domain.access.model import Actor, check
from callmark.domain.accounts import service as accounts
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call, CallCounts
from callmark.domain.deps import Deps
from callmark.domain.drafts import service as drafts
from callmark.domain.drafts.model import FileDraft, Purpose
from callmark.domain.ids import BatchId
from callmark.domain.personalisation import dry_run, service
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.personalisation.batches.model import Stages
from callmark.domain.personalisation.batches.service import Withdrawal
from callmark.domain.personalisation.model import Batch, Outcome, StoredRecord
from callmark.domain.personalisation.search import service as search
from callmark.domain.personalisation.search.service import (
    FoundRecords,
    ListedBatch,
    Place,
    WantedBatches,
    WantedRecords,
)
from callmark.domain.personalisation.uploads import model as upload_model
from callmark.domain.personalisation.uploads import preview as upload_preview
from callmark.domain.personalisation.uploads import service as uploads
from callmark.domain.personalisation.uploads.model import Upload
from callmark.domain.personalisation.uploads.preview import UploadPreview, Wish
from callmark.domain.personalisation.uploads.service import Progress, RowResult
from callmark.domain.personalisation.validation import Faulty, NewRecord
from callmark.domain.policy.model import Action
from callmark.domain.resolution import service as resolution
from callmark.domain.resolution.model import AccountView
from callmark.kit.errors import Forbidden
from callmark.kit.phone import PhoneNumber

RECORD_PAGE = search.PAGE


@dataclass(frozen=True)
class BatchDetails:
    """A batch, how far it is, and a page of its records; `next_after` is the position to go on behind, or None."""

    batch: Batch
    stages: Stages
    calls: CallCounts
    records: list[StoredRecord]
    next_after: int | None


@dataclass(frozen=True)
class RecordDetails:
    """A record and the calls that showed it."""

    record: StoredRecord
    calls: list[Call]


class Refused(Exception):
    """A record that cannot be pushed: everything that is wrong with it."""

    def __init__(self, faults: list[Faulty]) -> None:
        super().__init__(faults)
        self.faults = faults


async def list_batches(
    deps: Deps, actor: Actor, wanted: WantedBatches, after: tuple[datetime, UUID] | None
) -> tuple[list[ListedBatch], tuple[datetime, UUID] | None]:
    """A page of batches and the key of the next. Raises Forbidden."""
    check(actor, Action.RECORDS_VIEW)
    return await search.list_batches(deps, actor.account_id, wanted, after)


async def get_batch(deps: Deps, actor: Actor, batch_id: UUID, outcome: Outcome | None, after: int) -> BatchDetails:
    """A batch with a page of its records of that outcome (None: of any). Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_VIEW)
    account_id, limit = actor.account_id, RECORD_PAGE + 1
    stages = await batches.count_stages(deps, account_id, batch_id)
    told = await calls.count_calls(deps, stages.keys)
    if outcome is None:
        found = (await batches.read_page(deps, account_id, batch_id, after=after, limit=limit)).records
    else:
        found = await search.list_in_batch(deps, account_id, batch_id, outcome, after=after, limit=limit)
    shown = found[:RECORD_PAGE]
    more = shown[-1].position if len(found) > RECORD_PAGE else None
    return BatchDetails(stages.batch, stages, told, shown, more)


async def find_records(deps: Deps, actor: Actor, wanted: WantedRecords, after: Place | None) -> FoundRecords:
    """A page of records. Raises Forbidden."""
    check(actor, Action.RECORDS_VIEW)
    return await search.find_records(deps, actor.account_id, wanted, after)


async def get_record(deps: Deps, actor: Actor, record_id: UUID) -> RecordDetails:
    """One record; calls reported by another handset than its receiver's are left out. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_VIEW)
    record = await service.find_record(deps, actor.account_id, record_id)
    told = await calls.calls_of_record(deps, record.key.id)
    return RecordDetails(record, [call for call in told if call.receiver_number == record.key.receiver_number])


async def withdraw_record(deps: Deps, actor: Actor, record_id: UUID) -> StoredRecord:
    """Takes a record back from its handset. Raises Forbidden, NotFound, Conflict when there is nothing to take back."""
    check(actor, Action.RECORDS_PUSH)
    record = await service.withdraw_record(deps, actor.account_id, record_id)
    await note(deps, actor, "record.withdrawn", record.label_name or "", record_id=str(record_id))
    return record


async def withdraw_batch(deps: Deps, actor: Actor, batch_id: UUID) -> Withdrawal:
    """Takes back every record of a batch whose window has not ended. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_PUSH)
    done = await batches.withdraw_batch(deps, actor.account_id, batch_id)
    await note(deps, actor, "batch.withdrawn", str(batch_id), records=done.withdrawn)
    return done


async def push(deps: Deps, actor: Actor, record: NewRecord, region: str) -> StoredRecord:
    """The record after it was pushed, with its outcome. Raises Forbidden, and Refused with everything wrong with it."""
    check(actor, Action.RECORDS_PUSH)
    await _refuse_suspended(deps, actor)
    rules = upload_model.rules_for(region)
    (faults,) = await dry_run.lint(deps, actor.account_id, rules, [record])
    if faults:
        raise Refused(faults)
    try:
        result = await service.push_now(deps, actor.account_id, rules, record)
    except Faulty as fault:
        raise Refused([fault]) from fault
    (pushed,) = await service.batch_status(deps, actor.account_id, result.batch_id)
    await note(
        deps, actor, "record.pushed", pushed.label_name or "", record_id=str(pushed.key.id), outcome=result.outcome
    )
    return pushed


async def _refuse_suspended(deps: Deps, actor: Actor) -> None:
    """Operators may look after a suspended account, but nothing of it may show (contract D51)."""
    async with deps.db.connection() as tx:
        if await accounts.is_suspended(tx, actor.account_id):
            raise Forbidden("This account is suspended, so handsets cannot show its identity.")


async def resolve(deps: Deps, actor: Actor, receiver: PhoneNumber, caller: PhoneNumber) -> AccountView:
    """What the receiver would see if the caller rang now, and why. Raises Forbidden."""
    check(actor, Action.RECORDS_VIEW)
    return await resolution.resolve_for_account(deps, actor.account_id, receiver, caller)


async def keep_file(
    deps: Deps, actor: Actor, *, file_name: str, content: bytes, choices: Mapping[str, str]
) -> FileDraft:
    """A file of records, kept for a day to be previewed. Raises Forbidden."""
    check(actor, Action.RECORDS_PUSH)
    return await drafts.keep_draft(
        deps,
        actor.account_id,
        Purpose.RECORDS,
        file_name=file_name,
        content=content,
        choices=choices,
        email=actor.email,
    )


async def get_file(deps: Deps, actor: Actor, draft_id: UUID) -> FileDraft:
    """A file that is previewed. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_PUSH)
    return await drafts.get_draft(deps, actor.account_id, draft_id, Purpose.RECORDS)


async def choose(deps: Deps, actor: Actor, draft: FileDraft, choices: Mapping[str, str]) -> None:
    """Keeps what was chosen beside the file. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_PUSH)
    await drafts.choose(deps, draft, choices)


async def give_up(deps: Deps, actor: Actor, draft: FileDraft) -> None:
    """Forgets the file. Raises Forbidden."""
    check(actor, Action.RECORDS_PUSH)
    await drafts.give_up(deps, draft)


async def preview(deps: Deps, actor: Actor, draft: FileDraft, wish: Wish) -> UploadPreview:
    """What the file would push now. Raises Forbidden, InvalidInput."""
    check(actor, Action.RECORDS_PUSH)
    return await upload_preview.preview_upload(deps, actor.account_id, draft.content, wish)


async def upload(deps: Deps, actor: Actor, draft: FileDraft, previewed: UploadPreview, region: str) -> Upload:
    """The upload, once its rows are written; a worker submits them. The draft is gone with it.

    Raises Forbidden, InvalidInput, Conflict when the draft was used meanwhile.
    """
    check(actor, Action.RECORDS_PUSH)
    async with changing(deps, actor) as change:
        await drafts.take_draft(change.tx, draft)
        made = await uploads.submit_upload(
            change.deps,
            actor.account_id,
            rows=previewed.rows,
            file_name=draft.file_name,
            region=region,
            created_by_email=actor.email,
        )
        await change.note("upload.created", made.file_name, upload_id=str(made.id), records=made.row_count)
    await uploads.announce(deps)
    return made


async def batches_of(deps: Deps, actor: Actor, upload_id: UUID) -> list[BatchId]:
    """The batches of an upload, in the order of the file. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_VIEW)
    return await uploads.batches_of(deps, actor.account_id, upload_id)


async def list_uploads(deps: Deps, actor: Actor, after: tuple[datetime, UUID] | None) -> list[Upload]:
    """A page of uploads, newest first, and one more where there are more. Raises Forbidden."""
    check(actor, Action.RECORDS_PUSH)
    return await uploads.list_uploads(deps, actor.account_id, after)


async def read_progress(deps: Deps, actor: Actor, upload_id: UUID) -> Progress:
    """How far an upload is. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_PUSH)
    return await uploads.read_progress(deps, actor.account_id, upload_id)


async def first_faulty(deps: Deps, actor: Actor, upload_id: UUID, limit: int) -> list[RowResult]:
    """The first rows of an upload that were judged bad. Raises Forbidden, NotFound."""
    check(actor, Action.RECORDS_PUSH)
    return await uploads.first_faulty(deps, actor.account_id, upload_id, limit)


def each_result(deps: Deps, actor: Actor, upload_id: UUID) -> AsyncGenerator[list[RowResult]]:
    """Every row of an upload with its record, some at a time. Raises Forbidden; NotFound at the first."""
    check(actor, Action.RECORDS_PUSH)
    return uploads.each_result(deps, actor.account_id, upload_id)

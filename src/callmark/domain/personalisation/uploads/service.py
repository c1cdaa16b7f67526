"""Use cases of uploaded files: rows are written before the upload is answered, then submitted as batches by `jobs`."""

from asyncio import to_thread
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from functools import partial
from itertools import count
from uuid import UUID

from msgspec import Struct

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId, UploadId
from callmark.domain.numbers import number_list_parser
from callmark.domain.personalisation import queries as record_queries
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.personalisation.uploads import parts, queries
from callmark.domain.personalisation.uploads.model import Upload, UploadPart, UploadRow, as_kept
from callmark.domain.policy.model import Actor
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import PreviewedFile
from callmark.domain.work_names import WorkName
from callmark.kit.errors import InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx

PAGE = 25
_UNKNOWN = "no upload with this id in this account"


class UploadProgress(Struct, frozen=True):
    """How far an upload is; `outcomes` of what is submitted."""

    upload: Upload
    outcomes: dict[Outcome, int]

    @property
    def settled(self) -> int:
        """Records that have an outcome, or had one and were deleted since: they are old, or their person's."""
        return max(self.upload.submitted_count - self.outcomes.get(Outcome.PENDING, 0), 0)

    @property
    def is_done(self) -> bool:
        """Whether no record waits for an outcome."""
        return self.settled >= self.upload.row_count


class RowResult(Struct, frozen=True):
    """A row of the file and its record; None until it is submitted, and again once it is deleted."""

    row: UploadRow
    record: StoredRecord | None
    is_submitted: bool

    @property
    def is_deleted(self) -> bool:
        """Whether its record was there, and is no longer."""
        return self.is_submitted and self.record is None and not self.row.fault


async def submit_upload(
    deps: Deps, file: PreviewedFile, rows: Sequence[UploadRow], region: str, *, by: Actor
) -> Upload:
    """The upload of a previewed file, once all its rows are written; `jobs` submit them. The file is gone with it.

    Raises InvalidInput about `region`, or `file` without a record; Conflict when the file was used meanwhile.
    """
    region = number_list_parser.known_region(region)
    written, left_out = await to_thread(_written, rows, region)
    if not written:
        raise InvalidInput("no row of the file is a valid record", field="file")
    now, row_count = deps.clock.now(), len(rows) - left_out
    made = Upload(UploadId(new_id()), file.account_id, file.file_name, region, row_count, 0, by.email, now, left_out)
    async with deps.db.transaction() as tx:
        await previewed_files.take_file(tx, file)
        await queries.insert_upload(tx, made, written, now)
        await audit.note(
            tx,
            by,
            AuditAction.UPLOAD_CREATED,
            made.file_name,
            account_id=made.account_id,
            at=now,
            upload_id=str(made.id),
            records=made.row_count,
        )
        tx.after_commit(partial(deps.wake, WorkName.UPLOADS))
    return made


def _written(rows: Sequence[UploadRow], region: str) -> tuple[list[str], int]:
    """The parts as they are stored, and how many rows are left out."""
    return parts.encoded(as_kept(rows, region)), sum(bool(row.fault) for row in rows)


async def get_upload(deps: Deps, account_id: AccountId, upload_id: UUID) -> Upload:
    """The account's upload. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_upload(tx, account_id, upload_id), _UNKNOWN)


async def list_uploads(deps: Deps, account_id: AccountId, after: tuple[datetime, UUID] | None) -> list[Upload]:
    """A page of the account's uploads, newest first, and one more where there are more."""
    async with deps.db.connection() as tx:
        return await queries.select_uploads(tx, account_id, after, PAGE + 1)


async def read_progress(deps: Deps, account_id: AccountId, upload_id: UUID) -> UploadProgress:
    """How far the upload is. Raises NotFound."""
    async with deps.db.connection() as tx:
        upload = found(await queries.select_upload(tx, account_id, upload_id), _UNKNOWN)
        counts = await queries.count_outcomes(tx, upload.id)
    return UploadProgress(upload, {Outcome(outcome): count for outcome, count in counts.items()})


async def batches_of(deps: Deps, account_id: AccountId, upload_id: UUID) -> list[BatchId]:
    """The batches that the upload was submitted as, so far, in its order. Raises NotFound."""
    async with deps.db.connection() as tx:
        upload = found(await queries.select_upload(tx, account_id, upload_id), _UNKNOWN)
        return await queries.batch_ids(tx, upload.id)


async def each_result(deps: Deps, account_id: AccountId, upload_id: UUID) -> AsyncGenerator[list[RowResult]]:
    """Every row that is kept, and its record, in pieces, in the order of the file. Raises NotFound."""
    upload = await get_upload(deps, account_id, upload_id)
    number = -1
    while True:
        async with deps.db.connection() as tx:  # a connection for each, so that a slow reader holds none
            part = await queries.part_after(tx, upload.id, number)
            if part is None:
                return
            records = await _records_of(tx, part)
        positions = count()
        async for rows in parts.each_piece(deps, upload.id, part):
            yield [
                RowResult(row, None if row.fault else records.get(next(positions)), part.batch_id is not None)
                for row in rows
            ]
        number = part.number


async def first_faulty(deps: Deps, account_id: AccountId, upload_id: UUID, limit: int) -> list[RowResult]:
    """The first rows that were invalid or left out, at most `limit`. Raises NotFound."""
    faulty: list[RowResult] = []
    async for results in each_result(deps, account_id, upload_id):
        faulty += [one for one in results if one.row.fault or (one.record and one.record.outcome is Outcome.INVALID)]
        if len(faulty) >= limit:
            break
    return faulty[:limit]


async def _records_of(tx: Tx, part: UploadPart) -> dict[int, StoredRecord]:
    """The records of the part's batch by their positions."""
    batch = await record_queries.find_batch(tx, part.batch_id) if part.batch_id else None
    records = await record_queries.records_of(tx, batch) if batch else []
    return {record.position: record for record in records}

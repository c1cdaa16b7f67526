"""Call personalisation on the wire: bulk, real time and batch status of v1, v2 and v3.

Source: contract, sections 4 and 5 ("Call Personalisation (Bulk)", "(Real-time)", "Batch status"), D5, D8 to D10.
"""

import msgspec

from callmark.domain.deps import Deps
from callmark.domain.personalisation import accepting, admitted_push, service as personalisation
from callmark.domain.personalisation.admitted_push import ReadPush
from callmark.domain.personalisation.model import Batch, Outcome, StoredRecord
from callmark.domain.personalisation.service import PushResult
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.kit.postgres.database import Transaction
from callmark.record_rules.fields import Fault, Faulty, Field
from callmark.surfaces.api.idempotency import kept, kept_alone
from callmark.surfaces.api.personalisation_out import (
    BatchOut,
    RealTimeOut,
    RecordOutV1,
    RecordOutV2,
    StatusInfo,
    StatusOut,
    UploadedOut,
)
from callmark.surfaces.api.records import (
    CATALOGUE,
    V1,
    Generation,
    fault_text,
    invalid,
    read_batch,
    read_record,
    shown_values,
)
from callmark.surfaces.api.request import ApiRequest, refuse
from callmark.surfaces.api.route import Handler, PushReader
from callmark.surfaces.bodies import as_text
from callmark.surfaces.http import Response, render

_PROCESSED = msgspec.json.encode(RealTimeOut(StatusInfo("success", message="Record processed successfully")))


def push_bulk(generation: Generation) -> Handler:
    """The handler of `POST …/dynamic_call_records`: the records are written, not yet pushed, when it answers."""

    async def handle(request: ApiRequest) -> Response:
        submitted = read_batch(generation, request.body)
        deps = request.deps
        if request.claim is None:
            return answer(await accepting.submit_batch(deps, request.account_id, generation.rules, submitted))

        async def submit(tx: Transaction) -> Response:
            batch = await accepting.submit_batch_in(tx, deps, request.account_id, generation.rules, submitted)
            return await kept(tx, request, answer(batch))

        return await deps.db.in_transaction(submit)

    def answer(batch: Batch) -> Response:
        return render(BatchOut(str(batch.id)) if generation.newer else _uploaded(str(batch.id)))

    return handle


def read_push(generation: Generation) -> PushReader:
    """Reads the body of a real-time push before it is admitted; None for one with a fault, which then comes out."""

    def read(deps: Deps, body: bytes) -> ReadPush | None:
        try:
            return admitted_push.read_push(deps, generation.rules, read_record(generation, as_text(body)))
        except InvalidInput:
            return None

    return read


def push_real_time(generation: Generation) -> Handler:
    """The handler of `POST …/dynamic_call_record`: answers with the outcome of the push (contract D10)."""

    async def handle(request: ApiRequest) -> Response:
        try:
            if request.push:
                result = await admitted_push.carry_out(request.deps, request.push)
            else:
                record = read_record(generation, request.body)
                result = await personalisation.push_now(
                    request.deps, request.account_id, generation.rules, record, claim=request.claim
                )
        except Faulty as bad:
            raise invalid(generation, bad) from bad
        return await kept_alone(request, answer(result))

    def answer(result: PushResult) -> Response:
        if result.outcome is Outcome.SUCCESS:
            return Response(200, _PROCESSED) if generation.newer else render(_uploaded(str(result.batch_id)))
        why = CATALOGUE[result.outcome]
        return render(RealTimeOut(StatusInfo("error", message=why)) if generation.newer else UploadedOut("error", why))

    return handle


def batch_status(generation: Generation) -> Handler:
    """The handler of `GET …/dynamic_call_records?batchId=`: any batch through any generation's path (D33)."""

    async def handle(request: ApiRequest) -> Response:
        text = request.query("batchId")
        if not text:
            raise InvalidInput("batchId is required", field="batchId")
        batch_id = parse_uuid(text)
        if batch_id is None:
            refuse("batchId")
        records = await personalisation.records_of_batch(request.deps, batch_id, request.account_id)
        if not generation.newer:
            return render([_record_v1(record) for record in records])
        data = [_record_v2(generation, record) for record in records]
        return render(StatusOut(str(request.account_id), str(batch_id), data))

    return handle


def _uploaded(batch_id: str) -> UploadedOut:
    return UploadedOut("success", f"Records Uploaded Successfully. BatchID: {batch_id}")


def _record_v1(record: StoredRecord) -> RecordOutV1:
    return RecordOutV1(
        str(record.key.id),
        str(record.account_id),
        str(record.batch_id),
        *shown_values(V1, record),
        status=CATALOGUE[record.outcome].lower() if record.outcome in CATALOGUE else record.outcome,
        created_at=iso_ms(record.accepted_at),
    )


def _record_v2(generation: Generation, record: StoredRecord) -> RecordOutV2:
    return RecordOutV2(
        str(record.key.id),
        *shown_values(generation, record),
        status_info=_status_info(generation, record),
        created_at=iso_ms(record.accepted_at),
    )


def _status_info(generation: Generation, record: StoredRecord) -> StatusInfo:
    if record.outcome is Outcome.INVALID and record.fault_field and record.fault:
        field = Field(record.fault_field)
        text = fault_text(generation, field, Fault(record.fault))
        return StatusInfo("error", field=generation.names[field], message=text)
    if record.outcome in CATALOGUE:
        return StatusInfo("error", message=CATALOGUE[record.outcome])
    return StatusInfo(record.outcome)

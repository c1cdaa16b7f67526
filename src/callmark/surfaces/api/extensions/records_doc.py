"""What the API reference says of records and batches, and of what a receiver would see."""

from typing import Any

from callmark.domain.personalisation.model import MOST_RECORDS
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import BATCH_ID, ENDS_AT, LABEL_ID, STARTS_AT
from callmark.surfaces.api.extensions.records_out import (
    BatchPage,
    CancelledBatch,
    Funnel,
    RecordTimeline,
    ResolveOut,
)
from callmark.surfaces.api.route import Doc, ErrorDoc, ParamDoc
from callmark.surfaces.api.waiting import WAIT_ERRORS, WAIT_PARAM

TAG = "Extensions"

_RECORD_ID = "019b7a2e-5a10-7cc3-9d0e-0d2f6a1b4c55"
_TIMELINE: dict[str, Any] = {
    "record_id": _RECORD_ID,
    "batch_id": BATCH_ID,
    "position": 0,
    "caller_number": "918040001234",
    "receiver_number": "919900112233",
    "label_id": LABEL_ID,
    "label_name": "Acme Deliveries",
    "call_reason": "Your parcel arrives today",
    "starts_at": STARTS_AT,
    "ends_at": ENDS_AT,
    "outcome": "success",
    "first_outcome": None,
    "accepted_at": "2026-01-01T10:00:05.412Z",
    "sent_at": "2026-01-01T10:00:05.431Z",
    "settled_at": "2026-01-01T10:00:05.440Z",
    "delivered_late_at": None,
    "withdrawn_at": None,
    "fault": None,
    "submitted": None,
}
_CALL = {
    "call_id": "4d6a0b57-1f7e-4f0e-8a39-2c1d0e9f8a7b",
    "shown_at": "2026-01-01T10:20:00.118Z",
    "outcome": "missed",
    "ended_at": "2026-01-01T10:20:25.007Z",
}

_UNKNOWN = ErrorDoc(
    404, "not-found", "resource not found", "the id is unknown, belongs to another account, or is not a UUID"
)
_NO_RECORD = ErrorDoc(
    404,
    "not-found",
    "no call record with this id in this account",
    "the id is unknown, belongs to another account, or its record is older than the retention period",
)

RECORD = Doc(
    name="readRecord",
    summary="Get the timeline of a record",
    description=(
        "Returns one call record: its values, its outcome and when each stage happened, and"
        " the calls in which it was shown. Field names are the same for records of every"
        " generation. For an invalid record the values are null, `fault` says what is wrong,"
        " and `submitted` holds what was sent."
    ),
    tag=TAG,
    response=RecordTimeline,
    responses={"Delivered, shown, missed": _TIMELINE | {"calls": [_CALL]}},
    errors=(_NO_RECORD,),
)

CANCEL_RECORD = Doc(
    name="cancelRecord",
    summary="Cancel a record",
    description=(
        "Withdraws a record whose window has not ended. A connected handset drops it at once,"
        " any other handset on its next contact. You can safely repeat the request. A pending"
        " record ends as `failed_to_push`; a delivered record stays `success` and gets a"
        " `withdrawn_at`. The request has no body."
    ),
    tag=TAG,
    response=RecordTimeline,
    responses={"Cancelled": _TIMELINE | {"withdrawn_at": "2026-01-01T10:05:00.000Z", "calls": []}},
    errors=(
        _NO_RECORD,
        conflict("the window of this call record has ended; there is nothing to withdraw", "its window has ended"),
        conflict("this call record is invalid; it was never sent to a handset", "the record is invalid"),
    ),
)

BATCH = Doc(
    name="readBatch",
    summary="Get the timeline of a batch",
    description=(
        "Returns a batch and its records in order of submission, without their calls. To read"
        " all pages, pass `next_after` as `after` until it is null. With `wait_s`, the answer waits until"
        " every record has an outcome."
    ),
    tag=TAG,
    response=BatchPage,
    responses={
        "A batch of one": {
            "batch_id": BATCH_ID,
            "record_count": 1,
            "accepted_at": "2026-01-01T10:00:05.412Z",
            "done": True,
            "records": [_TIMELINE],
            "next_after": None,
        }
    },
    params=(
        ParamDoc(
            "after",
            "`next_after` of the previous page; leave it out for the first page. A number past the last record gives"
            " an empty page.",
            {"type": "integer", "minimum": 0},
        ),
        ParamDoc(
            "limit",
            "Maximum number of records.",
            {"type": "integer", "minimum": 1, "maximum": MOST_RECORDS, "default": MOST_RECORDS},
        ),
        WAIT_PARAM,
    ),
    errors=(
        bad("after is invalid", "not a whole number from 0"),
        bad("limit is invalid", f"not a whole number from 1 to {MOST_RECORDS}"),
        *WAIT_ERRORS,
        _UNKNOWN,
    ),
)

FUNNEL = Doc(
    name="readBatchFunnel",
    summary="Get the funnel of a batch",
    description=(
        "Counts a batch's records by stage: accepted, valid, pushed, delivered, shown, and"
        " then answered, missed or rejected. It also counts why others failed. A record that"
        " was shown in several calls counts once for each way the calls ended. A handset can"
        " fetch and show a record while the call rings, so `shown` can be greater than"
        " `delivered`."
    ),
    tag=TAG,
    response=Funnel,
    responses={
        "A day later": {
            "batch_id": BATCH_ID,
            "accepted": 500,
            "valid": 498,
            "pushed": 471,
            "delivered": 462,
            "delivered_late": 12,
            "shown": 300,
            "answered": 210,
            "missed": 70,
            "rejected": 20,
            "calls": 318,
            "pending": 0,
            "withdrawn": 0,
            "failures": {"invalid": 2, "not_registered": 27, "failed_to_push": 9},
        }
    },
    errors=(_UNKNOWN,),
)

CANCEL_BATCH = Doc(
    name="cancelBatch",
    summary="Cancel a batch",
    description=(
        "Cancels every record of the batch whose window has not ended, as if you cancelled"
        " each one. You can safely repeat the request, also while the batch is being pushed."
        " The request has no body."
    ),
    tag=TAG,
    response=CancelledBatch,
    responses={
        "Cancelled": {
            "batch_id": BATCH_ID,
            "record_count": 500,
            "cancelled": 490,
            "cancelled_before": 0,
            "expired": 8,
            "invalid": 2,
        }
    },
    errors=(_UNKNOWN,),
)

_NUMBER = {"type": "string", "pattern": r"^\+?[1-9][0-9]{6,14}$"}

RESOLVE = Doc(
    name="resolveIdentity",
    summary="Preview what a receiver would see",
    description=(
        "Returns what this receiver's handset would show if this caller rang now, and why: an"
        " open call record, or else the static identity of the listed number. Only this"
        " account's records and numbers are described. If an identity of another account"
        " would be shown, the answer is `other` without details."
    ),
    tag=TAG,
    response=ResolveOut,
    responses={
        "A record shows": {
            "receiver_number": "919900112233",
            "caller_number": "918040001234",
            "shows": "call_record",
            "identity": {
                "record_id": _RECORD_ID,
                "name": "Acme Deliveries",
                "call_reason": "Your parcel arrives today",
                "logo_url": "https://callmark.example/logos/5f0c4a.png",
                "verified": True,
                "starts_at": STARTS_AT,
                "ends_at": ENDS_AT,
            },
            "why": f"call record {_RECORD_ID} is this caller's newest record with an open window",
        },
        "A listed number shows": {
            "receiver_number": "919900112233",
            "caller_number": "918040001234",
            "shows": "listed_number",
            "identity": {
                "record_id": None,
                "name": "Acme Deliveries",
                "call_reason": "About your delivery",
                "logo_url": "https://callmark.example/logos/5f0c4a.png",
                "verified": True,
                "starts_at": None,
                "ends_at": None,
            },
            "why": "the caller's number is listed, and its feature set is published",
        },
        "Nothing shows": {
            "receiver_number": "919900112233",
            "caller_number": "918040001234",
            "shows": "none",
            "identity": None,
            "why": "the receiver has no registered handset",
        },
    },
    params=(
        ParamDoc(
            "receiver_number",
            "The receiver's phone number; `+` is optional.",
            _NUMBER,
            required=True,
            example="919900112233",
        ),
        ParamDoc(
            "caller_number",
            "The caller's phone number; `+` is optional.",
            _NUMBER,
            required=True,
            example="918040001234",
        ),
    ),
    errors=tuple(
        bad(f"{name} {what}", when)
        for name in ("receiver_number", "caller_number")
        for what, when in (("is required", "missing or empty"), ("is not a valid phone number", "not 7 to 15 digits"))
    ),
)

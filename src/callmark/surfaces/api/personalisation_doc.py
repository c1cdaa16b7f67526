"""What the API reference says of call personalisation: the record of each generation, examples, faults.

The Structs here document what `records` reads field by field. Source: contract, sections 4, 5, 10, 11, 14.1; D25, D26.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from callmark.domain.personalisation.model import MOST_RECORDS, Outcome
from callmark.record_rules.characters import CONTROL
from callmark.record_rules.fields import LONGEST_LABEL_NAME, Fault, Field
from callmark.record_rules.reasons import FORBIDDEN_IN_REASON, LONGEST_REASON, SHORTEST_REASON
from callmark.surfaces.api.doc_parts import INSTANT_MS, UUID, Json, bad
from callmark.surfaces.api.example_values import ACCOUNT_ID, BATCH_ID, ENDS_AT, LABEL_ID, STARTS_AT
from callmark.surfaces.api.personalisation_out import BatchOut, RealTimeOut, RecordOutV1, StatusOut, UploadedOut
from callmark.surfaces.api.records import CATALOGUE, NEWER_PREFIX, V1, V2, V3, Generation, fault_text
from callmark.surfaces.api.route import Doc, ErrorDoc, ParamDoc

TAG = "Call personalisation"

_FORBIDDEN = "".join(sorted(FORBIDDEN_IN_REASON, reverse=True)) + CONTROL
"""`_` is first: `^` would turn a class round; and Ruby would read `#$` and `#@` as values to put in."""
_EDGE = f"[^{_FORBIDDEN}., -]"
_REASON = f"^{_EDGE}[^{_FORBIDDEN}]*{_EDGE}$"

ReasonText = Annotated[str, Meta(min_length=SHORTEST_REASON, max_length=LONGEST_REASON, pattern=_REASON)]
Digits = Annotated[str, Meta(pattern="^[1-9][0-9]{6,14}$")]
Loose = Annotated[str, Meta(pattern=r"^\+?[1-9][0-9]{6,14}$")]
E164 = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
UuidText = Annotated[str, Meta(extra_json_schema=UUID)]
_NAME_PATTERN = f"^ *[^ {CONTROL}][^{CONTROL}]*$"
"""Says what ASCII alone can say of contract D52: something besides spaces, and no control character. With the rest
some clients could not be loaded, or would refuse good names (docs/decisions/0015-generated-clients.md)."""
NameV1 = Annotated[str, Meta(max_length=LONGEST_LABEL_NAME, pattern=f"^$|{_NAME_PATTERN}")]
NameV2 = Annotated[str, Meta(min_length=3, max_length=LONGEST_LABEL_NAME, pattern=_NAME_PATTERN)]

_CALLER = Meta(description="The phone number that will call.")
_RECEIVER = Meta(description="The phone number that will be called.")
_LABEL = Meta(description="A dynamic label of this account; supplies logo and category.")
_LABEL_OR_NAME = Meta(
    description="A dynamic label of this account; supplies logo and category. Optional if"
    " `dynamic_label_name` is present: the account's default dynamic label is then used."
)
_NAME = Meta(
    description="The name to show; if absent, the label's name. Characters of any script, at least"
    " one of them visible. Not allowed: control characters, characters that change the"
    " direction of writing, and invisible characters, except joiners where a script or an"
    " emoji needs them."
)
_REASON_SAID = Meta(
    description="Why the call is made; shown below the name. Letters of any script. Not allowed: `! @"
    " # $ % ^ & * ( ) _ + /` anywhere, `. , -` or a space at either end, and characters"
    " that are not allowed in names."
)
_STARTS = Meta(
    description="When the record starts to show, epoch milliseconds. Can be in the past; must be before `ends_at`.",
    extra_json_schema=INSTANT_MS,
)
_ENDS = Meta(
    description="When the record stops showing, epoch milliseconds. Must not be in the past or more"
    " than 24 hours after `starts_at`.",
    extra_json_schema=INSTANT_MS,
)


class CallRecordV1(msgspec.Struct):
    """A call record in the names of the first generation; numbers without `+`."""

    caller: Annotated[Digits, _CALLER]
    receiver: Annotated[Digits, _RECEIVER]
    label_id: Annotated[UuidText, _LABEL]
    starts_at: Annotated[int, _STARTS]
    ends_at: Annotated[int, _ENDS]
    label_name: Annotated[NameV1 | None, _NAME] = None
    call_reason: Annotated[ReasonText | None, _REASON_SAID] = None


class CallRecordV2(msgspec.Struct):
    """A call record of the second generation; a leading `+` is accepted and removed."""

    caller_number: Annotated[Loose, _CALLER]
    receiver_number: Annotated[Loose, _RECEIVER]
    starts_at: Annotated[int, _STARTS]
    ends_at: Annotated[int, _ENDS]
    label_id: Annotated[UuidText | None, _LABEL_OR_NAME] = None
    dynamic_label_name: Annotated[NameV2 | None, _NAME] = None
    dynamic_call_reason: Annotated[ReasonText | None, _REASON_SAID] = None


class CallRecordV3(msgspec.Struct):
    """A call record of the third generation: the names of the second, numbers with `+`."""

    caller_number: Annotated[E164, _CALLER]
    receiver_number: Annotated[E164, _RECEIVER]
    starts_at: Annotated[int, _STARTS]
    ends_at: Annotated[int, _ENDS]
    label_id: Annotated[UuidText | None, _LABEL_OR_NAME] = None
    dynamic_label_name: Annotated[NameV2 | None, _NAME] = None
    dynamic_call_reason: Annotated[ReasonText | None, _REASON_SAID] = None


_LABELLED = Meta(extra_json_schema={"if": {"required": ["label_id"]}, "else": {"required": ["dynamic_label_name"]}})
LabelledV2 = Annotated[CallRecordV2, _LABELLED]
LabelledV3 = Annotated[CallRecordV3, _LABELLED]
_RECORDS = Meta(
    min_length=1,
    max_length=MOST_RECORDS,
    description="Each record is checked on its own. An invalid record does not affect the others; the"
    " batch status says what is wrong with it.",
)


class CallRecordsV1(msgspec.Struct):
    """A batch of the first generation."""

    call_records: Annotated[list[CallRecordV1], _RECORDS]


class CallRecordsV2(msgspec.Struct):
    """A batch of the second generation."""

    call_records: Annotated[list[LabelledV2], _RECORDS]


class CallRecordsV3(msgspec.Struct):
    """A batch of the third generation."""

    call_records: Annotated[list[LabelledV3], _RECORDS]


_NUMBER = {V1: 1, V2: 2, V3: 3}
_RECORD: dict[int, Any] = {1: CallRecordV1, 2: LabelledV2, 3: LabelledV3}
_BATCH: dict[int, type[msgspec.Struct]] = {1: CallRecordsV1, 2: CallRecordsV2, 3: CallRecordsV3}

_BATCH_TEXT = (
    "Accepts up to 500 records and answers as soon as they are stored. They are then"
    " pushed to the receivers' handsets. The batch status shows the outcome of each"
    " record. An invalid record does not make the request fail. Sending the same batch"
    " twice creates two batches."
)
_REAL_TIME_TEXT = (
    "Pushes one record and answers within 3 seconds with its outcome: 200 with the status"
    " `success` if the handset has it; 200 with the status `error` and the reason if it"
    " is valid but could not be pushed; 400 if the record is invalid. Sending the same"
    " record twice creates two records."
)
_STATUS_TEXT = (
    "Returns every record of a batch in the order sent, with its outcome. You can read a"
    " batch through the path of any generation; field names and phone format follow the"
    " path. An invalid record shows its values exactly as they were sent, and `null` for"
    " missing ones. A batch that does not exist has no records."
)


def bulk_doc(generation: Generation) -> Doc:
    """The reference of `POST …/dynamic_call_records`."""
    number = _NUMBER[generation]
    answer = BatchOut(BATCH_ID) if generation.newer else _uploaded()
    return Doc(
        name=f"pushBatchV{number}",
        summary=f"Push up to 500 records (v{number})",
        description=_BATCH_TEXT,
        tag=f"{TAG}, v{number}",
        request=_BATCH[number],
        requests={"One record": {"call_records": [example(generation)]}},
        response=BatchOut if generation.newer else UploadedOut,
        responses={"Accepted": answer},
        errors=[
            _whole(generation, "call_records is required", "`call_records` is missing or null"),
            _whole(
                generation, "call_records is invalid", "it is not an array, or one of its elements is not an object"
            ),
            _whole(
                generation,
                f"call_records must contain between 1 and {MOST_RECORDS} records",
                "the array is empty or too long",
            ),
            _malformed(generation),
        ],
    )


def real_time_doc(generation: Generation) -> Doc:
    """The reference of `POST …/dynamic_call_record`."""
    number = _NUMBER[generation]
    return Doc(
        name=f"pushRecordV{number}",
        summary=f"Push one record in real time (v{number})",
        description=_REAL_TIME_TEXT,
        tag=f"{TAG}, v{number}",
        request=_RECORD[number],
        requests={"A record": example(generation)},
        response=RealTimeOut if generation.newer else UploadedOut,
        responses=_results(generation),
        errors=[*_faults(generation), _malformed(generation)],
    )


def status_doc(generation: Generation) -> Doc:
    """The reference of `GET …/dynamic_call_records`."""
    number = _NUMBER[generation]
    batch_id = ParamDoc("batchId", "The batch id from the answer to the push.", UUID, required=True)
    return Doc(
        name=f"readBatchStatusV{number}",
        summary=f"Get the status of a batch (v{number})",
        description=_STATUS_TEXT,
        tag=f"{TAG}, v{number}",
        response=StatusOut if generation.newer else list[RecordOutV1],
        responses={"A batch": _status(generation)},
        params=[batch_id],
        errors=[
            bad("batchId is required", "the parameter is missing or empty"),
            bad("batchId is invalid", "it is not a UUID"),
        ],
    )


def example(generation: Generation) -> dict[str, Any]:
    """A good record in the names of a generation."""
    plus = "+" if generation.plus else ""
    values = (
        f"{plus}918040001234",
        f"{plus}919900000001",
        LABEL_ID,
        "Acme Deliveries",
        "Your parcel arrives today",
        STARTS_AT,
        ENDS_AT,
    )
    return dict(zip(generation.names.values(), values, strict=True))


def _uploaded() -> dict[str, str]:
    return {"status": "success", "message": f"Records Uploaded Successfully. BatchID: {BATCH_ID}"}


def _results(generation: Generation) -> dict[str, Any]:
    done = {"status": "success", "message": "Record processed successfully"}
    results = {"The handset has the record": {"status_info": done} if generation.newer else _uploaded()}
    for outcome, name in CATALOGUE.items():
        if outcome is not Outcome.INVALID:
            why = {"status": "error", "message": name}
            results[name] = {"status_info": why} if generation.newer else why
    return results


def _status(generation: Generation) -> Json | list[Json]:
    record = {"id": "1a2b3c4d-0000-4000-8000-00000000a001"} | example(generation)
    made = {"created_at": "2026-01-01T10:00:06.120Z"}
    if not generation.newer:
        return [record | {"client_account_id": ACCOUNT_ID, "batch_id": BATCH_ID, "status": "success"} | made]
    text = fault_text(generation, Field.CALL_REASON, Fault.REASON_LENGTH)
    fault = {"status": "error", "field": generation.names[Field.CALL_REASON], "message": text}
    bad_record = record | {"id": "1a2b3c4d-0000-4000-8000-00000000a002", generation.names[Field.CALL_REASON]: "Sale!"}
    data = [record | {"status_info": {"status": "success"}} | made, bad_record | {"status_info": fault} | made]
    return {"client_account_id": ACCOUNT_ID, "batch_id": BATCH_ID, "data": data}


_WHEN = {
    Fault.REQUIRED: "missing, null or empty",
    Fault.INVALID: "wrong JSON type, not a UUID, or a time before 1970 or after the year 9999",
    Fault.PHONE: "not in the phone format of this generation",
    Fault.FOREIGN: "a number that another client has listed or is listing",
    Fault.LABEL: "the label is unknown, static, or belongs to another account",
    Fault.NAME_LENGTH: "wrong length, counted in Unicode code points",
    Fault.NAME_CHARACTERS: "a character that is not allowed, or no visible character",
    Fault.REASON_LENGTH: "wrong length, counted in Unicode code points",
    Fault.REASON_CHARACTERS: "a character that is not allowed",
    Fault.END_PAST: "the window has ended; ten digits are seconds: send milliseconds",
    Fault.END_ORDER: "the window ends before it starts",
    Fault.TOO_LONG: "the window is longer than 24 hours",
}
_FIELDS = {
    Fault.REQUIRED: Field.CALLER,
    Fault.INVALID: Field.STARTS_AT,
    Fault.PHONE: Field.RECEIVER,
    Fault.FOREIGN: Field.CALLER,
    Fault.LABEL: Field.LABEL_ID,
    Fault.NAME_LENGTH: Field.LABEL_NAME,
    Fault.NAME_CHARACTERS: Field.LABEL_NAME,
    Fault.REASON_LENGTH: Field.CALL_REASON,
    Fault.REASON_CHARACTERS: Field.CALL_REASON,
    Fault.END_PAST: Field.ENDS_AT,
    Fault.END_ORDER: Field.ENDS_AT,
    Fault.TOO_LONG: Field.ENDS_AT,
}
"One example field for each fault. Faults are reported one at a time, in the order of the fields."


def _faults(generation: Generation) -> list[ErrorDoc]:
    return [
        _fault(generation, generation.names[field], fault_text(generation, field, fault), _WHEN[fault])
        for fault, field in _FIELDS.items()
    ]


def _whole(generation: Generation, message: str, when: str) -> ErrorDoc:
    prefix = NEWER_PREFIX if generation.newer else ""
    return _fault(generation, "call_records", f"{prefix}{message}", when)


def _malformed(generation: Generation) -> ErrorDoc:
    text = f"{NEWER_PREFIX}malformed JSON" if generation.newer else "request body is invalid"
    return _fault(generation, "", text, "the body is not a JSON object")


def _fault(generation: Generation, field: str, message: str, when: str) -> ErrorDoc:
    return ErrorDoc(400, "", message, when, field) if generation.newer else bad(message, when)

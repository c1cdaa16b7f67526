"""The bodies of records and batches, in one set of names whatever generation a record came by (docs/extensions.md)."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from callmark.domain.calls.model import Call as RealCall
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.signed_calls.model import Verstat
from callmark.domain.signed_calls.service import CallsOnNetwork
from callmark.instants import iso_ms, to_ms
from callmark.record_rules.fields import Fault, Field
from callmark.surfaces.api.doc_parts import DATE_TIME, INSTANT_MS, INT64, UUID
from callmark.surfaces.api.records import CANONICAL, fault_words

_WHEN = {"format": "date-time"}
_ID = {"format": "uuid"}
_OUTCOMES = {"enum": [str(outcome) for outcome in Outcome]}


class FaultInfo(msgspec.Struct):
    """What is wrong with an invalid record."""

    field: Annotated[str, Meta(description="The field at fault.")]
    code: Annotated[str, Meta(description="The kind of fault, for programs.")]
    message: Annotated[str, Meta(description="The fault in words.")]


class CallShown(msgspec.Struct):
    """A call in which the record was shown, as the handset reported it."""

    call_id: Annotated[str, Meta(description="The handset's id of the call.", extra_json_schema=UUID)]
    shown_at: Annotated[str | None, Meta(description="When the identity appeared.", extra_json_schema=_WHEN)]
    outcome: Annotated[
        str | None,
        Meta(description="How the call ended: `answered`, `missed` or `rejected`; null until the handset reports it."),
    ]
    ended_at: Annotated[str | None, Meta(description="When that was reported.", extra_json_schema=_WHEN)]
    verification: Annotated[
        str | None,
        Meta(
            description="What the network said of the caller's number, if the handset knows: `passed`, `failed` or"
            " `none` (not checked)."
        ),
    ] = None
    duration_s: Annotated[int | None, Meta(description="How long they talked, in seconds.")] = None
    disconnect: Annotated[
        str | None, Meta(description="Why the call ended, by Android's names, such as `remote` or `busy`.")
    ] = None


class Timeline(msgspec.Struct, kw_only=True):
    """One call record and its outcome. For an invalid record, only `submitted` has values."""

    record_id: Annotated[str, Meta(description="The record.", extra_json_schema=UUID)]
    batch_id: Annotated[str, Meta(description="The batch it came with.", extra_json_schema=UUID)]
    position: Annotated[int, Meta(description="Position in the batch, starting at 0.", ge=0)]
    caller_number: Annotated[str | None, Meta(description="Country code and digits, no `+`.")]
    receiver_number: Annotated[str | None, Meta(description="Country code and digits, no `+`.")]
    label_id: Annotated[str | None, Meta(description="The label used.", extra_json_schema=_ID)]
    label_name: Annotated[str | None, Meta(description="The name that is shown.")]
    call_reason: Annotated[str | None, Meta(description="The call reason that is shown.")]
    starts_at: Annotated[
        int | None, Meta(description="Start of the window, epoch milliseconds.", extra_json_schema=INT64)
    ]
    ends_at: Annotated[int | None, Meta(description="End of the window, epoch milliseconds.", extra_json_schema=INT64)]
    outcome: Annotated[str, Meta(description="The outcome.", extra_json_schema=_OUTCOMES)]
    first_outcome: Annotated[str | None, Meta(description="The first failure, if the record was delivered late.")]
    accepted_at: Annotated[str, Meta(description="When it was received, UTC.", extra_json_schema=DATE_TIME)]
    sent_at: Annotated[str | None, Meta(description="When it was pushed to its handset.", extra_json_schema=_WHEN)]
    settled_at: Annotated[str | None, Meta(description="When it received its first outcome.", extra_json_schema=_WHEN)]
    delivered_late_at: Annotated[
        str | None, Meta(description="When it was delivered after a first failure.", extra_json_schema=_WHEN)
    ]
    withdrawn_at: Annotated[str | None, Meta(description="When it was cancelled.", extra_json_schema=_WHEN)]
    fault: Annotated[FaultInfo | None, Meta(description="Why it is `invalid`; null for any other outcome.")]
    submitted: Annotated[
        Raw | None,
        Meta(
            description="The values of an invalid record exactly as they were sent, under the names used here.",
            extra_json_schema={"type": ["object", "null"]},
        ),
    ]


class CallSigned(msgspec.Struct):
    """A call on the telephone network that was signed with the record's name."""

    signed_at: Annotated[str, Meta(description="When it was signed.", extra_json_schema=DATE_TIME)]
    attest: Annotated[
        str, Meta(description="How well the caller is known.", extra_json_schema={"enum": ["A", "B", "C"]})
    ]
    origid: Annotated[str, Meta(description="The id in its token.", extra_json_schema=UUID)]


class CallVerified(msgspec.Struct):
    """Such a call, verified where it arrived."""

    verified_at: Annotated[str, Meta(description="When it was verified.", extra_json_schema=DATE_TIME)]
    verstat: Annotated[Verstat, Meta(description="The verdict.")]
    reason_code: Annotated[int | None, Meta(description="Why it failed: a SIP code.")]
    name: Annotated[str | None, Meta(description="The name that the phone was to show.")]


class RecordTimeline(Timeline, kw_only=True):
    """One call record, its outcome, and the calls in which it was shown."""

    calls: Annotated[
        list[CallShown], Meta(description="The calls in which it was shown, in the order in which they were reported.")
    ]
    signed: Annotated[
        list[CallSigned] | UnsetType, Meta(description="Its signed calls, in order; absent if there are none.")
    ] = UNSET
    verified: Annotated[
        list[CallVerified] | UnsetType, Meta(description="Its verified calls, in order; absent if there are none.")
    ] = UNSET


class BatchPage(msgspec.Struct):
    """A batch and some of its records."""

    batch_id: Annotated[str, Meta(description="The batch.", extra_json_schema=UUID)]
    record_count: Annotated[int, Meta(description="How many records it has, 1 to 500.")]
    accepted_at: Annotated[str, Meta(description="When it was received, UTC.", extra_json_schema=DATE_TIME)]
    done: Annotated[bool, Meta(description="Whether every record has an outcome.")]
    records: Annotated[list[Timeline], Meta(description="Its records in the order of submission.")]
    next_after: Annotated[
        int | None, Meta(description="The `after` of the next page; null when this page is the last.")
    ]


class Funnel(msgspec.Struct):
    """How many of a batch's records reached each stage. A record counts in every stage that it passed."""

    batch_id: Annotated[str, Meta(description="The batch.", extra_json_schema=UUID)]
    accepted: Annotated[int, Meta(description="Submitted.")]
    valid: Annotated[int, Meta(description="Valid.")]
    pushed: Annotated[int, Meta(description="Sent to the handset, at once or when it asked.")]
    delivered: Annotated[int, Meta(description="Acknowledged by the handset.")]
    delivered_late: Annotated[int, Meta(description="Delivered after a first failure; included in `delivered`.")]
    shown: Annotated[int, Meta(description="Shown in a call. A record can be shown without an earlier delivery.")]
    answered: Annotated[int, Meta(description="Shown in a call that was answered.")]
    missed: Annotated[int, Meta(description="Shown in a call that was missed.")]
    rejected: Annotated[int, Meta(description="Shown in a call that was rejected.")]
    calls: Annotated[int, Meta(description="Calls in which records of the batch were shown.")]
    pending: Annotated[int, Meta(description="No outcome yet.")]
    withdrawn: Annotated[int, Meta(description="Cancelled.")]
    failures: Annotated[
        dict[str, int], Meta(description="Records that failed, by outcome code; a missing code means 0.")
    ]


class ShownIdentity(msgspec.Struct, kw_only=True):
    """What the screen shows."""

    record_id: Annotated[
        Annotated[str, Meta(extra_json_schema=UUID)] | None,
        Meta(
            description="The call record that the identity comes from; null for the static identity of a listed number."
        ),
    ]
    name: Annotated[str, Meta(description="The name.")]
    call_reason: Annotated[str | None, Meta(description="The reason of the call.")]
    logo_url: Annotated[str, Meta(description="A square PNG that never changes.", extra_json_schema={"format": "uri"})]
    verified: Annotated[bool, Meta(description="Whether the verified badge is shown.")]
    starts_at: Annotated[
        Annotated[int, Meta(extra_json_schema=INSTANT_MS)] | None,
        Meta(description="Start of the window, epoch milliseconds; null for a listed number."),
    ]
    ends_at: Annotated[
        Annotated[int, Meta(extra_json_schema=INSTANT_MS)] | None,
        Meta(description="End of the window, epoch milliseconds; null for a listed number."),
    ]


class ResolveOut(msgspec.Struct):
    """What the receiver would see if the caller rang now."""

    receiver_number: Annotated[str, Meta(description="Country code and digits, no `+`.")]
    caller_number: Annotated[str, Meta(description="Country code and digits, no `+`.")]
    shows: Annotated[
        str,
        Meta(
            description=(
                "`call_record`: a record of this account. `listed_number`: the static identity of a"
                " number that this account has listed. `other`: an identity of another account."
                " `none`: nothing."
            ),
            extra_json_schema={"enum": ["call_record", "listed_number", "other", "none"]},
        ),
    ]
    identity: Annotated[
        ShownIdentity | None, Meta(description="The identity that is shown; null unless it belongs to this account.")
    ]
    why: Annotated[str, Meta(description="The reason, in words.")]


class CancelledBatch(msgspec.Struct):
    """What cancelling a batch did to each of its records; the four counts add up to `record_count`."""

    batch_id: Annotated[str, Meta(description="The batch.", extra_json_schema=UUID)]
    record_count: Annotated[int, Meta(description="How many records it has.")]
    cancelled: Annotated[int, Meta(description="Cancelled by this request.")]
    cancelled_before: Annotated[int, Meta(description="Cancelled by an earlier request.")]
    expired: Annotated[int, Meta(description="Not cancelled: their window has ended.")]
    invalid: Annotated[int, Meta(description="Not cancelled: they are invalid.")]


def timeline(record: StoredRecord) -> Timeline:
    """A record as a batch's page shows it."""
    is_good = record.outcome is not Outcome.INVALID
    return Timeline(
        record_id=str(record.key.id),
        batch_id=str(record.batch_id),
        position=record.position,
        caller_number=record.caller_number,
        receiver_number=record.key.receiver_number if is_good else None,
        label_id=str(record.label_id) if record.label_id else None,
        label_name=record.label_name,
        call_reason=record.call_reason,
        starts_at=to_ms(record.starts_at) if record.starts_at else None,
        ends_at=to_ms(record.key.ends_at) if is_good else None,
        outcome=record.outcome,
        first_outcome=record.first_outcome,
        accepted_at=iso_ms(record.accepted_at),
        sent_at=_iso(record.sent_at),
        settled_at=_iso(record.settled_at),
        delivered_late_at=_iso(record.delivered_late_at),
        withdrawn_at=_iso(record.withdrawn_at),
        fault=_fault(record),
        submitted=_submitted(record),
    )


def timeline_with_calls(record: StoredRecord, calls: list[RealCall], network: CallsOnNetwork) -> RecordTimeline:
    """A record with the calls it was shown in."""
    facts = msgspec.structs.asdict(timeline(record))
    shown = [
        CallShown(
            str(call.id),
            _iso(call.shown_at),
            call.outcome,
            _iso(call.ended_at),
            call.details.verification,
            call.details.duration_s,
            call.details.disconnect,
        )
        for call in calls
    ]
    signed = [CallSigned(iso_ms(one.signed_at), one.attest.value, str(one.origid)) for one in network.signed]
    verified = [
        CallVerified(iso_ms(one.verified_at), one.verstat, one.reason_code, one.name) for one in network.verified
    ]
    return RecordTimeline(**facts, calls=shown, signed=signed or UNSET, verified=verified or UNSET)


def _fault(record: StoredRecord) -> FaultInfo | None:
    if not (record.fault_field and record.fault):
        return None
    field, fault = Field(record.fault_field), Fault(record.fault)
    return FaultInfo(CANONICAL.names[field], fault, fault_words(CANONICAL, field, fault))


def _submitted(record: StoredRecord) -> Raw | None:
    if record.submitted is None:
        return None
    sent = record.sent
    return Raw(msgspec.json.encode({name: sent[field] for field, name in CANONICAL.names.items() if field in sent}))


def _iso(instant: datetime | None) -> str | None:
    return iso_ms(instant) if instant else None

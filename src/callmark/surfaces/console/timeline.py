"""A record's life as lines in the order of time. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from callmark.domain.calls.model import Call, CallDetails, CallEvent, Verification
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.signed_calls.model import SignedCall, VerifiedCall, Verstat
from callmark.domain.signed_calls.service import CallsOnNetwork
from callmark.surfaces.console import display_names, network_names

_END_ICONS = {CallEvent.ANSWERED: "phone-call", CallEvent.MISSED: "phone-off", CallEvent.REJECTED: "ban"}
_NO_CALLS = CallsOnNetwork([], [])
_ASLEEP = "The handset was not connected. The push service was asked to wake its app."


class Moment(Struct, frozen=True):
    """Something that happened, or will (`is_ahead`)."""

    at: datetime
    icon: str
    colour: str
    title: str
    text: str = ""
    is_ahead: bool = False


def arrived_at(record: StoredRecord) -> datetime:
    """When the handset had it; the end of its window if it never has."""
    in_time = record.settled_at if (record.first_outcome or record.outcome) is Outcome.SUCCESS else None
    return in_time or record.delivered_late_at or record.key.ends_at


def timeline(
    record: StoredRecord,
    calls: Sequence[Call],
    now: datetime,
    wake_ups: Sequence[datetime] = (),
    network: CallsOnNetwork = _NO_CALLS,
) -> list[Moment]:
    """From its acceptance to the end of its window; `wake_ups` are those of its receiver until it arrived."""
    moments = [
        *_pushing(record),
        *(Moment(at, "bell", "blue", "Wake-up sent", _ASLEEP) for at in wake_ups),
        *_window(record, now),
        *map(_signed, network.signed),
        *map(_verified, network.verified),
        *(one for call in calls for one in _shown(call)),
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _pushing(record: StoredRecord) -> Iterator[Moment]:
    yield Moment(record.accepted_at, "inbox", "blue", "Accepted", _open_at_once(record))
    if record.outcome is Outcome.INVALID:
        fault = display_names.fault(record.fault_field, record.fault)
        yield Moment(record.accepted_at, "alert-circle", "red", "Found invalid", f"{fault}.")
        return
    if record.sent_at:
        yield Moment(record.sent_at, "send", "blue", "Sent to the handset")
    first = record.first_outcome or record.outcome
    if record.settled_at and not (record.withdrawn_at and record.settled_at == record.withdrawn_at):
        text = display_names.OUTCOME_HINTS[first]
        yield Moment(
            record.settled_at,
            "circle-check" if first is Outcome.SUCCESS else "alert-triangle",
            display_names.OUTCOME_COLOURS[first],
            display_names.OUTCOMES[first],
            f"{text[:1].upper()}{text[1:]}.",
        )
    if record.delivered_late_at:
        late = "The handset received it when it reconnected."
        yield Moment(record.delivered_late_at, "circle-check", "green", "Delivered late", late)
    if record.withdrawn_at:
        yield Moment(record.withdrawn_at, "rotate", "orange", "Withdrawn", "It no longer shows.")


def _open_at_once(record: StoredRecord) -> str:
    """A window that was open already has no line of its own."""
    return "This is when its window opens." if record.starts_at and record.starts_at <= record.accepted_at else ""


def _window(record: StoredRecord, now: datetime) -> Iterator[Moment]:
    if record.outcome is Outcome.INVALID or record.withdrawn_at:
        return
    if record.starts_at and record.starts_at > record.accepted_at:
        text = "It shows when the caller rings from now on."
        yield Moment(record.starts_at, "clock", "blue", "Window opens", text, is_ahead=record.starts_at > now)
    yield Moment(record.key.ends_at, "clock", "secondary", "Window ends", is_ahead=record.key.ends_at > now)


def _signed(call: SignedCall) -> Moment:
    return Moment(
        call.signed_at, "certificate", "blue", "Signed", f"The call was signed with attestation {call.attest.value}."
    )


def _verified(call: VerifiedCall) -> Moment:
    if call.verstat is Verstat.PASSED:
        shows = "may show the name" if call.name else "shows no name"
        return Moment(call.verified_at, "circle-check", "green", "Verified", f"The receiver's phone {shows}.")
    return Moment(call.verified_at, "alert-triangle", "red", "Not verified", network_names.reason(call))


def _shown(call: Call) -> Iterator[Moment]:
    if call.shown_at:
        yield Moment(call.shown_at, "eye", "green", "Shown", "The receiver saw it during the call.")
    if call.outcome and call.ended_at:
        icon, colour = _END_ICONS[call.outcome], network_names.END_COLOURS[call.outcome]
        title = network_names.ENDS[call.outcome]
        yield Moment(call.ended_at, icon, colour, title, _details(call.details))


def _details(details: CallDetails) -> str:
    """What the handset said beside how the call ended; empty when it said nothing."""
    network = {
        Verification.PASSED: "The network verified the caller's number.",
        Verification.FAILED: "The network could not verify the caller's number.",
    }
    talked = f"They talked for {details.duration_s} s." if details.duration_s else ""
    said = network.get(details.verification, "") if details.verification else ""
    return " ".join(part for part in (talked, said) if part)

"""The JSON of the gateway protocol (`docs/gateway.md`), in and out. Nothing but shapes."""

from collections.abc import Callable
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from callmark.broken_json import NOT_JSON
from callmark.domain.calls.model import CallEvent, CallSource, Disconnect, Verification
from callmark.domain.feedback.model import MOST_QUESTIONS, CallType
from callmark.domain.handsets.model import OS, PushService
from callmark.domain.personalisation.handset_messages import CallerNumber, Identity, RecordRef
from callmark.domain.resolution.model import ListedIdentity, Offers
from callmark.kit.errors import AppError, InvalidInput
from callmark.kit.ids import new_id
from callmark.surfaces.bodies import check_nul, decode

PING_S = 20
SILENCE_S = 45
FRAME_BYTES = 16 * 1024
ACK_BODY_BYTES = 32 * 1024
FEEDBACK_BODY_BYTES = 64 * 1024
"""Ten answers of the greatest length in any script (a stream's frame has to do with fewer or shorter ones)."""

MOST_FROM_SERVER_BYTES = 256 * 1024
"""What a handset should bear: a week of slots and two campaigns' questions of the greatest length, and room."""

MOST_IDS_A_SYNC = 200
MOST_ACKS = 200

Body = TypeVar("Body")
FrameId = Annotated[
    str, Meta(description="The frame's id, made by the handset; answers have it in `re`.", min_length=1, max_length=64)
]
ShortText = Annotated[str, Meta(max_length=64)]
Region = Annotated[
    Annotated[str, Meta(pattern=r"^([A-Za-z]{2})?$")] | None,
    Meta(
        description="The country in whose form numbers without `+` stand, two letters. Null: they begin with their"
        " country code. Empty: nobody knows, and they are refused."
    ),
]
_ServerId = Annotated[UUID, Meta(description="The frame's id.")]
_Answered = Annotated[str, Meta(description="The `id` of the frame that this answers.")]
_Generation = Annotated[int, Meta(description="How often the number has been registered.")]
_Now = Annotated[int, Meta(description="The product clock, epoch milliseconds.", extra_json_schema={"format": "int64"})]
_Shown = Annotated[Identity | ListedIdentity | None, Meta(description="What shows; null for the bare number.")]
_Trace = Annotated[str | None, Meta(description="The trace that it belongs to, by W3C Trace Context.")]
_CURSOR = "Goes into the next request for the next page; null at the beginning and the end."

# fields that the emulator's control API has, too
BusinessNumber = Annotated[str, Meta(description="The number that had called. Country code and digits.")]
OwnNumber = Annotated[str, Meta(description="Its phone number. Country code and digits.")]
CallId = Annotated[UUID, Meta(description="The call; the handset makes an id for each.")]
RequestId = Annotated[
    UUID, Meta(description="An id that the handset makes for each request; repeated, it changes nothing.")
]
Interested = Annotated[bool, Meta(description="Whether the receiver wants to be called back.")]
SimUnknown = Annotated[bool, Meta(description="Whether the call came to a SIM whose number is not known.")]
Answer = Annotated[str, Meta(description="One of the question's options, a rating from `1` to `5`, or free text.")]
Source = Annotated[CallSource, Meta(description="Where the identity comes from.")]
Why = Annotated[str, Meta(description="Why it is what it is, for people; do not compare it.")]
AfterTheCall = Annotated[Offers, Meta(description="What the screen may offer after the call.")]
ALTERNATE_NUMBER = "Another number to be called at; null or empty for none."
ANSWERS = "What is said to each question, at least one."
APP_VERSION = "One to four whole numbers joined by dots; what follows them, as in `4.2.0-beta1`, does not count."
SLOT = "One of the offered slots as it was given; null without a slot picker or without interest."

MOST_DURATION_S = 7 * 86_400


# from the handset: each verb's body, as plain HTTP sends it, and the frame that adds type and id --------------------


class SyncBody(Struct, kw_only=True, frozen=True):
    """What the handset holds, and where to continue."""

    held: Annotated[
        list[UUID],
        Meta(
            description="Ids of records that the handset holds; they count as acknowledged.", max_length=MOST_IDS_A_SYNC
        ),
    ] = []
    cursor: Annotated[Annotated[str, Meta(max_length=64)] | None, Meta(description=_CURSOR)] = None


class ResolveBody(Struct, kw_only=True, frozen=True):
    """Who is ringing."""

    caller_number: Annotated[CallerNumber, Meta(max_length=64)]
    region: Region = None
    time_zone: Annotated[
        ShortText, Meta(description="The handset's own, by name or as an offset from UTC: slots are written in it.")
    ] = "UTC"


class CallBody(Struct, kw_only=True, frozen=True):
    """One fact of a real call. The last three are as Android gives them, in any report of the call."""

    call_id: CallId
    caller_number: Annotated[CallerNumber, Meta(max_length=64)]
    region: Region = None
    event: Annotated[CallEvent, Meta(description="What happened.")]
    source: Source
    record: Annotated[RecordRef | None, Meta(description="The call record; null for another source.")] = None
    verification: Annotated[
        Verification | None,
        Meta(description="What the network said of the caller's number; null where the handset cannot tell."),
    ] = None
    duration_s: Annotated[
        Annotated[int, Meta(ge=0, le=MOST_DURATION_S)] | None, Meta(description="How long they talked, in seconds.")
    ] = None
    disconnect: Annotated[Disconnect | None, Meta(description="Why the call ended, by Android's names.")] = None


class CallMeBackBody(Struct, kw_only=True, frozen=True):
    """The receiver asks to be called back, or says that they are not interested."""

    request_id: RequestId
    business_number: Annotated[BusinessNumber, Meta(max_length=64)]
    region: Region = None
    interested: Interested = True
    slot: Annotated[ShortText | None, Meta(description=SLOT)] = None
    sim_unknown: SimUnknown = False
    alternate_number: Annotated[ShortText | None, Meta(description=ALTERNATE_NUMBER)] = None


class AnswerBody(Struct, frozen=True):
    """What the receiver says to one question."""

    question_id: Annotated[UUID, Meta(description="The question, as offered.")]
    answer: Answer


class FeedbackBody(Struct, kw_only=True, frozen=True):
    """What the receiver answers to a campaign after the call `call_id`, which has been reported."""

    call_id: CallId
    business_number: Annotated[BusinessNumber, Meta(max_length=64)]
    region: Region = None
    campaign_id: Annotated[UUID, Meta(description="The campaign, as offered.")]
    call_type: Annotated[CallType, Meta(description="How the call ended.")]
    answers: Annotated[list[AnswerBody], Meta(description=ANSWERS, max_length=MOST_QUESTIONS)]


class AckBody(Struct, kw_only=True, frozen=True):
    """Records that the handset holds."""

    records: Annotated[
        list[RecordRef],
        Meta(description="References as they came with the records.", min_length=1, max_length=MOST_ACKS),
    ]


class RegistrationBody(Struct, kw_only=True, frozen=True):
    """A handset that wants to be reached."""

    phone_number: Annotated[OwnNumber, Meta(max_length=64)]
    region: Region = None
    os: Annotated[OS, Meta(description="What it runs.")]
    app_version: Annotated[ShortText, Meta(description=APP_VERSION)]
    push_service: Annotated[
        PushService | None, Meta(description="Through what the app is woken, `fcm`; null: it is not woken.")
    ] = None
    push_token: Annotated[
        Annotated[str, Meta(min_length=1, max_length=4096)] | None,
        Meta(description="The app's token there; required with `push_service`."),
    ] = None


class AckFrame(Struct, kw_only=True, frozen=True, tag="ack"):
    """One record that the handset holds."""

    id: FrameId
    record: Annotated[RecordRef, Meta(description="The reference as it came with the record.")]


class SyncFrame(SyncBody, kw_only=True, frozen=True, tag="sync"):
    """See SyncBody."""

    id: FrameId


class ResolveFrame(ResolveBody, kw_only=True, frozen=True, tag="resolve"):
    """See ResolveBody."""

    id: FrameId


class CallFrame(CallBody, kw_only=True, frozen=True, tag="call"):
    """See CallBody."""

    id: FrameId


class CallMeBackFrame(CallMeBackBody, kw_only=True, frozen=True, tag="call_me_back"):
    """See CallMeBackBody."""

    id: FrameId
    traceparent: _Trace = None


class FeedbackFrame(FeedbackBody, kw_only=True, frozen=True, tag="feedback"):
    """See FeedbackBody."""

    id: FrameId
    traceparent: _Trace = None


HandsetFrame = AckFrame | SyncFrame | ResolveFrame | CallFrame | CallMeBackFrame | FeedbackFrame


# to the handset (identity and withdraw: domain/personalisation/handset_messages.py) -----------------------------------


class Welcome(Struct, frozen=True, tag="welcome"):
    """The first frame on every stream."""

    id: _ServerId
    phone_number: OwnNumber
    generation: _Generation
    now: _Now
    ping_s: Annotated[int, Meta(description="Seconds between the server's pings.")] = PING_S


class Synced(Struct, frozen=True, tag="synced"):
    """One page has been sent."""

    id: _ServerId
    re: _Answered
    cursor: Annotated[str | None, Meta(description=_CURSOR)]


class Resolved(Struct, frozen=True, tag="resolved"):
    """The answer to `resolve`."""

    id: _ServerId
    re: _Answered
    caller_number: CallerNumber
    identity: _Shown
    source: Source
    why: Why
    offers: AfterTheCall


class Received(Struct, frozen=True, tag="received"):
    """The `call`, `call_me_back` or `feedback` frame with the id `re` is stored."""

    id: _ServerId
    re: _Answered


class Failed(Struct, frozen=True, tag="error"):
    """A frame failed."""

    id: _ServerId
    re: Annotated[str | None, Meta(description="The `id` of the frame; null if it could not be read.")]
    slug: Annotated[str, Meta(description="The cause, for machines.")]
    message: Annotated[str, Meta(description="The cause, for people.")]


# the answers of plain HTTP ------------------------------------------------------------------------------------------


class SyncAnswer(Struct, frozen=True):
    """One page of a sync."""

    now: _Now
    identities: Annotated[list[Identity], Meta(description="Call records that the handset lacks.")]
    withdrawn: Annotated[list[RecordRef], Meta(description="Records that must no longer be shown.")]
    cursor: Annotated[str | None, Meta(description=_CURSOR)]


class ResolveAnswer(Struct, frozen=True):
    """What to show for the caller, and what may be offered after the call."""

    caller_number: CallerNumber
    identity: _Shown
    source: Source
    why: Why
    offers: AfterTheCall


class RegistrationAnswer(Struct, frozen=True):
    """A registration and its token, shown once."""

    phone_number: OwnNumber
    generation: _Generation
    token: Annotated[str, Meta(description="The handset's token, shown this once.")]


class _OnlyId(Struct, frozen=True):
    id: FrameId


_frames = msgspec.json.Decoder(HandsetFrame)
_LONGEST_ACK = 512  # of those that are worth the direct path
_acks = msgspec.json.Decoder(AckFrame)
_only_id = msgspec.json.Decoder(_OnlyId)
_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def decode_frame(data: str) -> HandsetFrame:
    """The handset's frame. Raises InvalidInput that names the field at fault."""
    try:
        return _decoded(_frames.decode, _bytes(data))
    except NOT_JSON as exc:
        raise explain(exc, "frame") from exc


def decode_ack(data: bytes) -> AckFrame | None:
    """The frame if it is a proper acknowledgement, else None."""
    if len(data) > _LONGEST_ACK or b'"ack"' not in data:
        return None
    try:
        return _acks.decode(data)
    except NOT_JSON:
        return None


def frame_id(data: str) -> str | None:
    """The id of a frame that could not be decoded, if that much can be read."""
    try:
        return decode(_only_id.decode, _bytes(data)).id
    except NOT_JSON:
        return None


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")


def failure(re: str | None, error: AppError) -> Failed:
    """The error frame that answers frame `re`."""
    return Failed(new_id(), re, error.slug, error.message)


def decode_body(kind: type[Body], data: bytes) -> Body:
    """The body as `kind`. Raises InvalidInput that names the field at fault."""
    try:
        return _decoded(msgspec.json.Decoder(kind).decode, data)
    except NOT_JSON as exc:
        raise explain(exc) from exc


def _decoded(decoder: Callable[[bytes], Body], data: bytes) -> Body:
    """Half of a surrogate pair in what someone has typed is kept as U+FFFD: an app could only drop the whole answer."""
    value = decode(decoder, data)
    if b"\\u0000" in data:
        check_nul(value)
    return value


def explain(exc: Exception, whole: str = "request body") -> InvalidInput:
    """What is wrong with the JSON, in the contract's words (D2); `whole` is what it is called as a whole."""
    if not isinstance(exc, msgspec.ValidationError):
        return InvalidInput(f"{whole} is invalid")
    what, _, path = str(exc).partition(" - at `$")
    parts = [part.partition("[")[0] for part in path.rstrip("`").lstrip(".").split(".")] if path else []
    missing = what.partition("missing required field `")[2].rstrip("`")
    field = ".".join([part for part in [*parts, missing] if part])
    if not field:
        return InvalidInput(f"{whole} is invalid")
    return InvalidInput(f"{field} is required" if missing else f"{field} is invalid", field=field)

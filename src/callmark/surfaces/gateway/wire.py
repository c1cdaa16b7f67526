"""The JSON of the gateway protocol (`docs/gateway.md`), in and out. Nothing but shapes."""

from collections.abc import Callable
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from callmark.domain.calls.model import CallEvent, CallSource, Disconnect, Verification
from callmark.domain.feedback.model import MOST_QUESTIONS, CallType
from callmark.domain.handsets.model import OS, PushService
from callmark.domain.personalisation.handset_messages import Identity, RecordRef
from callmark.domain.resolution.model import ListedIdentity, Offers
from callmark.kit.errors import AppError, InvalidInput
from callmark.kit.ids import new_id
from callmark.surfaces.bodies import NOT_JSON, check_nul, decode

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
FrameId = Annotated[str, Meta(min_length=1, max_length=64)]
Held = Annotated[list[UUID], Meta(max_length=MOST_IDS_A_SYNC)]
ShortText = Annotated[str, Meta(max_length=64)]
Region = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$")]
"""The country whose national form numbers of a body may have; ISO 3166, two letters."""

MOST_DURATION_S = 7 * 86_400


# from the handset: each verb's body, as plain HTTP sends it, and the frame that adds type and id --------------------


class SyncBody(Struct, kw_only=True, frozen=True):
    """What the handset holds; the cursor of the page before, None to begin."""

    held: Held = []
    cursor: Annotated[str, Meta(max_length=64)] | None = None


class ResolveBody(Struct, kw_only=True, frozen=True):
    """Who is ringing. `time_zone` is the handset's own, by name or as an offset from UTC: slots are written in it."""

    caller_number: ShortText
    region: Region | None = None
    time_zone: ShortText = "UTC"


class CallBody(Struct, kw_only=True, frozen=True):
    """One fact of a real call. The last three are as Android gives them, in any report of the call."""

    call_id: UUID
    caller_number: ShortText
    region: Region | None = None
    event: CallEvent
    source: CallSource
    record: RecordRef | None = None
    verification: Verification | None = None
    duration_s: Annotated[int, Meta(ge=0, le=MOST_DURATION_S)] | None = None
    disconnect: Disconnect | None = None


class CallMeBackBody(Struct, kw_only=True, frozen=True):
    """The receiver asks to be called back, or says that they are not interested. `request_id` of the handset's making.

    `slot` is one of the offered ones as it was given.
    """

    request_id: UUID
    business_number: ShortText
    region: Region | None = None
    interested: bool = True
    slot: ShortText | None = None
    sim_unknown: bool = False
    alternate_number: ShortText | None = None


class AnswerBody(Struct, frozen=True):
    """What the receiver says to one question: an option, a rating from "1" to "5", or free text."""

    question_id: UUID
    answer: str


class FeedbackBody(Struct, kw_only=True, frozen=True):
    """What the receiver answers to a campaign after the call `call_id`, which has been reported."""

    call_id: UUID
    business_number: ShortText
    region: Region | None = None
    campaign_id: UUID
    call_type: CallType
    answers: Annotated[list[AnswerBody], Meta(max_length=MOST_QUESTIONS)]


class AckBody(Struct, kw_only=True, frozen=True):
    """Records that the handset holds (plain HTTP only; the frame names one)."""

    records: Annotated[list[RecordRef], Meta(min_length=1, max_length=MOST_ACKS)]


class RegistrationBody(Struct, kw_only=True, frozen=True):
    """A handset that wants to be reached."""

    phone_number: ShortText
    region: Region | None = None
    os: OS
    app_version: ShortText
    push_service: PushService | None = None
    push_token: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None


class AckFrame(Struct, kw_only=True, frozen=True, tag="ack"):
    """One record that the handset holds."""

    id: FrameId
    record: RecordRef


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
    traceparent: str | None = None


class FeedbackFrame(FeedbackBody, kw_only=True, frozen=True, tag="feedback"):
    """See FeedbackBody."""

    id: FrameId
    traceparent: str | None = None


HandsetFrame = AckFrame | SyncFrame | ResolveFrame | CallFrame | CallMeBackFrame | FeedbackFrame


# to the handset (identity and withdraw: domain/personalisation/handset_messages.py) -----------------------------------


class Welcome(Struct, frozen=True, tag="welcome"):
    """The first frame on every stream; `now` is the product clock in milliseconds."""

    id: UUID
    phone_number: str
    generation: int
    now: int
    ping_s: int = PING_S


class Synced(Struct, frozen=True, tag="synced"):
    """One page has been sent."""

    id: UUID
    re: str
    cursor: str | None


class Resolved(Struct, frozen=True, tag="resolved"):
    """The answer to `resolve`."""

    id: UUID
    re: str
    caller_number: str
    identity: Identity | ListedIdentity | None
    source: CallSource
    why: str
    offers: Offers


class Received(Struct, frozen=True, tag="received"):
    """The `call`, `call_me_back` or `feedback` frame with the id `re` is stored."""

    id: UUID
    re: str


class Failed(Struct, frozen=True, tag="error"):
    """A frame failed."""

    id: UUID
    re: str | None
    slug: str
    message: str


# the answers of plain HTTP ------------------------------------------------------------------------------------------


class SyncAnswer(Struct, frozen=True):
    """One page; `now` is the product clock in milliseconds."""

    now: int
    identities: list[Identity]
    withdrawn: list[RecordRef]
    cursor: str | None


class ResolveAnswer(Struct, frozen=True):
    """As `Resolved`, without type, id and re."""

    caller_number: str
    identity: Identity | ListedIdentity | None
    source: CallSource
    why: str
    offers: Offers


class RegistrationAnswer(Struct, frozen=True):
    """A registration and its token, shown once."""

    phone_number: str
    generation: int
    token: str


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

"""The AsyncAPI 3.0 document of the handset stream, made from the Structs of the gateway's frames."""

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from msgspec import Struct

from callmark.domain.personalisation.handset_messages import Identity, Withdraw
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.gateway import wire
from callmark.surfaces.reference.components import component_schemas

CLOSE_CODES = {
    1009: "a frame was larger than 16 KiB",
    1011: "no pong for 45 s; connect again",
    1012: "the gateway restarts; connect again",
    1013: "the server cannot serve the stream now, or the handset reads too slowly; connect again later",
    4400: "ten frames on this stream were invalid",
    4401: "the token is missing, unknown, forgotten or revoked; register again",
    4409: "a newer stream with the same token replaced this one",
    4410: "the number was registered on another device; delete all records that you hold",
}
_SLUGS = {
    "invalid-input": "correct the frame",
    "forbidden-error": "the record belongs to another receiver; delete it",
    "conflict": "the call has not been reported, the campaign is no longer live, or a limit of 24 hours is reached",
    "service-unavailable": "send it again after a second or more",
    "internal-server-error": "send it again later, a few times at most",
}

RECORD = {
    "id": "019b7a2e-5a10-7cc3-9d0e-0d2f6a1b4c55",
    "receiver_number": "919900000001",
    "ends_at": 1_767_272_400_000,
}
_SERVER_ID = "019b7a31-0a10-7cc3-9d0e-0d2f6a1b4c77"
IDENTITY = {
    "type": "identity",
    "id": RECORD["id"],
    "record": RECORD,
    "caller_number": "918040001234",
    "name": "Acme Deliveries",
    "call_reason": "Your parcel arrives today",
    "logo_url": "https://callmark.example/logos/5f0c4a.png",
    "verified": True,
    "starts_at": 1_767_258_000_000,
    "accepted_at": 1_767_261_599_871_204,
    "position": 0,
}
LISTED = {
    "type": "listed_identity",
    "caller_number": "918040001234",
    "name": "Acme Deliveries",
    "call_reason": "About your delivery",
    "logo_url": "https://callmark.example/logos/5f0c4a.png",
    "verified": True,
}
_CAMPAIGN_ID = "a0b1c2d3-e4f5-4678-89ab-cdef01234567"
_QUESTION_ID = "5d3c0b7a-14c2-4f5e-8f0a-3b7f6a1c9d20"
_SLOT = "2026-01-03T10:00:00+05:30"
OFFERS = {
    "call_me_back": True,
    "config_name": "Weekday callbacks",
    "slot_picker": True,
    "slots": [_SLOT],
    "campaigns": [
        {
            "id": _CAMPAIGN_ID,
            "name": "Delivery check",
            "type": "questions",
            "call_types": ["answered"],
            "question_ids": [_QUESTION_ID],
        }
    ],
    "questions": [
        {
            "id": _QUESTION_ID,
            "text": "Did the courier arrive on time?",
            "kind": "choice",
            "options": ["Yes", "No"],
        }
    ],
}
_CALL_ID = "0d6a7e3c-94a9-4a5e-8f57-8a1f1b6f7c10"


class Frame(Struct, frozen=True):
    """One frame: its Struct, what it means, an example without `type`, and the frames that may answer it."""

    kind: type[Struct]
    summary: str
    example: Json
    answers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The value of `type`."""
        return str(self.kind.__struct_config__.tag)


FROM_SERVER = (
    Frame(
        wire.Welcome,
        "The first frame on every stream. `now` is the product clock, epoch milliseconds;"
        " windows open and close by it.",
        {"id": _SERVER_ID, "phone_number": "919900000001", "generation": 3, "now": 1_767_261_600_000, "ping_s": 20},
    ),
    Frame(
        Identity,
        "A call record to hold; the frame's id is the record's id. Store it, then send `ack`,"
        " even if you already hold it. `starts_at` and `ends_at` are epoch milliseconds,"
        " `accepted_at` is epoch microseconds. Of a caller's open records, show the one with"
        " the greatest (`accepted_at`, `position`, `id`).",
        IDENTITY,
        ("ack",),
    ),
    Frame(
        Withdraw,
        "Delete this record; it must no longer be shown. Ignore an unknown one.",
        {"id": _SERVER_ID, "record": RECORD},
    ),
    Frame(
        wire.Synced,
        "One page of a `sync` has been sent. If the cursor is not null, send it in the next `sync`.",
        {"id": _SERVER_ID, "re": "s1", "cursor": None},
    ),
    Frame(
        wire.Resolved,
        "What to show for the caller: a call record, or else the static identity of a listed"
        " number (`listed_identity`), or else null; and what to offer after the call. Do not"
        " keep it after the call and do not acknowledge it. `why` is for people.",
        {
            "id": _SERVER_ID,
            "re": "r7",
            "caller_number": "918040001234",
            "identity": LISTED,
            "source": "listed_number",
            "why": "the caller's number is listed, and its feature set is published",
            "offers": OFFERS,
        },
    ),
    Frame(
        wire.Received,
        "The `call`, `call_me_back` or `feedback` frame with the id `re` is stored.",
        {"id": _SERVER_ID, "re": "c3"},
    ),
    Frame(
        wire.Failed,
        "A frame failed; `re` is null if its id could not be read. By `slug`: "
        + "; ".join(f"`{slug}`: {what}" for slug, what in _SLUGS.items())
        + ".",
        {"id": _SERVER_ID, "re": "a9", "slug": "forbidden-error", "message": "record belongs to another receiver"},
    ),
)
FROM_HANDSET = (
    Frame(
        wire.AckFrame,
        "The handset holds this record and will show it in its window. Only an `error` is answered.",
        {"id": "a1", "record": RECORD},
        ("error",),
    ),
    Frame(
        wire.SyncFrame,
        f"The ids of the records that the handset holds (at most {wire.MOST_IDS_A_SYNC}). The server"
        " answers with `withdraw` and `identity` frames for what has changed, then `synced`."
        " Held ids count as acknowledgements.",
        {"id": "s1", "held": [RECORD["id"]], "cursor": None},
        ("identity", "withdraw", "synced", "error"),
    ),
    Frame(
        wire.ResolveFrame,
        "This caller is ringing; ask what to show and what to offer. `time_zone` is the"
        " handset's own, a name or an offset from UTC (`+05:30`); slots use it.",
        {"id": "r7", "caller_number": "918040001234", "time_zone": "Asia/Kolkata"},
        ("resolved", "error"),
    ),
    Frame(
        wire.CallFrame,
        "One event of a real call. Keep it and send it again, also on the next stream, until"
        " `received` arrives. The handset creates a `call_id` for each call. `record` is"
        " present if `source` is `call_record`.",
        {
            "id": "c3",
            "call_id": _CALL_ID,
            "caller_number": "918040001234",
            "event": "shown",
            "source": "call_record",
            "record": RECORD,
        },
        ("received", "error"),
    ),
    Frame(
        wire.CallMeBackFrame,
        "Requests a callback after a missed or rejected call that has been reported, or says"
        " that the receiver is not interested. The handset creates a `request_id` for each"
        " request; repeating it changes nothing. `slot` is one of the offered slots,"
        " unchanged. Keep the frame and send it again until `received` arrives.",
        {
            "id": "b5",
            "request_id": "5a0e2f0c-8f0e-4a9e-9a55-0f8f2f0a7e21",
            "business_number": "918040001234",
            "interested": True,
            "slot": _SLOT,
            "sim_unknown": False,
            "alternate_number": None,
        },
        ("received", "error"),
    ),
    Frame(
        wire.FeedbackFrame,
        "Answers a campaign after a call that has been reported. Each call can be answered"
        " once; repeating it changes nothing. Keep the frame and send it again until"
        " `received` arrives.",
        {
            "id": "f6",
            "call_id": _CALL_ID,
            "business_number": "918040001234",
            "campaign_id": _CAMPAIGN_ID,
            "call_type": "answered",
            "answers": [{"question_id": _QUESTION_ID, "answer": "Yes"}],
        },
        ("received", "error"),
    ),
)
_VERBS = f"{{{','.join(frame.name for frame in FROM_HANDSET)}}}"
ABOUT = f"""\
The stream between a handset and the gateway: a WebSocket that carries JSON objects in text frames. Each frame has a
`type` and an `id`; an answer has the id of the frame that it answers in `re`. Frames are delivered at least once, and
repeating one is safe. Ignore unknown fields, and unknown types from the server. A frame from the handset can have at
most {wire.FRAME_BYTES} bytes.

The handset registers with `POST /handset/v1/registrations` and the operator's app credential
(`{{"phone_number", "os", "app_version"}}`). It then opens the stream with the token from the answer. The handshake
always succeeds; if the token is not valid, the close code says so. The server sends `welcome`, and the handset sends
`sync` at once.

The server pings every {wire.PING_S} s and closes a stream that has sent no pong for {wire.SILENCE_S} s. Each verb of
the handset is also available over plain HTTP: `POST /handset/v1/{_VERBS}` with
the fields of the frame, without `type` and `id`.
"""
_CHANNEL = "#/channels/stream"


def asyncapi(public_url: str, version: str) -> Json:
    """The AsyncAPI document of the handset stream, at the installation's public address."""
    frames = (*FROM_SERVER, *FROM_HANDSET)
    schemas, components = component_schemas([frame.kind for frame in frames])
    components = {name: _with_named_discriminator(schema) for name, schema in components.items()}
    messages = {frame.name: _message(frame, schema) for frame, schema in zip(frames, schemas, strict=True)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Callmark handset gateway",
            "version": version,
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"installation": _server(public_url)},
        "channels": {"stream": _channel(list(messages))},
        "operations": _operations(),
        "components": {
            "messages": messages,
            "schemas": components,
            "securitySchemes": {
                "handsetToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer` with the token of the registration, in the handshake.",
                }
            },
        },
    }


def _server(public_url: str) -> Json:
    address = urlsplit(public_url)
    return {
        "host": address.netloc,
        "protocol": "wss" if address.scheme == "https" else "ws",
        "description": "This installation",
        "security": [{"$ref": "#/components/securitySchemes/handsetToken"}],
    }


def _channel(messages: Sequence[str]) -> Json:
    return {
        "address": "/handset/v1/stream",
        "title": "Handset stream",
        "description": _closing(),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _with_named_discriminator(schema: Json) -> Json:
    """The schema with each discriminator as AsyncAPI has it: the property's name alone (OpenAPI's is an object)."""
    return {
        key: inner["propertyName"] if key == "discriminator" and "propertyName" in inner else _inside(inner)
        for key, inner in schema.items()
    }


def _inside(part: object) -> object:
    """As `_with_named_discriminator`, for any part of a schema."""
    if isinstance(part, list):
        return [_inside(one) for one in cast("list[object]", part)]
    return _with_named_discriminator(cast("Json", part)) if isinstance(part, dict) else part


def _closing() -> str:
    lines = [f"* {code}: {meaning}" for code, meaning in CLOSE_CODES.items()]
    return "\n".join(
        [
            "One stream of one registered phone number. Close codes:",
            "",
            *lines,
            "",
            "Connect again after a random part of a delay that doubles from 1 s to 60 s, and then `sync`.",
        ]
    )


def _operations() -> Json:
    """Seen from the server: what it sends of itself, and what it receives with the frames it answers."""
    own = {f"send_{frame.name}": _operation("send", frame) for frame in FROM_SERVER if frame.kind in _UNASKED}
    return own | {f"receive_{frame.name}": _operation("receive", frame) for frame in FROM_HANDSET}


_UNASKED = (wire.Welcome, Identity, Withdraw)


def _operation(action: str, frame: Frame) -> Json:
    told: Json = {
        "action": action,
        "channel": {"$ref": _CHANNEL},
        "summary": frame.summary,
        "messages": [{"$ref": f"{_CHANNEL}/messages/{frame.name}"}],
    }
    if frame.answers:
        messages = [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in frame.answers]
        told["reply"] = {"channel": {"$ref": _CHANNEL}, "messages": messages}
    return told


def _message(frame: Frame, schema: Json) -> Json:
    example: dict[str, Any] = {"type": frame.name} | frame.example
    return {
        "name": frame.name,
        "title": frame.name,
        "summary": frame.summary,
        "contentType": "application/json",
        "payload": schema,
        "examples": [{"name": frame.name, "payload": example}],
    }

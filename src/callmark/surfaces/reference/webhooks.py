"""What webhooks are sent, as the `webhooks` of the OpenAPI document. Source: contract, sections 9.3 to 9.6."""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.surfaces.api.doc_parts import UUID, Json
from callmark.surfaces.api.example_values import ASKED_BACK, event_sample

_SCHEMAS = "#/components/schemas/"
_Id = Annotated[str, Meta(extra_json_schema=UUID)]
_SECONDS: Json = {"pattern": "^[0-9]+$"}


class _Asked(Struct, kw_only=True):
    """What every Call Me Back request says."""

    business_number: Annotated[str, Meta(description="The number that called, digits only.")]
    feature_set: Annotated[
        str, Meta(description="Its feature set; a number in a number group has `number_group` instead.")
    ]
    client_number: Annotated[
        str, Meta(description="The receiver, or `Phone number not available`; in that case see `alternate_number`.")
    ]
    requested_at: Annotated[
        str, Meta(description="When the callback was requested, epoch seconds.", extra_json_schema=_SECONDS)
    ]
    alternate_number: Annotated[str, Meta(description="Another number to call, or empty.")]
    cmb_config_name: Annotated[str, Meta(description="The Call Me Back configuration.")]
    is_interested: Annotated[bool, Meta(description="Whether the receiver wants to be called back.")]


class CallMeBackInSlot(_Asked):
    """A callback request with a slot."""

    requested_date: Annotated[str, Meta(description="The day of the slot.", extra_json_schema={"format": "date"})]
    requested_slot: Annotated[str, Meta(description="Its weekday, such as `Saturday`.")]
    preferred_from_time: Annotated[
        str, Meta(description="When the slot starts, epoch seconds.", extra_json_schema=_SECONDS)
    ]
    preferred_to_time: Annotated[
        str, Meta(description="When the slot ends, 30 minutes later.", extra_json_schema=_SECONDS)
    ]


class _WithoutSlot(_Asked):
    """What replaces a slot."""

    requested_date: Annotated[str, Meta(description="Always `NA`.", extra_json_schema={"enum": ["NA"]})]
    requested_slot: Annotated[str, Meta(description="Always `NA`.", extra_json_schema={"enum": ["NA"]})]
    preferred_from_time: Annotated[str | None, Meta(description="Always null.")]
    preferred_to_time: Annotated[str | None, Meta(description="Always null.")]


class CallMeBackAnyTime(_WithoutSlot):
    """A callback request from a configuration without a slot picker; `is_interested` is true."""


class CallMeBackNotInterested(_WithoutSlot):
    """The receiver does not want to be called back; `is_interested` is false."""


class FeedbackResponse(Struct):
    """What the receiver said to one question."""

    question_id: Annotated[_Id, Meta(description="The question.")]
    question: Annotated[str, Meta(description="The text of the question.")]
    answer: Annotated[str, Meta(description="The answer; a rating is a digit.")]


class UserFeedbackPayload(Struct):
    """The answers to a campaign after a call."""

    business_number: Annotated[str, Meta(description="The number that called, digits only.")]
    feature_set: Annotated[str, Meta(description="Its feature set.")]
    client_number: Annotated[str, Meta(description="The receiver.")]
    campaign_id: Annotated[_Id, Meta(description="The campaign.")]
    campaign_name: Annotated[str, Meta(description="The campaign's name.")]
    campaign_type: Annotated[
        str, Meta(description="`call_rating` or `questions`.", extra_json_schema={"enum": ["call_rating", "questions"]})
    ]
    call_type: Annotated[
        str, Meta(description="How the call ended.", extra_json_schema={"enum": ["answered", "missed"]})
    ]
    responded_at: Annotated[
        str, Meta(description="When the answer was given, epoch seconds.", extra_json_schema=_SECONDS)
    ]
    responses: Annotated[list[FeedbackResponse], Meta(description="One entry for each answered question.")]


class _Event(Struct, kw_only=True):
    """What every event has."""

    event_id: Annotated[_Id, Meta(description="The same for every attempt; use it to detect repeats.")]
    client_account_id: Annotated[_Id, Meta(description="The client account.")]
    created_at: Annotated[
        str, Meta(description="When the event was created, epoch seconds.", extra_json_schema=_SECONDS)
    ]


_VARIANTS = (CallMeBackInSlot, CallMeBackAnyTime, CallMeBackNotInterested)


class CallMeBackEvent(_Event):
    """A Call Me Back request, as it is sent."""

    event_type: Annotated[str, Meta(description="Always `cmb`.", extra_json_schema={"enum": ["cmb"]})]
    cmb_payload: Annotated[
        Raw,
        Meta(
            description="The request, in one of three variants.",
            extra_json_schema={"anyOf": [{"$ref": _SCHEMAS + one.__name__} for one in _VARIANTS]},
        ),
    ]


class UserFeedbackEvent(_Event):
    """Answers to a campaign, as they are sent."""

    event_type: Annotated[
        str, Meta(description="Always `user_feedback`.", extra_json_schema={"enum": ["user_feedback"]})
    ]
    user_feedback_payload: Annotated[UserFeedbackPayload, Meta(description="The answers.")]


class PossibleSpoofPayload(Struct, kw_only=True):
    """A call from a listed number of the account that the account may not have made."""

    business_number: Annotated[str, Meta(description="The number that the call came from, which is the account's.")]
    client_number: Annotated[str, Meta(description="The receiver.")]
    cause: Annotated[
        str,
        Meta(
            description="An edge of another account asked to sign the call; it arrived with a signature that was not"
            " made here; or the account announces its calls, and not this one.",
            extra_json_schema={"enum": list(SpoofCause)},
        ),
    ]
    detected_at: Annotated[str, Meta(description="When, epoch seconds.", extra_json_schema=_SECONDS)]


class PossibleSpoofEvent(_Event):
    """An alarm, as it is sent. An extension of Callmark."""

    event_type: Annotated[
        str, Meta(description="Always `possible_spoof`.", extra_json_schema={"enum": ["possible_spoof"]})
    ]
    possible_spoof_payload: Annotated[PossibleSpoofPayload, Meta(description="The call.")]


TYPES = (*_VARIANTS, CallMeBackEvent, UserFeedbackEvent, PossibleSpoofEvent)

_SLOT: Json = {
    "requested_date": "2026-01-03",
    "requested_slot": "Saturday",
    "preferred_from_time": "1767418200",
    "preferred_to_time": "1767420000",
}
_FEEDBACK: Json = {
    "business_number": "918040001234",
    "feature_set": "Delivery default",
    "client_number": "919900112233",
    "campaign_id": "a0b1c2d3-e4f5-4678-89ab-cdef01234567",
    "campaign_name": "Delivery check",
    "campaign_type": "questions",
    "call_type": "answered",
    "responded_at": "1767261605",
    "responses": [
        {
            "question_id": "0b0a1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3",
            "question": "Did the courier arrive on time?",
            "answer": "Yes",
        }
    ],
}
_SPOOF: Json = {
    "business_number": "918040001234",
    "client_number": "919900112233",
    "cause": "foreign_signing_request",
    "detected_at": "1767261605",
}


def webhooks() -> Json:
    """The requests that receivers get, by name."""
    return {
        "callMeBack": _told(
            "receiveCallMeBack",
            "A receiver requests a callback, or is not interested",
            CallMeBackEvent,
            {
                "slot": ("With a slot", event_sample("cmb", ASKED_BACK | _SLOT)),
                "any-time": ("Without a slot picker", event_sample("cmb", ASKED_BACK)),
                "not-interested": ("Not interested", event_sample("cmb", ASKED_BACK | {"is_interested": False})),
            },
        ),
        "userFeedback": _told(
            "receiveUserFeedback",
            "A receiver answers a feedback campaign",
            UserFeedbackEvent,
            {"questions": ("Answers to questions", event_sample("user_feedback", _FEEDBACK))},
        ),
        "possibleSpoof": _told(
            "receivePossibleSpoof",
            "A call may forge a number of the account",
            PossibleSpoofEvent,
            {"edge": ("Another account asked to sign it", event_sample("possible_spoof", _SPOOF))},
        ),
    }


_SENT = (
    "Sent to every webhook with this event type. Any 2xx answer means success; after any"
    " other answer, delivery is retried. `webhook-id` is the `event_id`,"
    " `webhook-timestamp` the epoch second of this attempt, and `webhook-signature`"
    " contains `v1,` and the HMAC-SHA256 (Standard Webhooks) for each secret in use."
)


def _told(name: str, summary: str, kind: type[Struct], examples: dict[str, tuple[str, Json]]) -> Json:
    content: Json = {
        "schema": {"$ref": _SCHEMAS + kind.__name__},
        "examples": {key: {"summary": what, "value": value} for key, (what, value) in examples.items()},
    }
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "description": _SENT,
            "tags": ["Webhooks"],
            "security": [],
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": {"200": {"description": "The event was accepted; the body of the answer is ignored."}},
        }
    }

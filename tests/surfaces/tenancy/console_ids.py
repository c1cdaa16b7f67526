"""What the console's routes and fields name: a new one fails `test_console` until it stands here."""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct
from tests.surfaces.tenancy.worlds import CALLER, World

IDS = {
    "/keys/{id}": "keyId",
    "/labels/{id}": "labelId",
    "/call-reasons/{id}": "callReasonId",
    "/batches/{id}": "batchId",
    "/records/{id}": "recordId",
    "/uploads/files/{id}": "uploadFileId",
    "/uploads/{id}": "uploadId",
    "/webhooks/{id}": "webhookId",
    "/webhook-events/{id}": "deliveryId",
    "/callbacks/configurations/{id}": "featureSetId",
    "/callbacks/{id}": "callbackRequestId",
    "/campaigns/{id}": "campaignId",
    "/members/{id}": "memberId",
    "/alerts/{id}": "recipientId",
    "/structure/{id}": "unitId",
    "/feature-sets/{id}": "featureSetId",
    "/feature-sets/{id}/listing/{file}": "listFileId",
    "/numbers/jobs/{id}": "listingJobId",
    "/numbers/proofs/{id}": "proofRequestId",
    "/numbers/{number}": "phoneNumber",
    "/me/sessions/{id}": "sessionId",
    "/keys/shown/{token}": "shownToken",
    "/webhooks/shown/{token}": "shownToken",
    "/kept-forms/{token}": "keptFormToken",
    "/operator/accounts/{id}": "clientAccountId",
    "/operator/accounts/{id}/members/{member}": "memberId",
    "/operator/handset-apps/shown/{token}": "shownToken",
    "/operator/handset-apps/{id}": "keyId",
    "/operator/handsets/{number}": "receiver",
    "/operator/edges/shown/{token}": "shownToken",
    "/operator/edges/{id}": "keyId",
    "/operator/certificates/{serial}": "keyId",
    "/operator/queues/mails/{id}": "keyId",
    "/operator/operators/{id}": "memberId",
    "/operator/tokens/shown/{token}": "shownToken",
    "/operator/tokens/{id}": "keyId",
    "/operator/reviews/{id}": "listingJobId",
    "/operator/proofs/{id}": "proofRequestId",
}
"""Which thing a path names, by the path as far as its id. What operators have is nobody's: any id will do there."""

WORDS = {"/alerts/new/{kind}", "/operator/accounts/{id}/without/{features}"}
"""What is in braces there is no id."""

FOR_ANYBODY = {
    "/sign-in",
    "/sign-in/code",
    "/sign-out",
    "/forgot",
    "/reset/{token}",
    "/invitations/{token}",
    "/theme",
    "/alerts/confirm/{token}",
    "/alerts/stop/{token}",
}
"""Routes without a session; whoever has a token that was mailed may use it."""

FOR_EVERYBODY_SIGNED_IN = {"/kept-forms/{token}", "", "/", "/me", "/me/password", "/me/zone"} | {
    f"/me/sessions/{what}" for what in ("end-others", "{id}/end")
}
"""Routes about oneself."""


class Field(Struct, frozen=True):
    """A filter, or with `form` a field of that form, that names a thing. `{kinds}` in `path` are the account's."""

    path: str
    name: str
    kind: str
    form: Mapping[str, str] | None = None
    before: str = ""
    """What stands before the id."""


_RATING = {"type": "call_rating", "call_types": "answered", "question_kind": "rating", "question_text": "How was it?"}
_CAMPAIGN = {"name": "Mine", "question_id": "", "question_options": ""} | _RATING
FIELDS = (
    Field("/numbers", "set", "featureSetId"),
    Field("/numbers", "place", "unitId"),
    Field("/numbers/export", "set", "featureSetId"),
    Field("/feature-sets", "place", "unitId"),
    Field("/callbacks", "set", "featureSetId"),
    Field("/webhook-events", "webhook", "webhookId"),
    Field("/webhook-events", "q", "deliveryId"),
    Field("/records", "q", "recordId"),
    Field("/campaigns/new?type=questions", "feature_set", "featureSetId"),
    Field("/feature-sets/new", "process", "processId"),
    Field("/feature-sets/new", "process", "processId", {"name": "Mine"}),
    Field("/feature-sets/{featureSetId}/edit", "label", "labelId", {"name": "Mine"}),
    Field("/feature-sets/{featureSetId}/edit", "reason", "callReasonId", {"name": "Mine"}),
    Field("/feature-sets/{featureSetId}/move", "to", "processId", {}),
    Field("/feature-sets/{featureSetId}/listing", "draft", "listFileId", {"mode": "append"}),
    Field("/structure/{processId}/move", "to", "operationId", {}),
    Field("/campaigns/new", "feature_set", "featureSetId", _CAMPAIGN),
    Field("/members/invite", "role", "unitId", {"email": "nina@x.example", "name": "Nina"}, "process_owner:"),
    Field("/members/{memberId}", "role", "unitId", {"name": "Nina"}, "process_owner:"),
    Field("/numbers/chosen", "number", "phoneNumber", {"do": "delist"}),
    Field("/numbers/chosen", "number", "phoneNumber", {"do": "publish"}),
    Field("/numbers/delist", "number", "phoneNumber", {}),
    Field("/push", "label_id", "labelId", {"caller": CALLER, "receiver": "919811110001", "hours": "4"}),
)
"""Where pages take ids beside their path."""

_PLAIN = (
    "action after again alert_kinds all announced_calls_only back call_me_back call_reason call_types caller"
    " channel code days delimiter delimiter_was description do email event_type event_types features format"
    " handled_at handled_by honours_retry_after hours kept_logo label_name label_type list mode name named"
    " named_before next numbers old_password on operations os overlap password phone_type proof push questions"
    " receiver rejected remember requires_code seen seen_in sent sheet sheet_was since slot_picker span"
    " starts_at state stops_on_gone sub_category sure survey theme then time_zone type until url verdict"
    " version zone"
)
PLAIN_FIELDS = frozenset(_PLAIN.split())
"""Fields that name nothing of an account's."""

OPERATORS_FIELDS = frozenset({"account", "account_id", "app"})
"""Fields of pages and links that operators alone see."""

_PARTS = re.compile(r"{(\w+)}")


def kinds_of(path: str) -> list[str]:
    """The kinds of the ids that a path names, in order. Raises KeyError for a path that is not classified."""
    named = [path[: found.end()] for found in _PARTS.finditer(path)]
    return [IDS[one] for one in named if one not in WORDS]


def filled(path: str, worlds: Sequence[World]) -> str:
    """The path with the id of one world after the other."""
    ids = iter([world[kind] for kind, world in zip(kinds_of(path), worlds, strict=True)])
    return f"/console{_PARTS.sub(lambda part: 'word' if path[: part.end()] in WORDS else next(ids), path)}"

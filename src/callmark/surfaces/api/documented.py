"""What the fields of several routes' documentation have in common: formats, bounds, example values (all invented)."""

from typing import Any

from callmark.instants import LAST_MS
from callmark.surfaces.api.route import ErrorDoc, ParamDoc

Schema = dict[str, Any]
Json = dict[str, Any]
"""A JSON object."""

UUID: Schema = {"type": "string", "format": "uuid"}
DATE_TIME: Schema = {"type": "string", "format": "date-time"}
INSTANT_MS: Schema = {"type": "integer", "format": "int64", "minimum": 0, "maximum": LAST_MS}

ACCOUNT_ID = "3f0c1c52-6a5e-4d0e-9a53-1a0e6a1b7c11"
LABEL_ID = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
BATCH_ID = "8e2f7a31-52c4-4b6d-9f10-7a6b5c4d3e2f"
STARTS_AT, ENDS_AT = 1_767_261_600_000, 1_767_283_200_000
ASKED_BACK: Json = {
    "business_number": "918040001234",
    "feature_set": "Delivery default",
    "client_number": "919900112233",
    "requested_at": "1767261605",
    "requested_date": "NA",
    "requested_slot": "NA",
    "preferred_from_time": None,
    "preferred_to_time": None,
    "is_interested": True,
    "alternate_number": "",
    "cmb_config_name": "Weekday callbacks",
}
"""The payload of a Call Me Back event without a slot."""

PAGE = ParamDoc(
    "page",
    "Page number, starting at 1. A page past the end is empty.",
    {"type": "integer", "format": "int64", "minimum": 1, "default": 1},
)
LIMIT = ParamDoc(
    "limit",
    "Maximum number of entries on a page.",
    {"type": "integer", "format": "int64", "minimum": 1, "maximum": 10_000, "default": 1000},
)


def event_sample(kind: str, payload: Json) -> Json:
    """An event with this payload, as webhooks carry it."""
    return {
        "event_id": "6f1d2c3b-4a59-4687-9a10-b2c3d4e5f607",
        "client_account_id": ACCOUNT_ID,
        "event_type": kind,
        "created_at": "1767261605",
        f"{kind}_payload": payload,
    }


def bad(message: str, when: str, field: str = "") -> ErrorDoc:
    """A 400; `field` in the family OURS alone."""
    return ErrorDoc(400, "invalid-input", message, when, field)


def conflict(message: str, when: str, field: str = "") -> ErrorDoc:
    """A 409; `field` as in `bad`."""
    return ErrorDoc(409, "conflict", message, when, field)


BAD_PAGE = bad("page is invalid", "not a whole number from 1")
BAD_LIMIT = bad("limit is invalid", "not a whole number from 1 to 10,000")
BAD_JSON = bad("request body is invalid", "the body is not a JSON object")

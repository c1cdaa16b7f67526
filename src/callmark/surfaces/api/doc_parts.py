"""What the fields of several routes' documentation have in common: formats, bounds, errors."""

from typing import Any

from callmark.instants import LAST_MS
from callmark.surfaces.api.route import ErrorDoc, ParamDoc

Schema = dict[str, Any]
Json = dict[str, Any]
"""A JSON object."""

UUID: Schema = {"type": "string", "format": "uuid"}
DATE_TIME: Schema = {"type": "string", "format": "date-time"}
INT64: Schema = {"format": "int64"}
"""Of integers that can pass 32 bits: generated clients in Java, Go or C# cannot read such a number without it."""
INSTANT_MS: Schema = {"type": "integer", **INT64, "minimum": 0, "maximum": LAST_MS}

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


def bad(message: str, when: str, field: str = "") -> ErrorDoc:
    """A 400; `field` in the family OURS alone."""
    return ErrorDoc(400, "invalid-input", message, when, field)


def conflict(message: str, when: str, field: str = "") -> ErrorDoc:
    """A 409; `field` as in `bad`."""
    return ErrorDoc(409, "conflict", message, when, field)


BAD_PAGE = bad("page is invalid", "not a whole number from 1")
BAD_LIMIT = bad("limit is invalid", "not a whole number from 1 to 10,000")
BAD_JSON = bad("request body is invalid", "the body is not a JSON object")

"""Reads answers: the value of a success, or the error of the tree; both envelopes read alike (contract 1.6)."""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TypeVar, cast

import msgspec

from callmark.broken_json import NOT_JSON
from callmark.client.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequest,
    Conflict,
    InvalidRecord,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnexpectedAnswer,
)
from callmark.client.flow import Answer
from callmark.client.loose_json import as_object, status_of
from callmark.client.records import FIELDS, LIBRARY_NAMES, Json
from callmark.client.reprs import SecretDict, SecretList

T = TypeVar("T")
FAULT_PREFIX = "Request body is invalid: "
"""What the second and third generation write before a fault. Source: contract 5.2."""
INVALID_INPUT = "invalid-input"
"""The slug of a fault; the second and third generation write none, and mean this one."""
TOKEN_FAULT = "50011"
"""The original's way to refuse a token: `500/50011 - Failed to parse token`. Source: contract 1.6."""
_OK, _REDIRECT, _BAD, _SERVER = 200, 300, 400, 500
_BY_STATUS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    422: Conflict,
    429: RateLimited,
}
_TITLE = re.compile(rb"<title[^<>]*>([^<]{1,1000})</title>", re.IGNORECASE)
_LONGEST_TITLE = 200
_TEXT_SHOWN = 200


def decoded(answer: Answer, shape: type[T]) -> T:
    """The body of a success as a Struct; an empty one as `{}`. Raises UnexpectedAnswer.

    A server shows a refused record as it was sent. A number in it that Python cannot hold, such as 1e999, is its text.
    """
    try:
        return msgspec.json.decode(answer.body or b"{}", type=shape)
    except NOT_JSON as exc:
        why = str(exc)
    with suppress(msgspec.DecodeError, ValueError, RecursionError):
        return _decoded_leniently(answer, shape)
    raise unexpected(answer, why)  # of no other error: those of a parser hold the text


def _decoded_leniently(answer: Answer, shape: type[T]) -> T:
    held = json.loads(answer.body, parse_float=_decimal, parse_int=_whole, parse_constant=_no_number)
    return msgspec.convert(held, shape)


def _decimal(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _whole(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # more digits than Python reads
        return text


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def unexpected(answer: Answer, why: str = "") -> UnexpectedAnswer:
    """The error of a success that cannot be read."""
    what = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
    if "json" not in what:
        title = _title_of(answer.body)
        named = f" ({title!r})" if title else ""
        why = f"it is {what}{named}"
    return UnexpectedAnswer(f"the answer is not what the API answers: {why}", **_common(answer))


def _title_of(page: bytes) -> str:
    """What a page of HTML calls itself; empty for a page without a title, or with a long one."""
    found = _TITLE.search(page)
    title = found[1].decode(errors="replace").strip() if found else ""
    return title if len(title) <= _LONGEST_TITLE else ""


def check(answer: Answer, *, is_push: bool = False) -> None:
    """Raises the error of an answer that is not a success; of a pushed record's fault, InvalidRecord."""
    if _OK <= answer.status < _REDIRECT:
        return
    raise _error_of(answer, is_push=is_push)


def _error_of(answer: Answer, *, is_push: bool) -> APIStatusError:
    common = _common(answer)
    if answer.status < _BAD:
        to = answer.headers.get("location", "elsewhere").partition("?")[0]
        return UnexpectedAnswer(f"the server redirects to {to}", **common)
    body = _json_of(answer)
    slug, told, field = envelope(body)
    message, field = in_our_words(told, field)
    if slug is None and told.startswith(FAULT_PREFIX):
        slug = INVALID_INPUT
    if answer.status == _SERVER and TOKEN_FAULT in told:
        return AuthenticationError(message, slug=slug, field=field, **common)
    if answer.status == _BAD and is_push and field in FIELDS:
        return InvalidRecord(message, slug=slug, field=field, **common)
    kind = _BY_STATUS.get(answer.status, ServerError if answer.status >= _SERVER else BadRequest)
    if not message:
        message = _title_of(answer.body) or "the server gave no reason"
    return kind(message, slug=slug, field=field, **common)


def _common(answer: Answer) -> Json:
    return {
        "status": answer.status,
        "request_id": answer.headers.get("x-request-id"),
        "retry_after": retry_after(answer.headers),
    }


def _json_of(answer: Answer) -> object:
    try:
        return msgspec.json.decode(answer.body)
    except NOT_JSON:
        return None


def envelope(body: object) -> tuple[str | None, str, str | None]:
    """Slug, message and field of an error, in either envelope; an early one has the keys of the second at its top."""
    found = status_of(as_object(body))
    slug, message, field = found.get("slug"), found.get("message"), found.get("field")
    return (
        slug if isinstance(slug, str) else None,
        message[:_TEXT_SHOWN] if isinstance(message, str) else "",
        field if isinstance(field, str) and field else None,
    )


def in_our_words(message: str, field: str | None) -> tuple[str, str | None]:
    """A fault's message and field under the library's names.

    The first generation names no field; its messages begin with it (contract 14.1).
    """
    text = message.removeprefix(FAULT_PREFIX)
    first, space, rest = text.partition(" ")
    if field is None and space and (first in LIBRARY_NAMES or first in FIELDS):
        field = first
    ours = LIBRARY_NAMES.get(field, field) if field else None
    return (f"{ours} {rest}" if field and first == field else text), ours


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After`, which may be a date (counted from the answer's own `Date`); None without one."""
    text = headers.get("retry-after")
    if not text:
        return None
    try:
        return max(float(text), 0.0) if math.isfinite(float(text)) else None
    except ValueError:
        pass
    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(headers["date"])
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, KeyError, TypeError):
        return None


_LIMIT = re.compile(r'"([^"]+)"\s*;\s*r=(\d{1,18})(?:\s*;\s*t=(\d{1,18}))?')


def limits_of(headers: Mapping[str, str]) -> dict[str, tuple[int, float]]:
    """Requests left and seconds until there are more, by the bucket's name.

    Source: contract D45, draft-ietf-httpapi-ratelimit-headers-11.
    """
    text = headers.get("ratelimit", "")
    return {name: (int(left), float(seconds or 0)) for name, left, seconds in _LIMIT.findall(text)} if text else {}


def any_json(answer: Answer) -> object:
    """The body of a success as plain JSON. Raises UnexpectedAnswer."""
    found = decoded(answer, object)
    if isinstance(found, dict):
        return SecretDict(as_object(cast("object", found)))
    if isinstance(found, list):
        return SecretList(cast("list[object]", found))
    return found

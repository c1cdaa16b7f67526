"""What the operations of the OpenAPI document share: headers, error answers, schemas of Structs."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from callmark.kit.errors import (
    AppError,
    Conflict,
    Forbidden,
    InvalidInput,
    PayloadTooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedEncoding,
    UnsupportedMedia,
)
from callmark.surfaces.api.call import ErrorDoc, Family, Route
from callmark.surfaces.api.idempotency import KEY_ERRORS
from callmark.surfaces.api.routes import LARGEST_BODY_BYTES, FamilyB, capital
from callmark.surfaces.bodies import NotUtf8
from callmark.surfaces.http import ErrorBody

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
_HEADERS = "#/components/headers/"
JSON = "application/json"
FAMILY_A, FAMILY_B = f"{SCHEMAS}{ErrorBody.__name__}", f"{SCHEMAS}{FamilyB.__name__}"

HEADERS: dict[str, Json] = {
    "X-Request-Id": {
        "description": "Names the request in the server's logs. A well-formed one that the client sends is kept.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    },
    "RateLimit": {
        "description": "What is left: `r` requests now, the next one more in `t` seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z0-9-]+";r=[0-9]+;t=[0-9]+$'},
        "example": '"real-time";r=57;t=1',
    },
    "RateLimit-Policy": {
        "description": "The limit: `q` requests of one token (tokens made for one account) in any `w` seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z0-9-]+";q=[0-9]+;w=[0-9]+$'},
        "example": '"real-time";q=100;w=1',
    },
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer of an earlier request with the same `Idempotency-Key`.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Whole seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
}
_LIMITED = ("RateLimit", "RateLimit-Policy")
_UNLIMITED = frozenset({401, 403, 500, 503})
"""Statuses that may be answered before the request has been counted."""
_WAITING = frozenset({Conflict.status, TooManyRequests.status, Unavailable.status})


def headers_of(status: int, *, limited: bool, keyed: bool = False) -> Json:
    """References to the headers that an answer of this status carries or may carry."""
    names = ["X-Request-Id", *(["Idempotent-Replayed"] if keyed else [])]
    names += _LIMITED if limited and status not in _UNLIMITED else ()
    names += ["Retry-After"] if status in _WAITING else []
    return {name: {"$ref": f"{_HEADERS}{name}"} for name in names}


def shared_errors(route: Route) -> list[ErrorDoc]:
    """The errors that a route has by what it is: guarded, with a body, limited."""
    errors: list[ErrorDoc] = [*KEY_ERRORS] if route.keyed else []
    if route.feature:
        errors += [
            _error(Unauthenticated(), "the token is missing, unknown, ended or revoked"),
            _error(
                Forbidden(),
                "another account's token, a key or subscription without the feature, a suspended account",
            ),
        ]
    if route.method == "POST":
        errors += _errors_of_bodies(route)
    if route.bucket:
        bucket = route.bucket
        when = f"{bucket.quota} requests of this token in {bucket.window.total_seconds():.0f} s"
        errors.append(ErrorDoc(TooManyRequests.status, TooManyRequests.slug, _TOO_MANY, when))
    errors.append(ErrorDoc(AppError.status, AppError.slug, "internal error", "a fault of the server"))
    errors.append(_error(Unavailable(""), "an engine cannot be reached"))
    return errors


def _errors_of_bodies(route: Route) -> list[ErrorDoc]:
    message = NotUtf8(17).message
    newer = route.family is Family.B
    return [
        ErrorDoc(400, "" if newer else InvalidInput.slug, capital(message) if newer else message, "not UTF-8"),
        _error(PayloadTooLarge(LARGEST_BODY_BYTES), "the body is over 1 MiB"),
        _error(UnsupportedMedia(), "a `Content-Type` other than `application/json`"),
        _error(UnsupportedEncoding(), "a `Content-Encoding` other than `identity`; answered with `Accept-Encoding`"),
    ]


_TOO_MANY = "rate limit exceeded. please try again later."


def _error(error: AppError, when: str) -> ErrorDoc:
    return ErrorDoc(error.status, error.slug, error.message, when)


def error_answers(errors: Iterable[ErrorDoc], *, limited: bool) -> dict[str, Json]:
    """The answers of a route's errors, by status."""
    by_status: dict[int, list[ErrorDoc]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {str(status): _answer(status, by_status[status], limited=limited) for status in sorted(by_status)}


def _answer(status: int, errors: Sequence[ErrorDoc], *, limited: bool) -> Json:
    told = "\n".join(f"* {_sentence(error)}" for error in errors)
    return {
        "description": told if len(errors) > 1 else _sentence(errors[0]),
        "headers": headers_of(status, limited=limited),
        "content": {
            JSON: {
                "schema": _envelope(errors),
                "examples": {
                    _key(error, number): {"summary": error.when, "value": _body(error)}
                    for number, error in enumerate(errors, 1)
                },
            }
        },
    }


def _sentence(error: ErrorDoc) -> str:
    return f"`{error.slug or error.field or 'body'}`: {error.message} ({error.when})"


_BARE: Json = {
    "type": "object",
    "properties": {"message": {"type": "string", "description": "The cause, for people."}},
    "required": ["message"],
    "additionalProperties": False,
}


def _envelope(errors: Sequence[ErrorDoc]) -> Json:
    """The schema of these errors: either family's, or both where a status has errors of both."""
    slugs = sorted({error.slug for error in errors if error.slug})
    families: list[Json] = [{"$ref": FAMILY_B}] if any(not (error.slug or error.bare) for error in errors) else []
    families += [_BARE] if any(error.bare for error in errors) else []
    families += [{"$ref": FAMILY_A, "properties": {"slug": {"enum": slugs}}}] if slugs else []
    return families[0] if len(families) == 1 else {"anyOf": families}


def _key(error: ErrorDoc, number: int) -> str:
    return f"{error.slug or error.field or 'body'}-{number}"


def _body(error: ErrorDoc) -> Json:
    if error.bare:
        return {"message": error.message}
    if error.slug:
        return {"slug": error.slug, "message": error.message}
    return {"status_info": {"status": "error", "field": error.field, "message": error.message}}


def component_schemas(types: Iterable[Any]) -> tuple[list[Json], dict[str, Json]]:
    """The schema of each type, and the components that they refer to."""
    schemas, components = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    return list(schemas), components

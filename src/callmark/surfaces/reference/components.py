"""What the operations of the OpenAPI document share: headers, error answers, schemas of Structs."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from callmark.domain.operators.tokens.service import REFUSED
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
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.idempotency import KEY_ERRORS
from callmark.surfaces.api.route import WITH_BODY, ApiRoute, ErrorDoc, Family
from callmark.surfaces.api.routes import capital
from callmark.surfaces.bodies import NotUtf8
from callmark.surfaces.http import CHALLENGE

SCHEMAS = "#/components/schemas/"
_HEADERS = "#/components/headers/"
JSON = "application/json"

HEADERS: dict[str, Json] = {
    "X-Request-Id": {
        "description": "Names the request in the server's logs. If the client sends a valid one, it is kept.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    },
    "Link": {
        "description": "The page about this error.",
        "required": True,
        "schema": {"type": "string", "pattern": '^<[^>]+>; rel="help"$'},
        "example": '</docs/errors/invalid-input>; rel="help"',
    },
    "RateLimit": {
        "description": "What is left: `r` requests now; one more in `t` seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z0-9-]+";r=[0-9]+;t=[0-9]+$'},
        "example": '"real-time";r=57;t=1',
    },
    "RateLimit-Policy": {
        "description": "The limit: `q` requests per token (for the token route: tokens per account) in any"
        " `w` seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z0-9-]+";q=[0-9]+;w=[0-9]+$'},
        "example": '"real-time";q=100;w=1',
    },
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer of an earlier request with the same `Idempotency-Key`.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Seconds to wait before you try again.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWW-Authenticate": {
        "description": "The scheme of `Authorization` that is expected.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
        "example": CHALLENGE[1].decode(),
    },
}
_LIMITED = ("RateLimit", "RateLimit-Policy")
_UNLIMITED = frozenset({401, 403, 500, 503})
"""Statuses that may be answered before the request has been counted."""
_FIRST_ERROR = 400
_ABOUT_FIELDS = frozenset({InvalidInput.slug, Conflict.slug})
"""Slugs of errors that may name a field."""
_WAITING = frozenset({Conflict.status, TooManyRequests.status, Unavailable.status})


def headers_of(status: int, *, limited: bool, keyed: bool = False) -> Json:
    """References to the headers that an answer of this status carries or may carry."""
    names = ["X-Request-Id", *(["Idempotent-Replayed"] if keyed else []), *(["Link"] if status >= _FIRST_ERROR else [])]
    names += _LIMITED if limited and status not in _UNLIMITED else ()
    names += ["Retry-After"] if status in _WAITING else []
    names += ["WWW-Authenticate"] if status == Unauthenticated.status else []
    return {name: {"$ref": f"{_HEADERS}{name}"} for name in names}


def shared_errors(route: ApiRoute) -> list[ErrorDoc]:
    """The errors that a route has by what it is: guarded, with a body, limited."""
    errors: list[ErrorDoc] = [*KEY_ERRORS] if route.keyed else []
    if route.feature:
        errors += [
            error_doc(Unauthenticated(), "the token is missing, unknown, expired or revoked"),
            error_doc(
                Forbidden(),
                "the token belongs to another account, the key or the account lacks the feature, or"
                " the account is suspended",
            ),
        ]
    if route.for_operators:
        errors.append(error_doc(Unauthenticated(REFUSED), "the token is no operator token, has expired, or is revoked"))
    if route.method in WITH_BODY:
        errors += _errors_of_bodies(route)
    if route.bucket:
        bucket = route.bucket
        when = f"this token has sent {bucket.quota} requests in {bucket.window.total_seconds():.0f} s"
        errors.append(ErrorDoc(TooManyRequests.status, TooManyRequests.slug, _TOO_MANY, when))
    errors.append(ErrorDoc(AppError.status, AppError.slug, "internal error", "an error in the server"))
    errors.append(error_doc(Unavailable(""), "the database or the message server cannot be reached"))
    return errors


def _errors_of_bodies(route: ApiRoute) -> list[ErrorDoc]:
    message = NotUtf8(17).message
    newer = route.family is Family.B
    return [
        ErrorDoc(400, "" if newer else InvalidInput.slug, capital(message) if newer else message, "not UTF-8"),
        error_doc(PayloadTooLarge(route.largest_bytes), f"the body is larger than {route.largest_bytes >> 20} MiB"),
        error_doc(UnsupportedMedia(), "a `Content-Type` other than `application/json`"),
        error_doc(UnsupportedEncoding(), "a `Content-Encoding` other than `identity`; answered with `Accept-Encoding`"),
    ]


_TOO_MANY = "rate limit exceeded. please try again later."


def error_doc(error: AppError, when: str) -> ErrorDoc:
    """What an error says, and when it comes."""
    return ErrorDoc(error.status, error.slug, error.message, when)


class Errors:
    """The error answers of all routes; collects the schemas that they share."""

    def __init__(self) -> None:
        self.components: dict[str, Json] = {}

    def answers(self, errors: Iterable[ErrorDoc], *, limited: bool) -> dict[str, Json]:
        """The answers of a route's errors, by status."""
        by_status: dict[int, list[ErrorDoc]] = {}
        for error in errors:
            by_status.setdefault(error.status, []).append(error)
        return {str(status): self._answer(status, by_status[status], limited=limited) for status in sorted(by_status)}

    def _answer(self, status: int, errors: Sequence[ErrorDoc], *, limited: bool) -> Json:
        told = "\n".join(f"* {_sentence(error)}" for error in errors)
        return {
            "description": told if len(errors) > 1 else _sentence(errors[0]),
            "headers": headers_of(status, limited=limited),
            "content": {
                JSON: {
                    "schema": self._envelope(errors),
                    "examples": {
                        _key(error, number): {"summary": error.when, "value": _body(error)}
                        for number, error in enumerate(errors, 1)
                    },
                }
            },
        }

    def _envelope(self, errors: Sequence[ErrorDoc]) -> Json:
        """A reference to the schema of these errors: either family's, or both where a status has errors of both."""
        names = ["FamilyB"] if any(not (error.slug or error.bare) for error in errors) else []
        if any(error.bare for error in errors):
            names.append(self._add("ErrorMessage", _BARE))
        names += [self._slug_error(slug) for slug in sorted({error.slug for error in errors if error.slug})]
        if len(names) == 1:
            return _ref(names[0])
        either: Json = {"description": "An error in one of several shapes.", "anyOf": [_ref(name) for name in names]}
        return _ref(self._add("Or".join(names), either))

    def _slug_error(self, slug: str) -> str:
        properties: Json = {
            "slug": {"type": "string", "description": "The cause, for machines.", "enum": [slug]},
            "message": {"type": "string", "description": "The cause, for people."},
        }
        field: Json = {"type": "string", "description": "The field at fault; on management and operator routes only."}
        name = "".join(part.capitalize() for part in slug.removesuffix("-error").split("-")) + "Error"
        schema = _object(f"An error with the slug `{slug}`.", properties)
        if slug in _ABOUT_FIELDS:
            schema["properties"] = properties | {"field": field}
        return self._add(name, schema)

    def _add(self, name: str, schema: Json) -> str:
        self.components[name] = schema
        return name


def _ref(name: str) -> Json:
    return {"$ref": f"{SCHEMAS}{name}"}


def _object(description: str, properties: Json) -> Json:
    return {"type": "object", "description": description, "properties": properties, "required": list(properties)}


def _sentence(error: ErrorDoc) -> str:
    return f"`{error.slug or error.field or 'body'}`: {error.message} ({error.when})"


_BARE: Json = _object(
    "An error with a message only.",
    {"message": {"type": "string", "description": "The cause, for people."}},
) | {"additionalProperties": False}


def _key(error: ErrorDoc, number: int) -> str:
    return f"{error.slug or error.field or 'body'}-{number}"


def _body(error: ErrorDoc) -> Json:
    if error.bare:
        return {"message": error.message}
    if error.slug:
        return {"slug": error.slug, "message": error.message} | ({"field": error.field} if error.field else {})
    return {"status_info": {"status": "error", "field": error.field, "message": error.message}}


def component_schemas(types: Iterable[Any]) -> tuple[list[Json], dict[str, Json]]:
    """The schema of each type, and the components that they refer to."""
    schemas, components = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    return list(schemas), components

"""OpenAPI documents of the parts beside the business API: handsets' plain HTTP, the emulator, call servers."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from callmark.kit.errors import (
    AppError,
    InvalidInput,
    PayloadTooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedEncoding,
    UnsupportedMedia,
)
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.route import Doc, ErrorDoc
from callmark.surfaces.bodies import NotUtf8
from callmark.surfaces.reference.components import JSON, Errors, component_schemas, error_doc, headers_of
from callmark.surfaces.reference.described import described
from callmark.surfaces.reference.for_generators import plain
from callmark.surfaces.reference.openapi import DocumentInfo, content_of, identity_of, parameter, skeleton

Security = Sequence[Mapping[str, Sequence[str]]]


class DocumentedRoute(Struct, frozen=True):
    """One route; `security` as OpenAPI has it."""

    method: str
    path: str
    doc: Doc
    security: Security
    largest_body_bytes: int = 16 * 1024
    is_body_required: bool = True
    takes_anything: bool = False
    """Whatever is sent is taken, and answered with anything: a receiver of webhooks."""


class ErrorAnswers(Protocol):
    """The form that a document's errors have."""

    components: Json
    """The schemas that the answers refer to, once all have been made."""

    def of(self, route: DocumentedRoute) -> Json:
        """A route's error answers, by status."""
        ...


class SlugErrors:
    """Errors as `{"slug", "message"}`."""

    def __init__(self) -> None:
        self._errors = Errors()
        self.components = self._errors.components

    def of(self, route: DocumentedRoute) -> Json:
        """The route's own errors, and those it has by what it is."""
        return self._errors.answers([*route.doc.errors, *_shared_errors(route)], limited=False)


def document_of(
    about: DocumentInfo,
    operations: Sequence[DocumentedRoute],
    public_url: str,
    version: str,
    errors: ErrorAnswers | None = None,
) -> Json:
    """The OpenAPI document of `operations`, at the installation's public address."""
    types = [kind for one in operations for kind in (one.doc.request, one.doc.response) if kind is not None]
    made, components = component_schemas(types)
    by_type = dict(zip(map(identity_of, types), made, strict=True))
    errors = errors or SlugErrors()
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_type, errors)
    tags = dict.fromkeys(one.doc.tag for one in operations)
    schemas = described(components) | errors.components
    return plain(skeleton(about, tags, paths, schemas, public_url=public_url, version=version))


def _operation(one: DocumentedRoute, schemas: Mapping[str, Json], errors: ErrorAnswers) -> Json:
    doc = one.doc
    told: Json = {
        "operationId": doc.name,
        "summary": doc.summary,
        "description": doc.description,
        "tags": [doc.tag],
        "security": [dict(choice) for choice in one.security],
        "parameters": [parameter(param) for param in doc.params],
        "responses": {
            str(doc.status): _success(doc, schemas),
            **errors.of(one),
        },
    }
    if one.takes_anything:
        told["requestBody"] = {"required": False, "content": {JSON: {"schema": {}, "example": {"event": "any"}}}}
        told["responses"]["200"]["content"] = {JSON: {"schema": {}, "example": {"status": "ok"}}}
        told["responses"]["default"] = {"description": "Any other answer that was set."}
    elif doc.request is not None:
        content = content_of(doc.request, doc.requests, schemas)
        told["requestBody"] = {"required": one.is_body_required, "content": content}
    return told


def _success(doc: Doc, schemas: Mapping[str, Json]) -> Json:
    answer: Json = {"description": "It was carried out.", "headers": headers_of(doc.status, limited=False)}
    if doc.response is not None:
        answer["content"] = content_of(doc.response, doc.responses, schemas)
    return answer


def _shared_errors(one: DocumentedRoute) -> list[ErrorDoc]:
    errors: list[ErrorDoc] = []
    if one.security and {} not in one.security:
        errors.append(error_doc(Unauthenticated(), "the credential is missing, unknown or ended"))
    if one.doc.request is not None:
        errors += [
            error_doc(InvalidInput("request body is invalid"), "the body is not JSON, or a field is missing or wrong"),
            error_doc(NotUtf8(17), "not UTF-8"),
            error_doc(UnsupportedMedia(), "a `Content-Type` other than `application/json`"),
            error_doc(UnsupportedEncoding(), "a `Content-Encoding` other than `identity`"),
        ]
    if one.doc.request is not None or one.takes_anything:
        limit = one.largest_body_bytes
        errors.append(error_doc(PayloadTooLarge(limit), f"the body is over {limit >> 10} KiB"))
    errors.append(ErrorDoc(AppError.status, AppError.slug, "internal error", "a fault of the server"))
    errors.append(error_doc(Unavailable(""), "an engine or a process cannot be reached"))
    return errors


def told_by(error: type[Any], message: str, when: str) -> ErrorDoc:
    """An error of one route: a class of the error tree, what it says, when."""
    return ErrorDoc(error.status, error.slug, message, when)

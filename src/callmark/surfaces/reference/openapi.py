"""The OpenAPI 3.1 document, made from the table of routes and the Structs they read and answer with."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from callmark.domain.limits.model import Bucket
from callmark.surfaces.api.doc_parts import UUID
from callmark.surfaces.api.example_values import ACCOUNT_ID
from callmark.surfaces.api.idempotency import KEY_PARAM
from callmark.surfaces.api.route import ApiRoute, Doc, Family, ParamDoc
from callmark.surfaces.api.routes import FamilyB
from callmark.surfaces.reference import webhooks
from callmark.surfaces.reference.components import (
    HEADERS,
    JSON,
    Errors,
    Json,
    component_schemas,
    headers_of,
    shared_errors,
)
from callmark.surfaces.reference.for_generators import hoist_conditions, plain

_USED_HEADERS = ("X-Request-Id", "Link", "Retry-After", "WWW-Authenticate")


class DocumentInfo(Struct, frozen=True):
    """What a document says of itself."""

    title: str
    summary: str
    description: str
    security_schemes: Json
    headers: Json = field(default_factory=lambda: {name: HEADERS[name] for name in _USED_HEADERS})


def bearer(description: str) -> Json:
    """The security scheme of a token."""
    return {"type": "http", "scheme": "bearer", "description": description}


_ABOUT = """\
A business pushes a call record: *caller X may call receiver Y between two times, as name N, for reason R*. When X calls
Y, the handset of Y shows exactly that. The paths without `/extensions/` are wire-compatible with the published Verified
Business APIs. To move an existing client, change its base URL.

**Start.** Exchange an API key pair for a token, list the labels, push a record, and read the status of the batch.

**Three generations** of call personalisation share one store: v1 (no prefix), `/v2` and `/v3`. They differ in field
names, in the phone format (v1: digits only; v2: optional `+`; v3: required `+`) and in the shape of answers. You can
read a batch through any of them.

**Errors.** Every error is JSON. Most have the shape `{"slug", "message"}`. Faults in the body of a v2 or v3 push have
the shape `{"status_info": {"status", "field", "message"}}`. An unknown path answers 404 `not-found`; a wrong method
answers 405 `method-not-allowed` with `Allow`. After a 4xx, change the request. After a 429 or 503, wait for
`Retry-After` seconds and send the same request again.

**Limits.** Limits are exact sliding windows for each token. Answers of limited routes carry `RateLimit` and
`RateLimit-Policy`. A body can be at most 1 MiB (a label with its logo 3 MiB). Unknown query parameters are ignored.
Unknown fields are ignored too, except on management and operator routes, which refuse them by name. Any `Accept` is
accepted.

Every answer carries `X-Request-Id`. For the gateway that handsets connect to, see `/asyncapi.json`.
"""
ABOUT = DocumentInfo(
    title="Callmark REST API",
    summary="Verified business caller ID: tokens, labels, call personalisation",
    description=_ABOUT,
    security_schemes={
        "accessToken": bearer("An access token, valid for 60 minutes."),
        "operatorToken": bearer("An operator token. Operators create it in the console or at the command line."),
    },
    headers=HEADERS,
)
_CLIENT_ID = ParamDoc("clientAccountId", "The client account.", UUID, "path", required=True, example=ACCOUNT_ID)


def openapi(routes: Sequence[ApiRoute], public_url: str, version: str) -> Json:
    """The whole document. Raises LookupError for a route without a `doc`."""
    documented = [(route, _doc(route)) for route in routes]
    types = [kind for _, doc in documented for kind in (doc.request, doc.response) if kind is not None]
    schemas, components = component_schemas([*types, FamilyB, *webhooks.TYPES])
    errors = Errors()
    by_type = dict(zip(map(identity_of, types), schemas, strict=False))
    paths: dict[str, Json] = {}
    for route, doc in documented:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, doc, by_type, errors)
    tags = (*dict.fromkeys(doc.tag for _, doc in documented), "Webhooks")
    document = skeleton(ABOUT, tags, paths, components | errors.components, public_url=public_url, version=version)
    document["components"]["pathItems"] = webhooks.webhooks()
    # By reference: generators that make calls of everything written here in full emit code that does not compile.
    document["webhooks"] = {name: {"$ref": f"#/components/pathItems/{name}"} for name in webhooks.webhooks()}
    document = plain(document)
    hoist_conditions(document)
    return document


def skeleton(
    about: DocumentInfo, tags: Iterable[str], paths: Json, schemas: Json, *, public_url: str, version: str
) -> Json:
    """A document at the installation's public address, but for what one alone has."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": version,
            "summary": about.summary,
            "description": about.description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url, "description": "This installation"}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {"schemas": schemas, "headers": about.headers, "securitySchemes": about.security_schemes},
    }


def _doc(route: ApiRoute) -> Doc:
    if route.doc is None:
        raise LookupError(f"{route.method} {route.path} has no doc")
    return route.doc


def identity_of(kind: object) -> str:
    """What tells a documented type from another; a generic alias such as list[X] is made again each time."""
    return repr(kind)


def _operation(route: ApiRoute, doc: Doc, schemas: Mapping[str, Json], shared: Errors) -> Json:
    errors = [*doc.errors, *shared_errors(route)]
    operation: Json = {
        "operationId": doc.name,
        "summary": doc.summary,
        "description": _description(route, doc),
        "tags": [doc.tag],
        "security": _security(route),
        "parameters": [parameter(param) for param in _parameters(route, doc)],
        "responses": {
            str(doc.status): _success(route, doc, schemas),
            **shared.answers(errors, limited=(route.bucket or route.counts) is not None),
        },
    }
    if doc.request is not None:
        operation["requestBody"] = {"required": True, "content": content_of(doc.request, doc.requests, schemas)}
    if route.feature:
        operation["x-feature"] = route.feature.value
    if route.bucket:
        operation["x-ratelimit"] = _limit(route.bucket)
    return operation


def _security(route: ApiRoute) -> list[Json]:
    if route.for_operators:
        return [{"operatorToken": []}]
    return [{"accessToken": []}] if route.feature else []


def _description(route: ApiRoute, doc: Doc) -> str:
    told = [doc.description]
    if route.bucket:
        limit = _limit(route.bucket)
        told.append(f"At most {limit['quota']} requests of one token in any {_seconds(limit['window_s'])}.")
    if route.feature:
        told.append(f"Needs access to the feature {' or '.join(f'`{one.value}`' for one in route.features)}.")
    if route.for_operators:
        told.append("Needs an operator token.")
    if route.family is Family.B:
        told.append("Errors in the body are returned as `status_info`, all other errors as `slug` and `message`.")
    return "\n\n".join(told)


def _limit(bucket: Bucket) -> Json:
    return {"bucket": bucket.name, "quota": bucket.quota, "window_s": int(bucket.window.total_seconds())}


def _seconds(window_s: int) -> str:
    return "second" if window_s == 1 else f"{window_s} seconds"


def _parameters(route: ApiRoute, doc: Doc) -> list[ParamDoc]:
    known = {"clientAccountId": _CLIENT_ID} | {param.name: param for param in doc.params if param.place == "path"}
    names = re.findall(r"{(\w+)}", route.path)
    in_path = [known.get(name, ParamDoc(name, f"The {name}.", UUID, "path")) for name in names]
    others = [param for param in doc.params if param.place != "path"]
    return [*in_path, *others, *([KEY_PARAM] if route.keyed else [])]


def parameter(param: ParamDoc) -> Json:
    """A parameter as OpenAPI has it."""
    told: Json = {
        "name": param.name,
        "in": param.place,
        "description": param.description,
        "required": param.required or param.place == "path",
        "schema": dict(param.schema),
    }
    return told | ({"example": param.example} if param.example is not None else {})


def _success(route: ApiRoute, doc: Doc, schemas: Mapping[str, Json]) -> Json:
    headers = headers_of(doc.status, limited=(route.bucket or route.counts) is not None, keyed=route.keyed)
    answer: Json = {"description": "Success.", "headers": headers}
    if doc.response is not None:
        answer["content"] = content_of(doc.response, doc.responses, schemas)
    return answer


def content_of(kind: object, examples: Mapping[str, Any], schemas: Mapping[str, Json]) -> Json:
    """The body of a type, with its examples, as OpenAPI has it."""
    content: Json = {"schema": schemas[identity_of(kind)]}
    if examples:
        content["examples"] = {
            re.sub(r"\W+", "-", summary).strip("-").lower(): {"summary": summary, "value": msgspec.to_builtins(value)}
            for summary, value in examples.items()
        }
    return {JSON: content}

"""The OpenAPI documents as tests use them: which operation a request meant, and whether JSON fits a schema."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from msgspec import Struct
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.gateway.http_verbs import TABLE
from callmark.surfaces.reference.emulator_doc import emulator_openapi
from callmark.surfaces.reference.handset_doc import handset_openapi
from callmark.surfaces.reference.openapi import openapi
from callmark.surfaces.reference.stir_doc import stir_openapi

Json = Any
BUSINESS, HANDSET, EMULATOR, STIR = "business", "handset", "emulator", "stir"
DOCUMENTS = (BUSINESS, HANDSET, EMULATOR, STIR)
_URI = "urn:callmark:"
_FORMATS = FormatChecker(("uuid", "date", "date-time", "uri"))
_PUBLIC = "http://callmark.test"
UNDOCUMENTED = "undocumented"
"""The extension of a request whose form is taken and is not the one that the document has."""


@cache
def document(of: str = BUSINESS) -> dict[str, Json]:
    """The document as clients get it."""
    match of:
        case "handset":
            made = handset_openapi(TABLE, _PUBLIC, "0")
        case "emulator":
            made = emulator_openapi(_PUBLIC, "0")
        case "stir":
            made = stir_openapi(_PUBLIC, "0")
        case _:
            made = openapi(ROUTES, _PUBLIC, "0")
    return json.loads(msgspec.json.encode(made))


@cache
def _registry(of: str) -> Any:
    registry: Any = Registry
    resource: Any = Resource
    return registry().with_resource(_URI + of, resource(document(of), DRAFT202012))


@cache
def _validator(of: str, *pointer: str) -> Any:
    path = "/".join(
        part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for part in pointer
    )
    validator: Any = Draft202012Validator
    return validator({"$ref": f"{_URI}{of}#/{path}"}, registry=_registry(of), format_checker=_FORMATS)


def misfits(value: Json, *pointer: str, of: str = BUSINESS) -> list[str]:
    """Where and how `value` differs from the schema that stands at `pointer` in the document."""
    return faults(_validator(of, *pointer), value)


def faults(validator: Any, value: Json) -> list[str]:
    """What a validator says of a value: where, and what."""
    found = validator.iter_errors(value)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]


class Operation(Struct, frozen=True):
    """One operation: its path as a template, its method in lower case, and its object in the document."""

    path: str
    method: str
    told: dict[str, Json]
    of: str = BUSINESS

    def answer_misfits(self, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """How an answer differs from what the document promises; names of `headers` in lower case."""
        if "default" in self.told["responses"]:
            return []  # it answers as somebody has set
        answer = self.told["responses"].get(str(status))
        if answer is None:
            return [f"the status {status} is not documented"]
        found: list[str] = []
        for name, ref in answer["headers"].items():
            header = document(self.of)["components"]["headers"][ref["$ref"].rpartition("/")[2]]
            if header.get("required") and name.lower() not in headers:
                found.append(f"the header {name} is missing")
        if "content" not in answer:
            return found + (["a body where none is documented"] if body else [])
        return found + misfits(json.loads(body), *self._schema("responses", str(status)), of=self.of)

    def request_misfits(self, body: Json) -> list[str]:
        """How a request's body differs from its schema."""
        return misfits(body, *self._schema("requestBody"), of=self.of)

    def _schema(self, *inside: str) -> tuple[str, ...]:
        return ("paths", self.path, self.method, *inside, "content", "application/json", "schema")


@cache
def operations(of: str) -> list[Operation]:
    """Every operation of the document."""
    return [
        Operation(path, method, told, of)
        for path, item in document(of)["paths"].items()
        for method, told in item.items()
    ]


@cache
def _paths_by_method(of: str) -> dict[str, list[tuple[re.Pattern[str], Operation]]]:
    found: dict[str, list[tuple[re.Pattern[str], Operation]]] = {}
    for operation in operations(of):
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
        found.setdefault(operation.method, []).append((re.compile(pattern), operation))
    return found


def operation_of(method: str, url: str, of: str = BUSINESS) -> Operation | None:
    """The operation that a request means, None for what is no route."""
    sent = urlsplit(url).path
    meant = _paths_by_method(of).get(method.lower(), ())
    return next((operation for pattern, operation in meant if pattern.fullmatch(sent)), None)


async def check_answer(answer: httpx.Response) -> None:
    """A response hook of a client: whether a document beside the business API promises this answer."""
    request = answer.request
    for of in (HANDSET, EMULATOR, STIR):
        operation = operation_of(request.method, str(request.url), of)
        if operation and "default" not in operation.told["responses"]:
            body = await answer.aread()
            where = f"{request.method} {request.url}: {answer.status_code} {body!r:.300}"
            assert operation.answer_misfits(answer.status_code, answer.headers, body) == [], where
            if answer.is_success and not request.extensions.get(UNDOCUMENTED) and (sent := await request.aread()):
                assert operation.request_misfits(json.loads(sent)) == [], where

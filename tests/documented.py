"""The OpenAPI document as tests use it: which operation a request meant, and whether JSON fits a schema of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.reference.openapi import openapi

Json = Any
_URI = "urn:callmark:openapi"
_FORMATS = FormatChecker(("uuid", "date-time"))


@cache
def document() -> dict[str, Json]:
    """The document as clients get it."""
    return json.loads(msgspec.json.encode(openapi(ROUTES, "http://callmark.test", "0")))


@cache
def _registry() -> Any:  # noqa: ANN401 - referencing is typed in a part only
    registry: Any = Registry
    resource: Any = Resource
    return registry().with_resource(_URI, resource(document(), DRAFT202012))


@cache
def _validator(*pointer: str) -> Any:  # noqa: ANN401 - see faults
    path = "/".join(
        part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for part in pointer
    )
    validator: Any = Draft202012Validator
    return validator({"$ref": f"{_URI}#/{path}"}, registry=_registry(), format_checker=_FORMATS)


def misfits(value: Json, *pointer: str) -> list[str]:
    """Where and how `value` differs from the schema that stands at `pointer` in the document."""
    return faults(_validator(*pointer), value)


def faults(validator: Any, value: Json) -> list[str]:  # noqa: ANN401 - jsonschema's validators are typed in a part only
    """What a validator says of a value: where, and what."""
    found = validator.iter_errors(value)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]


@dataclass(frozen=True)
class Operation:
    """One operation: its path as a template, its method in lower case, and its object in the document."""

    path: str
    method: str
    told: dict[str, Json]

    def answer_misfits(self, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """How an answer differs from what the document promises; names of `headers` in lower case."""
        answer = self.told["responses"].get(str(status))
        if answer is None:
            return [f"the status {status} is not documented"]
        found: list[str] = []
        for name, ref in answer["headers"].items():
            header = document()["components"]["headers"][ref["$ref"].rpartition("/")[2]]
            if header.get("required") and name.lower() not in headers:
                found.append(f"the header {name} is missing")
        if "content" not in answer:
            return found + (["a body where none is documented"] if body else [])
        return found + misfits(json.loads(body), *self._schema("responses", str(status)))

    def request_misfits(self, body: Json) -> list[str]:
        """How a request's body differs from its schema."""
        return misfits(body, *self._schema("requestBody"))

    def _schema(self, *inside: str) -> tuple[str, ...]:
        return ("paths", self.path, self.method, *inside, "content", "application/json", "schema")


@cache
def operations() -> list[Operation]:
    """Every operation of the document."""
    return [
        Operation(path, method, told) for path, item in document()["paths"].items() for method, told in item.items()
    ]


def operation_of(method: str, url: str) -> Operation | None:
    """The operation that a request means, None for what is no route."""
    sent = urlsplit(url).path
    for operation in operations():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
        if operation.method == method.lower() and re.fullmatch(pattern, sent):
            return operation
    return None

"""The documents beside the business API: every route of gateway, emulator and `stir`, valid, with true examples.

The clients of these parts' own tests hold each answer against them (`check_answer`).
"""

import re
from typing import Any, cast

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route
from tests.support.cases import for_each
from tests.support.openapi import DOCUMENTS, EMULATOR, HANDSET, STIR, Operation, document, misfits, operations

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.app import EmulatorRoutes
from callmark.surfaces.emulator.control_api.routing import PREFIX
from callmark.surfaces.gateway import http_verbs
from callmark.surfaces.reference.described import described
from callmark.surfaces.reference.handset_doc import handset_openapi
from callmark.surfaces.stir.app import StirRoutes

BESIDE = (HANDSET, EMULATOR, STIR)
by_document = pytest.mark.parametrize("of", BESIDE)
by_operation = for_each(
    [one for of in BESIDE for one in operations(of)], lambda one: f"{one.of}-{one.told['operationId']}"
)


@by_document
def test_the_document_is_valid(of: str) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document(of)).iter_errors()] == []


def test_every_verb_of_the_gateway_is_told_but_the_stream() -> None:
    told = {(one.method.upper(), one.path) for one in operations(HANDSET)}
    table = {(method, f"/handset/v1/{verb}") for verb, methods in http_verbs.TABLE.items() for method in methods}
    assert told == table - {("GET", "/handset/v1/stream")}


def test_a_verb_that_nobody_tells_of_stops_the_start() -> None:
    with pytest.raises(LookupError):
        handset_openapi(http_verbs.TABLE | {"ring": {"POST": http_verbs.call}}, "http://callmark.test", "0")


async def test_every_route_of_the_control_api_is_told(deps: Deps) -> None:
    table = {
        (method, route.path)
        for route in EmulatorRoutes(deps).routes
        if isinstance(route, Route) and route.path.startswith(PREFIX)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert {(one.method.upper(), one.path) for one in operations(EMULATOR)} == table


async def test_every_question_of_a_call_server_is_told(deps: Deps) -> None:
    asked = {route.path for route in StirRoutes(deps).routes if isinstance(route, Route) and not route.methods}
    assert {one.path for one in operations(STIR)} == asked


def test_each_operation_has_a_name_of_its_own() -> None:
    for of in DOCUMENTS:
        names = [one.told["operationId"] for one in operations(of)]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9]+", name) for name in names)


@by_operation
def test_every_body_has_an_example_that_fits(operation: Operation) -> None:
    bodies = [("requestBody",), *(("responses", status) for status in operation.told["responses"])]
    for inside in bodies:
        told: Any = operation.told
        for name in inside:
            told = told.get(name, {})
        for content in told.get("content", {}).values():
            examples = [one["value"] for one in content.get("examples", {}).values()] or [content["example"]]
            where = ("paths", operation.path, operation.method, *inside, "content", "application/json", "schema")
            assert [misfits(value, *where, of=operation.of) for value in examples] == [[]] * len(examples)


@by_operation
def test_security_errors_and_parameters_are_told(operation: Operation) -> None:
    told = operation.told
    assert {"403", "500", "503"} <= told["responses"].keys() or "default" in told["responses"]
    assert ("401" in told["responses"]) == (operation.of != EMULATOR)
    if operation.of != EMULATOR:
        assert "WWW-Authenticate" in told["responses"]["401"]["headers"]
    schemes = document(operation.of)["components"]["securitySchemes"]
    assert all(name in schemes for choice in told["security"] for name in choice)
    if operation.of == HANDSET:
        credential = "appCredential" if told["operationId"] == "registerHandset" else "handsetToken"
        assert told["security"] == [{credential: []}]
    if "requestBody" in told:
        assert "413" in told["responses"]
    if operation.of == STIR:
        assert told["security"] == [{"edgeToken": []}]
    in_path = {param["name"] for param in told["parameters"] if param["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", operation.path))
    assert all(param["description"].endswith(".") for param in told["parameters"])


@for_each([(of, name) for of in BESIDE for name in document(of)["components"]["schemas"]])
def test_every_field_has_a_description(case: tuple[str, str]) -> None:
    of, name = case
    schema = document(of)["components"]["schemas"][name]
    fields = cast("dict[str, Any]", schema.get("properties", {}))
    assert schema["description"]
    assert "contract" not in schema["description"]
    assert "None" not in schema["description"]
    assert [field for field, told in fields.items() if not told.get("description")] == []


def test_a_field_that_nobody_describes_stops_the_start() -> None:
    with pytest.raises(LookupError, match=r"Ring\.tone"):
        described({"Ring": {"description": "A ring.", "properties": {"tone": {"type": "string"}}}})

"""The OpenAPI document: valid, whole, and true to itself; tests/contract holds the server's answers against it."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.support.cases import for_each
from tests.support.openapi import BUSINESS, Operation, document, misfits, operations

from callmark.surfaces.api.route import ApiRoute
from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.reference.openapi import openapi

by_operation = for_each(operations(BUSINESS), lambda one: one.told["operationId"])
by_route = for_each(ROUTES, lambda route: f"{route.method} {route.path}")


def test_the_document_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


@by_route
def test_every_route_of_the_table_is_told_with_its_limit_and_errors(route: ApiRoute) -> None:
    told = document()["paths"][route.path][route.method.lower()]
    assert route.doc
    answers = told["responses"]
    assert {str(route.doc.status), *(str(error.status) for error in route.doc.errors), "500", "503"} <= answers.keys()
    assert {"401", "403"} <= answers.keys() or route.feature is None
    assert "401" in answers or not route.for_operators
    assert [status for status, answer in answers.items() if "WWW-Authenticate" in answer["headers"]] == [
        status for status in answers if status == "401"
    ]
    assert ("429" in answers) == (route.bucket is not None or any(error.status == 429 for error in route.doc.errors))
    if route.bucket:
        assert told["x-ratelimit"]["bucket"] == route.bucket.name
        assert f"{route.bucket.quota} requests" in told["description"]
    credential = "operatorToken" if route.for_operators else "accessToken"
    assert told["security"] == ([{credential: []}] if route.feature or route.for_operators else [])


def test_a_route_without_a_doc_cannot_be_forgotten() -> None:
    with pytest.raises(LookupError, match="has no doc"):
        openapi([replace(ROUTES[0], doc=None)], "http://callmark.test", "0")


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation.told["operationId"] for operation in operations(BUSINESS)]
    assert len(set(names)) == len(names) == len(ROUTES)


@by_operation
def test_every_request_and_success_has_an_example_that_fits(operation: Operation) -> None:
    for inside in contents(operation):
        content = part(operation.told, *inside)["content"]["application/json"]
        assert content.get("examples"), f"{inside} has no example"
        for name, example in content["examples"].items():
            where = ("paths", operation.path, operation.method, *inside, "content", "application/json", "schema")
            assert misfits(example["value"], *where) == [], name


@by_operation
def test_every_error_names_its_slug_or_field_and_its_message(operation: Operation) -> None:
    for status, answer in operation.told["responses"].items():
        if status < "400":
            continue
        for example in answer["content"]["application/json"]["examples"].values():
            error = example["value"]
            message = error.get("status_info", error)["message"]
            assert message
            assert message in answer["description"]
            assert example["summary"]


@for_each(document()["components"]["schemas"])
def test_every_field_has_a_description(name: str) -> None:
    schema = document()["components"]["schemas"][name]
    bare = [field for field, told in schema.get("properties", {}).items() if not told.get("description")]
    assert bare == []
    assert schema.get("description")


@by_operation
def test_every_parameter_has_a_description(operation: Operation) -> None:
    assert all(param["description"].endswith((".", "?", ")")) for param in operation.told["parameters"])
    in_path = {param["name"] for param in operation.told["parameters"] if param["in"] == "path"}
    assert all(f"{{{name}}}" in operation.path for name in in_path)
    assert operation.path.count("{") == len(in_path)


RECORDS = [
    ("CallRecordV1", "caller", "918040001234", "+918040001234"),
    ("CallRecordV2", "caller_number", "+918040001234", "8040-001234"),
    ("CallRecordV3", "caller_number", "+918040001234", "918040001234"),
]


@pytest.mark.parametrize(("name", "caller", "good", "bad"), RECORDS)
def test_a_record_is_held_to_the_rules_of_its_generation(name: str, caller: str, good: str, bad: str) -> None:
    fields = document()["components"]["schemas"][name]["properties"]
    reason = next(field for field in fields if field.endswith("call_reason"))
    label_name = next(field for field in fields if field.endswith("label_name"))

    def fits(field: str, value: Any) -> bool:
        return not misfits(value, "components", "schemas", name, "properties", field)

    assert fits(caller, good)
    assert not fits(caller, bad)
    assert fits(reason, "आपका पार्सल आज आएगा")
    assert not fits(reason, "Call me!!!!")
    assert not fits(reason, "ends with a dot.")
    assert not fits(reason, "Your desk")
    assert not fits(reason, "x" * 101)
    assert fits(reason, "आपका पार्सल आज आएगा, बारह बजे से पहले, आपके घर के दरवाज़े पर - कृपया फ़ोन पास रखें")
    assert not fits(reason, "Two\nlines, or more")
    assert fits(label_name, "  Åkers Bud")
    assert not fits(label_name, "    ")
    assert not fits(label_name, "Acme\x07")
    assert fits(label_name, "") == (name == "CallRecordV1")
    assert fits(label_name, "x" * 40)
    assert not fits(label_name, "x" * 41)
    assert fits("ends_at", 253_402_300_799_999)
    assert not fits("ends_at", 253_402_300_800_000)
    assert not fits("starts_at", "1767261600000")


def contents(operation: Operation) -> Iterator[tuple[str, ...]]:
    """Where in an operation a body of the route's own is documented."""
    if "requestBody" in operation.told:
        yield ("requestBody",)
    for status, answer in operation.told["responses"].items():
        if "content" in answer:
            yield ("responses", status)


def part(told: Any, *inside: str) -> Any:
    for name in inside:
        told = told[name]
    return told

"""The AsyncAPI document of the gateway: valid by the specification's own schema, and whole."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from tests.support.openapi import faults

from callmark.surfaces.gateway import http_verbs, wire
from callmark.surfaces.reference.asyncapi import CLOSE_CODES, FROM_HANDSET, FROM_SERVER, Frame, asyncapi

ROOT = Path(__file__).parents[3]
SPECIFICATION = ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
GATEWAY = (ROOT / "docs/gateway.md").read_text()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as clients get it."""
    return json.loads(msgspec.json.encode(asyncapi("https://callmark.example", "0")))


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    specification = json.loads(SPECIFICATION.read_text())
    assert faults(Draft7Validator(specification), document) == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for ref in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        at: Any = document
        for step in ref.split("/"):
            at = at[step]
        assert at


@pytest.mark.parametrize("frame", [*FROM_SERVER, *FROM_HANDSET], ids=lambda frame: frame.name)
def test_every_frame_is_a_message_whose_example_fits(document: dict[str, Any], frame: Frame) -> None:
    message = document["components"]["messages"][frame.name]
    whole = {**message["payload"], "components": document["components"]}
    for example in message["examples"]:
        assert faults(Draft202012Validator(whole), example["payload"]) == []
        assert msgspec.json.decode(msgspec.json.encode(example["payload"]), type=frame.kind)
    assert f"`{frame.name}`" in GATEWAY


def test_the_handsets_frames_are_those_the_gateway_reads(document: dict[str, Any]) -> None:
    read = {kind.__struct_config__.tag for kind in wire.HandsetFrame.__args__}
    assert {frame.name for frame in FROM_HANDSET} == read
    received = {name for name in document["operations"] if name.startswith("receive_")}
    assert received == {f"receive_{name}" for name in read}


def test_each_verb_of_the_stream_is_one_of_plain_http() -> None:
    """The document says so of all of them."""
    assert {frame.name for frame in FROM_HANDSET} == http_verbs.TABLE.keys() - {"registrations", "stream"}


def test_the_frames_that_received_answers_are_named_with_it(document: dict[str, Any]) -> None:
    summary: str = document["components"]["messages"]["received"]["summary"]
    answered = {frame.name for frame in FROM_HANDSET if "received" in frame.answers}
    for told in (summary, str(wire.Received.__doc__), *re.findall(r"^`received`: .*$", GATEWAY, re.MULTILINE)):
        assert set(re.findall(r"`(\w+)`", told)) - {"re", "received"} == answered


def test_every_field_but_the_tag_has_a_description(document: dict[str, Any]) -> None:
    schemas: dict[str, Any] = document["components"]["schemas"]
    fields = [(name, *one) for name, schema in schemas.items() for one in schema.get("properties", {}).items()]
    assert [(name, field) for name, field, told in fields if field != "type" and not told.get("description")] == []


def test_errors_are_those_of_the_prose(document: dict[str, Any]) -> None:
    summary: str = document["components"]["messages"]["error"]["summary"]
    _, _, table = GATEWAY.partition("| `slug` | What the handset does |\n|---|---|\n")
    told = re.findall(r"^\| `([a-z-]+)`", table.partition("\n\n")[0], re.MULTILINE)
    assert told == re.findall(r"`([a-z-]+)`: ", summary.partition("By `slug`: ")[2])


def test_close_codes_are_those_of_the_prose() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d{4}) \|", GATEWAY, re.MULTILINE)}
    assert told == set(CLOSE_CODES)


def test_the_server_is_where_clients_reach_it(document: dict[str, Any]) -> None:
    server = document["servers"]["installation"]
    assert (server["host"], server["protocol"]) == ("callmark.example", "wss")
    assert server["security"] == [{"$ref": "#/components/securitySchemes/handsetToken"}]

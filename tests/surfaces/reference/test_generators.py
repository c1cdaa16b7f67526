"""Client generators take the document, and what they make compiles and keeps the document's types."""

import ast
import json
import py_compile
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.documented import BUSINESS, DOCUMENTS, EMULATOR, HANDSET, STIR, document, misfits, operations

_BIN = Path(sys.executable).parent


@pytest.fixture(scope="module", params=DOCUMENTS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / f"{request.param}.json"
    path.write_text(json.dumps(document(request.param)))
    return path


@pytest.fixture(scope="module")
def told(written: Path) -> str:
    """Which document was written."""
    return written.stem


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_openapi_python_client_makes_a_client_that_compiles(written: Path, told: str) -> None:
    client = written.parent / "client"
    options = ("--path", written, "--output-path", client, "--meta", "none")
    assert "WARNING" not in run(_BIN / "openapi-python-client", "generate", *options)
    for file in client.rglob("*.py"):
        py_compile.compile(str(file), doraise=True)
    made = {file.stem for file in (client / "api").rglob("*.py")}
    assert {snake(one.told["operationId"]) for one in operations(told)} <= made
    if told == BUSINESS:
        assert "settled_at: datetime.datetime | None" in (client / "models/timeline.py").read_text()


CLASSES = {
    BUSINESS: {"CallMeBackInSlot", "UserFeedbackEvent", "CallRecordV2"},
    HANDSET: {"RegistrationAnswer", "Identity", "ListedIdentity", "SyncAnswer", "FeedbackBody"},
    EMULATOR: {"HandsetOut", "Script", "Screen", "SinkRequestOut", "MailOut", "FaultsOut"},
    STIR: {"SigningIn", "VerificationOut", "RequestError"},
}
FIELDS = {
    BUSINESS: ("Timeline", "settled_at: AwareDatetime | None"),
    HANDSET: ("ResolveAnswer", "identity: IdentityOrListedIdentity | None"),
    EMULATOR: ("ClockOut", "now: AwareDatetime"),
    STIR: ("SigningIn", "origid: UUID"),
}


def test_datamodel_code_generator_makes_models_that_compile(written: Path, told: str) -> None:
    models = written.parent / "models.py"
    options = ("--input", written, "--input-file-type", "openapi", "--output", models)
    run(_BIN / "datamodel-codegen", *options, "--output-model-type", "pydantic_v2.BaseModel")
    classes = {
        node.name: ast.unparse(node) for node in ast.parse(models.read_text()).body if isinstance(node, ast.ClassDef)
    }
    name, field = FIELDS[told]
    assert field in classes[name]
    assert classes.keys() >= CLASSES[told]


def snake(name: str) -> str:
    """`pushBatchV2` as the generator names its module."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def parts(value: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - any part of a document
    if isinstance(value, list):
        return [one for inside in value for one in parts(inside, path)]  # pyright: ignore[reportUnknownVariableType] - JSON is what it is
    if not isinstance(value, dict):
        return []
    found: list[tuple[str, dict[str, Any]]] = [(path, value)]
    for name, inside in value.items():  # pyright: ignore[reportUnknownVariableType] - as above
        if name not in {"example", "examples"}:
            found += parts(inside, f"{path}/{name}")
    return found


@pytest.mark.parametrize("of", DOCUMENTS)
def test_no_schema_has_a_form_that_generators_trip_over(of: str) -> None:
    for path, schema in parts(document(of)):
        choices = schema.get("anyOf", [])
        assert {} not in choices, path
        assert not any("anyOf" in one or "oneOf" in one for one in choices), path
        if "$ref" in schema:
            assert schema.keys() <= {"$ref", "description"}, path
        if {"type": "null"} in choices:
            assert all("$ref" in one or one == {"type": "null"} for one in choices), path


@pytest.mark.parametrize("name", document()["webhooks"])
def test_what_a_webhook_is_sent_is_typed_and_its_examples_fit(name: str) -> None:
    item = document()["components"]["pathItems"][name]["post"]
    content = item["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        where = ("components", "pathItems", name, "post", "requestBody", "content", "application/json", "schema")
        assert misfits(example["value"], *where) == []


def test_every_variant_of_a_call_me_back_request_is_there() -> None:
    kinds = document()["components"]["schemas"]["CallMeBackEvent"]["properties"]["cmb_payload"]["anyOf"]
    assert {one["$ref"].rpartition("/")[2] for one in kinds} == {
        "CallMeBackInSlot",
        "CallMeBackAnyTime",
        "CallMeBackNotInterested",
    }
    assert (
        len(
            document()["components"]["pathItems"]["callMeBack"]["post"]["requestBody"]["content"]["application/json"][
                "examples"
            ]
        )
        == 3
    )

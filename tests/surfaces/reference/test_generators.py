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
from tests.support.openapi import BUSINESS, DOCUMENTS, EMULATOR, HANDSET, STIR, document, misfits, operations

Runs = dict[str, dict[str, Any]]
"""For each document the `status` of the generator's end and what it `said`."""
_RUNS = """
import contextlib, importlib, io, json, sys
module, attribute, *runs = sys.argv[1:]
command = getattr(importlib.import_module(module), attribute)
told = {}
for name, *arguments in map(json.loads, runs):
    said, status = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = command(arguments) or 0
        except SystemExit as exc:
            status = exc.code or 0
    told[name] = {"status": status, "said": said.getvalue()}
print(json.dumps(told))
"""
"""A generator's command for one document after the other: to import what it is made of takes as long as its work."""


def run(command: str, of: dict[str, list[str | Path]]) -> Runs:
    """What the command (`module:attribute`) made of each document's arguments."""
    runs = [json.dumps([name, *map(str, arguments)]) for name, arguments in of.items()]
    argv = [sys.executable, "-c", _RUNS, *command.split(":"), *runs]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the documents are, each as `NAME.json`."""
    path = tmp_path_factory.mktemp("documents")
    for name in DOCUMENTS:
        (path / f"{name}.json").write_text(json.dumps(document(name)))
    return path


@pytest.fixture(scope="module")
def clients(directory: Path) -> Runs:
    def arguments(name: str) -> list[str | Path]:
        paths = ("--path", directory / f"{name}.json", "--output-path", directory / name)
        return ["generate", *paths, "--meta", "none"]

    return run("openapi_python_client.cli:app", {name: arguments(name) for name in DOCUMENTS})


@pytest.fixture(scope="module")
def models(directory: Path) -> Runs:
    def arguments(name: str) -> list[str | Path]:
        paths = ("--input", directory / f"{name}.json", "--output", directory / f"{name}.py")
        kinds = ("--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel")
        return [*paths, *kinds, "--no-formatters"]  # nobody reads them

    return run("datamodel_code_generator.__main__:main", {name: arguments(name) for name in DOCUMENTS})


@pytest.mark.parametrize("told", DOCUMENTS)
def test_openapi_python_client_makes_a_client_that_compiles(directory: Path, clients: Runs, told: str) -> None:
    done, client = clients[told], directory / told
    assert done["status"] == 0, done["said"]
    assert "WARNING" not in done["said"]
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


@pytest.mark.parametrize("told", DOCUMENTS)
def test_datamodel_code_generator_makes_models_that_compile(directory: Path, models: Runs, told: str) -> None:
    assert models[told]["status"] == 0, models[told]["said"]
    parsed = ast.parse((directory / f"{told}.py").read_text())
    classes = {node.name: ast.unparse(node) for node in parsed.body if isinstance(node, ast.ClassDef)}
    name, field = FIELDS[told]
    assert field in classes[name]
    assert classes.keys() >= CLASSES[told]


def snake(name: str) -> str:
    """`pushBatchV2` as the generator names its module."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def parts(value: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        return [one for inside in value for one in parts(inside, path)]  # pyright: ignore[reportUnknownVariableType] - JSON is what it is
    if not isinstance(value, dict):
        return []
    found: list[tuple[str, dict[str, Any]]] = [(path, value)]
    for name, inside in value.items():  # pyright: ignore[reportUnknownVariableType] - as above
        if name not in {"example", "examples"}:
            found += parts(inside, f"{path}/{name}")
    return found


GROW = re.compile(
    r"/properties/(\w+_at|now|iat|event_number|last_number)$|/Event(Out|Page)/properties/(number|next_after)$"
)


@pytest.mark.parametrize("of", DOCUMENTS)
def test_integers_that_pass_32_bits_say_so(of: str) -> None:
    """Instants and numbers of events: where a generator makes an integer of 32 bits, no answer with one can be read."""
    found = [(path, one) for path, one in parts(document(of)) if GROW.search(path) and "integer" in one.get("type", [])]
    assert [path for path, one in found if one.get("format") != "int64"] == []
    assert found or of == EMULATOR


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
        assert not ("default" in schema and schema.keys() & {"anyOf", "oneOf"}), path
        kinds = {one.get("type") for one in choices}
        assert "array" not in kinds or len(kinds) == 1, f"{path}: a list or something else"


CLASS = r"\[\^?(?:[^]\\[]|\\x[0-7][0-9a-f])+\]"
COUNT = r"(?:[*+?]|\{[0-9]{1,3}(?:,[0-9]{1,3})?\})?"
COMMON = re.compile(rf"(?:\((?!\?)|(?:\)|[^][\\{{}}*+?.()]|\\[+.]|{CLASS}){COUNT})+")
"""What Ruby, PHP, Go, ECMAScript, Java and Python read alike: groups, characters, classes of characters and how many of
each, up to 999. Of escapes only `\\xHH` below 80, in a class, and `\\+` and `\\.`; and nothing that looks ahead."""
COUNTED_BYTES = re.compile(r"\[\^(?:[^]\\]|\\.)+\](?:\?|\{)")
"""How many there are of what a class leaves out: PHP counts bytes, because generators set no flag for UTF-8."""
SPECIAL = re.compile(r"#[$@{]|--|&&|~~|\|\|")
"""What Ruby puts a value in place of, and what engines read, or will read, as taking classes together."""


@pytest.mark.parametrize("of", DOCUMENTS)
def test_a_pattern_is_one_that_every_language_reads_alike(of: str) -> None:
    """A client in a language that does not read one cannot be loaded, or refuses every value of the field."""
    patterns = {one["pattern"] for _, one in parts(document(of)) if isinstance(one.get("pattern"), str)}
    assert patterns
    assert [one for one in patterns if not (one.isascii() and COMMON.fullmatch(one))] == []
    assert [one for one in patterns if COUNTED_BYTES.search(one) or SPECIAL.search(one)] == []


@pytest.mark.parametrize("name", document()["webhooks"])
def test_what_a_webhook_is_sent_is_typed_and_its_examples_fit(name: str) -> None:
    item = document()["components"]["pathItems"][name]["post"]
    assert item["security"] == [], "a receiver gets none of our tokens"
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

"""Requests made up from the document, right and wrong ones, sent to the application on real engines.

Schemathesis makes the cases and judges the answers; they are sent here, in process, so that the clock can be moved on
(a case every two seconds stays within the limits) and nothing leaves this test. The same cases are made in every run.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from msgspec import Struct, field
from schemathesis.generation import GenerationMode
from tests.domain.numbers.staging import labelled_set
from tests.support.engines import Engines
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed
from tests.support.openapi import BUSINESS, Operation, document, operation_of, operations
from tests.support.opened_deps import opened_deps
from tests.support.state_machines import BOUNDS, DEEP
from tests.surfaces.api.management.managing import EVERYTHING, make_everything

from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import CampaignId
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.persons import service as persons
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.ids import random_uuid
from callmark.record_rules.characters import CONTROL, is_showable
from callmark.surfaces.api.management.route import TAG
from callmark.surfaces.api.operator.route import OPERATOR_BASE
from callmark.surfaces.api.own.route import BASE
from callmark.surfaces.app import build_app

Case = Any  # schemathesis types its cases by the schema they come from
CASES, MANAGEMENT_CASES = (200, 100) if DEEP else (8, 3)
FLOWS, STEPS = 100, 20
TEXTS = ("label_name", "call_reason", "dynamic_label_name", "dynamic_call_reason")
"""Of each kind for each operation; the management API has many, of a few kinds."""
WAITING = re.compile(r"wait_s=(?:[12]?[0-9]|30)(?=&|$)")
"""A wait that is right by the document, which would be one of this test's."""
BETWEEN = timedelta(seconds=2)
transport: Any = import_module("schemathesis.core.transport")
_checks: Any = import_module("schemathesis.specs.openapi.checks")  # typed in a part only
CHECKS = [
    import_module("schemathesis.checks").not_a_server_error,
    _checks.status_code_conformance,
    _checks.content_type_conformance,
    _checks.response_headers_conformance,
    _checks.response_schema_conformance,
]
IN_BODIES = {
    "process_id": "processId",
    "operation_id": "operationId",
    "feature_set_id": "featureSetId",
    "label_id": "labelId",
    "call_reason_id": "callReasonId",
    "caller": "caller",
}
"""Fields of bodies of our own routes that name things, and their names in paths."""
OPERATIONS = {f"{one.method.upper()} {one.path}": one for one in operations(BUSINESS)}


def _grouped() -> dict[str, list[str]]:
    if DEEP:
        return {name: [name] for name in OPERATIONS}
    groups: dict[str, list[str]] = {}
    for name, operation in OPERATIONS.items():
        groups.setdefault(_group_of(operation), []).append(name)
    groups["taking away"].sort(key=len, reverse=True)  # what belongs to a thing goes before it
    return groups


def _group_of(operation: Operation) -> str:
    if operation.method in {"get", "delete"}:
        return "reading" if operation.method == "get" else "taking away"
    if operation.path.startswith(OPERATOR_BASE):
        return "operating"
    return "managing" if TAG in operation.told["tags"] else "pushing"


GROUPS = _grouped()
"""Names of operations by what they do. To make an account with everything in it takes longer than to ask five."""


class Run(Struct):
    """Where cases go: the application, an account that may do everything, and what exists in it."""

    deps: Deps
    clock: FakeClock
    http: httpx.AsyncClient
    cast: Cast
    operator_token: str
    known: dict[str, str] = field(default_factory=dict[str, str])

    async def send(self, case: Case) -> httpx.Response:
        """The answer to a case."""
        self.clock.advance(BETWEEN)
        sent: Any = requests.Request(**_plain(case.as_transport_kwargs(base_url=self.deps.public_url))).prepare()
        headers = {name: value for name, value in sent.headers.items() if name.lower() != "authorization"}
        is_operators = case.path.startswith(OPERATOR_BASE)
        headers["Authorization"] = f"Bearer {self.operator_token if is_operators else self.cast.token}"
        url = WAITING.sub("wait_s=0", sent.url)
        return await self.http.request(sent.method, url, headers=headers, content=sent.body)

    def within_reach(self, case: Case) -> Case:
        """The case with ids of things that exist, and with windows that are open."""
        for part in (fields_of(case.path_parameters), fields_of(case.query)):
            part.update({name: self.known[name] for name in part.keys() & self.known.keys()})
        body = fields_of(case.body)
        if case.path.startswith(BASE):
            body.update({name: self.known[of] for name, of in IN_BODIES.items() if name in body and of in self.known})
        for record in elements_of(body.get("call_records", [body])):
            if "starts_at" in (fields := fields_of(record)):
                now = to_ms(self.clock.now())
                fields |= {"starts_at": now, "ends_at": now + 3_600_000, "label_id": str(self.cast.label.id)}
        return case


def fields_of(value: Any) -> dict[str, Any]:
    """The object itself, an empty one for anything else."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON is what it is


def elements_of(value: Any) -> list[Any]:
    """The array itself, an empty one for anything else."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - as above


@pytest.fixture
async def run(deps: Deps, clock: FakeClock) -> AsyncGenerator[Run]:
    async with started(deps, clock) as here:
        yield here


@asynccontextmanager
async def started(deps: Deps, clock: FakeClock) -> AsyncGenerator[Run]:
    """A started application with a batch of one record in it, an event of each type and a feature set."""
    cast = await make_cast(deps, features=EVERYTHING)
    transport = httpx.ASGITransport(build_app(deps, frozenset({"api"})))
    async with httpx.AsyncClient(transport=transport, base_url=deps.public_url) as http:
        operator = await operator_tokens.create_token(deps, "Billing", by=SYSTEM)
        account = str(cast.account.id)
        known = {"clientAccountId": account, "client_account_id": account}
        here = Run(deps, clock, http, cast, operator.secret, known)
        here.known |= await _one_record(here) | await _one_event_of_each_type(here)
        here.known["featureSetId"] = str((await labelled_set(deps, cast.account.id, "Delivery default")).id)
        erasure = await persons.request_erasure(deps, persons.parse_number(phone()), by=SYSTEM)
        here.known["erasureId"] = str(erasure.id)
        here.known["caller"] = (await make_listed(deps, account_id=cast.account.id, name="Returns")).number
        yield here


async def _one_record(run: Run) -> dict[str, str]:
    now = to_ms(run.clock.now())
    record = {"caller_number": "918040001234", "receiver_number": phone(), "label_id": str(run.cast.label.id)}
    sent = {"call_records": [record | {"starts_at": now, "ends_at": now + 80_000_000}]}
    url = f"/v2/clients/{run.cast.account.id}/dynamic_call_records"
    headers = {"Authorization": f"Bearer {run.cast.token}"}
    batch = (await run.http.post(url, json=sent, headers=headers)).json()["batch_id"]
    status = (await run.http.get(url, params={"batchId": batch}, headers=headers)).json()
    return {"batchId": batch, "recordId": status["data"][0]["id"], "label_id": str(run.cast.label.id)}


async def _one_event_of_each_type(run: Run) -> dict[str, str]:
    account_id, campaign_id, now = run.cast.account.id, CampaignId(random_uuid()), run.clock.now()
    async with run.deps.db.transaction() as tx:
        await events.append(tx, account_id, EventType.CALL_ME_BACK, {"is_interested": True}, now)
        await events.append(tx, account_id, EventType.USER_FEEDBACK, {"responses": []}, now, campaign_id)
    begin, end = "0000000000", "9999999999"
    return {"surveyId": str(campaign_id), "from": begin, "to": end, "from_date": begin}


async def judged(run: Run, name: str) -> list[str]:
    """How the answers to made-up requests of one operation break the promise of the document."""
    operation, found, statuses = OPERATIONS[name], list[str](), set[int]()
    async with run.deps.db.connection() as tx:
        await tx.execute("DELETE FROM idempotency_key")  # made-up keys are alike, and other operations had them
    for number, case in enumerate(made_up(name)):
        known = number % 4 != 0  # the others keep their ids, which nobody has
        answer = await run.send(run.within_reach(case) if known else case)
        statuses.add(answer.status_code)
        path = quote(answer.request.url.path)  # a parameter may hold any character
        if operation_of(case.method, path) is not operation:  # or a slash
            if answer.status_code != 404:
                found.append(f"{case.method} {answer.request.url} is another's path: {answer.status_code}")
            continue
        wrong = misjudged(operation, case, answer) if known else []
        try:
            case.validate_response(answer, checks=CHECKS)
        except (AssertionError, BaseExceptionGroup) as exc:
            wrong.append(f"{exc!s:.1000}")
        found += [f"{case.method} {answer.request.url} {case.body!r:.300}: {one}" for one in wrong]
    # Managing needs texts and states that are rarely made up; tests/surfaces/api/management does all of it.
    if not (name.endswith("/token") or TAG in operation.told["tags"] or statuses & {200, 201}):
        found.append(f"{name}: only {statuses}; nothing was really tried")
    return found


@pytest.mark.parametrize("kind", GROUPS)
async def test_answers_to_made_up_requests_keep_the_promise_of_the_document(run: Run, kind: str) -> None:
    """Operations take turns in one account, and none takes away what a later one needs."""
    run.known |= await make_everything(run.deps, run.cast.account.id)
    found = [one for name in GROUPS[kind] for one in await judged(run, name)]
    assert not found, "\n".join(found)


def misjudged(operation: Operation, case: Case, answer: httpx.Response) -> list[str]:
    """Where the document and the validation of records differ on a record pushed in real time."""
    keyed = "idempotency-key" in answer.request.headers
    if not operation.path.endswith("/dynamic_call_record") or keyed or not fields_of(case.body):
        return []
    misfits = operation.request_misfits(case.body)
    if (answer.status_code == 200) == (not misfits) or (not misfits and _is_beyond_a_pattern(case)):
        return []
    return [f"the document says {misfits or 'good'}, the server {answer.text}"]


def _is_beyond_a_pattern(case: Case) -> bool:
    """Whether a text of the record is refused for what no pattern says: characters beyond ASCII, and their order."""
    texts = [fields_of(case.body).get(name) for name in TEXTS]
    hidden = re.compile(f"[{CONTROL}]")
    return any(isinstance(text, str) and not is_showable(text) and not hidden.search(text) for text in texts)


def made_up(name: str) -> Iterator[Case]:
    """Cases of one operation: right by the document, then wrong by it."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        yield from _drawn(_operations()[name], mode)


@cache
def _operations() -> dict[str, Any]:
    schema: Any = schemathesis.openapi.from_dict(document())
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.label: operation for operation in found}


def _drawn(operation: Any, mode: GenerationMode) -> list[Case]:
    cases: list[Case] = []

    @settings(
        max_examples=MANAGEMENT_CASES if operation.path.startswith(BASE) and TAG in operation.tags else CASES,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case: Case) -> None:
        cases.append(case)

    draw()
    return cases


def _plain(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments that make a request, without those that send it."""
    return {
        name: kwargs[name]
        for name in ("method", "url", "headers", "params", "json", "data", "cookies")
        if name in kwargs
    }


@pytest.mark.skipif(not DEEP, reason="takes minutes; run it with `make fuzz-api`")
def test_what_one_answer_tells_is_used_in_the_next_requests(engines: Engines, tmp_path: Path) -> None:
    """Requests in a row, by the links between operations that Schemathesis finds in the document."""
    clock = FakeClock()
    with asyncio.Runner() as runner:
        opened = opened_deps(engines, clock, tmp_path)
        begun = started(runner.run(opened.__aenter__()), clock)
        here = runner.run(begun.__aenter__())
        machine: Any = schemathesis.openapi.from_dict(document()).as_state_machine()

        class Flow(machine):
            """Sends each case to the application, and judges its answer."""

            def call(self, case: Case, **_: Any) -> object:
                answer = runner.run(here.send(here.within_reach(case)))
                return transport.Response.from_httpx(answer, verify=False)

            def validate_response(self, response: object, case: Case, **_: Any) -> None:
                case.validate_response(response, checks=CHECKS)

        try:
            Flow.run(settings=settings(BOUNDS, max_examples=FLOWS, stateful_step_count=STEPS))
        finally:
            runner.run(begun.__aexit__(None, None, None))
            runner.run(opened.__aexit__(None, None, None))

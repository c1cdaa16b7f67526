"""What every request gets, also one that cannot be answered: an envelope, and a line in the log that says why."""

import asyncio
from collections.abc import Iterable, Mapping

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from starlette.types import Message, Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.support.factories import make_cast
from tests.support.metrics_page import forget_requests, scrape
from tests.support.tracing import TRACE, TRACEPARENT, traced

from callmark.domain.deps import Deps
from callmark.domain.sessions.model import TOKEN_LENGTH
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import StatementBatcher
from callmark.surfaces.app import build_app
from callmark.surfaces.observed import Observed, request_seconds

NOWHERE = "postgresql://nobody@127.0.0.1:1/x"
_SCOPE: Scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"traceparent", TRACEPARENT.encode())]}


async def _cut(app: Observed) -> list[Message]:
    """What is sent when the request's task is cancelled once the application waits."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    running = asyncio.create_task(app(_SCOPE, receive, send))
    await asyncio.wait_for(_waiting.wait(), 30)
    running.cancel()
    await asyncio.wait({running})
    return sent


_waiting = asyncio.Event()


async def _waits(_scope: Scope, _receive: Receive, _send: Send) -> None:
    _waiting.set()
    await asyncio.Event().wait()


async def test_a_request_cut_by_a_stop_is_told_to_come_back() -> None:
    with traced() as traces, capture_logs(processors=[merge_contextvars]) as lines:
        head, body = await _cut(Observed(_waits))
    assert _traces_in(lines) == {"request_cut": TRACE, "request": TRACE}
    assert list(traces.of()) == ["POST other"]
    assert head["status"] == 503
    headers = dict(head["headers"])
    assert headers[b"retry-after"] == b"1"
    assert headers[b"connection"] == b"close"
    assert headers[b"content-type"] == b"application/json"
    assert msgspec.json.decode(body["body"])["slug"] == "service-unavailable"


def _traces_in(lines: Iterable[Mapping[str, object]]) -> dict[object, object]:
    return {line["event"]: line.get("trace_id") for line in lines}


async def test_the_lines_of_a_request_that_fails_lead_to_its_trace_and_back() -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    transport = httpx.ASGITransport(Observed(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as http:
        with traced() as traces, capture_logs(processors=[merge_contextvars]) as lines:
            await http.get("/", headers={"traceparent": TRACEPARENT})
    assert _traces_in(lines) == {"request_failed": TRACE, "request": TRACE}
    [(span,)] = traces.of().values()
    assert ((span.attributes or {})["http.response.status_code"], span.status.is_ok) == (500, False)


async def test_the_log_says_why_nothing_could_be_answered(deps: Deps) -> None:
    cast = await make_cast(deps)
    nowhere = StatementBatcher(KeptConnections(NOWHERE, size=1, name="test"))
    db = await Database.open(NOWHERE, size=1, name="test")
    app = build_app(replace(deps, db=db, gather=nowhere), frozenset({"api", "gateway", "console"}))
    asked = {"Authorization": f"Bearer {cast.token}", "Cookie": f"callmark_session={'x' * TOKEN_LENGTH}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test") as http:
        with capture_logs(processors=[merge_contextvars]) as logs:
            for path in (f"/clients/{cast.account.id}/labels", f"/logos/{'a' * 64}.png", "/console"):
                answer = await http.get(path, headers=asked)
                assert answer.status_code == 503, path
    lines = [one for one in logs if one["event"] == "request"]
    assert [one["error"].partition(":")[0] for one in lines] == ["postgresql"] * 3


@pytest.mark.parametrize(("took_s", "shows_s"), [(2.522, 3), (8.002, 10), (29.5, 30)])
async def test_how_long_a_request_took_is_told_apart_where_we_promise_something(
    deps: Deps, took_s: float, shows_s: float
) -> None:
    """A push to a silent handset and within 3 s, the wait for PostgreSQL, `wait_s`."""
    forget_requests()
    request_seconds("POST", "/x", 200).observe(took_s)
    buckets = (await scrape(deps)).all("callmark_request_seconds_bucket", "le")
    assert min(float(bound) for bound, count in buckets.items() if count) == shows_s


async def test_methods_that_a_route_does_not_have_are_one_series_of_it(deps: Deps) -> None:
    forget_requests()
    app = build_app(deps, frozenset({"api", "gateway", "stir", "console"}))
    paths = ("/console/sign-in", "/console/members", "/handset/v1/sync", "/stir/v1/signing", "/healthz", "/clients/a/x")
    methods = ("GET", "HEAD", "PUT", "PATCH", "TRACE", "PROPFIND", "LOCK", "SOURCE", "M-SEARCH")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://callmark.test") as http:
        for path in paths:
            for method in methods:
                await http.request(method, path)
    counted = [
        dict(series.labels)
        for series in (await scrape(deps)).samples
        if series.name == "callmark_request_seconds_count"
    ]
    assert {one["method"] for one in counted} <= {"GET", "HEAD", "PUT", "PATCH", "other"}
    refused = [(one["method"], one["route"]) for one in counted if one["status"] == "405"]
    assert len(refused) > len(paths) / 2
    assert {method for method, _ in refused} == {"other"}
    assert len(refused) == len(set(refused))

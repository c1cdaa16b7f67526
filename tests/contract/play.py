"""Plays a sample: sends its requests through one function and compares every answer."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from msgspec import Struct
from starlette.types import ASGIApp
from tests.client.reading import check_read
from tests.contract.cast import TOKENS, Cast
from tests.contract.matching import differences
from tests.contract.templates import GENERATIONS, Json, changed, placeholders
from tests.support.due_work import run_due_once
from tests.support.openapi import operation_of
from tests.support.requests_at_hand import at_hand

from callmark.domain.deps import Deps
from callmark.surfaces.app import build_app

MOST_CASES = 100
"""Cases of a table: the clock stands still, and a token has 100 real-time pushes a second."""

GOOD, REFUSED = 200, 400


class Request(Struct, frozen=True):
    """One request as it goes out."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


class Answer(Struct, frozen=True):
    """One answer as it came; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[Request], Awaitable[Answer]]
"""The way to the server."""


@asynccontextmanager
async def in_process(deps: Deps) -> AsyncGenerator[Send]:
    """Sends straight into our ASGI application."""
    app: ASGIApp = at_hand(build_app(deps, frozenset({"api"})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:

        async def send(request: Request) -> Answer:
            url = request.path if request.path.startswith("http") else "http://callmark.test" + request.path
            got = await client.request(request.method, url, headers=dict(request.headers), content=request.body)
            answer = Answer(got.status_code, {k.lower(): v for k, v in got.headers.items()}, got.content)
            _check_documented(request, answer)
            check_read(request.method, request.path, answer.status, answer.headers, answer.body)
            return answer

        yield send


def _check_documented(request: Request, answer: Answer) -> None:
    """Whether the API reference promises this answer, and its request's schema allows what was carried out."""
    operation = operation_of(request.method, request.path)
    if operation is None:
        return
    assert operation.answer_misfits(answer.status, answer.headers, answer.body) == []
    carried_out = answer.status == GOOD and request.body is not None
    if carried_out and not operation.path.endswith("/dynamic_call_records"):  # which takes bad records too
        assert operation.request_misfits(json.loads(request.body or b"")) == []


class Player:
    """One sample under way."""

    def __init__(self, cast: Cast, send: Send) -> None:
        self._cast = cast
        self._send = send
        self._values = cast.values

    async def steps(self, steps: list[Json]) -> None:
        """Plays the steps in order; the first that differs fails with what differs."""
        for number, step in enumerate(steps, 1):
            if "request" in step:
                for _ in range(step["request"].get("repeat", 1)):
                    found = await self.exchange(step["request"], step["response"])
                    path = f"{step['request']['method']} {step['request']['path']}"
                    assert not found, f"step {number}, {path}:\n  " + "\n  ".join(found)
            elif "run_due" in step:
                await run_due_once(self._cast.deps)
            elif "clock" in step:
                self._cast.clock.advance(timedelta(milliseconds=step["clock"]["advance_ms"]))
            else:
                await self._cast.do(step["do"])

    async def exchange(self, request: Json, response: Json) -> list[str]:
        """Sends one request; how its answer differs from the response."""
        answer = await self._send(await self._filled(request))
        wanted = response.get("headers", {})
        found = (
            [] if answer.status == response["status"] else [f"status is {answer.status}, expected {response['status']}"]
        )
        found += _headers_differ(
            self._values.fill({"Content-Type": "application/json", "X-Request-Id": {"$text": True}} | wanted),
            answer,
            self._values.names,
        )
        if "body" in response or answer.status >= REFUSED:
            actual = json.loads(answer.body)
            expected = self._values.fill(response.get("body", {"$any": True}))
            found += differences(expected, actual, self._values.names)
            if answer.status >= REFUSED:
                found += _no_message(actual)
        return [*found, f"the answer was {answer.body[:1000]!r}"] if found else []

    async def _filled(self, request: Json) -> Request:
        has_body = "body" in request or "raw_body" in request
        headers: dict[str, str | None] = {"Authorization": "Bearer {token}"}
        if has_body:
            headers["Content-Type"] = "application/json"
        headers |= request.get("headers", {})
        sent = {name: value for name, value in headers.items() if value is not None}
        await self._make_tokens(placeholders([request["path"], sent]))
        raw = self._values.fill(request["raw_body"] if "raw_body" in request else request.get("body"))
        body = (
            raw
            if isinstance(raw, bytes)
            else raw.encode()
            if "raw_body" in request
            else json.dumps(raw, ensure_ascii=False).encode()
        )
        return Request(
            request["method"], self._values.fill(request["path"]), self._values.fill(sent), body if has_body else None
        )

    async def _make_tokens(self, named: set[str]) -> None:
        """Tokens are made when they are first used, because making them is limited."""
        for name in (named & TOKENS.keys()) - self._values.names.keys():
            prefix = TOKENS[name]
            found = await self.exchange(
                {
                    "method": "POST",
                    "path": f"/clients/{{{prefix}account}}/token",
                    "headers": {"Authorization": None},
                    "body": {"api_key": f"{{{prefix}api_key}}", "key_id": f"{{{prefix}key_id}}"},
                },
                {"status": GOOD, "body": {"token": {"$token64": name}, "created_at": {"$iso": "fraction"}}},
            )
            assert not found, f"no token could be made: {found}"


class TablePlayer(Player):
    """A table of records: each case as a real-time push, or all of them as one batch."""

    def __init__(self, cast: Cast, send: Send, table: Json) -> None:
        super().__init__(cast, send)
        self._words = GENERATIONS[table["generation"]]
        self._cases: list[Json] = table["cases"]
        assert len(self._cases) <= MOST_CASES, "more real-time pushes than a second allows"

    async def real_time(self) -> None:
        """Pushes each case by itself."""
        found: list[str] = []
        for case in self._cases:
            response = {"status": REFUSED if "fault" in case else GOOD, "body": self._said("real_time", case)}
            request = {"method": "POST", "path": self._words["real_time"], "body": self._sent(case)}
            found += [f"{case['name']}: {one}" for one in await self.exchange(request, response)]
        assert not found, "\n  ".join(["as real-time pushes:", *found])

    async def bulk(self) -> None:
        """Pushes all cases as one batch and reads what became of each."""
        sent = {"call_records": [self._sent(case) for case in self._cases]}
        accepted = {"status": GOOD, "body": self._words["accepted"]}
        found = await self.exchange({"method": "POST", "path": self._words["bulk"], "body": sent}, accepted)
        assert not found, found
        await run_due_once(self._cast.deps)
        read = {"method": "GET", "path": self._words["bulk"] + "?batchId={batch}"}
        rows = _rows(await self._send(await self._filled(read)))
        assert len(rows) == len(self._cases), f"{len(rows)} rows"
        for case, row in zip(self._cases, rows, strict=True):
            found += differences(self._row(case), row, self._values.names, case["name"])
        assert not found, "\n  ".join(["as one batch:", *found])

    def _sent(self, case: Json) -> dict[str, Json]:
        return self._values.fill(changed(self._words["record"], case["change"]))

    def _row(self, case: Json) -> Json:
        sent = self._sent(case)
        shown = {name: sent.get(name) for name in self._words["record"]}
        unknown = sent.keys() - shown.keys()
        assert unknown == set(case.get("ignored", [])), f"{case['name']} must say that {unknown} are ignored"
        shown |= self._values.fill(case.get("shows", {}))
        return self._values.fill(self._words["row"]) | shown | self._said("row", case)

    def _said(self, where: str, case: Json) -> Json:
        outcome = case.get("outcome", "success")
        how = "fault" if "fault" in case else "success" if outcome == "success" else "outcome"
        self._values.names |= {
            "outcome": outcome,
            "outcome_in_lower_case": outcome.lower(),
            "field": case.get("field", ""),
            "fault": case.get("fault", ""),
        }
        return self._values.fill(self._words[f"{where}_{how}"])


def _rows(answer: Answer) -> list[Json]:
    """The records of a status answer: v1 answers with the bare array."""
    body = json.loads(answer.body)
    return body if isinstance(body, list) else body["data"]  # pyright: ignore[reportUnknownVariableType] - JSON is what it is


def _headers_differ(expected: Json, answer: Answer, names: dict[str, str]) -> list[str]:
    found: list[str] = []
    for name, value in expected.items():
        found += differences(value, answer.headers.get(name.lower()), names, f"header {name}")
    return found


def _no_message(body: Json) -> list[str]:
    message = body.get("message") or body.get("status_info", {}).get("message")
    return [] if isinstance(message, str) and message else ["the error has no message"]

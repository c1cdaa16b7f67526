"""What no program of ours sends to the emulator: every route of its table, never a 5xx, always the envelope."""

import re
from collections.abc import AsyncGenerator, Iterator
from itertools import cycle
from typing import Any

import httpx
import pytest
from msgspec import Struct
from starlette.routing import Route
from tests.support.factories import phone
from tests.support.hostile_requests import DEEP, QUERIES, ROUNDS, SEGMENTS, headers
from tests.surfaces.emulator.running import Emulated

from callmark.surfaces.emulator.app import EmulatorRoutes

MAGICIAN = "919900000016"
QUERY = ("caller", "page", "limit", "after", "to", "q")
BODIES = (
    b"null",
    b"[]",
    b'"x"',
    b"1e400",
    b"NaN",
    b"\xff",
    b'{"\xff":1}',
    DEEP,
    b"[" * 900,
    b'{"advance_s":1e400,"seed":1e400,"phone_number":1e400,"count":1e400,"status":1e400,"caller":1e400}',
    b'{"advance_s":-1e308,"seed":-9223372036854775809}',
    b'{"seed":' + b"9" * 400 + b"}",
    b'{"advance_s":' + b"9" * 400 + b"}",
    b'{"phone_number":"\\u0000"}',
    b'{"phone_number":"919900112233","app_version":"\\u0000","os":"\\ud83d"}',
    b'{"caller":"\\u0000","receiver":"\\ud83d"}',
    b'{"business_number":"\\u0000","campaign_id":"\\u0000","call_type":"\\ud83d","answers":[]}',
    b'{"act":"ring","caller":"\\u0000","call":"x","step":"\\ud83d"}',
    b'{"act":"call_me_back","call":"00000000-0000-0000-0000-000000000000","slot":"x","answers":[{}]}',
    b'{"status":200,"headers":{"a":"\\u0000"},"body":"\\u0000","delay_s":1e-400}',
)


class Attacked(Struct):
    """A running emulator, asked without what a client of ours would put right."""

    http: httpx.AsyncClient
    url: str
    routes: list[Route]

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = httpx.URL(self.url).copy_with(raw_path=path.encode())
        async with self.http.stream(method, url, **more) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):  # it has no end
                assert (await anext(answer.aiter_lines())).startswith("event: ")
                return answer
            await answer.aread()
        assert answer.status_code < 500, (method, path[:200], more, answer.text)
        assert answer.headers["x-request-id"]
        if answer.status_code >= 400 and method != "HEAD":
            assert answer.headers["content-type"] == "application/json", (method, path[:200])
            assert answer.json().keys() == {"slug", "message"} or _is_of_push_service(path, answer.json())
        return answer

    def all(self, segment: str) -> Iterator[tuple[str, str]]:
        """Every method and path, its parameters filled in."""
        for route in self.routes:
            for method in sorted((route.methods or set[str]()) - {"HEAD"}):
                yield method, filled(route.path, segment)


def _is_of_push_service(path: str, body: dict[str, Any]) -> bool:
    """The push service speaks another protocol, which has errors of its own."""
    return path.startswith("/emulator/fcm/") and "error" in body


def filled(path: str, segment: str) -> str:
    return re.sub(r"\{\w+\}", lambda _: segment, path)


@pytest.fixture
async def attacked(magic_emulator: Emulated) -> AsyncGenerator[Attacked]:
    url = f"http://127.0.0.1:{magic_emulator.port}"
    routes = [one for one in EmulatorRoutes(magic_emulator.deps).routes if isinstance(one, Route)]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        yield Attacked(http, url, routes)


async def test_no_path_makes_the_emulator_fail(attacked: Attacked) -> None:
    for segment in SEGMENTS:
        for method, path in attacked.all(segment):
            if segment in path:
                await attacked.send(method, path, **({} if method == "GET" else {"content": b"{}"}))


async def test_no_query_makes_the_emulator_fail(attacked: Attacked) -> None:
    for value in QUERIES:
        asked = "&".join(f"{name}={value}" for name in QUERY)
        for method, path in attacked.all(MAGICIAN):
            if method == "GET":
                await attacked.send(method, f"{path}?{asked}")
        assert (await attacked.send("POST", f"/emulator/v1/sinks/orders?{asked}")).status_code == 200
    assert len((await attacked.send("GET", "/emulator/v1/sinks/orders/requests")).json()) == len(QUERIES)


async def test_no_body_makes_the_emulator_fail(attacked: Attacked) -> None:
    for body in BODIES:
        for method, path in attacked.all(phone()):
            if method in {"POST", "PUT", "PATCH"}:
                await attacked.send(method, path, content=body, headers={"Content-Type": "application/json"})


async def test_no_header_makes_the_emulator_fail(attacked: Attacked) -> None:
    turns = cycle(ROUNDS)
    for method, path in attacked.all(phone()):
        for of_round in ROUNDS if "/sinks/" in path else [next(turns)]:  # a sink keeps all headers, others read few
            for without in ((), ("Host", "Origin", "Sec-Fetch-Site")):  # the guard refuses most of the first
                sent = headers(of_round, without=without)
                await attacked.send(method, path, headers=sent, content=b"[]" if method != "GET" else None)

"""What no client of ours sends, on every route of every surface but the console: never a 5xx, always the envelope."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock
from tests.support.hostile_requests import DEEP, QUERIES, ROUNDS, SEGMENTS, headers, sixth

from callmark.domain.deps import Deps
from callmark.domain.policy.plan import ALL_ACCESS
from callmark.surfaces.api.management.routes import MANAGEMENT_ROUTES
from callmark.surfaces.api.route import ApiRoute
from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.app import build_app
from callmark.surfaces.gateway.http_verbs import TABLE as GATEWAY
from callmark.surfaces.observed import Observed

PARAMETERS = (
    "page",
    "limit",
    "batchId",
    "after",
    "from",
    "to",
    "from_date",
    "format",
    "generation",
    "receiver_number",
    "caller_number",
    "department_id",
    "operation_id",
    "process_id",
    "feature_set_id",
    "caller",
    "v",
)
BETWEEN = timedelta(milliseconds=50)
"""The clock goes on with each request, or limits would answer most of them."""
LENGTHS = (b"-1", b"9" * 5000, b"\xb2", b"1e3", b"0x10")
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"1e400",
    b"NaN",
    b'{"a":NaN}',
    b"\xff",
    b'{"\xff":1}',
    b"\xef\xbb\xbf{}",
    b'{"a":' + DEEP + b"}",
    DEEP,
    b'{"api_key":1e400,"phone_numbers":1e400,"call_records":[1e400],"caller":1e400}',
    b'{"api_key":"\\u0000","phone_numbers":["\\u0000"],"call_records":[{"caller":"\\u0000"}]}',
    b'{"phone_number":"\\u0000","os":"\\u0000","app_version":"\\u0000","caller_number":"\\u0000"}',
    b'{"api_key":"\\ud83d","phone_numbers":["\\ud83d"],"call_records":[{"caller":"\\ud83d","\\ud83d":1}]}',
    b'{"phone_numbers":["1","1"],"phone_numbers":[123456789012345678901234567890]}',
    b'{"starts_at":' + b"9" * 5000 + b',"ends_at":-9223372036854775809}',
    b'{"call_records":[{"caller_number":' + b"[" * 900 + b"]" * 900 + b"}]}",
)


class Attacked(Struct):
    """The application, and a token that may do everything."""

    http: httpx.AsyncClient
    clock: FakeClock
    account: str
    token: str

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.clock.advance(BETWEEN)
        url = httpx.URL("http://callmark.test").copy_with(raw_path=path.encode())
        headers = {b"authorization": f"Bearer {self.token}".encode()} | more.pop("headers", {})
        answer = await self.http.request(method, url, headers=headers, **more)
        assert answer.status_code < 500, (method, path[:200], more, answer.text)
        assert answer.headers["x-request-id"]
        if answer.status_code >= 400 and method != "HEAD":
            assert answer.headers["content-type"] == "application/json", (method, path[:200])
            told = answer.json()
            assert told.get("status_info", told)["message"]
        return answer


@pytest.fixture
async def attacked(deps: Deps, clock: FakeClock) -> AsyncGenerator[Attacked]:
    cast = await make_cast(deps, features=frozenset(ALL_ACCESS))
    app = build_app(deps, frozenset({"api", "gateway"}))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as http:
        yield Attacked(http, clock, str(cast.account.id), cast.token)


def routes_at(at: int, turn: int) -> list[ApiRoute]:
    """The contract's routes and our extensions, and a sixth of those that manage an account."""
    return [*(one for one in ROUTES if one not in MANAGEMENT_ROUTES), *sixth(MANAGEMENT_ROUTES, at, turn)]


def filled(path: str) -> str:
    """A path whose parameters have their own names as values: any would do."""
    return path.replace("{", "").replace("}", "")


def api_paths(account: str, at: int, turn: int) -> list[tuple[str, str]]:
    segment = SEGMENTS[at]
    found: list[tuple[str, str]] = []
    for route in routes_at(at, turn):
        names = [part for part in route.path.split("/") if part.startswith("{")]
        for name in names:
            path = route.path.replace(name, segment).replace("{clientAccountId}", account)
            for other in names:
                path = path.replace(other, "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10")
            found.append((route.method, path))
    return found


async def test_no_path_makes_a_server_fail(attacked: Attacked, subtests: pytest.Subtests, turn: int) -> None:
    for at, segment in enumerate(SEGMENTS):
        others = [f"/{place}/{segment}" for place in ("static", "downloads", "logos", "docs", "handset/v1", "nowhere")]
        others += [f"/{segment}", f"/logos/{segment}.png", f"/static/console/{segment}", f"/clients/{segment}"]
        with subtests.test(segment=segment[:40]):
            for method, path in [*api_paths(attacked.account, at, turn), *(("GET", path) for path in others)]:
                answer = await attacked.send(method, path, **({"content": b"{}"} if method == "POST" else {}))
                assert answer.status_code >= 400, path


async def test_no_query_makes_a_server_fail(attacked: Attacked, subtests: pytest.Subtests, turn: int) -> None:
    for at, value in enumerate(QUERIES):
        with subtests.test(value=value[:40]):
            await _ask(attacked, [one.path for one in routes_at(at, turn) if one.method == "GET"], value)


async def _ask(attacked: Attacked, templates: list[str], value: str) -> None:
    asked = "&".join(f"{name}={value}" for name in PARAMETERS)
    for template in templates:
        path = template.replace("{clientAccountId}", attacked.account)
        for one in ("recordId", "batchId", "surveyId"):
            path = path.replace(f"{{{one}}}", "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10")
        await attacked.send("GET", f"{path}?{asked}")
        for name in ("page", "after", "from", "batchId"):
            await attacked.send("GET", f"{path}?{name}={value}")
    for path in ("/openapi.json", "/docs", "/healthz", "/readyz", "/static/console/console.css"):
        assert (await attacked.send("GET", f"{path}?{asked}")).status_code == 200


async def test_no_body_makes_a_server_fail(attacked: Attacked, subtests: pytest.Subtests, turn: int) -> None:
    for at, body in enumerate(BODIES):
        paths = [
            route.path.replace("{clientAccountId}", attacked.account) + "?generation=v2"
            for route in routes_at(at, turn)
            if route.method == "POST"
        ]
        with subtests.test(body=body[:40]):
            for path in map(filled, [*paths, *(f"/handset/v1/{verb}" for verb in GATEWAY)]):
                for sent in ({}, {"Content-Type": "application/json; charset=utf-16"}, {"Content-Encoding": "gzip"}):
                    await attacked.send("POST", path, content=body, headers=sent)


async def test_no_header_makes_a_server_fail(attacked: Attacked, subtests: pytest.Subtests, turn: int) -> None:
    others = (
        "docs",
        "docs/handset",
        "openapi.json",
        "asyncapi.json",
        "healthz",
        "readyz",
        "nowhere",
        "handset/v1/stream",
    )
    elsewhere = [("POST", f"/handset/v1/{verb}") for verb in GATEWAY]
    elsewhere += [("GET", f"/{path}") for path in (*others, "static/console/console.css", f"logos/{'a' * 64}.png")]
    elsewhere += [("GET", "/downloads/a"), ("HEAD", "/docs")]
    for of_round in ROUNDS:
        routes = [
            (one.method, one.path.replace("{clientAccountId}", attacked.account)) for one in routes_at(of_round, turn)
        ]
        with subtests.test(of_round=of_round):
            for method, path in [*routes, *elsewhere]:
                await _ask_with_headers(attacked, method, filled(path), of_round)


async def _ask_with_headers(attacked: Attacked, method: str, path: str, of_round: int) -> None:
    for without in ((), ("Authorization", "Content-Type"), ("Authorization", "Idempotency-Key")):
        sent = headers(of_round, without=without)
        if of_round < len(LENGTHS):
            sent[b"content-length"] = LENGTHS[of_round]
        await attacked.send(method, path, headers=sent, content=b"{}")


async def test_no_method_makes_a_server_fail(attacked: Attacked, subtests: pytest.Subtests) -> None:
    others = (
        "/handset/v1/sync",
        "/docs",
        "/openapi.json",
        "/static/console/console.css",
        "/healthz",
        "/logos/a.png",
    )
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "CONNECT"):
        takes_it = {route.path for route in ROUTES if route.method == method}
        paths = [one.path.replace("{clientAccountId}", attacked.account) for one in ROUTES if one.path not in takes_it]
        with subtests.test(method=method):
            for path in map(filled, [*paths, *others]):
                assert (await attacked.send(method, path)).status_code in {401, 404, 405}, path


async def test_head_answers_as_get_without_a_body(attacked: Attacked, subtests: pytest.Subtests) -> None:
    paths = (
        "/openapi.json",
        "/asyncapi.json",
        "/docs",
        "/healthz",
        "/readyz",
        "/static/console/console.css",
        "/nowhere",
        "/logos/a.png",
    )
    for path in paths:
        with subtests.test(path=path):
            got, head = await attacked.send("GET", path), await attacked.send("HEAD", path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            ours = {"x-request-id"}
            assert {k: v for k, v in head.headers.items() if k not in ours} == {
                k: v for k, v in got.headers.items() if k not in ours
            }
            assert int(head.headers["content-length"]) > 0


async def test_every_get_route_of_the_api_answers_head_alike(attacked: Attacked) -> None:
    for route in ROUTES:
        path = filled(route.path.replace("{clientAccountId}", attacked.account))
        got, head = await attacked.send("GET", path), await attacked.send("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-length"] == got.headers["content-length"], path
        assert head.headers.get("allow") == got.headers.get("allow")


async def test_a_bug_is_answered_in_the_envelope_and_logged_once_with_its_request() -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    transport = httpx.ASGITransport(Observed(broken), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as http:
        with capture_logs(processors=[merge_contextvars]) as logs:
            answer = await http.get("/", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 500
    assert answer.json() == {"slug": "internal-server-error", "message": "internal error"}
    assert [line["request_id"] for line in logs if line["log_level"] == "error"] == ["mine"]


async def test_a_bug_below_the_router_is_answered_alike_and_logged_once(deps: Deps) -> None:
    class Gone:
        def __getattr__(self, name: str) -> object:
            raise ZeroDivisionError(name)

    lost: Any = Gone()
    app = build_app(replace(deps, db=lost), frozenset({"api", "gateway"}))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as http:
        with capture_logs() as logs:
            answer = await http.get(f"/logos/{'a' * 64}.png")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/json")
    assert msgspec.json.decode(answer.content)["slug"] == "internal-server-error"
    assert len([line for line in logs if line["log_level"] == "error"]) == 1

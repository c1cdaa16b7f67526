"""Log downloads over HTTP: what the recorded samples cannot say."""

import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from tests.support.factories import Cast, make_cast
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed
from tests.support.log_downloads import answered, as_cells, asked_to_call_back, make_survey, payloads, rows

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import KeyId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.surfaces.app import build_app

RANGE = "?from=1767261600&to=1767265200"


@pytest.fixture
async def http(deps: Deps) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the application."""
    app = build_app(deps, frozenset({"api"}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=deps.public_url) as client:
        yield client


@pytest.fixture
async def cast(deps: Deps) -> Cast:
    """Alice's account."""
    return await make_cast(deps)


@pytest.fixture
async def listed(deps: Deps, cast: Cast) -> Listed:
    """Her listed number; one receiver has asked to be called back."""
    return await asked_to_call_back(deps, await make_listed(deps, account_id=cast.account.id))


async def ask(http: httpx.AsyncClient, cast: Cast, path: str) -> httpx.Response:
    """A request of the account's API."""
    headers = {"Authorization": f"Bearer {cast.token}", "Accept": "application/vnd.api+json; version=1.0"}
    return await http.get(f"/clients/{cast.account.id}/openapi/{path}", headers=headers)


async def link(http: httpx.AsyncClient, cast: Cast, path: str = f"callback-logs/summary{RANGE}") -> str:
    """The URL that a request is answered with."""
    answer = await ask(http, cast, path)
    assert answer.status_code == 200, answer.text
    return answer.json()["url"]


async def test_the_link_leads_to_the_file(deps: Deps, http: httpx.AsyncClient, cast: Cast, listed: Listed) -> None:
    url = await link(http, cast)
    assert url.startswith("http://callmark.test/downloads/")
    first, second = await http.get(url), await http.get(url)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert rows(first.content) == [as_cells(one) for one in await payloads(deps, listed.account_id)]
    assert first.headers["content-length"] == str(len(first.content))
    assert first.headers["cache-control"] == "private, no-store"
    assert first.headers["x-content-type-options"] == "nosniff"


async def test_head_tells_what_get_would_give(http: httpx.AsyncClient, cast: Cast, listed: Listed) -> None:
    del listed
    url = await link(http, cast)
    head, get = await http.head(url), await http.get(url)
    assert (head.status_code, head.content) == (200, b"")
    same = ("content-length", "content-type", "content-disposition")
    assert [head.headers[name] for name in same] == [get.headers[name] for name in same]


async def test_ndjson_is_asked_for_by_a_parameter(
    deps: Deps, http: httpx.AsyncClient, cast: Cast, listed: Listed
) -> None:
    survey = await make_survey(deps, listed)
    await answered(deps, listed, survey, "Yes", "a\nb")
    url = await link(http, cast, f"feedback_stack/{survey.id}/export_report?from_date=1767261600&format=ndjson")
    found = await http.get(url)
    assert found.headers["content-type"] == "application/x-ndjson"
    assert 'filename="user-feedback_2026-01-01_2026-01-01.ndjson"' in found.headers["content-disposition"]
    assert [json.loads(line) for line in found.text.splitlines()] == (await payloads(deps, listed.account_id))[1:]


async def test_a_feedback_file_holds_every_answer_from_the_instant_on(
    deps: Deps, http: httpx.AsyncClient, clock: FakeClock, cast: Cast, listed: Listed
) -> None:
    survey = await make_survey(deps, listed)
    for _ in range(3):
        await answered(deps, listed, survey, "Yes")
        clock.advance(timedelta(seconds=1))
    url = await link(http, cast, f"feedback_stack/{survey.id}/export_report?from_date=1767261601")
    clock.advance(timedelta(seconds=1))
    await answered(deps, listed, survey, "No")  # after the link was made
    found = rows((await http.get(url)).content)
    assert [row["responded_at"] for row in found] == ["1767261601", "1767261602"]


async def test_a_link_that_is_not_ours_is_404(http: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for token in ("x", "a.b", "..", "%00", "%F0%9F%99%8F", "x" * 5_000):
        with subtests.test(token=token[:20]):
            answer = await http.get(f"/downloads/{token}")
            assert answer.status_code == 404
            assert answer.json().keys() == {"slug", "message"}


async def test_a_link_that_was_tampered_with_is_404(http: httpx.AsyncClient, cast: Cast, listed: Listed) -> None:
    del listed
    url = await link(http, cast)
    claims, _, signature = url.rpartition("/")[2].partition(".")
    for forged in (f"{claims}.", claims, f"A{claims[1:]}.{signature}", f"{claims}.{signature[::-1]}"):
        answer = await http.get(f"/downloads/{forged}")
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")


async def test_a_key_needs_the_feature_of_the_log(deps: Deps, http: httpx.AsyncClient) -> None:
    rights = {
        "callback-logs/summary": Feature.CALL_ME_BACK,
        "feedback_stack/8e2f7a31-52c4-4b6d-9f10-7a6b5c4d3e2f/export_report": Feature.USER_FEEDBACK,
    }
    for path, feature in rights.items():
        without = await make_cast(deps, features=frozenset(Feature) - {feature})
        with_it = await make_cast(deps, features=frozenset({feature}))
        assert (await ask(http, without, path)).status_code == 403
        assert (await ask(http, with_it, path)).status_code == 400


async def test_a_link_outlives_its_key(deps: Deps, http: httpx.AsyncClient, cast: Cast, listed: Listed) -> None:
    del listed
    url = await link(http, cast)
    await credentials.delete_key(deps, cast.account.id, KeyId(UUID(cast.key_id)), by=SYSTEM)
    assert (await ask(http, cast, f"callback-logs/summary{RANGE}")).status_code == 401
    assert (await http.get(url)).status_code == 200

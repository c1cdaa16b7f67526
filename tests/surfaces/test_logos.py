"""`GET /logos/<sha256>.png` in the application that serves it."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from tests.support.factories import make_label

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.labels import service as labels
from callmark.domain.policy.model import SYSTEM
from callmark.surfaces.app import build_app


@pytest.fixture
async def client(deps: Deps) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_app(deps, frozenset()))
    async with httpx.AsyncClient(transport=transport, base_url="http://callmark.test") as client:
        yield client


async def logo_address(deps: Deps) -> str:
    label = await make_label(deps, (await accounts.create_account(deps, "Acme", by=SYSTEM)).id)
    return labels.logo_url(deps.public_url, label)


async def test_a_logo_is_served_as_a_png_that_may_be_kept_for_ever(deps: Deps, client: httpx.AsyncClient) -> None:
    address = await logo_address(deps)
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["ETag"].strip('"') in address


async def test_whoever_holds_a_logo_is_not_sent_it_again(deps: Deps, client: httpx.AsyncClient) -> None:
    address = await logo_address(deps)
    tag = (await client.get(address)).headers["ETag"]
    for condition in (tag, f'"other", W/{tag}'):
        again = await client.get(address, headers={"If-None-Match": condition})
        assert (again.status_code, again.content) == (304, b"")
    changed = await client.get(address, headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_a_head_request_gets_the_headers_alone(deps: Deps, client: httpx.AsyncClient) -> None:
    answer = await client.head(await logo_address(deps))
    assert (answer.status_code, answer.content) == (200, b"")


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    names = ("0" * 64, "0" * 63, "A" * 64, "x", "..%2f..%2fetc%2fpasswd", "0" * 63 + "\u0663")
    answers = {name: await client.get(f"/logos/{name}.png") for name in names}
    told = {name: (answer.status_code, answer.json()) for name, answer in answers.items()}
    assert told == dict.fromkeys(names, (404, {"slug": "not-found", "message": "resource not found"}))

"""New secrets: each is shown once, to the session that made it, and a reload makes nothing again."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from msgspec import Struct
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import Browser, Business, Visitors, make_operator, text_of

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.handsets import service as handsets
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import SYSTEM, Action, Actor, ActorKind
from callmark.domain.webhooks import service as webhooks
from callmark.kit.ids import random_uuid, sha256
from callmark.surfaces import console
from callmark.surfaces.console.route import Access
from callmark.surfaces.console.routes import TABLE


class Stage(Struct):
    deps: Deps
    business: Business
    operator: Operator
    alice: Browser
    olive: Browser


@pytest.fixture
async def stage(deps: Deps, business: Business, browse: Visitors) -> Stage:
    operator = await make_operator(deps)
    return Stage(deps, business, operator, await browse.as_member(business.admin), await browse.as_operator(operator))


async def _new_key(stage: Stage) -> httpx.Response:
    return await stage.alice.post("/console/keys/new", {"name": "dialer", "features": ["call_me_back"]})


async def _regenerated(stage: Stage) -> httpx.Response:
    await credentials.create_key(stage.deps, stage.business.account.id, name="old", features=[], by=SYSTEM)
    page = await stage.alice.get("/console/keys")
    path = page.text.partition('/regenerate"')[0].rpartition('"')[2]
    return await stage.alice.post(f"{path}/regenerate")


async def _new_webhook(stage: Stage) -> httpx.Response:
    form = {"name": "crm", "url": "https://example.com/hook", "event_types": ["cmb"]}
    return await stage.alice.post("/console/webhooks/new", form)


async def _rotated(stage: Stage) -> httpx.Response:
    made = await webhooks.create_webhook(
        stage.deps,
        stage.business.account.id,
        name="crm",
        url="https://example.com/hook",
        event_types=[EventType.CALL_ME_BACK],
        by=Actor(ActorKind.MEMBER, stage.business.admin.email),
    )
    return await stage.alice.post(f"/console/webhooks/{made.webhook.id}/rotate", {"overlap": "24"})


async def _new_app(stage: Stage) -> httpx.Response:
    return await stage.olive.post("/console/operator/handset-apps/new", {"name": "dialer app"})


TEMPLATES = Path(str(console.__file__)).with_name("templates")

MAKERS = {
    "key": _new_key,
    "regenerated": _regenerated,
    "webhook": _new_webhook,
    "rotated": _rotated,
    "app": _new_app,
}


async def _state(stage: Stage) -> object:
    """All that a second making would change."""
    account = stage.business.account.id
    return (
        await credentials.list_keys(stage.deps, account),
        await webhooks.list_webhooks(stage.deps, account),
        len(await handsets.list_apps(stage.deps)),
    )


@pytest.mark.parametrize("maker", MAKERS)
async def test_a_reload_says_that_the_secret_was_shown_and_makes_nothing(stage: Stage, maker: str) -> None:
    make: Callable[[Stage], Awaitable[httpx.Response]] = MAKERS[maker]
    answer = await make(stage)
    browser = stage.olive if maker == "app" else stage.alice
    assert answer.status_code == 303
    before = await _state(stage)
    head = await browser.http.head(answer.headers["location"])
    assert head.status_code == 200
    shown = await browser.follow(answer)
    assert shown.status_code == 200
    assert "It cannot be shown again" in text_of(shown)
    for _ in range(2):
        again = await browser.follow(answer)
        assert again.status_code == 404
        assert (await browser.http.head(answer.headers["location"])).status_code == 404
        said = text_of(again)
        assert "has already been shown" in said
        assert "Nothing was created or changed" in said
        assert "If you did not save the" in said
    assert await _state(stage) == before


def test_every_page_that_shows_a_secret_once_says_so_to_its_script() -> None:
    """Which hides the secret when the page is left: Back would show it from what the browser kept."""
    pages = {path: path.read_text() for path in TEMPLATES.rglob("*.html")}
    once = [text for text in pages.values() if "cannot be shown again" in text]
    assert len(once) == 5
    assert ["data-shown-once" in text for text in once] == [True] * 5


async def test_a_secret_is_shown_to_the_session_that_made_it_and_to_no_other(
    stage: Stage, business: Business, browse: Visitors
) -> None:
    answer = await _new_key(stage)
    for other in (await browse.as_member(business.admin), stage.olive):
        assert (await other.follow(answer)).status_code in {403, 404}
    assert (await browse().follow(answer)).status_code == 303
    assert "Secret API Key" in text_of(await stage.alice.follow(answer))


async def test_a_secret_that_nobody_read_is_gone_after_ten_minutes(stage: Stage, clock: FakeClock) -> None:
    answer = await _new_key(stage)
    clock.advance(timedelta(minutes=10))
    assert (await stage.alice.follow(answer)).status_code == 404


async def test_what_the_database_keeps_of_a_secret_cannot_be_read(stage: Stage) -> None:
    answer = await _new_webhook(stage)
    token = answer.headers["location"].rpartition("/")[2]
    async with stage.deps.db.connection() as tx:
        rows = await tx.fetch("SELECT sha256, sealed FROM handed_over")
    secret = (await stage.alice.follow(answer)).text.partition("whsec_")[2][:20]
    assert len(secret) == 20
    kept = b"".join(row["sha256"] + row["sealed"] for row in rows)
    assert secret.encode() not in kept
    assert token.encode() not in kept
    async with stage.deps.db.connection() as tx:
        assert not await tx.fetchval("SELECT true FROM handed_over WHERE sha256 = $1", sha256(token))


_CHANGE_NOTHING = {
    "/callbacks/configurations/{id}/preview",
    "/numbers/chosen",
    "/webhooks/{id}/recover",
}
"""Forms that only show what would be: to reload their answer does nothing, and their buttons post on."""


@pytest.mark.parametrize("form", [{}, {"name": "x", "email": "x", "password": "x", "code": "x"}])
async def test_every_form_is_answered_by_a_redirect_or_by_itself(
    stage: Stage, browse: Visitors, form: dict[str, str]
) -> None:
    for entry in TABLE:
        if entry.method != "POST" or entry.path in _CHANGE_NOTHING:
            continue
        by = stage.olive if entry.needs is Action.OPERATE else stage.alice
        if entry.needs is Access.ANYBODY:
            by = browse()
            await by.get("/console/sign-in")
        path = f"/console{re.sub(r'{[^}]+}', str(random_uuid()), entry.path)}"
        answer = await by.post(path, form)
        assert answer.status_code in {303, 401, 404, 422}, (entry.path, answer.status_code)

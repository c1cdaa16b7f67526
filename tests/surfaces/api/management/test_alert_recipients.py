"""Recipients of alerts by REST: of each kind, changed, tested, deleted; what does not fit its kind is refused."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.domain.webhooks.receiving import receiver, staged, status
from tests.support.written_mails import written_mails
from tests.surfaces.api.management.managing import Manager, managing

from callmark.domain.alerts.model import DEFAULT_KINDS, MOST_RECIPIENTS
from callmark.domain.deps import Deps
from callmark.domain.mail.model import Mail
from callmark.kit.ids import random_text

PAUSED = ["webhook_paused"]
URL = "https://chat.acme.example/hooks/T0/B0/s3cr3t-k7Qd"


@pytest.fixture
async def alice(deps: Deps) -> AsyncGenerator[Manager]:
    async with managing(deps) as made:
        yield made


def channel(url: str = URL) -> dict[str, object]:
    return {"kind": "channel", "name": "#callers", "url": url, "alert_kinds": PAUSED}


async def mails_to(deps: Deps, email: str) -> list[Mail]:
    return [one for one in await written_mails(deps) if one.to == email]


async def test_the_admins_are_there_and_may_be_told_nothing(alice: Manager) -> None:
    (admins,) = (await alice.get("alert_recipients"))["alert_recipients"]
    assert (admins["id"], admins["kind"], admins["role"]) == (str(alice.account_id), "role", "admin")
    assert set(admins["alert_kinds"]) == DEFAULT_KINDS
    at = f"alert_recipients/{admins['id']}"
    assert (await alice.patch(at, {"alert_kinds": []}))["alert_kinds"] == []
    assert await alice.refusal("DELETE", at) == (409, "")
    assert await alice.actions() == ["alerts.changed"]


async def test_a_recipient_of_each_kind_is_created_changed_and_deleted(deps: Deps, alice: Manager) -> None:
    email = f"ops-{random_text(6).lower()}@elsewhere.example"
    owners = await alice.create("alert_recipients", {"kind": "role", "role": "process_owner", "alert_kinds": PAUSED})
    ops = await alice.create("alert_recipients", {"kind": "email", "email": email, "alert_kinds": PAUSED})
    chat = await alice.create("alert_recipients", channel())
    assert (owners["role"], ops["email"], ops["confirmed_at"]) == ("process_owner", email, None)
    assert (chat["name"], chat["short_url"]) == ("#callers", "chat.acme.example/…k7Qd")
    (letter,) = await mails_to(deps, email)
    assert "/console/alerts/confirm/" in letter.text
    listed = (await alice.get("alert_recipients?limit=2"), await alice.get("alert_recipients"))
    assert [one["id"] for one in listed[1]["alert_recipients"]][1:] == [owners["id"], ops["id"], chat["id"]]
    rest = await alice.get(f"alert_recipients?after={listed[0]['next_after']}")
    assert [one["id"] for one in rest["alert_recipients"]] == [ops["id"], chat["id"]]
    at = f"alert_recipients/{chat['id']}"
    assert (await alice.patch(at, {"name": "#ops"}))["alert_kinds"] == PAUSED
    changed = await alice.patch(at, {"alert_kinds": ["webhook_failing", "webhook_working"]})
    assert (changed["name"], changed["alert_kinds"]) == ("#ops", ["webhook_failing", "webhook_working"])
    assert await alice.get(at) == changed == await alice.delete(at)
    assert await alice.refusal("GET", at) == (404, "")
    added, log = ["alerts.added"] * 3, await alice.get("audit_log")
    assert await alice.actions() == [*added, "alerts.changed", "alerts.changed", "alerts.removed"]
    assert "s3cr3t" not in str(log)


async def test_an_idempotency_key_sends_one_letter(deps: Deps, alice: Manager) -> None:
    email = f"ops-{random_text(6).lower()}@elsewhere.example"
    body, key = {"kind": "email", "email": email, "alert_kinds": PAUSED}, random_text(8)
    made = [await alice.ask("POST", "alert_recipients", body, Idempotency_Key=key) for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].content == made[1].content
    assert len(await mails_to(deps, email)) == 1


async def test_a_channel_is_tested_and_says_what_came_back(deps: Deps) -> None:
    async with receiver(status(200, 503)) as chat, staged(deps) as stage, managing(stage.deps) as alice:
        made = await alice.create("alert_recipients", channel(chat.url))
        at = f"alert_recipients/{made['id']}/test"
        assert (await alice.post(at))["last_error"] is None
        assert "503" in (await alice.post(at))["last_error"]
        assert await alice.refusal("POST", f"alert_recipients/{alice.account_id}/test") == (409, "")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "pigeon", "alert_kinds": PAUSED}, "kind"),
    ({"kind": "role", "alert_kinds": PAUSED}, "role"),
    ({"kind": "role", "role": "king", "alert_kinds": PAUSED}, "role"),
    ({"kind": "role", "role": "process_owner", "alert_kinds": []}, "alert_kinds"),
    ({"kind": "role", "role": "process_owner", "alert_kinds": ["weather"]}, "alert_kinds[0]"),
    ({"kind": "role", "role": "process_owner", "email": "a@b.example", "alert_kinds": PAUSED}, "email"),
    ({"kind": "email", "alert_kinds": PAUSED}, "email"),
    ({"kind": "email", "email": "nobody", "alert_kinds": PAUSED}, "email"),
    ({"kind": "channel", "name": "#a", "alert_kinds": PAUSED}, "url"),
    ({"kind": "channel", "name": "", "url": URL, "alert_kinds": PAUSED}, "name"),
    ({"kind": "channel", "name": "#a", "url": "ftp://chat.example", "alert_kinds": PAUSED}, "url"),
    ({"kind": "role", "role": "process_owner"}, "alert_kinds"),
]


async def test_what_does_not_fit_is_refused_by_its_field(alice: Manager, subtests: pytest.Subtests) -> None:
    for body, field in WRONG:
        with subtests.test(body=body):
            assert await alice.refusal("POST", "alert_recipients", body) == (400, field)
            assert len((await alice.get("alert_recipients"))["alert_recipients"]) == 1


async def test_a_name_is_for_channels_and_at_least_one_kind_for_all_but_admins(alice: Manager) -> None:
    admins = f"alert_recipients/{alice.account_id}"
    assert await alice.refusal("PATCH", admins, {"name": "Admins"}) == (400, "name")
    made = await alice.create("alert_recipients", channel())
    assert await alice.refusal("PATCH", f"alert_recipients/{made['id']}", {"alert_kinds": []}) == (400, "alert_kinds")


async def test_who_is_there_already_and_one_too_many_are_conflicts(alice: Manager) -> None:
    body = {"kind": "role", "role": "process_owner", "alert_kinds": PAUSED}
    made = await asyncio.gather(*(alice.ask("POST", "alert_recipients", body) for _ in range(3)))
    assert sorted(one.status_code for one in made) == [201, 409, 409]
    for _ in range(MOST_RECIPIENTS - 1):
        await alice.create("alert_recipients", channel())
    assert await alice.refusal("POST", "alert_recipients", channel()) == (409, "")

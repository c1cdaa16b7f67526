"""The page of alerts: recipients are added, changed, tested and removed; links in mails work without signing in."""

import re
from collections.abc import AsyncGenerator

import pytest
from msgspec.structs import replace
from tests.domain.webhooks.receiving import receiver, staged, status
from tests.surfaces.console.browser import errors_of, links_of, make_business, newest_mail, text_of, visitors
from tests.surfaces.console.desk import EVIL, Desk

from callmark.domain.alerts import recipients
from callmark.domain.alerts.model import DEFAULT_KINDS, MOST_RECIPIENTS, AlertKind, Recipient
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM

LIST = "/console/alerts"
OPS = "ops@elsewhere.example"
KINDS = ["webhook_failing", "webhook_paused"]


@pytest.fixture
async def desk(deps: Deps) -> AsyncGenerator[Desk]:
    business = await make_business(deps)
    async with staged(deps) as stage, visitors(stage.deps) as browse:
        alice = await browse.as_member(business.admin)
        yield Desk(replace(stage, account_id=business.account.id), business, browse, alice)


async def newest(desk: Desk) -> Recipient:
    return (await recipients.list_recipients(desk.stage.deps, desk.business.account.id))[-1]


async def test_admins_are_there_from_the_beginning_and_what_they_get_is_chosen(desk: Desk) -> None:
    said = text_of(await desk.alice.get(LIST))
    assert "Only admins get alerts" in said
    assert "Admins" in said
    url = f"{LIST}/{desk.business.account.id}"
    assert f"{url}/remove" not in links_of(await desk.alice.get(LIST))
    saved = await desk.alice.follow(await desk.alice.post(f"{url}/edit", {"alert_kinds": ["records_invalid"]}))
    assert "Admins was saved" in text_of(saved)
    assert (await newest(desk)).alert_kinds == {AlertKind.RECORDS_INVALID}
    assert await desk.actions() == ["alerts.changed"]


async def test_a_channel_is_added_tested_shown_short_and_removed(desk: Desk) -> None:
    empty = await desk.alice.get(f"{LIST}/new/channel")
    assert empty.text.count(" checked") == len(DEFAULT_KINDS)
    async with receiver() as there:
        added = await desk.alice.follow(
            await desk.alice.post(f"{LIST}/new/channel", {"name": "Operations", "url": there.url, "alert_kinds": KINDS})
        )
        assert "Operations was added. Send a test to try it." in text_of(added)
        one = await newest(desk)
        for path in (LIST, f"{LIST}/{one.id}/edit", "/console/audit"):
            assert "s%2fecret" not in (await desk.alice.get(path)).text
        assert "127.0.0.1/…et&x" in text_of(await desk.alice.get(LIST))
        tried = await desk.alice.follow(await desk.alice.post(f"{LIST}/{one.id}/test"))
        assert "Operations took the test." in text_of(tried)
        there.answer = status(404)
        tried = await desk.alice.follow(await desk.alice.post(f"{LIST}/{one.id}/test"))
        assert "Operations did not take the test: the answer was 404." in text_of(tried)
        assert "Failing" in text_of(tried)
        assert len(there.requests) == 2
    edited = {"name": "On call", "alert_kinds": KINDS[:1]}
    assert "On call was saved" in text_of(
        await desk.alice.follow(await desk.alice.post(f"{LIST}/{one.id}/edit", edited))
    )
    assert "It gets no more alerts." in text_of(await desk.alice.get(f"{LIST}/{one.id}/remove"))
    gone = await desk.alice.follow(await desk.alice.post(f"{LIST}/{one.id}/remove"))
    assert "On call was removed" in text_of(gone)
    assert (await desk.alice.get(f"{LIST}/{one.id}/edit")).status_code == 404


async def test_an_address_is_confirmed_and_stopped_by_its_reader_without_signing_in(desk: Desk) -> None:
    added = await desk.alice.post(f"{LIST}/new/email", {"email": OPS, "alert_kinds": KINDS})
    assert f"An email is on its way to {OPS}" in text_of(await desk.alice.follow(added))
    assert "Not confirmed" in text_of(await desk.alice.get(LIST))
    mail = await newest_mail(desk.stage.deps, OPS)
    (link,) = re.findall(r"(/console/alerts/confirm/\S+)", mail)
    reader = desk.browse()
    assert "has chosen ops@elsewhere.example for its alerts" in text_of(await reader.get(link))
    assert (await newest(desk)).is_waiting  # looking changes nothing
    assert "Alerts are on" in text_of(await reader.post(link))
    assert "Alerts are on" in text_of(await reader.get(link))
    assert not (await newest(desk)).is_waiting
    assert (await reader.get(link.replace("confirm", "stop"))).status_code == 404
    assert (await reader.post(f"{LIST}/stop/x")).status_code == 404


async def test_a_role_is_added_once(desk: Desk) -> None:
    values = {"role": "process_owner", "alert_kinds": KINDS}
    assert "Process owners was added" in text_of(
        await desk.alice.follow(await desk.alice.post(f"{LIST}/new/role", values))
    )
    again = await desk.alice.post(f"{LIST}/new/role", values)
    assert errors_of(again) == {"role": "Members of this role get alerts already; change what they get"}
    assert errors_of(await desk.alice.post(f"{LIST}/new/role", {"alert_kinds": KINDS})) == {"role": "Choose a role"}


async def test_what_is_wrong_stands_beside_its_field(desk: Desk) -> None:
    url = f"{LIST}/new/channel"
    sent = {"name": "x", "url": "ftp://example.com", "alert_kinds": KINDS}
    refused = await desk.alice.post(url, sent)
    assert refused.status_code == 422
    assert list(errors_of(refused)) == ["url"]
    nothing = await desk.alice.post(url, sent | {"url": "https://hooks.example.com/x", "alert_kinds": []})
    assert errors_of(nothing) == {"alert_kinds": "Choose at least one kind of alert"}
    address = await desk.alice.post(f"{LIST}/new/email", {"email": "nobody", "alert_kinds": KINDS})
    assert list(errors_of(address)) == ["email"]
    assert (await desk.alice.get(f"{LIST}/new/pigeon")).status_code == 404


async def test_names_are_shown_as_text(desk: Desk) -> None:
    sent = {"name": EVIL, "url": f"https://hooks.example.com/{'x' * 20}", "alert_kinds": KINDS}
    shown = await desk.alice.follow(await desk.alice.post(f"{LIST}/new/channel", sent))
    assert "<img src=x" not in shown.text
    assert EVIL in text_of(shown)


async def test_the_page_says_how_many_recipients_there_may_be_and_why_no_more_can_be_added(desk: Desk) -> None:
    of = desk.stage.deps, desk.business.account.id
    assert "0 of 20 recipients besides the admins." in text_of(await desk.alice.get(LIST))
    for number in range(MOST_RECIPIENTS):
        await recipients.add_channel(*of, f"room {number}", f"https://chat.example/{number}", KINDS, by=SYSTEM)
    full = await desk.alice.get(LIST)
    assert "20 of 20 recipients besides the admins. Remove one to add another." in text_of(full)
    assert f"{LIST}/new/channel" not in links_of(full)

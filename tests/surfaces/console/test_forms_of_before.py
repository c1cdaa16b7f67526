"""Two people have the same form open: each changes what they changed, and nothing that the other has changed since."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from html import unescape

import httpx
from msgspec import Struct
from tests.support.factories import make_feature_set, make_label
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import (
    BASE,
    PASSWORD,
    Browser,
    Business,
    Visitors,
    errors_of,
    make_operator,
    text_of,
)
from tests.surfaces.console.forms import Shown, shown_by

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import recipients
from callmark.domain.alerts.model import AlertKind
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.domain.webhooks import service as webhooks
from callmark.surfaces.console.request import Form


async def send(browser: Browser, page: httpx.Response, path: str, typed: Mapping[str, object]) -> httpx.Response:
    """The whole form of an open page, as a browser sends it, with what was typed into it."""
    shown = shown_by(page)
    fields = {name: value for name, value in shown.items() if name != "hours"}  # of several fields
    return await browser.post(path, {**fields, "shown": json.dumps(shown), **typed})


class Case(Struct, frozen=True):
    """A page, what one person changes there, what the other, and what is there then."""

    path: str
    theirs: Shown
    ours: Shown
    then: Shown


async def _cases(deps: Deps, business: Business) -> list[Case]:
    account_id = business.account.id
    key = await credentials.create_key(
        deps, account_id, name="dialer", features=[Feature.CALL_ME_BACK, Feature.USER_FEEDBACK], by=SYSTEM
    )
    hook = (
        await webhooks.create_webhook(
            deps, account_id, name="crm", url="https://hooks.example", event_types=[EventType.CALL_ME_BACK], by=SYSTEM
        )
    ).webhook
    channel = await recipients.add_channel(
        deps, account_id, "ops", "https://hooks.example/1", [AlertKind.DELIVERY_FAILED], by=SYSTEM
    )
    feature_set = await make_feature_set(deps, account_id, business.process)
    label = await make_label(deps, account_id)
    reason = await call_reasons.create_call_reason(deps, account_id, text="About your parcel", by=SYSTEM)
    role = f"department_owner:{business.other_department}"
    more = {"features": ["call_me_back", "number_management", "user_feedback"]}
    others: Shown = {"event_types": ["user_feedback"]}
    return [
        Case("/console/settings", {"requires_code": "on"}, {"name": "Acme Ltd"}, {}),
        Case("/console/settings", {"name": "Acme Inc"}, {"requires_code": "", "announced_calls_only": "on"}, {}),
        Case(f"/console/members/{business.process_owner.id}", {"role": role}, {"name": "Paul P."}, {}),
        Case(
            f"/console/keys/{key.reference}/edit",
            {"features": ["call_me_back"], "description": "in the cellar"},
            {"name": "phones", **more},
            {"features": ["call_me_back", "number_management"]},
        ),
        Case(f"/console/webhooks/{hook.id}/edit", {"stops_on_gone": "on", **others}, {"name": "x"}, {}),
        Case(f"/console/feature-sets/{feature_set.id}/edit", {"name": "Parcels"}, {"description": "All of them"}, {}),
        Case(f"/console/alerts/{channel.id}/edit", {"name": "ops team"}, {"alert_kinds": ["webhook_paused"]}, {}),
        Case(f"/console/call-reasons/{reason.id}/edit", {"call_reason": "About your delivery"}, {}, {}),
        Case(f"/console/structure/{business.process}/rename", {"name": "First mile"}, {}, {}),
        Case(f"/console/labels/{label.id}/edit", {"sub_category": "52"}, {"name": "Acme Parcels"}, {}),
    ]


async def _check(case: Case, own: Browser, other: Browser) -> None:
    page, theirs = await own.get(case.path), await other.get(case.path)
    before = shown_by(page)
    assert (await send(other, theirs, case.path, case.theirs)).status_code == 303, case.path
    sent = await send(own, page, case.path, case.ours)
    assert sent.status_code == 303, (case.path, errors_of(sent))
    assert shown_by(await own.get(case.path)) == before | case.theirs | case.ours | case.then, case.path


async def test_a_form_changes_only_what_its_sender_changed(deps: Deps, business: Business, browse: Visitors) -> None:
    alice, other = await browse.as_member(business.admin), await browse.as_member(business.admin)
    for case in await _cases(deps, business):
        await _check(case, alice, other)


async def test_an_operators_form_changes_only_what_its_sender_changed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    operator = await make_operator(deps)
    at = f"/console/operator/accounts/{business.account.id}"
    own, other = await browse.as_operator(operator), await browse.as_operator(operator)
    await accounts.update_account(deps, business.account.id, features=[Feature.CALL_ME_BACK], by=SYSTEM)
    more = ["call_me_back", "user_feedback"]
    await _check(Case(at, {"features": more}, {"name": "Acme Ltd"}, {}), own, other)
    await _check(Case(f"{at}/limits", {"batch": "30"}, {"webhooks": "7"}, {}), own, other)
    await _check(Case(f"{at}/limits", {"webhooks": ""}, {"batch": "31"}, {}), own, other)


async def test_a_refused_form_shows_what_others_have_changed_and_keeps_what_was_typed(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, path = await browse.as_member(business.admin), "/console/settings"
    page = await alice.get(path)
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    refused = await send(alice, page, path, {"name": "x" * 101})
    assert refused.status_code == 422
    assert "x" * 101 in refused.text
    assert re.search(r'name="requires_code" value="on" checked', refused.text)
    assert (await send(alice, refused, path, {"name": "Acme Ltd"})).status_code == 303
    account = await accounts.get_account(deps, business.account.id)
    assert (account.name, account.requires_code) == ("Acme Ltd", True)
    off = await alice.get(path)
    assert (await send(alice, off, path, {"requires_code": ""})).status_code == 303
    assert not (await accounts.get_account(deps, business.account.id)).requires_code


async def test_a_form_that_waited_for_a_sign_in_changes_no_more_than_it_would_have(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice, path = await browse.as_member(business.admin), "/console/settings"
    page = await alice.get(path)
    clock.advance(timedelta(hours=12))
    door = await alice.get((await send(alice, page, path, {"name": "Acme & Co"})).headers["location"])
    typed = {name: unescape(re.findall(rf'name="{name}" value="([^"]*)"', door.text)[0]) for name in ("csrf", "next")}
    typed |= {"email": business.admin.email, "password": PASSWORD}
    kept = await alice.follow(await alice.http.post("/console/sign-in", data=typed, headers={"Origin": BASE}))
    assert "Acme & Co" in text_of(kept)
    assert "Shown" not in text_of(kept)
    await accounts.update_account(deps, business.account.id, requires_code=True, by=SYSTEM)
    assert (await send(alice, kept, path, {"name": "Acme & Co"})).status_code == 303
    account = await accounts.get_account(deps, business.account.id)
    assert (account.name, account.requires_code) == ("Acme & Co", True)


async def test_hours_are_one_field_whatever_else_is_changed(deps: Deps, business: Business, browse: Visitors) -> None:
    feature_set = await make_feature_set(deps, business.account.id, business.process)
    path = f"/console/callbacks/configurations/{feature_set.id}"
    alice, other = await browse.as_member(business.admin), await browse.as_member(business.admin)
    monday = {"opens-0": ["09:00", ""], "closes-0": ["17:00", ""]}
    first = await alice.get(path)
    usual = {"slot_picker": "on", "time_zone": "Asia/Kolkata", **monday}
    assert (await send(alice, first, path, usual)).status_code == 303
    page, theirs = await alice.get(path), await other.get(path)
    tuesday = {"opens-1": ["10:00", ""], "closes-1": ["16:00", ""]}
    assert (await send(other, theirs, path, monday | tuesday)).status_code == 303
    refused = await send(alice, page, path, {"name": "", **monday})
    assert refused.status_code == 422
    assert 'value="10:00"' in refused.text  # the hours of Tuesday, which the other one has added
    assert (await send(alice, page, path, {"name": "Parcels", **monday})).status_code == 303
    now = shown_by(await alice.get(path))
    assert (now["name"], now["hours"]) == ("Parcels", "mon 09:00-17:00; tue 10:00-16:00")
    later = monday | {"opens-0": ["11:00", ""]}
    assert (await send(alice, await alice.get(path), path, later | tuesday)).status_code == 303
    assert shown_by(await alice.get(path))["hours"] == "mon 11:00-17:00; tue 10:00-16:00"


async def test_what_no_page_of_ours_says_that_it_showed_is_not_relied_on(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    for shown in ("", "{", "[]", '{"name": 1}', '{"other": "x"}', '{"name": ["Acme"]}'):
        typed = {"name": "Acme", "requires_code": "on", "shown": shown}
        assert (await alice.post("/console/settings", typed)).status_code == 303, shown
        assert (await accounts.get_account(deps, business.account.id)).requires_code, shown
        await accounts.update_account(deps, business.account.id, requires_code=False, by=SYSTEM)


def test_choices_that_someone_else_added_or_took_away_stay_so() -> None:
    typed = Form({"kinds": ["kept", "taken by them", "added"]}, shown={"kinds": ["kept", "taken by them", "taken"]})
    merged = typed.onto(Form.stored(kinds=["kept", "taken", "added by them"])).form
    assert merged.all("kinds") == ["kept", "added by them", "added"]
    assert merged.shown == {"kinds": ["kept", "taken", "added by them"]}


def test_a_field_that_the_page_did_not_have_is_left_as_it_is() -> None:
    stored = Form.stored(name="Acm", announced="on", kinds=["a"])
    merged = Form({"name": ["Acme"]}, shown={"name": "Acm"}).onto(stored).form
    assert (merged.text("name"), merged.is_on("announced"), merged.all("kinds")) == ("Acme", True, ["a"])


def test_long_lists_are_compared_at_once_and_each_choice_counts_once() -> None:
    sent, shown = ["x"] * 20_000, [f"{number}" for number in range(500_000)]
    merged = Form({"kinds": sent}, shown={"kinds": shown}).onto(Form.stored(kinds=["7"])).form
    assert merged.all("kinds") == ["x"]

import re
from datetime import timedelta
from html import escape, unescape
from uuid import UUID

import httpx
import pytest
from tests.support.actors import ALICE
from tests.support.audit_log import log_of
from tests.support.factories import make_number_group
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed
from tests.surfaces.console.browser import (
    Browser,
    Business,
    Visitors,
    errors_of,
    links_of,
    make_business,
    shown_number,
    text_of,
)
from tests.surfaces.console.callback_requests import LIST, asks, rows

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.hours import hours_text
from callmark.domain.callbacks.model import (
    CallbackRequest,
    RequestFilter,
    RequestState,
    WorkListPosition,
    is_overdue,
)
from callmark.domain.callbacks.service import ConfigChange
from callmark.domain.deps import Deps
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.surfaces.console import callback_requests, home

CONFIGS = "/console/callbacks/configurations"
WEEK = {"opens-0": ["10:00", "15:00"], "closes-0": ["14:00", "18:00"], "opens-5": "20:00", "closes-5": "00:00"}
"""Monday with a pause, and Saturday until midnight."""


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    """A number of Acme's whose feature set hangs on the process that paul owns."""
    return await make_listed(deps, account_id=business.account.id, process_id=business.process, name="Last mile calls")


@pytest.fixture
async def elsewhere(deps: Deps, business: Business) -> Listed:
    """A number of Acme's in another department."""
    return await make_listed(deps, account_id=business.account.id, name="Sales calls")


async def actions(deps: Deps, business: Business) -> list[str]:
    log = await log_of(deps, business.account.id)
    return [entry.action for entry in reversed(log)]


async def test_counting_stops_at_a_bound_and_a_count_that_meets_it_is_whole(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback_requests, "_MOST_COUNTED", 2)
    monkeypatch.setattr(home, "MOST", 2)
    alice = await browse.as_member(business.admin)
    for shown in (None, "2", "2+"):
        await asks(deps, listed)
        if shown:
            assert f'id="new-count"> ({shown})<' in (await alice.get(LIST)).text
            assert f"{shown} new requests" in text_of(await alice.get("/console"))


async def test_a_request_is_taken_given_back_and_done(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    request = await asks(deps, listed)
    paul = await browse.as_member(business.process_owner)
    alice = await browse.as_member(business.admin)
    assert shown_number(request.receiver_number) in text_of(await paul.get(LIST))
    assert f"{LIST}/{request.id}/take" in links_of(await paul.get(LIST))
    back = {"back": f"{LIST}?state=new"}
    taken = await paul.post(f"{LIST}/{request.id}/take", back)
    assert taken.headers["location"] == f"{LIST}?state=new"
    assert "No new requests" in text_of(await paul.follow(taken))
    mine = await paul.get(LIST, state="taken")
    assert "you," in text_of(mine)
    assert business.process_owner.email in text_of(await alice.get(LIST))
    refused = await alice.follow(await alice.post(f"{LIST}/{request.id}/take"))
    assert f"taken by {business.process_owner.email}" in text_of(refused)
    await paul.post(f"{LIST}/{request.id}/reopen")
    await alice.post(f"{LIST}/{request.id}/done")
    assert rows(await paul.get(LIST)) == 0
    assert rows(await paul.get(LIST, state="done")) == 1
    there = await work_list.get_request(deps, business.account.id, request.id)
    assert (there.state, there.handled_by_email) == (RequestState.DONE, business.admin.email)
    assert await actions(deps, business) == ["callback.taken", "callback.reopened", "callback.done"]
    away = await paul.post(f"{LIST}/{request.id}/reopen", {"back": "https://evil.example/console/callbacks"})
    assert away.headers["location"] == LIST


async def test_a_button_of_a_page_that_is_out_of_date_does_not_undo_what_a_colleague_did(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    at = f"{LIST}/{(await asks(deps, listed)).id}"
    paul, alice = await browse.as_member(business.process_owner), await browse.as_member(business.admin)

    async def pressed(with_what: httpx.Response, step: str = "reopen") -> str:
        fields = dict(re.findall(r'name="(state|handled_by|handled_at)" value="([^"]*)"', with_what.text))
        return text_of(await alice.follow(await alice.post(f"{at}/{step}", fields)))

    to_finish = await alice.get(LIST)
    await paul.post(f"{at}/take")
    assert f"This request is taken by {business.process_owner.email}." in await pressed(to_finish, "done")
    assert "is new again" in await pressed(await alice.get(LIST))
    await alice.post(f"{at}/take")
    to_release = await alice.get(LIST)
    await paul.post(f"{at}/done")
    assert f"This request was marked as done by {business.process_owner.email}." in await pressed(to_release)
    to_reopen = await alice.get(f"{LIST}?state=done")
    assert "is new again" in await pressed(to_reopen)
    await paul.post(f"{at}/take")
    for stale in (to_release, to_reopen):
        assert f"This request is taken by {business.process_owner.email}." in await pressed(stale)
    assert "is new again" in await pressed(await alice.get(LIST))
    assert (await actions(deps, business))[-2:] == ["callback.taken", "callback.reopened"]


async def test_an_owner_sees_and_moves_the_requests_of_its_place_alone(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, elsewhere: Listed
) -> None:
    near, far = await asks(deps, listed), await asks(deps, elsewhere)
    for member in (business.process_owner, business.operation_owner, business.department_owner):
        owner = await browse.as_member(member)
        page = text_of(await owner.get(LIST, state="all"))
        assert shown_number(near.receiver_number) in page
        assert shown_number(far.receiver_number) not in page
        assert "New (1)" in page
        assert rows(await owner.get(LIST, set=str(elsewhere.feature_set_id))) == 0
        for step in ("take", "done", "reopen"):
            assert (await owner.post(f"{LIST}/{far.id}/{step}")).status_code == 404
        assert f"{LIST}/export" not in links_of(await owner.get(LIST))
        assert (await owner.get(f"{LIST}/export")).status_code == 403
    alice = await browse.as_member(business.admin)
    assert rows(await alice.get(LIST)) == 2
    stranger = await browse.as_member((await make_business(deps, "Borealis")).admin)
    assert rows(await stranger.get(LIST, state="all")) == 0
    assert (await stranger.post(f"{LIST}/{near.id}/take")).status_code == 404


async def test_the_list_says_whom_to_call_and_is_filtered_by_number_and_feature_set(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, elsewhere: Listed
) -> None:
    unknown = await asks(deps, listed, is_sim_unknown=True)
    other = await asks(deps, elsewhere, alternate_number="919912312345")
    await asks(deps, listed, is_interested=False)
    alice = await browse.as_member(business.admin)
    page = await alice.get(LIST)
    assert "Phone number not available" in text_of(page)
    assert "tel:+919912312345" in page.text
    assert f"requested from {shown_number(other.receiver_number)}" in text_of(page)
    assert "can be expensive" not in text_of(page)
    assert rows(page) == 2
    assert "not interested" in text_of(await alice.get(LIST, state="done"))
    assert rows(await alice.get(LIST, q=f"+{unknown.receiver_number[:2]} {unknown.receiver_number[2:]}")) == 1
    assert rows(await alice.get(LIST, q="+91 9912 312 345")) == 1  # the number that the list says to call
    assert rows(await alice.get(LIST, q=f"00{other.receiver_number[:2]} {other.receiver_number[2:]}")) == 1
    assert rows(await alice.get(LIST, q="1")) == 0
    assert rows(await alice.get(LIST, q="Nina")) == 0
    assert rows(await alice.get(LIST, set=str(elsewhere.feature_set_id))) == 1


async def test_the_list_pages_by_key(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, clock: FakeClock
) -> None:
    for _ in range(52):
        clock.advance(timedelta(seconds=1))
        await asks(deps, listed)
    alice = await browse.as_member(business.admin)
    first = await alice.get(LIST)
    assert rows(first) == 50
    following = await alice.get(next(link for link in links_of(first) if "after=" in link))
    assert rows(following) == 2
    assert "First page" in text_of(following)
    async with deps.db.connection() as tx:  # a person is erased whose request the first page ended with
        shown = [UUID(one) for one in re.findall(rf"{LIST}/([0-9a-f-]{{36}})/done", first.text)]
        await tx.execute("DELETE FROM callback_request WHERE id = $1", shown[-1])
    again = await alice.get(next(link for link in links_of(first) if "after=" in link))
    assert (rows(again), "First page" in text_of(again)) == (2, True)


async def test_who_is_done_with_a_later_page_is_led_to_those_who_wait_on_the_first(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, clock: FakeClock
) -> None:
    made: list[CallbackRequest] = []
    for _ in range(51):
        clock.advance(timedelta(seconds=1))
        made.append(await asks(deps, listed))
    alice = await browse.as_member(business.admin)
    second = next(link for link in links_of(await alice.get(LIST)) if "after=" in link)
    done = await alice.follow(await alice.post(f"{LIST}/{made[0].id}/done", {"back": second}))
    assert rows(done) == 0
    assert "No more on this page" in text_of(done)
    assert "Nobody waits" not in text_of(done)
    buttons = re.findall(r'<a class="btn" href="([^"]+)">(.+?)</a>', done.text, re.DOTALL)
    (first,) = (to for to, said in buttons if "First" in said)
    assert rows(await alice.get(unescape(first))) == 50


async def test_each_tab_says_what_it_is_empty_of(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice = await browse.as_member(business.admin)
    assert "Nobody waits for a call" in text_of(await alice.get(LIST))
    assert "No requests yet" in text_of(await alice.get(LIST, state="all"))
    request = await asks(deps, listed)
    assert "No taken requests" in text_of(await alice.get(LIST, state="taken"))
    await alice.post(f"{LIST}/{request.id}/take")
    new = text_of(await alice.get(LIST, state="new"))
    assert "No new requests" in new
    assert "Nobody waits" not in new


async def test_requests_of_a_range_are_downloaded_by_admins(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    days = {"since": clock.now().date().isoformat(), "until": clock.now().date().isoformat(), "format": "ndjson"}
    nothing = await alice.post(f"{LIST}/export", days)
    assert errors_of(nothing) == {"since": "There are no requests in this date range"}
    await asks(deps, listed)
    made = await alice.post(f"{LIST}/export", days)
    assert made.status_code == 303
    assert made.headers["location"].startswith("/downloads/")
    turned = await alice.post(f"{LIST}/export", days | {"since": "2026-01-05", "until": "2026-01-04"})
    assert errors_of(turned) == {"until": "The last day is before the first"}
    assert errors_of(await alice.post(f"{LIST}/export", {"since": "soon"})) == {"since": "Choose a day"}
    assert await actions(deps, business) == ["log.exported"]


async def test_a_configuration_is_kept_as_it_was_typed_and_removed(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    paul = await browse.as_member(business.process_owner)
    url = f"{CONFIGS}/{listed.feature_set_id}"
    shown = (await paul.get(url)).text
    assert 'value="Last mile calls"' in shown
    assert "novalidate" not in shown  # without scripts the browser stops what it would send as empty
    sent = {"name": "Weekday callbacks", "slot_picker": "on", "time_zone": "Asia/Calcutta", **WEEK}
    done = await paul.follow(await paul.post(url, sent))
    assert "Asia/Kolkata" in text_of(done)
    assert "Mon 10:00-14:00,15:00-18:00; Sat 20:00-24:00" in text_of(done).replace("\N{EN DASH}", "-")
    config = await callbacks.get_config(deps, business.account.id, listed.feature_set_id)
    assert hours_text(config.hours) == "mon 10:00-14:00,15:00-18:00; sat 20:00-24:00"
    assert config.time_zone.key == "Asia/Calcutta"
    again = await paul.get(url)
    assert '<option value="Asia/Kolkata" selected>' in again.text
    assert "Asia/Calcutta" not in again.text
    assert re.search(r'value="15:00"\s+aria-label="Monday, opening 2, from"', again.text)
    assert 'value="00:00" aria-label="Saturday, opening 1, to"' in again.text
    assert "cannot choose a time" in text_of(await paul.get(f"{url}/delete"))
    await paul.follow(await paul.post(f"{url}/delete"))
    assert await callbacks.list_configs(deps, business.account.id) == []
    assert (await paul.post(f"{url}/delete")).status_code == 404
    assert await actions(deps, business) == ["callback_config.changed", "callback_config.deleted"]


_WRONG: tuple[tuple[dict[str, str | list[str]], str, str], ...] = (
    ({"name": " "}, "name", "Configuration name is required"),
    ({"name": "x" * 101}, "name", "Configuration name must be at most 100 characters"),
    ({"time_zone": "Mars/Olympus"}, "time_zone", "Time zone is not a time zone name"),
    ({"opens-0": "10:10", "closes-0": "14:00"}, "hours", "Hours must start and end on the hour or half hour"),
    ({"opens-0": "10:00", "closes-0": ""}, "hours", "Monday needs both an opening and a closing time"),
    ({"opens-0": ["10:00", "11:00"], "closes-0": ["12:00", "13:00"]}, "hours", "Hours overlap"),
    ({"opens-0": "", "closes-0": ""}, "hours", "Hours are required with a slot picker"),
)


async def test_what_cannot_be_kept_is_refused_beside_its_field(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice, found = await browse.as_member(business.admin), list[str]()
    good = {"name": "R&D", "slot_picker": "on", "time_zone": "UTC", "opens-0": "10:00", "closes-0": "14:00"}
    for wrong, field, said in _WRONG:
        sent = {**good, **wrong}
        refused = await alice.post(f"{CONFIGS}/{listed.feature_set_id}", sent)
        told = errors_of(refused).get(field, "")
        is_kept = f'value="{escape(str(sent["name"]))}"' in refused.text
        if refused.status_code != 422 or not told.startswith(said) or not is_kept:
            found.append(f"{wrong}: {refused}, {told!r}, kept: {is_kept}")
        if configs := await callbacks.list_configs(deps, business.account.id):
            found.append(f"{wrong}: {configs}")
    assert found == []


async def test_the_preview_shows_the_half_hours_of_the_documented_example_in_the_users_zone(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice = await browse.as_member(business.admin)
    sent = {"name": "x", "slot_picker": "on", "time_zone": "Asia/Kolkata", "opens-0": "10:00", "closes-0": "14:00"}
    shown = text_of(await alice.post(f"{CONFIGS}/{listed.feature_set_id}/preview", {**sent, "seen_in": "Asia/Dubai"}))
    assert "Monday" in shown
    assert "08:30\u201309:00 09:00\u201309:30" in shown
    assert "8 slots" in shown
    wrong = await alice.post(f"{CONFIGS}/{listed.feature_set_id}/preview", {**sent, "closes-0": "09:00"})
    assert wrong.status_code == 200
    assert "Hours close before they open" in text_of(wrong)
    assert await callbacks.list_configs(deps, business.account.id) == []


async def test_an_owner_configures_its_place_alone_and_admins_number_groups_too(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, elsewhere: Listed
) -> None:
    group = await make_number_group(deps, business.account.id, name="Old console")
    paul, alice = await browse.as_member(business.process_owner), await browse.as_member(business.admin)
    assert "Sales calls" not in text_of(await paul.get(CONFIGS))
    assert "Old console" not in text_of(await paul.get(CONFIGS))
    every = text_of(await alice.get(CONFIGS))
    assert "Sales calls" in every
    assert "Old console" in every
    stranger = await browse.as_member((await make_business(deps, "Borealis")).admin)
    for browser, ids in ((paul, [elsewhere.feature_set_id, group]), (stranger, [listed.feature_set_id, group])):
        for id_ in ids:
            await refuses(browser, id_)
    kept = await alice.post(f"{CONFIGS}/{group}", {"name": "Group", "time_zone": "UTC"})
    assert kept.status_code == 303


async def refuses(browser: Browser, feature_set_id: UUID) -> None:
    """A configuration that is not there for this person, whatever is tried."""
    url = f"{CONFIGS}/{feature_set_id}"
    sent = {"name": "x", "time_zone": "UTC"}
    assert (await browser.get(url)).status_code == 404
    assert (await browser.get(f"{url}/delete")).status_code == 404
    for path in (url, f"{url}/preview", f"{url}/delete"):
        assert (await browser.post(path, sent)).status_code == 404, path


async def test_who_was_not_called_in_time_is_overdue_and_comes_first(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    slotted = await make_listed(deps, account_id=business.account.id, process_id=business.process, name="Slots")
    of = (deps, business.account.id)
    config = ConfigChange(name="Weekdays", time_zone="UTC", hours="sat 11:00-13:00", slot_picker=True)
    await callbacks.set_config(*of, slotted.feature_set_id, by=ALICE, **config)
    free = await make_listed(deps, account_id=business.account.id, process_id=business.process, name="Any time")
    late, done, later = [
        await asks(deps, slotted, slot=f"2026-01-03T{at}:00+00:00") for at in ("11:00", "11:30", "12:30")
    ]
    newer = await asks(deps, free)
    alice = await browse.as_member(business.admin)
    assert "Overdue" not in text_of(await alice.get(LIST))
    clock.advance(timedelta(days=2, hours=2, minutes=59))  # Saturday, 12:59: one slot is still open
    newest = await asks(deps, free)
    alice = await browse.as_member(business.admin)  # her session is over
    await alice.post(f"{LIST}/{done.id}/done")
    page = await alice.get(LIST)
    assert text_of(page).count("Overdue") == 1
    listed = [UUID(id_) for id_ in re.findall(rf"{LIST}/([0-9a-f-]{{36}})/done", page.text)]
    assert listed == [late.id, newest.id, newer.id, later.id]
    clock.advance(timedelta(minutes=1))
    assert text_of(await alice.get(f"{LIST}?state=new")).count("Overdue") == 2
    narrowed = (WHOLE_ACCOUNT, RequestFilter())
    after: WorkListPosition | None = None
    found, began = list[UUID](), clock.now()
    for _ in range(5):  # pages of one lead through all of them
        (one,) = await work_list.list_to_do(*of, *narrowed, now=began, after=after, limit=1)
        found.append(one.id)
        after = WorkListPosition(one.requested_at, one.id, is_overdue(one, began), began)
        clock.advance(timedelta(minutes=30))  # of the others, one becomes overdue
    assert set(found[:2]) == {late.id, later.id}
    assert set(found) == {late.id, later.id, newer.id, newest.id, done.id}
    assert await work_list.list_to_do(*of, *narrowed, now=began, after=after, limit=1) == []


async def test_a_number_groups_switch_is_reached_from_its_numbers_and_turned(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    group = await make_listed(deps, account_id=business.account.id, is_number_group=True, call_me_back=False)
    alice = await browse.as_member(business.admin)
    page = f"{CONFIGS}/{group.feature_set_id}"
    assert page in links_of(await alice.get(f"/console/numbers/{group.number}"))
    assert page in links_of(await alice.get(CONFIGS))
    shown = await alice.get(page)
    assert "This number group does not offer Call Me Back" in text_of(shown)
    assert f"{page}/offer" in links_of(shown)
    on = await alice.follow(await alice.post(f"{page}/offer", {"call_me_back": "on"}))
    assert "offers Call Me Back" in text_of(on)
    assert "Call Me Back on" in text_of(await alice.get(f"/console/numbers/{group.number}"))
    off = await alice.follow(await alice.post(f"{page}/offer", {"call_me_back": "off"}))
    assert "does not offer" in text_of(off)
    paul = await browse.as_member(business.process_owner)
    assert (await paul.post(f"{page}/offer", {"call_me_back": "on"})).status_code == 404
    assert await actions(deps, business) == ["feature_set.changed", "feature_set.changed"]

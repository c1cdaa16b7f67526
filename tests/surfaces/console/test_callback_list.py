"""What the work list of Call Me Back says beside the requests: its tabs, their counts, and times."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.support.actors import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, ring
from tests.surfaces.console.browser import Business, Visitors, links_of, text_of
from tests.surfaces.console.callback_requests import LIST, asks, rows

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.callbacks.service import ConfigChange
from callmark.domain.deps import Deps
from callmark.kit.ids import random_uuid
from callmark.surfaces.console.request import with_query


@pytest.fixture
async def listed(deps: Deps, business: Business) -> Listed:
    return await make_listed(deps, account_id=business.account.id, process_id=business.process)


@pytest.fixture
async def elsewhere(deps: Deps, business: Business) -> Listed:
    """A number of Acme's in another department."""
    return await make_listed(deps, account_id=business.account.id, name="Sales calls")


async def test_the_tabs_keep_search_and_feature_set_and_count_what_they_lead_to(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, elsewhere: Listed
) -> None:
    one, _, _ = [await asks(deps, at) for at in (listed, listed, elsewhere)]
    alice, paul = await browse.as_member(business.admin), await browse.as_member(business.process_owner)
    here, there = str(listed.feature_set_id), str(elsewhere.feature_set_id)

    def count(page: httpx.Response) -> str:
        return text_of(page).partition("To do New")[2].partition("Taken")[0].strip()

    assert count(await alice.get(LIST)) == "(3)"
    chosen = await alice.get(LIST, set=here)
    assert count(chosen) == "(2)"
    assert count(await paul.get(LIST, set=there)) == ""  # that of others stays theirs
    assert with_query(LIST, state="new", set=here) in links_of(chosen)
    searched = await alice.get(LIST, state="all", q=f"+{one.receiver_number}", set=here)
    assert (rows(searched), count(searched)) == (1, "")
    for state in ("", "new", "taken", "done"):
        to = with_query(LIST, state=state, q=f"+{one.receiver_number}", set=here)
        assert to in links_of(searched), to
        assert rows(await alice.get(to)) == (state in {"", "new"}), to


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Chicago", "Asia/Kolkata", "Asia/Jerusalem", "UTC"])
async def test_a_slot_names_the_zone_of_its_clocks(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, zone: str
) -> None:
    """CST is in Chicago, Shanghai and Havana, IST in Kolkata, Jerusalem and Dublin."""
    config = ConfigChange(time_zone=zone, hours="sat 11:00-13:00", slot_picker=True)
    await callbacks.set_config(deps, business.account.id, listed.feature_set_id, by=ALICE, **config)
    slot = datetime(2026, 1, 3, 11, tzinfo=ZoneInfo(zone))
    await asks(deps, listed, slot=slot.isoformat(), is_sim_unknown=True)
    alice = await browse.as_member(business.admin)
    page = text_of(await alice.get(LIST))
    assert f"Sat 3 Jan, 11:00\N{EN DASH}11:30 {zone}" in page
    assert "Phone number not available: the call came to another SIM" in page
    await callbacks.delete_config(deps, business.account.id, listed.feature_set_id, by=ALICE)
    await alice.post("/console/me/zone", {"zone": "Asia/Tokyo"})
    begins = slot.astimezone(ZoneInfo("Asia/Tokyo"))
    told = f"{begins:%H:%M}\N{EN DASH}{begins + timedelta(minutes=30):%H:%M} Asia/Tokyo"
    assert told in text_of(await alice.get(LIST))


async def test_a_number_to_call_instead_that_costs_more_is_marked(
    deps: Deps, business: Business, browse: Visitors, listed: Listed
) -> None:
    alice = await browse.as_member(business.admin)
    expensive = [("979123456789", False), ("8816123456789", True), ("449098790123", False)]
    for count, (number, is_unknown) in enumerate(expensive, 1):
        await asks(deps, listed, alternate_number=number, is_sim_unknown=is_unknown)
        assert text_of(await alice.get(LIST)).count("; a call to this number can be expensive") == count, number


async def test_a_person_who_asked_more_than_once_is_marked_on_each_row_that_waits(
    deps: Deps, business: Business, browse: Visitors, listed: Listed, elsewhere: Listed, clock: FakeClock
) -> None:
    first = await asks(deps, listed)
    await asks(deps, listed)
    alice, paul = await browse.as_member(business.admin), await browse.as_member(business.process_owner)
    assert "from this person" not in text_of(await alice.get(LIST))
    clock.advance(timedelta(minutes=1))
    for number, interested in ((listed, True), (elsewhere, True), (listed, False)):
        await ring(deps, number, receiver=first.receiver_number)
        wanted = NewCallbackRequest(random_uuid(), number.number, is_interested=interested)
        await callbacks.request(deps, first.receiver_number, wanted)
        clock.advance(timedelta(minutes=1))
    page = text_of(await alice.get(LIST))
    assert page.count("2 more open requests from this person; not interested any longer") == 2
    assert page.count("2 more open requests from this person") == 3  # they did not say it of the other feature set
    assert text_of(await paul.get(LIST)).count("1 more open request from this person") == 2  # those of his place
    for one in await work_list.list_requests(deps, business.account.id):
        if one.id != first.id:
            await work_list.finish(deps, business.account.id, one.id, by=ALICE)
    assert "from this person" not in text_of(await alice.get(LIST, state="all"))
    assert "not interested any longer" in text_of(await alice.get(LIST))
    await callbacks.request(deps, first.receiver_number, NewCallbackRequest(random_uuid(), listed.number))
    page = text_of(await alice.get(LIST))
    assert page.count("1 more open request from this person") == 2
    assert "not interested any longer" not in page  # their last word is that they are

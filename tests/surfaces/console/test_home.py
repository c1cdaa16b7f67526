import re
from datetime import timedelta

from tests.domain.personalisation.counted_calls import OTHERS, called, count_all, submit
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_label
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import Business, Visitors, links_of, make_operator, text_of

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.personalisation import service
from callmark.kit.ids import new_id

MORE_THAN_A_PAGE_COUNTS = 31
"""Batches of 500."""


async def test_home_says_how_today_goes_and_a_number_leads_to_its_list_where_there_is_one(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    assert "Nothing pushed today" in text_of(await alice.get("/console"))
    cast = Cast(business.account, "", "", "", await make_label(deps, business.account.id))
    batch = await submit(deps, cast, 3, bad=1)
    await run_due_once(deps)
    record = (await service.records_of_batch(deps, batch.id, business.account.id))[0]
    await called(deps, record, CallEvent.SHOWN, CallEvent.ANSWERED)
    clock.advance(timedelta(hours=1))
    home = await alice.get("/console")
    text = text_of(home)
    assert "Accepted 4 records accepted today Valid 3 records without faults · 75 % of accepted" in text
    assert "Shown 1 displayed during a call" in text
    assert "Not a user of the app 3 Invalid input 1" in text
    assert "0 new requests" in text
    failed = "/console/records?since=2026-01-01&zone=UTC&state=not_registered"
    assert {failed, "/console/callbacks?state=new", "/console/webhooks"} <= links_of(home)
    pushed = "/console/records?since=2026-01-01&amp;zone=UTC&amp;state=success"
    stages = re.findall(r'<(?:a href="([^"]+)"|div) class="cs-stage">', home.text)
    assert stages == ["/console/batches?since=2026-01-01&amp;zone=UTC", "", pushed, "", ""]
    assert "data-chart" in home.text
    assert text.count(" Jan ") + text.count(" Dec ") >= 29  # the same days as a table


async def test_home_says_that_all_went_well_only_of_what_has_ended_and_is_counted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice = await browse.as_member(business.admin)
    cast = Cast(business.account, "", "", "", await make_label(deps, business.account.id))
    batch = await submit(deps, cast, 2)
    assert "Nothing has failed so far. 2 records wait." in text_of(await alice.get("/console"))
    records = await service.records_of_batch(deps, batch.id, business.account.id)
    await service.acknowledge(deps, [record.key for record in records])
    await run_due_once(deps)
    assert "Every record reached its handset." in text_of(await alice.get("/console"))
    await count_all(deps)
    for _ in range(MORE_THAN_A_PAGE_COUNTS):
        await submit(deps, cast, 0, bad=500)
    behind = text_of(await alice.get("/console"))
    assert "These figures may be a few minutes behind." in behind
    assert "Nothing has failed so far." in behind
    assert "Every record" not in behind


async def test_home_says_of_calls_alone_that_those_of_all_accounts_are_not_counted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    async with deps.db.connection() as tx:
        await tx.execute(OTHERS, deps.clock.now() - timedelta(minutes=1), 2_000, new_id())
    alice = await browse.as_member(business.admin)
    idle = text_of(await alice.get("/console"))
    assert "Shown and answered may be a few minutes behind." in idle
    assert "Nothing pushed today" in idle
    assert "No records today." in idle
    cast = Cast(business.account, "", "", "", await make_label(deps, business.account.id))
    batch = await submit(deps, cast)
    records = await service.records_of_batch(deps, batch.id, business.account.id)
    await service.acknowledge(deps, [record.key for record in records])
    await run_due_once(deps)
    assert "Every record reached its handset." in text_of(await alice.get("/console"))
    assert "behind" not in text_of(await alice.get("/console/usage"))


async def test_home_does_not_call_a_day_empty_whose_records_are_not_counted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    cast = Cast(business.account, "", "", "", await make_label(deps, business.account.id))
    for _ in range(MORE_THAN_A_PAGE_COUNTS):
        await submit(deps, cast, 0, bad=500)
    home = text_of(await (await browse.as_member(business.admin)).get("/console"))
    assert "Nothing counted yet" in home
    assert "Nothing pushed today" not in home
    assert "No records today" not in home


async def test_an_owner_sees_no_figures_of_the_whole_account(business: Business, browse: Visitors) -> None:
    owner = await browse.as_member(business.process_owner)
    text = text_of(await owner.get("/console"))
    assert "new request" in text
    assert "0 answers today (UTC)" in text
    assert "Accepted" not in text
    assert "Webhooks" not in text


async def test_an_operator_who_acts_for_nobody_goes_to_the_accounts(deps: Deps, browse: Visitors) -> None:
    opal = await browse.as_operator(await make_operator(deps))
    assert (await opal.get("/console")).headers["location"] == "/console/operator/accounts"

"""A button whose action has become impossible leads back to a page of its own thing, which says why."""

from datetime import timedelta

from tests.support.factories import make_label, phone
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import BASE, Business, Visitors, errors_of, links_of, make_operator, text_of

from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.personalisation import service as personalisation
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.model import MOST_OLD_SECRETS
from callmark.instants import to_ms
from callmark.record_rules.fields import NewRecord


async def test_the_last_admin_stays_and_the_list_of_members_says_why(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    opal = await browse.as_operator(await make_operator(deps))
    await opal.post(f"/console/operator/accounts/{business.account.id}/act")
    for action in ("revoke", "delete"):
        answer = await opal.post(f"/console/members/{business.admin.id}/{action}")
        assert answer.headers["location"] == "/console/members"
        said = "This is the account's only active admin; make someone else an admin first."
        assert said in text_of(await opal.follow(answer))


async def test_a_record_whose_window_ended_while_it_was_asked_about_says_so_on_its_page(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice, label = await browse.as_member(business.admin), await make_label(deps, business.account.id)
    start = to_ms(deps.clock.now())
    new = NewRecord(phone(), phone(), str(label.id), None, None, start, start + 3_600_000)
    record = await personalisation.push_by_hand(deps, business.account.id, new, by=SYSTEM)
    clock.advance(timedelta(hours=2))
    answer = await alice.post(f"/console/records/{record.key.id}/withdraw")
    assert answer.headers["location"] == f"/console/records/{record.key.id}"
    assert "The window of this call record has ended" in text_of(await alice.follow(answer))


async def test_a_secret_that_cannot_be_rotated_yet_says_so_in_its_form(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    alice, of = await browse.as_member(business.admin), (deps, business.account.id)
    made = await webhooks.create_webhook(
        *of, name="one", url="https://hooks.example", event_types=[EventType.CALL_ME_BACK], by=SYSTEM
    )
    for _ in range(MOST_OLD_SECRETS):
        await webhooks.rotate_secret(*of, made.webhook.id, overlap=timedelta(hours=24), by=SYSTEM)
    refused = await alice.post(f"/console/webhooks/{made.webhook.id}/rotate", {"overlap": "24"})
    assert refused.status_code == 422
    assert errors_of(refused)[""] == f"{MOST_OLD_SECRETS} earlier secrets still sign; wait until one of them ends"


async def test_a_refused_button_leads_back_to_its_page(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    form, path = {"csrf": alice.csrf}, f"/console/members/{business.process_owner.id}/invite-again"
    refused = await alice.http.post(path, data=form, headers={"Referer": f"{BASE}/console/members?x=1"})
    assert refused.status_code == 409
    assert "/console/members?x=1" in links_of(refused)
    elsewhere = await alice.http.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert "Go to home page" in text_of(elsewhere)

"""One time zone per person: kept from the first sign-in, named on pages, changed by the person, used everywhere."""

from datetime import timedelta

from tests.support.factories import make_label
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed
from tests.surfaces.console.browser import PASSWORD, Browser, Business, Visitors, errors_of, make_operator, text_of

from callmark.domain.deps import Deps
from callmark.domain.members.model import Member

ME = "/console/me"


async def _enter(browser: Browser, member: Member, zone: str) -> None:
    await browser.get("/console/sign-in")
    form = {"email": member.email, "password": PASSWORD, "zone": zone}
    assert (await browser.post("/console/sign-in", form)).status_code == 303


async def test_the_first_browsers_zone_is_kept_and_named_until_it_is_changed(
    business: Business, browse: Visitors
) -> None:
    home, office = browse(), browse()
    await _enter(home, business.admin, "Asia/Calcutta")  # as Chromium calls it: a name that was replaced
    await _enter(office, business.admin, "America/New_York")
    for browser in (home, office):
        assert "Times are in Asia/Kolkata" in text_of(await browser.get("/console/keys"))
    done = await office.post(f"{ME}/zone", {"zone": "Europe/Berlin"})
    assert "Europe/Berlin" in text_of(await office.follow(done))
    for browser in (home, office):
        assert "Times are in Europe/Berlin" in text_of(await browser.get("/console/members"))
    paul = await browse.as_member(business.process_owner)
    assert "Times are in UTC" in text_of(await paul.get("/console"))


async def test_a_zone_that_nobody_knows_is_not_kept(business: Business, browse: Visitors) -> None:
    found: list[str] = []
    for odd in ("", "Mars/Olympus", "localtime", "x" * 5000, "../../etc/passwd"):
        alice = browse()
        await _enter(alice, business.admin, odd)
        before = text_of(await alice.get(ME))
        refused = await alice.post(f"{ME}/zone", {"zone": odd})
        after = text_of(await alice.get(ME))
        if not all("Times are in UTC" in text for text in (before, after)):
            found.append(f"{odd[:50]!r} was kept: {before}, {after}")
        if refused.status_code != 422 or "zone" not in errors_of(refused):
            found.append(f"{odd[:50]!r}: {refused}, {text_of(refused)}")
    assert found == []


async def test_an_operator_has_a_zone_too(deps: Deps, business: Business, browse: Visitors) -> None:
    olive = await browse.as_operator(await make_operator(deps))
    await olive.follow(await olive.post(f"{ME}/zone", {"zone": "Asia/Tokyo"}))
    await olive.post(f"/console/operator/accounts/{business.account.id}/act")
    assert "Times are in Asia/Tokyo" in text_of(await olive.get("/console/keys"))


async def test_times_days_and_ranges_are_those_of_the_zone(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    listed = await make_listed(deps, account_id=business.account.id, process_id=business.process)
    alice = await browse.as_member(business.admin)
    await alice.post(f"{ME}/zone", {"zone": "Asia/Kolkata"})
    clock.advance(timedelta(days=2))
    alice = await browse.as_member(business.admin)
    shown = await alice.get(f"/console/numbers/{listed.number}")
    assert "1 Jan 2026, 15:30:00 by" in text_of(shown)  # listed at 10:00 UTC
    assert 'datetime="2026-01-01T10:00:00.000Z"' in shown.text
    numbers = await alice.get("/console/numbers")
    assert "1 Jan, 15:30" in text_of(numbers)
    assert 'data-exact="1 Jan 2026, 15:30:00"' in numbers.text
    assert 'title="1 Jan 2026, 15:30:00, Asia/Kolkata"' in numbers.text
    assert "From (Asia/Kolkata)" in text_of(await alice.get("/console/callbacks/export"))
    await make_label(deps, business.account.id)
    push = await alice.get("/console/push")
    assert 'name="time_zone" value="Asia/Kolkata"' in push.text
    clock.advance(timedelta(hours=9))  # 19:00 UTC is the next day there
    assert 'value="2026-01-04"' in (await alice.get("/console/callbacks/export")).text

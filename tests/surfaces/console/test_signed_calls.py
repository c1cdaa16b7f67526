"""Calls on the telephone network in the console: one line a call in plain words, and alarms about forged ones."""

import re
from datetime import timedelta

import httpx
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import (
    Browser,
    Business,
    Visitors,
    links_of,
    make_business,
    shown_number,
    text_of,
)
from tests.surfaces.stir.staging import Network, headers_of, network

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.spoof_alarms.model import SpoofCause
from callmark.domain.spoof_alarms.service import raise_possible_spoof
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

LIST = "/console/signed-calls"
ALARMS = f"{LIST}/alarms"
CALLER = PhoneNumber("918040001234")


def rows(answer: httpx.Response) -> int:
    assert answer.status_code == 200
    return answer.text.count('data-label="Time"')


async def _call(there: Network, clock: FakeClock, receiver: PhoneNumber) -> str:
    """A call that is announced, signed, verified, shown and answered; its record."""
    record = await there.announce(receiver)
    clock.advance(timedelta(seconds=1))
    headers = headers_of(await there.sign(receiver))
    clock.advance(timedelta(seconds=1))
    assert (await there.verify(headers, receiver))["verstat"] == "TN-Validation-Passed"
    clock.advance(timedelta(seconds=42))
    told = {"call_id": receiver, "orig": there.caller, "dest": receiver, "outcome": "answered", "seconds": 40}
    assert (await there.post("calls", told | {"shown": True})).status_code == 200
    return str(record.key.id)


async def test_a_call_is_followed_from_its_signature_to_its_end(deps: Deps, olive: Browser, clock: FakeClock) -> None:
    async with network(deps) as there:
        receiver, stranger = phone(), phone()
        record = await _call(there, clock, receiver)
        await there.verify([], stranger)
        account = there.cast.account.id
    at = f"/console/operator/accounts/{account}/signed-calls"
    assert at in links_of(await olive.get(f"/console/operator/accounts/{account}"))
    for_operator = await olive.get(at)
    assert rows(for_operator) == 2
    assert f"/console/records/{record}" not in for_operator.text
    await olive.post(f"/console/operator/accounts/{account}/act")
    page = await olive.get(LIST, q=f"+{receiver[:2]} {receiver[2:]}")
    assert rows(page) == 1
    said = text_of(page)
    for part in (
        shown_number(there.caller),
        shown_number(receiver),
        "Attestation A",
        "name of the call record",
        "Passed",
        "Acme Deliveries was shown",
        "Answered 40 s",
    ):
        assert part in said, part
    assert f"/console/records/{record}" in links_of(page)
    certificates = await olive.get(f"{LIST}/certificates")
    assert certificates.text.count('data-label="Serial number"') == 1
    for part in ("In use", "issued here"):
        assert part in text_of(certificates)
    assert (await olive.get(f"{at}/certificates")).text.count('data-label="Serial number"') == 1
    unsigned = text_of(await olive.get(LIST, verdict="No-TN-Validation"))
    assert shown_number(stranger) in unsigned
    assert shown_number(receiver) not in unsigned
    assert "The call arrived without a signature (428)." in unsigned
    timeline = (await olive.get(f"/console/records/{record}")).text
    steps = re.findall(r"<strong>(Accepted|Signed|Verified|Shown|Answered)</strong>", timeline)
    assert steps == ["Accepted", "Signed", "Verified", "Shown", "Answered"]


async def test_alarms_say_why_and_lead_to_the_calls(deps: Deps, business: Business, browse: Visitors) -> None:
    alice, receiver = await browse.as_member(business.admin), phone()
    assert "No possible spoofs" in text_of(await alice.get(ALARMS))
    await raise_possible_spoof(deps, business.account.id, CALLER, receiver, SpoofCause.FOREIGN_SIGNATURE)
    page = await alice.get(ALARMS)
    assert "with a signature for this number that was not made here" in text_of(page)
    assert f"{LIST}?q={receiver}" in links_of(page)
    assert rows(await alice.get(LIST, q=receiver)) == 0


async def test_alarms_page_by_key(deps: Deps, business: Business, browse: Visitors, clock: FakeClock) -> None:
    for _ in range(51):
        clock.advance(timedelta(minutes=3))
        assert await raise_possible_spoof(deps, business.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)
    alice = await browse.as_member(business.admin)
    first = await alice.get(ALARMS)
    assert rows(first) == 50
    following = await alice.get(next(link for link in links_of(first) if "after=" in link))
    assert rows(following) == 1
    assert ALARMS in links_of(following)


async def test_an_account_without_calls_is_told_what_to_do(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    assert "No certificates yet" in text_of(await alice.get(f"{LIST}/certificates"))
    page = await alice.get(LIST)
    assert "No signed calls yet" in text_of(page)
    assert "/console/numbers" in links_of(page)
    for strange in ({"q": "nobody"}, {"verdict": "TN-Validation-Passed"}):
        assert "No matches" in text_of(await alice.get(LIST, **strange))
    for ignored in ({"verdict": "x"}, {"after": "x"}):
        assert "No signed calls yet" in text_of(await alice.get(LIST, **ignored))


async def test_another_businesss_calls_are_not_there_and_owners_have_no_such_page(
    deps: Deps, business: Business, browse: Visitors, olive: Browser
) -> None:
    other = await make_business(deps, "Borealis")
    await raise_possible_spoof(deps, other.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)
    alice = await browse.as_member(business.admin)
    assert "No possible spoofs" in text_of(await alice.get(ALARMS))
    paul = await browse.as_member(business.process_owner)
    assert {(await paul.get(path)).status_code for path in (LIST, ALARMS, f"{LIST}/certificates")} == {403}
    assert LIST not in links_of(await paul.get("/console"))
    at = f"/console/operator/accounts/{other.account.id}/signed-calls"
    assert {(await alice.get(path)).status_code for path in (at, f"{at}/alarms", f"{at}/certificates")} == {404}
    assert rows(await olive.get(f"{at}/alarms")) == 1
    assert "/console/operator/edges" in links_of(await olive.get(at))
    assert (await olive.get(at.replace(str(other.account.id), str(new_id())))).status_code == 404


async def test_an_operator_who_acts_for_one_account_still_reads_the_other_by_its_path(
    deps: Deps, business: Business, olive: Browser
) -> None:
    other = await accounts.create_account(deps, "Borealis", by=SYSTEM)
    await raise_possible_spoof(deps, business.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)
    await olive.post(f"/console/operator/accounts/{business.account.id}/act")
    answer = await olive.get(f"/console/operator/accounts/{other.id}/signed-calls/alarms")
    assert shown_number(CALLER) not in text_of(answer)

"""What an account has used of its limits."""

from datetime import timedelta

from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import Business, Visitors, make_business, text_of

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.limits.model import BATCH, REAL_TIME
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature

USAGE = "/console/usage"


async def token_of(deps: Deps, business: Business, name: str = "dialer") -> str:
    account = business.account.id
    key = await credentials.create_key(deps, account, name=name, features=[Feature.CALL_PERSONALISATION], by=SYSTEM)
    return (await credentials.create_token(deps, str(account), str(key.key_id), key.api_key)).token


async def test_tokens_of_the_last_thirty_minutes_and_live_ones_are_told(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    alice = await browse.as_member(business.admin)
    assert "No active tokens" in text_of(await alice.get(USAGE))
    await token_of(deps, business)
    page = text_of(await alice.get(USAGE))
    assert "Tokens created 1 of 10" in page
    assert "API keys 1 of 5" in page
    assert "Webhooks 0 of 5" in page
    assert "dialer created just now" in page
    clock.advance(timedelta(minutes=31))
    page = text_of(await alice.get(USAGE))
    assert "Tokens created 0 of 10" in page
    assert "dialer created 31 minutes ago" in page


async def test_requests_are_counted_per_token_and_bucket_as_long_as_their_window(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    token, account = await token_of(deps, business), str(business.account.id)
    for bucket in (REAL_TIME, REAL_TIME, REAL_TIME, BATCH):
        await credentials.admit(deps, token, account, feature=Feature.CALL_PERSONALISATION, bucket=bucket)
    alice = await browse.as_member(business.admin)
    page = text_of(await alice.get(USAGE))
    assert "Real time, per second Batches (v2 and v3), per minute" in page
    assert "3 of 100" in page
    assert "1 of 60" in page
    clock.advance(timedelta(seconds=2))
    page = text_of(await alice.get(USAGE))
    assert "3 of 100" not in page
    assert "1 of 60" in page


async def test_the_tenth_token_says_when_the_next_may_be_created(
    deps: Deps, business: Business, browse: Visitors, clock: FakeClock
) -> None:
    account = business.account.id
    key = await credentials.create_key(deps, account, name="dialer", features=[], by=SYSTEM)
    for _ in range(10):
        await credentials.create_token(deps, str(account), str(key.key_id), key.api_key)
        clock.advance(timedelta(minutes=1))
    alice = await browse.as_member(business.admin)
    page = text_of(await alice.get(USAGE))
    assert "Tokens created 10 of 10" in page
    assert "The next token can be created in 20 minutes" in page


async def test_another_accounts_tokens_and_those_of_deleted_keys_are_not_shown(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    await token_of(deps, await make_business(deps, "Charlie"), "dialer of Charlie")
    await token_of(deps, business, "deleted dialer")
    (key,) = await credentials.list_keys(deps, business.account.id)
    await credentials.delete_key(deps, business.account.id, key.id, by=SYSTEM)
    alice = await browse.as_member(business.admin)
    page = text_of(await alice.get(USAGE))
    assert "dialer" not in page
    assert "Tokens created 1 of 10" in page


async def test_the_page_asks_for_its_figures_again_by_itself(business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    page = await alice.http.get(USAGE, headers={"HX-Request": "true"})
    assert 'hx-get="/console/usage"' in page.text
    assert 'hx-select="#live"' in page.text
    assert page.text.count('id="live"') == 1
    refused = await alice.post("/console/numbers/chosen")
    await alice.http.get(USAGE, headers={"HX-Request": "true", "X-Callmark-Poll": "yes"})  # in another tab
    assert "Select numbers first." in text_of(await alice.follow(refused))

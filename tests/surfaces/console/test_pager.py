"""Keys of lists as addresses carry them, and a page behind the last row."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from tests.domain.personalisation.counted_calls import submit
from tests.support.actors import ALICE
from tests.support.factories import Cast, make_feature_set, make_label
from tests.support.listed_number import make_listed
from tests.surfaces.console.browser import Browser, Business, Visitors, links_of, make_operator, text_of
from tests.surfaces.console.campaigns import draft

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import NewFeatureSet
from callmark.domain.feedback import service as feedback
from callmark.surfaces.cursors import InstantKey, decode_key, encode_key

AT = datetime(2026, 1, 1, 10, 0, 5, 412345, UTC)
ID = UUID("0190f3a4-0000-7000-8000-000000000001")
LAST = encode_key((datetime(2020, 1, 1, tzinfo=UTC), ID))
"""Behind everything that a test makes, in lists with the newest first."""
NAMED = encode_key(("\U0010ffff", str(ID)))
GROUPED = encode_key((True, "\U0010ffff", str(ID)))
IN_BATCH = encode_key((datetime(2020, 1, 1, tzinfo=UTC), ID, 0))
BY_NUMBER = encode_key((datetime(2020, 1, 1, tzinfo=UTC), "918040001234"))


class Place(NamedTuple):
    at: datetime
    id: UUID
    position: int


def test_a_key_comes_back_as_it_was() -> None:
    assert decode_key(encode_key((AT, ID)), InstantKey) == (AT, ID)
    assert decode_key(encode_key(Place(AT, ID, -1)), Place) == Place(AT, ID, -1)
    assert decode_key(encode_key(("straße", "b")), tuple[str, str]) == ("straße", "b")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (InstantKey, (AT, "no id")),
        (InstantKey, (AT.replace(tzinfo=None), ID)),
        (InstantKey, (AT.replace(year=9999), ID)),
        (InstantKey, (AT.replace(year=1), ID)),
        (InstantKey, (AT, ID, 5)),
        (Place, (AT, ID, 2**40)),
        (tuple[str, str], ("a\0", "b")),
        (tuple[str, str], ("a" * 800, "b")),
    ],
)
def test_a_key_of_another_list_begins_at_the_first_page(kind: type[Any], key: tuple[Any, ...]) -> None:
    assert decode_key(encode_key(key), kind) is None


@pytest.mark.parametrize("text", ["", "nonsense", "é", "W10", "bnVsbA"])
def test_what_is_no_key_begins_at_the_first_page(text: str) -> None:
    assert decode_key(text, InstantKey) is None


async def leads_back(browser: Browser, path: str, **key: str) -> None:
    """A page behind the last row of a list says so, and leads to the first page."""
    page = await browser.get(path, **key)
    said = text_of(page)
    assert page.status_code == 200, path
    assert "No more on this page" in said, path
    assert said.count("First page") == 1, path
    assert not [one for one in ("yet", "No matches", "No possible spoofs", "Nobody waits") if one in said], path
    assert {link.partition("?")[0] for link in links_of(page)} >= {path}, path


async def test_a_page_behind_the_last_row_leads_to_the_first(deps: Deps, business: Business, browse: Visitors) -> None:
    alice = await browse.as_member(business.admin)
    of_network = ("signed-calls", "signed-calls/alarms", "signed-calls/certificates")
    for path in ("audit", "uploads", "webhook-events", "batches", *of_network):
        await leads_back(alice, f"/console/{path}", after=LAST)
    await leads_back(alice, "/console/records", after=IN_BATCH)
    for path in ("numbers/jobs", "numbers/proofs"):
        await leads_back(alice, f"/console/{path}", before=LAST)
    await leads_back(alice, "/console/numbers", before=BY_NUMBER)
    await leads_back(alice, "/console/feature-sets", after=NAMED)
    await leads_back(alice, "/console/callbacks/configurations", after=GROUPED)
    cast = Cast(business.account, "", "", "", await make_label(deps, business.account.id))
    batch = await submit(deps, cast, 1)
    await leads_back(alice, f"/console/batches/{batch.id}", after="7")
    await draft(deps, await make_listed(deps, account_id=business.account.id))
    await leads_back(alice, "/console/campaigns", after=LAST)


async def test_a_page_begins_behind_a_feature_set_that_was_deleted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    made = [
        await make_feature_set(deps, business.account.id, business.process, NewFeatureSet(f"Set {number:02}"))
        for number in range(52)
    ]
    alice = await browse.as_member(business.admin)
    for path in ("feature-sets", "callbacks/configurations"):
        further = next(link for link in links_of(await alice.get(f"/console/{path}")) if "after=" in link)
        last = made.pop(49)
        await feature_sets.delete_feature_set(deps, business.account.id, last.id, by=ALICE)
        shown = text_of(await alice.get(further))
        assert [one.name for one in (*made, last) if one.name in shown] == [one.name for one in made[49:]], path


async def test_a_page_begins_behind_a_campaign_that_was_deleted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    listed = await make_listed(deps, account_id=business.account.id)
    made = [await draft(deps, listed, name=f"Campaign {number:02}") for number in range(52)]
    alice = await browse.as_member(business.admin)
    further = next(link for link in links_of(await alice.get("/console/campaigns")) if "after=" in link)
    await feedback.delete_campaign(deps, business.account.id, made[2].id, by=ALICE)
    shown = text_of(await alice.get(further))
    assert [one.name for one in made if one.name in shown] == ["Campaign 00", "Campaign 01"]


async def test_a_page_of_operators_behind_the_last_row_leads_to_the_first(deps: Deps, browse: Visitors) -> None:
    opal = await browse.as_operator(await make_operator(deps))
    for path in ("accounts", "audit", "certificates"):
        await leads_back(opal, f"/console/operator/{path}", after=LAST)
    await leads_back(opal, "/console/operator/handsets", after="919999999999")

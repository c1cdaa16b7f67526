"""Pages of numbers, searches, and the plans behind them. Source: contract, section 7.3, D29, D30."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any, LiteralString

import pytest
from hypothesis import given, strategies as st
from msgspec import Struct
from msgspec.structs import replace
from tests.domain.numbers.staging import Business, make_business, phones, run_jobs
from tests.support.actors import ALICE, owner_of
from tests.support.factories import Branch, make_branch, make_feature_set, make_label
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed
from tests.support.other_digits import other_digits

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetChange, NewFeatureSet, NodeFilter
from callmark.domain.ids import AccountId, DepartmentId, FeatureSetId, OperationId, ProcessId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import caller_queries, page_queries, search as number_search, service as numbers
from callmark.domain.numbers.model import JobKind, ListedCaller, NumberFilter, NumberState
from callmark.domain.numbers.search import span_of
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT, Scope
from callmark.kit.errors import NotFound
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx


class Shop(Struct, frozen=True):
    """An account with a branch and three feature sets, numbers in them; `all` newest first, then downwards."""

    deps: Deps
    account_id: AccountId
    branch: Branch
    sets: dict[str, FeatureSetId]
    all: list[PhoneNumber]
    in_set: dict[str, list[PhoneNumber]]

    async def page(
        self, within: NodeFilter | FeatureSetId | None = None, *, page: int = 1, limit: int = 1000
    ) -> tuple[list[PhoneNumber], int]:
        found = await number_search.read_page(self.deps, self.account_id, within, page=page, limit=limit)
        return [one.number.phone_number for one in found.numbers], found.total


@pytest.fixture
async def shop(deps: Deps, clock: FakeClock) -> Shop:
    account = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    branch, elsewhere = await make_branch(deps, account), await make_branch(deps, account, department="Care")
    label = await make_label(deps, account, label_type=LabelType.STATIC)
    places = {"Top": branch.process.id, "Sub": branch.sub_process.id, "Care": elsewhere.process.id}
    sets = {
        name: (await make_feature_set(deps, account, process, NewFeatureSet(name, label_id=label.id))).id
        for name, process in places.items()
    }
    made: list[PhoneNumber] = []
    in_set: dict[str, list[PhoneNumber]] = {name: [] for name in sets}
    for turn in range(6):
        name = list(sets)[turn % 3]
        some = sorted(phones(4), reverse=True)
        await numbers.publish(deps, account, sets[name], some, by=ALICE)
        made, in_set[name] = [*some, *made], [*some, *in_set[name]]
        clock.advance(timedelta(seconds=1))
    await run_jobs(deps)
    return Shop(deps, account, branch, sets, made, in_set)


async def test_pages_run_newest_first_without_gap_or_repetition(shop: Shop) -> None:
    for limit in (1, 5, 7, 24, 25, 1000):
        count = number_search.page_count(len(shop.all), limit)
        read: list[PhoneNumber] = []
        for page in range(1, count + 1):
            found, total = await shop.page(page=page, limit=limit)
            assert total == len(shop.all), f"pages of {limit}"
            read += found
        assert read == shop.all, f"pages of {limit}"
        assert await shop.page(page=count + 1, limit=limit) == ([], len(shop.all)), f"pages of {limit}"
    assert await shop.page(page=10**9, limit=10_000) == ([], len(shop.all))


async def test_each_filter_shows_what_is_in_its_place(shop: Shop) -> None:
    branch, sets = shop.branch, shop.sets
    both = [one for one in shop.all if one not in shop.in_set["Care"]]
    assert (await shop.page(NodeFilter(department_id=branch.department.id)))[0] == both
    assert (await shop.page(NodeFilter(operation_id=branch.operation.id)))[0] == both
    assert (await shop.page(NodeFilter(process_id=branch.process.id)))[0] == both
    assert (await shop.page(NodeFilter(process_id=branch.sub_process.id)))[0] == shop.in_set["Sub"]
    assert (await shop.page(sets["Top"]))[0] == shop.in_set["Top"]
    assert await shop.page(NodeFilter(process_id=branch.process.id), page=3, limit=6) == (both[12:], len(both))


async def test_what_an_account_does_not_have_is_empty(shop: Shop, deps: Deps) -> None:
    stranger = replace(shop, account_id=(await accounts.create_account(deps, "Borealis", by=SYSTEM)).id)
    nobody = new_id()
    for within in (
        None,
        shop.sets["Top"],
        NodeFilter(department_id=shop.branch.department.id),
        NodeFilter(operation_id=OperationId(nobody)),
        NodeFilter(process_id=ProcessId(nobody)),
        NodeFilter(department_id=DepartmentId(nobody)),
        FeatureSetId(nobody),
    ):
        assert await stranger.page(within) == ([], 0)


async def test_a_number_shows_its_names(shop: Shop) -> None:
    top = (await number_search.get_number(shop.deps, shop.account_id, WHOLE_ACCOUNT, shop.in_set["Top"][0]))[0].names
    assert (top.department, top.operation, top.process, top.sub_process) == ("Retail", "Delivery", "Last mile", "")
    assert (top.feature_set_name, top.label_name, top.call_me_back) == ("Top", "Acme Deliveries", False)
    sub = (await number_search.get_number(shop.deps, shop.account_id, WHOLE_ACCOUNT, shop.in_set["Sub"][0]))[0].names
    assert (sub.process, sub.sub_process) == ("Last mile", "Evening")


async def test_numbers_of_a_group_are_there_with_empty_places(shop: Shop) -> None:
    listed = await make_listed(shop.deps, account_id=shop.account_id, name="Old console", is_number_group=True)
    (first, *_), total = await shop.page()
    assert (first, total) == (listed.number, len(shop.all) + 1)
    names = (await number_search.get_number(shop.deps, shop.account_id, WHOLE_ACCOUNT, listed.number))[0].names
    assert (names.department, names.operation, names.process, names.feature_set_name) == ("", "", "", "Old console")


async def test_a_number_is_found_with_the_job_that_works_on_it(shop: Shop) -> None:
    one = shop.all[0]
    assert (await number_search.get_number(shop.deps, shop.account_id, WHOLE_ACCOUNT, one))[1] is None
    await numbers.delist(shop.deps, shop.account_id, shop.sets["Care"], [one], by=ALICE)
    details, job = await number_search.get_number(shop.deps, shop.account_id, WHOLE_ACCOUNT, one)
    assert details.number.state is NumberState.DELISTING
    assert job
    assert job.kind is JobKind.DELIST
    with pytest.raises(NotFound):
        await number_search.get_number(shop.deps, (await make_business(shop.deps)).account_id, WHOLE_ACCOUNT, one)


async def test_a_search_narrows_by_number_name_place_and_state(shop: Shop) -> None:
    one = shop.in_set["Sub"][1]
    await numbers.delist(shop.deps, shop.account_id, shop.sets["Sub"], [one], by=ALICE)

    async def found(wanted: NumberFilter, scope: Scope = WHOLE_ACCOUNT) -> list[PhoneNumber]:
        rows = await number_search.search_numbers(shop.deps, shop.account_id, scope, wanted)
        return [row.number.phone_number for row in rows]

    assert await found(NumberFilter()) == shop.all
    assert await found(NumberFilter(f" +{one[:3]} {one[3:]} ")) == [one]
    assert await found(NumberFilter(other_digits(f"+{one[:3]} {one[3:]}"))) == [one]
    assert await found(NumberFilter("ca")) == shop.in_set["Care"]
    assert await found(NumberFilter("100%")) == await found(NumberFilter("are")) == []
    assert await found(NumberFilter(feature_set=shop.sets["Top"])) == shop.in_set["Top"]
    assert await found(NumberFilter(state=NumberState.DELISTING)) == [one]
    assert await found(NumberFilter(state=NumberState.LISTED)) == [number for number in shop.all if number != one]
    assert await found(NumberFilter("Top", NumberState.DELISTING)) == []
    change = FeatureSetChange(name="École Ж")
    await feature_sets.update_feature_set(shop.deps, shop.account_id, shop.sets["Care"], change, by=ALICE)
    for text in ("éc", "E\u0301COLE", "école ж"):
        assert await found(NumberFilter(text)) == shop.in_set["Care"]
    care = (await feature_sets.get_placed(shop.deps, shop.account_id, shop.sets["Care"])).place.process_id
    top = shop.branch.process.id
    assert set(await found(NumberFilter(place=top))) == {*shop.in_set["Top"], *shop.in_set["Sub"]}
    assert await found(NumberFilter(place=care)) == shop.in_set["Care"]
    assert await found(NumberFilter(), Scope(care)) == shop.in_set["Care"]
    assert await found(NumberFilter(feature_set=shop.sets["Top"]), Scope(care)) == []
    assert await found(NumberFilter(place=top), Scope(care)) == []
    assert await found(NumberFilter(), owner_of(None).scope) == []


async def test_a_search_is_turned_page_by_page(shop: Shop) -> None:
    read: list[PhoneNumber] = []
    before = None
    of = (shop.deps, shop.account_id, WHOLE_ACCOUNT)
    while page := await number_search.search_numbers(*of, before=before, limit=5):
        read += [one.number.phone_number for one in page]
        before = number_search.page_of(page[-1].number)
    assert read == shop.all


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 100))
def test_a_page_is_read_from_the_nearer_end(page: int, limit: int, total: int) -> None:
    span = span_of(page, limit, total)
    wanted = list(range(total))[(page - 1) * limit : page * limit]
    if span is None:
        assert wanted == []
        return
    order = list(range(total))[::-1] if span.backwards else list(range(total))
    found = order[span.skip : span.skip + span.take]
    assert (found[::-1] if span.backwards else found) == wanted
    assert span.skip <= total // 2


# plans --------------------------------------------------------------------------------------------------------------


class Undone(Exception):
    """Rolls a test's rows back."""


@pytest.fixture
async def crowded(deps: Deps) -> AsyncGenerator[tuple[Tx, Business]]:
    """20,000 numbers of one account, half of them in its one feature set; gone again after the test."""
    acme = await make_business(deps)
    other = await acme.another_set("Returns")
    with suppress(Undone):
        async with deps.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, created_by_email,"
                " created_at, updated_at) SELECT (700000000 + n)::text, $1, ($2::uuid[])[1 + n % 2], 'verified',"
                " 'listed', $3, $4::timestamptz - n * interval '1 second', $4 FROM generate_series(1, 20000) n",
                *(acme.account_id, [acme.feature_set_id, other], ALICE.email, deps.clock.now()),
            )
            await tx.execute("ANALYZE number")
            yield tx, acme
            raise Undone


async def plan_of(tx: Tx, query: LiteralString, *args: object) -> str:
    return "\n".join(row[0] for row in await tx.fetch(f"EXPLAIN {query}", *args))


async def test_of_many_numbers_pages_totals_and_a_caller_are_read_by_indexes(crowded: tuple[Tx, Business]) -> None:
    await keys_of_deep_pages_come_in_order_out_of_an_index_alone(*crowded)
    await a_place_with_many_feature_sets_is_read_in_order_out_of_the_accounts_index(*crowded)
    await totals_read_counters_and_no_numbers(*crowded)
    await the_caller_is_found_by_primary_keys(*crowded)


async def keys_of_deep_pages_come_in_order_out_of_an_index_alone(tx: Tx, acme: Business) -> None:
    ways = (
        (page_queries.OF_ACCOUNT, acme.account_id, "number_account_newest"),
        (page_queries.OF_FEATURE_SET, acme.feature_set_id, "number_feature_set_newest"),
    )
    for (pages, of, index), order in product(ways, (0, 1)):
        plan = await plan_of(tx, pages.keys[order], of, 1000, 5000)
        assert "Index Only Scan" in plan
        assert index in plan
        assert "Sort" not in plan
        rows = await plan_of(tx, pages.rows[order], of, 1000, 0)
        assert index in rows
        assert "Sort" not in rows
        assert "Seq Scan" not in rows


async def a_place_with_many_feature_sets_is_read_in_order_out_of_the_accounts_index(tx: Tx, acme: Business) -> None:
    sets = [acme.feature_set_id, new_id(), new_id()]
    plan = await plan_of(tx, page_queries.OF_FEATURE_SETS.keys[0], acme.account_id, 100, 1000, sets)
    assert "Index Only Scan" in plan
    assert "number_account_newest" in plan
    assert "Sort" not in plan


async def totals_read_counters_and_no_numbers(tx: Tx, acme: Business) -> None:
    seen: Any = Asked(tx)
    await page_queries.count_numbers(seen, acme.account_id)
    await page_queries.count_in_feature_set(seen, acme.account_id, acme.feature_set_id)
    await page_queries.counts_within(seen, acme.account_id, NodeFilter())
    assert len(seen.plans) == 3
    assert all(" on number" not in plan for plan in seen.plans)


async def the_caller_is_found_by_primary_keys(tx: Tx, acme: Business) -> None:
    seen: Any = Asked(tx)
    (caller,) = await caller_queries.select_callers(seen, [PhoneNumber("700000001")])
    assert caller
    assert caller.account_id == acme.account_id
    (plan,) = seen.plans
    assert "number_pkey" in plan
    assert "Seq Scan on number" not in plan


class Asked:
    """A connection that notes the plan of each query."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.plans: list[str] = []

    async def fetch(self, query: LiteralString, *args: object) -> list[page_queries.Row]:
        self.plans.append(await plan_of(self._tx, query, *args))
        return await self._tx.fetch(query, *args)

    async def fetchval(self, query: LiteralString, *args: object) -> object:
        self.plans.append(await plan_of(self._tx, query, *args))
        return await self._tx.fetchval(query, *args)


# ringing ------------------------------------------------------------------------------------------------------------


async def test_a_listed_number_of_a_published_feature_set_is_a_caller_until_it_is_taken_back(deps: Deps) -> None:
    acme = await make_business(deps)
    (one,) = phones(1)

    async def rings() -> bool:
        async with deps.db.connection() as tx:
            return isinstance((await numbers.callers(tx, [one]))[0], ListedCaller)

    assert not await rings()
    await acme.publish(one)
    assert not await rings()
    await run_jobs(deps)
    assert await rings()
    await feature_sets.unpublish_feature_set(deps, acme.account_id, acme.feature_set_id, by=SYSTEM)
    assert not await rings()
    await acme.publish(one)
    assert await rings()
    await accounts.update_account(deps, acme.account_id, state=AccountState.SUSPENDED, by=SYSTEM)
    assert not await rings()
    await accounts.update_account(deps, acme.account_id, state=AccountState.ACTIVE, by=SYSTEM)
    assert await rings()
    await acme.delist(one)
    assert not await rings()
    await run_jobs(deps)
    assert not await rings()

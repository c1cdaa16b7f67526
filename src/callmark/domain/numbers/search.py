"""Use cases of looking numbers up: the API's pages (contract, section 7.3, D29, D30), the console's lists."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import visible_sets
from callmark.domain.feature_sets.model import NodeFilter
from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.numbers import page_queries, queries
from callmark.domain.numbers.model import ListingJob, Number, NumberDetails, NumberFilter
from callmark.domain.numbers.page_queries import NumberSearch, RowSpan
from callmark.domain.numbers.proofs import service as number_proofs
from callmark.domain.policy.model import Scope
from callmark.kit.errors import found
from callmark.kit.phone import PhoneNumber, without_exit_code, without_separators
from callmark.kit.postgres.database import Tx

_AT_A_TIME = 1000
_EVERY_NUMBER = NumberFilter()


class CountedNumbers(Struct, frozen=True):
    """A page of numbers, and how many there are on all pages."""

    numbers: list[NumberDetails]
    total: int


async def read_page(
    deps: Deps,
    account_id: AccountId,
    within: NodeFilter | FeatureSetId | None,
    *,
    page: int,
    limit: int,
) -> CountedNumbers:
    """Page `page` (from 1) of the account's numbers, all or those in one place, newest first, then by number downwards.

    Empty past the end, and for a place that the account does not have. Total and page are of one instant: the total
    comes from counters, and a page in the second half is counted from the end.
    """
    async with deps.db.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        total, numbers = await _page(tx, account_id, within, page, limit)
        return CountedNumbers(await _detailed(tx, numbers), total)


async def _page(
    tx: Tx, account_id: AccountId, within: NodeFilter | FeatureSetId | None, page: int, limit: int
) -> tuple[int, list[Number]]:
    if within is None:
        total = await page_queries.count_numbers(tx, account_id)
        span = span_of(page, limit, total)
        return total, await page_queries.page_of_account(tx, account_id, span) if span else []
    if isinstance(within, NodeFilter):
        counts = await page_queries.counts_within(tx, account_id, within)
        total, feature_sets = sum(count for _, count in counts), [feature_set_id for feature_set_id, _ in counts]
    else:
        total, feature_sets = await page_queries.count_in_feature_set(tx, account_id, within), [within]
    span = span_of(page, limit, total)
    if span is None:
        return total, []
    if len(feature_sets) == 1:
        return total, await page_queries.page_of_feature_set(tx, feature_sets[0], span)
    return total, await page_queries.page_of_feature_sets(tx, account_id, feature_sets, span)


def span_of(page: int, limit: int, total: int) -> RowSpan | None:
    """Where a page's rows are found, counted from the nearer end; None for a page past the end."""
    skip = (page - 1) * limit
    take = min(limit, total - skip)
    if take <= 0:
        return None
    behind = total - skip - take
    return RowSpan(behind, take, backwards=True) if behind < skip else RowSpan(skip, take, backwards=False)


def page_count(total: int, limit: int) -> int:
    """How many pages of `limit` a total makes; 0 for none."""
    return -(-total // limit)


def search_for(text: str) -> NumberSearch:
    """What someone looks for who types `text`: a number's first digits, however spaced, or a feature set's name."""
    text = text.strip()
    digits = without_separators(text)
    if digits.isascii() and digits.isdigit():
        return NumberSearch(number_prefix=without_exit_code(digits) or None)
    return NumberSearch(name_prefix=text or None)


async def search_numbers(
    deps: Deps,
    account_id: AccountId,
    scope: Scope,
    wanted: NumberFilter = _EVERY_NUMBER,
    *,
    before: tuple[datetime, PhoneNumber] | None = None,
    limit: int = 100,
) -> list[NumberDetails]:
    """Up to `limit` of the numbers inside the scope, newest first; the next page begins before the last one's key.

    The key is (created_at, phone_number), see `page_of`.
    """
    async with deps.db.transaction() as tx:
        exact = await _search(tx, account_id, scope, wanted)
        rows = await _detailed(tx, await page_queries.search(tx, account_id, exact, before, limit))
        return await _with_proofs(tx, rows) if rows else []


async def all_numbers(
    deps: Deps, account_id: AccountId, scope: Scope, wanted: NumberFilter
) -> AsyncGenerator[list[NumberDetails]]:
    """All that `search_numbers` finds, newest first, a thousand at a time."""
    before = None
    while page := await search_numbers(deps, account_id, scope, wanted, before=before, limit=_AT_A_TIME):
        yield page
        before = page_of(page[-1].number)


async def _search(tx: Tx, account_id: AccountId, scope: Scope, wanted: NumberFilter) -> NumberSearch:
    among = await visible_sets.visible_ids(tx, account_id, scope)
    if wanted.place is not None:
        placed = await visible_sets.placed_ids(tx, account_id, Scope(wanted.place))
        among = placed if among is None else list(set(among).intersection(placed))
    feature_set_id = FeatureSetId(wanted.feature_set) if wanted.feature_set else None
    chosen = replace(search_for(wanted.text), feature_set_id=feature_set_id, state=wanted.state)
    return replace(chosen, feature_sets=among, proof=wanted.proof)


def page_of(last: Number) -> tuple[datetime, PhoneNumber]:
    """The key that the page after `last` begins before."""
    return last.created_at, last.phone_number


async def get_number(
    deps: Deps, account_id: AccountId, scope: Scope, number: PhoneNumber
) -> tuple[NumberDetails, ListingJob | None]:
    """The account's number, and the job that works on it now. NotFound for one that is not inside the scope."""
    async with deps.db.transaction() as tx:
        there = found(await page_queries.select_number(tx, account_id, number), "this number is not in this account")
        await visible_sets.check_visible(tx, account_id, there.feature_set_id, scope)
        (details,) = await _with_proofs(tx, await _detailed(tx, [there]))
        return details, await queries.select_job(tx, there.job_id, account_id) if there.job_id else None


async def find_numbers(deps: Deps, account_id: AccountId, numbers: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `numbers` that the account has, in their order."""
    async with deps.db.connection() as tx:
        return await page_queries.select_numbers(tx, account_id, numbers)


async def find_in_sets(deps: Deps, account_id: AccountId, scope: Scope, numbers: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `numbers` that feature sets inside the scope hold, in their order. Number groups' are left out."""
    async with deps.db.connection() as tx:
        held = await page_queries.select_numbers(tx, account_id, numbers)
        sets = set(await visible_sets.placed_ids(tx, account_id, scope)) if held else set[FeatureSetId]()
    return [one for one in held if one.feature_set_id in sets]


async def _detailed(tx: Tx, numbers: Sequence[Number]) -> list[NumberDetails]:
    if not numbers:
        return []
    names = await page_queries.select_names(tx, list({number.feature_set_id for number in numbers}))
    return [NumberDetails(number, names[number.feature_set_id]) for number in numbers]


async def _with_proofs(tx: Tx, numbers: Sequence[NumberDetails]) -> list[NumberDetails]:
    proofs = await number_proofs.proofs_in(tx, [one.number.phone_number for one in numbers])
    return [replace(one, proof=proofs[one.number.phone_number]) for one in numbers]

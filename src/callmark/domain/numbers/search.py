"""Use cases of looking numbers up: the API's pages (contract, section 7.3, D29, D30), the console's lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.numbers import page_queries, queries
from callmark.domain.numbers.model import ListingJob, Number, NumberDetails
from callmark.domain.numbers.page_queries import Search, Span
from callmark.domain.structure.model import Within
from callmark.kit.db import Tx
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber

__all__ = ["Page", "Search", "find_number", "find_numbers", "page_of", "read_page", "search_for", "search_numbers"]


@dataclass(frozen=True)
class Page:
    """A page of numbers, and how many there are on all pages."""

    numbers: list[NumberDetails]
    total: int


async def read_page(
    deps: Deps,
    account_id: AccountId,
    within: Within | FeatureSetId | None,
    *,
    page: int,
    limit: int,
) -> Page:
    """Page `page` (from 1) of the account's numbers, all or those in one place, newest first, then by number downwards.

    Empty past the end, and for a place that the account does not have. Total and page are of one instant: the total
    comes from counters, and a page in the second half is counted from the end.
    """
    async with deps.db.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        total, found = await _page(tx, account_id, within, page, limit)
        return Page(await _detailed(tx, found), total)


async def _page(
    tx: Tx, account_id: AccountId, within: Within | FeatureSetId | None, page: int, limit: int
) -> tuple[int, list[Number]]:
    if within is None:
        total = await page_queries.count_numbers(tx, account_id)
        span = span_of(page, limit, total)
        return total, await page_queries.page_of_account(tx, account_id, span) if span else []
    if isinstance(within, Within):
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


def span_of(page: int, limit: int, total: int) -> Span | None:
    """Where a page's rows are found, counted from the nearer end; None for a page past the end."""
    skip = (page - 1) * limit
    take = min(limit, total - skip)
    if take <= 0:
        return None
    behind = total - skip - take
    return Span(behind, take, backwards=True) if behind < skip else Span(skip, take, backwards=False)


def page_count(total: int, limit: int) -> int:
    """How many pages of `limit` a total makes; 0 for none."""
    return -(-total // limit)


def search_for(text: str) -> Search:
    """What somebody looks for who types `text`: a number's first digits, however spaced, or a feature set's name."""
    text = text.strip()
    digits = "".join(character for character in text if character not in " +-().")
    if digits.isascii() and digits.isdigit():
        return Search(number_prefix=digits)
    return Search(name_prefix=text or None)


async def search_numbers(
    deps: Deps,
    account_id: AccountId,
    wanted: Search | None = None,
    *,
    before: tuple[datetime, PhoneNumber] | None = None,
    limit: int = 100,
) -> list[NumberDetails]:
    """Up to `limit` of the account's numbers, newest first; the next page begins before the last one's key.

    The key is (created_at, phone_number), see `page_of`.
    """
    async with deps.db.transaction() as tx:
        return await _detailed(tx, await page_queries.search(tx, account_id, wanted or Search(), before, limit))


def page_of(last: Number) -> tuple[datetime, PhoneNumber]:
    """The key that the page after `last` begins before."""
    return last.created_at, last.phone_number


async def find_number(
    deps: Deps, account_id: AccountId, number: PhoneNumber
) -> tuple[NumberDetails, ListingJob | None]:
    """The account's number, and the job that works on it now. NotFound for one that it does not have."""
    async with deps.db.transaction() as tx:
        found = await page_queries.select_number(tx, account_id, number)
        if found is None:
            raise NotFound("this number is not in this account")
        (details,) = await _detailed(tx, [found])
        return details, await queries.select_job(tx, found.job_id, account_id) if found.job_id else None


async def find_numbers(deps: Deps, account_id: AccountId, numbers: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `numbers` that the account has, in their order."""
    async with deps.db.connection() as tx:
        return await page_queries.select_numbers(tx, account_id, numbers)


async def _detailed(tx: Tx, numbers: Sequence[Number]) -> list[NumberDetails]:
    if not numbers:
        return []
    names = await page_queries.select_names(tx, list({number.feature_set_id for number in numbers}))
    return [NumberDetails(number, names[number.feature_set_id]) for number in numbers]

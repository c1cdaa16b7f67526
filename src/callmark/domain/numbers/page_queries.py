"""The SQL of looking numbers up: pages as the API counts them, and lists as the console turns them."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from msgspec import Struct

from callmark.domain.feature_sets.model import NodeFilter, PhoneType
from callmark.domain.ids import AccountId, CatalogueId, FeatureSetId
from callmark.domain.numbers.model import FeatureSetNames, Number, NumberState
from callmark.domain.numbers.proofs.model import ProofState
from callmark.domain.structure.catalogue import operation_name
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.any_case import in_any_case
from callmark.kit.postgres.database import Row, Tx

_NUMBER = (
    "phone_number, account_id, feature_set_id, phone_type, state, why, job_id, created_by_email, created_at, updated_at"
)


class RowSpan(Struct, frozen=True):
    """Which rows of an order: `skip` from its beginning, then `take`; from its end when `backwards`."""

    skip: int
    take: int
    backwards: bool


class NumberSearch(Struct, frozen=True):
    """A `NumberFilter` as the statement takes it, with what the scope leaves; a part that is None narrows nothing.

    `number_prefix` is digits, `name_prefix` the beginning of a feature set's name (`in_any_case`); `feature_sets` are
    those that it may be in, when not all of the account.
    """

    number_prefix: str | None = None
    name_prefix: str | None = None
    feature_set_id: FeatureSetId | None = None
    state: NumberState | None = None
    feature_sets: Sequence[FeatureSetId] | None = None
    proof: ProofState | None = None


# totals, from counters -----------------------------------------------------------------------------------------------


async def count_numbers(tx: Tx, account_id: AccountId) -> int:
    """How many numbers the account has. Index feature_set_account_newest."""
    return await tx.fetchval(
        "SELECT coalesce(sum(number_count), 0)::bigint FROM feature_set WHERE account_id = $1", account_id
    )


async def count_in_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> int:
    """How many numbers the account's feature set has; 0 for one it does not have. Primary key."""
    count = await tx.fetchval(
        "SELECT number_count FROM feature_set WHERE id = $2 AND account_id = $1", account_id, feature_set_id
    )
    return count or 0


async def counts_within(tx: Tx, account_id: AccountId, within: NodeFilter) -> list[tuple[FeatureSetId, int]]:
    """The account's feature sets within a node that have numbers, and how many."""
    rows = await tx.fetch(
        """
        SELECT f.id, f.number_count
        FROM feature_set f
        JOIN calling_process p ON p.id = f.process_id
        JOIN calling_operation o ON o.id = p.operation_id
        WHERE f.account_id = $1 AND f.number_count > 0
          AND ($2::uuid IS NULL OR o.department_id = $2) AND ($3::uuid IS NULL OR o.id = $3)
          AND ($4::uuid IS NULL OR p.id = $4 OR p.parent_id = $4)
        """,
        account_id,
        within.department_id,
        within.operation_id,
        within.process_id,
    )
    return [(FeatureSetId(row[0]), row[1]) for row in rows]


# pages, newest first --------------------------------------------------------------------------------------------------

NEAR = 10_000
"""Up to this many rows are skipped in the table itself; further ones as keys in an index alone."""


class PageStatements(Struct, frozen=True):
    """The statements that read a page: of rows and of keys, each (newest first, oldest first).

    $1 is what it is a page of, $2 how many, $3 how many to pass over.
    """

    rows: tuple[LiteralString, LiteralString]
    keys: tuple[LiteralString, LiteralString]


def _pages(where: LiteralString) -> PageStatements:
    def both_ways(columns: LiteralString) -> tuple[LiteralString, LiteralString]:
        head = f"SELECT {columns} FROM number WHERE {where} ORDER BY "
        return (
            head + "created_at DESC, phone_number DESC LIMIT $2 OFFSET $3",
            head + "created_at, phone_number LIMIT $2 OFFSET $3",
        )

    return PageStatements(both_ways(_NUMBER), both_ways("phone_number"))


OF_ACCOUNT = _pages("account_id = $1")
OF_FEATURE_SET = _pages("feature_set_id = $1")
OF_FEATURE_SETS = _pages("account_id = $1 AND feature_set_id = ANY ($4::uuid[])")


async def page_of_account(tx: Tx, account_id: AccountId, span: RowSpan) -> list[Number]:
    """A page of the account's numbers. Index number_account_newest."""
    return await _page(tx, OF_ACCOUNT, span, account_id)


async def page_of_feature_set(tx: Tx, feature_set_id: FeatureSetId, span: RowSpan) -> list[Number]:
    """A page of the numbers of one feature set. Index number_feature_set_newest."""
    return await _page(tx, OF_FEATURE_SET, span, feature_set_id)


async def page_of_feature_sets(
    tx: Tx, account_id: AccountId, feature_sets: Sequence[FeatureSetId], span: RowSpan
) -> list[Number]:
    """A page of the numbers of several. Index number_account_newest, or, for few, number_feature_set_newest."""
    return await _page(tx, OF_FEATURE_SETS, span, account_id, feature_sets)


async def _page(tx: Tx, pages: PageStatements, span: RowSpan, of: object, *more: object) -> list[Number]:
    if span.skip <= NEAR:
        found = list(map(number_of, await tx.fetch(pages.rows[span.backwards], of, span.take, span.skip, *more)))
    else:
        keys = await tx.fetch(pages.keys[span.backwards], of, span.take, span.skip, *more)
        found = await _numbers(tx, [PhoneNumber(row[0]) for row in keys])
    return found[::-1] if span.backwards else found


# rows and names -----------------------------------------------------------------------------------------------------


async def _numbers(tx: Tx, numbers: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `numbers` that there are, in their order. Primary key."""
    rows = await tx.fetch(f"SELECT {_NUMBER} FROM number WHERE phone_number = ANY ($1::text[])", numbers)
    found = {number.phone_number: number for number in map(number_of, rows)}
    return [found[number] for number in numbers if number in found]


async def select_number(tx: Tx, account_id: AccountId, number: PhoneNumber) -> Number | None:
    """The account's number, or None. Primary key."""
    row = await tx.fetchrow(
        f"SELECT {_NUMBER} FROM number WHERE phone_number = $2 AND account_id = $1",
        account_id,
        number,
    )
    return number_of(row) if row else None


async def select_numbers(tx: Tx, account_id: AccountId, numbers: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `numbers` that the account has, in their order. Primary key."""
    return [number for number in await _numbers(tx, numbers) if number.account_id == account_id]


async def select_names(tx: Tx, feature_sets: Sequence[FeatureSetId]) -> dict[FeatureSetId, FeatureSetNames]:
    """The names that the numbers of each feature set show. Primary keys."""
    rows = await tx.fetch(
        """
        SELECT f.id, f.name, f.call_me_back, l.name AS label_name, d.name AS department, o.catalogue_id,
          coalesce(up.name, p.name) AS process, CASE WHEN up.id IS NOT NULL THEN p.name END AS sub_process
        FROM feature_set f
        LEFT JOIN label l ON l.id = f.label_id
        LEFT JOIN calling_process p ON p.id = f.process_id
        LEFT JOIN calling_process up ON up.id = p.parent_id
        LEFT JOIN calling_operation o ON o.id = p.operation_id
        LEFT JOIN department d ON d.id = o.department_id
        WHERE f.id = ANY ($1::uuid[])
        """,
        feature_sets,
    )
    return {
        FeatureSetId(row["id"]): FeatureSetNames(
            department=row["department"] or "",
            operation=operation_name(CatalogueId(row["catalogue_id"])) if row["catalogue_id"] else "",
            process=row["process"] or "",
            sub_process=row["sub_process"] or "",
            feature_set_name=row["name"],
            label_name=row["label_name"] or "",
            call_me_back=row["call_me_back"],
        )
        for row in rows
    }


async def search(
    tx: Tx, account_id: AccountId, wanted: NumberSearch, before: tuple[datetime, PhoneNumber] | None, limit: int
) -> list[Number]:
    """Up to `limit` of the account's numbers before that key, newest first.

    Indexes: number_pkey for a prefix of the number, number_feature_set_newest for a feature set or its name,
    number_account_unlisted for the states that few numbers are in, else number_account_newest.
    """
    at, last = before or (None, None)
    unlisted = wanted.state is not None and wanted.state is not NumberState.LISTED
    rows = await tx.fetch(
        f"SELECT {_NUMBER} FROM number WHERE account_id = $1"
        + (" AND phone_number >= $2 AND phone_number < $2 || ':'" if wanted.number_prefix else " AND $2::text IS NULL")
        + (_NAMED if wanted.name_prefix else " AND $3::text IS NULL")
        + (" AND feature_set_id = $4" if wanted.feature_set_id else " AND $4::uuid IS NULL")
        + (" AND state = $5" if wanted.state else " AND $5::text IS NULL")
        + (" AND state <> 'listed'" if unlisted else "")
        + _PROOF[wanted.proof]
        + (" AND $9::uuid[] IS NULL" if wanted.feature_sets is None else " AND feature_set_id = ANY ($9)")
        + (" AND (created_at, phone_number) < ($6, $7)" if before else " AND ($6::timestamptz, $7::text) IS NULL")
        + " ORDER BY created_at DESC, phone_number DESC LIMIT $8",
        account_id,
        wanted.number_prefix or None,
        f"^{in_any_case(wanted.name_prefix)}" if wanted.name_prefix else None,
        wanted.feature_set_id,
        wanted.state and wanted.state.value,
        at,
        last,
        limit,
        wanted.feature_sets,
        wanted.proof,
    )
    return [number_of(row) for row in rows]


_PROVEN_SO: LiteralString = (
    "EXISTS (SELECT FROM number_proof p WHERE p.phone_number = number.phone_number"
    " AND p.account_id = number.account_id AND ($10::text = 'unproven' OR p.state = $10))"
)
_PROOF: dict[ProofState | None, LiteralString] = {
    None: " AND $10::text IS NULL",
    **dict.fromkeys(ProofState, f" AND {_PROVEN_SO}"),
    ProofState.UNPROVEN: f" AND NOT {_PROVEN_SO}",
}
_NAMED = " AND feature_set_id = ANY (ARRAY (SELECT f.id FROM feature_set f WHERE f.account_id = $1 AND f.name ~ $3))"


_TYPES = {kind.value: kind for kind in PhoneType}
_STATES = {state.value: state for state in NumberState}


def number_of(row: Row) -> Number:
    """The number of a row with the columns of `_NUMBER`. Pages have thousands: it does no more than it must."""
    phone_number, account_id, feature_set_id, phone_type, state, why, job_id, email, created_at, updated_at = row
    return Number(
        phone_number,
        account_id,
        feature_set_id,
        _TYPES[phone_type],
        _STATES[state],
        why,
        job_id,
        email,
        created_at,
        updated_at,
    )

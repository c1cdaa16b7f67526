"""The SQL of callers: numbers as a ringing call needs them."""

from collections.abc import Collection, Sequence

from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.numbers.model import ListedCaller, NumberState, Unlisted, WhyUnlisted
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx

_WHY = {
    NumberState.PENDING: WhyUnlisted.PENDING,
    NumberState.DELISTING: WhyUnlisted.DELISTING,
    NumberState.FAILED: WhyUnlisted.FAILED,
}


async def select_callers(
    tx: Tx, callers: Sequence[PhoneNumber], *, also_suspended: bool = False
) -> list[ListedCaller | Unlisted | None]:
    """What each number is listed as, in their order, for any account; None for one that nobody holds. Primary keys.

    Offers that are not part of the account's plan are off (contract D49).
    """
    rows = await tx.fetch(
        """
        SELECT n.phone_number, n.state, n.account_id, n.created_at, f.id AS feature_set_id, f.name AS feature_set_name,
          f.is_number_group, f.state = 'published' AS is_published, a.state = 'active' AS is_active,
          l.name AS label_name, l.logo_sha256, r.text AS call_reason, 'number_management' = ANY (a.features) AS in_plan,
          a.announced_calls_only,
          f.call_me_back AND 'call_me_back' = ANY (a.features) AS call_me_back,
          f.survey AND 'user_feedback' = ANY (a.features) AS survey,
          EXISTS (
            SELECT FROM number_proof p
            WHERE p.phone_number = n.phone_number AND p.account_id = n.account_id AND p.state = 'proven'
          ) AS is_proven
        FROM number n
        JOIN feature_set f ON f.id = n.feature_set_id
        JOIN client_account a ON a.id = n.account_id
        LEFT JOIN label l ON l.id = f.label_id
        LEFT JOIN call_reason r ON r.id = f.call_reason_id
        WHERE n.phone_number = ANY ($1::text[])
        """,
        list(callers),
    )
    found = {row["phone_number"]: _caller(row, also_suspended=also_suspended) for row in rows}
    return [found.get(caller) for caller in callers]


async def select_proven(tx: Tx, account_id: AccountId) -> list[PhoneNumber]:
    """The account's numbers that are proven, listed and published, in order. Index number_proof_account."""
    rows = await tx.fetch(
        """
        SELECT n.phone_number FROM number_proof p
        JOIN number n ON n.phone_number = p.phone_number AND n.account_id = p.account_id
        JOIN feature_set f ON f.id = n.feature_set_id
        WHERE p.account_id = $1 AND p.state = 'proven' AND n.state = 'listed' AND f.state = 'published'
        ORDER BY n.phone_number
        """,
        account_id,
    )
    return [PhoneNumber(row["phone_number"]) for row in rows]


async def select_holders(tx: Tx, callers: Collection[PhoneNumber]) -> dict[PhoneNumber, AccountId]:
    """The account of each of the numbers that is pending, listed or delisting. Primary key."""
    rows = await tx.fetch(
        "SELECT phone_number, account_id FROM number WHERE phone_number = ANY ($1::text[]) AND state <> 'failed'",
        list(callers),
    )
    return {PhoneNumber(row["phone_number"]): AccountId(row["account_id"]) for row in rows}


def _caller(row: Row, *, also_suspended: bool) -> ListedCaller | Unlisted:
    if why := _why_unlisted(row, also_suspended=also_suspended):
        return Unlisted(AccountId(row["account_id"]), why)
    return ListedCaller(
        phone_number=PhoneNumber(row["phone_number"]),
        account_id=AccountId(row["account_id"]),
        held_since=row["created_at"],
        feature_set_id=FeatureSetId(row["feature_set_id"]),
        feature_set_name=row["feature_set_name"],
        is_number_group=row["is_number_group"],
        label_name=row["label_name"],
        logo_sha256=row["logo_sha256"],
        call_reason=row["call_reason"],
        call_me_back=row["call_me_back"],
        survey=row["survey"],
        is_proven=row["is_proven"],
        announced_only=row["announced_calls_only"],
    )


def _why_unlisted(row: Row, *, also_suspended: bool) -> WhyUnlisted | None:
    if not row["is_active"] and not also_suspended:
        return WhyUnlisted.ACCOUNT_SUSPENDED
    if not row["in_plan"]:
        return WhyUnlisted.NOT_IN_PLAN
    if row["state"] != NumberState.LISTED:
        return _WHY[NumberState(row["state"])]
    return None if row["is_published"] else WhyUnlisted.NOT_PUBLISHED

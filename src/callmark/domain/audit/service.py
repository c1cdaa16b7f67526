"""The audit log: every use case that a person or a key may ask for writes its line in its own transaction."""

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from callmark.domain.audit import model, queries
from callmark.domain.audit.model import PAGE, AuditAction, AuditEntry, AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, AuditId
from callmark.domain.policy.model import Actor
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx

LONGEST_SUBJECT = 200


async def note(
    tx: Tx,
    by: Actor,
    action: AuditAction,
    subject: str,
    *,
    account_id: AccountId | None,
    at: datetime,
    **details: object,
) -> None:
    """Writes what was done, the thing's name, and facts worth keeping (never secrets).

    `account_id` None: the change is to the installation. `at` is of the product clock.
    """
    entry = AuditEntry(
        id=AuditId(new_id()),
        account_id=account_id,
        actor_email=by.name,
        by_operator=by.is_operator,
        action=action,
        subject=subject[:LONGEST_SUBJECT],
        details=details,
        address=by.address,
        at=at,
    )
    await queries.insert_entry(tx, entry)


async def list_for_business(
    deps: Deps, account_id: AccountId, wanted: AuditFilter, after: tuple[datetime, UUID] | None, limit: int
) -> list[AuditEntry]:
    """As `list_entries`, without whole Key IDs (contract D47): operators see what was noted, to help those who ask."""
    found = await list_entries(deps, account_id, wanted, after, limit)
    return [replace(one, details=model.for_business(one.details)) for one in found]


async def list_entries(
    deps: Deps,
    account_id: AccountId | None,
    wanted: AuditFilter,
    after: tuple[datetime, UUID] | None = None,
    limit: int = PAGE,
) -> list[AuditEntry]:
    """An account's entries (None: of the whole installation), newest first, those after the key `after`."""
    async with deps.db.connection() as tx:
        return await queries.select_entries(tx, account_id, wanted, after, limit)

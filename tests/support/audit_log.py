"""The audit log as tests look at it."""

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM


async def log_of(deps: Deps, account_id: AccountId, text: str = "") -> list[AuditEntry]:
    """The account's log, newest first, narrowed to `text`, without what the test itself prepared as the system."""
    found = await audit.list_entries(deps, account_id, AuditFilter(text=text))
    return [entry for entry in found if entry.actor_email != SYSTEM.email]

"""The account's own settings and its audit log, for its admins."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check
from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.policy.model import Action


async def get_account(deps: Deps, actor: Actor) -> Account:
    """The account. Raises Forbidden."""
    check(actor, Action.ACCOUNT_MANAGE)
    return await accounts.get_account(deps, actor.account_id)


async def update_account(deps: Deps, actor: Actor, *, name: str, requires_code: bool) -> Account:
    """The account after the change; the code is asked from the next sign-in on. Raises Forbidden, InvalidInput."""
    check(actor, Action.ACCOUNT_MANAGE)
    async with changing(deps, actor) as change:
        account = await accounts.update_account(change.deps, actor.account_id, name=name, requires_code=requires_code)
        await change.note("account.changed", account.name, requires_code=requires_code)
    return account


async def list_audit(
    deps: Deps, actor: Actor, wanted: AuditFilter, after: tuple[datetime, UUID] | None, limit: int
) -> list[AuditEntry]:
    """The account's log, newest first, without whole Key IDs (contract D47). Raises Forbidden."""
    check(actor, Action.AUDIT_VIEW)
    entries = await audit.list_entries(deps, actor.account_id, wanted, after, limit)
    return [replace(one, details=_for_business(one.details)) for one in entries]


def _for_business(details: Mapping[str, object]) -> dict[str, object]:
    """Details as the account's members see them: operators see what was noted, to help those who ask."""
    return {name: f"…{str(value)[-4:]}" if name.endswith("key_id") else value for name, value in details.items()}

"""What an operator does in the console; the route has seen to it that it is one."""

from datetime import datetime
from uuid import UUID

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Operating
from callmark.domain.accounts import service as accounts
from callmark.domain.accounts import sign_in
from callmark.domain.accounts.model import Account
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId


async def act_for(deps: Deps, operating: Operating, account_id: AccountId) -> Account:
    """From now on the operator's session acts for that account, as an admin. Raises NotFound."""
    async with changing(deps, operating) as change:
        account = await accounts.get_account(change.deps, account_id)
        await sign_in.act_for(change.tx, operating.session, account.id)
        await change.note("operator.acts", account.name, account_id=account.id)
    return account


async def stop_acting(deps: Deps, operating: Operating) -> None:
    """The operator's session acts for nobody any more."""
    acted_for = operating.session.account_id
    if acted_for is None:
        return
    async with changing(deps, operating) as change:
        await sign_in.act_for(change.tx, operating.session, None)
        await change.note("operator.stopped", operating.session.account_name, account_id=acted_for)


async def list_audit(
    deps: Deps, account_id: AccountId | None, wanted: AuditFilter, after: tuple[datetime, UUID] | None, limit: int
) -> list[AuditEntry]:
    """The log of that account, or (None) of the whole installation, newest first."""
    return await audit.list_entries(deps, account_id, wanted, after, limit)

"""What workers do for certificates: renew those that no longer say what they should, and forget old ones."""

from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.signer_certificates import queries, service
from callmark.domain.signer_certificates.model import KEPT_AFTER
from callmark.kit.errors import AppError

log = structlog.get_logger(__name__)

_STEP = 100


async def keep_certificates(deps: Deps) -> None:
    """Looks at every account that signs with a certificate of our own root; safe to run by many at once.

    A call for a number or an icon that is new renews them at once; this finds what calls do not: numbers that have
    gone, other names, and certificates that are about to end. Those that were imported are for the operator to replace,
    who is notified in time (`callmark_certificate_ends_seconds`).
    """
    now, after = deps.real_clock.now(), UUID(int=0)
    await queries.delete_expired(deps.db, now - KEPT_AFTER)
    while True:
        async with deps.db.connection() as tx:
            found = await queries.select_issued_accounts(tx, after, _STEP)
        for account_id in found:
            try:
                await service.renew(deps, account_id)
            except AppError as exc:
                log.warning("certificates_not_renewed", account_id=str(account_id), error=exc.detail)
        if len(found) < _STEP:
            return
        after = found[-1]

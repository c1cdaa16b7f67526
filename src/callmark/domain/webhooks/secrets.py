"""What happens to webhook secrets when the installation's secret key is replaced (`callmark secret-key`)."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import structlog
from msgspec import Struct

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, WebhookId
from callmark.domain.mail import letters as mails
from callmark.domain.members import addresses
from callmark.domain.policy.model import Actor
from callmark.domain.webhooks import queries, signing
from callmark.domain.webhooks.model import OldSecret, Secrets, Webhook
from callmark.kit.postgres.database import Tx
from callmark.kit.secret_key import Sealer, opened_by
from callmark.kit.settings import Secret

log = structlog.get_logger(__name__)

_STEP = 200


class Sealed(Struct):
    """How many secrets were encrypted with the new key, and the webhooks with one that no key here opens."""

    count: int
    unreadable: list[WebhookId]


async def seal_again(deps: Deps, new: Secret, others: Iterable[Secret]) -> Sealed:
    """Encrypts every secret with `new`, in short transactions beside running work. Safe to repeat after a kill."""
    done, after = Sealed(0, []), None
    while True:
        async with deps.db.transaction() as tx:
            after = await _seal_step(
                tx, done, after, signing.sealer_of(new), [signing.sealer_of(key) for key in others]
            )
        if after is None:
            return done


async def seal_rest(tx: Tx, new: Secret, others: Iterable[Secret]) -> Sealed:
    """As `seal_again`, in the transaction that makes `new` the installation's key and lets nobody seal meanwhile."""
    done, after = Sealed(0, []), None
    sealer, other_sealers = signing.sealer_of(new), [signing.sealer_of(key) for key in others]
    while (after := await _seal_step(tx, done, after, sealer, other_sealers)) is not None:
        pass
    return done


async def _seal_step(
    tx: Tx, done: Sealed, after: WebhookId | None, new: Sealer, others: Sequence[Sealer]
) -> WebhookId | None:
    """Some of the webhooks after `after`; the last of them, None when there are no more."""
    found = await queries.select_living_secrets(tx, after, _STEP)
    for webhook_id, secrets in found:
        owner = webhook_id.bytes
        sealed = [secrets.sealed, *(one.sealed for one in secrets.old)]
        opened = {one: opened_by(others, one, owner) for one in sealed if new.opened(one, owner) is None}
        if None in opened.values():
            done.unreadable.append(webhook_id)
        again = {one: new.seal(plain, owner) for one, plain in opened.items() if plain is not None}
        if again:
            old = tuple(OldSecret(again.get(one.sealed, one.sealed), one.until) for one in secrets.old)
            await queries.update_secrets(tx, webhook_id, Secrets(again.get(secrets.sealed, secrets.sealed), old))
            done.count += len(again)
    return found[-1][0] if found else None


async def give_new_secrets(deps: Deps, tx: Tx, key: Secret, *, by: Actor) -> int:
    """A new secret to every existing webhook of every account, encrypted with `key`; how many. Nobody has seen them.

    Mails tell each account's admins, so that they make secrets of their own and give them to their receivers.
    """
    now, sealer = deps.clock.now(), signing.sealer_of(key)
    webhooks = await queries.select_living(tx)
    for webhook in webhooks:
        sealed = sealer.seal(signing.new_secret(), webhook.id.bytes)
        await queries.update_secrets(tx, webhook.id, Secrets(sealed), now)
        facts = {"webhook_id": str(webhook.id), "overlap_hours": 0}
        await audit.note(
            tx, by, AuditAction.WEBHOOK_ROTATED, webhook.name, account_id=webhook.account_id, at=now, **facts
        )
    for account_id, theirs in groupby(webhooks, lambda one: one.account_id):
        await _tell(deps, tx, account_id, list(theirs))
    log.warning("webhook_secrets_replaced", webhooks=len(webhooks))
    return len(webhooks)


async def _tell(deps: Deps, tx: Tx, account_id: AccountId, webhooks: Sequence[Webhook]) -> None:
    account = await accounts.get_account_in(tx, account_id)
    for address in await addresses.admin_emails(tx, account_id):
        await mails.send_secrets_replaced(deps, tx, address, account.name, [one.name for one in webhooks])

"""Use cases of alerts: send them to the recipients that have chosen them."""

from functools import partial

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import links, model, queries
from callmark.domain.alerts.links import LinkPurpose
from callmark.domain.alerts.model import Alert, Recipient, RecipientKind
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.mail import letters, service as mail
from callmark.domain.mail.letters import Footer
from callmark.domain.members import addresses
from callmark.domain.work_names import WorkName
from callmark.kit.postgres.database import Transaction, Tx
from callmark.kit.secret_key import current_key, marked_key


async def tell(tx: Transaction, deps: Deps, alert: Alert) -> None:
    """Queues the alert for everyone who gets this kind; it goes out once the transaction is committed."""
    account = await accounts.get_account_in(tx, alert.account_id)
    recipients = [one for one in await list_in(tx, alert.account_id) if one.takes(alert.kind)]
    for to, footer in (await _addresses(tx, deps, alert, account.name, recipients)).items():
        text, page = letters.letter(deps, alert.lines, alert.links, footer)
        await mail.enqueue(tx, to=to, subject=alert.subject, text=text, html=page, now=deps.clock.now())
    channels = [one for one in recipients if one.kind is RecipientKind.CHANNEL]
    for one in channels:
        body = model.post_body(alert, account.name, deps.clock.now())
        await queries.insert_post(tx, one.id, body, deps.clock.now())
    if channels:
        tx.after_commit(partial(deps.wake, WorkName.ALERT_POSTS))


async def tell_once(tx: Transaction, deps: Deps, alert: Alert, what: str) -> None:
    """As `tell`, once for each `what` of a kind, as soon as anyone gets that kind."""
    is_wanted = any(one.takes(alert.kind) for one in await list_in(tx, alert.account_id))
    if is_wanted and await queries.insert_once(tx, alert.account_id, alert.kind, what, deps.clock.now()):
        await tell(tx, deps, alert)


async def list_in(tx: Tx, account_id: AccountId) -> list[Recipient]:
    """The account's recipients, its admins first, who are there by default."""
    found = await queries.select_recipients(tx, account_id)
    admins = next((one for one in found if one.is_admins), None)
    if admins is None:
        account = await accounts.get_account_in(tx, account_id)
        admins = model.admins_by_default(account_id, account.created_at)
    return [admins, *(one for one in found if not one.is_admins)]


async def drop_channels(tx: Tx) -> None:
    """Forgets every channel of every account, and what waits for it."""
    await queries.delete_channels(tx)


async def _addresses(
    tx: Tx, deps: Deps, alert: Alert, account_name: str, recipients: list[Recipient]
) -> dict[str, Footer]:
    """Whom a mail goes to, each once, and what stands at its end."""
    found: dict[str, tuple[str, Footer]] = {}
    to_settings = Footer(
        f"You get this email as a member of {account_name}.", "Choose alerts", f"{deps.public_url}/console/alerts"
    )
    for one in recipients:
        if one.role is not None:
            for address in await addresses.emails_of(tx, alert.account_id, one.role):
                found.setdefault(address.casefold(), (address, to_settings))
    for one in recipients:
        if one.email is not None and one.email.casefold() not in found:
            token = links.signed(current_key(deps.settings, await marked_key(tx)), LinkPurpose.STOP, one.id)
            stop = Footer(
                f"{account_name} has chosen this address for its alerts.",
                "Stop these emails",
                f"{deps.public_url}/console/alerts/stop/{token}",
            )
            found[one.email.casefold()] = (one.email, stop)
    return dict(found.values())

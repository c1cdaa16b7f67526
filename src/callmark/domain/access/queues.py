"""Background work of the installation, for operators: what waits, and mails that could not be sent."""

from dataclasses import dataclass

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Operating
from callmark.domain.deps import Deps
from callmark.domain.ids import MailId
from callmark.domain.numbers import jobs as numbers
from callmark.domain.personalisation import jobs as personalisation
from callmark.domain.personalisation.suspension import jobs as switches
from callmark.domain.personalisation.uploads import jobs as uploads
from callmark.domain.webhooks.backlog import Backlog, read_backlog
from callmark.domain.work_names import WorkName
from callmark.kit import mail as mails
from callmark.kit import smtp
from callmark.kit import work as due_work
from callmark.kit.errors import NotFound
from callmark.kit.mail import Mail
from callmark.kit.work import PeriodicJob, Queue

MOST_MAILS = 50


@dataclass(frozen=True)
class Queues:
    """Every kind of background work; `mails` are the newest that could not be sent so far."""

    queues: list[Queue]
    deliveries: Backlog
    periodic: list[PeriodicJob]
    mails: list[Mail]


async def look_at_queues(deps: Deps) -> Queues:
    """As of now."""
    works = [
        personalisation.batches(deps),
        uploads.uploads(deps),
        switches.switches(deps),
        numbers.listing_jobs(deps),
        smtp.mails(deps.settings, deps.db, deps.clock),
    ]
    now, real_now = deps.clock.now(), deps.real_clock.now()
    async with deps.db.connection() as tx:
        queues = [await due_work.look_at(tx, work, now, real_now) for work in works]
        periodic = await due_work.periodic_jobs(tx, real_now)
        unsent = await mails.select_unsent(tx, MOST_MAILS)
    return Queues(queues, await read_backlog(deps), periodic, unsent)


async def send_again(deps: Deps, operating: Operating, mail_id: MailId) -> str:
    """Makes a mail that could not be sent due now; its recipient. Raises NotFound when it does not wait for that."""
    async with changing(deps, operating) as change:
        found = await mails.send_again(change.tx, mail_id, deps.clock.now())
        if not found:
            raise NotFound("This mail is not waiting to be sent. It may have been sent in the meantime.")
        await change.note("mail.sent_again", found[0])
    await deps.wake(WorkName.MAILS)
    return found[0]


async def send_all_again(deps: Deps, operating: Operating) -> int:
    """The same for every mail that could not be sent; how many."""
    async with changing(deps, operating) as change:
        found = await mails.send_again(change.tx, None, deps.clock.now())
        if found:
            await change.note("mail.sent_again", "every mail that could not be sent", mails=len(found))
    await deps.wake(WorkName.MAILS)
    return len(found)

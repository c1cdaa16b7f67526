"""How background work stands, for operators; mails that could not be sent."""

from datetime import datetime
from functools import partial

from msgspec import Struct

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.background import queries
from callmark.domain.background.registry import PERIODIC, row_works
from callmark.domain.deps import Deps
from callmark.domain.ids import MailId
from callmark.domain.mail import service as mails
from callmark.domain.mail.model import Mail
from callmark.domain.policy.model import Actor
from callmark.domain.webhooks.dispatch.backlog import Backlog, read_backlog_in
from callmark.domain.work_names import WorkName
from callmark.kit.errors import NotFound
from callmark.kit.postgres.database import Tx
from callmark.kit.work import Work

MOST_MAILS = 50

MOST_COUNTED = 10_000
"""Where counting of what waits stops."""


class Queue(Struct, frozen=True):
    """How one kind of work stands. Counts stop at `MOST_COUNTED`, and `is_more` then says so.

    `waiting` rows are due and nobody's, `running` ones leased, `later` ones not due yet; `oldest_due_at` is the first
    instant at which one of those that are due and nobody's became due.
    """

    name: str
    title: str
    waiting: int
    running: int
    later: int
    oldest_due_at: datetime | None
    is_more: bool = False


class PeriodicJob(Struct, frozen=True):
    """A job that runs periodically, what it does, and when next."""

    name: str
    says: str
    due_at: datetime | None
    is_running: bool

    def is_due(self, now: datetime) -> bool:
        """Whether its next run should have begun."""
        return self.due_at is not None and self.due_at <= now


class Queues(Struct, frozen=True):
    """Every kind of background work; `mails` are the newest that could not be sent so far."""

    queues: list[Queue]
    deliveries: Backlog
    periodic: list[PeriodicJob]
    mails: list[Mail]


async def look_at_queues(deps: Deps) -> Queues:
    """Every queue, the periodic jobs and the unsent mails, as of one instant.

    So work that makes other work is never over while what it made is missing.
    """
    async with deps.db.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        queues = await look_at_row_works(deps, tx)
        periodic = await list_periodic(deps, tx)
        unsent = await mails.list_unsent(tx, MOST_MAILS)
        return Queues(queues, await read_backlog_in(tx, deps), periodic, unsent)


async def look_at_row_works(deps: Deps, tx: Tx) -> list[Queue]:
    """How every work stands whose rows are leased one by one, without the periodic jobs."""
    return [await _look_at(deps, tx, work, title) for title, work in row_works(deps)]


async def list_periodic(deps: Deps, tx: Tx) -> list[PeriodicJob]:
    """Every periodic job, next first; without those of a newer version, or of an older one that this does not have."""
    rows = await queries.select_periodic(tx, deps.database_now())
    return [
        PeriodicJob(name, PERIODIC[name].says, due_at, is_held) for name, due_at, is_held in rows if name in PERIODIC
    ]


async def add_periodic_jobs(deps: Deps) -> None:
    """Jobs that this installation has never run are due now."""
    async with deps.db.connection() as tx:
        await queries.insert_periodic(tx, PERIODIC, deps.clock.now())


async def send_again(deps: Deps, mail_id: MailId, *, by: Actor) -> str:
    """Retries an unsent mail now; its recipient. Raises NotFound when it does not wait for that."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        found = await mails.send_again(tx, mail_id, now)
        if not found:
            raise NotFound(
                "This mail is not waiting to be sent. It may have been sent in the meantime, or would come too late."
            )
        await audit.note(tx, by, AuditAction.MAIL_SENT_AGAIN, found[0], account_id=None, at=now)
        tx.after_commit(partial(deps.wake, WorkName.MAILS))
    return found[0]


async def send_all_again(deps: Deps, *, by: Actor) -> int:
    """The same for every mail that could not be sent; how many."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        if found := await mails.send_again(tx, None, now):
            subject, count = "every mail that could not be sent", len(found)
            await audit.note(tx, by, AuditAction.MAIL_SENT_AGAIN, subject, account_id=None, at=now, mails=count)
        tx.after_commit(partial(deps.wake, WorkName.MAILS))
    return len(found)


async def _look_at(deps: Deps, tx: Tx, work: Work, title: str) -> Queue:
    now, real_now = deps.clock.now(), deps.database_now()
    row = await queries.count_rows(tx, work, now, real_now, MOST_COUNTED + 1)
    more = row["total"] > MOST_COUNTED
    return Queue(work.name, title, row["waiting"], row["running"], row["later"], row["oldest_due_at"], more)

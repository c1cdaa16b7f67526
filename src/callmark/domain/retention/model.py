"""Every kind of thing that is kept for a time: for how long, by which setting, in which tables, and who deletes it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import LiteralString

from msgspec import Struct

from callmark.domain.announced_calls.model import KEPT as ANNOUNCED
from callmark.domain.handsets.model import FORGOTTEN_FOR as FORGOTTEN
from callmark.domain.idempotency.model import KEPT_FOR as KEYS
from callmark.domain.numbers.model import JOBS_KEPT as LISTING_JOBS
from callmark.domain.numbers.proofs.model import CODES_WITHIN
from callmark.domain.previewed_files.model import KEPT_FOR as PREVIEWS
from callmark.domain.retention.condition_queries import LEFT_BY_BATCHES, STILL_REGISTERED
from callmark.kit.postgres.piecewise import LARGE_ROWS, PIECE
from callmark.kit.settings import Settings

_SLACK = timedelta(days=3)
"""Days are dropped as wholes, and some jobs run once a day."""
_SHORT_SLACK = timedelta(hours=3)
"""Of what is kept for hours."""
_A_DAY = timedelta(days=1)


class KeptTable(Struct, frozen=True):
    """A table, and the column (or an expression) that says how old a row is.

    A row where the column is null has no age yet. `by_id` finds the oldest by its id where no index does. With `made`,
    the column of when a row was made, `column` may be any later instant. `only` says of which rows. What is too old is
    deleted up to `piece` rows at once; by the periodic job `job`, where more than its age decides.
    """

    name: LiteralString
    column: LiteralString
    by_id: bool = False
    made: LiteralString = ""
    only: LiteralString = "true"
    piece: int = PIECE
    job: str = ""


class KeptKind(Struct, frozen=True):
    """A kind of thing; `kept`: for how long, or how an installation's settings say for how many days.

    `setting` is what an operator sets; empty: its time is fixed. `job` is the periodic job that deletes rows which are
    too old, of the tables without a job of their own.
    """

    name: str
    setting: str
    kept: timedelta | Callable[[Settings], int]
    tables: tuple[KeptTable, ...]
    job: str = ""

    def period(self, settings: Settings) -> timedelta | None:
        """For how long it is kept; None: without an end."""
        if isinstance(self.kept, timedelta):
            return self.kept
        days = self.kept(settings)
        return timedelta(days=days) if days else None

    @property
    def plain_tables(self) -> list[KeptTable]:
        """Those whose rows only need to be old enough to be deleted."""
        return [table for table in self.tables if not table.job]


class KindState(Struct, frozen=True):
    """A kind now: for how long it is kept, and when its oldest row was made, None for no row."""

    kind: KeptKind
    period: timedelta | None
    oldest_at: datetime | None
    is_overdue: bool


KINDS = (
    KeptKind(
        "call records",
        "retention_days",
        lambda settings: settings.retention_days,
        (
            KeptTable("call_record", "ends_at", job="partitions"),
            KeptTable("batch", "ends_to", made="accepted_at", job="old_batches"),
            KeptTable("upload", "created_at", by_id=True, only=LEFT_BY_BATCHES, job="old_uploads"),
        ),
    ),
    KeptKind(
        "calls",
        "call_retention_days",
        lambda settings: settings.call_days,
        (KeptTable("call", "reported_at"),),
        job="old_calls",
    ),
    KeptKind(
        "Call Me Back requests",
        "callback_retention_days",
        lambda settings: settings.callback_days,
        # from the time on for which a call was promised, up to a week after the request
        (KeptTable("callback_request", "greatest(requested_at, slot_starts_at)"),),
        job="old_call_me_back_requests",
    ),
    KeptKind(
        "answers",
        "answer_retention_days",
        lambda settings: settings.answer_retention_days,
        (KeptTable("feedback", "responded_at", by_id=True),),
        job="old_answers",
    ),
    KeptKind(
        "signed calls",
        "signed_call_retention_days",
        lambda settings: settings.signed_call_days,
        (
            KeptTable("signed_call", "signed_at", by_id=True),
            KeptTable("verified_call", "verified_at", by_id=True),
            KeptTable("possible_spoof", "raised_at", by_id=True),
        ),
        job="old_signed_calls",
    ),
    KeptKind(
        "events",
        "event_retention_days",
        lambda settings: settings.event_retention_days,
        (
            KeptTable("event", "created_at", job="partitions"),
            KeptTable("delivery", "created_at", job="partitions"),
            KeptTable("attempt", "began_at", job="partitions"),
            KeptTable("waiting_delivery", "created_at"),
        ),
        job="old_events",
    ),
    KeptKind(
        "emails",
        "mail_retention_days",
        lambda settings: settings.mail_retention_days,
        (KeptTable("mail", "created_at"),),
        job="old_emails",
    ),
    KeptKind(
        "audit entries",
        "audit_retention_days",
        lambda settings: settings.audit_retention_days,
        (KeptTable("audit_entry", "at", job="old_audit_entries"),),
    ),
    KeptKind(
        "announced calls", "", ANNOUNCED, (KeptTable("announced_call", "shown_until"),), job="old_announced_calls"
    ),
    KeptKind("idempotency keys", "", KEYS, (KeptTable("idempotency_key", "created_at", job="old_idempotency_keys"),)),
    KeptKind(
        "previewed files",
        "",
        PREVIEWS,
        (KeptTable("file_draft", "created_at", piece=LARGE_ROWS),),
        job="old_previewed_files",
    ),
    KeptKind(
        "number codes",
        "",
        CODES_WITHIN,
        (KeptTable("number_code", "requested_at", by_id=True),),
        job="old_number_codes",
    ),
    KeptKind(
        "listing jobs",
        "",
        LISTING_JOBS,
        (KeptTable("listing_job", "ended_at", by_id=True),),
        job="old_listing_jobs",
    ),
    KeptKind(
        "forgotten handsets",
        "",
        FORGOTTEN,
        (
            KeptTable("registration", "forgotten_at", job="old_handsets"),
            # of a revoked app they are forgotten by the same job
            KeptTable("handset_app", "revoked_at", only=STILL_REGISTERED, job="old_handsets"),
        ),
    ),
)


def overdue_before(period: timedelta | None, now: datetime) -> datetime | None:
    """What is older than that is past its time and past what the jobs need; None: nothing is."""
    if period is None:
        return None
    return now - period - (_SLACK if period > _A_DAY else _SHORT_SLACK)

"""Every kind of thing that is kept for a time: for how long, by which setting, and in which tables."""

from datetime import datetime, timedelta
from typing import LiteralString

from msgspec import Struct

from callmark.domain.announced_calls.model import KEPT as ANNOUNCED
from callmark.domain.idempotency.model import KEPT_FOR as KEYS
from callmark.domain.numbers.proofs.model import CODES_WITHIN
from callmark.domain.previewed_files.model import KEPT_FOR as PREVIEWS
from callmark.kit.settings import Settings

_SLACK = timedelta(days=3)
"""Days are dropped as wholes, and most jobs run once a day."""
_SHORT_SLACK = timedelta(hours=3)
"""Of what goes every hour."""
_A_DAY = timedelta(days=1)


class KeptTable(Struct, frozen=True):
    """A table, and the column that says how old a row is; `by_id` finds the oldest by its id where no index does.

    With `made`, the column of when a row was made, `column` may be any later instant. `only` says of which rows.
    """

    name: LiteralString
    column: LiteralString
    by_id: bool = False
    made: LiteralString = ""
    only: LiteralString = "true"


class KeptKind(Struct, frozen=True):
    """A kind of thing; `setting` empty: its time is fixed. `period` None: it is kept without an end."""

    name: str
    setting: str
    period: timedelta | None
    tables: tuple[KeptTable, ...]


class KindState(Struct, frozen=True):
    """A kind now: when its oldest row was made, None for no row."""

    kind: KeptKind
    oldest_at: datetime | None
    is_overdue: bool


_CHOSEN: tuple[tuple[str, str, str, tuple[KeptTable, ...]], ...] = (
    (
        "call records",
        "retention_days",
        "retention_days",
        (
            KeptTable("call_record", "ends_at"),
            KeptTable("batch", "ends_to", made="accepted_at"),
            KeptTable("upload", "created_at", by_id=True, only="due_at IS NULL"),  # others have rows to submit
        ),
    ),
    ("calls", "call_retention_days", "call_days", (KeptTable("call", "reported_at"),)),
    (
        "Call Me Back requests",
        "callback_retention_days",
        "callback_days",
        (KeptTable("callback_request", "requested_at"),),
    ),
    (
        "answers",
        "answer_retention_days",
        "answer_retention_days",
        (KeptTable("feedback", "responded_at", by_id=True),),
    ),
    (
        "signed calls",
        "signed_call_retention_days",
        "signed_call_days",
        (
            KeptTable("signed_call", "signed_at", by_id=True),
            KeptTable("verified_call", "verified_at", by_id=True),
            KeptTable("possible_spoof", "raised_at", by_id=True),
        ),
    ),
    (
        "events",
        "event_retention_days",
        "event_retention_days",
        (
            KeptTable("event", "created_at"),
            KeptTable("delivery", "created_at"),
            KeptTable("attempt", "began_at"),
            KeptTable("waiting_delivery", "created_at"),
        ),
    ),
    ("emails", "mail_retention_days", "mail_retention_days", (KeptTable("mail", "created_at"),)),
    ("audit entries", "audit_retention_days", "audit_retention_days", (KeptTable("audit_entry", "at"),)),
)
"""Kinds that an installation decides on: name, setting, the field or property with the days, tables."""

_FIXED = (
    KeptKind("announced calls", "", ANNOUNCED, (KeptTable("announced_call", "shown_until"),)),
    KeptKind("idempotency keys", "", KEYS, (KeptTable("idempotency_key", "created_at"),)),
    KeptKind("previewed files", "", PREVIEWS, (KeptTable("file_draft", "created_at"),)),
    KeptKind("number codes", "", CODES_WITHIN, (KeptTable("number_code", "requested_at"),)),
)


def kinds_of(settings: Settings) -> list[KeptKind]:
    """Every kind with its days in the installation's settings; 0 days: it is kept without an end."""
    chosen = [(name, setting, int(getattr(settings, days)), tables) for name, setting, days, tables in _CHOSEN]
    return [
        *(KeptKind(name, setting, timedelta(days=days) if days else None, of) for name, setting, days, of in chosen),
        *_FIXED,
    ]


def overdue_before(kind: KeptKind, now: datetime) -> datetime | None:
    """What is older than that is past its time and past what the jobs need; None: nothing is."""
    if kind.period is None:
        return None
    return now - kind.period - (_SLACK if kind.period > _A_DAY else _SHORT_SLACK)


def state_of(kind: KeptKind, oldest_at: datetime | None, now: datetime) -> KindState:
    """How the kind stands, by its oldest row."""
    before = overdue_before(kind, now)
    return KindState(kind, oldest_at, is_overdue=bool(oldest_at and before and oldest_at < before))

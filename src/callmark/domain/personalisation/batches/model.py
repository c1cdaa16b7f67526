"""The funnel of a batch: how many of its records got how far. Pure; what handsets showed is for `calls` to tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from callmark.domain.ids import RecordId
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.kit.phone import PhoneNumber

FAILURES = frozenset(Outcome) - {Outcome.PENDING, Outcome.SUCCESS}


class Stages(Struct, frozen=True):
    """Numbers of records. `pushed` are those that went out to their handset, at once or when it asked for them.

    `failures` holds the outcomes that are not pending and not success; `keys` names the valid records.
    """

    batch: Batch
    accepted: int
    valid: int
    pushed: int
    delivered: int
    delivered_late: int
    pending: int
    withdrawn: int
    failures: dict[Outcome, int]
    keys: list[tuple[RecordId, PhoneNumber]]


def stages(batch: Batch, rows: Sequence[Mapping[str, Any]]) -> Stages:
    """The stages out of a row per outcome: `records`, `sent`, `late`, `withdrawn`, `ids`, `receivers`."""
    by = {Outcome(row["outcome"]): row for row in rows}
    records = {outcome: int(row["records"]) for outcome, row in by.items()}
    valid = {outcome: row for outcome, row in by.items() if outcome is not Outcome.INVALID}
    delivered = records.get(Outcome.SUCCESS, 0)
    return Stages(
        batch,
        accepted=batch.record_count,
        valid=sum(records[outcome] for outcome in valid),
        pushed=delivered + sum(int(row["sent"]) for outcome, row in valid.items() if outcome is not Outcome.SUCCESS),
        delivered=delivered,
        delivered_late=sum(int(row["late"]) for row in valid.values()),
        pending=records.get(Outcome.PENDING, 0),
        withdrawn=sum(int(row["withdrawn"]) for row in valid.values()),
        failures={outcome: count for outcome, count in records.items() if outcome in FAILURES},
        keys=[
            (RecordId(record_id), PhoneNumber(receiver))
            for row in valid.values()
            for record_id, receiver in zip(row["ids"], row["receivers"], strict=True)
        ],
    )

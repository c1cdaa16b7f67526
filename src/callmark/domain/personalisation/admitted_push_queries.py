"""The SQL of a real-time push that is admitted and written at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from callmark.domain.credentials.admission import ADMITTED_ALIKE, AdmissionRequest, alike_columns_of
from callmark.domain.ids import BatchId, RecordId
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx


class WantedPush(NamedTuple):
    """A record that may be written; without a name of its own (an empty one) it has its label's."""

    caller: PhoneNumber
    receiver: PhoneNumber
    label_id: UUID
    label_name: str
    call_reason: str | None
    starts_at: datetime
    ends_at: datetime
    id: RecordId
    batch_id: BatchId
    accepted_at: datetime


class AlikePushes(NamedTuple):
    """What is the same for all pushes of a process; a worker takes over `due_after`."""

    due_after: timedelta
    allow_foreign: bool


_ADMIT_AND_WRITE = f"""
WITH {ADMITTED_ALIKE}, found AS MATERIALIZED (
  SELECT a.*, n.caller, n.receiver, n.label_id, n.label_name AS wanted_name, n.call_reason, n.starts_at, n.ends_at,
    n.id, n.batch_id, n.at, n.accepted_at, l.name AS label_name, l.logo_sha256, h.account_id IS NOT NULL AS is_foreign,
    CASE WHEN o.id IS NOT NULL THEN r.os END AS os, r.app_version, p.stream,
    a.granted AND l.id IS NOT NULL AND h.account_id IS NULL AS is_written
  FROM admitted a
  JOIN unnest($3::timestamptz[], $12::text[], $13::text[], $14::uuid[], $15::text[], $16::text[], $17::timestamptz[],
    $18::timestamptz[], $19::uuid[], $20::uuid[], $21::timestamptz[]) WITH ORDINALITY AS n (at, caller, receiver,
    label_id, label_name, call_reason, starts_at, ends_at, id, batch_id, accepted_at, number)
    ON n.number = a.number
  LEFT JOIN label l
    ON l.id = n.label_id AND l.account_id = a.account_id AND l.deleted_at IS NULL AND l.label_type = 'dynamic'
  LEFT JOIN number h ON h.phone_number = n.caller AND h.state <> 'failed' AND h.account_id <> a.account_id
    AND NOT $11::boolean
  LEFT JOIN registration r ON r.phone_number = n.receiver AND r.token_sha256 IS NOT NULL
  LEFT JOIN handset_app o ON o.id = r.app_id AND o.revoked_at IS NULL
  LEFT JOIN presence p ON p.phone_number = n.receiver AND p.lost_at IS NULL
), batches AS (
  INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to, due_at)
  SELECT batch_id, account_id, accepted_at, 1, ends_at, ends_at, at + $10::interval FROM found WHERE is_written
), records AS (
  INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number, label_id,
    label_name, call_reason, starts_at, accepted_at, outcome)
  SELECT receiver, ends_at, id, batch_id, account_id, 0, caller, label_id,
    coalesce(nullif(wanted_name, ''), label_name), call_reason, starts_at, accepted_at, 'pending'
  FROM found WHERE is_written
)
SELECT number, account_id, key_id, allowed, quota, granted, remaining, reset_in, label_name, logo_sha256, is_foreign,
  os, app_version, stream, is_written
FROM found
"""


async def admit_and_write(
    tx: Tx, asked: Sequence[tuple[AdmissionRequest, WantedPush, AlikePushes]]
) -> list[Row | None]:
    """For each what `ADMITTED` gives, what is known of its label, caller and handset, and whether it `is_written`.

    It is when it was admitted, its allowance granted, its label is one of the account's and its caller no other
    account's. None where no live token was shown. All are for the same feature and bucket. Must run outside a
    transaction, as `ADMITTED` says.
    """
    requests, wanted, alike = zip(*asked, strict=True)
    columns = zip(*wanted, strict=True)
    rows = await tx.fetch(_ADMIT_AND_WRITE, *alike_columns_of(requests), *alike[0], *columns)
    found = {row["number"]: row for row in rows}
    return [found.get(number) for number in range(1, len(asked) + 1)]

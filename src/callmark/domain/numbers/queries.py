"""The SQL of listing and delisting: numbers change hands and states, jobs move them on.

Order of locks: the feature set, then its numbers by phone number, then the job
(docs/decisions/0006-numbers-and-jobs.md).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from callmark.domain.feature_sets.model import FeatureSet, PhoneType
from callmark.domain.ids import AccountId, FeatureSetId, LabelId, ListingJobId
from callmark.domain.numbers.model import (
    HeldNumber,
    JobKind,
    JobState,
    ListingJob,
    NumberState,
    Review,
)
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx, affected

_JOB = (
    "id, account_id, feature_set_id, kind, state, number_count, done_count, failed_count, requested_by_email,"
    " requested_at, reviewed_by_email, reviewed_at, why, ended_at"
)


async def insert_pending(
    tx: Tx,
    numbers: Collection[PhoneNumber],
    into: FeatureSet,
    job_id: ListingJobId,
    created_by_email: str,
    now: datetime,
) -> set[PhoneNumber]:
    """Writes those of `numbers` that nobody holds as pending, and locks the others as they are; the ones written.

    One pass in order of phone number, so that requests that share numbers wait for each other in one order. On
    conflict the row is locked and not written.
    """
    rows = await tx.fetch(
        """
        INSERT INTO number (phone_number, account_id, feature_set_id, phone_type, state, job_id, created_by_email,
          created_at, updated_at)
        SELECT p, $2, $3, $4, 'pending', $5, $6, $7, $7 FROM unnest($1::text[]) AS n (p) ORDER BY p COLLATE "C"
        ON CONFLICT (phone_number) DO UPDATE SET job_id = number.job_id WHERE false
        RETURNING phone_number
        """,
        list(numbers),
        into.account_id,
        into.id,
        into.phone_type.value,
        job_id,
        created_by_email,
        now,
    )
    return {PhoneNumber(row[0]) for row in rows}


async def lock_numbers(tx: Tx, numbers: Collection[PhoneNumber]) -> None:
    """Locks those of `numbers` that someone holds, in order of phone number. Primary key."""
    await tx.execute(
        "SELECT FROM number WHERE phone_number = ANY ($1::text[]) ORDER BY phone_number FOR NO KEY UPDATE",
        list(numbers),
    )


async def select_held(tx: Tx, numbers: Collection[PhoneNumber]) -> dict[PhoneNumber, HeldNumber]:
    """Who holds each of `numbers`, and how; those nobody holds are left out. Primary key."""
    rows = await tx.fetch(
        """
        SELECT n.phone_number, n.account_id, n.feature_set_id, f.is_number_group, n.phone_type, n.state
        FROM number n JOIN feature_set f ON f.id = n.feature_set_id
        WHERE n.phone_number = ANY ($1::text[])
        """,
        list(numbers),
    )
    return {
        PhoneNumber(number): HeldNumber(
            AccountId(account), FeatureSetId(feature_set), is_group, PhoneType(phone_type), NumberState(state)
        )
        for number, account, feature_set, is_group, phone_type, state in rows
    }


async def take_numbers(
    tx: Tx,
    numbers: Sequence[PhoneNumber],
    newly_owned: Sequence[PhoneNumber],
    into: FeatureSet,
    job_id: ListingJobId,
    created_by_email: str,
    now: datetime,
) -> None:
    """Makes locked numbers pending in `into`; those of `newly_owned` begin again, as the account's own."""
    await tx.execute(
        """
        UPDATE number SET account_id = $3, feature_set_id = $4, phone_type = $5, state = 'pending', why = NULL,
          job_id = $6, updated_at = $8,
          created_by_email = CASE WHEN phone_number = ANY ($2::text[]) THEN $7 ELSE created_by_email END,
          created_at = CASE WHEN phone_number = ANY ($2::text[]) THEN $8 ELSE created_at END
        WHERE phone_number = ANY ($1::text[])
        """,
        numbers,
        newly_owned,
        into.account_id,
        into.id,
        into.phone_type.value,
        job_id,
        created_by_email,
        now,
    )


async def mark_delisting(tx: Tx, numbers: Sequence[PhoneNumber], job_id: ListingJobId, now: datetime) -> None:
    """Hands locked numbers to the job that delists them, from whatever state and job they were in."""
    await tx.execute(
        "UPDATE number SET state = 'delisting', why = NULL, job_id = $2, updated_at = $3"
        " WHERE phone_number = ANY ($1::text[])",
        numbers,
        job_id,
        now,
    )


async def select_rest(tx: Tx, feature_set_id: FeatureSetId, keep: Sequence[PhoneNumber]) -> list[PhoneNumber]:
    """The numbers of the feature set that are not in `keep` and not being delisted, in order."""
    rows = await tx.fetch(
        "SELECT phone_number FROM number WHERE feature_set_id = $1 AND state <> 'delisting'"
        " AND phone_number <> ALL ($2::text[]) ORDER BY phone_number",
        feature_set_id,
        keep,
    )
    return [PhoneNumber(row[0]) for row in rows]


# jobs ---------------------------------------------------------------------------------------------------------------


async def insert_job(tx: Tx, job: ListingJob) -> None:
    """Writes a job; it is due at once unless it waits for a review."""
    await tx.execute(
        f"INSERT INTO listing_job ({_JOB}, due_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        job.id,
        job.account_id,
        job.feature_set_id,
        job.kind.value,
        job.state.value,
        job.number_count,
        job.done_count,
        job.failed_count,
        job.requested_by_email,
        job.requested_at,
        job.reviewed_by_email,
        job.reviewed_at,
        job.why,
        job.ended_at,
        job.requested_at if job.state is JobState.RUNNING else None,
    )


async def select_job(tx: Tx, job_id: ListingJobId, account_id: AccountId | None = None) -> ListingJob | None:
    """The job, of that account if one is given, or None."""
    row = await tx.fetchrow(
        f"SELECT {_JOB} FROM listing_job WHERE id = $1 AND account_id = coalesce($2, account_id)",
        job_id,
        account_id,
    )
    return job_of(row) if row else None


async def select_jobs(
    tx: Tx,
    account_id: AccountId,
    feature_sets: Sequence[FeatureSetId] | None,
    before: tuple[datetime, ListingJobId] | None,
    limit: int,
) -> list[ListingJob]:
    """Up to `limit` jobs of the account before that key, newest first. Index listing_job_account_newest."""
    at, last = before or (None, None)
    rows = await tx.fetch(
        f"SELECT {_JOB} FROM listing_job"
        " WHERE account_id = $1 AND ($2::uuid[] IS NULL OR feature_set_id = ANY ($2))"
        " AND ($3::timestamptz IS NULL OR (requested_at, id) < ($3, $4::uuid))"
        " ORDER BY requested_at DESC, id DESC LIMIT $5",
        account_id,
        feature_sets,
        at,
        last,
        limit,
    )
    return [job_of(row) for row in rows]


async def select_reviews(tx: Tx, limit: int, job_id: ListingJobId | None = None) -> list[Review]:
    """Up to `limit` jobs that wait for a review (or the one of that id), longest waiting first, with five numbers each.

    Indexes listing_job_in_review, number_job.
    """
    columns = ", ".join(f"j.{name.strip()}" for name in _JOB.split(","))
    rows = await tx.fetch(
        f"""
        SELECT {columns}, a.name AS account_name, f.name AS feature_set_name, f.label_id,
          coalesce(l.name, '') AS label_name, l.logo_sha256, coalesce(r.text, '') AS call_reason,
          (SELECT count(*) FROM number n WHERE n.job_id = j.id AND n.state = 'pending') AS waiting_count,
          ARRAY (
            SELECT n.phone_number FROM number n WHERE n.job_id = j.id AND n.state = 'pending'
            ORDER BY n.phone_number LIMIT 5
          ) AS examples
        FROM listing_job j
        JOIN client_account a ON a.id = j.account_id
        JOIN feature_set f ON f.id = j.feature_set_id
        LEFT JOIN label l ON l.id = f.label_id
        LEFT JOIN call_reason r ON r.id = f.call_reason_id
        WHERE j.state = 'in_review' AND ($2::uuid IS NULL OR j.id = $2) ORDER BY j.requested_at, j.id LIMIT $1
        """,
        limit,
        job_id,
    )
    return [
        Review(
            job_of(row),
            row["waiting_count"],
            row["account_name"],
            row["feature_set_name"],
            row["label_name"],
            [PhoneNumber(number) for number in row["examples"]],
            None if row["label_id"] is None else LabelId(row["label_id"]),
            row["logo_sha256"],
            row["call_reason"],
        )
        for row in rows
    ]


async def select_in_review(tx: Tx, job_id: ListingJobId) -> list[PhoneNumber]:
    """The numbers that a job would list, in order. Index number_job."""
    rows = await tx.fetch(
        "SELECT phone_number FROM number WHERE job_id = $1 AND state = 'pending' ORDER BY phone_number", job_id
    )
    return [PhoneNumber(row["phone_number"]) for row in rows]


async def review_job(
    tx: Tx, job_id: ListingJobId, why: str | None, reviewed_by_email: str, now: datetime
) -> ListingJob | None:
    """The job, now due: approved, or (`why`) rejected; None when it does not wait for a review."""
    row = await tx.fetchrow(
        "UPDATE listing_job SET state = 'running', why = $2, reviewed_by_email = $3, reviewed_at = $4, due_at = $4"
        f" WHERE id = $1 AND state = 'in_review' RETURNING {_JOB}",
        job_id,
        why,
        reviewed_by_email,
        now,
    )
    return job_of(row) if row else None


async def end_left_reviews(tx: Tx, account_id: AccountId, now: datetime) -> None:
    """Ends jobs of the account that wait for a review and that all numbers have left.

    Indexes listing_job_in_review, number_job.
    """
    await tx.execute(
        "UPDATE listing_job j SET state = 'ended', ended_at = $2 WHERE state = 'in_review' AND account_id = $1"
        " AND NOT EXISTS (SELECT FROM number n WHERE n.job_id = j.id AND n.state = 'pending')",
        account_id,
        now,
    )


async def settle_pending(
    tx: Tx, job_id: ListingJobId, state: NumberState, why: str | None, now: datetime, most: int
) -> int:
    """Gives up to `most` of the job's pending numbers their final state, in order; how many. Index number_job."""
    tag = await tx.execute(
        """
        UPDATE number SET state = $2, why = $3, job_id = NULL, updated_at = $4 WHERE phone_number IN (
          SELECT phone_number FROM number WHERE job_id = $1 AND state = 'pending'
          ORDER BY phone_number LIMIT $5 FOR NO KEY UPDATE
        )
        """,
        job_id,
        state.value,
        why,
        now,
        most,
    )
    return affected(tag)


async def delete_delisting(tx: Tx, job_id: ListingJobId, most: int) -> int:
    """Removes up to `most` of the numbers that the job delists, by phone number; how many. Index number_job."""
    tag = await tx.execute(
        """
        DELETE FROM number WHERE phone_number IN (
          SELECT phone_number FROM number WHERE job_id = $1 AND state = 'delisting'
          ORDER BY phone_number LIMIT $2 FOR UPDATE
        )
        """,
        job_id,
        most,
    )
    return affected(tag)


async def has_left(tx: Tx, job_id: ListingJobId) -> bool:
    """Whether numbers of the job wait still. Index number_job."""
    return await tx.fetchval(
        "SELECT EXISTS (SELECT FROM number WHERE job_id = $1 AND state IN ('pending', 'delisting'))", job_id
    )


async def count_step(tx: Tx, job_id: ListingJobId, *, done: int, failed: int, ended_at: datetime | None) -> None:
    """Adds a step to the job's counters, and ends it if `ended_at` is given."""
    await tx.execute(
        "UPDATE listing_job SET done_count = done_count + $2, failed_count = failed_count + $3, ended_at = $4,"
        " state = CASE WHEN $4::timestamptz IS NULL THEN state ELSE 'ended' END WHERE id = $1",
        job_id,
        done,
        failed,
        ended_at,
    )


def job_of(row: Row) -> ListingJob:
    """The job of a row with the columns of `_JOB`."""
    return ListingJob(
        id=ListingJobId(row["id"]),
        account_id=AccountId(row["account_id"]),
        feature_set_id=FeatureSetId(row["feature_set_id"]),
        kind=JobKind(row["kind"]),
        state=JobState(row["state"]),
        number_count=row["number_count"],
        done_count=row["done_count"],
        failed_count=row["failed_count"],
        requested_by_email=row["requested_by_email"],
        requested_at=row["requested_at"],
        reviewed_by_email=row["reviewed_by_email"],
        reviewed_at=row["reviewed_at"],
        why=row["why"],
        ended_at=row["ended_at"],
    )

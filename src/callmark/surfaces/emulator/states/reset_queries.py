"""The SQL of resets: what stays when a state comes back, and what is made to fit the time that it comes back to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from msgspec import Struct

from callmark.kit.postgres.database import Tx
from callmark.surfaces.emulator.handsets.network import APP_NAME

_AGE_TOKENS = "UPDATE access_token SET created_at = least(created_at, $1), expires_at = least(expires_at, $2)"

_END_PAUSES = """
WITH ended AS (
  UPDATE webhook SET paused_at = NULL, paused_for_failing = false WHERE paused_for_failing RETURNING id
)
UPDATE webhook_queue q SET is_paused = false FROM ended WHERE q.webhook_id = ended.id
"""

_TAKE_JOBS_BACK = """
UPDATE periodic_job SET due_at = CASE WHEN lease_id IS NULL THEN due_at + $2 ELSE $1 END,
  lease_id = NULL, leased_until = NULL
WHERE lease_id IS NOT NULL OR $2 < interval '0'
"""

_BRING_BACK_TOKENS = """
INSERT INTO access_token
SELECT (t).* FROM (SELECT one::access_token AS t FROM unnest($2::text[]) one OFFSET 0) kept
JOIN api_key k ON k.id = (t).key_id AND k.account_id = (t).account_id
WHERE k.revoked_at IS NULL AND (t).expires_at >= $1 ON CONFLICT DO NOTHING
"""

_APPS = "SELECT a::text FROM handset_app a WHERE name = $1 AND revoked_at IS NULL"
_REGISTRATIONS = """
SELECT r::text FROM registration r JOIN handset_app a ON a.id = r.app_id
WHERE a.name = $1 AND a.revoked_at IS NULL AND r.token_sha256 IS NOT NULL
"""
_BRING_BACK_APPS = """
INSERT INTO handset_app SELECT (a).* FROM (SELECT one::handset_app AS a FROM unnest($1::text[]) one OFFSET 0) kept
ON CONFLICT DO NOTHING
"""
_BRING_BACK_REGISTRATIONS = """
INSERT INTO registration
SELECT (r).* FROM (SELECT one::registration AS r FROM unnest($1::text[]) one OFFSET 0) kept
"""

_RUNNING_JOBS = (
    "SELECT array_agg(lease_id) FROM periodic_job"
    " WHERE leased_until > $1 AND ($2::uuid[] IS NULL OR lease_id = ANY ($2))"
)


async def end_expired_tokens(tx: Tx, now: datetime) -> None:
    """So that a clock that goes back brings none to life."""
    await tx.execute("DELETE FROM access_token WHERE expires_at < $1", now)


async def age_tokens(tx: Tx, created_at: datetime, expires_at: datetime) -> None:
    """Tokens created so far no longer count; those made while the clock was ahead are valid for one lifetime from now.

    None is younger than `created_at` or valid after `expires_at`.
    """
    await tx.execute(_AGE_TOKENS, created_at, expires_at)


class KeptApps(Struct, frozen=True):
    """The app of the virtual handsets and their registrations, each row as PostgreSQL writes it."""

    apps: list[str]
    registrations: list[str]


async def keep_tokens(tx: Tx) -> list[str]:
    """All access tokens, each row as PostgreSQL writes it.

    A table for them would be new entries of its catalogs at each reset.
    """
    return [row[0] for row in await tx.fetch("SELECT t::text FROM access_token t")]


async def bring_back_tokens(tx: Tx, kept: list[str], valid_at: datetime) -> None:
    """Puts back those kept tokens that were valid then and whose keys are there."""
    await tx.execute(_BRING_BACK_TOKENS, valid_at, kept)


async def keep_apps(tx: Tx) -> KeptApps:
    """The app of the virtual handsets and their registrations."""
    found = [await tx.fetch(one, APP_NAME) for one in (_APPS, _REGISTRATIONS)]
    return KeptApps(*([row[0] for row in rows] for rows in found))


async def bring_back_apps(tx: Tx, kept: KeptApps) -> None:
    """Puts the kept app and registrations in the place of all registrations."""
    await tx.execute("DELETE FROM registration")
    await tx.execute(_BRING_BACK_APPS, kept.apps)
    await tx.execute(_BRING_BACK_REGISTRATIONS, kept.registrations)


async def take_jobs_back(tx: Tx, now: datetime, moved: timedelta) -> None:
    """Takes all from the workers that run them, whose results are of another time; they are due again.

    The others are due as long from now as before the product clock moved. One that is due too soon only runs once
    more, so a clock that moved ahead changes nothing.
    """
    await tx.execute(_TAKE_JOBS_BACK, now, moved)


async def select_running_jobs(tx: Tx, now: datetime, leases: Sequence[UUID] | None) -> list[UUID] | None:
    """The leases of the periodic jobs that run, among `leases` unless that is None; None when none runs."""
    return await tx.fetchval(_RUNNING_JOBS, now, leases)


async def count_from_the_beginning(tx: Tx) -> None:
    """The figures of days have counted nothing yet: each mark is what the migration that made it put there."""
    await tx.execute(
        "UPDATE count_mark SET up_to_at = CASE WHEN what <> 'batches' THEN '-infinity'::timestamptz END,"
        " up_to_id = '00000000-0000-0000-0000-000000000000'"
    )


async def empty_queues(tx: Tx) -> None:
    """No webhook has a delivery that waits."""
    await tx.execute("UPDATE webhook_queue SET due_at = NULL")


async def end_pauses(tx: Tx) -> None:
    """What the platform paused continues; what someone paused stays so."""
    await tx.execute(_END_PAUSES)


async def wait_shortly(tx: Tx, within_ms: LiteralString) -> None:
    """In this transaction each lock is waited for so long.

    Nothing is lost with a crash but the reset itself, so the commit does not wait for the disk.
    """
    await tx.execute(f"SET LOCAL lock_timeout = {within_ms}; SET LOCAL synchronous_commit = off")

"""The SQL of handset apps and registrations."""

from collections.abc import Collection, Sequence
from datetime import datetime

from callmark.domain.handsets.model import OS, HandsetApp, HandsetFilter, LiveRegistration, PushToken, Registration
from callmark.domain.ids import HandsetAppId
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx, affected, fetch_one


def _app(row: Row) -> HandsetApp:
    return HandsetApp(HandsetAppId(row["id"]), row["name"], row["created_at"], row["revoked_at"])


def _registration(row: Row) -> Registration:
    return Registration(
        PhoneNumber(row["phone_number"]), row["generation"], OS(row["os"]), row["app_version"], row["registered_at"]
    )


async def insert_app(tx: Tx, app: HandsetApp, credential_sha256: bytes) -> None:
    """Writes a new app."""
    await tx.execute(
        "INSERT INTO handset_app (id, name, credential_sha256, created_at) VALUES ($1, $2, $3, $4)",
        app.id,
        app.name,
        credential_sha256,
        app.created_at,
    )


async def select_apps(tx: Tx) -> list[HandsetApp]:
    """Every app, revoked ones too, oldest first."""
    return [_app(row) for row in await tx.fetch("SELECT * FROM handset_app ORDER BY created_at, id")]


async def revoke_app(tx: Tx, app_id: HandsetAppId, now: datetime) -> HandsetApp | None:
    """Marks an app as revoked (the first time stands); None for an unknown one."""
    row = await tx.fetchrow(
        "UPDATE handset_app SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING *", app_id, now
    )
    return _app(row) if row else None


async def find_live_app(tx: Tx, credential_sha256: bytes) -> HandsetAppId | None:
    """The app with this credential unless it is revoked."""
    return await tx.fetchval(
        "SELECT id FROM handset_app WHERE credential_sha256 = $1 AND revoked_at IS NULL", credential_sha256
    )


async def put_registration(
    tx: Tx,
    app_id: HandsetAppId,
    phone: PhoneNumber,
    os: OS,
    version: str,
    token_sha256: bytes,
    push: PushToken | None,
    now: datetime,
) -> Registration:
    """The number's registration from now on: the first, or one generation above what was there."""
    row = await fetch_one(
        tx,
        "INSERT INTO registration AS r (phone_number, generation, app_id, os, app_version, token_sha256, registered_at,"
        " push_service, push_token) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (phone_number) DO UPDATE SET generation = r.generation + 1, app_id = $2, os = $3,"
        " app_version = $4, token_sha256 = $5, registered_at = $6, forgotten_at = NULL, push_service = $7,"
        " push_token = $8"
        " RETURNING phone_number, generation, os, app_version, registered_at",
        phone,
        app_id,
        os.value,
        version,
        token_sha256,
        now,
        push and push.service.value,
        push and push.token,
    )
    return _registration(row)


async def forget(tx: Tx, token_sha256: bytes, now: datetime) -> Registration | None:
    """Ends the registration with this token; None when no live one has it."""
    row = await tx.fetchrow(
        "UPDATE registration SET token_sha256 = NULL, push_service = NULL, push_token = NULL, forgotten_at = $2"
        " WHERE token_sha256 = $1"
        " RETURNING phone_number, generation, os, app_version, registered_at",
        token_sha256,
        now,
    )
    return _registration(row) if row else None


async def forget_number(tx: Tx, phone: PhoneNumber, now: datetime) -> Registration | None:
    """Ends the number's registration; None when none lives."""
    row = await tx.fetchrow(
        "UPDATE registration SET token_sha256 = NULL, push_service = NULL, push_token = NULL, forgotten_at = $2"
        " WHERE phone_number = $1 AND token_sha256 IS NOT NULL"
        " RETURNING phone_number, generation, os, app_version, registered_at",
        phone,
        now,
    )
    return _registration(row) if row else None


async def end_of_revoked_apps(tx: Tx, most: int) -> int:
    """Ends up to `most` registrations of revoked apps, as of when these were revoked; how many.

    Index registration_of_app. Those that others hold are left for the next run.
    """
    status = await tx.execute(
        "UPDATE registration r SET token_sha256 = NULL, push_service = NULL, push_token = NULL,"
        " forgotten_at = a.revoked_at FROM handset_app a"
        " WHERE a.id = r.app_id AND a.revoked_at IS NOT NULL AND r.token_sha256 IS NOT NULL"
        " AND r.phone_number = ANY (ARRAY (SELECT o.phone_number FROM registration o JOIN handset_app b"
        " ON b.id = o.app_id WHERE b.revoked_at IS NOT NULL AND o.token_sha256 IS NOT NULL"
        " LIMIT $1 FOR UPDATE OF o SKIP LOCKED))",
        most,
    )
    return affected(status)


async def delete_forgotten(tx: Tx, before: datetime, most: int) -> int:
    """Deletes up to `most` registrations that ended before, with presence and wake-ups of their numbers; how many.

    Index registration_forgotten. Nobody registers a number again before the end of the transaction.
    """
    status = await tx.execute(
        """
        WITH gone AS (
          SELECT phone_number FROM registration WHERE forgotten_at < $1 ORDER BY forgotten_at LIMIT $2
          FOR UPDATE SKIP LOCKED
        ), absent AS (
          DELETE FROM presence p USING gone WHERE p.phone_number = gone.phone_number
        ), asleep AS (
          DELETE FROM wake_up w USING gone WHERE w.phone_number = gone.phone_number
        )
        DELETE FROM registration r USING gone WHERE r.phone_number = gone.phone_number
        """,
        before,
        most,
    )
    return affected(status)


async def select_live(tx: Tx, wanted: HandsetFilter, after: str, limit: int) -> list[LiveRegistration]:
    """Live registrations by number, those after the number `after`. Primary key of registration (digits, bytewise).

    A filter of OS, version or app reads on until enough fit.
    """
    rows = await tx.fetch(
        "SELECT r.phone_number, r.os, r.app_version, a.name AS app_name, r.registered_at"
        " FROM registration r JOIN handset_app a ON a.id = r.app_id"
        " WHERE r.phone_number >= $1 AND r.phone_number < $2 AND r.token_sha256 IS NOT NULL AND a.revoked_at IS NULL"
        " AND ($3::text IS NULL OR r.os = $3) AND starts_with(r.app_version, $4)"
        " AND ($5::uuid IS NULL OR r.app_id = $5) ORDER BY r.phone_number LIMIT $6",
        f"{after}0" if after else wanted.number,  # nothing of digits alone is between a number and it followed by 0
        f"{wanted.number}:",  # the first character after the digits
        wanted.os,
        wanted.app_version,
        wanted.app_id,
        limit,
    )
    return [
        LiveRegistration(
            PhoneNumber(row["phone_number"]), OS(row["os"]), row["app_version"], row["app_name"], row["registered_at"]
        )
        for row in rows
    ]


async def count_live(tx: Tx, app_id: HandsetAppId | None, most: int) -> int:
    """How many live registrations an app (None: any) has made; counting stops at `most`."""
    return await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM registration WHERE token_sha256 IS NOT NULL"
        " AND ($1::uuid IS NULL OR app_id = $1) LIMIT $2) r",
        app_id,
        most,
    )


async def find_by_token_each(tx: Tx, tokens_sha256: Sequence[bytes]) -> list[Registration | None]:
    """The live registration with each token. Index `registration_token_unique`. Fits `deps.gather`."""
    rows = await tx.fetch(
        "SELECT r.token_sha256, r.phone_number, r.generation, r.os, r.app_version, r.registered_at FROM registration r"
        " JOIN handset_app a ON a.id = r.app_id WHERE r.token_sha256 = ANY ($1::bytea[]) AND a.revoked_at IS NULL",
        tokens_sha256,
    )
    found = {row["token_sha256"]: _registration(row) for row in rows}
    return [found.get(token) for token in tokens_sha256]


async def live_generation_each(tx: Tx, phones: Sequence[PhoneNumber]) -> list[tuple[int, datetime] | None]:
    """The live generation of each number and since when it is registered, None without one. Fits `deps.gather`."""
    rows = await tx.fetch(
        "SELECT r.phone_number, r.generation, r.registered_at FROM registration r JOIN handset_app a ON a.id = r.app_id"
        " WHERE r.phone_number = ANY ($1::text[]) AND r.token_sha256 IS NOT NULL AND a.revoked_at IS NULL",
        phones,
    )
    found = {row["phone_number"]: (row["generation"], row["registered_at"]) for row in rows}
    return [found.get(phone) for phone in phones]


async def makes_of(tx: Tx, phones: Collection[PhoneNumber]) -> list[tuple[PhoneNumber, str, str]]:
    """(number, OS, app version) of each number that has a live registration."""
    rows = await tx.fetch(
        "SELECT r.phone_number, r.os, r.app_version FROM registration r JOIN handset_app a ON a.id = r.app_id"
        " WHERE r.phone_number = ANY ($1::text[]) AND r.token_sha256 IS NOT NULL AND a.revoked_at IS NULL",
        list(phones),
    )
    return [(PhoneNumber(row[0]), row[1], row[2]) for row in rows]

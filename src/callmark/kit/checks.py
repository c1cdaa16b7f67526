"""What can be wrong with an installation: engines, clock, zones, disk. Asked by `callmark doctor` and the console."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from callmark.kit.clock import Clock
from callmark.kit.disk_room import free_bytes, nearest_place
from callmark.kit.engines.binaries import OLDEST_NATS, OLDEST_POSTGRES
from callmark.kit.errors import SetupError
from callmark.kit.heartbeats import Heartbeat, apart
from callmark.kit.installation import held_since, told_held
from callmark.kit.postgres.database import Tx, fetch_one
from callmark.kit.postgres.faults import NO_SCHEMA
from callmark.kit.postgres.migrate import (
    ENCODING,
    ENCODING_WANTED,
    applied_steps,
    encoding_of,
    head,
    needed,
    newer_steps,
    outstanding,
    unfinished,
)
from callmark.kit.roles import NEEDED_KINDS, ROLES, kinds_done_by
from callmark.kit.secret_key import NEXT_FILE, known_keys, mark, read_key, read_mark
from callmark.kit.settings import Settings
from callmark.zone_data import zone_data

LEAST_FREE_BYTES = 2 * 1024**3
CLOCK_TOLERANCE = timedelta(seconds=2)
MOST_SHARE_OF_CONNECTIONS = 0.9

_KEY_LOST = (
    "Put back the file secret-key of the data directory, or set CALLMARK_SECRET_KEY to the installation's."
    " If it is lost: `callmark secret-key reset` (every webhook gets a new secret)."
)
_KEY_SET_WRONG = (
    "Unset it, or set it to the key in the file secret-key. `callmark secret-key rotate` would encrypt everything with"
    " the one that is set."
)


class CheckResult(msgspec.Struct, frozen=True):
    """One thing that was checked; `advice` says what to do when it is not ok.

    What could not be `checked` is not wrong: `detail` says why it could not.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""
    checked: bool = True


def refusal_of_write(folder: Path) -> str:
    """Why no file can be written there, in words; empty when one can."""
    try:
        with TemporaryFile(dir=folder):
            return ""
    except OSError as exc:
        return exc.strerror or str(exc)


def disk(data: Path) -> CheckResult:
    """Whether there is room where the data directory is or will be."""
    free = free_bytes(data)
    detail = f"{free / 1024**3:.1f} GiB free at {nearest_place(data)}"
    advice = "" if free >= LEAST_FREE_BYTES else "Free some space: at least 2 GiB are needed, more with many records."
    return CheckResult("disk", ok=not advice, detail=detail, advice=advice)


async def postgres_version(tx: Tx) -> CheckResult:
    """Whether the server is new enough; over a network also whether by TLS, where the role may see it."""
    row = await fetch_one(
        tx,
        "SELECT current_setting('server_version_num')::integer AS number,"
        " (SELECT CASE ssl WHEN true THEN ' by ' || version WHEN false THEN ' without TLS' END FROM pg_stat_ssl"
        " WHERE pid = pg_backend_pid() AND inet_client_addr() IS NOT NULL) AS way",
    )
    major = row["number"] // 10000
    advice = "" if major >= OLDEST_POSTGRES else f"Use PostgreSQL {OLDEST_POSTGRES} or newer."
    detail = f"version {major} answers{row['way'] or ''}"
    return CheckResult("postgresql", ok=not advice, detail=detail, advice=advice)


async def encoding(tx: Tx) -> CheckResult:
    """Whether the database holds every character: a search for a `k` looks for the Kelvin sign too."""
    found = await encoding_of(tx)
    advice = "" if found == ENCODING else f"Make a backup, and restore it into a database with {ENCODING_WANTED}."
    return CheckResult("database encoding", ok=not advice, detail=found, advice=advice)


async def locale(tx: Tx) -> CheckResult:
    """Whether the system still orders texts as the indexes have them: another order hides rows and lets in doubles."""
    row = await fetch_one(
        tx,
        "SELECT datcollversion AS recorded, pg_database_collation_actual_version(oid) AS present,"
        " quote_ident(datname) AS name FROM pg_database WHERE datname = current_database()",
    )
    recorded, present = row["recorded"], row["present"]
    if recorded in {None, present}:
        return CheckResult(
            "database locale",
            ok=True,
            detail=f"version {recorded}" if recorded else "this locale has no version, so its order cannot change",
        )
    detail = f"indexes are in the order of version {recorded}, and the system's is {present or 'unknown'}"
    advice = (
        f"Stop Callmark. In psql: REINDEX DATABASE {row['name']}; ALTER DATABASE {row['name']} REFRESH COLLATION"
        " VERSION;"
    )
    return CheckResult("database locale", ok=False, detail=detail, advice=advice)


async def outgoing(tx: Tx) -> CheckResult:
    """Whether webhooks and emails are sent; that a copy sends none is as it should be."""
    held_at = await held_since(tx)
    return CheckResult("outgoing", ok=True, detail=told_held(held_at) if held_at else "webhooks and emails are sent")


class OpenConnections(msgspec.Struct, frozen=True):
    """How many connections are `used`, of `most` that are allowed: by the server (`whose` is empty), or by another."""

    used: int
    most: int
    whose: str = ""
    how: str = "max_connections"
    """What says how many."""


async def connections(tx: Tx) -> CheckResult:
    """Whether there are connections left, by the server's limit, the role's and the database's."""
    found = await count_connections(tx)
    few = found.used > MOST_SHARE_OF_CONNECTIONS * found.most
    advice = f"Raise {found.how}, or lower CALLMARK_POOL_SIZE or the number of processes." if few else ""
    detail = f"{found.used} of {found.most} connections{found.whose} are open"
    return CheckResult("connections", ok=not few, detail=detail, advice=advice)


async def count_connections(tx: Tx) -> OpenConnections:
    """How many connections are open, of all programs, and how many are allowed: by the limit that is reached first.

    Also where others' sessions are hidden, down to their kind: what has a user and a database is then a connection. So
    parallel workers of a hidden query, and logical replication, count although they have places of their own.
    Superusers have no limit but the server's.
    """
    row = await fetch_one(
        tx,
        """
        WITH me AS (SELECT oid, rolname, rolsuper, rolconnlimit FROM pg_roles WHERE rolname = session_user),
        session AS MATERIALIZED (
          SELECT datid, usesysid FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL
            AND coalesce(backend_type, 'client backend') = 'client backend'
        )
        SELECT used, most, whose, how FROM (
          SELECT (SELECT count(*) FROM session) AS used, current_setting('max_connections')::integer
              - CASE WHEN rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::integer
                + coalesce(current_setting('reserved_connections', true), '0')::integer END AS most,
            '' AS whose, 'max_connections' AS how FROM me
          UNION ALL
          SELECT (SELECT count(*) FROM session WHERE usesysid = oid), rolconnlimit, ' of the role ' || rolname,
            'the role''s CONNECTION LIMIT' FROM me WHERE rolconnlimit >= 0 AND NOT rolsuper
          UNION ALL
          SELECT (SELECT count(*) FROM session WHERE datid = d.oid), datconnlimit, ' of the database',
            'the database''s CONNECTION LIMIT' FROM me, pg_database d
          WHERE datname = current_database() AND datconnlimit >= 0 AND NOT rolsuper
        ) AS counted ORDER BY used::float / greatest(most, 1) DESC LIMIT 1
        """,
    )
    return OpenConnections(**row)


async def sessions(tx: Tx) -> CheckResult:
    """Whether PostgreSQL lets us see what our processes' sessions do."""
    row = await fetch_one(
        tx,
        "SELECT count(*) AS hidden, quote_ident(current_user) AS role FROM pg_stat_activity"
        " WHERE datname = current_database() AND usesysid IS NOT NULL AND backend_type IS NULL"
        " AND (application_name LIKE 'callmark %' OR pid = pg_backend_pid())",
    )
    if not row["hidden"]:
        return CheckResult("sessions", ok=True, detail="Callmark may see what its own do")
    detail = f"PostgreSQL hides from the role {row['role']} what Callmark's own do, so some work waits longer"
    return CheckResult("sessions", ok=True, detail=detail, advice=f"GRANT pg_read_all_stats TO {row['role']};")


async def database_size(tx: Tx) -> CheckResult:
    """How large the database is."""
    return CheckResult("database size", ok=True, detail=f"{await size_bytes(tx) / 1024**2:,.0f} MiB")


async def size_bytes(tx: Tx) -> int:
    """The same as a number."""
    return await tx.fetchval("SELECT pg_database_size(current_database())")


async def schema(tx: Tx) -> CheckResult:
    """Whether the schema is as new as this code needs, and which steps wait until no older code runs."""
    if await tx.fetchval("SELECT current_schema()") is None:
        return CheckResult("schema", ok=False, detail="none that this user can use is there", advice=NO_SCHEMA)
    applied = await applied_steps(tx)
    number = max(applied, default=0)
    if newer := await newer_steps(tx):
        detail = f"at {number}, newer than this version, which knows {head()}"
        if all(step.phase == "pre" for step in newer):
            advice = (
                "Update Callmark on this host before `callmark migrate --phase post` runs. Until then it exports and"
                " erases nothing of what is kept about a person: erasures wait for a worker of the newer version."
            )
            return CheckResult("schema", ok=True, detail=f"{detail} and works beside it", advice=advice)
        return CheckResult("schema", ok=False, detail=detail, advice="Update Callmark on this host.")
    if number < needed():
        return CheckResult(
            "schema", ok=False, detail=f"at {number}, needs {needed()}", advice="Run `callmark migrate --phase pre`."
        )
    if left := ", ".join(f"{step.number:04d}" for step in outstanding(applied)):
        advice = "Run `callmark migrate` when no process of an older version is left."
        detail = f"at {number}; not run yet: {left}"
        return CheckResult("schema", ok=not unfinished(applied), detail=detail, advice=advice)
    return CheckResult("schema", ok=True, detail=f"at {number}")


async def secret_key(tx: Tx, settings: Settings) -> CheckResult:
    """Whether the key that secrets are encrypted with is here, and whether its replacement is half done."""
    name, marked = "secret key", await read_mark(tx)
    try:
        keys = {mark(key) for key in known_keys(settings)}
        following = read_key(settings.data, NEXT_FILE)
    except SetupError as exc:
        return CheckResult(name, ok=False, detail=exc.message, advice="Run this as the user who started it.")
    if marked is None:
        return CheckResult(name, ok=True, detail="made when the installation first starts")
    if marked not in keys:
        detail = "another than the one that secrets were stored with" if keys else "not here"
        return CheckResult(name, ok=False, detail=detail, advice=_KEY_LOST)
    return _of_settings(settings, marked, is_half_done=following is not None)


def _of_settings(settings: Settings, marked: bytes, *, is_half_done: bool) -> CheckResult:
    """Whether the keys that are set say the same as the database, which was `marked` with a key that is here."""
    name = "secret key"
    is_set_right = settings.secret_key is None or mark(settings.secret_key) == marked
    is_replaced = settings.old_secret_key is not None and mark(settings.old_secret_key) == marked
    if not (is_set_right or is_replaced or is_half_done):
        detail = "CALLMARK_SECRET_KEY is another than the installation's, which is in the data directory"
        return CheckResult(name, ok=False, detail=detail, advice=_KEY_SET_WRONG)
    if is_half_done or not is_set_right:
        advice = "Run `callmark secret-key rotate` to the end; it may be repeated."
        return CheckResult(name, ok=False, detail="its replacement is not finished", advice=advice)
    if settings.old_secret_key is not None:
        advice = "Unset CALLMARK_OLD_SECRET_KEY: it no longer encrypts anything."
        return CheckResult(name, ok=True, detail="here and fits", advice=advice)
    return CheckResult(name, ok=True, detail="here and fits")


async def clock(tx: Tx, real: Clock) -> CheckResult:
    """Whether this machine's clock and the database's agree."""
    before = real.now()
    theirs: datetime = await tx.fetchval("SELECT clock_timestamp()")
    offset = apart(theirs, before, real.now())
    advice = "" if abs(offset) <= CLOCK_TOLERANCE else "Synchronise the clocks of both machines (NTP)."
    return CheckResult(
        "clock", ok=not advice, detail=f"{offset.total_seconds():+.3f} s from the database's", advice=advice
    )


def time_zones() -> CheckResult:
    """Which data of time zones this process has, and whether the machine has newer ones."""
    data, name = zone_data(), "time zones"
    if not data.package:
        detail = f"the machine's own data count, version {data.machine or 'unknown'}: the package tzdata is missing"
        return CheckResult(name, ok=False, detail=detail, advice="Run `pip install tzdata`, then restart.")
    detail = f"version {data.package} of the package tzdata"
    if data.is_old:
        advice = f"This machine has {data.machine}. Run `pip install --upgrade tzdata` on every host, then restart all."
        return CheckResult(name, ok=True, detail=detail, advice=advice)
    return CheckResult(name, ok=True, detail=detail)


def alive(processes: Sequence[Heartbeat], needed: Collection[str] = ()) -> CheckResult:
    """Whether processes of the `needed` kinds run, and a worker wherever requests are served."""
    kinds = Counter(beat.kind for beat in processes if beat.is_alive)
    done = kinds_done_by(kinds)
    missing = {*needed, *(NEEDED_KINDS if "http" in done else ())} - done
    if missing:
        roles = ",".join(sorted(name for name, role in ROLES.items() if role.kind in missing))
        advice = f"Start one: `callmark serve --roles {roles}`, or without --roles."
        detail = f"no report from: {', '.join(sorted(missing))}"
        return CheckResult("processes", ok=False, detail=detail, advice=advice)
    told = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
    return CheckResult("processes", ok=True, detail=f"reports from {told}" if told else "none runs")


def nats(version: tuple[int, ...]) -> CheckResult:
    """Whether the server that answers is new enough."""
    advice = "" if version >= OLDEST_NATS else "Use NATS 2.10 or newer."
    return CheckResult("nats", ok=not advice, detail=f"version {'.'.join(map(str, version))} answers", advice=advice)

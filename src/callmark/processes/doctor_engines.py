"""What `callmark doctor` asks of engines and stores: whether they answer and let us in, and what to correct."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta

import asyncpg
from nats.errors import Error as NatsError

from callmark.domain.audit import sealing
from callmark.domain.mail import service as mail
from callmark.domain.retention import service as retention
from callmark.domain.signer_certificates import checks as signer_certificates
from callmark.kit import checks
from callmark.kit.checks import CheckResult
from callmark.kit.clock import SystemClock
from callmark.kit.disk_room import nearest_place, says_full
from callmark.kit.errors import EngineRefuses, SetupError, Unavailable
from callmark.kit.fabric.servers import NatsAccess, seeds, version_of
from callmark.kit.fastpath.nats_client import SteadyClient
from callmark.kit.fastpath.nats_messages import subscribe_directly
from callmark.kit.heartbeats import heartbeats_of
from callmark.kit.ids import new_id
from callmark.kit.object_store import FOLDER, try_store
from callmark.kit.postgres.database import Tx, connect
from callmark.kit.postgres.pooling import check_sessions
from callmark.kit.secret_key import current_key, read_mark
from callmark.kit.settings import Settings
from callmark.kit.tasks import ends_within
from callmark.processes.reach import public_url
from callmark.processes.secret_key import count_left

WITHIN_S = 5
"""How long each has to answer."""


async def check_postgres(settings: Settings) -> AsyncGenerator[CheckResult]:
    """The server, and what its database says of the installation."""
    try:
        async with connect(settings.reached_postgres, within=timedelta(seconds=WITHIN_S)) as tx:
            await check_sessions(settings.reached_postgres, tx)
            version = await checks.postgres_version(tx)
            yield version
            yield await checks.encoding(tx)
            if version.ok:
                yield await checks.locale(tx)
            schema = await checks.schema(tx)
            yield schema
            yield await checks.connections(tx)
            yield await checks.sessions(tx)
            yield await checks.clock(tx, SystemClock())
            if schema.ok:
                yield await _secret_key(tx, settings)
                yield await mail.check(tx, settings, probes=True)
                yield await sealing.check(tx, SystemClock().now())
                yield await retention.check(tx, settings, SystemClock().now())
                yield await signer_certificates.check_signing(tx, settings, public_url(settings), SystemClock().now())
                yield await signer_certificates.check_roots(tx, SystemClock().now())
                yield await checks.outgoing(tx)
                yield checks.alive(await heartbeats_of(tx))
    except EngineRefuses as exc:
        yield _postgres(exc.reason, exc.advice)
    except Unavailable as exc:
        if isinstance(exc.__cause__, asyncpg.TargetServerAttributeNotMatched):
            yield _postgres("it takes no writes: it is a standby, or read-only", _NAME_PRIMARY)
        else:
            yield _postgres(exc.reason, _FREE_SPACE if says_full(exc.reason) else _START_IT)
    except Exception as exc:  # noqa: BLE001 - whatever the server refuses us with is what we are here to show
        yield _postgres(str(exc), "Correct CALLMARK_POSTGRES_DSN or the server's rights.")


async def _secret_key(tx: Tx, settings: Settings) -> CheckResult:
    """The secret key, and whether everything opens with it: a backup may be from the middle of its replacement."""
    found, marked = await checks.secret_key(tx, settings), await read_mark(tx)
    left = await count_left(tx, current_key(settings, marked)) if found.ok and marked else 0
    if not left:
        return found
    return CheckResult(found.name, ok=False, detail=f"here, but {left} secrets do not open with it", advice=_SEAL_AGAIN)


_SEAL_AGAIN = (
    "Put the key that they were stored with beside it (secret-key.old in the data directory, or"
    " CALLMARK_OLD_SECRET_KEY) if you have it. Then run `callmark secret-key rotate`: it names the webhooks that need a"
    " new secret."
)


_FREE_SPACE = "Free some space on the disk that it writes to."
_START_IT = "Start the server, or correct CALLMARK_POSTGRES_DSN."
_NAME_PRIMARY = (
    "Name the primary in CALLMARK_POSTGRES_DSN, or all servers with commas. If it is the primary, turn off"
    " default_transaction_read_only."
)


def _postgres(reason: str, advice: str) -> CheckResult:
    return CheckResult("postgresql", ok=False, detail=reason.removeprefix("postgresql: "), advice=advice)


async def check_nats(settings: Settings) -> CheckResult:
    """The server, and whether it lets us in."""
    access = NatsAccess.of(settings)
    try:
        access.check()
    except SetupError as exc:
        return CheckResult("nats", ok=False, detail=exc.message, advice="Correct that setting.")
    client = SteadyClient(access)
    failures: list[Exception] = []

    async def note(exc: Exception) -> None:
        failures.append(exc)

    try:
        async with asyncio.timeout(WITHIN_S):
            await client.connect(
                seeds(settings.reached_nats),
                **access.options(),
                connect_timeout=WITHIN_S,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=note,
            )
            await _use_rights(client)
        version = version_of(str(client.connected_server_version))
    except Exception as exc:  # noqa: BLE001 - whatever it is, is what we are here to show
        return _refused_by_nats([*failures, exc])
    finally:
        with suppress(NatsError, OSError, TimeoutError):  # also where it was refused: the connection is open still
            await ends_within(client.close(), 1)  # with no server it would wait for one without end
    return checks.nats(version)


async def _use_rights(client: SteadyClient) -> None:
    """Subscribes and publishes to each kind of our subjects. Raises NatsError for what the user may not."""
    for kind in ("cm", "_CM", "_INBOX"):
        subject = f"{kind}.{new_id().hex}"
        await subscribe_directly(client, subject, lambda _subject, _reply, _payload: None)
        await client.until_in_force()
        await client.prove([subject])


def _refused_by_nats(failures: list[Exception]) -> CheckResult:
    """The first failure that says something: the later ones only report that the connection ended after it."""
    why = next((exc for exc in failures if str(exc)), None)
    detail = str(why) if why else f"no answer within {WITHIN_S} s"
    advice = "Start the server, or correct CALLMARK_NATS_URL."
    if "authorization" in detail.lower():
        advice = "Correct the user in CALLMARK_NATS_URL, or CALLMARK_NATS_CREDENTIALS, or let that user in."
    elif "permissions" in detail:
        advice = "Let that user publish and subscribe to cm.>, _CM.> and _INBOX.>, then reload the server."
    elif isinstance(why, ssl.SSLError) or "tls" in detail.lower():
        advice = (
            "Set CALLMARK_NATS_CA to the authority that signed the server's certificate, and use the host's name that"
            " is in it; if the server asks for one, set CALLMARK_NATS_CERTIFICATE too."
        )
    return CheckResult("nats", ok=False, detail=detail, advice=advice)


async def check_object_store(settings: Settings) -> CheckResult:
    """Whether files can be written, read, listed and deleted: all of it is done."""
    folder = settings.data / FOLDER
    if not settings.object_store and (nearest := nearest_place(folder)) != folder:
        if why := checks.refusal_of_write(nearest):
            return _store(f"{folder} cannot be created: {why}", _FREE_SPACE if says_full(why) else _CORRECT_FOLDER)
        return CheckResult("object store", ok=True, detail=f"{folder} (will be created)")
    advice = _CORRECT_STORE if settings.object_store else _CORRECT_FOLDER
    try:
        found = await asyncio.to_thread(try_store, settings)
    except Unavailable as exc:
        advice = _FREE_SPACE if says_full(exc.reason) else advice
        return _store(exc.reason, next((said for word, said in _SAID_BY_STORE.items() if word in exc.reason), advice))
    if not found.is_whole:
        return _store("what was written was not there to be read", advice)
    versions = _VERSIONS if found.keeps_versions else ""
    detail = f"{settings.object_store or folder} can be written and read{versions}"
    return CheckResult("object store", ok=True, detail=detail)


_VERSIONS = "; the bucket keeps versions, so deleted files stay readable there until a rule of its own ends them"


_CORRECT_STORE = (
    "Correct CALLMARK_OBJECT_STORE and the variables AWS_…; the key needs the rights to write, read, list and delete."
)
_SAID_BY_STORE = {
    "RequestTimeTooSkewed": "Correct the clock of this host: the store takes requests of 15 minutes around its own.",
    "SignatureDoesNotMatch": "Correct AWS_SECRET_ACCESS_KEY.",
    "InvalidAccessKeyId": "Correct AWS_ACCESS_KEY_ID.",
    "ExpiredToken": "Renew AWS_SESSION_TOKEN and the keys that it came with.",
    "NoSuchBucket": "Make the bucket, or correct CALLMARK_OBJECT_STORE.",
    "NotImplemented": "Use a store with the calls of S3 that docs/logs.md names, DeleteObjects among them.",
    "501 Not Implemented": "Use a store with the calls of S3 that docs/logs.md names, DeleteObjects among them.",
}
"""The store's own codes, and what corrects them."""

_CORRECT_FOLDER = "Correct the rights of that folder, or set CALLMARK_OBJECT_STORE."


def _store(detail: str, advice: str) -> CheckResult:
    return CheckResult("object store", ok=False, detail=detail.removeprefix("object store: "), advice=advice)

"""What an error of asyncpg is for us: a lost engine, one that refuses, a moment's bad luck, or a bug of ours."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from traceback import walk_tb

import asyncpg

from callmark.kit.errors import EngineRefuses, Unavailable, said
from callmark.kit.postgres.primary import LOST

NO_SCHEMA = (
    "Create the schema that its search_path names and let the user use it, or correct search_path: in"
    " CALLMARK_POSTGRES_DSN, of the role or of the database."
)
"""What to do where no schema is there for our tables."""

_REFUSED: dict[type[Exception], str] = {
    asyncpg.InvalidCatalogNameError: "Create that database, or correct CALLMARK_POSTGRES_DSN.",
    asyncpg.InvalidAuthorizationSpecificationError: "Correct user and password in CALLMARK_POSTGRES_DSN, or let that"
    " user in (pg_hba.conf).",
    asyncpg.InsufficientPrivilegeError: "Give the user of CALLMARK_POSTGRES_DSN that right: the database and its schema"
    " should be its own.",
    asyncpg.InvalidSchemaNameError: NO_SCHEMA,
    asyncpg.ClientConfigurationError: "Correct CALLMARK_POSTGRES_DSN.",
}
"""What a server that answers says no with, or asyncpg to a malformed address; and what to do."""

_OF_ANOTHER_SESSION = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
"""A prepared statement of asyncpg's is there already, or is not there: the session is not the one it was."""


@contextmanager
def named_when_lost() -> Generator[None]:
    """Raises what `name_when_lost` makes of an error."""
    try:
        yield
    except Exception as exc:
        if (named := name_when_lost(exc)) is None:
            raise
        raise named from exc


def name_when_lost(exc: BaseException) -> Unavailable | EngineRefuses | None:
    """What an error of a lost engine is for us: `Unavailable`, or `EngineRefuses` if it says no; None for any other.

    asyncpg's InterfaceError is both: a connection that closed under us, and our own misuse, which stays a bug.
    """
    if refusal := _refusal(exc):
        return refusal
    if isinstance(exc, asyncpg.InterfaceError):
        # "connection is closed", "connection was closed in the middle of …", "pool is closing"
        return Unavailable(f"postgresql: {exc}") if "clos" in str(exc) else None
    if isinstance(exc, LOST):
        return Unavailable(f"postgresql: {said(exc)}")
    if _is_torn(exc):
        return Unavailable("postgresql: connection closed between two steps of a statement")
    if why := momentary(exc):
        return Unavailable(f"postgresql: {why} at this moment")
    return None


def _refusal(exc: BaseException) -> EngineRefuses | None:
    if isinstance(exc, _OF_ANOTHER_SESSION):
        return not_in_session_mode()
    advice = next((say for kind, say in _REFUSED.items() if isinstance(exc, kind)), None)
    return EngineRefuses(f"postgresql: {exc}", advice) if advice else None


def not_in_session_mode() -> EngineRefuses:
    """What a pooler between us and the server is, that gives our session to others."""
    return EngineRefuses(
        "postgresql: a pooler before it is not in session mode",
        "Set `pool_mode = session` there (PgBouncer), or name the server itself in CALLMARK_POSTGRES_DSN.",
    )


def _is_torn(exc: BaseException) -> bool:
    """Whether a connection was cut after one step of a statement: asyncpg has no protocol or transport for the next."""
    if not (isinstance(exc, AttributeError) and exc.obj is None):
        return False
    if not any(hasattr(missing, exc.name or "") for missing in (asyncpg.protocol.Protocol, asyncio.Transport)):
        return False
    frames = [frame for frame, _ in walk_tb(exc.__traceback__)]
    return bool(frames) and frames[-1].f_globals["__name__"].startswith("asyncpg.")  # one of ours stays a bug


def momentary(exc: BaseException | None) -> str | None:
    """What happened that the same statements, run once more, do not meet again; None for any other error."""
    if isinstance(exc, asyncpg.CheckViolationError) and exc.constraint_name is None:  # a check of ours has a name
        return "a day's partition was made"  # while a row was on its way to the rest; now it goes to its day
    if isinstance(exc, asyncpg.InvalidCachedStatementError):
        return "a table was changed"  # by a migration; asyncpg has forgotten the statements of before by now
    if isinstance(exc, asyncpg.DeadlockDetectedError):
        return "others waited for what this held"  # a step of a migration, say; the server let them pass
    if isinstance(exc, asyncpg.SerializationError):
        return "others changed what this read"  # beside READ COMMITTED, where a pooler has reset the session
    return None

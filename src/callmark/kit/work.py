"""The one mechanism for background work: rows that carry `due_at` and a lease.

A row is the work: it is claimed in sets with `FOR UPDATE SKIP LOCKED` and a lease, run outside any transaction, then
finished with its next due instant (or none). A worker that dies leaves a lease that runs out; the row is then claimed
again, so every run must be harmless to repeat. `due_at` is a product instant, leases are those of the database's clock:
they are written by one worker and judged by others.

Where rows have owners, each owner's oldest take turns, and one owner has a limited number running, over all workers. A
run that has nothing left to do but wait for someone outside says so (`Claimed.only_waits`): it keeps its lease and
gives its place to the next (docs/decisions/0013-effects-shares-returns.md).

A leased row can also be an owner (a webhook) whose own rows its run does, for as long as there are any (`OwnerLease`):
its holder is alone with them, and counts in memory (docs/decisions/0029-one-lease-engine.md).
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from msgspec import Struct

from callmark.kit.clock_watch import TRUSTED_WITHIN
from callmark.kit.installation import NOT_HELD
from callmark.kit.postgres.database import Row, Tx, own_names

POLL = timedelta(seconds=1)
LEASE = timedelta(seconds=15)
"""A killed worker's rows wait this long; a running one renews every third of it."""

_UNHELD: LiteralString = (
    "(leased_until IS NULL OR leased_until < $2 OR leased_until > $2::timestamptz + $5::interval + "
    + own_names(f"interval '{TRUSTED_WITHIN.total_seconds()} s')")
)
"""Nobody works at the row. A lease longer than any is of a clock that was ahead, by a worker that was killed."""


def _nothing() -> None:
    """A run outside a worker has no place to give up."""


def _no() -> bool:
    """Outside a worker no one waits for a turn."""
    return False


class Claimed(Struct, frozen=True):
    """A row taken under a lease.

    `only_waits` gives up its run's place among those that work, permanently. `is_turn_over` says whether others wait
    for the place of an owner that has had its turn.
    """

    row: Row
    lease_id: UUID
    only_waits: Callable[[], None] = _nothing
    is_turn_over: Callable[[], bool] = _no


class OwnerLease(Struct, frozen=True):
    """What is different where a leased row is not the work but its owner, whose own rows the run does."""

    free: LiteralString
    """Which owners may be leased, in terms of the table's columns."""
    give_back: Callable[[Claimed, datetime | None], Awaitable[bool]]
    """Ends the lease: the owner is due again with its next row, and not before that instant; whether it is due now."""
    look_again: Callable[[], None]
    """Rows may have come to the owners that are leased. Called by a wake-up, and each `POLL`."""
    turn: timedelta
    """How long an owner keeps its place while others wait."""
    ends_within: timedelta
    """How long a run may take to end when its worker stops."""


class Work(Struct, frozen=True):
    """A kind of due work: where its rows are, how many run at once, what runs.

    `run` returns the next due instant of the row, or None when nothing is left to do. When it raises, the row stays
    due and is tried again after `retry_after`. `ready` says whether it makes sense to claim at this moment. `columns`
    is what `run` gets of the row and begins with `key`. At most `at_once` rows are worked at by one worker, at most
    `most_held` are leased by it. With `owner` (a column), only the oldest `share` due rows of an owner run, over all
    workers, and of several owners' rows those come first whose owner has fewer before them. With `leases_owner` the row
    is an owner itself; its run itself says how its rows went, also to the metrics. `is_outgoing` work sends something
    to people or programs outside: none of it is claimed while the installation is held (`kit.installation`). `known`
    is a condition on the rows that this worker can run; others wait for another one, such as one of a newer version. A
    row that is due later than after `due_within` (an interval, in terms of the columns) is due now: a clock that was
    ahead said so.
    """

    name: str
    table: LiteralString
    key: LiteralString
    columns: LiteralString
    run: Callable[[Claimed], Awaitable[datetime | None]]
    at_once: int
    retry_after: timedelta = timedelta(seconds=1)
    ready: Callable[[], bool] = lambda: True
    most_held: int = 2048
    owner: LiteralString | None = None
    share: int = 256
    leases_owner: OwnerLease | None = None
    is_outgoing: bool = False
    known: LiteralString = ""
    due_within: LiteralString = ""
    key_type: LiteralString = "uuid"

    @property
    def claim_sql(self) -> LiteralString:
        """Takes up to $4 rows due at $1 (product) whose lease, if any, ended before $2 (database), oldest first.

        Index `<table>_due`, or with owners `<table>_due_<owner>`; rows that another worker is claiming are skipped.
        """
        due: LiteralString = f"(due_at <= $1 OR due_at > $1 + {self.due_within})" if self.due_within else "due_at <= $1"
        free: LiteralString = f"{due} AND {_UNHELD}"
        if self.leases_owner:
            free = f"{free} AND {self.leases_owner.free}"
        if self.is_outgoing:
            free = f"{free} AND {NOT_HELD}"
        if self.known:
            free = f"{free} AND {self.known}"
        if self.owner is None:
            chosen = f"SELECT {self.key} FROM {self.table} WHERE {free} ORDER BY due_at LIMIT $4"
        else:
            chosen = f"SELECT {self.key} FROM {self.table} WHERE {free} AND {self.key} = ANY (ARRAY ({self._turns}))"
        return (
            f"UPDATE {self.table} SET lease_id = $3, leased_until = $2::timestamptz + $5 WHERE {self.key} IN ("
            f"{chosen} FOR UPDATE SKIP LOCKED) RETURNING {self.columns}"
        )

    @property
    def _turns(self) -> LiteralString:
        """The keys whose turn it is: of each owner's oldest due rows, leased ones counted, those that are free.

        Owners are found by one look into the index for each, however many rows they have.
        """
        table, key, owner = self.table, self.key, self.owner or ""
        return f"""
            {self.owners_sql}
            SELECT w.{key} FROM owner o CROSS JOIN LATERAL (
              SELECT t.{key}, t.due_at, t.leased_until, row_number() OVER (ORDER BY t.due_at, t.{key}) AS turn FROM (
                SELECT {key}, due_at, leased_until FROM {table} d WHERE d.{owner} = o.id AND d.due_at <= $1
                ORDER BY d.due_at, d.{key} LIMIT {own_names(str(self.share))}
              ) t
            ) w
            WHERE {_UNHELD} ORDER BY w.turn, w.due_at LIMIT $4
        """

    @property
    def owners_sql(self) -> LiteralString:
        """Begins a statement with `owner (id)`: every owner of a due row, or of one that is due later; null is last."""
        table, owner = self.table, self.owner or ""
        return f"""
            WITH RECURSIVE owner AS (
              (SELECT {owner} AS id FROM {table} WHERE due_at IS NOT NULL ORDER BY {owner} LIMIT 1)
              UNION ALL
              SELECT (SELECT t.{owner} FROM {table} t WHERE t.due_at IS NOT NULL AND t.{owner} > o.id
                ORDER BY t.{owner} LIMIT 1) FROM owner o WHERE o.id IS NOT NULL
            )
        """

    @property
    def release_sql(self) -> LiteralString:
        """Drops the leases $2 of rows $1, which stay due; leaves out those whose lease is another's."""
        return f"UPDATE {self.table} SET lease_id = NULL, leased_until = NULL WHERE {self._held}"

    @property
    def release_lease_sql(self) -> LiteralString:
        """Drops lease $1 of all its rows, which stay due: for a claim whose answer no one read."""
        return (
            f"UPDATE {self.table} SET lease_id = NULL, leased_until = NULL WHERE {self.key} IN ("
            f"SELECT {self.key} FROM {self.table} WHERE due_at IS NOT NULL AND lease_id = $1"
            f" ORDER BY {self.key} FOR UPDATE)"
        )

    @property
    def renew_sql(self) -> LiteralString:
        """Extends the leases $2 of rows $1 to $3; leaves out those whose lease is another's."""
        return f"UPDATE {self.table} SET leased_until = $3 WHERE {self._held}"

    @property
    def _held(self) -> LiteralString:
        """The rows $1 under leases $2, locked in the order of their keys: no two statements wait in a circle."""
        return (
            f"{self.key} IN (SELECT {self.key} FROM {self.table}"
            f" WHERE {self.key} = ANY ($1) AND lease_id = ANY ($2::uuid[]) ORDER BY {self.key} FOR UPDATE)"
        )

    async def finish(self, tx: Tx, done: Sequence[tuple[object, UUID, datetime | None]]) -> None:
        """Gives rows back, each (key, lease, next due instant or None); nothing where the lease is another's.

        `LIMIT $4` takes nothing away: it makes the planner look each row up by its key.
        """
        keys, leases, due = zip(*done, strict=True)
        await tx.execute(
            f"""
            UPDATE {self.table} t SET due_at = held.due_at, lease_id = NULL, leased_until = NULL
            FROM (
              SELECT o.{self.key} AS held_key, f.due_at FROM (
                SELECT * FROM unnest($1::{self.key_type}[], $2::uuid[], $3::timestamptz[]) LIMIT $4
              ) AS f (held_key, lease_id, due_at)
              JOIN {self.table} o ON o.{self.key} = f.held_key AND o.lease_id = f.lease_id
              ORDER BY held_key FOR UPDATE OF o
            ) held
            WHERE t.{self.key} = held.held_key
            """,
            *(list(keys), list(leases), list(due), len(done)),
        )


def wake_topic(name: str) -> str:
    """What a worker that does the work of this name listens to."""
    return f"wake.{name}"

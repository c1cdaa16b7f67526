"""The SQL of the sinks: how each answers, and what it was sent. In PostgreSQL, so that all HTTP processes share it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct, field

from callmark.kit.postgres.database import Row, Tx

KEPT_REQUESTS = 1000
"""Of each sink; older ones are dropped."""


class Sink(Struct, frozen=True):
    """How a sink answers: after `delay_s`, and a body's byte every `drip_s` when that is not 0. `reset`: not at all."""

    name: str
    status: int = 200
    delay_s: float = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = '{"status":"ok"}'
    drip_s: float = 0
    reset: bool = False


class SinkRequest(Struct, frozen=True):
    """A request as it came; header names in lower case."""

    id: int
    at: datetime
    method: str
    query: str
    headers: Mapping[str, str]
    body: str


async def put_sink(tx: Tx, sink: Sink) -> None:
    """Sets how a sink answers, whatever it did before."""
    await tx.execute(
        "INSERT INTO sink (name, status, delay_s, headers, body, drip_s, reset) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (name) DO UPDATE SET status = $2, delay_s = $3, headers = $4, body = $5, drip_s = $6, reset = $7",
        sink.name,
        sink.status,
        sink.delay_s,
        msgspec.json.encode(sink.headers).decode(),
        sink.body,
        sink.drip_s,
        sink.reset,
    )


async def select_sink(tx: Tx, name: str) -> Sink:
    """The sink as it was set, else as every sink is that nobody has set."""
    row = await tx.fetchrow("SELECT * FROM sink WHERE name = $1", name)
    return _sink(row) if row else Sink(name)


async def select_sinks(tx: Tx) -> list[tuple[Sink, int]]:
    """Every sink that was set or has requests, with their count, by name."""
    rows = await tx.fetch(
        "SELECT s.*, coalesce(s.name, r.sink) AS known, coalesce(r.count, 0) AS count FROM sink s FULL JOIN"
        " (SELECT sink, count(*) AS count FROM sink_request GROUP BY sink) r ON r.sink = s.name ORDER BY known"
    )
    return [(_sink(row) if row["name"] else Sink(row["known"]), row["count"]) for row in rows]


async def insert_request(tx: Tx, name: str, request: SinkRequest) -> None:
    """Records a request (its `id` is given by the table) and drops the sink's oldest past `KEPT_REQUESTS`."""
    await tx.execute(
        """
        WITH dropped AS (
          DELETE FROM sink_request WHERE sink = $1 AND id <= (
            SELECT id FROM sink_request WHERE sink = $1 ORDER BY id DESC OFFSET $7 LIMIT 1
          )
        )
        INSERT INTO sink_request (sink, at, method, query, headers, body) VALUES ($1, $2, $3, $4, $5, $6)
        """,
        name,
        request.at,
        request.method,
        request.query,
        msgspec.json.encode(request.headers).decode(),
        request.body,
        KEPT_REQUESTS - 1,
    )


async def select_requests(tx: Tx, name: str) -> list[SinkRequest]:
    """What the sink was sent, oldest first."""
    rows = await tx.fetch(
        "SELECT id, at, method, query, headers, body FROM sink_request WHERE sink = $1 ORDER BY id", name
    )
    return [
        SinkRequest(
            row["id"],
            row["at"],
            row["method"],
            row["query"],
            msgspec.json.decode(row["headers"], type=dict[str, str]),
            row["body"],
        )
        for row in rows
    ]


async def count_requests(tx: Tx, name: str) -> int:
    """How many requests of the sink are kept. Index sink_request_newest."""
    return await tx.fetchval("SELECT count(*) FROM sink_request WHERE sink = $1", name)


async def delete_requests(tx: Tx, name: str) -> None:
    """Forgets what the sink was sent."""
    await tx.execute("DELETE FROM sink_request WHERE sink = $1", name)


async def delete_sink(tx: Tx, name: str) -> None:
    """Forgets the sink and what it was sent."""
    await tx.execute("DELETE FROM sink_request WHERE sink = $1", name)
    await tx.execute("DELETE FROM sink WHERE name = $1", name)


async def delete_all(tx: Tx) -> None:
    """Forgets every sink."""
    await tx.execute("DELETE FROM sink_request")
    await tx.execute("DELETE FROM sink")


def _sink(row: Row) -> Sink:
    return Sink(
        row["name"],
        row["status"],
        row["delay_s"],
        msgspec.json.decode(row["headers"], type=dict[str, str]),
        row["body"],
        row["drip_s"],
        row["reset"],
    )

"""Mixed traffic of businesses and handsets: the same few things again and again, as a turn each."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from time import perf_counter

import msgspec
from msgspec import Struct, field
from websockets.asyncio.client import ClientConnection, connect

from bench.load import Connection, request
from bench.p5_webhooks import PAYLOAD
from bench.stage import Account, Stage, new_tokens
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.work_names import WorkName
from callmark.kit.phone import PhoneNumber

BATCH, PUSHES, RESOLVES, EVENTS = 200, 5, 2, 2
"""Of a turn: records in its batch, real-time pushes, calls that ring, events for a webhook; and one status is read."""
QUESTION = '{"type": "resolve", "id": "r", "caller_number": "918040001234"}'
MOST_TRIES, RETRY_S = 30, 1.0
RENEW_TOKENS_S = 1900.0
"""An account may get ten tokens in half an hour; they live for one."""


class Mix(Struct):
    """Everyone that takes part.

    `push_s` are the latencies of real-time pushes since someone last took them, `refused` when something was.
    """

    on: Stage
    receivers: Sequence[PhoneNumber]
    subscribed: Sequence[AccountId]
    free: asyncio.Queue[tuple[Connection, ClientConnection]]
    tokens: Iterator[tuple[Account, str]]
    records: int = 0
    push_s: list[float] = field(default_factory=list[float])
    refused: list[float] = field(default_factory=list[float])
    turns: Iterator[int] = field(default_factory=itertools.count)

    async def turn(self) -> None:
        """All that a turn has, one after the other."""
        connection, socket = await self.free.get()
        number = next(self.turns)
        account, token = next(self.tokens)
        batch = await self._push_batch(connection, account, token, number)
        for step in range(PUSHES):
            await self._push_one(connection, *next(self.tokens), number * PUSHES + step)
        for _ in range(RESOLVES):
            await socket.send(QUESTION)
            await socket.recv()
        url = f"{self.on.url}/v2/clients/{account.id}/dynamic_call_records?batchId={batch}"
        await self._sent(connection, request(url, b"", token, "GET"))
        for step in range(EVENTS):
            await self._append(self.subscribed[(number + step) % len(self.subscribed)])
        self.free.put_nowait((connection, socket))

    async def _push_batch(self, connection: Connection, account: Account, token: str, number: int) -> str:
        chosen = [self.receivers[(number * BATCH + step) % len(self.receivers)] for step in range(BATCH)]
        body = msgspec.json.encode({"call_records": [self.on.record(one, account) for one in chosen]})
        url = f"{self.on.url}/v2/clients/{account.id}/dynamic_call_records"
        self.records += BATCH
        return msgspec.json.decode(await self._sent(connection, request(url, body, token)))["batch_id"]

    async def _push_one(self, connection: Connection, account: Account, token: str, number: int) -> None:
        body = msgspec.json.encode(self.on.record(self.receivers[number % len(self.receivers)], account))
        began = perf_counter()
        await self._sent(connection, request(f"{self.on.url}/v2/clients/{account.id}/dynamic_call_record", body, token))
        self.push_s.append(perf_counter() - began)
        self.records += 1

    async def _append(self, account: AccountId) -> None:
        async with self.on.deps.db.transaction() as tx:
            await events.append(tx, account, EventType.CALL_ME_BACK, PAYLOAD, self.on.deps.clock.now())
        await self.on.deps.wake(WorkName.DELIVERIES)

    async def _sent(self, connection: Connection, wanted: bytes) -> bytes:
        """The answer's body. A 503 is sent again after a second, as clients do, and counted."""
        body = b""
        for _ in range(MOST_TRIES):
            status, body = await connection.send(wanted)
            if status == HTTPStatus.OK:
                return body
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise SystemExit(f"refused with {status}: {body[:300]!r}")
            self.refused.append(perf_counter())
            await asyncio.sleep(RETRY_S)
        raise SystemExit(f"refused {MOST_TRIES} times: {body[:300]!r}")

    async def keep_tokens_fresh(self) -> None:
        """Gets new tokens in time, without end."""
        while True:
            await asyncio.sleep(RENEW_TOKENS_S)
            self.tokens = spread([(one, await new_tokens(self.on.deps, one)) for one in self.on.accounts])


def spread(accounts: Sequence[tuple[Account, list[str]]]) -> Iterator[tuple[Account, str]]:
    """Accounts and tokens in turns, without end."""
    return itertools.cycle([(account, token) for account, tokens in accounts for token in tokens])


@asynccontextmanager
async def mixed(
    on: Stage, receivers: Sequence[PhoneNumber], handset_tokens: Sequence[str], subscribed: Sequence[AccountId]
) -> AsyncGenerator[Mix]:
    """As many turns at once as there are handsets that ask."""
    stream = on.url.replace("http", "ws", 1) + "/handset/v1/stream"
    async with AsyncExitStack() as stack:
        free = asyncio.Queue[tuple[Connection, ClientConnection]]()
        for token in handset_tokens:
            headers = {"Authorization": f"Bearer {token}"}
            socket = await stack.enter_async_context(connect(stream, additional_headers=headers, compression=None))
            await socket.recv()
            connection = await Connection.open(on.url)
            stack.callback(connection.close)
            free.put_nowait((connection, socket))
        mix = Mix(on, receivers, subscribed, free, spread([(one, one.tokens) for one in on.accounts]))
        renewing = asyncio.create_task(mix.keep_tokens_fresh())
        stack.callback(renewing.cancel)
        yield mix


async def capacity(mix: Mix, seconds: float, at_once: int) -> float:
    """Turns a second when each begins as soon as one before has ended."""
    until, done = perf_counter() + seconds, 0

    async def run() -> None:
        nonlocal done
        while perf_counter() < until:
            await mix.turn()
            done += 1

    began = perf_counter()
    await asyncio.gather(*(run() for _ in range(at_once)))
    return done / (perf_counter() - began)


async def at_a_rate(mix: Mix, per_second: float, is_over: Callable[[], bool]) -> int:
    """Begins turns at fixed instants, until it is over; how many."""
    began, tasks = perf_counter(), set[asyncio.Task[None]]()
    for number in itertools.count():
        if is_over():
            await asyncio.gather(*tasks)
            return number
        if (wait := began + number / per_second - perf_counter()) > 0:
            await asyncio.sleep(wait)
        for ended in [task for task in tasks if task.done()]:
            tasks.discard(ended)
            ended.result()
        tasks.add(asyncio.create_task(mix.turn()))
    raise AssertionError

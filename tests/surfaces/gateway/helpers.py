"""Drives gateways as handsets do: a real server on a free port, a WebSocket client, records to push."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import uvicorn
from msgspec import Struct
from msgspec.structs import replace
from starlette.applications import Starlette
from tests.support.factories import Cast, Sent, submit_batch
from tests.support.waiting import open_connected, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence, service as handsets
from callmark.domain.handsets.model import OS, Registration
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.personalisation.validation import V2
from callmark.domain.policy.model import SYSTEM
from callmark.instants import to_ms
from callmark.kit.fabric.client import Fabric
from callmark.kit.fabric.fanout import Answer, Push, Quiet, Returning
from callmark.kit.fastpath.websockets import WebSocketProtocol
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port
from callmark.kit.workload import Workload
from callmark.record_rules.fields import NewRecord
from callmark.surfaces.gateway.app import Gateway
from callmark.surfaces.gateway.wire import FRAME_BYTES, PING_S, SILENCE_S

CALLER = PhoneNumber("918047770001")
"""Listed by no test: what shows for it is what a record brings."""
NOTHING_KNOWN = "this handset has no call record of this caller; the caller's number is not listed"
NO_OFFERS: "dict[str, Any]" = {
    "call_me_back": False,
    "config_name": None,
    "slot_picker": False,
    "slots": [],
    "campaigns": [],
    "questions": [],
}
WITHIN_S = 30
Frame = dict[str, Any]


class Owner(Struct, frozen=True):
    """A registered handset: its registration and token, and the credential of the app that made it."""

    registration: Registration
    token: str
    credential: str

    @property
    def number(self) -> PhoneNumber:
        """Its phone number."""
        return self.registration.phone_number


async def make_handset(
    deps: Deps, number: PhoneNumber, *, os: OS = OS.ANDROID, version: str = "5.0.0", credential: str = ""
) -> Owner:
    """A registered handset; without a credential, of an app of its own."""
    if not credential:
        _, credential = await handsets.create_app(deps, "Ring app", by=SYSTEM)
    made = await handsets.register(deps, credential, number, os, version)
    return Owner(made.registration, made.token, credential)


def new_record(deps: Deps, cast: Cast, receiver: str, **changed: object) -> NewRecord:
    """A record whose window is open for an hour."""
    now = to_ms(deps.clock.now())
    sent = NewRecord(CALLER, receiver, str(cast.label.id), None, "Your parcel arrives today", now, now + 3_600_000)
    return sent._replace(**changed)


async def store_records(deps: Deps, cast: Cast, *records: NewRecord) -> list[StoredRecord]:
    """Records of one batch, accepted and not pushed."""
    submitted = [Sent(record, lambda: b"{}") for record in records]
    batch = await submit_batch(deps, cast.account.id, V2, submitted)
    return await personalisation.records_of_batch(deps, batch.id, None)


async def push(deps: Deps, cast: Cast, receiver: str, **changed: object) -> StoredRecord:
    """A record pushed in real time, as its timeline has it afterwards."""
    done = await personalisation.push_now(deps, cast.account.id, V2, new_record(deps, cast, receiver, **changed))
    (record,) = await personalisation.records_of_batch(deps, done.batch_id, None)
    return record


def patient(deps: Deps, within_s: float = 30) -> Deps:
    """`deps` whose pushes wait longer for an answer, whatever else this machine does."""
    return replace(deps, settings=msgspec.structs.replace(deps.settings, real_time_deadline_s=within_s))


async def push_patiently(
    deps: Deps, cast: Cast, receiver: str, *, within_s: float = 30, **changed: object
) -> StoredRecord:
    """A push whose answer comes: it is waited for however busy this machine is."""
    return await push(patient(deps, within_s), cast, receiver, **changed)


async def push_to_sleeper(deps: Deps, cast: Cast, receiver: str) -> StoredRecord:
    """A push whose handset does not come in time: it ends as soon as the wake-up has been asked for.

    With a short deadline it may end before NATS has said that nobody holds the handset, and then nobody asks.
    """
    push_one = deps.fabric.push_one

    async def only_asks(push_: Push, within: timedelta, returning: Returning, _quiet: Quiet) -> Answer:
        async def asked(numbers: Collection[str]) -> Collection[str]:
            await returning(numbers)
            return ()

        return await push_one(push_, within, asked)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deps.fabric, "push_one", only_asks)
        return await push_patiently(deps, cast, receiver)


async def outcome_of(deps: Deps, cast: Cast, record_id: UUID) -> Outcome:
    """What has become of a record."""
    return (await personalisation.get_record(deps, cast.account.id, record_id)).outcome


def ref(record: StoredRecord) -> Frame:
    """The record's reference on the wire."""
    key = record.key
    return {"id": str(key.id), "receiver_number": key.receiver_number, "ends_at": to_ms(key.ends_at)}


@asynccontextmanager
async def served(deps: Deps, *, frame_bytes: int = FRAME_BYTES) -> AsyncGenerator[str]:
    """A gateway on a server of its own; its address without the scheme."""
    gateway = Gateway(deps, Workload(deps.settings.api_load, deps.real_clock))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=gateway.routes),
        ws=WebSocketProtocol,
        ws_max_size=frame_bytes,
        ws_ping_interval=PING_S,
        ws_ping_timeout=SILENCE_S - PING_S,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listener]))
    await gateway.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await gateway.stop()
        server.should_exit = True
        await running
        listener.close()


@asynccontextmanager
async def another_process(deps: Deps, nats_url: str) -> AsyncGenerator[Deps]:
    """What a second process has: the same database, a connection to NATS of its own."""
    async with deps.db.connection() as tx:
        installation = await tx.fetchval("SELECT id FROM installation")
    fabric = Fabric(nats_url, installation, name="another")
    await open_connected(fabric)
    try:
        yield replace(deps, fabric=fabric)
    finally:
        await fabric.close()


class Handset:
    """A handset's end of a stream."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.welcome: Frame = {}

    async def send(self, kind: str, frame_id: str = "f1", **fields: object) -> None:
        """Sends a frame."""
        await self.send_raw(msgspec.json.encode({"type": kind, "id": frame_id, **fields}).decode())

    async def send_raw(self, message: str | bytes) -> None:
        """Sends anything: text or, from bytes, a binary message."""
        await self._socket.send(message)

    async def receive(self, kind: str) -> Frame:
        """The next frame, which must be of this type."""
        frame = await self.next()
        assert frame["type"] == kind, frame
        return frame

    async def next(self) -> Frame:
        """The next frame."""
        async with asyncio.timeout(WITHIN_S):
            return msgspec.json.decode(await self._socket.recv())

    async def ask(self, kind: str, answer: str, **fields: object) -> Frame:
        """Sends a frame and gets the next one, which must answer it."""
        await self.send(kind, "q1", **fields)
        frame = await self.receive(answer)
        assert frame["re"] == "q1"
        return frame

    async def sync(self, held: list[str] | None = None, cursor: str | None = None) -> tuple[list[Frame], str | None]:
        """Sends one `sync`: the frames of its page, and the cursor."""
        await self.send("sync", "s1", held=held or [], cursor=cursor)
        frames: list[Frame] = []
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame: Frame = msgspec.json.decode(await self._socket.recv())
                if frame["type"] == "synced":
                    assert frame["re"] == "s1"
                    return frames, frame["cursor"]
                frames.append(frame)

    async def leave(self, code: int) -> None:
        """Closes the stream with this code, as the app or a proxy does."""
        await self._socket.close(code)

    async def closed(self) -> tuple[int, str]:
        """Waits for the end, whatever comes before: close code and reason."""
        with pytest.raises(ConnectionClosed) as ended:
            await self._drain()
        received = ended.value.rcvd
        assert received is not None
        return received.code, received.reason

    async def _drain(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            while True:
                await self._socket.recv()

    async def settled(self) -> None:
        """Returns when everything sent before has been carried out (frames are taken in order)."""
        await self.ask("resolve", "resolved", caller_number="918040000000")


@asynccontextmanager
async def open_stream(address: str, token: str) -> AsyncGenerator[Handset]:
    """A stream, whatever the gateway says to it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"ws://{address}/handset/v1/stream"
    async with connect(url, additional_headers=headers, compression=None, max_queue=4096) as socket:
        yield Handset(socket)


@asynccontextmanager
async def online(address: str, token: str) -> AsyncGenerator[Handset]:
    """A stream that has been welcomed."""
    async with open_stream(address, token) as handset:
        handset.welcome = await handset.receive("welcome")
        yield handset


async def is_returning(deps: Deps, owner: Owner) -> bool:
    """Whether a handset without a stream is expected back."""
    return await presence.returning(deps, [owner.number]) == {owner.number}


async def until_offline(deps: Deps, owner: Owner) -> None:
    """Returns when the goodbye of a handset is written: its gateway does that after the stream has ended."""

    async def is_offline() -> bool:
        return not await is_returning(deps, owner)

    await until(is_offline)


class Cut:
    """A relay before NATS that can be cut and joined again."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = free_port()  # nobody else is given it while it is cut

    async def join(self) -> None:
        """Relays from now on."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Ends every connection and takes no new one."""
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        self._writers |= {writer, far_writer}
        for one in (_copy(reader, far_writer), _copy(far_reader, writer)):
            task = asyncio.create_task(one)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


HOUR = timedelta(hours=1)

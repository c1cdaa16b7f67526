"""A handset whose frames are refused: after a sync it takes another stream, after an acknowledgement it syncs again."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct
from tests.support.factories import phone
from tests.support.waiting import until
from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Close

from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.handset_messages import Identity, RecordRef
from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.surfaces.emulator.handsets.behaviour import Conditions
from callmark.surfaces.emulator.handsets.close_codes import GOODBYE
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.model import Script, VirtualHandset
from callmark.surfaces.gateway.wire import AckFrame, Failed, Synced, SyncFrame, Welcome, decode_frame, encode


class Stream:
    """A gateway's stream that refuses every sync, or takes it. It refuses every acknowledgement."""

    def __init__(self, *, refuses: bool) -> None:
        self._refuses = refuses
        self.synced: list[list[UUID]] = []
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._frames.put_nowait(encode(Welcome(new_id(), "919900000001", 1, 0)))

    async def recv(self, *, decode: bool) -> bytes:
        assert not decode
        if (frame := await self._frames.get()) is None:
            raise ConnectionClosedOK(Close(GOODBYE, ""), None)
        return frame

    async def send(self, data: bytes, *, text: bool) -> None:
        assert text
        frame = decode_frame(data.decode())
        if isinstance(frame, AckFrame):
            self.put(Failed(new_id(), frame.id, Unavailable.slug, "service unavailable"))
        if isinstance(frame, SyncFrame):
            self.synced.append(frame.held)
            refused = Failed(new_id(), frame.id, "invalid-input", "cursor is invalid")
            self.put(refused if self._refuses else Synced(new_id(), frame.id, None))

    def put(self, frame: Struct) -> None:
        """The gateway sends a frame."""
        self._frames.put_nowait(encode(frame))

    async def close(self) -> None:
        self._frames.put_nowait(None)


class Gateways:
    """In place of `Network`: the first stream refuses, all others do not."""

    def __init__(self) -> None:
        self.conditions = Conditions()
        self.streams = 0
        self.stream: Stream

    async def connect(self, _: str) -> Stream:
        self.streams += 1
        self.stream = Stream(refuses=self.streams == 1)
        return self.stream

    async def pause(self, _: float) -> None: ...

    async def back_off(self, _: int) -> None: ...

    def on_change(self, _: str) -> None: ...

    def now_ms(self) -> int:
        return 0


@pytest.mark.parametrize("sleeps", [False, True])
async def test_a_handset_whose_sync_is_refused_comes_with_another_stream(*, sleeps: bool) -> None:
    network: Any = Gateways()
    row = VirtualHandset(
        phone_number=phone(),
        os=OS.ANDROID,
        app_version="5.0.0",
        online=True,
        script=Script(sleeps=sleeps),
        token="token",
    )
    handset = Handset(row, network)
    handset.start()

    async def is_done() -> bool:
        return handset.is_asleep if sleeps else handset.connected

    await until(is_done)
    assert network.streams == 2
    await handset.stop()


async def test_a_handset_whose_acknowledgement_was_not_kept_says_in_a_sync_what_it_holds() -> None:
    network: Any = Gateways()
    row = VirtualHandset(phone_number=phone(), os=OS.ANDROID, app_version="5.0.0", online=True, token="token")
    handset = Handset(row, network)
    handset.start()

    async def is_connected() -> bool:
        return handset.connected

    await until(is_connected)
    record = RecordRef(new_id(), row.phone_number, 3_600_000)
    pushed = Identity(
        id=record.id,
        record=record,
        caller_number="918040001234",
        name="Acme Deliveries",
        call_reason=None,
        logo_url="",
        verified=True,
        starts_at=0,
        accepted_at=0,
        position=0,
    )
    network.stream.put(pushed)

    async def has_said_it() -> bool:
        return network.stream.synced[-1] == [record.id]

    await until(has_said_it)
    await handset.stop()

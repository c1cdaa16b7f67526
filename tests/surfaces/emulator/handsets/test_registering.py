"""A handset that changes while the gateway has not answered its registration yet."""

import asyncio
from contextlib import suppress
from typing import Any

from msgspec.structs import replace
from tests.support.factories import phone
from tests.support.waiting import until

from callmark.domain.handsets.model import OS
from callmark.kit.errors import Unavailable
from callmark.surfaces.emulator.handsets.behaviour import Conditions
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.model import Script, VirtualHandset


class SlowGateway:
    """In place of `Network`: it answers a registration once `answers` is set, and takes no streams."""

    def __init__(self) -> None:
        self.conditions = Conditions()
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.saved: list[VirtualHandset] = []

    async def register(self, _: VirtualHandset) -> str:
        self.asked.set()
        await self.answers.wait()
        return "token"

    async def save(self, row: VirtualHandset) -> None:
        self.saved.append(row)

    async def connect(self, _: str) -> None:
        raise Unavailable("gateway: no streams")

    async def back_off(self, _: int) -> None:
        await asyncio.Event().wait()

    def on_change(self, _: str) -> None: ...

    async def pause(self, _: float) -> None: ...


async def test_a_script_that_changes_meanwhile_stays() -> None:
    network: Any = SlowGateway()
    handset = Handset(VirtualHandset(phone_number=phone(), os=OS.ANDROID, app_version="5.0.0", online=True), network)
    handset.start()
    await network.asked.wait()
    changed = replace(handset.row, script=Script(drop_every=2))
    handset.behave(changed)
    network.answers.set()

    async def is_saved() -> bool:
        return bool(network.saved)

    await until(is_saved)
    await handset.stop()
    assert (handset.row, network.saved) == (replace(changed, token="token"), [replace(changed, token="token")])


class AnswersAtTheEnd(SlowGateway):
    """The answer to a registration comes with the cancellation, which `asyncio.wait_for` then drops (Python 3.11)."""

    async def register(self, _: VirtualHandset) -> str:
        self.asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "token"


async def test_a_handset_stops_though_its_cancellation_was_lost() -> None:
    network: Any = AnswersAtTheEnd()
    handset = Handset(VirtualHandset(phone_number=phone(), os=OS.ANDROID, app_version="5.0.0", online=True), network)
    handset.start()
    await network.asked.wait()
    await asyncio.wait_for(handset.stop(), 60)
    assert network.saved

"""The network that stands: two proxies and a phone; calls through it, one after the other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from callmark.kit.errors import SetupError
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port
from callmark.kit.tasks import end
from callmark.processes.sip_lab.caller import Dialling, dial
from callmark.processes.sip_lab.phone import Phone, RingingCall, phone
from callmark.processes.sip_lab.proxies import ProxySettings, proxy

_RINGS_WITHIN_S = 15.0


class Ending(StrEnum):
    """What the person with the phone does."""

    ANSWER = "answer"
    DECLINE = "decline"
    IGNORE = "ignore"


class PlacedCall(Struct, frozen=True):
    """A call that was made: the SIP status that its caller got, and how it rang, if it did."""

    status: int
    ringing: RingingCall | None


class SipNetwork(Struct, frozen=True):
    """Where calls go in, and the phone where they come out. `folder` holds what the programs wrote."""

    originating_port: int
    terminating_port: int
    phone: Phone
    folder: Path

    async def call(self, dialling: Dialling, ending: Ending) -> PlacedCall:
        """Dials, and does at the phone what the person does. Raises SetupError when there was no call at all."""
        dialled = asyncio.create_task(dial(dialling, self.folder))
        rings = asyncio.create_task(self.phone.rings())
        tasks: list[asyncio.Task[Any]] = [dialled, rings]
        try:
            await asyncio.wait({dialled, rings}, timeout=_RINGS_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            ringing = rings.result() if rings.done() else None
            if ringing is not None:
                responded = asyncio.create_task(self._respond(ending))
                tasks.append(responded)
                await asyncio.wait({dialled, responded}, return_when=asyncio.FIRST_EXCEPTION)
            elif not dialled.done():
                raise SetupError(f"the phone did not ring within {_RINGS_WITHIN_S:.0f} s")
            return PlacedCall(dialled.result(), ringing)
        finally:
            await end(tasks)

    async def _respond(self, ending: Ending) -> None:
        if ending is Ending.ANSWER:
            await self.phone.answer()
        elif ending is Ending.DECLINE:
            await self.phone.decline()
        await self.phone.ended()


class ProxyPorts(NamedTuple):
    """Where the two proxies take calls."""

    originating: int
    terminating: int


@asynccontextmanager
async def proxies(
    folder: Path, *, stir_url: str, token: str, callee_port: int, ring_s: float, ask_s: int = 1
) -> AsyncGenerator[ProxyPorts]:
    """Both, with the token of their edge, one behind the other as long as the block. Raises SetupError."""
    ports = ProxyPorts(free_port(), free_port())
    settings = ProxySettings(
        port=ports.terminating, next_port=callee_port, stir_url=stir_url, token=token, ring_s=ring_s, ask_s=ask_s
    )
    first = replace(settings, port=ports.originating, next_port=ports.terminating)
    async with (
        proxy("terminating", folder / "terminating", settings),
        proxy("originating", folder / "originating", first),
    ):
        yield ports


@asynccontextmanager
async def network(
    folder: Path, *, stir_url: str, token: str, callee: PhoneNumber, ring_s: float = 30, ask_s: int = 1
) -> AsyncGenerator[SipNetwork]:
    """Both proxies and the callee's phone, as long as the block. Raises SetupError."""
    async with (
        phone(callee, folder / "phone") as telephone,
        proxies(
            folder, stir_url=stir_url, token=token, callee_port=telephone.port, ring_s=ring_s, ask_s=ask_s
        ) as ports,
    ):
        yield SipNetwork(ports.originating, ports.terminating, telephone, folder)

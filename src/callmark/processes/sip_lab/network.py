"""The network that stands: two proxies and a phone; calls through it, one after the other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from callmark.kit.errors import SetupError
from callmark.kit.phone import PhoneNumber
from callmark.kit.tasks import end
from callmark.processes.sip_lab.caller import Dialling, dial
from callmark.processes.sip_lab.phone import Phone, RingingCall, phone
from callmark.processes.sip_lab.programs import free_port
from callmark.processes.sip_lab.proxies import ProxySettings, proxy

_RINGS_WITHIN_S = 15.0


class Ending(StrEnum):
    """What the person with the phone does."""

    ANSWER = "answer"
    DECLINE = "decline"
    IGNORE = "ignore"


@dataclass(frozen=True)
class PlacedCall:
    """A call that was made: the SIP status that its caller got, and how it rang, if it did."""

    status: int
    ringing: RingingCall | None


@dataclass(frozen=True)
class SipNetwork:
    """Where calls go in, and the phone where they come out. `folder` holds what the programs wrote."""

    originating_port: int
    terminating_port: int
    phone: Phone
    folder: Path

    async def call(self, dialling: Dialling, ending: Ending) -> PlacedCall:
        """Dials, and does at the phone what the person does. Raises SetupError when there was no call at all."""
        dialled = asyncio.create_task(dial(dialling, self.folder))
        rings = asyncio.create_task(self.phone.rings())
        try:
            await asyncio.wait({dialled, rings}, timeout=_RINGS_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            ringing = rings.result() if rings.done() else None
            if ringing is None and not dialled.done():
                raise SetupError(f"the phone did not ring within {_RINGS_WITHIN_S:.0f} s")
            if ringing is not None:
                await self._respond(ending)
            return PlacedCall(await dialled, ringing)
        finally:
            await end([dialled, rings])

    async def _respond(self, ending: Ending) -> None:
        if ending is Ending.ANSWER:
            await self.phone.answer()
        elif ending is Ending.DECLINE:
            await self.phone.decline()
        await self.phone.ended()


@asynccontextmanager
async def network(
    folder: Path, *, stir_url: str, token: str, callee: PhoneNumber, ring_s: float = 30
) -> AsyncGenerator[SipNetwork]:
    """Both proxies, with the token of their edge, and the callee's phone, as long as the block. Raises SetupError."""
    async with AsyncExitStack() as stack:
        telephone = await stack.enter_async_context(phone(callee, folder / "phone"))
        next_port, ports = telephone.port, dict[str, int]()
        for kind in ("terminating", "originating"):
            port = ports[kind] = free_port()
            settings = ProxySettings(port=port, next_port=next_port, stir_url=stir_url, token=token, ring_s=ring_s)
            await stack.enter_async_context(proxy(kind, folder / kind, settings))
            next_port = port
        yield SipNetwork(ports["originating"], ports["terminating"], telephone, folder)

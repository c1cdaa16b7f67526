"""One network for all tests of a module: two proxies, a phone, and a way to the service that can be shut."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.sip.platform import CALLEE, CALLER, Platform, platform

from callmark.kit.phone import PhoneNumber
from callmark.processes.sip_lab.caller import Dialling
from callmark.processes.sip_lab.network import Ending, PlacedCall, SipNetwork, network
from callmark.processes.sip_lab.relay import Relay, RelayState, relay


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here wants the SIP programs."""
    for item in items:
        if "tests/sip" in item.path.as_posix():
            item.add_marker("sip")


class Lab(Struct, frozen=True):
    """What a test of calls has."""

    network: SipNetwork
    platform: Platform
    way: Relay

    def dialling(self, **changes: Any) -> Dialling:
        """The business calls, and claims another name."""
        port = self.network.originating_port
        return replace(Dialling(caller=CALLER, callee=CALLEE, proxy_port=port, display='"Your Bank"'), **changes)

    async def call(self, ending: Ending = Ending.DECLINE, **changes: Any) -> tuple[PlacedCall, dict[str, Any]]:
        """A call, and the report of its end."""
        dialling = self.dialling(**changes)
        return await self.network.call(dialling, ending), await self.platform.report_of(dialling.call_id)

    async def spoofed(self, *identities: str, **changes: Any) -> PlacedCall:
        """A call that comes to the callee's network with these `Identity` headers; it rings, and is declined."""
        headers = tuple(f"Identity: {one}" for one in identities)
        dialling = self.dialling(headers=headers, proxy_port=self.network.terminating_port, **changes)
        placed = await self.network.call(dialling, Ending.DECLINE)
        assert placed.status == 486
        assert placed.ringing
        return placed


@pytest.fixture(scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Lab]:
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(platform())
        way = await stack.enter_async_context(relay(served.url))
        folder = tmp_path_factory.mktemp("sip")
        callee = PhoneNumber(CALLEE)
        # The platform shares this process; on a busy machine a call may have to wait for it.
        made = network(folder, stir_url=way.url, token="cmedge_test", callee=callee, ring_s=5, ask_s=8)
        yield Lab(await stack.enter_async_context(made), served, way)


@pytest.fixture
async def lab(standing: Lab) -> AsyncGenerator[Lab]:
    """The network, as it was at its start."""
    standing.platform.forget()
    yield standing
    await standing.way.turn(RelayState.OPEN)

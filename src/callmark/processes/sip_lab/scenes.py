"""The scenes of the lab: what happens in each, and its result."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.policy.model import Actor
from callmark.kit.phone import PhoneNumber
from callmark.processes.sip_lab.announcing import (
    Business,
    announce,
    edge_token,
    forged_identity,
    reported_outcome,
    some_business,
    some_receiver,
)
from callmark.processes.sip_lab.caller import Dialling
from callmark.processes.sip_lab.network import Ending, SipNetwork, network
from callmark.processes.sip_lab.phone import RingingCall
from callmark.processes.sip_lab.programs import demand_programs
from callmark.processes.sip_lab.relay import Relay, RelayState, relay

_RINGS_S = 2.0
"""How long a caller waits whom nobody answers."""


class Scene(StrEnum):
    """What `callmark sip-lab` plays."""

    ANSWER = "answer"
    DECLINE = "decline"
    RING_OUT = "ring-out"
    SPOOF = "spoof"
    SERVICE_DOWN = "service-down"

    @property
    def is_branded(self) -> bool:
        """Whether the phone is expected to show who calls."""
        return self not in {Scene.SPOOF, Scene.SERVICE_DOWN}

    @property
    def ending(self) -> Ending:
        """What the person with the phone does."""
        return {Scene.DECLINE: Ending.DECLINE, Scene.RING_OUT: Ending.IGNORE}.get(self, Ending.ANSWER)


class ShownOnPhone(Struct, frozen=True):
    """What a phone had to show; icon and reason are for phones that show them."""

    name: str
    call_reason: str | None
    icon_url: str | None

    @classmethod
    def by(cls, ringing: RingingCall) -> "ShownOnPhone | None":
        """What this call gave the phone; None without a name."""
        if not ringing.name:
            return None
        told = ringing.call_info
        icon = next((one.address for one in told if one.purpose == "icon"), None)
        return cls(ringing.name, next((one.reason for one in told if one.reason), None), icon or None)


class Played(Struct, frozen=True):
    """The result of a scene. `outcome` is what the platform knows of the call; None when it got no report."""

    caller: PhoneNumber
    receiver: PhoneNumber
    shown: ShownOnPhone | None
    verstat: str | None
    outcome: CallEvent | None


async def play(deps: Deps, scene: Scene, reason: str, *, by: Actor) -> Played:
    """Announces a call and makes it, in a network that stands as long as it lasts. Raises SetupError."""
    demand_programs()
    business, receiver = await some_business(deps), some_receiver()
    record = await announce(deps, business, receiver, reason, by=by)
    async with _stage(deps, receiver, by) as (on, way):
        if scene is Scene.SERVICE_DOWN:
            await way.turn(RelayState.CLOSED)
        placed = await on.call(_dialling(deps, scene, on, business, receiver), scene.ending)
        await way.turn(RelayState.OPEN)
        shown = ShownOnPhone.by(placed.ringing) if placed.ringing else None
        outcome = await reported_outcome(deps, record, shown=shown is not None)
    return Played(business.number, receiver, shown, placed.ringing.verstat if placed.ringing else None, outcome)


@asynccontextmanager
async def _stage(deps: Deps, receiver: PhoneNumber, by: Actor) -> AsyncGenerator[tuple[SipNetwork, Relay]]:
    """The network, and the proxies' way to the platform."""
    with TemporaryDirectory(prefix="callmark-sip-lab-") as folder:
        async with (
            relay(deps.public_url) as way,
            edge_token(deps, by=by) as token,
            network(Path(folder), stir_url=way.url, token=token, callee=receiver) as on,
        ):
            yield on, way


def _dialling(deps: Deps, scene: Scene, on: SipNetwork, business: Business, receiver: PhoneNumber) -> Dialling:
    """How the scene's caller dials. A spoofer has a line of its own to the callee's network, and claims the name."""
    if scene is not Scene.SPOOF:
        patience_s = _RINGS_S if scene is Scene.RING_OUT else None
        return Dialling(
            caller=business.number, callee=receiver, proxy_port=on.originating_port, gives_up_after_s=patience_s
        )
    return Dialling(
        caller=business.number,
        callee=receiver,
        proxy_port=on.terminating_port,
        display=f'"{business.label.name}"',
        headers=(f"Identity: {forged_identity(deps, business, receiver)}",),
    )

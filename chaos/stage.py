"""Everything of a run: the platform, who uses it, and the history that is being written."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, time

from msgspec import Struct, field

from chaos.api import Api
from chaos.checker.check import Checker
from chaos.checker.history import AnyEntry, Fault, Webhook, written
from chaos.checker.invariant import Violation
from chaos.engines import Engines
from chaos.handset import Handset
from chaos.installation import Installation
from chaos.people import (
    LOWERED,
    RAISED,
    Business,
    Credentials,
    give_offers,
    make_business,
    make_credentials,
    make_webhooks,
    register,
)
from chaos.receiver import Receiver


class History:
    """Each entry goes to the file and to the checker at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checker = Checker()
        self.found: list[Violation] = []
        self._file = path.open("wb")

    def note(self, entry: AnyEntry) -> None:
        """Writes it down."""
        self._file.write(written([entry]))
        self.found += self.checker.take(entry)

    def close(self) -> None:
        """No more."""
        self._file.close()


class ProductClock:
    """The platform's clock as clients know it: read from time to time, counted on in between."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return int((time() + self._ahead_s) * 1000)

    def was_read(self, text: str) -> None:
        """What the platform says it is."""
        self._ahead_s = datetime.fromisoformat(text).timestamp() - time()


class Stage(Struct):
    """What operations, faults and readings work with."""

    engines: Engines
    platform: Installation
    history: History
    clock: ProductClock
    api: Api
    gateway: Api
    receiver: Receiver
    businesses: list[Business]
    """The two that do everything."""
    limited: Business
    """One with low limits."""
    handsets: dict[str, Handset]
    credentials: Credentials
    operations: Counter[str] = field(default_factory=Counter[str])
    done: Counter[str] = field(default_factory=Counter[str])
    """Operations that were answered as done within their cycle's load."""
    faults: Counter[str] = field(default_factory=Counter[str])

    async def read_clock(self) -> None:
        """Asks the platform what time it is."""
        answer = await self.api.ask("GET", "/emulator/v1/clock")
        if answer.is_taken:
            self.clock.was_read(answer.body["now"])

    async def move_clock(self, seconds: float) -> None:
        """Forward; windows of limits, which this clock measures, may begin again."""
        began = monotonic()
        answer = await self.api.ask("POST", "/emulator/v1/clock", body={"advance_s": seconds})
        self.history.note(Fault(kind="clock moved", began=began, ended=monotonic(), forgets=True))
        if answer.is_taken:
            self.clock.was_read(answer.body["now"])

    @property
    def secrets(self) -> dict[str, str]:
        """All that opens something, and what that is."""
        found = self.platform.secrets | {handset.token: "a handset's token" for handset in self.handsets.values()}
        found |= {self.credentials.operator: "an operator token", self.credentials.handset_app: "a handset app's key"}
        for business in (*self.businesses, self.limited):
            found |= business.secrets
        return found


@asynccontextmanager
async def staged(folder: Path, hosts: int, keep: "Keep") -> AsyncGenerator[Stage]:
    """Everything is up and connected; no load yet. Ends it all with the block."""
    async with AsyncExitStack() as stack:
        engines = Engines()
        stack.push_async_callback(_stop_engines, engines, keep)
        platform = Installation(await engines.start(), folder, hosts)
        platform.start()
        stack.push_async_callback(platform.stop)
        api, gateway = Api(platform.front.url), Api(platform.back.url)
        stack.push_async_callback(api.close)
        stack.push_async_callback(gateway.close)
        if not await platform.until_ready(api, gateway):
            raise RuntimeError(f"the platform did not start; see {folder}")
        history = History(folder / "history.jsonl")
        stack.callback(history.close)
        receiver = Receiver(history.note)
        await receiver.start()
        stack.push_async_callback(receiver.stop)
        clock = ProductClock()
        credentials = await make_credentials(platform)
        made = await _peopled(credentials.operator, api, receiver, history)
        handsets = {
            phone: Handset(phone, token, platform.back.url, clock.now_ms)
            for phone, token in (await register(credentials.handset_app, gateway)).items()
        }
        people = (receiver, made[:2], made[2], handsets, credentials)
        stage = Stage(engines, platform, history, clock, api, gateway, *people)
        await stage.read_clock()
        for handset in handsets.values():
            handset.start()
            stack.push_async_callback(handset.stop)
        await _connected(stage)
        yield stage


class Keep:
    """Whether the data are to be looked at after the run."""

    def __init__(self) -> None:
        self.wanted = False


async def _stop_engines(engines: Engines, keep: Keep) -> None:
    await engines.stop(keep=keep.wanted)


async def _peopled(operator: str, api: Api, receiver: Receiver, history: History) -> list[Business]:
    acme, bolt, limited = [
        await make_business(operator, api, name, limits)
        for name, limits in (("Acme", RAISED), ("Bolt", RAISED), ("Limited", LOWERED))
    ]
    hooks: list[Webhook] = []
    for number, business in enumerate((acme, bolt)):
        await give_offers(business, str(918_040_000_001 + number))
        names = [f"{business.account[-6:]}-{which}" for which in ("one", "two")]
        hooks += await make_webhooks(business, receiver.url, names)
    for hook in hooks:
        history.note(hook)
    return [acme, bolt, limited]


async def _connected(stage: Stage) -> None:
    deadline = monotonic() + 30
    while not all(handset.is_synced for handset in stage.handsets.values()):
        if monotonic() > deadline:
            raise RuntimeError("the handsets could not connect")
        await asyncio.sleep(0.05)

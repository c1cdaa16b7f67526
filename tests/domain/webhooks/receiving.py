"""A business's receiver on a real socket, whose answers the test changes, and what a test of webhooks stands on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from msgspec import Struct, field
from msgspec.structs import replace
from tests.support.factories import ALICE
from tests.support.waiting import Growing

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import Event, EventType
from callmark.domain.ids import AccountId, WebhookId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.dispatch.dispatcher import Dispatcher
from callmark.domain.webhooks.model import Delivery, DeliveryDetails, Webhook
from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Outbound, Patience
from callmark.kit.worker import Worker

ENOUGH = Patience(connect_s=30, read_s=30, total_s=60)
"""For receivers that answer, on a machine that is busy with other tests."""
QUICK = Patience(connect_s=30, read_s=0.5, total_s=60)
"""For those that do not."""
PAYLOAD = {"business_number": "918040001234", "feature_set": "Liefer-Set ü", "is_interested": True}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Received(Struct):
    """A request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


class Receiver(Struct):
    """Answers every POST by `answer`; counts what it has under way."""

    answer: Handler
    url: str = ""
    requests: Growing[Received] = field(default_factory=Growing[Received])
    under_way: int = 0
    most_under_way: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def has(self, count: int) -> None:
        """Returns when so many requests have come."""
        await self.requests.until(lambda come: len(come) >= count, within_s=40)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(Received(request.raw_path, dict(request.headers), await request.read()))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.arrived.set()
        try:
            return await self.answer(request)
        finally:
            self.under_way -= 1


def status(*codes: int, headers: dict[str, str] | None = None) -> Handler:
    """Answers with each of `codes` in turn, then with the last for ever."""
    left = list(codes)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0], headers=headers, text="noted")

    return answer


async def hang(_: web.Request) -> web.Response:
    """Never answers; ends when the caller does."""
    await asyncio.Event().wait()
    raise AssertionError


async def reset(request: web.Request) -> web.Response:
    """Cuts the connection."""
    assert request.transport
    request.transport.abort()
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    """Answers 200 and then a body that never ends."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b".")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def receiver(answer: Handler | None = None) -> AsyncGenerator[Receiver]:
    """A receiver on a port of its own."""
    made = Receiver(answer or status(200))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?key=s%2fecret&x"
    try:
        yield made
    finally:
        await runner.cleanup()


class DeliveryWorker(Struct):
    """A worker that delivers events and does nothing else."""

    deps: Deps
    dispatcher: Dispatcher

    @property
    def worker(self) -> Worker:
        deps = self.deps
        return Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock, deps.health)

    async def run(self) -> None:
        await self.worker.run([self.dispatcher.work])

    async def run_due(self) -> int:
        """Makes every attempt that is due now; how many."""
        before = await self._count_attempts()
        await self.worker.run_due(self.dispatcher.work)
        return await self._count_attempts() - before

    async def _count_attempts(self) -> int:
        async with self.deps.db.connection() as tx:
            return await tx.fetchval("SELECT count(*) FROM attempt")

    async def claim(self) -> list[WebhookId]:
        """Takes webhooks and does nothing with them, as a worker that is killed."""
        return [WebhookId(one.row["webhook_id"]) for one in await self.worker.claim(self.dispatcher.work, 10)]


class Stage(Struct):
    """Deps that may call this machine, and workers."""

    deps: Deps
    outbound: Outbound
    account_id: AccountId

    def worker(self, deps: Deps | None = None, *, most_held: int = 1000) -> DeliveryWorker:
        deps = deps or self.deps
        return DeliveryWorker(deps, Dispatcher(deps, self.outbound, most_held=most_held))

    async def run_due(self) -> int:
        return await self.worker().run_due()

    async def webhook(
        self,
        url: str,
        *,
        name: str = "orders",
        types: Sequence[EventType] = tuple(EventType),
        retry_after: bool = False,
        gone: bool = False,
    ) -> Webhook:
        return (await self.created(url, name=name, types=types, retry_after=retry_after, gone=gone)).webhook

    async def created(
        self,
        url: str,
        *,
        name: str = "orders",
        types: Sequence[EventType] = tuple(EventType),
        retry_after: bool = False,
        gone: bool = False,
    ) -> webhooks.NewSecret:
        return await webhooks.create_webhook(
            self.deps,
            self.account_id,
            name=name,
            url=url,
            event_types=types,
            by=ALICE,
            honours_retry_after=retry_after,
            stops_on_gone=gone,
        )

    async def append(self, count: int = 1, kind: EventType = EventType.CALL_ME_BACK) -> list[Event]:
        made: list[Event] = []
        for _ in range(count):
            async with self.deps.db.transaction() as tx:
                made.append(await events.append(tx, self.account_id, kind, PAYLOAD, self.deps.clock.now()))
        return made

    async def log(self) -> list[Delivery]:
        return await deliveries.list_deliveries(self.deps, self.account_id, limit=1000)

    async def only(self) -> DeliveryDetails:
        (delivery,) = await self.log()
        return await deliveries.delivery_details(self.deps, self.account_id, delivery.id)

    async def another_account(self) -> "Stage":
        account = await accounts.create_account(self.deps, "Borealis", by=SYSTEM)
        return replace(self, account_id=account.id)


@asynccontextmanager
async def staged(deps: Deps, patience: Patience = ENOUGH) -> AsyncGenerator[Stage]:
    """A stage of its own."""
    settings = msgspec.structs.replace(deps.settings, outgoing_networks="127.0.0.0/8, ::1/128")
    allowing = replace(deps, settings=settings)
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    async with Outbound(LOOPBACK, patience=patience) as outbound:
        yield Stage(allowing, outbound, account.id)

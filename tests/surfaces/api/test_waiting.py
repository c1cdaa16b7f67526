"""`wait_s`: an answer comes with the news, without the news, at the end of its time, at a stop; places are bounded."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.support.due_work import run_due_once
from tests.support.engines import Engines
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed, ring
from tests.support.waiting import Growing, until
from tests.surfaces.api.extending import Business, business, hold_all, register

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import TOKEN_LIFETIME
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import TooManyRequests, Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.ids import new_id, random_uuid
from callmark.processes.http import Server
from callmark.processes.ports import open_socket
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.waiting import LOOKS_EVERY, wait_until
from callmark.surfaces.api.waiting_room import MOST, MOST_OF_ACCOUNT, ClientLine, WaitingRoom
from callmark.surfaces.app import build_app

_T = TypeVar("_T")
WAITING = {"wait_s": 30}


class RestingClock(FakeClock):
    """A real clock that stands still, and tells of each pause that a request makes: it has looked by then."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses = Growing[timedelta]()

    async def sleep(self, duration: timedelta) -> None:
        self.pauses.append(duration)
        await super().sleep(duration)


class Scene(Struct, frozen=True):
    """A business whose requests wait; the real clock stands still, so that only news or the test ends a wait."""

    business: Business
    real: RestingClock

    @property
    def account_id(self) -> AccountId:
        return self.business.cast.account.id

    async def begin(self, path: str, **query: object) -> "asyncio.Task[dict[str, Any]]":
        """The request, once it waits."""
        return await self._begun(self.business.get(path, **WAITING | query))

    async def begin_to_ask(self, path: str) -> "asyncio.Task[httpx.Response]":
        """As `begin`, the whole response."""
        return await self._begun(self.business.ask(path, **WAITING))

    async def _begun(self, asked: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        before = len(self.real.pauses)
        asking = asyncio.create_task(asked)
        await self.real.pauses.until(lambda pauses: len(pauses) > before)
        assert not asking.done()
        return asking

    async def append(self, *, announced: bool = True) -> None:
        """An event of the account, of which everybody or nobody hears."""
        deps = self.business.deps
        async with deps.db.transaction() as tx:
            await events.append(tx, self.account_id, EventType.CALL_ME_BACK, {}, deps.clock.now())
        if announced:
            await events.announce(deps, self.account_id)


@asynccontextmanager
async def scene_of(deps: Deps) -> AsyncGenerator[Scene]:
    real = RestingClock()
    async with business(replace(deps, real_clock=real)) as made:
        yield Scene(made, real)


@pytest.fixture
async def scene(deps: Deps) -> AsyncGenerator[Scene]:
    async with scene_of(deps) as made:
        yield made


def numbers(page: dict[str, Any]) -> list[int]:
    return [event["number"] for event in page["events"]]


async def test_a_batch_is_answered_once_every_record_has_an_outcome(deps: Deps, scene: Scene) -> None:
    receiver = phone()
    await register(deps, receiver)
    await hold_all(deps, receiver)
    batch = await scene.business.push(scene.business.record(receiver), scene.business.record(phone()))
    asking = await scene.begin(f"batches/{batch}", limit=1)
    await run_due_once(deps)
    page = await asking
    assert (page["done"], page["next_after"]) == (True, 0)
    assert [record["outcome"] for record in page["records"]] == ["success"]
    assert (await scene.business.get(f"batches/{batch}", **WAITING))["done"] is True


async def test_a_batch_that_is_taken_back_is_done(scene: Scene) -> None:
    record = scene.business.record(phone())
    first, second = await scene.business.push(record), await scene.business.push(record)
    (only,) = (await scene.business.get(f"batches/{second}"))["records"]
    asking = [await scene.begin(f"batches/{batch}") for batch in (first, second)]
    await batches.withdraw_batch(scene.business.deps, scene.account_id, UUID(first), by=SYSTEM)
    assert (await asking[0])["done"] is True
    await scene.business.do(f"records/{only['record_id']}/cancel")
    assert (await asking[1])["done"] is True


async def test_events_are_answered_with_the_first_one(scene: Scene) -> None:
    await scene.append()
    assert numbers(await scene.business.get("events", **WAITING)) == [1]
    asking = await scene.begin("events", after=1)
    await scene.append()
    page = await asking
    assert (numbers(page), page["next_after"], page["last_number"]) == ([2], 2, 2)


async def test_what_a_receiver_asks_for_is_news(scene: Scene) -> None:
    deps = scene.business.deps
    listed = await make_listed(deps, account_id=scene.account_id)
    asking = await scene.begin("events")
    receiver, _ = await ring(deps, listed)
    await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    assert numbers(await asking) == [1]


async def test_another_accounts_news_wakes_nobody(deps: Deps, scene: Scene) -> None:
    asking = await scene.begin("events")
    async with scene_of(deps) as other:
        await other.append()
        assert numbers(await other.business.get("events", **WAITING)) == [1]
    assert len(scene.real.pauses) == 1
    await scene.append()
    await asking


async def _regenerate(deps: Deps, cast: Cast) -> None:
    await credentials.regenerate_key(deps, cast.account.id, KeyId(UUID(cast.key_id)), by=SYSTEM)


async def _suspend(deps: Deps, cast: Cast) -> None:
    await accounts.update_account(deps, cast.account.id, by=SYSTEM, state=AccountState.SUSPENDED)


async def _narrow(deps: Deps, cast: Cast) -> None:
    left = frozenset({Feature.USER_FEEDBACK})
    await credentials.update_key(deps, cast.account.id, KeyId(UUID(cast.key_id)), by=SYSTEM, features=left)


@pytest.mark.parametrize(("end", "status"), [(_regenerate, 401), (_suspend, 403), (_narrow, 403)])
async def test_what_comes_after_its_access_has_ended_is_not_answered(
    scene: Scene, end: Callable[[Deps, Cast], Awaitable[None]], status: int
) -> None:
    deps, cast = scene.business.deps, scene.business.cast
    batch = await scene.business.push(scene.business.record(phone()))
    asking = [await scene.begin_to_ask(path) for path in ("events", f"batches/{batch}")]
    await end(deps, cast)
    await scene.append()
    await batches.withdraw_batch(deps, scene.account_id, UUID(batch), by=SYSTEM)
    assert [(await one).status_code for one in asking] == [status, status]


async def test_a_token_that_expires_while_its_request_waits_is_answered(scene: Scene) -> None:
    clock = scene.business.deps.clock
    assert isinstance(clock, FakeClock)
    asking = await scene.begin("events")
    clock.advance(TOKEN_LIFETIME)
    assert (await scene.business.ask("events")).status_code == 401
    await scene.append()
    assert numbers(await asking) == [1]


async def test_without_news_the_answer_is_what_is_there_when_the_time_is_over(scene: Scene) -> None:
    batch = await scene.business.push(scene.business.record(phone()))
    page = await scene.begin("events", wait_s=2)
    status = await scene.begin(f"batches/{batch}", wait_s=2)
    assert set(scene.real.pauses) == {timedelta(seconds=2)}
    scene.real.advance(timedelta(seconds=2))
    assert await page == {"events": [], "next_after": 0, "last_number": 0}
    assert (await status)["done"] is False


async def test_news_that_is_lost_is_found_by_looking_again(scene: Scene) -> None:
    asking = await scene.begin("events")
    await scene.append(announced=False)
    scene.real.advance(LOOKS_EVERY)
    assert numbers(await asking) == [1]


async def test_without_nats_a_request_looks_again_and_again(engines: Engines, deps: Deps) -> None:
    never_opened = Fabric(engines.nats_url, new_id())
    async with scene_of(replace(deps, fabric=never_opened)) as scene:
        asking = await scene.begin("events")
        scene.real.advance(LOOKS_EVERY)
        await scene.real.pauses.until(lambda pauses: len(pauses) == 2)
        await scene.append()
        scene.real.advance(LOOKS_EVERY)
        assert numbers(await asking) == [1]


async def test_a_wait_that_cannot_be_read_is_refused(scene: Scene, subtests: pytest.Subtests) -> None:
    told = {"slug": "invalid-input", "message": "wait_s is invalid"}
    for path in ("events", "batches/00000000-0000-7000-8000-000000000000"):
        for wait_s in ("-1", "31", "1.5", "x", "9" * 5000):
            with subtests.test(path=path, wait_s=wait_s[:5]):
                answer = await scene.business.ask(path, wait_s=wait_s)
                assert (answer.status_code, answer.json()) == (400, told)


async def test_nobody_waits_for_a_batch_that_is_not_there(scene: Scene) -> None:
    assert (await scene.business.ask(f"batches/{new_id()}", **WAITING)).status_code == 404


async def test_an_account_has_so_many_places_and_has_them_again_when_they_are_left(deps: Deps, scene: Scene) -> None:
    asking = [await scene.begin("events") for _ in range(MOST_OF_ACCOUNT)]
    refused = await scene.business.ask("events", **WAITING)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert (await scene.business.ask("events")).status_code == 200
    bob = replace(scene, business=replace(scene.business, cast=await make_cast(deps)))
    bob.business.http.headers["Authorization"] = f"Bearer {bob.business.cast.token}"
    asking.append(await bob.begin("events"))
    await scene.append()
    await bob.append()
    assert [numbers(await one) for one in asking] == [[1]] * (MOST_OF_ACCOUNT + 1)
    once_more = await bob.begin("events", after=1)
    await bob.append()
    assert numbers(await once_more) == [2]


def test_all_accounts_together_have_so_many_places() -> None:
    room = WaitingRoom()
    with ExitStack() as stack:
        for _ in range(MOST):
            stack.enter_context(room.place(AccountId(new_id())))
        with pytest.raises(Unavailable), room.place(AccountId(new_id())):
            pass
    account_id = AccountId(new_id())
    with ExitStack() as stack:
        for _ in range(MOST_OF_ACCOUNT):
            stack.enter_context(room.place(account_id))
        with pytest.raises(TooManyRequests), room.place(account_id):
            pass


@asynccontextmanager
async def served(scene: Scene) -> AsyncGenerator[tuple[Scene, asyncio.Event, "asyncio.Task[None]"]]:
    """The same business over a real server; the event that stops it, and its run."""
    server, stop = (
        Server(build_app(scene.business.deps, frozenset({"api"})), open_socket("127.0.0.1", 0)),
        asyncio.Event(),
    )
    running = asyncio.create_task(server.run_until(stop))
    await server.up.wait()
    limits = httpx.Limits(max_connections=None)
    base_url, auth = f"http://127.0.0.1:{server.port}", scene.business.http.headers["authorization"]
    try:
        async with httpx.AsyncClient(
            base_url=base_url, trust_env=False, limits=limits, timeout=60, headers={"Authorization": auth}
        ) as http:
            yield replace(scene, business=replace(scene.business, http=http)), stop, running
    finally:
        stop.set()
        await running


async def test_a_stop_of_the_server_answers_at_once_with_what_is_there(scene: Scene) -> None:
    async with served(scene) as (served_scene, stop, running):
        asking = [await served_scene.begin("events") for _ in range(3)]
        stop.set()
        await running
        assert await asyncio.gather(*asking) == [{"events": [], "next_after": 0, "last_number": 0}] * 3


@pytest.mark.parametrize("ended", ["is_stopping", "is_half_closed"])
async def test_nobody_begins_to_wait_on_a_connection_that_is_to_end(scene: Scene, ended: str) -> None:
    asked = request_of(scene, {"extensions": {"callmark.connection": {ended: True}}})

    async def look() -> int:
        return 0

    assert await wait_until(asked, "news.nothing", look, bool) == 0
    assert not scene.real.pauses


async def nothing_more() -> dict[str, object]:
    return await asyncio.get_running_loop().create_future()


def request_of(scene: Scene, scope: dict[str, Any]) -> ApiRequest:
    line = ClientLine(scope, nothing_more, WaitingRoom())
    return ApiRequest(scene.business.deps, scene.account_id, {}, "wait_s=30", b"", KeyId(new_id()), "", line)


async def test_a_client_that_leaves_frees_its_place_and_its_subscription(scene: Scene) -> None:
    async with served(scene) as (served_scene, _, _):
        asking = [await served_scene.begin("events") for _ in range(MOST_OF_ACCOUNT)]
        for one in asking:
            one.cancel()

        async def has_room() -> bool:
            answer = await served_scene.business.ask("events", wait_s=1)
            return answer.status_code == 200

        waiting = asyncio.create_task(until(has_room))
        await served_scene.real.pauses.until(lambda pauses: len(pauses) > MOST_OF_ACCOUNT)
        await scene.append()
        await waiting

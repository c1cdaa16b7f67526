"""`wait_s`: a request that is answered once there is something to tell, or when its time is over.

An announcement wakes it (`domain.news`). Announcements can be lost, so it also looks every `LOOKS_EVERY`; without
NATS that is all it does. It holds no connection to an engine while it waits, and it ends with its client's connection
and at once when the server stops. What it found is answered only where its token may still ask (`surfaces.api.routes`).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from callmark.kit.errors import RequestCutOff, TooManyRequests, Unavailable
from callmark.kit.tasks import end
from callmark.kit.workload import aside
from callmark.surfaces.api.doc_parts import bad
from callmark.surfaces.api.request import ApiRequest, refuse, whole
from callmark.surfaces.api.route import ErrorDoc, ParamDoc
from callmark.surfaces.api.waiting_room import AGAIN_AFTER, MOST_OF_ACCOUNT

_T = TypeVar("_T")

LONGEST_S = 30
LOOKS_EVERY = timedelta(seconds=3)

WAIT_PARAM = ParamDoc(
    "wait_s",
    f"How many seconds the answer may wait for what is asked for; 0 answers at once. At most {MOST_OF_ACCOUNT} requests"
    " of an account may wait at once.",
    {"type": "integer", "minimum": 0, "maximum": LONGEST_S, "default": 0},
)
TOO_MANY_WAIT = ErrorDoc(
    429,
    TooManyRequests.slug,
    TooManyRequests(AGAIN_AFTER).message,
    f"{MOST_OF_ACCOUNT} requests of the account are waiting already",
)
WAIT_ERRORS = (bad("wait_s is invalid", f"not a whole number from 0 to {LONGEST_S}"), TOO_MANY_WAIT)


def wait_of(request: ApiRequest) -> timedelta:
    """`wait_s` of the query. Raises InvalidInput."""
    seconds = whole(request, "wait_s", 0, least=0, held_at=LONGEST_S + 1)
    if seconds > LONGEST_S:
        refuse("wait_s")
    return timedelta(seconds=seconds)


async def wait_until(
    request: ApiRequest, topic: str, look: Callable[[], Awaitable[_T]], is_enough: Callable[[_T], bool]
) -> _T:
    """What `look` gives: at once when it is enough, else once it is, or what exists when `wait_s` is over.

    `topic` is where news of it is announced. Raises TooManyRequests and Unavailable when too many wait.
    """
    wait = wait_of(request)
    found = await look()
    if not wait or is_enough(found):
        return found
    news = asyncio.Event()
    request.line.waits_since = request.deps.clock.now()
    ends_at = request.deps.database_now() + wait  # which no one sets on this machine
    with aside(), request.line.room.place(request.account_id):
        async with request.line.watched(news.set), _listening(request, topic, news.set):
            while True:
                news.clear()
                found = await look()
                left = ends_at - request.deps.database_now()
                if is_enough(found) or left <= timedelta() or request.line.is_closing:
                    return found
                await _first_news(request, news, min(left, LOOKS_EVERY))
                if request.line.is_left:
                    raise RequestCutOff


@asynccontextmanager
async def _listening(request: ApiRequest, topic: str, wake: Callable[[], None]) -> AsyncGenerator[None]:
    """Within the block `wake` is called when news is announced; not while NATS is away."""
    fabric = request.deps.fabric

    def take(*_: object) -> None:
        wake()

    try:
        subscription = await fabric.follow(topic, take)
    except Unavailable:
        yield
        return
    try:
        yield
    finally:
        await fabric.detach(subscription)


async def _first_news(request: ApiRequest, news: asyncio.Event, within: timedelta) -> None:
    """Returns with the news, or when the time is over."""

    async def pause() -> None:
        await request.deps.real_clock.sleep(within)
        news.set()

    pausing = asyncio.create_task(pause())
    try:
        await news.wait()
    finally:
        await end([pausing])

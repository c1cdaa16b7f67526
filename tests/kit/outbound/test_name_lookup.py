"""Names that nobody answers for: they keep no other name waiting."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from threading import Event

import pytest

from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Outbound, Unreachable
from callmark.kit.outbound.name_lookup import FoundAddress, NamesBusy, SystemResolver

FOUND: list[FoundAddress] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
"""What is found of every name on port 1."""


@asynccontextmanager
async def silent_names(count: int, most: int) -> AsyncGenerator[SystemResolver]:
    """A resolver that looks up so many names `N.silent.example`, and gets no answer until the block ends."""
    loop, answer, asked = asyncio.get_running_loop(), Event(), asyncio.Semaphore(0)

    def look_up(host: str, port: int) -> list[FoundAddress]:
        if host.endswith(".silent.example"):
            loop.call_soon_threadsafe(asked.release)
            answer.wait()
        return FOUND if port == 1 else []

    resolver = SystemResolver(most=most, look_up=look_up)
    waiting = [asyncio.create_task(resolver.resolve(f"{number}.silent.example", 1)) for number in range(count)]
    try:
        for _ in waiting:
            await asked.acquire()
        yield resolver
    finally:
        answer.set()
        assert await asyncio.gather(*waiting) == [FOUND] * count


async def test_names_that_nobody_answers_for_keep_no_other_waiting() -> None:
    async with silent_names(100, 101) as resolver:
        assert await resolver.resolve("acme.example", 1) == FOUND


async def test_beyond_the_most_a_name_is_refused_at_once_and_the_place_of_one_that_ended_is_free() -> None:
    async with silent_names(2, 2) as resolver:
        with pytest.raises(NamesBusy):
            await resolver.resolve("acme.example", 1)
        async with Outbound(LOOPBACK, resolver=resolver) as outbound:
            result = await outbound.post("http://acme.example/", b"", {})
        assert result == Unreachable("too many names are being looked up at this moment")
    assert await resolver.resolve("acme.example", 1) == FOUND


async def test_the_system_finds_this_machine_also_when_it_may_ask_only_once() -> None:
    for is_brief in (False, True):
        found = await SystemResolver(is_brief=is_brief).resolve("localhost", 80)
        assert {one[4][0] for one in found} <= {"127.0.0.1", "::1"}


async def test_a_name_that_no_look_up_takes_is_the_error_of_its_look_up() -> None:
    with pytest.raises(UnicodeError):
        await SystemResolver().resolve("a..b", 80)
    with pytest.raises(socket.gaierror):
        await SystemResolver().resolve("nothing.invalid", 80)

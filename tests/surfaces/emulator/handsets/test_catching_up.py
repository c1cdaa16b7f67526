"""A handset catches up in one run after another, never in two at once."""

from typing import Any
from uuid import UUID

import pytest

from callmark.kit.errors import InvalidInput, Unavailable
from callmark.kit.ids import new_id
from callmark.surfaces.emulator.handsets.catching_up import CatchUp
from callmark.surfaces.emulator.handsets.held_identities import HeldIdentities
from callmark.surfaces.gateway.wire import Synced


class Gateway:
    """Answers one question after the other; also the clock that stands still."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[str | None] = []
        self.pauses = 0
        self.meanwhile = lambda: None

    async def ask(self, held: list[UUID], cursor: str | None) -> Synced:
        assert held == []
        self.asked.append(cursor)
        self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Synced(new_id(), "s1", answer)

    def now_ms(self) -> int:
        return 0

    async def pause(self, _: float) -> None:
        self.pauses += 1


async def run(catch_up: CatchUp, gateway: Gateway) -> None:
    network: Any = gateway
    await catch_up.run(gateway.ask, HeldIdentities(), network)


async def test_pages_follow_their_cursor_and_a_page_that_fails_is_asked_for_again() -> None:
    gateway, catch_up = Gateway("more", Unavailable("away"), None), CatchUp()
    assert catch_up.begin()
    await run(catch_up, gateway)
    assert (gateway.asked, gateway.pauses, catch_up.is_running) == ([None, "more", "more"], 1, False)


async def test_what_is_asked_for_during_a_run_makes_another_and_never_two_at_once() -> None:
    gateway, catch_up = Gateway(None, None), CatchUp()
    assert catch_up.begin()
    began = list[bool]()

    def ask_twice_during_the_first() -> None:
        if len(gateway.asked) == 1:
            began.extend((catch_up.begin(), catch_up.begin()))

    gateway.meanwhile = ask_twice_during_the_first
    await run(catch_up, gateway)
    assert (began, gateway.asked) == ([False, False], [None, None])
    assert catch_up.begin()


async def test_a_refusal_ends_the_run_and_the_next_can_begin() -> None:
    gateway, catch_up = Gateway(InvalidInput("cursor is invalid")), CatchUp()
    assert catch_up.begin()
    with pytest.raises(InvalidInput):
        await run(catch_up, gateway)
    assert catch_up.begin()

"""What tests use to do one thing after the other leaves nothing for later tests when it fails."""

import inspect

import asyncpg
import pytest
from tests.support import waiting
from tests.support.waiting import begin_in_turn, one_after_the_other

from callmark.domain.deps import Deps


async def _waits_for_nothing() -> None:
    pass


async def _never_waits(*_: object) -> None:
    raise TimeoutError


async def test_what_was_not_begun_when_the_first_does_not_wait_is_closed(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "until_locked", _never_waits)
    works = [_waits_for_nothing() for _ in range(3)]
    with pytest.raises(TimeoutError):
        await begin_in_turn(deps.db, *works)
    assert {inspect.getcoroutinestate(work) for work in works} == {inspect.CORO_CLOSED}


async def test_what_was_not_begun_when_a_statement_fails_is_closed(deps: Deps) -> None:
    works = _waits_for_nothing(), _waits_for_nothing()
    with pytest.raises(asyncpg.UndefinedTableError):
        await one_after_the_other(deps.db, ["SELECT FROM nowhere"], *works)
    assert {inspect.getcoroutinestate(work) for work in works} == {inspect.CORO_CLOSED}

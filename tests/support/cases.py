"""Many small cases as one test: what pytest does around each test takes longer than to look at one of them."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import pytest

_Case = TypeVar("_Case")
_FAILS = (Exception, pytest.fail.Exception)
"""What a case fails with; `pytest.raises` fails with no Exception."""


def for_each(
    cases: Iterable[_Case], name: Callable[[_Case], str] = str
) -> Callable[[Callable[[_Case], None]], Callable[[], None]]:
    """Decorates a function of a case: a test that looks at all of them, and tells each that fails by its name."""

    def decorate(check: Callable[[_Case], None]) -> Callable[[], None]:
        def test() -> None:
            seen, failed = 0, list[BaseException]()
            for case in cases:
                seen += 1
                try:
                    check(case)
                except _FAILS as exc:
                    exc.add_note(f"in the case {name(case)}")
                    failed.append(exc)
            _judge(seen, failed)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate


async def each(
    cases: Iterable[_Case], check: Callable[[_Case], Awaitable[None]], name: Callable[[_Case], str] = str
) -> None:
    """As `for_each`, in the middle of a coroutine test: one case after the other, on what the test has."""
    seen, failed = 0, list[BaseException]()
    for case in cases:
        seen += 1
        try:
            await check(case)
        except _FAILS as exc:
            exc.add_note(f"in the case {name(case)}")
            failed.append(exc)
    _judge(seen, failed)


def _judge(seen: int, failed: list[BaseException]) -> None:
    assert seen, "there are no cases"
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {seen} cases fail", failed)

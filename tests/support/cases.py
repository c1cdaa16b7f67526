"""Many small cases as one test: what pytest does around each test takes longer than to look at one of them."""

from collections.abc import Callable, Iterable
from typing import TypeVar

_Case = TypeVar("_Case")


def for_each(
    cases: Iterable[_Case], name: Callable[[_Case], str] = str
) -> Callable[[Callable[[_Case], None]], Callable[[], None]]:
    """Decorates a function of a case: a test that looks at all of them, and tells each that fails by its name."""

    def decorate(check: Callable[[_Case], None]) -> Callable[[], None]:
        def test() -> None:
            seen, failed = 0, list[Exception]()
            for case in cases:
                seen += 1
                try:
                    check(case)
                except Exception as exc:  # noqa: BLE001 - it is told with the others
                    exc.add_note(f"in the case {name(case)}")
                    failed.append(exc)
            assert seen, "there are no cases"
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {seen} cases fail", failed)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate

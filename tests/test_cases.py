"""A test of many cases tells each that fails, and is none without cases."""

import pytest
from tests.support.cases import for_each


def test_every_case_that_fails_is_told_by_its_name() -> None:
    seen: list[int] = []

    @for_each([1, 2, 3, 4], lambda number: f"number {number}")
    def is_odd(number: int) -> None:
        seen.append(number)
        assert number % 2

    with pytest.raises(ExceptionGroup) as failed:
        is_odd()
    assert seen == [1, 2, 3, 4]
    assert failed.value.message == "2 of 4 cases fail"
    assert [error.__notes__ for error in failed.value.exceptions] == [
        ["in the case number 2"],
        ["in the case number 4"],
    ]


def test_without_cases_nothing_is_shown() -> None:
    @for_each(list[int]())
    def never(number: int) -> None:
        raise AssertionError(number)

    with pytest.raises(AssertionError, match="there are no cases"):
        never()

"""A test of many cases tells each that fails, and is none without cases."""

import pytest
from tests.support.cases import each, for_each


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


async def test_in_a_coroutine_what_does_not_fail_as_it_should_is_told_too() -> None:
    async def is_no_number(text: str) -> None:
        with pytest.raises(ValueError, match="invalid"):
            int(text)

    await each(["x", "y"], is_no_number)
    with pytest.raises(BaseExceptionGroup, match="1 of 2 cases fail") as failed:
        await each(["7", "x"], is_no_number)
    assert [error.__notes__ for error in failed.value.exceptions] == [["in the case 7"]]
    with pytest.raises(AssertionError, match="there are no cases"):
        await each([], is_no_number)

"""Errors as programs hand them on: to another process, into a log, onto a queue."""

import copy
import pickle
from collections.abc import Callable

import pytest

import callmark
from callmark.client import errors

ANSWERED = {"status": 429, "slug": "its-slug", "field": "reason", "request_id": "r7", "retry_after": 7.5}
KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.CallmarkError)]


def made(kind: type[callmark.CallmarkError]) -> callmark.CallmarkError:
    """An error with everything that it can say."""
    if issubclass(kind, callmark.InvalidRecord):
        return kind("its message", **ANSWERED, advice="Do this", index=3)  # pyright: ignore[reportArgumentType] - their types are mixed
    if issubclass(kind, callmark.APIStatusError):
        return kind("its message", **ANSWERED, advice="Do this")  # pyright: ignore[reportArgumentType] - their types are mixed
    return kind("its message")


def sent(error: callmark.CallmarkError) -> callmark.CallmarkError:
    """What another process gets."""
    return pickle.loads(pickle.dumps(error))


def copied(error: callmark.CallmarkError) -> callmark.CallmarkError:
    return copy.copy(error)


def copied_deeply(error: callmark.CallmarkError) -> callmark.CallmarkError:
    return copy.deepcopy(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("passed_on", [sent, copied, copied_deeply])
def test_an_error_says_the_same_in_another_process(
    kind: type[callmark.CallmarkError], passed_on: Callable[[callmark.CallmarkError], callmark.CallmarkError]
) -> None:
    error = made(kind)
    error.add_note("seen with order 17")
    same = passed_on(error)
    assert type(same) is kind
    assert (str(same), same.args, vars(same)) == (str(error), error.args, vars(error))

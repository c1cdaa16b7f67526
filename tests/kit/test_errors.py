"""What is said of failures."""

import asyncpg
import pytest

from callmark.kit.errors import Unavailable, said
from callmark.kit.postgres.faults import named_when_lost


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (OSError("gone"), "gone"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_a_failure_without_a_text_is_named(exc: Exception, text: str) -> None:
    assert said(exc) == text


@pytest.mark.parametrize("lost", [TimeoutError(), ConnectionResetError(), asyncpg.ConnectionDoesNotExistError("")])
def test_a_lost_engine_always_has_a_reason(lost: Exception) -> None:
    with pytest.raises(Unavailable) as raised, named_when_lost():
        raise lost
    assert raised.value.detail.removeprefix("postgresql: ")

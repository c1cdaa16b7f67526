"""Which handsets a process names when it is back at NATS: those of what the server did not confirm."""

import pytest

from callmark.kit.fabric.unconfirmed_numbers import MOST, UnconfirmedNumbers, named_in

MANY = [str(number) for number in range(MOST + 1)]


def named(unconfirmed: UnconfirmedNumbers) -> list[str]:
    """Whom its announcements name; each handset once."""
    return [number for message, _ in unconfirmed.announcements() for number in named_in(message) or ["everyone"]]


def announce(unconfirmed: UnconfirmedNumbers) -> list[bytes]:
    """Writes its announcements to the server."""
    written: list[bytes] = []
    for message, numbers in unconfirmed.announcements():
        written.append(message)
        unconfirmed.wrote(numbers)
    return written


def test_what_was_written_before_an_answered_ping_has_arrived() -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.wrote(["1"])
    unconfirmed.asked()
    unconfirmed.wrote(["2"])
    unconfirmed.asked()
    unconfirmed.wrote(["3"])
    unconfirmed.answered()
    unconfirmed.lost()
    assert named(unconfirmed) == ["2", "3"]
    assert named(unconfirmed) == []


def test_what_could_not_be_written_is_named_whatever_is_answered() -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.missed(["1"])
    unconfirmed.asked()
    unconfirmed.answered()
    unconfirmed.lost()
    assert named(unconfirmed) == ["1"]


def test_an_answer_to_the_ping_of_an_earlier_connection_confirms_nothing() -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.asked()
    unconfirmed.lost()
    unconfirmed.wrote(["1"])
    unconfirmed.answered()
    unconfirmed.lost()
    assert named(unconfirmed) == ["1"]


@pytest.mark.parametrize("missed", [["1", "2"], MANY], ids=["some", "everyone"])
def test_an_announcement_that_gets_lost_is_made_again(missed: list[str]) -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.missed(missed)
    announced = announce(unconfirmed)
    unconfirmed.lost()
    again = announce(unconfirmed)
    assert again == announced
    unconfirmed.asked()
    unconfirmed.answered()
    unconfirmed.lost()
    assert named(unconfirmed) == []


def test_an_announcement_that_cannot_be_written_is_made_again() -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.missed(MANY)
    for _, numbers in unconfirmed.announcements():
        unconfirmed.missed(numbers)
    assert named(unconfirmed) == ["everyone"]
    assert named(unconfirmed) == []


def test_a_long_list_is_several_announcements() -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.missed([str(number) for number in range(2500)])
    sizes = [len(named_in(message) or ()) for message, _ in unconfirmed.announcements()]
    assert sizes == [1000, 1000, 500]


def test_too_many_are_everyone() -> None:
    unconfirmed = UnconfirmedNumbers()
    unconfirmed.missed(MANY)
    assert named(unconfirmed) == ["everyone"]
    assert named(unconfirmed) == []

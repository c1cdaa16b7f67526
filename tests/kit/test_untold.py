"""Which handsets a process names when it is back at NATS: those of what the server did not confirm."""

import pytest

from callmark.kit.untold import MOST, Untold, named_in

MANY = [str(number) for number in range(MOST + 1)]


def named(untold: Untold) -> list[str]:
    """Whom its announcements name; each handset once."""
    return [number for message, _ in untold.announcements() for number in named_in(message) or ["everyone"]]


def announce(untold: Untold) -> list[bytes]:
    """Writes its announcements to the server."""
    written: list[bytes] = []
    for message, numbers in untold.announcements():
        written.append(message)
        untold.wrote(numbers)
    return written


def test_what_was_written_before_an_answered_ping_has_arrived() -> None:
    untold = Untold()
    untold.wrote(["1"])
    untold.asked()
    untold.wrote(["2"])
    untold.asked()
    untold.wrote(["3"])
    untold.answered()
    untold.lost()
    assert named(untold) == ["2", "3"]
    assert named(untold) == []


def test_what_could_not_be_written_is_named_whatever_is_answered() -> None:
    untold = Untold()
    untold.missed(["1"])
    untold.asked()
    untold.answered()
    untold.lost()
    assert named(untold) == ["1"]


def test_an_answer_to_the_ping_of_an_earlier_connection_confirms_nothing() -> None:
    untold = Untold()
    untold.asked()
    untold.lost()
    untold.wrote(["1"])
    untold.answered()
    untold.lost()
    assert named(untold) == ["1"]


@pytest.mark.parametrize("missed", [["1", "2"], MANY], ids=["some", "everyone"])
def test_an_announcement_that_gets_lost_is_made_again(missed: list[str]) -> None:
    untold = Untold()
    untold.missed(missed)
    announced = announce(untold)
    untold.lost()
    again = announce(untold)
    assert again == announced
    untold.asked()
    untold.answered()
    untold.lost()
    assert named(untold) == []


def test_an_announcement_that_cannot_be_written_is_made_again() -> None:
    untold = Untold()
    untold.missed(MANY)
    for _, numbers in untold.announcements():
        untold.missed(numbers)
    assert named(untold) == ["everyone"]
    assert named(untold) == []


def test_a_long_list_is_several_announcements() -> None:
    untold = Untold()
    untold.missed([str(number) for number in range(2500)])
    sizes = [len(named_in(message) or ()) for message, _ in untold.announcements()]
    assert sizes == [1000, 1000, 500]


def test_too_many_are_everyone() -> None:
    untold = Untold()
    untold.missed(MANY)
    assert named(untold) == ["everyone"]
    assert named(untold) == []

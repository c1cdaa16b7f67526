"""The notice board: how long a part has not been looked at, which the service manager's watchdog rests on."""

from callmark.processes.board import Board


def test_silence_is_that_of_the_part_that_was_not_looked_at_the_longest() -> None:
    now = 100.0
    board = Board(lambda: now)
    assert board.silent_s() == 0
    board.say("http-0", "is starting")
    now += 5
    board.say("worker-1", "")
    assert board.silent_s() == 5
    board.say("http-0", "is starting")  # the same again is a look too
    now += 1
    assert board.silent_s() == 1
    assert board.notices == {"http-0": "is starting"}
    board.close()

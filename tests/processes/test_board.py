"""The notice board: how long a part has not been looked at, which the service manager's watchdog rests on."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from callmark.processes.board import Board, read_board


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


def test_a_notice_that_is_half_written_is_read_again() -> None:
    """Of any language: the half of a character is no text yet."""
    board, is_over = Board(), Event()
    board.say("http-0", "é")
    whole = os.pread(board.fd, 1 << 16, 0)
    second = whole.index("é".encode()) + 1

    def write_slowly() -> None:
        while not is_over.is_set():
            os.pwrite(board.fd, b" ", second)
            os.pwrite(board.fd, whole[second : second + 1], second)

    with ThreadPoolExecutor() as beside:
        writing = beside.submit(write_slowly)
        try:
            assert {read_board(board.fd).notices["http-0"] for _ in range(500)} == {"é"}
        finally:
            is_over.set()
    writing.result()
    board.close()
